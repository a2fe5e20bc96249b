//! AES in the counter mode with CBC-MAC (SP 800-38C, RFC 3610). The whole message is needed before anything
//! comes out, in both directions.

use super::Material;
use super::aead::{Aead, Message};
use super::aes;
use super::engine::aead::AeadStream;
use super::engine::ccm::{CcmKey, MAX_MESSAGE, NONCES};
use super::mechanism::{Ciphering, Context, Messaging, Ops, Row};
use super::messages;
use super::self_test::{self, Family};
use super::start::prepared;
use crate::ck::message::MessageShape;
use crate::ck::params::Shape;
use crate::ck::{Error, Params, Result};
use cryptoki_sys::*;
use std::sync::Arc;

/// CKM_AES_CCM: encrypts, decrypts and wraps, single data and messages. PKCS#11 3.2, AES-CCM.
pub static AES_CCM: Row = Row {
    ckm: CKM_AES_CCM,
    key_types: &[CKK_AES],
    sizes: aes::SIZES,
    shape: Shape::Ccm,
    flags: 0,
    prepare: Some(prepare),
    ops: Ops {
        encrypt: Some(encrypt),
        decrypt: Some(decrypt),
        message_shape: Some(MessageShape::Ccm),
        message_encrypt: Some(message_encrypt),
        message_decrypt: Some(message_decrypt),
        wraps: true,
        ..Ops::NONE
    },
};

fn prepare(key: &Material) -> Result<Context> {
    self_test::ready(Family::Ccm)?;
    Ok(Arc::new(CcmKey::new(aes::key_bytes(key)?)?))
}

impl Aead for CcmKey {
    /// Nonces of 7 to 13 bytes; MACs of 4, 6, 8, 10, 12, 14 or 16 (SP 800-38C, A.1).
    fn check(&self, nonce_len: usize, tag_len: usize) -> Result<()> {
        let good = NONCES.contains(&nonce_len) && matches!(tag_len, 4 | 6 | 8 | 10 | 12 | 14 | 16);
        if good { Ok(()) } else { Err(Error::MechanismParamInvalid) }
    }

    /// The length stands in what the nonce leaves of 15 bytes.
    fn longest(&self, nonce_len: usize) -> u64 {
        let bits = 15_usize.saturating_sub(nonce_len).saturating_mul(8);
        let end = u32::try_from(bits).ok().and_then(|bits| 1_u64.checked_shl(bits));
        end.map_or(u64::MAX, |end| end - 1).min(MAX_MESSAGE as u64)
    }

    fn seal(&self, nonce: &[u8], aad: &[u8], input: &[u8], out: &mut [u8], tag: &mut [u8]) -> Result<()> {
        Ok(Self::seal(self, nonce, aad, input, out, tag)?)
    }

    fn open(&self, nonce: &[u8], aad: &[u8], input: &[u8], tag: &[u8], out: &mut [u8]) -> Result<()> {
        Self::open(self, nonce, aad, input, tag, out).map_err(|_| Error::AeadDecryptFailed)
    }

    fn start(&self, _nonce: &[u8], _aad: &[u8]) -> Result<Option<AeadStream>> {
        Ok(None)
    }
}

fn message(context: &Context, params: &Params) -> Result<Message> {
    let Params::Ccm { data_len, nonce, aad, mac_len } = params else {
        return Err(Error::MechanismParamInvalid);
    };
    let mac_len = usize::try_from(*mac_len).map_err(|_| Error::MechanismParamInvalid)?;
    Message::new(prepared::<CcmKey>(context)?, nonce, aad, mac_len, Some(*data_len))
}

fn encrypt(context: &Context, params: &Params) -> Result<Box<dyn Ciphering>> {
    message(context, params)?.encrypt()
}

fn decrypt(context: &Context, params: &Params) -> Result<Box<dyn Ciphering>> {
    message(context, params)?.decrypt()
}

fn message_encrypt(context: &Context) -> Result<Box<dyn Messaging>> {
    Ok(messages::encrypting(prepared::<CcmKey>(context)?))
}

