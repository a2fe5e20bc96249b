//! Which library does the work of a mechanism: for `docs/mechanisms.md`, and for nobody who computes.

use super::mechanism::Row;
use std::fmt;

/// Who computes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Library {
    /// The engine ([`super::engine`]).
    Engine,
    /// The module's random generator ([`super::random`]).
    Generator,
    /// Code of this floor that puts the engine's digests, MACs and ciphers together.
    Composed,
    /// A crate by its name, for what the engine does not have.
    Crate(&'static str),
}

/// The libraries of a mechanism. A secret key comes from the generator; everything that is not named here is the
/// engine's.
pub fn of(row: &Row) -> &'static [Library] {
    if row.ops.generate.is_some() { &[Library::Generator] } else { &[Library::Engine] }
}

impl fmt::Display for Library {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Engine => f.write_str("AWS-LC"),
            Self::Generator => f.write_str("`rand_chacha`"),
            Self::Composed => f.write_str("keyward over AWS-LC"),
            Self::Crate(name) => write!(f, "`{name}`"),
        }
    }
}
