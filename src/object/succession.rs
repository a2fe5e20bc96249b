//! What a new generation of a key takes over from the one that it replaces: all that its owner chose, and no date
//! that is past.

use super::attributes::Attributes;
use super::facts::{KeyFacts, State};
use super::rules::{BUILT_IN, Rules};
use super::template::{Making, Template};
use super::value::Value;
use crate::ck::date::{CkDate, UtcSeconds};
use crate::ck::vendor::*;
use crate::ck::{CK_ATTRIBUTE_TYPE, Error, Result};
use cryptoki_sys::*;

/// What the new generation shall have of its own.
#[derive(Clone, Default, Debug)]
pub struct Names {
    /// `CKA_LABEL`, where it is to be another one.
    pub label: Option<String>,
    /// `CKA_ID`, where it is not to be made of the old one.
    pub id: Option<Vec<u8>>,
}

/// Which generation a key is; 1 where nothing was ever replaced.
pub fn generation(attributes: &Attributes) -> u64 {
    attributes.number(CKA_KEYWARD_GENERATION).unwrap_or(1)
}

/// The template of the next generation of a key, for its generation, completed. `names` holds for both halves of a pair.
///
/// # Errors
/// Those of the template, which are the same as if a client asked for the key.
pub fn template(old: &Attributes, names: &Names, now: UtcSeconds) -> Result<Template> {
    let class = old.number(CKA_CLASS).ok_or(Error::DeviceError)?;
    let kind = old.number(CKA_KEY_TYPE).ok_or(Error::DeviceError)?;
    let mut asked = Attributes::default();
    for rule in Rules::of(class, Some(kind))?.iter() {
        let made = rule.notes.has(4) || rule.notes.has(BUILT_IN);
        if let (Some(value), false) = (old.value(rule.cka), made || is_of_the_key(rule.cka, old)) {
            asked.set(rule.cka, value.clone());
        }
    }
    dates(&mut asked, old, now);
    call(&mut asked, old, names);
    judged(asked, class, kind)
}

/// The template of a public key beside this private one, where the token does not have the old one.
///
/// # Errors
/// As [`template`].
pub fn public_template(private: &Attributes, names: &Names, now: UtcSeconds) -> Result<Template> {
    const USES: [(CK_ATTRIBUTE_TYPE, CK_ATTRIBUTE_TYPE); 6] = [
        (CKA_SIGN, CKA_VERIFY),
        (CKA_SIGN_RECOVER, CKA_VERIFY_RECOVER),
        (CKA_DECRYPT, CKA_ENCRYPT),
        (CKA_UNWRAP, CKA_WRAP),
        (CKA_DERIVE, CKA_DERIVE),
        (CKA_DECAPSULATE, CKA_ENCAPSULATE),
    ];
    let kind = private.number(CKA_KEY_TYPE).ok_or(Error::DeviceError)?;
    let mut asked = Attributes::default();
    let parameters = [CKA_PUBLIC_EXPONENT, CKA_EC_PARAMS, CKA_PARAMETER_SET, CKA_PRIME, CKA_BASE];
    let names_too = [CKA_LABEL, CKA_ID, CKA_SUBJECT, CKA_KEYWARD_PURPOSE];
    for cka in parameters.into_iter().chain(names_too) {
        if let Some(value) = private.value(cka) {
            asked.set(cka, value.clone());
        }
    }
    if kind == CKK_RSA {
        asked.set(CKA_MODULUS_BITS, Value::Ulong(KeyFacts::of(private).bits.into()));
    }
    for (of_private, of_public) in USES {
        asked.set(of_public, Value::Bool(private.flag(of_private)));
    }
    asked.set(CKA_TOKEN, Value::Bool(true));
    dates(&mut asked, private, now);
    call(&mut asked, private, names);
    judged(asked, CKO_PUBLIC_KEY, kind)
}

fn judged(asked: Attributes, class: u64, kind: u64) -> Result<Template> {
    let mut template = Template::judge(Making::Generate, asked, Some(class), Some(kind))?;
    template.complete();
    // It is judged as what it becomes.
    template.attributes.set(CKA_KEYWARD_STATE, Value::Ulong(State::Active as u64));
    Ok(template)
}

