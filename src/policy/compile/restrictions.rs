//! What `[keys]` and `[[rule]]` may both say, compiled.

use super::super::document::Restrictions;
use super::super::ruleset::Rule;
use super::narrow;

/// A rule that restricts this, without an id and for every key.
pub(super) fn rule(said: &Restrictions) -> Rule {
    Rule {
        min_strength: said.min_strength.as_ref().map(|bits| narrow(bits.value)),
        limits: said.limits.clone(),
        export: said.export.as_ref().map(|export| export.value),
        escrow: said.escrow.as_ref().map(|escrow| escrow.value),
        approvals: said.approvals.as_ref().map(|at| at.value.clone()),
        parameters: said.parameters.as_ref().map(|at| at.value.clone()).unwrap_or_default(),
        wrap_with: said.wrap_with.as_ref().map(|at| at.value.clone()),
        template: said.template.iter().map(|(flag, value)| (flag.value, *value)).collect(),
        callers: said.callers.as_ref().map(|at| at.value.clone()),
        visible_to: said.visible_to.as_ref().map(|at| at.value.clone()),
        hours: said.hours.as_ref().map(|at| at.value.clone()),
        audit: said.audit.as_ref().map(|audit| audit.value),
        memory: said.memory.as_ref().map(|memory| memory.value),
        rotation: said.rotate.as_ref().map(|at| at.value.rotation()).unwrap_or_default(),
        hide_inactive: said.hide_inactive.as_ref().is_some_and(|at| at.value),
        ..Rule::default()
    }
}

/// What is said, each key by itself: its name in `[keys]` with dots, and the rule that it stands for.
pub(super) fn apart(said: &Restrictions) -> Vec<(&'static str, Rule)> {
    // Every field is named: a new one is not forgotten here.
    let Restrictions {
        min_strength,
        export,
        escrow,
        approvals,
        limits,
        parameters,
        wrap_with,
        template,
        callers,
        visible_to,
        hours,
        audit,
        memory,
        rotate,
        hide_inactive,
    } = said.clone();
    let nothing = Restrictions::default;
    let alone = [
        ("keys.min_strength", Restrictions { min_strength, ..nothing() }),
        ("keys.export", Restrictions { export, ..nothing() }),
        ("keys.escrow", Restrictions { escrow, ..nothing() }),
        ("keys.approvals", Restrictions { approvals, ..nothing() }),
        ("keys.limits", Restrictions { limits, ..nothing() }),
        ("keys.parameters", Restrictions { parameters, ..nothing() }),
        ("keys.wrap_with", Restrictions { wrap_with, ..nothing() }),
        ("keys.template", Restrictions { template, ..nothing() }),
        ("keys.callers", Restrictions { callers, ..nothing() }),
        ("keys.visible_to", Restrictions { visible_to, ..nothing() }),
        ("keys.hours", Restrictions { hours, ..nothing() }),
        ("keys.audit", Restrictions { audit, ..nothing() }),
        ("keys.memory", Restrictions { memory, ..nothing() }),
        ("keys.rotate", Restrictions { rotate, ..nothing() }),
        ("keys.hide_inactive", Restrictions { hide_inactive, ..nothing() }),
    ];
    alone.into_iter().filter(|(_, one)| !are_silent(one)).map(|(id, one)| (id, rule(&one))).collect()
}

/// Whether this restricts nothing.
pub(super) fn are_silent(said: &Restrictions) -> bool {
    said.min_strength.is_none()
        && said.export.is_none()
        && said.escrow.is_none()
        && said.approvals.is_none()
        && said.limits.is_empty()
        && said.parameters.is_none()
        && said.wrap_with.is_none()
        && said.template.is_empty()
        && said.callers.is_none()
        && said.visible_to.is_none()
        && said.hours.is_none()
        && said.audit.is_none()
        && said.memory.is_none()
        && said.rotate.is_none()
        && said.hide_inactive.as_ref().is_none_or(|at| !at.value)
}

#[cfg(test)]
mod tests {
    use super::super::super::keys::{KEYS, RULE};

    #[test]
    fn what_is_asked_of_every_key_can_be_asked_of_some() {
        let shared: Vec<&&str> = KEYS.known.iter().filter(|key| RULE.known.contains(*key)).collect();
        assert_eq!(shared.len(), 15);
        let own: Vec<&&str> = KEYS.known.iter().filter(|key| !RULE.known.contains(*key)).collect();
        assert_eq!(own, [&"single_purpose", &"sensitive", &"initial_state"]);
    }
}
