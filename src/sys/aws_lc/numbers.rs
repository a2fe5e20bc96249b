//! Whole numbers: in and out of big-endian bytes, and the arithmetic that completes an imported RSA key.
//!
//! The arithmetic here is not constant-time. It runs once, when a key is brought in, on numbers that the
//! caller has just sent in the clear.

use super::error::{require, succeeded};
use super::owner::owner;
use super::{Answer, Failure};
use aws_lc_sys::{
    BIGNUM, BN_CTX_new, BN_MONT_CTX_new_for_modulus, BN_add_word, BN_bin2bn, BN_bn2bin_padded, BN_cmp,
    BN_copy, BN_div, BN_gcd, BN_is_odd, BN_is_one, BN_mod_exp_mont_consttime, BN_mod_mul, BN_mul, BN_new,
    BN_num_bytes, BN_rshift1, BN_set_word, BN_sub_word,
};
use std::ptr;

owner! {
    /// A number that is not negative; wiped when dropped.
    Number owns BIGNUM, freed by BN_clear_free
}

owner! {
    /// Scratch space of the arithmetic.
    Scratch owns BN_CTX, freed by BN_CTX_free
}

owner! {
    /// An odd modulus, prepared for exponentiation.
    Montgomery owns BN_MONT_CTX, freed by BN_MONT_CTX_free
}

/// Longest number that is read: 16384 bits, the limit of AWS-LC for RSA.
const MAX_LEN: usize = 2048;

/// How many bases are tried for the factors of a modulus; each finds them with probability 1/2 at least.
const BASES: u64 = 100;

impl Number {
    /// Zero.
    pub(super) fn new() -> Answer<Self> {
        // SAFETY: allocates; no preconditions.
        let raw = unsafe { BN_new() };
        // SAFETY: NULL or a fresh object.
        unsafe { Self::own(raw) }
    }

    /// Reads big-endian bytes, at most 2048 of them.
    pub fn from_bytes(bytes: &[u8]) -> Answer<Self> {
        require(bytes.len() <= MAX_LEN)?;
        // SAFETY: reads `bytes.len()` bytes of a slice of that length; NULL asks for a new number.
        let raw = unsafe { BN_bin2bn(bytes.as_ptr(), bytes.len(), ptr::null_mut()) };
        // SAFETY: NULL or a fresh object.
        unsafe { Self::own(raw) }
    }

    /// A small number.
    pub(super) fn from_word(word: u64) -> Answer<Self> {
        let number = Self::new()?;
        // SAFETY: the number is valid and ours.
        succeeded(unsafe { BN_set_word(number.raw(), word) })?;
        Ok(number)
    }

    /// Length in bytes without leading zeros.
    pub fn len(&self) -> usize {
        // SAFETY: the number is valid.
        unsafe { len_of(self.raw()) }
    }

    /// Whether the number is zero.
    pub fn is_zero(&self) -> bool {
        self.len() == 0
    }

    /// Writes the number big-endian, with leading zeros up to the length of `out`.
    pub fn write(&self, out: &mut [u8]) -> Answer<()> {
        // SAFETY: the number is valid.
        unsafe { write(self.raw(), out) }
    }

    fn is_odd(&self) -> bool {
        // SAFETY: reads a valid number.
        unsafe { BN_is_odd(self.raw()) == 1 }
    }

    fn is_one(&self) -> bool {
        // SAFETY: reads a valid number.
        unsafe { BN_is_one(self.raw()) == 1 }
    }

    fn equals(&self, other: &Self) -> bool {
        // SAFETY: reads two valid numbers.
        unsafe { BN_cmp(self.raw(), other.raw()) == 0 }
    }

    fn copy(&self) -> Answer<Self> {
        let copy = Self::new()?;
        // SAFETY: both numbers are valid; the answer is its first argument or NULL, and is not kept.
        let answer = unsafe { BN_copy(copy.raw(), self.raw()) };
        if answer.is_null() { Err(Failure::take()) } else { Ok(copy) }
    }

    fn less(&self, word: u64) -> Answer<Self> {
        let copy = self.copy()?;
        // SAFETY: the number is valid and ours.
        succeeded(unsafe { BN_sub_word(copy.raw(), word) })?;
        Ok(copy)
    }

    fn more(&self, word: u64) -> Answer<Self> {
        let copy = self.copy()?;
        // SAFETY: the number is valid and ours.
        succeeded(unsafe { BN_add_word(copy.raw(), word) })?;
        Ok(copy)
    }

    fn times(&self, other: &Self, scratch: &Scratch) -> Answer<Self> {
        let product = Self::new()?;
        // SAFETY: all objects are valid; the result is no operand.
        succeeded(unsafe { BN_mul(product.raw(), self.raw(), other.raw(), scratch.raw()) })?;
        Ok(product)
    }

