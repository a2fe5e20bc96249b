//! Budgets (`limits` of a policy) through the C ABI: exact in one process, never exceeded by several, never too low after
//! a crash or a fork, and not to be had anew by a copy or a second import.

use super::audit::judged;
use super::client::*;
use super::installed::{install_text, keyward};
use super::processes::{Worker, fork, reap};
use crate::{alone, call};
use cryptoki_sys::*;
use keyward_pkcs11::audit::Kind;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

const BUDGET: CK_ULONG = 0xB01;
const RATE: CK_ULONG = 0xB02;
const UNAVAILABLE: CK_ULONG = 0xB03;
const EXHAUSTED: Rv = Rv(CKR_KEY_EXHAUSTED);

const CKA_KEYWARD_LIMITS: CK_ATTRIBUTE_TYPE = 0xCB57_0030;
const CKA_KEYWARD_USES_LEFT: CK_ATTRIBUTE_TYPE = 0xCB57_0031;

fn gcm() -> Mechanism {
    Mechanism::gcm(&[8; 12], b"", 128)
}

fn cbc() -> Mechanism {
    Mechanism::iv(CKM_AES_CBC_PAD, &[0; 16])
}

fn ecdsa() -> Mechanism {
    Mechanism::plain(CKM_ECDSA_SHA256)
}

/// A world whose token is under the default policy and one rule with these limits.
fn limited(limits: &str) -> World {
    let world = World::new();
    rule(&world, limits);
    world
}

fn rule(world: &World, limits: &str) {
    install_text(
        world,
        &format!(
            "[[rule]]\nid = \"few\"\nwhy = \"No more than that\"\nwhen = {{ label = \"few*\" }}\n{limits}\n"
        ),
    );
}

fn aes(session: Session<'_>, token: bool) -> Key {
    session
        .aes(Template::new().flag(CKA_TOKEN, token).label("few").uses(&[CKA_ENCRYPT, CKA_DECRYPT]))
        .unwrap()
}

fn pair(session: Session<'_>) -> Key {
    let half = |use_of| Template::token().label("few").flag(use_of, true);
    session.p256(half(CKA_VERIFY), half(CKA_SIGN)).unwrap().1
}

fn told(session: Session<'_>, key: Key) -> String {
    String::from_utf8(session.get(key, CKA_KEYWARD_LIMITS).unwrap()).unwrap()
}

