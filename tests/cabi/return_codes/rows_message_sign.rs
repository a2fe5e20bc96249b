//! Messages that are signed and verified (5.14, 5.16). How the process begins stands in `rows_init`.

use super::scene::{Scene, Way, code};
use super::{Stage, Table};
use crate::client::*;
use cryptoki_sys::*;
use std::ptr::null_mut;

fn signing(c: &Scene<'_>) {
    c.init(c.list().C_MessageSignInit, &Way::plain(CKM_SHA256_RSA_PKCS), c.keys.rsa.1).unwrap();
}

/// A mechanism that takes one short block.
fn raw(c: &Scene<'_>) {
    c.init(c.list().C_MessageSignInit, &Way::plain(CKM_RSA_PKCS), c.keys.rsa.1).unwrap();
}

fn verifying(c: &Scene<'_>) {
    c.init(c.list().C_MessageVerifyInit, &Way::plain(CKM_SHA256_RSA_PKCS), c.keys.rsa.0).unwrap();
}

fn digest_verifying(c: &Scene<'_>) {
    c.init(c.list().C_MessageVerifyInit, &Way::plain(CKM_ECDSA), c.keys.ec.0).unwrap();
}

fn sign(c: &Scene<'_>, data: &[u8], room: usize) -> Answer<()> {
    let ((mut data, size), mut out, mut len) = (bytes(data), vec![0_u8; room.max(1)], room as CK_ULONG);
    let (from, to) = (data.as_mut_ptr(), out.as_mut_ptr());
    code!(c.list().C_SignMessage, c.handle(), null_mut(), 0, from, size, to, &raw mut len)
}

fn sign_begin(c: &Scene<'_>) -> Answer<()> {
    code!(c.list().C_SignMessageBegin, c.handle(), null_mut(), 0)
}

/// With no room, more data follows.
fn sign_next(c: &Scene<'_>, data: &[u8], room: Option<usize>) -> Answer<()> {
    let (mut data, size) = bytes(data);
    let mut out = vec![0_u8; room.unwrap_or_default().max(1)];
    let mut len = room.unwrap_or_default() as CK_ULONG;
    let place = if room.is_some() { &raw mut len } else { null_mut() };
    let (from, to) = (data.as_mut_ptr(), if room.is_some() { out.as_mut_ptr() } else { null_mut() });
    code!(c.list().C_SignMessageNext, c.handle(), null_mut(), 0, from, size, to, place)
}

fn verify(c: &Scene<'_>, data: &[u8], signature: &[u8]) -> Answer<()> {
    let ((mut data, size), (mut signature, len)) = (bytes(data), bytes(signature));
    let (from, at) = (data.as_mut_ptr(), signature.as_mut_ptr());
    code!(c.list().C_VerifyMessage, c.handle(), null_mut(), 0, from, size, at, len)
}

fn verify_begin(c: &Scene<'_>) -> Answer<()> {
    code!(c.list().C_VerifyMessageBegin, c.handle(), null_mut(), 0)
}

/// With no signature, more data follows.
fn verify_next(c: &Scene<'_>, data: &[u8], signature: &[u8]) -> Answer<()> {
    let ((mut data, size), (mut signature, len)) = (bytes(data), bytes(signature));
    let at = if signature.is_empty() { null_mut() } else { signature.as_mut_ptr() };
    code!(c.list().C_VerifyMessageNext, c.handle(), null_mut(), 0, data.as_mut_ptr(), size, at, len)
}

pub fn rows(t: &mut Table) {
    signatures(t);
    signatures_in_parts(t);
    verification(t);
    verification_in_parts(t);
    parameters(t);
}

