//! An operation that goes on after it was granted, as far as it may still be refused: by what its key has left
//! (`charge`), by who must agree to each message (`approval`), by the parameters of a message (`terms`), by what is signed (`possession`).

use super::budget::Books;
use super::held::Held;
use super::op::{self, Ask};
use crate::ck::{CK_MECHANISM_TYPE, Error, Mechanism};
use crate::policy::{Denial, Entry};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

pub(super) struct Underway {
    pub(super) books: Arc<dyn Books>,
    pub(super) held: Arc<Held>,
    pub(super) entry: Entry,
    pub(super) mechanism: CK_MECHANISM_TYPE,
    session: u64,
    /// Where the session keeps the reason of its last refusal.
    reason: Arc<AtomicU32>,
}

impl Underway {
    /// What was asked and granted; `None` where it has no key that is used.
    pub(super) fn of<B: Books + 'static>(
        books: &Arc<B>,
        ask: &Ask<'_>,
        mechanism: CK_MECHANISM_TYPE,
        (session, reason): (u64, &Arc<AtomicU32>),
    ) -> Option<Self> {
        let (entry, held) = ask.entry.zip(ask.object)?;
        Some(Self {
            books: Arc::<B>::clone(books),
            held: Arc::clone(held),
            entry,
            mechanism,
            session,
            reason: Arc::clone(reason),
        })
    }

    /// Says what is refused in the middle of it, and why. Answers the code that the caller gets.
    #[cold]
    pub(super) fn refused(&self, denial: &Denial) -> Error {
        let mechanism = Mechanism::plain(self.mechanism);
        let ask = op::uses(self.entry, &mechanism, &self.held);
        self.books.refuse(self.session, &ask, denial);
        self.reason.store(denial.reason.code(), Ordering::Relaxed);
        denial.error
    }
}
