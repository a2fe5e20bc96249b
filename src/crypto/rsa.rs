//! RSA keys (RFC 8017): bringing them in, and the prepared key that the paddings share. New keys are made in
//! `rsa_generation`.

use super::engine::digest::Hash;
use super::engine::mac::HmacKey;
use super::engine::numbers::{self, Number};
use super::engine::rsa::{Part, Parts, RsaKey};
use super::mechanism::{Context, Sizes};
use super::self_test::{self, Family};
use super::start::prepared;
use super::{Material, RsaPrivate, rsa_numbers};
use crate::ck::{Error, Result};
use crate::secret::Secret;
use crate::sys::fork;
use arc_swap::{ArcSwap, Guard};
use std::sync::Arc;

/// Smallest private key; SP 800-131A disallows what is smaller.
pub const MIN_PRIVATE_BITS: u32 = 2048;
/// Smallest public key: for the verification of old signatures only.
pub const MIN_PUBLIC_BITS: u32 = 1024;
/// Largest key, AWS-LC's own limit.
pub const MAX_BITS: u32 = 16_384;
/// Largest public exponent in bits (FIPS 186-5, 5.1: e < 2^256). An exponent as long as the modulus would make each
/// verification as slow as a signature.
pub(super) const MAX_EXPONENT_BITS: u32 = 256;

/// Sizes of the mechanisms that use a key.
pub(super) const SIZES: Sizes = Sizes::Bits(MIN_PUBLIC_BITS, MAX_BITS);

/// A key made ready. AWS-LC's object belongs to one side of a fork; on the other side it is made again
/// from the numbers, and the old one is left alone.
pub(super) struct Key {
    current: ArcSwap<RsaKey>,
    numbers: Numbers,
    bits: u32,
    len: usize,
    rejection: Option<HmacKey>,
}

/// The numbers that a key is made again from.
enum Numbers {
    Public { n: Vec<u8>, e: Vec<u8> },
    Private(RsaPrivate),
}

/// The numbers of a private key as a template has them, big-endian.
#[derive(Clone, Copy, Default)]
pub struct Import<'a> {
    /// `CKA_MODULUS`.
    pub n: &'a [u8],
    /// `CKA_PUBLIC_EXPONENT`.
    pub e: Option<&'a [u8]>,
    /// `CKA_PRIVATE_EXPONENT`.
    pub d: &'a [u8],
    /// `CKA_PRIME_1`.
    pub p: Option<&'a [u8]>,
    /// `CKA_PRIME_2`.
    pub q: Option<&'a [u8]>,
    /// `CKA_EXPONENT_1`.
    pub dp: Option<&'a [u8]>,
    /// `CKA_EXPONENT_2`.
    pub dq: Option<&'a [u8]>,
    /// `CKA_COEFFICIENT`.
    pub qi: Option<&'a [u8]>,
}

/// Makes a key ready, public or private. `CKR_KEY_SIZE_RANGE` outside 2048..=16384 bits for private keys
/// and 1024..=16384 for public ones.
pub(super) fn prepare(key: &Material) -> Result<Context> {
    self_test::ready(Family::Rsa)?;
    let (numbers, smallest) = match key {
        Material::RsaPublic { n, e } => (Numbers::Public { n: n.clone(), e: e.clone() }, MIN_PUBLIC_BITS),
        Material::RsaPrivate(key) => (Numbers::Private(key.duplicate()), MIN_PRIVATE_BITS),
        _ => return Err(Error::KeyTypeInconsistent),
    };
    let bits = key.bits();
    if !(smallest..=MAX_BITS).contains(&bits) {
        return Err(Error::KeySizeRange);
    }
    let object = numbers.object()?;
    let len = object.size();
    let rejection = numbers.rejection(len)?;
    Ok(Arc::new(Key { current: ArcSwap::from_pointee(object), numbers, bits, len, rejection }))
}

/// The prepared key of an operation that needs the private half.
pub(super) fn private(context: &Context) -> Result<Arc<Key>> {
    let key: Arc<Key> = prepared(context)?;
    match key.numbers {
        Numbers::Private(_) => Ok(key),
        Numbers::Public { .. } => Err(Error::KeyTypeInconsistent),
    }
}

/// The prepared key of an operation that needs the public half, which private keys have too.
pub(super) fn public(context: &Context) -> Result<Arc<Key>> {
    prepared(context)
}

