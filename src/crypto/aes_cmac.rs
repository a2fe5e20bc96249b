//! CMAC with AES (SP 800-38B, RFC 4493), whole or cut to a length.

use super::Material;
use super::aes;
use super::block_mac::{BlockMac, Running};
use super::engine::cipher::BLOCK;
use super::engine::cmac::{Cmac, CmacKey};
use super::mechanism::{Context, Ops, Row, Signing, Verifying};
use super::self_test::{self, Family};
use super::start::prepared;
use crate::ck::params::Shape;
use crate::ck::{CK_MECHANISM_TYPE, Error, Params, Result};
use cryptoki_sys::*;
use std::sync::Arc;

/// CKM_AES_CMAC: 16 bytes. PKCS#11 3.2, AES-CMAC.
pub static AES_CMAC: Row = row(CKM_AES_CMAC, Shape::None);
/// CKM_AES_CMAC_GENERAL: 1 to 16 bytes. PKCS#11 3.2, general-length AES-CMAC. SP 800-38B, A.2 advises against fewer
/// than 8, which the specification leaves to the caller.
pub static AES_CMAC_GENERAL: Row = row(CKM_AES_CMAC_GENERAL, Shape::MacGeneral);

const fn row(ckm: CK_MECHANISM_TYPE, shape: Shape) -> Row {
    Row {
        ckm,
        key_types: &[CKK_AES],
        sizes: aes::SIZES,
        shape,
        flags: 0,
        prepare: Some(prepare),
        ops: Ops { sign: Some(sign), verify: Some(verify), ..Ops::NONE },
    }
}

fn prepare(key: &Material) -> Result<Context> {
    self_test::ready(Family::Cmac)?;
    Ok(Arc::new(CmacKey::new(aes::key_bytes(key)?)?))
}

impl BlockMac for Cmac {
    fn update(&mut self, data: &[u8]) -> Result<()> {
        Ok(Self::update(self, data)?)
    }

    fn finish(&mut self, mac: &mut [u8; BLOCK]) -> Result<()> {
        Ok(Self::finish(self, mac)?)
    }
}

fn start(context: &Context, params: &Params) -> Result<Running<Cmac>> {
    let len = match params {
        Params::None => BLOCK,
        Params::MacGeneral(len) => usize::try_from(*len).map_err(|_| Error::MechanismParamInvalid)?,
        _ => return Err(Error::MechanismParamInvalid),
    };
    Running::new(prepared::<CmacKey>(context)?.start()?, len)
}

fn sign(context: &Context, params: &Params) -> Result<Box<dyn Signing>> {
    Ok(Box::new(start(context, params)?))
}

fn verify(context: &Context, params: &Params) -> Result<Box<dyn Verifying>> {
    Ok(Box::new(start(context, params)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::tests::*;

    /// RFC 4493, 4, and SP 800-38B, D.2 and D.3: messages of 0, 16, 40 and 64 bytes.
    #[test]
    fn cmac_of_sp_800_38b_is_known() {
        let message = hex(SP_800_38A);
        for (key, macs) in [
            (
                AES_128,
                [
                    "bb1d6929e95937287fa37d129b756746",
                    "070a16b46b4d4144f79bdd9dd04a287c",
                    "dfa66747de9ae63030ca32611497c827",
                    "51f0bebf7e3b9d92fc49741779363cfe",
                ],
            ),
            (
                AES_192,
                [
                    "d17ddf46adaacde531cac483de7a9367",
                    "9e99a7bf31e710900662f65e617c5184",
                    "8a1de5be2eb31aad089a82e6ee908b0e",
                    "a1d5df0eed790f794d77589659f39a11",
                ],
            ),
            (
                AES_256,
                [
                    "028962f61b7bf89efc6b551f4667d983",
                    "28a7023f452e8f82bd4bf28d8c37c35c",
                    "aaf3d8f1de5640c232f5b169b9c911e6",
                    "e1992190549f6ed5696a2c056c315410",
                ],
            ),
        ] {
            let context = context(&AES_CMAC, &aes::import(&hex(key)).unwrap());
            for (len, mac) in [0, 16, 40, 64].into_iter().zip(macs) {
                let data = &message[..len];
                assert_eq!(signed(&AES_CMAC, &context, &Params::None, data), hex(mac));
                for len in [1, 8, 15, 16] {
                    let params = Params::MacGeneral(len);
                    let cut = &hex(mac)[..usize::try_from(len).unwrap()];
                    assert_eq!(signed(&AES_CMAC_GENERAL, &context, &params, data), cut);
                    assert_eq!(verified(&AES_CMAC_GENERAL, &context, &params, data, cut), Ok(()));
                }
            }
        }
    }

    #[test]
    fn tampering_and_other_lengths_are_found() {
        let key = aes::import(&[7; 24]).unwrap();
        for (row, params) in [(&AES_CMAC, Params::None), (&AES_CMAC_GENERAL, Params::MacGeneral(12))] {
            let context = context(row, &key);
            check_signer(row, &context, &context, &params, &[3; 333]);
        }
    }

    #[test]
    fn start_with_wrong_parameters_is_refused() {
        let context = context(&AES_CMAC, &aes::import(&[7; 16]).unwrap());
        for params in [
            Params::Iv(vec![0; 16]),
            Params::MacGeneral(0),
            Params::MacGeneral(17),
            Params::MacGeneral(CK_ULONG::MAX),
        ] {
            assert_eq!(sign(&context, &params).err(), Some(Error::MechanismParamInvalid));
            assert_eq!(verify(&context, &params).err(), Some(Error::MechanismParamInvalid));
        }
    }
}
