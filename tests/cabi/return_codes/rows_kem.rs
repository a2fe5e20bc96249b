//! Keys that are encapsulated (5.18.8, 5.18.9), with ML-KEM-768.

use super::rows_wrap::aes;
use super::scene::{Scene, Way, code};
use super::{Stage, Table};
use crate::client::*;
use cryptoki_sys::*;
use std::ptr::null_mut;

/// Length of a ciphertext of ML-KEM-768 in bytes (FIPS 203, table 3).
const CIPHERTEXT: usize = 1088;

fn kem() -> Way {
    Way::plain(CKM_ML_KEM)
}

/// A pair; the halves may do what the attributes say.
fn pair(c: &Scene<'_>, public: &[CK_ATTRIBUTE_TYPE], private: &[CK_ATTRIBUTE_TYPE]) -> (Key, Key) {
    let public = Template::new().uses(public).ulong(CKA_PARAMETER_SET, CKP_ML_KEM_768);
    let mechanism = Mechanism::plain(CKM_ML_KEM_KEY_PAIR_GEN);
    c.session.generate_pair(&mechanism, &public, &Template::new().uses(private)).unwrap()
}

fn usual(c: &Scene<'_>) -> (Key, Key) {
    pair(c, &[CKA_ENCAPSULATE], &[CKA_DECAPSULATE])
}

fn encapsulate_raw(
    c: &Scene<'_>,
    way: *mut CK_MECHANISM,
    key: Key,
    template: &Template,
    out: (*mut u8, *mut CK_ULONG),
) -> Answer<()> {
    let mut made = 0;
    let (place, function) = (&raw mut made, c.list().C_EncapsulateKey);
    template.with(|list, count| code!(function, c.handle(), way, key, list, count, out.0, out.1, place))
}

fn encapsulate(c: &Scene<'_>, way: &Way, key: Key, template: &Template) -> Answer<()> {
    let (mut out, mut len) = (vec![0_u8; CIPHERTEXT], CIPHERTEXT as CK_ULONG);
    way.with(|way| encapsulate_raw(c, way, key, template, (out.as_mut_ptr(), &raw mut len)))
}

fn decapsulate_raw(
    c: &Scene<'_>,
    way: *mut CK_MECHANISM,
    key: Key,
    template: &Template,
    text: (*mut u8, CK_ULONG),
) -> Answer<()> {
    let mut made = 0;
    let (place, function) = (&raw mut made, c.list().C_DecapsulateKey);
    template.with(|list, count| code!(function, c.handle(), way, key, list, count, text.0, text.1, place))
}

fn decapsulate(c: &Scene<'_>, way: &Way, key: Key, template: &Template, text: &[u8]) -> Answer<()> {
    let (mut text, len) = bytes(text);
    way.with(|way| decapsulate_raw(c, way, key, template, (text.as_mut_ptr(), len)))
}