/// The budget of a policy that only counts.
fn used(session: Session<'_>, key: Key) -> u64 {
    let told = told(session, key);
    let line = told.lines().find(|line| line.starts_with("few: ")).unwrap_or_else(|| panic!("{told}"));
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

alone! {
    fn limit_of_five_gives_five_uses_and_says_why_there_is_no_sixth() {
        let world = limited("limits = { uses = 5 }");
        let session = world.user();
        for token in [true, false] {
            let key = aes(session, token);
            assert_eq!(session.get_ulong(key, CKA_KEYWARD_USES_LEFT), Ok(5));
            let mut last = Vec::new();
            for left in (0..5).rev() {
                last = session.encrypt(&gcm(), key, b"data").unwrap();
                assert_eq!(session.get_ulong(key, CKA_KEYWARD_USES_LEFT), Ok(left));
            }
            for _ in 0..3 {
                assert_eq!(session.encrypt_init(&gcm(), key), Err(EXHAUSTED));
            }
            assert_eq!(session.reason(), BUDGET);
            assert_eq!(session.encrypt_init(&cbc(), key), Err(EXHAUSTED));
            // What is protected can be read for ever.
            for _ in 0..7 {
                assert_eq!(session.decrypt(&gcm(), key, &last).unwrap(), b"data");
            }
            assert!(told(session, key).contains("few: 5 of 5 uses"), "{}", told(session, key));
        }
        let log = world.log();
        let line = log.lines().find(|line| line.contains("budget is spent")).unwrap();
        assert!(line.contains("few") && line.contains("No more than that"), "{line}");
        // No other key has part in it.
        session.encrypt(&gcm(), aes(session, true), b"data").unwrap();
    }
}

alone! {
    fn two_processes_and_a_restart_share_one_count() {
        let world = limited("limits = { uses = 9 }");
        let key = pair(world.user());
        let mut worker = Worker::start(&world);
        let session = world.module.read_write(world.slot);
        let mut good = 0;
        for _ in 0..8 {
            good += u32::from(session.sign(&ecdsa(), key, b"data").is_ok());
            good += u32::from(worker.ask("sign few") == "ok");
        }
        assert_eq!(good, 9);
        assert_eq!(worker.ask("sign few"), "CKR_KEY_EXHAUSTED");
        world.stop();
        world.start();
        let session = world.user();
        let key = session.find(&Template::new().label("few").class(CKO_PRIVATE_KEY)).unwrap()[0];
        assert_eq!(session.sign_init(&ecdsa(), key), Err(EXHAUSTED));
        assert_eq!(used(session, key), 9);
    }
}

alone! {
    fn limits_of_mechanisms_count_those_together() {
        let world = limited("limits = [{ uses = 3, of = \"CKM_AES_GCM\" }, { uses = 5, of = [\"CKM_AES_GCM\", \"CKM_AES_CBC_PAD\"] }]");
        let session = world.user();
        let key = aes(session, true);
        for _ in 0..3 {
            session.encrypt(&gcm(), key, b"data").unwrap();
        }
        assert_eq!(session.encrypt_init(&gcm(), key), Err(EXHAUSTED));
        for _ in 0..2 {
            session.encrypt(&cbc(), key, b"data").unwrap();
        }
        assert_eq!(session.encrypt_init(&cbc(), key), Err(EXHAUSTED));
        // No limit speaks of this one.
        for _ in 0..4 {
            session.encrypt(&Mechanism::ctr(32, [0; 16]), key, b"data").unwrap();
        }
    }
}

alone! {
    fn bytes_are_counted_as_they_go_through() {
        let world = limited("limits = { bytes = \"1KiB\" }");
        let session = world.user();
        let key = aes(session, true);
        session.encrypt(&cbc(), key, &[1; 600]).unwrap();
        assert_eq!(used(session, key), 600);
        // 600 more do not fit; what was refused costs nothing.
        assert_eq!(session.encrypt(&cbc(), key, &[1; 600]), Err(EXHAUSTED));
        assert_eq!(session.reason(), BUDGET);
        assert_eq!(session.encrypt_parts(&cbc(), key, &[1; 400]).unwrap().len(), 416);
        assert_eq!(used(session, key), 1000);
        session.encrypt(&gcm(), key, &[1; 24]).unwrap();
        assert_eq!(session.encrypt(&gcm(), key, &[1; 1]), Err(EXHAUSTED));
        // A refusal ends the operation.
        session.encrypt_init(&cbc(), key).unwrap();
        let mut out = [0; 64];
        let mut len = 64;
        let update = call!(session.module, C_EncryptUpdate, session.handle, [1; 16].as_mut_ptr(), 16, out.as_mut_ptr(), &raw mut len);
        assert_eq!(update, Err(EXHAUSTED));
        session.encrypt_init(&cbc(), key).unwrap();
        let refused = world.log().lines().filter(|line| line.contains("budget is spent")).count();
        assert_eq!(refused, 3);
    }
}

alone! {
    fn signed_bytes_are_counted_too() {
        let world = limited("limits = { bytes = 100 }");
        let session = world.user();
        let key = pair(session);
        session.sign(&ecdsa(), key, &[1; 60]).unwrap();
        session.sign_parts(&ecdsa(), key, &[1; 40]).unwrap();
        assert_eq!(session.sign(&ecdsa(), key, &[1; 1]), Err(EXHAUSTED));
    }
}

alone! {
    fn wrapped_keys_are_counted_and_a_length_query_is_none() {
        let world = limited("limits = { keys_wrapped = 2, bytes = 1000 }");
        let session = world.user();
        let key = session.aes(Template::token().label("few").uses(&[CKA_WRAP, CKA_UNWRAP])).unwrap();
        let open = session.aes(Template::new().flag(CKA_EXTRACTABLE, true)).unwrap();
        let wrap = Mechanism::plain(CKM_AES_KEY_WRAP);
        for _ in 0..2 {
            // Each asks for the length first.
            assert_eq!(session.wrap(&wrap, key, open).unwrap().len(), 40);
        }
        assert_eq!(session.wrap(&wrap, key, open), Err(EXHAUSTED));
        assert!(told(session, key).contains("80 of 1000 bytes"), "{}", told(session, key));
    }
}

alone! {
    fn each_message_is_a_use() {
        let world = limited("limits = { uses = 4 }");
        let session = world.user();
        let key = pair(session);
        let init = || ecdsa().with(|mechanism| call!(session.module, C_MessageSignInit, session.handle, mechanism, key));
        let message = || {
            let mut signature = [0; 64];
            let mut len = 64;
            let mut data = *b"data";
            call!(session.module, C_SignMessage, session.handle, std::ptr::null_mut(), 0, data.as_mut_ptr(), 4, signature.as_mut_ptr(), &raw mut len)
        };
        init().unwrap();
        for _ in 0..3 {
            message().unwrap();
        }
        assert_eq!(used(session, key), 3);
        call!(session.module, C_SignMessageBegin, session.handle, std::ptr::null_mut(), 0).unwrap();
        let mut signature = [0; 64];
        let mut len = 64;
        let mut data = *b"data";
        call!(session.module, C_SignMessageNext, session.handle, std::ptr::null_mut(), 0, data.as_mut_ptr(), 4, signature.as_mut_ptr(), &raw mut len).unwrap();
        assert_eq!(message(), Err(EXHAUSTED));
        assert_eq!(session.reason(), BUDGET);
        assert_eq!(used(session, key), 4);
        call!(session.module, C_MessageSignFinal, session.handle).unwrap();
        assert_eq!(init(), Err(EXHAUSTED));
    }
}

alone! {
    fn copies_and_second_imports_share_the_budget() {
        let world = limited("limits = { uses = 6 }");
        let session = world.user();
        let value = [7; 32];
        let import = |token| {
            let template = Template::new().flag(CKA_TOKEN, token).label("few").class(CKO_SECRET_KEY);
            let template = template.ulong(CKA_KEY_TYPE, CKK_AES).bytes(CKA_VALUE, &value);
            session.create(&template.uses(&[CKA_ENCRYPT])).unwrap()
        };
        let first = import(true);
        session.encrypt(&gcm(), first, b"data").unwrap();
        let copy = session.copy(first, &Template::new().label("few copies")).unwrap();
        session.encrypt(&gcm(), copy, b"data").unwrap();
        let in_session = session.copy(first, &Template::new().flag(CKA_TOKEN, false)).unwrap();
        session.encrypt(&gcm(), in_session, b"data").unwrap();
        assert_eq!(used(session, first), 3);
        for key in [first, copy, in_session] {
            session.destroy(key).unwrap();
        }
        let again = import(true);
        assert_eq!(used(session, again), 3);
        session.encrypt(&gcm(), again, b"data").unwrap();
        session.destroy(again).unwrap();
        // After a restart, and as a session object too.
        world.stop();
        world.start();
        let session = world.user();
        let template = Template::new().label("few").class(CKO_SECRET_KEY).ulong(CKA_KEY_TYPE, CKK_AES);
        let last = session.create(&template.bytes(CKA_VALUE, &value).uses(&[CKA_ENCRYPT])).unwrap();
        session.encrypt(&gcm(), last, b"data").unwrap();
        session.encrypt(&gcm(), last, b"data").unwrap();
        assert_eq!(session.encrypt_init(&gcm(), last), Err(EXHAUSTED));
    }
}

alone! {
    fn session_key_that_is_copied_to_the_token_takes_its_count_along() {
        let world = limited("limits = { uses = 4 }");
        let session = world.user();
        let key = aes(session, false);
        session.encrypt(&gcm(), key, b"data").unwrap();
        session.encrypt(&gcm(), key, b"data").unwrap();
        let copy = session.copy(key, &Template::new().flag(CKA_TOKEN, true)).unwrap();
        assert_eq!(used(session, copy), 2);
        session.encrypt(&gcm(), copy, b"data").unwrap();
        session.encrypt(&gcm(), key, b"data").unwrap();
        assert_eq!(session.encrypt_init(&gcm(), key), Err(EXHAUSTED));
        assert_eq!(session.encrypt_init(&gcm(), copy), Err(EXHAUSTED));
        let mut worker = Worker::start(&world);
        assert_eq!(worker.ask("count few"), "1");
    }
}

alone! {
    fn public_keys_made_private_copies_share_the_budget() {
        let world = limited("limits = { uses = 3 }");
        let session = world.user();
        let key = session.aes(Template::token().label("few").flag(CKA_PRIVATE, false).uses(&[CKA_ENCRYPT])).unwrap();
        session.encrypt(&gcm(), key, b"data").unwrap();
        let copy = session.copy(key, &Template::new().flag(CKA_PRIVATE, true)).unwrap();
        session.encrypt(&gcm(), copy, b"data").unwrap();
        session.encrypt(&gcm(), key, b"data").unwrap();
        assert_eq!(session.encrypt_init(&gcm(), copy), Err(EXHAUSTED));
        assert_eq!(session.encrypt_init(&gcm(), key), Err(EXHAUSTED));
    }
}

alone! {
    fn uses_without_a_login_are_counted_with_those_of_the_user() {
        let world = limited("limits = { uses = 4 }");
        let session = world.user();
        let key = session.aes(Template::token().label("few").flag(CKA_PRIVATE, false).uses(&[CKA_ENCRYPT])).unwrap();
        session.encrypt(&gcm(), key, b"data").unwrap();
        session.logout().unwrap();
        session.encrypt(&gcm(), key, b"data").unwrap();
        session.encrypt(&gcm(), key, b"data").unwrap();
        session.login(CKU_USER, USER_PIN).unwrap();
        assert_eq!(used(session, key), 3);
        session.encrypt(&gcm(), key, b"data").unwrap();
        assert_eq!(session.encrypt_init(&gcm(), key), Err(EXHAUSTED));
        session.logout().unwrap();
        assert_eq!(session.encrypt_init(&gcm(), key), Err(EXHAUSTED));
        // The rows are no objects, and the store is as sound as before.
        assert_eq!(session.find(&Template::new()).unwrap().len(), 1);
        session.login(CKU_USER, USER_PIN).unwrap();
        let (code, said) = keyward(&world, &["doctor"]);
        assert_eq!(code, 0, "{said}");
    }
}

alone! {
    fn policy_that_is_tightened_later_counts_what_was_counted() {
        let world = limited("limits = { uses = 100_000 }");
        let session = world.user();
        let key = aes(session, true);
        for _ in 0..10 {
            session.encrypt(&gcm(), key, b"data").unwrap();
        }
        rule(&world, "limits = { uses = 12 }");
        assert_eq!(used(session, key), 10);
        session.encrypt(&gcm(), key, b"data").unwrap();
        session.encrypt(&gcm(), key, b"data").unwrap();
        assert_eq!(session.encrypt_init(&gcm(), key), Err(EXHAUSTED));
        // One for a mechanism knows how much of all was its.
        rule(&world, "limits = [{ uses = 13, of = \"CKM_AES_GCM\" }, { uses = 1, of = \"CKM_AES_CBC_PAD\" }]");
        session.encrypt(&cbc(), key, b"data").unwrap();
        session.encrypt(&gcm(), key, b"data").unwrap();
        assert_eq!(session.encrypt_init(&gcm(), key), Err(EXHAUSTED));
        assert_eq!(session.encrypt_init(&cbc(), key), Err(EXHAUSTED));
    }
}

alone! {
    fn label_that_is_changed_keeps_what_was_counted() {
        let world = limited("limits = { uses = 2 }");
        let session = world.user();
        let key = aes(session, true);
        session.encrypt(&gcm(), key, b"data").unwrap();
        session.set(key, &Template::new().label("few others")).unwrap();
        session.set_state(key, SUSPENDED).unwrap();
        session.set_state(key, ACTIVE).unwrap();
        session.encrypt(&gcm(), key, b"data").unwrap();
        assert_eq!(session.encrypt_init(&gcm(), key), Err(EXHAUSTED));
    }
}

alone! {
    fn suspended_session_key_keeps_what_was_counted() {
        let world = limited("limits = { uses = 2 }");
        let session = world.user();
        let key = aes(session, false);
        session.encrypt(&gcm(), key, b"data").unwrap();
        session.set_state(key, SUSPENDED).unwrap();
        session.set_state(key, ACTIVE).unwrap();
        session.encrypt(&gcm(), key, b"data").unwrap();
        assert_eq!(session.encrypt_init(&gcm(), key), Err(EXHAUSTED));
    }
}

alone! {
    fn rate_refuses_for_a_while_and_is_no_budget() {
        let world = limited("limits = { rate = \"3/h\" }");
        let session = world.user();
        let key = aes(session, true);
        // The hour may end in between, once.
        let good = (0..7).filter(|_| session.encrypt(&gcm(), key, b"data").is_ok()).count();
        assert!((3..=6).contains(&good), "{good}");
        if good == 3 {
            assert_eq!(session.encrypt_init(&gcm(), key), Err(Rv(CKR_ACTION_PROHIBITED)));
            assert_eq!(session.reason(), RATE);
        }
        assert!(told(session, key).contains("few: 3 uses an hour"));
    }
}

alone! {
    fn threads_have_exactly_what_the_limit_gives() {
        let world = limited("limits = { uses = 1000 }");
        let session = world.user();
        for token in [true, false] {
            let key = aes(session, token);
            let good = std::sync::atomic::AtomicU32::new(0);
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        let own = world.module.read_write(world.slot);
                        for _ in 0..300 {
                            match own.encrypt(&gcm(), key, b"data") {
                                Ok(_) => good.fetch_add(1, std::sync::atomic::Ordering::Relaxed),
                                Err(EXHAUSTED) => 0,
                                Err(other) => panic!("{other:?}"),
                            };
                        }
                    });
                }
            });
            assert_eq!(good.into_inner(), 1000);
        }
    }
}

