//! AES-GCM (SP 800-38D) and ChaCha20-Poly1305 (RFC 8439): whole messages under a key that threads share, and
//! messages in parts.

use super::Answer;
use super::cipher::{BLOCK, CALL_LIMIT, Context, Direction};
use super::error::{require, succeeded};
use super::owner::owner;
use aws_lc_sys::{
    EVP_AEAD, EVP_AEAD_CTX_new, EVP_AEAD_CTX_open_gather, EVP_AEAD_CTX_seal_scatter, EVP_CIPHER,
    EVP_CIPHER_CTX_ctrl, EVP_CTRL_AEAD_GET_TAG, EVP_CTRL_AEAD_SET_IVLEN, EVP_CTRL_AEAD_SET_TAG,
    EVP_CipherFinal_ex, EVP_CipherInit_ex, EVP_CipherUpdate, EVP_aead_aes_128_gcm, EVP_aead_aes_192_gcm,
    EVP_aead_aes_256_gcm, EVP_aead_chacha20_poly1305, EVP_aes_128_gcm, EVP_aes_192_gcm, EVP_aes_256_gcm,
    EVP_chacha20_poly1305,
};
use std::ffi::c_int;
use std::ptr;
use zeroize::Zeroize;

pub use crate::sys::primitives::aead::{Algorithm, MAX_NONCE, MAX_PLAINTEXT, TAG};

owner! {
    /// A keyed AEAD, which AWS-LC does not change in use.
    Sealer owns EVP_AEAD_CTX, freed by EVP_AEAD_CTX_free
}

/// A key made ready. Never changed after its constructor.
pub struct AeadKey {
    sealer: Sealer,
    template: Context,
}

/// A running encryption or decryption.
pub struct AeadStream(Context);

// SAFETY: both parts are only ever read, by functions that take them as const.
unsafe impl Send for AeadKey {}
// SAFETY: as above.
unsafe impl Sync for AeadKey {}
// SAFETY: the context has no tie to the thread that made it.
unsafe impl Send for AeadStream {}

impl AeadKey {
    /// Makes ready a key: of 16, 24 or 32 bytes for AES, of 32 for ChaCha20.
    pub fn new(algorithm: Algorithm, key: &[u8]) -> Answer<Self> {
        let (aead, cipher) = descriptions(algorithm, key.len())?;
        // SAFETY: the description is static and of this key length; reads the key.
        let raw = unsafe { EVP_AEAD_CTX_new(aead, key.as_ptr(), key.len(), TAG) };
        // SAFETY: NULL or a fresh object.
        let sealer = unsafe { Sealer::own(raw) }?;
        let template = Context::new()?;
        // SAFETY: the context is fresh, the description static and of this key length; no IV yet.
        let answer = unsafe {
            EVP_CipherInit_ex(template.raw(), cipher, ptr::null_mut(), key.as_ptr(), ptr::null(), 1)
        };
        succeeded(answer)?;
        Ok(Self { sealer, template })
    }

    /// Encrypts a whole message: `out` has the length of `input`, `tag` gets the full tag.
    pub fn seal(
        &self,
        nonce: &[u8],
        aad: &[u8],
        input: &[u8],
        out: &mut [u8],
        tag: &mut [u8; TAG],
    ) -> Answer<()> {
        require(out.len() == input.len() && (1..=MAX_NONCE).contains(&nonce.len()))?;
        let mut tag_len = 0;
        // SAFETY: the key is only read; every pointer comes with the length of its slice; `out` has the
        // length of `input` and `tag` the length that the key was made for; no extra input.
        let answer = unsafe {
            EVP_AEAD_CTX_seal_scatter(
                self.sealer.raw(),
                out.as_mut_ptr(),
                tag.as_mut_ptr(),
                &raw mut tag_len,
                TAG,
                nonce.as_ptr(),
                nonce.len(),
                input.as_ptr(),
                input.len(),
                ptr::null(),
                0,
                aad.as_ptr(),
                aad.len(),
            )
        };
        succeeded(answer)?;
        require(tag_len == TAG)
    }

    /// Decrypts a whole message with a tag of 4..=16 bytes: `out` has the length of `input`, and holds
    /// zeros where the tag is not right.
    pub fn open(&self, nonce: &[u8], aad: &[u8], input: &[u8], tag: &[u8], out: &mut [u8]) -> Answer<()> {
        require(out.len() == input.len() && (1..=MAX_NONCE).contains(&nonce.len()))?;
        let answer = if tag.len() == TAG {
            self.open_full_tag(nonce, aad, input, tag, out)
        } else {
            self.open_short_tag(nonce, aad, input, tag, out)
        };
        if answer.is_err() {
            out.zeroize();
        }
        answer
    }

    fn open_full_tag(
        &self,
        nonce: &[u8],
        aad: &[u8],
        input: &[u8],
        tag: &[u8],
        out: &mut [u8],
    ) -> Answer<()> {
        // SAFETY: the key is only read; every pointer comes with the length of its slice; `out` has the
        // length of `input`.
        let answer = unsafe {
            EVP_AEAD_CTX_open_gather(
                self.sealer.raw(),
                out.as_mut_ptr(),
                nonce.as_ptr(),
                nonce.len(),
                input.as_ptr(),
                input.len(),
                tag.as_ptr(),
                tag.len(),
                aad.as_ptr(),
                aad.len(),
            )
        };
        succeeded(answer)
    }

