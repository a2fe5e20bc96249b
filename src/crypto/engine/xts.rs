//! XTS with AES-256 (SP 800-38E, IEEE 1619).

use super::cipher::{BLOCK, Direction};
use super::{Answer, chosen};
pub use crate::sys::primitives::xts::{KEY, MAX_UNIT};
pub use chosen::xts::XtsKey;

contract! {
    /// A key made ready, which threads share.
    trait DataUnitKey for xts::XtsKey: Send, Sync {
        /// Makes ready a key. Refuses one whose halves are equal.
        fn new(key: &[u8; KEY]) -> Answer<Self>;
        /// Encrypts or decrypts a data unit of 16 bytes to 2^20 blocks; `out` has the length of `input`.
        fn run(&self, direction: Direction, tweak: &[u8; BLOCK], input: &[u8], out: &mut [u8]) -> Answer<()>;
    }
}
