//! How strong a key is, in bits of security: SP 800-57 Part 1 Rev. 5, 5.6.1, table 2.
//!
//! The table is a staircase and so are these functions: RSA with 4096 bits counts as RSA with 3072.
//! A key whose strength the table does not tell has none, and a rule that asks for one refuses it.

use crate::ck::CK_KEY_TYPE;
use crate::crypto::{Curve, ParameterSet};
use crate::object::facts::KeyFacts;
use cryptoki_sys::*;

/// A curve as a policy names it: those of ECDSA and ECDH, and the ones of RFC 7748 and RFC 8032.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum NamedCurve {
    /// NIST P-256.
    P256 = 0,
    /// NIST P-384.
    P384 = 1,
    /// NIST P-521.
    P521 = 2,
    /// Ed25519.
    Ed25519 = 3,
    /// Ed448.
    Ed448 = 4,
    /// X25519.
    X25519 = 5,
    /// X448.
    X448 = 6,
    /// NIST P-224.
    P224 = 7,
    /// secp256k1.
    Secp256k1 = 8,
    /// brainpoolP256r1.
    BrainpoolP256r1 = 9,
    /// brainpoolP384r1.
    BrainpoolP384r1 = 10,
    /// brainpoolP512r1.
    BrainpoolP512r1 = 11,
}

impl From<Curve> for NamedCurve {
    fn from(curve: Curve) -> Self {
        match curve {
            Curve::P256 => Self::P256,
            Curve::P384 => Self::P384,
            Curve::P521 => Self::P521,
            Curve::P224 => Self::P224,
            Curve::Secp256k1 => Self::Secp256k1,
            Curve::BrainpoolP256r1 => Self::BrainpoolP256r1,
            Curve::BrainpoolP384r1 => Self::BrainpoolP384r1,
            Curve::BrainpoolP512r1 => Self::BrainpoolP512r1,
        }
    }
}

/// The curve of a key, if it has one and it is known.
pub fn curve(facts: &KeyFacts) -> Option<NamedCurve> {
    match (facts.key_type?, facts.curve, facts.bits) {
        (CKK_EC, Some(curve), _) => Some(curve.into()),
        (CKK_EC_EDWARDS, _, 253..=256) => Some(NamedCurve::Ed25519),
        (CKK_EC_EDWARDS, _, 446..=456) => Some(NamedCurve::Ed448),
        (CKK_EC_MONTGOMERY, _, 253..=256) => Some(NamedCurve::X25519),
        (CKK_EC_MONTGOMERY, _, 446..=448) => Some(NamedCurve::X448),
        _ => None,
    }
}

/// Whether keys of this type lie on a curve.
pub fn has_curve(key_type: CK_KEY_TYPE) -> bool {
    matches!(key_type, CKK_EC | CKK_EC_EDWARDS | CKK_EC_MONTGOMERY)
}

/// Whether keys of this type have a parameter set.
pub fn has_parameter_set(key_type: CK_KEY_TYPE) -> bool {
    ParameterSet::ALL.iter().any(|set| set.key_type() == key_type)
}

