//! X25519 (RFC 7748, 5) over `x25519-dalek`. Keys are plain bytes here.

use super::{Answer, require};
pub use crate::sys::primitives::x25519::LEN;
use x25519_dalek::{PublicKey, StaticSecret};

/// The public key of a private one, whatever its bits: those that RFC 7748 fixes are fixed on the way.
pub fn public_from_private(private: &[u8; LEN], public: &mut [u8; LEN]) {
    *public = PublicKey::from(&StaticSecret::from(*private)).to_bytes();
}

/// The secret that a private key shares with the other's public key. Refuses the one that a point of small order
/// gives, which is zero (RFC 7748, 6.1).
pub fn agree(private: &[u8; LEN], peer: &[u8; LEN], shared: &mut [u8; LEN]) -> Answer<()> {
    let secret = StaticSecret::from(*private).diffie_hellman(&PublicKey::from(*peer));
    require(secret.was_contributory())?;
    *shared = *secret.as_bytes();
    Ok(())
}
