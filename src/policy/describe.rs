//! A compiled policy as text, the same for the same rules: what the snapshots under `tests/policy` hold
//! and what an officer compares.

use super::alarm::{Alarm, Signal};
use super::hours::Hours;
use super::parameters::ParameterRule;
use super::ruleset::{Compiled, NEVER, PinRules, Rule, Ruleset, When};
use super::sets::CurveSet;
use super::strength::NamedCurve;
use super::word::{Class, KeyType, Word, duration_text};
use crate::ck::date::{UtcSeconds, display_utc};
use crate::ck::names::mechanism_name;
use std::fmt::{self, Write};

impl Ruleset {
    /// Everything that the policy restricts, one setting a line, rules and mechanisms sorted.
    pub fn describe(&self) -> String {
        let mut text = String::new();
        // Writing to a `String` does not fail.
        let _ = policy(&mut text, &self.compiled);
        text
    }
}

fn policy(out: &mut String, compiled: &Compiled) -> fmt::Result {
    writeln!(out, "policy {}", compiled.name)?;
    pin(out, &compiled.pin)?;
    let token = &compiled.token;
    setting(out, "session max", token.max_sessions)?;
    setting(out, "session idle_logout", token.idle_logout_seconds.map(duration_text))?;
    setting(out, "objects max", token.max_objects)?;
    let keys = &compiled.keys;
    writeln!(out, "keys single_purpose {}", keys.single_purpose.word())?;
    writeln!(out, "keys min_strength {}", keys.min_strength)?;
    writeln!(out, "keys sensitive {}", keys.sensitive.word())?;
    writeln!(out, "keys export {}", keys.export.word())?;
    writeln!(out, "keys initial_state {}", keys.initial_state.word())?;
    for word in keys.unsafe_allow.words() {
        writeln!(out, "unsafe_allow {word}")?;
    }
    writeln!(out, "keys audit {}", keys.audit.word())?;
    writeln!(out, "audit required {}", keys.audit_required)?;
    writeln!(out, "audit sync {}", keys.audit_sync.word())?;
    writeln!(out, "pre-active proof_of_possession {}", keys.exceptions.pre_active_proof)?;
    writeln!(out, "suspended process {}", keys.exceptions.suspended_process)?;
    writeln!(out, "compromised process {}", keys.exceptions.compromised_process)?;
    for each in &compiled.rules {
        rule(out, each)?;
    }
    for each in &compiled.alarms {
        alarm(out, each)?;
    }
    writeln!(out, "\ntests {}", compiled.tests.len())
}

fn pin(out: &mut String, pin: &PinRules) -> fmt::Result {
    writeln!(out, "pin length {}..={}", pin.min_length, pin.max_length)?;
    let lockout = match pin.lockout_seconds {
        0 => "until the SO sets a new PIN".to_owned(),
        seconds => duration_text(seconds),
    };
    writeln!(out, "pin locked after {} failures, {lockout}", pin.max_failures)
}

fn rule(out: &mut String, rule: &Rule) -> fmt::Result {
    writeln!(out, "\nrule {}", rule.id)?;
    optional(out, "from", rule.citation.as_deref())?;
    match rule.effective {
        0 => {}
        NEVER => writeln!(out, "  draft")?,
        from => writeln!(out, "  effective {}", day(from))?,
    }
    optional(out, "sunset", rule.sunset.map(day))?;
    optional(out, "why", rule.why.as_deref())?;
    when(out, &rule.when)?;
    optional(out, "purpose", rule.purposes.map(|set| set.words()))?;
    if let Some(allow) = &rule.allow {
        list(out, "allow", allow.iter().map(|ckm| mechanism_name(*ckm)))?;
    }
    list(out, "deny", rule.deny.iter().map(|ckm| mechanism_name(*ckm)))?;
    list(out, "legacy use", rule.legacy_use.iter().map(|ckm| mechanism_name(*ckm)))?;
    let bits = |(key_type, bits): &(_, u32)| format!("{} {bits}", KeyType(*key_type).word());
    list(out, "min_bits", rule.min_bits.iter().map(bits))?;
    optional(out, "min_strength", rule.min_strength)?;
    optional(out, "curves", rule.curves.map(curves))?;
    list(out, "parameter set", rule.parameter_sets.iter().flatten().map(|set| set.word().to_owned()))?;
    optional(out, "originator period", rule.originator_seconds.map(duration_text))?;
    optional(out, "recipient period", rule.recipient_seconds.map(duration_text))?;
    list(out, "limit", rule.limits.iter().map(ToString::to_string))?;
    rule.rotation.describe(out)?;
    optional(out, "hide_inactive", rule.hide_inactive.then_some(true))?;
    optional(out, "export", rule.export.map(Word::word))?;
    optional(out, "escrow", rule.escrow.map(Word::word))?;
    optional(out, "approvals", rule.approvals.as_ref())?;
    optional(out, "audit", rule.audit.map(Word::word))?;
    optional(out, "memory", rule.memory.map(Word::word))?;
    parameters(out, &rule.parameters)?;
    if let Some(with) = &rule.wrap_with {
        optional(out, "wrap_with", with.trusted.then_some("trusted"))?;
        list(out, "wrap_with label", with.labels.iter().flatten().map(|label| format!("{label:?}")))?;
        list(out, "wrap_with id", with.ids.iter().flatten().cloned())?;
        list(out, "wrap_with", with.mechanisms.iter().flatten().map(|ckm| mechanism_name(*ckm)))?;
    }
    list(out, "template", rule.template.iter().map(|(flag, value)| format!("{} {value}", flag.word())))?;
    optional(out, "callers", rule.callers.as_ref())?;
    optional(out, "visible_to", rule.visible_to.as_ref())?;
    optional(out, "hours", rule.hours.as_ref().map(Hours::text))
}

