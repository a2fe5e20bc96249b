//! Floor 3: the algorithms, one file each, and one table of all mechanisms. Works on [`material`]
//! and bytes; knows no objects, no sessions, no policy.
#![forbid(unsafe_code)]

mod aead;
pub mod aes;
pub mod aes_cbc;
pub mod aes_ccm;
pub mod aes_cmac;
pub mod aes_ctr;
pub mod aes_cts;
pub mod aes_ecb;
pub mod aes_encrypt_data;
pub mod aes_feedback;
pub mod aes_gcm;
pub mod aes_gmac;
pub mod aes_key_wrap;
pub mod aes_xts;
pub mod attest;
pub mod blake2b;
mod block_mac;
mod blocks;
pub mod chacha20;
pub mod chacha20_poly1305;
pub mod check_value;
mod collected;
mod curve;
#[cfg(feature = "curve448")]
mod curve448;
pub mod der;
pub mod dh;
pub mod digest;
pub mod ec;
pub mod ec_extra_bits;
pub mod ecdh;
pub mod ecdh_aes_key_wrap;
mod ecdh_kdf;
pub mod ecdsa;
pub mod ecdsa_deterministic;
pub mod eddsa;
pub mod engine;
#[cfg(test)]
mod generated;
pub mod generic_secret;
pub mod hash_derivation;
pub mod hkdf;
pub mod hmac;
mod iv;
pub mod joining;
pub mod library;
pub mod material;
pub mod mechanism;
mod message_hash;
mod messages;
pub mod ml_dsa;
pub mod ml_kem;
pub mod montgomery;
pub mod parameter_set;
pub mod password_wrap;
mod pbkdf2;
pub mod pkcs8;
mod prf;
mod public;
pub mod random;
pub mod rsa;
pub mod rsa_aes_key_wrap;
mod rsa_block;
pub mod rsa_generation;
mod rsa_kem;
mod rsa_numbers;
pub mod rsa_oaep;
pub mod rsa_pkcs1;
pub mod rsa_pss;
pub mod rsa_raw;
pub mod rsa_unpad;
pub mod seal;
pub mod self_test;
mod signature_context;
pub mod slh_dsa;
pub mod sp800_108;
mod start;
pub mod table;
#[cfg(test)]
mod tests;
pub mod tls12;
pub mod tls_prf;
pub mod triple_des;

use crate::ck::{CK_KEY_TYPE, Result};
use crate::secret::Secret;
use cryptoki_sys::{CKK_AES, CKK_AES_XTS, CKK_CHACHA20, CKK_DES2, CKK_DES3};
pub use material::{Curve, Material, MlDsaPrivate, MlKemPrivate, Pair, RsaPrivate};
pub use mechanism::{Context, Ops, Row};
pub use montgomery::Montgomery;
pub use parameter_set::ParameterSet;

/// Whether keys of this type are for one MAC that is made of a hash function.
pub const fn is_mac_key_type(kind: CK_KEY_TYPE) -> bool {
    use cryptoki_sys::*;
    matches!(
        kind,
        CKK_SHA_1_HMAC
            | CKK_SHA224_HMAC
            | CKK_SHA256_HMAC
            | CKK_SHA384_HMAC
            | CKK_SHA512_HMAC
            | CKK_SHA512_224_HMAC
            | CKK_SHA512_256_HMAC
            | CKK_SHA512_T_HMAC
            | CKK_SHA3_224_HMAC
            | CKK_SHA3_256_HMAC
            | CKK_SHA3_384_HMAC
            | CKK_SHA3_512_HMAC
            | CKK_BLAKE2B_160_HMAC
            | CKK_BLAKE2B_256_HMAC
            | CKK_BLAKE2B_384_HMAC
            | CKK_BLAKE2B_512_HMAC
    )
}

/// A secret key of a caller's bytes: as its type wants it (`CKR_ATTRIBUTE_VALUE_INVALID`).
pub fn import_secret(kind: CK_KEY_TYPE, value: &Secret) -> Result<Material> {
    match kind {
        CKK_AES => aes::import(value.expose()),
        CKK_AES_XTS => aes_xts::import(value.expose()),
        CKK_CHACHA20 => chacha20_poly1305::import(value.expose()),
        CKK_DES2 | CKK_DES3 => triple_des::import(kind, value.expose()),
        _ => generic_secret::import(kind, value.expose()),
    }
}

/// Length in bytes of a secret key whose type has but one; `None` for other types.
pub const fn only_len(kind: CK_KEY_TYPE) -> Option<usize> {
    match kind {
        CKK_CHACHA20 => Some(chacha20_poly1305::KEY),
        kind => triple_des::key_len(kind),
    }
}

/// Whether secret keys of a type may have any length, up to [`hmac::MAX_KEY_LEN`].
pub const fn is_of_any_len(kind: CK_KEY_TYPE) -> bool {
    !matches!(kind, CKK_AES | CKK_AES_XTS) && only_len(kind).is_none()
}

/// Whether a secret key of the type may have so many bytes.
pub fn takes_len(kind: CK_KEY_TYPE, len: usize) -> bool {
    match (kind, only_len(kind)) {
        (CKK_AES, _) => aes::is_key_len(len),
        (CKK_AES_XTS, _) => aes_xts::is_key_len(len),
        (_, Some(only)) => len == only,
        _ => (1..=hmac::MAX_KEY_LEN as usize).contains(&len),
    }
}

pub use public::{public_key_info, public_of};
