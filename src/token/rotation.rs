//! Rotation: a new generation of a key takes the place of the old one, which goes on processing for a while.
//!
//! The new key is made by the same calls as any other and nothing of it is kept before the one transaction that writes
//! both: the new halves, and on the old ones the link to them and the ends of their windows. So whoever looks, at
//! whatever moment and after whatever crash, finds one generation that protects.

use super::life::add_history;
use super::{Birth, Grounds, Token};
use crate::audit::{Event, Kind};
use crate::backend::NewObject;
use crate::ck::date::{UtcSeconds, display_utc};
use crate::ck::vendor::*;
use crate::ck::{CK_KEY_TYPE, CK_MECHANISM_TYPE, Error, Mechanism, ObjectHandle, Result, SessionHandle};
use crate::crypto::mechanism::Row;
use crate::crypto::{random, table};
use crate::guard::op::{Ask, Destroy, Generate, GeneratePair, Op, Supersede};
use crate::guard::{Authorized, Held, Kept, Role};
use crate::object::succession::{self, Names};
use crate::object::{Attributes, KeyFacts, Origin, State, Template, Value, Window, key};
use crate::policy::{Denial, Reason, Rotation, Side};
use crate::store::Uid;
use cryptoki_sys::*;
use std::sync::Arc;

/// How one rotation is wanted.
#[derive(Clone, Default, Debug)]
pub struct Succession {
    /// What the new generation is called, where not as the old one.
    pub names: Names,
    /// So many seconds the old one goes on processing, where that is less than the policy lets it.
    pub overlap: Option<u64>,
    /// Why, in words, for the history of both.
    pub message: String,
}

/// What became of a rotation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rotated {
    /// The halves of the old generation, private or secret first.
    pub old: Vec<Uid>,
    /// The halves of the new one, private or secret first.
    pub new: Vec<ObjectHandle>,
    /// The number of the new one.
    pub generation: u64,
}

/// Why a key was not rotated.
#[derive(Debug)]
pub enum NotRotated {
    /// The law said no.
    Denied(Box<Denial>),
    /// Something failed.
    Failed(Error),
}

impl From<Denial> for NotRotated {
    fn from(denial: Denial) -> Self {
        Self::Denied(Box::new(denial))
    }
}

impl From<Error> for NotRotated {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Whose session it is that rotates, and whether it may write.
#[derive(Clone, Copy)]
struct By {
    session: SessionHandle,
    read_write: bool,
}

/// The halves of a key that are on the token: the private or secret key, then the public key, then their copies.
struct Halves {
    lead: Arc<Held>,
    public: Option<Arc<Held>>,
    copies: Vec<Arc<Held>>,
}

/// One object of the new generation, ready to be written.
struct Heir {
    uid: Uid,
    held: Held,
    kept: Kept,
}

impl Halves {
    fn all(&self) -> impl Iterator<Item = &Arc<Held>> {
        [&self.lead].into_iter().chain(&self.public).chain(&self.copies)
    }

    /// How the rules for each of the halves, together, want the key rotated.
    fn rotation(&self, now: UtcSeconds) -> Rotation {
        self.all().fold(Rotation::default(), |all, half| all.and(&half.rules().rotation(now)))
    }
}

impl Token {
    /// Makes a new generation of a key, both halves of a pair, in the name of a session. The old one protects nothing from
    /// now on, but for the handover that the policy gives it, and processes for the overlap. Without an overlap it
    /// processes as long as it would have; a suspended key has none at all, and a compromised one stays as it is.
    ///
    /// # Errors
    /// [`NotRotated::Denied`] where the guard does not let the key be replaced or the new one be made; `CKR_FUNCTION_FAILED`
    /// where somebody else replaced it meanwhile; those of making a key and of the store.
    pub fn rotate(
        &self,
        session: SessionHandle,
        read_write: bool,
        key: &Arc<Held>,
        wanted: &Succession,
    ) -> core::result::Result<Rotated, NotRotated> {
        let rotated = self.succeed(By { session, read_write }, key, wanted)?;
        self.destroy_replaced(session);
        Ok(rotated)
    }

