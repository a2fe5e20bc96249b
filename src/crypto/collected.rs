//! Input that must be complete before an algorithm can take it, and the ciphers that need it so.

use super::mechanism::Ciphering;
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

/// A cipher that takes its whole input at once.
pub(super) trait AtOnce: Send {
    /// At most so many bytes come out of [`Self::run`], exactly so many where [`Self::exact`] says so.
    fn output_len(&self, input: usize) -> usize;
    /// Does it. `out` has [`Self::output_len`] bytes at least.
    fn run(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize>;
    /// Whether [`Self::output_len`] is exact.
    fn exact(&self) -> bool;
}

/// A running operation of such a cipher: nothing comes out before the end.
pub(super) struct Whole<C> {
    cipher: C,
    input: Collected,
}

impl<C: AtOnce> Whole<C> {
    /// Takes up to `limit` bytes in parts; answers `beyond` where more come.
    pub(super) fn new(cipher: C, limit: usize, beyond: Error) -> Self {
        Self { cipher, input: Collected::new(limit, beyond) }
    }
}

impl<C: AtOnce> Ciphering for Whole<C> {
    fn update_len(&self, _input: usize) -> usize {
        0
    }

    fn update(&mut self, input: &[u8], _out: &mut [u8]) -> Result<usize> {
        self.input.push(input)?;
        Ok(0)
    }

    fn finish_len(&self) -> usize {
        self.whole_len(self.input.len())
    }

    fn finish(&mut self, out: &mut [u8]) -> Result<usize> {
        let input = self.input.take();
        self.whole(&input, out)
    }

    fn whole_len(&self, input: usize) -> usize {
        self.cipher.output_len(input)
    }

    fn whole(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        self.cipher.run(input, out)
    }

    fn exact(&self) -> bool {
        self.cipher.exact()
    }
}
