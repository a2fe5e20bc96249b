//! Full disks, read-only disks, and what stays on a disk after deletion.

use std::os::unix::process::CommandExt;

use super::*;

/// Limits the database as a full disk would.
fn allow_pages(store: &SqliteStore, more: i64) {
    store
        .writer
        .with(&store.files, &process::enter().unwrap(), |live| {
            let now: i64 = live.connection.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
            live.connection.pragma(None, "max_page_count", now + more, |_| Ok(())).unwrap();
            Ok(())
        })
        .unwrap();
}

#[test]
fn transact_on_a_full_database_is_full_and_changes_nothing() {
    let (store, _directory) = fresh();
    put(&store, &[record(1)]);
    let (before, generation) = (store.changes(SERIAL, 0).unwrap(), settled(&store));
    allow_pages(&store, 2);
    let large = Record { material: vec![7; 100_000], ..record(2) };
    let refusal = store
        .transact(&mut |work| {
            work.put_record(SERIAL, &at_version(1, 5))?;
            work.put_record(SERIAL, &large)
        })
        .unwrap_err();
    assert!(matches!(refusal, StoreError::Full), "{refusal:?}");
    assert_eq!(store.changes(SERIAL, 0).unwrap(), before);
    assert_eq!(settled(&store), generation);
    allow_pages(&store, 1000);
    put(&store, &[large]);
}

/// For the child of the next test: in a file system of 1 MiB.
#[test]
fn child_fills_its_disk() {
    let Some(directory) = childs_directory() else { return };
    let store = SqliteStore::open(&directory).unwrap();
    let large = |number| Record { material: vec![7; 20_000], ..record(number) };
    put(&store, &[record(0)]);
    let mut number = 1;
    let refusal = loop {
        match store.transact(&mut |work| work.put_record(SERIAL, &large(number))) {
            Ok(()) => number += 1,
            Err(refusal) => break refusal,
        }
    };
    assert!(matches!(refusal, StoreError::Full), "{refusal:?}");
    assert!(number > 5);
    for store in [&store, &SqliteStore::open(&directory).unwrap()] {
        assert_eq!(store.census(SERIAL).unwrap().len() as u64, number, "what was told to be kept is kept");
        assert!(store.record(SERIAL, uid(number)).unwrap().is_none());
        settled(store);
    }
    assert!(is_sound(&directory));
}

/// For the child of the test after: on a file system that was remounted read-only.
#[test]
fn child_reads_what_it_cannot_write() {
    let Some(directory) = childs_directory() else { return };
    let before: Vec<_> = std::fs::read_dir(&directory).unwrap().map(|file| file.unwrap().path()).collect();
    let store = SqliteStore::open(&directory).unwrap();
    assert!(store.is_read_only());
    assert_eq!(store.generation(), Generation::Pending);
    assert_eq!(store.tokens().unwrap(), [token(SERIAL)]);
    assert_eq!(store.record(SERIAL, uid(1)).unwrap(), Some(record(1)));
    assert_eq!(store.find(SERIAL, &by(Vec::new())).unwrap(), [uid(1)]);
    assert!(matches!(store.transact(&mut |_| Ok(())), Err(StoreError::ReadOnly)));
    assert!(matches!(store.scrub(), Err(StoreError::ReadOnly)));
    drop(store);
    let after: Vec<_> = std::fs::read_dir(&directory).unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(before, after, "no file was made");
}

/// Runs a child on a tmpfs of its own, in a mount namespace that vanishes with it. `false`: not permitted here.
fn on_own_disk(test: &str, between: &str) -> bool {
    let directory = tempfile::tempdir().unwrap();
    let disk = directory.path().to_str().unwrap();
    let program = std::env::current_exe().unwrap();
    let mount = format!("mount -t tmpfs -o size=1m none '{disk}'");
    let can = Command::new("unshare").args(["-m", "sh", "-c", &mount]).status();
    if !can.is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED {test}: mounting a tmpfs in an own namespace is not permitted here");
        return false;
    }
    let run = format!(
        "{mount} && {between} KEYWARD_TEST_STORE='{disk}' '{}' --exact store::sqlite::tests::disk::{test}",
        program.display()
    );
    let done = Command::new("unshare").args(["-m", "sh", "-c", &run]).output().unwrap();
    let text = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success() && text.contains("1 passed"), "{text}");
    true
}

#[test]
fn store_on_a_full_disk_is_full_and_loses_nothing() {
    on_own_disk("child_fills_its_disk", "");
}

#[test]
fn store_on_a_read_only_disk_reads() {
    let (store, directory) = fresh();
    put(&store, &[record(1)]);
    drop(store);
    let source = directory.path().display();
    let copy = format!("cp '{source}'/keyward.db \"$DISK\"/ && mount -o remount,ro \"$DISK\" &&");
    // `$DISK` is the directory that the mount was made on: the last word of /proc/mounts' last line.
    let between = format!("DISK=$(tail -n 1 /proc/mounts | cut -d' ' -f2) && {copy}");
    on_own_disk("child_reads_what_it_cannot_write", &between);
}

