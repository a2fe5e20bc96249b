//! Objects that every token brings along: the profiles that the module meets (PKCS#11 3.2, 4.14) and its
//! mechanisms (4.13). They stand in no store. Everybody sees them, nobody changes, copies or destroys them.
//!
//! As the specification has it for hardware features (4.3), a search finds them only if it names their class or
//! something that only they have: so no client meets objects that it does not understand.

use super::Token;
use crate::ck::names::mechanism_name;
use crate::ck::{CK_ATTRIBUTE_TYPE, CK_MECHANISM_TYPE, CK_OBJECT_CLASS, ObjectHandle};
use crate::crypto::table;
use crate::guard::Held;
use crate::object::{Attributes, Value, find};
use crate::store::Uid;
use cryptoki_sys::*;
use once_cell::race::OnceBox;
use std::sync::Arc;

/// The profiles whose conditions are all met, by the profiles document of PKCS#11 3.2, section 5.
const PROFILES: &[(&str, CK_PROFILE_ID)] = &[("CKP_BASELINE_PROVIDER", CKP_BASELINE_PROVIDER)];

/// The first handle of theirs. The table of objects gives none below 2^20 (`handles`).
const FIRST: u64 = 0x8_0000;

/// The objects, made when they are first asked for.
#[derive(Default)]
pub(super) struct BuiltIn(OnceBox<Vec<Arc<Held>>>);

impl Token {
    fn built_in(&self) -> &[Arc<Held>] {
        self.built_in.0.get_or_init(|| Box::new(self.make_built_in()))
    }

    fn make_built_in(&self) -> Vec<Arc<Held>> {
        let profiles = PROFILES
            .iter()
            .map(|(name, id)| self.fixed(CKO_PROFILE, CKA_PROFILE_ID, *id, (*name).to_owned()));
        let mechanisms = self
            .backend()
            .mechanisms()
            .into_iter()
            .map(|ckm| self.fixed(CKO_MECHANISM, CKA_MECHANISM_TYPE, ckm, mechanism_name(ckm)));
        profiles.chain(mechanisms).collect()
    }

    /// Whether a built-in object is announced: of the mechanisms, those that C_GetMechanismList names. What the policy
    /// denies to everybody is not.
    fn announced(&self, held: &Held) -> bool {
        held.attributes().number(CKA_MECHANISM_TYPE).is_none_or(|ckm: CK_MECHANISM_TYPE| {
            table::find(ckm)
                .is_some_and(|(index, _)| !self.guard().rules().denied_mechanisms().contains(index))
        })
    }

    /// One object: its class, what it tells of, and the number of that.
    fn fixed(&self, class: CK_OBJECT_CLASS, cka: CK_ATTRIBUTE_TYPE, number: u64, label: String) -> Arc<Held> {
        // The same in every process and on every day; no object of a client has such an identity.
        let uid = Uid((u128::from(class) << 64 | u128::from(number)).to_be_bytes());
        let mut attributes = Attributes::default();
        attributes.set(CKA_CLASS, Value::Ulong(class));
        attributes.set(CKA_UNIQUE_ID, Value::Bytes(uid.to_string().into_bytes()));
        attributes.set(CKA_LABEL, Value::Bytes(label.into_bytes()));
        attributes.set(CKA_TOKEN, Value::Bool(true));
        for no in [CKA_PRIVATE, CKA_MODIFIABLE, CKA_COPYABLE, CKA_DESTROYABLE] {
            attributes.set(no, Value::Bool(false));
        }
        attributes.set(cka, Value::Ulong(number));
        Arc::new(Held::take(uid, 0, attributes, None, &self.guard().rules(), false).0)
    }

    /// The built-in object of a handle.
    pub(super) fn built_in_object(&self, handle: ObjectHandle) -> Option<Arc<Held>> {
        let at = handle.0.checked_sub(FIRST).filter(|at| *at < FIRST)?;
        let at = usize::try_from(at).ok()?;
        self.built_in().get(at).filter(|held| self.announced(held)).map(Arc::clone)
    }

    /// The built-in objects that a search finds.
    pub(super) fn find_built_in(&self, template: &Attributes) -> Vec<ObjectHandle> {
        let asked = matches!(template.number(CKA_CLASS), Some(CKO_PROFILE | CKO_MECHANISM))
            || [CKA_UNIQUE_ID, CKA_PROFILE_ID, CKA_MECHANISM_TYPE].iter().any(|cka| template.has(*cka));
        if !asked {
            return Vec::new();
        }
        let all = self.built_in().iter().zip(FIRST..);
        all.filter(|(held, _)| find::matches(held.attributes(), template) && self.announced(held))
            .map(|(_, handle)| ObjectHandle(handle))
            .collect()
    }
}
