//! Keys that are made, through the rows that make them: every bit is as often one as zero, every byte has every value as
//! often as another, and none comes twice. The bounds are eight standard deviations, which chance alone does not reach
//! in the life of the universe.

use super::mechanism::Recipe;
use super::table::MECHANISMS;
use super::{Curve, Material, ec};
use crate::ck::names;
use std::collections::BTreeSet;

const DEVIATIONS: f64 = 8.0;

/// Every bit of keys of one length, one or zero.
fn check_bits(what: &str, keys: &[Vec<u8>], bits: usize) {
    let half = keys.len() as f64 / 2.0;
    let bound = DEVIATIONS * (keys.len() as f64).sqrt() / 2.0;
    let len = keys[0].len();
    for bit in 0..bits {
        let ones = keys.iter().filter(|key| key[len - 1 - bit / 8] >> (bit % 8) & 1 == 1).count();
        assert!(
            (ones as f64 - half).abs() < bound,
            "{what}: bit {bit} was one {ones} times of {}",
            keys.len()
        );
    }
    let different: BTreeSet<&Vec<u8>> = keys.iter().collect();
    assert_eq!(different.len(), keys.len(), "{what}: a key came twice");
}

/// Values of bytes (Pearson's test with 255 degrees of freedom).
fn check_bytes(what: &str, keys: &[Vec<u8>]) {
    let mut counts = [0.0; 256];
    keys.iter().flatten().for_each(|byte| counts[usize::from(*byte)] += 1.0);
    let expected = counts.iter().sum::<f64>() / 256.0;
    let squares: f64 = counts.iter().map(|count| (count - expected) * (count - expected) / expected).sum();
    assert!((squares - 255.0).abs() < DEVIATIONS * 510_f64.sqrt(), "{what}: {squares}");
}

#[test]
fn secret_keys_are_any_bytes() {
    let mut checked = 0;
    for row in MECHANISMS {
        let Some(generate) = row.ops.generate else { continue };
        let name = names::mechanism_name(row.ckm);
        let recipe = [Some(32), None]
            .map(|value_len| Recipe { value_len, ..Recipe::default() })
            .into_iter()
            .find(|recipe| generate(recipe).is_ok());
        let recipe = recipe.unwrap_or_else(|| panic!("{name} makes no key"));
        let keys: Vec<Vec<u8>> = (0..1500)
            .map(|_| match generate(&recipe).unwrap() {
                Material::Bytes(key) => key.expose().to_vec(),
                _ => panic!("{name} makes no bytes"),
            })
            .collect();
        check_bits(&name, &keys, keys[0].len() * 8);
        check_bytes(&name, &keys);
        checked += 1;
    }
    assert!(checked >= 7, "{checked}");
}

/// The orders of these curves begin with 32 one bits and more, so that a scalar's bits are even too.
#[test]
fn scalars_are_any_number_below_the_order() {
    for (curve, bits) in [(Curve::P256, 256), (Curve::P384, 384), (Curve::P521, 521)] {
        let recipe = Recipe { ec_params: Some(curve.ec_params().to_vec()), ..Recipe::default() };
        let generate = ec::KEY_PAIR_GEN.ops.generate_pair.unwrap();
        let scalars: Vec<Vec<u8>> = (0..300)
            .map(|_| match generate(&recipe).unwrap().private {
                Material::EcPrivate { scalar, .. } => scalar.expose().to_vec(),
                _ => panic!("no private key"),
            })
            .collect();
        check_bits(&format!("{curve:?}"), &scalars, bits);
    }
}

#[test]
#[should_panic(expected = "bit 7 was one 0 times")]
fn a_bit_that_is_never_set_is_found() {
    let keys: Vec<Vec<u8>> = (0..=255_u8).flat_map(|high| [vec![high, 0x2A], vec![high, 0x55]]).collect();
    check_bits("a wrong generator", &keys, 16);
}

#[test]
#[should_panic(expected = "a wrong generator")]
fn a_remainder_that_favours_some_bytes_is_found() {
    // 1500 keys of 32 bytes, each byte the remainder of a random one by 250.
    let mut state = 1_u32;
    let mut byte = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0] % 250
    };
    let keys: Vec<Vec<u8>> = (0..1500).map(|_| (0..32).map(|_| byte()).collect()).collect();
    check_bytes("a wrong generator", &keys);
}
