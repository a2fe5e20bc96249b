//! ChaCha20 (RFC 8439, 2.4) over the crate `chacha20`.

use super::{Answer, Failure, refused, require};
pub use crate::sys::primitives::chacha20::{BLOCK, KEY, NONCE};
use ::chacha20::ChaCha20Legacy;
use aes::cipher::{KeyIvInit, StreamCipher, StreamCipherSeek};

/// Adds the key stream to `input`, from the beginning of the block `counter`; `out` has the same length. The counter
/// must not overflow: block 2^32 - 1 is the last one.
pub fn apply(key: &[u8; KEY], nonce: &[u8; NONCE], counter: u32, input: &[u8], out: &mut [u8]) -> Answer<()> {
    let blocks = input.len().div_ceil(BLOCK) as u64;
    require(out.len() == input.len() && u64::from(counter) + blocks <= 1 << 32)?;
    // The original cipher has a counter of 64 bits where that of RFC 8439 has one of 32 and a word of the nonce. Of either
    // the crate leaves out the last block, so it is not asked whether its counter goes so far: that is known.
    let (first, rest) = nonce.split_first_chunk::<4>().ok_or(Failure::MISUSE)?;
    let block = u128::from(u32::from_le_bytes(*first)) << 32 | u128::from(counter);
    let mut cipher = ChaCha20Legacy::new_from_slices(key, rest).map_err(refused)?;
    cipher.try_seek(block * BLOCK as u128).map_err(refused)?;
    cipher.unchecked_apply_keystream_b2b(input, out).map_err(refused)
}
