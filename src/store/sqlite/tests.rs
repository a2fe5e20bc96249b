//! What only a store on disk can be asked: other processes, kills, damage, full and read-only disks, replaced files.
//! Forks are in `tests/store_fork.rs`: they need a process of their own.

use std::process::{Child, Command, Stdio};
use std::time::Instant;

use super::*;
use crate::store::suite::{SERIAL, blind, by, put, record, settled, token, uid};
use crate::store::{IndexKind, UserRecord};

mod damage;
mod disk;

crate::store::suite::suite!(fresh);

fn fresh() -> (SqliteStore, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    (SqliteStore::open(directory.path()).unwrap(), directory)
}

fn at_version(number: u64, version: u64) -> Record {
    Record { version, ..record(number) }
}

/// This test program again, running only `test`, with the directory in `KEYWARD_TEST_STORE`.
fn again(test: &str, directory: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env("KEYWARD_TEST_STORE", directory)
        .stdout(Stdio::null());
    command
}

/// Where `again` points; `None` in the ordinary run of a test that is only for the child.
#[expect(clippy::disallowed_methods, reason = "how a test tells its child where to work")]
fn childs_directory() -> Option<PathBuf> {
    std::env::var_os("KEYWARD_TEST_STORE").map(PathBuf::from)
}

fn is_sound(directory: &Path) -> bool {
    let connection = Connection::open(directory.join("keyward.db")).unwrap();
    connection.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0)).unwrap() == "ok"
}

#[test]
fn open_makes_private_files_and_says_where() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let inner = directory.path().join("inner");
    let store = SqliteStore::open(&inner).unwrap();
    put(&store, &[record(1)]);
    assert_eq!(std::fs::metadata(&inner).unwrap().permissions().mode() & 0o777, 0o700);
    for file in std::fs::read_dir(&inner).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{file:?}");
    }
    assert_eq!(store.directory(), inner.canonicalize().unwrap());
    assert_eq!(store.key_file(), store.directory().join("store.key"));
    assert!(!store.is_read_only());
}

#[test]
fn open_again_keeps_everything_in_one_file() {
    let (store, directory) = fresh();
    put(&store, &[record(1), at_version(2, 9)]);
    let generation = settled(&store);
    drop(store);
    assert!(!directory.path().join("keyward.db-wal").exists(), "the last to close puts the log away");
    let store = SqliteStore::open(directory.path()).unwrap();
    assert_eq!(store.tokens().unwrap(), [token(SERIAL)]);
    assert_eq!(store.record(SERIAL, uid(2)).unwrap(), Some(at_version(2, 9)));
    assert_eq!(settled(&store), generation, "nothing was committed");
}

#[test]
fn open_by_many_at_once_makes_one_store() {
    let directory = tempfile::tempdir().unwrap();
    let ids: Vec<_> = std::thread::scope(|threads| {
        let openers: Vec<_> = (0..8)
            .map(|number| {
                threads.spawn({
                    let path = directory.path();
                    move || {
                        let store = SqliteStore::open(path).unwrap();
                        store.transact(&mut |work| work.put_token(&token(&format!("{number}")))).unwrap();
                        store
                    }
                })
            })
            .collect();
        openers.into_iter().map(|opener| opener.join().unwrap()).collect()
    });
    for store in &ids {
        assert_eq!(store.tokens().unwrap().len(), 8);
        assert_eq!(settled(store), settled(&ids[0]));
    }
    assert!(is_sound(directory.path()));
}

#[test]
fn transact_in_one_store_shows_at_once_in_another() {
    let (first, directory) = fresh();
    let second = SqliteStore::open(directory.path()).unwrap();
    put(&first, &[record(1)]);
    for version in 2..20 {
        let (writer, reader) = if version % 2 == 0 { (&first, &second) } else { (&second, &first) };
        let before = settled(reader);
        put(writer, &[at_version(1, version)]);
        assert_ne!(settled(reader), before);
        assert_eq!(settled(reader), settled(writer));
        let changes = reader.changes(SERIAL, version - 1).unwrap();
        assert_eq!(changes, [Change { uid: uid(1), version, deleted: false }]);
    }
}

