//! A store in processes that fork and go on. One test: a fork copies the whole process, so nothing else may run in it.
#![expect(unsafe_code, reason = "fork and what goes with it")]
#![expect(clippy::unwrap_used, reason = "a test's helpers")]

use std::path::Path;
use std::time::{Duration, Instant};

use keyward_pkcs11::store::sqlite::SqliteStore;
use keyward_pkcs11::store::{Query, Record, Store, StoreError, TokenRecord, Uid};

const SERIAL: &str = "0123456789abcdef";

fn record(number: u8, version: u64) -> Record {
    Record {
        uid: Uid([number; 16]),
        version,
        class: 3,
        private: false,
        deleted: false,
        index: Vec::new(),
        attributes: vec![1; 40],
        material: vec![2; 40],
        seal: vec![3; 16],
    }
}

fn put(store: &dyn Store, record: &Record) -> Result<(), StoreError> {
    store.transact(&mut |work| {
        if work.token(SERIAL)?.is_none() {
            work.put_token(&TokenRecord {
                serial: SERIAL.into(),
                version: 1,
                header: Vec::new(),
                seal: Vec::new(),
                users: Vec::new(),
            })?;
        }
        work.put_record(SERIAL, record)
    })
}

fn count(store: &dyn Store) -> usize {
    store.find(SERIAL, &Query { private: true, ..Query::default() }).unwrap().len()
}

/// Runs `child` in a forked process and gives its exit code; `None` where it was stuck or died.
fn in_child(seconds: u64, child: impl FnOnce() -> i32) -> Option<i32> {
    // SAFETY: the child runs only what the test gives it and leaves by _exit.
    let process = unsafe { libc::fork() };
    assert!(process >= 0);
    if process == 0 {
        let code = std::panic::catch_unwind(std::panic::AssertUnwindSafe(child)).unwrap_or(101);
        // SAFETY: ends this process without running what belongs to the parent.
        unsafe { libc::_exit(code) };
    }
    let end = Instant::now() + Duration::from_secs(seconds);
    loop {
        let mut status = 0;
        // SAFETY: a child of ours and a place for its status.
        if unsafe { libc::waitpid(process, &mut status, libc::WNOHANG) } == process {
            return libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status));
        }
        if Instant::now() > end {
            // SAFETY: a child of ours that did not come to an end.
            unsafe { libc::kill(process, libc::SIGKILL) };
            // SAFETY: the same child.
            unsafe { libc::waitpid(process, &mut status, 0) };
            return None;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Drops the child's copy of a value that the parent goes on using. The last thing that the child does with it.
fn close_in_child<T>(value: &T) {
    // SAFETY: the child leaves by _exit, so the original is never dropped in it.
    drop(unsafe { std::ptr::read(value) });
}

/// Whether this process holds a lock on the file.
fn holds_lock(path: &Path) -> bool {
    let inode = std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(path).unwrap());
    let process = std::process::id().to_string();
    std::fs::read_to_string("/proc/locks").unwrap().lines().any(|line| {
        let words: Vec<_> = line.split_whitespace().collect();
        words.contains(&process.as_str()) && words.iter().any(|word| word.ends_with(&format!(":{inode}")))
    })
}

fn child_goes_on(directory: &Path) {
    let store = SqliteStore::open(directory).unwrap();
    let other = SqliteStore::open(directory).unwrap();
    put(&store, &record(1, 1)).unwrap();
    assert_eq!(count(&other), 1);
    let before = store.generation();

    // The child reads and writes with locks of its own, and so does its child.
    let code = in_child(20, || {
        assert_eq!(store.generation(), before, "caches stay good");
        assert_eq!(count(&store), 1);
        assert!(holds_lock(&directory.join("keyward.db")), "the lock that keeps the log from being deleted");
        put(&other, &record(2, 2)).unwrap();
        assert_ne!(store.generation(), before);
        let code = in_child(5, || {
            put(&store, &record(3, 3)).unwrap();
            close_in_child(&store);
            close_in_child(&other);
            0
        });
        assert_eq!(code, Some(0));
        0
    });
    assert_eq!(code, Some(0));
    assert_ne!(store.generation(), before, "the parent knows");
    assert_eq!(count(&store), 3);
    assert!(holds_lock(&directory.join("keyward.db")), "the child took nothing away from the parent");
    put(&store, &record(4, 4)).unwrap();

    // A child that only leaves, with the stores it inherited closed: nothing is deleted under the parent.
    let code = in_child(20, || {
        close_in_child(&store);
        close_in_child(&other);
        i32::from(!directory.join("keyward.db-wal").exists())
    });
    assert_eq!(code, Some(0));
}

