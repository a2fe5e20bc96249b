//! Objects: made, found, read, changed, copied, destroyed; who sees them; what never comes out.

use super::client::*;
use crate::{alone, call};
use cryptoki_sys::*;

fn sorted(mut keys: Vec<Key>) -> Vec<Key> {
    keys.sort_unstable();
    keys
}

alone! {
    fn find_by_label_id_class_and_several_attributes() {
        let world = World::new();
        let session = world.user();
        let one = session.aes(Template::token().label("one").bytes(CKA_ID, &[1])).unwrap();
        let two = session.aes(Template::token().label("two").bytes(CKA_ID, &[1])).unwrap();
        let three = session.aes(Template::new().label("one").bytes(CKA_ID, &[3])).unwrap();
        let data = Template::token().class(CKO_DATA).label("one").bytes(CKA_VALUE, b"some data");
        let data = session.create(&data).unwrap();
        let find = |template: Template| sorted(session.find(&template).unwrap());
        assert_eq!(find(Template::new()), sorted(vec![one, two, three, data]));
        assert_eq!(find(Template::new().label("one")), sorted(vec![one, three, data]));
        assert_eq!(find(Template::new().bytes(CKA_ID, &[1])), sorted(vec![one, two]));
        assert_eq!(find(Template::new().class(CKO_SECRET_KEY)), sorted(vec![one, two, three]));
        assert_eq!(find(Template::new().class(CKO_SECRET_KEY).label("one").bytes(CKA_ID, &[1])), [one]);
        assert_eq!(find(Template::token().label("one")), sorted(vec![one, data]));
        assert_eq!(find(Template::new().flag(CKA_TOKEN, false)), [three]);
        assert_eq!(find(Template::new().ulong(CKA_KEY_TYPE, CKK_AES)), sorted(vec![one, two, three]));
        assert_eq!(find(Template::new().ulong(CKA_VALUE_LEN, 32)), sorted(vec![one, two, three]));
        assert_eq!(find(Template::new().ulong(CKA_VALUE_LEN, 16)), []);
        assert_eq!(find(Template::new().label("nothing")), []);
        assert_eq!(find(Template::new().ulong(CKA_KEYWARD_STATE, ACTIVE)), sorted(vec![one, two, three]));
        let unique = session.get(one, CKA_UNIQUE_ID).unwrap();
        assert_eq!(find(Template::new().bytes(CKA_UNIQUE_ID, &unique)), [one]);
    }
}

alone! {
    fn find_while_objects_change_hands_out_what_it_began_with() {
        let world = World::new();
        let session = world.user();
        let keys: Vec<_> = (0..20).map(|_| session.aes(Template::new()).unwrap()).collect();
        Template::new().with(|list, count| call!(world.module, C_FindObjectsInit, session.handle, list, count)).unwrap();
        let again = Template::new().with(|list, count| call!(world.module, C_FindObjectsInit, session.handle, list, count));
        assert_eq!(again, Err(Rv(CKR_OPERATION_ACTIVE)));
        session.destroy(keys[0]).unwrap();
        session.aes(Template::new()).unwrap();
        let (mut found, mut count) = ([0; 64], 0);
        call!(world.module, C_FindObjects, session.handle, found.as_mut_ptr(), 64, &raw mut count).unwrap();
        assert_eq!(count, 20);
        call!(world.module, C_FindObjectsFinal, session.handle).unwrap();
        let ended = call!(world.module, C_FindObjectsFinal, session.handle);
        assert_eq!(ended, Err(Rv(CKR_OPERATION_NOT_INITIALIZED)));
    }
}

