//! RSA keys and the primitives on them (RFC 8017) over the crate `rsa`, which blinds base, exponent and primes afresh for
//! each private operation. Paddings are chosen above.
//!
//! The crate has PSS with one hash for the message and the mask only. It has no recovery of what was signed: that is
//! read here from what the primitive gives, and then verified by the crate.

use super::digest::{Hash, with_hash};
use super::numbers::{self, Number};
use super::random::Random;
use super::{Answer, Failure, refused, require};
use crate::sys::fork;
pub use crate::sys::primitives::rsa::{Oaep, Part, Parts, Pss};
use ::rsa::hazmat::{rsa_decrypt_and_check, rsa_encrypt};
use ::rsa::traits::{PaddingScheme, PrivateKeyParts, PublicKeyParts, SignatureScheme};
use ::rsa::{BoxedUint, Pkcs1v15Encrypt, Pkcs1v15Sign, PrivateKey, PublicKey, pss};
use crypto_bigint::{Integer, Odd};
use zeroize::Zeroizing;

/// An RSA key, public or private. Never changed after its constructor.
pub struct RsaKey(Halves);

enum Halves {
    Public(Box<PublicKey>),
    Private(Box<PrivateKey>),
}

/// Smallest and largest modulus in bits, as AWS-LC takes them.
const SIZES: std::ops::RangeInclusive<usize> = 512..=16384;

impl RsaKey {
    /// Makes a key of `bits` (a multiple of 128, up to 8192) with an odd public exponent.
    pub fn generate(bits: u32, exponent: u64) -> Answer<Self> {
        require(bits.is_multiple_of(128) && (1024..=8192).contains(&bits))?;
        require(exponent % 2 == 1 && exponent > 1)?;
        let bits = usize::try_from(bits).map_err(refused)?;
        let exponent = BoxedUint::from(exponent);
        let made = PrivateKey::new_with_exp(&mut Random, bits, exponent.clone()).map_err(refused)?;
        let [p, q] = made.primes() else { return Err(Failure::MISUSE) };
        // The crate makes a private exponent below (p - 1)(q - 1); FIPS 186-5 wants the one below their least common
        // multiple, which this function of it computes.
        let key = PrivateKey::from_p_q(p.as_ref().clone(), q.as_ref().clone(), exponent).map_err(refused)?;
        Ok(Self(Halves::Private(Box::new(key))))
    }

    /// A private key of all its numbers, which are checked against each other.
    pub fn private(parts: &Parts<'_>) -> Answer<Self> {
        let number = |bytes| Ok::<_, Failure>(Number::from_bytes(bytes)?.inner().clone());
        let primes = vec![number(parts.p)?, number(parts.q)?];
        let (n, e, d) = (number(parts.n)?, number(parts.e)?, number(parts.d)?);
        // The caller has bounded the exponent.
        let key = PrivateKey::from_components_with_large_exponent(n, e, d, primes).map_err(refused)?;
        require(SIZES.contains(&(key.size() * 8)))?;
        let key = Self(Halves::Private(Box::new(key)));
        // The crate computes these for itself; the caller's must be the same.
        for (part, given) in [(Part::Dp, parts.dp), (Part::Dq, parts.dq), (Part::Qi, parts.qi)] {
            require(*key.number(part)? == number(given)?)?;
        }
        Ok(key)
    }

    /// A public key. The caller has bounded the exponent.
    pub fn public(n: &[u8], e: &[u8]) -> Answer<Self> {
        let number = |bytes| Ok::<_, Failure>(Number::from_bytes(bytes)?.inner().clone());
        let (n, e) = (number(n)?, number(e)?);
        let bits = usize::try_from(n.bit_width_vartime()).map_err(refused)?;
        // What the crate checks, but for the size of the exponent, which the caller has bounded.
        require(SIZES.contains(&bits) && bool::from(n.is_odd()) && bool::from(e.is_odd()))?;
        require(e > BoxedUint::one() && e < n)?;
        Ok(Self(Halves::Public(Box::new(PublicKey::new_unchecked(n, e)))))
    }

    /// The fork generation that the key is good for: any, since nothing in it belongs to a process.
    #[inline]
    pub fn generation(&self) -> u32 {
        fork::generation()
    }

    /// Checks the numbers against each other.
    pub fn check(&self) -> Answer<()> {
        match &self.0 {
            Halves::Public(_) => Ok(()),
            Halves::Private(key) => key.validate().map_err(refused),
        }
    }

    /// Size of the modulus in bits.
    pub fn bits(&self) -> u32 {
        self.half().n().bit_width_vartime()
    }

