//! Keys that leave and come in under other keys (5.18.3, 5.18.4), but for what is wrong with templates.

use super::scene::{Scene, Way, code};
use super::{Stage, Table};
use crate::client::*;
use cryptoki_sys::*;
use std::ptr::null_mut;

pub fn cbc_pad() -> Mechanism {
    Mechanism::iv(CKM_AES_CBC_PAD, &[0; 16])
}

fn gcm() -> Mechanism {
    Mechanism::gcm(&[3; 12], b"", 128)
}

fn oaep() -> Mechanism {
    Mechanism::oaep(CKM_SHA256, CKG_MGF1_SHA256, b"")
}

pub fn aes() -> Template {
    Template::new().class(CKO_SECRET_KEY).ulong(CKA_KEY_TYPE, CKK_AES)
}

fn wrap(c: &Scene<'_>, way: &Mechanism, wrapping: Key, key: Key) -> Answer<()> {
    c.session.wrap(way, wrapping, key).map(drop)
}

fn unwrap(
    c: &Scene<'_>,
    way: &Mechanism,
    unwrapping: Key,
    wrapped: &[u8],
    template: &Template,
) -> Answer<()> {
    c.session.unwrap(way, unwrapping, wrapped, template).map(drop)
}

/// A key of so many bytes that may leave.
pub fn secret(c: &Scene<'_>, len: usize) -> Key {
    let template = Template::new().class(CKO_SECRET_KEY).ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET);
    c.session.create(&template.bytes(CKA_VALUE, &vec![5; len]).flag(CKA_EXTRACTABLE, true)).unwrap()
}

pub fn rows(t: &mut Table) {
    arguments(t);
    wrapping_keys(t);
    targets(t);
    unwrapping_keys(t);
    wrapped_keys(t);
}

fn arguments(t: &mut Table) {
    t.on("C_WrapKey", Stage::User)
        .row(CKR_ARGUMENTS_BAD, "pMechanism is NULL", |c| {
            let (mut out, mut len, keys) = ([0_u8; 64], 64, c.keys);
            let function = c.list().C_WrapKey;
            code!(function, c.handle(), null_mut(), keys.aes_wrap, keys.open, out.as_mut_ptr(), &raw mut len)
        })
        .row(CKR_ARGUMENTS_BAD, "pulWrappedKeyLen is NULL", |c| {
            let (keys, function) = (c.keys, c.list().C_WrapKey);
            cbc_pad().with(|way| {
                code!(function, c.handle(), way, keys.aes_wrap, keys.open, null_mut(), null_mut())
            })
        })
        .row(CKR_BUFFER_TOO_SMALL, "the room is too small for the wrapped key", |c| {
            let (mut out, mut len, keys) = ([0_u8; 64], 47, c.keys);
            let (function, at) = (c.list().C_WrapKey, out.as_mut_ptr());
            cbc_pad().with(|way| code!(function, c.handle(), way, keys.aes_wrap, keys.open, at, &raw mut len))
        });
    t.on("C_UnwrapKey", Stage::User).row(
        CKR_ARGUMENTS_BAD,
        "pMechanism, phKey, or the wrapped key with a length, is NULL",
        |c| {
            let (mut data, mut key) = ([0_u8; 48], 0);
            let (at, unwrapping, function) = (data.as_mut_ptr(), c.keys.aes_wrap, c.list().C_UnwrapKey);
            let place = &raw mut key;
            let call = |way, from, place| {
                aes().with(|list, count| {
                    code!(function, c.handle(), way, unwrapping, from, 48, list, count, place)
                })
            };
            assert_eq!(call(null_mut(), at, place), Err(Rv(CKR_ARGUMENTS_BAD)));
            cbc_pad().with(|way| {
                assert_eq!(call(way, at, null_mut()), Err(Rv(CKR_ARGUMENTS_BAD)));
                call(way, null_mut(), place)
            })
        },
    );
}

