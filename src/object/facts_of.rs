//! [`KeyFacts`] out of attributes: the one place where an object's attributes become what the law reads.

use super::attributes::Attributes;
use super::facts::{KeyFacts, Origin, Purpose, State, Usage, Window};
use super::value::Value;
use crate::ck::date::UtcSeconds;
use crate::ck::vendor::*;
use crate::ck::{CK_ATTRIBUTE_TYPE, CK_OBJECT_CLASS};
use crate::crypto::eddsa::Edwards;
use crate::crypto::{Curve, Montgomery, ParameterSet, dh, only_len};
use cryptoki_sys::*;

/// The usage attributes and their place in [`Usage`].
const USAGES: [(CK_ATTRIBUTE_TYPE, Usage); 11] = [
    (CKA_ENCRYPT, Usage::ENCRYPT),
    (CKA_DECRYPT, Usage::DECRYPT),
    (CKA_SIGN, Usage::SIGN),
    (CKA_SIGN_RECOVER, Usage::SIGN_RECOVER),
    (CKA_VERIFY, Usage::VERIFY),
    (CKA_VERIFY_RECOVER, Usage::VERIFY_RECOVER),
    (CKA_WRAP, Usage::WRAP),
    (CKA_UNWRAP, Usage::UNWRAP),
    (CKA_DERIVE, Usage::DERIVE),
    (CKA_ENCAPSULATE, Usage::ENCAPSULATE),
    (CKA_DECAPSULATE, Usage::DECAPSULATE),
];

impl KeyFacts {
    /// Reads the facts. What an attribute does not say takes the value that forbids more.
    pub fn of(attributes: &Attributes) -> Self {
        let class = attributes.number(CKA_CLASS).unwrap_or(CK_OBJECT_CLASS::MAX);
        // Domain parameters name a type of key, and are none.
        let key_type = attributes.number(CKA_KEY_TYPE).filter(|_| super::key::is_key_class(class));
        let curve = match key_type {
            Some(CKK_EC) => {
                attributes.bytes(CKA_EC_PARAMS).and_then(|params| Curve::from_ec_params(params).ok())
            }
            _ => None,
        };
        let number = |cka| attributes.number(cka);
        let parameter_set =
            key_type.zip(number(CKA_PARAMETER_SET)).and_then(|(kind, number)| ParameterSet::of(kind, number));
        Self {
            class,
            key_type,
            bits: bits(attributes, key_type, curve, parameter_set),
            curve,
            parameter_set,
            label: String::from_utf8_lossy(attributes.bytes(CKA_LABEL).unwrap_or_default()).into_owned(),
            id: attributes.bytes(CKA_ID).unwrap_or_default().to_vec(),
            token: attributes.flag(CKA_TOKEN),
            private: attributes.flag(CKA_PRIVATE),
            sensitive: attributes.flag(CKA_SENSITIVE),
            extractable: attributes.flag(CKA_EXTRACTABLE),
            trusted: attributes.flag(CKA_TRUSTED),
            wrap_with_trusted: attributes.flag(CKA_WRAP_WITH_TRUSTED),
            always_authenticate: attributes.flag(CKA_ALWAYS_AUTHENTICATE),
            indivisible: attributes.flag(CKA_KEYWARD_INDIVISIBLE),
            local: attributes.flag(CKA_LOCAL),
            always_sensitive: attributes.flag(CKA_ALWAYS_SENSITIVE),
            never_extractable: attributes.flag(CKA_NEVER_EXTRACTABLE),
            modifiable: attributes.flag(CKA_MODIFIABLE),
            copyable: attributes.flag(CKA_COPYABLE),
            destroyable: attributes.flag(CKA_DESTROYABLE),
            usage: USAGES
                .iter()
                .filter(|(cka, _)| attributes.flag(*cka))
                .fold(Usage::default(), |all, (_, each)| all.union(*each)),
            allowed_mechanisms: match attributes.value(CKA_ALLOWED_MECHANISMS) {
                Some(Value::Mechanisms(allowed)) => allowed.clone(),
                _ => Vec::new(),
            },
            origin: number(CKA_KEYWARD_ORIGIN).and_then(Origin::from_number).unwrap_or(Origin::Imported),
            // A key whose state is missing or unknown is not usable.
            state: match number(CKA_KEYWARD_STATE) {
                Some(number) => State::from_number(number).unwrap_or(State::Destroyed),
                None if super::key::is_key_class(class) => State::Destroyed,
                None => State::Active,
            },
            purpose: number(CKA_KEYWARD_PURPOSE).and_then(Purpose::from_number),
            initial_date: number(CKA_KEYWARD_INITIAL_DATE).unwrap_or(0),
            generation: number(CKA_KEYWARD_GENERATION).unwrap_or(1),
            protect: window(
                attributes,
                number(CKA_KEYWARD_ACTIVATION_DATE),
                number(CKA_KEYWARD_PROTECT_STOP_DATE),
            ),
            process: window(
                attributes,
                number(CKA_KEYWARD_PROCESS_START_DATE),
                number(CKA_KEYWARD_DEACTIVATION_DATE),
            ),
        }
    }

    /// The usage attribute of a use.
    pub fn usage_attribute(usage: Usage) -> Option<CK_ATTRIBUTE_TYPE> {
        USAGES.iter().find(|(_, each)| *each == usage).map(|(cka, _)| *cka)
    }
}

/// A window as the vendor attributes say, or else as `CKA_START_DATE` and `CKA_END_DATE` say.
fn window(attributes: &Attributes, from: Option<UtcSeconds>, to: Option<UtcSeconds>) -> Window {
    let day = |cka| match attributes.value(cka) {
        Some(Value::Date(day)) => *day,
        _ => None,
    };
    Window {
        from: from.or_else(|| day(CKA_START_DATE).map(|day| day.start())),
        to: to.or_else(|| day(CKA_END_DATE).map(|day| day.end())),
    }
}

fn bits(
    attributes: &Attributes,
    key_type: Option<CK_KEY_TYPE>,
    curve: Option<Curve>,
    parameter_set: Option<ParameterSet>,
) -> u32 {
    let bits = match key_type {
        Some(CKK_RSA) => attributes.bytes(CKA_MODULUS).map_or_else(
            || attributes.number(CKA_MODULUS_BITS).unwrap_or(0),
            |modulus| {
                let zeros = modulus.first().map_or(0, |first| first.leading_zeros());
                (modulus.len() as u64 * 8).saturating_sub(u64::from(zeros))
            },
        ),
        Some(CKK_EC) => curve.map_or(0, |curve| u64::from(curve.bits())),
        Some(CKK_EC_EDWARDS) => attributes
            .bytes(CKA_EC_PARAMS)
            .and_then(|params| Edwards::from_ec_params(params).ok())
            .map_or(0, |curve| u64::from(curve.bits())),
        Some(CKK_EC_MONTGOMERY) => attributes
            .bytes(CKA_EC_PARAMS)
            .and_then(|params| Montgomery::from_ec_params(params).ok())
            .map_or(0, |curve| u64::from(curve.bits())),
        Some(CKK_DH) => attributes.bytes(CKA_PRIME).map_or(0, |prime| u64::from(dh::bit_len(prime))),
        Some(CKK_ML_KEM | CKK_ML_DSA | CKK_SLH_DSA) => parameter_set.map_or(0, |set| u64::from(set.bits())),
        Some(kind) => match only_len(kind) {
            Some(len) => len as u64 * 8,
            None => attributes.number(CKA_VALUE_LEN).unwrap_or(0).saturating_mul(8),
        },
        None => 0,
    };
    u32::try_from(bits).unwrap_or(u32::MAX)
}
