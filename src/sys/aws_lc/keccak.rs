//! The extendable-output functions of FIPS 202: SHAKE. SHA-3 is with the other hash functions.

use super::Answer;
use super::error::succeeded;
use super::owner::owner;
use aws_lc_sys::{
    EVP_DigestFinalXOF, EVP_DigestInit_ex, EVP_DigestUpdate, EVP_MD, EVP_MD_CTX_new, EVP_shake128,
    EVP_shake256,
};
use std::ptr;

pub use crate::sys::primitives::keccak::Function;

owner! {
    /// A running context.
    State owns EVP_MD_CTX, freed by EVP_MD_CTX_free
}

// SAFETY: the context has no tie to the thread that made it.
unsafe impl Send for State {}

/// A function that takes its input.
pub struct Keccak {
    state: State,
}

impl Function {
    /// The description of the function: a static of AWS-LC.
    fn description(self) -> *const EVP_MD {
        let function = match self {
            Self::Shake128 => EVP_shake128,
            Self::Shake256 => EVP_shake256,
        };
        // SAFETY: answers a static; no preconditions.
        unsafe { function() }
    }
}

impl Keccak {
    /// Starts the function.
    pub fn new(function: Function) -> Answer<Self> {
        // SAFETY: allocates; no preconditions.
        let raw = unsafe { EVP_MD_CTX_new() };
        // SAFETY: NULL or a fresh object.
        let state = unsafe { State::own(raw) }?;
        // SAFETY: the context is fresh, the description static, NULL the default engine.
        succeeded(unsafe { EVP_DigestInit_ex(state.raw(), function.description(), ptr::null_mut()) })?;
        Ok(Self { state })
    }

    /// Takes more input.
    pub fn update(&mut self, data: &[u8]) -> Answer<()> {
        // SAFETY: the context is started; reads `data.len()` bytes of a slice of that length.
        succeeded(unsafe { EVP_DigestUpdate(self.state.raw(), data.as_ptr().cast(), data.len()) })
    }

    /// Fills `out`, of any length.
    pub fn finish(self, out: &mut [u8]) -> Answer<()> {
        // SAFETY: the context is started and of a SHAKE; writes as many bytes as the slice has.
        succeeded(unsafe { EVP_DigestFinalXOF(self.state.raw(), out.as_mut_ptr(), out.len()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn of(function: Function, parts: &[&[u8]], len: usize) -> String {
        let mut state = Keccak::new(function).unwrap();
        for part in parts {
            state.update(part).unwrap();
        }
        let mut out = vec![0; len];
        state.finish(&mut out).unwrap();
        hex(&out)
    }

    /// NIST, "Examples with Intermediate Values": the empty message.
    #[test]
    fn outputs_of_fips_202_are_known() {
        let empty = of(Function::Shake128, &[], 32);
        assert_eq!(empty, "7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26");
        let empty = of(Function::Shake256, &[b""], 64);
        assert!(empty.starts_with("46b9dd2b0ba88d13233b3feb743eeb243fcd52ea62b81b82b50c27646ed5762f"));
        assert!(empty.ends_with("d75dc4ddd8c0f200cb05019d67b592f6fc821c49479ab48640292eacb3b7c4be"));
    }
}
