//! Message digesting functions (PKCS#11 3.2, 5.12).

use super::Module;
use crate::ck::{Error, Mechanism, ObjectHandle, Result, SessionHandle};
use crate::guard::op::{Digest, DigestKey};
use crate::session::{Output, Running, operation};

/// C_DigestInit. No mechanism cancels.
pub fn digest_init(m: &Module, s: SessionHandle, mechanism: Option<Mechanism>) -> Result<()> {
    let session = m.session(s)?;
    let mut operations = session.operations();
    let Some(mechanism) = mechanism else {
        operations.digest = None;
        return Ok(());
    };
    operation::idle(&operations.digest)?;
    let begun = session.begin(Digest { mechanism }, |grant| session.backend().digest(grant))?;
    operations.digest = Some(Running::keyed(begun));
    Ok(())
}

/// C_Digest.
pub fn digest(m: &Module, s: SessionHandle, data: &[u8], out: Output<'_>) -> Result<()> {
    let session = m.session(s)?;
    let mut operations = session.operations();
    operation::finish(&mut operations.digest, true, |running| running.give(data, out))
}

/// C_DigestUpdate.
pub fn digest_update(m: &Module, s: SessionHandle, part: &[u8]) -> Result<()> {
    let session = m.session(s)?;
    let mut operations = session.operations();
    operation::update(&mut operations.digest, |running| running.take(part))
}

/// C_DigestKey.
pub fn digest_key(m: &Module, s: SessionHandle, key: ObjectHandle) -> Result<()> {
    let session = m.session(s)?;
    let mut operations = session.operations();
    operation::update(&mut operations.digest, |running| {
        let grant = session.authorize(DigestKey { key: session.key(key)? }).map_err(indigestible)?;
        session.run(grant, |grant| running.take_key(session.backend(), grant))
    })
}

/// A key that may not be used so cannot be digested "for some reason" (5.1.6): the function's own code.
fn indigestible(error: Error) -> Error {
    match error {
        Error::KeyFunctionNotPermitted => Error::KeyIndigestible,
        other => other,
    }
}

/// C_DigestFinal.
pub fn digest_final(m: &Module, s: SessionHandle, out: Output<'_>) -> Result<()> {
    let session = m.session(s)?;
    let mut operations = session.operations();
    operation::finish(&mut operations.digest, false, |running| running.give(&[], out))
}
