//! What every command ends with, and that colours are for people.

use super::house::House;
use std::process::{Command, Stdio};

/// Words with which each command is refused: exit code 1, and a sentence on standard error.
const REFUSED: &[(&str, &str)] = &[
    ("token list", "--pin-file nowhere"),
    ("token init", "web --so-pin-file so --pin-file pin"),
    ("user list", "--token nobody"),
    ("user add", "alice --so-pin-file wrong --pin-file pin"),
    ("user set-pin", "nobody --so-pin-file so --pin-file pin"),
    ("user remove", "nobody --yes --so-pin-file so"),
    ("key list", "--pin-file wrong"),
    ("key show", "nobody --pin-file pin"),
    ("key suspend", "nobody --pin-file pin"),
    ("key activate", "nobody --pin-file pin"),
    ("key deactivate", "nobody --pin-file pin"),
    ("key compromise", "nobody --pin-file pin"),
    ("key destroy", "nobody --yes --pin-file pin"),
    ("key rotate", "nobody --pin-file pin"),
    ("key due", "--pin-file nowhere"),
    ("policy check", "nowhere.toml"),
    ("policy test", "nobody"),
    ("policy show", "nobody"),
    ("policy install", "nobody --so-pin-file so"),
    ("policy status", "--token nobody"),
    ("policy diff", "nobody"),
    ("policy history", "--token nobody"),
    ("policy try", "nobody --pin-file pin"),
    ("policy learn", "--pin-file pin"),
    ("policy explain", "--class secret --type aes --op encrypt --mechanism CKM_AES_GCM --policy nobody"),
    ("approve", "00000000 --user alice --pin-file pin"),
    ("request list", "--pin-file nowhere"),
    ("request refuse", "00000000 --pin-file pin"),
    ("report", "--pin-file nowhere"),
    ("audit show", "--token nobody"),
    ("audit follow", "--token nobody"),
    ("audit export", "--token nobody"),
    ("audit copy", "copy --token nobody"),
    ("audit key", "--token nobody"),
    ("audit checkpoint", "--token nobody"),
    ("audit verify", "--token nobody"),
    ("audit prove", "0123abcd:17 --to proof --token nobody"),
    ("audit archive", "archive --before 2026-01-01 --token nobody"),
    ("metrics", "--to nowhere/metrics"),
    ("backup", "so"),
    ("restore", "nowhere"),
    ("doctor", "--token nobody"),
];

/// Commands that nothing can refuse, and words with which each is done.
const NEVER_REFUSED: &[(&str, &str)] = &[("completion", "bash")];

/// The commands that have none under them, as the help shows them.
fn leaves(house: &House, above: &str) -> Vec<String> {
    let words: Vec<&str> = above.split_whitespace().chain(["--help"]).collect();
    let help = house.run(&words);
    assert_eq!(help.code, 0, "{above}");
    let Some((_, list)) = help.out.split_once("\nCommands:\n") else { return vec![above.to_owned()] };
    let names = list.lines().take_while(|line| !line.is_empty()).filter_map(|line| {
        // What a long line goes on with stands further in.
        line.strip_prefix("  ").filter(|rest| !rest.starts_with(' '))?.split_whitespace().next()
    });
    names
        .filter(|name| *name != "help")
        .flat_map(|name| leaves(house, format!("{above} {name}").trim()))
        .collect()
}

#[test]
fn every_command_ends_with_2_where_it_is_not_understood_and_with_1_where_it_is_refused() {
    let house = House::new();
    let mut commands = leaves(&house, "");
    commands.sort();
    let all = || REFUSED.iter().chain(NEVER_REFUSED);
    let mut tried: Vec<String> = all().map(|(command, _)| (*command).to_owned()).collect();
    tried.sort();
    assert_eq!(commands, tried, "each command stands in the table of this test");
    for (command, words) in all() {
        let run = |more: &str| {
            house.run(&command.split_whitespace().chain(more.split_whitespace()).collect::<Vec<_>>())
        };
        let nonsense = run("--nonsense");
        assert_eq!((nonsense.code, nonsense.out.as_str()), (2, ""), "{command}: {}", nonsense.err);
        assert!(nonsense.err.contains("Usage: "), "{command}: {}", nonsense.err);
        if NEVER_REFUSED.contains(&(command, words)) {
            assert_eq!(run(words).code, 0, "{command} {words}");
            continue;
        }
        let refused = run(words);
        assert_eq!((refused.code, refused.out.as_str()), (1, ""), "{command} {words}: {}", refused.err);
        let said = refused.err.starts_with("keyward: ") || refused.err.starts_with("error: ");
        assert!(said && !refused.err.contains("panicked"), "{command} {words}: {}", refused.err);
    }
    assert_eq!(house.run(&["token", "list"]).code, 0);
}

