//! Private keys as PKCS#8 `PrivateKeyInfo` (RFC 5208, RFC 5958), the form in which they are wrapped
//! (PKCS#11 3.2, 6.7): RSA (RFC 8017, A.1.2), Diffie-Hellman (PKCS #3), EC (RFC 5915, RFC 5480), Ed25519 and X25519 (RFC 8410), ML-KEM (RFC 9935) and
//! ML-DSA (RFC 9881): seed and value where the seed is known, and any of the three choices read; SLH-DSA (RFC 9909).
//!
//! The reader takes DER and nothing else, and believes no number: what does not fit together is no key.

use super::eddsa::{self, Edwards};
use super::material::{Curve, Material, RsaPrivate};
use super::ml_kem::{self, Set};
use super::montgomery::{self, Montgomery};
use super::public::{DH_OID, dh_parameters, ml_dsa_oid, ml_kem_oid};
use super::{der, dh, ec, ml_dsa, rsa, slh_dsa};
use crate::ck::{Error, Result};
use crate::secret::Secret;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// 1.2.840.113549.1.1.1 with NULL.
const RSA: &[u8] = &[0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01, der::NULL, 0];
/// 1.2.840.10045.2.1.
const EC: &[u8] = &[0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01];
/// [0] and [1] of RFC 5915, explicit.
const PARAMETERS: u8 = 0xA0;
const PUBLIC: u8 = 0xA1;
/// [1] of RFC 5958: BIT STRING, implicit.
const ONE_ASYMMETRIC_PUBLIC: u8 = 0x81;
/// [0] of RFC 9935 and RFC 9881: OCTET STRING, implicit.
const SEED: u8 = 0x80;

/// The private key as `PrivateKeyInfo` in DER. `CKR_KEY_NOT_WRAPPABLE` for keys without that form.
pub fn encode(key: &Material) -> Result<Secret> {
    let wiped = Zeroizing::new;
    let parameters;
    let (algorithm, inner): (Vec<&[u8]>, Zeroizing<Vec<u8>>) = match key {
        Material::RsaPrivate(key) => (vec![RSA], rsa_private_key(key)),
        Material::EcPrivate { curve, scalar } => {
            let point = der::bit_string(&ec::public_from_private(*curve, scalar)?);
            let private = wiped(der::element(der::OCTET_STRING, &[scalar.expose()]));
            let public = der::element(PUBLIC, &[&point]);
            let parts: [&[u8]; 3] = [&der::integer(&[1]), &private, &public];
            (vec![EC, curve.ec_params()], wiped(der::element(der::SEQUENCE, &parts)))
        }
        Material::EdPrivate(seed) => (
            vec![Edwards::of_len(seed.len()).ec_params()],
            wiped(der::element(der::OCTET_STRING, &[seed.expose()])),
        ),
        Material::MontgomeryPrivate { curve, key } => {
            (vec![curve.ec_params()], wiped(der::element(der::OCTET_STRING, &[key.expose()])))
        }
        Material::DhPrivate { group, value } => {
            parameters = dh_parameters(*group);
            (vec![DH_OID, &parameters], wiped(der::integer(value.expose())))
        }
        Material::MlKemPrivate(key) => {
            (vec![ml_kem_oid(key.set)], seed_and_value(key.seed.as_ref(), &key.key))
        }
        Material::MlDsaPrivate(key) => {
            (vec![ml_dsa_oid(key.set)], seed_and_value(key.seed.as_ref(), &key.key))
        }
        // Without an OCTET STRING of its own (RFC 9909, 6).
        Material::SlhDsaPrivate { set, key } => (vec![slh_dsa::oid(*set)], wiped(key.expose().to_vec())),
        _ => return Err(Error::KeyNotWrappable),
    };
    let algorithm = der::element(der::SEQUENCE, &algorithm);
    let private = wiped(der::element(der::OCTET_STRING, &[&inner]));
    let whole = wiped(der::element(der::SEQUENCE, &[&der::integer(&[0]), &algorithm, &private]));
    Ok(Secret::from_slice(&whole))
}

