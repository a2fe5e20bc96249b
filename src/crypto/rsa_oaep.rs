//! RSA with optimal asymmetric encryption padding (RFC 8017, 7.1).

use super::collected::Whole;
use super::digest::{self, Hash};
use super::engine::rsa::Oaep;
use super::mechanism::{Ciphering, Context, Ops, Row};
use super::rsa::{self, Key};
use super::rsa_block::Block;
use super::rsa_kem;
use crate::ck::params::Shape;
use crate::ck::{Error, Params, Result};
use crate::secret::Secret;
use cryptoki_sys::*;

/// CKM_RSA_PKCS_OAEP: encrypts, decrypts, wraps and encapsulates. PKCS#11 3.2, PKCS #1 RSA OAEP.
pub static RSA_PKCS_OAEP: Row = Row {
    ckm: CKM_RSA_PKCS_OAEP,
    key_types: &[CKK_RSA],
    sizes: rsa::SIZES,
    shape: Shape::Oaep,
    flags: 0,
    prepare: Some(rsa::prepare),
    ops: Ops {
        encrypt: Some(encrypt),
        decrypt: Some(decrypt),
        wraps: true,
        encapsulate: Some(|context, params, recipe| rsa_kem::encapsulate(encrypt, context, params, recipe)),
        encapsulated_len: Some(rsa_kem::encapsulated_len),
        decapsulate: Some(|context, params, recipe, ciphertext| {
            rsa_kem::decapsulate(decrypt, context, params, recipe, ciphertext)
        }),
        ..Ops::NONE
    },
};

/// Longest label; longer ones have no use, and would be copied for every block.
const MAX_LABEL: usize = 4096;

/// The parameter, checked, and the longest message that fits beside it.
struct Parameters {
    hash: Hash,
    mgf: Hash,
    label: Vec<u8>,
    longest: usize,
}

impl Parameters {
    fn new(params: &Params, key: &Key) -> Result<Self> {
        let Params::Oaep { hash, mgf, label } = params else { return Err(Error::MechanismParamInvalid) };
        let hash = digest::named(*hash).ok_or(Error::MechanismParamInvalid)?;
        let mgf = digest::of_mask(*mgf).ok_or(Error::MechanismParamInvalid)?;
        if label.len() > MAX_LABEL {
            return Err(Error::MechanismParamInvalid);
        }
        let longest = key.len().checked_sub(2 * hash.len() + 2).ok_or(Error::KeySizeRange)?;
        Ok(Self { hash, mgf, label: label.clone(), longest })
    }

    fn oaep(&self) -> Oaep<'_> {
        Oaep { hash: self.hash, mgf: self.mgf, label: &self.label }
    }
}

fn encrypt(context: &Context, params: &Params) -> Result<Box<dyn Ciphering>> {
    let key = rsa::public(context)?;
    key.encrypts()?;
    let parameters = Parameters::new(params, &key)?;
    let (longest, limit) = (key.len(), parameters.longest);
    let run = move |key: &Key, data: &[u8], out: &mut [u8]| {
        if data.len() > parameters.longest {
            return Err(Error::DataLenRange);
        }
        key.current()?.encrypt_oaep(&parameters.oaep(), data, out)?;
        Ok(out.len())
    };
    let block = Block { key, longest, exact: true, run: Box::new(run) };
    Ok(Box::new(Whole::new(block, limit, Error::DataLenRange)))
}

