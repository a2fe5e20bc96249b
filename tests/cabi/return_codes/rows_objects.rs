//! Object management (5.7) but templates.

use super::scene::Scene;
use super::{Stage, Table};
use crate::call;
use crate::client::*;
use cryptoki_sys::*;
use std::ptr::null_mut;

fn label() -> Template {
    Template::new().label("another")
}

fn token_data() -> Template {
    Template::token().class(CKO_DATA)
}

/// C_GetAttributeValue of one attribute with room for so many bytes.
fn read(c: &Scene<'_>, object: Key, cka: CK_ATTRIBUTE_TYPE, room: usize) -> Answer<()> {
    let mut value = vec![0_u8; room.max(1)];
    let mut attribute =
        CK_ATTRIBUTE { type_: cka, pValue: value.as_mut_ptr().cast(), ulValueLen: room as CK_ULONG };
    call!(c.module, C_GetAttributeValue, c.handle(), object, &raw mut attribute, 1)
}

pub fn rows(t: &mut Table) {
    creation(t);
    copying(t);
    destruction(t);
    reading(t);
    changing(t);
    searching(t);
}

fn creation(t: &mut Table) {
    t.on("C_CreateObject", Stage::User)
        .row(CKR_ARGUMENTS_BAD, "phObject is NULL", |c| {
            label().with(|list, count| call!(c.module, C_CreateObject, c.handle(), list, count, null_mut()))
        })
        .row(CKR_ARGUMENTS_BAD, "pTemplate is NULL and the number of its attributes is not 0", |c| {
            let mut object = 0;
            call!(c.module, C_CreateObject, c.handle(), null_mut(), 1, &raw mut object)
        })
        .row(CKR_ARGUMENTS_BAD, "a value is NULL and its length is not 0", |c| {
            let mut attribute = CK_ATTRIBUTE { type_: CKA_LABEL, pValue: null_mut(), ulValueLen: 4 };
            let mut object = 0;
            call!(c.module, C_CreateObject, c.handle(), &raw mut attribute, 1, &raw mut object)
        });
    t.on("C_CreateObject", Stage::ReadOnly)
        .row(CKR_SESSION_READ_ONLY, "the session is read-only and the object is to stay on the token", |c| {
            c.session.create(&token_data()).map(drop)
        })
        .row(CKR_OK, "the session is read-only and the object goes with it", |c| {
            c.session.create(&Template::new().class(CKO_DATA)).map(drop)
        });
    for stage in [Stage::Nobody, Stage::Officer] {
        t.on("C_CreateObject", stage).row(
            CKR_USER_NOT_LOGGED_IN,
            "the object is to be private and the user is not logged in",
            |c| c.session.create(&Template::new().class(CKO_DATA).flag(CKA_PRIVATE, true)).map(drop),
        );
    }
}

fn copying(t: &mut Table) {
    t.on("C_CopyObject", Stage::User)
        .row(CKR_ARGUMENTS_BAD, "phNewObject is NULL", |c| {
            call!(c.module, C_CopyObject, c.handle(), c.keys.data, null_mut(), 0, null_mut())
        })
        .row(CKR_ARGUMENTS_BAD, "pTemplate is NULL and the number of its attributes is not 0", |c| {
            let mut copy = 0;
            call!(c.module, C_CopyObject, c.handle(), c.keys.data, null_mut(), 1, &raw mut copy)
        })
        .row(CKR_OBJECT_HANDLE_INVALID, "there is no such object", |c| c.session.copy(0, &label()).map(drop))
        .row(CKR_ACTION_PROHIBITED, "its CKA_COPYABLE is false", |c| {
            c.session.copy(c.keys.fixed, &Template::new()).map(drop)
        });
    t.on("C_CopyObject", Stage::ReadOnly).row(
        CKR_SESSION_READ_ONLY,
        "the session is read-only and the copy is to stay on the token",
        |c| c.session.copy(c.keys.data, &Template::token()).map(drop),
    );
    t.on("C_CopyObject", Stage::Nobody)
        .row(CKR_OBJECT_HANDLE_INVALID, "the object is private and the user has logged out", |c| {
            c.session.copy(c.keys.aes, &Template::new()).map(drop)
        })
        .row(CKR_USER_NOT_LOGGED_IN, "the copy is to be private and the user is not logged in", |c| {
            c.session.copy(c.keys.data, &Template::new().flag(CKA_PRIVATE, true)).map(drop)
        });
}

fn destruction(t: &mut Table) {
    t.on("C_DestroyObject", Stage::User)
        .row(CKR_OBJECT_HANDLE_INVALID, "there is no such object", |c| c.session.destroy(0))
        .row(CKR_OBJECT_HANDLE_INVALID, "the object was destroyed before", |c| {
            let object = c.session.create(&Template::new().class(CKO_DATA)).unwrap();
            c.session.destroy(object).unwrap();
            c.session.destroy(object)
        })
        .row(CKR_ACTION_PROHIBITED, "its CKA_DESTROYABLE is false", |c| c.session.destroy(c.keys.fixed));
    t.on("C_DestroyObject", Stage::ReadOnly).row(
        CKR_SESSION_READ_ONLY,
        "the session is read-only and the object is the token's",
        |c| c.session.destroy(c.keys.stored),
    );
    t.on("C_DestroyObject", Stage::Nobody).row(
        CKR_OBJECT_HANDLE_INVALID,
        "the object is private and the user has logged out",
        |c| c.session.destroy(c.keys.aes),
    );
}

