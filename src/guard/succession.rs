//! What the guard asks where one generation of a key takes the place of another.

use super::held::Held;
use super::{Caller, Guard, order};
use crate::ck::vendor::CKA_KEYWARD_REPLACEMENT;
use crate::object::{KeyFacts, State, Window};
use crate::policy::{Denial, Reason, lifecycle};

/// A new generation takes the key's place.
pub(super) fn may_give_way(guard: &Guard, who: &Caller<'_>, object: &Held) -> Result<(), Denial> {
    let facts = object.facts();
    order::writable(who, facts)?;
    if !crate::object::key::is_key_class(facts.class) || !facts.token {
        return Err(Denial::new(Reason::NotEvaluable, "only keys of the token are rotated"));
    }
    if let Some(by) = object.attributes().bytes(CKA_KEYWARD_REPLACEMENT) {
        let by = String::from_utf8_lossy(by);
        return Err(Denial::new(Reason::Replaced, format!("the key was replaced already, by {by}")));
    }
    let ahead = facts.protect.from.is_some_and(|from| from > guard.now());
    match lifecycle::activated(facts.state, facts.protect, guard.now()) {
        State::Active if ahead => Err(not_begun(facts.state)),
        State::Active | State::Suspended | State::Deactivated | State::Compromised => Ok(()),
        state @ (State::PreActive | State::Destroyed | State::DestroyedCompromised) => Err(not_begun(state)),
    }
}

#[cold]
fn not_begun(state: State) -> Denial {
    let detail = format!("a key that is {} protects nothing that another could take over", state.word());
    Denial::new(Reason::StateTransition, detail)
}

/// What was replaced keeps the end that it got: no change and no copy lets it go on for longer.
pub(super) fn stays_replaced(object: &Held, after: &KeyFacts) -> Result<(), Denial> {
    let later = |before: Window, after: Window| {
        before.to.is_some_and(|end| after.to.is_none_or(|new_end| new_end > end))
    };
    let before = object.facts();
    if object.attributes().has(CKA_KEYWARD_REPLACEMENT)
        && (later(before.protect, after.protect) || later(before.process, after.process))
    {
        return Err(Denial::new(Reason::Replaced, "the key was replaced; its time cannot be prolonged"));
    }
    Ok(())
}
