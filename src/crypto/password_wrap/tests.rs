use super::*;
use crate::crypto::tests::*;
use crate::crypto::{pkcs8, table};

const PASSWORD: &[u8] = b"correct-horse";

/// A key of P-256 that OpenSSL made: PKCS#8 as it is, and encrypted by OpenSSL with AES-256 and SHA-256, AES-128 and SHA-1,
/// AES-192 and SHA-512.
const PLAIN: &str = "308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b02010104201a0b4df0848844de64c538d9fb2cc4eed7f7515c86af8bde87cd8e39ca2b7534a144034200047f36ea58916da98baaafa528597c5c92fe7fad60139db4c99943b3cab7627831dc6f817c47b60d3e879a64db50ed8b2d398f16e46cb24de6396ac1ff7fc83e92";
const BY_OPENSSL: [&str; 3] = [
    "3081ec305706092a864886f70d01050d304a302906092a864886f70d01050c301c0408f9ec500f3f05a37202020800300c06082a864886f70d02090500301d060960864801650304012a04105507e3a77c8fdf1eb317fca4284e2187048190f0ed3de89096966a1beb87fe9b08d2fc2c80006c7b981417680ae60c890146124470e807468b77f5df35f3deef8f564b3043661c0f5708dfb9c59b43f3242bf6557d090330a44463bc92fb7914a564f4de409d3fcea4af943895fca79e797f7e73963342bb3f380c04258123543b2c2be68c6281204412b0cd2ab87aac202f6fa5e65d1e943bd67ea29f60c026b089e1",
    "3081de304906092a864886f70d01050d303c301b06092a864886f70d01050c300e04084dc44c5fd7e6e8c3020203e8301d0609608648016503040102041048f47f341c63148a0d7d1567d4f0bf5c048190d7fe73280afbe62cc55c0937297b4ec86829eb82b03fbe3949c68f0e5cb1affe7844ad3ac5fcb1004fd9a36e127eb6873685d698876e613d26d1bb681d2e098fd041a6ec360d490a8d8e5f924024af0de444bfb3b2fe401137edd7092ab067d889266305378c592e7ee86c05488e71ee9b8207985804282ee142a5eddbcbdd4fabfa28c8d5ed4f3eecf07d1a5f75d0c3",
    "3081ec305706092a864886f70d01050d304a302906092a864886f70d01050c301c0408c518fb9c1409916502021388300c06082a864886f70d020b0500301d06096086480165030401160410ef106270b74171f87d6dd0496a5c4e3b0481909a9f654a38984c3ccb30094149e7d9444375f98e889fddb3cb9a15e593d3365677f723040a64f74bb985baaa9569f9ac53c647a998d6b96c8a204b41a8c0c314fb1c972bd7e2a5b237504dbd1ee87a6b1056251f733695040cc42382e5bc535a1edb2e82b6d45029979c1836cb61a5636be132441759beb40f4180047337bfd2391e2955a52333a8faca3bc7fa04c66e",
];

/// The same key by OpenSSL with what is not read here: scrypt; Triple DES; PBES1.
const NOT_READ: [&str; 3] = [
    "3081e4304f06092a864886f70d01050d3042302106092b06010401da47040b301404085fa30d47ce3a51b802024000020108020101301d060960864801650304012a041039f3f50d643f907718ef6debd620c55b0481909ce187df13df39d3f367a18081d2c5e0b8df13eb16b312dc16fbeb482f99e523b7f99475d137061812c38ef4ba60d7344842997c845b85716aa586d0da0c4139115a86522fa2a9cf03e2a0ab921c246a34a2aad2a6ea39fc3d62bc676fc4d365118be8ff05d1ddb52625a28cf8792b27f62bb6d429fb7f006fb800525a4b9ae3ee606d602c8de3dff07b22a29b63153f",
    "3081e3304e06092a864886f70d01050d3041302906092a864886f70d01050c301c0408faa20c8bdaa09a5402020800300c06082a864886f70d02090500301406082a864886f70d030704081af0f42e42db23b004819099d68f9e539da828dd204555ab3436897a2f24dccfec735783a4b88cf6236dfd17a84dacd4e02b6620a1545bc74c24b9aa3d0ba76927babd3ac14003ca55327a27c6598858ca30b347103171337373df614043e13fd5855decfb3f1a9da8aa088cf7517f99a4151609770025268b167ad411bbb64d68ade58e9c8f1c584d5c2265922ae8af9a2c73dab93c78e8a3b803",
    "3081b1301c060a2a864886f70d010c0103300e04083e72276c707b389802020800048190b3bee6606d5fcd371ac9d2577b680a1b9c10a0cab8c1f624147b4be7038a5bfd9e61c89b165c1ed3fca1443264f2e1b128e6c46e2b3872b5e9661660719b7218fb4795b14a281bfeac305fb34788aea40f72329be5b07f13ff4dcac8bcfbfdb54318ba2c065149615cf001ff8cad91647b0e90b9d22c6b6c98c9df5600f28f96fe106954a32405b922a11d62e9899f47",
];

