//! The module's generator in the form in which the crates ask for one.

use crate::ck::Error;
use crate::crypto::random;
use rand_chacha::rand_core::{TryCryptoRng, TryRng};

/// The generator of [`crate::crypto::random`].
pub(super) struct Random;

impl TryRng for Random {
    type Error = Stopped;

    fn try_next_u32(&mut self) -> Result<u32, Stopped> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Stopped> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Stopped> {
        random::fill(out).map_err(|_: Error| Stopped)
    }
}

impl TryCryptoRng for Random {}

/// The generator's health tests failed.
#[derive(Debug, thiserror::Error)]
#[error("the random generator has stopped")]
pub(super) struct Stopped;
