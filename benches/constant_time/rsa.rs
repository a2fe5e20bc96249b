//! Decryption with RSA-2048, as a whole.

use super::paddings::{BLOCK, no_end, one_of, right, right_and_short, wrong, wrong_type};
use super::samples::{Case, Run, context, some};
use super::tags::decryption;
use cryptoki_sys::{CKG_MGF1_SHA256, CKM_SHA256};
use keyward_pkcs11::ck::Params;
use keyward_pkcs11::crypto::engine::rsa::RsaKey;
use keyward_pkcs11::crypto::material::Material;
use keyward_pkcs11::crypto::mechanism::{Context, Recipe};
use keyward_pkcs11::crypto::{Row, rsa_generation, rsa_oaep, rsa_pkcs1};

/// Both halves of a new key.
struct Key {
    private: Context,
    public: RsaKey,
}

impl Key {
    fn new(row: &Row) -> Self {
        let recipe = Recipe { modulus_bits: Some(8 * BLOCK as u32), ..Recipe::default() };
        let pair = rsa_generation::KEY_PAIR_GEN.ops.generate_pair.unwrap()(&recipe).unwrap();
        let Material::RsaPublic { n, e } = &pair.public else { panic!("no public key") };
        Self { private: context(row, &pair.private), public: RsaKey::public(n, e).unwrap() }
    }

    /// The ciphertext of a whole block, right or not.
    fn of_block(&self, block: &[u8]) -> Vec<u8> {
        let mut ciphertext = vec![0; BLOCK];
        self.public.recover_unpadded(block, &mut ciphertext).unwrap();
        ciphertext
    }
}

pub fn cases() -> Vec<Box<dyn FnOnce() -> Case>> {
    let pkcs1 = |name, classes, block: fn(bool) -> Vec<u8>| {
        Box::new(move || {
            let key = Key::new(&rsa_pkcs1::RSA_PKCS);
            Case::ours(name, classes, 40_000, move |second| {
                let ciphertext = key.of_block(&one_of(block, second));
                decryption(&rsa_pkcs1::RSA_PKCS, &key.private, &Params::None, ciphertext)
            })
        }) as Box<dyn FnOnce() -> Case>
    };
    vec![
        pkcs1("RSA PKCS#1 v1.5 decryption", ["right padding", "wrong padding"], |second| {
            if second { wrong() } else { right() }
        }),
        pkcs1("RSA PKCS#1 v1.5 decryption, kinds of wrong", ["block type", "no end"], |second| {
            if second { no_end() } else { wrong_type() }
        }),
        Box::new(|| {
            let key = Key::new(&rsa_pkcs1::RSA_PKCS);
            let fixed = key.of_block(&right_and_short());
            let classes = ["one ciphertext", "random ciphertexts"];
            Case::ours("RSA PKCS#1 v1.5 decryption, any", classes, 40_000, move |second| {
                let other = key.of_block(&right_and_short());
                // A copy of either, so that both classes use memory in the same way.
                let ciphertext = if second { other.clone() } else { fixed.clone() };
                decryption(&rsa_pkcs1::RSA_PKCS, &key.private, &Params::None, ciphertext)
            })
        }),
        Box::new(|| {
            let classes = ["label's digest wrong", "first byte wrong"];
            oaep("RSA OAEP decryption", classes, |second| {
                let mut block = some(BLOCK);
                block[0] = u8::from(second);
                block
            })
        }),
    ]
}

fn oaep(name: &'static str, classes: [&'static str; 2], block: fn(bool) -> Vec<u8>) -> Case {
    let key = Key::new(&rsa_oaep::RSA_PKCS_OAEP);
    let params = Params::Oaep { hash: CKM_SHA256, mgf: CKG_MGF1_SHA256, label: Vec::new() };
    Case::ours(name, classes, 40_000, move |second| -> Run {
        decryption(&rsa_oaep::RSA_PKCS_OAEP, &key.private, &params, key.of_block(&one_of(block, second)))
    })
}
