//! The store in memory, for tests: the semantics of the one on disk, without a disk.
//!
//! A transaction works on a copy that takes the place of the original at the end. Records are shared
//! between the two, so a copy costs a pointer a record.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, SeqCst};

use super::{
    Change, Generation, IndexKind, Query, Record, Result, Store, StoreError, TokenRecord, Transaction, Uid,
    check_version,
};
use crate::sys::lock::Mutex;

/// A store that lives as long as the value.
pub struct MemoryStore {
    current: Mutex<Arc<State>>,
    writer: Mutex<()>,
    generation: AtomicU64,
}

#[derive(Clone, Default)]
struct State {
    shelves: Vec<Shelf>,
    made: u64,
    chains: BTreeMap<String, Chain>,
}

/// The audit chain of a token.
#[derive(Clone, Default)]
struct Chain {
    anchors: BTreeMap<u64, Vec<u8>>,
    end: Vec<u8>,
}

/// A token and its records, by uid, each with its place in the order of making.
#[derive(Clone)]
struct Shelf {
    token: TokenRecord,
    records: BTreeMap<Uid, (u64, Arc<Record>)>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self { current: Mutex::new(Arc::default()), writer: Mutex::new(()), generation: AtomicU64::new(2) }
    }

    fn state(&self) -> Arc<State> {
        Arc::clone(&self.current.lock())
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl State {
    fn shelf(&self, serial: &str) -> Option<&Shelf> {
        self.shelves.iter().find(|shelf| shelf.token.serial == serial)
    }

    fn shelf_mut(&mut self, serial: &str) -> Option<&mut Shelf> {
        self.shelves.iter_mut().find(|shelf| shelf.token.serial == serial)
    }

    fn token(&self, serial: &str) -> Option<TokenRecord> {
        self.shelf(serial).map(|shelf| shelf.token.clone())
    }

    fn record(&self, serial: &str, uid: Uid) -> Option<Record> {
        let (_, record) = self.shelf(serial)?.records.get(&uid)?;
        Some(Record::clone(record))
    }

    fn find(&self, serial: &str, query: &Query) -> Vec<Uid> {
        let mut found: Vec<_> = self
            .records(serial)
            .filter(|(_, record)| matches(query, record))
            .map(|(made, record)| (*made, record.uid))
            .collect();
        found.sort_unstable();
        found.into_iter().map(|(_, uid)| uid).collect()
    }

    fn changes(&self, serial: &str, wanted: impl Fn(&Record) -> bool) -> Vec<Change> {
        let mut changes: Vec<_> = self
            .records(serial)
            .filter(|(_, record)| wanted(record))
            .map(|(_, record)| Change { uid: record.uid, version: record.version, deleted: record.deleted })
            .collect();
        changes.sort_unstable_by_key(|change| (change.version, change.uid));
        changes
    }

    fn records<'a>(&'a self, serial: &str) -> impl Iterator<Item = &'a (u64, Arc<Record>)> {
        self.shelf(serial).into_iter().flat_map(|shelf| shelf.records.values())
    }
}

fn matches(query: &Query, record: &Record) -> bool {
    !record.deleted
        && (query.private || !record.private)
        && query.class.is_none_or(|class| class == record.class)
        && query
            .index
            .iter()
            .all(|(kind, any)| record.index_value(*kind).is_some_and(|value| any.contains(&value)))
}

impl Store for MemoryStore {
    fn generation(&self) -> Generation {
        match self.generation.load(Acquire) {
            settled if settled.is_multiple_of(2) => Generation::Settled(settled),
            _ => Generation::Pending,
        }
    }

    fn tokens(&self) -> Result<Vec<TokenRecord>> {
        Ok(self.state().shelves.iter().map(|shelf| shelf.token.clone()).collect())
    }

    fn token(&self, serial: &str) -> Result<Option<TokenRecord>> {
        Ok(self.state().token(serial))
    }

    fn record(&self, serial: &str, uid: Uid) -> Result<Option<Record>> {
        Ok(self.state().record(serial, uid))
    }

    fn find(&self, serial: &str, query: &Query) -> Result<Vec<Uid>> {
        Ok(self.state().find(serial, query))
    }

