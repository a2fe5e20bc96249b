//! What the token itself adds to its audit trail: logins, PINs, users, the lives of keys. Decisions are the guard's to
//! record.

use super::{Token, User};
use crate::audit::{Event, Kind};
use crate::ck::{Error, Result, SessionHandle};
use crate::guard::Held;
use crate::sys::clock;

impl Token {
    /// An event of now, under the policy in force, by who is logged in.
    pub(super) fn event(&self, kind: Kind, operation: &'static str) -> Event {
        let mut policy = [0; 8];
        policy.copy_from_slice(self.guard.rules().digest().first_chunk::<8>().unwrap_or(&[0; 8]));
        Event { user: self.user().row(), policy, ..Event::new(kind, operation, clock::utc_nanos()) }
    }

    /// Writes a record that must last. What has happened has happened: where it cannot be written, the gap is seen.
    pub(super) fn note(&self, event: Event) {
        if let Some(trail) = self.guard.trail() {
            let _ = trail.record(event, true);
        }
    }

    /// Does what is to be noted. Where the policy requires the record, that it begins is on the disk first.
    ///
    /// # Errors
    /// Those of the work; `CKR_FUNCTION_FAILED` where the record is required and cannot be written: nothing is done then.
    pub(super) fn noted<T>(
        &self,
        kind: Kind,
        operation: &'static str,
        who: &User,
        work: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        self.must_note(Event { user: who.row(), ..self.event(kind, operation) })?;
        self.note_of(kind, operation, who, work())
    }

    /// Where the policy requires the record: that something begins is on the disk when this returns.
    ///
    /// # Errors
    /// `CKR_FUNCTION_FAILED` where it cannot be written.
    pub(super) fn must_note(&self, event: Event) -> Result<()> {
        match self.guard.trail() {
            Some(trail) if self.guard.rules().keys().audit_required => {
                trail.record(Event { detail: "begun".to_owned(), ..event }, true)
            }
            _ => Ok(()),
        }
    }

    /// Notes objects that came into the store, one record each.
    pub(super) fn note_new<'n>(&self, new: impl Iterator<Item = &'n Held>, session: SessionHandle) {
        for held in new {
            let facts = held.facts();
            self.note(Event {
                session: session.0,
                object: held.uid().0,
                label: facts.label.clone(),
                detail: format!("{}, {}", facts.summary(), facts.origin.word()),
                ..self.event(Kind::Change, "create")
            });
        }
    }

    /// Notes what somebody did, or tried.
    pub(super) fn note_of<T>(
        &self,
        kind: Kind,
        operation: &'static str,
        who: &User,
        outcome: Result<T>,
    ) -> Result<T> {
        let result = outcome.as_ref().err().map_or(0, |error: &Error| error.code());
        self.note(Event { user: who.row(), result, ..self.event(kind, operation) });
        outcome
    }
}
