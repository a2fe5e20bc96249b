//! ECDSA, ECDH, Ed25519 and X25519.

use super::{Dice, rounds};
use crate::crypto::engine::ec::{CurveKey, Group};
use crate::crypto::engine::ed25519::{Ed25519, Variant};
use crate::crypto::engine::x25519::Montgomery;
use crate::crypto::engine::{AwsLc, Reference, reference};
use crate::sys::aws_lc;

/// The curves that both have.
const GROUPS: [Group; 7] = [
    Group::P256,
    Group::P384,
    Group::P521,
    Group::P224,
    Group::Secp256k1,
    Group::BrainpoolP256r1,
    Group::BrainpoolP384r1,
];

/// A scalar that is surely below the order of its group, often far below.
pub(super) fn scalar(dice: &mut Dice, group: Group) -> Vec<u8> {
    let mut scalar = dice.bytes(group.len());
    let zeros = 1 + usize::from(group == Group::P521) + if dice.below(4) == 0 { dice.below(20) } else { 0 };
    scalar[..zeros].fill(0);
    let last = scalar.len() - 1;
    scalar[last] |= 1;
    scalar
}

fn point_of(key: &impl CurveKey, group: Group) -> Vec<u8> {
    let mut point = vec![0; group.point_len()];
    key.write_public(&mut point).unwrap();
    point
}

fn compressed(point: &[u8]) -> Vec<u8> {
    let len = point.len() / 2;
    [&[2 | point[2 * len] & 1], &point[1..=len]].concat()
}

/// One engine signs, the other verifies; they agree on public keys and shared secrets.
fn curve<A: CurveKey, B: CurveKey>(group: Group, dice: &mut Dice) {
    let own = scalar(dice, group);
    let (a, b) = (A::private(group, &own).unwrap(), B::private(group, &own).unwrap());
    let point = point_of(&a, group);
    assert_eq!(point_of(&b, group), point);

    let digest = [&[1][..], &dice.message(80)].concat();
    let mut signature = vec![0; 2 * group.len()];
    a.sign(&digest, &mut signature).unwrap();
    for form in [point.clone(), compressed(&point)] {
        B::public(group, &form).unwrap().verify(&digest, &signature).unwrap();
    }
    b.verify(&digest, &signature).unwrap();
    let wrong = dice.tampered(&signature);
    assert!(a.verify(&digest, &wrong).is_err() && b.verify(&digest, &wrong).is_err());
    // What counts are the leftmost bits.
    let wrong = [&[digest[0] ^ 1], &digest[1..]].concat();
    assert!(a.verify(&wrong, &signature).is_err() && b.verify(&wrong, &signature).is_err());

    let theirs = A::private(group, &scalar(dice, group)).unwrap();
    let peer = point_of(&theirs, group);
    let (mut one, mut other, mut third) = (vec![0; group.len()], vec![0; group.len()], vec![0; group.len()]);
    a.agree(&peer, &mut one).unwrap();
    b.agree(&compressed(&peer), &mut other).unwrap();
    theirs.agree(&point, &mut third).unwrap();
    assert_eq!(one, other);
    assert_eq!(one, third);
}

#[test]
fn curves_sign_verify_and_agree_both_ways() {
    for group in GROUPS {
        rounds(&format!("{group:?}"), 6, |dice| {
            curve::<aws_lc::ec::EcKey, reference::ec::EcKey>(group, dice);
            curve::<reference::ec::EcKey, aws_lc::ec::EcKey>(group, dice);
        });
    }
}

/// The order of the group and its neighbours, zero, and points that are none.
#[test]
fn wrong_scalars_points_and_signatures_are_refused_by_both() {
    fn refused<K: CurveKey>(group: Group, dice: &mut Dice) -> Vec<bool> {
        let len = group.len();
        let key = K::private(group, &scalar(dice, group)).unwrap();
        let point = point_of(&key, group);
        let mut answers: Vec<_> = [vec![0; len], vec![0xFF; len], vec![1; len - 1], vec![1; len + 1], vec![]]
            .iter()
            .map(|scalar| K::private(group, scalar).is_err())
            .collect();
        let hybrid = [&[6 | point[2 * len] & 1], &point[1..]].concat();
        let compact = [&[5], &point[1..=len]].concat();
        let off = [&point[..2 * len], &[point[2 * len] ^ 1]].concat();
        let wrong = [vec![0], vec![], hybrid, compact, off, point[1..].to_vec(), point[..2 * len].to_vec()];
        answers.extend(wrong.iter().map(|point| K::public(group, point).is_err()));
        answers.extend(wrong.iter().map(|point| key.agree(point, &mut vec![0; len]).is_err()));
        let signatures = [vec![0; 2 * len], vec![0xFF; 2 * len], vec![1; 2 * len - 1], vec![]];
        answers.extend(signatures.iter().map(|signature| key.verify(&[7; 32], signature).is_err()));
        answers
    }
    for group in GROUPS {
        rounds(&format!("wrong {group:?}"), 3, |dice| {
            let (one, other) =
                (refused::<aws_lc::ec::EcKey>(group, dice), refused::<reference::ec::EcKey>(group, dice));
            assert_eq!(one, vec![true; one.len()]);
            assert_eq!(other, one);
        });
    }
}

