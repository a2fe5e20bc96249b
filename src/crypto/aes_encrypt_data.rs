//! Keys derived by encrypting data with AES (PKCS#11 3.2, key derivation by data encryption): the beginning of the
//! ciphertext is the key.

use super::aes;
use super::blocks::{Blocks, Schedules};
use super::engine::cipher::{BLOCK, Direction};
use super::mechanism::{Ciphering, Context, DeriveKey, Ops, Prepare, Recipe, Row};
use super::start::prepared;
use super::{aes_cbc, aes_ecb, hmac, only_len};
use crate::ck::params::Shape;
use crate::ck::{CK_MECHANISM_TYPE, Error, Params, Result};
use crate::secret::Secret;
use cryptoki_sys::*;
use std::sync::Arc;

/// CKM_AES_ECB_ENCRYPT_DATA. PKCS#11 3.2, 6.17.
pub static AES_ECB_ENCRYPT_DATA: Row =
    row(CKM_AES_ECB_ENCRYPT_DATA, Shape::StringData, aes_ecb::prepare, |context, params, recipe| {
        let Params::StringData(data) = params else { return Err(Error::MechanismParamInvalid) };
        derive(context, &[0; BLOCK], data.expose(), recipe)
    });
/// CKM_AES_CBC_ENCRYPT_DATA. PKCS#11 3.2, 6.17.
pub static AES_CBC_ENCRYPT_DATA: Row =
    row(CKM_AES_CBC_ENCRYPT_DATA, Shape::AesCbcData, aes_cbc::prepare, |context, params, recipe| {
        let Params::AesCbcData { iv, data } = params else { return Err(Error::MechanismParamInvalid) };
        derive(context, iv, data, recipe)
    });

const fn row(ckm: CK_MECHANISM_TYPE, shape: Shape, prepare: Prepare, derive: DeriveKey) -> Row {
    Row {
        ckm,
        key_types: &[CKK_AES],
        sizes: aes::SIZES,
        shape,
        flags: 0,
        prepare: Some(prepare),
        ops: Ops { derive: Some(derive), ..Ops::NONE },
    }
}

/// Longest derived key in bytes.
const MAX_LEN_DERIVED: usize = hmac::MAX_KEY_LEN as usize;

/// # Errors
/// `CKR_MECHANISM_PARAM_INVALID` for data that are no whole blocks or too short for the key, `CKR_TEMPLATE_INCOMPLETE` for a key whose type has several lengths, of which the template names none.
fn derive(context: &Context, iv: &[u8; BLOCK], data: &[u8], recipe: &Recipe) -> Result<Secret> {
    if data.is_empty() || !data.len().is_multiple_of(BLOCK) {
        return Err(Error::MechanismParamInvalid);
    }
    let len = wanted(recipe, data.len())?;
    if !(1..=MAX_LEN_DERIVED).contains(&len) {
        return Err(Error::KeySizeRange);
    }
    if len > data.len() {
        return Err(Error::MechanismParamInvalid);
    }
    let keys: Arc<Schedules> = prepared(context)?;
    let mut cipher = Blocks::new(keys.of(Direction::Encrypt), Direction::Encrypt, false, iv)?;
    let mut encrypted = Secret::zeroed(data.len());
    cipher.whole(data, encrypted.expose_mut())?;
    Ok(Secret::from_slice(encrypted.expose().get(..len).ok_or(Error::GeneralError)?))
}

/// Length of the key: as the template names it, or its type's only one, or for a secret of any length all there is
/// (PKCS#11 3.2, 6.21, SHA-1 key derivation, which this follows).
fn wanted(recipe: &Recipe, available: usize) -> Result<usize> {
    match (recipe.value_len, recipe.key_type) {
        (Some(len), _) => Ok(len),
        (None, Some(CKK_AES | CKK_AES_XTS)) => Err(Error::TemplateIncomplete),
        (None, kind) => Ok(kind.and_then(only_len).unwrap_or(available)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::tests::*;

    fn derived(row: &Row, key: &str, params: &Params, recipe: &Recipe) -> Result<Vec<u8>> {
        let context = context(row, &aes::import(&hex(key)).unwrap());
        row.ops.derive.unwrap()(&context, params, recipe).map(|secret| secret.expose().to_vec())
    }

    fn of(key_type: CK_KEY_TYPE, value_len: Option<usize>) -> Recipe {
        Recipe { key_type: Some(key_type), value_len, ..Recipe::default() }
    }

    /// The plaintexts and ciphertexts of SP 800-38A, F.1.5 and F.2.5.
    #[test]
    fn derived_keys_are_ciphertexts_of_sp_800_38a() {
        let data = hex(SP_800_38A);
        let ecb = "f3eed1bdb5d2a03c064b5a7e3db181f8591ccb10d410ed26dc5ba74a31362870b6ed21b99ca6f4f9f153e7b1beafed1d23304b7a39f9f3ff067d8d8f9e24ecc7";
        let cbc = "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d39f23369a9d9bacfa530e26304231461b2eb05e2c39be9fcda6c19078c6a9d1b";
        let iv = hex("000102030405060708090a0b0c0d0e0f").try_into().unwrap();
        for (row, params, ciphertext) in [
            (&AES_ECB_ENCRYPT_DATA, Params::StringData(data.clone().into()), ecb),
            (&AES_CBC_ENCRYPT_DATA, Params::AesCbcData { iv, data }, cbc),
        ] {
            let ciphertext = hex(ciphertext);
            for (recipe, len) in [
                (of(CKK_GENERIC_SECRET, None), 64),
                (of(CKK_GENERIC_SECRET, Some(33)), 33),
                (of(CKK_SHA256_HMAC, Some(1)), 1),
                (of(CKK_AES, Some(32)), 32),
                (of(CKK_AES, Some(16)), 16),
                (of(CKK_AES_XTS, Some(64)), 64),
                (of(CKK_CHACHA20, None), 32),
            ] {
                assert_eq!(derived(row, AES_256, &params, &recipe).as_deref(), Ok(&ciphertext[..len]));
            }
        }
    }

    #[test]
    fn what_gives_no_key_is_refused() {
        let derive = |len: usize, recipe: &Recipe| {
            derived(&AES_ECB_ENCRYPT_DATA, AES_128, &Params::StringData(vec![7; len].into()), recipe).err()
        };
        for len in [0, 1, 15, 17] {
            assert_eq!(derive(len, &of(CKK_AES, Some(16))), Some(Error::MechanismParamInvalid), "{len}");
        }
        assert_eq!(derive(16, &of(CKK_AES, Some(24))), Some(Error::MechanismParamInvalid));
        assert_eq!(derive(16, &of(CKK_CHACHA20, None)), Some(Error::MechanismParamInvalid));
        assert_eq!(derive(16, &of(CKK_AES, None)), Some(Error::TemplateIncomplete));
        assert_eq!(derive(16, &of(CKK_GENERIC_SECRET, Some(0))), Some(Error::KeySizeRange));
        assert_eq!(derive(MAX_LEN_DERIVED + BLOCK, &of(CKK_GENERIC_SECRET, None)), Some(Error::KeySizeRange));
        let other = Params::Iv(vec![0; 16]);
        for row in [&AES_ECB_ENCRYPT_DATA, &AES_CBC_ENCRYPT_DATA] {
            let refused = derived(row, AES_128, &other, &of(CKK_AES, Some(16))).err();
            assert_eq!(refused, Some(Error::MechanismParamInvalid));
        }
    }
}