fn reading(t: &mut Table) {
    t.on("C_GetObjectSize", Stage::User)
        .row(CKR_ARGUMENTS_BAD, "pulSize is NULL", |c| {
            call!(c.module, C_GetObjectSize, c.handle(), c.keys.data, null_mut())
        })
        .row(CKR_OBJECT_HANDLE_INVALID, "there is no such object", |c| {
            let mut size = 0;
            call!(c.module, C_GetObjectSize, c.handle(), 0, &raw mut size)
        });
    t.on("C_GetAttributeValue", Stage::User)
        .row(CKR_ARGUMENTS_BAD, "pTemplate is NULL and the number of its attributes is not 0", |c| {
            call!(c.module, C_GetAttributeValue, c.handle(), c.keys.data, null_mut(), 1)
        })
        .row(CKR_OBJECT_HANDLE_INVALID, "there is no such object", |c| read(c, 0, CKA_LABEL, 16))
        .row(CKR_ATTRIBUTE_SENSITIVE, "the value of a key that is sensitive or cannot be extracted", |c| {
            read(c, c.keys.aes, CKA_VALUE, 64)
        })
        .row(CKR_ATTRIBUTE_TYPE_INVALID, "the object has no such attribute", |c| {
            assert_eq!(read(c, c.keys.aes, CKA_MODULUS, 64), Err(Rv(CKR_ATTRIBUTE_TYPE_INVALID)));
            read(c, c.keys.data, CKA_VENDOR_DEFINED | 0x00FF_FFFF, 64)
        })
        .row(CKR_BUFFER_TOO_SMALL, "the room of an attribute is too small", |c| {
            read(c, c.keys.data, CKA_VALUE, 4)
        });
    t.on("C_GetAttributeValue", Stage::Nobody).row(
        CKR_OBJECT_HANDLE_INVALID,
        "the object is private and the user has logged out",
        |c| read(c, c.keys.aes, CKA_LABEL, 16),
    );
}

fn changing(t: &mut Table) {
    t.on("C_SetAttributeValue", Stage::User)
        .row(CKR_ARGUMENTS_BAD, "pTemplate is NULL and the number of its attributes is not 0", |c| {
            call!(c.module, C_SetAttributeValue, c.handle(), c.keys.data, null_mut(), 1)
        })
        .row(CKR_OBJECT_HANDLE_INVALID, "there is no such object", |c| c.session.set(0, &label()))
        .row(CKR_ACTION_PROHIBITED, "its CKA_MODIFIABLE is false", |c| c.session.set(c.keys.fixed, &label()))
        .row(CKR_ACTION_PROHIBITED, "a state that the key's life has no way to", |c| {
            let key = c.session.aes(Template::new()).unwrap();
            c.session.set_state(key, COMPROMISED).unwrap();
            c.session.set_state(key, ACTIVE)
        });
    t.on("C_SetAttributeValue", Stage::ReadOnly).row(
        CKR_SESSION_READ_ONLY,
        "the session is read-only and the object is the token's",
        |c| c.session.set(c.keys.stored, &label()),
    );
    t.on("C_SetAttributeValue", Stage::Nobody)
        .row(CKR_OBJECT_HANDLE_INVALID, "the object is private and the user has logged out", |c| {
            c.session.set(c.keys.aes, &label())
        })
        .row(
            CKR_USER_NOT_LOGGED_IN,
            "a token object that was written by the user, and nobody is logged in",
            |c| c.session.set(c.keys.stored, &label()),
        );
}

fn searching(t: &mut Table) {
    fn search(c: &Scene<'_>, template: &Template) -> Answer<()> {
        template.with(|list, count| call!(c.module, C_FindObjectsInit, c.handle(), list, count))
    }
    t.on("C_FindObjectsInit", Stage::Nobody)
        .row(CKR_ARGUMENTS_BAD, "pTemplate is NULL and the number of its attributes is not 0", |c| {
            call!(c.module, C_FindObjectsInit, c.handle(), null_mut(), 1)
        })
        .row(CKR_OPERATION_ACTIVE, "a search is active", |c| {
            search(c, &Template::new()).unwrap();
            search(c, &Template::new())
        })
        .row(CKR_ATTRIBUTE_VALUE_INVALID, "a value is none that its attribute can have", |c| {
            search(c, &Template::new().bytes(CKA_TOKEN, &[1, 1]))
        })
        .row(CKR_OK, "an attribute that no object has: nothing is found", |c| {
            search(c, &Template::new().bytes(CKA_VENDOR_DEFINED | 0x00FF_FFFF, b"x"))
        });
    t.on("C_FindObjects", Stage::Nobody)
        .row(CKR_ARGUMENTS_BAD, "pulObjectCount is NULL, or phObject is and the number is not 0", |c| {
            search(c, &Template::new()).unwrap();
            let (mut found, mut count) = (0, 0);
            let no_count = call!(c.module, C_FindObjects, c.handle(), &raw mut found, 1, null_mut());
            assert_eq!(no_count, Err(Rv(CKR_ARGUMENTS_BAD)));
            call!(c.module, C_FindObjects, c.handle(), null_mut(), 1, &raw mut count)
        })
        .row(CKR_OPERATION_NOT_INITIALIZED, "no search is active", |c| {
            let (mut found, mut count) = (0, 0);
            call!(c.module, C_FindObjects, c.handle(), &raw mut found, 1, &raw mut count)
        });
    t.on("C_FindObjectsFinal", Stage::Nobody).row(
        CKR_OPERATION_NOT_INITIALIZED,
        "no search is active",
        |c| c.end(c.list().C_FindObjectsFinal),
    );
}
