//! Signatures and MACs (5.13).

use super::scene::{Scene, Way, give_rows, pass_rows, take_rows};
use super::{Stage, Table};
use cryptoki_sys::*;

fn signing(c: &Scene<'_>) {
    c.init(c.list().C_SignInit, &Way::plain(CKM_SHA256_RSA_PKCS), c.keys.rsa.1).unwrap();
}

/// A mechanism that takes one short block.
fn raw(c: &Scene<'_>) {
    c.init(c.list().C_SignInit, &Way::plain(CKM_RSA_PKCS), c.keys.rsa.1).unwrap();
}

/// A signature that waits for a login.
fn asked(c: &Scene<'_>) {
    c.init(c.list().C_SignInit, &Way::plain(CKM_ECDSA_SHA256), c.keys.ec_asking).unwrap();
}

const ASKING: &str = "the key's CKA_ALWAYS_AUTHENTICATE is true and no login came";

pub fn rows(t: &mut Table) {
    pass_rows(t, "C_Sign", |list| list.C_Sign, signing);
    give_rows(t, "C_SignUpdate", |list| list.C_SignUpdate, signing);
    take_rows(t, "C_SignFinal", |list| list.C_SignFinal, signing);
    t.on("C_Sign", Stage::User)
        .row(CKR_USER_NOT_LOGGED_IN, ASKING, |c| {
            asked(c);
            c.pass(c.list().C_Sign, b"data", 64)
        })
        .row(CKR_OPERATION_ACTIVE, "after C_SignUpdate", |c| {
            signing(c);
            c.give(c.list().C_SignUpdate, b"data").unwrap();
            c.pass(c.list().C_Sign, b"data", 256)
        })
        .row(CKR_DATA_LEN_RANGE, "the data is longer than the mechanism takes", |c| {
            raw(c);
            c.pass(c.list().C_Sign, &[0; 246], 256)
        })
        .row(CKR_BUFFER_TOO_SMALL, "the room is too small for the result", |c| {
            signing(c);
            c.pass(c.list().C_Sign, b"data", 255)
        })
        .row(CKR_OPERATION_NOT_INITIALIZED, "after the signature was given", |c| {
            signing(c);
            c.pass(c.list().C_Sign, b"data", 256).unwrap();
            c.pass(c.list().C_Sign, b"data", 256)
        });
    t.on("C_SignUpdate", Stage::User)
        .row(CKR_USER_NOT_LOGGED_IN, ASKING, |c| {
            asked(c);
            c.give(c.list().C_SignUpdate, b"data")
        })
        .row(CKR_DATA_LEN_RANGE, "the data is longer than the mechanism takes", |c| {
            raw(c);
            c.give(c.list().C_SignUpdate, &[0; 200]).unwrap();
            c.give(c.list().C_SignUpdate, &[0; 100])
        });
    t.on("C_SignFinal", Stage::User)
        .row(CKR_USER_NOT_LOGGED_IN, ASKING, |c| {
            asked(c);
            c.take(c.list().C_SignFinal, 64)
        })
        .row(CKR_DATA_LEN_RANGE, "CKM_ECDSA without any data", |c| {
            c.init(c.list().C_SignInit, &Way::plain(CKM_ECDSA), c.keys.ec.1).unwrap();
            c.take(c.list().C_SignFinal, 64)
        })
        .row(CKR_BUFFER_TOO_SMALL, "the room is too small for the result", |c| {
            signing(c);
            c.take(c.list().C_SignFinal, 255)
        });
}
