//! Digests whose state can be taken out and put back. What one engine saved the other does not read.

use super::digest::{Hash, MAX_LEN};
use super::{Answer, chosen};
pub use chosen::hash_state::HashState;
use zeroize::Zeroizing;

contract! {
    /// A running digest that can be saved.
    trait SavedDigest for hash_state::HashState: Send {
        /// Starts a digest.
        fn new(hash: Hash) -> Answer<Self>;
        /// Goes on from what `save` gave of a digest with the same hash function.
        fn restore(hash: Hash, saved: &[u8]) -> Answer<Self>;
        /// The hash function.
        fn hash(&self) -> Hash;
        /// Takes more input.
        fn update(&mut self, data: &[u8]) -> Answer<()>;
        /// Writes the digest; answers its length in bytes. The state is used up.
        fn finish(&mut self, out: &mut [u8; MAX_LEN]) -> Answer<usize>;
        /// All that it takes to go on elsewhere.
        fn save(&self) -> Answer<Zeroizing<Vec<u8>>>;
    }
}
