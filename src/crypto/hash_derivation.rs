//! Keys that are the hash of another key (PKCS#11 3.2, 6.21).

use super::blake2b::Size;
use super::digest::{self, Hash};
use super::engine::keccak::{self, Keccak};
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

macro_rules! derivations {
    ($($(#[$doc:meta])* $name:ident, $ckm:ident, $function:expr, $derivation:ident;)*) => {
        $(
            $(#[$doc])*
            pub static $name: Row = row($ckm, &$derivation);
            static $derivation: Derivation =
                derivation(|sources| derive($function, sources), |_, _| $function.len());
        )*
    };
}

/// What hashes.
#[derive(Clone, Copy)]
enum Function {
    Sha(Hash),
    Blake2b(Size),
    Shake(keccak::Function),
}

impl Function {
    /// Length of the hash in bytes; `None` where the template says it.
    const fn len(self) -> Option<usize> {
        match self {
            Self::Sha(hash) => Some(hash.len()),
            Self::Blake2b(size) => Some(size.len()),
            Self::Shake(_) => None,
        }
    }

    /// The first `len` bytes of the hash of a key. `CKR_KEY_SIZE_RANGE` where it has fewer.
    fn of(self, key: &Secret, len: usize) -> Result<Secret> {
        if !(1..=self.len().unwrap_or(MAX_KEY_LEN as usize)).contains(&len) {
            return Err(Error::KeySizeRange);
        }
        let mut whole = Secret::zeroed(self.len().unwrap_or(len));
        match self {
            Self::Sha(hash) => {
                self_test::ready(Family::Digest)?;
                hash.digest(key.expose(), whole.expose_mut())?;
            }
            Self::Blake2b(size) => {
                self_test::ready(Family::Blake2b)?;
                size.digest(key.expose(), whole.expose_mut())?;
            }
            Self::Shake(function) => {
                self_test::ready(Family::Keccak)?;
                let mut shake = Keccak::new(function)?;
                shake.update(key.expose())?;
                shake.finish(whole.expose_mut())?;
            }
        }
        Ok(Secret::from_slice(whole.expose().get(..len).unwrap_or_default()))
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
    /// CKM_SHAKE_128_KEY_DERIVATION: as long as the template says. PKCS#11 3.2, SHAKE.
    SHAKE_128, CKM_SHAKE_128_KEY_DERIVATION, Function::Shake(keccak::Function::Shake128), OF_SHAKE_128;
    /// CKM_SHAKE_256_KEY_DERIVATION: as long as the template says. PKCS#11 3.2, SHAKE.
    SHAKE_256, CKM_SHAKE_256_KEY_DERIVATION, Function::Shake(keccak::Function::Shake256), OF_SHAKE_256;
}

/// CKM_SHA512_T_KEY_DERIVATION; the parameter is t. PKCS#11 3.2, SHA-512/t.
pub static SHA512_T: Row = Row { shape: Shape::MacGeneral, ..row(CKM_SHA512_T_KEY_DERIVATION, &OF_SHA512_T) };
static OF_SHA512_T: Derivation = derivation(
    |sources| derive(Function::Sha(digest::truncated(sources.params)?), sources),
    |params, _| digest::truncated(params).ok().map(Hash::len),
);

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
    Ok(Derived { values: vec![function.of(base, len)?], ..Derived::default() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::mechanism::Recipe;
    use crate::crypto::tests::hex;

    fn of_abc(row: &Row, len: Option<usize>) -> Result<Vec<u8>> {
        with(row, &Params::None, len)
    }

    fn with(row: &Row, params: &Params, len: Option<usize>) -> Result<Vec<u8>> {
        let derivation = row.ops.derivation.unwrap();
        let own = (derivation.own_len)(params, &SourceLens { base: 3, seconds: &[] });
        let sources = Sources {
            base: &Material::Bytes(Secret::from_slice(b"abc")),
            base_type: Some(CKK_GENERIC_SECRET),
            seconds: &[],
            params,
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

    /// The first bytes of SHAKE of "abc", made by OpenSSL 3.0.
    #[test]
    fn shake_is_as_long_as_the_template_says() {
        for (row, known) in [
            (&SHAKE_128, "5881092dd818bf5cf8a3ddb793fbcba74097d5c526a6d35f97b83351940f2cc8"),
            (&SHAKE_256, "483366601360a8771c6863080cc4114d8db44530f8f1e1ee4f94ea37e78b5739"),
        ] {
            for len in [1, 16, 32] {
                assert_eq!(of_abc(row, Some(len)), Ok(hex(known)[..len].to_vec()));
            }
            let longest = MAX_KEY_LEN as usize;
            assert!(of_abc(row, Some(longest)).unwrap().starts_with(&hex(known)));
            assert_eq!(of_abc(row, None), Err(Error::TemplateIncomplete));
            assert_eq!(of_abc(row, Some(longest + 1)), Err(Error::KeySizeRange));
            assert_eq!(of_abc(row, Some(0)), Err(Error::KeySizeRange));
        }
    }

    #[test]
    fn sha512_t_is_what_its_parameter_says() {
        assert_eq!(with(&SHA512_T, &Params::MacGeneral(224), None), of_abc(&SHA512_224, None));
        assert_eq!(with(&SHA512_T, &Params::MacGeneral(256), Some(9)), of_abc(&SHA512_256, Some(9)));
        assert_eq!(with(&SHA512_T, &Params::MacGeneral(224), Some(29)), Err(Error::KeySizeRange));
        for params in [Params::None, Params::MacGeneral(384), Params::MacGeneral(0)] {
            assert_eq!(with(&SHA512_T, &params, Some(9)), Err(Error::MechanismParamInvalid));
        }
    }
}
