//! HMAC (FIPS 198-1): a key with its two inner states computed once, and messages under it.

use super::Answer;
use super::digest::{Hash, MAX_LEN};
use super::error::{require, succeeded};
use super::owner::owner;
use aws_lc_sys::{
    HMAC_CTX, HMAC_CTX_cleanup, HMAC_CTX_copy_ex, HMAC_CTX_init, HMAC_CTX_new, HMAC_Final, HMAC_Init_ex,
    HMAC_Update,
};
use std::mem::MaybeUninit;
use std::ptr;

owner! {
    /// A started HMAC.
    Started owns HMAC_CTX, freed by HMAC_CTX_free
}

/// A key made ready. Never changed after that.
pub struct HmacKey {
    template: Started,
    hash: Hash,
}

/// A running HMAC.
pub struct Hmac {
    context: Started,
    len: usize,
}

// SAFETY: the template is only ever copied from, by functions that take it as const.
unsafe impl Send for HmacKey {}
// SAFETY: as above.
unsafe impl Sync for HmacKey {}
// SAFETY: the context has no tie to the thread that made it.
unsafe impl Send for Hmac {}

impl Started {
    fn new() -> Answer<Self> {
        // SAFETY: allocates; no preconditions.
        let raw = unsafe { HMAC_CTX_new() };
        // SAFETY: NULL or a fresh object.
        unsafe { Self::own(raw) }
    }
}

/// A context on the stack, for a message in one call: no allocation, wiped at the end.
struct Brief(MaybeUninit<HMAC_CTX>);

impl Drop for Brief {
    fn drop(&mut self) {
        // SAFETY: `HmacKey::mac` initialised the context before anything could fail.
        unsafe { HMAC_CTX_cleanup(self.0.as_mut_ptr()) };
    }
}

impl HmacKey {
    /// Computes the inner and outer states of a key.
    pub fn new(hash: Hash, key: &[u8]) -> Answer<Self> {
        let template = Started::new()?;
        // SAFETY: the context is fresh; reads `key.len()` bytes of a slice of that length, which is never
        // NULL; the description is static and NULL the default engine.
        let answer = unsafe {
            HMAC_Init_ex(template.raw(), key.as_ptr().cast(), key.len(), hash.description(), ptr::null_mut())
        };
        succeeded(answer)?;
        Ok(Self { template, hash })
    }

    /// Length of the MAC in bytes.
    pub const fn len(&self) -> usize {
        self.hash.len()
    }

    /// The MAC of a whole message. `out` has exactly [`Self::len`] bytes.
    pub fn mac(&self, data: &[u8], out: &mut [u8]) -> Answer<()> {
        require(out.len() == self.len())?;
        let mut brief = Brief(MaybeUninit::uninit());
        let context = brief.0.as_mut_ptr();
        // SAFETY: writes the whole context.
        unsafe { HMAC_CTX_init(context) };
        // SAFETY: both contexts are initialised; the source is only read.
        succeeded(unsafe { HMAC_CTX_copy_ex(context, self.template.raw()) })?;
        // SAFETY: the context is started; reads `data`.
        succeeded(unsafe { HMAC_Update(context, data.as_ptr(), data.len()) })?;
        // SAFETY: `out` has the length of this MAC; NULL says that the length is not wanted.
        succeeded(unsafe { HMAC_Final(context, out.as_mut_ptr(), ptr::null_mut()) })
    }

    /// Starts a message in parts.
    pub fn start(&self) -> Answer<Hmac> {
        let context = Started::new()?;
        // SAFETY: both contexts are initialised; the source is only read.
        succeeded(unsafe { HMAC_CTX_copy_ex(context.raw(), self.template.raw()) })?;
        Ok(Hmac { context, len: self.len() })
    }
}

impl Hmac {
    /// Takes more input.
    pub fn update(&mut self, data: &[u8]) -> Answer<()> {
        // SAFETY: the context is started; reads `data`.
        succeeded(unsafe { HMAC_Update(self.context.raw(), data.as_ptr(), data.len()) })
    }

    /// Writes the MAC; answers its length. The context is used up.
    pub fn finish(&mut self, out: &mut [u8; MAX_LEN]) -> Answer<usize> {
        // SAFETY: `out` holds the longest MAC there is; NULL says that the length is not wanted.
        succeeded(unsafe { HMAC_Final(self.context.raw(), out.as_mut_ptr(), ptr::null_mut()) })?;
        Ok(self.len)
    }
}
