//! Approvals are signed by who gives them, through the C ABI and the command: what ends a word, what does not, and what an
//! auditor sees of it. What a forged word comes to is shown beside the code (`src/token/approval`), where one can be made.

use super::approvals::*;
use super::audit::{judged, told};
use super::client::*;
use super::installed::{keyward, write};
use crate::alone;
use cryptoki_sys::*;
use keyward_pkcs11::audit::word::Word;

const ONE: &str = "[[rule]]\nid = \"one\"\nwhen = { label = \"root-*\" }\n\
    approvals = { need = 1, of = [\"alice\", \"bob\", \"erin\"], for = \"sign\", valid = \"10m\" }\n";

/// What a command says, which must end well, without the warnings of the files that these tests keep PINs in.
fn well(world: &World, words: &[&str]) -> String {
    let (code, said) = keyward(world, words);
    assert_eq!(code, 0, "{said}");
    said.lines().filter(|line| !line.starts_with("keyward: ")).map(|line| format!("{line}\n")).collect()
}

/// A text field of an object that one of the command's JSON lists holds; `None` where it is null.
fn field(object: &str, name: &str) -> Option<String> {
    let value = object.split_once(&format!("\"{name}\":")).unwrap().1;
    value.strip_prefix('"').map(|text| text.split_once('"').unwrap().0.to_owned())
}

/// The objects of a JSON list that begin with this field.
fn beginning_with<'j>(json: &'j str, name: &str) -> Vec<&'j str> {
    let begin = format!("{{\"{name}\":");
    json.match_indices(&begin).map(|(at, _)| &json[at..]).collect()
}

/// Who is said to have agreed to the only request, whether it verifies, and why not.
fn said(world: &World) -> Vec<(String, bool, Option<String>)> {
    let list = well(world, &["request", "list", "--pin-file", "pin", "--json"]);
    let line = |word: &&str| {
        let verifies = word.split_once("\"verifies\":").unwrap().1.starts_with("true");
        (field(word, "name").unwrap(), verifies, field(word, "why_not"))
    };
    beginning_with(&list, "name").iter().map(line).collect()
}

/// The signing key of a user, as `keyward user list --json` has it.
fn key_of(world: &World, name: &str) -> String {
    let users = well(world, &["user", "list", "--json"]);
    let user = beginning_with(&users, "name").into_iter().find(|user| field(user, "name").unwrap() == name);
    field(user.unwrap(), "signing_key").unwrap()
}

fn reset(world: &World, name: &str) {
    well(world, &["user", "set-pin", name, "--so-pin-file", "so", "--pin-file", name]);
}

alone! {
    fn pin_that_the_so_sets_ends_a_word_and_one_that_its_user_sets_does_not() {
        let world = peopled(TWO_OF_THREE);
        let session = world.user();
        let (_, private) = pair(&session, "root-ca");
        refused(&session, session.sign(&ecdsa(), private, b"data"), APPROVAL);
        let id = request(&world);
        let (alice, bob) = (key_of(&world, "alice"), key_of(&world, "bob"));
        assert!(alice.len() == 64 && alice != bob);
        approved(&world, &id, &["alice", "bob"]);
        assert_eq!(said(&world), [("alice".into(), true, None), ("bob".into(), true, None)]);

        // Bob takes another PIN: his key is the one he had, and what he said holds.
        let other = world.module.read_write(world.slot);
        other.logout().unwrap();
        log_in_as(&other, "bob");
        other.set_pin("bob-pin", "bob-pin-2").unwrap();
        other.logout().unwrap();
        write(&world, "bob", "bob-pin-2");
        assert_eq!(key_of(&world, "bob"), bob);
        // The SO sets Alice's PIN, which makes the word of who knew the old one nobody's.
        reset(&world, "alice");
        assert_ne!(key_of(&world, "alice"), alice);
        let why = "it is not signed with the key that this user has now";
        assert_eq!(said(&world), [("alice".into(), false, Some(why.into())), ("bob".into(), true, None)]);
        let list = well(&world, &["request", "list", "--pin-file", "pin"]);
        assert!(list.contains(&format!("alice (does not count: {why}), bob")), "{list}");

        session.login(CKU_USER, USER_PIN).unwrap();
        let private = session.find(&Template::new().label("root-ca").class(CKO_PRIVATE_KEY)).unwrap()[0];
        refused(&session, session.sign(&ecdsa(), private, b"data"), APPROVAL);
        let told = format!("approved by bob; the word of alice does not count: {why}");
        assert!(world.log().contains(&told), "{}", world.log());
        approved(&world, &id, &["alice"]);
        session.sign(&ecdsa(), private, b"data").unwrap();
    }
}

