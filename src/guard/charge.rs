//! Where a use is held against the limits of its key: at the choke point, and while an operation runs that goes on to count
//! bytes and messages.

use super::Guard;
use super::approval::{self, Question, Spent};
use super::authorized::Authorized;
use super::budget::{Books, Budget};
use super::held::Held;
use super::op::{self, Ask};
use super::underway::Underway;
use crate::ck::{CK_MECHANISM_TYPE, Error, Result};
use crate::policy::{Denial, Entry, Limits, NO_MECHANISM, Reason, Side, Unit};
use cryptoki_sys::CKO_SECRET_KEY;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

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
    underway: Underway,
    /// The first message was counted when the operation began.
    first: bool,
    /// What was agreed to and is spent by it.
    spent: Option<Spent>,
}

impl Charge {
    /// What an operation will count beyond the use that it was granted; nothing where no limit speaks of that.
    pub fn of<O: op::Op, B: Books + 'static>(
        books: &Arc<B>,
        grant: &Authorized<O>,
        messages: bool,
        session: (u64, &Arc<AtomicU32>),
    ) -> Self {
        let ask = grant.op().ask();
        let (Some(entry), Some(held)) = (ask.entry, ask.object) else { return Self(None) };
        let mechanism = mechanism_of(&ask);
        let limited = limits_of(books.guard(), entry, held).is_some_and(|limits| {
            limits.asks(Unit::Bytes, mechanism)
                || (messages || entry == Entry::Wrap) && limits.ask_of(mechanism)
        });
        let spent = grant.spent().cloned();
        if !limited && spent.is_none() {
            return Self(None);
        }
        let running = |underway| Running { underway, first: true, spent };
        Self(Underway::of(books, &ask, mechanism, session).map(running))
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
        let Some(Running { underway, spent, .. }) = &mut self.0 else { return };
        let Underway { books, held, entry, mechanism, .. } = underway;
        if let Some(spent) = spent.take() {
            books.give_back(&spent);
        }
        let Some(limits) = limits_of(books.guard(), *entry, held) else { return };
        let Some(budget) = held.life().budget() else { return };
        for unit in [Unit::Uses, Unit::KeysWrapped] {
            let counted = unit == Unit::Uses || *entry == Entry::Wrap;
            if counted && limits.asks(unit, *mechanism) {
                budget.give_back(unit, *mechanism, 1);
            }
        }
    }
}

impl Running {
    fn bytes(&self, amount: u64) -> Result<()> {
        let Underway { books, held, entry, mechanism, .. } = &self.underway;
        let Some(limits) = limits_of(books.guard(), *entry, held) else { return Ok(()) };
        if !limits.asks(Unit::Bytes, *mechanism) {
            return Ok(());
        }
        let spent = budget_of(&**books, held)
            .and_then(|budget| budget.spend(&**books, held, limits, (Unit::Bytes, *mechanism), amount));
        spent.map_err(|denial| self.underway.refused(&denial))
    }

    fn message(&self) -> Result<()> {
        let Underway { books, held, entry, mechanism, .. } = &self.underway;
        let now = books.guard().now();
        let question = Question { held, entry: *entry, mechanism: Some(*mechanism), now };
        approval::obtain_again(&**books, question)
            .and_then(|()| count_use(books.guard(), &**books, *entry, held, *mechanism))
            .map_err(|denial| self.underway.refused(&denial))
    }
}
