//! `rotate` and `hide_inactive`: when a key gives way to a new generation, how the old one goes, and whether
//! clients still find it.

use super::diagnostic::{At, Place};
use super::document::RuleSection;
use super::record::{KeyRules, Record, earlier};
use super::ruleset::Rule;
use super::word::duration_text;
use crate::ck::date::UtcSeconds;
use crate::object::facts::KeyFacts;
use std::fmt::{self, Write};

/// `rotate` as it was written; durations in seconds.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct RotateSection {
    pub(super) every: Option<At<u64>>,
    pub(super) overlap: Option<At<u64>>,
    pub(super) handover: Option<At<u64>>,
    pub(super) destroy: Option<At<u64>>,
    pub(super) automatic: Option<At<bool>>,
}

/// How keys are rotated: of several rules the shortest of each duration, in seconds.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Rotation {
    /// So long after its activation a key is due.
    pub every: Option<u64>,
    /// So long a replaced key goes on processing.
    pub overlap: Option<u64>,
    /// So long a replaced key goes on protecting; `None` is not at all.
    pub handover: Option<u64>,
    /// So long after its deactivation a replaced key is destroyed.
    pub destroy: Option<u64>,
    /// The use of a key that is due makes the new generation.
    pub automatic: bool,
}

/// The ids of the rules behind each moment that comes to a key, sorted. Where there is none, the key's own dates are it.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Causes {
    /// It is due for rotation.
    pub rotation: Vec<String>,
    /// It protects nothing more.
    pub protect: Vec<String>,
    /// It processes nothing more.
    pub process: Vec<String>,
    /// It is destroyed after it was replaced.
    pub destroy: Vec<String>,
}

impl RotateSection {
    pub(super) fn rotation(&self) -> Rotation {
        let seconds = |at: &Option<At<u64>>| at.as_ref().map(|at| at.value);
        Rotation {
            every: seconds(&self.every),
            overlap: seconds(&self.overlap),
            handover: seconds(&self.handover),
            destroy: seconds(&self.destroy),
            automatic: self.automatic.as_ref().is_some_and(|at| at.value),
        }
    }
}

impl Rotation {
    /// What holds where both are said.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self {
            every: earlier(self.every, other.every),
            overlap: earlier(self.overlap, other.overlap),
            handover: earlier(self.handover, other.handover),
            destroy: earlier(self.destroy, other.destroy),
            automatic: self.automatic || other.automatic,
        }
    }

    /// When a key is due: counted from its activation, or else from its making. `None` where nothing says so.
    pub fn due(&self, facts: &KeyFacts) -> Option<UtcSeconds> {
        let begin = facts.protect.from.unwrap_or(facts.initial_date);
        self.every.map(|every| begin.saturating_add(every))
    }

    pub(super) fn describe(&self, out: &mut String) -> fmt::Result {
        let durations = [
            ("every", self.every),
            ("overlap", self.overlap),
            ("handover", self.handover),
            ("destroy", self.destroy),
        ];
        for (name, seconds) in durations {
            if let Some(seconds) = seconds {
                writeln!(out, "  rotate {name} {}", duration_text(seconds))?;
            }
        }
        if self.automatic { writeln!(out, "  rotate automatic") } else { Ok(()) }
    }
}

impl KeyRules {
    /// How the key is rotated, as the rules of a moment say.
    pub fn rotation(&self, now: UtcSeconds) -> Rotation {
        self.phase(now).base.rotation
    }

    /// The rules behind what comes to the key: those whose period it is that ends.
    pub fn causes(&self, facts: &KeyFacts, now: UtcSeconds) -> Causes {
        let base = &self.phase(now).base;
        let (protect, process) = base.windows(facts);
        let ids = |picks: &dyn Fn(&Rule) -> bool| {
            base.applied(&self.compiled).filter(|rule| picks(rule)).map(|rule| rule.id.to_string()).collect()
        };
        let said = |of: Option<u64>, shortest: Option<u64>| of.is_some() && of == shortest;
        let begin = facts.protect.from.unwrap_or(facts.initial_date);
        let processing = facts.process.from.unwrap_or(begin);
        let process_end =
            |rule: &Rule| rule.recipient_seconds.map(|period| processing.saturating_add(period));
        let protect_end = |rule: &Rule| {
            let period = rule.originator_seconds.map(|period| begin.saturating_add(period));
            earlier(earlier(period, rule.sunset), process_end(rule))
        };
        Causes {
            rotation: ids(&|rule| said(rule.rotation.every, base.rotation.every)),
            protect: ids(&|rule| said(protect_end(rule), protect.to)),
            process: ids(&|rule| said(process_end(rule), process.to)),
            destroy: ids(&|rule| said(rule.rotation.destroy, base.rotation.destroy)),
        }
    }

