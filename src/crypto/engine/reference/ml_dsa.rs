//! ML-DSA (FIPS 204) over the crate `ml-dsa`.
//!
//! The crate reads an expanded private key without a look at it, and panics on small numbers that are not small. So
//! these are looked at here, and the public key that follows is held against the digest in the private one. The low
//! part of t is not compared with what follows from the rest, because the crate does not show it; a trial signature
//! tells of one that is far off.

use super::random::Random;
use super::{Answer, Failure, refused, require};
pub use crate::sys::primitives::ml_dsa::{MU, SEED, Set};
use ::ml_dsa::{ExpandedSigningKey, MlDsa44, MlDsa65, MlDsa87, MlDsaParams, Signature, VerifyingKey};
use sha2::digest::{ExtendableOutput, Update, XofReader};
use shake::Shake256;
use zeroize::Zeroizing;

/// A key made ready, public or private. Never changed after its constructor.
pub struct DsaKey {
    key: Box<dyn Key>,
    set: Set,
}

/// What is asked of a key of any parameter set. Lengths of outputs are checked before.
trait Key: Send + Sync {
    fn write_public(&self, out: &mut [u8]);
    fn write_private(&self, out: &mut [u8]) -> Answer<()>;
    fn sign(&self, mu: &[u8; MU], signature: &mut [u8]) -> Answer<()>;
    fn verify(&self, mu: &[u8; MU], signature: &[u8]) -> Answer<()>;
}

/// The two halves of a key of one parameter set.
struct Halves<P: MlDsaParams> {
    private: Option<Box<ExpandedSigningKey<P>>>,
    public: VerifyingKey<P>,
}

impl<P: MlDsaParams> Halves<P> {
    fn of(private: ExpandedSigningKey<P>) -> Self {
        Self { public: private.verifying_key(), private: Some(Box::new(private)) }
    }

    fn from_seed(seed: &[u8; SEED]) -> Self {
        Self::of(ExpandedSigningKey::from_seed(&(*seed).into()))
    }

    /// The caller has looked at the small numbers.
    fn private(key: &[u8]) -> Answer<Self> {
        let bytes = Zeroizing::new(key.try_into().map_err(refused)?);
        #[expect(deprecated, reason = "a key may come without its seed")]
        let halves = Self::of(ExpandedSigningKey::from_expanded(&bytes));
        // rho, K, tr: the third is the digest of the public key (FIPS 204, algorithm 6, line 9).
        let mut digest = [0; MU];
        Shake256::default().chain(halves.public.encode()).finalize_xof().read(&mut digest);
        require(key.get(64..128) == Some(&digest))?;
        Ok(halves)
    }

    fn public(key: &[u8]) -> Answer<Self> {
        let key = key.try_into().map_err(refused)?;
        Ok(Self { private: None, public: VerifyingKey::decode(&key) })
    }
}

impl<P: MlDsaParams> Key for Halves<P>
where
    ExpandedSigningKey<P>: Send + Sync,
    VerifyingKey<P>: Send + Sync,
{
    fn write_public(&self, out: &mut [u8]) {
        out.copy_from_slice(&self.public.encode());
    }

    fn write_private(&self, out: &mut [u8]) -> Answer<()> {
        let private = self.private.as_ref().ok_or(Failure::MISUSE)?;
        #[expect(deprecated, reason = "CKA_VALUE of a private key is the expanded form")]
        let bytes = Zeroizing::new(private.to_expanded());
        out.copy_from_slice(&bytes);
        Ok(())
    }

    fn sign(&self, mu: &[u8; MU], signature: &mut [u8]) -> Answer<()> {
        let private = self.private.as_ref().ok_or(Failure::MISUSE)?;
        let made = private.sign_mu_randomized(&(*mu).into(), &mut Random).map_err(refused)?;
        signature.copy_from_slice(&made.encode());
        Ok(())
    }

    fn verify(&self, mu: &[u8; MU], signature: &[u8]) -> Answer<()> {
        let signature = Signature::<P>::try_from(signature).map_err(refused)?;
        require(self.public.verify_mu(&(*mu).into(), &signature))
    }
}

