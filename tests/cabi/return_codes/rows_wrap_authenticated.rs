//! Wrapping with associated data (5.18.6, 5.18.7). The parameter is the message parameter of CKM_AES_GCM.

use super::rows_wrap::{aes, authenticated, secret};
use super::scene::{Message, Scene, Way, code};
use super::{Stage, Table};
use crate::client::*;
use cryptoki_sys::*;
use std::ptr::null_mut;

const AAD: &[u8] = b"associated";

fn wrap_into(c: &Scene<'_>, way: *mut CK_MECHANISM, keys: (Key, Key), room: usize) -> Answer<Vec<u8>> {
    let ((mut aad, aad_len), mut out, mut len) = (bytes(AAD), vec![0_u8; room.max(1)], room as CK_ULONG);
    let (aad, to) = (aad.as_mut_ptr(), out.as_mut_ptr());
    let function = c.list().C_WrapKeyAuthenticated;
    code!(function, c.handle(), way, keys.0, keys.1, aad, aad_len, to, &raw mut len)?;
    out.truncate(len as usize);
    Ok(out)
}

fn wrap(c: &Scene<'_>, way: &Way, wrapping: Key, key: Key) -> Answer<()> {
    way.with(|way| wrap_into(c, way, (wrapping, key), 512)).map(drop)
}

fn unwrap_with(
    c: &Scene<'_>,
    way: *mut CK_MECHANISM,
    unwrapping: Key,
    wrapped: &[u8],
    template: &Template,
) -> Answer<()> {
    let ((mut wrapped, len), (mut aad, aad_len), mut key) = (bytes(wrapped), bytes(AAD), 0);
    let (from, aad, place) = (wrapped.as_mut_ptr(), aad.as_mut_ptr(), &raw mut key);
    let function = c.list().C_UnwrapKeyAuthenticated;
    template.with(|list, count| {
        code!(function, c.handle(), way, unwrapping, from, len, list, count, aad, aad_len, place)
    })
}

fn unwrap(c: &Scene<'_>, way: &Way, unwrapping: Key, wrapped: &[u8], template: &Template) -> Answer<()> {
    way.with(|way| unwrap_with(c, way, unwrapping, wrapped, template))
}

/// Wraps a key and unwraps it with this template.
fn round(c: &Scene<'_>, key: Key, template: &Template) -> Answer<()> {
    let mut message = Message::usual();
    let (parameter, len) = message.parameter();
    let mut way = CK_MECHANISM { mechanism: CKM_AES_GCM, pParameter: parameter, ulParameterLen: len };
    let wrapped = wrap_into(c, &raw mut way, (c.keys.aes_wrap, key), 512).unwrap();
    unwrap_with(c, &raw mut way, c.keys.aes_wrap, &wrapped, template)
}

fn opened(c: &Scene<'_>, template: &Template) -> Answer<()> {
    round(c, c.keys.open, template)
}

fn wrong() -> Way {
    Way::Message(12, 7)
}

pub fn rows(t: &mut Table) {
    wrapping(t);
    targets(t);
    unwrapping(t);
    unwrapping_keys(t);
    wrapped_keys(t);
}

fn wrapping(t: &mut Table) {
    t.on("C_WrapKeyAuthenticated", Stage::User)
        .row(CKR_ARGUMENTS_BAD, "pMechanism is NULL", |c| {
            wrap_into(c, null_mut(), (c.keys.aes_wrap, c.keys.open), 64).map(drop)
        })
        .row(CKR_BUFFER_TOO_SMALL, "the room is too small for the wrapped key", |c| {
            authenticated().with(|way| wrap_into(c, way, (c.keys.aes_wrap, c.keys.open), 31)).map(drop)
        })
        .row(CKR_MECHANISM_INVALID, "there is no such mechanism", |c| {
            wrap(c, &Way::plain(0x7FFF_FFFF), c.keys.aes_wrap, c.keys.open)
        })
        .row(CKR_MECHANISM_INVALID, "the mechanism is for other functions", |c| {
            wrap(c, &Way::plain(CKM_SHA256), c.keys.aes_wrap, c.keys.open)
        })
        .row(CKR_MECHANISM_PARAM_INVALID, "the parameter names a tag that the mechanism does not make", |c| {
            wrap(c, &wrong(), c.keys.aes_wrap, c.keys.open)
        })
        .row(CKR_WRAPPING_KEY_HANDLE_INVALID, "there is no such wrapping key", |c| {
            wrap(c, &authenticated(), 0, c.keys.open)
        })
        .row(CKR_WRAPPING_KEY_HANDLE_INVALID, "what is to wrap is no key", |c| {
            wrap(c, &authenticated(), c.keys.data, c.keys.open)
        })
        .row(CKR_WRAPPING_KEY_TYPE_INCONSISTENT, "the mechanism does not wrap with keys of this type", |c| {
            wrap(c, &authenticated(), c.keys.rsa_wrap.0, c.keys.open)
        })
        .row(CKR_KEY_FUNCTION_NOT_PERMITTED, "CKA_WRAP of the wrapping key is false", |c| {
            wrap(c, &authenticated(), c.keys.aes, c.keys.open)
        });
}

