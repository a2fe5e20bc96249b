//! The calls of the walk, each with as little around it as it takes to be judged.

use super::super::client::*;
use super::Call;
use crate::call;
use cryptoki_sys::*;
use std::ptr::null_mut;

macro_rules! init {
    ($function:ident) => {
        |_, session, key, mechanism| {
            mechanism.with(|mechanism| call!(session.module, $function, session.handle, mechanism, key))
        }
    };
}

pub(super) const ENCRYPT_INIT: Call = init!(C_EncryptInit);
pub(super) const DECRYPT_INIT: Call = init!(C_DecryptInit);
pub(super) const SIGN_INIT: Call = init!(C_SignInit);
pub(super) const VERIFY_INIT: Call = init!(C_VerifyInit);
pub(super) const SIGN_RECOVER_INIT: Call = init!(C_SignRecoverInit);
pub(super) const VERIFY_RECOVER_INIT: Call = init!(C_VerifyRecoverInit);
pub(super) const MESSAGE_ENCRYPT_INIT: Call = init!(C_MessageEncryptInit);
pub(super) const MESSAGE_DECRYPT_INIT: Call = init!(C_MessageDecryptInit);
pub(super) const MESSAGE_SIGN_INIT: Call = init!(C_MessageSignInit);
pub(super) const MESSAGE_VERIFY_INIT: Call = init!(C_MessageVerifyInit);

pub(super) const VERIFY_SIGNATURE_INIT: Call = |_, session, key, mechanism| {
    let mut signature = vec![1_u8; if mechanism.ckm == CKM_SHA256_HMAC { 32 } else { 256 }];
    mechanism.with(|mechanism| {
        let (at, len) = (signature.as_mut_ptr(), signature.len() as CK_ULONG);
        call!(session.module, C_VerifySignatureInit, session.handle, mechanism, key, at, len)
    })
};

pub(super) const DIGEST_KEY: Call = |_, session, key, _| {
    session.digest_init(&Mechanism::plain(CKM_SHA256))?;
    call!(session.module, C_DigestKey, session.handle, key)
};

pub(super) const WRAP_KEY: Call = |stage, session, key, mechanism| {
    let (mut out, mut len) = ([0_u8; 512], 512);
    mechanism.with(|mechanism| {
        call!(
            session.module,
            C_WrapKey,
            session.handle,
            mechanism,
            key,
            stage.target,
            out.as_mut_ptr(),
            &raw mut len
        )
    })
};

fn secret() -> Template {
    Template::new()
        .class(CKO_SECRET_KEY)
        .ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET)
        .flag(CKA_SIGN, true)
        .label("made")
}

pub(super) const UNWRAP_KEY: Call = |_, session, key, mechanism| {
    let (mut wrapped, mut new) = ([7_u8; 256], 0);
    // A blob that is none: what was granted fails later.
    let len = if mechanism.ckm == CKM_RSA_PKCS_OAEP || mechanism.ckm == CKM_RSA_X_509 { 256 } else { 40 };
    mechanism.with(|mechanism| {
        secret().with(|list, count| {
            call!(
                session.module,
                C_UnwrapKey,
                session.handle,
                mechanism,
                key,
                wrapped.as_mut_ptr(),
                len,
                list,
                count,
                &raw mut new
            )
        })
    })
};

pub(super) const WRAP_AUTHENTICATED: Call = |stage, session, key, mechanism| {
    let (mut out, mut len) = ([0_u8; 512], 512);
    mechanism.with(|mechanism| {
        call!(
            session.module,
            C_WrapKeyAuthenticated,
            session.handle,
            mechanism,
            key,
            stage.target,
            null_mut(),
            0,
            out.as_mut_ptr(),
            &raw mut len
        )
    })
};

pub(super) const UNWRAP_AUTHENTICATED: Call = |_, session, key, mechanism| {
    let (mut wrapped, mut new) = ([7_u8; 48], 0);
    mechanism.with(|mechanism| {
        secret().with(|list, count| {
            call!(
                session.module,
                C_UnwrapKeyAuthenticated,
                session.handle,
                mechanism,
                key,
                wrapped.as_mut_ptr(),
                wrapped.len() as CK_ULONG,
                list,
                count,
                null_mut(),
                0,
                &raw mut new
            )
        })
    })
};

pub(super) const DERIVE_KEY: Call =
    |_, session, key, mechanism| session.derive(mechanism, key, &secret().ulong(CKA_VALUE_LEN, 16)).map(drop);

pub(super) const ENCAPSULATE_KEY: Call = |_, session, key, mechanism| {
    let (mut out, mut len, mut new) = ([0_u8; 2048], 2048, 0);
    mechanism.with(|mechanism| {
        secret().with(|list, count| {
            call!(
                session.module,
                C_EncapsulateKey,
                session.handle,
                mechanism,
                key,
                list,
                count,
                out.as_mut_ptr(),
                &raw mut len,
                &raw mut new
            )
        })
    })
};

pub(super) const DECAPSULATE_KEY: Call = |_, session, key, mechanism| {
    let (mut text, mut new) = ([7_u8; 1088], 0);
    mechanism.with(|mechanism| {
        secret().with(|list, count| {
            call!(
                session.module,
                C_DecapsulateKey,
                session.handle,
                mechanism,
                key,
                list,
                count,
                text.as_mut_ptr(),
                text.len() as CK_ULONG,
                &raw mut new
            )
        })
    })
};
