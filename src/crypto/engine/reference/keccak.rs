//! SHAKE (FIPS 202) over the crate `shake`.

use super::Answer;
pub use crate::sys::primitives::keccak::Function;
use sha2::digest::{ExtendableOutput, Update, XofReader};
use shake::{Shake128, Shake256};

/// A function that takes its input.
pub struct Keccak(State);

enum State {
    Shake128(Shake128),
    Shake256(Shake256),
}

impl Keccak {
    /// Starts the function.
    pub fn new(function: Function) -> Answer<Self> {
        Ok(Self(match function {
            Function::Shake128 => State::Shake128(Shake128::default()),
            Function::Shake256 => State::Shake256(Shake256::default()),
        }))
    }

    /// Takes more input.
    pub fn update(&mut self, data: &[u8]) -> Answer<()> {
        match &mut self.0 {
            State::Shake128(state) => state.update(data),
            State::Shake256(state) => state.update(data),
        }
        Ok(())
    }

    /// Fills `out`, of any length.
    pub fn finish(self, out: &mut [u8]) -> Answer<()> {
        match self.0 {
            State::Shake128(state) => state.finalize_xof().read(out),
            State::Shake256(state) => state.finalize_xof().read(out),
        }
        Ok(())
    }
}
