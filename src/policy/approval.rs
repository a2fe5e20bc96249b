//! `approvals`: how many of which people must agree to an operation before it is done, and for how long what they said
//! holds. Who agreed to what stands in the token; this file says what is enough.
//!
//! Every rule that matches asks for itself: where one wants two of three and another one of two, both must be content,
//! and the same person may count for both. Nobody agrees to what they ask for themselves.

use super::denial::{Denial, Reason};
use super::entry::Entry;
use super::judge::by;
use super::record::KeyRules;
use super::ruleset::Rule;
use super::word::duration_text;
use crate::ck::date::UtcSeconds;
use crate::object::facts::KeyFacts;
use cryptoki_sys::{CKO_PUBLIC_KEY, CKO_SECRET_KEY};
use std::fmt;

/// What a rule's `approvals` ask for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Approvals {
    /// So many of them.
    pub(super) need: usize,
    /// Names of users, sorted, each once.
    pub(super) of: Vec<String>,
    /// The operations; all that are asked of a key that is there, where it is `None`.
    pub(super) on: Option<Vec<Entry>>,
    /// So long does one person's approval hold.
    pub(super) valid_seconds: u64,
}

/// How long an approval holds where the rule does not say.
pub(super) const VALID_SECONDS: u64 = 60 * 60;

/// What one person said.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Approval<'a> {
    /// The name of the user, without a role.
    pub by: &'a str,
    /// When.
    pub at: UtcSeconds,
}

impl Approvals {
    fn covers(&self, entry: Entry) -> bool {
        match &self.on {
            Some(on) => on.contains(&entry),
            None => !matches!(entry, Entry::Generate | Entry::Create),
        }
    }

    /// Those whose approval counts now. An approval from the future is none: a clock that was set back must not let it
    /// hold for longer.
    fn counted<'a>(
        &'a self,
        given: &'a [Approval<'a>],
        requester: Option<&'a str>,
        now: UtcSeconds,
    ) -> impl Iterator<Item = &'a str> {
        let holds = move |each: &&Approval<'_>| {
            each.at <= now && now < each.at.saturating_add(self.valid_seconds) && requester != Some(each.by)
        };
        let names = self.of.iter().map(String::as_str);
        names.filter(move |name| given.iter().filter(holds).any(|each| each.by == *name))
    }
}

impl fmt::Display for Approvals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.need, self.of.join(", "))?;
        if let Some(on) = &self.on {
            write!(f, " for {}", on.iter().map(|entry| entry.name()).collect::<Vec<_>>().join(", "))?;
        }
        write!(f, ", valid {}", duration_text(self.valid_seconds))
    }
}

impl KeyRules {
    /// Whether any rule, in whatever phase, asks for approvals.
    #[inline]
    pub fn asks_approval(&self) -> bool {
        self.first.base.asks.approvals || self.later.iter().any(|(_, phase)| phase.base.asks.approvals)
    }

