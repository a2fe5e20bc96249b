use super::*;
use crate::crypto::tests::{context, hex};
use crate::crypto::{der, pkcs8, public_key_info, public_of};

const FFDHE2048: Group = Group::Ffdhe2048;

/// NIST ACVP, KAS-FFC-SSC Sp800-56Ar3, ffdhe2048, test 1: a private key, its public key, the other's, and the secret.
const PRIVATE: &str = "71380E69933D9B7F45F1CA918946EE38CAF12DBAEAE8AB169B205F2EBD9F438153791C5C768454BB280CD2CD9C73777947C951562E68529FD321C333C00055B0F5FEFFD1B0A0A2CCC513E9741332CE9A38E645019395164162467E41C080E599BD23F29DF98CE5BA18858DB705363A6A5A2F4EF77A205217546EAA29583531DADEDCDD218729632C43A13540913FDFA108CA8F0CBBB0B958081B40AE20D6437193B87E210C8A2275A122E0EEB9E2B228ED16F069C5E590B7347312B285F8BBEA7910E7B7EEEF7202539467D769B4A832DA593C254ECEE9B440A3A82BF7F2EE44B6905CDA7FDFD6E352A2D5ACD3924618388040712D5BDBCBC5FE5A20048EF05C";
const PUBLIC: &str = "0A528B4BC71FFF42113F2F21BD2BBD17EB2B5F15B0A15EDA4DBB7864429E9655CDA4B256D1655E5CD60062C92097008C6D2A461FC71DA3339DCB9B77D0F30B4FB44CEB48991C0A0AAF5331593BF404469411CE24EACDD12A9AD46A9D3170F1CC28C006BC4D7B18B1948B61C560C04AA1A6F71A726078BDE16D4AB75C164A64F3A8018F204873EBB2F05B4319AB139E9E94B8EA12B7381847FC7AF95E01403998F3001F716CC0C67D50972E8DC21FCCB44AE6BBC09F6776D0555B84765FEB903E52501E3DE577C2532ACF755DC85CBB2A38036FEAA4FDA04F5E38AF55A02B4669273E5406FDFD6D7FC13195FCFCFDE023DD9ACC85F23B0CBE7D4B4CF489CBFD51";
const PEER: &str = "D15B2174DC6B2D45F0D5EF1DE4D909749501870632F1D41B6A483A57033C37872BD58C47D8405883EA956737EAEFFFA366962A6082C72148A7CA521D9EBCB8F2E61B3CA1720E0B084C2931F061EBF61766471DC82018B1B1873F5EF9F14BA8665AC91EB1FCDF11A44425B3B4177F8AE4717A98E5B9D3F9570857A1D230C40EEF15BD3E96F46830EEB995E6B814DA23205DD6A1408AD4892610D260813A2B4B9EA38CE8F8250C5DB37B2026375EDA1A8CBA439F63D96008F625B56D08275E6E773E9DEE435B9D0A2E831D02CD03AA5D9EBAA7FC752C75B3179FA43D4EE89945DC2C44017C7C9ABCD4A21003B982C4BD398D2C228E4689704518056625517B50AD";
const SECRET: &str = "5D52A8867A2B18FC492429E6B78A366E4A9ACFC76CD500B92E993F1EBE29445F394F34E4893A1E39018624A5AF0B27B665C5A8F1957E3043D33F13DDDA808E8024E20DFDCCFCE80C9DE65D5CA18C762828E3A9044E97BFA051007972AB2003C5EC00B7E6D29DEA98E11E0E85405477CBBF9219C018BDA9197657F139E75BA16A6C68BBFA654BC3D45B52EA06E7D65BCB6DCB35E6A05941938D0D195F4FD1C12BDC184C104BF97879A25B69847B973AAD933588EBA91E414A0EE5169259691CB3FE551FE8A748D3F93ED323D01888BCA0C87AEBD0E3BBB48F6836E46D5558F2889EAAB86804C68C1509243C63A24DDEFF0566FF726AD3385ADD44C811CB09B46F";

fn private(value: &[u8]) -> Material {
    import_private(FFDHE2048, value).unwrap()
}

fn of_len(len: usize) -> Recipe {
    Recipe { value_len: Some(len), ..Recipe::default() }
}

fn derived(key: &Material, peer: &[u8], recipe: &Recipe) -> Result<Vec<u8>> {
    let key = context(&DERIVE, key);
    derive(&key, &Params::Public(peer.to_vec()), recipe).map(|value| value.expose().to_vec())
}