alone! {
    fn forked_children_and_their_parent_never_exceed_the_limit() {
        let world = limited("limits = { uses = 1000 }");
        let session = world.user();
        let key = aes(session, true);
        let mut good = 0;
        // The parent has leased a block and spent a part of it.
        for _ in 0..3 {
            session.encrypt(&gcm(), key, b"data").unwrap();
            good += 1;
        }
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        let until_spent = |say: &dyn Fn()| {
            let mut refused = 0;
            while refused < 3 {
                match session.encrypt(&gcm(), key, b"data") {
                    Ok(_) => say(),
                    Err(EXHAUSTED) => refused += 1,
                    Err(other) => panic!("{other:?}"),
                }
            }
        };
        let children: Vec<_> = (0..3)
            .map(|_| fork(|| {
                until_spent(&|| (&theirs).write_all(&[1]).unwrap());
                true
            }))
            .collect();
        drop(theirs);
        let here = std::cell::Cell::new(0);
        until_spent(&|| here.set(here.get() + 1));
        good += here.get();
        let mut said = Vec::new();
        ours.read_to_end(&mut said).unwrap();
        children.into_iter().for_each(reap);
        good += said.len();
        assert!(good <= 1000, "{good} uses of 1000");
        // What a lease that was dropped by a child or left by another loses is little.
        assert!(good >= 900, "{good} uses of 1000");
    }
}

