//! The audit trail, written by processes that use the module as hosts do, and judged by the library.

use super::client::*;
use super::processes::{fork, reap};
use crate::alone;
use cryptoki_sys::*;
use keyward_pkcs11::admin::audit as trails;
use keyward_pkcs11::audit::read::{Entry, Filter};
use keyward_pkcs11::audit::verify::{Report, Weight};
use keyward_pkcs11::guard::Sink;
use keyward_pkcs11::token::Configuration;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const WORKER: &str = "KEYWARD_CABI_AUDIT";

/// Judges the trail with the token's own key, after the module was stopped: two copies of the database's library must
/// not share a process.
pub fn judged(world: &World) -> (Report, Vec<Entry>) {
    world.stop();
    let configuration = Configuration { store: world.store(), log: Sink::Silent };
    let module = keyward_pkcs11::api::Module::with(&configuration).unwrap();
    let tokens = module.slots().tokens().unwrap();
    let trail = trails::trail(&tokens[0]).unwrap();
    let copy = trail.copy(&[]).unwrap();
    let report = trail.verify(&copy, trails::first_key(&copy), None);
    (report, trails::records(&copy, &Filter::default(), None))
}

pub fn told<'e>(entries: &'e [Entry], operation: &str) -> Vec<&'e Entry> {
    entries.iter().filter(|entry| entry.event.operation == operation).collect()
}

alone! {
    fn what_happens_to_a_token_is_told_and_no_secret_is() {
        let world = World::new();
        let session = world.module.read_write(world.slot);
        assert_eq!(session.login(CKU_USER, "wrong-pin-1"), Err(Rv(CKR_PIN_INCORRECT)));
        session.login(CKU_USER, USER_PIN).unwrap();
        let template = Template::token().label("web").flag(CKA_ENCRYPT, true).ulong(CKA_VALUE_LEN, 32);
        let key = session.generate(&Mechanism::plain(CKM_AES_KEY_GEN), &template).unwrap();
        let never = Mechanism::plain(CKM_DES3_ECB);
        assert!(session.encrypt(&never, key, &[0; 16]).is_err());
        session.set_pin(USER_PIN, "another-pin-1").unwrap();
        session.set_state(key, COMPROMISED).unwrap();
        session.destroy(key).unwrap();
        session.logout().unwrap();
        let files = std::fs::read_dir(world.store().join("trail")).unwrap();
        assert_eq!(files.count(), 1, "one token, one folder");
        let (report, entries) = judged(&world);
        assert!(report.holds() && report.findings.is_empty() && report.unsigned == 0, "{report:?}");
        for (operation, results) in [
            ("start", vec![CKR_OK]),
            ("initialize", vec![CKR_OK]),
            ("init-pin", vec![CKR_OK]),
            ("login", vec![CKR_OK, CKR_PIN_INCORRECT, CKR_OK]),
            ("generate", vec![CKR_OK]),
            ("created", vec![CKR_OK]),
            ("encrypt", vec![CKR_MECHANISM_INVALID]),
            ("change-pin", vec![CKR_OK]),
            ("stop", vec![CKR_OK]),
        ] {
            let found: Vec<_> = told(&entries, operation).iter().map(|entry| entry.event.result).collect();
            assert_eq!(found, results, "{operation}");
        }
        let compromised = told(&entries, "compromised");
        assert_eq!(compromised.len(), 2, "the decision and the change");
        assert!(compromised.iter().all(|entry| entry.event.label == "web" && entry.event.user == "user"));
        let created = told(&entries, "created")[0];
        assert!(created.event.detail.contains("CKK_AES 256 bits, token"), "{}", created.event.detail);
        assert_eq!(created.event.object, compromised[0].event.object);
        let all = format!("{entries:?}");
        for secret in [USER_PIN, SO_PIN, "wrong-pin-1", "another-pin-1"] {
            assert!(!all.contains(secret));
        }
    }
}

