//! Known answers, and what every signer must do.

use super::*;
use crate::crypto::mechanism::Recipe;
use crate::crypto::tests::*;
use crate::crypto::{Pair, pkcs8, public_key_info};

/// Digests of the deterministic signature of "message" with the context "context" by the key whose seeds are 00 01
/// 02 .., made by slh-dsa 0.2.5 of PyPI. The slow sets are in a test of their own.
const FAST: [(Set, &str); 6] = [
    (Set::Sha2_128f, "8cf6744657b5f19defae315b07dd467376357b6b67ea48d289139cc9a8a7ec2c"),
    (Set::Shake_128f, "8907c75a4dfdb1e57906686ed40a980886ee7893f75c1b82b598017aca3019e4"),
    (Set::Sha2_192f, "33a43b99830ebb6b49df8896b25758dcf885d45ac5f3071cb6ea76edec62c72f"),
    (Set::Shake_192f, "9abfcf564852cd3b9fe98f49e2248adbc6e7e125df85aa5a143d9c42918bc662"),
    (Set::Sha2_256f, "886f2dbaf1290936da7524d97f0550c8d519b572de36df9b69edf15582fd7f01"),
    (Set::Shake_256f, "86d0c942ea9b8cccecd5353f033ce609b88ec81c2f4ed79a1419514dc9c0629a"),
];
const SLOW: [(Set, &str); 6] = [
    (Set::Sha2_128s, "7a761609d23a469cf8ce2d35acc603177b7f083b748493561fe57fd34bc2a6c7"),
    (Set::Shake_128s, "e24064f4afe2ee40557c33edc82b3e46d05e7ff5abb6da082c5c08a2a8f5d19f"),
    (Set::Sha2_192s, "593dad4fa2e51eab3539ac28db7ddde277bc8f3068eab3e63862bf417331a5aa"),
    (Set::Shake_192s, "5b4e4026c1c7079076edc002683fe9f3b8566ef8cddf9f2b446124db18026dac"),
    (Set::Sha2_256s, "6d38fab0d2e1a4d3ad5ae2425c017562e0e00b80ee04e20ff1976fb38380e705"),
    (Set::Shake_256s, "1d8545337ddaf26b041b4bedb1e598c42ad97b7c30aabdef1a06f200ed5418af"),
];

/// The same for SLH-DSA-SHA2-128f and each mechanism that takes the digest itself.
const HASHED: [(&Row, &str); 10] = [
    (&SHA224, "ca178469caae03579b1c6a79935166b17b26be5ed60cd307916e6f40b9765964"),
    (&SHA256, "47480c091037ec33e448461019f0d5b7fb02c62981cf6198d3e8ad6d931e10fa"),
    (&SHA384, "24fcf5055c06ee39ba70029c64b249e48ae63b667fe00c6525ce2e2101632739"),
    (&SHA512, "4b123aa87635b10785cbfa18830252ef7e5b09636ef63f7463f2a7e4410814d4"),
    (&SHA3_224, "199969207f42408037696a7fafa76faa390487eac95e1ada98378f5c0bc8654c"),
    (&SHA3_256, "51b5f4ac542b053dee115c75d744ccf067e4a6c1d6fb4c59dcbf8688d6437cdf"),
    (&SHA3_384, "479d5a5405c37c384b446ec58b784308d8613e993b43b1bb9fb35c68bea9d41b"),
    (&SHA3_512, "03dba0228d04e0c03623842d1c5e3a298e0b012810ccd92b273143b191f9aa86"),
    (&SHAKE128, "79e1d8d31e5de3acc635cd94b7beebbbd19ccaca0315931c05dafa01d38d22ca"),
    (&SHAKE256, "6e4c1bb64de289b1fb0f9364e443c662c3221a3b8efd39f64c1b43c3939c70a1"),
];