/// Identity, version, attributes and seal of a record.
type Row = (Vec<u8>, i64, Vec<u8>, Vec<u8>);

alone! {
    fn leases_and_refusals_are_recorded() {
        let world = limited("limits = { uses = 2, bytes = 100 }");
        let session = world.user();
        let key = aes(session, true);
        session.encrypt(&cbc(), key, b"data").unwrap();
        assert_eq!(session.encrypt(&cbc(), key, &[1; 97]), Err(EXHAUSTED));
        assert_eq!(session.encrypt_init(&cbc(), key), Err(EXHAUSTED));
        let (report, entries) = judged(&world);
        assert!(report.holds(), "{report:?}");
        let leases: Vec<_> = entries.iter().filter(|entry| entry.event.operation == "lease").collect();
        assert!(leases.iter().all(|lease| lease.event.kind == Kind::Budget && lease.event.label == "few"));
        let said: Vec<&str> = leases.iter().map(|lease| lease.event.detail.as_str()).collect();
        assert_eq!(said, ["1 uses", "4 bytes", "1 uses"]);
        let refused: Vec<_> =
            entries.iter().filter(|entry| entry.event.operation == "encrypt" && entry.event.reason == u64::from(BUDGET)).collect();
        assert_eq!(refused.len(), 2);
        for entry in refused {
            assert_eq!((entry.event.result, &entry.event.rules[..]), (u64::from(CKR_KEY_EXHAUSTED), &["few".to_owned()][..]));
            assert_eq!(entry.event.mechanism, Some(u64::from(CKM_AES_CBC_PAD)));
        }
    }
}

