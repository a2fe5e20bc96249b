//! MACs that are one block of AES, or its beginning: what CMAC and GMAC share as C_Sign and C_Verify know them.

use super::engine::cipher::BLOCK;
use super::hmac::compare;
use super::mechanism::{Signing, Verifying};
use super::start::first;
use crate::ck::{Error, Result};
use zeroize::Zeroizing;

/// A running MAC.
pub(super) trait BlockMac: Send {
    /// Takes more input.
    fn update(&mut self, data: &[u8]) -> Result<()>;
    /// Writes the whole MAC. The state is used up.
    fn finish(&mut self, mac: &mut [u8; BLOCK]) -> Result<()>;
}

/// A MAC that is made or verified, cut to a length in bytes.
pub(super) struct Running<M> {
    mac: M,
    len: usize,
}

impl<M: BlockMac> Running<M> {
    /// `CKR_MECHANISM_PARAM_INVALID` where no MAC is so long: 1..=16 bytes.
    pub(super) fn new(mac: M, len: usize) -> Result<Self> {
        if (1..=BLOCK).contains(&len) { Ok(Self { mac, len }) } else { Err(Error::MechanismParamInvalid) }
    }

    fn made(&mut self) -> Result<Zeroizing<[u8; BLOCK]>> {
        let mut mac = Zeroizing::new([0; BLOCK]);
        self.mac.finish(&mut mac)?;
        Ok(mac)
    }
}

impl<M: BlockMac> Signing for Running<M> {
    fn len(&self) -> usize {
        self.len
    }

    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.mac.update(data)
    }

    fn finish(&mut self, out: &mut [u8]) -> Result<usize> {
        let out = first(out, self.len)?;
        let mac = self.made()?;
        out.copy_from_slice(mac.get(..out.len()).unwrap_or_default());
        Ok(out.len())
    }
}

impl<M: BlockMac> Verifying for Running<M> {
    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.mac.update(data)
    }

    fn finish(&mut self, signature: &[u8]) -> Result<()> {
        let mac = self.made()?;
        compare(mac.get(..self.len).unwrap_or_default(), signature)
    }
}
