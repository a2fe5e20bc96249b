//! Attributes by the specification's footnotes (PKCS#11 3.2, 4.2, Table 13), their defaults, check values and changes.

use super::client::*;
use crate::{alone, call};
use cryptoki_sys::*;

const READ_ONLY: Rv = Rv(CKR_ATTRIBUTE_READ_ONLY);
const INCOMPLETE: Rv = Rv(CKR_TEMPLATE_INCOMPLETE);
const INCONSISTENT: Rv = Rv(CKR_TEMPLATE_INCONSISTENT);
const INVALID: Rv = Rv(CKR_ATTRIBUTE_VALUE_INVALID);

pub fn aes_value() -> Template {
    Template::new().class(CKO_SECRET_KEY).ulong(CKA_KEY_TYPE, CKK_AES).bytes(CKA_VALUE, &[0; 16])
}

pub fn open() -> Template {
    Template::new().flag(CKA_SENSITIVE, false).flag(CKA_EXTRACTABLE, true)
}

fn cbc() -> Mechanism {
    Mechanism::iv(CKM_AES_CBC_PAD, &[3; 16])
}

/// A wrapping key and a wrapped AES key of 16 bytes.
fn wrapped(session: Session<'_>) -> (Key, Vec<u8>) {
    let wrapping = session.aes(Template::new().uses(&[CKA_WRAP, CKA_UNWRAP])).unwrap();
    let inside = session.create(&aes_value().flag(CKA_EXTRACTABLE, true)).unwrap();
    let wrapped = session.wrap(&cbc(), wrapping, inside).unwrap();
    (wrapping, wrapped)
}

alone! {
    fn footnotes_1_and_2_of_creation() {
        let world = World::new();
        let session = world.user();
        let key = |class, kind| Template::new().class(class).ulong(CKA_KEY_TYPE, kind);
        let rsa = || key(CKO_PUBLIC_KEY, CKK_RSA);
        let private = || key(CKO_PRIVATE_KEY, CKK_RSA).bytes(CKA_MODULUS, &[1; 256]);
        let (ec, ec_private) = (|| key(CKO_PUBLIC_KEY, CKK_EC), || key(CKO_PRIVATE_KEY, CKK_EC));
        for incomplete in [
            Template::new().bytes(CKA_VALUE, &[0; 16]),
            Template::new().class(CKO_SECRET_KEY).bytes(CKA_VALUE, &[0; 16]),
            key(CKO_SECRET_KEY, CKK_AES),
            key(CKO_SECRET_KEY, CKK_GENERIC_SECRET),
            rsa().bytes(CKA_MODULUS, &[1; 256]),
            rsa().bytes(CKA_PUBLIC_EXPONENT, &[1, 0, 1]),
            private().bytes(CKA_PUBLIC_EXPONENT, &[1, 0, 1]),
            private().bytes(CKA_PRIVATE_EXPONENT, &[3; 256]),
            key(CKO_PRIVATE_KEY, CKK_RSA).bytes(CKA_PRIVATE_EXPONENT, &[3; 9]).bytes(CKA_PUBLIC_EXPONENT, &[1, 0, 1]),
            ec().bytes(CKA_EC_PARAMS, P256),
            ec().bytes(CKA_EC_POINT, &[4; 67]),
            ec_private().bytes(CKA_EC_PARAMS, P256),
            ec_private().bytes(CKA_VALUE, &[1; 32]),
        ] {
            assert_eq!(session.create(&incomplete), Err(INCOMPLETE));
        }
        let given = |cka, value: &[u8]| session.create(&aes_value().bytes(cka, value));
        for (cka, value) in [
            (CKA_UNIQUE_ID, &b"mine"[..]),
            (CKA_LOCAL, &[1]),
            (CKA_KEY_GEN_MECHANISM, &[0; 8]),
            (CKA_ALWAYS_SENSITIVE, &[1]),
            (CKA_NEVER_EXTRACTABLE, &[1]),
            (CKA_VALUE_LEN, &16_u64.to_ne_bytes()),
            (CKA_OBJECT_VALIDATION_FLAGS, &[0; 8]),
        ] {
            assert_eq!(given(cka, value), Err(READ_ONLY), "{cka:#x}");
        }
        let bits = rsa().bytes(CKA_MODULUS, &[0xC1; 256]).bytes(CKA_PUBLIC_EXPONENT, &[1, 0, 1]);
        assert_eq!(session.create(&bits.ulong(CKA_MODULUS_BITS, 2048)), Err(READ_ONLY));
    }
}

