//! Key material in the form that the algorithms take: parsed, checked for shape, without attributes.
//! How it is checked in depth (`RSA_check_key`, point on the curve) is the business of the
//! algorithm's `prepare` and `import` functions.

pub use super::curve::Curve;
use super::dh::{self, Group};
use super::eddsa::Edwards;
use super::ml_kem::{self, Set};
use super::montgomery::Montgomery;
use super::{ml_dsa, slh_dsa};
use crate::ck::{CK_KEY_TYPE, Error, Result};
use crate::secret::Secret;
use cryptoki_sys::{
    CKK_DH, CKK_EC, CKK_EC_EDWARDS, CKK_EC_MONTGOMERY, CKK_ML_DSA, CKK_ML_KEM, CKK_RSA, CKK_SLH_DSA,
};

/// Private RSA key (PKCS#1, RFC 8017, A.1.2). Numbers are big-endian without leading zeros.
pub struct RsaPrivate {
    /// Modulus.
    pub n: Vec<u8>,
    /// Public exponent.
    pub e: Vec<u8>,
    /// Private exponent.
    pub d: Secret,
    /// First prime.
    pub p: Secret,
    /// Second prime.
    pub q: Secret,
    /// d mod (p - 1).
    pub dp: Secret,
    /// d mod (q - 1).
    pub dq: Secret,
    /// q^-1 mod p.
    pub qi: Secret,
}

/// Decapsulation key of ML-KEM (FIPS 203).
pub struct MlKemPrivate {
    /// Its parameter set.
    pub set: Set,
    /// The decapsulation key, with the encapsulation key in it.
    pub key: Secret,
    /// d and z, 64 bytes, where they are known.
    pub seed: Option<Secret>,
}

/// Private key of ML-DSA (FIPS 204).
pub struct MlDsaPrivate {
    /// Its parameter set.
    pub set: ml_dsa::Set,
    /// The private key, sk.
    pub key: Secret,
    /// The seed that it follows from, xi, 32 bytes, where it is known.
    pub seed: Option<Secret>,
}

/// The material of one key. No `Clone`, no `Debug`: see `secret`.
pub enum Material {
    /// AES, HMAC and generic secret keys: bytes.
    Bytes(Secret),
    /// Public RSA key, big-endian without leading zeros.
    RsaPublic {
        /// Modulus.
        n: Vec<u8>,
        /// Public exponent.
        e: Vec<u8>,
    },
    /// Private RSA key with all its CRT values.
    RsaPrivate(Box<RsaPrivate>),
    /// Public point, SEC 1 uncompressed (0x04 X Y).
    EcPublic {
        /// The curve.
        curve: Curve,
        /// The point.
        point: Vec<u8>,
    },
    /// Private scalar, big-endian, of the length of the curve's order.
    EcPrivate {
        /// The curve.
        curve: Curve,
        /// The scalar.
        scalar: Secret,
    },
    /// Public key on a curve of the Edwards form; its length tells which ([`Edwards`]).
    EdPublic(Vec<u8>),
    /// Seed of a private one (RFC 8032, 5.1.5, 5.2.5).
    EdPrivate(Secret),
    /// Public key on a curve of the Montgomery form, little-endian.
    MontgomeryPublic {
        /// The curve.
        curve: Montgomery,
        /// The key.
        key: Vec<u8>,
    },
    /// Private key on a curve of the Montgomery form, little-endian (RFC 7748, 5).
    MontgomeryPrivate {
        /// The curve.
        curve: Montgomery,
        /// The key.
        key: Secret,
    },
    /// Public key of Diffie-Hellman, big-endian without leading zeros.
    DhPublic {
        /// The group.
        group: Group,
        /// The number.
        value: Vec<u8>,
    },
    /// Private key of Diffie-Hellman, big-endian.
    DhPrivate {
        /// The group.
        group: Group,
        /// The number.
        value: Secret,
    },
    /// Encapsulation key of ML-KEM.
    MlKemPublic {
        /// Its parameter set.
        set: Set,
        /// The key.
        key: Vec<u8>,
    },
    /// Decapsulation key of ML-KEM.
    MlKemPrivate(Box<MlKemPrivate>),
    /// Public key of ML-DSA.
    MlDsaPublic {
        /// Its parameter set.
        set: ml_dsa::Set,
        /// The key, pk.
        key: Vec<u8>,
    },
    /// Private key of ML-DSA.
    MlDsaPrivate(Box<MlDsaPrivate>),
    /// Public key of SLH-DSA.
    SlhDsaPublic {
        /// Its parameter set.
        set: slh_dsa::Set,
        /// PK.seed and PK.root (FIPS 205, 9.1).
        key: Vec<u8>,
    },
    /// Private key of SLH-DSA.
    SlhDsaPrivate {
        /// Its parameter set.
        set: slh_dsa::Set,
        /// SK.seed, SK.prf, PK.seed and PK.root (FIPS 205, 9.1).
        key: Secret,
    },
}

