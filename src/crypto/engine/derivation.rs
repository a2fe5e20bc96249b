//! HKDF (RFC 5869) and PBKDF2 (RFC 8018), each in one call.

use super::digest::Hash;
use super::{Answer, chosen};
pub use chosen::derivation::{hkdf_expand, hkdf_extract, pbkdf2};

contract! {
    /// The functions.
    trait Derivation for module derivation {
        /// The extract step of HKDF. `out` has exactly the length of the hash.
        fn hkdf_extract(hash: Hash, secret: &[u8], salt: &[u8], out: &mut [u8]) -> Answer<()>;
        /// The expand step of HKDF: at most 255 times the length of the hash.
        fn hkdf_expand(hash: Hash, key: &[u8], info: &[u8], out: &mut [u8]) -> Answer<()>;
        /// PBKDF2 with HMAC over this hash. Takes `iterations` times the number of blocks in `out`.
        fn pbkdf2(hash: Hash, password: &[u8], salt: &[u8], iterations: u32, out: &mut [u8]) -> Answer<()>;
    }
}
