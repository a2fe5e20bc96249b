//! ChaCha20 (RFC 8439, 2.4).

use super::{Answer, chosen};
pub use crate::sys::primitives::chacha20::{BLOCK, KEY, NONCE};
pub use chosen::chacha20::apply;

contract! {
    /// The key stream, with the block counter told each time.
    trait ChaCha20 for module chacha20 {
        /// Adds the key stream to `input`, from the beginning of the block `counter`; `out` has the same length. The
        /// counter must not overflow: block 2^32 - 1 is the last one.
        fn apply(
            key: &[u8; KEY], nonce: &[u8; NONCE], counter: u32, input: &[u8], out: &mut [u8],
        ) -> Answer<()>;
    }
}
