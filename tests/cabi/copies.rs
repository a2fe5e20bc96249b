//! C_CopyObject: what a copy may differ in, and what it may never undo (PKCS#11 3.2, 4.1.3, 5.7.2).

use super::client::*;
use crate::alone;
use cryptoki_sys::*;

const READ_ONLY: Answer<Key> = Err(Rv(CKR_ATTRIBUTE_READ_ONLY));

alone! {
    fn a_copy_may_move_between_session_and_token() {
        let world = World::new();
        let session = world.user();
        let mechanism = Mechanism::gcm(&[1; 12], b"", 128);
        for token in [false, true] {
            let key = session.aes(Template::new().flag(CKA_TOKEN, token).label("first").bytes(CKA_ID, b"7")).unwrap();
            let sealed = session.encrypt(&mechanism, key, b"one key").unwrap();
            let copy = session.copy(key, &Template::new().flag(CKA_TOKEN, !token).label("second")).unwrap();
            assert_eq!(session.get_bool(copy, CKA_TOKEN), Ok(!token));
            assert_eq!(session.get(copy, CKA_LABEL).unwrap(), b"second");
            assert_eq!(session.get(key, CKA_LABEL).unwrap(), b"first");
            assert_eq!(session.get(copy, CKA_ID).unwrap(), b"7");
            assert_ne!(session.get(copy, CKA_UNIQUE_ID).unwrap(), session.get(key, CKA_UNIQUE_ID).unwrap());
            assert_eq!(session.decrypt(&mechanism, copy, &sealed).unwrap(), b"one key");
            // The copy is an object of its own.
            session.destroy(key).unwrap();
            assert_eq!(session.decrypt(&mechanism, copy, &sealed).unwrap(), b"one key");
        }
        let other = world.module.read_only(world.slot);
        let key = other.aes(Template::new()).unwrap();
        assert_eq!(other.copy(key, &Template::new().flag(CKA_TOKEN, true)), Err(Rv(CKR_SESSION_READ_ONLY)));
        other.copy(key, &Template::new()).unwrap();
    }
}

alone! {
    fn a_copy_undoes_nothing() {
        let world = World::new();
        let session = world.user();
        let key = session.aes(Template::new()).unwrap();
        for (cka, value) in [
            (CKA_SENSITIVE, false),
            (CKA_EXTRACTABLE, true),
            (CKA_LOCAL, false),
            (CKA_ALWAYS_SENSITIVE, false),
            (CKA_NEVER_EXTRACTABLE, false),
        ] {
            assert_eq!(session.copy(key, &Template::new().flag(cka, value)), READ_ONLY, "{cka:#x}");
        }
        for template in [
            Template::new().class(CKO_PRIVATE_KEY),
            Template::new().ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET),
            Template::new().ulong(CKA_VALUE_LEN, 16),
            Template::new().bytes(CKA_VALUE, &[0; 32]),
            Template::new().bytes(CKA_UNIQUE_ID, b"mine"),
            Template::new().bytes(CKA_ALLOWED_MECHANISMS, &CKM_AES_CBC.to_ne_bytes()),
            Template::new().ulong(CKA_KEYWARD_STATE, DEACTIVATED),
        ] {
            assert_eq!(session.copy(key, &template), READ_ONLY);
        }
        assert_eq!(session.copy(key, &Template::new().bytes(CKA_MODULUS, b"1")), Err(Rv(CKR_TEMPLATE_INCONSISTENT)));
        assert_eq!(session.copy(key, &Template::new().bytes(0x7777, b"1")), Err(Rv(CKR_ATTRIBUTE_TYPE_INVALID)));
        assert_eq!(session.copy(key, &Template::new().bytes(CKA_TOKEN, b"")), Err(Rv(CKR_ATTRIBUTE_VALUE_INVALID)));
        // A private object has no public copy, of whatever class.
        assert_eq!(session.copy(key, &Template::new().flag(CKA_PRIVATE, false)), Err(Rv(CKR_TEMPLATE_INCONSISTENT)));
        let data = session.create(&Template::new().class(CKO_DATA).flag(CKA_PRIVATE, true)).unwrap();
        assert_eq!(session.copy(data, &Template::new().flag(CKA_PRIVATE, false)), Err(Rv(CKR_TEMPLATE_INCONSISTENT)));
        // Nothing was made by any of this.
        assert_eq!(session.find(&Template::new()).unwrap().len(), 2);
        let open = session.aes(Template::new().flag(CKA_SENSITIVE, false).flag(CKA_EXTRACTABLE, true)).unwrap();
        let closed = Template::new().flag(CKA_SENSITIVE, true).flag(CKA_EXTRACTABLE, false);
        let closed = session.copy(open, &closed).unwrap();
        assert_eq!(session.get(closed, CKA_VALUE), Err(Rv(CKR_ATTRIBUTE_SENSITIVE)));
        assert_eq!(session.get(open, CKA_VALUE).unwrap().len(), 32);
        assert_eq!(session.copy(closed, &Template::new().flag(CKA_SENSITIVE, false)), READ_ONLY);
    }
}

