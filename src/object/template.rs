//! A caller's template, judged by the rules of the object that it is for, and completed with the
//! specification's and the token's defaults.

use super::attributes::Attributes;
use super::facts::Purpose;
use super::key::is_key_class;
use super::rules::{COPY_ONLY, MAY_BE_EMPTIED, Rules};
use super::value::Value;
use super::{certificate, consistency, defaults};
use crate::ck::vendor::CKA_KEYWARD_PURPOSE;
use crate::ck::vendor::CKA_KEYWARD_STATE;
use crate::ck::{CK_ATTRIBUTE_TYPE, CK_OBJECT_CLASS, Error, Result};
use cryptoki_sys::*;

/// What the template is for. The first three number the footnotes: required 1, 3, 5; forbidden 2, 4, 6.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Making {
    /// C_CreateObject
    Create,
    /// C_GenerateKey, C_GenerateKeyPair
    Generate,
    /// C_UnwrapKey
    Unwrap,
    /// C_DeriveKey: as C_UnwrapKey, but the mechanism may settle what the template leaves open.
    Derive,
}

/// A template with its class and kind known.
#[derive(Clone, Debug)]
pub struct Template {
    /// `CKA_CLASS`
    pub class: CK_OBJECT_CLASS,
    /// `CKA_KEY_TYPE` or `CKA_CERTIFICATE_TYPE`.
    pub kind: Option<u64>,
    /// All attributes, those two included.
    pub attributes: Attributes,
    rules: Rules,
    making: Making,
}

impl std::fmt::Debug for Rules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Rules")
    }
}

/// The usage attributes of a key.
const USAGES: [CK_ATTRIBUTE_TYPE; 11] = [
    CKA_ENCRYPT,
    CKA_DECRYPT,
    CKA_SIGN,
    CKA_SIGN_RECOVER,
    CKA_VERIFY,
    CKA_VERIFY_RECOVER,
    CKA_WRAP,
    CKA_UNWRAP,
    CKA_DERIVE,
    CKA_ENCAPSULATE,
    CKA_DECAPSULATE,
];

impl Template {
    /// Judges a template. What the mechanism settles (`class`, `kind` of a key to be generated) is
    /// given by the caller; a template that says otherwise is `CKR_TEMPLATE_INCONSISTENT`.
    ///
    /// # Errors
    /// Those of PKCS#11 3.2, 4.1.1. An attribute that belongs to other objects is
    /// `CKR_TEMPLATE_INCONSISTENT`; a class that only the module has is `CKR_ATTRIBUTE_VALUE_INVALID`.
    pub fn judge(
        making: Making,
        mut attributes: Attributes,
        class: Option<CK_OBJECT_CLASS>,
        kind: Option<u64>,
    ) -> Result<Self> {
        let class = settle(&mut attributes, CKA_CLASS, class)?.ok_or(Error::TemplateIncomplete)?;
        let kind_attribute = match class {
            CKO_CERTIFICATE => Some(CKA_CERTIFICATE_TYPE),
            class if is_key_class(class) || class == CKO_DOMAIN_PARAMETERS => Some(CKA_KEY_TYPE),
            _ => None,
        };
        let kind = match kind_attribute {
            Some(cka) => Some(settle(&mut attributes, cka, kind)?.ok_or(Error::TemplateIncomplete)?),
            None => None,
        };
        let rules = Rules::of(class, kind)?;
        if Rules::is_built_in(class) {
            return Err(Error::AttributeValueInvalid);
        }
        let (required, forbidden) = match making {
            Making::Create => (1, 2),
            Making::Generate => (3, 4),
            Making::Unwrap | Making::Derive => (5, 6),
        };
        for (cka, _) in attributes.iter() {
            let notes = rules.notes(cka).ok_or(Error::TemplateInconsistent)?;
            if notes.has(forbidden) {
                return Err(Error::AttributeReadOnly);
            }
        }
        let purpose = attributes.number(CKA_KEYWARD_PURPOSE);
        if purpose.is_some_and(|number| number != 0 && Purpose::from_number(number).is_none()) {
            return Err(Error::AttributeValueInvalid);
        }
        if rules.iter().any(|rule| rule.notes.has(required) && !attributes.has(rule.cka)) {
            return Err(Error::TemplateIncomplete);
        }
        if let (CKO_CERTIFICATE, Some(kind)) = (class, kind) {
            certificate::settle(kind, &mut attributes)?;
        }
        consistency::check(class, &attributes)?;
        Ok(Self { class, kind, attributes, rules, making })
    }

