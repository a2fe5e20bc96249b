//! Floor 0: the vocabulary. The constants of PKCS#11 3.2, its return codes, the handles that must
//! never be mixed up, and the safe form of a mechanism with its parameter.
//!
//! May live here: words and their conversions. May not: state, input or output, anything that
//! decides. Depends on nothing but the constants of `cryptoki-sys`.
#![forbid(unsafe_code)]

pub mod date;
pub mod derivation;
pub mod mechanism;
pub mod message;
pub mod names;
pub mod params;
pub mod raw;
pub mod rv;
mod summary;
pub mod text;
pub mod vendor;

pub use mechanism::{Mechanism, MechanismSet};
pub use params::Params;
pub use rv::{Error, Result};

pub use cryptoki_sys::{
    CK_ATTRIBUTE_TYPE, CK_CERTIFICATE_TYPE, CK_FLAGS, CK_KEY_TYPE, CK_MECHANISM_TYPE, CK_OBJECT_CLASS,
    CK_ULONG, CK_USER_TYPE,
};

/// `CK_UNAVAILABLE_INFORMATION` (PKCS#11 3.2, 3.1): "the value cannot be given".
pub const CK_UNAVAILABLE_INFORMATION: CK_ULONG = !0;

macro_rules! handle {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
        pub struct $name(pub u64);
    };
}

handle! {
    /// `CK_SLOT_ID`: stays the same over restarts and fits 31 bits.
    SlotId
}
handle! {
    /// `CK_SESSION_HANDLE`. Zero is never valid.
    SessionHandle
}
handle! {
    /// `CK_OBJECT_HANDLE`. Zero is never valid.
    ObjectHandle
}
