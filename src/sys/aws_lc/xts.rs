//! XTS with AES-256 (SP 800-38E, IEEE 1619): whole data units under a key that threads share. AWS-LC has no XTS with
//! AES-128.

use super::Answer;
use super::cipher::{BLOCK, Context, Direction};
use super::error::{require, succeeded};
use aws_lc_sys::{EVP_CipherInit_ex, EVP_aes_256_xts};
use std::ptr;

pub use crate::sys::primitives::xts::{KEY, MAX_UNIT};

/// A key made ready. Never changed after its constructor.
pub struct XtsKey {
    encrypt: Context,
    decrypt: Context,
}

// SAFETY: the templates are only ever copied from, by a function that takes them as const.
unsafe impl Send for XtsKey {}
// SAFETY: as above.
unsafe impl Sync for XtsKey {}

impl XtsKey {
    /// Makes ready a key. Refuses one whose halves are equal.
    pub fn new(key: &[u8; KEY]) -> Answer<Self> {
        Ok(Self { encrypt: keyed(Direction::Encrypt, key)?, decrypt: keyed(Direction::Decrypt, key)? })
    }

    /// Encrypts or decrypts a data unit of 16 bytes to 2^20 blocks; `out` has the length of `input`.
    pub fn run(&self, direction: Direction, tweak: &[u8; BLOCK], input: &[u8], out: &mut [u8]) -> Answer<()> {
        require((BLOCK..=MAX_UNIT).contains(&input.len()))?;
        let template = match direction {
            Direction::Encrypt => &self.encrypt,
            Direction::Decrypt => &self.decrypt,
        };
        let mut context = template.copy()?;
        // SAFETY: the context is keyed; the tweak has the 16 bytes of an IV; -1 keeps the direction.
        succeeded(unsafe {
            EVP_CipherInit_ex(context.raw(), ptr::null(), ptr::null_mut(), ptr::null(), tweak.as_ptr(), -1)
        })?;
        context.run(input, out)
    }
}

fn keyed(direction: Direction, key: &[u8; KEY]) -> Answer<Context> {
    let context = Context::new()?;
    // SAFETY: answers a static; no preconditions.
    let cipher = unsafe { EVP_aes_256_xts() };
    // SAFETY: the context is fresh, the description static and of this key length; no tweak yet.
    let answer = unsafe {
        EVP_CipherInit_ex(context.raw(), cipher, ptr::null_mut(), key.as_ptr(), ptr::null(), direction.flag())
    };
    succeeded(answer)?;
    Ok(context)
}
