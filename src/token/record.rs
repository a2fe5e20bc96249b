//! What the token itself adds to its audit trail: logins, PINs, users, the lives of keys. Decisions are the guard's to
//! record.

use super::{Token, User};
use crate::audit::{Event, Kind};
use crate::ck::{Error, Result};
use crate::sys::clock;

impl Token {
    /// An event of now, under the policy in force, by who is logged in.
    pub(super) fn event(&self, kind: Kind, operation: &'static str) -> Event {
        let mut policy = [0; 8];
        policy.copy_from_slice(self.guard.rules().digest().first_chunk::<8>().unwrap_or(&[0; 8]));
        Event {
            user: self.user().word().to_owned(),
            policy,
            ..Event::new(kind, operation, clock::utc_nanos())
        }
    }

    /// Writes a record that must last. What has happened has happened: where it cannot be written, the gap is seen.
    pub(super) fn note(&self, event: Event) {
        if let Some(trail) = self.guard.trail() {
            let _ = trail.record(event, true);
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
        self.note(Event { user: who.word().to_owned(), result, ..self.event(kind, operation) });
        outcome
    }
}
