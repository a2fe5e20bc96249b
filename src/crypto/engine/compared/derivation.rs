//! HKDF and PBKDF2.

use super::codes::HASHES;
use super::rounds;
use crate::crypto::engine::derivation::Derivation;
use crate::crypto::engine::{AwsLc, Reference};

/// All functions with one engine.
fn derived<E: Derivation>(
    hash: crate::crypto::engine::digest::Hash,
    [secret, salt, info]: [&[u8]; 3],
    iterations: u32,
    len: usize,
) -> [Vec<u8>; 3] {
    let (mut key, mut out, mut password) = (vec![0; hash.len()], vec![0; len], vec![1; len]);
    E::hkdf_extract(hash, secret, salt, &mut key).unwrap();
    E::hkdf_expand(hash, &key, info, &mut out).unwrap();
    E::pbkdf2(hash, secret, salt, iterations, &mut password).unwrap();
    assert!(E::hkdf_extract(hash, secret, salt, &mut vec![0; hash.len() + 1]).is_err());
    assert!(E::hkdf_expand(hash, &key, info, &mut vec![0; 255 * hash.len() + 1]).is_err());
    assert!(E::hkdf_expand(hash, &key, info, &mut []).is_err());
    assert!(E::pbkdf2(hash, secret, salt, 0, &mut [0; 10]).is_err());
    [key, out, password]
}

#[test]
fn derived_keys_are_the_same() {
    for hash in HASHES {
        rounds(&format!("derivation {hash:?}"), 20, |dice| {
            let inputs = [dice.message(300), dice.message(200), dice.message(200)];
            let inputs = [&inputs[0][..], &inputs[1], &inputs[2]];
            let iterations = u32::try_from(1 + dice.below(5)).unwrap();
            let longest = if dice.below(8) == 0 { 255 * hash.len() - 1 } else { 300 };
            let len = 1 + dice.len(longest);
            let one = derived::<AwsLc>(hash, inputs, iterations, len);
            assert_eq!(derived::<Reference>(hash, inputs, iterations, len), one);
        });
    }
}
