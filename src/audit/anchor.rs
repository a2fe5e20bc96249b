//! The token-wide chain of signed statements. An anchor says of one segment how far it is and what its records hash to;
//! anchors are numbered without gaps, each holds the hash of the one before, and they stand in the token's store.
//!
//! The key that signs moves forward: an anchor is signed by the key that its predecessor named, names the key that will
//! sign the next one, and the old private key is overwritten as the anchor is stored. Whoever takes the host signs from
//! then on, but no anchor of yesterday. The public key of the first anchor is all that a verifier needs to know.

use super::chain::Hash;
use super::codec::{Reader, Writer, number, text};
use crate::ck::{Error, Result};
use crate::crypto::attest::{self, PublicKey, SigningKey};
use crate::crypto::seal;
use crate::secret::Secret;

/// What an anchor says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Statement {
    /// The chain begins.
    Genesis = 1,
    /// A segment begins.
    Open = 2,
    /// A segment has come so far.
    Checkpoint = 3,
    /// A segment ends here.
    Close = 4,
    /// A segment was found without its end, and its process gone; so far its records were good.
    Abandoned = 5,
    /// A segment was removed, as the retention says.
    Removed = 6,
}

impl Statement {
    const ALL: [Self; 6] =
        [Self::Genesis, Self::Open, Self::Checkpoint, Self::Close, Self::Abandoned, Self::Removed];

    /// The word for people.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Genesis => "genesis",
            Self::Open => "open",
            Self::Checkpoint => "checkpoint",
            Self::Close => "close",
            Self::Abandoned => "abandoned",
            Self::Removed => "removed",
        }
    }
}

/// How far a segment is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// The segment; zeros at the chain's beginning.
    pub segment: [u8; 16],
    /// The first record that is under `root`.
    pub first: u64,
    /// The number of records so far: one behind the last under `root`.
    pub end: u64,
    /// The root of the tree over the records from `first` to `end`.
    pub root: Hash,
    /// All roots of the segment so far, chained, the header at their beginning.
    pub head: Hash,
}

/// One signed statement.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Anchor {
    /// Serial number of the token.
    pub serial: String,
    /// Its place in the chain, from 0.
    pub sequence: u64,
    /// The hash of the anchor before.
    pub previous: Hash,
    /// When it was made, in nanoseconds since 1970 UTC.
    pub at: u64,
    /// What it says.
    pub statement: Statement,
    /// Of which segment, and how far.
    pub progress: Progress,
    /// The key that signed it.
    pub key: PublicKey,
    /// The key that signs the next one.
    pub next: PublicKey,
    /// The signature over all of the above.
    pub signature: [u8; attest::LEN],
}

const SERIAL: u8 = 1;
const SEQUENCE: u8 = 2;
const PREVIOUS: u8 = 3;
const AT: u8 = 4;
const STATEMENT: u8 = 5;
const SEGMENT: u8 = 6;
const FIRST: u8 = 7;
const END: u8 = 8;
const ROOT: u8 = 9;
const HEAD: u8 = 10;
const KEY: u8 = 11;
const NEXT: u8 = 12;

impl Anchor {
    fn body(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.text(SERIAL, &self.serial);
        out.number(SEQUENCE, self.sequence);
        out.bytes(PREVIOUS, &self.previous);
        out.number(AT, self.at);
        out.number(STATEMENT, u64::from(self.statement as u8));
        out.bytes(SEGMENT, &self.progress.segment);
        out.number(FIRST, self.progress.first);
        out.number(END, self.progress.end);
        out.bytes(ROOT, &self.progress.root);
        out.bytes(HEAD, &self.progress.head);
        out.bytes(KEY, &self.key);
        out.bytes(NEXT, &self.next);
        [b"keyward anchor 1\0", &out.finish()[..]].concat()
    }

    /// Its bytes: the statement, then the signature.
    pub fn encode(&self) -> Vec<u8> {
        [&self.body()[..], &self.signature].concat()
    }

