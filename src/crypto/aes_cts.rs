//! AES in the cipher block chaining mode with ciphertext stealing (addendum to SP 800-38A): the variant CBC-CS1, in which
//! whole blocks come out as of CBC. PKCS#11 names no variant; this is the one of NSS, of Java by default, and of
//! OpenSSL in its FIPS provider.
//!
//! The engine runs the blocks through that come before the end; the last block or two are `cts`'s.

use super::Material;
use super::aes;
use super::blocks::Schedules;
use super::engine::cipher::{BLOCK, Cipher, Direction, Mode};
use super::mechanism::{Ciphering, Context, Ops, Row};
use super::self_test::{self, Family};
use super::start::{first, prepared};
use crate::ck::params::Shape;
use crate::ck::{Error, Params, Result};
use ::aes::cipher::{
    BlockCipherDecrypt, BlockCipherEncrypt, BlockSizeUser, InnerIvInit, KeyInit, consts::U16,
};
use ::aes::{Aes128, Aes192, Aes256};
use cryptoki_sys::*;
use cts::{CbcCs1, Decrypt, Encrypt};
use std::sync::Arc;
use zeroize::Zeroizing;

/// CKM_AES_CTS: data of one block at least. PKCS#11 3.2, 6.12.
pub static AES_CTS: Row = Row {
    ckm: CKM_AES_CTS,
    key_types: &[CKK_AES],
    sizes: aes::SIZES,
    shape: Shape::Iv(BLOCK),
    flags: 0,
    prepare: Some(prepare),
    ops: Ops {
        encrypt: Some(|context, params| start(Direction::Encrypt, context, params)),
        decrypt: Some(|context, params| start(Direction::Decrypt, context, params)),
        ..Ops::NONE
    },
};

/// So much may still be the end, in bytes: whoever knows it is not leaves one byte more behind.
const END: usize = 2 * BLOCK;

/// A prepared key, for the beginning and for the end of a message.
struct CtsKey {
    body: Schedules,
    end: EndKey,
}

/// The key of the end.
pub(super) enum EndKey {
    Aes128(Box<Aes128>),
    Aes192(Box<Aes192>),
    Aes256(Box<Aes256>),
}

impl EndKey {
    /// Makes ready a key of 16, 24 or 32 bytes (`CKR_KEY_SIZE_RANGE`).
    pub(super) fn new(key: &[u8]) -> Result<Self> {
        fn boxed<C: KeyInit>(key: &[u8]) -> Result<Box<C>> {
            C::new_from_slice(key).map(Box::new).map_err(|_| Error::KeySizeRange)
        }
        match key.len() {
            16 => boxed(key).map(Self::Aes128),
            24 => boxed(key).map(Self::Aes192),
            _ => boxed(key).map(Self::Aes256),
        }
    }

    /// Encrypts or decrypts the end of a message in its place, after the ciphertext block `chain`.
    /// `CKR_GENERAL_ERROR` where it is shorter than a block.
    pub(super) fn run(&self, direction: Direction, chain: &[u8; BLOCK], end: &mut [u8]) -> Result<()> {
        match self {
            Self::Aes128(cipher) => steal(&**cipher, direction, chain, end),
            Self::Aes192(cipher) => steal(&**cipher, direction, chain, end),
            Self::Aes256(cipher) => steal(&**cipher, direction, chain, end),
        }
    }
}

fn steal<C>(cipher: &C, direction: Direction, chain: &[u8; BLOCK], end: &mut [u8]) -> Result<()>
where
    C: BlockCipherEncrypt + BlockCipherDecrypt + BlockSizeUser<BlockSize = U16>,
{
    let mode = CbcCs1::inner_iv_init(cipher, &(*chain).into());
    let answer = match direction {
        Direction::Encrypt => mode.encrypt(end),
        Direction::Decrypt => mode.decrypt(end),
    };
    answer.map_err(|_| Error::GeneralError)
}

fn prepare(key: &Material) -> Result<Context> {
    self_test::ready(Family::Cts)?;
    let body = aes::schedules(Mode::Cbc, key)?;
    Ok(Arc::new(CtsKey { body, end: EndKey::new(aes::key_bytes(key)?)? }))
}