#[test]
fn transact_from_many_threads_loses_nothing() {
    let (store, directory) = fresh();
    let other = SqliteStore::open(directory.path()).unwrap();
    put(&store, &[at_version(1, 0)]);
    std::thread::scope(|threads| {
        for turn in 0..6 {
            let store = if turn % 2 == 0 { &store } else { &other };
            threads.spawn(move || {
                for _ in 0..25 {
                    store
                        .transact(&mut |work| {
                            let old = work.record(SERIAL, uid(1))?.unwrap();
                            work.put_record(SERIAL, &at_version(1, old.version + 1))
                        })
                        .unwrap();
                    store.find(SERIAL, &by(Vec::new())).unwrap();
                }
            });
        }
    });
    assert_eq!(other.record(SERIAL, uid(1)).unwrap().unwrap().version, 150);
}

#[test]
fn find_while_another_writes_does_not_wait() {
    let (store, directory) = fresh();
    let other = SqliteStore::open(directory.path()).unwrap();
    put(&store, &[at_version(1, 1)]);
    store
        .transact(&mut |work| {
            work.put_record(SERIAL, &at_version(1, 2))?;
            for reader in [&store, &other] {
                let begun = Instant::now();
                assert_eq!(reader.record(SERIAL, uid(1))?.unwrap().version, 1);
                assert!(begun.elapsed() < PATIENCE / 4);
            }
            Ok(())
        })
        .unwrap();
    assert_eq!(other.record(SERIAL, uid(1)).unwrap().unwrap().version, 2);
}

#[test]
fn generation_after_a_writer_died_is_pending_until_somebody_looks() {
    let (store, directory) = fresh();
    let other = SqliteStore::open(directory.path()).unwrap();
    put(&store, &[record(1)]);
    let before = settled(&other);
    store.page.load().as_ref().unwrap().mark();
    assert_eq!(other.generation(), Generation::Pending);
    assert_eq!(other.changes(SERIAL, 0).unwrap().len(), 1);
    assert!(settled(&other) > before);
}

#[test]
fn generation_while_a_writer_lives_is_not_settled_by_readers() {
    let (store, directory) = fresh();
    let other = SqliteStore::open(directory.path()).unwrap();
    put(&store, &[record(1)]);
    store
        .transact(&mut |work| {
            work.put_record(SERIAL, &at_version(1, 2))?;
            let mark = store.page.load().as_ref().unwrap().mark();
            assert_eq!(other.changes(SERIAL, 0)?.len(), 1);
            assert_eq!(other.generation(), Generation::Pending);
            store.page.load().as_ref().unwrap().settle(mark);
            Ok(())
        })
        .unwrap();
    settled(&other);
}

#[test]
fn generation_after_the_page_was_deleted_never_matches_the_old() {
    let (store, directory) = fresh();
    put(&store, &[record(1)]);
    let old = settled(&store);
    std::fs::remove_file(directory.path().join("keyward.generation")).unwrap();
    let other = SqliteStore::open(directory.path()).unwrap();
    assert_ne!(settled(&other), old);
    put(&other, &[at_version(1, 2)]);
    // Whoever only asks for the generation learns it after a bounded number of calls, ...
    let asked = (0..=CALLS_A_LOOK).find(|_| store.generation() != Generation::Settled(old));
    assert!(asked.is_some());
    // ... and whoever reads, at once.
    assert_eq!(store.changes(SERIAL, 0).unwrap()[0].version, 2);
    assert_eq!(settled(&store), settled(&other));
}

