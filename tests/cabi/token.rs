//! The life of a token: slots, C_InitToken, PINs, logins.

use super::client::*;
use crate::{alone, call};
use cryptoki_sys::*;

alone! {
    fn zero_configuration_gives_one_free_slot() {
        let home = tempfile::tempdir().unwrap();
        // SAFETY: this process has one thread that matters, and the module is not loaded yet.
        unsafe {
            std::env::set_var("HOME", home.path());
            std::env::remove_var("XDG_DATA_HOME");
            std::env::remove_var("XDG_CONFIG_HOME");
        }
        let module = Module::load();
        call!(module, C_Initialize, std::ptr::null_mut()).unwrap();
        let slots = module.slots().unwrap();
        assert_eq!(slots.len(), 1);
        let flags = module.token_info(slots[0]).unwrap().flags;
        assert_eq!(flags & CKF_TOKEN_INITIALIZED, 0);
        assert_eq!(module.open(slots[0], CKF_SERIAL_SESSION).err(), Some(Rv(CKR_TOKEN_NOT_INITIALIZED)));
        assert!(home.path().join(".local/share/keyward/keyward.db").is_file());
        module.finalize().unwrap();
    }
}

alone! {
    fn slot_ids_stay_over_init_token_and_restart() {
        let world = World::bare();
        let free = world.slot;
        world.module.init_token(free, SO_PIN, "first").unwrap();
        let slots = world.module.slots().unwrap();
        assert_eq!((slots.len(), slots[0]), (2, free));
        let info = world.module.token_info(free).unwrap();
        assert_ne!(info.flags & CKF_TOKEN_INITIALIZED, 0);
        assert_eq!(info.flags & CKF_USER_PIN_INITIALIZED, 0);
        assert_eq!(&info.label, b"first                           ");
        world.module.init_token(slots[1], SO_PIN, "second").unwrap();
        let after = world.module.slots().unwrap();
        assert_eq!((after.len(), &after[..2]), (3, &slots[..]));
        world.module.init_token(free, SO_PIN, "first again").unwrap();
        assert_eq!(world.module.slots().unwrap(), after);
        world.stop();
        world.start();
        assert_eq!(world.module.slots().unwrap(), after);
        assert_eq!(world.module.token_info(free).unwrap().serialNumber, info.serialNumber);
        assert_eq!(world.module.token_info(1).err(), Some(Rv(CKR_SLOT_ID_INVALID)));
    }
}

alone! {
    fn init_token_again_destroys_objects_and_wants_the_so_pin() {
        let world = World::new();
        let session = world.user();
        session.aes(Template::token().label("gone")).unwrap();
        session.create(&Template::token().class(CKO_DATA).label("gone")).unwrap();
        assert_eq!(world.module.init_token(world.slot, SO_PIN, "again").err(), Some(Rv(CKR_SESSION_EXISTS)));
        session.close().unwrap();
        assert_eq!(world.module.init_token(world.slot, "another pin", "x").err(), Some(Rv(CKR_PIN_INCORRECT)));
        world.module.init_token(world.slot, SO_PIN, "again").unwrap();
        let info = world.module.token_info(world.slot).unwrap();
        assert_eq!(info.flags & CKF_USER_PIN_INITIALIZED, 0);
        let session = world.module.read_write(world.slot);
        assert_eq!(session.login(CKU_USER, USER_PIN).err(), Some(Rv(CKR_USER_PIN_NOT_INITIALIZED)));
        session.login(CKU_SO, SO_PIN).unwrap();
        session.init_pin(USER_PIN).unwrap();
        session.logout().unwrap();
        session.login(CKU_USER, USER_PIN).unwrap();
        assert_eq!(session.find(&Template::new()).unwrap(), []);
    }
}

