//! Certificates: what the specification asks of their attributes (PKCS#11 3.2, 4.6), and the public key in
//! an X.509 certificate (RFC 5280, 4.1).
//!
//! A certificate that cannot be read is kept as it came: Cryptoki attaches no meaning to it.

use super::attributes::Attributes;
use super::value::Value;
use crate::ck::{Error, Result};
use crate::crypto::{check_value, der};
use cryptoki_sys::*;

/// The version of a certificate, `[0] EXPLICIT`.
const VERSION: u8 = 0xA0;

/// Judges the attributes of a new certificate of this type, and adds those that follow from its value:
/// `CKA_CHECK_VALUE` and `CKA_PUBLIC_KEY_INFO`.
///
/// # Errors
/// `CKR_TEMPLATE_INCOMPLETE` where neither the certificate nor a URL is given, or a URL without the
/// hashes of the keys; `CKR_ATTRIBUTE_VALUE_INVALID` where a value is given that is not the certificate's.
pub fn settle(kind: u64, attributes: &mut Attributes) -> Result<()> {
    let given = |cka| attributes.bytes(cka).filter(|bytes| !bytes.is_empty());
    let url = given(CKA_URL).is_some();
    let hashes = [CKA_HASH_OF_SUBJECT_PUBLIC_KEY, CKA_HASH_OF_ISSUER_PUBLIC_KEY];
    if given(CKA_VALUE).is_none() && !url || url && hashes.iter().any(|cka| given(*cka).is_none()) {
        return Err(Error::TemplateIncomplete);
    }
    let value = attributes.bytes(CKA_VALUE).unwrap_or_default();
    let check = if value.is_empty() { Vec::new() } else { check_value::of_bytes(value)? };
    let info = match kind {
        CKC_X_509 => public_key_info(value).unwrap_or_default().to_vec(),
        _ => Vec::new(),
    };
    take_over(attributes, CKA_CHECK_VALUE, check)?;
    // A certificate that is elsewhere, or that is no X.509, cannot speak against what the client says.
    if info.is_empty() {
        return Ok(());
    }
    take_over(attributes, CKA_PUBLIC_KEY_INFO, info)
}

/// Sets what was computed. An empty value in the template means none, another value is wrong.
fn take_over(attributes: &mut Attributes, cka: CK_ATTRIBUTE_TYPE, computed: Vec<u8>) -> Result<()> {
    match attributes.bytes(cka) {
        Some([]) if cka == CKA_CHECK_VALUE => Ok(()),
        Some(given) if !given.is_empty() && given != computed => Err(Error::AttributeValueInvalid),
        _ => {
            attributes.set(cka, Value::Bytes(computed));
            Ok(())
        }
    }
}

