//! CKM_RSA_AES_KEY_WRAP: a key of any length under an RSA key, by way of an AES key that exists for that one wrapping
//! (PKCS#11 3.2, RSA AES KEY WRAP): RSA-OAEP of the AES key, then CKM_AES_KEY_WRAP_KWP of the key under it.

use super::aes_key_wrap::AES_KEY_WRAP_KWP;
use super::collected::{AtOnce, Whole};
use super::engine::key_wrap::{LONGEST, SEMIBLOCK};
use super::mechanism::{Ciphering, Context, Ops, Row, StartCiphering};
use super::rsa_oaep::RSA_PKCS_OAEP;
use super::start::first;
use super::{Material, random, rsa};
use crate::ck::params::Shape;
use crate::ck::{Error, Params, Result};
use crate::secret::Secret;
use cryptoki_sys::*;
use std::sync::Arc;

/// CKM_RSA_AES_KEY_WRAP: wraps and unwraps. PKCS#11 3.2, RSA AES KEY WRAP.
pub static RSA_AES_KEY_WRAP: Row = Row {
    ckm: CKM_RSA_AES_KEY_WRAP,
    key_types: &[CKK_RSA],
    sizes: rsa::SIZES,
    shape: Shape::RsaAes,
    flags: 0,
    prepare: Some(rsa::prepare),
    ops: Ops {
        encrypt: Some(wrapping),
        decrypt: Some(unwrapping),
        wraps: true,
        only_wraps: true,
        ..Ops::NONE
    },
};

/// Both directions: the key, and what the parameter says.
struct Parts {
    context: Context,
    /// Length of the RSA block in bytes.
    block_len: usize,
    aes_len: usize,
    oaep: Params,
}

/// A running wrap.
struct Wrapping(Parts);

/// A running unwrap.
struct Unwrapping(Parts);

impl Parts {
    fn new(context: &Context, params: &Params) -> Result<Self> {
        let Params::RsaAes { aes_bits, oaep } = params else { return Err(Error::MechanismParamInvalid) };
        // "Can be only 128, 192 or 256."
        let aes_len = match aes_bits {
            128 => 16,
            192 => 24,
            256 => 32,
            _ => return Err(Error::MechanismParamInvalid),
        };
        let Params::Oaep { hash, mgf, label } = &**oaep else { return Err(Error::MechanismParamInvalid) };
        let oaep = Params::Oaep { hash: *hash, mgf: *mgf, label: label.clone() };
        let block_len = rsa::public(context)?.len();
        Ok(Self { context: Arc::clone(context), block_len, aes_len, oaep })
    }

    fn block(&self, start: Option<StartCiphering>) -> Result<Box<dyn Ciphering>> {
        start.ok_or(Error::GeneralError)?(&self.context, &self.oaep)
    }
}

/// The key wrap under the AES key of this one operation.
fn inner(start: Option<StartCiphering>, aes: Secret) -> Result<Box<dyn Ciphering>> {
    let prepare = AES_KEY_WRAP_KWP.prepare.ok_or(Error::GeneralError)?;
    start.ok_or(Error::GeneralError)?(&prepare(&Material::Bytes(aes))?, &Params::None)
}

/// A parameter that makes no block, and a key that does not encrypt, are found out now.
fn wrapping(context: &Context, params: &Params) -> Result<Box<dyn Ciphering>> {
    let parts = Parts::new(context, params)?;
    parts.block(RSA_PKCS_OAEP.ops.encrypt)?;
    let limit = LONGEST.saturating_add(parts.block_len);
    Ok(Box::new(Whole::new(Wrapping(parts), limit, Error::DataLenRange)))
}

fn unwrapping(context: &Context, params: &Params) -> Result<Box<dyn Ciphering>> {
    let parts = Parts::new(context, params)?;
    parts.block(RSA_PKCS_OAEP.ops.decrypt)?;
    let limit = (LONGEST + SEMIBLOCK).saturating_add(parts.block_len);
    Ok(Box::new(Whole::new(Unwrapping(parts), limit, Error::EncryptedDataLenRange)))
}

impl AtOnce for Wrapping {
    fn output_len(&self, input: usize) -> usize {
        let padded = input.checked_next_multiple_of(SEMIBLOCK).unwrap_or(input);
        padded.saturating_add(SEMIBLOCK).saturating_add(self.0.block_len)
    }

    fn run(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        let mut aes = Secret::zeroed(self.0.aes_len);
        random::fill(aes.expose_mut())?;
        let len = self.output_len(input.len());
        let (block, rest) =
            first(out, len)?.split_at_mut_checked(self.0.block_len).ok_or(Error::BufferTooSmall)?;
        let written = self.0.block(RSA_PKCS_OAEP.ops.encrypt)?.whole(aes.expose(), block)?;
        let wrapped = inner(AES_KEY_WRAP_KWP.ops.encrypt, aes)?.whole(input, rest)?;
        if written == block.len() { Ok(written + wrapped) } else { Err(Error::GeneralError) }
    }

    fn exact(&self) -> bool {
        true
    }
}

impl AtOnce for Unwrapping {
    fn output_len(&self, input: usize) -> usize {
        input.saturating_sub(self.0.block_len).saturating_sub(SEMIBLOCK)
    }