#[test]
fn agreement_of_acvp_is_known() {
    let key = private(&hex(PRIVATE));
    let Some(Material::DhPublic { value, .. }) = public_of(&key).unwrap() else { panic!("a public key") };
    assert_eq!(value, hex(PUBLIC));
    let secret = hex(SECRET);
    for peer in [hex(PEER), [&[0; 3][..], &hex(PEER)].concat()] {
        assert_eq!(derived(&key, &peer, &Recipe::default()), Ok(secret.clone()));
        // "The truncation removes bytes from the leading end of the secret value."
        assert_eq!(derived(&key, &peer, &of_len(32)), Ok(secret[224..].to_vec()));
    }
    assert_eq!(derived(&key, &hex(PEER), &of_len(257)), Err(Error::KeySizeRange));
    let aes = |value_len| Recipe { key_type: Some(CKK_AES), value_len, ..Recipe::default() };
    assert_eq!(derived(&key, &hex(PEER), &aes(None)), Err(Error::TemplateIncomplete));
    assert_eq!(derived(&key, &hex(PEER), &aes(Some(16))), Ok(secret[240..].to_vec()));
    let chacha = Recipe { key_type: Some(CKK_CHACHA20), ..Recipe::default() };
    assert_eq!(derived(&key, &hex(PEER), &chacha), Ok(secret[224..].to_vec()));
}

/// A secret that begins with a zero byte, as Python finds one: 2 to the power of 2^224 + 589 is the other's public key.
#[test]
fn leading_zeros_of_a_secret_stay() {
    let mut other = [0; 29];
    (other[0], other[27], other[28]) = (1, 2, 0x4D);
    let public = public_from_private(FFDHE2048, &Secret::from_slice(&other)).unwrap();
    let secret = derived(&private(&[0x5A; 29]), &public, &Recipe::default()).unwrap();
    assert_eq!((secret.len(), secret[0]), (256, 0));
    assert_ne!(secret[1], 0);
}

/// SHA-256 of the primes, which Python computes of e and pi as the RFCs write them.
#[test]
fn groups_are_those_of_the_rfcs_and_no_others() {
    let hashes = [
        "9cd3b7f336872f46c09428d1bbc19877a4d440512cda8d1c1cf0cd6e33698966",
        "0eaf67db3a839156d5013494a5318a772b5697d270d721f37f092efc69ea5a17",
        "4648414224ac881b3d0dc59b466f96d06a558278776807797ecf1f66ff397b3e",
        "227ac9066b3ddd9e193670cda2388fa884f65ba0cf98b742d1fe77a6687c79c7",
        "770b14efaf6f049929c523113b3fa99a8d11dab1b18af3609590122075d19833",
        "d66436f79bbd6b2e38c0ffbd079be904d2641415e2e67140e09448be9a60890e",
        "48cf8b092fbce4359d9871abf74f98e25b6163379eaa15cd9087e800c6d1c55c",
        "4ee95187682bcb230ad26a95205f6920e84708f6251b3894329b09ec23919e33",
        "d1bfe6d0925ce7e4da262b62861514a7755e35831e429f343e7b864848657efd",
        "39ab4feab950a3128fb71accb9fc3965d857012e081998a85996e3ea8b3c3bcf",
    ];
    for (of, hash) in Group::ALL.into_iter().zip(hashes) {
        let prime = of.prime();
        let mut digest = [0; 32];
        crate::crypto::digest::Hash::Sha256.digest(&prime, &mut digest).unwrap();
        assert_eq!(digest[..], hex(hash), "{of:?}");
        assert_eq!(group(&prime, &[2]), Ok(of));
        assert_eq!(group(&[&[0], &prime[..]].concat(), &[0, 0, 2]), Ok(of));
        let mut other = prime.clone();
        other[100] ^= 1;
        for (prime, base) in
            [(&other[..], &[2][..]), (&prime, &[5]), (&prime, &[]), (&prime[1..], &[2]), (&[], &[2])]
        {
            assert_eq!(group(prime, base), Err(Error::DomainParamsInvalid));
        }
    }
}

