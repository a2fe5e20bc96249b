//! AES in the feedback modes (SP 800-38A, 6.3 and 6.4): cipher feedback by bits, bytes and blocks, and output
//! feedback. They take data of any length.

use super::Material;
use super::aes;
use super::blocks::Schedules;
use super::engine::cipher::{BLOCK, Cipher, Direction, Mode};
use super::mechanism::{Ciphering, Context, Ops, Prepare, Row};
use super::self_test::{self, Family};
use super::start::{first, prepared};
use crate::ck::params::Shape;
use crate::ck::{CK_MECHANISM_TYPE, Error, Params, Result};
use cryptoki_sys::*;
use std::sync::Arc;

/// CKM_AES_CFB1: feedback of one bit. PKCS#11 3.2, AES-CFB. Data are whole bytes, their first bit the highest.
pub static AES_CFB1: Row = row(CKM_AES_CFB1, |key| prepare(Mode::Cfb1, key));
/// CKM_AES_CFB8: feedback of one byte. PKCS#11 3.2, AES-CFB.
pub static AES_CFB8: Row = row(CKM_AES_CFB8, |key| prepare(Mode::Cfb8, key));
/// CKM_AES_CFB128: feedback of one block. PKCS#11 3.2, AES-CFB.
pub static AES_CFB128: Row = row(CKM_AES_CFB128, |key| prepare(Mode::Cfb128, key));
/// CKM_AES_OFB. PKCS#11 3.2, AES-OFB.
pub static AES_OFB: Row = row(CKM_AES_OFB, |key| prepare(Mode::Ofb, key));

const fn row(ckm: CK_MECHANISM_TYPE, prepare: Prepare) -> Row {
    Row {
        ckm,
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
    }
}

fn prepare(mode: Mode, key: &Material) -> Result<Context> {
    self_test::ready(Family::Aes)?;
    Ok(Arc::new(aes::schedules(mode, key)?))
}

fn start(direction: Direction, context: &Context, params: &Params) -> Result<Box<dyn Ciphering>> {
    let Params::Iv(iv) = params else { return Err(Error::MechanismParamInvalid) };
    if iv.len() != BLOCK {
        return Err(Error::MechanismParamInvalid);
    }
    let keys: Arc<Schedules> = prepared(context)?;
    Ok(Box::new(Stream(keys.of(direction).start(iv)?)))
}

/// A running cipher: every byte goes out at once.
struct Stream(Cipher);

impl Ciphering for Stream {
    fn update_len(&self, input: usize) -> usize {
        input
    }

    fn update(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        self.0.update(input, first(out, input.len())?)?;
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
    use crate::crypto::engine::cipher::CipherKey;
    use crate::crypto::table;
    use crate::crypto::tests::*;

    fn iv() -> Params {
        Params::Iv(hex("000102030405060708090a0b0c0d0e0f"))
    }

    fn check(row: &Row, key: &str, ciphertext: &str) {
        let (context, ciphertext) = (context(row, &aes::import(&hex(key)).unwrap()), hex(ciphertext));
        let plaintext = hex(SP_800_38A);
        check_cipher(row, &context, &iv(), &plaintext[..ciphertext.len()], &ciphertext);
        // Any beginning of the message gives the beginning of the ciphertext.
        for len in [0, 1, ciphertext.len() - 1] {
            check_cipher(row, &context, &iv(), &plaintext[..len], &ciphertext[..len]);
        }
    }

    /// SP 800-38A, F.3.1, F.3.3 and F.3.5.
    #[test]
    fn cfb1_of_sp_800_38a_is_known() {
        if !CipherKey::takes(Mode::Cfb1) {
            let key = aes::import(&hex(AES_128)).unwrap();
            assert!(AES_CFB1.prepare.unwrap()(&key).is_err() && table::find(CKM_AES_CFB1).is_none());
            return;
        }
        check(&AES_CFB1, AES_128, "68b3");
        check(&AES_CFB1, AES_192, "9359");
        check(&AES_CFB1, AES_256, "9029");
    }

    /// SP 800-38A, F.3.7, F.3.9 and F.3.11.
    #[test]
    fn cfb8_of_sp_800_38a_is_known() {
        check(&AES_CFB8, AES_128, "3b79424c9c0dd436bace9e0ed4586a4f32b9");
        check(&AES_CFB8, AES_192, "cda2521ef0a905ca44cd057cbf0d47a0678a");
        check(&AES_CFB8, AES_256, "dc1f1a8520a64db55fcc8ac554844e889700");
    }

    /// SP 800-38A, F.3.13, F.3.15 and F.3.17.
    #[test]
    fn cfb128_of_sp_800_38a_is_known() {
        for (key, ciphertext) in [
            (
                AES_128,
                "3b3fd92eb72dad20333449f8e83cfb4ac8a64537a0b3a93fcde3cdad9f1ce58b26751f67a3cbb140b1808cf187a4f4dfc04b05357c5d1c0eeac4c66f9ff7f2e6",
            ),
            (
                AES_192,
                "cdc80d6fddf18cab34c25909c99a417467ce7f7f81173621961a2b70171d3d7a2e1e8a1dd59b88b1c8e60fed1efac4c9c05f9f9ca9834fa042ae8fba584b09ff",
            ),
            (
                AES_256,
                "dc7e84bfda79164b7ecd8486985d386039ffed143b28b1c832113c6331e5407bdf10132415e54b92a13ed0a8267ae2f975a385741ab9cef82031623d55b1e471",
            ),
        ] {
            check(&AES_CFB128, key, ciphertext);
        }
    }

    /// SP 800-38A, F.4.1, F.4.3 and F.4.5.
    #[test]
    fn ofb_of_sp_800_38a_is_known() {
        for (key, ciphertext) in [
            (
                AES_128,
                "3b3fd92eb72dad20333449f8e83cfb4a7789508d16918f03f53c52dac54ed8259740051e9c5fecf64344f7a82260edcc304c6528f659c77866a510d9c1d6ae5e",
            ),
            (
                AES_192,
                "cdc80d6fddf18cab34c25909c99a4174fcc28b8d4c63837c09e81700c11004018d9a9aeac0f6596f559c6d4daf59a5f26d9f200857ca6c3e9cac524bd9acc92a",
            ),
            (
                AES_256,
                "dc7e84bfda79164b7ecd8486985d38604febdc6740d20b3ac88f6ad82a4fb08d71ab47a086e86eedf39d1c5bba97c4080126141d67f37be8538f5a8be740e484",
            ),
        ] {
            check(&AES_OFB, key, ciphertext);
        }
    }

    #[test]
    fn start_with_wrong_parameters_or_another_modes_key_is_refused() {
        let rows = [&AES_CFB1, &AES_CFB8, &AES_CFB128, &AES_OFB];
        let rows = rows.into_iter().filter(|row| table::find(row.ckm).is_some());
        let key = aes::import(&[1; 32]).unwrap();
        for row in rows {
            for params in [Params::None, Params::Iv(vec![]), Params::Iv(vec![0; 15]), Params::Iv(vec![0; 17])]
            {
                for start in [row.ops.encrypt, row.ops.decrypt] {
                    let refused = start.unwrap()(&context(row, &key), &params).err();
                    assert_eq!(refused, Some(Error::MechanismParamInvalid));
                }
            }
            let other = context(&crate::crypto::aes_ctr::AES_CTR, &key);
            assert_eq!(row.ops.encrypt.unwrap()(&other, &iv()).err(), Some(Error::KeyTypeInconsistent));
        }
    }
}
