//! C_Initialize and C_Finalize (PKCS#11 3.2, 5.4): the module comes and goes.

use super::{MODULE, fence, library_has_ended, silence_caught_panics};
use crate::api::Module;
use crate::ck::{Error, Result};
use crate::sys::abi::{self, CK_C_INITIALIZE_ARGS, CK_FLAGS, CK_RV};
use crate::sys::fork;
use cryptoki_sys::{CKF_LIBRARY_CANT_CREATE_OS_THREADS, CKF_OS_LOCKING_OK};
use std::cell::Cell;
use std::ffi::c_void;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Longest configuration text in `pReserved`, its end included, in bytes.
const LONGEST_CONFIGURATION: usize = 4096;
/// The first addresses are nobody's. Test programs put a small number where `pReserved` must be NULL.
const FIRST_ADDRESS: usize = 4096;

/// C_Initialize.
///
/// # Safety
/// `arguments` is NULL or points to a `CK_C_INITIALIZE_ARGS`, whose `pReserved` is NULL or points to
/// text that ends with a zero byte.
#[expect(non_snake_case, reason = "the standard's name")]
pub(crate) unsafe extern "C" fn C_Initialize(arguments: *mut c_void) -> CK_RV {
    fence(|| {
        if library_has_ended() {
            return Err(Error::GeneralError);
        }
        let _opening = Opening::begin()?;
        if MODULE.load().is_some() {
            return if adopted() { Ok(()) } else { Err(Error::CryptokiAlreadyInitialized) };
        }
        silence_caught_panics();
        // SAFETY: our own caller vouches for `arguments`.
        let configuration = unsafe { configuration(arguments.cast()) }?;
        let module = Module::open(configuration.as_deref()).map_err(without_token)?;
        MODULE.store(Some(Arc::new(module)));
        adopted();
        Ok(())
    })
}

/// C_Initialize uses no token, so it has no code of a token's (5.1.3): a store that cannot be used is a
/// `CKR_GENERAL_ERROR`. The log has the reason.
fn without_token(error: Error) -> Error {
    match error {
        Error::DeviceError | Error::DeviceMemory | Error::TokenWriteProtected => Error::GeneralError,
        other => other,
    }
}

/// The fork generation in which C_Initialize was last answered with success.
static INITIALIZED_IN: AtomicU32 = AtomicU32::new(0);

/// Whether this C_Initialize is the first in its process. A forked child may call it, as the standard asks,
/// or not, as pre-fork servers do: either way it has the module of its parent, sessions and all. The
/// first call is told that it succeeded, every later one that there was one before.
fn adopted() -> bool {
    // The numbers of `fork` start anywhere but never repeat among a process and its ancestors.
    let now = fork::generation();
    INITIALIZED_IN.swap(now, Ordering::AcqRel) != now
}

/// C_Finalize. Calls that run in other threads end on the module they began with.
///
/// # Safety
/// None beyond the C signature: the pointer is compared with NULL and never followed.
#[expect(non_snake_case, reason = "the standard's name")]
pub(crate) unsafe extern "C" fn C_Finalize(reserved: *mut c_void) -> CK_RV {
    fence(|| {
        if library_has_ended() || MODULE.load().is_none() {
            return Err(Error::CryptokiNotInitialized);
        }
        if !reserved.is_null() {
            return Err(Error::ArgumentsBad);
        }
        // Of two threads that finalise, one finds nothing.
        MODULE.swap(None).map(drop).ok_or(Error::CryptokiNotInitialized)
    })
}

/// The process in which a C_Initialize runs; 0 for none.
pub(super) static OPENING: AtomicU32 = AtomicU32::new(0);

thread_local! {
    /// Whether it is this thread that runs it.
    static OPENING_HERE: Cell<bool> = const { Cell::new(false) };
}

/// Longest time to wait for another thread's C_Initialize. It takes milliseconds; only a thread that waits for
/// a lock of the host's, which the waiting thread holds, could take longer.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// "This C_Initialize runs." Another thread that comes meanwhile waits for its end, so that what it is told
/// next is true. The same thread from further inside (a library that we load may load us) is told at once
/// that the module is initialised: waiting would be a deadlock.
pub(super) struct Opening(());

