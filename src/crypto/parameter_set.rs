//! The parameter sets of the post-quantum algorithms, all in one: what `CKA_PARAMETER_SET` of a key names.

use super::{ml_dsa, ml_kem, slh_dsa};
use crate::ck::{CK_KEY_TYPE, CK_ULONG};
use cryptoki_sys::{CKK_ML_DSA, CKK_ML_KEM, CKK_SLH_DSA};

/// A parameter set of one of the algorithms.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ParameterSet {
    /// Of ML-KEM (FIPS 203, 8).
    MlKem(ml_kem::Set),
    /// Of ML-DSA (FIPS 204, 4).
    MlDsa(ml_dsa::Set),
    /// Of SLH-DSA (FIPS 205, 11).
    SlhDsa(slh_dsa::Set),
}

impl ParameterSet {
    /// Every parameter set, algorithm by algorithm.
    pub const ALL: [Self; 18] = [
        Self::MlKem(ml_kem::Set::Kem512),
        Self::MlKem(ml_kem::Set::Kem768),
        Self::MlKem(ml_kem::Set::Kem1024),
        Self::MlDsa(ml_dsa::Set::Dsa44),
        Self::MlDsa(ml_dsa::Set::Dsa65),
        Self::MlDsa(ml_dsa::Set::Dsa87),
        Self::SlhDsa(slh_dsa::Set::Sha2_128s),
        Self::SlhDsa(slh_dsa::Set::Shake_128s),
        Self::SlhDsa(slh_dsa::Set::Sha2_128f),
        Self::SlhDsa(slh_dsa::Set::Shake_128f),
        Self::SlhDsa(slh_dsa::Set::Sha2_192s),
        Self::SlhDsa(slh_dsa::Set::Shake_192s),
        Self::SlhDsa(slh_dsa::Set::Sha2_192f),
        Self::SlhDsa(slh_dsa::Set::Shake_192f),
        Self::SlhDsa(slh_dsa::Set::Sha2_256s),
        Self::SlhDsa(slh_dsa::Set::Shake_256s),
        Self::SlhDsa(slh_dsa::Set::Sha2_256f),
        Self::SlhDsa(slh_dsa::Set::Shake_256f),
    ];

    /// The set of a key type and a `CKA_PARAMETER_SET`; `None` for key types without sets and numbers without one.
    pub fn of(key_type: CK_KEY_TYPE, number: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|set| set.key_type() == key_type && set.number() == number)
    }

    /// The key type that it belongs to.
    pub const fn key_type(self) -> CK_KEY_TYPE {
        match self {
            Self::MlKem(_) => CKK_ML_KEM,
            Self::MlDsa(_) => CKK_ML_DSA,
            Self::SlhDsa(_) => CKK_SLH_DSA,
        }
    }

    /// Its `CKA_PARAMETER_SET`.
    pub fn number(self) -> CK_ULONG {
        match self {
            Self::MlKem(set) => ml_kem::number_of(set),
            Self::MlDsa(set) => ml_dsa::number_of(set),
            Self::SlhDsa(set) => slh_dsa::number_of(set),
        }
    }

    /// Size of its keys in bits, as policies and mechanisms count it: the length of the public key.
    pub fn bits(self) -> u32 {
        match self {
            Self::MlKem(set) => ml_kem::bits(set),
            Self::MlDsa(set) => ml_dsa::bits(set),
            Self::SlhDsa(set) => slh_dsa::bits(set),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cryptoki_sys::*;

    #[test]
    fn every_set_is_found_by_its_numbers() {
        for set in ParameterSet::ALL {
            assert_eq!(ParameterSet::of(set.key_type(), set.number()), Some(set));
        }
        for (key_type, number, bits) in [
            (CKK_ML_KEM, CKP_ML_KEM_768, 9472),
            (CKK_ML_DSA, CKP_ML_DSA_44, 10_496),
            (CKK_ML_DSA, CKP_ML_DSA_87, 20_736),
            (CKK_SLH_DSA, CKP_SLH_DSA_SHA2_128S, 256),
            (CKK_SLH_DSA, CKP_SLH_DSA_SHAKE_192F, 384),
            (CKK_SLH_DSA, CKP_SLH_DSA_SHAKE_256F, 512),
        ] {
            assert_eq!(ParameterSet::of(key_type, number).map(ParameterSet::bits), Some(bits));
        }
        for (key_type, number) in [(CKK_ML_KEM, 0), (CKK_ML_DSA, 4), (CKK_SLH_DSA, 13), (CKK_RSA, 1)] {
            assert_eq!(ParameterSet::of(key_type, number), None);
        }
    }
}
