//! Secret keys that are only bytes: generic secrets and the keys of HMAC.

use super::hmac::MAX_KEY_LEN;
use super::mechanism::{Ops, Recipe, Row, Sizes};
use super::{Material, random};
use crate::ck::params::Shape;
use crate::ck::{CK_KEY_TYPE, CK_MECHANISM_TYPE, Error, Result};
use crate::secret::Secret;
use cryptoki_sys::*;

/// CKM_GENERIC_SECRET_KEY_GEN. PKCS#11 3.2, generic secret key generation: its key sizes are in bits.
pub static GENERIC_SECRET_KEY_GEN: Row =
    row(CKM_GENERIC_SECRET_KEY_GEN, &[CKK_GENERIC_SECRET], Sizes::Bits(8, MAX_KEY_LEN * 8), |recipe| {
        generate(CKK_GENERIC_SECRET, recipe)
    });
/// CKM_SHA224_KEY_GEN: a key for HMAC with SHA-224. PKCS#11 3.2, SHA-224.
pub static SHA224_KEY_GEN: Row =
    hmac_row(CKM_SHA224_KEY_GEN, &[CKK_SHA224_HMAC], |recipe| generate(CKK_SHA224_HMAC, recipe));
/// CKM_SHA256_KEY_GEN: a key for HMAC with SHA-256. PKCS#11 3.2, SHA-256.
pub static SHA256_KEY_GEN: Row =
    hmac_row(CKM_SHA256_KEY_GEN, &[CKK_SHA256_HMAC], |recipe| generate(CKK_SHA256_HMAC, recipe));
/// CKM_SHA384_KEY_GEN: a key for HMAC with SHA-384. PKCS#11 3.2, SHA-384.
pub static SHA384_KEY_GEN: Row =
    hmac_row(CKM_SHA384_KEY_GEN, &[CKK_SHA384_HMAC], |recipe| generate(CKK_SHA384_HMAC, recipe));
/// CKM_SHA512_KEY_GEN: a key for HMAC with SHA-512. PKCS#11 3.2, SHA-512.
pub static SHA512_KEY_GEN: Row =
    hmac_row(CKM_SHA512_KEY_GEN, &[CKK_SHA512_HMAC], |recipe| generate(CKK_SHA512_HMAC, recipe));

/// Every type of secret key whose value is bytes: what derivations of whole keys take.
pub const SECRET_KEY_TYPES: &[CK_KEY_TYPE] = &[
    CKK_GENERIC_SECRET,
    CKK_HKDF,
    CKK_AES,
    CKK_CHACHA20,
    CKK_SHA_1_HMAC,
    CKK_SHA224_HMAC,
    CKK_SHA256_HMAC,
    CKK_SHA384_HMAC,
    CKK_SHA512_HMAC,
];

pub(super) type Generate = fn(&Recipe) -> Result<Material>;

pub(super) const fn hmac_row(
    ckm: CK_MECHANISM_TYPE,
    key_types: &'static [CK_KEY_TYPE],
    generate: Generate,
) -> Row {
    row(ckm, key_types, Sizes::Bytes(1, MAX_KEY_LEN), generate)
}

const fn row(
    ckm: CK_MECHANISM_TYPE,
    key_types: &'static [CK_KEY_TYPE],
    sizes: Sizes,
    generate: Generate,
) -> Row {
    Row {
        ckm,
        key_types,
        sizes,
        shape: Shape::None,
        flags: 0,
        prepare: None,
        ops: Ops { generate: Some(generate), ..Ops::NONE },
    }
}

/// A random key of this type, as long as the recipe says.
pub(super) fn generate(key_type: CK_KEY_TYPE, recipe: &Recipe) -> Result<Material> {
    if recipe.key_type.is_some_and(|wanted| wanted != key_type) {
        return Err(Error::TemplateInconsistent);
    }
    let len = recipe.value_len.ok_or(Error::TemplateIncomplete)?;
    if !(1..=MAX_KEY_LEN as usize).contains(&len) {
        return Err(Error::KeySizeRange);
    }
    let mut secret = Secret::zeroed(len);
    random::fill(secret.expose_mut())?;
    Ok(Material::Bytes(secret))
}

/// A generic secret of a caller's bytes, 1..=1024 of them (`CKR_ATTRIBUTE_VALUE_INVALID` otherwise).
pub fn import(bytes: &[u8]) -> Result<Material> {
    if (1..=MAX_KEY_LEN as usize).contains(&bytes.len()) {
        Ok(Material::Bytes(Secret::from_slice(bytes)))
    } else {
        Err(Error::AttributeValueInvalid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(recipe: &Recipe) -> Result<Vec<u8>> {
        match GENERIC_SECRET_KEY_GEN.ops.generate.unwrap()(recipe)? {
            Material::Bytes(secret) => Ok(secret.expose().to_vec()),
            _ => panic!("no secret key"),
        }
    }

    #[test]
    fn generate_makes_different_keys_of_the_length() {
        let recipe = Recipe { value_len: Some(48), ..Recipe::default() };
        let (one, two) = (made(&recipe).unwrap(), made(&recipe).unwrap());
        assert_eq!((one.len(), two.len()), (48, 48));
        assert_ne!(one, two);
    }

    #[test]
    fn generate_of_a_wrong_template_is_refused() {
        assert_eq!(made(&Recipe::default()), Err(Error::TemplateIncomplete));
        for len in [0, MAX_KEY_LEN as usize + 1, usize::MAX] {
            let recipe = Recipe { value_len: Some(len), ..Recipe::default() };
            assert_eq!(made(&recipe), Err(Error::KeySizeRange));
        }
        let recipe = Recipe { value_len: Some(16), key_type: Some(CKK_AES), ..Recipe::default() };
        assert_eq!(made(&recipe), Err(Error::TemplateInconsistent));
    }
}
