//! General-purpose functions, slots and tokens (5.4, 5.5).

use super::scene::Scene;
use super::{Stage, Table};
use crate::call;
use crate::client::*;
use cryptoki_sys::*;
use std::ffi::c_void;
use std::ptr::{null_mut, without_provenance_mut};

unsafe extern "C" fn create(_: *mut *mut c_void) -> CK_RV {
    CKR_OK
}

unsafe extern "C" fn other(_: *mut c_void) -> CK_RV {
    CKR_OK
}

fn initialize(c: &Scene<'_>, mut arguments: CK_C_INITIALIZE_ARGS) -> Answer<()> {
    call!(c.module, C_Initialize, (&raw mut arguments).cast())
}

fn callbacks(flags: CK_FLAGS) -> CK_C_INITIALIZE_ARGS {
    CK_C_INITIALIZE_ARGS {
        CreateMutex: Some(create),
        DestroyMutex: Some(other),
        LockMutex: Some(other),
        UnlockMutex: Some(other),
        flags,
        pReserved: null_mut(),
    }
}

pub fn rows(t: &mut Table) {
    initialization(t);
    interfaces(t);
    slots(t);
    mechanisms(t);
    init_token(t);
}

fn initialization(t: &mut Table) {
    t.on("C_Initialize", Stage::Before)
        .row(CKR_ARGUMENTS_BAD, "some of the four mutex functions are given, and not all", |c| {
            initialize(c, CK_C_INITIALIZE_ARGS { LockMutex: None, ..callbacks(CKF_OS_LOCKING_OK) })
        })
        .row(CKR_ARGUMENTS_BAD, "an unknown flag is set", |c| {
            initialize(c, CK_C_INITIALIZE_ARGS { flags: 1 << 20, ..CK_C_INITIALIZE_ARGS::default() })
        })
        .row(CKR_ARGUMENTS_BAD, "pReserved is neither NULL nor a configuration text", |c| {
            let reserved = without_provenance_mut(8);
            initialize(c, CK_C_INITIALIZE_ARGS { pReserved: reserved, ..CK_C_INITIALIZE_ARGS::default() })
        })
        .row(CKR_CANT_LOCK, "the mutex functions are to be used and nothing else", |c| {
            initialize(c, callbacks(0))
        })
        .row(CKR_GENERAL_ERROR, "the store of the configuration cannot be opened or made", |c| {
            c.module.initialize("store='/dev/null/store' log='off'")
        });
    t.on("C_Initialize", Stage::Nobody).row(
        CKR_CRYPTOKI_ALREADY_INITIALIZED,
        "C_Initialize was called before, and C_Finalize was not",
        |c| call!(c.module, C_Initialize, null_mut()),
    );
    t.on("C_Finalize", Stage::Nobody).row(CKR_ARGUMENTS_BAD, "pReserved is not NULL", |c| {
        call!(c.module, C_Finalize, without_provenance_mut(8))
    });
    t.on("C_Finalize", Stage::Apart).row(CKR_CRYPTOKI_NOT_INITIALIZED, "C_Finalize was called before", |c| {
        c.module.finalize().unwrap();
        c.module.finalize()
    });
    t.on("C_GetInfo", Stage::Nobody)
        .row(CKR_ARGUMENTS_BAD, "pInfo is NULL", |c| call!(c.module, C_GetInfo, null_mut()));
}

fn interfaces(t: &mut Table) {
    fn get(c: &Scene<'_>, name: *mut u8, version: *mut CK_VERSION, flags: CK_FLAGS) -> Answer<()> {
        let mut found = null_mut();
        call!(c.module, C_GetInterface, name, version, &raw mut found, flags)
    }
    t.on("C_GetFunctionList", Stage::Before)
        .row(CKR_ARGUMENTS_BAD, "ppFunctionList is NULL", |c| call!(c.module, C_GetFunctionList, null_mut()));
    t.on("C_GetInterfaceList", Stage::Before)
        .row(CKR_ARGUMENTS_BAD, "pulCount is NULL", |c| {
            call!(c.module, C_GetInterfaceList, null_mut(), null_mut())
        })
        .row(CKR_BUFFER_TOO_SMALL, "there is room for fewer interfaces than there are", |c| {
            let (mut list, mut count) = ([CK_INTERFACE::default(); 1], 1);
            call!(c.module, C_GetInterfaceList, list.as_mut_ptr(), &raw mut count)
        });
    t.on("C_GetInterface", Stage::Before)
        .row(CKR_ARGUMENTS_BAD, "ppInterface is NULL", |c| {
            call!(c.module, C_GetInterface, null_mut(), null_mut(), null_mut(), 0)
        })
        .row(CKR_ARGUMENTS_BAD, "there is no interface of that name", |c| {
            get(c, c"Vendor".as_ptr().cast_mut().cast(), null_mut(), 0)
        })
        .row(CKR_ARGUMENTS_BAD, "there is no interface of that version", |c| {
            let mut version = CK_VERSION { major: 9, minor: 9 };
            get(c, null_mut(), &raw mut version, 0)
        })
        .row(CKR_ARGUMENTS_BAD, "there is no interface with those flags", |c| {
            get(c, null_mut(), null_mut(), 1 << 20)
        });
}

