//! RSA keys and the primitives on them (RFC 8017). Paddings are chosen above this floor.
//!
//! An RSA object of AWS-LC holds a lock and blinding values that other threads may be using at the
//! moment of a fork. So each carries the fork generation it was made in: in another generation it
//! answers every call with a failure and is never freed. The floor above rebuilds it.

use super::digest::Hash;
use super::error::{require, succeeded};
use super::numbers::{self, Number};
use super::owner::owner;
use super::{Answer, Failure};
use crate::sys::fork;
use aws_lc_sys::{
    BIGNUM, EVP_PKEY_CTX_new, EVP_PKEY_CTX_set_rsa_mgf1_md, EVP_PKEY_CTX_set_rsa_oaep_md,
    EVP_PKEY_CTX_set_rsa_padding, EVP_PKEY_CTX_set0_rsa_oaep_label, EVP_PKEY_decrypt, EVP_PKEY_decrypt_init,
    EVP_PKEY_encrypt, EVP_PKEY_encrypt_init, EVP_PKEY_new, EVP_PKEY_set1_RSA, OPENSSL_free, OPENSSL_malloc,
    RSA, RSA_NO_PADDING, RSA_PKCS1_OAEP_PADDING, RSA_PKCS1_PADDING, RSA_bits, RSA_check_key, RSA_decrypt,
    RSA_encrypt, RSA_free, RSA_generate_key_ex, RSA_get0_crt_params, RSA_get0_factors, RSA_get0_key, RSA_new,
    RSA_new_private_key, RSA_new_private_key_large_e, RSA_new_public_key, RSA_new_public_key_large_e,
    RSA_sign, RSA_sign_pss_mgf1, RSA_sign_raw, RSA_size, RSA_verify, RSA_verify_pss_mgf1, RSA_verify_raw,
};
use std::ffi::c_int;
use std::ptr::{self, NonNull};

pub use crate::sys::primitives::rsa::{Oaep, Part, Parts, Pss};
/// Longest public exponent in bytes that AWS-LC takes without being told that a longer one is meant.
const PLAIN_EXPONENT_LEN: usize = 4;

/// An RSA key, public or private.
pub struct RsaKey {
    raw: NonNull<RSA>,
    generation: u32,
}

owner! {
    /// A key in the form that the OAEP functions take, for as long as a call.
    Pkey owns EVP_PKEY, freed by EVP_PKEY_free
}

owner! {
    /// One operation on a [`Pkey`].
    PkeyOperation owns EVP_PKEY_CTX, freed by EVP_PKEY_CTX_free
}

// SAFETY: AWS-LC guards what it changes in a key (blindings, Montgomery values) with the key's own lock;
// nothing here changes the numbers after a constructor.
unsafe impl Send for RsaKey {}
// SAFETY: as above.
unsafe impl Sync for RsaKey {}

impl Drop for RsaKey {
    fn drop(&mut self) {
        if self.generation == fork::generation() {
            // SAFETY: the object is ours, and no thread of another process side can hold its lock.
            unsafe { RSA_free(self.raw.as_ptr()) };
        }
    }
}

impl RsaKey {
    /// # Safety
    /// `raw` is NULL, or valid and owned by nobody else.
    unsafe fn own(raw: *mut RSA) -> Answer<Self> {
        let raw = NonNull::new(raw).ok_or_else(Failure::take)?;
        Ok(Self { raw, generation: fork::generation() })
    }

    /// Makes a key of `bits` (a multiple of 128, up to 8192) with an odd public exponent. AWS-LC checks it.
    pub fn generate(bits: u32, exponent: u64) -> Answer<Self> {
        require(bits.is_multiple_of(128) && (1024..=8192).contains(&bits))?;
        require(exponent % 2 == 1 && exponent > 1)?;
        let bits = c_int::try_from(bits).map_err(|_| Failure::MISUSE)?;
        let exponent = Number::from_word(exponent)?;
        // SAFETY: allocates; no preconditions.
        let raw = unsafe { RSA_new() };
        // SAFETY: NULL or a fresh object.
        let key = unsafe { Self::own(raw) }?;
        // SAFETY: both objects are valid; no progress callback.
        succeeded(unsafe { RSA_generate_key_ex(key.raw.as_ptr(), bits, exponent.raw(), ptr::null_mut()) })?;
        key.check()?;
        Ok(key)
    }

