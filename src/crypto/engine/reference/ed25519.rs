//! Ed25519 and Ed25519ph (RFC 8032) over `ed25519-dalek`, which has no Ed25519ctx.

use super::{Answer, Failure, refused, require};
pub use crate::sys::primitives::ed25519::{SIGNATURE_LEN, Variant};
use ed25519_dalek::{Signature, Signer, SigningKey, Verifier, VerifyingKey};
use sha2::digest::consts::U64;
use sha2::digest::{FixedOutput, HashMarker, Output, OutputSizeUser, Update};

/// Makes a key pair of a seed. The private key is the seed followed by the public key.
pub fn key_pair(seed: &[u8; 32], public: &mut [u8; 32], private: &mut [u8; 64]) {
    let key = SigningKey::from_bytes(seed);
    *public = key.verifying_key().to_bytes();
    *private = key.to_keypair_bytes();
}

/// Whether the crate has the variant: all but that with a context and the message itself.
pub const fn takes(variant: Variant<'_>) -> bool {
    matches!(variant, Variant::Pure | Variant::Prehashed(_))
}

/// Signs `message`, or its digest where the variant says so.
pub fn sign(
    private: &[u8; 64],
    variant: Variant<'_>,
    message: &[u8],
    out: &mut [u8; SIGNATURE_LEN],
) -> Answer<()> {
    let (seed, _) = private.split_first_chunk::<32>().ok_or(Failure::MISUSE)?;
    let key = SigningKey::from_bytes(seed);
    let signature = match variant {
        Variant::Pure => key.try_sign(message),
        Variant::Context(_) => return Err(Failure::MISUSE),
        Variant::Prehashed(context) => {
            require(context.len() <= 255)?;
            key.sign_prehashed(Given::new(message)?, Some(context))
        }
    };
    *out = signature.map_err(refused)?.to_bytes();
    Ok(())
}

/// Verifies a signature of `message`, or of its digest where the variant says so.
pub fn verify(
    public: &[u8; 32],
    variant: Variant<'_>,
    message: &[u8],
    signature: &[u8; SIGNATURE_LEN],
) -> Answer<()> {
    let key = VerifyingKey::from_bytes(public).map_err(refused)?;
    let signature = Signature::from_bytes(signature);
    match variant {
        Variant::Pure => key.verify(message, &signature),
        Variant::Context(_) => return Err(Failure::MISUSE),
        Variant::Prehashed(context) => {
            require(context.len() <= 255)?;
            key.verify_prehashed(Given::new(message)?, Some(context), &signature)
        }
    }
    .map_err(refused)
}

/// Whether the bytes are a point of the curve (RFC 8032, 5.1.3), in the one right encoding and not of
/// small order, so that it can be somebody's public key.
pub fn is_usable_point(bytes: &[u8; 32]) -> Answer<bool> {
    let Ok(key) = VerifyingKey::from_bytes(bytes) else { return Ok(false) };
    // The crate reads a y that is not reduced, and writes it reduced.
    Ok(!key.is_weak() && key.to_edwards().compress().to_bytes() == *bytes)
}

/// A digest that is there already, in the form of a hash function that has taken its message.
#[derive(Clone)]
struct Given([u8; 64]);

impl Given {
    fn new(digest: &[u8]) -> Answer<Self> {
        digest.try_into().map(Self).map_err(refused)
    }
}

impl Default for Given {
    fn default() -> Self {
        Self([0; 64])
    }
}

impl OutputSizeUser for Given {
    type OutputSize = U64;
}

impl Update for Given {
    fn update(&mut self, _: &[u8]) {}
}

impl FixedOutput for Given {
    fn finalize_into(self, out: &mut Output<Self>) {
        out.copy_from_slice(&self.0);
    }
}

impl HashMarker for Given {}