fn start(direction: Direction, context: &Context, params: &Params) -> Result<Box<dyn Ciphering>> {
    let Params::Iv(iv) = params else { return Err(Error::MechanismParamInvalid) };
    let chain = iv.as_slice().try_into().map_err(|_| Error::MechanismParamInvalid)?;
    let key: Arc<CtsKey> = prepared(context)?;
    let body = key.body.of(direction).start(iv)?;
    let waiting = Zeroizing::new([0; END]);
    Ok(Box::new(Stealing { key, direction, body, chain, waiting, used: 0 }))
}

/// A running message. What may be its end waits.
struct Stealing {
    key: Arc<CtsKey>,
    direction: Direction,
    body: Cipher,
    /// The last ciphertext block that went through, or the IV.
    chain: [u8; BLOCK],
    waiting: Zeroizing<[u8; END]>,
    used: usize,
}

/// How much of `total` bytes goes out at once: whole blocks, such that more than one block and at most two are left.
const fn ready(total: usize) -> usize {
    let before = total.saturating_sub(BLOCK + 1);
    before - before % BLOCK
}

impl Stealing {
    /// Runs whole blocks through.
    fn run(&mut self, input: &[u8], out: &mut [u8]) -> Result<()> {
        self.body.update(input, out)?;
        let ciphertext = if self.direction == Direction::Encrypt { &*out } else { input };
        if let Some(last) = ciphertext.last_chunk() {
            self.chain = *last;
        }
        Ok(())
    }

    fn wait(&mut self, rest: &[u8]) -> Result<()> {
        let end = self.used + rest.len();
        self.waiting.get_mut(self.used..end).ok_or(Error::GeneralError)?.copy_from_slice(rest);
        self.used = end;
        Ok(())
    }

    /// Sends out what waits, and then as much of the input as `out` has room for. Answers the rest of the input.
    fn advance<'a>(&mut self, input: &'a [u8], out: &mut [u8]) -> Result<&'a [u8]> {
        let (head, rest) = input.split_at_checked(END - self.used).ok_or(Error::GeneralError)?;
        self.wait(head)?;
        let waited = self.waiting.clone();
        let (out_first, out_rest) =
            out.split_at_mut_checked(out.len().min(END)).ok_or(Error::GeneralError)?;
        let (going, staying) = waited.split_at_checked(out_first.len()).ok_or(Error::GeneralError)?;
        self.run(going, out_first)?;
        self.used = 0;
        self.wait(staying)?;
        let (body, rest) = rest.split_at_checked(out_rest.len()).ok_or(Error::GeneralError)?;
        self.run(body, out_rest)?;
        Ok(rest)
    }

    const fn length_error(&self) -> Error {
        match self.direction {
            Direction::Encrypt => Error::DataLenRange,
            Direction::Decrypt => Error::EncryptedDataLenRange,
        }
    }
}

impl Ciphering for Stealing {
    fn update_len(&self, input: usize) -> usize {
        ready(self.used.saturating_add(input))
    }

    fn update(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        let out = first(out, self.update_len(input.len()))?;
        let rest = if out.is_empty() { input } else { self.advance(input, out)? };
        self.wait(rest)?;
        Ok(out.len())
    }

    fn finish_len(&self) -> usize {
        self.used
    }

    fn finish(&mut self, out: &mut [u8]) -> Result<usize> {
        if self.used < BLOCK {
            return Err(self.length_error());
        }
        let end = first(out, self.used)?;
        end.copy_from_slice(self.waiting.get(..self.used).ok_or(Error::GeneralError)?);
        self.key.end.run(self.direction, &self.chain, end)?;
        self.used = 0;
        Ok(end.len())
    }

    fn whole_len(&self, input: usize) -> usize {
        input
    }

    fn whole(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        if input.len() < BLOCK {
            return Err(self.length_error());
        }
        let len = self.update(input, out)?;
        let (_, end) = out.split_at_mut_checked(len).ok_or(Error::GeneralError)?;
        Ok(len + self.finish(end)?)
    }

