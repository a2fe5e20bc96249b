//! Words that were given to requests, and which of them count: each is signed by the user who gave it
//! ([`crate::audit::word`] has the bytes), with the key whose public half stands in that user's row now.

use super::request::ApprovalRequest;
use super::users::of_row;
use crate::audit::word::{Statement, Word};
use crate::ck::Result;
use crate::ck::date::UtcSeconds;
use crate::crypto::attest::{self, PublicKey};
use crate::guard::codec;
use crate::guard::vault::{Signer, Vault};
use crate::store::TokenRecord;
use std::collections::BTreeMap;

/// That one user agrees to a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Given {
    /// The name of the user, without a role.
    pub by: String,
    /// When.
    pub at: UtcSeconds,
    /// The public key that verifies the signature, and the signature; `None` where it was given before words were signed.
    pub signed: Option<(PublicKey, [u8; attest::LEN])>,
    /// Whether it counts, as far as anybody has looked.
    pub standing: Standing,
}

/// Whether what somebody said counts, the time left aside.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Standing {
    /// Nobody has looked.
    #[default]
    Unseen,
    /// It is signed, by the key that its user has.
    Good,
    /// Its user is not let in any more.
    Removed,
    /// It bears no signature.
    Unsigned,
    /// Its user has another key now, or none.
    OtherKey,
    /// The key did not sign this.
    Forged,
}

impl Standing {
    /// Why it does not count; `None` where it does.
    pub const fn why(self) -> Option<&'static str> {
        match self {
            Self::Good => None,
            Self::Unseen => Some("nobody has checked it"),
            Self::Removed => Some("no user has this name any more"),
            Self::Unsigned => Some("it was given before words were signed"),
            Self::OtherKey => Some("it is not signed with the key that this user has now"),
            Self::Forged => Some("its signature is wrong"),
        }
    }
}

impl Given {
    pub(super) fn encode(&self, out: &mut codec::Writer) {
        out.bytes(self.by.as_bytes());
        out.number(self.at);
        let (key, signature) = match &self.signed {
            Some((key, signature)) => (&key[..], &signature[..]),
            None => (&[][..], &[][..]),
        };
        out.bytes(key);
        out.bytes(signature);
    }

    /// Reads it. Where words were not signed yet (`signed` is false) nothing stands behind the time.
    pub(super) fn decode(from: &mut codec::Reader<'_>, signed: bool) -> Option<Self> {
        let (by, at) = (String::from_utf8(from.bytes()?.to_vec()).ok()?, from.number()?);
        let signed = match if signed { (from.bytes()?, from.bytes()?) } else { (&[][..], &[][..]) } {
            ([], []) => None,
            (key, signature) => Some((key.try_into().ok()?, signature.try_into().ok()?)),
        };
        Some(Self { by, at, signed, standing: Standing::Unseen })
    }

    /// What was signed, with the signature.
    pub(super) fn word(&self, serial: &str, request: &ApprovalRequest) -> Option<Word> {
        let (key, signature) = self.signed?;
        Some(Word { statement: statement(serial, request, &self.by, self.at), key, signature })
    }
}

/// What one says who agrees to a request at a moment.
pub(super) fn statement(serial: &str, request: &ApprovalRequest, by: &str, at: UtcSeconds) -> Statement {
    Statement {
        serial: serial.to_owned(),
        request: request.id.clone(),
        object: request.object.0,
        operation: request.operation.clone(),
        mechanism: request.mechanism,
        requester: request.requester.clone(),
        opened: request.opened,
        valid_seconds: request.valid_seconds,
        approver: by.to_owned(),
        at,
    }
}

/// The keys that named users sign with, as the token's rows have them at one moment.
pub(super) struct Signers {
    serial: String,
    by_name: BTreeMap<String, Signer>,
}

impl Signers {
    /// Reads them out of the token's row. Ed25519 has given its known answers when this returns.
    ///
    /// # Errors
    /// `CKR_DEVICE_ERROR` where the rows are not what the token's key seals; those of the self-test.
    pub(super) fn of(vault: &Vault, record: &TokenRecord) -> Result<Self> {
        vault.check_token(record)?;
        attest::ready()?;
        let named = record.users.iter().filter_map(|row| {
            let (_, name) = of_row(row)?;
            Some((name.as_str().to_owned(), Signer::of(row)))
        });
        Ok(Self { serial: record.serial.clone(), by_name: named.collect() })
    }

    /// The key that a user signs with now.
    pub(super) fn key_of(&self, name: &str) -> Option<PublicKey> {
        match self.by_name.get(name)? {
            Signer::Key(key) => Some(*key),
            Signer::None | Signer::Unknown => None,
        }
    }

    fn standing(&self, request: &ApprovalRequest, given: &Given) -> Standing {
        if !self.by_name.contains_key(&given.by) {
            return Standing::Removed;
        }
        let Some(word) = given.word(&self.serial, request) else { return Standing::Unsigned };
        match self.key_of(&given.by) {
            Some(key) if key == word.key => {}
            _ => return Standing::OtherKey,
        }
        if word.is_signed() { Standing::Good } else { Standing::Forged }
    }

    /// Looks at every word that was given to a request.
    pub(super) fn judge(&self, request: &mut ApprovalRequest) {
        let standings: Vec<_> = request.given.iter().map(|given| self.standing(request, given)).collect();
        request.given.iter_mut().zip(standings).for_each(|(given, standing)| given.standing = standing);
    }
}
