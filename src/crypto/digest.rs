//! Digests (FIPS 180-4), and the digest inside of signatures.

use super::engine::digest::{Digest, MAX_LEN};
use super::engine::hash_state::HashState;
use super::mechanism::{Digesting, Ops, ResumeDigesting, Row, Sizes, StartDigesting};
use super::self_test::{self, Family};
use super::start::{first, no_params};
use crate::ck::params::Shape;
use crate::ck::{CK_MECHANISM_TYPE, CK_ULONG, Error, Params, Result};
use crate::secret::Secret;
use cryptoki_sys::*;

pub use super::engine::digest::Hash;

/// CKM_SHA_1: SHA-1. PKCS#11 3.2, SHA-1.
pub static SHA_1: Row =
    row(CKM_SHA_1, |params| start(Hash::Sha1, params), |params, saved| resume(Hash::Sha1, params, saved));
/// CKM_SHA224: SHA-224. PKCS#11 3.2, SHA-224.
pub static SHA224: Row = row(
    CKM_SHA224,
    |params| start(Hash::Sha224, params),
    |params, saved| resume(Hash::Sha224, params, saved),
);
/// CKM_SHA256: SHA-256. PKCS#11 3.2, SHA-256.
pub static SHA256: Row = row(
    CKM_SHA256,
    |params| start(Hash::Sha256, params),
    |params, saved| resume(Hash::Sha256, params, saved),
);
/// CKM_SHA384: SHA-384. PKCS#11 3.2, SHA-384.
pub static SHA384: Row = row(
    CKM_SHA384,
    |params| start(Hash::Sha384, params),
    |params, saved| resume(Hash::Sha384, params, saved),
);
/// CKM_SHA512: SHA-512. PKCS#11 3.2, SHA-512.
pub static SHA512: Row = row(
    CKM_SHA512,
    |params| start(Hash::Sha512, params),
    |params, saved| resume(Hash::Sha512, params, saved),
);
/// CKM_SHA512_224: SHA-512/224. PKCS#11 3.2, SHA-512/224.
pub static SHA512_224: Row = row(
    CKM_SHA512_224,
    |params| start(Hash::Sha512_224, params),
    |params, saved| resume(Hash::Sha512_224, params, saved),
);
/// CKM_SHA512_256: SHA-512/256. PKCS#11 3.2, SHA-512/256.
pub static SHA512_256: Row = row(
    CKM_SHA512_256,
    |params| start(Hash::Sha512_256, params),
    |params, saved| resume(Hash::Sha512_256, params, saved),
);

const fn row(ckm: CK_MECHANISM_TYPE, digest: StartDigesting, resume: ResumeDigesting) -> Row {
    Row {
        ckm,
        key_types: &[],
        sizes: Sizes::None,
        shape: Shape::None,
        flags: 0,
        prepare: None,
        ops: Ops { digest: Some(digest), resume: Some(resume), ..Ops::NONE },
    }
}

/// A running digest.
struct Running(HashState);

fn start(hash: Hash, params: &Params) -> Result<Box<dyn Digesting>> {
    no_params(params)?;
    self_test::ready(Family::Digest)?;
    Ok(Box::new(Running(HashState::new(hash)?)))
}

fn resume(hash: Hash, params: &Params, saved: &[u8]) -> Result<Box<dyn Digesting>> {
    no_params(params)?;
    self_test::ready(Family::Digest)?;
    let state = HashState::restore(hash, saved).map_err(|_| Error::SavedStateInvalid)?;
    Ok(Box::new(Running(state)))
}

impl Digesting for Running {
    fn len(&self) -> usize {
        self.0.hash().len()
    }

    fn update(&mut self, data: &[u8]) -> Result<()> {
        Ok(self.0.update(data)?)
    }

    fn finish(&mut self, out: &mut [u8]) -> Result<()> {
        let mut digest = [0; MAX_LEN];
        let len = self.0.finish(&mut digest)?;
        let digest = digest.get(..len).unwrap_or_default();
        first(out, len)?.copy_from_slice(digest);
        Ok(())
    }

    fn save(&self) -> Option<(CK_MECHANISM_TYPE, Secret)> {
        let saved = self.0.save().ok()?;
        Some((mechanism_of(self.0.hash()), Secret::from_slice(&saved)))
    }
}

/// The mechanism of a hash function.
const fn mechanism_of(hash: Hash) -> CK_MECHANISM_TYPE {
    match hash {
        Hash::Sha1 => CKM_SHA_1,
        Hash::Sha224 => CKM_SHA224,
        Hash::Sha256 => CKM_SHA256,
        Hash::Sha384 => CKM_SHA384,
        Hash::Sha512 => CKM_SHA512,
        Hash::Sha512_224 => CKM_SHA512_224,
        Hash::Sha512_256 => CKM_SHA512_256,
        Hash::Sha3_224 => CKM_SHA3_224,
        Hash::Sha3_256 => CKM_SHA3_256,
        Hash::Sha3_384 => CKM_SHA3_384,
        Hash::Sha3_512 => CKM_SHA3_512,
    }
}

