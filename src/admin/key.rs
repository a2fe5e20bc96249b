//! Keys by the names that people use.

use super::{Result, Trouble, Visit, failed};
use crate::ck::date::{UtcSeconds, display_utc};
use crate::ck::names::key_type_name;
use crate::ck::text::hex;
use crate::ck::vendor::*;
use crate::ck::{CK_ATTRIBUTE_TYPE, ObjectHandle};
use crate::guard::Held;
use crate::object::{Attributes, KeyFacts, State, Value, Window, key};
use crate::policy::{Causes, Rotation, Spent, lifecycle, strength};
use crate::store::Uid;
use cryptoki_sys::*;

/// Which key is meant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Selector {
    /// `CKA_LABEL`
    Label(String),
    /// `CKA_ID`
    Id(Vec<u8>),
    /// `CKA_UNIQUE_ID`
    Uid(String),
}

/// A key, or what is left of one, as an operator sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Key {
    /// `None` for a tombstone.
    pub handle: Option<ObjectHandle>,
    /// `CKA_UNIQUE_ID`
    pub uid: Uid,
    /// What may be shown.
    pub attributes: Attributes,
    /// What the law reads.
    pub facts: KeyFacts,
    /// The state that holds now, dates counted in.
    pub state: State,
    /// Originator window and recipient window, shortened by the policy.
    pub windows: (Window, Window),
    /// The rules of the policy that apply.
    pub rules: Vec<String>,
    /// Its limits, and what was counted of each.
    pub limits: Vec<Spent>,
    /// How the policy wants it rotated.
    pub rotation: Rotation,
    /// The rules behind what comes to it.
    pub causes: Causes,
    /// `CKA_UNIQUE_ID` of the object that replaced it.
    pub replacement: Option<String>,
}

impl std::fmt::Display for Selector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Label(label) => write!(f, "label {label:?}"),
            Self::Id(id) => write!(f, "id {}", hex(id)),
            Self::Uid(uid) => write!(f, "unique id {uid}"),
        }
    }
}

impl Selector {
    fn template(&self) -> Attributes {
        let (cka, bytes) = match self {
            Self::Label(label) => (CKA_LABEL, label.clone().into_bytes()),
            Self::Id(id) => (CKA_ID, id.clone()),
            Self::Uid(uid) => (CKA_UNIQUE_ID, uid.clone().into_bytes()),
        };
        one(cka, bytes)
    }
}

fn one(cka: CK_ATTRIBUTE_TYPE, bytes: Vec<u8>) -> Attributes {
    let mut template = Attributes::default();
    template.set(cka, Value::Bytes(bytes));
    template
}

fn replacement(attributes: &Attributes) -> Option<String> {
    attributes.bytes(CKA_KEYWARD_REPLACEMENT).map(|uid| String::from_utf8_lossy(uid).into_owned())
}

impl Key {
    fn living(handle: ObjectHandle, held: &Held, limits: Vec<Spent>, now: UtcSeconds) -> Self {
        let facts = held.facts().clone();
        let windows = held.rules().windows(&facts, now);
        Self {
            handle: Some(handle),
            uid: held.uid(),
            attributes: held.attributes().clone(),
            state: lifecycle::effective_state(facts.state, windows.0, windows.1, now),
            windows,
            rules: held.rules().applied(now).map(str::to_owned).collect(),
            limits,
            rotation: held.rules().rotation(now),
            causes: held.rules().causes(&facts, now),
            replacement: replacement(held.attributes()),
            facts,
        }
    }

    fn buried(uid: Uid, attributes: Attributes) -> Self {
        let facts = KeyFacts::of(&attributes);
        let windows = (facts.protect, facts.process);
        Self {
            handle: None,
            uid,
            state: facts.state,
            windows,
            rules: Vec::new(),
            limits: Vec::new(),
            rotation: Rotation::default(),
            causes: Causes::default(),
            replacement: replacement(&attributes),
            attributes,
            facts,
        }
    }

