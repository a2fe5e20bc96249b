//! The software backend: the rows of the mechanism table, driven by grants.

use super::{Backend, DerivedObjects, NewObject, derivation, wrapping};
use crate::ck::message::MessageParams;
use crate::ck::{CK_MECHANISM_TYPE, Error, Result};
use crate::crypto::mechanism::{
    Ciphering, Digesting, Messaging, Recipe, Recovering, Signing, StartSignings, StartVerifyings, Verifying,
};
use crate::crypto::{self, Material, random, table};
use crate::guard::op::*;
use crate::guard::{Authorized, Fresh};
use crate::object::{Attributes, Template, Value, key};
use crate::secret::Secret;
use cryptoki_sys::*;

/// Keys in our own store and memory. Has no state: what it works on comes with the grant.
pub struct Software;

impl Backend for Software {
    fn mechanisms(&self) -> Vec<CK_MECHANISM_TYPE> {
        table::MECHANISMS.iter().map(|row| row.ckm).collect()
    }

    fn random(&self, out: &mut [u8]) -> Result<()> {
        random::fill(out)
    }

    fn stir(&self, seed: &[u8]) -> Result<()> {
        random::stir(seed)
    }

    fn digest(&self, grant: Authorized<Digest>) -> Result<Box<dyn Digesting>> {
        let start = grant.row()?.ops.digest.ok_or(Error::MechanismInvalid)?;
        start(&grant.op().mechanism.params)
    }

    fn resume_digest(&self, grant: Authorized<Digest>, saved: &[u8]) -> Result<Box<dyn Digesting>> {
        let resume = grant.row()?.ops.resume.ok_or(Error::SavedStateInvalid)?;
        resume(&grant.op().mechanism.params, saved)
    }

    fn digest_key(&self, grant: Authorized<DigestKey>, into: &mut dyn Digesting) -> Result<()> {
        into.update(grant.value()?.expose())
    }

    fn sign(&self, grant: Authorized<Sign>) -> Result<Box<dyn Signing>> {
        let start = grant.row()?.ops.sign.ok_or(Error::MechanismInvalid)?;
        start(&grant.context()?, &grant.op().mechanism.params)
    }

    fn verify(&self, grant: Authorized<Verify>) -> Result<Box<dyn Verifying>> {
        let start = grant.row()?.ops.verify.ok_or(Error::MechanismInvalid)?;
        start(&grant.context()?, &grant.op().mechanism.params)
    }

    fn sign_recover(&self, grant: Authorized<SignRecover>) -> Result<Box<dyn Recovering>> {
        let start = grant.row()?.ops.sign_recover.ok_or(Error::MechanismInvalid)?;
        start(&grant.context()?, &grant.op().mechanism.params)
    }

    fn verify_recover(&self, grant: Authorized<VerifyRecover>) -> Result<Box<dyn Recovering>> {
        let start = grant.row()?.ops.verify_recover.ok_or(Error::MechanismInvalid)?;
        start(&grant.context()?, &grant.op().mechanism.params)
    }

    fn encrypt(&self, grant: Authorized<Encrypt>) -> Result<Box<dyn Ciphering>> {
        let start = grant.row()?.ops.encrypt.ok_or(Error::MechanismInvalid)?;
        start(&grant.context()?, &grant.op().mechanism.params)
    }

    fn decrypt(&self, grant: Authorized<Decrypt>) -> Result<Box<dyn Ciphering>> {
        let start = grant.row()?.ops.decrypt.ok_or(Error::MechanismInvalid)?;
        start(&grant.context()?, &grant.op().mechanism.params)
    }

    fn message_encrypt(&self, grant: Authorized<Encrypt>) -> Result<Box<dyn Messaging>> {
        let start = grant.row()?.ops.message_encrypt.ok_or(Error::MechanismInvalid)?;
        start(&grant.context()?)
    }

