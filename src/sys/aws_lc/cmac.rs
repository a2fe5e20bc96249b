//! CMAC with AES (SP 800-38B, RFC 4493): a key with its subkeys computed once, and messages under it.

use super::Answer;
use super::cipher::BLOCK;
use super::error::{require, succeeded};
use super::owner::owner;
use aws_lc_sys::{
    CMAC_CTX_copy, CMAC_CTX_new, CMAC_Final, CMAC_Init, CMAC_Update, EVP_aes_128_cbc, EVP_aes_192_cbc,
    EVP_aes_256_cbc,
};
use std::ptr;

owner! {
    /// A keyed CMAC.
    Keyed owns CMAC_CTX, freed by CMAC_CTX_free
}

/// A key made ready. Never changed after its constructor.
pub struct CmacKey {
    template: Keyed,
}

/// A running CMAC.
pub struct Cmac {
    context: Keyed,
}

// SAFETY: the template is only ever copied from, by a function that takes it as const.
unsafe impl Send for CmacKey {}
// SAFETY: as above.
unsafe impl Sync for CmacKey {}
// SAFETY: the context has no tie to the thread that made it.
unsafe impl Send for Cmac {}

impl Keyed {
    fn new() -> Answer<Self> {
        // SAFETY: allocates; no preconditions.
        let raw = unsafe { CMAC_CTX_new() };
        // SAFETY: NULL or a fresh object.
        unsafe { Self::own(raw) }
    }
}

impl CmacKey {
    /// Makes ready a key of 16, 24 or 32 bytes.
    pub fn new(key: &[u8]) -> Answer<Self> {
        let description = match key.len() {
            16 => EVP_aes_128_cbc,
            24 => EVP_aes_192_cbc,
            32 => EVP_aes_256_cbc,
            _ => return Err(super::Failure::MISUSE),
        };
        // SAFETY: answers a static; no preconditions.
        let cipher = unsafe { description() };
        let template = Keyed::new()?;
        // SAFETY: the context is fresh; reads `key.len()` bytes, which the static description expects; NULL is the
        // default engine.
        let answer =
            unsafe { CMAC_Init(template.raw(), key.as_ptr().cast(), key.len(), cipher, ptr::null_mut()) };
        succeeded(answer)?;
        Ok(Self { template })
    }

    /// Starts a message.
    pub fn start(&self) -> Answer<Cmac> {
        let context = Keyed::new()?;
        // SAFETY: the target is fresh; the source is keyed and only read.
        succeeded(unsafe { CMAC_CTX_copy(context.raw(), self.template.raw()) })?;
        Ok(Cmac { context })
    }
}

impl Cmac {
    /// Takes more input.
    pub fn update(&mut self, data: &[u8]) -> Answer<()> {
        // SAFETY: the context is keyed; reads `data`.
        succeeded(unsafe { CMAC_Update(self.context.raw(), data.as_ptr(), data.len()) })
    }

    /// Writes the MAC. The context is used up.
    pub fn finish(&mut self, out: &mut [u8; BLOCK]) -> Answer<()> {
        let mut written = 0;
        // SAFETY: the context is keyed; `out` has the block that is written.
        succeeded(unsafe { CMAC_Final(self.context.raw(), out.as_mut_ptr(), &raw mut written) })?;
        require(written == BLOCK)
    }
}
