//! The question to the policy, and its answer "yes". `decide` has what lies between.

use super::callers::Caller;
use super::entry::Entry;
use super::parameters::Parameters;
use crate::ck::CK_MECHANISM_TYPE;
use crate::ck::date::UtcSeconds;
use crate::object::facts::{KeyFacts, Purpose, State};
use cryptoki_sys::CKO_SECRET_KEY;

/// What is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Request {
    /// What is to be done.
    pub entry: Entry,
    /// The mechanism, as an index into the table of mechanisms. Needed by every entry that works with one
    /// (all that use or generate a key, but `DigestKey`).
    pub mechanism: Option<usize>,
    /// The mechanism, as the caller names it. A mechanism without an index is refused.
    pub ckm: Option<CK_MECHANISM_TYPE>,
    /// Whether the mechanism is a MAC.
    pub mac: bool,
    /// The moment.
    pub now: UtcSeconds,
    /// The latest moment that was ever seen; 0 where nobody has looked.
    pub seen: UtcSeconds,
    /// The recorded state as it is now; `facts` may be older.
    pub state: State,
    /// The purpose as it is bound now.
    pub purpose: Option<Purpose>,
    /// The parameters of the mechanism.
    pub parameters: Parameters,
    /// Messages are signed one by one, and none of them is looked at before.
    pub messages: bool,
    /// The process that asks; needed where [`super::KeyRules::asks_caller`].
    pub caller: Option<Caller>,
}

/// So many seconds may a clock be set back, as whoever keeps it right does now and then.
const TOLERANCE: u64 = 5 * 60;

impl Request {
    /// Of a key as its facts tell of it, without a mechanism, at a moment, by nobody in particular.
    #[inline]
    #[must_use]
    pub fn about(entry: Entry, facts: &KeyFacts, now: UtcSeconds) -> Self {
        Self {
            entry,
            mechanism: None,
            ckm: None,
            mac: facts.class == CKO_SECRET_KEY,
            now,
            seen: 0,
            state: facts.state,
            purpose: facts.purpose,
            parameters: Parameters::default(),
            messages: false,
            caller: None,
        }
    }

    /// The moment by which it is judged what has begun and what is over: a clock that was set back undoes neither.
    #[inline]
    pub(super) fn judged_at(&self) -> UtcSeconds {
        if self.now.saturating_add(TOLERANCE) < self.seen { self.seen } else { self.now }
    }
}

/// The answer "yes".
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub struct Verdict {
    /// A purpose that must be bound, persistently and for both halves of a pair, before the operation
    /// goes on.
    pub bind: Option<Purpose>,
    /// The key is not active yet: it may sign its own certification request and nothing else, which whoever has the data must see to.
    pub proves_possession: bool,
    /// Rules with later dates, or drafts, speak of this key too: [`super::ahead`] tells whether they would refuse.
    pub dated: bool,
}
