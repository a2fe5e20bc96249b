//! A key in the words in which a policy speaks of it.

use super::entry::Entry;
use super::strength::NamedCurve;
use super::word::{Class, KeyType, Word};
use crate::object::facts::KeyFacts;

/// What a `when` and a rule can say of a key.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Wording {
    /// `private`, `public`, `secret`
    pub class: &'static str,
    /// `rsa`, `ec`, `aes`, ...
    pub key_type: &'static str,
    /// `P-256`, ...; `None` where the key has none, or one without a name.
    pub curve: Option<&'static str>,
    /// `ML-DSA-65`, ...
    pub parameter_set: Option<&'static str>,
}

impl Wording {
    /// Of a key; `None` where the language has no words for it.
    pub fn of(facts: &KeyFacts) -> Option<Self> {
        let class = Class(facts.class).word();
        let key_type = KeyType(facts.key_type?).word();
        let words = !class.is_empty() && !key_type.is_empty();
        words.then(|| Self {
            class,
            key_type,
            curve: facts.curve.map(|curve| NamedCurve::from(curve).word()),
            parameter_set: facts.parameter_set.map(Word::word),
        })
    }
}

impl Entry {
    /// The word of the purpose that such a use of a key serves.
    pub fn purpose_word(self, facts: &KeyFacts, mac: bool) -> Option<&'static str> {
        self.purpose(facts, mac).map(Word::word)
    }
}
