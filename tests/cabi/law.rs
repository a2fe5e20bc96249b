//! The law, asked through the C ABI: one purpose a key, states, windows, and a line in the log for each refusal.

use super::client::*;
use super::processes::Worker;
use crate::{alone, call};
use cryptoki_sys::*;

const PURPOSE: CK_ULONG = 0x201;
const REFUSED: Answer<()> = Err(Rv(CKR_KEY_FUNCTION_NOT_PERMITTED));

fn sha256_rsa() -> Mechanism {
    Mechanism::plain(CKM_SHA256_RSA_PKCS)
}

fn ecdsa() -> Mechanism {
    Mechanism::plain(CKM_ECDSA_SHA256)
}

fn gcm() -> Mechanism {
    Mechanism::gcm(&[8; 12], b"", 128)
}

/// A pair on P-256 for signatures.
fn signing_pair(session: Session<'_>, token: bool) -> (Key, Key) {
    let template = |use_of| Template::new().flag(CKA_TOKEN, token).flag(use_of, true);
    session.p256(template(CKA_VERIFY), template(CKA_SIGN)).unwrap()
}

fn denials(world: &World) -> usize {
    world.log().lines().filter(|line| line.contains(" denied: ")).count()
}

alone! {
    fn rsa_key_that_signed_will_not_decrypt_here_nor_elsewhere() {
        let world = World::new();
        let session = world.user();
        let uses = [CKA_SIGN, CKA_DECRYPT, CKA_UNWRAP];
        let public = Template::token().uses(&[CKA_VERIFY, CKA_ENCRYPT, CKA_WRAP]).label("public");
        let (public, private) = session.rsa(public, Template::token().uses(&uses).label("rsa")).unwrap();
        let oaep = Mechanism::oaep(CKM_SHA256, CKG_MGF1_SHA256, b"");
        assert_eq!(session.get_ulong(private, CKA_KEYWARD_PURPOSE).unwrap(), 0);
        let signature = session.sign(&sha256_rsa(), private, b"data").unwrap();
        for key in [private, public] {
            assert_eq!(session.get_ulong(key, CKA_KEYWARD_PURPOSE).unwrap(), 1);
        }
        for (key, cka) in [(private, CKA_DECRYPT), (private, CKA_UNWRAP), (public, CKA_ENCRYPT), (public, CKA_WRAP)] {
            assert!(!session.get_bool(key, cka).unwrap(), "{cka:#x}");
        }
        assert!(session.get_bool(private, CKA_SIGN).unwrap() && session.get_bool(public, CKA_VERIFY).unwrap());
        let before = denials(&world);
        assert_eq!(session.decrypt_init(&oaep, private), REFUSED);
        assert_eq!(session.reason(), PURPOSE);
        assert_eq!(denials(&world), before + 1);
        assert_eq!(session.encrypt_init(&oaep, public), REFUSED);
        assert_eq!(session.reason(), PURPOSE);
        // A flag that is set again is no way back.
        let _ = session.set(private, &Template::new().flag(CKA_DECRYPT, true));
        assert_eq!(session.decrypt_init(&oaep, private), REFUSED);
        let copy = session.copy(private, &Template::new().flag(CKA_DECRYPT, true));
        assert!(copy.is_err() || session.decrypt_init(&oaep, copy.unwrap()) == REFUSED);
        let refused = session.set(private, &Template::new().ulong(CKA_KEYWARD_PURPOSE, 3));
        assert_eq!(refused, Err(Rv(CKR_ATTRIBUTE_READ_ONLY)));
        // Another process, at once; and this one after a restart.
        let mut worker = Worker::start(&world);
        assert_eq!(worker.ask("decrypt rsa"), "CKR_KEY_FUNCTION_NOT_PERMITTED");
        assert_eq!(worker.ask("sign-rsa rsa"), "ok");
        world.stop();
        world.start();
        let session = world.user();
        let private = session.find(&Template::new().label("rsa").class(CKO_PRIVATE_KEY)).unwrap()[0];
        assert_eq!(session.decrypt_init(&oaep, private), REFUSED);
        assert_eq!(session.reason(), PURPOSE);
        assert_eq!(session.sign(&sha256_rsa(), private, b"data").unwrap(), signature);
    }
}

