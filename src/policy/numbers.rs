//! A set of mechanisms: sorted, and shared where it is the same. A large policy names the same patterns again and again.

use crate::ck::CK_MECHANISM_TYPE;
use std::collections::HashMap;
use std::sync::Arc;

/// The set. To clone it costs nothing.
#[derive(Clone, PartialEq, Eq, Hash, Default, Debug)]
pub(super) struct Numbers(Arc<[CK_MECHANISM_TYPE]>);

impl Numbers {
    pub(super) fn contains(&self, ckm: &CK_MECHANISM_TYPE) -> bool {
        self.0.binary_search(ckm).is_ok()
    }

    pub(super) fn iter(&self) -> std::slice::Iter<'_, CK_MECHANISM_TYPE> {
        self.0.iter()
    }

    pub(super) fn identity(&self) -> Identity {
        Identity(self.0.as_ptr().addr(), self.0.len())
    }

    /// The smallest.
    pub(super) fn first(&self) -> Option<&CK_MECHANISM_TYPE> {
        self.0.first()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn is_subset(&self, other: &Self) -> bool {
        self.iter().all(|ckm| other.contains(ckm))
    }
}

/// Where a set lies: the same for what shares it, as long as the set is there.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Identity(usize, usize);

/// The unions that were made so far.
#[derive(Default)]
pub(super) struct Unions(HashMap<Vec<Identity>, Union>);

struct Union {
    /// Keeps them where they are.
    _of: Vec<Numbers>,
    all: Numbers,
}

impl Unions {
    /// Everything that is in any of the sets: one and the same set for the same sets.
    pub(super) fn of<'n>(&mut self, sets: impl Iterator<Item = &'n Numbers> + Clone) -> Numbers {
        let mut several = sets.clone();
        match (several.next(), several.next()) {
            (None, _) => Numbers::default(),
            (Some(one), None) => one.clone(),
            _ => {
                let made = self.0.entry(sets.clone().map(Numbers::identity).collect());
                let union = made.or_insert_with(|| Union {
                    _of: sets.clone().cloned().collect(),
                    all: sets.flatten().copied().collect(),
                });
                union.all.clone()
            }
        }
    }
}

impl FromIterator<CK_MECHANISM_TYPE> for Numbers {
    fn from_iter<I: IntoIterator<Item = CK_MECHANISM_TYPE>>(numbers: I) -> Self {
        let mut numbers: Vec<_> = numbers.into_iter().collect();
        numbers.sort_unstable();
        numbers.dedup();
        Self(numbers.into())
    }
}

impl<const N: usize> From<[CK_MECHANISM_TYPE; N]> for Numbers {
    fn from(numbers: [CK_MECHANISM_TYPE; N]) -> Self {
        numbers.into_iter().collect()
    }
}

impl<'a> IntoIterator for &'a Numbers {
    type Item = &'a CK_MECHANISM_TYPE;
    type IntoIter = std::slice::Iter<'a, CK_MECHANISM_TYPE>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl IntoIterator for Numbers {
    type Item = CK_MECHANISM_TYPE;
    type IntoIter = std::vec::IntoIter<CK_MECHANISM_TYPE>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter().copied().collect::<Vec<_>>().into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn union_of_the_same_sets_is_made_once() {
        let (left, right) = (Numbers::from([3, 1]), Numbers::from([2, 3]));
        let mut unions = Unions::default();
        let all = unions.of([&left, &right].into_iter());
        assert_eq!(all, Numbers::from([1, 2, 3]));
        assert_eq!(unions.of([&left, &right].into_iter()).identity(), all.identity());
        assert_eq!(unions.of([&right].into_iter()).identity(), right.identity());
        assert_eq!(unions.of([&right, &Numbers::from([9])].into_iter()), Numbers::from([2, 3, 9]));
        assert!(unions.of(std::iter::empty()).is_empty());
    }

    #[test]
    fn set_is_the_same_however_it_was_written() {
        let set = Numbers::from([3, 1, 2, 3]);
        assert_eq!(set, [1, 2, 3].into_iter().collect());
        assert!(set.contains(&2) && !set.contains(&4) && !set.is_empty());
        assert!(Numbers::from([3, 1]).is_subset(&set) && !set.is_subset(&Numbers::from([3, 1])));
        assert!(Numbers::default().is_empty() && Numbers::default().is_subset(&set));
    }
}
