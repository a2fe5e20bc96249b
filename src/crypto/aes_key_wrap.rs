//! AES Key Wrap (SP 800-38F): CKM_AES_KEY_WRAP (RFC 3394), CKM_AES_KEY_WRAP_KWP (RFC 5649), which the deprecated
//! CKM_AES_KEY_WRAP_PAD names too, and CKM_AES_KEY_WRAP_PKCS7, which pads as RFC 5652 does and then wraps as
//! RFC 3394 does. The whole input is needed before anything comes out.

use super::Material;
use super::aes;
use super::blocks::unpadded;
use super::collected::{AtOnce, Whole};
use super::engine::cipher::Direction;
use super::engine::key_wrap::{LONGEST, SEMIBLOCK, WrapKey};
use super::mechanism::{Ciphering, Context, Ops, Row};
use super::self_test::{self, Family};
use super::start::{first, prepared};
use crate::ck::params::Shape;
use crate::ck::{Error, Params, Result};
use cryptoki_sys::*;
use std::sync::Arc;
use zeroize::{Zeroize, Zeroizing};

/// CKM_AES_KEY_WRAP. PKCS#11 3.2, 6.16. A key whose length is no multiple of 8 bytes gets zeros behind it.
pub static AES_KEY_WRAP: Row = row(CKM_AES_KEY_WRAP, Shape::OptionalIv(SEMIBLOCK), plain_ops());

/// CKM_AES_KEY_WRAP_KWP. PKCS#11 3.2, 6.16. An initial value may be named, but only that of RFC 5649.
pub static AES_KEY_WRAP_KWP: Row = row(CKM_AES_KEY_WRAP_KWP, Shape::OptionalIv(KWP_IV.len()), zeros_ops());

/// CKM_AES_KEY_WRAP_PAD. PKCS#11 3.2, 6.16: deprecated; as CKM_AES_KEY_WRAP_KWP.
pub static AES_KEY_WRAP_PAD: Row = row(CKM_AES_KEY_WRAP_PAD, Shape::OptionalIv(KWP_IV.len()), zeros_ops());

/// CKM_AES_KEY_WRAP_PKCS7. PKCS#11 3.2, 6.16. Data of 8 bytes at least: padded, fewer are one semiblock, which
/// SP 800-38F, 5.3.1 does not wrap.
pub static AES_KEY_WRAP_PKCS7: Row = row(CKM_AES_KEY_WRAP_PKCS7, Shape::OptionalIv(SEMIBLOCK), counts_ops());

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

const fn zeros_ops() -> Ops {
    Ops {
        encrypt: Some(|context, params| zeros(context, params, Direction::Encrypt)),
        decrypt: Some(|context, params| zeros(context, params, Direction::Decrypt)),
        wraps: true,
        ..Ops::NONE
    }
}

const fn counts_ops() -> Ops {
    Ops {
        encrypt: Some(|context, params| counts(context, params, Direction::Encrypt)),
        decrypt: Some(|context, params| counts(context, params, Direction::Decrypt)),
        wraps: true,
        ..Ops::NONE
    }
}

/// The initial value of RFC 3394, 2.2.3.1.
const DEFAULT_IV: [u8; SEMIBLOCK] = [0xA6; SEMIBLOCK];
/// That of RFC 5649, 3, without the length.
const KWP_IV: [u8; 4] = [0xA6, 0x59, 0x59, 0xA6];

fn prepare(key: &Material) -> Result<Context> {
    self_test::ready(Family::KeyWrap)?;
    Ok(Arc::new(WrapKey::new(aes::key_bytes(key)?)?))
}

/// How the input comes to whole semiblocks, and the initial value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// It must have them (RFC 3394).
    Whole([u8; SEMIBLOCK]),
    /// By zeros; the algorithm keeps the length (RFC 5649).
    Zeros,
    /// By 1 to 8 bytes that say how many they are (RFC 5652, 6.3), then as [`Self::Whole`].
    Counts([u8; SEMIBLOCK]),
}

fn plain(context: &Context, params: &Params, direction: Direction) -> Result<Box<dyn Ciphering>> {
    start(context, Form::Whole(iv_of(params)?), direction)
}

fn zeros(context: &Context, params: &Params, direction: Direction) -> Result<Box<dyn Ciphering>> {
    match params {
        Params::None => start(context, Form::Zeros, direction),
        // No library wraps with another.
        Params::Iv(iv) if *iv == KWP_IV => start(context, Form::Zeros, direction),
        _ => Err(Error::MechanismParamInvalid),
    }
}

