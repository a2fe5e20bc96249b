//! Proof of possession: a key that is not active yet may sign its own certification request where the policy says so
//! (`[pre-active] proof_of_possession`), so that its certificate can be there on the day it becomes active (SP 800-57 Part 1 Rev. 5,
//! 7.1). Whether it is one is looked at where the data are: in the guard.

use crate::ck::CK_MECHANISM_TYPE;
use crate::ck::vendor::{
    CKM_KEYWARD_ECDSA_DETERMINISTIC_SHA224, CKM_KEYWARD_ECDSA_DETERMINISTIC_SHA256,
    CKM_KEYWARD_ECDSA_DETERMINISTIC_SHA384, CKM_KEYWARD_ECDSA_DETERMINISTIC_SHA512,
};
use cryptoki_sys::*;

/// The algorithms for X.509 that take the request itself. Where a caller brings a digest, nobody knows of what.
const TAKING_REQUESTS: &[CK_MECHANISM_TYPE] = &[
    CKM_SHA224_RSA_PKCS,
    CKM_SHA256_RSA_PKCS,
    CKM_SHA384_RSA_PKCS,
    CKM_SHA512_RSA_PKCS,
    CKM_SHA3_224_RSA_PKCS,
    CKM_SHA3_256_RSA_PKCS,
    CKM_SHA3_384_RSA_PKCS,
    CKM_SHA3_512_RSA_PKCS,
    CKM_SHA224_RSA_PKCS_PSS,
    CKM_SHA256_RSA_PKCS_PSS,
    CKM_SHA384_RSA_PKCS_PSS,
    CKM_SHA512_RSA_PKCS_PSS,
    CKM_SHA3_224_RSA_PKCS_PSS,
    CKM_SHA3_256_RSA_PKCS_PSS,
    CKM_SHA3_384_RSA_PKCS_PSS,
    CKM_SHA3_512_RSA_PKCS_PSS,
    CKM_ECDSA_SHA224,
    CKM_ECDSA_SHA256,
    CKM_ECDSA_SHA384,
    CKM_ECDSA_SHA512,
    CKM_ECDSA_SHA3_224,
    CKM_ECDSA_SHA3_256,
    CKM_ECDSA_SHA3_384,
    CKM_ECDSA_SHA3_512,
    CKM_KEYWARD_ECDSA_DETERMINISTIC_SHA224,
    CKM_KEYWARD_ECDSA_DETERMINISTIC_SHA256,
    CKM_KEYWARD_ECDSA_DETERMINISTIC_SHA384,
    CKM_KEYWARD_ECDSA_DETERMINISTIC_SHA512,
    CKM_EDDSA,
    CKM_ML_DSA,
    CKM_SLH_DSA,
];

/// Whether a certification request can be signed with the mechanism so that it is seen.
pub fn takes_requests(ckm: CK_MECHANISM_TYPE) -> bool {
    TAKING_REQUESTS.contains(&ckm)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ck::names::mechanism_name;
    use crate::ck::vendor::{CKM_KEYWARD_ECDSA_DETERMINISTIC, VENDOR_MECHANISMS};
    use crate::crypto::table;

    /// Whoever adds a mechanism that signs with a private key says here whether it takes requests.
    #[test]
    fn every_signature_with_a_private_key_takes_requests_or_is_known_not_to() {
        // They take a digest.
        const TAKES_NONE: &[CK_MECHANISM_TYPE] = &[
            CKM_RSA_PKCS,
            CKM_RSA_X_509,
            CKM_RSA_PKCS_PSS,
            CKM_ECDSA,
            CKM_KEYWARD_ECDSA_DETERMINISTIC,
            CKM_HASH_ML_DSA,
            CKM_HASH_SLH_DSA,
        ];
        // X.509 has ML-DSA and SLH-DSA over the message alone (RFC 9881, RFC 9909).
        let not_of_x_509 = |ckm| {
            let name = mechanism_name(ckm);
            name.starts_with("CKM_HASH_ML_DSA_") || name.starts_with("CKM_HASH_SLH_DSA_")
        };
        const PRIVATE: &[u64] = &[CKK_RSA, CKK_EC, CKK_EC_EDWARDS, CKK_ML_DSA, CKK_SLH_DSA];
        let signs = |ckm: CK_MECHANISM_TYPE| {
            table::find(ckm).is_some_and(|(_, row)| {
                row.ops.sign.is_some() && row.key_types.iter().any(|of| PRIVATE.contains(of))
            })
        };
        let all = crate::ck::names::MECHANISMS.iter().chain(VENDOR_MECHANISMS).map(|(_, ckm)| *ckm);
        let unknown: Vec<_> = all
            .filter(|ckm| {
                signs(*ckm) && !takes_requests(*ckm) && !TAKES_NONE.contains(ckm) && !not_of_x_509(*ckm)
            })
            .map(mechanism_name)
            .collect();
        assert_eq!(unknown, [""; 0]);
        for ckm in TAKING_REQUESTS {
            assert!(signs(*ckm), "{} is not there", mechanism_name(*ckm));
        }
    }
}