    fn succeed(
        &self,
        by: By,
        key: &Arc<Held>,
        wanted: &Succession,
    ) -> core::result::Result<Rotated, NotRotated> {
        let halves = self.halves(key)?;
        // The old ones first: where they may not go, nothing new is made.
        let grants = halves
            .all()
            .map(|half| self.authorize(by.session, by.read_write, Supersede { object: Arc::clone(half) }))
            .collect::<core::result::Result<Vec<_>, _>>()?;
        let now = self.guard().now();
        let made = self.next_generation(by, &halves, &wanted.names, now)?;
        let heirs = self.heirs(made, by.session, &halves, &wanted.message)?;
        self.exchange(grants, &halves, &heirs, wanted, now)?;
        let lead = heirs.first().ok_or(Error::GeneralError)?;
        let generation = succession::generation(lead.held.attributes());
        self.tell(&halves, lead, generation, by.session);
        let new = heirs.iter().map(|heir| self.handle_of(heir.uid)).collect::<Result<Vec<_>>>()?;
        Ok(Rotated { old: halves.all().map(|half| half.uid()).collect(), new, generation })
    }

    /// A key with all that belongs to it on the token.
    fn halves(&self, key: &Arc<Held>) -> core::result::Result<Halves, Denial> {
        let cannot =
            |error: Error| Denial::new(Reason::NotEvaluable, format!("the key cannot be read: {error}"));
        let mut all = vec![Arc::clone(key)];
        if key.facts().token && key.facts().class != CKO_SECRET_KEY {
            for uid in self.pair_of(key).map_err(cannot)?.into_iter().filter(|uid| *uid != key.uid()) {
                let handle = self.handle_of(uid).map_err(cannot)?;
                all.extend(self.objects.held(handle));
            }
        }
        let mut take = |wanted: fn(&Held) -> bool| {
            let at = all.iter().position(|half| wanted(half))?;
            Some(all.remove(at))
        };
        let public = take(|half| half.facts().class == CKO_PUBLIC_KEY);
        let lead = take(|half| half.facts().class != CKO_PUBLIC_KEY).ok_or_else(|| {
            Denial::new(Reason::NotEvaluable, "the private key of the pair is not on the token")
        })?;
        Ok(Halves { lead, public, copies: all })
    }

    /// Makes the new key or pair, by the guard's leave. Private or secret key first. Nothing is written.
    fn next_generation(
        &self,
        by: By,
        halves: &Halves,
        names: &Names,
        now: UtcSeconds,
    ) -> core::result::Result<Vec<NewObject>, NotRotated> {
        let lead = halves.lead.attributes();
        let template = succession::template(lead, names, now)?;
        let mechanism = Mechanism::plain(maker(&halves.lead)?);
        if halves.lead.facts().class == CKO_SECRET_KEY {
            let grant = self.authorize(by.session, by.read_write, Generate { mechanism, template })?;
            return Ok(vec![traced(grant, |grant| self.backend().generate(grant))?]);
        }
        let public: Template = match &halves.public {
            Some(public) => succession::template(public.attributes(), names, now)?,
            None => succession::public_template(lead, names, now)?,
        };
        let asked = GeneratePair { mechanism, public, private: template };
        let grant = self.authorize(by.session, by.read_write, asked)?;
        let (public, private) = traced(grant, |grant| self.backend().generate_pair(grant))?;
        Ok(vec![private, public])
    }

