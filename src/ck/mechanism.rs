//! A mechanism as a caller names it, and a set of mechanisms as the law and the backends keep it.

use super::{CK_MECHANISM_TYPE, Params};
use cryptoki_sys::{
    CKM_TLS_KDF, CKM_TLS_MAC, CKM_TLS12_KDF, CKM_TLS12_KEY_AND_MAC_DERIVE, CKM_TLS12_KEY_SAFE_DERIVE,
    CKM_TLS12_MAC,
};

/// `CK_MECHANISM` (PKCS#11 3.2, 3.5) in safe form: the type and the parsed parameter.
#[derive(Debug)]
pub struct Mechanism {
    /// `CKM_...`
    pub ckm: CK_MECHANISM_TYPE,
    /// The parameter, copied once from the caller's memory.
    pub params: Params,
}

impl Mechanism {
    /// A mechanism without a parameter.
    pub const fn plain(ckm: CK_MECHANISM_TYPE) -> Self {
        Self { ckm, params: Params::None }
    }
}

/// What a TLS secret may do (PKCS#11 3.2, 6.40): all of it is the pseudo-random function of TLS. A key that may do nothing
/// else only derives, whatever the functions are called that it is used by.
pub const TLS_SECRET_MECHANISMS: [CK_MECHANISM_TYPE; 6] = [
    CKM_TLS12_KEY_AND_MAC_DERIVE,
    CKM_TLS12_KEY_SAFE_DERIVE,
    CKM_TLS_KDF,
    CKM_TLS_MAC,
    CKM_TLS12_KDF,
    CKM_TLS12_MAC,
];

/// How many rows a [`MechanismSet`] can tell apart; the table of mechanisms is tested against it.
pub const MECHANISM_SET_CAPACITY: usize = 512;
const WORDS: usize = MECHANISM_SET_CAPACITY / 64;

/// A set over the rows of the mechanism table, by row index. Membership is one load and one mask.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MechanismSet([u64; WORDS]);

impl MechanismSet {
    /// No mechanism.
    pub const EMPTY: Self = Self([0; WORDS]);
    /// Every mechanism.
    pub const ALL: Self = Self([!0; WORDS]);

    /// Whether the row is in the set. An index outside the table is in no set.
    #[inline]
    pub fn contains(&self, row: usize) -> bool {
        self.0.get(row / 64).is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    /// Adds a row. An index outside the table is ignored.
    pub fn insert(&mut self, row: usize) {
        if let Some(word) = self.0.get_mut(row / 64) {
            *word |= 1 << (row % 64);
        }
    }

    /// Takes a row out.
    pub fn remove(&mut self, row: usize) {
        if let Some(word) = self.0.get_mut(row / 64) {
            *word &= !(1 << (row % 64));
        }
    }

    /// What is in both sets: how restrictions accumulate.
    #[must_use]
    pub fn intersection(mut self, other: &Self) -> Self {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine &= theirs;
        }
        self
    }

    /// What is in this set and not in the other.
    #[must_use]
    pub fn difference(mut self, other: &Self) -> Self {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine &= !theirs;
        }
        self
    }

    /// Whether no row is in the set.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_put_in_and_nothing_else() {
        let mut set = MechanismSet::EMPTY;
        set.insert(3);
        set.insert(200);
        set.insert(100_000);
        assert!(set.contains(3) && set.contains(200));
        assert!(!set.contains(4) && !set.contains(100_000));
        set.remove(3);
        assert!(!set.contains(3));
        assert!(set.intersection(&MechanismSet::EMPTY).is_empty());
        assert_eq!(MechanismSet::ALL.intersection(&set), set);
    }
}
