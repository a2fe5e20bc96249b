//! What the audit trail tells that a report repeats: alarms, refusals, when each key was last used, and whether a wrapped
//! copy of it ever left.

use crate::audit::event::{Event, Kind};
use crate::audit::read::{Ending, entries};
use crate::ck::Result;
use crate::policy::{Entry as Use, Reason};
use crate::store::Uid;
use crate::token::Token;
use std::collections::BTreeMap;

/// Most alarms, and most kinds of refusals, that are told one by one.
const MOST: usize = 200;

/// What the trail tells.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Told {
    /// Records that were read.
    pub records: u64,
    /// Whether the trail verifies, with the store's own key.
    pub holds: bool,
    /// What its verifier found, in words.
    pub found: Vec<String>,
    /// Alarms, the last ones first.
    pub alarms: Vec<Occurrence>,
    /// Refusals, equal ones together, the last ones first.
    pub denials: Vec<Occurrence>,
    /// So many more alarms and refusals are not told.
    pub left_out: u64,
    /// When each key was last used as far as uses were recorded, in nanoseconds since 1970 UTC.
    last_use: BTreeMap<Uid, u64>,
    /// The keys that left wrapped, and when last.
    left_wrapped: BTreeMap<Uid, u64>,
    /// When the store was copied last.
    last_copy: u64,
}

/// Something that happened, once or more often.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Occurrence {
    /// The object, where there was one.
    pub object: Option<Uid>,
    /// Its label.
    pub label: String,
    /// What was asked; of an alarm, its signal.
    pub operation: String,
    /// The word of the reason; empty for an alarm.
    pub reason: &'static str,
    /// The rules or the alarm.
    pub rules: Vec<String>,
    /// What the record adds.
    pub detail: String,
    /// Who was logged in.
    pub user: String,
    /// How often.
    pub count: u64,
    /// The first time, in seconds since 1970 UTC.
    pub first: u64,
    /// The last time.
    pub last: u64,
}

const NANOS: u64 = 1_000_000_000;

impl Told {
    /// Reads and checks the trail of a token; empty where it has none.
    ///
    /// # Errors
    /// Those of the store.
    pub fn of(token: &Token) -> Result<Self> {
        let Some(trail) = token.guard().trail() else { return Ok(Self { holds: true, ..Self::default() }) };
        trail.flush()?;
        let copy = trail.copy(&[])?;
        let verified = trail.verify(&copy, None, None);
        let mut told = Self {
            holds: verified.holds(),
            found: verified
                .findings
                .iter()
                .map(|finding| format!("{}: {}", finding.place, finding.what))
                .collect(),
            ..Self::default()
        };
        let mut denials = BTreeMap::new();
        for (_, bytes) in copy.segments() {
            for entry in entries(&bytes) {
                told.take(&entry.event, &mut denials);
            }
        }
        told.denials = denials.into_values().collect();
        for list in [&mut told.alarms, &mut told.denials] {
            list.sort_by_key(|each| (std::cmp::Reverse(each.last), each.label.clone()));
            told.left_out += list.len().saturating_sub(MOST) as u64;
            list.truncate(MOST);
        }
        Ok(told)
    }

    fn take(&mut self, event: &Event, denials: &mut BTreeMap<Likeness, Occurrence>) {
        self.records += 1;
        match (event.kind, event.ending()) {
            (Kind::Alarm, _) => self.alarms.push(Occurrence::of(event)),
            (Kind::Decision, Ending::Denied) => {
                let new = Occurrence::of(event);
                let there = denials
                    .entry(Likeness::of(event))
                    .or_insert_with(|| Occurrence { count: 0, ..new.clone() });
                there.count = there.count.saturating_add(new.count);
                there.first = there.first.min(new.first);
                there.last = there.last.max(new.last);
            }
            (Kind::Decision, Ending::Done) => {
                let at = event.at.max(event.until);
                if Use::named(&event.operation).is_ok_and(|entry| entry.usage().is_some()) {
                    note_last(&mut self.last_use, event.object, at);
                }
                if event.operation == Use::Wrap.name() && event.bytes > 0 {
                    note_last(&mut self.left_wrapped, event.other, at);
                }
            }
            (Kind::Backup, Ending::Done) if event.operation == "backup" && event.detail != "begun" => {
                self.last_copy = self.last_copy.max(event.at);
            }
            _ => {}
        }
    }

