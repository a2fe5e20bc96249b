//! A store that somebody changed behind the module's back: what was written is refused by name, and no key ever
//! turns into another.

use super::client::*;
use crate::alone;
use cryptoki_sys::*;
use rusqlite::{Connection, params};

/// A world with two AES keys, an open data object and a public key, stopped; and what the keys make of a block.
fn prepared() -> World {
    let world = World::new();
    let session = world.user();
    for label in ["one", "two"] {
        session.aes(Template::token().label(label).uses(&[CKA_ENCRYPT, CKA_DECRYPT])).unwrap();
    }
    session.create(&Template::token().class(CKO_DATA).flag(CKA_PRIVATE, false).label("open")).unwrap();
    world.stop();
    world
}

fn database(world: &World) -> Connection {
    Connection::open(world.database()).unwrap()
}

/// What AES-ECB under the key of this label makes of zeros, where it may be used.
fn fingerprint(world: &World, label: &str) -> Option<Vec<u8>> {
    let session = world.module.read_write(world.slot);
    session.login(CKU_USER, USER_PIN).ok()?;
    let key = *session.find(&Template::new().label(label)).ok()?.first()?;
    let made = session.encrypt(&Mechanism::plain(CKM_AES_ECB), key, &[0; 16]).ok();
    session.logout().unwrap();
    session.close().unwrap();
    made
}

