//! The curves of the short Weierstrass form: their sizes, and the forms in which they are named.

use super::der;
use super::engine::ec::{EcKey, Group};
use crate::ck::{Error, Result};

/// Curves of the short Weierstrass form over prime fields, all of cofactor 1.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Curve {
    /// NIST P-256, secp256r1, prime256v1.
    P256,
    /// NIST P-384, secp384r1.
    P384,
    /// NIST P-521, secp521r1.
    P521,
    /// NIST P-224, secp224r1: for verification only.
    P224,
    /// secp256k1 (SEC 2, 2.4.1).
    Secp256k1,
    /// brainpoolP256r1 (RFC 5639, 3.4).
    BrainpoolP256r1,
    /// brainpoolP384r1 (RFC 5639, 3.6).
    BrainpoolP384r1,
    /// brainpoolP512r1 (RFC 5639, 3.7).
    BrainpoolP512r1,
}

impl Curve {
    /// All curves, in the order of their numbers in the encoding.
    pub const ALL: [Self; 8] = [
        Self::P256,
        Self::P384,
        Self::P521,
        Self::P224,
        Self::Secp256k1,
        Self::BrainpoolP256r1,
        Self::BrainpoolP384r1,
        Self::BrainpoolP512r1,
    ];

    /// Number in the encoding of [`super::Material`].
    pub(super) const fn number(self) -> u8 {
        match self {
            Self::P256 => 1,
            Self::P384 => 2,
            Self::P521 => 3,
            Self::P224 => 4,
            Self::Secp256k1 => 5,
            Self::BrainpoolP256r1 => 6,
            Self::BrainpoolP384r1 => 7,
            Self::BrainpoolP512r1 => 8,
        }
    }

    /// Bits of the field and, for these curves, of the order.
    pub const fn bits(self) -> u32 {
        match self {
            Self::P224 => 224,
            Self::P256 | Self::Secp256k1 | Self::BrainpoolP256r1 => 256,
            Self::P384 | Self::BrainpoolP384r1 => 384,
            Self::BrainpoolP512r1 => 512,
            Self::P521 => 521,
        }
    }

    /// Length of a coordinate or a scalar in bytes.
    pub const fn len(self) -> usize {
        self.group().len()
    }

    /// Whether private keys may lie on it. P-224 is for what was signed once: 112 bits of security protect nothing new
    /// after 2030 (SP 800-57 Part 1 Rev. 5, 5.6.3, table 4).
    pub const fn has_private_keys(self) -> bool {
        !matches!(self, Self::P224)
    }

    /// Whether the engine of this build has it.
    pub const fn is_supported(self) -> bool {
        EcKey::takes(self.group())
    }

    pub(super) const fn group(self) -> Group {
        match self {
            Self::P256 => Group::P256,
            Self::P384 => Group::P384,
            Self::P521 => Group::P521,
            Self::P224 => Group::P224,
            Self::Secp256k1 => Group::Secp256k1,
            Self::BrainpoolP256r1 => Group::BrainpoolP256r1,
            Self::BrainpoolP384r1 => Group::BrainpoolP384r1,
            Self::BrainpoolP512r1 => Group::BrainpoolP512r1,
        }
    }

