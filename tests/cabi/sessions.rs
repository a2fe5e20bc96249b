//! The session states of the standard as one table: who sees, makes, changes and destroys what, which login is
//! taken when, and what dies with what.

use crate::client::*;
use crate::{alone, call};
use cryptoki_sys::*;
use std::collections::HashSet;
use std::ptr::null_mut;

const NOT_LOGGED_IN: Answer<()> = Err(Rv(CKR_USER_NOT_LOGGED_IN));
const READ_ONLY: Answer<()> = Err(Rv(CKR_SESSION_READ_ONLY));
const NO_OBJECT: Answer<()> = Err(Rv(CKR_OBJECT_HANDLE_INVALID));

/// What a session of one state may do with one kind of object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Access {
    /// It is not there.
    None,
    /// It is seen.
    Read,
    /// It is seen, made, changed and destroyed.
    Write,
}
use Access::*;

/// The states, who logs in for them, and the access to public and private session objects and to public and
/// private token objects.
const STATES: [(CK_STATE, Option<CK_USER_TYPE>, bool, [Access; 4]); 5] = [
    (CKS_RO_PUBLIC_SESSION, Option::None, false, [Write, None, Read, None]),
    (CKS_RO_USER_FUNCTIONS, Some(CKU_USER), false, [Write, Write, Read, Read]),
    (CKS_RW_PUBLIC_SESSION, Option::None, true, [Write, None, Write, None]),
    (CKS_RW_USER_FUNCTIONS, Some(CKU_USER), true, [Write, Write, Write, Write]),
    (CKS_RW_SO_FUNCTIONS, Some(CKU_SO), true, [Write, None, Write, None]),
];

/// The kinds of objects: whether on the token, whether private.
const KINDS: [(bool, bool); 4] = [(false, false), (false, true), (true, false), (true, true)];

fn pin_of(user: CK_USER_TYPE) -> &'static str {
    if user == CKU_SO { SO_PIN } else { USER_PIN }
}

fn open(world: &World, read_write: bool) -> Session<'_> {
    if read_write { world.module.read_write(world.slot) } else { world.module.read_only(world.slot) }
}

fn data(label: &str, (token, private): (bool, bool)) -> Template {
    Template::new().class(CKO_DATA).label(label).flag(CKA_TOKEN, token).flag(CKA_PRIVATE, private)
}

fn label(text: &str) -> Template {
    Template::new().label(text)
}

fn unit<T>(answer: Answer<T>) -> Answer<()> {
    answer.map(drop)
}

alone! {
    fn every_state_reaches_what_the_table_says() {
        let world = World::new();
        let user = world.user();
        let tokens = KINDS.map(|kind| kind.0.then(|| user.create(&data("there", kind)).unwrap()));
        assert_eq!(tokens.iter().flatten().count(), 2);
        user.close().unwrap();
        for (state, who, read_write, accesses) in STATES {
            let session = open(&world, read_write);
            if let Some(who) = who {
                session.login(who, pin_of(who)).unwrap();
            }
            assert_eq!(session.state(), state);
            for (kind, access) in KINDS.into_iter().zip(accesses) {
                let case = format!("state {state}, token and private {kind:?}");
                let made = session.create(&data("made", kind));
                match (access, kind.0 && !read_write) {
                    (Write, _) => {
                        let made = made.unwrap();
                        assert_eq!(session.find(&label("made")), Ok(vec![made]), "{case}");
                        session.set(made, &label("changed")).unwrap();
                        assert_eq!(session.get(made, CKA_LABEL).unwrap(), b"changed", "{case}");
                        let copy = session.copy(made, &label("copy")).unwrap();
                        session.destroy(made).unwrap();
                        session.destroy(copy).unwrap();
                        assert_eq!(unit(session.get(made, CKA_LABEL)), NO_OBJECT, "{case}");
                    }
                    (_, true) => assert_eq!(unit(made), READ_ONLY, "{case}"),
                    (_, false) => assert_eq!(unit(made), NOT_LOGGED_IN, "{case}"),
                }
                if !kind.0 {
                    continue;
                }
                let template = Template::new().label("there").flag(CKA_PRIVATE, kind.1);
                let seen = session.find(&template).unwrap();
                assert_eq!(seen.len(), usize::from(access != None), "{case}");
                let Some(object) = seen.first().copied() else { continue };
                // The token vouches for what was made under a login, and without one it has no key to vouch
                // anew: a public session that may write changes only what a public session made.
                let may = match (access, who) {
                    (Write, Some(_)) => Ok(()),
                    (Write, Option::None) => NOT_LOGGED_IN,
                    _ => READ_ONLY,
                };
                assert_eq!(session.set(object, &Template::new().bytes(CKA_APPLICATION, b"x")), may, "{case}");
                if may.is_err() {
                    assert_eq!(session.destroy(object), may, "{case}");
                }
            }
            session.close().unwrap();
        }
    }
}

