//! The policy of a token: what was installed, how it differs from a file, and what another one would break.

use super::{Key, Result, Trouble, Visit, failed};
use crate::ck::{CK_MECHANISM_TYPE, Mechanism};
use crate::crypto::table;
use crate::guard::{Requests, caller, has_copy, offers};
use crate::policy::{Denial, Entry, Request, Ruleset, Side, decide};
use crate::token::{Installation, Installed, Token};
use std::collections::{BTreeMap, BTreeSet};

/// How the file that a policy was installed from stands to what is installed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Drift {
    /// It still says the same.
    None,
    /// It, or a file that it extends, has changed: what the token is under has not.
    Changed,
    /// It cannot be read, or has mistakes now.
    Unreadable(String),
}

/// A part of a policy that is not the same in two of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// `settings`, or `rule` and its id.
    pub part: String,
    /// Lines that the first has and the second has not.
    pub gone: Vec<String>,
    /// Lines that the second has and the first has not.
    pub new: Vec<String>,
}

/// Uses of one key that another policy would refuse.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refused {
    /// The key.
    pub key: Key,
    /// What would be done.
    pub entry: Entry,
    /// With which mechanisms.
    pub mechanisms: Vec<CK_MECHANISM_TYPE>,
    /// The refusal, of the first of them.
    pub denial: Denial,
}

/// The policy that was installed in a token, if any was.
///
/// # Errors
/// Those of the store; a policy that is not what was installed.
pub fn installed(token: &Token) -> Result<Option<Installed>> {
    token.policy().map_err(failed("reading the token's policy"))
}

/// Whether the file that was installed still says what the token is under. `load` reads a policy by its file name.
pub fn drift(installed: &Installed, load: &dyn Fn(&str) -> core::result::Result<Ruleset, String>) -> Drift {
    let Some((name, _)) = installed.files.first() else { return Drift::None };
    match load(name) {
        Err(reason) => Drift::Unreadable(reason),
        Ok(rules) if installed.current().is_some_and(|now| now.digest == rules.digest()) => Drift::None,
        Ok(_) => Drift::Changed,
    }
}

/// What two policies do not have in common, part by part. Comments, order and files make no difference.
pub fn differences(one: &Ruleset, other: &Ruleset) -> Vec<Difference> {
    let (one, other) = (one.describe(), other.describe());
    let (one, other) = (parts(&one), parts(&other));
    let names: BTreeSet<&str> = one.keys().chain(other.keys()).copied().collect();
    let find = |of: &BTreeMap<&str, Vec<String>>, name: &str| of.get(name).cloned().unwrap_or_default();
    names
        .into_iter()
        .filter_map(|name| {
            let (before, after) = (find(&one, name), find(&other, name));
            let without = |of: &[String], other: &[String]| {
                of.iter().filter(|line| !other.contains(line)).cloned().collect::<Vec<_>>()
            };
            let (gone, new) = (without(&before, &after), without(&after, &before));
            let differs = !gone.is_empty() || !new.is_empty();
            differs.then(|| Difference { part: name.to_owned(), gone, new })
        })
        .collect()
}

/// The settings and the rules of a described policy. The settings of several files have one name, and are one part.
fn parts(described: &str) -> BTreeMap<&str, Vec<String>> {
    let mut parts: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for part in described.split("\n\n").filter(|part| !part.starts_with("tests ")) {
        let mut lines = part.lines();
        let name = if part.starts_with("rule ") { lines.next().unwrap_or_default() } else { "settings" };
        parts.entry(name).or_default().extend(lines.map(|line| line.trim().to_owned()));
    }
    parts
}

/// What is done with a key by a mechanism of its own.
pub(super) const USES: [Entry; 12] = [
    Entry::Encrypt,
    Entry::Decrypt,
    Entry::Sign,
    Entry::Verify,
    Entry::SignRecover,
    Entry::VerifyRecover,
    Entry::Wrap,
    Entry::Unwrap,
    Entry::Derive,
    Entry::Encapsulate,
    Entry::Decapsulate,
    Entry::WrapTarget,
];

