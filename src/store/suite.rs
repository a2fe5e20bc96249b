//! What every store must do, as tests. [`suite`] makes them tests of one store.

use super::{
    BlindIndex, Change, Generation, IndexKind, Query, Record, Store, StoreError, TokenRecord, Uid, UserRecord,
};
use crate::ck::Error;

/// Makes every case a test. `$make` gives a store and whatever must live as long.
macro_rules! suite {
    ($make:expr) => {
        $crate::store::suite::suite!(
            $make;
            token_unknown_is_none
            put_token_then_token_gives_it_back
            put_token_again_replaces_users_and_keeps_records
            put_token_with_one_user_twice_is_refused
            put_record_gives_it_back_with_everything
            put_record_without_token_is_refused
            put_record_with_version_out_of_range_is_refused
            transact_that_errs_changes_nothing
            transact_that_errs_comes_out_as_it_is
            transact_that_panics_changes_nothing
            transact_sees_its_own_changes
            find_by_each_kind_and_together
            find_by_any_of_many_values
            find_is_in_the_order_of_making
            find_without_private_hides_private
            find_skips_tombstones_and_other_tokens
            changes_and_census_tell_versions
            clear_removes_records_and_tombstones
            generation_advances_with_a_commit_only
            generation_is_never_settled_between
            scrub_keeps_everything
            anchors_are_added_in_order_and_never_changed
        );
    };
    ($make:expr; $($case:ident)*) => {
        $(
            #[test]
            fn $case() {
                let (store, _alive) = ($make)();
                $crate::store::suite::$case(&store);
            }
        )*
    };
}
pub(crate) use suite;

pub(crate) const SERIAL: &str = "0123456789abcdef";

const NONE: [u64; 0] = [];

pub(crate) fn token(serial: &str) -> TokenRecord {
    let user = |name: &str| UserRecord {
        name: name.into(),
        credential: format!("credential of {name}").into(),
        attempts: vec![0; 12],
    };
    TokenRecord {
        serial: serial.into(),
        version: 1,
        header: b"header".to_vec(),
        seal: b"seal".to_vec(),
        users: vec![user("so"), user("user"), user("user:alice")],
    }
}

pub(crate) fn uid(number: u64) -> Uid {
    let mut uid = [0xA5; 16];
    uid[..8].copy_from_slice(&number.to_be_bytes());
    Uid(uid)
}

pub(crate) fn blind(number: u64) -> BlindIndex {
    let mut blind = [0x5A; 16];
    blind[8..].copy_from_slice(&number.to_be_bytes());
    blind
}

pub(crate) fn record(number: u64) -> Record {
    Record {
        uid: uid(number),
        version: number,
        class: 3,
        private: false,
        deleted: false,
        index: vec![(IndexKind::Label, blind(number))],
        attributes: vec![1; 40],
        material: vec![2; 60],
        seal: vec![3; 16],
    }
}

pub(crate) fn put(store: &dyn Store, records: &[Record]) {
    store
        .transact(&mut |transaction| {
            if transaction.token(SERIAL)?.is_none() {
                transaction.put_token(&token(SERIAL))?;
            }
            records.iter().try_for_each(|record| transaction.put_record(SERIAL, record))
        })
        .unwrap();
}

pub(crate) fn by(index: Vec<(IndexKind, Vec<BlindIndex>)>) -> Query {
    Query { class: None, private: true, index }
}

fn everything() -> Query {
    by(Vec::new())
}

fn numbers(store: &dyn Store, query: &Query) -> Vec<u64> {
    let found = store.find(SERIAL, query).unwrap();
    let mut inside = Vec::new();
    store
        .transact(&mut |transaction| {
            inside = transaction.find(SERIAL, query)?;
            Ok(())
        })
        .unwrap();
    assert_eq!(found, inside, "the same inside a transaction");
    found.iter().map(|uid| u64::from_be_bytes(uid.0[..8].try_into().unwrap())).collect()
}

pub(crate) fn settled(store: &dyn Store) -> u64 {
    match store.generation() {
        Generation::Settled(number) => number,
        Generation::Pending => panic!("pending"),
    }
}

