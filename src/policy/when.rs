//! `when`: which keys a rule speaks of, from which moment up to which, and while who is logged in.
//!
//! Most of it follows from the facts of a key, and its rules are compiled when it is loaded. Dates follow from the facts
//! too: the record of a key has a phase for each. Only who is logged in is asked at each use.

use super::floor::Floor;
use super::lifecycle::activated;
use super::pattern::matches;
use super::record::{KeyRules, Phase};
use super::ruleset::{Compiled, Memory, NEVER, Rule, SinglePurpose, When};
use super::sets::PurposeSet;
use super::strength;
use crate::ck::date::UtcSeconds;
use crate::ck::text::hex;
use crate::object::facts::{KeyFacts, State};
use cryptoki_sys::{CKO_PRIVATE_KEY, CKO_PUBLIC_KEY, CKO_SECRET_KEY};
use once_cell::race::OnceBox;
use std::borrow::Cow;
use std::sync::Arc;

/// When rules are asked, and who is logged in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment<'a> {
    pub(super) now: UtcSeconds,
    /// The name of the record, `user:alice`; `None` where nobody is.
    pub(super) user: Option<&'a str>,
}

impl Moment<'_> {
    /// A moment at which nobody is logged in.
    pub(super) const fn of(now: UtcSeconds) -> Self {
        Self { now, user: None }
    }
}

impl When {
    /// Whether the rule applies to an object that may serve these purposes. Rules speak of keys only.
    pub(super) fn matches(&self, facts: &KeyFacts, serving: PurposeSet) -> bool {
        self.matches_but_purpose(facts)
            && self.purposes.is_none_or(|purposes| !purposes.intersection(serving).is_empty())
    }

    /// The same without the purpose. State, age and user are those of a moment: [`Rule::holds`].
    pub(super) fn matches_but_purpose(&self, facts: &KeyFacts) -> bool {
        let Some(key_type) = facts.key_type else { return false };
        fn any<T>(list: &Option<Vec<T>>, test: impl Fn(&T) -> bool) -> bool {
            list.as_ref().is_none_or(|list| list.iter().any(test))
        }
        let is_key = matches!(facts.class, CKO_PRIVATE_KEY | CKO_PUBLIC_KEY | CKO_SECRET_KEY);
        is_key
            && any(&self.classes, |class| *class == facts.class)
            && any(&self.key_types, |each| *each == key_type)
            && any(&self.origins, |origin| *origin == facts.origin)
            && self.token.is_none_or(|token| token == facts.token)
            && self.bits.is_none_or(|(min, max)| facts.bits == 0 || (min..=max).contains(&facts.bits))
            && self
                .generations
                .is_none_or(|(min, max)| (u64::from(min)..=u64::from(max)).contains(&facts.generation))
            && self.curves.is_none_or(|set| {
                // A curve that nobody knows could be one of these.
                strength::has_curve(key_type)
                    && strength::curve(facts).is_none_or(|curve| set.contains(curve))
            })
            && (self.parameter_sets.is_none()
                || strength::has_parameter_set(key_type)
                    && any(&self.parameter_sets, |set| facts.parameter_set.is_none_or(|of| of == *set)))
            && self.flags.iter().all(|(flag, wanted)| flag.of(facts) == Some(*wanted))
            && any(&self.labels, |pattern| matches(pattern, &facts.label))
            && (self.ids.is_none() || any(&self.ids, |pattern| matches(pattern, &hex(&facts.id))))
    }

    /// The moments between which a key has the age, half-open. An age that nobody knows could be any.
    fn span(&self, facts: &KeyFacts) -> (UtcSeconds, UtcSeconds) {
        match self.age {
            Some((min, max)) if facts.initial_date > 0 => {
                (facts.initial_date.saturating_add(min), facts.initial_date.saturating_add(max))
            }
            _ => (0, NEVER),
        }
    }

    /// What of the condition changes by itself: the state by its activation date, and the age.
    pub(super) fn holds(&self, facts: &KeyFacts, now: UtcSeconds) -> bool {
        let (from, to) = self.span(facts);
        let state = activated(facts.state, facts.protect, now);
        from <= now
            && (now < to || now == NEVER)
            && self.states.as_ref().is_none_or(|states| states.contains(&state))
    }

    /// Whether it holds while this user is logged in. A named user is `user:alice`, and `alice` too; where nobody is logged
    /// in no name holds.
    pub(super) fn is_of(&self, user: Option<&str>) -> bool {
        let Some(patterns) = &self.users else { return true };
        let Some(user) = user else { return false };
        let name = user.split_once(':').map_or(user, |(_, name)| name);
        patterns.iter().any(|pattern| matches(pattern, user) || matches(pattern, name))
    }
}

