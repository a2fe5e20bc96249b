//! The reference engine: Rust alone, over the crates of RustCrypto and dalek. No C, no unsafe of ours, nothing that a
//! fork or the end of the process can hurt.
//!
//! May live here: choosing the crate's type for a word of [`crate::sys::primitives`], and joining a crate's parts where a
//! message comes in pieces. May not: a primitive of our own. What no crate has is refused, and stands in
//! docs/engines.md.
//!
//! Key objects lie in the process's ordinary memory; the crates wipe them when they are dropped.

mod block;
mod random;

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
pub mod lifetime;
pub mod mac;
pub mod ml_dsa;
pub mod ml_kem;
pub mod numbers;
pub mod rsa;
pub mod x25519;
pub mod xts;

use crate::ck::CK_MECHANISM_TYPE;
pub use crate::sys::primitives::{Answer, Failure};
use cryptoki_sys::CKM_AES_CFB1;

/// Mechanisms of the table that the crates cannot compute: cipher feedback by single bits.
pub const LACKING: &[CK_MECHANISM_TYPE] = &[CKM_AES_CFB1];

/// Goes on where the condition holds; the caller's lengths are wrong otherwise.
#[inline]
const fn require(condition: bool) -> Answer<()> {
    Failure::unless(condition)
}

/// A refusal of a crate, which gives no code.
fn refused<E>(_: E) -> Failure {
    Failure::MISUSE
}
