//! What a store keeps: tokens with their users, and records. Everything here is sealed or
//! authenticated by the vault above; to a store it is bytes with a few columns to find them by.

use crate::ck::CK_OBJECT_CLASS;

/// Identity of a record for its whole life: `CKA_UNIQUE_ID`, 16 random bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Uid(pub [u8; 16]);

impl Uid {
    /// Reads what is displayed; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = crate::ck::text::from_hex(&text.replace('-', ""))?;
        bytes.try_into().ok().map(Self)
    }
}

impl std::fmt::Display for Uid {
    /// As a UUID: 8-4-4-4-12 hexadecimal digits.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl std::fmt::Debug for Uid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

/// One token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TokenRecord {
    /// 16 hexadecimal digits, given at C_InitToken of a free slot, never changed.
    pub serial: String,
    /// Number of changes so far; every record carries the number of its own last change.
    pub version: u64,
    /// Label, flags and what is readable before login, authenticated by the vault.
    pub header: Vec<u8>,
    /// What only the token's key can check: the header's digest and the accumulator over all records.
    pub seal: Vec<u8>,
    /// The SO, the user and named users.
    pub users: Vec<UserRecord>,
}

/// One who can log in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UserRecord {
    /// Role and name, as the vault names them: `so`, `user`, `user:alice`.
    pub name: String,
    /// Salt, cost parameters and the wrapped token key.
    pub credential: Vec<u8>,
    /// Failed logins since the last good one, and when the last was; authenticated by the vault.
    pub attempts: Vec<u8>,
}

/// A digest that equals another exactly when the values are equal, under a key only the vault has.
pub type BlindIndex = [u8; 16];

/// What can be searched for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum IndexKind {
    /// `CKA_KEY_TYPE` or `CKA_CERTIFICATE_TYPE`.
    KeyType,
    /// `CKA_ID`.
    Id,
    /// `CKA_LABEL`.
    Label,
    /// `CKA_SUBJECT`.
    Subject,
    /// The public key, whichever attributes hold it.
    PublicKey,
}

impl IndexKind {
    /// Every kind, in the order in which a store gives them back.
    pub const ALL: [Self; 5] = [Self::KeyType, Self::Id, Self::Label, Self::Subject, Self::PublicKey];
}

/// One object, sealed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// Identity.
    pub uid: Uid,
    /// The token's change number when this was written. Larger is newer.
    pub version: u64,
    /// `CKO_...`
    pub class: CK_OBJECT_CLASS,
    /// Visible to logged-in users only; its attributes are sealed.
    pub private: bool,
    /// A tombstone of a removed object: no material, no index.
    pub deleted: bool,
    /// Searchable values, blinded: at most one of each kind (a store keeps the first and gives them back in
    /// the order of [`IndexKind::ALL`]).
    pub index: Vec<(IndexKind, BlindIndex)>,
    /// Attributes, encoded; sealed where the object is private.
    pub attributes: Vec<u8>,
    /// Key material, always sealed; empty where there is none.
    pub material: Vec<u8>,
    /// What authenticates all of the above.
    pub seal: Vec<u8>,
}

impl Record {
    /// The value that it can be found by, of one kind.
    pub fn index_value(&self, kind: IndexKind) -> Option<BlindIndex> {
        self.index.iter().find(|(other, _)| *other == kind).map(|(_, value)| *value)
    }
}

/// A search. Everything given must hold; of several values for one kind, any.
#[derive(Clone, Default, Debug)]
pub struct Query {
    /// `CKA_CLASS`.
    pub class: Option<CK_OBJECT_CLASS>,
    /// Whether records with `private` are wanted too.
    pub private: bool,
    /// Blinded values.
    pub index: Vec<(IndexKind, Vec<BlindIndex>)>,
}
