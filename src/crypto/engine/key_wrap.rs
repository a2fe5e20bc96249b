//! AES Key Wrap (SP 800-38F, RFC 3394) and Key Wrap with Padding (RFC 5649).

use super::{Answer, chosen};
pub use crate::sys::primitives::key_wrap::{LONGEST, SEMIBLOCK};
pub use chosen::key_wrap::WrapKey;

contract! {
    /// A wrapping key made ready, which threads share.
    trait WrappingKey for key_wrap::WrapKey: Send, Sync {
        /// Makes ready a key of 16, 24 or 32 bytes.
        fn new(key: &[u8]) -> Answer<Self>;
        /// Whether the engine wraps under this initial value.
        fn takes(iv: &[u8; SEMIBLOCK]) -> bool;
        /// RFC 3394: `out` is 8 bytes longer than `input`, which has two semiblocks at least.
        fn wrap(&self, iv: &[u8; SEMIBLOCK], input: &[u8], out: &mut [u8]) -> Answer<()>;
        /// RFC 3394: `out` is 8 bytes shorter than `input`, and holds zeros where that was not wrapped so.
        fn unwrap(&self, iv: &[u8; SEMIBLOCK], input: &[u8], out: &mut [u8]) -> Answer<()>;
        /// RFC 5649: `out` has the padded length of `input` and 8 bytes more.
        fn wrap_padded(&self, input: &[u8], out: &mut [u8]) -> Answer<()>;
        /// RFC 5649: `out` is 8 bytes shorter than `input`. Answers how many of them are the key; holds zeros where
        /// that was not wrapped so.
        fn unwrap_padded(&self, input: &[u8], out: &mut [u8]) -> Answer<usize>;
    }
}
