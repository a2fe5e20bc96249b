//! Small sets of what the language names: purposes and curves.

use super::strength::NamedCurve;
use crate::object::facts::Purpose;

/// A set of purposes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct PurposeSet(u8);

impl PurposeSet {
    /// None.
    pub const EMPTY: Self = Self(0);
    /// All seven.
    pub const ALL: Self = Self(0b1111_1110);

    /// One purpose.
    pub const fn of(purpose: Purpose) -> Self {
        Self(1 << purpose as u8)
    }

    /// The same set and one purpose more.
    #[must_use]
    pub const fn with(self, purpose: Purpose) -> Self {
        Self(self.0 | 1 << purpose as u8)
    }

    /// Whether the purpose is in the set.
    #[inline]
    pub const fn contains(self, purpose: Purpose) -> bool {
        self.0 >> purpose as u8 & 1 == 1
    }

    /// What is in both.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether no purpose is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many purposes are in the set.
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// The purposes, in the order of their numbers.
    pub fn iter(self) -> impl Iterator<Item = Purpose> {
        Purpose::ALL.into_iter().filter(move |purpose| self.contains(*purpose))
    }

    /// The words, for people.
    pub fn words(self) -> String {
        self.iter().map(Purpose::word).collect::<Vec<_>>().join(", ")
    }
}

impl FromIterator<Purpose> for PurposeSet {
    fn from_iter<I: IntoIterator<Item = Purpose>>(purposes: I) -> Self {
        purposes.into_iter().fold(Self::EMPTY, Self::with)
    }
}

/// A set of named curves.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub(super) struct CurveSet(u16);

impl CurveSet {
    /// What is in both.
    pub(super) const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(super) fn contains(self, curve: NamedCurve) -> bool {
        self.0 >> curve as u8 & 1 == 1
    }
}

impl FromIterator<NamedCurve> for CurveSet {
    fn from_iter<I: IntoIterator<Item = NamedCurve>>(curves: I) -> Self {
        curves.into_iter().fold(Self::default(), |set, curve| Self(set.0 | 1 << curve as u8))
    }
}
