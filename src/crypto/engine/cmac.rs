//! CMAC with AES (SP 800-38B, RFC 4493).

use super::cipher::BLOCK;
use super::{Answer, chosen};
pub use chosen::cmac::{Cmac, CmacKey};

contract! {
    /// A key made ready, which threads share.
    trait BlockMacKey for cmac::CmacKey: Send, Sync
    where
        Running: BlockMac = cmac::Cmac
    {
        /// Makes ready a key of 16, 24 or 32 bytes.
        fn new(key: &[u8]) -> Answer<Self>;
        /// Starts a message.
        fn start(&self) -> Answer<Self::Running>;
    }
}

contract! {
    /// A running MAC.
    trait BlockMac for cmac::Cmac: Send {
        /// Takes more input.
        fn update(&mut self, data: &[u8]) -> Answer<()>;
        /// Writes the MAC. The context is used up.
        fn finish(&mut self, out: &mut [u8; BLOCK]) -> Answer<()>;
    }
}