    /// Size of the modulus in bytes: the length of signatures and ciphertexts.
    pub fn size(&self) -> usize {
        self.half().size()
    }

    /// The public half.
    fn half(&self) -> &PublicKey {
        match &self.0 {
            Halves::Public(key) => key,
            Halves::Private(key) => key.as_public_key(),
        }
    }

    fn secret(&self) -> Answer<&PrivateKey> {
        match &self.0 {
            Halves::Public(_) => Err(Failure::MISUSE),
            Halves::Private(key) => Ok(key),
        }
    }

    fn prime(&self, index: usize) -> Answer<&BoxedUint> {
        let prime: &Odd<BoxedUint> = self.secret()?.primes().get(index).ok_or(Failure::MISUSE)?;
        Ok(prime.as_ref())
    }

    fn number(&self, part: Part) -> Answer<Zeroizing<BoxedUint>> {
        let number = match part {
            Part::N => self.half().n().as_ref(),
            Part::E => self.half().e(),
            Part::D => self.secret()?.d(),
            Part::P => self.prime(0)?,
            Part::Q => self.prime(1)?,
            Part::Dp => self.secret()?.dp().ok_or(Failure::MISUSE)?,
            Part::Dq => self.secret()?.dq().ok_or(Failure::MISUSE)?,
            Part::Qi => {
                let inverse = self.secret()?.crt_coefficient().ok_or(Failure::MISUSE)?;
                return Ok(Zeroizing::new(inverse));
            }
        };
        Ok(Zeroizing::new(number.clone()))
    }

    /// Length in bytes of one number of the key; 0 where it has none.
    pub fn part_len(&self, part: Part) -> usize {
        let bits = self.number(part).map_or(0, |number| number.bit_width());
        usize::try_from(bits.div_ceil(8)).unwrap_or(0)
    }

    /// Writes one number of the key, big-endian, over the whole of `out`.
    pub fn write_part(&self, part: Part, out: &mut [u8]) -> Answer<()> {
        numbers::write(&*self.number(part)?, out)
    }

    /// Signs a digest with PKCS#1 v1.5. `out` has [`Self::size`] bytes.
    pub fn sign(&self, hash: Hash, digest: &[u8], out: &mut [u8]) -> Answer<()> {
        require(digest.len() == hash.len())?;
        self.sign_with(with_hash!(hash, F => Pkcs1v15Sign::new::<F>()), digest, out)
    }

    /// Verifies a signature of a digest with PKCS#1 v1.5.
    pub fn verify(&self, hash: Hash, digest: &[u8], signature: &[u8]) -> Answer<()> {
        require(digest.len() == hash.len())?;
        let scheme = with_hash!(hash, F => Pkcs1v15Sign::new::<F>());
        self.half().verify(scheme, digest, signature).map_err(refused)
    }

    /// Signs the caller's bytes with the padding of PKCS#1 v1.5, block type 1.
    pub fn sign_raw(&self, data: &[u8], out: &mut [u8]) -> Answer<()> {
        self.sign_with(Pkcs1v15Sign::new_unprefixed(), data, out)
    }

    fn sign_with(&self, scheme: impl SignatureScheme, data: &[u8], out: &mut [u8]) -> Answer<()> {
        let signature = self.secret()?.sign_with_rng(&mut Random, scheme, data).map_err(refused)?;
        require(signature.len() == out.len())?;
        out.copy_from_slice(&signature);
        Ok(())
    }

    /// Gives back the bytes that a PKCS#1 v1.5 signature was made of; answers how many.
    /// `out` has [`Self::size`] bytes.
    pub fn recover(&self, signature: &[u8], out: &mut [u8]) -> Answer<usize> {
        require(out.len() == self.size() && signature.len() == self.size())?;
        let mut block = vec![0; self.size()];
        self.recover_unpadded(signature, &mut block)?;
        // 00 01 FF .. FF 00 data: all of it public. The crate judges whether the padding was right.
        let (_, padded) = block.split_at_checked(2).ok_or(Failure::MISUSE)?;
        let filled = padded.iter().take_while(|byte| **byte == 0xFF).count();
        let data = padded.get(filled + 1..).ok_or(Failure::MISUSE)?;
        self.half().verify(Pkcs1v15Sign::new_unprefixed(), data, signature).map_err(refused)?;
        out.get_mut(..data.len()).ok_or(Failure::MISUSE)?.copy_from_slice(data);
        Ok(data.len())
    }

    /// The signature primitive alone (RFC 8017, 5.2.1). Input and output have [`Self::size`] bytes.
    pub fn sign_unpadded(&self, data: &[u8], out: &mut [u8]) -> Answer<()> {
        self.decrypt_raw(data, out)
    }

