//! New RSA key pairs (FIPS 186-5, 5.1 and A.1.3). The engine makes them where it makes such keys; the others come from
//! primes that are drawn here. Each is held to the conditions of the standard and tried before anybody sees it.

use super::engine::digest::Hash;
use super::engine::rsa::RsaKey;
use super::mechanism::{Ops, Recipe, Row, Sizes};
use super::rsa::{self, MIN_PRIVATE_BITS, stripped};
use super::self_test::{self, Family};
use super::{Material, Pair, RsaPrivate, rsa_numbers};
use crate::ck::params::Shape;
use crate::ck::{Error, Result};
use cryptoki_sys::*;

/// CKM_RSA_PKCS_KEY_PAIR_GEN. PKCS#11 3.2, PKCS #1 RSA key pair generation.
pub static KEY_PAIR_GEN: Row = Row {
    ckm: CKM_RSA_PKCS_KEY_PAIR_GEN,
    key_types: &[CKK_RSA],
    sizes: Sizes::Bits(MIN_PRIVATE_BITS, MAX_BITS),
    shape: Shape::None,
    flags: 0,
    prepare: None,
    ops: Ops { generate_pair: Some(generate_pair), ..Ops::NONE },
};

/// Largest key that is made here: one of 16384 bits would hold the calling thread for minutes. Larger ones come
/// from elsewhere.
pub const MAX_BITS: u32 = 8192;

/// F4, where a template names no exponent.
const DEFAULT_EXPONENT: &[u8] = &[1, 0, 1];
/// The engine makes keys with exponents of 32 bits at most.
const ENGINE_EXPONENT_LEN: usize = 4;
/// The engine makes keys whose size is a multiple of this.
const ENGINE_STEP: u32 = 128;

/// Makes a key pair, and tries it. `CKR_KEY_SIZE_RANGE` outside 2048..=8192 bits and for an odd size,
/// `CKR_TEMPLATE_INCONSISTENT` for a public exponent that makes no key, `CKR_DEVICE_ERROR` where the new key fails
/// a check.
fn generate_pair(recipe: &Recipe) -> Result<Pair> {
    self_test::ready(Family::Rsa)?;
    if recipe.key_type.is_some_and(|wanted| wanted != CKK_RSA) {
        return Err(Error::TemplateInconsistent);
    }
    let bits = recipe.modulus_bits.ok_or(Error::TemplateIncomplete)?;
    if !(MIN_PRIVATE_BITS..=MAX_BITS).contains(&bits) || bits % 2 != 0 {
        return Err(Error::KeySizeRange);
    }
    let e = match &recipe.public_exponent {
        None => DEFAULT_EXPONENT,
        Some(bytes) => exponent(bytes)?,
    };
    let key = if bits.is_multiple_of(ENGINE_STEP) && e.len() <= ENGINE_EXPONENT_LEN {
        made_by_engine(bits, e)?
    } else {
        rsa_numbers::draw(bits, e)?
    };
    tried(key, bits, e)
}

/// "CKR_TEMPLATE_INCONSISTENT shall be returned if the implementation cannot use the supplied exponent value": it is
/// odd, above 1 and has 256 bits at most. FIPS 186-5 wants it above 2^16; a smaller one is made where a template
/// asks for it.
fn exponent(bytes: &[u8]) -> Result<&[u8]> {
    let e = stripped(bytes);
    let odd = e.last().is_some_and(|last| last % 2 == 1);
    if odd && e != [1] && rsa::bits_of(e) <= rsa::MAX_EXPONENT_BITS {
        Ok(e)
    } else {
        Err(Error::TemplateInconsistent)
    }
}

fn made_by_engine(bits: u32, e: &[u8]) -> Result<RsaPrivate> {
    let exponent = e.iter().fold(0, |value, digit| value << 8 | u64::from(*digit));
    RsaPrivate::of(&RsaKey::generate(bits, exponent)?)
}

/// A new key that meets the conditions, whose numbers belong together, and that verifies what it signs
/// (FIPS 140-3 IG 10.3.A). One that does not is dropped: `CKR_DEVICE_ERROR`.
fn tried(key: RsaPrivate, bits: u32, e: &[u8]) -> Result<Pair> {
    if !rsa_numbers::meets_fips_186_5(&key, bits, e) {
        return Err(Error::DeviceError);
    }
    pairwise(&RsaKey::private(&key.parts())?)?;
    let public = Material::RsaPublic { n: key.n.clone(), e: key.e.clone() };
    Ok(Pair { public, private: Material::RsaPrivate(Box::new(key)) })
}

