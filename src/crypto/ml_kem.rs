//! ML-KEM (FIPS 203): key pairs, encapsulation and decapsulation. PKCS#11 3.2, ML-KEM.

use super::engine::ml_kem::{KemKey, RANDOMNESS, SEED, SHARED};
use super::material::MlKemPrivate;
use super::mechanism::{Context, Ops, Recipe, Row, Sizes};
use super::self_test::{self, Family};
use super::start::{no_params, prepared};
use super::{Material, Pair, random};
use crate::ck::params::Shape;
use crate::ck::{CK_ULONG, Error, Params, Result};
use crate::secret::Secret;
use cryptoki_sys::*;
use std::sync::Arc;
use subtle::ConstantTimeEq;

pub use super::engine::ml_kem::Set;

/// Lengths of encapsulation keys: what `C_GetMechanismInfo` reports.
const SIZES: Sizes = Sizes::Bytes(800, 1568);

/// CKM_ML_KEM_KEY_PAIR_GEN.
pub static KEY_PAIR_GEN: Row = Row {
    ckm: CKM_ML_KEM_KEY_PAIR_GEN,
    key_types: &[CKK_ML_KEM],
    sizes: SIZES,
    shape: Shape::None,
    flags: 0,
    prepare: None,
    ops: Ops { generate_pair: Some(generate_pair), ..Ops::NONE },
};

/// CKM_ML_KEM: encapsulates and decapsulates.
pub static ML_KEM: Row = Row {
    ckm: CKM_ML_KEM,
    key_types: &[CKK_ML_KEM],
    sizes: SIZES,
    shape: Shape::None,
    flags: 0,
    prepare: Some(prepare),
    ops: Ops {
        encapsulate: Some(encapsulate),
        encapsulated_len: Some(encapsulated_len),
        decapsulate: Some(decapsulate),
        ..Ops::NONE
    },
};

/// The parameter set of a `CKA_PARAMETER_SET`. `CKR_PARAMETER_SET_NOT_SUPPORTED` for another number.
pub const fn set_of(number: u64) -> Result<Set> {
    match number {
        CKP_ML_KEM_512 => Ok(Set::Kem512),
        CKP_ML_KEM_768 => Ok(Set::Kem768),
        CKP_ML_KEM_1024 => Ok(Set::Kem1024),
        _ => Err(Error::ParameterSetNotSupported),
    }
}

/// The `CKA_PARAMETER_SET` of a parameter set.
pub const fn number_of(set: Set) -> CK_ULONG {
    match set {
        Set::Kem512 => CKP_ML_KEM_512,
        Set::Kem768 => CKP_ML_KEM_768,
        Set::Kem1024 => CKP_ML_KEM_1024,
    }
}

/// Size of a key in bits, as policies and mechanisms count it: the length of its encapsulation key.
pub fn bits(set: Set) -> u32 {
    u32::try_from(set.public_len() * 8).unwrap_or(u32::MAX)
}

fn prepare(key: &Material) -> Result<Context> {
    self_test::ready(Family::MlKem)?;
    Ok(Arc::new(match key {
        Material::MlKemPublic { set, key } => KemKey::public(*set, key)?,
        Material::MlKemPrivate(key) => KemKey::private(key.set, key.key.expose())?,
        _ => return Err(Error::KeyTypeInconsistent),
    }))
}

fn encapsulated_len(context: &Context) -> Result<usize> {
    Ok(prepared::<KemKey>(context)?.set().ciphertext_len())
}

fn encapsulate(context: &Context, params: &Params, _recipe: &Recipe) -> Result<(Secret, Vec<u8>)> {
    no_params(params)?;
    let key = prepared::<KemKey>(context)?;
    let mut randomness = Secret::zeroed(RANDOMNESS);
    random::fill(randomness.expose_mut())?;
    let mut ciphertext = vec![0; key.set().ciphertext_len()];
    let mut shared = Secret::zeroed(SHARED);
    let random = randomness.expose().try_into().map_err(|_| Error::GeneralError)?;
    key.encapsulate(random, &mut ciphertext, shared.expose_mut())?;
    Ok((shared, ciphertext))
}

/// `CKR_WRAPPED_KEY_LEN_RANGE` for a ciphertext of another length; any of the right one gives a secret.
fn decapsulate(context: &Context, params: &Params, _recipe: &Recipe, ciphertext: &[u8]) -> Result<Secret> {
    no_params(params)?;
    let key = prepared::<KemKey>(context)?;
    if ciphertext.len() != key.set().ciphertext_len() {
        return Err(Error::WrappedKeyLenRange);
    }
    let mut shared = Secret::zeroed(SHARED);
    key.decapsulate(ciphertext, shared.expose_mut())?;
    Ok(shared)
}

