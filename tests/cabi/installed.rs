//! The policy that was installed in a token: what it changes through the C ABI, at once and in every process, and
//! what becomes of a token whose policy is not what was installed.

use super::client::*;
use crate::alone;
use cryptoki_sys::*;
use rusqlite::Connection;
use std::path::PathBuf;
use std::process::{Command, Stdio};

const POLICY_UNUSABLE: CK_ULONG = 0xA03;

/// The keys of SP 800-67 Rev. 1, appendix B, and 0x40 to 0x4F under them in CBC mode with padding, made by OpenSSL.
const DES3: [u8; 24] = [
    0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF, 0x01, 0x45,
    0x67, 0x89, 0xAB, 0xCD, 0xEF, 0x01, 0x23,
];
const IV: [u8; 8] = [0xF0, 0xE1, 0xD2, 0xC3, 0xB4, 0xA5, 0x96, 0x87];
const ENCRYPTED: [u8; 24] = [
    0x9C, 0x60, 0x85, 0x59, 0xB7, 0xC6, 0x60, 0x66, 0x58, 0x31, 0xA0, 0xF2, 0x41, 0xE7, 0x15, 0x17, 0xAE,
    0xE8, 0xD3, 0x21, 0x03, 0x61, 0xF9, 0x67,
];
/// The DigestInfo of SHA-1 (RFC 8017, 9.2) and the digest of "abc" (FIPS 180-4).
const SHA1_OF_ABC: [u8; 35] = [
    0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14, 0xa9, 0x99,
    0x3e, 0x36, 0x47, 0x06, 0x81, 0x6a, 0xba, 0x3e, 0x25, 0x71, 0x78, 0x50, 0xc2, 0x6c, 0x9c, 0xd0, 0xd8,
    0x9d,
];

/// Where the store's folder is, and the files of a test.
fn folder(world: &World) -> PathBuf {
    world.store().parent().unwrap().to_owned()
}

/// The command, in a process of its own: its exit code and what it said.
pub fn keyward(world: &World, words: &[&str]) -> (i32, String) {
    std::fs::write(folder(world).join("so"), SO_PIN).unwrap();
    std::fs::write(folder(world).join("pin"), USER_PIN).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_keyward"))
        .args(words)
        .current_dir(folder(world))
        .env_clear()
        .env("KEYWARD_STORE", world.store())
        .env("KEYWARD_LOG", world.log_path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(said).unwrap())
}

pub fn install(world: &World, policy: &str) {
    let (code, said) = keyward(world, &["policy", "install", policy, "--so-pin-file", "so"]);
    assert_eq!(code, 0, "{said}");
}

pub fn write(world: &World, name: &str, text: &str) {
    std::fs::write(folder(world).join(name), text).unwrap();
}

/// Installs a policy of this text over the default one.
pub fn install_text(world: &World, text: &str) {
    write(world, "test.toml", &format!("policy = 1\nextends = \"default\"\n{text}"));
    install(world, "test.toml");
}

fn sha256_rsa() -> Mechanism {
    Mechanism::plain(CKM_SHA256_RSA_PKCS)
}

