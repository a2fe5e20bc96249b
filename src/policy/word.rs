//! The words of the language and what they stand for: one table a kind. A new word is a new row.

use super::entry::Entry;
use super::ruleset::{Audit, AuditSync, Escrow, Export, InitialState, Memory, Sensitive, SinglePurpose};
use super::strength::NamedCurve;
use crate::ck::{CK_KEY_TYPE, CK_OBJECT_CLASS};
use crate::crypto::{ParameterSet, ml_dsa, ml_kem, slh_dsa};
use crate::object::facts::{Origin, Purpose, State};
use cryptoki_sys::*;

/// A value that a policy writes as a word.
pub(super) trait Word: Copy + PartialEq + 'static {
    /// What such a word is called in messages.
    const WHAT: &'static str;
    /// Every word. Where two mean the same, the first is printed.
    const WORDS: &'static [(&'static str, Self)];

    /// The meaning of a word.
    fn of(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(each, _)| *each == word).map(|(_, value)| *value)
    }

    /// The word of a meaning.
    fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, value)| *value == self).map_or("", |(word, _)| *word)
    }
}

/// An object class that rules speak of: keys only.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Class(pub(super) CK_OBJECT_CLASS);

/// A key type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct KeyType(pub(super) CK_KEY_TYPE);

/// What a test case expects.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Expect {
    Allow,
    Deny,
}

impl Word for Class {
    const WHAT: &'static str = "class";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("private", Self(CKO_PRIVATE_KEY)),
        ("public", Self(CKO_PUBLIC_KEY)),
        ("secret", Self(CKO_SECRET_KEY)),
    ];
}

impl Word for AuditSync {
    const WHAT: &'static str = "value of `sync`";
    const WORDS: &'static [(&'static str, Self)] = &[("changes", Self::Changes), ("all", Self::All)];
}

impl Word for KeyType {
    const WHAT: &'static str = "key type";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("rsa", Self(CKK_RSA)),
        ("ec", Self(CKK_EC)),
        ("ec-edwards", Self(CKK_EC_EDWARDS)),
        ("ec-montgomery", Self(CKK_EC_MONTGOMERY)),
        ("aes", Self(CKK_AES)),
        ("aes-xts", Self(CKK_AES_XTS)),
        ("generic-secret", Self(CKK_GENERIC_SECRET)),
        ("hkdf", Self(CKK_HKDF)),
        ("chacha20", Self(CKK_CHACHA20)),
        ("dsa", Self(CKK_DSA)),
        ("dh", Self(CKK_DH)),
        ("des", Self(CKK_DES)),
        ("des2", Self(CKK_DES2)),
        ("des3", Self(CKK_DES3)),
        ("md5-hmac", Self(CKK_MD5_HMAC)),
        ("sha1-hmac", Self(CKK_SHA_1_HMAC)),
        ("sha224-hmac", Self(CKK_SHA224_HMAC)),
        ("sha256-hmac", Self(CKK_SHA256_HMAC)),
        ("sha384-hmac", Self(CKK_SHA384_HMAC)),
        ("sha512-hmac", Self(CKK_SHA512_HMAC)),
        ("sha512-224-hmac", Self(CKK_SHA512_224_HMAC)),
        ("sha512-256-hmac", Self(CKK_SHA512_256_HMAC)),
        ("sha512-t-hmac", Self(CKK_SHA512_T_HMAC)),
        ("sha3-224-hmac", Self(CKK_SHA3_224_HMAC)),
        ("sha3-256-hmac", Self(CKK_SHA3_256_HMAC)),
        ("sha3-384-hmac", Self(CKK_SHA3_384_HMAC)),
        ("sha3-512-hmac", Self(CKK_SHA3_512_HMAC)),
        ("blake2b-160-hmac", Self(CKK_BLAKE2B_160_HMAC)),
        ("blake2b-256-hmac", Self(CKK_BLAKE2B_256_HMAC)),
        ("blake2b-384-hmac", Self(CKK_BLAKE2B_384_HMAC)),
        ("blake2b-512-hmac", Self(CKK_BLAKE2B_512_HMAC)),
        ("ml-kem", Self(CKK_ML_KEM)),
        ("ml-dsa", Self(CKK_ML_DSA)),
        ("slh-dsa", Self(CKK_SLH_DSA)),
        ("hss", Self(CKK_HSS)),
        ("xmss", Self(CKK_XMSS)),
        ("xmssmt", Self(CKK_XMSSMT)),
    ];
}