alone! {
    fn command_tells_what_is_left() {
        let world = limited("limits = { uses = 2 }");
        let session = world.user();
        let key = aes(session, true);
        for _ in 0..2 {
            session.encrypt(&gcm(), key, b"data").unwrap();
        }
        let told = |words: &[&str]| {
            let (code, said) = keyward(&world, words);
            assert_eq!(code, 0, "{said}");
            said
        };
        let shown = told(&["key", "show", "few", "--pin-file", "pin"]);
        assert!(shown.contains("few: 2 of 2 uses"), "{shown}");
        let listed = told(&["--json", "key", "list", "--pin-file", "pin"]);
        assert!(listed.contains("\"most\":2") && listed.contains("\"used\":2"), "{listed}");
        let report = told(&["--json", "report", "--pin-file", "pin"]);
        assert!(report.contains("has spent its budget: few: 2 of 2 uses"), "{report}");
    }
}

const SIGNER: &str = "KEYWARD_CABI_BUDGET_SIGNER";

/// Not a test: encrypts until it is killed or refused, and says so of each use.
#[test]
fn signer() {
    let Ok(told) = std::env::var(SIGNER) else { return };
    let (slot, configuration) = told.split_once(' ').unwrap();
    let module = Module::load();
    module.initialize(configuration).unwrap();
    let session = module.read_write(slot.parse().unwrap());
    session.login(CKU_USER, USER_PIN).unwrap();
    let key = session.find(&Template::new().label("few")).unwrap()[0];
    let mut error = std::io::stderr();
    loop {
        match session.encrypt(&gcm(), key, b"data") {
            Ok(_) => error.write_all(b"+").unwrap(),
            Err(EXHAUSTED) => error.write_all(b"!").unwrap(),
            Err(other) => panic!("{other:?}"),
        }
    }
}