    /// A private key of all its numbers, which AWS-LC checks against each other. The caller has bounded the public
    /// exponent.
    pub fn private(parts: &Parts<'_>) -> Answer<Self> {
        let Parts { n, e, d, p, q, dp, dq, qi } = *parts;
        let [n, e, d, p] =
            [Number::from_bytes(n)?, Number::from_bytes(e)?, Number::from_bytes(d)?, Number::from_bytes(p)?];
        let [q, dp, dq, qi] = [
            Number::from_bytes(q)?,
            Number::from_bytes(dp)?,
            Number::from_bytes(dq)?,
            Number::from_bytes(qi)?,
        ];
        let make =
            if e.len() > PLAIN_EXPONENT_LEN { RSA_new_private_key_large_e } else { RSA_new_private_key };
        // SAFETY: all numbers are valid, and are copied.
        let raw = unsafe { make(n.raw(), e.raw(), d.raw(), p.raw(), q.raw(), dp.raw(), dq.raw(), qi.raw()) };
        // SAFETY: NULL or a fresh object.
        unsafe { Self::own(raw) }
    }

    /// A public key. The caller has bounded the exponent.
    pub fn public(n: &[u8], e: &[u8]) -> Answer<Self> {
        let (n, e) = (Number::from_bytes(n)?, Number::from_bytes(e)?);
        let make = if e.len() > PLAIN_EXPONENT_LEN { RSA_new_public_key_large_e } else { RSA_new_public_key };
        // SAFETY: both numbers are valid, and are copied.
        let raw = unsafe { make(n.raw(), e.raw()) };
        // SAFETY: NULL or a fresh object.
        unsafe { Self::own(raw) }
    }

    /// The fork generation that the key was made in.
    #[inline]
    pub const fn generation(&self) -> u32 {
        self.generation
    }

    /// Checks the numbers against each other.
    pub fn check(&self) -> Answer<()> {
        // SAFETY: the key is of this process and valid.
        succeeded(unsafe { RSA_check_key(self.live()?) })
    }

    /// Size of the modulus in bits.
    pub fn bits(&self) -> u32 {
        // SAFETY: reads the modulus, which no call changes.
        unsafe { RSA_bits(self.raw.as_ptr()) }
    }

    /// Size of the modulus in bytes: the length of signatures and ciphertexts.
    pub fn size(&self) -> usize {
        // SAFETY: reads the modulus, which no call changes.
        let size = unsafe { RSA_size(self.raw.as_ptr()) };
        usize::try_from(size).unwrap_or(0)
    }

    /// The object, if it is of this side of a fork.
    #[inline]
    fn live(&self) -> Answer<*mut RSA> {
        require(self.generation == fork::generation())?;
        Ok(self.raw.as_ptr())
    }

    /// Length in bytes of one number of the key; 0 where it has none.
    pub fn part_len(&self, part: Part) -> usize {
        let number = self.number(part);
        if number.is_null() {
            return 0;
        }
        // SAFETY: the number is the key's.
        unsafe { numbers::len_of(number) }
    }

    /// Writes one number of the key, big-endian, over the whole of `out`.
    pub fn write_part(&self, part: Part, out: &mut [u8]) -> Answer<()> {
        let number = self.number(part);
        require(!number.is_null())?;
        // SAFETY: the number is the key's.
        unsafe { numbers::write(number, out) }
    }

    fn number(&self, part: Part) -> *const BIGNUM {
        let (mut a, mut b, mut c) = (ptr::null(), ptr::null(), ptr::null());
        let key = self.raw.as_ptr();
        match part {
            // SAFETY: reads a valid key; the numbers live as long as it does.
            Part::N | Part::E | Part::D => unsafe { RSA_get0_key(key, &raw mut a, &raw mut b, &raw mut c) },
            // SAFETY: as above.
            Part::P | Part::Q => unsafe { RSA_get0_factors(key, &raw mut a, &raw mut b) },
            // SAFETY: as above.
            Part::Dp | Part::Dq | Part::Qi => unsafe {
                RSA_get0_crt_params(key, &raw mut a, &raw mut b, &raw mut c);
            },
        }
        match part {
            Part::N | Part::P | Part::Dp => a,
            Part::E | Part::Q | Part::Dq => b,
            Part::D | Part::Qi => c,
        }
    }

    /// Signs a digest with PKCS#1 v1.5. `out` has [`Self::size`] bytes.
    pub fn sign(&self, hash: Hash, digest: &[u8], out: &mut [u8]) -> Answer<()> {
        require(out.len() == self.size() && digest.len() == hash.len())?;
        let mut len = 0;
        // SAFETY: the key is of this process; reads `digest`, writes `RSA_size` bytes.
        let answer = unsafe {
            RSA_sign(hash.nid(), digest.as_ptr(), digest.len(), out.as_mut_ptr(), &raw mut len, self.live()?)
        };
        succeeded(answer)?;
        require(usize::try_from(len) == Ok(out.len()))
    }

