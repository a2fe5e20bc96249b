//! The reference, `docs/policy-reference.md`, held against what the reader knows: every key has its row and its example
//! there, and nothing stands there that the reader does not know.

use super::keys::{self, Keys};
use super::laws::load;
use super::*;
use crate::ck::Error;
use std::collections::BTreeSet;

/// The table of each section stands under this heading, and its example under that one.
const PLACES: &[(Keys, &str, &str)] = &[
    (keys::TOP, "The file", "The file"),
    (keys::TOKEN, "`[token]`", "`[token]`"),
    (keys::PIN, "`pin`", "`[token]`"),
    (keys::SESSION, "`session`", "`[token]`"),
    (keys::OBJECTS, "`objects`", "`[token]`"),
    (keys::MECHANISMS, "`[mechanisms]`", "`[mechanisms]`"),
    (keys::KEYS, "`[keys]`", "`[keys]`"),
    (keys::PRE_ACTIVE, "`[pre-active]`", "`[pre-active]`"),
    (keys::SUSPENDED, "`[suspended]`", "`[compromised]`"),
    (keys::COMPROMISED, "`[compromised]`", "`[compromised]`"),
    (keys::AUDIT, "`[audit]`", "`[audit]`"),
    (keys::ALARM, "`[[alarm]]`", "`[[alarm]]`"),
    (keys::RULE, "`[[rule]]`", "`[[rule]]`"),
    (keys::PERIOD, "`crypto_period`", "`[[rule]]`"),
    (keys::LIMITS, "Limits", "Limits"),
    (keys::APPROVALS, "Approvals and copies", "Approvals and copies"),
    (keys::ROTATE, "Rotation", "Rotation"),
    (keys::WHEN, "`when`", "`when`"),
    (keys::BITS, "`bits`", "`when`"),
    (keys::AGE, "Age and generation", "`when`"),
    (keys::GENERATION, "Age and generation", "`when`"),
    (keys::PARAMETERS, "Parameters", "Parameters"),
    (keys::WRAP_WITH, "`wrap_with`", "`wrap_with`"),
    (keys::TEMPLATE, "`template`", "`template`"),
    (keys::CALLERS, "Callers and hours", "Callers and hours"),
    (keys::VISIBLE_TO, "Callers and hours", "Callers and hours"),
    (keys::TEST, "`[[test]]`", "`[[test]]`"),
    (keys::TEST_KEY, "`key`", "`[[test]]`"),
    (keys::ASK, "`ask`", "`[[test]]`"),
    (keys::ASK_PARAMETERS, "Parameters of `ask`", "`[[test]]`"),
];

fn page() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/policy-reference.md")).unwrap()
}

/// The text under each heading, up to the next heading.
fn sections(page: &str) -> Vec<(&str, String)> {
    let mut sections: Vec<(&str, String)> = Vec::new();
    let mut fenced = false;
    for line in page.lines() {
        fenced ^= line.starts_with("```");
        match line.strip_prefix('#').map(|rest| rest.trim_start_matches('#').trim()) {
            Some(heading) if !fenced => sections.push((heading, String::new())),
            _ => {
                if let Some((_, text)) = sections.last_mut() {
                    text.push_str(line);
                    text.push('\n');
                }
            }
        }
    }
    sections
}

fn under<'s>(sections: &'s [(&str, String)], heading: &str) -> &'s str {
    let found: Vec<_> = sections.iter().filter(|(each, _)| *each == heading).collect();
    assert_eq!(found.len(), 1, "the heading {heading} stands once");
    &found[0].1
}

/// The rows of the tables that begin with `| first |`, cell by cell.
fn rows<'t>(text: &'t str, first: &str) -> Vec<Vec<&'t str>> {
    let head = format!("| {first} |");
    let mut lines = text.lines();
    let mut rows = Vec::new();
    while let Some(line) = lines.next() {
        if line.starts_with(&head) {
            rows.extend(
                lines
                    .by_ref()
                    .skip(1)
                    .take_while(|line| line.starts_with('|'))
                    .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect::<Vec<_>>()),
            );
        }
    }
    rows
}

/// What stands between backticks.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

