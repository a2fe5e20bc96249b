//! What an attribute is where nobody said anything: a client that asks for any attribute of an object's class
//! gets an answer, and an empty value is an answer.

use super::attribute::{self, Kind};
use super::attributes::Attributes;
use super::consistency::TRUSTS;
use super::key::is_key_class;
use super::rules::{Rule, Rules};
use super::value::Value;
use crate::ck::{CK_ATTRIBUTE_TYPE, CK_OBJECT_CLASS};
use cryptoki_sys::*;

/// Fills in every attribute that is still open and that neither the client must give nor the module makes.
pub fn fill(class: CK_OBJECT_CLASS, rules: &Rules, attributes: &mut Attributes) {
    if is_key_class(class) {
        attributes.set(CKA_OBJECT_VALIDATION_FLAGS, Value::Ulong(0));
    }
    for rule in rules.iter().filter(|rule| !is_made(class, rule)) {
        if let Some(value) = empty(rule.cka) {
            attributes.set_default(rule.cka, || value);
        }
    }
}

/// Whether an attribute comes from somewhere else: footnotes 1 to 7, and what is computed of a key.
fn is_made(class: CK_OBJECT_CLASS, rule: &Rule) -> bool {
    let computed = matches!(rule.cka, CKA_CHECK_VALUE | CKA_PUBLIC_KEY_INFO) && is_key_class(class);
    computed || (1..=7).any(|footnote| rule.notes.has(footnote))
}

/// The value that says nothing. A number has none but where the specification gives it one.
fn empty(cka: CK_ATTRIBUTE_TYPE) -> Option<Value> {
    Some(match attribute::kind(cka)? {
        Kind::Bool => Value::Bool(false),
        Kind::Bytes | Kind::Text => Value::Bytes(Vec::new()),
        Kind::Date => Value::Date(None),
        Kind::Mechanisms => Value::Mechanisms(Vec::new()),
        Kind::Template => Value::Template(Attributes::default()),
        Kind::Ulong => Value::Ulong(match cka {
            CKA_NAME_HASH_ALGORITHM => CKM_SHA_1,
            CKA_CERTIFICATE_CATEGORY => CK_CERTIFICATE_CATEGORY_UNSPECIFIED,
            CKA_JAVA_MIDP_SECURITY_DOMAIN => CK_SECURITY_DOMAIN_UNSPECIFIED,
            cka if TRUSTS.contains(&cka) => CKT_TRUST_UNKNOWN.into(),
            _ => return None,
        }),
    })
}
