//! AES Key Wrap (SP 800-38F): CKM_AES_KEY_WRAP (RFC 3394) and CKM_AES_KEY_WRAP_KWP (RFC 5649), which the
//! deprecated CKM_AES_KEY_WRAP_PAD names too. The whole input is needed before anything comes out.

use super::Material;
use super::aes;
use super::collected::Collected;
use super::engine::cipher::Direction;
use super::engine::key_wrap::{LONGEST, SEMIBLOCK, WrapKey};
use super::mechanism::{Ciphering, Context, Ops, Row};
use super::self_test::{self, Family};
use super::start::{first, prepared};
use crate::ck::params::Shape;
use crate::ck::{Error, Params, Result};
use cryptoki_sys::*;
use std::sync::Arc;

/// CKM_AES_KEY_WRAP. PKCS#11 3.2, 6.16. A key whose length is no multiple of 8 bytes gets zeros behind it.
pub static AES_KEY_WRAP: Row = row(CKM_AES_KEY_WRAP, Shape::OptionalIv(SEMIBLOCK), plain_ops());

/// CKM_AES_KEY_WRAP_KWP. PKCS#11 3.2, 6.16.
pub static AES_KEY_WRAP_KWP: Row = row(CKM_AES_KEY_WRAP_KWP, Shape::None, padded_ops());

/// CKM_AES_KEY_WRAP_PAD. PKCS#11 3.2, 6.16: deprecated; as CKM_AES_KEY_WRAP_KWP.
pub static AES_KEY_WRAP_PAD: Row = row(CKM_AES_KEY_WRAP_PAD, Shape::None, padded_ops());

const fn row(ckm: CK_MECHANISM_TYPE, shape: Shape, ops: Ops) -> Row {
    Row { ckm, key_types: &[CKK_AES], sizes: aes::SIZES, shape, flags: 0, prepare: Some(prepare), ops }
}

const fn plain_ops() -> Ops {
    Ops {
        encrypt: Some(|context, params| plain(context, params, Direction::Encrypt)),
        decrypt: Some(|context, params| plain(context, params, Direction::Decrypt)),
        wraps: true,
        zero_pads: true,
        ..Ops::NONE
    }
}

const fn padded_ops() -> Ops {
    Ops {
        encrypt: Some(|context, params| padded(context, params, Direction::Encrypt)),
        decrypt: Some(|context, params| padded(context, params, Direction::Decrypt)),
        wraps: true,
        ..Ops::NONE
    }
}

/// The initial value of RFC 3394, 2.2.3.1.
const DEFAULT_IV: [u8; SEMIBLOCK] = [0xA6; SEMIBLOCK];

fn prepare(key: &Material) -> Result<Context> {
    self_test::ready(Family::KeyWrap)?;
    Ok(Arc::new(WrapKey::new(aes::key_bytes(key)?)?))
}

fn plain(context: &Context, params: &Params, direction: Direction) -> Result<Box<dyn Ciphering>> {
    let iv = match params {
        Params::None => DEFAULT_IV,
        Params::Iv(iv) => iv.as_slice().try_into().map_err(|_| Error::MechanismParamInvalid)?,
        _ => return Err(Error::MechanismParamInvalid),
    };
    if !WrapKey::takes(&iv) {
        return Err(Error::MechanismParamInvalid);
    }
    start(context, Some(iv), direction)
}

fn padded(context: &Context, params: &Params, direction: Direction) -> Result<Box<dyn Ciphering>> {
    super::start::no_params(params)?;
    start(context, None, direction)
}

fn start(context: &Context, iv: Option<[u8; SEMIBLOCK]>, direction: Direction) -> Result<Box<dyn Ciphering>> {
    let error = length_error(direction);
    let input = Collected::new(LONGEST, error);
    Ok(Box::new(Wrapping { key: prepared(context)?, iv, direction, input }))
}

const fn length_error(direction: Direction) -> Error {
    match direction {
        Direction::Encrypt => Error::DataLenRange,
        Direction::Decrypt => Error::EncryptedDataLenRange,
    }
}

/// A running wrap or unwrap; without an IV, with padding.
struct Wrapping {
    key: Arc<WrapKey>,
    iv: Option<[u8; SEMIBLOCK]>,
    direction: Direction,
    input: Collected,
}

impl Ciphering for Wrapping {
    fn update_len(&self, _input: usize) -> usize {
        0
    }

    fn update(&mut self, input: &[u8], _out: &mut [u8]) -> Result<usize> {
        self.input.push(input)?;
        Ok(0)
    }

    fn finish_len(&self) -> usize {
        self.whole_len(self.input.len())
    }

    fn finish(&mut self, out: &mut [u8]) -> Result<usize> {
        let input = self.input.take();
        self.whole(&input, out)
    }

    fn whole_len(&self, input: usize) -> usize {
        match self.direction {
            Direction::Encrypt => {
                input.checked_next_multiple_of(SEMIBLOCK).unwrap_or(input).saturating_add(SEMIBLOCK)
            }
            Direction::Decrypt => input.saturating_sub(SEMIBLOCK),
        }
    }