/// The hash of the names that PSS and OAEP parameters use (`CKM_SHA256`, ...).
pub(super) const fn named(ckm: CK_MECHANISM_TYPE) -> Option<Hash> {
    Some(match ckm {
        CKM_SHA_1 => Hash::Sha1,
        CKM_SHA224 => Hash::Sha224,
        CKM_SHA256 => Hash::Sha256,
        CKM_SHA384 => Hash::Sha384,
        CKM_SHA512 => Hash::Sha512,
        _ => return None,
    })
}

/// The hash of a mask generation function (`CKG_MGF1_SHA256`, ...).
pub(super) const fn of_mask(mgf: CK_ULONG) -> Option<Hash> {
    Some(match mgf {
        CKG_MGF1_SHA1 => Hash::Sha1,
        CKG_MGF1_SHA224 => Hash::Sha224,
        CKG_MGF1_SHA256 => Hash::Sha256,
        CKG_MGF1_SHA384 => Hash::Sha384,
        CKG_MGF1_SHA512 => Hash::Sha512,
        _ => return None,
    })
}

/// A digest that a signature is made over: without an allocation where the message comes in one piece.
pub(super) struct Prehash {
    hash: Hash,
    running: Option<Digest>,
    value: [u8; MAX_LEN],
}

impl Prehash {
    pub(super) const fn new(hash: Hash) -> Self {
        Self { hash, running: None, value: [0; MAX_LEN] }
    }

    pub(super) const fn hash(&self) -> Hash {
        self.hash
    }

    /// Takes more of the message.
    pub(super) fn update(&mut self, data: &[u8]) -> Result<()> {
        let running = match self.running.take() {
            Some(running) => running,
            None => Digest::new(self.hash)?,
        };
        Ok(self.running.insert(running).update(data)?)
    }

    /// The digest of what came.
    pub(super) fn finish(&mut self) -> Result<&[u8]> {
        match self.running.take() {
            Some(mut running) => {
                running.finish(&mut self.value)?;
                self.value.get(..self.hash.len()).ok_or(Error::GeneralError)
            }
            None => self.of(&[]),
        }
    }

    /// The digest of a message in one piece.
    pub(super) fn of(&mut self, data: &[u8]) -> Result<&[u8]> {
        let value = first(&mut self.value, self.hash.len())?;
        self.hash.digest(data, value)?;
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::tests::{hex, pieces};

    /// "abc" under each hash: FIPS 180-4, NIST "Examples with Intermediate Values".
    const ABC: &[(&Row, &str)] = &[
        (&SHA_1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
        (&SHA224, "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"),
        (&SHA256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            &SHA384,
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
        ),
        (
            &SHA512,
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd\
             454d4423643ce80e2a9ac94fa54ca49f",
        ),
        (&SHA512_224, "4634270f707b6a54daae7530460842e20e37ed265ceee9a43e8924aa"),
        (&SHA512_256, "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23"),
    ];

    fn digest(row: &Row, parts: &[&[u8]]) -> Vec<u8> {
        let mut digest = row.ops.digest.unwrap()(&Params::None).unwrap();
        for part in parts {
            digest.update(part).unwrap();
        }
        let mut out = vec![0; digest.len()];
        digest.finish(&mut out).unwrap();
        out
    }

    #[test]
    fn digest_of_known_message_is_known() {
        for (row, expected) in ABC {
            assert_eq!(digest(row, &[b"abc"]), hex(expected), "{:#x}", row.ckm);
        }
    }

    #[test]
    fn digest_in_pieces_equals_one_piece() {
        let message: Vec<u8> = (0..=255).cycle().take(5000).collect();
        for (row, _) in ABC {
            assert_eq!(digest(row, &pieces(&message)), digest(row, &[&message]), "{:#x}", row.ckm);
        }
    }

    #[test]
    fn digest_that_was_saved_goes_on_under_its_own_mechanism() {
        for (row, expected) in ABC {
            let mut first = row.ops.digest.unwrap()(&Params::None).unwrap();
            first.update(b"a").unwrap();
            let (ckm, saved) = first.save().unwrap();
            assert_eq!(ckm, row.ckm);
            let mut second = row.ops.resume.unwrap()(&Params::None, saved.expose()).unwrap();
            second.update(b"bc").unwrap();
            let mut out = vec![0; second.len()];
            second.finish(&mut out).unwrap();
            assert_eq!(out, hex(expected), "{:#x}", row.ckm);
            let short = &saved.expose()[..saved.expose().len() - 1];
            let refused = row.ops.resume.unwrap()(&Params::None, short);
            assert_eq!(refused.err(), Some(Error::SavedStateInvalid));
        }
    }

    #[test]
    fn digest_with_a_parameter_is_refused() {
        let refused = SHA256.ops.digest.unwrap()(&Params::Iv(vec![0; 16]));
        assert_eq!(refused.err(), Some(Error::MechanismParamInvalid));
    }

    #[test]
    fn prehash_in_pieces_equals_one_piece() {
        let mut parts = Prehash::new(Hash::Sha384);
        parts.update(b"a").unwrap();
        parts.update(b"bc").unwrap();
        assert_eq!(parts.finish().unwrap(), Prehash::new(Hash::Sha384).of(b"abc").unwrap());
        assert_eq!(Prehash::new(Hash::Sha256).finish().unwrap(), Prehash::new(Hash::Sha256).of(b"").unwrap());
    }
}
