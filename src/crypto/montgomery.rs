//! Keys on the curves of the Montgomery form, for key agreement alone (RFC 7748): making them, bringing them in, and
//! the forms in which curves and keys travel (RFC 8410).

use super::curve::not_supported;
#[cfg(feature = "curve448")]
use super::curve448;
use super::engine::x25519;
use super::mechanism::{Context, Ops, Recipe, Row, Sizes};
use super::self_test::{self, Family};
use super::start::prepared;
use super::{Material, Pair, der, random};
use crate::ck::params::Shape;
use crate::ck::{CK_FLAGS, Error, Result};
use crate::secret::Secret;
use cryptoki_sys::*;
use std::sync::Arc;

/// CKM_EC_MONTGOMERY_KEY_PAIR_GEN. PKCS#11 3.2, Montgomery elliptic curve key pair generation.
pub static KEY_PAIR_GEN: Row = Row {
    ckm: CKM_EC_MONTGOMERY_KEY_PAIR_GEN,
    key_types: &[CKK_EC_MONTGOMERY],
    sizes: SIZES,
    shape: Shape::None,
    flags: FLAGS,
    prepare: None,
    ops: Ops { generate_pair: Some(generate_pair), ..Ops::NONE },
};

/// Sizes of the mechanisms on these curves.
pub(super) const SIZES: Sizes = Sizes::Bits(255, LARGEST);

/// Bits of the largest field.
const LARGEST: u32 = if cfg!(feature = "curve448") { 448 } else { 255 };

/// As on the other curves, but that a point is one coordinate.
pub(super) const FLAGS: CK_FLAGS = super::ec::FLAGS & !CKF_EC_UNCOMPRESS;

/// Curves of the Montgomery form.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Montgomery {
    /// curve25519, with the function X25519.
    X25519,
    /// curve448, with the function X448.
    #[cfg(feature = "curve448")]
    X448,
}

impl Montgomery {
    /// All curves, in the order of their numbers in the encoding.
    pub const ALL: &[Self] = &[
        Self::X25519,
        #[cfg(feature = "curve448")]
        Self::X448,
    ];

    /// Number in the encoding of [`Material`].
    pub(super) const fn number(self) -> u8 {
        match self {
            Self::X25519 => 0,
            #[cfg(feature = "curve448")]
            Self::X448 => 1,
        }
    }

    /// Bits of the field.
    pub const fn bits(self) -> u32 {
        match self {
            Self::X25519 => 255,
            #[cfg(feature = "curve448")]
            Self::X448 => 448,
        }
    }

    /// Length of a private key, a public key and a shared secret in bytes.
    pub const fn len(self) -> usize {
        match self {
            Self::X25519 => x25519::LEN,
            #[cfg(feature = "curve448")]
            Self::X448 => curve448::X_LEN,
        }
    }

    /// `CKA_EC_PARAMS`: the OBJECT IDENTIFIER of the function, in DER (RFC 8410, 3).
    pub const fn ec_params(self) -> &'static [u8] {
        match self {
            // 1.3.101.110 and .111
            Self::X25519 => &[0x06, 0x03, 0x2B, 0x65, 0x6E],
            #[cfg(feature = "curve448")]
            Self::X448 => &[0x06, 0x03, 0x2B, 0x65, 0x6F],
        }
    }

    /// The curve's name in RFC 7748, as a PrintableString.
    const fn name(self) -> &'static [u8] {
        match self {
            Self::X25519 => b"\x13\x0Acurve25519",
            #[cfg(feature = "curve448")]
            Self::X448 => b"\x13\x08curve448",
        }
    }

    /// The curve of a `CKA_EC_PARAMS`, by its number or its name (PKCS#11 3.2, Montgomery elliptic curve public key
    /// objects). `CKR_CURVE_NOT_SUPPORTED` for another curve, `CKR_DOMAIN_PARAMS_INVALID` for what is no curve.
    pub fn from_ec_params(params: &[u8]) -> Result<Self> {
        let is = |curve: &&Self| curve.ec_params() == params || curve.name() == params;
        Self::ALL.iter().find(is).copied().ok_or_else(|| not_supported(params))
    }

    /// The same by its number alone, as PKCS#8 names it.
    pub(super) fn from_oid(oid: &[u8]) -> Option<Self> {
        Self::ALL.iter().find(|curve| curve.ec_params() == oid).copied()
    }

    const fn family(self) -> Family {
        match self {
            Self::X25519 => Family::X25519,
            #[cfg(feature = "curve448")]
            Self::X448 => Family::Curve448,
        }
    }
}