/// Lets a signer run until it has said `uses` marks, and kills it. How many uses it had, and whether it was refused.
fn killed_after(world: &World, marks: usize) -> (u64, bool) {
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args(["budgets::signer", "--exact", "--nocapture", "--test-threads=1"])
        .env(SIGNER, format!("{} {}", world.slot, world.configuration()))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = process.stderr.take().unwrap();
    let mut all = vec![0; marks];
    said.read_exact(&mut all).unwrap();
    process.kill().unwrap();
    process.wait().unwrap();
    // What it said between the last mark that was read and its death.
    said.read_to_end(&mut all).unwrap();
    assert!(all.iter().all(|mark| matches!(mark, b'+' | b'!')), "{}", String::from_utf8_lossy(&all));
    (all.iter().filter(|mark| **mark == b'+').count() as u64, all.contains(&b'!'))
}

alone! {
    fn kill_under_load_never_leaves_a_count_below_the_truth() {
        let world = limited("limits = { uses = 20_000 }");
        let session = world.user();
        let key = aes(session, true);
        let mut truth = 0;
        for round in 0..8 {
            let (uses, refused) = killed_after(&world, 1 + 37 * round);
            assert!(!refused, "round {round}");
            truth += uses;
            let counted = used(session, key);
            assert!(counted >= truth, "round {round}: {counted} counted, {truth} used");
            // A crash loses the rest of one block: a small part of what there was.
            assert!(counted <= truth + (round as u64 + 1) * (20_000 / 128), "round {round}: {counted} counted, {truth} used");
        }
        // To the end: all together had no more than there was.
        rule(&world, &format!("limits = {{ uses = {} }}", used(session, key) + 300));
        let most = used(session, key) + 300;
        loop {
            let (uses, refused) = killed_after(&world, 60);
            truth += uses;
            if refused {
                break;
            }
        }
        assert!(truth <= most, "{truth} uses of {most}");
        assert!(used(session, key) <= most);
    }
}

