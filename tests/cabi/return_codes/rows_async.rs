//! Asynchronous functions (5.22), of which there are none in a session that is not asynchronous.

use super::scene::code;
use super::{Stage, Table};
use crate::client::*;
use cryptoki_sys::*;
use std::ptr::null_mut;

const SIGN: *mut u8 = c"C_Sign".as_ptr().cast_mut().cast();

pub fn rows(t: &mut Table) {
    t.on("C_AsyncComplete", Stage::User).row(
        CKR_OPERATION_NOT_INITIALIZED,
        "the function does not run asynchronously: none ever does",
        |c| {
            let mut result = CK_ASYNC_DATA::default();
            code!(c.list().C_AsyncComplete, c.handle(), SIGN, &raw mut result)
        },
    );
    t.on("C_AsyncGetID", Stage::User)
        .row(CKR_ARGUMENTS_BAD, "pFunctionName or pulID is NULL", |c| {
            let mut id = 0;
            let no_name = code!(c.list().C_AsyncGetID, c.handle(), null_mut(), &raw mut id);
            assert_eq!(no_name, Err(Rv(CKR_ARGUMENTS_BAD)));
            code!(c.list().C_AsyncGetID, c.handle(), SIGN, null_mut())
        })
        .row(
            CKR_OPERATION_NOT_INITIALIZED,
            "the function does not run asynchronously: none ever does",
            |c| {
                let mut id = 0;
                code!(c.list().C_AsyncGetID, c.handle(), SIGN, &raw mut id)
            },
        );
    t.on("C_AsyncJoin", Stage::User)
        .row(CKR_ARGUMENTS_BAD, "pFunctionName is NULL", |c| {
            code!(c.list().C_AsyncJoin, c.handle(), null_mut(), 1, null_mut(), 0)
        })
        .row(CKR_SAVED_STATE_INVALID, "there is no such asynchronous operation: there never is one", |c| {
            code!(c.list().C_AsyncJoin, c.handle(), SIGN, 1, null_mut(), 0)
        });
}