impl Word for NamedCurve {
    const WHAT: &'static str = "curve";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("P-256", Self::P256),
        ("P-384", Self::P384),
        ("P-521", Self::P521),
        ("Ed25519", Self::Ed25519),
        ("Ed448", Self::Ed448),
        ("X25519", Self::X25519),
        ("X448", Self::X448),
        ("P-224", Self::P224),
        ("secp256k1", Self::Secp256k1),
        ("brainpoolP256r1", Self::BrainpoolP256r1),
        ("brainpoolP384r1", Self::BrainpoolP384r1),
        ("brainpoolP512r1", Self::BrainpoolP512r1),
        ("secp256r1", Self::P256),
        ("prime256v1", Self::P256),
        ("secp384r1", Self::P384),
        ("secp521r1", Self::P521),
        ("secp224r1", Self::P224),
    ];
}

impl Word for ParameterSet {
    const WHAT: &'static str = "parameter set";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("ML-KEM-512", Self::MlKem(ml_kem::Set::Kem512)),
        ("ML-KEM-768", Self::MlKem(ml_kem::Set::Kem768)),
        ("ML-KEM-1024", Self::MlKem(ml_kem::Set::Kem1024)),
        ("ML-DSA-44", Self::MlDsa(ml_dsa::Set::Dsa44)),
        ("ML-DSA-65", Self::MlDsa(ml_dsa::Set::Dsa65)),
        ("ML-DSA-87", Self::MlDsa(ml_dsa::Set::Dsa87)),
        ("SLH-DSA-SHA2-128s", Self::SlhDsa(slh_dsa::Set::Sha2_128s)),
        ("SLH-DSA-SHAKE-128s", Self::SlhDsa(slh_dsa::Set::Shake_128s)),
        ("SLH-DSA-SHA2-128f", Self::SlhDsa(slh_dsa::Set::Sha2_128f)),
        ("SLH-DSA-SHAKE-128f", Self::SlhDsa(slh_dsa::Set::Shake_128f)),
        ("SLH-DSA-SHA2-192s", Self::SlhDsa(slh_dsa::Set::Sha2_192s)),
        ("SLH-DSA-SHAKE-192s", Self::SlhDsa(slh_dsa::Set::Shake_192s)),
        ("SLH-DSA-SHA2-192f", Self::SlhDsa(slh_dsa::Set::Sha2_192f)),
        ("SLH-DSA-SHAKE-192f", Self::SlhDsa(slh_dsa::Set::Shake_192f)),
        ("SLH-DSA-SHA2-256s", Self::SlhDsa(slh_dsa::Set::Sha2_256s)),
        ("SLH-DSA-SHAKE-256s", Self::SlhDsa(slh_dsa::Set::Shake_256s)),
        ("SLH-DSA-SHA2-256f", Self::SlhDsa(slh_dsa::Set::Sha2_256f)),
        ("SLH-DSA-SHAKE-256f", Self::SlhDsa(slh_dsa::Set::Shake_256f)),
    ];
}

impl ParameterSet {
    /// Its name, such as `ML-DSA-65`.
    pub fn name(self) -> &'static str {
        self.word()
    }
}

impl NamedCurve {
    /// Its name, such as `P-256`.
    pub fn name(self) -> &'static str {
        self.word()
    }
}

impl Word for Purpose {
    const WHAT: &'static str = "purpose";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("sign", Self::Sign),
        ("mac", Self::Mac),
        ("encrypt", Self::Encrypt),
        ("wrap", Self::Wrap),
        ("agree", Self::Agree),
        ("derive", Self::Derive),
        ("encapsulate", Self::Encapsulate),
    ];
}

impl Word for State {
    const WHAT: &'static str = "state";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("pre-active", Self::PreActive),
        ("active", Self::Active),
        ("suspended", Self::Suspended),
        ("deactivated", Self::Deactivated),
        ("compromised", Self::Compromised),
        ("destroyed", Self::Destroyed),
        ("destroyed-compromised", Self::DestroyedCompromised),
    ];
}

impl Word for Origin {
    const WHAT: &'static str = "origin";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("generated", Self::Generated),
        ("imported", Self::Imported),
        ("unwrapped", Self::Unwrapped),
        ("derived", Self::Derived),
        ("copied", Self::Copied),
    ];
}

impl Word for SinglePurpose {
    const WHAT: &'static str = "value of `single_purpose`";
    const WORDS: &'static [(&'static str, Self)] =
        &[("strict", Self::Strict), ("bind-on-first-use", Self::BindOnFirstUse), ("off", Self::Off)];
}

impl Word for Sensitive {
    const WHAT: &'static str = "value of `sensitive`";
    const WORDS: &'static [(&'static str, Self)] =
        &[("always", Self::Always), ("default", Self::Default), ("as-asked", Self::AsAsked)];
}

