//! The extendable-output functions of FIPS 202: SHAKE. SHA-3 is with the other hash functions.

use super::{Answer, chosen};
pub use crate::sys::primitives::keccak::Function;
pub use chosen::keccak::Keccak;

contract! {
    /// A function that takes its input.
    trait Extendable for keccak::Keccak: Send {
        /// Starts the function.
        fn new(function: Function) -> Answer<Self>;
        /// Takes more input.
        fn update(&mut self, data: &[u8]) -> Answer<()>;
        /// Fills `out`, of any length.
        fn finish(self, out: &mut [u8]) -> Answer<()>;
    }
}
