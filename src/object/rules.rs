//! Which attribute belongs to which class, and what the specification's common footnotes
//! (PKCS#11 3.2, 4.2, Table 13) say of it. The numbers here are the footnotes' numbers.

use super::attribute::CKA_NSS_EMAIL;
use crate::ck::vendor::*;
use crate::ck::{CK_ATTRIBUTE_TYPE, CK_OBJECT_CLASS, Error, Result};
use cryptoki_sys::*;

/// A set of footnotes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Notes(u16);

impl Notes {
    /// Whether the footnote is in the set.
    pub const fn has(self, footnote: u16) -> bool {
        self.0 >> footnote & 1 == 1
    }
}

/// One attribute of a class.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// `CKA_...`
    pub cka: CK_ATTRIBUTE_TYPE,
    /// What the specification says of it.
    pub notes: Notes,
}

/// Not a footnote of the table: may be changed while copying, and only then (PKCS#11 3.2, 4.1.3).
pub const COPY_ONLY: u16 = 13;
/// Not a footnote of the table: may be emptied by C_SetAttributeValue, and not otherwise be changed (4.11, check
/// values).
pub const MAY_BE_EMPTIED: u16 = 14;
/// Not a footnote of the table: nobody but the module sets it.
pub const BUILT_IN: u16 = 15;

const fn rule(cka: CK_ATTRIBUTE_TYPE, footnotes: &[u16]) -> Rule {
    let mut notes = 0;
    let mut rest = footnotes;
    while let [first, after @ ..] = rest {
        notes |= 1 << *first;
        rest = after;
    }
    Rule { cka, notes: Notes(notes) }
}

/// Every storage object (4.4).
const STORAGE: &[Rule] = &[
    rule(CKA_CLASS, &[1]),
    rule(CKA_TOKEN, &[COPY_ONLY]),
    rule(CKA_PRIVATE, &[COPY_ONLY]),
    rule(CKA_MODIFIABLE, &[COPY_ONLY]),
    rule(CKA_LABEL, &[8]),
    rule(CKA_COPYABLE, &[8, 12]),
    rule(CKA_DESTROYABLE, &[COPY_ONLY]),
    rule(CKA_UNIQUE_ID, &[2, 4, 6]),
];

/// Objects that the module brings along (4.13, 4.14).
const FIXED: &[Rule] = &[
    rule(CKA_CLASS, &[BUILT_IN]),
    rule(CKA_TOKEN, &[BUILT_IN]),
    rule(CKA_PRIVATE, &[BUILT_IN]),
    rule(CKA_MODIFIABLE, &[BUILT_IN]),
    rule(CKA_LABEL, &[BUILT_IN]),
    rule(CKA_COPYABLE, &[BUILT_IN]),
    rule(CKA_DESTROYABLE, &[BUILT_IN]),
    rule(CKA_UNIQUE_ID, &[BUILT_IN]),
];

/// Mechanism objects (4.13).
const MECHANISM: &[Rule] = &[rule(CKA_MECHANISM_TYPE, &[BUILT_IN])];

/// Profile objects (4.14).
const PROFILE: &[Rule] = &[rule(CKA_PROFILE_ID, &[BUILT_IN])];

/// Data objects (4.5).
const DATA: &[Rule] = &[rule(CKA_APPLICATION, &[8]), rule(CKA_OBJECT_ID, &[8]), rule(CKA_VALUE, &[8])];

/// Certificates (4.6).
const CERTIFICATE: &[Rule] = &[
    rule(CKA_CERTIFICATE_TYPE, &[1]),
    rule(CKA_TRUSTED, &[8, 10]),
    rule(CKA_CERTIFICATE_CATEGORY, &[]),
    rule(CKA_CHECK_VALUE, &[]),
    rule(CKA_START_DATE, &[]),
    rule(CKA_END_DATE, &[]),
    rule(CKA_PUBLIC_KEY_INFO, &[]),
];

