//! The table's argument types that mean more than bytes: mechanisms, PINs and the label of a token.

use super::borrow::Input;
use crate::ck::{CK_ULONG, Error, Mechanism, Result};
use crate::crypto;
use crate::secret::Pin;
use crate::sys::abi::CK_MECHANISM;
use crate::sys::{abi, params};

/// Longest PIN that is copied, in bytes. How long a PIN may be is the token's question.
const LONGEST_PIN: CK_ULONG = 64 * 1024;

/// A pointer to a mechanism.
pub(crate) struct MechanismPointer(*const CK_MECHANISM);

impl MechanismPointer {
    /// # Safety
    /// As [`params::read`], while the value lives.
    pub(crate) unsafe fn new(mechanism: *mut CK_MECHANISM) -> Self {
        Self(mechanism)
    }

    /// The mechanism. `CKR_ARGUMENTS_BAD` for NULL; else the errors of [`params::read`].
    pub(crate) fn required(&self) -> Result<Mechanism> {
        let shape = |ckm| crypto::table::find(ckm).map(|(_, row)| row.shape);
        // SAFETY: the promise of `new`.
        unsafe { params::read(self.0, shape) }
    }

    /// The mechanism, or none for NULL: an Init function then cancels the operation.
    pub(crate) fn optional(&self) -> Result<Option<Mechanism>> {
        if self.0.is_null() { Ok(None) } else { self.required().map(Some) }
    }
}

/// A PIN: a pointer and a length. NULL without a length means that the PIN comes another way
/// (`CKF_PROTECTED_AUTHENTICATION_PATH`).
pub(crate) struct PinInput(Input);

impl PinInput {
    /// # Safety
    /// As [`Input::new`].
    pub(crate) unsafe fn new(start: *mut u8, len: CK_ULONG) -> Self {
        // SAFETY: passed on.
        Self(unsafe { Input::new(start, len) })
    }

    /// A copy of the PIN. `CKR_PIN_LEN_RANGE` where it is absurdly long, `CKR_ARGUMENTS_BAD` for NULL
    /// with a length.
    pub(crate) fn read(&self) -> Result<Option<Pin>> {
        if self.0.is_null() && self.0.len() == 0 {
            return Ok(None);
        }
        if self.0.len() > LONGEST_PIN {
            return Err(if self.0.is_null() { Error::ArgumentsBad } else { Error::PinLenRange });
        }
        self.0.bytes().map(Pin::from_slice).map(Some)
    }
}

/// The label of C_InitToken: always 32 bytes, padded with blanks.
pub(crate) struct LabelPointer(*const u8);

impl LabelPointer {
    /// # Safety
    /// `label` is NULL or 32 bytes from it are readable while the value lives.
    pub(crate) unsafe fn new(label: *mut u8) -> Self {
        Self(label)
    }

    /// A copy of the label. `CKR_ARGUMENTS_BAD` for NULL.
    pub(crate) fn read(&self) -> Result<[u8; 32]> {
        // SAFETY: the promise of `new`; an array of bytes has no invalid pattern.
        unsafe { abi::read(self.0.cast()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ptr::null_mut;

    fn pin(start: *mut u8, len: CK_ULONG) -> Result<Option<Vec<u8>>> {
        // SAFETY: the tests pass NULL, memory of their own, or a length that is refused.
        let input = unsafe { PinInput::new(start, len) };
        input.read().map(|pin| pin.map(|pin| pin.expose().to_vec()))
    }

    #[test]
    fn pin_null_is_none_only_without_a_length() {
        let mut bytes = *b"1234";
        assert_eq!(pin(null_mut(), 0), Ok(None));
        for len in [1, CK_ULONG::MAX] {
            assert_eq!(pin(null_mut(), len), Err(Error::ArgumentsBad));
        }
        assert_eq!(pin(bytes.as_mut_ptr(), 0), Ok(Some(vec![])));
        assert_eq!(pin(bytes.as_mut_ptr(), 4), Ok(Some(b"1234".to_vec())));
        for len in [LONGEST_PIN + 1, CK_ULONG::MAX] {
            assert_eq!(pin(bytes.as_mut_ptr(), len), Err(Error::PinLenRange));
        }
    }

    #[test]
    fn label_null_is_refused() {
        // SAFETY: NULL is refused.
        assert_eq!(unsafe { LabelPointer::new(null_mut()) }.read(), Err(Error::ArgumentsBad));
        let mut label = *b"a token                         ";
        // SAFETY: 32 bytes of our own.
        assert_eq!(unsafe { LabelPointer::new(label.as_mut_ptr()) }.read(), Ok(label));
    }

    #[test]
    fn mechanism_null_cancels_or_is_refused() {
        // SAFETY: NULL is not followed.
        let null = unsafe { MechanismPointer::new(null_mut()) };
        assert!(matches!(null.optional(), Ok(None)));
        assert_eq!(null.required().unwrap_err(), Error::ArgumentsBad);
    }
}
