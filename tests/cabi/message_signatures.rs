//! Message-based signing and verifying (PKCS#11 3.2, 5.14, 5.16).

use crate::client::*;
use crate::parameters::signature_context;
use crate::{alone, call};
use cryptoki_sys::*;
use std::ffi::c_void;
use std::ptr::null_mut;

impl Session<'_> {
    fn sign_message(&self, data: &[u8]) -> Answer<Vec<u8>> {
        let (mut data, data_len) = bytes(data);
        two_calls(|out, len| {
            let data = data.as_mut_ptr();
            call!(self.module, C_SignMessage, self.handle, null_mut(), 0, data, data_len, out, len)
        })
    }

    fn verify_message(&self, data: &[u8], signature: &[u8]) -> Answer<()> {
        let ((mut data, data_len), (mut signature, len)) = (bytes(data), bytes(signature));
        let (data, signature) = (data.as_mut_ptr(), signature.as_mut_ptr());
        call!(self.module, C_VerifyMessage, self.handle, null_mut(), 0, data, data_len, signature, len)
    }
}

alone! {
    fn signed_messages_verify_with_one_preparation_for_many() {
        let world = World::new();
        let session = world.user();
        let hmac = session
            .generate(
                &Mechanism::plain(CKM_GENERIC_SECRET_KEY_GEN),
                &Template::new().ulong(CKA_VALUE_LEN, 32).uses(&[CKA_SIGN, CKA_VERIFY]),
            )
            .unwrap();
        let p256 = session
            .p256(Template::new().uses(&[CKA_VERIFY]), Template::new().uses(&[CKA_SIGN]))
            .unwrap();
        let rsa =
            session.rsa(Template::new().uses(&[CKA_VERIFY]), Template::new().uses(&[CKA_SIGN])).unwrap();
        let with_set = |ckm, set| {
            let public = Template::new().uses(&[CKA_VERIFY]).ulong(CKA_PARAMETER_SET, set);
            session.generate_pair(&Mechanism::plain(ckm), &public, &Template::new().uses(&[CKA_SIGN])).unwrap()
        };
        let ml_dsa = with_set(CKM_ML_DSA_KEY_PAIR_GEN, CKP_ML_DSA_65);
        let slh_dsa = with_set(CKM_SLH_DSA_KEY_PAIR_GEN, CKP_SLH_DSA_SHAKE_128F);
        let pss = Mechanism::pss(CKM_SHA256_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA256, 32);
        for (mechanism, public, private) in [
            (Mechanism::plain(CKM_SHA256_HMAC), hmac, hmac),
            (Mechanism::plain(CKM_ECDSA_SHA256), p256.0, p256.1),
            (pss, rsa.0, rsa.1),
            (signature_context(CKM_ML_DSA, CKH_HEDGE_REQUIRED, b"context"), ml_dsa.0, ml_dsa.1),
            (Mechanism::plain(CKM_HASH_ML_DSA_SHA3_256), ml_dsa.0, ml_dsa.1),
            (Mechanism::plain(CKM_SLH_DSA), slh_dsa.0, slh_dsa.1),
        ] {
            mechanism
                .with(|mechanism| call!(world.module, C_MessageSignInit, session.handle, mechanism, private))
                .unwrap();
            mechanism
                .with(|mechanism| call!(world.module, C_MessageVerifyInit, session.handle, mechanism, public))
                .unwrap();
            for message in [&b"one"[..], b"", b"a third message"] {
                let signature = session.sign_message(message).unwrap();
                assert_eq!(session.verify_message(message, &signature), Ok(()));
                assert_eq!(session.verify(&mechanism, public, message, &signature), Ok(()));
                let wrong = session.verify_message(b"another", &signature);
                assert_eq!(wrong, Err(Rv(CKR_SIGNATURE_INVALID)));
                in_parts(&world, session, message);
            }
            call!(world.module, C_MessageSignFinal, session.handle).unwrap();
            call!(world.module, C_MessageVerifyFinal, session.handle).unwrap();
            assert_eq!(session.sign_message(b"x"), Err(Rv(CKR_OPERATION_NOT_INITIALIZED)));
        }
    }
}

