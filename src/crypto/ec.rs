//! Keys on the NIST curves P-256, P-384 and P-521 (SP 800-186): making them, bringing them in, the forms
//! in which curves and points travel, and the prepared key that ECDSA and ECDH share.

use super::der;
use super::engine::ec::{EcKey, Group};
use super::mechanism::{Context, Ops, Recipe, Row, Sizes};
use super::self_test::{self, Family};
use super::start::prepared;
use super::{Curve, Material, Pair, random};
use crate::ck::params::Shape;
use crate::ck::{CK_FLAGS, Error, Result};
use crate::secret::Secret;
use cryptoki_sys::*;
use std::sync::Arc;

/// CKM_EC_KEY_PAIR_GEN. PKCS#11 3.2, Elliptic curve key pair generation.
pub static KEY_PAIR_GEN: Row = Row {
    ckm: CKM_EC_KEY_PAIR_GEN,
    key_types: &[CKK_EC],
    sizes: SIZES,
    shape: Shape::None,
    flags: FLAGS,
    prepare: None,
    ops: Ops { generate_pair: Some(generate_pair), ..Ops::NONE },
};

/// Sizes of all mechanisms on these curves.
pub(super) const SIZES: Sizes = Sizes::Bits(256, 521);

/// Prime fields; curves by OID and by name; points uncompressed, and compressed ones are taken in.
pub(super) const FLAGS: CK_FLAGS =
    CKF_EC_F_P | CKF_EC_NAMEDCURVE | CKF_EC_CURVENAME | CKF_EC_UNCOMPRESS | CKF_EC_COMPRESS;

/// How often a random scalar is drawn before the generator counts as broken. P-256 refuses one in 2^32.
const DRAWS: usize = 16;

/// A key made ready.
pub(super) struct Key {
    pub(super) curve: Curve,
    pub(super) key: EcKey,
    private: bool,
}

/// Makes a key ready, public or private.
pub(super) fn prepare(key: &Material) -> Result<Context> {
    self_test::ready(Family::Ec)?;
    let key = match key {
        Material::EcPublic { curve, point } => {
            Key { curve: *curve, key: EcKey::public(curve.group(), point)?, private: false }
        }
        Material::EcPrivate { curve, scalar } => {
            Key { curve: *curve, key: EcKey::private(curve.group(), scalar.expose())?, private: true }
        }
        _ => return Err(Error::KeyTypeInconsistent),
    };
    Ok(Arc::new(key))
}

/// The prepared key of an operation that needs the private half.
pub(super) fn private(context: &Context) -> Result<Arc<Key>> {
    let key: Arc<Key> = prepared(context)?;
    if key.private { Ok(key) } else { Err(Error::KeyTypeInconsistent) }
}

/// The prepared key of an operation that needs the public half, which private keys have too.
pub(super) fn public(context: &Context) -> Result<Arc<Key>> {
    prepared(context)
}

impl Curve {
    pub(super) const fn group(self) -> Group {
        match self {
            Self::P256 => Group::P256,
            Self::P384 => Group::P384,
            Self::P521 => Group::P521,
        }
    }

    /// `CKA_EC_PARAMS`: the OBJECT IDENTIFIER of the curve, in DER (RFC 5480, 2.1.1.1).
    pub const fn ec_params(self) -> &'static [u8] {
        match self {
            // 1.2.840.10045.3.1.7
            Self::P256 => &[0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07],
            // 1.3.132.0.34
            Self::P384 => &[0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x22],
            // 1.3.132.0.35
            Self::P521 => &[0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x23],
        }
    }

    const fn names(self) -> &'static [&'static str] {
        match self {
            Self::P256 => &["secp256r1", "prime256v1", "P-256"],
            Self::P384 => &["secp384r1", "P-384"],
            Self::P521 => &["secp521r1", "P-521"],
        }
    }

    /// The curve of a `CKA_EC_PARAMS`: an OBJECT IDENTIFIER, or a PrintableString with one of the curve's
    /// names (PKCS#11 3.2, `Parameters`). `CKR_CURVE_NOT_SUPPORTED` for other curves,
    /// `CKR_DOMAIN_PARAMS_INVALID` for anything else, explicit parameters too.
    pub fn from_ec_params(params: &[u8]) -> Result<Self> {
        if let Some(curve) = Self::ALL.into_iter().find(|curve| curve.ec_params() == params) {
            return Ok(curve);
        }
        if let Ok(name) = der::content(der::PRINTABLE_STRING, params) {
            let named = |curve: &Self| curve.names().iter().any(|known| known.as_bytes() == name);
            return Self::ALL.into_iter().find(named).ok_or(Error::CurveNotSupported);
        }
        der::content(der::OBJECT_IDENTIFIER, params).map_err(|_| Error::DomainParamsInvalid)?;
        Err(Error::CurveNotSupported)
    }
}

