//! XTS with AES (SP 800-38E, IEEE 1619): keys that are two AES keys, and data units of 16 bytes to 2^20 blocks. The whole
//! unit is needed before anything comes out.
//!
//! AWS-LC has it with AES-256; with AES-128 it is `xts-mode`'s.

use super::collected::Collected;
use super::engine::cipher::{BLOCK, Direction};
use super::engine::xts::{self, MAX_UNIT};
use super::mechanism::{Ciphering, Context, Ops, Recipe, Row, Sizes};
use super::self_test::{self, Family};
use super::start::{first, prepared};
use super::{Material, random};
use crate::ck::params::Shape;
use crate::ck::{Error, Params, Result};
use crate::secret::Secret;
use ::aes::Aes128;
use ::aes::cipher::KeyInit;
use cryptoki_sys::*;
use std::sync::Arc;
use subtle::ConstantTimeEq;
use xts_mode::Xts128;

const SIZES: Sizes = Sizes::Bytes(32, 64);

/// CKM_AES_XTS_KEY_GEN. PKCS#11 3.2, AES-XTS key generation.
pub static KEY_GEN: Row = Row {
    ckm: CKM_AES_XTS_KEY_GEN,
    key_types: &[CKK_AES_XTS],
    sizes: SIZES,
    shape: Shape::None,
    flags: 0,
    prepare: None,
    ops: Ops { generate: Some(generate), ..Ops::NONE },
};

/// CKM_AES_XTS. PKCS#11 3.2, AES-XTS. The parameter is the number of the data unit, as the bytes that are encrypted into
/// the tweak.
pub static AES_XTS: Row = Row {
    ckm: CKM_AES_XTS,
    key_types: &[CKK_AES_XTS],
    sizes: SIZES,
    shape: Shape::Iv(BLOCK),
    flags: 0,
    prepare: Some(prepare),
    ops: Ops {
        encrypt: Some(|context, params| start(Direction::Encrypt, context, params)),
        decrypt: Some(|context, params| start(Direction::Decrypt, context, params)),
        ..Ops::NONE
    },
};

pub(super) const fn is_key_len(len: usize) -> bool {
    matches!(len, 32 | 64)
}

/// 32 or 64 bytes whose halves differ: with equal ones the mode can be distinguished from a random function, and
/// FIPS 140-3 IG C.I forbids them.
fn is_key(bytes: &[u8]) -> bool {
    let (one, other) = bytes.split_at(bytes.len() / 2);
    is_key_len(bytes.len()) && !bool::from(one.ct_eq(other))
}

fn generate(recipe: &Recipe) -> Result<Material> {
    if recipe.key_type.is_some_and(|wanted| wanted != CKK_AES_XTS) {
        return Err(Error::TemplateInconsistent);
    }
    let len = recipe.value_len.ok_or(Error::TemplateIncomplete)?;
    if !is_key_len(len) {
        return Err(Error::KeySizeRange);
    }
    let mut secret = Secret::zeroed(len);
    random::fill(secret.expose_mut())?;
    // A generator that gives the same 128 bits twice is broken.
    if is_key(secret.expose()) { Ok(Material::Bytes(secret)) } else { Err(Error::DeviceError) }
}

/// A key of a caller's 32 or 64 bytes, whose halves differ (`CKR_ATTRIBUTE_VALUE_INVALID`).
pub fn import(bytes: &[u8]) -> Result<Material> {
    if is_key(bytes) {
        Ok(Material::Bytes(Secret::from_slice(bytes)))
    } else {
        Err(Error::AttributeValueInvalid)
    }
}

/// A prepared key.
pub(super) enum XtsKey {
    Aes128(Box<Xts128<Aes128>>),
    Aes256(xts::XtsKey),
}

impl XtsKey {
    /// Makes ready a key of 32 or 64 bytes (`CKR_KEY_SIZE_RANGE`) whose halves differ.
    pub(super) fn new(key: &[u8]) -> Result<Self> {
        if !is_key(key) {
            return Err(Error::KeySizeRange);
        }
        if let Ok(key) = key.try_into() {
            return Ok(Self::Aes256(xts::XtsKey::new(key)?));
        }
        let (data, tweak) = key.split_at(key.len() / 2);
        let half = |half| Aes128::new_from_slice(half).map_err(|_| Error::KeySizeRange);
        Ok(Self::Aes128(Box::new(Xts128::new(half(data)?, half(tweak)?))))
    }

