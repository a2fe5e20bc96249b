//! The numbers of an RSA key as FIPS 186-5 wants them: drawing primes for keys that the engine does not make,
//! the values that follow from the primes, and the conditions that each new key must meet.
//!
//! The arithmetic is that of `crypto-bigint`, in constant time for the lengths that are public.

use super::RsaPrivate;
use super::random::Stream;
use crate::ck::{Error, Result};
use crate::secret::Secret;
use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, ConcatenatingMul, ConcatenatingSquare, Gcd, Lcm, NonZero, Odd, Resize};
use crypto_primes::fips::{self, FipsOptions};
use crypto_primes::hazmat::{SetBits, SmallFactorsSieveFactory};
use crypto_primes::{Flavor, sieve_and_find};
use zeroize::{Zeroize, Zeroizing};

/// A number that is wiped when it is dropped.
type Wiped = Zeroizing<BoxedUint>;

/// The primes of a key differ in one of their upper bits, so many (FIPS 186-5, A.1.3, step 5.4).
const DISTANCE: u32 = 100;
/// A composite number passes for a prime with a probability of 2^-128 at most. Table B.1 asks for 2^-112 or less for
/// the largest of its keys.
const CERTAINTY: u32 = 128;
/// Pairs of primes that are drawn before the generator is given up: one in 2^100 is refused.
const PAIRS: u32 = 4;

/// Public exponents that keys have that came without one.
const COMMON_EXPONENTS: [u64; 8] = [65_537, 3, 17, 5, 7, 257, 37, 35];

/// Draws a key of `bits`, an even number, with the odd public exponent `e` of 256 bits at most
/// (FIPS 186-5, A.1.3). `CKR_DEVICE_ERROR` where the generator of random numbers has failed.
pub(super) fn draw(bits: u32, e: &[u8]) -> Result<RsaPrivate> {
    let mut stream = Stream::new()?;
    let exponent = number(e, bits / 2).and_then(|e| Odd::new(e).into_option());
    let exponent = exponent.ok_or(Error::AttributeValueInvalid)?;
    for _ in 0..PAIRS {
        let p = prime(&mut stream, bits / 2, &exponent)?;
        let q = prime(&mut stream, bits / 2, &exponent)?;
        let key = of_primes(&p, &q, e, bits).ok_or(Error::DeviceError)?;
        if meets_fips_186_5(&key, bits, e) {
            return Ok(key);
        }
    }
    Err(Error::DeviceError)
}

/// A probable prime of so many bits, the upper two of them set, with p - 1 prime to the exponent.
fn prime(stream: &mut Stream, bits: u32, exponent: &Odd<BoxedUint>) -> Result<Wiped> {
    let options =
        FipsOptions::with_error_bound(bits, CERTAINTY).ok_or(Error::KeySizeRange)?.with_lucas_test();
    let sieve = SmallFactorsSieveFactory::new(Flavor::Any, bits, SetBits::TwoMsb);
    let found =
        sieve_and_find(stream, sieve.map_err(|_| Error::KeySizeRange)?, |stream, candidate: &BoxedUint| {
            is_one(&exponent.gcd(&candidate.wrapping_sub(BoxedUint::one())))
                && fips::is_prime(stream, Flavor::Any, candidate, options)
        });
    found.ok().flatten().map(Zeroizing::new).ok_or(Error::DeviceError)
}

/// The key of two primes and a public exponent. `None` where there is none.
fn of_primes(p: &Wiped, q: &Wiped, e: &[u8], bits: u32) -> Option<RsaPrivate> {
    let (p_less, q_less) = (less_one(p)?, less_one(q)?);
    let order = order(&p_less, &q_less)?;
    let exponent = number(e, order.bits_precision())?;
    let d: Wiped = Zeroizing::new(exponent.invert_mod(&order).into_option()?);
    let n = p.concatenating_mul(&**q);
    let qi = Zeroizing::new(q.invert_odd_mod(&Odd::new((**p).clone()).into_option()?).into_option()?);
    let (dp, dq) = (Zeroizing::new(d.rem(&p_less)), Zeroizing::new(d.rem(&q_less)));
    if n.bit_width() != bits {
        return None;
    }
    let [d, p, q, dp, dq, qi] = [&d, p, q, &dp, &dq, &qi].map(|number| secret(number));
    Some(RsaPrivate { n: secret(&n).expose().to_vec(), e: e.to_vec(), d, p, q, dp, dq, qi })
}

