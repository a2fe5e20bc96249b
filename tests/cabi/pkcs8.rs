//! Private keys in C_WrapKey and C_UnwrapKey, as PKCS#8 (PKCS#11 3.2, 6.7), and AES Key Wrap.

use crate::alone;
use crate::client::*;
use crate::mechanisms::with_parameter;
use crate::parameters::ccm;
use cryptoki_sys::*;

/// A P-256 key in PKCS#8 and its SubjectPublicKeyInfo, made by OpenSSL 3.0.
const OPENSSL_P256: &str = "308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b020101042092d38025c094f43808e74978308030bd3f985a8a642ef11c2c8505963fc2d305a14403420004f95dadfd46df213d14c2f3f927bf8760708e12fbc6028d34ac0d228947caf4cc976ba868704c2ec0794240e72ca684b9dccebe919d877e54c58bc9e9f798b814";
const OPENSSL_P256_INFO: &str = "3059301306072a8648ce3d020106082a8648ce3d03010703420004f95dadfd46df213d14c2f3f927bf8760708e12fbc6028d34ac0d228947caf4cc976ba868704c2ec0794240e72ca684b9dccebe919d877e54c58bc9e9f798b814";
/// The Ed25519 key of RFC 8410, 10.3.
const RFC_8410: &str =
    "302e020100300506032b657004220420d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f44755842";
const RFC_8410_INFO: &str =
    "302a300506032b657003210019bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1";

pub fn hex(digits: &str) -> Vec<u8> {
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

fn wrapping_key(session: Session<'_>) -> Key {
    session.aes(Template::new().uses(&[CKA_WRAP, CKA_UNWRAP])).unwrap()
}

fn open(uses: &[CK_ATTRIBUTE_TYPE]) -> Template {
    Template::new().flag(CKA_EXTRACTABLE, true).uses(uses)
}

fn private(kind: CK_KEY_TYPE, uses: &[CK_ATTRIBUTE_TYPE]) -> Template {
    Template::new().class(CKO_PRIVATE_KEY).ulong(CKA_KEY_TYPE, kind).uses(uses)
}

/// The mechanisms of AES that carry a private key.
fn carriers() -> Vec<Mechanism> {
    let mut carriers: Vec<_> = [
        CKM_AES_CBC_PAD,
        CKM_AES_GCM,
        CKM_AES_KEY_WRAP,
        CKM_AES_KEY_WRAP_PAD,
        CKM_AES_KEY_WRAP_KWP,
        CKM_AES_KEY_WRAP_PKCS7,
    ]
    .map(with_parameter)
    .into();
    // A nonce of 13 bytes leaves two for the length; the length that is announced is to be ignored.
    carriers.push(ccm(77, &[1; 13], b"aad", 16));
    if !REFERENCE_ENGINE {
        carriers.push(Mechanism::iv(CKM_AES_KEY_WRAP, &[9; 8]));
    }
    carriers
}

/// Wraps any bytes as if they were a key: encrypts them with another object of the same AES key.
pub fn disguised(session: Session<'_>, plain: &[u8]) -> (Mechanism, Vec<u8>, Key) {
    let kek = |uses: &[CK_ATTRIBUTE_TYPE]| {
        let template = Template::new().class(CKO_SECRET_KEY).ulong(CKA_KEY_TYPE, CKK_AES);
        session.create(&template.bytes(CKA_VALUE, &[0x55; 32]).uses(uses)).unwrap()
    };
    let mechanism = with_parameter(CKM_AES_CBC_PAD);
    let wrapped = session.encrypt(&mechanism, kek(&[CKA_ENCRYPT]), plain).unwrap();
    (mechanism, wrapped, kek(&[CKA_UNWRAP]))
}

alone! {
    fn an_rsa_key_goes_out_and_comes_back_with_every_carrier() {
        let world = World::new();
        let session = world.user();
        let kek = wrapping_key(session);
        let oaep = Mechanism::oaep(CKM_SHA256, CKG_MGF1_SHA256, b"");
        let (public, key) =
            session.rsa(Template::new().uses(&[CKA_ENCRYPT]), open(&[CKA_DECRYPT])).unwrap();
        let sealed = session.encrypt(&oaep, public, b"message").unwrap();
        for carrier in carriers() {
            let wrapped = session.wrap(&carrier, kek, key).unwrap();
            let template = private(CKK_RSA, &[CKA_DECRYPT]);
            let back = session.unwrap(&carrier, kek, &wrapped, &template).unwrap();
            assert_eq!(session.decrypt(&oaep, back, &sealed).as_deref(), Ok(&b"message"[..]));
            for cka in [CKA_MODULUS, CKA_PUBLIC_EXPONENT, CKA_PUBLIC_KEY_INFO] {
                assert_eq!(session.get(back, cka), session.get(key, cka), "{cka:#x}");
            }
            assert!(!session.get_bool(back, CKA_LOCAL).unwrap());
            assert!(!session.get_bool(back, CKA_ALWAYS_SENSITIVE).unwrap());
            assert!(!session.get_bool(back, CKA_NEVER_EXTRACTABLE).unwrap());
            let mut wrong = wrapped.clone();
            let last = wrong.len() - 1;
            wrong[last] ^= 1;
            let refused = session.unwrap(&carrier, kek, &wrong, &template);
            assert_eq!(refused, Err(Rv(CKR_WRAPPED_KEY_INVALID)), "{:#x}", carrier.ckm);
        }
    }
}

alone! {
    fn an_agreement_key_agrees_as_before() {
        let world = World::new();
        let session = world.user();
        let kek = wrapping_key(session);
        let uses = [CKA_DERIVE];
        let (_, key) = session.p256(Template::new().uses(&uses), open(&uses)).unwrap();
        let (peer, _) = session.p256(Template::new().uses(&uses), Template::new().uses(&uses)).unwrap();
        let carrier = with_parameter(CKM_AES_KEY_WRAP_KWP);
        let wrapped = session.wrap(&carrier, kek, key).unwrap();
        let back = session.unwrap(&carrier, kek, &wrapped, &private(CKK_EC, &uses)).unwrap();
        let agree = |key| {
            let point = session.get(peer, CKA_EC_POINT).unwrap();
            let template = Template::new()
                .class(CKO_SECRET_KEY)
                .ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET)
                .ulong(CKA_VALUE_LEN, 32)
                .flag(CKA_SENSITIVE, false)
                .flag(CKA_EXTRACTABLE, true);
            let derived = session.derive(&Mechanism::ecdh(CKM_ECDH1_DERIVE, &point), key, &template).unwrap();
            session.get(derived, CKA_VALUE).unwrap()
        };
        assert_eq!(agree(back), agree(key));
        assert_eq!(session.get(back, CKA_EC_PARAMS).unwrap(), P256);
    }
}

