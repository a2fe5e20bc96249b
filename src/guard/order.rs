//! The order of the checks behind [`super::Guard::authorize`]: PKCS#11's own rules and the policy in one
//! list. Reading this file from top to bottom is reading what keyward allows.

use super::caller;
use super::derivation;
use super::held::Held;
use super::op::{Ask, Makes};
use super::{Caller, Granted, Guard, Role, succession};
use crate::ck::{Error, Mechanism, Params};
use crate::crypto::mechanism::Row;
use crate::crypto::table;
use crate::object::template::changes_ask_for_trust;
use crate::object::{Attributes, KeyFacts, State, Usage, Value, Window, find};
use crate::policy::{self, Denial, Entry, KeyRules, Parameters, Reason, Request, Verdict, lifecycle};
use cryptoki_sys::*;

/// Judges one question.
#[inline]
pub(super) fn judge(
    guard: &Guard,
    who: &Caller<'_>,
    ask: &Ask<'_>,
    granted: &mut Granted,
) -> Result<(), Denial> {
    guard.has_law()?;
    if let Some(object) = ask.object {
        visible(who, object)?;
    }
    if let Some(target) = ask.target {
        visible(who, target)?;
    }
    for second in ask.seconds {
        visible(who, second)?;
    }
    let row = match ask.mechanism {
        Some(mechanism) => Some(offered(guard, mechanism, ask.entry)?),
        None => None,
    };
    granted.row = row;
    if !matches!(ask.makes, Makes::Nothing) {
        may_effect(guard, who, ask, row)?;
    }
    if let (Some(entry), Some(object)) = (ask.entry, ask.object) {
        if !derivation::is_data_base(entry, object, row) {
            let verdict = may_use(guard, who, ask, (entry, object), row)?;
            granted.obligations.bind = verdict.bind;
            granted.obligations.proves_possession = verdict.proves_possession;
        }
        granted.obligations.context_login = object.facts().always_authenticate && entry.usage().is_some();
    }
    if let (Some(target), Some(wrapping)) = (ask.target, ask.object) {
        may_wrap(guard, who, target, wrapping, ask.mechanism)?;
    }
    for (at, second) in ask.seconds.iter().enumerate() {
        let verdict = may_use(guard, who, ask, (Entry::DeriveSecond, second), row)?;
        granted.bound.extend(verdict.bind.map(|purpose| (at, purpose)));
    }
    derivation::keeps_secrets(guard, who, ask, row)
}

/// What the operation makes, changes, removes or shows.
pub(super) fn may_effect(
    guard: &Guard,
    who: &Caller<'_>,
    ask: &Ask<'_>,
    row: Option<&'static Row>,
) -> Result<(), Denial> {
    if let (Some(object), false) = (ask.object, matches!(ask.makes, Makes::Nothing)) {
        let rules = object.rules_for(who);
        rules.admits(caller::asked_by(&rules).as_ref(), guard.now())?;
    }
    match &ask.makes {
        Makes::Nothing => Ok(()),
        Makes::Objects(new) => {
            if let (Some(Entry::Copy), Some(object)) = (ask.entry, ask.object) {
                may_copy(guard, object, new)?;
            }
            for facts in new {
                may_make(guard, who, facts, row, ask.entry)?;
            }
            Ok(())
        }
        Makes::Changed(after) => may_change(guard, who, held(ask)?, after),
        Makes::Transition(to) => may_pass(who, held(ask)?, *to),
        Makes::Successor => succession::may_give_way(guard, who, held(ask)?),
        Makes::Removal => may_remove(who, held(ask)?),
        Makes::Sight(_) => may_see(held(ask)?),
    }
}

fn held<'a>(ask: &'a Ask<'_>) -> Result<&'a Held, Denial> {
    ask.object
        .map(|object| &**object)
        .ok_or_else(|| Denial::new(Reason::NotEvaluable, "the question names no object"))
}

/// Private objects exist only for the user (PKCS#11 3.2, 5.6.1).
pub(super) fn visible(who: &Caller<'_>, object: &Held) -> Result<(), Denial> {
    if object.facts().private && who.role != Role::User {
        return Err(Denial::new(Reason::NotLoggedIn, "the object is private and the user is not logged in"));
    }
    Ok(())
}

