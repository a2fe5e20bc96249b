//! What the law reads of an object: facts, no secrets, no strings that it must parse.

use crate::ck::date::UtcSeconds;
use crate::ck::mechanism::TLS_SECRET_MECHANISMS;
use crate::ck::names::{class_name, key_type_name};
use crate::ck::{CK_KEY_TYPE, CK_MECHANISM_TYPE, CK_OBJECT_CLASS};
use crate::crypto::{Curve, ParameterSet};
use cryptoki_sys::CKO_SECRET_KEY;

/// Lifecycle state of NIST SP 800-57 Part 1 Rev. 5, section 7.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum State {
    /// Made, not yet in force.
    PreActive = 1,
    /// In its crypto-period.
    Active = 2,
    /// Past its originator period; processes what is already protected.
    Deactivated = 3,
    /// Known or suspected to be in other hands.
    Compromised = 4,
    /// Material erased.
    Destroyed = 5,
    /// Compromised and erased.
    DestroyedCompromised = 6,
    /// Stopped for a while.
    Suspended = 7,
}

/// The one thing a key is for (SP 800-57 Part 1 Rev. 5, 5.2).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Purpose {
    /// Digital signatures and their verification.
    Sign = 1,
    /// Message authentication codes.
    Mac = 2,
    /// Encryption of data.
    Encrypt = 3,
    /// Wrapping of keys.
    Wrap = 4,
    /// Key agreement.
    Agree = 5,
    /// Derivation of keys from a key.
    Derive = 6,
    /// Key encapsulation.
    Encapsulate = 7,
}

/// Where a key came from.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Origin {
    /// Made here.
    Generated = 1,
    /// Brought in by C_CreateObject.
    Imported = 2,
    /// Brought in by C_UnwrapKey.
    Unwrapped = 3,
    /// Derived here.
    Derived = 4,
    /// A copy of another object.
    Copied = 5,
}

/// Facts of one object. Compiled once when the object is loaded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyFacts {
    /// `CKO_...`
    pub class: CK_OBJECT_CLASS,
    /// `CKK_...`; `None` for objects that are no keys.
    pub key_type: Option<CK_KEY_TYPE>,
    /// Size of the key in bits; 0 where there is no key.
    pub bits: u32,
    /// The curve, for EC keys.
    pub curve: Option<Curve>,
    /// The parameter set, for keys of the post-quantum algorithms.
    pub parameter_set: Option<ParameterSet>,
    /// `CKA_LABEL`, UTF-8 made valid.
    pub label: String,
    /// `CKA_ID`.
    pub id: Vec<u8>,
    /// `CKA_TOKEN`.
    pub token: bool,
    /// `CKA_PRIVATE`.
    pub private: bool,
    /// `CKA_SENSITIVE`.
    pub sensitive: bool,
    /// `CKA_EXTRACTABLE`.
    pub extractable: bool,
    /// `CKA_TRUSTED`.
    pub trusted: bool,
    /// `CKA_WRAP_WITH_TRUSTED`.
    pub wrap_with_trusted: bool,
    /// `CKA_ALWAYS_AUTHENTICATE`.
    pub always_authenticate: bool,
    /// `CKA_KEYWARD_INDIVISIBLE`.
    pub indivisible: bool,
    /// `CKA_LOCAL`: made here by C_GenerateKey or C_GenerateKeyPair, or a copy of such a key.
    pub local: bool,
    /// `CKA_ALWAYS_SENSITIVE`.
    pub always_sensitive: bool,
    /// `CKA_NEVER_EXTRACTABLE`.
    pub never_extractable: bool,
    /// `CKA_MODIFIABLE`.
    pub modifiable: bool,
    /// `CKA_COPYABLE`.
    pub copyable: bool,
    /// `CKA_DESTROYABLE`.
    pub destroyable: bool,
    /// The usage attributes that are true.
    pub usage: Usage,
    /// `CKA_ALLOWED_MECHANISMS`; empty allows all.
    pub allowed_mechanisms: Vec<CK_MECHANISM_TYPE>,
    /// Where it came from.
    pub origin: Origin,
    /// Lifecycle state as recorded (dates are judged at the moment of use).
    pub state: State,
    /// The purpose, once it is bound.
    pub purpose: Option<Purpose>,
    /// When it was made; 0 where that is not known.
    pub initial_date: UtcSeconds,
    /// `CKA_KEYWARD_GENERATION`: how often it gave way to a new one, counted from 1.
    pub generation: u64,
    /// Originator window `[from, to)`.
    pub protect: Window,
    /// Recipient window `[from, to)`.
    pub process: Window,
}

