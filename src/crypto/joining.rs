//! Keys that are made of the bytes of other keys as they are: joined, changed bit by bit, cut out (PKCS#11 3.2, 6.43).
//!
//! What these must not do to a key that nobody may read is the law's question: `guard::derivation`.

use super::hmac::MAX_KEY_LEN;
use super::mechanism::{
    Derivation, DeriveValues, Derived, Inheritance, Made, Ops, Raw, Row, Sizes, SourceLens, Sources,
};
use super::{Material, generic_secret};
use crate::ck::params::Shape;
use crate::ck::{CK_MECHANISM_TYPE, Error, Params, Result};
use crate::secret::Secret;
use cryptoki_sys::*;

/// CKM_CONCATENATE_BASE_AND_KEY. PKCS#11 3.2, Concatenation of a base key and another key.
pub static BASE_AND_KEY: Row = row(CKM_CONCATENATE_BASE_AND_KEY, Shape::Key, &BASE_AND_KEY_DERIVATION);
/// CKM_CONCATENATE_BASE_AND_DATA. PKCS#11 3.2, Concatenation of a base key and data.
pub static BASE_AND_DATA: Row =
    row(CKM_CONCATENATE_BASE_AND_DATA, Shape::StringData, &BASE_AND_DATA_DERIVATION);
/// CKM_CONCATENATE_DATA_AND_BASE. PKCS#11 3.2, Concatenation of data and a base key.
pub static DATA_AND_BASE: Row =
    row(CKM_CONCATENATE_DATA_AND_BASE, Shape::StringData, &DATA_AND_BASE_DERIVATION);
/// CKM_XOR_BASE_AND_DATA. PKCS#11 3.2, XORing of a key and data.
pub static XOR: Row = row(CKM_XOR_BASE_AND_DATA, Shape::StringData, &XOR_DERIVATION);
/// CKM_EXTRACT_KEY_FROM_KEY. PKCS#11 3.2, Extraction of one key from another key.
pub static EXTRACT: Row = row(CKM_EXTRACT_KEY_FROM_KEY, Shape::Bit, &EXTRACT_DERIVATION);

static BASE_AND_KEY_DERIVATION: Derivation = derivation(base_and_key, joined_len, Raw::Joined);
static BASE_AND_DATA_DERIVATION: Derivation = derivation(base_and_data, joined_len, Raw::Joined);
static DATA_AND_BASE_DERIVATION: Derivation = derivation(data_and_base, joined_len, Raw::Joined);
static XOR_DERIVATION: Derivation = derivation(xor, shorter_len, Raw::Part);
static EXTRACT_DERIVATION: Derivation = derivation(extract, no_len, Raw::Part);

