//! What a new or changed object may be. The order: purposes, size, sensitivity, export.
//!
//! Size, strength, curve and parameter set bind keys that are made here. A weak key from elsewhere may come in: what it
//! protected once can still be processed, and the originator side refuses it at each use ("legacy use",
//! SP 800-131A Rev. 2, 1.2.3).

use super::denial::{Denial, Reason};
use super::entry::{candidate_purposes, conflict};
use super::flag::Flag;
use super::floor::Floor;
use super::record::{Record, Weakness};
use super::ruleset::{Compiled, Export, Rule, Ruleset, Sensitive, SinglePurpose};
use super::sets::PurposeSet;
use super::when::Moment;
use super::word::Word;
use crate::ck::date::UtcSeconds;
use crate::ck::names::key_type_name;
use crate::object::facts::{KeyFacts, Origin};
use cryptoki_sys::CKO_PUBLIC_KEY;

impl Ruleset {
    /// Everything that the policy has against such an object, in the order of the checks; [`Self::judge_new`] answers the
    /// first of it.
    pub fn refusals(&self, facts: &KeyFacts, now: UtcSeconds) -> Vec<Denial> {
        refusals(&self.compiled, facts, Moment::of(now))
    }

    /// The id of a rule, with the document and the section that it comes from where it names them.
    pub fn cited(&self, id: &str) -> String {
        let rule = self.compiled.rules.iter().find(|rule| &*rule.id == id);
        match rule.and_then(|rule| rule.citation.as_deref()) {
            Some(citation) => format!("{id} ({citation})"),
            None => id.to_owned(),
        }
    }
}

/// Everything that the policy has against such an object, in the order of the checks.
pub(super) fn refusals(compiled: &Compiled, facts: &KeyFacts, at: Moment<'_>) -> Vec<Denial> {
    if facts.key_type.is_none() {
        return Vec::new();
    }
    // What is not made yet is made now.
    let facts = &match facts.initial_date {
        0 => KeyFacts { initial_date: at.now, ..facts.clone() },
        _ => facts.clone(),
    };
    let candidates = candidate_purposes(facts);
    let serving = facts.purpose.map_or(candidates, PurposeSet::of);
    let record = compiled.record(facts, serving, at);
    let mut refusals = Vec::new();
    refusals.extend(purposes(compiled, facts, &record, candidates));
    // What is derived to be read, such as an initialisation vector, is no key yet; as one it is judged when it is used.
    let kept = facts.sensitive || !facts.extractable;
    if facts.origin == Origin::Generated || facts.origin == Origin::Derived && kept {
        refusals.extend(weakness(compiled, facts, serving, at));
    }
    if facts.class != CKO_PUBLIC_KEY {
        refusals.extend(sensitive(compiled, facts));
        refusals.extend(export(compiled, facts, &record));
    }
    refusals.extend(template(compiled, facts, &record));
    refusals
}

/// Denied by those of the applied rules that the closure picks.
pub(super) fn by(
    denial: Denial,
    compiled: &Compiled,
    record: &Record,
    picks: impl Fn(&Rule) -> bool,
) -> Denial {
    let rules = record.applied(compiled).filter(|rule| picks(rule));
    denial.by(rules.map(|rule| (rule.id.clone(), rule.why.clone())))
}

/// Denied by a setting that is no rule.
pub(super) fn by_setting(denial: Denial, setting: &str) -> Denial {
    denial.by([(setting.into(), None)])
}

fn purposes(compiled: &Compiled, facts: &KeyFacts, record: &Record, candidates: PurposeSet) -> Vec<Denial> {
    let mut refusals = Vec::new();
    let deny = |detail: String| Denial::new(Reason::PurposeConflict, detail);
    let single = compiled.keys.single_purpose;
    if facts.purpose.is_none() && single == SinglePurpose::Strict && candidates.len() > 1 {
        let detail = format!("the usage attributes ask for several purposes: {}", candidates.words());
        refusals.push(by_setting(deny(detail), "keys.single_purpose"));
    }
    let bears = compiled.keys.unsafe_allow.contains(Floor::ConflictingUsages);
    if facts.purpose.is_none() && single == SinglePurpose::Off && !bears {
        let attack = conflict(facts);
        refusals.extend(attack.map(|attack| deny(format!("these usage attributes conflict: {attack}"))));
    }
    let serving = facts.purpose.map_or(candidates, PurposeSet::of);
    if !serving.is_empty() && serving.intersection(record.purposes).is_empty() {
        let allowed = if record.purposes.is_empty() { "none".to_owned() } else { record.purposes.words() };
        let detail = format!("the key would serve {}; allowed: {allowed}", serving.words());
        let excludes =
            |rule: &Rule| rule.purposes.is_some_and(|allowed| allowed.intersection(serving) != serving);
        refusals.push(by(deny(detail), compiled, record, excludes));
    }
    refusals
}

