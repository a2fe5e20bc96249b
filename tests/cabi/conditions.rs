//! `when`, as far as it changes while a token is in use: who is logged in, state, age, generation, and what the module alone
//! says of a key.

use super::client::*;
use super::installed::{install_text, keyward};
use super::named_users::{ALICE, login, peopled};
use crate::alone;
use cryptoki_sys::*;

const SHA256_RSA: CK_MECHANISM_TYPE = CKM_SHA256_RSA_PKCS;
const REFUSED: Answer<()> = Err(Rv(CKR_MECHANISM_INVALID));

fn signing(session: Session<'_>, label: &str) -> Key {
    let template = |use_of| Template::token().flag(use_of, true).label(label);
    session.rsa(template(CKA_VERIFY), template(CKA_SIGN)).unwrap().1
}

fn deny(when: &str) -> String {
    format!("[[rule]]\nid = \"r\"\nwhen = {{ {when} }}\ndeny = \"CKM_SHA256_RSA_PKCS\"\n")
}

alone! {
    fn rule_about_a_user_holds_while_that_user_is_logged_in() {
        let world = peopled();
        let session = world.user();
        let key = signing(session, "ours");
        install_text(
            &world,
            &format!("{}[[rule]]\nid = \"hidden\"\nwhen = {{ user = \"alice\", label = \"theirs\" }}\nvisible_to = {{ uid = 4294967294 }}\n", deny("user = \"al*\"")),
        );
        signing(session, "theirs");
        let mechanism = Mechanism::plain(SHA256_RSA);
        session.sign(&mechanism, key, b"data").unwrap();
        session.logout().unwrap();
        login(&session, CKU_USER, b"alice", ALICE).unwrap();
        let found = |label: &str| session.find(&Template::new().label(label).class(CKO_PRIVATE_KEY)).unwrap();
        let key = found("ours")[0];
        assert_eq!(session.sign_init(&mechanism, key), REFUSED);
        assert_eq!(session.reason(), 0x301);
        assert_eq!(found("theirs"), []);
        session.sign(&Mechanism::plain(CKM_SHA384_RSA_PKCS), key, b"data").unwrap();
        session.logout().unwrap();
        session.login(CKU_USER, USER_PIN).unwrap();
        session.sign(&mechanism, found("ours")[0], b"data").unwrap();
        assert_eq!(found("theirs").len(), 1);
    }
}

alone! {
    fn rule_about_a_state_holds_from_the_change_of_the_state_on() {
        let world = World::new();
        let session = world.user();
        let key = signing(session, "key");
        install_text(&world, &deny("state = \"deactivated\""));
        let public = session.find(&Template::new().class(CKO_PUBLIC_KEY)).unwrap()[0];
        let mechanism = Mechanism::plain(SHA256_RSA);
        let signature = session.sign(&mechanism, key, b"data").unwrap();
        session.verify(&mechanism, public, b"data", &signature).unwrap();
        let (code, said) = keyward(&world, &["key", "deactivate", "key", "--pin-file", "pin"]);
        assert_eq!(code, 0, "{said}");
        assert_eq!(session.verify_init(&mechanism, public), REFUSED);
        let other = Mechanism::plain(CKM_SHA384_RSA_PKCS);
        session.verify_init(&other, public).unwrap();
    }
}

alone! {
    fn rules_about_age_generation_and_origin_tell_keys_apart() {
        let world = World::new();
        let session = world.user();
        let key = signing(session, "key");
        let mechanism = Mechanism::plain(SHA256_RSA);
        for (when, refused) in [
            ("age = { max = \"1d\" }", true),
            ("age = { min = \"1d\" }", false),
            ("generation = { min = 2 }", false),
            ("generation = 1", true),
            ("local = true, always_sensitive = true, never_extractable = true", true),
            ("local = false", false),
        ] {
            install_text(&world, &deny(when));
            let answer = session.sign_init(&mechanism, key);
            assert_eq!(answer, if refused { REFUSED } else { Ok(()) }, "{when}");
            if !refused {
                session.sign_final().unwrap();
            }
        }
    }
}
