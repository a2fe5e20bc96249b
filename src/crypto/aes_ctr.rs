//! AES in the counter mode (SP 800-38A, 6.5), with a counter of 1 to 128 bits.

use super::Material;
use super::aes;
use super::engine::cipher::{BLOCK, Cipher, CipherKey, Direction, Mode};
use super::mechanism::{Ciphering, Context, Ops, Row};
use super::self_test::{self, Family};
use super::start::{first, prepared};
use crate::ck::params::Shape;
use crate::ck::{Error, Params, Result};
use cryptoki_sys::*;
use std::sync::Arc;

/// CKM_AES_CTR. PKCS#11 3.2, AES with counter.
pub static AES_CTR: Row = Row {
    ckm: CKM_AES_CTR,
    key_types: &[CKK_AES],
    sizes: aes::SIZES,
    shape: Shape::Ctr,
    flags: 0,
    prepare: Some(prepare),
    ops: Ops {
        encrypt: Some(|context, params| start(Error::DataLenRange, context, params)),
        decrypt: Some(|context, params| start(Error::EncryptedDataLenRange, context, params)),
        ..Ops::NONE
    },
};

fn prepare(key: &Material) -> Result<Context> {
    self_test::ready(Family::Aes)?;
    Ok(Arc::new(CipherKey::new(Mode::Ctr, Direction::Encrypt, aes::key_bytes(key)?)?))
}

/// A running counter mode. AWS-LC counts over the whole block; where the counter is narrower, the
/// message is cut at the point where it begins again at zero.
struct Counter {
    cipher: Cipher,
    /// The counter block with a counter of zero.
    nonce: [u8; BLOCK],
    /// Bytes until the counter is zero again; `u128::MAX` where no message is that long.
    until_zero: u128,
    /// Bytes until a counter would come for the second time.
    left: u128,
    beyond: Error,
}

fn start(beyond: Error, context: &Context, params: &Params) -> Result<Box<dyn Ciphering>> {
    let Params::Ctr { counter_bits, block } = params else { return Err(Error::MechanismParamInvalid) };
    let bits = u32::try_from(*counter_bits).map_err(|_| Error::MechanismParamInvalid)?;
    if !(1..=128).contains(&bits) {
        return Err(Error::MechanismParamInvalid);
    }
    let key: Arc<CipherKey> = prepared(context)?;
    let value = u128::from_be_bytes(*block);
    let mask = u128::MAX >> (128 - bits);
    // 2^bits blocks; the saturated product is beyond every message.
    let bytes = |blocks: u128| blocks.saturating_mul(BLOCK as u128);
    Ok(Box::new(Counter {
        cipher: key.start(block)?,
        nonce: (value & !mask).to_be_bytes(),
        until_zero: bytes((mask - (value & mask)).saturating_add(1)),
        left: bytes(mask.saturating_add(1)),
        beyond,
    }))
}

impl Ciphering for Counter {
    fn update_len(&self, input: usize) -> usize {
        input
    }

    fn update(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        let out = first(out, input.len())?;
        self.left = self.left.checked_sub(input.len() as u128).ok_or(self.beyond)?;
        // The counter comes to zero once at most, because no counter comes twice.
        let cut = usize::try_from(self.until_zero).unwrap_or(usize::MAX).min(input.len());
        let (before, after) = input.split_at_checked(cut).ok_or(Error::GeneralError)?;
        let (out_before, out_after) = out.split_at_mut_checked(cut).ok_or(Error::GeneralError)?;
        self.cipher.update(before, out_before)?;
        self.until_zero -= cut as u128;
        if !after.is_empty() {
            self.cipher.restart(&self.nonce)?;
            self.until_zero = u128::MAX;
            self.cipher.update(after, out_after)?;
        }
        Ok(input.len())
    }

    fn finish_len(&self) -> usize {
        0
    }

    fn finish(&mut self, _out: &mut [u8]) -> Result<usize> {
        Ok(0)
    }

    fn whole_len(&self, input: usize) -> usize {
        input
    }

    fn whole(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        self.update(input, out)
    }

    fn exact(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::tests::*;

    fn params(counter_bits: u64, block: &str) -> Params {
        Params::Ctr { counter_bits, block: hex(block).try_into().unwrap() }
    }

    const BLOCK_1: &str = "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff";

    /// SP 800-38A, F.5.1, F.5.3 and F.5.5.
    #[test]
    fn encrypt_of_sp_800_38a_is_known() {
        for (key, ciphertext) in [
            (
                AES_128,
                "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff5ae4df3edbd5d35e5b4f09020db03eab1e031dda2fbe03d1792170a0f3009cee",
            ),
            (
                AES_192,
                "1abc932417521ca24f2b0459fe7e6e0b090339ec0aa6faefd5ccc2c6f4ce8e941e36b26bd1ebc670d1bd1d665620abf74f78a7f6d29809585a97daec58c6b050",
            ),
            (
                AES_256,
                "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c52b0930daa23de94ce87017ba2d84988ddfc9c58db67aada613c2dd08457941a6",
            ),
        ] {
            let context = context(&AES_CTR, &aes::import(&hex(key)).unwrap());
            check_cipher(&AES_CTR, &context, &params(128, BLOCK_1), &hex(SP_800_38A), &hex(ciphertext));
        }
    }

    /// The key stream of a narrow counter is that of ECB over the blocks written out one by one.
    #[test]
    fn narrow_counter_begins_again_at_zero_without_a_carry() {
        let key = aes::import(&[3; 32]).unwrap();
        let ecb = context(&crate::crypto::aes_ecb::AES_ECB, &key);
        let context = context(&AES_CTR, &key);
        for (bits, block) in
            [(2, "000102030405060708090a0b0c0d0e0f"), (8, BLOCK_1), (32, BLOCK_1), (12, BLOCK_1)]
        {
            let start = u128::from_be_bytes(hex(block).try_into().unwrap());
            let mask = (1_u128 << bits) - 1;
            let blocks = u128::min(1 << bits, 40);
            let written: Vec<u8> = (0..blocks)
                .flat_map(|index| (start & !mask | (start + index) & mask).to_be_bytes())
                .collect();
            let stream = whole(crate::crypto::aes_ecb::AES_ECB.ops.encrypt, &ecb, &Params::None, &written);
            let zeros = vec![0; written.len()];
            check_cipher(&AES_CTR, &context, &params(bits, block), &zeros, &stream.unwrap());
        }
    }

    #[test]
    fn message_that_would_repeat_a_counter_is_refused() {
        let context = context(&AES_CTR, &aes::import(&[3; 16]).unwrap());
        let params = params(1, BLOCK_1);
        for (start, refusal) in
            [(AES_CTR.ops.encrypt, Error::DataLenRange), (AES_CTR.ops.decrypt, Error::EncryptedDataLenRange)]
        {
            assert!(whole(start, &context, &params, &[0; 32]).is_ok());
            assert_eq!(whole(start, &context, &params, &[0; 33]), Err(refusal));
            assert_eq!(in_pieces(start, &context, &params, &[0; 33]), Err(refusal));
        }
    }

    #[test]
    fn start_with_wrong_parameters_is_refused() {
        let context = context(&AES_CTR, &aes::import(&[3; 16]).unwrap());
        for params in [Params::None, params(0, BLOCK_1), params(129, BLOCK_1), params(u64::MAX, BLOCK_1)] {
            let refused = AES_CTR.ops.encrypt.unwrap()(&context, &params).err();
            assert_eq!(refused, Some(Error::MechanismParamInvalid));
        }
    }
}
