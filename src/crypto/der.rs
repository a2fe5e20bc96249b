//! The little of DER (X.690) that keys need: writing a `SubjectPublicKeyInfo`, reading one element.

use crate::ck::{Error, Result};

/// INTEGER.
pub const INTEGER: u8 = 0x02;
/// BIT STRING.
pub const BIT_STRING: u8 = 0x03;
/// OCTET STRING.
pub const OCTET_STRING: u8 = 0x04;
/// NULL.
pub const NULL: u8 = 0x05;
/// OBJECT IDENTIFIER.
pub const OBJECT_IDENTIFIER: u8 = 0x06;
/// PrintableString.
pub const PRINTABLE_STRING: u8 = 0x13;
/// SEQUENCE.
pub const SEQUENCE: u8 = 0x30;

/// One element: tag, length, and the parts of its content.
pub fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let len: usize = parts.iter().map(|part| part.len()).sum();
    let mut element = Vec::with_capacity(len + 10);
    element.push(tag);
    match u8::try_from(len) {
        Ok(short) if short < 0x80 => element.push(short),
        _ => {
            let bytes = len.to_be_bytes();
            let leading = bytes.iter().take_while(|byte| **byte == 0).count();
            element.push(0x80 | u8::try_from(bytes.len() - leading).unwrap_or(8));
            element.extend(bytes.iter().skip(leading));
        }
    }
    for part in parts {
        element.extend_from_slice(part);
    }
    element
}

/// An INTEGER of big-endian bytes that is not negative.
pub fn integer(bytes: &[u8]) -> Vec<u8> {
    let leading = bytes.iter().take_while(|byte| **byte == 0).count();
    let digits = bytes.get(leading..).unwrap_or_default();
    let sign: &[u8] = if digits.first().is_none_or(|first| *first >= 0x80) { &[0] } else { &[] };
    element(INTEGER, &[sign, digits])
}

/// A BIT STRING of whole bytes.
pub fn bit_string(bytes: &[u8]) -> Vec<u8> {
    element(BIT_STRING, &[&[0], bytes])
}

/// The content of the one element that `bytes` is. Another tag, a length that is not DER, or anything
/// behind the element is `CKR_ATTRIBUTE_VALUE_INVALID`.
pub fn content(tag: u8, bytes: &[u8]) -> Result<&[u8]> {
    let (content, rest) = split(tag, bytes).ok_or(Error::AttributeValueInvalid)?;
    if rest.is_empty() { Ok(content) } else { Err(Error::AttributeValueInvalid) }
}

/// The `len` bytes that are given as they are, or in one element with one of these tags. The length tells which: bytes
/// as they are may begin like an element. `None` for anything else.
pub fn unwrapped<'a>(tags: &[u8], bytes: &'a [u8], len: usize) -> Option<&'a [u8]> {
    if bytes.len() == len {
        return Some(bytes);
    }
    let tag = tags.iter().find(|tag| bytes.first() == Some(*tag))?;
    let content = content(*tag, bytes).ok()?;
    // No bit of the last byte of a BIT STRING is unused.
    let bytes = if *tag == BIT_STRING { content.strip_prefix(&[0])? } else { content };
    (bytes.len() == len).then_some(bytes)
}

/// The content of the first element and what follows it; `None` where it has another tag or is not DER.
pub fn split(tag: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (found, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    if *found != tag {
        return None;
    }
    let (len, rest) = match *first {
        short if short < 0x80 => (usize::from(short), rest),
        // Up to four bytes of length; the shortest form only.
        long @ 0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(long & 0x7F))?;
            let len = digits.iter().fold(0_u64, |len, digit| len << 8 | u64::from(*digit));
            if digits.first() == Some(&0) || len < 0x80 {
                return None;
            }
            (usize::try_from(len).ok()?, rest)
        }
        _ => return None,
    };
    rest.split_at_checked(len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn element_is_read_back_for_every_form_of_length() {
        for len in [0, 1, 0x7F, 0x80, 0xFF, 0x100, 0x1_0000] {
            let bytes = vec![7; len];
            let element = element(OCTET_STRING, &[&bytes]);
            assert_eq!(content(OCTET_STRING, &element).unwrap(), bytes, "{len}");
            assert!(content(SEQUENCE, &element).is_err());
            assert!(content(OCTET_STRING, &element[..element.len() - 1]).is_err());
            assert!(content(OCTET_STRING, &[&element[..], &[0]].concat()).is_err());
        }
    }

    #[test]
    fn length_in_a_longer_form_is_refused() {
        assert!(content(OCTET_STRING, &[0x04, 0x81, 0x01, 0x00]).is_err());
        assert!(content(OCTET_STRING, &[0x04, 0x82, 0x00, 0x80]).is_err());
        assert!(content(OCTET_STRING, &[0x04, 0x80, 0x00, 0x00]).is_err());
        assert!(content(OCTET_STRING, &[0x04, 0x84, 0xFF, 0xFF, 0xFF, 0xFF]).is_err());
        assert!(content(OCTET_STRING, &[]).is_err());
    }

    #[test]
    fn unwrapped_takes_each_form_by_its_length() {
        let both = [OCTET_STRING, BIT_STRING];
        let bytes = [4, 2, 7, 7];
        let (octets, bits) = (element(OCTET_STRING, &[&bytes]), bit_string(&bytes));
        for form in [&bytes[..], &octets, &bits] {
            assert_eq!(unwrapped(&both, form, 4), Some(&bytes[..]));
        }
        assert_eq!(unwrapped(&both, &bytes, 2), Some(&[7, 7][..]));
        let mut unused = bits.clone();
        unused[2] = 1;
        for wrong in [&[][..], &octets[1..], &[&octets[..], &[0]].concat(), &unused, &[BIT_STRING, 0]] {
            assert_eq!(unwrapped(&both, wrong, 4), None, "{wrong:x?}");
        }
        assert_eq!(unwrapped(&[OCTET_STRING], &bits, 4), None);
    }

    #[test]
    fn integer_with_high_bit_gets_a_zero_before_it() {
        assert_eq!(integer(&[0x80]), [2, 2, 0, 0x80]);
        assert_eq!(integer(&[0, 0, 0x7F]), [2, 1, 0x7F]);
        assert_eq!(integer(&[]), [2, 1, 0]);
    }
}
