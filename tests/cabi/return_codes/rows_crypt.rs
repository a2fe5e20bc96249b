//! Encryption and decryption (5.8, 5.10).

use super::scene::{Scene, Way, code, pass_rows, take_rows};
use super::{Stage, Table};
use crate::client::*;
use cryptoki_sys::*;
use std::ptr::null_mut;

fn gcm() -> Way {
    Way::Usual(Mechanism::gcm(&[3; 12], b"", 128))
}

fn cbc() -> Way {
    Way::Usual(Mechanism::iv(CKM_AES_CBC, &[0; 16]))
}

fn cbc_pad() -> Way {
    Way::Usual(Mechanism::iv(CKM_AES_CBC_PAD, &[0; 16]))
}

/// A counter of one bit: two blocks and no more.
fn ctr() -> Way {
    Way::Usual(Mechanism::ctr(1, [0; 16]))
}

fn oaep() -> Way {
    Way::Usual(Mechanism::oaep(CKM_SHA256, CKG_MGF1_SHA256, b""))
}

fn encrypting(c: &Scene<'_>, way: &Way) {
    c.init(c.list().C_EncryptInit, way, c.keys.aes).unwrap();
}

fn decrypting(c: &Scene<'_>, way: &Way) {
    c.init(c.list().C_DecryptInit, way, c.keys.aes).unwrap();
}

/// A decryption that waits for a login.
fn asked(c: &Scene<'_>) {
    c.init(c.list().C_DecryptInit, &oaep(), c.keys.rsa_asking.1).unwrap();
}

pub fn rows(t: &mut Table) {
    pass_rows(t, "C_Encrypt", |list| list.C_Encrypt, |c| encrypting(c, &gcm()));
    pass_rows(t, "C_EncryptUpdate", |list| list.C_EncryptUpdate, |c| encrypting(c, &gcm()));
    take_rows(t, "C_EncryptFinal", |list| list.C_EncryptFinal, |c| encrypting(c, &gcm()));
    pass_rows(t, "C_Decrypt", |list| list.C_Decrypt, |c| decrypting(c, &gcm()));
    pass_rows(t, "C_DecryptUpdate", |list| list.C_DecryptUpdate, |c| decrypting(c, &cbc()));
    take_rows(t, "C_DecryptFinal", |list| list.C_DecryptFinal, |c| decrypting(c, &gcm()));
    encryption(t);
    decryption(t);
    decryption_in_parts(t);
}

fn encryption(t: &mut Table) {
    t.on("C_Encrypt", Stage::User)
        .row(CKR_OPERATION_ACTIVE, "after C_EncryptUpdate", |c| {
            encrypting(c, &gcm());
            c.pass(c.list().C_EncryptUpdate, &[0; 16], 64).unwrap();
            c.pass(c.list().C_Encrypt, &[0; 16], 64)
        })
        .row(
            CKR_DATA_LEN_RANGE,
            "the data is not made of whole blocks, and the mechanism does not pad",
            |c| {
                encrypting(c, &cbc());
                c.pass(c.list().C_Encrypt, &[0; 17], 64)
            },
        )
        .row(CKR_DATA_LEN_RANGE, "the data is longer than the key can encrypt", |c| {
            c.init(c.list().C_EncryptInit, &oaep(), c.keys.rsa_cipher.0).unwrap();
            c.pass(c.list().C_Encrypt, &[0; 191], 512)
        })
        .row(CKR_BUFFER_TOO_SMALL, "the room is too small for the result", |c| {
            encrypting(c, &gcm());
            c.pass(c.list().C_Encrypt, &[0; 16], 31)
        })
        .row(CKR_OPERATION_NOT_INITIALIZED, "after an error: it has ended the operation", |c| {
            encrypting(c, &cbc());
            c.pass(c.list().C_Encrypt, &[0; 17], 64).unwrap_err();
            c.pass(c.list().C_Encrypt, &[0; 16], 64)
        });
    t.on("C_EncryptUpdate", Stage::User)
        .row(CKR_DATA_LEN_RANGE, "the counter would repeat", |c| {
            encrypting(c, &ctr());
            c.pass(c.list().C_EncryptUpdate, &[0; 33], 64)
        })
        .row(CKR_BUFFER_TOO_SMALL, "the room is too small for the result", |c| {
            encrypting(c, &gcm());
            c.pass(c.list().C_EncryptUpdate, &[0; 16], 15)
        });
    t.on("C_EncryptFinal", Stage::User)
        .row(
            CKR_DATA_LEN_RANGE,
            "the data was not made of whole blocks, and the mechanism does not pad",
            |c| {
                encrypting(c, &cbc());
                c.pass(c.list().C_EncryptUpdate, &[0; 17], 64).unwrap();
                c.take(c.list().C_EncryptFinal, 64)
            },
        )
        .row(CKR_BUFFER_TOO_SMALL, "the room is too small for the result", |c| {
            encrypting(c, &gcm());
            c.take(c.list().C_EncryptFinal, 15)
        });
}

