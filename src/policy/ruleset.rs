//! The rules in force, and what of them applies to one object.
//!
//! A rule restricts; nothing in it permits. What applies to a key is the intersection of all rules that
//! match it, so their order cannot matter. Settings of `[mechanisms]` and `[keys]` are rules that match
//! every key, with dotted ids.

use super::alarm::Alarm;
use super::approval::Approvals;
use super::callers::Callers;
use super::denial::Denial;
use super::diagnostic::{Diagnostic, Source};
use super::flag::Flag;
use super::floor::UnsafeAllow;
use super::hours::Hours;
use super::lifecycle::Exceptions;
use super::limits::Limit;
use super::lint::Lint;
use super::parameters::ParameterRule;
use super::pattern::Numbers;
use super::record::{KeyRules, Rows};
use super::rotation::Rotation;
use super::sets::{CurveSet, PurposeSet};
use super::trial::Trial;
use super::when::Moment;
use super::{compile, shipped};
use crate::ck::date::UtcSeconds;
use crate::ck::{CK_KEY_TYPE, CK_MECHANISM_TYPE, CK_OBJECT_CLASS, MechanismSet};
use crate::crypto::{ParameterSet, table};
use crate::object::facts::{KeyFacts, Origin, State};
use std::sync::Arc;

/// `[keys] single_purpose`, loosest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum SinglePurpose {
    /// A key may serve several purposes, except those of the conflict pairs.
    Off,
    /// The first use fixes the purpose.
    BindOnFirstUse,
    /// A template that asks for several purposes is refused.
    Strict,
}

/// `[keys] sensitive`, loosest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Sensitive {
    /// As the template says; false where it says nothing.
    AsAsked,
    /// As the template says; true where it says nothing.
    Default,
    /// A template that says false is refused.
    Always,
}

/// `export`, strictest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Export {
    /// Never leaves.
    Never,
    /// Leaves wrapped by a key with `CKA_TRUSTED`.
    WrappedByTrusted,
    /// Leaves wrapped.
    Wrapped,
    /// As `CKA_EXTRACTABLE` and `CKA_SENSITIVE` say.
    AsAsked,
}

/// `escrow`: whether a copy of the key may, or must, be kept elsewhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Escrow {
    /// No copy may leave, whatever wraps it.
    Forbidden,
    /// As `export` says.
    Allowed,
    /// The key is not used before there is a copy.
    Required,
}

/// `audit`, the least that is recorded first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Audit {
    /// What is refused, and changes of a key's life.
    Denials,
    /// Also whatever makes, moves, shows, changes or removes a key.
    Changes,
    /// Also every use.
    All,
}

/// `memory`, loosest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Memory {
    /// What a key was made ready into for a mechanism is kept for the next use.
    Fast,
    /// It is made ready for each use and wiped after; between uses memory holds the key masked.
    Shielded,
}

/// `[audit] sync`, the least first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum AuditSync {
    /// Records of what changes something that lasts are on the disk before the caller hears of the end.
    Changes,
    /// Every record is.
    All,
}

/// `[keys] initial_state`, loosest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum InitialState {
    /// A new key may be used at once.
    Active,
    /// A new key waits for its activation.
    PreActive,
}

/// `[token] pin`
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PinRules {
    /// Fewest bytes of a PIN.
    pub min_length: usize,
    /// Most bytes of a PIN.
    pub max_length: usize,
    /// So many wrong PINs in a row lock it.
    pub max_failures: u32,
    /// For so many seconds; 0: until the SO sets a new one.
    pub lockout_seconds: u64,
}

/// `[token] session` and `objects`; what is `None` is not limited.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct TokenRules {
    /// Most sessions that one process has open.
    pub max_sessions: Option<u64>,
    /// So many seconds without a call end a login.
    pub idle_logout_seconds: Option<u64>,
    /// Most objects that the token keeps.
    pub max_objects: Option<u64>,
}

