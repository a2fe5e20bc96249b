//! Functions for verifying signatures and MACs (PKCS#11 3.2, 5.15).

use super::Module;
use crate::ck::{Mechanism, ObjectHandle, Result, SessionHandle};
use crate::guard::op::Verify;
use crate::session::{Running, operation};

/// C_VerifyInit. No mechanism cancels.
pub fn verify_init(
    m: &Module,
    s: SessionHandle,
    mechanism: Option<Mechanism>,
    key: ObjectHandle,
) -> Result<()> {
    let session = m.session(s)?;
    let mut operations = session.operations();
    let Some(mechanism) = mechanism else {
        operations.verify = None;
        return Ok(());
    };
    operation::idle(&operations.verify)?;
    operation::idle(&operations.verify_signature)?;
    let key = session.key(key)?;
    let begun = session.begin(Verify { key, mechanism }, |grant| session.backend().verify(grant))?;
    operations.verify = Some(Running::keyed(begun));
    Ok(())
}

/// C_Verify.
pub fn verify(m: &Module, s: SessionHandle, data: &[u8], signature: &[u8]) -> Result<()> {
    let session = m.session(s)?;
    let mut operations = session.operations();
    operation::finish(&mut operations.verify, true, |running| running.whole(data, signature))
}

/// C_VerifyUpdate.
pub fn verify_update(m: &Module, s: SessionHandle, part: &[u8]) -> Result<()> {
    let session = m.session(s)?;
    let mut operations = session.operations();
    operation::update(&mut operations.verify, |running| running.take(part))
}

/// C_VerifyFinal.
pub fn verify_final(m: &Module, s: SessionHandle, signature: &[u8]) -> Result<()> {
    let session = m.session(s)?;
    let mut operations = session.operations();
    operation::finish(&mut operations.verify, false, |running| running.judge(signature))
}
