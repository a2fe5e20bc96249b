//! ML-DSA (FIPS 204). What is signed is always the 64 bytes of mu; whoever calls computes them from the message.

use super::{Answer, chosen};
pub use crate::sys::primitives::ml_dsa::{MU, SEED, Set};
pub use chosen::ml_dsa::DsaKey;

contract! {
    /// A key, public or private, which threads share.
    trait LatticeKey for ml_dsa::DsaKey: Send, Sync {
        /// The key pair of a seed (FIPS 204, algorithm 6).
        fn from_seed(set: Set, seed: &[u8; SEED]) -> Answer<Self>;
        /// Whether [`Self::private`] finds a wrong low part of t too.
        fn checks_low_part() -> bool;
        /// A private key, checked.
        fn private(set: Set, key: &[u8]) -> Answer<Self>;
        /// A public key. Any bytes of the right length are one.
        fn public(set: Set, key: &[u8]) -> Answer<Self>;
        /// The parameter set.
        fn set(&self) -> Set;
        /// Writes the public key.
        fn write_public(&self, out: &mut [u8]) -> Answer<()>;
        /// Writes the private key.
        fn write_private(&self, out: &mut [u8]) -> Answer<()>;
        /// Signs a message representative, hedged with fresh randomness (FIPS 204, 3.4).
        fn sign(&self, mu: &[u8; MU], signature: &mut [u8]) -> Answer<()>;
        /// Verifies the signature of a message representative.
        fn verify(&self, mu: &[u8; MU], signature: &[u8]) -> Answer<()>;
    }
}