alone! {
    fn footnotes_3_and_4_of_generation() {
        let world = World::new();
        let session = world.user();
        let aes = |template: &Template| session.generate(&Mechanism::plain(CKM_AES_KEY_GEN), template);
        let generic = |template: &Template| session.generate(&Mechanism::plain(CKM_GENERIC_SECRET_KEY_GEN), template);
        assert_eq!(aes(&Template::new()), Err(INCOMPLETE));
        assert_eq!(generic(&Template::new()), Err(INCOMPLETE));
        let rsa = Mechanism::plain(CKM_RSA_PKCS_KEY_PAIR_GEN);
        let ec = Mechanism::plain(CKM_EC_KEY_PAIR_GEN);
        let none = Template::new();
        assert_eq!(session.generate_pair(&rsa, &none, &none), Err(INCOMPLETE));
        assert_eq!(session.generate_pair(&ec, &none, &none), Err(INCOMPLETE));
        let len = || Template::new().ulong(CKA_VALUE_LEN, 16);
        for (cka, value) in [
            (CKA_VALUE, &[0; 16][..]),
            (CKA_UNIQUE_ID, b"mine"),
            (CKA_LOCAL, &[1]),
            (CKA_KEY_GEN_MECHANISM, &[0; 8]),
            (CKA_ALWAYS_SENSITIVE, &[1]),
            (CKA_NEVER_EXTRACTABLE, &[1]),
            (CKA_OBJECT_VALIDATION_FLAGS, &[0; 8]),
        ] {
            assert_eq!(aes(&len().bytes(cka, value)), Err(READ_ONLY), "{cka:#x}");
        }
        let bits = || Template::new().ulong(CKA_MODULUS_BITS, 2048);
        assert_eq!(session.generate_pair(&rsa, &bits().bytes(CKA_MODULUS, &[1; 256]), &none), Err(READ_ONLY));
        for cka in [
            CKA_MODULUS, CKA_PUBLIC_EXPONENT, CKA_PRIVATE_EXPONENT, CKA_PRIME_1, CKA_PRIME_2, CKA_EXPONENT_1,
            CKA_EXPONENT_2, CKA_COEFFICIENT,
        ] {
            let private = Template::new().bytes(cka, &[1; 9]);
            assert_eq!(session.generate_pair(&rsa, &bits(), &private), Err(READ_ONLY), "{cka:#x}");
        }
        let curve = || Template::new().bytes(CKA_EC_PARAMS, P256);
        assert_eq!(session.generate_pair(&ec, &curve().bytes(CKA_EC_POINT, &[4; 67]), &none), Err(READ_ONLY));
        assert_eq!(session.generate_pair(&ec, &curve(), &curve()), Err(READ_ONLY));
        assert_eq!(session.generate_pair(&ec, &curve(), &Template::new().bytes(CKA_VALUE, &[1; 32])), Err(READ_ONLY));
    }
}

