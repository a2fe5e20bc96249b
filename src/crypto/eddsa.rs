//! Keys on the curves of the Edwards form, and their signatures: Ed25519, Ed25519ctx and Ed25519ph (RFC 8032), and with
//! the feature `curve448` Ed448 and Ed448ph.

use super::collected::Collected;
use super::curve::not_supported;
#[cfg(feature = "curve448")]
use super::curve448;
use super::digest::{Hash, Prehash};
use super::engine::ed25519::{self, SIGNATURE_LEN, Variant};
use super::mechanism::{Context, Ops, Recipe, Row, Signing, Sizes, Verifying};
use super::self_test::{self, Family};
use super::start::{first, prepared};
use super::{Material, Pair, der, random};
use crate::ck::params::Shape;
use crate::ck::{Error, Params, Result};
use crate::secret::Secret;
use cryptoki_sys::*;
use std::sync::Arc;

/// CKM_EC_EDWARDS_KEY_PAIR_GEN. PKCS#11 3.2, Edwards elliptic curve key pair generation.
pub static KEY_PAIR_GEN: Row = Row {
    ckm: CKM_EC_EDWARDS_KEY_PAIR_GEN,
    key_types: &[CKK_EC_EDWARDS],
    sizes: SIZES,
    shape: Shape::None,
    flags: super::ec::FLAGS & !CKF_EC_UNCOMPRESS,
    prepare: None,
    ops: Ops { generate_pair: Some(generate_pair), ..Ops::NONE },
};

/// CKM_EDDSA: Ed25519 without a parameter, Ed25519ctx and Ed25519ph with one. PKCS#11 3.2, EdDSA.
pub static EDDSA: Row = Row {
    ckm: CKM_EDDSA,
    key_types: &[CKK_EC_EDWARDS],
    sizes: SIZES,
    shape: Shape::Eddsa,
    flags: super::ec::FLAGS & !CKF_EC_UNCOMPRESS,
    prepare: Some(prepare),
    ops: Ops { sign: Some(sign), verify: Some(verify), ..Ops::NONE },
};

const SIZES: Sizes = Sizes::Bits(255, if cfg!(feature = "curve448") { 448 } else { 255 });

/// Length of a seed and of a public key in bytes.
const KEY_LEN: usize = 32;

/// Pure EdDSA reads its message twice, so a message in parts is kept whole: at most so much of it.
pub(super) const MESSAGE_LIMIT: usize = 64 << 20;

/// Curves of the Edwards form. A key tells its curve by its length.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Edwards {
    /// edwards25519.
    Ed25519,
    /// edwards448.
    #[cfg(feature = "curve448")]
    Ed448,
}

impl Edwards {
    /// All curves, in the order of their numbers in the encoding of [`Material`].
    pub const ALL: &[Self] = &[
        Self::Ed25519,
        #[cfg(feature = "curve448")]
        Self::Ed448,
    ];

    /// The curve of a seed or a public key of this length; Ed25519 where there is none.
    pub fn of_len(len: usize) -> Self {
        Self::ALL.iter().find(|curve| curve.len() == len).copied().unwrap_or(Self::Ed25519)
    }

    /// Number in the encoding of [`Material`].
    pub(super) const fn number(self) -> u8 {
        match self {
            Self::Ed25519 => 0,
            #[cfg(feature = "curve448")]
            Self::Ed448 => 1,
        }
    }

    /// Bits of the field.
    pub const fn bits(self) -> u32 {
        match self {
            Self::Ed25519 => 255,
            #[cfg(feature = "curve448")]
            Self::Ed448 => 448,
        }
    }

    /// Length of a seed and of a public key in bytes.
    pub const fn len(self) -> usize {
        match self {
            Self::Ed25519 => KEY_LEN,
            #[cfg(feature = "curve448")]
            Self::Ed448 => curve448::ED_LEN,
        }
    }