/// Whether the small numbers of an expanded key are small: s1 and s2 come behind rho, K and tr, packed in three bits
/// up to 4 where eta is 2, in four bits up to 8 where it is 4 (FIPS 204, algorithms 17 and 24).
fn small_numbers_are_small(set: Set, key: &[u8]) -> bool {
    let (bits, largest, polynomials) = match set {
        Set::Dsa44 => (3, 4, 8),
        Set::Dsa65 => (4, 8, 11),
        Set::Dsa87 => (3, 4, 15),
    };
    let Some(packed) = key.get(128..128 + polynomials * 32 * bits) else { return false };
    let mask = (1_u32 << bits) - 1;
    // Three bytes hold whole numbers of either width. All are read, whatever the first are.
    packed.chunks(3).fold(true, |small, bytes| {
        let group = bytes.iter().rev().fold(0_u32, |group, byte| group << 8 | u32::from(*byte));
        let numbers = (0..24 / bits).map(|index| group >> (index * bits) & mask);
        numbers.fold(small, |small, number| small & (number <= largest))
    })
}

impl DsaKey {
    /// The key pair of a seed (FIPS 204, algorithm 6).
    pub fn from_seed(set: Set, seed: &[u8; SEED]) -> Answer<Self> {
        let key: Box<dyn Key> = match set {
            Set::Dsa44 => Box::new(Halves::<MlDsa44>::from_seed(seed)),
            Set::Dsa65 => Box::new(Halves::<MlDsa65>::from_seed(seed)),
            Set::Dsa87 => Box::new(Halves::<MlDsa87>::from_seed(seed)),
        };
        Ok(Self { key, set })
    }

    /// Whether [`Self::private`] finds a wrong low part of t too: only where it is far off.
    pub const fn checks_low_part() -> bool {
        false
    }

    /// A private key, checked: its small numbers are small, the public key that follows from them is that of its
    /// digest, and what it signs that key verifies.
    pub fn private(set: Set, key: &[u8]) -> Answer<Self> {
        require(key.len() == set.private_len() && small_numbers_are_small(set, key))?;
        let key: Box<dyn Key> = match set {
            Set::Dsa44 => Box::new(Halves::<MlDsa44>::private(key)?),
            Set::Dsa65 => Box::new(Halves::<MlDsa65>::private(key)?),
            Set::Dsa87 => Box::new(Halves::<MlDsa87>::private(key)?),
        };
        let mut signature = vec![0; set.signature_len()];
        key.sign(&[0x5A; MU], &mut signature)?;
        key.verify(&[0x5A; MU], &signature)?;
        Ok(Self { key, set })
    }

    /// A public key. Any bytes of the right length are one.
    pub fn public(set: Set, key: &[u8]) -> Answer<Self> {
        let key: Box<dyn Key> = match set {
            Set::Dsa44 => Box::new(Halves::<MlDsa44>::public(key)?),
            Set::Dsa65 => Box::new(Halves::<MlDsa65>::public(key)?),
            Set::Dsa87 => Box::new(Halves::<MlDsa87>::public(key)?),
        };
        Ok(Self { key, set })
    }

    /// The parameter set.
    pub const fn set(&self) -> Set {
        self.set
    }

    /// Writes the public key.
    pub fn write_public(&self, out: &mut [u8]) -> Answer<()> {
        require(out.len() == self.set.public_len())?;
        self.key.write_public(out);
        Ok(())
    }

    /// Writes the private key.
    pub fn write_private(&self, out: &mut [u8]) -> Answer<()> {
        require(out.len() == self.set.private_len())?;
        self.key.write_private(out)
    }

    /// Signs a message representative, hedged with fresh randomness (FIPS 204, 3.4).
    pub fn sign(&self, mu: &[u8; MU], signature: &mut [u8]) -> Answer<()> {
        require(signature.len() == self.set.signature_len())?;
        self.key.sign(mu, signature)
    }

    /// Verifies the signature of a message representative.
    pub fn verify(&self, mu: &[u8; MU], signature: &[u8]) -> Answer<()> {
        self.key.verify(mu, signature)
    }
}
