//! `CKA_CHECK_VALUE`: three bytes by which people compare keys and certificates (PKCS#11 3.2, 4.6.2, 4.11,
//! 6.8, 6.10, 6.18, 6.58).

use super::digest::{self, Hash};
use super::engine::cipher::{BLOCK, CipherKey, DES_BLOCK, Direction, Mode};
use super::engine::digest::MAX_LEN;
use super::self_test::{self, Family};
use super::{Material, is_mac_key_type};
use crate::ck::{CK_KEY_TYPE, CK_MECHANISM_TYPE, Result};
use cryptoki_sys::*;

/// Length of a check value in bytes.
const LEN: usize = 3;

/// The check value of a secret key: of an AES or Triple DES key the start of an encrypted block of zeros, of a generic
/// secret, an HMAC or a ChaCha20 key the start of its SHA-1 hash. `None` for keys that have none: no block cipher has
/// the whole of an AES-XTS key.
pub fn of_key(kind: CK_KEY_TYPE, key: &Material) -> Result<Option<Vec<u8>>> {
    let Material::Bytes(value) = key else {
        return Ok(None);
    };
    match kind {
        CKK_AES => {
            self_test::ready(Family::Aes)?;
            of_cipher::<BLOCK>(&CipherKey::new(Mode::Ecb, Direction::Encrypt, value.expose())?).map(Some)
        }
        CKK_CHACHA20 | CKK_GENERIC_SECRET => of_bytes(value.expose()).map(Some),
        kind if is_mac_key_type(kind) => of_bytes(value.expose()).map(Some),
        CKK_DES2 | CKK_DES3 => {
            self_test::ready(Family::TripleDes)?;
            let key = CipherKey::triple_des(Mode::Ecb, Direction::Encrypt, value.expose())?;
            of_cipher::<DES_BLOCK>(&key).map(Some)
        }
        _ => Ok(None),
    }
}

fn of_cipher<const BLOCK: usize>(key: &CipherKey) -> Result<Vec<u8>> {
    let mut block = [0; BLOCK];
    key.start(&[0; BLOCK])?.update(&[0; BLOCK], &mut block)?;
    Ok(block.get(..LEN).unwrap_or_default().to_vec())
}

/// The check value of a certificate: the start of its SHA-1 hash.
pub fn of_bytes(bytes: &[u8]) -> Result<Vec<u8>> {
    self_test::ready(Family::Digest)?;
    let mut hash = [0; MAX_LEN];
    let hash = hash.get_mut(..Hash::Sha1.len()).unwrap_or_default();
    Hash::Sha1.digest(bytes, hash)?;
    Ok(hash.get(..LEN).unwrap_or_default().to_vec())
}

/// Length in bytes of what a hash mechanism makes (`CKM_SHA256`, ...); `None` for any other mechanism.
pub fn hash_len(ckm: CK_MECHANISM_TYPE) -> Option<usize> {
    digest::named(ckm).map(Hash::len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    /// Made by OpenSSL: `enc -aes-128-ecb -nopad` of zeros, `enc -des-ede3` and `enc -des-ede`, and `dgst -sha1`.
    #[test]
    fn check_values_equal_those_of_openssl() {
        let key = Material::Bytes(Secret::from_slice(&[0; 16]));
        assert_eq!(of_key(CKK_AES, &key), Ok(Some(vec![0x66, 0xE9, 0x4B])));
        let des: Vec<u8> = [0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF].repeat(2);
        let des = [&des[..8], &[0x32; 8], &des[8..]].concat();
        let key = |len: usize| Material::Bytes(Secret::from_slice(&des[..len]));
        assert_eq!(of_key(CKK_DES3, &key(24)), Ok(Some(vec![0xA6, 0x1A, 0xE4])));
        assert_eq!(of_key(CKK_DES2, &key(16)), Ok(Some(vec![0xA6, 0x1A, 0xE4])));
        let abc = Material::Bytes(Secret::from_slice(b"abc"));
        assert_eq!(of_key(CKK_GENERIC_SECRET, &abc), Ok(Some(vec![0xA9, 0x99, 0x3E])));
        assert_eq!(of_key(CKK_CHACHA20, &abc), Ok(Some(vec![0xA9, 0x99, 0x3E])));
        assert_eq!(of_key(CKK_SHA256_HMAC, &abc), Ok(Some(vec![0xA9, 0x99, 0x3E])));
        assert_eq!(of_bytes(b"abc"), Ok(vec![0xA9, 0x99, 0x3E]));
    }

    #[test]
    fn keys_of_other_types_have_no_check_value() {
        let key = Material::Bytes(Secret::from_slice(&[0; 32]));
        assert_eq!(of_key(CKK_AES_XTS, &key), Ok(None));
        assert_eq!(of_key(CKK_RSA, &Material::EdPublic(vec![0; 32])), Ok(None));
    }
}