fn examples(text: &str) -> Vec<&str> {
    text.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

#[test]
fn every_key_that_the_reader_knows_has_its_row_and_no_other_has() {
    assert_eq!(PLACES.len(), keys::ALL.len(), "each table of the language has its place on the page");
    let page = page();
    let sections = sections(&page);
    for (of, heading, _) in PLACES {
        let rows = rows(under(&sections, heading), "key");
        let named: Vec<&str> = rows.iter().flat_map(|row| quoted(row[0])).collect();
        let set: BTreeSet<&str> = named.iter().copied().collect();
        assert_eq!(set.len(), named.len(), "{heading}: a key stands twice");
        assert_eq!(set, of.known.iter().copied().collect(), "{heading}");
        assert!(rows.iter().all(|row| row.len() == 4 && !row[3].is_empty()), "{heading}: {rows:?}");
    }
}

#[test]
fn every_key_has_an_example_that_loads() {
    let page = page();
    let sections = sections(&page);
    for (of, _, heading) in PLACES {
        let text = examples(under(&sections, heading)).concat();
        let words: BTreeSet<&str> =
            text.split(|c: char| !c.is_ascii_alphanumeric() && !"_-".contains(c)).collect();
        for key in of.known {
            assert!(words.contains(key), "{heading}: no example of `{key}`");
        }
    }
    let examples = examples(&page);
    assert!(examples.len() > 15);
    for example in examples {
        let rules = load(example).unwrap_or_else(|told| panic!("{}\n{example}", told[0]));
        for outcome in rules.run_tests() {
            assert!(outcome.passed, "{}: {}", outcome.id, outcome.detail);
        }
    }
}

#[test]
fn every_refusal_on_the_page_is_a_reason_or_a_code() {
    let page = page();
    let mut told = 0;
    for (heading, text) in sections(&page) {
        for row in rows(&text, "key") {
            for word in quoted(row[2]) {
                let known = Reason::ALL.iter().any(|reason| reason.word() == word)
                    || Error::ALL.iter().any(|error| error.name() == word);
                assert!(known, "{heading}: {word}");
                told += 1;
            }
        }
    }
    assert!(told > 50, "{told}");
}

#[test]
fn every_key_that_is_not_enforced_yet_is_listed_and_no_other_is() {
    let page = page();
    let sections = sections(&page);
    let rows = rows(under(&sections, "Not enforced yet"), "table");
    let listed: Vec<(&str, BTreeSet<&str>)> =
        rows.iter().map(|row| (row[0], quoted(row[1]).collect())).collect();
    let later: Vec<(&str, BTreeSet<&str>)> = PLACES
        .iter()
        .filter(|(of, ..)| !of.later.is_empty())
        .map(|(of, heading, _)| (*heading, of.later.iter().copied().collect()))
        .collect();
    assert_eq!(listed.len(), later.len(), "{listed:?}");
    for each in later {
        assert!(listed.contains(&each), "{each:?} in {listed:?}");
    }
}

#[test]
fn every_reason_and_group_has_its_row() {
    let page = page();
    for reason in Reason::ALL {
        let row = format!("| `0x{:X}` | `{}` | `{}` |", reason.code(), reason.word(), reason.error().name());
        assert!(page.contains(&row), "{row}");
    }
    assert_eq!(page.matches("\n| `0x").count(), Reason::ALL.len());
    for (name, meaning, patterns) in GROUPS {
        let patterns: Vec<String> = patterns.iter().map(|pattern| format!("`{pattern}`")).collect();
        let row = format!("| `group:{name}` | {meaning} | {} |", patterns.join(", "));
        assert!(page.contains(&row), "{row}");
    }
    assert_eq!(page.matches("\n| `group:").count(), GROUPS.len());
}

/// The names of all tests of the crate, from the text of its sources.
fn tests_of_the_crate() -> BTreeSet<String> {
    let mut folders = vec![root("src"), root("tests")];
    let mut names = BTreeSet::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                names.extend(tests_in(&std::fs::read_to_string(path).unwrap()));
            }
        }
    }
    names
}

fn root(path: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The functions that stand behind `#[test]` or in `alone!`.
fn tests_in(source: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut marked = false;
    for line in source.lines().map(str::trim_start) {
        marked |= line.starts_with("#[test]") || line.starts_with("alone!");
        if let Some(name) = line.strip_prefix("fn ").filter(|_| marked) {
            names.extend(name.split(['(', '<']).next().map(str::to_owned));
            marked = false;
        }
    }
    names
}

#[test]
fn every_sentence_of_the_language_has_tests_that_exist() {
    let page = std::fs::read_to_string(root("docs/policy-tests.md")).unwrap();
    let tests = tests_of_the_crate();
    let mut sentences = 0;
    for row in rows(&page, "sentence") {
        let named: Vec<&str> = quoted(row[1]).collect();
        assert!(!named.is_empty(), "no test of: {}", row[0]);
        for name in named {
            assert!(tests.contains(name), "no test is called {name}");
        }
        sentences += 1;
    }
    assert!(sentences > 60 && tests.len() > 1000, "{sentences} {}", tests.len());
}
