//! ML-KEM (FIPS 203). Randomness is the caller's.

use super::{Answer, chosen};
pub use crate::sys::primitives::ml_kem::{RANDOMNESS, SEED, SHARED, Set};
pub use chosen::ml_kem::KemKey;

contract! {
    /// A key, public or private, which threads share.
    trait EncapsulationKey for ml_kem::KemKey: Send, Sync {
        /// The key pair of a seed (FIPS 203, algorithm 16).
        fn from_seed(set: Set, seed: &[u8; SEED]) -> Answer<Self>;
        /// An encapsulation key. Its numbers are checked when it is used at the latest (FIPS 203, 7.2).
        fn public(set: Set, key: &[u8]) -> Answer<Self>;
        /// A decapsulation key, checked (FIPS 203, 7.2 and 7.3).
        fn private(set: Set, key: &[u8]) -> Answer<Self>;
        /// The parameter set.
        fn set(&self) -> Set;
        /// Writes the encapsulation key.
        fn write_public(&self, out: &mut [u8]) -> Answer<()>;
        /// Writes the decapsulation key.
        fn write_private(&self, out: &mut [u8]) -> Answer<()>;
        /// Encapsulates (FIPS 203, algorithm 20) with this randomness.
        fn encapsulate(
            &self, randomness: &[u8; RANDOMNESS], ciphertext: &mut [u8], shared: &mut [u8],
        ) -> Answer<()>;
        /// Decapsulates (FIPS 203, algorithm 21).
        fn decapsulate(&self, ciphertext: &[u8], shared: &mut [u8]) -> Answer<()>;
    }
}
