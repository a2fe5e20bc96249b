//! BLAKE2b (RFC 7693): the digests of PKCS#11, and the MACs that it calls HMAC.
//!
//! Those are "the keyed variant" in the specification: BLAKE2b with a key of 64 bytes at most (RFC 7693, 2.5), and not
//! the construction of RFC 2104 around it.

use super::Material;
use super::hmac::{compare, mac_len};
use super::mechanism::{Context, Digesting, Ops, Row, Signing, Sizes, StartDigesting, Verifying};
use super::self_test::{self, Family, Known};
use super::start::{first, no_params, prepared};
use crate::ck::params::Shape;
use crate::ck::{CK_KEY_TYPE, CK_MECHANISM_TYPE, Error, Params, Result};
use crate::secret::Secret;
use blake2::digest::consts::{U20, U32, U48, U64};
use blake2::digest::{FixedOutput, KeyInit, Update};
use cryptoki_sys::*;
use std::sync::Arc;
use zeroize::{Zeroize, Zeroizing};

/// Longest key in bytes (RFC 7693, 2.1).
pub const MAX_KEY_LEN: u32 = 64;
/// Longest digest in bytes.
const MAX_LEN: usize = 64;

/// A length of the digest. It goes into the computation, so that none is the beginning of another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Size {
    /// 20 bytes.
    Bits160,
    /// 32 bytes.
    Bits256,
    /// 48 bytes.
    Bits384,
    /// 64 bytes.
    Bits512,
}

