//! Verification (5.15).

use super::scene::{Scene, Way, code, give_rows};
use super::{Stage, Table};
use crate::client::*;
use cryptoki_sys::*;
use std::ptr::null_mut;

fn verifying(c: &Scene<'_>) {
    c.init(c.list().C_VerifyInit, &Way::plain(CKM_SHA256_RSA_PKCS), c.keys.rsa.0).unwrap();
}

fn digest_verifying(c: &Scene<'_>) {
    c.init(c.list().C_VerifyInit, &Way::plain(CKM_ECDSA), c.keys.ec.0).unwrap();
}

pub fn rows(t: &mut Table) {
    give_rows(t, "C_VerifyUpdate", |list| list.C_VerifyUpdate, verifying);
    give_rows(t, "C_VerifyFinal", |list| list.C_VerifyFinal, verifying);
    t.on("C_Verify", Stage::User)
        .row(CKR_ARGUMENTS_BAD, "the data or the signature is NULL and its length is not 0", |c| {
            let mut some = [0_u8; 256];
            verifying(c);
            let no_data = code!(c.list().C_Verify, c.handle(), null_mut(), 1, some.as_mut_ptr(), 256);
            assert_eq!(no_data, Err(Rv(CKR_ARGUMENTS_BAD)));
            let _ = c.init(c.list().C_VerifyInit, &Way::plain(CKM_SHA256_RSA_PKCS), c.keys.rsa.0);
            code!(c.list().C_Verify, c.handle(), some.as_mut_ptr(), 1, null_mut(), 256)
        })
        .row(CKR_OPERATION_NOT_INITIALIZED, "no such operation is active", |c| {
            c.compare(c.list().C_Verify, b"data", &[0; 256])
        })
        .row(CKR_OPERATION_ACTIVE, "after C_VerifyUpdate", |c| {
            verifying(c);
            c.give(c.list().C_VerifyUpdate, b"data").unwrap();
            c.compare(c.list().C_Verify, b"data", &[0; 256])
        })
        .row(CKR_DATA_LEN_RANGE, "the data is longer than the mechanism takes", |c| {
            digest_verifying(c);
            c.compare(c.list().C_Verify, &[0; 129], &[0; 64])
        })
        .row(CKR_SIGNATURE_LEN_RANGE, "no signature of this key has that length", |c| {
            verifying(c);
            c.compare(c.list().C_Verify, b"data", &[0; 255])
        })
        .row(CKR_SIGNATURE_INVALID, "the signature is not the data's", |c| {
            verifying(c);
            c.compare(c.list().C_Verify, b"data", &[0; 256])
        });
    t.on("C_VerifyUpdate", Stage::User).row(
        CKR_DATA_LEN_RANGE,
        "the data is longer than the mechanism takes",
        |c| {
            digest_verifying(c);
            c.give(c.list().C_VerifyUpdate, &[0; 129])
        },
    );
    t.on("C_VerifyFinal", Stage::User)
        .row(CKR_DATA_LEN_RANGE, "CKM_ECDSA without any data", |c| {
            digest_verifying(c);
            c.give(c.list().C_VerifyFinal, &[0; 64])
        })
        .row(CKR_SIGNATURE_LEN_RANGE, "no signature of this key has that length", |c| {
            verifying(c);
            c.give(c.list().C_VerifyUpdate, b"data").unwrap();
            c.give(c.list().C_VerifyFinal, &[0; 255])
        })
        .row(CKR_SIGNATURE_INVALID, "the signature is not the data's", |c| {
            verifying(c);
            c.give(c.list().C_VerifyUpdate, b"data").unwrap();
            c.give(c.list().C_VerifyFinal, &[0; 256])
        });
}
