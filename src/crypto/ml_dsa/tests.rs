//! Known answers, and what every signer must do.

use super::*;
use crate::crypto::mechanism::Recipe;
use crate::crypto::tests::*;
use crate::crypto::{Pair, pkcs8, public_key_info};

/// The rows that take a message, and the digest of the deterministic signature of "message" with the context
/// "context" by the ML-DSA-44 key of the seed 00 01 .. 1f, made by dilithium-py 1.5.1.
const MESSAGES: [(&Row, &str); 11] = [
    (&ML_DSA, "437eff3b5995aaa99468a279fc77e697fa8bc204d48a7f511fb83fe502f0f1f3"),
    (&SHA224, "f787d81e3349fe1ce3ea926a8fc46c3dcfd8120b7f222d2f98034420923d590e"),
    (&SHA256, "f8d78cb19dd423a5dc8d3e82f75905cab34aeab87cf47716c7db63b49352ad06"),
    (&SHA384, "18ddf6ef075dc24f6203eb87fbfa1aaaaad72dcbb06985b6a4641c562882520f"),
    (&SHA512, "f0dcc5ad58155c8663e012ce906bafff99ff470b65f55074d3cd654a312e2543"),
    (&SHA3_224, "0013e7f374df74135c1dfcac9d3aa0b3b37f366ba9c8144d66fb8f04912e5bb4"),
    (&SHA3_256, "460ac48261966606be2b04871b0045b5e5627efbff97aa9bdd513f04420f13a6"),
    (&SHA3_384, "03fc84eaaa5ca71583697c0faa8691f469df5de6a965a4cb4ad9da13de586a70"),
    (&SHA3_512, "90b7f9caa82d20646f77a4af6e8f4c28f303a9c521e2b68e74fc384d9f8e5072"),
    (&SHAKE128, "1ee3c77e95f8433e7c85df844de05ac52c91a22b6cfb84f8eb89fa55d4e93e40"),
    (&SHAKE256, "fb07243da3fe25a92d777019dc1f619cede96a233a63bd41210fa33993ee4b6b"),
];

/// The same for the others of CKM_HASH_ML_DSA, whose hash functions have no mechanism of their own.
const TRUNCATED: [(CK_MECHANISM_TYPE, &str); 2] = [
    (CKM_SHA512_224, "d3e7923dd0d42c400b5def6e5c290b876d4e574bbffc2544b81fcebade35f61f"),
    (CKM_SHA512_256, "967d611b978956b28e7c5dae24e3622555690c4106724b2fc98e3c1c79f680f6"),
];

/// Seed; digests of the public and the private key: ACVP, ML-DSA-keyGen-FIPS204, tests 1, 26 and 51.
const ACVP: [(Set, &str, &str, &str); 3] = [
    (
        Set::Dsa44,
        "7194b13c95231010afd2c909992bd2003ba6f437c3886bdbe3f6b867a14ba161",
        "838b88b6ac41e2c60698173e08ca173d0b0d2839205806e56a8a3d53195f3a03",
        "1c911d163cd0a5563e06f22403f7e16334fee17c2abb66f11ddf39ca6307ec58",
    ),
    (
        Set::Dsa65,
        "a991fd42b071d49c48ae3e75c647459e0daad1e1ba356a04801912d3294bcff8",
        "b1a7d0d2f0d7a04b9d5ffccd9bd578864dab4a01cdd7f70a05cd1f4f0672e43a",
        "56c53ac82fbff7d81b7a8cfbbc73011ceccad677e16dc53f2ece66d49aa11edd",
    ),
    (
        Set::Dsa87,
        "a16f5b0796703e2d1a0140a35cbf36efabe70e752ba59b6a9a0e9c4b05302f73",
        "33f49649f05ec2fc3b050007b18ade043bbc8d1c0ded03a269d540486daaa5f4",
        "c64e15742f27d7d8e2832f7d55a5c014f2c9536082f3a3181cfc6246908dd649",
    ),
];

fn key(set: Set, seed: &[u8]) -> (Material, Material) {
    let private = import_private(set, Some(&Secret::from_slice(seed)), None).unwrap();
    let public = public_of(&private).unwrap();
    (private, public)
}

/// The key of the seed 00 01 .. 1f.
fn counted(set: Set) -> (Material, Material) {
    key(set, &(0..32).collect::<Vec<u8>>())
}

fn contexts(set: Set) -> (Context, Context) {
    let (private, public) = counted(set);
    (context(&ML_DSA, &private), context(&ML_DSA, &public))
}

fn params(hedge: u64, context: &[u8]) -> Params {
    Params::SignatureContext { hedge, context: context.to_vec() }
}

