//! A key that is not active yet and signs its own certification request, where the policy lets it (`[pre-active]`).

use crate::client::*;
use crate::installed::install_text;
use crate::{alone, call};
use cryptoki_sys::*;

const NOT_PERMITTED: Rv = Rv(CKR_KEY_FUNCTION_NOT_PERMITTED);
const STATE_PRE_ACTIVE: CK_ULONG = 0x104;
const WAITING: &str = "[keys]\ninitial_state = \"pre-active\"\n";
const PROVING: &str = "[keys]\ninitial_state = \"pre-active\"\n[pre-active]\nproof_of_possession = true\n";

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let len = u16::try_from(content.len()).unwrap().to_be_bytes();
    match content.len() {
        0..0x80 => [&[tag, len[1]], content].concat(),
        0x80..0x100 => [&[tag, 0x81, len[1]], content].concat(),
        _ => [&[tag, 0x82, len[0], len[1]], content].concat(),
    }
}

/// A CertificationRequestInfo without a name and attributes.
fn request_about(session: Session<'_>, key: Key) -> Vec<u8> {
    let info = session.get(key, CKA_PUBLIC_KEY_INFO).unwrap();
    element(0x30, &[&[2, 1, 0, 0x30, 0], &info[..], &[0xA0, 0]].concat())
}

fn pair(session: Session<'_>) -> (Key, Key) {
    session.p256(Template::token().uses(&[CKA_VERIFY]), Template::token().uses(&[CKA_SIGN])).unwrap()
}

fn refused<T: std::fmt::Debug + PartialEq>(session: Session<'_>, answer: Answer<T>) {
    assert_eq!(answer, Err(NOT_PERMITTED));
    assert_eq!(session.reason(), STATE_PRE_ACTIVE);
}

alone! {
    fn pre_active_key_signs_its_own_request_and_nothing_else() {
        let world = World::new();
        let session = world.user();
        install_text(&world, PROVING);
        let ((public, private), (_, other)) = (pair(session), pair(session));
        let ecdsa = Mechanism::plain(CKM_ECDSA_SHA256);
        let request = request_about(session, private);
        let whole = session.sign(&ecdsa, private, &request).unwrap();
        let parts = session.sign_parts(&ecdsa, private, &request).unwrap();

        let log = world.log();
        refused(session, session.sign(&ecdsa, private, b"an order for a thousand pounds"));
        refused(session, session.sign(&ecdsa, private, &request_about(session, other)));
        refused(session, session.sign(&ecdsa, private, &[&request[..], &[0]].concat()));
        refused(session, session.sign(&ecdsa, private, b""));
        refused(session, session.sign_parts(&ecdsa, private, &request[..request.len() - 1]));
        let told = world.log();
        let told = told.strip_prefix(log.as_str()).unwrap();
        assert_eq!(told.matches("no certification request of its own").count(), 5, "{told}");

        // Where nobody sees what is signed, nothing is: a digest, and messages.
        refused(session, session.sign_init(&Mechanism::plain(CKM_ECDSA), private));
        let messages = ecdsa.with(|mechanism| call!(world.module, C_MessageSignInit, session.handle, mechanism, private));
        refused(session, messages);
        // Nor does its other half do anything.
        refused(session, session.verify_init(&ecdsa, public));
        // What is refused in the middle is over.
        assert_eq!(session.sign_final(), Err(Rv(CKR_OPERATION_NOT_INITIALIZED)));

        for key in [public, private] {
            session.set_state(key, ACTIVE).unwrap();
        }
        for signature in [whole, parts] {
            session.verify(&ecdsa, public, &request, &signature).unwrap();
        }
        session.sign(&ecdsa, private, b"an order for a thousand pounds").unwrap();
    }
}

alone! {
    fn request_of_an_rsa_key_is_longer_and_its_parts_have_an_end() {
        let world = World::new();
        let session = world.user();
        install_text(&world, PROVING);
        let template = |use_of| Template::token().uses(&[use_of]);
        let (_, private) = session.rsa(template(CKA_VERIFY), template(CKA_SIGN)).unwrap();
        let request = request_about(session, private);
        let sha256 = Mechanism::plain(CKM_SHA256_RSA_PKCS);
        let pss = Mechanism::pss(CKM_SHA256_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA256, 32);
        for mechanism in [&sha256, &pss] {
            session.sign_parts(mechanism, private, &request).unwrap();
            refused(session, session.sign(mechanism, private, &request[1..]));
        }
        // A DigestInfo could be anybody's.
        refused(session, session.sign_init(&Mechanism::plain(CKM_RSA_PKCS), private));
        session.sign_init(&sha256, private).unwrap();
        session.sign_update(&[0x30; 1 << 16]).unwrap();
        assert_eq!(session.sign_update(&[0]), Err(Rv(CKR_DATA_LEN_RANGE)));
        assert_eq!(session.sign_final(), Err(Rv(CKR_OPERATION_NOT_INITIALIZED)));
    }
}

alone! {
    fn no_policy_lets_a_pre_active_key_prove_anything_unless_it_says_so() {
        let world = World::new();
        let session = world.user();
        let ecdsa = Mechanism::plain(CKM_ECDSA_SHA256);
        install_text(&world, WAITING);
        let (_, private) = pair(session);
        let request = request_about(session, private);
        refused(session, session.sign_init(&ecdsa, private));
        // One file that says no is enough.
        let no = "[pre-active]\nproof_of_possession = false\n";
        install_text(&world, &format!("{WAITING}{no}"));
        refused(session, session.sign_init(&ecdsa, private));
        install_text(&world, PROVING);
        session.sign(&ecdsa, private, &request).unwrap();
        // Other states are what they were.
        for (state, reason) in [(SUSPENDED, 0x101), (COMPROMISED, 0x103)] {
            let (_, key) = pair(session);
            session.set_state(key, ACTIVE).unwrap();
            session.set_state(key, state).unwrap();
            assert_eq!(session.sign_init(&ecdsa, key), Err(NOT_PERMITTED));
            assert_eq!(session.reason(), reason);
        }
    }
}

alone! {
    /// The date on which the key becomes active lies ahead: that is no hindrance, its end is.
    fn windows_that_lie_ahead_do_not_hinder_a_proof_and_those_that_are_over_do() {
        let world = World::new();
        let session = world.user();
        install_text(&world, PROVING);
        let ecdsa = Mechanism::plain(CKM_ECDSA_SHA256);
        let dated = |dates: fn(Template) -> Template| {
            let (public, private) = (Template::token().uses(&[CKA_VERIFY]), Template::token().uses(&[CKA_SIGN]));
            session.p256(dates(public), dates(private)).unwrap().1
        };
        let ahead = dated(|key| key.bytes(CKA_START_DATE, b"29980101").bytes(CKA_END_DATE, b"29990101"));
        session.sign(&ecdsa, ahead, &request_about(session, ahead)).unwrap();
        let over = dated(|key| key.bytes(CKA_END_DATE, b"20200101"));
        assert_eq!(session.sign_init(&ecdsa, over), Err(NOT_PERMITTED));
        assert_eq!(session.reason(), 0x502);
        refused(session, session.sign(&ecdsa, ahead, b"something else"));
    }
}