/// Pairwise consistency: what the key signs, it verifies, and nothing else.
pub(super) fn pairwise(object: &RsaKey) -> Result<()> {
    let mut digest = [0x5A; 32];
    let mut signature = vec![0; object.size()];
    object.sign(Hash::Sha256, &digest, &mut signature)?;
    object.verify(Hash::Sha256, &digest, &signature)?;
    digest = [0xA5; 32];
    if object.verify(Hash::Sha256, &digest, &signature).is_ok() { Err(Error::DeviceError) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ck::Params;
    use crate::crypto::tests::{check_signer, context};
    use crate::crypto::{rsa_pkcs1, rsa_pss};

    fn recipe(bits: u32, e: Option<&[u8]>) -> Recipe {
        let public_exponent = e.map(<[u8]>::to_vec);
        Recipe { modulus_bits: Some(bits), public_exponent, ..Recipe::default() }
    }

    fn made(bits: u32, e: Option<&[u8]>) -> Result<RsaPrivate> {
        match generate_pair(&recipe(bits, e))?.private {
            Material::RsaPrivate(key) => Ok(*key),
            _ => panic!("no private key"),
        }
    }

    #[test]
    fn generate_pair_makes_a_key_that_imports() {
        let key = made(2048, Some(&[0, 3])).unwrap();
        assert_eq!((key.e.as_slice(), rsa::bits_of(&key.n)), (&[3][..], 2048));
        let parts = key.parts();
        let (n, e, d) = (parts.n, Some(parts.e), parts.d);
        let import = rsa::Import { n, e, d, p: Some(parts.p), q: Some(parts.q), ..rsa::Import::default() };
        rsa::import_private(&import).unwrap();
        assert_eq!(made(2048, None).unwrap().e, [1, 0, 1]);
    }

    /// Sizes and exponents that the engine does not make: what comes of the drawn primes signs and verifies.
    #[test]
    fn generate_pair_of_any_size_and_exponent_makes_a_key_that_signs() {
        for (bits, e) in [(2050, &[1, 0, 1][..]), (2064, &[1, 0, 0, 0, 1]), (2048, &[0xFF; 32])] {
            let pair = generate_pair(&recipe(bits, Some(e))).unwrap();
            assert_eq!(pair.public.bits(), bits);
            let [private, public] =
                [&pair.private, &pair.public].map(|half| context(&rsa_pkcs1::SHA256_RSA_PKCS, half));
            check_signer(&rsa_pkcs1::SHA256_RSA_PKCS, &private, &public, &Params::None, &[5; 77]);
            let pss = Params::Pss { hash: CKM_SHA256, mgf: CKG_MGF1_SHA256, salt_len: 32 };
            check_signer(&rsa_pss::SHA256_RSA_PKCS_PSS, &private, &public, &pss, &[5; 77]);
        }
    }

    #[test]
    fn generate_pair_of_a_wrong_template_is_refused() {
        let refusal = |recipe: &Recipe| generate_pair(recipe).err();
        assert_eq!(refusal(&Recipe::default()), Some(Error::TemplateIncomplete));
        for bits in [0, 1024, 2046, 2049, 8193, 8194, 16_384, u32::MAX] {
            assert_eq!(refusal(&recipe(bits, None)), Some(Error::KeySizeRange), "{bits}");
        }
        for e in [&[][..], &[0], &[1], &[2], &[1, 0, 0], &[0; 40], &[1; 33], &[1; 256], &[0xFF; 5000]] {
            assert_eq!(refusal(&recipe(2048, Some(e))), Some(Error::TemplateInconsistent), "{e:?}");
        }
        let other = Recipe { key_type: Some(CKK_EC), ..recipe(2048, None) };
        assert_eq!(refusal(&other), Some(Error::TemplateInconsistent));
    }

    /// A generator that made such keys would be found out, and its keys would reach nobody.
    #[test]
    fn a_new_key_that_fails_a_check_is_dropped() {
        let e = &[1, 0, 1];
        let good = || made(2048, Some(e)).unwrap();
        tried(good(), 2048, e).unwrap();
        // Another size and another exponent than asked for.
        assert_eq!(tried(good(), 2050, e).err(), Some(Error::DeviceError));
        assert_eq!(tried(good(), 2048, &[3]).err(), Some(Error::DeviceError));
        // Values of the remainder theorem that are another key's: no condition of the standard, but RSA_check_key.
        let (one, other) = (good(), good());
        assert_eq!(tried(RsaPrivate { dp: other.dp, ..one }, 2048, e).err(), Some(Error::DeviceError));
        let one = good();
        assert_eq!(tried(RsaPrivate { qi: other.qi, ..one }, 2048, e).err(), Some(Error::DeviceError));
    }
}
