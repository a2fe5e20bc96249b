//! Arrays of `CK_ATTRIBUTE`, in and out. What comes in is copied once and bounded; what goes out is
//! written by the [`api`](crate::api) into [`AttributeSlot`]s and its lengths carried back here.

use super::borrow::usable;
use crate::ck::raw::{AttributeSlot, RawAttribute, RawValue, Room};
use crate::ck::{CK_ATTRIBUTE_TYPE, CK_ULONG, CK_UNAVAILABLE_INFORMATION, Error, Result};
use crate::sys::abi::{self, CK_ATTRIBUTE};
use cryptoki_sys::{CKA_DERIVE_TEMPLATE, CKA_UNWRAP_TEMPLATE, CKA_WRAP_TEMPLATE};
use zeroize::Zeroizing;

/// Most attributes in a template, and in a template inside.
const MOST_ATTRIBUTES: CK_ULONG = 512;
/// Longest value of one attribute, in bytes.
const LARGEST_VALUE: CK_ULONG = 16 * 1024 * 1024;
/// Most bytes in all values of a template together.
const LARGEST_TEMPLATE: CK_ULONG = 64 * 1024 * 1024;

/// The attributes whose value is a template. `CKA_ENCAPSULATE_TEMPLATE` and `CKA_DECAPSULATE_TEMPLATE` have a number
/// in the header of 3.2 and nothing else: no object has them, and their bytes are not followed.
const TEMPLATES: [CK_ATTRIBUTE_TYPE; 3] = [CKA_WRAP_TEMPLATE, CKA_UNWRAP_TEMPLATE, CKA_DERIVE_TEMPLATE];

/// A caller's template: a pointer and a number of attributes.
pub(crate) struct Template {
    start: *mut CK_ATTRIBUTE,
    count: CK_ULONG,
}

impl Template {
    /// # Safety
    /// `start` is NULL, `count` is 0, or `count` attributes from `start` are readable while the value
    /// lives, and each of their pointers is NULL or leads to as many readable bytes as the length
    /// beside it says. Where [`Self::fill`] is used, those bytes and the lengths may be written.
    /// Nobody else uses any of this meanwhile.
    pub(crate) unsafe fn new(start: *mut CK_ATTRIBUTE, count: CK_ULONG) -> Self {
        Self { start, count }
    }

    /// A copy of the template. `CKR_ARGUMENTS_BAD` for NULL with a number, too many attributes, or a
    /// NULL value with a length; `CKR_ATTRIBUTE_VALUE_INVALID` for a value that is too long, a length
    /// of `CK_UNAVAILABLE_INFORMATION`, or a template that is none or stands too deep.
    pub(crate) fn read(&self) -> Result<Vec<RawAttribute>> {
        self.read_nested(true, &mut LARGEST_TEMPLATE.clone())
    }

