//! AES in the cipher block chaining mode (SP 800-38A, 6.2), without padding and with that of PKCS#7.

use super::Material;
use super::aes;
use super::blocks::{Blocks, Schedules};
use super::engine::cipher::{BLOCK, Direction, Mode};
use super::mechanism::{Ciphering, Context, Ops, Row};
use super::self_test::{self, Family};
use super::start::prepared;
use crate::ck::params::Shape;
use crate::ck::{Error, Params, Result};
use cryptoki_sys::*;
use std::sync::Arc;

/// CKM_AES_CBC: whole blocks. PKCS#11 3.2, AES-CBC.
pub static AES_CBC: Row = Row {
    ckm: CKM_AES_CBC,
    key_types: &[CKK_AES],
    sizes: aes::SIZES,
    shape: Shape::Iv(BLOCK),
    flags: 0,
    prepare: Some(prepare),
    ops: Ops {
        encrypt: Some(|context, params| start(Direction::Encrypt, false, context, params)),
        decrypt: Some(|context, params| start(Direction::Decrypt, false, context, params)),
        ..Ops::NONE
    },
};

/// CKM_AES_CBC_PAD: data of any length; wraps keys. PKCS#11 3.2, AES-CBC with PKCS padding.
pub static AES_CBC_PAD: Row = Row {
    ckm: CKM_AES_CBC_PAD,
    key_types: &[CKK_AES],
    sizes: aes::SIZES,
    shape: Shape::Iv(BLOCK),
    flags: 0,
    prepare: Some(prepare),
    ops: Ops {
        encrypt: Some(|context, params| start(Direction::Encrypt, true, context, params)),
        decrypt: Some(|context, params| start(Direction::Decrypt, true, context, params)),
        wraps: true,
        bare_padding: true,
        ..Ops::NONE
    },
};

pub(super) fn prepare(key: &Material) -> Result<Context> {
    self_test::ready(Family::Aes)?;
    Ok(Arc::new(aes::schedules(Mode::Cbc, key)?))
}

fn start(
    direction: Direction,
    padded: bool,
    context: &Context,
    params: &Params,
) -> Result<Box<dyn Ciphering>> {
    let Params::Iv(iv) = params else { return Err(Error::MechanismParamInvalid) };
    let iv = iv.as_slice().try_into().map_err(|_| Error::MechanismParamInvalid)?;
    let keys: Arc<Schedules> = prepared(context)?;
    Ok(Box::new(Blocks::<BLOCK>::new(keys.of(direction), direction, padded, iv)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::tests::*;

    fn iv() -> Params {
        Params::Iv(hex("000102030405060708090a0b0c0d0e0f"))
    }

    /// SP 800-38A, F.2.1, F.2.3 and F.2.5.
    #[test]
    fn encrypt_of_sp_800_38a_is_known() {
        for (key, ciphertext) in [
            (
                AES_128,
                "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b273bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7",
            ),
            (
                AES_192,
                "4f021db243bc633d7178183a9fa071e8b4d9ada9ad7dedf4e5e738763f69145a571b242012fb7ae07fa9baac3df102e008b0e27988598881d920a9e64f5615cd",
            ),
            (
                AES_256,
                "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d39f23369a9d9bacfa530e26304231461b2eb05e2c39be9fcda6c19078c6a9d1b",
            ),
        ] {
            let context = context(&AES_CBC, &aes::import(&hex(key)).unwrap());
            check_cipher(&AES_CBC, &context, &iv(), &hex(SP_800_38A), &hex(ciphertext));
            // With padding the same blocks come, and one more.
            let padded = whole(AES_CBC_PAD.ops.encrypt, &context, &iv(), &hex(SP_800_38A)).unwrap();
            assert_eq!(&padded[..64], &hex(ciphertext)[..]);
            assert_eq!(padded.len(), 80);
        }
    }

    #[test]
    fn padded_data_of_every_length_comes_back() {
        let context = context(&AES_CBC_PAD, &aes::import(&[1; 32]).unwrap());
        for len in 0..=100 {
            let message = vec![0x10; len];
            let ciphertext = whole(AES_CBC_PAD.ops.encrypt, &context, &iv(), &message).unwrap();
            assert_eq!(ciphertext.len(), (len / 16 + 1) * 16);
            check_cipher(&AES_CBC_PAD, &context, &iv(), &message, &ciphertext);
        }
    }

    #[test]
    fn wrong_padding_and_wrong_lengths_are_refused() {
        let context = context(&AES_CBC_PAD, &aes::import(&[1; 32]).unwrap());
        let mut ciphertext = whole(AES_CBC_PAD.ops.encrypt, &context, &iv(), &[7; 30]).unwrap();
        let decrypt = AES_CBC_PAD.ops.decrypt;
        for data in [&ciphertext[..17], &ciphertext[..0]] {
            assert_eq!(whole(decrypt, &context, &iv(), data), Err(Error::EncryptedDataLenRange));
            assert_eq!(in_pieces(decrypt, &context, &iv(), data), Err(Error::EncryptedDataLenRange));
        }
        ciphertext[15] ^= 1;
        assert_eq!(whole(decrypt, &context, &iv(), &ciphertext), Err(Error::EncryptedDataInvalid));
        assert_eq!(in_pieces(decrypt, &context, &iv(), &ciphertext), Err(Error::EncryptedDataInvalid));
        for (start, refusal) in
            [(AES_CBC.ops.encrypt, Error::DataLenRange), (AES_CBC.ops.decrypt, Error::EncryptedDataLenRange)]
        {
            assert_eq!(whole(start, &context, &iv(), &[0; 31]), Err(refusal));
            assert_eq!(in_pieces(start, &context, &iv(), &[0; 31]), Err(refusal));
        }
    }

    #[test]
    fn start_with_wrong_parameters_is_refused() {
        let context = context(&AES_CBC, &aes::import(&[1; 32]).unwrap());
        for params in [Params::None, Params::Iv(vec![]), Params::Iv(vec![0; 15]), Params::Iv(vec![0; 17])] {
            let refused = AES_CBC.ops.encrypt.unwrap()(&context, &params).err();
            assert_eq!(refused, Some(Error::MechanismParamInvalid));
        }
    }
}