alone! {
    fn set_copy_and_destroy_do_what_they_say() {
        let world = World::new();
        let session = world.user();
        let key = session.aes(Template::token().label("first")).unwrap();
        session.set(key, &Template::new().label("second").bytes(CKA_ID, b"id")).unwrap();
        assert_eq!(session.get(key, CKA_LABEL).unwrap(), b"second");
        let unchanged = session.set(key, &Template::new().label("third").flag(CKA_TOKEN, false));
        assert_eq!(unchanged, Err(Rv(CKR_ATTRIBUTE_READ_ONLY)));
        assert_eq!(session.get(key, CKA_LABEL).unwrap(), b"second");
        assert_eq!(session.set(key, &Template::new().flag(CKA_SENSITIVE, false)), Err(Rv(CKR_ATTRIBUTE_READ_ONLY)));
        assert_eq!(session.set(key, &Template::new().flag(CKA_EXTRACTABLE, true)), Err(Rv(CKR_ATTRIBUTE_READ_ONLY)));
        assert_eq!(session.set(key, &Template::new().bytes(CKA_UNIQUE_ID, b"x")), Err(Rv(CKR_ATTRIBUTE_READ_ONLY)));
        assert_eq!(session.set(key, &Template::new().bytes(0x7777, b"x")), Err(Rv(CKR_ATTRIBUTE_TYPE_INVALID)));
        let copy = session.copy(key, &Template::new().flag(CKA_TOKEN, false).label("copy")).unwrap();
        assert!(!session.get_bool(copy, CKA_TOKEN).unwrap());
        assert_ne!(session.get(copy, CKA_UNIQUE_ID).unwrap(), session.get(key, CKA_UNIQUE_ID).unwrap());
        let mechanism = Mechanism::gcm(&[1; 12], b"", 128);
        let sealed = session.encrypt(&mechanism, key, b"one key").unwrap();
        assert_eq!(session.decrypt(&mechanism, copy, &sealed).unwrap(), b"one key");
        session.destroy(key).unwrap();
        assert_eq!(session.destroy(key), Err(Rv(CKR_OBJECT_HANDLE_INVALID)));
        assert_eq!(session.get(key, CKA_LABEL), Err(Rv(CKR_OBJECT_HANDLE_INVALID)));
        assert_eq!(session.encrypt_init(&mechanism, key), Err(Rv(CKR_KEY_HANDLE_INVALID)));
        assert_eq!(session.find(&Template::new()).unwrap(), [copy]);
        let mut size = 0;
        call!(world.module, C_GetObjectSize, session.handle, copy, &raw mut size).unwrap();
        assert!(size > 0);
    }
}

alone! {
    fn not_modifiable_copyable_or_destroyable_is_obeyed() {
        let world = World::new();
        let session = world.user();
        let fixed = session.aes(Template::token().flag(CKA_MODIFIABLE, false)).unwrap();
        assert_eq!(session.set(fixed, &Template::new().label("x")), Err(Rv(CKR_ACTION_PROHIBITED)));
        let single = session.aes(Template::token().flag(CKA_COPYABLE, false)).unwrap();
        assert_eq!(session.copy(single, &Template::new()), Err(Rv(CKR_ACTION_PROHIBITED)));
        let lasting = session.aes(Template::token().flag(CKA_DESTROYABLE, false)).unwrap();
        assert_eq!(session.destroy(lasting), Err(Rv(CKR_ACTION_PROHIBITED)));
        assert_eq!(session.find(&Template::new()).unwrap().len(), 3);
    }
}

alone! {
    fn session_objects_end_with_their_session_and_token_objects_stay() {
        let world = World::new();
        let (one, other) = (world.user(), world.module.read_only(world.slot));
        let kept = one.aes(Template::token().label("kept")).unwrap();
        let gone = one.aes(Template::new().label("gone")).unwrap();
        // Another session of the same process sees both.
        assert_eq!(sorted(other.find(&Template::new()).unwrap()), sorted(vec![kept, gone]));
        one.close().unwrap();
        assert_eq!(other.find(&Template::new()).unwrap(), [kept]);
        assert_eq!(other.get(gone, CKA_LABEL), Err(Rv(CKR_OBJECT_HANDLE_INVALID)));
        assert_eq!(other.aes(Template::token()), Err(Rv(CKR_SESSION_READ_ONLY)));
        assert_eq!(other.destroy(kept), Err(Rv(CKR_SESSION_READ_ONLY)));
        assert_eq!(other.set(kept, &Template::new().label("x")), Err(Rv(CKR_SESSION_READ_ONLY)));
        other.aes(Template::new()).unwrap();
        world.stop();
        world.start();
        let session = world.user();
        let found = session.find(&Template::new()).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(session.get(found[0], CKA_LABEL).unwrap(), b"kept");
    }
}