    /// Runs `work` on the caller's buffers. Each slot's length starts as the caller claimed it and is
    /// carried back whatever `work` answers ("the call fills in each ulValueLen even when it fails").
    /// `CKR_ARGUMENTS_BAD` where two buffers overlap.
    pub(crate) fn fill(&self, work: impl FnOnce(&mut [AttributeSlot<'_>]) -> Result<()>) -> Result<()> {
        let attributes = self.attributes()?;
        apart(&attributes)?;
        // The lengths are copies: a lying length could make a buffer overlap the caller's own.
        let mut lens: Vec<_> = attributes.iter().map(|attribute| attribute.ulValueLen).collect();
        let mut slots = Vec::with_capacity(attributes.len());
        for (attribute, len) in attributes.iter().zip(&mut lens) {
            slots.push(slot(attribute, len)?);
        }
        let outcome = work(&mut slots);
        let arrays: Vec<_> = slots.into_iter().map(|slot| filled(slot.room)).collect();
        self.put_lens(&lens);
        let mut fits = Ok(());
        for (attribute, array) in attributes.iter().zip(arrays) {
            // SAFETY: the value of an attribute whose value is an array: the promise of `new`, and that its
            // elements are such attributes, which the host promised for this attribute type.
            let inner = unsafe { Self::new(attribute.pValue.cast(), array.len() as CK_ULONG) };
            fits = inner.put_array(&array).and(fits);
        }
        outcome.and(fits)
    }

    /// Writes an array of attributes into one of a caller's: the types always, the values where there is room,
    /// and each length. `CKR_BUFFER_TOO_SMALL` where a value did not fit.
    fn put_array(&self, array: &[(CK_ATTRIBUTE_TYPE, Vec<u8>)]) -> Result<()> {
        let mut fits = Ok(());
        for (at, (cka, value)) in array.iter().enumerate() {
            let place = self.start.wrapping_add(at);
            // SAFETY: the promise of `new`: there are as many attributes as `array` has.
            let mut attribute = unsafe { abi::read(place.cast_const()) }?;
            let len = CK_ULONG::try_from(value.len()).map_err(|_| Error::GeneralError)?;
            let enough = !attribute.pValue.is_null() && room(&attribute) >= len;
            if enough {
                let start = attribute.pValue.cast::<u8>();
                // SAFETY: `room` bytes at `pValue` may be written, and `value` is memory of our own.
                unsafe { start.copy_from_nonoverlapping(value.as_ptr(), value.len()) }
            }
            attribute.type_ = *cka;
            attribute.ulValueLen = len;
            if !enough && !attribute.pValue.is_null() {
                attribute.ulValueLen = CK_UNAVAILABLE_INFORMATION;
                fits = Err(Error::BufferTooSmall);
            }
            // SAFETY: as for the reading; no alignment is needed.
            unsafe { place.write_unaligned(attribute) }
        }
        fits
    }

    fn attributes(&self) -> Result<Vec<CK_ATTRIBUTE>> {
        if self.count > MOST_ATTRIBUTES || (self.start.is_null() && self.count != 0) {
            return Err(Error::ArgumentsBad);
        }
        let count = usize::try_from(self.count).map_err(|_| Error::ArgumentsBad)?;
        (0..count)
            .map(|at| {
                // SAFETY: the promise of `new`: `at` is below `count`. Numbers and a pointer have no
                // invalid pattern of bits.
                unsafe { abi::read(self.start.wrapping_add(at).cast_const()) }
            })
            .collect()
    }

    fn read_nested(&self, may_nest: bool, left: &mut CK_ULONG) -> Result<Vec<RawAttribute>> {
        let read = |attribute: CK_ATTRIBUTE| {
            let cka = attribute.type_;
            let value = if TEMPLATES.contains(&cka) {
                RawValue::Template(inner(&attribute, may_nest)?.read_nested(false, left)?)
            } else {
                RawValue::Bytes(bytes(&attribute, left)?)
            };
            Ok(RawAttribute { cka, value })
        };
        self.attributes()?.into_iter().map(read).collect()
    }

    fn put_lens(&self, lens: &[CK_ULONG]) {
        for (at, len) in lens.iter().enumerate() {
            let attribute = self.start.wrapping_add(at).cast::<u8>();
            let place = attribute.wrapping_add(std::mem::offset_of!(CK_ATTRIBUTE, ulValueLen));
            // SAFETY: the promise of `new`: there are as many attributes as `lens`, which was read
            // from them, and no alignment is needed.
            unsafe { place.cast::<CK_ULONG>().write_unaligned(*len) }
        }
    }
}

/// The value of an attribute as bytes of our own. `left` is what the whole template may still take.
fn bytes(attribute: &CK_ATTRIBUTE, left: &mut CK_ULONG) -> Result<Zeroizing<Vec<u8>>> {
    let len = attribute.ulValueLen;
    *left = left.checked_sub(len).filter(|_| len <= LARGEST_VALUE).ok_or(Error::AttributeValueInvalid)?;
    let start: *const u8 = attribute.pValue.cast_const().cast();
    // SAFETY: pointer and length of one attribute: the promise of `Template::new`.
    let value = unsafe { abi::bytes(start, len) }?;
    Ok(Zeroizing::new(value.to_vec()))
}

/// The value of an attribute as a template.
fn inner(attribute: &CK_ATTRIBUTE, may_nest: bool) -> Result<Template> {
    let size = CK_ULONG::try_from(size_of::<CK_ATTRIBUTE>()).map_err(|_| Error::GeneralError)?;
    let len = attribute.ulValueLen;
    if !may_nest || !len.is_multiple_of(size) {
        return Err(Error::AttributeValueInvalid);
    }
    // SAFETY: pointer and length of one attribute: the promise of `Template::new`, and that the
    // attributes inside are such ones themselves, which the host promised for this attribute type.
    Ok(unsafe { Template::new(attribute.pValue.cast(), len / size) })
}

/// What goes into an array of attributes; nothing where the room is none.
fn filled(room: Room<'_>) -> Vec<(CK_ATTRIBUTE_TYPE, Vec<u8>)> {
    match room {
        Room::Array { filled, .. } => filled,
        Room::Asked | Room::Bytes(_) => Vec::new(),
    }
}

/// One buffer to be filled. A length of `CK_UNAVAILABLE_INFORMATION` is left over from an earlier
/// call that failed; no room is claimed by it.
fn slot<'a>(attribute: &CK_ATTRIBUTE, len: &'a mut CK_ULONG) -> Result<AttributeSlot<'a>> {
    let (cka, start) = (attribute.type_, attribute.pValue.cast::<u8>());
    let room = if start.is_null() {
        Room::Asked
    } else if TEMPLATES.contains(&cka) {
        let places = usize::try_from(room(attribute)).unwrap_or(0) / size_of::<CK_ATTRIBUTE>();
        Room::Array { places, filled: Vec::new() }
    } else {
        // SAFETY: pointer and length of one attribute: the promise of `Template::new`, and `apart`
        // saw that no other slot has a part of it.
        Room::Bytes(unsafe { abi::bytes_mut(start, room(attribute)) }?)
    };
    Ok(AttributeSlot { cka, room, len })
}

