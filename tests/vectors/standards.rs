//! What the vector files call hash functions and curves, and what PKCS#11 does.

use cryptoki_sys::*;

/// A hash function and the mechanisms that use it.
pub struct Hash {
    /// As CAVP and Wycheproof write it: `SHA-256`, `SHA-512/256`, `SHA3-256`.
    pub name: &'static str,
    pub digest: CK_MECHANISM_TYPE,
    pub hmac: CK_MECHANISM_TYPE,
    pub hmac_general: CK_MECHANISM_TYPE,
    /// Length of a digest in bytes.
    pub len: usize,
    pub rsa_pkcs: Option<CK_MECHANISM_TYPE>,
    pub rsa_pss: Option<CK_MECHANISM_TYPE>,
    pub mgf: Option<CK_ULONG>,
    pub ecdsa: Option<CK_MECHANISM_TYPE>,
    pub ml_dsa: Option<CK_MECHANISM_TYPE>,
    pub slh_dsa: Option<CK_MECHANISM_TYPE>,
    pub pbkdf2: Option<CK_ULONG>,
}

macro_rules! hash {
    ($name:literal, $len:literal, $digest:ident, $hmac:ident, $general:ident, $pkcs:expr, $pss:expr, $mgf:expr,
     $ecdsa:expr, $ml_dsa:expr, $slh_dsa:expr, $pbkdf2:expr) => {
        Hash {
            name: $name,
            digest: $digest,
            hmac: $hmac,
            hmac_general: $general,
            len: $len,
            rsa_pkcs: $pkcs,
            rsa_pss: $pss,
            mgf: $mgf,
            ecdsa: $ecdsa,
            ml_dsa: $ml_dsa,
            slh_dsa: $slh_dsa,
            pbkdf2: $pbkdf2,
        }
    };
}

#[rustfmt::skip]
pub const HASHES: &[Hash] = &[
    hash!("SHA-1", 20, CKM_SHA_1, CKM_SHA_1_HMAC, CKM_SHA_1_HMAC_GENERAL, Some(CKM_SHA1_RSA_PKCS),
        Some(CKM_SHA1_RSA_PKCS_PSS), Some(CKG_MGF1_SHA1), Some(CKM_ECDSA_SHA1), None, None,
        Some(CKP_PKCS5_PBKD2_HMAC_SHA1)),
    hash!("SHA-224", 28, CKM_SHA224, CKM_SHA224_HMAC, CKM_SHA224_HMAC_GENERAL, Some(CKM_SHA224_RSA_PKCS),
        Some(CKM_SHA224_RSA_PKCS_PSS), Some(CKG_MGF1_SHA224), Some(CKM_ECDSA_SHA224), Some(CKM_HASH_ML_DSA_SHA224),
        Some(CKM_HASH_SLH_DSA_SHA224), Some(CKP_PKCS5_PBKD2_HMAC_SHA224)),
    hash!("SHA-256", 32, CKM_SHA256, CKM_SHA256_HMAC, CKM_SHA256_HMAC_GENERAL, Some(CKM_SHA256_RSA_PKCS),
        Some(CKM_SHA256_RSA_PKCS_PSS), Some(CKG_MGF1_SHA256), Some(CKM_ECDSA_SHA256), Some(CKM_HASH_ML_DSA_SHA256),
        Some(CKM_HASH_SLH_DSA_SHA256), Some(CKP_PKCS5_PBKD2_HMAC_SHA256)),
    hash!("SHA-384", 48, CKM_SHA384, CKM_SHA384_HMAC, CKM_SHA384_HMAC_GENERAL, Some(CKM_SHA384_RSA_PKCS),
        Some(CKM_SHA384_RSA_PKCS_PSS), Some(CKG_MGF1_SHA384), Some(CKM_ECDSA_SHA384), Some(CKM_HASH_ML_DSA_SHA384),
        Some(CKM_HASH_SLH_DSA_SHA384), Some(CKP_PKCS5_PBKD2_HMAC_SHA384)),
    hash!("SHA-512", 64, CKM_SHA512, CKM_SHA512_HMAC, CKM_SHA512_HMAC_GENERAL, Some(CKM_SHA512_RSA_PKCS),
        Some(CKM_SHA512_RSA_PKCS_PSS), Some(CKG_MGF1_SHA512), Some(CKM_ECDSA_SHA512), Some(CKM_HASH_ML_DSA_SHA512),
        Some(CKM_HASH_SLH_DSA_SHA512), Some(CKP_PKCS5_PBKD2_HMAC_SHA512)),
    hash!("SHA-512/224", 28, CKM_SHA512_224, CKM_SHA512_224_HMAC, CKM_SHA512_224_HMAC_GENERAL, None, None, None, None,
        None, None, Some(CKP_PKCS5_PBKD2_HMAC_SHA512_224)),
    hash!("SHA-512/256", 32, CKM_SHA512_256, CKM_SHA512_256_HMAC, CKM_SHA512_256_HMAC_GENERAL, None, None, None, None,
        None, None, Some(CKP_PKCS5_PBKD2_HMAC_SHA512_256)),
    hash!("SHA3-224", 28, CKM_SHA3_224, CKM_SHA3_224_HMAC, CKM_SHA3_224_HMAC_GENERAL, Some(CKM_SHA3_224_RSA_PKCS),
        Some(CKM_SHA3_224_RSA_PKCS_PSS), Some(CKG_MGF1_SHA3_224), Some(CKM_ECDSA_SHA3_224),
        Some(CKM_HASH_ML_DSA_SHA3_224), Some(CKM_HASH_SLH_DSA_SHA3_224), None),
    hash!("SHA3-256", 32, CKM_SHA3_256, CKM_SHA3_256_HMAC, CKM_SHA3_256_HMAC_GENERAL, Some(CKM_SHA3_256_RSA_PKCS),
        Some(CKM_SHA3_256_RSA_PKCS_PSS), Some(CKG_MGF1_SHA3_256), Some(CKM_ECDSA_SHA3_256),
        Some(CKM_HASH_ML_DSA_SHA3_256), Some(CKM_HASH_SLH_DSA_SHA3_256), None),
    hash!("SHA3-384", 48, CKM_SHA3_384, CKM_SHA3_384_HMAC, CKM_SHA3_384_HMAC_GENERAL, Some(CKM_SHA3_384_RSA_PKCS),
        Some(CKM_SHA3_384_RSA_PKCS_PSS), Some(CKG_MGF1_SHA3_384), Some(CKM_ECDSA_SHA3_384),
        Some(CKM_HASH_ML_DSA_SHA3_384), Some(CKM_HASH_SLH_DSA_SHA3_384), None),
    hash!("SHA3-512", 64, CKM_SHA3_512, CKM_SHA3_512_HMAC, CKM_SHA3_512_HMAC_GENERAL, Some(CKM_SHA3_512_RSA_PKCS),
        Some(CKM_SHA3_512_RSA_PKCS_PSS), Some(CKG_MGF1_SHA3_512), Some(CKM_ECDSA_SHA3_512),
        Some(CKM_HASH_ML_DSA_SHA3_512), Some(CKM_HASH_SLH_DSA_SHA3_512), None),
];