/// SK.seed, SK.prf, and the public key, PK.seed and PK.root: ACVP, SLH-DSA-keyGen-FIPS205, the first test of each
/// set.
const ACVP: [(Set, &str, &str, &str); 12] = [
    (
        Set::Sha2_128s,
        "173d04c938c1c36bf289c3c022d04b14",
        "63ae23c41aa546da589774ac20b745c4",
        "0d794777914c99766827f0f09ca972be0162c10219d422adba1359e6aa65299c",
    ),
    (
        Set::Shake_128s,
        "c151951f3811029239b74add24c506af",
        "dd30363e156e6fe936ec6ed0231feb5c",
        "529ffe86200d1f32c2b60d0cd909f1900761f9b727afa724b47223016bb5b2ba",
    ),
    (
        Set::Sha2_128f,
        "c42bcb3b5a6f331f5cce899253c6d9e2",
        "9ff2b7ead7a04bab1794db8cc659c3b4",
        "a868f1bd5debc12d4c9fad66aabd0a94b546df247be4c457f3d467cdfcfabd39",
    ),
    (
        Set::Shake_128f,
        "3956ab391b4d22fc907af0740326d061",
        "ab0eb206436f2b86ebe086d77739b3e4",
        "56505c229f4e7fa6b201714c7dcc9da366578f1f24c3fe371c97c14ce0e79cdc",
    ),
    (
        Set::Sha2_192s,
        "040266529c1864088925506c20a624a2b6d50cd77c1c6f0d",
        "2841150ae8157512ef34a343ffea77ff7d9e814b45a8b414",
        "64462665f4202886206a8f632267186ca6a1cad08a2b9a862c6a7bc4ac4aaa84accef60d529f0311274f205e8da642c9",
    ),
    (
        Set::Shake_192s,
        "8732621860e9a6e1887be55f7af692b98eb4c10b2599f94a",
        "d5cc9d6470d8b21136158e8b1710f1fbe03eced37ed4ac68",
        "53fc64d46d7e1653ebbb36ed5fbc12c6e7cef3cb756482c8c620452e864e8497e1b38a7b04449219acd9e4393f9c88ef",
    ),
    (
        Set::Sha2_192f,
        "a021b4b9d6dee168722bc10225e50a946642af630c3c7c7d",
        "69e3a40ba09df2ac165b792a07f064ac5fc28d8c99a580f4",
        "ee4823d09e79854706daa80ae3179b5bc8c2e9409d6328a33577fd584bc0784c559cdb2437a46f7f753c336369419acf",
    ),
    (
        Set::Shake_192f,
        "fb7a2c2c75ce6c96b5f4328e0ab300476fc6f864cb5b0b99",
        "990ecb726ca822a4e3652dd92ec0aab7637ea41c0482ae28",
        "68dcc671e3534f81a352c275b6a25f906d2ed0ff62b8b4e398f1a9876cb082a48e9ae2c862b289486a3925cefc6ff4be",
    ),
    (
        Set::Sha2_256s,
        "fcbf36a9807b30697be063a5105e091b412a391dd39e1326eba23cbd4096ca77",
        "ef4121c08dd71be913572f1f91e57d0acbcd5cec28539ac275832bbaa6c11081",
        "a0b4f5549ebcadb951dc2e512c76b0620d8fb8100b4ee886ef8784780d52a2543e57ab494d47068ffee4b8244aad6f19cdf94a2172bd134a15a6b5f298d5a80e",
    ),
    (
        Set::Shake_256s,
        "e440e39644a11a6a58e850c09c8f03c273e465237f3bef7c58de62281e676cea",
        "99c199c00db30f8499a61b5b9dc8a361725f6ae80e97037176f408c30b38844d",
        "d7b5e755b4879fde3288a21af3e32fbb006fd9b8bc2b180eb9b0d82c9f3157af02acd6b3198ee1c9fe9afe61fd86d1e0877ad9061980b57b178ce27191d8eb1b",
    ),
    (
        Set::Sha2_256f,
        "18523702a0fe2c9e488948b127185bab93d3f02c3d7c23a1b379f762de0509e5",
        "6ab0d9f93540bd809d1d2e8a050440aa81e853750470e2b00c959dbd3be40e2b",
        "d7125f5d00ba47f1fc8d4c32c2f57c444bd384d7ce770bc50dd5980c1d1264d00ad5197ffcbaafe11b1e413f26adb1504ce1c3f5c40c1dcda14e99fd126d5b81",
    ),
    (
        Set::Shake_256f,
        "2ac9403858d186b172edd8df9c78a11449893681487d3af0dad0ec341e8aca48",
        "afa2771bae6c17dd6f77b4e3808b05f56f31b8f4128df2ccb677f0283cfb18da",
        "559bc883105e8ba0264648b532626155f87edb4bedcfc12a24204d3b696d53707a158ff5d30e3428183a3b3a96a0e4a341a2a16e5a6226af374d1efb39a35df6",
    ),
];

fn seeds(set: Set) -> Vec<u8> {
    (0..).take(3 * set.n()).collect()
}

