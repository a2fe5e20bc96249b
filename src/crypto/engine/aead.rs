//! AES-GCM (SP 800-38D) and ChaCha20-Poly1305 (RFC 8439).

use super::cipher::Direction;
use super::{Answer, chosen};
pub use crate::sys::primitives::aead::{Algorithm, MAX_NONCE, MAX_PLAINTEXT, TAG};
pub use chosen::aead::{AeadKey, AeadStream};

contract! {
    /// A key made ready, which threads share.
    trait AuthenticatedKey for aead::AeadKey: Send, Sync
    where
        Running: AuthenticatedStream = aead::AeadStream
    {
        /// Makes ready a key: of 16, 24 or 32 bytes for AES, of 32 for ChaCha20.
        fn new(algorithm: Algorithm, key: &[u8]) -> Answer<Self>;
        /// Encrypts a whole message: `out` has the length of `input`, `tag` gets the full tag.
        fn seal(
            &self, nonce: &[u8], aad: &[u8], input: &[u8], out: &mut [u8], tag: &mut [u8; TAG],
        ) -> Answer<()>;
        /// Decrypts a whole message: `out` has the length of `input`, and holds zeros where the tag is not right.
        fn open(&self, nonce: &[u8], aad: &[u8], input: &[u8], tag: &[u8], out: &mut [u8]) -> Answer<()>;
        /// Starts a message in parts.
        fn start(&self, direction: Direction, nonce: &[u8]) -> Answer<Self::Running>;
    }
}

contract! {
    /// A running encryption or decryption.
    trait AuthenticatedStream for aead::AeadStream: Send {
        /// Takes additional authenticated data, before any input.
        fn aad(&mut self, aad: &[u8]) -> Answer<()>;
        /// Runs `input` through; `out` has the same length.
        fn update(&mut self, input: &[u8], out: &mut [u8]) -> Answer<()>;
        /// Ends an encryption and writes the full tag.
        fn tag(&mut self, tag: &mut [u8; TAG]) -> Answer<()>;
        /// Ends a decryption: refuses where the tag, of 4..=16 bytes, is not right. Compares in constant time.
        fn verify(&mut self, tag: &[u8]) -> Answer<()>;
    }
}
