//! Signing and MACing functions (PKCS#11 3.2, 5.13).

use super::Module;
use crate::ck::{Mechanism, ObjectHandle, Result, SessionHandle};
use crate::guard::op::Sign;
use crate::session::{Output, Running, operation};

/// C_SignInit. No mechanism cancels.
pub fn sign_init(
    m: &Module,
    s: SessionHandle,
    mechanism: Option<Mechanism>,
    key: ObjectHandle,
) -> Result<()> {
    let session = m.session(s)?;
    let mut operations = session.operations();
    let Some(mechanism) = mechanism else {
        operations.sign = None;
        return Ok(());
    };
    operation::idle(&operations.sign)?;
    let key = session.key(key)?;
    let begun = session.begin(Sign { key, mechanism }, |grant| session.backend().sign(grant))?;
    operations.sign = Some(Running::keyed(begun));
    Ok(())
}

/// C_Sign.
pub fn sign(m: &Module, s: SessionHandle, data: &[u8], out: Output<'_>) -> Result<()> {
    let session = m.session(s)?;
    let mut operations = session.operations();
    operation::finish(&mut operations.sign, true, |running| running.whole(data, out))
}

/// C_SignUpdate.
pub fn sign_update(m: &Module, s: SessionHandle, part: &[u8]) -> Result<()> {
    let session = m.session(s)?;
    let mut operations = session.operations();
    operation::update(&mut operations.sign, |running| running.take(part))
}

/// C_SignFinal.
pub fn sign_final(m: &Module, s: SessionHandle, out: Output<'_>) -> Result<()> {
    let session = m.session(s)?;
    let mut operations = session.operations();
    operation::finish(&mut operations.sign, false, |running| running.give(out))
}