/// A key is too weak where it is too weak for every purpose that it may come to serve.
fn weakness(compiled: &Compiled, facts: &KeyFacts, serving: PurposeSet, at: Moment<'_>) -> Vec<Denial> {
    let mut records: Vec<Record> =
        serving.iter().map(|purpose| compiled.record(facts, PurposeSet::of(purpose), at)).collect();
    if records.is_empty() {
        records.push(compiled.record(facts, PurposeSet::EMPTY, at));
    }
    let sound = |record: &Record| record.weakness == Weakness::default();
    let Some(record) = records.first().filter(|_| !records.iter().any(sound)) else { return Vec::new() };
    let mut refusals = Vec::new();
    let mut refuse = |reason, picks: fn(Weakness) -> bool| {
        if picks(record.weakness) {
            let denial = Denial::new(reason, describe(facts));
            refusals.push(by(denial, compiled, record, |rule| picks(rule.weakness(facts))));
        }
    };
    refuse(Reason::KeySize, |weakness| weakness.size);
    refuse(Reason::Strength, |weakness| weakness.strength);
    refuse(Reason::NewCurve, |weakness| weakness.curve);
    refuse(Reason::NewParameterSet, |weakness| weakness.parameter_set);
    refusals
}

/// "a new CKK_RSA key of 1024 bits".
fn describe(facts: &KeyFacts) -> String {
    let name = facts.key_type.map(key_type_name).unwrap_or_default();
    match (super::strength::curve(facts), facts.parameter_set) {
        (Some(curve), _) => format!("a new {name} key on {}", curve.word()),
        (None, Some(set)) => format!("a new {} key", set.word()),
        (None, None) => format!("a new {name} key of {} bits", facts.bits),
    }
}

/// What a rule's `template` wants of a key and this one has not.
fn template(compiled: &Compiled, facts: &KeyFacts, record: &Record) -> Option<Denial> {
    let unmet = |(flag, wanted): &(Flag, bool)| flag.of(facts).is_some_and(|is| is != *wanted);
    let (flag, wanted) =
        record.applied(compiled).find_map(|rule| rule.template.iter().find(|each| unmet(each)))?;
    let detail = format!("{} would be {}, which the template of a rule does not allow", flag.word(), !wanted);
    let refuses = |rule: &Rule| rule.template.iter().any(unmet);
    Some(by(Denial::new(Reason::TemplateConflict, detail), compiled, record, refuses))
}

fn sensitive(compiled: &Compiled, facts: &KeyFacts) -> Option<Denial> {
    (compiled.keys.sensitive == Sensitive::Always && !facts.sensitive).then(|| {
        by_setting(Denial::new(Reason::TemplateConflict, "CKA_SENSITIVE would be false"), "keys.sensitive")
    })
}

fn export(compiled: &Compiled, facts: &KeyFacts, record: &Record) -> Option<Denial> {
    if !facts.extractable {
        return None;
    }
    let detail = match record.export {
        Export::Never => "CKA_EXTRACTABLE would be true, but the key must never leave",
        Export::WrappedByTrusted if !facts.wrap_with_trusted => {
            "CKA_EXTRACTABLE would be true without CKA_WRAP_WITH_TRUSTED"
        }
        _ => return None,
    };
    let strictest = |rule: &Rule| rule.export == Some(record.export);
    Some(by(Denial::new(Reason::TemplateConflict, detail), compiled, record, strictest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::laws::{NOW, key, load};
    use cryptoki_sys::{CKK_GENERIC_SECRET, CKO_SECRET_KEY};

    #[test]
    fn derived_key_must_be_strong_enough_unless_it_is_derived_to_be_read() {
        let rules = load("policy = 1\n[keys]\nmin_strength = 112\n").unwrap();
        let short = KeyFacts { origin: Origin::Derived, ..key(CKO_SECRET_KEY, CKK_GENERIC_SECRET, 64) };
        assert_eq!(rules.judge_new(&short, NOW).unwrap_err().reason, Reason::Strength);
        let open = KeyFacts { sensitive: false, extractable: true, ..short.clone() };
        assert_eq!(rules.judge_new(&open, NOW), Ok(()));
        let generated = KeyFacts { origin: Origin::Generated, ..open };
        assert!(rules.judge_new(&generated, NOW).is_err());
        assert_eq!(rules.judge_new(&KeyFacts { origin: Origin::Imported, ..short }, NOW), Ok(()));
    }
}
