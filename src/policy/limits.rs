//! `limits`: how much a key may protect. A rule names a number of uses, bytes, wrapped keys, or uses in a span of time;
//! all limits that match hold. Nothing is counted here: this file says what is to be counted and how much is left of it.

use super::denial::{Denial, Reason};
use super::pattern::Numbers;
use super::record::{KeyRules, Phase};
use crate::ck::date::UtcSeconds;
use crate::ck::names::mechanism_name;
use crate::ck::{CK_MECHANISM_TYPE, CK_UNAVAILABLE_INFORMATION};
use crate::object::facts::Purpose;
use std::collections::BTreeMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// What is counted of a use without a mechanism of its own (C_DigestKey).
pub const NO_MECHANISM: CK_MECHANISM_TYPE = CK_UNAVAILABLE_INFORMATION;

/// What is counted. The numbers stand in the store.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Unit {
    /// Operations that protect something; each message of a message-based operation is one.
    Uses = 1,
    /// Bytes of what is signed or encrypted, and of wrapped keys as they come out.
    Bytes = 2,
    /// Keys that were wrapped.
    KeysWrapped = 3,
    /// Uses in a second.
    Second = 4,
    /// Uses in a minute.
    Minute = 5,
    /// Uses in an hour.
    Hour = 6,
}

impl Unit {
    /// Those that are counted for as long as the key lives.
    pub const COUNTED: [Self; 3] = [Self::Uses, Self::Bytes, Self::KeysWrapped];
    /// Those that are counted anew again and again.
    pub const RATES: [Self; 3] = [Self::Second, Self::Minute, Self::Hour];

    /// The unit of a number in the store.
    pub fn from_number(number: u64) -> Option<Self> {
        Self::COUNTED.into_iter().find(|unit| *unit as u64 == number)
    }

    /// The span of a rate in seconds; 0 of what is no rate.
    pub const fn seconds(self) -> u64 {
        match self {
            Self::Uses | Self::Bytes | Self::KeysWrapped => 0,
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 3600,
        }
    }

    /// As the language writes it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Uses => "uses",
            Self::Bytes => "bytes",
            Self::KeysWrapped => "keys_wrapped",
            Self::Second => "uses a second",
            Self::Minute => "uses a minute",
            Self::Hour => "uses an hour",
        }
    }

    const fn bit(self) -> u8 {
        1 << (self as u8)
    }
}

/// One limit of a rule.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Limit {
    pub(super) unit: Unit,
    /// So many are allowed.
    pub(super) most: u64,
    /// The mechanisms whose uses are counted together; all where it is `None`.
    pub(super) of: Option<Arc<Numbers>>,
}

impl Limit {
    fn covers(&self, ckm: CK_MECHANISM_TYPE) -> bool {
        self.of.as_ref().is_none_or(|of| of.contains(&ckm))
    }

    /// What of it was counted.
    fn counted(&self, counts: &Counts) -> u64 {
        let ours = counts.0.iter().filter(|((unit, ckm), _)| *unit == self.unit && self.covers(*ckm));
        ours.fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }

    /// " of CKM_AES_GCM", or nothing.
    fn of_words(&self) -> String {
        match &self.of {
            None => String::new(),
            Some(of) => {
                let names: Vec<String> = of.iter().map(|ckm| mechanism_name(*ckm)).collect();
                format!(" of {}", names.join(", "))
            }
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}{}", self.most, self.unit.word(), self.of_words())
    }
}

/// What was counted of one key, by unit and mechanism: so any limit that comes later can be held against it.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Counts(BTreeMap<(Unit, CK_MECHANISM_TYPE), u64>);

impl Counts {
    /// Counts more.
    pub fn add(&mut self, unit: Unit, ckm: CK_MECHANISM_TYPE, more: u64) {
        let count = self.0.entry((unit, ckm)).or_default();
        *count = count.saturating_add(more);
    }

    /// Takes back what was counted and never used; never below nothing.
    pub fn take_back(&mut self, unit: Unit, ckm: CK_MECHANISM_TYPE, unused: u64) {
        if let Some(count) = self.0.get_mut(&(unit, ckm)) {
            *count = count.saturating_sub(unused);
        }
    }

