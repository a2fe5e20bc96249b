//! Authenticated encryption: what GCM, CCM and ChaCha20-Poly1305 share as C_Encrypt and C_Decrypt know
//! them, with the tag behind the ciphertext. No plaintext leaves before its tag was verified.

use super::collected::Collected;
use super::engine::aead::{AeadStream, TAG};
use super::mechanism::Ciphering;
use super::start::first;
use crate::ck::{Error, Result};
use std::sync::Arc;

/// Input that must be complete before it can be processed is kept: at most so much of it.
pub(super) const COLLECTED_LIMIT: usize = 256 << 20;

/// A prepared key of an authenticated encryption.
pub(super) trait Aead: Send + Sync {
    /// Whether a nonce and a tag may be so long, in bytes (`CKR_MECHANISM_PARAM_INVALID`).
    fn check(&self, nonce_len: usize, tag_len: usize) -> Result<()>;
    /// Longest plaintext under a nonce of this length, in bytes.
    fn longest(&self, nonce_len: usize) -> u64;
    /// Encrypts: `out` has the length of `input`, `tag` is filled.
    fn seal(&self, nonce: &[u8], aad: &[u8], input: &[u8], out: &mut [u8], tag: &mut [u8]) -> Result<()>;
    /// Decrypts: `out` has the length of `input`, and holds zeros where the tag is not right
    /// (`CKR_AEAD_DECRYPT_FAILED`).
    fn open(&self, nonce: &[u8], aad: &[u8], input: &[u8], tag: &[u8], out: &mut [u8]) -> Result<()>;
    /// Starts an encryption in parts. `None` where the algorithm must know all of the message first.
    fn start(&self, nonce: &[u8], aad: &[u8]) -> Result<Option<AeadStream>>;
}

/// A nonce; the common length needs no allocation.
pub(super) enum Nonce {
    Usual([u8; 12]),
    Other(Box<[u8]>),
}

impl Nonce {
    pub(super) fn new(bytes: &[u8]) -> Self {
        match bytes.try_into() {
            Ok(usual) => Self::Usual(usual),
            Err(_) => Self::Other(bytes.into()),
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Usual(bytes) => bytes,
            Self::Other(bytes) => bytes,
        }
    }
}

/// What both directions need: the key, and the parameter checked.
pub(super) struct Message {
    pub(super) key: Arc<dyn Aead>,
    nonce: Nonce,
    aad: Vec<u8>,
    tag_len: usize,
    /// The plaintext's length in bytes, where it was announced.
    announced: Option<u64>,
}

impl Message {
    pub(super) fn new(
        key: Arc<dyn Aead>,
        nonce: &[u8],
        aad: &[u8],
        tag_len: usize,
        announced: Option<u64>,
    ) -> Result<Self> {
        key.check(nonce.len(), tag_len)?;
        if announced.is_some_and(|len| len > key.longest(nonce.len())) {
            return Err(Error::MechanismParamInvalid);
        }
        Ok(Self { key, nonce: Nonce::new(nonce), aad: aad.to_vec(), tag_len, announced })
    }

    /// Whether the plaintext may be so long; `whole` says that no more will come.
    fn check_len(&self, len: u64, whole: bool, error: Error) -> Result<()> {
        let fits = match self.announced {
            Some(announced) if whole => len == announced,
            Some(announced) => len <= announced,
            None => len <= self.key.longest(self.nonce.bytes().len()),
        };
        if fits { Ok(()) } else { Err(error) }
    }

    /// Starts an encryption.
    pub(super) fn encrypt(self) -> Result<Box<dyn Ciphering>> {
        Ok(Box::new(Encryption { message: self, begun: None, len: 0 }))
    }

    /// Starts a decryption.
    pub(super) fn decrypt(self) -> Result<Box<dyn Ciphering>> {
        let ciphertext = Collected::new(COLLECTED_LIMIT, Error::EncryptedDataLenRange);
        Ok(Box::new(Decryption { message: self, ciphertext }))
    }
}

/// Parts of a message that is encrypted: run through at once, or kept until all are there.
#[cfg_attr(
    not(feature = "aws-lc"),
    expect(clippy::large_enum_variant, reason = "the state of a running message, of which there is one")
)]
pub(super) enum Parts {
    Stream(AeadStream),
    Kept(Collected),
}

impl Parts {
    pub(super) fn begin(key: &dyn Aead, nonce: &[u8], aad: &[u8]) -> Result<Self> {
        Ok(match key.start(nonce, aad)? {
            Some(stream) => Self::Stream(stream),
            None => Self::Kept(Collected::new(COLLECTED_LIMIT, Error::DataLenRange)),
        })
    }
}

/// A running encryption; the state of its own begins with the first part.
struct Encryption {
    message: Message,
    begun: Option<Parts>,
    len: u64,
}