/// Makes a key pair from our own randomness, and tries it: AWS-LC's check encapsulates and decapsulates.
fn generate_pair(recipe: &Recipe) -> Result<Pair> {
    self_test::ready(Family::MlKem)?;
    if recipe.key_type.is_some_and(|wanted| wanted != CKK_ML_KEM) {
        return Err(Error::TemplateInconsistent);
    }
    let set = set_of(recipe.parameter_set.ok_or(Error::TemplateIncomplete)?)?;
    let mut seed = Secret::zeroed(SEED);
    random::fill(seed.expose_mut())?;
    let private = from_seed(set, &seed)?;
    KemKey::private(set, private.key.expose())?;
    let private = Material::MlKemPrivate(Box::new(private));
    let public = public_of(&private)?;
    Ok(Pair { public, private })
}

fn from_seed(set: Set, seed: &Secret) -> Result<MlKemPrivate> {
    let bytes = seed.expose().try_into().map_err(|_| Error::AttributeValueInvalid)?;
    let key = KemKey::from_seed(set, bytes)?;
    let mut private = Secret::zeroed(set.private_len());
    key.write_private(private.expose_mut())?;
    Ok(MlKemPrivate { set, key: private, seed: Some(Secret::from_slice(seed.expose())) })
}

/// The encapsulation key that every decapsulation key has in it.
pub fn public_of(private: &Material) -> Result<Material> {
    let Material::MlKemPrivate(private) = private else { return Err(Error::KeyTypeInconsistent) };
    let key = private.set.public_part(private.key.expose()).ok_or(Error::GeneralError)?;
    Ok(Material::MlKemPublic { set: private.set, key: key.to_vec() })
}

/// An encapsulation key of a caller's `CKA_VALUE`. `CKR_ATTRIBUTE_VALUE_INVALID` for another length, and where its
/// numbers are not reduced (FIPS 203, 7.2).
pub fn import_public(set: Set, value: &[u8]) -> Result<Material> {
    self_test::ready(Family::MlKem)?;
    let invalid = |_| Error::AttributeValueInvalid;
    let key = KemKey::public(set, value).map_err(invalid)?;
    // The check is the first step of an encapsulation; the result is of no use.
    let mut ciphertext = vec![0; set.ciphertext_len()];
    let mut shared = Secret::zeroed(SHARED);
    key.encapsulate(&[0; RANDOMNESS], &mut ciphertext, shared.expose_mut()).map_err(invalid)?;
    Ok(Material::MlKemPublic { set, key: value.to_vec() })
}

