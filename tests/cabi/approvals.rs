//! `approvals` and `escrow` of a policy, through the C ABI and the command: others must agree before a key is used, and a
//! copy must be kept of it; what they said is spent by one use, whoever is faster.

use super::audit::{judged, told};
use super::client::*;
use super::installed::{install_text, keyward, write};
use crate::{alone, call};
use cryptoki_sys::*;
use keyward_pkcs11::audit::Kind;
use std::sync::atomic::{AtomicUsize, Ordering};

pub const APPROVAL: CK_ULONG = 0x806;
const NOT_BACKED_UP: CK_ULONG = 0x807;
const ESCROW: CK_ULONG = 0x60B;
const TEMPLATE_CONFLICT: CK_ULONG = 0x701;
const CKA_KEYWARD_ESCROW_DATE: CK_ATTRIBUTE_TYPE = 0xCB57_0012;
const PROHIBITED: Rv = Rv(CKR_ACTION_PROHIBITED);

pub const TWO_OF_THREE: &str = "[[rule]]\nid = \"two-agree\"\nwhy = \"Two officers agree to each use\"\n\
    when = { label = \"root-*\" }\n\
    approvals = { need = 2, of = [\"alice\", \"bob\", \"carol\"], for = [\"sign\", \"destroy\"], valid = \"10m\" }\n";

pub fn ecdsa() -> Mechanism {
    Mechanism::plain(CKM_ECDSA_SHA256)
}

/// A world with alice, bob, carol and dave (their PINs are their names and "-pin"), under a policy.
pub fn peopled(policy: &str) -> World {
    let world = World::new();
    install_text(&world, policy);
    for name in ["alice", "bob", "carol", "dave"] {
        write(&world, name, &format!("{name}-pin"));
        let (code, said) = keyward(&world, &["user", "add", name, "--so-pin-file", "so", "--pin-file", name]);
        assert_eq!(code, 0, "{said}");
    }
    world
}

pub fn approve(world: &World, request: &str, name: &str) -> (i32, String) {
    keyward(world, &["approve", request, "--user", name, "--pin-file", name])
}

pub fn approved(world: &World, request: &str, by: &[&str]) {
    for name in by {
        let (code, said) = approve(world, request, name);
        assert_eq!(code, 0, "{said}");
    }
}

/// The requests that lie open, a line each, as the command tells them.
pub fn requests(world: &World) -> Vec<String> {
    let (code, said) = keyward(world, &["request", "list", "--pin-file", "pin"]);
    assert_eq!(code, 0, "{said}");
    // The command warns of the files that these tests keep PINs in.
    said.lines().skip(1).filter(|line| !line.starts_with("keyward: ")).map(str::to_owned).collect()
}

fn named(request: &str) -> &str {
    request.split_whitespace().next().unwrap()
}

/// The one request there is.
pub fn request(world: &World) -> String {
    let all = requests(world);
    assert_eq!(all.len(), 1, "{all:?}");
    named(&all[0]).to_owned()
}

pub fn pair(session: &Session<'_>, label: &str) -> (Key, Key) {
    let half = |use_of| Template::token().label(label).flag(use_of, true);
    session.p256(half(CKA_VERIFY), half(CKA_SIGN)).unwrap()
}

pub fn refused<T: std::fmt::Debug>(session: &Session<'_>, answer: Answer<T>, reason: CK_ULONG) {
    assert_eq!(answer.err(), Some(PROHIBITED));
    assert_eq!(session.reason(), reason);
}

pub fn log_in_as(session: &Session<'_>, name: &str) {
    let pin = format!("{name}-pin");
    let ((mut name, name_len), (mut pin, pin_len)) = (bytes(name.as_bytes()), bytes(pin.as_bytes()));
    let places = (pin.as_mut_ptr(), name.as_mut_ptr());
    call!(session.module, C_LoginUser, session.handle, CKU_USER, places.0, pin_len, places.1, name_len)
        .unwrap();
}