    /// `CKA_EC_PARAMS`: the OBJECT IDENTIFIER of the curve, in DER (RFC 5480, 2.1.1.1; RFC 5639, 4.1).
    pub const fn ec_params(self) -> &'static [u8] {
        match self {
            // 1.2.840.10045.3.1.7
            Self::P256 => &[0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07],
            // 1.3.132.0.34, .35, .33 and .10
            Self::P384 => &[0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x22],
            Self::P521 => &[0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x23],
            Self::P224 => &[0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x21],
            Self::Secp256k1 => &[0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x0A],
            // 1.3.36.3.3.2.8.1.1.7, .11 and .13
            Self::BrainpoolP256r1 => &[0x06, 0x09, 0x2B, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, 0x07],
            Self::BrainpoolP384r1 => &[0x06, 0x09, 0x2B, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, 0x0B],
            Self::BrainpoolP512r1 => &[0x06, 0x09, 0x2B, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, 0x0D],
        }
    }

    /// The curve's names, first the one that is printed.
    pub const fn names(self) -> &'static [&'static str] {
        match self {
            Self::P256 => &["P-256", "secp256r1", "prime256v1"],
            Self::P384 => &["P-384", "secp384r1"],
            Self::P521 => &["P-521", "secp521r1"],
            Self::P224 => &["P-224", "secp224r1"],
            Self::Secp256k1 => &["secp256k1"],
            Self::BrainpoolP256r1 => &["brainpoolP256r1"],
            Self::BrainpoolP384r1 => &["brainpoolP384r1"],
            Self::BrainpoolP512r1 => &["brainpoolP512r1"],
        }
    }

    /// The curve of a `CKA_EC_PARAMS`: an OBJECT IDENTIFIER, or a PrintableString with one of the curve's
    /// names (PKCS#11 3.2, `Parameters`). `CKR_CURVE_NOT_SUPPORTED` for other curves,
    /// `CKR_DOMAIN_PARAMS_INVALID` for anything else, explicit parameters and `implicitlyCA` too.
    pub fn from_ec_params(params: &[u8]) -> Result<Self> {
        let name = der::content(der::PRINTABLE_STRING, params).ok();
        let named = |curve: &Self| curve.names().iter().any(|known| Some(known.as_bytes()) == name);
        let curve = Self::ALL.into_iter().find(|curve| curve.ec_params() == params || named(curve));
        match curve {
            Some(curve) if curve.is_supported() => Ok(curve),
            _ => Err(not_supported(params)),
        }
    }
}

/// What is wrong with a `CKA_EC_PARAMS` that names no curve of a kind of key: `CKR_CURVE_NOT_SUPPORTED` where it
/// names another, `CKR_DOMAIN_PARAMS_INVALID` where it names none.
pub(super) fn not_supported(params: &[u8]) -> Error {
    let named = [der::OBJECT_IDENTIFIER, der::PRINTABLE_STRING];
    if named.into_iter().any(|tag| der::content(tag, params).is_ok()) {
        Error::CurveNotSupported
    } else {
        Error::DomainParamsInvalid
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ec_params_are_read_in_both_forms() {
        for curve in Curve::ALL {
            if !curve.is_supported() {
                assert_eq!(Curve::from_ec_params(curve.ec_params()), Err(Error::CurveNotSupported));
                continue;
            }
            assert_eq!(Curve::from_ec_params(curve.ec_params()), Ok(curve));
            assert_eq!(curve.len(), curve.bits().div_ceil(8) as usize);
            for name in curve.names() {
                let params = der::element(der::PRINTABLE_STRING, &[name.as_bytes()]);
                assert_eq!(Curve::from_ec_params(&params), Ok(curve));
            }
        }
    }

    #[test]
    fn ec_params_of_no_curve_here_are_refused() {
        let p256 = Curve::P256.ec_params();
        for (params, refusal) in [
            // secp192k1, 1.3.132.0.31; brainpoolP256t1; a name.
            (&[6, 5, 0x2B, 0x81, 4, 0, 31][..], Error::CurveNotSupported),
            (&[6, 9, 0x2B, 0x24, 3, 3, 2, 8, 1, 1, 8], Error::CurveNotSupported),
            (&[0x13, 4, b'P', b'-', b'2', b'5'], Error::CurveNotSupported),
            // A name in another string type; explicit parameters; implicitlyCA; nothing.
            (&[0x0C, 5, b'P', b'-', b'2', b'5', b'6'], Error::DomainParamsInvalid),
            (&[0x30, 0], Error::DomainParamsInvalid),
            (&[5, 0], Error::DomainParamsInvalid),
            (&[], Error::DomainParamsInvalid),
            // A curve, and something behind it; not all of it.
            (&[p256, &[0]].concat(), Error::DomainParamsInvalid),
            (&p256[..p256.len() - 1], Error::DomainParamsInvalid),
        ] {
            assert_eq!(Curve::from_ec_params(params), Err(refusal), "{params:x?}");
        }
    }
}
