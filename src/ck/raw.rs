//! A caller's template before anyone has judged it: types and bytes, copied once, wiped when dropped.

use super::{CK_ATTRIBUTE_TYPE, CK_ULONG, Error, Result};
use zeroize::Zeroizing;

/// One attribute of a caller's template.
pub struct RawAttribute {
    /// `CKA_...`
    pub cka: CK_ATTRIBUTE_TYPE,
    /// Its value.
    pub value: RawValue,
}

/// A value as it came.
pub enum RawValue {
    /// Anything but a template.
    Bytes(Zeroizing<Vec<u8>>),
    /// `CKA_WRAP_TEMPLATE`, `CKA_UNWRAP_TEMPLATE`, `CKA_DERIVE_TEMPLATE`, ...
    Template(Vec<RawAttribute>),
}

/// One attribute that a caller asks for (C_GetAttributeValue): where its value goes.
pub struct AttributeSlot<'a> {
    /// `CKA_...`
    pub cka: CK_ATTRIBUTE_TYPE,
    /// The caller's room for the value.
    pub room: Room<'a>,
    /// `ulValueLen`, written in every case.
    pub len: &'a mut CK_ULONG,
}

/// Room for the value of an attribute.
pub enum Room<'a> {
    /// There is none: the length is asked for.
    Asked,
    /// For a value of bytes.
    Bytes(&'a mut [u8]),
    /// For a value that is itself an array of attributes.
    Array {
        /// So many attributes fit.
        places: usize,
        /// What goes there. Which of these values fit is seen where they are written.
        filled: Vec<(CK_ATTRIBUTE_TYPE, Vec<u8>)>,
    },
}

/// Width of a `CK_ULONG` in a template, in bytes.
pub const ULONG_LEN: usize = size_of::<CK_ULONG>();

/// Reads a `CK_ULONG` from a template. Another length is `CKR_ATTRIBUTE_VALUE_INVALID`.
pub fn ulong_from_bytes(bytes: &[u8]) -> Result<CK_ULONG> {
    bytes.try_into().map(CK_ULONG::from_ne_bytes).map_err(|_| Error::AttributeValueInvalid)
}

/// The bytes of a `CK_ULONG` as a caller's memory holds it.
#[expect(clippy::host_endian_bytes, reason = "a CK_ULONG at the C edge has the host's byte order")]
pub fn ulong_to_bytes(value: CK_ULONG) -> [u8; ULONG_LEN] {
    value.to_ne_bytes()
}