#[test]
fn keys_from_elsewhere_are_in_their_range() {
    let order = FFDHE2048.order();
    let mut last = order.clone();
    last[255] -= 1;
    let import = |value: &[u8]| import_private(FFDHE2048, value).map(|key| key.bits());
    for right in [&[2][..], &[0, 2], &[0x80; 29], &last] {
        assert_eq!(import(right), Ok(2048));
    }
    for wrong in [&[][..], &[0], &[1], &[0, 1], &order, &[0xFF; 256], &[1; 257]] {
        assert_eq!(import(wrong), Err(Error::AttributeValueInvalid));
    }
    let prime = FFDHE2048.prime();
    let mut highest = prime.clone();
    highest[255] -= 1;
    for wrong in [&[][..], &[0], &[1], &highest, &prime, &[1; 257]] {
        assert_eq!(import_public(FFDHE2048, wrong).err(), Some(Error::AttributeValueInvalid));
        assert_eq!(derived(&private(&[7; 29]), wrong, &Recipe::default()), Err(Error::PublicKeyInvalid));
    }
    let Ok(Material::DhPublic { value, .. }) = import_public(FFDHE2048, &[0, 0, 4]) else {
        panic!("4 is a square")
    };
    assert_eq!(value, [4]);
}

#[test]
fn new_keys_have_the_length_that_is_asked_for_and_one_that_is_enough() {
    let make = |group: Group, value_bits| {
        let (prime, base) = (Some(group.prime()), Some(BASE.to_vec()));
        generate_pair(&Recipe { prime, base, value_bits, ..Recipe::default() })
    };
    let bits = |pair: &Pair| match &pair.private {
        Material::DhPrivate { value, .. } => bit_len(value.expose()),
        _ => panic!("a private key"),
    };
    for group in [FFDHE2048, Group::Modp3072] {
        let (fewest, usual) = private_bits(group);
        let pair = make(group, None).unwrap();
        assert_eq!(bits(&pair), usual);
        let Some(Material::DhPublic { value, .. }) = public_of(&pair.private).unwrap() else {
            panic!("a key")
        };
        let Material::DhPublic { value: public, .. } = &pair.public else { panic!("a public key") };
        assert_eq!(&value, public);
        for asked in [fewest, usual + 3, group.bits() - 1] {
            assert_eq!(bits(&make(group, Some(asked)).unwrap()), asked);
        }
        for asked in [0, 1, fewest - 1, group.bits(), u32::MAX] {
            assert_eq!(make(group, Some(asked)).err(), Some(Error::AttributeValueInvalid));
        }
    }
    let other = Recipe { prime: Some(vec![0xFF; 256]), base: Some(vec![2]), ..Recipe::default() };
    assert_eq!(generate_pair(&other).err(), Some(Error::DomainParamsInvalid));
    assert_eq!(generate_pair(&Recipe::default()).err(), Some(Error::TemplateIncomplete));
    let typed = Recipe { key_type: Some(CKK_RSA), ..other };
    assert_eq!(generate_pair(&typed).err(), Some(Error::TemplateInconsistent));
}

#[test]
fn halves_that_do_not_belong_together_fail_the_pairwise_test() {
    let ((one, public), (_, other)) = (draw(FFDHE2048, 225).unwrap(), draw(FFDHE2048, 225).unwrap());
    assert_eq!(pairwise(FFDHE2048, &one, &public), Ok(()));
    assert_eq!(pairwise(FFDHE2048, &one, &other), Err(Error::DeviceError));
}

#[test]
fn a_secret_is_encapsulated_to_a_public_key() {
    let key = private(&[0x33; 29]);
    let (public, private) = (context(&DERIVE, &public_of(&key).unwrap().unwrap()), context(&DERIVE, &key));
    let (secret, ciphertext) = encapsulate(&public, &Params::None, &of_len(32)).unwrap();
    assert_eq!((ciphertext.len(), encapsulated_len(&public)), (256, Ok(256)));
    let opened = decapsulate(&private, &Params::None, &of_len(32), &ciphertext).unwrap();
    assert_eq!(opened.expose(), secret.expose());
    let (again, _) = encapsulate(&public, &Params::None, &of_len(32)).unwrap();
    assert_ne!(again.expose(), secret.expose());
    for wrong in [&[][..], &[1], &[0xFF; 256], &[1; 300]] {
        let refused = decapsulate(&private, &Params::None, &of_len(32), wrong);
        assert_eq!(refused.err(), Some(Error::WrappedKeyInvalid));
    }
    let parameter = Params::Public(vec![4]);
    assert_eq!(encapsulate(&public, &parameter, &of_len(32)).err(), Some(Error::MechanismParamInvalid));
    let refused = decapsulate(&private, &parameter, &of_len(32), &ciphertext);
    assert_eq!(refused.err(), Some(Error::MechanismParamInvalid));
    assert_eq!(encapsulate(&private, &Params::None, &of_len(32)).err(), Some(Error::KeyTypeInconsistent));
    let refused = decapsulate(&public, &Params::None, &of_len(32), &ciphertext);
    assert_eq!(refused.err(), Some(Error::KeyTypeInconsistent));
    assert_eq!(derive(&private, &Params::None, &of_len(32)).err(), Some(Error::MechanismParamInvalid));
}

