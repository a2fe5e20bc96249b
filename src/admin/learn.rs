//! The least rules for what keys were used for, written from the records of their uses.

use super::replay::{Replay, used};
use super::{Key, Result, Trouble, Visit};
use crate::audit::Kind;
use crate::audit::folder::Copy;
use crate::audit::read::{Ending, Filter};
use crate::ck::date::UtcSeconds;
use crate::ck::names::mechanism_name;
use crate::policy::{Ruleset, Wording, literally};
use cryptoki_sys::CKO_SECRET_KEY;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// A policy that was written from records, and how they fare under it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Learned {
    /// The policy file.
    pub text: String,
    /// The rules in it, in their order.
    pub rules: Vec<(Subject, Seen)>,
    /// The keys of which no use is on record.
    pub unused: Vec<Unused>,
    /// The recorded uses, replayed against it.
    pub replay: Replay,
}

/// Which keys a rule is about.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Subject {
    /// The pattern of the rule: for one label what matches it alone, for several what they begin with and a `*`.
    pub label: String,
    /// `private`, `public`, `secret`
    pub class: &'static str,
    /// `rsa`, `ec`, `aes`, ...
    pub key_type: &'static str,
}

/// What the keys of one subject were used for.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Seen {
    /// Their unique ids.
    pub keys: BTreeSet<String>,
    /// The purposes of the uses.
    pub purposes: BTreeSet<&'static str>,
    /// `CKM_...`
    pub mechanisms: BTreeSet<String>,
    /// The curves that the keys have.
    pub curves: BTreeSet<&'static str>,
    /// The parameter sets that they have.
    pub parameter_sets: BTreeSet<&'static str>,
    /// The smallest size.
    pub bits: Option<u32>,
    /// User ids and program files.
    pub callers: BTreeSet<(u32, String)>,
    /// Hours of the day, in UTC.
    pub hours: BTreeSet<u64>,
    /// How many uses.
    pub count: u64,
}

/// A key of which no use is on record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unused {
    /// `private`, `public`, `secret`
    pub class: &'static str,
    /// Its label.
    pub label: String,
    /// Its unique id.
    pub uid: String,
    /// The rule that matches it by what its label begins with, counted from 1.
    pub rule: Option<usize>,
}

type Groups = BTreeMap<Subject, Seen>;

/// So many keys whose labels begin alike and that are used alike come under one rule.
const ALIKE: usize = 3;
/// What ends the part of a label that several keys share.
const SEPARATORS: [char; 3] = ['-', '_', '.'];

impl Visit<'_> {
    /// Proposes a policy under which the recorded uses go on and, of the keys that have such uses, others do not.
    ///
    /// # Errors
    /// Those of the store; a sentence where nothing is on record, or what was written does not load.
    pub fn learn(&self, copy: &Copy, since: Option<UtcSeconds>) -> Result<Learned> {
        let keys = self.keys()?;
        let groups = joined(seen(&keys, copy, since));
        if groups.is_empty() {
            let text = "no use of a key is on record from which a rule could be learned; `audit = \"all\"` records uses";
            return Err(Trouble::Named(text.into()));
        }
        let rules: Vec<(Subject, Seen)> = groups.into_iter().collect();
        let written: String =
            rules.iter().enumerate().map(|(at, (subject, seen))| rule(at + 1, subject, seen)).collect();
        let body = format!("policy = 1\nname = \"learned\"\nextends = [\"default\"]\n{written}");
        let none = |_: &str| Err("no other file".to_owned());
        let loaded = Ruleset::load("learned.toml", &body, &none).map_err(|mistakes| {
            let all: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
            Trouble::Named(format!("the policy that was learned does not load: {}", all.join("\n")))
        })?;
        let replay = self.replay(&loaded, copy, since)?;
        let unused = unused(&keys, &rules);
        let text = [header(&replay), unused.iter().map(Unused::line).collect(), body].concat();
        Ok(Learned { text, rules, unused, replay })
    }
}

