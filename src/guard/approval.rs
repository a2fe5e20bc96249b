//! Where an operation waits for others: for those who must agree to it (`approvals`), and for the copy that must be kept of
//! its key (`escrow = "required"`). Asked last before it is counted, so that nobody is asked about what is refused anyway.
//!
//! Who must agree, and how many, the policy says; the token keeps the requests and what was said to them ([`Requests`]).
//! An approval is for one operation of one requester with one key and one mechanism, and is spent by it.

use super::Guard;
use super::budget::Books;
use super::charge;
use super::held::Held;
use super::op::{Ask, Makes};
use crate::ck::vendor::CKA_KEYWARD_ESCROW_DATE;
use crate::ck::{CK_MECHANISM_TYPE, Error, Result};
use crate::object::State;
use crate::policy::{Approval, Denial, Entry, Reason, Side};
use std::sync::Arc;

/// Where requests lie, with what was said to them; the token.
pub trait Requests: Send + Sync {
    /// Spends what was agreed to for all of these questions, in one transaction that is on the disk when this returns.
    /// Where something is missing nothing is spent, and a request is opened for each question that lacks it.
    ///
    /// # Errors
    /// Those of the store. Then nothing is agreed to.
    fn spend(&self, questions: &[Question<'_>]) -> Result<Agreed>;

    /// What [`Self::spend`] would answer; nothing is spent or opened.
    ///
    /// # Errors
    /// Those of the store.
    fn look(&self, questions: &[Question<'_>]) -> Result<Agreed>;

    /// What was spent counts again: the operation came to nothing.
    fn give_back(&self, spent: &Spent);

    /// The moment before which what was in the store then is in a copy of it; `None` where there is no copy.
    fn backed_up(&self) -> Option<u64>;
}

/// What was agreed to and is spent, as whoever keeps the requests writes it down.
pub type Spent = Arc<[u8]>;

/// One key, and what is to be done with it.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    /// The key.
    pub held: &'a Held,
    /// As policies name it.
    pub entry: Entry,
    /// By which mechanism.
    pub mechanism: Option<CK_MECHANISM_TYPE>,
    /// Now, as the guard sees it.
    pub now: u64,
}

/// What came of asking.
pub enum Agreed {
    /// Nobody needs to be asked, or all have agreed; what they said is spent.
    Yes(Option<Spent>),
    /// Something is missing.
    Not {
        /// What, and by which rules.
        denial: Denial,
        /// Under which name others find the request; `None` where none could be opened, and why.
        request: core::result::Result<String, &'static str>,
    },
}

impl Question<'_> {
    /// What is missing, given what was said. `requester` is the name of who asks, where they have one.
    pub fn missing(&self, requester: Option<&str>, given: &[Approval<'_>]) -> Option<Denial> {
        let rules = self.held.rules();
        rules.unapproved(self.entry, self.held.facts(), (self.now, requester), given)
    }
}

/// What is asked of an object, in the words of `approvals`; `None` where nobody else is asked. To suspend a key or to
/// declare it compromised takes away and cannot wait.
fn entry_of(ask: &Ask<'_>) -> Option<Entry> {
    let gone = ask.object.is_some_and(|object| object.facts().state == State::Destroyed);
    match ask.makes {
        // Nothing is destroyed twice: it is only noted of what is left.
        Makes::Transition(State::DestroyedCompromised) if gone => None,
        Makes::Transition(State::Destroyed | State::DestroyedCompromised) => Some(Entry::Destroy),
        Makes::Transition(State::Suspended | State::Deactivated | State::Compromised) => None,
        _ => ask.entry,
    }
}

/// Every key of an operation, and what is done with it.
fn keys<'a>(ask: &Ask<'a>) -> impl Iterator<Item = (Entry, &'a Arc<Held>)> {
    let first = entry_of(ask).zip(ask.object);
    let target = ask.target.map(|target| (Entry::WrapTarget, target));
    let seconds = ask.seconds.iter().map(|second| (Entry::DeriveSecond, second));
    first.into_iter().chain(target).chain(seconds)
}

fn questions<'a>(guard: &Guard, ask: &Ask<'a>) -> Vec<Question<'a>> {
    let (mechanism, now) = (ask.mechanism.map(|mechanism| mechanism.ckm), guard.now());
    let asking = keys(ask).filter(|(_, held)| held.rules().asks_approval());
    asking.map(|(entry, held)| Question { held, entry, mechanism, now }).collect()
}

