//! HMAC (FIPS 198-1).

use super::digest::{Hash, MAX_LEN};
use super::{Answer, chosen};
pub use chosen::mac::{Hmac, HmacKey};

contract! {
    /// A key made ready, which threads share.
    trait MacKey for mac::HmacKey: Send, Sync
    where
        Running: Mac = mac::Hmac
    {
        /// Makes ready a key of any length.
        fn new(hash: Hash, key: &[u8]) -> Answer<Self>;
        /// Length of the MAC in bytes.
        fn len(&self) -> usize;
        /// The MAC of a whole message. `out` has exactly `len` bytes.
        fn mac(&self, data: &[u8], out: &mut [u8]) -> Answer<()>;
        /// Starts a message in parts.
        fn start(&self) -> Answer<Self::Running>;
    }
}

contract! {
    /// A running MAC.
    trait Mac for mac::Hmac: Send {
        /// Takes more input.
        fn update(&mut self, data: &[u8]) -> Answer<()>;
        /// Writes the MAC; answers its length in bytes. The context is used up.
        fn finish(&mut self, out: &mut [u8; MAX_LEN]) -> Answer<usize>;
    }
}
