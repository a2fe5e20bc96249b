//! C_GetOperationState and C_SetOperationState.

use crate::client::*;
use crate::processes::{Worker, hex};
use crate::{alone, call};
use cryptoki_sys::*;

const MESSAGE: &[u8] = &[0x5A; 333];
const DIGESTS: &[CK_MECHANISM_TYPE] =
    &[CKM_SHA_1, CKM_SHA224, CKM_SHA256, CKM_SHA384, CKM_SHA512, CKM_SHA512_224, CKM_SHA512_256];
const INVALID: Answer<()> = Err(Rv(CKR_SAVED_STATE_INVALID));
const IDLE: Rv = Rv(CKR_OPERATION_NOT_INITIALIZED);

fn update(session: &Session<'_>, part: &[u8]) -> Answer<()> {
    let (mut part, len) = bytes(part);
    call!(session.module, C_DigestUpdate, session.handle, part.as_mut_ptr(), len)
}

fn last(session: &Session<'_>) -> Answer<Vec<u8>> {
    two_calls(|out, len| call!(session.module, C_DigestFinal, session.handle, out, len))
}

fn save(session: &Session<'_>) -> Answer<Vec<u8>> {
    two_calls(|out, len| call!(session.module, C_GetOperationState, session.handle, out, len))
}

fn restore(session: &Session<'_>, state: &[u8]) -> Answer<()> {
    let (mut state, len) = bytes(state);
    call!(session.module, C_SetOperationState, session.handle, state.as_mut_ptr(), len, 0, 0)
}

fn sha256() -> Mechanism {
    Mechanism::plain(CKM_SHA256)
}

/// The state of a digest that took `part`.
fn saved(session: &Session<'_>, part: &[u8]) -> Vec<u8> {
    session.digest_init(&sha256()).unwrap();
    update(session, part).unwrap();
    let state = save(session).unwrap();
    last(session).unwrap();
    state
}

alone! {
    fn every_digest_goes_on_where_it_was_saved() {
        let world = World::new();
        let (one, other) = (world.module.read_write(world.slot), world.module.read_write(world.slot));
        let announced = world.module.mechanisms(world.slot).unwrap();
        for ckm in announced.iter().copied() {
            let digests = world.module.mechanism_info(world.slot, ckm).unwrap().flags & CKF_DIGEST != 0;
            // CKM_SHA512_T wants a parameter; what is saved of it is told beside its algorithm.
            if !digests || DIGESTS.contains(&ckm) || ckm == CKM_SHA512_T {
                assert!(digests || !DIGESTS.contains(&ckm), "{ckm:#x}");
                continue;
            }
            // SHA-3 and BLAKE2b: no library gives their state out.
            one.digest_init(&Mechanism::plain(ckm)).unwrap();
            assert_eq!(save(&one), Err(Rv(CKR_STATE_UNSAVEABLE)), "{ckm:#x}");
            last(&one).unwrap();
        }
        for ckm in DIGESTS {
            let mechanism = Mechanism::plain(*ckm);
            let whole = one.digest(&mechanism, MESSAGE).unwrap();
            for cut in [0, 1, 64, 100, 128, 333] {
                one.digest_init(&mechanism).unwrap();
                update(&one, &MESSAGE[..cut]).unwrap();
                let state = save(&one).unwrap();
                // The digest that was saved goes on by itself.
                update(&one, &MESSAGE[cut..]).unwrap();
                assert_eq!(last(&one).unwrap(), whole);
                for session in [&other, &one, &one] {
                    restore(session, &state).unwrap();
                    update(session, &MESSAGE[cut..]).unwrap();
                    assert_eq!(last(session).unwrap(), whole, "{ckm:#x} {cut}");
                }
            }
        }
        let flags = world.module.token_info(world.slot).unwrap().flags;
        assert_ne!(flags & CKF_RESTORE_KEY_NOT_NEEDED, 0);
    }
}

alone! {
    fn a_state_before_any_input_keeps_the_choice_of_one_call() {
        let world = World::new();
        let session = world.module.read_write(world.slot);
        session.digest_init(&sha256()).unwrap();
        let state = save(&session).unwrap();
        restore(&session, &state).unwrap();
        let (mut data, data_len) = bytes(MESSAGE);
        let digest = two_calls(|out, len| {
            call!(world.module, C_Digest, session.handle, data.as_mut_ptr(), data_len, out, len)
        });
        assert_eq!(digest, session.digest(&sha256(), MESSAGE));
        // With input in parts it does not.
        let state = saved(&session, b"part");
        restore(&session, &state).unwrap();
        let mut len = 32;
        let mut out = [0; 32];
        let whole = call!(world.module, C_Digest, session.handle, data.as_mut_ptr(), data_len,
            out.as_mut_ptr(), &raw mut len);
        assert_eq!(whole, Err(Rv(CKR_OPERATION_ACTIVE)));
    }
}

