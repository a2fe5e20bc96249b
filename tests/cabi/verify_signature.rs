//! Verification where the signature comes first.

use crate::client::*;
use crate::{alone, call};
use cryptoki_sys::*;
use std::ptr::null_mut;

const DATA: &[u8] = b"the data comes after its signature";
const IDLE: Answer<()> = Err(Rv(CKR_OPERATION_NOT_INITIALIZED));
const ACTIVE: Answer<()> = Err(Rv(CKR_OPERATION_ACTIVE));
const INVALID: Answer<()> = Err(Rv(CKR_SIGNATURE_INVALID));

fn init(session: &Session<'_>, mechanism: &Mechanism, key: Key, signature: &[u8]) -> Answer<()> {
    let (mut signature, len) = bytes(signature);
    mechanism.with(|mechanism| {
        call!(
            session.module,
            C_VerifySignatureInit,
            session.handle,
            mechanism,
            key,
            signature.as_mut_ptr(),
            len
        )
    })
}

fn whole(session: &Session<'_>, data: &[u8]) -> Answer<()> {
    let (mut data, len) = bytes(data);
    call!(session.module, C_VerifySignature, session.handle, data.as_mut_ptr(), len)
}

fn update(session: &Session<'_>, part: &[u8]) -> Answer<()> {
    let (mut part, len) = bytes(part);
    call!(session.module, C_VerifySignatureUpdate, session.handle, part.as_mut_ptr(), len)
}

fn last(session: &Session<'_>) -> Answer<()> {
    call!(session.module, C_VerifySignatureFinal, session.handle)
}

fn parts(
    session: &Session<'_>,
    mechanism: &Mechanism,
    key: Key,
    data: &[u8],
    signature: &[u8],
) -> Answer<()> {
    init(session, mechanism, key, signature)?;
    for part in data.chunks(7) {
        update(session, part)?;
    }
    last(session)
}

/// A mechanism, the key that verifies and the one that signs.
fn kinds(session: &Session<'_>) -> Vec<(Mechanism, Key, Key)> {
    let verifies = || Template::new().uses(&[CKA_VERIFY]);
    let signs = || Template::new().uses(&[CKA_SIGN]);
    let (rsa, rsa_private) = session.rsa(verifies(), signs()).unwrap();
    let (ec, ec_private) = session.p256(verifies(), signs()).unwrap();
    let with_set = |ckm, set| {
        let public = verifies().ulong(CKA_PARAMETER_SET, set);
        session.generate_pair(&Mechanism::plain(ckm), &public, &signs()).unwrap()
    };
    let ml_dsa = with_set(CKM_ML_DSA_KEY_PAIR_GEN, CKP_ML_DSA_44);
    let slh_dsa = with_set(CKM_SLH_DSA_KEY_PAIR_GEN, CKP_SLH_DSA_SHA2_128F);
    let both = Template::new().ulong(CKA_VALUE_LEN, 32).uses(&[CKA_SIGN, CKA_VERIFY]);
    let secret = session.generate(&Mechanism::plain(CKM_GENERIC_SECRET_KEY_GEN), &both).unwrap();
    vec![
        (Mechanism::plain(CKM_SHA256_RSA_PKCS), rsa, rsa_private),
        (Mechanism::pss(CKM_SHA256_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA256, 32), rsa, rsa_private),
        (Mechanism::plain(CKM_ECDSA_SHA256), ec, ec_private),
        (Mechanism::plain(CKM_SHA256_HMAC), secret, secret),
        (Mechanism::plain(CKM_ML_DSA), ml_dsa.0, ml_dsa.1),
        (Mechanism::plain(CKM_HASH_SLH_DSA_SHA512), slh_dsa.0, slh_dsa.1),
        (Mechanism::plain(CKM_SLH_DSA), slh_dsa.0, slh_dsa.1),
    ]
}

