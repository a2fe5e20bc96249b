//! The checks of a decision, told one by one. The law is that of `decide`: the same array, walked to its
//! end.

use super::decide::{CHECKS, Case};
use super::denial::Denial;
use super::entry::Side;
use super::record::KeyRules;
use super::request::Request;
use crate::object::facts::KeyFacts;

/// How a check ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Nothing against it.
    Passed,
    /// This check refused.
    Refused,
    /// An earlier one refused.
    NotReached,
}

/// One check of a decision.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// Which check.
    pub check: &'static str,
    /// How it ended.
    pub outcome: Outcome,
    /// Why, in plain words; empty where it was not reached.
    pub detail: String,
}

/// Every check of one question, and what came of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Explanation {
    /// In the order in which they are made.
    pub steps: Vec<Step>,
    /// What the caller would be told; `None` where the answer is yes.
    pub refusal: Option<Denial>,
}

impl Explanation {
    /// No check made yet.
    pub const fn begin() -> Self {
        Self { steps: Vec::new(), refusal: None }
    }

    /// Makes one check, unless an earlier one refused.
    pub fn check(&mut self, check: &'static str, run: impl FnOnce() -> Result<String, Denial>) {
        let (outcome, detail) = match self.refusal {
            Some(_) => (Outcome::NotReached, String::new()),
            None => match run() {
                Ok(detail) => (Outcome::Passed, detail),
                Err(denial) => {
                    let detail = denial.to_string();
                    self.refusal = Some(denial);
                    (Outcome::Refused, detail)
                }
            },
        };
        self.steps.push(Step { check, outcome, detail });
    }

    /// Makes all checks of the policy, unless an earlier one refused.
    pub fn policy(&mut self, rules: &KeyRules, facts: &KeyFacts, request: &Request) {
        let steps = explain(rules, facts, request);
        if self.refusal.is_none() {
            self.steps.extend(steps);
            self.refusal = super::decide(rules, facts, request).err();
        } else {
            let unreached = |step: Step| Step { outcome: Outcome::NotReached, detail: String::new(), ..step };
            self.steps.extend(steps.into_iter().map(unreached));
        }
    }
}

/// Every check of [`super::decide`] for this question, in its order.
pub fn explain(rules: &KeyRules, facts: &KeyFacts, request: &Request) -> Vec<Step> {
    let case = Case::new(rules, facts, request);
    let mut refused = false;
    let mut steps: Vec<Step> = CHECKS
        .iter()
        .map(|check| {
            if refused {
                return Step { check: check.name, outcome: Outcome::NotReached, detail: String::new() };
            }
            match (check.run)(&case) {
                Ok(()) => {
                    let detail = (check.passed)(&case);
                    Step { check: check.name, outcome: Outcome::Passed, detail }
                }
                Err(denial) => {
                    refused = true;
                    Step { check: check.name, outcome: Outcome::Refused, detail: denial.to_string() }
                }
            }
        })
        .collect();
    // What is left of them the token knows.
    let limits = rules.limits(case.purpose, case.bound, || request.now);
    if !limits.is_empty() && request.entry.side() == Side::Originator {
        let outcome = if refused { Outcome::NotReached } else { Outcome::Passed };
        let detail = if refused { String::new() } else { format!("limited to {limits}") };
        steps.push(Step { check: "limits", outcome, detail });
    }
    steps
}
