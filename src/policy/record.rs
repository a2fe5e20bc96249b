//! What of the rules applies to one object: the intersection of all that match, as a small fixed record
//! with which `decide` answers.

use super::callers::Caller;
use super::denial::{Denial, Reason};
use super::entry::candidate_purposes;
use super::hours::Hours;
use super::judge::by;
use super::limits::Limits;
use super::pattern::matches;
use super::rotation::Rotation;
use super::ruleset::{Audit, Compiled, Escrow, Export, KeyDefaults, Rule, WrapWith};
use super::sets::PurposeSet;
use super::strength;
use super::when::{Moment, Users};
use crate::ck::date::UtcSeconds;
use crate::ck::text::hex;
use crate::ck::{CK_KEY_TYPE, CK_MECHANISM_TYPE, MechanismSet};
use crate::object::facts::{KeyFacts, Purpose, Window};
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

/// The rows of a table of mechanisms, by mechanism.
pub(super) struct RowIndex(Vec<(CK_MECHANISM_TYPE, usize)>);

/// Everything that the rules say of one object: made when the object is loaded or changed.
#[derive(Clone, Debug)]
pub struct KeyRules {
    pub(super) compiled: Arc<Compiled>,
    /// What holds before any rule with a date does.
    pub(super) first: Phase,
    /// What holds from later moments on, in their order. The last one has every rule, drafts too.
    pub(super) later: Box<[(UtcSeconds, Phase)]>,
    /// The first use fixes the purpose.
    pub(super) binds: bool,
    /// Some rule limits how much the key may do.
    pub(super) limited: bool,
    /// Some rule wants the key masked between uses, whatever its date.
    pub(super) shielded: bool,
    /// Some rule asks for approvals, and some for a copy of the key.
    pub(super) waits: (bool, bool),
    /// Indexes into [`Compiled::alarms`]: those that watch the key.
    pub(super) alarms: Box<[usize]>,
    /// Whether any of them counts more than refusals, and whether any counts all uses.
    pub(super) watched: (bool, bool),
    /// Some rule holds only while somebody is logged in; `None` also where it was asked who that is.
    pub(super) users: Option<Arc<Users>>,
}

/// What the rules say of one object between two dates.
#[derive(Clone, Debug)]
pub(super) struct Phase {
    /// What holds whatever the purpose; for a key without a purpose, all that could come to hold.
    pub(super) base: Record,
    /// What holds for each purpose, by number, where a rule asks for it and the key has none yet.
    pub(super) by_purpose: Option<Box<[Record]>>,
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
    pub(super) limits: Limits,
    /// The first moment at which the keys protect nothing more.
    pub(super) sunset: Option<UtcSeconds>,
    pub(super) rotation: Rotation,
    /// Searches pass the object over while it protects nothing.
    pub(super) hides_inactive: bool,
    pub(super) asks: Asks,
    /// Indexes into [`Compiled::rules`].
    pub(super) applied: Box<[usize]>,
}

/// What must be asked of the rules one by one, where one of them asks for it at all.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Asks {
    pub(super) parameters: bool,
    /// Who calls.
    pub(super) caller: bool,
    pub(super) hours: bool,
    pub(super) visible: bool,
    pub(super) wrapping: bool,
    /// Others, who must agree.
    pub(super) approvals: bool,
    /// For a copy that is kept elsewhere.
    pub(super) backup: bool,
    /// That no copy is.
    pub(super) no_escrow: bool,
}

/// A refusal by the circumstances: why, in words, and which rules it is.
type Circumstance = (Reason, String, Box<dyn Fn(&Rule) -> bool>);

/// Why a key is too weak to protect anything.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Weakness {
    pub(super) size: bool,
    pub(super) strength: bool,
    pub(super) curve: bool,
    pub(super) parameter_set: bool,
}

impl KeyRules {
    /// What holds at a moment.
    #[inline]
    pub(super) fn phase(&self, now: UtcSeconds) -> &Phase {
        if self.later.is_empty() {
            return &self.first;
        }
        self.later.iter().rev().find(|(from, _)| *from <= now).map_or(&self.first, |(_, phase)| phase)
    }

    /// Whether the first use of a key binds it to a purpose.
    pub const fn first_use_binds(&self) -> bool {
        self.binds
    }

    /// What the policy says of every key.
    #[inline]
    pub fn for_every_key(&self) -> &KeyDefaults {
        &self.compiled.keys
    }

    /// What of the key is recorded: the most that any rule asks for at a moment, whatever the purpose.
    pub fn audit(&self, now: impl FnOnce() -> UtcSeconds) -> Audit {
        let phase = if self.later.is_empty() { &self.first } else { self.phase(now()) };
        phase.base.audit
    }

    /// Both windows, originator's first: those of the object, shortened by the crypto-periods of the rules.
    /// A period counts from the start of its window, or else from the activation, or else from the making.
    pub fn windows(&self, facts: &KeyFacts, now: UtcSeconds) -> (Window, Window) {
        self.phase(now).base.windows(facts)
    }

