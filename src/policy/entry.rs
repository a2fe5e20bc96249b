//! Every entry point that uses a key, on which side of its purpose it stands and which usage attribute
//! it needs.

use super::sets::PurposeSet;
use crate::object::facts::{KeyFacts, Purpose, Usage};
use cryptoki_sys::{CKO_PRIVATE_KEY, CKO_PUBLIC_KEY, CKO_SECRET_KEY};

/// What is done with a key or another object. Message and streaming forms are the same entry.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Entry {
    /// `C_EncryptInit` and its kin.
    Encrypt,
    /// `C_DecryptInit` and its kin.
    Decrypt,
    /// `C_SignInit` and its kin: a signature, or a MAC where the key is secret.
    Sign,
    /// `C_VerifyInit`, `C_VerifySignatureInit` and their kin.
    Verify,
    /// `C_SignRecoverInit`.
    SignRecover,
    /// `C_VerifyRecoverInit`.
    VerifyRecover,
    /// `C_DigestKey`.
    DigestKey,
    /// `C_WrapKey`: the wrapping key.
    Wrap,
    /// `C_UnwrapKey`: the unwrapping key.
    Unwrap,
    /// `C_DeriveKey`: the base key.
    Derive,
    /// `C_EncapsulateKey`.
    Encapsulate,
    /// `C_DecapsulateKey`.
    Decapsulate,
    /// `C_GenerateKey`, `C_GenerateKeyPair`: the key to be made.
    Generate,
    /// `C_CreateObject`, and the objects that unwrap, derive and decapsulate make.
    Create,
    /// `C_CopyObject`: the object that is copied.
    Copy,
    /// `C_GetAttributeValue` of a value that is secret.
    Reveal,
    /// `C_SetAttributeValue`. A change of state is judged by `lifecycle::transition`.
    SetAttribute,
    /// `C_DestroyObject`.
    Destroy,
    /// `C_WrapKey`: the key that is wrapped.
    WrapTarget,
    /// `C_DeriveKey`: a second key that goes into the derivation.
    DeriveSecond,
}

/// Which part of a key's work an entry is (SP 800-57 Part 1 Rev. 5, 5.3.5).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Side {
    /// Applies protection: the originator-usage period counts.
    Originator,
    /// Processes what is protected: the recipient-usage period counts.
    Recipient,
    /// Handles the key without using it.
    Neither,
}

impl Side {
    /// The word for people.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Originator => "originator side",
            Self::Recipient => "recipient side",
            Self::Neither => "neither side",
        }
    }
}

impl Entry {
    /// The word for people and for records, as policies write it.
    pub fn name(self) -> &'static str {
        super::word::Word::word(self)
    }

    /// The side of the purpose. Derivation from a static agreement key is both; it counts as originator,
    /// the stricter one (SP 800-57 Part 1 Rev. 5, 7.4).
    pub const fn side(self) -> Side {
        match self {
            Self::Encrypt
            | Self::Sign
            | Self::SignRecover
            | Self::DigestKey
            | Self::Wrap
            | Self::Derive
            | Self::DeriveSecond
            | Self::Encapsulate => Side::Originator,
            Self::Decrypt | Self::Verify | Self::VerifyRecover | Self::Unwrap | Self::Decapsulate => {
                Side::Recipient
            }
            Self::Generate
            | Self::Create
            | Self::Copy
            | Self::Reveal
            | Self::SetAttribute
            | Self::Destroy
            | Self::WrapTarget => Side::Neither,
        }
    }

    /// The purpose that the entry serves; `None` where the key is handled and not used. `mac` says that
    /// the mechanism is a MAC; secret keys can sign nothing else.
    #[inline]
    pub fn purpose(self, facts: &KeyFacts, mac: bool) -> Option<Purpose> {
        match self {
            Self::Encrypt | Self::Decrypt => Some(Purpose::Encrypt),
            Self::Sign | Self::Verify if facts.is_tls_secret() => Some(Purpose::Derive),
            Self::Sign | Self::Verify if mac || facts.class == CKO_SECRET_KEY => Some(Purpose::Mac),
            Self::Sign | Self::Verify | Self::SignRecover | Self::VerifyRecover => Some(Purpose::Sign),
            Self::Wrap | Self::Unwrap => Some(Purpose::Wrap),
            Self::Derive if facts.class == CKO_SECRET_KEY => Some(Purpose::Derive),
            Self::Derive => Some(Purpose::Agree),
            // A digest of a key is a value derived from it.
            Self::DigestKey | Self::DeriveSecond => Some(Purpose::Derive),
            Self::Encapsulate | Self::Decapsulate => Some(Purpose::Encapsulate),
            Self::Generate
            | Self::Create
            | Self::Copy
            | Self::Reveal
            | Self::SetAttribute
            | Self::Destroy
            | Self::WrapTarget => None,
        }
    }

    /// The usage attribute that PKCS#11 asks for; `None` where it asks for none.
    pub const fn usage(self) -> Option<Usage> {
        Some(match self {
            Self::Encrypt => Usage::ENCRYPT,
            Self::Decrypt => Usage::DECRYPT,
            Self::Sign => Usage::SIGN,
            Self::Verify => Usage::VERIFY,
            Self::SignRecover => Usage::SIGN_RECOVER,
            Self::VerifyRecover => Usage::VERIFY_RECOVER,
            Self::Wrap => Usage::WRAP,
            Self::Unwrap => Usage::UNWRAP,
            Self::Derive | Self::DeriveSecond => Usage::DERIVE,
            Self::Encapsulate => Usage::ENCAPSULATE,
            Self::Decapsulate => Usage::DECAPSULATE,
            Self::DigestKey
            | Self::Generate
            | Self::Create
            | Self::Copy
            | Self::Reveal
            | Self::SetAttribute
            | Self::Destroy
            | Self::WrapTarget => return None,
        })
    }

    /// Whether the entry's mechanism works with this key, so that the key's rules about mechanisms hold.
    pub(super) const fn uses_mechanism(self) -> bool {
        !matches!(
            self,
            Self::Create | Self::Copy | Self::Reveal | Self::SetAttribute | Self::Destroy | Self::WrapTarget
        )
    }
}