impl Subject {
    /// Whether this speaks of several keys, and of one whose label literally is this pattern.
    fn covers(&self, label: &str) -> bool {
        // A star that is a character follows a backslash.
        let beginning = self.label.strip_suffix('*').filter(|beginning| beginning.ends_with(SEPARATORS));
        beginning.is_some_and(|beginning| label.starts_with(beginning))
    }

    fn is_kind_of(&self, other: &Self) -> bool {
        (self.class, self.key_type) == (other.class, other.key_type)
    }
}

impl Seen {
    fn is_used_like(&self, other: &Self) -> bool {
        self.purposes == other.purposes
            && self.mechanisms == other.mechanisms
            && self.curves == other.curves
            && self.parameter_sets == other.parameter_sets
    }

    fn add(&mut self, other: Self) {
        self.keys.extend(other.keys);
        self.purposes.extend(other.purposes);
        self.mechanisms.extend(other.mechanisms);
        self.curves.extend(other.curves);
        self.parameter_sets.extend(other.parameter_sets);
        self.bits = self.bits.into_iter().chain(other.bits).min();
        self.callers.extend(other.callers);
        self.hours.extend(other.hours);
        self.count = self.count.saturating_add(other.count);
    }
}

impl Unused {
    fn line(&self) -> String {
        let (class, label, uid) = (self.class, quoted(&self.label), &self.uid);
        match self.rule {
            Some(rule) => {
                format!("# no use on record, under learned-{rule} by its label: {class} {label}, {uid}\n")
            }
            None => format!("# no rule: {class} {label}, {uid}\n"),
        }
    }
}

/// The keys that are there and of which nothing was seen.
fn unused(keys: &[Key], rules: &[(Subject, Seen)]) -> Vec<Unused> {
    let used: BTreeSet<&String> = rules.iter().flat_map(|(_, seen)| &seen.keys).collect();
    let unused = keys.iter().filter(|key| key.handle.is_some() && !used.contains(&key.uid.to_string()));
    let of = |key: &Key| {
        let label = literally(&key.facts.label);
        let words = Wording::of(&key.facts);
        let covers = |(subject, _): &(Subject, Seen)| {
            words.as_ref().is_some_and(|words| {
                (words.class, words.key_type) == (subject.class, subject.key_type) && subject.covers(&label)
            })
        };
        Unused {
            class: key.class_word(),
            label: key.facts.label.clone(),
            uid: key.uid.to_string(),
            rule: rules.iter().position(covers).map(|at| at + 1),
        }
    };
    unused.map(of).collect()
}

/// One subject instead of several, where the labels of enough keys begin alike and the keys were used alike. The longest
/// beginning first, so that no more is said than must be; none under which keys are that were used otherwise.
fn joined(mut groups: Groups) -> Groups {
    let mut beginnings: Vec<Subject> = groups.keys().flat_map(beginnings).collect();
    beginnings.sort_by(|one, other| other.label.len().cmp(&one.label.len()).then(one.cmp(other)));
    beginnings.dedup();
    for beginning in beginnings {
        let under: Vec<Subject> = groups
            .keys()
            .filter(|each| each.is_kind_of(&beginning) && beginning.covers(&each.label))
            .cloned()
            .collect();
        let seen: Vec<&Seen> = under.iter().filter_map(|each| groups.get(each)).collect();
        let alike = seen.iter().zip(seen.iter().skip(1)).all(|(one, next)| one.is_used_like(next));
        let many = seen.iter().map(|seen| seen.keys.len()).sum::<usize>() >= ALIKE && under.len() > 1;
        if !(alike && many) {
            continue;
        }
        let mut all = Seen::default();
        under.iter().filter_map(|each| groups.remove(each)).for_each(|seen| all.add(seen));
        groups.insert(beginning, all);
    }
    groups
}

/// What a label begins with, up to each of its separators, as subjects. No separator is part of what stands for another
/// character.
fn beginnings(of: &Subject) -> impl Iterator<Item = Subject> + '_ {
    let ends = of.label.char_indices().filter(|(at, c)| *at > 0 && SEPARATORS.contains(c));
    let prefixes = ends.filter_map(|(at, c)| of.label.get(..at + c.len_utf8()));
    prefixes.map(|prefix| Subject { label: format!("{prefix}*"), ..of.clone() })
}

