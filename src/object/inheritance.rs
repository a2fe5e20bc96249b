//! What a derived key takes over from the keys that it comes from, beside its value.

use super::attributes::Attributes;
use super::value::Value;
use crate::ck::{CK_ATTRIBUTE_TYPE, Error, Result};
use crate::crypto::mechanism::Inheritance;
use cryptoki_sys::{CKA_DERIVE_TEMPLATE, CKA_EXTRACTABLE, CKA_SENSITIVE, CKA_WRAP_WITH_TRUSTED};

/// Settles `CKA_SENSITIVE` and `CKA_EXTRACTABLE` of a derived key, as its mechanism says.
///
/// # Errors
/// `CKR_TEMPLATE_INCONSISTENT` where the template asks for a key that is less closed than the rule allows.
pub fn inherit(
    asked: &mut Attributes,
    inheritance: Inheritance,
    base: &Attributes,
    seconds: &[&Attributes],
) -> Result<()> {
    // The value that forbids more comes first.
    for (cka, closed) in [(CKA_SENSITIVE, true), (CKA_EXTRACTABLE, false)] {
        let of_base = base.flag(cka);
        match inheritance {
            Inheritance::Free => {}
            Inheritance::FromBase => asked.set_default(cka, || Value::Bool(of_base)),
            Inheritance::Same => must(asked, cka, Value::Bool(of_base))?,
            Inheritance::Strict | Inheritance::StrictFromBase => {
                if of_base == closed || seconds.iter().any(|second| second.flag(cka) == closed) {
                    must(asked, cka, Value::Bool(closed))?;
                } else if inheritance == Inheritance::StrictFromBase {
                    asked.set_default(cka, || Value::Bool(of_base));
                }
            }
        }
    }
    Ok(())
}

/// Keeps what binds a key where its bytes stand in another key as they are: `CKA_WRAP_WITH_TRUSTED` of each original, and
/// the base key's `CKA_DERIVE_TEMPLATE`. Else the same bytes would be a key that is bound to nothing.
///
/// # Errors
/// `CKR_TEMPLATE_INCONSISTENT` where the template says something else.
pub fn stay_bound(asked: &mut Attributes, base: &Attributes, seconds: &[&Attributes]) -> Result<()> {
    if [base].iter().chain(seconds).any(|original| original.flag(CKA_WRAP_WITH_TRUSTED)) {
        must(asked, CKA_WRAP_WITH_TRUSTED, Value::Bool(true))?;
    }
    match base.value(CKA_DERIVE_TEMPLATE) {
        Some(template) => must(asked, CKA_DERIVE_TEMPLATE, template.clone()),
        None => Ok(()),
    }
}