alone! {
    fn a_public_object_may_have_a_private_copy_that_others_do_not_see() {
        let world = World::new();
        let session = world.user();
        let data = Template::token().class(CKO_DATA).label("open").bytes(CKA_VALUE, b"words");
        let data = session.create(&data).unwrap();
        let hidden = session.copy(data, &Template::new().flag(CKA_PRIVATE, true).label("hidden")).unwrap();
        assert_eq!(session.get(hidden, CKA_VALUE).unwrap(), b"words");
        session.logout().unwrap();
        assert_eq!(session.get(hidden, CKA_VALUE), Err(Rv(CKR_OBJECT_HANDLE_INVALID)));
        assert_eq!(session.get(data, CKA_VALUE).unwrap(), b"words");
        assert_eq!(session.find(&Template::new().label("hidden")).unwrap(), []);
        // Without a login no private copy can be made.
        assert_eq!(session.copy(data, &Template::new().flag(CKA_PRIVATE, true)), Err(Rv(CKR_USER_NOT_LOGGED_IN)));
    }
}

alone! {
    fn copyable_modifiable_and_destroyable_go_their_ways() {
        let world = World::new();
        let session = world.user();
        let fixed = Template::new().flag(CKA_MODIFIABLE, false).flag(CKA_DESTROYABLE, false);
        let key = session.aes(fixed.clone()).unwrap();
        assert_eq!(session.set(key, &Template::new().label("x")), Err(Rv(CKR_ACTION_PROHIBITED)));
        assert_eq!(session.destroy(key), Err(Rv(CKR_ACTION_PROHIBITED)));
        // These two may be changed while copying, in both directions (4.1.3)...
        let copy = session.copy(key, &Template::new().flag(CKA_MODIFIABLE, true).flag(CKA_DESTROYABLE, true)).unwrap();
        session.set(copy, &Template::new().label("x")).unwrap();
        session.destroy(copy).unwrap();
        // ... unless the object says that there are no copies, and that cannot be taken back.
        let single = session.aes(fixed.flag(CKA_COPYABLE, false)).unwrap();
        assert_eq!(session.copy(single, &Template::new()), Err(Rv(CKR_ACTION_PROHIBITED)));
        let key = session.aes(Template::new()).unwrap();
        for cka in [CKA_MODIFIABLE, CKA_DESTROYABLE, CKA_TOKEN, CKA_PRIVATE] {
            let other = !session.get_bool(key, cka).unwrap();
            assert_eq!(session.set(key, &Template::new().flag(cka, other)), Err(Rv(CKR_ATTRIBUTE_READ_ONLY)), "{cka:#x}");
        }
        session.set(key, &Template::new().flag(CKA_COPYABLE, false)).unwrap();
        assert_eq!(session.set(key, &Template::new().flag(CKA_COPYABLE, true)), Err(Rv(CKR_ATTRIBUTE_READ_ONLY)));
        assert_eq!(session.copy(key, &Template::new()), Err(Rv(CKR_ACTION_PROHIBITED)));
        // A copy may be the last one.
        let last = session.aes(Template::new()).unwrap();
        let last = session.copy(last, &Template::new().flag(CKA_COPYABLE, false)).unwrap();
        assert_eq!(session.copy(last, &Template::new().flag(CKA_COPYABLE, true)), READ_ONLY);
    }
}

alone! {
    fn a_key_without_a_purpose_yet_is_not_copied_where_it_could_serve_several() {
        let world = World::new();
        let session = world.user();
        let uses = Template::new().uses(&[CKA_SIGN, CKA_DECRYPT]);
        let (_, key) = session.rsa(Template::new().uses(&[CKA_VERIFY, CKA_ENCRYPT]), uses).unwrap();
        // Not even with one use: another copy could have the other.
        for template in [Template::new(), Template::new().flag(CKA_DECRYPT, false)] {
            assert_eq!(session.copy(key, &template), Err(Rv(CKR_ACTION_PROHIBITED)));
        }
        assert_eq!(session.reason(), 0x704);
        session.sign(&Mechanism::plain(CKM_SHA256_RSA_PKCS), key, b"message").unwrap();
        let copy = session.copy(key, &Template::new()).unwrap();
        session.sign(&Mechanism::plain(CKM_SHA256_RSA_PKCS), copy, b"message").unwrap();
        let decrypts = session.decrypt_init(&Mechanism::plain(CKM_RSA_PKCS), copy);
        assert_eq!(decrypts, Err(Rv(CKR_KEY_FUNCTION_NOT_PERMITTED)));
        // A key that can serve one purpose only has nothing to hide.
        let (_, signs) = session.p256(Template::new().uses(&[CKA_VERIFY]), Template::new().uses(&[CKA_SIGN])).unwrap();
        session.copy(signs, &Template::new()).unwrap();
    }
}
