//! ML-KEM and ML-DSA.

use super::rounds;
use crate::crypto::engine::ml_dsa::{LatticeKey, MU, Set as SignatureSet};
use crate::crypto::engine::ml_kem::{EncapsulationKey, SHARED, Set};
use crate::crypto::engine::reference;
use crate::sys::aws_lc;

fn kem<A: EncapsulationKey, B: EncapsulationKey>(set: Set, dice: &mut super::Dice) {
    let seed = dice.array();
    let (a, b) = (A::from_seed(set, &seed).unwrap(), B::from_seed(set, &seed).unwrap());
    assert!(a.set() == set && b.set() == set);
    let (mut public, mut private) = (vec![0; set.public_len()], vec![0; set.private_len()]);
    a.write_public(&mut public).unwrap();
    a.write_private(&mut private).unwrap();
    let (mut same, mut same_private) = (vec![0; set.public_len()], vec![0; set.private_len()]);
    b.write_public(&mut same).unwrap();
    b.write_private(&mut same_private).unwrap();
    assert_eq!((&public, &private), (&same, &same_private));

    let randomness = dice.array();
    let encapsulated = |key: &dyn Fn(&mut [u8], &mut [u8])| {
        let (mut ciphertext, mut shared) = (vec![0; set.ciphertext_len()], vec![0; SHARED]);
        key(&mut ciphertext, &mut shared);
        (ciphertext, shared)
    };
    let a_public = A::public(set, &public).unwrap();
    let b_public = B::public(set, &public).unwrap();
    let one =
        encapsulated(&|ciphertext, shared| a_public.encapsulate(&randomness, ciphertext, shared).unwrap());
    let other =
        encapsulated(&|ciphertext, shared| b_public.encapsulate(&randomness, ciphertext, shared).unwrap());
    assert_eq!(one, other);
    let (ciphertext, shared) = one;
    let b_private = B::private(set, &private).unwrap();
    let mut secret = vec![0; SHARED];
    b_private.decapsulate(&ciphertext, &mut secret).unwrap();
    assert_eq!(secret, shared);
    // Implicit rejection gives both the same secret.
    let wrong = dice.tampered(&ciphertext);
    let (mut one, mut other) = (vec![0; SHARED], vec![0; SHARED]);
    a.decapsulate(&wrong, &mut one).unwrap();
    b_private.decapsulate(&wrong, &mut other).unwrap();
    assert_eq!(one, other);
    assert_ne!(one, shared);
    // A private key that does not belong to its public one, and one whose hash is wrong.
    let mut mixed = private.clone();
    mixed[0] ^= 1;
    assert!(A::private(set, &mixed).is_err() && B::private(set, &mixed).is_err());
    let mut mixed = private;
    let hash_at = mixed.len() - 64;
    mixed[hash_at] ^= 1;
    assert!(A::private(set, &mixed).is_err() && B::private(set, &mixed).is_err());
}

#[test]
fn keys_ciphertexts_and_secrets_are_the_same() {
    for set in [Set::Kem512, Set::Kem768, Set::Kem1024] {
        rounds(&format!("{set:?}"), 8, |dice| {
            kem::<aws_lc::ml_kem::KemKey, reference::ml_kem::KemKey>(set, dice);
            kem::<reference::ml_kem::KemKey, aws_lc::ml_kem::KemKey>(set, dice);
        });
    }
}

fn dsa<A: LatticeKey, B: LatticeKey>(set: SignatureSet, dice: &mut super::Dice) {
    let seed = dice.array();
    let (a, b) = (A::from_seed(set, &seed).unwrap(), B::from_seed(set, &seed).unwrap());
    assert!(a.set() == set && b.set() == set);
    let (mut public, mut private) = (vec![0; set.public_len()], vec![0; set.private_len()]);
    a.write_public(&mut public).unwrap();
    a.write_private(&mut private).unwrap();
    let (mut same, mut same_private) = (vec![0; set.public_len()], vec![0; set.private_len()]);
    b.write_public(&mut same).unwrap();
    b.write_private(&mut same_private).unwrap();
    assert_eq!((&public, &private), (&same, &same_private));

    let mu = dice.array::<MU>();
    let mut signature = vec![0; set.signature_len()];
    A::private(set, &private).unwrap().sign(&mu, &mut signature).unwrap();
    let verifier = B::public(set, &public).unwrap();
    verifier.verify(&mu, &signature).unwrap();
    let wrong = dice.tampered(&signature);
    assert!(verifier.verify(&mu, &wrong).is_err());
    let wrong = dice.tampered(&mu).try_into().unwrap();
    assert!(verifier.verify(&wrong, &signature).is_err());
    assert!(verifier.sign(&mu, &mut signature).is_err());
    assert!(verifier.verify(&mu, &signature[1..]).is_err());
    // In rho, in tr, in s1: no key for either; and small numbers that are none.
    for at in [0, 70, 130] {
        let mut wrong = private.clone();
        wrong[at] ^= 1;
        assert!(A::private(set, &wrong).is_err() && B::private(set, &wrong).is_err(), "{at}");
        wrong[130..140].fill(0xFF);
        assert!(A::private(set, &wrong).is_err() && B::private(set, &wrong).is_err());
    }
    assert!(A::private(set, &private[1..]).is_err() && A::public(set, &public[1..]).is_err());
}

#[test]
fn signatures_of_each_are_verified_by_the_other() {
    for set in SignatureSet::ALL {
        rounds(&format!("{set:?}"), 4, |dice| {
            dsa::<aws_lc::ml_dsa::DsaKey, reference::ml_dsa::DsaKey>(set, dice);
            dsa::<reference::ml_dsa::DsaKey, aws_lc::ml_dsa::DsaKey>(set, dice);
        });
    }
}