fn must(asked: &mut Attributes, cka: CK_ATTRIBUTE_TYPE, value: Value) -> Result<()> {
    if asked.value(cka).is_some_and(|other| *other != value) {
        return Err(Error::TemplateInconsistent);
    }
    asked.set(cka, value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(sensitive: Option<bool>, extractable: Option<bool>) -> Attributes {
        let mut key = Attributes::default();
        for (cka, value) in [(CKA_SENSITIVE, sensitive), (CKA_EXTRACTABLE, extractable)] {
            if let Some(value) = value {
                key.set(cka, Value::Bool(value));
            }
        }
        key
    }

    /// What comes of a template, and the error where it conflicts.
    fn outcome(
        rule: Inheritance,
        asked: (Option<bool>, Option<bool>),
        base: &Attributes,
        seconds: &[&Attributes],
    ) -> Result<(Option<bool>, Option<bool>)> {
        let mut asked = key(asked.0, asked.1);
        inherit(&mut asked, rule, base, seconds)?;
        let flag = |cka| match asked.value(cka) {
            Some(Value::Bool(value)) => Some(*value),
            _ => None,
        };
        Ok((flag(CKA_SENSITIVE), flag(CKA_EXTRACTABLE)))
    }

    const SILENT: (Option<bool>, Option<bool>) = (None, None);
    const OPEN: (Option<bool>, Option<bool>) = (Some(false), Some(true));
    const CLOSED: (Option<bool>, Option<bool>) = (Some(true), Some(false));
    const REFUSED: Result<(Option<bool>, Option<bool>)> = Err(Error::TemplateInconsistent);

    #[test]
    fn free_keys_take_nothing_over() {
        let closed = key(Some(true), Some(false));
        for asked in [SILENT, OPEN, CLOSED] {
            assert_eq!(outcome(Inheritance::Free, asked, &closed, &[]), Ok(asked));
        }
    }

    #[test]
    fn strict_keys_are_as_closed_as_any_original() {
        let (closed, open) = (key(Some(true), Some(false)), key(Some(false), Some(true)));
        for rule in [Inheritance::Strict, Inheritance::StrictFromBase] {
            for (base, second) in [(&closed, &open), (&open, &closed), (&closed, &closed)] {
                assert_eq!(outcome(rule, SILENT, base, &[second]), Ok(CLOSED));
                assert_eq!(outcome(rule, CLOSED, base, &[second]), Ok(CLOSED));
                assert_eq!(outcome(rule, OPEN, base, &[second]), REFUSED);
                assert_eq!(outcome(rule, (None, Some(true)), base, &[second]), REFUSED);
                assert_eq!(outcome(rule, (Some(false), None), base, &[second]), REFUSED);
            }
            for asked in [OPEN, CLOSED] {
                assert_eq!(outcome(rule, asked, &open, &[&open]), Ok(asked));
            }
        }
        assert_eq!(outcome(Inheritance::Strict, SILENT, &open, &[&open]), Ok(SILENT));
        assert_eq!(outcome(Inheritance::StrictFromBase, SILENT, &open, &[&open]), Ok(OPEN));
    }

    #[test]
    fn other_keys_take_the_base_keys_values() {
        let (closed, open) = (key(Some(true), Some(false)), key(Some(false), Some(true)));
        for (base, values, others) in [(&closed, CLOSED, OPEN), (&open, OPEN, CLOSED)] {
            assert_eq!(outcome(Inheritance::FromBase, SILENT, base, &[]), Ok(values));
            assert_eq!(outcome(Inheritance::FromBase, others, base, &[]), Ok(others));
            assert_eq!(outcome(Inheritance::Same, SILENT, base, &[]), Ok(values));
            assert_eq!(outcome(Inheritance::Same, values, base, &[]), Ok(values));
            assert_eq!(outcome(Inheritance::Same, others, base, &[]), REFUSED);
        }
    }

    #[test]
    fn keys_whose_bytes_stand_in_another_stay_bound() {
        let trusted = |value| {
            let mut key = Attributes::default();
            key.set(CKA_WRAP_WITH_TRUSTED, Value::Bool(value));
            key
        };
        let (bound, free) = (trusted(true), trusted(false));
        for (base, second) in [(&bound, &free), (&free, &bound)] {
            let mut silent = Attributes::default();
            stay_bound(&mut silent, base, &[second]).unwrap();
            assert!(silent.flag(CKA_WRAP_WITH_TRUSTED));
            assert_eq!(stay_bound(&mut free.clone(), base, &[second]), Err(Error::TemplateInconsistent));
        }
        let mut silent = Attributes::default();
        stay_bound(&mut silent, &free, &[&free]).unwrap();
        assert!(!silent.has(CKA_WRAP_WITH_TRUSTED) && !silent.has(CKA_DERIVE_TEMPLATE));
        let mut restricting = Attributes::default();
        restricting.set(CKA_DERIVE_TEMPLATE, Value::Template(trusted(true)));
        stay_bound(&mut silent, &restricting, &[]).unwrap();
        assert_eq!(silent.value(CKA_DERIVE_TEMPLATE), restricting.value(CKA_DERIVE_TEMPLATE));
        let mut other = Attributes::default();
        other.set(CKA_DERIVE_TEMPLATE, Value::Template(trusted(false)));
        assert_eq!(stay_bound(&mut other, &restricting, &[]), Err(Error::TemplateInconsistent));
    }
}