    /// Whether an attribute that only the SO may set to true (footnote 10) is asked to be.
    pub fn asks_for_trust(&self) -> bool {
        asks_for_trust(&self.rules, &self.attributes)
    }

    /// Fills in what the template leaves open.
    pub fn complete(&mut self) {
        let Self { class, kind, attributes, .. } = self;
        let secret = matches!(*class, CKO_PRIVATE_KEY | CKO_SECRET_KEY);
        let mut flag = |cka, value| attributes.set_default(cka, || Value::Bool(value));
        flag(CKA_TOKEN, false);
        flag(CKA_PRIVATE, secret);
        flag(CKA_MODIFIABLE, true);
        flag(CKA_COPYABLE, true);
        flag(CKA_DESTROYABLE, true);
        if is_key_class(*class) {
            complete_key(*class, *kind, self.making, attributes, &self.rules);
        }
        defaults::fill(*class, &self.rules, attributes);
    }

    /// What it is for.
    pub const fn making(&self) -> Making {
        self.making
    }
}

/// Whether a template names a use of the key.
pub fn names_a_use(attributes: &Attributes) -> bool {
    USAGES.iter().any(|cka| attributes.flag(*cka))
}

fn complete_key(
    class: CK_OBJECT_CLASS,
    kind: Option<u64>,
    making: Making,
    attributes: &mut Attributes,
    rules: &Rules,
) {
    // A template that names a use gets that use and no other; one that names none gets what such a
    // key is commonly for, short of wrapping and derivation. Purpose binding narrows it further.
    let named = names_a_use(attributes);
    for cka in USAGES {
        if rules.notes(cka).is_some() {
            let common = !named && common_use(class, kind, cka);
            attributes.set_default(cka, || Value::Bool(common));
        }
    }
    // 5.18.4: an unwrapped key was outside before, and can go there again unless the template says no.
    for (cka, value) in [(CKA_SENSITIVE, true), (CKA_EXTRACTABLE, making == Making::Unwrap)] {
        if rules.notes(cka).is_some() {
            attributes.set_default(cka, || Value::Bool(value));
        }
    }
}

fn common_use(class: CK_OBJECT_CLASS, kind: Option<u64>, cka: CK_ATTRIBUTE_TYPE) -> bool {
    let uses: &[CK_ATTRIBUTE_TYPE] = match (class, kind) {
        (CKO_PUBLIC_KEY, Some(CKK_RSA)) => &[CKA_ENCRYPT, CKA_VERIFY],
        (CKO_PRIVATE_KEY, Some(CKK_RSA)) => &[CKA_DECRYPT, CKA_SIGN],
        (CKO_PUBLIC_KEY, Some(CKK_ML_KEM)) => &[CKA_ENCAPSULATE],
        (CKO_PRIVATE_KEY, Some(CKK_ML_KEM)) => &[CKA_DECAPSULATE],
        // They can do nothing else.
        (CKO_PUBLIC_KEY | CKO_PRIVATE_KEY, Some(CKK_EC_MONTGOMERY | CKK_DH)) => &[CKA_DERIVE],
        (CKO_PUBLIC_KEY, _) => &[CKA_VERIFY],
        (CKO_PRIVATE_KEY, _) => &[CKA_SIGN],
        (CKO_SECRET_KEY, Some(CKK_HKDF)) => &[CKA_DERIVE],
        (CKO_SECRET_KEY, Some(CKK_AES | CKK_AES_XTS | CKK_CHACHA20)) => &[CKA_ENCRYPT, CKA_DECRYPT],
        (CKO_SECRET_KEY, Some(CKK_DES2 | CKK_DES3)) => &[CKA_DECRYPT],
        _ => &[CKA_SIGN, CKA_VERIFY],
    };
    uses.contains(&cka)
}

