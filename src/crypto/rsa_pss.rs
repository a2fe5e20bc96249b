//! RSA with the probabilistic signature scheme (RFC 8017, 8.1).

use super::collected::Collected;
use super::digest::{self, Hash, Prehash};
use super::engine::rsa::{Pss, RsaKey};
use super::mechanism::{Context, Ops, Row, Signing, StartSigning, StartVerifying, Verifying};
use super::rsa::{self, Key};
use super::rsa_pkcs1::check_len;
use super::start::first;
use crate::ck::params::Shape;
use crate::ck::{CK_MECHANISM_TYPE, Error, Params, Result};
use cryptoki_sys::*;
use std::sync::Arc;

/// CKM_RSA_PKCS_PSS: signs a digest that the caller took. PKCS#11 3.2, PKCS #1 RSA PSS.
pub static RSA_PKCS_PSS: Row = Row {
    ckm: CKM_RSA_PKCS_PSS,
    key_types: &[CKK_RSA],
    sizes: rsa::SIZES,
    shape: Shape::Pss,
    flags: 0,
    prepare: Some(rsa::prepare),
    ops: Ops { sign: Some(sign_raw), verify: Some(verify_raw), ..Ops::NONE },
};

/// CKM_SHA1_RSA_PKCS_PSS: verification only. PKCS#11 3.2, PKCS #1 RSA PSS signature with hashing.
pub static SHA1_RSA_PKCS_PSS: Row =
    row(CKM_SHA1_RSA_PKCS_PSS, None, |context, params| verify(Hash::Sha1, context, params));

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
    /// CKM_SHA224_RSA_PKCS_PSS. PKCS#11 3.2, PKCS #1 RSA PSS signature with hashing.
    SHA224_RSA_PKCS_PSS: CKM_SHA224_RSA_PKCS_PSS, Sha224;
    /// CKM_SHA256_RSA_PKCS_PSS. PKCS#11 3.2, PKCS #1 RSA PSS signature with hashing.
    SHA256_RSA_PKCS_PSS: CKM_SHA256_RSA_PKCS_PSS, Sha256;
    /// CKM_SHA384_RSA_PKCS_PSS. PKCS#11 3.2, PKCS #1 RSA PSS signature with hashing.
    SHA384_RSA_PKCS_PSS: CKM_SHA384_RSA_PKCS_PSS, Sha384;
    /// CKM_SHA512_RSA_PKCS_PSS. PKCS#11 3.2, PKCS #1 RSA PSS signature with hashing.
    SHA512_RSA_PKCS_PSS: CKM_SHA512_RSA_PKCS_PSS, Sha512;
    /// CKM_SHA3_224_RSA_PKCS_PSS. PKCS#11 3.2, PKCS #1 RSA PSS signature with hashing.
    SHA3_224_RSA_PKCS_PSS: CKM_SHA3_224_RSA_PKCS_PSS, Sha3_224;
    /// CKM_SHA3_256_RSA_PKCS_PSS. PKCS#11 3.2, PKCS #1 RSA PSS signature with hashing.
    SHA3_256_RSA_PKCS_PSS: CKM_SHA3_256_RSA_PKCS_PSS, Sha3_256;
    /// CKM_SHA3_384_RSA_PKCS_PSS. PKCS#11 3.2, PKCS #1 RSA PSS signature with hashing.
    SHA3_384_RSA_PKCS_PSS: CKM_SHA3_384_RSA_PKCS_PSS, Sha3_384;
    /// CKM_SHA3_512_RSA_PKCS_PSS. PKCS#11 3.2, PKCS #1 RSA PSS signature with hashing.
    SHA3_512_RSA_PKCS_PSS: CKM_SHA3_512_RSA_PKCS_PSS, Sha3_512;
}

const fn row(ckm: CK_MECHANISM_TYPE, sign: Option<StartSigning>, verify: StartVerifying) -> Row {
    Row {
        ckm,
        key_types: &[CKK_RSA],
        sizes: rsa::SIZES,
        shape: Shape::Pss,
        flags: 0,
        prepare: Some(rsa::prepare),
        ops: Ops { sign, verify: Some(verify), ..Ops::NONE },
    }
}

/// A signature over a digest that is taken here.
struct Hashed {
    key: Arc<Key>,
    pss: Pss,
    message: Prehash,
}

