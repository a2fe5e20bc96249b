//! Floor 3: the algorithms, one file each, and one table of all mechanisms. Works on [`material`]
//! and bytes; knows no objects, no sessions, no policy.
#![forbid(unsafe_code)]

mod aead;
pub mod aes;
pub mod aes_cbc;
pub mod aes_ccm;
pub mod aes_ctr;
pub mod aes_ecb;
pub mod aes_gcm;
pub mod aes_key_wrap;
pub mod attest;
pub mod chacha20_poly1305;
pub mod check_value;
mod collected;
pub mod der;
pub mod digest;
pub mod ec;
pub mod ecdh;
pub mod ecdsa;
pub mod eddsa;
pub mod engine;
pub mod generic_secret;
pub mod hmac;
mod iv;
pub mod material;
pub mod mechanism;
mod messages;
pub mod ml_kem;
pub mod pkcs8;
mod public;
pub mod random;
pub mod rsa;
pub mod rsa_oaep;
pub mod rsa_pkcs1;
pub mod rsa_pss;
pub mod rsa_raw;
mod rsa_unpad;
pub mod seal;
pub mod self_test;
mod start;
pub mod table;
#[cfg(test)]
mod tests;

use crate::ck::{CK_KEY_TYPE, Result};
use crate::secret::Secret;
pub use material::{Curve, Material, MlKemPrivate, Pair, RsaPrivate};
pub use mechanism::{Context, Ops, Row};

/// A secret key of a caller's bytes: as long as its type wants it (`CKR_ATTRIBUTE_VALUE_INVALID`).
pub fn import_secret(kind: CK_KEY_TYPE, value: &Secret) -> Result<Material> {
    match kind {
        cryptoki_sys::CKK_AES => aes::import(value.expose()),
        cryptoki_sys::CKK_CHACHA20 => chacha20_poly1305::import(value.expose()),
        _ => generic_secret::import(value.expose()),
    }
}

pub use public::{public_key_info, public_of};