impl Visit<'_> {
    /// Installs a policy. The SO is logged in.
    ///
    /// # Errors
    /// [`Trouble::Named`] where a test case of the file fails; those of the store.
    pub fn install(&self, rules: &Ruleset) -> Result<Installation> {
        if let Some(failed) = rules.run_tests().into_iter().find(|outcome| !outcome.passed) {
            let text = format!("the policy fails its own test {:?}: {}", failed.id, failed.detail);
            return Err(Trouble::Named(text));
        }
        self.session()?.token().install_policy(rules).map_err(failed("installing the policy"))
    }

    /// Every use of every key that is allowed now and that another policy would refuse. What the login may see is
    /// looked at; nothing is used, bound, written or logged.
    ///
    /// # Errors
    /// Those of the store.
    pub fn would_refuse(&self, rules: &Ruleset) -> Result<Vec<Refused>> {
        let session = self.session()?;
        let now = session.token().guard().now();
        let mut all = Vec::new();
        for key in self.keys()? {
            let Some(held) = key.handle.and_then(|handle| session.key(handle).ok()) else { continue };
            let facts = held.facts();
            let user = session.token().known_user();
            let new = rules.record_for(facts);
            let (new, held_rules) = (new.while_in(user.as_deref()), held.rules().while_in(user.as_deref()));
            let has_copy = has_copy(&held, session.token().backed_up());
            for entry in USES {
                if entry.usage().is_some_and(|usage| !facts.usage.contains(usage))
                    || entry == Entry::WrapTarget && !facts.extractable
                {
                    continue;
                }
                let used = entry.side() != Side::Neither;
                let mut refused: Option<Refused> = None;
                for (row, ckm) in asked(entry, &key) {
                    let request = Request {
                        mechanism: row,
                        ckm,
                        caller: caller::this(),
                        ..Request::about(entry, facts, now)
                    };
                    if decide(&held_rules, facts, &request).is_err() {
                        continue;
                    }
                    let refusal = decide(&new, facts, &request).err();
                    let waits = || new.newly_asks(&held_rules, entry, facts, now);
                    let copy = || (used && !has_copy).then(|| new.not_backed_up(facts, now)).flatten();
                    if let Some(denial) = refusal.or_else(waits).or_else(copy) {
                        let empty = || Refused { key: key.clone(), entry, mechanisms: Vec::new(), denial };
                        refused.get_or_insert_with(empty).mechanisms.extend(ckm);
                    }
                }
                all.extend(refused);
            }
        }
        Ok(all)
    }
}

/// The mechanisms with which a key could be used so.
fn asked(entry: Entry, key: &Key) -> Vec<(Option<usize>, Option<CK_MECHANISM_TYPE>)> {
    if entry == Entry::WrapTarget {
        return vec![(None, None)];
    }
    let fits = |ckm: CK_MECHANISM_TYPE| {
        let (index, row) = table::find(ckm)?;
        let of_type = key.facts.key_type.is_some_and(|kind| row.key_types.contains(&kind));
        let offered = offers(&Mechanism::plain(ckm), entry);
        (of_type && offered && row.sizes.hold(key.facts.bits)).then_some((Some(index), Some(ckm)))
    };
    table::MECHANISMS.iter().filter_map(|row| fits(row.ckm)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Ruleset {
        Ruleset::load("x.toml", text, &|_| Err("none".into())).unwrap()
    }

    #[test]
    fn differences_are_told_by_part_and_not_by_order() {
        let one = load(
            "policy = 1\n[[rule]]\nid = \"a\"\nmin_strength = 112\n[[rule]]\nid = \"b\"\nexport = \"never\"\n",
        );
        let same = load(
            "policy = 1 # x\n[[rule]]\nid = \"b\"\nexport = \"never\"\n[[rule]]\nid = \"a\"\nmin_strength = 112\n",
        );
        assert_eq!(differences(&one, &same), []);
        let other = load(
            "policy = 1\n[keys]\nsingle_purpose = \"strict\"\n[[rule]]\nid = \"a\"\nmin_strength = 128\n",
        );
        let told = differences(&one, &other);
        let names: Vec<_> = told.iter().map(|each| each.part.as_str()).collect();
        assert_eq!(names, ["rule a", "rule b", "settings"]);
        assert_eq!(told[0].gone, ["min_strength 112"]);
        assert_eq!(told[0].new, ["min_strength 128"]);
        assert!(told[1].new.is_empty());
        assert_eq!(told[2].new, ["keys single_purpose strict"]);
    }
}
