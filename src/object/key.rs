//! Keys between their two forms: the attributes that clients give and see, and the material that
//! algorithms take.

use super::attributes::Attributes;
use super::facts::{KeyFacts, State};
use super::rules::Rules;
use super::value::Value;
use crate::ck::{CK_ATTRIBUTE_TYPE, CK_KEY_TYPE, CK_OBJECT_CLASS, Error, Result};
use crate::crypto::eddsa::Edwards;
use crate::crypto::{
    self, Curve, Material, Montgomery, ParameterSet, dh, ec, eddsa, ml_dsa, ml_kem, montgomery, rsa, slh_dsa,
};
use crate::secret::Secret;
use cryptoki_sys::*;
use zeroize::Zeroize;

/// Whether objects of this class are keys.
pub const fn is_key_class(class: CK_OBJECT_CLASS) -> bool {
    matches!(class, CKO_PUBLIC_KEY | CKO_PRIVATE_KEY | CKO_SECRET_KEY)
}

/// Whether a secret key may have this type.
pub const fn is_secret_key_type(kind: u64) -> bool {
    matches!(kind, CKK_AES | CKK_AES_XTS | CKK_CHACHA20 | CKK_DES2 | CKK_DES3 | CKK_GENERIC_SECRET | CKK_HKDF)
        || crypto::is_mac_key_type(kind)
}

/// Whether an attribute of a private or secret key is part of its material (footnote 7).
pub fn is_secret_attribute(
    class: CK_OBJECT_CLASS,
    key_type: Option<CK_KEY_TYPE>,
    cka: CK_ATTRIBUTE_TYPE,
) -> bool {
    /// The footnote's number.
    const CANNOT_BE_REVEALED: u16 = 7;
    Rules::of(class, key_type)
        .is_ok_and(|rules| rules.notes(cka).is_some_and(|notes| notes.has(CANNOT_BE_REVEALED)))
}

/// The facts of an object that a client brings, its size read from the numbers in the template.
pub fn facts_of_import(attributes: &Attributes) -> Result<KeyFacts> {
    let mut facts = KeyFacts::of(attributes);
    facts.state = State::Active;
    if facts.class == CKO_SECRET_KEY {
        let value = attributes.bytes(CKA_VALUE).ok_or(Error::TemplateIncomplete)?;
        facts.bits = u32::try_from(value.len()).unwrap_or(u32::MAX).saturating_mul(8);
    }
    if facts.key_type == Some(CKK_EC) && facts.curve.is_none() {
        // What is no name of a curve at all has a code of its own.
        let curve = needed(attributes, CKA_EC_PARAMS).and_then(Curve::from_ec_params);
        return Err(curve.err().unwrap_or(Error::CurveNotSupported));
    }
    Ok(facts)
}

