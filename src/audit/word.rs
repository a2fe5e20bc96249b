//! The word of one who agrees to an operation of another, as it is signed: to what, by whom, when. Whoever has the
//! public key checks it, with this file's encoding and nothing else.
//!
//! What is signed is bytes of one meaning: a name and a version that nothing else bears, then each part with its
//! length, all of them, in this order. Numbers have 64 bits, little-endian.

use crate::ck::text::hex;
use crate::ck::{CK_MECHANISM_TYPE, Result};
use crate::crypto::attest::{self, KEY_LEN, PublicKey, SigningKey};

/// What the bytes begin with: what they are, and the version of what follows.
const DOMAIN: &[u8; 23] = b"keyward approval word\x00\x01";

/// To what somebody agrees.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Statement {
    /// The token's serial number.
    pub serial: String,
    /// The request's name.
    pub request: String,
    /// The key's unique id.
    pub object: [u8; 16],
    /// What is to be done with it, as policies name it.
    pub operation: String,
    /// By which mechanism.
    pub mechanism: Option<CK_MECHANISM_TYPE>,
    /// Who asks.
    pub requester: String,
    /// When the request was opened, in seconds since 1970 UTC.
    pub opened: u64,
    /// For so many seconds the word holds at most.
    pub valid_seconds: u64,
    /// The name of who agrees.
    pub approver: String,
    /// When, in seconds since 1970 UTC.
    pub at: u64,
}

/// A statement with the signature of who made it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Word {
    /// What was agreed to.
    pub statement: Statement,
    /// The key that verifies it.
    pub key: PublicKey,
    /// Ed25519 over [`Statement::encode`].
    pub signature: [u8; attest::LEN],
}

impl Statement {
    /// The bytes that are signed.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = DOMAIN.to_vec();
        let mut part = |bytes: &[u8]| {
            out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
            out.extend_from_slice(bytes);
        };
        part(self.serial.as_bytes());
        part(self.request.as_bytes());
        part(&self.object);
        part(self.operation.as_bytes());
        // No mechanism is not the mechanism 0, which there is.
        part(self.mechanism.map(u64::to_le_bytes).as_ref().map_or(&[], |number| &number[..]));
        part(self.requester.as_bytes());
        part(&self.opened.to_le_bytes());
        part(&self.valid_seconds.to_le_bytes());
        part(self.approver.as_bytes());
        part(&self.at.to_le_bytes());
        out
    }

    /// Reads what [`Self::encode`] wrote; `None` for anything else.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes.strip_prefix(DOMAIN)?;
        let mut part = || {
            let (len, after) = rest.split_first_chunk::<8>()?;
            let (part, after) = after.split_at_checked(usize::try_from(u64::from_le_bytes(*len)).ok()?)?;
            rest = after;
            Some(part)
        };
        let statement = Self {
            serial: text(part()?)?,
            request: text(part()?)?,
            object: part()?.try_into().ok()?,
            operation: text(part()?)?,
            mechanism: match part()? {
                [] => None,
                some => Some(number(some)?),
            },
            requester: text(part()?)?,
            opened: number(part()?)?,
            valid_seconds: number(part()?)?,
            approver: text(part()?)?,
            at: number(part()?)?,
        };
        rest.is_empty().then_some(statement)
    }
}

fn text(bytes: &[u8]) -> Option<String> {
    String::from_utf8(bytes.to_vec()).ok()
}

fn number(bytes: &[u8]) -> Option<u64> {
    bytes.try_into().ok().map(u64::from_le_bytes)
}

impl Word {
    /// Signs a statement.
    ///
    /// # Errors
    /// Those of the engine.
    pub fn sign(statement: Statement, key: &SigningKey) -> Result<Self> {
        let signature = key.sign(&statement.encode())?;
        Ok(Self { statement, key: *key.public(), signature })
    }

    /// Whether the key has signed the statement. Whose key it is stands elsewhere.
    pub fn is_signed(&self) -> bool {
        attest::verify(&self.key, &self.statement.encode(), &self.signature)
    }

