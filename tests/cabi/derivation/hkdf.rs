//! HKDF: its steps, its salts, keys and data that come of it, and who may see them.

use super::*;
use crate::alone;

const PARAM: Rv = Rv(CKR_MECHANISM_PARAM_INVALID);

/// RFC 5869, A.1: key, salt, info, extracted key, output.
fn rfc_5869() -> [Vec<u8>; 5] {
    [
        vec![0x0B; 22],
        (0..13).collect(),
        (0xF0..0xFA).collect(),
        hex("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5"),
        hex("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"),
    ]
}

alone! {
    fn both_steps_and_each_alone_give_what_the_rfc_says() {
        let world = World::new();
        let session = world.user();
        let [base, salt, info, extracted, output] = rfc_5869();
        for kind in [CKK_HKDF, CKK_GENERIC_SECRET] {
            let key = |value: &[u8]| created(session, kind, value, open());
            let run = |extract, expand, value: &[u8], len| {
                derived(session, &hkdf(CKM_HKDF_DERIVE, CKM_SHA256, extract, expand), key(value), &of_len(open(), len))
            };
            assert_eq!(run(Some(Salt::Data(&salt)), Some(&info), &base, 42), Ok(output.clone()));
            assert_eq!(run(Some(Salt::Data(&salt)), None, &base, 32), Ok(extracted.clone()));
            assert_eq!(run(None, Some(&info), &extracted, 42), Ok(output.clone()));
        }
        // The extract step alone has a length of its own; the expand step does not.
        let extract = hkdf(CKM_HKDF_DERIVE, CKM_SHA256, Some(Salt::Data(&salt)), None);
        let base = created(session, CKK_HKDF, &base, open());
        assert_eq!(derived(session, &extract, base, &open()), Ok(extracted.clone()));
        let expand = hkdf(CKM_HKDF_DERIVE, CKM_SHA256, None, Some(&info));
        let key = created(session, CKK_HKDF, &extracted, open());
        assert_eq!(session.derive(&expand, key, &open()), Err(Rv(CKR_TEMPLATE_INCOMPLETE)));
        let aes = open().ulong(CKA_KEY_TYPE, CKK_AES);
        let value = derived(session, &expand, key, &of_len(aes, 32)).unwrap();
        assert_eq!(value, output[..32]);
        // No step, no hash, another type of key.
        assert_eq!(session.derive(&hkdf(CKM_HKDF_DERIVE, CKM_SHA256, None, None), key, &of_len(open(), 32)), Err(PARAM));
        assert_eq!(session.derive(&hkdf(CKM_HKDF_DERIVE, CKM_AES_GCM, None, Some(b"")), key, &of_len(open(), 32)), Err(PARAM));
        let aes = session.aes(Template::new().flag(CKA_DERIVE, true)).unwrap();
        assert_eq!(session.derive(&expand, aes, &of_len(open(), 32)), Err(Rv(CKR_KEY_TYPE_INCONSISTENT)));
        assert_eq!(session.derive(&expand, key, &of_len(open(), 255 * 32 + 1)), Err(Rv(CKR_KEY_SIZE_RANGE)));
    }
}

alone! {
    fn made_keys_derive_and_history_is_the_base_keys() {
        let world = World::new();
        let session = world.user();
        let generation = Mechanism::plain(CKM_HKDF_KEY_GEN);
        let key = session.generate(&generation, &of_len(Template::new(), 32)).unwrap();
        assert_eq!(session.get_ulong(key, CKA_KEY_TYPE).unwrap(), CKK_HKDF);
        assert!(session.get_bool(key, CKA_DERIVE).unwrap() && session.get_bool(key, CKA_LOCAL).unwrap());
        assert_eq!(session.generate(&generation, &Template::new()), Err(Rv(CKR_TEMPLATE_INCOMPLETE)));
        assert!(session.generate(&generation, &of_len(Template::new(), 0)).is_err());
        let expand = hkdf(CKM_HKDF_DERIVE, CKM_SHA256, None, Some(b"info"));
        let derive = |base, template: Template| session.derive(&expand, base, &of_len(template, 32)).unwrap();
        assert_eq!(history(session, derive(key, Template::new())), [true, false, true, true]);
        assert_eq!(history(session, derive(key, open())), [false, true, false, false]);
        let came = created(session, CKK_HKDF, &[1; 32], Template::new());
        assert_eq!(history(session, derive(came, Template::new())), [true, false, false, false]);
        // The same key gives the same, and is no local key.
        let [one, two] = [derive(key, open()), derive(key, open())];
        assert_eq!(session.get(one, CKA_VALUE), session.get(two, CKA_VALUE));
        assert!(!session.get_bool(one, CKA_LOCAL).unwrap());
        assert_eq!(session.get_ulong(one, CKA_KEYWARD_ORIGIN).unwrap(), 4);
    }
}

