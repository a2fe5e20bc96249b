//! C_WaitForSlotEvent (PKCS#11 3.2, 5.5): the only function that may wait for long, so it holds no module
//! while it waits. C_Finalize in another thread takes the module away, and the next look finds that out.

use super::borrow::{Place, ulong};
use super::{MODULE, fence, library_has_ended};
use crate::api::{self, Module};
use crate::ck::{Error, Result};
use crate::sys::abi::{CK_FLAGS, CK_RV, CK_SLOT_ID};
use cryptoki_sys::CKF_DONT_BLOCK;
use std::ffi::c_void;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// Time between two looks. A look costs a few loads when nothing changed.
const PAUSE: Duration = Duration::from_millis(50);

/// C_WaitForSlotEvent.
///
/// # Safety
/// `slot` is NULL or may be written; `reserved` is compared with NULL and never followed.
#[expect(non_snake_case, reason = "the standard's name")]
pub(crate) unsafe extern "C" fn C_WaitForSlotEvent(
    flags: CK_FLAGS,
    slot: *mut CK_SLOT_ID,
    reserved: *mut c_void,
) -> CK_RV {
    // SAFETY: our own caller vouches for `slot`.
    let slot = unsafe { Place::new(slot) };
    fence(|| {
        // Not the module itself: it goes when C_Finalize says so. Only its address stays taken, so that a
        // module of a later C_Initialize is never taken for this one.
        let begun = Arc::downgrade(&current()?);
        if !reserved.is_null() || flags & !CKF_DONT_BLOCK != 0 {
            return Err(Error::ArgumentsBad);
        }
        slot.check()?;
        loop {
            if let Some(event) = api::slot::event(&*same(&begun)?)? {
                slot.put(ulong(event.0));
                return Ok(());
            }
            if flags & CKF_DONT_BLOCK != 0 {
                return Err(Error::NoEvent);
            }
            std::thread::sleep(PAUSE);
        }
    })
}

fn current() -> Result<Arc<Module>> {
    MODULE.load_full().filter(|_| !library_has_ended()).ok_or(Error::CryptokiNotInitialized)
}

/// The module that the call began with, if it is still the one that C sees.
fn same(begun: &Weak<Module>) -> Result<Arc<Module>> {
    let now = current()?;
    if std::ptr::eq(begun.as_ptr(), Arc::as_ptr(&now)) { Ok(now) } else { Err(Error::CryptokiNotInitialized) }
}
