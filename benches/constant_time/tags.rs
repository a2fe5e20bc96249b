//! Tags that are wrong in their first or their last byte.

use super::samples::{Case, Run, bytes, context};
use keyward_pkcs11::ck::Params;
use keyward_pkcs11::crypto::engine::key_wrap::WrapKey;
use keyward_pkcs11::crypto::material::Material;
use keyward_pkcs11::crypto::mechanism::Context;
use keyward_pkcs11::crypto::{Row, aes_ccm, aes_cmac, aes_gcm, aes_key_wrap, chacha20_poly1305, hmac};
use keyward_pkcs11::secret::Secret;

const MESSAGE: usize = 64;
const CLASSES: [&str; 2] = ["first byte wrong", "last byte wrong"];

fn key() -> Material {
    Material::Bytes(Secret::from_slice(&bytes::<32>()))
}

/// Flips a bit in the first or in the last byte.
fn spoil(tag: &mut [u8], second: bool) {
    let at = if second { tag.len() - 1 } else { 0 };
    tag[at] ^= 0x10;
}

pub fn cases() -> Vec<Box<dyn FnOnce() -> Case>> {
    vec![
        Box::new(|| mac("HMAC-SHA-256, verify", &hmac::SHA256_HMAC, || Params::None)),
        Box::new(|| mac("HMAC-SHA-512, verify", &hmac::SHA512_HMAC, || Params::None)),
        Box::new(|| {
            mac("HMAC-SHA-256 of 16 bytes, verify", &hmac::SHA256_HMAC_GENERAL, || Params::MacGeneral(16))
        }),
        Box::new(|| mac("AES-CMAC, verify", &aes_cmac::AES_CMAC, || Params::None)),
        Box::new(|| aead("AES-GCM tag of 16 bytes", &aes_gcm::AES_GCM, 16, || gcm(128))),
        Box::new(|| aead("AES-GCM tag of 12 bytes", &aes_gcm::AES_GCM, 12, || gcm(96))),
        Box::new(|| aead("AES-CCM tag of 16 bytes", &aes_ccm::AES_CCM, 16, ccm)),
        Box::new(|| {
            aead("ChaCha20-Poly1305 tag", &chacha20_poly1305::CHACHA20_POLY1305, 16, || Params::Poly1305 {
                nonce: bytes::<12>().to_vec(),
                aad: Vec::new(),
            })
        }),
        Box::new(key_wrap),
    ]
}

fn gcm(tag_bits: u64) -> Params {
    Params::Gcm { iv: bytes::<12>().to_vec(), aad: Vec::new(), tag_bits }
}

fn ccm() -> Params {
    Params::Ccm { data_len: MESSAGE as u64, nonce: bytes::<12>().to_vec(), aad: Vec::new(), mac_len: 16 }
}

fn mac(name: &'static str, row: &'static Row, params: fn() -> Params) -> Case {
    let key = context(row, &key());
    Case::ours(name, CLASSES, 500_000, move |second| {
        let message = bytes::<MESSAGE>();
        let mut signing = row.ops.sign.unwrap()(&key, &params()).unwrap();
        let mut tag = vec![0; signing.len()];
        signing.sign(&message, &mut tag).unwrap();
        spoil(&mut tag, second);
        let mut verifying = row.ops.verify.unwrap()(&key, &params()).unwrap();
        Box::new(move || verifying.verify(&message, &tag).is_ok())
    })
}

fn aead(name: &'static str, row: &'static Row, tag: usize, params: fn() -> Params) -> Case {
    let key = context(row, &key());
    Case::ours(name, CLASSES, 500_000, move |second| {
        let params = params();
        let mut sealed = whole(row, &key, &params, &bytes::<MESSAGE>());
        let at = sealed.len() - tag;
        spoil(&mut sealed[at..], second);
        decryption(row, &key, &params, sealed)
    })
}

/// The ciphertext of a message.
pub fn whole(row: &Row, key: &Context, params: &Params, message: &[u8]) -> Vec<u8> {
    let mut encryption = row.ops.encrypt.unwrap()(key, params).unwrap();
    let mut out = vec![0; encryption.whole_len(message.len())];
    let len = encryption.whole(message, &mut out).unwrap();
    out.truncate(len);
    out
}

/// A decryption made ready.
pub fn decryption(row: &Row, key: &Context, params: &Params, sealed: Vec<u8>) -> Run {
    let mut decryption = row.ops.decrypt.unwrap()(key, params).unwrap();
    let mut out = vec![0; decryption.whole_len(sealed.len())];
    Box::new(move || decryption.whole(&sealed, &mut out).is_ok())
}

/// AES Key Wrap of a key under another initial value than the one that is looked for.
fn key_wrap() -> Case {
    let (row, key) = (&aes_key_wrap::AES_KEY_WRAP, bytes::<32>());
    let wrapping = WrapKey::new(&key).unwrap();
    let context = context(row, &Material::Bytes(Secret::from_slice(&key)));
    Case::ours("AES Key Wrap, initial value", CLASSES, 200_000, move |second| {
        let mut iv = [0xA6; 8];
        spoil(&mut iv, second);
        let mut wrapped = vec![0; 40];
        wrapping.wrap(&iv, &bytes::<32>(), &mut wrapped).unwrap();
        decryption(row, &context, &Params::None, wrapped)
    })
}