/// The purposes that the usage attributes of an object allow: what its purpose can become. Empty for
/// objects that are no keys.
pub fn candidate_purposes(facts: &KeyFacts) -> PurposeSet {
    let secret = facts.class == CKO_SECRET_KEY;
    if !secret && facts.class != CKO_PRIVATE_KEY && facts.class != CKO_PUBLIC_KEY {
        return PurposeSet::EMPTY;
    }
    let any = |flags: &[Usage]| flags.iter().any(|flag| facts.usage.contains(*flag));
    let signing = [Usage::SIGN, Usage::VERIFY, Usage::SIGN_RECOVER, Usage::VERIFY_RECOVER];
    let by_signing = match secret {
        true if facts.is_tls_secret() => Purpose::Derive,
        true => Purpose::Mac,
        false => Purpose::Sign,
    };
    [
        (by_signing, any(&signing)),
        (Purpose::Encrypt, any(&[Usage::ENCRYPT, Usage::DECRYPT])),
        (Purpose::Wrap, any(&[Usage::WRAP, Usage::UNWRAP])),
        (if secret { Purpose::Derive } else { Purpose::Agree }, any(&[Usage::DERIVE])),
        (Purpose::Encapsulate, any(&[Usage::ENCAPSULATE, Usage::DECAPSULATE])),
    ]
    .into_iter()
    .filter(|(_, wanted)| *wanted)
    .fold(PurposeSet::EMPTY, |set, (purpose, _)| set.with(purpose))
}

/// The pairs of usage attributes that no key may have together, whatever the policy says of purposes.
/// Each opens an attack that needs nothing but API calls.
pub(super) const CONFLICTS: &[(Usage, Usage, &str)] = &[
    (Usage::WRAP, Usage::DECRYPT, "a wrapped key could be decrypted into the clear"),
    (Usage::UNWRAP, Usage::ENCRYPT, "a known key could be encrypted and then unwrapped"),
    (Usage::ENCRYPT, Usage::SIGN, "a ciphertext could pass for a MAC or a signature"),
    (Usage::DECRYPT, Usage::SIGN, "a decryption could pass for a signature"),
    (Usage::UNWRAP, Usage::SIGN, "an unwrapping could pass for a signature"),
    (Usage::WRAP, Usage::SIGN, "a wrapped key could pass for a MAC"),
    (Usage::DERIVE, Usage::ENCRYPT, "an encryption could compute a derived key"),
    (Usage::DERIVE, Usage::SIGN, "a MAC could compute a derived key"),
    (Usage::DERIVE, Usage::UNWRAP, "the key that another one is wrapped under could be derived"),
    (Usage::DECAPSULATE, Usage::UNWRAP, "the key that another one is wrapped under could be decapsulated"),
];

/// Why the usage attributes conflict, if they do.
pub(super) fn conflict(facts: &KeyFacts) -> Option<&'static str> {
    let conflicts = |left: Usage, right: Usage| facts.usage.contains(left.union(right));
    let made_for_both = |left, right| (left, right) == (Usage::DERIVE, Usage::SIGN) && facts.is_tls_secret();
    let found =
        CONFLICTS.iter().find(|(left, right, _)| conflicts(*left, *right) && !made_for_both(*left, *right));
    found.map(|(_, _, attack)| *attack)
}
