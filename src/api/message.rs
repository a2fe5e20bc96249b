//! Message-based functions: encryption (PKCS#11 3.2, 5.9), decryption (5.11), signing (5.14) and verifying
//! (5.16). The guard is asked once, by the Init function; what it found holds for every message.

use super::Module;
use crate::ck::message::{MessageParameter, MessageShape};
use crate::ck::{Error, Mechanism, ObjectHandle, Result, SessionHandle};
use crate::crypto::table;
use crate::guard::op::{Decrypt, Encrypt, SignMessages, Verify};
use crate::session::message::{self, Ciphers, Messages, Signatures, Verifications};
use crate::session::{Output, operation};

/// The form of the parameters of a mechanism's messages. `CKR_MECHANISM_INVALID` where it has none.
fn shape(mechanism: &Mechanism) -> Result<MessageShape> {
    let row = table::find(mechanism.ckm).map(|(_, row)| row);
    row.and_then(|row| row.ops.message_shape).ok_or(Error::MechanismInvalid)
}

/// Whether several messages may be signed or verified under one parameter of the mechanism
/// (`CKR_MECHANISM_INVALID`). Whether there is such a mechanism is the guard's question.
fn serves_several(mechanism: &Mechanism) -> Result<()> {
    match table::find(mechanism.ckm) {
        Some((_, row)) if row.ops.one_message => Err(Error::MechanismInvalid),
        _ => Ok(()),
    }
}

/// C_MessageEncryptInit. No mechanism cancels.
pub fn encrypt_init(
    m: &Module,
    s: SessionHandle,
    mechanism: Option<Mechanism>,
    key: ObjectHandle,
) -> Result<()> {
    let session = m.session(s)?;
    let mut operations = session.operations();
    let Some(mechanism) = mechanism else {
        operations.message_encrypt = None;
        return Ok(());
    };
    operation::idle(&operations.message_encrypt)?;
    let shape = shape(&mechanism)?;
    let key = session.key(key)?;
    let begun = session.begin_messages(Encrypt { key, mechanism }, |grant| {
        let terms = session.terms(grant.op());
        Ok(Ciphers::new(session.backend().message_encrypt(grant)?, shape, true, terms))
    })?;
    operations.message_encrypt = Some(Messages::new(begun));
    Ok(())
}

/// C_EncryptMessage.
pub fn encrypt(
    m: &Module,
    s: SessionHandle,
    parameter: &dyn MessageParameter,
    aad: &[u8],
    data: &[u8],
    out: Output<'_>,
) -> Result<()> {
    let session = m.session(s)?;
    let mut operations = session.operations();
    message::whole(&mut operations.message_encrypt, data.len(), |work, charge| {
        work.whole(parameter, aad, data, out, charge)
    })
}

/// C_EncryptMessageBegin.
pub fn encrypt_begin(
    m: &Module,
    s: SessionHandle,
    parameter: &dyn MessageParameter,
    aad: &[u8],
) -> Result<()> {
    let session = m.session(s)?;
    let mut operations = session.operations();
    message::begin(&mut operations.message_encrypt, |work, charge| work.begin(parameter, aad, charge))
}

/// C_EncryptMessageNext; `last` is `CKF_END_OF_MESSAGE`.
pub fn encrypt_next(
    m: &Module,
    s: SessionHandle,
    parameter: &dyn MessageParameter,
    part: &[u8],
    out: Output<'_>,
    last: bool,
) -> Result<()> {
    let session = m.session(s)?;
    let mut operations = session.operations();
    message::next(&mut operations.message_encrypt, part.len(), last, |work, charge| {
        work.next(parameter, part, out, last, charge)
    })
}

/// C_MessageEncryptFinal.
pub fn encrypt_final(m: &Module, s: SessionHandle) -> Result<()> {
    message::finish(&mut m.session(s)?.operations().message_encrypt)
}

/// C_MessageDecryptInit. No mechanism cancels.
pub fn decrypt_init(
    m: &Module,
    s: SessionHandle,
    mechanism: Option<Mechanism>,
    key: ObjectHandle,
) -> Result<()> {
    let session = m.session(s)?;
    let mut operations = session.operations();
    let Some(mechanism) = mechanism else {
        operations.message_decrypt = None;
        return Ok(());
    };
    operation::idle(&operations.message_decrypt)?;
    let shape = shape(&mechanism)?;
    let key = session.key(key)?;
    let begun = session.begin(Decrypt { key, mechanism }, |grant| {
        let terms = session.terms(grant.op());
        Ok(Ciphers::new(session.backend().message_decrypt(grant)?, shape, false, terms))
    })?;
    operations.message_decrypt = Some(Messages::new(begun));
    Ok(())
}

/// C_DecryptMessage.
pub fn decrypt(
    m: &Module,
    s: SessionHandle,
    parameter: &dyn MessageParameter,
    aad: &[u8],
    encrypted: &[u8],
    out: Output<'_>,
) -> Result<()> {
    let session = m.session(s)?;
    let mut operations = session.operations();
    message::whole(&mut operations.message_decrypt, encrypted.len(), |work, charge| {
        work.whole(parameter, aad, encrypted, out, charge)
    })
}