fn decrypt(context: &Context, params: &Params) -> Result<Box<dyn Ciphering>> {
    let key = rsa::private(context)?;
    let parameters = Parameters::new(params, &key)?;
    let (longest, limit) = (parameters.longest, key.len());
    let run = move |key: &Key, data: &[u8], out: &mut [u8]| {
        if data.len() != key.len() {
            return Err(Error::EncryptedDataLenRange);
        }
        // One answer for every reason (RFC 8017, 7.1.2, note on Manger's attack).
        let mut message = Secret::zeroed(key.len());
        let len = key
            .current()?
            .decrypt_oaep(&parameters.oaep(), data, message.expose_mut())
            .map_err(|_| Error::EncryptedDataInvalid)?;
        let message = message.expose().get(..len).ok_or(Error::GeneralError)?;
        out.get_mut(..len).ok_or(Error::BufferTooSmall)?.copy_from_slice(message);
        Ok(len)
    };
    let block = Block { key, longest, exact: false, run: Box::new(run) };
    Ok(Box::new(Whole::new(block, limit, Error::EncryptedDataLenRange)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::public_of;
    use crate::crypto::tests::*;

    fn contexts() -> (Context, Context) {
        let private = rsa_2048();
        let public = public_of(&private).unwrap().unwrap();
        (context(&RSA_PKCS_OAEP, &private), context(&RSA_PKCS_OAEP, &public))
    }

    fn oaep(hash: CK_MECHANISM_TYPE, mgf: CK_RSA_PKCS_MGF_TYPE, label: &[u8]) -> Params {
        Params::Oaep { hash, mgf, label: label.to_vec() }
    }

    #[test]
    fn decrypt_gives_back_what_was_encrypted() {
        let (private, public) = contexts();
        for (params, longest) in [
            (oaep(CKM_SHA_1, CKG_MGF1_SHA1, b""), 214),
            (oaep(CKM_SHA224, CKG_MGF1_SHA256, b"label"), 198),
            (oaep(CKM_SHA256, CKG_MGF1_SHA256, b""), 190),
            (oaep(CKM_SHA256, CKG_MGF1_SHA1, b"label"), 190),
            (oaep(CKM_SHA384, CKG_MGF1_SHA384, b""), 158),
            (oaep(CKM_SHA512, CKG_MGF1_SHA512, b""), 126),
        ] {
            for len in [0, 1, longest] {
                let message = vec![7; len];
                let ciphertext = whole(RSA_PKCS_OAEP.ops.encrypt, &public, &params, &message).unwrap();
                let plaintext = in_pieces(RSA_PKCS_OAEP.ops.decrypt, &private, &params, &ciphertext);
                assert_eq!(plaintext, Ok(message), "{params:?}");
            }
            let refused = whole(RSA_PKCS_OAEP.ops.encrypt, &public, &params, &vec![7; longest + 1]);
            assert_eq!(refused, Err(Error::DataLenRange));
        }
    }

    /// Ciphertext made by OpenSSL 4.0 for the same key: SHA-256, MGF1 with SHA-1, label "label".
    #[test]
    fn decrypt_of_a_ciphertext_of_openssl_works() {
        let (private, _) = contexts();
        let params = oaep(CKM_SHA256, CKG_MGF1_SHA1, b"label");
        let ciphertext = hex(RSA_2048_OAEP_ABC);
        assert_eq!(whole(RSA_PKCS_OAEP.ops.decrypt, &private, &params, &ciphertext), Ok(b"abc".to_vec()));
        let params = oaep(CKM_SHA3_256, CKG_MGF1_SHA512, b"label");
        let ciphertext = hex(RSA_2048_OAEP_SHA3_ABC);
        assert_eq!(whole(RSA_PKCS_OAEP.ops.decrypt, &private, &params, &ciphertext), Ok(b"abc".to_vec()));
    }

    #[test]
    fn decrypt_of_anything_else_is_refused() {
        let (private, public) = contexts();
        let params = oaep(CKM_SHA256, CKG_MGF1_SHA256, b"label");
        let decrypt = |params: &Params, data: &[u8]| whole(RSA_PKCS_OAEP.ops.decrypt, &private, params, data);
        let mut ciphertext = whole(RSA_PKCS_OAEP.ops.encrypt, &public, &params, b"secret").unwrap();
        let other = oaep(CKM_SHA256, CKG_MGF1_SHA256, b"other");
        assert_eq!(decrypt(&other, &ciphertext), Err(Error::EncryptedDataInvalid));
        assert_eq!(decrypt(&params, &ciphertext[1..]), Err(Error::EncryptedDataLenRange));
        ciphertext[17] ^= 1;
        assert_eq!(decrypt(&params, &ciphertext), Err(Error::EncryptedDataInvalid));
    }

    #[test]
    fn start_with_wrong_parameters_is_refused() {
        let (private, public) = contexts();
        for params in [
            Params::None,
            oaep(CKM_MD5, CKG_MGF1_SHA256, b""),
            oaep(CKM_SHA256, 0, b""),
            oaep(CKM_SHA256, CKG_MGF1_SHA256, &[0; 4097]),
        ] {
            assert_eq!(encrypt(&public, &params).err(), Some(Error::MechanismParamInvalid));
        }
        let params = oaep(CKM_SHA256, CKG_MGF1_SHA256, b"");
        assert_eq!(decrypt(&public, &params).err(), Some(Error::KeyTypeInconsistent));
        assert!(decrypt(&private, &params).is_ok());
    }
}
