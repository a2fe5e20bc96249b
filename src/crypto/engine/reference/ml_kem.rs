//! ML-KEM (FIPS 203) over the crate `ml-kem`.

use super::{Answer, Failure, refused, require};
pub use crate::sys::primitives::ml_kem::{RANDOMNESS, SEED, SHARED, Set};
#[expect(deprecated, reason = "CKA_VALUE of a decapsulation key is the expanded form")]
use ::ml_kem::ExpandedKeyEncoding;
use ::ml_kem::{Decapsulate, KeyExport};
use ::ml_kem::{DecapsulationKey, EncapsulationKey, MlKem512, MlKem768, MlKem1024};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// A key made ready, public or private. Never changed after its constructor.
pub struct KemKey {
    key: Box<dyn Key>,
    set: Set,
}

/// What is asked of a key of any parameter set. Lengths are checked before.
trait Key: Send + Sync {
    fn write_public(&self, out: &mut [u8]);
    fn write_private(&self, out: &mut [u8]) -> Answer<()>;
    fn encapsulate(&self, randomness: &[u8; RANDOMNESS], ciphertext: &mut [u8], shared: &mut [u8]);
    fn decapsulate(&self, ciphertext: &[u8], shared: &mut [u8]) -> Answer<()>;
}

/// The two halves of a key of one parameter set. The crate hides the trait that would make this generic.
macro_rules! halves {
    ($name:ident of $set:ident) => {
        struct $name {
            private: Option<DecapsulationKey<$set>>,
            public: EncapsulationKey<$set>,
        }

        impl $name {
            fn from_seed(seed: &[u8; SEED]) -> Box<dyn Key> {
                let private = DecapsulationKey::<$set>::from_seed((*seed).into());
                let public = private.encapsulation_key().clone();
                Box::new(Self { private: Some(private), public })
            }

            fn public(key: &[u8]) -> Answer<Box<dyn Key>> {
                let key = key.try_into().map_err(refused)?;
                let public = EncapsulationKey::<$set>::new(key).map_err(refused)?;
                Ok(Box::new(Self { private: None, public }))
            }

            #[expect(deprecated, reason = "CKA_VALUE of a decapsulation key is the expanded form")]
            fn private(key: &[u8]) -> Answer<Box<dyn Key>> {
                let key = key.try_into().map_err(refused)?;
                let private = DecapsulationKey::<$set>::from_expanded_bytes(key).map_err(refused)?;
                let public = private.encapsulation_key().clone();
                Ok(Box::new(Self { private: Some(private), public }))
            }
        }

        impl Key for $name {
            fn write_public(&self, out: &mut [u8]) {
                out.copy_from_slice(&self.public.to_bytes());
            }

            #[expect(deprecated, reason = "CKA_VALUE of a decapsulation key is the expanded form")]
            fn write_private(&self, out: &mut [u8]) -> Answer<()> {
                let private = self.private.as_ref().ok_or(Failure::MISUSE)?;
                out.copy_from_slice(&*Zeroizing::new(private.to_expanded_bytes()));
                Ok(())
            }

            fn encapsulate(&self, randomness: &[u8; RANDOMNESS], ciphertext: &mut [u8], shared: &mut [u8]) {
                let (made, secret) = self.public.encapsulate_deterministic(&(*randomness).into());
                ciphertext.copy_from_slice(&made);
                shared.copy_from_slice(&*Zeroizing::new(secret));
            }

            fn decapsulate(&self, ciphertext: &[u8], shared: &mut [u8]) -> Answer<()> {
                let private = self.private.as_ref().ok_or(Failure::MISUSE)?;
                let secret = private.decapsulate_slice(ciphertext).map_err(refused)?;
                shared.copy_from_slice(&*Zeroizing::new(secret));
                Ok(())
            }
        }
    };
}

halves!(Kem512 of MlKem512);
halves!(Kem768 of MlKem768);
halves!(Kem1024 of MlKem1024);

impl KemKey {
    /// The key pair of a seed (FIPS 203, algorithm 16).
    pub fn from_seed(set: Set, seed: &[u8; SEED]) -> Answer<Self> {
        let key = match set {
            Set::Kem512 => Kem512::from_seed(seed),
            Set::Kem768 => Kem768::from_seed(seed),
            Set::Kem1024 => Kem1024::from_seed(seed),
        };
        Ok(Self { key, set })
    }

    /// An encapsulation key, whose numbers are checked (FIPS 203, 7.2).
    pub fn public(set: Set, key: &[u8]) -> Answer<Self> {
        let key = match set {
            Set::Kem512 => Kem512::public(key),
            Set::Kem768 => Kem768::public(key),
            Set::Kem1024 => Kem1024::public(key),
        }?;
        Ok(Self { key, set })
    }

    /// A decapsulation key, checked: the hash of the encapsulation key in it, that key's numbers (FIPS 203,
    /// 7.2 and 7.3), and that the two belong together.
    pub fn private(set: Set, key: &[u8]) -> Answer<Self> {
        let key = match set {
            Set::Kem512 => Kem512::private(key),
            Set::Kem768 => Kem768::private(key),
            Set::Kem1024 => Kem1024::private(key),
        }?;
        let key = Self { key, set };
        key.check_pair()?;
        Ok(key)
    }

    /// Whether what the public half encapsulates the private half decapsulates.
    fn check_pair(&self) -> Answer<()> {
        let mut ciphertext = vec![0; self.set.ciphertext_len()];
        let (mut one, mut other) = (Zeroizing::new([0; SHARED]), Zeroizing::new([0; SHARED]));
        self.encapsulate(&[0x5A; RANDOMNESS], &mut ciphertext, &mut *one)?;
        self.decapsulate(&ciphertext, &mut *other)?;
        require(one.ct_eq(&*other).into())
    }

    /// The parameter set.
    pub const fn set(&self) -> Set {
        self.set
    }

    /// Writes the encapsulation key.
    pub fn write_public(&self, out: &mut [u8]) -> Answer<()> {
        require(out.len() == self.set.public_len())?;
        self.key.write_public(out);
        Ok(())
    }

    /// Writes the decapsulation key.
    pub fn write_private(&self, out: &mut [u8]) -> Answer<()> {
        require(out.len() == self.set.private_len())?;
        self.key.write_private(out)
    }

    /// Encapsulates (FIPS 203, algorithm 20) with this randomness.
    pub fn encapsulate(
        &self,
        randomness: &[u8; RANDOMNESS],
        ciphertext: &mut [u8],
        shared: &mut [u8],
    ) -> Answer<()> {
        require(ciphertext.len() == self.set.ciphertext_len() && shared.len() == SHARED)?;
        self.key.encapsulate(randomness, ciphertext, shared);
        Ok(())
    }

    /// Decapsulates (FIPS 203, algorithm 21). A ciphertext of the right length always gives a secret: what was
    /// not made for this key gives one that nobody else has.
    pub fn decapsulate(&self, ciphertext: &[u8], shared: &mut [u8]) -> Answer<()> {
        require(ciphertext.len() == self.set.ciphertext_len() && shared.len() == SHARED)?;
        self.key.decapsulate(ciphertext, shared)
    }
}