alone! {
    fn private_objects_are_invisible_without_the_user() {
        let world = World::new();
        let session = world.user();
        let (public, private) = session
            .p256(Template::token().flag(CKA_VERIFY, true), Template::token().flag(CKA_SIGN, true))
            .unwrap();
        let open = session.create(&Template::token().class(CKO_DATA).flag(CKA_PRIVATE, false).label("open")).unwrap();
        let hidden = session.create(&Template::token().class(CKO_DATA).flag(CKA_PRIVATE, true).label("hidden")).unwrap();
        let signature = session.sign(&Mechanism::plain(CKM_ECDSA), private, &[9; 32]).unwrap();
        session.logout().unwrap();
        assert_eq!(session.find(&Template::new()).unwrap().len(), 2);
        assert_eq!(session.find(&Template::new().label("hidden")).unwrap(), []);
        assert_eq!(session.get(private, CKA_LABEL), Err(Rv(CKR_OBJECT_HANDLE_INVALID)));
        assert_eq!(session.get(hidden, CKA_VALUE), Err(Rv(CKR_OBJECT_HANDLE_INVALID)));
        assert_eq!(session.sign_init(&Mechanism::plain(CKM_ECDSA), private), Err(Rv(CKR_KEY_HANDLE_INVALID)));
        assert_eq!(session.get(open, CKA_LABEL).unwrap(), b"open");
        session.verify(&Mechanism::plain(CKM_ECDSA), public, &[9; 32], &signature).unwrap();
        assert_eq!(session.aes(Template::new()), Err(Rv(CKR_USER_NOT_LOGGED_IN)));
        session.login(CKU_SO, SO_PIN).unwrap();
        assert_eq!(session.find(&Template::new()).unwrap().len(), 2);
        session.logout().unwrap();
        // Before any login in a new start.
        world.stop();
        world.start();
        let session = world.module.read_write(world.slot);
        assert_eq!(session.find(&Template::new()).unwrap().len(), 2);
        session.login(CKU_USER, USER_PIN).unwrap();
        assert_eq!(session.find(&Template::new()).unwrap().len(), 4);
    }
}

alone! {
    fn data_and_certificates_are_kept_as_given() {
        let world = World::new();
        let session = world.user();
        let data = Template::token().class(CKO_DATA).bytes(CKA_APPLICATION, b"app").bytes(CKA_VALUE, &[7; 5000]);
        let data = session.create(&data).unwrap();
        let certificate = Template::token()
            .class(CKO_CERTIFICATE)
            .ulong(CKA_CERTIFICATE_TYPE, CKC_X_509)
            .bytes(CKA_SUBJECT, b"subject")
            .bytes(CKA_ISSUER, b"issuer")
            .bytes(CKA_SERIAL_NUMBER, b"serial")
            .bytes(CKA_VALUE, b"a certificate");
        let certificate = session.create(&certificate).unwrap();
        world.stop();
        world.start();
        let session = world.user();
        let find = |class| session.find(&Template::new().class(class)).unwrap()[0];
        assert_eq!(session.get(find(CKO_DATA), CKA_VALUE).unwrap(), [7; 5000]);
        assert_eq!(session.get(find(CKO_CERTIFICATE), CKA_VALUE).unwrap(), b"a certificate");
        assert_eq!(session.find(&Template::new().bytes(CKA_SUBJECT, b"subject")).unwrap().len(), 1);
        assert_eq!(session.sign_init(&Mechanism::plain(CKM_ECDSA), find(CKO_DATA)), Err(Rv(CKR_KEY_HANDLE_INVALID)));
        session.destroy(find(CKO_DATA)).unwrap();
        assert_eq!(session.find(&Template::new().class(CKO_DATA)).unwrap(), []);
        let _ = (data, certificate);
        // Only the SO may say that something is trusted.
        let trusted = Template::new()
            .class(CKO_CERTIFICATE)
            .ulong(CKA_CERTIFICATE_TYPE, CKC_X_509)
            .bytes(CKA_SUBJECT, b"subject")
            .bytes(CKA_VALUE, b"a certificate")
            .flag(CKA_TRUSTED, true);
        assert_eq!(session.create(&trusted), Err(Rv(CKR_ATTRIBUTE_READ_ONLY)));
    }
}

/// Every attribute of an object that is not refused, as the client sees it.
fn everything(session: Session<'_>, key: Key) -> Vec<(CK_ATTRIBUTE_TYPE, Vec<u8>)> {
    let vendor = VENDOR_ATTRIBUTES.iter().map(|(_, number)| *number);
    let numbers = (0..0x700).chain(0x8000_0000..0x8000_0010).chain(0x4000_0000..0x4000_0700).chain(vendor);
    numbers.filter_map(|cka| Some((cka, session.get(key, cka).ok()?))).collect()
}

fn leaks(session: Session<'_>, key: Key, secret: &[u8]) -> bool {
    everything(session, key).iter().any(|(_, value)| value.windows(secret.len()).any(|part| part == secret))
}

