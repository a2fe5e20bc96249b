//! ChaCha20 (RFC 8439, 2.4) over the crate `chacha20`.

use super::{Answer, refused, require};
pub use crate::sys::primitives::chacha20::{BLOCK, KEY, NONCE};
use ::chacha20::ChaCha20;
use aes::cipher::{KeyIvInit, StreamCipher, StreamCipherSeek};

/// Adds the key stream to `input`, from the beginning of the block `counter`; `out` has the same length. The counter
/// must not overflow: block 2^32 - 1 is the last one.
pub fn apply(key: &[u8; KEY], nonce: &[u8; NONCE], counter: u32, input: &[u8], out: &mut [u8]) -> Answer<()> {
    let blocks = input.len().div_ceil(BLOCK) as u64;
    require(out.len() == input.len() && u64::from(counter) + blocks <= 1 << 32)?;
    let mut cipher = ChaCha20::new(key.into(), nonce.into());
    cipher.try_seek(u64::from(counter) * BLOCK as u64).map_err(refused)?;
    cipher.try_apply_keystream_b2b(input, out).map_err(refused)
}
