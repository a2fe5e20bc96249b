//! Why keyward does not have what others have.

/// Mechanisms (`*` stands for anything) and the reason; the first that matches counts. What is not here is not there
/// yet.
pub const REASONS: &[(&str, &str)] = &[
    ("CKM_NSS_*", NSS),
    ("CKM_TLS_PRF_GENERAL", NSS),
    ("KRM_*", "a number of Kryoptic's own"),
    ("CKM_MD2*", BROKEN_DIGEST),
    ("CKM_MD5*", BROKEN_DIGEST),
    ("CKM_SSL3_*", OLD_TLS),
    ("CKM_TLS_MASTER_KEY_DERIVE*", OLD_TLS),
    ("CKM_TLS_KEY_AND_MAC_DERIVE", OLD_TLS),
    ("CKM_PBE_*", OLD_PASSWORDS),
    ("CKM_PBA_*", OLD_PASSWORDS),
    ("CKM_DES_*", SHORT_KEYS),
    ("CKM_CDMF_*", SHORT_KEYS),
    ("CKM_RC2_*", SHORT_KEYS),
    ("CKM_RC4*", "RC4 is broken, and RFC 7465 forbids it"),
    ("CKM_DES2_*", SMALL_BLOCKS),
    ("CKM_DES3_*", SMALL_BLOCKS),
    ("CKM_AES_MAC*", "CBC-MAC can be forged for messages of different lengths; CMAC is the one to use"),
    ("CKM_AES_XCBC_MAC*", "CMAC took its place"),
    ("CKM_DSA*", "FIPS 186-5 has no DSA signatures any more"),
    ("CKM_PUB_KEY_FROM_PRIV_KEY", "a private key shows CKA_PUBLIC_KEY_INFO, which is its public key"),
    ("CKM_CAMELLIA_*", NATIONAL),
    ("CKM_SEED_*", NATIONAL),
    ("CKM_GOSTR*", NATIONAL),
];

const NSS: &str = "a number of NSS's own, not in the specification";
const BROKEN_DIGEST: &str = "MD2 and MD5 are broken";
const OLD_TLS: &str = "SSL 3.0 and TLS before 1.2 are no more (RFC 7568, RFC 8996)";
const OLD_PASSWORDS: &str = "keys of passwords by PKCS#5 version 1 and PKCS#12; PBKDF2 is the one to use";
const SHORT_KEYS: &str = "keys that are too short to keep anything secret";
const SMALL_BLOCKS: &str = "blocks of 64 bits; SP 800-131A ended encryption with it in 2023";
const NATIONAL: &str = "a national algorithm that no library in use has, or has audited";

/// The reason, if there is one.
pub fn reason(name: &str) -> Option<&'static str> {
    REASONS.iter().find(|(pattern, _)| matches(pattern, name)).map(|(_, reason)| *reason)
}

/// Whether a name is what a pattern describes.
pub fn matches(pattern: &str, name: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(tail) = name.strip_prefix(head) else { return false };
    (0..=tail.len()).any(|at| matches(rest, &tail[at..]))
}
