//! Known answers of the post-quantum signatures, and of the hash functions that they are made of.

use super::super::digest::Hash;
use super::super::engine::keccak::{Function, Keccak};
use super::super::engine::ml_dsa::{DsaKey, MU, SEED, Set};
use super::super::engine::{Answer, ml_dsa_deterministic};
use super::super::slh_dsa as stateless;
use super::Known;
use crate::ck::{Error, Result};

/// NIST, "Examples with Intermediate Values": the first bytes of SHAKE128 and SHAKE256 of nothing.
pub(super) fn keccak() -> Answer<bool> {
    let (mut shake128, mut shake256) = ([0; 16], [0; 16]);
    Keccak::new(Function::Shake128)?.finish(&mut shake128)?;
    Keccak::new(Function::Shake256)?.finish(&mut shake256)?;
    Ok(shake128 == SHAKE128_EMPTY && shake256 == SHAKE256_EMPTY)
}

/// The key pair of the seed 00 01 .. 1f (RFC 9881, appendix C), known by the digest of its public key; a
/// deterministic signature, known by its digest; a hedged one; and a wrong message.
pub(super) fn ml_dsa() -> Result<bool> {
    let mut seed = [0; SEED];
    for (byte, value) in seed.iter_mut().zip(0..) {
        *byte = value;
    }
    let key = DsaKey::from_seed(Set::Dsa44, &seed)?;
    let (mut public, mut private) = (vec![0; Set::Dsa44.public_len()], vec![0; Set::Dsa44.private_len()]);
    key.write_public(&mut public)?;
    key.write_private(&mut private)?;
    let mut signature = vec![0; Set::Dsa44.signature_len()];
    ml_dsa_deterministic::sign(Set::Dsa44, &private, &[7; MU], &mut signature)?;
    let (mut public_digest, mut signature_digest) = ([0; 32], [0; 32]);
    Hash::Sha256.digest(&public, &mut public_digest)?;
    Hash::Sha256.digest(&signature, &mut signature_digest)?;
    let public = DsaKey::public(Set::Dsa44, &public)?;
    public.verify(&[7; MU], &signature)?;
    key.sign(&[7; MU], &mut signature)?;
    public.verify(&[7; MU], &signature)?;
    let wrong = public.verify(&[8; MU], &signature).is_err();
    Ok(wrong && public_digest == ML_DSA_PUBLIC && signature_digest == ML_DSA_SIGNATURE)
}

/// One key of each kind of hash function: the root of its tree, the digest of a deterministic signature, and a
/// wrong message.
pub(super) fn slh_dsa() -> Result<bool> {
    let mut seeds = [0; 48];
    for (byte, value) in seeds.iter_mut().zip(0..) {
        *byte = value;
    }
    for (set, root, digest) in [
        (stateless::Set::Sha2_128f, SLH_DSA_SHA2_ROOT, SLH_DSA_SHA2_SIGNATURE),
        (stateless::Set::Shake_128f, SLH_DSA_SHAKE_ROOT, SLH_DSA_SHAKE_SIGNATURE),
    ] {
        let key = stateless::key_pair(set, &seeds)?;
        let public = set.public_part(&key).ok_or(Error::DeviceError)?;
        let mut signature = vec![0; set.signature_len()];
        stateless::sign(set, &key, &[b"abc"], None, &mut signature)?;
        stateless::verify(set, public, &[b"abc"], &signature)?;
        let wrong = stateless::verify(set, public, &[b"abd"], &signature).is_err();
        let mut found = [0; 32];
        Hash::Sha256.digest(&signature, &mut found)?;
        if !wrong || public.get(set.n()..) != Some(&*root) || found != digest {
            return Ok(false);
        }
    }
    Ok(true)
}

const SHAKE128_EMPTY: Known<16> = Known::new([
    0x7f, 0x9c, 0x2b, 0xa4, 0xe8, 0x8f, 0x82, 0x7d, 0x61, 0x60, 0x45, 0x50, 0x76, 0x05, 0x85, 0x3e,
]);
const SHAKE256_EMPTY: Known<16> = Known::new([
    0x46, 0xb9, 0xdd, 0x2b, 0x0b, 0xa8, 0x8d, 0x13, 0x23, 0x3b, 0x3f, 0xeb, 0x74, 0x3e, 0xeb, 0x24,
]);
const ML_DSA_PUBLIC: Known<32> = Known::new([
    0x9f, 0x10, 0x76, 0x44, 0xc1, 0x08, 0x45, 0x26, 0xaf, 0x3b, 0xc8, 0x09, 0x86, 0x80, 0xb0, 0x54, 0x99,
    0xa2, 0x32, 0x5a, 0x64, 0x4e, 0x38, 0x8f, 0xb4, 0xf9, 0x70, 0xe0, 0x58, 0xd1, 0x9d, 0x46,
]);
const ML_DSA_SIGNATURE: Known<32> = Known::new([
    0x22, 0x80, 0x5d, 0x21, 0xbc, 0xe6, 0x92, 0x4d, 0x7c, 0xee, 0xf2, 0xae, 0xa7, 0x4d, 0x14, 0x33, 0x12,
    0x2a, 0x23, 0xef, 0xc6, 0x69, 0x1d, 0x8e, 0x3e, 0xac, 0x8f, 0x4e, 0xe7, 0x5b, 0x8f, 0x84,
]);
const SLH_DSA_SHA2_ROOT: Known<16> = Known::new([
    0x3b, 0x56, 0xe8, 0x16, 0x84, 0x7f, 0x00, 0x03, 0x86, 0xae, 0xec, 0x2e, 0x2b, 0xb9, 0xe1, 0xb5,
]);
const SLH_DSA_SHA2_SIGNATURE: Known<32> = Known::new([
    0x9e, 0xf9, 0xf9, 0x88, 0xa1, 0xb5, 0x38, 0xb4, 0x8b, 0x94, 0xaa, 0x31, 0x16, 0x7f, 0x65, 0x99, 0x2d,
    0x38, 0x11, 0x36, 0x1d, 0x67, 0xb5, 0x75, 0x72, 0xc3, 0x3c, 0xa6, 0x43, 0xdd, 0x5b, 0xeb,
]);
const SLH_DSA_SHAKE_ROOT: Known<16> = Known::new([
    0xa9, 0x0e, 0x47, 0x15, 0xb9, 0xa9, 0x25, 0xc3, 0x32, 0x80, 0x17, 0x67, 0xfd, 0x78, 0x63, 0x71,
]);
const SLH_DSA_SHAKE_SIGNATURE: Known<32> = Known::new([
    0x94, 0xfc, 0x30, 0x54, 0x81, 0x6e, 0x9f, 0x5b, 0x77, 0xc1, 0xd5, 0xb4, 0x91, 0x10, 0xe2, 0x61, 0x16,
    0x86, 0x9a, 0x82, 0xbc, 0x87, 0x3c, 0x5e, 0xdd, 0x4e, 0xc0, 0xfe, 0xd1, 0x35, 0x4d, 0x53,
]);