impl Word for Export {
    const WHAT: &'static str = "value of `export`";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("never", Self::Never),
        ("wrapped", Self::Wrapped),
        ("wrapped-by-trusted", Self::WrappedByTrusted),
        ("as-asked", Self::AsAsked),
    ];
}

impl Word for Escrow {
    const WHAT: &'static str = "value of `escrow`";
    const WORDS: &'static [(&'static str, Self)] =
        &[("forbidden", Self::Forbidden), ("allowed", Self::Allowed), ("required", Self::Required)];
}

impl Word for Audit {
    const WHAT: &'static str = "value of `audit`";
    const WORDS: &'static [(&'static str, Self)] =
        &[("all", Self::All), ("changes", Self::Changes), ("denials", Self::Denials)];
}

impl Word for Memory {
    const WHAT: &'static str = "value of `memory`";
    const WORDS: &'static [(&'static str, Self)] = &[("fast", Self::Fast), ("shielded", Self::Shielded)];
}

impl Word for InitialState {
    const WHAT: &'static str = "value of `initial_state`";
    const WORDS: &'static [(&'static str, Self)] =
        &[("active", Self::Active), ("pre-active", Self::PreActive)];
}

impl Word for Entry {
    const WHAT: &'static str = "operation";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("encrypt", Self::Encrypt),
        ("decrypt", Self::Decrypt),
        ("sign", Self::Sign),
        ("verify", Self::Verify),
        ("sign-recover", Self::SignRecover),
        ("verify-recover", Self::VerifyRecover),
        ("digest-key", Self::DigestKey),
        ("wrap", Self::Wrap),
        ("unwrap", Self::Unwrap),
        ("derive", Self::Derive),
        ("encapsulate", Self::Encapsulate),
        ("decapsulate", Self::Decapsulate),
        ("generate", Self::Generate),
        ("create", Self::Create),
        ("copy", Self::Copy),
        ("reveal", Self::Reveal),
        ("set-attribute", Self::SetAttribute),
        ("destroy", Self::Destroy),
        ("wrap-target", Self::WrapTarget),
        ("derive-second", Self::DeriveSecond),
    ];
}

impl Word for Expect {
    const WHAT: &'static str = "expectation";
    const WORDS: &'static [(&'static str, Self)] = &[("allow", Self::Allow), ("deny", Self::Deny)];
}

/// Units of a duration and their length in seconds. A year is 365 days, so a period never depends on
/// the day on which it starts.
pub(super) const UNITS: &[(char, u64)] =
    &[('s', 1), ('m', 60), ('h', 60 * 60), ('d', 86_400), ('w', 7 * 86_400), ('y', 365 * 86_400)];

/// Seconds of a duration such as `300d`: one whole number above zero and one unit.
pub fn duration(text: &str) -> Option<u64> {
    let unit = text.chars().last()?;
    let (_, seconds) = UNITS.iter().find(|(each, _)| *each == unit)?;
    let digits = text.strip_suffix(unit)?;
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    digits.parse::<u64>().ok()?.checked_mul(*seconds).filter(|seconds| *seconds > 0)
}

/// A duration in the largest unit that divides it.
pub(super) fn duration_text(seconds: u64) -> String {
    UNITS
        .iter()
        .rev()
        .find(|(_, length)| seconds.is_multiple_of(*length))
        .map_or_else(|| format!("{seconds}s"), |(unit, length)| format!("{}{unit}", seconds / length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_printed() {
        assert_eq!(duration("15m"), Some(900));
        assert_eq!(duration("300d"), Some(25_920_000));
        assert_eq!(duration("1y"), Some(31_536_000));
        for wrong in [
            "",
            "d",
            "0d",
            "1.5h",
            "-1d",
            "+1d",
            "1 d",
            "10",
            "99999999999999999999y",
            "1é",
            "9999999999999y",
        ] {
            assert_eq!(duration(wrong), None, "{wrong}");
        }
        assert_eq!(duration_text(900), "15m");
        assert_eq!(duration_text(730 * 86_400), "2y");
        assert_eq!(duration_text(1), "1s");
    }

    #[test]
    fn every_name_of_a_curve_is_a_word() {
        for curve in crate::crypto::Curve::ALL {
            assert_eq!(NamedCurve::from(curve).name(), curve.names()[0]);
            for name in curve.names() {
                assert_eq!(NamedCurve::of(name), Some(curve.into()));
            }
        }
    }

    #[test]
    fn words_agree_with_the_facts() {
        for purpose in Purpose::ALL {
            assert_eq!(Word::word(purpose), purpose.word());
        }
        for (word, state) in State::WORDS {
            assert_eq!(*word, state.word());
        }
        for set in ParameterSet::ALL {
            assert!(!Word::word(set).is_empty(), "{set:?}");
        }
    }
}
