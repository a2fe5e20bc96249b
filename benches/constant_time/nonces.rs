//! Whether the time of an ECDSA signature tells how long its nonce is (Minerva, TPM-FAIL). The nonce is the library's; with the
//! private key it is found again from the signature, and the times are sorted by it afterwards.

use super::curves::random;
use super::samples::{Case, Kind, Run, bytes, context};
use keyward_pkcs11::ck::Params;
use keyward_pkcs11::crypto::engine::ec::{EcKey, Group};
use keyward_pkcs11::crypto::material::Curve;
use keyward_pkcs11::crypto::{ec, ecdsa};
use std::cell::RefCell;
use std::rc::Rc;

/// A number of 256 bits, the lowest word first.
type Number = [u64; 4];

/// The order of P-256 (SP 800-186, 3.2.1.3).
const ORDER: Number = [0xF3B9_CAC2_FC63_2551, 0xBCE6_FAAD_A717_9E84, u64::MAX, 0xFFFF_FFFF_0000_0000];
/// A nonce is short if it has so many leading zero bits: one of 16.
const ZEROS: u32 = 4;

/// Digests and signatures in the order in which they were made.
type Made = Rc<RefCell<Vec<([u8; 32], [u8; 64])>>>;

pub fn cases() -> Vec<Box<dyn FnOnce() -> Case>> {
    vec![Box::new(|| {
        let key = random(Curve::P256);
        let row = &ecdsa::ECDSA;
        let context = context(row, &ec::import_private(Curve::P256, &key).unwrap());
        let made = Made::default();
        let results = Rc::clone(&made);
        Case {
            name: "ECDSA P-256, length of the nonce",
            classes: ["nonces of full length", "4 bits shorter or more"],
            kind: Kind::Ours,
            measurements: 400_000,
            make: Box::new(move |_| {
                let mut signing = row.ops.sign.unwrap()(&context, &Params::None).unwrap();
                let digest: [u8; 32] = bytes();
                let results = Rc::clone(&results);
                let mut out = [0; 64];
                Box::new(move || {
                    let signed = signing.sign(&digest, &mut out).is_ok();
                    // Nothing else is done in the time that counts but a copy of fixed size.
                    results.borrow_mut().push((digest, out));
                    signed
                }) as Run
            }),
            sort: Some(Box::new(move |_| {
                let made = made.replace(Vec::new());
                made.iter().enumerate().map(|(at, made)| is_short(&key, made, at < 8)).collect()
            })),
        }
    })]
}

/// Whether the nonce of a signature is short. `check` asks the curve whether it is the nonce.
fn is_short(key: &[u8], (digest, signature): &([u8; 32], [u8; 64]), check: bool) -> bool {
    let (r, s) = signature.split_at(32);
    let (d, e, r, s) = (number(key), number(digest), number(r), number(s));
    // k = (e + r d) / s. A product in Montgomery's form has a factor 2^-256, which to_form puts in first.
    let rd = product(&to_form(&r), &d);
    let k = product(&to_form(&inverse(&s)), &sum(&e, &rd));
    if check {
        let nonce: Vec<u8> = k.iter().rev().flat_map(|word| word.to_be_bytes()).collect();
        let mut point = [0; 65];
        EcKey::private(Group::P256, &nonce).unwrap().write_public(&mut point).unwrap();
        assert!(sum(&number(&point[1..33]), &[0; 4]) == r, "this is not the nonce");
    }
    k[3].leading_zeros() >= ZEROS
}

fn number(bytes: &[u8]) -> Number {
    let mut number = [0; 4];
    for (word, bytes) in number.iter_mut().rev().zip(bytes.chunks_exact(8)) {
        *word = u64::from_be_bytes(bytes.try_into().unwrap());
    }
    number
}

/// one - other where that is not negative.
fn less(one: &Number, other: &Number) -> Option<Number> {
    let (mut out, mut borrow) = ([0; 4], false);
    for at in 0..4 {
        let (word, first) = one[at].overflowing_sub(other[at]);
        let (word, second) = word.overflowing_sub(u64::from(borrow));
        (out[at], borrow) = (word, first || second);
    }
    (!borrow).then_some(out)
}

/// (one + other) mod n, of numbers below 2^256 whose sum is below 2 n + 2^256.
fn sum(one: &Number, other: &Number) -> Number {
    let one = less(one, &ORDER).unwrap_or(*one);
    let other = less(other, &ORDER).unwrap_or(*other);
    match less(&ORDER, &other) {
        // one - (n - other), or the same and n more.
        Some(rest) => less(&one, &rest).unwrap_or_else(|| plus(&one, &other)),
        None => one,
    }
}

/// one + other, which is below 2^256.
fn plus(one: &Number, other: &Number) -> Number {
    let (mut out, mut carry) = ([0; 4], 0_u128);
    for at in 0..4 {
        carry += u128::from(one[at]) + u128::from(other[at]);
        out[at] = carry as u64;
        carry >>= 64;
    }
    out
}

/// one * other / 2^256 mod n (Montgomery).
fn product(one: &Number, other: &Number) -> Number {
    // -1/n mod 2^64, by Newton's method.
    let inverse = (0..6).fold(1_u64, |x, _| x.wrapping_mul(2_u64.wrapping_sub(ORDER[0].wrapping_mul(x))));
    let factor = inverse.wrapping_neg();
    let mut t = [0_u64; 6];
    for word in other {
        add_multiple(&mut t, one, *word);
        let m = t[0].wrapping_mul(factor);
        add_multiple(&mut t, &ORDER, m);
        t.rotate_left(1);
        t[5] = 0;
    }
    let low = [t[0], t[1], t[2], t[3]];
    match less(&low, &ORDER) {
        Some(rest) => rest,
        // 2^256 + low - n, where there is a carry.
        None if t[4] != 0 => {
            let complement = less(&[u64::MAX; 4], &ORDER).unwrap();
            plus(&plus(&low, &complement), &[1, 0, 0, 0])
        }
        None => low,
    }
}

fn add_multiple(t: &mut [u64; 6], number: &Number, factor: u64) {
    let mut carry = 0_u128;
    for (word, digit) in t.iter_mut().zip(number.iter().chain([&0, &0])) {
        carry += u128::from(*word) + u128::from(*digit) * u128::from(factor);
        *word = carry as u64;
        carry >>= 64;
    }
}

/// number * 2^256 mod n.
fn to_form(number: &Number) -> Number {
    (0..256).fold(*number, |number, _| sum(&number, &number))
}

/// 1 / number mod n, as the power n - 2.
fn inverse(number: &Number) -> Number {
    let exponent = less(&ORDER, &[2, 0, 0, 0]).unwrap();
    let base = to_form(number);
    let mut power = to_form(&[1, 0, 0, 0]);
    for bit in (0..256).rev() {
        power = product(&power, &power);
        if exponent[bit / 64] >> (bit % 64) & 1 == 1 {
            power = product(&power, &base);
        }
    }
    product(&power, &[1, 0, 0, 0])
}
