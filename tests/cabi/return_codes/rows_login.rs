//! Logins and PINs (5.5, 5.6).

use super::scene::Scene;
use super::{Stage, Table};
use crate::call;
use crate::client::*;
use cryptoki_sys::*;
use std::ptr::null_mut;

type Login = fn(&Scene<'_>, CK_USER_TYPE, &str) -> Answer<()>;

fn login(c: &Scene<'_>, user: CK_USER_TYPE, pin: &str) -> Answer<()> {
    c.session.login(user, pin)
}

/// C_LoginUser without a name is C_Login.
fn login_user(c: &Scene<'_>, user: CK_USER_TYPE, pin: &str) -> Answer<()> {
    let (mut pin, len) = bytes(pin.as_bytes());
    call!(c.module, C_LoginUser, c.handle(), user, pin.as_mut_ptr(), len, null_mut(), 0)
}

pub fn rows(t: &mut Table) {
    both(t, "C_Login", login);
    both(t, "C_LoginUser", login_user);
    t.on("C_Login", Stage::Nobody).row(
        CKR_ARGUMENTS_BAD,
        "pPin is NULL, and there is no other way to give a PIN",
        |c| call!(c.module, C_Login, c.handle(), CKU_USER, null_mut(), 0),
    );
    t.on("C_LoginUser", Stage::Nobody)
        .row(CKR_ARGUMENTS_BAD, "pPin is NULL, and there is no other way to give a PIN", |c| {
            call!(c.module, C_LoginUser, c.handle(), CKU_USER, null_mut(), 0, null_mut(), 0)
        })
        .row(CKR_ARGUMENTS_BAD, "pUsername is NULL and its length is not 0", |c| {
            let mut pin = *b"1234";
            call!(c.module, C_LoginUser, c.handle(), CKU_USER, pin.as_mut_ptr(), 4, null_mut(), 4)
        });
    t.on("C_Logout", Stage::Nobody)
        .row(CKR_USER_NOT_LOGGED_IN, "nobody is logged in", |c| c.session.logout());
    init_pin(t);
    set_pin(t);
}

fn both(t: &mut Table, name: &'static str, login: Login) {
    t.on(name, Stage::Nobody)
        .row(CKR_USER_TYPE_INVALID, "there is no such type of user", move |c| login(c, 77, USER_PIN))
        .row(
            CKR_OPERATION_NOT_INITIALIZED,
            "CKU_CONTEXT_SPECIFIC, and no operation waits for it",
            move |c| login(c, CKU_CONTEXT_SPECIFIC, USER_PIN),
        );
    t.on(name, Stage::User)
        .row(
            CKR_OPERATION_NOT_INITIALIZED,
            "CKU_CONTEXT_SPECIFIC, and the key in use does not ask for it",
            move |c| {
                c.session.sign_init(&Mechanism::plain(CKM_ECDSA), c.keys.ec.1).unwrap();
                login(c, CKU_CONTEXT_SPECIFIC, USER_PIN)
            },
        )
        .row(CKR_PIN_INCORRECT, "CKU_CONTEXT_SPECIFIC with a wrong PIN", move |c| {
            c.session.sign_init(&Mechanism::plain(CKM_ECDSA), c.keys.ec_asking).unwrap();
            login(c, CKU_CONTEXT_SPECIFIC, "wrong")
        })
        .row(CKR_USER_ALREADY_LOGGED_IN, "this user is logged in", move |c| login(c, CKU_USER, USER_PIN))
        .row(CKR_USER_ANOTHER_ALREADY_LOGGED_IN, "another user is logged in", move |c| {
            login(c, CKU_SO, SO_PIN)
        });
    t.on(name, Stage::Apart)
        .row(
            CKR_SESSION_READ_ONLY_EXISTS,
            "the SO is to be logged in and a read-only session is open",
            move |c| {
                c.module.read_only(c.slot());
                login(c, CKU_SO, SO_PIN)
            },
        )
        .row(CKR_USER_PIN_NOT_INITIALIZED, "the user has no PIN yet", move |c| {
            c.session.close().unwrap();
            c.module.init_token(c.slot(), SO_PIN, "again").unwrap();
            let fresh = Scene { session: c.module.read_write(c.slot()), ..*c };
            login(&fresh, CKU_USER, USER_PIN)
        })
        .row(CKR_PIN_INCORRECT, "the PIN is wrong", move |c| login(c, CKU_USER, "wrong"))
        .row(CKR_PIN_LOCKED, "the policy's number of wrong PINs was given", move |c| {
            for _ in 0..10 {
                assert_eq!(login(c, CKU_USER, "wrong"), Err(Rv(CKR_PIN_INCORRECT)));
            }
            login(c, CKU_USER, USER_PIN)
        });
}

fn init_pin(t: &mut Table) {
    t.on("C_InitPIN", Stage::Nobody)
        .row(CKR_USER_NOT_LOGGED_IN, "nobody is logged in", |c| c.session.init_pin(USER_PIN));
    t.on("C_InitPIN", Stage::User).row(
        CKR_USER_NOT_LOGGED_IN,
        "the user is logged in, and not the SO",
        |c| c.session.init_pin(USER_PIN),
    );
    t.on("C_InitPIN", Stage::Officer)
        .row(CKR_ARGUMENTS_BAD, "pPin is NULL, and there is no other way to give a PIN", |c| {
            call!(c.module, C_InitPIN, c.handle(), null_mut(), 0)
        })
        .row(CKR_PIN_LEN_RANGE, "the PIN is shorter or longer than the policy allows", |c| {
            assert_eq!(c.session.init_pin(&"x".repeat(256)), Err(Rv(CKR_PIN_LEN_RANGE)));
            c.session.init_pin("123")
        });
}

fn set_pin(t: &mut Table) {
    t.on("C_SetPIN", Stage::ReadOnly).row(CKR_SESSION_READ_ONLY, "the session is read-only", |c| {
        c.session.set_pin(USER_PIN, "another-pin")
    });
    t.on("C_SetPIN", Stage::User)
        .row(CKR_ARGUMENTS_BAD, "a PIN is NULL, and there is no other way to give one", |c| {
            let mut pin = *b"1234";
            let old = call!(c.module, C_SetPIN, c.handle(), null_mut(), 0, pin.as_mut_ptr(), 4);
            assert_eq!(old, Err(Rv(CKR_ARGUMENTS_BAD)));
            call!(c.module, C_SetPIN, c.handle(), pin.as_mut_ptr(), 4, null_mut(), 0)
        })
        .row(CKR_PIN_LEN_RANGE, "the new PIN is shorter or longer than the policy allows", |c| {
            assert_eq!(c.session.set_pin(USER_PIN, &"x".repeat(256)), Err(Rv(CKR_PIN_LEN_RANGE)));
            c.session.set_pin(USER_PIN, "123")
        });
    t.on("C_SetPIN", Stage::Apart)
        .row(CKR_PIN_INCORRECT, "the old PIN is wrong, whatever the new one is", |c| {
            assert_eq!(c.session.set_pin("wrong", "123"), Err(Rv(CKR_PIN_INCORRECT)));
            c.session.set_pin("wrong", "another-pin")
        })
        .row(CKR_PIN_LOCKED, "the policy's number of wrong PINs was given", |c| {
            for _ in 0..10 {
                assert_eq!(c.session.set_pin("wrong", "another-pin"), Err(Rv(CKR_PIN_INCORRECT)));
            }
            c.session.set_pin(USER_PIN, "another-pin")
        });
}
