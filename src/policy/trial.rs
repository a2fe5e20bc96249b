//! The test cases that a policy file carries: `[[test]]`.
//!
//! They run against all mechanisms of the standard, whether or not this module has them, so a policy
//! passes or fails by itself.

use super::approval::Approval;
use super::callers::{Caller, Identity};
use super::compile::together;
use super::decide::decide;
use super::denial::Denial;
use super::diagnostic::{At, Place};
use super::document::{TestCaller, TestKey, TestSection};
use super::entry::{Entry, Side};
use super::limits::{Counts, NO_MECHANISM, Unit};
use super::parameters::Parameters;
use super::record::{KeyRules, RowIndex};
use super::request::Request;
use super::ruleset::{Compiled, Ruleset};
use super::strength::NamedCurve;
use super::word::{Class, Expect, KeyType};
use crate::ck::date::UtcSeconds;
use crate::ck::names::MECHANISMS;
use crate::ck::text::from_hex;
use crate::ck::{CK_KEY_TYPE, CK_MECHANISM_TYPE, CK_OBJECT_CLASS};
use crate::crypto::{Curve, ParameterSet};
use crate::object::facts::{KeyFacts, Origin, Purpose, State, Usage, Window};
use cryptoki_sys::*;
use std::sync::Arc;

/// The moment at which a test case happens that does not say `at`: any would do.
pub(super) const NOW: u64 = 2_000_000_000;

/// A compiled test case.
#[derive(Clone, Debug)]
pub(super) struct Trial {
    id: String,
    facts: KeyFacts,
    entry: Entry,
    mechanism: Option<CK_MECHANISM_TYPE>,
    parameters: Parameters,
    now: UtcSeconds,
    expect: Expect,
    by: Vec<String>,
    /// Who has agreed, just now.
    approved_by: Vec<String>,
    /// There is a copy of the key.
    backed_up: bool,
    /// The name of who is logged in, as the record has it.
    user: Option<String>,
    caller: TestCaller,
    /// So many uses with the mechanism were made already.
    uses: u64,
}

/// How a test case of a policy file ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TestOutcome {
    /// The `id` of the case.
    pub id: String,
    /// Whether the policy did what the case expects.
    pub passed: bool,
    /// What it did.
    pub detail: String,
}

impl Ruleset {
    /// The same rules for all mechanisms of the standard, whether or not this module has them; and these
    /// mechanisms, by their rows.
    pub(super) fn of_the_standard(&self) -> (Self, Vec<CK_MECHANISM_TYPE>) {
        let mut mechanisms: Vec<CK_MECHANISM_TYPE> = MECHANISMS.iter().map(|(_, number)| *number).collect();
        mechanisms.dedup();
        let mut compiled = Compiled::clone(&self.compiled);
        let index = RowIndex::of(&mechanisms);
        for rule in &mut compiled.rules {
            rule.index(&index);
        }
        (Self::of(compiled), mechanisms)
    }

    /// Runs the test cases of the file that was loaded. Those of the files that it extends are theirs:
    /// what they expect to be allowed may be forbidden here.
    pub fn run_tests(&self) -> Vec<TestOutcome> {
        let (ruleset, mechanisms) = self.of_the_standard();
        self.compiled.tests.iter().map(|test| test.run(&ruleset, &mechanisms)).collect()
    }
}

