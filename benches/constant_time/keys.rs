//! Decapsulation of ML-KEM: a wrong ciphertext gives a secret like any other, in the same time.

use super::samples::{Case, Run, below, context, some};
use cryptoki_sys::CKP_ML_KEM_768;
use keyward_pkcs11::ck::Params;
use keyward_pkcs11::crypto::mechanism::Recipe;
use keyward_pkcs11::crypto::ml_kem;

pub fn cases() -> Vec<Box<dyn FnOnce() -> Case>> {
    let classes = ["right ciphertexts", "wrong ciphertexts"];
    vec![
        Box::new(move || decapsulation("ML-KEM-768 decapsulation", classes, |right| some(right.len()))),
        Box::new(move || {
            decapsulation("ML-KEM-768 decapsulation, one bit", ["right", "one bit wrong"], |right| {
                let mut wrong = right.to_vec();
                wrong[below(right.len())] ^= 1 << below(8);
                wrong
            })
        }),
    ]
}

fn decapsulation(name: &'static str, classes: [&'static str; 2], wrong: fn(&[u8]) -> Vec<u8>) -> Case {
    let recipe = Recipe { parameter_set: Some(CKP_ML_KEM_768), ..Recipe::default() };
    let pair = ml_kem::KEY_PAIR_GEN.ops.generate_pair.unwrap()(&recipe).unwrap();
    let row = &ml_kem::ML_KEM;
    let (public, private) = (context(row, &pair.public), context(row, &pair.private));
    let recipe: &'static Recipe = Box::leak(Box::new(recipe));
    Case::ours(name, classes, 100_000, move |second| {
        let (_, right) = row.ops.encapsulate.unwrap()(&public, &Params::None, recipe).unwrap();
        let wrong = wrong(&right);
        // A copy of either, so that both classes use memory in the same way.
        let ciphertext = if second { wrong.clone() } else { right.clone() };
        let key = private.clone();
        let decapsulate = row.ops.decapsulate.unwrap();
        Box::new(move || decapsulate(&key, &Params::None, recipe, &ciphertext).is_ok()) as Run
    })
}
