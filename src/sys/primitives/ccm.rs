//! AES-CCM (SP 800-38C).

/// Shortest and longest nonce in bytes.
pub const NONCES: std::ops::RangeInclusive<usize> = 7..=13;

/// Longest message in bytes that one call takes.
pub const MAX_MESSAGE: usize = 1 << 30;
