//! ML-DSA keys: parameter sets, generation, import.

use super::Set;
use crate::ck::{CK_ULONG, Error, Result};
use crate::crypto::engine::ml_dsa::{DsaKey, MU, SEED};
use crate::crypto::mechanism::Recipe;
use crate::crypto::self_test::{self, Family};
use crate::crypto::{Material, MlDsaPrivate, Pair, random};
use crate::secret::Secret;
use cryptoki_sys::*;
use subtle::ConstantTimeEq;

/// The parameter set of a `CKA_PARAMETER_SET`. `CKR_PARAMETER_SET_NOT_SUPPORTED` for another number.
pub const fn set_of(number: u64) -> Result<Set> {
    match number {
        CKP_ML_DSA_44 => Ok(Set::Dsa44),
        CKP_ML_DSA_65 => Ok(Set::Dsa65),
        CKP_ML_DSA_87 => Ok(Set::Dsa87),
        _ => Err(Error::ParameterSetNotSupported),
    }
}

/// The `CKA_PARAMETER_SET` of a parameter set.
pub const fn number_of(set: Set) -> CK_ULONG {
    match set {
        Set::Dsa44 => CKP_ML_DSA_44,
        Set::Dsa65 => CKP_ML_DSA_65,
        Set::Dsa87 => CKP_ML_DSA_87,
    }
}

/// Size of a key in bits, as policies and mechanisms count it: the length of its public key.
pub fn bits(set: Set) -> u32 {
    u32::try_from(set.public_len() * 8).unwrap_or(u32::MAX)
}

/// Makes a key pair from our own randomness, and tries it.
pub(super) fn generate_pair(recipe: &Recipe) -> Result<Pair> {
    self_test::ready(Family::MlDsa)?;
    if recipe.key_type.is_some_and(|wanted| wanted != CKK_ML_DSA) {
        return Err(Error::TemplateInconsistent);
    }
    let set = set_of(recipe.parameter_set.ok_or(Error::TemplateIncomplete)?)?;
    let mut seed = Secret::zeroed(SEED);
    random::fill(seed.expose_mut())?;
    let (key, private) = from_seed(set, &seed)?;
    let mut public = vec![0; set.public_len()];
    key.write_public(&mut public)?;
    // Pairwise consistency, of what will be stored: what the one half signs, the other verifies (FIPS 140-3
    // IG 10.3.A).
    let mut signature = vec![0; set.signature_len()];
    DsaKey::private(set, private.key.expose())?.sign(&[0x5A; MU], &mut signature)?;
    DsaKey::public(set, &public)?.verify(&[0x5A; MU], &signature)?;
    let public = Material::MlDsaPublic { set, key: public };
    Ok(Pair { public, private: Material::MlDsaPrivate(Box::new(private)) })
}

/// `CKR_ATTRIBUTE_VALUE_INVALID` for a seed of another length.
fn from_seed(set: Set, seed: &Secret) -> Result<(DsaKey, MlDsaPrivate)> {
    let bytes = seed.expose().try_into().map_err(|_| Error::AttributeValueInvalid)?;
    let key = DsaKey::from_seed(set, bytes)?;
    let mut value = Secret::zeroed(set.private_len());
    key.write_private(value.expose_mut())?;
    let seed = Some(Secret::from_slice(seed.expose()));
    Ok((key, MlDsaPrivate { set, key: value, seed }))
}

/// The public key that follows from a private one.
pub fn public_of(private: &Material) -> Result<Material> {
    let Material::MlDsaPrivate(private) = private else { return Err(Error::KeyTypeInconsistent) };
    let mut key = vec![0; private.set.public_len()];
    DsaKey::private(private.set, private.key.expose())?.write_public(&mut key)?;
    Ok(Material::MlDsaPublic { set: private.set, key })
}

/// A public key of a caller's `CKA_VALUE`. `CKR_ATTRIBUTE_VALUE_INVALID` for another length; any bytes of the right
/// one are a key (FIPS 204, algorithm 23).
pub fn import_public(set: Set, value: &[u8]) -> Result<Material> {
    if value.len() == set.public_len() {
        Ok(Material::MlDsaPublic { set, key: value.to_vec() })
    } else {
        Err(Error::AttributeValueInvalid)
    }
}

/// A private key of a caller's `CKA_SEED`, `CKA_VALUE` or both. `CKR_TEMPLATE_INCOMPLETE` without either,
/// `CKR_ATTRIBUTE_VALUE_INVALID` where they have another length, do not belong together or are no key.
pub fn import_private(set: Set, seed: Option<&Secret>, value: Option<&Secret>) -> Result<Material> {
    self_test::ready(Family::MlDsa)?;
    let key = match (seed, value) {
        (Some(seed), value) => {
            let (_, key) = from_seed(set, seed)?;
            if value.is_some_and(|value| !bool::from(value.expose().ct_eq(key.key.expose()))) {
                return Err(Error::AttributeValueInvalid);
            }
            key
        }
        (None, Some(value)) => {
            DsaKey::private(set, value.expose()).map_err(|_| Error::AttributeValueInvalid)?;
            MlDsaPrivate { set, key: Secret::from_slice(value.expose()), seed: None }
        }
        (None, None) => return Err(Error::TemplateIncomplete),
    };
    Ok(Material::MlDsaPrivate(Box::new(key)))
}
