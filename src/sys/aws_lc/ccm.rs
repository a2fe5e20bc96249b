//! AES-CCM (SP 800-38C, RFC 3610): whole messages under a key that threads share.

use super::Answer;
use super::cipher::{Context, Direction};
use super::error::{require, succeeded};
use aws_lc_sys::{
    EVP_CIPHER_CTX_ctrl, EVP_CTRL_AEAD_GET_TAG, EVP_CTRL_AEAD_SET_IVLEN, EVP_CTRL_AEAD_SET_TAG,
    EVP_CipherInit_ex, EVP_CipherUpdate, EVP_aes_128_ccm, EVP_aes_192_ccm, EVP_aes_256_ccm,
};
use std::ffi::c_int;
use std::ptr;
use zeroize::Zeroize;

pub use crate::sys::primitives::ccm::{MAX_MESSAGE, NONCES};

/// A key made ready. Never changed after its constructor.
pub struct CcmKey {
    template: Context,
}

// SAFETY: the template is only ever copied from, by a function that takes it as const.
unsafe impl Send for CcmKey {}
// SAFETY: as above.
unsafe impl Sync for CcmKey {}

impl CcmKey {
    /// Makes ready a key of 16, 24 or 32 bytes.
    pub fn new(key: &[u8]) -> Answer<Self> {
        let description = match key.len() {
            16 => EVP_aes_128_ccm,
            24 => EVP_aes_192_ccm,
            32 => EVP_aes_256_ccm,
            _ => return Err(super::Failure::MISUSE),
        };
        // SAFETY: answers a static; no preconditions.
        let cipher = unsafe { description() };
        let template = Context::new()?;
        // SAFETY: the context is fresh, the description static and of this key length; no IV yet.
        let answer = unsafe {
            EVP_CipherInit_ex(template.raw(), cipher, ptr::null_mut(), key.as_ptr(), ptr::null(), 1)
        };
        succeeded(answer)?;
        Ok(Self { template })
    }

    /// Encrypts a message: `out` has the length of `input`; `tag` of 4, 6 .. 16 bytes is filled.
    pub fn seal(&self, nonce: &[u8], aad: &[u8], input: &[u8], out: &mut [u8], tag: &mut [u8]) -> Answer<()> {
        let tag_len = tag.len();
        let context = self.start(Direction::Encrypt, nonce, tag_len, ptr::null_mut())?;
        run(&context, aad, input, out)?;
        control(&context, EVP_CTRL_AEAD_GET_TAG, tag_len, tag.as_mut_ptr())
    }

    /// Decrypts a message: `out` has the length of `input`, and holds zeros where the tag is not right.
    /// AWS-LC compares in constant time.
    pub fn open(&self, nonce: &[u8], aad: &[u8], input: &[u8], tag: &[u8], out: &mut [u8]) -> Answer<()> {
        let mut copy = [0; 16];
        let part = copy.get_mut(..tag.len()).ok_or(super::Failure::MISUSE)?;
        part.copy_from_slice(tag);
        let answer = self
            .start(Direction::Decrypt, nonce, tag.len(), copy.as_mut_ptr())
            .and_then(|context| run(&context, aad, input, out));
        if answer.is_err() {
            out.zeroize();
        }
        answer
    }

    /// A context with key, lengths and nonce set. `tag` is NULL, or leads to `tag_len` bytes.
    fn start(&self, direction: Direction, nonce: &[u8], tag_len: usize, tag: *mut u8) -> Answer<Context> {
        require(NONCES.contains(&nonce.len()))?;
        require(matches!(tag_len, 4 | 6 | 8 | 10 | 12 | 14 | 16))?;
        let context = self.template.copy()?;
        let flag = direction.flag();
        // SAFETY: the context is keyed; without key and IV this sets the direction only.
        succeeded(unsafe {
            EVP_CipherInit_ex(context.raw(), ptr::null(), ptr::null_mut(), ptr::null(), ptr::null(), flag)
        })?;
        control(&context, EVP_CTRL_AEAD_SET_IVLEN, nonce.len(), ptr::null_mut())?;
        control(&context, EVP_CTRL_AEAD_SET_TAG, tag_len, tag)?;
        // SAFETY: the nonce has the length that was just set; the key stays.
        succeeded(unsafe {
            EVP_CipherInit_ex(context.raw(), ptr::null(), ptr::null_mut(), ptr::null(), nonce.as_ptr(), flag)
        })?;
        Ok(context)
    }
}

/// Announces the length, takes the additional data, and runs the message through, in one go.
fn run(context: &Context, aad: &[u8], input: &[u8], out: &mut [u8]) -> Answer<()> {
    require(out.len() == input.len() && input.len() <= MAX_MESSAGE && aad.len() <= MAX_MESSAGE)?;
    let len = |bytes: &[u8]| c_int::try_from(bytes.len()).map_err(|_| super::Failure::MISUSE);
    let (input_len, aad_len) = (len(input)?, len(aad)?);
    let mut written = 0;
    // SAFETY: the context is started; without input and output the number is the message's length.
    succeeded(unsafe {
        EVP_CipherUpdate(context.raw(), ptr::null_mut(), &raw mut written, ptr::null(), input_len)
    })?;
    if aad_len > 0 {
        // SAFETY: without an output the input is authenticated only.
        succeeded(unsafe {
            EVP_CipherUpdate(context.raw(), ptr::null_mut(), &raw mut written, aad.as_ptr(), aad_len)
        })?;
    }
    // SAFETY: both slices have `input_len` bytes, and neither pointer is NULL.
    succeeded(unsafe {
        EVP_CipherUpdate(context.raw(), out.as_mut_ptr(), &raw mut written, input.as_ptr(), input_len)
    })?;
    require(written == input_len)
}

fn control(context: &Context, command: c_int, len: usize, bytes: *mut u8) -> Answer<()> {
    let len = c_int::try_from(len).map_err(|_| super::Failure::MISUSE)?;
    // SAFETY: private; the commands used read or write `len` bytes, or none where `bytes` is NULL.
    succeeded(unsafe { EVP_CIPHER_CTX_ctrl(context.raw(), command, len, bytes.cast()) })
}