/// A signature over the caller's digest.
struct Raw {
    key: Arc<Key>,
    pss: Pss,
    digest: Collected,
}

fn sign(hash: Hash, context: &Context, params: &Params) -> Result<Box<dyn Signing>> {
    let key = rsa::private(context)?;
    Ok(Box::new(Hashed::new(hash, key, params)?))
}

fn verify(hash: Hash, context: &Context, params: &Params) -> Result<Box<dyn Verifying>> {
    let key = rsa::public(context)?;
    Ok(Box::new(Hashed::new(hash, key, params)?))
}

fn sign_raw(context: &Context, params: &Params) -> Result<Box<dyn Signing>> {
    let key = rsa::private(context)?;
    let pss = parse(params, &key)?;
    if pss.hash == Hash::Sha1 {
        // SP 800-131A: SHA-1 protects nothing new, but old signatures can be verified.
        return Err(Error::MechanismParamInvalid);
    }
    Ok(Box::new(Raw::new(key, pss)))
}

fn verify_raw(context: &Context, params: &Params) -> Result<Box<dyn Verifying>> {
    let key = rsa::public(context)?;
    let pss = parse(params, &key)?;
    Ok(Box::new(Raw::new(key, pss)))
}

/// The parameter, checked: known hashes, and a salt that the key has room for
/// (RFC 8017, 9.1.1: emLen >= hLen + sLen + 2).
fn parse(params: &Params, key: &Key) -> Result<Pss> {
    let Params::Pss { hash, mgf, salt_len } = *params else { return Err(Error::MechanismParamInvalid) };
    let hash = digest::named(hash).ok_or(Error::MechanismParamInvalid)?;
    let mgf = digest::of_mask(mgf).ok_or(Error::MechanismParamInvalid)?;
    let salt_len = usize::try_from(salt_len).map_err(|_| Error::MechanismParamInvalid)?;
    let em_len = usize::try_from(key.bits().saturating_sub(1).div_ceil(8)).unwrap_or(0);
    if salt_len > em_len.saturating_sub(hash.len() + 2) {
        return Err(Error::MechanismParamInvalid);
    }
    let pss = Pss { hash, mgf, salt_len };
    if RsaKey::takes_pss(pss) { Ok(pss) } else { Err(Error::MechanismParamInvalid) }
}

fn sign_digest(key: &Key, pss: Pss, digest: &[u8], out: &mut [u8]) -> Result<usize> {
    key.current()?.sign_pss(pss, digest, first(out, key.len())?)?;
    Ok(key.len())
}

fn verify_digest(key: &Key, pss: Pss, digest: &[u8], signature: &[u8]) -> Result<()> {
    check_len(key, signature)?;
    key.current()?.verify_pss(pss, digest, signature).map_err(|_| Error::SignatureInvalid)
}

impl Hashed {
    /// The hash of the parameter must be the mechanism's.
    fn new(hash: Hash, key: Arc<Key>, params: &Params) -> Result<Self> {
        let pss = parse(params, &key)?;
        if pss.hash == hash {
            Ok(Self { key, pss, message: Prehash::new(hash) })
        } else {
            Err(Error::MechanismParamInvalid)
        }
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
        sign_digest(&self.key, self.pss, self.message.finish()?, out)
    }

    fn sign(&mut self, data: &[u8], out: &mut [u8]) -> Result<usize> {
        sign_digest(&self.key, self.pss, self.message.of(data)?, out)
    }
}

impl Verifying for Hashed {
    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.message.update(data)
    }

    fn finish(&mut self, signature: &[u8]) -> Result<()> {
        verify_digest(&self.key, self.pss, self.message.finish()?, signature)
    }

    fn verify(&mut self, data: &[u8], signature: &[u8]) -> Result<()> {
        verify_digest(&self.key, self.pss, self.message.of(data)?, signature)
    }
}

impl Raw {
    fn new(key: Arc<Key>, pss: Pss) -> Self {
        Self { key, pss, digest: Collected::new(pss.hash.len(), Error::DataLenRange) }
    }

    const fn check(&self, digest: &[u8]) -> Result<()> {
        if digest.len() == self.pss.hash.len() { Ok(()) } else { Err(Error::DataLenRange) }
    }
}