impl Key {
    /// AWS-LC's object of this side of a fork: one load and one comparison.
    #[inline]
    pub(super) fn current(&self) -> Result<Guard<Arc<RsaKey>>> {
        let current = self.current.load();
        if current.generation() == fork::generation() { Ok(current) } else { self.rebuild() }
    }

    /// The first use after a fork. The old object is forgotten by its own `Drop`.
    #[cold]
    fn rebuild(&self) -> Result<Guard<Arc<RsaKey>>> {
        self.current.store(Arc::new(self.numbers.object()?));
        Ok(self.current.load())
    }

    /// Length of the modulus in bytes.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Size of the modulus in bits.
    pub(super) const fn bits(&self) -> u32 {
        self.bits
    }

    /// The modulus.
    pub(super) fn modulus(&self) -> &[u8] {
        match &self.numbers {
            Numbers::Public { n, .. } => n,
            Numbers::Private(key) => &key.n,
        }
    }

    /// The key of implicit rejection (`rsa_unpad`); private keys have one.
    pub(super) fn rejection(&self) -> Result<&HmacKey> {
        self.rejection.as_ref().ok_or(Error::KeyTypeInconsistent)
    }

    /// Encryption with a key that is only good for old signatures is `CKR_KEY_SIZE_RANGE`.
    pub(super) const fn encrypts(&self) -> Result<()> {
        if self.bits >= MIN_PRIVATE_BITS { Ok(()) } else { Err(Error::KeySizeRange) }
    }
}

impl Numbers {
    fn object(&self) -> Result<RsaKey> {
        Ok(match self {
            Self::Public { n, e } => RsaKey::public(n, e)?,
            Self::Private(key) => RsaKey::private(&key.parts())?,
        })
    }

    /// HMAC-SHA-256 keyed with the digest of the private exponent, at the length of the modulus
    /// (draft-irtf-cfrg-rsa-guidance, 7.1).
    fn rejection(&self, len: usize) -> Result<Option<HmacKey>> {
        let Self::Private(key) = self else { return Ok(None) };
        let mut exponent = Secret::zeroed(len);
        Number::from_bytes(key.d.expose())?.write(exponent.expose_mut())?;
        let mut digest = Secret::zeroed(Hash::Sha256.len());
        Hash::Sha256.digest(exponent.expose(), digest.expose_mut())?;
        Ok(Some(HmacKey::new(Hash::Sha256, digest.expose())?))
    }
}

impl RsaPrivate {
    pub(super) fn parts(&self) -> Parts<'_> {
        Parts {
            n: &self.n,
            e: &self.e,
            d: self.d.expose(),
            p: self.p.expose(),
            q: self.q.expose(),
            dp: self.dp.expose(),
            dq: self.dq.expose(),
            qi: self.qi.expose(),
        }
    }

    /// A copy for the prepared key. Secrets have no `Clone`, so that copies are made on purpose.
    fn duplicate(&self) -> Self {
        let [d, p, q, dp, dq, qi] = [&self.d, &self.p, &self.q, &self.dp, &self.dq, &self.qi]
            .map(|secret| Secret::from_slice(secret.expose()));
        Self { n: self.n.clone(), e: self.e.clone(), d, p, q, dp, dq, qi }
    }

    /// The numbers of AWS-LC's object.
    pub(super) fn of(object: &RsaKey) -> Result<Self> {
        let secret = |part| {
            let mut secret = Secret::zeroed(object.part_len(part));
            object.write_part(part, secret.expose_mut())?;
            Ok::<_, Error>(secret)
        };
        Ok(Self {
            n: secret(Part::N)?.expose().to_vec(),
            e: secret(Part::E)?.expose().to_vec(),
            d: secret(Part::D)?,
            p: secret(Part::P)?,
            q: secret(Part::Q)?,
            dp: secret(Part::Dp)?,
            dq: secret(Part::Dq)?,
            qi: secret(Part::Qi)?,
        })
    }
}

/// A private key of a caller's numbers. Missing primes are found from n, e and d; missing values of the
/// remainder theorem are computed; a missing e is found from the primes, or is a common one.
/// `CKR_TEMPLATE_INCOMPLETE` where e is missing and not found, `CKR_KEY_SIZE_RANGE` outside 2048..=16384 bits,
/// `CKR_ATTRIBUTE_VALUE_INVALID` where the numbers are no key.
pub fn import_private(import: &Import<'_>) -> Result<Material> {
    match import.e {
        Some(e) => complete(import, stripped(e)),
        None => {
            let (n, d) = (stripped(import.n), stripped(import.d));
            let bounded = (MIN_PRIVATE_BITS..=MAX_BITS).contains(&bits_of(n)) && d.len() <= n.len();
            let primes = import.p.zip(import.q);
            let found = bounded.then(|| rsa_numbers::public_exponent(n, d, primes)).flatten();
            complete(import, &found.ok_or(Error::TemplateIncomplete)?)
        }
    }
}

