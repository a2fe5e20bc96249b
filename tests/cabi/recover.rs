//! Signatures that the data is recovered from.

use crate::client::*;
use crate::{alone, call};
use cryptoki_sys::*;

/// The four functions. They take one mechanism of their own kind or another.
pub trait Recovery {
    fn sign_recover_init(&self, ckm: CK_MECHANISM_TYPE, key: Key) -> Answer<()>;
    fn sign_recover(&self, data: &[u8]) -> Answer<Vec<u8>>;
    fn verify_recover_init(&self, ckm: CK_MECHANISM_TYPE, key: Key) -> Answer<()>;
    fn verify_recover(&self, signature: &[u8]) -> Answer<Vec<u8>>;
}

impl Recovery for Session<'_> {
    fn sign_recover_init(&self, ckm: CK_MECHANISM_TYPE, key: Key) -> Answer<()> {
        Mechanism::plain(ckm)
            .with(|mechanism| call!(self.module, C_SignRecoverInit, self.handle, mechanism, key))
    }

    fn sign_recover(&self, data: &[u8]) -> Answer<Vec<u8>> {
        let (mut data, data_len) = bytes(data);
        two_calls(|out, len| {
            call!(self.module, C_SignRecover, self.handle, data.as_mut_ptr(), data_len, out, len)
        })
    }

    fn verify_recover_init(&self, ckm: CK_MECHANISM_TYPE, key: Key) -> Answer<()> {
        Mechanism::plain(ckm)
            .with(|mechanism| call!(self.module, C_VerifyRecoverInit, self.handle, mechanism, key))
    }

    fn verify_recover(&self, signature: &[u8]) -> Answer<Vec<u8>> {
        let (mut signature, signature_len) = bytes(signature);
        two_calls(|out, len| {
            call!(self.module, C_VerifyRecover, self.handle, signature.as_mut_ptr(), signature_len, out, len)
        })
    }
}

/// What an announced mechanism must do: the data comes back, and nothing comes back of a changed signature.
pub fn recovers(session: Session<'_>, ckm: CK_MECHANISM_TYPE) {
    let (public, private) = pair(&session);
    session.sign_recover_init(ckm, private).unwrap();
    let mut signature = session.sign_recover(b"data").unwrap();
    session.verify_recover_init(ckm, public).unwrap();
    assert!(session.verify_recover(&signature).unwrap().ends_with(b"data"), "{ckm:#x}");
    signature[7] ^= 1;
    session.verify_recover_init(ckm, public).unwrap();
    assert_ne!(session.verify_recover(&signature).unwrap_or_default(), b"data", "{ckm:#x}");
}

fn pair(session: &Session<'_>) -> (Key, Key) {
    let public = Template::new().uses(&[CKA_VERIFY, CKA_VERIFY_RECOVER]);
    let private = Template::new().uses(&[CKA_SIGN, CKA_SIGN_RECOVER]);
    session.rsa(public, private).unwrap()
}

alone! {
    fn data_comes_back() {
        let world = World::new();
        let session = world.user();
        let (public, private) = pair(&session);
        for len in [0, 1, 32, 100, 245] {
            let data = vec![7; len];
            session.sign_recover_init(CKM_RSA_PKCS, private).unwrap();
            let signature = session.sign_recover(&data).unwrap();
            assert_eq!(signature.len(), 256);
            // The same bytes that the mechanism without recovery signs.
            assert_eq!(session.sign(&Mechanism::plain(CKM_RSA_PKCS), private, &data).unwrap(), signature);
            session.verify_recover_init(CKM_RSA_PKCS, public).unwrap();
            assert_eq!(session.verify_recover(&signature).unwrap(), data);
            assert_eq!(session.verify_recover(&signature), Err(Rv(CKR_OPERATION_NOT_INITIALIZED)));
        }
    }
}

alone! {
    fn what_is_wrong_is_refused_and_ends_the_operation() {
        let world = World::new();
        let session = world.user();
        let (public, private) = pair(&session);
        session.sign_recover_init(CKM_RSA_PKCS, private).unwrap();
        let mut asked = 0;
        let (mut data, mut room) = ([1; 246], [0; 256]);
        call!(world.module, C_SignRecover, session.handle, data.as_mut_ptr(), 246, std::ptr::null_mut(),
            &raw mut asked).unwrap();
        assert_eq!(asked, 256);
        let too_long = call!(world.module, C_SignRecover, session.handle, data.as_mut_ptr(), 246,
            room.as_mut_ptr(), &raw mut asked);
        assert_eq!(too_long, Err(Rv(CKR_DATA_LEN_RANGE)));
        assert_eq!(session.sign_recover(&[1]), Err(Rv(CKR_OPERATION_NOT_INITIALIZED)));

        session.sign_recover_init(CKM_RSA_PKCS, private).unwrap();
        let good = session.sign_recover(b"abc").unwrap();
        let recover = |signature: &[u8], room: usize| {
            session.verify_recover_init(CKM_RSA_PKCS, public).unwrap();
            let ((mut signature, signature_len), mut out, mut len) =
                (bytes(signature), vec![0; room], room as CK_ULONG);
            let outcome = call!(world.module, C_VerifyRecover, session.handle, signature.as_mut_ptr(),
                signature_len, out.as_mut_ptr(), &raw mut len);
            (outcome, len)
        };
        let mut wrong = good.clone();
        wrong[100] ^= 1;
        // A wrong signature is told before a short buffer, and ends the operation.
        assert_eq!(recover(&wrong, 0).0, Err(Rv(CKR_SIGNATURE_INVALID)));
        assert_eq!(recover(&good[1..], 0).0, Err(Rv(CKR_SIGNATURE_LEN_RANGE)));
        assert_eq!(recover(&[0xFF; 256], 256).0, Err(Rv(CKR_SIGNATURE_INVALID)));
        // A short buffer keeps it, and the next call's signature is judged on its own.
        assert_eq!(recover(&good, 2), (Err(Rv(CKR_BUFFER_TOO_SMALL)), 3));
        let mut len = 256;
        let outcome = call!(world.module, C_VerifyRecover, session.handle, wrong.as_mut_ptr(), 256,
            room.as_mut_ptr(), &raw mut len);
        assert_eq!(outcome, Err(Rv(CKR_SIGNATURE_INVALID)));
        assert_eq!(session.verify_recover(&good), Err(Rv(CKR_OPERATION_NOT_INITIALIZED)));
    }
}

