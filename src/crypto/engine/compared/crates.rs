//! What a crate computes in every build, because AWS-LC has it for other inputs only: its results beside AWS-LC's where
//! both have a word. Deterministic ECDSA and ML-DSA, whose signatures both engines verify; BLAKE2b with 32 bytes; XTS.

use super::curves::scalar;
use super::{Dice, pieces, rounds};
use crate::ck::Params;
use crate::crypto::engine::digest::Hash;
use crate::crypto::engine::ec::{CurveKey, Group};
use crate::crypto::engine::ml_dsa::{MU, Set};
use crate::crypto::engine::{ml_dsa_deterministic, reference};
use crate::crypto::tests::{check_cipher, context};
use crate::crypto::{Curve, aes_xts, blake2b, ecdsa_deterministic};
use crate::secret::Secret;
use crate::sys::aws_lc::{self, compositions};
use ::aes::cipher::KeyInit;

/// The public key of a scalar, by one engine.
fn verifies<K: CurveKey>(group: Group, scalar: &[u8], digest: &[u8], signature: &[u8], dice: &mut Dice) {
    let private = K::private(group, scalar).unwrap();
    let mut point = vec![0; group.point_len()];
    private.write_public(&mut point).unwrap();
    let public = K::public(group, &point).unwrap();
    public.verify(digest, signature).unwrap();
    let wrong = dice.tampered(signature);
    assert!(public.verify(digest, &wrong).is_err());
    let wrong = dice.tampered(digest);
    assert!(public.verify(&wrong, signature).is_err());
}

#[test]
fn deterministic_ecdsa_is_verified_by_both() {
    for (curve, group) in [
        (Curve::P256, Group::P256),
        (Curve::P384, Group::P384),
        (Curve::P521, Group::P521),
        (Curve::Secp256k1, Group::Secp256k1),
    ] {
        rounds(&format!("deterministic ECDSA {group:?}"), 6, |dice| {
            let scalar = scalar(dice, group);
            // Digests that no curve here is too short for: what is cut off may be another.
            let hash = dice.pick(&[Hash::Sha224, Hash::Sha256]);
            let digest = dice.bytes(hash.len());
            let (mut signature, mut again) = (vec![0; 2 * group.len()], vec![0; 2 * group.len()]);
            let secret = Secret::from_slice(&scalar);
            ecdsa_deterministic::signature(curve, &secret, &digest, &mut signature).unwrap();
            ecdsa_deterministic::signature(curve, &secret, &digest, &mut again).unwrap();
            assert_eq!(signature, again);
            verifies::<aws_lc::ec::EcKey>(group, &scalar, &digest, &signature, dice);
            verifies::<reference::ec::EcKey>(group, &scalar, &digest, &signature, dice);
        });
    }
}

#[test]
fn deterministic_ml_dsa_is_verified_by_both() {
    for set in Set::ALL {
        rounds(&format!("deterministic {set:?}"), 4, |dice| {
            let (seed, mu) = (dice.array(), dice.array::<MU>());
            let fast = aws_lc::ml_dsa::DsaKey::from_seed(set, &seed).unwrap();
            let pure = reference::ml_dsa::DsaKey::from_seed(set, &seed).unwrap();
            let mut private = vec![0; set.private_len()];
            fast.write_private(&mut private).unwrap();
            let (mut signature, mut again) = (vec![0; set.signature_len()], vec![0; set.signature_len()]);
            ml_dsa_deterministic::sign(set, &private, &mu, &mut signature).unwrap();
            ml_dsa_deterministic::sign(set, &private, &mu, &mut again).unwrap();
            assert_eq!(signature, again);
            let wrong = dice.tampered(&signature);
            fast.verify(&mu, &signature).unwrap();
            pure.verify(&mu, &signature).unwrap();
            assert!(fast.verify(&mu, &wrong).is_err() && pure.verify(&mu, &wrong).is_err());
        });
    }
}

#[test]
fn blake2b_of_32_bytes_is_that_of_aws_lc() {
    rounds("BLAKE2b", 150, |dice| {
        let message = dice.message(3000);
        let mut expected = [0; 32];
        compositions::blake2b_256(&message, &mut expected);
        let mut digest = blake2b::BLAKE2B_256.ops.digest.unwrap()(&Params::None).unwrap();
        let cuts = dice.cuts(message.len(), 1);
        pieces(&message, &cuts).into_iter().for_each(|piece| digest.update(piece).unwrap());
        let mut out = [0; 32];
        digest.finish(&mut out).unwrap();
        assert_eq!(out, expected);
    });
}

/// AES-128 is the crate's and AES-256 the engine's: the crate's over AES-256 is the engine's.
#[test]
fn xts_of_the_mechanism_is_that_of_the_crate() {
    rounds("XTS crate", 40, |dice| {
        let (key, tweak) = (dice.bytes(64), dice.array::<16>());
        let plaintext = [&dice.bytes(16)[..], &dice.message(1500)].concat();
        let half = |half| ::aes::Aes256::new_from_slice(half).unwrap();
        let library = xts_mode::Xts128::new(half(&key[..32]), half(&key[32..]));
        let mut expected = plaintext.clone();
        library.encrypt_sector(&mut expected, tweak.into());
        let context = context(&aes_xts::AES_XTS, &aes_xts::import(&key).unwrap());
        check_cipher(&aes_xts::AES_XTS, &context, &Params::Iv(tweak.to_vec()), &plaintext, &expected);
    });
}
