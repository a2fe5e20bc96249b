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

/// A running counter mode. AWS-LC counts over the whole block; no message goes on until a narrower counter would
/// carry out of its bits.
struct Counter {
    cipher: Cipher,
    /// Bytes until the counter would overflow; `u128::MAX` where no message is that long.
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
    let mask = u128::MAX >> (128 - bits);
    let blocks = (mask - (u128::from_be_bytes(*block) & mask)).saturating_add(1);
    // The saturated product is beyond every message.
    let left = blocks.saturating_mul(BLOCK as u128);
    Ok(Box::new(Counter { cipher: key.start(block)?, left, beyond }))
}

impl Ciphering for Counter {
    fn update_len(&self, input: usize) -> usize {
        input
    }

    fn update(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        let out = first(out, input.len())?;
        self.left = self.left.checked_sub(input.len() as u128).ok_or(self.beyond)?;
        self.cipher.update(input, out)?;
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

    /// The key stream is that of ECB over the blocks written out one by one.
    #[test]
    fn counter_of_any_width_counts_to_its_end() {
        let key = aes::import(&[3; 32]).unwrap();
        let ecb = context(&crate::crypto::aes_ecb::AES_ECB, &key);
        let context = context(&AES_CTR, &key);
        let full = "ffffffffffffffffffffffffffffffff";
        for (bits, block, most) in [
            // The example of PKCS#11 3.2, 6.11: two bits that begin at one count three blocks.
            (2, "00000000000000000000000000000001", 3),
            (2, "000102030405060708090a0b0c0d0e0c", 4),
            (1, BLOCK_1, 1),
            (8, BLOCK_1, 1),
            (8, "f0f1f2f3f4f5f6f7f8f9fafbfcfdfee0", 32),
            (12, BLOCK_1, 257),
            (33, "f0f1f2f3f4f5f6f7f8f9fafbfffffffe", 2),
            (128, full, 1),
        ] {
            let start = u128::from_be_bytes(hex(block).try_into().unwrap());
            let written: Vec<u8> =
                (0..most).flat_map(|index| start.wrapping_add(index).to_be_bytes()).collect();
            let stream = whole(crate::crypto::aes_ecb::AES_ECB.ops.encrypt, &ecb, &Params::None, &written);
            let zeros = vec![0; written.len()];
            check_cipher(&AES_CTR, &context, &params(bits, block), &zeros, &stream.unwrap());
            let longer = vec![0; written.len() + 1];
            for (start, refusal) in [
                (AES_CTR.ops.encrypt, Error::DataLenRange),
                (AES_CTR.ops.decrypt, Error::EncryptedDataLenRange),
            ] {
                for run in [whole, in_pieces] {
                    assert_eq!(run(start, &context, &params(bits, block), &longer), Err(refusal), "{bits}");
                }
            }
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