/// Both, or the value where it is all there is.
fn seed_and_value(seed: Option<&Secret>, value: &Secret) -> Zeroizing<Vec<u8>> {
    let wiped = Zeroizing::new;
    let value = wiped(der::element(der::OCTET_STRING, &[value.expose()]));
    let Some(seed) = seed else { return value };
    let seed = wiped(der::element(der::OCTET_STRING, &[seed.expose()]));
    wiped(der::element(der::SEQUENCE, &[&seed, &value]))
}

fn rsa_private_key(key: &RsaPrivate) -> Zeroizing<Vec<u8>> {
    let secrets = [&key.d, &key.p, &key.q, &key.dp, &key.dq, &key.qi];
    let numbers = [&*key.n, &*key.e].into_iter().chain(secrets.map(Secret::expose));
    let encoded: Vec<Zeroizing<Vec<u8>>> =
        std::iter::once(&[0][..]).chain(numbers).map(|number| Zeroizing::new(der::integer(number))).collect();
    let parts: Vec<&[u8]> = encoded.iter().map(|part| part.as_slice()).collect();
    Zeroizing::new(der::element(der::SEQUENCE, &parts))
}

/// The private key that `bytes` are. `CKR_WRAPPED_KEY_INVALID` where they are none that is known here, where
/// anything stands behind it, and where its numbers do not fit together.
pub fn decode(bytes: &[u8]) -> Result<Material> {
    read(bytes).ok_or(Error::WrappedKeyInvalid)
}

/// The same with nothing but zeros behind the key: CKM_AES_KEY_WRAP pads so (PKCS#11 3.2, 6.16).
pub fn decode_padded(bytes: &[u8]) -> Result<Material> {
    let (_, rest) = der::split(der::SEQUENCE, bytes).ok_or(Error::WrappedKeyInvalid)?;
    let len = bytes.len() - rest.len();
    if rest.len() > 7 || rest.iter().any(|byte| *byte != 0) {
        return Err(Error::WrappedKeyInvalid);
    }
    decode(bytes.get(..len).unwrap_or_default())
}

/// Elements one after the other; what is left at the end must be nothing.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// The content of a sequence that is all of `bytes`.
    fn sequence(bytes: &'a [u8]) -> Option<Self> {
        der::content(der::SEQUENCE, bytes).ok().map(Self)
    }

    fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (content, rest) = der::split(tag, self.0)?;
        self.0 = rest;
        Some(content)
    }

    /// The next element if it has this tag.
    fn optional(&mut self, tag: u8) -> Option<Option<&'a [u8]>> {
        if self.0.first() == Some(&tag) { self.take(tag).map(Some) } else { Some(None) }
    }

    /// A number that is not negative, in its shortest form.
    fn number(&mut self) -> Option<&'a [u8]> {
        let digits = self.take(der::INTEGER)?;
        match digits {
            [] => None,
            [0, second, ..] if *second < 0x80 => None,
            [0, rest @ ..] if !rest.is_empty() => Some(rest),
            [first, ..] if *first >= 0x80 => None,
            digits => Some(digits),
        }
    }

    fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

fn read(bytes: &[u8]) -> Option<Material> {
    let mut info = Reader::sequence(bytes)?;
    let version = info.number()?;
    let algorithm = info.take(der::SEQUENCE)?;
    let private = info.take(der::OCTET_STRING)?;
    // Version 2 (RFC 5958, 2) brings the public key along.
    let public = match version {
        [0] => None,
        [1] => Some(info.take(ONE_ASYMMETRIC_PUBLIC)?),
        _ => return None,
    };
    info.end()?;
    let key = if algorithm == RSA {
        rsa_key(private)?
    } else if let Some(params) = algorithm.strip_prefix(EC) {
        ec_key(Curve::from_ec_params(params).ok()?, params, private)?
    } else if let Some(parameters) = algorithm.strip_prefix(DH_OID) {
        dh_key(parameters, private)?
    } else if let Some(curve) = Edwards::from_oid(algorithm) {
        let seed = der::content(der::OCTET_STRING, private).ok()?;
        (seed.len() == curve.len()).then_some(())?;
        eddsa::import_private(curve, seed).ok()?
    } else if let Some(curve) = Montgomery::from_oid(algorithm) {
        let key = der::content(der::OCTET_STRING, private).ok()?;
        (key.len() == curve.len()).then_some(())?;
        montgomery::import_private(curve, key).ok()?
    } else {
        post_quantum_key(algorithm, private)?
    };
    if let Some(public) = public {
        same_public(&key, public)?;
    }
    Some(key)
}