impl Trial {
    /// The case of a section, or the place of what is wrong with it.
    pub(super) fn of(section: &TestSection) -> Result<Self, (Place, String)> {
        let missing = |name: &str| (section.place, format!("[[test]] needs `{name}`"));
        let entry = section.op.as_ref().ok_or_else(|| missing("ask.op"))?.value;
        let class = section.key.class.as_ref().ok_or_else(|| missing("key.class"))?;
        let key_type = section.key.key_type.as_ref().ok_or_else(|| missing("key.type"))?;
        if !together(class.value, key_type.value) {
            return Err((key_type.place, "no key of this class has such a type".to_owned()));
        }
        let mechanism = match &section.mechanism {
            None if entry.uses_mechanism() && entry != Entry::DigestKey => {
                return Err(missing("ask.mechanism"));
            }
            None => None,
            Some(numbers) if numbers.value.len() == 1 => numbers.value.first().copied(),
            Some(numbers) => return Err((numbers.place, "a test asks for one mechanism".to_owned())),
        };
        let now = section.at.as_ref().map_or(NOW, |at| at.value);
        let expect = section.expect.as_ref().ok_or_else(|| missing("expect"))?;
        if expect.value == Expect::Allow
            && let Some(by) = section.by.first()
        {
            return Err((by.place, "nothing is allowed *by* a rule: rules only restrict".to_owned()));
        }
        Ok(Self {
            id: section.id.as_ref().map(|id| id.value.clone()).ok_or_else(|| missing("id"))?,
            facts: facts(&section.key, class.value, key_type.value, entry, now)?,
            entry,
            mechanism,
            parameters: section.parameters,
            now,
            expect: expect.value,
            by: section.by.iter().map(|id| id.value.clone()).collect(),
            approved_by: section.approved_by.iter().map(|name| name.value.clone()).collect(),
            backed_up: section.key.backed_up.as_ref().is_none_or(|at| at.value),
            user: section.user.as_ref().map(|user| recorded(&user.value)),
            caller: section.caller.clone(),
            uses: section.key.uses.as_ref().map_or(0, |at| at.value),
        })
    }

    fn run(&self, ruleset: &Ruleset, mechanisms: &[CK_MECHANISM_TYPE]) -> TestOutcome {
        let request = Request {
            mechanism: self.mechanism.and_then(|ckm| mechanisms.iter().position(|each| *each == ckm)),
            ckm: self.mechanism,
            parameters: self.parameters,
            caller: process(&self.caller),
            ..Request::about(self.entry, &self.facts, self.now)
        };
        let user = self.user.as_deref();
        let new = matches!(self.entry, Entry::Generate | Entry::Create | Entry::Copy);
        let judged = if new { ruleset.judge_new_by(user, &self.facts, self.now) } else { Ok(()) };
        let rules = ruleset.record_for(&self.facts);
        let rules = &*rules.while_in(user);
        let answer = judged
            .and_then(|()| decide(rules, &self.facts, &request))
            .and_then(|_| self.around(rules).map_or(Ok(()), Err));
        let (passed, detail) = self.compare(answer);
        TestOutcome { id: self.id.clone(), passed, detail }
    }

    /// What the token would ask beyond the key itself: a copy, and the word of others.
    fn around(&self, rules: &KeyRules) -> Option<Denial> {
        let used = self.entry.usage().is_some() && !self.backed_up;
        let unsafe_use = used.then(|| rules.not_backed_up(&self.facts, self.now)).flatten();
        let approval = |by| Approval { by, at: self.now };
        let given: Vec<_> = self.approved_by.iter().map(String::as_str).map(approval).collect();
        let requester = self.user.as_deref().map(bare);
        let unapproved = || rules.unapproved(self.entry, &self.facts, (self.now, requester), &given);
        unsafe_use.or_else(unapproved).or_else(|| self.exhausted(rules))
    }

    /// What the budget says, of which the uses of the test were spent with the mechanism that it asks for.
    fn exhausted(&self, rules: &KeyRules) -> Option<Denial> {
        if self.entry.side() != Side::Originator {
            return None;
        }
        let purpose = self.entry.purpose(&self.facts, false);
        let limits = rules.limits(purpose, self.facts.purpose, || self.now);
        let ckm = self.mechanism.unwrap_or(NO_MECHANISM);
        let mut counts = Counts::default();
        let wraps = (self.entry == Entry::Wrap).then_some(Unit::KeysWrapped);
        for unit in [Some(Unit::Uses), wraps].into_iter().flatten() {
            counts.add(unit, ckm, self.uses);
            if limits.asks(unit, ckm) && limits.room(unit, ckm, &counts) < 1 {
                return Some(rules.exhausted(limits, (unit, ckm), 1, &counts));
            }
        }
        None
    }

    fn compare(&self, answer: Result<(), Denial>) -> (bool, String) {
        match (self.expect, answer) {
            (Expect::Allow, Ok(())) => (true, "allowed".to_owned()),
            (Expect::Deny, Ok(())) => (false, "allowed, expected to be denied".to_owned()),
            (Expect::Allow, Err(denial)) => (false, format!("denied, expected to be allowed: {denial}")),
            (Expect::Deny, Err(denial)) => {
                let names = |id: &String| denial.rules.iter().any(|rule: &Arc<str>| **rule == **id);
                match self.by.iter().find(|id| !names(id)) {
                    None => (true, format!("denied: {denial}")),
                    Some(id) => (false, format!("denied, but not by {id}: {denial}")),
                }
            }
        }
    }
}

