//! Words and who can make them. Whoever holds the token's key is here this module itself, which writes into the row.

use super::*;
use crate::api::Module;
use crate::ck::SessionHandle;
use crate::crypto::attest::{PublicKey, SigningKey};
use crate::guard::Role;
use crate::object::{Attributes, Value};
use crate::store::TokenRecord;
use crate::token::rehearsal::{PIN, mac, mac_key, ready, told};
use crate::token::{User, UserName};
use cryptoki_sys::CKA_LABEL;
use std::path::Path;
use std::sync::Arc;

const POLICY: &str = "policy = 1\n[[rule]]\nid = \"one\"\nwhen = { label = \"root-*\" }\n\
                      approvals = { need = 1, of = [\"alice\", \"bob\"], for = \"sign\", valid = \"10m\" }\n";

struct World {
    module: Module,
    token: Arc<Token>,
    session: SessionHandle,
}

fn pin_of(name: &str) -> Pin {
    Pin::from_slice(format!("{name}-pin").as_bytes())
}

fn named(name: &str) -> User {
    User::named(Role::User, UserName::parse(name.as_bytes()).unwrap())
}

impl World {
    /// A key that alice or bob must agree to, and the token's user logged in.
    fn new(folder: &Path) -> Self {
        let (module, _, session) = ready(POLICY, folder);
        let token = Arc::clone(&module.slots().tokens().unwrap()[0]);
        mac_key(&module, session, "root-1", true).unwrap();
        let world = Self { module, token, session };
        world.officer(|token| {
            for name in ["alice", "bob"] {
                let user = named(name);
                assert!(token.add_user(Role::User, user.name.as_ref().unwrap(), &pin_of(name)).unwrap());
            }
        });
        world
    }

    fn login(&self, user: User, pin: &Pin) {
        if self.token.role() != Role::Public {
            self.token.logout().unwrap();
        }
        self.token.login(user, pin).unwrap();
    }

    /// Does something as the SO, and comes back as the token's user.
    fn officer(&self, work: impl FnOnce(&Token)) {
        self.login(User::standard(Role::SecurityOfficer), &Pin::from_slice(PIN));
        work(&self.token);
        self.login(User::standard(Role::User), &Pin::from_slice(PIN));
    }

    /// Agrees to the one request as somebody, and comes back as the token's user.
    fn approve(&self, name: &str) {
        self.login(named(name), &pin_of(name));
        let id = self.request().id;
        assert!(matches!(self.token.approve(&id, &pin_of(name)), Ok(Said::Done(_))));
        self.login(User::standard(Role::User), &Pin::from_slice(PIN));
    }

    fn use_key(&self) -> Result<()> {
        // A logout takes the handles of private keys.
        let mut template = Attributes::default();
        template.set(CKA_LABEL, Value::Bytes(b"root-1".to_vec()));
        let key = self.token.find(&template).unwrap()[0];
        mac(&self.module, self.session, key)
    }

    /// Tries the key, which must be refused.
    fn refused(&self) {
        assert_eq!(self.use_key(), Err(Error::ActionProhibited));
    }

    fn request(&self) -> ApprovalRequest {
        let mut all = self.token.requests().unwrap();
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }

    /// What the one request is worth now.
    fn standings(&self) -> Vec<Standing> {
        self.request().given.iter().map(|given| given.standing).collect()
    }

    /// Writes into the row with the token's key, as any process can in which somebody is logged in.
    fn write(&self, change: impl Fn(&mut ApprovalRequest)) {
        let change = |list: &mut Vec<ApprovalRequest>, _: &Signers| {
            list.iter_mut().for_each(&change);
            Ok(())
        };
        self.token.with_requests(self.token.guard.now(), change).unwrap();
    }

    fn record(&self) -> TokenRecord {
        self.token.store.token(&self.token.serial).unwrap().unwrap()
    }

    fn key_of(&self, name: &str) -> Option<PublicKey> {
        Signers::of(&self.token.login.load().vault, &self.record()).unwrap().key_of(name)
    }

    /// What a judge finds in the trail, which must hold.
    fn findings(&self) -> Vec<String> {
        let trail = self.token.guard.trail().unwrap();
        trail.close().unwrap();
        let report = trail.verify(&trail.copy(&[]).unwrap(), None, None);
        assert!(report.holds(), "{report:?}");
        report.findings.into_iter().map(|finding| finding.what).collect()
    }

    /// Makes a user's row what it was before there were signing keys.
    fn make_old(&self, name: &str) {
        let (vault, row) = (Arc::clone(&self.token.login.load().vault), named(name).row());
        let cut = |record: &mut TokenRecord| {
            let user = record.users.iter_mut().find(|user| user.name == row).unwrap();
            // Salt, three numbers, the wrapped key.
            user.credential.truncate(8 + 16 + 3 * 8 + 8 + 60);
            Ok(true)
        };
        assert!(self.token.change_users(&vault, cut).unwrap());
        assert_eq!(self.key_of(name), None);
    }
}