/// The point that `bytes` are: uncompressed or compressed (SEC 1, 2.3.4), or either in a DER OCTET
/// STRING. Answers it uncompressed. `CKR_ATTRIBUTE_VALUE_INVALID` where it is not on the curve.
pub fn decode_point(curve: Curve, bytes: &[u8]) -> Result<Vec<u8>> {
    // 0x04 begins an uncompressed point and a DER OCTET STRING; the length tells them apart.
    let is_point = bytes.len() == curve.group().point_len() || bytes.len() == 1 + curve.len();
    let point = if is_point { bytes } else { der::content(der::OCTET_STRING, bytes)? };
    if !matches!(point.first(), Some(2..=4)) {
        return Err(Error::AttributeValueInvalid);
    }
    let key = EcKey::public(curve.group(), point).map_err(|_| Error::AttributeValueInvalid)?;
    point_of(curve, &key)
}

/// The public point of a private scalar, uncompressed. `CKR_ATTRIBUTE_VALUE_INVALID` outside [1, n - 1].
pub fn public_from_private(curve: Curve, scalar: &Secret) -> Result<Vec<u8>> {
    let key = EcKey::private(curve.group(), scalar.expose()).map_err(|_| Error::AttributeValueInvalid)?;
    point_of(curve, &key)
}

pub(super) fn point_of(curve: Curve, key: &EcKey) -> Result<Vec<u8>> {
    let mut point = vec![0; curve.group().point_len()];
    key.write_public(&mut point)?;
    Ok(point)
}

/// A private key of a caller's `CKA_VALUE`, big-endian. `CKR_ATTRIBUTE_VALUE_INVALID` outside [1, n - 1].
pub fn import_private(curve: Curve, value: &[u8]) -> Result<Material> {
    // Some write leading zeros, some leave them out.
    let extra = value.len().saturating_sub(curve.len());
    let (leading, value) = value.split_at_checked(extra).ok_or(Error::AttributeValueInvalid)?;
    if leading.iter().any(|byte| *byte != 0) {
        return Err(Error::AttributeValueInvalid);
    }
    let mut scalar = Secret::zeroed(curve.len());
    let missing = curve.len() - value.len();
    let room = scalar.expose_mut().get_mut(missing..).ok_or(Error::AttributeValueInvalid)?;
    room.copy_from_slice(value);
    public_from_private(curve, &scalar)?;
    Ok(Material::EcPrivate { curve, scalar })
}

/// A public key of a caller's `CKA_EC_POINT`, in any of the forms of [`decode_point`].
pub fn import_public(curve: Curve, point: &[u8]) -> Result<Material> {
    Ok(Material::EcPublic { curve, point: decode_point(curve, point)? })
}

/// Makes a key pair (FIPS 186-5, A.2.2), and tries it.
fn generate_pair(recipe: &Recipe) -> Result<Pair> {
    self_test::ready(Family::Ec)?;
    if recipe.key_type.is_some_and(|wanted| wanted != CKK_EC) {
        return Err(Error::TemplateInconsistent);
    }
    let curve = Curve::from_ec_params(recipe.ec_params.as_deref().ok_or(Error::TemplateIncomplete)?)?;
    let (scalar, key) = draw(curve)?;
    pairwise(curve, &key)?;
    let public = Material::EcPublic { curve, point: point_of(curve, &key)? };
    Ok(Pair { public, private: Material::EcPrivate { curve, scalar } })
}

/// A random scalar in [1, n - 1]: drawn again where it is outside, so that no value is likelier.
pub(super) fn draw(curve: Curve) -> Result<(Secret, EcKey)> {
    let spare = u32::try_from(curve.len() * 8).unwrap_or(u32::MAX).saturating_sub(curve.bits());
    for _ in 0..DRAWS {
        let mut scalar = Secret::zeroed(curve.len());
        random::fill(scalar.expose_mut())?;
        if let Some(first) = scalar.expose_mut().first_mut() {
            *first &= 0xFF_u8.checked_shr(spare).unwrap_or(0);
        }
        if let Ok(key) = EcKey::private(curve.group(), scalar.expose()) {
            return Ok((scalar, key));
        }
    }
    Err(Error::DeviceError)
}

/// Pairwise consistency of a new key: the point was checked against the scalar when the key was made, and
/// what the key signs, it verifies (FIPS 140-3 IG 10.3.A).
fn pairwise(curve: Curve, key: &EcKey) -> Result<()> {
    let digest = [0x5A; 32];
    let mut signature = vec![0; 2 * curve.len()];
    key.sign(&digest, &mut signature)?;
    Ok(key.verify(&digest, &signature)?)
}

#[cfg(test)]
pub(in crate::crypto) mod tests {
    use super::*;
    use crate::crypto::tests::hex;