    /// `CKA_EC_PARAMS`: the OBJECT IDENTIFIER of the signatures, in DER (RFC 8410, 3).
    pub const fn ec_params(self) -> &'static [u8] {
        match self {
            // 1.3.101.112 and .113
            Self::Ed25519 => &[0x06, 0x03, 0x2B, 0x65, 0x70],
            #[cfg(feature = "curve448")]
            Self::Ed448 => &[0x06, 0x03, 0x2B, 0x65, 0x71],
        }
    }

    /// The curve's name in RFC 8032, as a PrintableString.
    const fn name(self) -> &'static [u8] {
        match self {
            Self::Ed25519 => b"\x13\x0Cedwards25519",
            #[cfg(feature = "curve448")]
            Self::Ed448 => b"\x13\x0Aedwards448",
        }
    }

    /// The curve of a `CKA_EC_PARAMS`, by its number or its name (PKCS#11 3.2, Edwards elliptic curve public key
    /// objects). `CKR_CURVE_NOT_SUPPORTED` for another curve, `CKR_DOMAIN_PARAMS_INVALID` for what is no curve.
    pub fn from_ec_params(params: &[u8]) -> Result<Self> {
        let is = |curve: &&Self| curve.ec_params() == params || curve.name() == params;
        Self::ALL.iter().find(is).copied().ok_or_else(|| not_supported(params))
    }

    /// The same by its number alone, as PKCS#8 names it.
    pub(super) fn from_oid(oid: &[u8]) -> Option<Self> {
        Self::ALL.iter().find(|curve| curve.ec_params() == oid).copied()
    }
}

/// A key made ready.
struct Key {
    public: [u8; KEY_LEN],
    /// Seed and public key, as AWS-LC takes them; private keys only.
    private: Option<Secret>,
}

fn prepare(key: &Material) -> Result<Context> {
    #[cfg(feature = "curve448")]
    if key.bits() == Edwards::Ed448.bits() {
        return curve448::prepare(key);
    }
    self_test::ready(Family::Eddsa)?;
    Ok(Arc::new(match key {
        Material::EdPrivate(seed) => expand(seed.expose())?,
        Material::EdPublic(public) => {
            let public = public.as_slice().try_into().map_err(|_| Error::KeySizeRange)?;
            Key { public, private: None }
        }
        _ => return Err(Error::KeyTypeInconsistent),
    }))
}

fn expand(seed: &[u8]) -> Result<Key> {
    let seed = seed.try_into().map_err(|_| Error::KeySizeRange)?;
    let mut public = [0; KEY_LEN];
    let mut private = Secret::zeroed(2 * KEY_LEN);
    let room = private.expose_mut().try_into().map_err(|_| Error::GeneralError)?;
    ed25519::key_pair(seed, &mut public, room);
    Ok(Key { public, private: Some(private) })
}

/// The public key of a seed.
pub fn public_from_seed(seed: &Secret) -> Result<Vec<u8>> {
    match Edwards::of_len(seed.len()) {
        Edwards::Ed25519 => Ok(expand(seed.expose())?.public.to_vec()),
        #[cfg(feature = "curve448")]
        Edwards::Ed448 => curve448::ed_public_from_seed(seed),
    }
}

/// A private key of a caller's `CKA_VALUE`: its seed, or a DER OCTET STRING of it, as RFC 8410, 7 has it.
/// `CKR_ATTRIBUTE_VALUE_INVALID` for another length; every value of the right one is a key.
pub fn import_private(curve: Edwards, value: &[u8]) -> Result<Material> {
    let seed = der::unwrapped(&[der::OCTET_STRING], value, curve.len());
    Ok(Material::EdPrivate(Secret::from_slice(seed.ok_or(Error::AttributeValueInvalid)?)))
}

/// A public key of a caller's `CKA_EC_POINT`: its bytes, or a DER OCTET STRING or BIT STRING of them.
/// `CKR_ATTRIBUTE_VALUE_INVALID` where it is no point of the curve, or one of small order.
pub fn import_public(curve: Edwards, point: &[u8]) -> Result<Material> {
    let point = der::unwrapped(&[der::OCTET_STRING, der::BIT_STRING], point, curve.len());
    let point = point.ok_or(Error::AttributeValueInvalid)?;
    let usable = match curve {
        Edwards::Ed25519 => {
            ed25519::is_usable_point(point.try_into().map_err(|_| Error::AttributeValueInvalid)?)?
        }
        #[cfg(feature = "curve448")]
        Edwards::Ed448 => curve448::is_usable_point(point),
    };
    if usable { Ok(Material::EdPublic(point.to_vec())) } else { Err(Error::AttributeValueInvalid) }
}