/// A key made ready.
pub(super) struct Key {
    pub(super) curve: Montgomery,
    /// The public key, which private keys have too.
    pub(super) public: Vec<u8>,
    private: Option<Secret>,
}

/// Makes a key ready, public or private.
pub(super) fn prepare(key: &Material) -> Result<Context> {
    Ok(Arc::new(match key {
        Material::MontgomeryPublic { curve, key } => {
            self_test::ready(curve.family())?;
            Key { curve: *curve, public: key.clone(), private: None }
        }
        Material::MontgomeryPrivate { curve, key } => {
            self_test::ready(curve.family())?;
            let private = Some(Secret::from_slice(key.expose()));
            Key { curve: *curve, public: public_from_private(*curve, key)?, private }
        }
        _ => return Err(Error::KeyTypeInconsistent),
    }))
}

/// The prepared key of an operation; none where the key is of another form.
pub(super) fn key(context: &Context) -> Option<Arc<Key>> {
    prepared(context).ok()
}

impl Key {
    /// Whether it is a private key (`CKR_KEY_TYPE_INCONSISTENT`).
    pub(super) fn need_private(&self) -> Result<&Secret> {
        self.private.as_ref().ok_or(Error::KeyTypeInconsistent)
    }

    /// The secret shared with the other's public key, in the forms of [`import_public`].
    /// `CKR_PUBLIC_KEY_INVALID` where it has another length or is of small order.
    pub(super) fn agree(&self, peer: &[u8]) -> Result<Secret> {
        agree(self.curve, self.need_private()?, peer)
    }
}

/// A new private key and its public key.
pub(super) fn draw(curve: Montgomery) -> Result<(Secret, Vec<u8>)> {
    let mut private = Secret::zeroed(curve.len());
    random::fill(private.expose_mut())?;
    let public = public_from_private(curve, &private)?;
    Ok((private, public))
}

/// The public key of a private one.
pub fn public_from_private(curve: Montgomery, private: &Secret) -> Result<Vec<u8>> {
    let mut public = vec![0; curve.len()];
    match curve {
        Montgomery::X25519 => {
            x25519::public_from_private(fixed(private.expose())?, fixed_mut(&mut public)?);
        }
        #[cfg(feature = "curve448")]
        Montgomery::X448 => {
            *fixed_mut(&mut public)? = curve448::x_public_from_private(fixed(private.expose())?);
        }
    }
    Ok(public)
}

/// The secret that a private key shares with a public key, in the forms of [`import_public`].
pub(super) fn agree(curve: Montgomery, private: &Secret, peer: &[u8]) -> Result<Secret> {
    let peer = der::unwrapped(&[der::OCTET_STRING, der::BIT_STRING], peer, curve.len());
    let peer = peer.ok_or(Error::PublicKeyInvalid)?;
    let mut shared = Secret::zeroed(curve.len());
    match curve {
        Montgomery::X25519 => {
            let (private, peer) = (fixed(private.expose())?, fixed(peer)?);
            x25519::agree(private, peer, fixed_mut(shared.expose_mut())?)
                .map_err(|_| Error::PublicKeyInvalid)?;
        }
        #[cfg(feature = "curve448")]
        Montgomery::X448 => {
            let (private, peer) = (fixed(private.expose())?, fixed(peer)?);
            curve448::x_agree(private, peer, fixed_mut(shared.expose_mut())?)
                .ok_or(Error::PublicKeyInvalid)?;
        }
    }
    Ok(shared)
}

fn fixed<const LEN: usize>(bytes: &[u8]) -> Result<&[u8; LEN]> {
    bytes.try_into().map_err(|_| Error::KeySizeRange)
}

fn fixed_mut<const LEN: usize>(bytes: &mut [u8]) -> Result<&mut [u8; LEN]> {
    bytes.try_into().map_err(|_| Error::KeySizeRange)
}

