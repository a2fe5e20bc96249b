//! [`Known`]: an answer that a self-test compares with. Tests can have a wrong one in its place.

use std::ops::Deref;

/// The bytes of a known answer.
pub(in crate::crypto) struct Known<const N: usize> {
    right: [u8; N],
    #[cfg(test)]
    wrong: [u8; N],
}

impl<const N: usize> Known<N> {
    /// These bytes.
    pub(in crate::crypto) const fn new(right: [u8; N]) -> Self {
        #[cfg(test)]
        let wrong = {
            let mut wrong = right;
            wrong[0] ^= 0x10;
            wrong
        };
        Self {
            right,
            #[cfg(test)]
            wrong,
        }
    }
}

impl<const N: usize> Deref for Known<N> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        #[cfg(test)]
        if fault::comes() {
            return &self.wrong;
        }
        &self.right
    }
}

impl<const N: usize> PartialEq<Known<N>> for [u8; N] {
    fn eq(&self, other: &Known<N>) -> bool {
        self.as_slice() == &**other
    }
}

/// Faults of this thread's self-tests.
#[cfg(test)]
pub(in crate::crypto) mod fault {
    use std::cell::Cell;

    thread_local! {
        static LEFT: Cell<Option<usize>> = const { Cell::new(None) };
        static EVERY: Cell<bool> = const { Cell::new(false) };
    }

    /// Runs `work` with the answer that is read after `right` others changed in one bit. Answers whether it was read.
    pub(in crate::crypto) fn after<T>(right: usize, work: impl FnOnce() -> T) -> (T, bool) {
        LEFT.set(Some(right));
        let result = work();
        (result, LEFT.replace(None).is_none())
    }

    /// Runs `work` while every self-test fails.
    pub(in crate::crypto) fn everywhere<T>(work: impl FnOnce() -> T) -> T {
        EVERY.set(true);
        let result = work();
        EVERY.set(false);
        result
    }

    /// Whether every self-test fails.
    pub(in crate::crypto) fn is_everywhere() -> bool {
        EVERY.get()
    }

    /// Whether the answer that is read now is the changed one.
    pub(super) fn comes() -> bool {
        match LEFT.get() {
            None => false,
            Some(0) => {
                LEFT.set(None);
                true
            }
            Some(left) => {
                LEFT.set(Some(left - 1));
                false
            }
        }
    }
}