alone! {
    fn another_process_and_another_life_of_this_one_take_it_back() {
        let world = World::new();
        let session = world.user();
        let state = saved(&session, MESSAGE);
        let digest = session.digest(&sha256(), MESSAGE).unwrap();
        let mut worker = Worker::start(&world);
        assert_eq!(worker.ask(&format!("resume {}", hex(&state))), hex(&digest));
        world.stop();
        world.start();
        let session = world.user();
        restore(&session, &state).unwrap();
        assert_eq!(last(&session).unwrap(), digest);
    }
}

alone! {
    fn changed_short_long_and_foreign_states_are_refused_and_leave_everything_alone() {
        let world = World::new();
        let session = world.module.read_write(world.slot);
        let state = saved(&session, b"abc");
        session.digest_init(&sha256()).unwrap();
        for at in 0..state.len() {
            for bit in 0..8 {
                let mut changed = state.clone();
                changed[at] ^= 1 << bit;
                assert_eq!(restore(&session, &changed), INVALID, "bit {bit} of byte {at}");
            }
            assert_eq!(restore(&session, &state[..at]), INVALID, "length {at}");
        }
        for extra in [1, 100, 100_000] {
            assert_eq!(restore(&session, &[&state[..], &vec![0; extra]].concat()), INVALID);
        }
        let null = std::ptr::null_mut();
        let bad = Err(Rv(CKR_ARGUMENTS_BAD));
        assert_eq!(call!(world.module, C_SetOperationState, session.handle, null, 9, 0, 0), bad);
        assert_eq!(call!(world.module, C_SetOperationState, session.handle, null, 0, 0, 0), INVALID);
        // The digest that ran meanwhile never noticed.
        assert_eq!(last(&session), session.digest(&sha256(), b""));

        // Another state of the session, another token, and the same token initialised anew.
        let reader = world.module.read_only(world.slot);
        assert_eq!(restore(&reader, &state), INVALID);
        reader.close().unwrap();
        session.login(CKU_USER, USER_PIN).unwrap();
        assert_eq!(restore(&session, &state), INVALID);
        session.logout().unwrap();
        assert_eq!(restore(&session, &state), Ok(()));
        let free = *world.module.slots().unwrap().last().unwrap();
        world.module.init_token(free, SO_PIN, "other").unwrap();
        assert_eq!(restore(&world.module.read_write(free), &state), INVALID);
        session.close().unwrap();
        world.module.init_token(world.slot, SO_PIN, "anew").unwrap();
        assert_eq!(restore(&world.module.read_write(world.slot), &state), INVALID);
    }
}

alone! {
    fn keys_are_neither_saved_nor_needed() {
        let world = World::new();
        let session = world.user();
        assert_eq!(save(&session), Err(IDLE));
        let key = session.aes(Template::new().uses(&[CKA_ENCRYPT, CKA_DECRYPT])).unwrap();
        let cbc = Mechanism::iv(CKM_AES_CBC_PAD, &[0; 16]);
        let unsaveable = Err(Rv(CKR_STATE_UNSAVEABLE));
        session.encrypt_init(&cbc, key).unwrap();
        assert_eq!(save(&session), unsaveable);
        session.digest_init(&sha256()).unwrap();
        assert_eq!(save(&session), unsaveable);
        call!(world.module, C_SessionCancel, session.handle, CKF_ENCRYPT).unwrap();
        let state = save(&session).unwrap();
        for (one, other) in [(key, 0), (0, key), (key, key), (1, 0)] {
            let (mut state, len) = bytes(&state);
            let refused = call!(world.module, C_SetOperationState, session.handle, state.as_mut_ptr(), len,
                one, other);
            assert_eq!(refused, Err(Rv(CKR_KEY_NOT_NEEDED)));
        }
        // The value of a key does not leave in a state.
        let template = Template::new().ulong(CKA_VALUE_LEN, 32).uses(&[CKA_DERIVE]);
        let secret = session.generate(&Mechanism::plain(CKM_GENERIC_SECRET_KEY_GEN), &template).unwrap();
        call!(world.module, C_DigestKey, session.handle, secret).unwrap();
        assert_eq!(save(&session), unsaveable);
        last(&session).unwrap();
        assert_eq!(save(&session), Err(IDLE));
    }
}

alone! {
    fn what_ran_in_the_session_ends() {
        let world = World::new();
        let session = world.user();
        let state = saved(&session, b"abc");
        let key = session.aes(Template::new().uses(&[CKA_ENCRYPT, CKA_DECRYPT])).unwrap();
        session.encrypt_init(&Mechanism::iv(CKM_AES_CBC_PAD, &[0; 16]), key).unwrap();
        session.digest_init(&Mechanism::plain(CKM_SHA512)).unwrap();
        Template::new().with(|list, count| {
            call!(world.module, C_FindObjectsInit, session.handle, list, count)
        }).unwrap();
        restore(&session, &state).unwrap();
        let ended = two_calls(|out, len| call!(world.module, C_EncryptFinal, session.handle, out, len));
        assert_eq!(ended, Err(IDLE));
        assert_eq!(call!(world.module, C_FindObjectsFinal, session.handle), Err(IDLE));
        assert_eq!(last(&session), session.digest(&sha256(), b"abc"));
    }
}