fn room(attribute: &CK_ATTRIBUTE) -> CK_ULONG {
    let len = attribute.ulValueLen;
    if len == CK_UNAVAILABLE_INFORMATION { 0 } else { usable(len) }
}

/// That no two buffers share a byte.
fn apart(attributes: &[CK_ATTRIBUTE]) -> Result<()> {
    let mut spans: Vec<_> = attributes
        .iter()
        .map(|attribute| (attribute.pValue.addr(), usize::try_from(room(attribute)).unwrap_or(usize::MAX)))
        .filter(|(start, len)| *start != 0 && *len != 0)
        .collect();
    spans.sort_unstable();
    let mut end = 0;
    for (start, len) in spans {
        if start < end {
            return Err(Error::ArgumentsBad);
        }
        end = start.saturating_add(len);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use cryptoki_sys::{CKA_LABEL, CKA_VALUE};
    use std::ffi::c_void;
    use std::ptr::null_mut;

    fn attribute<T>(cka: CK_ATTRIBUTE_TYPE, value: &mut [T]) -> CK_ATTRIBUTE {
        CK_ATTRIBUTE {
            type_: cka,
            pValue: value.as_mut_ptr().cast(),
            ulValueLen: CK_ULONG::try_from(size_of_val(value)).unwrap(),
        }
    }

    fn wild(start: *mut c_void, len: CK_ULONG) -> CK_ATTRIBUTE {
        CK_ATTRIBUTE { type_: CKA_VALUE, pValue: start, ulValueLen: len }
    }

    fn template(attributes: &mut [CK_ATTRIBUTE]) -> Template {
        // SAFETY: an array of the test's own, with memory of its own or lengths that are refused.
        unsafe { Template::new(attributes.as_mut_ptr(), CK_ULONG::try_from(attributes.len()).unwrap()) }
    }

    fn refusal(attributes: &mut [CK_ATTRIBUTE]) -> Option<Error> {
        template(attributes).read().err()
    }

    #[test]
    fn read_copies_types_and_values_in_order() {
        let (mut label, mut value) = (*b"key", [7_u8; 32]);
        let mut attributes =
            [attribute(CKA_LABEL, &mut label), attribute(CKA_VALUE, &mut value), wild(null_mut(), 0)];
        let read = template(&mut attributes).read().unwrap();
        label.fill(0);
        let seen: Vec<_> = read
            .iter()
            .map(|attribute| match &attribute.value {
                RawValue::Bytes(bytes) => (attribute.cka, bytes.to_vec()),
                RawValue::Template(_) => panic!("no template was given"),
            })
            .collect();
        assert_eq!(seen, [(CKA_LABEL, b"key".to_vec()), (CKA_VALUE, vec![7; 32]), (CKA_VALUE, vec![])]);
    }

    #[test]
    fn read_null_is_an_empty_template_or_refused() {
        let null = |count| {
            // SAFETY: NULL with a count is refused, NULL without is not followed.
            unsafe { Template::new(null_mut(), count) }.read().map(|read| read.len())
        };
        assert_eq!(null(0), Ok(0));
        for count in [1, MOST_ATTRIBUTES + 1, CK_ULONG::MAX] {
            assert_eq!(null(count), Err(Error::ArgumentsBad));
        }
    }

    #[test]
    fn read_with_too_many_attributes_is_refused_untouched() {
        let mut one = [wild(null_mut(), 0)];
        for count in [MOST_ATTRIBUTES + 1, CK_ULONG::MAX] {
            // SAFETY: the count is refused before the array is read.
            let template = unsafe { Template::new(one.as_mut_ptr(), count) };
            assert_eq!(template.read().err(), Some(Error::ArgumentsBad));
        }
    }

    #[test]
    fn read_with_wild_value_is_refused() {
        let mut byte = [0_u8];
        let start = byte.as_mut_ptr().cast();
        assert_eq!(refusal(&mut [wild(null_mut(), 1)]), Some(Error::ArgumentsBad));
        for len in [CK_UNAVAILABLE_INFORMATION, LARGEST_VALUE + 1] {
            assert_eq!(refusal(&mut [wild(start, len)]), Some(Error::AttributeValueInvalid));
            assert_eq!(refusal(&mut [wild(null_mut(), len)]), Some(Error::AttributeValueInvalid));
        }
    }

    #[test]
    fn read_bounds_all_values_together() {
        let mut large = vec![0_u8; usize::try_from(LARGEST_VALUE).unwrap()];
        let mut attributes = [attribute(CKA_VALUE, &mut large); 5];
        assert_eq!(refusal(&mut attributes[..4]), None);
        assert_eq!(refusal(&mut attributes), Some(Error::AttributeValueInvalid));
    }

    #[test]
    fn read_template_in_template_one_level_deep() {
        let mut label = *b"key";
        for cka in TEMPLATES {
            let mut inside = [attribute(CKA_LABEL, &mut label)];
            let mut outside = [attribute(cka, &mut inside)];
            let read = template(&mut outside).read().unwrap();
            let RawValue::Template(nested) = &read[0].value else { panic!("no template") };
            assert!(matches!(&nested[0].value, RawValue::Bytes(bytes) if **bytes == b"key"));
            let mut further = [attribute(cka, &mut outside)];
            assert_eq!(refusal(&mut further), Some(Error::AttributeValueInvalid));
            further[0].ulValueLen -= 1;
            assert_eq!(refusal(&mut further), Some(Error::AttributeValueInvalid));
        }
    }

    #[test]
    fn read_empty_template_in_template_is_empty() {
        let mut outside = [CK_ATTRIBUTE { type_: CKA_WRAP_TEMPLATE, pValue: null_mut(), ulValueLen: 0 }];
        let read = template(&mut outside).read().unwrap();
        assert!(matches!(&read[0].value, RawValue::Template(nested) if nested.is_empty()));
    }

    /// Length of the buffer in a slot.
    fn bytes_of(slot: &AttributeSlot<'_>) -> Option<usize> {
        match &slot.room {
            Room::Bytes(buffer) => Some(buffer.len()),
            Room::Asked | Room::Array { .. } => None,
        }
    }

    /// Fills one slot with a template of two attributes.
    fn fill_array(attributes: &mut [CK_ATTRIBUTE]) -> Result<()> {
        template(attributes).fill(|slots| {
            if let Room::Array { places, filled } = &mut slots[0].room {
                assert_eq!(*places, 2);
                *filled = vec![(CKA_LABEL, b"key".to_vec()), (CKA_VALUE, vec![7; 4])];
            }
            *slots[0].len = 2 * size_of::<CK_ATTRIBUTE>() as CK_ULONG;
            Ok(())
        })
    }

    #[test]
    fn fill_writes_an_array_of_attributes_by_the_rule_for_each() {
        let (mut label, mut value) = ([0_u8; 8], [0_u8; 3]);
        let mut inside = [wild(null_mut(), 5), wild(null_mut(), 5)];
        fill_array(&mut [attribute(CKA_WRAP_TEMPLATE, &mut inside)]).unwrap();
        assert_eq!(inside.map(|each| (each.type_, each.ulValueLen)), [(CKA_LABEL, 3), (CKA_VALUE, 4)]);
        inside = [attribute(0, &mut label), attribute(0, &mut value)];
        let short = fill_array(&mut [attribute(CKA_WRAP_TEMPLATE, &mut inside)]);
        assert_eq!(short, Err(Error::BufferTooSmall));
        assert_eq!(inside.map(|each| each.ulValueLen), [3, CK_UNAVAILABLE_INFORMATION]);
        assert_eq!((&label, &value), (b"key\0\0\0\0\0", &[0; 3]));
        // The length alone, and no array to write it into.
        let mut asked = [CK_ATTRIBUTE { type_: CKA_WRAP_TEMPLATE, pValue: null_mut(), ulValueLen: 0 }];
        fill_array(&mut asked).unwrap();
        assert_eq!(asked[0].ulValueLen, 2 * size_of::<CK_ATTRIBUTE>() as CK_ULONG);
    }

    #[test]
    fn fill_carries_every_length_back_even_on_failure() {
        let mut buffer = [0_u8; 4];
        let mut attributes = [attribute(CKA_LABEL, &mut buffer), wild(null_mut(), 9), wild(null_mut(), 0)];
        let outcome = template(&mut attributes).fill(|slots| {
            let seen: Vec<_> = slots.iter().map(|slot| bytes_of(slot)).collect();
            assert_eq!(seen, [Some(4), None, None]);
            let Room::Bytes(buffer) = &mut slots[0].room else { panic!("no buffer") };
            buffer[..2].copy_from_slice(b"ab");
            *slots[0].len = 2;
            *slots[1].len = CK_UNAVAILABLE_INFORMATION;
            *slots[2].len = 32;
            Err(Error::AttributeSensitive)
        });
        assert_eq!(outcome, Err(Error::AttributeSensitive));
        assert_eq!(&buffer, b"ab\0\0");
        let lens = attributes.map(|attribute| attribute.ulValueLen);
        assert_eq!(lens, [2, CK_UNAVAILABLE_INFORMATION, 32]);
    }

    #[test]
    fn fill_with_length_left_over_from_a_failure_claims_no_room() {
        let mut byte = [0_u8];
        let mut attributes = [wild(byte.as_mut_ptr().cast(), CK_UNAVAILABLE_INFORMATION)];
        template(&mut attributes)
            .fill(|slots| {
                assert_eq!(bytes_of(&slots[0]), Some(0));
                Ok(())
            })
            .unwrap();
    }

    #[test]
    fn fill_with_overlapping_buffers_is_refused() {
        let mut buffer = [0_u8; 8];
        let start: *mut u8 = buffer.as_mut_ptr();
        let at = |offset, len| wild(start.wrapping_add(offset).cast(), len);
        let outcome = |attributes: &mut [CK_ATTRIBUTE]| template(attributes).fill(|_| Ok(()));
        assert_eq!(outcome(&mut [at(4, 4), at(0, 4), at(0, 0)]), Ok(()));
        assert_eq!(outcome(&mut [at(4, 4), at(0, 5)]), Err(Error::ArgumentsBad));
        assert_eq!(outcome(&mut [at(0, 8), at(0, 8)]), Err(Error::ArgumentsBad));
    }
}
