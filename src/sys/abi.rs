//! The PKCS#11 ABI: the structures and function lists of `cryptoki-sys` that we use, re-exported
//! once, and the two ways in which a caller's memory is read. The rest of the crate names C's
//! structures only through here.
//!
//! On Windows the structures are packed, so a field is copied, never borrowed.

use crate::ck::{Error, Result};

pub use cryptoki_sys::{
    CK_AES_CBC_ENCRYPT_DATA_PARAMS, CK_AES_CTR_PARAMS, CK_ATTRIBUTE, CK_ATTRIBUTE_TYPE, CK_BBOOL, CK_BYTE,
    CK_C_INITIALIZE_ARGS, CK_CCM_MESSAGE_PARAMS, CK_CCM_PARAMS, CK_CCM_WRAP_PARAMS, CK_CHACHA20_PARAMS,
    CK_DERIVED_KEY, CK_ECDH_AES_KEY_WRAP_PARAMS, CK_ECDH1_DERIVE_PARAMS, CK_EDDSA_PARAMS, CK_FLAGS,
    CK_FUNCTION_LIST, CK_FUNCTION_LIST_3_0, CK_FUNCTION_LIST_3_2, CK_GCM_MESSAGE_PARAMS, CK_GCM_PARAMS,
    CK_GCM_WRAP_PARAMS, CK_HASH_SIGN_ADDITIONAL_CONTEXT, CK_HKDF_PARAMS, CK_INFO, CK_INTERFACE,
    CK_KEY_DERIVATION_STRING_DATA, CK_MECHANISM, CK_MECHANISM_INFO, CK_MECHANISM_TYPE, CK_NOTIFY,
    CK_OBJECT_HANDLE, CK_PKCS5_PBKD2_PARAMS2, CK_PRF_DATA_PARAM, CK_RSA_AES_KEY_WRAP_PARAMS,
    CK_RSA_PKCS_OAEP_PARAMS, CK_RSA_PKCS_PSS_PARAMS, CK_RV, CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS,
    CK_SALSA20_CHACHA20_POLY1305_PARAMS, CK_SESSION_HANDLE, CK_SESSION_INFO, CK_SIGN_ADDITIONAL_CONTEXT,
    CK_SLOT_ID, CK_SLOT_INFO, CK_SP800_108_COUNTER_FORMAT, CK_SP800_108_DKM_LENGTH_FORMAT,
    CK_SP800_108_FEEDBACK_KDF_PARAMS, CK_SP800_108_KDF_PARAMS, CK_SSL3_KEY_MAT_OUT, CK_SSL3_RANDOM_DATA,
    CK_TLS_KDF_PARAMS, CK_TLS_MAC_PARAMS, CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS,
    CK_TLS12_KEY_MAT_PARAMS, CK_TLS12_MASTER_KEY_DERIVE_PARAMS, CK_TOKEN_INFO, CK_ULONG, CK_USER_TYPE,
    CK_UTF8CHAR, CK_VERSION,
};

/// More bytes than any single call can mean (64 GiB, the longest message of AES-GCM; on 32 bits, all
/// that a slice can have): a longer length went wrong, and is refused before the memory is touched.
const LARGEST: usize = if usize::BITS > 36 { 1 << (36 % usize::BITS) } else { isize::MAX.unsigned_abs() };

/// Below this address nobody has memory: systems keep the first page unmapped, to catch NULL with an offset. What lies there
/// is a number in the place of a pointer, as where a structure was taken for another of the same length.
const LOWEST: usize = 4096;

/// Whether an address may be a pointer's: neither NULL nor so low that nothing can be there.
pub const fn is_place(address: usize) -> bool {
    address >= LOWEST
}

/// Borrows `len` bytes of a caller's memory. No bytes are an empty slice, whatever the pointer;
/// NULL with a length, what is [no place](is_place), and lengths that no memory can have, are `CKR_ARGUMENTS_BAD`.
///
/// # Safety
/// Unless `len` is 0 or `start` is NULL, `len` bytes from `start` are readable for `'a` and nobody
/// changes them meanwhile.
pub unsafe fn bytes<'a>(start: *const u8, len: CK_ULONG) -> Result<&'a [u8]> {
    let len = extent(start.addr(), len)?;
    if len == 0 {
        return Ok(&[]);
    }
    // SAFETY: the caller vouches for `len` readable bytes; `extent` saw that `start` is not NULL and
    // that the bytes do not wrap around or exceed isize::MAX.
    Ok(unsafe { std::slice::from_raw_parts(start, len) })
}

