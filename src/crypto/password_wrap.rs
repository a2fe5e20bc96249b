//! CKM_KEYWARD_PBES2: private keys as the `EncryptedPrivateKeyInfo` of PKCS#8 (RFC 5208, 6; RFC 5958, 3), under a password,
//! which is a generic secret key. PKCS#11 has no name for it, and everybody else reads and writes such files.
//!
//! PBES2 (RFC 8018, 6.2) with PBKDF2 and AES-CBC. What is written is as OWASP recommends it in 2023; what is read may
//! have any of the hash functions of RFC 8018, B.1.2 and any AES key. PBES1, scrypt and Triple DES are not read.

use super::aes_cbc::AES_CBC_PAD;
use super::collected::{AtOnce, Whole};
use super::digest::Hash;
use super::engine::cipher::BLOCK;
use super::engine::derivation::pbkdf2;
use super::hmac::MAX_KEY_LEN;
use super::mechanism::{Ciphering, Context, Ops, Row, Sizes, StartCiphering};
use super::pbkdf2::MOST_ITERATIONS;
use super::self_test::{self, Family};
use super::start::{no_params, prepared};
use super::{Material, der, random};
use crate::ck::params::Shape;
use crate::ck::vendor::CKM_KEYWARD_PBES2;
use crate::ck::{Error, Params, Result};
use crate::secret::Secret;
use cryptoki_sys::CKK_GENERIC_SECRET;
use pkcs5::EncryptionScheme;
use pkcs5::der::Encode;
use pkcs5::pbes2::{self, Kdf, Parameters, Pbkdf2Params, Pbkdf2Prf};
use std::sync::Arc;

/// CKM_KEYWARD_PBES2: wraps and unwraps private keys. No parameter: what is written has its own in it.
pub static PBES2: Row = Row {
    ckm: CKM_KEYWARD_PBES2,
    key_types: &[CKK_GENERIC_SECRET],
    sizes: Sizes::Bytes(1, MAX_KEY_LEN),
    shape: Shape::None,
    flags: 0,
    prepare: Some(prepare),
    ops: Ops {
        encrypt: Some(|context, params| running(Direction::Wrap, context, params)),
        decrypt: Some(|context, params| running(Direction::Unwrap, context, params)),
        wraps: true,
        only_wraps: true,
        only_private: true,
        bare_padding: true,
        ..Ops::NONE
    },
};

/// Iterations of what is written: OWASP Password Storage Cheat Sheet (2023), PBKDF2-HMAC-SHA256. A quarter of a second or so.
const ITERATIONS: u32 = 600_000;

/// Bytes of the salt of what is written; RFC 8018, 4.1 asks for eight.
const SALT_LEN: usize = 16;

/// Longest private key that is wrapped, and longest thing that is unwrapped, in bytes. RSA of 16384 bits has 9.3 KiB.
const LONGEST: usize = 64 * 1024;

/// Most that stands around the encrypted key.
const AROUND: usize = 256;

/// The password.
struct Password(Secret);

fn prepare(key: &Material) -> Result<Context> {
    self_test::ready(Family::Pbkdf2)?;
    let Material::Bytes(password) = key else { return Err(Error::KeyTypeInconsistent) };
    Ok(Arc::new(Password(Secret::from_slice(password.expose()))))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Wrap,
    Unwrap,
}

impl Direction {
    /// Longest input in bytes, and the answer to a longer one.
    const fn longest(self) -> (usize, Error) {
        match self {
            Self::Wrap => (LONGEST, Error::DataLenRange),
            Self::Unwrap => (LONGEST + AROUND, Error::EncryptedDataLenRange),
        }
    }
}

/// A wrap or unwrap.
struct Running {
    password: Arc<Password>,
    direction: Direction,
}

fn running(direction: Direction, context: &Context, params: &Params) -> Result<Box<dyn Ciphering>> {
    no_params(params)?;
    let (limit, beyond) = direction.longest();
    Ok(Box::new(Whole::new(Running { password: prepared(context)?, direction }, limit, beyond)))
}

impl AtOnce for Running {
    fn output_len(&self, input: usize) -> usize {
        match self.direction {
            Direction::Wrap => input.saturating_add(AROUND),
            Direction::Unwrap => input,
        }
    }

    fn run(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        let (limit, beyond) = self.direction.longest();
        if input.len() > limit {
            return Err(beyond);
        }
        match self.direction {
            Direction::Wrap => wrap(&self.password.0, input, out),
            Direction::Unwrap => unwrap(&self.password.0, input, out),
        }
    }

    fn exact(&self) -> bool {
        false
    }
}