/// The mechanism exists, does what is asked, and the token's policy has it.
pub(super) fn offered(
    guard: &Guard,
    mechanism: &Mechanism,
    entry: Option<Entry>,
) -> Result<&'static Row, Denial> {
    let refusal = |what| about_mechanism(Reason::MechanismUnknown, mechanism.ckm, what);
    let (index, row) = table::find(mechanism.ckm).ok_or_else(|| refusal("is not there"))?;
    if !does(row, entry) {
        return Err(refusal("does not do this"));
    }
    // A keyed mechanism is judged with its key's own record, which holds the token's rules too.
    if matches!(entry, None | Some(Entry::Generate)) && guard.denies(index) {
        return Err(about_mechanism(Reason::Mechanism, mechanism.ckm, "is denied on this token"));
    }
    Ok(row)
}

/// Whether the mechanism does what is asked; without an entry, whether it digests.
fn does(row: &Row, entry: Option<Entry>) -> bool {
    let ops = &row.ops;
    match entry {
        None => ops.digest.is_some(),
        Some(Entry::Sign) => ops.sign.is_some(),
        Some(Entry::Verify) => ops.verify.is_some(),
        Some(Entry::SignRecover) => ops.sign_recover.is_some(),
        Some(Entry::VerifyRecover) => ops.verify_recover.is_some(),
        Some(Entry::Encrypt) => ops.encrypt.is_some() && !ops.only_wraps,
        Some(Entry::Decrypt) => ops.decrypt.is_some() && !ops.only_wraps,
        Some(Entry::Wrap) => ops.wraps && ops.encrypt.is_some(),
        Some(Entry::Unwrap) => ops.wraps && ops.decrypt.is_some(),
        Some(Entry::Derive) => ops.derives(),
        Some(Entry::Encapsulate) => ops.encapsulate.is_some(),
        Some(Entry::Decapsulate) => ops.decapsulate.is_some(),
        Some(Entry::Generate) => ops.generates() || ops.generate_pair.is_some(),
        Some(_) => false,
    }
}

/// Whether the module has a mechanism for a use, whatever the policy says of it.
pub fn offers(mechanism: &Mechanism, entry: Entry) -> bool {
    table::find(mechanism.ckm).is_some_and(|(_, row)| does(row, Some(entry)))
}

/// A key is used: what PKCS#11 asks, then what the policy asks.
fn may_use(
    guard: &Guard,
    who: &Caller<'_>,
    ask: &Ask<'_>,
    (entry, object): (Entry, &Held),
    row: Option<&'static Row>,
) -> Result<Verdict, Denial> {
    let rules = &*object.rules_for(who);
    let case = Use::of(ask, (entry, object), rules, row);
    for check in USE_CHECKS {
        (check.run)(&case)?;
    }
    let request = case.request(guard);
    let verdict = policy::decide(rules, object.facts(), &request)?;
    if verdict.dated {
        guard.warn_of_later_rules(object, rules, &request);
    }
    Ok(verdict)
}

/// One use of a key, as its checks see it.
pub(super) struct Use<'a> {
    pub(super) entry: Entry,
    pub(super) object: &'a Held,
    pub(super) rules: &'a KeyRules,
    pub(super) mechanism: Option<&'a Mechanism>,
    pub(super) messages: bool,
    pub(super) row: Option<&'static Row>,
}

