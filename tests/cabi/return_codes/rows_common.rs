//! What functions have in common: the library, the session.

use super::specification::LISTS;
use super::{Stage, Table};
use crate::client::*;
use crate::functions;
use crate::hostile::{WITHOUT_MODULE, Wild};
use cryptoki_sys::*;
use std::ptr::null_mut;

/// Functions without a session's handle, but those that need no C_Initialize.
const WITHOUT_SESSION: [&str; 10] = [
    "C_GetInfo",
    "C_GetSlotList",
    "C_GetSlotInfo",
    "C_GetTokenInfo",
    "C_WaitForSlotEvent",
    "C_GetMechanismList",
    "C_GetMechanismInfo",
    "C_InitToken",
    "C_OpenSession",
    "C_CloseAllSessions",
];

/// Calls a function with NULL for each pointer.
fn call_with(module: &Module, name: &str, first: CK_ULONG) -> Answer<()> {
    let functions = functions::all(module.list);
    let function = functions.iter().find(|each| each.name == name).unwrap();
    answer(Wild { first, number: 1, pointer: null_mut() }.call(function))
}

pub fn rows(t: &mut Table) {
    for (name, _) in LISTS {
        if *name == "C_Finalize" || !WITHOUT_MODULE.contains(name) {
            t.on(name, Stage::Before).row(
                CKR_CRYPTOKI_NOT_INITIALIZED,
                "before C_Initialize, whatever the arguments are",
                |c| call_with(c.module, name, 0),
            );
        }
        if !WITHOUT_MODULE.contains(name) && !WITHOUT_SESSION.contains(name) {
            t.on(name, Stage::Nobody).row(
                CKR_SESSION_HANDLE_INVALID,
                "there is no such session, whatever the other arguments are",
                |c| call_with(c.module, name, c.handle() ^ 1),
            );
            t.on(name, Stage::Nobody).row(CKR_SESSION_HANDLE_INVALID, "the session was closed", |c| {
                c.session.close().unwrap();
                call_with(c.module, name, c.handle())
            });
        }
    }
}
