//! ML-KEM (FIPS 203): keys from seeds, encapsulation and decapsulation. Randomness is the caller's.

use super::Answer;
use super::error::{require, succeeded};
use super::owner::owner;
use aws_lc_sys::{
    EVP_PKEY_CTX_kem_set_params, EVP_PKEY_CTX_new, EVP_PKEY_CTX_new_id, EVP_PKEY_KEM, EVP_PKEY_decapsulate,
    EVP_PKEY_encapsulate_deterministic, EVP_PKEY_get_raw_private_key, EVP_PKEY_get_raw_public_key,
    EVP_PKEY_kem_check_key, EVP_PKEY_kem_new_raw_key, EVP_PKEY_kem_new_raw_public_key,
    EVP_PKEY_keygen_deterministic, EVP_PKEY_keygen_init, NID_MLKEM512, NID_MLKEM768, NID_MLKEM1024,
};
use std::ffi::c_int;
use std::ptr;

pub use crate::sys::primitives::ml_kem::{RANDOMNESS, SEED, SHARED, Set};

owner! {
    /// A key of AWS-LC.
    Pkey owns EVP_PKEY, freed by EVP_PKEY_free
}

owner! {
    /// One operation with a key.
    PkeyContext owns EVP_PKEY_CTX, freed by EVP_PKEY_CTX_free
}

impl Set {
    const fn nid(self) -> c_int {
        match self {
            Self::Kem512 => NID_MLKEM512,
            Self::Kem768 => NID_MLKEM768,
            Self::Kem1024 => NID_MLKEM1024,
        }
    }
}

/// A key made ready, public or private. Never changed after its constructor.
pub struct KemKey {
    key: Pkey,
    set: Set,
}

// SAFETY: AWS-LC only reads the key, and counts its references atomically.
unsafe impl Send for KemKey {}
// SAFETY: as above.
unsafe impl Sync for KemKey {}

impl KemKey {
    /// The key pair of a seed (FIPS 203, algorithm 16).
    pub fn from_seed(set: Set, seed: &[u8; SEED]) -> Answer<Self> {
        // SAFETY: allocates; no preconditions, and no engine.
        let raw = unsafe { EVP_PKEY_CTX_new_id(EVP_PKEY_KEM, ptr::null_mut()) };
        // SAFETY: NULL or a fresh object.
        let context = unsafe { PkeyContext::own(raw) }?;
        // SAFETY: the context is fresh.
        succeeded(unsafe { EVP_PKEY_keygen_init(context.raw()) })?;
        // SAFETY: the context is of this family and has no key.
        succeeded(unsafe { EVP_PKEY_CTX_kem_set_params(context.raw(), set.nid()) })?;
        let (mut key, mut len) = (ptr::null_mut(), SEED);
        // SAFETY: the seed has the length that is said; a fresh key is written to the place.
        let answer = unsafe {
            EVP_PKEY_keygen_deterministic(context.raw(), &raw mut key, seed.as_ptr(), &raw mut len)
        };
        // SAFETY: NULL or a fresh object, which must be freed even after a failure.
        let key = unsafe { Pkey::own(key) };
        succeeded(answer)?;
        Ok(Self { key: key?, set })
    }

    /// An encapsulation key. Its numbers are checked when it is used (FIPS 203, 7.2).
    pub fn public(set: Set, key: &[u8]) -> Answer<Self> {
        require(key.len() == set.public_len())?;
        // SAFETY: reads as many bytes as the slice has.
        let raw = unsafe { EVP_PKEY_kem_new_raw_public_key(set.nid(), key.as_ptr(), key.len()) };
        // SAFETY: NULL or a fresh object.
        Ok(Self { key: unsafe { Pkey::own(raw) }?, set })
    }

