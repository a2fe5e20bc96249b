//! Named users: made by the command, in another process; logged in by C_LoginUser.

use crate::client::*;
use crate::{alone, call};
use cryptoki_sys::*;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::Duration;

pub const ALICE: &str = "alice's own pin";
const ROOT: &str = "the second officer";
const INCORRECT: Answer<()> = Err(Rv(CKR_PIN_INCORRECT));

/// `keyward user`, with a PIN of the SO and one of the user it is about.
fn command(world: &World, words: &[&str], pin: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path
    };
    let (officer, user) = (file("so", SO_PIN), file("user", pin));
    let mut command = Command::new(env!("CARGO_BIN_EXE_keyward"));
    command.args(["--store".as_ref(), world.store().as_os_str(), "user".as_ref()]).args(words);
    if words[0] != "list" {
        command.args(["--so-pin-file".as_ref(), officer.as_os_str()]);
    }
    if ["add", "set-pin"].contains(&words[0]) {
        command.args(["--pin-file".as_ref(), user.as_os_str()]);
    }
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A token with alice, a user, and root, an SO.
pub fn peopled() -> World {
    let world = World::new();
    command(&world, &["add", "alice"], ALICE);
    command(&world, &["add", "root", "--so"], ROOT);
    world
}

pub fn login(session: &Session<'_>, kind: CK_USER_TYPE, name: &[u8], pin: &str) -> Answer<()> {
    let ((mut name, name_len), (mut pin, pin_len)) = (bytes(name), bytes(pin.as_bytes()));
    let places = (pin.as_mut_ptr(), name.as_mut_ptr());
    call!(session.module, C_LoginUser, session.handle, kind, places.0, pin_len, places.1, name_len)
}

alone! {
    fn a_named_user_opens_the_same_token() {
        let world = peopled();
        let session = world.user();
        let key = session.aes(Template::token().label("ours").uses(&[CKA_ENCRYPT])).unwrap();
        let sealed = session.encrypt(&Mechanism::iv(CKM_AES_CBC_PAD, &[0; 16]), key, b"data").unwrap();
        session.logout().unwrap();
        login(&session, CKU_USER, b"alice", ALICE).unwrap();
        assert_eq!(session.state(), CKS_RW_USER_FUNCTIONS);
        let key = session.find(&Template::new().label("ours")).unwrap()[0];
        assert_eq!(session.encrypt(&Mechanism::iv(CKM_AES_CBC_PAD, &[0; 16]), key, b"data"), Ok(sealed));
        // The history of a key says who it was.
        session.set_state(key, SUSPENDED).unwrap();
        let history = String::from_utf8_lossy(&session.get(key, CKA_KEYWARD_HISTORY).unwrap()).into_owned();
        assert!(history.contains("by user alice (uid "), "{history}");
        session.logout().unwrap();

        login(&session, CKU_SO, b"root", ROOT).unwrap();
        assert_eq!(session.state(), CKS_RW_SO_FUNCTIONS);
        session.init_pin("the user's new pin").unwrap();
        session.logout().unwrap();
        session.login(CKU_USER, "the user's new pin").unwrap();
    }
}

alone! {
    fn wrong_names_pins_and_kinds_are_answered_alike() {
        let world = peopled();
        let session = world.module.read_write(world.slot);
        for (kind, name, pin) in [
            (CKU_USER, "alice", "a wrong pin"),
            (CKU_USER, "alice", USER_PIN),
            (CKU_USER, "bob", ALICE),
            (CKU_USER, "ALICE", ALICE),
            (CKU_USER, "user", USER_PIN),
            (CKU_SO, "so", SO_PIN),
            (CKU_SO, "alice", ALICE),
            (CKU_USER, "root", ROOT),
            (CKU_USER, "user:alice", ALICE),
        ] {
            assert_eq!(login(&session, kind, name.as_bytes(), pin), INCORRECT, "{name}");
            assert_eq!(session.state(), CKS_RW_PUBLIC_SESSION);
        }
        let bad = Err(Rv(CKR_ARGUMENTS_BAD));
        for name in [&b"\xFF"[..], b"a\0", &[b'x'; 65]] {
            assert_eq!(login(&session, CKU_USER, name, ALICE), bad);
        }
        let null = std::ptr::null_mut();
        let (mut name, len) = bytes(b"alice");
        assert_eq!(call!(world.module, C_LoginUser, session.handle, CKU_USER, null, 0, name.as_mut_ptr(), len), bad);
        assert_eq!(login(&session, 9, b"alice", ALICE), Err(Rv(CKR_USER_TYPE_INVALID)));
        // Without a name it is C_Login.
        login(&session, CKU_USER, b"", USER_PIN).unwrap();
        session.logout().unwrap();
        // And C_Login knows no names.
        assert_eq!(session.login(CKU_USER, ALICE), INCORRECT);
    }
}