impl Encryption {
    fn parts(&mut self) -> Result<&mut Parts> {
        let parts = match self.begun.take() {
            Some(parts) => parts,
            None => Parts::begin(&*self.message.key, self.message.nonce.bytes(), &self.message.aad)?,
        };
        Ok(self.begun.insert(parts))
    }

    fn count(&mut self, input: usize) -> Result<()> {
        self.len = self.len.saturating_add(input as u64);
        self.message.check_len(self.len, false, Error::DataLenRange)
    }

    fn seal(&self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        let (out, rest) = out.split_at_mut_checked(input.len()).ok_or(Error::BufferTooSmall)?;
        let tag = first(rest, self.message.tag_len)?;
        let Message { key, nonce, aad, .. } = &self.message;
        key.seal(nonce.bytes(), aad, input, out, tag)?;
        Ok(input.len() + tag.len())
    }
}

impl Ciphering for Encryption {
    fn update_len(&self, input: usize) -> usize {
        match (&self.begun, self.message.announced) {
            (Some(Parts::Kept(_)), _) | (None, Some(_)) => 0,
            _ => input,
        }
    }

    fn update(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        self.count(input.len())?;
        match self.parts()? {
            Parts::Stream(stream) => {
                stream.update(input, first(out, input.len())?)?;
                Ok(input.len())
            }
            Parts::Kept(kept) => kept.push(input).map(|()| 0),
        }
    }

    fn finish_len(&self) -> usize {
        let kept = match &self.begun {
            Some(Parts::Kept(kept)) => kept.len(),
            _ => 0,
        };
        kept.saturating_add(self.message.tag_len)
    }

    fn finish(&mut self, out: &mut [u8]) -> Result<usize> {
        self.message.check_len(self.len, true, Error::DataLenRange)?;
        self.parts()?;
        match self.begun.take() {
            Some(Parts::Stream(mut stream)) => {
                let mut tag = [0; TAG];
                stream.tag(&mut tag)?;
                write_tag(&tag, first(out, self.message.tag_len)?)
            }
            Some(Parts::Kept(mut kept)) => self.seal(&kept.take(), out),
            None => Err(Error::GeneralError),
        }
    }

    fn whole_len(&self, input: usize) -> usize {
        input.saturating_add(self.message.tag_len)
    }

    fn whole(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        self.message.check_len(input.len() as u64, true, Error::DataLenRange)?;
        self.seal(input, out)
    }

    fn exact(&self) -> bool {
        true
    }
}

/// A shorter tag is the beginning of the full one (SP 800-38D, 7.1).
pub(super) fn write_tag(tag: &[u8; TAG], out: &mut [u8]) -> Result<usize> {
    out.copy_from_slice(tag.get(..out.len()).ok_or(Error::GeneralError)?);
    Ok(out.len())
}

/// A running decryption.
struct Decryption {
    message: Message,
    ciphertext: Collected,
}

impl Decryption {
    fn plaintext_len(&self, input: usize) -> usize {
        input.saturating_sub(self.message.tag_len)
    }
}

impl Ciphering for Decryption {
    fn update_len(&self, _input: usize) -> usize {
        0
    }

    fn update(&mut self, input: &[u8], _out: &mut [u8]) -> Result<usize> {
        self.ciphertext.push(input)?;
        Ok(0)
    }

    fn finish_len(&self) -> usize {
        self.plaintext_len(self.ciphertext.len())
    }

    fn finish(&mut self, out: &mut [u8]) -> Result<usize> {
        let ciphertext = self.ciphertext.take();
        self.whole(&ciphertext, out)
    }

    fn whole_len(&self, input: usize) -> usize {
        self.plaintext_len(input)
    }

    fn whole(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        if input.len() < self.message.tag_len {
            return Err(Error::EncryptedDataLenRange);
        }
        let (body, tag) =
            input.split_at_checked(self.plaintext_len(input.len())).ok_or(Error::GeneralError)?;
        self.message.check_len(body.len() as u64, true, Error::EncryptedDataLenRange)?;
        let out = first(out, body.len())?;
        let Message { key, nonce, aad, .. } = &self.message;
        // C_Decrypt has no CKR_AEAD_DECRYPT_FAILED among its answers (5.10.2).
        key.open(nonce.bytes(), aad, body, tag, out).map_err(|_| Error::EncryptedDataInvalid)?;
        Ok(body.len())
    }

    fn exact(&self) -> bool {
        true
    }
}

/// For the tests of the ciphers: a message that is so long already takes one byte more exactly where it is shorter than that.
#[cfg(test)]
pub(super) fn encrypts_up_to(message: Message, most: u64) {
    let mut encryption = Encryption { message, begun: None, len: most - 1 };
    assert_eq!(encryption.update(&[1], &mut [0]), Ok(1));
    assert_eq!(encryption.update(&[1], &mut [0]), Err(Error::DataLenRange));
}