type Make = fn(&Scene<'_>, &Way, Option<Key>, &Template) -> Answer<()>;

/// With the right key where none is given.
fn to(c: &Scene<'_>, way: &Way, key: Option<Key>, template: &Template) -> Answer<()> {
    let key = key.unwrap_or_else(|| usual(c).0);
    encapsulate(c, way, key, template)
}

/// With the right key where none is given. Any ciphertext of the right length gives a key (FIPS 203, 6.3).
fn from(c: &Scene<'_>, way: &Way, key: Option<Key>, template: &Template) -> Answer<()> {
    let key = key.unwrap_or_else(|| usual(c).1);
    decapsulate(c, way, key, template, &[1; CIPHERTEXT])
}

pub fn rows(t: &mut Table) {
    common(t, "C_EncapsulateKey", to);
    common(t, "C_DecapsulateKey", from);
    encapsulation(t);
    decapsulation(t);
}

fn common(t: &mut Table, name: &'static str, make: Make) {
    t.on(name, Stage::User)
        .needing(CKM_ML_KEM)
        .row(CKR_MECHANISM_INVALID, "there is no such mechanism", move |c| {
            make(c, &Way::plain(0x7FFF_FFFF), None, &aes())
        })
        .row(CKR_MECHANISM_INVALID, "the mechanism is for other functions", move |c| {
            make(c, &Way::plain(CKM_SHA256), None, &aes())
        })
        .row(CKR_MECHANISM_PARAM_INVALID, "the mechanism does not take the parameter", move |c| {
            make(c, &Way::Usual(Mechanism::iv(CKM_ML_KEM, &[0; 16])), None, &aes())
        })
        .row(CKR_ATTRIBUTE_TYPE_INVALID, "an attribute that no object has", move |c| {
            make(c, &kem(), None, &aes().bytes(CKA_VENDOR_DEFINED | 0x00FF_FFFF, b"x"))
        })
        .row(
            CKR_TEMPLATE_INCONSISTENT,
            "an attribute that other objects have, and such an object does not",
            move |c| make(c, &kem(), None, &aes().bytes(CKA_MODULUS, &[1; 128])),
        )
        .row(CKR_ATTRIBUTE_VALUE_INVALID, "a boolean that is neither true nor false", move |c| {
            make(c, &kem(), None, &aes().bytes(CKA_DERIVE, &[2]))
        })
        .row(CKR_ATTRIBUTE_READ_ONLY, "the value of the key that is to be made", move |c| {
            make(c, &kem(), None, &aes().bytes(CKA_VALUE, &[1; 32]))
        })
        .row(CKR_TEMPLATE_INCONSISTENT, "CKA_CLASS is not that of a secret key", move |c| {
            make(c, &kem(), None, &Template::new().class(CKO_PUBLIC_KEY))
        })
        .row(CKR_KEY_FUNCTION_NOT_PERMITTED, "the key's usage attribute is false", move |c| {
            let (public, private) = pair(c, &[], &[]);
            let flag = |cka| Template::new().flag(cka, false);
            let key = if name == "C_EncapsulateKey" { public } else { private };
            let cka = if name == "C_EncapsulateKey" { CKA_ENCAPSULATE } else { CKA_DECAPSULATE };
            let _ = c.session.set(key, &flag(cka));
            make(c, &kem(), Some(key), &aes())
        });
    t.on(name, Stage::ReadOnly).needing(CKM_ML_KEM).row(
        CKR_SESSION_READ_ONLY,
        "the session is read-only and the key is to stay on the token",
        move |c| make(c, &kem(), None, &aes().flag(CKA_TOKEN, true)),
    );
}

fn encapsulation(t: &mut Table) {
    t.on("C_EncapsulateKey", Stage::User)
        .needing(CKM_ML_KEM)
        .row(CKR_ARGUMENTS_BAD, "pMechanism or pulCiphertextLen is NULL", |c| {
            let (key, _) = usual(c);
            let (mut out, mut len) = (vec![0_u8; CIPHERTEXT], CIPHERTEXT as CK_ULONG);
            let no_mechanism = encapsulate_raw(c, null_mut(), key, &aes(), (out.as_mut_ptr(), &raw mut len));
            assert_eq!(no_mechanism, Err(Rv(CKR_ARGUMENTS_BAD)));
            kem().with(|way| encapsulate_raw(c, way, key, &aes(), (null_mut(), null_mut())))
        })
        .row(CKR_KEY_HANDLE_INVALID, "there is no such object", |c| to(c, &kem(), Some(0), &aes()))
        .row(CKR_KEY_HANDLE_INVALID, "the object is no key", |c| to(c, &kem(), Some(c.keys.data), &aes()))
        .row(CKR_KEY_TYPE_INCONSISTENT, "the mechanism does not work with keys of this type", |c| {
            to(c, &kem(), Some(c.keys.rsa.0), &aes())
        })
        .row(CKR_BUFFER_TOO_SMALL, "the room is too small for the ciphertext", |c| {
            let (key, _) = usual(c);
            let (mut out, mut len) = (vec![0_u8; CIPHERTEXT], CIPHERTEXT as CK_ULONG - 1);
            kem().with(|way| encapsulate_raw(c, way, key, &aes(), (out.as_mut_ptr(), &raw mut len)))
        });
    t.on("C_EncapsulateKey", Stage::Apart).needing(CKM_ML_KEM).row(
        CKR_USER_NOT_LOGGED_IN,
        "the key would be private and the user is not logged in",
        |c| {
            let user = c.world().user();
            let public = Template::token().uses(&[CKA_ENCAPSULATE]).ulong(CKA_PARAMETER_SET, CKP_ML_KEM_768);
            let mechanism = Mechanism::plain(CKM_ML_KEM_KEY_PAIR_GEN);
            let (key, _) = user.generate_pair(&mechanism, &public, &Template::token()).unwrap();
            user.logout().unwrap();
            encapsulate(c, &kem(), key, &aes())
        },
    );
}

fn decapsulation(t: &mut Table) {
    t.on("C_DecapsulateKey", Stage::User)
        .needing(CKM_ML_KEM)
        .row(CKR_ARGUMENTS_BAD, "pMechanism, or the ciphertext with a length, is NULL", |c| {
            let (_, key) = usual(c);
            let mut text = vec![0_u8; CIPHERTEXT];
            let (at, len) = (text.as_mut_ptr(), CIPHERTEXT as CK_ULONG);
            let no_mechanism = decapsulate_raw(c, null_mut(), key, &aes(), (at, len));
            assert_eq!(no_mechanism, Err(Rv(CKR_ARGUMENTS_BAD)));
            kem().with(|way| decapsulate_raw(c, way, key, &aes(), (null_mut(), len)))
        })
        .row(CKR_UNWRAPPING_KEY_HANDLE_INVALID, "there is no such object", |c| {
            from(c, &kem(), Some(0), &aes())
        })
        .row(CKR_UNWRAPPING_KEY_HANDLE_INVALID, "the object is no key", |c| {
            from(c, &kem(), Some(c.keys.data), &aes())
        })
        .row(
            CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT,
            "the mechanism does not work with keys of this type",
            |c| from(c, &kem(), Some(c.keys.rsa.1), &aes()),
        )
        .row(CKR_WRAPPED_KEY_LEN_RANGE, "no ciphertext of this key has that length", |c| {
            let (_, key) = usual(c);
            decapsulate(c, &kem(), key, &aes(), &[1; CIPHERTEXT - 1])
        });
}
