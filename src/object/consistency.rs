//! Whether the attributes of one object can stand together, and whether numbers that name something name
//! something that there is (PKCS#11 3.2, 4.1.1). Asked of templates, of changes and of copies alike; what is
//! absent has its default.

use super::attributes::Attributes;
use super::value::Value;
use crate::ck::date::CkDate;
use crate::ck::{CK_ATTRIBUTE_TYPE, CK_OBJECT_CLASS, Error, Result};
use crate::crypto::check_value;
use cryptoki_sys::*;

/// What is thought of a certificate, each for one use (4.7).
pub const TRUSTS: [CK_ATTRIBUTE_TYPE; 7] = [
    CKA_TRUST_SERVER_AUTH,
    CKA_TRUST_CLIENT_AUTH,
    CKA_TRUST_CODE_SIGNING,
    CKA_TRUST_EMAIL_PROTECTION,
    CKA_TRUST_IPSEC_IKE,
    CKA_TRUST_TIME_STAMPING,
    CKA_TRUST_OCSP_SIGNING,
];

/// `CKR_ATTRIBUTE_VALUE_INVALID` for a number that names nothing, `CKR_TEMPLATE_INCOMPLETE` where one attribute
/// needs another, `CKR_TEMPLATE_INCONSISTENT` where two cannot stand together.
pub fn check(class: CK_OBJECT_CLASS, attributes: &Attributes) -> Result<()> {
    for (cka, value) in attributes.iter() {
        if !is_known(cka, value) {
            return Err(Error::AttributeValueInvalid);
        }
    }
    if let (Some(start), Some(end)) = (day(attributes, CKA_START_DATE), day(attributes, CKA_END_DATE))
        && end.start() < start.start()
    {
        return Err(Error::TemplateInconsistent);
    }
    // 4.10: it may only be true where CKA_PRIVATE is; a private key is private unless the template says no.
    if attributes.flag(CKA_ALWAYS_AUTHENTICATE) && attributes.value(CKA_PRIVATE) == Some(&Value::Bool(false))
    {
        return Err(Error::TemplateInconsistent);
    }
    hashes_fit(attributes)?;
    if class == CKO_TRUST { trust_is_bound(attributes) } else { Ok(()) }
}

/// Whether a number that names something names something.
fn is_known(cka: CK_ATTRIBUTE_TYPE, value: &Value) -> bool {
    let Value::Ulong(number) = value else {
        return true;
    };
    match cka {
        CKA_CERTIFICATE_CATEGORY => *number <= CK_CERTIFICATE_CATEGORY_OTHER_ENTITY,
        CKA_JAVA_MIDP_SECURITY_DOMAIN => *number <= CK_SECURITY_DOMAIN_THIRD_PARTY,
        CKA_NAME_HASH_ALGORITHM => check_value::hash_len(*number).is_some(),
        cka if TRUSTS.contains(&cka) => *number <= u64::from(CKT_TRUST_MUST_VERIFY_TRUST),
        _ => true,
    }
}

fn day(attributes: &Attributes, cka: CK_ATTRIBUTE_TYPE) -> Option<CkDate> {
    match attributes.value(cka) {
        Some(Value::Date(day)) => *day,
        _ => None,
    }
}

/// A hash is as long as `CKA_NAME_HASH_ALGORITHM` makes it: SHA-1 where it is not named.
fn hashes_fit(attributes: &Attributes) -> Result<()> {
    let ckm = attributes.number(CKA_NAME_HASH_ALGORITHM).unwrap_or(CKM_SHA_1);
    let len = check_value::hash_len(ckm);
    let hashes = [CKA_HASH_OF_SUBJECT_PUBLIC_KEY, CKA_HASH_OF_ISSUER_PUBLIC_KEY, CKA_HASH_OF_CERTIFICATE];
    let fits = |hash: &[u8]| hash.is_empty() || Some(hash.len()) == len;
    if hashes.iter().filter_map(|cka| attributes.bytes(*cka)).all(fits) {
        Ok(())
    } else {
        Err(Error::TemplateInconsistent)
    }
}