alone! {
    fn session_pair_that_signed_will_not_encrypt_with_the_other_half() {
        let world = World::new();
        let session = world.user();
        let public = Template::new().uses(&[CKA_VERIFY, CKA_ENCRYPT]);
        let (public, private) = session.rsa(public, Template::new().uses(&[CKA_SIGN, CKA_DECRYPT])).unwrap();
        session.sign(&sha256_rsa(), private, b"data").unwrap();
        let oaep = Mechanism::oaep(CKM_SHA256, CKG_MGF1_SHA256, b"");
        assert_eq!(session.decrypt_init(&oaep, private), REFUSED);
        assert_eq!(session.encrypt_init(&oaep, public), REFUSED, "the public half of a session pair");
    }
}

alone! {
    fn first_use_binds_each_kind_of_key_to_its_purpose() {
        let world = World::new();
        let session = world.user();
        for token in [true, false] {
            let template = || Template::new().flag(CKA_TOKEN, token);
            let all = [CKA_ENCRYPT, CKA_DECRYPT, CKA_WRAP, CKA_UNWRAP];
            let key = session.aes(template().uses(&all)).unwrap();
            session.encrypt(&gcm(), key, b"data").unwrap();
            assert_eq!(session.get_ulong(key, CKA_KEYWARD_PURPOSE).unwrap(), 3);
            let open = session.aes(Template::new().flag(CKA_EXTRACTABLE, true)).unwrap();
            let cbc = Mechanism::iv(CKM_AES_CBC_PAD, &[0; 16]);
            assert_eq!(session.wrap(&cbc, key, open), Err(Rv(CKR_KEY_FUNCTION_NOT_PERMITTED)));
            let key = session.aes(template().uses(&all)).unwrap();
            session.wrap(&cbc, key, open).unwrap();
            assert_eq!(session.get_ulong(key, CKA_KEYWARD_PURPOSE).unwrap(), 4);
            // What it wrapped must not come out as data.
            assert_eq!(session.decrypt_init(&cbc, key), REFUSED);
        }
    }
}

/// What a state lets a key do, by the table of the policy language: originator, recipient, carrying on.
fn permitted(state: CK_ULONG, side: char) -> bool {
    match (state, side) {
        (ACTIVE, _) => true,
        (DEACTIVATED, 'o') => false,
        (DEACTIVATED, _) => true,
        (_, 'a') => true,
        _ => false,
    }
}

/// Puts an active key into a state.
fn put(session: Session<'_>, key: Key, state: CK_ULONG) {
    if state != ACTIVE {
        session.set_state(key, state).unwrap();
    }
    assert_eq!(session.get_ulong(key, CKA_KEYWARD_STATE).unwrap(), state);
}

/// One entry point: its name, its side (originator, recipient, carrying on, always), and the test of it.
type Row = (&'static str, char, fn(Session<'_>, bool, CK_ULONG) -> Answer<()>);

