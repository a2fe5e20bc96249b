//! [`Secret`]: bytes in locked pages that are wiped when dropped.

use crate::sys::pages::Block;
use subtle::ConstantTimeEq;

/// Secret bytes of a fixed length. Up to 64 KiB they lie in the arena of [`crate::sys::pages`].
pub struct Secret(Block);

impl Secret {
    /// So many zero bytes.
    pub fn zeroed(len: usize) -> Self {
        Self(Block::zeroed(len))
    }

    /// A copy of a caller's bytes. The caller wipes its own.
    pub fn from_slice(bytes: &[u8]) -> Self {
        let mut secret = Self::zeroed(bytes.len());
        secret.expose_mut().copy_from_slice(bytes);
        secret
    }

    /// The bytes, by name.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The bytes, to be written.
    pub fn expose_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }

    /// How many bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Compares in constant time (for equal lengths).
    pub fn ct_eq(&self, other: &[u8]) -> bool {
        self.expose().ct_eq(other).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_slice_copies_and_compares() {
        for len in [0, 1, 32, 70_000] {
            let bytes = vec![7; len];
            let mut secret = Secret::from_slice(&bytes);
            assert_eq!((secret.len(), secret.is_empty()), (len, len == 0));
            assert!(secret.ct_eq(&bytes) && !secret.ct_eq(&[7; 2]));
            if let Some(last) = secret.expose_mut().last_mut() {
                *last = 8;
                assert!(!secret.ct_eq(&bytes));
            }
        }
    }
}
