//! The table of attributes: which kind of value each has. One row an attribute.

use crate::ck::CK_ATTRIBUTE_TYPE;
use crate::ck::vendor::*;
use cryptoki_sys::*;

/// Form of an attribute's value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// `CK_BBOOL`
    Bool,
    /// `CK_ULONG` and the types made of it.
    Ulong,
    /// Byte array, big integer, DER.
    Bytes,
    /// RFC 2279 string.
    Text,
    /// `CK_DATE`, or empty.
    Date,
    /// Array of `CK_MECHANISM_TYPE`.
    Mechanisms,
    /// Array of `CK_ATTRIBUTE`.
    Template,
}

/// Every attribute that some class of object understands, in the order of the numbers.
const KINDS: &[(CK_ATTRIBUTE_TYPE, Kind)] = &[
    (CKA_CLASS, Kind::Ulong),
    (CKA_TOKEN, Kind::Bool),
    (CKA_PRIVATE, Kind::Bool),
    (CKA_LABEL, Kind::Text),
    (CKA_UNIQUE_ID, Kind::Text),
    (CKA_APPLICATION, Kind::Text),
    (CKA_VALUE, Kind::Bytes),
    (CKA_OBJECT_ID, Kind::Bytes),
    (CKA_CERTIFICATE_TYPE, Kind::Ulong),
    (CKA_ISSUER, Kind::Bytes),
    (CKA_SERIAL_NUMBER, Kind::Bytes),
    (CKA_AC_ISSUER, Kind::Bytes),
    (CKA_OWNER, Kind::Bytes),
    (CKA_ATTR_TYPES, Kind::Bytes),
    (CKA_TRUSTED, Kind::Bool),
    (CKA_CERTIFICATE_CATEGORY, Kind::Ulong),
    (CKA_JAVA_MIDP_SECURITY_DOMAIN, Kind::Ulong),
    (CKA_URL, Kind::Text),
    (CKA_HASH_OF_SUBJECT_PUBLIC_KEY, Kind::Bytes),
    (CKA_HASH_OF_ISSUER_PUBLIC_KEY, Kind::Bytes),
    (CKA_NAME_HASH_ALGORITHM, Kind::Ulong),
    (CKA_CHECK_VALUE, Kind::Bytes),
    (CKA_KEY_TYPE, Kind::Ulong),
    (CKA_SUBJECT, Kind::Bytes),
    (CKA_ID, Kind::Bytes),
    (CKA_SENSITIVE, Kind::Bool),
    (CKA_ENCRYPT, Kind::Bool),
    (CKA_DECRYPT, Kind::Bool),
    (CKA_WRAP, Kind::Bool),
    (CKA_UNWRAP, Kind::Bool),
    (CKA_SIGN, Kind::Bool),
    (CKA_SIGN_RECOVER, Kind::Bool),
    (CKA_VERIFY, Kind::Bool),
    (CKA_VERIFY_RECOVER, Kind::Bool),
    (CKA_DERIVE, Kind::Bool),
    (CKA_START_DATE, Kind::Date),
    (CKA_END_DATE, Kind::Date),
    (CKA_MODULUS, Kind::Bytes),
    (CKA_MODULUS_BITS, Kind::Ulong),
    (CKA_PUBLIC_EXPONENT, Kind::Bytes),
    (CKA_PRIVATE_EXPONENT, Kind::Bytes),
    (CKA_PRIME_1, Kind::Bytes),
    (CKA_PRIME_2, Kind::Bytes),
    (CKA_EXPONENT_1, Kind::Bytes),
    (CKA_EXPONENT_2, Kind::Bytes),
    (CKA_COEFFICIENT, Kind::Bytes),
    (CKA_PUBLIC_KEY_INFO, Kind::Bytes),
    (CKA_PRIME, Kind::Bytes),
    (CKA_BASE, Kind::Bytes),
    (CKA_PRIME_BITS, Kind::Ulong),
    (CKA_VALUE_BITS, Kind::Ulong),
    (CKA_VALUE_LEN, Kind::Ulong),
    (CKA_EXTRACTABLE, Kind::Bool),
    (CKA_LOCAL, Kind::Bool),
    (CKA_NEVER_EXTRACTABLE, Kind::Bool),
    (CKA_ALWAYS_SENSITIVE, Kind::Bool),
    (CKA_KEY_GEN_MECHANISM, Kind::Ulong),
    (CKA_MODIFIABLE, Kind::Bool),
    (CKA_COPYABLE, Kind::Bool),
    (CKA_DESTROYABLE, Kind::Bool),
    (CKA_EC_PARAMS, Kind::Bytes),
    (CKA_EC_POINT, Kind::Bytes),
    (CKA_ALWAYS_AUTHENTICATE, Kind::Bool),
    (CKA_WRAP_WITH_TRUSTED, Kind::Bool),
    (CKA_MECHANISM_TYPE, Kind::Ulong),
    (CKA_PROFILE_ID, Kind::Ulong),
    (CKA_PARAMETER_SET, Kind::Ulong),
    (CKA_OBJECT_VALIDATION_FLAGS, Kind::Ulong),
    (CKA_TRUST_SERVER_AUTH, Kind::Ulong),
    (CKA_TRUST_CLIENT_AUTH, Kind::Ulong),
    (CKA_TRUST_CODE_SIGNING, Kind::Ulong),
    (CKA_TRUST_EMAIL_PROTECTION, Kind::Ulong),
    (CKA_TRUST_IPSEC_IKE, Kind::Ulong),
    (CKA_TRUST_TIME_STAMPING, Kind::Ulong),
    (CKA_TRUST_OCSP_SIGNING, Kind::Ulong),
    (CKA_ENCAPSULATE, Kind::Bool),
    (CKA_DECAPSULATE, Kind::Bool),
    (CKA_HASH_OF_CERTIFICATE, Kind::Bytes),
    (CKA_SEED, Kind::Bytes),
    (CKA_WRAP_TEMPLATE, Kind::Template),
    (CKA_UNWRAP_TEMPLATE, Kind::Template),
    (CKA_DERIVE_TEMPLATE, Kind::Template),
    (CKA_ALLOWED_MECHANISMS, Kind::Mechanisms),
    (CKA_KEYWARD_STATE, Kind::Ulong),
    (CKA_KEYWARD_PURPOSE, Kind::Ulong),
    (CKA_KEYWARD_INITIAL_DATE, Kind::Ulong),
    (CKA_KEYWARD_ACTIVATION_DATE, Kind::Ulong),
    (CKA_KEYWARD_PROCESS_START_DATE, Kind::Ulong),
    (CKA_KEYWARD_PROTECT_STOP_DATE, Kind::Ulong),
    (CKA_KEYWARD_DEACTIVATION_DATE, Kind::Ulong),
    (CKA_KEYWARD_DESTROY_DATE, Kind::Ulong),
    (CKA_KEYWARD_COMPROMISE_OCCURRENCE_DATE, Kind::Ulong),
    (CKA_KEYWARD_COMPROMISE_DATE, Kind::Ulong),
    (CKA_KEYWARD_REVOCATION_REASON, Kind::Ulong),
    (CKA_KEYWARD_REVOCATION_MESSAGE, Kind::Text),
    (CKA_KEYWARD_ORIGIN, Kind::Ulong),
    (CKA_KEYWARD_HISTORY, Kind::Text),
    (CKA_KEYWARD_PAIR, Kind::Bytes),
    (CKA_KEYWARD_INDIVISIBLE, Kind::Bool),
    (CKA_KEYWARD_CALLERS, Kind::Text),
    (CKA_KEYWARD_ESCROW_DATE, Kind::Ulong),
    (CKA_KEYWARD_GENERATION, Kind::Ulong),
    (CKA_KEYWARD_REPLACEMENT, Kind::Text),
    (CKA_KEYWARD_REPLACED, Kind::Text),
    (CKA_KEYWARD_LIMITS, Kind::Text),
    (CKA_KEYWARD_USES_LEFT, Kind::Ulong),
    (CKA_NSS_EMAIL, Kind::Text),
];

/// Vendor attribute of NSS: the address that a certificate was issued to.
pub const CKA_NSS_EMAIL: CK_ATTRIBUTE_TYPE = 0xCE53_4352;

/// The kind of an attribute; `None` where no object of ours has it.
pub fn kind(cka: CK_ATTRIBUTE_TYPE) -> Option<Kind> {
    let at = KINDS.binary_search_by_key(&cka, |(each, _)| *each).ok()?;
    KINDS.get(at).map(|(_, kind)| *kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_stands_in_the_order_of_its_numbers() {
        assert!(KINDS.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}
