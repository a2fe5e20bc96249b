//! Each operation twice: in one go and in parts of odd lengths. Both must say the same.

use super::call;
use super::client::*;
use super::sheet::Failure;
use cryptoki_sys::*;

/// What [`in_both_ways`] compares.
pub type Done<T> = Result<Answer<T>, Failure>;

/// Parts of 1, 3, 7, 15, ... bytes: few for long data, and none ends with a block.
pub fn odd_parts(mut data: &[u8]) -> Vec<&[u8]> {
    let (mut parts, mut len) = (Vec::new(), 1);
    while !data.is_empty() {
        let (part, rest) = data.split_at(len.min(data.len()));
        parts.push(part);
        data = rest;
        len = len * 2 + 1;
    }
    parts
}

/// One answer of two that must agree: the same result, or both a refusal.
fn agreed<T: PartialEq + std::fmt::Debug>(whole: Answer<T>, parts: Answer<T>) -> Done<T> {
    match (&whole, &parts) {
        (Ok(one), Ok(other)) if one == other => Ok(whole),
        (Err(_), Err(_)) => Ok(whole),
        _ => Err(Failure::Wrong(format!("in one go {whole:?}, in parts {parts:?}"))),
    }
}

/// One update of an encryption or decryption, or its end, with room for all that can come.
fn some_output(room: usize, mut call: impl FnMut(*mut u8, *mut CK_ULONG) -> Answer<()>) -> Answer<Vec<u8>> {
    let mut out = vec![0xA5_u8; room];
    let mut len = room as CK_ULONG;
    call(out.as_mut_ptr(), &raw mut len)?;
    out.truncate(len as usize);
    Ok(out)
}

impl Session<'_> {
    /// C_Digest, and C_DigestUpdate with C_DigestFinal.
    pub fn digest_both(&self, mechanism: &Mechanism, data: &[u8]) -> Done<Vec<u8>> {
        let whole = self.digest(mechanism, data);
        let parts = self.digest_init(mechanism).and_then(|()| {
            for part in odd_parts(data) {
                let (mut part, len) = bytes(part);
                call!(self.module, C_DigestUpdate, self.handle, part.as_mut_ptr(), len)?;
            }
            two_calls(|out, len| call!(self.module, C_DigestFinal, self.handle, out, len))
        });
        agreed(whole, parts)
    }

    /// C_Digest with a buffer of the right length and nothing else asked.
    pub fn digest_once(&self, mechanism: &Mechanism, data: &[u8], len: usize) -> Answer<Vec<u8>> {
        self.digest_init(mechanism)?;
        let (mut data, data_len) = bytes(data);
        some_output(len, |out, len| {
            call!(self.module, C_Digest, self.handle, data.as_mut_ptr(), data_len, out, len)
        })
    }

    fn sign_odd_parts(&self, mechanism: &Mechanism, key: Key, data: &[u8]) -> Answer<Vec<u8>> {
        self.sign_init(mechanism, key)?;
        for part in odd_parts(data) {
            self.sign_update(part)?;
        }
        self.sign_final()
    }

    /// C_Sign, and C_SignUpdate with C_SignFinal, for what is the same each time.
    pub fn sign_both(&self, mechanism: &Mechanism, key: Key, data: &[u8]) -> Done<Vec<u8>> {
        agreed(self.sign(mechanism, key, data), self.sign_odd_parts(mechanism, key, data))
    }

    /// C_Verify, and C_VerifyUpdate with C_VerifyFinal.
    pub fn verify_both(&self, mechanism: &Mechanism, key: Key, data: &[u8], signature: &[u8]) -> Done<()> {
        let whole = self.verify(mechanism, key, data, signature);
        let parts = self.verify_init(mechanism, key).and_then(|()| {
            for part in odd_parts(data) {
                let (mut part, len) = bytes(part);
                call!(self.module, C_VerifyUpdate, self.handle, part.as_mut_ptr(), len)?;
            }
            let (mut signature, len) = bytes(signature);
            call!(self.module, C_VerifyFinal, self.handle, signature.as_mut_ptr(), len)
        });
        agreed(whole, parts)
    }

    /// C_Encrypt, and C_EncryptUpdate with C_EncryptFinal, for what is the same each time.
    pub fn encrypt_both(&self, mechanism: &Mechanism, key: Key, data: &[u8]) -> Done<Vec<u8>> {
        let whole = self.encrypt(mechanism, key, data);
        let room = data.len() + 64;
        let parts = self.encrypt_init(mechanism, key).and_then(|()| {
            let mut all = Vec::new();
            for part in odd_parts(data) {
                let (mut part, part_len) = bytes(part);
                all.extend(some_output(room, |out, len| {
                    call!(self.module, C_EncryptUpdate, self.handle, part.as_mut_ptr(), part_len, out, len)
                })?);
            }
            all.extend(some_output(room, |out, len| {
                call!(self.module, C_EncryptFinal, self.handle, out, len)
            })?);
            Ok(all)
        });
        agreed(whole, parts)
    }

    /// C_Decrypt, and C_DecryptUpdate with C_DecryptFinal.
    pub fn decrypt_both(&self, mechanism: &Mechanism, key: Key, data: &[u8]) -> Done<Vec<u8>> {
        let whole = self.decrypt(mechanism, key, data);
        let room = data.len() + 64;
        let parts = self.decrypt_init(mechanism, key).and_then(|()| {
            let mut all = Vec::new();
            for part in odd_parts(data) {
                let (mut part, part_len) = bytes(part);
                all.extend(some_output(room, |out, len| {
                    call!(self.module, C_DecryptUpdate, self.handle, part.as_mut_ptr(), part_len, out, len)
                })?);
            }
            all.extend(some_output(room, |out, len| {
                call!(self.module, C_DecryptFinal, self.handle, out, len)
            })?);
            Ok(all)
        });
        agreed(whole, parts)
    }

    /// The value of a key that can be looked at; the key is destroyed.
    pub fn taken_out(&self, key: Key) -> Vec<u8> {
        let value = self.get(key, CKA_VALUE).unwrap();
        self.destroy(key).unwrap();
        value
    }
}
