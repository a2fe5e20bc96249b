//! Files that are not what was written: refused by name or read as far as they go, never a panic.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;

use super::*;

/// A closed store with enough in it for several kinds of pages; its file's bytes.
fn closed() -> (tempfile::TempDir, Vec<u8>) {
    let (store, directory) = fresh();
    let large = |number| Record { attributes: vec![7; 9000], ..record(number) };
    put(&store, &(1..=60).map(record).chain((61..=64).map(large)).collect::<Vec<_>>());
    drop(store);
    let bytes = std::fs::read(directory.path().join("keyward.db")).unwrap();
    (directory, bytes)
}

/// Uses everything there is; `None` where each answer was good.
fn use_all(directory: &Path) -> Option<StoreError> {
    let all = || {
        let store = SqliteStore::open(directory)?;
        store.tokens()?;
        store.changes(SERIAL, 0)?;
        store.census(SERIAL)?;
        for number in 0..70 {
            store.find(SERIAL, &by(vec![(IndexKind::Label, vec![blind(number)])]))?;
            store.record(SERIAL, uid(number))?;
        }
        store.find(SERIAL, &by(Vec::new()))?;
        if !store.is_read_only() {
            store.transact(&mut |work| {
                work.put_token(&token(SERIAL))?;
                work.count(SERIAL)?;
                (1..=64).try_for_each(|number| work.put_record(SERIAL, &at_version(number, 99)))
            })?;
            store.scrub()?;
        }
        Ok(())
    };
    all().err()
}

fn expect_refusal(what: &str, refusal: &StoreError) {
    let named = matches!(
        refusal,
        // A wrong read-only mark in the header, a token row that is no longer found, a format number.
        StoreError::Damaged(_)
            | StoreError::Unusable { .. }
            | StoreError::ReadOnly
            | StoreError::Aborted(_)
            | StoreError::TooNew { .. }
    );
    assert!(named, "{what}: {refusal:?}");
}

#[test]
fn store_truncated_anywhere_is_refused() {
    let (directory, bytes) = closed();
    let path = directory.path().join("keyward.db");
    for len in [0, 1, 15, 16, 99, 100, 512, 4095, 4096, 4097, 8192, bytes.len() / 2, bytes.len() - 4096] {
        std::fs::write(&path, &bytes[..len]).unwrap();
        let refusal = use_all(directory.path()).unwrap_or_else(|| panic!("{len} bytes were enough"));
        let named = matches!(refusal, StoreError::Damaged(_) | StoreError::Unusable { .. });
        assert!(named, "{len} bytes: {refusal:?}");
        assert_eq!(std::fs::read(&path).unwrap().len(), len, "the file is left as it is");
    }
}

#[test]
fn store_overwritten_with_anything_is_refused() {
    let (directory, bytes) = closed();
    let path = directory.path().join("keyward.db");
    for with in [0x00, 0xFF, b'x'] {
        std::fs::write(&path, vec![with; bytes.len()]).unwrap();
        let refusal = use_all(directory.path()).unwrap();
        assert!(matches!(refusal, StoreError::Damaged(_)), "{refusal:?}");
    }
}

#[test]
fn store_with_flipped_bytes_never_panics() {
    let (directory, bytes) = closed();
    let path = directory.path().join("keyward.db");
    let mut refused = 0;
    // All of the header, then strides that meet every kind of page at ever other places.
    let places = (0..100).chain((100..bytes.len()).step_by(797));
    for at in places {
        let mut damaged = bytes.clone();
        damaged[at] ^= if at % 2 == 0 { 0xFF } else { 0x01 };
        std::fs::write(&path, &damaged).unwrap();
        for suffix in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(directory.path().join(format!("keyward.db{suffix}")));
        }
        if let Some(refusal) = use_all(directory.path()) {
            expect_refusal(&format!("byte {at}"), &refusal);
            refused += 1;
        }
    }
    assert!(refused > 20, "{refused} refusals");
}

#[test]
fn store_with_a_damaged_log_loses_at_most_what_is_in_it() {
    let (store, directory) = fresh();
    put(&store, &[record(1)]);
    store.scrub().unwrap();
    for version in 2..9 {
        put(&store, &[at_version(1, version)]);
    }
    // As a kill leaves it: the log stays beside the database.
    std::mem::forget(store);
    let log = std::fs::read(directory.path().join("keyward.db-wal")).unwrap();
    let database = std::fs::read(directory.path().join("keyward.db")).unwrap();
    for cut in [0, 31, 32, 33, 2000, log.len() / 2, log.len() - 1] {
        let elsewhere = tempfile::tempdir().unwrap();
        std::fs::write(elsewhere.path().join("keyward.db"), &database).unwrap();
        std::fs::write(elsewhere.path().join("keyward.db-wal"), &log[..cut]).unwrap();
        let copy = SqliteStore::open(elsewhere.path()).unwrap();
        let version = copy.record(SERIAL, uid(1)).unwrap().unwrap().version;
        assert!((1..9).contains(&version), "cut at {cut}: {version}");
        put(&copy, &[at_version(1, 100)]);
        drop(copy);
        assert!(is_sound(elsewhere.path()));
    }
}

#[test]
fn page_with_any_content_is_set_up_anew() {
    let (store, directory) = fresh();
    put(&store, &[record(1)]);
    let page = directory.path().join("keyward.generation");
    drop(store);
    for content in [vec![], vec![0; 4096], vec![0xFF; 4096], vec![7; 100]] {
        std::fs::write(&page, content).unwrap();
        let store = SqliteStore::open(directory.path()).unwrap();
        let before = settled(&store);
        put(&store, &[at_version(1, 2)]);
        assert_ne!(settled(&store), before);
    }
}

#[test]
fn page_overwritten_under_a_running_process_is_mended_by_the_next_look() {
    let (store, directory) = fresh();
    put(&store, &[record(1)]);
    let page = OpenOptions::new().write(true).open(directory.path().join("keyward.generation")).unwrap();
    page.write_all_at(&[0; 4096], 0).unwrap();
    assert_eq!(store.generation(), Generation::Pending);
    store.tokens().unwrap();
    let before = settled(&store);
    put(&store, &[at_version(1, 2)]);
    assert_ne!(settled(&store), before);
}