alone! {
    fn footnotes_5_and_6_of_unwrapping() {
        let world = World::new();
        let session = world.user();
        let (wrapping, wrapped) = wrapped(session);
        let unwrap = |template: &Template| session.unwrap(&cbc(), wrapping, &wrapped, template);
        assert_eq!(unwrap(&Template::new().class(CKO_SECRET_KEY)), Err(INCOMPLETE));
        assert_eq!(unwrap(&Template::new().ulong(CKA_KEY_TYPE, CKK_AES)), Err(INCOMPLETE));
        let aes = || Template::new().class(CKO_SECRET_KEY).ulong(CKA_KEY_TYPE, CKK_AES);
        for (cka, value) in [
            (CKA_VALUE, &[0; 16][..]),
            (CKA_UNIQUE_ID, b"mine"),
            (CKA_LOCAL, &[0]),
            (CKA_KEY_GEN_MECHANISM, &[0; 8]),
            (CKA_ALWAYS_SENSITIVE, &[0]),
            (CKA_NEVER_EXTRACTABLE, &[0]),
            (CKA_OBJECT_VALIDATION_FLAGS, &[0; 8]),
        ] {
            assert_eq!(unwrap(&aes().bytes(cka, value)), Err(READ_ONLY), "{cka:#x}");
        }
        let key = unwrap(&aes().ulong(CKA_VALUE_LEN, 16)).unwrap();
        assert_eq!(session.get_ulong(key, CKA_VALUE_LEN), Ok(16));
        assert!(unwrap(&aes().ulong(CKA_VALUE_LEN, 32)).is_err());
    }
}

alone! {
    fn footnote_7_what_is_secret_is_shown_of_open_keys_only() {
        let world = World::new();
        let session = world.user();
        let secret = [
            CKA_PRIVATE_EXPONENT, CKA_PRIME_1, CKA_PRIME_2, CKA_EXPONENT_1, CKA_EXPONENT_2, CKA_COEFFICIENT,
        ];
        for (sensitive, extractable) in [(true, false), (true, true), (false, false), (false, true)] {
            let flags = || Template::new().flag(CKA_SENSITIVE, sensitive).flag(CKA_EXTRACTABLE, extractable);
            let rsa = session.rsa(Template::new().flag(CKA_ENCRYPT, true), flags().flag(CKA_DECRYPT, true)).unwrap().1;
            let ec = session.p256(Template::new(), flags().flag(CKA_DERIVE, true)).unwrap().1;
            let aes = session.aes(flags()).unwrap();
            let shown = |key, cka| match session.get(key, cka) {
                Ok(value) => !value.is_empty(),
                Err(Rv(CKR_ATTRIBUTE_SENSITIVE)) => false,
                Err(other) => panic!("{other:?}"),
            };
            for cka in secret {
                assert_eq!(shown(rsa, cka), !sensitive && extractable, "{cka:#x}");
            }
            assert_eq!(shown(ec, CKA_VALUE), !sensitive && extractable);
            assert_eq!(shown(aes, CKA_VALUE), !sensitive && extractable);
            assert!(shown(rsa, CKA_MODULUS) && shown(rsa, CKA_PUBLIC_EXPONENT) && shown(ec, CKA_EC_PARAMS));
        }
    }
}