    fn modulo(&self, modulus: &Self, scratch: &Scratch) -> Answer<Self> {
        let rest = Self::new()?;
        // SAFETY: all objects are valid; NULL says that the quotient is not wanted.
        succeeded(unsafe { BN_div(ptr::null_mut(), rest.raw(), self.raw(), modulus.raw(), scratch.raw()) })?;
        Ok(rest)
    }

    fn divided(&self, divisor: &Self, scratch: &Scratch) -> Answer<Self> {
        let quotient = Self::new()?;
        // SAFETY: all objects are valid; NULL says that the rest is not wanted.
        succeeded(unsafe {
            BN_div(quotient.raw(), ptr::null_mut(), self.raw(), divisor.raw(), scratch.raw())
        })?;
        Ok(quotient)
    }

    /// `self`^`exponent` mod `modulus`, which is odd; `self` is below it.
    fn power(
        &self,
        exponent: &Self,
        modulus: &Self,
        montgomery: &Montgomery,
        scratch: &Scratch,
    ) -> Answer<Self> {
        let power = Self::new()?;
        // SAFETY: all objects are valid, and `montgomery` was made of `modulus`.
        let answer = unsafe {
            BN_mod_exp_mont_consttime(
                power.raw(),
                self.raw(),
                exponent.raw(),
                modulus.raw(),
                scratch.raw(),
                montgomery.raw(),
            )
        };
        succeeded(answer)?;
        Ok(power)
    }
}

impl Scratch {
    fn new() -> Answer<Self> {
        // SAFETY: allocates; no preconditions.
        let raw = unsafe { BN_CTX_new() };
        // SAFETY: NULL or a fresh object.
        unsafe { Self::own(raw) }
    }
}

impl Montgomery {
    fn new(modulus: &Number, scratch: &Scratch) -> Answer<Self> {
        require(modulus.is_odd() && !modulus.is_one())?;
        // SAFETY: both objects are valid; the modulus is copied.
        let raw = unsafe { BN_MONT_CTX_new_for_modulus(modulus.raw(), scratch.raw()) };
        // SAFETY: NULL or a fresh object.
        unsafe { Self::own(raw) }
    }
}

/// The values of the Chinese remainder theorem for an RSA key: d mod (p - 1), d mod (q - 1), q^-1 mod p.
/// Only right where `p` is prime, which `RSA_check_key` finds out.
pub fn remainder_values(d: &Number, p: &Number, q: &Number) -> Answer<[Number; 3]> {
    require(p.len() > 1 && q.len() > 1)?;
    let scratch = Scratch::new()?;
    let montgomery = Montgomery::new(p, &scratch)?;
    let dp = d.modulo(&p.less(1)?, &scratch)?;
    let dq = d.modulo(&q.less(1)?, &scratch)?;
    // Fermat: q^(p - 2) is the inverse of q.
    let qi = q.modulo(p, &scratch)?.power(&p.less(2)?, p, &montgomery, &scratch)?;
    Ok([dp, dq, qi])
}

/// Finds the two primes of an RSA modulus from its exponents (SP 800-56B Rev. 2, appendix C.2).
/// `None` where the numbers belong to no RSA key.
pub fn factors(n: &Number, e: &Number, d: &Number) -> Answer<Option<[Number; 2]>> {
    let scratch = Scratch::new()?;
    let montgomery = Montgomery::new(n, &scratch)?;
    // e * d - 1 is a multiple of the order of every base: an odd number times a power of two.
    let odd = e.times(d, &scratch)?.less(1)?;
    let mut twos = 0;
    while !odd.is_zero() && !odd.is_odd() {
        // SAFETY: the number is valid, and may be its own result.
        succeeded(unsafe { BN_rshift1(odd.raw(), odd.raw()) })?;
        twos += 1;
    }
    if odd.is_zero() || twos == 0 {
        return Ok(None);
    }
    for base in 2..2 + BASES {
        let root = Number::from_word(base)?.power(&odd, n, &montgomery, &scratch)?;
        if let Some(p) = split(root, twos, n, &scratch)? {
            let q = n.divided(&p, &scratch)?;
            return Ok(Some([p, q]));
        }
    }
    Ok(None)
}

/// Squares `root` until it is one; a root of one that is neither 1 nor -1 gives a factor of `n`.
fn split(mut root: Number, twos: u32, n: &Number, scratch: &Scratch) -> Answer<Option<Number>> {
    let minus_one = n.less(1)?;
    if root.is_one() || root.equals(&minus_one) {
        return Ok(None);
    }
    for _ in 0..twos {
        let square = Number::new()?;
        // SAFETY: all objects are valid; the result is no operand.
        succeeded(unsafe { BN_mod_mul(square.raw(), root.raw(), root.raw(), n.raw(), scratch.raw()) })?;
        if square.is_one() {
            return root.less(1)?.common_divisor(n, scratch).map(Some);
        }
        if square.equals(&minus_one) {
            return Ok(None);
        }
        root = square;
    }
    Ok(None)
}

