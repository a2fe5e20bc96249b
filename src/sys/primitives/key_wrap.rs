//! AES Key Wrap (SP 800-38F, RFC 3394) and Key Wrap with Padding (RFC 5649).

/// The unit of both algorithms in bytes.
pub const SEMIBLOCK: usize = 8;
/// The longest key that is wrapped, in bytes.
pub const LONGEST: usize = 1 << 20;
