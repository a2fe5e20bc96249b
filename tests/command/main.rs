//! The command `keyward`, run as an operator runs it.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may")]

mod backup;
mod exit_codes;
mod house;
mod learn;
mod policy;
mod tutorial;

use cryptoki_sys::*;
use house::*;
use keyward_pkcs11::api::session;
use keyward_pkcs11::ck::Error;
use keyward_pkcs11::secret::Pin;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

#[test]
fn help_and_version_are_told_and_nonsense_is_usage() {
    let house = House { folder: tempfile::tempdir().unwrap() };
    let help = house.run(&["--help"]);
    assert_eq!(help.code, 0);
    for command in ["token", "user", "key", "policy", "doctor"] {
        assert!(help.out.contains(&format!("\n  {command} ")), "{}", help.out);
    }
    assert!(house.run(&["--version"]).out.starts_with("keyward 0."));
    assert_eq!(house.run(&["key", "suspend"]).code, 2);
    assert_eq!(house.run(&["key", "suspend", "x", "--reason", "boredom"]).code, 2);
    assert_eq!(house.run(&["nonsense"]).code, 2);
    assert!(!house.store().exists(), "asking for help makes no store");
}

#[test]
fn token_init_makes_a_token_once_and_again_only_when_told() {
    let house = House::new();
    let list = house.run(&["token", "list", "--json"]);
    assert!(list.out.contains("\"label\":\"web\"") && list.out.contains("\"ready\""), "{}", list.out);
    let init = ["token", "init", "web", "--so-pin-file", "@so", "--pin-file", "@pin"];
    let second = house.run(&init);
    assert_eq!(second.code, 1);
    assert!(second.err.contains("already") && second.err.contains("--again"), "{}", second.err);
    house.aes("old");
    let silent = house.run(&[&init[..], &["--again"]].concat());
    assert!(silent.code == 1 && silent.err.contains("--yes"), "{}", silent.err);
    let again = house.run(&[&init[..], &["--again", "--yes"]].concat());
    assert_eq!(again.code, 0, "{}", again.err);
    assert_eq!(house.user(&["key", "list"]).out, "no keys\n");
}

#[test]
fn named_users_are_added_listed_and_removed_by_the_so() {
    let house = House::new();
    house.write("alice", "alice's pin\n");
    let so = ["--so-pin-file", "@so"];
    let with = |words: &[&str]| house.run(&[words, &so, &["--pin-file", "@alice"]].concat());
    let listed = || house.run(&["user", "list", "--json"]).out;
    assert_eq!(house.run(&["user", "list"]).out, "no named users; `keyward user add NAME` adds one\n");
    assert_eq!(listed(), "[]\n");
    let added = with(&["user", "add", "alice"]);
    assert_eq!((added.code, added.out.as_str()), (0, "user \"alice\" added\n"), "{}", added.err);
    let added = with(&["user", "add", "Zoë the officer", "--so", "--json"]);
    assert_eq!(added.out, "{\"name\":\"Zoë the officer\",\"done\":\"added\"}\n");
    // A name is one person, whatever the role.
    for again in [&["user", "add", "alice"][..], &["user", "add", "alice", "--so"]] {
        let again = with(again);
        assert!(again.code == 1 && again.err.contains("a user is called \"alice\" already"), "{}", again.err);
    }
    let list = house.run(&["user", "list", "--token", "web"]).out;
    assert!(list.contains("alice            user  ready\n"), "{list}");
    assert!(list.contains("Zoë the officer  so    ready\n"), "{list}");
    // The public half of the key that she signs with, another one with each PIN that the SO sets.
    let signs_with = || {
        let (list, key) = (listed(), "\"failures\":0,\"locked\":false,\"signing_key\":\"");
        let alice = list.split("{\"name\":\"alice\",\"role\":\"user\",").nth(1).unwrap().to_owned();
        alice.strip_prefix(key).unwrap().split_once("\"}").unwrap().0.to_owned()
    };
    let first = signs_with();
    assert!(first.len() == 64 && first.bytes().all(|digit| digit.is_ascii_hexdigit()), "{first}");

    let login = |name: &[u8], pin: &[u8]| {
        let module = module(&house.store());
        let token = module.slots().tokens().unwrap()[0].slot();
        let s = session::open_session(&module, token, CKF_SERIAL_SESSION | CKF_RW_SESSION).unwrap();
        session::login_user(&module, s, CKU_USER, Some(Pin::from_slice(pin)), name)
    };
    assert_eq!(login(b"alice", b"alice's pin"), Ok(()));
    house.write("alice", "another pin\n");
    assert_eq!(with(&["user", "set-pin", "alice"]).out, "user \"alice\" has a new PIN\n");
    assert_ne!(signs_with(), first);
    assert_eq!(login(b"alice", b"alice's pin"), Err(Error::PinIncorrect));
    assert!(house.run(&["user", "list"]).out.contains("1 wrong PIN\n"));
    assert_eq!(login(b"alice", b"another pin"), Ok(()));

    let remove = |words: &[&str]| house.run(&[&["user", "remove"], words, &so].concat());
    let silent = remove(&["alice"]);
    assert!(silent.code == 1 && silent.err.contains("--yes"), "{}", silent.err);
    assert_eq!(remove(&["alice", "--yes"]).out, "user \"alice\" removed\n");
    assert_eq!(login(b"alice", b"another pin"), Err(Error::PinIncorrect));
    for unknown in [remove(&["alice", "--yes"]), with(&["user", "set-pin", "alice"])] {
        assert!(unknown.code == 1 && unknown.err.contains("no user is called \"alice\""), "{}", unknown.err);
    }
    // The user's PIN is not the SO's, a name has its limits, and so has a PIN.
    let wrong = house.run(&["user", "add", "bob", "--so-pin-file", "@pin", "--pin-file", "@alice"]);
    assert!(wrong.code == 1 && wrong.err.contains("CKR_PIN_INCORRECT"), "{}", wrong.err);
    for name in ["", "a\nb", &"x".repeat(65)] {
        let refused = with(&["user", "add", name]);
        assert!(refused.code == 1 && refused.err.contains("1 to 64 bytes"), "{}", refused.err);
    }
    house.write("alice", "123\n");
    let short = with(&["user", "add", "bob"]);
    assert!(short.code == 1 && short.err.contains("must have 4 to 255 bytes"), "{}", short.err);
}