/// Makes a key pair, and tries it.
fn generate_pair(recipe: &Recipe) -> Result<Pair> {
    if recipe.key_type.is_some_and(|wanted| wanted != CKK_EC_EDWARDS) {
        return Err(Error::TemplateInconsistent);
    }
    let curve = Edwards::from_ec_params(recipe.ec_params.as_deref().ok_or(Error::TemplateIncomplete)?)?;
    self_test::ready(match curve {
        Edwards::Ed25519 => Family::Eddsa,
        #[cfg(feature = "curve448")]
        Edwards::Ed448 => Family::Curve448,
    })?;
    let mut seed = Secret::zeroed(curve.len());
    random::fill(seed.expose_mut())?;
    let public = public_from_seed(&seed)?;
    match curve {
        Edwards::Ed25519 => pairwise(&seed, &public)?,
        #[cfg(feature = "curve448")]
        Edwards::Ed448 => curve448::ed_pairwise(&seed, &public)?,
    }
    Ok(Pair { public: Material::EdPublic(public), private: Material::EdPrivate(seed) })
}

/// Pairwise consistency of a new key: what the private half signs, the public half verifies (FIPS 140-3 IG 10.3.A).
/// `CKR_DEVICE_ERROR` where it does not, and there is no key.
fn pairwise(seed: &Secret, public: &[u8]) -> Result<()> {
    let mut signature = [0; SIGNATURE_LEN];
    ed25519::sign(expand(seed.expose())?.private()?, Variant::Pure, &[0x5A], &mut signature)?;
    let public = public.try_into().map_err(|_| Error::DeviceError)?;
    Ok(ed25519::verify(public, Variant::Pure, &[0x5A], &signature)?)
}

impl Key {
    fn private(&self) -> Result<&[u8; 2 * KEY_LEN]> {
        let private = self.private.as_ref().ok_or(Error::KeyTypeInconsistent)?;
        private.expose().try_into().map_err(|_| Error::GeneralError)
    }
}

/// Which of the three, as the parameter says. Without one it is Ed25519.
enum Kind {
    Pure,
    Context(Vec<u8>),
    Prehashed(Vec<u8>),
}

impl Kind {
    fn new(params: &Params) -> Result<Self> {
        let kind = match params {
            Params::None => Self::Pure,
            Params::Eddsa { context, .. } if context.len() > 255 => return Err(Error::MechanismParamInvalid),
            Params::Eddsa { prehash: true, context } => Self::Prehashed(context.clone()),
            // Ed25519ctx: "The context input SHOULD NOT be empty" (RFC 8032, 5.1).
            Params::Eddsa { context, .. } if context.is_empty() => return Err(Error::MechanismParamInvalid),
            Params::Eddsa { context, .. } => Self::Context(context.clone()),
            _ => return Err(Error::MechanismParamInvalid),
        };
        if ed25519::takes(kind.variant()) { Ok(kind) } else { Err(Error::MechanismParamInvalid) }
    }

    fn variant(&self) -> Variant<'_> {
        match self {
            Self::Pure => Variant::Pure,
            Self::Context(context) => Variant::Context(context),
            Self::Prehashed(context) => Variant::Prehashed(context),
        }
    }
}

/// A running signature or verification.
struct Running {
    key: Arc<Key>,
    kind: Kind,
    message: Collected,
    digest: Prehash,
}

fn sign(context: &Context, params: &Params) -> Result<Box<dyn Signing>> {
    #[cfg(feature = "curve448")]
    if let Some(key) = curve448::key(context) {
        return curve448::sign(key, params);
    }
    let running = Running::new(context, params)?;
    running.key.private()?;
    Ok(Box::new(running))
}

fn verify(context: &Context, params: &Params) -> Result<Box<dyn Verifying>> {
    #[cfg(feature = "curve448")]
    if let Some(key) = curve448::key(context) {
        return curve448::verify(key, params);
    }
    Ok(Box::new(Running::new(context, params)?))
}

impl Running {
    fn new(context: &Context, params: &Params) -> Result<Self> {
        Ok(Self {
            key: prepared(context)?,
            kind: Kind::new(params)?,
            message: Collected::new(MESSAGE_LIMIT, Error::DataLenRange),
            digest: Prehash::new(Hash::Sha512),
        })
    }

    fn update(&mut self, data: &[u8]) -> Result<()> {
        match self.kind {
            Kind::Prehashed(_) => self.digest.update(data),
            _ => self.message.push(data),
        }
    }