/// Whether a new key of `bits` with the exponent `e` is as FIPS 186-5 wants it: A.1.1 and A.1.3 for the primes and
/// the private exponent, 5.1 for the public one. Only the lower bound of that one is the caller's choice: 3 where
/// the standard has 2^16. That the numbers belong together beyond this is the engine's check.
pub(super) fn meets_fips_186_5(key: &RsaPrivate, bits: u32, e: &[u8]) -> bool {
    conditions(key, bits, e).unwrap_or(false)
}

fn conditions(key: &RsaPrivate, bits: u32, e: &[u8]) -> Option<bool> {
    let half = bits / 2;
    let (n, exponent) = (number(&key.n, bits)?, number(&key.e, bits)?);
    let [p, q] = [&key.p, &key.q].map(|prime| number(prime.expose(), half).map(Zeroizing::new));
    let (p, q) = (p?, q?);
    let d = Zeroizing::new(number(key.d.expose(), bits)?);
    // A prime of `half` bits is at least sqrt(2) * 2^(half - 1) where its square has all `bits`.
    let long = |prime: &Wiped| {
        prime.bit_width() == half && Zeroizing::new(prime.concatenating_square()).bit_width() == bits
    };
    let distance = Zeroizing::new(if *p > *q { p.wrapping_sub(&*q) } else { q.wrapping_sub(&*p) });
    let closest = BoxedUint::one_with_precision(half).shl(half.checked_sub(DISTANCE)?);
    // d is odd, so it is not the bound itself.
    let order = order(&less_one(&p)?, &less_one(&q)?)?;
    let product = Zeroizing::new(d.concatenating_mul(&exponent).rem(&order));
    Some(
        bits.is_multiple_of(2)
            && key.e == e
            && e.last().is_some_and(|last| last % 2 == 1)
            && (2..=super::rsa::MAX_EXPONENT_BITS).contains(&exponent.bit_width())
            && n.bit_width() == bits
            && p.concatenating_mul(&*q) == n
            && long(&p)
            && long(&q)
            && *distance > closest
            && d.bit_width() > half
            && *d < *order.as_ref()
            && is_one(&product),
    )
}

/// The public exponent that belongs to a private one, from the primes or, without them, among the common ones.
/// `None` where there is none of 256 bits at most. The caller has bounded all lengths by that of the modulus.
pub(super) fn public_exponent(n: &[u8], d: &[u8], primes: Option<(&[u8], &[u8])>) -> Option<Vec<u8>> {
    let bits = u32::try_from(n.len()).ok()?.checked_mul(8)?;
    let d = Zeroizing::new(number(d, bits)?);
    let exponent = match primes {
        Some((p, q)) => {
            let (p, q) = (Zeroizing::new(number(p, bits)?), Zeroizing::new(number(q, bits)?));
            let order = order(&less_one(&p)?, &less_one(&q)?)?;
            let d = Zeroizing::new((*d).clone().try_resize(order.bits_precision())?.rem(&order));
            d.invert_mod(&order).into_option()?
        }
        None => common_exponent(&number(n, bits)?, &d)?,
    };
    let short = exponent.bit_width() <= super::rsa::MAX_EXPONENT_BITS;
    short.then(|| secret(&exponent).expose().to_vec())
}