fn wrapping_keys(t: &mut Table) {
    t.on("C_WrapKey", Stage::User)
        .row(CKR_MECHANISM_INVALID, "there is no such mechanism", |c| {
            wrap(c, &Mechanism::plain(0x7FFF_FFFF), c.keys.aes_wrap, c.keys.open)
        })
        .row(CKR_MECHANISM_INVALID, "the mechanism is for other functions", |c| {
            wrap(c, &Mechanism::plain(CKM_SHA256), c.keys.aes_wrap, c.keys.open)
        })
        .row(CKR_MECHANISM_PARAM_INVALID, "the mechanism does not take the parameter", |c| {
            wrap(c, &Mechanism::iv(CKM_AES_CBC_PAD, &[0; 15]), c.keys.aes_wrap, c.keys.open)
        })
        .row(CKR_WRAPPING_KEY_HANDLE_INVALID, "there is no such wrapping key", |c| {
            wrap(c, &cbc_pad(), 0, c.keys.open)
        })
        .row(CKR_WRAPPING_KEY_HANDLE_INVALID, "what is to wrap is no key", |c| {
            wrap(c, &cbc_pad(), c.keys.data, c.keys.open)
        })
        .row(CKR_WRAPPING_KEY_TYPE_INCONSISTENT, "the mechanism does not wrap with keys of this type", |c| {
            wrap(c, &cbc_pad(), c.keys.rsa_wrap.0, c.keys.open)
        })
        .row(
            CKR_WRAPPING_KEY_TYPE_INCONSISTENT,
            "neither type nor CKA_WRAP of the wrapping key are right",
            |c| wrap(c, &cbc_pad(), c.keys.hmac, c.keys.open),
        )
        .row(CKR_KEY_FUNCTION_NOT_PERMITTED, "CKA_WRAP of the wrapping key is false", |c| {
            wrap(c, &cbc_pad(), c.keys.aes, c.keys.open)
        })
        .row(CKR_WRAPPING_KEY_SIZE_RANGE, "the wrapping key is weaker than the key to be wrapped", |c| {
            wrap(c, &oaep(), c.keys.rsa_wrap.0, c.keys.open)
        });
    t.on("C_WrapKey", Stage::Nobody).row(
        CKR_WRAPPING_KEY_HANDLE_INVALID,
        "the wrapping key is private and the user has logged out",
        |c| wrap(c, &cbc_pad(), c.keys.aes_wrap, c.keys.open),
    );
}

fn targets(t: &mut Table) {
    t.on("C_WrapKey", Stage::User)
        .row(CKR_KEY_HANDLE_INVALID, "there is no such key to be wrapped", |c| {
            wrap(c, &cbc_pad(), c.keys.aes_wrap, 0)
        })
        .row(CKR_KEY_HANDLE_INVALID, "what is to be wrapped is no key", |c| {
            wrap(c, &cbc_pad(), c.keys.aes_wrap, c.keys.data)
        })
        .row(CKR_KEY_UNEXTRACTABLE, "CKA_EXTRACTABLE of the key is false", |c| {
            wrap(c, &cbc_pad(), c.keys.aes_wrap, c.keys.aes)
        })
        .row(
            CKR_KEY_NOT_WRAPPABLE,
            "CKA_WRAP_WITH_TRUSTED of the key is true and the other is not trusted",
            |c| wrap(c, &cbc_pad(), c.keys.aes_wrap, c.keys.choosy),
        );
    t.on("C_WrapKey", Stage::User).needing(CKM_AES_KEY_WRAP).row(
        CKR_KEY_SIZE_RANGE,
        "the mechanism does not wrap keys that are so short",
        |c| wrap(c, &Mechanism::plain(CKM_AES_KEY_WRAP), c.keys.aes_wrap, secret(c, 8)),
    );
}

