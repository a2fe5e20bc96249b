//! The store on disk: one SQLite database in a directory, shared by any number of processes without a daemon.
//!
//! In the directory: `keyward.db` with SQLite's `-wal` and `-shm`, `keyward.generation` (see
//! [`super::generation`]), `keyward.db.v<n>.backup` after an upgrade, and the vault's `store.key`. Directory 0700, files
//! 0600. A killed process may leave a `keyward.draft.*`, which nobody reads.
//!
//! Write-ahead log: readers never wait for a writer nor a writer for readers. `synchronous=FULL`: what was committed is
//! on disk. One connection writes, a few read; each serves one thread at a time. Every read and every write is
//! one transaction that begins by asking for the format, so that a process that outlives an upgrade of the
//! file stops instead of misreading it. Forks: see [`process`].
//!
//! A store whose file or file system cannot be written opens all the same, writes nothing at all, answers
//! [`StoreError::ReadOnly`] to every change, and has no generation page.

mod check;
pub(super) mod connection;
pub(super) mod error;
pub(super) mod files;
mod process;
mod rows;
#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{AcqRel, Acquire};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use rusqlite::{Connection, TransactionBehavior};

use self::connection::{Live, PATIENCE, Role};
use self::error::refused;
use self::files::{Files, Identity};
use self::process::{Inside, Seat};
use super::generation::{Page, Tie};
use super::{
    Change, Generation, Query, Record, Result, Store, StoreError, TokenRecord, Transaction, Uid, schema,
};

/// Threads that can read at once; a further one waits for one of these.
const READERS: usize = 4;

/// A thread looks whether the page's file is still the one that is mapped once in so many calls.
const CALLS_A_LOOK: u32 = 1024;

thread_local! {
    /// Calls of `generation` by this thread. No destructor.
    static CALLS: Cell<u32> = const { Cell::new(0) };
}

/// A store in a directory.
pub struct SqliteStore {
    files: Files,
    read_only: bool,
    writer: Arc<Seat>,
    readers: [Arc<Seat>; READERS],
    next_reader: AtomicUsize,
    /// Threads of this process that write or wait for it through this store.
    writing: AtomicUsize,
    page: ArcSwapOption<Page>,
}

impl SqliteStore {
    /// Opens the store of a directory; directory and database are made where they are missing, and an older format is
    /// upgraded.
    ///
    /// [`StoreError::Unusable`] with the path where the file system refuses, [`StoreError::Damaged`] where the file is no
    /// store, [`StoreError::TooNew`] where a later keyward wrote it.
    pub fn open(directory: &Path) -> Result<Self> {
        let inside = process::enter()?;
        let files = Files::locate(directory)?;
        if !files.exists()? {
            files.make_database(connection::fill)?;
        }
        let writer = Seat::new(Role::Writer, &inside);
        let read_only = match writer.with(&files, &inside, |_| Ok(())) {
            Ok(()) => false,
            Err(refusal @ (StoreError::ReadOnly | StoreError::Unusable { .. })) => {
                match connection::connect(&files, Role::Guest) {
                    Ok(_) => true,
                    Err(reason) if matches!(refusal, StoreError::ReadOnly) => return Err(reason),
                    Err(_) => return Err(refusal),
                }
            }
            Err(refusal) => return Err(refusal),
        };
        let role = if read_only { Role::Guest } else { Role::Reader };
        let store = Self {
            files,
            read_only,
            writer,
            readers: std::array::from_fn(|_| Seat::new(role, &inside)),
            next_reader: AtomicUsize::new(0),
            writing: AtomicUsize::new(0),
            page: ArcSwapOption::empty(),
        };
        store.attach_page(&inside);
        Ok(store)
    }

    /// Where the store is, absolute.
    pub fn directory(&self) -> &Path {
        &self.files.directory
    }

    /// Where the vault keeps the key of what is readable before login. The store itself never opens it.
    pub fn key_file(&self) -> PathBuf {
        self.files.directory.join("store.key")
    }

