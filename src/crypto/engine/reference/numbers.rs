//! Whole numbers over `crypto-bigint`: in and out of big-endian bytes, and the arithmetic that completes an imported
//! RSA key.

use super::{Answer, Failure, require};
use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, ConcatenatingMul, Gcd, NonZero, Odd, Resize};
use zeroize::Zeroizing;

/// A number that is not negative; wiped when dropped.
pub struct Number(Zeroizing<BoxedUint>);

/// Longest number that is read, in bytes: 16384 bits.
const MAX_LEN: usize = 2048;

/// How many bases are tried for the factors of a modulus; each finds them with probability 1/2 at least.
const BASES: u64 = 100;

impl Number {
    /// Reads big-endian bytes, at most 2048 of them.
    pub fn from_bytes(bytes: &[u8]) -> Answer<Self> {
        require(bytes.len() <= MAX_LEN)?;
        Ok(Self::of(BoxedUint::from_be_slice_vartime(bytes)))
    }

    fn of(number: BoxedUint) -> Self {
        Self(Zeroizing::new(number))
    }

    /// Length in bytes without leading zeros.
    pub fn len(&self) -> usize {
        usize::try_from(self.0.bit_width().div_ceil(8)).unwrap_or(usize::MAX)
    }

    /// Whether the number is zero.
    pub fn is_zero(&self) -> bool {
        self.0.is_zero().into()
    }

    /// Writes the number big-endian, with leading zeros up to the length of `out`.
    pub fn write(&self, out: &mut [u8]) -> Answer<()> {
        write(&self.0, out)
    }

    /// The number in the form of the crate.
    pub(super) fn inner(&self) -> &BoxedUint {
        &self.0
    }

    /// The number as a modulus: odd, and above one.
    fn modulus(&self) -> Answer<Odd<BoxedUint>> {
        require(!bool::from(self.0.is_one()))?;
        let number: &BoxedUint = &self.0;
        Odd::new(number.resize_unchecked(number.bit_width())).into_option().ok_or(Failure::MISUSE)
    }
}

/// Writes a number big-endian over the whole of `out`.
pub(super) fn write(number: &BoxedUint, out: &mut [u8]) -> Answer<()> {
    let bytes = Zeroizing::new(number.to_be_bytes());
    let (zeros, room) = out.split_at_mut(out.len().saturating_sub(bytes.len()));
    zeros.fill(0);
    let (leading, rest) = bytes.split_at(bytes.len() - room.len());
    require(leading.iter().all(|byte| *byte == 0))?;
    room.copy_from_slice(rest);
    Ok(())
}

/// `number` modulo a number that is not zero.
fn modulo(number: &BoxedUint, modulus: BoxedUint) -> Answer<BoxedUint> {
    let modulus = NonZero::new(modulus).into_option().ok_or(Failure::MISUSE)?;
    Ok(number.rem(&modulus))
}

/// The values of the Chinese remainder theorem for an RSA key: d mod (p - 1), d mod (q - 1), q^-1 mod p.
pub fn remainder_values(d: &Number, p: &Number, q: &Number) -> Answer<[Number; 3]> {
    require(p.len() > 1 && q.len() > 1)?;
    let one = BoxedUint::one();
    let dp = modulo(&d.0, p.0.wrapping_sub(&one))?;
    let dq = modulo(&d.0, q.0.wrapping_sub(&one))?;
    let p = p.modulus()?;
    let q = modulo(&q.0, p.as_ref().clone())?;
    let qi = q.invert_odd_mod(&p).into_option().ok_or(Failure::MISUSE)?;
    Ok([dp, dq, qi].map(Number::of))
}

/// Finds the two primes of an RSA modulus from its exponents (SP 800-56B Rev. 2, appendix C.2).
/// `None` where the numbers belong to no RSA key.
pub fn factors(n: &Number, e: &Number, d: &Number) -> Answer<Option<[Number; 2]>> {
    let n = n.modulus()?;
    let modulus = BoxedMontyParams::new(n.clone());
    // e * d - 1 is a multiple of the order of every base: an odd number times a power of two.
    let product = Number::of(e.0.concatenating_mul(&*d.0));
    if product.is_zero() {
        return Err(Failure::MISUSE);
    }
    let multiple = Number::of(product.0.wrapping_sub(BoxedUint::one()));
    let twos = multiple.0.trailing_zeros();
    if multiple.is_zero() || twos == 0 {
        return Ok(None);
    }
    let odd = Number::of(multiple.0.shr(twos));
    let bits = odd.0.bit_width();
    for base in 2..2 + BASES {
        let base = BoxedUint::from(base).resize(n.as_ref().bits_precision());
        let base = modulo(&base, n.as_ref().clone())?;
        let root = BoxedMontyForm::new(base, &modulus).pow_bounded_exp(&odd.0, bits);
        if let Some(root) = root_of_one(root, twos, &modulus) {
            let less = Number::of(root.retrieve().wrapping_sub(BoxedUint::one()));
            let p = Number::of(n.as_ref().gcd(&less.0));
            let divisor = NonZero::new(BoxedUint::clone(&p.0)).into_option().ok_or(Failure::MISUSE)?;
            let (q, _) = n.as_ref().div_rem(&divisor);
            return Ok(Some([p, Number::of(q)]));
        }
    }
    Ok(None)
}

/// Squares `root` until it is one; answers the root of one before that, where it is neither 1 nor -1.
fn root_of_one(mut root: BoxedMontyForm, twos: u32, modulus: &BoxedMontyParams) -> Option<BoxedMontyForm> {
    let one = BoxedMontyForm::one(modulus);
    let minus_one = -&one;
    if root == one || root == minus_one {
        return None;
    }
    for _ in 0..twos {
        let square = root.square();
        if square == one {
            return Some(root);
        }
        if square == minus_one {
            return None;
        }
        root = square;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(value: u64) -> Number {
        Number::of(BoxedUint::from(value))
    }

    fn value(number: &Number) -> u64 {
        let mut bytes = [0; 8];
        number.write(&mut bytes).unwrap();
        u64::from_be_bytes(bytes)
    }

    #[test]
    fn factors_of_a_small_key_are_found() {
        // 61 * 53 = 3233, e = 17, d = 413 (Wikipedia, "RSA (cryptosystem)", d modulo the Carmichael function).
        let [p, q] = factors(&number(3233), &number(17), &number(413)).unwrap().unwrap();
        assert!(matches!((value(&p), value(&q)), (61, 53) | (53, 61)));
    }

    #[test]
    fn factors_of_numbers_that_are_no_key_are_not_found() {
        assert!(factors(&number(3233), &number(17), &number(411)).unwrap().is_none());
        assert!(factors(&number(3233), &number(1), &number(1)).unwrap().is_none());
        for (n, e, d) in [(3232, 17, 413), (1, 17, 413), (0, 17, 413), (3233, 0, 413), (3233, 17, 0)] {
            assert!(factors(&number(n), &number(e), &number(d)).is_err(), "{n} {e} {d}");
        }
    }

    #[test]
    fn write_into_a_short_buffer_is_refused() {
        let number = Number::from_bytes(&[1, 2, 3]).unwrap();
        assert_eq!(number.len(), 3);
        assert!(number.write(&mut [0; 2]).is_err());
        let mut out = [0xFF; 5];
        number.write(&mut out).unwrap();
        assert_eq!(out, [0, 0, 1, 2, 3]);
        let mut long = [0xFF; 20];
        number.write(&mut long).unwrap();
        assert_eq!(long[..17], [0; 17]);
    }
}
