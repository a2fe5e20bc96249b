//! Keys that are the hash of another key (PKCS#11 3.2, 6.21).

use super::blake2b::Size;
use super::digest::Hash;
use super::engine::digest::MAX_LEN;
use super::hmac::MAX_KEY_LEN;
use super::mechanism::{
    Derivation, DeriveValues, Derived, Inheritance, Made, Ops, Raw, Row, Sizes, SourceLens, Sources,
};
use super::self_test::{self, Family};
use super::{Material, generic_secret};
use crate::ck::params::Shape;
use crate::ck::{CK_MECHANISM_TYPE, Error, Params, Result};
use crate::secret::Secret;
use cryptoki_sys::*;
use zeroize::Zeroizing;

macro_rules! derivations {
    ($($(#[$doc:meta])* $name:ident, $ckm:ident, $function:expr, $derivation:ident;)*) => {
        $(
            $(#[$doc])*
            pub static $name: Row = row($ckm, &$derivation);
            static $derivation: Derivation =
                derivation(|sources| derive($function, sources), |_, _| Some($function.len()));
        )*
    };
}

/// What hashes.
#[derive(Clone, Copy)]
enum Function {
    Sha(Hash),
    Blake2b(Size),
}

impl Function {
    const fn len(self) -> usize {
        match self {
            Self::Sha(hash) => hash.len(),
            Self::Blake2b(size) => size.len(),
        }
    }

    /// Hashes `data` into `out`, which is as long as the hash.
    fn digest(self, data: &[u8], out: &mut [u8]) -> Result<()> {
        match self {
            Self::Sha(hash) => {
                self_test::ready(Family::Digest)?;
                Ok(hash.digest(data, out)?)
            }
            Self::Blake2b(size) => {
                self_test::ready(Family::Blake2b)?;
                size.digest(data, out).map(drop)
            }
        }
    }
}

derivations! {
    /// CKM_SHA1_KEY_DERIVATION. PKCS#11 3.2, Hash-based key derivation.
    SHA1, CKM_SHA1_KEY_DERIVATION, Function::Sha(Hash::Sha1), OF_SHA1;
    /// CKM_SHA224_KEY_DERIVATION. PKCS#11 3.2, Hash-based key derivation.
    SHA224, CKM_SHA224_KEY_DERIVATION, Function::Sha(Hash::Sha224), OF_SHA224;
    /// CKM_SHA256_KEY_DERIVATION. PKCS#11 3.2, Hash-based key derivation.
    SHA256, CKM_SHA256_KEY_DERIVATION, Function::Sha(Hash::Sha256), OF_SHA256;
    /// CKM_SHA384_KEY_DERIVATION. PKCS#11 3.2, Hash-based key derivation.
    SHA384, CKM_SHA384_KEY_DERIVATION, Function::Sha(Hash::Sha384), OF_SHA384;
    /// CKM_SHA512_KEY_DERIVATION. PKCS#11 3.2, Hash-based key derivation.
    SHA512, CKM_SHA512_KEY_DERIVATION, Function::Sha(Hash::Sha512), OF_SHA512;
    /// CKM_SHA512_224_KEY_DERIVATION. PKCS#11 3.2, Hash-based key derivation.
    SHA512_224, CKM_SHA512_224_KEY_DERIVATION, Function::Sha(Hash::Sha512_224), OF_SHA512_224;
    /// CKM_SHA512_256_KEY_DERIVATION. PKCS#11 3.2, Hash-based key derivation.
    SHA512_256, CKM_SHA512_256_KEY_DERIVATION, Function::Sha(Hash::Sha512_256), OF_SHA512_256;
    /// CKM_SHA3_224_KEY_DERIVATION. PKCS#11 3.2, Hash-based key derivation.
    SHA3_224, CKM_SHA3_224_KEY_DERIVATION, Function::Sha(Hash::Sha3_224), OF_SHA3_224;
    /// CKM_SHA3_256_KEY_DERIVATION. PKCS#11 3.2, Hash-based key derivation.
    SHA3_256, CKM_SHA3_256_KEY_DERIVATION, Function::Sha(Hash::Sha3_256), OF_SHA3_256;
    /// CKM_SHA3_384_KEY_DERIVATION. PKCS#11 3.2, Hash-based key derivation.
    SHA3_384, CKM_SHA3_384_KEY_DERIVATION, Function::Sha(Hash::Sha3_384), OF_SHA3_384;
    /// CKM_SHA3_512_KEY_DERIVATION. PKCS#11 3.2, Hash-based key derivation.
    SHA3_512, CKM_SHA3_512_KEY_DERIVATION, Function::Sha(Hash::Sha3_512), OF_SHA3_512;
    /// CKM_BLAKE2B_160_KEY_DERIVE. PKCS#11 3.2, Hash-based key derivation.
    BLAKE2B_160, CKM_BLAKE2B_160_KEY_DERIVE, Function::Blake2b(Size::Bits160), OF_BLAKE2B_160;
    /// CKM_BLAKE2B_256_KEY_DERIVE. PKCS#11 3.2, Hash-based key derivation.
    BLAKE2B_256, CKM_BLAKE2B_256_KEY_DERIVE, Function::Blake2b(Size::Bits256), OF_BLAKE2B_256;
    /// CKM_BLAKE2B_384_KEY_DERIVE. PKCS#11 3.2, Hash-based key derivation.
    BLAKE2B_384, CKM_BLAKE2B_384_KEY_DERIVE, Function::Blake2b(Size::Bits384), OF_BLAKE2B_384;
    /// CKM_BLAKE2B_512_KEY_DERIVE. PKCS#11 3.2, Hash-based key derivation.
    BLAKE2B_512, CKM_BLAKE2B_512_KEY_DERIVE, Function::Blake2b(Size::Bits512), OF_BLAKE2B_512;
}

const fn derivation(
    derive: DeriveValues,
    own_len: fn(&Params, &SourceLens<'_>) -> Option<usize>,
) -> Derivation {
    Derivation {
        derive,
        makes: Made::Keys,
        inheritance: Inheritance::Free,
        own_len,
        raw: Raw::No,
        data_base: false,
    }
}

const fn row(ckm: CK_MECHANISM_TYPE, derivation: &'static Derivation) -> Row {
    Row {
        ckm,
        key_types: generic_secret::SECRET_KEY_TYPES,
        sizes: Sizes::Bytes(1, MAX_KEY_LEN),
        shape: Shape::None,
        flags: 0,
        prepare: None,
        ops: Ops { derivation: Some(derivation), ..Ops::NONE },
    }
}

fn derive(function: Function, sources: &Sources<'_>) -> Result<Derived> {
    let Material::Bytes(base) = sources.base else { return Err(Error::KeyTypeInconsistent) };
    let [recipe] = sources.recipes else { return Err(Error::GeneralError) };
    let len = recipe.value_len.ok_or(Error::TemplateIncomplete)?;
    if !(1..=function.len()).contains(&len) {
        return Err(Error::KeySizeRange);
    }
    let mut value = Zeroizing::new([0; MAX_LEN]);
    function.digest(base.expose(), value.get_mut(..function.len()).unwrap_or_default())?;
    let value = Secret::from_slice(value.get(..len).unwrap_or_default());
    Ok(Derived { values: vec![value], ..Derived::default() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::mechanism::Recipe;
    use crate::crypto::tests::hex;

    fn of_abc(row: &Row, len: Option<usize>) -> Result<Vec<u8>> {
        let derivation = row.ops.derivation.unwrap();
        let own = (derivation.own_len)(&Params::None, &SourceLens { base: 3, seconds: &[] });
        let sources = Sources {
            base: &Material::Bytes(Secret::from_slice(b"abc")),
            base_type: Some(CKK_GENERIC_SECRET),
            seconds: &[],
            params: &Params::None,
            recipes: &[Recipe { value_len: len.or(own), ..Recipe::default() }],
        };
        (derivation.derive)(&sources).map(|derived| derived.values[0].expose().to_vec())
    }

    /// FIPS 180-4 and FIPS 202, the examples: "abc".
    #[test]
    fn hashes_of_abc_are_known() {
        let cases = [
            (&SHA1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (&SHA224, "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"),
            (&SHA256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                &SHA384,
                "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
            ),
            (&SHA3_256, "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"),
            // RFC 7693, appendix A, is BLAKE2b-512; the shorter one is Python's hashlib.
            (&BLAKE2B_256, "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319"),
            (&SHA512_224, "4634270f707b6a54daae7530460842e20e37ed265ceee9a43e8924aa"),
            (&SHA512_256, "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23"),
        ];
        for (row, value) in cases {
            assert_eq!(of_abc(row, None), Ok(hex(value)));
            assert_eq!(of_abc(row, Some(16)), Ok(hex(&value[..32])));
            assert_eq!(of_abc(row, Some(value.len() / 2 + 1)), Err(Error::KeySizeRange));
            assert_eq!(of_abc(row, Some(0)), Err(Error::KeySizeRange));
        }
        assert_eq!(of_abc(&SHA512, None).unwrap()[..4], hex("ddaf35a1"));
        assert_eq!(of_abc(&BLAKE2B_512, None).unwrap()[..4], hex("ba80a53f"));
    }
}
