//! Random number generation (PKCS#11 3.2, 5.19).

use super::Module;
use crate::ck::{Result, SessionHandle};

/// C_SeedRandom: mixes in, never replaces.
pub fn seed_random(m: &Module, s: SessionHandle, seed: &[u8]) -> Result<()> {
    m.session(s)?.backend().stir(seed)
}

/// C_GenerateRandom: fills all of `out`.
pub fn generate_random(m: &Module, s: SessionHandle, out: &mut [u8]) -> Result<()> {
    m.session(s)?.backend().random(out)
}
