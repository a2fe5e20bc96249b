//! The functions that begin an operation with a key (5.8 to 5.16).

use super::scene::{Init, Keys, List, Way};
use super::{Stage, Table};
use crate::client::*;
use cryptoki_sys::*;

/// One of these functions, with what is right for it and what is wrong.
struct Case {
    name: &'static str,
    init: fn(&List) -> Init,
    right: fn() -> Way,
    key: fn(&Keys) -> Key,
    /// A mechanism that the token has for other functions.
    foreign: fn() -> Way,
    /// The mechanism with a parameter that it does not take.
    wrong_parameter: fn() -> Way,
    /// A key of another type that may do this.
    wrong_type: fn(&Keys) -> Key,
    /// A key of another type that may not.
    wrong_type_and_use: fn(&Keys) -> Key,
    /// A key of the type that may not.
    wrong_use: fn(&Keys) -> Key,
    /// Whether NULL for the mechanism cancels the operation.
    cancels: bool,
}

fn gcm() -> Way {
    Way::Usual(Mechanism::gcm(&[3; 12], b"", 128))
}

fn wrong_gcm() -> Way {
    Way::Usual(Mechanism::gcm(&[3; 12], b"", 7))
}

fn rsa() -> Way {
    Way::plain(CKM_SHA256_RSA_PKCS)
}

fn wrong_rsa() -> Way {
    Way::Usual(Mechanism::iv(CKM_SHA256_RSA_PKCS, &[0; 16]))
}

fn digest() -> Way {
    Way::plain(CKM_SHA256)
}

const ENCRYPT: Case = Case {
    name: "C_EncryptInit",
    init: |list| list.C_EncryptInit,
    right: gcm,
    key: |keys| keys.aes,
    foreign: rsa,
    wrong_parameter: wrong_gcm,
    wrong_type: |keys| keys.rsa_cipher.0,
    wrong_type_and_use: |keys| keys.hmac,
    wrong_use: |keys| keys.aes_wrap,
    cancels: true,
};

const SIGN: Case = Case {
    name: "C_SignInit",
    init: |list| list.C_SignInit,
    right: rsa,
    key: |keys| keys.rsa.1,
    foreign: gcm,
    wrong_parameter: wrong_rsa,
    wrong_type: |keys| keys.ec.1,
    wrong_type_and_use: |keys| keys.aes,
    wrong_use: |keys| keys.rsa_cipher.1,
    cancels: true,
};

const VERIFY: Case = Case {
    name: "C_VerifyInit",
    init: |list| list.C_VerifyInit,
    key: |keys| keys.rsa.0,
    wrong_type: |keys| keys.ec.0,
    wrong_use: |keys| keys.rsa_cipher.0,
    ..SIGN
};

const CASES: &[Case] = &[
    ENCRYPT,
    Case {
        name: "C_DecryptInit",
        init: |list| list.C_DecryptInit,
        wrong_type: |keys| keys.rsa_cipher.1,
        ..ENCRYPT
    },
    Case {
        name: "C_MessageEncryptInit",
        init: |list| list.C_MessageEncryptInit,
        right: || Way::Message(12, 128),
        wrong_parameter: || Way::Usual(Mechanism::iv(CKM_AES_GCM, &[0; 3])),
        ..ENCRYPT
    },
    Case {
        name: "C_MessageDecryptInit",
        init: |list| list.C_MessageDecryptInit,
        right: || Way::Message(12, 128),
        wrong_parameter: || Way::Usual(Mechanism::iv(CKM_AES_GCM, &[0; 3])),
        wrong_type: |keys| keys.rsa_cipher.1,
        cancels: false,
        ..ENCRYPT
    },
    SIGN,
    Case { name: "C_MessageSignInit", init: |list| list.C_MessageSignInit, cancels: false, ..SIGN },
    Case {
        name: "C_SignRecoverInit",
        init: |list| list.C_SignRecoverInit,
        right: || Way::plain(CKM_RSA_PKCS),
        key: |keys| keys.rsa_recover.1,
        wrong_parameter: || Way::Usual(Mechanism::iv(CKM_RSA_PKCS, &[0; 16])),
        foreign: rsa,
        ..SIGN
    },
    VERIFY,
    Case { name: "C_MessageVerifyInit", init: |list| list.C_MessageVerifyInit, cancels: false, ..VERIFY },
    Case {
        name: "C_VerifyRecoverInit",
        init: |list| list.C_VerifyRecoverInit,
        right: || Way::plain(CKM_RSA_PKCS),
        key: |keys| keys.rsa_recover.0,
        wrong_parameter: || Way::Usual(Mechanism::iv(CKM_RSA_PKCS, &[0; 16])),
        foreign: rsa,
        ..VERIFY
    },
];

