//! `keyward policy try` over recorded uses, and `keyward policy learn`.

use super::house::*;
use cryptoki_sys::*;
use keyward_pkcs11::api::{keys, object, session, sign};
use keyward_pkcs11::ck::Mechanism;
use keyward_pkcs11::secret::Pin;

/// A house whose policy records every use.
fn recording() -> House {
    let house = House::new();
    house.write("all.toml", "policy = 1\nextends = \"default\"\n[keys]\naudit = \"all\"\n");
    house.must(0, &["policy", "install", "all.toml", "--token", "web", "--so-pin-file", "so"]);
    house
}

impl House {
    /// A new EC pair of this label begins so many signatures by each of the mechanisms, and may be destroyed after it.
    pub fn signs(&self, label: &str, mechanisms: &[u64], times: usize, destroy: bool) {
        let module = module(&self.store());
        let slot = module.slots().tokens().unwrap()[0].slot();
        let s = session::open_session(&module, slot, CKF_SERIAL_SESSION | CKF_RW_SESSION).unwrap();
        session::login(&module, s, CKU_USER, Some(Pin::from_slice(b"123456"))).unwrap();
        let both = || vec![raw(CKA_TOKEN, &[CK_TRUE]), raw(CKA_LABEL, label.as_bytes())];
        let mut public = both();
        public.push(raw(CKA_EC_PARAMS, &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]));
        public.push(raw(CKA_VERIFY, &[CK_TRUE]));
        let mut private = both();
        private.push(raw(CKA_SIGN, &[CK_TRUE]));
        let mechanism = Mechanism::plain(CKM_EC_KEY_PAIR_GEN);
        let (_, key) = keys::generate_key_pair(&module, s, mechanism, public, private).unwrap();
        for ckm in mechanisms {
            for _ in 0..times {
                sign::sign_init(&module, s, Some(Mechanism::plain(*ckm)), key).unwrap();
                sign::sign_init(&module, s, None, key).unwrap();
            }
        }
        if destroy {
            object::destroy_object(&module, s, key).unwrap();
        }
    }
}

#[test]
fn try_replays_recorded_uses_and_tells_what_would_be_refused_and_what_is_not_judged() {
    let house = recording();
    house.signs("tls", &[CKM_ECDSA_SHA256, CKM_ECDSA_SHA384], 3, false);
    house.signs("gone", &[CKM_ECDSA_SHA256], 2, true);
    let rule = |more: &str| {
        format!(
            "policy = 1\nextends = \"default\"\n[[rule]]\nid = \"r\"\nwhen = {{ label = \"tls\" }}\n{more}\n"
        )
    };
    house.write("new.toml", &rule("mechanisms = \"CKM_ECDSA_SHA256\""));
    let told = house.user_must(1, &["policy", "try", "new.toml"]);
    let sum =
        "recorded uses: 6 replayed, 3 refused (0 of them by the policy in force too), 2 not judged; from ";
    assert!(told.contains(sum), "{told}");
    assert!(told.contains("not judged: 2, the key is gone, or the login does not see it\n"), "{told}");
    let json = house.user_must(1, &["policy", "try", "new.toml", "--json"]);
    let group = "\"uses\":[{\"label\":\"tls\",\"op\":\"sign\",\"mechanism\":\"CKM_ECDSA_SHA384\",\
                 \"reason\":\"mechanism\",\"rules\":[\"r\"],\"count\":3,";
    assert!(json.contains(group), "{json}");
    // What lies before the date is not asked; nothing was changed.
    let later = house.user_must(1, &["policy", "try", "new.toml", "--since", "2200-01-01"]);
    assert!(later.contains("recorded uses: none are on record"), "{later}");
    let same = house.user_must(0, &["policy", "try", "all.toml"]);
    assert!(
        same.contains("6 replayed, 0 refused (0 of them by the policy in force too), 2 not judged"),
        "{same}"
    );

    // The program is the one that was recorded, not the command that asks.
    let program = std::env::current_exe().unwrap();
    let callers = |exe: &str| rule(&format!("callers = {{ exe = {exe:?} }}"));
    house.write("callers.toml", &callers(program.to_str().unwrap()));
    assert!(house.user_must(1, &["policy", "try", "callers.toml"]).contains("6 replayed, 0 refused"));
    house.write("callers.toml", &callers("/nobody"));
    let told = house.user_must(1, &["policy", "try", "callers.toml"]);
    assert!(told.contains("6 replayed, 6 refused") && told.contains("caller"), "{told}");
    // What others would have to agree to is told too.
    house.write("agree.toml", &rule("approvals = { need = 1, of = \"alice\", for = \"sign\" }"));
    let told = house.user_must(1, &["policy", "try", "agree.toml"]);
    assert!(told.contains("6 replayed, 6 refused") && told.contains("approval"), "{told}");
}