#[test]
fn store_of_another_user_reads_without_writing() {
    use std::os::unix::fs::PermissionsExt;
    let (store, directory) = fresh();
    put(&store, &[record(1)]);
    let open_up = |mode_of_directory| {
        let mode = |path: &Path, mode| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        for file in std::fs::read_dir(directory.path()).unwrap() {
            mode(&file.unwrap().path(), 0o644);
        }
        mode(directory.path(), mode_of_directory);
    };
    let read_as_nobody = || {
        let mut child =
            again("store::sqlite::tests::disk::child_reads_what_it_cannot_write", directory.path());
        child.uid(65534).gid(65534).output()
    };
    open_up(0o755);
    // With the owner's log beside it, which the owner keeps open.
    match read_as_nobody() {
        Ok(done) => assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr)),
        Err(why) => {
            eprintln!("SKIPPED: this user cannot start a program as another: {why}");
            return;
        }
    }
    put(&store, &[record(1)]);
    drop(store);
    // Without a log, and in a directory that the reader could write: it makes none.
    open_up(0o777);
    let done = read_as_nobody().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn guest_sees_what_the_owner_writes_after_it_came() {
    let (store, directory) = fresh();
    put(&store, &[at_version(1, 1)]);
    drop(store);
    let inside = process::enter().unwrap();
    let files = Files::locate(directory.path()).unwrap();
    let guest = Seat::new(Role::Guest, &inside);
    let version = || {
        guest
            .with(&files, &inside, |live| {
                Ok(rows::record(&live.connection, SERIAL, uid(1)).unwrap().unwrap().version)
            })
            .unwrap()
    };
    assert_eq!(version(), 1);
    let store = SqliteStore::open(directory.path()).unwrap();
    put(&store, &[at_version(1, 2)]);
    assert_eq!(version(), 2, "from the owner's log");
    put(&store, &[at_version(1, 3)]);
    assert_eq!(version(), 3);
    drop(store);
    assert_eq!(version(), 3);
}

/// Every whole mark (`MATERIAL`, number, version) in the files of the directory.
fn marks_on_disk(directory: &Path) -> std::collections::BTreeSet<(u64, u64)> {
    let mut marks = std::collections::BTreeSet::new();
    for file in std::fs::read_dir(directory).unwrap() {
        let content = std::fs::read(file.unwrap().path()).unwrap();
        for mark in content.windows(24).filter(|window| window.starts_with(b"MATERIAL")) {
            let word = |at: usize| u64::from_le_bytes(mark[at..at + 8].try_into().unwrap());
            marks.insert((word(8), word(16)));
        }
    }
    marks
}

/// Whether any file of the directory holds the bytes.
fn is_on_disk(directory: &Path, bytes: &[u8]) -> bool {
    std::fs::read_dir(directory).unwrap().any(|file| {
        let content = std::fs::read(file.unwrap().path()).unwrap();
        content.windows(bytes.len()).any(|window| window == bytes)
    })
}

#[test]
fn put_record_over_material_leaves_no_trace_after_scrub() {
    let (store, directory) = fresh();
    // Material of very different sizes, replaced, grown, shrunk and taken away in an order that makes SQLite move
    // rows between pages; each version of it carries a mark of its own.
    let mark = |number: u64, version: u64| {
        let mut mark = b"MATERIAL".to_vec();
        mark.extend_from_slice(&number.to_le_bytes());
        mark.extend_from_slice(&version.to_le_bytes());
        mark
    };
    let with = |number: u64, version: u64| {
        let len = [40, 90, 400, 1500, 3900, 9000][((number * 31 + version * 17) % 6) as usize];
        let material = mark(number, version).into_iter().cycle().take(len).collect();
        Record { material, ..at_version(number, version) }
    };
    const RECORDS: u64 = 150;
    const VERSIONS: u64 = 6;
    for version in 1..=VERSIONS {
        for number in 0..RECORDS {
            let number = (number * 67 + version * 13) % RECORDS;
            let gone = version == VERSIONS && number.is_multiple_of(3);
            let record = if gone {
                Record {
                    deleted: true,
                    material: Vec::new(),
                    index: Vec::new(),
                    ..at_version(number, version)
                }
            } else {
                with(number, version)
            };
            put(&store, &[record]);
        }
    }
    store.scrub().unwrap();
    // SQLite holds the files: they are read by a program of their own, whose closing them drops no lock of ours.
    let copy = tempfile::tempdir().unwrap();
    let source = format!("{}/.", directory.path().display());
    assert!(Command::new("cp").args(["-r", &source]).arg(copy.path()).status().unwrap().success());
    let left = marks_on_disk(copy.path());
    let alive = |number: u64| !number.is_multiple_of(3);
    assert!((0..RECORDS).filter(|number| alive(*number)).all(|number| left.contains(&(number, VERSIONS))));
    // A mark that the end of its material cut short runs into other bytes and is no version that there was.
    let traces: Vec<_> = left
        .iter()
        .filter(|(_, version)| (1..=VERSIONS).contains(version))
        .filter(|(number, version)| *version != VERSIONS || !alive(*number))
        .collect();
    assert!(traces.is_empty(), "{} traces: {traces:?}", traces.len());
}

#[test]
fn put_token_over_credentials_leaves_no_trace_after_scrub() {
    let (store, directory) = fresh();
    let with = |credential: &[u8]| {
        let user = UserRecord { name: "so".into(), credential: credential.into(), attempts: Vec::new() };
        crate::store::TokenRecord { users: vec![user], ..token(SERIAL) }
    };
    store.transact(&mut |work| work.put_token(&with(b"OLD CREDENTIAL"))).unwrap();
    store.transact(&mut |work| work.put_token(&with(b"NEW"))).unwrap();
    store.scrub().unwrap();
    drop(store);
    assert!(!is_on_disk(directory.path(), b"OLD CREDENTIAL"));
}
