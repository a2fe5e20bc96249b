//! Deterministic ECDSA (FIPS 186-5, 6.3.2; RFC 6979): the nonce follows from the key and the digest, so that one message
//! has one signature and no random number can give a key away.
//!
//! PKCS#11 has no name for it; the mechanisms are keyward's own. The signatures are RustCrypto's, because AWS-LC takes
//! no nonce; each is verified by the engine before it is given out, because a fault in one of two equal signatures gives
//! the key away (Poddebniak and others 2018).

use super::collected::Collected;
use super::digest::{Hash, Prehash};
use super::ec::{self, Key};
use super::mechanism::{Context, Ops, Row, Signing, Sizes, StartSigning, StartVerifying, Verifying};
use super::self_test::{self, Family};
use super::start::{first, no_params, prepared};
use super::{Curve, Material, ecdsa};
use crate::ck::params::Shape;
use crate::ck::vendor::*;
use crate::ck::{CK_MECHANISM_TYPE, Error, Params, Result};
use crate::secret::Secret;
use ::ecdsa::EcdsaCurve;
use ::ecdsa::elliptic_curve::{CurveArithmetic, NonZeroScalar};
use ::ecdsa::hazmat::sign_prehashed_rfc6979;
use cryptoki_sys::*;
use k256::Secp256k1;
use p256::NistP256;
use p384::NistP384;
use p521::NistP521;
use sha2::digest::Digest;
use sha2::digest::block_api::BlockSizeUser;
use sha2::{Sha224, Sha256, Sha384, Sha512};
use std::sync::Arc;
use zeroize::Zeroizing;

/// CKM_KEYWARD_ECDSA_DETERMINISTIC: signs a digest of SHA-2 that the caller took; its length tells which.
pub static DETERMINISTIC: Row = row(CKM_KEYWARD_ECDSA_DETERMINISTIC, sign_raw, verify_raw);
/// CKM_KEYWARD_ECDSA_DETERMINISTIC_SHA224.
pub static DETERMINISTIC_SHA224: Row = row(
    CKM_KEYWARD_ECDSA_DETERMINISTIC_SHA224,
    |context, params| sign(Hash::Sha224, context, params),
    |context, params| verify(Hash::Sha224, context, params),
);
/// CKM_KEYWARD_ECDSA_DETERMINISTIC_SHA256.
pub static DETERMINISTIC_SHA256: Row = row(
    CKM_KEYWARD_ECDSA_DETERMINISTIC_SHA256,
    |context, params| sign(Hash::Sha256, context, params),
    |context, params| verify(Hash::Sha256, context, params),
);
/// CKM_KEYWARD_ECDSA_DETERMINISTIC_SHA384.
pub static DETERMINISTIC_SHA384: Row = row(
    CKM_KEYWARD_ECDSA_DETERMINISTIC_SHA384,
    |context, params| sign(Hash::Sha384, context, params),
    |context, params| verify(Hash::Sha384, context, params),
);
/// CKM_KEYWARD_ECDSA_DETERMINISTIC_SHA512.
pub static DETERMINISTIC_SHA512: Row = row(
    CKM_KEYWARD_ECDSA_DETERMINISTIC_SHA512,
    |context, params| sign(Hash::Sha512, context, params),
    |context, params| verify(Hash::Sha512, context, params),
);

const fn row(ckm: CK_MECHANISM_TYPE, sign: StartSigning, verify: StartVerifying) -> Row {
    Row {
        ckm,
        key_types: &[CKK_EC],
        sizes: Sizes::Bits(256, 521),
        shape: Shape::None,
        flags: ec::FLAGS,
        prepare: Some(prepare),
        ops: Ops { sign: Some(sign), verify: Some(verify), ..Ops::NONE },
    }
}

/// A key made ready: the engine's, which verifies, and the scalar of a private one.
struct Signer {
    key: Arc<Key>,
    scalar: Option<Secret>,
}

fn prepare(key: &Material) -> Result<Context> {
    self_test::ready(Family::DeterministicEcdsa)?;
    let (curve, scalar) = match key {
        Material::EcPrivate { curve, scalar } => (curve, Some(Secret::from_slice(scalar.expose()))),
        Material::EcPublic { curve, .. } => (curve, None),
        _ => return Err(Error::KeyTypeInconsistent),
    };
    // Brainpool's curves have no such library.
    if !matches!(curve, Curve::P256 | Curve::P384 | Curve::P521 | Curve::Secp256k1) {
        return Err(Error::KeyTypeInconsistent);
    }
    let key = ec::public(&ec::prepare(key)?)?;
    Ok(Arc::new(Signer { key, scalar }))
}

