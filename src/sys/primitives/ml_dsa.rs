//! The parameter sets of ML-DSA (FIPS 204).

/// Length of the seed of a key pair in bytes.
pub const SEED: usize = 32;
/// Length of a message representative (mu) in bytes.
pub const MU: usize = 64;

/// A parameter set (FIPS 204, 4).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Set {
    /// ML-DSA-44.
    Dsa44,
    /// ML-DSA-65.
    Dsa65,
    /// ML-DSA-87.
    Dsa87,
}

impl Set {
    /// All sets, from the weakest to the strongest.
    pub const ALL: [Self; 3] = [Self::Dsa44, Self::Dsa65, Self::Dsa87];

    /// Length of a public key in bytes.
    pub const fn public_len(self) -> usize {
        match self {
            Self::Dsa44 => 1312,
            Self::Dsa65 => 1952,
            Self::Dsa87 => 2592,
        }
    }

    /// Length of a private key in bytes.
    pub const fn private_len(self) -> usize {
        match self {
            Self::Dsa44 => 2560,
            Self::Dsa65 => 4032,
            Self::Dsa87 => 4896,
        }
    }

    /// Length of a signature in bytes.
    pub const fn signature_len(self) -> usize {
        match self {
            Self::Dsa44 => 2420,
            Self::Dsa65 => 3309,
            Self::Dsa87 => 4627,
        }
    }
}