fn rsa_key(private: &[u8]) -> Option<Material> {
    let mut key = Reader::sequence(private)?;
    if key.number()? != [0] {
        return None;
    }
    let (n, e, d) = (key.number()?, key.number()?, key.number()?);
    let (p, q) = (key.number()?, key.number()?);
    let (dp, dq, qi) = (key.number()?, key.number()?, key.number()?);
    key.end()?;
    let (p, q, dp, dq, qi) = (Some(p), Some(q), Some(dp), Some(dq), Some(qi));
    rsa::import_private(&rsa::Import { n, e: Some(e), d, p, q, dp, dq, qi }).ok()
}

fn ec_key(curve: Curve, params: &[u8], private: &[u8]) -> Option<Material> {
    // A name is PKCS#11's own; in PKCS#8 a curve is an OBJECT IDENTIFIER.
    if params != curve.ec_params() {
        return None;
    }
    let mut key = Reader::sequence(private)?;
    if key.number()? != [1] {
        return None;
    }
    let scalar = key.take(der::OCTET_STRING)?;
    if key.optional(PARAMETERS)?.is_some_and(|inner| inner != params) {
        return None;
    }
    let public = key.optional(PUBLIC)?;
    key.end()?;
    let material = ec::import_private(curve, scalar).ok()?;
    if let Some(public) = public {
        same_public(&material, der::content(der::BIT_STRING, public).ok()?)?;
    }
    Some(material)
}

fn dh_key(parameters: &[u8], private: &[u8]) -> Option<Material> {
    let mut numbers = Reader::sequence(parameters)?;
    let group = dh::group(numbers.number()?, numbers.number()?).ok()?;
    // The third, the length of private keys, may be there; it says nothing of this one.
    if numbers.end().is_none() {
        numbers.number()?;
        numbers.end()?;
    }
    let mut key = Reader(private);
    let value = key.number()?;
    key.end()?;
    dh::import_private(group, value).ok()
}

fn post_quantum_key(algorithm: &[u8], private: &[u8]) -> Option<Material> {
    let kems = [Set::Kem512, Set::Kem768, Set::Kem1024];
    if let Some(set) = kems.into_iter().find(|set| algorithm == ml_kem_oid(*set)) {
        let [seed, value] = read_seed_and_value(private)?;
        return ml_kem::import_private(set, seed.as_ref(), value.as_ref()).ok();
    }
    if let Some(set) = ml_dsa::Set::ALL.into_iter().find(|set| algorithm == ml_dsa_oid(*set)) {
        let [seed, value] = read_seed_and_value(private)?;
        return ml_dsa::import_private(set, seed.as_ref(), value.as_ref()).ok();
    }
    let set = slh_dsa::Set::ALL.into_iter().find(|set| algorithm == slh_dsa::oid(*set))?;
    slh_dsa::import_private(set, private).ok()
}

/// The seed, the value, or both (RFC 9935, 6; RFC 9881, 6).
fn read_seed_and_value(private: &[u8]) -> Option<[Option<Secret>; 2]> {
    let (seed, value) = match *private.first()? {
        SEED => (Some(der::content(SEED, private).ok()?), None),
        der::OCTET_STRING => (None, Some(der::content(der::OCTET_STRING, private).ok()?)),
        _ => {
            let mut both = Reader::sequence(private)?;
            let (seed, value) = (both.take(der::OCTET_STRING)?, both.take(der::OCTET_STRING)?);
            both.end()?;
            (Some(seed), Some(value))
        }
    };
    Some([seed, value].map(|bytes| bytes.map(Secret::from_slice)))
}