fn password(bytes: &[u8]) -> Context {
    context(&PBES2, &Material::Bytes(Secret::from_slice(bytes)))
}

fn unwrapped(bytes: &[u8]) -> Result<Vec<u8>> {
    whole(PBES2.ops.decrypt, &password(PASSWORD), &Params::None, bytes)
}

#[test]
fn keys_that_openssl_encrypted_are_read() {
    for encrypted in BY_OPENSSL {
        assert_eq!(unwrapped(&hex(encrypted)), Ok(hex(PLAIN)));
        let pieces = in_pieces(PBES2.ops.decrypt, &password(PASSWORD), &Params::None, &hex(encrypted));
        assert_eq!(pieces, Ok(hex(PLAIN)));
    }
    assert!(pkcs8::decode(&hex(PLAIN)).is_ok());
}

#[test]
fn what_is_not_read_is_refused_like_a_wrong_password() {
    for encrypted in NOT_READ {
        assert_eq!(unwrapped(&hex(encrypted)), Err(Error::EncryptedDataInvalid));
    }
    let encrypted = hex(BY_OPENSSL[0]);
    for wrong in [&b"correct-hors"[..], b"Correct-horse", b"correct-horse "] {
        let answer = whole(PBES2.ops.decrypt, &password(wrong), &Params::None, &encrypted);
        // One wrong password in 256 gives a padding that looks right, and bytes that are no key.
        assert!(answer == Err(Error::EncryptedDataInvalid) || answer.is_ok_and(|key| key != hex(PLAIN)));
    }
}

/// Whatever byte is changed, the key does not come out, but where the change is in what is not read back: there is none.
#[test]
fn a_change_anywhere_and_a_cut_anywhere_are_noticed() {
    let encrypted = hex(BY_OPENSSL[1]);
    for at in 0..encrypted.len() {
        let mut wrong = encrypted.clone();
        // A change of the upper bit; of the count of iterations, too, which makes it negative or longer than allowed.
        wrong[at] ^= 0x80;
        let answer = unwrapped(&wrong);
        assert_ne!(answer, Ok(hex(PLAIN)), "{at}");
        let no_key = answer.map_or(true, |key| pkcs8::decode(&key).is_err() || key != hex(PLAIN));
        assert!(no_key, "{at}");
    }
    for len in 0..encrypted.len() {
        assert_eq!(unwrapped(&encrypted[..len]), Err(Error::EncryptedDataInvalid), "{len}");
    }
    assert_eq!(unwrapped(&[&encrypted[..], &[0]].concat()), Err(Error::EncryptedDataInvalid));
}

#[test]
fn what_is_wrapped_is_unwrapped_and_never_the_same_twice() {
    let context = password(PASSWORD);
    let wrapped = || whole(PBES2.ops.encrypt, &context, &Params::None, &hex(PLAIN)).unwrap();
    let (one, other) = (wrapped(), wrapped());
    assert_ne!(one, other);
    assert_eq!(unwrapped(&one), Ok(hex(PLAIN)));
    let (scheme, encrypted) = read(&one).unwrap();
    let (hash, kdf, _) = known(&scheme).unwrap();
    assert!(hash == Hash::Sha256 && kdf.iteration_count == ITERATIONS && kdf.salt.as_ref().len() == SALT_LEN);
    assert_eq!(scheme.encryption.key_size(), 32);
    assert!(!encrypted.windows(8).any(|window| hex(PLAIN).windows(8).any(|plain| plain == window)));
}

/// Nobody makes a call last for hours with a number of iterations.
#[test]
fn work_is_bounded() {
    for (iterations, possible) in [
        (0, false),
        (1, true),
        (8_388_608, true),
        (8_388_609, false),
        (100_000_000, false),
        (u32::MAX, false),
    ] {
        let mut scheme = Parameters::generate_pbkdf2_sha256_aes256cbc(1, &[1; 8], [2; BLOCK]).unwrap();
        if let Kdf::Pbkdf2(kdf) = &mut scheme.kdf {
            kdf.iteration_count = iterations;
        }
        assert_eq!(known(&scheme).is_some(), possible, "{iterations}");
    }
}

#[test]
fn lengths_are_bounded_and_a_parameter_is_refused() {
    let context = password(PASSWORD);
    let long = vec![1; LONGEST + 1];
    assert_eq!(whole(PBES2.ops.encrypt, &context, &Params::None, &long), Err(Error::DataLenRange));
    let longer = vec![1; LONGEST + AROUND + 1];
    assert_eq!(whole(PBES2.ops.decrypt, &context, &Params::None, &longer), Err(Error::EncryptedDataLenRange));
    let parameter = Params::Iv(vec![0; 16]);
    for start in [PBES2.ops.encrypt, PBES2.ops.decrypt] {
        assert_eq!(start.unwrap()(&context, &parameter).err(), Some(Error::MechanismParamInvalid));
    }
    assert!(table::find(CKM_KEYWARD_PBES2).is_some());
}