alone! {
    fn keys_and_mechanisms_are_judged() {
        let world = World::new();
        let session = world.user();
        let (public, private) = pair(&session);
        assert_eq!(session.sign_recover_init(CKM_RSA_PKCS, public), Err(Rv(CKR_KEY_FUNCTION_NOT_PERMITTED)));
        assert_eq!(session.verify_recover_init(CKM_RSA_PKCS, private), Err(Rv(CKR_KEY_FUNCTION_NOT_PERMITTED)));
        let (other, signer) =
            session.rsa(Template::new().uses(&[CKA_VERIFY]), Template::new().uses(&[CKA_SIGN])).unwrap();
        assert_eq!(session.sign_recover_init(CKM_RSA_PKCS, signer), Err(Rv(CKR_KEY_FUNCTION_NOT_PERMITTED)));
        assert_eq!(session.verify_recover_init(CKM_RSA_PKCS, other), Err(Rv(CKR_KEY_FUNCTION_NOT_PERMITTED)));
        let init = |ckm| Mechanism::plain(ckm).with(|mechanism| {
            call!(world.module, C_SignRecoverInit, session.handle, mechanism, private)
        });
        assert_eq!(init(CKM_SHA256_RSA_PKCS), Err(Rv(CKR_MECHANISM_INVALID)));
        // Raw RSA is there and denied by the policy, so it is not announced either.
        assert_eq!(init(CKM_RSA_X_509), Err(Rv(CKR_MECHANISM_INVALID)));
        assert!(!world.module.mechanisms(world.slot).unwrap().contains(&CKM_RSA_X_509));
        let info = world.module.mechanism_info(world.slot, CKM_RSA_X_509);
        assert_eq!(info.err(), Some(Rv(CKR_MECHANISM_INVALID)));
        let flags = world.module.mechanism_info(world.slot, CKM_RSA_PKCS).unwrap().flags;
        assert_eq!(flags & (CKF_SIGN_RECOVER | CKF_VERIFY_RECOVER), CKF_SIGN_RECOVER | CKF_VERIFY_RECOVER);
    }
}

alone! {
    fn operations_are_cancelled_and_end_with_their_key() {
        let world = World::new();
        let session = world.user();
        let (public, private) = pair(&session);
        let active = Err(Rv(CKR_OPERATION_ACTIVE));
        let gone = Err(Rv(CKR_OPERATION_NOT_INITIALIZED));
        session.sign_recover_init(CKM_RSA_PKCS, private).unwrap();
        session.verify_recover_init(CKM_RSA_PKCS, public).unwrap();
        assert_eq!(session.sign_recover_init(CKM_RSA_PKCS, private), active);
        assert_eq!(session.verify_recover_init(CKM_RSA_PKCS, public), active);
        // One flag ends one operation.
        call!(world.module, C_SessionCancel, session.handle, CKF_SIGN_RECOVER).unwrap();
        assert_eq!(session.sign_recover(b"x"), gone);
        assert_eq!(session.verify_recover_init(CKM_RSA_PKCS, public), active);
        call!(world.module, C_SessionCancel, session.handle, CKF_VERIFY_RECOVER | CKF_GENERATE).unwrap();
        assert_eq!(session.verify_recover(&[0; 256]), gone);
        // So does an Init without a mechanism.
        session.sign_recover_init(CKM_RSA_PKCS, private).unwrap();
        session.verify_recover_init(CKM_RSA_PKCS, public).unwrap();
        let none = std::ptr::null_mut();
        call!(world.module, C_SignRecoverInit, session.handle, none, 0).unwrap();
        call!(world.module, C_VerifyRecoverInit, session.handle, none, 0).unwrap();
        assert_eq!(session.sign_recover(b"x"), gone);
        assert_eq!(session.verify_recover(&[0; 256]), gone);
        session.sign_recover_init(CKM_RSA_PKCS, private).unwrap();
        session.destroy(private).unwrap();
        assert_eq!(session.sign_recover(b"x"), Err(Rv(CKR_KEY_FUNCTION_NOT_PERMITTED)));
    }
}