fn decryption(t: &mut Table) {
    t.on("C_Decrypt", Stage::User)
        .row(CKR_USER_NOT_LOGGED_IN, "the key's CKA_ALWAYS_AUTHENTICATE is true and no login came", |c| {
            asked(c);
            c.pass(c.list().C_Decrypt, &[0; 256], 256)
        })
        .row(CKR_OPERATION_ACTIVE, "after C_DecryptUpdate", |c| {
            decrypting(c, &cbc());
            c.pass(c.list().C_DecryptUpdate, &[0; 16], 64).unwrap();
            c.pass(c.list().C_Decrypt, &[0; 16], 64)
        })
        .row(CKR_ENCRYPTED_DATA_LEN_RANGE, "the ciphertext is not made of whole blocks", |c| {
            decrypting(c, &cbc_pad());
            c.pass(c.list().C_Decrypt, &[0; 17], 64)
        })
        .row(CKR_ENCRYPTED_DATA_LEN_RANGE, "the ciphertext is not as long as the modulus", |c| {
            c.init(c.list().C_DecryptInit, &oaep(), c.keys.rsa_cipher.1).unwrap();
            c.pass(c.list().C_Decrypt, &[0; 255], 256)
        })
        .row(CKR_ENCRYPTED_DATA_LEN_RANGE, "the ciphertext is shorter than its tag", |c| {
            decrypting(c, &gcm());
            c.pass(c.list().C_Decrypt, &[0; 15], 64)
        })
        .row(CKR_ENCRYPTED_DATA_INVALID, "the padding is wrong", |c| {
            decrypting(c, &cbc_pad());
            c.pass(c.list().C_Decrypt, &[0; 16], 64)
        })
        .row(CKR_ENCRYPTED_DATA_INVALID, "the tag is wrong", |c| {
            decrypting(c, &gcm());
            c.pass(c.list().C_Decrypt, &[0; 32], 64)
        })
        .row(CKR_ENCRYPTED_DATA_INVALID, "the ciphertext of RSA-OAEP is wrong", |c| {
            c.init(c.list().C_DecryptInit, &oaep(), c.keys.rsa_cipher.1).unwrap();
            c.pass(c.list().C_Decrypt, &[0; 256], 256)
        })
        .row(CKR_BUFFER_TOO_SMALL, "the room is too small for the result", |c| {
            decrypting(c, &cbc());
            c.pass(c.list().C_Decrypt, &[0; 16], 15)
        });
}

fn decryption_in_parts(t: &mut Table) {
    t.on("C_DecryptUpdate", Stage::User)
        .row(CKR_USER_NOT_LOGGED_IN, "the key's CKA_ALWAYS_AUTHENTICATE is true and no login came", |c| {
            asked(c);
            c.pass(c.list().C_DecryptUpdate, &[0; 16], 64)
        })
        .row(CKR_OPERATION_ACTIVE, "a result of C_Decrypt waits for more room", |c| {
            let text =
                c.session.encrypt(&Mechanism::iv(CKM_AES_CBC_PAD, &[0; 16]), c.keys.aes, &[1; 20]).unwrap();
            decrypting(c, &cbc_pad());
            assert_eq!(c.pass(c.list().C_Decrypt, &text, 1), Err(Rv(CKR_BUFFER_TOO_SMALL)));
            c.pass(c.list().C_DecryptUpdate, &text, 64)
        })
        .row(CKR_ENCRYPTED_DATA_LEN_RANGE, "the counter would repeat", |c| {
            decrypting(c, &ctr());
            c.pass(c.list().C_DecryptUpdate, &[0; 33], 64)
        })
        .row(CKR_BUFFER_TOO_SMALL, "the room is too small for the result", |c| {
            decrypting(c, &cbc());
            c.pass(c.list().C_DecryptUpdate, &[0; 16], 15)
        });
    t.on("C_DecryptFinal", Stage::User)
        .row(CKR_USER_NOT_LOGGED_IN, "the key's CKA_ALWAYS_AUTHENTICATE is true and no login came", |c| {
            asked(c);
            c.take(c.list().C_DecryptFinal, 256)
        })
        .row(CKR_OPERATION_ACTIVE, "a result of C_Decrypt waits for more room", |c| {
            let text =
                c.session.encrypt(&Mechanism::iv(CKM_AES_CBC_PAD, &[0; 16]), c.keys.aes, &[1; 20]).unwrap();
            decrypting(c, &cbc_pad());
            assert_eq!(c.pass(c.list().C_Decrypt, &text, 1), Err(Rv(CKR_BUFFER_TOO_SMALL)));
            c.take(c.list().C_DecryptFinal, 64)
        })
        .row(CKR_ENCRYPTED_DATA_LEN_RANGE, "the ciphertext was not made of whole blocks", |c| {
            decrypting(c, &cbc());
            c.pass(c.list().C_DecryptUpdate, &[0; 17], 64).unwrap();
            c.take(c.list().C_DecryptFinal, 64)
        })
        .row(CKR_ENCRYPTED_DATA_INVALID, "the padding is wrong", |c| {
            decrypting(c, &cbc_pad());
            c.pass(c.list().C_DecryptUpdate, &[0; 16], 64).unwrap();
            c.take(c.list().C_DecryptFinal, 64)
        })
        .row(CKR_ENCRYPTED_DATA_INVALID, "the tag is wrong", |c| {
            decrypting(c, &gcm());
            c.pass(c.list().C_DecryptUpdate, &[0; 32], 64).unwrap();
            c.take(c.list().C_DecryptFinal, 64)
        })
        .row(CKR_BUFFER_TOO_SMALL, "the room is too small for the result", |c| {
            let mut text =
                c.session.encrypt(&Mechanism::gcm(&[3; 12], b"", 128), c.keys.aes, &[1; 20]).unwrap();
            decrypting(c, &gcm());
            let (at, len) = (text.as_mut_ptr(), text.len() as CK_ULONG);
            let mut out = 0;
            code!(c.list().C_DecryptUpdate, c.handle(), at, len, null_mut(), &raw mut out).unwrap();
            c.pass(c.list().C_DecryptUpdate, &text, 64).unwrap();
            c.take(c.list().C_DecryptFinal, 1)
        });
}