/// The ordinals of the AES keys in the store.
fn secret_keys(database: &Connection) -> Vec<i64> {
    let mut rows = database.prepare("SELECT ordinal FROM record WHERE class = 4 ORDER BY ordinal").unwrap();
    rows.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

fn flip(database: &Connection, column: &str, ordinal: i64, at: usize) {
    let select = format!("SELECT {column} FROM record WHERE ordinal = ?1");
    let mut bytes: Vec<u8> = database.query_row(&select, [ordinal], |row| row.get(0)).unwrap();
    let at = at % bytes.len();
    bytes[at] ^= 0x01;
    database
        .execute(&format!("UPDATE record SET {column} = ?1 WHERE ordinal = ?2"), params![bytes, ordinal])
        .unwrap();
}

alone! {
    fn every_flipped_byte_of_a_record_is_noticed() {
        let world = prepared();
        world.start();
        let truth = fingerprint(&world, "one").unwrap();
        world.stop();
        let copy = world.store().join("before");
        std::fs::copy(world.database(), &copy).unwrap();
        let first = secret_keys(&database(&world))[0];
        for column in ["attributes", "material", "seal", "uid"] {
            for at in [0, 1, 7, 15, 31, 40] {
                flip(&database(&world), column, first, at);
                let before = world.log().len();
                world.start();
                assert_eq!(fingerprint(&world, "one"), None, "{column} {at}");
                world.stop();
                assert!(world.log()[before..].contains("damage"), "{column} {at}: no line in the log");
                flip(&database(&world), column, first, at);
                world.start();
                assert_eq!(fingerprint(&world, "one").as_ref(), Some(&truth), "{column} {at}: put right again");
                world.stop();
            }
        }
        for change in ["private = 0", "class = 3", "version = version + 2", "deleted = 1", "ix_label = NULL"] {
            database(&world).execute(&format!("UPDATE record SET {change} WHERE ordinal = ?1"), [first]).unwrap();
            world.start();
            assert_eq!(fingerprint(&world, "one"), None, "{change}");
            world.stop();
            std::fs::copy(&copy, world.database()).unwrap();
            for side in ["-wal", "-shm"] {
                let _ = std::fs::remove_file(format!("{}{side}", world.database().display()));
            }
        }
    }
}

alone! {
    fn swapped_materials_never_give_another_key() {
        let world = prepared();
        world.start();
        let truth = ["one", "two"].map(|label| fingerprint(&world, label).unwrap());
        assert_ne!(truth[0], truth[1]);
        world.stop();
        for columns in [&["material"][..], &["attributes", "material"], &["attributes", "material", "seal"]] {
            let [one, two] = secret_keys(&database(&world))[..] else { panic!("two keys were made") };
            // A connection for each swap: none of this program's stays open while the module's SQLite works.
            let swap = || {
                let connection = database(&world);
                for column in columns {
                    let read = format!("SELECT {column} FROM record WHERE ordinal = ?1");
                    let write = format!("UPDATE record SET {column} = ?1 WHERE ordinal = ?2");
                    let value = |of: i64| connection.query_row(&read, [of], |row| row.get::<_, Vec<u8>>(0)).unwrap();
                    let values = (value(one), value(two));
                    connection.execute(&write, params![values.1, one]).unwrap();
                    connection.execute(&write, params![values.0, two]).unwrap();
                }
            };
            swap();
            world.start();
            for label in ["one", "two"] {
                assert_eq!(fingerprint(&world, label), None, "{columns:?}");
            }
            world.stop();
            swap();
            world.start();
            assert_eq!(["one", "two"].map(|label| fingerprint(&world, label).unwrap()), truth);
            world.stop();
        }
    }
}

alone! {
    fn older_row_removed_row_and_foreign_row_are_noticed_at_login() {
        let world = prepared();
        let first = secret_keys(&database(&world))[0];
        // The row as it was before the key was compromised.
        let save = "CREATE TABLE saved AS SELECT * FROM record";
        let restore = "UPDATE record SET (version, deleted, attributes, material, seal, ix_label, ix_key_type) =
            (SELECT version, deleted, attributes, material, seal, ix_label, ix_key_type FROM saved
                WHERE saved.ordinal = record.ordinal) WHERE ordinal = ?1";
        database(&world).execute_batch(save).unwrap();
        world.start();
        let session = world.user();
        let key = session.find(&Template::new().label("one")).unwrap()[0];
        session.set_state(key, COMPROMISED).unwrap();
        world.stop();
        let compromised = std::fs::read(world.database()).unwrap();
        assert!(!compromised.is_empty());
        database(&world).execute(restore, [first]).unwrap();
        world.start();
        let session = world.module.read_write(world.slot);
        assert_eq!(session.login(CKU_USER, USER_PIN), Err(Rv(CKR_DEVICE_ERROR)));
        assert_eq!(session.login(CKU_SO, SO_PIN), Err(Rv(CKR_DEVICE_ERROR)));
        assert!(world.log().contains("damage"));
        world.stop();
        // A row that is gone.
        database(&world).execute("DELETE FROM record WHERE ordinal = ?1", [first]).unwrap();
        world.start();
        let session = world.module.read_write(world.slot);
        assert_eq!(session.login(CKU_USER, USER_PIN), Err(Rv(CKR_DEVICE_ERROR)));
        world.stop();
    }
}

alone! {
    fn older_row_under_a_running_process_is_refused() {
        let world = prepared();
        let first = secret_keys(&database(&world))[0];
        database(&world).execute_batch("CREATE TABLE saved AS SELECT * FROM record").unwrap();
        world.start();
        let session = world.user();
        let key = session.find(&Template::new().label("one")).unwrap()[0];
        session.set_state(key, SUSPENDED).unwrap();
        let restore = "UPDATE record SET (version, attributes, material, seal) =
            (SELECT version, attributes, material, seal FROM saved WHERE saved.ordinal = record.ordinal)
            WHERE ordinal = ?1";
        // Another program, so that SQLite's locks in this process are left alone.
        let changed = std::process::Command::new("sqlite3")
            .arg(world.database())
            .arg(restore.replace("?1", &first.to_string()))
            .status();
        if !changed.is_ok_and(|status| status.success()) {
            println!("no sqlite3 here: what a restart notices stands in another test");
            return;
        }
        // Makes this process look at the store again.
        session.aes(Template::token().label("another")).unwrap_or(0);
        assert!(session.encrypt(&Mechanism::plain(CKM_AES_ECB), key, &[0; 16]).is_err());
    }
}

alone! {
    fn changed_attempts_count_as_the_last_one() {
        let world = World::new();
        let session = world.module.read_write(world.slot);
        for _ in 0..5 {
            assert_eq!(session.login(CKU_USER, "wrong pin"), Err(Rv(CKR_PIN_INCORRECT)));
        }
        world.stop();
        database(&world).execute("UPDATE user SET attempts = zeroblob(44) WHERE name = 'user'", []).unwrap();
        world.start();
        let flags = world.module.token_info(world.slot).unwrap().flags;
        assert_ne!(flags & CKF_USER_PIN_FINAL_TRY, 0, "cleared attempts are no fresh start");
        let session = world.module.read_write(world.slot);
        assert_eq!(session.login(CKU_USER, "wrong pin"), Err(Rv(CKR_PIN_INCORRECT)));
        assert_eq!(session.login(CKU_USER, USER_PIN), Err(Rv(CKR_PIN_LOCKED)));
    }
}

alone! {
    fn changed_header_credential_or_seal_is_refused() {
        let world = prepared();
        for (table, column) in [("token", "header"), ("token", "seal"), ("user", "credential")] {
            let row = "SELECT rowid FROM {table} LIMIT 1".replace("{table}", table);
            let row: i64 = database(&world).query_row(&row, [], |row| row.get(0)).unwrap();
            let read = format!("SELECT {column} FROM {table} WHERE rowid = ?1");
            let good: Vec<u8> = database(&world).query_row(&read, [row], |row| row.get(0)).unwrap();
            let write = format!("UPDATE {table} SET {column} = ?1 WHERE rowid = ?2");
            let mut bad = good.clone();
            let last = bad.len() - 1;
            bad[last] ^= 1;
            database(&world).execute(&write, params![bad, row]).unwrap();
            world.start();
            let session = world.module.open(world.slot, CKF_SERIAL_SESSION | CKF_RW_SESSION);
            let refused = session.and_then(|session| {
                session.login(CKU_SO, SO_PIN)?;
                session.logout()?;
                session.login(CKU_USER, USER_PIN)
            });
            assert!(refused.is_err(), "{table}.{column}");
            world.stop();
            database(&world).execute(&write, params![good, row]).unwrap();
        }
        world.start();
        assert!(fingerprint(&world, "one").is_some());
    }
}

alone! {
    fn truncated_or_foreign_files_are_refused_and_not_replaced() {
        let world = prepared();
        let good = std::fs::read(world.database()).unwrap();
        for bad in [&b"this is no database"[..], &good[..1000], &[0; 4096]] {
            std::fs::write(world.database(), bad).unwrap();
            let answer = world.module.initialize(&world.configuration()).and_then(|()| {
                let session = world.module.open(world.slot, CKF_SERIAL_SESSION | CKF_RW_SESSION)?;
                session.login(CKU_USER, USER_PIN)
            });
            assert!(answer.is_err());
            let _ = world.module.finalize();
            assert_eq!(std::fs::read(world.database()).unwrap(), bad, "the damaged file was written to");
        }
        // Without the store's key, too.
        std::fs::write(world.database(), &good).unwrap();
        let keys = std::fs::read_dir(world.store()).unwrap().map(|entry| entry.unwrap().path());
        for key in keys.filter(|path| path.extension().is_some_and(|end| end == "key")) {
            std::fs::remove_file(key).unwrap();
        }
        assert!(world.module.initialize(&world.configuration()).is_err());
    }
}
