//! The pseudo-random function of TLS 1.2 (RFC 5246, 5), and the two mechanisms that are it alone: key material for others
//! (RFC 5705) and the contents of the Finished messages.

use super::Material;
use super::collected::Collected;
use super::digest::{self, Hash};
use super::hmac::MAX_KEY_LEN;
use super::mechanism::{
    Context, Derivation, Derived, Inheritance, Made, Ops, Raw, Row, Signing, Sizes, Sources, Verifying,
};
use super::prf::Prf;
use super::self_test::{self, Family};
use super::start::{first, prepared};
use crate::ck::derivation::{TlsKdf, TlsMac};
use crate::ck::params::Shape;
use crate::ck::{CK_MECHANISM_TYPE, Error, Params, Result};
use crate::secret::Secret;
use cryptoki_sys::*;
use std::sync::Arc;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// CKM_TLS_KDF. PKCS#11 3.2, Generic key derivation using the TLS PRF.
pub static TLS_KDF: Row = kdf_row(CKM_TLS_KDF);
/// CKM_TLS12_KDF: the same under its old name. PKCS#11 3.2, Deprecated TLS 1.2 mechanisms.
pub static TLS12_KDF: Row = kdf_row(CKM_TLS12_KDF);
/// CKM_TLS_MAC. PKCS#11 3.2, TLS MAC.
pub static TLS_MAC: Row = mac_row(CKM_TLS_MAC);
/// CKM_TLS12_MAC: the same under its old name. PKCS#11 3.2, Deprecated TLS 1.2 mechanisms.
pub static TLS12_MAC: Row = mac_row(CKM_TLS12_MAC);

static KDF: Derivation = Derivation {
    derive: kdf,
    makes: Made::Keys,
    inheritance: Inheritance::StrictFromBase,
    own_len: |_, _| None,
    raw: Raw::No,
    data_base: false,
};

const fn kdf_row(ckm: CK_MECHANISM_TYPE) -> Row {
    Row {
        ckm,
        key_types: &[CKK_GENERIC_SECRET],
        sizes: Sizes::Bytes(1, MAX_KEY_LEN),
        shape: Shape::TlsKdf,
        flags: 0,
        prepare: None,
        ops: Ops { derivation: Some(&KDF), ..Ops::NONE },
    }
}

const fn mac_row(ckm: CK_MECHANISM_TYPE) -> Row {
    Row {
        ckm,
        key_types: &[CKK_GENERIC_SECRET],
        sizes: Sizes::Bytes(1, MAX_KEY_LEN),
        shape: Shape::TlsMac,
        flags: 0,
        prepare: Some(prepare),
        ops: Ops {
            sign: Some(|context, params| Ok(Box::new(Running::new(context, params)?))),
            verify: Some(|context, params| Ok(Box::new(Running::new(context, params)?))),
            ..Ops::NONE
        },
    }
}

/// The labels of the Finished messages: the server's, the client's (RFC 5246, 7.4.9).
const FINISHED: [&[u8]; 2] = [b"server finished", b"client finished"];
/// Shortest and longest contents of a Finished message in bytes (RFC 5246, 7.4.9).
const MAC_LENS: std::ops::RangeInclusive<usize> = 12..=64;
/// Most data that a Finished message is made over, in bytes: it is a hash.
const LONGEST_MAC_DATA: usize = 64 * 1024;

/// The hash of a cipher suite: "SHA-256 or a stronger standard hash function" (RFC 5246, 5). That of earlier versions, which
/// `CKM_TLS_PRF` names, is none.
pub(super) fn hash_of(ckm: CK_MECHANISM_TYPE) -> Result<Hash> {
    let hash = digest::named(ckm).ok_or(Error::MechanismParamInvalid)?;
    if hash.len() < Hash::Sha256.len() || hash == Hash::Sha512_256 {
        return Err(Error::MechanismParamInvalid);
    }
    Ok(hash)
}