    /// When a key was last used as far as uses were recorded, in seconds since 1970 UTC.
    pub fn last_use(&self, key: Uid) -> Option<u64> {
        self.last_use.get(&key).map(|at| at / NANOS)
    }

    /// Whether a key that was made at a moment, in seconds since 1970 UTC, has left wrapped, or with a copy of the store.
    pub fn is_backed_up(&self, key: Uid, made: u64) -> bool {
        self.left_wrapped.contains_key(&key) || self.last_copy / NANOS > made
    }
}

fn note_last(of: &mut BTreeMap<Uid, u64>, object: [u8; 16], at: u64) {
    let last = of.entry(Uid(object)).or_default();
    *last = at.max(*last);
}

/// Refusals that are told together.
type Parts = ([u8; 16], String, String, u64, Vec<String>, String);

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Likeness(Parts);

impl Likeness {
    fn of(event: &Event) -> Self {
        Self((
            event.object,
            event.label.clone(),
            event.operation.clone().into_owned(),
            event.reason,
            event.rules.clone(),
            event.user.clone(),
        ))
    }
}

impl Occurrence {
    fn of(event: &Event) -> Self {
        let reason = u32::try_from(event.reason).ok().and_then(Reason::from_code).map_or("", Reason::word);
        Self {
            object: (event.object != [0; 16]).then_some(Uid(event.object)),
            label: event.label.clone(),
            operation: event.operation.clone().into_owned(),
            reason,
            rules: event.rules.clone(),
            detail: event.detail.clone(),
            user: event.user.clone(),
            count: event.count,
            first: event.at / NANOS,
            last: event.at.max(event.until) / NANOS,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: Kind, operation: &'static str, at: u64) -> Event {
        Event { object: [1; 16], label: "web".into(), ..Event::new(kind, operation, at * NANOS) }
    }

    #[test]
    fn refusals_alike_are_one_and_uses_and_exports_are_remembered() {
        let mut told = Told::default();
        let mut denials = BTreeMap::new();
        let denied = |at, reason: Reason| Event {
            reason: reason.code().into(),
            result: 0x68,
            ..event(Kind::Decision, "sign", at)
        };
        for record in [
            denied(10, Reason::Purpose),
            Event { count: 4, until: 30 * NANOS, ..denied(20, Reason::Purpose) },
            denied(15, Reason::Mechanism),
            event(Kind::Decision, "sign", 40),
            event(Kind::Decision, "set", 60),
            Event { other: [2; 16], bytes: 40, ..event(Kind::Decision, "wrap", 50) },
            Event { other: [3; 16], ..event(Kind::Decision, "wrap", 50) },
            event(Kind::Alarm, "uses", 70),
            event(Kind::Backup, "backup", 80),
            event(Kind::Backup, "restore", 90),
        ] {
            told.take(&record, &mut denials);
        }
        let mut counts: Vec<_> = denials.values().map(|each| (each.count, each.first, each.last)).collect();
        counts.sort_unstable();
        assert_eq!(counts, [(1, 15, 15), (5, 10, 30)]);
        assert_eq!((told.records, told.alarms.len()), (10, 1));
        assert_eq!(told.last_use(Uid([1; 16])), Some(50), "wrapping is a use");
        assert!(told.is_backed_up(Uid([2; 16]), 85), "it left wrapped");
        assert!(!told.is_backed_up(Uid([3; 16]), 85), "only its length was asked for");
        assert!(told.is_backed_up(Uid([3; 16]), 79) && !told.is_backed_up(Uid([3; 16]), 80));
    }
}
