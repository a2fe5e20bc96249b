//! AES in the Galois/counter mode (SP 800-38D). No plaintext leaves before its tag was verified.

use super::Material;
use super::aes;
use super::collected::Collected;
use super::mechanism::{Ciphering, Context, Ops, Row};
use super::self_test::{self, Family};
use super::start::{first, prepared};
use crate::ck::params::Shape;
use crate::ck::{CK_ULONG, Error, Params, Result};
use crate::sys::aws_lc::aead::{Gcm, GcmKey, MAX_NONCE, MAX_PLAINTEXT, TAG};
use crate::sys::aws_lc::cipher::Direction;
use cryptoki_sys::*;
use std::sync::Arc;

/// CKM_AES_GCM: encrypts, decrypts and wraps. PKCS#11 3.2, AES-GCM.
pub static AES_GCM: Row = Row {
    ckm: CKM_AES_GCM,
    key_types: &[CKK_AES],
    sizes: aes::SIZES,
    shape: Shape::Gcm,
    flags: 0,
    prepare: Some(prepare),
    ops: Ops { encrypt: Some(encrypt), decrypt: Some(decrypt), wraps: true, ..Ops::NONE },
};

/// A decryption in parts is kept until its tag comes: at most so much of it.
const DECRYPTION_LIMIT: usize = 256 << 20;

fn prepare(key: &Material) -> Result<Context> {
    self_test::ready(Family::Gcm)?;
    Ok(Arc::new(GcmKey::new(aes::key_bytes(key)?)?))
}

/// A nonce; the common length needs no allocation.
enum Nonce {
    Usual([u8; 12]),
    Other(Box<[u8]>),
}

/// What both directions need: the key, and the parameter checked.
struct Message {
    key: Arc<GcmKey>,
    nonce: Nonce,
    aad: Vec<u8>,
    tag_len: usize,
}

impl Message {
    fn new(context: &Context, params: &Params) -> Result<Self> {
        let Params::Gcm { iv, aad, tag_bits } = params else { return Err(Error::MechanismParamInvalid) };
        if !(1..=MAX_NONCE).contains(&iv.len()) {
            return Err(Error::MechanismParamInvalid);
        }
        let nonce = match iv.as_slice().try_into() {
            Ok(usual) => Nonce::Usual(usual),
            Err(_) => Nonce::Other(iv.as_slice().into()),
        };
        let key = prepared(context)?;
        Ok(Self { key, nonce, aad: aad.clone(), tag_len: tag_len(*tag_bits)? })
    }

    fn nonce(&self) -> &[u8] {
        match &self.nonce {
            Nonce::Usual(bytes) => bytes,
            Nonce::Other(bytes) => bytes,
        }
    }
}

/// 32 to 128 bits, whole bytes (SP 800-38D, 5.2.1.2, and appendix C for the short ones).
fn tag_len(bits: CK_ULONG) -> Result<usize> {
    if (32..=128).contains(&bits) && bits.is_multiple_of(8) {
        usize::try_from(bits / 8).map_err(|_| Error::MechanismParamInvalid)
    } else {
        Err(Error::MechanismParamInvalid)
    }
}

fn encrypt(context: &Context, params: &Params) -> Result<Box<dyn Ciphering>> {
    let message = Message::new(context, params)?;
    Ok(Box::new(Encryption { message, parts: None, len: 0 }))
}

fn decrypt(context: &Context, params: &Params) -> Result<Box<dyn Ciphering>> {
    let message = Message::new(context, params)?;
    let ciphertext = Collected::new(DECRYPTION_LIMIT, Error::EncryptedDataLenRange);
    Ok(Box::new(Decryption { message, ciphertext }))
}

/// A running encryption; the state of its own begins with the first part.
struct Encryption {
    message: Message,
    parts: Option<Gcm>,
    len: u64,
}

