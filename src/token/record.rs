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
                ..self.event(Kind::Change, "created")
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
        if kind == Kind::Login && matches!(outcome, Err(Error::PinIncorrect | Error::PinLocked)) {
            self.guard.failed_login(&who.row());
            self.answer_alarms();
        }
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::session;
    use crate::audit::read::Entry;
    use crate::token::rehearsal::*;
    use cryptoki_sys::*;

    fn uses_of<'e>(entries: &'e [Entry], label: &str) -> Vec<&'e Event> {
        let is_it = |event: &&Event| event.operation == "sign" && event.label == label;
        entries.iter().map(|entry| &entry.event).filter(is_it).collect()
    }

    #[test]
    fn setting_decides_by_key_what_is_recorded_and_repeats_are_counted() {
        let folder = tempfile::tempdir().unwrap();
        let policy = "policy = 1\n[keys]\naudit = \"changes\"\n[[rule]]\nid = \"watched\"\n\
                      when = { label = \"watched-*\" }\naudit = \"all\"\n";
        let (module, _, s) = ready(policy, folder.path());
        for label in ["watched-1", "plain"] {
            let key = mac_key(&module, s, label, false).unwrap();
            (0..50).for_each(|_| mac(&module, s, key).unwrap());
        }
        let told = told(&module);
        assert!(uses_of(&told, "plain").is_empty());
        let uses = uses_of(&told, "watched-1");
        assert_eq!(uses.iter().map(|event| event.count).sum::<u64>(), 50);
        assert_eq!(uses.iter().map(|event| event.bytes).sum::<u64>(), 200);
        assert!(uses.len() < 20, "{uses:?}");
        assert_eq!((uses[0].user.as_str(), uses[0].session), ("user", s.0));
        assert_eq!(uses[0].rules, ["keys.audit", "watched"]);
        assert_eq!(uses[0].mechanism, Some(CKM_SHA256_HMAC));
    }

    #[test]
    fn with_sync_of_all_each_use_is_written_for_itself_and_before_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let policy = "policy = 1\n[keys]\naudit = \"all\"\n[audit]\nsync = \"all\"\n";
        let (module, _, s) = ready(policy, folder.path());
        let key = mac_key(&module, s, "web", false).unwrap();
        (0..10).for_each(|_| mac(&module, s, key).unwrap());
        let told = told(&module);
        let uses = uses_of(&told, "web");
        assert_eq!(uses.len(), 10);
        assert!(uses.iter().all(|event| event.count == 1));
    }

    #[test]
    fn nothing_is_done_that_cannot_be_recorded_where_the_policy_requires_the_record() {
        let folder = tempfile::tempdir().unwrap();
        let policy = "policy = 1\n[keys]\naudit = \"all\"\n[audit]\nrequired = true\n";
        let (module, at, s) = ready(policy, folder.path());
        let key = mac_key(&module, s, "web", false).unwrap();
        mac(&module, s, key).unwrap();
        let trail = folder.path().join("trail");
        let aside = folder.path().join("aside");
        module.slots().tokens().unwrap()[0].guard().trail().unwrap().close().unwrap();
        std::fs::rename(&trail, &aside).unwrap();
        std::fs::write(&trail, b"a file in the way").unwrap();
        assert_eq!(mac(&module, s, key), Err(Error::FunctionFailed));
        assert_eq!(mac_key(&module, s, "db", false).err(), Some(Error::FunctionFailed));
        session::logout(&module, s).unwrap();
        assert_eq!(session::login(&module, s, CKU_USER, pin(PIN)), Err(Error::FunctionFailed));
        let token = module.slots().slot(at).unwrap();
        assert!(
            matches!(token, crate::token::Slot::Token(token) if token.role() == crate::guard::Role::Public)
        );
        std::fs::remove_file(&trail).unwrap();
        std::fs::rename(&aside, &trail).unwrap();
        session::login(&module, s, CKU_USER, pin(PIN)).unwrap();
        let told = told(&module);
        assert!(
            told.iter().any(|entry| entry.event.kind == Kind::Lost && entry.event.count >= 3),
            "{told:?}"
        );
        assert_eq!(uses_of(&told, "db").len(), 0);
    }
}