/// The hash function of a digest of this length. It is the one inside of the nonce too (RFC 6979, 3.2).
const fn hash_of(digest: &[u8]) -> Result<Hash> {
    match digest.len() {
        28 => Ok(Hash::Sha224),
        32 => Ok(Hash::Sha256),
        48 => Ok(Hash::Sha384),
        64 => Ok(Hash::Sha512),
        _ => Err(Error::DataLenRange),
    }
}

/// The signature of a digest: r and s, each as long as the order of the curve, over the whole of `out`. On secp256k1
/// s is the smaller of the two numbers that would do, as those who use that curve ask for.
pub(super) fn signature(curve: Curve, scalar: &Secret, digest: &[u8], out: &mut [u8]) -> Result<()> {
    let hash = hash_of(digest)?;
    match curve {
        Curve::P256 => of_curve::<NistP256>(hash, scalar, digest, out),
        Curve::P384 => of_curve::<NistP384>(hash, scalar, digest, out),
        Curve::P521 => of_curve::<NistP521>(hash, scalar, digest, out),
        Curve::Secp256k1 => of_curve::<Secp256k1>(hash, scalar, digest, out),
        _ => Err(Error::KeyTypeInconsistent),
    }
}

fn of_curve<C: EcdsaCurve + CurveArithmetic>(
    hash: Hash,
    scalar: &Secret,
    digest: &[u8],
    out: &mut [u8],
) -> Result<()> {
    match hash {
        Hash::Sha224 => of_hash::<C, Sha224>(scalar, digest, out),
        Hash::Sha256 => of_hash::<C, Sha256>(scalar, digest, out),
        Hash::Sha384 => of_hash::<C, Sha384>(scalar, digest, out),
        Hash::Sha512 => of_hash::<C, Sha512>(scalar, digest, out),
        _ => Err(Error::GeneralError),
    }
}

fn of_hash<C, D>(scalar: &Secret, digest: &[u8], out: &mut [u8]) -> Result<()>
where
    C: EcdsaCurve + CurveArithmetic,
    D: Digest + BlockSizeUser,
{
    let scalar = NonZeroScalar::<C>::try_from(scalar.expose()).map_err(|_| Error::DeviceError)?;
    let scalar = Zeroizing::new(scalar);
    let (signature, _) = sign_prehashed_rfc6979::<C, D>(&scalar, digest, &[]);
    let (r, s) = signature.split_bytes();
    let (r_out, s_out) = out.split_at_mut_checked(r.len()).ok_or(Error::GeneralError)?;
    if s_out.len() != s.len() {
        return Err(Error::GeneralError);
    }
    r_out.copy_from_slice(&r);
    s_out.copy_from_slice(&s);
    Ok(())
}

impl Signer {
    fn len(&self) -> usize {
        2 * self.key.curve.len()
    }

    fn sign(&self, digest: &[u8], out: &mut [u8]) -> Result<usize> {
        let scalar = self.scalar.as_ref().ok_or(Error::KeyTypeInconsistent)?;
        let mut made = Zeroizing::new(vec![0; self.len()]);
        signature(self.key.curve, scalar, digest, &mut made)?;
        // What does not verify stays here.
        self.key.key.verify(digest, &made)?;
        first(out, self.len())?.copy_from_slice(&made);
        Ok(self.len())
    }
}

/// A signature over a digest that is taken here.
struct Hashed {
    signer: Arc<Signer>,
    message: Prehash,
}

/// A signature over the caller's digest.
struct Raw {
    signer: Arc<Signer>,
    digest: Collected,
}

fn signer(context: &Context, params: &Params) -> Result<Arc<Signer>> {
    no_params(params)?;
    let signer: Arc<Signer> = prepared(context)?;
    if signer.scalar.is_some() { Ok(signer) } else { Err(Error::KeyTypeInconsistent) }
}

fn sign(hash: Hash, context: &Context, params: &Params) -> Result<Box<dyn Signing>> {
    self_test::ready(Family::Digest)?;
    Ok(Box::new(Hashed { signer: signer(context, params)?, message: Prehash::new(hash) }))
}

fn sign_raw(context: &Context, params: &Params) -> Result<Box<dyn Signing>> {
    let digest = Collected::new(Hash::Sha512.len(), Error::DataLenRange);
    Ok(Box::new(Raw { signer: signer(context, params)?, digest }))
}

