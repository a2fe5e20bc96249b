//! AES in the Galois/counter mode (SP 800-38D). No plaintext leaves before its tag was verified.

use super::Material;
use super::aead::{Aead, Message, write_tag};
use super::aes;
use super::engine::aead::{AeadKey, AeadStream, Algorithm, MAX_NONCE, MAX_PLAINTEXT, TAG};
use super::engine::cipher::Direction;
use super::mechanism::{Ciphering, Context, Messaging, Ops, Row};
use super::messages;
use super::self_test::{self, Family};
use super::start::prepared;
use crate::ck::message::MessageShape;
use crate::ck::params::Shape;
use crate::ck::{CK_ULONG, Error, Params, Result};
use cryptoki_sys::*;
use std::sync::Arc;

/// CKM_AES_GCM: encrypts, decrypts and wraps, single data and messages. PKCS#11 3.2, AES-GCM.
pub static AES_GCM: Row = Row {
    ckm: CKM_AES_GCM,
    key_types: &[CKK_AES],
    sizes: aes::SIZES,
    shape: Shape::Gcm,
    flags: 0,
    prepare: Some(prepare),
    ops: Ops {
        encrypt: Some(encrypt),
        decrypt: Some(decrypt),
        message_shape: Some(MessageShape::Gcm),
        message_encrypt: Some(message_encrypt),
        message_decrypt: Some(message_decrypt),
        wraps: true,
        ..Ops::NONE
    },
};

/// A prepared key.
pub(super) struct GcmKey(AeadKey);

/// Makes a key ready, for GMAC too.
pub(super) fn prepare(key: &Material) -> Result<Context> {
    self_test::ready(Family::Gcm)?;
    Ok(Arc::new(GcmKey(AeadKey::new(Algorithm::AesGcm, aes::key_bytes(key)?)?)))
}

impl Aead for GcmKey {
    /// Tags of 96 to 128 bits, and of 64 and 32 (SP 800-38D, 5.2.1.2, and appendix C for the short ones).
    fn check(&self, nonce_len: usize, tag_len: usize) -> Result<()> {
        let good = (1..=MAX_NONCE).contains(&nonce_len) && matches!(tag_len, 4 | 8 | 12..=TAG);
        if good { Ok(()) } else { Err(Error::MechanismParamInvalid) }
    }

    fn longest(&self, _nonce_len: usize) -> u64 {
        MAX_PLAINTEXT
    }

    fn seal(&self, nonce: &[u8], aad: &[u8], input: &[u8], out: &mut [u8], tag: &mut [u8]) -> Result<()> {
        let mut full = [0; TAG];
        self.0.seal(nonce, aad, input, out, &mut full)?;
        write_tag(&full, tag).map(drop)
    }

    fn open(&self, nonce: &[u8], aad: &[u8], input: &[u8], tag: &[u8], out: &mut [u8]) -> Result<()> {
        self.0.open(nonce, aad, input, tag, out).map_err(|_| Error::AeadDecryptFailed)
    }

    fn start(&self, nonce: &[u8], aad: &[u8]) -> Result<Option<AeadStream>> {
        let mut stream = self.0.start(Direction::Encrypt, nonce)?;
        stream.aad(aad)?;
        Ok(Some(stream))
    }
}

fn message(context: &Context, params: &Params) -> Result<Message> {
    let Params::Gcm { iv, aad, tag_bits } = params else { return Err(Error::MechanismParamInvalid) };
    let key = prepared::<GcmKey>(context)?;
    Message::new(key, iv, aad, tag_len(*tag_bits)?, None)
}

/// The length in bytes of a tag whose length is told in bits.
pub(super) fn tag_len(bits: CK_ULONG) -> Result<usize> {
    if bits.is_multiple_of(8) {
        usize::try_from(bits / 8).map_err(|_| Error::MechanismParamInvalid)
    } else {
        Err(Error::MechanismParamInvalid)
    }
}

fn encrypt(context: &Context, params: &Params) -> Result<Box<dyn Ciphering>> {
    message(context, params)?.encrypt()
}

fn decrypt(context: &Context, params: &Params) -> Result<Box<dyn Ciphering>> {
    message(context, params)?.decrypt()
}

fn message_encrypt(context: &Context) -> Result<Box<dyn Messaging>> {
    Ok(messages::encrypting(prepared::<GcmKey>(context)?))
}

