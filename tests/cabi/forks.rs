//! Forked children. What [`processes`](super::processes) shows with a store and a login between two processes is shown
//! here for what goes on inside one: when the fork comes, and what other threads do then.
//!
//! The sentences of the design on processes, forks and threads, and what shows each:
//!
//! | sentence | test |
//! |---|---|
//! | the child keeps sessions, logins and handles | `processes::forked_child_uses_its_parents_session_and_login` |
//! | it reopens the store lazily | the same; `store_fork` |
//! | it reseeds | [`random_numbers_of_parent_children_and_grandchildren_differ`] |
//! | CKF_INTERFACE_FORK_SAFE is set | [`interface_says_that_it_is_safe_to_fork`] |
//! | a child may call C_Initialize or not | [`child_that_initializes_is_told_so_once_and_keeps_all`] |
//! | a child may call C_Finalize | `processes::forked_child_may_finalize_and_initialize_again` |
//! | forks while others work | `processes::two_hundred_forks_while_four_threads_sign`, [`forks_amid_sessions_objects_and_random_numbers`] |
//! | forks while others initialise | [`forks_amid_initialize_and_finalize_never_hang`] |
//! | no background threads, no signal handlers | `loading::module_starts_no_thread_and_takes_no_signal` |
//! | exit without C_Finalize, late calls | `threads::exit_without_finalize_with_a_late_call_is_harmless` |
//! | dlclose in any order | `loading::*`, `threads::load_and_unload_two_hundred_times` |
//! | C_Finalize while others compute | `threads::finalize_amid_work_answers_codes_and_harms_nothing` |
//! | re-entrant | `ffi::tests` (a C_Initialize inside a C_Initialize), `pkcs11-tests` with OpenSSL's provider |
//! | the host's libcrypto is not touched | `loading::every_order_of_four_libraries_works`, `exports` |
//! | C_Initialize honours its arguments | `ffi::initialize`, [`mutex_callbacks_need_the_systems_locks_beside_them`] |

use super::client::*;
use super::processes::{fork, reap};
use crate::{alone, call};
use cryptoki_sys::*;
use std::collections::HashSet;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, Ordering};

fn random(session: Session<'_>) -> [u8; 32] {
    let mut random = [0; 32];
    call!(session.module, C_GenerateRandom, session.handle, random.as_mut_ptr(), 32).unwrap();
    random
}

/// Runs `work` while the threads of `others` work until it is done.
fn amid(others: &[&(dyn Fn() + Sync)], work: impl FnOnce(&AtomicBool)) {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for other in others {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    other();
                }
            });
        }
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(&stop)));
        stop.store(true, Ordering::Relaxed);
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
    });
}

alone! {
    fn random_numbers_of_parent_children_and_grandchildren_differ() {
        let world = World::new();
        let session = world.module.read_write(world.slot);
        let mut seen = HashSet::from([random(session)]);
        for _ in 0..20 {
            let (mut ours, theirs) = UnixStream::pair().unwrap();
            let child = fork(|| {
                (&theirs).write_all(&random(session)).unwrap();
                reap(fork(|| (&theirs).write_all(&random(session)).is_ok()));
                (&theirs).write_all(&random(session)).is_ok()
            });
            drop(theirs);
            assert!(seen.insert(random(session)), "the parent repeats itself or a child");
            let mut numbers = Vec::new();
            ours.read_to_end(&mut numbers).unwrap();
            reap(child);
            assert_eq!(numbers.len(), 3 * 32);
            for number in numbers.chunks(32) {
                assert!(seen.insert(number.try_into().unwrap()), "two processes have the same number");
            }
        }
    }
}

alone! {
    fn interface_says_that_it_is_safe_to_fork() {
        let module = Module::load();
        let (mut interfaces, mut count) = ([CK_INTERFACE { pInterfaceName: null_mut(), pFunctionList: null_mut(), flags: 0 }; 8], 8);
        call!(module, C_GetInterfaceList, interfaces.as_mut_ptr(), &raw mut count).unwrap();
        assert!(count >= 3);
        for interface in &interfaces[..count as usize] {
            assert_eq!(interface.flags & CKF_INTERFACE_FORK_SAFE, CKF_INTERFACE_FORK_SAFE);
        }
    }
}

alone! {
    fn fork_before_initialize_leaves_each_process_to_itself() {
        let world = World::new();
        world.user().aes(Template::token().label("key")).unwrap();
        world.stop();
        let work = || {
            world.start();
            let found = world.user().find(&Template::new().label("key")).unwrap().len() == 1;
            world.stop();
            found
        };
        let children: Vec<_> = (0..4).map(|_| fork(work)).collect();
        assert!(work());
        children.into_iter().for_each(reap);
        assert_eq!(world.module.slots(), Err(Rv(CKR_CRYPTOKI_NOT_INITIALIZED)));
    }
}

