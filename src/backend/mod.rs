//! Floor 8: homes for keys behind one trait. A backend takes an [`Authorized`] and nothing else: it
//! cannot be called for an operation that the guard did not allow, and it judges nothing itself.
//!
//! ```compile_fail,E0308
//! use keyward_pkcs11::backend::{Backend, Software};
//! use keyward_pkcs11::guard::op::Digest;
//! use keyward_pkcs11::ck::Mechanism;
//! let unproven = Digest { mechanism: Mechanism::plain(0x250) };
//! let _ = Software.digest(unproven);
//! ```
#![forbid(unsafe_code)]

mod derivation;
mod software;
mod wrapping;

pub use software::Software;

use crate::ck::message::MessageParams;
use crate::ck::{CK_MECHANISM_TYPE, Result};
use crate::crypto::mechanism::{
    Ciphering, Digesting, Messaging, Recovering, Signing, StartSignings, StartVerifyings, Verifying,
};
use crate::guard::op::*;
use crate::guard::{Authorized, Fresh};
use crate::object::Attributes;
use crate::secret::Secret;

/// A new object from a backend: attributes that the making settled, and the material.
pub struct NewObject {
    /// Completed attributes.
    pub attributes: Attributes,
    /// Its material; `None` for objects that are no keys.
    pub fresh: Option<Fresh>,
}

/// What a derivation made.
pub struct DerivedObjects {
    /// The objects, in the order of the operation.
    pub objects: Vec<NewObject>,
    /// Initialisation vectors for TLS, the client's first.
    pub ivs: Vec<Vec<u8>>,
    /// The version that stood in a premaster secret.
    pub version: Option<[u8; 2]>,
}

/// A home for keys. No default bodies: the compiler lists what a backend has not done.
pub trait Backend: Send + Sync {
    /// The mechanisms it has.
    fn mechanisms(&self) -> Vec<CK_MECHANISM_TYPE>;
    /// C_GenerateRandom.
    fn random(&self, out: &mut [u8]) -> Result<()>;
    /// C_SeedRandom.
    fn stir(&self, seed: &[u8]) -> Result<()>;

    /// Starts a digest.
    fn digest(&self, grant: Authorized<Digest>) -> Result<Box<dyn Digesting>>;
    /// Goes on with a digest that was saved. `CKR_SAVED_STATE_INVALID` where that is not possible.
    fn resume_digest(&self, grant: Authorized<Digest>, saved: &[u8]) -> Result<Box<dyn Digesting>>;
    /// Puts the value of a secret key into a running digest.
    fn digest_key(&self, grant: Authorized<DigestKey>, into: &mut dyn Digesting) -> Result<()>;
    /// Starts a signature.
    fn sign(&self, grant: Authorized<Sign>) -> Result<Box<dyn Signing>>;
    /// Starts a verification.
    fn verify(&self, grant: Authorized<Verify>) -> Result<Box<dyn Verifying>>;
    /// Starts a signature that the data can be recovered from.
    fn sign_recover(&self, grant: Authorized<SignRecover>) -> Result<Box<dyn Recovering>>;
    /// Starts the recovery of the data from such a signature.
    fn verify_recover(&self, grant: Authorized<VerifyRecover>) -> Result<Box<dyn Recovering>>;
    /// Starts an encryption.
    fn encrypt(&self, grant: Authorized<Encrypt>) -> Result<Box<dyn Ciphering>>;
    /// Starts a decryption.
    fn decrypt(&self, grant: Authorized<Decrypt>) -> Result<Box<dyn Ciphering>>;

    /// Starts the encryption of messages.
    fn message_encrypt(&self, grant: Authorized<Encrypt>) -> Result<Box<dyn Messaging>>;
    /// Starts the decryption of messages.
    fn message_decrypt(&self, grant: Authorized<Decrypt>) -> Result<Box<dyn Messaging>>;
    /// Starts the signing of messages.
    fn message_sign(&self, grant: Authorized<SignMessages>) -> Result<StartSignings>;
    /// Starts the verification of messages' signatures.
    fn message_verify(&self, grant: Authorized<Verify>) -> Result<StartVerifyings>;

    /// Makes a secret key.
    fn generate(&self, grant: Authorized<Generate>) -> Result<NewObject>;
    /// Makes a key pair: public, private.
    fn generate_pair(&self, grant: Authorized<GeneratePair>) -> Result<(NewObject, NewObject)>;
    /// Derives secret keys or data.
    fn derive(&self, grant: Authorized<Derive>) -> Result<DerivedObjects>;
    /// Length of the ciphertext of an encapsulation in bytes. Makes nothing.
    fn encapsulated_len(&self, grant: &Authorized<Encapsulate>) -> Result<usize>;
    /// Makes a shared secret key and its ciphertext.
    fn encapsulate(&self, grant: Authorized<Encapsulate>) -> Result<(NewObject, Vec<u8>)>;
    /// Finds the shared secret key of a ciphertext.
    fn decapsulate(&self, grant: Authorized<Decapsulate>) -> Result<NewObject>;
    /// Wraps a key.
    fn wrap(&self, grant: Authorized<Wrap>) -> Result<Vec<u8>>;
    /// Unwraps a key.
    fn unwrap(&self, grant: Authorized<Unwrap>) -> Result<NewObject>;
    /// Wraps a key together with associated data. Completes the IV and fills the tag of the parameter.
    fn wrap_authenticated(
        &self,
        grant: Authorized<Wrap>,
        message: &mut MessageParams,
        aad: &[u8],
    ) -> Result<Vec<u8>>;
    /// Unwraps a key that was wrapped so; the tag stands in the parameter.
    fn unwrap_authenticated(
        &self,
        grant: Authorized<Unwrap>,
        message: &mut MessageParams,
        aad: &[u8],
    ) -> Result<NewObject>;
    /// Takes in an object that a client brings.
    fn create(&self, grant: Authorized<Create>) -> Result<NewObject>;
    /// Copies an object.
    fn copy(&self, grant: Authorized<Copy>) -> Result<NewObject>;
    /// Shows a secret attribute.
    fn reveal(&self, grant: Authorized<Reveal>) -> Result<Secret>;
    /// Forgets what it keeps of an object. The token removes the record.
    fn destroy(&self, grant: Authorized<Destroy>) -> Result<()>;
}