    /// `private`, `public` or `secret`.
    pub const fn class_word(&self) -> &'static str {
        match self.facts.class {
            CKO_PRIVATE_KEY => "private",
            CKO_PUBLIC_KEY => "public",
            _ => "secret",
        }
    }

    /// `RSA 2048`, `EC P-256`, `AES 256`, ...
    pub fn kind(&self) -> String {
        let Some(key_type) = self.facts.key_type else { return "?".into() };
        let name = key_type_name(key_type);
        let name = name.trim_start_matches("CKK_").replace('_', " ");
        if let Some(set) = self.facts.parameter_set {
            return set.name().into();
        }
        match (strength::curve(&self.facts), self.facts.bits) {
            (Some(curve), _) => format!("{} {}", name.replace(" EDWARDS", ""), curve.name()),
            (None, 0) => name,
            (None, bits) => format!("{name} {bits}"),
        }
    }

    /// The purpose, or what it is waiting for.
    pub fn purpose_word(&self) -> &'static str {
        self.facts.purpose.map_or("not bound", |purpose| purpose.word())
    }

    /// A moment in its attributes.
    pub fn date(&self, cka: CK_ATTRIBUTE_TYPE) -> Option<UtcSeconds> {
        self.attributes.number(cka).filter(|at| *at > 0)
    }

    /// A text in its attributes.
    pub fn text(&self, cka: CK_ATTRIBUTE_TYPE) -> String {
        String::from_utf8_lossy(self.attributes.bytes(cka).unwrap_or_default()).into_owned()
    }

    /// The lines of its history, oldest first.
    pub fn history(&self) -> Vec<String> {
        self.text(CKA_KEYWARD_HISTORY).lines().map(str::to_owned).collect()
    }

    /// What tells its pair from others: the public key, or else itself.
    pub(super) fn identity(&self) -> Vec<u8> {
        key::public_identity(&self.attributes).map_or_else(|| self.uid.0.to_vec(), <[u8]>::to_vec)
    }

    /// "private RSA 2048 key, id 01, made 2026-11-22T10:00:00Z, 1f0c...", for lists of what could be meant.
    pub fn described(&self) -> String {
        format!(
            "{} {} key, label {:?}, id {}, {}, made {}, --uid {}",
            self.class_word(),
            self.kind(),
            self.facts.label,
            hex(&self.facts.id),
            self.state.word(),
            display_utc(self.facts.initial_date),
            self.uid
        )
    }
}

impl Visit<'_> {
    /// Every key that the login may see, in the order of their making.
    ///
    /// # Errors
    /// Those of the store.
    pub fn keys(&self) -> Result<Vec<Key>> {
        self.found(&Attributes::default())
    }

    /// How many objects the login may see, keys or not.
    ///
    /// # Errors
    /// Those of the store.
    pub fn count(&self) -> Result<usize> {
        self.session()?
            .token()
            .find_all(&Attributes::default())
            .map(|found| found.len())
            .map_err(failed("reading the token"))
    }

    /// What destroyed keys left, as far as the login may see it.
    ///
    /// # Errors
    /// Those of the store.
    pub fn tombstones(&self) -> Result<Vec<Key>> {
        let session = self.session()?;
        let token = session.token();
        let uids = token.tombstones().map_err(failed("reading the token"))?;
        // What cannot be opened is private, or damaged: the one is not to be seen, the other the doctor's.
        let opened = uids.into_iter().filter_map(|uid| Some((uid, token.record(uid).ok()??)));
        Ok(opened.map(|(uid, attributes)| Key::buried(uid, attributes)).collect())
    }

    fn found(&self, template: &Attributes) -> Result<Vec<Key>> {
        let session = self.session()?;
        let now = session.token().guard().now();
        let handles = session.token().find_all(template).map_err(failed("searching"))?;
        let held = |handle| {
            let held = session.key(handle).ok()?;
            // A count that cannot be read is told by who wants to use the key, and by `keyward doctor`.
            let limits = session.token().limits(&held).unwrap_or_default();
            Some(Key::living(handle, &held, limits, now))
        };
        Ok(handles.into_iter().filter_map(held).collect())
    }

    /// The keys that are meant; none is [`Trouble::Named`].
    ///
    /// # Errors
    /// Those of the store.
    pub fn meant(&self, selector: &Selector) -> Result<Vec<Key>> {
        let mut keys = self.found(&selector.template())?;
        if let (Selector::Uid(uid), true) = (selector, keys.is_empty()) {
            keys.extend(self.tombstones()?.into_iter().filter(|key| key.uid.to_string() == *uid));
        }
        if keys.is_empty() {
            return Err(Trouble::Named(format!("no key with the {selector} is on the token")));
        }
        Ok(keys)
    }

    /// The one key that is meant, with both its halves where it is a pair: private first.
    ///
    /// # Errors
    /// [`Trouble::Named`] where there is none, or where several keys go by that name.
    pub fn whole(&self, selector: &Selector) -> Result<Vec<Key>> {
        let meant = self.meant(selector)?;
        let Some(first) = meant.first() else { return Ok(meant) };
        let identity = first.identity();
        if meant.iter().any(|key| key.identity() != identity) {
            let list: String = meant.iter().map(|key| format!("\n  {}", key.described())).collect();
            return Err(Trouble::Named(format!("several keys have the {selector}; which one?{list}")));
        }
        let mut whole = match key::public_identity(&first.attributes) {
            Some(info) if first.handle.is_some() => self.found(&one(CKA_PUBLIC_KEY_INFO, info.to_vec()))?,
            _ => meant,
        };
        whole.sort_by_key(|key| key.facts.class == CKO_PUBLIC_KEY);
        Ok(whole)
    }
}