alone! {
    fn token_under_legacy_decrypts_with_triple_des_and_verifies_sha1_and_under_default_it_does_not() {
        let world = World::new();
        let session = world.user();
        let template = Template::token()
            .class(CKO_SECRET_KEY)
            .ulong(CKA_KEY_TYPE, CKK_DES3)
            .bytes(CKA_VALUE, &DES3)
            .uses(&[CKA_DECRYPT]);
        let des = session.create(&template).unwrap();
        let template = |use_of| Template::token().flag(use_of, true);
        let (public, private) = session.rsa(template(CKA_VERIFY), template(CKA_SIGN)).unwrap();
        let signature = session.sign(&Mechanism::plain(CKM_RSA_PKCS), private, &SHA1_OF_ABC).unwrap();
        let (cbc, sha1) = (Mechanism::iv(CKM_DES3_CBC_PAD, &IV), Mechanism::plain(CKM_SHA1_RSA_PKCS));
        let invalid = Err(Rv(CKR_MECHANISM_INVALID));

        assert_eq!(session.decrypt_init(&cbc, des), invalid);
        assert_eq!(session.verify_init(&sha1, public), invalid);
        assert!(!world.module.mechanisms(world.slot).unwrap().contains(&CKM_DES3_CBC_PAD));
        // Another process installs; the handles and the login of this one stay.
        install(&world, "legacy");
        assert_eq!(session.decrypt(&cbc, des, &ENCRYPTED).unwrap(), (0x40..0x50).collect::<Vec<u8>>());
        session.verify(&sha1, public, b"abc", &signature).unwrap();
        assert_eq!(session.verify(&sha1, public, b"abd", &signature), Err(Rv(CKR_SIGNATURE_INVALID)));
        // Nothing new is made with either.
        assert_eq!(session.sign_init(&sha1, private), invalid);
        assert!(session.encrypt_init(&cbc, des).is_err());
        assert!(world.module.mechanisms(world.slot).unwrap().contains(&CKM_DES3_CBC_PAD));
        // It stays over a restart, and goes when another is installed.
        world.stop();
        world.start();
        let session = world.user();
        let des = session.find(&Template::new().ulong(CKA_KEY_TYPE, CKK_DES3)).unwrap()[0];
        session.decrypt(&cbc, des, &ENCRYPTED).unwrap();
        install(&world, "default");
        assert_eq!(session.decrypt_init(&cbc, des), invalid);
        assert!(!world.module.mechanisms(world.slot).unwrap().contains(&CKM_DES3_CBC_PAD));
    }
}

alone! {
    fn policy_that_another_process_installs_holds_at_the_next_call_for_session_objects_too() {
        let world = World::new();
        let session = world.user();
        let template = |use_of, token| Template::new().flag(CKA_TOKEN, token).flag(use_of, true);
        let (_, stored) = session.rsa(template(CKA_VERIFY, true), template(CKA_SIGN, true)).unwrap();
        let (_, in_memory) = session.rsa(template(CKA_VERIFY, false), template(CKA_SIGN, false)).unwrap();
        session.sign_init(&sha256_rsa(), stored).unwrap();
        write(&world, "strict.toml", "policy = 1\nextends = \"default\"\n[mechanisms]\ndeny = \"CKM_SHA256_RSA_PKCS\"\n");
        install(&world, "strict.toml");
        // What runs ends under the rules that it was judged by.
        session.sign_update(b"data").unwrap();
        assert_eq!(session.sign_final().unwrap().len(), 256);
        for key in [stored, in_memory] {
            assert_eq!(session.sign_init(&sha256_rsa(), key), Err(Rv(CKR_MECHANISM_INVALID)));
            session.sign(&Mechanism::plain(CKM_SHA384_RSA_PKCS), key, b"data").unwrap();
        }
        assert!(world.log().contains("mechanisms.deny"), "{}", world.log());
        // The file no longer matters.
        write(&world, "strict.toml", "policy = 1\n");
        world.stop();
        world.start();
        let session = world.user();
        let found = session.find(&Template::new().class(CKO_PRIVATE_KEY)).unwrap();
        assert_eq!(session.sign_init(&sha256_rsa(), found[0]), Err(Rv(CKR_MECHANISM_INVALID)));
        let (code, said) = keyward(&world, &["policy", "status"]);
        assert!(code == 1 && said.contains("the file has changed since"), "{said}");
    }
}

alone! {
    fn no_search_finds_the_policy_and_a_new_token_is_under_the_default_one() {
        let world = World::new();
        install(&world, "legacy");
        let session = world.user();
        assert_eq!(session.find(&Template::new()).unwrap(), []);
        assert_eq!(session.find(&Template::new().class(CKO_VENDOR_DEFINED | 0x4B57_0001)).unwrap(), []);
        session.close().unwrap();
        world.module.init_token(world.slot, SO_PIN, "cabi").unwrap();
        assert!(!world.module.mechanisms(world.slot).unwrap().contains(&CKM_DES3_CBC_PAD));
        let (_, said) = keyward(&world, &["policy", "history"]);
        assert_eq!(said, "no policy was installed yet\n");
    }
}

