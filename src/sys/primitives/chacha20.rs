//! ChaCha20 (RFC 8439, 2.4).

/// Length of a key in bytes.
pub const KEY: usize = 32;
/// Length of a nonce in bytes: the last three words of the state.
pub const NONCE: usize = 12;
/// Length of a block of the key stream in bytes.
pub const BLOCK: usize = 64;