/// The `SubjectPublicKeyInfo` of an X.509 certificate in DER, whole; `None` for anything else.
fn public_key_info(certificate: &[u8]) -> Option<&[u8]> {
    let (certificate, []) = der::split(der::SEQUENCE, certificate)? else {
        return None;
    };
    let (body, _signature) = der::split(der::SEQUENCE, certificate)?;
    let body = match der::split(VERSION, body) {
        Some((_, rest)) => rest,
        None => body,
    };
    let (_serial, body) = der::split(der::INTEGER, body)?;
    // The algorithm of the signature, the issuer, the validity, the subject.
    let body = (0..4).try_fold(body, |body, _| der::split(der::SEQUENCE, body).map(|(_, rest)| rest))?;
    let (_key, rest) = der::split(der::SEQUENCE, body)?;
    body.get(..body.len() - rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sequence(parts: &[&[u8]]) -> Vec<u8> {
        der::element(der::SEQUENCE, parts)
    }

    /// A certificate in form only, with this public key.
    fn certificate(key: &[u8], version: bool) -> Vec<u8> {
        let (empty, serial) = (sequence(&[]), der::integer(&[7]));
        let version = if version { der::element(VERSION, &[&der::integer(&[2])]) } else { Vec::new() };
        let body = sequence(&[&version, &serial, &empty, &empty, &empty, &empty, key]);
        sequence(&[&body, &empty, &der::bit_string(&[0; 8])])
    }

    fn x_509(list: &[(CK_ATTRIBUTE_TYPE, &[u8])]) -> Attributes {
        let mut attributes = Attributes::default();
        for (cka, bytes) in list {
            attributes.set(*cka, Value::Bytes(bytes.to_vec()));
        }
        attributes
    }

    #[test]
    fn public_key_info_is_found_with_and_without_a_version() {
        let key = sequence(&[&sequence(&[]), &der::bit_string(&[1, 2, 3])]);
        for version in [false, true] {
            assert_eq!(public_key_info(&certificate(&key, version)), Some(&key[..]));
        }
    }

    /// Made by OpenSSL 3.0: `req -x509` with a key on P-256, and `ec -pubout`.
    #[test]
    fn public_key_info_of_a_real_certificate_is_found() {
        let whole = hex(concat!(
            "308201123081b902147dbe8eb9502fb3fca66dea1bab86272473389ec0300a06082a8648ce3d040302300c310a300806035504",
            "030c016b301e170d3236313132323231343433305a170d3336313131393231343433305a300c310a300806035504030c016b30",
            "59301306072a8648ce3d020106082a8648ce3d0301070342000408e5be909909b6ff4294112994ddfbb46fbbcedebc32be56cd",
            "b837c5714b1d7f6984792df5e141ed16e50ee6edbcdcf9c0c22eebbb4fdf290f4247c8267fb109300a06082a8648ce3d040302",
            "034800304502205f8c9faecfad95667d8c314be7f5d138cccb1aa6a0e5659a14a3ddc7e9f3e7d7022100aded0d0bc7b595cc7b",
            "952086301774b126587477598d0c0004f6a6a7fd1892f7"
        ));
        let key = hex(concat!(
            "3059301306072a8648ce3d020106082a8648ce3d0301070342000408e5be909909b6ff4294112994ddfbb46fbbcedebc32be56",
            "cdb837c5714b1d7f6984792df5e141ed16e50ee6edbcdcf9c0c22eebbb4fdf290f4247c8267fb109"
        ));
        assert_eq!(public_key_info(&whole), Some(&key[..]));
    }

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }

    #[test]
    fn public_key_info_of_a_damaged_certificate_is_none() {
        let key = sequence(&[&sequence(&[]), &der::bit_string(&[1, 2, 3])]);
        let whole = certificate(&key, true);
        for len in 0..whole.len() {
            assert_eq!(public_key_info(&whole[..len]), None, "{len}");
        }
        assert_eq!(public_key_info(&[&whole[..], &[0]].concat()), None);
        for at in 0..whole.len() {
            for bit in 0..8 {
                let mut damaged = whole.clone();
                damaged[at] ^= 1 << bit;
                let _ = public_key_info(&damaged);
            }
        }
    }

    #[test]
    fn settle_takes_the_key_and_refuses_another() {
        let key = sequence(&[&sequence(&[]), &der::bit_string(&[1, 2, 3])]);
        let whole = certificate(&key, true);
        let mut plain = x_509(&[(CKA_VALUE, &whole)]);
        settle(CKC_X_509, &mut plain).unwrap();
        assert_eq!(plain.bytes(CKA_PUBLIC_KEY_INFO), Some(&key[..]));
        assert_eq!(plain.bytes(CKA_CHECK_VALUE).map(<[u8]>::len), Some(3));
        for (cka, wrong) in [(CKA_PUBLIC_KEY_INFO, &[1_u8, 2][..]), (CKA_CHECK_VALUE, &[1, 2, 3])] {
            let mut other = x_509(&[(CKA_VALUE, &whole), (cka, wrong)]);
            assert_eq!(settle(CKC_X_509, &mut other), Err(Error::AttributeValueInvalid), "{cka:#x}");
        }
        let mut without = x_509(&[(CKA_VALUE, &whole), (CKA_CHECK_VALUE, &[])]);
        settle(CKC_X_509, &mut without).unwrap();
        assert_eq!(without.bytes(CKA_CHECK_VALUE), Some(&[][..]));
    }

    #[test]
    fn settle_wants_a_value_or_a_url_with_its_hashes() {
        let hashes =
            [(CKA_HASH_OF_SUBJECT_PUBLIC_KEY, &[1_u8; 20][..]), (CKA_HASH_OF_ISSUER_PUBLIC_KEY, &[2; 20])];
        let url = (CKA_URL, &b"https://example.org/c"[..]);
        let outcome = |list: &[_]| settle(CKC_X_509, &mut x_509(list));
        assert_eq!(outcome(&[(CKA_VALUE, &[])]), Err(Error::TemplateIncomplete));
        assert_eq!(outcome(&[(CKA_VALUE, &[]), url]), Err(Error::TemplateIncomplete));
        assert_eq!(outcome(&[(CKA_VALUE, &[]), url, hashes[0]]), Err(Error::TemplateIncomplete));
        assert_eq!(outcome(&[(CKA_VALUE, &[]), url, hashes[0], hashes[1]]), Ok(()));
    }
}