fn wrap(password: &Secret, key: &[u8], out: &mut [u8]) -> Result<usize> {
    let (mut salt, mut iv) = ([0; SALT_LEN], [0; BLOCK]);
    random::fill(&mut salt)?;
    random::fill(&mut iv)?;
    let scheme = Parameters::generate_pbkdf2_sha256_aes256cbc(ITERATIONS, &salt, iv);
    let scheme = scheme.map_err(|_| Error::GeneralError)?;
    let mut encrypted = vec![0; key.len() + BLOCK];
    let len = cipher(AES_CBC_PAD.ops.encrypt, password, &scheme)?
        .ok_or(Error::GeneralError)?
        .whole(key, &mut encrypted)?;
    let mut algorithm = [0; AROUND];
    let algorithm = EncryptionScheme::from(scheme).encode_to_slice(&mut algorithm);
    let algorithm = algorithm.map_err(|_| Error::GeneralError)?;
    let encrypted = der::element(der::OCTET_STRING, &[encrypted.get(..len).ok_or(Error::GeneralError)?]);
    let written = der::element(der::SEQUENCE, &[algorithm, &encrypted]);
    out.get_mut(..written.len()).ok_or(Error::BufferTooSmall)?.copy_from_slice(&written);
    Ok(written.len())
}

/// A wrong password, a wrong padding and bytes that are no such file have one answer.
fn unwrap(password: &Secret, bytes: &[u8], out: &mut [u8]) -> Result<usize> {
    let (scheme, encrypted) = read(bytes).ok_or(Error::EncryptedDataInvalid)?;
    let mut cipher =
        cipher(AES_CBC_PAD.ops.decrypt, password, &scheme)?.ok_or(Error::EncryptedDataInvalid)?;
    cipher.whole(encrypted, out).map_err(|error| match error {
        Error::EncryptedDataLenRange => Error::EncryptedDataInvalid,
        other => other,
    })
}

/// The scheme, and what is encrypted with it.
fn read(bytes: &[u8]) -> Option<(Parameters, &[u8])> {
    let content = der::content(der::SEQUENCE, bytes).ok()?;
    let (_, rest) = der::split(der::SEQUENCE, content)?;
    let algorithm = content.get(..content.len().checked_sub(rest.len())?)?;
    let EncryptionScheme::Pbes2(scheme) = EncryptionScheme::try_from(algorithm).ok()? else { return None };
    Some((scheme, der::content(der::OCTET_STRING, rest).ok()?))
}

/// AES-CBC under the key that the password gives. `None` for a scheme that is not read here, or that takes too long.
fn cipher(
    start: Option<StartCiphering>,
    password: &Secret,
    scheme: &Parameters,
) -> Result<Option<Box<dyn Ciphering>>> {
    let Some((hash, kdf, iv)) = known(scheme) else { return Ok(None) };
    let mut key = Secret::zeroed(scheme.encryption.key_size());
    pbkdf2(hash, password.expose(), kdf.salt.as_ref(), kdf.iteration_count, key.expose_mut())?;
    let prepare = AES_CBC_PAD.prepare.ok_or(Error::GeneralError)?;
    let context = prepare(&Material::Bytes(key))?;
    start.ok_or(Error::GeneralError)?(&context, &Params::Iv(iv.to_vec())).map(Some)
}

/// What is needed of a scheme that is read here.
const fn known(scheme: &Parameters) -> Option<(Hash, &Pbkdf2Params, [u8; BLOCK])> {
    let Kdf::Pbkdf2(kdf) = &scheme.kdf else { return None };
    let (pbes2::EncryptionScheme::Aes128Cbc { iv }
    | pbes2::EncryptionScheme::Aes192Cbc { iv }
    | pbes2::EncryptionScheme::Aes256Cbc { iv }) = scheme.encryption
    else {
        return None;
    };
    let hash = match kdf.prf {
        Pbkdf2Prf::HmacWithSha1 => Hash::Sha1,
        Pbkdf2Prf::HmacWithSha224 => Hash::Sha224,
        Pbkdf2Prf::HmacWithSha256 => Hash::Sha256,
        Pbkdf2Prf::HmacWithSha384 => Hash::Sha384,
        Pbkdf2Prf::HmacWithSha512 => Hash::Sha512,
        _ => return None,
    };
    // The longest key is two blocks of the shortest hash.
    let possible = kdf.iteration_count > 0 && kdf.iteration_count as u64 <= MOST_ITERATIONS / 2;
    if possible { Some((hash, kdf, iv)) } else { None }
}

#[cfg(test)]
mod tests;
