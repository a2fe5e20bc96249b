//! Digests (FIPS 180-4, FIPS 202): in one call, for SHA-1 and SHA-2 without an allocation, or in parts.

use super::error::{require, succeeded};
use super::owner::owner;
use super::{Answer, Failure};
use aws_lc_sys::{
    EVP_Digest, EVP_DigestFinal_ex, EVP_DigestInit_ex, EVP_DigestUpdate, EVP_MD, EVP_MD_CTX_copy_ex,
    EVP_MD_CTX_new, EVP_sha1, EVP_sha3_224, EVP_sha3_256, EVP_sha3_384, EVP_sha3_512, EVP_sha224, EVP_sha256,
    EVP_sha384, EVP_sha512, EVP_sha512_224, EVP_sha512_256, NID_sha1, NID_sha3_224, NID_sha3_256,
    NID_sha3_384, NID_sha3_512, NID_sha224, NID_sha256, NID_sha384, NID_sha512, NID_sha512_224,
    NID_sha512_256, SHA1, SHA224, SHA256, SHA384, SHA512, SHA512_224, SHA512_256,
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
        Hash::Sha3_224 | Hash::Sha3_256 | Hash::Sha3_384 | Hash::Sha3_512 => {
            return hash.digest_by_description(data, out);
        }
    };
    // SAFETY: reads `data`, writes a digest of this hash function into `out`, which has that length.
    let answer = unsafe { function(data.as_ptr(), data.len(), out.as_mut_ptr()) };
    require(!answer.is_null())
}

impl Hash {
    /// The same for hash functions that have no call of their own.
    fn digest_by_description(self, data: &[u8], out: &mut [u8]) -> Answer<()> {
        let mut digest = [0; MAX_LEN];
        let mut len = 0;
        // SAFETY: reads `data`; `digest` holds the longest digest there is; `len` is a local; the description
        // is static and NULL the default engine.
        succeeded(unsafe {
            EVP_Digest(
                data.as_ptr().cast(),
                data.len(),
                digest.as_mut_ptr(),
                &raw mut len,
                self.description(),
                ptr::null_mut(),
            )
        })?;
        let digest = usize::try_from(len).ok().and_then(|len| digest.get(..len)).ok_or(Failure::MISUSE)?;
        require(digest.len() == out.len())?;
        out.copy_from_slice(digest);
        Ok(())
    }

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
            Self::Sha3_224 => EVP_sha3_224,
            Self::Sha3_256 => EVP_sha3_256,
            Self::Sha3_384 => EVP_sha3_384,
            Self::Sha3_512 => EVP_sha3_512,
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
            Self::Sha3_224 => NID_sha3_224,
            Self::Sha3_256 => NID_sha3_256,
            Self::Sha3_384 => NID_sha3_384,
            Self::Sha3_512 => NID_sha3_512,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn in_parts(hash: Hash, parts: [&[u8]; 2]) -> Vec<u8> {
        let mut running = Digest::new(hash).unwrap();
        running.update(parts[0]).unwrap();
        let mut copy = running.copy().unwrap();
        let mut finished = [running, {
            copy.update(b"").unwrap();
            copy
        }]
        .map(|mut digest| {
            digest.update(parts[1]).unwrap();
            let mut out = [0; MAX_LEN];
            let len = digest.finish(&mut out).unwrap();
            out[..len].to_vec()
        });
        assert_eq!(finished[0], finished[1]);
        std::mem::take(&mut finished[0])
    }

    /// "abc" under SHA-3: NIST "Examples with Intermediate Values"; the first bytes.
    #[test]
    fn sha3_of_a_known_message_is_known() {
        for (hash, len, expected) in [
            (Hash::Sha3_224, 28, [0xE6, 0x42, 0x82, 0x4C, 0x3F, 0x8C, 0xF2, 0x4A]),
            (Hash::Sha3_256, 32, [0x3A, 0x98, 0x5D, 0xA7, 0x4F, 0xE2, 0x25, 0xB2]),
            (Hash::Sha3_384, 48, [0xEC, 0x01, 0x49, 0x82, 0x88, 0x51, 0x6F, 0xC9]),
            (Hash::Sha3_512, 64, [0xB7, 0x51, 0x85, 0x0B, 0x1A, 0x57, 0x16, 0x8A]),
        ] {
            let mut out = vec![0; len];
            hash.digest(b"abc", &mut out).unwrap();
            assert_eq!(out[..8], expected, "{hash:?}");
            assert_eq!(in_parts(hash, [b"a", b"bc"]), out, "{hash:?}");
            assert!(hash.digest(b"abc", &mut vec![0; len + 1]).is_err());
            assert!(hash.digest(b"abc", &mut vec![0; len - 1]).is_err());
        }
    }
}