#[test]
fn the_group_for_a_number_of_bits_is_that_of_rfc_7919() {
    let chosen = |prime_bits| choose_group(&Recipe { prime_bits, ..Recipe::default() });
    assert_eq!(chosen(Some(2048)), Ok(FFDHE2048));
    assert_eq!(chosen(Some(6144)), Ok(Group::Ffdhe6144));
    for bits in [0, 1024, 2047, 5000, 16384] {
        assert_eq!(chosen(Some(bits)), Err(Error::KeySizeRange));
    }
    assert_eq!(chosen(None), Err(Error::TemplateIncomplete));
}

/// A key that OpenSSL made in ffdhe2048, and what it writes of it.
#[test]
fn encodings_are_those_of_openssl() {
    let value = hex("01bc2a1e2a55833c0545d91280a254c110b1c33a15cd638ef3347afc1f");
    let public = hex(
        "5130a791c065ccdbc48285ccf858040ab3bdb5ee9ad7206c9e62d5efffec99c86697d4927f588e92b00e18f1105bd812b97d83205f2135ae9408d4156444a4fcd5d0e5c4f4689c46a5ae3b4f511e295f3129f08fe10a8b3e89521856176383e6420d59979a3baef276e5db6709a5d1b21a9e49899035bffd547a5301c034fe63db9ca59428d41188cc70db6963298906e97d9d33a725ea6c6e6e82635b81452c34479909cd88112283767c45d25017e58bc4b5d7ccae4ebad64a7aa6f5dc65f2b35607894631a431649c7f1cb5c919f92ba7de26a9d5275bb4580ca5ad406ca85ba1daa6bbe0c7203609a23e951ae4831b9f89b0f604e66e704d25e18abdbf38",
    );
    let algorithm =
        [&hex("3082011706092a864886f70d010301308201080282010100")[..], &FFDHE2048.prime(), &[2, 1, 2]]
            .concat();
    let info = [&hex("3082013f020100")[..], &algorithm, &hex("041f021d"), &value].concat();
    let key = pkcs8::decode(&info).unwrap();
    let Material::DhPrivate { value: back, .. } = &key else { panic!("a private key") };
    assert_eq!(back.expose(), value);
    assert_eq!(pkcs8::encode(&key).unwrap().expose(), info);
    let public_info = [&hex("30820224")[..], &algorithm, &hex("038201050002820100"), &public].concat();
    assert_eq!(public_key_info(&key), Ok(Some(public_info)));
    // With the length of private keys (PKCS #3, 9), and with something else behind it; in another group.
    let with = |behind: &[u8], base: &[u8]| {
        let parts = [&der::integer(&FFDHE2048.prime()), base, behind].concat();
        let parameters = der::element(der::SEQUENCE, &[&parts]);
        let algorithm = der::element(der::SEQUENCE, &[&hex("06092a864886f70d010301"), &parameters]);
        let private = der::element(der::OCTET_STRING, &[&der::integer(&value)]);
        pkcs8::decode(&der::element(der::SEQUENCE, &[&der::integer(&[0]), &algorithm, &private])).is_ok()
    };
    assert!(with(&[], &[2, 1, 2]) && with(&der::integer(&[225]), &[2, 1, 2]));
    assert!(!with(&[], &[2, 1, 5]) && !with(&[5, 0], &[2, 1, 2]) && !with(&[2, 1, 1, 2, 1, 1], &[2, 1, 2]));
}

#[test]
fn material_comes_back_unchanged() {
    for group in Group::ALL {
        for key in [
            Material::DhPublic { group, value: vec![7; 9] },
            Material::DhPrivate { group, value: Secret::from_slice(&[8; 9]) },
        ] {
            let encoded = key.encode();
            let back = Material::decode(encoded.expose()).unwrap();
            assert_eq!(back.encode().expose(), encoded.expose());
            assert_eq!((back.bits(), back.key_type()), (group.bits(), Some(CKK_DH)));
        }
    }
}
