//! Digests (FIPS 180-4).

use super::{Answer, chosen};
pub use crate::sys::primitives::digest::{Hash, MAX_LEN};
pub use chosen::digest::Digest;

impl Hash {
    /// Digests `data` into `out`, which has exactly [`Self::len`] bytes.
    #[inline]
    pub fn digest(self, data: &[u8], out: &mut [u8]) -> Answer<()> {
        chosen::digest::digest(self, data, out)
    }
}

contract! {
    /// A digest in parts.
    trait Digesting for digest::Digest: Send {
        /// Starts a digest.
        fn new(hash: Hash) -> Answer<Self>;
        /// Takes more input.
        fn update(&mut self, data: &[u8]) -> Answer<()>;
        /// Writes the digest; answers its length in bytes. The context is used up.
        fn finish(&mut self, out: &mut [u8; MAX_LEN]) -> Answer<usize>;
        /// A second digest of what came so far.
        fn copy(&self) -> Answer<Self>;
    }
}

contract! {
    /// Digests in one call.
    trait WholeDigests for module digest {
        /// Digests `data` into `out`, which has exactly [`Hash::len`] bytes.
        fn digest(hash: Hash, data: &[u8], out: &mut [u8]) -> Answer<()>;
    }
}