/// `[keys]`, `[suspended]`, `[compromised]`
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeyDefaults {
    /// Whether a key has one purpose, and when that is fixed.
    pub single_purpose: SinglePurpose,
    /// Fewest bits of security on the originator side and for new keys; 0: no minimum.
    pub min_strength: u32,
    /// Whether secrets are sensitive.
    pub sensitive: Sensitive,
    /// How any key may leave.
    pub export: Export,
    /// The state that a new key has.
    pub initial_state: InitialState,
    /// What is recorded of any key.
    pub audit: Audit,
    /// Whether what cannot be recorded is refused.
    pub audit_required: bool,
    /// Which records are on the disk before the caller hears of the end.
    pub audit_sync: AuditSync,
    /// What of the engine's floor the policy does without.
    pub unsafe_allow: UnsafeAllow,
    /// What suspended and compromised keys may still process.
    pub exceptions: Exceptions,
}

/// Rules in force: immutable, cheap to clone, shared by all threads.
#[derive(Clone, Debug)]
pub struct Ruleset {
    pub(super) compiled: Arc<Compiled>,
    epoch: u64,
}

/// What a policy says, all its files together.
#[derive(Clone, Debug)]
pub(super) struct Compiled {
    pub(super) name: String,
    pub(super) digest: [u8; 32],
    /// The files, the one that was asked for first.
    pub(super) sources: Vec<Source>,
    pub(super) pin: PinRules,
    pub(super) token: TokenRules,
    pub(super) keys: KeyDefaults,
    /// Sorted by id.
    pub(super) rules: Vec<Rule>,
    /// Sorted by id.
    pub(super) alarms: Vec<Alarm>,
    pub(super) tests: Vec<Trial>,
    pub(super) lints: Vec<Lint>,
}

/// One rule: when it matches, what it restricts, in whose words.
#[derive(Clone, Default, Debug)]
pub(super) struct Rule {
    pub(super) id: Arc<str>,
    pub(super) why: Option<Arc<str>>,
    /// Where the rule comes from: document and section, for people.
    pub(super) citation: Option<String>,
    pub(super) when: When,
    pub(super) purposes: Option<PurposeSet>,
    pub(super) allow: Option<Numbers>,
    pub(super) deny: Numbers,
    pub(super) legacy_use: Numbers,
    pub(super) min_bits: Vec<(CK_KEY_TYPE, u32)>,
    pub(super) min_strength: Option<u32>,
    pub(super) curves: Option<CurveSet>,
    pub(super) parameter_sets: Option<Vec<ParameterSet>>,
    pub(super) originator_seconds: Option<u64>,
    pub(super) recipient_seconds: Option<u64>,
    pub(super) limits: Vec<Limit>,
    pub(super) export: Option<Export>,
    pub(super) escrow: Option<Escrow>,
    pub(super) approvals: Option<Approvals>,
    pub(super) parameters: ParameterRule,
    pub(super) wrap_with: Option<WrapWith>,
    /// What a new key must have.
    pub(super) template: Vec<(Flag, bool)>,
    pub(super) callers: Option<Callers>,
    pub(super) visible_to: Option<Callers>,
    pub(super) hours: Option<Hours>,
    /// The moment from which the rule refuses; before it only warns. [`NEVER`] for a draft.
    pub(super) effective: UtcSeconds,
    /// From this moment on the keys protect nothing more.
    pub(super) sunset: Option<UtcSeconds>,
    pub(super) audit: Option<Audit>,
    pub(super) memory: Option<Memory>,
    pub(super) rotation: Rotation,
    /// Searches pass over keys that protect nothing.
    pub(super) hide_inactive: bool,
    pub(super) rows: Rows,
}

/// The moment at which drafts are in force.
pub(super) const NEVER: UtcSeconds = UtcSeconds::MAX;

/// `wrap_with`: what the key must be that wraps. All that is said must hold; a list means any of it.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct WrapWith {
    /// `CKA_TRUSTED`
    pub(super) trusted: bool,
    pub(super) labels: Option<Vec<String>>,
    pub(super) ids: Option<Vec<String>>,
    pub(super) mechanisms: Option<Numbers>,
}