#[test]
fn generation_without_a_page_refuses_writes() {
    let (store, directory) = fresh();
    put(&store, &[record(1)]);
    let page = directory.path().join("keyward.generation");
    std::fs::remove_file(&page).unwrap();
    std::fs::create_dir(&page).unwrap();
    let refusal = store.transact(&mut |work| work.put_record(SERIAL, &record(2))).unwrap_err();
    assert!(matches!(refusal, StoreError::Unusable { .. }), "{refusal:?}");
    assert_eq!(store.find(SERIAL, &by(Vec::new())).unwrap(), [uid(1)]);
    assert_eq!(store.generation(), Generation::Pending);
    std::fs::remove_dir(&page).unwrap();
    put(&store, &[record(2)]);
    settled(&store);
}

#[test]
fn record_after_a_backup_was_put_back_is_the_backups() {
    let (store, directory) = fresh();
    put(&store, &[at_version(1, 1)]);
    let copy = directory.path().join("copy");
    store
        .writer
        .with(&store.files, &process::enter().unwrap(), |live| {
            live.connection.execute("VACUUM INTO ?1", [copy.to_str().unwrap()]).unwrap();
            Ok(())
        })
        .unwrap();
    put(&store, &[at_version(1, 2)]);
    let cached = settled(&store);
    for suffix in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(directory.path().join(format!("keyward.db{suffix}")));
    }
    std::fs::rename(&copy, directory.path().join("keyward.db")).unwrap();

    let other = SqliteStore::open(directory.path()).unwrap();
    assert_ne!(store.generation(), Generation::Settled(cached), "told by whoever opens the backup");
    assert_eq!(other.record(SERIAL, uid(1)).unwrap().unwrap().version, 1);
    assert_eq!(store.record(SERIAL, uid(1)).unwrap().unwrap().version, 1);
    put(&store, &[at_version(1, 3)]);
    assert_eq!(other.record(SERIAL, uid(1)).unwrap().unwrap().version, 3);
    assert!(is_sound(directory.path()));
}

#[test]
fn store_whose_database_is_deleted_is_unusable() {
    let (store, directory) = fresh();
    std::fs::remove_file(directory.path().join("keyward.db")).unwrap();
    assert!(matches!(store.tokens(), Err(StoreError::Unusable { .. })));
    assert!(matches!(store.transact(&mut |_| Ok(())), Err(StoreError::Unusable { .. })));
}

#[test]
fn open_of_newer_format_is_too_new_and_so_are_running_processes() {
    let (store, directory) = fresh();
    put(&store, &[record(1)]);
    let connection = Connection::open(directory.path().join("keyward.db")).unwrap();
    connection.pragma_update(None, "user_version", schema::CURRENT + 1).unwrap();
    let too_new = |refusal: StoreError| {
        assert!(matches!(refusal, StoreError::TooNew { found: 3, known: 2 }), "{refusal:?}");
    };
    too_new(SqliteStore::open(directory.path()).map(|_| ()).unwrap_err());
    too_new(store.record(SERIAL, uid(1)).unwrap_err());
    too_new(store.transact(&mut |_| Ok(())).unwrap_err());
}

/// For the child of the next test: writes pairs until it is killed.
#[test]
fn child_writes_until_it_is_killed() {
    let Some(directory) = childs_directory() else { return };
    let store = SqliteStore::open(&directory).unwrap();
    let mut version = store.record(SERIAL, uid(1)).unwrap().map_or(1, |old| old.version + 1);
    loop {
        let large = version.to_le_bytes().repeat(400);
        let pair = [1, 2].map(|number| Record { material: large.clone(), ..at_version(number, version) });
        put(&store, &pair);
        if version.is_multiple_of(16) {
            store.scrub().unwrap();
        }
        version += 1;
    }
}

