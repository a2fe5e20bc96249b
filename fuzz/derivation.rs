//! The parameters of key derivation, from bytes.

use crate::mechanisms::{field, whole};
use crate::memory::{Memory, Source};
use cryptoki_sys::*;
use std::ptr::with_exposed_provenance_mut as at;

const HASHES: &[CK_MECHANISM_TYPE] = &[CKM_SHA256, CKM_SHA384, CKM_SHA512, CKM_SHA_1, CKM_TLS_PRF, 0];
const PRFS: &[CK_MECHANISM_TYPE] = &[CKM_SHA256_HMAC, CKM_SHA_1_HMAC, CKM_AES_CMAC, CKM_SHA3_256_HMAC, CKM_SHA256, 0];
const NUMBERS: &[CK_ULONG] = &[0, 1, 2, 3, 64, 257, 1 << 31, 1 << 32, CK_ULONG::MAX];
/// Handles of objects that a test's world may have.
const HANDLES: &[CK_OBJECT_HANDLE] = &[1, 2, 3, 4, 5, 0, CK_ULONG::MAX];

/// The parameter of a mechanism that derives, or makes keys of passwords; `None` for other mechanisms.
pub fn parameter(source: &mut Source<'_>, memory: &mut Memory, ckm: CK_MECHANISM_TYPE) -> Option<(usize, CK_ULONG)> {
    Some(match ckm {
        CKM_CONCATENATE_BASE_AND_KEY => whole(memory, source.pick(HANDLES)),
        CKM_EXTRACT_KEY_FROM_KEY => whole(memory, source.pick(&[0 as CK_ULONG, 8, 21, 127, 1 << 20, CK_ULONG::MAX])),
        CKM_CONCATENATE_BASE_AND_DATA | CKM_CONCATENATE_DATA_AND_BASE | CKM_XOR_BASE_AND_DATA => {
            let data = field(source, memory, 32);
            whole(memory, CK_KEY_DERIVATION_STRING_DATA { pData: at(data.0), ulLen: data.1 })
        }
        CKM_HKDF_DERIVE | CKM_HKDF_DATA => hkdf(source, memory),
        CKM_SP800_108_COUNTER_KDF | CKM_SP800_108_DOUBLE_PIPELINE_KDF => {
            let (data, keys) = (parts(source, memory), further(source, memory));
            let parameter = CK_SP800_108_KDF_PARAMS {
                prfType: source.pick(PRFS),
                ulNumberOfDataParams: data.1,
                pDataParams: at(data.0),
                ulAdditionalDerivedKeys: keys.1,
                pAdditionalDerivedKeys: at(keys.0),
            };
            whole(memory, parameter)
        }
        CKM_SP800_108_FEEDBACK_KDF => {
            let (data, keys, iv) = (parts(source, memory), further(source, memory), field(source, memory, 16));
            let parameter = CK_SP800_108_FEEDBACK_KDF_PARAMS {
                prfType: source.pick(PRFS),
                ulNumberOfDataParams: data.1,
                pDataParams: at(data.0),
                ulIVLen: iv.1,
                pIV: at(iv.0),
                ulAdditionalDerivedKeys: keys.1,
                pAdditionalDerivedKeys: at(keys.0),
            };
            whole(memory, parameter)
        }
        CKM_PKCS5_PBKD2 => pbkd2(source, memory),
        CKM_SSL3_PRE_MASTER_KEY_GEN | CKM_TLS_PRE_MASTER_KEY_GEN => {
            whole(memory, CK_VERSION { major: source.byte(), minor: source.byte() })
        }
        CKM_DH_PKCS_DERIVE => field(source, memory, 256),
        _ => return tls(source, memory, ckm),
    })
}

fn hkdf(source: &mut Source<'_>, memory: &mut Memory) -> (usize, CK_ULONG) {
    let (salt, info) = (field(source, memory, 32), field(source, memory, 5));
    let parameter = CK_HKDF_PARAMS {
        bExtract: source.byte() % 3,
        bExpand: source.byte() % 3,
        prfHashMechanism: source.pick(HASHES),
        ulSaltType: source.pick(&[CKF_HKDF_SALT_NULL, CKF_HKDF_SALT_DATA, CKF_HKDF_SALT_KEY, 0, 3]),
        pSalt: at(salt.0),
        ulSaltLen: salt.1,
        hSaltKey: source.pick(HANDLES),
        pInfo: at(info.0),
        ulInfoLen: info.1,
    };
    whole(memory, parameter)
}