/// Whether an attribute tells of the old key itself. Trust is the SO's to give, to each key anew.
fn is_of_the_key(cka: CK_ATTRIBUTE_TYPE, old: &Attributes) -> bool {
    match cka {
        CKA_TRUSTED | CKA_PUBLIC_KEY_INFO => true,
        // An empty one says that the owner wants none.
        CKA_CHECK_VALUE => old.bytes(CKA_CHECK_VALUE).is_none_or(|value| !value.is_empty()),
        _ => false,
    }
}

/// The dates of the old key, moved so that its life begins now: windows keep their lengths.
fn dates(asked: &mut Attributes, old: &Attributes, now: UtcSeconds) {
    let facts = KeyFacts::of(old);
    let begin = facts.protect.from.unwrap_or(facts.initial_date);
    let shift = now.saturating_sub(begin);
    let moments = [
        CKA_KEYWARD_ACTIVATION_DATE,
        CKA_KEYWARD_PROCESS_START_DATE,
        CKA_KEYWARD_PROTECT_STOP_DATE,
        CKA_KEYWARD_DEACTIVATION_DATE,
    ];
    for cka in moments {
        if let Some(at) = old.number(cka) {
            asked.set(cka, Value::Ulong(at.saturating_add(shift)));
        }
    }
    // That somebody ended the old key's time early is nothing that the new one takes over.
    if facts.state == State::Deactivated {
        asked.remove(CKA_KEYWARD_PROTECT_STOP_DATE);
    }
    for cka in [CKA_START_DATE, CKA_END_DATE] {
        if let Some(Value::Date(Some(day))) = old.value(cka) {
            asked.set(cka, Value::Date(CkDate::of(day.start().saturating_add(shift))));
        }
    }
}

/// Label, id and generation.
fn call(asked: &mut Attributes, old: &Attributes, names: &Names) {
    if let Some(label) = &names.label {
        asked.set(CKA_LABEL, Value::Bytes(label.clone().into_bytes()));
    }
    let own = || next_id(old.bytes(CKA_ID).unwrap_or_default(), generation(old));
    asked.set(CKA_ID, Value::Bytes(names.id.clone().unwrap_or_else(own)));
}

