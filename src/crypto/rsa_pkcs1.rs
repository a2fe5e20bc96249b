//! RSA with the paddings of PKCS#1 v1.5 (RFC 8017, 7.2 and 8.2): the mechanisms and the signatures.

mod encryption;

use super::collected::Collected;
use super::digest::{Hash, Prehash};
use super::mechanism::{Context, Ops, Recovering, Row, Signing, StartSigning, StartVerifying, Verifying};
use super::rsa::{self, Key};
use super::start::{first, no_params};
use super::{rsa_kem, rsa_unpad};
use crate::ck::params::Shape;
use crate::ck::{CK_MECHANISM_TYPE, Error, Params, Result};
use cryptoki_sys::*;
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// CKM_RSA_PKCS: signs the caller's bytes (a DigestInfo, mostly), and encrypts, wraps and encapsulates with block
/// type 2. PKCS#11 3.2, PKCS #1 v1.5 RSA.
pub static RSA_PKCS: Row = Row {
    ckm: CKM_RSA_PKCS,
    key_types: &[CKK_RSA],
    sizes: rsa::SIZES,
    shape: Shape::None,
    flags: 0,
    prepare: Some(rsa::prepare),
    ops: Ops {
        sign: Some(sign_raw),
        verify: Some(verify_raw),
        sign_recover: Some(sign_recover),
        verify_recover: Some(verify_recover),
        encrypt: Some(encryption::encrypt),
        decrypt: Some(encryption::decrypt),
        bare_padding: true,
        wraps: true,
        encapsulate: Some(|context, params, recipe| {
            rsa_kem::encapsulate(encryption::encrypt, context, params, recipe)
        }),
        encapsulated_len: Some(rsa_kem::encapsulated_len),
        decapsulate: Some(|context, params, recipe, ciphertext| {
            rsa_kem::decapsulate(encryption::decrypt, context, params, recipe, ciphertext)
        }),
        ..Ops::NONE
    },
};

/// CKM_SHA1_RSA_PKCS: verification only. PKCS#11 3.2, PKCS #1 v1.5 RSA signature with SHA-1.
pub static SHA1_RSA_PKCS: Row =
    row(CKM_SHA1_RSA_PKCS, None, |context, params| verify(Hash::Sha1, context, params));