    /// The ids of the rules that apply at a moment, sorted.
    pub fn applied(&self, now: UtcSeconds) -> impl Iterator<Item = &str> {
        self.phase(now).base.applied(&self.compiled).map(|rule| &*rule.id)
    }

    /// Whether any rule, in whatever phase, asks who the caller is.
    #[inline]
    pub fn asks_caller(&self) -> bool {
        self.first.base.asks.caller || self.later.iter().any(|(_, phase)| phase.base.asks.caller)
    }

    /// Whether memory holds the key masked between its uses, and nothing that it was made ready into. A rule with a date that
    /// lies ahead has it so from the beginning.
    #[inline]
    pub const fn is_shielded(&self) -> bool {
        self.shielded
    }

    /// Whether any rule, in whatever phase, asks for the parameters of mechanisms.
    pub fn asks_parameters(&self) -> bool {
        let asks = |phase: &Phase| {
            let of_purposes = phase.by_purpose.iter().flatten();
            of_purposes.chain([&phase.base]).any(|record| record.asks.parameters)
        };
        asks(&self.first) || self.later.iter().any(|(_, phase)| asks(phase))
    }

    /// Whether a process finds the object at all.
    pub fn shows_to(
        &self,
        caller: impl FnOnce() -> Option<Caller>,
        now: impl FnOnce() -> UtcSeconds,
    ) -> bool {
        let hides = |phase: &Phase| phase.base.asks.visible;
        if !hides(&self.first) && !self.later.iter().any(|(_, phase)| hides(phase)) {
            return true;
        }
        let caller = caller();
        let mut rules = self.phase(now()).base.applied(&self.compiled);
        rules.all(|rule| rule.visible_to.as_ref().is_none_or(|callers| callers.admit(caller.as_ref())))
    }

    /// Whether a caller may do something with the key at this moment that is no use of it: change, copy, destroy it.
    ///
    /// # Errors
    /// [`Reason::Hours`], [`Reason::Caller`].
    pub fn admits(&self, caller: Option<&Caller>, now: UtcSeconds) -> Result<(), Denial> {
        let base = &self.phase(now).base;
        base.circumstances(&self.compiled, caller, now)
            .map_err(|(reason, because, picks)| by(Denial::new(reason, because), &self.compiled, base, picks))
    }

    /// Whether the key may leave under this wrapping key, by this mechanism.
    ///
    /// # Errors
    /// [`Reason::WrapWithTrusted`], [`Reason::WrapWith`].
    pub fn may_leave_under(
        &self,
        wrapping: &KeyFacts,
        ckm: Option<CK_MECHANISM_TYPE>,
        now: UtcSeconds,
    ) -> Result<(), Denial> {
        let base = &self.phase(now).base;
        if !base.asks.wrapping {
            return Ok(());
        }
        let untrusted =
            |rule: &Rule| rule.wrap_with.as_ref().is_some_and(|with| with.trusted && !wrapping.trusted);
        let another = |rule: &Rule| rule.wrap_with.as_ref().is_some_and(|with| !with.names(wrapping, ckm));
        let refused = |reason, because: &str, picks: &dyn Fn(&Rule) -> bool| {
            Err(by(Denial::new(reason, because), &self.compiled, base, picks))
        };
        if base.applied(&self.compiled).any(untrusted) {
            return refused(Reason::WrapWithTrusted, "the wrapping key is not trusted", &untrusted);
        }
        if base.applied(&self.compiled).any(another) {
            return refused(
                Reason::WrapWith,
                "the key may leave only under other keys or mechanisms",
                &another,
            );
        }
        Ok(())
    }

    /// The record for an entry of this purpose (or none) on a key bound to `bound` (or not yet).
    #[inline]
    pub(super) fn record(
        &self,
        purpose: Option<Purpose>,
        bound: Option<Purpose>,
        now: UtcSeconds,
    ) -> &Record {
        self.phase(now).record(purpose, bound)
    }
}