/// A decapsulation key of a caller's `CKA_SEED`, `CKA_VALUE` or both. `CKR_TEMPLATE_INCOMPLETE` without either,
/// `CKR_ATTRIBUTE_VALUE_INVALID` where they have another length, do not belong together or are no key.
pub fn import_private(set: Set, seed: Option<&Secret>, value: Option<&Secret>) -> Result<Material> {
    self_test::ready(Family::MlKem)?;
    let key = match (seed, value) {
        (Some(seed), value) => {
            let key = from_seed(set, seed)?;
            if value.is_some_and(|value| !bool::from(value.expose().ct_eq(key.key.expose()))) {
                return Err(Error::AttributeValueInvalid);
            }
            key
        }
        (None, Some(value)) => {
            KemKey::private(set, value.expose()).map_err(|_| Error::AttributeValueInvalid)?;
            MlKemPrivate { set, key: Secret::from_slice(value.expose()), seed: None }
        }
        (None, None) => return Err(Error::TemplateIncomplete),
    };
    Ok(Material::MlKemPrivate(Box::new(key)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::digest::Hash;
    use crate::crypto::tests::{context, hex};
    use crate::crypto::{pkcs8, public_key_info};

    const SETS: [Set; 3] = [Set::Kem512, Set::Kem768, Set::Kem1024];

    fn pair(set: Set) -> Pair {
        let recipe = Recipe { parameter_set: Some(number_of(set)), ..Recipe::default() };
        generate_pair(&recipe).unwrap()
    }

    fn value(material: &Material) -> Secret {
        match material {
            Material::MlKemPublic { key, .. } => Secret::from_slice(key),
            Material::MlKemPrivate(key) => Secret::from_slice(key.key.expose()),
            _ => panic!("another kind of key"),
        }
    }

    /// RFC 9935, appendix C: the seed 00 01 .. 3f, as PKCS#8, and the digest of its SubjectPublicKeyInfo.
    #[test]
    fn keys_of_rfc_9935_are_known() {
        for (number, digest) in [
            (1, "0e3c8b89b54202d2545f7aba2e2aaa3cffa7b6191919ad738fab35b4f313cf71"),
            (2, "c23e23dd3d485a9256cda09358a4a286e00b373db10761eadf99f710649ca31c"),
            (3, "d2b7480ae006a14b37c1e8a8e45ea39022e32a9b1a7b90d594c84d869c6ac420"),
        ] {
            let seed: Vec<u8> = (0..64).collect();
            let header =
                [&hex("3054020100300b06096086480165030404")[..], &[number], &hex("04428040")].concat();
            let key = pkcs8::decode(&[&header[..], &seed].concat()).unwrap();
            let mut found = [0; 32];
            Hash::Sha256.digest(&public_key_info(&key).unwrap().unwrap(), &mut found).unwrap();
            assert_eq!(found.to_vec(), hex(digest), "{number}");
            let Material::MlKemPrivate(key) = key else { panic!("another kind of key") };
            assert_eq!(key.seed.unwrap().expose(), seed);
        }
    }

    #[test]
    fn both_sides_share_one_secret_and_tampering_gives_another() {
        for set in SETS {
            let Pair { public, private } = pair(set);
            let (public, private) = (context(&ML_KEM, &public), context(&ML_KEM, &private));
            let (shared, mut ciphertext) = encapsulate(&public, &Params::None, &Recipe::default()).unwrap();
            assert_eq!(ciphertext.len(), encapsulated_len(&public).unwrap());
            let same = decapsulate(&private, &Params::None, &Recipe::default(), &ciphertext).unwrap();
            assert_eq!(same.expose(), shared.expose());
            let (other, _) = encapsulate(&public, &Params::None, &Recipe::default()).unwrap();
            assert_ne!(other.expose(), shared.expose());
            ciphertext[7] ^= 1;
            let rejected = decapsulate(&private, &Params::None, &Recipe::default(), &ciphertext).unwrap();
            assert_ne!(rejected.expose(), shared.expose());
            let again = decapsulate(&private, &Params::None, &Recipe::default(), &ciphertext).unwrap();
            assert_eq!(
                again.expose(),
                rejected.expose(),
                "implicit rejection is a function of the ciphertext"
            );
            for wrong in [&ciphertext[1..], &[]] {
                let refused = decapsulate(&private, &Params::None, &Recipe::default(), wrong).err();
                assert_eq!(refused, Some(Error::WrappedKeyLenRange));
            }
        }
    }

    #[test]
    fn keys_whose_numbers_are_not_reduced_are_refused() {
        for set in SETS {
            let Pair { public, .. } = pair(set);
            let good = value(&public);
            assert!(import_public(set, good.expose()).is_ok());
            let mut wrong = good.expose().to_vec();
            // The first coefficient becomes 4095, beyond q = 3329.
            wrong[0] = 0xFF;
            wrong[1] |= 0x0F;
            assert_eq!(import_public(set, &wrong).err(), Some(Error::AttributeValueInvalid));
            let short = &good.expose()[1..];
            assert_eq!(import_public(set, short).err(), Some(Error::AttributeValueInvalid));
        }
    }

    #[test]
    fn private_keys_that_do_not_fit_together_are_refused() {
        for set in SETS {
            let Pair { private, .. } = pair(set);
            let good = value(&private);
            assert!(import_private(set, None, Some(&good)).is_ok());
            let len = good.len();
            // In the encapsulation key, in its hash.
            for at in [384 * (len - 96) / 768 + 5, len - 40] {
                let mut wrong = Secret::from_slice(good.expose());
                wrong.expose_mut()[at] ^= 1;
                let refused = import_private(set, None, Some(&wrong)).err();
                assert_eq!(refused, Some(Error::AttributeValueInvalid), "{at}");
            }
            let Material::MlKemPrivate(key) = &private else { panic!("another kind of key") };
            let seed = key.seed.as_ref().unwrap();
            let from_seed = import_private(set, Some(seed), None).unwrap();
            assert_eq!(value(&from_seed).expose(), good.expose());
            assert!(import_private(set, Some(seed), Some(&good)).is_ok());
            let other = Secret::from_slice(&[1; 64]);
            let refused = import_private(set, Some(&other), Some(&good)).err();
            assert_eq!(refused, Some(Error::AttributeValueInvalid));
            let refused = import_private(set, Some(&Secret::zeroed(63)), None).err();
            assert_eq!(refused, Some(Error::AttributeValueInvalid));
            assert_eq!(import_private(set, None, None).err(), Some(Error::TemplateIncomplete));
        }
    }

    #[test]
    fn pkcs8_keeps_seed_and_value() {
        for set in SETS {
            let Pair { private, .. } = pair(set);
            let encoded = pkcs8::encode(&private).unwrap();
            let back = pkcs8::decode(encoded.expose()).unwrap();
            assert_eq!(back.encode().expose(), private.encode().expose());
            let bare = import_private(set, None, Some(&value(&private))).unwrap();
            let back = pkcs8::decode(pkcs8::encode(&bare).unwrap().expose()).unwrap();
            assert_eq!(back.encode().expose(), bare.encode().expose());
            for at in [20, 30, 100] {
                let mut wrong = encoded.expose().to_vec();
                wrong[at] ^= 1;
                assert_eq!(pkcs8::decode(&wrong).err(), Some(Error::WrappedKeyInvalid), "{at}");
            }
        }
    }
}