/// The name of the record of a user whom a test calls `alice`.
fn recorded(name: &str) -> String {
    if name.contains(':') || matches!(name, "user" | "so") { name.to_owned() } else { format!("user:{name}") }
}

/// The name without the role.
fn bare(user: &str) -> &str {
    user.split_once(':').map_or(user, |(_, name)| name)
}

/// The process of a test. What the test does not tell is nobody's; nobody is who it does not speak of at all. The strings
/// stay for the life of the process, as those of [`Caller`] do: tests run in the command.
fn process(told: &TestCaller) -> Option<Caller> {
    let kept = |text: &Option<At<String>>| text.as_ref().map(|at| &*at.value.clone().leak());
    let identity = |at: &Option<At<Identity>>| match at.as_ref().map(|at| &at.value) {
        None => (u32::MAX, None),
        Some(Identity::Number(number)) => (*number, None),
        Some(Identity::Name(name)) => (u32::MAX, Some(&*name.clone().leak())),
    };
    let TestCaller { uid, gid, exe, unit } = told;
    let silent = uid.is_none() && gid.is_none() && exe.is_none() && unit.is_none();
    let ((uid, user), (gid, group)) = (identity(uid), identity(gid));
    (!silent).then(|| Caller { uid, gid, user, group, exe: kept(exe), unit: kept(unit) })
}

/// The facts of the key of a test case. What it does not say is as an everyday key has it.
pub(super) fn facts(
    key: &TestKey,
    class: Class,
    key_type: KeyType,
    entry: Entry,
    now: UtcSeconds,
) -> Result<KeyFacts, (Place, String)> {
    let id = match &key.id {
        None => Vec::new(),
        Some(id) if id.value.contains(['*', '?']) => {
            return Err((id.place, "the id of a key has no wildcards".to_owned()));
        }
        Some(id) => from_hex(&id.value).ok_or_else(|| (id.place, "an odd number of digits".to_owned()))?,
    };
    let bits = key.bits.as_ref().map(|bits| u32::try_from(bits.value).unwrap_or(u32::MAX));
    let named = key.curve.as_ref().map(|curve| curve.value);
    let parameter_set = parameter_set(key, key_type.0, bits)?;
    let bits = bits
        .or(named.map(curve_bits))
        .or(parameter_set.map(ParameterSet::bits))
        .unwrap_or_else(|| everyday_bits(key_type.0));
    let age = key.age.as_ref().map(|age| age.value);
    let activation = now.saturating_sub(age.unwrap_or(0));
    let flag = |flag: &Option<super::diagnostic::At<bool>>, otherwise| {
        flag.as_ref().map_or(otherwise, |flag| flag.value)
    };
    let mut facts = KeyFacts {
        class: class.0,
        key_type: Some(key_type.0),
        bits,
        curve: (key_type.0 == CKK_EC).then(|| named_or_sized(named, bits)).flatten(),
        parameter_set,
        label: key.label.as_ref().map(|label| label.value.clone()).unwrap_or_default(),
        id,
        token: flag(&key.token, true),
        private: class.0 != CKO_PUBLIC_KEY,
        sensitive: flag(&key.sensitive, class.0 != CKO_PUBLIC_KEY),
        extractable: flag(&key.extractable, false),
        trusted: flag(&key.trusted, false),
        wrap_with_trusted: flag(&key.wrap_with_trusted, false),
        always_authenticate: false,
        indivisible: false,
        local: false,
        always_sensitive: false,
        never_extractable: false,
        modifiable: true,
        copyable: true,
        destroyable: true,
        usage: Usage::default(),
        allowed_mechanisms: Vec::new(),
        origin: key.origin.as_ref().map_or_else(|| everyday_origin(entry), |origin| origin.value),
        state: key.state.as_ref().map_or(State::Active, |state| state.value),
        purpose: key.purpose.as_ref().map(|purpose| purpose.value),
        initial_date: activation,
        generation: key.generation.as_ref().map_or(1, |at| at.value),
        protect: Window { from: age.map(|_| activation), to: None },
        process: Window::default(),
    };
    facts.local = flag(&key.local, facts.origin == Origin::Generated);
    facts.always_sensitive = flag(&key.always_sensitive, facts.local && facts.sensitive);
    facts.never_extractable = flag(&key.never_extractable, facts.local && !facts.extractable);
    let serves = match &key.usage {
        Some(list) => list.value.iter().map(|each| each.value).collect(),
        None => facts.purpose.or_else(|| entry.purpose(&facts, false)).into_iter().collect::<Vec<_>>(),
    };
    facts.usage =
        serves.into_iter().fold(Usage::default(), |usage, each| usage.union(flags(facts.class, each)));
    Ok(facts)
}

