//! How the software backend derives: the rows of the mechanism table over a prepared key or over key material.

use super::software::{recipe, secret_key};
use super::{DerivedObjects, NewObject};
use crate::ck::{Error, Result};
use crate::crypto::mechanism::{Derived, Made, Recipe, Sources};
use crate::guard::Authorized;
use crate::guard::op::{Derive, Product};
use crate::object::Value;
use crate::secret::Secret;
use cryptoki_sys::CKA_VALUE;

/// C_DeriveKey
pub(super) fn derive(grant: Authorized<Derive>) -> Result<DerivedObjects> {
    let row = grant.row()?;
    let recipes = grant.op().products.iter().map(recipe_of).collect::<Result<Vec<_>>>()?;
    let (derived, makes) = match row.ops.derivation {
        Some(derivation) => {
            let (base, seconds) = (grant.base()?, grant.seconds()?);
            let sources = Sources {
                base: &base,
                base_type: grant.op().key.facts().key_type,
                seconds: &seconds,
                params: &grant.op().mechanism.params,
                recipes: &recipes,
            };
            ((derivation.derive)(&sources)?, derivation.makes)
        }
        None => (of_prepared(&grant, &recipes)?, Made::Keys),
    };
    let Derived { values, ivs, version } = derived;
    let products = grant.into_op().products;
    if values.len() != products.len() {
        return Err(Error::GeneralError);
    }
    let made = products.into_iter().zip(values).map(|(product, value)| object(product, value, makes));
    Ok(DerivedObjects { objects: made.collect::<Result<_>>()?, ivs, version })
}

/// One key of a key that was made ready.
fn of_prepared(grant: &Authorized<Derive>, recipes: &[Recipe]) -> Result<Derived> {
    let derive = grant.row()?.ops.derive.ok_or(Error::MechanismInvalid)?;
    let [recipe] = recipes else { return Err(Error::GeneralError) };
    let value = derive(&grant.context()?, &grant.op().mechanism.params, recipe)?;
    Ok(Derived { values: vec![value], ..Derived::default() })
}

fn recipe_of(product: &Product) -> Result<Recipe> {
    Ok(Recipe { value_len: product.len, ..recipe(&product.template.attributes)? })
}

fn object(product: Product, value: Secret, makes: Made) -> Result<NewObject> {
    let mut template = product.template;
    match makes {
        Made::Data(_) => {
            template.attributes.set(CKA_VALUE, Value::Bytes(value.expose().to_vec()));
            Ok(NewObject { attributes: template.attributes, fresh: None })
        }
        Made::Keys | Made::TlsMaster | Made::TlsKeys { .. } => secret_key(template, value),
    }
}