pub(crate) fn token_unknown_is_none(store: &dyn Store) {
    assert_eq!(store.token(SERIAL).unwrap(), None);
    assert_eq!(store.tokens().unwrap(), []);
    assert_eq!(store.record(SERIAL, uid(1)).unwrap(), None);
    assert!(store.find(SERIAL, &everything()).unwrap().is_empty());
    assert!(store.census(SERIAL).unwrap().is_empty());
}

pub(crate) fn put_token_then_token_gives_it_back(store: &dyn Store) {
    // Not in the order of their serials: tokens come in the order of their making.
    for serial in ["2", "1", "3"] {
        store.transact(&mut |transaction| transaction.put_token(&token(serial))).unwrap();
    }
    assert_eq!(store.token("1").unwrap(), Some(token("1")));
    store.transact(&mut |transaction| transaction.put_token(&token("2"))).unwrap();
    let serials: Vec<_> = store.tokens().unwrap().into_iter().map(|token| token.serial).collect();
    assert_eq!(serials, ["2", "1", "3"]);
    assert_eq!(store.tokens().unwrap()[1], token("1"));
}

pub(crate) fn put_token_again_replaces_users_and_keeps_records(store: &dyn Store) {
    put(store, &[record(1)]);
    let mut changed = token(SERIAL);
    changed.version = 2;
    changed.header = Vec::new();
    changed.users.remove(1);
    changed.users.reverse();
    changed.users[0].attempts = vec![9; 20];
    store.transact(&mut |transaction| transaction.put_token(&changed)).unwrap();
    assert_eq!(store.token(SERIAL).unwrap(), Some(changed));
    assert_eq!(numbers(store, &everything()), [1]);
}

pub(crate) fn put_token_with_one_user_twice_is_refused(store: &dyn Store) {
    let mut twice = token(SERIAL);
    twice.users.push(twice.users[0].clone());
    let refusal = store.transact(&mut |transaction| transaction.put_token(&twice)).unwrap_err();
    assert!(matches!(refusal, StoreError::Aborted(_)), "{refusal:?}");
    assert_eq!(store.token(SERIAL).unwrap(), None);
}

pub(crate) fn put_record_gives_it_back_with_everything(store: &dyn Store) {
    let full = Record {
        uid: uid(7),
        version: i64::MAX as u64,
        class: crate::ck::CK_OBJECT_CLASS::MAX,
        private: true,
        deleted: false,
        index: IndexKind::ALL.into_iter().map(|kind| (kind, blind(kind as u64))).collect(),
        attributes: vec![4; 100_000],
        material: vec![5; 5_000],
        seal: vec![6; 48],
    };
    let bare = Record {
        index: Vec::new(),
        attributes: Vec::new(),
        material: Vec::new(),
        seal: Vec::new(),
        ..record(8)
    };
    let tombstone = Record { deleted: true, index: Vec::new(), material: Vec::new(), ..record(9) };
    let unordered = Record {
        index: vec![(IndexKind::PublicKey, blind(1)), (IndexKind::Id, blind(2)), (IndexKind::Id, blind(3))],
        ..record(10)
    };
    put(store, &[full.clone(), bare.clone(), tombstone.clone(), unordered]);
    for wanted in [full, bare, tombstone] {
        assert_eq!(store.record(SERIAL, wanted.uid).unwrap(), Some(wanted.clone()));
    }
    let index = store.record(SERIAL, uid(10)).unwrap().unwrap().index;
    assert_eq!(index, [(IndexKind::Id, blind(2)), (IndexKind::PublicKey, blind(1))]);
}

pub(crate) fn put_record_without_token_is_refused(store: &dyn Store) {
    let refusal = store.transact(&mut |transaction| transaction.put_record("no", &record(1))).unwrap_err();
    assert!(matches!(refusal, StoreError::Aborted(_)), "{refusal:?}");
}

pub(crate) fn put_record_with_version_out_of_range_is_refused(store: &dyn Store) {
    put(store, &[]);
    let late = Record { version: 1 << 63, ..record(1) };
    let refusal = store.transact(&mut |transaction| transaction.put_record(SERIAL, &late)).unwrap_err();
    assert!(matches!(refusal, StoreError::Aborted(_)), "{refusal:?}");
}