#[test]
fn store_survives_writers_that_are_killed() {
    let (store, directory) = fresh();
    let mut seen = 0;
    for round in 0..25 {
        let writer =
            |_| again("store::sqlite::tests::child_writes_until_it_is_killed", directory.path()).spawn();
        let mut writers: [Child; 2] = [writer(()).unwrap(), writer(()).unwrap()];
        let cached = store.generation();
        let before = store.record(SERIAL, uid(1)).unwrap().map_or(0, |old| old.version);
        std::thread::sleep(Duration::from_millis(15 + round * 3));
        for writer in &mut writers {
            writer.kill().unwrap();
            writer.wait().unwrap();
        }
        // A cache that was built before the kills is either still true or known to be doubtful.
        let after = store.generation();
        let pair = [1, 2].map(|number| store.record(SERIAL, uid(number)).unwrap());
        let versions = pair.map(|record| record.map_or(0, |record| record.version));
        assert_eq!(versions[0], versions[1], "both or none");
        assert!(versions[0] >= before);
        if versions[0] != before && matches!(cached, Generation::Settled(_)) {
            assert_ne!(after, cached);
        }
        seen = seen.max(versions[0]);
        settled(&store);
    }
    assert!(seen > 25, "the writers got as far as {seen}");
    put(&store, &[at_version(1, seen + 1)]);
    drop(store);
    assert!(is_sound(directory.path()));
    let store = SqliteStore::open(directory.path()).unwrap();
    assert_eq!(store.record(SERIAL, uid(1)).unwrap().unwrap().version, seen + 1);
    settled(&store);
}

/// Counts up to see what an operation costs; prints, asserts nothing of speed.
#[test]
fn store_of_100_000_records_measured() {
    const MANY: u64 = 100_000;
    const ALL: usize = 100_000;
    let (store, _directory) = fresh();
    let label = |number: u64| (IndexKind::Label, blind(number));
    let full = |number: u64| Record {
        index: vec![
            (IndexKind::KeyType, blind(0)),
            (IndexKind::Id, blind(number / 2)),
            label(number),
            (IndexKind::PublicKey, blind(number / 2)),
        ],
        attributes: vec![1; 300],
        material: vec![2; 200],
        ..record(number)
    };
    let time = |what: &str, times: u32, work: &mut dyn FnMut()| {
        let begun = Instant::now();
        (0..times).for_each(|_| work());
        println!("{what}: {:?}", begun.elapsed() / times);
    };
    time("put 100 000 records", 1, &mut || {
        put(&store, &(1..=MANY).map(full).collect::<Vec<_>>());
    });
    let mut number = 0;
    let mut next = || {
        number = (number + 7919) % MANY + 1;
        number
    };
    time("find by label", 2000, &mut || {
        let wanted = next();
        let found = store.find(SERIAL, &by(vec![(IndexKind::Label, vec![blind(wanted)])])).unwrap();
        assert_eq!(found, [uid(wanted)]);
    });
    time("find by class, id and key type", 2000, &mut || {
        let index = vec![(IndexKind::KeyType, vec![blind(0)]), (IndexKind::Id, vec![blind(next() / 2)])];
        assert!(!store.find(SERIAL, &Query { class: Some(3), private: true, index }).unwrap().is_empty());
    });
    time("record", 2000, &mut || {
        store.record(SERIAL, uid(next())).unwrap().unwrap();
    });
    time("changes, none", 2000, &mut || {
        assert!(store.changes(SERIAL, MANY).unwrap().is_empty());
    });
    time("generation", 1_000_000, &mut || {
        std::hint::black_box(store.generation());
    });
    time("census", 3, &mut || assert_eq!(store.census(SERIAL).unwrap().len(), ALL));
    time("find all", 3, &mut || assert_eq!(store.find(SERIAL, &by(Vec::new())).unwrap().len(), ALL));
    let mut version = MANY;
    time("put one record", 100, &mut || {
        version += 1;
        put(&store, &[Record { version, ..full(version % 1000) }]);
    });
    time("open", 20, &mut || drop(SqliteStore::open(store.directory()).unwrap()));
}