#[test]
fn names_of_askers_are_those_of_named_users_alone() {
    assert_eq!(name_of("user:dave"), Some("dave"));
    assert_eq!(name_of("so:user:x"), Some("user:x"));
    assert_eq!(name_of("user"), None);
}

#[test]
fn word_that_was_written_with_the_tokens_key_alone_does_not_count() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path());
    world.refused();
    // A true word of alice to a request that is gone, to take parts from.
    world.approve("alice");
    assert_eq!(world.standings(), [Standing::Good]);
    let true_word = world.request().given[0].clone();
    assert!(matches!(world.token.refuse_request(&world.request().id), Ok(Said::Done(_))));
    world.refused();
    let (own, now) = (SigningKey::generate().unwrap(), world.token.guard.now());
    let alice = world.key_of("alice").unwrap();
    let word = Word::sign(statement(&world.token.serial, &world.request(), "alice", now), &own).unwrap();
    for (forged, standing) in [
        (Given { signed: None, ..true_word.clone() }, Standing::Unsigned),
        // Signed, and by whom: alice's row says who it is.
        (
            Given { at: now, signed: Some((word.key, word.signature)), ..true_word.clone() },
            Standing::OtherKey,
        ),
        (Given { at: now, signed: Some((alice, word.signature)), ..true_word.clone() }, Standing::Forged),
        // What alice said to another request, and at another time.
        (true_word.clone(), Standing::Forged),
        (Given { at: now + 60, ..true_word.clone() }, Standing::Forged),
        // Under another name.
        (Given { by: "mallory".into(), ..true_word }, Standing::Removed),
    ] {
        world.write(|request| request.given = vec![forged.clone()]);
        assert_eq!(world.standings(), [standing]);
        world.refused();
    }
    world.write(|request| request.given.clear());
    // A true word counts; and with a request that was changed behind it, it does not.
    world.approve("alice");
    assert_eq!(world.standings(), [Standing::Good]);
    let opened = world.request().opened;
    let changes: [fn(&mut ApprovalRequest); 4] = [
        |request| request.opened += 1,
        |request| request.valid_seconds += 1,
        |request| request.id = "00000000".into(),
        |request| request.given[0].at += 1,
    ];
    for change in changes {
        let before = world.request();
        world.write(change);
        assert_eq!(world.standings(), [Standing::Forged]);
        world.refused();
        world.write(|request| *request = before.clone());
    }
    assert_eq!((world.standings(), world.request().opened), (vec![Standing::Good], opened));
    world.use_key().unwrap();
    world.refused();
}

#[test]
fn word_of_another_token_does_not_count() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path());
    world.refused();
    let opened = world.token.verify_pin(&named("alice"), &pin_of("alice")).unwrap();
    let key = opened.signing_key().unwrap().unwrap();
    let at = world.token.guard.now();
    for (serial, standing) in
        [("0000000000000000", Standing::Forged), (world.token.serial.as_str(), Standing::Good)]
    {
        world.write(|request| {
            let word = Word::sign(statement(serial, request, "alice", at), &key).unwrap();
            let signed = Some((word.key, word.signature));
            request.given = vec![Given { by: "alice".into(), at, signed, standing: Standing::Unseen }];
        });
        assert_eq!(world.standings(), [standing]);
    }
}

#[test]
fn pin_that_the_so_sets_ends_what_was_said_and_one_that_the_user_sets_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path());
    world.refused();
    world.approve("alice");
    let key = world.key_of("alice");
    world.login(named("alice"), &pin_of("alice"));
    world.token.change_pin(&pin_of("alice"), &pin_of("other")).unwrap();
    assert_eq!((world.key_of("alice"), world.standings()), (key, vec![Standing::Good]));
    let id = world.request().id;
    // The PIN before opens nothing, and a good word is not lost by a wrong PIN.
    let failures = || world.token.named_users().unwrap()[0].failures;
    assert_eq!(world.token.approve(&id, &pin_of("alice")), Err(Error::PinIncorrect));
    assert_eq!((world.standings(), failures()), (vec![Standing::Good], 1));
    assert!(matches!(world.token.approve(&id, &pin_of("other")), Ok(Said::Done(_))));
    assert_eq!(failures(), 0);
    let alice = named("alice").name.unwrap();
    world.officer(|token| assert!(token.reset_user(&alice, &pin_of("alice")).unwrap()));
    assert_ne!(world.key_of("alice"), key);
    assert_eq!(world.standings(), [Standing::OtherKey]);
    world.refused();
    world.approve("alice");
    world.use_key().unwrap();
    let told = told(&world.module);
    let keys: Vec<_> = told.iter().filter_map(|entry| entry.event.signer).collect();
    assert!(keys.len() == 3 && keys[0] == key.unwrap() && keys[2] != keys[0], "{keys:?}");
    // A wrong PIN is told of like one of a login.
    let wrong = |entry: &&crate::audit::read::Entry| {
        entry.event.operation == "context-login" && entry.event.result == Error::PinIncorrect.code()
    };
    assert_eq!(told.iter().filter(wrong).count(), 1);
}

