//! ChaCha20 (RFC 8439, 2.4): the key stream over a whole number of calls, with the block counter told each time.

use super::Answer;
use super::error::require;
use aws_lc_sys::CRYPTO_chacha_20;

pub use crate::sys::primitives::chacha20::{BLOCK, KEY, NONCE};

/// Adds the key stream to `input`, from the beginning of the block `counter`; `out` has the same length. The counter
/// must not overflow: block 2^32 - 1 is the last one.
pub fn apply(key: &[u8; KEY], nonce: &[u8; NONCE], counter: u32, input: &[u8], out: &mut [u8]) -> Answer<()> {
    let blocks = input.len().div_ceil(BLOCK) as u64;
    require(out.len() == input.len() && u64::from(counter) + blocks <= 1 << 32)?;
    if input.is_empty() {
        return Ok(());
    }
    // SAFETY: key and nonce have the lengths that are read; both slices have `input.len()` bytes and do not overlap.
    unsafe {
        CRYPTO_chacha_20(
            out.as_mut_ptr(),
            input.as_ptr(),
            input.len(),
            key.as_ptr(),
            nonce.as_ptr(),
            counter,
        );
    }
    Ok(())
}