/// The common exponent that undoes d: for it, 2^(d * e) is 2 modulo n.
fn common_exponent(n: &BoxedUint, d: &Wiped) -> Option<BoxedUint> {
    let params = BoxedMontyParams::new(Odd::new(n.clone()).into_option()?);
    let two = BoxedUint::from(2_u64).try_resize(n.bits_precision())?;
    let two = BoxedMontyForm::new(two, &params);
    let raised = two.pow(d);
    let exponents = COMMON_EXPONENTS.into_iter().map(BoxedUint::from);
    exponents.into_iter().find(|exponent| raised.pow(exponent) == two)
}

/// The order of the group: lcm(p - 1, q - 1).
fn order(p_less: &NonZero<BoxedUint>, q_less: &NonZero<BoxedUint>) -> Option<NonZero<BoxedUint>> {
    NonZero::new(p_less.as_ref().lcm(q_less.as_ref())).into_option()
}

fn less_one(prime: &Wiped) -> Option<NonZero<BoxedUint>> {
    // Of 0 nothing could be taken; of 1 nothing is left.
    if prime.bit_width() < 2 {
        return None;
    }
    NonZero::new(prime.wrapping_sub(BoxedUint::one())).into_option()
}

/// A number of big-endian bytes, in so many bits. `None` where it has more.
fn number(bytes: &[u8], bits: u32) -> Option<BoxedUint> {
    BoxedUint::from_be_slice(bytes, bits).ok()
}

/// A number as big-endian bytes without leading zeros.
fn secret(number: &BoxedUint) -> Secret {
    let mut bytes = number.to_be_bytes();
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let secret = Secret::from_slice(bytes.get(zeros..).unwrap_or_default());
    bytes.zeroize();
    secret
}

fn is_one(number: &BoxedUint) -> bool {
    *number == BoxedUint::one()
}

#[cfg(test)]
mod tests {
    use super::*;

    const F4: &[u8] = &[1, 0, 1];

    fn key(p: &BoxedUint, q: &BoxedUint, e: &[u8], bits: u32) -> Option<RsaPrivate> {
        of_primes(&Zeroizing::new(p.clone()), &Zeroizing::new(q.clone()), e, bits)
    }

    /// The next probable prime of a number that suits the exponent.
    fn prime_from(start: &BoxedUint) -> BoxedUint {
        let mut candidate = start.clone();
        if candidate.trailing_zeros() > 0 {
            candidate = candidate.wrapping_add(BoxedUint::one());
        }
        let four = BoxedUint::from(2_u64);
        while !crypto_primes::is_prime(Flavor::Any, &candidate) {
            candidate = candidate.wrapping_add(&four);
        }
        candidate
    }

    fn power_of_two(exponent: u32, precision: u32) -> BoxedUint {
        BoxedUint::one_with_precision(precision).shl(exponent)
    }

    #[test]
    fn drawn_keys_meet_the_conditions() {
        for (bits, e) in [(2048, F4), (2050, &[3][..]), (2176, &[0x80, 0, 0, 0, 0, 0, 0, 1])] {
            let key = draw(bits, e).unwrap();
            assert!(meets_fips_186_5(&key, bits, e), "{bits}");
        }
    }