/// X.509 public key certificates (4.6.3).
const X_509: &[Rule] = &[
    rule(CKA_SUBJECT, &[1]),
    rule(CKA_ID, &[8]),
    rule(CKA_ISSUER, &[8]),
    rule(CKA_SERIAL_NUMBER, &[8]),
    rule(CKA_VALUE, &[1]),
    rule(CKA_URL, &[]),
    rule(CKA_HASH_OF_SUBJECT_PUBLIC_KEY, &[]),
    rule(CKA_HASH_OF_ISSUER_PUBLIC_KEY, &[]),
    rule(CKA_JAVA_MIDP_SECURITY_DOMAIN, &[]),
    rule(CKA_NAME_HASH_ALGORITHM, &[]),
    // NSS sends it with certificates that have an address.
    rule(CKA_NSS_EMAIL, &[8]),
];

/// WTLS public key certificates (4.6.4).
const WTLS: &[Rule] = &[
    rule(CKA_SUBJECT, &[1]),
    rule(CKA_ISSUER, &[8]),
    rule(CKA_VALUE, &[1]),
    rule(CKA_URL, &[]),
    rule(CKA_HASH_OF_SUBJECT_PUBLIC_KEY, &[]),
    rule(CKA_HASH_OF_ISSUER_PUBLIC_KEY, &[]),
    rule(CKA_NAME_HASH_ALGORITHM, &[]),
];

/// X.509 attribute certificates (4.6.5).
const X_509_ATTRIBUTES: &[Rule] = &[
    rule(CKA_OWNER, &[1]),
    rule(CKA_AC_ISSUER, &[8]),
    rule(CKA_SERIAL_NUMBER, &[8]),
    rule(CKA_ATTR_TYPES, &[8]),
    rule(CKA_VALUE, &[1]),
];

/// Trust objects (4.7). The name of the certificate stays; what is thought of it may change.
const TRUST: &[Rule] = &[
    rule(CKA_ISSUER, &[1]),
    rule(CKA_SERIAL_NUMBER, &[1]),
    rule(CKA_HASH_OF_CERTIFICATE, &[8]),
    rule(CKA_NAME_HASH_ALGORITHM, &[8]),
    rule(CKA_TRUST_SERVER_AUTH, &[8]),
    rule(CKA_TRUST_CLIENT_AUTH, &[8]),
    rule(CKA_TRUST_CODE_SIGNING, &[8]),
    rule(CKA_TRUST_EMAIL_PROTECTION, &[8]),
    rule(CKA_TRUST_IPSEC_IKE, &[8]),
    rule(CKA_TRUST_TIME_STAMPING, &[8]),
    rule(CKA_TRUST_OCSP_SIGNING, &[8]),
];

/// Every key (4.8), with the life that keyward gives it.
const KEY: &[Rule] = &[
    rule(CKA_KEY_TYPE, &[1, 5]),
    rule(CKA_ID, &[8]),
    rule(CKA_START_DATE, &[8]),
    rule(CKA_END_DATE, &[8]),
    rule(CKA_DERIVE, &[8, 9]),
    rule(CKA_LOCAL, &[2, 4, 6]),
    rule(CKA_KEY_GEN_MECHANISM, &[2, 4, 6]),
    rule(CKA_ALLOWED_MECHANISMS, &[]),
    // Nothing here is validated, so no flag is ever set, and nobody may claim otherwise.
    rule(CKA_OBJECT_VALIDATION_FLAGS, &[2, 4, 6]),
    rule(CKA_KEYWARD_STATE, &[2, 4, 6, 8]),
    rule(CKA_KEYWARD_PURPOSE, &[]),
    rule(CKA_KEYWARD_INITIAL_DATE, &[2, 4, 6]),
    rule(CKA_KEYWARD_ACTIVATION_DATE, &[8]),
    rule(CKA_KEYWARD_PROCESS_START_DATE, &[8]),
    rule(CKA_KEYWARD_PROTECT_STOP_DATE, &[8]),
    rule(CKA_KEYWARD_DEACTIVATION_DATE, &[8]),
    rule(CKA_KEYWARD_DESTROY_DATE, &[2, 4, 6]),
    rule(CKA_KEYWARD_COMPROMISE_OCCURRENCE_DATE, &[2, 4, 6]),
    rule(CKA_KEYWARD_COMPROMISE_DATE, &[2, 4, 6]),
    rule(CKA_KEYWARD_REVOCATION_REASON, &[2, 4, 6]),
    rule(CKA_KEYWARD_REVOCATION_MESSAGE, &[2, 4, 6]),
    rule(CKA_KEYWARD_ORIGIN, &[2, 4, 6]),
    rule(CKA_KEYWARD_HISTORY, &[2, 4, 6]),
    rule(CKA_KEYWARD_CALLERS, &[2, 4, 6]),
    rule(CKA_KEYWARD_PAIR, &[2, 4, 6]),
    rule(CKA_KEYWARD_ESCROW_DATE, &[2, 4, 6]),
    rule(CKA_KEYWARD_GENERATION, &[2, 4, 6]),
    rule(CKA_KEYWARD_REPLACEMENT, &[2, 4, 6]),
    rule(CKA_KEYWARD_REPLACED, &[2, 4, 6]),
    rule(CKA_KEYWARD_LIMITS, &[2, 4, 6]),
    rule(CKA_KEYWARD_USES_LEFT, &[2, 4, 6]),
];

