//! What a key signs to prove that somebody holds it: a certification request about itself (RFC 2986). Names and attributes in it
//! are not judged, that is for whoever certifies.

use crate::crypto::der::{self, INTEGER, SEQUENCE};

/// `[0]`, constructed: the attributes.
const ATTRIBUTES: u8 = 0xA0;

/// Whether `data` is a CertificationRequestInfo, in DER, about the key with this SubjectPublicKeyInfo, and nothing else.
pub fn is_own_request(data: &[u8], public_key_info: &[u8]) -> bool {
    let Ok(info) = der::content(SEQUENCE, data) else { return false };
    // Version 1 is the number 0. A certificate has no version there, or a serial number and then no name.
    let Some(([0], info)) = der::split(INTEGER, info) else { return false };
    let Some((_, info)) = der::split(SEQUENCE, info) else { return false };
    if public_key_info.is_empty() {
        return false;
    }
    info.strip_prefix(public_key_info).is_some_and(|attributes| der::content(ATTRIBUTES, attributes).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(last: u8) -> Vec<u8> {
        let algorithm = der::element(SEQUENCE, &[&[0x06, 0x03, 0x2B, 0x65, 0x70]]);
        der::element(SEQUENCE, &[&algorithm, &der::bit_string(&[last; 32])])
    }

    fn request(version: &[u8], name: &[u8], key: &[u8], attributes: &[u8]) -> Vec<u8> {
        der::element(SEQUENCE, &[version, name, key, attributes])
    }

    #[test]
    fn request_about_the_key_is_known() {
        let (version, name) = (der::integer(&[0]), der::element(SEQUENCE, &[]));
        for attributes in [der::element(ATTRIBUTES, &[]), der::element(ATTRIBUTES, &[&[0x30, 0x00]])] {
            assert!(is_own_request(&request(&version, &name, &key(1), &attributes), &key(1)));
        }
    }

    #[test]
    fn everything_else_is_not() {
        let (version, name) = (der::integer(&[0]), der::element(SEQUENCE, &[]));
        let none = der::element(ATTRIBUTES, &[]);
        let good = request(&version, &name, &key(1), &none);
        assert!(!is_own_request(&good, &key(2)), "another key");
        assert!(!is_own_request(&good, &[]), "a key that nobody knows");
        for short in 0..good.len() {
            assert!(!is_own_request(&good[..short], &key(1)), "{short} bytes");
        }
        assert!(!is_own_request(&[&good[..], &[0]].concat(), &key(1)), "a byte behind it");
        for (why, other) in [
            ("version", request(&der::integer(&[1]), &name, &key(1), &none)),
            ("no name", request(&version, &[], &key(1), &none)),
            ("no attributes", request(&version, &name, &key(1), &[])),
            ("twice", request(&version, &name, &key(1), &[&none[..], &none].concat())),
            ("digest", vec![7; 32]),
        ] {
            assert!(!is_own_request(&other, &key(1)), "{why}");
        }
    }
}