impl Phase {
    /// What the rules of a moment say of an object.
    pub(super) fn of(compiled: &Compiled, facts: &KeyFacts, at: Moment<'_>) -> Self {
        let serving = facts.purpose.map_or_else(|| candidate_purposes(facts), PurposeSet::of);
        let open = facts.purpose.is_none()
            && compiled
                .rules
                .iter()
                .any(|rule| rule.when.purposes.is_some() && rule.when.matches_but_purpose(facts));
        let by_purpose = open.then(|| {
            let each = |purpose: &Purpose| compiled.record(facts, PurposeSet::of(*purpose), at);
            Purpose::ALL.iter().map(each).collect()
        });
        Self { base: compiled.record(facts, serving, at), by_purpose }
    }

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
    pub(super) fn record(&self, facts: &KeyFacts, serving: PurposeSet, at: Moment<'_>) -> Record {
        let mut record = Record::unrestricted();
        let (mut applied, mut limits) = (Vec::new(), Vec::new());
        for (index, rule) in self.rules.iter().enumerate() {
            if rule.holds(facts, at) && rule.when.matches(facts, serving) {
                record.restrict(rule, facts);
                limits.extend(rule.limits.iter().map(|limit| (index, limit.clone())));
                applied.push(index);
            }
        }
        record.limits = Limits::of(limits);
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
            limits: Limits::default(),
            sunset: None,
            rotation: Rotation::default(),
            hides_inactive: false,
            asks: Asks::default(),
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
        self.sunset = earlier(self.sunset, rule.sunset);
        self.rotation = self.rotation.and(&rule.rotation);
        self.hides_inactive |= rule.hide_inactive;
        self.asks.parameters |= !rule.parameters.is_silent();
        self.asks.caller |= rule.callers.is_some() || rule.visible_to.is_some();
        self.asks.hours |= rule.hours.is_some();
        self.asks.visible |= rule.visible_to.is_some();
        self.asks.wrapping |= rule.wrap_with.is_some();
        self.asks.approvals |= rule.approvals.is_some();
        self.asks.backup |= rule.escrow == Some(Escrow::Required);
        self.asks.no_escrow |= rule.escrow == Some(Escrow::Forbidden);
    }

    /// Whether the rules bear this caller at this moment. Whoever may not find a key may not use it either.
    pub(super) fn circumstances(
        &self,
        compiled: &Compiled,
        caller: Option<&Caller>,
        now: UtcSeconds,
    ) -> Result<(), Circumstance> {
        if self.asks.hours {
            let closed = move |rule: &Rule| rule.hours.as_ref().is_some_and(|hours| !hours.hold(now));
            if let Some(rule) = self.applied(compiled).find(|rule| closed(rule)) {
                let hours = rule.hours.as_ref().map(Hours::text).unwrap_or_default();
                return Err((Reason::Hours, format!("the hours are {hours}"), Box::new(closed)));
            }
        }
        if self.asks.caller {
            let caller = caller.copied();
            let foreign = move |rule: &Rule| {
                let mut lists = [&rule.callers, &rule.visible_to].into_iter().flatten();
                lists.any(|callers| !callers.admit(caller.as_ref()))
            };
            if self.applied(compiled).any(foreign) {
                let because = "this process is not among the callers".to_owned();
                return Err((Reason::Caller, because, Box::new(foreign)));
            }
        }
        Ok(())
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
        let protect_to = earlier(earlier(earlier(facts.protect.to, protect_end), self.sunset), process_to);
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

    /// Sets [`Self::rows`] for a table of mechanisms.
    pub(super) fn index(&mut self, table: &RowIndex) {
        let mut rows = Rows::default();
        if let Some(allow) = &self.allow {
            rows.protect = MechanismSet::EMPTY;
            allow.iter().flat_map(|ckm| table.rows(*ckm)).for_each(|row| rows.protect.insert(row));
            // An allow-list speaks of uses: a rule that allows ECDSA must not forbid the making of the key.
            rows.process = rows.protect;
        }
        for row in self.legacy_use.iter().flat_map(|ckm| table.rows(*ckm)) {
            rows.protect.remove(row);
            rows.make.remove(row);
        }
        for row in self.deny.iter().flat_map(|ckm| table.rows(*ckm)) {
            rows.protect.remove(row);
            rows.process.remove(row);
            rows.make.remove(row);
        }
        self.rows = rows;
    }
}

impl RowIndex {
    /// The index of a table whose rows stand for these mechanisms.
    pub(super) fn of(rows: &[CK_MECHANISM_TYPE]) -> Self {
        let mut index: Vec<_> = rows.iter().copied().zip(0..).collect();
        index.sort_unstable();
        Self(index)
    }

    fn rows(&self, ckm: CK_MECHANISM_TYPE) -> impl Iterator<Item = usize> {
        let from = self.0.partition_point(|(each, _)| *each < ckm);
        self.0.iter().skip(from).take_while(move |(each, _)| *each == ckm).map(|(_, row)| *row)
    }
}

impl WrapWith {
    /// Whether this wrapping key and this mechanism are among those that are named.
    fn names(&self, wrapping: &KeyFacts, ckm: Option<CK_MECHANISM_TYPE>) -> bool {
        let any = |list: &Option<Vec<String>>, text: &str| {
            list.as_ref().is_none_or(|list| list.iter().any(|pattern| matches(pattern, text)))
        };
        any(&self.labels, &wrapping.label)
            && any(&self.ids, &hex(&wrapping.id))
            && self.mechanisms.as_ref().is_none_or(|list| ckm.is_some_and(|ckm| list.contains(&ckm)))
    }
}

impl Default for Rows {
    fn default() -> Self {
        Self { protect: MechanismSet::ALL, process: MechanismSet::ALL, make: MechanismSet::ALL }
    }
}