/// Public keys (4.9).
const PUBLIC_KEY: &[Rule] = &[
    rule(CKA_SUBJECT, &[8]),
    rule(CKA_ENCRYPT, &[8, 9]),
    rule(CKA_VERIFY, &[8, 9]),
    rule(CKA_VERIFY_RECOVER, &[8, 9]),
    rule(CKA_WRAP, &[8, 9]),
    rule(CKA_ENCAPSULATE, &[8, 9]),
    rule(CKA_TRUSTED, &[8, 10]),
    rule(CKA_WRAP_TEMPLATE, &[]),
    rule(CKA_PUBLIC_KEY_INFO, &[]),
];

/// Private keys (4.10).
const PRIVATE_KEY: &[Rule] = &[
    rule(CKA_SUBJECT, &[8]),
    rule(CKA_SENSITIVE, &[8, 9, 11]),
    rule(CKA_DECRYPT, &[8, 9]),
    rule(CKA_SIGN, &[8, 9]),
    rule(CKA_SIGN_RECOVER, &[8, 9]),
    rule(CKA_UNWRAP, &[8, 9]),
    rule(CKA_DECAPSULATE, &[8, 9]),
    rule(CKA_EXTRACTABLE, &[8, 9, 12]),
    rule(CKA_ALWAYS_SENSITIVE, &[2, 4, 6]),
    rule(CKA_NEVER_EXTRACTABLE, &[2, 4, 6]),
    rule(CKA_WRAP_WITH_TRUSTED, &[8, 11]),
    rule(CKA_UNWRAP_TEMPLATE, &[]),
    rule(CKA_DERIVE_TEMPLATE, &[]),
    rule(CKA_ALWAYS_AUTHENTICATE, &[]),
    // The specification says 8: what is set must be the key's own, and that it has already.
    rule(CKA_PUBLIC_KEY_INFO, &[8]),
];

/// Secret keys (4.11).
const SECRET_KEY: &[Rule] = &[
    rule(CKA_SENSITIVE, &[8, 9, 11]),
    rule(CKA_ENCRYPT, &[8, 9]),
    rule(CKA_DECRYPT, &[8, 9]),
    rule(CKA_SIGN, &[8, 9]),
    rule(CKA_VERIFY, &[8, 9]),
    rule(CKA_WRAP, &[8, 9]),
    rule(CKA_UNWRAP, &[8, 9]),
    rule(CKA_EXTRACTABLE, &[8, 9, 12]),
    rule(CKA_ALWAYS_SENSITIVE, &[2, 4, 6]),
    rule(CKA_NEVER_EXTRACTABLE, &[2, 4, 6]),
    rule(CKA_WRAP_WITH_TRUSTED, &[8, 11]),
    rule(CKA_TRUSTED, &[8, 10]),
    rule(CKA_WRAP_TEMPLATE, &[]),
    rule(CKA_UNWRAP_TEMPLATE, &[]),
    rule(CKA_DERIVE_TEMPLATE, &[]),
    rule(CKA_CHECK_VALUE, &[MAY_BE_EMPTIED]),
    rule(CKA_KEYWARD_INDIVISIBLE, &[2, 4, 6]),
];

