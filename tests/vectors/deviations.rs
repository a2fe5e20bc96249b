//! Where the module refuses what a vector file calls valid, and why. Each row is a stricter refusal. That the module
//! takes what a file calls invalid is excused in one case only, by a clause of PKCS#11's own.

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
    /// The section of the document whose test needs it. A row that its test does not need any more fails it.
    pub section: &'static str,
    /// The beginning of the file's name.
    pub file: &'static str,
    pub which: Which,
    /// What the module answers.
    pub code: CK_RV,
    /// The number in `ulDeviceError` where the policy refuses.
    pub reason: Option<CK_ULONG>,
    pub why: &'static str,
}

/// The policy's reason for keys that are too weak (docs/policy-reference.md).
const STRENGTH: Option<CK_ULONG> = Some(0x402);

pub const DEVIATIONS: &[Deviation] = &[
    Deviation {
        section: "Ciphers",
        file: "ACVP-AES-CTR",
        which: Which::Told("counter overflows"),
        code: CKR_DATA_LEN_RANGE,
        reason: None,
        why: "a counter that overflows its bits ends the message (PKCS#11 3.2, 6.11); SP 800-38A goes on at zero",
    },
    Deviation {
        section: "Ciphers",
        file: "ACVP-AES-CTR",
        which: Which::Told("counter overflows"),
        code: CKR_ENCRYPTED_DATA_LEN_RANGE,
        reason: None,
        why: "as above, decrypting",
    },
    Deviation {
        section: "AEAD",
        file: "aes_gcm_test.json",
        which: Which::Flag("LongIv"),
        code: CKR_MECHANISM_PARAM_INVALID,
        reason: None,
        why: "nonces of more than 256 bytes, the most that PKCS#11 2.40 lets a caller give",
    },
    Deviation {
        section: "RSA decryption",
        file: "rsa_oaep_misc_test.json",
        which: Which::Told("small private key"),
        code: CKR_KEY_SIZE_RANGE,
        reason: None,
        why: "private RSA keys below 2048 bits are not taken in",
    },
    Deviation {
        section: "Diffie-Hellman",
        file: "asymmetric/DH",
        which: Which::Told("group without a name"),
        code: CKR_DOMAIN_PARAMS_INVALID,
        reason: None,
        why: "groups that neither RFC 7919 nor RFC 3526 names are not taken in: nobody could say at each use whether they are sound",
    },
    Deviation {
        section: "HKDF",
        file: "",
        which: Which::Told("short base key"),
        code: CKR_KEY_SIZE_RANGE,
        reason: STRENGTH,
        why: "nothing is derived from a key below 112 bits under the default policy",
    },
    Deviation {
        section: "HKDF",
        file: "hkdf_",
        which: Which::Told("long derived key"),
        code: CKR_ATTRIBUTE_VALUE_INVALID,
        reason: None,
        why: "secret keys of more than 1024 bytes are not made",
    },
    Deviation {
        section: "SP 800-108",
        file: "KDF/nist-800-108-",
        which: Which::Told("Triple DES"),
        code: CKR_ATTRIBUTE_VALUE_INVALID,
        reason: None,
        why: "nothing is derived by Triple DES, which is here to read what is old",
    },
];

/// What the module takes though its file calls it invalid, because PKCS#11 defines it otherwise.
pub struct Allowance {
    /// The section of the document whose test needs it.
    pub section: &'static str,
    /// The flag of Wycheproof's that says what is wrong.
    pub flag: &'static str,
    pub why: &'static str,
}

/// The reason, for the page. The signature is taken only if the same two numbers in full length are good.
const SHORT_SIGNATURE: &str = "shorter than twice the order, which IEEE P1363 refuses and PKCS#11 3.2 allows (6.3, EC \
    signatures: \"For signatures passed to a token for verification, the signature may have a shorter length\"); the same \
    numbers in full length are good";

pub const ALLOWANCES: &[Allowance] = &[
    Allowance { section: "ECDSA with P-256, P-384, P-521", flag: "SignatureSize", why: SHORT_SIGNATURE },
    Allowance { section: "ECDSA with other curves", flag: "SignatureSize", why: SHORT_SIGNATURE },
];
