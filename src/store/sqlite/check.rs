//! What the file itself says of its health. For the doctor: it reads the whole database.

use super::SqliteStore;
use crate::store::{Result, schema};

impl SqliteStore {
    /// The number of the file's format.
    ///
    /// # Errors
    /// Those of a read.
    pub fn format(&self) -> Result<u32> {
        self.read(schema::version)
    }

    /// What SQLite finds wrong with the file, one line each; nothing where all is well.
    ///
    /// # Errors
    /// Those of a read.
    pub fn integrity(&self) -> Result<Vec<String>> {
        let lines: Vec<String> = self.read(|connection| {
            let mut statement = connection.prepare("PRAGMA integrity_check(100)")?;
            statement.query_map([], |row| row.get(0))?.collect()
        })?;
        Ok(lines.into_iter().filter(|line| line != "ok").collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_store_is_sound_and_of_the_current_format() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path()).unwrap();
        assert_eq!(store.format().unwrap(), schema::CURRENT);
        assert_eq!(store.integrity().unwrap(), Vec::<String>::new());
    }
}
