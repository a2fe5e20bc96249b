//! How objects come into being: what a backend made is given its identity, its history and its place.

use super::Token;
use super::life::{add_history, set_purpose};
use crate::backend::NewObject;
use crate::ck::date::display_utc;
use crate::ck::vendor::*;
use crate::ck::{CK_MECHANISM_TYPE, CK_UNAVAILABLE_INFORMATION, Error, ObjectHandle, Result, SessionHandle};
use crate::crypto::mechanism::Inheritance;
use crate::crypto::random;
use crate::guard::{Held, Kept};
use crate::object::{Attributes, KeyFacts, Origin, Purpose, State, Value, key};
use crate::policy::{InitialState, SinglePurpose, candidate_purposes};
use crate::store::Uid;
use cryptoki_sys::*;
use std::sync::Arc;

/// Where new objects come from, and whom they belong to.
#[derive(Clone, Copy)]
pub struct Birth {
    /// How they came into being.
    pub origin: Origin,
    /// `CKA_KEY_GEN_MECHANISM`, for keys that were generated here.
    pub mechanism: Option<CK_MECHANISM_TYPE>,
    /// The session, which session objects die with.
    pub session: SessionHandle,
    /// For keys made from other keys: whether those were always sensitive and never extractable.
    pub parent: Option<Parent>,
}

/// An object on its way to its handle.
enum Made {
    Stored(Uid),
    InMemory(ObjectHandle),
}

/// The history that a key inherits (PKCS#11 3.2, 4.9 and 4.10).
#[derive(Clone, Copy)]
pub struct Parent {
    /// `CKA_ALWAYS_SENSITIVE`
    pub always_sensitive: bool,
    /// `CKA_NEVER_EXTRACTABLE`
    pub never_extractable: bool,
}

impl Parent {
    /// The history of a key.
    pub fn of(attributes: &Attributes) -> Self {
        Self {
            always_sensitive: attributes.flag(CKA_ALWAYS_SENSITIVE),
            never_extractable: attributes.flag(CKA_NEVER_EXTRACTABLE),
        }
    }

    /// What the histories of several keys come to, of which all must have been so, or one.
    pub fn of_several<'a>(
        base: &Attributes,
        seconds: impl Iterator<Item = &'a Attributes>,
        inheritance: Inheritance,
    ) -> Self {
        let join = |one: Self, other: Self| match inheritance {
            Inheritance::Free | Inheritance::Same => one,
            Inheritance::Strict | Inheritance::StrictFromBase => Self {
                always_sensitive: one.always_sensitive && other.always_sensitive,
                never_extractable: one.never_extractable && other.never_extractable,
            },
            Inheritance::FromBase => Self {
                always_sensitive: one.always_sensitive || other.always_sensitive,
                never_extractable: one.never_extractable || other.never_extractable,
            },
        };
        seconds.map(Self::of).fold(Self::of(base), join)
    }
}

impl Token {
    /// Takes in what a backend made: one object, or the two halves of a pair, in one transaction.
    pub fn adopt(&self, new: Vec<NewObject>, birth: Birth) -> Result<Vec<ObjectHandle>> {
        let mut pair = [0; 16];
        random::fill(&mut pair)?;
        let mut made = Vec::new();
        let mut stored: Vec<(Uid, Held, Kept)> = Vec::new();
        let many = new.len() > 1;
        for NewObject { mut attributes, fresh } in new {
            let uid = self.name(&mut attributes)?;
            if key::is_key_class(attributes.number(CKA_CLASS).unwrap_or_default()) {
                self.begin_life(&mut attributes, birth);
                if many && birth.origin == Origin::Generated {
                    attributes.set(CKA_KEYWARD_PAIR, Value::Bytes(pair.to_vec()));
                }
            }
            let token = attributes.flag(CKA_TOKEN);
            let (held, kept) = Held::take(uid, 0, attributes, fresh, &self.guard().rules(), token);
            if token {
                made.push(Made::Stored(uid));
                stored.push((uid, held, kept));
            } else {
                made.push(Made::InMemory(self.objects.put_session_object(Arc::new(held), birth.session)?));
            }
        }
        self.store_all(&stored).inspect_err(|_| {
            // Both halves of a pair or none (5.18.2): where one cannot be written, the other goes too.
            for half in &made {
                if let Made::InMemory(handle) = half {
                    self.objects.drop_handle(*handle);
                }
            }
        })?;
        self.note_new(stored.iter().map(|(_, held, _)| held), birth.session);
        made.into_iter()
            .map(|made| match made {
                Made::Stored(uid) => self.handle_of(uid),
                Made::InMemory(handle) => Ok(handle),
            })
            .collect()
    }

