//! Floor 5: records of bytes that are already sealed, on disk or in memory. A store knows neither
//! PINs nor keys and sees no plaintext; it keeps what it is given, in transactions, for many
//! processes at once, and tells cheaply whether anything changed.
#![forbid(unsafe_code)]

mod generation;
pub mod memory;
pub mod record;
mod schema;
pub mod sqlite;
#[cfg(test)]
mod suite;

use std::path::Path;

pub use record::{BlindIndex, IndexKind, Query, Record, TokenRecord, Uid, UserRecord};

/// What can go wrong below the token. Mapped to `CKR_` in one place, at the foot of this file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file system or the database refused.
    #[error("the store at {path} cannot be used: {reason}")]
    Unusable {
        /// Where it was looked for.
        path: String,
        /// In plain words.
        reason: String,
    },
    /// No space left, or a quota is spent. Nothing was changed.
    #[error("the store's disk is full")]
    Full,
    /// The store, or the file system below it, is read-only.
    #[error("the store is read-only")]
    ReadOnly,
    /// Another process held the store for longer than the time limit. Nothing was changed.
    #[error("the store is busy")]
    Busy,
    /// Bytes that cannot be what was written.
    #[error("the store is damaged: {0}")]
    Damaged(String),
    /// Written by a later version of keyward.
    #[error("the store has format {found}; this version reads up to {known}")]
    TooNew {
        /// In the file.
        found: u32,
        /// By this code.
        known: u32,
    },
    /// The work inside the transaction refused; everything was rolled back.
    #[error("{0}")]
    Aborted(crate::ck::Error),
}

/// Result of this floor.
pub type Result<T> = core::result::Result<T, StoreError>;

/// How far the store has come, read without a system call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Generation {
    /// Nothing is being written; a cache built at this number is still true.
    Settled(u64),
    /// A writer is between "about to commit" and "committed", or was killed there:
    /// no cache may be trusted, ask [`Store::changes`].
    Pending,
}

/// One change of a record, as other processes learn of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Change {
    /// Which record.
    pub uid: Uid,
    /// Its version now.
    pub version: u64,
    /// Whether the record is gone (a tombstone row stays so that others learn of it).
    pub deleted: bool,
}

/// Where tokens live. No default bodies: the compiler lists what a store has not done.
pub trait Store: Send + Sync {
    /// One atomic load.
    fn generation(&self) -> Generation;
    /// Every token of the store, in the order of their making.
    fn tokens(&self) -> Result<Vec<TokenRecord>>;
    /// One token with its users, by serial number.
    fn token(&self, serial: &str) -> Result<Option<TokenRecord>>;
    /// One record, or its tombstone.
    fn record(&self, serial: &str, uid: Uid) -> Result<Option<Record>>;
    /// The uids of live records that match, in the order of their making.
    fn find(&self, serial: &str, query: &Query) -> Result<Vec<Uid>>;
    /// (uid, version) of every live record, oldest change first: what the token's header vouches for.
    fn census(&self, serial: &str) -> Result<Vec<Change>>;
    /// What changed after `version` of the token, oldest first.
    fn changes(&self, serial: &str, version: u64) -> Result<Vec<Change>>;
    /// Runs `work` in one write transaction, alone in all processes. Everything or nothing is kept;
    /// it is on disk when this returns `Ok`. An `Err` of `work` rolls back and comes out as it is, so that a
    /// full disk stays [`StoreError::Full`]; a refusal of the caller's own is [`StoreError::Aborted`]. `work` may
    /// read through the store, but must not write through it: that would wait for itself.
    fn transact(&self, work: &mut dyn FnMut(&mut dyn Transaction) -> Result<()>) -> Result<()>;
    /// The anchors of a token's audit chain from number `from` on, in order, `most` of them at most.
    fn anchors(&self, serial: &str, from: u64, most: usize) -> Result<Vec<Vec<u8>>>;
    /// Overwrites what deleted material left behind in the files (checkpoint and truncate the log).
    /// Deleted content itself is overwritten as it is deleted.
    fn scrub(&self) -> Result<()>;
    /// Writes all that is committed into a database of its own, a file that must be empty. Nobody waits for it.
    fn copy_to(&self, database: &Path) -> Result<()>;
}

/// The store inside a write transaction.
pub trait Transaction {
    /// One token with its users.
    fn token(&mut self, serial: &str) -> Result<Option<TokenRecord>>;
    /// Inserts or replaces a token with its users. Its records stay, and so does its place in the order.
    /// Two users of one name are refused ([`StoreError::Aborted`]).
    fn put_token(&mut self, token: &TokenRecord) -> Result<()>;
    /// Removes a token's records (C_InitToken on an initialised token), tombstones too.
    fn clear(&mut self, serial: &str) -> Result<()>;
    /// One record.
    fn record(&mut self, serial: &str, uid: Uid) -> Result<Option<Record>>;
    /// Inserts or replaces a record of a token that there is (else [`StoreError::Aborted`]). Replaced
    /// material is overwritten; the record keeps its place in the order of making.
    fn put_record(&mut self, serial: &str, record: &Record) -> Result<()>;
    /// The uids of live records that match.
    fn find(&mut self, serial: &str, query: &Query) -> Result<Vec<Uid>>;
    /// How many live records there are.
    fn count(&mut self, serial: &str) -> Result<u64>;
    /// What stands at the end of a token's audit chain, as [`Self::put_anchor`] left it.
    fn chain_end(&mut self, serial: &str) -> Result<Option<Vec<u8>>>;
    /// Adds the anchor with the next number to the chain, and overwrites what stood at its end. Anchors outlive
    /// [`Self::clear`], and are never changed: a number that is there is refused ([`StoreError::Aborted`]).
    fn put_anchor(&mut self, serial: &str, number: u64, anchor: &[u8], end: &[u8]) -> Result<()>;
}

/// Versions are kept as signed 64-bit numbers and compared as such; one that does not fit is a mistake of the caller.
fn check_version(version: u64) -> Result<()> {
    if i64::try_from(version).is_ok() {
        return Ok(());
    }
    Err(StoreError::Aborted(crate::ck::Error::GeneralError))
}

impl From<StoreError> for crate::ck::Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unusable { .. } | StoreError::Damaged(_) | StoreError::TooNew { .. } => {
                Self::DeviceError
            }
            StoreError::Full => Self::DeviceMemory,
            StoreError::ReadOnly => Self::TokenWriteProtected,
            StoreError::Busy => Self::FunctionFailed,
            StoreError::Aborted(refusal) => refusal,
        }
    }
}
