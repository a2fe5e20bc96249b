//! Verification where the signature comes first (PKCS#11 3.2, 5.15). It is the same use of a key as
//! C_VerifyInit, and a session has one verification of either kind.

use super::Module;
use crate::ck::{Error, Mechanism, ObjectHandle, Result, SessionHandle};
use crate::guard::op::Verify;
use crate::session::{Running, SignatureFirst, operation};

/// Longest signature that is kept, in bytes: twice the longest that any mechanism of the standard makes
/// (SLH-DSA, 49 856 bytes).
const LONGEST: usize = 100_000;

/// C_VerifySignatureInit. No mechanism cancels.
///
/// # Errors
/// `CKR_ARGUMENTS_BAD` for a signature that is longer than any; one of a wrong length is refused at the
/// end (`CKR_SIGNATURE_LEN_RANGE`), as the standard has it.
pub fn verify_signature_init(
    m: &Module,
    s: SessionHandle,
    mechanism: Option<Mechanism>,
    key: ObjectHandle,
    signature: &[u8],
) -> Result<()> {
    let session = m.session(s)?;
    let mut operations = session.operations();
    let Some(mechanism) = mechanism else {
        operations.verify_signature = None;
        return Ok(());
    };
    operation::idle(&operations.verify_signature)?;
    operation::idle(&operations.verify)?;
    if signature.len() > LONGEST {
        return Err(Error::ArgumentsBad);
    }
    let key = session.key(key)?;
    let begun = session.begin(Verify { key, mechanism }, |grant| {
        Ok(SignatureFirst { work: session.backend().verify(grant)?, signature: signature.to_vec() })
    })?;
    operations.verify_signature = Some(Running::keyed(begun));
    Ok(())
}

/// C_VerifySignature.
pub fn verify_signature(m: &Module, s: SessionHandle, data: &[u8]) -> Result<()> {
    let session = m.session(s)?;
    let mut operations = session.operations();
    operation::finish(&mut operations.verify_signature, true, |running| running.whole(data))
}

/// C_VerifySignatureUpdate.
pub fn verify_signature_update(m: &Module, s: SessionHandle, part: &[u8]) -> Result<()> {
    let session = m.session(s)?;
    let mut operations = session.operations();
    operation::update(&mut operations.verify_signature, |running| running.take(part))
}

/// C_VerifySignatureFinal.
pub fn verify_signature_final(m: &Module, s: SessionHandle) -> Result<()> {
    let session = m.session(s)?;
    let mut operations = session.operations();
    operation::finish(&mut operations.verify_signature, false, Running::<SignatureFirst>::judge)
}