alone! {
    fn footnotes_8_to_12_of_changes() {
        let world = World::new();
        let session = world.user();
        let key = session.aes(open()).unwrap();
        let set = |key, template: Template| session.set(key, &template);
        // 8: these may change, in both directions.
        for cka in [CKA_ENCRYPT, CKA_DECRYPT, CKA_SIGN, CKA_VERIFY, CKA_DERIVE] {
            let was = session.get_bool(key, cka).unwrap();
            set(key, Template::new().flag(cka, !was)).unwrap();
            set(key, Template::new().flag(cka, was)).unwrap();
        }
        for (cka, value) in [(CKA_LABEL, &b"a"[..]), (CKA_ID, b"b"), (CKA_START_DATE, b"20300101"), (CKA_END_DATE, b"20310101")] {
            set(key, Template::new().bytes(cka, value)).unwrap();
            assert_eq!(session.get(key, cka).unwrap(), value);
        }
        // These may not.
        for (cka, value) in [
            (CKA_CLASS, &CKO_DATA.to_ne_bytes()[..]),
            (CKA_KEY_TYPE, &CKK_GENERIC_SECRET.to_ne_bytes()),
            (CKA_VALUE_LEN, &[7; 8]),
            (CKA_VALUE, &[7; 32]),
            (CKA_ALLOWED_MECHANISMS, &CKM_AES_CBC.to_ne_bytes()),
            (CKA_UNIQUE_ID, b"x"),
        ] {
            assert_eq!(set(key, Template::new().bytes(cka, value)), Err(READ_ONLY), "{cka:#x}");
        }
        // Not with the very value that they have either; a copy may name it.
        for cka in [
            CKA_CLASS, CKA_KEY_TYPE, CKA_TOKEN, CKA_PRIVATE, CKA_MODIFIABLE, CKA_DESTROYABLE, CKA_LOCAL, CKA_KEY_GEN_MECHANISM,
            CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE, CKA_VALUE_LEN, CKA_UNIQUE_ID,
        ] {
            let own = Template::new().label("changed").bytes(cka, &session.get(key, cka).unwrap());
            assert_eq!(set(key, own), Err(READ_ONLY), "{cka:#x}");
            assert_eq!(session.get(key, CKA_LABEL).unwrap(), b"a");
        }
        let copied = Template::new().bytes(CKA_KEY_TYPE, &CKK_AES.to_ne_bytes()).flag(CKA_LOCAL, true).flag(CKA_PRIVATE, true);
        session.copy(key, &copied).unwrap();
        // 9: a default of the token's own is there when nothing was said.
        let plain = session.aes(Template::new()).unwrap();
        assert_eq!(session.get_bool(plain, CKA_SENSITIVE), Ok(true));
        assert_eq!(session.get_bool(plain, CKA_EXTRACTABLE), Ok(false));
        assert_eq!(session.get_bool(plain, CKA_PRIVATE), Ok(true));
        // 10: trust is the security officer's.
        assert_eq!(set(key, Template::new().flag(CKA_TRUSTED, true)), Err(READ_ONLY));
        set(key, Template::new().flag(CKA_TRUSTED, false)).unwrap();
        // 11: once true, for ever. 12: once false, for ever.
        for (cka, last) in [(CKA_SENSITIVE, true), (CKA_WRAP_WITH_TRUSTED, true), (CKA_EXTRACTABLE, false), (CKA_COPYABLE, false)] {
            assert_eq!(session.get_bool(key, cka), Ok(!last), "{cka:#x}");
            set(key, Template::new().flag(cka, last)).unwrap();
            assert_eq!(set(key, Template::new().flag(cka, !last)), Err(READ_ONLY), "{cka:#x}");
            // The value that it has is no change of what may change.
            set(key, Template::new().flag(cka, last)).unwrap();
        }
        assert_eq!(set(key, Template::new().bytes(CKA_MODULUS, b"1")), Err(INCONSISTENT));
        assert_eq!(set(key, Template::new().bytes(0x7777, b"1")), Err(Rv(CKR_ATTRIBUTE_TYPE_INVALID)));
        assert_eq!(set(key, Template::new().bytes(CKA_ENCRYPT, &[2])), Err(INVALID));
        assert_eq!(set(key, Template::new().label("a").label("b")), Err(INCONSISTENT));
    }
}

