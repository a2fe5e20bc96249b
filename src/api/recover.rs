//! Signatures that the data is recovered from (PKCS#11 3.2, 5.13 and 5.15). Always in one piece.

use super::Module;
use crate::ck::{Mechanism, ObjectHandle, Result, SessionHandle};
use crate::guard::op::{SignRecover, VerifyRecover};
use crate::session::{Output, Running, operation};

/// C_SignRecoverInit. No mechanism cancels.
pub fn sign_recover_init(
    m: &Module,
    s: SessionHandle,
    mechanism: Option<Mechanism>,
    key: ObjectHandle,
) -> Result<()> {
    let session = m.session(s)?;
    let mut operations = session.operations();
    let Some(mechanism) = mechanism else {
        operations.sign_recover = None;
        return Ok(());
    };
    operation::idle(&operations.sign_recover)?;
    let key = session.key(key)?;
    let begun =
        session.begin(SignRecover { key, mechanism }, |grant| session.backend().sign_recover(grant))?;
    operations.sign_recover = Some(Running::keyed(begun));
    Ok(())
}

/// C_SignRecover.
pub fn sign_recover(m: &Module, s: SessionHandle, data: &[u8], out: Output<'_>) -> Result<()> {
    let session = m.session(s)?;
    let mut operations = session.operations();
    operation::finish(&mut operations.sign_recover, true, |running| running.sign(data, out))
}

/// C_VerifyRecoverInit. No mechanism cancels.
pub fn verify_recover_init(
    m: &Module,
    s: SessionHandle,
    mechanism: Option<Mechanism>,
    key: ObjectHandle,
) -> Result<()> {
    let session = m.session(s)?;
    let mut operations = session.operations();
    let Some(mechanism) = mechanism else {
        operations.verify_recover = None;
        return Ok(());
    };
    operation::idle(&operations.verify_recover)?;
    let key = session.key(key)?;
    let begun =
        session.begin(VerifyRecover { key, mechanism }, |grant| session.backend().verify_recover(grant))?;
    operations.verify_recover = Some(Running::keyed(begun));
    Ok(())
}

/// C_VerifyRecover.
pub fn verify_recover(m: &Module, s: SessionHandle, signature: &[u8], out: Output<'_>) -> Result<()> {
    let session = m.session(s)?;
    let mut operations = session.operations();
    operation::finish(&mut operations.verify_recover, true, |running| running.recover(signature, out))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{keys, session, slot};
    use crate::ck::Error;
    use crate::ck::raw::{RawAttribute, RawValue, ulong_to_bytes};
    use crate::secret::Pin;
    use cryptoki_sys::*;
    use zeroize::Zeroizing;

    fn raw(cka: CK_ATTRIBUTE_TYPE, bytes: &[u8]) -> RawAttribute {
        RawAttribute { cka, value: RawValue::Bytes(Zeroizing::new(bytes.to_vec())) }
    }

    /// A session with an RSA pair for recovery, under a policy.
    fn with_pair(policy: &str, test: impl FnOnce(&Module, SessionHandle, ObjectHandle, ObjectHandle)) {
        let folder = tempfile::tempdir().unwrap();
        let module = Module::under(policy, folder.path());
        let at = slot::slots(&module, true, true).unwrap()[0];
        let pin = || Some(Pin::from_slice(b"123456"));
        slot::init_token(&module, at, pin(), &[b'x'; 32]).unwrap();
        let s = session::open_session(&module, at, CKF_SERIAL_SESSION | CKF_RW_SESSION).unwrap();
        let public = vec![
            raw(CKA_MODULUS_BITS, &ulong_to_bytes(2048)),
            raw(CKA_PRIVATE, &[CK_FALSE]),
            raw(CKA_VERIFY_RECOVER, &[CK_TRUE]),
        ];
        let private = vec![raw(CKA_PRIVATE, &[CK_FALSE]), raw(CKA_SIGN_RECOVER, &[CK_TRUE])];
        let mechanism = Mechanism::plain(CKM_RSA_PKCS_KEY_PAIR_GEN);
        let (public, private) = keys::generate_key_pair(&module, s, mechanism, public, private).unwrap();
        test(&module, s, public, private);
    }

    fn whole(call: impl Fn(Output<'_>) -> Result<()>) -> Result<Vec<u8>> {
        let (mut room, mut len) = (vec![0; 512], 512);
        call(Output::new(Some(&mut room), &mut len))?;
        room.truncate(usize::try_from(len).unwrap());
        Ok(room)
    }

    const RAW: Mechanism = Mechanism::plain(CKM_RSA_X_509);

    #[test]
    fn raw_rsa_recovers_where_the_policy_allows_it() {
        with_pair("policy = 1\nname = \"raw\"\n", |m, s, public, private| {
            sign_recover_init(m, s, Some(RAW), private).unwrap();
            let signature = whole(|out| sign_recover(m, s, &[7; 200], out)).unwrap();
            verify_recover_init(m, s, Some(RAW), public).unwrap();
            let number = whole(|out| verify_recover(m, s, &signature, out)).unwrap();
            assert_eq!(number, [&[0; 56][..], &[7; 200]].concat());
            sign_recover_init(m, s, Some(RAW), private).unwrap();
            let too_large = whole(|out| sign_recover(m, s, &[0xFF; 256], out));
            assert_eq!(too_large, Err(Error::DataInvalid));
            let at = m.session(s).unwrap().token().slot();
            assert!(slot::mechanisms(m, at).unwrap().contains(&CKM_RSA_X_509));
        });
    }

    #[test]
    fn raw_rsa_is_denied_where_the_policy_says_so() {
        let policy = "policy = 1\nname = \"raw\"\n[mechanisms]\ndeny = [\"group:raw-rsa\"]\n";
        with_pair(policy, |m, s, public, private| {
            assert_eq!(sign_recover_init(m, s, Some(RAW), private), Err(Error::MechanismInvalid));
            assert_eq!(verify_recover_init(m, s, Some(RAW), public), Err(Error::MechanismInvalid));
        });
    }
}