    /// Whether any rule, in whatever phase, lets a use rotate the key. One look, at each use.
    #[inline]
    pub fn rotates_by_itself(&self) -> bool {
        self.first.base.rotation.automatic
            || self.later.iter().any(|(_, phase)| phase.base.rotation.automatic)
    }

    /// Whether searches pass the key over while it protects nothing.
    pub fn hides_inactive(&self, now: impl FnOnce() -> UtcSeconds) -> bool {
        let hides = |record: &Record| record.hides_inactive;
        if self.later.is_empty() {
            return hides(&self.first.base);
        }
        hides(&self.phase(now()).base)
    }
}

impl super::Ruleset {
    /// Whether any rule wants keys destroyed that were replaced.
    pub fn destroys_replaced(&self) -> bool {
        self.compiled.rules.iter().any(|rule| rule.rotation.destroy.is_some())
    }
}

/// What in a rule is worth a second look, with its place.
pub(super) fn remarks(rule: &RuleSection) -> Vec<(Place, String)> {
    let Some(rotate) = &rule.restrictions.rotate else { return Vec::new() };
    let mut remarks = told(&rotate.value);
    let longer = |of: &Option<At<u64>>, than: &Option<At<u64>>| match (of, than) {
        (Some(of), Some(than)) if of.value > than.value => Some((of.place, than.value)),
        _ => None,
    };
    if let Some((place, period)) = longer(&rotate.value.every, &rule.originator) {
        let period = duration_text(period);
        remarks.push((place, format!("the originator period ends first: after {period} the key protects nothing, and the new one comes later")));
    }
    if let Some((place, period)) = longer(&rotate.value.overlap, &rule.recipient) {
        let period = duration_text(period);
        remarks.push((
            place,
            format!("the recipient period of {period} ends first: no key has the whole overlap"),
        ));
    }
    for id in rule.when.id.iter().flat_map(|list| &list.value).filter(|id| !id.value.ends_with('*')) {
        let message =
            "a new generation has another CKA_ID, and this rule does not match it; end the pattern with `*`";
        remarks.push((id.place, message.to_owned()));
    }
    remarks
}

