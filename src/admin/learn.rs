//! The least rules for what keys were used for, written from the records of their uses.

use super::replay::{Replay, used};
use super::{Key, Result, Trouble, Visit};
use crate::audit::Kind;
use crate::audit::folder::Copy;
use crate::audit::read::{Ending, Filter};
use crate::ck::date::UtcSeconds;
use crate::ck::names::mechanism_name;
use crate::policy::{Ruleset, Wording};
use cryptoki_sys::CKO_SECRET_KEY;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// A policy that was written from records, and how they fare under it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Learned {
    /// The policy file.
    pub text: String,
    /// The recorded uses, replayed against it.
    pub replay: Replay,
}

/// What keys of one label, class and type were used for.
#[derive(Default)]
struct Seen {
    keys: BTreeSet<String>,
    purposes: BTreeSet<&'static str>,
    mechanisms: BTreeSet<String>,
    curves: BTreeSet<&'static str>,
    parameter_sets: BTreeSet<&'static str>,
    bits: Option<u32>,
    callers: BTreeSet<(u32, String)>,
    hours: BTreeSet<u64>,
    count: u64,
}

type Groups = BTreeMap<(String, &'static str, &'static str), Seen>;

impl Visit<'_> {
    /// Proposes a policy under which the recorded uses go on and, of the keys that have such uses, others do not.
    ///
    /// # Errors
    /// Those of the store; a sentence where nothing is on record, or what was written does not load.
    pub fn learn(&self, copy: &Copy, since: Option<UtcSeconds>) -> Result<Learned> {
        let keys = self.keys()?;
        let groups = seen(&keys, copy, since);
        if groups.is_empty() {
            let text = "no use of a key is on record from which a rule could be learned; `audit = \"all\"` records uses";
            return Err(Trouble::Named(text.into()));
        }
        let rules: String =
            groups.iter().enumerate().map(|(at, (name, seen))| rule(at + 1, name, seen)).collect();
        let body = format!("policy = 1\nname = \"learned\"\nextends = [\"default\"]\n{rules}");
        let none = |_: &str| Err("no other file".to_owned());
        let loaded = Ruleset::load("learned.toml", &body, &none).map_err(|mistakes| {
            let all: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
            Trouble::Named(format!("the policy that was learned does not load: {}", all.join("\n")))
        })?;
        let replay = self.replay(&loaded, copy, since)?;
        let used: BTreeSet<&String> = groups.values().flat_map(|seen| &seen.keys).collect();
        let mut text = header(&replay);
        for key in keys.iter().filter(|key| key.handle.is_some() && !used.contains(&key.uid.to_string())) {
            let label = quoted(&key.facts.label);
            let _ = writeln!(text, "# no rule: {} {label}, {}", key.class_word(), key.uid);
        }
        text.push_str(&body);
        Ok(Learned { text, replay })
    }
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
        let group = groups.entry((key.facts.label.clone(), words.class, words.key_type)).or_default();
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

fn rule(number: usize, (label, class, key_type): &(String, &str, &str), seen: &Seen) -> String {
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

    #[test]
    fn quoted_is_one_line_whatever_a_key_is_called() {
        assert_eq!(quoted("a\"b\\c\n[[rule]]"), "\"a\\\"b\\\\c\\u000A[[rule]]\"");
    }
}
