//! The safe form of each mechanism parameter that the module understands. `sys::params` reads these
//! from a caller's memory; the algorithms and the law only ever see them.
//!
//! A shape that is not here cannot be judged, so a mechanism that needs it is not offered.

use super::derivation::{Hidden, Hkdf, Kbkdf, Pbkd2, PrfData, Salt, TlsKdf, TlsKeys, TlsMac, TlsMaster};
use super::{CK_MECHANISM_TYPE, CK_ULONG, ObjectHandle};

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
    /// `CK_CHACHA20_PARAMS` (PKCS#11 3.2, 6.58).
    ChaCha20 {
        /// The counter of the first block, little-endian.
        counter: Vec<u8>,
        /// The nonce.
        nonce: Vec<u8>,
    },
    /// `CK_KEY_DERIVATION_STRING_DATA` (PKCS#11 3.2, 6.43).
    StringData(Hidden),
    /// `CK_AES_CBC_ENCRYPT_DATA_PARAMS` (PKCS#11 3.2, 6.17).
    AesCbcData {
        /// The initialisation vector.
        iv: [u8; 16],
        /// What is encrypted.
        data: Vec<u8>,
    },
    /// `CK_MAC_GENERAL_PARAMS`: length of the MAC in bytes.
    MacGeneral(CK_ULONG),
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
    /// `CK_RSA_AES_KEY_WRAP_PARAMS`.
    RsaAes {
        /// Size of the AES key that is made for the wrapping, in bits.
        aes_bits: CK_ULONG,
        /// How that key is wrapped: always [`Params::Oaep`].
        oaep: Box<Self>,
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
    /// `CK_ECDH_AES_KEY_WRAP_PARAMS`.
    EcdhAes {
        /// Length of the AES key that is agreed, in bits.
        aes_bits: CK_ULONG,
        /// `CKD_NULL`, `CKD_SHA256_KDF`, ...
        kdf: CK_ULONG,
        /// Data shared between the two parties, for the KDF.
        shared: Vec<u8>,
    },
    /// `CK_EDDSA_PARAMS`. Absent for pure Ed25519 ([`Params::None`]).
    Eddsa {
        /// Prehashed variant (Ed25519ph).
        prehash: bool,
        /// The context, at most 255 bytes.
        context: Vec<u8>,
    },
    /// The handle of a second key (PKCS#11 3.2, 6.43).
    Key(ObjectHandle),
    /// `CK_EXTRACT_PARAMS`: the first bit (PKCS#11 3.2, 6.43).
    Bit(CK_ULONG),
    /// The public value of the other party (PKCS#11 3.2, 6.4).
    Public(Vec<u8>),
    /// `CK_HKDF_PARAMS`.
    Hkdf(Hkdf),
    /// `CK_SP800_108_KDF_PARAMS` or `CK_SP800_108_FEEDBACK_KDF_PARAMS`.
    Kbkdf(Kbkdf),
    /// `CK_PKCS5_PBKD2_PARAMS2` or `CK_PKCS5_PBKD2_PARAMS`.
    Pbkd2(Pbkd2),
    /// `CK_VERSION`: major, minor (PKCS#11 3.2, 6.39).
    Version([u8; 2]),
    /// `CK_TLS12_MASTER_KEY_DERIVE_PARAMS` or `CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS`.
    TlsMaster(TlsMaster),
    /// `CK_TLS12_KEY_MAT_PARAMS`.
    TlsKeys(TlsKeys),
    /// `CK_TLS_KDF_PARAMS`.
    TlsKdf(TlsKdf),
    /// `CK_TLS_MAC_PARAMS`.
    TlsMac(TlsMac),
    /// `CK_SIGN_ADDITIONAL_CONTEXT` (PKCS#11 3.2, ML-DSA). Absent where the caller has none ([`Params::None`]).
    SignatureContext {
        /// `CKH_HEDGE_PREFERRED`, ...
        hedge: CK_ULONG,
        /// The context, at most 255 bytes.
        context: Vec<u8>,
    },
    /// `CK_HASH_SIGN_ADDITIONAL_CONTEXT` (PKCS#11 3.2, ML-DSA).
    HashSignatureContext {
        /// `CKH_HEDGE_PREFERRED`, ...
        hedge: CK_ULONG,
        /// The context, at most 255 bytes.
        context: Vec<u8>,
        /// `CKM_SHA256`, ...: what made the caller's digest.
        hash: CK_MECHANISM_TYPE,
    },
}

impl Params {
    /// The handles of the keys that go into a derivation beside the base key, in their order. The same key may stand
    /// there twice.
    pub fn second_keys(&self) -> Vec<ObjectHandle> {
        match self {
            Self::Key(handle) | Self::Hkdf(Hkdf { extract: Some(Salt::Key(handle)), .. }) => vec![*handle],
            Self::Kbkdf(kbkdf) => {
                let keys = kbkdf.data.iter().filter_map(|part| match part {
                    PrfData::Key(handle) => Some(*handle),
                    _ => None,
                });
                keys.collect()
            }
            _ => Vec::new(),
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
    /// `CK_CHACHA20_PARAMS`.
    ChaCha20,
    /// `CK_KEY_DERIVATION_STRING_DATA`.
    StringData,
    /// `CK_AES_CBC_ENCRYPT_DATA_PARAMS`.
    AesCbcData,
    /// `CK_MAC_GENERAL_PARAMS`.
    MacGeneral,
    /// `CK_RSA_PKCS_PSS_PARAMS`.
    Pss,
    /// `CK_RSA_PKCS_OAEP_PARAMS`.
    Oaep,
    /// `CK_RSA_AES_KEY_WRAP_PARAMS`.
    RsaAes,
    /// `CK_ECDH1_DERIVE_PARAMS`.
    Ecdh1,
    /// `CK_ECDH_AES_KEY_WRAP_PARAMS`.
    EcdhAes,
    /// Nothing, or `CK_EDDSA_PARAMS`.
    Eddsa,
    /// `CK_OBJECT_HANDLE`.
    Key,
    /// `CK_EXTRACT_PARAMS`.
    Bit,
    /// Nothing, or a public value.
    Public,
    /// `CK_HKDF_PARAMS`.
    Hkdf,
    /// `CK_SP800_108_KDF_PARAMS`.
    Kbkdf,
    /// `CK_SP800_108_FEEDBACK_KDF_PARAMS`.
    FeedbackKdf,
    /// `CK_PKCS5_PBKD2_PARAMS2` or `CK_PKCS5_PBKD2_PARAMS`.
    Pbkd2,
    /// `CK_VERSION`.
    Version,
    /// `CK_TLS12_MASTER_KEY_DERIVE_PARAMS`.
    TlsMaster,
    /// `CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS`.
    TlsExtendedMaster,
    /// `CK_TLS12_KEY_MAT_PARAMS`.
    TlsKeys,
    /// `CK_TLS_KDF_PARAMS`.
    TlsKdf,
    /// `CK_TLS_MAC_PARAMS`.
    TlsMac,
    /// Nothing, or `CK_SIGN_ADDITIONAL_CONTEXT`.
    SignatureContext,
    /// `CK_HASH_SIGN_ADDITIONAL_CONTEXT`.
    HashSignatureContext,
}