fn alarm(out: &mut String, alarm: &Alarm) -> fmt::Result {
    writeln!(out, "\nalarm {}", alarm.id())?;
    optional(out, "from", alarm.citation())?;
    optional(out, "why", alarm.why())?;
    if alarm.signal() != Signal::FailedLogins {
        when(out, &alarm.when)?;
    }
    writeln!(out, "  on {}", alarm.threshold())?;
    optional(out, "then", alarm.suspends().then_some("suspend"))
}

fn parameters(out: &mut String, rule: &ParameterRule) -> fmt::Result {
    list(out, "parameters hash", rule.hash.iter().flatten().map(|ckm| mechanism_name(*ckm)))?;
    list(out, "parameters mgf", rule.mgf.iter().flatten().map(|ckm| mechanism_name(*ckm)))?;
    optional(out, "parameters min_salt", rule.min_salt)?;
    optional(out, "parameters min_tag", rule.min_tag)?;
    optional(out, "parameters min_iv", rule.min_iv)?;
    optional(out, "parameters iv_source", rule.iv_generated.then_some("generated"))?;
    optional(out, "parameters kdf", rule.kdf_required.then_some("required"))
}

/// The day of a moment that a file named by its day.
fn day(at: UtcSeconds) -> String {
    display_utc(at).split('T').next().unwrap_or_default().to_owned()
}

fn setting(out: &mut String, name: &str, value: Option<impl fmt::Display>) -> fmt::Result {
    value.map_or(Ok(()), |value| writeln!(out, "{name} {value}"))
}

fn when(out: &mut String, when: &When) -> fmt::Result {
    if *when == When::default() {
        return writeln!(out, "  when any key");
    }
    let words = |list: &Option<Vec<String>>| list.clone().unwrap_or_default();
    let classes = when.classes.iter().flatten().map(|class| Class(*class).word().to_owned());
    list(out, "when class", classes)?;
    let types = when.key_types.iter().flatten().map(|key_type| KeyType(*key_type).word().to_owned());
    list(out, "when type", types)?;
    list(out, "when label", words(&when.labels).iter().map(|label| format!("{label:?}")))?;
    list(out, "when id", words(&when.ids).into_iter())?;
    list(out, "when origin", when.origins.iter().flatten().map(|origin| origin.word().to_owned()))?;
    optional(out, "when token", when.token)?;
    optional(out, "when purpose", when.purposes.map(|set| set.words()))?;
    optional(out, "when bits", when.bits.map(|(min, max)| format!("{min}..={max}")))?;
    optional(out, "when curve", when.curves.map(curves))?;
    let sets = when.parameter_sets.iter().flatten().map(|set| set.word().to_owned());
    list(out, "when parameter set", sets)?;
    list(out, "when user", words(&when.users).iter().map(|user| format!("{user:?}")))?;
    list(out, "when state", when.states.iter().flatten().map(|state| state.word().to_owned()))?;
    optional(out, "when age", when.age.map(age))?;
    optional(out, "when generation", when.generations.map(|(min, max)| format!("{min}..={max}")))?;
    list(out, "when", when.flags.iter().map(|(flag, value)| format!("{} {value}", flag.word())))
}

/// "from 90d", "up to 7d".
fn age((min, max): (u64, u64)) -> String {
    let from = (min > 0).then(|| format!("from {}", duration_text(min)));
    let to = (max < u64::MAX).then(|| format!("up to {}", duration_text(max)));
    [from, to].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn curves(set: CurveSet) -> String {
    // Aliases stand behind their curves in the list of words.
    let named =
        NamedCurve::WORDS.iter().filter(|(word, curve)| set.contains(*curve) && curve.word() == *word);
    named.map(|(word, _)| *word).collect::<Vec<_>>().join(", ")
}

fn optional(out: &mut String, name: &str, value: Option<impl fmt::Display>) -> fmt::Result {
    value.map_or(Ok(()), |value| writeln!(out, "  {name} {value}"))
}

fn list(out: &mut String, name: &str, values: impl Iterator<Item = String>) -> fmt::Result {
    for value in values {
        writeln!(out, "  {name} {value}")?;
    }
    Ok(())
}
