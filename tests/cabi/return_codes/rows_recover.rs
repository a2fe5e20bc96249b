//! Signatures from which the data is recovered (5.13.5, 5.15.5). How they begin stands in `rows_init`.

use super::scene::{Scene, Way, pass_rows};
use super::{Stage, Table};
use crate::client::*;
use cryptoki_sys::*;

fn signing(c: &Scene<'_>) {
    c.init(c.list().C_SignRecoverInit, &Way::plain(CKM_RSA_PKCS), c.keys.rsa_recover.1).unwrap();
}

fn verifying(c: &Scene<'_>) {
    c.init(c.list().C_VerifyRecoverInit, &Way::plain(CKM_RSA_PKCS), c.keys.rsa_recover.0).unwrap();
}

/// A signature from which "data" is recovered.
fn signature(c: &Scene<'_>) -> Vec<u8> {
    signing(c);
    let (mut data, mut out, mut len) = (*b"data", vec![0; 256], 256);
    let (at, room) = (data.as_mut_ptr(), out.as_mut_ptr());
    super::scene::code!(c.list().C_SignRecover, c.handle(), at, 4, room, &raw mut len).unwrap();
    out
}

pub fn rows(t: &mut Table) {
    pass_rows(t, "C_SignRecover", |list| list.C_SignRecover, signing);
    pass_rows(t, "C_VerifyRecover", |list| list.C_VerifyRecover, verifying);
    t.on("C_SignRecover", Stage::User)
        .row(CKR_USER_NOT_LOGGED_IN, "the key's CKA_ALWAYS_AUTHENTICATE is true and no login came", |c| {
            let private = Template::new().uses(&[CKA_SIGN_RECOVER]).flag(CKA_ALWAYS_AUTHENTICATE, true);
            let (_, key) = c.session.rsa(Template::new().uses(&[CKA_VERIFY_RECOVER]), private).unwrap();
            c.init(c.list().C_SignRecoverInit, &Way::plain(CKM_RSA_PKCS), key).unwrap();
            c.pass(c.list().C_SignRecover, b"data", 256)
        })
        .row(CKR_DATA_LEN_RANGE, "the data is longer than the mechanism takes", |c| {
            signing(c);
            c.pass(c.list().C_SignRecover, &[0; 246], 256)
        })
        .row(CKR_BUFFER_TOO_SMALL, "the room is too small for the result", |c| {
            signing(c);
            c.pass(c.list().C_SignRecover, b"data", 255)
        });
    t.on("C_VerifyRecover", Stage::User)
        .row(CKR_SIGNATURE_LEN_RANGE, "no signature of this key has that length, whatever the room is", |c| {
            verifying(c);
            c.pass(c.list().C_VerifyRecover, &[0; 255], 0)
        })
        .row(CKR_SIGNATURE_INVALID, "the signature is not this key's, whatever the room is", |c| {
            verifying(c);
            c.pass(c.list().C_VerifyRecover, &[0; 256], 0)
        })
        .row(CKR_BUFFER_TOO_SMALL, "the room is too small for the data", |c| {
            let signature = signature(c);
            verifying(c);
            c.pass(c.list().C_VerifyRecover, &signature, 3)
        });
}
