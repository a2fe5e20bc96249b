//! One write transaction: whatever a token writes, its row is written with it.

use super::{Token, inner};
use crate::ck::{Error, Result};
use crate::guard::vault::{Plain, Vault, is_vouched};
use crate::guard::{Held, Kept};
use crate::object::Attributes;
use crate::store::{Query, Record, StoreError, TokenRecord, Transaction, Uid};
use std::sync::Arc;

/// One write transaction on one token: keeps the token's version, accumulator and seal in step with
/// the records that are written.
pub(super) struct Writer<'t> {
    tx: &'t mut dyn Transaction,
    serial: &'t str,
    vault: &'t Arc<Vault>,
    token: TokenRecord,
    accumulator: Option<[u8; 32]>,
    version: u64,
}

impl<'t> Writer<'t> {
    pub(super) fn begin(
        tx: &'t mut dyn Transaction,
        serial: &'t str,
        vault: &'t Arc<Vault>,
    ) -> core::result::Result<Self, StoreError> {
        let token = tx.token(serial)?.ok_or(StoreError::Aborted(Error::TokenNotRecognized))?;
        let (accumulator, version) = if vault.is_open() {
            let accumulator = vault.check_token(&token).map_err(StoreError::Aborted)?;
            (Some(accumulator), (token.version + 2) & !1)
        } else {
            (None, (token.version + 1) | 1)
        };
        Ok(Self { tx, serial, vault, token, accumulator, version })
    }

    pub(super) fn end(mut self) -> core::result::Result<(), StoreError> {
        self.token.version = self.version;
        if let Some(accumulator) = self.accumulator {
            super::login::reseal(self.vault, &mut self.token, &accumulator)?;
        }
        self.tx.put_token(&self.token)
    }

    /// The attributes of an object as they are now, inside the transaction.
    pub(super) fn attributes(&mut self, uid: Uid) -> Result<Option<(Record, Attributes)>> {
        match self.tx.record(self.serial, uid)? {
            Some(record) if !record.deleted => {
                let attributes = self.vault.open_attributes(&record)?;
                Ok(Some((record, attributes)))
            }
            _ => Ok(None),
        }
    }

    /// What a destroyed key left, with its version, inside the transaction.
    pub(super) fn tombstone(&mut self, uid: Uid) -> Result<Option<(u64, Attributes)>> {
        match self.tx.record(self.serial, uid)? {
            Some(record) if record.deleted && !record.attributes.is_empty() => {
                let attributes = self.vault.open_attributes(&record)?;
                Ok(Some((record.version, attributes)))
            }
            _ => Ok(None),
        }
    }

    /// An object as it is now, loaded inside the transaction.
    pub(super) fn held(&mut self, uid: Uid, rules: &crate::policy::Ruleset) -> Result<Option<Held>> {
        match self.tx.record(self.serial, uid)? {
            Some(record) if !record.deleted => Held::load(record, self.vault, rules, None).map(Some),
            _ => Ok(None),
        }
    }

    /// How many objects there are, the rows that are none left out.
    pub(super) fn count(&mut self) -> Result<u64> {
        let mut others = Token::budget_rows(self)?;
        for uid in inner::SINGLE {
            let there = self.tx.record(self.serial, uid)?.is_some_and(|record| !record.deleted);
            others += u64::from(there);
        }
        Ok(self.tx.count(self.serial)?.saturating_sub(others))
    }

    /// The live records that match.
    pub(super) fn find(&mut self, query: &Query) -> Result<Vec<Uid>> {
        Ok(self.tx.find(self.serial, query)?)
    }

    /// A record as it is now, inside the transaction.
    pub(super) fn record(&mut self, uid: Uid) -> Result<Option<Record>> {
        Ok(self.tx.record(self.serial, uid)?)
    }

    /// The token's row as it was when the transaction began.
    pub(super) const fn token(&self) -> &TokenRecord {
        &self.token
    }

    /// The version that this transaction writes.
    pub(super) const fn version(&self) -> u64 {
        self.version
    }

    /// Writes an object, new or changed.
    pub(super) fn put(&mut self, uid: Uid, attributes: &Attributes, kept: &Kept) -> Result<()> {
        self.replace_share(uid, true)?;
        let plain = Plain { uid, version: self.version, attributes, material: kept.encoded() };
        let record = self.vault.seal_record(&plain)?;
        Ok(self.tx.put_record(self.serial, &record)?)
    }

    /// Writes what is no object of a client and has no material.
    pub(super) fn put_plain(&mut self, uid: Uid, attributes: &Attributes) -> Result<()> {
        self.replace_share(uid, true)?;
        let plain = Plain { uid, version: self.version, attributes, material: None };
        let record = self.vault.seal_record(&plain)?;
        Ok(self.tx.put_record(self.serial, &record)?)
    }

    /// Writes a key's tombstone: its attributes stay, its material does not.
    pub(super) fn bury(&mut self, uid: Uid, attributes: &Attributes) -> Result<()> {
        self.replace_share(uid, false)?;
        let plain = Plain { uid, version: self.version, attributes, material: None };
        let record = self.vault.seal_tombstone(&plain)?;
        Ok(self.tx.put_record(self.serial, &record)?)
    }

    /// Removes an object that leaves nothing but the fact.
    pub(super) fn remove(&mut self, record: &Record) -> Result<()> {
        self.replace_share(record.uid, false)?;
        let removal = self.vault.seal_removal(record, self.version)?;
        Ok(self.tx.put_record(self.serial, &removal)?)
    }

    /// Takes the old version out of the accumulator and puts the new one in.
    fn replace_share(&mut self, uid: Uid, stays: bool) -> Result<()> {
        let old =
            self.tx.record(self.serial, uid)?.filter(|record| !record.deleted && is_vouched(record.version));
        let Some(accumulator) = self.accumulator.as_mut() else {
            // What the token's key vouches for cannot be changed without it.
            return if old.is_some() { Err(Error::UserNotLoggedIn) } else { Ok(()) };
        };
        if let Some(old) = old {
            add(accumulator, &self.vault.share(uid, old.version)?);
        }
        if stays {
            add(accumulator, &self.vault.share(uid, self.version)?);
        }
        Ok(())
    }
}

/// Adds to the accumulator, or takes away: both are the same exclusive or.
pub(super) fn add(accumulator: &mut [u8; 32], share: &[u8; 32]) {
    for (sum, part) in accumulator.iter_mut().zip(share) {
        *sum ^= part;
    }
}