/// What is worth a second look by itself.
pub(super) fn told(rotate: &RotateSection) -> Vec<(Place, String)> {
    let mut remarks = Vec::new();
    if let Some(automatic) = rotate.automatic.as_ref().filter(|at| at.value) {
        if rotate.every.is_none() {
            remarks.push((automatic.place, "without `every` this makes no key due".to_owned()));
        }
        if rotate.handover.is_none() {
            let message = "without `handover` a program that holds the handle of the old key is refused from then on, until it looks for the key again";
            remarks.push((automatic.place, message.to_owned()));
        }
    }
    if let (Some(destroy), None) = (&rotate.destroy, &rotate.overlap) {
        remarks.push((
            destroy.place,
            "without `overlap` only keys with an end of their own are destroyed".to_owned(),
        ));
    }
    remarks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::laws::{NOW, key, load};
    use cryptoki_sys::*;

    const DAY: u64 = 86_400;

    fn mistake(rotate: &str) -> String {
        load(&format!("policy = 1\n[[rule]]\nid = \"r\"\nrotate = {rotate}\n"))
            .unwrap_err()
            .remove(0)
            .to_string()
    }

    #[test]
    fn shortest_of_each_duration_holds_for_the_keys_that_match() {
        let rules = load(
            "policy = 1\n[keys]\nrotate = { every = \"1y\", overlap = \"60d\" }\n\
             [[rule]]\nid = \"aes\"\nwhen = { type = \"aes\" }\nrotate = { every = \"300d\", overlap = \"90d\", handover = \"2d\" }\n\
             [[rule]]\nid = \"by-itself\"\nwhen = { label = \"tls-*\" }\nrotate = { every = \"300d\", destroy = \"1d\", automatic = true }\n",
        )
        .unwrap();
        let aes = key(CKO_SECRET_KEY, CKK_AES, 256);
        let record = rules.record_for(&aes);
        let expected = Rotation {
            every: Some(300 * DAY),
            overlap: Some(60 * DAY),
            handover: Some(2 * DAY),
            destroy: Some(DAY),
            automatic: true,
        };
        assert_eq!(record.rotation(NOW), expected);
        assert!(record.rotates_by_itself() && rules.destroys_replaced());
        assert_eq!(record.causes(&aes, NOW).rotation, ["aes", "by-itself"]);
        assert_eq!(record.causes(&aes, NOW).destroy, ["by-itself"]);
        let other = KeyFacts { label: "other".into(), ..key(CKO_PRIVATE_KEY, CKK_RSA, 2048) };
        let record = rules.record_for(&other);
        assert!(!record.rotates_by_itself());
        assert_eq!(record.causes(&other, NOW).rotation, ["keys.rotate"]);
        assert_eq!(record.rotation(NOW).due(&other), Some(other.initial_date + 365 * DAY));
    }

    #[test]
    fn due_counts_from_the_activation_and_causes_name_the_period_that_ends_first() {
        let rules = load(
            "policy = 1\n[[rule]]\nid = \"long\"\ncrypto_period = { originator = \"20d\", recipient = \"40d\" }\n\
             [[rule]]\nid = \"short\"\ncrypto_period = { originator = \"10d\" }\nrotate = { every = \"9d\" }\n",
        )
        .unwrap();
        let mut facts = key(CKO_SECRET_KEY, CKK_AES, 256);
        facts.protect.from = Some(NOW);
        let record = rules.record_for(&facts);
        assert_eq!(record.rotation(NOW).due(&facts), Some(NOW + 9 * DAY));
        let causes = record.causes(&facts, NOW);
        assert_eq!((causes.protect, causes.process), (vec!["short".to_owned()], vec!["long".to_owned()]));
        facts.protect.to = Some(NOW + DAY);
        assert!(rules.record_for(&facts).causes(&facts, NOW).protect.is_empty(), "its own date is sooner");
    }

    #[test]
    fn rule_with_a_later_date_rotates_from_then_on() {
        let rules = load(
            "policy = 1\n[[rule]]\nid = \"r\"\neffective = 2033-06-01\nrotate = { every = \"1d\", automatic = true }\nhide_inactive = true\n",
        )
        .unwrap();
        let record = rules.record_for(&key(CKO_SECRET_KEY, CKK_AES, 256));
        let later = NOW + 30 * DAY;
        assert!(
            record.rotates_by_itself() && !record.rotation(NOW).automatic && record.rotation(later).automatic
        );
        assert!(!record.hides_inactive(|| NOW) && record.hides_inactive(|| later));
    }

    #[test]
    fn mistakes_are_told_at_their_place() {
        assert!(mistake("{}").starts_with("error: this says nothing of the rotation\n --> test.toml:4:10"));
        assert!(mistake("{ evry = \"1d\" }").contains("unknown key `evry` in `rotate`"));
        assert!(mistake("{ every = \"often\" }").contains("`often` is no duration"));
        assert!(mistake("{ every = 3 }").contains("expected a string"));
        assert!(mistake("{ automatic = \"yes\" }").contains("expected `true` or `false`"));
        assert!(mistake("{ overlap = \"1d\", handover = \"2d\" }").contains("longer than the overlap"));
        assert!(mistake("\"1d\"").contains("expected a table"));
        let silent = load("policy = 1\n[[rule]]\nid = \"r\"\nhide_inactive = false\n").unwrap_err();
        assert!(silent[0].message.contains("restricts nothing"));
    }

    #[test]
    fn remarks_tell_what_comes_too_late() {
        let rules = load(
            "policy = 1\n[keys]\nrotate = { destroy = \"1d\" }\n[[rule]]\nid = \"r\"\nwhen = { id = [\"01\", \"02*\"] }\n\
             crypto_period = { originator = \"10d\", recipient = \"20d\" }\n\
             rotate = { every = \"11d\", overlap = \"30d\", automatic = true }\n",
        )
        .unwrap();
        let told: Vec<String> = rules.warnings(NOW).iter().map(ToString::to_string).collect();
        let has = |what: &str| told.iter().filter(|each| each.contains(what)).count();
        assert_eq!(told.len(), 5, "{told:?}");
        assert_eq!(has("the originator period ends first: after 10d"), 1);
        assert_eq!(has("the recipient period of 20d ends first"), 1);
        assert_eq!(has("has another CKA_ID"), 1, "the pattern with a star is right");
        assert_eq!(has("without `handover`"), 1);
        assert_eq!(has("without `overlap`"), 1);
    }

    #[test]
    fn description_says_every_part() {
        let rules = load(
            "policy = 1\n[[rule]]\nid = \"r\"\nhide_inactive = true\n\
             rotate = { every = \"300d\", overlap = \"30d\", handover = \"1d\", destroy = \"1y\", automatic = true }\n",
        )
        .unwrap();
        let described = rules.describe();
        for line in [
            "  rotate every 300d",
            "  rotate overlap 30d",
            "  rotate handover 1d",
            "  rotate destroy 1y",
            "  rotate automatic",
            "  hide_inactive true",
        ] {
            assert!(described.lines().any(|each| each == line), "{line}: {described}");
        }
    }
}
