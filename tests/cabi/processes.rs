//! Many processes on one store: others, told by pipes what to do; and forked children, which go on with their
//! parent's sessions.

use super::client::*;
use crate::{alone, call};
use cryptoki_sys::*;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const WORKER: &str = "KEYWARD_CABI_WORKER";
/// Before each answer of a worker, among what the test harness prints.
const MARK: &str = "@@ ";

/// Another process with the same store, in which the user is logged in.
pub struct Worker {
    process: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Worker {
    pub fn start(world: &World) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["processes::worker", "--exact", "--nocapture", "--test-threads=1"])
            .env(WORKER, format!("{} {}", world.slot, world.configuration()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let commands = process.stdin.take().unwrap();
        let answers = BufReader::new(process.stdout.take().unwrap());
        let mut worker = Self { process, commands, answers };
        assert_eq!(worker.answer(), "ready");
        worker
    }

    /// Tells it what to do and waits for the answer.
    pub fn ask(&mut self, command: &str) -> String {
        writeln!(self.commands, "{command}").unwrap();
        self.answer()
    }

    fn answer(&mut self) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(self.answers.read_line(&mut line).unwrap(), 0, "the other process ended");
            if let Some((_, answer)) = line.trim_end().split_once(MARK) {
                return answer.to_owned();
            }
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(digits: &str) -> Vec<u8> {
    (0..digits.len() / 2).map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap()).collect()
}

/// Not a test: what runs in the other process.
#[test]
fn worker() {
    let Ok(told) = std::env::var(WORKER) else { return };
    let (slot, configuration) = told.split_once(' ').unwrap();
    let module = Module::load();
    module.initialize(configuration).unwrap();
    let session = module.read_write(slot.parse().unwrap());
    session.login(CKU_USER, USER_PIN).unwrap();
    println!("{MARK}ready");
    for command in std::io::stdin().lines() {
        let command = command.unwrap();
        let mut words = command.split(' ');
        let (what, label) = (words.next().unwrap(), words.next().unwrap_or_default());
        let find = |class| session.find(&Template::new().label(label).class(class)).unwrap().first().copied();
        let private = || find(CKO_PRIVATE_KEY).unwrap_or(0);
        let ecdsa = Mechanism::plain(CKM_ECDSA_SHA256);
        let answer = match what {
            "count" => {
                println!("{MARK}{}", session.find(&Template::new().label(label)).unwrap().len());
                continue;
            }
            // A saved digest, in hexadecimal: what it comes to.
            "resume" => {
                let (mut state, len) = bytes(&unhex(label));
                let digest =
                    call!(module, C_SetOperationState, session.handle, state.as_mut_ptr(), len, 0, 0)
                        .and_then(|()| {
                            two_calls(|out, len| call!(module, C_DigestFinal, session.handle, out, len))
                        });
                println!("{MARK}{}", digest.map_or_else(|code| format!("{code:?}"), |digest| hex(&digest)));
                continue;
            }
            // A token in the free slot.
            "init-token" => module.init_token(*module.slots().unwrap().last().unwrap(), SO_PIN, label),
            "make" => {
                let template = |use_of| Template::token().label(label).flag(use_of, true);
                session.p256(template(CKA_VERIFY), template(CKA_SIGN)).map(drop)
            }
            "sign" => session.sign(&ecdsa, private(), b"data").map(drop),
            "sign-rsa" => session.sign(&Mechanism::plain(CKM_SHA256_RSA_PKCS), private(), b"data").map(drop),
            "begin" => session.sign_init(&ecdsa, private()),
            "update" => session.sign_update(b"part"),
            "end" => session.sign_final().map(drop),
            "decrypt" => session.decrypt_init(&Mechanism::oaep(CKM_SHA256, CKG_MGF1_SHA256, b""), private()),
            "compromise" => session.set_state(private(), COMPROMISED),
            "destroy" => session.destroy(private()),
            "set-pin" => session.set_pin(USER_PIN, label),
            _ => panic!("{command}"),
        };
        match answer {
            Ok(()) => println!("{MARK}ok"),
            Err(code) => println!("{MARK}{code:?}"),
        }
    }
}

alone! {
    fn what_one_process_makes_changes_or_destroys_the_other_sees_at_once() {
        let world = World::new();
        let session = world.user();
        let mut worker = Worker::start(&world);
        assert_eq!(worker.ask("count theirs"), "0");
        for round in 0..10 {
            let label = format!("theirs-{round}");
            assert_eq!(worker.ask(&format!("make {label}")), "ok");
            let found = session.find(&Template::new().label(&label)).unwrap();
            assert_eq!(found.len(), 2, "round {round}");
            let label = format!("mine-{round}");
            let half = |use_of| Template::token().label(&label).flag(use_of, true);
            let (_, private) = session.p256(half(CKA_VERIFY), half(CKA_SIGN)).unwrap();
            assert_eq!(worker.ask(&format!("count {label}")), "2");
            assert_eq!(worker.ask(&format!("sign {label}")), "ok");
            session.set(private, &Template::new().label("renamed")).unwrap();
            assert_eq!(worker.ask(&format!("count {label}")), "1");
            session.destroy(private).unwrap();
            assert_eq!(worker.ask("count renamed"), "0");
        }
    }
}

alone! {
    fn key_compromised_in_one_process_is_refused_in_the_other() {
        let world = World::new();
        let session = world.user();
        let ecdsa = Mechanism::plain(CKM_ECDSA_SHA256);
        let mut worker = Worker::start(&world);
        let refused = Err(Rv(CKR_KEY_FUNCTION_NOT_PERMITTED));
        for round in 0..10 {
            let label = format!("key-{round}");
            assert_eq!(worker.ask(&format!("make {label}")), "ok");
            let find = |class| session.find(&Template::new().label(&label).class(class)).unwrap()[0];
            let (public, private) = (find(CKO_PUBLIC_KEY), find(CKO_PRIVATE_KEY));
            session.sign(&ecdsa, private, b"data").unwrap();
            session.sign_init(&ecdsa, private).unwrap();
            session.sign_update(b"part").unwrap();
            assert_eq!(worker.ask(&format!("compromise {label}")), "ok");
            // The running operation stops at its next step, a new one does not begin.
            assert_eq!(session.sign_update(b"part"), refused, "round {round}");
            assert_eq!(session.sign_init(&ecdsa, private), refused);
            assert_eq!(session.reason(), 0x103);
            assert_eq!(session.verify_init(&ecdsa, public), refused);
        }
        // And the other way round, with the last step.
        let half = |use_of| Template::token().label("mine").flag(use_of, true);
        let (_, private) = session.p256(half(CKA_VERIFY), half(CKA_SIGN)).unwrap();
        assert_eq!(worker.ask("begin mine"), "ok");
        assert_eq!(worker.ask("update"), "ok");
        session.set_state(private, COMPROMISED).unwrap();
        assert_eq!(worker.ask("end"), "CKR_KEY_FUNCTION_NOT_PERMITTED");
        assert_eq!(worker.ask("begin mine"), "CKR_KEY_FUNCTION_NOT_PERMITTED");
    }
}

alone! {
    fn init_token_in_one_process_ends_what_the_other_had() {
        let world = World::new();
        let session = world.user();
        let mut worker = Worker::start(&world);
        assert_eq!(worker.ask("make old"), "ok");
        assert_eq!(worker.ask("sign old"), "ok");
        session.close().unwrap();
        world.module.init_token(world.slot, SO_PIN, "new").unwrap();
        assert_eq!(worker.ask("count old"), "0");
        let answer = worker.ask("sign old");
        assert_ne!(answer, "ok");
        assert_ne!(worker.ask("make other"), "ok");
    }
}

alone! {
    fn two_processes_write_at_once_and_lose_nothing() {
        let world = World::new();
        let session = world.user();
        let mut worker = Worker::start(&world);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..20 {
                    assert_eq!(worker.ask("make both"), "ok");
                }
            });
            for _ in 0..40 {
                session.aes(Template::token().label("both")).unwrap();
            }
        });
        assert_eq!(session.find(&Template::new().label("both")).unwrap().len(), 80);
        world.stop();
        world.start();
        assert_eq!(world.user().find(&Template::new().label("both")).unwrap().len(), 80);
    }
}

