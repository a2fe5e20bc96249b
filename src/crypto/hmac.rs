//! HMAC (FIPS 198-1). The prepared key is the pair of inner and outer states, so that neither signing
//! nor verifying sees the key's bytes again.

use super::engine::digest::MAX_LEN;
use super::engine::mac::{Hmac, HmacKey};
use super::mechanism::{Context, Ops, Prepare, Row, Signing, Sizes, Verifying};
use super::self_test::{self, Family};
use super::start::{first, no_params, prepared};
use super::{Material, digest::Hash};
use crate::ck::params::Shape;
use crate::ck::{CK_KEY_TYPE, CK_MECHANISM_TYPE, Error, Params, Result};
use cryptoki_sys::*;
use std::sync::Arc;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// CKM_SHA_1_HMAC: HMAC with SHA-1. PKCS#11 3.2, SHA-1.
pub static SHA_1_HMAC: Row =
    row(CKM_SHA_1_HMAC, &[CKK_SHA_1_HMAC, CKK_GENERIC_SECRET], |key| prepare(Hash::Sha1, key));
/// CKM_SHA224_HMAC: HMAC with SHA-224. PKCS#11 3.2, SHA-224.
pub static SHA224_HMAC: Row =
    row(CKM_SHA224_HMAC, &[CKK_SHA224_HMAC, CKK_GENERIC_SECRET], |key| prepare(Hash::Sha224, key));
/// CKM_SHA256_HMAC: HMAC with SHA-256. PKCS#11 3.2, SHA-256.
pub static SHA256_HMAC: Row =
    row(CKM_SHA256_HMAC, &[CKK_SHA256_HMAC, CKK_GENERIC_SECRET], |key| prepare(Hash::Sha256, key));
/// CKM_SHA384_HMAC: HMAC with SHA-384. PKCS#11 3.2, SHA-384.
pub static SHA384_HMAC: Row =
    row(CKM_SHA384_HMAC, &[CKK_SHA384_HMAC, CKK_GENERIC_SECRET], |key| prepare(Hash::Sha384, key));
/// CKM_SHA512_HMAC: HMAC with SHA-512. PKCS#11 3.2, SHA-512.
pub static SHA512_HMAC: Row =
    row(CKM_SHA512_HMAC, &[CKK_SHA512_HMAC, CKK_GENERIC_SECRET], |key| prepare(Hash::Sha512, key));

/// Longest key in bytes, as `generic_secret` makes them: the longest secret that Diffie-Hellman agrees on.
pub const MAX_KEY_LEN: u32 = 1024;

const fn row(ckm: CK_MECHANISM_TYPE, key_types: &'static [CK_KEY_TYPE], prepare: Prepare) -> Row {
    Row {
        ckm,
        key_types,
        sizes: Sizes::Bytes(1, MAX_KEY_LEN),
        shape: Shape::None,
        flags: 0,
        prepare: Some(prepare),
        ops: Ops { sign: Some(sign), verify: Some(verify), ..Ops::NONE },
    }
}

fn prepare(hash: Hash, key: &Material) -> Result<Context> {
    self_test::ready(Family::Hmac)?;
    let Material::Bytes(secret) = key else { return Err(Error::KeyTypeInconsistent) };
    if secret.is_empty() || secret.len() > MAX_KEY_LEN as usize {
        return Err(Error::KeySizeRange);
    }
    Ok(Arc::new(HmacKey::new(hash, secret.expose())?))
}

/// A running HMAC; the state of its own begins with the first part.
struct Running {
    key: Arc<HmacKey>,
    parts: Option<Hmac>,
}

impl Running {
    fn new(context: &Context, params: &Params) -> Result<Self> {
        no_params(params)?;
        Ok(Self { key: prepared(context)?, parts: None })
    }

    fn update(&mut self, data: &[u8]) -> Result<()> {
        let parts = match self.parts.take() {
            Some(parts) => parts,
            None => self.key.start()?,
        };
        Ok(self.parts.insert(parts).update(data)?)
    }

    fn finish(&mut self, out: &mut [u8]) -> Result<usize> {
        let Some(mut parts) = self.parts.take() else { return self.whole(&[], out) };
        let mut mac = Zeroizing::new([0; MAX_LEN]);
        let len = parts.finish(&mut mac)?;
        first(out, len)?.copy_from_slice(mac.get(..len).unwrap_or_default());
        Ok(len)
    }

    fn whole(&self, data: &[u8], out: &mut [u8]) -> Result<usize> {
        let out = first(out, self.key.len())?;
        self.key.mac(data, out)?;
        Ok(out.len())
    }
}

fn sign(context: &Context, params: &Params) -> Result<Box<dyn Signing>> {
    Ok(Box::new(Running::new(context, params)?))
}

fn verify(context: &Context, params: &Params) -> Result<Box<dyn Verifying>> {
    Ok(Box::new(Running::new(context, params)?))
}

