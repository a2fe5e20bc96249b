//! The boolean attributes that rules speak of, in `when` and in `template`. A template cannot ask for the three that the
//! module alone sets: `local`, `always_sensitive`, `never_extractable`.

use super::word::Word;
use crate::object::facts::KeyFacts;
use cryptoki_sys::CKO_PUBLIC_KEY;

/// A boolean attribute of a key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(super) enum Flag {
    Private,
    Sensitive,
    Extractable,
    Trusted,
    WrapWithTrusted,
    AlwaysAuthenticate,
    Modifiable,
    Copyable,
    Destroyable,
    Local,
    AlwaysSensitive,
    NeverExtractable,
}

impl Word for Flag {
    const WHAT: &'static str = "attribute";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("private", Self::Private),
        ("sensitive", Self::Sensitive),
        ("extractable", Self::Extractable),
        ("trusted", Self::Trusted),
        ("wrap_with_trusted", Self::WrapWithTrusted),
        ("always_authenticate", Self::AlwaysAuthenticate),
        ("modifiable", Self::Modifiable),
        ("copyable", Self::Copyable),
        ("destroyable", Self::Destroyable),
        ("local", Self::Local),
        ("always_sensitive", Self::AlwaysSensitive),
        ("never_extractable", Self::NeverExtractable),
    ];
}

impl Flag {
    /// The value that a key has; `None` where its class does not have the attribute.
    pub(super) fn of(self, facts: &KeyFacts) -> Option<bool> {
        let public = facts.class == CKO_PUBLIC_KEY;
        match self {
            Self::Sensitive
            | Self::Extractable
            | Self::WrapWithTrusted
            | Self::AlwaysAuthenticate
            | Self::AlwaysSensitive
            | Self::NeverExtractable
                if public =>
            {
                None
            }
            Self::Private => Some(facts.private),
            Self::Sensitive => Some(facts.sensitive),
            Self::Extractable => Some(facts.extractable),
            Self::Trusted => Some(facts.trusted),
            Self::WrapWithTrusted => Some(facts.wrap_with_trusted),
            Self::AlwaysAuthenticate => Some(facts.always_authenticate),
            Self::Modifiable => Some(facts.modifiable),
            Self::Copyable => Some(facts.copyable),
            Self::Destroyable => Some(facts.destroyable),
            Self::Local => Some(facts.local),
            Self::AlwaysSensitive => Some(facts.always_sensitive),
            Self::NeverExtractable => Some(facts.never_extractable),
        }
    }
}