    /// Writes new token objects in one transaction.
    fn store_all(&self, new: &[(Uid, Held, Kept)]) -> Result<()> {
        if new.is_empty() {
            return Ok(());
        }
        let most = self.guard().rules().token().max_objects;
        self.write(|writer| {
            if most.is_some_and(|most| writer.count().is_ok_and(|count| count + new.len() as u64 > most)) {
                return Err(Error::DeviceMemory);
            }
            for (uid, held, kept) in new {
                writer.put(*uid, held.attributes(), kept)?;
            }
            Ok(())
        })
    }

    /// Gives an object its `CKA_UNIQUE_ID`.
    pub(super) fn name(&self, attributes: &mut Attributes) -> Result<Uid> {
        let mut uid = Uid([0; 16]);
        random::fill(&mut uid.0)?;
        attributes.set(CKA_UNIQUE_ID, Value::Bytes(uid.to_string().into_bytes()));
        Ok(uid)
    }

    /// The attributes that tell where a key came from, and the first entry of its life.
    pub(super) fn begin_life(&self, attributes: &mut Attributes, birth: Birth) {
        let now = self.guard().now();
        let defaults = self.guard().rules().keys();
        let local = birth.origin == Origin::Generated;
        let secret = attributes.number(CKA_CLASS) != Some(CKO_PUBLIC_KEY);
        if birth.origin == Origin::Copied {
            // A copy is the same key: where it was made and what was ever possible with it are the original's
            // (4.8, 4.10, 4.11), and so is its life: it revives nothing.
            attributes.set(CKA_KEYWARD_ORIGIN, Value::Ulong(Origin::Copied as u64));
            add_history(attributes, &format!("{} copied", display_utc(now)));
            return;
        }
        attributes.set(CKA_LOCAL, Value::Bool(local));
        let mechanism = birth.mechanism.filter(|_| local).map_or(CK_UNAVAILABLE_INFORMATION, |ckm| ckm);
        attributes.set(CKA_KEY_GEN_MECHANISM, Value::Ulong(mechanism));
        if secret {
            // A key that was ever outside cannot be said to have never been there.
            let inherited =
                birth.parent.unwrap_or(Parent { always_sensitive: local, never_extractable: local });
            let sensitive = attributes.flag(CKA_SENSITIVE) && inherited.always_sensitive;
            let unextractable = !attributes.flag(CKA_EXTRACTABLE) && inherited.never_extractable;
            attributes.set(CKA_ALWAYS_SENSITIVE, Value::Bool(sensitive));
            attributes.set(CKA_NEVER_EXTRACTABLE, Value::Bool(unextractable));
        }
        if attributes.number(CKA_CLASS) == Some(CKO_SECRET_KEY) {
            // What comes from outside may be a key that was joined of others here.
            let unknown = birth.origin == Origin::Unwrapped;
            attributes.set_default(CKA_KEYWARD_INDIVISIBLE, || Value::Bool(unknown));
        }
        let state = match defaults.initial_state {
            InitialState::Active => State::Active,
            InitialState::PreActive => State::PreActive,
        };
        attributes.set(CKA_KEYWARD_STATE, Value::Ulong(state as u64));
        attributes.set(CKA_KEYWARD_INITIAL_DATE, Value::Ulong(now));
        attributes.set(CKA_KEYWARD_ORIGIN, Value::Ulong(birth.origin as u64));
        // A template that names the purpose gets a key for that and for nothing else.
        if let Some(named) = attributes.number(CKA_KEYWARD_PURPOSE).and_then(Purpose::from_number) {
            set_purpose(attributes, named);
        }
        if defaults.single_purpose != SinglePurpose::Off
            && !attributes.has(CKA_KEYWARD_PURPOSE)
            && let [only] = *candidate_purposes(&KeyFacts::of(attributes)).iter().collect::<Vec<_>>()
        {
            set_purpose(attributes, only);
        }
        attributes.set_default(CKA_KEYWARD_PURPOSE, || Value::Ulong(0));
        attributes.set_default(CKA_KEYWARD_GENERATION, || Value::Ulong(1));
        add_history(attributes, &format!("{} {} as {}", display_utc(now), birth.origin.word(), state.word()));
    }
}
