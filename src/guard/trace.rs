//! The record of one allowed operation, from the decision to its end: written once, when the end is known.

use super::held::Held;
use super::op::{Ask, Makes};
use super::{AuditOfAll, Caller, Guard};
use crate::audit::{Event, Kind, Trail};
use crate::ck::Result;
use crate::policy::{Audit, Denial, Entry, Reason};
use std::sync::Arc;

/// What becomes a record when the operation ends; nothing where the policy wants none.
///
/// Dropped before it was told how the operation ended (the session closed, the operation was cancelled), it says so.
#[derive(Default)]
#[must_use]
pub struct Trace(Option<Box<Pending>>);

struct Pending {
    trail: Arc<Trail>,
    event: Event,
    /// The record is on the disk before the caller hears of the end.
    lasting: bool,
    /// Even where the operation failed.
    lasting_if_failed: bool,
}

impl Trace {
    /// Nothing to record.
    pub const NONE: Self = Self(None);

    /// More bytes went through.
    #[inline]
    pub fn count(&mut self, bytes: usize) {
        if let Some(pending) = &mut self.0 {
            pending.event.bytes = pending.event.bytes.saturating_add(bytes as u64);
        }
    }

    /// The operation ended so. Answers what it is given: a record that cannot be written changes nothing here, because
    /// the work is done; where the policy requires the record, it was written before the work began.
    pub fn of<T>(mut self, outcome: Result<T>) -> Result<T> {
        if let Some(pending) = self.0.take() {
            pending.end(outcome.as_ref().err().map_or(0, |error| error.code()), None);
        }
        outcome
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        if let Some(pending) = self.0.take() {
            pending.end(0, Some("not ended"));
        }
    }
}

impl Pending {
    #[cold]
    fn end(mut self, code: u64, detail: Option<&str>) {
        self.event.result = code;
        if let Some(detail) = detail {
            detail.clone_into(&mut self.event.detail);
        }
        let _ = self.trail.record(self.event, self.lasting && (code == 0 || self.lasting_if_failed));
    }
}

impl Guard {
    /// What is to be recorded of an allowed operation. Where the policy requires the record, that it was allowed is
    /// written now, and the operation is refused if that cannot be.
    #[inline]
    pub(super) fn trace(
        &self,
        who: &Caller<'_>,
        ask: &Ask<'_>,
    ) -> core::result::Result<Option<Trace>, Denial> {
        let Some(trail) = &self.trail else { return Ok(None) };
        let changes = changes_something(ask);
        // What holds for every key is the least.
        let every = self.audit_of_all(ask.object);
        let wanted = ask
            .object
            .map_or(every.least, |object| every.least.max(object.rules_for(who).audit(|| self.now())));
        if wanted < if changes { Audit::Changes } else { Audit::All } {
            return Ok(None);
        }
        self.begin(who, ask, (trail, every), changes).map(Some)
    }

    fn begin(
        &self,
        who: &Caller<'_>,
        ask: &Ask<'_>,
        (trail, every): (&Arc<Trail>, AuditOfAll),
        changes: bool,
    ) -> core::result::Result<Trace, Denial> {
        let rules =
            ask.object.map(|object| object.rules_for(who).applied(self.now()).map(str::to_owned).collect());
        let event = Event { rules: rules.unwrap_or_default(), ..self.event(who, ask, Kind::Decision) };
        let lasting = every.lasting || changes && lasts(ask);
        if every.required {
            let begun = Event { detail: "begun".to_owned(), ..event.clone() };
            trail.record(begun, lasting).map_err(|_| {
                Denial::new(
                    Reason::AuditUnavailable,
                    "the record cannot be written, and the policy requires it",
                )
            })?;
        }
        Ok(Trace(Some(Box::new(Pending {
            trail: Arc::clone(trail),
            event,
            lasting,
            lasting_if_failed: every.lasting,
        }))))
    }

    /// The record of a refusal.
    pub(super) fn record_refusal(&self, who: &Caller<'_>, ask: &Ask<'_>, denial: &Denial) {
        let Some(trail) = &self.trail else { return };
        let event = Event {
            result: denial.error.code(),
            reason: denial.reason.code().into(),
            rules: denial.rules.iter().map(ToString::to_string).collect(),
            ..self.event(who, ask, Kind::Decision)
        };
        let _ = trail.record(event, self.audit_of_all(ask.object).lasting);
    }

    pub(super) fn event(&self, who: &Caller<'_>, ask: &Ask<'_>, kind: Kind) -> Event {
        let named = |object: Option<&Arc<Held>>| object.map_or([0; 16], |object| object.uid().0);
        let mut policy = [0; 8];
        policy.copy_from_slice(self.rules().digest().first_chunk::<8>().unwrap_or(&[0; 8]));
        Event {
            session: who.session,
            user: who.name.to_owned(),
            object: named(ask.object),
            label: ask.object.map_or_else(|| label_made(ask), |object| object.facts().label.clone()),
            other: named(ask.target.or(ask.seconds.first())),
            mechanism: ask.mechanism.map(|mechanism| mechanism.ckm.into()),
            detail: detail(ask),
            policy,
            ..Event::new(kind, operation(ask), crate::sys::clock::utc_nanos())
        }
    }
}

/// Whether the operation makes, moves, shows, changes or removes something.
fn changes_something(ask: &Ask<'_>) -> bool {
    !matches!(ask.makes, Makes::Nothing) || matches!(ask.entry, Some(Entry::Wrap))
}

/// Whether what is changed outlives the session: then its record is on the disk first. The keys of one connection
/// come and go with it, and need not wait for a disk.
fn lasts(ask: &Ask<'_>) -> bool {
    let there = |object: Option<&Arc<Held>>| object.is_some_and(|object| object.facts().token);
    match &ask.makes {
        Makes::Objects(new) => new.iter().any(|facts| facts.token),
        _ => there(ask.object) || there(ask.target),
    }
}

/// What decides how strong the operation is, and what is made or moved by it.
fn detail(ask: &Ask<'_>) -> String {
    let mut detail = ask.mechanism.map(|mechanism| mechanism.params.summary()).unwrap_or_default();
    let mut more = |text: &str| {
        let separator = if detail.is_empty() { "" } else { "; " };
        detail.push_str(separator);
        detail.push_str(text);
    };
    match &ask.makes {
        Makes::Objects(new) => new.iter().for_each(|facts| more(&format!("makes {}", facts.summary()))),
        Makes::Sight(attribute) => more(&crate::ck::names::attribute_name(*attribute)),
        _ => {}
    }
    if let Some(target) = ask.target {
        more(&format!("of {}", target.facts().summary()));
    }
    detail
}

/// The word for what was asked.
fn operation(ask: &Ask<'_>) -> &'static str {
    match (&ask.makes, ask.entry) {
        (Makes::Transition(to), _) => to.word(),
        (Makes::Successor, _) => "rotate",
        (_, Some(entry)) => entry.name(),
        (_, None) => "digest",
    }
}

/// The label of what is to be made.
fn label_made(ask: &Ask<'_>) -> String {
    match &ask.makes {
        Makes::Objects(new) => new.first().map(|facts| facts.label.clone()).unwrap_or_default(),
        _ => String::new(),
    }
}
