use super::*;
use crate::ck::ObjectHandle;
use crate::crypto::tests::hex;

const fn wide(width: CK_ULONG) -> NumberFormat {
    NumberFormat { little_endian: false, width }
}

fn fixed(digits: &str) -> PrfData {
    PrfData::Bytes(hex(digits))
}

fn run(
    row: &Row,
    (prf, kind): (CK_MECHANISM_TYPE, CK_KEY_TYPE),
    key: &str,
    (data, iv, seconds): (Vec<PrfData>, &str, &[&[u8]]),
    lens: &[usize],
) -> Result<Vec<Vec<u8>>> {
    let recipe = |len: &usize| Recipe { value_len: Some(*len), ..Recipe::default() };
    let sources = Sources {
        base: &Material::Bytes(Secret::from_slice(&hex(key))),
        base_type: Some(kind),
        seconds: &seconds.iter().map(|second| Secret::from_slice(second)).collect::<Vec<_>>(),
        params: &Params::Kbkdf(Kbkdf { prf, data, iv: hex(iv) }),
        recipes: &lens.iter().map(recipe).collect::<Vec<_>>(),
    };
    let derived = (row.ops.derivation.unwrap().derive)(&sources)?;
    Ok(derived.values.iter().map(|value| value.expose().to_vec()).collect())
}

const CMAC: (CK_MECHANISM_TYPE, CK_KEY_TYPE) = (CKM_AES_CMAC, CKK_AES);
const SHA1: (CK_MECHANISM_TYPE, CK_KEY_TYPE) = (CKM_SHA_1_HMAC, CKK_GENERIC_SECRET);
const SHA256: (CK_MECHANISM_TYPE, CK_KEY_TYPE) = (CKM_SHA256_HMAC, CKK_SHA256_HMAC);
const SHA512: (CK_MECHANISM_TYPE, CK_KEY_TYPE) = (CKM_SHA512_HMAC, CKK_HKDF);

fn one(
    row: &Row,
    prf: (CK_MECHANISM_TYPE, CK_KEY_TYPE),
    key: &str,
    data: Vec<PrfData>,
    iv: &str,
    output: &str,
) {
    let output = hex(output);
    assert_eq!(run(row, prf, key, (data, iv, &[]), &[output.len()]), Ok(vec![output]));
}

fn counter(width: CK_ULONG) -> PrfData {
    PrfData::Iteration(Some(wide(width)))
}

/// NIST CAVP, KBKDF 800-108, counter mode: the counter before, behind and amid the fixed input.
#[test]
fn counter_mode_of_cavp_is_known() {
    // CMAC_AES128, BEFORE_FIXED, RLEN 8, counts 0 and 30.
    let input = "c16e6e02c5a3dcc8d78b9ac1306877761310455b4e41469951d9e6c2245a064b33fd8c3b01203a7824485bf0a64060c4648b707d2607935699316ea5";
    let key = "dff1e50ac0b69dc40f1051d46c2b069c";
    one(&COUNTER, CMAC, key, vec![counter(8), fixed(input)], "", "8be8f0869b3c0ba97b71863d1b9f7813");
    let input = "24acb8e9227b180f2ccebea48051cbdbcd1be2bf94400d1e92945fe9b887585a295f46c469036107697813a3e12c45ae2ffde9a940f8f8c181018a93";
    let key = "e91e0d06ab23a4e495bbcc430efddcaf";
    let output = "e81ef2483729d4165aaa4866c17f26496e6c6924e2fe34f608efef0c35835f86df29a1e19ce166a8";
    one(&COUNTER, CMAC, key, vec![counter(8), fixed(input)], "", output);
    // HMAC_SHA256, BEFORE_FIXED, RLEN 16, count 30.
    let input = "da1f5ed45ead428689b0ecca9dbc2569e76953cda0df085499cca6d5949d8995e1e42bbdc94b0dd78c164867c364a64c894de85294ad89d267ff443d";
    let key = "d4349c26108719debacc04e166a09063ffb5e17bcbaf8738dc2618aa7d1e97ae";
    let output = "00550ae0f29a2373269af175e7f829ec32c3d05099a39f8c0e02caa00b68afb7457669334383ffb2";
    one(&COUNTER, SHA256, key, vec![counter(16), fixed(input)], "", output);
    // HMAC_SHA1, AFTER_FIXED, RLEN 8, count 10.
    let input = "835504a8141dd995135e6b1e7916080e16d77adc17c74ae5b000058d566e8e6330f194b4321debf5b8be73e5d2d99a0fa2d9fd75c2fb47645d2e7d21";
    let key = "cb8108b98fbed27e321e1a7d3dd843169092e49a";
    let output = "240ad8cf18c2439a2c7f95c1daedacbd4dcae30818bffcbd8e5968ddc38a28f8";
    one(&COUNTER, SHA1, key, vec![fixed(input), counter(8)], "", output);
    // CMAC_AES256, MIDDLE_FIXED, RLEN 32, count 30.
    let before = "bbbc024381bb35cbbf0b0cba421d6fa7f7a19d0735558ae5666bde237119bfb37a1e0428a41940fc59b9f6e29aea3fb397ed";
    let key = "8f320cadb47c4a59dbe20772588df66d20d27b38dbd8fd8fe222d3530ae84bd8";
    let output = "f1b67b40eaf90b3cd6f9894362b4b6e02ec125c3213cf3876d060673dd5f891da995b48de25708ac";
    let data = vec![fixed(before), counter(32), fixed("fff857314c5893b4dee0")];
    one(&COUNTER, CMAC, key, data, "", output);
    // HMAC_SHA512, BEFORE_FIXED, RLEN 24, count 10.
    let input = "c2884a0c3ea2ff5b0bc848698f49f2c59eff511d77caddba897dec7714a0984e54f330dd9e9fdca9c033dfbc36d3293eca0ce7601e316463966ad4fd";
    let key = "44e6e9abd8572a19ba127dfa2ca6a1b53beaef8c19a1ec5b67f1f6f7919671cd80ade7ded7c0f096525936ef427b152339de915f024964ca9ea908a120e2553a";
    let output = "b294537440bec490953bf6e9a77c4510536916b84a5a2f45b5bf9f76666d8f12";
    one(&COUNTER, SHA512, key, vec![counter(24), fixed(input)], "", output);
}