    /// Reads what [`Self::encode`] wrote, and nothing else. Says nothing of the signature.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (body, signature) = bytes.split_last_chunk::<{ attest::LEN }>()?;
        let fields = body.strip_prefix(b"keyward anchor 1\0")?;
        let mut anchor = Self {
            serial: String::new(),
            sequence: 0,
            previous: [0; 32],
            at: 0,
            statement: Statement::Genesis,
            progress: Progress { segment: [0; 16], first: 0, end: 0, root: [0; 32], head: [0; 32] },
            key: [0; 32],
            next: [0; 32],
            signature: *signature,
        };
        let mut fields = Reader::new(fields);
        while let Some((tag, value)) = fields.next().ok()? {
            match tag {
                SERIAL => anchor.serial = text(value),
                SEQUENCE => anchor.sequence = number(value).ok()?,
                PREVIOUS => anchor.previous = value.try_into().ok()?,
                AT => anchor.at = number(value).ok()?,
                STATEMENT => {
                    let number = number(value).ok()?;
                    let mut all = Statement::ALL.into_iter();
                    anchor.statement = all.find(|each| u64::from(*each as u8) == number)?;
                }
                SEGMENT => anchor.progress.segment = value.try_into().ok()?,
                FIRST => anchor.progress.first = number(value).ok()?,
                END => anchor.progress.end = number(value).ok()?,
                ROOT => anchor.progress.root = value.try_into().ok()?,
                HEAD => anchor.progress.head = value.try_into().ok()?,
                KEY => anchor.key = value.try_into().ok()?,
                NEXT => anchor.next = value.try_into().ok()?,
                _ => return None,
            }
        }
        // One encoding of one anchor: what is signed cannot be said in two ways.
        (anchor.encode() == bytes).then_some(anchor)
    }

    /// What the next anchor holds as its `previous`.
    pub fn hash(&self) -> Hash {
        seal::digest_of(&[b"\x05", &self.encode()])
    }

    /// Whether its key signed it.
    pub fn is_signed(&self) -> bool {
        attest::verify(&self.key, &self.body(), &self.signature)
    }
}

/// The end of the chain, as the store keeps it sealed: where it is, and the key that signs the next anchor.
pub struct Head {
    sequence: u64,
    previous: Hash,
    key: SigningKey,
}

impl Head {
    /// The beginning: nothing was signed yet.
    pub fn begin() -> Result<Self> {
        Ok(Self { sequence: 0, previous: [0; 32], key: SigningKey::generate()? })
    }

    /// Reads what [`Self::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (sequence, rest) = bytes.split_first_chunk::<8>()?;
        let (previous, seed) = rest.split_first_chunk::<32>()?;
        let key = SigningKey::from_seed(Secret::from_slice(seed)).ok()?;
        Some(Self { sequence: u64::from_le_bytes(*sequence), previous: *previous, key })
    }

    /// Its bytes, which hold the private key.
    pub fn encode(&self) -> Secret {
        let mut bytes = Secret::zeroed(8 + 32 + attest::KEY_LEN);
        let parts: [&[u8]; 3] = [&self.sequence.to_le_bytes(), &self.previous, self.key.seed().expose()];
        let mut rest = bytes.expose_mut();
        for part in parts {
            if let Some((to, after)) = std::mem::take(&mut rest).split_at_mut_checked(part.len()) {
                to.copy_from_slice(part);
                rest = after;
            }
        }
        bytes
    }

    /// The number that the next anchor gets.
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Signs the next anchor and moves on: the key that signed is gone with `self`.
    pub fn sign(
        self,
        serial: &str,
        at: u64,
        statement: Statement,
        progress: Progress,
    ) -> Result<(Anchor, Self)> {
        let next = SigningKey::generate()?;
        let mut anchor = Anchor {
            serial: serial.to_owned(),
            sequence: self.sequence,
            previous: self.previous,
            at,
            statement,
            progress,
            key: *self.key.public(),
            next: *next.public(),
            signature: [0; attest::LEN],
        };
        anchor.signature = self.key.sign(&anchor.body())?;
        let sequence = self.sequence.checked_add(1).ok_or(Error::DeviceError)?;
        let head = Self { sequence, previous: anchor.hash(), key: next };
        Ok((anchor, head))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress() -> Progress {
        Progress { segment: [3; 16], first: 5, end: 9, root: [1; 32], head: [2; 32] }
    }

    #[test]
    fn anchors_follow_each_other_under_a_key_that_moves() {
        let head = Head::begin().unwrap();
        let (one, head) = head.sign("00", 7, Statement::Genesis, progress()).unwrap();
        let head = Head::decode(head.encode().expose()).unwrap();
        let (two, head) = head.sign("00", 8, Statement::Open, progress()).unwrap();
        assert!(one.is_signed() && two.is_signed());
        assert_eq!((two.sequence, two.previous, two.key), (1, one.hash(), one.next));
        assert_eq!(head.sequence(), 2);
        assert_ne!(one.key, two.key);
    }

    #[test]
    fn no_bit_of_an_anchor_can_be_changed() {
        let (anchor, _) = Head::begin().unwrap().sign("0123", 7, Statement::Close, progress()).unwrap();
        let bytes = anchor.encode();
        assert_eq!(Anchor::decode(&bytes), Some(anchor));
        for at in 0..bytes.len() {
            let mut wrong = bytes.clone();
            wrong[at] ^= 1;
            assert!(Anchor::decode(&wrong).is_none_or(|anchor| !anchor.is_signed()), "{at}");
            assert!(Anchor::decode(&bytes[..at]).is_none_or(|anchor| !anchor.is_signed()), "{at}");
        }
    }
}
