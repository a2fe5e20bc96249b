//! Elliptic curves over prime fields: ECDSA (FIPS 186-5, 6) and the Diffie-Hellman primitive (SP 800-56A Rev. 3,
//! 5.7.1.2).

use super::{Answer, chosen};
pub use crate::sys::primitives::ec::Group;
pub use chosen::ec::EcKey;

contract! {
    /// A key, public or private, which threads share.
    trait CurveKey for ec::EcKey: Send, Sync {
        /// Whether the engine has the curve.
        fn takes(group: Group) -> bool;
        /// A private key, with its public key computed. Refuses scalars outside [1, n - 1].
        fn private(group: Group, scalar: &[u8]) -> Answer<Self>;
        /// A public key. Takes a compressed or an uncompressed point and refuses one that is not on the curve.
        fn public(group: Group, point: &[u8]) -> Answer<Self>;
        /// Writes the public key, uncompressed. `out` has exactly [`Group::point_len`] bytes.
        fn write_public(&self, out: &mut [u8]) -> Answer<()>;
        /// Signs a digest of any length (the leftmost bits count). `out` has twice the length of a scalar.
        fn sign(&self, digest: &[u8], out: &mut [u8]) -> Answer<()>;
        /// Verifies the two numbers of a signature, each in one half of `signature`.
        fn verify(&self, digest: &[u8], signature: &[u8]) -> Answer<()>;
        /// The x-coordinate of this private key times the other's point, which is checked to be on the curve.
        fn agree(&self, peer: &[u8], out: &mut [u8]) -> Answer<()>;
    }
}
