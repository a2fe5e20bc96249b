//! What rules ask of the parameters that come with each message: the functions for messages, and those that wrap with
//! associated data, name IV and tag only after the use of the key was granted.

use super::budget::Books;
use super::op::Op;
use super::order;
use super::underway::Underway;
use crate::ck::Result;
use crate::ck::message::{IvGenerator, MessageParams, MessageStep};
use crate::policy::{self, Measured, Parameter, Parameters, Request};
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

/// An IV counts as made here where at least so many of its bits are.
const FEWEST_MADE_BITS: u64 = 32;

/// The rules that were in force when the operation began; nothing where none asks for parameters.
#[derive(Default)]
pub struct Terms(Option<Running>);

struct Running {
    underway: Underway,
    /// Who was logged in when the operation began.
    user: Option<String>,
}

impl Terms {
    /// Those of an operation that was granted.
    pub fn of<O: Op, B: Books + 'static>(
        books: &Arc<B>,
        op: &O,
        user: Option<String>,
        session: (u64, &Arc<AtomicU32>),
    ) -> Self {
        let ask = op.ask();
        let (Some(held), Some(mechanism)) = (ask.object, ask.mechanism) else { return Self(None) };
        if !held.rules().while_in(user.as_deref()).asks_parameters() {
            return Self(None);
        }
        Self(Underway::of(books, &ask, mechanism.ckm, session).map(|underway| Running { underway, user }))
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
        let Underway { books, held, entry, mechanism, .. } = &self.underway;
        let rules = held.rules().while_in(self.user.as_deref());
        let question = order::question(books.guard(), *entry, held.facts(), &rules);
        let request = Request { ckm: Some(*mechanism), parameters: *parameters, ..question };
        policy::bears_parameters(&rules, held.facts(), &request)
            .map_err(|denial| self.underway.refused(&denial))
    }
}
