//! What a record says of a mechanism's parameter.

use super::derivation::{Hkdf, PrfData, Salt, TlsSession};
use super::names::mechanism_name;
use super::params::Params;

impl Params {
    /// What decides how strong the operation is: hashes, lengths, counts. No IV, no data, no label, no password.
    pub fn summary(&self) -> String {
        match self {
            Self::None => String::new(),
            Self::Iv(iv) => format!("iv {} bytes", iv.len()),
            Self::Ctr { counter_bits, .. } => format!("counter {counter_bits} bits"),
            Self::Gcm { iv, aad, tag_bits } => {
                format!("iv {} bytes, aad {} bytes, tag {tag_bits} bits", iv.len(), aad.len())
            }
            Self::Ccm { nonce, aad, mac_len, .. } => {
                format!("nonce {} bytes, aad {} bytes, mac {mac_len} bytes", nonce.len(), aad.len())
            }
            Self::Poly1305 { nonce, aad } => format!("nonce {} bytes, aad {} bytes", nonce.len(), aad.len()),
            Self::ChaCha20 { counter, nonce } => {
                format!("counter {} bytes, nonce {} bytes", counter.len(), nonce.len())
            }
            Self::MacGeneral(len) => format!("mac {len} bytes"),
            Self::Pss { hash, salt_len, .. } => format!("{}, salt {salt_len} bytes", mechanism_name(*hash)),
            Self::Oaep { hash, .. } => mechanism_name(*hash),
            Self::RsaAes { aes_bits, oaep } => format!("aes {aes_bits} bits, {}", oaep.summary()),
            Self::Eddsa { prehash, context } => format!("prehash {prehash}, context {} bytes", context.len()),
            Self::SignatureContext { hedge, context } => {
                format!("hedge {hedge}, context {} bytes", context.len())
            }
            Self::HashSignatureContext { hedge, context, hash } => {
                format!("{}, hedge {hedge}, context {} bytes", mechanism_name(*hash), context.len())
            }
            Self::Ecdh1 { .. }
            | Self::EcdhAes { .. }
            | Self::StringData(_)
            | Self::AesCbcData { .. }
            | Self::Key(_)
            | Self::Bit(_)
            | Self::Public(_)
            | Self::Hkdf(_)
            | Self::Kbkdf(_)
            | Self::Pbkd2(_)
            | Self::Version(_)
            | Self::TlsMaster(_)
            | Self::TlsKeys(_)
            | Self::TlsKdf(_)
            | Self::TlsMac(_) => self.derivation_summary(),
        }
    }

    fn derivation_summary(&self) -> String {
        match self {
            Self::Ecdh1 { kdf, shared, .. } => format!("kdf {kdf:#x}, shared data {} bytes", shared.len()),
            Self::EcdhAes { aes_bits, kdf, shared } => {
                format!("aes {aes_bits} bits, kdf {kdf:#x}, shared data {} bytes", shared.len())
            }
            Self::StringData(data) => format!("data {} bytes", data.len()),
            Self::AesCbcData { data, .. } => format!("data {} bytes", data.len()),
            Self::Key(_) => "second key".to_owned(),
            Self::Bit(bit) => format!("from bit {bit}"),
            Self::Public(point) => format!("public value {} bytes", point.len()),
            Self::Hkdf(hkdf) => hkdf_summary(hkdf),
            Self::Kbkdf(kbkdf) => {
                let keys = kbkdf.data.iter().filter(|part| matches!(part, PrfData::Key(_))).count();
                format!("{}, {} parts, {keys} of them keys", mechanism_name(kbkdf.prf), kbkdf.data.len())
            }
            Self::Pbkd2(pbkd2) => format!(
                "prf {:#x}, {} iterations, salt {} bytes",
                pbkd2.prf,
                pbkd2.iterations,
                pbkd2.salt.len()
            ),
            Self::Version([major, minor]) => format!("version {major}.{minor}"),
            Self::TlsMaster(master) => {
                let bound = match master.session {
                    TlsSession::Randoms(_) => "randoms",
                    TlsSession::Hash(_) => "session hash",
                };
                format!("{}, bound to the {bound}", mechanism_name(master.hash))
            }
            Self::TlsKeys(keys) => format!(
                "{}, mac {} bits, key {} bits, iv {} bits",
                mechanism_name(keys.hash),
                keys.mac_bits,
                keys.key_bits,
                keys.iv_bits
            ),
            Self::TlsKdf(kdf) => format!("{}, label {} bytes", mechanism_name(kdf.hash), kdf.label.len()),
            Self::TlsMac(mac) => format!("{}, tag {} bytes", mechanism_name(mac.hash), mac.len),
            _ => String::new(),
        }
    }
}

fn hkdf_summary(hkdf: &Hkdf) -> String {
    let extract = match &hkdf.extract {
        None => "no extract",
        Some(Salt::Zeros) => "extract without salt",
        Some(Salt::Data(_)) => "extract with salt",
        Some(Salt::Key(_)) => "extract with a key as salt",
    };
    let expand = hkdf
        .expand
        .as_ref()
        .map_or_else(|| "no expand".to_owned(), |info| format!("expand with info of {} bytes", info.len()));
    format!("{}, {extract}, {expand}", mechanism_name(hkdf.hash))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ck::derivation::Pbkd2;
    use cryptoki_sys::*;

    #[test]
    fn sizes_and_hashes_are_told_and_no_value_is() {
        let gcm = Params::Gcm { iv: vec![0xAB; 12], aad: b"secret".to_vec(), tag_bits: 128 };
        assert_eq!(gcm.summary(), "iv 12 bytes, aad 6 bytes, tag 128 bits");
        let oaep =
            Box::new(Params::Oaep { hash: CKM_SHA256, mgf: CKG_MGF1_SHA256, label: b"secret".to_vec() });
        assert_eq!(Params::RsaAes { aes_bits: 256, oaep }.summary(), "aes 256 bits, CKM_SHA256");
        let pbkd2 = Params::Pbkd2(Pbkd2 {
            salt: vec![1; 16],
            iterations: 600_000,
            prf: 4,
            password: b"secret".to_vec().into(),
        });
        assert_eq!(pbkd2.summary(), "prf 0x4, 600000 iterations, salt 16 bytes");
        let hkdf = Params::Hkdf(Hkdf { hash: CKM_SHA256, extract: Some(Salt::Zeros), expand: None });
        assert_eq!(hkdf.summary(), "CKM_SHA256, extract without salt, no expand");
    }
}
