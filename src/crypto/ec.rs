//! Keys on curves of the short Weierstrass form (SP 800-186, SEC 2, RFC 5639): making them, bringing them in, the
//! forms in which points travel, and the prepared key that ECDSA and ECDH share.

use super::der;
use super::engine::ec::EcKey;
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

/// Sizes of the mechanisms that need a private key.
pub(super) const SIZES: Sizes = Sizes::Bits(256, 521);

/// Prime fields; curves by OID and by name; points uncompressed, and compressed ones are taken in.
pub(super) const FLAGS: CK_FLAGS =
    CKF_EC_F_P | CKF_EC_NAMEDCURVE | CKF_EC_CURVENAME | CKF_EC_UNCOMPRESS | CKF_EC_COMPRESS;

/// How often a random scalar is drawn before the generator counts as broken. P-256 refuses one in 2^32,
/// brainpoolP384r1 nearly every second: all of these with a probability of less than 2^-140.
const DRAWS: usize = 128;

/// A key made ready.
pub(super) struct Key {
    pub(super) curve: Curve,
    pub(super) key: EcKey,
    private: bool,
}

/// Makes a key ready, public or private.
pub(super) fn prepare(key: &Material) -> Result<Context> {
    let key = match key {
        Material::EcPublic { curve, point } => {
            ready(*curve)?;
            Key { curve: *curve, key: EcKey::public(curve.group(), point)?, private: false }
        }
        Material::EcPrivate { curve, scalar } => {
            ready(*curve)?;
            Key { curve: *curve, key: EcKey::private(curve.group(), scalar.expose())?, private: true }
        }
        _ => return Err(Error::KeyTypeInconsistent),
    };
    Ok(Arc::new(key))
}

/// Whether the arithmetic of the curve may be used. Those of NIST have code of their own.
fn ready(curve: Curve) -> Result<()> {
    self_test::ready(match curve {
        Curve::P256 | Curve::P384 | Curve::P521 => Family::Ec,
        _ => Family::EcGeneric,
    })
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

/// The public point of a private scalar, uncompressed. `CKR_ATTRIBUTE_VALUE_INVALID` outside [1, n - 1],
/// `CKR_CURVE_NOT_SUPPORTED` on a curve that is for verification only.
pub fn public_from_private(curve: Curve, scalar: &Secret) -> Result<Vec<u8>> {
    private_allowed(curve)?;
    let key = EcKey::private(curve.group(), scalar.expose()).map_err(|_| Error::AttributeValueInvalid)?;
    point_of(curve, &key)
}

pub(super) fn point_of(curve: Curve, key: &EcKey) -> Result<Vec<u8>> {
    let mut point = vec![0; curve.group().point_len()];
    key.write_public(&mut point)?;
    Ok(point)
}

const fn private_allowed(curve: Curve) -> Result<()> {
    if curve.has_private_keys() { Ok(()) } else { Err(Error::CurveNotSupported) }
}

/// A private key of a caller's `CKA_VALUE`, big-endian. The errors are those of [`public_from_private`].
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
    generate_pair_by(recipe, |curve| draw(curve).map(|(scalar, _)| scalar))
}

/// Makes a key pair of the scalar that `draw` gives for the curve, and tries it.
pub(super) fn generate_pair_by(recipe: &Recipe, draw: impl FnOnce(Curve) -> Result<Secret>) -> Result<Pair> {
    if recipe.key_type.is_some_and(|wanted| wanted != CKK_EC) {
        return Err(Error::TemplateInconsistent);
    }
    let curve = Curve::from_ec_params(recipe.ec_params.as_deref().ok_or(Error::TemplateIncomplete)?)?;
    private_allowed(curve)?;
    ready(curve)?;
    let scalar = draw(curve)?;
    let key = EcKey::private(curve.group(), scalar.expose())?;
    let point = point_of(curve, &key)?;
    pairwise(curve, &key, &EcKey::public(curve.group(), &point)?)?;
    let public = Material::EcPublic { curve, point };
    Ok(Pair { public, private: Material::EcPrivate { curve, scalar } })
}

/// A random scalar in [1, n - 1]: drawn again where it is outside, so that no value is likelier.
pub(super) fn draw(curve: Curve) -> Result<(Secret, EcKey)> {
    draw_from(curve, random::fill)
}