impl Opening {
    pub(super) fn begin() -> Result<Self> {
        if OPENING_HERE.get() {
            return Err(Error::CryptokiAlreadyInitialized);
        }
        let here = std::process::id();
        let claim = |old| OPENING.compare_exchange(old, here, Ordering::AcqRel, Ordering::Acquire);
        let begun = Instant::now();
        loop {
            match claim(0) {
                Ok(_) => break,
                // Left by a thread of the parent, which does not exist in this forked child.
                Err(other) if other != here => {
                    if claim(other).is_ok() {
                        break;
                    }
                }
                Err(_) if begun.elapsed() < LONGEST_WAIT => std::thread::sleep(Duration::from_micros(200)),
                Err(_) => return Err(Error::CryptokiAlreadyInitialized),
            }
        }
        OPENING_HERE.set(true);
        Ok(Self(()))
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        OPENING_HERE.set(false);
        OPENING.store(0, Ordering::Release);
    }
}

/// Judges the arguments and answers the configuration text, if there is one.
///
/// # Safety
/// As [`C_Initialize`].
unsafe fn configuration(arguments: *const CK_C_INITIALIZE_ARGS) -> Result<Option<String>> {
    if arguments.is_null() {
        return Ok(None);
    }
    // SAFETY: not NULL, so it points to the structure. A function pointer that is there or not has
    // no invalid pattern of bits.
    let arguments = unsafe { abi::read(arguments) }?;
    locking(&arguments)?;
    // SAFETY: our own caller vouches for `pReserved`.
    unsafe { text(arguments.pReserved.cast()) }
}

/// The four ways to ask for thread safety (PKCS#11 3.2, C_Initialize). We only have the system's.
fn locking(arguments: &CK_C_INITIALIZE_ARGS) -> Result<()> {
    const KNOWN: CK_FLAGS = CKF_OS_LOCKING_OK | CKF_LIBRARY_CANT_CREATE_OS_THREADS;
    let flags = arguments.flags;
    if flags & !KNOWN != 0 {
        return Err(Error::ArgumentsBad);
    }
    let callbacks = [
        { arguments.CreateMutex }.is_some(),
        { arguments.DestroyMutex }.is_some(),
        { arguments.LockMutex }.is_some(),
        { arguments.UnlockMutex }.is_some(),
    ];
    match callbacks {
        [false, false, false, false] => Ok(()),
        [true, true, true, true] if flags & CKF_OS_LOCKING_OK != 0 => Ok(()),
        [true, true, true, true] => Err(Error::CantLock),
        _ => Err(Error::ArgumentsBad),
    }
}

/// `pReserved`. The standard wants NULL; NSS and p11-kit hand the user's configuration text over in
/// it. Anything that is not such a text is refused, as the standard says.
///
/// # Safety
/// `start` is NULL, below [`FIRST_ADDRESS`], or leads to text that ends with a zero byte.
unsafe fn text(start: *const u8) -> Result<Option<String>> {
    if start.is_null() {
        return Ok(None);
    }
    if start.addr() < FIRST_ADDRESS {
        return Err(Error::ArgumentsBad);
    }
    let mut text = Vec::new();
    for at in 0..LONGEST_CONFIGURATION {
        // SAFETY: the caller vouches for every byte up to the zero byte, and no zero byte came yet.
        let byte = unsafe { abi::read(start.wrapping_add(at)) }?;
        if byte == 0 {
            return sensible(text);
        }
        text.push(byte);
    }
    Err(Error::ArgumentsBad)
}