alone! {
    fn child_that_initializes_is_told_so_once_and_keeps_all() {
        let world = World::new();
        let session = world.user();
        let key = session.aes(Template::new()).unwrap();
        let gcm = Mechanism::gcm(&[1; 12], b"", 128);
        session.encrypt(&gcm, key, b"data").unwrap();
        reap(fork(|| {
            world.start();
            assert_eq!(world.module.initialize(&world.configuration()), Err(Rv(CKR_CRYPTOKI_ALREADY_INITIALIZED)));
            assert_eq!(session.state(), CKS_RW_USER_FUNCTIONS);
            session.encrypt(&gcm, key, b"data").unwrap();
            // Its own child may too.
            reap(fork(|| {
                world.start();
                session.encrypt(&gcm, key, b"data").is_ok()
            }));
            world.stop();
            session.info().err() == Some(Rv(CKR_CRYPTOKI_NOT_INITIALIZED))
        }));
        assert_eq!(world.module.initialize(&world.configuration()), Err(Rv(CKR_CRYPTOKI_ALREADY_INITIALIZED)));
        session.encrypt(&gcm, key, b"data").unwrap();
    }
}

alone! {
    fn forks_amid_sessions_objects_and_random_numbers() {
        let world = World::new();
        let session = world.user();
        let key = session.aes(Template::new()).unwrap();
        let gcm = Mechanism::gcm(&[1; 12], b"", 128);
        let sessions = || {
            let own = world.module.read_write(world.slot);
            own.digest(&Mechanism::plain(CKM_SHA256), b"data").unwrap();
            own.close().unwrap();
        };
        let objects = || {
            let own = world.module.read_write(world.slot);
            let copy = own.copy(key, &Template::new().label("copy")).unwrap();
            // No search: that goes to SQLite (`processes::forked_child_amid_writes_is_served_or_refused`).
            assert_eq!(own.get(copy, CKA_LABEL).unwrap(), b"copy");
            own.destroy(copy).unwrap();
            own.close().unwrap();
        };
        let numbers = || {
            random(session);
        };
        let generation = || {
            let own = world.module.read_write(world.slot);
            let half = |use_of| Template::new().flag(use_of, true);
            own.p256(half(CKA_VERIFY), half(CKA_SIGN)).unwrap();
            own.close().unwrap();
        };
        amid(&[&sessions, &objects, &numbers, &generation, &sessions, &objects], |_| {
            for _ in 0..100 {
                reap(fork(|| {
                    sessions();
                    objects();
                    numbers();
                    generation();
                    let sealed = session.encrypt(&gcm, key, b"data").unwrap();
                    session.decrypt(&gcm, key, &sealed).unwrap() == b"data"
                }));
            }
        });
        assert_eq!(session.find(&Template::new().label("copy")).unwrap(), []);
    }
}

alone! {
    fn forks_amid_initialize_and_finalize_never_hang() {
        let world = World::new();
        world.stop();
        let churn = || {
            let _ = world.module.initialize(&world.configuration());
            let _ = world.module.slots();
            let _ = world.module.finalize();
        };
        // A child that was forked while another thread was inside SQLite is refused by name.
        let codes = [CKR_CRYPTOKI_NOT_INITIALIZED, CKR_CRYPTOKI_ALREADY_INITIALIZED, CKR_DEVICE_ERROR];
        let fine = |answer: Answer<()>| answer.is_ok() || answer.is_err_and(|code| codes.contains(&code.0));
        amid(&[&churn, &churn], |_| {
            for _ in 0..100 {
                reap(fork(|| {
                    let first = world.module.slots().map(drop);
                    let again = world.module.initialize(&world.configuration());
                    let then = world.module.slots().map(drop);
                    let last = world.module.finalize();
                    let all = [first, again, then, last];
                    if !all.iter().all(|answer| fine(*answer)) {
                        eprintln!("the child is answered {all:?}");
                    }
                    all.into_iter().all(fine)
                }));
            }
        });
        world.start();
        world.user();
    }
}

alone! {
    fn mutex_callbacks_need_the_systems_locks_beside_them() {
        unsafe extern "C" fn create(_: *mut *mut std::ffi::c_void) -> CK_RV {
            CKR_GENERAL_ERROR
        }
        unsafe extern "C" fn other(_: *mut std::ffi::c_void) -> CK_RV {
            CKR_GENERAL_ERROR
        }
        let module = Module::load();
        let folder = tempfile::tempdir().unwrap();
        let mut text = format!("store='{}' log='off'\0", folder.path().display()).into_bytes();
        let mut arguments = CK_C_INITIALIZE_ARGS {
            CreateMutex: Some(create),
            DestroyMutex: Some(other),
            LockMutex: Some(other),
            UnlockMutex: Some(other),
            flags: 0,
            pReserved: text.as_mut_ptr().cast(),
        };
        assert_eq!(call!(module, C_Initialize, (&raw mut arguments).cast()), Err(Rv(CKR_CANT_LOCK)));
        arguments.flags = CKF_OS_LOCKING_OK;
        call!(module, C_Initialize, (&raw mut arguments).cast()).unwrap();
        // The host's functions, which only fail, are not called.
        assert_eq!(module.slots().unwrap().len(), 1);
        module.finalize().unwrap();
        arguments.LockMutex = None;
        assert_eq!(call!(module, C_Initialize, (&raw mut arguments).cast()), Err(Rv(CKR_ARGUMENTS_BAD)));
    }
}