fn counts(context: &Context, params: &Params, direction: Direction) -> Result<Box<dyn Ciphering>> {
    start(context, Form::Counts(iv_of(params)?), direction)
}

fn iv_of(params: &Params) -> Result<[u8; SEMIBLOCK]> {
    let iv = match params {
        Params::None => DEFAULT_IV,
        Params::Iv(iv) => iv.as_slice().try_into().map_err(|_| Error::MechanismParamInvalid)?,
        _ => return Err(Error::MechanismParamInvalid),
    };
    if WrapKey::takes(&iv) { Ok(iv) } else { Err(Error::MechanismParamInvalid) }
}

fn start(context: &Context, form: Form, direction: Direction) -> Result<Box<dyn Ciphering>> {
    let wrapping = Wrapping { key: prepared(context)?, form, direction };
    Ok(Box::new(Whole::new(wrapping, longest(direction), length_error(direction))))
}

const fn length_error(direction: Direction) -> Error {
    match direction {
        Direction::Encrypt => Error::DataLenRange,
        Direction::Decrypt => Error::EncryptedDataLenRange,
    }
}

/// Longest input in bytes.
const fn longest(direction: Direction) -> usize {
    match direction {
        Direction::Encrypt => LONGEST,
        Direction::Decrypt => LONGEST + SEMIBLOCK,
    }
}

/// A running wrap or unwrap.
struct Wrapping {
    key: Arc<WrapKey>,
    form: Form,
    direction: Direction,
}

impl Wrapping {
    /// Two semiblocks at least, or with zeros one byte, or with a padding as much as it makes two of; a wrapped one is
    /// a semiblock longer.
    fn fits(&self, len: usize) -> bool {
        let whole = len.is_multiple_of(SEMIBLOCK);
        len <= longest(self.direction)
            && match (self.direction, self.form) {
                (Direction::Encrypt, Form::Whole(_)) => whole && len >= 2 * SEMIBLOCK,
                (Direction::Encrypt, Form::Zeros) => len > 0,
                (Direction::Encrypt, Form::Counts(_)) => (SEMIBLOCK..LONGEST).contains(&len),
                (Direction::Decrypt, Form::Zeros) => whole && len >= 2 * SEMIBLOCK,
                (Direction::Decrypt, _) => whole && len >= 3 * SEMIBLOCK,
            }
    }

    fn wrap(&self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        match &self.form {
            Form::Whole(iv) => self.key.wrap(iv, input, out)?,
            Form::Zeros => self.key.wrap_padded(input, out)?,
            Form::Counts(iv) => {
                let mut padded = Zeroizing::new(vec![0; out.len().saturating_sub(SEMIBLOCK)]);
                let (head, tail) = padded.split_at_mut_checked(input.len()).ok_or(Error::GeneralError)?;
                head.copy_from_slice(input);
                tail.fill(u8::try_from(tail.len()).map_err(|_| Error::GeneralError)?);
                self.key.wrap(iv, &padded, out)?;
            }
        }
        Ok(out.len())
    }

    fn unwrap(&self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        let invalid = |_| Error::EncryptedDataInvalid;
        match &self.form {
            Form::Whole(iv) => self.key.unwrap(iv, input, out).map_err(invalid)?,
            Form::Zeros => return self.key.unwrap_padded(input, out).map_err(invalid),
            Form::Counts(iv) => {
                self.key.unwrap(iv, input, out).map_err(invalid)?;
                let last: &[u8; SEMIBLOCK] = out.last_chunk().ok_or(Error::GeneralError)?;
                // Whoever holds the key has put another padding there, or none.
                let Some(kept) = unpadded(last).map(<[u8]>::len) else {
                    out.zeroize();
                    return Err(Error::EncryptedDataInvalid);
                };
                return Ok(out.len() - SEMIBLOCK + kept);
            }
        }
        Ok(out.len())
    }
}

impl AtOnce for Wrapping {
    fn output_len(&self, input: usize) -> usize {
        match self.direction {
            Direction::Encrypt => {
                let least =
                    if matches!(self.form, Form::Counts(_)) { input.saturating_add(1) } else { input };
                least.checked_next_multiple_of(SEMIBLOCK).unwrap_or(least).saturating_add(SEMIBLOCK)
            }
            Direction::Decrypt => input.saturating_sub(SEMIBLOCK),
        }
    }