/// Whether an operation waits for anybody or anything at all: a look at what was compiled.
#[inline]
pub(super) fn waits(ask: &Ask<'_>) -> bool {
    let waits = |held: &Arc<Held>| held.rules().asks_approval() || held.rules().asks_backup();
    ask.object.is_some_and(waits) || ask.target.is_some_and(waits) || ask.seconds.iter().any(waits)
}

/// There is a copy of every key that is used, and those who must agree to the operation have. What they agreed to is spent.
#[cold]
pub(super) fn obtain(
    guard: &Guard,
    books: &dyn Books,
    ask: &Ask<'_>,
) -> core::result::Result<Option<Spent>, Denial> {
    has_copies(guard, books, ask)?;
    let questions = questions(guard, ask);
    if questions.is_empty() {
        return Ok(None);
    }
    // What the budget would refuse anyway must cost nobody's word.
    charge::peek(guard, books, ask)?;
    answered(books.spend(&questions))
}

/// The same for a message after the first of a running operation: an approval is for one.
pub(super) fn obtain_again(books: &dyn Books, question: Question<'_>) -> core::result::Result<(), Denial> {
    if question.held.rules().asks_approval() {
        answered(books.spend(&[question])).map(|_| ())
    } else {
        Ok(())
    }
}

/// What [`obtain`] would answer, for people; nothing is spent and nobody is asked.
pub(super) fn peek(guard: &Guard, books: &dyn Books, ask: &Ask<'_>) -> core::result::Result<String, Denial> {
    has_copies(guard, books, ask)?;
    let questions = questions(guard, ask);
    answered(books.look(&questions))?;
    Ok(if questions.is_empty() { "nobody else is asked" } else { "all who must agree have" }.to_owned())
}

fn answered(agreed: Result<Agreed>) -> core::result::Result<Option<Spent>, Denial> {
    let (denial, request) = match agreed {
        Ok(Agreed::Yes(spent)) => return Ok(spent),
        Ok(Agreed::Not { denial, request }) => (denial, request),
        Err(error) => return Err(unavailable(error)),
    };
    let hint = match request {
        Ok(id) => format!("request {id} is open: keyward approve {id}"),
        Err(reason) => reason.to_owned(),
    };
    Err(Denial { detail: format!("{}; {hint}", denial.detail), ..denial })
}

#[cold]
fn unavailable(error: Error) -> Denial {
    Denial::new(
        Reason::Approval,
        format!("nobody can be asked: the token's requests cannot be used: {error}"),
    )
}

/// Every key that is used, and that must be backed up before, is.
fn has_copies(guard: &Guard, books: &dyn Books, ask: &Ask<'_>) -> core::result::Result<(), Denial> {
    for (entry, held) in keys(ask) {
        let (rules, facts) = (held.rules(), held.facts());
        if !rules.asks_backup() || entry.side() == Side::Neither {
            continue;
        }
        if has_copy(held, books.backed_up()) {
            continue;
        }
        if let Some(denial) = rules.not_backed_up(facts, guard.now()) {
            return Err(denial);
        }
    }
    Ok(())
}

/// Whether a copy of a key is kept somewhere: of the whole store as it was before this moment, or because it left wrapped.
pub fn has_copy(held: &Held, backed_up: Option<u64>) -> bool {
    let facts = held.facts();
    // What was made in the second in which a copy was begun may be missing there.
    let copied = facts.token && backed_up.is_some_and(|at| facts.initial_date < at);
    copied || held.attributes().has(CKA_KEYWARD_ESCROW_DATE)
}
