//! C_GetFunctionList, C_GetInterfaceList and C_GetInterface (PKCS#11 3.2, 5.4): the only exports of
//! the library. A module that may load another PKCS#11 module into the same process must not export
//! `C_Sign`. They work before C_Initialize and after C_Finalize.

use super::borrow::{List, Place};
use super::entries::{LIST_2_40, LIST_3_0, LIST_3_2};
use super::fence;
use crate::ck::{Error, Result};
use crate::sys::abi::{
    self, CK_FLAGS, CK_FUNCTION_LIST, CK_INTERFACE, CK_RV, CK_ULONG, CK_UTF8CHAR, CK_VERSION,
};
use cryptoki_sys::CKF_INTERFACE_FORK_SAFE;
use std::ffi::CStr;

/// The name of every interface of the standard.
const NAME: &CStr = c"PKCS 11";

/// What there is, the newest first: the default is the first that fits.
static INTERFACES: Interfaces = Interfaces([
    interface((&raw const LIST_3_2).cast()),
    interface((&raw const LIST_3_0).cast()),
    interface((&raw const LIST_2_40).cast()),
]);
const VERSIONS: [CK_VERSION; 3] = [LIST_3_2.version, LIST_3_0.version, LIST_2_40.version];

struct Interfaces([CK_INTERFACE; 3]);

// SAFETY: the pointers inside lead to statics that nobody writes.
unsafe impl Sync for Interfaces {}

const fn interface(list: *const std::ffi::c_void) -> CK_INTERFACE {
    CK_INTERFACE {
        pInterfaceName: NAME.as_ptr().cast_mut().cast(),
        pFunctionList: list.cast_mut(),
        flags: CKF_INTERFACE_FORK_SAFE,
    }
}

/// C_GetFunctionList: the list of version 2.40.
///
/// # Safety
/// `list` is NULL or may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetFunctionList(list: *mut *mut CK_FUNCTION_LIST) -> CK_RV {
    // SAFETY: our own caller vouches for `list`.
    let place = unsafe { Place::new(list) };
    fence(|| place.fill(|| Ok((&raw const LIST_2_40).cast_mut())))
}

/// C_GetInterfaceList: all interfaces, the newest first.
///
/// # Safety
/// `count` is NULL or may be read and written; `list` is NULL or may be written as far as `count`
/// says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetInterfaceList(list: *mut CK_INTERFACE, count: *mut CK_ULONG) -> CK_RV {
    // SAFETY: our own caller vouches for both.
    let place = unsafe { List::new(list, count) };
    fence(|| place.fill(|| Ok(INTERFACES.0.to_vec())))
}

/// C_GetInterface: the newest interface with this name, this version and these flags; what is NULL or
/// 0 fits all. `CKR_ARGUMENTS_BAD` where there is none.
///
/// # Safety
/// `name` is NULL or text that ends with a zero byte; `version` is NULL or may be read; `found` is
/// NULL or may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetInterface(
    name: *mut CK_UTF8CHAR,
    version: *mut CK_VERSION,
    found: *mut *mut CK_INTERFACE,
    flags: CK_FLAGS,
) -> CK_RV {
    // SAFETY: our own caller vouches for `found`.
    let found = unsafe { Place::new(found) };
    fence(|| {
        // SAFETY: our own caller vouches for `name`.
        let named = unsafe { is_standard_name(name) }?;
        let version = if version.is_null() {
            None
        } else {
            // SAFETY: our own caller vouches for `version`.
            Some(unsafe { abi::read(version.cast_const()) }?)
        };
        let fits = |interface: &CK_INTERFACE, of: &CK_VERSION| {
            named
                && version.is_none_or(|wanted| wanted.major == of.major && wanted.minor == of.minor)
                && flags & !{ interface.flags } == 0
        };
        let interface = INTERFACES.0.iter().zip(&VERSIONS).find(|(interface, of)| fits(interface, of));
        found.fill(|| match interface {
            Some((interface, _)) => Ok(std::ptr::from_ref(interface).cast_mut()),
            None => Err(Error::ArgumentsBad),
        })
    })
}

/// Whether an interface name is NULL or the standard's. Reads no byte beyond the first difference.
///
/// # Safety
/// As `name` of [`C_GetInterface`].
unsafe fn is_standard_name(name: *const u8) -> Result<bool> {
    if name.is_null() {
        return Ok(true);
    }
    for (at, expected) in NAME.to_bytes_with_nul().iter().enumerate() {
        // SAFETY: every byte before was equal and not zero, so the text has not ended.
        if unsafe { abi::read(name.wrapping_add(at)) }? != *expected {
            return Ok(false);
        }
    }
    Ok(true)
}
