//! Ed448 and Ed448ph (RFC 8032, 5.2), and the function X448 (RFC 7748, 5). Compiled with the feature `curve448` alone,
//! because the library has pre-releases only.

use super::Material;
use super::collected::Collected;
use super::eddsa::MESSAGE_LIMIT;
use super::mechanism::{Context, Signing, Verifying};
use super::self_test::{self, Family};
use super::start::{first, prepared};
use crate::ck::{Error, Params, Result};
use crate::secret::Secret;
use ed448_goldilocks::shake::Shake256;
use ed448_goldilocks::shake::digest::{ExtendableOutput, Update, XofReader};
use ed448_goldilocks::{PreHash, Signature, SigningKey, VerifyingKey};
use std::sync::Arc;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Length of a seed and of a public key of Ed448 in bytes.
pub(super) const ED_LEN: usize = 57;

/// Length of a signature in bytes.
const SIGNATURE_LEN: usize = 2 * ED_LEN;

/// Length of a private key, a public key and a shared secret of X448 in bytes.
pub(super) const X_LEN: usize = 56;

/// A key of Ed448 made ready.
pub(super) enum Key {
    /// A private one.
    Private(Box<SigningKey>),
    /// A public one.
    Public(Box<VerifyingKey>),
}

/// Makes a key ready, public or private.
pub(super) fn prepare(key: &Material) -> Result<Context> {
    self_test::ready(Family::Curve448)?;
    Ok(Arc::new(match key {
        Material::EdPrivate(seed) => Key::Private(Box::new(signing_key(seed)?)),
        Material::EdPublic(public) => Key::Public(Box::new(verifying_key(public)?)),
        _ => return Err(Error::KeyTypeInconsistent),
    }))
}

/// The prepared key of an operation; none where the key is on another curve.
pub(super) fn key(context: &Context) -> Option<Arc<Key>> {
    prepared(context).ok()
}

fn signing_key(seed: &Secret) -> Result<SigningKey> {
    SigningKey::try_from(seed.expose()).map_err(|_| Error::KeySizeRange)
}

fn verifying_key(public: &[u8]) -> Result<VerifyingKey> {
    let public: [u8; ED_LEN] = public.try_into().map_err(|_| Error::KeySizeRange)?;
    VerifyingKey::from_bytes(&public.into()).map_err(|_| Error::AttributeValueInvalid)
}

/// The public key of a seed.
pub(super) fn ed_public_from_seed(seed: &Secret) -> Result<Vec<u8>> {
    Ok(signing_key(seed)?.verifying_key().to_bytes().to_vec())
}

/// Whether the bytes are a point of the curve in the one right encoding, and one of the group of prime order.
pub(super) fn is_usable_point(public: &[u8]) -> bool {
    verifying_key(public).is_ok_and(|key| {
        let point = key.to_edwards();
        bool::from(point.is_torsion_free()) && point.to_affine().compress().0.as_slice() == public
    })
}

/// The hash of a prehashed message, once it is there.
struct Prehashed([u8; 64]);

impl PreHash for Prehashed {
    fn fill_bytes(&mut self, out: &mut [u8]) {
        if let Some(room) = out.get_mut(..self.0.len()) {
            room.copy_from_slice(&self.0);
        }
    }
}

/// A running signature or verification: with the hash of Ed448ph, or with the message.
struct Running {
    key: Arc<Key>,
    context: Vec<u8>,
    message: Collected,
    hash: Option<Shake256>,
}

/// Starts a signature. Without a parameter it is Ed448 with no context.
pub(super) fn sign(key: Arc<Key>, params: &Params) -> Result<Box<dyn Signing>> {
    let running = Running::new(key, params)?;
    if matches!(*running.key, Key::Public(_)) {
        return Err(Error::KeyTypeInconsistent);
    }
    Ok(Box::new(running))
}

/// Starts a verification.
pub(super) fn verify(key: Arc<Key>, params: &Params) -> Result<Box<dyn Verifying>> {
    Ok(Box::new(Running::new(key, params)?))
}

impl Running {
    fn new(key: Arc<Key>, params: &Params) -> Result<Self> {
        let (prehash, context) = match params {
            Params::None => (false, Vec::new()),
            Params::Eddsa { prehash, context } if context.len() <= 255 => (*prehash, context.clone()),
            _ => return Err(Error::MechanismParamInvalid),
        };
        let message = Collected::new(MESSAGE_LIMIT, Error::DataLenRange);
        Ok(Self { key, context, message, hash: prehash.then(Shake256::default) })
    }