pub(crate) fn transact_that_errs_changes_nothing(store: &dyn Store) {
    put(store, &[record(1), record(2)]);
    let before = (store.tokens().unwrap(), store.changes(SERIAL, 0).unwrap());
    store
        .transact(&mut |transaction| {
            transaction.put_token(&token("other"))?;
            transaction.put_record(SERIAL, &Record { version: 9, ..record(1) })?;
            transaction.put_record(SERIAL, &record(3))?;
            transaction.clear(SERIAL)?;
            Err(StoreError::Aborted(Error::PinIncorrect))
        })
        .unwrap_err();
    assert_eq!((store.tokens().unwrap(), store.changes(SERIAL, 0).unwrap()), before);
    put(store, &[record(4)]);
    assert_eq!(numbers(store, &everything()), [1, 2, 4], "the store goes on working");
}

pub(crate) fn transact_that_errs_comes_out_as_it_is(store: &dyn Store) {
    let refusal = store.transact(&mut |_| Err(StoreError::Aborted(Error::PinIncorrect))).unwrap_err();
    assert!(matches!(refusal, StoreError::Aborted(Error::PinIncorrect)));
    let refusal = store.transact(&mut |_| Err(StoreError::Full)).unwrap_err();
    assert!(matches!(refusal, StoreError::Full));
}

pub(crate) fn transact_that_panics_changes_nothing(store: &dyn Store) {
    put(store, &[record(1)]);
    let fall = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        store.transact(&mut |transaction| {
            transaction.put_record(SERIAL, &record(2))?;
            panic!("on purpose")
        })
    }));
    assert!(fall.is_err());
    assert_eq!(numbers(store, &everything()), [1]);
    put(store, &[record(3)]);
    assert_eq!(numbers(store, &everything()), [1, 3]);
}

pub(crate) fn transact_sees_its_own_changes(store: &dyn Store) {
    store
        .transact(&mut |transaction| {
            transaction.put_token(&token(SERIAL))?;
            transaction.put_record(SERIAL, &record(1))?;
            transaction.put_record(SERIAL, &Record { deleted: true, ..record(2) })?;
            assert_eq!(transaction.token(SERIAL)?, Some(token(SERIAL)));
            assert_eq!(transaction.record(SERIAL, uid(1))?, Some(record(1)));
            assert_eq!(transaction.record(SERIAL, uid(3))?, None);
            assert_eq!(transaction.find(SERIAL, &everything())?, [uid(1)]);
            assert_eq!(transaction.count(SERIAL)?, 1);
            assert_eq!(transaction.count("other")?, 0);
            Ok(())
        })
        .unwrap();
}

pub(crate) fn find_by_each_kind_and_together(store: &dyn Store) {
    let with = |number, class, index: &[(IndexKind, u64)]| Record {
        class,
        index: index.iter().map(|(kind, value)| (*kind, blind(*value))).collect(),
        ..record(number)
    };
    use IndexKind::{Id, KeyType, Label, PublicKey, Subject};
    put(
        store,
        &[
            with(1, 2, &[(Id, 10), (Label, 20), (KeyType, 30), (PublicKey, 40)]),
            with(2, 3, &[(Id, 10), (Label, 20), (KeyType, 30), (PublicKey, 40)]),
            with(3, 3, &[(Id, 11), (Label, 20), (KeyType, 31)]),
            with(4, 1, &[(Id, 10), (Subject, 50)]),
            with(5, 4, &[]),
        ],
    );
    let find = |class, index: &[(IndexKind, &[u64])]| {
        let index = index
            .iter()
            .map(|(kind, values)| (*kind, values.iter().map(|value| blind(*value)).collect()))
            .collect();
        numbers(store, &Query { class, private: true, index })
    };
    assert_eq!(find(None, &[]), [1, 2, 3, 4, 5]);
    assert_eq!(find(Some(3), &[]), [2, 3]);
    assert_eq!(find(None, &[(Id, &[10])]), [1, 2, 4]);
    assert_eq!(find(None, &[(Label, &[20])]), [1, 2, 3]);
    assert_eq!(find(None, &[(KeyType, &[31])]), [3]);
    assert_eq!(find(None, &[(PublicKey, &[40])]), [1, 2]);
    assert_eq!(find(None, &[(Subject, &[50])]), [4]);
    assert_eq!(find(Some(3), &[(Id, &[10])]), [2]);
    assert_eq!(find(None, &[(Id, &[10]), (Label, &[20])]), [1, 2]);
    assert_eq!(find(None, &[(Id, &[10, 11]), (KeyType, &[31, 99])]), [3]);
    assert_eq!(find(None, &[(Id, &[10]), (Id, &[11])]), NONE);
    assert_eq!(find(None, &[(Id, &[])]), NONE);
    assert_eq!(find(None, &[(Label, &[10])]), NONE, "a value belongs to its kind");
}

