//! Digests (5.12).

use super::scene::{Scene, give_rows, pass_rows, take_rows};
use super::{Stage, Table};
use crate::call;
use crate::client::*;
use cryptoki_sys::*;

fn digesting(c: &Scene<'_>) {
    c.session.digest_init(&Mechanism::plain(CKM_SHA256)).unwrap();
}

pub fn rows(t: &mut Table) {
    pass_rows(t, "C_Digest", |list| list.C_Digest, digesting);
    give_rows(t, "C_DigestUpdate", |list| list.C_DigestUpdate, digesting);
    take_rows(t, "C_DigestFinal", |list| list.C_DigestFinal, digesting);
    t.on("C_Digest", Stage::User)
        .row(CKR_OPERATION_ACTIVE, "after C_DigestUpdate", |c| {
            digesting(c);
            c.give(c.list().C_DigestUpdate, b"abc").unwrap();
            c.pass(c.list().C_Digest, b"abc", 64)
        })
        .row(CKR_BUFFER_TOO_SMALL, "the room is too small for the result", |c| {
            digesting(c);
            c.pass(c.list().C_Digest, b"abc", 31)
        });
    t.on("C_DigestFinal", Stage::User).row(
        CKR_BUFFER_TOO_SMALL,
        "the room is too small for the result",
        |c| {
            digesting(c);
            c.take(c.list().C_DigestFinal, 31)
        },
    );
    t.on("C_DigestKey", Stage::User)
        .row(CKR_OPERATION_NOT_INITIALIZED, "no such operation is active", |c| {
            call!(c.module, C_DigestKey, c.handle(), c.keys.open)
        })
        .row(CKR_KEY_HANDLE_INVALID, "there is no such object", |c| {
            digesting(c);
            call!(c.module, C_DigestKey, c.handle(), 0)
        })
        .row(CKR_KEY_HANDLE_INVALID, "the object is no key", |c| {
            digesting(c);
            call!(c.module, C_DigestKey, c.handle(), c.keys.data)
        })
        .row(CKR_KEY_INDIGESTIBLE, "the key is no secret key", |c| {
            digesting(c);
            call!(c.module, C_DigestKey, c.handle(), c.keys.rsa.0)
        })
        .row(CKR_KEY_INDIGESTIBLE, "the key's purpose is not that others are derived from it", |c| {
            digesting(c);
            call!(c.module, C_DigestKey, c.handle(), c.keys.open)
        })
        .row(CKR_OK, "a secret key to derive from", |c| {
            let template = Template::new().class(CKO_SECRET_KEY).ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET);
            let key = c.session.create(&template.bytes(CKA_VALUE, &[7; 32]).uses(&[CKA_DERIVE])).unwrap();
            digesting(c);
            call!(c.module, C_DigestKey, c.handle(), key)
        });
}
