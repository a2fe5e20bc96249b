//! ML-DSA (FIPS 204): keys from seeds and from their values, signatures of message representatives. What is
//! signed is always the 64 bytes of mu; whoever calls computes them from the message.

use super::error::{require, succeeded};
use super::owner::owner;
use super::{Answer, Failure};
use aws_lc_sys::{
    EVP_PKEY_CTX_new, EVP_PKEY_get_raw_private_key, EVP_PKEY_get_raw_public_key,
    EVP_PKEY_pqdsa_new_raw_private_key, EVP_PKEY_pqdsa_new_raw_public_key, EVP_PKEY_sign, EVP_PKEY_sign_init,
    EVP_PKEY_verify, EVP_PKEY_verify_init, NID_MLDSA44, NID_MLDSA65, NID_MLDSA87,
};
use std::ffi::c_int;
use std::ptr;

pub use crate::sys::primitives::ml_dsa::{MU, SEED, Set};

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
            Self::Dsa44 => NID_MLDSA44,
            Self::Dsa65 => NID_MLDSA65,
            Self::Dsa87 => NID_MLDSA87,
        }
    }
}

/// A key made ready, public or private. Never changed after its constructor.
pub struct DsaKey {
    key: Pkey,
    set: Set,
    private: bool,
}

// SAFETY: AWS-LC only reads the key, and counts its references atomically.
unsafe impl Send for DsaKey {}
// SAFETY: as above.
unsafe impl Sync for DsaKey {}

impl DsaKey {
    /// The key pair of a seed (FIPS 204, algorithm 6).
    pub fn from_seed(set: Set, seed: &[u8; SEED]) -> Answer<Self> {
        Self::from_private_bytes(set, seed)
    }

    /// Whether [`Self::private`] finds a wrong low part of t too.
    pub const fn checks_low_part() -> bool {
        true
    }

    /// A private key, checked: its small numbers are small, and the public key that follows from them gives the
    /// rest of it (FIPS 204, algorithm 6, lines 5 to 10).
    pub fn private(set: Set, key: &[u8]) -> Answer<Self> {
        require(key.len() == set.private_len())?;
        Self::from_private_bytes(set, key)
    }

    /// AWS-LC tells a seed from a key by its length.
    fn from_private_bytes(set: Set, bytes: &[u8]) -> Answer<Self> {
        // SAFETY: reads as many bytes as the slice has.
        let raw = unsafe { EVP_PKEY_pqdsa_new_raw_private_key(set.nid(), bytes.as_ptr(), bytes.len()) };
        // SAFETY: NULL or a fresh object.
        Ok(Self { key: unsafe { Pkey::own(raw) }?, set, private: true })
    }

    /// A public key. Any bytes of the right length are one.
    pub fn public(set: Set, key: &[u8]) -> Answer<Self> {
        require(key.len() == set.public_len())?;
        // SAFETY: reads as many bytes as the slice has.
        let raw = unsafe { EVP_PKEY_pqdsa_new_raw_public_key(set.nid(), key.as_ptr(), key.len()) };
        // SAFETY: NULL or a fresh object.
        Ok(Self { key: unsafe { Pkey::own(raw) }?, set, private: false })
    }

    /// The parameter set.
    pub const fn set(&self) -> Set {
        self.set
    }

    /// Writes the public key.
    pub fn write_public(&self, out: &mut [u8]) -> Answer<()> {
        require(out.len() == self.set.public_len())?;
        let mut len = out.len();
        // SAFETY: `out` has as many bytes as are said to be there.
        succeeded(unsafe { EVP_PKEY_get_raw_public_key(self.key.raw(), out.as_mut_ptr(), &raw mut len) })?;
        require(len == out.len())
    }

    /// Writes the private key.
    pub fn write_private(&self, out: &mut [u8]) -> Answer<()> {
        require(self.private && out.len() == self.set.private_len())?;
        let mut len = out.len();
        // SAFETY: `out` has as many bytes as are said to be there.
        succeeded(unsafe { EVP_PKEY_get_raw_private_key(self.key.raw(), out.as_mut_ptr(), &raw mut len) })?;
        require(len == out.len())
    }

    /// Signs a message representative, hedged with fresh randomness (FIPS 204, 3.4).
    pub fn sign(&self, mu: &[u8; MU], signature: &mut [u8]) -> Answer<()> {
        require(self.private && signature.len() == self.set.signature_len())?;
        let context = self.context()?;
        // SAFETY: the context is fresh.
        succeeded(unsafe { EVP_PKEY_sign_init(context.raw()) })?;
        let mut len = signature.len();
        // SAFETY: both slices have as many bytes as are said.
        succeeded(unsafe {
            EVP_PKEY_sign(context.raw(), signature.as_mut_ptr(), &raw mut len, mu.as_ptr(), mu.len())
        })?;
        require(len == signature.len())
    }

    /// Verifies the signature of a message representative.
    pub fn verify(&self, mu: &[u8; MU], signature: &[u8]) -> Answer<()> {
        if signature.len() != self.set.signature_len() {
            return Err(Failure::MISUSE);
        }
        let context = self.context()?;
        // SAFETY: the context is fresh.
        succeeded(unsafe { EVP_PKEY_verify_init(context.raw()) })?;
        // SAFETY: both slices have as many bytes as are said.
        succeeded(unsafe {
            EVP_PKEY_verify(context.raw(), signature.as_ptr(), signature.len(), mu.as_ptr(), mu.len())
        })
    }

    fn context(&self) -> Answer<PkeyContext> {
        // SAFETY: the key is valid, and is not changed but for its count of references.
        let raw = unsafe { EVP_PKEY_CTX_new(self.key.raw(), ptr::null_mut()) };
        // SAFETY: NULL or a fresh object.
        unsafe { PkeyContext::own(raw) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_key_signs_no_other_verifies() {
        for set in Set::ALL {
            let key = DsaKey::from_seed(set, &[7; SEED]).unwrap();
            let mut signature = vec![0; set.signature_len()];
            key.sign(&[9; MU], &mut signature).unwrap();
            let mut public = vec![0; set.public_len()];
            key.write_public(&mut public).unwrap();
            let public = DsaKey::public(set, &public).unwrap();
            assert_eq!(public.verify(&[9; MU], &signature), Ok(()));
            assert!(public.verify(&[8; MU], &signature).is_err());
            assert!(public.verify(&[9; MU], &signature[1..]).is_err());
            assert!(public.sign(&[9; MU], &mut signature).is_err());
            let other = DsaKey::from_seed(set, &[8; SEED]).unwrap();
            assert!(other.verify(&[9; MU], &signature).is_err());
        }
    }

    #[test]
    fn private_keys_that_contradict_themselves_are_refused() {
        for set in Set::ALL {
            let mut bytes = vec![0; set.private_len()];
            DsaKey::from_seed(set, &[7; SEED]).unwrap().write_private(&mut bytes).unwrap();
            assert!(DsaKey::private(set, &bytes).is_ok());
            // In rho, in tr, in s1, in t0; only K is free.
            for at in [0, 70, 130, bytes.len() - 1] {
                let mut wrong = bytes.clone();
                wrong[at] ^= 1;
                assert!(DsaKey::private(set, &wrong).is_err(), "{set:?} {at}");
            }
            assert!(DsaKey::private(set, &bytes[1..]).is_err());
            assert!(DsaKey::private(set, &[7; SEED]).is_err());
        }
    }
}
