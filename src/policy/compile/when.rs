//! `when`, compiled, and the conditions that cannot be meant.

use super::super::diagnostic::At;
use super::super::document::{RuleSection, WhenSection};
use super::super::ruleset::When;
use super::{Compiler, together};

impl Compiler<'_> {
    /// Refuses a `when` whose classes and types no key has together.
    pub(super) fn matching(&mut self, when: &WhenSection) {
        let (Some(classes), Some(types)) = (&when.class, &when.key_type) else { return };
        for class in &classes.value {
            if !types.value.iter().any(|key_type| together(class.value, key_type.value)) {
                let message = "this can never match: no key of this class has such a type";
                self.refuse(class.place, message, None);
            }
        }
    }

    /// Refuses a rule about who is logged in that sets what is nobody's: a key is rotated, hidden and counted for all.
    pub(super) fn of_nobody(&mut self, section: &RuleSection) {
        let Some(user) = &section.when.user else { return };
        let set = &section.restrictions;
        let sets = [
            ("limits", !set.limits.is_empty()),
            ("rotate", set.rotate.is_some()),
            ("hide_inactive", set.hide_inactive.is_some()),
            ("memory", set.memory.is_some()),
            ("approvals", set.approvals.is_some()),
            ("escrow", set.escrow.is_some()),
        ];
        for (name, _) in sets.into_iter().filter(|(_, set)| *set) {
            let suggestion =
                "callers, mechanisms, hours, export, ... can depend on who is logged in".to_owned();
            let message = format!("`{name}` holds for a key whoever is logged in: `user` cannot decide it");
            self.refuse(user.place, message, Some(suggestion));
        }
    }
}

/// The condition of a section.
pub(super) fn when(section: &WhenSection) -> When {
    fn values<T: Clone, U>(list: &Option<At<Vec<At<T>>>>, map: impl Fn(T) -> U) -> Option<Vec<U>> {
        list.as_ref().map(|list| list.value.iter().map(|each| map(each.value.clone())).collect())
    }
    When {
        classes: values(&section.class, |class| class.0),
        key_types: values(&section.key_type, |key_type| key_type.0),
        labels: values(&section.label, |label| label),
        ids: values(&section.id, |id| id),
        origins: values(&section.origin, |origin| origin),
        token: section.token.as_ref().map(|token| token.value),
        purposes: section.purpose.as_ref().map(|list| list.value.iter().map(|each| each.value).collect()),
        bits: section.bits.as_ref().map(|at| at.value),
        curves: section.curve.as_ref().map(|list| list.value.iter().map(|each| each.value).collect()),
        parameter_sets: values(&section.parameter_set, |set| set),
        flags: section.flags.clone(),
        users: values(&section.user, |user| user),
        states: values(&section.state, |state| state),
        age: section.age.as_ref().map(|at| at.value),
        generations: section.generation.as_ref().map(|at| at.value),
    }
}