impl Signing for Running {
    fn len(&self) -> usize {
        self.key.len()
    }

    fn update(&mut self, data: &[u8]) -> Result<()> {
        Self::update(self, data)
    }

    fn finish(&mut self, out: &mut [u8]) -> Result<usize> {
        Self::finish(self, out)
    }

    fn sign(&mut self, data: &[u8], out: &mut [u8]) -> Result<usize> {
        self.whole(data, out)
    }
}

impl Verifying for Running {
    fn update(&mut self, data: &[u8]) -> Result<()> {
        Self::update(self, data)
    }

    fn finish(&mut self, signature: &[u8]) -> Result<()> {
        let mut mac = Zeroizing::new([0; MAX_LEN]);
        let len = Self::finish(self, &mut *mac)?;
        compare(mac.get(..len).unwrap_or_default(), signature)
    }

    fn verify(&mut self, data: &[u8], signature: &[u8]) -> Result<()> {
        let mut mac = Zeroizing::new([0; MAX_LEN]);
        let len = self.whole(data, &mut *mac)?;
        compare(mac.get(..len).unwrap_or_default(), signature)
    }
}

/// Compares in constant time; only the length of a MAC is no secret.
pub(super) fn compare(mac: &[u8], signature: &[u8]) -> Result<()> {
    if signature.len() != mac.len() {
        return Err(Error::SignatureLenRange);
    }
    if mac.ct_eq(signature).into() { Ok(()) } else { Err(Error::SignatureInvalid) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::tests::{check_signer, context, hex, signed, verified};
    use crate::secret::Secret;

    fn bytes(key: &[u8]) -> Material {
        Material::Bytes(Secret::from_slice(key))
    }

    #[test]
    fn hmac_of_rfc_4231_case_2_is_known() {
        let key = bytes(b"Jefe");
        let message = b"what do ya want for nothing?";
        for (row, expected) in [
            (&SHA224_HMAC, "a30e01098bc6dbbf45690f3a7e9e6d0f8bbea2a39e6148008fd05e44"),
            (&SHA256_HMAC, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
            (
                &SHA384_HMAC,
                "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649",
            ),
            (
                &SHA512_HMAC,
                "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fd\
                 caeab1a34d4a6b4b636e070a38bce737",
            ),
        ] {
            let context = context(row, &key);
            assert_eq!(signed(row, &context, &Params::None, message), hex(expected), "{:#x}", row.ckm);
        }
    }

    #[test]
    fn hmac_of_rfc_4231_case_6_with_a_key_longer_than_a_block_is_known() {
        let context = context(&SHA256_HMAC, &bytes(&[0xAA; 131]));
        assert_eq!(
            signed(
                &SHA256_HMAC,
                &context,
                &Params::None,
                b"Test Using Larger Than Block-Size Key - Hash Key First"
            ),
            hex("60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54")
        );
    }

    #[test]
    fn hmac_sha1_of_rfc_2202_case_2_is_known() {
        let context = context(&SHA_1_HMAC, &bytes(b"Jefe"));
        assert_eq!(
            signed(&SHA_1_HMAC, &context, &Params::None, b"what do ya want for nothing?"),
            hex("effcdf6ae5eb2fa2d27416d5f184df9c259a7c79")
        );
    }

    #[test]
    fn hmac_in_pieces_tampered_and_short_behaves() {
        for row in [&SHA_1_HMAC, &SHA224_HMAC, &SHA256_HMAC, &SHA384_HMAC, &SHA512_HMAC] {
            let context = context(row, &bytes(&[9; 32]));
            check_signer(row, &context, &context, &Params::None, &[5; 777]);
        }
    }

    #[test]
    fn hmac_of_nothing_equals_hmac_of_the_empty_message() {
        let context = context(&SHA256_HMAC, &bytes(&[9; 32]));
        let empty = signed(&SHA256_HMAC, &context, &Params::None, b"");
        let mut running = SHA256_HMAC.ops.sign.unwrap()(&context, &Params::None).unwrap();
        let mut out = [0; 32];
        running.finish(&mut out).unwrap();
        assert_eq!(empty, out);
        assert_eq!(verified(&SHA256_HMAC, &context, &Params::None, b"", &empty), Ok(()));
    }

    #[test]
    fn prepare_of_a_wrong_key_is_refused() {
        let prepare = SHA256_HMAC.prepare.unwrap();
        assert_eq!(prepare(&bytes(&[])).err(), Some(Error::KeySizeRange));
        assert_eq!(prepare(&bytes(&[0; MAX_KEY_LEN as usize + 1])).err(), Some(Error::KeySizeRange));
        assert_eq!(prepare(&Material::EdPublic(vec![0; 32])).err(), Some(Error::KeyTypeInconsistent));
    }
}
