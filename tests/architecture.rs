//! What `docs/architecture.md` promises about the source, checked on its text: floors point down, `unsafe` stands in
//! two of them, and one call asks the guard.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The floors from the ground up. A floor may use those before it. The command stands above all.
const FLOORS: [&str; 14] = [
    "ck", "sys", "secret", "crypto", "object", "store", "policy", "audit", "guard", "backend", "token",
    "session", "api", "ffi",
];
/// Floors that may say `unsafe`.
const UNSAFE: [&str; 2] = ["sys", "ffi"];
/// Longest file, in lines. Tables may be longer.
const LONGEST: usize = 800;

/// One source file: its path below `src`, and its lines without comments, texts and test modules.
struct Source {
    path: PathBuf,
    raw: String,
    code: String,
    is_test: bool,
}

impl Source {
    fn floor(&self) -> Option<&str> {
        let first = self.path.iter().next()?.to_str()?;
        let name = first.strip_suffix(".rs").unwrap_or(first);
        FLOORS.into_iter().find(|floor| *floor == name)
    }

    /// The files that this one names as test modules (`#[cfg(test)]` before `mod name;`).
    fn test_modules(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let lines: Vec<&str> = self.raw.lines().map(str::trim).collect();
        for pair in lines.windows(2).filter(|pair| pair[0] == "#[cfg(test)]") {
            let Some(name) = pair[1].strip_suffix(';').and_then(|line| line.split("mod ").nth(1)) else {
                continue;
            };
            let folder = match self.path.file_stem().unwrap().to_str().unwrap() {
                "mod" | "lib" | "main" => self.path.parent().unwrap().to_owned(),
                stem => self.path.with_file_name(stem),
            };
            files.push(folder.join(name).with_extension("rs"));
            files.push(folder.join(name).join("mod.rs"));
        }
        files
    }
}

fn sources() -> Vec<Source> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|end| end == "rs") {
                found.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    walk(&root, &mut paths);
    paths.sort();
    let source = |path: PathBuf| {
        let raw = std::fs::read_to_string(&path).unwrap();
        let code = without_tests(&without_comments_and_texts(&raw));
        Source { path: path.strip_prefix(&root).unwrap().to_owned(), raw, code, is_test: false }
    };
    let mut sources: Vec<_> = paths.into_iter().map(source).collect();
    let tests: Vec<_> = sources.iter().flat_map(Source::test_modules).collect();
    for source in &mut sources {
        source.is_test =
            tests.iter().any(|test| *test == source.path || source.path.starts_with(test.with_extension("")));
    }
    sources
}

/// The text with comments, string and character literals blanked; line breaks stay.
fn without_comments_and_texts(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    let blank = |from: usize, to: usize, out: &mut String| {
        out.extend(bytes[from..to].iter().map(|byte| if *byte == b'\n' { '\n' } else { ' ' }));
    };
    while at < bytes.len() {
        let rest = &text.as_bytes()[at..];
        let end = if rest.starts_with(b"//") {
            at + rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len())
        } else if rest.starts_with(b"/*") {
            at + rest.windows(2).position(|pair| pair == b"*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(hashes) = raw_text(text, at) {
            let close = format!("\"{}", "#".repeat(hashes));
            let open = hashes + 2;
            at + open + text[at + open..].find(&close).map_or(rest.len() - open, |end| end + close.len())
        } else if rest[0] == b'"' {
            at + text_len(rest)
        } else if rest[0] == b'\'' && is_character(rest) {
            at + 1 + text_len_of(&rest[1..], b'\'') + 1
        } else {
            out.push(char::from(rest[0]));
            at += 1;
            continue;
        };
        blank(at, end, &mut out);
        at = end;
    }
    out
}

/// The number of `#` where a raw string begins here.
fn raw_text(text: &str, at: usize) -> Option<usize> {
    let before = at.checked_sub(1).map(|before| text.as_bytes()[before]);
    if before.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return None;
    }
    let after = text.as_bytes()[at..].strip_prefix(b"r")?;
    let hashes = after.iter().take_while(|byte| **byte == b'#').count();
    (after.get(hashes) == Some(&b'"')).then_some(hashes)
}

fn text_len(from: &[u8]) -> usize {
    1 + text_len_of(&from[1..], b'"') + 1
}

/// Bytes before an unescaped `close`.
fn text_len_of(bytes: &[u8], close: u8) -> usize {
    let mut at = 0;
    while at < bytes.len() && bytes[at] != close {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    at.min(bytes.len().saturating_sub(1))
}

/// Whether a quote begins a character and no lifetime.
fn is_character(rest: &[u8]) -> bool {
    match rest.get(1) {
        Some(b'\\') => true,
        Some(byte) if byte.is_ascii() => rest.get(2) == Some(&b'\''),
        Some(_) => rest.iter().take(6).skip(2).any(|byte| *byte == b'\''),
        None => false,
    }
}

/// The text up to its test module: tests stand last in a file. Other items under `#[cfg(test)]` are cut out one by one.
fn without_tests(code: &str) -> String {
    let mut out = String::new();
    let mut lines = code.lines().peekable();
    while let Some(line) = lines.next() {
        if line.trim_start().starts_with("#[cfg(test)]") {
            // The item: up to a line that ends it at the same depth.
            let mut depth = 0_i64;
            for line in lines.by_ref() {
                depth += count(line, '{') - count(line, '}');
                let ends = line.trim_end().ends_with(['}', ';']) || line.trim_end().ends_with(',');
                if depth <= 0 && ends && !line.trim_start().starts_with("#[") {
                    break;
                }
            }
            continue;
        }
        let _ = writeln!(out, "{line}");
    }
    out
}

fn count(line: &str, wanted: char) -> i64 {
    i64::try_from(line.matches(wanted).count()).unwrap()
}

/// Every word after `crate::` in the code, groups included.
fn uses_of(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$') {
            continue;
        }
        let after = &code[at + "crate::".len()..];
        let names: Vec<&str> = match after.strip_prefix('{') {
            Some(group) => {
                // Names at the top of the group.
                let mut depth = 0;
                let end = group.find(|c| {
                    depth += i32::from(c == '{') - i32::from(c == '}');
                    depth < 0
                });
                group[..end.unwrap_or(group.len())].split(',').collect()
            }
            None => vec![after],
        };
        for name in names {
            let word: String = name.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            found.push(word);
        }
    }
    found
}