alone! {
    fn two_must_agree_before_a_key_signs_once() {
        let world = peopled(TWO_OF_THREE);
        let session = world.user();
        let (public, private) = pair(&session, "root-ca");
        refused(&session, session.sign(&ecdsa(), private, b"data"), APPROVAL);
        let id = request(&world);
        assert!(world.log().contains(&format!("request {id} is open: keyward approve {id}")), "{}", world.log());
        // To try again opens no second one.
        refused(&session, session.sign(&ecdsa(), private, b"data"), APPROVAL);
        assert_eq!(request(&world), id);
        let (code, said) = approve(&world, &id, "alice");
        assert_eq!((code, said.contains("approved by alice")), (0, true), "{said}");
        refused(&session, session.sign(&ecdsa(), private, b"data"), APPROVAL);
        // The same person does not count twice.
        approved(&world, &id, &["alice"]);
        refused(&session, session.sign(&ecdsa(), private, b"data"), APPROVAL);
        approved(&world, &id, &["carol"]);
        let signature = session.sign(&ecdsa(), private, b"data").unwrap();
        // To verify nobody is asked.
        session.verify(&ecdsa(), public, b"data", &signature).unwrap();
        assert!(requests(&world).is_empty());
        refused(&session, session.sign(&ecdsa(), private, b"data"), APPROVAL);
        assert_ne!(request(&world), id);
        // Other keys wait for nobody.
        let (_, other) = pair(&session, "web");
        session.sign(&ecdsa(), other, b"data").unwrap();
        let (report, entries) = judged(&world);
        assert!(report.holds(), "{report:?}");
        let said: Vec<_> = entries
            .iter()
            .filter(|entry| entry.event.kind == Kind::Approval)
            .map(|entry| (entry.event.operation.as_ref(), entry.event.user.as_str()))
            .collect();
        assert_eq!(said, [
            ("request", "user"),
            ("approve", "user:alice"),
            ("approve", "user:alice"),
            ("approve", "user:carol"),
            ("spend-approval", "user"),
            ("request", "user"),
        ]);
        let spent = told(&entries, "spend-approval")[0];
        let detail = format!("request {id}: sign for user; approved by alice, carol");
        assert_eq!((spent.event.label.as_str(), spent.event.detail.as_str()), ("root-ca", detail.as_str()));
    }
}

alone! {
    fn approval_is_for_one_requester_operation_key_and_mechanism() {
        let world = peopled(TWO_OF_THREE);
        let session = world.user();
        let (_, private) = pair(&session, "root-ca");
        let (_, other) = pair(&session, "root-tsa");
        refused(&session, session.sign(&ecdsa(), private, b"data"), APPROVAL);
        approved(&world, &request(&world), &["alice", "bob"]);
        let sha384 = Mechanism::plain(CKM_ECDSA_SHA384);
        refused(&session, session.sign(&sha384, private, b"data"), APPROVAL);
        refused(&session, session.sign(&ecdsa(), other, b"data"), APPROVAL);
        refused(&session, session.destroy(private), APPROVAL);
        session.logout().unwrap();
        log_in_as(&session, "dave");
        let private = session.find(&Template::new().label("root-ca").class(CKO_PRIVATE_KEY)).unwrap()[0];
        refused(&session, session.sign(&ecdsa(), private, b"data"), APPROVAL);
        session.logout().unwrap();
        assert_eq!(requests(&world).len(), 5);
        session.login(CKU_USER, USER_PIN).unwrap();
        let private = session.find(&Template::new().label("root-ca").class(CKO_PRIVATE_KEY)).unwrap()[0];
        session.sign(&ecdsa(), private, b"data").unwrap();
        assert_eq!(requests(&world).len(), 4);
    }
}

alone! {
    fn nobody_approves_what_they_ask_for_and_strangers_approve_nothing() {
        let world = peopled(TWO_OF_THREE);
        let session = world.user();
        pair(&session, "root-ca");
        session.logout().unwrap();
        log_in_as(&session, "carol");
        let private = session.find(&Template::new().label("root-ca").class(CKO_PRIVATE_KEY)).unwrap()[0];
        refused(&session, session.sign(&ecdsa(), private, b"data"), APPROVAL);
        let id = request(&world);
        for (name, reason) in [("carol", "nobody agrees to what they ask for"), ("dave", "was not asked")] {
            let (code, said) = approve(&world, &id, name);
            assert!(code == 1 && said.contains(reason), "{code} {said}");
        }
        let (code, said) = approve(&world, "00000000", "alice");
        assert!(code == 1 && said.contains("no request 00000000 is open"), "{code} {said}");
        let (code, said) = keyward(&world, &["approve", &id, "--user", "alice", "--pin-file", "bob"]);
        assert!(code == 1 && said.contains("PIN is wrong"), "{code} {said}");
        approved(&world, &id, &["alice", "bob"]);
        session.sign(&ecdsa(), private, b"data").unwrap();
        // Without a login nobody can be asked: what is private is not even there, and a request cannot be kept.
        let (code, said) = keyward(&world, &["request", "list", "--user", "mallory", "--pin-file", "bob"]);
        assert!(code == 1 && said.contains("PIN is wrong"), "{code} {said}");
    }
}

