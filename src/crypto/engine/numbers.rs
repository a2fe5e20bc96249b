//! Whole numbers: in and out of big-endian bytes, and the arithmetic that completes an imported RSA key.

use super::{Answer, chosen};
pub use chosen::numbers::{Number, factors, remainder_values};

contract! {
    /// A number that is not negative; wiped when dropped.
    trait Natural for numbers::Number {
        /// Reads big-endian bytes, at most 2048 of them.
        fn from_bytes(bytes: &[u8]) -> Answer<Self>;
        /// Length in bytes without leading zeros.
        fn len(&self) -> usize;
        /// Whether the number is zero.
        fn is_zero(&self) -> bool;
        /// Writes the number big-endian, with leading zeros up to the length of `out`.
        fn write(&self, out: &mut [u8]) -> Answer<()>;
    }
}

contract! {
    /// What completes an RSA key.
    trait RsaArithmetic for module numbers
    where
        Number: Natural = numbers::Number
    {
        /// The values of the Chinese remainder theorem: d mod (p - 1), d mod (q - 1), q^-1 mod p.
        fn remainder_values(d: &Self::Number, p: &Self::Number, q: &Self::Number) -> Answer<[Self::Number; 3]>;
        /// The two primes of a modulus from its exponents; `None` where the numbers belong to no RSA key.
        fn factors(n: &Self::Number, e: &Self::Number, d: &Self::Number) -> Answer<Option<[Self::Number; 2]>>;
    }
}
