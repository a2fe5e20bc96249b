//! The engine: the library that computes what the algorithms of this floor choose, check and order.
//!
//! There are two. AWS-LC (feature `aws-lc`, the default) is the fast one; the reference engine (feature
//! `reference`) is Rust alone. A file a family holds the traits that both implement and the types of the one that
//! runs, so that a call goes straight to it. No other file of the floor names a cryptographic library where two can
//! do the work. What has one home in every build (the generator, the seals of the store, SLH-DSA) is not here.
//!
//! Where both features are asked for, AWS-LC runs. Test builds with AWS-LC hold both, and compare them
//! (`compared`). What the reference engine lacks: docs/engines.md.

#[macro_use]
mod contract;

pub mod aead;
pub mod ccm;
pub mod chacha20;
pub mod cipher;
pub mod cmac;
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
pub mod ml_dsa_deterministic;
pub mod ml_kem;
pub mod numbers;
pub mod rsa;
pub mod x25519;
pub mod xts;

#[cfg(any(feature = "reference", test))]
pub mod reference;

#[cfg(feature = "aws-lc")]
#[cfg(test)]
mod compared;

#[cfg(feature = "aws-lc")]
use crate::sys::aws_lc as chosen;
#[cfg(not(feature = "aws-lc"))]
use reference as chosen;

#[cfg(not(any(feature = "aws-lc", feature = "reference")))]
compile_error!("an engine is needed: feature `aws-lc` (the default) or feature `reference`");

use crate::ck::CK_MECHANISM_TYPE;
pub use crate::sys::primitives::{Answer, Failure};

/// AWS-LC, where an engine as a whole is meant.
#[cfg(feature = "aws-lc")]
#[derive(Clone, Copy, Debug)]
pub struct AwsLc;

/// The reference engine, where an engine as a whole is meant.
#[cfg(any(feature = "reference", test))]
#[derive(Clone, Copy, Debug)]
pub struct Reference;

/// Mechanisms whose row stands in the table and that the engine cannot compute: they are not announced.
pub(super) const LACKING: &[CK_MECHANISM_TYPE] = chosen::LACKING;

/// Whether the engine must not be called any more, because the process is taking its libraries down.
#[inline]
pub fn has_ended() -> bool {
    chosen::lifetime::ended()
}