#[test]
fn user_from_before_signing_keys_gets_one_with_the_first_word_or_the_next_pin() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path());
    world.refused();
    world.approve("bob");
    for name in ["alice", "bob"] {
        world.make_old(name);
    }
    // A word whose key is gone from its user's row says nothing.
    assert_eq!(world.standings(), [Standing::OtherKey]);
    world.refused();
    world.approve("alice");
    let key = world.key_of("alice").unwrap();
    assert_eq!(world.standings(), [Standing::OtherKey, Standing::Good]);
    world.login(named("bob"), &pin_of("bob"));
    world.token.change_pin(&pin_of("bob"), &pin_of("other")).unwrap();
    let bob = world.key_of("bob").unwrap();
    world.login(User::standard(Role::User), &Pin::from_slice(PIN));
    world.use_key().unwrap();
    let told = told(&world.module);
    let given: Vec<_> = told
        .iter()
        .filter(|entry| entry.event.operation == "signing-key")
        .map(|entry| (entry.event.label.as_str(), entry.event.signer))
        .collect();
    assert_eq!(given, [("alice", Some(key)), ("bob", Some(bob))]);
}

#[test]
fn key_in_a_row_that_the_token_did_not_seal_is_nobodys() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path());
    let (vault, mut record) = (Arc::clone(&world.token.login.load().vault), world.record());
    let row = named("alice").row();
    let user = record.users.iter_mut().find(|user| user.name == row).unwrap();
    // The public half stands behind the version and its own length.
    user.credential[8 + 16 + 3 * 8 + 8 + 60 + 8 + 8] ^= 1;
    assert_eq!(Signers::of(&vault, &record).err(), Some(Error::DeviceError));
}

/// What the signature is no help against: who holds the token's key can put a key of their own into a user's row. The
/// trail tells of it.
#[test]
fn key_that_was_put_into_a_row_by_the_tokens_key_is_seen_in_the_trail() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path());
    world.refused();
    let (vault, own) = (Arc::clone(&world.token.login.load().vault), SigningKey::generate().unwrap());
    let alice = world.token.verify_pin(&named("alice"), &pin_of("alice")).unwrap();
    let row = alice.row_with(&own).unwrap();
    let put = |record: &mut TokenRecord| {
        record.users.iter_mut().filter(|user| user.name == row.name).for_each(|user| *user = row.clone());
        Ok(true)
    };
    assert!(world.token.change_users(&vault, put).unwrap());
    world.approve("alice");
    world.use_key().unwrap();
    let told = world.findings();
    let short = crate::audit::word::short(own.public());
    assert!(told.iter().any(|what| what.contains(&format!("alice signed with the key {short}"))), "{told:?}");
}

/// Nor against this: what was spent is put back.
#[test]
fn request_that_was_put_back_by_the_tokens_key_is_seen_in_the_trail() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path());
    world.refused();
    world.approve("alice");
    let spent = world.request();
    world.use_key().unwrap();
    assert!(!world.findings().iter().any(|what| what.contains("was spent")));
    world.refused();
    world.write(|request| *request = spent.clone());
    world.use_key().unwrap();
    let told = world.findings();
    let word = format!("the word of alice to request {} was spent 2 times, and came back 0 times", spent.id);
    assert!(told.iter().any(|what| what.contains(&word)), "{told:?}");
}

#[test]
fn key_goes_by_its_own_name_where_one_agrees_to_its_use() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path());
    world.refused();
    world.write(|request| request.label = "harmless".into());
    assert_eq!(world.request().label, "root-1");
}

#[test]
fn request_that_stays_as_it_is_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path());
    world.refused();
    let (id, before) = (world.request().id, world.record().version);
    world.login(named("alice"), &pin_of("alice"));
    assert_eq!(world.token.approve("00000000", &pin_of("alice")), Ok(Said::Unknown));
    assert_eq!(world.token.refuse_request("00000000"), Ok(Said::Unknown));
    world.login(User::standard(Role::User), &Pin::from_slice(PIN));
    world.refused();
    assert_eq!(world.record().version, before);
    world.approve("alice");
    assert_eq!(world.request().id, id);
    assert_ne!(world.record().version, before);
}