fn complete(import: &Import<'_>, e: &[u8]) -> Result<Material> {
    let (n, d) = (stripped(import.n), stripped(import.d));
    if !(MIN_PRIVATE_BITS..=MAX_BITS).contains(&bits_of(n)) {
        return Err(Error::KeySizeRange);
    }
    if d.is_empty() || d.len() > n.len() || bits_of(e) > MAX_EXPONENT_BITS {
        return Err(Error::AttributeValueInvalid);
    }
    let key = completed(n, e, d, import).map_err(|_| Error::AttributeValueInvalid)?;
    // The engine checks all numbers against each other here.
    RsaKey::private(&key.parts()).map_err(|_| Error::AttributeValueInvalid)?;
    Ok(Material::RsaPrivate(Box::new(key)))
}

/// All eight numbers, from those that came. The caller has bounded n, e and d.
fn completed(n: &[u8], e: &[u8], d: &[u8], import: &Import<'_>) -> Result<RsaPrivate> {
    let number = |bytes: &[u8]| Number::from_bytes(stripped(bytes));
    let exponent = number(d)?;
    let given = (import.p, import.q);
    let [p, q] = match given {
        (Some(p), Some(q)) => [number(p)?, number(q)?],
        _ => numbers::factors(&number(n)?, &number(e)?, &exponent)?.ok_or(Error::AttributeValueInvalid)?,
    };
    // The values that came belong to the primes that came.
    let whole = given.0.is_some() && given.1.is_some();
    let [dp, dq, qi] = match (whole, import.dp, import.dq, import.qi) {
        (true, Some(dp), Some(dq), Some(qi)) => [number(dp)?, number(dq)?, number(qi)?],
        _ => numbers::remainder_values(&exponent, &p, &q)?,
    };
    let secret = |number: &Number| {
        let mut secret = Secret::zeroed(number.len());
        number.write(secret.expose_mut())?;
        Ok::<_, Error>(secret)
    };
    Ok(RsaPrivate {
        n: n.to_vec(),
        e: e.to_vec(),
        d: secret(&exponent)?,
        p: secret(&p)?,
        q: secret(&q)?,
        dp: secret(&dp)?,
        dq: secret(&dq)?,
        qi: secret(&qi)?,
    })
}

/// A public key of a caller's numbers. `CKR_KEY_SIZE_RANGE` outside 1024..=16384 bits,
/// `CKR_ATTRIBUTE_VALUE_INVALID` where the numbers are no key.
pub fn import_public(n: &[u8], e: &[u8]) -> Result<Material> {
    let (n, e) = (stripped(n), stripped(e));
    if !(MIN_PUBLIC_BITS..=MAX_BITS).contains(&bits_of(n)) {
        return Err(Error::KeySizeRange);
    }
    if bits_of(e) > MAX_EXPONENT_BITS {
        return Err(Error::AttributeValueInvalid);
    }
    RsaKey::public(n, e).map_err(|_| Error::AttributeValueInvalid)?;
    Ok(Material::RsaPublic { n: n.to_vec(), e: e.to_vec() })
}

/// A number without its leading zeros.
pub(super) fn stripped(bytes: &[u8]) -> &[u8] {
    let leading = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.get(leading..).unwrap_or_default()
}

