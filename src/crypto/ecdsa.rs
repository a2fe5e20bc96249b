//! ECDSA (FIPS 186-5, 6). Nonces are AWS-LC's, hedged with the key and the digest.

use super::collected::Collected;
use super::digest::{Hash, Prehash};
use super::ec::{self, Key};
use super::mechanism::{Context, Ops, Row, Signing, Sizes, StartSigning, StartVerifying, Verifying};
use super::self_test::{self, Family};
use super::start::{first, no_params};
use crate::ck::params::Shape;
use crate::ck::{CK_MECHANISM_TYPE, Error, Params, Result};
use cryptoki_sys::*;
use std::sync::Arc;

/// CKM_ECDSA: signs a digest that the caller took, of 1..=128 bytes. PKCS#11 3.2, ECDSA without hashing.
pub static ECDSA: Row = row(CKM_ECDSA, Some(sign_raw), verify_raw);

/// CKM_ECDSA_SHA1: verification only. PKCS#11 3.2, ECDSA with hashing.
pub static ECDSA_SHA1: Row = row(CKM_ECDSA_SHA1, None, |context, params| verify(Hash::Sha1, context, params));
/// CKM_ECDSA_SHA224. PKCS#11 3.2, ECDSA with hashing.
pub static ECDSA_SHA224: Row =
    row(CKM_ECDSA_SHA224, Some(|context, params| sign(Hash::Sha224, context, params)), |context, params| {
        verify(Hash::Sha224, context, params)
    });
/// CKM_ECDSA_SHA256. PKCS#11 3.2, ECDSA with hashing.
pub static ECDSA_SHA256: Row =
    row(CKM_ECDSA_SHA256, Some(|context, params| sign(Hash::Sha256, context, params)), |context, params| {
        verify(Hash::Sha256, context, params)
    });
/// CKM_ECDSA_SHA384. PKCS#11 3.2, ECDSA with hashing.
pub static ECDSA_SHA384: Row =
    row(CKM_ECDSA_SHA384, Some(|context, params| sign(Hash::Sha384, context, params)), |context, params| {
        verify(Hash::Sha384, context, params)
    });
/// CKM_ECDSA_SHA512. PKCS#11 3.2, ECDSA with hashing.
pub static ECDSA_SHA512: Row =
    row(CKM_ECDSA_SHA512, Some(|context, params| sign(Hash::Sha512, context, params)), |context, params| {
        verify(Hash::Sha512, context, params)
    });
/// CKM_ECDSA_SHA3_224. PKCS#11 3.2, ECDSA with hashing.
pub static ECDSA_SHA3_224: Row = row(
    CKM_ECDSA_SHA3_224,
    Some(|context, params| sign(Hash::Sha3_224, context, params)),
    |context, params| verify(Hash::Sha3_224, context, params),
);
/// CKM_ECDSA_SHA3_256. PKCS#11 3.2, ECDSA with hashing.
pub static ECDSA_SHA3_256: Row = row(
    CKM_ECDSA_SHA3_256,
    Some(|context, params| sign(Hash::Sha3_256, context, params)),
    |context, params| verify(Hash::Sha3_256, context, params),
);
/// CKM_ECDSA_SHA3_384. PKCS#11 3.2, ECDSA with hashing.
pub static ECDSA_SHA3_384: Row = row(
    CKM_ECDSA_SHA3_384,
    Some(|context, params| sign(Hash::Sha3_384, context, params)),
    |context, params| verify(Hash::Sha3_384, context, params),
);
/// CKM_ECDSA_SHA3_512. PKCS#11 3.2, ECDSA with hashing.
pub static ECDSA_SHA3_512: Row = row(
    CKM_ECDSA_SHA3_512,
    Some(|context, params| sign(Hash::Sha3_512, context, params)),
    |context, params| verify(Hash::Sha3_512, context, params),
);

/// Longest digest that a caller may bring.
const MAX_DIGEST: usize = 128;

const fn row(ckm: CK_MECHANISM_TYPE, sign: Option<StartSigning>, verify: StartVerifying) -> Row {
    Row {
        ckm,
        key_types: &[CKK_EC],
        // Verification takes P-224 too; nobody has a private key on it.
        sizes: Sizes::Bits(224, 521),
        shape: Shape::None,
        flags: ec::FLAGS,
        prepare: Some(ec::prepare),
        ops: Ops { sign, verify: Some(verify), ..Ops::NONE },
    }
}

