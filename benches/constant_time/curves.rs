//! Signatures and agreements with one private key against many: the number in the key must not show.

use super::samples::{Case, Run, Turn, bytes, context, some};
use keyward_pkcs11::ck::Params;
use keyward_pkcs11::crypto::material::{Curve, Material};
use keyward_pkcs11::crypto::mechanism::{Context, Recipe};
use keyward_pkcs11::crypto::{Row, ec, ecdh, ecdsa, eddsa, montgomery};
use keyward_pkcs11::secret::Secret;

/// Keys of each class. As many copies of the one key stand beside the many, each made ready by itself, so that the memory
/// that the classes touch is alike.
const KEYS: usize = 32;

/// id-X25519 (RFC 8410, 3).
const X25519: &[u8] = &[0x06, 0x03, 0x2B, 0x65, 0x6E];

pub fn cases() -> Vec<Box<dyn FnOnce() -> Case>> {
    let one = ["one key", "many keys"];
    let small = ["a small number as key", "random keys"];
    vec![
        Box::new(move || signing("ECDSA P-256", one, 200_000, &ecdsa::ECDSA, keys(Curve::P256, None))),
        Box::new(move || {
            signing("ECDSA P-256, short key", small, 200_000, &ecdsa::ECDSA, keys(Curve::P256, Some(8)))
        }),
        Box::new(move || signing("ECDSA P-384", one, 60_000, &ecdsa::ECDSA, keys(Curve::P384, None))),
        Box::new(move || {
            signing("ECDSA P-384, short key", small, 60_000, &ecdsa::ECDSA, keys(Curve::P384, Some(8)))
        }),
        Box::new(move || signing("ECDSA P-521", one, 40_000, &ecdsa::ECDSA, keys(Curve::P521, None))),
        Box::new(move || {
            signing("ECDSA P-521, short key", small, 40_000, &ecdsa::ECDSA, keys(Curve::P521, Some(8)))
        }),
        Box::new(move || agreeing("ECDH P-256", one, keys(Curve::P256, None), peer())),
        Box::new(move || agreeing("ECDH P-256, short key", small, keys(Curve::P256, Some(8)), peer())),
        Box::new(move || {
            let row = &montgomery::KEY_PAIR_GEN;
            let x25519 = || {
                let recipe = Recipe { ec_params: Some(X25519.to_vec()), ..Recipe::default() };
                row.ops.generate_pair.unwrap()(&recipe).unwrap()
            };
            let Material::MontgomeryPrivate { curve, key } = x25519().private else {
                panic!("no private key")
            };
            let copy = || Material::MontgomeryPrivate { curve, key: Secret::from_slice(key.expose()) };
            let first = (0..KEYS).map(|_| copy()).collect();
            let second = (0..KEYS).map(|_| x25519().private).collect();
            let Material::MontgomeryPublic { key: peer, .. } = x25519().public else {
                panic!("no public key")
            };
            agreeing("X25519", one, [first, second], peer)
        }),
        Box::new(move || {
            let seed = bytes::<32>();
            let edwards = |seed: [u8; 32]| Material::EdPrivate(Secret::from_slice(&seed));
            let first = (0..KEYS).map(|_| edwards(seed)).collect();
            let second = (0..KEYS).map(|_| edwards(bytes())).collect();
            signing("Ed25519", one, 200_000, &eddsa::EDDSA, [first, second])
        }),
    ]
}

/// Keys of both classes. The one key is a random number, or one of so many bytes.
fn keys(curve: Curve, short: Option<usize>) -> [Vec<Material>; 2] {
    let number = match short {
        None => random(curve),
        Some(len) => some(len),
    };
    let import = |number: &[u8]| ec::import_private(curve, number).unwrap();
    let first = (0..KEYS).map(|_| import(&number)).collect();
    let second = (0..KEYS).map(|_| import(&random(curve))).collect();
    [first, second]
}

/// Another party's point.
fn peer() -> Vec<u8> {
    ec::public_from_private(Curve::P256, &Secret::from_slice(&random(Curve::P256))).unwrap()
}

/// A random private number.
pub fn random(curve: Curve) -> Vec<u8> {
    let recipe = Recipe { ec_params: Some(curve.ec_params().to_vec()), ..Recipe::default() };
    let pair = ec::KEY_PAIR_GEN.ops.generate_pair.unwrap()(&recipe).unwrap();
    let Material::EcPrivate { scalar, .. } = &pair.private else { panic!("no private key") };
    scalar.expose().to_vec()
}

fn ready(row: &Row, keys: [Vec<Material>; 2]) -> [Turn<Context>; 2] {
    keys.map(|keys| Turn::of(keys.iter().map(|key| context(row, key)).collect()))
}

fn signing(
    name: &'static str,
    classes: [&'static str; 2],
    measurements: usize,
    row: &'static Row,
    keys: [Vec<Material>; 2],
) -> Case {
    let mut keys = ready(row, keys);
    Case::ours(name, classes, measurements, move |second| {
        let both = keys.each_mut().map(Turn::next);
        let mut signing = row.ops.sign.unwrap()(&both[usize::from(second)], &Params::None).unwrap();
        let (digest, mut out): ([u8; 32], _) = (bytes(), vec![0; signing.len()]);
        Box::new(move || signing.sign(&digest, &mut out).is_ok()) as Run
    })
}

fn agreeing(name: &'static str, classes: [&'static str; 2], keys: [Vec<Material>; 2], peer: Vec<u8>) -> Case {
    let row = &ecdh::ECDH1_DERIVE;
    let mut keys = ready(row, keys);
    let recipe = Recipe { value_len: Some(32), ..Recipe::default() };
    let recipe: &'static Recipe = Box::leak(Box::new(recipe));
    Case::ours(name, classes, 100_000, move |second| {
        let both = keys.each_mut().map(Turn::next);
        let key = both[usize::from(second)].clone();
        let params = Params::Ecdh1 { kdf: cryptoki_sys::CKD_NULL, shared: Vec::new(), public: peer.clone() };
        let derive = row.ops.derive.unwrap();
        Box::new(move || derive(&key, &params, recipe).is_ok()) as Run
    })
}