/// The rows of one length: digest, MAC, beginning of a MAC.
macro_rules! rows {
    ($($(#[$doc:meta])* $size:ident: $digest:ident, $ckm:ident; $(#[$doc_mac:meta])* $mac:ident, $ckm_mac:ident, $key_type:ident; $(#[$doc_general:meta])* $general:ident, $ckm_general:ident;)*) => {
        $(
            $(#[$doc])*
            pub static $digest: Row = digest_row($ckm, |params| start(Size::$size, params));
            $(#[$doc_mac])*
            pub static $mac: Row = Row {
                ops: Ops {
                    sign: Some(|context, params| Ok(Box::new(keyed(Size::$size, context, params)?))),
                    verify: Some(|context, params| Ok(Box::new(keyed(Size::$size, context, params)?))),
                    ..Ops::NONE
                },
                ..mac_row($ckm_mac, &[$key_type, CKK_GENERIC_SECRET], Shape::None)
            };
            $(#[$doc_general])*
            pub static $general: Row = Row {
                ops: $mac.ops,
                ..mac_row($ckm_general, &[$key_type, CKK_GENERIC_SECRET], Shape::MacGeneral)
            };
        )*
    };
}

rows! {
    /// CKM_BLAKE2B_160. PKCS#11 3.2, BLAKE2B-160.
    Bits160: BLAKE2B_160, CKM_BLAKE2B_160;
    /// CKM_BLAKE2B_160_HMAC: keyed. PKCS#11 3.2, BLAKE2B-160.
    BLAKE2B_160_HMAC, CKM_BLAKE2B_160_HMAC, CKK_BLAKE2B_160_HMAC;
    /// CKM_BLAKE2B_160_HMAC_GENERAL: its beginning.
    BLAKE2B_160_HMAC_GENERAL, CKM_BLAKE2B_160_HMAC_GENERAL;
    /// CKM_BLAKE2B_256. PKCS#11 3.2, BLAKE2B-256.
    Bits256: BLAKE2B_256, CKM_BLAKE2B_256;
    /// CKM_BLAKE2B_256_HMAC: keyed. PKCS#11 3.2, BLAKE2B-256.
    BLAKE2B_256_HMAC, CKM_BLAKE2B_256_HMAC, CKK_BLAKE2B_256_HMAC;
    /// CKM_BLAKE2B_256_HMAC_GENERAL: its beginning.
    BLAKE2B_256_HMAC_GENERAL, CKM_BLAKE2B_256_HMAC_GENERAL;
    /// CKM_BLAKE2B_384. PKCS#11 3.2, BLAKE2B-384.
    Bits384: BLAKE2B_384, CKM_BLAKE2B_384;
    /// CKM_BLAKE2B_384_HMAC: keyed. PKCS#11 3.2, BLAKE2B-384.
    BLAKE2B_384_HMAC, CKM_BLAKE2B_384_HMAC, CKK_BLAKE2B_384_HMAC;
    /// CKM_BLAKE2B_384_HMAC_GENERAL: its beginning.
    BLAKE2B_384_HMAC_GENERAL, CKM_BLAKE2B_384_HMAC_GENERAL;
    /// CKM_BLAKE2B_512. PKCS#11 3.2, BLAKE2B-512.
    Bits512: BLAKE2B_512, CKM_BLAKE2B_512;
    /// CKM_BLAKE2B_512_HMAC: keyed. PKCS#11 3.2, BLAKE2B-512.
    BLAKE2B_512_HMAC, CKM_BLAKE2B_512_HMAC, CKK_BLAKE2B_512_HMAC;
    /// CKM_BLAKE2B_512_HMAC_GENERAL: its beginning.
    BLAKE2B_512_HMAC_GENERAL, CKM_BLAKE2B_512_HMAC_GENERAL;
}

const fn digest_row(ckm: CK_MECHANISM_TYPE, digest: StartDigesting) -> Row {
    Row {
        ckm,
        key_types: &[],
        sizes: Sizes::None,
        shape: Shape::None,
        flags: 0,
        prepare: None,
        ops: Ops { digest: Some(digest), ..Ops::NONE },
    }
}

const fn mac_row(ckm: CK_MECHANISM_TYPE, key_types: &'static [CK_KEY_TYPE], shape: Shape) -> Row {
    Row {
        ckm,
        key_types,
        sizes: Sizes::Bytes(1, MAX_KEY_LEN),
        shape,
        flags: 0,
        prepare: Some(prepare),
        ops: Ops::NONE,
    }
}

/// A running function, keyed or not.
enum Function<A, B, C, D> {
    Bits160(A),
    Bits256(B),
    Bits384(C),
    Bits512(D),
}

type Digest =
    Function<blake2::Blake2b<U20>, blake2::Blake2b<U32>, blake2::Blake2b<U48>, blake2::Blake2b<U64>>;
type Mac = Function<
    blake2::Blake2bMac<U20>,
    blake2::Blake2bMac<U32>,
    blake2::Blake2bMac<U48>,
    blake2::Blake2bMac<U64>,
>;

impl Size {
    /// Length of the digest in bytes.
    pub(super) const fn len(self) -> usize {
        match self {
            Self::Bits160 => 20,
            Self::Bits256 => 32,
            Self::Bits384 => 48,
            Self::Bits512 => 64,
        }
    }

    /// Digests `data` into the first bytes of `out`; answers how many.
    pub(super) fn digest(self, data: &[u8], out: &mut [u8]) -> Result<usize> {
        let mut digest = self.start();
        digest.update(data);
        digest.finish(out)
    }

    fn start(self) -> Digest {
        match self {
            Self::Bits160 => Digest::Bits160(Default::default()),
            Self::Bits256 => Digest::Bits256(Default::default()),
            Self::Bits384 => Digest::Bits384(Default::default()),
            Self::Bits512 => Digest::Bits512(Default::default()),
        }
    }

    /// `CKR_KEY_SIZE_RANGE` where the key is longer than [`MAX_KEY_LEN`].
    fn start_keyed(self, key: &[u8]) -> Result<Mac> {
        let keyed = match self {
            Self::Bits160 => KeyInit::new_from_slice(key).map(Mac::Bits160),
            Self::Bits256 => KeyInit::new_from_slice(key).map(Mac::Bits256),
            Self::Bits384 => KeyInit::new_from_slice(key).map(Mac::Bits384),
            Self::Bits512 => KeyInit::new_from_slice(key).map(Mac::Bits512),
        };
        keyed.map_err(|_| Error::KeySizeRange)
    }
}

impl<A, B, C, D> Function<A, B, C, D>
where
    A: Update + FixedOutput,
    B: Update + FixedOutput,
    C: Update + FixedOutput,
    D: Update + FixedOutput,
{
    fn update(&mut self, data: &[u8]) {
        match self {
            Self::Bits160(running) => running.update(data),
            Self::Bits256(running) => running.update(data),
            Self::Bits384(running) => running.update(data),
            Self::Bits512(running) => running.update(data),
        }
    }

    /// Writes the whole digest or MAC; answers its length.
    fn finish(self, out: &mut [u8]) -> Result<usize> {
        fn put(running: impl FixedOutput, out: &mut [u8]) -> Result<usize> {
            let mut value = running.finalize_fixed();
            let len = value.len();
            first(out, len)?.copy_from_slice(&value);
            value.as_mut_slice().zeroize();
            Ok(len)
        }
        match self {
            Self::Bits160(running) => put(running, out),
            Self::Bits256(running) => put(running, out),
            Self::Bits384(running) => put(running, out),
            Self::Bits512(running) => put(running, out),
        }
    }
}

/// A running digest.
struct Running {
    size: Size,
    digest: Digest,
}

fn start(size: Size, params: &Params) -> Result<Box<dyn Digesting>> {
    no_params(params)?;
    self_test::ready(Family::Blake2b)?;
    Ok(Box::new(Running { size, digest: size.start() }))
}

impl Digesting for Running {
    fn len(&self) -> usize {
        self.size.len()
    }

    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.digest.update(data);
        Ok(())
    }

    fn finish(&mut self, out: &mut [u8]) -> Result<()> {
        std::mem::replace(&mut self.digest, self.size.start()).finish(out).map(drop)
    }
}

/// The key itself: there is nothing to be computed once for all messages.
fn prepare(key: &Material) -> Result<Context> {
    self_test::ready(Family::Blake2b)?;
    let Material::Bytes(secret) = key else { return Err(Error::KeyTypeInconsistent) };
    if secret.is_empty() || secret.len() > MAX_KEY_LEN as usize {
        return Err(Error::KeySizeRange);
    }
    Ok(Arc::new(Secret::from_slice(secret.expose())))
}

/// A running MAC.
struct Keyed {
    size: Size,
    key: Arc<Secret>,
    mac: Mac,
    /// So many bytes of the MAC are given out or asked for.
    len: usize,
}

fn keyed(size: Size, context: &Context, params: &Params) -> Result<Keyed> {
    let key: Arc<Secret> = prepared(context)?;
    let len = mac_len(params, size.len())?;
    let mac = size.start_keyed(key.expose())?;
    Ok(Keyed { size, key, mac, len })
}

impl Keyed {
    /// The MAC of what came, all of it. The next message begins anew.
    fn mac(&mut self) -> Result<Zeroizing<[u8; MAX_LEN]>> {
        let next = self.size.start_keyed(self.key.expose())?;
        let mut mac = Zeroizing::new([0; MAX_LEN]);
        std::mem::replace(&mut self.mac, next).finish(&mut *mac)?;
        Ok(mac)
    }
}

impl Signing for Keyed {
    fn len(&self) -> usize {
        self.len
    }

    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.mac.update(data);
        Ok(())
    }

    fn finish(&mut self, out: &mut [u8]) -> Result<usize> {
        let mac = self.mac()?;
        first(out, self.len)?.copy_from_slice(mac.get(..self.len).unwrap_or_default());
        Ok(self.len)
    }
}

impl Verifying for Keyed {
    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.mac.update(data);
        Ok(())
    }

    fn finish(&mut self, signature: &[u8]) -> Result<()> {
        let mac = self.mac()?;
        compare(mac.get(..self.len).unwrap_or_default(), signature)
    }
}

/// The known answers of the family: RFC 7693, appendix A, and the keyed hash of nothing from the test vectors of
/// BLAKE2's authors.
pub(super) fn self_test() -> Result<bool> {
    let (mut digest, mut mac) = ([0; MAX_LEN], [0; MAX_LEN]);
    Size::Bits512.digest(b"abc", &mut digest)?;
    let mut key = [0; MAX_LEN];
    for (byte, value) in key.iter_mut().zip(0..) {
        *byte = value;
    }
    Size::Bits512.start_keyed(&key)?.finish(&mut mac)?;
    Ok(digest == ABC && mac == KEYED_NOTHING)
}

const ABC: Known<64> = Known::new([
    0xBA, 0x80, 0xA5, 0x3F, 0x98, 0x1C, 0x4D, 0x0D, 0x6A, 0x27, 0x97, 0xB6, 0x9F, 0x12, 0xF6, 0xE9, 0x4C,
    0x21, 0x2F, 0x14, 0x68, 0x5A, 0xC4, 0xB7, 0x4B, 0x12, 0xBB, 0x6F, 0xDB, 0xFF, 0xA2, 0xD1, 0x7D, 0x87,
    0xC5, 0x39, 0x2A, 0xAB, 0x79, 0x2D, 0xC2, 0x52, 0xD5, 0xDE, 0x45, 0x33, 0xCC, 0x95, 0x18, 0xD3, 0x8A,
    0xA8, 0xDB, 0xF1, 0x92, 0x5A, 0xB9, 0x23, 0x86, 0xED, 0xD4, 0x00, 0x99, 0x23,
]);
const KEYED_NOTHING: Known<64> = Known::new([
    0x10, 0xEB, 0xB6, 0x77, 0x00, 0xB1, 0x86, 0x8E, 0xFB, 0x44, 0x17, 0x98, 0x7A, 0xCF, 0x46, 0x90, 0xAE,
    0x9D, 0x97, 0x2F, 0xB7, 0xA5, 0x90, 0xC2, 0xF0, 0x28, 0x71, 0x79, 0x9A, 0xAA, 0x47, 0x86, 0xB5, 0xE9,
    0x96, 0xE8, 0xF0, 0xF4, 0xEB, 0x98, 0x1F, 0xC2, 0x14, 0xB0, 0x05, 0xF4, 0x2D, 0x2F, 0xF4, 0x23, 0x34,
    0x99, 0x39, 0x16, 0x53, 0xDF, 0x7A, 0xEF, 0xCB, 0xC1, 0x3F, 0xC5, 0x15, 0x68,
]);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::tests::{check_signer, context, hex, pieces, signed, verified};

    fn bytes(key: &[u8]) -> Material {
        Material::Bytes(Secret::from_slice(key))
    }

    /// "abc", and the keyed hash of 00 01 02 under the key 00 01 .. 3f: RFC 7693, appendix A, and the test vectors of
    /// BLAKE2's authors for 64 bytes; the other lengths made by the reference implementation (in CPython 3.11).
    const KNOWN: &[(&Row, &str, &Row, &Row, &str)] = &[
        (
            &BLAKE2B_160,
            "384264f676f39536840523f284921cdc68b6846b",
            &BLAKE2B_160_HMAC,
            &BLAKE2B_160_HMAC_GENERAL,
            "1da6545578fa6ff5068e1a183ce781e61f68fb51",
        ),
        (
            &BLAKE2B_256,
            "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319",
            &BLAKE2B_256_HMAC,
            &BLAKE2B_256_HMAC_GENERAL,
            "3e57c5ab79418defd6e252719a380096d9abf1901db38e0be7d404eb7206c0dc",
        ),
        (
            &BLAKE2B_384,
            "6f56a82c8e7ef526dfe182eb5212f7db9df1317e57815dbda46083fc30f54ee6c66ba83be64b302d7cba6ce15bb556f4",
            &BLAKE2B_384_HMAC,
            &BLAKE2B_384_HMAC_GENERAL,
            "da1b8dfe11d44fcd57d0bf07d523a3797e7dbf463260a7e213e33a174fb59cc171991404a0188b36764857fbf8fc8571",
        ),
        (
            &BLAKE2B_512,
            "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d17d87c5392aab792dc252d5de4533cc95\
             18d38aa8dbf1925ab92386edd4009923",
            &BLAKE2B_512_HMAC,
            &BLAKE2B_512_HMAC_GENERAL,
            "33d0825dddf7ada99b0e7e307104ad07ca9cfd9692214f1561356315e784f3e5a17e364ae9dbb14cb2036df932b77f4b\
             292761365fb328de7afdc6d8998f5fc1",
        ),
    ];

    fn digest(row: &Row, parts: &[&[u8]]) -> Vec<u8> {
        let mut digest = row.ops.digest.unwrap()(&Params::None).unwrap();
        for part in parts {
            digest.update(part).unwrap();
        }
        let mut out = vec![0; digest.len()];
        digest.finish(&mut out).unwrap();
        assert!(digest.save().is_none());
        out
    }

    #[test]
    fn digests_and_macs_are_known() {
        let key: Vec<u8> = (0..64).collect();
        for (row, expected, mac, general, expected_mac) in KNOWN {
            assert_eq!(digest(row, &[b"abc"]), hex(expected), "{:#x}", row.ckm);
            let context = context(mac, &bytes(&key));
            assert_eq!(signed(mac, &context, &Params::None, &[0, 1, 2]), hex(expected_mac));
            let beginning = signed(general, &context, &Params::MacGeneral(11), &[0, 1, 2]);
            assert_eq!(beginning, hex(expected_mac)[..11]);
        }
    }

    #[test]
    fn digest_in_pieces_equals_one_piece() {
        let message: Vec<u8> = (0..=255).cycle().take(5000).collect();
        for (row, ..) in KNOWN {
            assert_eq!(digest(row, &pieces(&message)), digest(row, &[&message]), "{:#x}", row.ckm);
        }
    }

    #[test]
    fn mac_in_pieces_tampered_and_short_behaves() {
        for (_, _, mac, general, whole) in KNOWN {
            let context = context(mac, &bytes(&[9; 17]));
            check_signer(mac, &context, &context, &Params::None, &[5; 777]);
            let whole = whole.len() as u64 / 2;
            for len in [4, whole] {
                check_signer(general, &context, &context, &Params::MacGeneral(len), &[5; 777]);
            }
            for len in [0, 3, whole + 1, u64::MAX] {
                let refused = general.ops.sign.unwrap()(&context, &Params::MacGeneral(len)).err();
                assert_eq!(refused, Some(Error::MechanismParamInvalid), "{len}");
            }
            let whole = signed(mac, &context, &Params::None, b"");
            assert_eq!(verified(mac, &context, &Params::None, b"", &whole), Ok(()));
        }
    }

    #[test]
    fn prepare_of_a_wrong_key_is_refused() {
        for key in [&[][..], &[1; 65], &[1; 128]] {
            assert_eq!(prepare(&bytes(key)).err(), Some(Error::KeySizeRange));
        }
        assert_eq!(prepare(&Material::EdPublic(vec![0; 32])).err(), Some(Error::KeyTypeInconsistent));
    }
}
