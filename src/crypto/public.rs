//! The public half of keys, and its DER form.

use super::dh::Group;
use super::eddsa::Edwards;
use super::ml_kem::{self, Set};
use super::{Material, der, dh, ec, eddsa, ml_dsa, montgomery, slh_dsa};
use crate::ck::Result;

/// The public key of a private one; a public key's own; none for secret keys.
pub fn public_of(key: &Material) -> Result<Option<Material>> {
    Ok(Some(match key {
        Material::Bytes(_) => return Ok(None),
        Material::RsaPublic { n, e } => Material::RsaPublic { n: n.clone(), e: e.clone() },
        Material::RsaPrivate(key) => Material::RsaPublic { n: key.n.clone(), e: key.e.clone() },
        Material::EcPublic { curve, point } => Material::EcPublic { curve: *curve, point: point.clone() },
        Material::EcPrivate { curve, scalar } => {
            Material::EcPublic { curve: *curve, point: ec::public_from_private(*curve, scalar)? }
        }
        Material::EdPublic(point) => Material::EdPublic(point.clone()),
        Material::EdPrivate(seed) => Material::EdPublic(eddsa::public_from_seed(seed)?),
        Material::MontgomeryPublic { curve, key } => {
            Material::MontgomeryPublic { curve: *curve, key: key.clone() }
        }
        Material::MontgomeryPrivate { curve, key } => {
            Material::MontgomeryPublic { curve: *curve, key: montgomery::public_from_private(*curve, key)? }
        }
        Material::DhPublic { group, value } => Material::DhPublic { group: *group, value: value.clone() },
        Material::DhPrivate { group, value } => {
            Material::DhPublic { group: *group, value: dh::public_from_private(*group, value)? }
        }
        Material::MlKemPublic { set, key } => Material::MlKemPublic { set: *set, key: key.clone() },
        Material::MlKemPrivate(_) => ml_kem::public_of(key)?,
        Material::MlDsaPublic { set, key } => Material::MlDsaPublic { set: *set, key: key.clone() },
        Material::MlDsaPrivate(_) => ml_dsa::public_of(key)?,
        Material::SlhDsaPublic { set, key } => Material::SlhDsaPublic { set: *set, key: key.clone() },
        Material::SlhDsaPrivate { .. } => slh_dsa::public_of(key)?,
    }))
}

/// `AlgorithmIdentifier` of Diffie-Hellman: 1.2.840.113549.1.3.1 (PKCS #3, 9).
pub(super) const DH_OID: &[u8] = &[0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x03, 0x01];

/// Its parameters: `DHParameter`, prime and base.
pub(super) fn dh_parameters(group: Group) -> Vec<u8> {
    let (prime, base) = (der::integer(&group.prime()), der::integer(dh::BASE));
    der::element(der::SEQUENCE, &[&prime, &base])
}

/// `AlgorithmIdentifier` of ML-KEM (RFC 9935, 3): 2.16.840.1.101.3.4.4.1 to 3, nothing behind it.
pub(super) const fn ml_kem_oid(set: Set) -> &'static [u8] {
    match set {
        Set::Kem512 => &[0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x04, 0x01],
        Set::Kem768 => &[0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x04, 0x02],
        Set::Kem1024 => &[0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x04, 0x03],
    }
}

/// `AlgorithmIdentifier` of ML-DSA (RFC 9881, 2): 2.16.840.1.101.3.4.3.17 to 19, nothing behind it.
pub(super) const fn ml_dsa_oid(set: ml_dsa::Set) -> &'static [u8] {
    match set {
        ml_dsa::Set::Dsa44 => &[0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 17],
        ml_dsa::Set::Dsa65 => &[0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 18],
        ml_dsa::Set::Dsa87 => &[0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 19],
    }
}

