//! Signatures of the module's own: Ed25519 (RFC 8032) over what it recorded, with keys that are used once or a few times
//! and then replaced, and over what named users agree to, with keys that they keep. No caller's key comes here.

use super::engine::ed25519::{self, SIGNATURE_LEN, Variant};
use super::random;
use super::self_test::{self, Family};
use crate::ck::{Error, Result};
use crate::secret::Secret;
use zeroize::Zeroizing;

/// Length of a public key and of a seed in bytes.
pub const KEY_LEN: usize = 32;
/// Length of a signature in bytes.
pub const LEN: usize = SIGNATURE_LEN;

/// A public key.
pub type PublicKey = [u8; KEY_LEN];

/// A signing key: its seed, and what is made of it.
pub struct SigningKey {
    seed: Secret,
    expanded: Zeroizing<[u8; 64]>,
    public: PublicKey,
}

impl SigningKey {
    /// A new key.
    pub fn generate() -> Result<Self> {
        let mut seed = Secret::zeroed(KEY_LEN);
        random::fill(seed.expose_mut())?;
        Self::from_seed(seed)
    }

    /// A new key that is kept for long: made once Ed25519 gives its known answers, and tried. What it signs its public
    /// half verifies (FIPS 140-3 IG 10.3.A); `CKR_DEVICE_ERROR` where it does not, and there is no key.
    pub fn generate_to_keep() -> Result<Self> {
        ready()?;
        let key = Self::generate()?;
        let tried = key.sign(&[0x5A])?;
        if verify(key.public(), &[0x5A], &tried) { Ok(key) } else { Err(Error::DeviceError) }
    }

    /// The key of a seed of 32 bytes (`CKR_DEVICE_ERROR` for others).
    pub fn from_seed(seed: Secret) -> Result<Self> {
        let bytes: &[u8; KEY_LEN] = seed.expose().try_into().map_err(|_| Error::DeviceError)?;
        let (mut public, mut expanded) = ([0; KEY_LEN], Zeroizing::new([0; 64]));
        ed25519::key_pair(bytes, &mut public, &mut expanded);
        Ok(Self { seed, expanded, public })
    }

    /// Its public half.
    pub const fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Its seed.
    pub const fn seed(&self) -> &Secret {
        &self.seed
    }

    /// Signs.
    pub fn sign(&self, message: &[u8]) -> Result<[u8; LEN]> {
        let mut signature = [0; LEN];
        ed25519::sign(&self.expanded, Variant::Pure, message, &mut signature)?;
        Ok(signature)
    }
}

/// Whether Ed25519 gives its known answers; tried once in a process. `CKR_FIPS_SELF_TEST_FAILED` where it does not.
pub fn ready() -> Result<()> {
    self_test::ready(Family::Eddsa)
}

/// Whether the signature is the key's over the message.
pub fn verify(public: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
    let Ok(signature) = signature.try_into() else { return false };
    ed25519::verify(public, Variant::Pure, message, signature).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signature_is_good_for_its_key_and_message_only() {
        let (key, other) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
        let mut signature = key.sign(b"message").unwrap();
        assert!(verify(key.public(), b"message", &signature));
        assert!(!verify(other.public(), b"message", &signature));
        assert!(!verify(key.public(), b"massage", &signature));
        signature[3] ^= 1;
        assert!(!verify(key.public(), b"message", &signature));
        assert!(!verify(key.public(), b"message", &signature[..63]));
        let same = SigningKey::from_seed(Secret::from_slice(key.seed().expose())).unwrap();
        assert_eq!(same.public(), key.public());
        assert!(SigningKey::from_seed(Secret::zeroed(31)).is_err());
    }

    #[test]
    fn no_key_is_made_to_be_kept_while_the_self_test_fails() {
        use crate::crypto::self_test::fault;
        let made = fault::everywhere(|| (ready(), SigningKey::generate_to_keep().map(|_| ())));
        assert_eq!(made, (Err(Error::FipsSelfTestFailed), Err(Error::FipsSelfTestFailed)));
        assert_eq!(SigningKey::generate_to_keep().map(|_| ()), Ok(()));
    }
}