fn child_outlives_parent(directory: &Path) {
    // The middle process opens the store and dies; its child goes on with what it inherited, while others
    // come and go: the log must not be deleted under it, nor it delete theirs.
    let code = in_child(20, || {
        let store = SqliteStore::open(directory).unwrap();
        put(&store, &record(10, 10)).unwrap();
        // SAFETY: as in `in_child`; this child is not waited for.
        if unsafe { libc::fork() } == 0 {
            let end = Instant::now() + Duration::from_secs(20);
            while !directory.join("go").exists() && Instant::now() < end {
                std::thread::sleep(Duration::from_millis(1));
            }
            let good = put(&store, &record(12, 12)).is_ok() && count(&store) == 7;
            std::fs::write(directory.join(if good { "good" } else { "bad" }), "").unwrap();
            // SAFETY: ends this process only.
            unsafe { libc::_exit(0) };
        }
        0
    });
    assert_eq!(code, Some(0));
    let store = SqliteStore::open(directory).unwrap();
    put(&store, &record(11, 11)).unwrap();
    drop(store);
    std::fs::write(directory.join("go"), "").unwrap();
    let end = Instant::now() + Duration::from_secs(20);
    while !directory.join("good").exists() {
        assert!(!directory.join("bad").exists() && Instant::now() < end);
        std::thread::sleep(Duration::from_millis(2));
    }
    assert_eq!(count(&SqliteStore::open(directory).unwrap()), 7);
}

fn fork_amid_a_transaction_is_an_honest_error(directory: &Path) {
    let store = SqliteStore::open(directory).unwrap();
    let (started, wait) = (std::sync::Barrier::new(2), std::sync::Barrier::new(2));
    std::thread::scope(|threads| {
        threads.spawn(|| {
            store
                .transact(&mut |work| {
                    work.put_record(SERIAL, &record(20, 20))?;
                    started.wait();
                    wait.wait();
                    Ok(())
                })
                .unwrap();
        });
        started.wait();
        let code = in_child(20, || {
            let unusable = |outcome| matches!(outcome, Err(StoreError::Unusable { .. }));
            assert!(unusable(store.tokens().map(|_| ())));
            assert!(unusable(store.transact(&mut |_| Ok(()))));
            assert!(unusable(SqliteStore::open(directory).map(|_| ())));
            let deeper = in_child(5, || i32::from(!unusable(store.scrub())));
            close_in_child(&store);
            deeper.unwrap_or(102)
        });
        wait.wait();
        assert_eq!(code, Some(0));
    });
    assert_eq!(count(&store), 8, "the parent's transaction went on");
}

/// Threads write and read all the time; every child that is forked meanwhile goes on.
fn child_of_a_busy_process_goes_on(directory: &Path) {
    let store = SqliteStore::open(directory).unwrap();
    let stop = std::sync::atomic::AtomicBool::new(false);
    let stopped = &|| stop.load(std::sync::atomic::Ordering::Relaxed);
    std::thread::scope(|threads| {
        for number in 0..3 {
            let store = &store;
            threads.spawn(move || {
                while !stopped() {
                    put(store, &record(30 + number, 30)).unwrap();
                    count(store);
                    // Without a pause nobody else would get the write lock.
                    std::thread::sleep(Duration::from_millis(3));
                }
            });
        }
        let outcomes: Vec<_> = (0..40)
            .map(|_| {
                in_child(20, || {
                    put(&store, &record(40, 40)).unwrap();
                    i32::from(count(&store) == 0)
                })
            })
            .collect();
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(outcomes.iter().all(|outcome| *outcome == Some(0)), "{outcomes:?}");
    });
}

#[test]
fn store_in_forked_children() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path().canonicalize().unwrap();
    child_goes_on(&directory);
    child_outlives_parent(&directory);
    fork_amid_a_transaction_is_an_honest_error(&directory);
    child_of_a_busy_process_goes_on(&directory);
}