alone! {
    fn session_states_follow_the_login() {
        let world = World::new();
        let (writing, reading) = (world.module.read_write(world.slot), world.module.read_only(world.slot));
        assert_eq!((writing.state(), reading.state()), (CKS_RW_PUBLIC_SESSION, CKS_RO_PUBLIC_SESSION));
        assert_eq!(writing.login(CKU_SO, SO_PIN).err(), Some(Rv(CKR_SESSION_READ_ONLY_EXISTS)));
        reading.login(CKU_USER, USER_PIN).unwrap();
        assert_eq!((writing.state(), reading.state()), (CKS_RW_USER_FUNCTIONS, CKS_RO_USER_FUNCTIONS));
        assert_eq!(writing.login(CKU_USER, USER_PIN).err(), Some(Rv(CKR_USER_ALREADY_LOGGED_IN)));
        assert_eq!(writing.login(CKU_SO, SO_PIN).err(), Some(Rv(CKR_SESSION_READ_ONLY_EXISTS)));
        reading.close().unwrap();
        assert_eq!(writing.login(CKU_SO, SO_PIN).err(), Some(Rv(CKR_USER_ANOTHER_ALREADY_LOGGED_IN)));
        writing.logout().unwrap();
        assert_eq!(writing.logout().err(), Some(Rv(CKR_USER_NOT_LOGGED_IN)));
        writing.login(CKU_SO, SO_PIN).unwrap();
        assert_eq!(writing.state(), CKS_RW_SO_FUNCTIONS);
        let refused = world.module.open(world.slot, CKF_SERIAL_SESSION).err();
        assert_eq!(refused, Some(Rv(CKR_SESSION_READ_WRITE_SO_EXISTS)));
        assert_eq!(world.module.open(world.slot, 0).err(), Some(Rv(CKR_SESSION_PARALLEL_NOT_SUPPORTED)));
        assert_eq!(writing.login(CKU_CONTEXT_SPECIFIC, SO_PIN).err(), Some(Rv(CKR_OPERATION_NOT_INITIALIZED)));
        assert_eq!(writing.login(77, SO_PIN).err(), Some(Rv(CKR_USER_TYPE_INVALID)));
        // With the last session goes the login.
        writing.close().unwrap();
        assert_eq!(world.module.read_write(world.slot).state(), CKS_RW_PUBLIC_SESSION);
    }
}

alone! {
    fn session_info_and_counts_are_those_of_the_sessions() {
        let world = World::new();
        let one = world.module.read_only(world.slot);
        let other = world.module.read_write(world.slot);
        let info = one.info().unwrap();
        assert_eq!((info.slotID, info.flags, info.ulDeviceError), (world.slot, CKF_SERIAL_SESSION, 0));
        assert_eq!(other.info().unwrap().flags, CKF_SERIAL_SESSION | CKF_RW_SESSION);
        let token = world.module.token_info(world.slot).unwrap();
        assert_eq!((token.ulSessionCount, token.ulRwSessionCount), (2, 1));
        call!(world.module, C_CloseAllSessions, world.slot).unwrap();
        assert_eq!(one.info().err(), Some(Rv(CKR_SESSION_HANDLE_INVALID)));
        assert_eq!(other.close().err(), Some(Rv(CKR_SESSION_HANDLE_INVALID)));
        assert_eq!(world.module.token_info(world.slot).unwrap().ulSessionCount, 0);
    }
}

alone! {
    fn set_pin_changes_the_pin_of_who_asks() {
        let world = World::new();
        let session = world.module.read_write(world.slot);
        // Nobody logged in: the user's PIN.
        session.set_pin(USER_PIN, "second pin").unwrap();
        assert_eq!(session.login(CKU_USER, USER_PIN).err(), Some(Rv(CKR_PIN_INCORRECT)));
        session.login(CKU_USER, "second pin").unwrap();
        let key = session.aes(Template::token().label("kept")).unwrap();
        session.set_pin("second pin", "third pin").unwrap();
        assert_eq!(session.set_pin("second pin", "fourth pin").err(), Some(Rv(CKR_PIN_INCORRECT)));
        assert_eq!(session.set_pin("third pin", "abc").err(), Some(Rv(CKR_PIN_LEN_RANGE)));
        assert_eq!(session.set_pin("third pin", &"x".repeat(256)).err(), Some(Rv(CKR_PIN_LEN_RANGE)));
        session.encrypt(&Mechanism::gcm(&[1; 12], b"", 128), key, b"data").unwrap();
        session.logout().unwrap();
        session.login(CKU_SO, SO_PIN).unwrap();
        session.set_pin(SO_PIN, "another so pin").unwrap();
        session.logout().unwrap();
        session.login(CKU_SO, "another so pin").unwrap();
        session.logout().unwrap();
        session.login(CKU_USER, "third pin").unwrap();
        assert_eq!(session.find(&Template::new().label("kept")).unwrap().len(), 1);
        let reading = world.module.read_only(world.slot);
        assert_eq!(reading.set_pin("third pin", "fourth pin").err(), Some(Rv(CKR_SESSION_READ_ONLY)));
    }
}

