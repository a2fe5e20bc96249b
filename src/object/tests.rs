//! Every attribute of every class means something: it is enforced somewhere, computed somewhere, or it is the
//! client's own words, which no code reads. Whoever adds a row to the rules adds one here, and says which.

use super::rules::Rules;
use crate::ck::names::attribute_name;
use crate::ck::vendor::*;
use crate::ck::{CK_ATTRIBUTE_TYPE, CK_OBJECT_CLASS};
use Meaning::*;
use cryptoki_sys::*;

/// What an attribute is good for.
#[derive(Clone, Copy)]
enum Meaning {
    /// Something is refused because of it: the file below `src`, and a word of it there.
    Enforced(&'static str, &'static str),
    /// The module writes it, or writes what was given only if it is right: the file, and a word of it there.
    Computed(&'static str, &'static str),
    /// The client's words: kept, shown, found.
    Descriptive,
}

const MEANINGS: &[(CK_ATTRIBUTE_TYPE, Meaning)] = &[
    (CKA_CLASS, Enforced("object/rules.rs", "pub fn of(class")),
    (CKA_TOKEN, Enforced("guard/order.rs", "facts.token && !who.read_write")),
    (CKA_PRIVATE, Enforced("guard/order.rs", "facts().private && who.role")),
    (CKA_MODIFIABLE, Enforced("guard/order.rs", "facts().modifiable")),
    (CKA_COPYABLE, Enforced("guard/order.rs", "facts().copyable")),
    (CKA_DESTROYABLE, Enforced("guard/order.rs", "facts().destroyable")),
    (CKA_LABEL, Descriptive),
    (CKA_UNIQUE_ID, Computed("token/making.rs", "CKA_UNIQUE_ID")),
    // Data, certificates, trust.
    (CKA_APPLICATION, Descriptive),
    (CKA_OBJECT_ID, Descriptive),
    (CKA_VALUE, Enforced("object/key.rs", "secret_attribute")),
    (CKA_CERTIFICATE_TYPE, Enforced("object/rules.rs", "CKC_X_509")),
    (CKA_TRUSTED, Enforced("guard/order.rs", "changes_ask_for_trust")),
    (CKA_CERTIFICATE_CATEGORY, Enforced("object/consistency.rs", "CKA_CERTIFICATE_CATEGORY")),
    (CKA_JAVA_MIDP_SECURITY_DOMAIN, Enforced("object/consistency.rs", "CKA_JAVA_MIDP_SECURITY_DOMAIN")),
    (CKA_CHECK_VALUE, Computed("object/key.rs", "check_value::of_key")),
    (CKA_PUBLIC_KEY_INFO, Computed("object/key.rs", "public_key_info")),
    (CKA_SUBJECT, Descriptive),
    (CKA_ISSUER, Descriptive),
    (CKA_SERIAL_NUMBER, Descriptive),
    (CKA_OWNER, Descriptive),
    (CKA_AC_ISSUER, Descriptive),
    (CKA_ATTR_TYPES, Descriptive),
    (super::attribute::CKA_NSS_EMAIL, Descriptive),
    (CKA_URL, Enforced("object/certificate.rs", "CKA_URL")),
    (CKA_HASH_OF_SUBJECT_PUBLIC_KEY, Enforced("object/certificate.rs", "CKA_HASH_OF_SUBJECT_PUBLIC_KEY")),
    (CKA_HASH_OF_ISSUER_PUBLIC_KEY, Enforced("object/certificate.rs", "CKA_HASH_OF_ISSUER_PUBLIC_KEY")),
    (CKA_NAME_HASH_ALGORITHM, Enforced("object/consistency.rs", "CKA_NAME_HASH_ALGORITHM")),
    (CKA_HASH_OF_CERTIFICATE, Enforced("object/consistency.rs", "CKA_HASH_OF_CERTIFICATE")),
    (CKA_TRUST_SERVER_AUTH, Enforced("object/consistency.rs", "CKA_TRUST_SERVER_AUTH")),
    (CKA_TRUST_CLIENT_AUTH, Enforced("object/consistency.rs", "CKA_TRUST_CLIENT_AUTH")),
    (CKA_TRUST_CODE_SIGNING, Enforced("object/consistency.rs", "CKA_TRUST_CODE_SIGNING")),
    (CKA_TRUST_EMAIL_PROTECTION, Enforced("object/consistency.rs", "CKA_TRUST_EMAIL_PROTECTION")),
    (CKA_TRUST_IPSEC_IKE, Enforced("object/consistency.rs", "CKA_TRUST_IPSEC_IKE")),
    (CKA_TRUST_TIME_STAMPING, Enforced("object/consistency.rs", "CKA_TRUST_TIME_STAMPING")),
    (CKA_TRUST_OCSP_SIGNING, Enforced("object/consistency.rs", "CKA_TRUST_OCSP_SIGNING")),
    // What the module brings along.
    (CKA_MECHANISM_TYPE, Computed("token/built_in.rs", "CKA_MECHANISM_TYPE")),
    (CKA_PROFILE_ID, Computed("token/built_in.rs", "CKA_PROFILE_ID")),
    // Keys.
    (CKA_KEY_TYPE, Enforced("guard/order.rs", "facts.key_type")),
    (CKA_ID, Descriptive),
    (CKA_START_DATE, Enforced("object/facts_of.rs", "CKA_START_DATE")),
    (CKA_END_DATE, Enforced("object/facts_of.rs", "CKA_END_DATE")),
    (CKA_DERIVE, Enforced("object/facts_of.rs", "Usage::DERIVE")),
    (CKA_ENCRYPT, Enforced("object/facts_of.rs", "Usage::ENCRYPT")),
    (CKA_DECRYPT, Enforced("object/facts_of.rs", "Usage::DECRYPT")),
    (CKA_SIGN, Enforced("object/facts_of.rs", "Usage::SIGN")),
    (CKA_SIGN_RECOVER, Enforced("object/facts_of.rs", "Usage::SIGN_RECOVER")),
    (CKA_VERIFY, Enforced("object/facts_of.rs", "Usage::VERIFY")),
    (CKA_VERIFY_RECOVER, Enforced("object/facts_of.rs", "Usage::VERIFY_RECOVER")),
    (CKA_WRAP, Enforced("object/facts_of.rs", "Usage::WRAP")),
    (CKA_UNWRAP, Enforced("object/facts_of.rs", "Usage::UNWRAP")),
    (CKA_ENCAPSULATE, Enforced("object/facts_of.rs", "Usage::ENCAPSULATE")),
    (CKA_DECAPSULATE, Enforced("object/facts_of.rs", "Usage::DECAPSULATE")),
    (CKA_PARAMETER_SET, Enforced("object/key.rs", "CKA_PARAMETER_SET")),
    (CKA_SEED, Enforced("object/key.rs", "CKA_SEED")),
    (CKA_LOCAL, Computed("token/making.rs", "CKA_LOCAL")),
    (CKA_KEY_GEN_MECHANISM, Computed("token/making.rs", "CKA_KEY_GEN_MECHANISM")),
    (CKA_ALWAYS_SENSITIVE, Computed("token/making.rs", "CKA_ALWAYS_SENSITIVE")),
    (CKA_NEVER_EXTRACTABLE, Computed("token/making.rs", "CKA_NEVER_EXTRACTABLE")),
    (CKA_OBJECT_VALIDATION_FLAGS, Computed("object/defaults.rs", "CKA_OBJECT_VALIDATION_FLAGS")),
    (CKA_ALLOWED_MECHANISMS, Enforced("guard/order.rs", "allowed_mechanisms")),
    (CKA_SENSITIVE, Enforced("guard/order.rs", "facts().sensitive")),
    (CKA_EXTRACTABLE, Enforced("guard/order.rs", "facts.extractable")),
    (CKA_WRAP_WITH_TRUSTED, Enforced("guard/order.rs", "facts.wrap_with_trusted")),
    (CKA_WRAP_TEMPLATE, Enforced("guard/order.rs", "CKA_WRAP_TEMPLATE")),
    (CKA_UNWRAP_TEMPLATE, Enforced("api/keys.rs", "CKA_UNWRAP_TEMPLATE")),
    (CKA_DERIVE_TEMPLATE, Enforced("api/derive.rs", "CKA_DERIVE_TEMPLATE")),
    (CKA_ALWAYS_AUTHENTICATE, Enforced("guard/order.rs", "always_authenticate")),
    (CKA_VALUE_LEN, Enforced("backend/software.rs", "CKA_VALUE_LEN")),
    (CKA_MODULUS, Enforced("object/key.rs", "CKA_MODULUS")),
    (CKA_MODULUS_BITS, Enforced("backend/software.rs", "CKA_MODULUS_BITS")),
    (CKA_PUBLIC_EXPONENT, Enforced("object/key.rs", "CKA_PUBLIC_EXPONENT")),
    (CKA_PRIVATE_EXPONENT, Enforced("object/key.rs", "CKA_PRIVATE_EXPONENT")),
    (CKA_PRIME_1, Enforced("object/key.rs", "CKA_PRIME_1")),
    (CKA_PRIME_2, Enforced("object/key.rs", "CKA_PRIME_2")),
    (CKA_EXPONENT_1, Enforced("object/key.rs", "CKA_EXPONENT_1")),
    (CKA_EXPONENT_2, Enforced("object/key.rs", "CKA_EXPONENT_2")),
    (CKA_COEFFICIENT, Enforced("object/key.rs", "CKA_COEFFICIENT")),
    (CKA_PRIME, Enforced("object/key.rs", "CKA_PRIME")),
    (CKA_BASE, Enforced("object/key.rs", "CKA_BASE")),
    (CKA_PRIME_BITS, Enforced("backend/software.rs", "CKA_PRIME_BITS")),
    (CKA_VALUE_BITS, Enforced("backend/software.rs", "CKA_VALUE_BITS")),
    (CKA_EC_PARAMS, Enforced("object/key.rs", "CKA_EC_PARAMS")),
    (CKA_EC_POINT, Enforced("object/key.rs", "CKA_EC_POINT")),
    // The life of a key.
    (CKA_KEYWARD_STATE, Enforced("object/facts_of.rs", "CKA_KEYWARD_STATE")),
    (CKA_KEYWARD_PURPOSE, Enforced("object/facts_of.rs", "CKA_KEYWARD_PURPOSE")),
    (CKA_KEYWARD_INITIAL_DATE, Computed("token/making.rs", "CKA_KEYWARD_INITIAL_DATE")),
    (CKA_KEYWARD_ACTIVATION_DATE, Enforced("object/facts_of.rs", "CKA_KEYWARD_ACTIVATION_DATE")),
    (CKA_KEYWARD_PROCESS_START_DATE, Enforced("object/facts_of.rs", "CKA_KEYWARD_PROCESS_START_DATE")),
    (CKA_KEYWARD_PROTECT_STOP_DATE, Enforced("object/facts_of.rs", "CKA_KEYWARD_PROTECT_STOP_DATE")),
    (CKA_KEYWARD_DEACTIVATION_DATE, Enforced("object/facts_of.rs", "CKA_KEYWARD_DEACTIVATION_DATE")),
    (CKA_KEYWARD_DESTROY_DATE, Computed("token/life.rs", "CKA_KEYWARD_DESTROY_DATE")),
    (
        CKA_KEYWARD_COMPROMISE_OCCURRENCE_DATE,
        Computed("token/life.rs", "CKA_KEYWARD_COMPROMISE_OCCURRENCE_DATE"),
    ),
    (CKA_KEYWARD_COMPROMISE_DATE, Computed("token/life.rs", "CKA_KEYWARD_COMPROMISE_DATE")),
    (CKA_KEYWARD_REVOCATION_REASON, Computed("token/life.rs", "CKA_KEYWARD_REVOCATION_REASON")),
    (CKA_KEYWARD_REVOCATION_MESSAGE, Computed("token/life.rs", "CKA_KEYWARD_REVOCATION_MESSAGE")),
    (CKA_KEYWARD_ORIGIN, Computed("token/making.rs", "CKA_KEYWARD_ORIGIN")),
    (CKA_KEYWARD_HISTORY, Computed("token/life.rs", "CKA_KEYWARD_HISTORY")),
    (CKA_KEYWARD_LIMITS, Computed("api/object.rs", "CKA_KEYWARD_LIMITS")),
    (CKA_KEYWARD_USES_LEFT, Computed("api/object.rs", "CKA_KEYWARD_USES_LEFT")),
    (CKA_KEYWARD_PAIR, Computed("token/making.rs", "CKA_KEYWARD_PAIR")),
    (CKA_KEYWARD_CALLERS, Enforced("guard/alarm.rs", "CKA_KEYWARD_CALLERS")),
    (CKA_KEYWARD_ESCROW_DATE, Enforced("guard/approval.rs", "CKA_KEYWARD_ESCROW_DATE")),
    (CKA_KEYWARD_GENERATION, Computed("object/succession.rs", "CKA_KEYWARD_GENERATION")),
    (CKA_KEYWARD_REPLACEMENT, Enforced("guard/succession.rs", "CKA_KEYWARD_REPLACEMENT")),
    (CKA_KEYWARD_REPLACED, Computed("token/rotation.rs", "CKA_KEYWARD_REPLACED")),
    (CKA_KEYWARD_INDIVISIBLE, Enforced("guard/derivation.rs", "base.indivisible")),
];