alone! {
    fn a_change_is_made_as_a_whole_or_not_at_all() {
        let world = World::new();
        let session = world.user();
        for token in [true, false] {
            let key = session.aes(Template::new().flag(CKA_TOKEN, token).label("first").bytes(CKA_ID, b"1")).unwrap();
            for (wrong, code) in [
                (Template::new().flag(CKA_TOKEN, !token), READ_ONLY),
                (Template::new().bytes(CKA_SIGN, &[9]), INVALID),
                (Template::new().bytes(CKA_START_DATE, b"20310101").bytes(CKA_END_DATE, b"20300101"), INCONSISTENT),
                (Template::new().bytes(CKA_EC_POINT, b"x"), INCONSISTENT),
                (Template::new().flag(CKA_TRUSTED, true), READ_ONLY),
                (Template::new().flag(CKA_SENSITIVE, false), READ_ONLY),
            ] {
                // The good part stands before and behind the bad one.
                let good = || Template::new().label("second").bytes(CKA_ID, b"2");
                let (mut before, mut behind) = (good(), wrong.clone());
                before = before.and(&wrong);
                behind = behind.and(&good());
                for template in [before, behind] {
                    assert_eq!(session.set(key, &template), Err(code));
                    assert_eq!(session.get(key, CKA_LABEL).unwrap(), b"first");
                    assert_eq!(session.get(key, CKA_ID).unwrap(), b"1");
                }
            }
            assert_eq!(session.find(&Template::new().label("second")).unwrap(), []);
            session.destroy(key).unwrap();
        }
    }
}

alone! {
    fn changes_from_two_sides_lose_nothing() {
        let world = World::new();
        let session = world.user();
        for token in [false, true] {
            let rounds = if token { 3 } else { 40 };
            for _ in 0..rounds {
                let key = session.aes(open().flag(CKA_TOKEN, token)).unwrap();
                let other = world.module.read_write(world.slot);
                std::thread::scope(|scope| {
                    scope.spawn(|| {
                        for number in 0..20 {
                            other.set(key, &Template::new().label(&number.to_string())).unwrap();
                        }
                    });
                    session.set(key, &Template::new().flag(CKA_SENSITIVE, true)).unwrap();
                    session.set(key, &Template::new().flag(CKA_EXTRACTABLE, false)).unwrap();
                    session.set_state(key, COMPROMISED).unwrap();
                });
                assert_eq!(session.get_bool(key, CKA_SENSITIVE), Ok(true));
                assert_eq!(session.get_bool(key, CKA_EXTRACTABLE), Ok(false));
                assert_eq!(session.get_ulong(key, CKA_KEYWARD_STATE), Ok(COMPROMISED));
                assert_eq!(session.get(key, CKA_LABEL).unwrap(), b"19");
                other.close().unwrap();
            }
        }
    }
}

alone! {
    fn check_values_are_computed_and_checked() {
        let world = World::new();
        let session = world.user();
        // AES-128 of a zero key over a zero block begins so (FIPS 197 by OpenSSL); SHA-1 of "abc" so (FIPS 180).
        let aes = session.create(&aes_value()).unwrap();
        assert_eq!(session.get(aes, CKA_CHECK_VALUE).unwrap(), [0x66, 0xE9, 0x4B]);
        let generic = |value: &[u8]| {
            Template::new().class(CKO_SECRET_KEY).ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET).bytes(CKA_VALUE, value)
        };
        let abc = session.create(&generic(b"abc")).unwrap();
        assert_eq!(session.get(abc, CKA_CHECK_VALUE).unwrap(), [0xA9, 0x99, 0x3E]);
        session.create(&aes_value().bytes(CKA_CHECK_VALUE, &[0x66, 0xE9, 0x4B])).unwrap();
        for wrong in [&[0x66, 0xE9, 0x4C][..], &[0x66, 0xE9], &[0x66, 0xE9, 0x4B, 0xD4]] {
            assert_eq!(session.create(&aes_value().bytes(CKA_CHECK_VALUE, wrong)), Err(INVALID));
        }
        let none = session.create(&aes_value().bytes(CKA_CHECK_VALUE, b"")).unwrap();
        assert_eq!(session.get(none, CKA_CHECK_VALUE), Ok(Vec::new()));
        // Whatever way the key came: it is the same key.
        let (wrapping, wrapped) = wrapped(session);
        let template = Template::new().class(CKO_SECRET_KEY).ulong(CKA_KEY_TYPE, CKK_AES);
        let unwrapped = session.unwrap(&cbc(), wrapping, &wrapped, &template).unwrap();
        assert_eq!(session.get(unwrapped, CKA_CHECK_VALUE).unwrap(), [0x66, 0xE9, 0x4B]);
        let wrong = template.bytes(CKA_CHECK_VALUE, &[1, 2, 3]);
        // Behind a padding that nothing authenticates whatever is wrong has one answer.
        assert_eq!(session.unwrap(&cbc(), wrapping, &wrapped, &wrong), Err(Rv(CKR_WRAPPED_KEY_INVALID)));
        let generated = session.aes(open().flag(CKA_ENCRYPT, true)).unwrap();
        let block = session.encrypt(&Mechanism::plain(CKM_AES_ECB), generated, &[0; 16]).unwrap();
        assert_eq!(session.get(generated, CKA_CHECK_VALUE).unwrap(), block[..3]);
        let copy = session.copy(generated, &Template::new()).unwrap();
        assert_eq!(session.get(copy, CKA_CHECK_VALUE).unwrap(), block[..3]);
        // It may be taken away, not made up.
        let invented = session.set(copy, &Template::new().bytes(CKA_CHECK_VALUE, &[1, 2, 3]));
        assert_eq!(invented, Err(INVALID));
        session.set(copy, &Template::new().bytes(CKA_CHECK_VALUE, b"")).unwrap();
        assert_eq!(session.get(copy, CKA_CHECK_VALUE), Ok(Vec::new()));
    }
}