/// NIST CAVP, KBKDF 800-108, feedback mode with CMAC_AES128: with a counter behind the variable and no IV; without a
/// counter and with an IV.
#[test]
fn feedback_mode_of_cavp_is_known() {
    let variable = || PrfData::Iteration(None);
    let input = "fb5294ed40a0e4aa70a7be13913070a4c5cfc05f89b9f7dd26a493b8c63889c7c3b0b60dd6d598ffa296a426224c727a501946";
    let output = "7164471f559812581a53aaf7fb6d6c53a1293115cda873887efcc7ce6b3a026b2d19f0d38db8590e218a2676df88f53cab3313ed63bd1e4828f3c066ea5eb1fd";
    let data = vec![variable(), PrfData::Counter(wide(16)), fixed(input)];
    one(&FEEDBACK, CMAC, "d7f5fa7551645de0b36aecd46565f954", data, "", output);
    let input = "62afe5fed91e797221a854336b0aadd8a05ad0e3c8345729897b2efcec5a1178a2fa4c063007b67a7015e0d6b7271ea8d86b44";
    let output = "88a9aae193abdd3fe8143bab66014ae41dc2d12ea9d08f5871588fc5d827924eb9942989d7a36d4b3b107997566472cad5942bd13cb5cff32b9dae30f1bb6300";
    let data = vec![variable(), fixed(input)];
    let iv = "28dc945cb8337ab5336c3e9b5bad21c7";
    one(&FEEDBACK, CMAC, "5c996c922f65de97d4408373229814c6", data, iv, output);
}

/// NIST CAVP, KBKDF 800-108, double-pipeline mode with CMAC_AES128, a counter of 32 bits behind the variable.
#[test]
fn double_pipeline_mode_of_cavp_is_known() {
    let input = "daefcc52d6e32e1614109268933087fce3d64a5a6f111ba1a8d343a1e388a1752aaea93853be52864997a81c84b04c4f3ff3bd";
    let output = "fc0eae673e7db3c4660668e187bcd81d5ca9b89213d8d741e71c9bab89bb4fb3c4df541d89a8117f0f56b0f15111ae28abf81fb7d7349fbbcaf01137e4d73527";
    let data = || vec![PrfData::Iteration(None), PrfData::Counter(wide(32)), fixed(input)];
    one(&DOUBLE_PIPELINE, CMAC, "34f0c2542bfe13c7149b68c8a1ef636b", data(), "", output);
    // 70 bytes: a last segment that is cut.
    let input = "2627a07bff38e9ad59fe5e0542b02e1943154dcfa564b2aaa07ce113a7eecd42fc90fc02ce209d9b715591fd4768f5547f6702";
    let data = vec![PrfData::Iteration(None), PrfData::Counter(wide(32)), fixed(input)];
    let output = "0f6fe446ac3c06755fb65e4a78a268e7d495bfeb0089d756a0625e8bab8463e98879061880af76eb39136bb79f4f97a663e4ecce50bf810ff2f23294ead4990a801c2d5bb3e3";
    one(&DOUBLE_PIPELINE, CMAC, "8f6a526046e922a854758e7a9b188cae", data, "", output);
}

