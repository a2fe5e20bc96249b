//! Ed25519, Ed25519ctx and Ed25519ph (RFC 8032). Keys are plain bytes here; AWS-LC keeps nothing.

use super::Answer;
use super::error::{require, succeeded};
use super::numbers;
use aws_lc_sys::{
    ED25519_keypair_from_seed, ED25519_sign, ED25519_verify, ED25519ctx_sign, ED25519ctx_verify,
    ED25519ph_sign_digest, ED25519ph_verify_digest,
};

/// Length of a signature in bytes.
pub const SIGNATURE_LEN: usize = 64;

/// Which of the three algorithms, with its context.
#[derive(Clone, Copy, Debug)]
pub enum Variant<'a> {
    /// Ed25519: the message itself, no context.
    Pure,
    /// Ed25519ctx: the message itself, with a context of 1..=255 bytes.
    Context(&'a [u8]),
    /// Ed25519ph: the SHA-512 of the message (64 bytes), with a context of 0..=255 bytes.
    Prehashed(&'a [u8]),
}

/// Makes a key pair of a seed. The private key of AWS-LC is the seed followed by the public key.
pub fn key_pair(seed: &[u8; 32], public: &mut [u8; 32], private: &mut [u8; 64]) {
    // SAFETY: the three arrays have the lengths that the function reads and writes.
    unsafe { ED25519_keypair_from_seed(public.as_mut_ptr(), private.as_mut_ptr(), seed.as_ptr()) };
}

/// Signs `message`, or its digest where the variant says so.
pub fn sign(
    private: &[u8; 64],
    variant: Variant<'_>,
    message: &[u8],
    out: &mut [u8; SIGNATURE_LEN],
) -> Answer<()> {
    let (signature, key, data) = (out.as_mut_ptr(), private.as_ptr(), message.as_ptr());
    let answer = match variant {
        // SAFETY: reads `message` and a private key of 64 bytes, writes a signature of 64.
        Variant::Pure => unsafe { ED25519_sign(signature, data, message.len(), key) },
        Variant::Context(context) => {
            require((1..=255).contains(&context.len()))?;
            // SAFETY: as above; reads the context, whose length AWS-LC stores in a byte.
            unsafe { ED25519ctx_sign(signature, data, message.len(), key, context.as_ptr(), context.len()) }
        }
        Variant::Prehashed(context) => {
            require(message.len() == 64 && context.len() <= 255)?;
            // SAFETY: as above; the digest has 64 bytes.
            unsafe { ED25519ph_sign_digest(signature, data, key, context.as_ptr(), context.len()) }
        }
    };
    succeeded(answer)
}

/// Verifies a signature of `message`, or of its digest where the variant says so.
pub fn verify(
    public: &[u8; 32],
    variant: Variant<'_>,
    message: &[u8],
    signature: &[u8; SIGNATURE_LEN],
) -> Answer<()> {
    let (signature, key, data) = (signature.as_ptr(), public.as_ptr(), message.as_ptr());
    let answer = match variant {
        // SAFETY: reads `message`, a signature of 64 bytes and a public key of 32.
        Variant::Pure => unsafe { ED25519_verify(data, message.len(), signature, key) },
        Variant::Context(context) => {
            require((1..=255).contains(&context.len()))?;
            // SAFETY: as above; reads the context, whose length AWS-LC stores in a byte.
            unsafe { ED25519ctx_verify(data, message.len(), signature, key, context.as_ptr(), context.len()) }
        }
        Variant::Prehashed(context) => {
            require(message.len() == 64 && context.len() <= 255)?;
            // SAFETY: as above; the digest has 64 bytes.
            unsafe { ED25519ph_verify_digest(data, signature, key, context.as_ptr(), context.len()) }
        }
    };
    succeeded(answer)
}

/// The y-coordinates of the points of small order, little-endian: 0, 1, -1, and the two of
/// order eight.
const SMALL_ORDER: [[u8; 32]; 5] = [
    [0; 32],
    {
        let mut one = [0; 32];
        one[0] = 1;
        one
    },
    {
        let mut minus_one = [0xFF; 32];
        minus_one[0] = 0xEC;
        minus_one[31] = 0x7F;
        minus_one
    },
    [
        0xC7, 0x17, 0x6A, 0x70, 0x3D, 0x4D, 0xD8, 0x4F, 0xBA, 0x3C, 0x0B, 0x76, 0x0D, 0x10, 0x67, 0x0F, 0x2A,
        0x20, 0x53, 0xFA, 0x2C, 0x39, 0xCC, 0xC6, 0x4E, 0xC7, 0xFD, 0x77, 0x92, 0xAC, 0x03, 0x7A,
    ],
    [
        0x26, 0xE8, 0x95, 0x8F, 0xC2, 0xB2, 0x27, 0xB0, 0x45, 0xC3, 0xF4, 0x89, 0xF2, 0xEF, 0x98, 0xF0, 0xD5,
        0xDF, 0xAC, 0x05, 0xD3, 0xC6, 0x33, 0x39, 0xB1, 0x38, 0x02, 0x88, 0x6D, 0x53, 0xFC, 0x05,
    ],
];

/// Whether the bytes are a point of the curve (RFC 8032, 5.1.3), in the one right encoding and not of
/// small order, so that it can be somebody's public key.
pub fn is_usable_point(bytes: &[u8; 32]) -> Answer<bool> {
    let mut y = *bytes;
    if let Some(last) = y.last_mut() {
        *last &= 0x7F;
    }
    if SMALL_ORDER.contains(&y) {
        return Ok(false);
    }
    y.reverse();
    numbers::is_edwards25519_y(&y)
}