alone! {
    fn sensitive_values_never_come_out() {
        let world = World::new();
        let session = world.user();
        // What goes in is known, so every byte that comes out can be compared with it.
        let value: Vec<u8> = (0x40..0x60).collect();
        let aes = Template::new().class(CKO_SECRET_KEY).ulong(CKA_KEY_TYPE, CKK_AES).bytes(CKA_VALUE, &value);
        let open = aes.clone().flag(CKA_SENSITIVE, false).flag(CKA_EXTRACTABLE, true);
        let open = session.create(&open).unwrap();
        assert!(leaks(session, open, &value), "the check itself finds a value that may be seen");
        for (sensitive, extractable) in [(true, false), (true, true), (false, false)] {
            for token in [true, false] {
                let template = aes.clone().flag(CKA_SENSITIVE, sensitive).flag(CKA_EXTRACTABLE, extractable);
                let key = session.create(&template.flag(CKA_TOKEN, token)).unwrap();
                assert_eq!(session.get(key, CKA_VALUE), Err(Rv(CKR_ATTRIBUTE_SENSITIVE)));
                assert!(!leaks(session, key, &value), "{sensitive} {extractable}");
                assert!(!leaks(session, key, &value[..8]), "{sensitive} {extractable}");
            }
        }
        let scalar: Vec<u8> = (1..=32).collect();
        let ec = Template::token()
            .class(CKO_PRIVATE_KEY)
            .ulong(CKA_KEY_TYPE, CKK_EC)
            .bytes(CKA_EC_PARAMS, P256)
            .bytes(CKA_VALUE, &scalar);
        let key = session.create(&ec.clone()).unwrap();
        assert_eq!(session.get(key, CKA_VALUE), Err(Rv(CKR_ATTRIBUTE_SENSITIVE)));
        assert!(!leaks(session, key, &scalar[..8]));
        // Nor by way of a copy.
        let copy = session.copy(key, &Template::new().flag(CKA_SENSITIVE, false));
        assert_eq!(copy, Err(Rv(CKR_ATTRIBUTE_READ_ONLY)));
        let copy = session.copy(key, &Template::new().flag(CKA_EXTRACTABLE, true));
        assert_eq!(copy, Err(Rv(CKR_ATTRIBUTE_READ_ONLY)));
        // Nor into the files.
        for file in std::fs::read_dir(world.store()).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap_or_default();
            assert!(!bytes.windows(16).any(|part| part == &value[..16] || part == &scalar[..16]));
        }
        assert!(!std::fs::read(world.log_path()).unwrap_or_default().windows(8).any(|part| part == &value[..8]));
    }
}

alone! {
    fn generated_rsa_key_shows_its_public_half_only() {
        let world = World::new();
        let session = world.user();
        let (public, private) = session.rsa(Template::token(), Template::token()).unwrap();
        let modulus = session.get(private, CKA_MODULUS).unwrap();
        assert_eq!(session.get(public, CKA_MODULUS).unwrap(), modulus);
        assert_eq!(session.get_ulong(public, CKA_MODULUS_BITS).unwrap(), 2048);
        let secrets =
            [CKA_PRIVATE_EXPONENT, CKA_PRIME_1, CKA_PRIME_2, CKA_EXPONENT_1, CKA_EXPONENT_2, CKA_COEFFICIENT];
        for cka in secrets {
            assert_eq!(session.get(private, cka), Err(Rv(CKR_ATTRIBUTE_SENSITIVE)), "{cka:#x}");
            assert_eq!(session.get(public, cka), Err(Rv(CKR_ATTRIBUTE_TYPE_INVALID)), "{cka:#x}");
        }
        for flag in [CKA_SENSITIVE, CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE, CKA_LOCAL, CKA_PRIVATE] {
            assert!(session.get_bool(private, flag).unwrap(), "{flag:#x}");
        }
        assert!(!session.get_bool(private, CKA_EXTRACTABLE).unwrap());
        assert_eq!(session.get_ulong(private, CKA_KEY_GEN_MECHANISM).unwrap(), CKM_RSA_PKCS_KEY_PAIR_GEN);
        assert_eq!(session.get(public, CKA_KEYWARD_PAIR).unwrap(), session.get(private, CKA_KEYWARD_PAIR).unwrap());
        // 128 bytes that divide the modulus would be a prime; no attribute has that length at all.
        assert!(everything(session, private).iter().all(|(_, value)| value.len() != 128));
    }
}

