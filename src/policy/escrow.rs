//! `escrow`: whether a copy of a key may, or must, be kept elsewhere. Which copies there are the token knows; this file says
//! what follows from that. That a key may not be wrapped stands with `export` in `decide`.

use super::denial::{Denial, Reason};
use super::judge::by;
use super::record::KeyRules;
use super::ruleset::{Escrow, Rule, Ruleset};
use crate::ck::date::UtcSeconds;
use crate::object::facts::KeyFacts;
use cryptoki_sys::CKO_PUBLIC_KEY;

impl Ruleset {
    /// Whether any rule wants keys backed up before they are used.
    pub fn asks_backup(&self) -> bool {
        self.compiled.rules.iter().any(|rule| rule.escrow == Some(Escrow::Required))
    }
}

impl KeyRules {
    /// Whether any rule, in whatever phase, wants the key backed up before it is used.
    #[inline]
    pub const fn asks_backup(&self) -> bool {
        self.waits.1
    }

    /// What is against a use of a key of which there is no copy anywhere; `None` where nothing is.
    pub fn not_backed_up(&self, facts: &KeyFacts, now: UtcSeconds) -> Option<Denial> {
        let record = self.record(facts.purpose, facts.purpose, now);
        // A public key has nothing that could be lost.
        if !record.asks.backup || facts.class == CKO_PUBLIC_KEY {
            return None;
        }
        let requires = |rule: &Rule| rule.escrow == Some(Escrow::Required);
        let detail = "the key may not be used before it is backed up: `keyward backup`, or wrap it";
        Some(by(Denial::new(Reason::NotBackedUp, detail), &self.compiled, record, requires))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Entry;
    use crate::policy::laws::{NOW, ask, judge, key, load};
    use cryptoki_sys::{CKK_EC, CKO_PRIVATE_KEY};

    fn rules(body: &str) -> Ruleset {
        load(&format!("policy = 1\n[[rule]]\nid = \"r\"\n{body}")).unwrap()
    }

    #[test]
    fn escrow_forbidden_keeps_a_key_in_whatever_export_says() {
        let rules = rules("escrow = \"forbidden\"\n");
        let facts = KeyFacts { extractable: true, ..key(CKO_PRIVATE_KEY, CKK_EC, 256) };
        let denial = judge(&rules, &facts, &ask(&facts, Entry::WrapTarget, None)).unwrap_err();
        assert_eq!((denial.reason, denial.rules[0].as_ref()), (Reason::Escrow, "r"));
        assert_eq!(denial.error, crate::ck::Error::KeyUnextractable);
        assert!(!rules.record_for(&facts).asks_backup());
    }

    #[test]
    fn escrow_required_asks_for_a_copy_and_allowed_asks_for_nothing() {
        let facts = key(CKO_PRIVATE_KEY, CKK_EC, 256);
        let required = rules("escrow = \"required\"\n").record_for(&facts);
        assert!(required.asks_backup());
        assert_eq!(required.not_backed_up(&facts, NOW).unwrap().reason, Reason::NotBackedUp);
        let allowed = rules("escrow = \"allowed\"\n").record_for(&facts);
        assert!(!allowed.asks_backup() && allowed.not_backed_up(&facts, NOW).is_none());
    }
}