    /// Its bytes: the key, the signature, the statement.
    pub fn encode(&self) -> Vec<u8> {
        [&self.key[..], &self.signature, &self.statement.encode()].concat()
    }

    /// Reads what [`Self::encode`] wrote; `None` for anything else, and for a version that this one does not know.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (key, rest) = bytes.split_first_chunk::<KEY_LEN>()?;
        let (signature, statement) = rest.split_first_chunk()?;
        Some(Self { statement: Statement::decode(statement)?, key: *key, signature: *signature })
    }
}

impl std::fmt::Display for Word {
    /// "the word of alice to request 9f3c01de".
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the word of {} to request {}", self.statement.approver, self.statement.request)
    }
}

/// The first digits of a public key, by which people tell it from others.
pub fn short(key: &PublicKey) -> String {
    hex(key).chars().take(16).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement() -> Statement {
        Statement {
            serial: "0123456789abcdef".into(),
            request: "9f3c01de".into(),
            object: [7; 16],
            operation: "sign".into(),
            mechanism: Some(0x1041),
            requester: "user:dave".into(),
            opened: 1000,
            valid_seconds: 600,
            approver: "alice".into(),
            at: 1100,
        }
    }

    /// Written out by hand: what stands in trails is never read otherwise.
    #[test]
    fn bytes_that_are_signed_are_these_for_good() {
        let mut expected = b"keyward approval word\x00\x01".to_vec();
        for part in [
            &b"0123456789abcdef"[..],
            b"9f3c01de",
            &[7; 16],
            b"sign",
            &[0x41, 0x10, 0, 0, 0, 0, 0, 0],
            b"user:dave",
            &[0xE8, 3, 0, 0, 0, 0, 0, 0],
            &[0x58, 2, 0, 0, 0, 0, 0, 0],
            b"alice",
            &[0x4C, 4, 0, 0, 0, 0, 0, 0],
        ] {
            expected.extend_from_slice(&(part.len() as u64).to_le_bytes());
            expected.extend_from_slice(part);
        }
        assert_eq!(statement().encode(), expected);
    }

    #[test]
    fn statement_comes_back_and_nothing_else_is_read() {
        for statement in [
            statement(),
            Statement { mechanism: None, ..statement() },
            Statement { mechanism: Some(0), approver: String::new(), ..statement() },
        ] {
            let bytes = statement.encode();
            assert_eq!(Statement::decode(&bytes), Some(statement));
            for short in 0..bytes.len() {
                assert_eq!(Statement::decode(&bytes[..short]), None);
            }
            assert_eq!(Statement::decode(&[&bytes[..], &[0]].concat()), None);
        }
        let mut later = statement().encode();
        later[22] = 2;
        assert_eq!(Statement::decode(&later), None);
    }

    #[test]
    fn signature_is_over_every_part_of_the_statement() {
        let key = SigningKey::generate().unwrap();
        let word = Word::sign(statement(), &key).unwrap();
        assert!(word.is_signed());
        assert_eq!(Word::decode(&word.encode()).as_ref(), Some(&word));
        let there = statement;
        for other in [
            Statement { serial: "0123456789abcdee".into(), ..there() },
            Statement { request: "9f3c01df".into(), ..there() },
            Statement { object: [8; 16], ..there() },
            Statement { operation: "destroy".into(), ..there() },
            Statement { mechanism: Some(0x1042), ..there() },
            Statement { mechanism: None, ..there() },
            Statement { requester: "user".into(), ..there() },
            Statement { opened: 1001, ..there() },
            Statement { valid_seconds: 601, ..there() },
            Statement { approver: "bob".into(), ..there() },
            Statement { at: 1101, ..there() },
            // The same letters, cut elsewhere.
            Statement { operation: "signu".into(), requester: "ser:dave".into(), ..there() },
        ] {
            assert!(!Word { statement: other.clone(), ..word.clone() }.is_signed(), "{other:?}");
        }
        let stranger = *SigningKey::generate().unwrap().public();
        assert!(!Word { key: stranger, ..word.clone() }.is_signed());
        let mut bytes = word.encode();
        bytes[40] ^= 1;
        assert!(!Word::decode(&bytes).unwrap().is_signed());
    }
}