/// A deterministic signature is verified like any other.
fn verify(hash: Hash, context: &Context, params: &Params) -> Result<Box<dyn Verifying>> {
    let signer: Arc<Signer> = prepared(context)?;
    ecdsa::verify_with(&signer.key, Some(hash), params)
}

fn verify_raw(context: &Context, params: &Params) -> Result<Box<dyn Verifying>> {
    let signer: Arc<Signer> = prepared(context)?;
    ecdsa::verify_with(&signer.key, None, params)
}

impl Signing for Hashed {
    fn len(&self) -> usize {
        self.signer.len()
    }

    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.message.update(data)
    }

    fn finish(&mut self, out: &mut [u8]) -> Result<usize> {
        self.signer.sign(self.message.finish()?, out)
    }

    fn sign(&mut self, data: &[u8], out: &mut [u8]) -> Result<usize> {
        self.signer.sign(self.message.of(data)?, out)
    }
}

impl Signing for Raw {
    fn len(&self) -> usize {
        self.signer.len()
    }

    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.digest.push(data)
    }

    fn finish(&mut self, out: &mut [u8]) -> Result<usize> {
        let digest = self.digest.take();
        self.signer.sign(&digest, out)
    }

    fn sign(&mut self, data: &[u8], out: &mut [u8]) -> Result<usize> {
        self.signer.sign(data, out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::public_of;
    use crate::crypto::tests::*;

    fn contexts(curve: Curve) -> (Context, Context) {
        let (_, scalar, _) = ec::tests::known_keys().find(|(known, ..)| *known == curve).unwrap();
        let private = ec::import_private(curve, &hex(scalar)).unwrap();
        let public = public_of(&private).unwrap().unwrap();
        (context(&DETERMINISTIC, &private), context(&DETERMINISTIC, &public))
    }

    const CURVES: [Curve; 4] = [Curve::P256, Curve::P384, Curve::P521, Curve::Secp256k1];
    const HASHED: [&Row; 4] =
        [&DETERMINISTIC_SHA224, &DETERMINISTIC_SHA256, &DETERMINISTIC_SHA384, &DETERMINISTIC_SHA512];

    /// RFC 6979, A.2.5 to A.2.7: "sample" and then "test", each with SHA-224, SHA-256, SHA-384 and SHA-512.
    #[test]
    fn sign_of_rfc_6979_is_known() {
        for (curve, signatures) in CURVES.into_iter().zip(KNOWN) {
            let (private, _) = contexts(curve);
            let calls = [b"sample".as_slice(), b"test"]
                .into_iter()
                .flat_map(|message| HASHED.map(|row| (row, message)));
            for ((row, message), signature) in calls.zip(signatures) {
                assert_eq!(signed(row, &private, &Params::None, message), hex(signature), "{curve:?}");
            }
        }
    }

    /// The known answer of Bitcoin's libraries: key 1, "Satoshi Nakamoto", SHA-256.
    #[test]
    fn sign_on_secp256k1_is_known() {
        let (private, public) = contexts(Curve::Secp256k1);
        let signature = signed(&DETERMINISTIC_SHA256, &private, &Params::None, b"Satoshi Nakamoto");
        let known = "934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d82442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5";
        assert_eq!(signature, hex(known));
        // The other s is as good for verifying.
        let answer = verified(&DETERMINISTIC_SHA256, &public, &Params::None, b"Satoshi Nakamoto", &signature);
        assert_eq!(answer, Ok(()));
    }

    #[test]
    fn sign_in_pieces_tampered_and_short_behaves_and_gives_the_same_again() {
        for curve in CURVES {
            let (private, public) = contexts(curve);
            for row in HASHED {
                check_signer(row, &private, &public, &Params::None, &[5; 777]);
                let once = signed(row, &private, &Params::None, &[5; 777]);
                assert_eq!(signed(row, &private, &Params::None, &[5; 777]), once);
            }
            for len in [28, 32, 48, 64] {
                check_signer(&DETERMINISTIC, &private, &public, &Params::None, &vec![0xE5; len]);
            }
        }
    }

    #[test]
    fn the_raw_mechanism_signs_what_the_hashing_one_does() {
        let (private, _) = contexts(Curve::P384);
        let mut digest = [0; 48];
        Hash::Sha384.digest(b"message", &mut digest).unwrap();
        let raw = signed(&DETERMINISTIC, &private, &Params::None, &digest);
        assert_eq!(raw, signed(&DETERMINISTIC_SHA384, &private, &Params::None, b"message"));
    }

    #[test]
    fn other_digests_keys_and_parameters_are_refused() {
        let (private, public) = contexts(Curve::P256);
        let mut out = [0; 64];
        for len in [0, 20, 31, 33, 65] {
            let mut signing = sign_raw(&private, &Params::None).unwrap();
            assert_eq!(signing.sign(&vec![1; len], &mut out), Err(Error::DataLenRange), "{len}");
        }
        assert_eq!(sign_raw(&public, &Params::None).err(), Some(Error::KeyTypeInconsistent));
        let refused = sign_raw(&private, &Params::Iv(vec![])).err();
        assert_eq!(refused, Some(Error::MechanismParamInvalid));
        for (curve, scalar, _) in ec::tests::known_keys() {
            let key = ec::import_private(*curve, &hex(scalar)).unwrap();
            assert_eq!(prepare(&key).is_ok(), CURVES.contains(curve), "{curve:?}");
        }
        assert_eq!(prepare(&Material::EdPublic(vec![1; 32])).err(), Some(Error::KeyTypeInconsistent));
    }

    const KNOWN: [[&str; 8]; 3] = [
        [
            "53B2FFF5D1752B2C689DF257C04C40A587FABABB3F6FC2702F1343AF7CA9AA3FB9AFB64FDC03DC1A131C7D2386D11E349F070AA432A4ACC918BEA988BF75C74C",
            "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8",
            "0EAFEA039B20E9B42309FB1D89E213057CBF973DC0CFC8F129EDDDC800EF77194861F0491E6998B9455193E34E7B0D284DDD7149A74B95B9261F13ABDE940954",
            "8496A60B5E9B47C825488827E0495B0E3FA109EC4568FD3F8D1097678EB97F002362AB1ADBE2B8ADF9CB9EDAB740EA6049C028114F2460F96554F61FAE3302FE",
            "C37EDB6F0AE79D47C3C27E962FA269BB4F441770357E114EE511F662EC34A692C820053A05791E521FCAAD6042D40AEA1D6B1A540138558F47D0719800E18F2D",
            "F1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083",
            "83910E8B48BB0C74244EBDF7F07A1C5413D61472BD941EF3920E623FBCCEBEB68DDBEC54CF8CD5874883841D712142A56A8D0F218F5003CB0296B6B509619F2C",
            "461D93F31B6540894788FD206C07CFA0CC35F46FA3C91816FFF1040AD1581A0439AF9F15DE0DB8D97E72719C74820D304CE5226E32DEDAE67519E840D1194E55",
        ],
        [
            "42356E76B55A6D9B4631C865445DBE54E056D3B3431766D0509244793C3F9366450F76EE3DE43F5A125333A6BE0601229DA0C81787064021E78DF658F2FBB0B042BF304665DB721F077A4298B095E4834C082C03D83028EFBF93A3C23940CA8D",
            "21B13D1E013C7FA1392D03C5F99AF8B30C570C6F98D4EA8E354B63A21D3DAA33BDE1E888E63355D92FA2B3C36D8FB2CDF3AA443FB107745BF4BD77CB3891674632068A10CA67E3D45DB2266FA7D1FEEBEFDC63ECCD1AC42EC0CB8668A4FA0AB0",
            "94EDBB92A5ECB8AAD4736E56C691916B3F88140666CE9FA73D64C4EA95AD133C81A648152E44ACF96E36DD1E80FABE4699EF4AEB15F178CEA1FE40DB2603138F130E740A19624526203B6351D0A3A94FA329C145786E679E7B82C71A38628AC8",
            "ED0959D5880AB2D869AE7F6C2915C6D60F96507F9CB3E047C0046861DA4A799CFE30F35CC900056D7C99CD7882433709512C8CCEEE3890A84058CE1E22DBC2198F42323CE8ACA9135329F03C068E5112DC7CC3EF3446DEFCEB01A45C2667FDD5",
            "E8C9D0B6EA72A0E7837FEA1D14A1A9557F29FAA45D3E7EE888FC5BF954B5E62464A9A817C47FF78B8C11066B24080E7207041D4A7A0379AC7232FF72E6F77B6DDB8F09B16CCE0EC3286B2BD43FA8C6141C53EA5ABEF0D8231077A04540A96B66",
            "6D6DEFAC9AB64DABAFE36C6BF510352A4CC27001263638E5B16D9BB51D451559F918EEDAF2293BE5B475CC8F0188636B2D46F3BECBCC523D5F1A1256BF0C9B024D879BA9E838144C8BA6BAEB4B53B47D51AB373F9845C0514EEFB14024787265",
            "8203B63D3C853E8D77227FB377BCF7B7B772E97892A80F36AB775D509D7A5FEB0542A7F0812998DA8F1DD3CA3CF023DBDDD0760448D42D8A43AF45AF836FCE4DE8BE06B485E9B61B827C2F13173923E06A739F040649A667BF3B828246BAA5A5",
            "A0D5D090C9980FAF3C2CE57B7AE951D31977DD11C775D314AF55F76C676447D06FB6495CD21B4B6E340FC236584FB277976984E59B4C77B0E8E4460DCA3D9F20E07B9BB1F63BEEFAF576F6B2E8B224634A2092CD3792E0159AD9CEE37659C736",
        ],
        [
            "01776331CFCDF927D666E032E00CF776187BC9FDD8E69D0DABB4109FFE1B5E2A30715F4CC923A4A5E94D2503E9ACFED92857B7F31D7152E0F8C00C15FF3D87E2ED2E0050CB5265417FE2320BBB5A122B8E1A32BD699089851128E360E620A30C7E17BA41A666AF126CE100E5799B153B60528D5300D08489CA9178FB610A2006C254B41F",
            "01511BB4D675114FE266FC4372B87682BAECC01D3CC62CF2303C92B3526012659D16876E25C7C1E57648F23B73564D67F61C6F14D527D54972810421E7D87589E1A7004A171143A83163D6DF460AAF61522695F207A58B95C0644D87E52AA1A347916E4F7A72930B1BC06DBE22CE3F58264AFD23704CBB63B29B931F7DE6C9D949A7ECFC",
            "01EA842A0E17D2DE4F92C15315C63DDF72685C18195C2BB95E572B9C5136CA4B4B576AD712A52BE9730627D16054BA40CC0B8D3FF035B12AE75168397F5D50C6745101F21A3CEE066E1961025FB048BD5FE2B7924D0CD797BABE0A83B66F1E35EEAF5FDE143FA85DC394A7DEE766523393784484BDF3E00114A1C857CDE1AA203DB65D61",
            "00C328FAFCBD79DD77850370C46325D987CB525569FB63C5D3BC53950E6D4C5F174E25A1EE9017B5D450606ADD152B534931D7D4E8455CC91F9B15BF05EC36E377FA00617CCE7CF5064806C467F678D3B4080D6F1CC50AF26CA209417308281B68AF282623EAA63E5B5C0723D8B8C37FF0777B1A20F8CCB1DCCC43997F1EE0E44DA4A67A",
            "01C7ED902E123E6815546065A2C4AF977B22AA8EADDB68B2C1110E7EA44D42086BFE4A34B67DDC0E17E96536E358219B23A706C6A6E16BA77B65E1C595D43CAE17FB0177336676304FCB343CE028B38E7B4FBA76C1C1B277DA18CAD2A8478B2A9A9F5BEC0F3BA04F35DB3E4263569EC6AADE8C92746E4C82F8299AE1B8F1739F8FD519A4",
            "000E871C4A14F993C6C7369501900C4BC1E9C7B0B4BA44E04868B30B41D8071042EB28C4C250411D0CE08CD197E4188EA4876F279F90B3D8D74A3C76E6F1E4656AA800CD52DBAA33B063C3A6CD8058A1FB0A46A4754B034FCC644766CA14DA8CA5CA9FDE00E88C1AD60CCBA759025299079D7A427EC3CC5B619BFBC828E7769BCD694E86",
            "014BEE21A18B6D8B3C93FAB08D43E739707953244FDBE924FA926D76669E7AC8C89DF62ED8975C2D8397A65A49DCC09F6B0AC62272741924D479354D74FF6075578C0133330865C067A0EAF72362A65E2D7BC4E461E8C8995C3B6226A21BD1AA78F0ED94FE536A0DCA35534F0CD1510C41525D163FE9D74D134881E35141ED5E8E95B979",
            "013E99020ABF5CEE7525D16B69B229652AB6BDF2AFFCAEF38773B4B7D08725F10CDB93482FDCC54EDCEE91ECA4166B2A7C6265EF0CE2BD7051B7CEF945BABD47EE6D01FBD0013C674AA79CB39849527916CE301C66EA7CE8B80682786AD60F98F7E78A19CA69EFF5C57400E3B3A0AD66CE0978214D13BAF4E9AC60752F7B155E2DE4DCE3",
        ],
    ];
}