    /// Both together.
    #[must_use]
    pub fn with(&self, other: &Self) -> Self {
        let mut sum = self.clone();
        other.iter().for_each(|(unit, ckm, count)| sum.add(unit, ckm, count));
        sum
    }

    /// Every count.
    pub fn iter(&self) -> impl Iterator<Item = (Unit, CK_MECHANISM_TYPE, u64)> + '_ {
        self.0.iter().map(|((unit, ckm), count)| (*unit, *ckm, *count))
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The limits that hold for a key and a purpose at a moment.
#[derive(Clone, Default, Debug)]
pub struct Limits {
    /// Each with the index of its rule.
    list: Box<[(usize, Limit)]>,
    /// The units that occur.
    units: u8,
    /// Equal for equal limits.
    stamp: u64,
}

impl Limits {
    pub(super) fn of(list: Vec<(usize, Limit)>) -> Self {
        let mut hasher = DefaultHasher::new();
        let mut units = 0;
        for (_, limit) in &list {
            limit.hash(&mut hasher);
            units |= limit.unit.bit();
        }
        Self { list: list.into_boxed_slice(), units, stamp: hasher.finish() }
    }

    /// Whether nothing is limited.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.units == 0
    }

    /// Whether any of them is a rate.
    #[inline]
    pub const fn has_rates(&self) -> bool {
        self.units & (Unit::Second.bit() | Unit::Minute.bit() | Unit::Hour.bit()) != 0
    }

    /// Equal for equal limits.
    #[inline]
    pub const fn stamp(&self) -> u64 {
        self.stamp
    }

    /// Whether a unit is counted for a mechanism.
    #[inline]
    pub fn asks(&self, unit: Unit, ckm: CK_MECHANISM_TYPE) -> bool {
        self.units & unit.bit() != 0
            && self.list.iter().any(|(_, limit)| limit.unit == unit && limit.covers(ckm))
    }

    /// Whether anything is counted for a mechanism.
    pub fn ask_of(&self, ckm: CK_MECHANISM_TYPE) -> bool {
        self.list.iter().any(|(_, limit)| limit.covers(ckm))
    }

    /// How much more of a unit a mechanism may have, after these counts.
    pub fn room(&self, unit: Unit, ckm: CK_MECHANISM_TYPE, counts: &Counts) -> u64 {
        let ours = self.list.iter().filter(|(_, limit)| limit.unit == unit && limit.covers(ckm));
        ours.map(|(_, limit)| limit.most.saturating_sub(limit.counted(counts))).min().unwrap_or(u64::MAX)
    }
}

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list: Vec<String> = self.list.iter().map(|(_, limit)| limit.to_string()).collect();
        f.write_str(&list.join("; "))
    }
}

/// One limit and what was counted of it, for people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Spent {
    /// The rule's id.
    pub rule: String,
    /// What is counted.
    pub unit: Unit,
    /// So many are allowed.
    pub most: u64,
    /// So many were counted.
    pub used: u64,
    /// The mechanisms that count, empty where all do.
    pub of: Vec<String>,
}

impl fmt::Display for Spent {
    /// "gcm-invocations: 17 of 4294967296 uses (CKM_AES_GCM)"
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, unit, most, used, of } = self;
        if unit.seconds() > 0 {
            write!(f, "{rule}: {most} {}", unit.word())?;
        } else {
            write!(f, "{rule}: {used} of {most} {}", unit.word())?;
        }
        if of.is_empty() { Ok(()) } else { write!(f, " ({})", of.join(", ")) }
    }
}

impl Phase {
    fn is_limited(&self) -> bool {
        !self.base.limits.is_empty()
            || self.by_purpose.iter().flatten().any(|record| !record.limits.is_empty())
    }
}

impl KeyRules {
    /// The same, with the answers of [`Self::is_limited`], [`Self::asks_approval`] and [`Self::asks_backup`].
    pub(super) fn find_limits(self) -> Self {
        let phases = || self.later.iter().map(|(_, phase)| phase).chain([&self.first]);
        let limited = phases().any(Phase::is_limited);
        let records = || phases().flat_map(|phase| phase.by_purpose.iter().flatten().chain([&phase.base]));
        let waits =
            (records().any(|record| record.asks.approvals), records().any(|record| record.asks.backup));
        Self { limited, waits, ..self }
    }

