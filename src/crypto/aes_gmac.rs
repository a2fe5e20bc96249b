//! GMAC with AES (SP 800-38D): the tag of GCM over data that are only authenticated.

use super::aead::Aead;
use super::aes;
use super::aes_gcm::{self, GcmKey};
use super::block_mac::{BlockMac, Running};
use super::engine::aead::{AeadStream, TAG};
use super::mechanism::{Context, Ops, Row, Signing, Verifying};
use super::start::prepared;
use crate::ck::params::Shape;
use crate::ck::{Error, Params, Result};
use cryptoki_sys::*;

/// CKM_AES_GMAC. PKCS#11 3.2, AES-GMAC. Each message needs an IV of its own, so several are not signed under one
/// parameter.
pub static AES_GMAC: Row = Row {
    ckm: CKM_AES_GMAC,
    key_types: &[CKK_AES],
    sizes: aes::SIZES,
    shape: Shape::Gcm,
    flags: 0,
    prepare: Some(aes_gcm::prepare),
    ops: Ops { sign: Some(sign), verify: Some(verify), one_message: true, ..Ops::NONE },
};

struct Gmac(AeadStream);

impl BlockMac for Gmac {
    fn update(&mut self, data: &[u8]) -> Result<()> {
        Ok(self.0.aad(data)?)
    }

    fn finish(&mut self, mac: &mut [u8; TAG]) -> Result<()> {
        Ok(self.0.tag(mac)?)
    }
}

fn start(context: &Context, params: &Params) -> Result<Running<Gmac>> {
    let Params::Gcm { iv, aad, tag_bits } = params else { return Err(Error::MechanismParamInvalid) };
    // The data come by C_Sign and C_Verify; others would be authenticated where nobody looks for them.
    if !aad.is_empty() {
        return Err(Error::MechanismParamInvalid);
    }
    let key = prepared::<GcmKey>(context)?;
    let len = aes_gcm::tag_len(*tag_bits)?;
    key.check(iv.len(), len)?;
    let stream = key.start(iv, &[])?.ok_or(Error::GeneralError)?;
    Running::new(Gmac(stream), len)
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
    use crate::crypto::aes_gcm::AES_GCM;
    use crate::crypto::tests::*;

    fn params(iv: &[u8], aad: &[u8], tag_bits: CK_ULONG) -> Params {
        Params::Gcm { iv: iv.to_vec(), aad: aad.to_vec(), tag_bits }
    }

    /// McGrew and Viega, "The Galois/Counter Mode of Operation", appendix B, test case 1: nothing. IEEE 802.1AE,
    /// "GCM-AES-128 and -256, 54-byte packet authentication": 70 bytes.
    #[test]
    fn gmac_of_ieee_802_1ae_is_known() {
        let packet = "d609b1f056637a0d46df998d88e5222ab2c2846512153524c0895e8108000f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f30313233340001";
        for (key, iv, data, mac) in [
            (
                "00000000000000000000000000000000",
                "000000000000000000000000",
                "",
                "58e2fccefa7e3061367f1d57a4e7455a",
            ),
            (
                "ad7a2bd03eac835a6f620fdcb506b345",
                "12153524c0895e81b2c28465",
                packet,
                "f09478a9b09007d06f46e9b6a1da25dd",
            ),
            (
                "e3c08a8f06c6e3ad95a70557b23f75483ce33021a9c72b7025666204c69c0b72",
                "12153524c0895e81b2c28465",
                packet,
                "2f0bc5af409e06d609ea8b7d0fa5ea50",
            ),
        ] {
            let context = context(&AES_GMAC, &aes::import(&hex(key)).unwrap());
            for bits in [128, 120, 112, 104, 96, 64, 32] {
                let params = params(&hex(iv), b"", bits);
                let mac = &hex(mac)[..usize::try_from(bits / 8).unwrap()];
                assert_eq!(signed(&AES_GMAC, &context, &params, &hex(data)), mac);
                assert_eq!(verified(&AES_GMAC, &context, &params, &hex(data), mac), Ok(()));
            }
        }
    }

    #[test]
    fn gmac_is_the_tag_of_gcm_over_no_plaintext() {
        let context = context(&AES_GMAC, &aes::import(&[9; 24]).unwrap());
        for iv_len in [1, 8, 12, 16, 256] {
            let iv = vec![5; iv_len];
            let data = [0x3C; 301];
            let tag = whole(AES_GCM.ops.encrypt, &context, &params(&iv, &data, 128), b"").unwrap();
            assert_eq!(signed(&AES_GMAC, &context, &params(&iv, b"", 128), &data), tag);
        }
        check_signer(&AES_GMAC, &context, &context, &params(&[1; 12], b"", 96), &[3; 333]);
    }

    #[test]
    fn start_with_wrong_parameters_is_refused() {
        let context = context(&AES_GMAC, &aes::import(&[3; 32]).unwrap());
        for params in [
            Params::None,
            params(&[], b"", 128),
            params(&[0; 257], b"", 128),
            params(&[0; 12], b"additional", 128),
            params(&[0; 12], b"", 0),
            params(&[0; 12], b"", 80),
            params(&[0; 12], b"", 100),
            params(&[0; 12], b"", 136),
        ] {
            assert_eq!(sign(&context, &params).err(), Some(Error::MechanismParamInvalid));
            assert_eq!(verify(&context, &params).err(), Some(Error::MechanismParamInvalid));
        }
    }
}