    /// Encrypts or decrypts a data unit of 16 bytes to 2^20 blocks; `out` has its length.
    pub(super) fn run(
        &self,
        direction: Direction,
        tweak: &[u8; BLOCK],
        unit: &[u8],
        out: &mut [u8],
    ) -> Result<()> {
        match self {
            Self::Aes256(key) => Ok(key.run(direction, tweak, unit, out)?),
            // The library panics on less than a block.
            Self::Aes128(_) if unit.len() < BLOCK || unit.len() != out.len() => Err(Error::GeneralError),
            Self::Aes128(key) => {
                out.copy_from_slice(unit);
                match direction {
                    Direction::Encrypt => key.encrypt_sector(out, (*tweak).into()),
                    Direction::Decrypt => key.decrypt_sector(out, (*tweak).into()),
                }
                Ok(())
            }
        }
    }
}

fn prepare(key: &Material) -> Result<Context> {
    self_test::ready(Family::Xts)?;
    let Material::Bytes(secret) = key else { return Err(Error::KeyTypeInconsistent) };
    Ok(Arc::new(XtsKey::new(secret.expose())?))
}

fn start(direction: Direction, context: &Context, params: &Params) -> Result<Box<dyn Ciphering>> {
    let Params::Iv(tweak) = params else { return Err(Error::MechanismParamInvalid) };
    let tweak = tweak.as_slice().try_into().map_err(|_| Error::MechanismParamInvalid)?;
    let beyond = match direction {
        Direction::Encrypt => Error::DataLenRange,
        Direction::Decrypt => Error::EncryptedDataLenRange,
    };
    let unit = Collected::new(MAX_UNIT, beyond);
    Ok(Box::new(Unit { key: prepared(context)?, direction, tweak, unit, beyond }))
}

/// A running data unit.
struct Unit {
    key: Arc<XtsKey>,
    direction: Direction,
    tweak: [u8; BLOCK],
    unit: Collected,
    beyond: Error,
}

impl Ciphering for Unit {
    fn update_len(&self, _input: usize) -> usize {
        0
    }

    fn update(&mut self, input: &[u8], _out: &mut [u8]) -> Result<usize> {
        self.unit.push(input)?;
        Ok(0)
    }

    fn finish_len(&self) -> usize {
        self.unit.len()
    }

    fn finish(&mut self, out: &mut [u8]) -> Result<usize> {
        let unit = self.unit.take();
        self.whole(&unit, out)
    }

    fn whole_len(&self, input: usize) -> usize {
        input
    }

    fn whole(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        if !(BLOCK..=MAX_UNIT).contains(&input.len()) {
            return Err(self.beyond);
        }
        self.key.run(self.direction, &self.tweak, input, first(out, input.len())?)?;
        Ok(input.len())
    }