    fn message_decrypt(&self, grant: Authorized<Decrypt>) -> Result<Box<dyn Messaging>> {
        let start = grant.row()?.ops.message_decrypt.ok_or(Error::MechanismInvalid)?;
        start(&grant.context()?)
    }

    fn message_sign(&self, grant: Authorized<SignMessages>) -> Result<StartSignings> {
        let start = grant.row()?.ops.sign.ok_or(Error::MechanismInvalid)?;
        let context = grant.context()?;
        let params = grant.into_op().mechanism.params;
        // A wrong parameter is found out now, not with the first message.
        start(&context, &params)?;
        Ok(Box::new(move || start(&context, &params)))
    }

    fn message_verify(&self, grant: Authorized<Verify>) -> Result<StartVerifyings> {
        let start = grant.row()?.ops.verify.ok_or(Error::MechanismInvalid)?;
        let context = grant.context()?;
        let params = grant.into_op().mechanism.params;
        start(&context, &params)?;
        Ok(Box::new(move || start(&context, &params)))
    }

    fn generate(&self, grant: Authorized<Generate>) -> Result<NewObject> {
        let ops = &grant.row()?.ops;
        let Generate { template, mechanism } = grant.into_op();
        let recipe = recipe(&template.attributes)?;
        if let Some(choose) = ops.choose_group {
            let mut attributes = template.attributes;
            key::describe_group(choose(&recipe)?, &mut attributes);
            attributes.set(CKA_LOCAL, Value::Bool(true));
            return Ok(NewObject { attributes, fresh: None });
        }
        let material = match (ops.generate, ops.generate_from) {
            (Some(make), _) => make(&recipe)?,
            (None, Some(make)) => make(&mechanism.params, &recipe)?,
            (None, None) => return Err(Error::MechanismInvalid),
        };
        described(template, material)
    }

    fn generate_pair(&self, grant: Authorized<GeneratePair>) -> Result<(NewObject, NewObject)> {
        let make = grant.row()?.ops.generate_pair.ok_or(Error::MechanismInvalid)?;
        let GeneratePair { public, private, .. } = grant.into_op();
        // The length of a private number is asked for where that number comes to stand.
        let value_bits = recipe(&private.attributes)?.value_bits;
        let pair = make(&Recipe { value_bits, ..recipe(&public.attributes)? })?;
        Ok((described(public, pair.public)?, described(private, pair.private)?))
    }

    fn derive(&self, grant: Authorized<Derive>) -> Result<DerivedObjects> {
        derivation::derive(grant)
    }

    fn encapsulated_len(&self, grant: &Authorized<Encapsulate>) -> Result<usize> {
        let len = grant.row()?.ops.encapsulated_len.ok_or(Error::MechanismInvalid)?;
        len(&grant.context()?)
    }

    fn encapsulate(&self, grant: Authorized<Encapsulate>) -> Result<(NewObject, Vec<u8>)> {
        let encapsulate = grant.row()?.ops.encapsulate.ok_or(Error::MechanismInvalid)?;
        let context = grant.context()?;
        let Encapsulate { mechanism, template, .. } = grant.into_op();
        let (value, ciphertext) = encapsulate(&context, &mechanism.params, &recipe(&template.attributes)?)?;
        Ok((secret_key(template, value)?, ciphertext))
    }

    fn decapsulate(&self, grant: Authorized<Decapsulate>) -> Result<NewObject> {
        let decapsulate = grant.row()?.ops.decapsulate.ok_or(Error::MechanismInvalid)?;
        let context = grant.context()?;
        let Decapsulate { mechanism, ciphertext, template, .. } = grant.into_op();
        let recipe = recipe(&template.attributes)?;
        let value = decapsulate(&context, &mechanism.params, &recipe, &ciphertext)?;
        secret_key(template, value)
    }

    fn wrap(&self, grant: Authorized<Wrap>) -> Result<Vec<u8>> {
        wrapping::wrap(grant)
    }

