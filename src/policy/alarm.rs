//! `[[alarm]]`: thresholds over what happens to keys and to the token. An alarm restricts nothing until it is crossed;
//! then it is recorded, and suspends the key where it says so. What happens is counted in `guard::signals`.

use super::denial::{Denial, Reason};
use super::diagnostic::Place;
use super::document::{AlarmSection, WhenSection};
use super::entry::candidate_purposes;
use super::hours::Hours;
use super::record::KeyRules;
use super::ruleset::{Compiled, Ruleset, When};
use super::sets::PurposeSet;
use super::word::{Word, duration_text};
use crate::ck::date::UtcSeconds;
use crate::object::facts::KeyFacts;
use std::sync::Arc;

/// What is counted.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Signal {
    /// Logins with a wrong PIN, of all users of the token together.
    FailedLogins,
    /// Refusals that name the key; those that name none are counted for the token.
    Denials,
    /// Allowed uses of the key.
    Uses,
    /// Keys that were wrapped under the key.
    Wraps,
    /// The key left: it was wrapped, or its value was read.
    Exports,
    /// A program under a user that has not used the key before.
    NewCaller,
    /// Allowed uses outside the hours of the alarm.
    OutsideHours,
}

/// What an alarm does beside its record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Answer {
    /// Nothing.
    Record,
    /// The key is suspended, and what crossed the threshold is refused.
    Suspend,
}

impl Word for Signal {
    const WHAT: &'static str = "signal";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("failed-logins", Self::FailedLogins),
        ("denials", Self::Denials),
        ("uses", Self::Uses),
        ("wraps", Self::Wraps),
        ("exports", Self::Exports),
        ("new-caller", Self::NewCaller),
        ("outside-hours", Self::OutsideHours),
    ];
}

impl Word for Answer {
    const WHAT: &'static str = "answer";
    const WORDS: &'static [(&'static str, Self)] = &[("record", Self::Record), ("suspend", Self::Suspend)];
}

/// How long the events of one threshold count together, where an alarm does not say, in seconds.
const WITHIN: u64 = 3600;

/// One threshold.
#[derive(Clone, Debug)]
pub struct Alarm {
    pub(super) id: Arc<str>,
    why: Option<Arc<str>>,
    citation: Option<String>,
    pub(super) when: When,
    signal: Signal,
    over: u64,
    within: u64,
    hours: Option<Hours>,
    suspends: bool,
}

impl Signal {
    /// The word for policies, records and people.
    pub fn word(self) -> &'static str {
        Word::word(self)
    }
}

impl Alarm {
    /// Its id, unique among alarms and rules.
    pub const fn id(&self) -> &Arc<str> {
        &self.id
    }

    /// The sentence that the officer wrote.
    pub const fn why(&self) -> Option<&Arc<str>> {
        self.why.as_ref()
    }

    /// More than so many events raise it.
    pub const fn over(&self) -> u64 {
        self.over
    }

    /// Events further apart than so many seconds are not counted together.
    pub const fn within_seconds(&self) -> u64 {
        self.within
    }

    /// What it counts.
    pub const fn signal(&self) -> Signal {
        self.signal
    }

    /// Whether it suspends the key.
    pub const fn suspends(&self) -> bool {
        self.suspends
    }

    /// Whether an event of this moment counts: for uses outside hours, whether the moment lies outside; and the key is as old
    /// as the alarm asks.
    pub fn counts_at(&self, facts: &KeyFacts, now: UtcSeconds) -> bool {
        self.hours.as_ref().is_none_or(|hours| !hours.hold(now)) && self.when.holds(facts, now)
    }

    /// What crosses the threshold of an alarm that suspends is refused.
    pub fn denial(&self) -> Denial {
        let detail = format!("the key is suspended: {}", self.threshold());
        Denial::new(Reason::Alarm, detail).by([(Arc::clone(&self.id), self.why.clone())])
    }

    /// The threshold in words.
    pub fn threshold(&self) -> String {
        let hours = self.hours.as_ref().map(|hours| format!(" ({})", hours.text())).unwrap_or_default();
        format!(
            "{}{hours}: more than {} within {}",
            self.signal.word(),
            self.over,
            duration_text(self.within)
        )
    }

    /// Where it comes from, for people.
    pub(super) fn citation(&self) -> Option<&str> {
        self.citation.as_deref()
    }
}

