//! The settings of `[mechanisms]` and `[keys]` as rules that match every key, with dotted ids.

use super::super::document::Document;
use super::super::ruleset::Rule;
use super::{MECHANISMS_DENY, MECHANISMS_LEGACY, restrictions, union};
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
    for (id, rule) in restrictions::apart(&document.keys.restrictions) {
        add(id, rule);
    }
    rules
}
