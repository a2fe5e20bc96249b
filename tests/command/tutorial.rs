//! `docs/policy.md`, followed by the letter: every block of it is run in one shell, and prints what the page says.

use super::house::House;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// One block of commands, what it ends with and what it prints.
struct Block {
    commands: String,
    code: i32,
    prints: Option<String>,
}

fn blocks(page: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(kind) = line.strip_prefix("```") else { continue };
        let mut text = String::new();
        for line in lines.by_ref().take_while(|line| *line != "```") {
            writeln!(text, "{line}").unwrap();
        }
        match kind {
            "sh" => blocks.push(Block { commands: text, code: 0, prints: None }),
            "sh exit 1" => blocks.push(Block { commands: text, code: 1, prints: None }),
            "text" => {
                let prints = blocks.last_mut().unwrap().prints.replace(text);
                assert!(prints.is_none(), "two outputs of one block");
            }
            other => assert_eq!(other, "toml", "a block of another kind"),
        }
    }
    blocks
}

/// The command's folder.
fn built() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_keyward")).parent().unwrap().to_owned()
}

/// The module that was built last: by a build, or for the tests.
fn module() -> PathBuf {
    let name = "libkeyward_pkcs11.so";
    let there = [built().join(name), built().join("deps").join(name)];
    let newest = |path: &PathBuf| std::fs::metadata(path).and_then(|about| about.modified()).ok();
    let there = there.into_iter().filter(|path| path.is_file()).max_by_key(newest);
    assert!(there.is_some(), "no {name} in {}: cargo build", built().display());
    there.unwrap()
}

/// Runs all blocks in one bash and answers, of each, its exit code and what it wrote.
fn run(house: &House, blocks: &[Block]) -> Vec<(i32, String)> {
    let mut script = String::new();
    for (number, block) in blocks.iter().enumerate() {
        house.write(&format!("block-{number}"), &block.commands);
        let file = |kind: &str| house.path(&format!("{kind}-{number}")).display().to_string();
        writeln!(script, ". {} >{} 2>&1", file("block"), file("out")).unwrap();
        writeln!(script, "echo $? >{}", file("code")).unwrap();
    }
    let status = Command::new("bash")
        .args(["-c", &script])
        .current_dir(house.folder.path())
        .env_clear()
        .env("PATH", format!("{}:/usr/bin:/bin", built().display()))
        .env("M", module())
        .stdin(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    let read = |kind: &str, number| std::fs::read_to_string(house.path(&format!("{kind}-{number}"))).unwrap();
    (0..blocks.len())
        .map(|number| (read("code", number).trim().parse().unwrap(), read("out", number)))
        .collect()
}

/// A line without what is another one each time: moments, digests, identities, numbers of processes, folders, the width of columns.
fn plain(line: &str) -> String {
    let mut before = "";
    let mut words = Vec::new();
    for word in line.split_whitespace() {
        let path = word.trim_start_matches('"').starts_with('/').then(|| word.rsplit('/').next());
        words.push(match (path.flatten(), before) {
            (Some(name), _) => name.trim_end_matches(['"', ',']).to_owned(),
            (None, "uid" | "(UTC):" | "request") => "N".to_owned(),
            (None, _) => plain_word(word),
        });
        before = word;
    }
    words.join(" ")
}

fn plain_word(word: &str) -> String {
    let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '.' | '-');
    let core = word.trim_matches(|c| !inside(c)).trim_end_matches(['.', ':']);
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let hexadecimal = core.len() >= 16 && core.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    let dated = core.get(..5).is_some_and(|year| digits(&year[..4]) && year.ends_with('-'));
    if dated || hexadecimal || (core.len() >= 5 && digits(core)) {
        return word.replacen(core, "N", 1);
    }
    match word.split_once('[') {
        Some((name, number)) if digits(number.trim_end_matches(']')) => format!("{name}[N]"),
        _ => word.to_owned(),
    }
}

/// Whether lines are those of the page, where `...` stands for any number of them.
fn matches(said: &[String], page: &[String]) -> bool {
    match page.split_first() {
        None => said.is_empty(),
        Some((first, rest)) if first == "..." => (0..=said.len()).any(|at| matches(&said[at..], rest)),
        Some((first, rest)) => said.first() == Some(first) && matches(&said[1..], rest),
    }
}

#[test]
fn tutorial_does_and_prints_what_it_says() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/policy.md")).unwrap();
    let blocks = blocks(&page);
    let house = House { folder: tempfile::tempdir().unwrap() };
    assert!(
        Command::new("pkcs11-tool").arg("--version").output().is_ok(),
        "the page wants pkcs11-tool (Debian: opensc)"
    );
    let mut checked = 0;
    for (block, (code, out)) in blocks.iter().zip(run(&house, &blocks)) {
        assert_eq!(code, block.code, "{}{out}", block.commands);
        let Some(prints) = &block.prints else { continue };
        let lines = |text: &str| text.lines().map(plain).collect::<Vec<_>>();
        assert!(
            matches(&lines(&out), &lines(prints)),
            "{}\nthe page:\n{prints}\nprinted:\n{out}",
            block.commands
        );
        checked += 1;
    }
    assert!(blocks.len() > 25 && checked > 20, "{} {checked}", blocks.len());
    assert!(!house.path("practice").exists(), "nothing is left");
}

#[test]
fn tutorial_shows_each_command_about_policies() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/policy.md")).unwrap();
    let shown: String = blocks(&page).into_iter().map(|block| block.commands).collect();
    for command in ["check", "test", "try", "learn", "install", "status", "diff", "history", "explain"] {
        assert!(shown.contains(&format!("keyward policy {command} ")), "{command}");
    }
}

#[test]
fn page_and_output_are_compared_but_for_what_changes() {
    let same = |one: &str, other: &str| plain(one) == plain(other);
    assert!(same("made 2026-11-27T02:05:07Z by so", "made   2031-01-01T00:00:00.5Z by so"));
    assert!(same("--uid ae700680-ebec-d1ae-b937-bc04e0fe5d04", "--uid 00000000-ebec-d1ae-b937-bc04e0fe5d04"));
    assert!(same("keyward[77] denied: x", "keyward[12345] denied: x"));
    assert!(!same("curves P-256", "curves P-384") && !same("id 012d32", "id 012d33"));
    assert!(!same("3 of 3 tests", "2 of 3 tests") && !same("(reason 0x301)", "(reason 0x302)"));
    let lines = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    assert!(matches(&lines("a b c d"), &lines("a ... d")) && matches(&lines("a"), &lines("... a ...")));
    assert!(!matches(&lines("a b"), &lines("a")) && !matches(&lines("a b"), &lines("... c")));
}
