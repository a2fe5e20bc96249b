//! AES keys (FIPS 197).

use super::blocks::Schedules;
use super::engine::cipher::{CipherKey, Direction, Mode};
use super::mechanism::{Ops, Recipe, Row, Sizes};
use super::{Material, random};
use crate::ck::params::Shape;
use crate::ck::{Error, Result};
use crate::secret::Secret;
use cryptoki_sys::*;

/// CKM_AES_KEY_GEN. PKCS#11 3.2, AES key generation.
pub static KEY_GEN: Row = Row {
    ckm: CKM_AES_KEY_GEN,
    key_types: &[CKK_AES],
    sizes: SIZES,
    shape: Shape::None,
    flags: 0,
    prepare: None,
    ops: Ops { generate: Some(generate), ..Ops::NONE },
};

/// Sizes of all AES mechanisms.
pub(super) const SIZES: Sizes = Sizes::Bytes(16, 32);

pub(super) const fn is_key_len(len: usize) -> bool {
    matches!(len, 16 | 24 | 32)
}

fn generate(recipe: &Recipe) -> Result<Material> {
    if recipe.key_type.is_some_and(|wanted| wanted != CKK_AES) {
        return Err(Error::TemplateInconsistent);
    }
    let len = recipe.value_len.ok_or(Error::TemplateIncomplete)?;
    if !is_key_len(len) {
        return Err(Error::KeySizeRange);
    }
    let mut secret = Secret::zeroed(len);
    random::fill(secret.expose_mut())?;
    Ok(Material::Bytes(secret))
}

/// A key of a caller's 16, 24 or 32 bytes (`CKR_ATTRIBUTE_VALUE_INVALID`).
pub fn import(bytes: &[u8]) -> Result<Material> {
    if is_key_len(bytes.len()) {
        Ok(Material::Bytes(Secret::from_slice(bytes)))
    } else {
        Err(Error::AttributeValueInvalid)
    }
}

/// The bytes of an AES key that is to be made ready.
pub(super) fn key_bytes(key: &Material) -> Result<&[u8]> {
    match key {
        Material::Bytes(secret) if is_key_len(secret.len()) => Ok(secret.expose()),
        Material::Bytes(_) => Err(Error::KeySizeRange),
        _ => Err(Error::KeyTypeInconsistent),
    }
}

/// The two key schedules of a block mode.
pub(super) fn schedules(mode: Mode, key: &Material) -> Result<Schedules> {
    let key = key_bytes(key)?;
    Ok(Schedules {
        encrypt: CipherKey::new(mode, Direction::Encrypt, key)?,
        decrypt: CipherKey::new(mode, Direction::Decrypt, key)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generate_makes_keys_of_the_three_lengths_only() {
        for len in [16, 24, 32] {
            let recipe = Recipe { value_len: Some(len), ..Recipe::default() };
            let Material::Bytes(secret) = generate(&recipe).unwrap() else { panic!("no secret key") };
            assert_eq!(secret.len(), len);
            assert!(import(secret.expose()).is_ok());
        }
        for len in [0, 15, 17, 33, usize::MAX] {
            let recipe = Recipe { value_len: Some(len), ..Recipe::default() };
            assert_eq!(generate(&recipe).err(), Some(Error::KeySizeRange));
        }
        assert_eq!(generate(&Recipe::default()).err(), Some(Error::TemplateIncomplete));
        let other = Recipe { value_len: Some(16), key_type: Some(CKK_DES3), ..Recipe::default() };
        assert_eq!(generate(&other).err(), Some(Error::TemplateInconsistent));
        assert_eq!(import(&[0; 17]).err(), Some(Error::AttributeValueInvalid));
    }
}