/// AES, AES-XTS, generic secret and HMAC keys (6.10, 6.15, 6.8).
const SECRET_BYTES: &[Rule] = &[rule(CKA_VALUE, &[1, 4, 6, 7]), rule(CKA_VALUE_LEN, &[2, 3])];

/// ChaCha20 keys (6.58): of one length only, which no template need name.
const CHACHA20: &[Rule] = &[rule(CKA_VALUE, &[1, 4, 6, 7]), rule(CKA_VALUE_LEN, &[2])];

/// DES2 and DES3 keys (6.18): their length is that of their type, and no attribute says it.
const TRIPLE_DES: &[Rule] = &[rule(CKA_VALUE, &[1, 4, 6, 7])];

const RSA_PUBLIC: &[Rule] =
    &[rule(CKA_MODULUS, &[1, 4]), rule(CKA_MODULUS_BITS, &[2, 3]), rule(CKA_PUBLIC_EXPONENT, &[1])];

const RSA_PRIVATE: &[Rule] = &[
    rule(CKA_MODULUS, &[1, 4, 6]),
    // The specification says 1 too: what other tokens keep without it comes in where it can be found again.
    rule(CKA_PUBLIC_EXPONENT, &[4, 6]),
    rule(CKA_PRIVATE_EXPONENT, &[1, 4, 6, 7]),
    rule(CKA_PRIME_1, &[4, 6, 7]),
    rule(CKA_PRIME_2, &[4, 6, 7]),
    rule(CKA_EXPONENT_1, &[4, 6, 7]),
    rule(CKA_EXPONENT_2, &[4, 6, 7]),
    rule(CKA_COEFFICIENT, &[4, 6, 7]),
];

const EC_PUBLIC: &[Rule] = &[rule(CKA_EC_PARAMS, &[1, 3]), rule(CKA_EC_POINT, &[1, 4])];

const EC_PRIVATE: &[Rule] = &[rule(CKA_EC_PARAMS, &[1, 4, 6]), rule(CKA_VALUE, &[1, 4, 6, 7])];

/// Diffie-Hellman keys (6.24).
const DH_PUBLIC: &[Rule] = &[rule(CKA_PRIME, &[1, 3]), rule(CKA_BASE, &[1, 3]), rule(CKA_VALUE, &[1, 4])];

const DH_PRIVATE: &[Rule] = &[
    rule(CKA_PRIME, &[1, 4, 6]),
    rule(CKA_BASE, &[1, 4, 6]),
    rule(CKA_VALUE, &[1, 4, 6, 7]),
    rule(CKA_VALUE_BITS, &[2, 6]),
];

/// Domain parameters (4.12), and those of Diffie-Hellman (6.24).
const DOMAIN_PARAMETERS: &[Rule] = &[rule(CKA_KEY_TYPE, &[1]), rule(CKA_LOCAL, &[2, 4])];

const DH_PARAMETERS: &[Rule] =
    &[rule(CKA_PRIME, &[1, 4]), rule(CKA_BASE, &[1, 4]), rule(CKA_PRIME_BITS, &[2, 3])];

const ML_KEM_PUBLIC: &[Rule] = &[rule(CKA_PARAMETER_SET, &[1, 3]), rule(CKA_VALUE, &[1, 4])];

/// One of seed and value must be there when such a key is created: `key::take_material` sees to it.
const ML_KEM_PRIVATE: &[Rule] =
    &[rule(CKA_PARAMETER_SET, &[1, 4, 6]), rule(CKA_SEED, &[4, 6, 7]), rule(CKA_VALUE, &[4, 6, 7])];

