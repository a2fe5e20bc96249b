//! What happens to a key during its life: its purpose is bound, its state changes, it is destroyed.

use super::Token;
use super::objects::Entry;
use super::writer::Writer;
use crate::audit::{Event, Kind};
use crate::ck::date::{UtcSeconds, display_utc};
use crate::ck::vendor::*;
use crate::ck::{Error, ObjectHandle, Result, SessionHandle};
use crate::guard::op::{Change, Destroy, Transition};
use crate::guard::{Authorized, Held, Role};
use crate::object::facts::Usage;
use crate::object::{Attributes, KeyFacts, Purpose, State, Value, key};
use crate::policy::{Denial, Reason};
use crate::store::Uid;
use std::sync::Arc;

/// Why a key's state is changed, as the record of its life keeps it.
#[derive(Clone, Default, Debug)]
pub struct Grounds {
    /// Reason code of KMIP 2.1, 11.47.
    pub reason: Option<u64>,
    /// In words.
    pub message: String,
    /// When a compromise is believed to have happened (KMIP Compromise Occurrence Date).
    pub occurred: Option<UtcSeconds>,
}

impl Token {
    /// Binds a key, and the other half of its pair, to one purpose for good.
    pub(super) fn bind(&self, object: &Arc<Held>, purpose: Purpose) -> core::result::Result<(), Denial> {
        let cannot = |error: Error| {
            Denial::new(Reason::NotEvaluable, format!("the purpose of the key could not be bound: {error}"))
        };
        let bound_to = |bound: Purpose| {
            if bound == purpose {
                return Ok(());
            }
            let detail = format!("the key was bound to the purpose {} a moment ago", bound.word());
            Err(Denial::new(Reason::Purpose, detail))
        };
        if !object.facts().token {
            return bound_to(self.bind_session_object(object, purpose).map_err(cannot)?);
        }
        // Whoever is not logged in can use a public key here as anywhere else; there is nothing to protect
        // and no key to write with.
        if self.role() == Role::Public && !object.facts().private {
            return Ok(());
        }
        let pair = self.pair_of(object).map_err(cannot)?;
        let bound = self.write(|writer| {
            let mut bound = purpose;
            for uid in &pair {
                let Some((_, mut attributes)) = writer.attributes(*uid)? else { continue };
                match attributes.number(CKA_KEYWARD_PURPOSE).and_then(Purpose::from_number) {
                    Some(there) if *uid == object.uid() => bound = there,
                    Some(_) => {}
                    None => {
                        set_purpose(&mut attributes, purpose);
                        self.rewrite(writer, *uid, &attributes)?;
                    }
                }
            }
            Ok(bound)
        });
        bound_to(bound.map_err(cannot)?)
    }

    /// Binds a session object, and the other half of its pair if that is one too. Answers what it is bound
    /// to: of two threads with different purposes, the second learns the first's.
    fn bind_session_object(&self, object: &Arc<Held>, purpose: Purpose) -> Result<Purpose> {
        let _one_at_a_time = self.binding.lock();
        let halves = self.session_halves(object);
        if halves.is_empty() {
            return Err(Error::KeyHandleInvalid);
        }
        let there = halves.iter().find(|(_, _, held)| held.uid() == object.uid());
        if let Some(bound) = there.and_then(|(_, _, held)| held.facts().purpose) {
            return Ok(bound);
        }
        for (handle, owner, held) in halves {
            if held.facts().purpose.is_none() {
                let mut attributes = held.attributes().clone();
                set_purpose(&mut attributes, purpose);
                let held = Arc::new(held.changed(attributes, &self.guard().rules())?);
                self.objects.table.replace(handle, Entry { held, owner });
            }
        }
        Ok(purpose)
    }

    /// A session object and the other half of its pair, if that is a session object too.
    fn session_halves(&self, object: &Held) -> Vec<(u64, Option<SessionHandle>, Arc<Held>)> {
        let pair = object.attributes().bytes(CKA_KEYWARD_PAIR);
        self.objects.table.collect(|handle, entry| {
            let same = entry.held.uid() == object.uid()
                || pair.is_some() && entry.held.attributes().bytes(CKA_KEYWARD_PAIR) == pair;
            (same && entry.owner.is_some()).then(|| (handle, entry.owner, Arc::clone(&entry.held)))
        })
    }