alone! {
    fn one_approval_is_spent_by_one_of_many_threads() {
        let world = peopled("[[rule]]\nid = \"r\"\nwhen = { label = \"root-*\" }\n\
                             approvals = { need = 1, of = \"alice\", for = \"sign\" }\n");
        let session = world.user();
        let (_, private) = pair(&session, "root-ca");
        for _ in 0..3 {
            refused(&session, session.sign(&ecdsa(), private, b"data"), APPROVAL);
            approved(&world, &request(&world), &["alice"]);
            let signed = AtomicUsize::new(0);
            std::thread::scope(|scope| {
                for _ in 0..8 {
                    scope.spawn(|| {
                        let session = world.module.read_only(world.slot);
                        match session.sign(&ecdsa(), private, b"data") {
                            Ok(_) => { signed.fetch_add(1, Ordering::Relaxed); }
                            Err(error) => assert_eq!(error, PROHIBITED),
                        }
                    });
                }
            });
            assert_eq!(signed.load(Ordering::Relaxed), 1);
            // The losers have asked again.
            let (code, said) = keyward(&world, &["request", "refuse", &request(&world), "--pin-file", "pin"]);
            assert_eq!(code, 0, "{said}");
        }
    }
}

alone! {
    fn destruction_waits_by_either_way_and_suspension_does_not() {
        let world = peopled(TWO_OF_THREE);
        let session = world.user();
        let (_, private) = pair(&session, "root-ca");
        refused(&session, session.destroy(private), APPROVAL);
        refused(&session, session.set_state(private, DESTROYED), APPROVAL);
        assert!(requests(&world)[0].contains(" destroy "));
        let id = request(&world);
        session.set_state(private, SUSPENDED).unwrap();
        approved(&world, &id, &["alice", "bob"]);
        session.set_state(private, DESTROYED).unwrap();
        assert!(requests(&world).is_empty());
        // The command asks in the same way.
        pair(&session, "root-2");
        let destroy = ["key", "destroy", "root-2", "--yes", "--pin-file", "pin"];
        let (code, said) = keyward(&world, &destroy);
        assert!(code == 1 && said.contains("needs the approval of 2 of alice, bob, carol"), "{said}");
        approved(&world, &request(&world), &["alice", "bob"]);
        let (code, said) = keyward(&world, &destroy);
        assert_eq!(code, 0, "{said}");
    }
}

alone! {
    fn each_message_of_an_operation_asks_for_itself() {
        let world = peopled("[[rule]]\nid = \"r\"\nwhen = { label = \"root-*\" }\n\
                             approvals = { need = 1, of = \"alice\", for = \"sign\" }\n");
        let session = world.user();
        let (_, private) = pair(&session, "root-ca");
        let init = || ecdsa().with(|mechanism| call!(session.module, C_MessageSignInit, session.handle, mechanism, private));
        refused(&session, init(), APPROVAL);
        approved(&world, &request(&world), &["alice"]);
        init().unwrap();
        let message = || {
            let (mut data, data_len) = bytes(b"one message");
            let (mut out, mut out_len) = ([0u8; 64], 64);
            call!(session.module, C_SignMessage, session.handle, std::ptr::null_mut(), 0, data.as_mut_ptr(), data_len,
                out.as_mut_ptr(), &mut out_len)
        };
        message().unwrap();
        refused(&session, message(), APPROVAL);
    }
}