fn sensible(text: Vec<u8>) -> Result<Option<String>> {
    let text = String::from_utf8(text).map_err(|_| Error::ArgumentsBad)?;
    if text.trim().is_empty() {
        return Ok(None);
    }
    let looks_like_pairs =
        text.contains('=') && !text.contains(|c: char| c.is_control() && !c.is_whitespace());
    if looks_like_pairs { Ok(Some(text)) } else { Err(Error::ArgumentsBad) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ptr::{null, null_mut};

    unsafe extern "C" fn create(_: *mut *mut c_void) -> CK_RV {
        0
    }

    unsafe extern "C" fn other(_: *mut c_void) -> CK_RV {
        0
    }

    const PLAIN: CK_C_INITIALIZE_ARGS = CK_C_INITIALIZE_ARGS {
        CreateMutex: None,
        DestroyMutex: None,
        LockMutex: None,
        UnlockMutex: None,
        flags: 0,
        pReserved: null_mut(),
    };
    const CALLBACKS: CK_C_INITIALIZE_ARGS = CK_C_INITIALIZE_ARGS {
        CreateMutex: Some(create),
        DestroyMutex: Some(other),
        LockMutex: Some(other),
        UnlockMutex: Some(other),
        ..PLAIN
    };

    fn judged(arguments: CK_C_INITIALIZE_ARGS) -> Result<Option<String>> {
        // SAFETY: the structure is our own; its text, where there is one, ends with a zero byte.
        unsafe { configuration(&raw const arguments) }
    }

    fn judged_text(text: &[u8]) -> Result<Option<String>> {
        judged(CK_C_INITIALIZE_ARGS { pReserved: text.as_ptr().cast_mut().cast(), ..PLAIN })
    }

    #[test]
    fn configuration_of_nothing_is_none() {
        // SAFETY: NULL is allowed.
        assert_eq!(unsafe { configuration(null()) }, Ok(None));
        assert_eq!(judged(PLAIN), Ok(None));
        assert_eq!(judged_text(b"\0"), Ok(None));
        assert_eq!(judged_text(b" \n\0"), Ok(None));
    }

    #[test]
    fn locking_follows_the_four_ways() {
        let both = CKF_OS_LOCKING_OK | CKF_LIBRARY_CANT_CREATE_OS_THREADS;
        for flags in [0, CKF_OS_LOCKING_OK, CKF_LIBRARY_CANT_CREATE_OS_THREADS, both] {
            assert_eq!(judged(CK_C_INITIALIZE_ARGS { flags, ..PLAIN }), Ok(None));
        }
        assert_eq!(judged(CALLBACKS), Err(Error::CantLock));
        assert_eq!(judged(CK_C_INITIALIZE_ARGS { flags: CKF_OS_LOCKING_OK, ..CALLBACKS }), Ok(None));
        assert_eq!(judged(CK_C_INITIALIZE_ARGS { flags: 4, ..PLAIN }), Err(Error::ArgumentsBad));
    }

    #[test]
    fn locking_with_some_callbacks_is_refused() {
        for some in [
            CK_C_INITIALIZE_ARGS { CreateMutex: None, ..CALLBACKS },
            CK_C_INITIALIZE_ARGS { DestroyMutex: None, ..CALLBACKS },
            CK_C_INITIALIZE_ARGS { LockMutex: None, ..CALLBACKS },
            CK_C_INITIALIZE_ARGS { UnlockMutex: None, ..CALLBACKS },
        ] {
            for flags in [0, CKF_OS_LOCKING_OK] {
                assert_eq!(judged(CK_C_INITIALIZE_ARGS { flags, ..some }), Err(Error::ArgumentsBad));
            }
        }
    }

    #[test]
    fn configuration_text_is_taken_where_it_is_one() {
        let text = "configdir='/srv/keys' tokens='one two'";
        assert_eq!(judged_text(format!("{text}\0").as_bytes()), Ok(Some(text.to_owned())));
        for wrong in [&b"x\0"[..], b"\xFF='1'\0", b"a='\x01'\0", &[b'='; LONGEST_CONFIGURATION]] {
            assert_eq!(judged_text(wrong), Err(Error::ArgumentsBad));
        }
        let longest = [&[b'='; LONGEST_CONFIGURATION - 1][..], b"\0"].concat();
        assert!(judged_text(&longest).is_ok());
    }

    #[test]
    fn configuration_at_a_small_number_is_refused() {
        for number in [1, 8, FIRST_ADDRESS - 1] {
            let reserved = std::ptr::without_provenance_mut(number);
            assert_eq!(
                judged(CK_C_INITIALIZE_ARGS { pReserved: reserved, ..PLAIN }),
                Err(Error::ArgumentsBad)
            );
        }
    }
}