/// One check of PKCS#11's own, what it is called and what to say of it where it passed.
pub(super) struct UseCheck {
    pub(super) name: &'static str,
    pub(super) run: fn(&Use<'_>) -> Result<(), Denial>,
    pub(super) passed: &'static str,
}

/// What PKCS#11 asks of a use, in order; the policy comes after it. `explain` walks the same array.
pub(super) const USE_CHECKS: &[UseCheck] = &[
    UseCheck { name: "class", run: is_key, passed: "the object can be used so" },
    UseCheck { name: "key-type", run: fitting, passed: "type and size fit the mechanism" },
    UseCheck { name: "usage", run: usage, passed: "its usage attribute is true, or none is needed" },
    UseCheck {
        name: "allowed-mechanisms",
        run: allowed,
        passed: "CKA_ALLOWED_MECHANISMS does not forbid it",
    },
];

impl<'a> Use<'a> {
    /// Of the key of a question, or of a second one.
    pub(super) const fn of(
        ask: &Ask<'a>,
        (entry, object): (Entry, &'a Held),
        rules: &'a KeyRules,
        row: Option<&'static Row>,
    ) -> Self {
        Self { entry, object, rules, mechanism: ask.mechanism, messages: ask.messages, row }
    }

    /// The question to the policy.
    pub(super) fn request(&self, guard: &Guard) -> Request {
        Request {
            mechanism: self.mechanism.and_then(|used| table::find(used.ckm)).map(|(index, _)| index),
            ckm: self.mechanism.map(|used| used.ckm),
            parameters: self.mechanism.map(|used| Parameters::of(used.ckm, &used.params)).unwrap_or_default(),
            messages: self.messages,
            ..question(guard, self.entry, self.object.facts(), self.rules)
        }
    }
}

/// A question to the policy about a key as it is now, without a mechanism.
#[inline]
pub(super) fn question(guard: &Guard, entry: Entry, facts: &KeyFacts, rules: &KeyRules) -> Request {
    let now = guard.now();
    Request {
        seen: guard.latest_at(now),
        caller: caller::asked_by(rules),
        ..Request::about(entry, facts, now)
    }
}

fn is_key(case: &Use<'_>) -> Result<(), Denial> {
    if case.entry.usage().is_some() && !crate::object::key::is_key_class(case.object.facts().class) {
        return Err(Denial::new(Reason::NotEvaluable, "the object is no key"));
    }
    Ok(())
}

#[inline]
fn usage(case: &Use<'_>) -> Result<(), Denial> {
    let facts = case.object.facts();
    match case.entry.usage() {
        Some(usage) if !facts.usage.contains(usage) => Err(usage_denied(case, usage)),
        _ => Ok(()),
    }
}

#[cold]
fn usage_denied(case: &Use<'_>, usage: Usage) -> Denial {
    // Binding a purpose made the attributes of all others read false: then that is the reason.
    let facts = case.object.facts();
    let purpose = case.entry.purpose(facts, facts.class == CKO_SECRET_KEY);
    if let (Some(bound), Some(asked)) = (facts.purpose, purpose)
        && bound != asked
    {
        let detail = format!("the key's purpose is {}, this is {}", bound.word(), asked.word());
        return Denial::new(Reason::Purpose, detail);
    }
    let name = KeyFacts::usage_attribute(usage).map(crate::ck::names::attribute_name).unwrap_or_default();
    Denial::new(Reason::UsageAttribute, format!("{name} is false"))
}

#[inline]
fn fitting(case: &Use<'_>) -> Result<(), Denial> {
    match case.row {
        Some(row) if case.entry.usage().is_some() => fits(case.object.facts(), row, case.entry),
        _ => Ok(()),
    }
}

#[inline]
fn allowed(case: &Use<'_>) -> Result<(), Denial> {
    let allowed = &case.object.facts().allowed_mechanisms;
    match case.row {
        Some(row) if case.entry.usage().is_some() && !allowed.is_empty() && !allowed.contains(&row.ckm) => {
            Err(about_mechanism(
                Reason::AllowedMechanisms,
                row.ckm,
                "is not among the key's CKA_ALLOWED_MECHANISMS",
            ))
        }
        _ => Ok(()),
    }
}

/// Key type and size fit the mechanism. That its class fits follows from the usage attributes, which
/// each class has of its own: a private key can have no CKA_ENCRYPT. The type is told before the usage
/// (PKCS#11 3.2, 5.1.6: CKR_KEY_TYPE_INCONSISTENT has the higher priority).
fn fits(facts: &KeyFacts, row: &Row, entry: Entry) -> Result<(), Denial> {
    let (kind, size) = match entry {
        Entry::Wrap => (Reason::WrappingKeyType, Reason::WrappingKeySize),
        // C_DecapsulateKey lists the codes of unwrapping.
        Entry::Unwrap | Entry::Decapsulate => (Reason::UnwrappingKeyType, Reason::UnwrappingKeySize),
        _ => (Reason::MechanismKeyType, Reason::KeySize),
    };
    if !facts.key_type.is_some_and(|of| row.key_types.contains(&of)) {
        return Err(about_mechanism(kind, row.ckm, "does not work with this type of key"));
    }
    if !row.sizes.hold(facts.bits) {
        return Err(about_mechanism(size, row.ckm, "does not work with a key of this size"));
    }
    Ok(())
}

/// A new object: the session may write it, the caller may have it, the policy would bear it.
fn may_make(
    guard: &Guard,
    who: &Caller<'_>,
    facts: &KeyFacts,
    row: Option<&'static Row>,
    entry: Option<Entry>,
) -> Result<(), Denial> {
    writable(who, facts)?;
    if facts.private && who.role != Role::User {
        return Err(Denial::new(Reason::NotLoggedIn, "a private object needs the user's login"));
    }
    if facts.trusted && who.role != Role::SecurityOfficer {
        return Err(Denial::new(Reason::AttributeReadOnly, "only the SO may set CKA_TRUSTED"));
    }
    may_trust(who, facts)?;
    if let (Some(row), Some(Entry::Generate)) = (row, entry)
        && facts.bits > 0
        && !row.sizes.hold(facts.bits)
    {
        let denial = about_mechanism(Reason::KeySize, row.ckm, "does not make a key of this size");
        // 6.3: a curve that is not for new keys has a code of its own.
        let error = if facts.curve.is_some() { Error::CurveNotSupported } else { denial.error };
        return Err(Denial { error, ..denial });
    }
    guard.rules().judge_new_by(who.user(), facts, guard.now())
}

/// Whom others shall trust is not for everybody to say, who can open a session: a rule of this token (4.1.1).
fn may_trust(who: &Caller<'_>, facts: &KeyFacts) -> Result<(), Denial> {
    if facts.class == CKO_TRUST && who.role == Role::Public {
        return Err(Denial::new(Reason::NotLoggedIn, "trust in a certificate needs a login"));
    }
    Ok(())
}

/// C_CopyObject: a copy may be less open than its original, never more.
fn may_copy(guard: &Guard, object: &Held, new: &[KeyFacts]) -> Result<(), Denial> {
    if !object.facts().copyable {
        return Err(Denial::new(Reason::NotCopyable, "CKA_COPYABLE is false"));
    }
    if object.facts().private && new.iter().any(|facts| !facts.private) {
        return Err(Denial::new(Reason::TemplateConflict, "a copy of a private object stays private"));
    }
    // Each copy is bound by its own first use: one could sign and the other decrypt.
    let open = object.facts().purpose.is_none() && object.facts().class != CKO_PUBLIC_KEY;
    if open && object.rules().first_use_binds() && policy::candidate_purposes(object.facts()).len() > 1 {
        return Err(Denial::new(
            Reason::NotCopyable,
            "no use has fixed the purpose of the key yet: its copies could serve several",
        ));
    }
    new.iter().try_for_each(|after| {
        stays_over(guard, object.facts(), after)?;
        succession::stays_replaced(object, after)?;
        guard.rules().judge_names(object.facts(), after)
    })
}

/// A window that is over stays over: neither a change nor a copy revives a key.
fn stays_over(guard: &Guard, before: &KeyFacts, after: &KeyFacts) -> Result<(), Denial> {
    let now = guard.latest();
    let over = |window: Window| window.to.filter(|end| *end <= now);
    let reopened = |before: Window, after: Window| {
        over(before).is_some_and(|end| after.to.is_none_or(|new_end| new_end > end))
    };
    if reopened(before.protect, after.protect) {
        return Err(prolonged(Reason::OriginatorWindowOver));
    }
    if reopened(before.process, after.process) {
        return Err(prolonged(Reason::RecipientWindowOver));
    }
    Ok(())
}

/// The code is that of the change, not of a use that comes too late (PKCS#11 3.2, 5.1.6: CKR_ACTION_PROHIBITED).
#[cold]
fn prolonged(reason: Reason) -> Denial {
    let denial = Denial::new(reason, "a period that is over cannot be prolonged");
    Denial { error: Error::ActionProhibited, ..denial }
}

pub(super) fn writable(who: &Caller<'_>, facts: &KeyFacts) -> Result<(), Denial> {
    if facts.token && !who.read_write {
        return Err(Denial::new(Reason::ReadOnlySession, "the session is read-only"));
    }
    Ok(())
}

/// C_SetAttributeValue.
fn may_change(guard: &Guard, who: &Caller<'_>, object: &Held, after: &Attributes) -> Result<(), Denial> {
    writable(who, object.facts())?;
    if !object.facts().modifiable {
        return Err(Denial::new(Reason::NotModifiable, "CKA_MODIFIABLE is false"));
    }
    // 4.6.2. What others trust must stay what they trusted.
    if object.facts().class == CKO_CERTIFICATE && object.facts().trusted {
        return Err(Denial::new(Reason::NotModifiable, "a trusted certificate cannot be modified"));
    }
    may_trust(who, object.facts())?;
    if changes_ask_for_trust(object.attributes(), after) && who.role != Role::SecurityOfficer {
        return Err(Denial::new(Reason::AttributeReadOnly, "only the SO may set CKA_TRUSTED"));
    }
    let facts = KeyFacts::of(after);
    // A key that is past its life keeps what it was: changing its uses or windows cannot revive it.
    if matches!(facts.state, State::Compromised | State::Destroyed | State::DestroyedCompromised)
        && crate::object::key::is_key_class(facts.class)
        && (facts.usage != object.facts().usage
            || facts.protect != object.facts().protect
            || facts.process != object.facts().process)
    {
        return Err(Denial::new(Reason::StateCompromised, "the key's life is over; its uses cannot change"));
    }
    stays_over(guard, object.facts(), &facts)?;
    succession::stays_replaced(object, &facts)?;
    guard.rules().judge_names(object.facts(), &facts)?;
    guard.rules().judge_change_by(who.user(), object.facts(), &facts, guard.now())
}

/// A step in the life of a key, by the transition table.
fn may_pass(who: &Caller<'_>, object: &Held, to: State) -> Result<(), Denial> {
    writable(who, object.facts())?;
    if !crate::object::key::is_key_class(object.facts().class) {
        return Err(Denial::new(Reason::NotEvaluable, "the object is no key"));
    }
    // The way through the table is no way around CKA_DESTROYABLE.
    let ends = matches!(to, State::Destroyed | State::DestroyedCompromised);
    if ends && !object.facts().destroyable {
        return Err(Denial::new(Reason::NotDestroyable, "CKA_DESTROYABLE is false"));
    }
    lifecycle::transition(object.facts().state, to)
}

/// C_DestroyObject.
fn may_remove(who: &Caller<'_>, object: &Held) -> Result<(), Denial> {
    writable(who, object.facts())?;
    may_trust(who, object.facts())?;
    if !object.facts().destroyable {
        return Err(Denial::new(Reason::NotDestroyable, "CKA_DESTROYABLE is false"));
    }
    Ok(())
}

/// A secret attribute is to be shown.
pub(super) fn may_see(object: &Held) -> Result<(), Denial> {
    if object.facts().sensitive || !object.facts().extractable {
        return Err(Denial::new(Reason::Sensitive, "the key is sensitive or cannot be extracted"));
    }
    Ok(())
}

/// Size of the key that a mechanism makes and puts between the wrapping key and what is wrapped, in bits: the wrapped
/// key is no safer than under that one.
fn bits_between(mechanism: Option<&Mechanism>) -> Option<u32> {
    match mechanism.map(|used| &used.params) {
        // Another number is no size of a key, and a wrong parameter.
        Some(
            Params::RsaAes { aes_bits: bits @ (128 | 192 | 256), .. }
            | Params::EcdhAes { aes_bits: bits @ (128 | 192 | 256), .. },
        ) => u32::try_from(*bits).ok(),
        _ => None,
    }
}

/// The key that is wrapped.
pub(super) fn may_wrap(
    guard: &Guard,
    who: &Caller<'_>,
    target: &Held,
    wrapping: &Held,
    mechanism: Option<&Mechanism>,
) -> Result<(), Denial> {
    let facts = target.facts();
    if !facts.extractable {
        return Err(Denial::new(Reason::Unextractable, "CKA_EXTRACTABLE is false"));
    }
    if facts.wrap_with_trusted && !wrapping.facts().trusted {
        return Err(Denial::new(
            Reason::WrapWithTrusted,
            "CKA_WRAP_WITH_TRUSTED is true and the wrapping key is not trusted",
        ));
    }
    if let Some(Value::Template(described)) = wrapping.attributes().value(CKA_WRAP_TEMPLATE)
        && !find::matches(target.attributes(), described)
    {
        return Err(Denial::new(
            Reason::WrapTemplate,
            "the key is not as the wrapping key's CKA_WRAP_TEMPLATE says",
        ));
    }
    let strength = |facts: &KeyFacts| {
        facts
            .key_type
            .and_then(|kind| policy::strength::strength_bits(kind, facts.bits))
            .map_or(0, |bits| bits.min(256))
    };
    let between = bits_between(mechanism).unwrap_or(u32::MAX);
    let weaker = guard.law.load().rules.keys().unsafe_allow.weaker_wrapping_keys();
    if strength(wrapping.facts()).min(between) < strength(facts) && !weaker {
        return Err(Denial::new(
            Reason::WrapKeyTooWeak,
            "the wrapping key is weaker than the key it would wrap",
        ));
    }
    let rules = target.rules_for(who);
    let request = question(guard, Entry::WrapTarget, facts, &rules);
    rules.may_leave_under(wrapping.facts(), mechanism.map(|used| used.ckm), request.seen)?;
    policy::decide(&rules, facts, &request).map(|_| ())
}

#[cold]
pub(super) fn about_mechanism(reason: Reason, ckm: crate::ck::CK_MECHANISM_TYPE, what: &str) -> Denial {
    Denial::new(reason, format!("{} {what}", crate::ck::names::mechanism_name(ckm)))
}
