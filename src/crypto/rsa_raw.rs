//! RSA without a padding (PKCS#11 3.2, X.509 (raw) RSA): signatures, with and without recovery, encryption, and
//! encapsulation by RSASVE (SP 800-56B Rev. 2, 7.2.1).
//!
//! Whoever may sign or decrypt raw numbers may decrypt every ciphertext of the key and forge every padding, so the
//! policy that a token has by default denies the mechanism. Wrapping is not offered under any policy: the root of a
//! short key can be taken without the private key.

use super::collected::{Collected, Whole};
use super::mechanism::{Ciphering, Context, Ops, Recipe, Recovering, Row, Signing, Verifying};
use super::rsa::{self, Key};
use super::rsa_block::Block;
use super::rsa_pkcs1::check_len;
use super::start::{first, no_params};
use super::{random, rsa_kem};
use crate::ck::params::Shape;
use crate::ck::{Error, Params, Result};
use crate::secret::Secret;
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
        encrypt: Some(encrypt),
        decrypt: Some(decrypt),
        encapsulate: Some(encapsulate),
        encapsulated_len: Some(rsa_kem::encapsulated_len),
        decapsulate: Some(decapsulate),
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

/// Raises the data to the public exponent. `CKR_DATA_INVALID` where the number is not below the modulus.
fn encrypt(context: &Context, params: &Params) -> Result<Box<dyn Ciphering>> {
    no_params(params)?;
    let key = rsa::public(context)?;
    key.encrypts()?;
    let longest = key.len();
    let run = |key: &Key, data: &[u8], out: &mut [u8]| {
        let number = number(key, data)?;
        key.current()?.recover_unpadded(&number, out).map_err(|_| Error::DataInvalid)?;
        Ok(out.len())
    };
    let block = Block { key, longest, exact: true, run: Box::new(run) };
    Ok(Box::new(Whole::new(block, longest, Error::DataLenRange)))
}

/// Raises the ciphertext to the private exponent. `CKR_ENCRYPTED_DATA_INVALID` where the number is not below the
/// modulus, or is 0, 1 or n - 1, as for [`sign`].
fn decrypt(context: &Context, params: &Params) -> Result<Box<dyn Ciphering>> {
    no_params(params)?;
    let key = rsa::private(context)?;
    let longest = key.len();
    let run = |key: &Key, data: &[u8], out: &mut [u8]| {
        if data.len() != key.len() {
            return Err(Error::EncryptedDataLenRange);
        }
        key.current()?.decrypt_raw(data, out).map_err(|_| Error::EncryptedDataInvalid)?;
        Ok(out.len())
    };
    let block = Block { key, longest, exact: true, run: Box::new(run) };
    Ok(Box::new(Whole::new(block, longest, Error::EncryptedDataLenRange)))
}

/// Numbers that are drawn until one is below the modulus: half of them are, at least.
const DRAWS: u32 = 128;

/// A secret of the modulus's length, at random between 1 and n - 1, and its power. `CKR_KEY_SIZE_RANGE` where the
/// template wants another length.
fn encapsulate(context: &Context, params: &Params, recipe: &Recipe) -> Result<(Secret, Vec<u8>)> {
    no_params(params)?;
    let key = rsa::public(context)?;
    key.encrypts()?;
    whole_len(&key, recipe)?;
    let above = u32::try_from(key.len() * 8).unwrap_or(u32::MAX).saturating_sub(key.bits());
    let mut secret = Secret::zeroed(key.len());
    for _ in 0..DRAWS {
        random::fill(secret.expose_mut())?;
        if let Some(first) = secret.expose_mut().first_mut() {
            *first &= 0xFF_u8.checked_shr(above).unwrap_or(0);
        }
        if is_between(secret.expose(), key.modulus()) {
            let mut ciphertext = vec![0; key.len()];
            key.current()?.recover_unpadded(secret.expose(), &mut ciphertext)?;
            return Ok((secret, ciphertext));
        }
    }
    Err(Error::DeviceError)
}

/// The secret of a ciphertext. `CKR_WRAPPED_KEY_LEN_RANGE` or `CKR_WRAPPED_KEY_INVALID` where it is none.
fn decapsulate(context: &Context, params: &Params, recipe: &Recipe, ciphertext: &[u8]) -> Result<Secret> {
    no_params(params)?;
    let key = rsa::private(context)?;
    whole_len(&key, recipe)?;
    if ciphertext.len() != key.len() {
        return Err(Error::WrappedKeyLenRange);
    }
    let mut secret = Secret::zeroed(key.len());
    let answer = key.current()?.decrypt_raw(ciphertext, secret.expose_mut());
    answer.map_err(|_| Error::WrappedKeyInvalid)?;
    Ok(secret)
}

