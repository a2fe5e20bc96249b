//! SLH-DSA keys: generation and import.

use super::{Set, key_pair, sign, verify};
use crate::ck::{CK_ULONG, Error, Result};
use crate::crypto::mechanism::Recipe;
use crate::crypto::self_test::{self, Family};
use crate::crypto::{Material, Pair, random};
use crate::secret::Secret;
use cryptoki_sys::*;
use subtle::ConstantTimeEq;

/// The numbers of the parameter sets, in the order of [`Set::ALL`].
const NUMBERS: [CK_ULONG; 12] = [
    CKP_SLH_DSA_SHA2_128S,
    CKP_SLH_DSA_SHAKE_128S,
    CKP_SLH_DSA_SHA2_128F,
    CKP_SLH_DSA_SHAKE_128F,
    CKP_SLH_DSA_SHA2_192S,
    CKP_SLH_DSA_SHAKE_192S,
    CKP_SLH_DSA_SHA2_192F,
    CKP_SLH_DSA_SHAKE_192F,
    CKP_SLH_DSA_SHA2_256S,
    CKP_SLH_DSA_SHAKE_256S,
    CKP_SLH_DSA_SHA2_256F,
    CKP_SLH_DSA_SHAKE_256F,
];

/// The parameter set of a `CKA_PARAMETER_SET`. `CKR_PARAMETER_SET_NOT_SUPPORTED` for another number.
pub fn set_of(number: u64) -> Result<Set> {
    let found = Set::ALL.into_iter().zip(NUMBERS).find(|(_, each)| *each == number);
    found.map(|(set, _)| set).ok_or(Error::ParameterSetNotSupported)
}

/// The `CKA_PARAMETER_SET` of a parameter set.
pub fn number_of(set: Set) -> CK_ULONG {
    NUMBERS.get(set as usize).copied().unwrap_or(CK_ULONG::MAX)
}

/// Size of a key in bits, as policies and mechanisms count it: the length of its public key.
pub fn bits(set: Set) -> u32 {
    u32::try_from(set.public_len() * 8).unwrap_or(u32::MAX)
}

/// Its AlgorithmIdentifier's OBJECT IDENTIFIER in DER: 2.16.840.1.101.3.4.3 and a number (RFC 9909, 3).
pub const fn oid(set: Set) -> &'static [u8] {
    macro_rules! oid {
        ($last:literal) => {
            &[0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, $last]
        };
    }
    match set {
        Set::Sha2_128s => oid!(20),
        Set::Sha2_128f => oid!(21),
        Set::Sha2_192s => oid!(22),
        Set::Sha2_192f => oid!(23),
        Set::Sha2_256s => oid!(24),
        Set::Sha2_256f => oid!(25),
        Set::Shake_128s => oid!(26),
        Set::Shake_128f => oid!(27),
        Set::Shake_192s => oid!(28),
        Set::Shake_192f => oid!(29),
        Set::Shake_256s => oid!(30),
        Set::Shake_256f => oid!(31),
    }
}

/// Makes a key pair from our own randomness, and tries it.
pub(super) fn generate_pair(recipe: &Recipe) -> Result<Pair> {
    self_test::ready(Family::SlhDsa)?;
    if recipe.key_type.is_some_and(|wanted| wanted != CKK_SLH_DSA) {
        return Err(Error::TemplateInconsistent);
    }
    let set = set_of(recipe.parameter_set.ok_or(Error::TemplateIncomplete)?)?;
    let mut seeds = Secret::zeroed(3 * set.n());
    random::fill(seeds.expose_mut())?;
    let key = Secret::from_slice(&key_pair(set, seeds.expose())?);
    let public = set.public_part(key.expose()).ok_or(Error::GeneralError)?.to_vec();
    // Pairwise consistency: what the one half signs, the other verifies (FIPS 140-3 IG 10.3.A).
    let mut signature = vec![0; set.signature_len()];
    let tried = sign(set, key.expose(), &[&[0x5A]], None, &mut signature)
        .and_then(|()| verify(set, &public, &[&[0x5A]], &signature));
    tried.map_err(|_| Error::DeviceError)?;
    let public = Material::SlhDsaPublic { set, key: public };
    Ok(Pair { public, private: Material::SlhDsaPrivate { set, key } })
}

/// The public key that every private key has in it.
pub fn public_of(private: &Material) -> Result<Material> {
    let Material::SlhDsaPrivate { set, key } = private else { return Err(Error::KeyTypeInconsistent) };
    let key = set.public_part(key.expose()).ok_or(Error::GeneralError)?;
    Ok(Material::SlhDsaPublic { set: *set, key: key.to_vec() })
}

/// A public key of a caller's `CKA_VALUE`. `CKR_ATTRIBUTE_VALUE_INVALID` for another length; any bytes of the right
/// one are a key.
pub fn import_public(set: Set, value: &[u8]) -> Result<Material> {
    if value.len() == set.public_len() {
        Ok(Material::SlhDsaPublic { set, key: value.to_vec() })
    } else {
        Err(Error::AttributeValueInvalid)
    }
}

/// A private key of a caller's `CKA_VALUE`. `CKR_ATTRIBUTE_VALUE_INVALID` for another length, and where the root of
/// the tree does not follow from the rest: what such a key signs, no key verifies.
pub fn import_private(set: Set, value: &[u8]) -> Result<Material> {
    self_test::ready(Family::SlhDsa)?;
    if value.len() != set.private_len() {
        return Err(Error::AttributeValueInvalid);
    }
    let seeds = value.get(..3 * set.n()).ok_or(Error::AttributeValueInvalid)?;
    let key = Secret::from_slice(&key_pair(set, seeds)?);
    if bool::from(key.expose().ct_eq(value)) {
        Ok(Material::SlhDsaPrivate { set, key })
    } else {
        Err(Error::AttributeValueInvalid)
    }
}