fn edwards<A: Ed25519, B: Ed25519>(dice: &mut Dice) {
    let seed = dice.array();
    let (mut public, mut private, mut same, mut same_private) = ([0; 32], [0; 64], [0; 32], [0; 64]);
    A::key_pair(&seed, &mut public, &mut private);
    B::key_pair(&seed, &mut same, &mut same_private);
    assert_eq!((public, private), (same, same_private));
    let (message, digest, context) = (dice.message(1000), dice.bytes(64), dice.message(255));
    for (variant, message) in [(Variant::Pure, &message), (Variant::Prehashed(&context), &digest)] {
        assert!(A::takes(variant) && B::takes(variant));
        let (mut signature, mut other) = ([0; 64], [0; 64]);
        A::sign(&private, variant, message, &mut signature).unwrap();
        B::sign(&private, variant, message, &mut other).unwrap();
        assert_eq!(signature, other);
        B::verify(&public, variant, message, &signature).unwrap();
        let wrong = dice.tampered(&signature).try_into().unwrap();
        assert!(B::verify(&public, variant, message, &wrong).is_err());
        let other = if matches!(variant, Variant::Pure) { Variant::Prehashed(b"") } else { Variant::Pure };
        assert!(B::verify(&public, other, message, &signature).is_err());
    }
    let long = [0; 256];
    assert!(A::sign(&private, Variant::Prehashed(&long), &digest, &mut [0; 64]).is_err());
    assert!(A::sign(&private, Variant::Prehashed(b""), &digest[1..], &mut [0; 64]).is_err());
}

#[test]
fn ed25519_signs_and_verifies_both_ways() {
    rounds("Ed25519", 50, |dice| {
        edwards::<AwsLc, Reference>(dice);
        edwards::<Reference, AwsLc>(dice);
    });
}

#[test]
fn both_know_the_same_points_of_edwards25519() {
    let check = |bytes: &[u8; 32]| {
        let one = AwsLc::is_usable_point(bytes).unwrap();
        assert_eq!(one, Reference::is_usable_point(bytes).unwrap(), "{bytes:x?}");
        one
    };
    let mut usable = 0;
    rounds("points", 400, |dice| usable += usize::from(check(&dice.array())));
    assert!((120..280).contains(&usable), "{usable}");
    // Around zero and around p, with both signs.
    for low in 0..=255 {
        for (middle, high) in [(0, 0), (0, 0x80), (0xFF, 0x7F), (0xFF, 0xFF)] {
            let mut bytes = [middle; 32];
            bytes[0] = low;
            bytes[31] = high;
            check(&bytes);
        }
    }
    for small in crate::sys::primitives::ed25519::SMALL_ORDER {
        assert!(!check(&small));
    }
}

fn montgomery<A: Montgomery, B: Montgomery>(dice: &mut Dice) {
    let (own, theirs) = (dice.array(), dice.array());
    let (mut public, mut same, mut peer) = ([0; 32], [0; 32], [0; 32]);
    A::public_from_private(&own, &mut public);
    B::public_from_private(&own, &mut same);
    B::public_from_private(&theirs, &mut peer);
    assert_eq!(public, same);
    let (mut one, mut other, mut third) = ([0; 32], [0; 32], [0; 32]);
    A::agree(&own, &peer, &mut one).unwrap();
    B::agree(&own, &peer, &mut other).unwrap();
    B::agree(&theirs, &public, &mut third).unwrap();
    assert!(one == other && one == third);
    // Any bytes are somebody's public key, but for points of small order.
    let any = dice.array();
    assert_eq!(A::agree(&own, &any, &mut one), B::agree(&own, &any, &mut other));
    assert_eq!(one, other);
    for small in [[0; 32], {
        let mut one = [0; 32];
        one[0] = 1;
        one
    }] {
        assert!(A::agree(&own, &small, &mut one).is_err() && B::agree(&own, &small, &mut one).is_err());
    }
}

#[test]
fn x25519_agrees_both_ways() {
    rounds("X25519", 50, |dice| {
        montgomery::<AwsLc, Reference>(dice);
        montgomery::<Reference, AwsLc>(dice);
    });
}
