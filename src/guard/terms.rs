//! What rules ask of the parameters that come with each message: the functions for messages, and those that wrap with
//! associated data, name IV and tag only after the use of the key was granted.

use super::budget::Books;
use super::caller;
use super::held::Held;
use super::op::{self, Op};
use crate::ck::message::{IvGenerator, MessageParams, MessageStep};
use crate::ck::{CK_MECHANISM_TYPE, Error, Mechanism, Result};
use crate::policy::{self, Entry, Measured, Parameter, Parameters, Request};
use cryptoki_sys::CKO_SECRET_KEY;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// An IV counts as made here where at least so many of its bits are.
const FEWEST_MADE_BITS: u64 = 32;

/// The rules that were in force when the operation began; nothing where none asks for parameters.
#[derive(Default)]
pub struct Terms(Option<Running>);

struct Running {
    books: Arc<dyn Books>,
    held: Arc<Held>,
    entry: Entry,
    mechanism: CK_MECHANISM_TYPE,
    /// Who was logged in when the operation began.
    user: Option<String>,
    session: u64,
    /// Where the session keeps the reason of its last refusal.
    reason: Arc<AtomicU32>,
}

impl Terms {
    /// Those of an operation that was granted.
    pub fn of<O: Op, B: Books + 'static>(
        books: &Arc<B>,
        op: &O,
        user: Option<String>,
        (session, reason): (u64, &Arc<AtomicU32>),
    ) -> Self {
        let ask = op.ask();
        let (Some(entry), Some(held), Some(mechanism)) = (ask.entry, ask.object, ask.mechanism) else {
            return Self(None);
        };
        let asked = held.rules().while_in(user.as_deref()).asks_parameters();
        Self(asked.then(|| Running {
            books: Arc::<B>::clone(books),
            held: Arc::clone(held),
            entry,
            mechanism: mechanism.ckm,
            user,
            session,
            reason: Arc::clone(reason),
        }))
    }

    /// Judges the parameter of a message as far as this step brings it.
    ///
    /// # Errors
    /// `CKR_MECHANISM_PARAM_INVALID`
    #[inline]
    pub fn judge(&self, params: &MessageParams, step: MessageStep) -> Result<()> {
        match &self.0 {
            Some(running) => running.judge(&told(params, step)),
            None => Ok(()),
        }
    }
}

/// What rules can ask of a message.
fn told(params: &MessageParams, step: MessageStep) -> Parameters {
    let bits = |bytes: &[u8]| (bytes.len() as u64).saturating_mul(8);
    let begins = matches!(step, MessageStep::Whole | MessageStep::Begin);
    let ends = matches!(step, MessageStep::Whole | MessageStep::Last);
    let when =
        |has: bool, bits: u64| -> Measured { if has { Parameter::Is(bits) } else { Parameter::Absent } };
    let made_bits = match params.generator {
        IvGenerator::Caller => 0,
        _ => bits(&params.iv).saturating_sub(params.fixed_bits),
    };
    Parameters {
        iv: when(begins, bits(&params.iv)),
        iv_made: if begins { Parameter::Is(made_bits >= FEWEST_MADE_BITS) } else { Parameter::Absent },
        tag: when(ends, bits(&params.tag)),
        ..Parameters::default()
    }
}

impl Running {
    fn judge(&self, parameters: &Parameters) -> Result<()> {
        let facts = self.held.facts();
        let rules = self.held.rules().while_in(self.user.as_deref());
        let request = Request {
            entry: self.entry,
            mechanism: None,
            ckm: Some(self.mechanism),
            mac: facts.class == CKO_SECRET_KEY,
            now: self.books.guard().now(),
            state: facts.state,
            purpose: facts.purpose,
            parameters: *parameters,
            caller: caller::asked_by(&rules),
            seen: 0,
        };
        policy::bears_parameters(&rules, facts, &request).map_err(|denial| {
            let mechanism = Mechanism::plain(self.mechanism);
            let ask = op::uses(self.entry, &mechanism, &self.held);
            self.books.refuse(self.session, &ask, &denial);
            self.reason.store(denial.reason.code(), Ordering::Relaxed);
            Error::MechanismParamInvalid
        })
    }
}
