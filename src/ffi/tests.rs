//! The edge as C sees it: through the function lists, with NULL and wild values. What a function does
//! with good arguments is tested where it is done.

use super::entries::{LIST_2_40, LIST_3_0, LIST_3_2, with_null_pointers};
use super::initialize::{OPENING, Opening};
use super::interface::{C_GetFunctionList, C_GetInterface, C_GetInterfaceList};
use super::{enter, fence};
use crate::ck::{CK_ULONG, Error, ObjectHandle, SessionHandle};
use crate::sys::abi::{
    CK_C_INITIALIZE_ARGS, CK_FLAGS, CK_FUNCTION_LIST, CK_FUNCTION_LIST_3_0, CK_FUNCTION_LIST_3_2, CK_INFO,
    CK_INTERFACE, CK_NOTIFY, CK_RV, CK_VERSION,
};
use cryptoki_sys::*;
use parking_lot::{Mutex, MutexGuard};
use std::ffi::c_void;
use std::ptr::{null_mut, without_provenance_mut};
use std::sync::atomic::Ordering;

/// Calls a C function with NULL for each pointer and one number for everything else.
pub(crate) trait WithNullPointers {
    fn with_null_pointers(self) -> Box<dyn Fn(CK_ULONG) -> CK_RV>;
}

trait Argument {
    fn of(number: CK_ULONG) -> Self;
}

impl Argument for CK_ULONG {
    fn of(number: CK_ULONG) -> Self {
        number
    }
}

impl Argument for u8 {
    fn of(number: CK_ULONG) -> Self {
        number.to_le_bytes()[0]
    }
}

impl<T> Argument for *mut T {
    fn of(_: CK_ULONG) -> Self {
        null_mut()
    }
}

impl Argument for CK_NOTIFY {
    fn of(_: CK_ULONG) -> Self {
        None
    }
}

