//! AES (FIPS 197) and Triple DES (SP 800-67) as block ciphers, and their modes (SP 800-38A).

/// Block length of AES in bytes.
pub const BLOCK: usize = 16;
/// Block length of Triple DES in bytes.
pub const DES_BLOCK: usize = 8;

/// A mode of operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// Electronic codebook.
    Ecb,
    /// Cipher block chaining.
    Cbc,
    /// Counter, the whole block counting.
    Ctr,
    /// Cipher feedback, a bit at a time.
    Cfb1,
    /// Cipher feedback, a byte at a time.
    Cfb8,
    /// Cipher feedback, a block at a time.
    Cfb128,
    /// Output feedback.
    Ofb,
}

impl Mode {
    /// Whether it takes input of any length.
    pub const fn streams(self) -> bool {
        !matches!(self, Self::Ecb | Self::Cbc)
    }
}

/// Encryption or decryption.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// To ciphertext.
    Encrypt,
    /// To plaintext.
    Decrypt,
}