alone! {
    fn good_signatures_pass_and_others_do_not() {
        let world = World::new();
        let session = world.user();
        for (mechanism, public, private) in kinds(&session) {
            let name = mechanism.ckm;
            let good = session.sign(&mechanism, private, DATA).unwrap();
            init(&session, &mechanism, public, &good).unwrap();
            assert_eq!(whole(&session, DATA), Ok(()), "{name:#x}");
            assert_eq!(whole(&session, DATA), IDLE);
            assert_eq!(parts(&session, &mechanism, public, DATA, &good), Ok(()), "{name:#x}");
            let mut wrong = good.clone();
            *wrong.last_mut().unwrap() ^= 1;
            for (data, signature) in [(DATA, &wrong), (&DATA[1..], &good), (&b""[..], &good)] {
                init(&session, &mechanism, public, signature).unwrap();
                assert_eq!(whole(&session, data), INVALID, "{name:#x}");
                assert_eq!(whole(&session, data), IDLE);
                assert_eq!(parts(&session, &mechanism, public, data, signature), INVALID, "{name:#x}");
                assert_eq!(last(&session), IDLE);
            }
            let short = &good[1..];
            init(&session, &mechanism, public, short).unwrap();
            assert_eq!(whole(&session, DATA), Err(Rv(CKR_SIGNATURE_LEN_RANGE)), "{name:#x}");
            assert_eq!(parts(&session, &mechanism, public, DATA, short), Err(Rv(CKR_SIGNATURE_LEN_RANGE)));
        }
    }
}

alone! {
    fn the_state_machine_keeps_the_kinds_of_verification_apart() {
        let world = World::new();
        let session = world.user();
        let (mechanism, public, private) = kinds(&session).swap_remove(2);
        let good = session.sign(&mechanism, private, DATA).unwrap();
        assert_eq!((whole(&session, DATA), update(&session, DATA), last(&session)), (IDLE, IDLE, IDLE));
        init(&session, &mechanism, public, &good).unwrap();
        assert_eq!(init(&session, &mechanism, public, &good), ACTIVE);
        assert_eq!(session.verify_init(&mechanism, public), ACTIVE);
        // C_Verify belongs to the other kind.
        let (mut data, len) = bytes(DATA);
        let start = data.as_mut_ptr();
        assert_eq!(call!(world.module, C_VerifyUpdate, session.handle, start, len), IDLE);
        assert_eq!(whole(&session, DATA), Ok(()));
        session.verify_init(&mechanism, public).unwrap();
        assert_eq!(init(&session, &mechanism, public, &good), ACTIVE);
        assert_eq!(whole(&session, DATA), IDLE);
        call!(world.module, C_SessionCancel, session.handle, CKF_VERIFY).unwrap();

        // After parts the rest does not come in one call.
        init(&session, &mechanism, public, &good).unwrap();
        update(&session, DATA).unwrap();
        assert_eq!(whole(&session, DATA), ACTIVE);
        // Both ways to cancel.
        init(&session, &mechanism, public, &good).unwrap();
        call!(world.module, C_SessionCancel, session.handle, CKF_VERIFY).unwrap();
        assert_eq!(last(&session), IDLE);
        init(&session, &mechanism, public, &good).unwrap();
        call!(world.module, C_VerifySignatureInit, session.handle, null_mut(), 0, null_mut(), 0).unwrap();
        assert_eq!(last(&session), IDLE);
    }
}

alone! {
    fn init_judges_key_mechanism_and_signature() {
        let world = World::new();
        let session = world.user();
        let (mechanism, public, private) = kinds(&session).swap_remove(2);
        let refused = |mechanism: &Mechanism, key, signature: &[u8]| init(&session, mechanism, key, signature);
        assert_eq!(refused(&mechanism, private, &[0; 64]), Err(Rv(CKR_KEY_FUNCTION_NOT_PERMITTED)));
        assert_eq!(refused(&mechanism, 0, &[0; 64]), Err(Rv(CKR_KEY_HANDLE_INVALID)));
        let digest = Mechanism::plain(CKM_SHA256);
        assert_eq!(refused(&digest, public, &[0; 64]), Err(Rv(CKR_MECHANISM_INVALID)));
        assert_eq!(refused(&mechanism, public, &vec![0; 200_000]), Err(Rv(CKR_ARGUMENTS_BAD)));
        let null = mechanism.with(|mechanism| {
            call!(world.module, C_VerifySignatureInit, session.handle, mechanism, public, null_mut(), 64)
        });
        assert_eq!(null, Err(Rv(CKR_ARGUMENTS_BAD)));
        assert_eq!(last(&session), IDLE);
        // A key that is gone takes its operation with it.
        init(&session, &mechanism, public, &[0; 64]).unwrap();
        session.destroy(public).unwrap();
        assert_eq!(update(&session, DATA), Err(Rv(CKR_KEY_FUNCTION_NOT_PERMITTED)));
        assert_eq!(last(&session), IDLE);
    }
}
