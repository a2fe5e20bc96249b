//! Rules that together allow nothing.

use super::super::document::RuleSection;
use super::super::ruleset::{NEVER, Rule, When};
use super::super::sets::{CurveSet, PurposeSet};
use super::{Compiler, Numbers};
use crate::ck::CK_MECHANISM_TYPE;
use crate::crypto::ParameterSet;
use std::collections::HashMap;

/// Whether two rules restrict the same, so that what is impossible with one is impossible with the other.
fn alike(left: &Rule, right: &Rule) -> bool {
    let identity = |rule: &Rule| (rule.allow.as_ref().map(Numbers::identity), rule.deny.identity());
    identity(left) == identity(right)
        && left.purposes == right.purposes
        && left.curves == right.curves
        && left.parameter_sets == right.parameter_sets
}

impl Compiler<'_> {
    /// Refuses rules that together allow nothing: a list that lies outside what holds for every key, or for every key that
    /// the rule matches. `written` has the section of each rule, where it has one.
    pub(super) fn impossible(&mut self, rules: &[Rule], written: &[Option<&RuleSection>]) {
        // Only conditions that certainly hold whenever this one does: those that test nothing, and the same. Of the rules
        // that are alike one is asked, or many rules of one condition would take the square of their number.
        let mut by_when: HashMap<&When, Vec<Vec<&Rule>>> = HashMap::with_capacity(rules.len());
        let restricts = |rule: &Rule| {
            rule.allow.is_some()
                || !rule.deny.is_empty()
                || rule.purposes.is_some()
                || rule.curves.is_some()
                || rule.parameter_sets.is_some()
        };
        // A draft refuses nothing unless a file opts in.
        let holds = |rule: &Rule| rule.effective != NEVER && restricts(rule);
        for rule in rules.iter().filter(|rule| holds(rule)) {
            let known = by_when.entry(&rule.when).or_default();
            match known.iter_mut().find(|rules| rules.iter().take(1).any(|first| alike(first, rule))) {
                Some(rules) => rules.push(rule),
                None => known.push(vec![rule]),
            }
        }
        let everywhere = When::default();
        for (rule, section) in rules.iter().zip(written).filter(|(rule, _)| holds(rule)) {
            let Some(section) = section else { continue };
            let also = (rule.when != everywhere).then_some(&everywhere);
            let covering = [Some(&rule.when), also].into_iter().flatten();
            let covering = covering.filter_map(|when| by_when.get(when)).flatten();
            let others = covering.filter_map(|rules| rules.iter().find(|other| other.id != rule.id));
            let others: Vec<&Rule> = others.copied().collect();
            self.no_mechanism(section, rule.allow.as_ref(), &others);
            self.no_purpose(section, &others);
            self.no_curve(section, &others);
            self.no_parameter_set(section, &others);
        }
    }

    fn no_mechanism(&mut self, section: &RuleSection, allow: Option<&Numbers>, others: &[&Rule]) {
        let (Some(allowed), Some(left)) = (&section.mechanisms, allow) else { return };
        for other in others {
            let allows = |ckm: &CK_MECHANISM_TYPE| {
                other.allow.as_ref().is_none_or(|allow| allow.contains(ckm)) && !other.deny.contains(ckm)
            };
            if !left.iter().any(allows) {
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
