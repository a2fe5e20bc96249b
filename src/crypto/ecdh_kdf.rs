//! Key derivation functions of ECDH (PKCS#11 3.2, CK_EC_KDF_TYPE): none, that of ANSI X9.63 (SEC 1, 3.6.1), and the
//! one-step function of SP 800-56A (Rev. 3, 5.8.1; SP 800-56C Rev. 2, 4.1, option 1).

use super::mechanism::{Recipe, Row};
use super::{blake2b, digest, only_len};
use crate::ck::{CK_ULONG, Error, Params, Result};
use crate::secret::Secret;
use cryptoki_sys::*;
use zeroize::Zeroizing;

/// Longest derived key in bytes.
pub(super) const LONGEST: usize = super::hmac::MAX_KEY_LEN as usize;

/// A key derivation function, with the row of its hash function.
#[derive(Clone, Copy)]
pub(super) enum Function {
    /// The shared secret itself.
    None,
    /// Hash(Z || counter || SharedInfo).
    X963(&'static Row),
    /// Hash(counter || Z || FixedInfo).
    OneStep(&'static Row),
}

impl Function {
    /// The function of a number; `CKR_MECHANISM_PARAM_INVALID` where it is not there.
    pub(super) const fn of(kdf: CK_ULONG) -> Result<Self> {
        Ok(match kdf {
            CKD_NULL => Self::None,
            CKD_SHA1_KDF => Self::X963(&digest::SHA_1),
            CKD_SHA224_KDF => Self::X963(&digest::SHA224),
            CKD_SHA256_KDF => Self::X963(&digest::SHA256),
            CKD_SHA384_KDF => Self::X963(&digest::SHA384),
            CKD_SHA512_KDF => Self::X963(&digest::SHA512),
            CKD_SHA3_224_KDF => Self::X963(&digest::SHA3_224),
            CKD_SHA3_256_KDF => Self::X963(&digest::SHA3_256),
            CKD_SHA3_384_KDF => Self::X963(&digest::SHA3_384),
            CKD_SHA3_512_KDF => Self::X963(&digest::SHA3_512),
            CKD_SHA1_KDF_SP800 => Self::OneStep(&digest::SHA_1),
            CKD_SHA224_KDF_SP800 => Self::OneStep(&digest::SHA224),
            CKD_SHA256_KDF_SP800 => Self::OneStep(&digest::SHA256),
            CKD_SHA384_KDF_SP800 => Self::OneStep(&digest::SHA384),
            CKD_SHA512_KDF_SP800 => Self::OneStep(&digest::SHA512),
            CKD_SHA3_224_KDF_SP800 => Self::OneStep(&digest::SHA3_224),
            CKD_SHA3_256_KDF_SP800 => Self::OneStep(&digest::SHA3_256),
            CKD_SHA3_384_KDF_SP800 => Self::OneStep(&digest::SHA3_384),
            CKD_SHA3_512_KDF_SP800 => Self::OneStep(&digest::SHA3_512),
            CKD_BLAKE2B_160_KDF => Self::OneStep(&blake2b::BLAKE2B_160),
            CKD_BLAKE2B_256_KDF => Self::OneStep(&blake2b::BLAKE2B_256),
            CKD_BLAKE2B_384_KDF => Self::OneStep(&blake2b::BLAKE2B_384),
            CKD_BLAKE2B_512_KDF => Self::OneStep(&blake2b::BLAKE2B_512),
            _ => return Err(Error::MechanismParamInvalid),
        })
    }

    /// Whether shared data fit: "With the key derivation function CKD_NULL, pSharedData must be NULL".
    pub(super) const fn takes(self, shared: &[u8]) -> Result<()> {
        if matches!(self, Self::None) && !shared.is_empty() {
            Err(Error::MechanismParamInvalid)
        } else {
            Ok(())
        }
    }

    /// The key that a template asks for, of an agreed secret.
    pub(super) fn key(self, secret: Secret, shared: &[u8], recipe: &Recipe) -> Result<Secret> {
        let wanted = wanted(recipe)?;
        match self {
            Self::None => {
                self.takes(shared)?;
                truncated(secret, wanted)
            }
            _ => self.bytes(&secret, shared, wanted.ok_or(Error::TemplateIncomplete)?),
        }
    }

    /// So many bytes of an agreed secret; without a function its first ones.
    pub(super) fn bytes(self, secret: &Secret, shared: &[u8], len: usize) -> Result<Secret> {
        self.takes(shared)?;
        let secret = secret.expose();
        match self {
            Self::None => secret.get(..len).map(Secret::from_slice).ok_or(Error::KeySizeRange),
            Self::X963(hash) => hashed(hash, len, secret, [shared, &[]]),
            Self::OneStep(hash) => hashed(hash, len, &[], [secret, shared]),
        }
    }
}

/// Length of the key to be made, in bytes: as the template says, or as its type has it.
/// `CKR_KEY_SIZE_RANGE` for one that no key has.
pub(super) fn wanted(recipe: &Recipe) -> Result<Option<usize>> {
    let of_type = recipe.key_type.and_then(only_len);
    match recipe.value_len.or(of_type) {
        Some(len) if !(1..=LONGEST).contains(&len) => Err(Error::KeySizeRange),
        len => Ok(len),
    }
}

/// "The truncation removes bytes from the leading end of the secret value" (PKCS#11 3.2).
fn truncated(secret: Secret, len: Option<usize>) -> Result<Secret> {
    let Some(len) = len else { return Ok(secret) };
    let from = secret.len().checked_sub(len).ok_or(Error::KeySizeRange)?;
    Ok(Secret::from_slice(secret.expose().get(from..).unwrap_or_default()))
}

/// The first `len` bytes of the hashes of what stands before a counter, the counter, and what stands behind it; the
/// counter begins with 1.
fn hashed(hash: &Row, len: usize, before: &[u8], behind: [&[u8]; 2]) -> Result<Secret> {
    let start = hash.ops.digest.ok_or(Error::GeneralError)?;
    let hash_len = start(&Params::None)?.len();
    let mut derived = Secret::zeroed(len);
    let mut value = Zeroizing::new(vec![0; hash_len]);
    for (counter, part) in (1_u32..).zip(derived.expose_mut().chunks_mut(hash_len)) {
        let mut digest = start(&Params::None)?;
        for bytes in [before, &counter.to_be_bytes(), behind[0], behind[1]] {
            digest.update(bytes)?;
        }
        digest.finish(&mut value)?;
        part.copy_from_slice(value.get(..part.len()).unwrap_or_default());
    }
    Ok(derived)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::tests::hex;

    const ALL: [CK_ULONG; 22] = [
        CKD_SHA1_KDF,
        CKD_SHA224_KDF,
        CKD_SHA256_KDF,
        CKD_SHA384_KDF,
        CKD_SHA512_KDF,
        CKD_SHA3_224_KDF,
        CKD_SHA3_256_KDF,
        CKD_SHA3_384_KDF,
        CKD_SHA3_512_KDF,
        CKD_SHA1_KDF_SP800,
        CKD_SHA224_KDF_SP800,
        CKD_SHA256_KDF_SP800,
        CKD_SHA384_KDF_SP800,
        CKD_SHA512_KDF_SP800,
        CKD_SHA3_224_KDF_SP800,
        CKD_SHA3_256_KDF_SP800,
        CKD_SHA3_384_KDF_SP800,
        CKD_SHA3_512_KDF_SP800,
        CKD_BLAKE2B_160_KDF,
        CKD_BLAKE2B_256_KDF,
        CKD_BLAKE2B_384_KDF,
        CKD_BLAKE2B_512_KDF,
    ];

    /// NIST CAVP, ANS X9.63-2001 KDF, SHA-256, 192-bit Z, no shared info, 128-bit key, count 0.
    #[test]
    fn x9_63_of_cavp_is_known() {
        let z = Secret::from_slice(&hex("96c05619d56c328ab95fe84b18264b08725b85e33fd34f08"));
        let key = Function::X963(&digest::SHA256).bytes(&z, b"", 16).unwrap();
        assert!(key.ct_eq(&hex("443024c3dae66b95e6f5670601558f71")));
    }

    /// The first and last bytes of 100, of the secret 00 01 .. 1f and "shared", made by pyca/cryptography; those of BLAKE2b
    /// by Python's hashlib.
    #[test]
    fn every_function_equals_another_implementation() {
        let secret: Vec<u8> = (0..32).collect();
        let secret = Secret::from_slice(&secret);
        for (kdf, expected) in ALL.into_iter().zip(ANSWERS) {
            let key = Function::of(kdf).unwrap().bytes(&secret, b"shared", 100).unwrap();
            let ends = [&key.expose()[..8], &key.expose()[92..]].concat();
            assert_eq!(ends, hex(expected), "{kdf}");
        }
    }

    const ANSWERS: [&str; 22] = [
        "3793f1741a8a857f3cd025a785c99adf",
        "f4614e8020a9c340428d7cc32875c204",
        "35e25f5b250849d632ca206d007f36fd",
        "e36dc585acb874b142bc93a152e1bd07",
        "ab52148b9aba92a33e771894a7b6f266",
        "9ed2560344132706de2491c9f54f8733",
        "89f14eac1f2c620060f1960f1a449d6a",
        "397d04aa0b3a711e69bf83beabcdbea8",
        "ab3514c75c9d748cb7f23e4043bbef0e",
        "ab1c5f86f636f0fa33ca0875b5ae4935",
        "c0c6eda2e17e2b910b0ae6bf5ead9d2a",
        "85adc0400ce0c8cfac3252e73b831abe",
        "8c4efd1b4623db9b3be3f1cb853112d8",
        "2d046119071d3c339b09cd1bb0b28fee",
        "73c8f162a0014beed1ce4fd06805306d",
        "bd2f6ed429bdb8284e62d067f64a589a",
        "5d6229811720ee43991394681014a9cb",
        "faec383cd371934736160ac548878b05",
        "25dd38c20051ae02063b2e339491b96d",
        "220104af195ee96236958430779fda96",
        "16dc866b8f75793c28fd9775d8fc2814",
        "78056f7c3c082c4a01585cf26da8a944",
    ];

    #[test]
    fn lengths_are_those_of_the_template_or_of_the_type() {
        let of = |key_type, value_len| Recipe { key_type, value_len, ..Recipe::default() };
        let key = |function: Function, recipe: &Recipe| {
            function.key(Secret::from_slice(&[7; 48]), b"", recipe).map(|key| key.len())
        };
        for function in
            [Function::None, Function::X963(&digest::SHA256), Function::OneStep(&digest::SHA3_256)]
        {
            assert_eq!(key(function, &of(None, Some(33))), Ok(33));
            assert_eq!(key(function, &of(Some(CKK_CHACHA20), None)), Ok(32));
            for len in [0, LONGEST + 1, usize::MAX] {
                assert_eq!(key(function, &of(None, Some(len))), Err(Error::KeySizeRange));
            }
        }
        assert_eq!(key(Function::None, &of(None, None)), Ok(48));
        assert_eq!(key(Function::None, &of(None, Some(49))), Err(Error::KeySizeRange));
        let function = Function::X963(&digest::SHA256);
        assert_eq!(key(function, &of(Some(CKK_AES), None)), Err(Error::TemplateIncomplete));
        assert_eq!(key(function, &of(None, Some(LONGEST))), Ok(LONGEST));
    }

    #[test]
    fn shared_data_without_a_function_and_unknown_functions_are_refused() {
        let refused = Function::None.bytes(&Secret::zeroed(32), b"shared", 16).err();
        assert_eq!(refused, Some(Error::MechanismParamInvalid));
        assert!(Function::None.bytes(&Secret::zeroed(32), b"", 16).is_ok_and(|key| key.len() == 16));
        for kdf in [0, CKD_SHA1_KDF_ASN1, CKD_SHA1_KDF_CONCATENATE, CKD_CPDIVERSIFY_KDF, 27, CK_ULONG::MAX] {
            assert_eq!(Function::of(kdf).err(), Some(Error::MechanismParamInvalid), "{kdf}");
        }
    }
}
