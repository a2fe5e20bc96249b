//! A copy of a whole store, and a store from such a copy: for the day on which the disk is gone.
//!
//! The copy holds every token as it is sealed, keys that sign too: whoever has it needs the PINs as before, and the
//! store's key. It is no escrow: nothing in it can be opened that could not be opened in the store.

use super::{Slots, Token};
use crate::audit::{Event, Kind};
use crate::ck::date::display_utc;
use crate::store::StoreError;
use crate::sys::clock;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

const DATABASE: &str = "keyward.db";
const KEY: &str = "store.key";

type Result<T> = core::result::Result<T, StoreError>;

impl Slots {
    /// Writes a copy of the store into a new folder (mode 0700), with the store's key or without it. Other processes go
    /// on meanwhile; what was committed when the copy began is in it. Answers how many tokens there are. Each token's
    /// record tells of it.
    ///
    /// # Errors
    /// A folder that is there already, those of the file system and of the store. What was begun is taken away.
    pub fn back_up(&self, to: &Path, with_key: bool) -> Result<usize> {
        let tokens = self.tokens().map_err(StoreError::Aborted)?;
        let at = clock::utc_seconds();
        let begun = telling("backup", "begun");
        tokens.iter().try_for_each(|token| token.must_note(begun(token))).map_err(StoreError::Aborted)?;
        DirBuilder::new().mode(0o700).create(to).map_err(|error| unusable(to, &error))?;
        let written = self.copy(to, with_key);
        if written.is_err() {
            let _ = std::fs::remove_dir_all(to);
        }
        written?;
        // Its name must survive a loss of power, as what is in it does.
        if let Some(parent) = to.parent() {
            let synced = File::open(parent).and_then(|folder| folder.sync_all());
            synced.map_err(|error| unusable(parent, &error))?;
        }
        let detail =
            format!("{} the store's key, to {}", if with_key { "with" } else { "without" }, to.display());
        let done = telling("backup", &detail);
        tokens.iter().for_each(|token| token.note(done(token)));
        // What the policy wants backed up may be used from now on. Of a store that cannot be written the copy is as good.
        tokens.iter().try_for_each(|token| token.tell_of_backup(at)).map_err(StoreError::Aborted)?;
        Ok(tokens.len())
    }

    fn copy(&self, to: &Path, with_key: bool) -> Result<()> {
        let database = to.join(DATABASE);
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |error: io::Error| unusable(&path, &error)
        };
        empty(&database).map_err(failed(&database))?;
        self.store.copy_to(&database)?;
        File::open(&database).and_then(|file| file.sync_all()).map_err(failed(&database))?;
        if with_key {
            copy_file(&self.folder().join(KEY), &to.join(KEY)).map_err(failed(&to.join(KEY)))?;
        }
        File::open(to).and_then(|folder| folder.sync_all()).map_err(failed(to))
    }

    /// Tells each token's record that the store came from a copy of this age.
    pub fn tell_restored(&self, from: &Path) -> Result<usize> {
        let tokens = self.tokens().map_err(StoreError::Aborted)?;
        let made = std::fs::metadata(from.join(DATABASE)).and_then(|file| file.modified()).ok();
        let made = made.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
        // What stands in the copy is in a copy.
        if let Some(since) = made {
            let noted = tokens.iter().try_for_each(|token| token.tell_of_backup(since.as_secs()));
            noted.map_err(StoreError::Aborted)?;
        }
        let made = made.map_or_else(|| "an unknown time".to_owned(), |since| display_utc(since.as_secs()));
        let detail = format!("from {}, written {made}", from.display());
        let told = telling("restore", &detail);
        tokens.iter().for_each(|token| token.note(told(token)));
        Ok(tokens.len())
    }
}

fn telling(operation: &'static str, detail: &str) -> impl Fn(&Token) -> Event {
    move |token| Event { detail: detail.to_owned(), ..token.event(Kind::Backup, operation) }
}

/// Puts the files of a copy into a store's folder that has no database. `key` is the store's key where the copy has
/// none. Answers what was put there, so that it can be taken away again.
///
/// # Errors
/// A folder that has a store, a copy that has no key where none is given, those of the file system.
pub fn put_back(from: &Path, key: Option<&Path>, store: &Path) -> Result<Vec<PathBuf>> {
    let refused = |path: &Path, reason: &str| {
        Err(StoreError::Unusable { path: path.display().to_string(), reason: reason.to_owned() })
    };
    let (database, store_key) = (store.join(DATABASE), store.join(KEY));
    for there in [&database, &store_key] {
        if there.symlink_metadata().is_ok() {
            return refused(there, "it is there already; a copy is put back into an empty folder only");
        }
    }
    let from_key = key.map_or_else(|| from.join(KEY), Path::to_owned);
    if !from.join(DATABASE).is_file() {
        return refused(from, "this folder holds no copy of a store");
    }
    if !from_key.is_file() {
        return refused(&from_key, "the copy is without the store's key: name the file that has it");
    }
    if !store.is_dir() {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(store);
        made.map_err(|error| unusable(store, &error))?;
    }
    let put = copy_file(&from_key, &store_key)
        .and_then(|()| copy_file(&from.join(DATABASE), &database))
        .and_then(|()| File::open(store)?.sync_all());
    if let Err(error) = put {
        take_away(&[database, store_key]);
        return Err(unusable(store, &error));
    }
    Ok(vec![database, store_key])
}

/// Takes away what [`put_back`] put there.
pub fn take_away(files: &[PathBuf]) {
    for file in files {
        let _ = std::fs::remove_file(file);
    }
}

/// A new file that only its owner can read.
fn empty(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    let mut target = empty(to)?;
    io::copy(&mut File::open(from)?, &mut target)?;
    target.sync_all()
}

fn unusable(path: &Path, error: &io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full,
        _ => StoreError::Unusable { path: path.display().to_string(), reason: error.to_string() },
    }
}
