//! Floor 6: the law. A policy file becomes a [`Ruleset`]; a rule set and the facts of an object become
//! [`KeyRules`]; those and a [`Request`] become a verdict or a [`Denial`].
//!
//! May live here: what is allowed and why not. May not: secrets, clocks, locks, input or output. The same
//! question always has the same answer, so a policy can be tested and replayed; `extends` reads other
//! files only through a closure of the caller's.
//!
//! The way of a file: `document` (what was written, every mistake with its place) -> `compile` (several
//! documents become one, names become sets) -> `ruleset` (what applies to one object) -> `decide` (the hot
//! path). `explain` walks the very checks of `decide`. `docs/policy-reference.md` has the whole
//! language.
#![forbid(unsafe_code)]

mod alarm;
mod approval;
mod callers;
mod compile;
mod decide;
mod denial;
mod describe;
mod diagnostic;
mod document;
mod entry;
mod escrow;
mod explain;
mod flag;
mod floor;
mod hours;
mod hypothesis;
mod judge;
mod keys;
pub mod lifecycle;
mod limits;
mod lint;
mod naming;
mod numbers;
mod parameters;
mod pattern;
mod possession;
mod read;
mod record;
mod request;
mod rotation;
mod ruleset;
mod sets;
mod shipped;
pub mod strength;
mod trial;
mod when;
mod word;
mod wording;

pub use alarm::{Alarm, Signal};
pub use approval::Approval;
pub use callers::Caller;
pub use decide::{ahead, bears_parameters, decide};
pub use denial::{Denial, Reason};
pub use diagnostic::Diagnostic;
pub use entry::{Entry, Side, candidate_purposes};
pub use explain::{Explanation, Outcome, Step, explain};
pub use floor::UnsafeAllow;
pub use hypothesis::{Hypothesis, mechanism_named};
pub use limits::{Counts, Limits, NO_MECHANISM, Spent, Unit};
pub use parameters::{Measured, Named, Parameter, Parameters};
pub use pattern::{GROUPS, literally};
pub use record::KeyRules;
pub use request::{Request, Verdict};
pub use rotation::{Causes, Rotation};
pub use ruleset::{
    Audit, AuditSync, Escrow, Export, InitialState, KeyDefaults, Memory, PinRules, Ruleset, Sensitive,
    SinglePurpose, TokenRules,
};
pub use sets::PurposeSet;
pub use trial::TestOutcome;
pub use word::duration;
pub use wording::Wording;

#[cfg(test)]
mod examples;
#[cfg(test)]
mod language;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod reference;