    /// Writes an object's attributes anew inside a transaction; its material is sealed again with them.
    pub(super) fn rewrite(
        &self,
        writer: &mut Writer<'_>,
        uid: crate::store::Uid,
        attributes: &Attributes,
    ) -> Result<()> {
        let held = writer.held(uid, &self.guard().rules())?.ok_or(Error::ObjectHandleInvalid)?;
        writer.put(uid, attributes, &held.keep()?)
    }

    /// C_SetAttributeValue, granted: the changed attributes take the place of those that were judged. Answers
    /// `false`, and changes nothing, where somebody else changed the object meanwhile: then judge again.
    pub fn change(&self, handle: ObjectHandle, grant: Authorized<Change>) -> Result<bool> {
        let Change { object, attributes } = grant.into_op();
        if !object.facts().token {
            return self.change_session_object(handle, &object, attributes);
        }
        let mut as_judged = true;
        let written = self.write(|writer| {
            let (record, _) = writer.attributes(object.uid())?.ok_or(Error::ObjectHandleInvalid)?;
            as_judged = record.version == object.version();
            if as_judged {
                self.rewrite(writer, object.uid(), &attributes)
            } else {
                Err(Error::FunctionFailed)
            }
        });
        if as_judged { written.map(|()| true) } else { Ok(false) }
    }

    fn change_session_object(
        &self,
        handle: ObjectHandle,
        object: &Held,
        attributes: Attributes,
    ) -> Result<bool> {
        let _one_at_a_time = self.binding.lock();
        let there = self.objects.table.with(handle.0, |entry| (entry.held.version(), entry.owner));
        let (version, owner) = there.ok_or(Error::ObjectHandleInvalid)?;
        if version != object.version() {
            return Ok(false);
        }
        let held = Arc::new(object.changed(attributes, &self.guard().rules())?);
        self.objects.table.replace(handle.0, Entry { held, owner });
        Ok(true)
    }

    /// A granted step in a key's life. Suspension and compromise take the other half of the pair along.
    pub fn pass(&self, handle: ObjectHandle, grant: Authorized<Transition>, grounds: &Grounds) -> Result<()> {
        let Transition { object, to } = grant.into_op();
        let together = matches!(to, State::Suspended | State::Compromised)
            || object.facts().state == State::Suspended && to == State::Active;
        if !object.facts().token {
            return self.pass_session_object(handle, &object, to, together, grounds);
        }
        let uids = if together { self.pair_of(&object)? } else { vec![object.uid()] };
        let mut changes = Vec::new();
        self.write(|writer| {
            changes.clear();
            for uid in &uids {
                let Some((_, mut attributes)) = writer.attributes(*uid)? else { continue };
                let from = KeyFacts::of(&attributes).state;
                match crate::policy::lifecycle::transition(from, to) {
                    Ok(()) => {}
                    // The other half may be further along its own life; that is no reason to stop.
                    Err(_) if *uid != object.uid() || from == to => continue,
                    Err(denial) => return Err(denial.error),
                }
                changes.push(self.enter(&mut attributes, to, grounds));
                if matches!(to, State::Destroyed | State::DestroyedCompromised) {
                    writer.bury(*uid, &attributes)?;
                } else {
                    self.rewrite(writer, *uid, &attributes)?;
                }
            }
            Ok(())
        })?;
        self.log_changes(&changes);
        if !matches!(to, State::Active | State::Deactivated) {
            object.life().stop();
        }
        if matches!(to, State::Destroyed | State::DestroyedCompromised) {
            self.store.scrub()?;
        }
        Ok(())
    }

