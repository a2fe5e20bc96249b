//! The hash functions of HashML-DSA and HashSLH-DSA (FIPS 204, 5.4; FIPS 205, 10.2.2): their names in PKCS#11, the
//! OBJECT IDENTIFIERs that are signed along, and the digest itself.

use super::digest::{Hash, Prehash};
use super::engine::keccak::{Function, Keccak};
use super::self_test::{self, Family};
use crate::ck::{CK_MECHANISM_TYPE, Error, Result};
use cryptoki_sys::*;

/// A hash function whose digest is signed instead of the message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum MessageHash {
    /// SHA-2 and SHA-3.
    Digest(Hash),
    /// SHAKE.
    Shake(Function),
}

/// The longest digest, in bytes.
pub(super) const MAX_LEN: usize = 64;

impl MessageHash {
    /// The function of a `CKM_SHA256`, ...: what `CK_HASH_SIGN_ADDITIONAL_CONTEXT` may name. SHA-1 is none, and
    /// SHAKE has no such name.
    pub(super) const fn named(ckm: CK_MECHANISM_TYPE) -> Option<Self> {
        Some(match ckm {
            CKM_SHA224 => Self::Digest(Hash::Sha224),
            CKM_SHA256 => Self::Digest(Hash::Sha256),
            CKM_SHA384 => Self::Digest(Hash::Sha384),
            CKM_SHA512 => Self::Digest(Hash::Sha512),
            CKM_SHA512_224 => Self::Digest(Hash::Sha512_224),
            CKM_SHA512_256 => Self::Digest(Hash::Sha512_256),
            CKM_SHA3_224 => Self::Digest(Hash::Sha3_224),
            CKM_SHA3_256 => Self::Digest(Hash::Sha3_256),
            CKM_SHA3_384 => Self::Digest(Hash::Sha3_384),
            CKM_SHA3_512 => Self::Digest(Hash::Sha3_512),
            _ => return None,
        })
    }

    /// Length of the digest in bytes. That of SHAKE is fixed here: 256 and 512 bits (FIPS 204, algorithm 4).
    pub(super) const fn len(self) -> usize {
        match self {
            Self::Digest(hash) => hash.len(),
            Self::Shake(Function::Shake128) => 32,
            Self::Shake(Function::Shake256) => 64,
        }
    }

    /// Its OBJECT IDENTIFIER in DER: 2.16.840.1.101.3.4.2 and a number. `CKR_MECHANISM_PARAM_INVALID` for SHA-1,
    /// which has another and signs nothing.
    pub(super) fn oid(self) -> Result<[u8; 11]> {
        let number = match self {
            Self::Digest(Hash::Sha256) => 1,
            Self::Digest(Hash::Sha384) => 2,
            Self::Digest(Hash::Sha512) => 3,
            Self::Digest(Hash::Sha224) => 4,
            Self::Digest(Hash::Sha512_224) => 5,
            Self::Digest(Hash::Sha512_256) => 6,
            Self::Digest(Hash::Sha3_224) => 7,
            Self::Digest(Hash::Sha3_256) => 8,
            Self::Digest(Hash::Sha3_384) => 9,
            Self::Digest(Hash::Sha3_512) => 10,
            Self::Shake(Function::Shake128) => 11,
            Self::Shake(Function::Shake256) => 12,
            Self::Digest(Hash::Sha1) => return Err(Error::MechanismParamInvalid),
        };
        Ok([0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, number])
    }

    /// Starts a digest.
    pub(super) fn start(self) -> Result<Running> {
        Ok(match self {
            Self::Digest(hash) => {
                self_test::ready(Family::Digest)?;
                Running::Digest(Prehash::new(hash))
            }
            Self::Shake(function) => {
                self_test::ready(Family::Keccak)?;
                Running::Shake(self.len(), Some(Keccak::new(function)?))
            }
        })
    }
}

/// A running digest.
pub(super) enum Running {
    Digest(Prehash),
    /// The length of the digest, and the state until it is finished.
    Shake(usize, Option<Keccak>),
}

impl Running {
    /// Takes more of the message.
    pub(super) fn update(&mut self, data: &[u8]) -> Result<()> {
        match self {
            Self::Digest(digest) => digest.update(data),
            Self::Shake(_, Some(state)) => Ok(state.update(data)?),
            Self::Shake(_, None) => Err(Error::GeneralError),
        }
    }

    /// The digest of what came, once.
    pub(super) fn finish(&mut self, room: &mut [u8; MAX_LEN]) -> Result<usize> {
        match self {
            Self::Digest(digest) => {
                let digest = digest.finish()?;
                room.get_mut(..digest.len()).ok_or(Error::GeneralError)?.copy_from_slice(digest);
                Ok(digest.len())
            }
            Self::Shake(len, state) => {
                let state = state.take().ok_or(Error::GeneralError)?;
                state.finish(room.get_mut(..*len).ok_or(Error::GeneralError)?)?;
                Ok(*len)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::tests::hex;

    #[test]
    fn names_lengths_and_identifiers_agree() {
        let names = [
            (CKM_SHA224, 28, 4),
            (CKM_SHA256, 32, 1),
            (CKM_SHA384, 48, 2),
            (CKM_SHA512, 64, 3),
            (CKM_SHA512_224, 28, 5),
            (CKM_SHA512_256, 32, 6),
            (CKM_SHA3_224, 28, 7),
            (CKM_SHA3_256, 32, 8),
            (CKM_SHA3_384, 48, 9),
            (CKM_SHA3_512, 64, 10),
        ];
        for (ckm, len, number) in names {
            let hash = MessageHash::named(ckm).unwrap();
            assert_eq!((hash.len(), hash.oid().unwrap()[10]), (len, number), "{ckm:#x}");
            let mut room = [0; MAX_LEN];
            assert_eq!(hash.start().unwrap().finish(&mut room), Ok(len));
        }
        assert_eq!(MessageHash::named(CKM_SHA_1), None);
        assert_eq!(MessageHash::named(CKM_SHA256_HMAC), None);
        assert!(MessageHash::Digest(Hash::Sha1).oid().is_err());
    }

    #[test]
    fn digests_in_pieces_are_known_and_come_once() {
        let mut room = [0; MAX_LEN];
        let mut sha3 = MessageHash::named(CKM_SHA3_256).unwrap().start().unwrap();
        sha3.update(b"a").unwrap();
        sha3.update(b"bc").unwrap();
        assert_eq!(sha3.finish(&mut room), Ok(32));
        // FIPS 202, "abc".
        assert_eq!(room[..32], hex("3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"));
        let mut shake = MessageHash::Shake(Function::Shake128).start().unwrap();
        assert_eq!(shake.finish(&mut room), Ok(32));
        assert!(shake.finish(&mut room).is_err() && shake.update(b"").is_err());
        let mut sha2 = MessageHash::named(CKM_SHA256).unwrap().start().unwrap();
        sha2.update(b"abc").unwrap();
        assert_eq!(sha2.finish(&mut room), Ok(32));
        assert_eq!(room[..32], hex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
    }
}
