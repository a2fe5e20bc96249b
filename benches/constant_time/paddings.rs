//! Paddings that are taken off: where they are wrong must not show.

use super::samples::{Case, Run, below, bytes, context, some};
use super::tags::{decryption, whole};
use keyward_pkcs11::ck::Params;
use keyward_pkcs11::crypto::engine::digest::Hash;
use keyward_pkcs11::crypto::engine::mac::HmacKey;
use keyward_pkcs11::crypto::material::Material;
use keyward_pkcs11::crypto::{aes_cbc, rsa_unpad};
use keyward_pkcs11::secret::Secret;

/// Length of the blocks of RSA-2048.
pub const BLOCK: usize = 256;
/// Longest message in one.
const LONGEST: usize = BLOCK - 11;

pub fn cases() -> Vec<Box<dyn FnOnce() -> Case>> {
    vec![
        Box::new(|| {
            cbc("AES-CBC padding", ["wrong at its end", "wrong at its start"], |block, second| {
                block.fill(16);
                block[if second { 0 } else { 14 }] ^= 1;
            })
        }),
        Box::new(|| {
            cbc("AES-CBC padding length", ["zero", "too long"], |block, second| {
                block[15] = if second { 17 + below(239) as u8 } else { 0 };
            })
        }),
        Box::new(|| {
            cbc("AES-CBC padding, long or short", ["15 of 16 wrong", "1 of 2 wrong"], |block, second| {
                block[15] = if second { 2 } else { 16 };
                block[14] = 0;
            })
        }),
        unpadding(
            "PKCS#1 v1.5 unpadding",
            ["right", "wrong"],
            |second| if second { wrong() } else { right() },
        ),
        unpadding("PKCS#1 v1.5 unpadding, kinds of wrong", ["block type", "no end"], |second| {
            if second { no_end() } else { wrong_type() }
        }),
        unpadding("PKCS#1 v1.5 unpadding, end too early", ["block type", "padding too short"], |second| {
            if second { too_short() } else { wrong_type() }
        }),
    ]
}

/// A message of two blocks whose second is made by `spoil`.
fn cbc(name: &'static str, classes: [&'static str; 2], spoil: fn(&mut [u8], bool)) -> Case {
    let key = Material::Bytes(Secret::from_slice(&bytes::<32>()));
    let (plain, padded) = (&aes_cbc::AES_CBC, &aes_cbc::AES_CBC_PAD);
    let key = context(plain, &key);
    Case::ours(name, classes, 1_000_000, move |second| {
        let params = Params::Iv(bytes::<16>().to_vec());
        let mut message: [u8; 32] = bytes();
        spoil(&mut message[16..], second);
        let sealed = whole(plain, &key, &params, &message);
        decryption(padded, &key, &params, sealed)
    })
}

fn unpadding(
    name: &'static str,
    classes: [&'static str; 2],
    block: fn(bool) -> Vec<u8>,
) -> Box<dyn FnOnce() -> Case> {
    Box::new(move || {
        let rejection: &'static HmacKey =
            Box::leak(Box::new(HmacKey::new(Hash::Sha256, &bytes::<32>()).unwrap()));
        Case::ours(name, classes, 200_000, move |second| {
            let (ciphertext, block, mut out) = (some(BLOCK), one_of(block, second), vec![0; BLOCK]);
            Box::new(move || rsa_unpad::unpad(rejection, &ciphertext, &block, &mut out).is_ok()) as Run
        })
    })
}

/// The block of one class. That of the other is made too, so that both classes use memory in the same way: where
/// something lies can cost more time than what is looked for.
pub fn one_of(block: fn(bool) -> Vec<u8>, second: bool) -> Vec<u8> {
    let both = [block(false), block(true)];
    both[usize::from(second)].clone()
}

/// Random bytes, none of them zero.
fn nonzero(len: usize) -> Vec<u8> {
    some(len).into_iter().map(|byte| byte.max(1)).collect()
}

/// A right block. Its message has any length, as the synthetic message of a wrong one has.
pub fn right() -> Vec<u8> {
    let message = some(below(LONGEST + 1));
    [&[0, 2][..], &nonzero(BLOCK - 3 - message.len()), &[0], &message].concat()
}

/// A right block with a message of 32 bytes.
pub fn right_and_short() -> Vec<u8> {
    [&[0, 2][..], &nonzero(BLOCK - 35), &[0], &some(32)].concat()
}

pub fn wrong_type() -> Vec<u8> {
    let mut block = right();
    block[1] ^= 1 << below(7);
    block
}

pub fn no_end() -> Vec<u8> {
    [&[0, 2][..], &nonzero(BLOCK - 2)].concat()
}

pub fn too_short() -> Vec<u8> {
    let mut block = right();
    block[2 + below(8)] = 0;
    block
}

/// Wrong in any of these ways.
pub fn wrong() -> Vec<u8> {
    match below(3) {
        0 => wrong_type(),
        1 => no_end(),
        _ => too_short(),
    }
}