/// `CKA_PUBLIC_KEY_INFO`: the `SubjectPublicKeyInfo` in DER (RFC 5280, 4.1.2.7; RFC 8017, A.1.1; RFC 5480;
/// RFC 8410; PKCS #3; RFC 9935; RFC 9881; RFC 9909) of a public key, or of the public half of a private one. None for secret keys.
pub fn public_key_info(key: &Material) -> Result<Option<Vec<u8>>> {
    // 1.2.840.113549.1.1.1 with NULL, and 1.2.840.10045.2.1.
    const RSA: &[u8] = &[0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01, der::NULL, 0];
    const EC: &[u8] = &[0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01];

    let info = |algorithm: &[&[u8]], key: &[u8]| {
        let algorithm = der::element(der::SEQUENCE, algorithm);
        der::element(der::SEQUENCE, &[&algorithm, &der::bit_string(key)])
    };
    Ok(match key {
        Material::Bytes(_) => None,
        Material::RsaPublic { n, e } => {
            let key = der::element(der::SEQUENCE, &[&der::integer(n), &der::integer(e)]);
            Some(info(&[RSA], &key))
        }
        Material::EcPublic { curve, point } => Some(info(&[EC, curve.ec_params()], point)),
        Material::EdPublic(point) => Some(info(&[Edwards::of_len(point.len()).ec_params()], point)),
        Material::MontgomeryPublic { curve, key } => Some(info(&[curve.ec_params()], key)),
        Material::DhPublic { group, value } => {
            Some(info(&[DH_OID, &dh_parameters(*group)], &der::integer(value)))
        }
        Material::MlKemPublic { set, key } => Some(info(&[ml_kem_oid(*set)], key)),
        Material::MlDsaPublic { set, key } => Some(info(&[ml_dsa_oid(*set)], key)),
        Material::SlhDsaPublic { set, key } => Some(info(&[slh_dsa::oid(*set)], key)),
        Material::RsaPrivate(_)
        | Material::EcPrivate { .. }
        | Material::EdPrivate(_)
        | Material::MontgomeryPrivate { .. }
        | Material::DhPrivate { .. }
        | Material::MlKemPrivate(_)
        | Material::MlDsaPrivate(_)
        | Material::SlhDsaPrivate { .. } => match public_of(key)? {
            Some(public) => public_key_info(&public)?,
            None => None,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::tests::{RSA_2048_INFO, hex, rsa_2048};
    use crate::secret::Secret;

    /// Made by OpenSSL 4.0 of the same key.
    #[test]
    fn public_key_info_of_an_rsa_key_equals_openssl() {
        assert_eq!(public_key_info(&rsa_2048()).unwrap().unwrap(), hex(RSA_2048_INFO));
    }

    #[test]
    fn public_key_info_of_rfc_8410_is_known() {
        // RFC 8410, 10.1 and 10.3: the public key in PEM there, its seed in the private key.
        let seed = hex("d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f44755842");
        let info = public_key_info(&Material::EdPrivate(Secret::from_slice(&seed))).unwrap().unwrap();
        let expected =
            "302a300506032b657003210019bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1";
        assert_eq!(info, hex(expected));
    }

    #[test]
    fn public_key_info_of_an_ec_key_has_its_curve_and_point() {
        for (curve, scalar, point) in ec::tests::known_keys() {
            let private = ec::import_private(*curve, &hex(scalar)).unwrap();
            let info = public_key_info(&private).unwrap().unwrap();
            assert!(info.ends_with(&[&[0][..], &hex(point)].concat()));
            let content = der::content(der::SEQUENCE, &info).unwrap();
            let algorithm = der::element(der::SEQUENCE, &[&hex("06072a8648ce3d0201"), curve.ec_params()]);
            assert!(content.starts_with(&algorithm));
        }
    }

    #[test]
    fn secret_keys_have_no_public_half() {
        let secret = Material::Bytes(Secret::zeroed(16));
        assert!(public_of(&secret).unwrap().is_none());
        assert_eq!(public_key_info(&secret), Ok(None));
    }
}