#[test]
fn page_says_what_the_exit_codes_mean_and_whose_no_is_1() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/command.md")).unwrap();
    let codes = page.split("Exit codes:").nth(1).unwrap().split("\n\n").next().unwrap();
    for word in ["**0**", "**1**", "**2**"] {
        assert!(codes.contains(word), "{codes}");
    }
    let house = House::new();
    house.write("drift.toml", "policy = 1\n");
    house.must(0, &["policy", "install", "drift.toml", "--so-pin-file", "so"]);
    house.write("drift.toml", "policy = 1\n[mechanisms]\ndeny = \"CKM_AES_ECB\"\n");
    let test = "[[test]]\nid = \"t\"\nkey = { class = \"secret\", type = \"aes\" }\nask = { op = \"encrypt\", mechanism = \"CKM_AES_GCM\" }\n";
    house.write("fails.toml", &format!("policy = 1\n{test}expect = \"deny\"\n"));
    house.write("holds.toml", &format!("policy = 1\n{test}expect = \"allow\"\n"));
    house.aes("data");
    house.write(
        "none.toml",
        "policy = 1\n[keys]\nmin_strength = 256\n[[rule]]\nid = \"r\"\nmin_bits = { aes = 512 }\n",
    );
    let ask = "policy explain --class secret --type aes --op encrypt --mechanism";
    // The command, the words of a no and those of a yes.
    for (command, no, yes) in [
        ("policy check", "policy check fails.toml", "policy check holds.toml"),
        ("policy test", "policy test fails.toml", "policy test holds.toml"),
        ("policy status", "policy status", ""),
        ("policy diff", "policy diff", "policy diff --json"),
        ("policy try", "policy try none.toml --pin-file pin", "policy try default --pin-file pin"),
        ("policy explain", &format!("{ask} CKM_DES3_CBC"), &format!("{ask} CKM_AES_GCM")),
    ] {
        assert!(codes.contains(&format!("`{command}`")), "{command} in {codes}");
        let run = |words: &str| house.run(&words.split_whitespace().collect::<Vec<_>>());
        let said = run(no);
        assert_eq!(said.code, 1, "{no}: {}{}", said.out, said.err);
        // An answer is no failure: it stands on standard output.
        assert!(!said.out.is_empty() || command == "policy check", "{no}: {}", said.err);
        if command == "policy status" || command == "policy diff" {
            continue;
        }
        assert_eq!(run(yes).code, 0, "{yes}: {}{}", run(yes).out, run(yes).err);
    }
    house.must(0, &["policy", "install", "drift.toml", "--so-pin-file", "so"]);
    house.must(0, &["policy", "status"]);
    house.must(0, &["policy", "diff"]);
}

/// What the command writes to a terminal, which `script` (util-linux) makes.
fn on_a_terminal(house: &House, words: &str, environment: &[(&str, &str)]) -> String {
    let mut command = Command::new("script");
    command
        .args(["-qec", &format!("{} {words}", env!("CARGO_BIN_EXE_keyward")), "/dev/null"])
        .current_dir(house.folder.path())
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("TERM", "xterm-256color")
        .env("KEYWARD_STORE", house.store())
        .envs(environment.iter().copied())
        .stdin(Stdio::null());
    let output = command.output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn colours_are_for_terminals_and_not_for_who_wants_none() {
    let house = House::new();
    house.write("bad.toml", "policy = 1\n[keys]\nexprot = \"never\"\n");
    let coloured = |text: &str| text.contains('\u{1b}');
    for words in ["--help", "policy --nonsense"] {
        let shown = on_a_terminal(&house, words, &[]);
        assert!(coloured(&shown) && shown.contains("Usage:"), "{words}: {shown:?}");
        let plain = on_a_terminal(&house, words, &[("NO_COLOR", "1")]);
        assert!(!coloured(&plain) && plain.contains("Usage:"), "{words}: {plain:?}");
        assert!(!coloured(&on_a_terminal(&house, words, &[("TERM", "dumb")])), "{words}");
        let piped = house.run(&words.split_whitespace().collect::<Vec<_>>());
        assert!(!coloured(&piped.out) && !coloured(&piped.err), "{words}");
    }
    // What is no help has none anywhere, so that what is copied is what was written.
    for words in
        ["token list", "policy check bad.toml", "key list --pin-file wrong", "policy show default", "doctor"]
    {
        let shown = on_a_terminal(&house, words, &[]);
        assert!(!coloured(&shown) && !shown.is_empty(), "{words}: {shown:?}");
    }
}
