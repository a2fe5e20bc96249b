//! The mechanisms of key derivation with their structures.

use crate::client::*;
use crate::parameters::{kept, structure};
use cryptoki_sys::*;
use std::ptr::null_mut;

/// Values that live as long as the test's process.
pub fn placed<T>(values: Vec<T>) -> *mut T {
    values.leak().as_mut_ptr()
}

/// A mechanism with a number as its parameter.
pub fn number(ckm: CK_MECHANISM_TYPE, number: CK_ULONG) -> Mechanism {
    Mechanism::iv(ckm, &number.to_ne_bytes())
}

/// A mechanism with a byte string as its parameter.
pub fn string(ckm: CK_MECHANISM_TYPE, data: &[u8]) -> Mechanism {
    structure(ckm, &CK_KEY_DERIVATION_STRING_DATA { pData: kept(data), ulLen: data.len() as CK_ULONG })
}

/// The salt of HKDF.
#[derive(Clone, Copy)]
pub enum Salt<'a> {
    Null,
    Data(&'a [u8]),
    Key(Key),
}

/// `CKM_HKDF_DERIVE` or `CKM_HKDF_DATA`: extract with a salt, expand with an info, or both.
pub fn hkdf(
    ckm: CK_MECHANISM_TYPE,
    hash: CK_MECHANISM_TYPE,
    extract: Option<Salt<'_>>,
    expand: Option<&[u8]>,
) -> Mechanism {
    structure(ckm, &hkdf_params(hash, extract, expand))
}

pub fn hkdf_params(
    hash: CK_MECHANISM_TYPE,
    extract: Option<Salt<'_>>,
    expand: Option<&[u8]>,
) -> CK_HKDF_PARAMS {
    let (kind, data, key) = match extract {
        None | Some(Salt::Null) => (CKF_HKDF_SALT_NULL, &[][..], 0),
        Some(Salt::Data(data)) => (CKF_HKDF_SALT_DATA, data, 0),
        Some(Salt::Key(key)) => (CKF_HKDF_SALT_KEY, &[][..], key),
    };
    let info = expand.unwrap_or_default();
    CK_HKDF_PARAMS {
        bExtract: extract.is_some().into(),
        bExpand: expand.is_some().into(),
        prfHashMechanism: hash,
        ulSaltType: kind,
        pSalt: kept(data),
        ulSaltLen: data.len() as CK_ULONG,
        hSaltKey: key,
        pInfo: kept(info),
        ulInfoLen: info.len() as CK_ULONG,
    }
}

/// A part of the input of SP 800-108: the iteration variable, as a counter of this width where one is given.
pub fn variable(width: Option<CK_ULONG>) -> CK_PRF_DATA_PARAM {
    let Some(width) = width else {
        return CK_PRF_DATA_PARAM {
            type_: CK_SP800_108_ITERATION_VARIABLE,
            pValue: null_mut(),
            ulValueLen: 0,
        };
    };
    part(
        CK_SP800_108_ITERATION_VARIABLE,
        CK_SP800_108_COUNTER_FORMAT { bLittleEndian: CK_FALSE, ulWidthInBits: width },
    )
}

/// A part of the input that is a structure or a number.
pub fn part<T>(kind: CK_ULONG, value: T) -> CK_PRF_DATA_PARAM {
    let len = size_of::<T>() as CK_ULONG;
    CK_PRF_DATA_PARAM { type_: kind, pValue: placed(vec![value]).cast(), ulValueLen: len }
}

/// A part of the input that is bytes.
pub fn fixed(bytes: &[u8]) -> CK_PRF_DATA_PARAM {
    let len = bytes.len() as CK_ULONG;
    CK_PRF_DATA_PARAM { type_: CK_SP800_108_BYTE_ARRAY, pValue: kept(bytes).cast(), ulValueLen: len }
}

/// A further key and the place for its handle.
pub fn further(attributes: Vec<CK_ATTRIBUTE>, handle: *mut Key) -> CK_DERIVED_KEY {
    let count = attributes.len() as CK_ULONG;
    CK_DERIVED_KEY { pTemplate: placed(attributes), ulAttributeCount: count, phKey: handle }
}

/// An attribute with its value in memory that stays.
pub fn attribute(cka: CK_ATTRIBUTE_TYPE, value: &[u8]) -> CK_ATTRIBUTE {
    CK_ATTRIBUTE { type_: cka, pValue: kept(value).cast(), ulValueLen: value.len() as CK_ULONG }
}

/// `CKM_SP800_108_COUNTER_KDF` or `CKM_SP800_108_DOUBLE_PIPELINE_KDF`.
pub fn kbkdf(
    ckm: CK_MECHANISM_TYPE,
    prf: CK_MECHANISM_TYPE,
    parts: Vec<CK_PRF_DATA_PARAM>,
    keys: Vec<CK_DERIVED_KEY>,
) -> Mechanism {
    structure(
        ckm,
        &CK_SP800_108_KDF_PARAMS {
            prfType: prf,
            ulNumberOfDataParams: parts.len() as CK_ULONG,
            pDataParams: placed(parts),
            ulAdditionalDerivedKeys: keys.len() as CK_ULONG,
            pAdditionalDerivedKeys: if keys.is_empty() { null_mut() } else { placed(keys) },
        },
    )
}

