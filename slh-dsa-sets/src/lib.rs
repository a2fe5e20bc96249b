//! SLH-DSA (FIPS 205) for a parameter set that is known at run time.
//!
//! A crate of its own for one reason: the functions of `slh-dsa` are generic, and what is generic is compiled with the
//! crate that uses it. A signature takes some hundred thousand hashes, which without optimisation last seconds.
//! Here they are optimised in test builds too (`profile.dev.package` of keyward's `Cargo.toml`).
//!
//! All lengths are checked, because the library panics on some that are wrong.
#![forbid(unsafe_code)]

use slh_dsa::{
    ParameterSet, Sha2_128f, Sha2_128s, Sha2_192f, Sha2_192s, Sha2_256f, Sha2_256s, Shake128f, Shake128s,
    Shake192f, Shake192s, Shake256f, Shake256s, Signature, SigningKey, VerifyingKey,
};
use zeroize::{Zeroize, Zeroizing};

/// A parameter set, in the order of the numbers of PKCS#11.
#[expect(non_camel_case_types, reason = "the standard's names")]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Set {
    /// SLH-DSA-SHA2-128s.
    Sha2_128s,
    /// SLH-DSA-SHAKE-128s.
    Shake_128s,
    /// SLH-DSA-SHA2-128f.
    Sha2_128f,
    /// SLH-DSA-SHAKE-128f.
    Shake_128f,
    /// SLH-DSA-SHA2-192s.
    Sha2_192s,
    /// SLH-DSA-SHAKE-192s.
    Shake_192s,
    /// SLH-DSA-SHA2-192f.
    Sha2_192f,
    /// SLH-DSA-SHAKE-192f.
    Shake_192f,
    /// SLH-DSA-SHA2-256s.
    Sha2_256s,
    /// SLH-DSA-SHAKE-256s.
    Shake_256s,
    /// SLH-DSA-SHA2-256f.
    Sha2_256f,
    /// SLH-DSA-SHAKE-256f.
    Shake_256f,
}

impl Set {
    /// All sets, in the order of their numbers.
    pub const ALL: [Self; 12] = [
        Self::Sha2_128s,
        Self::Shake_128s,
        Self::Sha2_128f,
        Self::Shake_128f,
        Self::Sha2_192s,
        Self::Shake_192s,
        Self::Sha2_192f,
        Self::Shake_192f,
        Self::Sha2_256s,
        Self::Shake_256s,
        Self::Sha2_256f,
        Self::Shake_256f,
    ];

    /// n of FIPS 205, table 2: the length of a hash value, and of each part of a key, in bytes.
    pub const fn n(self) -> usize {
        match self {
            Self::Sha2_128s | Self::Shake_128s | Self::Sha2_128f | Self::Shake_128f => 16,
            Self::Sha2_192s | Self::Shake_192s | Self::Sha2_192f | Self::Shake_192f => 24,
            Self::Sha2_256s | Self::Shake_256s | Self::Sha2_256f | Self::Shake_256f => 32,
        }
    }

    /// Length of a public key in bytes.
    pub const fn public_len(self) -> usize {
        2 * self.n()
    }

    /// Length of a private key in bytes.
    pub const fn private_len(self) -> usize {
        4 * self.n()
    }

    /// Length of a signature in bytes.
    pub const fn signature_len(self) -> usize {
        match self {
            Self::Sha2_128s | Self::Shake_128s => 7_856,
            Self::Sha2_128f | Self::Shake_128f => 17_088,
            Self::Sha2_192s | Self::Shake_192s => 16_224,
            Self::Sha2_192f | Self::Shake_192f => 35_664,
            Self::Sha2_256s | Self::Shake_256s => 29_792,
            Self::Sha2_256f | Self::Shake_256f => 49_856,
        }
    }

    /// The public key inside a private one (FIPS 205, 9.1).
    pub fn public_part(self, private: &[u8]) -> Option<&[u8]> {
        private.get(self.public_len()..self.private_len())
    }
}

/// What is wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// A key, randomness or room for a signature of a length that the set does not have.
    Length,
    /// The signature is not good.
    Signature,
}

