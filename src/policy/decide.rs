//! The hot path: one key, one question, one answer. A few loads and compares; no lock, no allocation and
//! no text until something is refused.
//!
//! [`CHECKS`] is the whole law of using a key, in order; the first refusal decides. `explain` walks the
//! same array.

use super::denial::{Denial, Reason};
use super::entry::{Entry, Side};
use super::judge::{by, by_setting};
use super::lifecycle;
use super::possession;
use super::record::{KeyRules, Record, Weakness, earlier};
use super::request::{Request, Verdict};
use super::ruleset::{Escrow, Export, NEVER, Rule};
use super::word::Word;
use crate::ck::date::{UtcSeconds, display_utc};
use crate::ck::names::{key_type_name, mechanism_name};
use crate::object::facts::{KeyFacts, Purpose, State, Window};

/// A question with what is looked up once for all checks.
pub(super) struct Case<'a> {
    pub(super) rules: &'a KeyRules,
    pub(super) facts: &'a KeyFacts,
    pub(super) request: &'a Request,
    /// The purpose that the entry serves.
    pub(super) purpose: Option<Purpose>,
    /// The purpose that the key is bound to.
    pub(super) bound: Option<Purpose>,
    pub(super) record: &'a Record,
}

/// One check: its name, the law, and what to say of it where it passed.
pub(super) struct Check {
    pub(super) name: &'static str,
    pub(super) run: fn(&Case<'_>) -> Result<(), Denial>,
    pub(super) passed: fn(&Case<'_>) -> String,
}

/// The checks in their order, once for those who walk them one by one and once as plain calls, which the compiler can see.
macro_rules! checks {
    ($($name:literal => $run:ident, $passed:ident;)*) => {
        /// The order in which a use is judged.
        pub(super) const CHECKS: &[Check] = &[$(Check { name: $name, run: $run, passed: $passed },)*];

        /// The first refusal.
        #[inline]
        fn pass(case: &Case<'_>) -> Result<(), Denial> {
            $($run(case)?;)*
            Ok(())
        }
    };
}

checks! {
    "state" => state, state_passed;
    "period" => period, period_passed;
    "purpose" => purpose, purpose_passed;
    "mechanism" => mechanism, mechanism_passed;
    "parameters" => parameters, parameters_passed;
    "strength" => strength, strength_passed;
    "export" => export, export_passed;
    "circumstances" => circumstances, circumstances_passed;
}

/// Whether the key may be used so.
///
/// # Errors
/// The refusal of the first check in the list that fails.
pub fn decide(rules: &KeyRules, facts: &KeyFacts, request: &Request) -> Result<Verdict, Denial> {
    let case = Case::new(rules, facts, request);
    pass(&case)?;
    Ok(Verdict {
        bind: case.binding(),
        proves_possession: case.proves_possession(),
        dated: !rules.later.is_empty(),
    })
}

/// The first refusal that rules with later dates would bring for what is allowed today, and from when on it holds;
/// `None` for the moment of a draft, which is none.
pub fn ahead(rules: &KeyRules, facts: &KeyFacts, request: &Request) -> Option<(Option<UtcSeconds>, Denial)> {
    rules.later.iter().filter(|(from, _)| *from > request.now).find_map(|(from, phase)| {
        let case = Case::new(rules, facts, request);
        let case = Case { record: phase.record(case.purpose, case.bound), ..case };
        let denial = CHECKS.iter().find_map(|check| (check.run)(&case).err())?;
        Some(((*from != NEVER).then_some(*from), denial))
    })
}

/// Whether the rules bear parameters that came only after the use was allowed: those of a message.
///
/// # Errors
/// [`Reason::Parameters`]
pub fn bears_parameters(rules: &KeyRules, facts: &KeyFacts, request: &Request) -> Result<(), Denial> {
    parameters(&Case::new(rules, facts, request))
}

impl<'a> Case<'a> {
    #[inline]
    pub(super) fn new(rules: &'a KeyRules, facts: &'a KeyFacts, request: &'a Request) -> Self {
        let purpose = request.entry.purpose(facts, request.mac);
        let bound = request.purpose.or(facts.purpose);
        let record = rules.record(purpose, bound, request.judged_at());
        Self { rules, facts, request, purpose, bound, record }
    }

    /// The purpose that this use would fix.
    #[inline]
    pub(super) fn binding(&self) -> Option<Purpose> {
        if self.bound.is_none() && self.rules.binds && self.facts.key_type.is_some() {
            self.purpose
        } else {
            None
        }
    }

    /// "sign with CKM_ECDSA", for the details of refusals.
    pub(super) fn asked(&self) -> String {
        let word = Word::word(self.request.entry);
        match self.request.ckm {
            Some(ckm) => format!("{word} with {}", mechanism_name(ckm)),
            None => word.to_owned(),
        }
    }

    #[cold]
    fn deny(&self, reason: Reason, because: &str) -> Denial {
        Denial::new(reason, format!("{} refused: {because}", self.asked()))
    }

    #[cold]
    fn deny_by(&self, reason: Reason, because: &str, picks: impl Fn(&Rule) -> bool) -> Denial {
        by(self.deny(reason, because), &self.rules.compiled, self.record, picks)
    }

    fn state_now(&self) -> State {
        lifecycle::activated(self.request.state, self.facts.protect, self.request.now)
    }

    /// Whether this is the one use that a key may have before it is active.
    #[inline]
    fn proves_possession(&self) -> bool {
        let exceptions = self.rules.compiled.keys.exceptions;
        exceptions.pre_active_proof
            && self.state_now() == State::PreActive
            && self.request.entry == Entry::Sign
            && !self.request.mac
            && !self.request.messages
            && self.request.ckm.is_some_and(possession::takes_requests)
    }

    /// The window of the side that is asked for, and the reasons before and after it.
    #[inline]
    fn window(&self) -> Option<(Window, Reason, Reason)> {
        let (protect, process) = self.record.windows(self.facts);
        match self.request.entry.side() {
            Side::Originator => Some((protect, Reason::OriginatorWindowAhead, Reason::OriginatorWindowOver)),
            Side::Recipient => Some((process, Reason::RecipientWindowAhead, Reason::RecipientWindowOver)),
            Side::Neither => None,
        }
    }
}

#[inline]
fn state(case: &Case<'_>) -> Result<(), Denial> {
    let now = case.state_now();
    let exceptions = case.rules.compiled.keys.exceptions;
    match lifecycle::permits(now, case.request.entry, exceptions) {
        Err(Reason::StatePreActive) if case.proves_possession() => Ok(()),
        outcome => outcome.map_err(|reason| state_denied(case, reason)),
    }
}

#[cold]
fn state_denied(case: &Case<'_>, reason: Reason) -> Denial {
    let denial = case.deny(reason, &format!("the key is {}", case.state_now().word()));
    match (reason, case.request.entry.side()) {
        (Reason::StateSuspended, Side::Recipient) => by_setting(denial, "suspended.process"),
        (Reason::StateCompromised, Side::Recipient) => by_setting(denial, "compromised.process"),
        _ => denial,
    }
}

fn state_passed(case: &Case<'_>) -> String {
    let only = if case.proves_possession() { ": it may sign its own certification request only" } else { "" };
    format!("the key is {}{only}", case.state_now().word())
}

#[inline]
fn period(case: &Case<'_>) -> Result<(), Denial> {
    let now = case.request.now;
    match case.window() {
        // It lies ahead: that is why there is something to prove.
        Some((window, ..)) if case.proves_possession() && window.to.is_none_or(|to| now < to) => Ok(()),
        Some((window, ahead, over)) if !window.holds(now) => Err(period_denied(case, window, ahead, over)),
        Some((window, ..)) if window.to.is_some_and(|to| to <= case.request.judged_at()) => {
            Err(set_back(case, window))
        }
        _ => Ok(()),
    }
}

/// By the clock the key could be used; but it was seen past the key's end before.
#[cold]
fn set_back(case: &Case<'_>, window: Window) -> Denial {
    let (now, seen) = (display_utc(case.request.now), display_utc(case.request.seen));
    let ended = window.to.map(display_utc).unwrap_or_default();
    let side = case.request.entry.side().word();
    let because =
        format!("the {side} ended at {ended}; the clock stands at {now} and stood at {seen} before");
    case.deny(Reason::ClockBackwards, &because)
}

#[cold]
fn period_denied(case: &Case<'_>, window: Window, ahead: Reason, over: Reason) -> Denial {
    let side = case.request.entry.side().word();
    if let Some(from) = window.from.filter(|from| case.request.now < *from) {
        return case.deny(ahead, &format!("the {side} begins at {}", display_utc(from)));
    }
    let ended = window.to.map(display_utc).unwrap_or_default();
    let shortest = match over {
        Reason::OriginatorWindowOver => {
            earlier(case.record.originator_seconds, case.record.recipient_seconds)
        }
        _ => case.record.recipient_seconds,
    };
    // Only the rules whose period ended are the cause; a date of the object may be it instead.
    let picks = |rule: &Rule| {
        let theirs = match over {
            Reason::OriginatorWindowOver => earlier(rule.originator_seconds, rule.recipient_seconds),
            _ => rule.recipient_seconds,
        };
        theirs.is_some() && theirs == shortest
            || over == Reason::OriginatorWindowOver
                && rule.sunset == case.record.sunset
                && rule.sunset.is_some_and(|sunset| sunset <= case.request.now)
    };
    let own = match over {
        Reason::OriginatorWindowOver => earlier(case.facts.protect.to, case.facts.process.to),
        _ => case.facts.process.to,
    };
    let because = format!("the {side} ended at {ended}");
    if own == window.to && own.is_some() {
        case.deny(over, &because)
    } else {
        case.deny_by(over, &because, picks)
    }
}

fn period_passed(case: &Case<'_>) -> String {
    match case.window() {
        None => "no side of the key is used".to_owned(),
        Some((window, ..)) => {
            let end = window
                .to
                .map_or_else(|| "without an end".to_owned(), |to| format!("until {}", display_utc(to)));
            let due = match (case.request.entry.side(), case.record.rotation.due(case.facts)) {
                (Side::Originator, Some(due)) => format!("; due for rotation at {}", display_utc(due)),
                _ => String::new(),
            };
            format!("inside the window of the {}, {end}{due}", case.request.entry.side().word())
        }
    }
}

#[inline]
fn purpose(case: &Case<'_>) -> Result<(), Denial> {
    match case.purpose {
        Some(purpose)
            if case.bound.is_some_and(|bound| bound != purpose)
                || !case.record.purposes.contains(purpose) =>
        {
            Err(purpose_denied(case, purpose))
        }
        _ => Ok(()),
    }
}

#[cold]
fn purpose_denied(case: &Case<'_>, purpose: Purpose) -> Denial {
    if let Some(bound) = case.bound
        && bound != purpose
    {
        let because = format!("the key's purpose is {}, this is {}", bound.word(), purpose.word());
        return case.deny(Reason::Purpose, &because);
    }
    let because = format!("the purpose {} is not allowed", purpose.word());
    let excludes = |rule: &Rule| rule.purposes.is_some_and(|allowed| !allowed.contains(purpose));
    case.deny_by(Reason::Purpose, &because, excludes)
}

fn purpose_passed(case: &Case<'_>) -> String {
    match (case.purpose, case.bound, case.binding()) {
        (None, ..) => "the key is handled, not used".to_owned(),
        (Some(purpose), Some(_), _) => format!("the key's purpose is {}", purpose.word()),
        (Some(purpose), None, Some(_)) => format!("this use fixes the purpose: {}", purpose.word()),
        (Some(purpose), None, None) => format!("the purpose {} is allowed", purpose.word()),
    }
}

#[inline]
fn mechanism(case: &Case<'_>) -> Result<(), Denial> {
    if !case.request.entry.uses_mechanism() {
        return Ok(());
    }
    let rows = &case.record.rows;
    let allowed = match case.request.entry.side() {
        Side::Originator => &rows.protect,
        Side::Recipient => &rows.process,
        Side::Neither => &rows.make,
    };
    match case.request.mechanism {
        Some(row) if allowed.contains(row) => Ok(()),
        Some(row) => Err(mechanism_denied(case, row)),
        None => mechanism_missing(case),
    }
}

#[cold]
fn mechanism_missing(case: &Case<'_>) -> Result<(), Denial> {
    match case.request.ckm {
        // The digest that takes the key in was judged when it began.
        None if case.request.entry == Entry::DigestKey => Ok(()),
        None => Err(case.deny(Reason::MechanismUnknown, "no mechanism is named")),
        Some(_) => Err(case.deny(Reason::MechanismUnknown, "the module does not have the mechanism")),
    }
}

#[cold]
fn mechanism_denied(case: &Case<'_>, row: usize) -> Denial {
    let side = case.request.entry.side();
    let because = match side {
        Side::Originator if case.record.rows.process.contains(row) => {
            "the mechanism may only process what exists already"
        }
        _ => "the mechanism is not allowed for this key",
    };
    case.deny_by(Reason::Mechanism, because, |rule| match side {
        Side::Originator => !rule.rows.protect.contains(row),
        Side::Recipient => !rule.rows.process.contains(row),
        Side::Neither => !rule.rows.make.contains(row),
    })
}

fn mechanism_passed(case: &Case<'_>) -> String {
    match case.request.ckm {
        Some(ckm) if case.request.entry.uses_mechanism() => format!("{} is allowed", mechanism_name(ckm)),
        _ => "no mechanism works with this key".to_owned(),
    }
}

#[inline]
fn parameters(case: &Case<'_>) -> Result<(), Denial> {
    if case.record.asks.parameters && case.request.entry.uses_mechanism() {
        parameters_of_all(case)
    } else {
        Ok(())
    }
}

fn parameters_of_all(case: &Case<'_>) -> Result<(), Denial> {
    let side = case.request.entry.side();
    let against = |rule: &Rule| rule.parameters.against(&case.request.parameters, side);
    match case.record.applied(&case.rules.compiled).find_map(against) {
        None => Ok(()),
        Some(part) => {
            let because = format!("`{part}` of its parameters is not allowed");
            Err(case.deny_by(Reason::Parameters, &because, |rule| against(rule).is_some()))
        }
    }
}

fn parameters_passed(case: &Case<'_>) -> String {
    if case.record.asks.parameters { "its parameters are allowed" } else { "no rule asks for parameters" }
        .to_owned()
}

#[inline]
fn circumstances(case: &Case<'_>) -> Result<(), Denial> {
    if !case.record.asks.hours && !case.record.asks.caller {
        return Ok(());
    }
    let (compiled, caller) = (&case.rules.compiled, case.request.caller.as_ref());
    let judged = case.record.circumstances(compiled, caller, case.request.now);
    judged.map_err(|(reason, because, picks)| case.deny_by(reason, &because, picks))
}

fn circumstances_passed(case: &Case<'_>) -> String {
    match (case.record.asks.hours, case.record.asks.caller) {
        (false, false) => "no rule asks who calls, and when",
        _ => "the rules bear this caller at this hour",
    }
    .to_owned()
}

/// Size, strength, curve and parameter set bind the originator side; a weak key may go on processing what it protected
/// once ("legacy use", SP 800-131A Rev. 2, 1.2.3).
#[inline]
fn strength(case: &Case<'_>) -> Result<(), Denial> {
    if case.record.weakness == Weakness::default() || case.request.entry.side() != Side::Originator {
        return Ok(());
    }
    Err(weakness_denied(case))
}

#[cold]
fn weakness_denied(case: &Case<'_>) -> Denial {
    let (facts, weakness) = (case.facts, case.record.weakness);
    if weakness.size {
        return case.deny_by(Reason::KeySize, &weak(facts), |rule| rule.weakness(facts).size);
    }
    if weakness.strength {
        return case.deny_by(Reason::Strength, &weak(facts), |rule| rule.weakness(facts).strength);
    }
    if weakness.curve {
        let because = "its curve is not allowed";
        return case.deny_by(Reason::Curve, because, |rule| rule.weakness(facts).curve);
    }
    let because = "its parameter set is not allowed";
    case.deny_by(Reason::ParameterSet, because, |rule| rule.weakness(facts).parameter_set)
}

#[cold]
fn weak(facts: &KeyFacts) -> String {
    let name = facts.key_type.map(key_type_name).unwrap_or_default();
    let strength = facts.key_type.and_then(|key_type| super::strength::strength_bits(key_type, facts.bits));
    match strength {
        Some(strength) => format!("a {name} key of {} bits has {strength} bits of security", facts.bits),
        None => format!("the strength of a {name} key of {} bits is not known", facts.bits),
    }
}

fn strength_passed(case: &Case<'_>) -> String {
    match case.request.entry.side() {
        Side::Originator => "strong enough".to_owned(),
        Side::Recipient => "not asked of the recipient side".to_owned(),
        Side::Neither => "not asked here".to_owned(),
    }
}

#[inline]
fn export(case: &Case<'_>) -> Result<(), Denial> {
    let allowed = case.rules.compiled.keys.unsafe_allow;
    allowed.bears(case.request.entry, case.facts).map_err(|(reason, because)| case.deny(reason, &because))?;
    if case.record.asks.no_escrow && case.request.entry == Entry::WrapTarget {
        let forbids = |rule: &Rule| rule.escrow == Some(Escrow::Forbidden);
        return Err(case.deny_by(Reason::Escrow, "no copy of the key may be kept elsewhere", forbids));
    }
    let rule = case.record.export;
    let (reason, because) = match (case.request.entry, rule) {
        (Entry::WrapTarget, Export::Never) => (Reason::Export, "the key must never leave"),
        // With CKA_WRAP_WITH_TRUSTED the guard asks for a trusted wrapping key by PKCS#11's own rule.
        (Entry::WrapTarget, Export::WrappedByTrusted) if !case.facts.wrap_with_trusted => {
            (Reason::WrapWithTrusted, "the key may leave only with CKA_WRAP_WITH_TRUSTED")
        }
        (Entry::Reveal, Export::Never) => (Reason::Reveal, "the key must never leave"),
        (Entry::Reveal, Export::Wrapped | Export::WrappedByTrusted) => {
            (Reason::Reveal, "the key may leave only wrapped")
        }
        _ => return Ok(()),
    };
    Err(case.deny_by(reason, because, |each| each.export == Some(rule)))
}

fn export_passed(case: &Case<'_>) -> String {
    match case.request.entry {
        Entry::WrapTarget | Entry::Reveal => format!("export is {}", Word::word(case.record.export)),
        Entry::Wrap | Entry::Unwrap if case.facts.local => "the key was generated in this token".to_owned(),
        Entry::Wrap | Entry::Unwrap if case.facts.trusted => "the key is trusted".to_owned(),
        Entry::Wrap | Entry::Unwrap => "the policy allows it to a key that was not generated here".to_owned(),
        _ => "the key does not leave".to_owned(),
    }
}
