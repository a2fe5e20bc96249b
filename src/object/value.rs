//! One typed value, its form in a caller's memory, and its form on disk (fixed-width little-endian).

use super::attribute::Kind;
use super::attributes::Attributes;
use crate::ck::date::CkDate;
use crate::ck::raw::{RawValue, ULONG_LEN, ulong_from_bytes, ulong_to_bytes};
use crate::ck::{CK_ULONG, Error, Result};
use cryptoki_sys::{CK_FALSE, CK_TRUE};

/// The value of one attribute.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    /// `CK_BBOOL`
    Bool(bool),
    /// `CK_ULONG`; 64 bits everywhere but at the C edge.
    Ulong(u64),
    /// Bytes of any kind.
    Bytes(Vec<u8>),
    /// A day, or none.
    Date(Option<CkDate>),
    /// Mechanism types.
    Mechanisms(Vec<u64>),
    /// A nested template.
    Template(Attributes),
}

impl Value {
    /// Reads a caller's value by the attribute's kind. A value of the wrong length or form is
    /// `CKR_ATTRIBUTE_VALUE_INVALID`.
    pub fn from_raw(kind: Kind, raw: &RawValue) -> Result<Self> {
        let bytes = match (raw, kind) {
            (RawValue::Template(template), Kind::Template) => {
                return Attributes::from_raw(template).map(Self::Template);
            }
            (RawValue::Template(_), _) => return Err(Error::AttributeValueInvalid),
            (RawValue::Bytes(bytes), _) => bytes,
        };
        Ok(match kind {
            Kind::Bool => match bytes.as_slice() {
                [CK_FALSE] => Self::Bool(false),
                [CK_TRUE] => Self::Bool(true),
                _ => return Err(Error::AttributeValueInvalid),
            },
            Kind::Ulong => Self::Ulong(ulong_from_bytes(bytes)?),
            Kind::Bytes | Kind::Text => Self::Bytes(bytes.to_vec()),
            Kind::Date if bytes.is_empty() => Self::Date(None),
            Kind::Date => Self::Date(Some(CkDate::parse(bytes).ok_or(Error::AttributeValueInvalid)?)),
            Kind::Mechanisms => {
                let (numbers, rest) = bytes.as_chunks::<ULONG_LEN>();
                if !rest.is_empty() {
                    return Err(Error::AttributeValueInvalid);
                }
                Self::Mechanisms(
                    numbers.iter().map(|number| ulong_from_bytes(number)).collect::<Result<_>>()?,
                )
            }
            Kind::Template => return Err(Error::AttributeValueInvalid),
        })
    }

    /// The bytes that a caller of C_GetAttributeValue receives. Nested templates have no flat form.
    pub fn to_caller(&self) -> Option<Vec<u8>> {
        let ulong = |number: u64| CK_ULONG::try_from(number).unwrap_or(crate::ck::CK_UNAVAILABLE_INFORMATION);
        Some(match self {
            Self::Bool(value) => vec![if *value { CK_TRUE } else { CK_FALSE }],
            Self::Ulong(value) => ulong_to_bytes(ulong(*value)).to_vec(),
            Self::Bytes(bytes) => bytes.clone(),
            Self::Date(date) => date.map_or_else(Vec::new, |date| date.to_bytes().to_vec()),
            Self::Mechanisms(numbers) => {
                numbers.iter().flat_map(|number| ulong_to_bytes(ulong(*number))).collect()
            }
            Self::Template(_) => return None,
        })
    }

    /// Appends the form on disk: a tag, then the value.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let mut sized = |tag: u8, bytes: &[u8]| {
            out.push(tag);
            out.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
            out.extend_from_slice(bytes);
        };
        match self {
            Self::Bool(value) => sized(1, &[u8::from(*value)]),
            Self::Ulong(value) => sized(2, &value.to_le_bytes()),
            Self::Bytes(bytes) => sized(3, bytes),
            Self::Date(None) => sized(4, &[]),
            Self::Date(Some(date)) => sized(4, &date.to_bytes()),
            Self::Mechanisms(numbers) => {
                sized(5, &numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<_>>());
            }
            Self::Template(template) => sized(6, &template.encode()),
        }
    }

    /// Reads one value; `None` where the bytes are no value of ours.
    pub(super) fn decode(tag: u8, bytes: &[u8]) -> Option<Self> {
        Some(match tag {
            1 => Self::Bool(match bytes {
                [0] => false,
                [1] => true,
                _ => return None,
            }),
            2 => Self::Ulong(u64::from_le_bytes(bytes.try_into().ok()?)),
            3 => Self::Bytes(bytes.to_vec()),
            4 if bytes.is_empty() => Self::Date(None),
            4 => Self::Date(Some(CkDate::parse(bytes)?)),
            5 => {
                let (numbers, rest) = bytes.as_chunks::<8>();
                if !rest.is_empty() {
                    return None;
                }
                Self::Mechanisms(numbers.iter().map(|number| u64::from_le_bytes(*number)).collect())
            }
            6 => Self::Template(Attributes::decode(bytes)?),
            _ => return None,
        })
    }
}
