//! The words in which an engine is asked: hash functions, modes, curves, parameter sets, their lengths, and what a
//! refusal is. Both engines speak them: [`super::aws_lc`] and the reference engine in `crypto::engine`.
//!
//! May live here: plain data, and numbers that follow from a standard. May not: a computation of any engine.

mod failure;

pub mod aead;
pub mod ccm;
pub mod chacha20;
pub mod cipher;
pub mod dh;
pub mod digest;
pub mod ec;
pub mod ed25519;
pub mod keccak;
pub mod key_wrap;
pub mod ml_dsa;
pub mod ml_kem;
pub mod rsa;
pub mod x25519;
pub mod xts;

pub use failure::{Answer, Failure};