    /// What is missing for an operation, given what was said: `None` where nobody needs to be asked or all have agreed.
    /// `requester` is the name of who asks, where they have one. Nobody is asked about a public key: everybody has it.
    pub fn unapproved(
        &self,
        entry: Entry,
        facts: &KeyFacts,
        (now, requester): (UtcSeconds, Option<&str>),
        given: &[Approval<'_>],
    ) -> Option<Denial> {
        let purpose = entry.purpose(facts, facts.class == CKO_SECRET_KEY);
        let record = self.record(purpose, facts.purpose, now);
        if !record.asks.approvals || facts.class == CKO_PUBLIC_KEY {
            return None;
        }
        let unmet = |rule: &Rule| {
            let asked = rule.approvals.as_ref().filter(|asked| asked.covers(entry));
            asked.is_some_and(|asked| asked.counted(given, requester, now).count() < asked.need)
        };
        let missing = record.applied(&self.compiled).find(|rule| unmet(rule))?.approvals.as_ref()?;
        let said: Vec<&str> = missing.counted(given, requester, now).collect();
        let said = if said.is_empty() { "nobody".to_owned() } else { said.join(", ") };
        let detail = format!(
            "{} needs the approval of {} of {}; approved by {said}",
            entry.name(),
            missing.need,
            missing.of.join(", "),
        );
        Some(by(Denial::new(Reason::Approval, detail), &self.compiled, record, unmet))
    }

    /// What others must agree to by these rules, and need not by those that held before.
    pub fn newly_asks(
        &self,
        before: &Self,
        entry: Entry,
        facts: &KeyFacts,
        now: UtcSeconds,
    ) -> Option<Denial> {
        let asked = |rules: &Self| rules.unapproved(entry, facts, (now, None), &[]);
        asked(self).filter(|_| asked(before).is_none())
    }

    /// Everybody whose word counts for an operation, by whatever rule, sorted; and for how many seconds one of them holds
    /// at most.
    pub fn approvers(&self, entry: Entry, facts: &KeyFacts, now: UtcSeconds) -> (Vec<String>, u64) {
        let purpose = entry.purpose(facts, facts.class == CKO_SECRET_KEY);
        let record = self.record(purpose, facts.purpose, now);
        let asked = record.applied(&self.compiled).filter_map(|rule| rule.approvals.as_ref());
        let asked: Vec<&Approvals> = asked.filter(|asked| asked.covers(entry)).collect();
        let mut names: Vec<String> = asked.iter().flat_map(|asked| asked.of.iter().cloned()).collect();
        names.sort_unstable();
        names.dedup();
        (names, asked.iter().map(|asked| asked.valid_seconds).max().unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::laws::{NOW, key, load};
    use crate::policy::{Ruleset, duration};
    use cryptoki_sys::{CKK_EC, CKO_PRIVATE_KEY};

    fn rules(body: &str) -> Ruleset {
        load(&format!("policy = 1\n[[rule]]\nid = \"r\"\nwhy = \"agree\"\n{body}")).unwrap()
    }

    fn missing(
        rules: &Ruleset,
        entry: Entry,
        given: &[(&str, u64)],
        requester: Option<&str>,
    ) -> Option<String> {
        let facts = key(CKO_PRIVATE_KEY, CKK_EC, 256);
        let given: Vec<_> = given.iter().map(|(by, at)| Approval { by, at: *at }).collect();
        rules
            .record_for(&facts)
            .unapproved(entry, &facts, (NOW, requester), &given)
            .map(|denial| denial.to_string())
    }

    const TWO_OF_THREE: &str = "approvals = { need = 2, of = [\"carol\", \"alice\", \"bob\"], for = [\"sign\", \"destroy\"], valid = \"10m\" }";

    #[test]
    fn so_many_of_those_named_must_agree_for_the_operations_that_are_named() {
        let rules = rules(TWO_OF_THREE);
        assert_eq!(
            missing(&rules, Entry::Sign, &[("bob", NOW)], None).unwrap(),
            "approval: sign needs the approval of 2 of alice, bob, carol; approved by bob; by rule r: \"agree\""
        );
        assert!(missing(&rules, Entry::Sign, &[], None).unwrap().contains("approved by nobody"));
        assert_eq!(missing(&rules, Entry::Sign, &[("bob", NOW), ("alice", NOW)], None), None);
        assert_eq!(missing(&rules, Entry::Verify, &[], None), None);
        assert!(missing(&rules, Entry::Destroy, &[], None).is_some());
        // Once each, and nobody else.
        assert!(missing(&rules, Entry::Sign, &[("bob", NOW), ("bob", NOW)], None).is_some());
        assert!(missing(&rules, Entry::Sign, &[("bob", NOW), ("mallory", NOW)], None).is_some());
    }

    #[test]
    fn nobody_agrees_to_what_they_ask_for_themselves() {
        let rules = rules(TWO_OF_THREE);
        let given = [("alice", NOW), ("bob", NOW)];
        assert!(missing(&rules, Entry::Sign, &given, Some("alice")).is_some());
        assert_eq!(missing(&rules, Entry::Sign, &given, Some("carol")), None);
    }

    #[test]
    fn public_keys_wait_for_nobody_and_a_rule_for_them_alone_is_a_mistake() {
        let public = key(CKO_PUBLIC_KEY, CKK_EC, 256);
        let record =
            rules("approvals = { need = 1, of = \"alice\" }\nescrow = \"required\"\n").record_for(&public);
        assert_eq!(record.unapproved(Entry::Verify, &public, (NOW, None), &[]), None);
        assert_eq!(record.not_backed_up(&public, NOW), None);
        for body in ["approvals = { need = 1, of = \"alice\" }", "escrow = \"required\""] {
            let text = format!("policy = 1\n[[rule]]\nid = \"r\"\nwhen = {{ class = \"public\" }}\n{body}\n");
            let told = load(&text).unwrap_err().remove(0);
            assert!(told.message.contains("never asked of a public key"), "{told}");
        }
    }

    #[test]
    fn approval_holds_for_its_time_and_not_from_the_future() {
        let rules = rules(TWO_OF_THREE);
        let ten = duration("10m").unwrap();
        let at = |moment| missing(&rules, Entry::Sign, &[("alice", moment), ("bob", NOW)], None);
        assert_eq!(at(NOW - ten + 1), None);
        assert!(at(NOW - ten).is_some());
        assert!(at(NOW + 1).is_some());
    }

    #[test]
    fn every_rule_asks_for_itself_and_one_person_counts_for_both() {
        let rules = rules(&format!(
            "{TWO_OF_THREE}\n[[rule]]\nid = \"s\"\napprovals = {{ need = 1, of = [\"dave\", \"bob\"] }}\n"
        ));
        let told = missing(&rules, Entry::Sign, &[("alice", NOW), ("carol", NOW)], None).unwrap();
        assert!(told.contains("1 of bob, dave") && told.ends_with("by rule s"), "{told}");
        assert_eq!(missing(&rules, Entry::Sign, &[("alice", NOW), ("bob", NOW)], None), None);
        // The second rule names no operations: all that are asked of a key.
        assert!(missing(&rules, Entry::Verify, &[], None).is_some());
        assert_eq!(missing(&rules, Entry::Generate, &[], None), None);
        let facts = key(CKO_PRIVATE_KEY, CKK_EC, 256);
        let record = rules.record_for(&facts);
        assert!(record.asks_approval());
        assert_eq!(record.approvers(Entry::Sign, &facts, NOW).0, ["alice", "bob", "carol", "dave"]);
        assert_eq!(record.approvers(Entry::Verify, &facts, NOW), (vec!["bob".into(), "dave".into()], 3600));
    }

    #[test]
    fn tests_of_a_file_say_who_agreed_and_what_is_backed_up() {
        let case = |id: &str, key: &str, ask: &str, expect: &str| {
            format!(
                "[[test]]\nid = \"{id}\"\nkey = {{ class = \"private\", type = \"ec\"{key} }}\n\
                 ask = {{ op = \"sign\", mechanism = \"CKM_ECDSA_SHA256\"{ask} }}\nexpect = \"{expect}\"\n"
            )
        };
        let text = [
            format!("policy = 1\n[[rule]]\nid = \"r\"\nescrow = \"required\"\n{TWO_OF_THREE}\n"),
            case("nobody", "", "", "deny"),
            case("one", "", ", approved_by = \"alice\"", "deny"),
            case("two", "", ", approved_by = [\"alice\", \"bob\"]", "allow"),
            case("no copy", ", backed_up = false", ", approved_by = [\"alice\", \"bob\"]", "deny"),
        ];
        let outcomes = load(&text.concat()).unwrap().run_tests();
        assert!(outcomes.iter().all(|outcome| outcome.passed), "{outcomes:?}");
        let last = outcomes.last().unwrap();
        assert!(last.detail.contains("not-backed-up"), "{}", last.detail);
    }
}
