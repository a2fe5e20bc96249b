//! The numbers of RSA keys and the parameters of their paddings (RFC 8017).

use super::digest::Hash;

/// The numbers of a private key, big-endian.
#[derive(Clone, Copy)]
pub struct Parts<'a> {
    /// Modulus.
    pub n: &'a [u8],
    /// Public exponent.
    pub e: &'a [u8],
    /// Private exponent.
    pub d: &'a [u8],
    /// First prime.
    pub p: &'a [u8],
    /// Second prime.
    pub q: &'a [u8],
    /// d mod (p - 1).
    pub dp: &'a [u8],
    /// d mod (q - 1).
    pub dq: &'a [u8],
    /// q^-1 mod p.
    pub qi: &'a [u8],
}

/// One number of a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// Modulus.
    N,
    /// Public exponent.
    E,
    /// Private exponent.
    D,
    /// First prime.
    P,
    /// Second prime.
    Q,
    /// d mod (p - 1).
    Dp,
    /// d mod (q - 1).
    Dq,
    /// q^-1 mod p.
    Qi,
}

/// The parameters of OAEP.
#[derive(Clone, Copy, Debug)]
pub struct Oaep<'a> {
    /// Hash of the label.
    pub hash: Hash,
    /// Hash of the mask generation function.
    pub mgf: Hash,
    /// The label.
    pub label: &'a [u8],
}

/// The parameters of PSS.
#[derive(Clone, Copy, Debug)]
pub struct Pss {
    /// Hash of the message.
    pub hash: Hash,
    /// Hash of the mask generation function.
    pub mgf: Hash,
    /// Length of the salt in bytes.
    pub salt_len: usize,
}