    /// A decapsulation key, checked: the hash of the encapsulation key in it, that key's numbers (FIPS 203,
    /// 7.2 and 7.3), and that the two belong together.
    pub fn private(set: Set, key: &[u8]) -> Answer<Self> {
        require(key.len() == set.private_len())?;
        let public = set.public_part(key).ok_or(super::Failure::MISUSE)?;
        // SAFETY: reads as many bytes as the slices have.
        let raw = unsafe {
            EVP_PKEY_kem_new_raw_key(set.nid(), public.as_ptr(), public.len(), key.as_ptr(), key.len())
        };
        // SAFETY: NULL or a fresh object.
        let key = unsafe { Pkey::own(raw) }?;
        // SAFETY: the key has both halves.
        succeeded(unsafe { EVP_PKEY_kem_check_key(key.raw()) })?;
        Ok(Self { key, set })
    }

    /// The parameter set.
    pub const fn set(&self) -> Set {
        self.set
    }

    /// Writes the encapsulation key.
    pub fn write_public(&self, out: &mut [u8]) -> Answer<()> {
        require(out.len() == self.set.public_len())?;
        let mut len = out.len();
        // SAFETY: `out` has as many bytes as are said to be there.
        succeeded(unsafe { EVP_PKEY_get_raw_public_key(self.key.raw(), out.as_mut_ptr(), &raw mut len) })?;
        require(len == out.len())
    }

    /// Writes the decapsulation key.
    pub fn write_private(&self, out: &mut [u8]) -> Answer<()> {
        require(out.len() == self.set.private_len())?;
        let mut len = out.len();
        // SAFETY: `out` has as many bytes as are said to be there.
        succeeded(unsafe { EVP_PKEY_get_raw_private_key(self.key.raw(), out.as_mut_ptr(), &raw mut len) })?;
        require(len == out.len())
    }

    /// Encapsulates (FIPS 203, algorithm 20) with this randomness. Refuses a key whose numbers are not reduced.
    pub fn encapsulate(
        &self,
        randomness: &[u8; RANDOMNESS],
        ciphertext: &mut [u8],
        shared: &mut [u8],
    ) -> Answer<()> {
        require(ciphertext.len() == self.set.ciphertext_len() && shared.len() == SHARED)?;
        let context = self.context()?;
        let (mut ciphertext_len, mut shared_len, mut random_len) =
            (ciphertext.len(), shared.len(), RANDOMNESS);
        // SAFETY: every place has as many bytes as are said to be there.
        succeeded(unsafe {
            EVP_PKEY_encapsulate_deterministic(
                context.raw(),
                ciphertext.as_mut_ptr(),
                &raw mut ciphertext_len,
                shared.as_mut_ptr(),
                &raw mut shared_len,
                randomness.as_ptr(),
                &raw mut random_len,
            )
        })?;
        require(ciphertext_len == ciphertext.len() && shared_len == SHARED)
    }

    /// Decapsulates (FIPS 203, algorithm 21). A ciphertext of the right length always gives a secret: what was
    /// not made for this key gives one that nobody else has.
    pub fn decapsulate(&self, ciphertext: &[u8], shared: &mut [u8]) -> Answer<()> {
        require(ciphertext.len() == self.set.ciphertext_len() && shared.len() == SHARED)?;
        let context = self.context()?;
        let mut len = shared.len();
        // SAFETY: both slices have as many bytes as are said.
        succeeded(unsafe {
            EVP_PKEY_decapsulate(
                context.raw(),
                shared.as_mut_ptr(),
                &raw mut len,
                ciphertext.as_ptr(),
                ciphertext.len(),
            )
        })?;
        require(len == SHARED)
    }

    fn context(&self) -> Answer<PkeyContext> {
        // SAFETY: the key is valid, and is not changed but for its count of references.
        let raw = unsafe { EVP_PKEY_CTX_new(self.key.raw(), ptr::null_mut()) };
        // SAFETY: NULL or a fresh object.
        unsafe { PkeyContext::own(raw) }
    }
}
