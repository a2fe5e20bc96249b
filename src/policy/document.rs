//! What one policy file says, as written: typed, every part with its place, nothing merged yet.
//! `read` makes it of TOML, `compile` makes a rule set of one or several.

use super::alarm::{Answer, Signal};
use super::approval::Approvals;
use super::callers::{Callers, Identity};
use super::diagnostic::{At, Place};
use super::entry::Entry;
use super::flag::Flag;
use super::floor::Floor;
use super::hours::Hours;
use super::limits::Limit;
use super::parameters::{ParameterRule, Parameters};
use super::pattern::Numbers;
use super::rotation::RotateSection;
use super::ruleset::{
    Audit, AuditSync, Escrow, Export, InitialState, Memory, Sensitive, SinglePurpose, WrapWith,
};
use super::strength::NamedCurve;
use super::word::{Class, Expect, KeyType};
use crate::crypto::ParameterSet;
use crate::object::facts::{Origin, Purpose, State};

/// One file.
#[derive(Clone, Default, Debug)]
pub(super) struct Document {
    pub(super) name: Option<At<String>>,
    pub(super) extends: Vec<At<String>>,
    pub(super) pin: PinSection,
    pub(super) max_sessions: Option<At<u64>>,
    /// Seconds.
    pub(super) idle_logout: Option<At<u64>>,
    pub(super) max_objects: Option<At<u64>>,
    /// What of the engine's floor it does without.
    pub(super) unsafe_allow: Vec<At<Floor>>,
    /// Draft rules are in force.
    pub(super) draft: Option<At<bool>>,
    pub(super) mechanisms: MechanismSection,
    pub(super) keys: KeySection,
    pub(super) pre_active_proof: Option<At<bool>>,
    pub(super) suspended_process: Option<At<bool>>,
    pub(super) compromised_process: Option<At<bool>>,
    /// `[audit] required`
    pub(super) audit_required: Option<At<bool>>,
    /// `[audit] sync`
    pub(super) audit_sync: Option<At<AuditSync>>,
    pub(super) rules: Vec<RuleSection>,
    pub(super) alarms: Vec<AlarmSection>,
    pub(super) tests: Vec<TestSection>,
}

/// `[token] pin`
#[derive(Clone, Default, Debug)]
pub(super) struct PinSection {
    pub(super) min_length: Option<At<u64>>,
    pub(super) max_length: Option<At<u64>>,
    pub(super) max_failures: Option<At<u64>>,
    /// Seconds.
    pub(super) lockout: Option<At<u64>>,
}

/// `[mechanisms]`
#[derive(Clone, Default, Debug)]
pub(super) struct MechanismSection {
    pub(super) deny: Vec<At<Numbers>>,
    pub(super) legacy_use: Vec<At<Numbers>>,
}

/// `[keys]`
#[derive(Clone, Default, Debug)]
pub(super) struct KeySection {
    pub(super) single_purpose: Option<At<SinglePurpose>>,
    pub(super) sensitive: Option<At<Sensitive>>,
    pub(super) initial_state: Option<At<InitialState>>,
    pub(super) restrictions: Restrictions,
}

/// `[[rule]]`
#[derive(Clone, Default, Debug)]
pub(super) struct RuleSection {
    pub(super) place: Place,
    pub(super) id: Option<At<String>>,
    pub(super) when: WhenSection,
    pub(super) why: Option<At<String>>,
    pub(super) purpose: Option<At<Vec<At<Purpose>>>>,
    pub(super) mechanisms: Option<At<Vec<At<Numbers>>>>,
    pub(super) deny: Vec<At<Numbers>>,
    pub(super) legacy_use: Vec<At<Numbers>>,
    pub(super) min_bits: Vec<(At<KeyType>, u64)>,
    pub(super) curves: Option<At<Vec<At<NamedCurve>>>>,
    pub(super) parameter_sets: Option<At<Vec<At<ParameterSet>>>>,
    pub(super) originator: Option<At<u64>>,
    pub(super) recipient: Option<At<u64>>,
    pub(super) restrictions: Restrictions,
    pub(super) source: Option<At<String>>,
    pub(super) section: Option<At<String>>,
    /// Seconds since 1970.
    pub(super) effective: Option<At<u64>>,
    /// Seconds since 1970.
    pub(super) sunset: Option<At<u64>>,
    pub(super) draft: Option<At<bool>>,
}

/// What `[keys]` asks of every key and a `[[rule]]` of those that it matches, in the same words.
#[derive(Clone, Default, Debug)]
pub(super) struct Restrictions {
    pub(super) min_strength: Option<At<u64>>,
    pub(super) export: Option<At<Export>>,
    pub(super) escrow: Option<At<Escrow>>,
    pub(super) approvals: Option<At<Approvals>>,
    pub(super) limits: Vec<Limit>,
    pub(super) parameters: Option<At<ParameterRule>>,
    pub(super) wrap_with: Option<At<WrapWith>>,
    pub(super) template: Vec<(At<Flag>, bool)>,
    pub(super) callers: Option<At<Callers>>,
    pub(super) visible_to: Option<At<Callers>>,
    pub(super) hours: Option<At<Hours>>,
    pub(super) audit: Option<At<Audit>>,
    pub(super) memory: Option<At<Memory>>,
    pub(super) rotate: Option<At<RotateSection>>,
    pub(super) hide_inactive: Option<At<bool>>,
}