/// Calls the function with the crate's type of the set.
macro_rules! of_set {
    ($set:expr, $function:ident($($argument:expr),*)) => {
        match $set {
            Set::Sha2_128s => $function::<Sha2_128s>($($argument),*),
            Set::Shake_128s => $function::<Shake128s>($($argument),*),
            Set::Sha2_128f => $function::<Sha2_128f>($($argument),*),
            Set::Shake_128f => $function::<Shake128f>($($argument),*),
            Set::Sha2_192s => $function::<Sha2_192s>($($argument),*),
            Set::Shake_192s => $function::<Shake192s>($($argument),*),
            Set::Sha2_192f => $function::<Sha2_192f>($($argument),*),
            Set::Shake_192f => $function::<Shake192f>($($argument),*),
            Set::Sha2_256s => $function::<Sha2_256s>($($argument),*),
            Set::Shake_256s => $function::<Shake256s>($($argument),*),
            Set::Sha2_256f => $function::<Sha2_256f>($($argument),*),
            Set::Shake_256f => $function::<Shake256f>($($argument),*),
        }
    };
}

/// The private key of SK.seed, SK.prf and PK.seed, one after the other (FIPS 205, algorithm 18).
///
/// # Errors
/// Another length than three times n.
pub fn key_pair(set: Set, seeds: &[u8]) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    fn run<P: ParameterSet>(sk_seed: &[u8], sk_prf: &[u8], pk_seed: &[u8]) -> Zeroizing<Vec<u8>> {
        let key = SigningKey::<P>::slh_keygen_internal(sk_seed, sk_prf, pk_seed);
        let mut bytes = key.to_bytes();
        let secret = Zeroizing::new(bytes.to_vec());
        bytes.as_mut_slice().zeroize();
        secret
    }
    let (sk_seed, rest) = seeds.split_at_checked(set.n()).ok_or(Refusal::Length)?;
    let (sk_prf, pk_seed) = rest.split_at_checked(set.n()).ok_or(Refusal::Length)?;
    if pk_seed.len() != set.n() {
        return Err(Refusal::Length);
    }
    Ok(of_set!(set, run(sk_seed, sk_prf, pk_seed)))
}

/// Signs what the parts are together (FIPS 205, algorithm 19), with n bytes of randomness or without any.
///
/// # Errors
/// A key, randomness or room of another length.
pub fn sign(
    set: Set,
    private: &[u8],
    parts: &[&[u8]],
    randomness: Option<&[u8]>,
    out: &mut [u8],
) -> Result<(), Refusal> {
    fn run<P: ParameterSet>(
        private: &[u8],
        parts: &[&[u8]],
        randomness: Option<&[u8]>,
        out: &mut [u8],
    ) -> Result<(), Refusal> {
        let key = SigningKey::<P>::try_from(private).map_err(|_| Refusal::Length)?;
        let signature = key.slh_sign_internal(parts, randomness).to_bytes();
        if signature.len() != out.len() {
            return Err(Refusal::Length);
        }
        out.copy_from_slice(&signature);
        Ok(())
    }
    if randomness.is_some_and(|randomness| randomness.len() != set.n()) {
        return Err(Refusal::Length);
    }
    of_set!(set, run(private, parts, randomness, out))
}

/// Verifies the signature of what the parts are together (FIPS 205, algorithm 20).
///
/// # Errors
/// A key or a signature of another length, or one that is not good.
pub fn verify(set: Set, public: &[u8], parts: &[&[u8]], signature: &[u8]) -> Result<(), Refusal> {
    fn run<P: ParameterSet>(public: &[u8], parts: &[&[u8]], signature: &[u8]) -> Result<(), Refusal> {
        let key = VerifyingKey::<P>::try_from(public).map_err(|_| Refusal::Length)?;
        let signature = Signature::<P>::try_from(signature).map_err(|_| Refusal::Length)?;
        key.slh_verify_internal(parts, &signature).map_err(|_| Refusal::Signature)
    }
    of_set!(set, run(public, parts, signature))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_lengths_are_refused() {
        for set in Set::ALL {
            let n = set.n();
            let mut out = vec![0; set.signature_len()];
            let short = out.len() - 1;
            for len in [0, 3 * n - 1, 3 * n + 1] {
                assert_eq!(key_pair(set, &vec![1; len]).err(), Some(Refusal::Length));
            }
            let key = vec![1; 4 * n];
            assert_eq!(sign(set, &key[1..], &[], None, &mut out), Err(Refusal::Length));
            assert_eq!(sign(set, &key, &[], Some(&key[..n - 1]), &mut out), Err(Refusal::Length));
            assert_eq!(verify(set, &key[..n], &[], &out), Err(Refusal::Length));
            assert_eq!(verify(set, &key[..2 * n], &[], &out[..short]), Err(Refusal::Length));
            assert_eq!(verify(set, &key[..2 * n], &[], &out), Err(Refusal::Signature));
        }
    }
}
