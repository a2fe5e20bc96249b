//! Dual-function cryptographic functions (PKCS#11 3.2, 5.17): one part goes through two operations.
//!
//! The second operation gets its input only when the first one's output reaches the caller. So a length
//! query or a short buffer, after which the caller brings the same part again, counts it once.

use super::Module;
use crate::ck::{Result, SessionHandle};
use crate::session::{Operations, Output, operation};

/// C_DigestEncryptUpdate: digests and encrypts the same plaintext.
pub fn digest_encrypt_update(m: &Module, s: SessionHandle, part: &[u8], out: Output<'_>) -> Result<()> {
    let session = m.session(s)?;
    let mut operations = session.operations();
    let Operations { encrypt, digest, .. } = &mut *operations;
    operation::both(encrypt, digest, |encrypt, digest| encrypt.part_and(part, out, |_| digest.take(part)))
}

/// C_DecryptDigestUpdate: digests the plaintext that came out.
pub fn decrypt_digest_update(m: &Module, s: SessionHandle, part: &[u8], out: Output<'_>) -> Result<()> {
    let session = m.session(s)?;
    let mut operations = session.operations();
    let Operations { decrypt, digest, .. } = &mut *operations;
    operation::both(decrypt, digest, |decrypt, digest| {
        decrypt.part_and(part, out, |plain| digest.take(plain))
    })
}

/// C_SignEncryptUpdate: signs and encrypts the same plaintext.
pub fn sign_encrypt_update(m: &Module, s: SessionHandle, part: &[u8], out: Output<'_>) -> Result<()> {
    let session = m.session(s)?;
    let mut operations = session.operations();
    let Operations { encrypt, sign, .. } = &mut *operations;
    operation::both(encrypt, sign, |encrypt, sign| encrypt.part_and(part, out, |_| sign.take(part)))
}

/// C_DecryptVerifyUpdate: verifies the plaintext that came out.
pub fn decrypt_verify_update(m: &Module, s: SessionHandle, part: &[u8], out: Output<'_>) -> Result<()> {
    let session = m.session(s)?;
    let mut operations = session.operations();
    let Operations { decrypt, verify, .. } = &mut *operations;
    operation::both(decrypt, verify, |decrypt, verify| {
        decrypt.part_and(part, out, |plain| verify.take(plain))
    })
}
