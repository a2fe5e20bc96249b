//! Input that must be complete before an algorithm can take it.

use crate::ck::{Error, Result};
use zeroize::Zeroizing;

/// Bytes in the order they came, up to a limit.
pub(super) struct Collected {
    bytes: Zeroizing<Vec<u8>>,
    limit: usize,
    beyond: Error,
}

/// Inputs up to this length get their room at once, so that no copy is left behind by growing.
const SHORT: usize = 2048;

impl Collected {
    /// Takes up to `limit` bytes; answers `beyond` where more come.
    pub(super) fn new(limit: usize, beyond: Error) -> Self {
        Self { bytes: Zeroizing::new(Vec::new()), limit, beyond }
    }

    /// Takes more input.
    pub(super) fn push(&mut self, data: &[u8]) -> Result<()> {
        if data.len() > self.limit.saturating_sub(self.bytes.len()) {
            return Err(self.beyond);
        }
        if self.limit <= SHORT && self.bytes.capacity() == 0 {
            self.bytes.reserve_exact(self.limit);
        }
        self.bytes.extend_from_slice(data);
        Ok(())
    }

    /// How many bytes came.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Takes out what came.
    pub(super) fn take(&mut self) -> Zeroizing<Vec<u8>> {
        std::mem::replace(&mut self.bytes, Zeroizing::new(Vec::new()))
    }
}