alone! {
    fn logins_are_taken_as_each_state_has_it() {
        let world = World::new();
        let already = Err(Rv(CKR_USER_ALREADY_LOGGED_IN));
        let another = Err(Rv(CKR_USER_ANOTHER_ALREADY_LOGGED_IN));
        let reader_there = Err(Rv(CKR_SESSION_READ_ONLY_EXISTS));
        // In each state: CKU_USER, CKU_SO, C_Logout, C_InitPIN, C_SetPIN with the PIN of who it is.
        let rules: [[Answer<()>; 5]; 5] = [
            [Ok(()), reader_there, NOT_LOGGED_IN, NOT_LOGGED_IN, READ_ONLY],
            [already, reader_there, Ok(()), NOT_LOGGED_IN, READ_ONLY],
            [Ok(()), Ok(()), NOT_LOGGED_IN, NOT_LOGGED_IN, Ok(())],
            [already, another, Ok(()), NOT_LOGGED_IN, Ok(())],
            [another, already, Ok(()), Ok(()), Ok(())],
        ];
        for ((state, who, read_write, _), expected) in STATES.into_iter().zip(rules) {
            for (what, expected) in expected.into_iter().enumerate() {
                let session = open(&world, read_write);
                if let Some(who) = who {
                    session.login(who, pin_of(who)).unwrap();
                }
                let own = pin_of(who.unwrap_or(CKU_USER));
                let outcome = match what {
                    0 => session.login(CKU_USER, USER_PIN),
                    1 => session.login(CKU_SO, SO_PIN),
                    2 => session.logout(),
                    3 => session.init_pin(USER_PIN),
                    _ => session.set_pin(own, own),
                };
                assert_eq!(outcome, expected, "state {state}, call {what}");
                session.close().unwrap();
            }
        }
    }
}

alone! {
    fn one_login_moves_every_session_and_the_last_close_ends_it() {
        let world = World::new();
        let sessions = [open(&world, true), open(&world, false), open(&world, true)];
        let states = || sessions.map(|session| session.state());
        let public = [CKS_RW_PUBLIC_SESSION, CKS_RO_PUBLIC_SESSION, CKS_RW_PUBLIC_SESSION];
        let user = [CKS_RW_USER_FUNCTIONS, CKS_RO_USER_FUNCTIONS, CKS_RW_USER_FUNCTIONS];
        assert_eq!(states(), public);
        sessions[1].login(CKU_USER, USER_PIN).unwrap();
        assert_eq!(states(), user);
        sessions[2].logout().unwrap();
        assert_eq!(states(), public);
        sessions[0].login(CKU_USER, USER_PIN).unwrap();
        // A session that closes takes the login along only if it is the last.
        sessions[0].close().unwrap();
        assert_eq!((sessions[1].state(), open(&world, false).state()), (user[1], user[1]));
        call!(world.module, C_CloseAllSessions, world.slot).unwrap();
        for session in sessions {
            assert_eq!(unit(session.info()), Err(Rv(CKR_SESSION_HANDLE_INVALID)));
        }
        let next = open(&world, true);
        assert_eq!(next.state(), CKS_RW_PUBLIC_SESSION);
        next.login(CKU_SO, SO_PIN).unwrap();
        // While the SO is there no session begins that only reads.
        let refused = Some(Rv(CKR_SESSION_READ_WRITE_SO_EXISTS));
        assert_eq!(world.module.open(world.slot, CKF_SERIAL_SESSION).err(), refused);
        next.logout().unwrap();
        open(&world, false);
        assert_eq!(next.login(CKU_SO, SO_PIN), Err(Rv(CKR_SESSION_READ_ONLY_EXISTS)));
    }
}