const ENTRIES: &[Row] = &[
    ("sign", 'o', |session, token, state| {
        let (_, private) = signing_pair(session, token);
        put(session, private, state);
        session.sign(&ecdsa(), private, b"data").map(drop)
    }),
    ("verify", 'r', |session, token, state| {
        let (public, private) = signing_pair(session, token);
        let signature = session.sign(&ecdsa(), private, b"data").unwrap();
        put(session, public, state);
        session.verify(&ecdsa(), public, b"data", &signature)
    }),
    ("encrypt", 'o', |session, token, state| {
        let key = session.aes(Template::new().flag(CKA_TOKEN, token)).unwrap();
        put(session, key, state);
        session.encrypt(&gcm(), key, b"data").map(drop)
    }),
    ("decrypt", 'r', |session, token, state| {
        let key = session.aes(Template::new().flag(CKA_TOKEN, token)).unwrap();
        let sealed = session.encrypt(&gcm(), key, b"data").unwrap();
        put(session, key, state);
        session.decrypt(&gcm(), key, &sealed).map(drop)
    }),
    ("mac", 'o', |session, token, state| {
        let generation = Mechanism::plain(CKM_GENERIC_SECRET_KEY_GEN);
        let template = Template::new().flag(CKA_TOKEN, token).ulong(CKA_VALUE_LEN, 32);
        let key = session.generate(&generation, &template).unwrap();
        put(session, key, state);
        session.sign(&Mechanism::plain(CKM_SHA256_HMAC), key, b"data").map(drop)
    }),
    ("wrap", 'o', |session, token, state| {
        let key = session.aes(Template::new().flag(CKA_TOKEN, token).uses(&[CKA_WRAP, CKA_UNWRAP])).unwrap();
        let target = session.aes(Template::new().flag(CKA_EXTRACTABLE, true)).unwrap();
        put(session, key, state);
        session.wrap(&Mechanism::iv(CKM_AES_CBC_PAD, &[0; 16]), key, target).map(drop)
    }),
    ("wrap target", 'n', |session, token, state| {
        let key = session.aes(Template::new().uses(&[CKA_WRAP, CKA_UNWRAP])).unwrap();
        let target = Template::new().flag(CKA_TOKEN, token).flag(CKA_EXTRACTABLE, true);
        let target = session.aes(target).unwrap();
        put(session, target, state);
        session.wrap(&Mechanism::iv(CKM_AES_CBC_PAD, &[0; 16]), key, target).map(drop)
    }),
    ("unwrap", 'r', |session, token, state| {
        let key = session.aes(Template::new().flag(CKA_TOKEN, token).uses(&[CKA_WRAP, CKA_UNWRAP])).unwrap();
        let target = session.aes(Template::new().flag(CKA_EXTRACTABLE, true)).unwrap();
        let mechanism = Mechanism::iv(CKM_AES_CBC_PAD, &[0; 16]);
        let wrapped = session.wrap(&mechanism, key, target).unwrap();
        put(session, key, state);
        let template = Template::new().class(CKO_SECRET_KEY).ulong(CKA_KEY_TYPE, CKK_AES);
        session.unwrap(&mechanism, key, &wrapped, &template).map(drop)
    }),
    ("derive", 'o', |session, token, state| {
        let template = Template::new().flag(CKA_TOKEN, token).flag(CKA_DERIVE, true);
        let (public, private) = session.p256(template.clone(), template).unwrap();
        let point = session.get(public, CKA_EC_POINT).unwrap();
        put(session, private, state);
        let template = Template::new().ulong(CKA_VALUE_LEN, 32);
        session.derive(&Mechanism::ecdh(CKM_ECDH1_DERIVE, &point), private, &template).map(drop)
    }),
    ("copy", 'n', |session, token, state| {
        let key = session.aes(Template::new().flag(CKA_TOKEN, token)).unwrap();
        put(session, key, state);
        let copy = session.copy(key, &Template::new())?;
        assert_eq!(session.get_ulong(copy, CKA_KEYWARD_STATE).unwrap(), state, "a copy revives nothing");
        Ok(())
    }),
    ("reveal", 'n', |session, token, state| {
        let template = Template::new().flag(CKA_SENSITIVE, false).flag(CKA_EXTRACTABLE, true);
        let key = session.aes(template.flag(CKA_TOKEN, token)).unwrap();
        put(session, key, state);
        session.get(key, CKA_VALUE).map(drop)
    }),
    ("set attribute", 'a', |session, token, state| {
        let key = session.aes(Template::new().flag(CKA_TOKEN, token)).unwrap();
        put(session, key, state);
        session.set(key, &Template::new().label("renamed"))
    }),
    ("destroy", 'a', |session, token, state| {
        let key = session.aes(Template::new().flag(CKA_TOKEN, token)).unwrap();
        put(session, key, state);
        session.destroy(key)
    }),
];

alone! {
    fn every_entry_point_obeys_every_state() {
        let world = World::new();
        let session = world.user();
        for (name, side, attempt) in ENTRIES {
            for (state, reason) in [(ACTIVE, 0), (SUSPENDED, 0x101), (DEACTIVATED, 0x102), (COMPROMISED, 0x103)] {
                for token in [true, false] {
                    let what = format!("{name} in state {state}, token object: {token}");
                    let before = denials(&world);
                    let answer = attempt(session, token, state);
                    if permitted(state, *side) {
                        assert_eq!(answer, Ok(()), "{what}");
                        assert_eq!(denials(&world), before, "{what}");
                    } else {
                        let expected = match *name {
                            "reveal" => CKR_ATTRIBUTE_SENSITIVE,
                            _ => CKR_KEY_FUNCTION_NOT_PERMITTED,
                        };
                        assert_eq!(answer, Err(Rv(expected)), "{what}");
                        assert_eq!(session.reason(), reason, "{what}");
                        assert_eq!(denials(&world), before + 1, "{what}: one line for one refusal");
                    }
                }
            }
        }
    }
}