/// A new key pair.
pub struct Pair {
    /// The public half.
    pub public: Material,
    /// The private half.
    pub private: Material,
}

/// Kinds of material in the encoding. They are never given to another kind.
const BYTES: u8 = 1;
const RSA_PUBLIC: u8 = 2;
const RSA_PRIVATE: u8 = 3;
const EC_PUBLIC: u8 = 4;
const EC_PRIVATE: u8 = 5;
const ED_PUBLIC: u8 = 6;
const ED_PRIVATE: u8 = 7;
const ML_KEM_PUBLIC: u8 = 8;
const ML_KEM_PRIVATE: u8 = 9;
const MONTGOMERY_PUBLIC: u8 = 14;
const MONTGOMERY_PRIVATE: u8 = 15;
const DH_PUBLIC: u8 = 16;
const DH_PRIVATE: u8 = 17;
const ML_DSA_PUBLIC: u8 = 10;
const ML_DSA_PRIVATE: u8 = 11;
const SLH_DSA_PUBLIC: u8 = 12;
const SLH_DSA_PRIVATE: u8 = 13;

impl Material {
    /// The key type that such material belongs to; `None` for bytes, which may be any secret key.
    pub const fn key_type(&self) -> Option<CK_KEY_TYPE> {
        match self {
            Self::Bytes(_) => None,
            Self::RsaPublic { .. } | Self::RsaPrivate(_) => Some(CKK_RSA),
            Self::EcPublic { .. } | Self::EcPrivate { .. } => Some(CKK_EC),
            Self::EdPublic(_) | Self::EdPrivate(_) => Some(CKK_EC_EDWARDS),
            Self::MontgomeryPublic { .. } | Self::MontgomeryPrivate { .. } => Some(CKK_EC_MONTGOMERY),
            Self::DhPublic { .. } | Self::DhPrivate { .. } => Some(CKK_DH),
            Self::MlKemPublic { .. } | Self::MlKemPrivate(_) => Some(CKK_ML_KEM),
            Self::MlDsaPublic { .. } | Self::MlDsaPrivate(_) => Some(CKK_ML_DSA),
            Self::SlhDsaPublic { .. } | Self::SlhDsaPrivate { .. } => Some(CKK_SLH_DSA),
        }
    }

    /// Size of the key in bits, as policies and mechanisms count it.
    pub fn bits(&self) -> u32 {
        let of = |bytes: &[u8]| {
            let leading = bytes.first().map_or(0, |first| first.leading_zeros());
            u32::try_from(bytes.len() * 8).unwrap_or(u32::MAX).saturating_sub(leading)
        };
        match self {
            Self::Bytes(secret) => u32::try_from(secret.len() * 8).unwrap_or(u32::MAX),
            Self::RsaPublic { n, .. } => of(n),
            Self::RsaPrivate(key) => of(&key.n),
            Self::EcPublic { curve, .. } | Self::EcPrivate { curve, .. } => curve.bits(),
            Self::EdPublic(key) => Edwards::of_len(key.len()).bits(),
            Self::EdPrivate(seed) => Edwards::of_len(seed.len()).bits(),
            Self::MontgomeryPublic { curve, .. } | Self::MontgomeryPrivate { curve, .. } => curve.bits(),
            Self::DhPublic { group, .. } | Self::DhPrivate { group, .. } => group.bits(),
            Self::MlKemPublic { set, .. } => ml_kem::bits(*set),
            Self::MlKemPrivate(key) => ml_kem::bits(key.set),
            Self::MlDsaPublic { set, .. } => ml_dsa::bits(*set),
            Self::MlDsaPrivate(key) => ml_dsa::bits(key.set),
            Self::SlhDsaPublic { set, .. } | Self::SlhDsaPrivate { set, .. } => slh_dsa::bits(*set),
        }
    }

