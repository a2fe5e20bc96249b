//! Reasons of a revocation: KMIP 2.1, 11.47. The numbers are those of `include/keyward.h`.

/// Why a key is taken out of service.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u64)]
pub enum Revocation {
    /// No reason given.
    Unspecified = 1,
    /// Somebody else has the key, or may have it.
    KeyCompromise = 2,
    /// The authority that certified it was broken into.
    CaCompromise = 3,
    /// Its owner now belongs elsewhere.
    AffiliationChanged = 4,
    /// Another key took its place.
    Superseded = 5,
    /// What it was for is over.
    CessationOfOperation = 6,
    /// Its owner may not use it any more.
    PrivilegeWithdrawn = 7,
}

impl Revocation {
    /// Every reason, in the order of the numbers.
    pub const ALL: [Self; 7] = [
        Self::Unspecified,
        Self::KeyCompromise,
        Self::CaCompromise,
        Self::AffiliationChanged,
        Self::Superseded,
        Self::CessationOfOperation,
        Self::PrivilegeWithdrawn,
    ];

    /// The word that the command takes.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::KeyCompromise => "key-compromise",
            Self::CaCompromise => "ca-compromise",
            Self::AffiliationChanged => "affiliation-changed",
            Self::Superseded => "superseded",
            Self::CessationOfOperation => "cessation-of-operation",
            Self::PrivilegeWithdrawn => "privilege-withdrawn",
        }
    }

    /// The number in `CKA_KEYWARD_REVOCATION_REASON`.
    pub const fn number(self) -> u64 {
        self as u64
    }

    /// The reason of a number.
    pub fn from_number(number: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.number() == number)
    }
}

impl std::str::FromStr for Revocation {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|reason| reason.word() == word).ok_or_else(|| {
            let words: Vec<_> = Self::ALL.into_iter().map(Self::word).collect();
            format!("one of {}", words.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_header() {
        let header = include_str!("../../include/keyward.h");
        for reason in Revocation::ALL {
            let name = reason.word().to_uppercase().replace('-', "_");
            let line = header
                .lines()
                .find(|line| line.split_whitespace().nth(1) == Some(&format!("KEYWARD_REVOCATION_{name}")));
            let number = format!("{}UL", reason.number());
            assert_eq!(line.and_then(|line| line.split_whitespace().nth(2)), Some(number.as_str()), "{name}");
            assert_eq!(reason.word().parse(), Ok(reason));
            assert_eq!(Revocation::from_number(reason.number()), Some(reason));
        }
        assert!("stolen".parse::<Revocation>().is_err());
    }
}
