//! Keys that are derived (5.18.5), but for what is wrong with templates.

use super::rows_templates::point;
use super::rows_wrap::aes;
use super::scene::{Scene, code};
use super::{Stage, Table};
use crate::client::*;
use cryptoki_sys::*;
use std::ptr::null_mut;

fn derive(c: &Scene<'_>, way: &Mechanism, base: Key, template: &Template) -> Answer<()> {
    c.session.derive(way, base, template).map(drop)
}

fn ecdh(point: &[u8]) -> Mechanism {
    Mechanism::ecdh(CKM_ECDH1_DERIVE, point)
}

pub fn rows(t: &mut Table) {
    t.on("C_DeriveKey", Stage::User)
        .row(CKR_ARGUMENTS_BAD, "pMechanism or phKey is NULL", |c| {
            let (mut key, function, base) = (0, c.list().C_DeriveKey, c.keys.ecdh.1);
            let place = &raw mut key;
            let no_mechanism = code!(function, c.handle(), null_mut(), base, null_mut(), 0, place);
            assert_eq!(no_mechanism, Err(Rv(CKR_ARGUMENTS_BAD)));
            ecdh(&point(c)).with(|way| code!(function, c.handle(), way, base, null_mut(), 0, null_mut()))
        })
        .row(CKR_ARGUMENTS_BAD, "pTemplate is NULL and the number of its attributes is not 0", |c| {
            let (mut key, function, base) = (0, c.list().C_DeriveKey, c.keys.ecdh.1);
            let place = &raw mut key;
            ecdh(&point(c)).with(|way| code!(function, c.handle(), way, base, null_mut(), 1, place))
        })
        .row(CKR_MECHANISM_INVALID, "there is no such mechanism", |c| {
            derive(c, &Mechanism::plain(0x7FFF_FFFF), c.keys.ecdh.1, &aes())
        })
        .row(CKR_MECHANISM_INVALID, "the mechanism is for other functions", |c| {
            derive(c, &Mechanism::plain(CKM_SHA256), c.keys.ecdh.1, &aes())
        })
        .row(CKR_MECHANISM_PARAM_INVALID, "the mechanism does not take the parameter", |c| {
            derive(c, &Mechanism::plain(CKM_ECDH1_DERIVE), c.keys.ecdh.1, &aes())
        })
        .row(CKR_PUBLIC_KEY_INVALID, "the other side's public key is no point of the curve", |c| {
            let mut wrong = point(c);
            let last = wrong.len() - 1;
            wrong[last] ^= 1;
            derive(c, &ecdh(&wrong), c.keys.ecdh.1, &aes())
        })
        .row(CKR_KEY_HANDLE_INVALID, "there is no such object", |c| derive(c, &ecdh(&point(c)), 0, &aes()))
        .row(CKR_KEY_HANDLE_INVALID, "the object is no key", |c| {
            derive(c, &ecdh(&point(c)), c.keys.data, &aes())
        })
        .row(CKR_KEY_TYPE_INCONSISTENT, "the mechanism does not work with keys of this type", |c| {
            derive(c, &ecdh(&point(c)), c.keys.aes, &aes())
        })
        .row(CKR_KEY_FUNCTION_NOT_PERMITTED, "the key's CKA_DERIVE is false", |c| {
            derive(c, &ecdh(&point(c)), c.keys.ec.1, &aes())
        })
        .row(CKR_KEY_SIZE_RANGE, "the mechanism does not derive keys of this length", |c| {
            let template = Template::new().class(CKO_SECRET_KEY).ulong(CKA_VALUE_LEN, 33);
            derive(c, &ecdh(&point(c)), c.keys.ecdh.1, &template)
        })
        .row(CKR_TEMPLATE_INCOMPLETE, "CKA_VALUE_LEN is missing, and nothing else says the length", |c| {
            let mut point = point(c);
            let mut param = CK_ECDH1_DERIVE_PARAMS {
                kdf: CKD_SHA256_KDF,
                ulSharedDataLen: 0,
                pSharedData: null_mut(),
                ulPublicDataLen: point.len() as CK_ULONG,
                pPublicData: point.as_mut_ptr(),
            };
            let mut way = CK_MECHANISM {
                mechanism: CKM_ECDH1_DERIVE,
                pParameter: (&raw mut param).cast(),
                ulParameterLen: size_of::<CK_ECDH1_DERIVE_PARAMS>() as CK_ULONG,
            };
            let (mut key, function, base) = (0, c.list().C_DeriveKey, c.keys.ecdh.1);
            code!(function, c.handle(), &raw mut way, base, null_mut(), 0, &raw mut key)
        });
    t.on("C_DeriveKey", Stage::Nobody).row(
        CKR_KEY_HANDLE_INVALID,
        "the key is private and the user has logged out",
        |c| derive(c, &ecdh(&[4; 65]), c.keys.ecdh.1, &aes()),
    );
    t.on("C_DeriveKey", Stage::ReadOnly).row(
        CKR_SESSION_READ_ONLY,
        "the session is read-only and the key is to stay on the token",
        |c| derive(c, &ecdh(&point(c)), c.keys.ecdh.1, &aes().flag(CKA_TOKEN, true)),
    );
}