    fn update(&mut self, data: &[u8]) -> Result<()> {
        match &mut self.hash {
            Some(hash) => {
                hash.update(data);
                Ok(())
            }
            None => self.message.push(data),
        }
    }

    /// The digest of what came and of this, for Ed448ph.
    fn digest(&self, data: &[u8]) -> Option<Prehashed> {
        let mut hash = self.hash.clone()?;
        hash.update(data);
        let mut digest = Prehashed([0; 64]);
        hash.finalize_xof().read(&mut digest.0);
        Some(digest)
    }

    fn sign_message(&self, data: &[u8], out: &mut [u8]) -> Result<usize> {
        let Key::Private(key) = &*self.key else { return Err(Error::KeyTypeInconsistent) };
        let signature = match self.digest(data) {
            Some(digest) => key.sign_prehashed(Some(&self.context), digest),
            None => key.sign_ctx(&self.context, data),
        };
        let signature = signature.map_err(|_| Error::DeviceError)?;
        first(out, SIGNATURE_LEN)?.copy_from_slice(signature.to_bytes().as_ref());
        Ok(SIGNATURE_LEN)
    }

    fn verify_message(&self, data: &[u8], signature: &[u8]) -> Result<()> {
        if signature.len() != SIGNATURE_LEN {
            return Err(Error::SignatureLenRange);
        }
        let signature = Signature::from_slice(signature).map_err(|_| Error::SignatureInvalid)?;
        let key = match &*self.key {
            Key::Private(key) => key.verifying_key(),
            Key::Public(key) => **key,
        };
        match self.digest(data) {
            Some(digest) => key.verify_prehashed(&signature, Some(&self.context), digest),
            None => key.verify_ctx(&signature, &self.context, data),
        }
        .map_err(|_| Error::SignatureInvalid)
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
        let message = self.message.take();
        self.sign_message(&message, out)
    }

    fn sign(&mut self, data: &[u8], out: &mut [u8]) -> Result<usize> {
        self.sign_message(data, out)
    }
}

impl Verifying for Running {
    fn update(&mut self, data: &[u8]) -> Result<()> {
        Self::update(self, data)
    }

    fn finish(&mut self, signature: &[u8]) -> Result<()> {
        let message = self.message.take();
        self.verify_message(&message, signature)
    }

    fn verify(&mut self, data: &[u8], signature: &[u8]) -> Result<()> {
        self.verify_message(data, signature)
    }
}

/// What the private half of a new key signs, its public half verifies (FIPS 140-3 IG 10.3.A). `CKR_DEVICE_ERROR` where
/// it does not.
pub(super) fn ed_pairwise(seed: &Secret, public: &[u8]) -> Result<()> {
    let signature = signing_key(seed)?.sign_raw(&[0x5A]);
    let key = verifying_key(public).map_err(|_| Error::DeviceError)?;
    key.verify_raw(&signature, &[0x5A]).map_err(|_| Error::DeviceError)
}

/// The public key of a private one.
pub(super) fn x_public_from_private(private: &[u8; X_LEN]) -> [u8; X_LEN] {
    x448::x448_unchecked(*private, x448::X448_BASEPOINT_BYTES)
}

/// The shared secret; none where a point of small order makes it zero.
pub(super) fn x_agree(private: &[u8; X_LEN], peer: &[u8; X_LEN], shared: &mut [u8; X_LEN]) -> Option<()> {
    *shared = *Zeroizing::new(x448::x448(*private, *peer)?);
    (!bool::from(shared.ct_eq(&[0; X_LEN]))).then_some(())
}

/// RFC 8032, 7.4, the first, and RFC 7748, 6.2: the signature of nothing, a wrong message, and a shared secret.
pub(super) fn known_answer() -> bool {
    let Ok(key) = signing_key(&Secret::from_slice(&known::SEED)) else { return false };
    let (signature, verifying) = (key.sign_raw(&[]), key.verifying_key());
    let verifies =
        verifying.verify_raw(&signature, &[]).is_ok() && verifying.verify_raw(&signature, &[0]).is_err();
    let signature: [u8; SIGNATURE_LEN] = signature.to_bytes();
    let mut shared = [0; X_LEN];
    let agreed = x_agree(&known::ALICE, &known::BOB_PUBLIC, &mut shared).is_some();
    verifies && agreed && signature == known::SIGNATURE && shared == known::SHARED
}