fn unwrapping_keys(t: &mut Table) {
    t.on("C_UnwrapKey", Stage::User)
        .row(CKR_MECHANISM_INVALID, "there is no such mechanism", |c| {
            unwrap(c, &Mechanism::plain(0x7FFF_FFFF), c.keys.aes_wrap, &[0; 48], &aes())
        })
        .row(CKR_MECHANISM_INVALID, "the mechanism is for other functions", |c| {
            unwrap(c, &Mechanism::plain(CKM_SHA256), c.keys.aes_wrap, &[0; 48], &aes())
        })
        .row(CKR_MECHANISM_PARAM_INVALID, "the mechanism does not take the parameter", |c| {
            unwrap(c, &Mechanism::iv(CKM_AES_CBC_PAD, &[0; 15]), c.keys.aes_wrap, &[0; 48], &aes())
        })
        .row(CKR_UNWRAPPING_KEY_HANDLE_INVALID, "there is no such unwrapping key", |c| {
            unwrap(c, &cbc_pad(), 0, &[0; 48], &aes())
        })
        .row(CKR_UNWRAPPING_KEY_HANDLE_INVALID, "what is to unwrap is no key", |c| {
            unwrap(c, &cbc_pad(), c.keys.data, &[0; 48], &aes())
        })
        .row(
            CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT,
            "the mechanism does not unwrap with keys of this type",
            |c| unwrap(c, &cbc_pad(), c.keys.rsa_wrap.1, &[0; 48], &aes()),
        )
        .row(CKR_KEY_FUNCTION_NOT_PERMITTED, "CKA_UNWRAP of the unwrapping key is false", |c| {
            unwrap(c, &cbc_pad(), c.keys.aes, &[0; 48], &aes())
        });
    t.on("C_UnwrapKey", Stage::Nobody).row(
        CKR_UNWRAPPING_KEY_HANDLE_INVALID,
        "the unwrapping key is private and the user has logged out",
        |c| unwrap(c, &cbc_pad(), c.keys.aes_wrap, &[0; 48], &aes()),
    );
    t.on("C_UnwrapKey", Stage::ReadOnly).row(
        CKR_SESSION_READ_ONLY,
        "the session is read-only and the key is to stay on the token",
        |c| {
            let wrapped = c.session.wrap(&cbc_pad(), c.keys.aes_wrap, c.keys.open).unwrap();
            unwrap(c, &cbc_pad(), c.keys.aes_wrap, &wrapped, &aes().flag(CKA_TOKEN, true))
        },
    );
}

fn wrapped_keys(t: &mut Table) {
    t.on("C_UnwrapKey", Stage::User)
        .row(CKR_WRAPPED_KEY_LEN_RANGE, "the wrapped key is not made of whole blocks", |c| {
            unwrap(c, &cbc_pad(), c.keys.aes_wrap, &[0; 47], &aes())
        })
        .row(CKR_WRAPPED_KEY_LEN_RANGE, "the wrapped key is shorter than its tag", |c| {
            unwrap(c, &gcm(), c.keys.aes_wrap, &[0; 15], &aes())
        })
        .row(CKR_WRAPPED_KEY_LEN_RANGE, "CKA_VALUE_LEN is not the length of the key that comes out", |c| {
            let wrapped = c.session.wrap(&gcm(), c.keys.aes_wrap, c.keys.open).unwrap();
            unwrap(c, &gcm(), c.keys.aes_wrap, &wrapped, &aes().ulong(CKA_VALUE_LEN, 16))
        })
        .row(CKR_WRAPPED_KEY_LEN_RANGE, "no key of this type has the length that comes out", |c| {
            let wrapped = c.session.wrap(&gcm(), c.keys.aes_wrap, secret(c, 20)).unwrap();
            unwrap(c, &gcm(), c.keys.aes_wrap, &wrapped, &aes())
        })
        .row(CKR_WRAPPED_KEY_INVALID, "the same behind a padding that nothing authenticates", |c| {
            let wrapped = c.session.wrap(&cbc_pad(), c.keys.aes_wrap, secret(c, 20)).unwrap();
            unwrap(c, &cbc_pad(), c.keys.aes_wrap, &wrapped, &aes())
        })
        .row(CKR_WRAPPED_KEY_INVALID, "the padding is wrong", |c| {
            unwrap(c, &cbc_pad(), c.keys.aes_wrap, &[0; 48], &aes())
        })
        .row(CKR_WRAPPED_KEY_INVALID, "the tag is wrong", |c| {
            unwrap(c, &gcm(), c.keys.aes_wrap, &[0; 48], &aes())
        })
        .row(CKR_WRAPPED_KEY_LEN_RANGE, "the wrapped key is not as long as the modulus", |c| {
            unwrap(c, &oaep(), c.keys.rsa_wrap.1, &[0; 255], &aes())
        })
        .row(CKR_WRAPPED_KEY_INVALID, "RSA-OAEP does not open it", |c| {
            unwrap(c, &oaep(), c.keys.rsa_wrap.1, &[0; 256], &aes())
        });
}

/// What `rows_wrap_authenticated` passes for a mechanism.
pub fn authenticated() -> Way {
    Way::Message(12, 128)
}