/// Whether a public key, the content of a BIT STRING, is that of the private one.
fn same_public(key: &Material, bits: &[u8]) -> Option<()> {
    let (unused, claimed) = bits.split_first()?;
    let same = match super::public_of(key).ok()?? {
        Material::EcPublic { curve, point } => ec::decode_point(curve, claimed).ok()? == point,
        Material::EdPublic(point) => bool::from(point.as_slice().ct_eq(claimed)),
        Material::MontgomeryPublic { key, .. } => bool::from(key.as_slice().ct_eq(claimed)),
        Material::DhPublic { value, .. } => der::integer(&value) == claimed,
        Material::MlKemPublic { key, .. }
        | Material::MlDsaPublic { key, .. }
        | Material::SlhDsaPublic { key, .. } => key == claimed,
        Material::RsaPublic { n, e } => {
            der::element(der::SEQUENCE, &[&der::integer(&n), &der::integer(&e)]) == claimed
        }
        _ => false,
    };
    (*unused == 0 && same).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::tests::{hex, rsa_2048};

    /// RFC 8410, 10.3: the private key without and with its public key.
    const RFC_8410: &str =
        "302e020100300506032b657004220420d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f44755842";

    fn keys() -> Vec<Material> {
        let of_curve = |curve: Curve| Material::EcPrivate {
            curve,
            scalar: Secret::from_slice(&{
                let mut scalar = vec![0; curve.len()];
                scalar[curve.len() - 1] = 5;
                scalar
            }),
        };
        let mut keys = vec![rsa_2048()];
        keys.extend(ec::tests::curves().map(of_curve));
        keys.extend(
            Edwards::ALL.iter().map(|curve| Material::EdPrivate(Secret::from_slice(&vec![7; curve.len()]))),
        );
        keys.push(dh::import_private(dh::Group::Ffdhe2048, &[7; 29]).unwrap());
        keys.extend(Montgomery::ALL.iter().map(|curve| Material::MontgomeryPrivate {
            curve: *curve,
            key: Secret::from_slice(&vec![7; curve.len()]),
        }));
        keys
    }

    #[test]
    fn every_private_key_comes_back_unchanged() {
        for key in keys() {
            let encoded = encode(&key).unwrap();
            let back = decode(encoded.expose()).unwrap();
            assert_eq!(back.encode().expose(), key.encode().expose());
            let padded = [encoded.expose(), &[0; 7]].concat();
            assert!(decode(&padded).is_err());
            assert_eq!(decode_padded(&padded).unwrap().encode().expose(), key.encode().expose());
        }
    }

    #[test]
    fn the_key_of_rfc_8410_is_written_and_read() {
        let key = decode(&hex(RFC_8410)).unwrap();
        assert_eq!(encode(&key).unwrap().expose(), hex(RFC_8410));
        // With its public key (RFC 5958), and with another.
        let with = |public: &str| {
            let old = hex(RFC_8410);
            let public = hex(public);
            let mut version = old[2..].to_vec();
            version[2] = 1;
            der::element(der::SEQUENCE, &[&version, &der::element(0x81, &[&[0], &public])])
        };
        let right = "19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1";
        assert!(decode(&with(right)).is_ok());
        assert!(decode(&with(&right.replace("19bf", "19be"))).is_err());
    }

    #[test]
    fn truncated_longer_and_changed_encodings_are_refused() {
        for key in keys() {
            let encoded = encode(&key).unwrap();
            let bytes = encoded.expose();
            for len in 0..bytes.len() {
                assert!(decode(&bytes[..len]).is_err(), "{len}");
            }
            assert!(decode(&[bytes, &[0]].concat()).is_err());
            // Every byte before the private key itself says something.
            for at in 0..14 {
                let mut wrong = bytes.to_vec();
                wrong[at] ^= 1;
                assert!(decode(&wrong).is_err(), "byte {at}");
            }
        }
    }

    #[test]
    fn numbers_that_do_not_fit_together_are_refused() {
        let encoded = encode(&rsa_2048()).unwrap();
        let bytes = encoded.expose();
        // A byte in each of the eight numbers, whose lengths are those of a key of 2048 bits.
        for at in [100, 300, 500, 650, 780, 900, 1050, bytes.len() - 10] {
            let mut wrong = bytes.to_vec();
            wrong[at] ^= 2;
            assert!(decode(&wrong).is_err(), "byte {at}");
        }
        let key = Material::EcPrivate { curve: Curve::P256, scalar: Secret::from_slice(&[5; 32]) };
        let encoded = encode(&key).unwrap();
        let mut wrong = encoded.expose().to_vec();
        let last = wrong.len() - 1;
        wrong[last] ^= 1;
        assert!(decode(&wrong).is_err(), "another public key");
    }

    #[test]
    fn keys_without_this_form_are_not_wrappable() {
        let secret = Material::Bytes(Secret::zeroed(16));
        assert_eq!(encode(&secret).err(), Some(Error::KeyNotWrappable));
    }
}
