//! Digests over `sha1`, `sha2` and `sha3`.

use super::{Answer, Failure, require};
pub use crate::sys::primitives::digest::{Hash, MAX_LEN};
use sha2::digest::{Digest as Function, FixedOutputReset};

/// Runs `$work` with `$type` standing for the crate's type of a hash function.
macro_rules! with_hash {
    ($hash:expr, $type:ident => $work:expr) => {
        match $hash {
            Hash::Sha1 => {
                type $type = sha1::Sha1;
                $work
            }
            Hash::Sha224 => {
                type $type = sha2::Sha224;
                $work
            }
            Hash::Sha256 => {
                type $type = sha2::Sha256;
                $work
            }
            Hash::Sha384 => {
                type $type = sha2::Sha384;
                $work
            }
            Hash::Sha512 => {
                type $type = sha2::Sha512;
                $work
            }
            Hash::Sha512_224 => {
                type $type = sha2::Sha512_224;
                $work
            }
            Hash::Sha512_256 => {
                type $type = sha2::Sha512_256;
                $work
            }
            Hash::Sha3_224 => {
                type $type = sha3::Sha3_224;
                $work
            }
            Hash::Sha3_256 => {
                type $type = sha3::Sha3_256;
                $work
            }
            Hash::Sha3_384 => {
                type $type = sha3::Sha3_384;
                $work
            }
            Hash::Sha3_512 => {
                type $type = sha3::Sha3_512;
                $work
            }
        }
    };
}
pub(super) use with_hash;

/// A running digest.
pub struct Digest(Box<dyn Running>);

/// What is asked of a running digest of any hash function.
trait Running: Send {
    fn update(&mut self, data: &[u8]);
    /// Writes the digest to the first bytes; answers its length. Begins anew.
    fn finish(&mut self, out: &mut [u8; MAX_LEN]) -> Answer<usize>;
    fn copy(&self) -> Box<dyn Running>;
}

impl<F: Function + FixedOutputReset + Clone + Send + 'static> Running for F {
    fn update(&mut self, data: &[u8]) {
        Function::update(self, data);
    }

    fn finish(&mut self, out: &mut [u8; MAX_LEN]) -> Answer<usize> {
        let digest = self.finalize_reset();
        out.get_mut(..digest.len()).ok_or(Failure::MISUSE)?.copy_from_slice(&digest);
        Ok(digest.len())
    }

    fn copy(&self) -> Box<dyn Running> {
        Box::new(self.clone())
    }
}

impl Digest {
    /// Starts a digest.
    pub fn new(hash: Hash) -> Answer<Self> {
        Ok(Self(with_hash!(hash, F => Box::new(F::new()))))
    }

    /// Takes more input.
    pub fn update(&mut self, data: &[u8]) -> Answer<()> {
        self.0.update(data);
        Ok(())
    }

    /// Writes the digest; answers its length. The context begins anew.
    pub fn finish(&mut self, out: &mut [u8; MAX_LEN]) -> Answer<usize> {
        self.0.finish(out)
    }

    /// A second digest of what came so far.
    pub fn copy(&self) -> Answer<Self> {
        Ok(Self(self.0.copy()))
    }
}

/// Digests `data` into `out`, which has exactly [`Hash::len`] bytes.
pub fn digest(hash: Hash, data: &[u8], out: &mut [u8]) -> Answer<()> {
    require(out.len() == hash.len())?;
    with_hash!(hash, F => out.copy_from_slice(&F::digest(data)));
    Ok(())
}