impl Encryption {
    fn parts(&mut self) -> Result<&mut Gcm> {
        let parts = match self.parts.take() {
            Some(parts) => parts,
            None => {
                let mut parts = self.message.key.start(Direction::Encrypt, self.message.nonce())?;
                parts.aad(&self.message.aad)?;
                parts
            }
        };
        Ok(self.parts.insert(parts))
    }

    fn count(&mut self, input: usize) -> Result<()> {
        self.len = self.len.saturating_add(input as u64);
        if self.len <= MAX_PLAINTEXT { Ok(()) } else { Err(Error::DataLenRange) }
    }
}

impl Ciphering for Encryption {
    fn update_len(&self, input: usize) -> usize {
        input
    }

    fn update(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        self.count(input.len())?;
        let out = first(out, input.len())?;
        self.parts()?.update(input, out)?;
        Ok(input.len())
    }

    fn finish_len(&self) -> usize {
        self.message.tag_len
    }

    fn finish(&mut self, out: &mut [u8]) -> Result<usize> {
        let mut tag = [0; TAG];
        self.parts()?.tag(&mut tag)?;
        self.parts = None;
        write_tag(&tag, first(out, self.message.tag_len)?)
    }

    fn whole_len(&self, input: usize) -> usize {
        input.saturating_add(self.message.tag_len)
    }

    fn whole(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        self.count(input.len())?;
        let (out, rest) = out.split_at_mut_checked(input.len()).ok_or(Error::BufferTooSmall)?;
        let tag_out = first(rest, self.message.tag_len)?;
        let mut tag = [0; TAG];
        self.message.key.seal(self.message.nonce(), &self.message.aad, input, out, &mut tag)?;
        Ok(input.len() + write_tag(&tag, tag_out)?)
    }

    fn exact(&self) -> bool {
        true
    }
}

/// A shorter tag is the beginning of the full one (SP 800-38D, 7.1).
fn write_tag(tag: &[u8; TAG], out: &mut [u8]) -> Result<usize> {
    out.copy_from_slice(tag.get(..out.len()).ok_or(Error::GeneralError)?);
    Ok(out.len())
}

/// A running decryption.
struct Decryption {
    message: Message,
    ciphertext: Collected,
}

impl Decryption {
    fn plaintext_len(&self, input: usize) -> usize {
        input.saturating_sub(self.message.tag_len)
    }
}

impl Ciphering for Decryption {
    fn update_len(&self, _input: usize) -> usize {
        0
    }

    fn update(&mut self, input: &[u8], _out: &mut [u8]) -> Result<usize> {
        self.ciphertext.push(input)?;
        Ok(0)
    }

    fn finish_len(&self) -> usize {
        self.plaintext_len(self.ciphertext.len())
    }

    fn finish(&mut self, out: &mut [u8]) -> Result<usize> {
        let ciphertext = self.ciphertext.take();
        self.whole(&ciphertext, out)
    }

    fn whole_len(&self, input: usize) -> usize {
        self.plaintext_len(input)
    }

    fn whole(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        if input.len() < self.message.tag_len {
            return Err(Error::EncryptedDataLenRange);
        }
        let (body, tag) =
            input.split_at_checked(self.plaintext_len(input.len())).ok_or(Error::GeneralError)?;
        let out = first(out, body.len())?;
        self.message
            .key
            .open(self.message.nonce(), &self.message.aad, body, tag, out)
            .map_err(|_| Error::EncryptedDataInvalid)?;
        Ok(body.len())
    }

    fn exact(&self) -> bool {
        true
    }
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
            [(1, 32), (11, 64), (12, 96), (12, 104), (12, 128), (13, 120), (256, 128)]
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
            params(&[0; 12], b"", 136),
            params(&[0; 12], b"", CK_ULONG::MAX),
        ] {
            assert_eq!(encrypt(&context, &params).err(), Some(Error::MechanismParamInvalid));
            assert_eq!(decrypt(&context, &params).err(), Some(Error::MechanismParamInvalid));
        }
    }
}