/// Changes the store of a stopped module.
fn behind_our_back(world: &World, statement: &str) {
    let database = Connection::open(world.database()).unwrap();
    assert_eq!(database.execute(statement, []).unwrap(), 1);
}

/// The record of the policy.
const ROW: &str = "uid = CAST('keyward''s policy' AS BLOB)";

alone! {
    fn policy_that_is_not_what_was_installed_allows_nothing_until_the_so_installs_another() {
        let world = World::new();
        let session = world.user();
        let template = |use_of| Template::token().flag(use_of, true);
        session.rsa(template(CKA_VERIFY).flag(CKA_PRIVATE, false), template(CKA_SIGN)).unwrap();
        install(&world, "legacy");
        world.stop();
        // The same length, other words: the weakness of Triple DES would be gone from the list.
        let change = format!(
            "UPDATE record SET attributes = CAST(replace(CAST(attributes AS TEXT), 'bind-on-first-use', 'off\"             #') \
             AS BLOB) WHERE {ROW}"
        );
        behind_our_back(&world, &change);
        world.start();
        let session = world.module.read_write(world.slot);
        assert_eq!(session.login(CKU_USER, USER_PIN), Err(Rv(CKR_DEVICE_ERROR)));
        let key = session.find(&Template::new().class(CKO_PUBLIC_KEY)).unwrap()[0];
        assert_eq!(session.verify_init(&sha256_rsa(), key), Err(Rv(CKR_DEVICE_ERROR)));
        assert_eq!(session.reason(), POLICY_UNUSABLE);
        assert_eq!(session.digest_init(&Mechanism::plain(CKM_SHA256)), Err(Rv(CKR_DEVICE_ERROR)));
        assert_eq!(session.destroy(key), Err(Rv(CKR_DEVICE_ERROR)));
        let (code, said) = keyward(&world, &["doctor"]);
        assert!(code == 1 && said.contains("Nothing is allowed until its SO installs a policy"), "{said}");
        install(&world, "default");
        session.login(CKU_USER, USER_PIN).unwrap();
        session.verify_init(&sha256_rsa(), key).unwrap();
    }
}

alone! {
    fn policy_that_was_taken_out_or_put_back_is_noticed_at_login() {
        let world = World::new();
        install(&world, "legacy");
        world.stop();
        let before = world.store().join("before");
        std::fs::copy(world.database(), &before).unwrap();
        behind_our_back(&world, &format!("DELETE FROM record WHERE {ROW}"));
        world.start();
        let session = world.module.read_write(world.slot);
        assert_eq!(session.login(CKU_USER, USER_PIN), Err(Rv(CKR_DEVICE_ERROR)));
        assert_eq!(session.login(CKU_SO, SO_PIN), Err(Rv(CKR_DEVICE_ERROR)));
        world.stop();
        // An older policy in the place of a newer one.
        std::fs::copy(&before, world.database()).unwrap();
        install(&world, "default");
        let database = Connection::open(world.database()).unwrap();
        database.execute("ATTACH ?1 AS old", [before.to_str().unwrap()]).unwrap();
        let put_back = format!(
            "UPDATE record SET (version, attributes, seal) = \
             (SELECT version, attributes, seal FROM old.record WHERE {ROW}) WHERE {ROW}"
        );
        assert_eq!(database.execute(&put_back, []).unwrap(), 1);
        drop(database);
        world.start();
        let session = world.module.read_write(world.slot);
        assert_eq!(session.login(CKU_USER, USER_PIN), Err(Rv(CKR_DEVICE_ERROR)));
    }
}