alone! {
    fn wrong_pins_in_two_processes_count_together() {
        let world = World::new();
        let session = world.module.read_write(world.slot);
        let mut workers = [Worker::start(&world), Worker::start(&world)];
        for attempt in 0..10 {
            // A worker is logged in; C_SetPIN with a wrong old PIN is an attempt too, so here the session alone tries
            // and the workers look on.
            assert!(session.login(CKU_USER, "wrong pin").is_err(), "{attempt}");
        }
        for worker in &mut workers {
            assert_eq!(worker.ask("set-pin another-pin"), "CKR_PIN_LOCKED");
        }
    }
}

// --- fork -------------------------------------------------------------------------------------------

/// Runs `work` in a forked child, whose other threads are gone. The child's code: 0 for true.
pub fn fork(work: impl FnOnce() -> bool) -> libc::pid_t {
    // SAFETY: the child runs `work` and leaves by _exit; the alarm ends it if it hangs.
    unsafe {
        let child = libc::fork();
        assert!(child >= 0);
        if child == 0 {
            libc::alarm(60);
            let good = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).unwrap_or(false);
            libc::_exit(i32::from(!good));
        }
        child
    }
}

/// Waits for a child. Panics where it crashed, hung or failed.
pub fn reap(child: libc::pid_t) {
    let started = Instant::now();
    loop {
        let mut status = 0;
        // SAFETY: our own child and our own place.
        let waited = unsafe { libc::waitpid(child, &raw mut status, libc::WNOHANG) };
        if waited == child {
            let code = libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status));
            assert_eq!(code, Some(0), "the child's status is {status:#x}");
            return;
        }
        assert!(started.elapsed() < Duration::from_secs(70), "a forked child hangs");
        std::thread::sleep(Duration::from_millis(1));
    }
}

