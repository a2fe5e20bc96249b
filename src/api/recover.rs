//! Signatures that the data is recovered from (PKCS#11 3.2, 5.13 and 5.15). Always in one piece.

use super::Module;
use crate::ck::{Mechanism, ObjectHandle, Result, SessionHandle};
use crate::guard::op::{SignRecover, VerifyRecover};
use crate::session::{Output, Running, operation};
use std::sync::Arc;

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
    let life = Arc::clone(key.life());
    let grant = session.authorize(SignRecover { key, mechanism })?;
    let obligations = grant.obligations();
    let work = session.backend().sign_recover(grant)?;
    operations.sign_recover = Some(Running::keyed(work, life, obligations));
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
    let life = Arc::clone(key.life());
    let grant = session.authorize(VerifyRecover { key, mechanism })?;
    let obligations = grant.obligations();
    let work = session.backend().verify_recover(grant)?;
    operations.verify_recover = Some(Running::keyed(work, life, obligations));
    Ok(())
}

/// C_VerifyRecover.
pub fn verify_recover(m: &Module, s: SessionHandle, signature: &[u8], out: Output<'_>) -> Result<()> {
    let session = m.session(s)?;
    let mut operations = session.operations();
    operation::finish(&mut operations.verify_recover, true, |running| running.recover(signature, out))
}
