//! Diffie-Hellman in groups of safe primes (SP 800-56A Rev. 3, 5.7.1.1).
//!
//! An object of AWS-LC lives as long as one call: it has a lock in it, which a fork would copy as it stands.

use super::error::{require, succeeded};
use super::numbers::{self, Number};
use super::owner::owner;
use super::{Answer, Failure};
use crate::sys::primitives::dh::Group;
use aws_lc_sys::{
    DH_check_pub_key, DH_compute_key_padded, DH_generate_key, DH_get0_pub_key, DH_new, DH_set0_key,
    DH_set0_pqg,
};
use std::{mem, ptr};

owner! {
    /// A group, and a private key where one was put in.
    Object owns DH, freed by DH_free
}

impl Object {
    fn new(group: Group) -> Answer<Self> {
        let (prime, order) = (Number::from_bytes(&group.prime())?, Number::from_bytes(&group.order())?);
        let base = Number::from_word(2)?;
        // SAFETY: allocates; no preconditions.
        let raw = unsafe { DH_new() };
        // SAFETY: NULL or a fresh object.
        let object = unsafe { Self::own(raw) }?;
        // SAFETY: all objects are valid; where this succeeds the numbers belong to the group.
        succeeded(unsafe { DH_set0_pqg(object.raw(), prime.raw(), order.raw(), base.raw()) })?;
        mem::forget([prime, order, base]);
        Ok(object)
    }

    fn with_private(group: Group, private: &[u8]) -> Answer<Self> {
        let (object, private) = (Self::new(group)?, Number::from_bytes(private)?);
        // SAFETY: both objects are valid; NULL leaves the public key away. Where this succeeds the number belongs to
        // the group.
        succeeded(unsafe { DH_set0_key(object.raw(), ptr::null_mut(), private.raw()) })?;
        mem::forget(private);
        Ok(object)
    }
}

/// The public key of a private one, as long as the prime.
pub fn public_from_private(group: Group, private: &[u8], public: &mut [u8]) -> Answer<()> {
    require(public.len() == group.len())?;
    let object = Object::with_private(group, private)?;
    // SAFETY: the object is valid and ours. It has a private key, so none is drawn.
    succeeded(unsafe { DH_generate_key(object.raw()) })?;
    // SAFETY: the object is valid, and so is the number, as long as it.
    let number = unsafe { DH_get0_pub_key(object.raw()) };
    require(!number.is_null())?;
    // SAFETY: not NULL, and valid as long as the object.
    unsafe { numbers::write(number, public) }
}

/// Whether a number is a public key of the group: from 2 to p - 2, and of order q (SP 800-56A Rev. 3, 5.6.2.3.1).
pub fn is_public(group: Group, number: &[u8]) -> Answer<bool> {
    if number.len() > group.len() {
        return Ok(false);
    }
    let (object, number, mut wrong) = (Object::new(group)?, Number::from_bytes(number)?, 0);
    // SAFETY: all objects are valid, and the place is ours.
    let checked = succeeded(unsafe { DH_check_pub_key(object.raw(), number.raw(), &raw mut wrong) });
    // It says of a number of p or more that it is too large, and fails at its order then.
    if wrong == 0 { checked.map(|()| true) } else { Ok(false) }
}

/// The secret that a private key shares with the other's public key, with its leading zeros. Fails where the public key
/// is none of the group ([`is_public`]), or the secret is 1.
pub fn agree(group: Group, private: &[u8], peer: &[u8], secret: &mut [u8]) -> Answer<()> {
    require(secret.len() == group.len() && peer.len() <= group.len())?;
    let (object, peer) = (Object::with_private(group, private)?, Number::from_bytes(peer)?);
    // SAFETY: all objects are valid; writes as many bytes as the prime has.
    let len = unsafe { DH_compute_key_padded(secret.as_mut_ptr(), peer.raw(), object.raw()) };
    if usize::try_from(len) == Ok(secret.len()) { Ok(()) } else { Err(Failure::take()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_sys::{
        BIGNUM, BN_get_rfc3526_prime_2048, BN_get_rfc3526_prime_3072, BN_get_rfc3526_prime_4096,
        BN_get_rfc3526_prime_6144, BN_get_rfc3526_prime_8192, DH_check,
    };

    /// AWS-LC has a list of these groups; of what it finds there nothing is wrong. What it does not find would be tried
    /// for primality.
    #[test]
    fn every_group_is_sound() {
        for group in Group::ALL {
            let object = Object::new(group).unwrap();
            let mut wrong = -1;
            // SAFETY: the object is valid, and the place is ours.
            succeeded(unsafe { DH_check(object.raw(), &raw mut wrong) }).unwrap();
            assert_eq!(wrong, 0, "{group:?}");
        }
    }

    #[test]
    fn primes_of_rfc_3526_are_those_of_the_library() {
        type Prime = unsafe extern "C" fn(*mut BIGNUM) -> *mut BIGNUM;
        let all: [(Group, Prime); 5] = [
            (Group::Modp2048, BN_get_rfc3526_prime_2048),
            (Group::Modp3072, BN_get_rfc3526_prime_3072),
            (Group::Modp4096, BN_get_rfc3526_prime_4096),
            (Group::Modp6144, BN_get_rfc3526_prime_6144),
            (Group::Modp8192, BN_get_rfc3526_prime_8192),
        ];
        for (group, prime) in all {
            let (number, mut out) = (Number::new().unwrap(), vec![0; group.len()]);
            // SAFETY: the number is valid and ours; it is the answer.
            assert!(!unsafe { prime(number.raw()) }.is_null());
            number.write(&mut out).unwrap();
            assert_eq!(out, group.prime());
        }
    }

    #[test]
    fn both_sides_have_one_secret() {
        for group in Group::ALL {
            let len = group.len();
            let (one, other) = ([0x5A; 29], [0xA5; 29]);
            let (mut one_public, mut other_public) = (vec![0; len], vec![0; len]);
            public_from_private(group, &one, &mut one_public).unwrap();
            public_from_private(group, &other, &mut other_public).unwrap();
            assert!(is_public(group, &one_public).unwrap());
            let (mut left, mut right) = (vec![0; len], vec![1; len]);
            agree(group, &one, &other_public, &mut left).unwrap();
            agree(group, &other, &one_public, &mut right).unwrap();
            assert_eq!(left, right);
            assert!(agree(group, &one, &other_public, &mut vec![0; len - 1]).is_err());
        }
    }

    #[test]
    fn numbers_that_are_no_public_keys_are_refused() {
        let group = Group::Ffdhe2048;
        let prime = group.prime();
        let less = |by: u8| {
            let mut number = prime.clone();
            number[255] -= by;
            number
        };
        // 0, 1, p - 1, p, more than p, one of the other half of the numbers: p - 4, as 4 is a square and -1 is none.
        let wrong =
            [vec![0], vec![], vec![1], less(1), prime.clone(), vec![0xFF; 256], less(4), vec![1; 257]];
        for wrong in wrong {
            assert!(!is_public(group, &wrong).unwrap(), "{wrong:02X?}");
            assert!(agree(group, &[5], &wrong, &mut [0; 256]).is_err());
        }
        for right in [vec![2], vec![4], [&[0; 255][..], &[4]].concat()] {
            assert!(is_public(group, &right).unwrap());
        }
    }
}