impl Number {
    fn common_divisor(&self, other: &Self, scratch: &Scratch) -> Answer<Self> {
        let divisor = Self::new()?;
        // SAFETY: all objects are valid; the result is no operand.
        succeeded(unsafe { BN_gcd(divisor.raw(), self.raw(), other.raw(), scratch.raw()) })?;
        Ok(divisor)
    }
}

/// p = 2^255 - 19, big-endian.
const P25519: [u8; 32] = {
    let mut p = [0xFF; 32];
    p[0] = 0x7F;
    p[31] = 0xED;
    p
};

/// d = -121665/121666 mod p, big-endian (RFC 8032, 5.1).
const D25519: [u8; 32] = [
    0x52, 0x03, 0x6C, 0xEE, 0x2B, 0x6F, 0xFE, 0x73, 0x8C, 0xC7, 0x40, 0x79, 0x77, 0x79, 0xE8, 0x98, 0x00,
    0x70, 0x0A, 0x4D, 0x41, 0x41, 0xD8, 0xAB, 0x75, 0xEB, 0x4D, 0xCA, 0x13, 0x59, 0x78, 0xA3,
];

/// Whether the big-endian `y` is below p and a coordinate of a point of edwards25519: whether
/// (y^2 - 1) / (d y^2 + 1) is a square, which its product with the square of its divisor is too.
pub(super) fn is_edwards25519_y(y: &[u8; 32]) -> Answer<bool> {
    if *y >= P25519 {
        return Ok(false);
    }
    let scratch = Scratch::new()?;
    let p = Number::from_bytes(&P25519)?;
    let montgomery = Montgomery::new(&p, &scratch)?;
    let y = Number::from_bytes(y)?;
    let square = y.times(&y, &scratch)?.modulo(&p, &scratch)?;
    if square.is_zero() {
        return Ok(true);
    }
    let above = square.less(1)?;
    let below = Number::from_bytes(&D25519)?.times(&square, &scratch)?.modulo(&p, &scratch)?;
    let below = below.more(1)?;
    let product = above.times(&below, &scratch)?.modulo(&p, &scratch)?;
    let half = p.less(1)?;
    // SAFETY: the number is valid, and may be its own result.
    succeeded(unsafe { BN_rshift1(half.raw(), half.raw()) })?;
    let symbol = product.power(&half, &p, &montgomery, &scratch)?;
    Ok(symbol.is_one() || symbol.is_zero())
}

/// Length of a number in bytes.
///
/// # Safety
/// `raw` is a valid number.
pub(super) unsafe fn len_of(raw: *const BIGNUM) -> usize {
    // SAFETY: the caller's promise.
    let len = unsafe { BN_num_bytes(raw) };
    usize::try_from(len).unwrap_or(usize::MAX)
}

/// Writes a number big-endian over the whole of `out`.
///
/// # Safety
/// `raw` is a valid number.
pub(super) unsafe fn write(raw: *const BIGNUM, out: &mut [u8]) -> Answer<()> {
    // SAFETY: the caller's promise; writes exactly `out.len()` bytes or fails.
    succeeded(unsafe { BN_bn2bin_padded(out.as_mut_ptr(), out.len(), raw) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_of_a_small_key_are_found() {
        // 61 * 53 = 3233, e = 17, d = 413 (Wikipedia, "RSA (cryptosystem)", d modulo the Carmichael function).
        let [n, e, d] = [3233, 17, 413].map(|word| Number::from_word(word).unwrap());
        let [p, q] = factors(&n, &e, &d).unwrap().unwrap();
        let (mut a, mut b) = ([0], [0]);
        p.write(&mut a).unwrap();
        q.write(&mut b).unwrap();
        assert!(matches!((a[0], b[0]), (61, 53) | (53, 61)));
    }

    #[test]
    fn factors_of_numbers_that_are_no_key_are_not_found() {
        let [n, e, d] = [3233, 17, 411].map(|word| Number::from_word(word).unwrap());
        assert!(factors(&n, &e, &d).unwrap().is_none());
    }

    #[test]
    fn write_into_a_short_buffer_is_refused() {
        let number = Number::from_bytes(&[1, 2, 3]).unwrap();
        assert_eq!(number.len(), 3);
        assert!(number.write(&mut [0; 2]).is_err());
        let mut out = [0xFF; 5];
        number.write(&mut out).unwrap();
        assert_eq!(out, [0, 0, 1, 2, 3]);
    }
}
