//! AES (FIPS 197) and Triple DES (SP 800-67) in the modes of SP 800-38A, without padding.

use super::{Answer, chosen};
pub use crate::sys::primitives::cipher::{BLOCK, DES_BLOCK, Direction, Mode};
pub use chosen::cipher::{Cipher, CipherKey};

contract! {
    /// A key made ready, which threads share.
    trait BlockCipherKey for cipher::CipherKey: Send, Sync
    where
        Running: RunningCipher = cipher::Cipher
    {
        /// Whether the engine has AES in the mode.
        fn takes(mode: Mode) -> bool;
        /// Makes ready an AES key of 16, 24 or 32 bytes.
        fn new(mode: Mode, direction: Direction, key: &[u8]) -> Answer<Self>;
        /// Makes ready a Triple DES key of 16 or 24 bytes; the modes are ECB and CBC.
        fn triple_des(mode: Mode, direction: Direction, key: &[u8]) -> Answer<Self>;
        /// Starts a message with an IV or counter block, as long as a block; ECB ignores it.
        fn start(&self, iv: &[u8]) -> Answer<Self::Running>;
    }
}

contract! {
    /// A running cipher.
    trait RunningCipher for cipher::Cipher: Send {
        /// Goes on with another IV or counter block under the same key.
        fn restart(&mut self, iv: &[u8]) -> Answer<()>;
        /// Runs `input` through; `out` has the same length. ECB and CBC take whole blocks only.
        fn update(&mut self, input: &[u8], out: &mut [u8]) -> Answer<()>;
    }
}
