//! Where a use is held against the limits of its key: at the choke point, and while an operation runs that goes on to count
//! bytes and messages.

use super::Guard;
use super::approval::{self, Question};
use super::budget::{Books, Budget};
use super::held::Held;
use super::op::{self, Ask};
use crate::ck::{CK_MECHANISM_TYPE, Error, Mechanism, Result};
use crate::policy::{Denial, Entry, Limits, NO_MECHANISM, Reason, Side, Unit};
use cryptoki_sys::CKO_SECRET_KEY;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// The limits of one use of a key; `None` where nothing is to be counted. Only what protects is (KMIP 2.1, 4.59).
#[inline]
fn limits_of<'h>(guard: &Guard, entry: Entry, held: &'h Held) -> Option<&'h Limits> {
    let rules = held.rules();
    if !rules.is_limited() || entry.side() != Side::Originator {
        return None;
    }
    let facts = held.facts();
    let purpose = entry.purpose(facts, facts.class == CKO_SECRET_KEY);
    let limits = rules.limits(purpose, facts.purpose, || guard.latest());
    (!limits.is_empty()).then_some(limits)
}

/// The key's budget, found once.
fn budget_of<'h>(books: &dyn Books, held: &'h Held) -> core::result::Result<&'h Arc<Budget>, Denial> {
    if let Some(budget) = held.life().budget() {
        return Ok(budget);
    }
    let unavailable = |error: Error| {
        Denial::new(Reason::BudgetUnavailable, format!("the use of the key cannot be counted: {error}"))
    };
    books.open(held).map_err(unavailable)?;
    held.life().budget().ok_or_else(|| unavailable(Error::GeneralError))
}

/// Counts one use of one key, or refuses it.
#[inline]
fn count_use(
    guard: &Guard,
    books: &dyn Books,
    entry: Entry,
    held: &Held,
    ckm: CK_MECHANISM_TYPE,
) -> core::result::Result<(), Denial> {
    match limits_of(guard, entry, held) {
        None => Ok(()),
        Some(limits) => count_limited(limits, books, entry, held, ckm),
    }
}

fn count_limited(
    limits: &Limits,
    books: &dyn Books,
    entry: Entry,
    held: &Held,
    ckm: CK_MECHANISM_TYPE,
) -> core::result::Result<(), Denial> {
    let uses = limits.asks(Unit::Uses, ckm);
    let wrapped = entry == Entry::Wrap && limits.asks(Unit::KeysWrapped, ckm);
    if !uses && !wrapped && !limits.has_rates() {
        return Ok(());
    }
    let budget = budget_of(books, held)?;
    if limits.has_rates() {
        budget.tick(held, limits, ckm)?;
    }
    if uses {
        budget.spend(books, held, limits, (Unit::Uses, ckm), 1)?;
    }
    if wrapped {
        budget.spend(books, held, limits, (Unit::KeysWrapped, ckm), 1).inspect_err(|_| {
            if uses {
                budget.give_back(Unit::Uses, ckm, 1);
            }
        })?;
    }
    Ok(())
}

fn mechanism_of(ask: &Ask<'_>) -> CK_MECHANISM_TYPE {
    ask.mechanism.map_or(NO_MECHANISM, |mechanism| mechanism.ckm)
}

/// Counts the uses of all keys of an operation that is otherwise allowed, or refuses it.
#[inline]
pub(super) fn count(guard: &Guard, books: &dyn Books, ask: &Ask<'_>) -> core::result::Result<(), Denial> {
    if let (Some(entry), Some(object)) = (ask.entry, ask.object) {
        count_use(guard, books, entry, object, mechanism_of(ask))?;
    }
    for second in ask.seconds {
        count_use(guard, books, Entry::DeriveSecond, second, mechanism_of(ask))?;
    }
    Ok(())
}

/// Whether there would be room for the uses of an operation; nothing is counted. Answers what was counted so far, for people.
pub(super) fn peek(guard: &Guard, books: &dyn Books, ask: &Ask<'_>) -> core::result::Result<String, Denial> {
    let mut told = Vec::new();
    let ckm = mechanism_of(ask);
    let first = ask.entry.zip(ask.object);
    let seconds = ask.seconds.iter().map(|second| (Entry::DeriveSecond, second));
    for (entry, held) in first.into_iter().chain(seconds) {
        let Some(limits) = limits_of(guard, entry, held) else { continue };
        if !limits.ask_of(ckm) {
            continue;
        }
        let unavailable = |error: Error| {
            Denial::new(Reason::BudgetUnavailable, format!("the use of the key cannot be counted: {error}"))
        };
        let used = budget_of(books, held)?.used(books).map_err(unavailable)?;
        for unit in [Unit::Uses, Unit::KeysWrapped] {
            let counts = unit == Unit::Uses || entry == Entry::Wrap;
            if counts && limits.asks(unit, ckm) && limits.room(unit, ckm, &used) < 1 {
                return Err(held.rules().exhausted(limits, (unit, ckm), 1, &used));
            }
        }
        told.extend(held.rules().spent(&used, guard.now()).iter().map(ToString::to_string));
    }
    Ok(if told.is_empty() { "nothing of this is limited".to_owned() } else { told.join("; ") })
}

