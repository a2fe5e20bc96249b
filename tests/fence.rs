//! A panic behind the C edge: the host sees `CKR_GENERAL_ERROR`, lives on, and nothing stands on its
//! stderr. Runs with `--features panic-probe`.
#![cfg(feature = "panic-probe")]

use cryptoki_sys::{
    CK_C_INITIALIZE_ARGS, CK_FUNCTION_LIST, CK_INFO, CKF_OS_LOCKING_OK, CKR_GENERAL_ERROR, CKR_OK,
};
use keyward_pkcs11::ffi::interface::C_GetFunctionList;
use std::process::Command;

const CHILD: &str = "KEYWARD_FENCE_CHILD";

#[test]
#[expect(unsafe_code, reason = "calls the C functions as a host would")]
fn panicking_function_answers_general_error_and_prints_nothing() {
    if std::env::var_os(CHILD).is_none() {
        let test = "panicking_function_answers_general_error_and_prints_nothing";
        let child = Command::new(std::env::current_exe().unwrap())
            .args([test, "--exact", "--nocapture", "--test-threads=1"])
            .env(CHILD, "1")
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&child.stderr);
        assert!(child.status.success(), "{stderr}");
        assert!(!stderr.contains("panic"), "{stderr}");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let mut text = format!("store='{}' log=off\0", directory.path().display()).into_bytes();
    let mut arguments = CK_C_INITIALIZE_ARGS {
        pReserved: text.as_mut_ptr().cast(),
        flags: CKF_OS_LOCKING_OK,
        ..CK_C_INITIALIZE_ARGS::default()
    };
    let mut list: *mut CK_FUNCTION_LIST = std::ptr::null_mut();
    // SAFETY: the place is our own.
    assert_eq!(unsafe { C_GetFunctionList(&raw mut list) }, CKR_OK);
    // SAFETY: the library's list lives as long as the process.
    let list = unsafe { &*list };
    // SAFETY: the arguments are our own.
    assert_eq!(unsafe { list.C_Initialize.unwrap()((&raw mut arguments).cast()) }, CKR_OK);
    let mut seed = *b"KEYWARD-PANIC!!!";
    for _ in 0..3 {
        // SAFETY: the seed is our own.
        let code = unsafe { list.C_SeedRandom.unwrap()(1, seed.as_mut_ptr(), 16) };
        assert_eq!(code, CKR_GENERAL_ERROR);
    }
    let mut info = CK_INFO::default();
    // SAFETY: the place is our own.
    assert_eq!(unsafe { list.C_GetInfo.unwrap()(&raw mut info) }, CKR_OK);
    // SAFETY: NULL is what C_Finalize wants.
    assert_eq!(unsafe { list.C_Finalize.unwrap()(std::ptr::null_mut()) }, CKR_OK);
}
