//! Ed25519, Ed25519ctx and Ed25519ph (RFC 8032). Keys are plain bytes; an engine keeps nothing.

use super::{Answer, chosen};
pub use crate::sys::primitives::ed25519::{SIGNATURE_LEN, Variant};
pub use chosen::ed25519::{is_usable_point, key_pair, sign, takes, verify};

contract! {
    /// The three algorithms.
    trait Ed25519 for module ed25519 {
        /// Makes a key pair of a seed. The private key is the seed followed by the public key.
        fn key_pair(seed: &[u8; 32], public: &mut [u8; 32], private: &mut [u8; 64]);
        /// Whether the engine has the variant.
        fn takes(variant: Variant<'_>) -> bool;
        /// Signs `message`, or its digest where the variant says so.
        fn sign(
            private: &[u8; 64], variant: Variant<'_>, message: &[u8], out: &mut [u8; SIGNATURE_LEN],
        ) -> Answer<()>;
        /// Verifies a signature of `message`, or of its digest where the variant says so.
        fn verify(
            public: &[u8; 32], variant: Variant<'_>, message: &[u8], signature: &[u8; SIGNATURE_LEN],
        ) -> Answer<()>;
        /// Whether the bytes are a point of the curve (RFC 8032, 5.1.3), in the one right encoding and not of
        /// small order, so that it can be somebody's public key.
        fn is_usable_point(bytes: &[u8; 32]) -> Answer<bool>;
    }
}