    fn exact(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::tests::*;

    fn key_of(bytes: &[u8]) -> Context {
        context(&AES_XTS, &import(bytes).unwrap())
    }

    fn unit(number: u64) -> Params {
        Params::Iv([&number.to_le_bytes()[..], &[0; 8]].concat())
    }

    /// IEEE 1619-2007, annex B: vectors 2, 3 (32 bytes), 15 to 18 (17 to 20 bytes), and 10 (512 bytes, AES-256).
    #[test]
    fn xts_of_ieee_1619_is_known() {
        let ones = [[0x11; 16], [0x22; 16]].concat();
        let ciphertext = "c454185e6a16936e39334038acef838bfb186fff7480adc4289382ecd6d394f0";
        check_cipher(&AES_XTS, &key_of(&ones), &unit(0x33_3333_3333), &[0x44; 32], &hex(ciphertext));
        let key = hex("fffefdfcfbfaf9f8f7f6f5f4f3f2f1f022222222222222222222222222222222");
        let ciphertext = "af85336b597afc1a900b2eb21ec949d292df4c047e0b21532186a5971a227a89";
        check_cipher(&AES_XTS, &key_of(&key), &unit(0x33_3333_3333), &[0x44; 32], &hex(ciphertext));
        let key = hex("fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0bfbebdbcbbbab9b8b7b6b5b4b3b2b1b0");
        let plaintext: Vec<u8> = (0..20).collect();
        for (len, ciphertext) in [
            (17, "6c1625db4671522d3d7599601de7ca09ed"),
            (18, "d069444b7a7e0cab09e24447d24deb1fedbf"),
            (19, "e5df1351c0544ba1350b3363cd8ef4beedbf9d"),
            (20, "9d84c813f719aa2c7be3f66171c7c5c2edbf9dac"),
        ] {
            check_cipher(&AES_XTS, &key_of(&key), &unit(0x12_3456_789A), &plaintext[..len], &hex(ciphertext));
        }
        let key = hex(
            "27182818284590452353602874713526624977572470936999595749669676273141592653589793238462643383279502884197169399375105820974944592",
        );
        let plaintext: Vec<u8> = (0..512).map(|at: u32| u8::try_from(at % 256).unwrap()).collect();
        let sealed = whole(AES_XTS.ops.encrypt, &key_of(&key), &unit(0xFF), &plaintext).unwrap();
        assert_eq!(
            sealed[..48],
            hex(
                "1c3b3a102f770386e4836c99e370cf9bea00803f5e482357a4ae12d414a3e63b5d31e276f8fe4a8d66b317f9ac683f44"
            )
        );
        check_cipher(&AES_XTS, &key_of(&key), &unit(0xFF), &plaintext, &sealed);
    }

    /// AES-256 twice: by the engine and by the library that does AES-128.
    #[test]
    fn both_libraries_agree_for_every_length() {
        let key: Vec<u8> = (100..164).collect();
        let half = |half| ::aes::Aes256::new_from_slice(half).unwrap();
        let library = Xts128::new(half(&key[..32]), half(&key[32..]));
        let tweak = [0xC3; 16];
        for len in 16..=100 {
            let plaintext = vec![0x5A; len];
            let mut expected = plaintext.clone();
            library.encrypt_sector(&mut expected, tweak.into());
            check_cipher(&AES_XTS, &key_of(&key), &Params::Iv(tweak.to_vec()), &plaintext, &expected);
        }
    }

    #[test]
    fn data_units_have_16_bytes_at_least_and_2_to_the_20_blocks_at_most() {
        for len in [32_u8, 64] {
            let context = key_of(&(0..len).collect::<Vec<_>>());
            for (start, refusal) in [
                (AES_XTS.ops.encrypt, Error::DataLenRange),
                (AES_XTS.ops.decrypt, Error::EncryptedDataLenRange),
            ] {
                for len in [0, 1, 15, MAX_UNIT + 1] {
                    assert_eq!(whole(start, &context, &unit(1), &vec![0; len]), Err(refusal), "{len}");
                }
                assert_eq!(in_pieces(start, &context, &unit(1), &[0; 15]), Err(refusal));
                let mut longer = start.unwrap()(&context, &unit(1)).unwrap();
                longer.update(&vec![0; MAX_UNIT], &mut []).unwrap();
                assert_eq!(longer.update(&[0], &mut []), Err(refusal));
            }
        }
    }

    #[test]
    fn keys_are_two_different_keys() {
        for len in [32, 64] {
            let recipe = Recipe { value_len: Some(len), ..Recipe::default() };
            let Material::Bytes(secret) = generate(&recipe).unwrap() else { panic!("no secret key") };
            assert_eq!(secret.len(), len);
            assert!(import(secret.expose()).is_ok());
            assert_eq!(import(&vec![7; len]).err(), Some(Error::AttributeValueInvalid));
            let equal = Material::Bytes(Secret::from_slice(&vec![7; len]));
            assert_eq!(prepare(&equal).err(), Some(Error::KeySizeRange));
        }
        for len in [0, 16, 31, 48, 65] {
            let recipe = Recipe { value_len: Some(len), ..Recipe::default() };
            assert_eq!(generate(&recipe).err(), Some(Error::KeySizeRange));
            let bytes: Vec<u8> = (0..len).map(|at| u8::try_from(at).unwrap()).collect();
            assert_eq!(import(&bytes).err(), Some(Error::AttributeValueInvalid));
        }
        assert_eq!(generate(&Recipe::default()).err(), Some(Error::TemplateIncomplete));
        let other = Recipe { value_len: Some(32), key_type: Some(CKK_AES), ..Recipe::default() };
        assert_eq!(generate(&other).err(), Some(Error::TemplateInconsistent));
    }

    #[test]
    fn start_with_wrong_parameters_is_refused() {
        let context = key_of(&(0..32).collect::<Vec<_>>());
        for params in [Params::None, Params::Iv(vec![0; 15]), Params::Iv(vec![0; 17])] {
            for start in [AES_XTS.ops.encrypt, AES_XTS.ops.decrypt] {
                assert_eq!(start.unwrap()(&context, &params).err(), Some(Error::MechanismParamInvalid));
            }
        }
    }
}
