//! Elliptic curves over the crates `p224`, `p256`, `p384`, `p521`, `k256`, `bp256` and `bp384`: keys, ECDSA (FIPS 186-5, 6) with the nonce of RFC 6979 and fresh
//! randomness in it, and the Diffie-Hellman primitive (SP 800-56A Rev. 3, 5.7.1.2).

use super::random::Random;
use super::{Answer, Failure, refused, require};
pub use crate::sys::primitives::ec::Group;
use bp256::BrainpoolP256r1;
use bp384::BrainpoolP384r1;
use ecdsa::EcdsaCurve;
use ecdsa::hazmat::{sign_prehashed_rfc6979, verify_prehashed};
use k256::Secp256k1;
use p224::NistP224;
use p256::NistP256;
use p256::elliptic_curve::bigint::BitOps;
use p256::elliptic_curve::sec1::{FromSec1Point, ModulusSize, ToSec1Point};
use p256::elliptic_curve::{
    AffinePoint, Curve, CurveArithmetic, FieldBytes, FieldBytesSize, PublicKey, SecretKey, ecdh,
};
use p384::NistP384;
use p521::NistP521;
use rand_chacha::rand_core::TryRng;
use sha2::digest::Digest;
use sha2::digest::common::BlockSizeUser;
use sha2::{Sha224, Sha256, Sha384, Sha512};
use std::marker::PhantomData;
use zeroize::Zeroizing;

/// An EC key, public or private. Never changed after its constructor.
pub struct EcKey(Box<dyn Key>);

/// What is asked of a key of any curve.
trait Key: Send + Sync {
    fn write_public(&self, out: &mut [u8]) -> Answer<()>;
    fn sign(&self, digest: &[u8], out: &mut [u8]) -> Answer<()>;
    fn verify(&self, digest: &[u8], signature: &[u8]) -> Answer<()>;
    fn agree(&self, peer: &[u8], out: &mut [u8]) -> Answer<()>;
}

/// The two halves of a key; the hash is that of its nonces.
struct Halves<C: CurveArithmetic, D> {
    secret: Option<SecretKey<C>>,
    public: PublicKey<C>,
    hash: PhantomData<fn() -> D>,
}

/// Runs `$work` with `$halves` standing for the type of a curve's keys.
macro_rules! on_curve {
    ($group:expr, $halves:ident => $work:expr) => {
        on_curve!(@ $group, $halves => $work;
            P224 NistP224 Sha224, P256 NistP256 Sha256, P384 NistP384 Sha384, P521 NistP521 Sha512,
            Secp256k1 Secp256k1 Sha256,
            BrainpoolP256r1 BrainpoolP256r1 Sha256, BrainpoolP384r1 BrainpoolP384r1 Sha384)
    };
    (@ $group:expr, $halves:ident => $work:expr; $($name:ident $curve:ident $hash:ident),*) => {
        match $group {
            $(Group::$name => {
                type $halves = super::ec::Halves<$curve, $hash>;
                $work
            })*
            Group::BrainpoolP512r1 => Err(Failure::MISUSE),
        }
    };
}

impl EcKey {
    /// Whether the crates have the curve: all but brainpoolP512r1.
    pub const fn takes(group: Group) -> bool {
        !matches!(group, Group::BrainpoolP512r1)
    }

    /// A private key, with its public key computed. Refuses scalars outside [1, n - 1].
    pub fn private(group: Group, scalar: &[u8]) -> Answer<Self> {
        require(scalar.len() == group.len())?;
        on_curve!(group, Halves => Ok(Self(Box::new(Halves::private(scalar)?))))
    }

    /// A public key. Takes a compressed or an uncompressed point and refuses one that is not on the curve.
    pub fn public(group: Group, point: &[u8]) -> Answer<Self> {
        on_curve!(group, Halves => Ok(Self(Box::new(Halves::public(point)?))))
    }

    /// Writes the public key, uncompressed. `out` has exactly [`Group::point_len`] bytes.
    pub fn write_public(&self, out: &mut [u8]) -> Answer<()> {
        self.0.write_public(out)
    }

    /// Signs a digest of any length (the leftmost bits count). `out` has twice the length of a scalar.
    pub fn sign(&self, digest: &[u8], out: &mut [u8]) -> Answer<()> {
        self.0.sign(digest, out)
    }

    /// Verifies the two numbers of a signature, each in one half of `signature`.
    pub fn verify(&self, digest: &[u8], signature: &[u8]) -> Answer<()> {
        self.0.verify(digest, signature)
    }

    /// The x-coordinate of this private key times the other's point, which is checked to be on the curve.
    /// `out` has exactly the length of a coordinate.
    pub fn agree(&self, peer: &[u8], out: &mut [u8]) -> Answer<()> {
        self.0.agree(peer, out)
    }
}