fn named(hash: CK_MECHANISM_TYPE) -> Params {
    Params::HashSignatureContext { hedge: CKH_DETERMINISTIC_REQUIRED, context: b"context".to_vec(), hash }
}

fn sha256(data: &[u8]) -> Vec<u8> {
    let mut digest = vec![0; 32];
    Hash::Sha256.digest(data, &mut digest).unwrap();
    digest
}

fn value(material: &Material) -> &[u8] {
    match material {
        Material::MlDsaPublic { key, .. } => key,
        Material::MlDsaPrivate(key) => key.key.expose(),
        _ => panic!("another kind of key"),
    }
}

#[test]
fn keys_of_acvp_are_known() {
    for (set, seed, public_digest, private_digest) in ACVP {
        let (private, public) = key(set, &hex(seed));
        assert_eq!(sha256(value(&public)), hex(public_digest), "{set:?}");
        assert_eq!(sha256(value(&private)), hex(private_digest), "{set:?}");
    }
}

#[test]
fn deterministic_signatures_are_those_of_another_implementation() {
    let (private, public) = contexts(Set::Dsa44);
    let params = params(CKH_DETERMINISTIC_REQUIRED, b"context");
    for (row, digest) in MESSAGES {
        let signature = signed(row, &private, &params, b"message");
        assert_eq!(sha256(&signature), hex(digest), "{:#x}", row.ckm);
        assert_eq!(verified(row, &public, &params, b"message", &signature), Ok(()));
    }
    for (set, row, digest) in [
        (Set::Dsa65, &ML_DSA, "99ed95a700b778e438939a7252a264840487f710dbc3ba2b0728fa21bfa84cfa"),
        (Set::Dsa65, &SHA512, "5ff95c87e4169d8b91c1bcf0892fc7aa3b3ac8efecfb1d27af129d3fa8f2c5fa"),
        (Set::Dsa65, &SHAKE256, "ad539039916aa584cd3ddb1f46bfb08d502c23c1660fd41f29126d15e2770282"),
        (Set::Dsa87, &ML_DSA, "0148c9e8f79ffd5fa8c7af7220899bdd9503616e9acb379bb1930057badef6f7"),
        (Set::Dsa87, &SHA512, "d57758a0bfa39288b8f7a2e6d5315b824a8ca2bfcc4a94e4435561e0fb89db6b"),
        (Set::Dsa87, &SHAKE256, "f0be77867f3486d002f4e01d520f01df2e11573681e2ac8203360b18ff3a72a0"),
    ] {
        let (private, _) = contexts(set);
        assert_eq!(
            sha256(&signed(row, &private, &params, b"message")),
            hex(digest),
            "{set:?} {:#x}",
            row.ckm
        );
    }
}

#[test]
fn a_digest_of_the_callers_gives_the_same_signature() {
    let (private, public) = contexts(Set::Dsa44);
    let digest_of = |ckm| {
        let mut digest = MessageHash::named(ckm).unwrap().start().unwrap();
        let mut room = [0; message_hash::MAX_LEN];
        digest.update(b"message").unwrap();
        let len = digest.finish(&mut room).unwrap();
        room[..len].to_vec()
    };
    let same = [(CKM_SHA256, MESSAGES[2].1), (CKM_SHA3_512, MESSAGES[8].1)];
    for (ckm, expected) in same.into_iter().chain(TRUNCATED) {
        let (params, digest) = (named(ckm), digest_of(ckm));
        let signature = signed(&HASH_ML_DSA, &private, &params, &digest);
        assert_eq!(sha256(&signature), hex(expected), "{ckm:#x}");
        assert_eq!(verified(&HASH_ML_DSA, &public, &params, &digest, &signature), Ok(()));
        // The name of the hash function is signed along.
        let other = named(if digest.len() == 28 { CKM_SHA224 } else { CKM_SHA512_256 });
        if digest.len() < 64 && ckm != CKM_SHA512_256 {
            let answer = verified(&HASH_ML_DSA, &public, &other, &digest, &signature);
            assert_eq!(answer, Err(Error::SignatureInvalid));
        }
    }
    let mut out = vec![0; 2420];
    for wrong in [31, 33] {
        let mut signing = sign_digest(&private, &named(CKM_SHA256)).unwrap();
        assert_eq!(signing.sign(&vec![0; wrong], &mut out), Err(Error::DataLenRange));
        let answer = verified(&HASH_ML_DSA, &public, &named(CKM_SHA256), &vec![0; wrong], &out);
        assert_eq!(answer, Err(Error::DataLenRange));
    }
}