fn draw_from(curve: Curve, mut fill: impl FnMut(&mut [u8]) -> Result<()>) -> Result<(Secret, EcKey)> {
    let spare = u32::try_from(curve.len() * 8).unwrap_or(u32::MAX).saturating_sub(curve.bits());
    for _ in 0..DRAWS {
        let mut scalar = Secret::zeroed(curve.len());
        fill(scalar.expose_mut())?;
        if let Some(first) = scalar.expose_mut().first_mut() {
            *first &= 0xFF_u8.checked_shr(spare).unwrap_or(0);
        }
        if let Ok(key) = EcKey::private(curve.group(), scalar.expose()) {
            return Ok((scalar, key));
        }
    }
    Err(Error::DeviceError)
}

/// Pairwise consistency of a new key: what the private half signs, the public half verifies (FIPS 140-3
/// IG 10.3.A; SP 800-56A Rev. 3, 5.6.2.1.4). `CKR_DEVICE_ERROR` where it does not, and there is no key.
fn pairwise(curve: Curve, private: &EcKey, public: &EcKey) -> Result<()> {
    let digest = [0x5A; 32];
    let mut signature = vec![0; 2 * curve.len()];
    private.sign(&digest, &mut signature)?;
    Ok(public.verify(&digest, &signature)?)
}

#[cfg(test)]
pub(in crate::crypto) mod tests {
    use super::*;
    use crate::crypto::tests::hex;

    /// A private key and its public point for each curve: RFC 6979, A.2.5 to A.2.7, RFC 7027, A.1 to A.3, and
    /// the generator (SEC 2, 2.4.1).
    const KNOWN_KEYS: &[(Curve, &str, &str)] = &[
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
        (
            Curve::Secp256k1,
            "0000000000000000000000000000000000000000000000000000000000000001",
            "0479BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8",
        ),
        (
            Curve::BrainpoolP256r1,
            "81DB1EE100150FF2EA338D708271BE38300CB54241D79950F77B063039804F1D",
            "0444106E913F92BC02A1705D9953A8414DB95E1AAA49E81D9E85F929A8E3100BE58AB4846F11CACCB73CE49CBDD120F5A900A69FD32C272223F789EF10EB089BDC",
        ),
        (
            Curve::BrainpoolP384r1,
            "1E20F5E048A5886F1F157C74E91BDE2B98C8B52D58E5003D57053FC4B0BD65D6F15EB5D1EE1610DF870795143627D042",
            "0468B665DD91C195800650CDD363C625F4E742E8134667B767B1B476793588F885AB698C852D4A6E77A252D6380FCAF06855BC91A39C9EC01DEE36017B7D673A931236D2F1F5C83942D049E3FA20607493E0D038FF2FD30C2AB67D15C85F7FAA59",
        ),
        (
            Curve::BrainpoolP512r1,
            "16302FF0DBBB5A8D733DAB7141C1B45ACBC8715939677F6A56850A38BD87BD59B09E80279609FF333EB9D4C061231FB26F92EEB04982A5F1D1764CAD57665422",
            "040A420517E406AAC0ACDCE90FCD71487718D3B953EFD7FBEC5F7F27E28C6149999397E91E029E06457DB2D3E640668B392C2A7E737A7F0BF04436D11640FD09FD72E6882E8DB28AAD36237CD25D580DB23783961C8DC52DFA2EC138AD472A0FCEF3887CF62B623B2A87DE5C588301EA3E5FC269B373B60724F5E82A6AD147FDE7",
        ),
    ];

    /// RFC 6979, A.2.4.
    pub(in crate::crypto) const P224_PUBLIC: &str = "0400CF08DA5AD719E42707FA431292DEA11244D64FC51610D94B130D6CEEAB6F3DEBE455E3DBF85416F7030CBD94F34F2D6F232C69F3C1385A";
    const P224_SCALAR: &str = "F220266E1105BFE3083E03EC7A3A654651F45E37167E88600BF257C1";

    /// The order of P-256 (SP 800-186, 3.2.1.3).
    const ORDER: &str = "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551";

    /// Those on curves that the engine has.
    pub(in crate::crypto) fn known_keys() -> impl Iterator<Item = &'static (Curve, &'static str, &'static str)>
    {
        KNOWN_KEYS.iter().filter(|known| known.0.is_supported())
    }

    /// Every curve that private keys may lie on.
    pub(in crate::crypto) fn curves() -> impl Iterator<Item = Curve> {
        Curve::ALL.into_iter().filter(|curve| curve.has_private_keys() && curve.is_supported())
    }

    fn recipe(params: &[u8]) -> Recipe {
        Recipe { ec_params: Some(params.to_vec()), ..Recipe::default() }
    }