/// Parts of the input of SP 800-108, one behind the other.
fn parts(source: &mut Source<'_>, memory: &mut Memory) -> (usize, CK_ULONG) {
    if source.once_in(24) {
        return (0, source.pick(NUMBERS));
    }
    let list: Vec<_> = (0..source.below(5)).map(|_| part(source, memory)).collect();
    array(source, memory, &list)
}

fn part(source: &mut Source<'_>, memory: &mut Memory) -> CK_PRF_DATA_PARAM {
    let width = source.pick(&[8, 16, 24, 32, 64, 0, 7, 65, CK_ULONG::MAX]);
    let little = source.byte() % 3;
    let kind = source.pick(&[
        CK_SP800_108_ITERATION_VARIABLE,
        CK_SP800_108_COUNTER,
        CK_SP800_108_DKM_LENGTH,
        CK_SP800_108_BYTE_ARRAY,
        CK_SP800_108_KEY_HANDLE,
        0,
    ]);
    let value = match source.below(6) {
        0 => (0, 0),
        1 => whole(memory, CK_SP800_108_COUNTER_FORMAT { bLittleEndian: little, ulWidthInBits: width }),
        2 => {
            let method = source.pick(&[1, 2, 0, 3]);
            let format = CK_SP800_108_DKM_LENGTH_FORMAT {
                dkmLengthMethod: method,
                bLittleEndian: little,
                ulWidthInBits: width,
            };
            whole(memory, format)
        }
        3 => whole(memory, source.pick(HANDLES)),
        _ => field(source, memory, 16),
    };
    CK_PRF_DATA_PARAM { type_: kind, pValue: at(value.0), ulValueLen: value.1 }
}

/// Further keys with templates of a length.
fn further(source: &mut Source<'_>, memory: &mut Memory) -> (usize, CK_ULONG) {
    if source.once_in(24) {
        return (0, source.pick(NUMBERS));
    }
    let list: Vec<_> = (0..source.below(4))
        .map(|_| {
            let len = source.pick(&[16 as CK_ULONG, 32, 0, 1, 1025, CK_ULONG::MAX]);
            let value = memory.place(len);
            let template = vec![CK_ATTRIBUTE {
                type_: source.pick(&[CKA_VALUE_LEN, CKA_VALUE_LEN, CKA_VALUE, CKA_KEY_TYPE]),
                pValue: at(value),
                ulValueLen: size_of::<CK_ULONG>() as CK_ULONG,
            }];
            let template = if source.once_in(12) { 0 } else { memory.array(template) };
            let handle = if source.once_in(12) { 0 } else { memory.number(0).1 };
            CK_DERIVED_KEY {
                pTemplate: at(template),
                ulAttributeCount: source.pick(&[1, 1, 1, 0]),
                phKey: at(handle),
            }
        })
        .collect();
    array(source, memory, &list)
}

fn array<T: Copy>(source: &mut Source<'_>, memory: &mut Memory, list: &[T]) -> (usize, CK_ULONG) {
    let mut bytes = vec![0; size_of_val(list)];
    // SAFETY: as many bytes as the list has.
    unsafe { bytes.as_mut_ptr().copy_from_nonoverlapping(list.as_ptr().cast(), size_of_val(list)) };
    let count = if source.once_in(24) { source.pick(&[1 << 31, CK_ULONG::MAX]) } else { list.len() as CK_ULONG };
    (if list.is_empty() { 0 } else { memory.put(bytes) }, count)
}