alone! {
    fn public_key_info_is_the_keys_own() {
        let world = World::new();
        let session = world.user();
        let (public, private) = session.p256(Template::new(), Template::new().flag(CKA_DERIVE, true).and(&open())).unwrap();
        let info = session.get(public, CKA_PUBLIC_KEY_INFO).unwrap();
        assert_eq!(session.get(private, CKA_PUBLIC_KEY_INFO).unwrap(), info);
        let again = Template::new()
            .class(CKO_PRIVATE_KEY)
            .ulong(CKA_KEY_TYPE, CKK_EC)
            .bytes(CKA_EC_PARAMS, P256)
            .bytes(CKA_VALUE, &session.get(private, CKA_VALUE).unwrap());
        session.create(&again.clone().bytes(CKA_PUBLIC_KEY_INFO, &info)).unwrap();
        let mut wrong = info.clone();
        *wrong.last_mut().unwrap() ^= 1;
        assert_eq!(session.create(&again.bytes(CKA_PUBLIC_KEY_INFO, &wrong)), Err(INVALID));
        let set = |bytes: &[u8]| session.set(private, &Template::new().bytes(CKA_PUBLIC_KEY_INFO, bytes));
        assert_eq!(set(&info), Ok(()));
        assert_eq!(set(&wrong), Err(INVALID));
        assert_eq!(set(b""), Err(INVALID));
        let copy = session.copy(private, &Template::new().bytes(CKA_PUBLIC_KEY_INFO, &wrong));
        assert_eq!(copy, Err(INVALID));
        let point = session.get(public, CKA_EC_POINT).unwrap();
        let other = Template::new()
            .class(CKO_PUBLIC_KEY)
            .ulong(CKA_KEY_TYPE, CKK_EC)
            .bytes(CKA_EC_PARAMS, P256)
            .bytes(CKA_EC_POINT, &point)
            .bytes(CKA_PUBLIC_KEY_INFO, &wrong);
        assert_eq!(session.create(&other), Err(INVALID));
    }
}

