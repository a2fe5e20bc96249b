//! The extendable-output functions of FIPS 202.

/// A function of FIPS 202.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Function {
    /// SHAKE128.
    Shake128,
    /// SHAKE256.
    Shake256,
}
