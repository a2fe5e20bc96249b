//! XTS with AES-256 (SP 800-38E, IEEE 1619).

use super::cipher::BLOCK;

/// Length of a key in bytes: two keys of AES-256.
pub const KEY: usize = 64;
/// Longest data unit in bytes: 2^20 blocks (SP 800-38E, 4).
pub const MAX_UNIT: usize = BLOCK << 20;
