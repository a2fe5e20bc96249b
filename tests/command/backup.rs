//! `keyward backup` and `keyward restore`.

use super::house::*;
use cryptoki_sys::*;
use keyward_pkcs11::ck::raw::ulong_to_bytes;
use std::os::unix::fs::PermissionsExt;

#[test]
fn copy_of_a_store_that_is_in_use_brings_its_keys_back() {
    let house = House::new();
    let secret = [(CKA_VALUE_LEN, ulong_to_bytes(32).to_vec()), (CKA_ENCRYPT, vec![CK_TRUE])];
    house.generate(CKM_AES_KEY_GEN, "database", &secret);
    // Somebody has the store open meanwhile.
    let busy = module(&house.store());
    let made = house.run(&["backup", "@copy"]);
    assert_eq!((made.code, made.err.as_str()), (0, ""));
    assert!(made.out.contains("1 token, with the store's key"), "{}", made.out);
    drop(busy);
    let mode = |path: &str| std::fs::metadata(house.path(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("copy"), mode("copy/keyward.db"), mode("copy/store.key")), (0o700, 0o600, 0o600));
    let again = house.run(&["backup", "@copy"]);
    assert_eq!(again.code, 1);
    assert!(again.err.contains("exists"), "{}", again.err);
    // The store is there: nothing is written over it.
    let over = house.run(&["restore", "@copy"]);
    assert_eq!(over.code, 1);
    assert!(over.err.contains("there already"), "{}", over.err);
    std::fs::rename(house.store(), house.path("lost")).unwrap();
    let back = house.run(&["restore", "@copy"]);
    assert_eq!((back.code, back.err.as_str()), (0, ""), "{}", back.out);
    let list = house.user(&["key", "list"]);
    assert!(list.out.contains("database"), "{} {}", list.out, list.err);
    assert_eq!(house.run(&["doctor", "--token", "web", "--pin-file", "@pin"]).code, 0);
    let told = house.run(&["audit", "show", "--kind", "backup", "--json"]);
    assert!(told.out.contains("\"restore\""), "{}", told.out);
    assert_eq!(house.run(&["audit", "verify", "--from", "@lost"]).code, 1, "no copy of a trail lies there");
}

#[test]
fn copy_of_a_store_carries_what_was_used_of_a_budget() {
    let house = House::new();
    let limited = "policy = 1\n[[rule]]\nid = \"few\"\nwhen = { label = \"few\", class = \"private\" }\nlimits = { uses = 5 }\n";
    house.write("few.toml", limited);
    house.must(0, &["policy", "install", "few.toml", "--token", "web", "--so-pin-file", "so"]);
    house.signs("few", &[CKM_ECDSA_SHA256], 3, false);
    let spent = || house.user(&["key", "show", "few"]).out.contains("3 of 5 uses");
    assert!(spent(), "{}", house.user(&["key", "show", "few"]).out);
    house.must(0, &["backup", "copy"]);
    std::fs::rename(house.store(), house.path("lost")).unwrap();
    house.must(0, &["restore", "copy"]);
    assert!(spent(), "{}", house.user(&["key", "show", "few"]).out);
}

#[test]
fn copy_without_the_key_or_with_a_damaged_record_is_told_and_leaves_nothing_behind() {
    let house = House::new();
    house.generate(CKM_AES_KEY_GEN, "database", &[(CKA_VALUE_LEN, ulong_to_bytes(32).to_vec())]);
    assert_eq!(house.run(&["backup", "@copy", "--without-key"]).code, 0);
    assert!(!house.path("copy/store.key").exists());
    std::fs::rename(house.store(), house.path("lost")).unwrap();
    let without = house.run(&["restore", "@copy"]);
    assert_eq!(without.code, 1);
    assert!(without.err.contains("without the store's key"), "{}", without.err);
    std::fs::write(house.path("other.key"), [7; 32]).unwrap();
    let wrong = house.run(&["restore", "@copy", "--key", "@other.key"]);
    assert_eq!(wrong.code, 1, "{}", wrong.out);
    assert!(!house.store().join("keyward.db").exists() && !house.store().join("store.key").exists());
    let good = house.run(&["restore", "@copy", "--key", "@lost/store.key"]);
    assert_eq!((good.code, good.err.as_str()), (0, ""));
    assert!(house.user(&["key", "list"]).out.contains("database"));
    std::fs::remove_dir_all(house.store()).unwrap();
    let database = rusqlite::Connection::open(house.path("copy/keyward.db")).unwrap();
    let changed = database.execute("UPDATE record SET attributes = x'00'", []).unwrap();
    assert!(changed > 0);
    drop(database);
    let damaged = house.run(&["restore", "@copy", "--key", "@lost/store.key"]);
    assert_eq!(damaged.code, 1, "{}", damaged.out);
    assert!(damaged.err.contains("damaged"), "{}", damaged.err);
    assert!(!house.store().join("keyward.db").exists());
    assert_eq!(house.run(&["restore", "@nowhere"]).code, 1);
}
