//! Elliptic curves over prime fields (SP 800-186).

/// A curve.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Group {
    /// NIST P-256.
    P256,
    /// NIST P-384.
    P384,
    /// NIST P-521.
    P521,
}

impl Group {
    /// Length of a coordinate and of a scalar in bytes.
    pub const fn len(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    /// Length of an uncompressed point in bytes.
    pub const fn point_len(self) -> usize {
        1 + 2 * self.len()
    }
}