impl Signing for Raw {
    fn len(&self) -> usize {
        self.key.len()
    }

    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.digest.push(data)
    }

    fn finish(&mut self, out: &mut [u8]) -> Result<usize> {
        let digest = self.digest.take();
        Signing::sign(self, &digest, out)
    }

    fn sign(&mut self, data: &[u8], out: &mut [u8]) -> Result<usize> {
        self.check(data)?;
        sign_digest(&self.key, self.pss, data, out)
    }
}

impl Verifying for Raw {
    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.digest.push(data)
    }

    fn finish(&mut self, signature: &[u8]) -> Result<()> {
        let digest = self.digest.take();
        Verifying::verify(self, &digest, signature)
    }

    fn verify(&mut self, data: &[u8], signature: &[u8]) -> Result<()> {
        self.check(data)?;
        verify_digest(&self.key, self.pss, data, signature)
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
        (context(&RSA_PKCS_PSS, &private), context(&RSA_PKCS_PSS, &public))
    }

    /// Whether the engine has PSS with these.
    fn takes(hash: CK_MECHANISM_TYPE, mgf: CK_RSA_PKCS_MGF_TYPE) -> bool {
        let (hash, mgf) = (digest::named(hash).unwrap(), digest::of_mask(mgf).unwrap());
        RsaKey::takes_pss(Pss { hash, mgf, salt_len: 0 })
    }

    const fn pss(hash: CK_MECHANISM_TYPE, mgf: CK_RSA_PKCS_MGF_TYPE, salt_len: u64) -> Params {
        Params::Pss { hash, mgf, salt_len }
    }

    #[test]
    fn sign_in_pieces_tampered_and_short_behaves() {
        let (private, public) = contexts();
        for (row, hash, mgf, salt_len) in [
            (&SHA224_RSA_PKCS_PSS, CKM_SHA224, CKG_MGF1_SHA224, 28),
            (&SHA256_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA256, 32),
            (&SHA256_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA1, 0),
            (&SHA256_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA512, 222),
            (&SHA384_RSA_PKCS_PSS, CKM_SHA384, CKG_MGF1_SHA384, 20),
            (&SHA512_RSA_PKCS_PSS, CKM_SHA512, CKG_MGF1_SHA512, 64),
            (&SHA3_224_RSA_PKCS_PSS, CKM_SHA3_224, CKG_MGF1_SHA3_224, 28),
            (&SHA3_256_RSA_PKCS_PSS, CKM_SHA3_256, CKG_MGF1_SHA3_256, 32),
            (&SHA3_384_RSA_PKCS_PSS, CKM_SHA3_384, CKG_MGF1_SHA3_384, 0),
            (&SHA3_512_RSA_PKCS_PSS, CKM_SHA3_512, CKG_MGF1_SHA256, 190),
        ] {
            let params = pss(hash, mgf, salt_len);
            if takes(hash, mgf) {
                check_signer(row, &private, &public, &params, &[5; 777]);
            } else {
                let refused = row.ops.sign.unwrap()(&private, &params).err();
                assert_eq!(refused, Some(Error::MechanismParamInvalid));
            }
        }
        let params = pss(CKM_SHA256, CKG_MGF1_SHA256, 32);
        check_signer(&RSA_PKCS_PSS, &private, &public, &params, &[5; 32]);
    }

    /// Signature made by OpenSSL 4.0 with the same key, salt of 32 bytes.
    #[test]
    fn verify_of_a_signature_of_openssl_works() {
        let (_, public) = contexts();
        let params = pss(CKM_SHA256, CKG_MGF1_SHA256, 32);
        let signature = hex(RSA_2048_PSS_ABC);
        assert_eq!(verified(&SHA256_RSA_PKCS_PSS, &public, &params, b"abc", &signature), Ok(()));
        let shorter = pss(CKM_SHA256, CKG_MGF1_SHA256, 20);
        let refused = verified(&SHA256_RSA_PKCS_PSS, &public, &shorter, b"abc", &signature);
        assert_eq!(refused, Err(Error::SignatureInvalid));
        if takes(CKM_SHA3_256, CKG_MGF1_SHA3_512) {
            let params = pss(CKM_SHA3_256, CKG_MGF1_SHA3_512, 17);
            let signature = hex(RSA_2048_PSS_SHA3_ABC);
            assert_eq!(verified(&SHA3_256_RSA_PKCS_PSS, &public, &params, b"abc", &signature), Ok(()));
        }
        let params = pss(CKM_SHA_1, CKG_MGF1_SHA1, 20);
        let signature = hex(RSA_2048_PSS_SHA1_ABC);
        assert_eq!(verified(&SHA1_RSA_PKCS_PSS, &public, &params, b"abc", &signature), Ok(()));
        assert!(SHA1_RSA_PKCS_PSS.ops.sign.is_none());
    }

    /// All hashes, and all mask generation functions of the standard.
    const HASHES: &[(CK_MECHANISM_TYPE, usize)] = &[
        (CKM_SHA224, 28),
        (CKM_SHA256, 32),
        (CKM_SHA384, 48),
        (CKM_SHA512, 64),
        (CKM_SHA512_224, 28),
        (CKM_SHA512_256, 32),
        (CKM_SHA3_224, 28),
        (CKM_SHA3_256, 32),
        (CKM_SHA3_384, 48),
        (CKM_SHA3_512, 64),
    ];

    #[test]
    fn every_hash_goes_with_every_mask_and_salt() {
        let (private, public) = contexts();
        for (hash, len) in HASHES {
            let digest = vec![0x77; *len];
            for mgf in CKG_MGF1_SHA1..=CKG_MGF1_SHA3_512 {
                let longest = 256 - 2 - *len as u64;
                if !takes(*hash, mgf) {
                    let refused = sign_raw(&private, &pss(*hash, mgf, 0)).err();
                    assert_eq!(refused, Some(Error::MechanismParamInvalid));
                    continue;
                }
                for salt in [0, *len as u64, longest] {
                    let params = pss(*hash, mgf, salt);
                    let signature = signed(&RSA_PKCS_PSS, &private, &params, &digest);
                    assert_eq!(verified(&RSA_PKCS_PSS, &public, &params, &digest, &signature), Ok(()));
                    // Another mask does not do.
                    let other = pss(*hash, mgf % CKG_MGF1_SHA3_512 + 1, salt);
                    if takes(*hash, mgf % CKG_MGF1_SHA3_512 + 1) {
                        let refused = verified(&RSA_PKCS_PSS, &public, &other, &digest, &signature);
                        assert_eq!(refused, Err(Error::SignatureInvalid), "{params:?}");
                    }
                }
                let refused = sign_raw(&private, &pss(*hash, mgf, longest + 1)).err();
                assert_eq!(refused, Some(Error::MechanismParamInvalid));
            }
        }
    }

    #[test]
    fn sign_of_a_wrong_digest_length_is_refused() {
        let (private, _) = contexts();
        let params = pss(CKM_SHA256, CKG_MGF1_SHA256, 32);
        let mut out = [0; 256];
        for len in [0, 31, 33] {
            let mut signing = RSA_PKCS_PSS.ops.sign.unwrap()(&private, &params).unwrap();
            assert_eq!(signing.sign(&vec![0; len], &mut out), Err(Error::DataLenRange));
        }
    }

    #[test]
    fn start_with_wrong_parameters_is_refused() {
        let (private, public) = contexts();
        for (row, params) in [
            (&RSA_PKCS_PSS, Params::None),
            (&RSA_PKCS_PSS, pss(CKM_SHA256, CKG_MGF1_SHA256, 223)),
            (&RSA_PKCS_PSS, pss(CKM_SHA256, CKG_MGF1_SHA256, u64::MAX)),
            (&RSA_PKCS_PSS, pss(CKM_MD5, CKG_MGF1_SHA256, 32)),
            (&RSA_PKCS_PSS, pss(CKM_SHA256, 99, 32)),
            (&RSA_PKCS_PSS, pss(CKM_SHA_1, CKG_MGF1_SHA1, 20)),
            (&SHA256_RSA_PKCS_PSS, pss(CKM_SHA384, CKG_MGF1_SHA384, 32)),
        ] {
            let refused = row.ops.sign.unwrap()(&private, &params).err();
            assert_eq!(refused, Some(Error::MechanismParamInvalid), "{params:?}");
        }
        assert!(verify_raw(&public, &pss(CKM_SHA_1, CKG_MGF1_SHA1, 20)).is_ok());
        let params = pss(CKM_SHA256, CKG_MGF1_SHA256, 32);
        assert_eq!(sign_raw(&public, &params).err(), Some(Error::KeyTypeInconsistent));
    }
}
