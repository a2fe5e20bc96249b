//! The attributes of one object: sorted by type, typed, found by halving.

use super::attribute;
use super::value::Value;
use crate::ck::raw::RawAttribute;
use crate::ck::{CK_ATTRIBUTE_TYPE, Error, Result};

/// Attributes in the order of their types, each at most once.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Attributes(Vec<(CK_ATTRIBUTE_TYPE, Value)>);

/// The first byte of the form on disk.
const FORMAT: u8 = 1;
/// No object has more attributes than this.
const MOST: usize = 512;

impl Attributes {
    /// Reads a caller's template. An attribute that no object has is `CKR_ATTRIBUTE_TYPE_INVALID`;
    /// one that is given twice with different values is `CKR_TEMPLATE_INCONSISTENT`.
    pub fn from_raw(template: &[RawAttribute]) -> Result<Self> {
        let mut attributes = Self::default();
        for RawAttribute { cka, value } in template {
            let kind = attribute::kind(*cka).ok_or(Error::AttributeTypeInvalid)?;
            let value = Value::from_raw(kind, value)?;
            match attributes.value(*cka) {
                Some(earlier) if *earlier != value => return Err(Error::TemplateInconsistent),
                _ => attributes.set(*cka, value),
            }
        }
        Ok(attributes)
    }

    fn position(&self, cka: CK_ATTRIBUTE_TYPE) -> core::result::Result<usize, usize> {
        self.0.binary_search_by_key(&cka, |(each, _)| *each)
    }

    /// The value of an attribute.
    pub fn value(&self, cka: CK_ATTRIBUTE_TYPE) -> Option<&Value> {
        self.position(cka).ok().and_then(|at| self.0.get(at)).map(|(_, value)| value)
    }

    /// Whether the attribute is there.
    pub fn has(&self, cka: CK_ATTRIBUTE_TYPE) -> bool {
        self.position(cka).is_ok()
    }

    /// Sets an attribute, whatever was there.
    pub fn set(&mut self, cka: CK_ATTRIBUTE_TYPE, value: Value) {
        match self.position(cka) {
            Ok(at) => {
                if let Some((_, there)) = self.0.get_mut(at) {
                    *there = value;
                }
            }
            Err(at) => self.0.insert(at, (cka, value)),
        }
    }

    /// Sets an attribute unless it is there.
    pub fn set_default(&mut self, cka: CK_ATTRIBUTE_TYPE, value: impl FnOnce() -> Value) {
        if let Err(at) = self.position(cka) {
            self.0.insert(at, (cka, value()));
        }
    }

    /// Takes an attribute out.
    pub fn remove(&mut self, cka: CK_ATTRIBUTE_TYPE) -> Option<Value> {
        self.position(cka).ok().map(|at| self.0.remove(at).1)
    }

    /// A boolean; false where it is absent.
    pub fn flag(&self, cka: CK_ATTRIBUTE_TYPE) -> bool {
        matches!(self.value(cka), Some(Value::Bool(true)))
    }

    /// A number.
    pub fn number(&self, cka: CK_ATTRIBUTE_TYPE) -> Option<u64> {
        match self.value(cka) {
            Some(Value::Ulong(number)) => Some(*number),
            _ => None,
        }
    }

    /// Bytes.
    pub fn bytes(&self, cka: CK_ATTRIBUTE_TYPE) -> Option<&[u8]> {
        match self.value(cka) {
            Some(Value::Bytes(bytes)) => Some(bytes),
            _ => None,
        }
    }

    /// In the order of the types.
    pub fn iter(&self) -> impl Iterator<Item = (CK_ATTRIBUTE_TYPE, &Value)> {
        self.0.iter().map(|(cka, value)| (*cka, value))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The form on disk. The same attributes always give the same bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![FORMAT];
        for (cka, value) in self.iter() {
            out.extend_from_slice(&u64::from(cka).to_le_bytes());
            value.encode(&mut out);
        }
        out
    }

    /// Reads what [`Self::encode`] wrote; `None` for anything else.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (FORMAT, mut rest) = bytes.split_first().map(|(format, rest)| (*format, rest))? else {
            return None;
        };
        let mut attributes = Self::default();
        while !rest.is_empty() {
            let (cka, after) = rest.split_first_chunk::<8>()?;
            let (tag, after) = after.split_first()?;
            let (len, after) = after.split_first_chunk::<4>()?;
            let (value, after) = after.split_at_checked(usize::try_from(u32::from_le_bytes(*len)).ok()?)?;
            let cka = CK_ATTRIBUTE_TYPE::try_from(u64::from_le_bytes(*cka)).ok()?;
            if attributes.0.last().is_some_and(|(last, _)| *last >= cka) || attributes.len() >= MOST {
                return None;
            }
            attributes.0.push((cka, Value::decode(*tag, value)?));
            rest = after;
        }
        Some(attributes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ck::date::CkDate;
    use crate::ck::raw::RawValue;
    use cryptoki_sys::*;
    use zeroize::Zeroizing;

    fn sample() -> Attributes {
        let mut nested = Attributes::default();
        nested.set(CKA_SENSITIVE, Value::Bool(true));
        let mut attributes = Attributes::default();
        attributes.set(CKA_LABEL, Value::Bytes(b"a key".to_vec()));
        attributes.set(CKA_CLASS, Value::Ulong(CKO_SECRET_KEY));
        attributes.set(CKA_END_DATE, Value::Date(CkDate::parse(b"20300101")));
        attributes.set(CKA_START_DATE, Value::Date(None));
        attributes.set(CKA_ALLOWED_MECHANISMS, Value::Mechanisms(vec![CKM_AES_GCM, CKM_AES_CBC]));
        attributes.set(CKA_UNWRAP_TEMPLATE, Value::Template(nested));
        attributes
    }

    #[test]
    fn attributes_are_encoded_and_decoded_unchanged() {
        assert_eq!(Attributes::decode(&sample().encode()), Some(sample()));
    }

    #[test]
    fn damaged_encodings_never_panic_and_never_pass_for_more() {
        let bytes = sample().encode();
        for len in 0..bytes.len() {
            if let Some(shorter) = Attributes::decode(&bytes[..len]) {
                assert!(shorter.len() < sample().len());
            }
        }
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x41;
            let _ = Attributes::decode(&damaged);
        }
    }

    #[test]
    fn a_template_with_two_values_for_one_attribute_is_refused() {
        let raw =
            |value: u8| RawAttribute { cka: CKA_TOKEN, value: RawValue::Bytes(Zeroizing::new(vec![value])) };
        assert!(Attributes::from_raw(&[raw(1), raw(1)]).is_ok());
        assert_eq!(Attributes::from_raw(&[raw(1), raw(0)]), Err(Error::TemplateInconsistent));
        assert_eq!(Attributes::from_raw(&[raw(7)]), Err(Error::AttributeValueInvalid));
    }
}