/// What a running operation goes on to count: bytes, and messages after the first.
#[derive(Default)]
pub struct Charge(Option<Running>);

struct Running {
    books: Arc<dyn Books>,
    held: Arc<Held>,
    entry: Entry,
    mechanism: CK_MECHANISM_TYPE,
    session: u64,
    /// Where the session keeps the reason of its last refusal.
    reason: Arc<AtomicU32>,
    /// The first message was counted when the operation began.
    first: bool,
}

impl Charge {
    /// What an operation will count beyond the use that it was granted; nothing where no limit speaks of that.
    pub fn of<O: op::Op, B: Books + 'static>(
        books: &Arc<B>,
        op: &O,
        messages: bool,
        (session, reason): (u64, &Arc<AtomicU32>),
    ) -> Self {
        let ask = op.ask();
        let (Some(entry), Some(held)) = (ask.entry, ask.object) else { return Self(None) };
        let mechanism = mechanism_of(&ask);
        let limited = limits_of(books.guard(), entry, held).is_some_and(|limits| {
            limits.asks(Unit::Bytes, mechanism)
                || (messages || entry == Entry::Wrap) && limits.ask_of(mechanism)
        });
        let counts = limited || messages && held.rules().asks_approval();
        Self(counts.then(|| Running {
            books: Arc::<B>::clone(books),
            held: Arc::clone(held),
            entry,
            mechanism,
            session,
            reason: Arc::clone(reason),
            first: true,
        }))
    }

    /// Bytes go through now.
    ///
    /// # Errors
    /// `CKR_KEY_EXHAUSTED`, `CKR_FUNCTION_FAILED` where they cannot be counted.
    #[inline]
    pub fn bytes(&self, amount: usize) -> Result<()> {
        match &self.0 {
            Some(running) if amount > 0 => running.bytes(amount as u64),
            _ => Ok(()),
        }
    }

    /// A message begins.
    ///
    /// # Errors
    /// `CKR_KEY_EXHAUSTED`, `CKR_ACTION_PROHIBITED` where there were too many in a span of time, `CKR_FUNCTION_FAILED` where it
    /// cannot be counted.
    pub fn message(&mut self) -> Result<()> {
        match &mut self.0 {
            None => Ok(()),
            Some(running) => {
                if std::mem::take(&mut running.first) {
                    Ok(())
                } else {
                    running.message()
                }
            }
        }
    }

    /// The use came to nothing: the caller only asked for a length, or brought too little room.
    pub fn undo(&mut self) {
        let Some(running) = &mut self.0 else { return };
        let Some(limits) = limits_of(running.books.guard(), running.entry, &running.held) else { return };
        let Some(budget) = running.held.life().budget() else { return };
        for unit in [Unit::Uses, Unit::KeysWrapped] {
            let counted = unit == Unit::Uses || running.entry == Entry::Wrap;
            if counted && limits.asks(unit, running.mechanism) {
                budget.give_back(unit, running.mechanism, 1);
            }
        }
    }
}

impl Running {
    fn bytes(&self, amount: u64) -> Result<()> {
        let books = &*self.books;
        let Some(limits) = limits_of(books.guard(), self.entry, &self.held) else { return Ok(()) };
        if !limits.asks(Unit::Bytes, self.mechanism) {
            return Ok(());
        }
        let spent = budget_of(books, &self.held).and_then(|budget| {
            budget.spend(books, &self.held, limits, (Unit::Bytes, self.mechanism), amount)
        });
        spent.map_err(|denial| self.refused(&denial))
    }

    fn message(&self) -> Result<()> {
        let books = &*self.books;
        let (entry, now) = (self.entry, books.guard().now());
        let question = Question { held: &self.held, entry, mechanism: Some(self.mechanism), now };
        approval::obtain_again(books, question)
            .and_then(|()| count_use(books.guard(), books, entry, &self.held, self.mechanism))
            .map_err(|denial| self.refused(&denial))
    }

    #[cold]
    fn refused(&self, denial: &Denial) -> Error {
        let mechanism = Mechanism::plain(self.mechanism);
        let ask = op::uses(self.entry, &mechanism, &self.held);
        self.books.refuse(self.session, &ask, denial);
        self.reason.store(denial.reason.code(), Ordering::Relaxed);
        denial.error
    }
}