macro_rules! arity {
    ($($argument:ident)*) => {
        impl<$($argument: Argument + 'static),*> WithNullPointers
            for unsafe extern "C" fn($($argument),*) -> CK_RV
        {
            fn with_null_pointers(self) -> Box<dyn Fn(CK_ULONG) -> CK_RV> {
                Box::new(move |number| {
                    // SAFETY: every function takes NULL for a pointer, whatever the numbers say.
                    unsafe { self($($argument::of(number)),*) }
                })
            }
        }
    };
}

arity!(A);
arity!(A B);
arity!(A B C);
arity!(A B C D);
arity!(A B C D E);
arity!(A B C D E F);
arity!(A B C D E F G);
arity!(A B C D E F G H);
arity!(A B C D E F G H I);
arity!(A B C D E F G H I J);

/// Functions that work without C_Initialize, or are it.
const WITHOUT_MODULE: [&str; 5] =
    ["C_Initialize", "C_Finalize", "C_GetFunctionList", "C_GetInterfaceList", "C_GetInterface"];
const WILD: [CK_ULONG; 5] = [0, 1, 7, CK_ULONG::MAX / 2 + 1, CK_ULONG::MAX];

/// The module of the process is one, so tests that touch it go one after the other.
static ALONE: Mutex<()> = Mutex::new(());

fn initialize(arguments: *mut c_void) -> CK_RV {
    // SAFETY: the tests pass NULL or arguments of their own.
    unsafe { LIST_3_2.C_Initialize.unwrap()(arguments) }
}

fn finalize(reserved: *mut c_void) -> CK_RV {
    // SAFETY: the pointer is never followed.
    unsafe { LIST_3_2.C_Finalize.unwrap()(reserved) }
}

/// A module with a store of its own, from C_Initialize to C_Finalize.
struct Initialized {
    _directory: tempfile::TempDir,
    _alone: MutexGuard<'static, ()>,
}

impl Initialized {
    fn new() -> Self {
        let alone = ALONE.lock();
        let directory = tempfile::tempdir().unwrap();
        let mut text = format!("store='{}' log=off\0", directory.path().display()).into_bytes();
        let mut arguments = CK_C_INITIALIZE_ARGS {
            pReserved: text.as_mut_ptr().cast(),
            flags: CKF_OS_LOCKING_OK,
            ..CK_C_INITIALIZE_ARGS::default()
        };
        assert_eq!(initialize((&raw mut arguments).cast()), CKR_OK);
        Self { _directory: directory, _alone: alone }
    }
}

impl Drop for Initialized {
    fn drop(&mut self) {
        finalize(null_mut());
    }
}

#[test]
fn every_function_before_initialize_says_so() {
    let _alone = ALONE.lock();
    for (name, call) in with_null_pointers() {
        if !WITHOUT_MODULE.contains(&name) {
            for number in WILD {
                assert_eq!(call(number), CKR_CRYPTOKI_NOT_INITIALIZED, "{name} {number}");
            }
        }
    }
}

#[test]
fn every_function_with_null_pointers_and_wild_numbers_answers_a_code() {
    let _module = Initialized::new();
    for (name, call) in with_null_pointers() {
        if matches!(name, "C_Initialize" | "C_Finalize") {
            continue;
        }
        for number in WILD {
            let code = call(number);
            assert!(code == CKR_OK || Error::from_code(code).is_some(), "{name} {number} {code:#x}");
            assert_ne!(code, CKR_GENERAL_ERROR, "{name} {number}");
            assert_ne!(code, CKR_CRYPTOKI_NOT_INITIALIZED, "{name} {number}");
            assert_ne!(code, CKR_FUNCTION_NOT_SUPPORTED, "{name} {number}");
        }
    }
}

#[test]
fn parallel_functions_without_a_session_say_so_first() {
    let _module = Initialized::new();
    for session in WILD {
        // SAFETY: the functions take no pointer.
        let status = unsafe { LIST_3_2.C_GetFunctionStatus.unwrap()(session) };
        // SAFETY: as above.
        let cancel = unsafe { LIST_3_2.C_CancelFunction.unwrap()(session) };
        assert_eq!((status, cancel), (CKR_SESSION_HANDLE_INVALID, CKR_SESSION_HANDLE_INVALID));
    }
}

/// The pointers of a function list, as numbers.
fn pointers<T>(list: &'static T) -> &'static [usize] {
    let words = size_of::<T>() / size_of::<usize>();
    // SAFETY: a list is a version, padded to a pointer, and pointers. (On Windows it is packed.)
    let words = unsafe { std::slice::from_raw_parts(std::ptr::from_ref(list).cast::<usize>(), words) };
    &words[1..]
}

#[test]
#[cfg(not(windows))]
fn function_lists_are_complete_and_share_their_functions() {
    let (old, newer, newest) = (pointers(&LIST_2_40), pointers(&LIST_3_0), pointers(&LIST_3_2));
    assert_eq!((old.len(), newer.len(), newest.len()), (68, 92, 104));
    assert!(newest.iter().all(|pointer| *pointer != 0));
    assert_eq!(old, &newest[..68]);
    assert_eq!(newer, &newest[..92]);
    assert_eq!(with_null_pointers().len(), 104);
}

#[test]
fn get_function_list_gives_version_2_40_or_refuses_null() {
    let mut list: *mut CK_FUNCTION_LIST = null_mut();
    // SAFETY: the place is our own.
    assert_eq!(unsafe { C_GetFunctionList(&raw mut list) }, CKR_OK);
    assert!(std::ptr::eq(list, &raw const LIST_2_40));
    // SAFETY: NULL is allowed.
    assert_eq!(unsafe { C_GetFunctionList(null_mut()) }, CKR_ARGUMENTS_BAD);
}

#[test]
fn get_interface_list_follows_the_two_call_rule() {
    let mut count = 77;
    let mut list = [CK_INTERFACE::default(); 3];
    let get = |list: *mut CK_INTERFACE, count: *mut CK_ULONG| {
        // SAFETY: the memory is our own, or NULL.
        unsafe { C_GetInterfaceList(list, count) }
    };
    assert_eq!(get(null_mut(), null_mut()), CKR_ARGUMENTS_BAD);
    assert_eq!((get(null_mut(), &raw mut count), count), (CKR_OK, 3));
    count = 2;
    assert_eq!((get(list.as_mut_ptr(), &raw mut count), count), (CKR_BUFFER_TOO_SMALL, 3));
    assert!(list[0].pFunctionList.is_null());
    assert_eq!((get(list.as_mut_ptr(), &raw mut count), count), (CKR_OK, 3));
    let versions = list.map(|interface| version_of(&interface));
    assert_eq!(versions, [(3, 2), (3, 0), (2, 40)]);
}

fn version_of(interface: &CK_INTERFACE) -> (u8, u8) {
    // SAFETY: every function list begins with its version.
    let version = unsafe { *interface.pFunctionList.cast::<CK_VERSION>() };
    (version.major, version.minor)
}

/// C_GetInterface: the version found.
fn interface(name: Option<&[u8]>, version: Option<(u8, u8)>, flags: CK_FLAGS) -> Result<(u8, u8), CK_RV> {
    let mut version = version.map(|(major, minor)| CK_VERSION { major, minor });
    let mut found: *mut CK_INTERFACE = null_mut();
    let name = name.map_or(null_mut(), |name| name.as_ptr().cast_mut());
    let version = version.as_mut().map_or(null_mut(), std::ptr::from_mut);
    // SAFETY: the memory is our own; the names end with a zero byte or differ before.
    let code = unsafe { C_GetInterface(name, version, &raw mut found, flags) };
    if code != CKR_OK {
        return Err(code);
    }
    // SAFETY: found, so it leads to an interface of the library.
    Ok(version_of(unsafe { &*found }))
}

#[test]
fn get_interface_with_every_wish_finds_the_newest_that_fits() {
    let name = Some(&b"PKCS 11\0"[..]);
    assert_eq!(interface(None, None, 0), Ok((3, 2)));
    assert_eq!(interface(name, None, CKF_INTERFACE_FORK_SAFE), Ok((3, 2)));
    for version in [(3, 2), (3, 0), (2, 40)] {
        assert_eq!(interface(name, Some(version), CKF_INTERFACE_FORK_SAFE), Ok(version));
        assert_eq!(interface(None, Some(version), 0), Ok(version));
    }
}

#[test]
fn get_interface_without_match_is_refused() {
    for name in [&b"PKCS 1\0"[..], b"PKCS 111\0", b"\0", b"Vendor keyward\0"] {
        assert_eq!(interface(Some(name), None, 0), Err(CKR_ARGUMENTS_BAD));
    }
    for version in [(3, 1), (2, 20), (4, 0)] {
        assert_eq!(interface(None, Some(version), 0), Err(CKR_ARGUMENTS_BAD));
    }
    assert_eq!(interface(None, None, 2), Err(CKR_ARGUMENTS_BAD));
    // SAFETY: NULL is allowed everywhere.
    let nowhere = unsafe { C_GetInterface(null_mut(), null_mut(), null_mut(), 0) };
    assert_eq!(nowhere, CKR_ARGUMENTS_BAD);
}

#[test]
fn initialize_twice_says_so_and_finalize_ends_it() {
    {
        let _module = Initialized::new();
        assert_eq!(initialize(null_mut()), CKR_CRYPTOKI_ALREADY_INITIALIZED);
        assert_eq!(initialize(without_provenance_mut(1)), CKR_CRYPTOKI_ALREADY_INITIALIZED);
        assert_eq!(finalize(without_provenance_mut(1)), CKR_ARGUMENTS_BAD);
        assert_eq!(finalize(null_mut()), CKR_OK);
        assert_eq!(finalize(null_mut()), CKR_CRYPTOKI_NOT_INITIALIZED);
    }
    let _again = Initialized::new();
}

#[test]
fn initialize_with_bad_arguments_leaves_nothing_behind() {
    let _alone = ALONE.lock();
    let mut arguments =
        CK_C_INITIALIZE_ARGS { pReserved: without_provenance_mut(1), ..CK_C_INITIALIZE_ARGS::default() };
    for _ in 0..2 {
        assert_eq!(initialize((&raw mut arguments).cast()), CKR_ARGUMENTS_BAD);
    }
    assert_eq!(finalize(null_mut()), CKR_CRYPTOKI_NOT_INITIALIZED);
}

#[test]
fn initialize_from_inside_itself_does_not_wait() {
    let _alone = ALONE.lock();
    let opening = Opening::begin().unwrap();
    assert_eq!(initialize(null_mut()), CKR_CRYPTOKI_ALREADY_INITIALIZED);
    drop(opening);
    assert_eq!(finalize(null_mut()), CKR_CRYPTOKI_NOT_INITIALIZED);
}

#[test]
fn initialize_while_another_thread_is_inside_waits_for_its_end() {
    let _alone = ALONE.lock();
    let opening = Opening::begin().unwrap();
    std::thread::scope(|scope| {
        // Arguments that are refused, so that what is waited for is all that happens.
        let other = scope.spawn(|| {
            let mut arguments = CK_C_INITIALIZE_ARGS { flags: 4, ..CK_C_INITIALIZE_ARGS::default() };
            initialize((&raw mut arguments).cast())
        });
        while !other.is_finished() && OPENING.load(Ordering::Acquire) == 0 {
            std::thread::yield_now();
        }
        assert!(!other.is_finished());
        drop(opening);
        assert_eq!(other.join().unwrap(), CKR_ARGUMENTS_BAD);
    });
}

#[test]
fn initialize_in_a_child_of_a_process_that_was_inside_it_works() {
    {
        let _alone = ALONE.lock();
        OPENING.store(std::process::id() + 1, Ordering::Release);
        let mut arguments = CK_C_INITIALIZE_ARGS { flags: 4, ..CK_C_INITIALIZE_ARGS::default() };
        // The claim is taken over, so the call comes as far as its arguments.
        assert_eq!(initialize((&raw mut arguments).cast()), CKR_ARGUMENTS_BAD);
        assert_eq!(OPENING.load(Ordering::Acquire), 0);
    }
    let _module = Initialized::new();
}

#[test]
fn get_info_names_the_version_of_the_standard() {
    let _module = Initialized::new();
    let mut info = CK_INFO::default();
    // SAFETY: the place is our own.
    assert_eq!(unsafe { LIST_3_2.C_GetInfo.unwrap()(&raw mut info) }, CKR_OK);
    let version = { info.cryptokiVersion };
    assert_eq!((version.major, version.minor), (3, 2));
    assert!({ info.manufacturerID }.starts_with(b"keyward"));
}

#[test]
fn enter_keeps_its_module_over_finalize() {
    let _module = Initialized::new();
    let code = enter("C_GetInfo", None, |m| {
        assert_eq!(finalize(null_mut()), CKR_OK);
        let _ = crate::api::general::info(m);
        Ok(())
    });
    assert_eq!(code, CKR_OK);
    assert_eq!(enter("C_GetInfo", None, |_| Ok(())), CKR_CRYPTOKI_NOT_INITIALIZED);
}

#[test]
fn enter_passes_errors_and_keeps_them_for_a_session_that_may_exist() {
    let _module = Initialized::new();
    for error in [Error::DataInvalid, Error::BufferTooSmall] {
        assert_eq!(enter("C_GetInfo", Some(SessionHandle(1)), |_| Err(error)), error.code());
    }
    assert_eq!(enter("C_GetInfo", None, |_| Err(Error::ArgumentsBad)), CKR_ARGUMENTS_BAD);
    let code = enter("C_GetInfo", Some(SessionHandle(0)), |_| Err(Error::ArgumentsBad));
    assert!(matches!(code, CKR_ARGUMENTS_BAD | CKR_SESSION_HANDLE_INVALID));
}

#[test]
fn fence_turns_a_panic_into_general_error_again_and_again() {
    super::silence_caught_panics();
    for _ in 0..3 {
        assert_eq!(fence(|| panic!("behind the fence")), CKR_GENERAL_ERROR);
        assert_eq!(fence(|| Ok(())), CKR_OK);
        assert!(!super::BEHIND_FENCE.get());
    }
}

#[test]
fn fence_inside_a_fence_keeps_the_outer_one() {
    let code = fence(|| {
        assert_eq!(fence(|| panic!("inside")), CKR_GENERAL_ERROR);
        assert!(super::BEHIND_FENCE.get());
        Ok(())
    });
    assert_eq!(code, CKR_OK);
}

#[test]
fn generate_key_pair_with_one_handle_place_is_refused() {
    let _module = Initialized::new();
    let mut handle: CK_OBJECT_HANDLE = 77;
    let place = &raw mut handle;
    for (public, private) in [(null_mut(), place), (place, null_mut())] {
        // SAFETY: the place is our own, the rest NULL.
        let code = unsafe {
            LIST_3_2.C_GenerateKeyPair.unwrap()(0, null_mut(), null_mut(), 0, null_mut(), 0, public, private)
        };
        assert!(matches!(code, CKR_ARGUMENTS_BAD | CKR_SESSION_HANDLE_INVALID));
    }
    assert_eq!(handle, 77);
}

#[test]
fn handles_keep_their_numbers_both_ways() {
    for number in [0, 1, CK_ULONG::MAX] {
        assert_eq!(super::borrow::ulong(super::borrow::object_handle(number).0), number);
        assert_eq!(super::borrow::ulong(super::borrow::session_handle(number).0), number);
        assert_eq!(super::borrow::ulong(super::borrow::slot_id(number).0), number);
    }
    assert_eq!(super::borrow::object_handle(5), ObjectHandle(5));
}

#[cfg(feature = "panic-probe")]
#[test]
fn seed_random_with_the_panic_probe_is_caught() {
    let _module = Initialized::new();
    let mut seed = *super::PANIC_PROBE;
    // SAFETY: the seed is our own.
    let code = unsafe { LIST_3_2.C_SeedRandom.unwrap()(1, seed.as_mut_ptr(), 16) };
    assert_eq!(code, CKR_GENERAL_ERROR);
    let mut info = CK_INFO::default();
    // SAFETY: the place is our own.
    assert_eq!(unsafe { LIST_3_2.C_GetInfo.unwrap()(&raw mut info) }, CKR_OK);
}

// The types of the lists are `cryptoki-sys`'s: a function with another signature does not compile.
const _: (&CK_FUNCTION_LIST, &CK_FUNCTION_LIST_3_0, &CK_FUNCTION_LIST_3_2) =
    (&LIST_2_40, &LIST_3_0, &LIST_3_2);
