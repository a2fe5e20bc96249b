//! Elliptic curves over prime fields (SP 800-186, SEC 2, RFC 5639).

/// A curve.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Group {
    /// NIST P-256.
    P256,
    /// NIST P-384.
    P384,
    /// NIST P-521.
    P521,
    /// NIST P-224.
    P224,
    /// secp256k1.
    Secp256k1,
    /// brainpoolP256r1.
    BrainpoolP256r1,
    /// brainpoolP384r1.
    BrainpoolP384r1,
    /// brainpoolP512r1.
    BrainpoolP512r1,
}

impl Group {
    /// Length of a coordinate and of a scalar in bytes.
    pub const fn len(self) -> usize {
        match self {
            Self::P224 => 28,
            Self::P256 | Self::Secp256k1 | Self::BrainpoolP256r1 => 32,
            Self::P384 | Self::BrainpoolP384r1 => 48,
            Self::BrainpoolP512r1 => 64,
            Self::P521 => 66,
        }
    }

    /// Length of an uncompressed point in bytes.
    pub const fn point_len(self) -> usize {
        1 + 2 * self.len()
    }
}