    /// The verification primitive alone (RFC 8017, 5.2.2). Input and output have [`Self::size`] bytes.
    pub fn recover_unpadded(&self, signature: &[u8], out: &mut [u8]) -> Answer<()> {
        let representative = self.representative(signature, out)?;
        numbers::write(&rsa_encrypt(self.half(), &representative).map_err(refused)?, out)
    }

    /// The private primitive alone (RFC 8017, 5.1.2). Input and output have [`Self::size`] bytes.
    pub fn decrypt_raw(&self, data: &[u8], out: &mut [u8]) -> Answer<()> {
        let representative = self.representative(data, out)?;
        let secret = self.secret()?;
        // 0, 1 and n - 1 are refused as AWS-LC refuses them: everybody knows the result.
        let n = self.half().n().as_ref();
        require(*representative > BoxedUint::one() && *representative != n.wrapping_sub(BoxedUint::one()))?;
        let message = rsa_decrypt_and_check(secret, Some(&mut Random), &representative).map_err(refused)?;
        numbers::write(&Zeroizing::new(message), out)
    }

    /// Bytes as a number below the modulus; checks both lengths.
    fn representative(&self, data: &[u8], out: &[u8]) -> Answer<Zeroizing<BoxedUint>> {
        require(data.len() == self.size() && out.len() == self.size())?;
        let n = self.half().n().as_ref();
        let number = BoxedUint::from_be_slice(data, n.bits_precision()).map_err(refused)?;
        require(number < *n)?;
        Ok(Zeroizing::new(number))
    }

    /// Encrypts with PKCS#1 v1.5. `out` has [`Self::size`] bytes.
    pub fn encrypt(&self, data: &[u8], out: &mut [u8]) -> Answer<()> {
        self.encrypt_with(Pkcs1v15Encrypt, data, out)
    }

    fn encrypt_with(&self, scheme: impl PaddingScheme, data: &[u8], out: &mut [u8]) -> Answer<()> {
        let ciphertext = self.half().encrypt(&mut Random, scheme, data).map_err(refused)?;
        require(ciphertext.len() == out.len())?;
        out.copy_from_slice(&ciphertext);
        Ok(())
    }

    /// Whether the crate has PSS with these hashes: with one for both.
    pub fn takes_pss(pss: Pss) -> bool {
        pss.hash == pss.mgf
    }

    /// Signs a digest with PSS. `out` has [`Self::size`] bytes.
    pub fn sign_pss(&self, pss: Pss, digest: &[u8], out: &mut [u8]) -> Answer<()> {
        require(Self::takes_pss(pss) && digest.len() == pss.hash.len())?;
        with_hash!(pss.hash, F => {
            self.sign_with(pss::Pss::<F>::new_with_salt(pss.salt_len), digest, out)
        })
    }

    /// Verifies a signature of a digest with PSS. The salt must have the length that was said.
    pub fn verify_pss(&self, pss: Pss, digest: &[u8], signature: &[u8]) -> Answer<()> {
        require(Self::takes_pss(pss) && digest.len() == pss.hash.len())?;
        with_hash!(pss.hash, F => {
            let scheme = pss::Pss::<F>::new_with_salt(pss.salt_len);
            self.half().verify(scheme, digest, signature).map_err(refused)
        })
    }

    /// Encrypts with OAEP. `out` has [`Self::size`] bytes.
    pub fn encrypt_oaep(&self, oaep: &Oaep<'_>, data: &[u8], out: &mut [u8]) -> Answer<()> {
        with_hash!(oaep.hash, F => with_hash!(oaep.mgf, M => {
            let scheme = ::rsa::Oaep::<F, M>::new_with_mgf_hash_and_label(oaep.label);
            self.encrypt_with(scheme, data, out)
        }))
    }

    /// Decrypts with OAEP; answers the length of the message. `out` has [`Self::size`] bytes.
    pub fn decrypt_oaep(&self, oaep: &Oaep<'_>, data: &[u8], out: &mut [u8]) -> Answer<usize> {
        require(out.len() == self.size() && data.len() == self.size())?;
        let secret = self.secret()?;
        let message = with_hash!(oaep.hash, F => with_hash!(oaep.mgf, M => {
            ::rsa::Oaep::<F, M>::new_with_mgf_hash_and_label(oaep.label).decrypt(Some(&mut Random), secret, data)
        }));
        let message = Zeroizing::new(message.map_err(refused)?);
        out.get_mut(..message.len()).ok_or(Failure::MISUSE)?.copy_from_slice(&message);
        Ok(message.len())
    }
}