    /// One self-describing byte string: the kind, the number of its curve or parameter set (0 where there is one
    /// only), then each part with a 32-bit little-endian length.
    /// This is what the vault seals and what a shielded key keeps.
    pub fn encode(&self) -> Secret {
        let (kind, number, parts): (u8, u8, Vec<&[u8]>) = match self {
            Self::Bytes(secret) => (BYTES, 0, vec![secret.expose()]),
            Self::RsaPublic { n, e } => (RSA_PUBLIC, 0, vec![n, e]),
            Self::RsaPrivate(key) => {
                let RsaPrivate { n, e, d, p, q, dp, dq, qi } = &**key;
                let secrets = [d, p, q, dp, dq, qi].map(Secret::expose);
                (RSA_PRIVATE, 0, [&[&**n, &**e], &secrets[..]].concat())
            }
            Self::EcPublic { curve, point } => (EC_PUBLIC, curve.number(), vec![point]),
            Self::EcPrivate { curve, scalar } => (EC_PRIVATE, curve.number(), vec![scalar.expose()]),
            Self::EdPublic(key) => (ED_PUBLIC, Edwards::of_len(key.len()).number(), vec![key]),
            Self::EdPrivate(seed) => (ED_PRIVATE, Edwards::of_len(seed.len()).number(), vec![seed.expose()]),
            Self::MontgomeryPublic { curve, key } => (MONTGOMERY_PUBLIC, curve.number(), vec![key]),
            Self::MontgomeryPrivate { curve, key } => {
                (MONTGOMERY_PRIVATE, curve.number(), vec![key.expose()])
            }
            Self::DhPublic { group, value } => (DH_PUBLIC, dh::number(*group), vec![value]),
            Self::DhPrivate { group, value } => (DH_PRIVATE, dh::number(*group), vec![value.expose()]),
            Self::MlKemPublic { set, key } => (ML_KEM_PUBLIC, set_number(*set), vec![key]),
            Self::MlKemPrivate(key) => {
                let seed = key.seed.as_ref().map_or(&[][..], Secret::expose);
                (ML_KEM_PRIVATE, set_number(key.set), vec![key.key.expose(), seed])
            }
            Self::MlDsaPublic { set, key } => (ML_DSA_PUBLIC, dsa_number(*set), vec![key]),
            Self::MlDsaPrivate(key) => {
                let seed = key.seed.as_ref().map_or(&[][..], Secret::expose);
                (ML_DSA_PRIVATE, dsa_number(key.set), vec![key.key.expose(), seed])
            }
            Self::SlhDsaPublic { set, key } => (SLH_DSA_PUBLIC, slh_number(*set), vec![key]),
            Self::SlhDsaPrivate { set, key } => (SLH_DSA_PRIVATE, slh_number(*set), vec![key.expose()]),
        };
        let len = 2 + parts.iter().map(|part| 4 + part.len()).sum::<usize>();
        let mut encoded = Secret::zeroed(len);
        let mut rest = encoded.expose_mut();
        let mut write = |bytes: &[u8]| {
            if let Some((to, after)) = std::mem::take(&mut rest).split_at_mut_checked(bytes.len()) {
                to.copy_from_slice(bytes);
                rest = after;
            }
        };
        write(&[kind, number]);
        for part in parts {
            write(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_le_bytes());
            write(part);
        }
        encoded
    }