/// A private key of a caller's `CKA_VALUE`: its bytes, or a DER OCTET STRING of them, as RFC 8410, 7 has it.
/// `CKR_ATTRIBUTE_VALUE_INVALID` for any other length; every value of the right one is a key.
pub fn import_private(curve: Montgomery, value: &[u8]) -> Result<Material> {
    let value = der::unwrapped(&[der::OCTET_STRING], value, curve.len());
    let key = Secret::from_slice(value.ok_or(Error::AttributeValueInvalid)?);
    Ok(Material::MontgomeryPrivate { curve, key })
}

/// A public key of a caller's `CKA_EC_POINT`: its bytes, or a DER OCTET STRING or BIT STRING of them.
/// `CKR_ATTRIBUTE_VALUE_INVALID` for another length, and for points of small order, with which nobody shares a secret.
pub fn import_public(curve: Montgomery, point: &[u8]) -> Result<Material> {
    let key = der::unwrapped(&[der::OCTET_STRING, der::BIT_STRING], point, curve.len());
    let key = key.ok_or(Error::AttributeValueInvalid)?.to_vec();
    // Any private key finds a point of small order out.
    let mut probe = Secret::zeroed(curve.len());
    probe.expose_mut().fill(0x55);
    agree(curve, &probe, &key).map_err(|_| Error::AttributeValueInvalid)?;
    Ok(Material::MontgomeryPublic { curve, key })
}

/// Makes a key pair, and tries it.
fn generate_pair(recipe: &Recipe) -> Result<Pair> {
    if recipe.key_type.is_some_and(|wanted| wanted != CKK_EC_MONTGOMERY) {
        return Err(Error::TemplateInconsistent);
    }
    let params = recipe.ec_params.as_deref().ok_or(Error::TemplateIncomplete)?;
    let curve = Montgomery::from_ec_params(params)?;
    self_test::ready(curve.family())?;
    let (private, public) = draw(curve)?;
    pairwise(curve, &private, &public)?;
    let public = Material::MontgomeryPublic { curve, key: public };
    Ok(Pair { public, private: Material::MontgomeryPrivate { curve, key: private } })
}

/// Pairwise consistency of a new key (SP 800-56A Rev. 3, 5.6.2.1.4; FIPS 140-3 IG 10.3.A): the private key gives the
/// public key once more, and both sides of an agreement with another pair have one secret. `CKR_DEVICE_ERROR` where
/// they do not, and there is no key.
fn pairwise(curve: Montgomery, private: &Secret, public: &[u8]) -> Result<()> {
    let (other, others_public) = draw(curve)?;
    let agree = |private: &Secret, peer: &[u8]| agree(curve, private, peer).map_err(|_| Error::DeviceError);
    let same = agree(private, &others_public)?.ct_eq(agree(&other, public)?.expose());
    if same && public_from_private(curve, private)? == public { Ok(()) } else { Err(Error::DeviceError) }
}

#[cfg(test)]
pub(in crate::crypto) mod tests {
    use super::*;
    use crate::crypto::tests::hex;

    /// RFC 7748, 6.1: both private keys, both public keys, and the secret.
    const ALICE: &str = "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a";
    const ALICE_PUBLIC: &str = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a";
    const BOB: &str = "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb";
    const BOB_PUBLIC: &str = "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f";
    const SHARED: &str = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742";

    const X25519: Montgomery = Montgomery::X25519;

    /// All points of small order in all encodings (RFC 7748, 7; as libsodium and BoringSSL list them).
    pub(in crate::crypto) const SMALL_ORDER: &[&str] = &[
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ];

    fn secret(digits: &str) -> Secret {
        Secret::from_slice(&hex(digits))
    }

    #[test]
    fn agreement_of_rfc_7748_is_known() {
        for (private, public, peer) in [(ALICE, ALICE_PUBLIC, BOB_PUBLIC), (BOB, BOB_PUBLIC, ALICE_PUBLIC)] {
            assert_eq!(public_from_private(X25519, &secret(private)).unwrap(), hex(public));
            assert!(agree(X25519, &secret(private), &hex(peer)).unwrap().ct_eq(&hex(SHARED)));
        }
    }

    /// RFC 7748, 5.2: the two vectors, the second with a bit that is to be ignored, and the first 1000 rounds.
    #[test]
    fn function_of_rfc_7748_is_known() {
        for (scalar, u, out) in [
            (
                "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
                "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
                "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
            ),
            (
                "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
                "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
                "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
            ),
        ] {
            assert!(agree(X25519, &secret(scalar), &hex(u)).unwrap().ct_eq(&hex(out)));
        }
        let mut k = hex("0900000000000000000000000000000000000000000000000000000000000000");
        let mut u = k.clone();
        for _ in 0..1000 {
            let next = agree(X25519, &Secret::from_slice(&k), &u).unwrap().expose().to_vec();
            u = std::mem::replace(&mut k, next);
        }
        assert_eq!(k, hex("684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51"));
    }

