//! While its self-test fails, no mechanism can be used, and none makes a key pair.

use super::fault;
use crate::ck::{Error, Params, names};
use crate::crypto::mechanism::{Recipe, Row};
use crate::crypto::table::MECHANISMS;
use crate::crypto::{Curve, Material};
use crate::secret::Secret;

/// Templates of which every mechanism that makes key pairs takes one.
fn recipes() -> Vec<Recipe> {
    let ed25519 = [0x06, 0x03, 0x2B, 0x65, 0x70];
    let x25519 = [0x06, 0x03, 0x2B, 0x65, 0x6E];
    let curves = [Curve::P256.ec_params(), &ed25519, &x25519];
    let mut recipes = vec![Recipe { modulus_bits: Some(2048), ..Recipe::default() }];
    recipes.extend(curves.map(|params| Recipe { ec_params: Some(params.to_vec()), ..Recipe::default() }));
    recipes.extend((1..=3).map(|set| Recipe { parameter_set: Some(set), ..Recipe::default() }));
    recipes
}

/// Keys of all kinds that can be made.
fn keys() -> Vec<Material> {
    let mut keys = vec![Material::Bytes(Secret::from_slice(&[7; 32]))];
    for generate in MECHANISMS.iter().filter_map(|row| row.ops.generate_pair) {
        if let Some(pair) = recipes().iter().find_map(|recipe| generate(recipe).ok()) {
            keys.extend([pair.public, pair.private]);
        }
    }
    keys
}

/// What a row answers while every self-test fails: to each key, to each template of a pair, to the start of a digest.
fn answers(row: &Row, keys: &[Material]) -> Vec<Option<Error>> {
    let mut answers = Vec::new();
    if let Some(prepare) = row.prepare {
        answers.extend(keys.iter().map(|key| prepare(key).err()));
    }
    if let Some(generate) = row.ops.generate_pair {
        answers.extend(recipes().iter().map(|recipe| generate(recipe).err()));
    }
    if let Some(digest) = row.ops.digest {
        answers.push(digest(&Params::None).err());
    }
    answers
}

#[test]
fn no_mechanism_works_while_its_self_test_fails() {
    let keys = keys();
    let (mut working, mut refused, mut untried) = (Vec::new(), 0, Vec::new());
    for row in MECHANISMS {
        let answers = fault::everywhere(|| answers(row, &keys));
        let name = names::mechanism_name(row.ckm);
        if answers.contains(&None) {
            working.push(name);
        } else if answers.contains(&Some(Error::FipsSelfTestFailed)) {
            refused += 1;
        } else {
            untried.push(name);
        }
    }
    println!("{refused} refused; not tried: {untried:?}");
    assert_eq!(working, [""; 0], "these work all the same");
    // What is not tried makes secret keys out of the generator, which has tests of its own.
    assert!(refused >= 45, "{refused}");
}
