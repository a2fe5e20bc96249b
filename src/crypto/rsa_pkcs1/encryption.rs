//! Encryption with block type 2 (RFC 8017, 7.2).

use super::super::collected::Whole;
use super::super::mechanism::{Ciphering, Context};
use super::super::rsa::{self, Key};
use super::super::rsa_block::Block;
use super::super::rsa_unpad;
use super::super::start::no_params;
use crate::ck::{Error, Params, Result};
use crate::secret::Secret;

pub(super) fn encrypt(context: &Context, params: &Params) -> Result<Box<dyn Ciphering>> {
    no_params(params)?;
    let key = rsa::public(context)?;
    key.encrypts()?;
    let longest = key.len();
    let limit = longest.saturating_sub(rsa_unpad::OVERHEAD);
    let run = move |key: &Key, data: &[u8], out: &mut [u8]| {
        if data.len() > limit {
            return Err(Error::DataLenRange);
        }
        key.current()?.encrypt(data, out)?;
        Ok(out.len())
    };
    let block = Block { key, longest, exact: true, run: Box::new(run) };
    Ok(Box::new(Whole::new(block, limit, Error::DataLenRange)))
}

pub(super) fn decrypt(context: &Context, params: &Params) -> Result<Box<dyn Ciphering>> {
    no_params(params)?;
    let key = rsa::private(context)?;
    let (limit, longest) = (key.len(), key.len().saturating_sub(rsa_unpad::OVERHEAD));
    let block = Block { key, longest, exact: false, run: Box::new(open) };
    Ok(Box::new(Whole::new(block, limit, Error::EncryptedDataLenRange)))
}

/// Decrypts one block. What its padding says decides nothing that can be seen here.
fn open(key: &Key, ciphertext: &[u8], out: &mut [u8]) -> Result<usize> {
    if ciphertext.len() != key.len() {
        return Err(Error::EncryptedDataLenRange);
    }
    let mut block = Secret::zeroed(key.len());
    if is_its_own_plaintext(key.modulus(), ciphertext) {
        block.expose_mut().copy_from_slice(ciphertext);
    } else {
        key.current()?
            .decrypt_raw(ciphertext, block.expose_mut())
            .map_err(|_| Error::EncryptedDataInvalid)?;
    }
    rsa_unpad::unpad(key.rejection()?, ciphertext, block.expose(), out)
}

/// 0, 1 and n - 1, which AWS-LC refuses to exponentiate. Everybody knows their plaintexts, so nothing
/// is given away; but they get the answer of every other wrong ciphertext.
fn is_its_own_plaintext(n: &[u8], ciphertext: &[u8]) -> bool {
    let Some((last, head)) = ciphertext.split_last() else { return false };
    let small = head.iter().all(|byte| *byte == 0) && *last <= 1;
    // n is odd, so that n - 1 differs in its last byte only.
    let Some((n_last, n_head)) = n.split_last() else { return false };
    small || (head == n_head && *last == n_last & 0xFE)
}

#[cfg(test)]
mod tests {
    use super::super::RSA_PKCS;
    use super::super::tests::contexts;
    use super::*;
    use crate::crypto::Material;
    use crate::crypto::tests::*;

    #[test]
    fn decrypt_gives_back_what_was_encrypted() {
        let (private, public) = contexts();
        for len in [0, 1, 32, 245] {
            let ciphertext = whole(RSA_PKCS.ops.encrypt, &public, &Params::None, &vec![7; len]).unwrap();
            assert_eq!(ciphertext.len(), 256);
            let plaintext = whole(RSA_PKCS.ops.decrypt, &private, &Params::None, &ciphertext).unwrap();
            assert_eq!(plaintext, vec![7; len]);
            assert_eq!(in_pieces(RSA_PKCS.ops.decrypt, &private, &Params::None, &ciphertext), Ok(plaintext));
        }
        let refused = whole(RSA_PKCS.ops.encrypt, &public, &Params::None, &[0; 246]);
        assert_eq!(refused, Err(Error::DataLenRange));
    }

    /// Synthetic messages made by OpenSSL 4.0 with the same key.
    #[test]
    fn decrypt_of_wrong_padding_equals_openssl() {
        let (private, _) = contexts();
        for (ciphertext, expected) in RSA_2048_REJECTED {
            for _ in 0..2 {
                let message = whole(RSA_PKCS.ops.decrypt, &private, &Params::None, &hex(ciphertext)).unwrap();
                assert_eq!(message, hex(expected));
            }
        }
    }

    #[test]
    fn decrypt_of_numbers_that_are_their_own_plaintext_is_no_error() {
        let (private, _) = contexts();
        let Material::RsaPrivate(key) = rsa_2048() else { panic!("no private key") };
        let mut largest = key.n.clone();
        largest[255] -= 1;
        let mut one = vec![0; 256];
        one[255] = 1;
        for ciphertext in [vec![0; 256], one, largest] {
            whole(RSA_PKCS.ops.decrypt, &private, &Params::None, &ciphertext).unwrap();
        }
    }

    #[test]
    fn decrypt_of_a_wrong_length_or_number_is_refused() {
        let (private, _) = contexts();
        let Material::RsaPrivate(key) = rsa_2048() else { panic!("no private key") };
        for len in [0, 255, 257] {
            let refused = whole(RSA_PKCS.ops.decrypt, &private, &Params::None, &vec![1; len]);
            assert_eq!(refused, Err(Error::EncryptedDataLenRange), "{len}");
        }
        let refused = whole(RSA_PKCS.ops.decrypt, &private, &Params::None, &key.n);
        assert_eq!(refused, Err(Error::EncryptedDataInvalid));
    }
}
