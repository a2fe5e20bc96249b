//! One connection: how it is opened and set, and when it has to be opened again.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::error::refused;
use super::files::{Files, Identity, Stamp};
use crate::store::{Result, StoreError, schema};

/// For how long a writer waits for the writers of other processes.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// What a connection is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    /// Changes, checkpoints, upgrades.
    Writer,
    /// Reads. In WAL mode a reader still writes its marks into the shared index, where it may.
    Reader,
    /// Reads of a store that this process must not or cannot write at all.
    Guest,
}

/// An open connection and what it is open on.
pub(super) struct Live {
    /// SQLite's.
    pub(super) connection: Connection,
    /// The file that it is open on.
    pub(super) database: Identity,
    /// Set where SQLite was told that nobody writes the file: true for as long as this stays the same.
    frozen: Option<Stamp>,
}

impl Live {
    /// Whether what it reads is still what the store is.
    pub(super) fn is_current(&self, database: Identity, files: &Files) -> bool {
        self.database == database && (self.frozen.is_none() || self.frozen == files.stamp())
    }
}

/// Opens the store's database as it is now, upgrading its format where `role` may.
pub(super) fn connect(files: &Files, role: Role) -> Result<Live> {
    for _ in 0..8 {
        let before = files.database_identity()?;
        let (connection, frozen) = match role {
            Role::Guest => open_as_guest(files)?,
            _ => (open(files, role)?, None),
        };
        // SQLite opened by name: the same file only if the name did not move meanwhile.
        if files.database_identity()? == before {
            return Ok(Live { connection, database: before, frozen });
        }
    }
    Err(StoreError::Busy)
}

fn open(files: &Files, role: Role) -> Result<Connection> {
    let refuse = |error| refused(&files.database, error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_EXRESCODE;
    let mut connection = Connection::open_with_flags(&files.database, flags).map_err(refuse)?;
    // Asked before the first read, which would make a log even in a store that is not ours to write.
    if connection.is_readonly("main").map_err(refuse)? {
        return Err(StoreError::ReadOnly);
    }
    harden(&connection).map_err(refuse)?;
    let format = schema::format(&connection, &files.database)?;
    if role == Role::Writer {
        log_ahead(&connection, &files.database)?;
        if format < schema::CURRENT {
            schema::upgrade(&mut connection, files, schema::STEPS)?;
        }
    } else {
        if format < schema::CURRENT {
            // An old backup was put back under a running process.
            drop(open(files, Role::Writer)?);
        }
        connection.pragma_update(None, "query_only", true).map_err(refuse)?;
    }
    Ok(connection)
}

/// Writes nothing, not even a log's index. Where there is a log, SQLite reads it under its locks; where there
/// is none, nobody is writing now, and the file is read without locks for as long as it stays as it is.
fn open_as_guest(files: &Files) -> Result<(Connection, Option<Stamp>)> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_EXRESCODE;
    let frozen = files.stamp();
    let how = if frozen.is_some() { "mode=ro&immutable=1" } else { "mode=ro&readonly_shm=1" };
    let connection = Connection::open_with_flags(files.database_uri(how), flags)
        .map_err(|error| refused(&files.database, error))?;
    Ok((probe(connection, files)?, frozen))
}

fn probe(connection: Connection, files: &Files) -> Result<Connection> {
    harden(&connection).map_err(|error| refused(&files.database, error))?;
    if schema::format(&connection, &files.database)? < schema::CURRENT {
        return Err(StoreError::Unusable {
            path: files.database.display().to_string(),
            reason: "its format is of an older version of keyward and it is read-only, \
                     so it cannot be upgraded"
                .into(),
        });
    }
    Ok(connection)
}

/// What every connection has: full durability, erasure of what is deleted, and distrust of the file.
fn harden(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(PATIENCE)?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
    for (name, value) in [
        ("trusted_schema", "OFF"),
        ("cell_size_check", "ON"),
        ("foreign_keys", "ON"),
        ("secure_delete", "ON"),
        ("synchronous", "FULL"),
        ("temp_store", "MEMORY"),
        ("mmap_size", "0"),
        ("journal_size_limit", "4194304"),
    ] {
        // Some answer with a row, some with none.
        connection.pragma(None, name, value, |_| Ok(()))?;
    }
    Ok(())
}

fn log_ahead(connection: &Connection, path: &Path) -> Result<()> {
    let mode: String = connection
        .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
        .map_err(|error| refused(path, error))?;
    if mode == "wal" {
        return Ok(());
    }
    Err(StoreError::Unusable {
        path: path.display().to_string(),
        reason: "the file system has no shared memory, which a store for many processes needs".into(),
    })
}

/// Fills an empty file with a new store.
pub(super) fn fill(path: &Path) -> Result<()> {
    let refuse = |error| refused(path, error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_EXRESCODE;
    let mut connection = Connection::open_with_flags(path, flags).map_err(refuse)?;
    harden(&connection).map_err(refuse)?;
    let mut id = [0u8; 16];
    crate::crypto::random::fill(&mut id).map_err(StoreError::Aborted)?;
    schema::create(&mut connection, &id).map_err(refuse)?;
    // The mode is part of the file. Its log goes away with the connection: nobody else has this file.
    log_ahead(&connection, path)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false).map_err(refuse)?;
    connection.close().map_err(|(_, error)| refuse(error))
}

/// A connection for one copy of a database on which the caller holds the write lock.
pub(in crate::store) fn open_for_backup(database: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_EXRESCODE;
    let connection = Connection::open_with_flags(database, flags)?;
    harden(&connection)?;
    Ok(connection)
}
