//! HMAC (FIPS 198-1) over the crate `hmac`.

use super::digest::{Hash, MAX_LEN};
use super::{Answer, Failure, refused, require};
use hmac::{HmacReset, KeyInit, Mac, SimpleHmacReset};
use sha1::Sha1;
use sha2::{Sha224, Sha256, Sha384, Sha512, Sha512_224, Sha512_256};
use sha3::{Sha3_224, Sha3_256, Sha3_384, Sha3_512};

/// A key made ready. Never changed after that.
pub struct HmacKey {
    template: Box<dyn Keyed + Sync>,
    len: usize,
}

/// A running HMAC.
pub struct Hmac {
    context: Box<dyn Keyed + Sync>,
    len: usize,
}

/// What is asked of an HMAC with any hash function.
trait Keyed: Send {
    fn update(&mut self, data: &[u8]);
    /// Writes the MAC over the whole of `out`. Begins anew under the same key.
    fn finish(&mut self, out: &mut [u8]) -> Answer<()>;
    fn copy(&self) -> Box<dyn Keyed + Sync>;
}

impl<M: Mac + hmac::digest::FixedOutputReset + Clone + Send + Sync + 'static> Keyed for M {
    fn update(&mut self, data: &[u8]) {
        Mac::update(self, data);
    }

    fn finish(&mut self, out: &mut [u8]) -> Answer<()> {
        let mac = zeroize::Zeroizing::new(self.finalize_reset().into_bytes());
        require(out.len() == mac.len())?;
        out.copy_from_slice(&mac);
        Ok(())
    }

    fn copy(&self) -> Box<dyn Keyed + Sync> {
        Box::new(self.clone())
    }
}

fn ready<M: Keyed + KeyInit + Sync + 'static>(key: &[u8]) -> Answer<Box<dyn Keyed + Sync>> {
    Ok(Box::new(<M as KeyInit>::new_from_slice(key).map_err(refused)?))
}

impl HmacKey {
    /// Computes the inner and outer states of a key.
    pub fn new(hash: Hash, key: &[u8]) -> Answer<Self> {
        // The states of a sponge cannot be computed ahead of its input, so the crate has another type for them.
        let template = match hash {
            Hash::Sha1 => ready::<HmacReset<Sha1>>(key),
            Hash::Sha224 => ready::<HmacReset<Sha224>>(key),
            Hash::Sha256 => ready::<HmacReset<Sha256>>(key),
            Hash::Sha384 => ready::<HmacReset<Sha384>>(key),
            Hash::Sha512 => ready::<HmacReset<Sha512>>(key),
            Hash::Sha512_224 => ready::<HmacReset<Sha512_224>>(key),
            Hash::Sha512_256 => ready::<HmacReset<Sha512_256>>(key),
            Hash::Sha3_224 => ready::<SimpleHmacReset<Sha3_224>>(key),
            Hash::Sha3_256 => ready::<SimpleHmacReset<Sha3_256>>(key),
            Hash::Sha3_384 => ready::<SimpleHmacReset<Sha3_384>>(key),
            Hash::Sha3_512 => ready::<SimpleHmacReset<Sha3_512>>(key),
        }?;
        Ok(Self { template, len: hash.len() })
    }

    /// Length of the MAC in bytes.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// The MAC of a whole message. `out` has exactly [`Self::len`] bytes.
    pub fn mac(&self, data: &[u8], out: &mut [u8]) -> Answer<()> {
        let mut context = self.template.copy();
        context.update(data);
        context.finish(out)
    }

    /// Starts a message in parts.
    pub fn start(&self) -> Answer<Hmac> {
        Ok(Hmac { context: self.template.copy(), len: self.len })
    }
}

impl Hmac {
    /// Takes more input.
    pub fn update(&mut self, data: &[u8]) -> Answer<()> {
        self.context.update(data);
        Ok(())
    }

    /// Writes the MAC; answers its length. The context begins anew.
    pub fn finish(&mut self, out: &mut [u8; MAX_LEN]) -> Answer<usize> {
        self.context.finish(out.get_mut(..self.len).ok_or(Failure::MISUSE)?)?;
        Ok(self.len)
    }
}
