//! AES as a block cipher (FIPS 197) in the modes of SP 800-38A, without padding: keyed templates that
//! never change, and running ciphers copied from them.

use super::Answer;
use super::error::{require, succeeded};
use super::owner::owner;
use aws_lc_sys::{
    EVP_CIPHER, EVP_CIPHER_CTX_copy, EVP_CIPHER_CTX_new, EVP_CIPHER_CTX_set_padding, EVP_CipherInit_ex,
    EVP_CipherUpdate, EVP_aes_128_cbc, EVP_aes_128_ctr, EVP_aes_128_ecb, EVP_aes_192_cbc, EVP_aes_192_ctr,
    EVP_aes_192_ecb, EVP_aes_256_cbc, EVP_aes_256_ctr, EVP_aes_256_ecb,
};
use std::ffi::c_int;
use std::ptr;

pub use crate::sys::primitives::cipher::{BLOCK, Direction, Mode};

/// At most so many bytes go to C in one call: it counts in `int`, and this is a multiple of the block.
pub(super) const CALL_LIMIT: usize = 1 << 30;

owner! {
    /// A cipher context of AWS-LC.
    Context owns EVP_CIPHER_CTX, freed by EVP_CIPHER_CTX_free
}

/// A key schedule. Never changed after its constructor.
pub struct CipherKey {
    template: Context,
    mode: Mode,
}

/// A running cipher.
pub struct Cipher {
    context: Context,
    mode: Mode,
}

// SAFETY: the template is only ever copied from, by a function that takes it as const.
unsafe impl Send for CipherKey {}
// SAFETY: as above.
unsafe impl Sync for CipherKey {}
// SAFETY: the context has no tie to the thread that made it.
unsafe impl Send for Cipher {}

impl Direction {
    pub(super) const fn flag(self) -> c_int {
        match self {
            Self::Encrypt => 1,
            Self::Decrypt => 0,
        }
    }
}

impl Context {
    pub(super) fn new() -> Answer<Self> {
        // SAFETY: allocates; no preconditions.
        let raw = unsafe { EVP_CIPHER_CTX_new() };
        // SAFETY: NULL or a fresh object.
        unsafe { Self::own(raw) }
    }

    /// A context of its own in the state of `self`.
    pub(super) fn copy(&self) -> Answer<Self> {
        let copy = Self::new()?;
        // SAFETY: the target is fresh; the source is keyed and only read.
        succeeded(unsafe { EVP_CIPHER_CTX_copy(copy.raw(), self.raw()) })?;
        Ok(copy)
    }

    /// Runs `input` through a started cipher; `out` has the same length.
    pub(super) fn run(&mut self, input: &[u8], out: &mut [u8]) -> Answer<()> {
        require(input.len() == out.len())?;
        for (input, out) in input.chunks(CALL_LIMIT).zip(out.chunks_mut(CALL_LIMIT)) {
            let len = c_int::try_from(input.len()).map_err(|_| super::Failure::MISUSE)?;
            let mut written = 0;
            // SAFETY: the context is started. The modes here are stream modes, or block modes that got
            // whole blocks only, so exactly `len` bytes are written, and `out` has as many.
            let answer = unsafe {
                EVP_CipherUpdate(self.raw(), out.as_mut_ptr(), &raw mut written, input.as_ptr(), len)
            };
            succeeded(answer)?;
            require(written == len)?;
        }
        Ok(())
    }
}

impl CipherKey {
    /// Computes the key schedule of a key of 16, 24 or 32 bytes.
    pub fn new(mode: Mode, direction: Direction, key: &[u8]) -> Answer<Self> {
        let template = Context::new()?;
        let cipher = description(mode, key.len())?;
        // SAFETY: the context is fresh, the description static and of this key length; no IV yet.
        let answer = unsafe {
            EVP_CipherInit_ex(
                template.raw(),
                cipher,
                ptr::null_mut(),
                key.as_ptr(),
                ptr::null(),
                direction.flag(),
            )
        };
        succeeded(answer)?;
        // SAFETY: the context is keyed.
        succeeded(unsafe { EVP_CIPHER_CTX_set_padding(template.raw(), 0) })?;
        Ok(Self { template, mode })
    }

    /// Starts a message. CBC and CTR take an IV or counter block, ECB ignores it.
    pub fn start(&self, iv: &[u8; BLOCK]) -> Answer<Cipher> {
        let mut cipher = Cipher { context: self.template.copy()?, mode: self.mode };
        if self.mode != Mode::Ecb {
            cipher.restart(iv)?;
        }
        Ok(cipher)
    }
}

impl Cipher {
    /// Goes on with another IV or counter block under the same key.
    pub fn restart(&mut self, iv: &[u8; BLOCK]) -> Answer<()> {
        // SAFETY: the context is keyed; the IV of CBC and CTR has 16 bytes; -1 keeps the direction.
        let answer = unsafe {
            EVP_CipherInit_ex(self.context.raw(), ptr::null(), ptr::null_mut(), ptr::null(), iv.as_ptr(), -1)
        };
        succeeded(answer)
    }

    /// Runs `input` through; `out` has the same length. ECB and CBC take whole blocks only.
    pub fn update(&mut self, input: &[u8], out: &mut [u8]) -> Answer<()> {
        require(self.mode == Mode::Ctr || input.len().is_multiple_of(BLOCK))?;
        self.context.run(input, out)
    }
}

/// The static description of a mode for a key length.
fn description(mode: Mode, key_len: usize) -> Answer<*const EVP_CIPHER> {
    let function = match (mode, key_len) {
        (Mode::Ecb, 16) => EVP_aes_128_ecb,
        (Mode::Ecb, 24) => EVP_aes_192_ecb,
        (Mode::Ecb, 32) => EVP_aes_256_ecb,
        (Mode::Cbc, 16) => EVP_aes_128_cbc,
        (Mode::Cbc, 24) => EVP_aes_192_cbc,
        (Mode::Cbc, 32) => EVP_aes_256_cbc,
        (Mode::Ctr, 16) => EVP_aes_128_ctr,
        (Mode::Ctr, 24) => EVP_aes_192_ctr,
        (Mode::Ctr, 32) => EVP_aes_256_ctr,
        _ => return Err(super::Failure::MISUSE),
    };
    // SAFETY: answers a static; no preconditions.
    Ok(unsafe { function() })
}
