//! The functions of FIPS 202: SHA-3, and SHAKE with an output of any length.

use super::Answer;
use super::error::{require, succeeded};
use super::owner::owner;
use aws_lc_sys::{
    EVP_DigestFinal_ex, EVP_DigestFinalXOF, EVP_DigestInit_ex, EVP_DigestUpdate, EVP_MD, EVP_MD_CTX_new,
    EVP_sha3_224, EVP_sha3_256, EVP_sha3_384, EVP_sha3_512, EVP_shake128, EVP_shake256,
};
use std::ptr;

/// A function of FIPS 202.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Function {
    /// SHA3-224.
    Sha3_224,
    /// SHA3-256.
    Sha3_256,
    /// SHA3-384.
    Sha3_384,
    /// SHA3-512.
    Sha3_512,
    /// SHAKE128.
    Shake128,
    /// SHAKE256.
    Shake256,
}

owner! {
    /// A running context.
    State owns EVP_MD_CTX, freed by EVP_MD_CTX_free
}

// SAFETY: the context has no tie to the thread that made it.
unsafe impl Send for State {}

/// A function that takes its input.
pub struct Keccak {
    function: Function,
    state: State,
}

impl Function {
    /// Length of the output in bytes; `None` where it is the caller's to choose.
    pub const fn len(self) -> Option<usize> {
        match self {
            Self::Sha3_224 => Some(28),
            Self::Sha3_256 => Some(32),
            Self::Sha3_384 => Some(48),
            Self::Sha3_512 => Some(64),
            Self::Shake128 | Self::Shake256 => None,
        }
    }

    /// The description of the function: a static of AWS-LC.
    fn description(self) -> *const EVP_MD {
        let function = match self {
            Self::Sha3_224 => EVP_sha3_224,
            Self::Sha3_256 => EVP_sha3_256,
            Self::Sha3_384 => EVP_sha3_384,
            Self::Sha3_512 => EVP_sha3_512,
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
        Ok(Self { function, state })
    }

    /// Takes more input.
    pub fn update(&mut self, data: &[u8]) -> Answer<()> {
        // SAFETY: the context is started; reads `data.len()` bytes of a slice of that length.
        succeeded(unsafe { EVP_DigestUpdate(self.state.raw(), data.as_ptr().cast(), data.len()) })
    }

    /// Fills `out`, which has as many bytes as the function gives, and any number for SHAKE.
    pub fn finish(self, out: &mut [u8]) -> Answer<()> {
        let Some(len) = self.function.len() else {
            // SAFETY: the context is started and of a SHAKE; writes as many bytes as the slice has.
            return succeeded(unsafe { EVP_DigestFinalXOF(self.state.raw(), out.as_mut_ptr(), out.len()) });
        };
        require(out.len() == len)?;
        // SAFETY: the context is started; `out` is as long as the digest, whose length nobody asks for.
        succeeded(unsafe { EVP_DigestFinal_ex(self.state.raw(), out.as_mut_ptr(), ptr::null_mut()) })
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

    /// NIST, "Examples with Intermediate Values": "abc" under SHA-3, the empty message under SHAKE.
    #[test]
    fn outputs_of_fips_202_are_known() {
        for (function, expected) in [
            (Function::Sha3_224, "e642824c3f8cf24ad09234ee7d3c766fc9a3a5168d0c94ad73b46fdf"),
            (Function::Sha3_256, "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"),
            (
                Function::Sha3_384,
                "ec01498288516fc926459f58e2c6ad8df9b473cb0fc08c2596da7cf0e49be4b298d88cea927ac7f539f1edf228376d25",
            ),
            (
                Function::Sha3_512,
                "b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e10e116e9192af3c91a7ec57647e3934057340b4cf408d5a56592f8274eec53f0",
            ),
        ] {
            let len = function.len().unwrap();
            assert_eq!(of(function, &[b"abc"], len), expected, "{function:?}");
            assert_eq!(of(function, &[b"a", b"", b"bc"], len), expected, "{function:?}");
        }
        let empty = of(Function::Shake128, &[], 32);
        assert_eq!(empty, "7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26");
        let empty = of(Function::Shake256, &[b""], 64);
        assert!(empty.starts_with("46b9dd2b0ba88d13233b3feb743eeb243fcd52ea62b81b82b50c27646ed5762f"));
        assert!(empty.ends_with("d75dc4ddd8c0f200cb05019d67b592f6fc821c49479ab48640292eacb3b7c4be"));
    }

    #[test]
    fn a_digest_of_another_length_is_refused() {
        let state = Keccak::new(Function::Sha3_256).unwrap();
        assert!(state.finish(&mut [0; 31]).is_err());
    }
}
