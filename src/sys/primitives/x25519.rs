//! X25519 (RFC 7748, 5).

/// Length of a private key, a public key and a shared secret in bytes.
pub const LEN: usize = 32;