fn signatures(t: &mut Table) {
    t.on("C_SignMessage", Stage::User)
        .row(CKR_ARGUMENTS_BAD, "the place of the signature's length is NULL", |c| {
            signing(c);
            let (mut data, list) = ([0_u8; 4], c.list());
            code!(list.C_SignMessage, c.handle(), null_mut(), 0, data.as_mut_ptr(), 4, null_mut(), null_mut())
        })
        .row(CKR_OPERATION_NOT_INITIALIZED, "no such process is active", |c| sign(c, b"data", 256))
        .row(CKR_OPERATION_ACTIVE, "in the middle of a message in parts", |c| {
            signing(c);
            sign_begin(c).unwrap();
            sign(c, b"data", 256)
        })
        .row(CKR_USER_NOT_LOGGED_IN, "the key's CKA_ALWAYS_AUTHENTICATE is true and no login came", |c| {
            c.init(c.list().C_MessageSignInit, &Way::plain(CKM_ECDSA_SHA256), c.keys.ec_asking).unwrap();
            sign(c, b"data", 64)
        })
        .row(CKR_DATA_LEN_RANGE, "the data is longer than the mechanism takes", |c| {
            raw(c);
            sign(c, &[0; 246], 256)
        })
        .row(CKR_BUFFER_TOO_SMALL, "the room is too small for the signature", |c| {
            signing(c);
            sign(c, b"data", 255)
        });
    t.on("C_MessageSignFinal", Stage::User).row(
        CKR_OPERATION_NOT_INITIALIZED,
        "no such process is active",
        |c| c.end(c.list().C_MessageSignFinal),
    );
}

fn signatures_in_parts(t: &mut Table) {
    t.on("C_SignMessageBegin", Stage::User)
        .row(CKR_OPERATION_NOT_INITIALIZED, "no such process is active", sign_begin)
        .row(CKR_OPERATION_ACTIVE, "in the middle of a message in parts", |c| {
            signing(c);
            sign_begin(c).unwrap();
            sign_begin(c)
        });
    t.on("C_SignMessageNext", Stage::User)
        .row(CKR_ARGUMENTS_BAD, "the data is NULL and its length is not 0", |c| {
            signing(c);
            sign_begin(c).unwrap();
            let list = c.list();
            code!(list.C_SignMessageNext, c.handle(), null_mut(), 0, null_mut(), 1, null_mut(), null_mut())
        })
        .row(CKR_OPERATION_NOT_INITIALIZED, "no message was begun", |c| {
            signing(c);
            sign_next(c, b"data", None)
        })
        .row(CKR_DATA_LEN_RANGE, "the data is longer than the mechanism takes", |c| {
            raw(c);
            sign_begin(c).unwrap();
            sign_next(c, &[0; 200], None).unwrap();
            sign_next(c, &[0; 100], Some(256))
        })
        .row(CKR_BUFFER_TOO_SMALL, "the room is too small for the signature", |c| {
            signing(c);
            sign_begin(c).unwrap();
            sign_next(c, b"data", Some(255))
        });
}

fn verification(t: &mut Table) {
    t.on("C_VerifyMessage", Stage::User)
        .row(CKR_ARGUMENTS_BAD, "the signature is NULL and its length is not 0", |c| {
            verifying(c);
            let (mut data, list) = ([0_u8; 4], c.list());
            code!(list.C_VerifyMessage, c.handle(), null_mut(), 0, data.as_mut_ptr(), 4, null_mut(), 256)
        })
        .row(CKR_OPERATION_NOT_INITIALIZED, "no such process is active", |c| verify(c, b"data", &[0; 256]))
        .row(CKR_OPERATION_ACTIVE, "in the middle of a message in parts", |c| {
            verifying(c);
            verify_begin(c).unwrap();
            verify(c, b"data", &[0; 256])
        })
        .row(CKR_DATA_LEN_RANGE, "the data is longer than the mechanism takes", |c| {
            digest_verifying(c);
            verify(c, &[0; 129], &[0; 64])
        })
        .row(CKR_SIGNATURE_LEN_RANGE, "no signature of this key has that length", |c| {
            verifying(c);
            verify(c, b"data", &[0; 255])
        })
        .row(CKR_SIGNATURE_INVALID, "the signature is not the data's", |c| {
            verifying(c);
            verify(c, b"data", &[0; 256])
        });
    t.on("C_MessageVerifyFinal", Stage::User).row(
        CKR_OPERATION_NOT_INITIALIZED,
        "no such process is active",
        |c| c.end(c.list().C_MessageVerifyFinal),
    );
}

