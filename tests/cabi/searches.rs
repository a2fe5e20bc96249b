//! C_FindObjects: what is found, what is never told, and what happens while objects come and go (PKCS#11 3.2, 5.7.8).

use super::attributes::{And, aes_value, open};
use super::client::*;
use crate::{alone, call};
use cryptoki_sys::*;

alone! {
    fn searches_match_every_kind_of_attribute_and_tell_no_secret() {
        let world = World::new();
        let session = world.user();
        for token in [true, false] {
            let mechanisms = [CKM_AES_GCM, CKM_AES_CBC].map(CK_ULONG::to_ne_bytes).concat();
            let template = aes_value()
                .flag(CKA_TOKEN, token)
                .label("sought")
                .bytes(CKA_ID, &[1, 2])
                .bytes(CKA_START_DATE, b"20300101")
                .bytes(CKA_ALLOWED_MECHANISMS, &mechanisms)
                .flag(CKA_DERIVE, true);
            let key = session.create(&template.clone()).unwrap();
            let other = session.create(&aes_value().flag(CKA_TOKEN, token).label("other")).unwrap();
            let shown = session.create(&aes_value().flag(CKA_TOKEN, token).label("shown").and(&open())).unwrap();
            for sought in [
                Template::new().label("sought"),
                Template::new().bytes(CKA_ID, &[1, 2]),
                Template::new().bytes(CKA_START_DATE, b"20300101"),
                Template::new().bytes(CKA_ALLOWED_MECHANISMS, &mechanisms),
                Template::new().flag(CKA_DERIVE, true),
                Template::new().bytes(CKA_UNIQUE_ID, &session.get(key, CKA_UNIQUE_ID).unwrap()),
                Template::new().label("sought").flag(CKA_DERIVE, true).ulong(CKA_VALUE_LEN, 16).flag(CKA_TOKEN, token),
            ] {
                assert_eq!(session.find(&sought).unwrap(), [key]);
            }
            // Almost is not enough.
            for sought in [
                Template::new().label("sough"),
                Template::new().label("sought").bytes(CKA_ID, &[1]),
                Template::new().bytes(CKA_ALLOWED_MECHANISMS, &mechanisms[..8]),
                Template::new().label("sought").flag(CKA_TOKEN, !token),
                Template::new().label("sought").bytes(CKA_MODULUS, b""),
            ] {
                assert_eq!(session.find(&sought).unwrap(), []);
            }
            // What is empty is found by its emptiness.
            let mut empty = session.find(&Template::new().bytes(CKA_ID, b"").class(CKO_SECRET_KEY)).unwrap();
            empty.sort_unstable();
            let mut expected = vec![other, shown];
            expected.sort_unstable();
            assert_eq!(empty, expected);
            // The value of a key is not there to be guessed at, with or without the rest of the template.
            for value in [&[0_u8; 16][..], &[1; 16], b""] {
                assert_eq!(session.find(&Template::new().bytes(CKA_VALUE, value)).unwrap(), []);
                assert_eq!(session.find(&Template::new().label("sought").bytes(CKA_VALUE, value)).unwrap(), []);
            }
            for object in [key, other, shown] {
                session.destroy(object).unwrap();
            }
        }
    }
}

alone! {
    fn a_large_search_gives_each_object_once_while_others_come_and_go() {
        let world = World::new();
        let session = world.user();
        let label = |number: usize| format!("object {number}");
        let data = |number: usize| Template::new().class(CKO_DATA).bytes(CKA_APPLICATION, b"many").label(&label(number));
        let objects: Vec<_> = (0..1500).map(|number| session.create(&data(number)).unwrap()).collect();
        let many = Template::new().bytes(CKA_APPLICATION, b"many");
        many.with(|list, count| call!(world.module, C_FindObjectsInit, session.handle, list, count)).unwrap();
        let (mut all, mut some, mut count) = (Vec::new(), vec![0; 100], 0);
        loop {
            call!(world.module, C_FindObjects, session.handle, some.as_mut_ptr(), 100, &raw mut count).unwrap();
            if count == 0 {
                break;
            }
            all.extend_from_slice(&some[..count as usize]);
            // Every hundred, one that was given goes and a new one comes.
            session.destroy(all[all.len() - 1]).unwrap();
            session.create(&data(9999)).unwrap();
        }
        call!(world.module, C_FindObjectsFinal, session.handle).unwrap();
        let distinct: std::collections::BTreeSet<_> = all.iter().copied().collect();
        assert_eq!(distinct.len(), all.len());
        assert!(objects.iter().all(|object| distinct.contains(object)));
        assert_eq!(session.find(&many).unwrap().len(), 1500);
        assert_eq!(session.find(&Template::new().label(&label(7))).unwrap(), [objects[7]]);
    }
}
