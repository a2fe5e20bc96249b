//! Operations whose key is suspended, compromised or destroyed while they run.

use super::scene::Scene;
use super::{Stage, Table};
use crate::client::*;
use cryptoki_sys::*;

const GCM: fn() -> Mechanism = || Mechanism::gcm(&[3; 12], b"", 128);
const HMAC: fn() -> Mechanism = || Mechanism::plain(CKM_SHA256_HMAC);

type Continue = fn(&Scene<'_>) -> Answer<()>;

/// A fresh AES key.
fn aes(c: &Scene<'_>) -> Key {
    c.session.aes(Template::new().uses(&[CKA_ENCRYPT, CKA_DECRYPT])).unwrap()
}

/// A fresh key for MACs.
fn secret(c: &Scene<'_>) -> Key {
    let template = Template::new().class(CKO_SECRET_KEY).ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET);
    c.session.create(&template.bytes(CKA_VALUE, &[7; 32]).uses(&[CKA_SIGN, CKA_VERIFY])).unwrap()
}

fn rows_of(t: &mut Table, begin: fn(&Scene<'_>) -> Key, functions: [(&'static str, Continue); 3]) {
    for (name, go_on) in functions {
        t.on(name, Stage::User)
            .row(
                CKR_KEY_FUNCTION_NOT_PERMITTED,
                "the key was suspended since the operation began",
                move |c| {
                    let key = begin(c);
                    c.session.set_state(key, SUSPENDED).unwrap();
                    go_on(c)
                },
            )
            .row(
                CKR_KEY_FUNCTION_NOT_PERMITTED,
                "the key was destroyed since the operation began",
                move |c| {
                    let key = begin(c);
                    c.session.destroy(key).unwrap();
                    go_on(c)
                },
            );
    }
}

pub fn rows(t: &mut Table) {
    fn encrypting(c: &Scene<'_>) -> Key {
        let key = aes(c);
        c.session.encrypt_init(&GCM(), key).unwrap();
        key
    }
    fn decrypting(c: &Scene<'_>) -> Key {
        let key = aes(c);
        c.session.decrypt_init(&GCM(), key).unwrap();
        key
    }
    fn signing(c: &Scene<'_>) -> Key {
        let key = secret(c);
        c.session.sign_init(&HMAC(), key).unwrap();
        key
    }
    fn verifying(c: &Scene<'_>) -> Key {
        let key = secret(c);
        c.session.verify_init(&HMAC(), key).unwrap();
        key
    }
    rows_of(
        t,
        encrypting,
        [
            ("C_Encrypt", |c| c.pass(c.list().C_Encrypt, &[0; 16], 64)),
            ("C_EncryptUpdate", |c| c.pass(c.list().C_EncryptUpdate, &[0; 16], 64)),
            ("C_EncryptFinal", |c| c.take(c.list().C_EncryptFinal, 64)),
        ],
    );
    rows_of(
        t,
        decrypting,
        [
            ("C_Decrypt", |c| c.pass(c.list().C_Decrypt, &[0; 32], 64)),
            ("C_DecryptUpdate", |c| c.pass(c.list().C_DecryptUpdate, &[0; 32], 64)),
            ("C_DecryptFinal", |c| c.take(c.list().C_DecryptFinal, 64)),
        ],
    );
    rows_of(
        t,
        signing,
        [
            ("C_Sign", |c| c.pass(c.list().C_Sign, b"data", 64)),
            ("C_SignUpdate", |c| c.give(c.list().C_SignUpdate, b"data")),
            ("C_SignFinal", |c| c.take(c.list().C_SignFinal, 64)),
        ],
    );
    rows_of(
        t,
        verifying,
        [
            ("C_Verify", |c| c.compare(c.list().C_Verify, b"data", &[0; 32])),
            ("C_VerifyUpdate", |c| c.give(c.list().C_VerifyUpdate, b"data")),
            ("C_VerifyFinal", |c| c.give(c.list().C_VerifyFinal, &[0; 32])),
        ],
    );
}