    /// Gives what was made its identity, its history and its links.
    fn heirs(
        &self,
        made: Vec<NewObject>,
        session: SessionHandle,
        halves: &Halves,
        message: &str,
    ) -> Result<Vec<Heir>> {
        let mut pair = [0; 16];
        random::fill(&mut pair)?;
        let (many, now) = (made.len() > 1, self.guard().now());
        let generation = succession::generation(halves.lead.attributes()).saturating_add(1);
        let mechanism = Some(maker(&halves.lead).map_err(|denial| denial.error)?);
        let birth = Birth { origin: Origin::Generated, mechanism, session, parent: None };
        let mut heirs = Vec::new();
        for NewObject { mut attributes, fresh } in made {
            let uid = self.name(&mut attributes)?;
            self.begin_life(&mut attributes, birth);
            if many {
                attributes.set(CKA_KEYWARD_PAIR, Value::Bytes(pair.to_vec()));
            }
            attributes.set(CKA_KEYWARD_GENERATION, Value::Ulong(generation));
            // What protects is to be active: the rotation is the act that puts it in force.
            attributes.set(CKA_KEYWARD_STATE, Value::Ulong(State::Active as u64));
            let line = match half_of(halves, attributes.number(CKA_CLASS)) {
                Some(old) => {
                    attributes.set(CKA_KEYWARD_REPLACED, Value::Bytes(old.uid().to_string().into_bytes()));
                    // Who is no stranger to the old one is none to the new one.
                    if let Some(callers) = old.attributes().bytes(CKA_KEYWARD_CALLERS) {
                        attributes.set(CKA_KEYWARD_CALLERS, Value::Bytes(callers.to_vec()));
                    }
                    format!("replaces {}", old.uid())
                }
                None => "comes beside it".to_owned(),
            };
            let line = format!("active as generation {generation}, {line}");
            self.remember(&mut attributes, now, &line, message);
            let (held, kept) = Held::take(uid, 0, attributes, fresh, &self.guard().rules(), true);
            heirs.push(Heir { uid, held, kept });
        }
        Ok(heirs)
    }

    /// A line of history with who did it.
    fn remember(&self, attributes: &mut Attributes, now: UtcSeconds, what: &str, message: &str) {
        let message: String = message.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let (actor, uid) = (self.user(), crate::sys::process::effective_uid());
        let line = format!("{} {what} by {actor} (uid {uid}) {message}", display_utc(now));
        add_history(attributes, line.trim_end());
    }

    /// Writes the old halves and the new ones in one transaction.
    fn exchange(
        &self,
        grants: Vec<Authorized<Supersede>>,
        halves: &Halves,
        heirs: &[Heir],
        wanted: &Succession,
        now: UtcSeconds,
    ) -> core::result::Result<(), NotRotated> {
        let rotation = halves.rotation(now);
        let overlap = [rotation.overlap, wanted.overlap].into_iter().flatten().min();
        let most = self.guard().rules().token().max_objects;
        let mut faster = None;
        let written = self.write(|writer| {
            if most.is_some_and(|most| writer.count().is_ok_and(|count| count + heirs.len() as u64 > most)) {
                return Err(Error::DeviceMemory);
            }
            for half in halves.all() {
                let there = writer.attributes(half.uid())?;
                let (_, mut attributes) = there.ok_or(Error::ObjectHandleInvalid)?;
                if let Some(by) = attributes.bytes(CKA_KEYWARD_REPLACEMENT) {
                    faster = Some(String::from_utf8_lossy(by).into_owned());
                    return Err(Error::FunctionFailed);
                }
                let heir = heirs.iter().find(|heir| heir.held.facts().class == half.facts().class);
                let heir = heir.or(heirs.first()).ok_or(Error::GeneralError)?;
                retire(&mut attributes, heir.uid, rotation.handover, overlap, now);
                let generation = succession::generation(heir.held.attributes());
                let line = format!("replaced by generation {generation}, {}", heir.uid);
                self.remember(&mut attributes, now, &line, &wanted.message);
                self.rewrite(writer, half.uid(), &attributes)?;
            }
            for heir in heirs {
                writer.put(heir.uid, heir.held.attributes(), &heir.kept)?;
            }
            Ok(())
        });
        let mut outcome = written;
        for mut grant in grants {
            let trace = grant.take_trace();
            outcome = trace.of(outcome);
        }
        match (outcome, faster) {
            (Err(_), Some(by)) => {
                let detail = format!("the key was replaced a moment ago, by {by}");
                Err(Denial::new(Reason::Replaced, detail).into())
            }
            (outcome, _) => Ok(outcome?),
        }
    }