/// 4.7: whoever says more than "not trusted" says of which certificate, by its hash.
fn trust_is_bound(attributes: &Attributes) -> Result<()> {
    let harmless = [CKT_TRUST_UNKNOWN, CKT_NOT_TRUSTED].map(u64::from);
    let says_more =
        |cka: &CK_ATTRIBUTE_TYPE| attributes.number(*cka).is_some_and(|number| !harmless.contains(&number));
    let hash = attributes.bytes(CKA_HASH_OF_CERTIFICATE).is_some_and(|hash| !hash.is_empty());
    if TRUSTS.iter().any(says_more) && !(hash && attributes.has(CKA_NAME_HASH_ALGORITHM)) {
        return Err(Error::TemplateIncomplete);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(class: CK_OBJECT_CLASS, list: &[(CK_ATTRIBUTE_TYPE, Value)]) -> Result<()> {
        let mut attributes = Attributes::default();
        for (cka, value) in list {
            attributes.set(*cka, value.clone());
        }
        check(class, &attributes)
    }

    fn date(text: &[u8; 8]) -> Value {
        Value::Date(CkDate::parse(text))
    }

    #[test]
    fn an_end_before_the_start_is_inconsistent() {
        let both = |start, end| of(CKO_SECRET_KEY, &[(CKA_START_DATE, start), (CKA_END_DATE, end)]);
        assert_eq!(both(date(b"20300102"), date(b"20300101")), Err(Error::TemplateInconsistent));
        assert_eq!(both(date(b"20300101"), date(b"20300101")), Ok(()));
        assert_eq!(both(Value::Date(None), date(b"20300101")), Ok(()));
    }

    #[test]
    fn always_authenticate_needs_a_private_object() {
        let with = |private| {
            of(
                CKO_PRIVATE_KEY,
                &[(CKA_ALWAYS_AUTHENTICATE, Value::Bool(true)), (CKA_PRIVATE, Value::Bool(private))],
            )
        };
        assert_eq!(with(false), Err(Error::TemplateInconsistent));
        assert_eq!(with(true), Ok(()));
    }

    #[test]
    fn numbers_that_name_nothing_are_refused() {
        for (cka, most) in
            [(CKA_CERTIFICATE_CATEGORY, 3), (CKA_JAVA_MIDP_SECURITY_DOMAIN, 3), (CKA_TRUST_OCSP_SIGNING, 4)]
        {
            let outcome = of(CKO_CERTIFICATE, &[(cka, Value::Ulong(most + 1))]);
            assert_eq!(outcome, Err(Error::AttributeValueInvalid), "{cka:#x}");
            assert_eq!(of(CKO_CERTIFICATE, &[(cka, Value::Ulong(most))]), Ok(()), "{cka:#x}");
        }
        let hash = |ckm| of(CKO_CERTIFICATE, &[(CKA_NAME_HASH_ALGORITHM, Value::Ulong(ckm))]);
        assert_eq!(hash(CKM_SHA256), Ok(()));
        assert_eq!(hash(CKM_AES_CBC), Err(Error::AttributeValueInvalid));
    }

    #[test]
    fn trust_is_for_one_certificate() {
        let anchor = (CKA_TRUST_SERVER_AUTH, Value::Ulong(CKT_TRUST_ANCHOR.into()));
        let hash = |len| (CKA_HASH_OF_CERTIFICATE, Value::Bytes(vec![1; len]));
        let named = (CKA_NAME_HASH_ALGORITHM, Value::Ulong(CKM_SHA256));
        assert_eq!(of(CKO_TRUST, std::slice::from_ref(&anchor)), Err(Error::TemplateIncomplete));
        assert_eq!(of(CKO_TRUST, &[anchor.clone(), hash(32)]), Err(Error::TemplateInconsistent));
        assert_eq!(of(CKO_TRUST, &[anchor.clone(), hash(20)]), Err(Error::TemplateIncomplete));
        assert_eq!(of(CKO_TRUST, &[anchor, hash(32), named]), Ok(()));
        let not = (CKA_TRUST_SERVER_AUTH, Value::Ulong(CKT_NOT_TRUSTED.into()));
        assert_eq!(of(CKO_TRUST, &[not]), Ok(()));
    }
}