/// Takes over what the mechanism settles, or finds the contradiction.
fn settle(attributes: &mut Attributes, cka: CK_ATTRIBUTE_TYPE, settled: Option<u64>) -> Result<Option<u64>> {
    match (attributes.number(cka), settled) {
        (Some(asked), Some(settled)) if asked != settled => Err(Error::TemplateInconsistent),
        (Some(asked), _) => Ok(Some(asked)),
        (None, Some(settled)) => {
            attributes.set(cka, Value::Ulong(settled));
            Ok(Some(settled))
        }
        (None, None) => Ok(None),
    }
}

/// Applies a C_SetAttributeValue template to an object's attributes: PKCS#11 3.2, 5.7.7.
pub fn modify(current: &Attributes, changes: &Attributes) -> Result<Attributes> {
    change(current, changes, false)
}

/// Applies a C_CopyObject template: PKCS#11 3.2, 5.7.2. What may be modified may change, and
/// a few more that may change only here.
pub fn copy(current: &Attributes, changes: &Attributes) -> Result<Attributes> {
    change(current, changes, true)
}

fn change(current: &Attributes, changes: &Attributes, copying: bool) -> Result<Attributes> {
    let class = current.number(CKA_CLASS).ok_or(Error::DeviceError)?;
    let kind = current.number(CKA_KEY_TYPE).or_else(|| current.number(CKA_CERTIFICATE_TYPE));
    let rules = Rules::of(class, kind)?;
    let mut changed = current.clone();
    for (cka, value) in changes.iter() {
        let notes = rules.notes(cka).ok_or(Error::TemplateInconsistent)?;
        // The value that it has is no change of what may change; what never may is not to be named (4.1.2).
        let may_be_named = copying || notes.has(8) || notes.has(MAY_BE_EMPTIED);
        if may_be_named && current.value(cka) == Some(value) {
            continue;
        }
        if notes.has(MAY_BE_EMPTIED) {
            empty(&mut changed, cka, value)?;
            continue;
        }
        // 4.10: whoever sets it must set the key's own, which it has.
        if cka == CKA_PUBLIC_KEY_INFO && notes.has(8) {
            return Err(Error::AttributeValueInvalid);
        }
        // A state changes by a step in the key's life and in no other way: a copy revives nothing.
        if cka == CKA_KEYWARD_STATE || !(notes.has(8) || copying && notes.has(COPY_ONLY)) {
            return Err(Error::AttributeReadOnly);
        }
        let was = current.flag(cka);
        if notes.has(11) && was || notes.has(12) && current.has(cka) && !was {
            return Err(Error::AttributeReadOnly);
        }
        changed.set(cka, value.clone());
    }
    consistency::check(class, &changed)?;
    Ok(changed)
}

/// Takes a check value away; another one than the key's is wrong (4.11).
fn empty(changed: &mut Attributes, cka: CK_ATTRIBUTE_TYPE, value: &Value) -> Result<()> {
    if *value != Value::Bytes(Vec::new()) {
        return Err(Error::AttributeValueInvalid);
    }
    changed.set(cka, value.clone());
    Ok(())
}

/// The template of a key that another key makes, with what that one asks of all it makes:
/// `CKA_UNWRAP_TEMPLATE` or `CKA_DERIVE_TEMPLATE`, named by `which` (PKCS#11 3.2, 5.18.4 and 5.18.5).
///
/// # Errors
/// `CKR_TEMPLATE_INCONSISTENT` where the two say different things of one attribute.
pub fn under(maker: &Attributes, which: CK_ATTRIBUTE_TYPE, mut asked: Attributes) -> Result<Attributes> {
    if let Some(Value::Template(all)) = maker.value(which) {
        for (cka, value) in all.iter() {
            match asked.value(cka) {
                Some(other) if other != value => return Err(Error::TemplateInconsistent),
                _ => asked.set(cka, value.clone()),
            }
        }
    }
    Ok(asked)
}