    fn pass_session_object(
        &self,
        handle: ObjectHandle,
        object: &Held,
        to: State,
        together: bool,
        grounds: &Grounds,
    ) -> Result<()> {
        let _one_at_a_time = self.binding.lock();
        // It may have taken another step since it was judged.
        let from = self.objects.held(handle).ok_or(Error::ObjectHandleInvalid)?.facts().state;
        crate::policy::lifecycle::transition(from, to).map_err(|denial| denial.error)?;
        for (place, owner, held) in self.session_halves(object) {
            let other = place != handle.0;
            if other && (!together || crate::policy::lifecycle::transition(held.facts().state, to).is_err()) {
                continue;
            }
            let mut attributes = held.attributes().clone();
            let change = self.enter(&mut attributes, to, grounds);
            let changed = Arc::new(held.changed(attributes, &self.guard().rules())?);
            if !super::runs_on(changed.facts()) {
                held.life().stop();
            }
            self.objects.table.replace(place, Entry { held: changed, owner });
            self.log_changes(&[change]);
        }
        Ok(())
    }

    /// A granted step of a key of which only a tombstone is left: it is found out to have been compromised before it was
    /// destroyed (SP 800-57 Part 1 Rev. 5, 7.5).
    ///
    /// # Errors
    /// Those of the store; `CKR_OBJECT_HANDLE_INVALID` where the tombstone is not what was judged any more.
    pub fn pass_tombstone(&self, grant: Authorized<Transition>, grounds: &Grounds) -> Result<()> {
        let Transition { object, to } = grant.into_op();
        let mut changes = Vec::new();
        self.write(|writer| {
            changes.clear();
            let (version, mut attributes) =
                writer.tombstone(object.uid())?.ok_or(Error::ObjectHandleInvalid)?;
            if version != object.version() {
                return Err(Error::ObjectHandleInvalid);
            }
            changes.push(self.enter(&mut attributes, to, grounds));
            writer.bury(object.uid(), &attributes)
        })?;
        self.log_changes(&changes);
        Ok(())
    }

    /// C_DestroyObject, granted. A key leaves a tombstone; its material is overwritten.
    pub fn destroy(&self, handle: ObjectHandle, grant: Authorized<Destroy>, grounds: &Grounds) -> Result<()> {
        let object = Arc::clone(&grant.op().object);
        self.backend.destroy(grant)?;
        if !object.facts().token {
            self.objects.drop_handle(handle);
            return Ok(());
        }
        let mut changes = Vec::new();
        let secret = self.write(|writer| {
            changes.clear();
            let (record, mut attributes) =
                writer.attributes(object.uid())?.ok_or(Error::ObjectHandleInvalid)?;
            if !key::is_key_class(record.class) {
                writer.remove(&record)?;
                return Ok(false);
            }
            let to = match KeyFacts::of(&attributes).state {
                State::Compromised => State::DestroyedCompromised,
                _ => State::Destroyed,
            };
            changes.push(self.enter(&mut attributes, to, grounds));
            writer.bury(object.uid(), &attributes)?;
            Ok(!record.material.is_empty())
        })?;
        self.log_changes(&changes);
        object.life().stop();
        if secret {
            self.store.scrub()?;
        }
        Ok(())
    }

