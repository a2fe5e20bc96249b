//! Diffie-Hellman in groups of safe primes over `crypto-bigint`, whose powers take a time that depends on no digit.

use super::numbers::write;
use super::{Answer, Failure, require};
use crate::sys::primitives::dh::Group;
use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, Odd, Resize};
use zeroize::Zeroizing;

/// A number below p to the power of another, modulo p.
fn power(group: Group, base: &[u8], exponent: &[u8]) -> Answer<Zeroizing<BoxedUint>> {
    let number = |bytes: &[u8]| BoxedUint::from_be_slice_vartime(bytes);
    let modulus = Odd::new(number(&group.prime())).into_option().ok_or(Failure::MISUSE)?;
    let exponent = Zeroizing::new(number(exponent));
    let base = BoxedMontyForm::new(number(base).resize(group.bits()), &BoxedMontyParams::new(modulus));
    Ok(Zeroizing::new(base.pow(&exponent).retrieve()))
}

/// The public key of a private one, as long as the prime.
pub fn public_from_private(group: Group, private: &[u8], public: &mut [u8]) -> Answer<()> {
    require(public.len() == group.len() && private.len() <= group.len())?;
    write(&*power(group, &[2], private)?, public)
}

/// Whether a number is a public key of the group: from 2 to p - 2, and of order q (SP 800-56A Rev. 3, 5.6.2.3.1).
pub fn is_public(group: Group, number: &[u8]) -> Answer<bool> {
    let zeros = number.iter().take_while(|digit| **digit == 0).count();
    let number = number.get(zeros..).unwrap_or_default();
    let mut highest = group.prime();
    if let Some(last) = highest.last_mut() {
        // The last digit of an odd number is not zero.
        *last = last.wrapping_sub(1);
    }
    let below = number.len() < highest.len() || number.len() == highest.len() && number < highest.as_slice();
    if !below || number.is_empty() || number == [1] {
        return Ok(false);
    }
    Ok(power(group, number, &group.order())?.is_one().into())
}

/// The secret that a private key shares with the other's public key, with its leading zeros. Fails where the public key
/// is none of the group ([`is_public`]), or the secret is 1.
pub fn agree(group: Group, private: &[u8], peer: &[u8], secret: &mut [u8]) -> Answer<()> {
    require(secret.len() == group.len() && private.len() <= group.len() && is_public(group, peer)?)?;
    let power = power(group, peer, private)?;
    require(!bool::from(power.is_zero()) && !bool::from(power.is_one()))?;
    write(&power, secret)
}
