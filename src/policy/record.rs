//! What of the rules applies to one object: the intersection of all that match, as a small fixed record
//! with which `decide` answers.

use super::pattern::matches;
use super::ruleset::{Audit, Compiled, Export, PurposeSet, Rule, When};
use super::strength;
use crate::ck::text::hex;
use crate::ck::{CK_KEY_TYPE, CK_MECHANISM_TYPE, MechanismSet};
use crate::object::facts::{KeyFacts, Purpose, Window};
use cryptoki_sys::{CKO_PRIVATE_KEY, CKO_PUBLIC_KEY, CKO_SECRET_KEY};
use std::sync::Arc;

/// The mechanisms of a rule as rows of a table.
#[derive(Clone, Debug)]
pub(super) struct Rows {
    /// Originator side.
    pub(super) protect: MechanismSet,
    /// Recipient side.
    pub(super) process: MechanismSet,
    /// Making a key.
    pub(super) make: MechanismSet,
}

/// Everything that the rules say of one object: made when the object is loaded or changed.
#[derive(Clone, Debug)]
pub struct KeyRules {
    pub(super) compiled: Arc<Compiled>,
    /// What holds whatever the purpose; for a key without a purpose, all that could come to hold.
    pub(super) base: Record,
    /// What holds for each purpose, by number, where a rule asks for it and the key has none yet.
    pub(super) by_purpose: Option<Box<[Record]>>,
    /// The first use fixes the purpose.
    pub(super) binds: bool,
}

/// The intersection of the rules that match.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) rows: Rows,
    pub(super) purposes: PurposeSet,
    pub(super) weakness: Weakness,
    pub(super) export: Export,
    /// The most that any rule wants recorded.
    pub(super) audit: Audit,
    pub(super) originator_seconds: Option<u64>,
    pub(super) recipient_seconds: Option<u64>,
    /// Indexes into [`Compiled::rules`].
    pub(super) applied: Box<[usize]>,
}

/// Why a key is too weak to protect anything.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Weakness {
    pub(super) size: bool,
    pub(super) strength: bool,
    pub(super) curve: bool,
    pub(super) parameter_set: bool,
}

impl KeyRules {
    /// The purposes that the rules leave.
    pub fn purposes(&self) -> PurposeSet {
        self.base.purposes
    }

    /// How the key may leave.
    pub fn export(&self) -> Export {
        self.base.export
    }

    /// What of the key is recorded: the most that any rule asks for, whatever the purpose.
    pub fn audit(&self) -> Audit {
        self.base.audit
    }

    /// Both windows, originator's first: those of the object, shortened by the crypto-periods of the rules.
    /// A period counts from the start of its window, or else from the activation, or else from the making.
    pub fn windows(&self, facts: &KeyFacts) -> (Window, Window) {
        self.base.windows(facts)
    }

    /// The ids of the rules that apply, sorted.
    pub fn applied(&self) -> impl Iterator<Item = &str> {
        self.base.applied(&self.compiled).map(|rule| &*rule.id)
    }

    /// The record for an entry of this purpose (or none) on a key bound to `bound` (or not yet).
    #[inline]
    pub(super) fn record(&self, purpose: Option<Purpose>, bound: Option<Purpose>) -> &Record {
        match (&self.by_purpose, purpose.or(bound)) {
            (Some(records), Some(purpose)) => {
                records.get(usize::from(purpose as u8).wrapping_sub(1)).unwrap_or(&self.base)
            }
            _ => &self.base,
        }
    }
}

impl Compiled {
    /// The intersection of the rules that match an object which may serve these purposes.
    pub(super) fn record(&self, facts: &KeyFacts, serving: PurposeSet) -> Record {
        let mut record = Record::unrestricted();
        let mut applied = Vec::new();
        for (index, rule) in self.rules.iter().enumerate() {
            if rule.when.matches(facts, serving) {
                record.restrict(rule, facts);
                applied.push(index);
            }
        }
        record.applied = applied.into_boxed_slice();
        record
    }
}

impl Record {
    fn unrestricted() -> Self {
        Self {
            rows: Rows::default(),
            purposes: PurposeSet::ALL,
            weakness: Weakness::default(),
            export: Export::AsAsked,
            audit: Audit::Denials,
            originator_seconds: None,
            recipient_seconds: None,
            applied: Box::default(),
        }
    }

    fn restrict(&mut self, rule: &Rule, facts: &KeyFacts) {
        self.rows.protect = self.rows.protect.intersection(&rule.rows.protect);
        self.rows.process = self.rows.process.intersection(&rule.rows.process);
        self.rows.make = self.rows.make.intersection(&rule.rows.make);
        self.purposes = self.purposes.intersection(rule.purposes.unwrap_or(PurposeSet::ALL));
        let weakness = rule.weakness(facts);
        self.weakness.size |= weakness.size;
        self.weakness.strength |= weakness.strength;
        self.weakness.curve |= weakness.curve;
        self.weakness.parameter_set |= weakness.parameter_set;
        self.export = self.export.min(rule.export.unwrap_or(Export::AsAsked));
        self.audit = self.audit.max(rule.audit.unwrap_or(Audit::Denials));
        self.originator_seconds = earlier(self.originator_seconds, rule.originator_seconds);
        self.recipient_seconds = earlier(self.recipient_seconds, rule.recipient_seconds);
    }

