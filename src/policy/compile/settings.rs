//! The settings of `[mechanisms]` and `[keys]` as rules that match every key, with dotted ids.

use super::super::document::Document;
use super::super::ruleset::Rule;
use super::{MECHANISMS_DENY, MECHANISMS_LEGACY, narrow, union};
use std::sync::Arc;

/// The rules that a file's settings stand for.
pub(super) fn rules(document: &Document) -> Vec<Rule> {
    let mut rules = Vec::new();
    let mut add = |id: &str, rule: Rule| rules.push(Rule { id: Arc::from(id), ..rule });
    if !document.mechanisms.deny.is_empty() {
        add(MECHANISMS_DENY, Rule { deny: union(&document.mechanisms.deny), ..Rule::default() });
    }
    if !document.mechanisms.legacy_use.is_empty() {
        let legacy_use = union(&document.mechanisms.legacy_use);
        add(MECHANISMS_LEGACY, Rule { legacy_use, ..Rule::default() });
    }
    let keys = &document.keys;
    if let Some(bits) = &keys.min_strength {
        add("keys.min_strength", Rule { min_strength: Some(narrow(bits.value)), ..Rule::default() });
    }
    if let Some(export) = &keys.export {
        add("keys.export", Rule { export: Some(export.value), ..Rule::default() });
    }
    if let Some(escrow) = &keys.escrow {
        add("keys.escrow", Rule { escrow: Some(escrow.value), ..Rule::default() });
    }
    if let Some(approvals) = &keys.approvals {
        add("keys.approvals", Rule { approvals: Some(approvals.value.clone()), ..Rule::default() });
    }
    if let Some(audit) = &keys.audit {
        add("keys.audit", Rule { audit: Some(audit.value), ..Rule::default() });
    }
    if !keys.limits.is_empty() {
        add("keys.limits", Rule { limits: keys.limits.clone(), ..Rule::default() });
    }
    if let Some(rotate) = &keys.rotate {
        add("keys.rotate", Rule { rotation: rotate.value.rotation(), ..Rule::default() });
    }
    if keys.hide_inactive.as_ref().is_some_and(|at| at.value) {
        add("keys.hide_inactive", Rule { hide_inactive: true, ..Rule::default() });
    }
    rules.extend(circumstances(document));
    rules
}

/// What `[keys]` says of parameters, templates, wrapping keys, callers and hours.
fn circumstances(document: &Document) -> Vec<Rule> {
    let mut rules = Vec::new();
    let mut add = |id: &str, rule: Rule| rules.push(Rule { id: Arc::from(id), ..rule });
    let keys = &document.keys;
    if let Some(parameters) = &keys.parameters {
        add("keys.parameters", Rule { parameters: parameters.value.clone(), ..Rule::default() });
    }
    if let Some(with) = &keys.wrap_with {
        add("keys.wrap_with", Rule { wrap_with: Some(with.value.clone()), ..Rule::default() });
    }
    if !keys.template.is_empty() {
        let template = keys.template.iter().map(|(flag, value)| (flag.value, *value)).collect();
        add("keys.template", Rule { template, ..Rule::default() });
    }
    if let Some(callers) = &keys.callers {
        add("keys.callers", Rule { callers: Some(callers.value.clone()), ..Rule::default() });
    }
    if let Some(callers) = &keys.visible_to {
        add("keys.visible_to", Rule { visible_to: Some(callers.value.clone()), ..Rule::default() });
    }
    if let Some(memory) = &keys.memory {
        add("keys.memory", Rule { memory: Some(memory.value), ..Rule::default() });
    }
    if let Some(hours) = &keys.hours {
        add("keys.hours", Rule { hours: Some(hours.value.clone()), ..Rule::default() });
    }
    rules
}
