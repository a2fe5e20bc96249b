//! Encryption functions (PKCS#11 3.2, 5.8).

use super::Module;
use crate::ck::{Mechanism, ObjectHandle, Result, SessionHandle};
use crate::guard::op::Encrypt;
use crate::session::{Output, Running, operation};

/// C_EncryptInit. No mechanism cancels.
pub fn encrypt_init(
    m: &Module,
    s: SessionHandle,
    mechanism: Option<Mechanism>,
    key: ObjectHandle,
) -> Result<()> {
    let session = m.session(s)?;
    let mut operations = session.operations();
    let Some(mechanism) = mechanism else {
        operations.encrypt = None;
        return Ok(());
    };
    operation::idle(&operations.encrypt)?;
    let key = session.key(key)?;
    let begun = session.begin(Encrypt { key, mechanism }, |grant| session.backend().encrypt(grant))?;
    operations.encrypt = Some(Running::keyed(begun));
    Ok(())
}

/// C_Encrypt.
pub fn encrypt(m: &Module, s: SessionHandle, data: &[u8], out: Output<'_>) -> Result<()> {
    let session = m.session(s)?;
    let mut operations = session.operations();
    operation::finish(&mut operations.encrypt, true, |running| running.whole(data, out))
}

/// C_EncryptUpdate.
pub fn encrypt_update(m: &Module, s: SessionHandle, part: &[u8], out: Output<'_>) -> Result<()> {
    let session = m.session(s)?;
    let mut operations = session.operations();
    operation::update(&mut operations.encrypt, |running| running.part(part, out)).map(|_| ())
}

/// C_EncryptFinal.
pub fn encrypt_final(m: &Module, s: SessionHandle, out: Output<'_>) -> Result<()> {
    let session = m.session(s)?;
    let mut operations = session.operations();
    operation::finish(&mut operations.encrypt, false, |running| running.last(out))
}
