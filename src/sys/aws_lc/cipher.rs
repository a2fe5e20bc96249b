//! AES (FIPS 197) and Triple DES (SP 800-67) in the modes of SP 800-38A, without padding: keyed templates that never
//! change, and running ciphers copied from them.

use super::Answer;
use super::error::{require, succeeded};
use super::owner::owner;
use aws_lc_sys::{
    EVP_CIPHER, EVP_CIPHER_CTX_copy, EVP_CIPHER_CTX_new, EVP_CIPHER_CTX_set_padding, EVP_CipherInit_ex,
    EVP_CipherUpdate, EVP_aes_128_cbc, EVP_aes_128_cfb1, EVP_aes_128_cfb8, EVP_aes_128_cfb128,
    EVP_aes_128_ctr, EVP_aes_128_ecb, EVP_aes_128_ofb, EVP_aes_192_cbc, EVP_aes_192_cfb1, EVP_aes_192_cfb8,
    EVP_aes_192_cfb128, EVP_aes_192_ctr, EVP_aes_192_ecb, EVP_aes_192_ofb, EVP_aes_256_cbc, EVP_aes_256_cfb1,
    EVP_aes_256_cfb8, EVP_aes_256_cfb128, EVP_aes_256_ctr, EVP_aes_256_ecb, EVP_aes_256_ofb, EVP_des_ede,
    EVP_des_ede_cbc, EVP_des_ede3_cbc, EVP_des_ede3_ecb,
};
use std::ffi::c_int;
use std::ptr;

pub use crate::sys::primitives::cipher::{BLOCK, DES_BLOCK, Direction, Mode};

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
    block: usize,
}

/// A running cipher.
pub struct Cipher {
    context: Context,
    mode: Mode,
    block: usize,
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
    /// Whether AWS-LC has AES in the mode: in all of them.
    pub const fn takes(_: Mode) -> bool {
        true
    }

    /// Computes the key schedule of an AES key of 16, 24 or 32 bytes.
    pub fn new(mode: Mode, direction: Direction, key: &[u8]) -> Answer<Self> {
        Self::keyed(description(mode, key.len())?, mode, BLOCK, direction, key)
    }

    /// Computes the key schedule of a Triple DES key of 16 or 24 bytes; the modes are ECB and CBC.
    pub fn triple_des(mode: Mode, direction: Direction, key: &[u8]) -> Answer<Self> {
        Self::keyed(des_description(mode, key.len())?, mode, DES_BLOCK, direction, key)
    }

    /// `cipher` is static and of this mode, this block and the length of the key.
    fn keyed(
        cipher: *const EVP_CIPHER,
        mode: Mode,
        block: usize,
        direction: Direction,
        key: &[u8],
    ) -> Answer<Self> {
        let template = Context::new()?;
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
        Ok(Self { template, mode, block })
    }

    /// Starts a message with an IV or counter block, as long as a block; ECB ignores it.
    pub fn start(&self, iv: &[u8]) -> Answer<Cipher> {
        let mut cipher = Cipher { context: self.template.copy()?, mode: self.mode, block: self.block };
        if self.mode != Mode::Ecb {
            cipher.restart(iv)?;
        }
        Ok(cipher)
    }
}

impl Cipher {
    /// Goes on with another IV or counter block under the same key.
    pub fn restart(&mut self, iv: &[u8]) -> Answer<()> {
        require(iv.len() == self.block && self.mode != Mode::Ecb)?;
        // SAFETY: the context is keyed; the IV of all modes but ECB is as long as a block; -1 keeps the direction.
        let answer = unsafe {
            EVP_CipherInit_ex(self.context.raw(), ptr::null(), ptr::null_mut(), ptr::null(), iv.as_ptr(), -1)
        };
        succeeded(answer)
    }

    /// Runs `input` through; `out` has the same length. ECB and CBC take whole blocks only.
    pub fn update(&mut self, input: &[u8], out: &mut [u8]) -> Answer<()> {
        require(self.mode.streams() || input.len().is_multiple_of(self.block))?;
        self.context.run(input, out)
    }
}

/// The static description of a mode of AES for a key length.
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
        (Mode::Cfb1, 16) => EVP_aes_128_cfb1,
        (Mode::Cfb1, 24) => EVP_aes_192_cfb1,
        (Mode::Cfb1, 32) => EVP_aes_256_cfb1,
        (Mode::Cfb8, 16) => EVP_aes_128_cfb8,
        (Mode::Cfb8, 24) => EVP_aes_192_cfb8,
        (Mode::Cfb8, 32) => EVP_aes_256_cfb8,
        (Mode::Cfb128, 16) => EVP_aes_128_cfb128,
        (Mode::Cfb128, 24) => EVP_aes_192_cfb128,
        (Mode::Cfb128, 32) => EVP_aes_256_cfb128,
        (Mode::Ofb, 16) => EVP_aes_128_ofb,
        (Mode::Ofb, 24) => EVP_aes_192_ofb,
        (Mode::Ofb, 32) => EVP_aes_256_ofb,
        _ => return Err(super::Failure::MISUSE),
    };
    // SAFETY: answers a static; no preconditions.
    Ok(unsafe { function() })
}

/// The static description of a mode of Triple DES for a key length. With two keys the first is also the third.
fn des_description(mode: Mode, key_len: usize) -> Answer<*const EVP_CIPHER> {
    let function = match (mode, key_len) {
        (Mode::Ecb, 16) => EVP_des_ede,
        (Mode::Ecb, 24) => EVP_des_ede3_ecb,
        (Mode::Cbc, 16) => EVP_des_ede_cbc,
        (Mode::Cbc, 24) => EVP_des_ede3_cbc,
        _ => return Err(super::Failure::MISUSE),
    };
    // SAFETY: answers a static; no preconditions.
    Ok(unsafe { function() })
}