pub fn rows(t: &mut Table) {
    for case in CASES {
        common(t, case);
    }
    sizes(t);
    digesting(t);
    policy(t);
}

fn common(t: &mut Table, case: &'static Case) {
    let Case { name, init, right, key, foreign, wrong_parameter, .. } = case;
    if case.cancels {
        t.on(name, Stage::User).row(CKR_OK, "pMechanism is NULL: an active operation ends", move |c| {
            c.init(init(c.list()), &right(), key(&c.keys)).unwrap();
            super::scene::cancel(c, init(c.list())).unwrap();
            c.init(init(c.list()), &right(), key(&c.keys))
        });
    }
    t.on(name, Stage::User)
        .row(CKR_OPERATION_ACTIVE, "such an operation is active", move |c| {
            c.init(init(c.list()), &right(), key(&c.keys)).unwrap();
            c.init(init(c.list()), &right(), key(&c.keys))
        })
        .row(CKR_MECHANISM_INVALID, "there is no such mechanism", move |c| {
            c.init(init(c.list()), &Way::plain(0x7FFF_FFFF), key(&c.keys))
        })
        .row(CKR_MECHANISM_INVALID, "the mechanism is for other functions", move |c| {
            c.init(init(c.list()), &digest(), key(&c.keys)).unwrap_err();
            c.init(init(c.list()), &foreign(), key(&c.keys))
        })
        .row(CKR_MECHANISM_PARAM_INVALID, "the mechanism does not take the parameter", move |c| {
            c.init(init(c.list()), &wrong_parameter(), key(&c.keys))
        })
        .row(CKR_KEY_HANDLE_INVALID, "there is no such object", move |c| c.init(init(c.list()), &right(), 0))
        .row(CKR_KEY_HANDLE_INVALID, "the object is no key", move |c| {
            c.init(init(c.list()), &right(), c.keys.data)
        })
        .row(CKR_KEY_TYPE_INCONSISTENT, "the mechanism does not work with keys of this type", move |c| {
            c.init(init(c.list()), &right(), (case.wrong_type)(&c.keys))
        })
        .row(CKR_KEY_TYPE_INCONSISTENT, "neither type nor usage attribute of the key are right", move |c| {
            c.init(init(c.list()), &right(), (case.wrong_type_and_use)(&c.keys))
        })
        .row(CKR_KEY_FUNCTION_NOT_PERMITTED, "the key's usage attribute is false", move |c| {
            c.init(init(c.list()), &right(), (case.wrong_use)(&c.keys))
        });
    t.on(name, Stage::Nobody).row(
        CKR_KEY_HANDLE_INVALID,
        "the key is private and the user has logged out",
        move |c| c.init(init(c.list()), &right(), c.keys.aes),
    );
}

/// Keys that are too small to protect anything new, though they came in to process what is old.
fn sizes(t: &mut Table) {
    t.on("C_EncryptInit", Stage::User).row(CKR_KEY_SIZE_RANGE, "the key is too short for the policy", |c| {
        let oaep = Way::Usual(Mechanism::oaep(CKM_SHA256, CKG_MGF1_SHA256, b""));
        c.init(c.list().C_EncryptInit, &oaep, c.keys.rsa_weak)
    });
    let hmac = || Way::plain(CKM_SHA256_HMAC);
    t.on("C_SignInit", Stage::User).row(
        CKR_KEY_SIZE_RANGE,
        "the key is too short for the policy",
        move |c| c.init(c.list().C_SignInit, &hmac(), c.keys.hmac_weak),
    );
    t.on("C_MessageSignInit", Stage::User).row(
        CKR_KEY_SIZE_RANGE,
        "the key is too short for the policy",
        move |c| c.init(c.list().C_MessageSignInit, &hmac(), c.keys.hmac_weak),
    );
}