alone! {
    fn another_sessions_objects_are_used_until_it_closes() {
        let world = World::new();
        let (maker, other) = (world.user(), open(&world, false));
        let key = maker.aes(Template::new().label("shared").uses(&[CKA_ENCRYPT, CKA_DECRYPT])).unwrap();
        assert_eq!(other.find(&label("shared")), Ok(vec![key]));
        let cbc = Mechanism::iv(CKM_AES_CBC_PAD, &[0; 16]);
        assert_eq!(other.encrypt(&cbc, key, b"data"), maker.encrypt(&cbc, key, b"data"));
        // A session object belongs to who made it, whoever changes it.
        other.set(key, &label("renamed")).unwrap();
        assert_eq!(maker.get(key, CKA_LABEL).unwrap(), b"renamed");
        let copy = other.copy(key, &label("own")).unwrap();
        other.encrypt_init(&cbc, key).unwrap();
        maker.close().unwrap();
        assert_eq!(unit(other.get(key, CKA_LABEL)), NO_OBJECT);
        assert_eq!(other.find(&label("renamed")), Ok(vec![]));
        let (mut part, mut out, mut len) = ([1; 32], [0; 64], 64);
        let update = call!(world.module, C_EncryptUpdate, other.handle, part.as_mut_ptr(), 32,
            out.as_mut_ptr(), &raw mut len);
        assert_eq!(update, Err(Rv(CKR_KEY_FUNCTION_NOT_PERMITTED)));
        assert_eq!(other.get(copy, CKA_LABEL).unwrap(), b"own");
    }
}

alone! {
    fn logout_ends_private_objects_and_leaves_public_ones() {
        let world = World::new();
        let session = world.user();
        let objects = KINDS.map(|kind| session.create(&data("x", kind)).unwrap());
        session.logout().unwrap();
        let seen = |object| unit(session.get(object, CKA_LABEL));
        for (kind, object) in KINDS.into_iter().zip(objects) {
            assert_eq!(seen(object), if kind.1 { NO_OBJECT } else { Ok(()) }, "{kind:?}");
        }
        session.login(CKU_USER, USER_PIN).unwrap();
        // "Even if a user is later logged back into the token, those handles remain invalid."
        for (kind, object) in KINDS.into_iter().zip(objects) {
            assert_eq!(seen(object), if kind.1 { NO_OBJECT } else { Ok(()) }, "{kind:?}");
        }
        // The private token object is there under another handle, the private session object is not.
        let found = session.find(&Template::new().label("x").flag(CKA_PRIVATE, true)).unwrap();
        assert!(found.len() == 1 && !objects.contains(&found[0]));
        assert!(session.get_bool(found[0], CKA_TOKEN).unwrap());
    }
}

alone! {
    fn no_handle_is_given_twice() {
        let world = World::new();
        let mut handles = HashSet::new();
        let mut sessions = HashSet::new();
        for round in 0..12 {
            let session = world.user();
            assert!(sessions.insert(session.handle));
            let kind = KINDS[round % 4];
            let object = session.create(&data("x", kind)).unwrap();
            assert!(handles.insert(object), "round {round}");
            match round % 3 {
                0 => session.destroy(object).unwrap(),
                1 => session.logout().unwrap(),
                _ => {}
            }
            session.close().unwrap();
            // Every handle that is dead stays so.
            let session = open(&world, false);
            assert!(sessions.insert(session.handle));
            if round % 3 == 0 || !kind.0 || kind.1 {
                assert_eq!(unit(session.get(object, CKA_LABEL)), NO_OBJECT, "round {round}");
            }
            session.close().unwrap();
        }
        for handle in sessions {
            let gone = Session { module: &world.module, handle };
            assert_eq!(unit(gone.info()), Err(Rv(CKR_SESSION_HANDLE_INVALID)));
        }
    }
}