alone! {
    fn forked_child_uses_its_parents_session_and_login() {
        let world = World::new();
        let session = world.user();
        let (public, private) = session
            .p256(Template::token().flag(CKA_VERIFY, true), Template::token().flag(CKA_SIGN, true))
            .unwrap();
        let own = session.aes(Template::new()).unwrap();
        let ecdsa = Mechanism::plain(CKM_ECDSA_SHA256);
        session.sign_init(&ecdsa, private).unwrap();
        session.sign_update(b"begun in the parent").unwrap();
        let path = world.store().join("from-the-child");
        reap(fork(|| {
            let signature = session.sign_final().unwrap();
            std::fs::write(&path, &signature).unwrap();
            let gcm = Mechanism::gcm(&[1; 12], b"", 128);
            let sealed = session.encrypt(&gcm, own, b"data").unwrap();
            assert_eq!(session.decrypt(&gcm, own, &sealed).unwrap(), b"data");
            let mut random = [0; 32];
            call!(world.module, C_GenerateRandom, session.handle, random.as_mut_ptr(), 32).unwrap();
            std::fs::write(path.with_extension("random"), random).unwrap();
            // It writes, and opens sessions of its own.
            session.aes(Template::token().label("child's")).unwrap();
            let other = world.module.read_write(world.slot);
            assert_eq!(other.state(), CKS_RW_USER_FUNCTIONS);
            true
        }));
        // The parent goes on with what it had begun, and sees what the child made.
        let signature = session.sign_final().unwrap();
        let theirs = std::fs::read(&path).unwrap();
        assert_ne!(theirs, signature);
        for signature in [&signature, &theirs] {
            session.verify(&ecdsa, public, b"begun in the parent", signature).unwrap();
        }
        let mut random = [0; 32];
        call!(world.module, C_GenerateRandom, session.handle, random.as_mut_ptr(), 32).unwrap();
        assert_ne!(std::fs::read(path.with_extension("random")).unwrap(), random);
        assert_eq!(session.find(&Template::new().label("child's")).unwrap().len(), 1);
        session.sign(&ecdsa, private, b"data").unwrap();
    }
}

