//! "Why not?": what the guard would say of a use of a real key. Nothing is used, bound, written or logged.

use super::{Key, Result, Trouble, Visit, failed};
use crate::ck::Mechanism;
use crate::guard::Caller;
use crate::guard::op::{Ask, Makes};
use crate::policy::{Entry, Explanation, mechanism_named};
use cryptoki_sys::{CKA_PRIVATE_EXPONENT, CKA_VALUE, CKK_RSA};
use std::sync::Arc;

/// Whether the entry works with the public half of a pair.
pub(super) const fn wants_public(entry: Entry) -> bool {
    matches!(entry, Entry::Verify | Entry::VerifyRecover | Entry::Encrypt | Entry::Wrap | Entry::Encapsulate)
}

impl Visit<'_> {
    /// Every check of a use of this key, or of that half of its pair which the use needs.
    ///
    /// # Errors
    /// Words that are not known; entries that need no key, or a second one.
    pub fn explain(&self, keys: &[Key], op: &str, mechanism: Option<&str>) -> Result<(Key, Explanation)> {
        let entry = Entry::named(op).map_err(Trouble::Named)?;
        let mechanism = mechanism.map(mechanism_named).transpose().map_err(Trouble::Named)?;
        let used = |key: &&Key| super::Half::Public.is(key) == wants_public(entry);
        let key = keys
            .iter()
            .find(used)
            .or_else(|| keys.first())
            .ok_or_else(|| Trouble::Named("no key to ask about".into()))?;
        let handle = key.handle.ok_or_else(|| Trouble::Named(format!("the key {} is destroyed", key.uid)))?;
        let session = self.session()?;
        let object = session.key(handle).map_err(failed("reading the key"))?;
        let makes = match entry {
            Entry::Generate
            | Entry::Create
            | Entry::WrapTarget
            | Entry::DeriveSecond
            | Entry::SetAttribute => {
                let advice = "is not asked of one key; ask about a key of your making with --policy";
                return Err(Trouble::Named(format!("`{op}` {advice}")));
            }
            Entry::Copy => Makes::Objects(vec![object.facts().clone()]),
            Entry::Destroy => Makes::Removal,
            Entry::Reveal if key.facts.key_type == Some(CKK_RSA) => Makes::Sight(CKA_PRIVATE_EXPONENT),
            Entry::Reveal => Makes::Sight(CKA_VALUE),
            _ => Makes::Nothing,
        };
        if mechanism.is_none() && entry.usage().is_some() {
            return Err(Trouble::Named(format!("`{op}` needs --mechanism CKM_...")));
        }
        let mechanism = mechanism.map(Mechanism::plain);
        let ask = Ask {
            entry: Some(entry),
            mechanism: mechanism.as_ref(),
            object: Some(&Arc::clone(&object)),
            target: None,
            seconds: &[],
            messages: false,
            makes,
        };
        let name = session.token().known_user().unwrap_or_default();
        let caller = Caller { role: session.token().role(), name: &name, session: 0, read_write: true };
        Ok((key.clone(), session.token().guard().explain(&caller, &**session.token(), &ask)))
    }
}