impl KeyFacts {
    /// What the object is, in a few words for the record.
    pub fn summary(&self) -> String {
        let mut text = class_name(self.class);
        if let Some(key_type) = self.key_type {
            text.push_str(&format!(" {} {} bits", key_type_name(key_type), self.bits));
        }
        for (is, word) in [
            (self.token, "token"),
            (self.private, "private"),
            (self.sensitive, "sensitive"),
            (self.extractable, "extractable"),
        ] {
            if is {
                text.push_str(&format!(", {word}"));
            }
        }
        text
    }

    /// Whether the key is for the pseudo-random function of TLS alone. Then a MAC with it is a derivation under another
    /// name, and of labels that derive no key.
    #[inline]
    pub fn is_tls_secret(&self) -> bool {
        self.class == CKO_SECRET_KEY
            && !self.allowed_mechanisms.is_empty()
            && self.allowed_mechanisms.iter().all(|ckm| TLS_SECRET_MECHANISMS.contains(ckm))
    }
}

/// A half-open span of UTC seconds; `None` is open on that side.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Window {
    /// First second inside.
    pub from: Option<UtcSeconds>,
    /// First second outside.
    pub to: Option<UtcSeconds>,
}

/// The usage attributes of a key, as a set.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Usage(pub u16);

impl Usage {
    /// `CKA_ENCRYPT`
    pub const ENCRYPT: Self = Self(1);
    /// `CKA_DECRYPT`
    pub const DECRYPT: Self = Self(1 << 1);
    /// `CKA_SIGN`
    pub const SIGN: Self = Self(1 << 2);
    /// `CKA_SIGN_RECOVER`
    pub const SIGN_RECOVER: Self = Self(1 << 3);
    /// `CKA_VERIFY`
    pub const VERIFY: Self = Self(1 << 4);
    /// `CKA_VERIFY_RECOVER`
    pub const VERIFY_RECOVER: Self = Self(1 << 5);
    /// `CKA_WRAP`
    pub const WRAP: Self = Self(1 << 6);
    /// `CKA_UNWRAP`
    pub const UNWRAP: Self = Self(1 << 7);
    /// `CKA_DERIVE`
    pub const DERIVE: Self = Self(1 << 8);
    /// `CKA_ENCAPSULATE`
    pub const ENCAPSULATE: Self = Self(1 << 9);
    /// `CKA_DECAPSULATE`
    pub const DECAPSULATE: Self = Self(1 << 10);

    /// Whether all of `other` is in this set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both sets together.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl Window {
    /// Whether the moment lies inside.
    pub fn holds(&self, now: UtcSeconds) -> bool {
        self.from.is_none_or(|from| from <= now) && self.to.is_none_or(|to| now < to)
    }
}

impl State {
    /// The state of a number in the store or an attribute.
    pub const fn from_number(number: u64) -> Option<Self> {
        Some(match number {
            1 => Self::PreActive,
            2 => Self::Active,
            3 => Self::Deactivated,
            4 => Self::Compromised,
            5 => Self::Destroyed,
            6 => Self::DestroyedCompromised,
            7 => Self::Suspended,
            _ => return None,
        })
    }

    /// The word of the policy language.
    pub const fn word(self) -> &'static str {
        match self {
            Self::PreActive => "pre-active",
            Self::Active => "active",
            Self::Deactivated => "deactivated",
            Self::Compromised => "compromised",
            Self::Destroyed => "destroyed",
            Self::DestroyedCompromised => "destroyed-compromised",
            Self::Suspended => "suspended",
        }
    }
}

impl Origin {
    /// The origin of a number in the store or an attribute.
    pub const fn from_number(number: u64) -> Option<Self> {
        Some(match number {
            1 => Self::Generated,
            2 => Self::Imported,
            3 => Self::Unwrapped,
            4 => Self::Derived,
            5 => Self::Copied,
            _ => return None,
        })
    }
}

impl Origin {
    /// The word of the policy language.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Generated => "generated",
            Self::Imported => "imported",
            Self::Unwrapped => "unwrapped",
            Self::Derived => "derived",
            Self::Copied => "copied",
        }
    }
}

impl Purpose {
    /// Every purpose, in the order of the numbers.
    pub const ALL: [Self; 7] =
        [Self::Sign, Self::Mac, Self::Encrypt, Self::Wrap, Self::Agree, Self::Derive, Self::Encapsulate];

    /// The purpose of a number in the store or an attribute.
    pub fn from_number(number: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| *purpose as u64 == number)
    }

    /// The word of the policy language.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Sign => "sign",
            Self::Mac => "mac",
            Self::Encrypt => "encrypt",
            Self::Wrap => "wrap",
            Self::Agree => "agree",
            Self::Derive => "derive",
            Self::Encapsulate => "encapsulate",
        }
    }
}