impl Rule {
    /// Whether the rule, which matches the key, holds at this moment.
    pub(super) fn holds(&self, facts: &KeyFacts, at: Moment<'_>) -> bool {
        self.effective <= at.now && self.when.is_of(at.user) && self.holds_by_age(facts, at.now)
    }

    fn holds_by_age(&self, facts: &KeyFacts, now: UtcSeconds) -> bool {
        // At the moment of drafts, which never comes, all others are as at the end of time.
        let ended = now == NEVER && self.effective != NEVER && self.when.span(facts).1 != NEVER;
        !ended && self.when.holds(facts, now)
    }

    /// The moments at which it begins or ceases to hold for a key.
    fn moments(&self, facts: &KeyFacts) -> impl Iterator<Item = UtcSeconds> {
        let (from, to) = self.when.span(facts);
        let begins = self.effective.max(from);
        let ends = (to < NEVER && to > begins).then_some(to);
        let activated = facts.protect.from.filter(|_| {
            facts.state == State::PreActive && self.when.states.is_some() && self.effective != NEVER
        });
        [Some(begins), ends, activated].into_iter().flatten().filter(|moment| *moment > 0)
    }
}

impl KeyRules {
    /// All that the rules say of an object while somebody, or nobody, is logged in.
    pub(super) fn compile(compiled: &Arc<Compiled>, facts: &KeyFacts, user: Option<&str>) -> Self {
        // The moments at which other rules come to hold, and the last one, at which drafts do.
        let mut moments: Vec<UtcSeconds> = compiled
            .rules
            .iter()
            .filter(|rule| rule.when.is_of(user) && rule.when.matches_but_purpose(facts))
            .flat_map(|rule| rule.moments(facts))
            .collect();
        moments.sort_unstable();
        moments.dedup();
        let phase = |now| Phase::of(compiled, facts, Moment { now, user });
        let later = moments.into_iter().map(|from| (from, phase(from))).collect();
        let binds = match compiled.keys.single_purpose {
            SinglePurpose::Off => {
                super::entry::conflict(facts).is_some()
                    && !compiled.keys.unsafe_allow.contains(Floor::ConflictingUsages)
            }
            SinglePurpose::BindOnFirstUse | SinglePurpose::Strict => true,
        };
        let (alarms, watched) = super::alarm::of_key(compiled, facts, user);
        let shields = |rule: &Rule| {
            rule.memory == Some(Memory::Shielded)
                && rule.effective != NEVER
                && rule.when.matches_but_purpose(facts)
        };
        Self {
            shielded: compiled.rules.iter().any(shields),
            first: phase(0),
            later,
            binds,
            limited: false,
            waits: (false, false),
            alarms,
            watched,
            users: None,
            compiled: Arc::clone(compiled),
        }
        .find_limits()
    }

    /// What the rules say while this user is logged in, by the name of the record (`user`, `user:alice`); `None` where nobody is.
    #[inline]
    pub fn while_in(&self, user: Option<&str>) -> Cow<'_, Self> {
        match (&self.users, user) {
            (Some(users), Some(user)) => users.rules(&self.compiled, user),
            _ => Cow::Borrowed(self),
        }
    }
}

/// So many users of one key are remembered; for others its rules are compiled at each use.
const USERS: usize = 4;

/// What the rules say of a key while one or the other is logged in: compiled once for each. Lock-free: a fork can catch
/// nothing half-way.
#[derive(Debug)]
pub(super) struct Users {
    facts: KeyFacts,
    known: [OnceBox<(String, KeyRules)>; USERS],
}

impl Users {
    /// For a key of which some rule speaks only while somebody is logged in.
    pub(super) fn of(compiled: &Compiled, facts: &KeyFacts) -> Option<Arc<Self>> {
        let rules = compiled.rules.iter().map(|rule| &rule.when);
        let mut all = rules.chain(compiled.alarms.iter().map(|alarm| &alarm.when));
        let asked = all.any(|when| when.users.is_some() && when.matches_but_purpose(facts));
        asked.then(|| Arc::new(Self { facts: facts.clone(), known: Default::default() }))
    }

    fn rules(&self, compiled: &Arc<Compiled>, user: &str) -> Cow<'_, KeyRules> {
        let known = || self.known.iter().map_while(OnceBox::get).find(|(name, _)| name == user);
        if let Some((_, rules)) = known() {
            return Cow::Borrowed(rules);
        }
        let mut entry = Box::new((user.to_owned(), KeyRules::compile(compiled, &self.facts, Some(user))));
        for place in &self.known {
            match place.set(entry) {
                Ok(()) => break,
                Err(back) if place.get().is_some_and(|(name, _)| name == user) => {
                    drop(back);
                    break;
                }
                Err(back) => entry = back,
            }
        }
        match known() {
            Some((_, rules)) => Cow::Borrowed(rules),
            None => Cow::Owned(KeyRules::compile(compiled, &self.facts, Some(user))),
        }
    }
}