    /// Writes a new state with its dates and a line of history. Answers what is told of it.
    fn enter(&self, attributes: &mut Attributes, to: State, grounds: &Grounds) -> LifeChange {
        let now = self.guard().now();
        let from = KeyFacts::of(attributes).state;
        attributes.set(CKA_KEYWARD_STATE, Value::Ulong(to as u64));
        match to {
            State::Active => attributes.set_default(CKA_KEYWARD_ACTIVATION_DATE, || Value::Ulong(now)),
            State::Compromised => attributes.set_default(CKA_KEYWARD_COMPROMISE_DATE, || Value::Ulong(now)),
            State::Deactivated => attributes.set_default(CKA_KEYWARD_PROTECT_STOP_DATE, || Value::Ulong(now)),
            State::Destroyed => attributes.set_default(CKA_KEYWARD_DESTROY_DATE, || Value::Ulong(now)),
            State::DestroyedCompromised => {
                attributes.set_default(CKA_KEYWARD_DESTROY_DATE, || Value::Ulong(now));
                attributes.set_default(CKA_KEYWARD_COMPROMISE_DATE, || Value::Ulong(now));
            }
            State::PreActive | State::Suspended => {}
        }
        if let Some(reason) = grounds.reason {
            attributes.set(CKA_KEYWARD_REVOCATION_REASON, Value::Ulong(reason));
        }
        if let (State::Compromised | State::DestroyedCompromised, Some(occurred)) = (to, grounds.occurred) {
            attributes.set(CKA_KEYWARD_COMPROMISE_OCCURRENCE_DATE, Value::Ulong(occurred));
        }
        if !grounds.message.is_empty() {
            attributes
                .set(CKA_KEYWARD_REVOCATION_MESSAGE, Value::Bytes(grounds.message.clone().into_bytes()));
        }
        let actor = self.user();
        let message: String = grounds.message.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let uid = crate::sys::process::effective_uid();
        let line =
            format!("{} {} -> {} by {actor} (uid {uid}) {message}", display_utc(now), from.word(), to.word());
        add_history(attributes, line.trim_end());
        let facts = KeyFacts::of(attributes);
        let uid = String::from_utf8_lossy(attributes.bytes(cryptoki_sys::CKA_UNIQUE_ID).unwrap_or_default());
        let event = line.split_once(' ').map_or(line.as_str(), |(_, event)| event).trim_end();
        LifeChange {
            line: format!("{:?} {} {uid}: {event}", facts.label, crate::ck::names::class_name(facts.class)),
            uid: Uid::parse(&uid),
            label: facts.label,
            to,
        }
    }

    /// One log line and one record for each change of a life, once it is written.
    fn log_changes(&self, changes: &[LifeChange]) {
        for change in changes {
            self.guard().journal().line("lifecycle", format_args!("{}", change.line));
            let event = Event {
                object: change.uid.map(|uid| uid.0).unwrap_or_default(),
                label: change.label.clone(),
                detail: change.line.clone(),
                ..self.event(Kind::Change, change.to.word())
            };
            self.note(event);
        }
    }
}

/// One step in the life of one object, to be told of once it is written.
struct LifeChange {
    /// What the log says.
    line: String,
    uid: Option<Uid>,
    label: String,
    to: State,
}

/// Most bytes of history that an object keeps; the oldest lines go first.
const HISTORY_MAX: usize = 16 * 1024;

/// Adds a line to the history of an object.
pub(super) fn add_history(attributes: &mut Attributes, line: &str) {
    let mut history = attributes.bytes(CKA_KEYWARD_HISTORY).unwrap_or_default().to_vec();
    history.extend_from_slice(line.as_bytes());
    history.push(b'\n');
    while history.len() > HISTORY_MAX {
        let first = history.iter().position(|byte| *byte == b'\n').map_or(history.len(), |end| end + 1);
        history.drain(..first);
    }
    attributes.set(CKA_KEYWARD_HISTORY, Value::Bytes(history));
}