/// What was seen, of keys that are there and have a label.
fn seen(keys: &[Key], copy: &Copy, since: Option<UtcSeconds>) -> Groups {
    let by_id: BTreeMap<[u8; 16], &Key> =
        keys.iter().filter(|key| key.handle.is_some()).map(|key| (key.uid.0, key)).collect();
    let filter =
        Filter { kind: Some(Kind::Decision), ending: Some(Ending::Done), since, ..Filter::default() };
    let mut groups = Groups::new();
    for record in super::audit::records(copy, &filter, None) {
        let event = &record.event;
        let (Some(entry), Some(key)) = (used(&event.operation), by_id.get(&event.object)) else { continue };
        let (Some(words), Some(ckm)) = (Wording::of(&key.facts), event.mechanism) else { continue };
        if event.detail == "begun" || key.facts.label.is_empty() {
            continue;
        }
        let (class, key_type) = (words.class, words.key_type);
        let subject = Subject { label: literally(&key.facts.label), class, key_type };
        let group = groups.entry(subject).or_default();
        group.keys.insert(key.uid.to_string());
        group.purposes.extend(entry.purpose_word(&key.facts, key.facts.class == CKO_SECRET_KEY));
        group.mechanisms.insert(mechanism_name(ckm));
        group.curves.extend(words.curve);
        group.parameter_sets.extend(words.parameter_set);
        group.bits = Some(group.bits.map_or(key.facts.bits, |bits| bits.min(key.facts.bits)));
        group.callers.insert((record.header.uid, record.header.executable.clone()));
        group.hours.insert(event.at / 3_600_000_000_000 % 24);
        group.count = group.count.saturating_add(event.count);
    }
    groups
}

fn header(replay: &Replay) -> String {
    let (from, to) = replay.period.unwrap_or_default();
    let mut text = format!(
        "# Learned from the audit trail: {} recorded uses from {} to {}.\n\
         # Only recorded uses are seen (audit = \"all\" records them). Read each rule before you install this.\n\
         # Replayed against these rules: {} refused ({} of them by the policy in force too), {} not judged.\n",
        replay.replayed.saturating_add(replay.passed_over()),
        super::audit::instant(from),
        super::audit::instant(to),
        replay.refused,
        replay.refused_already,
        replay.passed_over(),
    );
    for group in &replay.groups {
        let (label, detail) = (quoted(&group.label), quoted(&group.denial.to_string()));
        let _ = writeln!(text, "# not covered: {label}, {} times: {detail}", group.count);
    }
    text
}

fn rule(number: usize, Subject { label, class, key_type }: &Subject, seen: &Seen) -> String {
    let mut text = format!("\n# {} uses of {} key(s)\n", seen.count, seen.keys.len());
    for (uid, exe) in &seen.callers {
        let _ = writeln!(text, "# caller: uid {uid}, exe {}", quoted(exe));
    }
    let hours: Vec<String> = seen.hours.iter().map(ToString::to_string).collect();
    let _ = writeln!(text, "# hours (UTC): {}", hours.join(", "));
    let _ = writeln!(text, "[[rule]]\nid = \"learned-{number}\"");
    let _ = writeln!(text, "when = {{ class = {class:?}, type = {key_type:?}, label = {} }}", quoted(label));
    let mut list = |name: &str, words: Vec<&str>| {
        if !words.is_empty() {
            let words: Vec<String> = words.into_iter().map(quoted).collect();
            let _ = writeln!(text, "{name} = [{}]", words.join(", "));
        }
    };
    list("purpose", seen.purposes.iter().copied().collect());
    list("mechanisms", seen.mechanisms.iter().map(String::as_str).collect());
    list("curves", seen.curves.iter().copied().collect());
    list("parameter_sets", seen.parameter_sets.iter().copied().collect());
    if let (Some(bits), "rsa" | "aes") = (seen.bits, *key_type) {
        let _ = writeln!(text, "min_bits = {{ {key_type} = {bits} }}");
    }
    text
}

