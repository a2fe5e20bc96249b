//! AES-CCM (SP 800-38C).

use super::{Answer, chosen};
pub use crate::sys::primitives::ccm::{MAX_MESSAGE, NONCES};
pub use chosen::ccm::CcmKey;

contract! {
    /// A key made ready, which threads share.
    trait CounterWithMacKey for ccm::CcmKey: Send, Sync {
        /// Makes ready a key of 16, 24 or 32 bytes.
        fn new(key: &[u8]) -> Answer<Self>;
        /// Encrypts a message: `out` has the length of `input`; `tag` of 4, 6 .. 16 bytes is filled.
        fn seal(&self, nonce: &[u8], aad: &[u8], input: &[u8], out: &mut [u8], tag: &mut [u8]) -> Answer<()>;
        /// Decrypts a message: `out` has the length of `input`, and holds zeros where the tag is not right.
        fn open(&self, nonce: &[u8], aad: &[u8], input: &[u8], tag: &[u8], out: &mut [u8]) -> Answer<()>;
    }
}