    /// Verifies a signature of a digest with PKCS#1 v1.5.
    pub fn verify(&self, hash: Hash, digest: &[u8], signature: &[u8]) -> Answer<()> {
        // SAFETY: the key is of this process; reads both slices.
        let answer = unsafe {
            RSA_verify(
                hash.nid(),
                digest.as_ptr(),
                digest.len(),
                signature.as_ptr(),
                signature.len(),
                self.live()?,
            )
        };
        succeeded(answer)
    }

    /// Signs the caller's bytes with the padding of PKCS#1 v1.5, block type 1.
    pub fn sign_raw(&self, data: &[u8], out: &mut [u8]) -> Answer<()> {
        self.transform(RSA_sign_raw, RSA_PKCS1_PADDING, data, out)
    }

    /// Gives back the bytes that a PKCS#1 v1.5 signature was made of; answers how many.
    /// `out` has [`Self::size`] bytes.
    pub fn recover(&self, signature: &[u8], out: &mut [u8]) -> Answer<usize> {
        self.call(RSA_verify_raw, RSA_PKCS1_PADDING, signature, out)
    }

    /// The signature primitive alone (RFC 8017, 5.2.1). Input and output have [`Self::size`] bytes.
    pub fn sign_unpadded(&self, data: &[u8], out: &mut [u8]) -> Answer<()> {
        self.transform(RSA_sign_raw, RSA_NO_PADDING, data, out)
    }

    /// The verification primitive alone (RFC 8017, 5.2.2). Input and output have [`Self::size`] bytes.
    pub fn recover_unpadded(&self, signature: &[u8], out: &mut [u8]) -> Answer<()> {
        self.transform(RSA_verify_raw, RSA_NO_PADDING, signature, out)
    }

    /// The private primitive alone (RFC 8017, 5.1.2). Input and output have [`Self::size`] bytes.
    pub fn decrypt_raw(&self, data: &[u8], out: &mut [u8]) -> Answer<()> {
        self.transform(RSA_decrypt, RSA_NO_PADDING, data, out)
    }

    /// Encrypts with PKCS#1 v1.5. `out` has [`Self::size`] bytes.
    pub fn encrypt(&self, data: &[u8], out: &mut [u8]) -> Answer<()> {
        self.transform(RSA_encrypt, RSA_PKCS1_PADDING, data, out)
    }

    fn transform(&self, function: Primitive, padding: c_int, data: &[u8], out: &mut [u8]) -> Answer<()> {
        let len = self.call(function, padding, data, out)?;
        require(len == out.len())
    }

    fn call(&self, function: Primitive, padding: c_int, data: &[u8], out: &mut [u8]) -> Answer<usize> {
        require(out.len() == self.size())?;
        let mut len = 0;
        // SAFETY: the key is of this process; reads `data`, writes at most `out.len()` bytes, which is the
        // `RSA_size` that the four functions ask for.
        let answer = unsafe {
            function(
                self.live()?,
                &raw mut len,
                out.as_mut_ptr(),
                out.len(),
                data.as_ptr(),
                data.len(),
                padding,
            )
        };
        succeeded(answer)?;
        require(len <= out.len())?;
        Ok(len)
    }

    /// Whether AWS-LC has PSS with these hashes: with any two.
    pub const fn takes_pss(_: Pss) -> bool {
        true
    }

    /// Signs a digest with PSS. `out` has [`Self::size`] bytes.
    pub fn sign_pss(&self, pss: Pss, digest: &[u8], out: &mut [u8]) -> Answer<()> {
        require(out.len() == self.size() && digest.len() == pss.hash.len())?;
        let salt_len = c_int::try_from(pss.salt_len).map_err(|_| Failure::MISUSE)?;
        let mut len = 0;
        // SAFETY: the key is of this process; reads `digest`, writes at most `out.len()` bytes; the
        // descriptions are static.
        let answer = unsafe {
            RSA_sign_pss_mgf1(
                self.live()?,
                &raw mut len,
                out.as_mut_ptr(),
                out.len(),
                digest.as_ptr(),
                digest.len(),
                pss.hash.description(),
                pss.mgf.description(),
                salt_len,
            )
        };
        succeeded(answer)?;
        require(len == out.len())
    }