fn slots(t: &mut Table) {
    t.on("C_GetSlotList", Stage::Nobody)
        .row(CKR_ARGUMENTS_BAD, "pulCount is NULL", |c| {
            call!(c.module, C_GetSlotList, CK_TRUE, null_mut(), null_mut())
        })
        .row(CKR_BUFFER_TOO_SMALL, "there is room for fewer slots than there are", |c| {
            let (mut slots, mut count) = ([0; 1], 1);
            call!(c.module, C_GetSlotList, CK_TRUE, slots.as_mut_ptr(), &raw mut count)
        });
    t.on("C_GetSlotInfo", Stage::Nobody)
        .row(CKR_ARGUMENTS_BAD, "pInfo is NULL", |c| call!(c.module, C_GetSlotInfo, c.slot(), null_mut()))
        .row(CKR_SLOT_ID_INVALID, "there is no such slot", |c| {
            let mut info = CK_SLOT_INFO::default();
            call!(c.module, C_GetSlotInfo, CK_ULONG::MAX, &raw mut info)
        });
    t.on("C_GetTokenInfo", Stage::Nobody)
        .row(CKR_ARGUMENTS_BAD, "pInfo is NULL", |c| call!(c.module, C_GetTokenInfo, c.slot(), null_mut()))
        .row(CKR_SLOT_ID_INVALID, "there is no such slot", |c| c.module.token_info(CK_ULONG::MAX).map(drop));
    t.on("C_WaitForSlotEvent", Stage::Nobody)
        .row(CKR_ARGUMENTS_BAD, "pSlot is NULL", |c| {
            call!(c.module, C_WaitForSlotEvent, CKF_DONT_BLOCK, null_mut(), null_mut())
        })
        .row(CKR_ARGUMENTS_BAD, "pReserved is not NULL", |c| {
            let mut slot = 0;
            call!(c.module, C_WaitForSlotEvent, CKF_DONT_BLOCK, &raw mut slot, without_provenance_mut(8))
        });
    t.on("C_WaitForSlotEvent", Stage::Apart).row(
        CKR_NO_EVENT,
        "CKF_DONT_BLOCK is set and nothing has happened in any slot",
        |c| {
            // A module that has just begun knows of no event.
            c.module.finalize().unwrap();
            c.world().start();
            let mut slot = 0;
            call!(c.module, C_WaitForSlotEvent, CKF_DONT_BLOCK, &raw mut slot, null_mut())
        },
    );
}

fn mechanisms(t: &mut Table) {
    t.on("C_GetMechanismList", Stage::Nobody)
        .row(CKR_ARGUMENTS_BAD, "pulCount is NULL", |c| {
            call!(c.module, C_GetMechanismList, c.slot(), null_mut(), null_mut())
        })
        .row(CKR_SLOT_ID_INVALID, "there is no such slot", |c| c.module.mechanisms(CK_ULONG::MAX).map(drop))
        .row(CKR_BUFFER_TOO_SMALL, "there is room for fewer mechanisms than there are", |c| {
            let (mut list, mut count) = ([0; 1], 1);
            call!(c.module, C_GetMechanismList, c.slot(), list.as_mut_ptr(), &raw mut count)
        });
    t.on("C_GetMechanismInfo", Stage::Nobody)
        .row(CKR_ARGUMENTS_BAD, "pInfo is NULL", |c| {
            call!(c.module, C_GetMechanismInfo, c.slot(), CKM_SHA256, null_mut())
        })
        .row(CKR_SLOT_ID_INVALID, "there is no such slot", |c| {
            c.module.mechanism_info(CK_ULONG::MAX, CKM_SHA256).map(drop)
        })
        .row(CKR_MECHANISM_INVALID, "the token does not have the mechanism", |c| {
            c.module.mechanism_info(c.slot(), 0x7FFF_FFFF).map(drop)
        });
}

fn init_token(t: &mut Table) {
    fn wrong_pins(c: &Scene<'_>) {
        c.session.close().unwrap();
        for _ in 0..10 {
            assert_eq!(c.module.init_token(c.slot(), "wrong", "again"), Err(Rv(CKR_PIN_INCORRECT)));
        }
    }
    t.on("C_InitToken", Stage::Nobody)
        .row(CKR_ARGUMENTS_BAD, "pLabel is NULL", |c| {
            let mut pin = *b"12345678";
            call!(c.module, C_InitToken, c.free_slot(), pin.as_mut_ptr(), 8, null_mut())
        })
        .row(CKR_ARGUMENTS_BAD, "pPin is NULL, and there is no other way to give a PIN", |c| {
            let mut label = [b' '; 32];
            call!(c.module, C_InitToken, c.free_slot(), null_mut(), 0, label.as_mut_ptr())
        })
        .row(CKR_SLOT_ID_INVALID, "there is no such slot", |c| {
            c.module.init_token(CK_ULONG::MAX, SO_PIN, "x")
        })
        .row(CKR_SESSION_EXISTS, "a session with the token is open", |c| {
            c.module.init_token(c.slot(), SO_PIN, "again")
        })
        .row(CKR_PIN_LEN_RANGE, "the PIN of a new token is shorter or longer than the policy allows", |c| {
            let long = "x".repeat(256);
            assert_eq!(c.module.init_token(c.free_slot(), &long, "new"), Err(Rv(CKR_PIN_LEN_RANGE)));
            c.module.init_token(c.free_slot(), "123", "new")
        });
    t.on("C_InitToken", Stage::Apart)
        .row(CKR_PIN_INCORRECT, "the token is initialised and the PIN is not its SO's", |c| {
            c.session.close().unwrap();
            c.module.init_token(c.slot(), "wrong", "again")
        })
        .row(CKR_PIN_LOCKED, "the policy's number of wrong PINs was given", |c| {
            wrong_pins(c);
            c.module.init_token(c.slot(), SO_PIN, "again")
        });
}
