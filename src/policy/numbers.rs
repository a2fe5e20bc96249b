//! A set of mechanisms: sorted, and shared where it is the same. A large policy names the same patterns again and again.

use crate::ck::CK_MECHANISM_TYPE;
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
        self.0.to_vec().into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn set_is_the_same_however_it_was_written() {
        let set = Numbers::from([3, 1, 2, 3]);
        assert_eq!(set, [1, 2, 3].into_iter().collect());
        assert!(set.contains(&2) && !set.contains(&4) && !set.is_empty());
        assert!(Numbers::from([3, 1]).is_subset(&set) && !set.is_subset(&Numbers::from([3, 1])));
        assert!(Numbers::default().is_empty() && Numbers::default().is_subset(&set));
    }
}
