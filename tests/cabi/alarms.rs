//! Alarms: what several processes do is counted together, a key is suspended for all of them, and a stranger is told of.

use super::client::*;
use super::installed::{install_text, keyward};
use crate::alone;
use cryptoki_sys::*;
use std::path::Path;
use std::process::Command;

const WORKER: &str = "KEYWARD_CABI_ALARMS";
const ALARM: CK_ULONG = 0x805;
const STATE_SUSPENDED: CK_ULONG = 0x101;

/// Not a test: what runs in the other processes. Uses the key as often as it was told, and prints how each use ended.
#[test]
fn worker() {
    let Ok(told) = std::env::var(WORKER) else { return };
    let mut words = told.splitn(3, ' ');
    let slot = words.next().unwrap().parse().unwrap();
    let times: usize = words.next().unwrap().parse().unwrap();
    let module = Module::load();
    module.initialize(words.next().unwrap()).unwrap();
    let session = module.read_write(slot);
    session.login(CKU_USER, USER_PIN).unwrap();
    let key = session.find(&Template::new().label("web").class(CKO_SECRET_KEY)).unwrap()[0];
    for _ in 0..times {
        let ended = session.sign(&Mechanism::plain(CKM_SHA256_HMAC), key, b"data").err().map_or(0, |rv| rv.0);
        println!("@@ {ended} {}", session.reason());
    }
    module.finalize().unwrap();
}

/// Runs a worker from a program file, and answers return code and reason of each use.
fn work(world: &World, program: &Path, times: usize) -> Vec<(CK_RV, CK_ULONG)> {
    let output = Command::new(program)
        .args(["alarms::worker", "--exact", "--nocapture", "--test-threads=1"])
        .env(WORKER, format!("{} {times} {}", world.slot, world.configuration()))
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    let lines = said.lines().filter_map(|line| line.split_once("@@ ")).map(|(_, ended)| ended);
    lines
        .map(|line| {
            let (code, reason) = line.split_once(' ').unwrap();
            (code.parse().unwrap(), reason.parse().unwrap())
        })
        .collect()
}

fn mac_key(session: &Session<'_>) -> CK_OBJECT_HANDLE {
    let template = Template::token().label("web").uses(&[CKA_SIGN]).ulong(CKA_VALUE_LEN, 32);
    session.generate(&Mechanism::plain(CKM_GENERIC_SECRET_KEY_GEN), &template).unwrap()
}

/// The alarms on record: their signals.
fn alarms(world: &World) -> Vec<String> {
    let (code, said) = keyward(world, &["audit", "show", "--kind", "alarm", "--json"]);
    assert_eq!(code, 0, "{said}");
    let signal = |line: &str| Some(line.split_once("\"operation\":\"")?.1.split_once('"')?.0.to_owned());
    said.lines().filter_map(signal).collect()
}

alone! {
    fn uses_of_several_processes_count_together_and_suspend_the_key_for_all() {
        let world = World::new();
        let session = world.user();
        let key = mac_key(&session);
        install_text(
            &world,
            "[[alarm]]\nid = \"flood\"\non = \"uses\"\nover = 6\nwithin = \"10m\"\nthen = \"suspend\"\n",
        );
        let hmac = Mechanism::plain(CKM_SHA256_HMAC);
        let this = std::env::current_exe().unwrap();
        for _ in 0..2 {
            session.sign(&hmac, key, b"data").unwrap();
        }
        assert_eq!(work(&world, &this, 3), [(CKR_OK, 0); 3]);
        session.sign(&hmac, key, b"data").unwrap();
        let suspended = (CKR_KEY_FUNCTION_NOT_PERMITTED, STATE_SUSPENDED);
        assert_eq!(work(&world, &this, 2), [(CKR_ACTION_PROHIBITED, ALARM), suspended]);
        assert_eq!(session.sign(&hmac, key, b"data"), Err(Rv(suspended.0)));
        assert_eq!(session.reason(), suspended.1);
        assert_eq!(alarms(&world), ["uses"]);
        // Whoever looks into it brings the key back.
        let (code, said) = keyward(&world, &["key", "activate", "web", "--pin-file", "pin"]);
        assert_eq!(code, 0, "{said}");
        session.sign(&hmac, key, b"data").unwrap();
    }
}

alone! {
    fn another_program_that_uses_a_key_is_told_of_once_and_known_from_then_on() {
        let world = World::new();
        let session = world.user();
        let key = mac_key(&session);
        install_text(&world, "[[alarm]]\nid = \"stranger\"\non = \"new-caller\"\nwithin = \"1s\"\n");
        session.sign(&Mechanism::plain(CKM_SHA256_HMAC), key, b"data").unwrap();
        let this = std::env::current_exe().unwrap();
        work(&world, &this, 1);
        assert_eq!(alarms(&world), [""; 0], "the same program is no stranger");
        // The module is looked for from where the program lies.
        let stranger = this.with_file_name(format!("stranger-{}", std::process::id()));
        std::fs::copy(&this, &stranger).unwrap();
        let ended = [work(&world, &stranger, 2), work(&world, &stranger, 2)];
        std::fs::remove_file(&stranger).unwrap();
        assert_eq!(ended, [[(CKR_OK, 0); 2]; 2]);
        assert_eq!(alarms(&world), ["new-caller"]);
    }
}
