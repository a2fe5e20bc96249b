//! Floor 12: the inbound C edge, and with `sys` the only floor with `unsafe`.
//!
//! May live here: what turns C's words into Rust's and back. May not: anything that decides about a
//! key, a session or a token. [`entries`] is the table of all functions; [`borrow`], [`template`]
//! and [`arguments`] are the argument types it is written in; [`initialize`] and [`interface`] hold
//! the functions that need no module.
//!
//! The one process-wide static of the crate stands here. Every function that needs a module goes
//! through [`enter`], and every function at all through [`fence`].

// First: its macros are in scope for what follows.
#[macro_use]
mod table;

pub mod arguments;
pub mod borrow;
pub mod derivation;
pub mod entries;
pub mod info;
pub mod initialize;
pub mod interface;
pub mod parameter;
pub mod template;
pub mod wait;

use crate::api::{self, Module};
use crate::ck::CK_FLAGS;
use crate::ck::{Error, Result, SessionHandle};
use crate::sys::abi::CK_RV;
use arc_swap::ArcSwapOption;
use cryptoki_sys::{
    CKF_DECRYPT, CKF_DIGEST, CKF_ENCRYPT, CKF_SIGN, CKF_SIGN_RECOVER, CKF_VERIFY, CKF_VERIFY_RECOVER,
    CKR_GENERAL_ERROR, CKR_OK,
};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::atomic::{AtomicBool, Ordering};

/// The module that C sees, between C_Initialize and C_Finalize. A running call keeps the module it
/// began with, so C_Finalize never pulls it from under another thread. A forked child keeps it too.
static MODULE: ArcSwapOption<Module> = ArcSwapOption::const_empty();

/// Runs the body of a C function on the module. `session` is the handle the function was called
/// with, if it takes one. `CKR_CRYPTOKI_NOT_INITIALIZED` without a module, or after the library has
/// ended.
pub(crate) fn enter(
    function: &'static str,
    session: Option<SessionHandle>,
    work: impl FnOnce(&Module) -> Result<()>,
) -> CK_RV {
    fence(|| {
        if library_has_ended() {
            return Err(Error::CryptokiNotInitialized);
        }
        let module = MODULE.load();
        let module = module.as_deref().ok_or(Error::CryptokiNotInitialized)?;
        work(module).map_err(|error| session_error_first(module, function, session, error))
    })
}

/// The panic fence: the only place that catches, and the only one where an error becomes a `CK_RV`.
/// A panic answers `CKR_GENERAL_ERROR` and nothing on stderr.
pub(crate) fn fence(work: impl FnOnce() -> Result<()>) -> CK_RV {
    let outer = BEHIND_FENCE.replace(true);
    // A panic leaves no half-changed state behind that this closure could see again: `work` is
    // consumed, and what is behind the module's locks is the module's to distrust.
    let outcome = catch_unwind(AssertUnwindSafe(work));
    BEHIND_FENCE.set(outer);
    match outcome {
        Ok(Ok(())) => CKR_OK,
        Ok(Err(error)) => error.code(),
        Err(payload) => {
            // Dropping a payload runs foreign code that may panic again, outside the fence.
            std::mem::forget(payload);
            CKR_GENERAL_ERROR
        }
    }
}

/// "Error codes from 5.1.2 (a session handle's) take precedence over error codes from 5.1.6"
/// (PKCS#11 3.2, 5.1.7), and arguments are read before the session is looked for. So a call that
/// failed over its arguments asks once more whether there is such a session, and ends the operation that it would have
/// gone on with: on the error path only.
fn session_error_first(
    module: &Module,
    function: &str,
    session: Option<SessionHandle>,
    error: Error,
) -> Error {
    let of_arguments = matches!(
        error,
        Error::ArgumentsBad
            | Error::AttributeValueInvalid
            | Error::MechanismInvalid
            | Error::MechanismParamInvalid
            | Error::PinLenRange
    );
    let Some(session) = session.filter(|_| of_arguments) else {
        return error;
    };
    match api::session::session_info(module, session) {
        Err(first @ (Error::SessionHandleInvalid | Error::SessionClosed | Error::DeviceRemoved)) => first,
        _ => {
            // That there is none to be ended is no matter.
            let _ = api::session::session_cancel(module, session, ends(function));
            error
        }
    }
}

/// The operation that a function ends with any error but CKR_BUFFER_TOO_SMALL, as flags of C_SessionCancel: "a call to
/// C_Encrypt always terminates the active encryption operation" (PKCS#11 3.2, 5.8 to 5.16). A message of several and the
/// functions that run two operations have no such sentence.
fn ends(function: &str) -> CK_FLAGS {
    match function {
        "C_Encrypt" | "C_EncryptUpdate" | "C_EncryptFinal" => CKF_ENCRYPT,
        "C_Decrypt" | "C_DecryptUpdate" | "C_DecryptFinal" => CKF_DECRYPT,
        "C_Digest" | "C_DigestUpdate" | "C_DigestFinal" => CKF_DIGEST,
        "C_Sign" | "C_SignUpdate" | "C_SignFinal" => CKF_SIGN,
        "C_SignRecover" => CKF_SIGN_RECOVER,
        "C_Verify" | "C_VerifyUpdate" | "C_VerifyFinal" => CKF_VERIFY,
        "C_VerifySignature" | "C_VerifySignatureUpdate" | "C_VerifySignatureFinal" => CKF_VERIFY,
        "C_VerifyRecover" => CKF_VERIFY_RECOVER,
        _ => 0,
    }
}

/// Whether the process is past the library's destructors: a destructor of another library, or a
/// handler of `atexit`, may still call.
fn library_has_ended() -> bool {
    crate::crypto::engine::has_ended()
}

thread_local! {
    /// Whether this thread is inside a call from C.
    static BEHIND_FENCE: Cell<bool> = const { Cell::new(false) };
}

/// Keeps panics that the fence catches off the host's stderr. All others, where the host is a Rust
/// program that shares our standard library, go to the hook that was there before.
fn silence_caught_panics() {
    static DONE: AtomicBool = AtomicBool::new(false);
    // A hook cannot be set while this thread unwinds; the next C_Initialize will do it.
    if std::thread::panicking() || DONE.swap(true, Ordering::AcqRel) {
        return;
    }
    let before = take_hook();
    set_hook(Box::new(move |panic| {
        if !BEHIND_FENCE.get() {
            before(panic);
        }
    }));
}

/// A seed for C_SeedRandom that panics behind the fence. Test builds only.
#[cfg(feature = "panic-probe")]
const PANIC_PROBE: &[u8; 16] = b"KEYWARD-PANIC!!!";

#[cfg(feature = "panic-probe")]
#[expect(clippy::panic, reason = "to prove that the fence holds")]
fn panic_probe(seed: &[u8]) {
    if seed == PANIC_PROBE {
        panic!("the panic probe");
    }
}

#[cfg(not(feature = "panic-probe"))]
#[inline(always)]
fn panic_probe(_seed: &[u8]) {}

#[cfg(test)]
mod tests;
