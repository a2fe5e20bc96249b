//! Verification of a signature that comes first (5.15.7 to 5.15.10).

use super::scene::{Scene, Way, code, give_rows};
use super::{Stage, Table};
use crate::client::*;
use cryptoki_sys::*;
use std::ptr::null_mut;

fn init(c: &Scene<'_>, way: &Way, key: Key, signature: &[u8]) -> Answer<()> {
    let (mut signature, len) = bytes(signature);
    let at = signature.as_mut_ptr();
    way.with(|mechanism| code!(c.list().C_VerifySignatureInit, c.handle(), mechanism, key, at, len))
}

fn rsa() -> Way {
    Way::plain(CKM_SHA256_RSA_PKCS)
}

fn ecdsa(c: &Scene<'_>) {
    init(c, &Way::plain(CKM_ECDSA), c.keys.ec.0, &[0; 64]).unwrap();
}

fn verifying(c: &Scene<'_>) {
    init(c, &rsa(), c.keys.rsa.0, &[0; 256]).unwrap();
}

/// Where the length of a signature is judged is not said: at the beginning, or at the end.
fn short(c: &Scene<'_>, end: impl FnOnce() -> Answer<()>) -> Answer<()> {
    init(c, &rsa(), c.keys.rsa.0, &[0; 255])?;
    end()
}

pub fn rows(t: &mut Table) {
    give_rows(t, "C_VerifySignature", |list| list.C_VerifySignature, verifying);
    give_rows(t, "C_VerifySignatureUpdate", |list| list.C_VerifySignatureUpdate, verifying);
    beginning(t);
    t.on("C_VerifySignature", Stage::User)
        .row(CKR_OPERATION_ACTIVE, "after C_VerifySignatureUpdate", |c| {
            verifying(c);
            c.give(c.list().C_VerifySignatureUpdate, b"data").unwrap();
            c.give(c.list().C_VerifySignature, b"data")
        })
        .row(CKR_DATA_LEN_RANGE, "the data is longer than the mechanism takes", |c| {
            ecdsa(c);
            c.give(c.list().C_VerifySignature, &[0; 129])
        })
        .row(
            CKR_SIGNATURE_LEN_RANGE,
            "no signature of this key has the length of the one that was given",
            |c| short(c, || c.give(c.list().C_VerifySignature, b"data")),
        )
        .row(CKR_SIGNATURE_INVALID, "the signature is not the data's", |c| {
            verifying(c);
            c.give(c.list().C_VerifySignature, b"data")
        });
    t.on("C_VerifySignatureUpdate", Stage::User).row(
        CKR_DATA_LEN_RANGE,
        "the data is longer than the mechanism takes",
        |c| {
            ecdsa(c);
            c.give(c.list().C_VerifySignatureUpdate, &[0; 129])
        },
    );
    t.on("C_VerifySignatureFinal", Stage::User)
        .row(CKR_OPERATION_NOT_INITIALIZED, "no such operation is active", |c| {
            c.end(c.list().C_VerifySignatureFinal)
        })
        .row(CKR_DATA_LEN_RANGE, "CKM_ECDSA without any data", |c| {
            ecdsa(c);
            c.end(c.list().C_VerifySignatureFinal)
        })
        .row(
            CKR_SIGNATURE_LEN_RANGE,
            "no signature of this key has the length of the one that was given",
            |c| short(c, || c.end(c.list().C_VerifySignatureFinal)),
        )
        .row(CKR_SIGNATURE_INVALID, "the signature is not the data's", |c| {
            verifying(c);
            c.give(c.list().C_VerifySignatureUpdate, b"data").unwrap();
            c.end(c.list().C_VerifySignatureFinal)
        });
}

fn beginning(t: &mut Table) {
    t.on("C_VerifySignatureInit", Stage::User)
        .row(CKR_OK, "pMechanism is NULL: an active operation ends", |c| {
            verifying(c);
            code!(c.list().C_VerifySignatureInit, c.handle(), null_mut(), 0, null_mut(), 0).unwrap();
            init(c, &rsa(), c.keys.rsa.0, &[0; 256])
        })
        .row(CKR_ARGUMENTS_BAD, "the signature is NULL and its length is not 0", |c| {
            rsa().with(|way| {
                code!(c.list().C_VerifySignatureInit, c.handle(), way, c.keys.rsa.0, null_mut(), 256)
            })
        })
        .row(CKR_OPERATION_ACTIVE, "such an operation is active", |c| {
            verifying(c);
            init(c, &rsa(), c.keys.rsa.0, &[0; 256])
        })
        .row(CKR_MECHANISM_INVALID, "there is no such mechanism", |c| {
            init(c, &Way::plain(0x7FFF_FFFF), c.keys.rsa.0, &[0; 256])
        })
        .row(CKR_MECHANISM_INVALID, "the mechanism is for other functions", |c| {
            init(c, &Way::plain(CKM_SHA256), c.keys.rsa.0, &[0; 256])
        })
        .row(CKR_MECHANISM_PARAM_INVALID, "the mechanism does not take the parameter", |c| {
            let wrong = Way::Usual(Mechanism::iv(CKM_SHA256_RSA_PKCS, &[0; 16]));
            init(c, &wrong, c.keys.rsa.0, &[0; 256])
        })
        .row(CKR_KEY_HANDLE_INVALID, "there is no such object", |c| init(c, &rsa(), 0, &[0; 256]))
        .row(CKR_KEY_HANDLE_INVALID, "the object is no key", |c| init(c, &rsa(), c.keys.data, &[0; 256]))
        .row(CKR_KEY_TYPE_INCONSISTENT, "the mechanism does not work with keys of this type", |c| {
            init(c, &rsa(), c.keys.ec.0, &[0; 256])
        })
        .row(CKR_KEY_TYPE_INCONSISTENT, "neither type nor usage attribute of the key are right", |c| {
            init(c, &rsa(), c.keys.aes, &[0; 256])
        })
        .row(CKR_KEY_FUNCTION_NOT_PERMITTED, "the key's usage attribute is false", |c| {
            init(c, &rsa(), c.keys.rsa_cipher.0, &[0; 256])
        });
}