/// The running message operations sign and verify a message in parts.
fn in_parts(world: &World, session: Session<'_>, message: &[u8]) {
    let handle = session.handle;
    call!(world.module, C_SignMessageBegin, handle, null_mut(), 0).unwrap();
    assert_eq!(session.sign_message(message), Err(Rv(CKR_OPERATION_ACTIVE)));
    for part in message.chunks(2) {
        let (mut part, len) = bytes(part);
        let part = part.as_mut_ptr();
        call!(world.module, C_SignMessageNext, handle, null_mut(), 0, part, len, null_mut(), null_mut())
            .unwrap();
    }
    let signature = two_calls(|out, len| {
        call!(world.module, C_SignMessageNext, handle, null_mut(), 0, null_mut(), 0, out, len)
    })
    .unwrap();
    assert_eq!(session.verify_message(message, &signature), Ok(()));
    call!(world.module, C_VerifyMessageBegin, handle, null_mut(), 0).unwrap();
    for part in message.chunks(2) {
        let (mut part, len) = bytes(part);
        let part = part.as_mut_ptr();
        call!(world.module, C_VerifyMessageNext, handle, null_mut(), 0, part, len, null_mut(), 0).unwrap();
    }
    let (mut signature, len) = bytes(&signature);
    let place = signature.as_mut_ptr();
    call!(world.module, C_VerifyMessageNext, handle, null_mut(), 0, null_mut(), 0, place, len).unwrap();
    let ended = call!(world.module, C_VerifyMessageNext, handle, null_mut(), 0, null_mut(), 0, place, len);
    assert_eq!(ended, Err(Rv(CKR_OPERATION_NOT_INITIALIZED)));
}

alone! {
    fn signing_messages_takes_no_parameter_and_knows_its_state() {
        let world = World::new();
        let session = world.user();
        let (_, private) = session
            .p256(Template::new().uses(&[CKA_VERIFY]), Template::new().uses(&[CKA_SIGN]))
            .unwrap();
        Mechanism::plain(CKM_ECDSA_SHA256)
            .with(|mechanism| call!(world.module, C_MessageSignInit, session.handle, mechanism, private))
            .unwrap();
        let mut byte = 0_u8;
        let place: *mut c_void = (&raw mut byte).cast();
        let refused = call!(world.module, C_SignMessageBegin, session.handle, place, 1);
        assert_eq!(refused, Err(Rv(CKR_MECHANISM_PARAM_INVALID)));
        let mut len = 0;
        let early = call!(
            world.module, C_SignMessageNext, session.handle, null_mut(), 0, null_mut(), 0, null_mut(),
            &raw mut len
        );
        assert_eq!(early, Err(Rv(CKR_OPERATION_NOT_INITIALIZED)));
        session.set_state(private, SUSPENDED).unwrap();
        assert_eq!(session.sign_message(b"x"), Err(Rv(CKR_KEY_FUNCTION_NOT_PERMITTED)));
    }
}

alone! {
    fn each_message_of_a_key_that_wants_it_needs_a_login() {
        let world = World::new();
        let session = world.user();
        let private = Template::new().uses(&[CKA_SIGN]).flag(CKA_ALWAYS_AUTHENTICATE, true);
        let (_, private) = session.p256(Template::new().uses(&[CKA_VERIFY]), private).unwrap();
        Mechanism::plain(CKM_ECDSA_SHA256)
            .with(|mechanism| call!(world.module, C_MessageSignInit, session.handle, mechanism, private))
            .unwrap();
        for _ in 0..2 {
            assert_eq!(session.sign_message(b"x"), Err(Rv(CKR_USER_NOT_LOGGED_IN)));
            session.login(CKU_CONTEXT_SPECIFIC, USER_PIN).unwrap();
            assert!(session.sign_message(b"x").is_ok());
        }
        session.login(CKU_CONTEXT_SPECIFIC, USER_PIN).unwrap();
        call!(world.module, C_SignMessageBegin, session.handle, null_mut(), 0).unwrap();
        let signature = two_calls(|out, len| {
            call!(world.module, C_SignMessageNext, session.handle, null_mut(), 0, null_mut(), 0, out, len)
        });
        assert!(signature.is_ok());
        assert_eq!(session.sign_message(b"x"), Err(Rv(CKR_USER_NOT_LOGGED_IN)));
    }
}