    /// One line in the log and one record.
    fn tell(&self, halves: &Halves, lead: &Heir, generation: u64, session: SessionHandle) {
        let (old, label) = (halves.lead.uid(), &halves.lead.facts().label);
        let (actor, new) = (self.user(), lead.uid);
        self.guard().journal().line(
            "lifecycle",
            format_args!("{label:?} {old}: replaced by generation {generation}, {new}, by {actor}"),
        );
        self.note(Event {
            session: session.0,
            object: old.0,
            other: new.0,
            label: label.clone(),
            detail: format!("generation {generation}, {}", lead.held.facts().summary()),
            ..self.event(Kind::Change, "rotated")
        });
    }

    /// Rotates the key that a granted use protects something with, if it is due and the policy wants that done by its use.
    /// The token writes this as it writes the purpose that a use binds, so a read-only session will do. The use goes on
    /// whatever comes of it: what could not be done is in the log, and tried again after an hour.
    #[cold]
    pub(super) fn rotate_when_due(&self, session: SessionHandle, ask: &Ask<'_>) {
        let (Some(entry), Some(object)) = (ask.entry, ask.object) else { return };
        let (facts, now) = (object.facts(), self.guard().now());
        let rotation = object.rules().rotation(now);
        if entry.side() != Side::Originator
            || self.role() != Role::User
            || !facts.token
            || !rotation.automatic
            || rotation.due(facts).is_none_or(|due| now < due)
            || object.attributes().has(CKA_KEYWARD_REPLACEMENT)
            || !object.may_rotate(now)
        {
            return;
        }
        let wanted = Succession { message: "it was due".to_owned(), ..Succession::default() };
        let trouble = match self.rotate(session, true, object, &wanted) {
            Ok(_) => return,
            // Another thread or process was faster, which is as well.
            Err(NotRotated::Denied(denial)) if denial.reason == Reason::Replaced => return,
            Err(NotRotated::Denied(denial)) => denial.to_string(),
            Err(NotRotated::Failed(error)) => error.to_string(),
        };
        let (label, uid) = (&facts.label, object.uid());
        self.guard()
            .journal()
            .line("lifecycle", format_args!("{label:?} {uid} is due and was not rotated: {trouble}"));
    }

    /// Destroys what was replaced and is so long deactivated that the policy wants it gone. Asked for at each login of the
    /// user and at each rotation. What may not be destroyed stays, and the log says why.
    pub fn destroy_replaced(&self, session: SessionHandle) {
        if self.role() != Role::User || !self.guard().rules().destroys_replaced() {
            return;
        }
        if let Err(error) = self.try_destroy_replaced(session) {
            self.guard()
                .journal()
                .line("lifecycle", format_args!("replaced keys were not destroyed: {error}"));
        }
    }

