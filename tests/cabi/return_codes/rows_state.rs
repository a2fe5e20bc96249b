//! Saved operations (5.6.5, 5.6.6).

use super::scene::Scene;
use super::{Stage, Table};
use crate::call;
use crate::client::*;
use cryptoki_sys::*;
use std::ptr::null_mut;

/// The state of a digest that has taken three bytes.
fn saved(c: &Scene<'_>) -> Vec<u8> {
    digesting(c);
    let mut len = 0;
    call!(c.module, C_GetOperationState, c.handle(), null_mut(), &raw mut len).unwrap();
    let mut state = vec![0; len as usize];
    call!(c.module, C_GetOperationState, c.handle(), state.as_mut_ptr(), &raw mut len).unwrap();
    state.truncate(len as usize);
    state
}

fn digesting(c: &Scene<'_>) {
    c.session.digest_init(&Mechanism::plain(CKM_SHA256)).unwrap();
    c.give(c.list().C_DigestUpdate, b"abc").unwrap();
}

fn restore(c: &Scene<'_>, state: &[u8], encryption: Key, authentication: Key) -> Answer<()> {
    let (mut state, len) = bytes(state);
    call!(c.module, C_SetOperationState, c.handle(), state.as_mut_ptr(), len, encryption, authentication)
}

pub fn rows(t: &mut Table) {
    t.on("C_GetOperationState", Stage::User)
        .row(CKR_ARGUMENTS_BAD, "pulOperationStateLen is NULL", |c| {
            digesting(c);
            call!(c.module, C_GetOperationState, c.handle(), null_mut(), null_mut())
        })
        .row(CKR_OPERATION_NOT_INITIALIZED, "no operation is active", |c| {
            c.take(c.list().C_GetOperationState, 4096)
        })
        .row(CKR_OPERATION_NOT_INITIALIZED, "only a search is active", |c| {
            call!(c.module, C_FindObjectsInit, c.handle(), null_mut(), 0).unwrap();
            c.take(c.list().C_GetOperationState, 4096)
        })
        .row(CKR_STATE_UNSAVEABLE, "the active operation uses a key, which stays in the token", |c| {
            c.session.sign_init(&Mechanism::plain(CKM_SHA256_HMAC), c.keys.hmac).unwrap();
            c.take(c.list().C_GetOperationState, 4096)
        })
        .row(CKR_BUFFER_TOO_SMALL, "the room is too small for the state", |c| {
            digesting(c);
            c.take(c.list().C_GetOperationState, 1)
        });
    t.on("C_SetOperationState", Stage::User)
        .row(CKR_ARGUMENTS_BAD, "pOperationState is NULL and its length is not 0", |c| {
            call!(c.module, C_SetOperationState, c.handle(), null_mut(), 8, 0, 0)
        })
        .row(CKR_SAVED_STATE_INVALID, "the state is none of this token's", |c| restore(c, &[1; 64], 0, 0))
        .row(CKR_SAVED_STATE_INVALID, "the state was changed", |c| {
            let mut state = saved(c);
            let last = state.len() - 1;
            state[last] ^= 1;
            restore(c, &state, 0, 0)
        })
        .row(CKR_SAVED_STATE_INVALID, "the state was cut off", |c| {
            let state = saved(c);
            restore(c, &state[..state.len() - 1], 0, 0)
        })
        .row(CKR_KEY_NOT_NEEDED, "a key is given, and the saved operation uses none", |c| {
            let state = saved(c);
            assert_eq!(restore(c, &state, c.keys.aes, 0), Err(Rv(CKR_KEY_NOT_NEEDED)));
            restore(c, &state, 0, c.keys.hmac)
        })
        .row(CKR_OK, "another operation is active: it is cancelled", |c| {
            let state = saved(c);
            restore(c, &state, 0, 0)
        });
}
