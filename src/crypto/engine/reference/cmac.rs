//! CMAC with AES (SP 800-38B) over the crate `cmac`.

use super::Answer;
use super::block::Aes;
use super::cipher::BLOCK;
use ::cmac::Mac;
use ::cmac::digest::InnerInit;
use zeroize::Zeroizing;

/// A key made ready. Never changed after its constructor.
pub struct CmacKey(::cmac::Cmac<Aes>);

/// A running CMAC.
pub struct Cmac(::cmac::Cmac<Aes>);

impl CmacKey {
    /// Makes ready a key of 16, 24 or 32 bytes.
    pub fn new(key: &[u8]) -> Answer<Self> {
        Ok(Self(::cmac::Cmac::inner_init(Aes::new(key)?)))
    }

    /// Starts a message.
    pub fn start(&self) -> Answer<Cmac> {
        Ok(Cmac(self.0.clone()))
    }
}

impl Cmac {
    /// Takes more input.
    pub fn update(&mut self, data: &[u8]) -> Answer<()> {
        Mac::update(&mut self.0, data);
        Ok(())
    }

    /// Writes the MAC. The context begins anew.
    pub fn finish(&mut self, out: &mut [u8; BLOCK]) -> Answer<()> {
        *out = Zeroizing::new(self.0.finalize_reset().into_bytes()).0;
        Ok(())
    }
}