    #[test]
    fn public_from_private_of_a_known_key_is_known() {
        for (curve, scalar, point) in known_keys() {
            let scalar = Secret::from_slice(&hex(scalar));
            assert_eq!(public_from_private(*curve, &scalar).unwrap(), hex(point), "{curve:?}");
        }
    }

    #[test]
    fn decode_point_takes_every_form() {
        for (curve, _, point) in known_keys() {
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
        for (curve, _, point) in known_keys() {
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
        let order = hex(ORDER);
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
        for curve in curves() {
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

    #[test]
    fn a_curve_for_verification_has_no_private_keys() {
        let p224 = Curve::P224;
        assert!(matches!(import_public(p224, &hex(P224_PUBLIC)), Ok(Material::EcPublic { .. })));
        let scalar = hex(P224_SCALAR);
        assert_eq!(import_private(p224, &scalar).err(), Some(Error::CurveNotSupported));
        let public = public_from_private(p224, &Secret::from_slice(&scalar));
        assert_eq!(public.err(), Some(Error::CurveNotSupported));
        assert_eq!(generate_pair(&recipe(p224.ec_params())).err(), Some(Error::CurveNotSupported));
        assert_eq!(curves().count(), known_keys().count());
    }

    /// Draws from these bytes, one after the other, and answers the scalar and how many draws it took.
    fn drawn(curve: Curve, values: &[Vec<u8>]) -> (Result<Vec<u8>>, usize) {
        let mut draws = 0;
        let scalar = draw_from(curve, |out| {
            out.copy_from_slice(&values[draws.min(values.len() - 1)]);
            draws += 1;
            Ok(())
        });
        (scalar.map(|(scalar, _)| scalar.expose().to_vec()), draws)
    }

    #[test]
    fn draw_rejects_what_is_outside_and_changes_nothing_inside() {
        let order = hex(ORDER);
        let mut largest = order.clone();
        largest[31] -= 1;
        let outside = [order, vec![0; 32], vec![0xFF; 32]];
        let (scalar, draws) = drawn(Curve::P256, &[&outside[..], std::slice::from_ref(&largest)].concat());
        assert_eq!((scalar, draws), (Ok(largest), 4));
        let one = [vec![0; 31], vec![1]].concat();
        assert_eq!(drawn(Curve::P256, std::slice::from_ref(&one)), (Ok(one), 1));
    }

    #[test]
    fn draw_takes_the_bits_of_the_order_and_no_more() {
        // 521 bits: of the first byte one counts.
        let mut value = vec![0x5A; 66];
        value[0] = 0xFE;
        let (scalar, draws) = drawn(Curve::P521, std::slice::from_ref(&value));
        value[0] = 0;
        assert_eq!((scalar, draws), (Ok(value), 1));
        let (scalar, draws) = drawn(Curve::P521, &[vec![0xFF; 66], vec![1; 66]]);
        assert_eq!((scalar, draws), (Ok(vec![1; 66]), 2));
    }

    #[test]
    fn draw_gives_up_on_a_broken_generator() {
        for curve in curves() {
            let (scalar, draws) = drawn(curve, &[vec![0; curve.len()]]);
            assert_eq!((scalar, draws), (Err(Error::DeviceError), DRAWS));
        }
        let refused = draw_from(Curve::P256, |_| Err(Error::RandomNoRng));
        assert_eq!(refused.err(), Some(Error::RandomNoRng));
    }

    /// The highest byte of many scalars on the curve that rejects most: as often in each quarter of its range.
    #[test]
    fn draw_favours_no_value() {
        // n begins with 8C B9 1E 82 (RFC 5639, 3.6).
        const HIGHEST: usize = 0x8C;
        let mut quarters = [0_usize; 4];
        for _ in 0..400 {
            let (scalar, _) = draw(Curve::BrainpoolP384r1).unwrap();
            quarters[usize::from(scalar.expose()[0]) * 4 / (HIGHEST + 1)] += 1;
        }
        // 100 each; eight standard deviations of 8.7.
        assert!(quarters.iter().all(|count| (31..=169).contains(count)), "{quarters:?}");
    }

    #[test]
    fn halves_that_do_not_belong_together_fail_the_pairwise_test() {
        for curve in curves() {
            let ((_, one), (_, other)) = (draw(curve).unwrap(), draw(curve).unwrap());
            assert_eq!(pairwise(curve, &one, &one), Ok(()));
            assert_eq!(pairwise(curve, &one, &other), Err(Error::DeviceError));
        }
    }
}