alone! {
    fn suspension_and_compromise_take_both_halves_and_deactivation_one() {
        let world = World::new();
        let session = world.user();
        for token in [true, false] {
            let (public, private) = signing_pair(session, token);
            let states = || [public, private].map(|key| session.get_ulong(key, CKA_KEYWARD_STATE).unwrap());
            let signature = session.sign(&ecdsa(), private, b"data").unwrap();
            session.set_state(private, SUSPENDED).unwrap();
            assert_eq!(states(), [SUSPENDED, SUSPENDED], "token object: {token}");
            assert_eq!(session.sign_init(&ecdsa(), private), REFUSED);
            assert_eq!(session.verify_init(&ecdsa(), public), REFUSED);
            session.set_state(public, ACTIVE).unwrap();
            assert_eq!(states(), [ACTIVE, ACTIVE]);
            session.sign(&ecdsa(), private, b"data").unwrap();
            session.set_state(private, DEACTIVATED).unwrap();
            assert_eq!(states(), [ACTIVE, DEACTIVATED]);
            assert_eq!(session.sign_init(&ecdsa(), private), REFUSED);
            session.verify(&ecdsa(), public, b"data", &signature).unwrap();
            session.set_state(private, COMPROMISED).unwrap();
            assert_eq!(states(), [COMPROMISED, COMPROMISED]);
            assert_eq!(session.verify_init(&ecdsa(), public), REFUSED);
            let history = String::from_utf8(session.get(private, CKA_KEYWARD_HISTORY).unwrap()).unwrap();
            let lines: Vec<_> = history.lines().collect();
            for (line, step) in lines.iter().zip([
                "generated as active",
                "active -> suspended",
                "suspended -> active",
                "active -> deactivated",
                "deactivated -> compromised",
            ]) {
                assert!(line.contains(step), "{history}");
            }
            assert_eq!(lines.len(), 5, "{history}");
            assert!(session.get_ulong(private, CKA_KEYWARD_COMPROMISE_DATE).unwrap() > 1_600_000_000);
        }
    }
}

alone! {
    fn no_transition_beyond_the_table_is_made() {
        let world = World::new();
        let session = world.user();
        // From, and how to come there; and where it may go from there.
        let table: [(CK_ULONG, &[CK_ULONG]); 4] = [
            (ACTIVE, &[SUSPENDED, DEACTIVATED, COMPROMISED, DESTROYED]),
            (SUSPENDED, &[ACTIVE, DEACTIVATED, COMPROMISED, DESTROYED]),
            (DEACTIVATED, &[COMPROMISED, DESTROYED]),
            (COMPROMISED, &[DESTROYED_COMPROMISED]),
        ];
        for token in [true, false] {
            for (from, allowed) in table {
                for to in 1..=7 {
                    let key = session.aes(Template::new().flag(CKA_TOKEN, token)).unwrap();
                    put(session, key, from);
                    let answer = session.set_state(key, to);
                    if !allowed.contains(&to) {
                        assert_eq!(answer, Err(Rv(CKR_ACTION_PROHIBITED)), "{from} -> {to}, {token}");
                        assert_eq!(session.reason(), 0x106);
                        assert_eq!(session.get_ulong(key, CKA_KEYWARD_STATE).unwrap(), from);
                        continue;
                    }
                    assert_eq!(answer, Ok(()), "{from} -> {to}, {token}");
                    if matches!(to, DESTROYED | DESTROYED_COMPROMISED) {
                        // The object is gone, or it is there and good for nothing.
                        match session.get_ulong(key, CKA_KEYWARD_STATE) {
                            Err(code) => assert_eq!(code, Rv(CKR_OBJECT_HANDLE_INVALID)),
                            Ok(state) => assert_eq!(state, to),
                        }
                        assert!(session.encrypt_init(&gcm(), key).is_err());
                        assert!(session.decrypt_init(&gcm(), key).is_err());
                    } else {
                        assert_eq!(session.get_ulong(key, CKA_KEYWARD_STATE).unwrap(), to);
                    }
                }
            }
        }
        let key = session.aes(Template::token()).unwrap();
        for wrong in [0, 8, 99, CK_ULONG::MAX] {
            assert_eq!(session.set_state(key, wrong), Err(Rv(CKR_ATTRIBUTE_VALUE_INVALID)));
        }
        let two = Template::new().ulong(CKA_KEYWARD_STATE, SUSPENDED).label("x");
        assert_eq!(session.set(key, &two), Err(Rv(CKR_TEMPLATE_INCONSISTENT)));
        let reading = world.module.read_only(world.slot);
        assert_eq!(reading.set_state(key, SUSPENDED), Err(Rv(CKR_SESSION_READ_ONLY)));
    }
}

