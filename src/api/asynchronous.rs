//! Asynchronous function management (PKCS#11 3.2, 5.21), for a module whose calls end before they return:
//! C_OpenSession refuses CKF_ASYNC_SESSION, so there is never an operation to ask for.

use super::Module;
use crate::ck::{Error, Result, SessionHandle};

/// C_AsyncComplete.
///
/// # Errors
/// `CKR_OPERATION_NOT_INITIALIZED`: no function is pending.
pub fn complete(m: &Module, s: SessionHandle) -> Result<()> {
    m.session(s)?;
    Err(Error::OperationNotInitialized)
}

/// C_AsyncGetID.
///
/// # Errors
/// `CKR_OPERATION_NOT_INITIALIZED`: "for a function that is not performing an asynchronous operation".
pub fn id(m: &Module, s: SessionHandle) -> Result<()> {
    m.session(s)?;
    Err(Error::OperationNotInitialized)
}

/// C_AsyncJoin.
///
/// # Errors
/// `CKR_SAVED_STATE_INVALID`: C_AsyncGetID never gave the number.
pub fn join(m: &Module, s: SessionHandle) -> Result<()> {
    m.session(s)?;
    Err(Error::SavedStateInvalid)
}