/// The `CKA_ID` of the generation after `generation`: the old one's, then `-` and the number. Each generation has an id of
/// its own, so a certificate that belongs to one of them never seems to belong to another. No id stays none.
pub fn next_id(id: &[u8], generation: u64) -> Vec<u8> {
    if id.is_empty() {
        return Vec::new();
    }
    let suffix = format!("-{generation}");
    let stem = if generation > 1 { id.strip_suffix(suffix.as_bytes()).unwrap_or(id) } else { id };
    let mut next = stem.to_vec();
    next.extend_from_slice(format!("-{}", generation.saturating_add(1)).as_bytes());
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UtcSeconds = 1_800_000_000;
    const DAY: u64 = 86_400;

    fn aes(more: &[(CK_ATTRIBUTE_TYPE, Value)]) -> Attributes {
        let mut key = Attributes::default();
        let given = [
            (CKA_CLASS, Value::Ulong(CKO_SECRET_KEY)),
            (CKA_KEY_TYPE, Value::Ulong(CKK_AES)),
            (CKA_VALUE_LEN, Value::Ulong(32)),
            (CKA_TOKEN, Value::Bool(true)),
            (CKA_LABEL, Value::Bytes(b"data".to_vec())),
            (CKA_ID, Value::Bytes(vec![1])),
            (CKA_ENCRYPT, Value::Bool(true)),
            (CKA_SENSITIVE, Value::Bool(false)),
            (CKA_EXTRACTABLE, Value::Bool(true)),
            (CKA_TRUSTED, Value::Bool(true)),
            (CKA_LOCAL, Value::Bool(true)),
            (CKA_CHECK_VALUE, Value::Bytes(vec![1, 2, 3])),
            (CKA_UNIQUE_ID, Value::Bytes(b"x".to_vec())),
            (CKA_ALLOWED_MECHANISMS, Value::Mechanisms(vec![CKM_AES_GCM])),
            (CKA_KEYWARD_STATE, Value::Ulong(State::Active as u64)),
            (CKA_KEYWARD_INITIAL_DATE, Value::Ulong(NOW - 100 * DAY)),
            (CKA_KEYWARD_HISTORY, Value::Bytes(b"lines".to_vec())),
        ];
        given.iter().chain(more).for_each(|(cka, value)| key.set(*cka, value.clone()));
        key
    }

    #[test]
    fn template_takes_what_the_owner_chose_and_nothing_of_the_key_itself() {
        let template = template(&aes(&[]), &Names::default(), NOW).unwrap().attributes;
        assert_eq!(template.number(CKA_VALUE_LEN), Some(32));
        assert_eq!(template.bytes(CKA_LABEL), Some(&b"data"[..]));
        assert_eq!(template.bytes(CKA_ID), Some(&b"\x01-2"[..]));
        assert!(template.flag(CKA_ENCRYPT) && !template.flag(CKA_DECRYPT));
        assert!(template.flag(CKA_EXTRACTABLE) && !template.flag(CKA_SENSITIVE));
        assert!(!template.flag(CKA_TRUSTED));
        assert!(
            matches!(template.value(CKA_ALLOWED_MECHANISMS), Some(Value::Mechanisms(list)) if list.len() == 1)
        );
        for cka in [CKA_LOCAL, CKA_UNIQUE_ID, CKA_CHECK_VALUE, CKA_KEYWARD_HISTORY, CKA_KEYWARD_INITIAL_DATE]
        {
            assert!(!template.has(cka), "{cka:#x}");
        }
    }

    #[test]
    fn windows_begin_now_and_keep_their_lengths() {
        let old = aes(&[
            (CKA_KEYWARD_ACTIVATION_DATE, Value::Ulong(NOW - 50 * DAY)),
            (CKA_KEYWARD_PROTECT_STOP_DATE, Value::Ulong(NOW + 10 * DAY)),
            (CKA_START_DATE, Value::Date(CkDate::of(NOW - 50 * DAY))),
            (CKA_END_DATE, Value::Date(CkDate::of(NOW + 10 * DAY))),
        ]);
        let facts = KeyFacts::of(&template(&old, &Names::default(), NOW).unwrap().attributes);
        assert_eq!((facts.protect.from, facts.protect.to), (Some(NOW), Some(NOW + 60 * DAY)));
        let days = template(&old, &Names::default(), NOW).unwrap().attributes;
        let Some(Value::Date(Some(end))) = days.value(CKA_END_DATE) else { panic!("no end") };
        assert_eq!(*end, CkDate::of(NOW + 60 * DAY).unwrap());
        let mut ended = old;
        ended.set(CKA_KEYWARD_STATE, Value::Ulong(State::Deactivated as u64));
        assert!(
            !template(&ended, &Names::default(), NOW).unwrap().attributes.has(CKA_KEYWARD_PROTECT_STOP_DATE)
        );
    }

    #[test]
    fn ids_of_generations_count_up_and_do_not_grow() {
        assert_eq!(next_id(b"\x01", 1), b"\x01-2");
        assert_eq!(next_id(b"\x01-2", 2), b"\x01-3");
        assert_eq!(next_id(b"www-9", 9), b"www-10");
        assert_eq!(next_id(b"a-1", 1), b"a-1-2");
        assert_eq!(next_id(b"other", 7), b"other-8");
        assert_eq!(next_id(b"", 3), b"");
    }

    #[test]
    fn names_that_are_asked_for_are_given() {
        let names = Names { label: Some("new".into()), id: Some(vec![7]) };
        let template = template(&aes(&[]), &names, NOW).unwrap().attributes;
        assert_eq!((template.bytes(CKA_LABEL), template.bytes(CKA_ID)), (Some(&b"new"[..]), Some(&[7][..])));
    }

    #[test]
    fn public_template_is_the_private_keys_other_side() {
        let mut private = Attributes::default();
        for (cka, value) in [
            (CKA_CLASS, Value::Ulong(CKO_PRIVATE_KEY)),
            (CKA_KEY_TYPE, Value::Ulong(CKK_RSA)),
            (CKA_MODULUS, Value::Bytes(vec![0x80; 256])),
            (CKA_PUBLIC_EXPONENT, Value::Bytes(vec![1, 0, 1])),
            (CKA_LABEL, Value::Bytes(b"tls".to_vec())),
            (CKA_SIGN, Value::Bool(true)),
        ] {
            private.set(cka, value);
        }
        let public = public_template(&private, &Names::default(), NOW);
        // RSA private keys have no CKA_ENCAPSULATE to mirror; RSA public keys have one.
        let public = public.unwrap().attributes;
        assert_eq!(public.number(CKA_MODULUS_BITS), Some(2048));
        assert!(public.flag(CKA_VERIFY) && !public.flag(CKA_ENCRYPT) && public.flag(CKA_TOKEN));
    }
}