    fn try_destroy_replaced(&self, session: SessionHandle) -> Result<()> {
        let now = self.guard().now();
        for handle in self.find_all(&Attributes::default())? {
            let Some(held) = self.objects.held(handle) else { continue };
            if !held.attributes().has(CKA_KEYWARD_REPLACEMENT) || !held.facts().destroyable {
                continue;
            }
            let Ok(halves) = self.halves(&held) else { continue };
            let process = held.rules().windows(held.facts(), now).1;
            if gone_at(process, &halves.rotation(now)).is_none_or(|at| now < at) {
                continue;
            }
            if let Ok(grant) = self.authorize(session, true, Destroy { object: held }) {
                const SUPERSEDED: u64 = 5;
                let message = "replaced, and deactivated for as long as the policy wants".to_owned();
                let grounds = Grounds { reason: Some(SUPERSEDED), message, occurred: None };
                traced(grant, |grant| self.destroy(handle, grant, &grounds))?;
            }
        }
        Ok(())
    }
}

/// When a replaced key is to be destroyed.
pub fn gone_at(process: Window, rotation: &Rotation) -> Option<UtcSeconds> {
    process.to.zip(rotation.destroy).map(|(end, after)| end.saturating_add(after))
}

/// Does what was granted; how it ended is recorded.
fn traced<O: Op, T>(mut grant: Authorized<O>, work: impl FnOnce(Authorized<O>) -> Result<T>) -> Result<T> {
    let trace = grant.take_trace();
    trace.of(work(grant))
}

/// The half of the old key whose place an object of this class takes.
fn half_of(halves: &Halves, class: Option<u64>) -> Option<&Arc<Held>> {
    if class == Some(CKO_PUBLIC_KEY) { halves.public.as_ref() } else { Some(&halves.lead) }
}

/// The mechanism that makes such a key: the one that made the old one, or else the first that does.
fn maker(old: &Held) -> core::result::Result<CK_MECHANISM_TYPE, Denial> {
    let (facts, secret) = (old.facts(), old.facts().class == CKO_SECRET_KEY);
    let makes = |row: &Row, kind: CK_KEY_TYPE| {
        let does = if secret { row.ops.generate.is_some() } else { row.ops.generate_pair.is_some() };
        does && row.key_types.contains(&kind)
    };
    let recorded = old.attributes().number(CKA_KEY_GEN_MECHANISM).and_then(table::find).map(|(_, row)| row);
    let kind = facts.key_type.unwrap_or(CK_KEY_TYPE::MAX);
    let any = || table::MECHANISMS.iter().copied().find(|row| makes(row, kind));
    recorded.filter(|row| makes(row, kind)).or_else(any).map(|row| row.ckm).ok_or_else(|| {
        let kind = crate::ck::names::key_type_name(kind);
        Denial::new(Reason::MechanismUnknown, format!("the module has no mechanism that makes a {kind} key"))
    })
}

/// Writes the link and the ends of the windows into a key that is replaced. An end that comes sooner stays.
fn retire(
    attributes: &mut Attributes,
    heir: Uid,
    handover: Option<u64>,
    overlap: Option<u64>,
    now: UtcSeconds,
) {
    let facts = KeyFacts::of(attributes);
    attributes.set(CKA_KEYWARD_REPLACEMENT, Value::Bytes(heir.to_string().into_bytes()));
    let (handover, overlap) = match facts.state {
        State::Active | State::PreActive | State::Deactivated => (handover.unwrap_or(0), overlap),
        State::Suspended => (0, Some(0)),
        State::Compromised | State::Destroyed | State::DestroyedCompromised => return,
    };
    let sooner = |there: Window, after: u64| {
        let end = now.saturating_add(after);
        Value::Ulong(there.to.map_or(end, |to| to.min(end)))
    };
    attributes.set(CKA_KEYWARD_PROTECT_STOP_DATE, sooner(facts.protect, handover));
    if let Some(overlap) = overlap {
        attributes.set(CKA_KEYWARD_DEACTIVATION_DATE, sooner(facts.process, overlap));
    }
}

/// What a search makes of generations.
impl Token {
    /// Puts replaced generations behind the others, the newest first, and leaves out what the policy hides. Everything
    /// else stays in its order.
    pub(super) fn in_order_of_generations(&self, found: Vec<ObjectHandle>) -> Vec<ObjectHandle> {
        let mut replaced = Vec::new();
        let mut current = Vec::with_capacity(found.len());
        for handle in found {
            let place = self.objects.table.with(handle.0, |entry| {
                let held = &entry.held;
                let hidden = key::is_key_class(held.facts().class) && self.hides(held);
                (!hidden).then(|| {
                    let was = held.attributes().has(CKA_KEYWARD_REPLACEMENT);
                    was.then(|| succession::generation(held.attributes()))
                })
            });
            match place {
                // Objects that every token brings along stand in no table.
                None | Some(Some(None)) => current.push(handle),
                Some(Some(Some(generation))) => replaced.push((generation, handle)),
                Some(None) => {}
            }
        }
        replaced.sort_by_key(|(generation, _)| core::cmp::Reverse(*generation));
        current.extend(replaced.into_iter().map(|(_, handle)| handle));
        current
    }

    /// Whether the policy hides a key because its time of protecting is over, or stopped.
    fn hides(&self, held: &Held) -> bool {
        if !held.rules().hides_inactive(|| self.guard().now()) {
            return false;
        }
        let now = self.guard().now();
        let (protect, process) = held.rules().windows(held.facts(), now);
        let state = crate::policy::lifecycle::effective_state(held.facts().state, protect, process, now);
        !matches!(state, State::Active | State::PreActive)
    }
}
