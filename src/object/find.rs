//! The search: whether an object's attributes match a template (PKCS#11 3.2, 5.7.8).

use super::attributes::Attributes;

/// Whether every attribute of the template stands in the object with the same value.
/// An empty template matches everything.
pub fn matches(object: &Attributes, template: &Attributes) -> bool {
    template.iter().all(|(cka, value)| object.value(cka) == Some(value))
}