    /// Whether any rule limits the key, at whatever moment and for whatever purpose.
    #[inline]
    pub const fn is_limited(&self) -> bool {
        self.limited
    }

    /// The limits of a use for a purpose.
    #[inline]
    pub fn limits(
        &self,
        purpose: Option<Purpose>,
        bound: Option<Purpose>,
        now: impl FnOnce() -> UtcSeconds,
    ) -> &Limits {
        let phase = if self.later.is_empty() { &self.first } else { self.phase(now()) };
        &phase.record(purpose, bound).limits
    }

    /// Every limit that applies at a moment, with what was counted of it.
    pub fn spent(&self, counts: &Counts, now: UtcSeconds) -> Vec<Spent> {
        let told = |(rule, limit): &(usize, Limit)| Spent {
            rule: self.compiled.rules.get(*rule).map(|rule| rule.id.to_string()).unwrap_or_default(),
            unit: limit.unit,
            most: limit.most,
            used: limit.counted(counts),
            of: limit.of.iter().flat_map(|of| of.iter()).map(|ckm| mechanism_name(*ckm)).collect(),
        };
        self.phase(now).base.limits.list.iter().map(told).collect()
    }

    /// The refusal of a use that the counts leave no room for: by the limits that it would break.
    #[cold]
    pub fn exhausted(
        &self,
        limits: &Limits,
        (unit, ckm): (Unit, CK_MECHANISM_TYPE),
        need: u64,
        counts: &Counts,
    ) -> Denial {
        let breaks = |limit: &Limit| {
            limit.unit == unit && limit.covers(ckm) && limit.most.saturating_sub(limit.counted(counts)) < need
        };
        let broken: Vec<&(usize, Limit)> = limits.list.iter().filter(|(_, limit)| breaks(limit)).collect();
        let rate = unit.seconds() > 0;
        let reason = if rate { Reason::Rate } else { Reason::Budget };
        let detail = match broken.first() {
            Some((_, limit)) if rate => format!("the key may have {limit}"),
            Some((_, limit)) => {
                format!("the key's budget is spent: {} of {limit}", limit.counted(counts))
            }
            None => "the key's budget is spent".to_owned(),
        };
        let rules = broken.iter().filter_map(|(rule, _)| self.compiled.rules.get(*rule));
        Denial::new(reason, detail).by(rules.map(|rule| (rule.id.clone(), rule.why.clone())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Ruleset;
    use crate::policy::laws::{NOW, key, load};
    use cryptoki_sys::*;

    fn rule(limits: &str) -> Ruleset {
        load(&format!("policy = 1\n[[rule]]\nid = \"r\"\nwhy = \"because\"\nlimits = {limits}\n")).unwrap()
    }

    fn room(rules: &Ruleset, unit: Unit, ckm: CK_MECHANISM_TYPE, counts: &Counts) -> u64 {
        let record = rules.record_for(&key(CKO_SECRET_KEY, CKK_AES, 256));
        record.limits(None, None, || NOW).room(unit, ckm, counts)
    }

    #[test]
    fn room_is_what_the_tightest_limit_leaves() {
        let rules = rule(
            "[{ uses = 10, bytes = \"1KiB\" }, { uses = 3, of = [\"CKM_AES_GCM\"] }, { keys_wrapped = 2 }]",
        );
        let mut counts = Counts::default();
        assert_eq!(room(&rules, Unit::Uses, CKM_AES_GCM, &counts), 3);
        assert_eq!(room(&rules, Unit::Uses, CKM_AES_CBC, &counts), 10);
        assert_eq!(room(&rules, Unit::Bytes, CKM_AES_CBC, &counts), 1024);
        counts.add(Unit::Uses, CKM_AES_CBC, 8);
        assert_eq!(room(&rules, Unit::Uses, CKM_AES_GCM, &counts), 2);
        counts.add(Unit::Uses, CKM_AES_GCM, 2);
        assert_eq!(room(&rules, Unit::Uses, CKM_AES_GCM, &counts), 0);
        counts.take_back(Unit::Uses, CKM_AES_CBC, 100);
        assert_eq!(room(&rules, Unit::Uses, CKM_AES_GCM, &counts), 1);
        assert_eq!(room(&rules, Unit::KeysWrapped, CKM_AES_GCM, &counts), 2);
    }

    #[test]
    fn refusal_names_the_rules_that_would_be_broken() {
        let rules = load(
            "policy = 1\n[keys]\nlimits = { uses = 5 }\n[[rule]]\nid = \"r\"\nwhy = \"because\"\n\
             limits = { uses = 3, of = \"CKM_AES_GCM\" }\n",
        )
        .unwrap();
        let record = rules.record_for(&key(CKO_SECRET_KEY, CKK_AES, 256));
        let limits = record.limits(None, None, || NOW);
        let mut counts = Counts::default();
        counts.add(Unit::Uses, CKM_AES_GCM, 3);
        let denial = record.exhausted(limits, (Unit::Uses, CKM_AES_GCM), 1, &counts);
        assert_eq!(denial.reason, Reason::Budget);
        assert_eq!(denial.rules.iter().map(|id| &**id).collect::<Vec<_>>(), ["r"]);
        assert_eq!(denial.why.as_deref(), Some("because"));
        counts.add(Unit::Uses, CKM_AES_CBC, 2);
        let denial = record.exhausted(limits, (Unit::Uses, CKM_AES_GCM), 1, &counts);
        assert_eq!(denial.rules.iter().map(|id| &**id).collect::<Vec<_>>(), ["keys.limits", "r"]);
        let told: Vec<String> = record.spent(&counts, NOW).iter().map(ToString::to_string).collect();
        assert_eq!(told, ["keys.limits: 5 of 5 uses", "r: 3 of 3 uses (CKM_AES_GCM)"]);
    }

    #[test]
    fn equal_limits_have_equal_stamps_and_others_have_others() {
        let stamp = |limits: &str| {
            let record = rule(limits).record_for(&key(CKO_SECRET_KEY, CKK_AES, 256));
            record.limits(None, None, || NOW).stamp()
        };
        assert_eq!(stamp("{ uses = 5 }"), stamp("[{ uses = 5 }]"));
        assert_ne!(stamp("{ uses = 5 }"), stamp("{ uses = 6 }"));
        assert_ne!(stamp("{ uses = 5 }"), stamp("{ bytes = 5 }"));
        assert_ne!(stamp("{ uses = 5 }"), stamp("{ uses = 5, of = \"CKM_AES_GCM\" }"));
    }

    /// One more limit, whatever it is, never leaves more room.
    #[test]
    fn limits_only_restrict() {
        let units = ["uses", "bytes", "keys_wrapped"];
        let of = ["", ", of = \"CKM_AES_GCM\"", ", of = [\"CKM_AES_CBC\", \"CKM_AES_GCM\"]"];
        let mut seed = 1_u64;
        let mut roll = |most: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % most
        };
        let pick = |list: [&'static str; 3], at: u64| list[usize::try_from(at).unwrap()];
        for _ in 0..300 {
            let mut limit =
                || format!("{{ {} = {}{} }}", pick(units, roll(3)), 1 + roll(20), pick(of, roll(3)));
            let (first, second) = (limit(), limit());
            let mut counts = Counts::default();
            for unit in Unit::COUNTED {
                for ckm in [CKM_AES_CBC, CKM_AES_GCM, CKM_AES_ECB] {
                    counts.add(unit, ckm, roll(8));
                }
            }
            let (one, both) = (rule(&format!("[{first}]")), rule(&format!("[{second}, {first}]")));
            for unit in Unit::COUNTED {
                for ckm in [CKM_AES_CBC, CKM_AES_GCM, CKM_AES_ECB] {
                    let (one, both) = (room(&one, unit, ckm, &counts), room(&both, unit, ckm, &counts));
                    assert!(both <= one, "{first} and {second}");
                }
            }
        }
    }
}