/// A condition; what is `None` is not tested.
#[derive(Clone, PartialEq, Eq, Hash, Default, Debug)]
pub(super) struct When {
    pub(super) classes: Option<Vec<CK_OBJECT_CLASS>>,
    pub(super) key_types: Option<Vec<CK_KEY_TYPE>>,
    pub(super) labels: Option<Vec<String>>,
    pub(super) ids: Option<Vec<String>>,
    pub(super) origins: Option<Vec<Origin>>,
    pub(super) token: Option<bool>,
    pub(super) purposes: Option<PurposeSet>,
    /// Smallest and largest size.
    pub(super) bits: Option<(u32, u32)>,
    pub(super) curves: Option<CurveSet>,
    pub(super) parameter_sets: Option<Vec<ParameterSet>>,
    pub(super) flags: Vec<(Flag, bool)>,
    /// Names of who is logged in; judged when the key is used.
    pub(super) users: Option<Vec<String>>,
    pub(super) states: Option<Vec<State>>,
    /// Seconds since the making: from, and up to which.
    pub(super) age: Option<(u64, u64)>,
    /// Smallest and largest generation.
    pub(super) generations: Option<(u32, u32)>,
}

impl Ruleset {
    /// The text of a shipped policy.
    pub fn shipped(name: &str) -> Option<&'static str> {
        shipped::text(name)
    }

    /// The names of the shipped policies.
    pub fn shipped_names() -> impl Iterator<Item = &'static str> {
        shipped::names()
    }

    /// Reads and compiles a policy. `name` stands in messages and is what relative `extends` are relative
    /// to; `loader` reads a file by such a path.
    ///
    /// # Errors
    /// Every mistake found, with its place.
    pub fn load(
        name: &str,
        text: &str,
        loader: &dyn Fn(&str) -> Result<String, String>,
    ) -> Result<Self, Vec<Diagnostic>> {
        let rows: Vec<CK_MECHANISM_TYPE> = table::MECHANISMS.iter().map(|row| row.ckm).collect();
        Self::load_for(name, text, loader, &rows)
    }

    /// The same for another table of mechanisms: `rows` holds the `CKM_` of each row index.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn load_for(
        name: &str,
        text: &str,
        loader: &dyn Fn(&str) -> Result<String, String>,
        rows: &[CK_MECHANISM_TYPE],
    ) -> Result<Self, Vec<Diagnostic>> {
        let shipped = |name: &str| shipped::text(name).map(str::to_owned);
        compile::compile(name, text, loader, &shipped, rows).map(Self::of)
    }

    /// A policy that is part of the module, by its name.
    ///
    /// # Errors
    /// `None` for a name that no policy has. A shipped file that is broken is excluded by a test.
    pub fn of_shipped(name: &str) -> Option<Result<Self, Vec<Diagnostic>>> {
        let text = shipped::text(name)?;
        let nothing = |path: &str| Err(format!("{path}: nothing can be read here"));
        Some(Self::load(&shipped::file_name(name), text, &nothing))
    }

    /// Compiles the files of [`Self::files`] again. Nothing else is read, shipped policies neither: what was
    /// installed stays what it was.
    ///
    /// # Errors
    /// Every mistake found, with its place; a file that is not among these is one.
    pub fn from_files(files: &[(String, String)]) -> Result<Self, Vec<Diagnostic>> {
        let rows: Vec<CK_MECHANISM_TYPE> = table::MECHANISMS.iter().map(|row| row.ckm).collect();
        let find = |name: &str| files.iter().find(|(each, _)| each == name).map(|(_, text)| text);
        let loader = |path: &str| find(path).cloned().ok_or_else(|| "it is not among the files".to_owned());
        let shipped = |name: &str| find(&shipped::file_name(name)).cloned();
        let (name, text) = files.first().map_or(("", ""), |(name, text)| (name.as_str(), text.as_str()));
        compile::compile(name, text, &loader, &shipped, &rows).map(Self::of)
    }

    /// Every file of the policy, name and text: the one that was asked for first, then what it extends.
    pub fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.compiled.sources.iter().map(|source| (source.name.as_str(), source.text.as_str()))
    }

    /// The name of the shipped policy that the file of this name is.
    pub fn shipped_name(file: &str) -> Option<&str> {
        shipped::name_of(file)
    }

    pub(super) fn of(compiled: Compiled) -> Self {
        Self { compiled: Arc::new(compiled), epoch: 0 }
    }

    /// The policy of a token for which nobody has installed another.
    ///
    /// # Errors
    /// None, unless the shipped file is broken, which a test excludes.
    pub fn default_preset() -> Result<Self, Vec<Diagnostic>> {
        Self::of_shipped(shipped::DEFAULT).unwrap_or_else(|| Err(Vec::new()))
    }

    /// The same rules as the installation with this number. Grants and audit records carry it.
    #[must_use]
    pub fn with_epoch(mut self, epoch: u64) -> Self {
        self.epoch = epoch;
        self
    }

    /// The number of the installation; 0 where nobody has set one.
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// SHA-256 over the digests of all files, sorted: it does not depend on where the files lie.
    pub fn digest(&self) -> [u8; 32] {
        self.compiled.digest
    }

    /// The name that the policy gives itself, or the name it was loaded by.
    pub fn name(&self) -> &str {
        &self.compiled.name
    }

    /// The rules for PINs.
    pub fn pin(&self) -> PinRules {
        self.compiled.pin
    }

    /// What holds for the token.
    pub fn token(&self) -> TokenRules {
        self.compiled.token
    }

    /// What holds for every key.
    pub fn keys(&self) -> KeyDefaults {
        self.compiled.keys
    }

    /// The mechanisms that no key and no digest may use, on any side, by row.
    pub fn denied_mechanisms(&self) -> MechanismSet {
        let denying = self.compiled.rules.iter().filter(|rule| &*rule.id == compile::MECHANISMS_DENY);
        let left = denying.fold(MechanismSet::ALL, |left, rule| left.intersection(&rule.rows.process));
        MechanismSet::ALL.difference(&left)
    }

    /// The mechanisms that protect nothing and make nothing, whatever they may still process, by row.
    pub fn legacy_mechanisms(&self) -> MechanismSet {
        let settings = [compile::MECHANISMS_DENY, compile::MECHANISMS_LEGACY];
        let binding = self.compiled.rules.iter().filter(|rule| settings.contains(&&*rule.id));
        let left = binding.fold(MechanismSet::ALL, |left, rule| left.intersection(&rule.rows.protect));
        MechanismSet::ALL.difference(&left)
    }

    /// All that the rules say of an object. For loading: it allocates. Rules about who is logged in come in where
    /// [`KeyRules::while_in`] is asked.
    pub fn record_for(&self, facts: &KeyFacts) -> KeyRules {
        let rules = KeyRules::compile(&self.compiled, facts, None);
        KeyRules { users: super::when::Users::of(&self.compiled, facts), ..rules }
    }

    /// Judges an object that is about to be made, or to become what the facts say.
    ///
    /// # Errors
    /// The first refusal; the order of the checks is that of the module `judge`.
    pub fn judge_new(&self, facts: &KeyFacts, now: UtcSeconds) -> Result<(), Denial> {
        self.judge_new_by(None, facts, now)
    }

    /// The same while somebody is logged in, by the name of the record.
    ///
    /// # Errors
    /// As [`Self::judge_new`].
    pub fn judge_new_by(&self, user: Option<&str>, facts: &KeyFacts, now: UtcSeconds) -> Result<(), Denial> {
        let refusals = super::judge::refusals(&self.compiled, facts, Moment { now, user });
        refusals.into_iter().next().map_or(Ok(()), Err)
    }

    /// Judges a change of an object: what was refused before the change already does not stop it, so a
    /// weak old key can still be renamed.
    ///
    /// # Errors
    /// The first refusal that the change would bring.
    pub fn judge_change(&self, before: &KeyFacts, after: &KeyFacts, now: UtcSeconds) -> Result<(), Denial> {
        self.judge_change_by(None, before, after, now)
    }

    /// The same while somebody is logged in, by the name of the record.
    ///
    /// # Errors
    /// As [`Self::judge_change`].
    pub fn judge_change_by(
        &self,
        user: Option<&str>,
        before: &KeyFacts,
        after: &KeyFacts,
        now: UtcSeconds,
    ) -> Result<(), Denial> {
        let at = Moment { now, user };
        let old = super::judge::refusals(&self.compiled, before, at);
        let brought =
            |new: &Denial| !old.iter().any(|each| each.reason == new.reason && each.rules == new.rules);
        super::judge::refusals(&self.compiled, after, at).into_iter().find(brought).map_or(Ok(()), Err)
    }
}