fn message_decrypt(context: &Context) -> Result<Box<dyn Messaging>> {
    Ok(messages::decrypting(prepared::<GcmKey>(context)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::tests::*;

    fn params(iv: &[u8], aad: &[u8], tag_bits: CK_ULONG) -> Params {
        Params::Gcm { iv: iv.to_vec(), aad: aad.to_vec(), tag_bits }
    }

    /// McGrew and Viega, "The Galois/Counter Mode of Operation", appendix B: test cases 1, 4, 5, 6, 16.
    #[test]
    fn encrypt_of_the_gcm_specification_is_known() {
        let plaintext = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39";
        let aad = "feedfacedeadbeeffeedfacedeadbeefabaddad2";
        let long = "9313225df88406e555909c5aff5269aa6a7a9538534f7da1e4c303d2a318a728c3c0c95156809539fcf0e2429a6b525416aedbf5a0de6a57a637b39b";
        for (key, iv, aad, plaintext, ciphertext) in [
            (
                "00000000000000000000000000000000",
                "000000000000000000000000",
                "",
                "",
                "58e2fccefa7e3061367f1d57a4e7455a",
            ),
            (
                "feffe9928665731c6d6a8f9467308308",
                "cafebabefacedbaddecaf888",
                aad,
                plaintext,
                "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e0915bc94fbc3221a5db94fae95ae7121a47",
            ),
            (
                "feffe9928665731c6d6a8f9467308308",
                "cafebabefacedbad",
                aad,
                plaintext,
                "61353b4c2806934a777ff51fa22a4755699b2a714fcdc6f83766e5f97b6c742373806900e49f24b22b097544d4896b424989b5e1ebac0f07c23f45983612d2e79e3b0785561be14aaca2fccb",
            ),
            (
                "feffe9928665731c6d6a8f9467308308",
                long,
                aad,
                plaintext,
                "8ce24998625615b603a033aca13fb894be9112a5c3a211a8ba262a3cca7e2ca701e4a9a4fba43c90ccdcb281d48c7c6fd62875d2aca417034c34aee5619cc5aefffe0bfa462af43c1699d050",
            ),
            (
                "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
                "cafebabefacedbaddecaf888",
                aad,
                plaintext,
                "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b",
            ),
        ] {
            let context = context(&AES_GCM, &aes::import(&hex(key)).unwrap());
            let params = params(&hex(iv), &hex(aad), 128);
            check_cipher(&AES_GCM, &context, &params, &hex(plaintext), &hex(ciphertext));
        }
    }

    #[test]
    fn every_nonce_and_tag_length_comes_back_and_tampering_is_found() {
        let context = context(&AES_GCM, &aes::import(&[3; 24]).unwrap());
        for (nonce_len, tag_bits) in
            [(1, 32), (11, 64), (12, 96), (12, 104), (12, 112), (12, 128), (13, 120), (256, 128)]
        {
            let params = params(&vec![9; nonce_len], b"associated", tag_bits);
            let message = [5; 333];
            let mut ciphertext = whole(AES_GCM.ops.encrypt, &context, &params, &message).unwrap();
            assert_eq!(ciphertext.len(), 333 + usize::try_from(tag_bits / 8).unwrap());
            check_cipher(&AES_GCM, &context, &params, &message, &ciphertext);
            for at in [0, 332, 333, ciphertext.len() - 1] {
                ciphertext[at] ^= 0x40;
                let decrypt = AES_GCM.ops.decrypt;
                assert_eq!(whole(decrypt, &context, &params, &ciphertext), Err(Error::EncryptedDataInvalid));
                let refused = in_pieces(decrypt, &context, &params, &ciphertext);
                assert_eq!(refused, Err(Error::EncryptedDataInvalid));
                ciphertext[at] ^= 0x40;
            }
        }
    }

    #[test]
    fn refused_decryption_leaves_no_plaintext() {
        let context = context(&AES_GCM, &aes::import(&[3; 32]).unwrap());
        for tag_bits in [96, 128] {
            let params = params(&[9; 12], b"", tag_bits);
            let mut ciphertext = whole(AES_GCM.ops.encrypt, &context, &params, &[5; 100]).unwrap();
            ciphertext[0] ^= 1;
            let mut out = [0xEE; 100];
            let mut operation = decrypt(&context, &params).unwrap();
            assert!(operation.whole(&ciphertext, &mut out).is_err());
            assert_eq!(out, [0; 100]);
        }
    }

    #[test]
    fn decrypt_of_less_than_a_tag_is_refused() {
        let context = context(&AES_GCM, &aes::import(&[3; 32]).unwrap());
        let params = params(&[9; 12], b"", 128);
        let refused = whole(AES_GCM.ops.decrypt, &context, &params, &[0; 15]);
        assert_eq!(refused, Err(Error::EncryptedDataLenRange));
        assert_eq!(in_pieces(AES_GCM.ops.decrypt, &context, &params, &[]), Err(Error::EncryptedDataLenRange));
    }

    #[test]
    fn start_with_wrong_parameters_is_refused() {
        let context = context(&AES_GCM, &aes::import(&[3; 32]).unwrap());
        for params in [
            Params::None,
            params(&[], b"", 128),
            params(&[0; 257], b"", 128),
            params(&[0; 12], b"", 0),
            params(&[0; 12], b"", 24),
            params(&[0; 12], b"", 33),
            params(&[0; 12], b"", 40),
            params(&[0; 12], b"", 88),
            params(&[0; 12], b"", 136),
            params(&[0; 12], b"", CK_ULONG::MAX),
        ] {
            assert_eq!(encrypt(&context, &params).err(), Some(Error::MechanismParamInvalid));
            assert_eq!(decrypt(&context, &params).err(), Some(Error::MechanismParamInvalid));
        }
    }

    /// SP 800-38D, 5.2.1.1: a message has 2^39 - 256 bits at most, whatever a policy says of their number.
    #[test]
    fn message_is_no_longer_than_the_counter_reaches() {
        let context = context(&AES_GCM, &aes::import(&[3; 32]).unwrap());
        let key: Arc<dyn Aead> = prepared::<GcmKey>(&context).unwrap();
        assert_eq!(key.longest(12), (1_u64 << 39) / 8 - 256 / 8);
        let announced = |len| Message::new(Arc::clone(&key), &[0; 12], b"", 16, Some(len)).err();
        assert_eq!(announced(MAX_PLAINTEXT), None);
        assert_eq!(announced(MAX_PLAINTEXT + 1), Some(Error::MechanismParamInvalid));
        crate::crypto::aead::encrypts_up_to(
            Message::new(key, &[0; 12], b"", 16, None).unwrap(),
            MAX_PLAINTEXT,
        );
    }
}