/// What this process has used of the processors: other processes do not disturb it.
fn processor_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes the structure.
    assert_eq!(unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) }, 0);
    Duration::new(u64::try_from(time.tv_sec).unwrap(), u32::try_from(time.tv_nsec).unwrap())
}

alone! {
    fn a_wrong_name_takes_as_long_as_a_wrong_pin() {
        let world = peopled();
        let session = world.module.read_write(world.slot);
        let work = |name: &[u8]| {
            let before = processor_time();
            assert_eq!(login(&session, CKU_USER, name, "a wrong pin"), INCORRECT);
            processor_time() - before
        };
        let least = |name: &[u8]| (0..3).map(|_| work(name)).min().unwrap();
        let (there, nobody) = (least(b"alice"), least(b"bob"));
        // The hash is most of it, so a name that is answered without one would be many times as fast.
        assert!(nobody > Duration::from_millis(5), "{nobody:?}");
        assert!(nobody * 2 > there && there * 2 > nobody, "{there:?} {nobody:?}");
    }
}

alone! {
    fn one_at_a_time_and_known_by_name() {
        let world = peopled();
        let session = world.module.read_write(world.slot);
        let another = Err(Rv(CKR_USER_ANOTHER_ALREADY_LOGGED_IN));
        let already = Err(Rv(CKR_USER_ALREADY_LOGGED_IN));
        login(&session, CKU_USER, b"alice", ALICE).unwrap();
        assert_eq!(login(&session, CKU_USER, b"alice", ALICE), already);
        assert_eq!(login(&session, CKU_USER, b"bob", ALICE), another);
        assert_eq!(login(&session, CKU_SO, b"root", ROOT), another);
        assert_eq!(session.login(CKU_USER, USER_PIN), another);
        assert_eq!(session.login(CKU_SO, SO_PIN), another);
        session.logout().unwrap();
        session.login(CKU_USER, USER_PIN).unwrap();
        assert_eq!(login(&session, CKU_USER, b"alice", ALICE), another);
        session.logout().unwrap();
        // An SO by name is an SO: not beside a read-only session.
        let reader = world.module.read_only(world.slot);
        assert_eq!(login(&session, CKU_SO, b"root", ROOT), Err(Rv(CKR_SESSION_READ_ONLY_EXISTS)));
        reader.close().unwrap();
        login(&session, CKU_SO, b"root", ROOT).unwrap();
        let refused = world.module.open(world.slot, CKF_SERIAL_SESSION).err();
        assert_eq!(refused, Some(Rv(CKR_SESSION_READ_WRITE_SO_EXISTS)));
    }
}

alone! {
    fn set_pin_changes_ones_own_and_failures_are_counted_apart() {
        let world = peopled();
        let session = world.module.read_write(world.slot);
        login(&session, CKU_USER, b"alice", ALICE).unwrap();
        assert_eq!(session.set_pin(USER_PIN, "never taken"), INCORRECT);
        session.set_pin(ALICE, "alice's next pin").unwrap();
        session.logout().unwrap();
        assert_eq!(login(&session, CKU_USER, b"alice", ALICE), INCORRECT);
        login(&session, CKU_USER, b"alice", "alice's next pin").unwrap();
        session.logout().unwrap();
        // Ten in a row lock alice, and nobody else.
        for _ in 0..10 {
            assert_eq!(login(&session, CKU_USER, b"alice", ALICE), INCORRECT);
        }
        let locked = Err(Rv(CKR_PIN_LOCKED));
        assert_eq!(login(&session, CKU_USER, b"alice", "alice's next pin"), locked);
        let flags = world.module.token_info(world.slot).unwrap().flags;
        assert_eq!(flags & (CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_LOCKED), 0);
        assert!(command(&world, &["list"], "").contains("locked"));
        session.login(CKU_USER, USER_PIN).unwrap();
        session.logout().unwrap();
        login(&session, CKU_SO, b"root", ROOT).unwrap();
        session.logout().unwrap();
        command(&world, &["set-pin", "alice"], "alice is back");
        login(&session, CKU_USER, b"alice", "alice is back").unwrap();
    }
}

