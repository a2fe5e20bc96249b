//! XTS with AES-256 (SP 800-38E, IEEE 1619) over the crate `xts-mode`.

use super::block::Aes;
use super::{Answer, require};
use crate::sys::primitives::cipher::{BLOCK, Direction};
pub use crate::sys::primitives::xts::{KEY, MAX_UNIT};
use subtle::ConstantTimeEq;
use xts_mode::Xts128;

/// A key made ready. Never changed after its constructor.
pub struct XtsKey(Xts128<Aes>);

impl XtsKey {
    /// Makes ready a key. Refuses one whose halves are equal.
    pub fn new(key: &[u8; KEY]) -> Answer<Self> {
        let (data, tweak) = key.split_at(KEY / 2);
        require((!data.ct_eq(tweak)).into())?;
        Ok(Self(Xts128::new(Aes::new(data)?, Aes::new(tweak)?)))
    }

    /// Encrypts or decrypts a data unit of 16 bytes to 2^20 blocks; `out` has the length of `input`.
    pub fn run(&self, direction: Direction, tweak: &[u8; BLOCK], input: &[u8], out: &mut [u8]) -> Answer<()> {
        // The crate panics on less than a block.
        require((BLOCK..=MAX_UNIT).contains(&input.len()) && out.len() == input.len())?;
        out.copy_from_slice(input);
        match direction {
            Direction::Encrypt => self.0.encrypt_sector(out, (*tweak).into()),
            Direction::Decrypt => self.0.decrypt_sector(out, (*tweak).into()),
        }
        Ok(())
    }
}