pub(crate) fn find_by_any_of_many_values(store: &dyn Store) {
    let records: Vec<_> = (1..=300).map(record).collect();
    put(store, &records);
    let many = (0..5000).rev().map(blind).collect();
    assert_eq!(numbers(store, &by(vec![(IndexKind::Label, many)])), (1..=300).collect::<Vec<_>>());
    let twice = vec![blind(5), blind(6), blind(5)];
    assert_eq!(numbers(store, &by(vec![(IndexKind::Label, twice)])), [5, 6]);
}

pub(crate) fn find_is_in_the_order_of_making(store: &dyn Store) {
    let same = |number, version| Record { version, index: vec![(IndexKind::Id, blind(1))], ..record(number) };
    put(store, &[same(9, 1), same(3, 2), same(7, 3)]);
    put(store, &[same(9, 4), same(1, 5)]);
    for query in [everything(), by(vec![(IndexKind::Id, vec![blind(1), blind(2)])])] {
        assert_eq!(numbers(store, &query), [9, 3, 7, 1], "a change keeps the place");
    }
}

pub(crate) fn find_without_private_hides_private(store: &dyn Store) {
    let same = |number, private| Record { private, index: vec![(IndexKind::Id, blind(1))], ..record(number) };
    put(store, &[same(1, true), same(2, false), same(3, true)]);
    for index in [Vec::new(), vec![(IndexKind::Id, vec![blind(1)])]] {
        for class in [None, Some(3)] {
            let query = |private| Query { class, private, index: index.clone() };
            assert_eq!(numbers(store, &query(true)), [1, 2, 3]);
            assert_eq!(numbers(store, &query(false)), [2]);
        }
    }
}

pub(crate) fn find_skips_tombstones_and_other_tokens(store: &dyn Store) {
    put(store, &[record(1), record(2)]);
    store
        .transact(&mut |transaction| {
            transaction.put_token(&token("other"))?;
            transaction.put_record("other", &record(3))?;
            // Even a tombstone that still carries an index value.
            transaction.put_record(SERIAL, &Record { deleted: true, version: 3, ..record(2) })
        })
        .unwrap();
    assert_eq!(numbers(store, &everything()), [1]);
    assert_eq!(numbers(store, &by(vec![(IndexKind::Label, vec![blind(2), blind(3)])])), NONE);
    assert_eq!(store.find("other", &everything()).unwrap(), [uid(3)]);
    assert_eq!(store.record("other", uid(1)).unwrap(), None);
    assert!(store.record(SERIAL, uid(2)).unwrap().unwrap().deleted);
}

pub(crate) fn changes_and_census_tell_versions(store: &dyn Store) {
    put(store, &[record(1), record(2), record(3)]);
    put(store, &[Record { version: 4, ..record(1) }, Record { version: 5, deleted: true, ..record(3) }]);
    let change = |number, version, deleted| Change { uid: uid(number), version, deleted };
    assert_eq!(
        store.changes(SERIAL, 0).unwrap(),
        [change(2, 2, false), change(1, 4, false), change(3, 5, true)]
    );
    assert_eq!(store.changes(SERIAL, 4).unwrap(), [change(3, 5, true)]);
    assert_eq!(store.changes(SERIAL, 5).unwrap(), []);
    assert_eq!(store.changes(SERIAL, u64::MAX).unwrap(), []);
    assert_eq!(store.census(SERIAL).unwrap(), [change(2, 2, false), change(1, 4, false)]);
}

