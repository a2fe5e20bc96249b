//! AES Key Wrap (RFC 3394) and Key Wrap with Padding (RFC 5649) over the crate `aes-kw`, which has the initial values
//! of those documents and no others.

use super::block::Aes;
use super::{Answer, Failure, refused, require};
pub use crate::sys::primitives::key_wrap::{LONGEST, SEMIBLOCK};
use aes_kw::{AesKw, AesKwp, InnerInit};
use zeroize::Zeroize;

/// The initial value of RFC 3394, 2.2.3.1.
const INITIAL: [u8; SEMIBLOCK] = [0xA6; SEMIBLOCK];

/// A wrapping key made ready.
pub struct WrapKey {
    plain: AesKw<Aes>,
    padded: AesKwp<Aes>,
}

impl WrapKey {
    /// Makes ready a key of 16, 24 or 32 bytes.
    pub fn new(key: &[u8]) -> Answer<Self> {
        let aes = Aes::new(key)?;
        Ok(Self { plain: AesKw::inner_init(aes.clone()), padded: AesKwp::inner_init(aes) })
    }

    /// Whether the crate wraps under this initial value: under that of RFC 3394 alone.
    pub fn takes(iv: &[u8; SEMIBLOCK]) -> bool {
        *iv == INITIAL
    }

    /// RFC 3394: `out` is 8 bytes longer than `input`, which has two semiblocks at least.
    pub fn wrap(&self, iv: &[u8; SEMIBLOCK], input: &[u8], out: &mut [u8]) -> Answer<()> {
        require(Self::takes(iv))?;
        require(input.len() >= 2 * SEMIBLOCK && input.len().is_multiple_of(SEMIBLOCK))?;
        require(input.len() <= LONGEST && out.len() == input.len() + SEMIBLOCK)?;
        self.plain.wrap_key(input, out).map(|_| ()).map_err(refused)
    }

    /// RFC 3394: `out` is 8 bytes shorter than `input`, and holds zeros where that was not wrapped so.
    pub fn unwrap(&self, iv: &[u8; SEMIBLOCK], input: &[u8], out: &mut [u8]) -> Answer<()> {
        require(Self::takes(iv))?;
        require(input.len() >= 3 * SEMIBLOCK && input.len().is_multiple_of(SEMIBLOCK))?;
        require(input.len() <= LONGEST + SEMIBLOCK && out.len() + SEMIBLOCK == input.len())?;
        let answer = self.plain.unwrap_key(input, out).map(|_| ()).map_err(refused);
        if answer.is_err() {
            out.zeroize();
        }
        answer
    }

    /// RFC 5649: `out` has the length of `input` rounded up to semiblocks, and one more.
    pub fn wrap_padded(&self, input: &[u8], out: &mut [u8]) -> Answer<()> {
        require(!input.is_empty() && input.len() <= LONGEST)?;
        require(out.len() == input.len().next_multiple_of(SEMIBLOCK) + SEMIBLOCK)?;
        // The crate pads with what is in the buffer.
        out.fill(0);
        self.padded.wrap_key(input, out).map(|_| ()).map_err(refused)
    }

    /// RFC 5649: `out` is 8 bytes shorter than `input`. Answers how many of them are the key; holds zeros where
    /// that was not wrapped so.
    pub fn unwrap_padded(&self, input: &[u8], out: &mut [u8]) -> Answer<usize> {
        require(input.len() >= 2 * SEMIBLOCK && input.len().is_multiple_of(SEMIBLOCK))?;
        require(input.len() <= LONGEST + 2 * SEMIBLOCK && out.len() + SEMIBLOCK == input.len())?;
        let answer = self.padded.unwrap_key(input, out).map(<[u8]>::len).map_err(|_| Failure::MISUSE);
        if answer.is_err() {
            out.zeroize();
        }
        answer
    }
}
