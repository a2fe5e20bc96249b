//! Floor 2: bytes that are locked, wiped and never printed.
//!
//! Types here have no `Clone`, no `Debug`, no `PartialEq` and no serialisation, and nothing here may
//! get one: a secret is exposed by name or compared in constant time.
#![forbid(unsafe_code)]

mod bytes;
mod pin;
mod shielded;

pub use bytes::Secret;
pub use pin::Pin;
pub use shielded::Shielded;