fn pbkd2(source: &mut Source<'_>, memory: &mut Memory) -> (usize, CK_ULONG) {
    let (salt, password) = (field(source, memory, 8), field(source, memory, 8));
    let parameter = CK_PKCS5_PBKD2_PARAMS2 {
        saltSource: source.pick(&[CKZ_SALT_SPECIFIED, CKZ_SALT_SPECIFIED, 0, 2]),
        pSaltSourceData: at(salt.0),
        ulSaltSourceDataLen: salt.1,
        iterations: source.pick(&[1, 100, 0, 1 << 40, CK_ULONG::MAX]),
        prf: source.pick(&[
            CKP_PKCS5_PBKD2_HMAC_SHA1,
            CKP_PKCS5_PBKD2_HMAC_SHA256,
            CKP_PKCS5_PBKD2_HMAC_SHA512,
            CKP_PKCS5_PBKD2_HMAC_GOSTR3411,
            0,
        ]),
        pPrfData: at(0),
        ulPrfDataLen: 0,
        pPassword: at(password.0),
        // The length, or a pointer to it as the older structure has.
        ulPasswordLen: if source.once_in(3) { memory.place(password.1) as CK_ULONG } else { password.1 },
    };
    whole(memory, parameter)
}

fn randoms(source: &mut Source<'_>, memory: &mut Memory) -> CK_SSL3_RANDOM_DATA {
    let (client, server) = (field(source, memory, 32), field(source, memory, 32));
    CK_SSL3_RANDOM_DATA {
        pClientRandom: at(client.0),
        ulClientRandomLen: client.1,
        pServerRandom: at(server.0),
        ulServerRandomLen: server.1,
    }
}

fn tls(source: &mut Source<'_>, memory: &mut Memory, ckm: CK_MECHANISM_TYPE) -> Option<(usize, CK_ULONG)> {
    let version = if source.once_in(3) { memory.put(vec![0xEE; size_of::<CK_VERSION>()]) } else { 0 };
    Some(match ckm {
        CKM_TLS12_MASTER_KEY_DERIVE | CKM_TLS12_MASTER_KEY_DERIVE_DH => {
            let parameter = CK_TLS12_MASTER_KEY_DERIVE_PARAMS {
                RandomInfo: randoms(source, memory),
                pVersion: at(version),
                prfHashMechanism: source.pick(HASHES),
            };
            whole(memory, parameter)
        }
        CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE | CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE_DH => {
            let session = field(source, memory, 32);
            let parameter = CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS {
                prfHashMechanism: source.pick(HASHES),
                pSessionHash: at(session.0),
                ulSessionHashLen: session.1,
                pVersion: at(version),
            };
            whole(memory, parameter)
        }
        CKM_TLS12_KEY_AND_MAC_DERIVE | CKM_TLS12_KEY_SAFE_DERIVE => {
            let mut iv = || if source.once_in(4) { 0 } else { memory.put(vec![0xEE; 16]) };
            let out = CK_SSL3_KEY_MAT_OUT {
                hClientMacSecret: 0,
                hServerMacSecret: 0,
                hClientKey: 0,
                hServerKey: 0,
                pIVClient: at(iv()),
                pIVServer: at(iv()),
            };
            let bits = [160, 256, 128, 0, 8, 7, 1 << 32, CK_ULONG::MAX];
            let parameter = CK_TLS12_KEY_MAT_PARAMS {
                ulMacSizeInBits: source.pick(&bits),
                ulKeySizeInBits: source.pick(&bits),
                ulIVSizeInBits: source.pick(&[0, 32, 128, 136, CK_ULONG::MAX]),
                bIsExport: source.pick(&[0, 0, 0, 1, 2]),
                RandomInfo: randoms(source, memory),
                pReturnedKeyMaterial: at(if source.once_in(12) { 0 } else { memory.place(out) }),
                prfHashMechanism: source.pick(HASHES),
            };
            whole(memory, parameter)
        }
        CKM_TLS_KDF | CKM_TLS12_KDF => {
            let (label, context) = (field(source, memory, 8), field(source, memory, 0));
            let parameter = CK_TLS_KDF_PARAMS {
                prfMechanism: source.pick(HASHES),
                pLabel: at(label.0),
                ulLabelLength: label.1,
                RandomInfo: randoms(source, memory),
                pContextData: at(context.0),
                ulContextDataLength: context.1,
            };
            whole(memory, parameter)
        }
        CKM_TLS_MAC | CKM_TLS12_MAC => {
            let parameter = CK_TLS_MAC_PARAMS {
                prfHashMechanism: source.pick(HASHES),
                ulMacLength: source.pick(&[12, 32, 64, 0, 11, 65, CK_ULONG::MAX]),
                ulServerOrClient: source.pick(&[1, 2, 0, 3]),
            };
            whole(memory, parameter)
        }
        _ => return None,
    })
}
