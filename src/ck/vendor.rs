//! The vendor attributes, mechanisms and reason codes of keyward: numbers that clients see. `include/keyward.h`
//! holds the same numbers for C, and a test compares the two.

use super::{CK_ATTRIBUTE_TYPE, CK_MECHANISM_TYPE};

/// Every number of ours has this prefix: `CKA_VENDOR_DEFINED` and the letters "KW".
const BASE: CK_ATTRIBUTE_TYPE = 0x8000_0000 | 0x4B57_0000;

macro_rules! vendor_attributes {
    ($($(#[$doc:meta])* $name:ident = $number:literal,)*) => {
        $($(#[$doc])* pub const $name: CK_ATTRIBUTE_TYPE = BASE | $number;)*
        /// Name and number of each vendor attribute.
        pub const VENDOR_ATTRIBUTES: &[(&str, CK_ATTRIBUTE_TYPE)] = &[$((stringify!($name), $name),)*];
    };
}

vendor_attributes! {
    /// Lifecycle state, a `CK_ULONG`: the numbers of KMIP 2.1, 11.54 (1 pre-active .. 6 destroyed compromised), 7 suspended.
    CKA_KEYWARD_STATE = 0x01,
    /// The one purpose of the key, a `CK_ULONG`; 0 while it is not bound yet.
    CKA_KEYWARD_PURPOSE = 0x02,
    /// When the object came into being, seconds since 1970 as a `CK_ULONG`.
    CKA_KEYWARD_INITIAL_DATE = 0x03,
    /// Start of the originator window (KMIP Activation Date).
    CKA_KEYWARD_ACTIVATION_DATE = 0x04,
    /// Start of the recipient window (KMIP Process Start Date).
    CKA_KEYWARD_PROCESS_START_DATE = 0x05,
    /// End of the originator window, exclusive (KMIP Protect Stop Date).
    CKA_KEYWARD_PROTECT_STOP_DATE = 0x06,
    /// End of the recipient window, exclusive (KMIP Deactivation Date).
    CKA_KEYWARD_DEACTIVATION_DATE = 0x07,
    /// When the key's material was destroyed.
    CKA_KEYWARD_DESTROY_DATE = 0x08,
    /// When the compromise is believed to have happened.
    CKA_KEYWARD_COMPROMISE_OCCURRENCE_DATE = 0x09,
    /// When the key was declared compromised.
    CKA_KEYWARD_COMPROMISE_DATE = 0x0A,
    /// Reason of the last revocation, a `CK_ULONG`: the numbers of KMIP 2.1, 11.47.
    CKA_KEYWARD_REVOCATION_REASON = 0x0B,
    /// The words that came with it, UTF-8.
    CKA_KEYWARD_REVOCATION_MESSAGE = 0x0C,
    /// Where the key came from, a `CK_ULONG`: 1 generated, 2 imported, 3 unwrapped, 4 derived, 5 copied.
    CKA_KEYWARD_ORIGIN = 0x0D,
    /// History of transitions, one line each, UTF-8.
    CKA_KEYWARD_HISTORY = 0x0E,
    /// Identity shared by the two halves of a pair: 16 bytes.
    CKA_KEYWARD_PAIR = 0x0F,
    /// Whether parts of a secret key may be known, so that no part of it is made a key, a `CK_BBOOL`.
    CKA_KEYWARD_INDIVISIBLE = 0x10,
    /// Who has used the key, where an alarm asks for new callers: lines of uid and program, UTF-8.
    CKA_KEYWARD_CALLERS = 0x11,
    /// When the key first left wrapped, where the policy wants it backed up: seconds since 1970 as a `CK_ULONG`.
    CKA_KEYWARD_ESCROW_DATE = 0x12,
    /// Which generation of a key that is rotated this one is, a `CK_ULONG`; 1 is the first (KMIP Rotate Generation).
    CKA_KEYWARD_GENERATION = 0x20,
    /// `CKA_UNIQUE_ID` of the object that replaced this one (KMIP Link, Replacement Object).
    CKA_KEYWARD_REPLACEMENT = 0x21,
    /// `CKA_UNIQUE_ID` of the object that this one replaced (KMIP Link, Replaced Object).
    CKA_KEYWARD_REPLACED = 0x22,
    /// The limits of the policy on the key and what was counted of each, one line each, UTF-8; empty without limits.
    CKA_KEYWARD_LIMITS = 0x30,
    /// How many uses the limits on uses leave, a `CK_ULONG`; `CK_UNAVAILABLE_INFORMATION` where none is limited.
    CKA_KEYWARD_USES_LEFT = 0x31,
}

macro_rules! vendor_mechanisms {
    ($($(#[$doc:meta])* $name:ident = $number:literal,)*) => {
        $($(#[$doc])* pub const $name: CK_MECHANISM_TYPE = BASE | $number;)*
        /// Name and number of each vendor mechanism, in the order of the numbers.
        pub const VENDOR_MECHANISMS: &[(&str, CK_MECHANISM_TYPE)] = &[$((stringify!($name), $name),)*];
    };
}

vendor_mechanisms! {
    /// Deterministic ECDSA (RFC 6979) of a digest of SHA-2, whose length tells the hash function. No parameter.
    CKM_KEYWARD_ECDSA_DETERMINISTIC = 0x01,
    /// Deterministic ECDSA with SHA-224. No parameter.
    CKM_KEYWARD_ECDSA_DETERMINISTIC_SHA224 = 0x02,
    /// Deterministic ECDSA with SHA-256. No parameter.
    CKM_KEYWARD_ECDSA_DETERMINISTIC_SHA256 = 0x03,
    /// Deterministic ECDSA with SHA-384. No parameter.
    CKM_KEYWARD_ECDSA_DETERMINISTIC_SHA384 = 0x04,
    /// Deterministic ECDSA with SHA-512. No parameter.
    CKM_KEYWARD_ECDSA_DETERMINISTIC_SHA512 = 0x05,
    /// A private key as `EncryptedPrivateKeyInfo` (RFC 5958, 3) under a password, which is a generic secret key. No parameter.
    CKM_KEYWARD_PBES2 = 0x06,
}

/// `ulMinorVersion` of the vendor tables; grows when a number is added.
pub const VENDOR_TABLE_VERSION: u32 = 5;