/// What the policy of a new token refuses.
fn policy(t: &mut Table) {
    t.on("C_SignInit", Stage::User)
        .row(CKR_MECHANISM_INVALID, "the policy does not allow the mechanism for what is new", |c| {
            c.init(c.list().C_SignInit, &Way::plain(CKM_SHA1_RSA_PKCS), c.keys.rsa.1)
        })
        .row(CKR_MECHANISM_INVALID, "the mechanism is not among the key's CKA_ALLOWED_MECHANISMS", |c| {
            let allowed = CKM_ECDSA_SHA384.to_ne_bytes();
            let private = Template::new().uses(&[CKA_SIGN]).bytes(CKA_ALLOWED_MECHANISMS, &allowed);
            let (_, key) = c.session.p256(Template::new(), private).unwrap();
            c.init(c.list().C_SignInit, &Way::plain(CKM_ECDSA_SHA256), key)
        })
        .row(CKR_KEY_FUNCTION_NOT_PERMITTED, "the key is deactivated, suspended or compromised", |c| {
            let (_, key) = c.session.p256(Template::new(), Template::new().uses(&[CKA_SIGN])).unwrap();
            c.session.set_state(key, DEACTIVATED).unwrap();
            c.init(c.list().C_SignInit, &Way::plain(CKM_ECDSA_SHA256), key)
        });
    t.on("C_EncryptInit", Stage::User).row(
        CKR_KEY_FUNCTION_NOT_PERMITTED,
        "the period in which the key protects has not begun or is over",
        |c| {
            let ended = Template::new().uses(&[CKA_ENCRYPT]).bytes(CKA_END_DATE, b"20200101");
            let key = c.session.aes(ended).unwrap();
            c.init(c.list().C_EncryptInit, &gcm(), key)
        },
    );
    t.on("C_DecryptInit", Stage::User).row(
        CKR_KEY_FUNCTION_NOT_PERMITTED,
        "the key was used for another purpose before",
        |c| {
            let uses = Template::new().uses(&[CKA_SIGN, CKA_DECRYPT]);
            let (_, key) = c.session.rsa(Template::new().uses(&[CKA_VERIFY, CKA_ENCRYPT]), uses).unwrap();
            c.session.sign(&Mechanism::plain(CKM_SHA256_RSA_PKCS), key, b"data").unwrap();
            let oaep = Way::Usual(Mechanism::oaep(CKM_SHA256, CKG_MGF1_SHA256, b""));
            c.init(c.list().C_DecryptInit, &oaep, key)
        },
    );
}

fn digesting(t: &mut Table) {
    t.on("C_DigestInit", Stage::Nobody)
        .row(CKR_OK, "pMechanism is NULL: an active operation ends", |c| {
            c.session.digest_init(&Mechanism::plain(CKM_SHA256)).unwrap();
            let function = c.list().C_DigestInit;
            super::scene::code!(function, c.handle(), std::ptr::null_mut()).unwrap();
            c.session.digest_init(&Mechanism::plain(CKM_SHA256))
        })
        .row(CKR_OPERATION_ACTIVE, "such an operation is active", |c| {
            c.session.digest_init(&Mechanism::plain(CKM_SHA256)).unwrap();
            c.session.digest_init(&Mechanism::plain(CKM_SHA256))
        })
        .row(CKR_MECHANISM_INVALID, "there is no such mechanism", |c| {
            c.session.digest_init(&Mechanism::plain(0x7FFF_FFFF))
        })
        .row(CKR_MECHANISM_INVALID, "the mechanism is for other functions", |c| {
            c.session.digest_init(&Mechanism::plain(CKM_ECDSA))
        })
        .row(CKR_MECHANISM_PARAM_INVALID, "the mechanism does not take the parameter", |c| {
            c.session.digest_init(&Mechanism::iv(CKM_SHA256, &[0; 16]))
        });
}