/// Every kind of object that the rules know.
fn every_kind() -> Vec<(CK_OBJECT_CLASS, u64, Rules)> {
    let classes = (CKO_DATA..=CKO_TRUST).flat_map(|class| (0..0x60).map(move |kind| (class, kind)));
    classes.filter_map(|(class, kind)| Some((class, kind, Rules::of(class, Some(kind)).ok()?))).collect()
}

#[test]
fn every_attribute_of_every_class_is_enforced_computed_or_descriptive() {
    for (class, kind, rules) in every_kind() {
        for rule in rules.iter() {
            let rows = MEANINGS.iter().filter(|(cka, _)| *cka == rule.cka).count();
            assert_eq!(rows, 1, "{} of class {class}, type {kind}", attribute_name(rule.cka));
        }
    }
    let source =
        |file: &str| std::fs::read_to_string(format!("{}/src/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    for (cka, meaning) in MEANINGS {
        let used = every_kind().iter().any(|(_, _, rules)| rules.notes(*cka).is_some());
        assert!(used, "{} stands in no rule", attribute_name(*cka));
        if let Enforced(file, word) | Computed(file, word) = meaning {
            assert!(source(file).contains(word), "{}: no {word} in {file}", attribute_name(*cka));
        }
    }
}

#[test]
fn classes_that_nobody_can_make_are_these() {
    let made: std::collections::BTreeSet<_> = every_kind().iter().map(|(class, ..)| *class).collect();
    let expected = [
        CKO_DATA,
        CKO_CERTIFICATE,
        CKO_PUBLIC_KEY,
        CKO_PRIVATE_KEY,
        CKO_SECRET_KEY,
        CKO_DOMAIN_PARAMETERS,
        CKO_MECHANISM,
        CKO_PROFILE,
        CKO_TRUST,
    ];
    assert_eq!(made.into_iter().collect::<Vec<_>>(), expected);
    assert!(Rules::is_built_in(CKO_MECHANISM) && Rules::is_built_in(CKO_PROFILE));
}
