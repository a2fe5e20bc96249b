//! Floor 7: the law in force. The only code that can see a stored key, and the only code that can
//! say yes: [`Guard::authorize`] is the choke point that every operation passes, once, when it starts.
//!
//! `policy` knows the rules and no keys; this floor holds the keys under the rules. They share a folder
//! with the vault and the witness because only so can a key's material be private to all three.
#![forbid(unsafe_code)]

mod alarm;
mod approval;
mod authorized;
mod budget;
pub mod caller;
mod charge;
pub(crate) mod codec;
mod derivation;
mod explain;
mod held;
pub mod journal;
pub mod op;
mod order;
mod possession;
pub mod signals;
mod succession;
mod terms;
mod trace;
mod underway;
pub mod vault;

pub use alarm::Answer;
pub use approval::{Agreed, Question, Requests, Spent, has_copy};
pub use authorized::{Authorized, Obligations};
pub use budget::{Block, Books, Budget};
pub use charge::Charge;
pub use held::{Fresh, Held, Kept, Life};
pub use journal::{Journal, Sink};
pub use order::offers;
pub use possession::Possession;
pub use terms::Terms;
pub use trace::Trace;

use crate::audit::Trail;
use crate::ck::MechanismSet;
use crate::ck::date::{UtcSeconds, display_utc};
use crate::crypto::mechanism::Row;
use crate::object::Purpose;
use crate::policy::{self, Denial, KeyRules, Reason, Request, Ruleset};
use crate::sys::clock;
use arc_swap::ArcSwap;
use op::Op;
use signals::Signals;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Who asks, and in which state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Caller<'a> {
    /// Who is logged in to the token.
    pub role: Role,
    /// The name of who that is, for the record.
    pub name: &'a str,
    /// The handle of the session that asks, for the record.
    pub session: u64,
    /// Whether the session may write token objects.
    pub read_write: bool,
}

impl<'a> Caller<'a> {
    /// The name of who is logged in; `None` where nobody is.
    #[inline]
    pub fn user(&self) -> Option<&'a str> {
        (self.role != Role::Public).then_some(self.name)
    }
}

/// Login state of a token in one process (PKCS#11 3.2, 5.6).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Role {
    /// Nobody.
    Public = 0,
    /// The user.
    User = 1,
    /// The security officer.
    SecurityOfficer = 2,
}

impl Role {
    /// The word for people and for rows.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::User => "user",
            Self::SecurityOfficer => "so",
        }
    }
}

/// The law of one token.
pub struct Guard {
    law: ArcSwap<Law>,
    /// It was closed at some time, so each decision looks whether it is. Set before the law says so, and never taken back:
    /// whoever opens it again would have to be told from whoever closes it at the same time.
    was_closed: AtomicBool,
    journal: Arc<Journal>,
    /// The record; none where a store has no place for it.
    trail: Option<Arc<Trail>>,
    watch: alarm::Watch,
    clock: fn() -> UtcSeconds,
}

/// What the record of every key is at least.
#[derive(Clone, Copy)]
struct AuditOfAll {
    least: policy::Audit,
    /// Nothing is done without its record.
    required: bool,
    /// Every record is on the disk before the caller hears of the end.
    lasting: bool,
}

/// What a grant is made of, beside its operation: filled in where it lies while the question is judged, because what is
/// handed from floor to floor is copied each time. Nothing of it counts before all has been judged.
#[derive(Default)]
struct Granted {
    row: Option<&'static Row>,
    obligations: Obligations,
    /// Which of the second keys are bound to which purpose.
    bound: Vec<(usize, Purpose)>,
    trace: Trace,
    spent: Option<Spent>,
}

/// The rules in force, and what follows from them for the whole token.
struct Law {
    rules: Arc<Ruleset>,
    /// Mechanisms that nobody may use on this token, key or no key.
    denied: MechanismSet,
    /// Why the token's own rules cannot be put in force; then nothing is allowed.
    unusable: Option<String>,
}

impl Law {
    fn of(rules: Arc<Ruleset>) -> Self {
        let denied = rules.denied_mechanisms();
        Self { rules, denied, unusable: None }
    }
}

impl Guard {
    /// A guard under these rules.
    pub fn new(rules: Arc<Ruleset>, journal: Arc<Journal>, trail: Option<Arc<Trail>>) -> Self {
        let watch = alarm::Watch::new(Arc::new(Signals::in_memory()), "");
        Self {
            law: ArcSwap::from_pointee(Law::of(rules)),
            was_closed: AtomicBool::new(false),
            journal,
            trail,
            watch,
            clock: clock::utc_seconds,
        }
    }

    /// The same guard, that counts what its alarms watch together with all processes that use the token.
    #[must_use]
    pub fn counting_in(self, signals: Arc<Signals>, serial: &str) -> Self {
        Self { watch: alarm::Watch::new(signals, serial), ..self }
    }

    /// The same guard with another clock: how tests walk through a key's life.
    #[must_use]
    pub fn with_clock(self, clock: fn() -> UtcSeconds) -> Self {
        Self { clock, ..self }
    }

    /// The rules in force.
    pub fn rules(&self) -> Arc<Ruleset> {
        Arc::clone(&self.law.load().rules)
    }

    /// Puts other rules in force, for what is asked from now on.
    pub fn put_in_force(&self, rules: Arc<Ruleset>) {
        self.law.store(Arc::new(Law::of(rules)));
    }

