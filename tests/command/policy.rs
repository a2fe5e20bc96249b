//! `keyward policy` and `keyward key rotate`, with the commands of their pages.

use super::house::*;

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
    let page =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/policy-reference.md")).unwrap();
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
fn commands_of_the_page_about_rotation_do_what_it_says() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/command.md")).unwrap();
    let section = page.split("### Rotation").nth(1).unwrap();
    let block = section.split("```sh\n").nth(1).unwrap().split("```").next().unwrap();
    let law =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/policy-reference.md")).unwrap();
    let rule = law.split("#### Rotation").nth(1).unwrap().split("```toml\n").nth(1).unwrap();
    let house = House::new();
    house.pair("tls");
    house.aes("data-1");
    house.write("rotation.toml", rule.split("```").next().unwrap());
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