alone! {
    fn a_user_who_is_removed_is_out_at_once() {
        let world = peopled();
        let session = world.module.read_write(world.slot);
        login(&session, CKU_USER, b"alice", ALICE).unwrap();
        let template = Template::new().flag(CKA_PRIVATE, true).uses(&[CKA_ENCRYPT]);
        let key = session.aes(template).unwrap();
        session.encrypt_init(&Mechanism::iv(CKM_AES_CBC_PAD, &[0; 16]), key).unwrap();
        command(&world, &["remove", "alice", "--yes"], "");
        let (mut part, mut out, mut len) = ([1; 32], [0; 64], 64);
        let update = call!(world.module, C_EncryptUpdate, session.handle, part.as_mut_ptr(), 32,
            out.as_mut_ptr(), &raw mut len);
        assert_eq!(update, Err(Rv(CKR_KEY_FUNCTION_NOT_PERMITTED)));
        assert_eq!(session.state(), CKS_RW_PUBLIC_SESSION);
        assert_eq!(session.logout(), Err(Rv(CKR_USER_NOT_LOGGED_IN)));
        assert_eq!(login(&session, CKU_USER, b"alice", ALICE), INCORRECT);
        // The others stay.
        session.login(CKU_USER, USER_PIN).unwrap();
        command(&world, &["remove", "root", "--yes"], "");
        assert_eq!(session.state(), CKS_RW_USER_FUNCTIONS);
        session.close().unwrap();
        // A token that is made anew knows nobody.
        command(&world, &["add", "carol"], ALICE);
        world.module.init_token(world.slot, SO_PIN, "anew").unwrap();
        assert!(command(&world, &["list"], "").starts_with("no named users"));
    }
}

alone! {
    fn context_specific_logins_are_those_of_who_is_there() {
        let world = peopled();
        let session = world.module.read_write(world.slot);
        login(&session, CKU_USER, b"alice", ALICE).unwrap();
        let private = Template::new().flag(CKA_ALWAYS_AUTHENTICATE, true).flag(CKA_PRIVATE, true);
        let (_, key) = session.p256(Template::new().uses(&[CKA_VERIFY]), private.uses(&[CKA_SIGN])).unwrap();
        let again = |name: &[u8], pin: &str| login(&session, CKU_CONTEXT_SPECIFIC, name, pin);
        let idle = Err(Rv(CKR_OPERATION_NOT_INITIALIZED));
        assert_eq!(again(b"alice", ALICE), idle);
        assert_eq!(again(b"", ALICE), idle);
        for (name, pin, answer) in [
            (&b"bob"[..], ALICE, Err(Rv(CKR_USER_ANOTHER_ALREADY_LOGGED_IN))),
            (b"alice", USER_PIN, INCORRECT),
            (b"", USER_PIN, INCORRECT),
            (b"alice", ALICE, Ok(())),
            (b"", ALICE, Ok(())),
        ] {
            session.sign_init(&Mechanism::plain(CKM_ECDSA_SHA256), key).unwrap();
            assert_eq!(again(name, pin), answer);
            session.sign_update(b"data").map_or_else(
                |error| assert_eq!((error, answer.is_err()), (Rv(CKR_USER_NOT_LOGGED_IN), true)),
                |()| assert_eq!(answer, Ok(())),
            );
            call!(world.module, C_SessionCancel, session.handle, CKF_SIGN).unwrap();
        }
        // For the token's own user no name fits.
        session.logout().unwrap();
        session.login(CKU_USER, USER_PIN).unwrap();
        assert_eq!(again(b"user", USER_PIN), Err(Rv(CKR_USER_ANOTHER_ALREADY_LOGGED_IN)));
    }
}
