//! Derivations and digests that the module puts together itself, or that a crate computes, and that AWS-LC has as well.
//! Only tests ask for them, which hold both against each other.

use super::Answer;
use super::digest::Hash;
use super::error::{require, succeeded};
use aws_lc_sys::{BLAKE2B256, CRYPTO_tls1_prf, KBKDF_ctr_hmac, SSKDF_digest};

/// Counter mode of SP 800-108 over HMAC, with a counter of 32 bits before the fixed input.
pub fn counter_mode(hash: Hash, key: &[u8], input: &[u8], out: &mut [u8]) -> Answer<()> {
    require(!out.is_empty() && !key.is_empty())?;
    // SAFETY: reads two slices of the lengths beside them, which are never NULL, and writes exactly `out.len()` bytes; the
    // description is static.
    let answer = unsafe {
        KBKDF_ctr_hmac(
            out.as_mut_ptr(),
            out.len(),
            hash.description(),
            key.as_ptr(),
            key.len(),
            input.as_ptr(),
            input.len(),
        )
    };
    succeeded(answer)
}

/// The one-step derivation of SP 800-56C Rev. 2 by a hash alone.
pub fn one_step(hash: Hash, secret: &[u8], info: &[u8], out: &mut [u8]) -> Answer<()> {
    require(!out.is_empty() && !secret.is_empty())?;
    // SAFETY: reads two slices of the lengths beside them, which are never NULL, and writes exactly `out.len()` bytes; the
    // description is static.
    let answer = unsafe {
        SSKDF_digest(
            out.as_mut_ptr(),
            out.len(),
            hash.description(),
            secret.as_ptr(),
            secret.len(),
            info.as_ptr(),
            info.len(),
        )
    };
    succeeded(answer)
}

/// The pseudo-random function of TLS 1.2 (RFC 5246, 5).
pub fn tls_prf(hash: Hash, secret: &[u8], label: &[u8], seed: &[u8], out: &mut [u8]) -> Answer<()> {
    require(!out.is_empty())?;
    // SAFETY: reads four slices of the lengths beside them, which are never NULL, and writes exactly `out.len()` bytes; the
    // description is static.
    let answer = unsafe {
        CRYPTO_tls1_prf(
            hash.description(),
            out.as_mut_ptr(),
            out.len(),
            secret.as_ptr(),
            secret.len(),
            label.as_ptr().cast(),
            label.len(),
            seed.as_ptr(),
            seed.len(),
            [].as_ptr(),
            0,
        )
    };
    succeeded(answer)
}

/// BLAKE2b with a digest of 32 bytes and no key (RFC 7693).
pub fn blake2b_256(data: &[u8], out: &mut [u8; 32]) {
    // SAFETY: reads a slice of the length beside it, which is never NULL, and writes 32 bytes into a place of so many.
    unsafe { BLAKE2B256(data.as_ptr(), data.len(), out.as_mut_ptr()) }
}
