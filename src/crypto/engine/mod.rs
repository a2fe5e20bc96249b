//! The engine: the library that computes what the algorithms of this floor choose, check and order.
//!
//! No other file of the floor names a cryptographic library where two can do the work, so the one below can be
//! exchanged for another as a whole. What has one home in every build (the generator, the seals of the store, SLH-DSA)
//! is not here.

pub mod ml_dsa_deterministic;

pub use crate::sys::aws_lc::{
    Answer, Failure, aead, ccm, chacha20, cipher, cmac, derivation, digest, ec, ed25519, hash_state, keccak,
    key_wrap, mac, ml_dsa, ml_kem, numbers, rsa, x25519, xts,
};