alone! {
    fn token_info_counts_sessions_and_init_token_waits_for_the_last() {
        let world = World::new();
        let counts = || {
            let info = world.module.token_info(world.slot).unwrap();
            assert_ne!(info.flags & CKF_LOGIN_REQUIRED, 0);
            assert_eq!(info.flags & CKF_PROTECTED_AUTHENTICATION_PATH, 0);
            (info.ulSessionCount, info.ulRwSessionCount)
        };
        assert_eq!(counts(), (0, 0));
        let sessions: Vec<_> = (0..6).map(|number| open(&world, number % 3 == 0)).collect();
        assert_eq!(counts(), (6, 2));
        for (closed, session) in sessions.into_iter().enumerate() {
            let refused = world.module.init_token(world.slot, SO_PIN, "x");
            assert_eq!(refused, Err(Rv(CKR_SESSION_EXISTS)));
            session.close().unwrap();
            assert_eq!(counts().0, 5 - closed as CK_ULONG);
        }
        world.module.init_token(world.slot, SO_PIN, "anew").unwrap();
        assert_eq!(counts(), (0, 0));
        // Another token's sessions are its own.
        let other = *world.module.slots().unwrap().last().unwrap();
        world.module.init_token(other, SO_PIN, "other").unwrap();
        world.module.read_write(other);
        assert_eq!(counts(), (0, 0));
        world.module.init_token(world.slot, SO_PIN, "again").unwrap();
        call!(world.module, C_CloseAllSessions, world.slot).unwrap();
        assert_eq!(world.module.token_info(other).unwrap().ulSessionCount, 1);
    }
}

alone! {
    fn pin_flags_of_the_so_move_with_the_attempts() {
        let world = World::new();
        let session = open(&world, true);
        let (low, last, locked) = (CKF_SO_PIN_COUNT_LOW, CKF_SO_PIN_FINAL_TRY, CKF_SO_PIN_LOCKED);
        let flags = || {
            let flags = world.module.token_info(world.slot).unwrap().flags;
            assert_eq!(flags & (CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_LOCKED), 0);
            flags & (low | last | locked)
        };
        assert_eq!(flags(), 0);
        for failures in 1..=10 {
            assert_eq!(session.login(CKU_SO, "wrong pin"), Err(Rv(CKR_PIN_INCORRECT)));
            let expected = match failures {
                1..9 => low,
                9 => low | last,
                _ => low | locked,
            };
            assert_eq!(flags(), expected, "{failures}");
        }
        let is_locked = Err(Rv(CKR_PIN_LOCKED));
        assert_eq!(session.login(CKU_SO, SO_PIN), is_locked);
        session.login(CKU_USER, USER_PIN).unwrap();
        session.close().unwrap();
        assert_eq!(world.module.init_token(world.slot, SO_PIN, "x"), is_locked);
    }
}

alone! {
    fn open_session_judges_its_flags() {
        let world = World::new();
        let open = |flags| world.module.open(world.slot, flags).err();
        assert_eq!(open(CKF_RW_SESSION), Some(Rv(CKR_SESSION_PARALLEL_NOT_SUPPORTED)));
        let asynchronous = CKF_SERIAL_SESSION | CKF_ASYNC_SESSION;
        assert_eq!(open(asynchronous), Some(Rv(CKR_SESSION_ASYNC_NOT_SUPPORTED)));
        let free = *world.module.slots().unwrap().last().unwrap();
        let refused = world.module.open(free, CKF_SERIAL_SESSION).err();
        assert_eq!(refused, Some(Rv(CKR_TOKEN_NOT_INITIALIZED)));
        assert_eq!(world.module.open(0, CKF_SERIAL_SESSION).err(), Some(Rv(CKR_SLOT_ID_INVALID)));
        let flags = world.module.token_info(world.slot).unwrap().flags;
        assert_eq!(flags & CKF_ASYNC_SESSION_SUPPORTED, 0);
    }
}

alone! {
    fn nothing_is_validated_and_nothing_is_pending() {
        let world = World::new();
        let session = world.user();
        session.digest(&Mechanism::plain(CKM_SHA256), b"x").unwrap();
        let flags = |kind| {
            let mut flags = 77;
            call!(world.module, C_GetSessionValidationFlags, session.handle, kind, &raw mut flags)?;
            Ok(flags)
        };
        let bad = Rv(CKR_ARGUMENTS_BAD);
        assert_eq!(flags(CKS_LAST_VALIDATION_OK), Ok(0));
        for unknown in [0, 2, CK_ULONG::MAX] {
            assert_eq!(flags(unknown), Err(bad));
        }
        let ask = CKS_LAST_VALIDATION_OK;
        let (nowhere, wrong) = (null_mut(), Err(Rv(CKR_SESSION_HANDLE_INVALID)));
        assert_eq!(call!(world.module, C_GetSessionValidationFlags, session.handle, ask, nowhere), Err(bad));
        assert_eq!(call!(world.module, C_GetSessionValidationFlags, 0, ask, nowhere), wrong);

        let (mut name, mut id, mut room) = (*b"C_Sign\0", 77, [0_u8; 64]);
        let name = name.as_mut_ptr();
        let mut result = CK_ASYNC_DATA::default();
        for (handle, name, complete, get_id, join) in [
            (0, name, wrong, wrong, wrong),
            (0, null_mut(), wrong, wrong, wrong),
            (session.handle, null_mut(), Err(bad), Err(bad), Err(bad)),
            (session.handle, name, Err(Rv(CKR_OPERATION_NOT_INITIALIZED)),
                Err(Rv(CKR_OPERATION_NOT_INITIALIZED)), Err(Rv(CKR_SAVED_STATE_INVALID))),
        ] {
            assert_eq!(call!(world.module, C_AsyncComplete, handle, name, &raw mut result), complete);
            assert_eq!(call!(world.module, C_AsyncGetID, handle, name, &raw mut id), get_id);
            assert_eq!(call!(world.module, C_AsyncJoin, handle, name, 77, room.as_mut_ptr(), 64), join);
        }
        assert_eq!(id, 77);
    }
}

