//! PBKDF2 (RFC 8018, 5.2): a key made from a password.
//!
//! How many iterations are enough is for whoever protects something with a password to say; what exists must be opened
//! with as many as it was closed with, so one is taken too. How many are too many is the module's question, because
//! nobody can end a call that computes for hours.

use super::digest::Hash;
use super::engine::Answer;
use super::engine::derivation::pbkdf2;
use super::hmac::MAX_KEY_LEN;
use super::mechanism::{Ops, Recipe, Row, Sizes};
use super::self_test::{self, Family, Known};
use super::{Material, generic_secret, import_secret, only_len};
use crate::ck::derivation::Pbkd2;
use crate::ck::params::Shape;
use crate::ck::{CK_ULONG, Error, Params, Result};
use crate::secret::Secret;
use cryptoki_sys::*;

/// CKM_PKCS5_PBKD2. PKCS#11 3.2, PKCS #5 PBKD2 key generation.
pub static PKCS5_PBKD2: Row = Row {
    ckm: CKM_PKCS5_PBKD2,
    key_types: generic_secret::SECRET_KEY_TYPES,
    sizes: Sizes::Bytes(1, MAX_KEY_LEN),
    shape: Shape::Pbkd2,
    flags: 0,
    prepare: None,
    ops: Ops { generate_from: Some(generate), ..Ops::NONE },
};

/// Most iterations of one call, those of all blocks together: some ten seconds.
pub(super) const MOST_ITERATIONS: u64 = 1 << 24;

/// The hash of a pseudo-random function.
const fn hash_of(prf: CK_ULONG) -> Option<Hash> {
    Some(match prf {
        CKP_PKCS5_PBKD2_HMAC_SHA1 => Hash::Sha1,
        CKP_PKCS5_PBKD2_HMAC_SHA224 => Hash::Sha224,
        CKP_PKCS5_PBKD2_HMAC_SHA256 => Hash::Sha256,
        CKP_PKCS5_PBKD2_HMAC_SHA384 => Hash::Sha384,
        CKP_PKCS5_PBKD2_HMAC_SHA512 => Hash::Sha512,
        CKP_PKCS5_PBKD2_HMAC_SHA512_224 => Hash::Sha512_224,
        CKP_PKCS5_PBKD2_HMAC_SHA512_256 => Hash::Sha512_256,
        _ => return None,
    })
}

fn generate(params: &Params, recipe: &Recipe) -> Result<Material> {
    self_test::ready(Family::Pbkdf2)?;
    let Params::Pbkd2(Pbkd2 { salt, iterations, prf, password }) = params else {
        return Err(Error::MechanismParamInvalid);
    };
    let hash = hash_of(*prf).ok_or(Error::MechanismParamInvalid)?;
    let kind = recipe.key_type.ok_or(Error::TemplateIncomplete)?;
    let len = recipe.value_len.or(only_len(kind)).ok_or(Error::TemplateIncomplete)?;
    if !(1..=MAX_KEY_LEN as usize).contains(&len) {
        return Err(Error::KeySizeRange);
    }
    let blocks = len.div_ceil(hash.len()) as u64;
    let iterations = u32::try_from(*iterations).map_err(|_| Error::MechanismParamInvalid)?;
    if iterations == 0 || u64::from(iterations) * blocks > MOST_ITERATIONS {
        return Err(Error::MechanismParamInvalid);
    }
    let mut value = Secret::zeroed(len);
    pbkdf2(hash, password.expose(), salt, iterations, value.expose_mut())?;
    import_secret(kind, &value).map_err(|_| Error::KeySizeRange)
}

/// RFC 7914, 11: PBKDF2 with HMAC-SHA-256 and one iteration, its first block.
pub(super) fn known_answer() -> Answer<bool> {
    let mut value = [0; 16];
    pbkdf2(Hash::Sha256, b"passwd", b"salt", 1, &mut value)?;
    Ok(value == RFC_7914)
}

