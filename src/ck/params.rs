//! The safe form of each mechanism parameter that the module understands. `sys::params` reads these
//! from a caller's memory; the algorithms and the law only ever see them.
//!
//! A shape that is not here cannot be judged, so a mechanism that needs it is not offered.

use super::names::mechanism_name;
use super::{CK_MECHANISM_TYPE, CK_ULONG};

/// One mechanism parameter, its bytes copied out of the caller's memory.
#[derive(Debug, PartialEq, Eq)]
pub enum Params {
    /// No parameter (`pParameter` NULL and length 0).
    None,
    /// An initialisation vector (AES-CBC and its kin; PKCS#11 3.2, 6.13).
    Iv(Vec<u8>),
    /// `CK_AES_CTR_PARAMS`: the counter block and how many of its low bits count.
    Ctr {
        /// Width of the counter in bits, 1..=128.
        counter_bits: CK_ULONG,
        /// The first counter block.
        block: [u8; 16],
    },
    /// `CK_GCM_PARAMS` (PKCS#11 3.2, 6.13.3).
    Gcm {
        /// The nonce, as the caller gave it.
        iv: Vec<u8>,
        /// Additional authenticated data.
        aad: Vec<u8>,
        /// Length of the tag in bits.
        tag_bits: CK_ULONG,
    },
    /// `CK_CCM_PARAMS` (PKCS#11 3.2, 6.13.4).
    Ccm {
        /// Length of the plaintext in bytes, as the caller announces it.
        data_len: CK_ULONG,
        /// The nonce.
        nonce: Vec<u8>,
        /// Additional authenticated data.
        aad: Vec<u8>,
        /// Length of the MAC in bytes.
        mac_len: CK_ULONG,
    },
    /// `CK_SALSA20_CHACHA20_POLY1305_PARAMS` (PKCS#11 3.2, 6.61).
    Poly1305 {
        /// The nonce.
        nonce: Vec<u8>,
        /// Additional authenticated data.
        aad: Vec<u8>,
    },
    /// `CK_RSA_PKCS_PSS_PARAMS`.
    Pss {
        /// `CKM_SHA256`, ...
        hash: CK_MECHANISM_TYPE,
        /// `CKG_MGF1_SHA256`, ...
        mgf: CK_ULONG,
        /// Length of the salt in bytes.
        salt_len: CK_ULONG,
    },
    /// `CK_RSA_PKCS_OAEP_PARAMS`.
    Oaep {
        /// `CKM_SHA256`, ...
        hash: CK_MECHANISM_TYPE,
        /// `CKG_MGF1_SHA256`, ...
        mgf: CK_ULONG,
        /// The encoding parameter P (the label).
        label: Vec<u8>,
    },
    /// `CK_ECDH1_DERIVE_PARAMS`.
    Ecdh1 {
        /// `CKD_NULL`, `CKD_SHA256_KDF`, ...
        kdf: CK_ULONG,
        /// Data shared between the two parties, for the KDF.
        shared: Vec<u8>,
        /// The other party's public point, as the caller sent it (raw or DER-wrapped).
        public: Vec<u8>,
    },
    /// `CK_EDDSA_PARAMS`. Absent for pure Ed25519 ([`Params::None`]).
    Eddsa {
        /// Prehashed variant (Ed25519ph).
        prehash: bool,
        /// The context, at most 255 bytes.
        context: Vec<u8>,
    },
}

impl Params {
    /// What a record says of the parameter: what decides how strong the operation is. No IV, no data, no label.
    pub fn summary(&self) -> String {
        match self {
            Self::None => String::new(),
            Self::Iv(iv) => format!("iv {} bytes", iv.len()),
            Self::Ctr { counter_bits, .. } => format!("counter {counter_bits} bits"),
            Self::Gcm { iv, aad, tag_bits } => {
                format!("iv {} bytes, aad {} bytes, tag {tag_bits} bits", iv.len(), aad.len())
            }
            Self::Ccm { nonce, aad, mac_len, .. } => {
                format!("nonce {} bytes, aad {} bytes, mac {mac_len} bytes", nonce.len(), aad.len())
            }
            Self::Poly1305 { nonce, aad } => format!("nonce {} bytes, aad {} bytes", nonce.len(), aad.len()),
            Self::Pss { hash, salt_len, .. } => format!("{}, salt {salt_len} bytes", mechanism_name(*hash)),
            Self::Oaep { hash, .. } => mechanism_name(*hash),
            Self::Ecdh1 { kdf, shared, .. } => format!("kdf {kdf:#x}, shared data {} bytes", shared.len()),
            Self::Eddsa { prehash, context } => format!("prehash {prehash}, context {} bytes", context.len()),
        }
    }
}

/// Which form a mechanism's parameter takes; `sys::params` reads by it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// None at all.
    None,
    /// An initialisation vector of so many bytes.
    Iv(usize),
    /// Nothing, or an initialisation vector of so many bytes.
    OptionalIv(usize),
    /// `CK_AES_CTR_PARAMS`.
    Ctr,
    /// `CK_GCM_PARAMS`.
    Gcm,
    /// `CK_CCM_PARAMS`.
    Ccm,
    /// `CK_SALSA20_CHACHA20_POLY1305_PARAMS`.
    Poly1305,
    /// `CK_RSA_PKCS_PSS_PARAMS`.
    Pss,
    /// `CK_RSA_PKCS_OAEP_PARAMS`.
    Oaep,
    /// `CK_ECDH1_DERIVE_PARAMS`.
    Ecdh1,
    /// Nothing, or `CK_EDDSA_PARAMS`.
    Eddsa,
}