    /// Allows nothing from now on, until other rules are put in force.
    pub fn close(&self, reason: String) {
        self.was_closed.store(true, Ordering::SeqCst);
        self.law.rcu(|law| Law {
            rules: Arc::clone(&law.rules),
            denied: law.denied,
            unusable: Some(reason.clone()),
        });
    }

    /// Why nothing is allowed, where nothing is.
    pub fn closed(&self) -> Option<String> {
        self.law.load().unusable.clone()
    }

    /// What is recorded at least. What is done with a key is recorded as the rules say that it is judged by; other objects
    /// do not hear of new rules.
    #[inline]
    fn audit_of_all(&self, object: Option<&Arc<Held>>) -> AuditOfAll {
        let key = object.filter(|object| object.facts().key_type.is_some());
        let keys = key.map_or_else(|| self.law.load().rules.keys(), |key| *key.rules().for_every_key());
        AuditOfAll {
            least: keys.audit,
            required: keys.audit_required,
            lasting: keys.audit_sync == policy::AuditSync::All,
        }
    }

    /// So many seconds without a call end a login.
    pub fn idle_logout_seconds(&self) -> Option<u64> {
        self.law.load().rules.token().idle_logout_seconds
    }

    /// Whether nobody may use a mechanism, by row.
    fn denies(&self, row: usize) -> bool {
        self.law.load().denied.contains(row)
    }

    /// There are rules by which to judge.
    #[inline]
    fn has_law(&self) -> Result<(), Denial> {
        if self.was_closed.load(Ordering::SeqCst) { self.is_open() } else { Ok(()) }
    }

    #[cold]
    fn is_open(&self) -> Result<(), Denial> {
        match &self.law.load().unusable {
            None => Ok(()),
            Some(reason) => Err(Denial::new(Reason::PolicyUnusable, reason.as_str())),
        }
    }

    /// The log.
    pub const fn journal(&self) -> &Arc<Journal> {
        &self.journal
    }

    /// The record.
    pub const fn trail(&self) -> Option<&Arc<Trail>> {
        self.trail.as_ref()
    }

    /// Now, as the guard sees it.
    pub fn now(&self) -> UtcSeconds {
        (self.clock)()
    }

    /// The latest moment that any process of the store has seen, which is now unless the clock was set back.
    #[inline]
    pub fn latest(&self) -> UtcSeconds {
        self.latest_at(self.now())
    }

    /// The same at this moment.
    #[inline]
    fn latest_at(&self, now: UtcSeconds) -> UtcSeconds {
        self.watch.signals.latest(now)
    }

    /// The only way to use a key. The checks run in one order, written once in [`order`]; the first
    /// refusal decides the return code, and leaves one line in the log and one record. What is allowed then waits for those
    /// who must agree ([`approval`]), and is counted last of all, where a limit asks for it ([`charge`]): what is refused
    /// costs no part of a budget. It leaves its record when it has ended, as far as the policy wants one ([`Trace`]).
    ///
    /// # Errors
    /// [`Denial`]: the reason, the rules and the words behind it.
    pub fn authorize<O: Op>(
        &self,
        who: &Caller<'_>,
        books: &dyn Books,
        op: O,
    ) -> Result<Authorized<O>, Denial> {
        let mut granted = Granted::default();
        self.grant(who, books, &op.ask(), &mut granted)?;
        Ok(Authorized::granted(op, granted))
    }

    /// All of it that is the same for every operation.
    fn grant(
        &self,
        who: &Caller<'_>,
        books: &dyn Books,
        ask: &op::Ask<'_>,
        granted: &mut Granted,
    ) -> Result<(), Denial> {
        self.judge(who, books, ask, granted).inspect_err(|denial| self.refused(who, ask, denial))
    }

    #[inline]
    fn judge(
        &self,
        who: &Caller<'_>,
        books: &dyn Books,
        ask: &op::Ask<'_>,
        granted: &mut Granted,
    ) -> Result<(), Denial> {
        order::judge(self, who, ask, granted)?;
        self.watch(who, ask)?;
        if approval::waits(ask) {
            granted.spent = approval::obtain(self, books, ask)?;
        }
        charge::count(self, books, ask)?;
        if let Some(trace) = self.trace(who, ask)? {
            granted.trace = trace;
        }
        Ok(())
    }

    /// Says, once a day for each key, that a use will be refused: by a rule whose date lies ahead, or by a draft.
    #[cold]
    fn warn_of_later_rules(&self, object: &Held, rules: &KeyRules, request: &Request) {
        if !object.may_warn(request.now) {
            return;
        }
        if let Some((from, denial)) = policy::ahead(rules, object.facts(), request) {
            let when =
                from.map_or_else(|| "by a draft".to_owned(), |from| format!("from {}", display_utc(from)));
            let (label, uid) = (&object.facts().label, object.uid());
            self.journal
                .line("warning", format_args!("will be refused {when}: {denial} (object {label:?} {uid})"));
        }
    }

    #[cold]
    pub(crate) fn refused(&self, who: &Caller<'_>, ask: &op::Ask<'_>, denial: &Denial) {
        self.record_refusal(who, ask, denial);
        self.watch_refusal(who, ask);
        let label = ask.object.map_or("", |object| object.facts().label.as_str());
        let uid = ask.object.map(|object| object.uid().to_string()).unwrap_or_default();
        self.journal.line(
            "denied",
            format_args!(
                "{denial} (reason {:#x}, {}, object {label:?} {uid})",
                denial.reason.code(),
                denial.error
            ),
        );
    }
}