/// A signature over a digest that is taken here.
struct Hashed {
    key: Arc<Key>,
    message: Prehash,
}

/// A signature over the caller's digest.
struct Raw {
    key: Arc<Key>,
    digest: Collected,
}

fn sign(hash: Hash, context: &Context, params: &Params) -> Result<Box<dyn Signing>> {
    no_params(params)?;
    self_test::ready(Family::Digest)?;
    Ok(Box::new(Hashed { key: ec::private(context)?, message: Prehash::new(hash) }))
}

fn verify(hash: Hash, context: &Context, params: &Params) -> Result<Box<dyn Verifying>> {
    verify_with(&ec::public(context)?, Some(hash), params)
}

/// Starts a verification with a key that another file prepared: of a message under a hash, or of a digest.
pub(super) fn verify_with(key: &Arc<Key>, hash: Option<Hash>, params: &Params) -> Result<Box<dyn Verifying>> {
    no_params(params)?;
    let key = Arc::clone(key);
    match hash {
        Some(hash) => {
            self_test::ready(Family::Digest)?;
            Ok(Box::new(Hashed { key, message: Prehash::new(hash) }))
        }
        None => Ok(Box::new(Raw::new(key))),
    }
}

fn sign_raw(context: &Context, params: &Params) -> Result<Box<dyn Signing>> {
    no_params(params)?;
    Ok(Box::new(Raw::new(ec::private(context)?)))
}

fn verify_raw(context: &Context, params: &Params) -> Result<Box<dyn Verifying>> {
    verify_with(&ec::public(context)?, None, params)
}

/// r and s, each as long as the order of the curve.
const fn signature_len(key: &Key) -> usize {
    2 * key.curve.len()
}

fn sign_digest(key: &Key, digest: &[u8], out: &mut [u8]) -> Result<usize> {
    key.key.sign(digest, first(out, signature_len(key))?)?;
    Ok(signature_len(key))
}

/// A signature to verify may be shorter: "an octet string of even length which is at most two times
/// nLen octets" (PKCS#11 3.2, EC signatures).
fn verify_digest(key: &Key, digest: &[u8], signature: &[u8]) -> Result<()> {
    let len = signature.len();
    if len == 0 || !len.is_multiple_of(2) || len > signature_len(key) {
        return Err(Error::SignatureLenRange);
    }
    key.key.verify(digest, signature).map_err(|_| Error::SignatureInvalid)
}

impl Signing for Hashed {
    fn len(&self) -> usize {
        signature_len(&self.key)
    }

    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.message.update(data)
    }

    fn finish(&mut self, out: &mut [u8]) -> Result<usize> {
        sign_digest(&self.key, self.message.finish()?, out)
    }

    fn sign(&mut self, data: &[u8], out: &mut [u8]) -> Result<usize> {
        sign_digest(&self.key, self.message.of(data)?, out)
    }
}

impl Verifying for Hashed {
    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.message.update(data)
    }

    fn finish(&mut self, signature: &[u8]) -> Result<()> {
        verify_digest(&self.key, self.message.finish()?, signature)
    }

    fn verify(&mut self, data: &[u8], signature: &[u8]) -> Result<()> {
        verify_digest(&self.key, self.message.of(data)?, signature)
    }
}

impl Raw {
    fn new(key: Arc<Key>) -> Self {
        Self { key, digest: Collected::new(MAX_DIGEST, Error::DataLenRange) }
    }
}

/// The leftmost bits of a digest count, as many as the order of the curve has.
fn check(digest: &[u8]) -> Result<()> {
    if (1..=MAX_DIGEST).contains(&digest.len()) { Ok(()) } else { Err(Error::DataLenRange) }
}

