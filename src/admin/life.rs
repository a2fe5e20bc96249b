//! Steps in a key's life, by its owner's hand.

use super::{Key, Result, Trouble, Visit, failed};
use crate::ck::vendor::CKA_KEYWARD_PAIR;
use crate::guard::op::{Destroy, Transition};
use crate::object::State;
use crate::token::Grounds;
use cryptoki_sys::CKO_PUBLIC_KEY;

/// One half of a pair.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Half {
    /// The private key. A secret key counts as one.
    Private,
    /// The public key.
    Public,
}

impl Half {
    /// Whether the key is this half.
    pub fn is(self, key: &Key) -> bool {
        (key.facts.class == CKO_PUBLIC_KEY) == (self == Self::Public)
    }
}

/// What became of one key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Passed {
    /// As it was.
    pub key: Key,
    /// Its state now.
    pub to: State,
}

impl Visit<'_> {
    /// Takes a key, both its halves, to another state. A half that is further along its own life stays
    /// where it is.
    ///
    /// # Errors
    /// [`Trouble::Denied`] where no half could go there.
    pub fn pass(&self, keys: Vec<Key>, to: State, grounds: &Grounds) -> Result<Vec<Passed>> {
        if to == State::Compromised && keys.iter().all(|key| key.handle.is_none()) {
            return self.compromise_destroyed(&keys, grounds);
        }
        let session = self.session()?;
        let mut refusal = None;
        for key in &keys {
            let handle = living(key)?;
            let object = session.key(handle).map_err(failed("changing the state"))?;
            if object.facts().state == to && key.facts.state != to {
                // The other half took it along.
                continue;
            }
            match session.ask(Transition { object, to }) {
                Ok(grant) => {
                    session
                        .run(grant, |grant| session.token().pass(handle, grant, grounds))
                        .map_err(failed("changing the state"))?;
                }
                Err(denial) => {
                    refusal.get_or_insert(denial);
                }
            }
        }
        let passed = keys
            .into_iter()
            .map(|key| {
                let now = session.key(living(&key)?).map_err(failed("reading the key"))?.facts().state;
                Ok(Passed { key, to: now })
            })
            .collect::<Result<Vec<_>>>()?;
        match refusal {
            Some(denial) if passed.iter().all(|each| each.key.facts.state == each.to) => Err(denial.into()),
            _ => Ok(passed),
        }
    }

    /// Notes of keys that are destroyed, and of the other halves of their pairs, that they were compromised.
    fn compromise_destroyed(&self, keys: &[Key], grounds: &Grounds) -> Result<Vec<Passed>> {
        let session = self.session()?;
        let pair = |key: &Key| key.attributes.bytes(CKA_KEYWARD_PAIR).map(<[u8]>::to_vec);
        let meant = |key: &Key| {
            keys.iter().any(|each| each.uid == key.uid || pair(each).is_some() && pair(each) == pair(key))
        };
        let mut passed = Vec::new();
        for key in self.tombstones()?.into_iter().filter(meant) {
            let other = !keys.iter().any(|each| each.uid == key.uid);
            if other && key.facts.state != State::Destroyed {
                continue;
            }
            let gone = || Trouble::Named(format!("nothing is left of the key {}", key.uid));
            let object =
                session.token().tombstone(key.uid).map_err(failed("reading the key"))?.ok_or_else(gone)?;
            let to = State::DestroyedCompromised;
            let grant = session.ask(Transition { object, to })?;
            session
                .run(grant, |grant| session.token().pass_tombstone(grant, grounds))
                .map_err(failed("changing the state"))?;
            passed.push(Passed { key, to });
        }
        Ok(passed)
    }

    /// C_DestroyObject for each of these keys: all are asked about before the first is gone.
    ///
    /// # Errors
    /// [`Trouble::Denied`] where one of them may not be destroyed; then none is.
    pub fn destroy(&self, keys: Vec<Key>, grounds: &Grounds) -> Result<Vec<Passed>> {
        let session = self.session()?;
        let mut grants = Vec::new();
        for key in keys {
            let handle = living(&key)?;
            let object = session.key(handle).map_err(failed("destroying the key"))?;
            grants.push((key, handle, session.ask(Destroy { object })?));
        }
        let mut passed = Vec::new();
        for (key, handle, grant) in grants {
            session
                .run(grant, |grant| session.token().destroy(handle, grant, grounds))
                .map_err(failed("destroying the key"))?;
            let to = match key.facts.state {
                State::Compromised => State::DestroyedCompromised,
                _ => State::Destroyed,
            };
            passed.push(Passed { key, to });
        }
        Ok(passed)
    }
}

fn living(key: &Key) -> Result<crate::ck::ObjectHandle> {
    key.handle.ok_or_else(|| Trouble::Named(format!("the key {} is destroyed", key.uid)))
}
