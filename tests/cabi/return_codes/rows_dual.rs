//! Two operations at once (5.17).

use super::scene::{List, Pass, Scene, Way, pass_rows};
use super::{Stage, Table};
use crate::client::*;
use cryptoki_sys::*;

fn cbc() -> Way {
    Way::Usual(Mechanism::iv(CKM_AES_CBC, &[0; 16]))
}

/// A counter of one bit: two blocks and no more.
fn ctr() -> Way {
    Way::Usual(Mechanism::ctr(1, [0; 16]))
}

fn encrypting(c: &Scene<'_>, way: &Way) {
    c.init(c.list().C_EncryptInit, way, c.keys.aes).unwrap();
}

fn decrypting(c: &Scene<'_>, way: &Way) {
    c.init(c.list().C_DecryptInit, way, c.keys.aes).unwrap();
}

fn digesting(c: &Scene<'_>) {
    c.session.digest_init(&Mechanism::plain(CKM_SHA256)).unwrap();
}

fn signing(c: &Scene<'_>) {
    c.session.sign_init(&Mechanism::plain(CKM_SHA256_HMAC), c.keys.hmac).unwrap();
}

fn verifying(c: &Scene<'_>, ckm: CK_MECHANISM_TYPE) {
    let key = if ckm == CKM_ECDSA { c.keys.ec.0 } else { c.keys.hmac };
    c.session.verify_init(&Mechanism::plain(ckm), key).unwrap();
}

type Begin = fn(&Scene<'_>, &Way);

pub fn rows(t: &mut Table) {
    let digest: fn(&Scene<'_>) = digesting;
    pass_rows(
        t,
        "C_DigestEncryptUpdate",
        |list| list.C_DigestEncryptUpdate,
        |c| {
            digesting(c);
            encrypting(c, &cbc());
        },
    );
    both(t, "C_DigestEncryptUpdate", |list| list.C_DigestEncryptUpdate, encrypting, digest);
    pass_rows(
        t,
        "C_DecryptDigestUpdate",
        |list| list.C_DecryptDigestUpdate,
        |c| {
            digesting(c);
            decrypting(c, &cbc());
        },
    );
    both(t, "C_DecryptDigestUpdate", |list| list.C_DecryptDigestUpdate, decrypting, digest);
    pass_rows(
        t,
        "C_SignEncryptUpdate",
        |list| list.C_SignEncryptUpdate,
        |c| {
            signing(c);
            encrypting(c, &cbc());
        },
    );
    both(t, "C_SignEncryptUpdate", |list| list.C_SignEncryptUpdate, encrypting, signing);
    pass_rows(
        t,
        "C_DecryptVerifyUpdate",
        |list| list.C_DecryptVerifyUpdate,
        |c| {
            verifying(c, CKM_SHA256_HMAC);
            decrypting(c, &cbc());
        },
    );
    both(
        t,
        "C_DecryptVerifyUpdate",
        |list| list.C_DecryptVerifyUpdate,
        decrypting,
        |c| {
            verifying(c, CKM_SHA256_HMAC);
        },
    );
    own(t);
}

fn both(
    t: &mut Table,
    name: &'static str,
    function: fn(&List) -> Pass,
    cipher: Begin,
    other: fn(&Scene<'_>),
) {
    let too_long =
        if name.starts_with("C_Decrypt") { CKR_ENCRYPTED_DATA_LEN_RANGE } else { CKR_DATA_LEN_RANGE };
    t.on(name, Stage::User)
        .row(CKR_OPERATION_NOT_INITIALIZED, "only the encryption or decryption is active", move |c| {
            cipher(c, &cbc());
            c.pass(function(c.list()), &[0; 16], 64)
        })
        .row(CKR_OPERATION_NOT_INITIALIZED, "only the other operation is active", move |c| {
            other(c);
            c.pass(function(c.list()), &[0; 16], 64)
        })
        .row(too_long, "the counter would repeat", move |c| {
            other(c);
            cipher(c, &ctr());
            c.pass(function(c.list()), &[0; 33], 64)
        })
        .row(CKR_BUFFER_TOO_SMALL, "the room is too small for the result", move |c| {
            other(c);
            cipher(c, &cbc());
            c.pass(function(c.list()), &[0; 16], 15)
        });
}

fn own(t: &mut Table) {
    t.on("C_SignEncryptUpdate", Stage::User).row(
        CKR_USER_NOT_LOGGED_IN,
        "the key's CKA_ALWAYS_AUTHENTICATE is true and no login came",
        |c| {
            c.session.sign_init(&Mechanism::plain(CKM_ECDSA_SHA256), c.keys.ec_asking).unwrap();
            encrypting(c, &cbc());
            c.pass(c.list().C_SignEncryptUpdate, &[0; 16], 64)
        },
    );
    t.on("C_DecryptVerifyUpdate", Stage::User).row(
        CKR_DATA_LEN_RANGE,
        "the recovered data is longer than the verification takes",
        |c| {
            verifying(c, CKM_ECDSA);
            decrypting(c, &cbc());
            c.pass(c.list().C_DecryptVerifyUpdate, &[0; 144], 256)
        },
    );
}
