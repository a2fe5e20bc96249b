//! Which library does the work of a mechanism: for `docs/mechanisms.md`, and for nobody who computes.

use super::mechanism::{Raw, Row};
use crate::ck::names;
use std::fmt;

/// Who computes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Library {
    /// The engine ([`super::engine`]).
    Engine,
    /// The module's random generator ([`super::random`]).
    Generator,
    /// Code of this floor, which puts together what the library after it computes, or joins bytes as they are.
    Own,
    /// A crate by its name, for what the engine does not have.
    Crate(&'static str),
}

use Library::{Crate, Engine, Generator, Own};

/// Mechanisms by the beginnings of their names, and who computes them; the first that fits counts.
const EXCEPTIONS: &[(&str, &[Library])] = &[
    ("CKM_RSA_PKCS_KEY_PAIR_GEN", &[Engine, Crate("crypto-primes")]),
    ("CKM_EC_KEY_PAIR_GEN_W_EXTRA_BITS", &[Engine, Crate("crypto-bigint")]),
    (
        "CKM_KEYWARD_ECDSA_DETERMINISTIC",
        &[Crate("ecdsa"), Crate("p256"), Crate("p384"), Crate("p521"), Crate("k256"), Crate("sha2")],
    ),
    ("CKM_KEYWARD_PBES2", &[Own, Engine, Crate("pkcs5")]),
    ("CKM_RSA_AES_KEY_WRAP", &[Own, Engine]),
    ("CKM_ECDH", &[Own, Engine]),
    ("CKM_ML_DSA_KEY_PAIR_GEN", &[Engine]),
    ("CKM_ML_DSA", &[Engine, Crate("ml-dsa")]),
    ("CKM_HASH_ML_DSA", &[Engine, Crate("ml-dsa")]),
    ("CKM_SLH_DSA", &[Crate("slh-dsa")]),
    ("CKM_HASH_SLH_DSA", &[Crate("slh-dsa")]),
    ("CKM_BLAKE2B_", &[Crate("blake2")]),
    ("CKM_AES_XTS", &[Engine, Crate("xts-mode"), Crate("aes")]),
    ("CKM_AES_CTS", &[Engine, Crate("cts"), Crate("aes")]),
    ("CKM_SP800_108_", &[Own, Engine]),
    ("CKM_SSL3_PRE_MASTER_KEY_GEN", &[Generator]),
    ("CKM_TLS_PRE_MASTER_KEY_GEN", &[Generator]),
    ("CKM_TLS", &[Own, Engine]),
];

/// The libraries of a mechanism. Secret keys come from the generator; everything that is not named here is the engine's.
pub fn of(row: &Row) -> &'static [Library] {
    if row.ops.generate.is_some() {
        return &[Generator];
    }
    if row.ops.derivation.is_some_and(|derivation| derivation.raw != Raw::No) {
        return &[Own];
    }
    let name = names::mechanism_name(row.ckm);
    EXCEPTIONS.iter().find(|(beginning, _)| name.starts_with(beginning)).map_or(&[Engine], |(_, all)| all)
}

impl fmt::Display for Library {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Engine => f.write_str("AWS-LC"),
            Generator => f.write_str("`rand_chacha`"),
            Own => f.write_str("keyward"),
            Crate(name) => write!(f, "`{name}`"),
        }
    }
}
