//! Where the module refuses what a vector file calls valid, and why. Each row is a stricter refusal; that the module
//! takes what a file calls invalid is never excused.

use cryptoki_sys::*;

/// Which vectors of a file.
pub enum Which {
    /// Those with one of these flags of Wycheproof's.
    Flag(&'static str),
    /// Those whose runner tells this of them, in words of its own.
    Told(&'static str),
}

/// One stricter refusal.
pub struct Deviation {
    /// The beginning of the file's name.
    pub file: &'static str,
    pub which: Which,
    /// What the module answers.
    pub code: CK_RV,
    /// The number in `ulDeviceError` where the policy refuses.
    pub reason: Option<CK_ULONG>,
    pub why: &'static str,
}

/// Where the file's flag says what is special.
const fn flag(file: &'static str, flag: &'static str, code: CK_RV, why: &'static str) -> Deviation {
    Deviation { file, which: Which::Flag(flag), code, reason: None, why }
}

/// Where the runner does.
const fn told(file: &'static str, told: &'static str, code: CK_RV, why: &'static str) -> Deviation {
    Deviation { file, which: Which::Told(told), code, reason: None, why }
}

pub const DEVIATIONS: &[Deviation] = &[
    flag(
        "aes_gcm_test.json",
        "LongIv",
        CKR_MECHANISM_PARAM_INVALID,
        "nonces of more than 256 bytes, the most that PKCS#11 2.40 lets a caller give",
    ),
    told(
        "ACVP-AES-CTR",
        "counter overflows",
        CKR_DATA_LEN_RANGE,
        "a counter that overflows its bits ends the message (PKCS#11 3.2, 6.11); SP 800-38A goes on at zero",
    ),
    told("ACVP-AES-CTR", "counter overflows", CKR_ENCRYPTED_DATA_LEN_RANGE, "as above, decrypting"),
    told(
        "hmac_",
        "empty key",
        CKR_TEMPLATE_INCOMPLETE,
        "an empty key: an empty CKA_VALUE is as good as none",
    ),
    told(
        "rsa_oaep_misc_test.json",
        "small private key",
        CKR_KEY_SIZE_RANGE,
        "private RSA keys below 2048 bits are not taken in",
    ),
    told(
        "rsa_oaep_",
        "truncated SHA-512",
        CKR_MECHANISM_PARAM_INVALID,
        "OAEP with SHA-512/224 or SHA-512/256, which the engine does not have",
    ),
    told(
        "",
        "short base key",
        CKR_KEY_SIZE_RANGE,
        "nothing is derived from a key below 112 bits under the default policy",
    ),
    told(
        "",
        "short derived key",
        CKR_KEY_SIZE_RANGE,
        "no key below 112 bits is made under the default policy",
    ),
    told(
        "KDF/nist-800-108-",
        "Triple DES",
        CKR_ATTRIBUTE_VALUE_INVALID,
        "nothing is derived by Triple DES, which is here to read what is old",
    ),
    told(
        "hkdf_",
        "long derived key",
        CKR_ATTRIBUTE_VALUE_INVALID,
        "secret keys of more than 1024 bytes are not made",
    ),
];