    fn open_short_tag(
        &self,
        nonce: &[u8],
        aad: &[u8],
        input: &[u8],
        tag: &[u8],
        out: &mut [u8],
    ) -> Answer<()> {
        let mut gcm = self.start(Direction::Decrypt, nonce)?;
        gcm.aad(aad)?;
        gcm.update(input, out)?;
        gcm.verify(tag)
    }

    /// Starts a message in parts with a nonce of 1..=256 bytes.
    pub fn start(&self, direction: Direction, nonce: &[u8]) -> Answer<AeadStream> {
        require((1..=MAX_NONCE).contains(&nonce.len()))?;
        let mut gcm = AeadStream(self.template.copy()?);
        gcm.control(EVP_CTRL_AEAD_SET_IVLEN, nonce.len(), ptr::null_mut())?;
        // SAFETY: the context is keyed and expects an IV of this length; the key stays.
        let answer = unsafe {
            EVP_CipherInit_ex(
                gcm.0.raw(),
                ptr::null(),
                ptr::null_mut(),
                ptr::null(),
                nonce.as_ptr(),
                direction.flag(),
            )
        };
        succeeded(answer)?;
        Ok(gcm)
    }
}

impl AeadStream {
    /// Takes additional authenticated data, before any input.
    pub fn aad(&mut self, aad: &[u8]) -> Answer<()> {
        for part in aad.chunks(CALL_LIMIT) {
            let len = c_int::try_from(part.len()).map_err(|_| super::Failure::MISUSE)?;
            let mut written = 0;
            // SAFETY: the context is started; without an output the input is authenticated only.
            let answer = unsafe {
                EVP_CipherUpdate(self.0.raw(), ptr::null_mut(), &raw mut written, part.as_ptr(), len)
            };
            succeeded(answer)?;
        }
        Ok(())
    }

    /// Runs `input` through; `out` has the same length.
    pub fn update(&mut self, input: &[u8], out: &mut [u8]) -> Answer<()> {
        self.0.run(input, out)
    }

    /// Ends an encryption and writes the full tag.
    pub fn tag(&mut self, tag: &mut [u8; TAG]) -> Answer<()> {
        self.finish()?;
        self.control(EVP_CTRL_AEAD_GET_TAG, TAG, tag.as_mut_ptr())
    }

    /// Ends a decryption: refuses where the tag, of 4..=16 bytes, is not right. AWS-LC compares in
    /// constant time.
    pub fn verify(&mut self, tag: &[u8]) -> Answer<()> {
        require((4..=TAG).contains(&tag.len()))?;
        let mut copy = [0; TAG];
        let (part, _) = copy.split_at_mut(tag.len());
        part.copy_from_slice(tag);
        self.control(EVP_CTRL_AEAD_SET_TAG, tag.len(), copy.as_mut_ptr())?;
        self.finish()
    }

    fn finish(&mut self) -> Answer<()> {
        let mut none = [0; BLOCK];
        let mut written = 0;
        // SAFETY: the context is started; both algorithms write nothing at their end, and there is room for a block.
        succeeded(unsafe { EVP_CipherFinal_ex(self.0.raw(), none.as_mut_ptr(), &raw mut written) })
    }

    fn control(&mut self, command: c_int, len: usize, bytes: *mut u8) -> Answer<()> {
        let len = c_int::try_from(len).map_err(|_| super::Failure::MISUSE)?;
        // SAFETY: private; the three commands used read or write `len` bytes, or none where `bytes` is NULL.
        succeeded(unsafe { EVP_CIPHER_CTX_ctrl(self.0.raw(), command, len, bytes.cast()) })
    }
}

/// The static descriptions of an algorithm for a key length.
fn descriptions(algorithm: Algorithm, key_len: usize) -> Answer<(*const EVP_AEAD, *const EVP_CIPHER)> {
    let (aead, cipher) = match (algorithm, key_len) {
        (Algorithm::AesGcm, 16) => (
            EVP_aead_aes_128_gcm as unsafe extern "C" fn() -> _,
            EVP_aes_128_gcm as unsafe extern "C" fn() -> _,
        ),
        (Algorithm::AesGcm, 24) => (EVP_aead_aes_192_gcm as _, EVP_aes_192_gcm as _),
        (Algorithm::AesGcm, 32) => (EVP_aead_aes_256_gcm as _, EVP_aes_256_gcm as _),
        (Algorithm::ChaCha20Poly1305, 32) => (EVP_aead_chacha20_poly1305 as _, EVP_chacha20_poly1305 as _),
        _ => return Err(super::Failure::MISUSE),
    };
    // SAFETY: answers a static; no preconditions.
    let aead = unsafe { aead() };
    // SAFETY: as above.
    Ok((aead, unsafe { cipher() }))
}