/// The numbers of the known answers.
mod known {
    use crate::crypto::self_test::Known;

    pub(super) const SEED: [u8; 57] = [
        0x6C, 0x82, 0xA5, 0x62, 0xCB, 0x80, 0x8D, 0x10, 0xD6, 0x32, 0xBE, 0x89, 0xC8, 0x51, 0x3E, 0xBF, 0x6C,
        0x92, 0x9F, 0x34, 0xDD, 0xFA, 0x8C, 0x9F, 0x63, 0xC9, 0x96, 0x0E, 0xF6, 0xE3, 0x48, 0xA3, 0x52, 0x8C,
        0x8A, 0x3F, 0xCC, 0x2F, 0x04, 0x4E, 0x39, 0xA3, 0xFC, 0x5B, 0x94, 0x49, 0x2F, 0x8F, 0x03, 0x2E, 0x75,
        0x49, 0xA2, 0x00, 0x98, 0xF9, 0x5B,
    ];
    pub(super) const SIGNATURE: Known<114> = Known::new([
        0x53, 0x3A, 0x37, 0xF6, 0xBB, 0xE4, 0x57, 0x25, 0x1F, 0x02, 0x3C, 0x0D, 0x88, 0xF9, 0x76, 0xAE, 0x2D,
        0xFB, 0x50, 0x4A, 0x84, 0x3E, 0x34, 0xD2, 0x07, 0x4F, 0xD8, 0x23, 0xD4, 0x1A, 0x59, 0x1F, 0x2B, 0x23,
        0x3F, 0x03, 0x4F, 0x62, 0x82, 0x81, 0xF2, 0xFD, 0x7A, 0x22, 0xDD, 0xD4, 0x7D, 0x78, 0x28, 0xC5, 0x9B,
        0xD0, 0xA2, 0x1B, 0xFD, 0x39, 0x80, 0xFF, 0x0D, 0x20, 0x28, 0xD4, 0xB1, 0x8A, 0x9D, 0xF6, 0x3E, 0x00,
        0x6C, 0x5D, 0x1C, 0x2D, 0x34, 0x5B, 0x92, 0x5D, 0x8D, 0xC0, 0x0B, 0x41, 0x04, 0x85, 0x2D, 0xB9, 0x9A,
        0xC5, 0xC7, 0xCD, 0xDA, 0x85, 0x30, 0xA1, 0x13, 0xA0, 0xF4, 0xDB, 0xB6, 0x11, 0x49, 0xF0, 0x5A, 0x73,
        0x63, 0x26, 0x8C, 0x71, 0xD9, 0x58, 0x08, 0xFF, 0x2E, 0x65, 0x26, 0x00,
    ]);
    pub(super) const ALICE: [u8; 56] = [
        0x9A, 0x8F, 0x49, 0x25, 0xD1, 0x51, 0x9F, 0x57, 0x75, 0xCF, 0x46, 0xB0, 0x4B, 0x58, 0x00, 0xD4, 0xEE,
        0x9E, 0xE8, 0xBA, 0xE8, 0xBC, 0x55, 0x65, 0xD4, 0x98, 0xC2, 0x8D, 0xD9, 0xC9, 0xBA, 0xF5, 0x74, 0xA9,
        0x41, 0x97, 0x44, 0x89, 0x73, 0x91, 0x00, 0x63, 0x82, 0xA6, 0xF1, 0x27, 0xAB, 0x1D, 0x9A, 0xC2, 0xD8,
        0xC0, 0xA5, 0x98, 0x72, 0x6B,
    ];
    pub(super) const BOB_PUBLIC: [u8; 56] = [
        0x3E, 0xB7, 0xA8, 0x29, 0xB0, 0xCD, 0x20, 0xF5, 0xBC, 0xFC, 0x0B, 0x59, 0x9B, 0x6F, 0xEC, 0xCF, 0x6D,
        0xA4, 0x62, 0x71, 0x07, 0xBD, 0xB0, 0xD4, 0xF3, 0x45, 0xB4, 0x30, 0x27, 0xD8, 0xB9, 0x72, 0xFC, 0x3E,
        0x34, 0xFB, 0x42, 0x32, 0xA1, 0x3C, 0xA7, 0x06, 0xDC, 0xB5, 0x7A, 0xEC, 0x3D, 0xAE, 0x07, 0xBD, 0xC1,
        0xC6, 0x7B, 0xF3, 0x36, 0x09,
    ];
    pub(super) const SHARED: Known<56> = Known::new([
        0x07, 0xFF, 0xF4, 0x18, 0x1A, 0xC6, 0xCC, 0x95, 0xEC, 0x1C, 0x16, 0xA9, 0x4A, 0x0F, 0x74, 0xD1, 0x2D,
        0xA2, 0x32, 0xCE, 0x40, 0xA7, 0x75, 0x52, 0x28, 0x1D, 0x28, 0x2B, 0xB6, 0x0C, 0x0B, 0x56, 0xFD, 0x24,
        0x64, 0xC3, 0x35, 0x54, 0x39, 0x36, 0x52, 0x1C, 0x24, 0x40, 0x30, 0x85, 0xD5, 0x9A, 0x44, 0x9A, 0x50,
        0x37, 0x51, 0x4A, 0x87, 0x9D,
    ]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::eddsa::{self, EDDSA, Edwards};
    use crate::crypto::mechanism::Recipe;
    use crate::crypto::montgomery::{self, Montgomery};
    use crate::crypto::tests::*;
    use crate::crypto::{der, ecdh, public_of};

    fn contexts(seed: &str) -> (Context, Context) {
        let private = eddsa::import_private(Edwards::Ed448, &hex(seed)).unwrap();
        let public = public_of(&private).unwrap().unwrap();
        (context(&EDDSA, &private), context(&EDDSA, &public))
    }

    fn params(prehash: bool, context: &[u8]) -> Params {
        Params::Eddsa { prehash, context: context.to_vec() }
    }

    const SEED: &str = "6c82a562cb808d10d632be89c8513ebf6c929f34ddfa8c9f63c9960ef6e348a3528c8a3fcc2f044e39a3fc5b94492f8f032e7549a20098f95b";
    const PUBLIC: &str = "5fd7449b59b461fd2ce787ec616ad46a1da1342485a70e1f8a0ea75d80e96778edf124769b46c7061bd6783df1e50f6cd1fa1abeafe8256180";

    #[test]
    fn known_answer_passes() {
        assert!(known_answer());
    }

    /// RFC 8032, 7.4 ("Blank", "1 octet (with context)") and 7.5 ("TEST abc", without and with context).
    #[test]
    fn sign_of_rfc_8032_is_known() {
        for (seed, params, message, signature) in [
            (
                SEED,
                Params::None,
                "",
                "533a37f6bbe457251f023c0d88f976ae2dfb504a843e34d2074fd823d41a591f2b233f034f628281f2fd7a22ddd47d7828c59bd0a21bfd3980ff0d2028d4b18a9df63e006c5d1c2d345b925d8dc00b4104852db99ac5c7cdda8530a113a0f4dbb61149f05a7363268c71d95808ff2e652600",
            ),
            (
                SEED,
                params(false, b""),
                "",
                "533a37f6bbe457251f023c0d88f976ae2dfb504a843e34d2074fd823d41a591f2b233f034f628281f2fd7a22ddd47d7828c59bd0a21bfd3980ff0d2028d4b18a9df63e006c5d1c2d345b925d8dc00b4104852db99ac5c7cdda8530a113a0f4dbb61149f05a7363268c71d95808ff2e652600",
            ),
            (
                "c4eab05d357007c632f3dbb48489924d552b08fe0c353a0d4a1f00acda2c463afbea67c5e8d2877c5e3bc397a659949ef8021e954e0a12274e",
                params(false, b"foo"),
                "03",
                "d4f8f6131770dd46f40867d6fd5d5055de43541f8c5e35abbcd001b32a89f7d2151f7647f11d8ca2ae279fb842d607217fce6e042f6815ea000c85741de5c8da1144a6a1aba7f96de42505d7a7298524fda538fccbbb754f578c1cad10d54d0d5428407e85dcbc98a49155c13764e66c3c00",
            ),
            (
                "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42ef7822e0d5104127dc05d6dbefde69e3ab2cec7c867c6e2c49",
                params(true, b""),
                "616263",
                "822f6901f7480f3d5f562c592994d9693602875614483256505600bbc281ae381f54d6bce2ea911574932f52a4e6cadd78769375ec3ffd1b801a0d9b3f4030cd433964b6457ea39476511214f97469b57dd32dbc560a9a94d00bff07620464a3ad203df7dc7ce360c3cd3696d9d9fab90f00",
            ),
            (
                "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42ef7822e0d5104127dc05d6dbefde69e3ab2cec7c867c6e2c49",
                params(true, b"foo"),
                "616263",
                "c32299d46ec8ff02b54540982814dce9a05812f81962b649d528095916a2aa481065b1580423ef927ecf0af5888f90da0f6a9a85ad5dc3f280d91224ba9911a3653d00e484e2ce232521481c8658df304bb7745a73514cdb9bf3e15784ab71284f8d0704a608c54a6b62d97beb511d132100",
            ),
        ] {
            let (private, public) = contexts(seed);
            assert_eq!(signed(&EDDSA, &private, &params, &hex(message)), hex(signature));
            assert_eq!(verified(&EDDSA, &public, &params, &hex(message), &hex(signature)), Ok(()));
        }
    }

    #[test]
    fn sign_in_pieces_tampered_and_short_behaves() {
        let (private, public) = contexts(SEED);
        for params in [Params::None, params(false, b"c"), params(true, b""), params(true, &[7; 255])] {
            check_signer(&EDDSA, &private, &public, &params, &[5; 777]);
        }
        let refused = EDDSA.ops.sign.unwrap()(&public, &Params::None).err();
        assert_eq!(refused, Some(Error::KeyTypeInconsistent));
        for wrong in [params(false, &[0; 256]), Params::Iv(vec![])] {
            let refused = EDDSA.ops.sign.unwrap()(&private, &wrong).err();
            assert_eq!(refused, Some(Error::MechanismParamInvalid));
        }
    }

    /// A signature with s + L in the place of s is another encoding of the same numbers (RFC 8032, 5.2.7).
    #[test]
    fn a_second_encoding_of_a_signature_is_refused() {
        // L = 2^446 - 13818066809895115352007386748515426880336692474882178609894547503885, little-endian.
        let order = hex(
            "f34458ab92c27823558fc58d72c26c219036d6ae49db4ec4e923ca7cffffffffffffffffffffffffffffffffffffffffffffffffffffff3f00",
        );
        let (private, public) = contexts(SEED);
        let mut signature = signed(&EDDSA, &private, &Params::None, b"message");
        let mut carry = 0;
        for (byte, add) in signature[57..].iter_mut().zip(order) {
            let sum = u16::from(*byte) + u16::from(add) + carry;
            *byte = u8::try_from(sum & 0xFF).unwrap();
            carry = sum >> 8;
        }
        let refused = verified(&EDDSA, &public, &Params::None, b"message", &signature);
        assert_eq!(refused, Err(Error::SignatureInvalid));
    }

    #[test]
    fn ed448_keys_are_taken_in_their_forms_and_nothing_else() {
        let point = hex(PUBLIC);
        let octets = der::element(der::OCTET_STRING, &[&point]);
        for form in [&point, &octets, &der::bit_string(&point)] {
            let Material::EdPublic(key) = eddsa::import_public(Edwards::Ed448, form).unwrap() else {
                panic!("no public key");
            };
            assert_eq!(key, point);
        }
        let identity = [&[1][..], &[0; 56]].concat();
        // The point of order two, y = -1, and one of order four, y = 0.
        let minus_one = [&[0xFE][..], &[0xFF; 27], &[0xFE], &[0xFF; 27], &[0]].concat();
        let mut sign = point.clone();
        sign[56] |= 0x40;
        for wrong in [&identity[..], &minus_one, &[0; 57], &[0xFF; 57], &sign, &point[1..], &hex(SEED)[..32]]
        {
            let refused = eddsa::import_public(Edwards::Ed448, wrong).err();
            assert_eq!(refused, Some(Error::AttributeValueInvalid), "{wrong:x?}");
        }
        for len in [0, 32, 56, 58] {
            let refused = eddsa::import_private(Edwards::Ed448, &vec![7; len]).err();
            assert_eq!(refused, Some(Error::AttributeValueInvalid));
        }
        // A key of the one curve is none of the other.
        assert!(eddsa::import_public(Edwards::Ed25519, &point).is_err());
    }

    #[test]
    fn generate_pair_makes_halves_that_belong_together() {
        let recipe = Recipe { ec_params: Some(Edwards::Ed448.ec_params().to_vec()), ..Recipe::default() };
        let pair = eddsa::KEY_PAIR_GEN.ops.generate_pair.unwrap()(&recipe).unwrap();
        let (private, public) = (context(&EDDSA, &pair.private), context(&EDDSA, &pair.public));
        check_signer(&EDDSA, &private, &public, &Params::None, &[5; 77]);
        let Material::EdPrivate(seed) = &pair.private else { panic!("no private key") };
        assert!(ed_pairwise(seed, &hex(PUBLIC)).is_err());
    }

    /// RFC 7748, 5.2 (with 1000 rounds) and 6.2.
    #[test]
    fn x448_of_rfc_7748_is_known() {
        let curve = Montgomery::X448;
        let secret = |digits: &str| Secret::from_slice(&hex(digits));
        let scalar = "3d262fddf9ec8e88495266fea19a34d28882acef045104d0d1aae121700a779c984c24f8cdd78fbff44943eba368f54b29259a4f1c600ad3";
        let u = "06fce640fa3487bfda5f6cf2d5263f8aad88334cbd07437f020f08f9814dc031ddbdc38c19c6da2583fa5429db94ada18aa7a7fb4ef8a086";
        let out = "ce3e4ff95a60dc6697da1db1d85e6afbdf79b50a2412d7546d5f239fe14fbaadeb445fc66a01b0779d98223961111e21766282f73dd96b6f";
        assert!(montgomery::agree(curve, &secret(scalar), &hex(u)).unwrap().ct_eq(&hex(out)));
        let (alice, bob) = (
            "9a8f4925d1519f5775cf46b04b5800d4ee9ee8bae8bc5565d498c28dd9c9baf574a9419744897391006382a6f127ab1d9ac2d8c0a598726b",
            "1c306a7ac2a0e2e0990b294470cba339e6453772b075811d8fad0d1d6927c120bb5ee8972b0d3e21374c9c921b09d1b0366f10b65173992d",
        );
        let (alice_public, bob_public) = (
            "9b08f7cc31b7e3e67d22d5aea121074a273bd2b83de09c63faa73d2c22c5d9bbc836647241d953d40c5b12da88120d53177f80e532c41fa0",
            "3eb7a829b0cd20f5bcfc0b599b6feccf6da4627107bdb0d4f345b43027d8b972fc3e34fb4232a13ca706dcb57aec3dae07bdc1c67bf33609",
        );
        for (private, public, peer) in [(alice, alice_public, bob_public), (bob, bob_public, alice_public)] {
            assert_eq!(montgomery::public_from_private(curve, &secret(private)).unwrap(), hex(public));
            assert!(montgomery::agree(curve, &secret(private), &hex(peer)).unwrap().ct_eq(&known::SHARED));
        }
    }

    #[test]
    fn x448_of_a_point_of_small_order_is_refused() {
        let p = [&[0xFF; 28][..], &[0xFE], &[0xFF; 27]].concat();
        let (mut one, mut minus_one, mut p_and_one) = (vec![0; 56], p.clone(), p.clone());
        one[0] = 1;
        minus_one[0] = 0xFE;
        p_and_one[..28].fill(0);
        p_and_one[28] = 0xFF;
        let key = montgomery::import_private(Montgomery::X448, &[7; 56]).unwrap();
        let context = context(&ecdh::ECDH1_DERIVE, &key);
        for point in [vec![0; 56], one, minus_one, p, p_and_one] {
            let refused = montgomery::import_public(Montgomery::X448, &point).err();
            assert_eq!(refused, Some(Error::AttributeValueInvalid), "{point:x?}");
            let params = Params::Ecdh1 { kdf: cryptoki_sys::CKD_NULL, shared: vec![], public: point };
            let refused = ecdh::ECDH1_DERIVE.ops.derive.unwrap()(&context, &params, &Recipe::default());
            assert_eq!(refused.err(), Some(Error::PublicKeyInvalid));
        }
    }
}