    fn census(&self, serial: &str) -> Result<Vec<Change>> {
        Ok(self.state().changes(serial, |record| !record.deleted))
    }

    fn changes(&self, serial: &str, version: u64) -> Result<Vec<Change>> {
        Ok(self.state().changes(serial, |record| record.version > version))
    }

    fn anchors(&self, serial: &str, from: u64, most: usize) -> Result<Vec<Vec<u8>>> {
        let state = self.state();
        let chain = state.chains.get(serial).into_iter();
        Ok(chain
            .flat_map(|chain| chain.anchors.range(from..))
            .take(most)
            .map(|(_, anchor)| anchor.clone())
            .collect())
    }

    fn transact(&self, work: &mut dyn FnMut(&mut dyn Transaction) -> Result<()>) -> Result<()> {
        let _alone = self.writer.lock();
        let mut copy = State::clone(&self.state());
        work(&mut copy)?;
        // Marked, changed, settled: as the store on disk does, though here nobody can die in between.
        self.generation.fetch_add(1, SeqCst);
        *self.current.lock() = Arc::new(copy);
        self.generation.fetch_add(1, SeqCst);
        Ok(())
    }

    fn scrub(&self) -> Result<()> {
        Ok(())
    }

    fn copy_to(&self, _: &Path) -> Result<()> {
        Err(StoreError::Unusable {
            path: "memory".to_owned(),
            reason: "a store in memory has no file to be copied".to_owned(),
        })
    }
}

impl Transaction for State {
    fn token(&mut self, serial: &str) -> Result<Option<TokenRecord>> {
        Ok(Self::token(self, serial))
    }

    fn put_token(&mut self, token: &TokenRecord) -> Result<()> {
        check_version(token.version)?;
        let twice = |(at, user): (usize, &super::UserRecord)| {
            token.users.iter().take(at).any(|other| other.name == user.name)
        };
        if token.users.iter().enumerate().any(twice) {
            return Err(StoreError::Aborted(crate::ck::Error::GeneralError));
        }
        match self.shelf_mut(&token.serial) {
            Some(shelf) => shelf.token = token.clone(),
            None => self.shelves.push(Shelf { token: token.clone(), records: BTreeMap::new() }),
        }
        Ok(())
    }

    fn clear(&mut self, serial: &str) -> Result<()> {
        if let Some(shelf) = self.shelf_mut(serial) {
            shelf.records.clear();
        }
        Ok(())
    }

    fn record(&mut self, serial: &str, uid: Uid) -> Result<Option<Record>> {
        Ok(Self::record(self, serial, uid))
    }

    fn put_record(&mut self, serial: &str, record: &Record) -> Result<()> {
        check_version(record.version)?;
        let mut record = record.clone();
        record.index = IndexKind::ALL
            .into_iter()
            .filter_map(|kind| record.index_value(kind).map(|value| (kind, value)))
            .collect();
        let made = self.made;
        self.made += 1;
        let Some(shelf) = self.shelf_mut(serial) else {
            return Err(StoreError::Aborted(crate::ck::Error::GeneralError));
        };
        let place = shelf.records.get(&record.uid).map_or(made, |(place, _)| *place);
        shelf.records.insert(record.uid, (place, Arc::new(record)));
        Ok(())
    }

    fn find(&mut self, serial: &str, query: &Query) -> Result<Vec<Uid>> {
        Ok(Self::find(self, serial, query))
    }

    fn count(&mut self, serial: &str) -> Result<u64> {
        Ok(self.changes(serial, |record| !record.deleted).len() as u64)
    }

    fn chain_end(&mut self, serial: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.chains.get(serial).map(|chain| chain.end.clone()))
    }

    fn put_anchor(&mut self, serial: &str, number: u64, anchor: &[u8], end: &[u8]) -> Result<()> {
        check_version(number)?;
        let chain = self.chains.entry(serial.to_owned()).or_default();
        if chain.anchors.insert(number, anchor.to_vec()).is_some() {
            return Err(StoreError::Aborted(crate::ck::Error::GeneralError));
        }
        chain.end = end.to_vec();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::store::suite::suite!(|| (MemoryStore::new(), ()));
}