/// `when`: a part that is `None` is not tested.
#[derive(Clone, Default, Debug)]
pub(super) struct WhenSection {
    pub(super) class: Option<At<Vec<At<Class>>>>,
    pub(super) key_type: Option<At<Vec<At<KeyType>>>>,
    pub(super) label: Option<At<Vec<At<String>>>>,
    pub(super) id: Option<At<Vec<At<String>>>>,
    pub(super) origin: Option<At<Vec<At<Origin>>>>,
    pub(super) token: Option<At<bool>>,
    pub(super) purpose: Option<At<Vec<At<Purpose>>>>,
    /// Smallest and largest size.
    pub(super) bits: Option<At<(u32, u32)>>,
    pub(super) curve: Option<At<Vec<At<NamedCurve>>>>,
    pub(super) parameter_set: Option<At<Vec<At<ParameterSet>>>>,
    pub(super) flags: Vec<(Flag, bool)>,
    /// The name of who is logged in.
    pub(super) user: Option<At<Vec<At<String>>>>,
    pub(super) state: Option<At<Vec<At<State>>>>,
    /// Seconds since the making: from, and up to which.
    pub(super) age: Option<At<(u64, u64)>>,
    /// Smallest and largest generation.
    pub(super) generation: Option<At<(u32, u32)>>,
}

/// `[[alarm]]`
#[derive(Clone, Default, Debug)]
pub(super) struct AlarmSection {
    pub(super) id: Option<At<String>>,
    pub(super) on: Option<At<Signal>>,
    pub(super) over: Option<At<u64>>,
    /// Seconds.
    pub(super) within: Option<At<u64>>,
    pub(super) when: Option<(Place, WhenSection)>,
    pub(super) hours: Option<At<Hours>>,
    pub(super) then: Option<At<Answer>>,
    pub(super) why: Option<At<String>>,
    pub(super) source: Option<At<String>>,
    pub(super) section: Option<At<String>>,
}

/// `[[test]]`
#[derive(Clone, Default, Debug)]
pub(super) struct TestSection {
    pub(super) place: Place,
    pub(super) id: Option<At<String>>,
    pub(super) key: TestKey,
    pub(super) op: Option<At<Entry>>,
    pub(super) mechanism: Option<At<Numbers>>,
    pub(super) parameters: Parameters,
    pub(super) approved_by: Vec<At<String>>,
    /// Who is logged in.
    pub(super) user: Option<At<String>>,
    pub(super) caller: TestCaller,
    /// Seconds since 1970.
    pub(super) at: Option<At<u64>>,
    pub(super) expect: Option<At<Expect>>,
    pub(super) by: Vec<At<String>>,
}

/// The process that a `[[test]]` asks for, as far as it is told.
#[derive(Clone, Default, Debug)]
pub(super) struct TestCaller {
    pub(super) uid: Option<At<Identity>>,
    pub(super) gid: Option<At<Identity>>,
    pub(super) exe: Option<At<String>>,
    pub(super) unit: Option<At<String>>,
}

/// `[[test]] key`
#[derive(Clone, Default, Debug)]
pub(super) struct TestKey {
    pub(super) class: Option<At<Class>>,
    pub(super) key_type: Option<At<KeyType>>,
    pub(super) bits: Option<At<u64>>,
    pub(super) curve: Option<At<NamedCurve>>,
    pub(super) parameter_set: Option<At<ParameterSet>>,
    pub(super) label: Option<At<String>>,
    pub(super) id: Option<At<String>>,
    pub(super) origin: Option<At<Origin>>,
    pub(super) token: Option<At<bool>>,
    pub(super) purpose: Option<At<Purpose>>,
    /// The purposes that its usage attributes allow, where not all.
    pub(super) usage: Option<At<Vec<At<Purpose>>>>,
    pub(super) state: Option<At<State>>,
    /// Seconds since it became active.
    pub(super) age: Option<At<u64>>,
    pub(super) sensitive: Option<At<bool>>,
    pub(super) extractable: Option<At<bool>>,
    pub(super) wrap_with_trusted: Option<At<bool>>,
    pub(super) backed_up: Option<At<bool>>,
    pub(super) trusted: Option<At<bool>>,
    pub(super) local: Option<At<bool>>,
    pub(super) always_sensitive: Option<At<bool>>,
    pub(super) never_extractable: Option<At<bool>>,
    pub(super) generation: Option<At<u64>>,
    /// So many uses with the mechanism that is asked for were made already.
    pub(super) uses: Option<At<u64>>,
}
