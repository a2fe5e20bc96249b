//! Pseudo-random functions that derivations are made of: HMAC (FIPS 198-1) and CMAC with AES (SP 800-38B), by the name of
//! their MAC mechanism.

use super::digest::Hash;
use super::engine::cipher::BLOCK;
use super::engine::cmac::CmacKey;
use super::engine::digest::MAX_LEN;
use super::engine::mac::HmacKey;
use super::self_test::{self, Family};
use crate::ck::{CK_KEY_TYPE, CK_MECHANISM_TYPE, Error, Result};
use cryptoki_sys::*;
use zeroize::Zeroizing;

/// The value of a pseudo-random function, in the first bytes.
pub(super) type Value = Zeroizing<[u8; MAX_LEN]>;

/// A keyed pseudo-random function.
pub(super) enum Prf {
    /// HMAC.
    Hmac(HmacKey),
    /// CMAC with AES.
    Cmac(CmacKey),
}

/// The types of key that some pseudo-random function takes.
pub(super) const KEY_TYPES: &[CK_KEY_TYPE] = &[
    CKK_GENERIC_SECRET,
    CKK_HKDF,
    CKK_AES,
    CKK_SHA_1_HMAC,
    CKK_SHA224_HMAC,
    CKK_SHA256_HMAC,
    CKK_SHA384_HMAC,
    CKK_SHA512_HMAC,
    CKK_SHA512_224_HMAC,
    CKK_SHA512_256_HMAC,
    CKK_SHA3_224_HMAC,
    CKK_SHA3_256_HMAC,
    CKK_SHA3_384_HMAC,
    CKK_SHA3_512_HMAC,
];

/// The hash of an HMAC mechanism, and the type of the keys that are for it alone.
const fn hmac_of(ckm: CK_MECHANISM_TYPE) -> Option<(Hash, CK_KEY_TYPE)> {
    Some(match ckm {
        CKM_SHA_1_HMAC => (Hash::Sha1, CKK_SHA_1_HMAC),
        CKM_SHA224_HMAC => (Hash::Sha224, CKK_SHA224_HMAC),
        CKM_SHA256_HMAC => (Hash::Sha256, CKK_SHA256_HMAC),
        CKM_SHA384_HMAC => (Hash::Sha384, CKK_SHA384_HMAC),
        CKM_SHA512_HMAC => (Hash::Sha512, CKK_SHA512_HMAC),
        CKM_SHA512_224_HMAC => (Hash::Sha512_224, CKK_SHA512_224_HMAC),
        CKM_SHA512_256_HMAC => (Hash::Sha512_256, CKK_SHA512_256_HMAC),
        CKM_SHA3_224_HMAC => (Hash::Sha3_224, CKK_SHA3_224_HMAC),
        CKM_SHA3_256_HMAC => (Hash::Sha3_256, CKK_SHA3_256_HMAC),
        CKM_SHA3_384_HMAC => (Hash::Sha3_384, CKK_SHA3_384_HMAC),
        CKM_SHA3_512_HMAC => (Hash::Sha3_512, CKK_SHA3_512_HMAC),
        _ => return None,
    })
}

impl Prf {
    /// A key for the pseudo-random function of this name. HMAC takes generic secrets, keys for HKDF and those of its own
    /// type; CMAC takes AES keys.
    ///
    /// # Errors
    /// `CKR_MECHANISM_PARAM_INVALID` for a name of no such function, `CKR_KEY_TYPE_INCONSISTENT` for a key that is not for
    /// it.
    pub(super) fn new(ckm: CK_MECHANISM_TYPE, key: &[u8], key_type: CK_KEY_TYPE) -> Result<Self> {
        if ckm == CKM_AES_CMAC {
            self_test::ready(Family::Cmac)?;
            if key_type != CKK_AES {
                return Err(Error::KeyTypeInconsistent);
            }
            return Ok(Self::Cmac(CmacKey::new(key)?));
        }
        let (hash, own) = hmac_of(ckm).ok_or(Error::MechanismParamInvalid)?;
        if !matches!(key_type, CKK_GENERIC_SECRET | CKK_HKDF) && key_type != own {
            return Err(Error::KeyTypeInconsistent);
        }
        Self::hmac(hash, key)
    }

    /// A key for HMAC with this hash.
    pub(super) fn hmac(hash: Hash, key: &[u8]) -> Result<Self> {
        self_test::ready(Family::Hmac)?;
        Ok(Self::Hmac(HmacKey::new(hash, key)?))
    }

    /// Length of the value in bytes.
    pub(super) const fn len(&self) -> usize {
        match self {
            Self::Hmac(key) => key.len(),
            Self::Cmac(_) => BLOCK,
        }
    }

    /// The value for an input in parts.
    pub(super) fn of<'a>(&self, parts: impl IntoIterator<Item = &'a [u8]>) -> Result<Value> {
        let mut value = Value::new([0; MAX_LEN]);
        match self {
            Self::Hmac(key) => {
                let mut running = key.start()?;
                for part in parts {
                    running.update(part)?;
                }
                running.finish(&mut value)?;
            }
            Self::Cmac(key) => {
                let mut running = key.start()?;
                for part in parts {
                    running.update(part)?;
                }
                let block: &mut [u8; BLOCK] = value.first_chunk_mut().ok_or(Error::GeneralError)?;
                running.finish(block)?;
            }
        }
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::tests::hex;

    #[test]
    fn values_are_those_of_the_macs() {
        // RFC 4231, case 2; RFC 4493, example 2.
        let hmac = Prf::new(CKM_SHA256_HMAC, b"Jefe", CKK_GENERIC_SECRET).unwrap();
        let value = hmac.of([&b"what do ya want "[..], b"", b"for nothing?"]).unwrap();
        assert_eq!(value[..4], hex("5bdcc146"));
        let key = hex("2b7e151628aed2a6abf7158809cf4f3c");
        let cmac = Prf::new(CKM_AES_CMAC, &key, CKK_AES).unwrap();
        let value = cmac.of([&hex("6bc1bee22e409f96e93d7e117393172a")[..]]).unwrap();
        assert_eq!((&value[..16], cmac.len()), (&hex("070a16b46b4d4144f79bdd9dd04a287c")[..], 16));
    }

    #[test]
    fn keys_are_of_the_functions_type() {
        let refused = |ckm, kind| Prf::new(ckm, &[1; 16], kind).err();
        let wrong = Some(Error::KeyTypeInconsistent);
        assert_eq!(refused(CKM_AES_CMAC, CKK_GENERIC_SECRET), wrong);
        assert_eq!(refused(CKM_SHA256_HMAC, CKK_AES), wrong);
        assert_eq!(refused(CKM_SHA256_HMAC, CKK_SHA_1_HMAC), wrong);
        for kind in [CKK_GENERIC_SECRET, CKK_HKDF, CKK_SHA256_HMAC] {
            assert_eq!(refused(CKM_SHA256_HMAC, kind), None);
        }
        for none in [CKM_SHA256, CKM_DES3_CMAC, CK_MECHANISM_TYPE::MAX] {
            assert_eq!(refused(none, CKK_GENERIC_SECRET), Some(Error::MechanismParamInvalid));
        }
    }
}
