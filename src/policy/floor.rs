//! `unsafe_allow`: what of the engine's own floor a policy does without, by naming it.
//!
//! Rules only restrict, so none can take this floor away. The file that is installed may name what it gives up, for itself:
//! what it extends decides nothing here.

use super::denial::Reason;
use super::document::Document;
use super::entry::Entry;
use super::word::Word;
use crate::object::facts::KeyFacts;

/// A part of the floor that has a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Floor {
    /// Keys may be wrapped under a key that was not generated here.
    WrapUnderImported,
    /// Keys may come in under a key that was not generated here.
    UnwrapUnderImported,
    /// Keys may be wrapped under a weaker key.
    WrapUnderWeaker,
    /// A key may have usage attributes that together open an attack by calls alone.
    ConflictingUsages,
}

impl Word for Floor {
    const WHAT: &'static str = "part of the floor";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("wrap-under-imported", Self::WrapUnderImported),
        ("unwrap-under-imported", Self::UnwrapUnderImported),
        ("wrap-under-weaker", Self::WrapUnderWeaker),
        ("conflicting-usages", Self::ConflictingUsages),
    ];
}

/// The parts that a policy does without.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct UnsafeAllow(u8);

impl UnsafeAllow {
    /// Those that the file which was asked for names.
    pub(super) fn of(documents: &[Document]) -> Self {
        let named = documents.first().into_iter().flat_map(|root| &root.unsafe_allow);
        named.fold(Self::default(), |set, each| Self(set.0 | 1 << each.value as u8))
    }

    pub(super) const fn contains(self, part: Floor) -> bool {
        self.0 >> part as u8 & 1 == 1
    }

    /// The words, for people.
    pub(super) fn words(self) -> impl Iterator<Item = &'static str> {
        Floor::WORDS.iter().filter(move |(_, part)| self.contains(*part)).map(|(word, _)| *word)
    }

    /// Whether a wrapping key may be weaker than what it wraps.
    pub const fn weaker_wrapping_keys(self) -> bool {
        self.contains(Floor::WrapUnderWeaker)
    }

    /// Whether a key may wrap or unwrap, by where it came from. Whoever made it elsewhere, or derived it from what they know,
    /// may have its value: what is wrapped under it is theirs, and what comes in under it is of their making.
    ///
    /// # Errors
    /// [`Reason::ForeignWrappingKey`]
    pub(super) fn bears(self, entry: Entry, facts: &KeyFacts) -> Result<(), (Reason, String)> {
        let part = match entry {
            Entry::Wrap => Floor::WrapUnderImported,
            Entry::Unwrap => Floor::UnwrapUnderImported,
            _ => return Ok(()),
        };
        if facts.local || facts.trusted || self.contains(part) {
            return Ok(());
        }
        let because = format!(
            "the key was not generated in this token, and CKA_TRUSTED is false (`unsafe_allow` could name `{}`)",
            part.word()
        );
        Err((Reason::ForeignWrappingKey, because))
    }
}
