//! Session management but logins (5.6), random numbers (5.19) and the parallel functions (5.20).

use super::{Stage, Table};
use crate::call;
use cryptoki_sys::*;
use std::ptr::null_mut;

pub fn rows(t: &mut Table) {
    sessions(t);
    random(t);
    for name in ["C_GetFunctionStatus", "C_CancelFunction"] {
        t.on(name, Stage::Nobody).row(
            CKR_FUNCTION_NOT_PARALLEL,
            "always, with a session that is open",
            move |c| match name {
                "C_CancelFunction" => call!(c.module, C_CancelFunction, c.handle()),
                _ => call!(c.module, C_GetFunctionStatus, c.handle()),
            },
        );
    }
    t.on("C_GetSessionValidationFlags", Stage::Nobody).row(CKR_ARGUMENTS_BAD, "pFlags is NULL", |c| {
        call!(c.module, C_GetSessionValidationFlags, c.handle(), CKS_LAST_VALIDATION_OK, null_mut())
    });
}

fn sessions(t: &mut Table) {
    t.on("C_OpenSession", Stage::Nobody)
        .row(CKR_ARGUMENTS_BAD, "phSession is NULL", |c| {
            call!(c.module, C_OpenSession, c.slot(), CKF_SERIAL_SESSION, null_mut(), None, null_mut())
        })
        .row(CKR_SESSION_PARALLEL_NOT_SUPPORTED, "CKF_SERIAL_SESSION is not set", |c| {
            c.module.open(c.slot(), CKF_RW_SESSION).map(drop)
        })
        .row(CKR_SESSION_ASYNC_NOT_SUPPORTED, "CKF_ASYNC_SESSION is set", |c| {
            c.module.open(c.slot(), CKF_SERIAL_SESSION | CKF_ASYNC_SESSION).map(drop)
        })
        .row(CKR_SLOT_ID_INVALID, "there is no such slot", |c| {
            c.module.open(CK_ULONG::MAX, CKF_SERIAL_SESSION).map(drop)
        })
        .row(CKR_TOKEN_NOT_INITIALIZED, "the token in the slot is not initialised", |c| {
            c.module.open(c.free_slot(), CKF_SERIAL_SESSION).map(drop)
        });
    t.on("C_OpenSession", Stage::Officer).row(
        CKR_SESSION_READ_WRITE_SO_EXISTS,
        "the SO is logged in and the session is to be read-only",
        |c| c.module.open(c.slot(), CKF_SERIAL_SESSION).map(drop),
    );
    t.on("C_CloseAllSessions", Stage::Nobody).row(CKR_SLOT_ID_INVALID, "there is no such slot", |c| {
        call!(c.module, C_CloseAllSessions, CK_ULONG::MAX)
    });
    t.on("C_GetSessionInfo", Stage::Nobody).row(CKR_ARGUMENTS_BAD, "pInfo is NULL", |c| {
        call!(c.module, C_GetSessionInfo, c.handle(), null_mut())
    });
    t.on("C_SessionCancel", Stage::Nobody).row(
        CKR_OK,
        "no flag is set, or that of an operation that is not active",
        |c| {
            call!(c.module, C_SessionCancel, c.handle(), 0).unwrap();
            call!(c.module, C_SessionCancel, c.handle(), CKF_SIGN | CKF_DIGEST)
        },
    );
}

fn random(t: &mut Table) {
    t.on("C_SeedRandom", Stage::Nobody).row(
        CKR_ARGUMENTS_BAD,
        "the seed is NULL and its length is not 0",
        |c| call!(c.module, C_SeedRandom, c.handle(), null_mut(), 1),
    );
    t.on("C_GenerateRandom", Stage::Nobody).row(
        CKR_ARGUMENTS_BAD,
        "the room is NULL and its length is not 0",
        |c| call!(c.module, C_GenerateRandom, c.handle(), null_mut(), 1),
    );
}
