//! Generations of keys: made by the command or by the use of a key that is due, found in their order, and never two or
//! none of them that protect.

use super::client::*;
use super::installed::{install_text, keyward};
use super::processes::Worker;
use crate::alone;
use cryptoki_sys::*;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

const OVER: CK_ULONG = 0x502;
const PROCESS_OVER: CK_ULONG = 0x504;
const REPLACED: CK_ULONG = 0x107;
const DAY: u64 = 24 * 60 * 60;

fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

/// Until a moment is past, by a coarser clock too.
fn wait_until(moment: u64) {
    while now() <= moment {
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// With the user's PIN.
fn user(world: &World, words: &[&str]) -> (i32, String) {
    keyward(world, &[words, &["--pin-file", "pin"]].concat())
}

fn rotate(world: &World, words: &[&str]) -> String {
    let (code, said) = user(world, &[&["key", "rotate"], words].concat());
    assert_eq!(code, 0, "{said}");
    said
}

fn found(session: &Session<'_>, label: &str, class: CK_OBJECT_CLASS) -> Vec<Key> {
    session.find(&Template::new().label(label).class(class)).unwrap()
}

fn text(session: &Session<'_>, key: Key, cka: CK_ATTRIBUTE_TYPE) -> String {
    String::from_utf8(session.get(key, cka).unwrap()).unwrap()
}

fn named(label: &str) -> Template {
    Template::token().label(label).bytes(CKA_ID, &[1])
}

/// Every generation of a key, the newest first, as a search gives them; asserts the links between them.
fn chain(session: &Session<'_>, label: &str, class: CK_OBJECT_CLASS) -> Vec<Key> {
    let keys = found(session, label, class);
    for (at, key) in keys.iter().enumerate() {
        let number = (keys.len() - at) as CK_ULONG;
        assert_eq!(session.get_ulong(*key, CKA_KEYWARD_GENERATION).unwrap(), number);
        let links = (session.get(*key, CKA_KEYWARD_REPLACEMENT), session.get(*key, CKA_KEYWARD_REPLACED));
        match at.checked_sub(1).map(|before| keys[before]) {
            None => assert!(links.0.is_err(), "the first is not replaced"),
            Some(heir) => assert_eq!(links.0.unwrap(), session.get(heir, CKA_UNIQUE_ID).unwrap()),
        }
        match keys.get(at + 1) {
            None => assert!(links.1.is_err(), "the last replaces nothing"),
            Some(old) => assert_eq!(links.1.unwrap(), session.get(*old, CKA_UNIQUE_ID).unwrap()),
        }
    }
    keys
}

/// Makes a signing pair, rotates it and says what became of both.
fn pair_gives_way(
    world: &World,
    generation: CK_MECHANISM_TYPE,
    signing: &Mechanism,
    public: Template,
    bits: &[CK_ATTRIBUTE_TYPE],
) {
    let session = world.user();
    let public = public.uses(&[CKA_VERIFY]).bytes(CKA_ID, &[1]);
    let private = named("tls").uses(&[CKA_SIGN]).bytes(CKA_SUBJECT, b"subject");
    let (old_public, old) = session.generate_pair(&Mechanism::plain(generation), &public, &private).unwrap();
    let signature = session.sign(signing, old, b"data").unwrap();
    let said = rotate(world, &["tls", "--message", "yearly"]);
    assert!(
        said.contains("generation 2 protects from now on")
            && said.contains("generation 1 processes what it protected"),
        "{said}"
    );

    let keys = chain(&session, "tls", CKO_PRIVATE_KEY);
    let publics = chain(&session, "tls", CKO_PUBLIC_KEY);
    assert_eq!((keys.len(), publics.len(), keys[1], publics[1]), (2, 2, old, old_public));
    let new = keys[0];
    assert_eq!(session.get(new, CKA_ID).unwrap(), b"\x01-2");
    assert_eq!(session.get(publics[0], CKA_ID).unwrap(), b"\x01-2");
    assert_eq!(session.get(new, CKA_SUBJECT).unwrap(), b"subject");
    for cka in bits {
        assert_eq!(session.get(publics[0], *cka), session.get(old_public, *cka), "{cka:#x}");
    }
    let pair = |key| session.get(key, CKA_KEYWARD_PAIR).unwrap();
    assert!(pair(new) == pair(publics[0]) && pair(new) != pair(old));
    assert_eq!(session.get_ulong(new, CKA_KEYWARD_PURPOSE).unwrap(), 1, "the purpose stays bound");
    assert!(session.get_bool(new, CKA_LOCAL).unwrap() && session.get_bool(new, CKA_SENSITIVE).unwrap());

    // The old one verifies and signs no more; the new one does both, and each only its own.
    assert_eq!(session.sign_init(signing, old), Err(Rv(CKR_KEY_FUNCTION_NOT_PERMITTED)));
    assert_eq!(session.reason(), OVER);
    session.verify(signing, old_public, b"data", &signature).unwrap();
    let newer = session.sign(signing, new, b"data").unwrap();
    session.verify(signing, publics[0], b"data", &newer).unwrap();
    assert!(session.verify(signing, old_public, b"data", &newer).is_err());
    assert!(text(&session, old, CKA_KEYWARD_HISTORY).contains("replaced by generation 2"));
    let history = text(&session, new, CKA_KEYWARD_HISTORY);
    assert!(
        history.contains("generated as active") && history.contains("active as generation 2, replaces"),
        "{history}"
    );
    assert!(history.contains("by user (uid ") && history.contains("yearly"), "{history}");
    // A third, by the same name.
    rotate(world, &["tls"]);
    assert_eq!(chain(&session, "tls", CKO_PRIVATE_KEY).len(), 3);
    world.stop();
    world.start();
    let session = world.user();
    assert_eq!(chain(&session, "tls", CKO_PRIVATE_KEY).len(), 3);
    assert_eq!(session.get(found(&session, "tls", CKO_PRIVATE_KEY)[0], CKA_ID).unwrap(), b"\x01-3");
}

alone! {
    fn rotate_of_a_curve_gives_a_linked_pair_and_the_old_one_verifies() {
        let public = Template::token().label("tls").bytes(CKA_EC_PARAMS, P256);
        let ecdsa = Mechanism::plain(CKM_ECDSA_SHA256);
        pair_gives_way(&World::new(), CKM_EC_KEY_PAIR_GEN, &ecdsa, public, &[CKA_EC_PARAMS]);
    }
}

alone! {
    fn rotate_of_rsa_keeps_size_and_exponent() {
        let public = Template::token().label("tls").ulong(CKA_MODULUS_BITS, 2048).bytes(CKA_PUBLIC_EXPONENT, &[1, 0, 1]);
        let pss = Mechanism::pss(CKM_SHA256_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA256, 32);
        let same = [CKA_MODULUS_BITS, CKA_PUBLIC_EXPONENT];
        pair_gives_way(&World::new(), CKM_RSA_PKCS_KEY_PAIR_GEN, &pss, public, &same);
    }
}

alone! {
    fn rotate_of_ml_dsa_keeps_the_parameter_set() {
        let public = Template::token().label("tls").ulong(CKA_PARAMETER_SET, CKP_ML_DSA_65.into());
        pair_gives_way(&World::new(), CKM_ML_DSA_KEY_PAIR_GEN, &Mechanism::plain(CKM_ML_DSA), public, &[CKA_PARAMETER_SET]);
    }
}

alone! {
    fn rotate_of_aes_keeps_what_was_chosen_and_the_overlap_ends_by_its_date() {
        let world = World::new();
        let session = world.user();
        let template = named("data").uses(&[CKA_ENCRYPT, CKA_DECRYPT]).flag(CKA_EXTRACTABLE, true).flag(CKA_COPYABLE, false);
        let old = session.aes(template).unwrap();
        let (cbc, refused) = (Mechanism::iv(CKM_AES_CBC_PAD, &[7; 16]), Err(Rv(CKR_KEY_FUNCTION_NOT_PERMITTED)));
        let ciphertext = session.encrypt(&cbc, old, b"data").unwrap();
        let said = rotate(&world, &["data", "--overlap", "10s", "--label", "data", "--new-id", "0203"]);
        assert!(said.contains("processes until 20"), "{said}");
        let keys = chain(&session, "data", CKO_SECRET_KEY);
        let new = keys[0];
        assert_eq!(keys, [new, old]);
        assert_eq!(session.get(new, CKA_ID).unwrap(), [2, 3]);
        assert_eq!(session.get_ulong(new, CKA_VALUE_LEN).unwrap(), 32);
        assert!(session.get_bool(new, CKA_EXTRACTABLE).unwrap() && !session.get_bool(new, CKA_COPYABLE).unwrap());
        assert_ne!(session.get(new, CKA_CHECK_VALUE).unwrap(), session.get(old, CKA_CHECK_VALUE).unwrap());
        assert_eq!(session.encrypt_init(&cbc, old), refused);
        assert_eq!(session.decrypt(&cbc, old, &ciphertext).unwrap(), b"data");
        // Nobody prolongs what was replaced; shortening is free.
        let end = session.get_ulong(old, CKA_KEYWARD_DEACTIVATION_DATE).unwrap();
        let until = |at| session.set(old, &Template::new().ulong(CKA_KEYWARD_DEACTIVATION_DATE, at));
        assert_eq!(until(end + 100), Err(Rv(CKR_ACTION_PROHIBITED)));
        assert_eq!(session.reason(), REPLACED);
        until(end - 1).unwrap();
        wait_until(end);
        assert_eq!(session.decrypt_init(&cbc, old), refused);
        assert_eq!(session.reason(), PROCESS_OVER);
        assert!(user(&world, &["key", "show", "--id", "01"]).1.contains("deactivated (recorded as active"));
        session.encrypt(&cbc, new, b"data").unwrap();
    }
}

alone! {
    fn policy_shortens_the_overlap_gives_a_handover_and_destroys() {
        let world = World::new();
        install_text(&world, "[[rule]]\nid = \"r\"\nrotate = { overlap = \"12s\", handover = \"5s\", destroy = \"1s\" }\n");
        let session = world.user();
        let old = session.aes(named("data").uses(&[CKA_ENCRYPT, CKA_DECRYPT])).unwrap();
        let uid = text(&session, old, CKA_UNIQUE_ID);
        let cbc = Mechanism::iv(CKM_AES_CBC_PAD, &[7; 16]);
        rotate(&world, &["data", "--overlap", "1y"]);
        let ciphertext = session.encrypt(&cbc, old, b"still").unwrap();
        let end = |cka| session.get_ulong(old, cka).unwrap();
        let (stop, deactivation) = (end(CKA_KEYWARD_PROTECT_STOP_DATE), end(CKA_KEYWARD_DEACTIVATION_DATE));
        assert_eq!(deactivation - stop, 7);
        wait_until(stop);
        assert!(session.encrypt_init(&cbc, old).is_err());
        assert_eq!(session.decrypt(&cbc, old, &ciphertext).unwrap(), b"still");
        wait_until(deactivation);
        assert!(session.decrypt_init(&cbc, old).is_err());
        wait_until(deactivation + 1);
        // A login in another process is enough.
        let (_, said) = user(&world, &["key", "show", "--uid", &uid]);
        assert!(said.contains("state                  destroyed") || said.contains("active -> destroyed"), "{said}");
        assert!(said.contains("superseded"), "{said}");
        assert_eq!(found(&session, "data", CKO_SECRET_KEY).len(), 1);
    }
}

alone! {
    fn hide_inactive_leaves_the_generation_that_protects_and_handles_go_on() {
        let world = World::new();
        install_text(&world, "[[rule]]\nid = \"r\"\nwhen = { label = \"hidden\" }\nhide_inactive = true\n");
        let session = world.user();
        let cbc = Mechanism::iv(CKM_AES_CBC_PAD, &[7; 16]);
        for label in ["hidden", "shown"] {
            let old = session.aes(named(label).uses(&[CKA_ENCRYPT, CKA_DECRYPT])).unwrap();
            let ciphertext = session.encrypt(&cbc, old, b"data").unwrap();
            rotate(&world, &[label]);
            let keys = found(&session, label, CKO_SECRET_KEY);
            assert_eq!(keys.len(), if label == "hidden" { 1 } else { 2 });
            assert!(keys[0] != old && session.decrypt(&cbc, old, &ciphertext).unwrap() == b"data");
        }
        let (_, listed) = user(&world, &["key", "list"]);
        assert_eq!(listed.matches("hidden").count(), 2, "an operator sees all: {listed}");
        // Stopped is inactive too; what waits for its activation is not.
        let last = found(&session, "hidden", CKO_SECRET_KEY)[0];
        session.set_state(last, SUSPENDED).unwrap();
        assert!(found(&session, "hidden", CKO_SECRET_KEY).is_empty());
        session.set_state(last, ACTIVE).unwrap();
        assert_eq!(found(&session, "hidden", CKO_SECRET_KEY), [last]);
        // Session objects too.
        let template = Template::new().label("hidden").uses(&[CKA_ENCRYPT]);
        let passing = session.aes(template.ulong(CKA_KEYWARD_ACTIVATION_DATE, now() + DAY)).unwrap();
        assert_eq!(found(&session, "hidden", CKO_SECRET_KEY), [last, passing]);
        session.set_state(passing, SUSPENDED).unwrap();
        assert_eq!(found(&session, "hidden", CKO_SECRET_KEY), [last]);
    }
}

alone! {
    fn suspended_keys_are_replaced_without_an_overlap_and_compromised_ones_stay_so() {
        let world = World::new();
        install_text(&world, "[suspended]\nprocess = true\n[keys]\nrotate = { overlap = \"30d\" }\n");
        let session = world.user();
        let cbc = Mechanism::iv(CKM_AES_CBC_PAD, &[7; 16]);
        for (label, state) in [("suspended", SUSPENDED), ("compromised", COMPROMISED)] {
            let old = session.aes(named(label).uses(&[CKA_ENCRYPT, CKA_DECRYPT])).unwrap();
            session.set_state(old, state).unwrap();
            let said = rotate(&world, &[label]);
            assert!(said.contains(&format!("generation 1 stays {label}")), "{said}");
            let keys = chain(&session, label, CKO_SECRET_KEY);
            assert_eq!(session.get_ulong(old, CKA_KEYWARD_STATE).unwrap(), state);
            assert!(session.decrypt_init(&cbc, old).is_err() && session.encrypt_init(&cbc, old).is_err());
            session.encrypt(&cbc, keys[0], b"data").unwrap();
            if state == SUSPENDED {
                // Reinstating it brings nothing back.
                session.set_state(old, ACTIVE).unwrap();
                assert!(session.encrypt_init(&cbc, old).is_err());
                assert_eq!(session.reason(), OVER);
            }
        }
    }
}

alone! {
    fn refusals_say_why_and_leave_the_key_as_it_was() {
        let world = World::new();
        let session = world.user();
        let half = |label: &str, use_of| Template::token().label(label).flag(use_of, true);
        let (public, private) = session.rsa(half("tls", CKA_VERIFY), half("tls", CKA_SIGN)).unwrap();
        let refused = |words: &[&str]| {
            let (code, said) = user(&world, &[&["key", "rotate"], words].concat());
            assert_eq!(code, 1, "{said}");
            said
        };
        install_text(&world, "[[rule]]\nid = \"larger\"\nwhy = \"RSA of 3072 bits\"\nmin_bits = { rsa = 3072 }\n");
        let said = refused(&["tls"]);
        assert!(said.contains("by larger") && said.contains("RSA of 3072 bits") && said.contains("key-size"), "{said}");
        install_text(&world, "");
        assert_eq!(found(&session, "tls", CKO_PRIVATE_KEY), [private]);
        session.sign(&Mechanism::plain(CKM_SHA256_RSA_PKCS), private, b"data").unwrap();
        // Not twice; the id of the first generation names it.
        let uid = text(&session, private, CKA_UNIQUE_ID);
        rotate(&world, &["tls"]);
        let said = refused(&["--uid", &uid]);
        assert!(said.contains("replaced already, by") && said.contains("(replaced, CKR_ACTION_PROHIBITED)"), "{said}");
        assert_eq!(chain(&session, "tls", CKO_PRIVATE_KEY).len(), 2);
        // A public key alone has nobody who could sign.
        session.destroy(found(&session, "tls", CKO_PRIVATE_KEY)[0]).unwrap();
        let left = session.get(found(&session, "tls", CKO_PUBLIC_KEY)[0], CKA_UNIQUE_ID).unwrap();
        let said = refused(&["--uid", &String::from_utf8(left).unwrap()]);
        assert!(said.contains("the private key of the pair is not on the token"), "{said}");
        // What is not in force yet protects nothing.
        let waiting = half("later", CKA_ENCRYPT).ulong(CKA_KEYWARD_ACTIVATION_DATE, now() + DAY);
        session.aes(waiting).unwrap();
        assert!(refused(&["later"]).contains("state-transition"));
        // Nothing makes Triple DES.
        let des = half("old", CKA_DECRYPT).class(CKO_SECRET_KEY).ulong(CKA_KEY_TYPE, CKK_DES3);
        session.create(&des.bytes(CKA_VALUE, &[0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF, 0x01, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF, 0x01, 0x23])).unwrap();
        assert!(refused(&["old"]).contains("mechanism-unknown"));
        assert!(session.get(public, CKA_KEYWARD_REPLACEMENT).is_ok());
    }
}

alone! {
    fn lost_public_key_comes_back_with_the_next_generation() {
        let world = World::new();
        let session = world.user();
        let half = |use_of| named("tls").flag(use_of, true);
        let (public, _) = session.p256(half(CKA_VERIFY), half(CKA_SIGN)).unwrap();
        session.destroy(public).unwrap();
        rotate(&world, &["tls"]);
        let (public, private) = (found(&session, "tls", CKO_PUBLIC_KEY)[0], found(&session, "tls", CKO_PRIVATE_KEY)[0]);
        let ecdsa = Mechanism::plain(CKM_ECDSA_SHA256);
        let signature = session.sign(&ecdsa, private, b"data").unwrap();
        session.verify(&ecdsa, public, b"data", &signature).unwrap();
    }
}

alone! {
    fn use_of_a_key_that_is_due_makes_the_new_generation_and_goes_on() {
        let world = World::new();
        install_text(&world, "[[rule]]\nid = \"r\"\nrotate = { every = \"10d\", overlap = \"30d\", automatic = true }\n");
        let session = world.user();
        let cbc = Mechanism::iv(CKM_AES_CBC_PAD, &[7; 16]);
        let due = |label: &str, days: u64| named(label).uses(&[CKA_ENCRYPT, CKA_DECRYPT]).ulong(CKA_KEYWARD_ACTIVATION_DATE, now() - days * DAY);
        let (old, young) = (session.aes(due("old", 11)).unwrap(), session.aes(due("young", 9)).unwrap());
        session.encrypt(&cbc, young, b"data").unwrap();
        assert_eq!(found(&session, "young", CKO_SECRET_KEY), [young]);
        // Processing makes nothing; protecting does, in a read-only session too.
        session.decrypt_init(&cbc, old).unwrap();
        assert_eq!(found(&session, "old", CKO_SECRET_KEY), [old]);
        let reading = world.module.read_only(world.slot);
        let ciphertext = reading.encrypt(&cbc, old, b"data").unwrap();
        let keys = chain(&reading, "old", CKO_SECRET_KEY);
        assert_eq!((keys.len(), keys[1]), (2, old));
        assert!(reading.encrypt_init(&cbc, old).is_err());
        assert_eq!(reading.reason(), OVER);
        assert_eq!(reading.decrypt(&cbc, old, &ciphertext).unwrap(), b"data");
        reading.encrypt(&cbc, keys[0], b"data").unwrap();
        assert_eq!(found(&reading, "old", CKO_SECRET_KEY).len(), 2, "the new one is not due");
        let begin = reading.get_ulong(keys[0], CKA_KEYWARD_ACTIVATION_DATE).unwrap();
        assert!(now() - begin < 60, "its time begins now");
        let end = reading.get_ulong(old, CKA_KEYWARD_DEACTIVATION_DATE).unwrap();
        assert!((29 * DAY..=30 * DAY).contains(&(end - now())));
    }
}

alone! {
    fn what_cannot_be_rotated_when_it_is_due_is_used_on() {
        let world = World::new();
        let session = world.user();
        let half = |use_of| named("tls").flag(use_of, true).ulong(CKA_KEYWARD_ACTIVATION_DATE, now() - 11 * DAY);
        let (_, private) = session.p256(half(CKA_VERIFY), half(CKA_SIGN)).unwrap();
        install_text(&world, "[token]\nobjects = { max = 2 }\n[keys]\nrotate = { every = \"10d\", automatic = true }\n");
        session.sign(&Mechanism::plain(CKM_ECDSA_SHA256), private, b"data").unwrap();
        assert_eq!(found(&session, "tls", CKO_PRIVATE_KEY), [private]);
        assert!(world.log().contains("is due and was not rotated"), "{}", world.log());
        install_text(&world, "[keys]\nrotate = { every = \"10d\", automatic = true, handover = \"1d\" }\n");
        session.sign(&Mechanism::plain(CKM_ECDSA_SHA256), private, b"data").unwrap();
        assert_eq!(chain(&session, "tls", CKO_PRIVATE_KEY).len(), 2);
        // The handover: the handle of before signs on, and makes no third.
        session.sign(&Mechanism::plain(CKM_ECDSA_SHA256), private, b"data").unwrap();
        assert_eq!(chain(&session, "tls", CKO_PRIVATE_KEY).len(), 2);
    }
}

alone! {
    fn two_processes_that_use_a_key_that_is_due_make_one_new_key() {
        let world = World::new();
        install_text(&world, "[keys]\nrotate = { every = \"10d\", automatic = true, handover = \"1d\" }\n");
        let session = world.user();
        let mut workers = [Worker::start(&world), Worker::start(&world)];
        for round in 0..10 {
            let label = format!("tls-{round}");
            let half = |use_of| named(&label).flag(use_of, true).ulong(CKA_KEYWARD_ACTIVATION_DATE, now() - 11 * DAY);
            session.p256(half(CKA_VERIFY), half(CKA_SIGN)).unwrap();
            let [one, two] = &mut workers;
            std::thread::scope(|scope| {
                for worker in [one, two] {
                    scope.spawn(|| assert_eq!(worker.ask(&format!("sign {label}")), "ok"));
                }
            });
            assert_eq!(chain(&session, &label, CKO_PRIVATE_KEY).len(), 2, "round {round}");
            assert_eq!(chain(&session, &label, CKO_PUBLIC_KEY).len(), 2, "round {round}");
        }
    }
}

alone! {
    fn killed_at_any_moment_leaves_the_old_key_or_both_linked() {
        let world = World::new();
        let session = world.user();
        let half = |use_of| named("tls").flag(use_of, true);
        session.p256(half(CKA_VERIFY), half(CKA_SIGN)).unwrap();
        let ecdsa = Mechanism::plain(CKM_ECDSA_SHA256);
        keyward(&world, &["key", "list", "--public"]);
        let (mut before, mut interrupted) = (1, 0);
        for round in 0..30_u64 {
            let mut child = Command::new(env!("CARGO_BIN_EXE_keyward"))
                .args(["key", "rotate", "tls", "--pin-file", "pin"])
                .current_dir(world.store().parent().unwrap())
                .env_clear()
                .env("KEYWARD_STORE", world.store())
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            std::thread::sleep(Duration::from_millis(round * 37 % 600));
            // SIGKILL.
            child.kill().unwrap();
            let ended = child.wait().unwrap();
            let keys = chain(&session, "tls", CKO_PRIVATE_KEY);
            let publics = chain(&session, "tls", CKO_PUBLIC_KEY);
            assert_eq!(keys.len(), publics.len(), "round {round}");
            assert!(keys.len() == before || keys.len() == before + 1, "round {round}");
            interrupted += usize::from(!ended.success());
            before = keys.len();
            let signing: Vec<_> = keys.iter().filter(|key| session.sign(&ecdsa, **key, b"data").is_ok()).collect();
            assert_eq!(signing, [&keys[0]], "round {round}");
        }
        assert!(interrupted > 0);
        rotate(&world, &["tls"]);
        assert_eq!(keyward(&world, &["doctor", "--token", "cabi", "--pin-file", "pin"]).0, 0);
    }
}

alone! {
    fn due_lists_rotations_and_ends_with_their_rules_and_the_report_says_the_same() {
        let world = World::new();
        install_text(&world, "[[rule]]\nid = \"yearly\"\nwhen = { label = \"tls\" }\ncrypto_period = { originator = \"20d\" }\n\
                              rotate = { every = \"15d\", overlap = \"5d\", destroy = \"2d\" }\n");
        let session = world.user();
        let half = |use_of| named("tls").flag(use_of, true).ulong(CKA_KEYWARD_ACTIVATION_DATE, now() - 16 * DAY);
        session.p256(half(CKA_VERIFY), half(CKA_SIGN)).unwrap();
        session.aes(named("free").uses(&[CKA_ENCRYPT])).unwrap();
        let dated = named("dated").uses(&[CKA_ENCRYPT]).ulong(CKA_KEYWARD_PROTECT_STOP_DATE, now() + 5 * DAY);
        session.aes(dated).unwrap();
        let (code, said) = user(&world, &["key", "due"]);
        let lines: Vec<_> = said.lines().skip(1).filter(|line| line.starts_with("20")).collect();
        assert_eq!((code, lines.len()), (0, 3), "{said}");
        assert!(lines[0].contains("rotation") && lines[0].contains(" due ") && lines[0].contains("yearly"), "{said}");
        assert!(lines[1].contains("protect-stop") && lines[1].contains("yearly"), "{said}");
        assert!(lines[2].contains("dated") && lines[2].contains("the key's dates"), "{said}");
        let (_, json) = user(&world, &["key", "due", "--within", "1d", "--json"]);
        assert!(json.contains("\"event\":\"rotation\"") && json.contains("\"due\":true") && !json.contains("dated"), "{json}");
        let (_, report) = user(&world, &["report", "--json"]);
        assert!(report.contains("is to be rotated since") && report.contains("protects until"), "{report}");
        let (_, shown) = user(&world, &["key", "show", "tls"]);
        assert!(shown.contains("rotation due") && shown.contains("by yearly"), "{shown}");
        rotate(&world, &["tls"]);
        let (_, said) = user(&world, &["key", "due"]);
        for word in ["deactivation", "destruction", "rotation", "protect-stop"] {
            assert!(said.contains(word), "{word}: {said}");
        }
        assert!(!said.contains(" due "), "{said}");
    }
}

alone! {
    fn rotation_leaves_one_record_that_names_both() {
        let world = World::new();
        let session = world.user();
        let old = session.aes(named("data").uses(&[CKA_ENCRYPT])).unwrap();
        let json = {
            let (code, said) = user(&world, &["key", "rotate", "data", "--json"]);
            assert_eq!(code, 0, "{said}");
            said
        };
        assert!(json.contains("\"generation\":2") && json.contains("\"id\":\"012d32\""), "{json}");
        let new = text(&session, found(&session, "data", CKO_SECRET_KEY)[0], CKA_UNIQUE_ID);
        let old = text(&session, old, CKA_UNIQUE_ID);
        let (code, said) = keyward(&world, &["audit", "show", "--json"]);
        assert_eq!(code, 0, "{said}");
        let records: Vec<_> = said.lines().filter(|line| line.contains("\"rotated\"")).collect();
        assert_eq!(records.len(), 1, "{said}");
        assert!(records[0].contains(&old) && records[0].contains(&new), "{}", records[0]);
    }
}

alone! {
    fn imported_key_is_succeeded_by_one_that_is_made_here_and_is_in_force() {
        let world = World::new();
        install_text(&world, "[keys]\ninitial_state = \"pre-active\"\n");
        let session = world.user();
        let template = named("data").class(CKO_SECRET_KEY).ulong(CKA_KEY_TYPE, CKK_AES).uses(&[CKA_ENCRYPT]);
        let old = session.create(&template.bytes(CKA_VALUE, &[7; 16]).flag(CKA_SENSITIVE, false)).unwrap();
        session.set_state(old, ACTIVE).unwrap();
        rotate(&world, &["data"]);
        let new = chain(&session, "data", CKO_SECRET_KEY)[0];
        let (number, active) = (session.get_ulong(new, CKA_KEYWARD_ORIGIN).unwrap(), ACTIVE);
        assert_eq!((number, session.get_ulong(new, CKA_KEYWARD_STATE).unwrap()), (1, active));
        assert!(session.get_bool(new, CKA_LOCAL).unwrap() && !session.get_bool(new, CKA_SENSITIVE).unwrap());
        assert_eq!(session.get_ulong(new, CKA_KEY_GEN_MECHANISM).unwrap(), CKM_AES_KEY_GEN);
        assert_eq!(session.get_ulong(new, CKA_VALUE_LEN).unwrap(), 16);
        session.encrypt(&Mechanism::iv(CKM_AES_CBC_PAD, &[7; 16]), new, b"data").unwrap();
    }
}

alone! {
    fn copies_of_a_half_go_with_it_and_a_copy_of_what_was_replaced_is_no_younger() {
        let world = World::new();
        let session = world.user();
        let half = |use_of| named("tls").flag(use_of, true);
        let (_, private) = session.p256(half(CKA_VERIFY), half(CKA_SIGN)).unwrap();
        let ecdsa = Mechanism::plain(CKM_ECDSA_SHA256);
        session.sign(&ecdsa, private, b"data").unwrap();
        let copy = session.copy(private, &Template::new().label("copy")).unwrap();
        rotate(&world, &["tls"]);
        for key in [private, copy] {
            assert_eq!(session.sign_init(&ecdsa, key), Err(Rv(CKR_KEY_FUNCTION_NOT_PERMITTED)));
            assert_eq!(session.reason(), OVER);
        }
        let later = session.copy(private, &Template::new().label("later")).unwrap();
        assert!(session.sign_init(&ecdsa, later).is_err());
        let longer = Template::new().ulong(CKA_KEYWARD_PROTECT_STOP_DATE, now() + DAY);
        assert_eq!(session.copy(private, &longer).map(|_| ()), Err(Rv(CKR_ACTION_PROHIBITED)));
        let new = found(&session, "tls", CKO_PRIVATE_KEY)[0];
        session.sign(&ecdsa, new, b"data").unwrap();
    }
}