const fn derivation(
    derive: DeriveValues,
    own_len: fn(&Params, &SourceLens<'_>) -> Option<usize>,
    raw: Raw,
) -> Derivation {
    Derivation { derive, makes: Made::Keys, inheritance: Inheritance::Strict, own_len, raw, data_base: false }
}

const fn row(ckm: CK_MECHANISM_TYPE, shape: Shape, derivation: &'static Derivation) -> Row {
    Row {
        ckm,
        key_types: generic_secret::SECRET_KEY_TYPES,
        sizes: Sizes::Bytes(1, MAX_KEY_LEN),
        shape,
        flags: 0,
        prepare: None,
        ops: Ops { derivation: Some(derivation), ..Ops::NONE },
    }
}

fn joined_len(params: &Params, lens: &SourceLens<'_>) -> Option<usize> {
    let data = match params {
        Params::StringData(data) => data.len(),
        _ => 0,
    };
    lens.seconds.iter().try_fold(lens.base.checked_add(data)?, |sum, len| sum.checked_add(*len))
}

fn shorter_len(params: &Params, lens: &SourceLens<'_>) -> Option<usize> {
    match params {
        Params::StringData(data) => Some(data.len().min(lens.base)),
        _ => None,
    }
}

const fn no_len(_: &Params, _: &SourceLens<'_>) -> Option<usize> {
    None
}

/// The bytes of the base key.
fn base<'a>(sources: &'a Sources<'_>) -> Result<&'a [u8]> {
    match sources.base {
        Material::Bytes(value) => Ok(value.expose()),
        _ => Err(Error::KeyTypeInconsistent),
    }
}

fn data<'a>(sources: &'a Sources<'_>) -> Result<&'a [u8]> {
    match sources.params {
        Params::StringData(data) => Ok(data.expose()),
        _ => Err(Error::MechanismParamInvalid),
    }
}

/// The length that is asked for, at most `most` bytes.
fn wanted(sources: &Sources<'_>, most: usize) -> Result<usize> {
    let [recipe] = sources.recipes else { return Err(Error::GeneralError) };
    match recipe.value_len.ok_or(Error::TemplateIncomplete)? {
        len if (1..=most).contains(&len) => Ok(len),
        _ => Err(Error::KeySizeRange),
    }
}

fn one(value: Secret) -> Derived {
    Derived { values: vec![value], ..Derived::default() }
}

/// The first bytes of two byte strings, one behind the other.
fn joined(sources: &Sources<'_>, first: &[u8], second: &[u8]) -> Result<Derived> {
    let all = first.len().checked_add(second.len()).ok_or(Error::KeySizeRange)?;
    let mut value = Secret::zeroed(wanted(sources, all.min(MAX_KEY_LEN as usize))?);
    for (to, from) in value.expose_mut().iter_mut().zip(first.iter().chain(second)) {
        *to = *from;
    }
    Ok(one(value))
}

fn base_and_key(sources: &Sources<'_>) -> Result<Derived> {
    let [second] = sources.seconds else { return Err(Error::MechanismParamInvalid) };
    joined(sources, base(sources)?, second.expose())
}

fn base_and_data(sources: &Sources<'_>) -> Result<Derived> {
    joined(sources, base(sources)?, data(sources)?)
}

fn data_and_base(sources: &Sources<'_>) -> Result<Derived> {
    joined(sources, data(sources)?, base(sources)?)
}

fn xor(sources: &Sources<'_>) -> Result<Derived> {
    let (base, data) = (base(sources)?, data(sources)?);
    let mut value = Secret::zeroed(wanted(sources, base.len().min(data.len()))?);
    for ((to, left), right) in value.expose_mut().iter_mut().zip(base).zip(data) {
        *to = left ^ right;
    }
    Ok(one(value))
}

/// So many bits from one bit on, which is the first of the most significant ones; behind the last bit comes the first.
fn extract(sources: &Sources<'_>) -> Result<Derived> {
    let base = base(sources)?;
    let Params::Bit(bit) = sources.params else { return Err(Error::MechanismParamInvalid) };
    let bit = usize::try_from(*bit).ok().filter(|bit| bit / 8 < base.len());
    let bit = bit.ok_or(Error::MechanismParamInvalid)?;
    let (from, shift) = (bit / 8, bit % 8);
    let mut value = Secret::zeroed(wanted(sources, base.len())?);
    let bytes = base.iter().cycle().skip(from);
    let pairs = bytes.clone().zip(bytes.skip(1));
    for (to, (left, right)) in value.expose_mut().iter_mut().zip(pairs) {
        let both = u16::from_be_bytes([*left, *right]);
        [*to, _] = (both << shift).to_be_bytes();
    }
    Ok(one(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::mechanism::Recipe;

    fn derive(
        row: &Row,
        base: &[u8],
        seconds: &[&[u8]],
        params: &Params,
        len: Option<usize>,
    ) -> Result<Vec<u8>> {
        let derivation = row.ops.derivation.unwrap();
        let lens: Vec<_> = seconds.iter().map(|second| second.len()).collect();
        let own = (derivation.own_len)(params, &SourceLens { base: base.len(), seconds: &lens });
        let sources = Sources {
            base: &Material::Bytes(Secret::from_slice(base)),
            base_type: Some(CKK_GENERIC_SECRET),
            seconds: &seconds.iter().map(|second| Secret::from_slice(second)).collect::<Vec<_>>(),
            params,
            recipes: &[Recipe { value_len: len.or(own), ..Recipe::default() }],
        };
        let derived = (derivation.derive)(&sources)?;
        assert!(derived.values.len() == 1 && derived.ivs.is_empty() && derived.version.is_none());
        Ok(derived.values[0].expose().to_vec())
    }

    fn data(bytes: &[u8]) -> Params {
        Params::StringData(bytes.to_vec().into())
    }

    const BASE: [u8; 4] = [0x01, 0x23, 0x45, 0x67];
    const OTHER: [u8; 4] = [0x89, 0xAB, 0xCD, 0xEF];

    /// The examples of the specification.
    #[test]
    fn examples_of_the_specification_come_out() {
        let other = data(&OTHER);
        let key = Params::Key(crate::ck::ObjectHandle(1));
        let both = [BASE, OTHER].concat();
        assert_eq!(derive(&BASE_AND_KEY, &BASE, &[&OTHER], &key, None), Ok(both.clone()));
        assert_eq!(derive(&BASE_AND_DATA, &BASE, &[], &other, None), Ok(both));
        assert_eq!(derive(&DATA_AND_BASE, &BASE, &[], &other, None), Ok([OTHER, BASE].concat()));
        assert_eq!(derive(&XOR, &BASE, &[], &other, None), Ok(vec![0x88; 4]));
        let base = [0x32, 0x9F, 0x84, 0xA9];
        assert_eq!(derive(&EXTRACT, &base, &[], &Params::Bit(21), Some(2)), Ok(vec![0x95, 0x26]));
    }

    #[test]
    fn lengths_cut_from_the_end() {
        let other = data(&OTHER);
        assert_eq!(derive(&BASE_AND_DATA, &BASE, &[], &other, Some(5)), Ok(vec![1, 0x23, 0x45, 0x67, 0x89]));
        assert_eq!(derive(&XOR, &BASE, &[], &other, Some(1)), Ok(vec![0x88]));
        assert_eq!(derive(&XOR, &BASE, &[], &data(&[0xFF, 0xFF]), None), Ok(vec![0xFE, 0xDC]));
        for row in [&BASE_AND_DATA, &DATA_AND_BASE] {
            assert_eq!(derive(row, &BASE, &[], &data(b""), None), Ok(BASE.to_vec()));
        }
    }

    #[test]
    fn extraction_goes_around_the_end() {
        let base = [0b1000_0001, 0xFF, 0x00];
        let bits = |bit, len| derive(&EXTRACT, &base, &[], &Params::Bit(bit), Some(len));
        assert_eq!(bits(0, 3), Ok(base.to_vec()));
        assert_eq!(bits(8, 3), Ok(vec![0xFF, 0x00, 0b1000_0001]));
        assert_eq!(bits(23, 2), Ok(vec![0b0100_0000, 0b1111_1111]));
        assert_eq!(bits(1, 1), Ok(vec![0b0000_0011]));
        for beyond in [24, 1000, CK_ULONG::MAX] {
            assert_eq!(bits(beyond, 1), Err(Error::MechanismParamInvalid));
        }
        assert_eq!(derive(&EXTRACT, &base, &[], &Params::Bit(0), None), Err(Error::TemplateIncomplete));
        for len in [0, 4, usize::MAX] {
            assert_eq!(bits(0, len), Err(Error::KeySizeRange));
        }
    }

    #[test]
    fn more_than_there_is_and_wrong_parameters_are_refused() {
        let other = data(&OTHER);
        for len in [0, 9, usize::MAX] {
            assert_eq!(derive(&BASE_AND_DATA, &BASE, &[], &other, Some(len)), Err(Error::KeySizeRange));
        }
        assert_eq!(derive(&XOR, &BASE, &[], &other, Some(5)), Err(Error::KeySizeRange));
        let long = data(&[0; MAX_KEY_LEN as usize]);
        assert_eq!(derive(&BASE_AND_DATA, &BASE, &[], &long, None), Err(Error::KeySizeRange));
        for row in [&BASE_AND_KEY, &BASE_AND_DATA, &DATA_AND_BASE, &XOR, &EXTRACT] {
            assert_eq!(derive(row, &BASE, &[], &Params::None, Some(4)), Err(Error::MechanismParamInvalid));
        }
    }
}