alone! {
    fn call_that_only_asks_for_a_length_costs_nobodys_word() {
        let world = peopled("[[rule]]\nid = \"r\"\nwhen = { label = \"root-*\" }\n\
                             approvals = { need = 1, of = \"alice\", for = [\"wrap-target\", \"reveal\"] }\n");
        let session = world.user();
        let wrapping = session.aes(Template::token().label("kek").uses(&[CKA_WRAP])).unwrap();
        let open = Template::token().label("root-data").flag(CKA_EXTRACTABLE, true).flag(CKA_SENSITIVE, false);
        let key = session.aes(open.uses(&[CKA_ENCRYPT])).unwrap();
        let kwp = Mechanism::plain(CKM_AES_KEY_WRAP_KWP);
        // Two calls each: the first asks for the length, and gives the word back.
        refused(&session, session.wrap(&kwp, wrapping, key), APPROVAL);
        approved(&world, &request(&world), &["alice"]);
        assert_eq!(session.wrap(&kwp, wrapping, key).unwrap().len(), 40);
        refused(&session, session.wrap(&kwp, wrapping, key), APPROVAL);
        let id = request(&world);
        assert_eq!(session.get(key, CKA_VALUE).err(), Some(Rv(CKR_ATTRIBUTE_SENSITIVE)));
        let asked = requests(&world).into_iter().find(|line| named(line) != id).unwrap();
        assert!(asked.contains(" reveal "), "{asked}");
        approved(&world, named(&asked), &["alice"]);
        assert_eq!(session.get(key, CKA_VALUE).unwrap().len(), 32);
        assert_eq!(session.get(key, CKA_VALUE).err(), Some(Rv(CKR_ATTRIBUTE_SENSITIVE)));
        let (report, entries) = judged(&world);
        assert!(report.holds(), "{report:?}");
        assert!(!report.findings.iter().any(|finding| finding.what.contains("was spent")), "{report:?}");
        // What came back is all but the two that were done.
        let (spent, back) = (told(&entries, "spend-approval").len(), told(&entries, "return-approval").len());
        assert!(back >= 2 && spent == back + 2, "{spent} {back}");
    }
}

alone! {
    fn word_of_a_user_who_was_removed_does_not_count() {
        let world = peopled(TWO_OF_THREE);
        let session = world.user();
        let (_, private) = pair(&session, "root-ca");
        refused(&session, session.sign(&ecdsa(), private, b"data"), APPROVAL);
        let id = request(&world);
        approved(&world, &id, &["alice", "bob"]);
        let (code, said) = keyward(&world, &["user", "remove", "bob", "--yes", "--so-pin-file", "so"]);
        assert_eq!(code, 0, "{said}");
        refused(&session, session.sign(&ecdsa(), private, b"data"), APPROVAL);
        approved(&world, &id, &["carol"]);
        session.sign(&ecdsa(), private, b"data").unwrap();
    }
}

alone! {
    fn request_is_taken_away_by_who_was_asked_or_asks_and_by_nobody_else() {
        let world = peopled(TWO_OF_THREE);
        let session = world.user();
        let (_, private) = pair(&session, "root-ca");
        let open = || {
            refused(&session, session.sign(&ecdsa(), private, b"data"), APPROVAL);
            request(&world)
        };
        let refuse = |id: &str, words: &[&str]| keyward(&world, &[&["request", "refuse", id], words].concat());
        let id = open();
        let (code, said) = refuse(&id, &["--user", "dave", "--pin-file", "dave"]);
        assert!(code == 1 && said.contains("has neither opened it nor was asked"), "{said}");
        assert_eq!(refuse(&id, &["--user", "alice", "--pin-file", "alice"]).0, 0);
        assert!(requests(&world).is_empty());
        assert_eq!(refuse(&open(), &["--pin-file", "pin"]).0, 0);
        let (code, said) = refuse("12345678", &["--pin-file", "pin"]);
        assert!(code == 1 && said.contains("no request 12345678 is open"), "{said}");
    }
}

alone! {
    fn neither_a_new_name_nor_a_copy_leads_out_of_a_rule() {
        let world = peopled(TWO_OF_THREE);
        let session = world.user();
        let (_, private) = pair(&session, "root-ca");
        let conflict = Rv(CKR_TEMPLATE_INCONSISTENT);
        assert_eq!(session.set(private, &Template::new().label("mine")), Err(conflict));
        assert_eq!(session.reason(), TEMPLATE_CONFLICT);
        session.set(private, &Template::new().label("root-of-all")).unwrap();
        // A key whose purpose is fixed may be copied.
        refused(&session, session.sign(&ecdsa(), private, b"data"), APPROVAL);
        assert_eq!(session.copy(private, &Template::new().label("mine")).err(), Some(conflict));
        let copy = session.copy(private, &Template::new().label("root-2")).unwrap();
        refused(&session, session.sign(&ecdsa(), copy, b"data"), APPROVAL);
    }
}

alone! {
    fn explain_tells_who_is_missing_and_asks_nobody() {
        let world = peopled(TWO_OF_THREE);
        let session = world.user();
        let (_, private) = pair(&session, "root-ca");
        let explain = || {
            let words = ["policy", "explain", "--key", "root-ca", "--op", "sign", "--mechanism", "CKM_ECDSA_SHA256",
                "--pin-file", "pin"];
            keyward(&world, &words)
        };
        let (code, said) = explain();
        assert!(code == 1 && said.contains("trying it opens a request"), "{said}");
        assert!(requests(&world).is_empty());
        refused(&session, session.sign(&ecdsa(), private, b"data"), APPROVAL);
        let id = request(&world);
        approved(&world, &id, &["alice", "bob"]);
        let (code, said) = explain();
        assert!(code == 0 && said.contains("all who must agree have"), "{said}");
        assert_eq!(request(&world), id);
        session.sign(&ecdsa(), private, b"data").unwrap();
    }
}

