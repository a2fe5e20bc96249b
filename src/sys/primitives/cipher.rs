//! AES as a block cipher (FIPS 197) and its modes (SP 800-38A).

/// Block length of AES in bytes.
pub const BLOCK: usize = 16;

/// A mode of operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// Electronic codebook.
    Ecb,
    /// Cipher block chaining.
    Cbc,
    /// Counter, the whole block counting.
    Ctr,
}

/// Encryption or decryption.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// To ciphertext.
    Encrypt,
    /// To plaintext.
    Decrypt,
}
