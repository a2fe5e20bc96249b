//! What is watched for alarms, and what crosses their thresholds. A crossing leaves a line in the log and a record;
//! where the alarm suspends the key, what crossed is refused, and the token, which alone can write, is given the proof
//! that the policy itself wants the suspension.

use super::held::Held;
use super::op::{Ask, Makes, Transition};
use super::signals::{Counter, Signals};
use super::{Authorized, Caller, Guard, Obligations, Trace, caller};
use crate::audit::{Event, Kind};
use crate::ck::vendor::CKA_KEYWARD_CALLERS;
use crate::object::State;
use crate::policy::{self, Alarm, Denial, Entry, Signal};
use crate::sys::lock::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What the token does about an alarm.
pub enum Answer {
    /// The key is suspended, with these words.
    Suspend(Authorized<Transition>, String),
    /// The key has another caller from now on.
    Remember(Arc<Held>, String),
}

/// What is counted, and what waits for the token.
pub(super) struct Watch {
    pub(super) signals: Arc<Signals>,
    serial: String,
    answers: Mutex<Vec<Answer>>,
    /// Whether any answer waits: looked at after each decision.
    waiting: AtomicBool,
}

impl Watch {
    pub(super) fn new(signals: Arc<Signals>, serial: &str) -> Self {
        Self {
            signals,
            serial: serial.to_owned(),
            answers: Mutex::default(),
            waiting: AtomicBool::new(false),
        }
    }

    fn wait_for(&self, answer: Answer) {
        self.answers.lock().push(answer);
        self.waiting.store(true, Ordering::Release);
    }
}

/// Most callers of a key that are told apart.
const CALLERS_MAX: usize = 64;

const USE: &[Signal] = &[Signal::Uses, Signal::NewCaller, Signal::OutsideHours];
const WRAP: &[Signal] = &[Signal::Uses, Signal::Wraps, Signal::NewCaller, Signal::OutsideHours];
const EXPORT: &[Signal] = &[Signal::Exports, Signal::NewCaller, Signal::OutsideHours];

impl Guard {
    /// Counts what is about to be allowed.
    ///
    /// # Errors
    /// [`Reason::Alarm`](policy::Reason::Alarm) where it crosses the threshold of an alarm that suspends the key.
    #[inline]
    pub(super) fn watch(&self, who: &Caller<'_>, ask: &Ask<'_>) -> Result<(), Denial> {
        // Most keys are watched for what is rare, if at all.
        let rare = ask.target.is_some() || !ask.seconds.is_empty() || matches!(ask.makes, Makes::Sight(_));
        let watched = |object: &Arc<Held>| {
            let rules = object.rules_for(who);
            if rare { rules.is_watched() } else { rules.is_watched_in_use() }
        };
        let any = ask.object.is_some_and(watched)
            || ask.target.is_some_and(watched)
            || ask.seconds.iter().any(watched);
        if any { self.watched(who, ask) } else { Ok(()) }
    }

    #[cold]
    fn watched(&self, who: &Caller<'_>, ask: &Ask<'_>) -> Result<(), Denial> {
        let mut outcome = Ok(());
        let mut see = |object: &Arc<Held>, signals: &[Signal]| {
            let seen = self.happened(who, ask, object, signals);
            outcome = std::mem::replace(&mut outcome, Ok(())).and(seen);
        };
        if let Some(object) = ask.object {
            match (ask.entry, &ask.makes) {
                (Some(Entry::Wrap), _) => see(object, WRAP),
                (_, Makes::Sight(_)) => see(object, EXPORT),
                (Some(Entry::DigestKey), _) => see(object, USE),
                (Some(entry), _) if entry.usage().is_some() => see(object, USE),
                _ => {}
            }
        }
        ask.target.into_iter().for_each(|target| see(target, EXPORT));
        ask.seconds.iter().for_each(|second| see(second, USE));
        outcome
    }

    fn happened(
        &self,
        who: &Caller<'_>,
        ask: &Ask<'_>,
        object: &Arc<Held>,
        signals: &[Signal],
    ) -> Result<(), Denial> {
        let mut outcome = Ok(());
        let rules = object.rules_for(who);
        for alarm in signals.iter().flat_map(|signal| rules.alarms(*signal)) {
            let counts = alarm.signal() != Signal::NewCaller || self.is_new_caller(object);
            if alarm.counts_at(object.facts(), self.now())
                && counts
                && self.crossed(alarm, Some(object), || self.event(who, ask, Kind::Alarm))
                && alarm.suspends()
            {
                outcome = outcome.and(Err(alarm.denial()));
            }
        }
        outcome
    }

