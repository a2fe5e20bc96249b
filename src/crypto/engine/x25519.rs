//! X25519 (RFC 7748, 5). Keys are plain bytes; an engine keeps nothing.

use super::{Answer, chosen};
pub use crate::sys::primitives::x25519::LEN;
pub use chosen::x25519::{agree, public_from_private};

contract! {
    /// The function and its uses.
    trait Montgomery for module x25519 {
        /// The public key of a private one, whatever its bits.
        fn public_from_private(private: &[u8; LEN], public: &mut [u8; LEN]);
        /// The secret that a private key shares with the other's public key. Refuses the one that a point of small
        /// order gives, which is zero (RFC 7748, 6.1).
        fn agree(private: &[u8; LEN], peer: &[u8; LEN], shared: &mut [u8; LEN]) -> Answer<()>;
    }
}