#[test]
fn learn_proposes_rules_that_bear_what_was_seen_and_nothing_else() {
    let house = recording();
    let learn = ["policy", "learn", "-o", "learned.toml"];
    house.user_must(1, &learn);
    house.signs("tls \"\n[x", &[CKM_ECDSA_SHA256, CKM_ECDSA_SHA384], 2, false);
    house.signs("unused", &[], 0, false);
    let told = house.user_must(0, &learn);
    assert!(told.contains("4 replayed, 0 refused"), "{told}");
    house.user_must(1, &learn);
    let text = std::fs::read_to_string(house.path("learned.toml")).unwrap();
    assert_eq!(text, house.user_must(0, &["policy", "learn"]));
    assert!(text.contains("mechanisms = [\"CKM_ECDSA_SHA256\", \"CKM_ECDSA_SHA384\"]"), "{text}");
    assert!(text.contains("purpose = [\"sign\"]") && text.contains("curves = [\"P-256\"]"), "{text}");
    assert!(text.contains("# no rule: private \"unused\"") && text.contains("# caller: uid "), "{text}");
    house.must(0, &["policy", "check", "learned.toml"]);
    house.must(0, &["policy", "install", "learned.toml", "--token", "web", "--so-pin-file", "so"]);
    let ask = |code, mechanism| {
        let key = ["policy", "explain", "--key", "tls \"\n[x", "--op", "sign", "--mechanism"];
        house.user_must(code, &[&key[..], &[mechanism]].concat())
    };
    ask(0, "CKM_ECDSA_SHA384");
    assert!(ask(1, "CKM_ECDSA_SHA512").contains("by rule learned-1"));
}

#[test]
fn learn_takes_a_star_in_a_label_as_itself() {
    let house = recording();
    house.signs("tls*", &[CKM_ECDSA_SHA256], 1, false);
    house.signs("tls-other", &[], 0, false);
    let text = house.user_must(0, &["policy", "learn", "-o", "learned.toml"]);
    assert!(text.contains("1 replayed, 0 refused"), "{text}");
    let text = std::fs::read_to_string(house.path("learned.toml")).unwrap();
    assert!(text.contains(r#"label = "tls\\*" }"#), "{text}");
    house.must(0, &["policy", "install", "learned.toml", "--token", "web", "--so-pin-file", "so"]);
    let ask = |code, label| {
        let key = ["policy", "explain", "--key", label, "--op", "sign", "--mechanism", "CKM_ECDSA_SHA512"];
        house.user_must(code, &key)
    };
    assert!(ask(1, "tls*").contains("by rule learned-1"));
    assert!(!ask(0, "tls-other").contains("learned-1"));
}

#[test]
fn learn_takes_keys_of_a_fleet_together_and_speaks_json() {
    let house = recording();
    for label in ["tls-a", "tls-b", "tls-c"] {
        house.signs(label, &[CKM_ECDSA_SHA256], 2, false);
    }
    house.signs("root-ca", &[CKM_ECDSA_SHA384], 1, false);
    house.signs("tls-new", &[], 0, false);
    let text = house.user_must(0, &["policy", "learn"]);
    assert!(text.contains("# 6 uses of 3 key(s)\n") && text.contains("label = \"tls-*\" }"), "{text}");
    assert!(!text.contains("label = \"tls-a\"") && text.contains("label = \"root-ca\""), "{text}");
    assert!(text.contains("# no use on record, under learned-2 by its label: private \"tls-new\""), "{text}");
    let told = house.user_must(0, &["policy", "learn", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(json["policy"], text);
    let rules = json["rules"].as_array().unwrap();
    assert_eq!((rules.len(), &rules[1]["label"], &rules[1]["uses"]), (2, &"tls-*".into(), &6.into()));
    assert_eq!(rules[1]["mechanisms"], serde_json::json!(["CKM_ECDSA_SHA256"]));
    assert_eq!(rules[1]["keys"].as_array().unwrap().len(), 3);
    let unused = json["unused"].as_array().unwrap();
    let new = unused.iter().find(|each| each["label"] == "tls-new" && each["class"] == "private").unwrap();
    assert_eq!((&new["rule"], &json["recorded"]["refused"]), (&"learned-2".into(), &0.into()));
    // With a file it says the same, and the file has the policy.
    assert_eq!(house.user_must(0, &["policy", "learn", "--json", "-o", "fleet.toml"]), told);
    assert_eq!(std::fs::read_to_string(house.path("fleet.toml")).unwrap(), text);
    house.must(0, &["policy", "check", "fleet.toml"]);
}

#[test]
fn commands_of_the_page_about_learning_do_what_it_says() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/command.md")).unwrap();
    let section = page.split("`policy learn` proposes").nth(1).unwrap();
    let block = section.split("```sh\n").nth(1).unwrap().split("```").next().unwrap();
    let house = recording();
    house.signs("tls", &[CKM_ECDSA_SHA256], 1, false);
    let mut ran = 0;
    for line in block.lines() {
        let (command, comment) = line.split_once('#').unwrap();
        assert!(comment.contains("(user's PIN)"), "{line}");
        let words: Vec<&str> = command.split_whitespace().skip(1).chain(["--pin-file", "pin"]).collect();
        // What was not seen is refused, and `try` says so.
        let told = house.must(i32::from(command.contains(" try ")), &words);
        assert!(told.contains("1 replayed, 0 refused"), "{told}");
        ran += 1;
    }
    assert_eq!(ran, 2);
}
