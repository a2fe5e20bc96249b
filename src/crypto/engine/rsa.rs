//! RSA keys and the primitives on them (RFC 8017). Paddings are chosen by the algorithms.

use super::digest::Hash;
use super::{Answer, chosen};
pub use crate::sys::primitives::rsa::{Oaep, Part, Parts, Pss};
pub use chosen::rsa::RsaKey;

contract! {
    /// A key, public or private, which threads share.
    trait Key for rsa::RsaKey: Send, Sync {
        /// Makes a key of `bits` (a multiple of 128, up to 8192) with an odd public exponent.
        fn generate(bits: u32, exponent: u64) -> Answer<Self>;
        /// A private key of all its numbers, which are checked against each other.
        fn private(parts: &Parts<'_>) -> Answer<Self>;
        /// A public key.
        fn public(n: &[u8], e: &[u8]) -> Answer<Self>;
        /// The fork generation that the key is good for.
        fn generation(&self) -> u32;
        /// Checks the numbers against each other.
        fn check(&self) -> Answer<()>;
        /// Size of the modulus in bits.
        fn bits(&self) -> u32;
        /// Size of the modulus in bytes: the length of signatures and ciphertexts.
        fn size(&self) -> usize;
        /// Length in bytes of one number of the key; 0 where it has none.
        fn part_len(&self, part: Part) -> usize;
        /// Writes one number of the key, big-endian, over the whole of `out`.
        fn write_part(&self, part: Part, out: &mut [u8]) -> Answer<()>;
        /// Signs a digest with PKCS#1 v1.5. `out` has `size` bytes.
        fn sign(&self, hash: Hash, digest: &[u8], out: &mut [u8]) -> Answer<()>;
        /// Verifies a signature of a digest with PKCS#1 v1.5.
        fn verify(&self, hash: Hash, digest: &[u8], signature: &[u8]) -> Answer<()>;
        /// Signs the caller's bytes with the padding of PKCS#1 v1.5, block type 1.
        fn sign_raw(&self, data: &[u8], out: &mut [u8]) -> Answer<()>;
        /// Gives back the bytes that a PKCS#1 v1.5 signature was made of; answers how many.
        fn recover(&self, signature: &[u8], out: &mut [u8]) -> Answer<usize>;
        /// The signature primitive alone (RFC 8017, 5.2.1).
        fn sign_unpadded(&self, data: &[u8], out: &mut [u8]) -> Answer<()>;
        /// The verification primitive alone (RFC 8017, 5.2.2).
        fn recover_unpadded(&self, signature: &[u8], out: &mut [u8]) -> Answer<()>;
        /// The private primitive alone (RFC 8017, 5.1.2).
        fn decrypt_raw(&self, data: &[u8], out: &mut [u8]) -> Answer<()>;
        /// Encrypts with PKCS#1 v1.5. `out` has `size` bytes.
        fn encrypt(&self, data: &[u8], out: &mut [u8]) -> Answer<()>;
        /// Whether the engine has PSS with these hashes.
        fn takes_pss(pss: Pss) -> bool;
        /// Signs a digest with PSS. `out` has `size` bytes.
        fn sign_pss(&self, pss: Pss, digest: &[u8], out: &mut [u8]) -> Answer<()>;
        /// Verifies a signature of a digest with PSS. The salt must have the length that was said.
        fn verify_pss(&self, pss: Pss, digest: &[u8], signature: &[u8]) -> Answer<()>;
        /// Encrypts with OAEP. `out` has `size` bytes.
        fn encrypt_oaep(&self, oaep: &Oaep<'_>, data: &[u8], out: &mut [u8]) -> Answer<()>;
        /// Decrypts with OAEP; answers the length of the message. `out` has `size` bytes.
        fn decrypt_oaep(&self, oaep: &Oaep<'_>, data: &[u8], out: &mut [u8]) -> Answer<usize>;
    }
}