alone! {
    fn use_that_cannot_be_counted_is_refused() {
        let world = limited("limits = { uses = 5 }");
        let session = world.user();
        let (free, key) = (session.aes(Template::token().uses(&[CKA_ENCRYPT])).unwrap(), aes(session, true));
        session.encrypt(&cbc(), free, b"data").unwrap();
        // Another process holds the store for longer than anybody waits.
        let (mut ours, mut theirs) = UnixStream::pair().unwrap();
        let database = world.database();
        let other = fork(|| {
            let other = rusqlite::Connection::open(&database).unwrap();
            other.execute_batch("BEGIN IMMEDIATE").unwrap();
            theirs.write_all(&[1]).unwrap();
            theirs.read_exact(&mut [0]).unwrap();
            other.execute_batch("ROLLBACK").is_ok()
        });
        ours.read_exact(&mut [0]).unwrap();
        assert_eq!(session.encrypt_init(&gcm(), key), Err(Rv(CKR_FUNCTION_FAILED)));
        assert_eq!(session.reason(), UNAVAILABLE);
        session.encrypt(&cbc(), free, b"data").unwrap();
        ours.write_all(&[1]).unwrap();
        reap(other);
        session.encrypt(&gcm(), key, b"data").unwrap();
    }
}

alone! {
    fn count_that_was_set_back_is_found_out() {
        let world = limited("limits = { uses = 50 }");
        let session = world.user();
        let key = aes(session, true);
        session.encrypt(&gcm(), key, b"data").unwrap();
        let database = rusqlite::Connection::open(world.database()).unwrap();
        let read = || -> Vec<Row> {
            let mut rows = database
                .prepare("SELECT uid, version, attributes, seal FROM record WHERE class = ?1")
                .unwrap();
            let rows = rows.query_map([0x8000_0000_i64 | 0x4B57_0002], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            });
            rows.unwrap().map(Result::unwrap).collect()
        };
        let before = read();
        assert_eq!(before.len(), 1);
        session.encrypt(&gcm(), key, b"data").unwrap();
        let (uid, version, attributes, seal) = &before[0];
        assert!(read()[0].1 > *version);
        database
            .execute(
                "UPDATE record SET version = ?2, attributes = ?3, seal = ?4 WHERE uid = ?1",
                rusqlite::params![uid, version, attributes, seal],
            )
            .unwrap();
        // This process has seen a later one; a new one finds out at its login.
        assert_eq!(session.encrypt_init(&gcm(), key), Err(Rv(CKR_FUNCTION_FAILED)));
        assert_eq!(session.reason(), UNAVAILABLE);
        world.stop();
        world.start();
        let session = world.module.read_write(world.slot);
        assert_eq!(session.login(CKU_USER, USER_PIN), Err(Rv(CKR_DEVICE_ERROR)));
    }
}