alone! {
    fn get_attribute_value_answers_for_each_attribute() {
        let world = World::new();
        let session = world.user();
        let key = session.aes(Template::token().label("a label")).unwrap();
        let (mut label, mut small, mut value, mut unknown) = ([0_u8; 32], [0xA5_u8; 3], [0xA5_u8; 32], [0_u8; 4]);
        let attribute = |cka, buffer: &mut [u8]| CK_ATTRIBUTE {
            type_: cka,
            pValue: buffer.as_mut_ptr().cast(),
            ulValueLen: buffer.len() as CK_ULONG,
        };
        let mut list = [
            attribute(CKA_LABEL, &mut label),
            attribute(CKA_VALUE, &mut value),
            attribute(CKA_LABEL, &mut small),
            attribute(0x7777, &mut unknown),
            CK_ATTRIBUTE { type_: CKA_UNIQUE_ID, pValue: std::ptr::null_mut(), ulValueLen: 0 },
        ];
        let answer = call!(world.module, C_GetAttributeValue, session.handle, key, list.as_mut_ptr(), 5);
        let among = [CKR_ATTRIBUTE_SENSITIVE, CKR_ATTRIBUTE_TYPE_INVALID, CKR_BUFFER_TOO_SMALL];
        assert!(answer.is_err_and(|code| among.contains(&code.0)), "{answer:?}");
        let lens = list.map(|attribute| attribute.ulValueLen);
        let unavailable = CK_UNAVAILABLE_INFORMATION;
        assert_eq!(lens, [7, unavailable, unavailable, unavailable, 36]);
        assert_eq!(&label[..7], b"a label");
        assert_eq!((small, value), ([0xA5; 3], [0xA5; 32]));
        // None at all is no error.
        call!(world.module, C_GetAttributeValue, session.handle, key, std::ptr::null_mut(), 0).unwrap();
    }
}

alone! {
    fn templates_that_make_no_sense_are_refused() {
        let world = World::new();
        let session = world.user();
        let aes = || Template::new().class(CKO_SECRET_KEY).ulong(CKA_KEY_TYPE, CKK_AES);
        for (template, expected) in [
            (Template::new(), CKR_TEMPLATE_INCOMPLETE),
            (aes(), CKR_TEMPLATE_INCOMPLETE),
            (aes().bytes(CKA_VALUE, &[0; 17]), CKR_ATTRIBUTE_VALUE_INVALID),
            (aes().bytes(CKA_VALUE, &[0; 16]).bytes(CKA_MODULUS, &[1]), CKR_TEMPLATE_INCONSISTENT),
            (aes().bytes(CKA_VALUE, &[0; 16]).flag(CKA_LOCAL, true), CKR_ATTRIBUTE_READ_ONLY),
            (aes().bytes(CKA_VALUE, &[0; 16]).ulong(CKA_KEYWARD_STATE, ACTIVE), CKR_ATTRIBUTE_READ_ONLY),
            (aes().bytes(CKA_VALUE, &[0; 16]).bytes(CKA_TOKEN, &[1, 1]), CKR_ATTRIBUTE_VALUE_INVALID),
            (aes().bytes(CKA_VALUE, &[0; 16]).bytes(CKA_START_DATE, b"20230229"), CKR_ATTRIBUTE_VALUE_INVALID),
            (aes().bytes(CKA_VALUE, &[0; 16]).label("one").label("two"), CKR_TEMPLATE_INCONSISTENT),
            (Template::new().class(0x7777), CKR_ATTRIBUTE_VALUE_INVALID),
        ] {
            assert_eq!(session.create(&template), Err(Rv(expected)));
        }
        let wrong = Template::new().class(CKO_PUBLIC_KEY).ulong(CKA_VALUE_LEN, 32);
        assert_eq!(session.generate(&Mechanism::plain(CKM_AES_KEY_GEN), &wrong), Err(Rv(CKR_TEMPLATE_INCONSISTENT)));
        let short = Template::new().ulong(CKA_VALUE_LEN, 17);
        let made = session.generate(&Mechanism::plain(CKM_AES_KEY_GEN), &short).unwrap_err();
        assert!([CKR_KEY_SIZE_RANGE, CKR_ATTRIBUTE_VALUE_INVALID].contains(&made.0), "{made:?}");
        let none = session.generate(&Mechanism::plain(CKM_AES_KEY_GEN), &Template::new());
        assert_eq!(none, Err(Rv(CKR_TEMPLATE_INCOMPLETE)));
    }
}