/// Takes a key's material out of a C_CreateObject template and checks it. The secret attributes
/// leave `attributes`, wiped. `None` for objects that are no keys.
///
/// # Errors
/// `CKR_ATTRIBUTE_VALUE_INVALID` and its kin where the numbers are no key.
pub fn take_material(attributes: &mut Attributes) -> Result<Option<Material>> {
    let class = attributes.number(CKA_CLASS).ok_or(Error::TemplateIncomplete)?;
    if class == CKO_DOMAIN_PARAMETERS {
        let group = group(attributes)?;
        describe_group(group, attributes);
        attributes.set(CKA_LOCAL, Value::Bool(false));
    }
    if !is_key_class(class) {
        return Ok(None);
    }
    let kind = attributes.number(CKA_KEY_TYPE).ok_or(Error::TemplateIncomplete)?;
    let material = match (class, kind) {
        (CKO_PUBLIC_KEY, CKK_RSA) => {
            rsa::import_public(needed(attributes, CKA_MODULUS)?, needed(attributes, CKA_PUBLIC_EXPONENT)?)?
        }
        (CKO_PRIVATE_KEY, CKK_RSA) => take_rsa_private(attributes)?,
        (CKO_PUBLIC_KEY, CKK_EC) => {
            let curve = Curve::from_ec_params(needed(attributes, CKA_EC_PARAMS)?)?;
            ec::import_public(curve, needed(attributes, CKA_EC_POINT)?)?
        }
        (CKO_PRIVATE_KEY, CKK_EC) => {
            let curve = Curve::from_ec_params(needed(attributes, CKA_EC_PARAMS)?)?;
            ec::import_private(curve, take(attributes, CKA_VALUE).ok_or(Error::TemplateIncomplete)?.expose())?
        }
        (CKO_PUBLIC_KEY, CKK_EC_EDWARDS) => {
            let curve = Edwards::from_ec_params(needed(attributes, CKA_EC_PARAMS)?)?;
            eddsa::import_public(curve, needed(attributes, CKA_EC_POINT)?)?
        }
        (CKO_PRIVATE_KEY, CKK_EC_EDWARDS) => {
            let curve = Edwards::from_ec_params(needed(attributes, CKA_EC_PARAMS)?)?;
            let value = take(attributes, CKA_VALUE).ok_or(Error::TemplateIncomplete)?;
            eddsa::import_private(curve, value.expose())?
        }
        (CKO_PUBLIC_KEY, CKK_EC_MONTGOMERY) => {
            let curve = Montgomery::from_ec_params(needed(attributes, CKA_EC_PARAMS)?)?;
            montgomery::import_public(curve, needed(attributes, CKA_EC_POINT)?)?
        }
        (CKO_PRIVATE_KEY, CKK_EC_MONTGOMERY) => {
            let curve = Montgomery::from_ec_params(needed(attributes, CKA_EC_PARAMS)?)?;
            let value = take(attributes, CKA_VALUE).ok_or(Error::TemplateIncomplete)?;
            montgomery::import_private(curve, value.expose())?
        }
        (CKO_PRIVATE_KEY, CKK_DH) => {
            let group = group(attributes)?;
            dh::import_private(group, take(attributes, CKA_VALUE).ok_or(Error::TemplateIncomplete)?.expose())?
        }
        (CKO_PUBLIC_KEY, CKK_DH | CKK_ML_KEM | CKK_ML_DSA | CKK_SLH_DSA) => public_material(attributes)?,
        (CKO_PRIVATE_KEY, CKK_ML_KEM | CKK_ML_DSA | CKK_SLH_DSA) => {
            let (seed, value) = (take(attributes, CKA_SEED), take(attributes, CKA_VALUE));
            let (seed, value) = (seed.as_ref(), value.as_ref());
            match parameter_set(attributes)? {
                ParameterSet::MlKem(set) => ml_kem::import_private(set, seed, value)?,
                ParameterSet::MlDsa(set) => ml_dsa::import_private(set, seed, value)?,
                ParameterSet::SlhDsa(set) => {
                    slh_dsa::import_private(set, value.ok_or(Error::TemplateIncomplete)?.expose())?
                }
            }
        }
        (CKO_SECRET_KEY, kind) => {
            let value = take(attributes, CKA_VALUE).ok_or(Error::TemplateIncomplete)?;
            crypto::import_secret(kind, &value)?
        }
        _ => return Err(Error::AttributeValueInvalid),
    };
    Ok(Some(material))
}

fn take_rsa_private(attributes: &mut Attributes) -> Result<Material> {
    let d = take(attributes, CKA_PRIVATE_EXPONENT).ok_or(Error::TemplateIncomplete)?;
    let parts = [CKA_PRIME_1, CKA_PRIME_2, CKA_EXPONENT_1, CKA_EXPONENT_2, CKA_COEFFICIENT]
        .map(|cka| take(attributes, cka));
    let [p, q, dp, dq, qi] = parts.each_ref().map(|part| part.as_ref().map(Secret::expose));
    rsa::import_private(&rsa::Import {
        n: needed(attributes, CKA_MODULUS)?,
        e: attributes.bytes(CKA_PUBLIC_EXPONENT),
        d: d.expose(),
        p,
        q,
        dp,
        dq,
        qi,
    })
}

/// The group of a Diffie-Hellman key or of domain parameters (`CKR_DOMAIN_PARAMS_INVALID`).
fn group(attributes: &Attributes) -> Result<dh::Group> {
    dh::group(needed(attributes, CKA_PRIME)?, needed(attributes, CKA_BASE)?)
}

/// Writes a group into the attributes of domain parameters.
pub fn describe_group(group: dh::Group, attributes: &mut Attributes) {
    attributes.set(CKA_PRIME, Value::Bytes(group.prime()));
    attributes.set(CKA_BASE, Value::Bytes(dh::BASE.to_vec()));
    attributes.set(CKA_PRIME_BITS, Value::Ulong(group.bits().into()));
}

/// `CKA_PARAMETER_SET` of a key of this type. `CKR_PARAMETER_SET_NOT_SUPPORTED` for a number that names none.
fn parameter_set(attributes: &Attributes) -> Result<ParameterSet> {
    let number = attributes.number(CKA_PARAMETER_SET).ok_or(Error::TemplateIncomplete)?;
    let key_type = attributes.number(CKA_KEY_TYPE).ok_or(Error::TemplateIncomplete)?;
    ParameterSet::of(key_type, number).ok_or(Error::ParameterSetNotSupported)
}

fn needed(attributes: &Attributes, cka: CK_ATTRIBUTE_TYPE) -> Result<&[u8]> {
    attributes.bytes(cka).ok_or(Error::TemplateIncomplete)
}

