//! While its self-test fails, no mechanism can be used, and none makes a key pair.

use super::fault;
use crate::ck::derivation::{
    Kbkdf, NumberFormat, PrfData, TlsKdf, TlsKeys, TlsMaster, TlsRandoms, TlsSession,
};
use crate::ck::params::Shape;
use crate::ck::{Error, Params, names};
use crate::crypto::mechanism::{Raw, Recipe, Row, Sources};
use crate::crypto::table::MECHANISMS;
use crate::crypto::{Curve, Material, dh};
use crate::secret::Secret;
use cryptoki_sys::*;

/// Templates of which every mechanism that makes key pairs takes one.
fn recipes() -> Vec<Recipe> {
    let ed25519 = [0x06, 0x03, 0x2B, 0x65, 0x70];
    let x25519 = [0x06, 0x03, 0x2B, 0x65, 0x6E];
    let curves = [Curve::P256.ec_params(), &ed25519, &x25519];
    let mut recipes = vec![Recipe { modulus_bits: Some(2048), ..Recipe::default() }];
    recipes.extend(curves.map(|params| Recipe { ec_params: Some(params.to_vec()), ..Recipe::default() }));
    recipes.push(Recipe {
        prime: Some(dh::Group::Ffdhe2048.prime()),
        base: Some(dh::BASE.to_vec()),
        ..Recipe::default()
    });
    recipes.extend((1..=3).map(|set| Recipe { parameter_set: Some(set), ..Recipe::default() }));
    recipes
}

/// Keys of all kinds that can be made.
fn keys() -> Vec<Material> {
    let bytes: Vec<u8> = (1..=64).collect();
    // AES-XTS takes no equal halves, AES no 64 bytes.
    let mut keys: Vec<Material> =
        [&bytes, &bytes[..32], &bytes[..24]].map(|key| Material::Bytes(Secret::from_slice(key))).into();
    for generate in MECHANISMS.iter().filter_map(|row| row.ops.generate_pair) {
        if let Some(pair) = recipes().iter().find_map(|recipe| generate(recipe).ok()) {
            keys.extend([pair.public, pair.private]);
        }
    }
    keys
}

/// What a row answers while every self-test fails: to each key, to each template of a pair, to the start of a digest, to a
/// derivation. `None` where it works.
fn answers(row: &Row, keys: &[Material]) -> Vec<Option<Error>> {
    let mut answers = Vec::new();
    if let Some(prepare) = row.prepare {
        answers.extend(keys.iter().map(|key| prepare(key).err()));
    }
    if let Some(generate) = row.ops.generate_pair {
        answers.extend(recipes().iter().map(|recipe| generate(recipe).err()));
    }
    if let Some(digest) = row.ops.digest {
        answers.extend([Params::None, Params::MacGeneral(224)].map(|params| digest(&params).err()));
    }
    if let Some(generate) = row.ops.generate_from {
        answers.push(generate(&Params::None, &Recipe::default()).err());
    }
    if let Some(derivation) = row.ops.derivation {
        // A master secret of TLS has 48 bytes, and four keys are made of it.
        let base = Material::Bytes(Secret::from_slice(&[7; 48]));
        let recipes: Vec<Recipe> =
            (0..4).map(|_| Recipe { value_len: Some(16), ..Recipe::default() }).collect();
        for count in [1, 4] {
            let (base_type, recipes) = (Some(CKK_GENERIC_SECRET), &recipes[..count]);
            let params = &parameter(row);
            let sources = Sources { base: &base, base_type, seconds: &[], params, recipes };
            answers.push((derivation.derive)(&sources).err());
        }
    }
    answers
}

/// A parameter that the derivation takes.
fn parameter(row: &Row) -> Params {
    let randoms = || TlsRandoms { client: vec![1; 32], server: vec![2; 32] };
    let master = |session| TlsMaster { hash: CKM_SHA256, session, wants_version: false };
    let format = NumberFormat { little_endian: false, width: 32 };
    let feedback = row.ckm == CKM_SP800_108_FEEDBACK_KDF || row.ckm == CKM_SP800_108_DOUBLE_PIPELINE_KDF;
    let iteration = PrfData::Iteration((!feedback).then_some(format));
    match row.shape {
        Shape::MacGeneral => Params::MacGeneral(256),
        Shape::Kbkdf | Shape::FeedbackKdf => {
            Params::Kbkdf(Kbkdf { prf: CKM_SHA256_HMAC, data: vec![iteration], iv: vec![] })
        }
        Shape::TlsMaster => Params::TlsMaster(master(TlsSession::Randoms(randoms()))),
        Shape::TlsExtendedMaster => Params::TlsMaster(master(TlsSession::Hash(vec![3; 32]))),
        Shape::TlsKeys => Params::TlsKeys(TlsKeys {
            hash: CKM_SHA256,
            mac_bits: 128,
            key_bits: 128,
            iv_bits: 128,
            randoms: randoms(),
        }),
        Shape::TlsKdf => Params::TlsKdf(TlsKdf {
            hash: CKM_SHA256,
            label: b"label".to_vec(),
            randoms: randoms(),
            context: None,
        }),
        _ => Params::None,
    }
}

/// Whether a row computes nothing of which there is a known answer: the generator has tests of its own, bytes that are
/// joined stay what they are, and a group is looked up.
fn has_no_answer(row: &Row) -> bool {
    let premaster = row.ops.generate_from.is_some() && row.shape == Shape::Version;
    row.ops.generate.is_some()
        || row.ops.choose_group.is_some()
        || premaster
        || row.ops.derivation.is_some_and(|derivation| derivation.raw != Raw::No)
}

#[test]
fn no_mechanism_works_while_its_self_test_fails() {
    let keys = keys();
    let (mut working, mut untried) = (Vec::new(), Vec::new());
    for row in MECHANISMS.iter().filter(|row| !has_no_answer(row)) {
        let answers = fault::everywhere(|| answers(row, &keys));
        if answers.contains(&None) {
            working.push(names::mechanism_name(row.ckm));
        } else if !answers.contains(&Some(Error::FipsSelfTestFailed)) {
            untried.push(names::mechanism_name(row.ckm));
        }
    }
    assert_eq!(working, [""; 0], "these work all the same");
    assert_eq!(
        untried, [""; 0],
        "these refuse for other reasons: they need another key, template or parameter here"
    );
}
