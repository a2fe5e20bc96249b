//! What C_GetOperationState saves of a session (PKCS#11 3.2, 5.6): a digest. Operations with a key stay
//! where their key is.

use super::{Operations, Running};
use crate::ck::{CK_MECHANISM_TYPE, Error, Result};
use crate::secret::Secret;

/// A digest in the middle of its input.
pub struct SavedDigest {
    /// Its mechanism.
    pub ckm: CK_MECHANISM_TYPE,
    /// Whether input in parts came.
    pub parts: bool,
    /// The mechanism's own part.
    pub state: Secret,
}

impl SavedDigest {
    /// Mechanism in 8 bytes, little-endian; one byte for `parts`; the state.
    pub fn encode(&self) -> Secret {
        let ckm = u64::from(self.ckm).to_le_bytes();
        let mut encoded = Secret::zeroed(ckm.len() + 1 + self.state.expose().len());
        let parts = [u8::from(self.parts)];
        let bytes = ckm.iter().chain(&parts).chain(self.state.expose());
        encoded.expose_mut().iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        encoded
    }

    /// `None` where the bytes are not from [`Self::encode`].
    pub fn decode(encoded: &[u8]) -> Option<Self> {
        let (ckm, rest) = encoded.split_first_chunk::<8>()?;
        let (parts, state) = rest.split_first()?;
        let ckm = CK_MECHANISM_TYPE::try_from(u64::from_le_bytes(*ckm)).ok()?;
        (*parts <= 1).then(|| Self { ckm, parts: *parts == 1, state: Secret::from_slice(state) })
    }
}

impl Operations {
    /// The session's digest, where that is all there is to save. `CKR_OPERATION_NOT_INITIALIZED` where
    /// nothing of the savable kinds runs, `CKR_STATE_UNSAVEABLE` where an operation with a key does.
    pub fn saved(&self) -> Result<SavedDigest> {
        let keyed = self.sign.is_some()
            || self.verify.is_some()
            || self.verify_signature.is_some()
            || self.encrypt.is_some()
            || self.decrypt.is_some()
            || (self.digest.is_some() && (self.sign_recover.is_some() || self.verify_recover.is_some()))
            || (self.digest.is_some() && self.messages_run());
        if keyed {
            return Err(Error::StateUnsaveable);
        }
        self.digest.as_ref().ok_or(Error::OperationNotInitialized).and_then(Running::saved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decode_takes_back_what_encode_gave_and_nothing_shorter() {
        for parts in [false, true] {
            let saved = SavedDigest { ckm: 0x250, parts, state: Secret::from_slice(b"state") };
            let encoded = saved.encode();
            let back = SavedDigest::decode(encoded.expose()).unwrap();
            assert_eq!((back.ckm, back.parts, back.state.expose()), (0x250, parts, &b"state"[..]));
            assert!((0..9).all(|len| SavedDigest::decode(&encoded.expose()[..len]).is_none()));
        }
        assert!(SavedDigest::decode(&[2; 20]).is_none());
    }
}
