//! What a refused call answers, and the one place that empties AWS-LC's error queue.

use aws_lc_sys::{ERR_clear_error, ERR_get_error};
use std::ffi::c_int;

/// AWS-LC refused. Holds its packed error code, for a log and never for a decision.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Failure(u32);

/// What every fallible function of this layer answers.
pub type Answer<T> = Result<T, Failure>;

impl Failure {
    /// A length or a number that C was not even asked about.
    pub(super) const MISUSE: Self = Self(0);

    /// Takes the oldest error of this thread and empties its queue.
    #[cold]
    pub(super) fn take() -> Self {
        // SAFETY: reads and changes the error queue of this thread only; has no preconditions.
        let code = unsafe { ERR_get_error() };
        // SAFETY: as above.
        unsafe { ERR_clear_error() };
        Self(code)
    }

    /// AWS-LC's packed error code; 0 where this layer refused by itself.
    pub const fn code(self) -> u32 {
        self.0
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