/// Fills `out` with PRF(secret, label, seed); `seed` begins with the label.
pub(super) fn expand(hash: Hash, secret: &[u8], seed: &[&[u8]], out: &mut [u8]) -> Result<()> {
    let prf = Prf::hmac(hash, secret)?;
    let len = prf.len();
    // A(1), and then A(i) of A(i - 1).
    let mut chained = prf.of(seed.iter().copied())?;
    for part in out.chunks_mut(len) {
        let link = chained.get(..len).unwrap_or_default();
        let value = prf.of([link].into_iter().chain(seed.iter().copied()))?;
        part.copy_from_slice(value.get(..part.len()).unwrap_or_default());
        chained = prf.of([link])?;
    }
    Ok(())
}

/// Key material for other protocols. What the seed of a Finished message gives is no secret, so that is not derived.
fn kdf(sources: &Sources<'_>) -> Result<Derived> {
    let Params::TlsKdf(TlsKdf { hash, label, randoms, context }) = sources.params else {
        return Err(Error::MechanismParamInvalid);
    };
    let Material::Bytes(base) = sources.base else { return Err(Error::KeyTypeInconsistent) };
    let [recipe] = sources.recipes else { return Err(Error::GeneralError) };
    let hash = hash_of(*hash)?;
    let mut seed = [&label[..], &randoms.client, &randoms.server].concat();
    if let Some(context) = context {
        let len = u16::try_from(context.len()).map_err(|_| Error::MechanismParamInvalid)?;
        seed.extend_from_slice(&len.to_be_bytes());
        seed.extend_from_slice(context);
    }
    if label.is_empty() || FINISHED.iter().any(|finished| seed.starts_with(finished)) {
        return Err(Error::MechanismParamInvalid);
    }
    let len = recipe.value_len.ok_or(Error::TemplateIncomplete)?;
    if !(1..=MAX_KEY_LEN as usize).contains(&len) {
        return Err(Error::KeySizeRange);
    }
    let mut value = Secret::zeroed(len);
    expand(hash, base.expose(), &[&seed], value.expose_mut())?;
    Ok(Derived { values: vec![value], ..Derived::default() })
}

fn prepare(key: &Material) -> Result<Context> {
    self_test::ready(Family::Hmac)?;
    match key {
        Material::Bytes(secret) => Ok(Arc::new(Secret::from_slice(secret.expose()))),
        _ => Err(Error::KeyTypeInconsistent),
    }
}

/// The contents of a Finished message in the making.
struct Running {
    secret: Arc<Secret>,
    hash: Hash,
    label: &'static [u8],
    len: usize,
    data: Collected,
}

impl Running {
    fn new(context: &Context, params: &Params) -> Result<Self> {
        let Params::TlsMac(TlsMac { hash, len, side }) = params else {
            return Err(Error::MechanismParamInvalid);
        };
        let len = usize::try_from(*len).ok().filter(|len| MAC_LENS.contains(len));
        let side = side.checked_sub(1).and_then(|side| usize::try_from(side).ok());
        let label = side.and_then(|side| FINISHED.get(side));
        Ok(Self {
            secret: prepared(context)?,
            hash: hash_of(*hash)?,
            label: label.ok_or(Error::MechanismParamInvalid)?,
            len: len.ok_or(Error::MechanismParamInvalid)?,
            data: Collected::new(LONGEST_MAC_DATA, Error::DataLenRange),
        })
    }

    fn value(&mut self) -> Result<Zeroizing<[u8; 64]>> {
        let mut value = Zeroizing::new([0; 64]);
        let data = self.data.take();
        let out = first(&mut *value, self.len)?;
        expand(self.hash, self.secret.expose(), &[self.label, &data], out)?;
        Ok(value)
    }
}

impl Signing for Running {
    fn len(&self) -> usize {
        self.len
    }

    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.data.push(data)
    }

    fn finish(&mut self, out: &mut [u8]) -> Result<usize> {
        let value = self.value()?;
        first(out, self.len)?.copy_from_slice(value.get(..self.len).unwrap_or_default());
        Ok(self.len)
    }
}