/// C_DecryptMessageBegin.
pub fn decrypt_begin(
    m: &Module,
    s: SessionHandle,
    parameter: &dyn MessageParameter,
    aad: &[u8],
) -> Result<()> {
    let session = m.session(s)?;
    let mut operations = session.operations();
    message::begin(&mut operations.message_decrypt, |work, charge| work.begin(parameter, aad, charge))
}

/// C_DecryptMessageNext; `last` is `CKF_END_OF_MESSAGE`. Gives nothing before the last part, because until
/// then no tag was verified.
pub fn decrypt_next(
    m: &Module,
    s: SessionHandle,
    parameter: &dyn MessageParameter,
    part: &[u8],
    out: Output<'_>,
    last: bool,
) -> Result<()> {
    let session = m.session(s)?;
    let mut operations = session.operations();
    message::next(&mut operations.message_decrypt, part.len(), last, |work, charge| {
        work.next(parameter, part, out, last, charge)
    })
}

/// C_MessageDecryptFinal.
pub fn decrypt_final(m: &Module, s: SessionHandle) -> Result<()> {
    message::finish(&mut m.session(s)?.operations().message_decrypt)
}

/// C_MessageSignInit. No mechanism cancels.
pub fn sign_init(
    m: &Module,
    s: SessionHandle,
    mechanism: Option<Mechanism>,
    key: ObjectHandle,
) -> Result<()> {
    let session = m.session(s)?;
    let mut operations = session.operations();
    let Some(mechanism) = mechanism else {
        operations.message_sign = None;
        return Ok(());
    };
    operation::idle(&operations.message_sign)?;
    serves_several(&mechanism)?;
    let key = session.key(key)?;
    let begun = session.begin_messages(SignMessages { key, mechanism }, |grant| {
        Ok(Signatures::new(session.backend().message_sign(grant)?))
    })?;
    operations.message_sign = Some(Messages::new(begun));
    Ok(())
}

/// C_SignMessage.
pub fn sign(m: &Module, s: SessionHandle, data: &[u8], out: Output<'_>) -> Result<()> {
    let session = m.session(s)?;
    let mut operations = session.operations();
    message::whole(&mut operations.message_sign, data.len(), |work, charge| work.whole(data, out, charge))
}

/// C_SignMessageBegin.
pub fn sign_begin(m: &Module, s: SessionHandle) -> Result<()> {
    let session = m.session(s)?;
    let mut operations = session.operations();
    message::begin(&mut operations.message_sign, Signatures::begin)
}

/// C_SignMessageNext: with an output for the signature the part is the last one.
pub fn sign_next(m: &Module, s: SessionHandle, part: &[u8], out: Option<Output<'_>>) -> Result<()> {
    let session = m.session(s)?;
    let mut operations = session.operations();
    message::next(&mut operations.message_sign, part.len(), out.is_some(), |work, charge| {
        work.next(part, out, charge)
    })
}

/// C_MessageSignFinal.
pub fn sign_final(m: &Module, s: SessionHandle) -> Result<()> {
    message::finish(&mut m.session(s)?.operations().message_sign)
}

/// C_MessageVerifyInit. No mechanism cancels.
pub fn verify_init(
    m: &Module,
    s: SessionHandle,
    mechanism: Option<Mechanism>,
    key: ObjectHandle,
) -> Result<()> {
    let session = m.session(s)?;
    let mut operations = session.operations();
    let Some(mechanism) = mechanism else {
        operations.message_verify = None;
        return Ok(());
    };
    operation::idle(&operations.message_verify)?;
    serves_several(&mechanism)?;
    let key = session.key(key)?;
    let begun = session.begin(Verify { key, mechanism }, |grant| {
        Ok(Verifications::new(session.backend().message_verify(grant)?))
    })?;
    operations.message_verify = Some(Messages::new(begun));
    Ok(())
}

/// C_VerifyMessage.
pub fn verify(m: &Module, s: SessionHandle, data: &[u8], signature: &[u8]) -> Result<()> {
    let session = m.session(s)?;
    let mut operations = session.operations();
    message::whole(&mut operations.message_verify, data.len(), |work, _| work.whole(data, signature))
}

/// C_VerifyMessageBegin.
pub fn verify_begin(m: &Module, s: SessionHandle) -> Result<()> {
    let session = m.session(s)?;
    let mut operations = session.operations();
    message::begin(&mut operations.message_verify, |work, _| work.begin())
}

/// C_VerifyMessageNext: with a signature the part is the last one.
pub fn verify_next(m: &Module, s: SessionHandle, part: &[u8], signature: Option<&[u8]>) -> Result<()> {
    let session = m.session(s)?;
    let mut operations = session.operations();
    message::next(&mut operations.message_verify, part.len(), signature.is_some(), |work, _| {
        work.next(part, signature)
    })
}

/// C_MessageVerifyFinal.
pub fn verify_final(m: &Module, s: SessionHandle) -> Result<()> {
    message::finish(&mut m.session(s)?.operations().message_verify)
}