alone! {
    /// A salt that is a key is used like the base key: its use, life and purpose are judged.
    fn salt_key_is_judged_like_the_base_key() {
        let world = World::new();
        let session = world.user();
        let [base, salt, info, _, output] = rfc_5869();
        let base = secret(session, &base);
        let run = |salt, template: &Template| {
            session.derive(&hkdf(CKM_HKDF_DERIVE, CKM_SHA256, Some(Salt::Key(salt)), Some(&info)), base, template)
        };
        // Thirteen bytes are too few for a key that derives; the zeros behind it are HMAC's own.
        let padded = [&salt[..], &[0; 1]].concat();
        let key = run(secret(session, &padded), &of_len(open(), 42)).unwrap();
        assert_eq!(session.get(key, CKA_VALUE).unwrap(), output);
        assert_eq!(run(secret(session, &salt), &of_len(open(), 42)), Err(Rv(CKR_KEY_SIZE_RANGE)));
        for nothing in [0, 0x77777, CK_ULONG::MAX] {
            assert_eq!(run(nothing, &of_len(open(), 42)), Err(Rv(CKR_KEY_HANDLE_INVALID)));
        }
        let signs = of_len(Template::new().flag(CKA_SIGN, true), 32);
        let signs = session.generate(&Mechanism::plain(CKM_GENERIC_SECRET_KEY_GEN), &signs).unwrap();
        assert_eq!(run(signs, &of_len(open(), 42)), Err(Rv(CKR_KEY_FUNCTION_NOT_PERMITTED)));
        let over = closed(session, 32);
        session.set_state(over, COMPROMISED).unwrap();
        assert_eq!(run(over, &of_len(open(), 42)), Err(Rv(CKR_KEY_FUNCTION_NOT_PERMITTED)));
        // A salt that nobody may read does not make a readable key of a readable base where few bits are asked for.
        let closed = closed(session, 32);
        assert_eq!(run(closed, &of_len(open(), 13)), Err(Rv(CKR_KEY_SIZE_RANGE)));
        run(closed, &of_len(open(), 14)).unwrap();
    }
}

alone! {
    fn data_comes_of_keys_that_may_be_read_and_of_labels_of_no_key() {
        let world = World::new();
        let session = world.user();
        let [_, _, info, extracted, output] = rfc_5869();
        let data = hkdf(CKM_HKDF_DATA, CKM_SHA256, None, Some(&info));
        let object = session.derive(&data, secret(session, &extracted), &of_len(Template::new(), 42)).unwrap();
        assert_eq!(session.get_ulong(object, CKA_CLASS).unwrap(), CKO_DATA);
        assert_eq!(session.get(object, CKA_VALUE).unwrap(), output);
        // As long as a key may be read anyway, no length is too short.
        let short = session.derive(&data, secret(session, &extracted), &of_len(Template::new(), 4)).unwrap();
        assert_eq!(session.get(short, CKA_VALUE).unwrap(), output[..4]);
        // Attributes of a data object, and no others.
        let template = of_len(Template::new().label("iv").bytes(CKA_APPLICATION, b"tls"), 12).class(CKO_DATA);
        let object = session.derive(&data, secret(session, &extracted), &template).unwrap();
        assert_eq!(session.get(object, CKA_LABEL).unwrap(), b"iv");
        for wrong in [
            of_len(Template::new(), 12).class(CKO_SECRET_KEY),
            of_len(open(), 12),
            of_len(Template::new().bytes(CKA_VALUE, &[0; 12]), 12),
        ] {
            let refused = session.derive(&data, secret(session, &extracted), &wrong);
            assert!(matches!(refused, Err(Rv(CKR_TEMPLATE_INCONSISTENT | CKR_ATTRIBUTE_TYPE_INVALID))), "{refused:?}");
        }
        assert_eq!(session.derive(&data, secret(session, &extracted), &Template::new()), Err(Rv(CKR_TEMPLATE_INCOMPLETE)));
        // The vector of a TLS 1.3 record is no secret, whatever it comes from.
        let key = closed(session, 32);
        let iv = hkdf(CKM_HKDF_DATA, CKM_SHA256, None, Some(b"\0\x0c\x08tls13 iv\0"));
        let object = session.derive(&iv, key, &of_len(Template::new(), 12)).unwrap();
        assert_eq!(session.get(object, CKA_VALUE).unwrap().len(), 12);
    }
}

alone! {
    /// "A data object ... which has the same size as the underlying hash function", with a salt that is given.
    fn data_is_a_base_with_a_salt() {
        let world = World::new();
        let session = world.user();
        let data = |len| session.create(&Template::new().class(CKO_DATA).bytes(CKA_VALUE, &vec![0; len])).unwrap();
        let salt = closed(session, 32);
        let run = |base, extract| {
            session.derive(&hkdf(CKM_HKDF_DERIVE, CKM_SHA256, extract, None), base, &of_len(Template::new(), 32))
        };
        let key = run(data(32), Some(Salt::Key(salt))).unwrap();
        assert_eq!(history(session, key), [true, false, false, false]);
        run(data(32), Some(Salt::Data(b"salt"))).unwrap();
        for (base, extract) in [
            (data(31), Some(Salt::Key(salt))),
            (data(32), Some(Salt::Null)),
            (data(32), Some(Salt::Data(b""))),
        ] {
            assert!(run(base, extract).is_err());
        }
        let expand = hkdf(CKM_HKDF_DERIVE, CKM_SHA256, None, Some(b"info"));
        assert!(session.derive(&expand, data(32), &of_len(Template::new(), 32)).is_err());
        // No other derivation takes data for a key, nor does HKDF take other objects.
        let hash = Mechanism::plain(CKM_SHA256_KEY_DERIVATION);
        assert_eq!(session.derive(&hash, data(32), &Template::new()), Err(Rv(CKR_KEY_HANDLE_INVALID)));
        assert_eq!(run(0x77777, Some(Salt::Key(salt))), Err(Rv(CKR_KEY_HANDLE_INVALID)));
        assert_eq!(run(data(32), Some(Salt::Key(data(32)))), Err(Rv(CKR_KEY_HANDLE_INVALID)));
    }
}