    pub(super) fn applied<'r>(&'r self, compiled: &'r Compiled) -> impl Iterator<Item = &'r Rule> {
        self.applied.iter().filter_map(|index| compiled.rules.get(*index))
    }

    /// See [`KeyRules::windows`].
    #[inline]
    pub(super) fn windows(&self, facts: &KeyFacts) -> (Window, Window) {
        let activation = facts.protect.from.unwrap_or(facts.initial_date);
        let processing = facts.process.from.unwrap_or(activation);
        let protect_end = self.originator_seconds.map(|period| activation.saturating_add(period));
        let process_end = self.recipient_seconds.map(|period| processing.saturating_add(period));
        let process_to = earlier(facts.process.to, process_end);
        // A key past its deactivation date protects nothing either.
        let protect_to = earlier(earlier(facts.protect.to, protect_end), process_to);
        (
            Window { from: facts.protect.from, to: protect_to },
            Window { from: facts.process.from, to: process_to },
        )
    }
}

/// The smaller of two limits, where `None` is no limit.
pub(super) fn earlier(left: Option<u64>, right: Option<u64>) -> Option<u64> {
    match (left, right) {
        (Some(left), Some(right)) => Some(left.min(right)),
        (left, right) => left.or(right),
    }
}

impl Rule {
    /// In what respects this rule finds a key too weak. What cannot be told is too weak.
    pub(super) fn weakness(&self, facts: &KeyFacts) -> Weakness {
        let Some(key_type) = facts.key_type else { return Weakness::default() };
        let strength = strength::strength_bits(key_type, facts.bits);
        let too_short = |(of, bits): &(CK_KEY_TYPE, u32)| *of == key_type && facts.bits < *bits;
        Weakness {
            size: self.min_bits.iter().any(too_short),
            strength: self
                .min_strength
                .is_some_and(|least| strength.is_none_or(|bits| bits < least) && least > 0),
            curve: strength::has_curve(key_type)
                && self
                    .curves
                    .is_some_and(|set| !strength::curve(facts).is_some_and(|curve| set.contains(curve))),
            parameter_set: strength::has_parameter_set(key_type)
                && self
                    .parameter_sets
                    .as_ref()
                    .is_some_and(|sets| !facts.parameter_set.is_some_and(|set| sets.contains(&set))),
        }
    }

    /// Sets [`Self::rows`] for a table whose row indexes stand for these mechanisms.
    pub(super) fn index(&mut self, rows: &[CK_MECHANISM_TYPE]) {
        self.rows = Rows::default();
        for (row, ckm) in rows.iter().enumerate() {
            let allowed = self.allow.as_ref().is_none_or(|allow| allow.contains(ckm));
            let denied = self.deny.contains(ckm);
            let legacy = self.legacy_use.contains(ckm);
            if denied || legacy || !allowed {
                self.rows.protect.remove(row);
            }
            if denied || !allowed {
                self.rows.process.remove(row);
            }
            // An allow-list speaks of uses: a rule that allows ECDSA must not forbid the making of the key.
            if denied || legacy {
                self.rows.make.remove(row);
            }
        }
    }
}

impl When {
    /// Whether the rule applies to an object that may serve these purposes. Rules speak of keys only.
    pub(super) fn matches(&self, facts: &KeyFacts, serving: PurposeSet) -> bool {
        self.matches_but_purpose(facts)
            && self.purposes.is_none_or(|purposes| !purposes.intersection(serving).is_empty())
    }

    pub(super) fn matches_but_purpose(&self, facts: &KeyFacts) -> bool {
        let Some(key_type) = facts.key_type else { return false };
        fn any<T>(list: &Option<Vec<T>>, test: impl Fn(&T) -> bool) -> bool {
            list.as_ref().is_none_or(|list| list.iter().any(test))
        }
        let is_key = matches!(facts.class, CKO_PRIVATE_KEY | CKO_PUBLIC_KEY | CKO_SECRET_KEY);
        is_key
            && any(&self.classes, |class| *class == facts.class)
            && any(&self.key_types, |each| *each == key_type)
            && any(&self.origins, |origin| *origin == facts.origin)
            && self.token.is_none_or(|token| token == facts.token)
            && any(&self.labels, |pattern| matches(pattern, &facts.label))
            && (self.ids.is_none() || any(&self.ids, |pattern| matches(pattern, &hex(&facts.id))))
    }
}

impl Default for Rows {
    fn default() -> Self {
        Self { protect: MechanismSet::ALL, process: MechanismSet::ALL, make: MechanismSet::ALL }
    }
}
