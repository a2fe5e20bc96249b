//! RSA over one block of input: what the paddings have in common.

use super::collected::AtOnce;
use super::rsa::Key;
use super::start::first;
use crate::ck::Result;
use std::sync::Arc;

/// An encryption of one block, from parts or whole. The paddings share it.
pub(super) struct Block {
    pub(super) key: Arc<Key>,
    /// Longest output.
    pub(super) longest: usize,
    /// Whether the output always has that length.
    pub(super) exact: bool,
    /// Takes the whole input, writes the output, answers its length.
    pub(super) run: Box<Transform>,
}

/// The whole of a one-block operation: input in, output written, its length answered.
pub(super) type Transform = dyn Fn(&Key, &[u8], &mut [u8]) -> Result<usize> + Send;

impl AtOnce for Block {
    fn output_len(&self, _input: usize) -> usize {
        self.longest
    }

    fn run(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        (self.run)(&self.key, input, first(out, self.longest)?)
    }

    fn exact(&self) -> bool {
        self.exact
    }
}
