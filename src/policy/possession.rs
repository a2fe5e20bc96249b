//! Proof of possession: a key that is not active yet may sign its own certification request where the policy says so
//! (`[pre-active] proof_of_possession`), so that its certificate can be there on the day it becomes active (SP 800-57 Part 1 Rev. 5,
//! 7.1). Whether it is one is looked at where the data are: in the guard.

use crate::ck::CK_MECHANISM_TYPE;
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
    CKM_EDDSA,
    CKM_ML_DSA,
    CKM_SLH_DSA,
];

/// Whether a certification request can be signed with the mechanism so that it is seen.
pub fn takes_requests(ckm: CK_MECHANISM_TYPE) -> bool {
    TAKING_REQUESTS.contains(&ckm)
}
