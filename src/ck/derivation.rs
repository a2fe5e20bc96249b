//! The safe form of the parameters of key derivation: what [`super::Params`] holds for `C_DeriveKey` and for keys made
//! from passwords.

use super::{CK_MECHANISM_TYPE, CK_ULONG, ObjectHandle};
use std::fmt;
use zeroize::Zeroizing;

/// Bytes of a caller that may be as secret as a key: wiped when dropped, never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Hidden(Zeroizing<Vec<u8>>);

impl Hidden {
    /// Takes the bytes over.
    pub const fn new(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }

    /// The bytes, by name.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// How many bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl From<Vec<u8>> for Hidden {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hidden")
    }
}

/// Where the salt of HKDF comes from (PKCS#11 3.2, 6.62).
#[derive(Debug, PartialEq, Eq)]
pub enum Salt {
    /// There is none: as many zeros as the hash has bytes.
    Zeros,
    /// The caller's bytes.
    Data(Vec<u8>),
    /// The value of a key.
    Key(ObjectHandle),
}

/// `CK_HKDF_PARAMS` (PKCS#11 3.2, 6.62). What the asked steps do not use is absent.
#[derive(Debug, PartialEq, Eq)]
pub struct Hkdf {
    /// `CKM_SHA256`, ...
    pub hash: CK_MECHANISM_TYPE,
    /// The salt, where the extract step is asked for.
    pub extract: Option<Salt>,
    /// The info, where the expand step is asked for.
    pub expand: Option<Vec<u8>>,
}

/// How a number stands in the input of a pseudo-random function (PKCS#11 3.2, 6.42).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NumberFormat {
    /// The least significant byte first.
    pub little_endian: bool,
    /// Its width in bits.
    pub width: CK_ULONG,
}

/// One part of the input of a pseudo-random function: `CK_PRF_DATA_PARAM` (PKCS#11 3.2, 6.42).
#[derive(Debug, PartialEq, Eq)]
pub enum PrfData {
    /// The iteration variable; with a format where it is a counter.
    Iteration(Option<NumberFormat>),
    /// The counter beside an iteration variable that is none.
    Counter(NumberFormat),
    /// The length of all that is derived, in bits.
    Length {
        /// Whether segments count whole, and not only what the keys take of them.
        segments: bool,
        /// Its form.
        format: NumberFormat,
    },
    /// The caller's bytes.
    Bytes(Vec<u8>),
    /// The value of a key.
    Key(ObjectHandle),
}

/// `CK_SP800_108_KDF_PARAMS` and `CK_SP800_108_FEEDBACK_KDF_PARAMS` (PKCS#11 3.2, 6.42). The templates of further keys
/// are read where templates are read.
#[derive(Debug, PartialEq, Eq)]
pub struct Kbkdf {
    /// `CKM_SHA256_HMAC`, `CKM_AES_CMAC`, ...
    pub prf: CK_MECHANISM_TYPE,
    /// The parts of the input, in their order.
    pub data: Vec<PrfData>,
    /// The first K of the feedback mode.
    pub iv: Vec<u8>,
}

/// `CK_PKCS5_PBKD2_PARAMS2` or `CK_PKCS5_PBKD2_PARAMS` (PKCS#11 3.2, 6.37).
#[derive(Debug, PartialEq, Eq)]
pub struct Pbkd2 {
    /// The salt.
    pub salt: Vec<u8>,
    /// How many iterations a block takes.
    pub iterations: CK_ULONG,
    /// `CKP_PKCS5_PBKD2_HMAC_SHA256`, ...
    pub prf: CK_ULONG,
    /// The password.
    pub password: Hidden,
}

/// `CK_SSL3_RANDOM_DATA` (PKCS#11 3.2, 6.39).
#[derive(Debug, PartialEq, Eq)]
pub struct TlsRandoms {
    /// The client's random bytes.
    pub client: Vec<u8>,
    /// The server's random bytes.
    pub server: Vec<u8>,
}

/// What a TLS master secret is bound to.
#[derive(Debug, PartialEq, Eq)]
pub enum TlsSession {
    /// `CK_TLS12_MASTER_KEY_DERIVE_PARAMS`: the randoms (RFC 5246, 8.1).
    Randoms(TlsRandoms),
    /// `CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS`: the hash of the session (RFC 7627, 4).
    Hash(Vec<u8>),
}

/// `CK_TLS12_MASTER_KEY_DERIVE_PARAMS` and its extended kin (PKCS#11 3.2, 6.40).
#[derive(Debug, PartialEq, Eq)]
pub struct TlsMaster {
    /// `CKM_SHA256`, ...
    pub hash: CK_MECHANISM_TYPE,
    /// What the secret is bound to.
    pub session: TlsSession,
    /// Whether there is a place for the version in the premaster secret.
    pub wants_version: bool,
}

/// `CK_TLS12_KEY_MAT_PARAMS` (PKCS#11 3.2, 6.40). Lengths are in bits.
#[derive(Debug, PartialEq, Eq)]
pub struct TlsKeys {
    /// `CKM_SHA256`, ...
    pub hash: CK_MECHANISM_TYPE,
    /// Length of each MAC key.
    pub mac_bits: CK_ULONG,
    /// Length of each cipher key.
    pub key_bits: CK_ULONG,
    /// Length of each initialisation vector.
    pub iv_bits: CK_ULONG,
    /// The randoms of the session.
    pub randoms: TlsRandoms,
}

/// `CK_TLS_KDF_PARAMS` (PKCS#11 3.2, 6.40).
#[derive(Debug, PartialEq, Eq)]
pub struct TlsKdf {
    /// `CKM_SHA256`, ...
    pub hash: CK_MECHANISM_TYPE,
    /// The label.
    pub label: Vec<u8>,
    /// The randoms of the session.
    pub randoms: TlsRandoms,
    /// The context, where there is one: an empty one is another than none (RFC 5705, 4).
    pub context: Option<Vec<u8>>,
}

/// `CK_TLS_MAC_PARAMS` (PKCS#11 3.2, 6.40).
#[derive(Debug, PartialEq, Eq)]
pub struct TlsMac {
    /// `CKM_SHA256`, ...
    pub hash: CK_MECHANISM_TYPE,
    /// Length of the tag in bytes.
    pub len: CK_ULONG,
    /// 1 for the server's label, 2 for the client's.
    pub side: CK_ULONG,
}