    /// Whether every change is refused because file or file system cannot be written.
    pub fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// One read transaction.
    fn read<T>(&self, work: impl Fn(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        let inside = process::enter()?;
        self.look_after_page(&inside);
        for _ in 0..8 {
            let outcome = self.reader().with(&self.files, &inside, |live| {
                let outcome = self.read_once(live, &work);
                // A file that was read without locks and changed meanwhile is read again.
                if live.is_current(live.database, &self.files) { outcome.map(Some) } else { Ok(None) }
            })?;
            if let Some(found) = outcome {
                return Ok(found);
            }
        }
        Err(StoreError::Busy)
    }

    fn read_once<T>(&self, live: &mut Live, work: impl Fn(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        let snapshot = Snapshot::begin(&live.connection).map_err(|error| self.refused(error))?;
        schema::expect_current(snapshot.0, &self.files.database)?;
        work(snapshot.0).map_err(|error| self.refused(error))
    }

    fn reader(&self) -> &Seat {
        let [first, others @ ..] = &self.readers;
        if let Some(free) = self.readers.iter().find(|seat| !seat.is_taken()) {
            return free;
        }
        let turn = self.next_reader.fetch_add(1, AcqRel) % READERS;
        others.get(turn).unwrap_or(first)
    }

    fn refused(&self, error: rusqlite::Error) -> StoreError {
        refused(&self.files.database, error)
    }
}

/// The page: attached without a lock where it is in order, and mended by whoever holds the write lock.
impl SqliteStore {
    fn page_generation(&self) -> Generation {
        self.page.load().as_ref().map_or(Generation::Pending, |page| page.generation())
    }

    /// Lets go of a page whose file, or whose database, is no longer there: from then on the answer is Pending.
    fn look_at_page(&self) {
        let current = |page: &Arc<Page>| {
            self.files.database_identity().is_ok_and(|database| page.is_current(&self.files.page, database))
        };
        if self.page.load().as_ref().is_some_and(|page| !current(page)) {
            self.page.store(None);
        }
    }

    /// Before a read: where the generation is pending, tries to find out that nobody is writing.
    fn look_after_page(&self, inside: &Inside) {
        if self.read_only {
            return;
        }
        self.look_at_page();
        // A writer of our own settles by itself, and waiting for it is what a reader must not do.
        if self.page_generation() == Generation::Pending && self.writing.load(Acquire) == 0 {
            // Whatever stands against it, Pending stays the true answer.
            let _ = self.settle(inside, Duration::ZERO);
        }
    }

    fn attach_page(&self, inside: &Inside) {
        if self.read_only {
            return;
        }
        let attached = self.writer.with(&self.files, inside, |live| {
            let store = schema::store_id(&live.connection).map_err(|error| self.refused(error))?;
            let page = self.map_page(Tie { store, database: live.database })?;
            let tied = page.is_tied();
            if tied {
                self.page.store(Some(Arc::new(page)));
            }
            Ok(tied)
        });
        if !matches!(attached, Ok(true)) {
            let _ = self.settle(inside, Duration::from_millis(500));
        }
    }

    /// Takes the write lock if it is to be had within `patience`, and puts the page in order.
    fn settle(&self, inside: &Inside, patience: Duration) -> Result<()> {
        self.writer.with(&self.files, inside, |live| {
            let database = live.database;
            live.connection.busy_timeout(patience).map_err(|error| self.refused(error))?;
            let outcome = live
                .connection
                .transaction_with_behavior(TransactionBehavior::Immediate)
                .map_err(|error| self.refused(error))
                .and_then(|transaction| self.page_under_lock(&transaction, database))
                .map(|page| page.settle_abandoned());
            live.connection.busy_timeout(PATIENCE).map_err(|error| self.refused(error))?;
            outcome
        })
    }

    /// The page of this database, made and tied where it is not. The caller holds the write lock.
    fn page_under_lock(&self, connection: &Connection, database: Identity) -> Result<Arc<Page>> {
        if self.files.database_identity()? != database {
            return Err(StoreError::Busy);
        }
        if let Some(page) = self.page.load_full()
            && page.is_current(&self.files.page, database)
            && page.is_tied()
        {
            return Ok(page);
        }
        let store = schema::store_id(connection).map_err(|error| self.refused(error))?;
        let page = self.map_page(Tie { store, database })?;
        if !page.is_tied() {
            page.tie()?;
        }
        let page = Arc::new(page);
        self.page.store(Some(Arc::clone(&page)));
        Ok(page)
    }

    fn map_page(&self, tie: Tie) -> Result<Page> {
        Page::open(&self.files.page, tie).map_err(|error| {
            files::unusable(&self.files.page, "the generation page cannot be mapped", &error)
        })
    }
}

impl Store for SqliteStore {
    fn generation(&self) -> Generation {
        let calls = CALLS.get().wrapping_add(1);
        CALLS.set(calls);
        if calls.is_multiple_of(CALLS_A_LOOK) {
            self.look_at_page();
        }
        self.page_generation()
    }

    fn tokens(&self) -> Result<Vec<TokenRecord>> {
        self.read(rows::tokens)
    }

    fn token(&self, serial: &str) -> Result<Option<TokenRecord>> {
        self.read(|snapshot| rows::token(snapshot, serial))
    }

    fn record(&self, serial: &str, uid: Uid) -> Result<Option<Record>> {
        self.read(|snapshot| rows::record(snapshot, serial, uid))
    }

    fn find(&self, serial: &str, query: &Query) -> Result<Vec<Uid>> {
        self.read(|snapshot| rows::find(snapshot, serial, query))
    }

    fn census(&self, serial: &str) -> Result<Vec<Change>> {
        self.read(|snapshot| rows::census(snapshot, serial))
    }

    fn changes(&self, serial: &str, version: u64) -> Result<Vec<Change>> {
        self.read(|snapshot| rows::changes(snapshot, serial, version))
    }

    fn anchors(&self, serial: &str, from: u64, most: usize) -> Result<Vec<Vec<u8>>> {
        self.read(|snapshot| rows::anchors(snapshot, serial, from, most))
    }

    fn transact(&self, work: &mut dyn FnMut(&mut dyn Transaction) -> Result<()>) -> Result<()> {
        if self.read_only {
            return Err(StoreError::ReadOnly);
        }
        let inside = process::enter()?;
        let _writing = Writing::announce(&self.writing);
        self.writer.with(&self.files, &inside, |live| {
            let database = live.database;
            // Dropped without a commit, by an error or a panic of `work`, it rolls back.
            let transaction = live
                .connection
                .transaction_with_behavior(TransactionBehavior::Immediate)
                .map_err(|error| self.refused(error))?;
            schema::expect_current(&transaction, &self.files.database)?;
            let page = self.page_under_lock(&transaction, database)?;
            page.settle_abandoned();
            work(&mut Changes { connection: &transaction, path: &self.files.database })?;
            let mark = page.mark();
            let outcome = transaction.commit();
            page.settle(mark);
            outcome.map_err(|error| self.refused(error))
        })
    }

    fn scrub(&self) -> Result<()> {
        if self.read_only {
            return Err(StoreError::ReadOnly);
        }
        let inside = process::enter()?;
        let end = Instant::now() + PATIENCE;
        while self.writer.with(&self.files, &inside, |live| {
            live.connection
                .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, bool>(0))
                .map_err(|error| self.refused(error))
        })? {
            // A reader somewhere still looks at an older state.
            if Instant::now() >= end {
                return Err(StoreError::Busy);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    fn copy_to(&self, database: &Path) -> Result<()> {
        let _inside = process::enter()?;
        schema::back_up(&self.files.database, database)
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        let seats = self.readers.iter().chain(std::iter::once(&self.writer));
        match process::enter() {
            Ok(inside) => seats.for_each(|seat| seat.retire(&inside)),
            Err(_) => seats.for_each(|seat| seat.forget()),
        }
    }
}

/// A read transaction from statements that stay prepared, which rusqlite's own are not.
struct Snapshot<'a>(&'a Connection);

impl<'a> Snapshot<'a> {
    fn begin(connection: &'a Connection) -> rusqlite::Result<Self> {
        connection.prepare_cached("BEGIN")?.execute([])?;
        Ok(Self(connection))
    }
}

impl Drop for Snapshot<'_> {
    fn drop(&mut self) {
        // Nothing was changed: this only lets go of the snapshot. SQLite may have done it already, after an error.
        let _ = self.0.prepare_cached("ROLLBACK").and_then(|mut rollback| rollback.execute([]));
    }
}

/// Counted among the writers for as long as it lives.
struct Writing<'a>(&'a AtomicUsize);

impl<'a> Writing<'a> {
    fn announce(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, AcqRel);
        Self(count)
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, AcqRel);
    }
}

