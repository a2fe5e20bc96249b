//! AES in the electronic codebook mode (SP 800-38A, 6.1).

use super::Material;
use super::aes;
use super::blocks::{Blocks, Schedules};
use super::engine::cipher::{BLOCK, Direction, Mode};
use super::mechanism::{Ciphering, Context, Ops, Row};
use super::self_test::{self, Family};
use super::start::{no_params, prepared};
use crate::ck::params::Shape;
use crate::ck::{Params, Result};
use cryptoki_sys::*;
use std::sync::Arc;

/// CKM_AES_ECB: whole blocks. PKCS#11 3.2, AES-ECB.
pub static AES_ECB: Row = Row {
    ckm: CKM_AES_ECB,
    key_types: &[CKK_AES],
    sizes: aes::SIZES,
    shape: Shape::None,
    flags: 0,
    prepare: Some(prepare),
    ops: Ops { encrypt: Some(encrypt), decrypt: Some(decrypt), ..Ops::NONE },
};

pub(super) fn prepare(key: &Material) -> Result<Context> {
    self_test::ready(Family::Aes)?;
    Ok(Arc::new(aes::schedules(Mode::Ecb, key)?))
}

fn start(direction: Direction, context: &Context, params: &Params) -> Result<Box<dyn Ciphering>> {
    no_params(params)?;
    let keys: Arc<Schedules> = prepared(context)?;
    Ok(Box::new(Blocks::<BLOCK>::new(keys.of(direction), direction, false, &[0; BLOCK])?))
}

fn encrypt(context: &Context, params: &Params) -> Result<Box<dyn Ciphering>> {
    start(Direction::Encrypt, context, params)
}

fn decrypt(context: &Context, params: &Params) -> Result<Box<dyn Ciphering>> {
    start(Direction::Decrypt, context, params)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ck::Error;
    use crate::crypto::tests::*;

    /// SP 800-38A, F.1.1, F.1.3 and F.1.5.
    #[test]
    fn encrypt_of_sp_800_38a_is_known() {
        for (key, ciphertext) in [
            (
                AES_128,
                "3ad77bb40d7a3660a89ecaf32466ef97f5d3d58503b9699de785895a96fdbaaf43b1cd7f598ece23881b00e3ed0306887b0c785e27e8ad3f8223207104725dd4",
            ),
            (
                AES_192,
                "bd334f1d6e45f25ff712a214571fa5cc974104846d0ad3ad7734ecb3ecee4eefef7afd2270e2e60adce0ba2face6444e9a4b41ba738d6c72fb16691603c18e0e",
            ),
            (
                AES_256,
                "f3eed1bdb5d2a03c064b5a7e3db181f8591ccb10d410ed26dc5ba74a31362870b6ed21b99ca6f4f9f153e7b1beafed1d23304b7a39f9f3ff067d8d8f9e24ecc7",
            ),
        ] {
            let context = context(&AES_ECB, &aes::import(&hex(key)).unwrap());
            check_cipher(&AES_ECB, &context, &Params::None, &hex(SP_800_38A), &hex(ciphertext));
        }
    }

    #[test]
    fn input_that_is_no_whole_block_is_refused() {
        let context = context(&AES_ECB, &aes::import(&[1; 16]).unwrap());
        for (start, refusal) in
            [(AES_ECB.ops.encrypt, Error::DataLenRange), (AES_ECB.ops.decrypt, Error::EncryptedDataLenRange)]
        {
            assert_eq!(whole(start, &context, &Params::None, &[0; 17]), Err(refusal));
            assert_eq!(in_pieces(start, &context, &Params::None, &[0; 17]), Err(refusal));
            assert_eq!(whole(start, &context, &Params::None, &[]), Ok(vec![]));
        }
    }

    #[test]
    fn start_with_a_parameter_or_a_wrong_key_is_refused() {
        let context = context(&AES_ECB, &aes::import(&[1; 16]).unwrap());
        let refused = encrypt(&context, &Params::Iv(vec![0; 16])).err();
        assert_eq!(refused, Some(Error::MechanismParamInvalid));
        let short = Material::Bytes(crate::secret::Secret::zeroed(15));
        assert_eq!(prepare(&short).err(), Some(Error::KeySizeRange));
        let public = Material::EdPublic(vec![0; 32]);
        assert_eq!(prepare(&public).err(), Some(Error::KeyTypeInconsistent));
    }
}