/// The rows that sign and verify what they digest themselves.
macro_rules! rows {
    ($($(#[$doc:meta])* $name:ident: $ckm:ident, $hash:ident;)*) => {
        $(
            $(#[$doc])*
            pub static $name: Row = row(
                $ckm,
                Some(|context, params| sign(Hash::$hash, context, params)),
                |context, params| verify(Hash::$hash, context, params),
            );
        )*
    };
}

rows! {
    /// CKM_SHA224_RSA_PKCS. PKCS#11 3.2, PKCS #1 v1.5 RSA signature with hashing.
    SHA224_RSA_PKCS: CKM_SHA224_RSA_PKCS, Sha224;
    /// CKM_SHA256_RSA_PKCS. PKCS#11 3.2, PKCS #1 v1.5 RSA signature with hashing.
    SHA256_RSA_PKCS: CKM_SHA256_RSA_PKCS, Sha256;
    /// CKM_SHA384_RSA_PKCS. PKCS#11 3.2, PKCS #1 v1.5 RSA signature with hashing.
    SHA384_RSA_PKCS: CKM_SHA384_RSA_PKCS, Sha384;
    /// CKM_SHA512_RSA_PKCS. PKCS#11 3.2, PKCS #1 v1.5 RSA signature with hashing.
    SHA512_RSA_PKCS: CKM_SHA512_RSA_PKCS, Sha512;
    /// CKM_SHA3_224_RSA_PKCS. PKCS#11 3.2, PKCS #1 v1.5 RSA signature with hashing.
    SHA3_224_RSA_PKCS: CKM_SHA3_224_RSA_PKCS, Sha3_224;
    /// CKM_SHA3_256_RSA_PKCS. PKCS#11 3.2, PKCS #1 v1.5 RSA signature with hashing.
    SHA3_256_RSA_PKCS: CKM_SHA3_256_RSA_PKCS, Sha3_256;
    /// CKM_SHA3_384_RSA_PKCS. PKCS#11 3.2, PKCS #1 v1.5 RSA signature with hashing.
    SHA3_384_RSA_PKCS: CKM_SHA3_384_RSA_PKCS, Sha3_384;
    /// CKM_SHA3_512_RSA_PKCS. PKCS#11 3.2, PKCS #1 v1.5 RSA signature with hashing.
    SHA3_512_RSA_PKCS: CKM_SHA3_512_RSA_PKCS, Sha3_512;
}

const fn row(ckm: CK_MECHANISM_TYPE, sign: Option<StartSigning>, verify: StartVerifying) -> Row {
    Row {
        ckm,
        key_types: &[CKK_RSA],
        sizes: rsa::SIZES,
        shape: Shape::None,
        flags: 0,
        prepare: Some(rsa::prepare),
        ops: Ops { sign, verify: Some(verify), ..Ops::NONE },
    }
}

/// A signature over a digest that is taken here.
struct Hashed {
    key: Arc<Key>,
    message: Prehash,
}

/// A signature over the caller's bytes.
struct Raw {
    key: Arc<Key>,
    data: Collected,
}

fn sign(hash: Hash, context: &Context, params: &Params) -> Result<Box<dyn Signing>> {
    no_params(params)?;
    Ok(Box::new(Hashed { key: rsa::private(context)?, message: Prehash::new(hash) }))
}

fn verify(hash: Hash, context: &Context, params: &Params) -> Result<Box<dyn Verifying>> {
    no_params(params)?;
    Ok(Box::new(Hashed { key: rsa::public(context)?, message: Prehash::new(hash) }))
}

fn sign_raw(context: &Context, params: &Params) -> Result<Box<dyn Signing>> {
    no_params(params)?;
    Ok(Box::new(Raw::new(rsa::private(context)?)))
}

fn verify_raw(context: &Context, params: &Params) -> Result<Box<dyn Verifying>> {
    no_params(params)?;
    Ok(Box::new(Raw::new(rsa::public(context)?)))
}

/// A signature has the length of the modulus.
pub(super) const fn check_len(key: &Key, signature: &[u8]) -> Result<()> {
    if signature.len() == key.len() { Ok(()) } else { Err(Error::SignatureLenRange) }
}

impl Hashed {
    fn sign_digest(key: &Key, hash: Hash, digest: &[u8], out: &mut [u8]) -> Result<usize> {
        key.current()?.sign(hash, digest, first(out, key.len())?)?;
        Ok(key.len())
    }

    fn verify_digest(key: &Key, hash: Hash, digest: &[u8], signature: &[u8]) -> Result<()> {
        check_len(key, signature)?;
        key.current()?.verify(hash, digest, signature).map_err(|_| Error::SignatureInvalid)
    }
}

impl Signing for Hashed {
    fn len(&self) -> usize {
        self.key.len()
    }

    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.message.update(data)
    }

    fn finish(&mut self, out: &mut [u8]) -> Result<usize> {
        let hash = self.message.hash();
        Self::sign_digest(&self.key, hash, self.message.finish()?, out)
    }

    fn sign(&mut self, data: &[u8], out: &mut [u8]) -> Result<usize> {
        let hash = self.message.hash();
        Self::sign_digest(&self.key, hash, self.message.of(data)?, out)
    }
}

impl Verifying for Hashed {
    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.message.update(data)
    }

    fn finish(&mut self, signature: &[u8]) -> Result<()> {
        let hash = self.message.hash();
        Self::verify_digest(&self.key, hash, self.message.finish()?, signature)
    }

    fn verify(&mut self, data: &[u8], signature: &[u8]) -> Result<()> {
        let hash = self.message.hash();
        Self::verify_digest(&self.key, hash, self.message.of(data)?, signature)
    }
}

impl Raw {
    fn new(key: Arc<Key>) -> Self {
        let limit = key.len().saturating_sub(rsa_unpad::OVERHEAD);
        Self { key, data: Collected::new(limit, Error::DataLenRange) }
    }

    fn check(&self, data: &[u8]) -> Result<()> {
        let fits = data.len() <= self.key.len().saturating_sub(rsa_unpad::OVERHEAD);
        if fits { Ok(()) } else { Err(Error::DataLenRange) }
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
        let data = self.data.take();
        Signing::sign(self, &data, out)
    }

    fn sign(&mut self, data: &[u8], out: &mut [u8]) -> Result<usize> {
        self.check(data)?;
        self.key.current()?.sign_raw(data, first(out, self.key.len())?)?;
        Ok(self.key.len())
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
        self.check(data)?;
        check_len(&self.key, signature)?;
        let mut signed = vec![0; self.key.len()];
        let len = self.key.current()?.recover(signature, &mut signed).map_err(|_| Error::SignatureInvalid)?;
        let same = signed.get(..len).unwrap_or_default().ct_eq(data);
        if same.into() { Ok(()) } else { Err(Error::SignatureInvalid) }
    }
}

/// Puts data into a signature.
struct Embed(Arc<Key>);

/// Takes it out again.
struct Recover(Arc<Key>);

fn sign_recover(context: &Context, params: &Params) -> Result<Box<dyn Recovering>> {
    no_params(params)?;
    Ok(Box::new(Embed(rsa::private(context)?)))
}

fn verify_recover(context: &Context, params: &Params) -> Result<Box<dyn Recovering>> {
    no_params(params)?;
    Ok(Box::new(Recover(rsa::public(context)?)))
}

impl Recovering for Embed {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn run(&self, data: &[u8], out: &mut [u8]) -> Result<usize> {
        if data.len() > self.0.len().saturating_sub(rsa_unpad::OVERHEAD) {
            return Err(Error::DataLenRange);
        }
        self.0.current()?.sign_raw(data, first(out, self.0.len())?)?;
        Ok(self.0.len())
    }
}

impl Recovering for Recover {
    fn len(&self) -> usize {
        self.0.len().saturating_sub(rsa_unpad::OVERHEAD)
    }

    fn run(&self, signature: &[u8], out: &mut [u8]) -> Result<usize> {
        check_len(&self.0, signature)?;
        let mut block = vec![0; self.0.len()];
        let len = self.0.current()?.recover(signature, &mut block).map_err(|_| Error::SignatureInvalid)?;
        let data = block.get(..len).ok_or(Error::SignatureInvalid)?;
        first(out, len)?.copy_from_slice(data);
        Ok(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::tests::*;
    use crate::crypto::{Material, public_of};

    pub(super) fn contexts() -> (Context, Context) {
        let private = rsa_2048();
        let public = public_of(&private).unwrap().unwrap();
        (context(&RSA_PKCS, &private), context(&RSA_PKCS, &public))
    }

    #[test]
    fn sign_in_pieces_tampered_and_short_behaves() {
        let (private, public) = contexts();
        for row in [
            &SHA224_RSA_PKCS,
            &SHA256_RSA_PKCS,
            &SHA384_RSA_PKCS,
            &SHA512_RSA_PKCS,
            &SHA3_224_RSA_PKCS,
            &SHA3_256_RSA_PKCS,
            &SHA3_384_RSA_PKCS,
            &SHA3_512_RSA_PKCS,
        ] {
            check_signer(row, &private, &public, &Params::None, &[5; 777]);
        }
        check_signer(&RSA_PKCS, &private, &public, &Params::None, &[5; 51]);
    }

    /// Signatures made by OpenSSL 4.0 and 3.0 with the same key.
    #[test]
    fn sign_of_a_known_message_equals_openssl() {
        let (private, _) = contexts();
        let signature = signed(&SHA256_RSA_PKCS, &private, &Params::None, b"abc");
        assert_eq!(signature, hex(RSA_2048_SHA256_ABC));
        for (row, expected) in
            [(&SHA3_256_RSA_PKCS, RSA_2048_SHA3_256_ABC), (&SHA3_512_RSA_PKCS, RSA_2048_SHA3_512_ABC)]
        {
            assert_eq!(signed(row, &private, &Params::None, b"abc"), hex(expected), "{:#x}", row.ckm);
        }
    }

    #[test]
    fn sign_of_a_digest_info_equals_the_hashing_mechanism() {
        let (private, _) = contexts();
        let prefix = hex("3031300d060960864801650304020105000420");
        let mut digest = [0; 32];
        Hash::Sha256.digest(b"abc", &mut digest).unwrap();
        let info = [&prefix[..], &digest].concat();
        assert_eq!(signed(&RSA_PKCS, &private, &Params::None, &info), hex(RSA_2048_SHA256_ABC));
    }

    #[test]
    fn verify_with_sha1_works_and_sign_with_sha1_is_not_offered() {
        let (private, public) = contexts();
        let mut info = hex("3021300906052b0e03021a05000414");
        info.extend(hex("a9993e364706816aba3e25717850c26c9cd0d89d"));
        let signature = signed(&RSA_PKCS, &private, &Params::None, &info);
        assert_eq!(verified(&SHA1_RSA_PKCS, &public, &Params::None, b"abc", &signature), Ok(()));
        assert!(SHA1_RSA_PKCS.ops.sign.is_none());
    }

    #[test]
    fn sign_of_too_much_is_refused() {
        let (private, _) = contexts();
        let mut out = [0; 256];
        let start = || RSA_PKCS.ops.sign.unwrap()(&private, &Params::None).unwrap();
        assert_eq!(start().sign(&[0; 245], &mut out), Ok(256));
        assert_eq!(start().sign(&[0; 246], &mut out), Err(Error::DataLenRange));
        let mut parts = start();
        parts.update(&[0; 200]).unwrap();
        assert_eq!(parts.update(&[0; 46]), Err(Error::DataLenRange));
    }

    #[test]
    fn sign_with_a_public_key_or_a_parameter_is_refused() {
        let (private, public) = contexts();
        let start = SHA256_RSA_PKCS.ops.sign.unwrap();
        assert_eq!(start(&public, &Params::None).err(), Some(Error::KeyTypeInconsistent));
        assert_eq!(start(&private, &Params::Iv(vec![])).err(), Some(Error::MechanismParamInvalid));
    }

    #[test]
    fn encrypt_with_a_1024_bit_key_is_refused_and_verify_is_not() {
        let mut n = vec![0xFF; 128];
        n[127] = 0xF1;
        let public = context(&RSA_PKCS, &Material::RsaPublic { n, e: vec![3] });
        let refused = whole(RSA_PKCS.ops.encrypt, &public, &Params::None, b"x");
        assert_eq!(refused, Err(Error::KeySizeRange));
        let answer = verified(&SHA256_RSA_PKCS, &public, &Params::None, b"x", &[1; 128]);
        assert_eq!(answer, Err(Error::SignatureInvalid));
    }
}
