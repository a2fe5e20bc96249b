//! Elliptic curves over prime fields: keys, ECDSA (FIPS 186-5, 6) and the Diffie-Hellman primitive
//! (SP 800-56A Rev. 3, 5.7.1.2).

use super::error::{require, succeeded};
use super::numbers::{self, Number};
use super::owner::owner;
use super::{Answer, Failure};
use aws_lc_sys::{
    EC_KEY_check_key, EC_KEY_get0_group, EC_KEY_get0_public_key, EC_KEY_new_by_curve_name,
    EC_KEY_set_private_key, EC_KEY_set_public_key, EC_POINT_mul, EC_POINT_new, EC_POINT_oct2point,
    EC_POINT_point2oct, ECDH_compute_key, ECDSA_SIG_get0_r, ECDSA_SIG_get0_s, ECDSA_SIG_new, ECDSA_SIG_set0,
    ECDSA_do_sign, ECDSA_do_verify, NID_X9_62_prime256v1, NID_brainpoolP256r1, NID_brainpoolP384r1,
    NID_brainpoolP512r1, NID_secp224r1, NID_secp256k1, NID_secp384r1, NID_secp521r1, point_conversion_form_t,
};
use std::mem;
use std::ptr;

pub use crate::sys::primitives::ec::Group;

owner! {
    /// An EC key, public or private. Never changed after its constructor.
    EcKey owns EC_KEY, freed by EC_KEY_free
}

owner! {
    /// A point on a curve, for as long as a call.
    Point owns EC_POINT, freed by EC_POINT_free
}

owner! {
    /// The two numbers of a signature.
    Signature owns ECDSA_SIG, freed by ECDSA_SIG_free
}

// SAFETY: no constructor leaves a reference behind, and every method only reads the key.
unsafe impl Send for EcKey {}
// SAFETY: as above; AWS-LC takes the key as const in all of them.
unsafe impl Sync for EcKey {}

impl Group {
    const fn nid(self) -> i32 {
        match self {
            Self::P256 => NID_X9_62_prime256v1,
            Self::P384 => NID_secp384r1,
            Self::P521 => NID_secp521r1,
            Self::P224 => NID_secp224r1,
            Self::Secp256k1 => NID_secp256k1,
            Self::BrainpoolP256r1 => NID_brainpoolP256r1,
            Self::BrainpoolP384r1 => NID_brainpoolP384r1,
            Self::BrainpoolP512r1 => NID_brainpoolP512r1,
        }
    }
}

impl EcKey {
    fn empty(group: Group) -> Answer<Self> {
        // SAFETY: allocates; the number is one of a curve that AWS-LC has.
        let raw = unsafe { EC_KEY_new_by_curve_name(group.nid()) };
        // SAFETY: NULL or a fresh object.
        unsafe { Self::own(raw) }
    }

    /// Whether AWS-LC has the curve: all of them.
    pub const fn takes(_: Group) -> bool {
        true
    }

    /// A private key, with its public key computed. Refuses scalars outside [1, n - 1].
    pub fn private(group: Group, scalar: &[u8]) -> Answer<Self> {
        require(scalar.len() == group.len())?;
        let key = Self::empty(group)?;
        let scalar = Number::from_bytes(scalar)?;
        // SAFETY: both objects are valid; the number is copied, its range checked.
        succeeded(unsafe { EC_KEY_set_private_key(key.raw(), scalar.raw()) })?;
        let point = Point::new(&key)?;
        // SAFETY: all objects are valid and of one group; NULL leaves out the second product and the scratch.
        let answer = unsafe {
            EC_POINT_mul(key.group(), point.raw(), scalar.raw(), ptr::null(), ptr::null(), ptr::null_mut())
        };
        succeeded(answer)?;
        key.with_public(&point)
    }

    /// A public key. Takes a compressed or an uncompressed point and refuses one that is not on the curve.
    pub fn public(group: Group, point: &[u8]) -> Answer<Self> {
        let key = Self::empty(group)?;
        let point = Point::decode(&key, point)?;
        key.with_public(&point)
    }

    /// Sets the public key and checks the whole: on the curve, not at infinity, of the private key.
    fn with_public(self, point: &Point) -> Answer<Self> {
        // SAFETY: both objects are valid; the point is copied.
        succeeded(unsafe { EC_KEY_set_public_key(self.raw(), point.raw()) })?;
        // SAFETY: reads a valid key.
        succeeded(unsafe { EC_KEY_check_key(self.raw()) })?;
        Ok(self)
    }