fn has_word(line: &str, word: &str) -> bool {
    let edge = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric() && c != '_');
    line.match_indices(word)
        .any(|(at, _)| edge(line[..at].chars().next_back()) && edge(line[at + word.len()..].chars().next()))
}

#[test]
fn floors_point_down() {
    let sources = sources();
    assert!(sources.len() > 80, "src was not found");
    let mut wrong = Vec::new();
    for source in sources.iter().filter(|source| !source.is_test) {
        let Some(floor) = source.floor() else { continue };
        let height = FLOORS.iter().position(|each| *each == floor).unwrap();
        for used in uses_of(&source.code) {
            if let Some(theirs) = FLOORS.iter().position(|each| *each == used)
                && theirs > height
            {
                wrong.push(format!("{}: {floor} uses {used}", source.path.display()));
            }
            if matches!(used.as_str(), "admin" | "bin") {
                wrong.push(format!("{}: {floor} uses {used}", source.path.display()));
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn every_folder_of_src_is_a_floor_or_the_command() {
    for source in sources() {
        let first = source.path.iter().next().unwrap().to_str().unwrap();
        let known = source.floor().is_some() || matches!(first, "lib.rs" | "bin" | "admin.rs" | "admin");
        assert!(known, "{} stands on no floor", source.path.display());
    }
}

#[test]
fn unsafe_stands_in_two_floors_only() {
    let mut wrong = Vec::new();
    for source in sources() {
        if source.floor().is_some_and(|floor| UNSAFE.contains(&floor)) {
            continue;
        }
        for (number, line) in source.code.lines().enumerate() {
            if has_word(line, "unsafe") {
                wrong.push(format!("{}:{}", source.path.display(), number + 1));
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn every_safe_floor_forbids_unsafe() {
    let sources = sources();
    for floor in FLOORS.into_iter().filter(|floor| !UNSAFE.contains(floor)) {
        let head = Path::new(floor).join("mod.rs");
        let head = sources.iter().find(|source| source.path == head);
        let head = head.unwrap_or_else(|| panic!("{floor}/mod.rs is not there"));
        assert!(head.code.contains("#![forbid(unsafe_code)]"), "{floor}");
    }
}

#[test]
fn the_guard_is_asked_in_one_place() {
    let mut calls = Vec::new();
    for source in sources() {
        for (number, line) in source.code.lines().enumerate() {
            if line.contains("guard.authorize(")
                || line.contains("guard().authorize(")
                || line.contains("Guard::authorize(")
            {
                calls.push(format!("{}:{}", source.path.display(), number + 1));
            }
        }
    }
    assert!(matches!(calls.as_slice(), [only] if only.starts_with("token/mod.rs")), "{calls:?}");
}

#[test]
fn nothing_outside_tests_gives_up_by_a_panic() {
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| !source.is_test) {
        // The command may end itself; the module's process is somebody else's.
        if source.path.starts_with("bin") {
            continue;
        }
        for (number, line) in source.code.lines().enumerate() {
            let gives_up = [".unwrap()", ".expect(", "panic!", "todo!", "unimplemented!"];
            let probe = source
                .code
                .lines()
                .nth(number.saturating_sub(1))
                .is_some_and(|line| line.contains("PANIC_PROBE"));
            if gives_up.iter().any(|word| line.contains(word)) && !probe {
                wrong.push(format!("{}:{}: {}", source.path.display(), number + 1, line.trim()));
            }
        }
    }
    // Tests of the edge are made by the table's own macro; that one stands under #[cfg(test)] inside it.
    wrong.retain(|line| !line.starts_with("ffi/table.rs"));
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn no_file_is_too_long_and_none_has_marks_or_paths_of_a_machine() {
    let mut wrong = Vec::new();
    for source in sources() {
        let lines = source.raw.lines().count();
        if lines > LONGEST {
            wrong.push(format!("{} has {lines} lines", source.path.display()));
        }
        for (number, line) in source.raw.lines().enumerate() {
            let marked = has_word(line, "TODO") || has_word(line, "FIXME") || has_word(line, "XXX");
            let path = ["home", "root", "tmp", "work", "Users"]
                .iter()
                .any(|folder| line.contains(&format!("/{folder}/")));
            if marked || path {
                wrong.push(format!("{}:{}: {}", source.path.display(), number + 1, line.trim()));
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn the_reader_of_sources_sees_what_it_should() {
    let text = "use crate::{ck::Error, sys::{a, b}};\n// crate::ffi\nlet a = \"crate::ffi\"; let b = '\"'; crate::api::x();\n\
                let c: &'a str = r#\"crate::token\"#;\n#[cfg(test)]\nmod tests {\n    use crate::ffi;\n}\n";
    let code = without_tests(&without_comments_and_texts(text));
    assert_eq!(uses_of(&code), ["ck", "sys", "b", "api"].map(str::to_owned));
    assert!(has_word("unsafe {", "unsafe") && !has_word("forbid(unsafe_code)", "unsafe"));
}