    fn whole(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        // Two semiblocks at least, or with padding one byte; a wrapped one is a semiblock longer.
        let whole = input.len().is_multiple_of(SEMIBLOCK);
        let fits = input.len() <= LONGEST
            && match (self.direction, self.iv) {
                (Direction::Encrypt, Some(_)) => whole && input.len() >= 2 * SEMIBLOCK,
                (Direction::Encrypt, None) => !input.is_empty(),
                (Direction::Decrypt, Some(_)) => whole && input.len() >= 3 * SEMIBLOCK,
                (Direction::Decrypt, None) => whole && input.len() >= 2 * SEMIBLOCK,
            };
        if !fits {
            return Err(length_error(self.direction));
        }
        let out = first(out, self.whole_len(input.len()))?;
        let invalid = |_| Error::EncryptedDataInvalid;
        match (self.direction, &self.iv) {
            (Direction::Encrypt, Some(iv)) => self.key.wrap(iv, input, out)?,
            (Direction::Encrypt, None) => self.key.wrap_padded(input, out)?,
            (Direction::Decrypt, Some(iv)) => self.key.unwrap(iv, input, out).map_err(invalid)?,
            (Direction::Decrypt, None) => return self.key.unwrap_padded(input, out).map_err(invalid),
        }
        Ok(out.len())
    }

    fn exact(&self) -> bool {
        self.iv.is_some() || self.direction == Direction::Encrypt
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::tests::*;

    const KEK: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    /// RFC 3394, 4.1, 4.3 and 4.6.
    #[test]
    fn wrap_of_rfc_3394_is_known() {
        for (kek, plain, wrapped) in [
            (
                &KEK[..32],
                "00112233445566778899aabbccddeeff",
                "1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5",
            ),
            (KEK, "00112233445566778899aabbccddeeff", "64e8c3f9ce0f5ba263e9777905818a2a93c8191e7d6e8ae7"),
            (
                KEK,
                "00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f",
                "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21",
            ),
        ] {
            let context = context(&AES_KEY_WRAP, &aes::import(&hex(kek)).unwrap());
            check_cipher(&AES_KEY_WRAP, &context, &Params::None, &hex(plain), &hex(wrapped));
        }
    }

    /// RFC 5649, 6: keys of 20 and of 7 bytes.
    #[test]
    fn wrap_of_rfc_5649_is_known() {
        let kek = hex("5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8");
        for (plain, wrapped) in [
            (
                "c37b7e6492584340bed12207808941155068f738",
                "138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a",
            ),
            ("466f7250617369", "afbeb0f07dfbf5419200f2ccb50bb24f"),
        ] {
            let context = context(&AES_KEY_WRAP_KWP, &aes::import(&kek).unwrap());
            check_cipher(&AES_KEY_WRAP_KWP, &context, &Params::None, &hex(plain), &hex(wrapped));
            check_cipher(&AES_KEY_WRAP_PAD, &context, &Params::None, &hex(plain), &hex(wrapped));
        }
    }

    #[test]
    fn tampering_and_another_initial_value_are_found() {
        let context = context(&AES_KEY_WRAP, &aes::import(&[7; 32]).unwrap());
        let iv = Params::Iv(vec![5; 8]);
        let mut cases = vec![(&AES_KEY_WRAP_KWP, &Params::None)];
        if WrapKey::takes(&[5; 8]) {
            cases.push((&AES_KEY_WRAP, &iv));
        } else {
            let refused = whole(AES_KEY_WRAP.ops.encrypt, &context, &iv, &[1; 32]);
            assert_eq!(refused, Err(Error::MechanismParamInvalid));
        }
        for (row, params) in cases {
            let mut wrapped = whole(row.ops.encrypt, &context, params, &[1; 32]).unwrap();
            for at in [0, 20, wrapped.len() - 1] {
                wrapped[at] ^= 1;
                let refused = whole(row.ops.decrypt, &context, params, &wrapped);
                assert_eq!(refused, Err(Error::EncryptedDataInvalid));
                wrapped[at] ^= 1;
            }
            let other = &AES_KEY_WRAP;
            let refused = whole(other.ops.decrypt, &context, &Params::None, &wrapped);
            assert_eq!(refused, Err(Error::EncryptedDataInvalid));
        }
    }

    #[test]
    fn lengths_that_cannot_be_are_refused() {
        let context = context(&AES_KEY_WRAP, &aes::import(&[7; 32]).unwrap());
        for len in [0, 7, 8, 15, 17, LONGEST + 8] {
            let refused = whole(AES_KEY_WRAP.ops.encrypt, &context, &Params::None, &vec![1; len]);
            assert_eq!(refused, Err(Error::DataLenRange), "{len}");
        }
        for len in [0, 8, 16, 23, 25] {
            let refused = whole(AES_KEY_WRAP.ops.decrypt, &context, &Params::None, &vec![1; len]);
            assert_eq!(refused, Err(Error::EncryptedDataLenRange), "{len}");
        }
        for len in [0, 8, 15, 17] {
            let refused = whole(AES_KEY_WRAP_KWP.ops.decrypt, &context, &Params::None, &vec![1; len]);
            assert_eq!(refused, Err(Error::EncryptedDataLenRange), "{len}");
        }
        let refused = whole(AES_KEY_WRAP_KWP.ops.encrypt, &context, &Params::None, &[]);
        assert_eq!(refused, Err(Error::DataLenRange));
        let wrong = whole(AES_KEY_WRAP.ops.encrypt, &context, &Params::Iv(vec![1; 4]), &[1; 16]);
        assert_eq!(wrong, Err(Error::MechanismParamInvalid));
    }
}