/// Not a test: what runs in the other processes. Says that it is there, and makes objects until it is killed or has
/// made as many as it was told.
#[test]
fn worker() {
    let Ok(told) = std::env::var(WORKER) else { return };
    let mut words = told.splitn(3, ' ');
    let (slot, most) =
        (words.next().unwrap().parse().unwrap(), words.next().unwrap().parse::<u64>().unwrap());
    let module = Module::load();
    module.initialize(words.next().unwrap()).unwrap();
    let session = module.read_write(slot);
    for number in 0..most {
        let label = format!("{} {number}", std::process::id());
        let template = Template::new().label(&label).class(CKO_DATA).flag(CKA_PRIVATE, false);
        let object = session.create(&template).unwrap();
        session.destroy(object).unwrap();
        if number == 0 {
            println!("@@ there");
        }
    }
    module.finalize().unwrap();
}

fn start(world: &World, most: u64) -> Child {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["audit::worker", "--exact", "--nocapture", "--test-threads=1"])
        .env(WORKER, format!("{} {most} {}", world.slot, world.configuration()))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let out = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut lines = std::io::BufRead::lines(out);
    assert!(lines.any(|line| line.unwrap().contains("@@ there")), "it ended before it was there");
    std::thread::spawn(move || lines.for_each(drop));
    child
}

alone! {
    fn eight_processes_that_are_killed_leave_visible_gaps_and_nothing_else() {
        let world = World::new();
        for round in 0..6 {
            let mut workers: Vec<_> = (0..8).map(|_| start(&world, u64::MAX)).collect();
            std::thread::sleep(Duration::from_millis(20 + 30 * round));
            for worker in &mut workers {
                worker.kill().unwrap();
                worker.wait().unwrap();
            }
        }
        // Those that are left alone end as they should, and adopt what the others left.
        for mut worker in (0..8).map(|_| start(&world, 100)).collect::<Vec<_>>() {
            assert!(wait(&mut worker, PATIENCE).unwrap().success());
        }
        let (report, entries) = judged(&world);
        assert!(report.holds(), "{report:?}");
        assert_eq!(report.unsigned, 0, "{report:?}");
        assert!(report.segments > 56, "{report:?}");
        let gaps = report.findings.iter().filter(|finding| finding.what.contains("without closing it")).count();
        assert_eq!(gaps, 48, "{report:?}");
        assert!(report.findings.iter().all(|finding| finding.weight == Weight::Visible));
        assert_eq!(told(&entries, "abandoned").len(), 48);
        assert!(report.signed > 8 * 200, "{report:?}");
        // No record that was written is missing: the numbers of each process have no gap.
        let mut numbers = std::collections::BTreeMap::<u32, Vec<u64>>::new();
        for entry in told(&entries, "create") {
            let number = entry.event.label.split(' ').nth(1).unwrap().parse().unwrap();
            numbers.entry(entry.header.process).or_default().push(number);
        }
        assert_eq!(numbers.len(), 56);
        for (process, numbers) in numbers {
            assert!(numbers.iter().copied().eq(0..numbers.len() as u64), "{process}: {numbers:?}");
        }
    }
}

alone! {
    fn forked_child_writes_a_segment_of_its_own_and_leaves_its_parents_alone() {
        let world = World::new();
        let session = world.module.read_write(world.slot);
        let make = |label: &str| {
            let template = Template::new().label(label).class(CKO_DATA).flag(CKA_PRIVATE, false);
            session.create(&template).map(drop)
        };
        make("before").unwrap();
        // One that ends as it should not, and one that does.
        reap(fork(|| make("in the first child").is_ok()));
        reap(fork(|| make("in the second child").is_ok() && world.module.finalize().is_ok()));
        make("after").unwrap();
        let (report, entries) = judged(&world);
        assert!(report.holds(), "{report:?}");
        let process = |label: &str| {
            let mut found = entries.iter().filter(|entry| entry.event.label == label);
            let process = found.next().unwrap_or_else(|| panic!("{label}: {entries:?}")).header.process;
            assert!(found.next().is_none(), "{label} is told once");
            process
        };
        let ours = std::process::id();
        assert_eq!((process("before"), process("after")), (ours, ours));
        let (first, second) = (process("in the first child"), process("in the second child"));
        assert!(first != ours && second != ours && first != second);
        assert_eq!(report.segments, 3);
    }
}