impl Verifying for Running {
    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.data.push(data)
    }

    fn finish(&mut self, signature: &[u8]) -> Result<()> {
        if signature.len() != self.len {
            return Err(Error::SignatureLenRange);
        }
        let value = self.value()?;
        let same = value.get(..self.len).unwrap_or_default().ct_eq(signature);
        if bool::from(same) { Ok(()) } else { Err(Error::SignatureInvalid) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ck::derivation::TlsRandoms;
    use crate::crypto::mechanism::Recipe;
    use crate::crypto::tests::hex;

    /// The vectors of the TLS working group's list for the function over SHA-256, SHA-384 and SHA-512.
    #[test]
    fn the_function_is_known_over_each_hash() {
        let cases = [
            (
                Hash::Sha256,
                "9bbe436ba940f017b17652849a71db35",
                "a0ba9f936cda311827a6f796ffd5198c",
                "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a6b301791e90d35c9c9a46b4e14baf9af0fa022f7077def17abfd3797c0564bab4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff70187347b66",
            ),
            (
                Hash::Sha384,
                "b80b733d6ceefcdc71566ea48e5567df",
                "cd665cf6a8447dd6ff8b27555edb7465",
                "7b0c18e9ced410ed1804f2cfa34a336a1c14dffb4900bb5fd7942107e81c83cde9ca0faa60be9fe34f82b1233c9146a0e534cb400fed2700884f9dc236f80edd8bfa961144c9e8d792eca722a7b32fc3d416d473ebc2c5fd4abfdad05d9184259b5bf8cd4d90fa0d31e2dec479e4f1a26066f2eea9a69236a3e52655c9e9aee691c8f3a26854308d5eaa3be85e0990703d73e56f",
            ),
            (
                Hash::Sha512,
                "b0323523c1853599584d88568bbb05eb",
                "d4640e12e4bcdbfb437f03e6ae418ee5",
                "1261f588c798c5c201ff036e7a9cb5edcd7fe3f94c669a122a4638d7d508b283042df6789875c7147e906d868bc75c45e20eb40c1cf4a1713b27371f68432592f7dc8ea8ef223e12ea8507841311bf68653d0cfc4056d811f025c45ddfa6e6fec702f054b409d6f28dd0a3233e498da41a3e75c5630eedbe22fe254e33a1b0e9f6b9826675bec7d01a845658dc9c397545401d40b9f46c7a400ee1b8f81ca0a60d1a397a1028bff5d2ef5066126842fb8da4197632bdb54ff6633f86bbc836e640d4d898",
            ),
        ];
        for (hash, secret, seed, output) in cases {
            let (output, secret, seed) = (hex(output), hex(secret), hex(seed));
            for len in [1, hash.len() - 1, hash.len(), hash.len() + 1, output.len()] {
                let mut value = vec![0; len];
                expand(hash, &secret, &[b"test label", &seed], &mut value).unwrap();
                assert_eq!(value, output[..len]);
            }
        }
    }

    fn export(label: &[u8], context: Option<&[u8]>, len: Option<usize>) -> Result<Vec<u8>> {
        let randoms = TlsRandoms { client: vec![1; 32], server: vec![2; 32] };
        let (label, context) = (label.to_vec(), context.map(<[u8]>::to_vec));
        let sources = Sources {
            base: &Material::Bytes(Secret::from_slice(&[0x0B; 48])),
            base_type: Some(CKK_GENERIC_SECRET),
            seconds: &[],
            params: &Params::TlsKdf(TlsKdf { hash: CKM_SHA384, label, randoms, context }),
            recipes: &[Recipe { value_len: len, ..Recipe::default() }],
        };
        kdf(&sources).map(|derived| derived.values[0].expose().to_vec())
    }

    /// What OpenSSL's TLS1-PRF gives for the seeds of RFC 5705, 4.
    #[test]
    fn exported_material_is_of_the_label_the_randoms_and_the_context() {
        let with = hex("3495f27738ced13c667ed5d699ab53cdac7955018f5a8fa39ff231d8513a2a8b");
        let without = hex("ee043308ae5f20c618f12b5c747465bed17c2eaa3755541c538e5c68bdcdd481");
        assert_eq!(export(b"EXPORTER_test", Some(b"abc"), Some(32)), Ok(with));
        assert_eq!(export(b"EXPORTER_test", None, Some(32)), Ok(without.clone()));
        // An empty context is another than none.
        assert_ne!(export(b"EXPORTER_test", Some(b""), Some(32)), Ok(without));
    }

    #[test]
    fn exports_of_what_is_no_secret_and_of_absurd_lengths_are_refused() {
        let invalid = Err(Error::MechanismParamInvalid);
        for label in [&b""[..], b"client finished", b"server finished", b"client finished and more"] {
            assert_eq!(export(label, None, Some(32)), invalid);
        }
        assert_eq!(export(b"x", Some(&[0; 0x1_0000]), Some(32)), invalid);
        assert!(export(b"x", Some(&[0; 0xFFFF]), Some(32)).is_ok());
        assert_eq!(export(b"x", None, None), Err(Error::TemplateIncomplete));
        for len in [0, MAX_KEY_LEN as usize + 1, usize::MAX] {
            assert_eq!(export(b"x", None, Some(len)), Err(Error::KeySizeRange));
        }
    }

    fn mac(hash: CK_MECHANISM_TYPE, len: u64, side: u64) -> Result<Running> {
        let context = prepare(&Material::Bytes(Secret::from_slice(&[0x0B; 48])))?;
        Running::new(&context, &Params::TlsMac(TlsMac { hash, len, side }))
    }

    /// What OpenSSL's TLS1-PRF gives for the seeds of RFC 5246, 7.4.9.
    #[test]
    fn contents_of_finished_messages_are_known() {
        for (side, contents) in [(1, "534286c3f846ba376ac2de52"), (2, "efa2190a5fa5874d0f7e71a7")] {
            let contents = hex(contents);
            let mut signing = mac(CKM_SHA256, 12, side).unwrap();
            assert_eq!(Signing::len(&signing), 12);
            Signing::update(&mut signing, &[0x0C; 30]).unwrap();
            Signing::update(&mut signing, &[0x0C; 2]).unwrap();
            let mut out = [0; 12];
            assert_eq!(Signing::finish(&mut signing, &mut out), Ok(12));
            assert_eq!(out[..], contents);
            let verified = |contents: &[u8]| {
                let mut verifying = mac(CKM_SHA256, 12, side).unwrap();
                Verifying::update(&mut verifying, &[0x0C; 32]).unwrap();
                Verifying::finish(&mut verifying, contents)
            };
            assert_eq!(verified(&contents), Ok(()));
            let mut changed = contents.clone();
            changed[11] ^= 1;
            assert_eq!(verified(&changed), Err(Error::SignatureInvalid));
            assert_eq!(verified(&contents[..11]), Err(Error::SignatureLenRange));
        }
    }

    #[test]
    fn finished_messages_of_other_lengths_sides_and_hashes_are_refused() {
        let refused = |hash, len, side| matches!(mac(hash, len, side), Err(Error::MechanismParamInvalid));
        for len in [0, 11, 65, u64::MAX] {
            assert!(refused(CKM_SHA256, len, 1));
        }
        for side in [0, 3, u64::MAX] {
            assert!(refused(CKM_SHA256, 12, side));
        }
        for hash in [CKM_TLS_PRF, CKM_SHA_1, CKM_SHA224, CKM_SHA512_256] {
            assert!(refused(hash, 12, 1));
        }
        assert!(mac(CKM_SHA512, 64, 2).is_ok());
        let mut long = mac(CKM_SHA256, 12, 1).unwrap();
        Signing::update(&mut long, &vec![0; LONGEST_MAC_DATA]).unwrap();
        assert_eq!(Signing::update(&mut long, &[0]), Err(Error::DataLenRange));
    }
}
