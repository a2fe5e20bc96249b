//! The database's format: its tables, its version number, and the way from each old version to this one.
//!
//! `application_id` says that it is a keyward store, `user_version` is the format. All integers are SQLite's 64-bit
//! ones: `CKA_CLASS` by its bit pattern, versions as they are. No CK_ULONG of the machine is on disk.
//! Upgrades run step by step in one transaction, after the whole database was copied to
//! `keyward.db.v<old>.backup`. A process of an older keyward that still runs then finds a format that it does not know
//! and says so ([`expect_current`] is part of every transaction).

use std::path::Path;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::sqlite::error::refused;
use super::sqlite::files::Files;
use super::{Result, StoreError};

/// The format that this code writes.
pub(super) const CURRENT: u32 = 2;

/// "keyw"
const APPLICATION: i32 = 0x6b65_7977;

/// `STEPS[n]` leads from format `n + 1` to format `n + 2`.
pub(super) const STEPS: &[Step] = &[
    // The audit chain.
    |step| step.execute_batch(CHAIN),
];

/// One step of the upgrade.
pub(super) type Step = fn(&Transaction<'_>) -> rusqlite::Result<()>;

// `ordinal` is the order of making; an explicit INTEGER PRIMARY KEY survives VACUUM. The small columns stand before
// the large ones, which may lie on overflow pages. Tombstones (deleted = 1) are in no search index.
const TABLES: &str = "
CREATE TABLE meta (
    name TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) STRICT;

CREATE TABLE token (
    ordinal INTEGER PRIMARY KEY,
    serial TEXT NOT NULL UNIQUE,
    version INTEGER NOT NULL,
    header BLOB NOT NULL,
    seal BLOB NOT NULL
) STRICT;

CREATE TABLE user (
    ordinal INTEGER PRIMARY KEY,
    serial TEXT NOT NULL REFERENCES token (serial),
    name TEXT NOT NULL,
    credential BLOB NOT NULL,
    attempts BLOB NOT NULL,
    UNIQUE (serial, name)
) STRICT;

CREATE TABLE record (
    ordinal INTEGER PRIMARY KEY,
    serial TEXT NOT NULL REFERENCES token (serial),
    uid BLOB NOT NULL,
    version INTEGER NOT NULL,
    class INTEGER NOT NULL,
    private INTEGER NOT NULL,
    deleted INTEGER NOT NULL,
    ix_key_type BLOB,
    ix_id BLOB,
    ix_label BLOB,
    ix_subject BLOB,
    ix_public_key BLOB,
    attributes BLOB NOT NULL,
    material BLOB NOT NULL,
    seal BLOB NOT NULL,
    UNIQUE (serial, uid)
) STRICT;

CREATE INDEX record_version ON record (serial, version, uid, deleted);
CREATE INDEX record_class ON record (serial, class, private, uid) WHERE deleted = 0;
CREATE INDEX record_key_type ON record (serial, ix_key_type) WHERE deleted = 0 AND ix_key_type IS NOT NULL;
CREATE INDEX record_id ON record (serial, ix_id) WHERE deleted = 0 AND ix_id IS NOT NULL;
CREATE INDEX record_label ON record (serial, ix_label) WHERE deleted = 0 AND ix_label IS NOT NULL;
CREATE INDEX record_subject ON record (serial, ix_subject) WHERE deleted = 0 AND ix_subject IS NOT NULL;
CREATE INDEX record_public_key ON record (serial, ix_public_key)
    WHERE deleted = 0 AND ix_public_key IS NOT NULL;
";

// Anchors are never changed. `chain` keeps what signs the next one, sealed; it is overwritten as the chain grows.
const CHAIN: &str = "
CREATE TABLE anchor (
    serial TEXT NOT NULL,
    number INTEGER NOT NULL,
    anchor BLOB NOT NULL,
    PRIMARY KEY (serial, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE chain (
    serial TEXT NOT NULL PRIMARY KEY,
    end BLOB NOT NULL
) STRICT;
";

/// Makes the tables in an empty database.
pub(super) fn create(connection: &mut Connection, id: &[u8; 16]) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(TABLES)?;
    transaction.execute_batch(CHAIN)?;
    transaction.execute("INSERT INTO meta (name, value) VALUES ('store_id', ?1)", [id])?;
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", CURRENT)?;
    transaction.commit()
}

/// The format of the file, refused where it is no store, later than this code, or torn.
pub(super) fn format(connection: &Connection, path: &Path) -> Result<u32> {
    let refuse = |error| refused(path, error);
    let application: i32 =
        connection.pragma_query_value(None, "application_id", |row| row.get(0)).map_err(refuse)?;
    if application != APPLICATION {
        return Err(StoreError::Damaged(format!("{} is not a keyward store", path.display())));
    }
    let found = version(connection).map_err(refuse)?;
    match found {
        0 => Err(StoreError::Damaged(format!("{} has no format number", path.display()))),
        1..=CURRENT => Ok(found),
        _ => Err(StoreError::TooNew { found, known: CURRENT }),
    }
}

/// Inside a transaction: that the format is still the one this code knows.
pub(super) fn expect_current(connection: &Connection, path: &Path) -> Result<()> {
    let found = version(connection).map_err(|error| refused(path, error))?;
    match found {
        CURRENT => Ok(()),
        newer if newer > CURRENT => Err(StoreError::TooNew { found, known: CURRENT }),
        _ => Err(StoreError::Damaged(format!("the format went back to {found} under a running process"))),
    }
}

pub(super) fn version(connection: &Connection) -> rusqlite::Result<u32> {
    connection.prepare_cached("PRAGMA user_version")?.query_row([], |row| {
        let number: i64 = row.get(0)?;
        u32::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(0, number))
    })
}

/// The store's random id.
pub(super) fn store_id(connection: &Connection) -> rusqlite::Result<[u64; 2]> {
    let id: [u8; 16] = connection
        .prepare_cached("SELECT value FROM meta WHERE name = 'store_id'")?
        .query_row([], |row| row.get(0))?;
    let whole = u128::from_le_bytes(id);
    let (low, high) = (whole & u128::from(u64::MAX), whole >> 64);
    Ok([u64::try_from(low).unwrap_or_default(), u64::try_from(high).unwrap_or_default()])
}

/// Takes the database from its format to the last one that `steps` lead to, with a backup first.
pub(super) fn upgrade(connection: &mut Connection, files: &Files, steps: &[Step]) -> Result<()> {
    let refuse = |error| refused(&files.database, error);
    // From here on nobody else writes, so that the backup is exactly what the steps start from.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(refuse)?;
    let found = version(&transaction).map_err(refuse)?;
    let done = usize::try_from(found).unwrap_or(usize::MAX).saturating_sub(1);
    let to_do = steps.get(done..).unwrap_or_default();
    if to_do.is_empty() {
        // Another process was quicker.
        return Ok(());
    }
    files.make_backup(found, |draft| back_up(&files.database, draft))?;
    let mut version = found;
    for step in to_do {
        step(&transaction).map_err(refuse)?;
        version = version.saturating_add(1);
    }
    transaction.pragma_update(None, "user_version", version).map_err(refuse)?;
    transaction.commit().map_err(refuse)
}

/// Copies the committed database into an empty file. A connection of its own: VACUUM runs in no transaction.
pub(super) fn back_up(database: &Path, draft: &Path) -> Result<()> {
    let refuse = |error| refused(database, error);
    let Some(draft) = draft.to_str() else {
        return Err(StoreError::Unusable {
            path: database.display().to_string(),
            reason: "a backup needs a path in UTF-8".into(),
        });
    };
    let connection = super::sqlite::connection::open_for_backup(database).map_err(refuse)?;
    connection.execute("VACUUM INTO ?1", [draft]).map_err(refuse)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(directory: &tempfile::TempDir) -> (Files, Connection) {
        drop(crate::store::sqlite::SqliteStore::open(directory.path()).unwrap());
        let files = Files::locate(directory.path()).unwrap();
        let connection = Connection::open(&files.database).unwrap();
        (files, connection)
    }

    #[test]
    fn upgrade_runs_each_step_once_after_a_backup() {
        let directory = tempfile::tempdir().unwrap();
        let (files, mut connection) = store(&directory);
        let steps: &[Step] = &[
            |_| unreachable!("the store has taken this step"),
            |step| step.execute_batch("ALTER TABLE token ADD COLUMN first INTEGER"),
            |step| step.execute_batch("ALTER TABLE token ADD COLUMN second INTEGER"),
        ];
        upgrade(&mut connection, &files, steps).unwrap();
        assert_eq!(version(&connection).unwrap(), CURRENT + 2);
        connection.prepare("SELECT first, second FROM token").unwrap();
        upgrade(&mut connection, &files, steps).unwrap();

        let backup = directory.path().join(format!("keyward.db.v{CURRENT}.backup"));
        let old = Connection::open(&backup).unwrap();
        assert_eq!(format(&old, &backup).unwrap(), CURRENT);
        assert!(old.prepare("SELECT first FROM token").is_err());
        assert_eq!(store_id(&old).unwrap(), store_id(&connection).unwrap());
        let mode =
            std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&backup).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn upgrade_whose_step_fails_changes_nothing_but_leaves_the_backup() {
        let directory = tempfile::tempdir().unwrap();
        let (files, mut connection) = store(&directory);
        let steps: &[Step] = &[
            |_| unreachable!("the store has taken this step"),
            |step| step.execute_batch("ALTER TABLE token ADD COLUMN first INTEGER"),
            |step| step.execute_batch("this is not SQL"),
        ];
        upgrade(&mut connection, &files, steps).unwrap_err();
        assert_eq!(version(&connection).unwrap(), CURRENT);
        assert!(connection.prepare("SELECT first FROM token").is_err());
        assert!(directory.path().join(format!("keyward.db.v{CURRENT}.backup")).exists());
    }

    #[test]
    fn store_of_format_1_gains_the_audit_chain_and_keeps_what_it_had() {
        let directory = tempfile::tempdir().unwrap();
        let (files, mut connection) = store(&directory);
        // Format 1 was this one without the chain.
        connection.execute_batch("DROP TABLE anchor; DROP TABLE chain; PRAGMA user_version = 1;").unwrap();
        connection
            .execute("INSERT INTO token (serial, version, header, seal) VALUES ('s', 4, x'01', x'02')", [])
            .unwrap();
        upgrade(&mut connection, &files, STEPS).unwrap();
        assert_eq!(version(&connection).unwrap(), CURRENT);
        let kept: i64 = connection.query_row("SELECT version FROM token", [], |row| row.get(0)).unwrap();
        assert_eq!(kept, 4);
        connection.prepare("SELECT anchor FROM anchor").unwrap();
        connection.prepare("SELECT end FROM chain").unwrap();
    }

    #[test]
    fn format_of_newer_store_is_too_new() {
        let directory = tempfile::tempdir().unwrap();
        let (files, connection) = store(&directory);
        connection.pragma_update(None, "user_version", 7).unwrap();
        let found = format(&connection, &files.database).unwrap_err();
        assert!(matches!(found, StoreError::TooNew { found: 7, known: CURRENT }), "{found:?}");
    }

    #[test]
    fn format_of_foreign_database_is_damaged() {
        let connection = Connection::open_in_memory().unwrap();
        assert!(matches!(format(&connection, Path::new("x")), Err(StoreError::Damaged(_))));
    }
}
