//! HMAC (FIPS 198-1) over the crate `hmac`.

use super::digest::{Hash, MAX_LEN, with_hash};
use super::{Answer, Failure, refused, require};
use hmac::{KeyInit, Mac};

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

impl HmacKey {
    /// Computes the inner and outer states of a key.
    pub fn new(hash: Hash, key: &[u8]) -> Answer<Self> {
        let template: Box<dyn Keyed + Sync> = with_hash!(hash, F => {
            Box::new(<hmac::HmacReset<F> as KeyInit>::new_from_slice(key).map_err(refused)?)
        });
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