/// One name of the many: `SHA2-256`, `SHA256`, `Sha2_256` and `SHA-256` are the same.
fn plain(name: &str) -> String {
    let name = name.to_ascii_uppercase().replace('_', "-").replace("SHA2-", "SHA");
    name.chars().filter(char::is_ascii_alphanumeric).collect()
}

/// The hash function of a name; `None` for those that PKCS#11 has no digest for (SHAKE).
pub fn hash(name: &str) -> Option<&'static Hash> {
    HASHES.iter().find(|hash| plain(hash.name) == plain(name))
}

/// An elliptic curve.
pub struct Curve {
    /// As Wycheproof writes it.
    pub name: &'static str,
    /// `CKA_EC_PARAMS`: the DER of its OID.
    pub params: &'static [u8],
    /// Length of a coordinate, and of half a signature, in bytes.
    pub len: usize,
}

const fn curve(name: &'static str, params: &'static [u8], len: usize) -> Curve {
    Curve { name, params, len }
}

pub const CURVES: &[Curve] = &[
    curve("secp160k1", &[6, 5, 0x2B, 0x81, 4, 0, 9], 21),
    curve("secp160r1", &[6, 5, 0x2B, 0x81, 4, 0, 8], 21),
    curve("secp160r2", &[6, 5, 0x2B, 0x81, 4, 0, 30], 21),
    curve("secp192k1", &[6, 5, 0x2B, 0x81, 4, 0, 31], 24),
    curve("secp192r1", &[6, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 1], 24),
    curve("secp224k1", &[6, 5, 0x2B, 0x81, 4, 0, 32], 29),
    curve("secp224r1", &[6, 5, 0x2B, 0x81, 4, 0, 33], 28),
    curve("secp256k1", &[6, 5, 0x2B, 0x81, 4, 0, 10], 32),
    curve("secp256r1", &[6, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7], 32),
    curve("secp384r1", &[6, 5, 0x2B, 0x81, 4, 0, 34], 48),
    curve("secp521r1", &[6, 5, 0x2B, 0x81, 4, 0, 35], 66),
    curve("brainpoolP224r1", &[6, 9, 0x2B, 0x24, 3, 3, 2, 8, 1, 1, 5], 28),
    curve("brainpoolP256r1", &[6, 9, 0x2B, 0x24, 3, 3, 2, 8, 1, 1, 7], 32),
    curve("brainpoolP320r1", &[6, 9, 0x2B, 0x24, 3, 3, 2, 8, 1, 1, 9], 40),
    curve("brainpoolP384r1", &[6, 9, 0x2B, 0x24, 3, 3, 2, 8, 1, 1, 11], 48),
    curve("brainpoolP512r1", &[6, 9, 0x2B, 0x24, 3, 3, 2, 8, 1, 1, 13], 64),
    curve("edwards25519", &[6, 3, 0x2B, 0x65, 0x70], 32),
    curve("edwards448", &[6, 3, 0x2B, 0x65, 0x71], 57),
    curve("curve25519", &[6, 3, 0x2B, 0x65, 0x6E], 32),
    curve("curve448", &[6, 3, 0x2B, 0x65, 0x6F], 56),
];

/// The curve of a name: Wycheproof's, or NIST's as in `P-256`.
pub fn curve_of(name: &str) -> &'static Curve {
    let name = match name {
        "P-192" => "secp192r1",
        "P-224" => "secp224r1",
        "P-256" => "secp256r1",
        "P-384" => "secp384r1",
        "P-521" => "secp521r1",
        other => other,
    };
    CURVES.iter().find(|curve| curve.name == name).unwrap_or_else(|| panic!("no curve is called {name}"))
}
