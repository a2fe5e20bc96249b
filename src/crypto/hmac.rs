//! HMAC (FIPS 198-1). The prepared key is the pair of inner and outer states, so that neither signing
//! nor verifying sees the key's bytes again.

use super::Material;
use super::digest::{self, Hash};
use super::engine::digest::MAX_LEN;
use super::engine::mac::{Hmac, HmacKey};
use super::mechanism::{Context, Ops, Prepare, Row, Signing, Sizes, Verifying};
use super::self_test::{self, Family};
use super::start::{first, prepared};
use crate::ck::params::Shape;
use crate::ck::{CK_KEY_TYPE, CK_MECHANISM_TYPE, Error, Params, Result};
use cryptoki_sys::*;
use std::sync::Arc;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// The rows of a hash function: the whole MAC and its beginning. They share a prepared key.
macro_rules! rows {
    ($($(#[$doc:meta])* $hash:ident, $key_type:ident: $name:ident, $ckm:ident; $(#[$doc_general:meta])* $general:ident, $ckm_general:ident; $prepare:ident;)*) => {
        $(
            $(#[$doc])*
            pub static $name: Row = row($ckm, &[$key_type, CKK_GENERIC_SECRET], Shape::None, $prepare);
            $(#[$doc_general])*
            pub static $general: Row =
                row($ckm_general, &[$key_type, CKK_GENERIC_SECRET], Shape::MacGeneral, $prepare);

            fn $prepare(key: &Material) -> Result<Context> {
                prepare(Hash::$hash, key)
            }
        )*
    };
}

rows! {
    /// CKM_SHA_1_HMAC: HMAC with SHA-1. PKCS#11 3.2, SHA-1.
    Sha1, CKK_SHA_1_HMAC: SHA_1_HMAC, CKM_SHA_1_HMAC;
    /// CKM_SHA_1_HMAC_GENERAL: its beginning.
    SHA_1_HMAC_GENERAL, CKM_SHA_1_HMAC_GENERAL; sha1;
    /// CKM_SHA224_HMAC: HMAC with SHA-224. PKCS#11 3.2, SHA-224.
    Sha224, CKK_SHA224_HMAC: SHA224_HMAC, CKM_SHA224_HMAC;
    /// CKM_SHA224_HMAC_GENERAL: its beginning.
    SHA224_HMAC_GENERAL, CKM_SHA224_HMAC_GENERAL; sha224;
    /// CKM_SHA256_HMAC: HMAC with SHA-256. PKCS#11 3.2, SHA-256.
    Sha256, CKK_SHA256_HMAC: SHA256_HMAC, CKM_SHA256_HMAC;
    /// CKM_SHA256_HMAC_GENERAL: its beginning.
    SHA256_HMAC_GENERAL, CKM_SHA256_HMAC_GENERAL; sha256;
    /// CKM_SHA384_HMAC: HMAC with SHA-384. PKCS#11 3.2, SHA-384.
    Sha384, CKK_SHA384_HMAC: SHA384_HMAC, CKM_SHA384_HMAC;
    /// CKM_SHA384_HMAC_GENERAL: its beginning.
    SHA384_HMAC_GENERAL, CKM_SHA384_HMAC_GENERAL; sha384;
    /// CKM_SHA512_HMAC: HMAC with SHA-512. PKCS#11 3.2, SHA-512.
    Sha512, CKK_SHA512_HMAC: SHA512_HMAC, CKM_SHA512_HMAC;
    /// CKM_SHA512_HMAC_GENERAL: its beginning.
    SHA512_HMAC_GENERAL, CKM_SHA512_HMAC_GENERAL; sha512;
    /// CKM_SHA512_224_HMAC: HMAC with SHA-512/224. PKCS#11 3.2, SHA-512/224.
    Sha512_224, CKK_SHA512_224_HMAC: SHA512_224_HMAC, CKM_SHA512_224_HMAC;
    /// CKM_SHA512_224_HMAC_GENERAL: its beginning.
    SHA512_224_HMAC_GENERAL, CKM_SHA512_224_HMAC_GENERAL; sha512_224;
    /// CKM_SHA512_256_HMAC: HMAC with SHA-512/256. PKCS#11 3.2, SHA-512/256.
    Sha512_256, CKK_SHA512_256_HMAC: SHA512_256_HMAC, CKM_SHA512_256_HMAC;
    /// CKM_SHA512_256_HMAC_GENERAL: its beginning.
    SHA512_256_HMAC_GENERAL, CKM_SHA512_256_HMAC_GENERAL; sha512_256;
    /// CKM_SHA3_224_HMAC: HMAC with SHA3-224. PKCS#11 3.2, SHA3-224.
    Sha3_224, CKK_SHA3_224_HMAC: SHA3_224_HMAC, CKM_SHA3_224_HMAC;
    /// CKM_SHA3_224_HMAC_GENERAL: its beginning.
    SHA3_224_HMAC_GENERAL, CKM_SHA3_224_HMAC_GENERAL; sha3_224;
    /// CKM_SHA3_256_HMAC: HMAC with SHA3-256. PKCS#11 3.2, SHA3-256.
    Sha3_256, CKK_SHA3_256_HMAC: SHA3_256_HMAC, CKM_SHA3_256_HMAC;
    /// CKM_SHA3_256_HMAC_GENERAL: its beginning.
    SHA3_256_HMAC_GENERAL, CKM_SHA3_256_HMAC_GENERAL; sha3_256;
    /// CKM_SHA3_384_HMAC: HMAC with SHA3-384. PKCS#11 3.2, SHA3-384.
    Sha3_384, CKK_SHA3_384_HMAC: SHA3_384_HMAC, CKM_SHA3_384_HMAC;
    /// CKM_SHA3_384_HMAC_GENERAL: its beginning.
    SHA3_384_HMAC_GENERAL, CKM_SHA3_384_HMAC_GENERAL; sha3_384;
    /// CKM_SHA3_512_HMAC: HMAC with SHA3-512. PKCS#11 3.2, SHA3-512.
    Sha3_512, CKK_SHA3_512_HMAC: SHA3_512_HMAC, CKM_SHA3_512_HMAC;
    /// CKM_SHA3_512_HMAC_GENERAL: its beginning.
    SHA3_512_HMAC_GENERAL, CKM_SHA3_512_HMAC_GENERAL; sha3_512;
}

/// CKM_SHA512_T_HMAC: HMAC with SHA-512/t; the parameter is t. PKCS#11 3.2, SHA-512/t. There is no general-length form,
/// because its one parameter cannot say both t and a length.
pub static SHA512_T_HMAC: Row = Row {
    ops: Ops {
        sign: Some(|context, params| Ok(Box::new(running(&of_t(context, params)?, &Params::None)?))),
        verify: Some(|context, params| Ok(Box::new(running(&of_t(context, params)?, &Params::None)?))),
        ..Ops::NONE
    },
    ..row(CKM_SHA512_T_HMAC, &[CKK_SHA512_T_HMAC, CKK_GENERIC_SECRET], Shape::MacGeneral, |key| {
        Ok(Arc::new(Truncated { t224: sha512_224(key)?, t256: sha512_256(key)? }))
    })
};

/// Longest key in bytes, as `generic_secret` makes them: the longest secret that Diffie-Hellman agrees on.
pub const MAX_KEY_LEN: u32 = 1024;

/// Shortest beginning of a MAC in bytes: the specification has lengths from 1 and expects 4 of tokens that follow FIPS
/// 198. Whoever may choose the length of what is verified finds a shorter one byte by byte.
pub(super) const MIN_MAC_LEN: usize = 4;

const fn row(
    ckm: CK_MECHANISM_TYPE,
    key_types: &'static [CK_KEY_TYPE],
    shape: Shape,
    prepare: Prepare,
) -> Row {
    Row {
        ckm,
        key_types,
        sizes: Sizes::Bytes(1, MAX_KEY_LEN),
        shape,
        flags: 0,
        prepare: Some(prepare),
        ops: Ops { sign: Some(sign), verify: Some(verify), ..Ops::NONE },
    }
}

fn prepare(hash: Hash, key: &Material) -> Result<Context> {
    self_test::ready(Family::Hmac)?;
    let Material::Bytes(secret) = key else { return Err(Error::KeyTypeInconsistent) };
    if secret.is_empty() || secret.len() > MAX_KEY_LEN as usize {
        return Err(Error::KeySizeRange);
    }
    Ok(Arc::new(HmacKey::new(hash, secret.expose())?))
}

/// A key made ready for SHA-512/t with either t.
struct Truncated {
    t224: Context,
    t256: Context,
}

/// The key made ready for the t that the parameter names.
fn of_t(context: &Context, params: &Params) -> Result<Context> {
    let keys: Arc<Truncated> = prepared(context)?;
    let key = if digest::truncated(params)? == Hash::Sha512_224 { &keys.t224 } else { &keys.t256 };
    Ok(Arc::clone(key))
}

/// A running HMAC; the state of its own begins with the first part.
struct Running {
    key: Arc<HmacKey>,
    parts: Option<Hmac>,
    /// So many bytes of the MAC are given out or asked for.
    len: usize,
}

/// The length of a MAC that has `whole` bytes: all of it without a parameter, 4 bytes at least with one.
/// `CKR_MECHANISM_PARAM_INVALID` for any other length.
pub(super) fn mac_len(params: &Params, whole: usize) -> Result<usize> {
    match params {
        Params::None => Ok(whole),
        Params::MacGeneral(len) => usize::try_from(*len)
            .ok()
            .filter(|len| (MIN_MAC_LEN..=whole).contains(len))
            .ok_or(Error::MechanismParamInvalid),
        _ => Err(Error::MechanismParamInvalid),
    }
}

fn running(context: &Context, params: &Params) -> Result<Running> {
    let key: Arc<HmacKey> = prepared(context)?;
    let len = mac_len(params, key.len())?;
    Ok(Running { key, parts: None, len })
}

impl Running {
    fn update(&mut self, data: &[u8]) -> Result<()> {
        let parts = match self.parts.take() {
            Some(parts) => parts,
            None => self.key.start()?,
        };
        Ok(self.parts.insert(parts).update(data)?)
    }

    /// The MAC of what came.
    fn mac(&mut self) -> Result<Zeroizing<[u8; MAX_LEN]>> {
        let Some(mut parts) = self.parts.take() else { return self.mac_of(&[]) };
        let mut mac = Zeroizing::new([0; MAX_LEN]);
        parts.finish(&mut mac)?;
        Ok(mac)
    }

    /// The MAC of a whole message.
    fn mac_of(&self, data: &[u8]) -> Result<Zeroizing<[u8; MAX_LEN]>> {
        let mut mac = Zeroizing::new([0; MAX_LEN]);
        self.key.mac(data, first(&mut *mac, self.key.len())?)?;
        Ok(mac)
    }

    fn give(&self, mac: &[u8; MAX_LEN], out: &mut [u8]) -> Result<usize> {
        first(out, self.len)?.copy_from_slice(mac.get(..self.len).unwrap_or_default());
        Ok(self.len)
    }

    fn check(&self, mac: &[u8; MAX_LEN], signature: &[u8]) -> Result<()> {
        compare(mac.get(..self.len).unwrap_or_default(), signature)
    }
}

fn sign(context: &Context, params: &Params) -> Result<Box<dyn Signing>> {
    Ok(Box::new(running(context, params)?))
}

fn verify(context: &Context, params: &Params) -> Result<Box<dyn Verifying>> {
    Ok(Box::new(running(context, params)?))
}

impl Signing for Running {
    fn len(&self) -> usize {
        self.len
    }

    fn update(&mut self, data: &[u8]) -> Result<()> {
        Self::update(self, data)
    }

    fn finish(&mut self, out: &mut [u8]) -> Result<usize> {
        let mac = self.mac()?;
        self.give(&mac, out)
    }

    fn sign(&mut self, data: &[u8], out: &mut [u8]) -> Result<usize> {
        if self.len == self.key.len() {
            self.key.mac(data, first(out, self.len)?)?;
            return Ok(self.len);
        }
        let mac = self.mac_of(data)?;
        self.give(&mac, out)
    }
}

impl Verifying for Running {
    fn update(&mut self, data: &[u8]) -> Result<()> {
        Self::update(self, data)
    }

    fn finish(&mut self, signature: &[u8]) -> Result<()> {
        let mac = self.mac()?;
        self.check(&mac, signature)
    }

    fn verify(&mut self, data: &[u8], signature: &[u8]) -> Result<()> {
        let mac = self.mac_of(data)?;
        self.check(&mac, signature)
    }
}

/// Compares in constant time; only the length of a MAC is no secret.
pub(super) fn compare(mac: &[u8], signature: &[u8]) -> Result<()> {
    if signature.len() != mac.len() {
        return Err(Error::SignatureLenRange);
    }
    if mac.ct_eq(signature).into() { Ok(()) } else { Err(Error::SignatureInvalid) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::tests::{check_signer, context, hex, signed, verified};
    use crate::secret::Secret;

    fn bytes(key: &[u8]) -> Material {
        Material::Bytes(Secret::from_slice(key))
    }

    #[test]
    fn hmac_of_rfc_4231_case_2_is_known() {
        let key = bytes(b"Jefe");
        let message = b"what do ya want for nothing?";
        for (row, expected) in [
            (&SHA224_HMAC, "a30e01098bc6dbbf45690f3a7e9e6d0f8bbea2a39e6148008fd05e44"),
            (&SHA256_HMAC, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
            (
                &SHA384_HMAC,
                "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649",
            ),
            (
                &SHA512_HMAC,
                "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fd\
                 caeab1a34d4a6b4b636e070a38bce737",
            ),
        ] {
            let context = context(row, &key);
            assert_eq!(signed(row, &context, &Params::None, message), hex(expected), "{:#x}", row.ckm);
        }
    }

    #[test]
    fn hmac_of_rfc_4231_case_6_with_a_key_longer_than_a_block_is_known() {
        let context = context(&SHA256_HMAC, &bytes(&[0xAA; 131]));
        assert_eq!(
            signed(
                &SHA256_HMAC,
                &context,
                &Params::None,
                b"Test Using Larger Than Block-Size Key - Hash Key First"
            ),
            hex("60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54")
        );
    }

    #[test]
    fn hmac_sha1_of_rfc_2202_case_2_is_known() {
        let context = context(&SHA_1_HMAC, &bytes(b"Jefe"));
        assert_eq!(
            signed(&SHA_1_HMAC, &context, &Params::None, b"what do ya want for nothing?"),
            hex("effcdf6ae5eb2fa2d27416d5f184df9c259a7c79")
        );
    }

    /// NIST, "Examples with Intermediate Values", HMAC with SHA-3: a key shorter than a block. And, made by OpenSSL 3.0,
    /// case 2 of RFC 4231 with SHA-512/t.
    #[test]
    fn hmac_with_sha3_and_sha512_t_is_known() {
        let key: Vec<u8> = (0..64).collect();
        for (row, len, expected) in [
            (&SHA3_224_HMAC, 28, "332cfd59347fdb8e576e77260be4aba2d6dc53117b3bfb52c6d18c04"),
            (&SHA3_256_HMAC, 32, "4fe8e202c4f058e8dddc23d8c34e467343e23555e24fc2f025d598f558f67205"),
            (
                &SHA3_384_HMAC,
                48,
                "d588a3c51f3f2d906e8298c1199aa8ff6296218127f6b38a90b6afe2c5617725bc99987f79b22a557b6520db710b7f42",
            ),
            (
                &SHA3_512_HMAC,
                64,
                "4efd629d6c71bf86162658f29943b1c308ce27cdfa6db0d9c3ce81763f9cbce5f7ebe9868031db1a8f8eb7b6b95e5c5e\
                 3f657a8996c86a2f6527e307f0213196",
            ),
        ] {
            let context = context(row, &bytes(&key[..len]));
            let mac = signed(row, &context, &Params::None, b"Sample message for keylen<blocklen");
            assert_eq!(mac, hex(expected), "{:#x}", row.ckm);
        }
        for (row, t, expected) in [
            (&SHA512_224_HMAC, 224, "4a530b31a79ebcce36916546317c45f247d83241dfb818fd37254bde"),
            (&SHA512_256_HMAC, 256, "6df7b24630d5ccb2ee335407081a87188c221489768fa2020513b2d593359456"),
        ] {
            let message = b"what do ya want for nothing?";
            let plain = context(row, &bytes(b"Jefe"));
            assert_eq!(signed(row, &plain, &Params::None, message), hex(expected));
            let by_t = context(&SHA512_T_HMAC, &bytes(b"Jefe"));
            assert_eq!(signed(&SHA512_T_HMAC, &by_t, &Params::MacGeneral(t), message), hex(expected));
        }
    }

    /// Each hash: the whole MAC and its beginning.
    const ALL: &[(&Row, &Row, u64)] = &[
        (&SHA_1_HMAC, &SHA_1_HMAC_GENERAL, 20),
        (&SHA224_HMAC, &SHA224_HMAC_GENERAL, 28),
        (&SHA256_HMAC, &SHA256_HMAC_GENERAL, 32),
        (&SHA384_HMAC, &SHA384_HMAC_GENERAL, 48),
        (&SHA512_HMAC, &SHA512_HMAC_GENERAL, 64),
        (&SHA512_224_HMAC, &SHA512_224_HMAC_GENERAL, 28),
        (&SHA512_256_HMAC, &SHA512_256_HMAC_GENERAL, 32),
        (&SHA3_224_HMAC, &SHA3_224_HMAC_GENERAL, 28),
        (&SHA3_256_HMAC, &SHA3_256_HMAC_GENERAL, 32),
        (&SHA3_384_HMAC, &SHA3_384_HMAC_GENERAL, 48),
        (&SHA3_512_HMAC, &SHA3_512_HMAC_GENERAL, 64),
    ];

    #[test]
    fn hmac_in_pieces_tampered_and_short_behaves() {
        for (row, general, whole) in ALL {
            let context = context(row, &bytes(&[9; 32]));
            check_signer(row, &context, &context, &Params::None, &[5; 777]);
            for len in [4, 10, *whole] {
                check_signer(general, &context, &context, &Params::MacGeneral(len), &[5; 777]);
            }
        }
        let context = context(&SHA512_T_HMAC, &bytes(&[9; 32]));
        for t in [224, 256] {
            check_signer(&SHA512_T_HMAC, &context, &context, &Params::MacGeneral(t), &[5; 777]);
        }
    }

    #[test]
    fn the_beginning_of_a_mac_has_the_length_that_was_asked_for() {
        for (row, general, whole) in ALL {
            let context = context(row, &bytes(&[9; 32]));
            let mac = signed(row, &context, &Params::None, b"message");
            let beginning = signed(general, &context, &Params::MacGeneral(7), b"message");
            assert_eq!(beginning, mac[..7]);
            for len in [0, 1, 3, whole + 1, u64::MAX] {
                let refused = general.ops.sign.unwrap()(&context, &Params::MacGeneral(len)).err();
                assert_eq!(refused, Some(Error::MechanismParamInvalid), "{len}");
            }
            let longer = verified(general, &context, &Params::MacGeneral(7), b"message", &mac);
            assert_eq!(longer, Err(Error::SignatureLenRange));
        }
        let context = context(&SHA512_T_HMAC, &bytes(&[9; 32]));
        for params in [Params::None, Params::MacGeneral(32), Params::MacGeneral(384)] {
            let refused = SHA512_T_HMAC.ops.verify.unwrap()(&context, &params).err();
            assert_eq!(refused, Some(Error::MechanismParamInvalid), "{params:?}");
        }
    }

    #[test]
    fn hmac_of_nothing_equals_hmac_of_the_empty_message() {
        let context = context(&SHA256_HMAC, &bytes(&[9; 32]));
        let empty = signed(&SHA256_HMAC, &context, &Params::None, b"");
        let mut running = SHA256_HMAC.ops.sign.unwrap()(&context, &Params::None).unwrap();
        let mut out = [0; 32];
        running.finish(&mut out).unwrap();
        assert_eq!(empty, out);
        assert_eq!(verified(&SHA256_HMAC, &context, &Params::None, b"", &empty), Ok(()));
    }

    #[test]
    fn prepare_of_a_wrong_key_is_refused() {
        let prepare = SHA256_HMAC.prepare.unwrap();
        assert_eq!(prepare(&bytes(&[])).err(), Some(Error::KeySizeRange));
        assert_eq!(prepare(&bytes(&[0; MAX_KEY_LEN as usize + 1])).err(), Some(Error::KeySizeRange));
        assert_eq!(prepare(&Material::EdPublic(vec![0; 32])).err(), Some(Error::KeyTypeInconsistent));
    }
}