    fn run(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        if !self.fits(input.len()) {
            return Err(length_error(self.direction));
        }
        let out = first(out, self.output_len(input.len()))?;
        match self.direction {
            Direction::Encrypt => self.wrap(input, out),
            Direction::Decrypt => self.unwrap(input, out),
        }
    }

    fn exact(&self) -> bool {
        matches!(self.form, Form::Whole(_)) || self.direction == Direction::Encrypt
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

    /// What comes out is RFC 3394 over the padded data.
    #[test]
    fn wrap_with_the_padding_of_pkcs7_pads_and_wraps() {
        let context = context(&AES_KEY_WRAP_PKCS7, &aes::import(&hex(KEK)).unwrap());
        let another = WrapKey::takes(&[5; 8]).then(|| Params::Iv(vec![5; 8]));
        for params in [Params::None].into_iter().chain(another) {
            for len in 8..=40 {
                let plain = vec![0xC7; len];
                let missing = SEMIBLOCK - len % SEMIBLOCK;
                let padded = [&plain[..], &vec![u8::try_from(missing).unwrap(); missing]].concat();
                let wrapped = whole(AES_KEY_WRAP.ops.encrypt, &context, &params, &padded).unwrap();
                check_cipher(&AES_KEY_WRAP_PKCS7, &context, &params, &plain, &wrapped);
            }
        }
        for (start, len, refusal) in [
            (AES_KEY_WRAP_PKCS7.ops.encrypt, 0, Error::DataLenRange),
            (AES_KEY_WRAP_PKCS7.ops.encrypt, 7, Error::DataLenRange),
            (AES_KEY_WRAP_PKCS7.ops.encrypt, LONGEST, Error::DataLenRange),
            (AES_KEY_WRAP_PKCS7.ops.decrypt, 16, Error::EncryptedDataLenRange),
            (AES_KEY_WRAP_PKCS7.ops.decrypt, 25, Error::EncryptedDataLenRange),
        ] {
            assert_eq!(whole(start, &context, &Params::None, &vec![1; len]), Err(refusal), "{len}");
        }
        // Rightly wrapped, and no padding at its end.
        let wrapped = whole(AES_KEY_WRAP.ops.encrypt, &context, &Params::None, &[9; 16]).unwrap();
        let mut out = [0xEE; 16];
        let mut operation = counts(&context, &Params::None, Direction::Decrypt).unwrap();
        assert_eq!(operation.whole(&wrapped, &mut out), Err(Error::EncryptedDataInvalid));
        assert_eq!(out, [0; 16]);
    }

    #[test]
    fn longest_input_comes_back() {
        let context = context(&AES_KEY_WRAP, &aes::import(&hex(KEK)).unwrap());
        for (row, len) in
            [(&AES_KEY_WRAP, LONGEST), (&AES_KEY_WRAP_KWP, LONGEST), (&AES_KEY_WRAP_PKCS7, LONGEST - 1)]
        {
            let wrapped = whole(row.ops.encrypt, &context, &Params::None, &vec![3; len]).unwrap();
            assert_eq!(whole(row.ops.decrypt, &context, &Params::None, &wrapped).unwrap(), vec![3; len]);
        }
    }

    #[test]
    fn initial_value_of_rfc_5649_may_be_named_and_no_other() {
        let context = context(&AES_KEY_WRAP_KWP, &aes::import(&hex(KEK)).unwrap());
        for row in [&AES_KEY_WRAP_KWP, &AES_KEY_WRAP_PAD] {
            let run = |params: &Params| whole(row.ops.encrypt, &context, params, b"key");
            assert_eq!(run(&Params::Iv(hex("a65959a6"))), run(&Params::None));
            for wrong in ["a65959a7", "", "a6a6a6a6a6a6a6a6"] {
                assert_eq!(run(&Params::Iv(hex(wrong))), Err(Error::MechanismParamInvalid));
            }
        }
    }

    #[test]
    fn tampering_and_another_initial_value_are_found() {
        let context = context(&AES_KEY_WRAP, &aes::import(&[7; 32]).unwrap());
        let iv = Params::Iv(vec![5; 8]);
        let mut cases = vec![(&AES_KEY_WRAP_KWP, &Params::None)];
        if WrapKey::takes(&[5; 8]) {
            cases.extend([(&AES_KEY_WRAP, &iv), (&AES_KEY_WRAP_PKCS7, &iv)]);
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