    /// Counts a refusal. The key that it names may be suspended for it.
    pub(super) fn watch_refusal(&self, who: &Caller<'_>, ask: &Ask<'_>) {
        let event = || self.event(who, ask, Kind::Alarm);
        match ask.object {
            Some(object) => {
                let counts = |alarm: &&policy::Alarm| alarm.counts_at(object.facts(), self.now());
                for alarm in object.rules_for(who).alarms(Signal::Denials).filter(counts) {
                    self.crossed(alarm, Some(object), event);
                }
            }
            None => {
                for alarm in self.rules().token_alarms(Signal::Denials) {
                    self.crossed(alarm, None, event);
                }
            }
        }
    }

    /// Counts a login with a wrong PIN.
    pub fn failed_login(&self, user: &str) {
        for alarm in self.rules().token_alarms(Signal::FailedLogins) {
            let event = || Event {
                user: user.to_owned(),
                ..Event::new(Kind::Alarm, "login", crate::sys::clock::utc_nanos())
            };
            self.crossed(alarm, None, event);
        }
    }

    /// Whether anything waits for the token; almost always nothing.
    #[inline]
    pub fn has_answers(&self) -> bool {
        self.watch.waiting.load(Ordering::Acquire)
    }

    /// What waits for the token.
    pub fn take_answers(&self) -> Vec<Answer> {
        self.watch.waiting.store(false, Ordering::Release);
        let mut answers = self.watch.answers.lock();
        if answers.was_torn() {
            // The parent's to give; it was in the middle of it.
            std::mem::forget(std::mem::take(&mut *answers));
        }
        std::mem::take(&mut *answers)
    }

    /// Counts one event of an alarm. Whether that raised it.
    fn crossed(&self, alarm: &Alarm, object: Option<&Arc<Held>>, event: impl FnOnce() -> Event) -> bool {
        let uid = object.map_or([0; 16], |object| object.uid().0);
        let counter = Counter::of(&self.watch.serial, alarm.id(), &uid);
        let now = self.now().saturating_mul(NANOS);
        let within = alarm.within_seconds().saturating_mul(NANOS);
        let number = self.watch.signals.count(counter, within, now);
        if number <= alarm.over() || !self.watch.signals.may_raise(counter, within, now) {
            return false;
        }
        self.raise(alarm, object, number, event());
        true
    }

    #[cold]
    fn raise(&self, alarm: &Alarm, object: Option<&Arc<Held>>, number: u64, event: Event) {
        let label = object.map_or_else(String::new, |object| object.facts().label.clone());
        let uid = object.map(|object| object.uid().to_string()).unwrap_or_default();
        let why = alarm.why().map(|why| format!(": \"{why}\"")).unwrap_or_default();
        let words = format!("{}, {}{why}", alarm.id(), alarm.threshold());
        let asked = event.operation.clone();
        self.journal()
            .line("alarm", format_args!("{words} ({number} counted, at {asked}, object {label:?} {uid})"));
        if let Some(trail) = self.trail() {
            let event = Event {
                object: object.map_or([0; 16], |object| object.uid().0),
                other: [0; 16],
                label,
                operation: alarm.signal().word().into(),
                // The count of a record is that of equal records.
                detail: format!("{number} counted; {} at {asked}{why}", alarm.threshold()),
                rules: vec![alarm.id().to_string()],
                ..event
            };
            let _ = trail.record(event, true);
        }
        if let (true, Some(object)) = (alarm.suspends(), object)
            && policy::lifecycle::transition(object.facts().state, State::Suspended).is_ok()
        {
            let op = Transition { object: Arc::clone(object), to: State::Suspended };
            let grant = Authorized::new(op, None, Obligations::default(), Trace::NONE);
            self.watch.wait_for(Answer::Suspend(grant, format!("alarm {words}")));
        }
    }

    /// Whether this process, under this user, has not used the key before. The first caller of all is no news. Either
    /// is remembered.
    fn is_new_caller(&self, object: &Arc<Held>) -> bool {
        let Some(caller) = caller::this() else { return true };
        let line = format!("{} {}", caller.uid, caller.exe.unwrap_or("?"));
        let known = object.attributes().bytes(CKA_KEYWARD_CALLERS).unwrap_or_default();
        let known = String::from_utf8_lossy(known);
        if known.lines().any(|each| each == line) {
            return false;
        }
        if known.lines().count() < CALLERS_MAX {
            self.watch.wait_for(Answer::Remember(Arc::clone(object), line));
        }
        !known.is_empty()
    }
}

/// In a second.
const NANOS: u64 = 1_000_000_000;
