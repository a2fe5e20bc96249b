//! General-purpose functions (PKCS#11 3.2, 5.4).

use super::Module;

/// A `CK_VERSION`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Version {
    /// Before the dot.
    pub major: u8,
    /// After the dot.
    pub minor: u8,
}

/// The version of this library.
pub const VERSION: Version = Version { major: 0, minor: 1 };
/// Who makes it, as every information structure says.
pub const MANUFACTURER: &str = "keyward";

/// What C_GetInfo tells, besides the version of the standard.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LibraryInfo {
    /// At most 32 bytes are seen.
    pub manufacturer: String,
    /// At most 32 bytes are seen.
    pub description: String,
    /// Version of the library.
    pub version: Version,
}

/// C_GetInfo.
pub fn info(_m: &Module) -> LibraryInfo {
    LibraryInfo {
        manufacturer: MANUFACTURER.to_owned(),
        description: "keyward PKCS#11 module".to_owned(),
        version: VERSION,
    }
}
