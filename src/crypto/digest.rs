//! Digests (FIPS 180-4, FIPS 202), and the digest inside of signatures.

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

/// The rows of hash functions whose running state can be saved, and of the others.
macro_rules! rows {
    ($($(#[$doc:meta])* $name:ident: $ckm:ident, $hash:ident, $saved:ident;)*) => {
        $(
            $(#[$doc])*
            pub static $name: Row = row($ckm, |params| start(Hash::$hash, params), rows!($saved $hash));
        )*
    };
    (savable $hash:ident) => {
        Some(|params, saved| resume(Hash::$hash, params, saved))
    };
    (unsavable $hash:ident) => {
        None
    };
}

rows! {
    /// CKM_SHA_1: SHA-1. PKCS#11 3.2, SHA-1.
    SHA_1: CKM_SHA_1, Sha1, savable;
    /// CKM_SHA224: SHA-224. PKCS#11 3.2, SHA-224.
    SHA224: CKM_SHA224, Sha224, savable;
    /// CKM_SHA256: SHA-256. PKCS#11 3.2, SHA-256.
    SHA256: CKM_SHA256, Sha256, savable;
    /// CKM_SHA384: SHA-384. PKCS#11 3.2, SHA-384.
    SHA384: CKM_SHA384, Sha384, savable;
    /// CKM_SHA512: SHA-512. PKCS#11 3.2, SHA-512.
    SHA512: CKM_SHA512, Sha512, savable;
    /// CKM_SHA512_224: SHA-512/224. PKCS#11 3.2, SHA-512/224.
    SHA512_224: CKM_SHA512_224, Sha512_224, savable;
    /// CKM_SHA512_256: SHA-512/256. PKCS#11 3.2, SHA-512/256.
    SHA512_256: CKM_SHA512_256, Sha512_256, savable;
    /// CKM_SHA3_224: SHA3-224. PKCS#11 3.2, SHA3-224.
    SHA3_224: CKM_SHA3_224, Sha3_224, unsavable;
    /// CKM_SHA3_256: SHA3-256. PKCS#11 3.2, SHA3-256.
    SHA3_256: CKM_SHA3_256, Sha3_256, unsavable;
    /// CKM_SHA3_384: SHA3-384. PKCS#11 3.2, SHA3-384.
    SHA3_384: CKM_SHA3_384, Sha3_384, unsavable;
    /// CKM_SHA3_512: SHA3-512. PKCS#11 3.2, SHA3-512.
    SHA3_512: CKM_SHA3_512, Sha3_512, unsavable;
}

/// CKM_SHA512_T: SHA-512/t for the t of [`truncated`]. PKCS#11 3.2, SHA-512/t. What is saved of it goes on as
/// CKM_SHA512_224 or CKM_SHA512_256, which are the same.
pub static SHA512_T: Row =
    Row { shape: Shape::MacGeneral, ..row(CKM_SHA512_T, |params| started(truncated(params)?), None) };

const fn row(ckm: CK_MECHANISM_TYPE, digest: StartDigesting, resume: Option<ResumeDigesting>) -> Row {
    Row {
        ckm,
        key_types: &[],
        sizes: Sizes::None,
        shape: Shape::None,
        flags: 0,
        prepare: None,
        ops: Ops { digest: Some(digest), resume, ..Ops::NONE },
    }
}

/// A running digest.
struct Running(HashState);

fn start(hash: Hash, params: &Params) -> Result<Box<dyn Digesting>> {
    no_params(params)?;
    started(hash)
}

fn started(hash: Hash) -> Result<Box<dyn Digesting>> {
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

/// SHA-512/t by its parameter t, in bits: 224 and 256, the two that FIPS 180-4 approves (5.3.6). The others have
/// initial values that no library knows.
pub(super) const fn truncated(params: &Params) -> Result<Hash> {
    match params {
        Params::MacGeneral(224) => Ok(Hash::Sha512_224),
        Params::MacGeneral(256) => Ok(Hash::Sha512_256),
        _ => Err(Error::MechanismParamInvalid),
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
        CKM_SHA512_224 => Hash::Sha512_224,
        CKM_SHA512_256 => Hash::Sha512_256,
        CKM_SHA3_224 => Hash::Sha3_224,
        CKM_SHA3_256 => Hash::Sha3_256,
        CKM_SHA3_384 => Hash::Sha3_384,
        CKM_SHA3_512 => Hash::Sha3_512,
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
        CKG_MGF1_SHA3_224 => Hash::Sha3_224,
        CKG_MGF1_SHA3_256 => Hash::Sha3_256,
        CKG_MGF1_SHA3_384 => Hash::Sha3_384,
        CKG_MGF1_SHA3_512 => Hash::Sha3_512,
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

    /// "abc" under each hash: FIPS 180-4, FIPS 202, NIST "Examples with Intermediate Values".
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
        (&SHA3_224, "e642824c3f8cf24ad09234ee7d3c766fc9a3a5168d0c94ad73b46fdf"),
        (&SHA3_256, "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"),
        (
            &SHA3_384,
            "ec01498288516fc926459f58e2c6ad8df9b473cb0fc08c2596da7cf0e49be4b298d88cea927ac7f539f1edf228376d25",
        ),
        (
            &SHA3_512,
            "b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e10e116e9192af3c91a7ec57647e39340573\
             40b4cf408d5a56592f8274eec53f0",
        ),
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
            let Some((ckm, saved)) = first.save() else {
                assert!(row.ops.resume.is_none(), "{:#x}", row.ckm);
                continue;
            };
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
    fn sha512_t_is_the_two_that_are_approved() {
        for (t, same) in [(224, &SHA512_224), (256, &SHA512_256)] {
            let mut running = SHA512_T.ops.digest.unwrap()(&Params::MacGeneral(t)).unwrap();
            running.update(b"abc").unwrap();
            assert_eq!(running.save().unwrap().0, same.ckm);
            let mut out = vec![0; running.len()];
            running.finish(&mut out).unwrap();
            assert_eq!(out, digest(same, &[b"abc"]));
        }
        for t in [0, 1, 223, 255, 384, 512, CK_ULONG::MAX] {
            let refused = SHA512_T.ops.digest.unwrap()(&Params::MacGeneral(t));
            assert_eq!(refused.err(), Some(Error::MechanismParamInvalid), "{t}");
        }
        assert!(SHA512_T.ops.digest.unwrap()(&Params::None).is_err());
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
