//! Key pairs by extra random bits (FIPS 186-5, A.2.1): a random number of 64 bits more than the order has, reduced. Never
//! drawn twice, and nearer to even than anybody can tell.

use super::ec::{self, FLAGS, SIZES};
use super::mechanism::{Ops, Recipe, Row};
use super::{Curve, Pair, random};
use crate::ck::params::Shape;
use crate::ck::{Error, Result};
use crate::secret::Secret;
use crypto_bigint::{NonZero, U640};
use cryptoki_sys::*;
use zeroize::Zeroizing;

/// CKM_EC_KEY_PAIR_GEN_W_EXTRA_BITS. PKCS#11 3.2, Elliptic curve key pair generation.
pub static KEY_PAIR_GEN_W_EXTRA_BITS: Row = Row {
    ckm: CKM_EC_KEY_PAIR_GEN_W_EXTRA_BITS,
    key_types: &[CKK_EC],
    sizes: SIZES,
    shape: Shape::None,
    flags: FLAGS,
    prepare: None,
    ops: Ops { generate_pair: Some(generate_pair), ..Ops::NONE },
};

/// How many bytes longer than the order.
const EXTRA: usize = 8;

/// Bytes of the number that holds all of them.
const WIDTH: usize = 80;

/// The order of the curve, in hexadecimal (SP 800-186, 3.2.1; SEC 2, 2.4.1; RFC 5639, 3.4, 3.6 and 3.7). None on a curve
/// without private keys.
const fn order(curve: Curve) -> Option<&'static str> {
    Some(match curve {
        Curve::P256 => "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551",
        Curve::P384 => {
            "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973"
        }
        Curve::P521 => {
            "01FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFA51868783BF2F966B7FCC0148F709A5D03BB5C9B8899C47AEBB6FB71E91386409"
        }
        Curve::P224 => return None,
        Curve::Secp256k1 => "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141",
        Curve::BrainpoolP256r1 => "A9FB57DBA1EEA9BC3E660A909D838D718C397AA3B561A6F7901E0E82974856A7",
        Curve::BrainpoolP384r1 => {
            "8CB91E82A3386D280F5D6F7E50E641DF152F7109ED5456B31F166E6CAC0425A7CF3AB6AF6B7FC3103B883202E9046565"
        }
        Curve::BrainpoolP512r1 => {
            "AADD9DB8DBE9C48B3FD4E6AE33C9FC07CB308DB3B3C9D20ED6639CCA70330870553E5C414CA92619418661197FAC10471DB1D381085DDADDB58796829CA90069"
        }
    })
}

fn generate_pair(recipe: &Recipe) -> Result<Pair> {
    ec::generate_pair_by(recipe, |curve| {
        let mut bits = Secret::zeroed(curve.len() + EXTRA);
        random::fill(bits.expose_mut())?;
        reduced(curve, &bits)
    })
}

/// (bits mod (n - 1)) + 1, in constant time (FIPS 186-5, A.4.1).
fn reduced(curve: Curve, bits: &Secret) -> Result<Secret> {
    let order = U640::from_str_radix_vartime(order(curve).ok_or(Error::CurveNotSupported)?, 16);
    let order = order.map_err(|_| Error::GeneralError)?;
    let below = NonZero::new(order.wrapping_sub(&U640::ONE)).into_option().ok_or(Error::GeneralError)?;
    let mut wide = Zeroizing::new([0; WIDTH]);
    let from = WIDTH.checked_sub(bits.len()).ok_or(Error::GeneralError)?;
    wide.get_mut(from..).unwrap_or_default().copy_from_slice(bits.expose());
    let number = Zeroizing::new(U640::from_be_slice(&*wide));
    let scalar = Zeroizing::new(number.rem(&below).wrapping_add(&U640::ONE));
    let bytes = Zeroizing::new(scalar.to_be_bytes());
    let from = WIDTH.checked_sub(curve.len()).ok_or(Error::GeneralError)?;
    Ok(Secret::from_slice(bytes.as_ref().get(from..).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::tests::hex;
    use crate::crypto::{Material, public_of};

    /// The order, or a number near it.
    fn near(curve: Curve, change: i8) -> Vec<u8> {
        let mut bytes = hex(order(curve).unwrap());
        let last = bytes.last_mut().unwrap();
        *last = last.wrapping_add_signed(change);
        bytes
    }

    fn reduced_from(curve: Curve, value: &[u8]) -> Vec<u8> {
        let mut bits = Secret::zeroed(curve.len() + EXTRA);
        let from = bits.len() - value.len();
        bits.expose_mut()[from..].copy_from_slice(value);
        reduced(curve, &bits).unwrap().expose().to_vec()
    }

    #[test]
    fn the_orders_are_those_of_the_curves() {
        for curve in ec::tests::curves() {
            assert!(ec::import_private(curve, &near(curve, -1)).is_ok(), "{curve:?}");
            assert!(ec::import_private(curve, &near(curve, 0)).is_err(), "{curve:?}");
        }
        assert_eq!(order(Curve::P224), None);
    }

    #[test]
    fn every_number_becomes_one_between_1_and_the_order() {
        for curve in ec::tests::curves() {
            let small = |value: u8| {
                let mut bytes = vec![0; curve.len()];
                *bytes.last_mut().unwrap() = value;
                bytes
            };
            assert_eq!(reduced_from(curve, &[0]), small(1));
            assert_eq!(reduced_from(curve, &[5]), small(6));
            // n - 2 stays below n - 1; n - 1 and n begin again.
            assert_eq!(reduced_from(curve, &near(curve, -2)), near(curve, -1), "{curve:?}");
            assert_eq!(reduced_from(curve, &near(curve, -1)), small(1));
            assert_eq!(reduced_from(curve, &near(curve, 0)), small(2));
            let all = reduced_from(curve, &vec![0xFF; curve.len() + EXTRA]);
            assert!(ec::import_private(curve, &all).is_ok());
        }
    }

    /// 2^320 - 1 modulo the order of P-256 less one, and one more; computed by Python.
    #[test]
    fn a_long_number_is_reduced_as_elsewhere() {
        let expected = "fffffffe00000001431905529c0166cd22159165b6faae71f756a572fc632550";
        assert_eq!(reduced_from(Curve::P256, &[0xFF; 40]), hex(expected));
    }

    #[test]
    fn generate_pair_makes_halves_that_belong_together() {
        for curve in ec::tests::curves() {
            let recipe = Recipe { ec_params: Some(curve.ec_params().to_vec()), ..Recipe::default() };
            let pair = generate_pair(&recipe).unwrap();
            let (Material::EcPublic { point, .. }, Some(Material::EcPublic { point: same, .. })) =
                (&pair.public, public_of(&pair.private).unwrap())
            else {
                panic!("no key pair");
            };
            assert_eq!(*point, same);
        }
        let recipe = Recipe { ec_params: Some(Curve::P224.ec_params().to_vec()), ..Recipe::default() };
        assert_eq!(generate_pair(&recipe).err(), Some(Error::CurveNotSupported));
    }
}