alone! {
    fn keys_of_other_makers_come_in() {
        let world = World::new();
        let session = world.user();
        for (encoded, info, kind, mechanism) in [
            (OPENSSL_P256, OPENSSL_P256_INFO, CKK_EC, CKM_ECDSA_SHA256),
            (RFC_8410, RFC_8410_INFO, CKK_EC_EDWARDS, CKM_EDDSA),
        ] {
            let (carrier, wrapped, kek) = disguised(session, &hex(encoded));
            let key = session.unwrap(&carrier, kek, &wrapped, &private(kind, &[CKA_SIGN])).unwrap();
            assert_eq!(session.get(key, CKA_PUBLIC_KEY_INFO).unwrap(), hex(info));
            assert!(session.sign(&Mechanism::plain(mechanism), key, b"data").is_ok());
        }
    }
}

alone! {
    fn what_is_no_key_or_another_key_is_refused() {
        let world = World::new();
        let session = world.user();
        let unwrap = |plain: &[u8], template: &Template| {
            let (carrier, wrapped, kek) = disguised(session, plain);
            session.unwrap(&carrier, kek, &wrapped, template)
        };
        let good = hex(OPENSSL_P256);
        let ec = private(CKK_EC, &[CKA_SIGN]);
        assert!(unwrap(&good, &ec).is_ok());
        let invalid = Err(Rv(CKR_WRAPPED_KEY_INVALID));
        assert_eq!(unwrap(&[&good[..], &[0]].concat(), &ec), invalid, "a byte behind the key");
        assert_eq!(unwrap(&good[..good.len() - 1], &ec), invalid);
        assert_eq!(unwrap(&[], &ec), invalid);
        assert_eq!(unwrap(&[0x30, 0x84, 0xFF, 0xFF, 0xFF, 0xFF], &ec), invalid);
        let mut other_public = good.clone();
        let last = other_public.len() - 1;
        other_public[last] ^= 1;
        assert_eq!(unwrap(&other_public, &ec), invalid, "another public key");
        // The curve's name changed from prime256v1 to one that is not there.
        let mut curve = good.clone();
        curve[25] ^= 1;
        assert_eq!(unwrap(&curve, &ec), invalid);
        let inconsistent = Err(Rv(CKR_TEMPLATE_INCONSISTENT));
        assert_eq!(unwrap(&good, &private(CKK_RSA, &[CKA_SIGN])), inconsistent);
        assert_eq!(unwrap(&good, &private(CKK_EC_EDWARDS, &[CKA_SIGN])), inconsistent);
        let secret = Template::new().class(CKO_SECRET_KEY).ulong(CKA_KEY_TYPE, CKK_AES);
        // Not CKR_WRAPPED_KEY_LEN_RANGE: behind a padding that nothing authenticates all answers are one.
        assert_eq!(unwrap(&good, &secret), invalid);
        let public = Template::new().class(CKO_PUBLIC_KEY).ulong(CKA_KEY_TYPE, CKK_EC);
        assert!(unwrap(&good, &public).is_err());
        let found = session.find(&Template::new().class(CKO_PRIVATE_KEY)).unwrap();
        assert_eq!(found.len(), 1, "a refused key exists");
    }
}

