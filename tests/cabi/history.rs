//! The history of keys: CKA_LOCAL, CKA_KEY_GEN_MECHANISM, CKA_ALWAYS_SENSITIVE and CKA_NEVER_EXTRACTABLE, for every way
//! in which a key comes into being, and whatever is changed afterwards (PKCS#11 3.2, 4.8, 4.10, 4.11, 5.18, 6.3).

use super::client::*;
use crate::alone;
use cryptoki_sys::*;

const AES_GEN: CK_ULONG = CKM_AES_KEY_GEN;
const EC_GEN: CK_ULONG = CKM_EC_KEY_PAIR_GEN;
const NONE: CK_ULONG = CK_UNAVAILABLE_INFORMATION;

/// How the key comes into being with these flags.
type Make = fn(Session<'_>, Template) -> Key;

/// Origin, CKA_LOCAL, CKA_KEY_GEN_MECHANISM, and CKA_ALWAYS_SENSITIVE and CKA_NEVER_EXTRACTABLE for each pair of
/// CKA_SENSITIVE and CKA_EXTRACTABLE in the order of [`FLAGS`].
type Row = (&'static str, Make, bool, CK_ULONG, [(bool, bool); 4]);

const FLAGS: [(bool, bool); 4] = [(true, false), (true, true), (false, false), (false, true)];

const F: bool = false;
const T: bool = true;
/// What a key says that was always here: that it is what it was made as.
const OWN: [(bool, bool); 4] = [(T, T), (T, F), (F, T), (F, F)];
/// What a key says that was ever elsewhere.
const FOREIGN: [(bool, bool); 4] = [(F, F); 4];

const ROWS: &[Row] = &[
    ("generated", |session, flags| session.aes(flags).unwrap(), T, AES_GEN, OWN),
    ("generated pair", |session, flags| pair(session, flags).1, T, EC_GEN, OWN),
    ("created", |session, flags| session.create(&value(flags)).unwrap(), F, NONE, FOREIGN),
    ("unwrapped", unwrapped, F, NONE, FOREIGN),
    (
        "copied from a generated key",
        |session, flags| copied(session, session.aes(flags).unwrap()),
        T,
        AES_GEN,
        OWN,
    ),
    ("copied from a created key", copied_from_created, F, NONE, FOREIGN),
    (
        "copied twice",
        |session, flags| copied(session, copied(session, session.aes(flags).unwrap())),
        T,
        AES_GEN,
        OWN,
    ),
    ("derived from a closed key", |session, flags| derived(session, flags, T, F), F, NONE, OWN),
    // 6.3: what the base key was not always, the derived key was not always either.
    (
        "derived from a key that was shown",
        |session, flags| derived(session, flags, F, F),
        F,
        NONE,
        [(F, T), (F, F), (F, T), (F, F)],
    ),
    (
        "derived from an extractable key",
        |session, flags| derived(session, flags, T, T),
        F,
        NONE,
        [(T, F), (T, F), (F, F), (F, F)],
    ),
    ("derived from an open key", |session, flags| derived(session, flags, F, T), F, NONE, FOREIGN),
];

fn value(flags: Template) -> Template {
    flags.class(CKO_SECRET_KEY).ulong(CKA_KEY_TYPE, CKK_AES).bytes(CKA_VALUE, &[7; 32])
}

fn pair(session: Session<'_>, private: Template) -> (Key, Key) {
    session.p256(Template::new(), private.flag(CKA_DERIVE, true)).unwrap()
}

fn copied(session: Session<'_>, key: Key) -> Key {
    session.copy(key, &Template::new()).unwrap()
}

fn copied_from_created(session: Session<'_>, flags: Template) -> Key {
    copied(session, session.create(&value(flags)).unwrap())
}

fn unwrapped(session: Session<'_>, flags: Template) -> Key {
    let wrapping = session.aes(Template::new().uses(&[CKA_WRAP, CKA_UNWRAP])).unwrap();
    let inside = session.aes(Template::new().flag(CKA_EXTRACTABLE, true)).unwrap();
    let mechanism = Mechanism::iv(CKM_AES_CBC_PAD, &[9; 16]);
    let wrapped = session.wrap(&mechanism, wrapping, inside).unwrap();
    let template = flags.class(CKO_SECRET_KEY).ulong(CKA_KEY_TYPE, CKK_AES);
    session.unwrap(&mechanism, wrapping, &wrapped, &template).unwrap()
}

fn derived(session: Session<'_>, flags: Template, sensitive: bool, extractable: bool) -> Key {
    let open = Template::new().flag(CKA_SENSITIVE, sensitive).flag(CKA_EXTRACTABLE, extractable);
    let (public, private) = pair(session, open);
    let point = session.get(public, CKA_EC_POINT).unwrap();
    let mechanism = Mechanism::ecdh(CKM_ECDH1_DERIVE, &point);
    let template = flags.ulong(CKA_KEY_TYPE, CKK_AES).ulong(CKA_VALUE_LEN, 32);
    session.derive(&mechanism, private, &template).unwrap()
}

fn history(session: Session<'_>, key: Key) -> (bool, CK_ULONG, (bool, bool)) {
    let flag = |cka| session.get_bool(key, cka).unwrap();
    let mechanism = session.get_ulong(key, CKA_KEY_GEN_MECHANISM).unwrap();
    (flag(CKA_LOCAL), mechanism, (flag(CKA_ALWAYS_SENSITIVE), flag(CKA_NEVER_EXTRACTABLE)))
}

alone! {
    fn every_origin_and_every_later_change_leave_the_truth() {
        let world = World::new();
        let session = world.user();
        for (origin, make, local, mechanism, expected) in ROWS {
            for ((sensitive, extractable), expected) in FLAGS.into_iter().zip(expected) {
                let flags = Template::new().flag(CKA_SENSITIVE, sensitive).flag(CKA_EXTRACTABLE, extractable);
                let key = make(session, flags);
                let expected = (*local, *mechanism, *expected);
                let which = format!("{origin}, sensitive {sensitive}, extractable {extractable}");
                assert_eq!(session.get_bool(key, CKA_SENSITIVE), Ok(sensitive), "{which}");
                assert_eq!(session.get_bool(key, CKA_EXTRACTABLE), Ok(extractable), "{which}");
                assert_eq!(history(session, key), expected, "{which}");
                // Closing a key later, or a copy of it, does not make it one that was always closed.
                let closed = Template::new().flag(CKA_SENSITIVE, true).flag(CKA_EXTRACTABLE, false);
                let copy = session.copy(key, &closed).unwrap();
                assert_eq!(history(session, copy), expected, "{which}, copied closed");
                session.set(key, &closed).unwrap();
                assert_eq!(session.get_bool(key, CKA_SENSITIVE), Ok(true), "{which}");
                assert_eq!(history(session, key), expected, "{which}, closed later");
                // Nor does a client say so.
                for cka in [CKA_LOCAL, CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE] {
                    let other = !session.get_bool(key, cka).unwrap();
                    let lie = Template::new().flag(cka, other);
                    assert_eq!(session.set(key, &lie), Err(Rv(CKR_ATTRIBUTE_READ_ONLY)), "{which}");
                    assert_eq!(session.copy(key, &lie), Err(Rv(CKR_ATTRIBUTE_READ_ONLY)), "{which}");
                }
            }
        }
    }
}

alone! {
    fn public_keys_and_token_copies_keep_where_they_were_made() {
        let world = World::new();
        let session = world.user();
        let (public, private) = session.p256(Template::token(), Template::token().flag(CKA_SIGN, true)).unwrap();
        for key in [public, private] {
            for token in [true, false] {
                let copy = session.copy(key, &Template::new().flag(CKA_TOKEN, token)).unwrap();
                assert_eq!(session.get_bool(copy, CKA_LOCAL), Ok(true));
                assert_eq!(session.get_ulong(copy, CKA_KEY_GEN_MECHANISM), Ok(EC_GEN));
            }
        }
        let point = session.get(public, CKA_EC_POINT).unwrap();
        let foreign = Template::new()
            .class(CKO_PUBLIC_KEY)
            .ulong(CKA_KEY_TYPE, CKK_EC)
            .bytes(CKA_EC_PARAMS, P256)
            .bytes(CKA_EC_POINT, &point);
        let foreign = session.create(&foreign).unwrap();
        assert_eq!(session.get_bool(foreign, CKA_LOCAL), Ok(false));
        assert_eq!(session.get_ulong(foreign, CKA_KEY_GEN_MECHANISM), Ok(NONE));
    }
}

alone! {
    fn an_unwrapped_key_is_extractable_unless_the_template_says_no() {
        let world = World::new();
        let session = world.user();
        let key = unwrapped(session, Template::new());
        assert_eq!(session.get_bool(key, CKA_EXTRACTABLE), Ok(true));
        assert_eq!(session.get_bool(key, CKA_SENSITIVE), Ok(true));
        let key = unwrapped(session, Template::new().flag(CKA_EXTRACTABLE, false));
        assert_eq!(session.get_bool(key, CKA_EXTRACTABLE), Ok(false));
    }
}