    /// Reads what [`Self::encode`] wrote. Anything else, trailing bytes included, is
    /// `CKR_DEVICE_ERROR`: the bytes came out of an authenticated seal, so they are ours or nobody's.
    pub fn decode(encoded: &[u8]) -> Result<Self> {
        let (&[kind, number], mut rest) = encoded.split_first_chunk::<2>().ok_or(Error::DeviceError)?;
        let mut part = || -> Result<&[u8]> {
            let (len, after) = rest.split_first_chunk::<4>().ok_or(Error::DeviceError)?;
            let len = usize::try_from(u32::from_le_bytes(*len)).map_err(|_| Error::DeviceError)?;
            let (part, after) = after.split_at_checked(len).ok_or(Error::DeviceError)?;
            rest = after;
            Ok(part)
        };
        let curve =
            || Curve::ALL.into_iter().find(|curve| curve.number() == number).ok_or(Error::DeviceError);
        let montgomery = || {
            Montgomery::ALL.iter().find(|curve| curve.number() == number).copied().ok_or(Error::DeviceError)
        };
        let group =
            || Group::ALL.into_iter().find(|group| dh::number(*group) == number).ok_or(Error::DeviceError);
        // What has no curve and no parameter set names none.
        if number != 0 && matches!(kind, BYTES | RSA_PUBLIC | RSA_PRIVATE) {
            return Err(Error::DeviceError);
        }
        let material = match kind {
            BYTES => Self::Bytes(Secret::from_slice(part()?)),
            RSA_PUBLIC => Self::RsaPublic { n: part()?.to_vec(), e: part()?.to_vec() },
            RSA_PRIVATE => Self::RsaPrivate(Box::new(RsaPrivate {
                n: part()?.to_vec(),
                e: part()?.to_vec(),
                d: Secret::from_slice(part()?),
                p: Secret::from_slice(part()?),
                q: Secret::from_slice(part()?),
                dp: Secret::from_slice(part()?),
                dq: Secret::from_slice(part()?),
                qi: Secret::from_slice(part()?),
            })),
            EC_PUBLIC => Self::EcPublic { curve: curve()?, point: part()?.to_vec() },
            EC_PRIVATE => Self::EcPrivate { curve: curve()?, scalar: Secret::from_slice(part()?) },
            ED_PUBLIC => Self::EdPublic(edwards_key(number, part()?)?.to_vec()),
            ED_PRIVATE => Self::EdPrivate(Secret::from_slice(edwards_key(number, part()?)?)),
            MONTGOMERY_PUBLIC => Self::MontgomeryPublic { curve: montgomery()?, key: part()?.to_vec() },
            MONTGOMERY_PRIVATE => {
                Self::MontgomeryPrivate { curve: montgomery()?, key: Secret::from_slice(part()?) }
            }
            DH_PUBLIC => Self::DhPublic { group: group()?, value: part()?.to_vec() },
            DH_PRIVATE => Self::DhPrivate { group: group()?, value: Secret::from_slice(part()?) },
            ML_KEM_PUBLIC => Self::MlKemPublic { set: set_of(number)?, key: part()?.to_vec() },
            ML_KEM_PRIVATE => {
                let (key, seed) = (Secret::from_slice(part()?), part()?);
                let seed = (!seed.is_empty()).then(|| Secret::from_slice(seed));
                Self::MlKemPrivate(Box::new(MlKemPrivate { set: set_of(number)?, key, seed }))
            }
            ML_DSA_PUBLIC => Self::MlDsaPublic { set: dsa_set(number)?, key: part()?.to_vec() },
            ML_DSA_PRIVATE => {
                let (key, seed) = (Secret::from_slice(part()?), part()?);
                let seed = (!seed.is_empty()).then(|| Secret::from_slice(seed));
                Self::MlDsaPrivate(Box::new(MlDsaPrivate { set: dsa_set(number)?, key, seed }))
            }
            SLH_DSA_PUBLIC => Self::SlhDsaPublic { set: slh_set(number)?, key: part()?.to_vec() },
            SLH_DSA_PRIVATE => {
                Self::SlhDsaPrivate { set: slh_set(number)?, key: Secret::from_slice(part()?) }
            }
            _ => return Err(Error::DeviceError),
        };
        if rest.is_empty() { Ok(material) } else { Err(Error::DeviceError) }
    }
}

/// A key on the curve of the Edwards form with this number, which a build without the curve does not have.
fn edwards_key(number: u8, key: &[u8]) -> Result<&[u8]> {
    let curve = Edwards::ALL.iter().find(|curve| curve.number() == number);
    if curve.is_some_and(|curve| curve.len() == key.len()) { Ok(key) } else { Err(Error::DeviceError) }
}

