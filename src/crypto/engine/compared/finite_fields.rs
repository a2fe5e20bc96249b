//! Diffie-Hellman in finite fields.

use super::rounds;
use crate::crypto::engine::dh::{DiffieHellman, Group};
use crate::crypto::engine::{AwsLc, Reference};

fn agreement<A: DiffieHellman, B: DiffieHellman>(group: Group, dice: &mut super::Dice) {
    let len = group.len();
    let (one, other) = (dice.array::<29>(), dice.array::<40>());
    let (mut public, mut same, mut others) = (vec![0; len], vec![1; len], vec![0; len]);
    A::public_from_private(group, &one, &mut public).unwrap();
    B::public_from_private(group, &one, &mut same).unwrap();
    B::public_from_private(group, &other, &mut others).unwrap();
    assert_eq!(public, same);
    let (mut left, mut right) = (vec![0; len], vec![1; len]);
    A::agree(group, &one, &others, &mut left).unwrap();
    B::agree(group, &other, &public, &mut right).unwrap();
    assert_eq!(left, right);
    // Half of all numbers are no public keys.
    for _ in 0..4 {
        let number = dice.message(len + 1);
        let says = A::is_public(group, &number).unwrap();
        assert_eq!(B::is_public(group, &number).unwrap(), says);
        assert_eq!(A::agree(group, &one, &number, &mut left).is_ok(), says);
        assert_eq!(B::agree(group, &one, &number, &mut right).is_ok(), says);
        assert!(!says || left == right);
    }
}

#[test]
fn public_keys_and_secrets_are_the_same() {
    for group in [Group::Ffdhe2048, Group::Modp2048, Group::Ffdhe3072] {
        rounds(&format!("{group:?}"), 2, |dice| {
            agreement::<AwsLc, Reference>(group, dice);
            agreement::<Reference, AwsLc>(group, dice);
        });
    }
}