/// A point in one of the two forms that this module reads; the crates would take others.
fn decoded<C: CurveArithmetic>(point: &[u8]) -> Answer<PublicKey<C>>
where
    AffinePoint<C>: FromSec1Point<C> + ToSec1Point<C>,
    FieldBytesSize<C>: ModulusSize,
{
    require(matches!(point.first(), Some(2..=4)))?;
    PublicKey::from_sec1_bytes(point).map_err(refused)
}

/// The leftmost bits of a digest, as many as the order has (FIPS 186-5, 6.4.1, step 2). The crate does so where the order
/// fills its bytes; of a longer digest for P-521 it takes the wrong ones.
fn leftmost<C: Curve>(digest: &[u8]) -> Vec<u8> {
    let order_bits = usize::try_from(C::ORDER.bit_width()).unwrap_or(usize::MAX);
    let len = order_bits.div_ceil(8);
    let mut number = digest.get(..len).unwrap_or(digest).to_vec();
    let surplus = (number.len() * 8).saturating_sub(order_bits);
    if surplus > 0 {
        let mut above = 0_u8;
        for byte in &mut number {
            let low = *byte << (8 - surplus);
            *byte = above | *byte >> surplus;
            above = low;
        }
    }
    number
}

/// A number of any length in the length of the curve.
fn number<C: CurveArithmetic>(bytes: &[u8]) -> Answer<FieldBytes<C>> {
    let mut number = FieldBytes::<C>::default();
    let leading = bytes.iter().take_while(|byte| **byte == 0).count();
    let digits = bytes.get(leading..).unwrap_or_default();
    let zeros = number.len().checked_sub(digits.len()).ok_or(Failure::MISUSE)?;
    number.get_mut(zeros..).ok_or(Failure::MISUSE)?.copy_from_slice(digits);
    Ok(number)
}

impl<C: CurveArithmetic, D> Halves<C, D>
where
    AffinePoint<C>: FromSec1Point<C> + ToSec1Point<C>,
    FieldBytesSize<C>: ModulusSize,
{
    fn private(scalar: &[u8]) -> Answer<Self> {
        let secret = SecretKey::<C>::from_slice(scalar).map_err(refused)?;
        let public = secret.public_key();
        Ok(Self { secret: Some(secret), public, hash: PhantomData })
    }

    fn public(point: &[u8]) -> Answer<Self> {
        Ok(Self { secret: None, public: decoded(point)?, hash: PhantomData })
    }
}

impl<C: EcdsaCurve + CurveArithmetic, D: Digest + BlockSizeUser> Key for Halves<C, D>
where
    AffinePoint<C>: FromSec1Point<C> + ToSec1Point<C>,
    FieldBytesSize<C>: ModulusSize,
    ecdsa::SignatureSize<C>: p256::elliptic_curve::array::ArraySize,
    SecretKey<C>: Send + Sync,
    PublicKey<C>: Send + Sync,
{
    fn write_public(&self, out: &mut [u8]) -> Answer<()> {
        let point = self.public.to_sec1_point(false);
        require(out.len() == point.as_bytes().len())?;
        out.copy_from_slice(point.as_bytes());
        Ok(())
    }

    fn sign(&self, digest: &[u8], out: &mut [u8]) -> Answer<()> {
        let secret = self.secret.as_ref().ok_or(Failure::MISUSE)?;
        let scalar = Zeroizing::new(secret.to_nonzero_scalar());
        let mut fresh = Zeroizing::new([0; 32]);
        Random.try_fill_bytes(&mut *fresh).map_err(refused)?;
        let (signature, _) = sign_prehashed_rfc6979::<C, D>(&scalar, &leftmost::<C>(digest), &*fresh);
        let bytes = signature.to_bytes();
        require(out.len() == bytes.len())?;
        out.copy_from_slice(&bytes);
        Ok(())
    }

    fn verify(&self, digest: &[u8], signature: &[u8]) -> Answer<()> {
        require(signature.len().is_multiple_of(2))?;
        let (r, s) = signature.split_at(signature.len() / 2);
        let signature =
            ecdsa::Signature::<C>::from_scalars(number::<C>(r)?, number::<C>(s)?).map_err(refused)?;
        // Where the crate makes low s only it takes no other. Both verify alike.
        let signature = if C::NORMALIZE_S { signature.normalize_s() } else { signature };
        verify_prehashed(&self.public.to_projective(), &leftmost::<C>(digest), &signature).map_err(refused)
    }

    fn agree(&self, peer: &[u8], out: &mut [u8]) -> Answer<()> {
        let secret = self.secret.as_ref().ok_or(Failure::MISUSE)?;
        let peer = decoded::<C>(peer)?;
        let scalar = Zeroizing::new(secret.to_nonzero_scalar());
        let shared = ecdh::diffie_hellman(*scalar, peer.as_affine());
        require(out.len() == shared.raw_secret_bytes().len())?;
        out.copy_from_slice(shared.raw_secret_bytes());
        Ok(())
    }
}