/// Writes the purpose; usage attributes of other purposes read false from now on.
pub(super) fn set_purpose(attributes: &mut Attributes, purpose: Purpose) {
    attributes.set(CKA_KEYWARD_PURPOSE, Value::Ulong(purpose as u64));
    let stays = match purpose {
        Purpose::Sign | Purpose::Mac => {
            Usage::SIGN.union(Usage::VERIFY).union(Usage::SIGN_RECOVER).union(Usage::VERIFY_RECOVER)
        }
        Purpose::Encrypt => Usage::ENCRYPT.union(Usage::DECRYPT),
        Purpose::Wrap => Usage::WRAP.union(Usage::UNWRAP),
        Purpose::Derive if KeyFacts::of(attributes).is_tls_secret() => {
            Usage::DERIVE.union(Usage::SIGN).union(Usage::VERIFY)
        }
        Purpose::Agree | Purpose::Derive => Usage::DERIVE,
        Purpose::Encapsulate => Usage::ENCAPSULATE.union(Usage::DECAPSULATE),
    };
    for bit in 0..u16::BITS {
        let usage = Usage(1 << bit);
        if let Some(cka) = KeyFacts::usage_attribute(usage)
            && !stays.contains(usage)
            && attributes.has(cka)
        {
            attributes.set(cka, Value::Bool(false));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{Module, keys, object, session, slot};
    use crate::ck::raw::{RawAttribute, RawValue};
    use crate::ck::{Mechanism, SessionHandle};
    use crate::guard::Sink;
    use crate::secret::Pin;
    use crate::session::Session;
    use crate::token::Configuration;
    use cryptoki_sys::*;
    use zeroize::Zeroizing;

    fn with_key(destroyable: bool, test: impl FnOnce(&Module, &Arc<Session>, SessionHandle, ObjectHandle)) {
        let folder = tempfile::tempdir().unwrap();
        let configuration = Configuration { store: folder.path().to_owned(), log: Sink::Silent };
        let module = Module::with(&configuration).unwrap();
        let at = slot::slots(&module, true, true).unwrap()[0];
        let pin = || Some(Pin::from_slice(b"123456"));
        slot::init_token(&module, at, pin(), &[b'x'; 32]).unwrap();
        let s = session::open_session(&module, at, CKF_SERIAL_SESSION | CKF_RW_SESSION).unwrap();
        session::login(&module, s, CKU_SO, pin()).unwrap();
        slot::init_pin(&module, s, pin()).unwrap();
        session::logout(&module, s).unwrap();
        session::login(&module, s, CKU_USER, pin()).unwrap();
        let raw =
            |cka, bytes: &[u8]| RawAttribute { cka, value: RawValue::Bytes(Zeroizing::new(bytes.to_vec())) };
        let template = vec![
            raw(CKA_TOKEN, &[CK_TRUE]),
            raw(CKA_DESTROYABLE, &[if destroyable { CK_TRUE } else { CK_FALSE }]),
            raw(CKA_VALUE_LEN, &crate::ck::raw::ulong_to_bytes(32)),
        ];
        let key = keys::generate_key(&module, s, Mechanism::plain(CKM_AES_KEY_GEN), template).unwrap();
        let session = module.session(s).unwrap();
        test(&module, &session, s, key);
    }

    #[test]
    fn destroy_keeps_the_grounds_in_the_tombstone() {
        with_key(true, |_, session, _, handle| {
            let held = session.key(handle).unwrap();
            let uid = held.uid();
            let grant = session.ask(Destroy { object: held }).unwrap();
            let grounds = Grounds { reason: Some(6), message: "moved".into(), occurred: None };
            session.token().destroy(handle, grant, &grounds).unwrap();
            let left = session.token().record(uid).unwrap().unwrap();
            assert_eq!(left.number(CKA_KEYWARD_REVOCATION_REASON), Some(6));
            assert_eq!(left.bytes(CKA_KEYWARD_REVOCATION_MESSAGE), Some(&b"moved"[..]));
            assert_eq!(KeyFacts::of(&left).state, State::Destroyed);
        });
    }

    #[test]
    fn destroyed_key_that_is_found_compromised_later_is_recorded_so_and_stays_destroyed() {
        with_key(true, |_, session, _, handle| {
            let held = session.key(handle).unwrap();
            let uid = held.uid();
            assert!(session.token().tombstone(uid).unwrap().is_none());
            let grant = session.ask(Destroy { object: held }).unwrap();
            session.token().destroy(handle, grant, &Grounds::default()).unwrap();
            let left = || session.token().tombstone(uid).unwrap().unwrap();
            for to in [State::Active, State::Compromised, State::Destroyed] {
                assert!(session.ask(Transition { object: left(), to }).is_err(), "{to:?}");
            }
            let to = State::DestroyedCompromised;
            let (grant, late) = (
                session.ask(Transition { object: left(), to }).unwrap(),
                session.ask(Transition { object: left(), to }).unwrap(),
            );
            let grounds =
                Grounds { occurred: Some(1_700_000_000), message: "a copy was sold".into(), reason: Some(2) };
            session.token().pass_tombstone(grant, &grounds).unwrap();
            // What was judged before is not done twice.
            assert_eq!(session.token().pass_tombstone(late, &grounds), Err(Error::ObjectHandleInvalid));
            let now = left();
            let told = |cka| now.attributes().number(cka);
            assert_eq!(now.facts().state, State::DestroyedCompromised);
            assert_eq!(told(CKA_KEYWARD_COMPROMISE_OCCURRENCE_DATE), Some(1_700_000_000));
            assert!(told(CKA_KEYWARD_COMPROMISE_DATE).is_some() && told(CKA_KEYWARD_DESTROY_DATE).is_some());
            assert!(session.ask(Transition { object: now, to }).is_err());
            // The login finds everything as it should be.
            session.token().logout().unwrap();
            session
                .token()
                .login(crate::token::User::standard(crate::guard::Role::User), &Pin::from_slice(b"123456"))
                .unwrap();
            assert_eq!(session.token().examine().unwrap().1, []);
        });
    }

    #[test]
    fn pass_to_compromised_writes_when_it_happened() {
        with_key(true, |_, session, _, handle| {
            let object = session.key(handle).unwrap();
            let grant = session.ask(Transition { object, to: State::Compromised }).unwrap();
            let grounds = Grounds { occurred: Some(1_700_000_000), ..Grounds::default() };
            session.token().pass(handle, grant, &grounds).unwrap();
            let held = session.key(handle).unwrap();
            let occurred = held.attributes().number(CKA_KEYWARD_COMPROMISE_OCCURRENCE_DATE);
            assert_eq!(occurred, Some(1_700_000_000));
            assert!(session.ask(Transition { object: held, to: State::Active }).is_err());
        });
    }

    #[test]
    fn pass_to_destroyed_of_a_key_that_is_not_destroyable_is_refused() {
        with_key(false, |module, session, s, handle| {
            let object = session.key(handle).unwrap();
            let denial = session.ask(Transition { object, to: State::Destroyed }).err().unwrap();
            assert_eq!(denial.reason, Reason::NotDestroyable);
            assert_eq!(session.device_error(), Reason::NotDestroyable.code());
            assert_eq!(object::destroy_object(module, s, handle), Err(Error::ActionProhibited));
        });
    }

    #[test]
    fn explain_agrees_with_authorize_in_every_state() {
        use crate::guard::Caller;
        use crate::guard::op::{Decrypt, Encrypt, Op, Sign, Verify};
        fn same<O: Op>(session: &Session, op: O) {
            let caller = Caller { role: session.token().role(), name: "", session: 0, read_write: true };
            let told = session.token().guard().explain(&caller, &**session.token(), &op.ask());
            let refused = told.steps.iter().any(|step| step.outcome == crate::policy::Outcome::Refused);
            assert_eq!(refused, told.refusal.is_some());
            assert_eq!(session.ask(op).err(), told.refusal);
        }
        with_key(true, |_, session, _, handle| {
            for to in [None, Some(State::Suspended), Some(State::Deactivated), Some(State::Compromised)] {
                if let Some(to) = to {
                    let object = session.key(handle).unwrap();
                    let grant = session.ask(Transition { object, to }).unwrap();
                    session.token().pass(handle, grant, &Grounds::default()).unwrap();
                }
                for ckm in [CKM_AES_GCM, CKM_SHA256_HMAC, CKM_AES_KEY_GEN, CKM_RSA_PKCS, 0x7FFF_0000] {
                    let key = || session.key(handle).unwrap();
                    let mechanism = || Mechanism::plain(ckm);
                    same(session, Encrypt { key: key(), mechanism: mechanism() });
                    same(session, Decrypt { key: key(), mechanism: mechanism() });
                    same(session, Sign { key: key(), mechanism: mechanism() });
                    same(session, Verify { key: key(), mechanism: mechanism() });
                    same(session, Destroy { object: key() });
                    same(session, Transition { object: key(), to: State::Active });
                }
            }
        });
    }
}