/// The key whose seeds are 00 01 02 ...
fn contexts(set: Set) -> (Context, Context) {
    let key = key_pair(set, &seeds(set)).unwrap();
    let private = Material::SlhDsaPrivate { set, key: Secret::from_slice(&key) };
    let public = public_of(&private).unwrap();
    (context(&SLH_DSA, &private), context(&SLH_DSA, &public))
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

fn check_known(list: &[(Set, &str)]) {
    let params = params(CKH_DETERMINISTIC_REQUIRED, b"context");
    for (set, digest) in list {
        let (private, public) = contexts(*set);
        let signature = signed(&SLH_DSA, &private, &params, b"message");
        assert_eq!(sha256(&signature), hex(digest), "{set:?}");
        assert_eq!(verified(&SLH_DSA, &public, &params, b"message", &signature), Ok(()));
    }
}

#[test]
fn keys_of_acvp_are_known() {
    for (set, sk_seed, sk_prf, public) in ACVP {
        let private = [hex(sk_seed), hex(sk_prf), hex(public)].concat();
        let key = import_private(set, &private).unwrap();
        let Material::SlhDsaPublic { key, .. } = public_of(&key).unwrap() else {
            panic!("another kind of key")
        };
        assert_eq!(key, hex(public), "{set:?}");
    }
}

#[test]
fn private_keys_whose_root_does_not_follow_are_refused() {
    let set = Set::Shake_128f;
    let key = key_pair(set, &seeds(set)).unwrap();
    assert!(import_private(set, &key).is_ok());
    // SK.prf is in no tree.
    for (at, refused) in [(0, true), (16, false), (32, true), (63, true)] {
        let mut wrong = key.to_vec();
        wrong[at] ^= 1;
        assert_eq!(import_private(set, &wrong).is_err(), refused, "{at}");
    }
    for wrong in [&key[1..], &[]] {
        assert_eq!(import_private(set, wrong).err(), Some(Error::AttributeValueInvalid));
        assert_eq!(import_public(set, wrong).err(), Some(Error::AttributeValueInvalid));
    }
}

#[test]
fn deterministic_signatures_of_the_fast_sets_are_those_of_another_implementation() {
    check_known(&FAST);
}

#[test]
fn a_deterministic_signature_of_a_slow_set_is_that_of_another_implementation() {
    check_known(&SLOW[..1]);
}

#[test]
#[ignore = "half a minute of computing"]
fn deterministic_signatures_of_the_slow_sets_are_those_of_another_implementation() {
    check_known(&SLOW[1..]);
}

#[test]
fn deterministic_signatures_of_digests_are_those_of_another_implementation() {
    let (private, public) = contexts(Set::Sha2_128f);
    let params = params(CKH_DETERMINISTIC_REQUIRED, b"context");
    for (row, digest) in HASHED {
        let signature = signed(row, &private, &params, b"message");
        assert_eq!(sha256(&signature), hex(digest), "{:#x}", row.ckm);
        assert_eq!(verified(row, &public, &params, b"message", &signature), Ok(()));
    }
    let mut digest = [0; 64];
    Hash::Sha512.digest(b"message", &mut digest).unwrap();
    let signature = signed(&HASH_SLH_DSA, &private, &named(CKM_SHA512), &digest);
    assert_eq!(sha256(&signature), hex(HASHED[3].1));
    assert_eq!(verified(&HASH_SLH_DSA, &public, &named(CKM_SHA512), &digest, &signature), Ok(()));
    let answer = verified(&HASH_SLH_DSA, &public, &named(CKM_SHA3_512), &digest, &signature);
    assert_eq!(answer, Err(Error::SignatureInvalid));
    for wrong in [63, 65] {
        let mut signing = sign_digest(&private, &named(CKM_SHA512)).unwrap();
        let refused = signing.sign(&vec![0; wrong], &mut vec![0; 17_088]);
        assert_eq!(refused, Err(Error::DataLenRange));
    }
}

#[test]
fn sign_in_pieces_tampered_and_short_behaves() {
    for set in [Set::Sha2_128f, Set::Shake_128f] {
        let (private, public) = contexts(set);
        check_signer(&SLH_DSA, &private, &public, &Params::None, &[5; 777]);
    }
    let (private, public) = contexts(Set::Sha2_128f);
    check_signer(&SHAKE256, &private, &public, &params(CKH_DETERMINISTIC_REQUIRED, &[7; 255]), &[5; 777]);
    check_signer(&HASH_SLH_DSA, &private, &public, &named(CKM_SHA3_224), &[5; 28]);
}

#[test]
fn hedged_signatures_differ_and_contexts_and_forms_are_kept_apart() {
    let (private, public) = contexts(Set::Sha2_128f);
    let sign = |row, params: &Params| signed(row, &private, params, b"message");
    assert_ne!(sign(&SLH_DSA, &Params::None), sign(&SLH_DSA, &params(CKH_HEDGE_REQUIRED, b"")));
    let signature = sign(&SHA256, &params(CKH_DETERMINISTIC_REQUIRED, b"c"));
    assert_eq!(verified(&SHA256, &public, &params(99, b"c"), b"message", &signature), Ok(()));
    for (row, params) in [
        (&SHA256, params(0, b"d")),
        (&SHA256, Params::None),
        (&SHA3_256, params(0, b"c")),
        (&SLH_DSA, params(0, b"c")),
    ] {
        let answer = verified(row, &public, &params, b"message", &signature);
        assert_eq!(answer, Err(Error::SignatureInvalid), "{:#x}", row.ckm);
    }
}

#[test]
fn start_with_wrong_parameters_or_keys_is_refused() {
    let (private, public) = contexts(Set::Sha2_128f);
    let refused = Some(Error::MechanismParamInvalid);
    for wrong in [params(0, &[0; 256]), params(3, b""), Params::Iv(vec![]), named(CKM_SHA256)] {
        assert_eq!(sign_pure(&private, &wrong).err(), refused, "{wrong:?}");
    }
    for wrong in [Params::None, params(0, b""), named(CKM_SHA_1), named(CKM_SLH_DSA)] {
        assert_eq!(sign_digest(&private, &wrong).err(), refused, "{wrong:?}");
        assert_eq!(verify_digest(&public, &wrong).err(), refused, "{wrong:?}");
    }
    assert_eq!(sign_pure(&public, &Params::None).err(), Some(Error::KeyTypeInconsistent));
    assert_eq!(prepare(&Material::EdPublic(vec![1; 32])).err(), Some(Error::KeyTypeInconsistent));
}

#[test]
fn a_message_in_parts_has_a_limit_and_one_that_is_hashed_has_none() {
    let (_, public) = contexts(Set::Sha2_128f);
    let part = vec![0; MESSAGE_LIMIT / 4];
    let mut pure = verify_pure(&public, &Params::None).unwrap();
    let mut hashed = SHA256.ops.verify.unwrap()(&public, &Params::None).unwrap();
    for _ in 0..4 {
        pure.update(&part).unwrap();
        hashed.update(&part).unwrap();
    }
    assert_eq!(pure.update(&[0]), Err(Error::DataLenRange));
    assert_eq!(hashed.update(&[0]), Ok(()));
}

#[test]
fn generate_pair_makes_keys_of_fast_and_slow_sets() {
    for set in [Set::Sha2_128f, Set::Shake_192f, Set::Sha2_128s] {
        let recipe = Recipe { parameter_set: Some(number_of(set)), ..Recipe::default() };
        let Pair { public, private } = keys::generate_pair(&recipe).unwrap();
        let (private, public) = (context(&SLH_DSA, &private), context(&SLH_DSA, &public));
        let signature = signed(&SLH_DSA, &private, &Params::None, b"data");
        assert_eq!(verified(&SLH_DSA, &public, &Params::None, b"data", &signature), Ok(()));
    }
    let of = |recipe| keys::generate_pair(&recipe).err();
    assert_eq!(of(Recipe::default()), Some(Error::TemplateIncomplete));
    for number in [0, 13] {
        let recipe = Recipe { parameter_set: Some(number), ..Recipe::default() };
        assert_eq!(of(recipe), Some(Error::ParameterSetNotSupported));
    }
    let recipe = Recipe { parameter_set: Some(3), key_type: Some(CKK_ML_DSA), ..Recipe::default() };
    assert_eq!(of(recipe), Some(Error::TemplateInconsistent));
}

/// RFC 9909, 6: the key stands in the OCTET STRING as it is.
#[test]
fn pkcs8_and_public_key_info_have_the_bare_key() {
    let numbers = [20, 26, 21, 27, 22, 28, 23, 29, 24, 30, 25, 31];
    for (set, number) in Set::ALL.into_iter().zip(numbers) {
        assert_eq!(oid(set), [&hex("060960864801650304")[..], &[3, number]].concat());
    }
    let set = Set::Shake_128f;
    let key = key_pair(set, &seeds(set)).unwrap();
    let private = Material::SlhDsaPrivate { set, key: Secret::from_slice(&key) };
    let encoded = pkcs8::encode(&private).unwrap();
    let expected = [&hex("3052020100300b060960864801650304031b0440")[..], &key].concat();
    assert_eq!(encoded.expose(), expected);
    let back = pkcs8::decode(encoded.expose()).unwrap();
    assert_eq!(back.encode().expose(), private.encode().expose());
    for at in [19, 25, encoded.len() - 1] {
        let mut wrong = encoded.expose().to_vec();
        wrong[at] ^= 1;
        assert_eq!(pkcs8::decode(&wrong).err(), Some(Error::WrappedKeyInvalid), "{at}");
    }
    let info = public_key_info(&private).unwrap().unwrap();
    assert_eq!(info, [&hex("3030300b060960864801650304031b032100")[..], &key[32..]].concat());
}

#[test]
fn signing_needs_no_large_stack() {
    let work = || {
        let (private, public) = contexts(Set::Shake_256f);
        let signature = signed(&SLH_DSA, &private, &Params::None, b"data");
        assert_eq!(verified(&SLH_DSA, &public, &Params::None, b"data", &signature), Ok(()));
    };
    let small = std::thread::Builder::new().stack_size(512 << 10).spawn(work).unwrap();
    small.join().unwrap();
}

/// Set, hash function or none, private key, message, context and digest of the deterministic signature: ACVP,
/// SLH-DSA-sigGen-FIPS205.
const ACVP_SIGNATURES: [(Set, &str, &str, &str, &str, &str); 3] = [
    (
        Set::Sha2_128f,
        "-",
        "96933bbfbaa46828bd4cf83a8cd2419d7863d69cf3eafc91e47b33ced9985459c58383f7579c26afa6fe3e607da0d047beae389d9e2f9ff17a69f4e0d7f4d829",
        "2c",
        "f7eaa19141fc80ed319a842837e68ff126db762dfe49cd5bcf11d0e66ea37ef6f72c382e9938532645e881de9dee35dd60df56cf74726f2f183ac99422c6d6b37822176cc4f0d17caaeba06e79e69699a5f3ad4556f7180e98fc1e6ab4fd11e556fac53387dbd00d24acc68d8108",
        "152646f0a930621eb0717f29cdd74be06a8375839f11e61e06995d58502893d8",
    ),
    (
        Set::Shake_128f,
        "-",
        "8b78a871c8be28e849ee3c3949f8e12c5854dac1ee1c13dae99791d21a779fba5742bbe466d060c9c7b57da26396f66abaed26903d4d3561153ae85ef5f4015f",
        "3f",
        "83e2467064e0068ef84ad3816918f7b2926945c4ac1ab2dfcb6381e4f65a00e3ef79b2e4f29133ee8b19e7e5de7f048cece3cad9fb595835c6390198ce91a8df2fb1006da5e3955d42401e044f7918cdfc4f769f3a3095f0e657c887ef762faa1d365ef74c00dc6282050990493e8d8fc1f10ffd3cc6168ea94d6d814617624cd06842dd09dabe0b4db26550be3e3d54d90f9f52c2ff12601467d10a0b2a15e755c8ce8792669f6043d2fd4e262af67a5779ac5cffb8159fefd543a83a01dd4b008b7bb5b894cd856b9e0ad79f013557100c0ce9751573d07e871b5fec0aff4daa9d4f5c82068663622171738893270b3430b2394f88e850e7fdbc",
        "9e5173f13b72f4b3cf93b46c8ef599f8be5d3ec68cf43dc522a1ee84b6c2fc50",
    ),
    (
        Set::Shake_128f,
        "SHA2-512/256",
        "8b25ec70528b0e4dc4e28491959345d4478525d14eb8ae59d1751f0739d8640b76252e8d7d432086a383c060d7efada72b83a56eb41157b6a6cdf15ae6fa31c7",
        "51432181b8e33c23412f457a9f8c1b4b0ce23486c91086c6141c52e3f5a09cecaa",
        "",
        "89a4a16f5a33289de09d1bfa1b390a86f0f31fd977fe4bc4277acccbd8555d1d",
    ),
];

#[test]
fn signatures_of_acvp_are_known() {
    for (set, hash, private, message, context_bytes, digest) in ACVP_SIGNATURES {
        let private = import_private(set, &hex(private)).unwrap();
        let (hedge, context_bytes) = (CKH_DETERMINISTIC_REQUIRED, hex(context_bytes));
        let signature = match hash {
            "SHA2-512/256" => {
                let mut digest = [0; 32];
                Hash::Sha512_256.digest(&hex(message), &mut digest).unwrap();
                let params =
                    Params::HashSignatureContext { hedge, context: context_bytes, hash: CKM_SHA512_256 };
                signed(&HASH_SLH_DSA, &context(&HASH_SLH_DSA, &private), &params, &digest)
            }
            _ => {
                let params = params(hedge, &context_bytes);
                signed(&SLH_DSA, &context(&SLH_DSA, &private), &params, &hex(message))
            }
        };
        assert_eq!(sha256(&signature), hex(digest), "{set:?} {hash}");
    }
}
