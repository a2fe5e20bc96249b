//! Many threads, loading and unloading, and ends of all kinds.

use super::client::*;
use crate::{alone, call};
use cryptoki_sys::*;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Opens, makes, signs, finds and closes once.
fn round(module: &Module, slot: CK_SLOT_ID) -> Answer<()> {
    let session = module.open(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION)?;
    let label = format!("{:?}", std::thread::current().id());
    let half = |use_of| Template::new().label(&label).flag(use_of, true);
    let (public, private) = session.p256(half(CKA_VERIFY), half(CKA_SIGN))?;
    let mechanism = Mechanism::plain(CKM_ECDSA_SHA256);
    let signature = session.sign(&mechanism, private, b"data")?;
    session.verify(&mechanism, public, b"data", &signature)?;
    let found = session.find(&Template::new().label(&label))?;
    assert_eq!(found.len(), 2, "another thread's objects have another label");
    session.destroy(private)?;
    session.close()
}

alone! {
    fn sixteen_threads_work_beside_each_other() {
        let world = World::new();
        let session = world.user();
        let rounds = AtomicUsize::new(0);
        let until = Instant::now() + Duration::from_secs(2);
        std::thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    while Instant::now() < until {
                        round(&world.module, world.slot).unwrap();
                        rounds.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        assert!(rounds.load(Ordering::Relaxed) >= 16);
        // Nothing of theirs is left.
        assert_eq!(session.find(&Template::new()).unwrap(), []);
        assert_eq!(world.module.token_info(world.slot).unwrap().ulSessionCount, 1);
    }
}

alone! {
    fn finalize_amid_work_answers_codes_and_harms_nothing() {
        let world = World::new();
        let _session = world.user();
        let stop = AtomicBool::new(false);
        // What a call may answer when the module, the session or the login is gone under it.
        let gone = [
            CKR_CRYPTOKI_NOT_INITIALIZED,
            CKR_SESSION_HANDLE_INVALID,
            CKR_USER_NOT_LOGGED_IN,
            CKR_KEY_HANDLE_INVALID,
            CKR_OBJECT_HANDLE_INVALID,
            CKR_OPERATION_NOT_INITIALIZED,
            CKR_KEY_FUNCTION_NOT_PERMITTED,
        ];
        std::thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        if let Err(code) = round(&world.module, world.slot) {
                            assert!(gone.contains(&code.0), "{code:?}");
                        }
                    }
                });
            }
            for _ in 0..10 {
                std::thread::sleep(Duration::from_millis(50));
                world.stop();
                assert_eq!(world.module.finalize(), Err(Rv(CKR_CRYPTOKI_NOT_INITIALIZED)));
                world.start();
                world.user();
            }
            stop.store(true, Ordering::Relaxed);
        });
        round(&world.module, world.slot).unwrap();
    }
}

alone! {
    fn a_right_pin_is_never_wrong_while_others_log_in_and_out() {
        let world = World::new();
        world.user().logout().unwrap();
        let good = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    let session = world.module.open(world.slot, CKF_SERIAL_SESSION | CKF_RW_SESSION).unwrap();
                    for _ in 0..3 {
                        match session.login(CKU_USER, USER_PIN) {
                            Ok(()) => drop(good.fetch_add(1, Ordering::Relaxed)),
                            Err(code) => assert_eq!(code, Rv(CKR_USER_ALREADY_LOGGED_IN)),
                        }
                        if let Err(code) = session.logout() {
                            assert_eq!(code, Rv(CKR_USER_NOT_LOGGED_IN));
                        }
                    }
                });
            }
        });
        assert!(good.load(Ordering::Relaxed) >= 3);
    }
}

alone! {
    fn one_session_used_by_many_threads_stays_whole() {
        let world = World::new();
        let session = world.user();
        let key = session.aes(Template::new()).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        // Some answer that an operation is active, or none; none may crash or mix results.
                        let _ = session.encrypt_init(&Mechanism::gcm(&[1; 12], b"", 128), key);
                        let (mut data, mut out, mut len) = ([7_u8; 16], [0_u8; 64], 64);
                        let encrypt = call!(
                            world.module, C_Encrypt, session.handle, data.as_mut_ptr(), 16, out.as_mut_ptr(), &raw mut len
                        );
                        match encrypt {
                            Ok(()) => assert_eq!(len, 32),
                            Err(code) => assert_eq!(code, Rv(CKR_OPERATION_NOT_INITIALIZED)),
                        }
                    }
                });
            }
        });
    }
}

