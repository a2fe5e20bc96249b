//! What SQLite says, in the store's words.

use std::path::Path;

use rusqlite::{Error, ErrorCode, ffi};

use crate::store::StoreError;

/// The one place where an error of SQLite becomes one of ours. `path` is the database.
pub(in crate::store) fn refused(path: &Path, error: Error) -> StoreError {
    let Error::SqliteFailure(code, _) = &error else {
        return match error {
            // SQL that does not fit the schema: the schema is not the one that was made.
            Error::SqlInputError { .. }
            // A value of another type or size than was ever written.
            | Error::FromSqlConversionFailure(..)
            | Error::IntegralValueOutOfRange(..)
            | Error::InvalidColumnType(..)
            | Error::Utf8Error(..)
            | Error::QueryReturnedNoRows => StoreError::Damaged(error.to_string()),
            _ => unusable(path, &error),
        };
    };
    match code.code {
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::TypeMismatch => {
            StoreError::Damaged(error.to_string())
        }
        // SQL that does not fit the schema: the schema is not the one that was made.
        ErrorCode::Unknown if code.extended_code == ffi::SQLITE_ERROR => {
            StoreError::Damaged(error.to_string())
        }
        ErrorCode::DiskFull | ErrorCode::TooBig => StoreError::Full,
        ErrorCode::ReadOnly => StoreError::ReadOnly,
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed => {
            StoreError::Busy
        }
        // A record without its token, a user twice: the work asked for what cannot be.
        ErrorCode::ConstraintViolation => StoreError::Aborted(crate::ck::Error::GeneralError),
        ErrorCode::SystemIoFailure => match code.extended_code {
            ffi::SQLITE_IOERR_SHORT_READ | ffi::SQLITE_IOERR_CORRUPTFS | ffi::SQLITE_IOERR_DATA => {
                StoreError::Damaged(error.to_string())
            }
            // The log's index could not be made larger.
            ffi::SQLITE_IOERR_SHMSIZE => StoreError::Full,
            _ => unusable(path, &error),
        },
        _ => unusable(path, &error),
    }
}

fn unusable(path: &Path, error: &Error) -> StoreError {
    StoreError::Unusable { path: path.display().to_string(), reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(code: i32) -> StoreError {
        refused(Path::new("/x"), Error::SqliteFailure(ffi::Error::new(code), None))
    }

    #[test]
    fn refused_each_code_is_the_stores_word() {
        assert!(matches!(of(ffi::SQLITE_CORRUPT), StoreError::Damaged(_)));
        assert!(matches!(of(ffi::SQLITE_NOTADB), StoreError::Damaged(_)));
        assert!(matches!(of(ffi::SQLITE_ERROR), StoreError::Damaged(_)));
        assert!(matches!(of(ffi::SQLITE_IOERR_SHORT_READ), StoreError::Damaged(_)));
        assert!(matches!(of(ffi::SQLITE_FULL), StoreError::Full));
        assert!(matches!(of(ffi::SQLITE_IOERR_SHMSIZE), StoreError::Full));
        assert!(matches!(of(ffi::SQLITE_READONLY_DBMOVED), StoreError::ReadOnly));
        assert!(matches!(of(ffi::SQLITE_BUSY), StoreError::Busy));
        assert!(matches!(of(ffi::SQLITE_LOCKED), StoreError::Busy));
        assert!(matches!(of(ffi::SQLITE_CONSTRAINT), StoreError::Aborted(_)));
        assert!(matches!(of(ffi::SQLITE_CANTOPEN), StoreError::Unusable { .. }));
        assert!(matches!(of(ffi::SQLITE_IOERR_FSYNC), StoreError::Unusable { .. }));
        assert!(matches!(of(ffi::SQLITE_NOMEM), StoreError::Unusable { .. }));
    }
}