/// Bits of security of a key of this type and size; `None` where the table does not tell.
pub fn strength_bits(key_type: CK_KEY_TYPE, bits: u32) -> Option<u32> {
    if bits == 0 {
        return None;
    }
    match key_type {
        // Integer factorisation and finite fields.
        CKK_RSA | CKK_DSA | CKK_DH | CKK_X9_42_DH => {
            Some(step(bits, &[(15_360, 256), (7_680, 192), (3_072, 128), (2_048, 112), (1_024, 80)]))
        }
        CKK_EC => Some(step(bits, &[(512, 256), (384, 192), (256, 128), (224, 112), (160, 80)])),
        // Ed25519 and X25519 have 253 to 256 bits by who counts; SP 800-186, 3.1.2 gives them 128 and
        // the curves of 448 bits 224.
        CKK_EC_EDWARDS | CKK_EC_MONTGOMERY => Some(step(bits, &[(446, 224), (253, 128)])),
        // By the length of the encapsulation key: categories 1, 3 and 5 (FIPS 203, 8).
        CKK_ML_KEM => Some(step(bits, &[(12_544, 256), (9_472, 192), (6_400, 128)])),
        // The same for categories 2, 3 and 5 (FIPS 204, 4).
        CKK_ML_DSA => Some(step(bits, &[(20_736, 256), (15_616, 192), (10_496, 128)])),
        // And 1, 3 and 5 (FIPS 205, 11).
        CKK_SLH_DSA => Some(step(bits, &[(512, 256), (384, 192), (256, 128)])),
        // DES: "less than 80". Two keys: at most 80. Three keys: 112, whether or not parity is counted.
        CKK_DES | CKK_CDMF => Some(0),
        CKK_DES2 => Some(80),
        CKK_DES3 => Some(112),
        // Two AES keys in one.
        CKK_AES_XTS => Some(bits / 2),
        CKK_AES | CKK_CAMELLIA | CKK_ARIA | CKK_SEED | CKK_CHACHA20 | CKK_POLY1305 => Some(bits.min(256)),
        // MAC and derivation keys are as strong as they are long (SP 800-57 Part 1 Rev. 5, 5.6.1;
        // SP 800-107 Rev. 1, 5.3.4).
        CKK_GENERIC_SECRET | CKK_HKDF | CKK_SHA_1_HMAC | CKK_SHA224_HMAC | CKK_SHA256_HMAC
        | CKK_SHA384_HMAC | CKK_SHA512_HMAC | CKK_SHA512_224_HMAC | CKK_SHA512_256_HMAC
        | CKK_SHA512_T_HMAC | CKK_SHA3_224_HMAC | CKK_SHA3_256_HMAC | CKK_SHA3_384_HMAC
        | CKK_SHA3_512_HMAC | CKK_BLAKE2B_160_HMAC | CKK_BLAKE2B_256_HMAC | CKK_BLAKE2B_384_HMAC
        | CKK_BLAKE2B_512_HMAC => Some(bits),
        _ => None,
    }
}

/// The first step that the size reaches; 0 below the lowest.
fn step(bits: u32, steps: &[(u32, u32)]) -> u32 {
    steps.iter().find(|(from, _)| bits >= *from).map_or(0, |(_, strength)| *strength)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strength_follows_table_2() {
        for (key_type, bits, expected) in [
            (CKK_RSA, 1024, Some(80)),
            (CKK_RSA, 2047, Some(80)),
            (CKK_RSA, 2048, Some(112)),
            (CKK_RSA, 3072, Some(128)),
            (CKK_RSA, 4096, Some(128)),
            (CKK_RSA, 7680, Some(192)),
            (CKK_RSA, 15_360, Some(256)),
            (CKK_RSA, 512, Some(0)),
            (CKK_EC, 224, Some(112)),
            (CKK_EC, 256, Some(128)),
            (CKK_EC, 384, Some(192)),
            (CKK_EC, 521, Some(256)),
            (CKK_EC_EDWARDS, 255, Some(128)),
            (CKK_EC_EDWARDS, 448, Some(224)),
            (CKK_ML_DSA, 10_496, Some(128)),
            (CKK_ML_DSA, 15_616, Some(192)),
            (CKK_ML_DSA, 20_736, Some(256)),
            (CKK_SLH_DSA, 256, Some(128)),
            (CKK_SLH_DSA, 384, Some(192)),
            (CKK_SLH_DSA, 512, Some(256)),
            (CKK_AES, 128, Some(128)),
            (CKK_AES, 256, Some(256)),
            (CKK_AES_XTS, 256, Some(128)),
            (CKK_DES, 64, Some(0)),
            (CKK_DES2, 128, Some(80)),
            (CKK_DES3, 192, Some(112)),
            (CKK_GENERIC_SECRET, 160, Some(160)),
            (CKK_RSA, 0, None),
            (CKK_RC4, 128, None),
        ] {
            assert_eq!(strength_bits(key_type, bits), expected, "{key_type} {bits}");
        }
    }
}
