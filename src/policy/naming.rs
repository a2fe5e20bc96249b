//! A key's names and the rules that are told by them. Whoever may change a key may give it another label or CKA_ID, and
//! a copy other ones; neither takes the key out of a rule that holds for it, or every rule would hold only for those who
//! do not mind.

use super::denial::{Denial, Reason};
use super::ruleset::{NEVER, Ruleset, When};
use crate::object::facts::KeyFacts;

impl Ruleset {
    /// Judges the names that a change or a copy would give a key: every rule and alarm that looks at them and that holds
    /// for the key holds for it afterwards. Drafts, which refuse nothing, do not count.
    ///
    /// # Errors
    /// [`Reason::TemplateConflict`], by the rules that would not hold any more.
    pub fn judge_names(&self, before: &KeyFacts, after: &KeyFacts) -> Result<(), Denial> {
        if before.label == after.label && before.id == after.id {
            return Ok(());
        }
        let renamed = KeyFacts { label: after.label.clone(), id: after.id.clone(), ..before.clone() };
        let left = |when: &When| {
            (when.labels.is_some() || when.ids.is_some())
                && when.matches_but_purpose(before)
                && !when.matches_but_purpose(&renamed)
        };
        let rules = self.compiled.rules.iter().filter(|rule| rule.effective != NEVER && left(&rule.when));
        let alarms = self.compiled.alarms.iter().filter(|alarm| left(&alarm.when));
        let named: Vec<_> = rules
            .map(|rule| (rule.id.clone(), rule.why.clone()))
            .chain(alarms.map(|alarm| (alarm.id.clone(), None)))
            .collect();
        if named.is_empty() {
            return Ok(());
        }
        let detail = format!("called {:?}, the key would be out of a rule that holds for it", after.label);
        Err(Denial::new(Reason::TemplateConflict, detail).by(named))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::laws::{key, load};
    use cryptoki_sys::{CKK_EC, CKO_PRIVATE_KEY};

    fn called(label: &str, id: &[u8]) -> KeyFacts {
        KeyFacts { label: label.into(), id: id.into(), ..key(CKO_PRIVATE_KEY, CKK_EC, 256) }
    }

    #[test]
    fn no_other_name_takes_a_key_out_of_a_rule() {
        let rules = load(
            "policy = 1\n[[rule]]\nid = \"ca\"\nwhy = \"two agree\"\nwhen = { label = \"ca-*\" }\n\
             approvals = { need = 1, of = \"alice\" }\n[[rule]]\nid = \"by-id\"\nwhen = { id = \"01*\" }\n\
             export = \"never\"\n[[rule]]\nid = \"later\"\nwhen = { label = \"ca-1\" }\ndraft = true\n\
             export = \"never\"\n[[rule]]\nid = \"rsa\"\nwhen = { type = \"rsa\", label = \"*-1\" }\n\
             export = \"never\"\n",
        )
        .unwrap();
        let before = called("ca-1", &[1, 2]);
        let refused = |label: &str, id: &[u8]| {
            rules.judge_names(&before, &called(label, id)).err().map(|denial| denial.rules.join(" "))
        };
        assert_eq!(refused("x", &[1, 2]).as_deref(), Some("ca"));
        assert_eq!(refused("ca-1", &[2]).as_deref(), Some("by-id"));
        assert_eq!(refused("", &[]).as_deref(), Some("by-id ca"));
        assert_eq!(refused("ca-2", &[1]), None);
        assert_eq!(refused("ca-1", &[1, 2]), None);
        // Into a rule any name may lead.
        assert_eq!(rules.judge_names(&called("x", &[7]), &called("ca-1", &[1])), Ok(()));
    }
}
