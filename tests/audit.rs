//! `keyward audit`, run as an operator and as an auditor run it.
#![expect(clippy::unwrap_used, reason = "a test may")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

struct Run {
    code: i32,
    out: String,
    err: String,
}

/// A store with a token called web, of which a few things were asked.
struct House(TempDir);

impl House {
    fn new() -> Self {
        use std::os::unix::fs::PermissionsExt;
        let house = Self(tempfile::tempdir().unwrap());
        for (name, text) in [("so", "12345678\n"), ("pin", "123456\n"), ("wrong", "654321\n")] {
            std::fs::write(house.path(name), text).unwrap();
            std::fs::set_permissions(house.path(name), std::fs::Permissions::from_mode(0o600)).unwrap();
        }
        house.good(&["token", "init", "web", "--so-pin-file", "so", "--pin-file", "pin"]);
        assert_eq!(house.run(&["key", "list", "--pin-file", "wrong"]).code, 1);
        house.good(&["key", "list", "--pin-file", "pin"]);
        house
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, words: &[&str]) -> Run {
        let done = self.command(words).stdin(Stdio::null()).output().unwrap();
        Run {
            code: done.status.code().unwrap(),
            out: String::from_utf8(done.stdout).unwrap(),
            err: String::from_utf8(done.stderr).unwrap(),
        }
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keyward"));
        command.args(words).current_dir(self.0.path()).env_clear().env("KEYWARD_STORE", self.path("store"));
        command
    }

    fn good(&self, words: &[&str]) -> String {
        let run = self.run(words);
        assert_eq!((run.code, run.err.as_str()), (0, ""), "{words:?}: {}", run.out);
        run.out
    }

    /// The files of segments in a folder.
    fn segments(folder: &Path) -> Vec<PathBuf> {
        let mut files: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|end| end == "trail"))
            .collect();
        files.sort();
        files
    }
}