pub(crate) fn clear_removes_records_and_tombstones(store: &dyn Store) {
    put(store, &[record(1), Record { deleted: true, ..record(2) }]);
    store
        .transact(&mut |transaction| {
            transaction.put_token(&token("other"))?;
            transaction.put_record("other", &record(1))
        })
        .unwrap();
    store
        .transact(&mut |transaction| {
            transaction.clear(SERIAL)?;
            transaction.clear("unknown")?;
            assert_eq!(transaction.count(SERIAL)?, 0);
            Ok(())
        })
        .unwrap();
    assert_eq!(store.changes(SERIAL, 0).unwrap(), []);
    assert_eq!(store.record(SERIAL, uid(2)).unwrap(), None);
    assert_eq!(store.token(SERIAL).unwrap(), Some(token(SERIAL)), "the token itself stays");
    assert_eq!(store.changes("other", 0).unwrap().len(), 1);
    put(store, &[record(1)]);
    assert_eq!(numbers(store, &everything()), [1]);
}

pub(crate) fn generation_advances_with_a_commit_only(store: &dyn Store) {
    let start = settled(store);
    put(store, &[record(1)]);
    let after = settled(store);
    assert_ne!(start, after);
    store.find(SERIAL, &everything()).unwrap();
    store.transact(&mut |_| Err(StoreError::Full)).unwrap_err();
    store.scrub().unwrap();
    assert_eq!(settled(store), after);
}

/// Readers that trust a cache built at a settled number must never see another content at that number.
pub(crate) fn generation_is_never_settled_between(store: &dyn Store) {
    put(store, &[record(1)]);
    let done = std::sync::atomic::AtomicBool::new(false);
    let version = || store.record(SERIAL, uid(1)).unwrap().unwrap().version;
    std::thread::scope(|threads| {
        for _ in 0..2 {
            threads.spawn(|| {
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    let before = store.generation();
                    let first = version();
                    let second = version();
                    // Settled at one number all the while: nothing may have changed in between.
                    if matches!(before, Generation::Settled(_)) && store.generation() == before {
                        assert_eq!(first, second);
                    }
                }
            });
        }
        for version in 2..60 {
            let before = store.generation();
            put(store, &[Record { version, ..record(1) }]);
            assert_ne!(store.generation(), before);
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

pub(crate) fn scrub_keeps_everything(store: &dyn Store) {
    put(store, &[record(1), record(2)]);
    store.scrub().unwrap();
    assert_eq!(numbers(store, &everything()), [1, 2]);
    assert_eq!(store.record(SERIAL, uid(1)).unwrap(), Some(record(1)));
}

pub(crate) fn anchors_are_added_in_order_and_never_changed(store: &dyn Store) {
    put(store, &[]);
    let add = |number: u64, anchor: &'static [u8], end: &'static [u8]| {
        store.transact(&mut |tx| tx.put_anchor(SERIAL, number, anchor, end))
    };
    let end = || {
        let mut end = None;
        store
            .transact(&mut |tx| {
                end = tx.chain_end(SERIAL)?;
                Ok(())
            })
            .unwrap();
        end
    };
    assert_eq!(end(), None);
    add(0, b"zero", b"a").unwrap();
    add(1, b"one", b"b").unwrap();
    assert!(matches!(add(1, b"other", b"c"), Err(StoreError::Aborted(_))));
    store.transact(&mut |tx| tx.clear(SERIAL)).unwrap();
    assert_eq!(end().as_deref(), Some(&b"b"[..]));
    assert_eq!(store.anchors(SERIAL, 0, 9).unwrap(), [b"zero".to_vec(), b"one".to_vec()]);
    assert_eq!(store.anchors(SERIAL, 1, 9).unwrap(), [b"one".to_vec()]);
    assert_eq!(store.anchors(SERIAL, 0, 1).unwrap(), [b"zero".to_vec()]);
    assert!(store.anchors("another", 0, 9).unwrap().is_empty());
}