/// Whether changes to an object ask for an attribute that only the SO may set to true.
pub fn changes_ask_for_trust(current: &Attributes, changes: &Attributes) -> bool {
    let class = current.number(CKA_CLASS).unwrap_or(CK_OBJECT_CLASS::MAX);
    let kind = current.number(CKA_KEY_TYPE).or_else(|| current.number(CKA_CERTIFICATE_TYPE));
    Rules::of(class, kind).is_ok_and(|rules| asks_for_trust(&rules, changes) && !current.flag(CKA_TRUSTED))
}

fn asks_for_trust(rules: &Rules, attributes: &Attributes) -> bool {
    attributes.iter().any(|(cka, value)| {
        *value == Value::Bool(true) && rules.notes(cka).is_some_and(|notes| notes.has(10))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attributes(list: &[(CK_ATTRIBUTE_TYPE, Value)]) -> Attributes {
        let mut attributes = Attributes::default();
        for (cka, value) in list {
            attributes.set(*cka, value.clone());
        }
        attributes
    }

    #[test]
    fn a_generation_template_with_a_value_is_refused() {
        let asked = attributes(&[(CKA_VALUE, Value::Bytes(vec![0; 16])), (CKA_VALUE_LEN, Value::Ulong(16))]);
        let judged = Template::judge(Making::Generate, asked, Some(CKO_SECRET_KEY), Some(CKK_AES));
        assert_eq!(judged.err(), Some(Error::AttributeReadOnly));
    }

    #[test]
    fn a_template_without_what_is_required_is_incomplete() {
        let asked =
            attributes(&[(CKA_CLASS, Value::Ulong(CKO_SECRET_KEY)), (CKA_KEY_TYPE, Value::Ulong(CKK_AES))]);
        assert_eq!(Template::judge(Making::Create, asked, None, None).err(), Some(Error::TemplateIncomplete));
        assert_eq!(
            Template::judge(Making::Create, Attributes::default(), None, None).err(),
            Some(Error::TemplateIncomplete)
        );
    }

    #[test]
    fn a_contradiction_of_the_mechanism_is_inconsistent() {
        let asked = attributes(&[(CKA_KEY_TYPE, Value::Ulong(CKK_RSA))]);
        let judged = Template::judge(Making::Generate, asked, Some(CKO_SECRET_KEY), Some(CKK_AES));
        assert_eq!(judged.err(), Some(Error::TemplateInconsistent));
    }

    #[test]
    fn named_uses_are_the_only_uses() {
        let asked = attributes(&[(CKA_SIGN, Value::Bool(true))]);
        let mut template =
            Template::judge(Making::Generate, asked, Some(CKO_PRIVATE_KEY), Some(CKK_RSA)).unwrap();
        template.complete();
        assert!(template.attributes.flag(CKA_SIGN) && !template.attributes.flag(CKA_DECRYPT));
        assert!(template.attributes.flag(CKA_SENSITIVE) && !template.attributes.flag(CKA_EXTRACTABLE));
        assert!(template.attributes.flag(CKA_PRIVATE));
    }

    #[test]
    fn one_way_attributes_go_one_way() {
        let key = attributes(&[
            (CKA_CLASS, Value::Ulong(CKO_SECRET_KEY)),
            (CKA_KEY_TYPE, Value::Ulong(CKK_AES)),
            (CKA_SENSITIVE, Value::Bool(true)),
            (CKA_EXTRACTABLE, Value::Bool(true)),
        ]);
        let set = |cka, value| modify(&key, &attributes(&[(cka, Value::Bool(value))]));
        assert_eq!(set(CKA_SENSITIVE, false).err(), Some(Error::AttributeReadOnly));
        let closed = set(CKA_EXTRACTABLE, false).unwrap();
        let reopened = modify(&closed, &attributes(&[(CKA_EXTRACTABLE, Value::Bool(true))]));
        assert_eq!(reopened.err(), Some(Error::AttributeReadOnly));
        assert_eq!(set(CKA_TOKEN, true).err(), Some(Error::AttributeReadOnly));
        assert!(copy(&key, &attributes(&[(CKA_TOKEN, Value::Bool(true))])).is_ok());
    }
}