alone! {
    fn attributes_that_contradict_each_other_are_inconsistent() {
        let world = World::new();
        let session = world.user();
        let dates = |from, to| Template::new().bytes(CKA_START_DATE, from).bytes(CKA_END_DATE, to);
        assert_eq!(session.aes(dates(b"20300102", b"20300101")), Err(INCONSISTENT));
        let key = session.aes(dates(b"20300101", b"20300101")).unwrap();
        assert_eq!(session.set(key, &Template::new().bytes(CKA_START_DATE, b"20300102")), Err(INCONSISTENT));
        assert_eq!(session.copy(key, &Template::new().bytes(CKA_END_DATE, b"20291231")), Err(INCONSISTENT));
        let always = || Template::new().flag(CKA_SIGN, true).flag(CKA_ALWAYS_AUTHENTICATE, true);
        assert_eq!(session.p256(Template::new(), always().flag(CKA_PRIVATE, false)), Err(INCONSISTENT));
        session.p256(Template::new(), always()).unwrap();
        session.p256(Template::new(), always().flag(CKA_PRIVATE, true)).unwrap();
        // Only private keys have it.
        assert_eq!(session.aes(Template::new().flag(CKA_ALWAYS_AUTHENTICATE, true)), Err(INCONSISTENT));
        assert_eq!(session.aes(Template::new().class(CKO_PUBLIC_KEY)), Err(INCONSISTENT));
        assert_eq!(session.aes(Template::new().ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET)), Err(INCONSISTENT));
        // The same word twice is one word.
        session.aes(Template::new().label("twice").label("twice")).unwrap();
    }
}

alone! {
    fn every_attribute_of_a_class_has_an_answer() {
        let world = World::new();
        let session = world.user();
        let key = [
            CKA_CLASS, CKA_TOKEN, CKA_PRIVATE, CKA_MODIFIABLE, CKA_LABEL, CKA_COPYABLE, CKA_DESTROYABLE, CKA_UNIQUE_ID,
            CKA_KEY_TYPE, CKA_ID, CKA_START_DATE, CKA_END_DATE, CKA_DERIVE, CKA_LOCAL, CKA_KEY_GEN_MECHANISM,
            CKA_ALLOWED_MECHANISMS, CKA_OBJECT_VALIDATION_FLAGS,
        ];
        let public = [
            CKA_SUBJECT, CKA_ENCRYPT, CKA_VERIFY, CKA_VERIFY_RECOVER, CKA_WRAP, CKA_TRUSTED, CKA_WRAP_TEMPLATE,
            CKA_PUBLIC_KEY_INFO,
        ];
        let private = [
            CKA_SUBJECT, CKA_SENSITIVE, CKA_DECRYPT, CKA_SIGN, CKA_SIGN_RECOVER, CKA_UNWRAP, CKA_EXTRACTABLE,
            CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE, CKA_WRAP_WITH_TRUSTED, CKA_UNWRAP_TEMPLATE,
            CKA_DERIVE_TEMPLATE, CKA_ALWAYS_AUTHENTICATE, CKA_PUBLIC_KEY_INFO,
        ];
        let secret = [
            CKA_SENSITIVE, CKA_ENCRYPT, CKA_DECRYPT, CKA_SIGN, CKA_VERIFY, CKA_WRAP, CKA_UNWRAP, CKA_EXTRACTABLE,
            CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE, CKA_CHECK_VALUE, CKA_WRAP_WITH_TRUSTED, CKA_TRUSTED,
            CKA_WRAP_TEMPLATE, CKA_UNWRAP_TEMPLATE, CKA_DERIVE_TEMPLATE, CKA_VALUE_LEN,
        ];
        let answered = |object, lists: &[&[CK_ATTRIBUTE_TYPE]]| {
            for cka in lists.iter().copied().flatten() {
                // Array attributes are asked for their length only: `get` knows bytes.
                let mut attribute = CK_ATTRIBUTE { type_: *cka, pValue: std::ptr::null_mut(), ulValueLen: 0 };
                let answer = call!(world.module, C_GetAttributeValue, session.handle, object, &raw mut attribute, 1);
                assert_eq!(answer, Ok(()), "{cka:#x}");
            }
        };
        answered(session.aes(Template::new()).unwrap(), &[&key, &secret]);
        answered(session.create(&aes_value()).unwrap(), &[&key, &secret]);
        for pair in [
            session.p256(Template::new(), Template::new()).unwrap(),
            session.rsa(Template::new(), Template::new()).unwrap(),
        ] {
            answered(pair.0, &[&key, &public]);
            answered(pair.1, &[&key, &private]);
        }
        let data = session.create(&Template::new().class(CKO_DATA)).unwrap();
        answered(data, &[&key[..8], &[CKA_APPLICATION, CKA_OBJECT_ID, CKA_VALUE]]);
        // An attribute of another class is none of this object's.
        assert_eq!(session.get(data, CKA_KEY_TYPE), Err(Rv(CKR_ATTRIBUTE_TYPE_INVALID)));
        // The size grows with what is in the object.
        let size = |object| {
            let mut size = 0;
            call!(world.module, C_GetObjectSize, session.handle, object, &raw mut size).unwrap();
            size
        };
        let large = session.create(&Template::new().class(CKO_DATA).bytes(CKA_VALUE, &[7; 1000])).unwrap();
        assert_eq!(size(large), size(data) + 1000);
    }
}