alone! {
    fn forked_child_may_finalize_and_initialize_again() {
        let world = World::new();
        let session = world.user();
        let key = session.aes(Template::token().label("key")).unwrap();
        reap(fork(|| {
            world.stop();
            world.start();
            world.user().find(&Template::new().label("key")).unwrap().len() == 1
        }));
        session.encrypt(&Mechanism::gcm(&[1; 12], b"", 128), key, b"data").unwrap();
    }
}

// Nobody writes here: a child that was forked while another thread was inside SQLite, and then needs the store
// itself, is refused by name (`forked_child_amid_writes_is_served_or_refused`).
alone! {
    fn two_hundred_forks_while_four_threads_sign() {
        let world = World::new();
        let session = world.user();
        let (rsa_public, rsa) = session.rsa(Template::token(), Template::token().flag(CKA_SIGN, true)).unwrap();
        let (ec_public, ec) = session
            .p256(Template::token().flag(CKA_VERIFY, true), Template::token().flag(CKA_SIGN, true))
            .unwrap();
        let aes = session.aes(Template::token()).unwrap();
        let (rsa_mechanism, ecdsa) = (Mechanism::plain(CKM_SHA256_RSA_PKCS), Mechanism::plain(CKM_ECDSA_SHA256));
        let gcm = Mechanism::gcm(&[1; 12], b"", 128);
        // One round of everything in a session of its own; the outcome is checked.
        let round = |session: Session<'_>| {
            let signature = session.sign(&rsa_mechanism, rsa, b"data").unwrap();
            session.verify(&rsa_mechanism, rsa_public, b"data", &signature).unwrap();
            let signature = session.sign(&ecdsa, ec, b"data").unwrap();
            session.verify(&ecdsa, ec_public, b"data", &signature).unwrap();
            let sealed = session.encrypt(&gcm, aes, b"data").unwrap();
            assert_eq!(session.decrypt(&gcm, aes, &sealed).unwrap(), b"data");
        };
        round(session);
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        let own = world.module.read_only(world.slot);
                        round(own);
                        own.close().unwrap();
                    }
                });
            }
            let forks = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                for _ in 0..200 {
                    let child = fork(|| {
                        round(session);
                        let own = world.module.read_write(world.slot);
                        round(own);
                        own.aes(Template::new().label("child's")).unwrap();
                        own.close().unwrap();
                        true
                    });
                    reap(child);
                }
            }));
            stop.store(true, Ordering::Relaxed);
            if let Err(panic) = forks {
                std::panic::resume_unwind(panic);
            }
        });
        round(session);
        assert_eq!(session.find(&Template::new().label("child's")).unwrap(), []);
    }
}

alone! {
    fn forked_child_amid_writes_is_served_or_refused() {
        let world = World::new();
        let session = world.user();
        let key = session.aes(Template::token()).unwrap();
        let gcm = Mechanism::gcm(&[1; 12], b"", 128);
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let own = world.module.read_write(world.slot);
                while !stop.load(Ordering::Relaxed) {
                    own.destroy(own.aes(Template::token()).unwrap()).unwrap();
                }
            });
            let forks = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                for _ in 0..50 {
                    reap(fork(|| match session.encrypt(&gcm, key, b"data") {
                        Ok(sealed) => {
                            let opened = session.decrypt(&gcm, key, &sealed);
                            let good = matches!(&opened, Ok(data) if data == b"data")
                                || opened == Err(Rv(CKR_DEVICE_ERROR));
                            if !good {
                                eprintln!("the child's decryption answers {opened:?}");
                            }
                            good
                        }
                        Err(code) => {
                            if code != Rv(CKR_DEVICE_ERROR) {
                                eprintln!("the child's encryption answers {code:?}");
                            }
                            code == Rv(CKR_DEVICE_ERROR)
                        }
                    }));
                }
            }));
            stop.store(true, Ordering::Relaxed);
            if let Err(panic) = forks {
                std::panic::resume_unwind(panic);
            }
        });
        session.encrypt(&gcm, key, b"data").unwrap();
    }
}