/// "k, k": the secret has the length of the modulus, and no other.
fn whole_len(key: &Key, recipe: &Recipe) -> Result<()> {
    let fits = recipe.value_len.is_none_or(|len| len == key.len());
    if fits { Ok(()) } else { Err(Error::KeySizeRange) }
}

/// Whether a number of the modulus's length is above 1 and below n - 1. That it is drawn again where it is not tells
/// nothing of the number that is kept.
fn is_between(number: &[u8], n: &[u8]) -> bool {
    let mut largest = Zeroizing::new(n.to_vec());
    // n is odd, so that n - 1 differs in its last byte only.
    if let Some(last) = largest.last_mut() {
        *last &= 0xFE;
    }
    let Some((last, head)) = number.split_last() else { return false };
    let small = head.iter().all(|byte| *byte == 0) && *last <= 1;
    number < largest.as_slice() && !small
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
    fn decrypt_gives_back_the_number_that_was_encrypted() {
        let (private, public) = contexts();
        for len in [1, 51, 255, 256] {
            let mut data = vec![5; len];
            data[0] = 0x2A;
            let ciphertext = whole(RSA_X_509.ops.encrypt, &public, &Params::None, &data).unwrap();
            let number = whole(RSA_X_509.ops.decrypt, &private, &Params::None, &ciphertext).unwrap();
            assert_eq!(number, [vec![0; 256 - len], data].concat());
            let parts = in_pieces(RSA_X_509.ops.decrypt, &private, &Params::None, &ciphertext);
            assert_eq!(parts, Ok(number));
        }
        let Material::RsaPrivate(key) = rsa_2048() else { panic!("no private key") };
        let encrypt = |data: &[u8]| whole(RSA_X_509.ops.encrypt, &public, &Params::None, data).err();
        assert_eq!(encrypt(&key.n), Some(Error::DataInvalid));
        assert_eq!(encrypt(&[1; 257]), Some(Error::DataLenRange));
        let decrypt = |data: &[u8]| whole(RSA_X_509.ops.decrypt, &private, &Params::None, data).err();
        assert_eq!(decrypt(&key.n), Some(Error::EncryptedDataInvalid));
        assert_eq!(decrypt(&[0; 256]), Some(Error::EncryptedDataInvalid));
        assert_eq!(decrypt(&[1; 255]), Some(Error::EncryptedDataLenRange));
    }

    /// What RSASVE gives is the power of its secret (SP 800-56B Rev. 2, 7.2.1.2).
    #[test]
    fn an_encapsulated_secret_is_what_the_ciphertext_opens_to() {
        let (private, public) = contexts();
        let recipe = Recipe { value_len: Some(256), ..Recipe::default() };
        for recipe in [&recipe, &Recipe::default()] {
            let (secret, ciphertext) = encapsulate(&public, &Params::None, recipe).unwrap();
            assert_eq!((secret.len(), ciphertext.len()), (256, 256));
            let same = decapsulate(&private, &Params::None, recipe, &ciphertext).unwrap();
            assert!(same.ct_eq(secret.expose()));
            let power = whole(RSA_X_509.ops.encrypt, &public, &Params::None, secret.expose());
            assert_eq!(power, Ok(ciphertext.clone()));
            let (other, _) = encapsulate(&public, &Params::None, recipe).unwrap();
            assert!(!other.ct_eq(secret.expose()));
            let refused = decapsulate(&private, &Params::None, recipe, &ciphertext[1..]).err();
            assert_eq!(refused, Some(Error::WrappedKeyLenRange));
            let refused = decapsulate(&private, &Params::None, recipe, &[0xFF; 256]).err();
            assert_eq!(refused, Some(Error::WrappedKeyInvalid));
        }
        let short = Recipe { value_len: Some(32), ..Recipe::default() };
        assert_eq!(encapsulate(&public, &Params::None, &short).err(), Some(Error::KeySizeRange));
        assert_eq!(decapsulate(&private, &Params::None, &short, &[2; 256]).err(), Some(Error::KeySizeRange));
        assert_eq!(
            decapsulate(&public, &Params::None, &short, &[2; 256]).err(),
            Some(Error::KeyTypeInconsistent)
        );
    }

    #[test]
    fn secrets_lie_between_one_and_the_modulus() {
        let n = [&[0xC0][..], &[7; 255]].concat();
        let with_last = |last: u8| [&n[..255], &[last]].concat();
        let small = |last: u8| [&[0; 255][..], &[last]].concat();
        assert!(is_between(&with_last(5), &n) && is_between(&small(2), &n) && is_between(&[0x80; 256], &n));
        for wrong in [with_last(6), with_last(7), with_last(8), small(0), small(1), vec![0xFF; 256]] {
            assert!(!is_between(&wrong, &n), "{wrong:?}");
        }
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
