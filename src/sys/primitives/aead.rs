//! AES-GCM (SP 800-38D) and ChaCha20-Poly1305 (RFC 8439).

/// Length of a full tag in bytes.
pub const TAG: usize = 16;

/// An algorithm with both forms.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Algorithm {
    /// AES-GCM; nonces of 1..=256 bytes.
    AesGcm,
    /// ChaCha20-Poly1305 of RFC 8439; nonces of 12 bytes, tags of 16.
    ChaCha20Poly1305,
}

/// Longest nonce in bytes.
pub const MAX_NONCE: usize = 256;

/// Longest plaintext in bytes (SP 800-38D, 5.2.1.1).
pub const MAX_PLAINTEXT: u64 = (1 << 36) - 32;