/// A basic string of TOML: one line, whatever somebody called a key.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(of: &[(&str, &str, usize)]) -> Groups {
        let group = |(label, mechanism, keys): &(&str, &str, usize)| {
            let subject = Subject { label: literally(label), class: "private", key_type: "ec" };
            let seen = Seen {
                keys: (0..*keys).map(|number| format!("{label} {number}")).collect(),
                mechanisms: [(*mechanism).to_owned()].into(),
                count: 1,
                ..Seen::default()
            };
            (subject, seen)
        };
        of.iter().map(group).collect()
    }

    fn labels(of: &[(&str, &str, usize)]) -> Vec<String> {
        joined(groups(of)).into_keys().map(|subject| subject.label).collect()
    }

    #[test]
    fn three_keys_that_begin_alike_and_are_used_alike_come_under_one_rule() {
        for (separator, all) in [('-', "tls-*"), ('_', "tls_*"), ('.', "tls.*")] {
            let named = |name: &str| format!("tls{separator}{name}");
            let (a, b, c) = (named("a"), named("b"), named("c"));
            assert_eq!(labels(&[(&a, "CKM_ECDSA", 1), (&b, "CKM_ECDSA", 1), (&c, "CKM_ECDSA", 1)]), [all]);
        }
        let one = joined(groups(&[("tls-a", "x", 1), ("tls-b", "x", 2), ("other", "x", 1)]));
        let (subject, seen) = one.last_key_value().unwrap();
        assert_eq!((subject.label.as_str(), seen.keys.len(), seen.count), ("tls-*", 3, 2));
        assert_eq!(one.len(), 2);
    }

    #[test]
    fn fewer_keys_other_uses_and_one_label_stay_apart() {
        assert_eq!(labels(&[("tls-a", "x", 1), ("tls-b", "x", 1)]), ["tls-a", "tls-b"]);
        assert_eq!(labels(&[("tls-a", "x", 5), ("root", "x", 1)]), ["root", "tls-a"]);
        assert_eq!(labels(&[("tlsa", "x", 1), ("tlsb", "x", 1), ("tlsc", "x", 1)]).len(), 3);
        // A rule about all of them would take from the one what it was used for.
        let mixed = [("tls-a", "x", 1), ("tls-b", "x", 1), ("tls-c", "x", 1), ("tls-d", "y", 1)];
        assert_eq!(labels(&mixed).len(), 4);
        // A star in a label means itself.
        assert_eq!(labels(&[("t*-a", "x", 1), ("t*-b", "x", 1), ("t*-c", "x", 1)]), [r"t\*-*"]);
        assert_eq!(labels(&[("t*-a", "x", 1), ("t*-b", "x", 1), ("tx-c", "x", 1)]).len(), 3);
        assert_eq!(labels(&[("-*", "x", 1), ("-b", "y", 1), (r"\-", "x", 1)]), [r"-\*", "-b", r"\\-"]);
        // Such a rule speaks of one label, whatever its last character is.
        let starred = Subject { label: literally("tls-*"), class: "private", key_type: "ec" };
        assert!(!starred.covers("tls-a") && !starred.covers(&starred.label));
        assert_eq!(labels(&[("-a", "x", 1), ("-b", "x", 1), ("-c", "x", 1)]).len(), 3);
    }

    #[test]
    fn longest_common_beginning_is_taken() {
        let fleet = [("tls-eu-a", "x", 1), ("tls-eu-b", "x", 1), ("tls-eu-c", "x", 1), ("tls-us-a", "y", 1)];
        assert_eq!(labels(&fleet), ["tls-eu-*", "tls-us-a"]);
    }

    #[test]
    fn quoted_is_one_line_whatever_a_key_is_called() {
        assert_eq!(quoted("a\"b\\c\n[[rule]]"), "\"a\\\"b\\\\c\\u000A[[rule]]\"");
    }
}
