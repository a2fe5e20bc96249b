//! What the vault seals and authenticates with: AES-256-GCM, HMAC-SHA-256, HKDF-SHA-256, Argon2id.
//!
//! Pure Rust in every build (`aes-gcm`, `hmac`, `hkdf`, `argon2`): with a fresh key for each record
//! they are as fast as the default engine, and they work before, after and beside it.

use super::random;
use crate::ck::{Error, Result};
use crate::secret::Secret;
use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit, Nonce};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Length of every key here, in bytes.
pub const KEY_LEN: usize = 32;
/// Length of an authentication code, in bytes.
pub const CODE_LEN: usize = 32;
const NONCE_LEN: usize = 12;

/// Encrypts and authenticates `plain`, and authenticates `aad`: nonce, ciphertext, tag.
pub fn seal(key: &Secret, aad: &[u8], plain: &[u8]) -> Result<Vec<u8>> {
    let cipher = Aes256Gcm::new_from_slice(key.expose()).map_err(|_| Error::GeneralError)?;
    let mut nonce = [0; NONCE_LEN];
    random::fill(&mut nonce)?;
    let sealed =
        cipher.encrypt(&Nonce::from(nonce), Payload { msg: plain, aad }).map_err(|_| Error::GeneralError)?;
    Ok([&nonce[..], &sealed].concat())
}

/// Opens what [`seal`] made. `None` where anything differs.
pub fn open(key: &Secret, aad: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let cipher = Aes256Gcm::new_from_slice(key.expose()).ok()?;
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>()?;
    cipher.decrypt(&Nonce::from(*nonce), Payload { msg: sealed, aad }).ok().map(Zeroizing::new)
}

/// HKDF-SHA-256 (RFC 5869): a key of 32 bytes for one use.
pub fn derive(key: &Secret, context: &[&[u8]]) -> Secret {
    let mut derived = Secret::zeroed(KEY_LEN);
    let filled =
        Hkdf::<Sha256>::new(None, key.expose()).expand_multi_info(context, derived.expose_mut()).is_ok();
    debug_assert!(filled, "32 bytes are less than HKDF's limit");
    derived
}

/// HMAC-SHA-256 over several parts, each preceded by its length, so that no two lists are alike.
pub fn code(key: &Secret, parts: &[&[u8]]) -> [u8; CODE_LEN] {
    let Ok(mut mac) = <Hmac<Sha256> as KeyInit>::new_from_slice(key.expose()) else {
        // HMAC takes a key of any length; an answer that matches nothing is the safe one all the same.
        return [0; CODE_LEN];
    };
    for part in parts {
        mac.update(&(part.len() as u64).to_le_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// Whether two codes are equal, in constant time.
pub fn same(one: &[u8], other: &[u8]) -> bool {
    subtle::ConstantTimeEq::ct_eq(one, other).into()
}

/// SHA-256.
pub fn digest(bytes: &[u8]) -> [u8; CODE_LEN] {
    Sha256::digest(bytes).into()
}

/// SHA-256 of several parts, one behind the other. Where two lists of parts must not be alike, their lengths are fixed
/// or stand in them.
pub fn digest_of(parts: &[&[u8]]) -> [u8; CODE_LEN] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

/// Cost of turning a PIN into a key (RFC 9106).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PinCost {
    /// Memory in KiB.
    pub memory: u32,
    /// Passes over the memory.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl PinCost {
    /// RFC 9106, 4: the second recommended option.
    pub const RECOMMENDED: Self = Self { memory: 64 * 1024, passes: 3, lanes: 4 };
    /// More than this in a record is no cost of ours but an attempt to exhaust the host.
    const MOST: Self = Self { memory: 1024 * 1024, passes: 64, lanes: 16 };
}

/// Argon2id (RFC 9106) of a PIN. `CKR_DEVICE_ERROR` where the cost is none that we would have set.
pub fn stretch(pin: &[u8], salt: &[u8], cost: PinCost) -> Result<Secret> {
    let most = PinCost::MOST;
    if cost.memory > most.memory || cost.passes > most.passes || cost.lanes > most.lanes {
        return Err(Error::DeviceError);
    }
    let params = argon2::Params::new(cost.memory, cost.passes, cost.lanes, Some(KEY_LEN))
        .map_err(|_| Error::DeviceError)?;
    let mut key = Secret::zeroed(KEY_LEN);
    argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params)
        .hash_password_into(pin, salt, key.expose_mut())
        .map_err(|_| Error::DeviceError)?;
    Ok(key)
}

/// A fresh random key.
pub fn new_key() -> Result<Secret> {
    let mut key = Secret::zeroed(KEY_LEN);
    random::fill(key.expose_mut())?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_opens_and_nothing_else_does() {
        let key = new_key().unwrap();
        let sealed = seal(&key, b"where", b"what").unwrap();
        assert_eq!(open(&key, b"where", &sealed).unwrap().as_slice(), b"what");
        assert!(open(&key, b"elsewhere", &sealed).is_none());
        assert!(open(&new_key().unwrap(), b"where", &sealed).is_none());
        for at in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[at] ^= 1;
            assert!(open(&key, b"where", &damaged).is_none(), "byte {at}");
            assert!(open(&key, b"where", &sealed[..at]).is_none(), "length {at}");
        }
    }

    #[test]
    fn parts_of_a_code_cannot_be_shifted() {
        let key = new_key().unwrap();
        assert_ne!(code(&key, &[b"ab", b"c"]), code(&key, &[b"a", b"bc"]));
    }

    #[test]
    fn a_cost_beyond_reason_is_refused_before_memory_is_asked_for() {
        let cost = PinCost { memory: u32::MAX, passes: 1, lanes: 1 };
        assert_eq!(stretch(b"1234", b"saltsalt", cost).err(), Some(Error::DeviceError));
    }
}