#[test]
fn sign_in_pieces_tampered_and_short_behaves() {
    for set in Set::ALL {
        let (private, public) = contexts(set);
        for hedge in [CKH_HEDGE_PREFERRED, CKH_HEDGE_REQUIRED, CKH_DETERMINISTIC_REQUIRED] {
            check_signer(&ML_DSA, &private, &public, &params(hedge, b""), &[5; 777]);
        }
        check_signer(&ML_DSA, &private, &public, &Params::None, &[5; 777]);
        check_signer(&SHAKE128, &private, &public, &params(CKH_HEDGE_PREFERRED, &[7; 255]), &[5; 777]);
        check_signer(&HASH_ML_DSA, &private, &public, &named(CKM_SHA384), &[5; 48]);
    }
}

#[test]
fn hedged_signatures_differ_and_contexts_and_forms_are_kept_apart() {
    let (private, public) = contexts(Set::Dsa44);
    let sign = |row, params: &Params| signed(row, &private, params, b"message");
    assert_ne!(sign(&ML_DSA, &Params::None), sign(&ML_DSA, &Params::None));
    let deterministic = params(CKH_DETERMINISTIC_REQUIRED, b"c");
    assert_eq!(sign(&SHA512, &deterministic), sign(&SHA512, &deterministic));
    let signature = sign(&SHA256, &deterministic);
    // A verifier asks nothing about randomness, not even whether the number means anything.
    assert_eq!(verified(&SHA256, &public, &params(99, b"c"), b"message", &signature), Ok(()));
    for (row, params) in [
        (&SHA256, params(0, b"d")),
        (&SHA256, Params::None),
        (&SHA3_256, params(0, b"c")),
        (&SHA512, params(0, b"c")),
        (&ML_DSA, params(0, b"c")),
    ] {
        let answer = verified(row, &public, &params, b"message", &signature);
        assert_eq!(answer, Err(Error::SignatureInvalid), "{:#x}", row.ckm);
    }
}

#[test]
fn start_with_wrong_parameters_or_keys_is_refused() {
    let (private, public) = contexts(Set::Dsa44);
    let refused = Some(Error::MechanismParamInvalid);
    for wrong in [params(0, &[0; 256]), params(3, b""), Params::Iv(vec![]), named(CKM_SHA256)] {
        assert_eq!(sign_pure(&private, &wrong).err(), refused, "{wrong:?}");
        assert_eq!(SHA256.ops.sign.unwrap()(&private, &wrong).err(), refused, "{wrong:?}");
    }
    for wrong in [Params::None, params(0, b""), named(CKM_SHA_1), named(CKM_SHA256_HMAC)] {
        assert_eq!(sign_digest(&private, &wrong).err(), refused, "{wrong:?}");
        assert_eq!(verify_digest(&public, &wrong).err(), refused, "{wrong:?}");
    }
    assert_eq!(sign_pure(&public, &Params::None).err(), Some(Error::KeyTypeInconsistent));
    let wrong = Material::EdPublic(vec![1; 32]);
    assert_eq!(prepare(&wrong).err(), Some(Error::KeyTypeInconsistent));
    let short = Material::MlDsaPublic { set: Set::Dsa44, key: vec![0; 1311] };
    assert!(prepare(&short).is_err());
}

#[test]
fn private_keys_that_do_not_fit_together_are_refused() {
    let invalid = Some(Error::AttributeValueInvalid);
    for set in Set::ALL {
        let (private, public) = counted(set);
        let Material::MlDsaPrivate(key) = &private else { panic!("another kind of key") };
        let seed = key.seed.as_ref().unwrap();
        assert!(import_private(set, Some(seed), Some(&key.key)).is_ok());
        let bare = import_private(set, None, Some(&key.key)).unwrap();
        assert_eq!(value(&public_of(&bare).unwrap()), value(&public));
        // In rho, K, tr, s1 and t0. Without the seed nothing says what K is.
        for at in [0, 40, 70, 130, key.key.len() - 1] {
            let mut wrong = Secret::from_slice(key.key.expose());
            wrong.expose_mut()[at] ^= 1;
            assert_eq!(import_private(set, Some(seed), Some(&wrong)).err(), invalid, "{at}");
            let unseen = at == 40 || (at == key.key.len() - 1 && !DsaKey::checks_low_part());
            assert_eq!(import_private(set, None, Some(&wrong)).err().is_none(), unseen, "{at}");
        }
        let other = Secret::from_slice(&[1; 32]);
        assert_eq!(import_private(set, Some(&other), Some(&key.key)).err(), invalid);
        assert_eq!(import_private(set, Some(&Secret::zeroed(31)), None).err(), invalid);
        assert_eq!(import_private(set, None, Some(&Secret::zeroed(32))).err(), invalid);
        assert_eq!(import_private(set, None, None).err(), Some(Error::TemplateIncomplete));
        assert_eq!(import_public(set, &value(&public)[1..]).err(), invalid);
        assert!(import_public(set, value(&public)).is_ok());
    }
}

