//! Secret keys that are only bytes: generic secrets and the keys of MACs that are made of hash functions.

use super::blake2b::MAX_KEY_LEN as BLAKE2B_MAX_KEY_LEN;
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
/// The rows that make keys for one MAC.
macro_rules! rows {
    ($($(#[$doc:meta])* $name:ident: $ckm:ident, $key_type:ident, $longest:ident;)*) => {
        $(
            $(#[$doc])*
            pub static $name: Row =
                row($ckm, &[$key_type], Sizes::Bytes(1, $longest), |recipe| generate($key_type, recipe));
        )*
    };
}

rows! {
    /// CKM_SHA_1_KEY_GEN: a key for HMAC with SHA-1. PKCS#11 3.2, SHA-1.
    SHA_1_KEY_GEN: CKM_SHA_1_KEY_GEN, CKK_SHA_1_HMAC, MAX_KEY_LEN;
    /// CKM_SHA224_KEY_GEN: a key for HMAC with SHA-224. PKCS#11 3.2, SHA-224.
    SHA224_KEY_GEN: CKM_SHA224_KEY_GEN, CKK_SHA224_HMAC, MAX_KEY_LEN;
    /// CKM_SHA256_KEY_GEN: a key for HMAC with SHA-256. PKCS#11 3.2, SHA-256.
    SHA256_KEY_GEN: CKM_SHA256_KEY_GEN, CKK_SHA256_HMAC, MAX_KEY_LEN;
    /// CKM_SHA384_KEY_GEN: a key for HMAC with SHA-384. PKCS#11 3.2, SHA-384.
    SHA384_KEY_GEN: CKM_SHA384_KEY_GEN, CKK_SHA384_HMAC, MAX_KEY_LEN;
    /// CKM_SHA512_KEY_GEN: a key for HMAC with SHA-512. PKCS#11 3.2, SHA-512.
    SHA512_KEY_GEN: CKM_SHA512_KEY_GEN, CKK_SHA512_HMAC, MAX_KEY_LEN;
    /// CKM_SHA512_224_KEY_GEN: a key for HMAC with SHA-512/224. PKCS#11 3.2, SHA-512/224.
    SHA512_224_KEY_GEN: CKM_SHA512_224_KEY_GEN, CKK_SHA512_224_HMAC, MAX_KEY_LEN;
    /// CKM_SHA512_256_KEY_GEN: a key for HMAC with SHA-512/256. PKCS#11 3.2, SHA-512/256.
    SHA512_256_KEY_GEN: CKM_SHA512_256_KEY_GEN, CKK_SHA512_256_HMAC, MAX_KEY_LEN;
    /// CKM_SHA512_T_KEY_GEN: a key for HMAC with SHA-512/t. PKCS#11 3.2, SHA-512/t.
    SHA512_T_KEY_GEN: CKM_SHA512_T_KEY_GEN, CKK_SHA512_T_HMAC, MAX_KEY_LEN;
    /// CKM_SHA3_224_KEY_GEN: a key for HMAC with SHA3-224. PKCS#11 3.2, SHA3-224.
    SHA3_224_KEY_GEN: CKM_SHA3_224_KEY_GEN, CKK_SHA3_224_HMAC, MAX_KEY_LEN;
    /// CKM_SHA3_256_KEY_GEN: a key for HMAC with SHA3-256. PKCS#11 3.2, SHA3-256.
    SHA3_256_KEY_GEN: CKM_SHA3_256_KEY_GEN, CKK_SHA3_256_HMAC, MAX_KEY_LEN;
    /// CKM_SHA3_384_KEY_GEN: a key for HMAC with SHA3-384. PKCS#11 3.2, SHA3-384.
    SHA3_384_KEY_GEN: CKM_SHA3_384_KEY_GEN, CKK_SHA3_384_HMAC, MAX_KEY_LEN;
    /// CKM_SHA3_512_KEY_GEN: a key for HMAC with SHA3-512. PKCS#11 3.2, SHA3-512.
    SHA3_512_KEY_GEN: CKM_SHA3_512_KEY_GEN, CKK_SHA3_512_HMAC, MAX_KEY_LEN;
    /// CKM_BLAKE2B_160_KEY_GEN: a key for keyed BLAKE2b with 20 bytes. PKCS#11 3.2, BLAKE2B-160.
    BLAKE2B_160_KEY_GEN: CKM_BLAKE2B_160_KEY_GEN, CKK_BLAKE2B_160_HMAC, BLAKE2B_MAX_KEY_LEN;
    /// CKM_BLAKE2B_256_KEY_GEN: a key for keyed BLAKE2b with 32 bytes. PKCS#11 3.2, BLAKE2B-256.
    BLAKE2B_256_KEY_GEN: CKM_BLAKE2B_256_KEY_GEN, CKK_BLAKE2B_256_HMAC, BLAKE2B_MAX_KEY_LEN;
    /// CKM_BLAKE2B_384_KEY_GEN: a key for keyed BLAKE2b with 48 bytes. PKCS#11 3.2, BLAKE2B-384.
    BLAKE2B_384_KEY_GEN: CKM_BLAKE2B_384_KEY_GEN, CKK_BLAKE2B_384_HMAC, BLAKE2B_MAX_KEY_LEN;
    /// CKM_BLAKE2B_512_KEY_GEN: a key for keyed BLAKE2b with 64 bytes. PKCS#11 3.2, BLAKE2B-512.
    BLAKE2B_512_KEY_GEN: CKM_BLAKE2B_512_KEY_GEN, CKK_BLAKE2B_512_HMAC, BLAKE2B_MAX_KEY_LEN;
}

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
    CKK_SHA512_224_HMAC,
    CKK_SHA512_256_HMAC,
    CKK_SHA512_T_HMAC,
    CKK_SHA3_224_HMAC,
    CKK_SHA3_256_HMAC,
    CKK_SHA3_384_HMAC,
    CKK_SHA3_512_HMAC,
    CKK_BLAKE2B_160_HMAC,
    CKK_BLAKE2B_256_HMAC,
    CKK_BLAKE2B_384_HMAC,
    CKK_BLAKE2B_512_HMAC,
];

type Generate = fn(&Recipe) -> Result<Material>;

/// A row that makes keys of one type, of any length.
pub(super) const fn any_len_row(
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
    if !fits(key_type, len) {
        return Err(Error::KeySizeRange);
    }
    let mut secret = Secret::zeroed(len);
    random::fill(secret.expose_mut())?;
    Ok(Material::Bytes(secret))
}

/// A generic secret or the key of a MAC, of a caller's bytes: 1..=1024 of them, and 64 at most for BLAKE2b
/// (`CKR_ATTRIBUTE_VALUE_INVALID` otherwise).
pub fn import(key_type: CK_KEY_TYPE, bytes: &[u8]) -> Result<Material> {
    if fits(key_type, bytes.len()) {
        Ok(Material::Bytes(Secret::from_slice(bytes)))
    } else {
        Err(Error::AttributeValueInvalid)
    }
}

/// Whether such a key can have so many bytes.
fn fits(key_type: CK_KEY_TYPE, len: usize) -> bool {
    let longest = match key_type {
        CKK_BLAKE2B_160_HMAC | CKK_BLAKE2B_256_HMAC | CKK_BLAKE2B_384_HMAC | CKK_BLAKE2B_512_HMAC => {
            BLAKE2B_MAX_KEY_LEN
        }
        _ => MAX_KEY_LEN,
    };
    (1..=longest as usize).contains(&len)
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

    #[test]
    fn keys_of_blake2b_have_64_bytes_at_most() {
        let make = BLAKE2B_160_KEY_GEN.ops.generate.unwrap();
        let of_len = |len| Recipe { value_len: Some(len), ..Recipe::default() };
        assert!(make(&of_len(64)).is_ok());
        assert_eq!(make(&of_len(65)).err(), Some(Error::KeySizeRange));
        assert!(import(CKK_BLAKE2B_512_HMAC, &[1; 64]).is_ok());
        assert_eq!(import(CKK_BLAKE2B_512_HMAC, &[1; 65]).err(), Some(Error::AttributeValueInvalid));
        assert!(import(CKK_SHA3_512_HMAC, &[1; MAX_KEY_LEN as usize]).is_ok());
        assert_eq!(
            import(CKK_SHA3_512_HMAC, &[1; MAX_KEY_LEN as usize + 1]).err(),
            Some(Error::AttributeValueInvalid)
        );
    }
}