fn verification_in_parts(t: &mut Table) {
    t.on("C_VerifyMessageBegin", Stage::User)
        .row(CKR_OPERATION_NOT_INITIALIZED, "no such process is active", verify_begin)
        .row(CKR_OPERATION_ACTIVE, "in the middle of a message in parts", |c| {
            verifying(c);
            verify_begin(c).unwrap();
            verify_begin(c)
        });
    t.on("C_VerifyMessageNext", Stage::User)
        .row(CKR_ARGUMENTS_BAD, "the data is NULL and its length is not 0", |c| {
            verifying(c);
            verify_begin(c).unwrap();
            let list = c.list();
            code!(list.C_VerifyMessageNext, c.handle(), null_mut(), 0, null_mut(), 1, null_mut(), 0)
        })
        .row(CKR_OPERATION_NOT_INITIALIZED, "no message was begun", |c| {
            verifying(c);
            verify_next(c, b"data", b"")
        })
        .row(CKR_DATA_LEN_RANGE, "the data is longer than the mechanism takes", |c| {
            digest_verifying(c);
            verify_begin(c).unwrap();
            verify_next(c, &[0; 129], b"")
        })
        .row(CKR_SIGNATURE_LEN_RANGE, "no signature of this key has that length", |c| {
            verifying(c);
            verify_begin(c).unwrap();
            verify_next(c, b"data", &[0; 255])
        })
        .row(CKR_SIGNATURE_INVALID, "the signature is not the data's", |c| {
            verifying(c);
            verify_begin(c).unwrap();
            verify_next(c, b"data", b"").unwrap();
            verify_next(c, b"", &[0; 256])
        });
}

/// None of these mechanisms has a parameter for each message.
fn parameters(t: &mut Table) {
    const WRONG: &str = "a parameter is given, and the mechanism has none for a message";
    t.on("C_SignMessage", Stage::User).row(CKR_MECHANISM_PARAM_INVALID, WRONG, |c| {
        signing(c);
        let (mut some, mut out, mut len) = ([0_u8; 16], [0_u8; 256], 256);
        let (at, to) = (some.as_mut_ptr(), out.as_mut_ptr());
        code!(c.list().C_SignMessage, c.handle(), at.cast(), 16, at, 4, to, &raw mut len)
    });
    t.on("C_SignMessageBegin", Stage::User).row(CKR_MECHANISM_PARAM_INVALID, WRONG, |c| {
        signing(c);
        let mut some = [0_u8; 16];
        code!(c.list().C_SignMessageBegin, c.handle(), some.as_mut_ptr().cast(), 16)
    });
    t.on("C_SignMessageNext", Stage::User).row(CKR_MECHANISM_PARAM_INVALID, WRONG, |c| {
        signing(c);
        sign_begin(c).unwrap();
        let mut some = [0_u8; 16];
        let at = some.as_mut_ptr();
        code!(c.list().C_SignMessageNext, c.handle(), at.cast(), 16, at, 4, null_mut(), null_mut())
    });
    t.on("C_VerifyMessage", Stage::User).row(CKR_MECHANISM_PARAM_INVALID, WRONG, |c| {
        verifying(c);
        let mut some = [0_u8; 256];
        let at = some.as_mut_ptr();
        code!(c.list().C_VerifyMessage, c.handle(), at.cast(), 16, at, 4, at, 256)
    });
    t.on("C_VerifyMessageBegin", Stage::User).row(CKR_MECHANISM_PARAM_INVALID, WRONG, |c| {
        verifying(c);
        let mut some = [0_u8; 16];
        code!(c.list().C_VerifyMessageBegin, c.handle(), some.as_mut_ptr().cast(), 16)
    });
    t.on("C_VerifyMessageNext", Stage::User).row(CKR_MECHANISM_PARAM_INVALID, WRONG, |c| {
        verifying(c);
        verify_begin(c).unwrap();
        let mut some = [0_u8; 16];
        let at = some.as_mut_ptr();
        code!(c.list().C_VerifyMessageNext, c.handle(), at.cast(), 16, at, 4, null_mut(), 0)
    });
}