#[test]
fn a_key_without_its_seed_signs_the_same() {
    for set in Set::ALL {
        let (private, _) = counted(set);
        let bare = import_private(set, None, Some(&Secret::from_slice(value(&private)))).unwrap();
        let params = params(CKH_DETERMINISTIC_REQUIRED, b"");
        let sign = |key| signed(&ML_DSA, &context(&ML_DSA, key), &params, b"message");
        assert_eq!(sign(&bare), sign(&private));
    }
}

#[test]
fn generate_pair_makes_keys_of_every_set() {
    for set in Set::ALL {
        let recipe = Recipe { parameter_set: Some(number_of(set)), ..Recipe::default() };
        let Pair { public, private } = keys::generate_pair(&recipe).unwrap();
        assert_eq!(value(&public_of(&private).unwrap()), value(&public));
        check_signer(
            &ML_DSA,
            &context(&ML_DSA, &private),
            &context(&ML_DSA, &public),
            &Params::None,
            b"data",
        );
        let again = keys::generate_pair(&recipe).unwrap();
        assert_ne!(value(&again.public), value(&public));
    }
    let of = |recipe| keys::generate_pair(&recipe).err();
    assert_eq!(of(Recipe::default()), Some(Error::TemplateIncomplete));
    for number in [0, 4] {
        let recipe = Recipe { parameter_set: Some(number), ..Recipe::default() };
        assert_eq!(of(recipe), Some(Error::ParameterSetNotSupported));
    }
    let recipe = Recipe { parameter_set: Some(1), key_type: Some(CKK_ML_KEM), ..Recipe::default() };
    assert_eq!(of(recipe), Some(Error::TemplateInconsistent));
}

const RFC_9881: [(u8, &str); 3] = [
    (0x11, "837832708c5236d951581f1fddf2b79991b3424a0486d16da1ddad0fd69701be"),
    (0x12, "b8b62131bfbe84433efb2273d7f5b87f7a22854a2cfd366fc2aead86d837c52d"),
    (0x13, "07e57c4f14dbad1267f621ec3777b4e2e6c4fbc4c22fbb87510ff8e0b3c6a642"),
];

/// RFC 9881, appendix C: the seed 00 01 .. 1f as PKCS#8, and the digests of the public keys' SubjectPublicKeyInfo
/// there.
#[test]
fn keys_of_rfc_9881_are_known() {
    for (number, digest) in RFC_9881 {
        let seed: Vec<u8> = (0..32).collect();
        let header = [&hex("3034020100300b06096086480165030403")[..], &[number], &hex("04228020")].concat();
        let key = pkcs8::decode(&[&header[..], &seed].concat()).unwrap();
        assert_eq!(sha256(&public_key_info(&key).unwrap().unwrap()), hex(digest), "{number}");
        let Material::MlDsaPrivate(key) = key else { panic!("another kind of key") };
        assert_eq!(key.seed.unwrap().expose(), seed);
    }
}

#[test]
fn pkcs8_keeps_seed_and_value_and_refuses_what_does_not_fit() {
    for set in Set::ALL {
        let (private, _) = counted(set);
        let encoded = pkcs8::encode(&private).unwrap();
        let back = pkcs8::decode(encoded.expose()).unwrap();
        assert_eq!(back.encode().expose(), private.encode().expose());
        let bare = import_private(set, None, Some(&Secret::from_slice(value(&private)))).unwrap();
        let back = pkcs8::decode(pkcs8::encode(&bare).unwrap().expose()).unwrap();
        assert_eq!(back.encode().expose(), bare.encode().expose());
        // The identifier, the seed, rho, K, the last byte.
        for at in [17, 40, 75, 120, encoded.len() - 1] {
            let mut wrong = encoded.expose().to_vec();
            wrong[at] ^= 1;
            assert_eq!(pkcs8::decode(&wrong).err(), Some(Error::WrappedKeyInvalid), "{at}");
        }
    }
}

#[test]
fn signing_needs_no_large_stack() {
    let work = || {
        let (private, public) = contexts(Set::Dsa87);
        for params in [Params::None, params(CKH_DETERMINISTIC_REQUIRED, b"")] {
            let signature = signed(&ML_DSA, &private, &params, b"data");
            assert_eq!(verified(&ML_DSA, &public, &params, b"data", &signature), Ok(()));
        }
    };
    let small = std::thread::Builder::new().stack_size(512 << 10).spawn(work).unwrap();
    small.join().unwrap();
}