    #[test]
    fn primes_too_small_too_large_or_too_near_are_refused() {
        // 3 * 2^1022 and 3.5 * 2^1022 are above sqrt(2) * 2^1023, and far apart.
        let three = power_of_two(1023, 1024).wrapping_add(power_of_two(1022, 1024));
        let (p, far) = (prime_from(&three), prime_from(&three.wrapping_add(power_of_two(1021, 1024))));
        let good = key(&p, &far, F4, 2048).unwrap();
        assert!(meets_fips_186_5(&good, 2048, F4));
        // Near: 2^900 apart, where 2^924 is the least.
        let near = prime_from(&p.wrapping_add(power_of_two(900, 1024)));
        let near = key(&p, &near, F4, 2048).unwrap();
        assert!(!meets_fips_186_5(&near, 2048, F4));
        // At the bound: 2^924 is refused, what is a little more is not.
        let over = prime_from(&p.wrapping_add(power_of_two(924, 1024)).wrapping_add(power_of_two(20, 1024)));
        let over = key(&p, &over, F4, 2048).unwrap();
        assert!(meets_fips_186_5(&over, 2048, F4));
        let same = key(&p, &p, F4, 2048);
        assert!(same.is_none_or(|same| !meets_fips_186_5(&same, 2048, F4)));
        // 1.4 * 2^1023 is below sqrt(2) * 2^1023, though its product with 1.75 * 2^1023 has all 2048 bits.
        let tenth = power_of_two(1023, 1024).div_rem(&NonZero::new(BoxedUint::from(10_u64)).unwrap()).0;
        let four = tenth.wrapping_add(&tenth).wrapping_add(&tenth).wrapping_add(&tenth);
        let small = prime_from(&power_of_two(1023, 1024).wrapping_add(&four));
        let small = key(&small, &far, F4, 2048).unwrap();
        assert!(!meets_fips_186_5(&small, 2048, F4));
        // Primes of 1020 and 1028 bits.
        let short = prime_from(&power_of_two(1020, 1028).wrapping_sub(power_of_two(1000, 1028)));
        let long = prime_from(&power_of_two(1028, 1028).wrapping_sub(power_of_two(1000, 1028)));
        let uneven = key(&short, &long, F4, 2048).unwrap();
        assert!(!meets_fips_186_5(&uneven, 2048, F4));
    }

    #[test]
    fn exponents_out_of_bounds_are_refused() {
        let good = draw(2048, F4).unwrap();
        let with = |d: Secret| RsaPrivate { d, ..draw(2048, F4).unwrap() };
        // A private exponent that is not below the least common multiple undoes e as well, and is refused.
        let [p, q] = [&good.p, &good.q].map(|prime| Zeroizing::new(number(prime.expose(), 1024).unwrap()));
        let order = order(&less_one(&p).unwrap(), &less_one(&q).unwrap()).unwrap();
        let larger = number(good.d.expose(), 2048).unwrap().wrapping_add(order.as_ref());
        let unreduced = RsaPrivate { d: secret(&larger), ..good };
        assert!(!meets_fips_186_5(&unreduced, 2048, F4));
        // One that does not undo e.
        assert!(!meets_fips_186_5(&with(secret(&power_of_two(2000, 2048))), 2048, F4));
        // A small d: e is its inverse, and far longer than 256 bits.
        let small = &[1, 0, 0, 0, 1];
        let swapped = draw(2048, small).unwrap();
        let e = swapped.d.expose().to_vec();
        let swapped = RsaPrivate { d: Secret::from_slice(small), e: e.clone(), ..swapped };
        assert!(!meets_fips_186_5(&swapped, 2048, &e));
        // Even, 1, and another than asked for.
        for e in [&[1, 0, 0][..], &[1], &[3]] {
            let key = draw(2048, F4).unwrap();
            assert!(!meets_fips_186_5(&key, 2048, e), "{e:?}");
            let key = RsaPrivate { e: e.to_vec(), ..key };
            assert!(!meets_fips_186_5(&key, 2048, e), "{e:?}");
        }
        assert!(draw(2048, &[4]).is_err());
    }

    #[test]
    fn a_public_exponent_is_found_from_the_primes_or_among_the_common_ones() {
        for e in [F4, &[3], &[0xFF, 0xFF, 0xFF, 0xFF, 0xFF]] {
            let key = draw(2048, e).unwrap();
            let primes = Some((key.p.expose(), key.q.expose()));
            assert_eq!(public_exponent(&key.n, key.d.expose(), primes).as_deref(), Some(e));
            let common = (e.len() < 5).then_some(e);
            assert_eq!(public_exponent(&key.n, key.d.expose(), None).as_deref(), common);
        }
        let key = draw(2048, F4).unwrap();
        for (p, q) in [(&[][..], &[][..]), (&[1], &[1]), (&[0; 300], &[0])] {
            assert_eq!(public_exponent(&key.n, key.d.expose(), Some((p, q))), None);
        }
        assert_eq!(public_exponent(&[4; 256], key.d.expose(), None), None);
    }
}