alone! {
    fn a_copy_or_a_change_revives_nothing() {
        let world = World::new();
        let session = world.user();
        for token in [true, false] {
            let key = session.aes(Template::new().flag(CKA_TOKEN, token)).unwrap();
            session.set_state(key, DEACTIVATED).unwrap();
            let copy = session.copy(key, &Template::new().ulong(CKA_KEYWARD_STATE, ACTIVE));
            if let Ok(copy) = copy {
                assert_eq!(session.encrypt_init(&gcm(), copy), REFUSED, "a deactivated key lives again as its copy");
            }
            for cka in [CKA_KEYWARD_HISTORY, CKA_KEYWARD_ORIGIN, CKA_KEYWARD_INITIAL_DATE, CKA_KEYWARD_PAIR] {
                let refused = session.copy(key, &Template::new().ulong(cka, 5));
                assert!(refused.is_err(), "{cka:#x}");
                assert_eq!(session.set(key, &Template::new().ulong(cka, 5)), Err(Rv(CKR_ATTRIBUTE_READ_ONLY)));
            }
        }
    }
}

alone! {
    fn running_operations_stop_when_the_key_is_suspended() {
        let world = World::new();
        let (session, other) = (world.user(), world.module.read_write(world.slot));
        for token in [true, false] {
            let (_, private) = signing_pair(session, token);
            session.sign_init(&ecdsa(), private).unwrap();
            session.sign_update(b"part").unwrap();
            other.set_state(private, SUSPENDED).unwrap();
            assert_eq!(session.sign_update(b"part"), REFUSED);
            assert_eq!(session.sign_update(b"part"), Err(Rv(CKR_OPERATION_NOT_INITIALIZED)));
            // And begin again when it is active again.
            other.set_state(private, ACTIVE).unwrap();
            session.sign_parts(&ecdsa(), private, b"data").unwrap();
            session.sign_init(&ecdsa(), private).unwrap();
            other.destroy(private).unwrap();
            assert!(session.sign_update(b"part").is_err());
        }
    }
}

alone! {
    fn windows_open_and_close_by_their_dates() {
        let world = World::new();
        let session = world.user();
        let (ahead, over) = (4_000_000_000, 1_000_000_000);
        // A template for the key, and the reasons of signing and of verifying with it; 0 where it is allowed.
        let cases: Vec<(Template, CK_ULONG, CK_ULONG)> = vec![
            (Template::new().bytes(CKA_START_DATE, b"20200101").bytes(CKA_END_DATE, b"20990101"), 0, 0),
            (Template::new().bytes(CKA_START_DATE, b"20990101"), 0x501, 0x503),
            (Template::new().bytes(CKA_END_DATE, b"20200101"), 0x502, 0x504),
            (Template::new().ulong(CKA_KEYWARD_ACTIVATION_DATE, ahead), 0x501, 0),
            (Template::new().ulong(CKA_KEYWARD_PROTECT_STOP_DATE, over), 0x502, 0),
            (Template::new().ulong(CKA_KEYWARD_PROCESS_START_DATE, ahead), 0, 0x503),
            (Template::new().ulong(CKA_KEYWARD_DEACTIVATION_DATE, over), 0x502, 0x504),
            (
                Template::new()
                    .ulong(CKA_KEYWARD_PROTECT_STOP_DATE, over)
                    .ulong(CKA_KEYWARD_DEACTIVATION_DATE, ahead),
                0x502,
                0,
            ),
        ];
        for (at, (template, signing, verifying)) in cases.into_iter().enumerate() {
            for set_later in [false, true] {
                let (public, private) = if set_later {
                    let (public, private) = signing_pair(session, true);
                    session.set(public, &template).unwrap();
                    session.set(private, &template).unwrap();
                    (public, private)
                } else {
                    let half = |use_of| template.clone().flag(CKA_TOKEN, true).flag(use_of, true);
                    session.p256(half(CKA_VERIFY), half(CKA_SIGN)).unwrap()
                };
                for (answer, reason) in [
                    (session.sign_init(&ecdsa(), private), signing),
                    (session.verify_init(&ecdsa(), public), verifying),
                ] {
                    let expected = if reason == 0 { Ok(()) } else { REFUSED };
                    assert_eq!(answer, expected, "case {at}, set later: {set_later}, reason {reason:#x}");
                }
                if verifying != 0 {
                    assert_eq!(session.reason(), verifying, "case {at}");
                } else if signing != 0 {
                    assert_eq!(session.reason(), signing, "case {at}");
                }
                call!(world.module, C_SessionCancel, session.handle, CKF_SIGN | CKF_VERIFY).unwrap();
            }
        }
    }
}

