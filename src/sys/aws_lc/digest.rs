//! Digests (FIPS 180-4): in one call without an allocation, or in parts.

use super::Answer;
use super::error::{require, succeeded};
use super::owner::owner;
use aws_lc_sys::{
    EVP_DigestFinal_ex, EVP_DigestInit_ex, EVP_DigestUpdate, EVP_MD, EVP_MD_CTX_copy_ex, EVP_MD_CTX_new,
    EVP_sha1, EVP_sha224, EVP_sha256, EVP_sha384, EVP_sha512, EVP_sha512_224, EVP_sha512_256, NID_sha1,
    NID_sha224, NID_sha256, NID_sha384, NID_sha512, NID_sha512_224, NID_sha512_256, SHA1, SHA224, SHA256,
    SHA384, SHA512, SHA512_224, SHA512_256,
};
use std::ptr;

pub use crate::sys::primitives::digest::{Hash, MAX_LEN};

owner! {
    /// A running digest.
    Digest owns EVP_MD_CTX, freed by EVP_MD_CTX_free
}

// SAFETY: the context has no tie to the thread that made it.
unsafe impl Send for Digest {}

/// Digests `data` into `out`, which has exactly [`Hash::len`] bytes.
pub fn digest(hash: Hash, data: &[u8], out: &mut [u8]) -> Answer<()> {
    require(out.len() == hash.len())?;
    let function = match hash {
        Hash::Sha1 => SHA1,
        Hash::Sha224 => SHA224,
        Hash::Sha256 => SHA256,
        Hash::Sha384 => SHA384,
        Hash::Sha512 => SHA512,
        Hash::Sha512_224 => SHA512_224,
        Hash::Sha512_256 => SHA512_256,
    };
    // SAFETY: reads `data`, writes a digest of this hash function into `out`, which has that length.
    let answer = unsafe { function(data.as_ptr(), data.len(), out.as_mut_ptr()) };
    require(!answer.is_null())
}

impl Hash {
    /// The description of the hash function: a static of AWS-LC.
    pub(super) fn description(self) -> *const EVP_MD {
        let function = match self {
            Self::Sha1 => EVP_sha1,
            Self::Sha224 => EVP_sha224,
            Self::Sha256 => EVP_sha256,
            Self::Sha384 => EVP_sha384,
            Self::Sha512 => EVP_sha512,
            Self::Sha512_224 => EVP_sha512_224,
            Self::Sha512_256 => EVP_sha512_256,
        };
        // SAFETY: answers a static; no preconditions.
        unsafe { function() }
    }

    /// AWS-LC's number of the hash function.
    pub(super) const fn nid(self) -> i32 {
        match self {
            Self::Sha1 => NID_sha1,
            Self::Sha224 => NID_sha224,
            Self::Sha256 => NID_sha256,
            Self::Sha384 => NID_sha384,
            Self::Sha512 => NID_sha512,
            Self::Sha512_224 => NID_sha512_224,
            Self::Sha512_256 => NID_sha512_256,
        }
    }
}

impl Digest {
    /// Starts a digest.
    pub fn new(hash: Hash) -> Answer<Self> {
        // SAFETY: allocates; no preconditions.
        let raw = unsafe { EVP_MD_CTX_new() };
        // SAFETY: NULL or a fresh object.
        let digest = unsafe { Self::own(raw) }?;
        // SAFETY: the context is fresh, the description static, NULL the default engine.
        succeeded(unsafe { EVP_DigestInit_ex(digest.raw(), hash.description(), ptr::null_mut()) })?;
        Ok(digest)
    }

    /// Takes more input.
    pub fn update(&mut self, data: &[u8]) -> Answer<()> {
        // SAFETY: the context is started; reads `data.len()` bytes of a slice of that length.
        succeeded(unsafe { EVP_DigestUpdate(self.raw(), data.as_ptr().cast(), data.len()) })
    }

    /// Writes the digest; answers its length. The context is used up.
    pub fn finish(&mut self, out: &mut [u8; MAX_LEN]) -> Answer<usize> {
        let mut len = 0;
        // SAFETY: `out` holds the longest digest there is; `len` is a local.
        succeeded(unsafe { EVP_DigestFinal_ex(self.raw(), out.as_mut_ptr(), &raw mut len) })?;
        Ok(usize::try_from(len).unwrap_or(MAX_LEN))
    }

    /// A second digest of what came so far.
    pub fn copy(&self) -> Answer<Self> {
        // SAFETY: allocates; no preconditions.
        let raw = unsafe { EVP_MD_CTX_new() };
        // SAFETY: NULL or a fresh object.
        let copy = unsafe { Self::own(raw) }?;
        // SAFETY: the target is fresh, the source started.
        succeeded(unsafe { EVP_MD_CTX_copy_ex(copy.raw(), self.raw()) })?;
        Ok(copy)
    }
}
