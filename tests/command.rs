//! The command `keyward`, run as an operator runs it.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may")]

use cryptoki_sys::*;
use keyward_pkcs11::api::{Module, keys, session};
use keyward_pkcs11::ck::raw::{RawAttribute, RawValue, ulong_to_bytes};
use keyward_pkcs11::ck::{Error, Mechanism};
use keyward_pkcs11::guard::Sink;
use keyward_pkcs11::secret::Pin;
use keyward_pkcs11::token::Configuration;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;
use zeroize::Zeroizing;

/// What a run of the command did.
struct Run {
    code: i32,
    out: String,
    err: String,
}

/// A store with a token called web.
struct House {
    folder: TempDir,
}

impl House {
    fn new() -> Self {
        let house = Self { folder: tempfile::tempdir().unwrap() };
        house.write("so", "12345678\n");
        house.write("pin", "123456\nnot the PIN\n");
        house.write("wrong", "654321\n");
        let made = house.run(&["token", "init", "web", "--so-pin-file", "@so", "--pin-file", "@pin"]);
        assert_eq!((made.code, made.err.as_str()), (0, ""), "{}", made.out);
        house
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn store(&self) -> PathBuf {
        self.path("store")
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
        std::fs::set_permissions(self.path(name), std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// Runs the command; `@name` stands for a file of this house.
    fn run(&self, words: &[&str]) -> Run {
        let words: Vec<String> = words
            .iter()
            .map(|word| match word.strip_prefix('@') {
                Some(name) => self.path(name).display().to_string(),
                None => (*word).to_owned(),
            })
            .collect();
        let command = Command::new(env!("CARGO_BIN_EXE_keyward"))
            .args(&words)
            .current_dir(self.folder.path())
            .env_clear()
            .env("KEYWARD_STORE", self.store())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        Run {
            code: command.status.code().unwrap(),
            out: String::from_utf8(command.stdout).unwrap(),
            err: String::from_utf8(command.stderr).unwrap(),
        }
    }

    /// With the user's PIN.
    fn user(&self, words: &[&str]) -> Run {
        self.run(&[words, &["--token", "web", "--pin-file", "@pin"]].concat())
    }

    /// Generates in a module of our own; the command is another process.
    fn generate(&self, mechanism: u64, label: &str, more: &[(u64, Vec<u8>)]) {
        let module = module(&self.store());
        let token = module.slots().tokens().unwrap()[0].slot();
        let s = session::open_session(&module, token, CKF_SERIAL_SESSION | CKF_RW_SESSION).unwrap();
        session::login(&module, s, CKU_USER, Some(Pin::from_slice(b"123456"))).unwrap();
        let mut template =
            vec![raw(CKA_TOKEN, &[CK_TRUE]), raw(CKA_LABEL, label.as_bytes()), raw(CKA_ID, &[1])];
        template.extend(more.iter().map(|(cka, value)| raw(*cka, value)));
        if mechanism == CKM_AES_KEY_GEN {
            keys::generate_key(&module, s, Mechanism::plain(mechanism), template).unwrap();
        } else {
            let public = vec![
                raw(CKA_EC_PARAMS, &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]),
                raw(CKA_TOKEN, &[CK_TRUE]),
                raw(CKA_LABEL, label.as_bytes()),
                raw(CKA_VERIFY, &[CK_TRUE]),
            ];
            template.push(raw(CKA_SIGN, &[CK_TRUE]));
            keys::generate_key_pair(&module, s, Mechanism::plain(mechanism), public, template).unwrap();
        }
    }

    fn pair(&self, label: &str) {
        self.generate(CKM_EC_KEY_PAIR_GEN, label, &[]);
    }

    fn aes(&self, label: &str) {
        self.generate(CKM_AES_KEY_GEN, label, &[(CKA_VALUE_LEN, ulong_to_bytes(32).to_vec())]);
    }
}

fn module(store: &Path) -> Module {
    Module::with(&Configuration { store: store.to_owned(), log: Sink::Silent }).unwrap()
}

fn raw(cka: u64, bytes: &[u8]) -> RawAttribute {
    RawAttribute { cka, value: RawValue::Bytes(Zeroizing::new(bytes.to_vec())) }
}

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
    assert!(listed().contains("{\"name\":\"alice\",\"role\":\"user\",\"failures\":0,\"locked\":false}"));

    let login = |name: &[u8], pin: &[u8]| {
        let module = module(&house.store());
        let token = module.slots().tokens().unwrap()[0].slot();
        let s = session::open_session(&module, token, CKF_SERIAL_SESSION | CKF_RW_SESSION).unwrap();
        session::login_user(&module, s, CKU_USER, Some(Pin::from_slice(pin)), name)
    };
    assert_eq!(login(b"alice", b"alice's pin"), Ok(()));
    house.write("alice", "another pin\n");
    assert_eq!(with(&["user", "set-pin", "alice"]).out, "user \"alice\" has a new PIN\n");
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
fn explain_of_a_key_that_nobody_has_asks_the_policy_alone() {
    let house = House { folder: tempfile::tempdir().unwrap() };
    let ask = |more: &[&str]| {
        let words = ["policy", "explain", "--class", "private", "--type", "rsa", "--op", "sign"];
        house.run(&[&words[..], &["--mechanism", "CKM_SHA256_RSA_PKCS"], more].concat())
    };
    assert_eq!(ask(&["--bits", "2048"]).code, 0);
    let short = ask(&["--bits", "1024", "--json"]);
    assert!(short.code == 1 && short.out.contains("\"answer\":\"CKR_KEY_SIZE_RANGE\""), "{}", short.out);
    assert!(ask(&["--state", "suspended"]).out.contains("state-suspended"));
    let policy = "policy = 1\n[[rule]]\nid = \"year\"\nwhen = { label = \"tls-*\" }\n\
                  crypto_period = { originator = \"1y\" }\n";
    house.write("p.toml", policy);
    let at =
        |day| ask(&["--policy", "@p.toml", "--label", "tls-www", "--activated", "2026-01-01", "--at", day]);
    assert_eq!(at("2026-12-31").code, 0, "{}", at("2026-12-31").err);
    assert!(at("2027-01-01").out.contains("originator-window-over"), "{}", at("2027-01-01").out);
    assert!(ask(&["--purpose", "encryt"]).err.contains("did you mean `encrypt`?"));
    assert!(ask(&["--policy", "nobody"]).err.contains("there are: "));
    assert!(!house.store().exists());
}

#[test]
fn policy_check_runs_tests_and_shows_mistakes_with_their_place() {
    let house = House { folder: tempfile::tempdir().unwrap() };
    std::fs::create_dir(house.path("lib")).unwrap();
    house.write("lib/base.toml", "policy = 1\n[keys]\nmin_strength = 128\n");
    let test = |expect: &str| {
        format!(
            "policy = 1\nname = \"fleet\"\nextends = [\"lib/base.toml\"]\n[[test]]\nid = \"RSA-2048\"\n\
             key = {{ class = \"private\", type = \"rsa\", bits = 2048 }}\n\
             ask = {{ op = \"sign\", mechanism = \"CKM_SHA256_RSA_PKCS\" }}\nexpect = \"{expect}\"\n"
        )
    };
    house.write("good.toml", &test("deny"));
    house.write("fails.toml", &test("allow"));
    house.write("broken.toml", "policy = 1\n[keys]\nmin_strenght = 5\n");
    let good = house.run(&["policy", "check", "@good.toml"]);
    assert_eq!(good.code, 0, "{}", good.err);
    assert!(good.out.contains("policy \"fleet\", 1 of 1 tests passed"), "{}", good.out);
    let fails = house.run(&["policy", "check", "good.toml", "fails.toml"]);
    assert_eq!(fails.code, 1);
    assert!(fails.err.contains("test \"RSA-2048\": denied, expected to be allowed"), "{}", fails.err);
    let broken = house.run(&["policy", "check", "broken.toml"]);
    assert_eq!(broken.code, 1);
    assert!(
        broken.err.contains("--> broken.toml:3:1") && broken.err.contains("min_strength"),
        "{}",
        broken.err
    );
    assert_eq!(house.run(&["policy", "check", "nowhere.toml"]).code, 1);
    let shown = house.run(&["policy", "show", "default"]).out;
    assert!(shown.contains("policy = 1"));
    assert!(house.run(&["policy", "show"]).out.lines().any(|name| name == "default"));
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

#[test]
fn policy_is_installed_by_the_so_and_told_with_its_history_and_its_drift() {
    let house = House::new();
    let told = house.run(&["policy", "status"]);
    assert_eq!(told.out, "token \"web\" is under the policy \"default\"; no other was installed\n");
    assert_eq!(house.run(&["policy", "history", "--json"]).out, "[]\n");
    house.write("base.toml", "policy = 1\n[mechanisms]\ndeny = \"CKM_AES_ECB\"\n");
    house.write("own.toml", "policy = 1\nname = \"own\"\nextends = [\"default\", \"./base.toml\"]\n");
    let install = |policy: &str| house.run(&["policy", "install", policy, "--so-pin-file", "@so"]);
    let wrong = house.run(&["policy", "install", "own.toml", "--so-pin-file", "@pin"]);
    assert!(wrong.code == 1 && wrong.err.contains("CKR_PIN_INCORRECT"), "{}", wrong.err);
    let made = install("own.toml");
    assert!(made.out.starts_with("policy \"own\" is in force: digest "), "{}{}", made.out, made.err);
    let told = house.run(&["policy", "status"]);
    assert_eq!(told.code, 0, "{}", told.err);
    assert!(
        told.out.contains("\"own\"") && told.out.contains("drift      the file says the same"),
        "{}",
        told.out
    );
    assert_eq!(house.run(&["policy", "diff"]).out, "no difference\n");

    house.write("base.toml", "policy = 1\n[mechanisms]\ndeny = [\"CKM_AES_ECB\", \"CKM_AES_CBC\"]\n");
    let told = house.run(&["policy", "status", "--json"]);
    assert!(told.code == 1 && told.out.contains("\"drift\":\"changed\""), "{}", told.out);
    let told = house.run(&["policy", "diff"]);
    assert_eq!((told.code, told.out.as_str()), (1, "rule mechanisms.deny\n  + deny CKM_AES_CBC\n"));
    let shown = house.run(&["policy", "show", "--token", "web"]).out;
    assert!(shown.contains("deny = \"CKM_AES_ECB\"\n") && shown.contains("# shipped:default\n"), "{shown}");
    install("own.toml");
    install("legacy");
    let history = house.run(&["policy", "history"]).out;
    let lines: Vec<Vec<&str>> = history.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines.len(), 4, "{history}");
    assert_eq!([lines[1][1], lines[1][2], lines[3][2]], ["so", "own", "legacy"], "{history}");
    assert_eq!([lines[2][4], lines[3][4]], [lines[1][3], lines[2][3]], "each says after which it came");

    for (text, told) in [
        ("policy = 1\n[keys]\nsingle_porpose = \"off\"\n", "did you mean `single_purpose`?"),
        (
            "policy = 1\n[[test]]\nid = \"t\"\nkey = { class = \"secret\", type = \"aes\" }\n\
             ask = { op = \"encrypt\", mechanism = \"CKM_AES_GCM\" }\nexpect = \"deny\"\n",
            "fails its own test \"t\"",
        ),
    ] {
        house.write("bad.toml", text);
        let refused = install("bad.toml");
        assert!(refused.code == 1 && refused.err.contains(told), "{}", refused.err);
    }
    assert!(house.run(&["policy", "status"]).out.contains("under the policy \"legacy\""));
    assert!(install("lagacy").err.contains("there are: "));
}

#[test]
fn commands_of_the_page_about_policies_do_what_it_says() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/policy.md")).unwrap();
    let block = |kind: &str| page.split(kind).nth(1).unwrap().split("```").next().unwrap().to_owned();
    let house = House::new();
    house.pair("tls-www");
    house.write("tls.toml", &block("```toml\n"));
    let mut ran = 0;
    for line in block("```sh\n").lines() {
        let (command, comment) = line.split_once('#').unwrap();
        let mut words: Vec<&str> = command.split_whitespace().skip(1).collect();
        if comment.contains("(SO PIN)") {
            words.extend(["--so-pin-file", "@so"]);
        }
        if comment.contains("(user's PIN)") {
            words.extend(["--pin-file", "@pin"]);
        }
        let told = house.run(&words);
        // `try` answers 1 where something would be refused, as this policy does for the mechanisms that are ours.
        let expected = i32::from(command.contains(" try "));
        assert_eq!(told.code, expected, "{line}: {}{}", told.out, told.err);
        ran += 1;
    }
    assert_eq!(ran, 7);
    assert!(house.run(&["policy", "status"]).out.contains("\"tls-fleet\""));
    let refused = house.user(&[
        "policy",
        "explain",
        "--key",
        "tls-www",
        "--op",
        "sign",
        "--mechanism",
        "CKM_ECDSA_SHA1",
    ]);
    assert!(refused.code == 1 && refused.out.contains("CKR_MECHANISM_INVALID"), "{}", refused.out);
}

#[test]
fn policy_try_lists_what_another_policy_would_refuse_and_changes_nothing() {
    let house = House::new();
    house.pair("tls");
    house.aes("data");
    house.write(
        "new.toml",
        "policy = 1\nextends = \"default\"\n[[rule]]\nid = \"p384\"\nwhen = { type = \"ec\" }\ncurves = \"P-384\"\n",
    );
    let told = house.user(&["policy", "try", "new.toml"]);
    assert_eq!(told.code, 1, "{}", told.err);
    assert!(
        told.out.contains("private tls") && told.out.contains("sign") && told.out.contains("p384"),
        "{}",
        told.out
    );
    assert!(!told.out.contains("data") && !told.out.contains("verify"), "{}", told.out);
    let told = house.user(&["policy", "try", "new.toml", "--json"]);
    assert!(told.out.contains("\"op\":\"sign\"") && told.out.contains("\"CKM_ECDSA\""), "{}", told.out);
    let told = house.user(&["policy", "try", "default"]);
    assert_eq!(
        (told.code, told.out.as_str()),
        (
            0,
            "3 keys: \"default\" refuses no use that is allowed now\n\
             recorded uses: none are on record (`audit = \"all\"` records them)\n"
        )
    );
    assert_eq!(house.run(&["policy", "history"]).out, "no policy was installed yet\n");
}

#[test]
fn policy_test_tells_of_each_case_and_check_speaks_json() {
    let house = House { folder: tempfile::tempdir().unwrap() };
    let told = house.run(&["policy", "test", "default"]);
    assert!(
        told.code == 0 && told.out.lines().filter(|line| line.starts_with("ok ")).count() >= 20,
        "{}",
        told.out
    );
    house.write("bad.toml", "policy = 1\n[keys]\nexprot = \"never\"\n");
    let told = house.run(&["policy", "check", "bad.toml", "--json"]);
    assert_eq!(told.code, 1);
    assert!(told.out.contains("\"line\":3,\"column\":1,"), "{}", told.out);
    assert!(told.out.contains("\"suggestion\":\"did you mean `export`?\""), "{}", told.out);
}

#[test]
fn copy_of_a_store_that_is_in_use_brings_its_keys_back() {
    let house = House::new();
    let secret = [(CKA_VALUE_LEN, ulong_to_bytes(32).to_vec()), (CKA_ENCRYPT, vec![CK_TRUE])];
    house.generate(CKM_AES_KEY_GEN, "database", &secret);
    // Somebody has the store open meanwhile.
    let busy = module(&house.store());
    let made = house.run(&["backup", "@copy"]);
    assert_eq!((made.code, made.err.as_str()), (0, ""));
    assert!(made.out.contains("1 token, with the store's key"), "{}", made.out);
    drop(busy);
    let mode = |path: &str| std::fs::metadata(house.path(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("copy"), mode("copy/keyward.db"), mode("copy/store.key")), (0o700, 0o600, 0o600));
    let again = house.run(&["backup", "@copy"]);
    assert_eq!(again.code, 1);
    assert!(again.err.contains("exists"), "{}", again.err);
    // The store is there: nothing is written over it.
    let over = house.run(&["restore", "@copy"]);
    assert_eq!(over.code, 1);
    assert!(over.err.contains("there already"), "{}", over.err);
    std::fs::rename(house.store(), house.path("lost")).unwrap();
    let back = house.run(&["restore", "@copy"]);
    assert_eq!((back.code, back.err.as_str()), (0, ""), "{}", back.out);
    let list = house.user(&["key", "list"]);
    assert!(list.out.contains("database"), "{} {}", list.out, list.err);
    assert_eq!(house.run(&["doctor", "--token", "web", "--pin-file", "@pin"]).code, 0);
    let told = house.run(&["audit", "show", "--kind", "backup", "--json"]);
    assert!(told.out.contains("\"restore\""), "{}", told.out);
    assert_eq!(house.run(&["audit", "verify", "--from", "@lost"]).code, 1, "no copy of a trail lies there");
}

#[test]
fn copy_without_the_key_or_with_a_damaged_record_is_told_and_leaves_nothing_behind() {
    let house = House::new();
    house.generate(CKM_AES_KEY_GEN, "database", &[(CKA_VALUE_LEN, ulong_to_bytes(32).to_vec())]);
    assert_eq!(house.run(&["backup", "@copy", "--without-key"]).code, 0);
    assert!(!house.path("copy/store.key").exists());
    std::fs::rename(house.store(), house.path("lost")).unwrap();
    let without = house.run(&["restore", "@copy"]);
    assert_eq!(without.code, 1);
    assert!(without.err.contains("without the store's key"), "{}", without.err);
    std::fs::write(house.path("other.key"), [7; 32]).unwrap();
    let wrong = house.run(&["restore", "@copy", "--key", "@other.key"]);
    assert_eq!(wrong.code, 1, "{}", wrong.out);
    assert!(!house.store().join("keyward.db").exists() && !house.store().join("store.key").exists());
    let good = house.run(&["restore", "@copy", "--key", "@lost/store.key"]);
    assert_eq!((good.code, good.err.as_str()), (0, ""));
    assert!(house.user(&["key", "list"]).out.contains("database"));
    std::fs::remove_dir_all(house.store()).unwrap();
    let database = rusqlite::Connection::open(house.path("copy/keyward.db")).unwrap();
    let changed = database.execute("UPDATE record SET attributes = x'00'", []).unwrap();
    assert!(changed > 0);
    drop(database);
    let damaged = house.run(&["restore", "@copy", "--key", "@lost/store.key"]);
    assert_eq!(damaged.code, 1, "{}", damaged.out);
    assert!(damaged.err.contains("damaged"), "{}", damaged.err);
    assert!(!house.store().join("keyward.db").exists());
    assert_eq!(house.run(&["restore", "@nowhere"]).code, 1);
}

#[test]
fn commands_of_the_page_about_rotation_do_what_it_says() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/command.md")).unwrap();
    let section = page.split("### Rotation").nth(1).unwrap();
    let block = section.split("```sh\n").nth(1).unwrap().split("```").next().unwrap();
    let law = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/policy.md")).unwrap();
    let rule = law.split("#### Rotation").nth(1).unwrap().split("```toml\n").nth(1).unwrap();
    let house = House::new();
    house.pair("tls");
    house.aes("data-1");
    house.write(
        "rotation.toml",
        &format!("policy = 1\nextends = \"default\"\n{}", rule.split("```").next().unwrap()),
    );
    let installed = house.run(&["policy", "install", "rotation.toml", "--so-pin-file", "@so"]);
    assert_eq!(installed.code, 0, "{}", installed.err);
    let mut told = Vec::new();
    for line in block.lines() {
        let (command, comment) = line.split_once('#').unwrap();
        assert!(comment.contains("(user's PIN)"));
        let words: Vec<&str> =
            command.split_whitespace().skip(1).map(|word| word.trim_matches('"')).collect();
        let run = house.run(&[&words[..], &["--pin-file", "@pin"]].concat());
        assert_eq!(run.code, 0, "{line}: {}{}", run.out, run.err);
        told.push(run.out);
    }
    assert_eq!((told.len(), told[0].as_str()), (5, "nothing is due\n"));
    assert!(told[1].contains("generation 2 protects from now on, id 012d32"), "{}", told[1]);
    assert!(told[2].contains("generation 2 processes until"), "{}", told[2]);
    assert!(told[3].contains("\"generation\":4") && told[3].contains("tls-new"), "{}", told[3]);
    assert_eq!(told[4].lines().filter(|line| line.contains("tls")).count(), 8, "{}", told[4]);
    let due = house.user(&["key", "due", "--within", "301d"]).out;
    assert!(due.contains("data-keys") && due.contains("rotation"), "{due}");
    let usage = house.user(&["key", "due", "--within", "soon"]);
    assert_eq!(usage.code, 2);
    // A copy of the store has the links too.
    let links =
        |text: &str| (text.matches("\"replaced_by\":\"").count(), text.matches("\"replaces\":\"").count());
    assert_eq!(links(&house.user(&["key", "list", "--json"]).out), (6, 6));
    assert_eq!(house.run(&["backup", "@copy"]).code, 0);
    std::fs::rename(house.store(), house.path("lost")).unwrap();
    assert_eq!(house.run(&["restore", "@copy"]).code, 0);
    assert_eq!(links(&house.user(&["key", "list", "--json"]).out), (6, 6));
}
