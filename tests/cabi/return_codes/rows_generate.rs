//! Keys that are made (5.18.1, 5.18.2), but for what is wrong with templates.

use super::scene::{Scene, Way, code};
use super::{Stage, Table};
use crate::client::*;
use cryptoki_sys::*;
use std::ptr::null_mut;

fn one(c: &Scene<'_>, way: &Way) -> Answer<()> {
    let mut key = 0;
    let template = Template::new().ulong(CKA_VALUE_LEN, 32);
    way.with(|way| {
        template.with(|list, count| code!(c.list().C_GenerateKey, c.handle(), way, list, count, &raw mut key))
    })
}

fn pair(c: &Scene<'_>, way: &Way, template: &Template) -> Answer<()> {
    let (mut public, mut private) = (0, 0);
    let places = (&raw mut public, &raw mut private);
    way.with(|way| {
        template.with(|list, count| {
            let function = c.list().C_GenerateKeyPair;
            code!(function, c.handle(), way, list, count, null_mut(), 0, places.0, places.1)
        })
    })
}

fn p256() -> Template {
    Template::new().bytes(CKA_EC_PARAMS, P256)
}

pub fn rows(t: &mut Table) {
    secret(t);
    pairs(t);
    places(t);
    t.on("C_GenerateKeyPair", Stage::User).needing(CKM_ML_KEM_KEY_PAIR_GEN).row(
        CKR_PARAMETER_SET_NOT_SUPPORTED,
        "CKA_PARAMETER_SET is none that the token has",
        |c| pair(c, &Way::plain(CKM_ML_KEM_KEY_PAIR_GEN), &Template::new().ulong(CKA_PARAMETER_SET, 77)),
    );
}

fn secret(t: &mut Table) {
    t.on("C_GenerateKey", Stage::User)
        .row(CKR_ARGUMENTS_BAD, "pMechanism or phKey is NULL", |c| {
            let mut key = 0;
            let function = c.list().C_GenerateKey;
            let no_mechanism = code!(function, c.handle(), null_mut(), null_mut(), 0, &raw mut key);
            assert_eq!(no_mechanism, Err(Rv(CKR_ARGUMENTS_BAD)));
            Way::plain(CKM_AES_KEY_GEN)
                .with(|way| code!(function, c.handle(), way, null_mut(), 0, null_mut()))
        })
        .row(CKR_ARGUMENTS_BAD, "pTemplate is NULL and the number of its attributes is not 0", |c| {
            let mut key = 0;
            let function = c.list().C_GenerateKey;
            Way::plain(CKM_AES_KEY_GEN)
                .with(|way| code!(function, c.handle(), way, null_mut(), 1, &raw mut key))
        })
        .row(CKR_MECHANISM_INVALID, "there is no such mechanism", |c| one(c, &Way::plain(0x7FFF_FFFF)))
        .row(CKR_MECHANISM_INVALID, "the mechanism is for other functions", |c| {
            one(c, &Way::plain(CKM_EC_KEY_PAIR_GEN))
        })
        .row(CKR_MECHANISM_PARAM_INVALID, "the mechanism does not take the parameter", |c| {
            one(c, &Way::Usual(Mechanism::iv(CKM_AES_KEY_GEN, &[0; 16])))
        });
}

fn pairs(t: &mut Table) {
    t.on("C_GenerateKeyPair", Stage::User)
        .row(CKR_ARGUMENTS_BAD, "pMechanism, phPublicKey or phPrivateKey is NULL", |c| {
            let mut key = 0;
            let at = &raw mut key;
            let function = c.list().C_GenerateKeyPair;
            let call = |way, public, private| {
                code!(function, c.handle(), way, null_mut(), 0, null_mut(), 0, public, private)
            };
            assert_eq!(call(null_mut(), at, at), Err(Rv(CKR_ARGUMENTS_BAD)));
            Way::plain(CKM_EC_KEY_PAIR_GEN).with(|way| {
                assert_eq!(call(way, null_mut(), at), Err(Rv(CKR_ARGUMENTS_BAD)));
                call(way, at, null_mut())
            })
        })
        .row(CKR_ARGUMENTS_BAD, "a template is NULL and the number of its attributes is not 0", |c| {
            let (mut public, mut private) = (0, 0);
            let places = (&raw mut public, &raw mut private);
            Way::plain(CKM_EC_KEY_PAIR_GEN).with(|way| {
                let function = c.list().C_GenerateKeyPair;
                code!(function, c.handle(), way, null_mut(), 1, null_mut(), 0, places.0, places.1)
            })
        })
        .row(CKR_MECHANISM_INVALID, "there is no such mechanism", |c| {
            pair(c, &Way::plain(0x7FFF_FFFF), &p256())
        })
        .row(CKR_MECHANISM_INVALID, "the mechanism is for other functions", |c| {
            pair(c, &Way::plain(CKM_AES_KEY_GEN), &p256())
        })
        .row(CKR_MECHANISM_PARAM_INVALID, "the mechanism does not take the parameter", |c| {
            pair(c, &Way::Usual(Mechanism::iv(CKM_EC_KEY_PAIR_GEN, &[0; 16])), &p256())
        })
        .row(CKR_TEMPLATE_INCONSISTENT, "CKA_PUBLIC_EXPONENT is none that makes a key", |c| {
            let template = Template::new().ulong(CKA_MODULUS_BITS, 2048).bytes(CKA_PUBLIC_EXPONENT, &[2]);
            pair(c, &Way::plain(CKM_RSA_PKCS_KEY_PAIR_GEN), &template)
        });
}

/// Where the new keys are to be, and whose.
fn places(t: &mut Table) {
    t.on("C_GenerateKey", Stage::ReadOnly).row(
        CKR_SESSION_READ_ONLY,
        "the session is read-only and the key is to stay on the token",
        |c| c.session.aes(Template::token()).map(drop),
    );
    t.on("C_GenerateKeyPair", Stage::ReadOnly).row(
        CKR_SESSION_READ_ONLY,
        "the session is read-only and a key is to stay on the token",
        |c| c.session.p256(Template::new(), Template::token()).map(drop),
    );
    for stage in [Stage::Nobody, Stage::Officer] {
        t.on("C_GenerateKey", stage).row(
            CKR_USER_NOT_LOGGED_IN,
            "the key would be private and the user is not logged in",
            |c| c.session.aes(Template::new()).map(drop),
        );
        t.on("C_GenerateKeyPair", stage).row(
            CKR_USER_NOT_LOGGED_IN,
            "a key would be private and the user is not logged in",
            |c| c.session.p256(Template::new(), Template::new()).map(drop),
        );
    }
}