alone! {
    fn user_who_was_removed_and_added_again_has_said_nothing() {
        let world = peopled(ONE);
        let session = world.user();
        let (_, private) = pair(&session, "root-ca");
        refused(&session, session.sign(&ecdsa(), private, b"data"), APPROVAL);
        approved(&world, &request(&world), &["alice"]);
        well(&world, &["user", "remove", "alice", "--yes", "--so-pin-file", "so"]);
        assert_eq!(said(&world)[0].2.as_deref(), Some("no user has this name any more"));
        well(&world, &["user", "add", "alice", "--so-pin-file", "so", "--pin-file", "alice"]);
        assert!(!said(&world)[0].1);
        refused(&session, session.sign(&ecdsa(), private, b"data"), APPROVAL);
    }
}

alone! {
    fn security_officer_with_a_name_signs_too() {
        let world = peopled(ONE);
        write(&world, "erin", "erin-pin");
        well(&world, &["user", "add", "erin", "--so", "--so-pin-file", "so", "--pin-file", "erin"]);
        let session = world.user();
        let (_, private) = pair(&session, "root-ca");
        refused(&session, session.sign(&ecdsa(), private, b"data"), APPROVAL);
        approved(&world, &request(&world), &["erin"]);
        assert_eq!(said(&world), [("erin".into(), true, None)]);
        session.sign(&ecdsa(), private, b"data").unwrap();
    }
}

alone! {
    fn auditor_checks_each_word_with_the_key_that_the_trail_gave_its_user() {
        let world = peopled(TWO_OF_THREE);
        let session = world.user();
        let (_, private) = pair(&session, "root-ca");
        refused(&session, session.sign(&ecdsa(), private, b"data"), APPROVAL);
        let id = request(&world);
        approved(&world, &id, &["alice", "carol"]);
        session.sign(&ecdsa(), private, b"data").unwrap();
        let keys = ["alice", "carol"].map(|name| key_of(&world, name));
        let uid = session.get(private, CKA_UNIQUE_ID).unwrap();

        // For people and programs.
        let shown = well(&world, &["audit", "show", "--json", "--op", "spend-approval"]);
        let told_of = |word: &&str| {
            assert!(word.contains("\"verifies\":true"), "{word}");
            ["approver", "signing_key", "request"].map(|name| field(word, name).unwrap())
        };
        let [alice, carol] = &keys;
        assert_eq!(beginning_with(&shown, "approver").iter().map(told_of).collect::<Vec<_>>(), [
            ["alice", alice, &id].map(str::to_owned),
            ["carol", carol, &id].map(str::to_owned),
        ]);
        let verified = well(&world, &["audit", "verify"]);
        assert!(verified.contains("the trail holds") && !verified.contains("signed with the key"), "{verified}");

        // And by hand.
        let (report, entries) = judged(&world);
        assert!(report.holds(), "{report:?}");
        let given = told(&entries, "add-user");
        for (entry, name) in told(&entries, "approve").into_iter().zip(["alice", "carol"]) {
            assert_eq!(entry.event.words.len(), 1);
            let word = Word::decode(&entry.event.words[0]).unwrap();
            assert!(word.is_signed());
            let user = given.iter().find(|entry| entry.event.label == name).unwrap();
            assert_eq!((user.event.signer, word.statement.approver.as_str()), (Some(word.key), name));
            let said = &word.statement;
            assert_eq!((said.operation.as_str(), said.requester.as_str(), said.valid_seconds), ("sign", "user", 600));
            assert_eq!((said.mechanism, said.object), (Some(CKM_ECDSA_SHA256), entry.event.object));
            assert_eq!(keyward_pkcs11::store::Uid(said.object).to_string().as_bytes(), uid);
        }
    }
}