const RFC_7914: Known<16> = Known::new([
    0x55, 0xAC, 0x04, 0x6E, 0x56, 0xE3, 0x08, 0x9F, 0xEC, 0x16, 0x91, 0xC2, 0x25, 0x44, 0xB6, 0x05,
]);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ck::derivation::Hidden;
    use crate::crypto::tests::hex;
    use zeroize::Zeroizing;

    fn params(prf: CK_ULONG, password: &[u8], salt: &[u8], iterations: CK_ULONG) -> Params {
        let password = Hidden::new(Zeroizing::new(password.to_vec()));
        Params::Pbkd2(Pbkd2 { salt: salt.to_vec(), iterations, prf, password })
    }

    fn made(params: &Params, key_type: CK_KEY_TYPE, value_len: Option<usize>) -> Result<Vec<u8>> {
        let recipe = Recipe { key_type: Some(key_type), value_len, ..Recipe::default() };
        match generate(params, &recipe)? {
            Material::Bytes(value) => Ok(value.expose().to_vec()),
            _ => panic!("no secret key"),
        }
    }

    fn of_len(params: &Params, len: usize) -> Result<Vec<u8>> {
        made(params, CKK_GENERIC_SECRET, Some(len))
    }

    /// RFC 6070, 2; RFC 7914, 11.
    #[test]
    fn keys_of_the_rfcs_are_known() {
        let sha1 = CKP_PKCS5_PBKD2_HMAC_SHA1;
        let long = (&b"passwordPASSWORDpassword"[..], &b"saltSALTsaltSALTsaltSALTsaltSALTsalt"[..]);
        type Case<'a> = (CK_ULONG, &'a [u8], &'a [u8], CK_ULONG, &'a str);
        let cases: [Case<'_>; 7] = [
            (sha1, b"password", b"salt", 1, "0c60c80f961f0e71f3a9b524af6012062fe037a6"),
            (sha1, b"password", b"salt", 2, "ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957"),
            (sha1, b"password", b"salt", 4096, "4b007901b765489abead49d926f721d065a429c1"),
            (sha1, long.0, long.1, 4096, "3d2eec4fe41c849b80c8d83662c0e44a8b291a964cf2f07038"),
            (sha1, b"pass\0word", b"sa\0lt", 4096, "56fa6aa75548099dcc37d7f03425e0c3"),
            (
                CKP_PKCS5_PBKD2_HMAC_SHA256,
                b"passwd",
                b"salt",
                1,
                "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783",
            ),
            (
                CKP_PKCS5_PBKD2_HMAC_SHA256,
                b"Password",
                b"NaCl",
                80_000,
                "4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56a1d425a1225833549adb841b51c9b3176a272bdebba1d078478f62b397f33c8d",
            ),
        ];
        for (prf, password, salt, iterations, key) in cases {
            let key = hex(key);
            let params = params(prf, password, salt, iterations);
            assert_eq!(of_len(&params, key.len()), Ok(key.clone()), "{iterations}");
        }
    }

    #[test]
    fn lengths_follow_the_type() {
        let params = params(CKP_PKCS5_PBKD2_HMAC_SHA512, b"pin", b"salt", 10);
        assert_eq!(made(&params, CKK_AES, Some(24)).map(|key| key.len()), Ok(24));
        assert_eq!(made(&params, CKK_CHACHA20, None).map(|key| key.len()), Ok(32));
        assert_eq!(made(&params, CKK_AES, None), Err(Error::TemplateIncomplete));
        assert_eq!(made(&params, CKK_AES, Some(20)), Err(Error::KeySizeRange));
        for len in [0, MAX_KEY_LEN as usize + 1, usize::MAX] {
            assert_eq!(of_len(&params, len), Err(Error::KeySizeRange));
        }
    }

    #[test]
    fn work_is_bounded_and_some_is_done() {
        let refused = Err(Error::MechanismParamInvalid);
        let with = |prf, iterations| params(prf, b"pin", b"salt", iterations);
        for iterations in [0, MOST_ITERATIONS + 1, 1 << 32, CK_ULONG::MAX] {
            assert_eq!(of_len(&with(CKP_PKCS5_PBKD2_HMAC_SHA256, iterations), 32), refused);
        }
        // Two blocks take twice the work.
        assert_eq!(of_len(&with(CKP_PKCS5_PBKD2_HMAC_SHA256, MOST_ITERATIONS), 33), refused);
        for prf in [0, CKP_PKCS5_PBKD2_HMAC_GOSTR3411, 9, CK_ULONG::MAX] {
            assert_eq!(of_len(&with(prf, 1000), 32), refused);
        }
        assert_eq!(of_len(&Params::None, 32), refused);
        let one = of_len(&with(CKP_PKCS5_PBKD2_HMAC_SHA256, 1), 32).unwrap();
        assert_ne!(of_len(&with(CKP_PKCS5_PBKD2_HMAC_SHA256, 2), 32), Ok(one));
    }
}