impl Signing for Raw {
    fn len(&self) -> usize {
        signature_len(&self.key)
    }

    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.digest.push(data)
    }

    fn finish(&mut self, out: &mut [u8]) -> Result<usize> {
        let digest = self.digest.take();
        Signing::sign(self, &digest, out)
    }

    fn sign(&mut self, data: &[u8], out: &mut [u8]) -> Result<usize> {
        check(data)?;
        sign_digest(&self.key, data, out)
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
        check(data)?;
        verify_digest(&self.key, data, signature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::tests::*;
    use crate::crypto::{Curve, Material, public_of};

    fn contexts(curve: Curve) -> (Context, Context) {
        let (_, scalar, _) = ec::tests::known_keys().find(|(known, ..)| *known == curve).unwrap();
        let private = ec::import_private(curve, &hex(scalar)).unwrap();
        let public = public_of(&private).unwrap().unwrap();
        (context(&ECDSA, &private), context(&ECDSA, &public))
    }

    #[test]
    fn sign_in_pieces_tampered_and_short_behaves() {
        for curve in ec::tests::curves() {
            let (private, public) = contexts(curve);
            for row in [
                &ECDSA_SHA224,
                &ECDSA_SHA256,
                &ECDSA_SHA384,
                &ECDSA_SHA512,
                &ECDSA_SHA3_224,
                &ECDSA_SHA3_256,
                &ECDSA_SHA3_384,
                &ECDSA_SHA3_512,
            ] {
                check_signer(row, &private, &public, &Params::None, &[5; 777]);
            }
            for len in [1, 20, 32, 47, 64, 65, 66, 128] {
                check_signer(&ECDSA, &private, &public, &Params::None, &vec![0xE5; len]);
            }
        }
    }

    /// RFC 6979, A.2.4 to A.2.7, message "sample"; on the other curves made by OpenSSL of the same message.
    const KNOWN_SIGNATURES: &[(Curve, &Row, &str)] = &[
        (
            Curve::P256,
            &ECDSA_SHA256,
            "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8",
        ),
        (
            Curve::P256,
            &ECDSA_SHA1,
            "61340C88C3AAEBEB4F6D667F672CA9759A6CCAA9FA8811313039EE4A35471D326D7F147DAC089441BB2E2FE8F7A3FA264B9C475098FDCF6E00D7C996E1B8B7EB",
        ),
        (
            Curve::P384,
            &ECDSA_SHA256,
            "21B13D1E013C7FA1392D03C5F99AF8B30C570C6F98D4EA8E354B63A21D3DAA33BDE1E888E63355D92FA2B3C36D8FB2CDF3AA443FB107745BF4BD77CB3891674632068A10CA67E3D45DB2266FA7D1FEEBEFDC63ECCD1AC42EC0CB8668A4FA0AB0",
        ),
        (
            Curve::P521,
            &ECDSA_SHA256,
            "01511BB4D675114FE266FC4372B87682BAECC01D3CC62CF2303C92B3526012659D16876E25C7C1E57648F23B73564D67F61C6F14D527D54972810421E7D87589E1A7004A171143A83163D6DF460AAF61522695F207A58B95C0644D87E52AA1A347916E4F7A72930B1BC06DBE22CE3F58264AFD23704CBB63B29B931F7DE6C9D949A7ECFC",
        ),
        (
            Curve::P224,
            &ECDSA_SHA256,
            "61AA3DA010E8E8406C656BC477A7A7189895E7E840CDFE8FF42307BABC814050DAB5D23770879494F9E0A680DC1AF7161991BDE692B10101",
        ),
        (
            Curve::Secp256k1,
            &ECDSA_SHA256,
            "A77CC2F131B443B14B36F255EC389EAF4D664D98513DD6C509608DE3E1A16B790936B69A63EAC009C4DAA627A424A0E2276F5FFB58088A6232BA021405B4FD97",
        ),
        (
            Curve::BrainpoolP256r1,
            &ECDSA_SHA256,
            "0E5992B99209DCAE73BD759C034F62F2D63FA39DDA12F5CD5B508586BCB2F95C83C370C7592B648E2A6946D2A4A89ED91891873433915784B5E0F2361651AF37",
        ),
        (
            Curve::BrainpoolP384r1,
            &ECDSA_SHA384,
            "7EC2A8784205B605C60844302D0CF4FFBA13585FFAE1AE67B9205ED57F553450A28B0ABBF669699F6720B6B02A743A8F3A8BCF4161E1EA8A458BCBA99AA2F029EF53422C91EB1AC3ABDB5F0E380D659F16B761316A42C97781B3ED76CB26A994",
        ),
        (
            Curve::BrainpoolP512r1,
            &ECDSA_SHA512,
            "5117F14D93FD08FE25A6864348F4131C71E4CC4DEFCD0649400E18EDC033A1FCF4AF133EB441BF62B519DF7450C1C5898D609FFD663D76B8E594AFB333998D34A53B74C473D4925029AD9BDB4AA070A38D40B6388C8F98A075BC65E8824CC36DB2F5D6290FA37D0C0D8EE82C79CCDE070526E963D02C1E5F87D0AD42D70CAF28",
        ),
        (
            Curve::P256,
            &ECDSA_SHA3_224,
            "2EDB03E3963A5725983B9FF123293666068E4E6FA81D619CA2EA05B5FD2478AFE142AFD28F29B5015C1D7C497A148979825143545E366AD2A420D383780F0CEB",
        ),
        (
            Curve::P256,
            &ECDSA_SHA3_256,
            "FF2CF8CE2CE7CD550EF6371F5539028DDA4721B0158066D865E720EFA58609A4BB21E4668CF5C9C510821266E0B7F6BCE699B05CF94199B85EE48927B170853C",
        ),
        (
            Curve::P256,
            &ECDSA_SHA3_384,
            "83DDFA51B529ED68155505B6858DE7A2BD99785188EE7946E958011AA76877934BCE8FA8691E890DC12ECCDEB60410B17BBACCD084DEE8D2E19C68D7041ED796",
        ),
        (
            Curve::P256,
            &ECDSA_SHA3_512,
            "45A3A65892A3D43AE9D714B28FA38BCC225A5D1C09701255360BCA9CF55129965E84DB87773CC2D9E2331FA157E85E2F5EBC57C61A12591222FA03C622BA502C",
        ),
    ];

    #[test]
    fn verify_of_known_signatures_works() {
        for (curve, row, signature) in KNOWN_SIGNATURES.iter().filter(|known| known.0.is_supported()) {
            let public = match curve {
                Curve::P224 => {
                    let key = ec::import_public(*curve, &hex(ec::tests::P224_PUBLIC)).unwrap();
                    context(row, &key)
                }
                _ => contexts(*curve).1,
            };
            let signature = hex(signature);
            assert_eq!(verify_answer(row, &public, b"sample", &signature), Ok(()), "{curve:?}");
            let refused = verify_answer(row, &public, b"simple", &signature);
            assert_eq!(refused, Err(Error::SignatureInvalid), "{curve:?}");
        }
    }

    fn verify_answer(row: &Row, context: &Context, data: &[u8], signature: &[u8]) -> Result<()> {
        verified(row, context, &Params::None, data, signature)
    }

    #[test]
    fn verify_of_a_shorter_even_signature_is_allowed_and_of_other_lengths_refused() {
        let (private, public) = contexts(Curve::P521);
        // On P-521 the first byte of r and of s is 0 or 1: sign until both are 0.
        let short = (0_u32..10_000).find_map(|_| {
            let signature = signed(&ECDSA, &private, &Params::None, &[1; 32]);
            (signature[0] == 0 && signature[66] == 0).then(|| [&signature[1..66], &signature[67..]].concat())
        });
        assert_eq!(verify_answer(&ECDSA, &public, &[1; 32], &short.unwrap()), Ok(()));
        for len in [0, 1, 131, 133, 134] {
            let refused = verify_answer(&ECDSA, &public, &[1; 32], &vec![1; len]);
            assert_eq!(refused, Err(Error::SignatureLenRange), "{len}");
        }
        for value in [0, 0xFF] {
            let refused = verify_answer(&ECDSA, &public, &[1; 32], &[value; 132]);
            assert_eq!(refused, Err(Error::SignatureInvalid));
        }
    }

    #[test]
    fn sign_of_a_wrong_digest_length_is_refused() {
        let (private, public) = contexts(Curve::P256);
        let start = || sign_raw(&private, &Params::None).unwrap();
        let mut out = [0; 64];
        assert_eq!(start().sign(&[], &mut out), Err(Error::DataLenRange));
        assert_eq!(start().finish(&mut out), Err(Error::DataLenRange));
        assert_eq!(start().sign(&[0; 129], &mut out), Err(Error::DataLenRange));
        assert_eq!(start().update(&[0; 129]), Err(Error::DataLenRange));
        assert_eq!(sign_raw(&public, &Params::None).err(), Some(Error::KeyTypeInconsistent));
        let refused = sign_raw(&private, &Params::Iv(vec![])).err();
        assert_eq!(refused, Some(Error::MechanismParamInvalid));
    }

    #[test]
    fn prepare_of_a_wrong_key_is_refused() {
        let prepare = ECDSA.prepare.unwrap();
        let wrong = Material::EdPublic(vec![1; 32]);
        assert_eq!(prepare(&wrong).err(), Some(Error::KeyTypeInconsistent));
        let point = vec![4; 65];
        assert!(prepare(&Material::EcPublic { curve: Curve::P256, point }).is_err());
    }
}
