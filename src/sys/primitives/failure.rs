//! What a refused call answers.

/// The engine refused. Holds its own code, for a log and never for a decision.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Failure(u32);

/// What every fallible function of an engine answers.
pub type Answer<T> = Result<T, Failure>;

impl Failure {
    /// A length or a number that the library was not even asked about.
    pub const MISUSE: Self = Self(0);

    /// A refusal with the library's own code.
    pub const fn with_code(code: u32) -> Self {
        Self(code)
    }

    /// AWS-LC's packed error code; 0 where this module refused by itself, or the library gives no code.
    pub const fn code(self) -> u32 {
        self.0
    }

    /// Goes on where the condition holds; the caller's lengths are wrong otherwise.
    #[inline]
    pub const fn unless(condition: bool) -> Answer<()> {
        if condition { Ok(()) } else { Err(Self::MISUSE) }
    }
}
