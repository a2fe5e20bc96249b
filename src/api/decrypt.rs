//! Decryption functions (PKCS#11 3.2, 5.10).

use super::Module;
use crate::ck::{Mechanism, ObjectHandle, Result, SessionHandle};
use crate::guard::op::Decrypt;
use crate::session::{Output, Running, operation};

/// C_DecryptInit. No mechanism cancels.
pub fn decrypt_init(
    m: &Module,
    s: SessionHandle,
    mechanism: Option<Mechanism>,
    key: ObjectHandle,
) -> Result<()> {
    let session = m.session(s)?;
    let mut operations = session.operations();
    let Some(mechanism) = mechanism else {
        operations.decrypt = None;
        return Ok(());
    };
    operation::idle(&operations.decrypt)?;
    let key = session.key(key)?;
    let begun = session.begin(Decrypt { key, mechanism }, |grant| session.backend().decrypt(grant))?;
    operations.decrypt = Some(Running::keyed(begun));
    Ok(())
}

/// C_Decrypt.
pub fn decrypt(m: &Module, s: SessionHandle, data: &[u8], out: Output<'_>) -> Result<()> {
    let session = m.session(s)?;
    let mut operations = session.operations();
    operation::finish(&mut operations.decrypt, true, |running| running.whole(data, out))
}

/// C_DecryptUpdate.
pub fn decrypt_update(m: &Module, s: SessionHandle, part: &[u8], out: Output<'_>) -> Result<()> {
    let session = m.session(s)?;
    let mut operations = session.operations();
    operation::update(&mut operations.decrypt, |running| running.part(part, out)).map(|_| ())
}

/// C_DecryptFinal.
pub fn decrypt_final(m: &Module, s: SessionHandle, out: Output<'_>) -> Result<()> {
    let session = m.session(s)?;
    let mut operations = session.operations();
    operation::finish(&mut operations.decrypt, false, |running| running.last(out))
}