alone! {
    fn keys_that_leave_with_the_trusted_only_do_so() {
        let world = World::new();
        let session = world.user();
        let wrapping = || Template::token().flag(CKA_WRAP, true).ulong(CKA_MODULUS_BITS, 3072);
        let pair = |label| {
            let private = Template::token().flag(CKA_UNWRAP, true);
            let mechanism = Mechanism::plain(CKM_RSA_PKCS_KEY_PAIR_GEN);
            session.generate_pair(&mechanism, &wrapping().label(label), &private).unwrap().0
        };
        let (trusted, other) = (pair("trusted"), pair("other"));
        session.logout().unwrap();
        session.login(CKU_SO, SO_PIN).unwrap();
        session.set(trusted, &Template::new().flag(CKA_TRUSTED, true)).unwrap();
        session.logout().unwrap();
        session.login(CKU_USER, USER_PIN).unwrap();
        let small = |careful| {
            let template = Template::new().ulong(CKA_VALUE_LEN, 16).flag(CKA_EXTRACTABLE, true);
            let template = template.flag(CKA_WRAP_WITH_TRUSTED, careful);
            session.generate(&Mechanism::plain(CKM_AES_KEY_GEN), &template).unwrap()
        };
        let (careful, careless) = (small(true), small(false));
        let oaep = Mechanism::oaep(CKM_SHA256, CKG_MGF1_SHA256, b"");
        session.wrap(&oaep, trusted, careful).unwrap();
        session.wrap(&oaep, trusted, careless).unwrap();
        session.wrap(&oaep, other, careless).unwrap();
        assert_eq!(session.wrap(&oaep, other, careful), Err(Rv(CKR_KEY_NOT_WRAPPABLE)));
        // A user's copy of the trusted key is not trusted, and so is not made.
        assert_eq!(session.copy(trusted, &Template::new()), Err(READ_ONLY));
        // The key does not forget its care, nor does its copy.
        let forget = Template::new().flag(CKA_WRAP_WITH_TRUSTED, false);
        assert_eq!(session.set(careful, &forget), Err(READ_ONLY));
        assert_eq!(session.copy(careful, &forget), Err(READ_ONLY));
    }
}

/// Adds the attributes of another template behind.
pub trait And {
    fn and(self, other: &Template) -> Self;
}

impl And for Template {
    fn and(self, other: &Template) -> Self {
        other.with(|list, count| {
            // SAFETY: `with` gives an array of so many attributes.
            let list = unsafe { std::slice::from_raw_parts(list, count as usize) };
            list.iter().fold(self, |template, attribute| {
                let (start, len) = (attribute.pValue.cast::<u8>(), attribute.ulValueLen as usize);
                // SAFETY: the value of an attribute of ours, which lives as long as `other`.
                template.bytes(attribute.type_, unsafe { std::slice::from_raw_parts(start, len) })
            })
        })
    }
}