/// `CKM_SP800_108_FEEDBACK_KDF`.
pub fn feedback(prf: CK_MECHANISM_TYPE, parts: Vec<CK_PRF_DATA_PARAM>, iv: &[u8]) -> Mechanism {
    structure(
        CKM_SP800_108_FEEDBACK_KDF,
        &CK_SP800_108_FEEDBACK_KDF_PARAMS {
            prfType: prf,
            ulNumberOfDataParams: parts.len() as CK_ULONG,
            pDataParams: placed(parts),
            ulIVLen: iv.len() as CK_ULONG,
            pIV: kept(iv),
            ulAdditionalDerivedKeys: 0,
            pAdditionalDerivedKeys: null_mut(),
        },
    )
}

/// `CK_PKCS5_PBKD2_PARAMS2`.
pub fn pbkd2_params(
    prf: CK_ULONG,
    password: &[u8],
    salt: &[u8],
    iterations: CK_ULONG,
) -> CK_PKCS5_PBKD2_PARAMS2 {
    CK_PKCS5_PBKD2_PARAMS2 {
        saltSource: CKZ_SALT_SPECIFIED,
        pSaltSourceData: kept(salt).cast(),
        ulSaltSourceDataLen: salt.len() as CK_ULONG,
        iterations,
        prf,
        pPrfData: null_mut(),
        ulPrfDataLen: 0,
        pPassword: kept(password),
        ulPasswordLen: password.len() as CK_ULONG,
    }
}

/// `CKM_PKCS5_PBKD2`.
pub fn pbkd2(prf: CK_ULONG, password: &[u8], salt: &[u8], iterations: CK_ULONG) -> Mechanism {
    structure(CKM_PKCS5_PBKD2, &pbkd2_params(prf, password, salt, iterations))
}

/// The random bytes of both sides.
pub fn randoms(client: &[u8], server: &[u8]) -> CK_SSL3_RANDOM_DATA {
    CK_SSL3_RANDOM_DATA {
        pClientRandom: kept(client),
        ulClientRandomLen: client.len() as CK_ULONG,
        pServerRandom: kept(server),
        ulServerRandomLen: server.len() as CK_ULONG,
    }
}

/// `CKM_TLS12_MASTER_KEY_DERIVE` and `..._DH`.
pub fn tls_master(
    ckm: CK_MECHANISM_TYPE,
    random: CK_SSL3_RANDOM_DATA,
    version: *mut CK_VERSION,
) -> Mechanism {
    structure(
        ckm,
        &CK_TLS12_MASTER_KEY_DERIVE_PARAMS {
            RandomInfo: random,
            pVersion: version,
            prfHashMechanism: CKM_SHA256,
        },
    )
}

/// `CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE` and `..._DH`.
pub fn tls_extended_master(
    ckm: CK_MECHANISM_TYPE,
    session_hash: &[u8],
    version: *mut CK_VERSION,
) -> Mechanism {
    structure(
        ckm,
        &CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS {
            prfHashMechanism: CKM_SHA256,
            pSessionHash: kept(session_hash),
            ulSessionHashLen: session_hash.len() as CK_ULONG,
            pVersion: version,
        },
    )
}

/// `CKM_TLS12_KEY_AND_MAC_DERIVE` and `CKM_TLS12_KEY_SAFE_DERIVE`; lengths in bits of MAC keys, cipher keys and vectors.
pub fn tls_keys(
    ckm: CK_MECHANISM_TYPE,
    (mac, key, iv): (CK_ULONG, CK_ULONG, CK_ULONG),
    random: CK_SSL3_RANDOM_DATA,
    out: *mut CK_SSL3_KEY_MAT_OUT,
) -> Mechanism {
    structure(
        ckm,
        &CK_TLS12_KEY_MAT_PARAMS {
            ulMacSizeInBits: mac,
            ulKeySizeInBits: key,
            ulIVSizeInBits: iv,
            bIsExport: CK_FALSE,
            RandomInfo: random,
            pReturnedKeyMaterial: out,
            prfHashMechanism: CKM_SHA256,
        },
    )
}

/// A place for TLS keys, with room for vectors of 16 bytes.
pub fn key_material() -> *mut CK_SSL3_KEY_MAT_OUT {
    placed(vec![CK_SSL3_KEY_MAT_OUT {
        hClientMacSecret: CK_ULONG::MAX,
        hServerMacSecret: CK_ULONG::MAX,
        hClientKey: CK_ULONG::MAX,
        hServerKey: CK_ULONG::MAX,
        pIVClient: kept(&[0xEE; 16]),
        pIVServer: kept(&[0xEE; 16]),
    }])
}

/// `CKM_TLS_KDF`.
pub fn tls_kdf(
    ckm: CK_MECHANISM_TYPE,
    label: &[u8],
    random: CK_SSL3_RANDOM_DATA,
    context: Option<&[u8]>,
) -> Mechanism {
    structure(
        ckm,
        &CK_TLS_KDF_PARAMS {
            prfMechanism: CKM_SHA256,
            pLabel: kept(label),
            ulLabelLength: label.len() as CK_ULONG,
            RandomInfo: random,
            pContextData: context.map_or(null_mut(), kept),
            ulContextDataLength: context.map_or(0, |context| context.len() as CK_ULONG),
        },
    )
}

/// `CKM_TLS_MAC`: the length of the contents, and 1 for the server's, 2 for the client's.
pub fn tls_mac(ckm: CK_MECHANISM_TYPE, len: CK_ULONG, side: CK_ULONG) -> Mechanism {
    structure(
        ckm,
        &CK_TLS_MAC_PARAMS { prfHashMechanism: CKM_SHA256, ulMacLength: len, ulServerOrClient: side },
    )
}