#[test]
fn token_init_with_a_pin_that_the_policy_refuses_makes_nothing() {
    let house = House { folder: tempfile::tempdir().unwrap() };
    house.write("so", "12345678\n");
    house.write("pin", "123\n");
    let made = house.run(&["token", "init", "web", "--so-pin-file", "@so", "--pin-file", "@pin"]);
    assert!(made.code == 1 && made.err.contains("the user PIN must have 4 to 255 bytes"), "{}", made.err);
    assert!(house.run(&["token", "list"]).out.starts_with("no tokens"));
}

#[test]
fn pins_come_from_files_and_descriptors_and_wrong_ones_are_told() {
    let house = House::new();
    assert_eq!(house.user(&["key", "list"]).code, 0);
    let wrong = house.run(&["key", "list", "--pin-file", "@wrong"]);
    assert_eq!((wrong.code, wrong.out.as_str()), (1, ""));
    assert_eq!(wrong.err, "keyward: logging in: the PIN is wrong (CKR_PIN_INCORRECT)\n");
    let nobody = house.run(&["key", "list"]);
    assert!(nobody.code == 1 && nobody.err.contains("--pin-file"), "{}", nobody.err);
    let script = format!("{} key list --pin-fd 3 3<pin", env!("CARGO_BIN_EXE_keyward"));
    let piped = format!("printf '123456\\n' | {} key list --pin-fd 0", env!("CARGO_BIN_EXE_keyward"));
    // As a service of systemd finds them.
    let service =
        format!("CREDENTIALS_DIRECTORY=. {} key list --pin-credential pin", env!("CARGO_BIN_EXE_keyward"));
    for script in [script, piped, service] {
        let mut shell = Command::new("sh");
        shell.args(["-c", &script]).current_dir(house.folder.path()).env("KEYWARD_STORE", house.store());
        assert!(shell.output().unwrap().status.success(), "{script}");
    }
    for name in ["../pin", "/etc/passwd", ".."] {
        let refused = house.run(&["key", "list", "--pin-credential", name]);
        assert!(refused.code == 1 && refused.err.contains("no name of a credential"), "{}", refused.err);
    }
    let nowhere = house.run(&["key", "list", "--pin-credential", "pin"]);
    assert!(nowhere.code == 1 && nowhere.err.contains("LoadCredential="), "{}", nowhere.err);
    std::fs::set_permissions(house.path("pin"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let open = house.user(&["key", "list"]);
    assert!(open.code == 0 && open.err.contains("others may read the PIN file"), "{}", open.err);
}

#[test]
fn a_pair_goes_through_its_life_together() {
    let house = House::new();
    house.pair("tls");
    let steps = [
        ("suspend", "active -> suspended"),
        ("activate", "suspended -> active"),
        ("deactivate", "active -> deactivated"),
        ("compromise", "deactivated -> compromised"),
    ];
    for (step, became) in steps {
        let run = house.user(&["key", step, "tls", "--reason", "superseded", "--message", "as planned"]);
        assert_eq!(run.code, 0, "{step}: {}", run.err);
        assert_eq!(run.out.matches(became).count(), 2, "{step}: {}", run.out);
    }
    let refused = house.user(&["key", "activate", "tls"]);
    assert_eq!(refused.code, 1);
    assert_eq!(
        refused.err,
        "keyward: refused: a key that is compromised cannot become active \
         (state-transition, CKR_ACTION_PROHIBITED)\n"
    );
    let shown = house.user(&["key", "show", "tls"]).out;
    assert!(shown.contains("superseded") && shown.contains("active -> suspended by user"), "{shown}");
    let log = std::fs::read_to_string(house.store().join("keyward.log")).unwrap();
    assert!(log.contains("lifecycle: \"tls\"") && log.contains("denied: state-transition"), "{log}");
}

#[test]
fn compromise_keeps_when_it_happened() {
    let house = House::new();
    house.aes("data");
    let words = ["key", "compromise", "--id", "01", "--occurred", "2024-02-29", "--reason", "key-compromise"];
    assert_eq!(house.user(&words).code, 0);
    let shown = house.user(&["key", "show", "data", "--json"]).out;
    assert!(shown.contains("\"compromise_occurred\":\"2024-02-29T00:00:00Z\""), "{shown}");
    assert!(shown.contains("\"revocation_reason\":\"key-compromise\""), "{shown}");
}

#[test]
fn compromise_of_a_destroyed_key_is_noted_for_both_halves() {
    let house = House::new();
    house.pair("one");
    house.user_must(0, &["key", "destroy", "one", "--yes"]);
    let list: serde_json::Value =
        serde_json::from_str(&house.user(&["key", "list", "--all", "--json"]).out).unwrap();
    let uid = list[0]["uid"].as_str().unwrap().to_owned();
    let words =
        ["key", "compromise", "--uid", &uid, "--reason", "key-compromise", "--message", "a copy was sold"];
    let told = house.user_must(0, &words);
    assert_eq!(told.matches("destroyed -> destroyed-compromised").count(), 2, "{told}");
    let shown = house.user_must(0, &["key", "show", "--uid", &uid]);
    assert!(shown.contains("destroyed-compromised") && shown.contains("a copy was sold"), "{shown}");
    // It is said once.
    let again = house.user(&words);
    assert!(again.code == 1 && again.err.contains("cannot become"), "{}", again.err);
    let back = house.user(&["key", "activate", "--uid", &uid]);
    assert!(back.code == 1 && back.err.contains("is destroyed"), "{}", back.err);
}

#[test]
fn destroy_asks_takes_both_halves_and_leaves_tombstones() {
    let house = House::new();
    house.pair("one");
    house.pair("two");
    let silent = house.user(&["key", "destroy", "one"]);
    assert!(silent.code == 1 && silent.err.contains("say --yes"), "{}", silent.err);
    let half = house.user(&["key", "destroy", "one", "--yes", "--only", "public", "--reason", "superseded"]);
    assert_eq!(half.out.matches("active -> destroyed").count(), 1, "{}", half.err);
    let gone = house.user(&["key", "destroy", "one", "--yes", "--only", "public"]);
    assert!(gone.code == 1 && gone.err.contains("no public half"), "{}", gone.err);
    let both = house.user(&["key", "destroy", "two", "--yes"]);
    assert_eq!(both.out.matches("active -> destroyed").count(), 2, "{}", both.err);
    let living = house.user(&["key", "list"]).out;
    assert!(living.contains("one") && !living.contains("two"), "{living}");
    let all = house.user(&["key", "list", "--all"]).out;
    assert_eq!(all.matches("destroyed").count(), 3, "{all}");
    let uid = all.lines().find(|line| line.contains("destroyed")).unwrap().split_whitespace().last().unwrap();
    let shown = house.user(&["key", "show", "--uid", uid]).out;
    assert!(shown.contains("active -> destroyed by user"), "{shown}");
    assert_eq!(house.user(&["key", "show", "two"]).code, 1);
}

#[test]
fn a_name_of_several_keys_is_refused_and_lists_them() {
    let house = House::new();
    house.pair("same");
    house.aes("same");
    let refused = house.user(&["key", "suspend", "same"]);
    assert_eq!((refused.code, refused.out.as_str()), (1, ""));
    assert_eq!(refused.err.matches("--uid").count(), 3, "{}", refused.err);
    let list = house.user(&["key", "list"]).out;
    assert_eq!(list.matches(" active ").count(), 3, "nothing changed: {list}");
    let uid = list.lines().find(|line| line.contains("secret")).unwrap().split_whitespace().last().unwrap();
    assert_eq!(house.user(&["key", "suspend", "--uid", uid]).code, 0);
    let none = house.user(&["key", "suspend", "nobody"]);
    assert!(none.code == 1 && none.err.contains("no key with the label \"nobody\""), "{}", none.err);
}

#[test]
fn explain_of_a_real_key_agrees_with_the_module_and_changes_nothing() {
    let house = House::new();
    house.generate(CKM_EC_KEY_PAIR_GEN, "tls", &[(CKA_DERIVE, vec![CK_TRUE])]);
    let ask = ["policy", "explain", "--key", "tls", "--op", "sign", "--mechanism", "CKM_ECDSA"];
    let yes = house.user(&ask);
    assert_eq!(yes.code, 0, "{}", yes.err);
    assert!(yes.out.contains("this use fixes the purpose: sign") && yes.out.contains("answer: CKR_OK"));
    assert!(house.user(&["key", "show", "tls"]).out.contains("not bound"), "a question binds nothing");
    house.user(&["key", "suspend", "tls"]);
    let log = house.store().join("keyward.log");
    let before = std::fs::read_to_string(&log).unwrap();
    let no = house.user(&ask);
    assert_eq!(no.code, 1);
    assert!(no.out.contains("answer: CKR_KEY_FUNCTION_NOT_PERMITTED, ulDeviceError 0x101"), "{}", no.out);
    assert!(no.out.contains("not reached"));
    assert_eq!(std::fs::read_to_string(&log).unwrap(), before, "a question is not logged");
    let other =
        house.user(&["policy", "explain", "--key", "tls", "--op", "sign", "--mechanism", "CKM_AES_GCM"]);
    assert!(other.out.contains("module  ") && other.out.contains("CKR_MECHANISM_INVALID"), "{}", other.out);
}

#[test]
fn doctor_of_a_sound_store_finds_nothing_broken() {
    let house = House { folder: tempfile::tempdir().unwrap() };
    let empty = house.run(&["doctor"]);
    assert!(empty.code == 0 && empty.out.contains("no store"), "{}", empty.out);
    assert!(!house.store().exists(), "looking makes no store");
    let house = House::new();
    house.aes("data");
    let sound = house.user(&["doctor"]);
    assert_eq!(sound.code, 0, "{}{}", sound.out, sound.err);
    assert!(sound.out.contains("nothing is broken") && sound.out.contains("format         2"));
    assert!(house.run(&["doctor", "--json"]).out.starts_with("{\"sound\":true,"));
}

#[test]
fn doctor_of_a_damaged_store_names_what_is_broken_and_what_is_left() {
    let house = House::new();
    house.pair("tls");
    house.aes("data");
    let database = rusqlite::Connection::open(house.store().join("keyward.db")).unwrap();
    // A label of another length would not be found; one letter is enough.
    let changed = database
        .execute(
            "UPDATE record SET attributes = CAST(replace(CAST(attributes AS BLOB), x'746c73', x'746c78') AS BLOB) \
             WHERE private = 0",
            [],
        )
        .unwrap();
    assert_eq!(changed, 1);
    drop(database);
    let broken = house.run(&["doctor"]);
    assert_eq!(broken.code, 1, "{}", broken.out);
    assert!(broken.out.contains("the CKO_PUBLIC_KEY"), "{}", broken.out);
    assert!(broken.out.contains("the 2 other records are sound"), "{}", broken.out);
    std::fs::set_permissions(house.store().join("store.key"), std::fs::Permissions::from_mode(0o644))
        .unwrap();
    assert!(house.run(&["doctor"]).out.contains("problem: store.key has mode 0644"));
    std::fs::remove_file(house.store().join("store.key")).unwrap();
    let lost = house.run(&["doctor"]);
    assert!(lost.code == 1 && lost.out.contains("store.key is missing"), "{}", lost.out);
    std::fs::write(house.store().join("keyward.db"), b"no database at all, but long enough to be read")
        .unwrap();
    let ruined = house.run(&["doctor"]);
    assert!(ruined.code == 1 && ruined.out.contains("copy the whole folder"), "{}", ruined.out);
}

#[test]
fn doctor_with_the_pin_notices_a_record_that_was_taken_out() {
    let house = House::new();
    house.aes("data");
    let database = rusqlite::Connection::open(house.store().join("keyward.db")).unwrap();
    assert_eq!(database.execute("DELETE FROM record", []).unwrap(), 1);
    drop(database);
    assert_eq!(house.run(&["doctor"]).code, 0, "only the token's key can tell");
    let told = house.user(&["doctor"]);
    assert!(told.code == 1 && told.out.contains("records are missing"), "{}{}", told.out, told.err);
    let refused = house.user(&["key", "list"]);
    assert!(refused.code == 1 && refused.err.contains("keyward doctor"), "{}", refused.err);
}