/// Borrows `len` bytes of a caller's memory to be written. Errors as [`bytes`].
///
/// # Safety
/// Unless `len` is 0 or `start` is NULL, `len` bytes from `start` are the caller's to write, and
/// nobody else reads or writes them during `'a`.
pub unsafe fn bytes_mut<'a>(start: *mut u8, len: CK_ULONG) -> Result<&'a mut [u8]> {
    let len = extent(start.addr(), len)?;
    if len == 0 {
        return Ok(&mut []);
    }
    // SAFETY: the caller vouches for `len` writable bytes that nobody else uses; `extent` saw that
    // `start` is not NULL and that the bytes do not wrap around or exceed isize::MAX.
    Ok(unsafe { std::slice::from_raw_parts_mut(start, len) })
}

/// Copies one value out of a caller's memory, at any alignment. NULL and what is [no place](is_place) are `CKR_ARGUMENTS_BAD`.
///
/// # Safety
/// Unless it is NULL, `from` points to a readable `T`.
pub unsafe fn read<T: Copy>(from: *const T) -> Result<T> {
    if !is_place(from.addr()) {
        return Err(Error::ArgumentsBad);
    }
    // SAFETY: not NULL, so the caller vouches for a readable T; no alignment is needed.
    Ok(unsafe { from.read_unaligned() })
}

/// The length of a caller's memory as a slice may have it.
fn extent(start: usize, len: CK_ULONG) -> Result<usize> {
    let len = isize::try_from(len).map_err(|_| Error::ArgumentsBad)?.unsigned_abs();
    if len == 0 {
        return Ok(0);
    }
    let possible = is_place(start) && len <= LARGEST && start.checked_add(len).is_some();
    if possible { Ok(len) } else { Err(Error::ArgumentsBad) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ptr::null;

    fn borrowed(start: *const u8, len: CK_ULONG) -> Result<usize> {
        // SAFETY: the tests pass NULL, lengths that are refused, or memory of their own.
        unsafe { bytes(start, len) }.map(<[u8]>::len)
    }

    #[test]
    fn bytes_with_null_needs_length_zero() {
        assert_eq!(borrowed(null(), 0), Ok(0));
        assert_eq!(borrowed(null(), 1), Err(Error::ArgumentsBad));
    }

    #[test]
    fn numbers_that_stand_for_pointers_are_refused() {
        for low in [1, 5, 0xFFF] {
            let start = std::ptr::without_provenance(low);
            assert_eq!(borrowed(start, 0), Ok(0));
            assert_eq!(borrowed(start, 1), Err(Error::ArgumentsBad));
            // SAFETY: refused before it is read.
            assert_eq!(unsafe { read::<u8>(start) }, Err(Error::ArgumentsBad));
        }
    }

    #[test]
    fn bytes_with_impossible_length_is_refused() {
        let byte = 7;
        for len in [CK_ULONG::MAX, CK_ULONG::MAX / 2 + 1, CK_ULONG::MAX - 7] {
            assert_eq!(borrowed(&raw const byte, len), Err(Error::ArgumentsBad));
        }
        assert_eq!(borrowed(&raw const byte, 1), Ok(1));
    }

    #[test]
    fn read_at_odd_address_copies() {
        let memory = [0x01_u8; 1 + size_of::<CK_ULONG>()];
        let odd = memory.as_ptr().wrapping_add(1).cast::<CK_ULONG>();
        // SAFETY: the array holds a CK_ULONG from its second byte on.
        let value = unsafe { read(odd) };
        assert_eq!(value, Ok(CK_ULONG::MAX / 0xFF));
        // SAFETY: NULL is refused.
        assert_eq!(unsafe { read::<CK_ULONG>(null()) }, Err(Error::ArgumentsBad));
    }
}