    fn sign_input(key: &Key, kind: &Kind, input: &[u8], out: &mut [u8]) -> Result<usize> {
        let out = first(out, SIGNATURE_LEN)?.try_into().map_err(|_| Error::GeneralError)?;
        ed25519::sign(key.private()?, kind.variant(), input, out)?;
        Ok(SIGNATURE_LEN)
    }

    fn verify_input(key: &Key, kind: &Kind, input: &[u8], signature: &[u8]) -> Result<()> {
        let signature = signature.try_into().map_err(|_| Error::SignatureLenRange)?;
        ed25519::verify(&key.public, kind.variant(), input, signature).map_err(|_| Error::SignatureInvalid)
    }
}

impl Signing for Running {
    fn len(&self) -> usize {
        SIGNATURE_LEN
    }

    fn update(&mut self, data: &[u8]) -> Result<()> {
        Self::update(self, data)
    }

    fn finish(&mut self, out: &mut [u8]) -> Result<usize> {
        match self.kind {
            Kind::Prehashed(_) => Self::sign_input(&self.key, &self.kind, self.digest.finish()?, out),
            _ => Self::sign_input(&self.key, &self.kind, &self.message.take(), out),
        }
    }

    fn sign(&mut self, data: &[u8], out: &mut [u8]) -> Result<usize> {
        match self.kind {
            Kind::Prehashed(_) => Self::sign_input(&self.key, &self.kind, self.digest.of(data)?, out),
            _ => Self::sign_input(&self.key, &self.kind, data, out),
        }
    }
}

impl Verifying for Running {
    fn update(&mut self, data: &[u8]) -> Result<()> {
        Self::update(self, data)
    }

    fn finish(&mut self, signature: &[u8]) -> Result<()> {
        match self.kind {
            Kind::Prehashed(_) => Self::verify_input(&self.key, &self.kind, self.digest.finish()?, signature),
            _ => Self::verify_input(&self.key, &self.kind, &self.message.take(), signature),
        }
    }

