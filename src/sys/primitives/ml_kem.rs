//! The parameter sets of ML-KEM (FIPS 203).

/// Length of the seed of a key pair in bytes: d and z.
pub const SEED: usize = 64;
/// Length of the randomness of an encapsulation in bytes.
pub const RANDOMNESS: usize = 32;
/// Length of a shared secret in bytes.
pub const SHARED: usize = 32;

/// A parameter set (FIPS 203, 8).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Set {
    /// ML-KEM-512.
    Kem512,
    /// ML-KEM-768.
    Kem768,
    /// ML-KEM-1024.
    Kem1024,
}

impl Set {
    /// k of FIPS 203, table 2.
    const fn rank(self) -> usize {
        match self {
            Self::Kem512 => 2,
            Self::Kem768 => 3,
            Self::Kem1024 => 4,
        }
    }

    /// Length of an encapsulation key in bytes.
    pub const fn public_len(self) -> usize {
        384 * self.rank() + 32
    }

    /// Length of a decapsulation key in bytes.
    pub const fn private_len(self) -> usize {
        768 * self.rank() + 96
    }

    /// Length of a ciphertext in bytes.
    pub const fn ciphertext_len(self) -> usize {
        match self {
            Self::Kem512 => 768,
            Self::Kem768 => 1088,
            Self::Kem1024 => 1568,
        }
    }

    /// The encapsulation key inside a decapsulation key (FIPS 203, algorithm 16).
    pub fn public_part(self, private: &[u8]) -> Option<&[u8]> {
        let start = 384 * self.rank();
        private.get(start..start + self.public_len())
    }
}
