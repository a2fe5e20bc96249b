//! The files of a store: their names, their identity, and how a new one comes to be.
//!
//! INVARIANT: nothing in this process opens `keyward.db`, its `-wal` or its `-shm` but SQLite. POSIX record locks
//! belong to the process, and closing any descriptor of a file drops all of them, those of
//! SQLite's connections too. `stat` is harmless; a file that was just made under another name is too.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::store::{Result, StoreError};

/// Which file a path leads to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Identity {
    /// `st_dev`.
    pub(crate) device: u64,
    /// `st_ino`.
    pub(crate) inode: u64,
}

/// What the path leads to now.
pub(crate) fn identity(path: &Path) -> io::Result<Identity> {
    let found = std::fs::metadata(path)?;
    Ok(Identity { device: found.dev(), inode: found.ino() })
}

/// What must stay the same for as long as a file is read as if nobody could write it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Stamp {
    len: u64,
    modified: (i64, i64),
    log_len: u64,
}

/// Absolute paths of everything in a store's directory.
#[derive(Debug)]
pub(in crate::store) struct Files {
    /// The directory.
    pub(super) directory: PathBuf,
    /// The database.
    pub(in crate::store) database: PathBuf,
    /// The generation page.
    pub(super) page: PathBuf,
    log: PathBuf,
}

impl Files {
    /// Finds or makes the directory (mode 0700).
    pub(in crate::store) fn locate(directory: &Path) -> Result<Self> {
        if !directory.is_dir() {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(directory)
                .map_err(|error| unusable(directory, "the directory cannot be made", &error))?;
        }
        // Absolute, so that a host that changes its directory does not move the store, and so that no
        // name begins with "file:", which SQLite would read as a URI.
        let directory = directory
            .canonicalize()
            .map_err(|error| unusable(directory, "the directory cannot be found", &error))?;
        Ok(Self {
            database: directory.join("keyward.db"),
            page: directory.join("keyward.generation"),
            log: directory.join("keyward.db-wal"),
            directory,
        })
    }

    /// Whether there is a database.
    pub(super) fn exists(&self) -> Result<bool> {
        self.database.try_exists().map_err(|error| unusable(&self.database, "it cannot be looked at", &error))
    }

    /// Which file the database is now.
    pub(super) fn database_identity(&self) -> Result<Identity> {
        identity(&self.database).map_err(|error| unusable(&self.database, "the database is gone", &error))
    }

    /// The database as it is now, for readers that take no locks; `None` while there is a log to be read.
    pub(super) fn stamp(&self) -> Option<Stamp> {
        let database = std::fs::metadata(&self.database).ok()?;
        let log_len = match std::fs::metadata(&self.log) {
            Ok(log) => log.len(),
            Err(error) if error.kind() == ErrorKind::NotFound => 0,
            Err(_) => return None,
        };
        (log_len == 0).then_some(Stamp {
            len: database.len(),
            modified: (database.mtime(), database.mtime_nsec()),
            log_len,
        })
    }

    /// The database's name as a URI with options of SQLite.
    pub(super) fn database_uri(&self, options: &str) -> String {
        let mut uri = String::from("file:");
        for byte in self.database.as_os_str().as_bytes() {
            if byte.is_ascii_alphanumeric() || b"/._-".contains(byte) {
                uri.push(char::from(*byte));
            } else {
                uri.push_str(&format!("%{byte:02X}"));
            }
        }
        uri.push('?');
        uri.push_str(options);
        uri
    }

    /// Makes a new database with `fill` under a name of its own and then gives it its place in one step, so that
    /// nobody ever sees a half-made one. Whoever comes second finds the first one's and keeps it.
    pub(super) fn make_database(&self, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
        let draft = self.draft()?;
        let placed = fill(&draft).and_then(|()| self.place(&draft));
        discard(&draft);
        placed
    }

    /// A copy of the database in its old format, made by `copy` and then put beside it.
    pub(in crate::store) fn make_backup(
        &self,
        version: u32,
        copy: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<()> {
        let draft = self.draft()?;
        let backup = self.directory.join(format!("keyward.db.v{version}.backup"));
        let placed = copy(&draft).and_then(|()| {
            File::open(&draft)
                .and_then(|file| file.sync_all())
                .and_then(|()| std::fs::rename(&draft, &backup))
                .and_then(|()| self.sync_directory())
                .map_err(|error| unusable(&backup, "the backup cannot be written", &error))
        });
        discard(&draft);
        placed
    }

    /// An empty file (mode 0600) with a name that nobody else uses.
    fn draft(&self) -> Result<PathBuf> {
        let mut number = [0u8; 8];
        crate::crypto::random::fill(&mut number).map_err(StoreError::Aborted)?;
        let path = self.directory.join(format!("keyward.draft.{:016x}", u64::from_le_bytes(number)));
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(|error| unusable(&path, "it cannot be made", &error))?;
        Ok(path)
    }

    fn place(&self, draft: &Path) -> Result<()> {
        let placed = match std::fs::hard_link(draft, &self.database) {
            // File systems without hard links; a second maker is then last, not first.
            Err(error) if error.kind() != ErrorKind::AlreadyExists && !self.exists()? => {
                std::fs::rename(draft, &self.database)
            }
            other => other,
        };
        match placed {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                Err(unusable(&self.database, "it cannot be made", &error))
            }
            _ => self
                .sync_directory()
                .map_err(|error| unusable(&self.directory, "the directory cannot be synced", &error)),
        }
    }

    fn sync_directory(&self) -> io::Result<()> {
        File::open(&self.directory)?.sync_all()
    }
}

/// Removes what is left of a draft, with what SQLite may have put beside it.
fn discard(draft: &Path) {
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let mut name = draft.as_os_str().to_owned();
        name.push(suffix);
        // Mostly there is none.
        let _ = std::fs::remove_file(name);
    }
}

/// The error of a file operation.
pub(super) fn unusable(path: &Path, what: &str, error: &io::Error) -> StoreError {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StoreError::Full,
        ErrorKind::ReadOnlyFilesystem => StoreError::ReadOnly,
        _ => StoreError::Unusable { path: path.display().to_string(), reason: format!("{what}: {error}") },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn database_uri_of_odd_path_is_escaped() {
        let directory = tempfile::tempdir().unwrap();
        let files = Files::locate(&directory.path().join("a b?c#d%")).unwrap();
        assert!(files.database_uri("mode=ro").ends_with("/a%20b%3Fc%23d%25/keyward.db?mode=ro"));
    }

    #[test]
    fn locate_missing_directory_makes_it_private() {
        let directory = tempfile::tempdir().unwrap();
        let files = Files::locate(&directory.path().join("x/y")).unwrap();
        assert_eq!(std::fs::metadata(files.directory).unwrap().mode() & 0o777, 0o700);
    }

    #[test]
    fn make_database_twice_keeps_the_first() {
        let directory = tempfile::tempdir().unwrap();
        let files = Files::locate(directory.path()).unwrap();
        for text in ["first", "second"] {
            files.make_database(|path| std::fs::write(path, text).map_err(|_| StoreError::Full)).unwrap();
        }
        assert_eq!(std::fs::read(&files.database).unwrap(), b"first");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1, "no draft stays");
    }
}