fn message_decrypt(context: &Context) -> Result<Box<dyn Messaging>> {
    Ok(messages::decrypting(prepared::<CcmKey>(context)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::tests::*;

    fn params(nonce: &[u8], aad: &[u8], data_len: u64, mac_len: u64) -> Params {
        Params::Ccm { data_len, nonce: nonce.to_vec(), aad: aad.to_vec(), mac_len }
    }

    /// SP 800-38C, appendix C, examples 1 to 3.
    #[test]
    fn encrypt_of_sp_800_38c_is_known() {
        let context = context(&AES_CCM, &aes::import(&hex("404142434445464748494a4b4c4d4e4f")).unwrap());
        let bytes = |from: u8, len: u8| (from..from + len).collect::<Vec<_>>();
        for (nonce_len, aad_len, len, mac_len, expected) in [
            (7, 8, 4, 4, "7162015b4dac255d"),
            (8, 16, 16, 6, "d2a1f0e051ea5f62081a7792073d593d1fc64fbfaccd"),
            (12, 20, 24, 8, "e3b201a9f5b71a7a9b1ceaeccd97e70b6176aad9a4428aa5484392fbc1b09951"),
        ] {
            let params = params(&bytes(0x10, nonce_len), &bytes(0, aad_len), len.into(), mac_len);
            check_cipher(&AES_CCM, &context, &params, &bytes(0x20, len), &hex(expected));
        }
    }

    #[test]
    fn every_length_comes_back_and_tampering_is_found() {
        let context = context(&AES_CCM, &aes::import(&[3; 32]).unwrap());
        for (nonce_len, mac_len, len) in [(7, 16, 0), (13, 4, 333), (12, 14, 64), (13, 10, 65535)] {
            let params = params(&vec![9; nonce_len], b"associated", len, mac_len);
            let message = vec![5; usize::try_from(len).unwrap()];
            let mut ciphertext = whole(AES_CCM.ops.encrypt, &context, &params, &message).unwrap();
            check_cipher(&AES_CCM, &context, &params, &message, &ciphertext);
            for at in [0, ciphertext.len() - 1] {
                ciphertext[at] ^= 0x40;
                let decrypt = AES_CCM.ops.decrypt;
                assert_eq!(whole(decrypt, &context, &params, &ciphertext), Err(Error::EncryptedDataInvalid));
                let refused = in_pieces(decrypt, &context, &params, &ciphertext);
                assert_eq!(refused, Err(Error::EncryptedDataInvalid));
                ciphertext[at] ^= 0x40;
            }
        }
    }

    #[test]
    fn another_length_than_announced_is_refused() {
        let context = context(&AES_CCM, &aes::import(&[3; 16]).unwrap());
        let params = params(&[9; 12], b"", 10, 16);
        for run in [whole, in_pieces] {
            for len in [9, 11] {
                let message = vec![5; len];
                let refused = run(AES_CCM.ops.encrypt, &context, &params, &message);
                assert_eq!(refused, Err(Error::DataLenRange));
                let refused = run(AES_CCM.ops.decrypt, &context, &params, &vec![5; len + 16]);
                assert_eq!(refused, Err(Error::EncryptedDataLenRange));
            }
        }
    }

    #[test]
    fn start_with_wrong_parameters_is_refused() {
        let context = context(&AES_CCM, &aes::import(&[3; 32]).unwrap());
        for params in [
            Params::None,
            params(&[0; 6], b"", 1, 16),
            params(&[0; 14], b"", 1, 16),
            params(&[0; 12], b"", 1, 2),
            params(&[0; 12], b"", 1, 5),
            params(&[0; 12], b"", 1, 18),
            params(&[0; 13], b"", 65536, 16),
            params(&[0; 7], b"", u64::MAX, 16),
        ] {
            assert_eq!(encrypt(&context, &params).err(), Some(Error::MechanismParamInvalid));
            assert_eq!(decrypt(&context, &params).err(), Some(Error::MechanismParamInvalid));
        }
    }
}