alone! {
    fn load_and_unload_two_hundred_times() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..200 {
            let module = Module::load();
            if number % 10 == 0 {
                module.initialize(&format!("store='{}' log='off'", folder.path().display())).unwrap();
                assert_eq!(module.slots().unwrap().len(), 1);
                module.finalize().unwrap();
            }
            module.close();
        }
        // Threads that used the module end after it was unloaded.
        let module = Module::load();
        module.initialize(&format!("store='{}' log='off'", folder.path().display())).unwrap();
        let (send, receive) = std::sync::mpsc::channel::<()>();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                module.slots().unwrap();
                send.send(()).unwrap();
                std::thread::sleep(Duration::from_millis(50));
            });
            receive.recv().unwrap();
            module.finalize().unwrap();
        });
        module.close();
    }
}

alone! {
    fn calls_after_finalize_are_refused_and_handles_do_not_come_back() {
        let world = World::new();
        let session = world.user();
        let key = session.aes(Template::token()).unwrap();
        world.stop();
        assert_eq!(session.info().err(), Some(Rv(CKR_CRYPTOKI_NOT_INITIALIZED)));
        assert_eq!(session.close(), Err(Rv(CKR_CRYPTOKI_NOT_INITIALIZED)));
        assert_eq!(world.module.slots(), Err(Rv(CKR_CRYPTOKI_NOT_INITIALIZED)));
        world.start();
        assert_eq!(session.get(key, CKA_LABEL), Err(Rv(CKR_SESSION_HANDLE_INVALID)));
        assert_eq!(world.module.read_write(world.slot).state(), CKS_RW_PUBLIC_SESSION);
    }
}

extern "C" fn late() {
    // The module's destructors may have run; it must answer and not crash. Whatever it answers is good.
    let module = LATE.get().unwrap();
    let (_, _) = (module.slots(), module.finalize());
}

static LATE: std::sync::OnceLock<Module> = std::sync::OnceLock::new();

alone! {
    fn exit_without_finalize_with_a_late_call_is_harmless() {
        let world = World::new();
        let session = world.user();
        let (_, private) = session.p256(Template::new(), Template::new()).unwrap();
        session.sign_init(&Mechanism::plain(CKM_ECDSA_SHA256), private).unwrap();
        LATE.set(Module::load()).ok().unwrap();
        // SAFETY: the handler is a plain function. It runs when this process exits.
        assert_eq!(unsafe { libc::atexit(late) }, 0);
        // The harness ends the process with everything open and a thread inside the module.
        std::mem::forget(world);
        std::thread::spawn(|| loop {
            let _ = LATE.get().unwrap().slots();
        });
    }
}

alone! {
    fn two_threads_cannot_bind_one_key_to_two_purposes() {
        let world = World::new();
        let session = world.user();
        let oaep = Mechanism::oaep(CKM_SHA256, CKG_MGF1_SHA256, b"");
        let ways = [Mechanism::plain(CKM_SHA256_RSA_PKCS), oaep];
        let uses = Template::new().uses(&[CKA_SIGN, CKA_DECRYPT]);
        for token in [false, true] {
            for _ in 0..if token { 5 } else { 15 } {
                let (_, key) = session.rsa(Template::new(), uses.clone().flag(CKA_TOKEN, token)).unwrap();
                let barrier = std::sync::Barrier::new(2);
                let allowed: usize = std::thread::scope(|scope| {
                    let threads = [0, 1].map(|way| {
                        let (barrier, ways, world) = (&barrier, &ways, &world);
                        scope.spawn(move || {
                            let own = world.module.read_write(world.slot);
                            barrier.wait();
                            let answer =
                                if way == 0 { own.sign_init(&ways[0], key) } else { own.decrypt_init(&ways[1], key) };
                            own.close().unwrap();
                            usize::from(answer.is_ok())
                        })
                    });
                    threads.into_iter().map(|thread| thread.join().unwrap()).sum()
                });
                assert_eq!(allowed, 1, "token object: {token}");
            }
        }
    }
}
