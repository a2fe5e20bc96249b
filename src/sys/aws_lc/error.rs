//! The one place that empties AWS-LC's error queue.

use aws_lc_sys::{ERR_clear_error, ERR_get_error};
use std::ffi::c_int;

pub use crate::sys::primitives::{Answer, Failure};

impl Failure {
    /// Takes the oldest error of this thread and empties its queue.
    #[cold]
    pub(super) fn take() -> Self {
        // SAFETY: reads and changes the error queue of this thread only; has no preconditions.
        let code = unsafe { ERR_get_error() };
        // SAFETY: as above.
        unsafe { ERR_clear_error() };
        Self::with_code(code)
    }
}

/// Turns the answer of a C function, 1 for success, into ours.
#[inline]
pub(super) fn succeeded(answer: c_int) -> Answer<()> {
    if answer == 1 { Ok(()) } else { Err(Failure::take()) }
}

/// Goes on where the condition holds; the caller's lengths are wrong otherwise.
#[inline]
pub(super) const fn require(condition: bool) -> Answer<()> {
    if condition { Ok(()) } else { Err(Failure::MISUSE) }
}