/// Takes a secret attribute out and wipes what held it. An empty value counts as absent.
fn take(attributes: &mut Attributes, cka: CK_ATTRIBUTE_TYPE) -> Option<Secret> {
    let Some(Value::Bytes(mut bytes)) = attributes.remove(cka) else {
        return None;
    };
    let secret = (!bytes.is_empty()).then(|| Secret::from_slice(&bytes));
    bytes.zeroize();
    secret
}

/// Writes what everybody may see of a key's material into its attributes.
///
/// # Errors
/// `CKR_ATTRIBUTE_VALUE_INVALID` where the template gave a `CKA_CHECK_VALUE` or `CKA_PUBLIC_KEY_INFO` that is not
/// the key's.
pub fn describe(material: &Material, class: CK_OBJECT_CLASS, attributes: &mut Attributes) -> Result<()> {
    let public_half;
    let visible = match material {
        Material::Bytes(secret) => {
            let kind = attributes.number(CKA_KEY_TYPE);
            if Rules::of(class, kind)?.notes(CKA_VALUE_LEN).is_some() {
                let len = u64::try_from(secret.len()).map_err(|_| Error::KeySizeRange)?;
                attributes.set(CKA_VALUE_LEN, Value::Ulong(len));
            }
            return check(material, attributes);
        }
        Material::RsaPublic { .. }
        | Material::EcPublic { .. }
        | Material::EdPublic(_)
        | Material::MontgomeryPublic { .. }
        | Material::DhPublic { .. }
        | Material::MlKemPublic { .. }
        | Material::MlDsaPublic { .. }
        | Material::SlhDsaPublic { .. } => material,
        _ => {
            public_half = crypto::public_of(material)?.ok_or(Error::GeneralError)?;
            &public_half
        }
    };
    match visible {
        Material::RsaPublic { n, e } => {
            attributes.set(CKA_MODULUS, Value::Bytes(n.clone()));
            attributes.set(CKA_PUBLIC_EXPONENT, Value::Bytes(e.clone()));
            if class == CKO_PUBLIC_KEY {
                attributes.set(CKA_MODULUS_BITS, Value::Ulong(u64::from(visible.bits())));
            }
        }
        Material::EcPublic { curve, point } => describe_point(curve.ec_params(), point, class, attributes),
        Material::EdPublic(point) => {
            let curve = Edwards::of_len(point.len());
            describe_point(curve.ec_params(), point, class, attributes);
        }
        Material::MontgomeryPublic { curve, key } => {
            describe_point(curve.ec_params(), key, class, attributes);
        }
        Material::DhPublic { group, value } => {
            attributes.set(CKA_PRIME, Value::Bytes(group.prime()));
            attributes.set(CKA_BASE, Value::Bytes(dh::BASE.to_vec()));
            if class == CKO_PUBLIC_KEY {
                attributes.set(CKA_VALUE, Value::Bytes(value.clone()));
            }
        }
        Material::MlKemPublic { set, key } => {
            describe_set(ParameterSet::MlKem(*set), key, class, attributes);
        }
        Material::MlDsaPublic { set, key } => {
            describe_set(ParameterSet::MlDsa(*set), key, class, attributes);
        }
        Material::SlhDsaPublic { set, key } => {
            describe_set(ParameterSet::SlhDsa(*set), key, class, attributes);
        }
        _ => return Err(Error::GeneralError),
    }
    if let (Material::DhPrivate { value, .. }, CKO_PRIVATE_KEY) = (material, class) {
        attributes.set(CKA_VALUE_BITS, Value::Ulong(dh::bit_len(value.expose()).into()));
    }
    if let Some(info) = crypto::public_key_info(visible)? {
        let given = attributes.bytes(CKA_PUBLIC_KEY_INFO).unwrap_or_default();
        if !given.is_empty() && given != info {
            return Err(Error::AttributeValueInvalid);
        }
        attributes.set(CKA_PUBLIC_KEY_INFO, Value::Bytes(info));
    }
    Ok(())
}

/// Curve and point of a public key. The point is an OCTET STRING for each form of curve.
fn describe_point(params: &[u8], point: &[u8], class: CK_OBJECT_CLASS, attributes: &mut Attributes) {
    attributes.set_default(CKA_EC_PARAMS, || Value::Bytes(params.to_vec()));
    if class == CKO_PUBLIC_KEY {
        let point = crypto::der::element(crypto::der::OCTET_STRING, &[point]);
        attributes.set(CKA_EC_POINT, Value::Bytes(point));
    }
}