#[test]
fn records_are_shown_filtered_and_exported() {
    let house = House::new();
    let shown = house.good(&["audit", "show"]);
    assert!(shown.starts_with("TIME"), "{shown}");
    for part in ["initialize", "init-pin", "CKR_PIN_INCORRECT", "end-of-sessions"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let failed = house.good(&["audit", "show", "--kind", "login", "--result", "failed", "--user", "user"]);
    assert_eq!(failed.lines().count(), 2, "{failed}");
    assert_eq!(house.good(&["audit", "show", "--until", "2020-01-01"]), "no such records\n");
    let last = house.good(&["audit", "show", "--last", "1"]);
    assert!(last.lines().count() == 2 && last.contains("stop"), "{last}");
    let lines = house.good(&["audit", "export", "--op", "login"]);
    assert!(lines.lines().count() >= 2, "{lines}");
    assert!(
        lines
            .lines()
            .all(|line| line.starts_with("{\"time\":\"20") && line.contains("\"operation\":\"login\""))
    );
    let cef = house.good(&["audit", "export", "--format", "cef", "--kind", "pin"]);
    assert!(cef.starts_with("CEF:0|keyward|keyward|") && cef.contains("|pin:init-pin|init-pin|3|"), "{cef}");
    let syslog = house.good(&["audit", "export", "--format", "syslog", "--kind", "pin"]);
    assert!(
        syslog.starts_with("<110>1 20") && syslog.contains(" init-pin [keyward@32473 kind=\"pin\""),
        "{syslog}"
    );
    assert_eq!(house.run(&["audit", "show", "--kind", "gossip"]).code, 2);
    assert!(!shown.contains("123456"), "no PIN");
}

#[test]
fn trail_verifies_with_its_key_and_no_other() {
    let house = House::new();
    let key = house.good(&["audit", "key"]);
    let key = key.trim();
    assert_eq!(key.len(), 64);
    std::fs::write(house.path("given"), house.good(&["audit", "checkpoint"])).unwrap();
    let told = house.good(&["audit", "verify", "--key", key, "--checkpoint", "given"]);
    assert!(told.ends_with("the trail holds\n") && told.lines().count() == 2, "{told}");
    let other = "07".repeat(32);
    let run = house.run(&["audit", "verify", "--key", &other]);
    assert_eq!(run.code, 1);
    assert!(run.out.contains("it is not signed by the key that was given"), "{}", run.out);
    let told = house.good(&["--json", "audit", "verify"]);
    assert!(told.starts_with("{\"holds\":true,") && told.contains(key), "{told}");
}

#[test]
fn copy_verifies_elsewhere_and_shows_what_was_done_to_it() {
    let house = House::new();
    let key = house.good(&["audit", "key"]);
    std::fs::write(house.path("given"), house.good(&["audit", "checkpoint"])).unwrap();
    house.good(&["audit", "copy", "away"]);
    let judge =
        || house.run(&["audit", "verify", "--from", "away", "--key", key.trim(), "--checkpoint", "given"]);
    std::fs::rename(house.path("store"), house.path("gone")).unwrap();
    let run = judge();
    assert_eq!((run.code, run.err.as_str()), (0, ""), "{}", run.out);
    assert!(house.good(&["audit", "show", "--from", "away"]).contains("init-pin"));
    let files = House::segments(&house.path("away"));
    assert!(files.len() >= 3, "{files:?}");
    let whole = std::fs::read(&files[0]).unwrap();
    // One bit of a record, well behind the header and the first checkpoint.
    let at = whole.windows(8).position(|bytes| bytes == b"init-pin").unwrap();
    let mut wrong = whole.clone();
    wrong[at] ^= 1;
    std::fs::write(&files[0], &wrong).unwrap();
    let run = judge();
    assert_eq!(run.code, 1);
    assert!(run.out.contains("are not what anchor"), "{}", run.out);
    std::fs::write(&files[0], &whole[..at]).unwrap();
    let run = judge();
    assert!(run.code == 1 && run.out.contains("are missing at the end"), "{}", run.out);
    std::fs::remove_file(&files[0]).unwrap();
    let run = judge();
    assert!(run.code == 1 && run.out.contains("its file is missing"), "{}", run.out);
    std::fs::write(&files[0], &whole).unwrap();
    assert_eq!(judge().code, 0);
}

#[test]
fn one_record_is_proved_to_who_sees_no_other() {
    let house = House::new();
    let key = house.good(&["audit", "key"]);
    let line = house.good(&["audit", "export", "--kind", "pin"]);
    let field = |name: &str| {
        let (_, rest) = line.split_once(&format!("\"{name}\":")).unwrap();
        rest.split([',', '}']).next().unwrap().trim_matches('"').to_owned()
    };
    let record = format!("{}:{}", field("segment"), field("number"));
    house.good(&["audit", "prove", &record, "--to", "proof"]);
    let proved = house.good(&["audit", "verify", "--proof", "proof", "--key", key.trim()]);
    assert!(proved.starts_with("the proof holds\n") && proved.contains("operation  init-pin\n"), "{proved}");
    let mut bytes = std::fs::read(house.path("proof")).unwrap();
    let at = bytes.windows(8).position(|bytes| bytes == b"init-pin").unwrap();
    bytes[at] ^= 1;
    std::fs::write(house.path("proof"), bytes).unwrap();
    let run = house.run(&["audit", "verify", "--proof", "proof", "--key", key.trim()]);
    assert!(run.code == 1 && run.err.contains("the record is not the one that was signed"), "{}", run.err);
    let nobodys = format!("{}:0", "0".repeat(32));
    assert_eq!(house.run(&["audit", "prove", &nobodys, "--to", "x"]).code, 1);
    assert_eq!(house.run(&["audit", "prove", "nothing", "--to", "x"]).code, 2);
}

#[test]
fn old_segments_go_to_an_archive_that_verifies() {
    let house = House::new();
    let key = house.good(&["audit", "key"]);
    let gone = house.good(&["audit", "archive", "old", "--before", "2100-01-01"]);
    assert!(gone.ends_with("segments went to old\n") && !gone.starts_with('0'), "{gone}");
    let told = house.good(&["audit", "verify", "--key", key.trim()]);
    assert!(told.contains("it was removed, as the retention says"), "{told}");
    assert_eq!(house.good(&["audit", "show"]), "no such records\n");
    let told = house.good(&["audit", "verify", "--key", key.trim(), "--archive", "old"]);
    assert!(!told.contains("removed"), "{told}");
    assert!(house.good(&["audit", "show", "--archive", "old"]).contains("init-pin"));
}

#[test]
fn metrics_count_what_the_trail_tells() {
    let house = House::new();
    let text = house.good(&["metrics"]);
    for part in
        ["# TYPE keyward_operations_total counter", "kind=\"login\",operation=\"login\",result=\"failed\"} 1"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(house.good(&["metrics", "--to", "node.prom"]), "");
    let written = std::fs::read_to_string(house.path("node.prom")).unwrap();
    assert!(written.lines().any(|line| line.starts_with("keyward_login_failures_total{token=")), "{written}");
}

#[test]
fn follow_tells_what_comes() {
    use std::io::{BufRead, BufReader};
    let house = House::new();
    let words = ["audit", "follow", "--format", "json", "--kind", "login"];
    let mut child = house.command(&words).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // It begins behind what is there, so it must have begun.
    std::thread::sleep(std::time::Duration::from_millis(1500));
    assert_eq!(house.run(&["key", "list", "--pin-file", "wrong"]).code, 1);
    let line = lines.next().unwrap().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(line.contains("\"operation\":\"login\",\"result\":\"CKR_PIN_INCORRECT\""), "{line}");
}
