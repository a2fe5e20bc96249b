//! AWS-LC: one thin safe layer over the functions of `aws-lc-sys` that the module uses, a file a family.
//!
//! May live here: owners of C objects, and calls with their lengths checked. May not: choosing an
//! algorithm, a padding or a policy. No raw pointer leaves; no structure of AWS-LC is touched by field, but
//! the contexts in `hash_state`, whose fields its header makes public.
//!
//! The rules, each kept by construction:
//! every object has one owner, which frees it; lengths are checked before C sees them, and outputs are
//! slices of exactly the promised size; a failing call leaves AWS-LC's error queue empty; only keys that
//! nobody changes any more are `Sync`; an RSA object of before a fork is neither used nor freed after it.

pub mod lifetime;
pub mod memory;

mod error;
mod owner;

pub mod aead;
pub mod ccm;
pub mod chacha20;
pub mod cipher;
pub mod cmac;
#[cfg(test)]
pub mod compositions;
pub mod derivation;
pub mod dh;
pub mod digest;
pub mod ec;
pub mod ed25519;
pub mod hash_state;
pub mod keccak;
pub mod key_wrap;
pub mod mac;
pub mod ml_dsa;
pub mod ml_kem;
pub mod numbers;
pub mod rsa;
pub mod x25519;
pub mod xts;

pub use error::{Answer, Failure};

/// Mechanisms of the table that AWS-LC cannot compute: none.
pub const LACKING: &[crate::ck::CK_MECHANISM_TYPE] = &[];