fn targets(t: &mut Table) {
    t.on("C_WrapKeyAuthenticated", Stage::User)
        .row(CKR_KEY_HANDLE_INVALID, "there is no such key to be wrapped", |c| {
            wrap(c, &authenticated(), c.keys.aes_wrap, 0)
        })
        .row(CKR_KEY_HANDLE_INVALID, "what is to be wrapped is no key", |c| {
            wrap(c, &authenticated(), c.keys.aes_wrap, c.keys.data)
        })
        .row(CKR_KEY_UNEXTRACTABLE, "CKA_EXTRACTABLE of the key is false", |c| {
            wrap(c, &authenticated(), c.keys.aes_wrap, c.keys.aes)
        })
        .row(
            CKR_KEY_NOT_WRAPPABLE,
            "CKA_WRAP_WITH_TRUSTED of the key is true and the other is not trusted",
            |c| wrap(c, &authenticated(), c.keys.aes_wrap, c.keys.choosy),
        )
        .row(CKR_WRAPPING_KEY_SIZE_RANGE, "the wrapping key is weaker than the key to be wrapped", |c| {
            let template = Template::new().uses(&[CKA_WRAP]).ulong(CKA_VALUE_LEN, 16);
            let weak = c.session.generate(&Mechanism::plain(CKM_AES_KEY_GEN), &template).unwrap();
            wrap(c, &authenticated(), weak, c.keys.open)
        });
    t.on("C_WrapKeyAuthenticated", Stage::Nobody).row(
        CKR_WRAPPING_KEY_HANDLE_INVALID,
        "the wrapping key is private and the user has logged out",
        |c| wrap(c, &authenticated(), c.keys.aes_wrap, c.keys.open),
    );
}

fn unwrapping(t: &mut Table) {
    t.on("C_UnwrapKeyAuthenticated", Stage::User)
        .row(CKR_ARGUMENTS_BAD, "pMechanism is NULL", |c| {
            unwrap_with(c, null_mut(), c.keys.aes_wrap, &[0; 32], &aes())
        })
        .row(CKR_MECHANISM_INVALID, "there is no such mechanism", |c| {
            unwrap(c, &Way::plain(0x7FFF_FFFF), c.keys.aes_wrap, &[0; 32], &aes())
        })
        .row(CKR_MECHANISM_INVALID, "the mechanism is for other functions", |c| {
            unwrap(c, &Way::plain(CKM_SHA256), c.keys.aes_wrap, &[0; 32], &aes())
        })
        .row(
            CKR_MECHANISM_PARAM_INVALID,
            "the parameter names a tag that the mechanism does not make",
            |c| unwrap(c, &wrong(), c.keys.aes_wrap, &[0; 32], &aes()),
        );
    t.on("C_UnwrapKeyAuthenticated", Stage::User)
        .row(CKR_TEMPLATE_INCOMPLETE, "CKA_CLASS is missing", |c| opened(c, &Template::new()))
        .row(CKR_TEMPLATE_INCONSISTENT, "CKA_CLASS is neither that of a secret nor of a private key", |c| {
            opened(c, &Template::new().class(CKO_DATA))
        })
        .row(CKR_ATTRIBUTE_TYPE_INVALID, "an attribute that no object has", |c| {
            opened(c, &aes().bytes(CKA_VENDOR_DEFINED | 0x00FF_FFFF, b"x"))
        })
        .row(
            CKR_TEMPLATE_INCONSISTENT,
            "an attribute that other objects have, and such an object does not",
            |c| opened(c, &aes().bytes(CKA_MODULUS, &[1; 128])),
        )
        .row(CKR_ATTRIBUTE_VALUE_INVALID, "a boolean that is neither true nor false", |c| {
            opened(c, &aes().bytes(CKA_DERIVE, &[2]))
        })
        .row(CKR_ATTRIBUTE_READ_ONLY, "the value of the key that is to be made", |c| {
            opened(c, &aes().bytes(CKA_VALUE, &[1; 32]))
        });
}

fn unwrapping_keys(t: &mut Table) {
    t.on("C_UnwrapKeyAuthenticated", Stage::User)
        .row(CKR_UNWRAPPING_KEY_HANDLE_INVALID, "there is no such unwrapping key", |c| {
            unwrap(c, &authenticated(), 0, &[0; 32], &aes())
        })
        .row(CKR_UNWRAPPING_KEY_HANDLE_INVALID, "what is to unwrap is no key", |c| {
            unwrap(c, &authenticated(), c.keys.data, &[0; 32], &aes())
        })
        .row(
            CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT,
            "the mechanism does not unwrap with keys of this type",
            |c| unwrap(c, &authenticated(), c.keys.rsa_wrap.1, &[0; 32], &aes()),
        )
        .row(CKR_KEY_FUNCTION_NOT_PERMITTED, "CKA_UNWRAP of the unwrapping key is false", |c| {
            unwrap(c, &authenticated(), c.keys.aes, &[0; 32], &aes())
        });
    t.on("C_UnwrapKeyAuthenticated", Stage::ReadOnly).row(
        CKR_SESSION_READ_ONLY,
        "the session is read-only and the key is to stay on the token",
        |c| opened(c, &aes().flag(CKA_TOKEN, true)),
    );
}

fn wrapped_keys(t: &mut Table) {
    t.on("C_UnwrapKeyAuthenticated", Stage::User)
        .row(CKR_WRAPPED_KEY_LEN_RANGE, "no key of this type has the length that comes out", |c| {
            round(c, secret(c, 20), &aes())
        })
        .row(CKR_WRAPPED_KEY_INVALID, "the wrapped key or its associated data is not genuine", |c| {
            unwrap(c, &authenticated(), c.keys.aes_wrap, &[0; 32], &aes())
        });
}
