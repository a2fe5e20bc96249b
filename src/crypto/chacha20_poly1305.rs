//! ChaCha20-Poly1305 (RFC 8439) and its keys. No plaintext leaves before its tag was verified.

use super::aead::{Aead, Message, write_tag};
use super::engine::aead::{AeadKey, AeadStream, Algorithm, TAG};
use super::engine::cipher::Direction;
use super::mechanism::{Ciphering, Context, Messaging, Ops, Recipe, Row, Sizes};
use super::messages;
use super::self_test::{self, Family};
use super::start::prepared;
use super::{Material, random};
use crate::ck::message::MessageShape;
use crate::ck::params::Shape;
use crate::ck::{Error, Params, Result};
use crate::secret::Secret;
use cryptoki_sys::*;
use std::sync::Arc;

/// Length of a key in bytes.
pub(super) const KEY: usize = 32;
/// Length of a nonce in bytes. Those of 8 and 24 bytes belong to other variants.
const NONCE: usize = 12;
/// Longest message in bytes: the counter of blocks has 32 bits and begins at 1 (RFC 8439, 2.8).
const MAX_PLAINTEXT: u64 = (1 << 38) - 64;

pub(super) const SIZES: Sizes = Sizes::Bytes(32, 32);

/// CKM_CHACHA20_KEY_GEN. PKCS#11 3.2, 6.58.
pub static KEY_GEN: Row = Row {
    ckm: CKM_CHACHA20_KEY_GEN,
    key_types: &[CKK_CHACHA20],
    sizes: SIZES,
    shape: Shape::None,
    flags: 0,
    prepare: None,
    ops: Ops { generate: Some(generate), ..Ops::NONE },
};

/// CKM_CHACHA20_POLY1305: encrypts and decrypts, single data and messages. PKCS#11 3.2, 6.61.
pub static CHACHA20_POLY1305: Row = Row {
    ckm: CKM_CHACHA20_POLY1305,
    key_types: &[CKK_CHACHA20],
    sizes: SIZES,
    shape: Shape::Poly1305,
    flags: 0,
    prepare: Some(prepare),
    ops: Ops {
        encrypt: Some(encrypt),
        decrypt: Some(decrypt),
        message_shape: Some(MessageShape::Poly1305),
        message_encrypt: Some(message_encrypt),
        message_decrypt: Some(message_decrypt),
        ..Ops::NONE
    },
};

fn generate(recipe: &Recipe) -> Result<Material> {
    if recipe.key_type.is_some_and(|wanted| wanted != CKK_CHACHA20) {
        return Err(Error::TemplateInconsistent);
    }
    // The length is a matter of the type; a template may name it all the same.
    if recipe.value_len.is_some_and(|len| len != KEY) {
        return Err(Error::KeySizeRange);
    }
    let mut secret = Secret::zeroed(KEY);
    random::fill(secret.expose_mut())?;
    Ok(Material::Bytes(secret))
}

/// A key of a caller's 32 bytes (`CKR_ATTRIBUTE_VALUE_INVALID`).
pub fn import(bytes: &[u8]) -> Result<Material> {
    if bytes.len() == KEY {
        Ok(Material::Bytes(Secret::from_slice(bytes)))
    } else {
        Err(Error::AttributeValueInvalid)
    }
}

/// A prepared key.
struct PolyKey(AeadKey);

fn prepare(key: &Material) -> Result<Context> {
    self_test::ready(Family::ChaCha20Poly1305)?;
    let Material::Bytes(secret) = key else { return Err(Error::KeyTypeInconsistent) };
    if secret.len() != KEY {
        return Err(Error::KeySizeRange);
    }
    Ok(Arc::new(PolyKey(AeadKey::new(Algorithm::ChaCha20Poly1305, secret.expose())?)))
}

impl Aead for PolyKey {
    fn check(&self, nonce_len: usize, tag_len: usize) -> Result<()> {
        if nonce_len == NONCE && tag_len == TAG { Ok(()) } else { Err(Error::MechanismParamInvalid) }
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
    let Params::Poly1305 { nonce, aad } = params else { return Err(Error::MechanismParamInvalid) };
    Message::new(prepared::<PolyKey>(context)?, nonce, aad, TAG, None)
}

fn encrypt(context: &Context, params: &Params) -> Result<Box<dyn Ciphering>> {
    message(context, params)?.encrypt()
}

fn decrypt(context: &Context, params: &Params) -> Result<Box<dyn Ciphering>> {
    message(context, params)?.decrypt()
}

fn message_encrypt(context: &Context) -> Result<Box<dyn Messaging>> {
    Ok(messages::encrypting(prepared::<PolyKey>(context)?))
}

fn message_decrypt(context: &Context) -> Result<Box<dyn Messaging>> {
    Ok(messages::decrypting(prepared::<PolyKey>(context)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::tests::*;

    fn params(nonce: &[u8], aad: &[u8]) -> Params {
        Params::Poly1305 { nonce: nonce.to_vec(), aad: aad.to_vec() }
    }

    /// RFC 8439, 2.8.2.
    #[test]
    fn encrypt_of_rfc_8439_is_known() {
        let key: Vec<u8> = (0x80..0xA0).collect();
        let context = context(&CHACHA20_POLY1305, &import(&key).unwrap());
        let params = params(&hex("070000004041424344454647"), &hex("50515253c0c1c2c3c4c5c6c7"));
        let plaintext = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.";
        let ciphertext = "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691";
        check_cipher(&CHACHA20_POLY1305, &context, &params, plaintext, &hex(ciphertext));
        let mut tampered = hex(ciphertext);
        tampered[3] ^= 1;
        for run in [whole, in_pieces] {
            let refused = run(CHACHA20_POLY1305.ops.decrypt, &context, &params, &tampered);
            assert_eq!(refused, Err(Error::EncryptedDataInvalid));
        }
    }

    #[test]
    fn keys_have_32_bytes_and_nonces_12() {
        for len in [0, 16, 31, 33] {
            assert_eq!(import(&vec![1; len]).err(), Some(Error::AttributeValueInvalid));
            let recipe = Recipe { value_len: Some(len), ..Recipe::default() };
            assert_eq!(generate(&recipe).err(), Some(Error::KeySizeRange));
        }
        assert!(generate(&Recipe::default()).is_ok());
        let context = context(&CHACHA20_POLY1305, &import(&[1; 32]).unwrap());
        for len in [0, 8, 11, 13, 24] {
            let refused = encrypt(&context, &params(&vec![0; len], b"")).err();
            assert_eq!(refused, Some(Error::MechanismParamInvalid));
        }
    }
}