/// The inside of a write transaction.
struct Changes<'a> {
    connection: &'a Connection,
    path: &'a Path,
}

impl Changes<'_> {
    fn ask<T>(&self, outcome: rusqlite::Result<T>) -> Result<T> {
        outcome.map_err(|error| refused(self.path, error))
    }
}

impl Transaction for Changes<'_> {
    fn token(&mut self, serial: &str) -> Result<Option<TokenRecord>> {
        self.ask(rows::token(self.connection, serial))
    }

    fn put_token(&mut self, token: &TokenRecord) -> Result<()> {
        super::check_version(token.version)?;
        self.ask(rows::put_token(self.connection, token))
    }

    fn clear(&mut self, serial: &str) -> Result<()> {
        self.ask(rows::clear(self.connection, serial))
    }

    fn record(&mut self, serial: &str, uid: Uid) -> Result<Option<Record>> {
        self.ask(rows::record(self.connection, serial, uid))
    }

    fn put_record(&mut self, serial: &str, record: &Record) -> Result<()> {
        super::check_version(record.version)?;
        self.ask(rows::put_record(self.connection, serial, record))
    }

    fn find(&mut self, serial: &str, query: &Query) -> Result<Vec<Uid>> {
        self.ask(rows::find(self.connection, serial, query))
    }

    fn count(&mut self, serial: &str) -> Result<u64> {
        self.ask(rows::count(self.connection, serial))
    }

    fn chain_end(&mut self, serial: &str) -> Result<Option<Vec<u8>>> {
        self.ask(rows::chain_end(self.connection, serial))
    }

    fn put_anchor(&mut self, serial: &str, number: u64, anchor: &[u8], end: &[u8]) -> Result<()> {
        super::check_version(number)?;
        let added = self.ask(rows::put_anchor(self.connection, serial, number, anchor, end))?;
        if added { Ok(()) } else { Err(StoreError::Aborted(crate::ck::Error::GeneralError)) }
    }
}