alone! {
    fn init_pin_needs_the_so() {
        let world = World::new();
        let session = world.module.read_write(world.slot);
        assert_eq!(session.init_pin("new pin").err(), Some(Rv(CKR_USER_NOT_LOGGED_IN)));
        session.login(CKU_USER, USER_PIN).unwrap();
        assert_eq!(session.init_pin("new pin").err(), Some(Rv(CKR_USER_NOT_LOGGED_IN)));
        session.logout().unwrap();
        session.login(CKU_SO, SO_PIN).unwrap();
        assert_eq!(session.init_pin("abc").err(), Some(Rv(CKR_PIN_LEN_RANGE)));
        session.init_pin("new pin").unwrap();
    }
}

alone! {
    fn wrong_pins_count_down_to_a_lock_that_outlives_the_process() {
        let world = World::new();
        let session = world.module.read_write(world.slot);
        let flags = || world.module.token_info(world.slot).unwrap().flags;
        let (low, last, locked) = (CKF_USER_PIN_COUNT_LOW, CKF_USER_PIN_FINAL_TRY, CKF_USER_PIN_LOCKED);
        assert_eq!(flags() & (low | last | locked), 0);
        // The shipped policy locks after ten.
        for failures in 1..=10 {
            assert_eq!(session.login(CKU_USER, "wrong pin").err(), Some(Rv(CKR_PIN_INCORRECT)), "{failures}");
            let expected = match failures {
                1..9 => low,
                9 => low | last,
                _ => low | locked,
            };
            assert_eq!(flags() & (low | last | locked), expected, "{failures}");
        }
        assert_eq!(session.login(CKU_USER, USER_PIN).err(), Some(Rv(CKR_PIN_LOCKED)));
        assert_eq!(session.set_pin(USER_PIN, "new pin").err(), Some(Rv(CKR_PIN_LOCKED)));
        world.stop();
        world.start();
        let session = world.module.read_write(world.slot);
        assert_eq!(session.login(CKU_USER, USER_PIN).err(), Some(Rv(CKR_PIN_LOCKED)));
        assert!(world.log().contains("wrong PIN for user"));
        assert!(!world.log().contains("wrong pin") && !world.log().contains(USER_PIN));
        // The SO gives a new PIN, which opens the lock.
        session.login(CKU_SO, SO_PIN).unwrap();
        session.init_pin("new user pin").unwrap();
        session.logout().unwrap();
        session.login(CKU_USER, "new user pin").unwrap();
        assert_eq!(flags() & (low | last | locked), 0);
    }
}

alone! {
    fn a_good_login_forgets_the_wrong_ones() {
        let world = World::new();
        let session = world.module.read_write(world.slot);
        assert!(session.login(CKU_USER, "wrong pin").is_err());
        session.login(CKU_USER, USER_PIN).unwrap();
        let flags = world.module.token_info(world.slot).unwrap().flags;
        assert_eq!(flags & CKF_USER_PIN_COUNT_LOW, 0);
    }
}

alone! {
    fn always_authenticate_wants_a_login_for_each_use() {
        let world = World::new();
        let session = world.user();
        let private = Template::token().flag(CKA_SIGN, true).flag(CKA_ALWAYS_AUTHENTICATE, true);
        let (_, key) = session.p256(Template::token().flag(CKA_VERIFY, true), private).unwrap();
        let mechanism = Mechanism::plain(CKM_ECDSA);
        assert_eq!(session.sign(&mechanism, key, &[7; 32]).err(), Some(Rv(CKR_USER_NOT_LOGGED_IN)));
        session.sign_init(&mechanism, key).or_else(|_| {
            // The refused use may have ended the operation, or not: either way one can begin now.
            call!(world.module, C_SignInit, session.handle, std::ptr::null_mut(), 0)?;
            session.sign_init(&mechanism, key)
        }).unwrap();
        assert_eq!(session.login(CKU_CONTEXT_SPECIFIC, "wrong pin").err(), Some(Rv(CKR_PIN_INCORRECT)));
        session.login(CKU_CONTEXT_SPECIFIC, USER_PIN).unwrap();
        let mut data = [7_u8; 32];
        let signature = two_calls(|out, len| {
            call!(world.module, C_Sign, session.handle, data.as_mut_ptr(), 32, out, len)
        });
        assert_eq!(signature.unwrap().len(), 64);
        // Once is once.
        assert!(session.sign(&mechanism, key, &[7; 32]).is_err());
    }
}
