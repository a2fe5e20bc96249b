//! Random bytes for libraries that draw for themselves, and as they like.

use super::entropy::SEED;
use super::generator::Generator;
use crate::ck::Result;
use crate::secret::Secret;
use rand_chacha::rand_core::{TryCryptoRng, TryRng};
use std::convert::Infallible;

/// A generator of one operation: seeded once from the module's, so that it cannot fail in the middle.
pub struct Stream(Generator);

impl Stream {
    /// Draws the seed. `CKR_DEVICE_ERROR` as for [`super::fill`].
    pub fn new() -> Result<Self> {
        let mut seed = Secret::zeroed(SEED);
        super::fill(seed.expose_mut())?;
        let mut generator = Generator::unseeded();
        generator.reseed(&seed);
        Ok(Self(generator))
    }

    fn array<const LEN: usize>(&mut self) -> [u8; LEN] {
        let mut bytes = [0; LEN];
        self.0.draw(&mut bytes);
        bytes
    }
}

impl TryRng for Stream {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> std::result::Result<u32, Infallible> {
        Ok(u32::from_le_bytes(self.array()))
    }

    fn try_next_u64(&mut self) -> std::result::Result<u64, Infallible> {
        Ok(u64::from_le_bytes(self.array()))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> std::result::Result<(), Infallible> {
        self.0.draw(out);
        Ok(())
    }
}

impl TryCryptoRng for Stream {}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::rand_core::Rng;

    #[test]
    fn two_streams_and_two_draws_differ() {
        let (mut one, mut other) = (Stream::new().unwrap(), Stream::new().unwrap());
        let mut drawn = [[0; 32]; 3];
        one.fill_bytes(&mut drawn[0]);
        one.fill_bytes(&mut drawn[1]);
        other.fill_bytes(&mut drawn[2]);
        assert!(drawn[0] != drawn[1] && drawn[0] != drawn[2] && drawn[1] != drawn[2]);
        assert_ne!(one.next_u64(), one.next_u64());
        assert_ne!(u64::from(one.next_u32()) << 32 | u64::from(one.next_u32()), 0);
    }
}