/// Size in bits of a number without leading zeros.
pub(super) fn bits_of(number: &[u8]) -> u32 {
    let leading = number.first().map_or(0, |first| first.leading_zeros());
    u32::try_from(number.len()).unwrap_or(u32::MAX).saturating_mul(8).saturating_sub(leading)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::rsa_generation;
    use crate::crypto::tests::rsa_2048;

    fn numbers() -> RsaPrivate {
        let Material::RsaPrivate(key) = rsa_2048() else { panic!("no private key") };
        *key
    }

    #[test]
    fn import_private_completes_what_is_missing() {
        let key = numbers();
        let parts = key.parts();
        let only = Import { n: parts.n, e: Some(parts.e), d: parts.d, ..Import::default() };
        let with_primes = Import { p: Some(parts.p), q: Some(parts.q), ..only };
        for import in [only, with_primes, Import { e: None, ..only }, Import { e: None, ..with_primes }] {
            let Material::RsaPrivate(made) = import_private(&import).unwrap() else {
                panic!("no private key")
            };
            let same = made.p.ct_eq(parts.p) && made.qi.ct_eq(parts.qi) && made.dq.ct_eq(parts.dq);
            assert_eq!(made.e, [1, 0, 1]);
            let swapped = made.p.ct_eq(parts.q) && made.q.ct_eq(parts.p) && made.dp.ct_eq(parts.dq);
            assert!(same || swapped);
        }
    }

    #[test]
    fn import_private_of_wrong_numbers_is_refused() {
        let key = numbers();
        let parts = key.parts();
        let right = Import { n: parts.n, e: Some(parts.e), d: parts.d, ..Import::default() };
        let refusal = |import: Import<'_>| import_private(&import).err();
        assert_eq!(refusal(Import { n: &parts.n[1..], ..right }), Some(Error::KeySizeRange));
        assert_eq!(refusal(Import { n: &[0xFF; 2049], ..right }), Some(Error::KeySizeRange));
        let mut d = parts.d.to_vec();
        d[200] ^= 1;
        let (p, q) = (Some(parts.p), Some(parts.q));
        for wrong in [
            Import { d: &d, ..right },
            Import { d: &[], ..right },
            Import { e: Some(&[3]), ..right },
            Import { e: Some(&[]), ..right },
            Import { e: Some(&[0xFF; 33]), ..right },
            Import { e: Some(&[0xFF; 3000]), ..right },
            Import { d: &d, p, q, ..right },
            Import { p, q: p, ..right },
            Import { p: Some(&[]), q, ..right },
            Import { p: Some(&[4; 128]), q, ..right },
            Import { p: Some(&[1; 3000]), q, ..right },
            Import { p: Some(&[]), q: Some(&[]), ..right },
            Import { p, q, dp: Some(parts.dq), dq: Some(parts.dp), qi: Some(parts.qi), ..right },
        ] {
            assert_eq!(refusal(wrong), Some(Error::AttributeValueInvalid));
            if wrong.e == right.e {
                let without = refusal(Import { e: None, ..wrong });
                assert!(matches!(without, Some(Error::TemplateIncomplete | Error::AttributeValueInvalid)));
            }
        }
    }

    #[test]
    fn import_public_of_wrong_numbers_is_refused() {
        let key = numbers();
        import_public(&[&[0, 0], &key.n[..]].concat(), &[0, 1, 0, 1]).unwrap();
        assert_eq!(import_public(&key.n[..127], &[3]).err(), Some(Error::KeySizeRange));
        import_public(&key.n, &[1, 0, 0, 0, 0, 1, 1]).unwrap();
        import_public(&key.n, &[0xFF; 32]).unwrap();
        for e in [&[][..], &[1], &[2], &[1; 33], &[1; 255]] {
            assert_eq!(import_public(&key.n, e).err(), Some(Error::AttributeValueInvalid), "{e:?}");
        }
        let mut even = key.n.clone();
        even[255] &= 0xFE;
        assert_eq!(import_public(&even, &[3]).err(), Some(Error::AttributeValueInvalid));
    }

    #[test]
    fn prepare_of_a_wrong_key_is_refused() {
        let short = Material::RsaPublic { n: vec![0xFF; 96], e: vec![3] };
        assert_eq!(prepare(&short).err(), Some(Error::KeySizeRange));
        let other = Material::Bytes(Secret::zeroed(16));
        assert_eq!(prepare(&other).err(), Some(Error::KeyTypeInconsistent));
        let public = prepare(&Material::RsaPublic { n: numbers().n, e: vec![1, 0, 1] }).unwrap();
        assert_eq!(private(&public).err(), Some(Error::KeyTypeInconsistent));
    }

    #[test]
    fn current_after_a_rebuild_is_a_working_key() {
        let context = prepare(&rsa_2048()).unwrap();
        let key = private(&context).unwrap();
        let before = Guard::into_inner(key.current().unwrap());
        let after = Guard::into_inner(key.rebuild().unwrap());
        assert!(!Arc::ptr_eq(&before, &after));
        rsa_generation::pairwise(&after).unwrap();
    }
}
