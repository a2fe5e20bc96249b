//! RSA without a padding (PKCS#11 3.2, X.509 (raw) RSA): signatures, with and without recovery.
//!
//! Whoever may sign raw numbers may decrypt every ciphertext of the key and forge every padding, so the
//! policy that a token has by default denies the mechanism. Raw encryption, wrapping and encapsulation are
//! not offered under any policy.

use super::collected::Collected;
use super::mechanism::{Ops, Recovering, Row, Signing, Verifying};
use super::rsa::{self, Key};
use super::rsa_pkcs1::check_len;
use super::start::{first, no_params};
use crate::ck::params::Shape;
use crate::ck::{Error, Params, Result};
use cryptoki_sys::*;
use std::sync::Arc;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// CKM_RSA_X_509: signs the caller's number, with zeros before it. PKCS#11 3.2, X.509 (raw) RSA.
pub static RSA_X_509: Row = Row {
    ckm: CKM_RSA_X_509,
    key_types: &[CKK_RSA],
    sizes: rsa::SIZES,
    shape: Shape::None,
    flags: 0,
    prepare: Some(rsa::prepare),
    ops: Ops {
        sign: Some(|context, params| Ok(Box::new(Raw::new(rsa::private(context)?, params)?))),
        verify: Some(|context, params| Ok(Box::new(Raw::new(rsa::public(context)?, params)?))),
        sign_recover: Some(|context, params| {
            no_params(params)?;
            Ok(Box::new(Embed(rsa::private(context)?)))
        }),
        verify_recover: Some(|context, params| {
            no_params(params)?;
            Ok(Box::new(Recover(rsa::public(context)?)))
        }),
        ..Ops::NONE
    },
};

/// A signature or its verification, from parts or whole.
struct Raw {
    key: Arc<Key>,
    data: Collected,
}

/// A signature that its data is recovered from.
struct Embed(Arc<Key>);

/// The recovery.
struct Recover(Arc<Key>);

/// The data as a number of the modulus's length. `CKR_DATA_LEN_RANGE` where it is longer.
fn number(key: &Key, data: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    let zeros = key.len().checked_sub(data.len()).ok_or(Error::DataLenRange)?;
    let mut number = Zeroizing::new(vec![0; key.len()]);
    number.get_mut(zeros..).ok_or(Error::DataLenRange)?.copy_from_slice(data);
    Ok(number)
}

/// `CKR_DATA_INVALID` where the number is not below the modulus, or is 0, 1 or n - 1: those AWS-LC does not
/// exponentiate, because everybody knows the result.
fn sign(key: &Key, data: &[u8], out: &mut [u8]) -> Result<usize> {
    let number = number(key, data)?;
    key.current()?.sign_unpadded(&number, first(out, key.len())?).map_err(|_| Error::DataInvalid)?;
    Ok(key.len())
}

fn recover(key: &Key, signature: &[u8], out: &mut [u8]) -> Result<usize> {
    check_len(key, signature)?;
    let out = first(out, key.len())?;
    key.current()?.recover_unpadded(signature, out).map_err(|_| Error::SignatureInvalid)?;
    Ok(key.len())
}

impl Raw {
    fn new(key: Arc<Key>, params: &Params) -> Result<Self> {
        no_params(params)?;
        let data = Collected::new(key.len(), Error::DataLenRange);
        Ok(Self { key, data })
    }
}

impl Signing for Raw {
    fn len(&self) -> usize {
        self.key.len()
    }

    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.data.push(data)
    }

    fn finish(&mut self, out: &mut [u8]) -> Result<usize> {
        sign(&self.key, &self.data.take(), out)
    }

    fn sign(&mut self, data: &[u8], out: &mut [u8]) -> Result<usize> {
        sign(&self.key, data, out)
    }
}

impl Verifying for Raw {
    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.data.push(data)
    }

    fn finish(&mut self, signature: &[u8]) -> Result<()> {
        let data = self.data.take();
        Verifying::verify(self, &data, signature)
    }

    fn verify(&mut self, data: &[u8], signature: &[u8]) -> Result<()> {
        let number = number(&self.key, data)?;
        let mut signed = vec![0; self.key.len()];
        recover(&self.key, signature, &mut signed)?;
        if signed.ct_eq(&number).into() { Ok(()) } else { Err(Error::SignatureInvalid) }
    }
}

impl Recovering for Embed {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn run(&self, data: &[u8], out: &mut [u8]) -> Result<usize> {
        sign(&self.0, data, out)
    }
}

impl Recovering for Recover {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn run(&self, signature: &[u8], out: &mut [u8]) -> Result<usize> {
        recover(&self.0, signature, out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::tests::*;
    use crate::crypto::{Context, Material, public_of};

    fn contexts() -> (Context, Context) {
        let private = rsa_2048();
        let public = public_of(&private).unwrap().unwrap();
        (context(&RSA_X_509, &private), context(&RSA_X_509, &public))
    }

    #[test]
    fn sign_in_pieces_tampered_and_short_behaves() {
        let (private, public) = contexts();
        check_signer(&RSA_X_509, &private, &public, &Params::None, &[5; 51]);
    }

    /// The padded block of the signature that OpenSSL 4.0 made with the same key.
    #[test]
    fn sign_of_a_padded_block_equals_openssl() {
        let (private, public) = contexts();
        let signature = hex(RSA_2048_SHA256_ABC);
        let mut block = [0; 256];
        let recovered = RSA_X_509.ops.verify_recover.unwrap()(&public, &Params::None).unwrap();
        assert_eq!(recovered.run(&signature, &mut block), Ok(256));
        assert_eq!((&block[..3], block[204]), (&[0, 1, 0xFF][..], 0));
        assert_eq!(signed(&RSA_X_509, &private, &Params::None, &block), signature);
        let mut again = [0; 256];
        let embed = RSA_X_509.ops.sign_recover.unwrap()(&private, &Params::None).unwrap();
        // Zeros before the number change nothing.
        assert_eq!(embed.run(&block[1..], &mut again), Ok(256));
        assert_eq!(again.as_slice(), signature);
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        let (private, public) = contexts();
        let Material::RsaPrivate(key) = rsa_2048() else { panic!("no private key") };
        let embed = RSA_X_509.ops.sign_recover.unwrap()(&private, &Params::None).unwrap();
        let recover = RSA_X_509.ops.verify_recover.unwrap()(&public, &Params::None).unwrap();
        let mut out = [0; 256];
        assert_eq!(embed.run(&[1; 257], &mut out), Err(Error::DataLenRange));
        for number in [key.n.as_slice(), &[0xFF; 256], &[], &[1]] {
            assert_eq!(embed.run(number, &mut out), Err(Error::DataInvalid), "{number:?}");
        }
        assert_eq!(recover.run(&key.n, &mut out), Err(Error::SignatureInvalid));
        for len in [0, 255, 257] {
            assert_eq!(recover.run(&vec![1; len], &mut out), Err(Error::SignatureLenRange));
        }
    }
}