alone! {
    fn a_signing_key_cannot_even_be_made_to_leave_and_nothing_leaves_under_a_weaker_key() {
        let world = World::new();
        let session = world.user();
        let kek = wrapping_key(session);
        let carrier = with_parameter(CKM_AES_KEY_WRAP_KWP);
        let made = session.p256(Template::new().uses(&[CKA_VERIFY]), open(&[CKA_SIGN]));
        assert_eq!(made.err(), Some(Rv(CKR_TEMPLATE_INCONSISTENT)), "a signing key that may leave");
        let public = Template::new().uses(&[CKA_VERIFY, CKA_ENCRYPT]);
        let made = session.rsa(public, open(&[CKA_SIGN, CKA_DECRYPT]));
        assert_eq!(made.err(), Some(Rv(CKR_TEMPLATE_INCONSISTENT)));
        let small = session
            .generate(
                &Mechanism::plain(CKM_AES_KEY_GEN),
                &Template::new().ulong(CKA_VALUE_LEN, 16).uses(&[CKA_WRAP, CKA_UNWRAP]),
            )
            .unwrap();
        let p384 = &[0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x22];
        let public = Template::new().uses(&[CKA_DERIVE]).bytes(CKA_EC_PARAMS, p384);
        let generation = Mechanism::plain(CKM_EC_KEY_PAIR_GEN);
        let (_, strong) = session.generate_pair(&generation, &public, &open(&[CKA_DERIVE])).unwrap();
        assert_eq!(session.wrap(&carrier, small, strong), Err(Rv(CKR_WRAPPING_KEY_SIZE_RANGE)));
        assert!(session.wrap(&carrier, kek, strong).is_ok());
        let (_, closed) = session
            .p256(Template::new().uses(&[CKA_DERIVE]), Template::new().uses(&[CKA_DERIVE]))
            .unwrap();
        assert_eq!(session.wrap(&carrier, kek, closed), Err(Rv(CKR_KEY_UNEXTRACTABLE)));
        let (public, _) = session.p256(Template::new().uses(&[CKA_DERIVE]), open(&[CKA_DERIVE])).unwrap();
        assert!(session.wrap(&carrier, kek, public).is_err(), "a public key");
    }
}

alone! {
    fn zeros_behind_a_short_key_are_taken_off_by_its_length_only() {
        let world = World::new();
        let session = world.user();
        let kek = wrapping_key(session);
        let generation = Mechanism::plain(CKM_GENERIC_SECRET_KEY_GEN);
        let template = || open(&[CKA_SIGN, CKA_VERIFY]).flag(CKA_SENSITIVE, false);
        let key = session.generate(&generation, &template().ulong(CKA_VALUE_LEN, 27)).unwrap();
        let value = session.get(key, CKA_VALUE).unwrap();
        let (plain, padded) = (with_parameter(CKM_AES_KEY_WRAP), with_parameter(CKM_AES_KEY_WRAP_KWP));
        let generic = || template().class(CKO_SECRET_KEY).ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET);
        let wrapped = session.wrap(&plain, kek, key).unwrap();
        assert_eq!(wrapped.len(), 40);
        let named = generic().ulong(CKA_VALUE_LEN, 27);
        let back = session.unwrap(&plain, kek, &wrapped, &named).unwrap();
        assert_eq!(session.get(back, CKA_VALUE).unwrap(), value);
        for wrong in [24, 26, 33, CK_ULONG::MAX] {
            let refused = session.unwrap(&plain, kek, &wrapped, &generic().ulong(CKA_VALUE_LEN, wrong));
            assert!(refused.is_err(), "{wrong}");
        }
        let wrapped = session.wrap(&padded, kek, key).unwrap();
        let back = session.unwrap(&padded, kek, &wrapped, &generic()).unwrap();
        assert_eq!(session.get(back, CKA_VALUE).unwrap(), value);
        let refused = session.unwrap(&padded, kek, &wrapped, &generic().ulong(CKA_VALUE_LEN, 26));
        assert_eq!(refused, Err(Rv(CKR_WRAPPED_KEY_LEN_RANGE)));
    }
}