    fn unwrap(&self, grant: Authorized<Unwrap>) -> Result<NewObject> {
        wrapping::unwrap(grant)
    }

    fn wrap_authenticated(
        &self,
        grant: Authorized<Wrap>,
        message: &mut MessageParams,
        aad: &[u8],
    ) -> Result<Vec<u8>> {
        wrapping::wrap_authenticated(grant, message, aad)
    }

    fn unwrap_authenticated(
        &self,
        grant: Authorized<Unwrap>,
        message: &mut MessageParams,
        aad: &[u8],
    ) -> Result<NewObject> {
        wrapping::unwrap_authenticated(grant, message, aad)
    }

    fn create(&self, grant: Authorized<Create>) -> Result<NewObject> {
        let Template { mut attributes, class, .. } = grant.into_op().template;
        let fresh = match key::take_material(&mut attributes)? {
            Some(material) => {
                let fresh = Fresh::new(material);
                fresh.describe(class, &mut attributes)?;
                Some(fresh)
            }
            None => None,
        };
        Ok(NewObject { attributes, fresh })
    }

    fn copy(&self, grant: Authorized<Copy>) -> Result<NewObject> {
        let fresh = grant.material()?.map(Fresh::new);
        Ok(NewObject { attributes: grant.into_op().attributes, fresh })
    }

    fn reveal(&self, grant: Authorized<Reveal>) -> Result<Secret> {
        grant.secret()
    }

    fn destroy(&self, grant: Authorized<Destroy>) -> Result<()> {
        // Nothing is kept here: the record and the memory are the token's and the guard's.
        drop(grant.into_op());
        Ok(())
    }
}

/// What a template says about the key to be made.
pub(super) fn recipe(attributes: &Attributes) -> Result<Recipe> {
    let small = |cka, error: Error| {
        attributes.number(cka).map(|number| u32::try_from(number).map_err(|_| error)).transpose()
    };
    Ok(Recipe {
        key_type: attributes.number(CKA_KEY_TYPE),
        value_len: small(CKA_VALUE_LEN, Error::AttributeValueInvalid)?.map(|len| len as usize),
        modulus_bits: small(CKA_MODULUS_BITS, Error::KeySizeRange)?,
        public_exponent: attributes.bytes(CKA_PUBLIC_EXPONENT).map(<[u8]>::to_vec),
        ec_params: attributes.bytes(CKA_EC_PARAMS).map(<[u8]>::to_vec),
        parameter_set: attributes.number(CKA_PARAMETER_SET),
        prime: attributes.bytes(CKA_PRIME).map(<[u8]>::to_vec),
        base: attributes.bytes(CKA_BASE).map(<[u8]>::to_vec),
        prime_bits: small(CKA_PRIME_BITS, Error::KeySizeRange)?,
        value_bits: small(CKA_VALUE_BITS, Error::AttributeValueInvalid)?,
    })
}

pub(super) fn described(template: Template, material: Material) -> Result<NewObject> {
    let Template { mut attributes, class, .. } = template;
    let fresh = Fresh::new(material);
    fresh.describe(class, &mut attributes)?;
    Ok(NewObject { attributes, fresh: Some(fresh) })
}

/// A secret key of derived bytes. A length that the template names must be met. A key for DES is never new: it may
/// only come from where it once was (`CKR_TEMPLATE_INCONSISTENT`).
pub(super) fn secret_key(template: Template, value: Secret) -> Result<NewObject> {
    let kind = template.kind.ok_or(Error::TemplateIncomplete)?;
    if crypto::triple_des::key_len(kind).is_some() {
        return Err(Error::TemplateInconsistent);
    }
    if let Some(len) = template.attributes.number(CKA_VALUE_LEN)
        && len != value.len() as u64
    {
        return Err(Error::TemplateInconsistent);
    }
    described(template, crypto::import_secret(kind, &value)?)
}
