//! Whether what the store holds of a token is what was written.

use super::Token;
use crate::ck::{CK_OBJECT_CLASS, Error, Result};
use crate::object::Attributes;
use crate::store::Uid;
use cryptoki_sys::CKA_LABEL;

/// A record that is not what was written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Damage {
    /// Its identity.
    pub uid: Uid,
    /// The class that the row claims.
    pub class: CK_OBJECT_CLASS,
    /// The label that the row claims, where it can be read. Nobody vouches for it.
    pub label: Option<String>,
}

impl Token {
    /// Checks the seal of every live record: how many are sound, and which are not. What a login opens
    /// is checked with the token's key too.
    ///
    /// # Errors
    /// Those of the store.
    pub fn examine(&self) -> Result<(usize, Vec<Damage>)> {
        let login = self.login.load();
        let mut sound = 0;
        let mut damaged = Vec::new();
        for change in self.store.census(&self.serial)? {
            // Whether the policy is sound is told apart.
            if change.uid == super::law::POLICY {
                continue;
            }
            let Some(record) = self.store.record(&self.serial, change.uid)? else { continue };
            match login.vault.open_attributes(&record) {
                // A private record without a login: its seal was checked before that was said.
                Ok(_) | Err(Error::UserNotLoggedIn) if super::inner::is_row(record.uid) => {}
                Ok(_) | Err(Error::UserNotLoggedIn) => sound += 1,
                Err(_) => {
                    let claimed = Attributes::decode(&record.attributes).filter(|_| !record.private);
                    let label = claimed.and_then(|attributes| {
                        let label = attributes.bytes(CKA_LABEL)?;
                        Some(String::from_utf8_lossy(label).into_owned())
                    });
                    damaged.push(Damage { uid: record.uid, class: record.class, label });
                }
            }
        }
        Ok((sound, damaged))
    }
}