impl KeyRules {
    /// Whether any alarm watches the key for more than refusals.
    #[inline]
    pub const fn is_watched(&self) -> bool {
        self.watched.0
    }

    /// Whether any alarm watches all uses of the key.
    #[inline]
    pub const fn is_watched_in_use(&self) -> bool {
        self.watched.1
    }

    /// The alarms that watch the key for a signal.
    pub fn alarms(&self, signal: Signal) -> impl Iterator<Item = &Alarm> {
        let all = self.alarms.iter().filter_map(|index| self.compiled.alarms.get(*index));
        all.filter(move |alarm| alarm.signal == signal)
    }
}

impl Ruleset {
    /// The alarms that watch the token itself for a signal: those that ask for no key.
    pub fn token_alarms(&self, signal: Signal) -> impl Iterator<Item = &Alarm> {
        let of_token = |alarm: &&Alarm| alarm.when == When::default();
        self.compiled.alarms.iter().filter(move |alarm| alarm.signal == signal).filter(of_token)
    }
}

/// The alarms that watch a key, as indexes; whether any counts more than refusals, and whether any counts all uses.
pub(super) fn of_key(
    compiled: &Compiled,
    facts: &KeyFacts,
    user: Option<&str>,
) -> (Box<[usize]>, (bool, bool)) {
    let serving = facts.purpose.map_or_else(|| candidate_purposes(facts), PurposeSet::of);
    let watches = |alarm: &Alarm| {
        alarm.signal != Signal::FailedLogins && alarm.when.is_of(user) && alarm.when.matches(facts, serving)
    };
    let found = || compiled.alarms.iter().enumerate().filter(|(_, alarm)| watches(alarm));
    let in_use = |signal| matches!(signal, Signal::Uses | Signal::NewCaller | Signal::OutsideHours);
    let watched = (
        found().any(|(_, alarm)| alarm.signal != Signal::Denials),
        found().any(|(_, alarm)| in_use(alarm.signal)),
    );
    (found().map(|(index, _)| index).collect(), watched)
}

/// What cannot be meant.
pub(super) fn mistakes(section: &AlarmSection) -> Vec<(Place, &'static str)> {
    let mut mistakes = Vec::new();
    let Some(on) = &section.on else { return mistakes };
    if on.value == Signal::FailedLogins {
        if let Some((place, _)) = &section.when {
            mistakes.push((*place, "failed logins are counted for the token: `when` asks for keys"));
        }
        if let Some(then) = section.then.as_ref().filter(|then| then.value == Answer::Suspend) {
            mistakes
                .push((then.place, "a failed login names no key to suspend: `[token] pin` locks the PIN"));
        }
    }
    match (&section.hours, on.value == Signal::OutsideHours) {
        (None, true) => mistakes.push((on.place, "`outside-hours` needs `hours`")),
        (Some(hours), false) => mistakes.push((hours.place, "`hours` belong to `outside-hours` only")),
        _ => {}
    }
    if let (Some(over), None) = (section.over.as_ref().filter(|over| over.value > 0), &section.within) {
        mistakes.push((over.place, "`over` needs `within`: so many in which time?"));
    }
    mistakes
}

/// The alarm of a section without mistakes.
pub(super) fn compiled(section: &AlarmSection, when: impl Fn(&WhenSection) -> When) -> Option<Alarm> {
    let citation: Vec<_> = [&section.source, &section.section]
        .into_iter()
        .flatten()
        .map(|part| super::compile::one_line(&part.value))
        .collect();
    Some(Alarm {
        id: Arc::from(section.id.as_ref()?.value.as_str()),
        why: section.why.as_ref().map(|why| Arc::from(super::compile::one_line(&why.value))),
        citation: (!citation.is_empty()).then(|| citation.join(", ")),
        when: section.when.as_ref().map(|(_, section)| when(section)).unwrap_or_default(),
        signal: section.on.as_ref()?.value,
        over: section.over.as_ref().map_or(0, |over| over.value),
        within: section.within.as_ref().map_or(WITHIN, |within| within.value.max(1)),
        hours: section.hours.as_ref().map(|hours| hours.value.clone()),
        suspends: section.then.as_ref().is_some_and(|then| then.value == Answer::Suspend),
    })
}