    /// RFC 6979, A.2.5, A.2.6 and A.2.7: a private key and its public point for each curve.
    pub(in crate::crypto) const RFC_6979: &[(Curve, &str, &str)] = &[
        (
            Curve::P256,
            "C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721",
            "0460FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB67903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299",
        ),
        (
            Curve::P384,
            "6B9D3DAD2E1B8C1C05B19875B6659F4DE23C3B667BF297BA9AA47740787137D896D5724E4C70A825F872C9EA60D2EDF5",
            "04EC3A4E415B4E19A4568618029F427FA5DA9A8BC4AE92E02E06AAE5286B300C64DEF8F0EA9055866064A254515480BC138015D9B72D7D57244EA8EF9AC0C621896708A59367F9DFB9F54CA84B3F1C9DB1288B231C3AE0D4FE7344FD2533264720",
        ),
        (
            Curve::P521,
            "00FAD06DAA62BA3B25D2FB40133DA757205DE67F5BB0018FEE8C86E1B68C7E75CAA896EB32F1F47C70855836A6D16FCC1466F6D8FBEC67DB89EC0C08B0E996B83538",
            "0401894550D0785932E00EAA23B694F213F8C3121F86DC97A04E5A7167DB4E5BCD371123D46E45DB6B5D5370A7F20FB633155D38FFA16D2BD761DCAC474B9A2F5023A400493101C962CD4D2FDDF782285E64584139C2F91B47F87FF82354D6630F746A28A0DB25741B5B34A828008B22ACC23F924FAAFBD4D33F81EA66956DFEAA2BFDFCF5",
        ),
    ];

    fn recipe(params: &[u8]) -> Recipe {
        Recipe { ec_params: Some(params.to_vec()), ..Recipe::default() }
    }

    #[test]
    fn public_from_private_of_rfc_6979_is_known() {
        for (curve, scalar, point) in RFC_6979 {
            let scalar = Secret::from_slice(&hex(scalar));
            assert_eq!(public_from_private(*curve, &scalar).unwrap(), hex(point), "{curve:?}");
        }
    }

    #[test]
    fn ec_params_are_read_in_both_forms() {
        for curve in Curve::ALL {
            assert_eq!(Curve::from_ec_params(curve.ec_params()), Ok(curve));
            for name in curve.names() {
                let params = der::element(der::PRINTABLE_STRING, &[name.as_bytes()]);
                assert_eq!(Curve::from_ec_params(&params), Ok(curve));
            }
        }
        // secp256k1, 1.3.132.0.10; a name; explicit parameters; nothing.
        for (params, refusal) in [
            (&[6, 5, 0x2B, 0x81, 4, 0, 10][..], Error::CurveNotSupported),
            (&[0x13, 4, b'P', b'-', b'2', b'5'], Error::CurveNotSupported),
            (&[0x30, 0], Error::DomainParamsInvalid),
            (&[], Error::DomainParamsInvalid),
        ] {
            assert_eq!(Curve::from_ec_params(params), Err(refusal));
        }
    }

    #[test]
    fn decode_point_takes_every_form() {
        for (curve, _, point) in RFC_6979 {
            let point = hex(point);
            let parity = 2 + (point[point.len() - 1] & 1);
            let compressed = [&[parity], &point[1..=curve.len()]].concat();
            for form in [&point, &compressed] {
                assert_eq!(decode_point(*curve, form).unwrap(), point);
                let wrapped = der::element(der::OCTET_STRING, &[form]);
                assert_eq!(decode_point(*curve, &wrapped).unwrap(), point);
            }
        }
    }

    #[test]
    fn decode_point_off_the_curve_is_refused() {
        for (curve, _, point) in RFC_6979 {
            let mut wrong = hex(point);
            wrong[curve.len()] ^= 1;
            let hybrid = [&[6], &hex(point)[1..]].concat();
            for bytes in [&wrong[..], &wrong[1..], &hybrid, &[0], &[], &[4, 1, 0], &vec![0xFF; wrong.len()]] {
                assert_eq!(decode_point(*curve, bytes), Err(Error::AttributeValueInvalid));
            }
        }
    }

    #[test]
    fn import_private_checks_the_range() {
        // The order of P-256 (SP 800-186, 3.2.1.3).
        let order = hex("FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551");
        let mut largest = order.clone();
        largest[31] -= 1;
        for value in [&[1][..], &[0, 1], &largest, &[&[0, 0], &largest[..]].concat()] {
            assert!(import_private(Curve::P256, value).is_ok());
        }
        for value in [&[][..], &[0; 32], &order, &[0xFF; 32], &[1; 33]] {
            let refused = import_private(Curve::P256, value).err();
            assert_eq!(refused, Some(Error::AttributeValueInvalid), "{value:?}");
        }
    }

    #[test]
    fn generate_pair_makes_halves_that_belong_together() {
        for curve in Curve::ALL {
            let pair = generate_pair(&recipe(curve.ec_params())).unwrap();
            let Material::EcPrivate { scalar, .. } = &pair.private else { panic!("no private key") };
            let Material::EcPublic { point, .. } = &pair.public else { panic!("no public key") };
            assert_eq!(&public_from_private(curve, scalar).unwrap(), point);
            assert_eq!(&decode_point(curve, point).unwrap(), point);
        }
    }

    #[test]
    fn generate_pair_of_a_wrong_template_is_refused() {
        assert_eq!(generate_pair(&Recipe::default()).err(), Some(Error::TemplateIncomplete));
        assert_eq!(generate_pair(&recipe(&[5, 0])).err(), Some(Error::DomainParamsInvalid));
        let other = Recipe { key_type: Some(CKK_RSA), ..recipe(Curve::P256.ec_params()) };
        assert_eq!(generate_pair(&other).err(), Some(Error::TemplateInconsistent));
    }
}