/// The parameter set that is named, or the first of the size, or an everyday one. One of another key type is an
/// error.
fn parameter_set(
    key: &TestKey,
    key_type: CK_KEY_TYPE,
    bits: Option<u32>,
) -> Result<Option<ParameterSet>, (Place, String)> {
    if let Some(named) = &key.parameter_set {
        if named.value.key_type() != key_type {
            return Err((named.place, "no such key has this parameter set".to_owned()));
        }
        return Ok(Some(named.value));
    }
    let bits = bits.unwrap_or_else(|| everyday_bits(key_type));
    let fits = |set: &ParameterSet| set.key_type() == key_type && set.bits() == bits;
    Ok(ParameterSet::ALL.into_iter().find(fits))
}

fn everyday_origin(entry: Entry) -> Origin {
    match entry {
        Entry::Create => Origin::Imported,
        Entry::Copy => Origin::Copied,
        _ => Origin::Generated,
    }
}

/// A size of 128 bits of security.
fn everyday_bits(key_type: CK_KEY_TYPE) -> u32 {
    match key_type {
        CKK_RSA | CKK_DSA | CKK_DH => 3072,
        CKK_EC_EDWARDS | CKK_EC_MONTGOMERY => 255,
        // ML-KEM-768.
        CKK_ML_KEM => 9472,
        // ML-DSA-65.
        CKK_ML_DSA => 15_616,
        CKK_DES => 64,
        CKK_DES2 => 128,
        CKK_DES3 => 192,
        _ => 256,
    }
}

fn curve_bits(curve: NamedCurve) -> u32 {
    match curve {
        NamedCurve::P224 => 224,
        NamedCurve::P256 | NamedCurve::Secp256k1 | NamedCurve::BrainpoolP256r1 => 256,
        NamedCurve::P384 | NamedCurve::BrainpoolP384r1 => 384,
        NamedCurve::BrainpoolP512r1 => 512,
        NamedCurve::P521 => 521,
        NamedCurve::Ed25519 | NamedCurve::X25519 => 255,
        NamedCurve::Ed448 | NamedCurve::X448 => 448,
    }
}

/// The curve that is named, or else the first of this size, which is that of NIST.
fn named_or_sized(named: Option<NamedCurve>, bits: u32) -> Option<Curve> {
    Curve::ALL.into_iter().find(|curve| match named {
        Some(named) => NamedCurve::from(*curve) == named,
        None => curve.bits() == bits,
    })
}

/// The usage attributes by which a key of this class serves a purpose.
fn flags(class: CK_OBJECT_CLASS, purpose: Purpose) -> Usage {
    let (originator, recipient) = match purpose {
        Purpose::Sign | Purpose::Mac => (Usage::SIGN, Usage::VERIFY),
        Purpose::Encrypt => (Usage::ENCRYPT, Usage::DECRYPT),
        Purpose::Wrap => (Usage::WRAP, Usage::UNWRAP),
        Purpose::Agree | Purpose::Derive => (Usage::DERIVE, Usage::DERIVE),
        Purpose::Encapsulate => (Usage::ENCAPSULATE, Usage::DECAPSULATE),
    };
    match (class, purpose) {
        (CKO_SECRET_KEY, _) => originator.union(recipient),
        (CKO_PRIVATE_KEY, Purpose::Sign)
        | (CKO_PUBLIC_KEY, Purpose::Encrypt | Purpose::Wrap | Purpose::Encapsulate) => originator,
        _ => recipient,
    }
}