/// "The first segment and half of the second segment will be used to create the 48-byte key and the third segment will be
/// used to create the 16-byte key ... the DKM length value will be 512 bits ... 768 bits" (PKCS#11 3.2, 6.42).
#[test]
fn further_keys_begin_with_a_segment_of_their_own() {
    let key = "0102030405060708090a0b0c0d0e0f10";
    let data = || vec![counter(32), fixed("aa")];
    let stream = run(&COUNTER, SHA256, key, (data(), "", &[]), &[96]).unwrap().remove(0);
    let keys = run(&COUNTER, SHA256, key, (data(), "", &[]), &[48, 16]).unwrap();
    assert_eq!(keys, [&stream[..48], &stream[64..80]]);
    for (segments, bits) in [(false, 512_u32), (true, 768)] {
        let length = PrfData::Length { segments, format: wide(32) };
        let told = run(&COUNTER, SHA256, key, (vec![counter(32), length], "", &[]), &[48, 16]);
        let by_hand = vec![counter(32), PrfData::Bytes(bits.to_be_bytes().to_vec())];
        assert_eq!(told, run(&COUNTER, SHA256, key, (by_hand, "", &[]), &[48, 16]));
    }
}

#[test]
fn numbers_and_keys_stand_where_they_are_laid() {
    let key = "0102030405060708090a0b0c0d0e0f10";
    let little = NumberFormat { little_endian: true, width: 24 };
    let length = PrfData::Length { segments: false, format: little };
    let second = PrfData::Key(ObjectHandle(1));
    let data = vec![fixed("01"), second, counter(16), length];
    let one = run(&COUNTER, SHA256, key, (data, "", &[b"second"]), &[32]);
    let hmac = Prf::hmac(super::super::digest::Hash::Sha256, &hex(key)).unwrap();
    let value = hmac.of([&hex("01")[..], b"second", &[0, 1], &[0, 1, 0]]).unwrap();
    assert_eq!(one, Ok(vec![value[..32].to_vec()]));
    let counter = PrfData::Iteration(Some(little));
    let two = run(&COUNTER, SHA256, key, (vec![counter], "", &[]), &[64]).unwrap();
    assert_eq!(two[0][32..], hmac.of([&[2, 0, 0][..]]).unwrap()[..32]);
}

#[test]
fn wrong_layouts_are_refused() {
    let key = "0102030405060708090a0b0c0d0e0f10";
    let refused = |row: &Row, data: Vec<PrfData>| run(row, SHA256, key, (data, "", &[]), &[32]).err();
    let wrong = Some(Error::MechanismParamInvalid);
    let length = |width| PrfData::Length { segments: false, format: wide(width) };
    let variable = || PrfData::Iteration(None);
    for data in [
        vec![],
        vec![fixed("aa")],
        vec![counter(8), counter(8)],
        vec![variable()],
        vec![counter(8), PrfData::Counter(wide(8))],
        vec![counter(8), length(8), length(8)],
        vec![counter(8), length(0)],
        vec![counter(8), length(12)],
        vec![counter(8), length(72)],
        vec![counter(0)],
        vec![counter(4)],
        vec![counter(40)],
        vec![counter(8), PrfData::Key(ObjectHandle(1))],
    ] {
        assert_eq!(refused(&COUNTER, data), wrong);
    }
    for row in [&FEEDBACK, &DOUBLE_PIPELINE] {
        for data in [
            vec![fixed("aa")],
            vec![counter(8)],
            vec![variable(), variable()],
            vec![variable(), PrfData::Counter(wide(8)), PrfData::Counter(wide(8))],
        ] {
            assert_eq!(refused(row, data), wrong);
        }
        assert_eq!(refused(row, vec![variable()]), None);
    }
    // 256 bits do not fit into 8, nor 300 segments into a counter of 8.
    assert_eq!(refused(&COUNTER, vec![counter(8), length(8)]), wrong);
    let many = run(&COUNTER, SHA256, key, (vec![counter(8)], "", &[]), &[1024; 8]);
    assert_eq!(many.err(), Some(Error::KeySizeRange));
    assert_eq!(run(&COUNTER, CMAC, key, (vec![counter(8)], "", &[]), &[0]).err(), Some(Error::KeySizeRange));
    let long = run(&COUNTER, CMAC, key, (vec![counter(32)], "", &[]), &[MAX_KEY_LEN as usize + 1]);
    assert_eq!(long.err(), Some(Error::KeySizeRange));
    let other = run(&COUNTER, (CKM_AES_CMAC, CKK_GENERIC_SECRET), key, (vec![counter(8)], "", &[]), &[16]);
    assert_eq!(other.err(), Some(Error::KeyTypeInconsistent));
    let unknown = run(&COUNTER, (CKM_SHA256, CKK_HKDF), key, (vec![counter(8)], "", &[]), &[16]);
    assert_eq!(unknown.err(), wrong);
}

#[test]
fn a_length_must_be_named() {
    let sources = Sources {
        base: &Material::Bytes(Secret::from_slice(&[1; 32])),
        base_type: Some(CKK_HKDF),
        seconds: &[],
        params: &Params::Kbkdf(Kbkdf { prf: CKM_SHA256_HMAC, data: vec![counter(8)], iv: vec![] }),
        recipes: &[Recipe::default()],
    };
    assert_eq!(derive(Mode::Counter, &sources).err(), Some(Error::TemplateIncomplete));
}