alone! {
    fn a_period_that_is_over_is_over_for_good() {
        let world = World::new();
        let session = world.user();
        for token in [false, true] {
            let ended = Template::new().flag(CKA_TOKEN, token).bytes(CKA_END_DATE, b"20200101");
            let key = session.aes(ended).unwrap();
            let refused = Err(Rv(CKR_ACTION_PROHIBITED));
            assert_eq!(session.encrypt_init(&gcm(), key), REFUSED);
            for longer in [
                Template::new().bytes(CKA_END_DATE, b"20990101"),
                Template::new().bytes(CKA_END_DATE, b""),
                Template::new().ulong(CKA_KEYWARD_PROTECT_STOP_DATE, 4_000_000_000),
            ] {
                assert_eq!(session.set(key, &longer), refused);
                assert_eq!(session.copy(key, &longer).map(|_| ()), refused);
            }
            // What ends earlier, or is about something else, may be written.
            session.set(key, &Template::new().bytes(CKA_END_DATE, b"20190101").label("old")).unwrap();
        }
    }
}

alone! {
    fn a_purpose_in_the_template_is_the_only_use() {
        let world = World::new();
        let session = world.user();
        let named = |purpose| {
            let uses = Template::new().uses(&[CKA_SIGN, CKA_DECRYPT]).ulong(CKA_KEYWARD_PURPOSE, purpose);
            session.rsa(Template::new(), uses)
        };
        assert_eq!(named(99).map(|_| ()), Err(Rv(CKR_ATTRIBUTE_VALUE_INVALID)));
        let (_, private) = named(1).unwrap();
        assert!(!session.get_bool(private, CKA_DECRYPT).unwrap());
        session.sign_init(&sha256_rsa(), private).unwrap();
    }
}

alone! {
    fn the_shipped_policy_refuses_what_it_says() {
        let world = World::new();
        let session = world.user();
        let weak = Template::new().ulong(CKA_MODULUS_BITS, 1024);
        let made = session.generate_pair(&Mechanism::plain(CKM_RSA_PKCS_KEY_PAIR_GEN), &weak, &Template::new());
        assert_eq!(made, Err(Rv(CKR_KEY_SIZE_RANGE)));
        let (_, private) = session.rsa(Template::new(), Template::new()).unwrap();
        assert_eq!(session.sign_init(&Mechanism::plain(CKM_SHA1_RSA_PKCS), private), Err(Rv(CKR_MECHANISM_INVALID)));
        let extractable = Template::new().flag(CKA_SIGN, true).flag(CKA_EXTRACTABLE, true);
        assert_eq!(session.p256(Template::new(), extractable), Err(Rv(CKR_TEMPLATE_INCONSISTENT)));
        // A usage attribute that is false, a mechanism that is not on the key's list.
        let key = session.aes(Template::new().flag(CKA_DECRYPT, true)).unwrap();
        assert_eq!(session.encrypt_init(&gcm(), key), REFUSED);
        assert_eq!(session.reason(), 0x203);
        let listed = Template::new().bytes(CKA_ALLOWED_MECHANISMS, &CKM_AES_CTR.to_ne_bytes());
        let key = session.aes(listed).unwrap();
        assert_eq!(session.encrypt_init(&gcm(), key), Err(Rv(CKR_MECHANISM_INVALID)));
        assert_eq!(session.reason(), 0x302);
        session.encrypt(&Mechanism::ctr(128, [0; 16]), key, b"data").unwrap();
    }
}
