//! Messages under one key (PKCS#11 3.2, 5.9, 5.11) for every authenticated encryption. The tag stands in
//! the message's parameter, not behind the ciphertext.
//!
//! A decryption in parts gives nothing before the last part, and then all of it: until the tag was verified
//! nobody has written that plaintext. It keeps at most 256 MiB. So does an encryption in parts with an
//! algorithm that must know the whole message first (CCM).

use super::aead::{Aead, COLLECTED_LIMIT, Nonce, Parts, write_tag};
use super::collected::Collected;
use super::engine::aead::TAG;
use super::iv::{Identity, Ivs};
use super::mechanism::Messaging;
use crate::ck::message::MessageParams;
use crate::ck::{Error, Result};
use std::sync::Arc;

/// Encrypts messages.
pub(super) fn encrypting(key: Arc<dyn Aead>) -> Box<dyn Messaging> {
    Box::new(Encrypting { key, ivs: Ivs::default(), message: None })
}

/// Decrypts messages.
pub(super) fn decrypting(key: Arc<dyn Aead>) -> Box<dyn Messaging> {
    Box::new(Decrypting { key, message: None })
}

struct Encrypting {
    key: Arc<dyn Aead>,
    ivs: Ivs,
    message: Option<Outgoing>,
}

struct Outgoing {
    nonce: Nonce,
    aad: Vec<u8>,
    parts: Parts,
    len: u64,
    /// Longest length in bytes, and whether it must be reached.
    most: u64,
    announced: bool,
}

/// The longest plaintext: as announced, or else as the algorithm bears. An announced one must be met.
fn most(key: &dyn Aead, params: &MessageParams) -> Result<(u64, bool)> {
    let longest = key.longest(params.iv.len());
    match params.data_len {
        #[expect(clippy::useless_conversion, reason = "a CK_ULONG has 32 bits on some targets")]
        Some(announced) if u64::from(announced) <= longest => Ok((announced.into(), true)),
        Some(_) => Err(Error::MechanismParamInvalid),
        None => Ok((longest, false)),
    }
}

/// What tells the key from all others: its tag over nothing under a nonce of zeros, which nobody else is shown.
fn identity(key: &dyn Aead) -> Result<Identity> {
    let mut tag = [0; TAG];
    key.seal(&[0; 12], b"keyward counter", &[], &mut [], &mut tag)?;
    Ok(tag)
}

/// Additional data that are kept until a message ends, in bytes at most. What a stream takes at once, and what comes
/// with a whole message, is not kept and has no such limit.
const AAD_LIMIT: usize = 1 << 20;

/// A copy of the additional data, for the end of a message in parts. `CKR_ARGUMENTS_BAD` beyond the limit.
fn kept(aad: &[u8]) -> Result<Vec<u8>> {
    if aad.len() > AAD_LIMIT { Err(Error::ArgumentsBad) } else { Ok(aad.to_vec()) }
}

impl Outgoing {
    fn count(&mut self, input: usize, last: bool) -> Result<()> {
        self.len = self.len.saturating_add(input as u64);
        let short = last && self.announced && self.len != self.most;
        if self.len > self.most || short { Err(Error::DataLenRange) } else { Ok(()) }
    }
}

impl Messaging for Encrypting {
    fn whole(&mut self, params: &mut MessageParams, aad: &[u8], input: &[u8], out: &mut [u8]) -> Result<()> {
        self.key.check(params.iv.len(), params.tag.len())?;
        let (most, announced) = most(&*self.key, params)?;
        let len = input.len() as u64;
        if len > most || announced && len != most {
            return Err(Error::DataLenRange);
        }
        self.ivs.complete(params, || identity(&*self.key))?;
        self.key.seal(&params.iv, aad, input, out, &mut params.tag)
    }

