//! Ed25519, Ed25519ctx and Ed25519ph (RFC 8032). Keys are plain bytes here; AWS-LC keeps nothing.

use super::Answer;
use super::error::{require, succeeded};
use super::numbers;
use aws_lc_sys::{
    ED25519_keypair_from_seed, ED25519_sign, ED25519_verify, ED25519ctx_sign, ED25519ctx_verify,
    ED25519ph_sign_digest, ED25519ph_verify_digest,
};

use crate::sys::primitives::ed25519::SMALL_ORDER;
pub use crate::sys::primitives::ed25519::{SIGNATURE_LEN, Variant};

/// Makes a key pair of a seed. The private key of AWS-LC is the seed followed by the public key.
pub fn key_pair(seed: &[u8; 32], public: &mut [u8; 32], private: &mut [u8; 64]) {
    // SAFETY: the three arrays have the lengths that the function reads and writes.
    unsafe { ED25519_keypair_from_seed(public.as_mut_ptr(), private.as_mut_ptr(), seed.as_ptr()) };
}

/// Whether AWS-LC has the variant: all three.
pub const fn takes(_: Variant<'_>) -> bool {
    true
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
