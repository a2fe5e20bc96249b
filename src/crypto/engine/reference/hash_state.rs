//! Digests whose state can be taken out and put back: the form that the crates give their states
//! ([`SerializableState`]), which they promise to read again within a minor version. SHA-3 is not saved, as AWS-LC does
//! not.

use super::digest::{Hash, MAX_LEN, with_hash};
use super::{Answer, Failure, refused, require};
use sha2::digest::common::hazmat::{SerializableState, SerializedState};
use sha2::digest::{Digest as Function, FixedOutputReset};
use zeroize::Zeroizing;

/// A running digest that can be saved.
pub struct HashState {
    hash: Hash,
    state: Box<dyn State>,
}

/// What is asked of the state of any hash function.
trait State: Send {
    fn update(&mut self, data: &[u8]);
    /// Writes the digest to the first bytes. Begins anew.
    fn finish(&mut self, out: &mut [u8; MAX_LEN]) -> Answer<()>;
    fn save(&self) -> Zeroizing<Vec<u8>>;
    fn restore(&mut self, saved: &[u8]) -> Answer<()>;
}

impl<F: Function + FixedOutputReset + SerializableState + Send> State for F {
    fn update(&mut self, data: &[u8]) {
        Function::update(self, data);
    }

    fn finish(&mut self, out: &mut [u8; MAX_LEN]) -> Answer<()> {
        let digest = self.finalize_reset();
        out.get_mut(..digest.len()).ok_or(Failure::MISUSE)?.copy_from_slice(&digest);
        Ok(())
    }

    fn save(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.serialize().to_vec())
    }

    fn restore(&mut self, saved: &[u8]) -> Answer<()> {
        let saved = <&SerializedState<F>>::try_from(saved).map_err(refused)?;
        *self = F::deserialize(saved).map_err(refused)?;
        Ok(())
    }
}

impl HashState {
    /// Starts a digest.
    pub fn new(hash: Hash) -> Answer<Self> {
        Ok(Self { hash, state: with_hash!(hash, F => Box::new(F::new())) })
    }

    /// Goes on from what [`Self::save`] gave of a digest with the same hash function. Refused for SHA-3.
    pub fn restore(hash: Hash, saved: &[u8]) -> Answer<Self> {
        require(can_be_saved(hash))?;
        let mut state = Self::new(hash)?;
        state.state.restore(saved)?;
        Ok(state)
    }

    /// The hash function.
    pub const fn hash(&self) -> Hash {
        self.hash
    }

    /// Takes more input.
    pub fn update(&mut self, data: &[u8]) -> Answer<()> {
        self.state.update(data);
        Ok(())
    }

    /// Writes the digest; answers its length in bytes. The state begins anew.
    pub fn finish(&mut self, out: &mut [u8; MAX_LEN]) -> Answer<usize> {
        self.state.finish(out)?;
        Ok(self.hash.len())
    }

    /// All that it takes to go on elsewhere. Refused for SHA-3.
    pub fn save(&self) -> Answer<Zeroizing<Vec<u8>>> {
        require(can_be_saved(self.hash))?;
        Ok(self.state.save())
    }
}

const fn can_be_saved(hash: Hash) -> bool {
    !matches!(hash, Hash::Sha3_224 | Hash::Sha3_256 | Hash::Sha3_384 | Hash::Sha3_512)
}