    fn begin(&mut self, params: &mut MessageParams, aad: &[u8]) -> Result<()> {
        self.key.check(params.iv.len(), params.tag.len())?;
        let (most, announced) = most(&*self.key, params)?;
        self.ivs.complete(params, || identity(&*self.key))?;
        let parts = Parts::begin(&*self.key, &params.iv, aad)?;
        // What is kept needs its additional data at the end; a stream has taken them.
        let aad = if matches!(parts, Parts::Kept(_)) { kept(aad)? } else { Vec::new() };
        self.message = Some(Outgoing { nonce: Nonce::new(&params.iv), aad, parts, len: 0, most, announced });
        Ok(())
    }

    fn next_len(&self, input: usize, last: bool) -> usize {
        match self.message.as_ref().map(|message| &message.parts) {
            Some(Parts::Kept(kept)) if last => kept.len().saturating_add(input),
            Some(Parts::Kept(_)) => 0,
            _ => input,
        }
    }

    fn next(&mut self, params: &mut MessageParams, input: &[u8], out: &mut [u8], last: bool) -> Result<()> {
        let message = self.message.as_mut().ok_or(Error::OperationNotInitialized)?;
        message.count(input.len(), last)?;
        match &mut message.parts {
            Parts::Stream(stream) => stream.update(input, out)?,
            Parts::Kept(kept) => kept.push(input)?,
        }
        if !last {
            return Ok(());
        }
        self.key.check(message.nonce.bytes().len(), params.tag.len())?;
        match &mut message.parts {
            Parts::Stream(stream) => {
                let mut tag = [0; TAG];
                stream.tag(&mut tag)?;
                write_tag(&tag, &mut params.tag)?;
            }
            Parts::Kept(kept) => {
                self.key.seal(message.nonce.bytes(), &message.aad, &kept.take(), out, &mut params.tag)?;
            }
        }
        self.message = None;
        Ok(())
    }

    fn abandon(&mut self) {
        self.message = None;
    }
}

struct Decrypting {
    key: Arc<dyn Aead>,
    message: Option<Incoming>,
}

struct Incoming {
    nonce: Nonce,
    aad: Vec<u8>,
    ciphertext: Collected,
    most: u64,
    announced: bool,
}

impl Messaging for Decrypting {
    fn whole(&mut self, params: &mut MessageParams, aad: &[u8], input: &[u8], out: &mut [u8]) -> Result<()> {
        self.key.check(params.iv.len(), params.tag.len())?;
        let (most, announced) = most(&*self.key, params)?;
        let len = input.len() as u64;
        if len > most || announced && len != most {
            return Err(Error::EncryptedDataLenRange);
        }
        self.key.open(&params.iv, aad, input, &params.tag, out)
    }

    fn begin(&mut self, params: &mut MessageParams, aad: &[u8]) -> Result<()> {
        self.key.check(params.iv.len(), params.tag.len())?;
        let (most, announced) = most(&*self.key, params)?;
        self.message = Some(Incoming {
            nonce: Nonce::new(&params.iv),
            aad: kept(aad)?,
            ciphertext: Collected::new(COLLECTED_LIMIT, Error::EncryptedDataLenRange),
            most,
            announced,
        });
        Ok(())
    }

    fn next_len(&self, input: usize, last: bool) -> usize {
        match &self.message {
            Some(message) if last => message.ciphertext.len().saturating_add(input),
            _ => 0,
        }
    }

    fn next(&mut self, params: &mut MessageParams, input: &[u8], out: &mut [u8], last: bool) -> Result<()> {
        let message = self.message.as_mut().ok_or(Error::OperationNotInitialized)?;
        message.ciphertext.push(input)?;
        let len = message.ciphertext.len() as u64;
        if len > message.most || last && message.announced && len != message.most {
            return Err(Error::EncryptedDataLenRange);
        }
        if !last {
            return Ok(());
        }
        self.key.check(message.nonce.bytes().len(), params.tag.len())?;
        let ciphertext = message.ciphertext.take();
        self.key.open(message.nonce.bytes(), &message.aad, &ciphertext, &params.tag, out)?;
        self.message = None;
        Ok(())
    }

    fn abandon(&mut self) {
        self.message = None;
    }
}