    fn verify(&mut self, data: &[u8], signature: &[u8]) -> Result<()> {
        match self.kind {
            Kind::Prehashed(_) => Self::verify_input(&self.key, &self.kind, self.digest.of(data)?, signature),
            _ => Self::verify_input(&self.key, &self.kind, data, signature),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::tests::*;

    fn contexts(seed: &str) -> (Context, Context) {
        let private = import_private(Edwards::Ed25519, &hex(seed)).unwrap();
        let public = crate::crypto::public_of(&private).unwrap().unwrap();
        (context(&EDDSA, &private), context(&EDDSA, &public))
    }

    fn params(prehash: bool, context: &[u8]) -> Params {
        Params::Eddsa { prehash, context: context.to_vec() }
    }

    /// Whether the engine has the algorithm of the parameter. It is refused where not.
    fn has(private: &Context, params: &Params) -> bool {
        let has =
            ed25519::takes(Variant::Context(b"c")) || !matches!(params, Params::Eddsa { prehash: false, .. });
        assert_eq!(sign(private, params).err(), (!has).then_some(Error::MechanismParamInvalid));
        has
    }

    const SEED_1: &str = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    const PUBLIC_1: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

    /// RFC 8032, 7.1 (tests 1 to 3), 7.2 ("foo") and 7.3 ("abc").
    #[test]
    fn sign_of_rfc_8032_is_known() {
        for (seed, public, params, message, signature) in [
            (
                SEED_1,
                PUBLIC_1,
                Params::None,
                "",
                "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
            ),
            (
                "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
                "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
                Params::None,
                "72",
                "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
            ),
            (
                "0305334e381af78f141cb666f6199f57bc3495335a256a95bd2a55bf546663f6",
                "dfc9425e4f968f7f0c29f0259cf5f9aed6851c2bb4ad8bfb860cfee0ab248292",
                params(false, b"foo"),
                "f726936d19c800494e3fdaff20b276a8",
                "55a4cc2f70a54e04288c5f4cd1e45a7bb520b36292911876cada7323198dd87a8b36950b95130022907a7fb7c4e9b2d5f6cca685a587b4b21f4b888e4e7edb0d",
            ),
            (
                "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
                "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
                params(true, b""),
                "616263",
                "98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae4131f85042463c2a355a2003d062adf5aaa10b8c61e636062aaad11c2a26083406",
            ),
        ] {
            let (private, verifier) = contexts(seed);
            if !has(&private, &params) {
                continue;
            }
            let seed = Secret::from_slice(&hex(seed));
            assert_eq!(public_from_seed(&seed).unwrap(), hex(public));
            assert_eq!(signed(&EDDSA, &private, &params, &hex(message)), hex(signature));
            let answer = verified(&EDDSA, &verifier, &params, &hex(message), &hex(signature));
            assert_eq!(answer, Ok(()));
        }
    }

    #[test]
    fn sign_in_pieces_tampered_and_short_behaves() {
        let (private, public) = contexts(SEED_1);
        for params in [Params::None, params(false, b"c"), params(true, b""), params(true, &[7; 255])] {
            if has(&private, &params) {
                check_signer(&EDDSA, &private, &public, &params, &[5; 777]);
            }
        }
    }

    #[test]
    fn start_with_wrong_parameters_is_refused() {
        let (private, public) = contexts(SEED_1);
        for params in
            [params(false, b""), params(false, &[0; 256]), params(true, &[0; 256]), Params::Iv(vec![])]
        {
            assert_eq!(sign(&private, &params).err(), Some(Error::MechanismParamInvalid));
            assert_eq!(verify(&public, &params).err(), Some(Error::MechanismParamInvalid));
        }
        assert_eq!(sign(&public, &Params::None).err(), Some(Error::KeyTypeInconsistent));
    }

    #[test]
    fn import_public_takes_both_forms_and_refuses_the_rest() {
        let point = hex(PUBLIC_1);
        let wrapped = der::element(der::OCTET_STRING, &[&point]);
        let import_public = |bytes: &[u8]| import_public(Edwards::Ed25519, bytes);
        let import_private = |bytes: &[u8]| import_private(Edwards::Ed25519, bytes);
        assert!(import_public(&point).is_ok());
        assert!(import_public(&wrapped).is_ok());
        assert!(import_public(&der::bit_string(&point)).is_ok());
        assert!(import_private(&der::element(der::OCTET_STRING, &[&hex(SEED_1)])).is_ok());
        let mut off = point.clone();
        // The next y of which no x exists.
        while ed25519::is_usable_point(off.as_slice().try_into().unwrap()).unwrap() {
            off[0] = off[0].wrapping_add(1);
        }
        let identity = [&[1][..], &[0; 31]].concat();
        // y = p, which is not reduced.
        let unreduced = [&[0xED][..], &[0xFF; 30], &[0x7F]].concat();
        for bytes in [&off[..], &identity, &unreduced, &[0; 32], &[], &point[1..], &wrapped[1..]] {
            assert_eq!(import_public(bytes).err(), Some(Error::AttributeValueInvalid), "{bytes:?}");
        }
        for len in [0, 31, 33, 34, 64] {
            assert_eq!(import_private(&vec![0; len]).err(), Some(Error::AttributeValueInvalid));
        }
    }

    #[test]
    fn generate_pair_reads_both_forms_of_the_curve() {
        let curve = Edwards::Ed25519;
        for params in [curve.ec_params(), curve.name()] {
            let recipe = Recipe { ec_params: Some(params.to_vec()), ..Recipe::default() };
            let pair = generate_pair(&recipe).unwrap();
            let Material::EdPublic(public) = &pair.public else { panic!("no public key") };
            let Material::EdPrivate(seed) = &pair.private else { panic!("no private key") };
            assert_eq!(&public_from_seed(seed).unwrap(), public);
            assert!(import_public(curve, public).is_ok());
        }
        for (params, refusal) in [
            (None, Error::TemplateIncomplete),
            (Some(super::super::Curve::P256.ec_params().to_vec()), Error::CurveNotSupported),
            (Some(vec![5, 0]), Error::DomainParamsInvalid),
        ] {
            let recipe = Recipe { ec_params: params, ..Recipe::default() };
            assert_eq!(generate_pair(&recipe).err(), Some(refusal));
        }
    }

    #[test]
    fn halves_that_do_not_belong_together_fail_the_pairwise_test() {
        let seed = Secret::from_slice(&hex(SEED_1));
        assert_eq!(pairwise(&seed, &hex(PUBLIC_1)), Ok(()));
        let other = public_from_seed(&Secret::from_slice(&[7; 32])).unwrap();
        assert_eq!(pairwise(&seed, &other), Err(Error::DeviceError));
    }
}