fn describe_set(set: ParameterSet, public: &[u8], class: CK_OBJECT_CLASS, attributes: &mut Attributes) {
    attributes.set(CKA_PARAMETER_SET, Value::Ulong(set.number()));
    if class == CKO_PUBLIC_KEY {
        attributes.set(CKA_VALUE, Value::Bytes(public.to_vec()));
    }
}

/// The check value of a secret key. A template that gave an empty one wants none; a key whose type has none
/// ignores what was given (4.11).
fn check(material: &Material, attributes: &mut Attributes) -> Result<()> {
    let given = attributes.bytes(CKA_CHECK_VALUE);
    if given == Some(&[]) {
        return Ok(());
    }
    let kind = attributes.number(CKA_KEY_TYPE).ok_or(Error::TemplateIncomplete)?;
    let own = crypto::check_value::of_key(kind, material)?;
    if let (Some(given), Some(own)) = (given, &own)
        && given != own
    {
        return Err(Error::AttributeValueInvalid);
    }
    attributes.set(CKA_CHECK_VALUE, Value::Bytes(own.unwrap_or_default()));
    Ok(())
}

/// The material of a public key, from the attributes that hold all of it.
pub fn public_material(attributes: &Attributes) -> Result<Material> {
    match attributes.number(CKA_KEY_TYPE) {
        Some(CKK_RSA) => {
            rsa::import_public(needed(attributes, CKA_MODULUS)?, needed(attributes, CKA_PUBLIC_EXPONENT)?)
        }
        Some(CKK_EC) => ec::import_public(
            Curve::from_ec_params(needed(attributes, CKA_EC_PARAMS)?)?,
            needed(attributes, CKA_EC_POINT)?,
        ),
        Some(CKK_EC_EDWARDS) => eddsa::import_public(
            Edwards::from_ec_params(needed(attributes, CKA_EC_PARAMS)?)?,
            needed(attributes, CKA_EC_POINT)?,
        ),
        Some(CKK_EC_MONTGOMERY) => montgomery::import_public(
            Montgomery::from_ec_params(needed(attributes, CKA_EC_PARAMS)?)?,
            needed(attributes, CKA_EC_POINT)?,
        ),
        Some(CKK_DH) => dh::import_public(group(attributes)?, needed(attributes, CKA_VALUE)?),
        Some(CKK_ML_KEM | CKK_ML_DSA | CKK_SLH_DSA) => {
            let value = needed(attributes, CKA_VALUE)?;
            match parameter_set(attributes)? {
                ParameterSet::MlKem(set) => ml_kem::import_public(set, value),
                ParameterSet::MlDsa(set) => ml_dsa::import_public(set, value),
                ParameterSet::SlhDsa(set) => slh_dsa::import_public(set, value),
            }
        }
        _ => Err(Error::KeyTypeInconsistent),
    }
}

/// One secret attribute of a key, computed from its material; `None` where it has no such part.
pub fn secret_attribute(material: &Material, cka: CK_ATTRIBUTE_TYPE) -> Option<Secret> {
    let part = match (material, cka) {
        (Material::Bytes(secret), CKA_VALUE) => secret,
        (Material::EcPrivate { scalar, .. }, CKA_VALUE) => scalar,
        (Material::EdPrivate(seed), CKA_VALUE) => seed,
        (Material::MontgomeryPrivate { key, .. }, CKA_VALUE) => key,
        (Material::DhPrivate { value, .. }, CKA_VALUE) => value,
        (Material::MlKemPrivate(key), CKA_VALUE) => &key.key,
        (Material::MlKemPrivate(key), CKA_SEED) => key.seed.as_ref()?,
        (Material::MlDsaPrivate(key), CKA_VALUE) => &key.key,
        (Material::MlDsaPrivate(key), CKA_SEED) => key.seed.as_ref()?,
        (Material::SlhDsaPrivate { key, .. }, CKA_VALUE) => key,
        (Material::RsaPrivate(key), CKA_PRIVATE_EXPONENT) => &key.d,
        (Material::RsaPrivate(key), CKA_PRIME_1) => &key.p,
        (Material::RsaPrivate(key), CKA_PRIME_2) => &key.q,
        (Material::RsaPrivate(key), CKA_EXPONENT_1) => &key.dp,
        (Material::RsaPrivate(key), CKA_EXPONENT_2) => &key.dq,
        (Material::RsaPrivate(key), CKA_COEFFICIENT) => &key.qi,
        _ => return None,
    };
    Some(Secret::from_slice(part.expose()))
}

/// What identifies the public key of an object, whichever half of the pair or certificate it is.
pub fn public_identity(attributes: &Attributes) -> Option<&[u8]> {
    attributes.bytes(CKA_PUBLIC_KEY_INFO).filter(|info| !info.is_empty())
}