    fn exact(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::aes_cbc::AES_CBC;
    use crate::crypto::tests::*;

    /// RFC 3962, appendix B, whose ciphertexts are of the variant CBC-CS3: it has the last two blocks the other way
    /// round, also where they are whole.
    #[test]
    fn cts_of_rfc_3962_is_known() {
        let context = context(&AES_CTS, &aes::import(b"chicken teriyaki").unwrap());
        let plaintext = b"I would like the General Gau's Chicken, please, and wonton soup.";
        for (len, ciphertext) in [
            (17, "c6353568f2bf8cb4d8a580362da7ff7f97"),
            (31, "fc00783e0efdb2c1d445d4c8eff7ed2297687268d6ecccc0c07b25e25ecfe5"),
            (32, "39312523a78662d5be7fcbcc98ebf5a897687268d6ecccc0c07b25e25ecfe584"),
            (
                47,
                "97687268d6ecccc0c07b25e25ecfe584b3fffd940c16a18c1b5549d2f838029e39312523a78662d5be7fcbcc98ebf5",
            ),
            (
                48,
                "97687268d6ecccc0c07b25e25ecfe5849dad8bbb96c4cdc03bc103e1a194bbd839312523a78662d5be7fcbcc98ebf5a8",
            ),
            (
                64,
                "97687268d6ecccc0c07b25e25ecfe58439312523a78662d5be7fcbcc98ebf5a84807efe836ee89a526730dbc2f7bc8409dad8bbb96c4cdc03bc103e1a194bbd8",
            ),
        ] {
            let mut swapped = hex(ciphertext);
            let stolen = if len % BLOCK == 0 { BLOCK } else { len % BLOCK };
            let end = swapped.split_off(len - BLOCK - stolen);
            let expected = [&swapped, &end[BLOCK..], &end[..BLOCK]].concat();
            check_cipher(&AES_CTS, &context, &Params::Iv(vec![0; 16]), &plaintext[..len], &expected);
        }
    }

    #[test]
    fn every_length_comes_back_and_whole_blocks_are_those_of_cbc() {
        for key_len in [16, 24, 32] {
            let key = aes::import(&vec![5; key_len]).unwrap();
            let (cts, cbc) = (context(&AES_CTS, &key), context(&AES_CBC, &key));
            let iv = Params::Iv(vec![0xA0; 16]);
            for len in 16..=130_usize {
                let plaintext: Vec<u8> = (0..len).map(|at| u8::try_from(at).unwrap()).collect();
                let ciphertext = whole(AES_CTS.ops.encrypt, &cts, &iv, &plaintext).unwrap();
                check_cipher(&AES_CTS, &cts, &iv, &plaintext, &ciphertext);
                // CBC over the plaintext filled up with zeros, less what is stolen from the last block but one.
                let mut filled = plaintext.clone();
                filled.resize(len.next_multiple_of(BLOCK), 0);
                let mut chained = whole(AES_CBC.ops.encrypt, &cbc, &iv, &filled).unwrap();
                let last = chained.split_off(chained.len() - BLOCK);
                chained.truncate(len - BLOCK);
                assert_eq!(ciphertext, [chained, last].concat(), "{len}");
            }
        }
    }

    #[test]
    fn less_than_a_block_is_refused() {
        let context = context(&AES_CTS, &aes::import(&[5; 32]).unwrap());
        let iv = Params::Iv(vec![0; 16]);
        for (start, refusal) in
            [(AES_CTS.ops.encrypt, Error::DataLenRange), (AES_CTS.ops.decrypt, Error::EncryptedDataLenRange)]
        {
            for len in [0, 1, 15] {
                assert_eq!(whole(start, &context, &iv, &vec![0; len]), Err(refusal));
                assert_eq!(in_pieces(start, &context, &iv, &vec![0; len]), Err(refusal));
            }
        }
    }

    #[test]
    fn start_with_wrong_parameters_is_refused() {
        let context = context(&AES_CTS, &aes::import(&[5; 32]).unwrap());
        for params in [Params::None, Params::Iv(vec![0; 15]), Params::Iv(vec![0; 17])] {
            for start in [AES_CTS.ops.encrypt, AES_CTS.ops.decrypt] {
                assert_eq!(start.unwrap()(&context, &params).err(), Some(Error::MechanismParamInvalid));
            }
        }
    }
}
