//! Diffie-Hellman in groups of safe primes (SP 800-56A Rev. 3, 5.7.1.1). Keys are plain big-endian numbers here.

use super::{Answer, chosen};
pub use crate::sys::primitives::dh::Group;
pub use chosen::dh::{agree, is_public, public_from_private};

contract! {
    /// The functions.
    trait DiffieHellman for module dh {
        /// The public key of a private one, as long as the prime.
        fn public_from_private(group: Group, private: &[u8], public: &mut [u8]) -> Answer<()>;
        /// Whether a number is a public key of the group: from 2 to p - 2, and of order q.
        fn is_public(group: Group, number: &[u8]) -> Answer<bool>;
        /// The secret that a private key shares with the other's public key, with its leading zeros. Fails where the
        /// public key is none of the group, or the secret is 1.
        fn agree(group: Group, private: &[u8], peer: &[u8], secret: &mut [u8]) -> Answer<()>;
    }
}