    /// Verifies a signature of a digest with PSS. The salt must have the length that was said.
    pub fn verify_pss(&self, pss: Pss, digest: &[u8], signature: &[u8]) -> Answer<()> {
        let salt_len = c_int::try_from(pss.salt_len).map_err(|_| Failure::MISUSE)?;
        // SAFETY: the key is of this process; reads both slices; the descriptions are static.
        let answer = unsafe {
            RSA_verify_pss_mgf1(
                self.live()?,
                digest.as_ptr(),
                digest.len(),
                pss.hash.description(),
                pss.mgf.description(),
                salt_len,
                signature.as_ptr(),
                signature.len(),
            )
        };
        succeeded(answer)
    }

    /// Encrypts with OAEP. `out` has [`Self::size`] bytes.
    pub fn encrypt_oaep(&self, oaep: &Oaep<'_>, data: &[u8], out: &mut [u8]) -> Answer<()> {
        require(out.len() == self.size())?;
        let operation = self.operation()?;
        // SAFETY: the operation is fresh.
        succeeded(unsafe { EVP_PKEY_encrypt_init(operation.raw()) })?;
        operation.use_oaep(oaep)?;
        let mut len = out.len();
        // SAFETY: the operation is started; reads `data`, writes at most `len` bytes.
        let answer = unsafe {
            EVP_PKEY_encrypt(operation.raw(), out.as_mut_ptr(), &raw mut len, data.as_ptr(), data.len())
        };
        succeeded(answer)?;
        require(len == out.len())
    }

    /// Decrypts with OAEP; answers the length of the message. `out` has [`Self::size`] bytes.
    pub fn decrypt_oaep(&self, oaep: &Oaep<'_>, data: &[u8], out: &mut [u8]) -> Answer<usize> {
        require(out.len() == self.size())?;
        let operation = self.operation()?;
        // SAFETY: the operation is fresh.
        succeeded(unsafe { EVP_PKEY_decrypt_init(operation.raw()) })?;
        operation.use_oaep(oaep)?;
        let mut len = out.len();
        // SAFETY: the operation is started; reads `data`, writes at most `len` bytes.
        let answer = unsafe {
            EVP_PKEY_decrypt(operation.raw(), out.as_mut_ptr(), &raw mut len, data.as_ptr(), data.len())
        };
        succeeded(answer)?;
        require(len <= out.len())?;
        Ok(len)
    }

    fn operation(&self) -> Answer<PkeyOperation> {
        // SAFETY: allocates; no preconditions.
        let raw = unsafe { EVP_PKEY_new() };
        // SAFETY: NULL or a fresh object.
        let pkey = unsafe { Pkey::own(raw) }?;
        // SAFETY: the key is of this process; the pkey takes a reference of its own.
        succeeded(unsafe { EVP_PKEY_set1_RSA(pkey.raw(), self.live()?) })?;
        // SAFETY: the pkey is valid, and the operation takes a reference of its own; default engine.
        let raw = unsafe { EVP_PKEY_CTX_new(pkey.raw(), ptr::null_mut()) };
        // SAFETY: NULL or a fresh object.
        unsafe { PkeyOperation::own(raw) }
    }
}

/// The four primitives with a padding: key, length out, out, room, in, length in, padding.
type Primitive = unsafe extern "C" fn(*mut RSA, *mut usize, *mut u8, usize, *const u8, usize, c_int) -> c_int;

impl PkeyOperation {
    fn use_oaep(&self, oaep: &Oaep<'_>) -> Answer<()> {
        // SAFETY: the operation is started on an RSA key.
        succeeded(unsafe { EVP_PKEY_CTX_set_rsa_padding(self.raw(), RSA_PKCS1_OAEP_PADDING) })?;
        // SAFETY: as above; the description is static.
        succeeded(unsafe { EVP_PKEY_CTX_set_rsa_oaep_md(self.raw(), oaep.hash.description()) })?;
        // SAFETY: as above.
        succeeded(unsafe { EVP_PKEY_CTX_set_rsa_mgf1_md(self.raw(), oaep.mgf.description()) })?;
        if oaep.label.is_empty() {
            return Ok(());
        }
        let len = oaep.label.len();
        // SAFETY: allocates; no preconditions.
        let copy = unsafe { OPENSSL_malloc(len) }.cast::<u8>();
        require(!copy.is_null())?;
        // SAFETY: the source has `len` bytes, the target is fresh and has `len` bytes.
        unsafe { ptr::copy_nonoverlapping(oaep.label.as_ptr(), copy, len) };
        // SAFETY: the copy is AWS-LC's own kind of memory; on success the operation owns it.
        let answer = unsafe { EVP_PKEY_CTX_set0_rsa_oaep_label(self.raw(), copy, len) };
        if answer != 1 {
            // SAFETY: nobody took the copy.
            unsafe { OPENSSL_free(copy.cast()) };
        }
        succeeded(answer)
    }
}