const ML_DSA_PUBLIC: &[Rule] = &[rule(CKA_PARAMETER_SET, &[1, 3]), rule(CKA_VALUE, &[1, 4])];

/// As for ML-KEM.
const ML_DSA_PRIVATE: &[Rule] =
    &[rule(CKA_PARAMETER_SET, &[1, 4, 6]), rule(CKA_SEED, &[4, 6, 7]), rule(CKA_VALUE, &[4, 6, 7])];

const SLH_DSA_PUBLIC: &[Rule] = &[rule(CKA_PARAMETER_SET, &[1, 3]), rule(CKA_VALUE, &[1, 4])];

const SLH_DSA_PRIVATE: &[Rule] = &[rule(CKA_PARAMETER_SET, &[1, 4, 6]), rule(CKA_VALUE, &[1, 4, 6, 7])];

/// The rules of one kind of object: at most four tables.
#[derive(Clone, Copy)]
pub struct Rules([&'static [Rule]; 4]);

impl Rules {
    /// The tables of a class, and of a key type or certificate type within it.
    /// A class or type that the module does not have is `CKR_ATTRIBUTE_VALUE_INVALID`.
    pub fn of(class: CK_OBJECT_CLASS, kind: Option<u64>) -> Result<Self> {
        let own: (&[Rule], &[Rule]) = match (class, kind) {
            (CKO_DATA, _) => (DATA, &[]),
            (CKO_CERTIFICATE, Some(CKC_X_509)) => (CERTIFICATE, X_509),
            (CKO_CERTIFICATE, Some(CKC_X_509_ATTR_CERT)) => (CERTIFICATE, X_509_ATTRIBUTES),
            (CKO_CERTIFICATE, Some(CKC_WTLS)) => (CERTIFICATE, WTLS),
            (CKO_TRUST, _) => (TRUST, &[]),
            (CKO_MECHANISM, _) => (MECHANISM, &[]),
            (CKO_PROFILE, _) => (PROFILE, &[]),
            (CKO_PUBLIC_KEY, Some(CKK_RSA)) => (PUBLIC_KEY, RSA_PUBLIC),
            (CKO_PUBLIC_KEY, Some(CKK_EC | CKK_EC_EDWARDS | CKK_EC_MONTGOMERY)) => (PUBLIC_KEY, EC_PUBLIC),
            (CKO_PRIVATE_KEY, Some(CKK_RSA)) => (PRIVATE_KEY, RSA_PRIVATE),
            (CKO_PRIVATE_KEY, Some(CKK_EC | CKK_EC_EDWARDS | CKK_EC_MONTGOMERY)) => (PRIVATE_KEY, EC_PRIVATE),
            (CKO_PUBLIC_KEY, Some(CKK_DH)) => (PUBLIC_KEY, DH_PUBLIC),
            (CKO_PRIVATE_KEY, Some(CKK_DH)) => (PRIVATE_KEY, DH_PRIVATE),
            (CKO_DOMAIN_PARAMETERS, Some(CKK_DH)) => (DOMAIN_PARAMETERS, DH_PARAMETERS),
            (CKO_PUBLIC_KEY, Some(CKK_ML_KEM)) => (PUBLIC_KEY, ML_KEM_PUBLIC),
            (CKO_PRIVATE_KEY, Some(CKK_ML_KEM)) => (PRIVATE_KEY, ML_KEM_PRIVATE),
            (CKO_PUBLIC_KEY, Some(CKK_ML_DSA)) => (PUBLIC_KEY, ML_DSA_PUBLIC),
            (CKO_PRIVATE_KEY, Some(CKK_ML_DSA)) => (PRIVATE_KEY, ML_DSA_PRIVATE),
            (CKO_PUBLIC_KEY, Some(CKK_SLH_DSA)) => (PUBLIC_KEY, SLH_DSA_PUBLIC),
            (CKO_PRIVATE_KEY, Some(CKK_SLH_DSA)) => (PRIVATE_KEY, SLH_DSA_PRIVATE),
            (CKO_SECRET_KEY, Some(CKK_CHACHA20)) => (SECRET_KEY, CHACHA20),
            (CKO_SECRET_KEY, Some(CKK_DES2 | CKK_DES3)) => (SECRET_KEY, TRIPLE_DES),
            (CKO_SECRET_KEY, Some(kind)) if super::key::is_secret_key_type(kind) => {
                (SECRET_KEY, SECRET_BYTES)
            }
            _ => return Err(Error::AttributeValueInvalid),
        };
        let common = if matches!(class, CKO_MECHANISM | CKO_PROFILE) { FIXED } else { STORAGE };
        let key: &[Rule] = if super::key::is_key_class(class) { KEY } else { &[] };
        Ok(Self([common, key, own.0, own.1]))
    }

    /// Whether objects of this class are brought along by the module and never made by a client.
    pub const fn is_built_in(class: CK_OBJECT_CLASS) -> bool {
        matches!(class, CKO_MECHANISM | CKO_PROFILE)
    }

    /// Every rule.
    pub fn iter(&self) -> impl Iterator<Item = &'static Rule> {
        self.0.into_iter().flatten()
    }

    /// The footnotes of an attribute; `None` where the object has no such attribute.
    pub fn notes(&self, cka: CK_ATTRIBUTE_TYPE) -> Option<Notes> {
        self.iter().find(|rule| rule.cka == cka).map(|rule| rule.notes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::attribute;

    #[test]
    fn every_attribute_of_a_rule_has_a_kind_and_stands_once() {
        let kinds: [(CK_OBJECT_CLASS, u64); 26] = [
            (CKO_PUBLIC_KEY, CKK_DH),
            (CKO_PRIVATE_KEY, CKK_DH),
            (CKO_DOMAIN_PARAMETERS, CKK_DH),
            (CKO_PUBLIC_KEY, CKK_ML_DSA),
            (CKO_PRIVATE_KEY, CKK_ML_DSA),
            (CKO_PUBLIC_KEY, CKK_SLH_DSA),
            (CKO_PRIVATE_KEY, CKK_SLH_DSA),
            (CKO_PUBLIC_KEY, CKK_ML_KEM),
            (CKO_PRIVATE_KEY, CKK_ML_KEM),
            (CKO_DATA, 0),
            (CKO_CERTIFICATE, CKC_X_509),
            (CKO_CERTIFICATE, CKC_X_509_ATTR_CERT),
            (CKO_CERTIFICATE, CKC_WTLS),
            (CKO_TRUST, 0),
            (CKO_MECHANISM, 0),
            (CKO_PROFILE, 0),
            (CKO_PUBLIC_KEY, CKK_RSA),
            (CKO_PUBLIC_KEY, CKK_EC),
            (CKO_PRIVATE_KEY, CKK_RSA),
            (CKO_PRIVATE_KEY, CKK_EC_EDWARDS),
            (CKO_SECRET_KEY, CKK_AES),
            (CKO_SECRET_KEY, CKK_AES_XTS),
            (CKO_SECRET_KEY, CKK_CHACHA20),
            (CKO_SECRET_KEY, CKK_DES2),
            (CKO_SECRET_KEY, CKK_DES3),
            (CKO_SECRET_KEY, CKK_GENERIC_SECRET),
        ];
        for (class, kind) in kinds {
            let rules = Rules::of(class, Some(kind)).unwrap();
            for rule in rules.iter() {
                assert!(attribute::kind(rule.cka).is_some(), "{:#x}", rule.cka);
                assert_eq!(rules.iter().filter(|other| other.cka == rule.cka).count(), 1, "{:#x}", rule.cka);
            }
        }
    }

    #[test]
    fn footnotes_are_those_that_were_written() {
        let rules = Rules::of(CKO_SECRET_KEY, Some(CKK_AES)).unwrap();
        let value = rules.notes(CKA_VALUE).unwrap();
        assert!(value.has(1) && value.has(7) && !value.has(8));
        assert!(rules.notes(CKA_MODULUS).is_none());
    }
}
