//! The checks behind [`super::Guard::authorize`], told one by one. The law is that of [`super::order`]: the
//! same functions in the same order. Nothing is granted, bound, written or logged.

use super::op::{Ask, Makes};
use super::order::{self, USE_CHECKS, Use};
use super::{Books, Caller, Guard, approval, charge, derivation};
use crate::ck::names::mechanism_name;
use crate::policy::{Entry, Explanation};

impl Guard {
    /// What [`Guard::authorize`] would answer, and why: a dry run.
    pub fn explain(&self, who: &Caller<'_>, books: &dyn Books, ask: &Ask<'_>) -> Explanation {
        let mut told = Explanation::begin();
        told.check("policy", || self.has_law().map(|()| format!("{:?} is in force", self.rules().name())));
        told.check("login", || {
            for object in [ask.object, ask.target].into_iter().flatten().chain(ask.seconds) {
                order::visible(who, object)?;
            }
            Ok("the caller may see the object".to_owned())
        });
        let mut row = None;
        if let Some(mechanism) = ask.mechanism {
            told.check("module", || {
                row = Some(order::offered(self, mechanism, ask.entry)?);
                Ok(format!("the module has {} for this", mechanism_name(mechanism.ckm)))
            });
        }
        if !matches!(ask.makes, Makes::Nothing) {
            told.check("object", || {
                order::may_effect(self, who, ask, row)?;
                Ok("the object's own attributes and the session allow it".to_owned())
            });
        }
        if let (Some(entry), Some(object)) = (ask.entry, ask.object)
            && !derivation::is_data_base(entry, object, row)
        {
            let rules = &*object.rules_for(who);
            let case = Use::of(ask, (entry, object), rules, row);
            for check in USE_CHECKS {
                told.check(check.name, || (check.run)(&case).map(|()| check.passed.to_owned()));
            }
            told.policy(rules, object.facts(), &case.request(self));
        }
        if let (Some(target), Some(wrapping)) = (ask.target, ask.object) {
            told.check("wrapped-key", || {
                order::may_wrap(self, who, target, wrapping, ask.mechanism)?;
                Ok("the key may leave under this one".to_owned())
            });
        }
        for second in ask.seconds {
            let rules = &*second.rules_for(who);
            let case = Use::of(ask, (Entry::DeriveSecond, second), rules, row);
            for check in USE_CHECKS {
                told.check(check.name, || (check.run)(&case).map(|()| check.passed.to_owned()));
            }
            told.policy(rules, second.facts(), &case.request(self));
        }
        if row.is_some_and(|row| row.ops.derives()) {
            told.check("derivation", || {
                derivation::keeps_secrets(self, who, ask, row)?;
                Ok("what is derived tells nothing of its sources".to_owned())
            });
        }
        let limited = |held: &&std::sync::Arc<super::Held>| held.rules().is_limited();
        if ask.object.iter().copied().chain(ask.seconds).any(|held| limited(&held)) {
            told.check("budget", || charge::peek(self, books, ask));
        }
        if approval::waits(ask) {
            told.check("approval", || approval::peek(self, books, ask));
        }
        told
    }
}