alone! {
    fn session_cancel_ends_what_it_names_and_nothing_else() {
        let world = World::new();
        let session = world.user();
        let both = Template::new().ulong(CKA_VALUE_LEN, 32).uses(&[CKA_SIGN, CKA_VERIFY]);
        let secret = session.generate(&Mechanism::plain(CKM_GENERIC_SECRET_KEY_GEN), &both).unwrap();
        let key = session.aes(Template::new().uses(&[CKA_ENCRYPT, CKA_DECRYPT])).unwrap();
        let hmac = Mechanism::plain(CKM_SHA256_HMAC);
        let cbc = Mechanism::iv(CKM_AES_CBC_PAD, &[0; 16]);
        let kinds = [CKF_DIGEST, CKF_SIGN, CKF_VERIFY, CKF_ENCRYPT, CKF_DECRYPT, CKF_FIND_OBJECTS];
        let begin = |flag| match flag {
            CKF_DIGEST => session.digest_init(&Mechanism::plain(CKM_SHA256)),
            CKF_SIGN => session.sign_init(&hmac, secret),
            CKF_VERIFY => session.verify_init(&hmac, secret),
            CKF_ENCRYPT => session.encrypt_init(&cbc, key),
            CKF_DECRYPT => session.decrypt_init(&cbc, key),
            _ => Template::new().with(|list, count| {
                call!(world.module, C_FindObjectsInit, session.handle, list, count)
            }),
        };
        let cancel = |flags| call!(world.module, C_SessionCancel, session.handle, flags);
        let active = Err(Rv(CKR_OPERATION_ACTIVE));
        kinds.into_iter().for_each(|flag| begin(flag).unwrap());
        // No flags, and the flags of what is over when its function returns, end nothing.
        let instant = CKF_GENERATE | CKF_GENERATE_KEY_PAIR | CKF_WRAP | CKF_UNWRAP | CKF_DERIVE;
        for flags in [0, instant, CKF_SIGN_RECOVER | CKF_VERIFY_RECOVER, CKF_HW] {
            cancel(flags).unwrap();
        }
        for flag in kinds {
            assert_eq!(begin(flag), active, "{flag:#x}");
            cancel(flag).unwrap();
            let others = kinds.into_iter().filter(|other| *other != flag);
            others.for_each(|other| assert_eq!(begin(other), active, "{flag:#x} {other:#x}"));
            begin(flag).unwrap();
        }
        cancel(CK_FLAGS::MAX).unwrap();
        for flag in kinds {
            begin(flag).unwrap();
        }
        assert_eq!(call!(world.module, C_SessionCancel, 0, CKF_SIGN), Err(Rv(CKR_SESSION_HANDLE_INVALID)));
        // An Init without a mechanism does the same.
        let none = null_mut();
        call!(world.module, C_DigestInit, session.handle, none).unwrap();
        call!(world.module, C_SignInit, session.handle, none, 0).unwrap();
        call!(world.module, C_VerifyInit, session.handle, none, 0).unwrap();
        call!(world.module, C_EncryptInit, session.handle, none, 0).unwrap();
        call!(world.module, C_DecryptInit, session.handle, none, 0).unwrap();
        for flag in kinds.into_iter().filter(|flag| *flag != CKF_FIND_OBJECTS) {
            begin(flag).unwrap();
        }
    }
}
