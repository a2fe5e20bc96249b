//! AES Key Wrap (SP 800-38F, RFC 3394) and Key Wrap with Padding (RFC 5649).

use super::Answer;
use super::error::{require, succeeded};
use aws_lc_sys::{
    AES_KEY, AES_set_decrypt_key, AES_set_encrypt_key, AES_unwrap_key, AES_unwrap_key_padded, AES_wrap_key,
    AES_wrap_key_padded, OPENSSL_free, OPENSSL_malloc,
};
use std::ffi::{c_int, c_uint};
use std::ptr::NonNull;
use zeroize::Zeroize;

pub use crate::sys::primitives::key_wrap::{LONGEST, SEMIBLOCK};

/// A key schedule in AWS-LC's memory, which is locked, and wiped when it is freed.
struct Schedule(NonNull<AES_KEY>);

// SAFETY: owned by nobody else, and never changed after its constructor.
unsafe impl Send for Schedule {}
// SAFETY: as above.
unsafe impl Sync for Schedule {}

type Expand = unsafe extern "C" fn(*const u8, c_uint, *mut AES_KEY) -> c_int;

impl Schedule {
    /// Expands a key of 16, 24 or 32 bytes.
    fn new(expand: Expand, key: &[u8]) -> Answer<Self> {
        let bits = match key.len() {
            16 => 128,
            24 => 192,
            32 => 256,
            _ => return Err(super::Failure::MISUSE),
        };
        // SAFETY: allocates; no preconditions.
        let place = unsafe { OPENSSL_malloc(size_of::<AES_KEY>()) }.cast::<AES_KEY>();
        let schedule = Self(NonNull::new(place).ok_or_else(super::Failure::take)?);
        // SAFETY: the place has room for an AES_KEY, for which zeros are a value.
        unsafe { place.write_bytes(0, 1) };
        // SAFETY: reads as many bits as the key has; writes the schedule.
        if unsafe { expand(key.as_ptr(), bits, place) } == 0 {
            Ok(schedule)
        } else {
            Err(super::Failure::take())
        }
    }

    const fn raw(&self) -> *const AES_KEY {
        self.0.as_ptr()
    }
}

impl Drop for Schedule {
    fn drop(&mut self) {
        // SAFETY: the constructor allocated it, and nothing uses it after this.
        unsafe { OPENSSL_free(self.0.as_ptr().cast()) };
    }
}

/// A wrapping key made ready.
pub struct WrapKey {
    encrypt: Schedule,
    decrypt: Schedule,
}

impl WrapKey {
    /// Makes ready a key of 16, 24 or 32 bytes.
    pub fn new(key: &[u8]) -> Answer<Self> {
        Ok(Self {
            encrypt: Schedule::new(AES_set_encrypt_key, key)?,
            decrypt: Schedule::new(AES_set_decrypt_key, key)?,
        })
    }

    /// Whether AWS-LC wraps under this initial value: under any.
    pub const fn takes(_: &[u8; SEMIBLOCK]) -> bool {
        true
    }

    /// RFC 3394: `out` is 8 bytes longer than `input`, which has two semiblocks at least.
    pub fn wrap(&self, iv: &[u8; SEMIBLOCK], input: &[u8], out: &mut [u8]) -> Answer<()> {
        require(input.len() >= 2 * SEMIBLOCK && input.len().is_multiple_of(SEMIBLOCK))?;
        require(input.len() <= LONGEST && out.len() == input.len() + SEMIBLOCK)?;
        // SAFETY: the IV has 8 bytes; `out` has the 8 bytes more that are written.
        let written = unsafe {
            AES_wrap_key(self.encrypt.raw(), iv.as_ptr(), out.as_mut_ptr(), input.as_ptr(), input.len())
        };
        succeeded(c_int::from(usize::try_from(written) == Ok(out.len())))
    }

    /// RFC 3394: `out` is 8 bytes shorter than `input`, and holds zeros where that was not wrapped so.
    pub fn unwrap(&self, iv: &[u8; SEMIBLOCK], input: &[u8], out: &mut [u8]) -> Answer<()> {
        require(input.len() >= 3 * SEMIBLOCK && input.len().is_multiple_of(SEMIBLOCK))?;
        require(input.len() <= LONGEST + SEMIBLOCK && out.len() + SEMIBLOCK == input.len())?;
        // SAFETY: as in `wrap`, the other way round.
        let written = unsafe {
            AES_unwrap_key(self.decrypt.raw(), iv.as_ptr(), out.as_mut_ptr(), input.as_ptr(), input.len())
        };
        let answer = succeeded(c_int::from(usize::try_from(written) == Ok(out.len())));
        if answer.is_err() {
            out.zeroize();
        }
        answer
    }

    /// RFC 5649: `out` has the length of `input` rounded up to semiblocks, and one more.
    pub fn wrap_padded(&self, input: &[u8], out: &mut [u8]) -> Answer<()> {
        require(!input.is_empty() && input.len() <= LONGEST)?;
        require(out.len() == input.len().next_multiple_of(SEMIBLOCK) + SEMIBLOCK)?;
        let mut written = 0;
        // SAFETY: `out` has as many bytes as are said to be there.
        succeeded(unsafe {
            AES_wrap_key_padded(
                self.encrypt.raw(),
                out.as_mut_ptr(),
                &raw mut written,
                out.len(),
                input.as_ptr(),
                input.len(),
            )
        })?;
        require(written == out.len())
    }

    /// RFC 5649: `out` is 8 bytes shorter than `input`. Answers how many of them are the key; holds zeros where
    /// that was not wrapped so.
    pub fn unwrap_padded(&self, input: &[u8], out: &mut [u8]) -> Answer<usize> {
        require(input.len() >= 2 * SEMIBLOCK && input.len().is_multiple_of(SEMIBLOCK))?;
        require(input.len() <= LONGEST + 2 * SEMIBLOCK && out.len() + SEMIBLOCK == input.len())?;
        let mut written = 0;
        // SAFETY: `out` has as many bytes as are said to be there.
        let answer = succeeded(unsafe {
            AES_unwrap_key_padded(
                self.decrypt.raw(),
                out.as_mut_ptr(),
                &raw mut written,
                out.len(),
                input.as_ptr(),
                input.len(),
            )
        });
        if answer.is_err() || written > out.len() {
            out.zeroize();
        }
        answer.and_then(|()| require(written <= out.len())).map(|()| written)
    }
}