    fn group(&self) -> *const aws_lc_sys::EC_GROUP {
        // SAFETY: reads a valid key; the group is a static of AWS-LC.
        unsafe { EC_KEY_get0_group(self.raw()) }
    }

    /// Writes the public key, uncompressed. `out` has exactly [`Group::point_len`] bytes.
    pub fn write_public(&self, out: &mut [u8]) -> Answer<()> {
        // SAFETY: reads a valid key; the point is the key's and is not kept.
        let point = unsafe { EC_KEY_get0_public_key(self.raw()) };
        require(!point.is_null())?;
        // SAFETY: group and point are of one valid key; writes at most `out.len()` bytes.
        let written = unsafe {
            EC_POINT_point2oct(
                self.group(),
                point,
                point_conversion_form_t::POINT_CONVERSION_UNCOMPRESSED,
                out.as_mut_ptr(),
                out.len(),
                ptr::null_mut(),
            )
        };
        if written == out.len() { Ok(()) } else { Err(Failure::take()) }
    }

    /// Signs a digest of any length (the leftmost bits count). `out` has twice the length of a scalar.
    pub fn sign(&self, digest: &[u8], out: &mut [u8]) -> Answer<()> {
        require(out.len().is_multiple_of(2))?;
        // SAFETY: the key is valid; reads `digest`.
        let raw = unsafe { ECDSA_do_sign(digest.as_ptr(), digest.len(), self.raw()) };
        // SAFETY: NULL or a fresh object.
        let signature = unsafe { Signature::own(raw) }?;
        let (r_out, s_out) = out.split_at_mut(out.len() / 2);
        // SAFETY: reads a valid signature; the number is the signature's.
        let r = unsafe { ECDSA_SIG_get0_r(signature.raw()) };
        // SAFETY: `r` lives as long as `signature`.
        unsafe { numbers::write(r, r_out) }?;
        // SAFETY: reads a valid signature; the number is the signature's.
        let s = unsafe { ECDSA_SIG_get0_s(signature.raw()) };
        // SAFETY: `s` lives as long as `signature`.
        unsafe { numbers::write(s, s_out) }
    }

    /// Verifies the two numbers of a signature, each in one half of `signature`.
    pub fn verify(&self, digest: &[u8], signature: &[u8]) -> Answer<()> {
        require(signature.len().is_multiple_of(2))?;
        let (r, s) = signature.split_at(signature.len() / 2);
        let signature = Signature::new(Number::from_bytes(r)?, Number::from_bytes(s)?)?;
        // SAFETY: key and signature are valid; reads `digest`.
        succeeded(unsafe { ECDSA_do_verify(digest.as_ptr(), digest.len(), signature.raw(), self.raw()) })
    }

    /// The x-coordinate of this private key times the other's point, which is checked to be on the curve.
    /// `out` has exactly the length of a coordinate.
    pub fn agree(&self, peer: &[u8], out: &mut [u8]) -> Answer<()> {
        let peer = Point::decode(self, peer)?;
        // SAFETY: key and point are valid and of one group; writes at most `out.len()` bytes.
        let written =
            unsafe { ECDH_compute_key(out.as_mut_ptr().cast(), out.len(), peer.raw(), self.raw(), None) };
        if usize::try_from(written) == Ok(out.len()) { Ok(()) } else { Err(Failure::take()) }
    }
}

impl Point {
    fn new(key: &EcKey) -> Answer<Self> {
        // SAFETY: the group is a static; allocates.
        let raw = unsafe { EC_POINT_new(key.group()) };
        // SAFETY: NULL or a fresh object.
        unsafe { Self::own(raw) }
    }

    fn decode(key: &EcKey, bytes: &[u8]) -> Answer<Self> {
        // AWS-LC takes a third form too, which says the same twice.
        require(matches!(bytes.first(), Some(2..=4)))?;
        let point = Self::new(key)?;
        // SAFETY: group and point belong together; reads `bytes`.
        let answer = unsafe {
            EC_POINT_oct2point(key.group(), point.raw(), bytes.as_ptr(), bytes.len(), ptr::null_mut())
        };
        succeeded(answer)?;
        Ok(point)
    }
}

impl Signature {
    fn new(r: Number, s: Number) -> Answer<Self> {
        // SAFETY: allocates; no preconditions.
        let raw = unsafe { ECDSA_SIG_new() };
        // SAFETY: NULL or a fresh object.
        let signature = unsafe { Self::own(raw) }?;
        // SAFETY: all objects are valid. On success the signature owns both numbers.
        succeeded(unsafe { ECDSA_SIG_set0(signature.raw(), r.raw(), s.raw()) })?;
        mem::forget(r);
        mem::forget(s);
        Ok(signature)
    }
}
