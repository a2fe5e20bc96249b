//! Rules that together allow nothing.

use super::super::document::RuleSection;
use super::super::ruleset::{CurveSet, NEVER, PurposeSet, Rule, When};
use super::{Compiler, Numbers, union, when};
use crate::crypto::ParameterSet;
use std::collections::HashMap;

impl Compiler<'_> {
    /// Refuses rules that together allow nothing: a list that lies outside what holds for every key, or for every key that
    /// the rule matches.
    pub(super) fn impossible(&mut self, rules: &[Rule], written: &[&RuleSection], drafts: bool) {
        // Only conditions that certainly hold whenever this one does: those that test nothing, and the same.
        let mut by_when: HashMap<&When, Vec<&Rule>> = HashMap::new();
        let restricts = |rule: &Rule| {
            rule.allow.is_some()
                || !rule.deny.is_empty()
                || rule.purposes.is_some()
                || rule.curves.is_some()
                || rule.parameter_sets.is_some()
        };
        // A draft refuses nothing unless a file opts in.
        for rule in rules.iter().filter(|rule| rule.effective != NEVER && restricts(rule)) {
            by_when.entry(&rule.when).or_default().push(rule);
        }
        let everywhere = When::default();
        let is_draft =
            |section: &RuleSection| !drafts && section.draft.as_ref().is_some_and(|draft| draft.value);
        for section in written.iter().filter(|section| !is_draft(section)) {
            let Some(id) = &section.id else { continue };
            let mine = when(&section.when);
            let also = (mine != everywhere).then_some(&everywhere);
            let covering =
                [Some(&mine), also].into_iter().flatten().filter_map(|when| by_when.get(when)).flatten();
            let others: Vec<&Rule> = covering.filter(|rule| *rule.id != *id.value).copied().collect();
            self.no_mechanism(section, &others);
            self.no_purpose(section, &others);
            self.no_curve(section, &others);
            self.no_parameter_set(section, &others);
        }
    }

    fn no_mechanism(&mut self, section: &RuleSection, others: &[&Rule]) {
        let Some(allowed) = &section.mechanisms else { return };
        let left = union(&allowed.value);
        for other in others {
            let rest: Numbers = left
                .iter()
                .filter(|ckm| other.allow.as_ref().is_none_or(|allow| allow.contains(ckm)))
                .filter(|ckm| !other.deny.contains(ckm))
                .copied()
                .collect();
            if rest.is_empty() {
                let message = format!("together with `{}` this allows no mechanism at all", other.id);
                self.refuse(allowed.place, message, None);
            }
        }
    }

    fn no_purpose(&mut self, section: &RuleSection, others: &[&Rule]) {
        let Some(allowed) = &section.purpose else { return };
        let mut left: PurposeSet = allowed.value.iter().map(|each| each.value).collect();
        for (other, purposes) in others.iter().filter_map(|other| Some((other, other.purposes?))) {
            left = left.intersection(purposes);
            if left.is_empty() {
                let message = format!("together with `{}` this allows no purpose at all", other.id);
                return self.refuse(allowed.place, message, None);
            }
        }
    }

    fn no_curve(&mut self, section: &RuleSection, others: &[&Rule]) {
        let Some(allowed) = &section.curves else { return };
        let mut left: CurveSet = allowed.value.iter().map(|each| each.value).collect();
        for (other, curves) in others.iter().filter_map(|other| Some((other, other.curves?))) {
            left = left.intersection(curves);
            if left == CurveSet::default() {
                let message = format!("together with `{}` this allows no curve at all", other.id);
                return self.refuse(allowed.place, message, None);
            }
        }
    }

    fn no_parameter_set(&mut self, section: &RuleSection, others: &[&Rule]) {
        let Some(allowed) = &section.parameter_sets else { return };
        let mut left: Vec<ParameterSet> = allowed.value.iter().map(|each| each.value).collect();
        for (other, sets) in others.iter().filter_map(|other| Some((other, other.parameter_sets.as_ref()?))) {
            left.retain(|set| sets.contains(set));
            if left.is_empty() {
                let message = format!("together with `{}` this allows no parameter set at all", other.id);
                return self.refuse(allowed.place, message, None);
            }
        }
    }
}
