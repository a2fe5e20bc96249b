//! X25519 (RFC 7748, 5). Keys are plain bytes here; AWS-LC keeps nothing.

use super::Answer;
use super::error::succeeded;
use aws_lc_sys::{X25519, X25519_public_from_private};

pub use crate::sys::primitives::x25519::LEN;

/// The public key of a private one, whatever its bits: those that RFC 7748 fixes are fixed on the way.
pub fn public_from_private(private: &[u8; LEN], public: &mut [u8; LEN]) {
    // SAFETY: both arrays have the length that the function reads and writes.
    unsafe { X25519_public_from_private(public.as_mut_ptr(), private.as_ptr()) };
}

/// The secret that a private key shares with the other's public key. Refuses the one that a point of small order
/// gives, which is zero (RFC 7748, 6.1).
pub fn agree(private: &[u8; LEN], peer: &[u8; LEN], shared: &mut [u8; LEN]) -> Answer<()> {
    // SAFETY: the three arrays have the length that the function reads and writes.
    succeeded(unsafe { X25519(shared.as_mut_ptr(), private.as_ptr(), peer.as_ptr()) })
}