    #[test]
    fn points_of_small_order_are_refused() {
        for point in SMALL_ORDER {
            // The highest bit is not part of the number.
            for bit in [0, 0x80] {
                let mut point = hex(point);
                point[31] |= bit;
                assert_eq!(agree(X25519, &secret(ALICE), &point).err(), Some(Error::PublicKeyInvalid));
                assert_eq!(import_public(X25519, &point).err(), Some(Error::AttributeValueInvalid));
            }
        }
    }

    #[test]
    fn keys_are_taken_in_every_form_and_length_decides() {
        let public = hex(BOB_PUBLIC);
        let octets = der::element(der::OCTET_STRING, &[&public]);
        for form in [&public, &octets, &der::bit_string(&public)] {
            let Material::MontgomeryPublic { key, .. } = import_public(X25519, form).unwrap() else {
                panic!("no public key");
            };
            assert_eq!(key, public);
            assert!(agree(X25519, &secret(ALICE), form).unwrap().ct_eq(&hex(SHARED)));
        }
        // 32 bytes are a key, whatever they begin with.
        let looks_like_der = [&[4, 30][..], &[7; 30]].concat();
        assert!(import_public(X25519, &looks_like_der).is_ok());
        assert!(import_private(X25519, &looks_like_der).is_ok());
        assert!(import_private(X25519, &der::element(der::OCTET_STRING, &[&public])).is_ok());
        for wrong in [&[][..], &public[1..], &octets[1..], &[&octets[..], &[0]].concat(), &[9; 34]] {
            assert_eq!(import_public(X25519, wrong).err(), Some(Error::AttributeValueInvalid));
            assert_eq!(import_private(X25519, wrong).err(), Some(Error::AttributeValueInvalid));
            assert_eq!(agree(X25519, &secret(ALICE), wrong).err(), Some(Error::PublicKeyInvalid));
        }
    }

    #[test]
    fn generate_pair_reads_both_forms_of_the_curve() {
        for curve in Montgomery::ALL {
            for params in [curve.ec_params(), curve.name()] {
                let recipe = Recipe { ec_params: Some(params.to_vec()), ..Recipe::default() };
                let pair = generate_pair(&recipe).unwrap();
                let Material::MontgomeryPublic { key: public, .. } = &pair.public else {
                    panic!("no public")
                };
                let Material::MontgomeryPrivate { key, .. } = &pair.private else { panic!("no private") };
                assert_eq!(&public_from_private(*curve, key).unwrap(), public);
                assert!(import_public(*curve, public).is_ok());
            }
        }
        for (params, refusal) in [
            (None, Error::TemplateIncomplete),
            (Some(super::super::Curve::P256.ec_params().to_vec()), Error::CurveNotSupported),
            // Ed25519: RFC 8410 gives signatures and agreement numbers of their own.
            (Some(vec![0x06, 0x03, 0x2B, 0x65, 0x70]), Error::CurveNotSupported),
            (Some(b"\x13\x0Cedwards25519".to_vec()), Error::CurveNotSupported),
            (Some(vec![5, 0]), Error::DomainParamsInvalid),
        ] {
            let recipe = Recipe { ec_params: params, ..Recipe::default() };
            assert_eq!(generate_pair(&recipe).err(), Some(refusal));
        }
        let other = Recipe {
            key_type: Some(CKK_EC),
            ec_params: Some(X25519.ec_params().to_vec()),
            ..Recipe::default()
        };
        assert_eq!(generate_pair(&other).err(), Some(Error::TemplateInconsistent));
    }

    #[test]
    fn halves_that_do_not_belong_together_fail_the_pairwise_test() {
        for curve in Montgomery::ALL {
            let ((one, public), (_, other)) = (draw(*curve).unwrap(), draw(*curve).unwrap());
            assert_eq!(pairwise(*curve, &one, &public), Ok(()));
            assert_eq!(pairwise(*curve, &one, &other), Err(Error::DeviceError));
        }
    }
}