alone! {
    fn key_that_must_be_backed_up_is_not_used_before_it_is() {
        let world = World::new();
        install_text(&world, "[[rule]]\nid = \"kept\"\nwhen = { label = \"disk*\" }\nescrow = \"required\"\n");
        let session = world.user();
        let cbc = || Mechanism::iv(CKM_AES_CBC_PAD, &[0; 16]);
        let aes = |label: &str, token| {
            let template = Template::new().flag(CKA_TOKEN, token).label(label).flag(CKA_EXTRACTABLE, true);
            session.aes(template.uses(&[CKA_ENCRYPT, CKA_DECRYPT])).unwrap()
        };
        let key = aes("disk", true);
        refused(&session, session.encrypt(&cbc(), key, b"data"), NOT_BACKED_UP);
        refused(&session, session.decrypt(&cbc(), key, &[0; 16]), NOT_BACKED_UP);
        session.encrypt(&cbc(), aes("web", true), b"data").unwrap();
        // What was made in the second in which the copy is begun may be missing there.
        std::thread::sleep(std::time::Duration::from_millis(1100));
        let (code, said) = keyward(&world, &["backup", "spare"]);
        assert_eq!(code, 0, "{said}");
        session.encrypt(&cbc(), key, b"data").unwrap();
        let newer = aes("disk-2", true);
        refused(&session, session.encrypt(&cbc(), newer, b"data"), NOT_BACKED_UP);

        // A key that left wrapped is kept elsewhere, too; the length of it is nothing.
        let wrapping = session.aes(Template::token().label("kek").uses(&[CKA_WRAP, CKA_UNWRAP])).unwrap();
        let kwp = Mechanism::plain(CKM_AES_KEY_WRAP_KWP);
        for key in [newer, aes("disk-3", false)] {
            refused(&session, session.encrypt(&cbc(), key, b"data"), NOT_BACKED_UP);
            assert!(session.get(key, CKA_KEYWARD_ESCROW_DATE).is_err());
            let mut len = 0;
            kwp.with(|mechanism| call!(session.module, C_WrapKey, session.handle, mechanism, wrapping, key,
                std::ptr::null_mut(), &mut len)).unwrap();
            refused(&session, session.encrypt(&cbc(), key, b"data"), NOT_BACKED_UP);
            session.wrap(&kwp, wrapping, key).unwrap();
            session.encrypt(&cbc(), key, b"data").unwrap();
            assert!(session.get_ulong(key, CKA_KEYWARD_ESCROW_DATE).unwrap() > 0);
        }

        // A store that came from a copy has copies of what is in it.
        world.stop();
        let moved = world.store().with_file_name("moved");
        std::fs::rename(world.store(), moved).unwrap();
        let (code, said) = keyward(&world, &["restore", "spare"]);
        assert_eq!(code, 0, "{said}");
        world.start();
        let session = world.user();
        let key = session.find(&Template::new().label("disk")).unwrap()[0];
        session.encrypt(&cbc(), key, b"data").unwrap();
    }
}

alone! {
    fn key_of_which_no_copy_may_be_kept_never_leaves_wrapped() {
        let world = World::new();
        install_text(&world, "[[rule]]\nid = \"ours\"\nwhen = { label = \"hmac*\" }\nescrow = \"forbidden\"\n");
        let session = world.user();
        let wrapping = session.aes(Template::token().label("kek").uses(&[CKA_WRAP])).unwrap();
        let kwp = Mechanism::plain(CKM_AES_KEY_WRAP_KWP);
        for (label, answer) in [("hmac", Err(Rv(CKR_KEY_UNEXTRACTABLE))), ("web", Ok(()))] {
            let template = Template::token().label(label).flag(CKA_EXTRACTABLE, true).uses(&[CKA_ENCRYPT]);
            let key = session.aes(template).unwrap();
            assert_eq!(session.wrap(&kwp, wrapping, key).map(|_| ()), answer);
            if answer.is_err() {
                assert_eq!(session.reason(), ESCROW);
            }
        }
    }
}