    fn run(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        let (block, wrapped) =
            input.split_at_checked(self.0.block_len).ok_or(Error::EncryptedDataLenRange)?;
        let mut cipher = self.0.block(RSA_PKCS_OAEP.ops.decrypt)?;
        let mut aes = Secret::zeroed(cipher.whole_len(block.len()));
        let len = cipher.whole(block, aes.expose_mut())?;
        // Another key than the parameter says is none, like one that does not open.
        let aes = aes.expose().get(..len).filter(|aes| aes.len() == self.0.aes_len);
        let aes = Secret::from_slice(aes.ok_or(Error::EncryptedDataInvalid)?);
        inner(AES_KEY_WRAP_KWP.ops.decrypt, aes)?.whole(wrapped, out)
    }

    fn exact(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::public_of;
    use crate::crypto::tests::*;

    fn contexts() -> (Context, Context) {
        let private = rsa_2048();
        let public = public_of(&private).unwrap().unwrap();
        (context(&RSA_AES_KEY_WRAP, &private), context(&RSA_AES_KEY_WRAP, &public))
    }

    fn params(aes_bits: CK_ULONG, label: &[u8]) -> Params {
        let oaep = Params::Oaep { hash: CKM_SHA256, mgf: CKG_MGF1_SHA256, label: label.to_vec() };
        Params::RsaAes { aes_bits, oaep: Box::new(oaep) }
    }

    const WRAP: Option<StartCiphering> = RSA_AES_KEY_WRAP.ops.encrypt;
    const UNWRAP: Option<StartCiphering> = RSA_AES_KEY_WRAP.ops.decrypt;

    #[test]
    fn unwrap_gives_back_what_was_wrapped() {
        let (private, public) = contexts();
        for aes_bits in [128, 192, 256] {
            for len in [1, 7, 8, 16, 33, 1200] {
                let params = params(aes_bits, b"label");
                let plain = vec![7; len];
                let wrapped = whole(WRAP, &public, &params, &plain).unwrap();
                assert_eq!(wrapped.len(), 256 + len.next_multiple_of(8) + 8);
                assert_eq!(whole(UNWRAP, &private, &params, &wrapped), Ok(plain.clone()));
                assert_eq!(in_pieces(UNWRAP, &private, &params, &wrapped), Ok(plain.clone()));
                // Another AES key each time.
                assert_ne!(whole(WRAP, &public, &params, &plain).unwrap()[256..], wrapped[256..]);
            }
        }
    }

    /// The two halves are what the two mechanisms make of them.
    #[test]
    fn a_wrapped_key_is_made_of_its_two_mechanisms() {
        let (private, public) = contexts();
        let params = params(256, b"label");
        let Params::RsaAes { oaep, .. } = &params else { panic!("another parameter") };
        let wrapped = whole(WRAP, &public, &params, b"a key of any length").unwrap();
        let aes = whole(RSA_PKCS_OAEP.ops.decrypt, &private, oaep, &wrapped[..256]).unwrap();
        assert_eq!(aes.len(), 32);
        let kek = context(&AES_KEY_WRAP_KWP, &Material::Bytes(Secret::from_slice(&aes)));
        let plain = whole(AES_KEY_WRAP_KWP.ops.decrypt, &kek, &Params::None, &wrapped[256..]);
        assert_eq!(plain, Ok(b"a key of any length".to_vec()));
        // Put together by hand it opens, under its own parameter only.
        let block = whole(RSA_PKCS_OAEP.ops.encrypt, &public, oaep, &[9; 16]).unwrap();
        let kek = context(&AES_KEY_WRAP_KWP, &Material::Bytes(Secret::from_slice(&[9; 16])));
        let inner = whole(AES_KEY_WRAP_KWP.ops.encrypt, &kek, &Params::None, b"key").unwrap();
        let both = [block, inner].concat();
        assert_eq!(whole(UNWRAP, &private, &self::params(128, b"label"), &both), Ok(b"key".to_vec()));
        let refused = whole(UNWRAP, &private, &self::params(256, b"label"), &both);
        assert_eq!(refused, Err(Error::EncryptedDataInvalid));
    }

    #[test]
    fn anything_else_is_refused() {
        let (private, public) = contexts();
        let right = params(256, b"");
        let mut wrapped = whole(WRAP, &public, &right, &[7; 40]).unwrap();
        for at in [0, 255, 256, 303] {
            wrapped[at] ^= 1;
            let refused = whole(UNWRAP, &private, &right, &wrapped);
            assert_eq!(refused, Err(Error::EncryptedDataInvalid), "{at}");
            wrapped[at] ^= 1;
        }
        let other = params(256, b"other");
        assert_eq!(whole(UNWRAP, &private, &other, &wrapped), Err(Error::EncryptedDataInvalid));
        for len in [0, 255, 256, 264, 271, 303] {
            let refused = whole(UNWRAP, &private, &right, &wrapped[..len]);
            assert_eq!(refused, Err(Error::EncryptedDataLenRange), "{len}");
        }
        assert_eq!(whole(WRAP, &public, &right, &[]), Err(Error::DataLenRange));
        for params in
            [Params::None, params(0, b""), params(255, b""), params(512, b""), params(256, &[0; 4097])]
        {
            assert_eq!(WRAP.unwrap()(&public, &params).err(), Some(Error::MechanismParamInvalid));
            assert_eq!(UNWRAP.unwrap()(&private, &params).err(), Some(Error::MechanismParamInvalid));
        }
        let nested = Params::RsaAes { aes_bits: 256, oaep: Box::new(Params::None) };
        assert_eq!(WRAP.unwrap()(&public, &nested).err(), Some(Error::MechanismParamInvalid));
        assert_eq!(UNWRAP.unwrap()(&public, &right).err(), Some(Error::KeyTypeInconsistent));
    }
}