/// Number of a parameter set in the encoding.
const fn set_number(set: Set) -> u8 {
    match set {
        Set::Kem512 => 1,
        Set::Kem768 => 2,
        Set::Kem1024 => 3,
    }
}

fn set_of(number: u8) -> Result<Set> {
    let sets = [Set::Kem512, Set::Kem768, Set::Kem1024];
    sets.into_iter().find(|set| set_number(*set) == number).ok_or(Error::DeviceError)
}

/// The same for ML-DSA.
const fn dsa_number(set: ml_dsa::Set) -> u8 {
    match set {
        ml_dsa::Set::Dsa44 => 1,
        ml_dsa::Set::Dsa65 => 2,
        ml_dsa::Set::Dsa87 => 3,
    }
}

fn dsa_set(number: u8) -> Result<ml_dsa::Set> {
    ml_dsa::Set::ALL.into_iter().find(|set| dsa_number(*set) == number).ok_or(Error::DeviceError)
}

/// The same for SLH-DSA: 1 to 12, in the order of [`slh_dsa::Set::ALL`].
const fn slh_number(set: slh_dsa::Set) -> u8 {
    set as u8 + 1
}

fn slh_set(number: u8) -> Result<slh_dsa::Set> {
    slh_dsa::Set::ALL.into_iter().find(|set| slh_number(*set) == number).ok_or(Error::DeviceError)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn material_is_encoded_and_decoded_unchanged() {
        let key = Material::EcPrivate { curve: Curve::P521, scalar: Secret::from_slice(&[7; 66]) };
        let encoded = key.encode();
        let Material::EcPrivate { curve, scalar } = Material::decode(encoded.expose()).unwrap() else {
            panic!("another kind of key came back");
        };
        assert_eq!((curve, scalar.expose()), (Curve::P521, &[7; 66][..]));
    }

    #[test]
    fn every_parameter_set_is_encoded_and_decoded_unchanged() {
        let mut keys = Vec::new();
        for set in ml_dsa::Set::ALL {
            keys.push(Material::MlDsaPublic { set, key: vec![1; 9] });
            for seed in [None, Some(Secret::from_slice(&[2; 32]))] {
                let key = Secret::from_slice(&[3; 9]);
                keys.push(Material::MlDsaPrivate(Box::new(MlDsaPrivate { set, key, seed })));
            }
        }
        for set in slh_dsa::Set::ALL {
            keys.push(Material::SlhDsaPublic { set, key: vec![4; 9] });
            keys.push(Material::SlhDsaPrivate { set, key: Secret::from_slice(&[5; 9]) });
        }
        let mut numbers = Vec::new();
        for key in keys {
            let encoded = key.encode();
            let back = Material::decode(encoded.expose()).unwrap();
            assert_eq!(back.encode().expose(), encoded.expose());
            assert_eq!((back.key_type(), back.bits()), (key.key_type(), key.bits()));
            numbers.push((encoded.expose()[0], encoded.expose()[1]));
            for number in [0, 13] {
                let mut wrong = encoded.expose().to_vec();
                wrong[1] = number;
                assert!(Material::decode(&wrong).is_err());
            }
        }
        // These numbers stand on disk.
        assert_eq!(numbers[..4], [(10, 1), (11, 1), (11, 1), (10, 2)]);
        assert_eq!(numbers[9..12], [(12, 1), (13, 1), (12, 2)]);
        assert_eq!(numbers.last(), Some(&(13, 12)));
    }

    #[test]
    fn truncated_or_longer_material_is_refused() {
        let encoded = Material::RsaPublic { n: vec![1; 256], e: vec![1, 0, 1] }.encode();
        let bytes = encoded.expose();
        for len in 0..bytes.len() {
            assert!(Material::decode(&bytes[..len]).is_err(), "{len}");
        }
        assert!(Material::decode(&[bytes, &[0]].concat()).is_err());
    }

    #[test]
    fn material_without_a_curve_names_none() {
        let encoded = Material::Bytes(Secret::from_slice(b"key")).encode();
        let mut bytes = encoded.expose().to_vec();
        bytes[1] = 1;
        assert!(Material::decode(&bytes).is_err());
    }
}
