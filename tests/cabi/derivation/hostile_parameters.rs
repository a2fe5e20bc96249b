//! Every field of every structure of key derivation, with everything that can be wrong in it: lengths that no memory has,
//! NULL where bytes must be, booleans that are neither, numbers that mean nothing; and structures of another size.
//!
//! What has a length that lies must be refused before anything is read or allocated by it.

use super::*;
use crate::alone;
use std::mem::offset_of;

/// What a field is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Field {
    /// The length or number of what a pointer leads to.
    Length,
    /// A pointer that must lead somewhere.
    Pointer,
    /// A `CK_BBOOL`.
    Boolean,
    /// A number of another meaning.
    Number,
    /// The handle of a key.
    Handle,
}
use Field::*;

impl Field {
    /// What is wrong as a value of it.
    fn wild(self) -> &'static [usize] {
        const ABSURD: &[usize] =
            &[1 << 31, 1 << 32, 1 << 40, 1 << 63, (1 << 63) - 1, usize::MAX, usize::MAX - 7];
        match self {
            Self::Length => ABSURD,
            Self::Pointer => &[0],
            Self::Boolean => &[2, 0xFF],
            Self::Number => &[0, 9, 1 << 31, 1 << 32, 1 << 63, usize::MAX],
            Self::Handle => &[0, 0x77777, 1 << 32, usize::MAX],
        }
    }
}

/// A value with another one at an offset in it.
fn changed<T: Copy>(good: &T, offset: usize, field: Field, value: usize) -> T {
    let place = Box::into_raw(Box::new(*good));
    let at = place.cast::<u8>().wrapping_add(offset);
    // SAFETY: a field of the structure that was just made.
    unsafe {
        match field {
            Boolean => at.write(value as u8),
            _ => at.cast::<usize>().write_unaligned(value),
        }
        *Box::from_raw(place)
    }
}

/// Tries everything; `run` answers what a call with such a structure does.
fn try_all<T: Copy>(name: &str, good: &T, fields: &[(usize, Field)], run: impl Fn(T) -> Answer<()>) {
    assert_eq!(run(*good), Ok(()), "{name}");
    for (offset, field) in fields {
        for value in field.wild() {
            let answer = run(changed(good, *offset, *field, *value));
            let what = format!("{name}, {field:?} at {offset}: {value:#x}");
            match field {
                Number => assert!(answer.is_err(), "{what}"),
                Handle => assert_eq!(answer, Err(Rv(CKR_KEY_HANDLE_INVALID)), "{what}"),
                Pointer => assert!(
                    matches!(answer, Err(Rv(CKR_MECHANISM_PARAM_INVALID | CKR_ARGUMENTS_BAD))),
                    "{what}: {answer:?}"
                ),
                Length | Boolean => assert_eq!(answer, Err(Rv(CKR_MECHANISM_PARAM_INVALID)), "{what}"),
            }
        }
    }
}

/// A structure of another size than its own is none.
fn try_sizes(session: Session<'_>, mechanism: &Mechanism, call: impl Fn(*mut CK_MECHANISM) -> Answer<()>) {
    mechanism.with(|place| {
        // SAFETY: the mechanism that the closure was given.
        let size = unsafe { (*place).ulParameterLen };
        for wrong in [0, 1, size - 1, size + 1, 1 << 32, CK_ULONG::MAX] {
            // SAFETY: as above.
            unsafe { (*place).ulParameterLen = wrong };
            assert_eq!(call(place), Err(Rv(CKR_MECHANISM_PARAM_INVALID)), "{:#x}: {wrong:#x}", mechanism.ckm);
        }
        // SAFETY: as above.
        unsafe {
            (*place).ulParameterLen = size;
            (*place).pParameter = std::ptr::null_mut();
        }
        assert!(call(place).is_err());
    });
    session.find(&Template::new()).unwrap();
}

fn derive(session: Session<'_>, mechanism: &Mechanism, base: Key) -> Answer<()> {
    session.derive(mechanism, base, &of_len(open(), 32)).map(drop)
}

fn derive_sizes(session: Session<'_>, mechanism: &Mechanism, base: Key) {
    let template = of_len(open(), 32);
    try_sizes(session, mechanism, |mechanism| {
        let mut key = 0;
        template.with(|list, count| {
            crate::call!(
                session.module,
                C_DeriveKey,
                session.handle,
                mechanism,
                base,
                list,
                count,
                &raw mut key
            )
        })
    });
}

alone! {
    fn joining_and_hkdf() {
        let world = World::new();
        let session = world.user();
        let base = secret(session, &[7; 32]);
        let data = CK_KEY_DERIVATION_STRING_DATA { pData: crate::parameters::kept(&[1; 32]), ulLen: 32 };
        for ckm in [CKM_CONCATENATE_BASE_AND_DATA, CKM_CONCATENATE_DATA_AND_BASE, CKM_XOR_BASE_AND_DATA] {
            let fields = [
                (offset_of!(CK_KEY_DERIVATION_STRING_DATA, pData), Pointer),
                (offset_of!(CK_KEY_DERIVATION_STRING_DATA, ulLen), Length),
            ];
            try_all("data", &data, &fields, |data| derive(session, &structure(ckm, &data), base));
            derive_sizes(session, &structure(ckm, &data), base);
        }
        try_all("key", &base, &[(0, Handle)], |key| {
            derive(session, &number(CKM_CONCATENATE_BASE_AND_KEY, key), base)
        });
        derive_sizes(session, &number(CKM_CONCATENATE_BASE_AND_KEY, base), base);
        derive_sizes(session, &number(CKM_EXTRACT_KEY_FROM_KEY, 0), base);
        for bit in [256, 1 << 31, 1 << 32, 1 << 63, CK_ULONG::MAX, CK_ULONG::MAX - 7] {
            let refused = derive(session, &number(CKM_EXTRACT_KEY_FROM_KEY, bit), base);
            assert_eq!(refused, Err(Rv(CKR_MECHANISM_PARAM_INVALID)));
        }
        let good = hkdf_params(CKM_SHA256, Some(Salt::Data(b"salt")), Some(b"info"));
        let fields = [
            (offset_of!(CK_HKDF_PARAMS, bExtract), Boolean),
            (offset_of!(CK_HKDF_PARAMS, bExpand), Boolean),
            (offset_of!(CK_HKDF_PARAMS, prfHashMechanism), Number),
            (offset_of!(CK_HKDF_PARAMS, ulSaltType), Number),
            (offset_of!(CK_HKDF_PARAMS, pSalt), Pointer),
            (offset_of!(CK_HKDF_PARAMS, ulSaltLen), Length),
            (offset_of!(CK_HKDF_PARAMS, pInfo), Pointer),
            (offset_of!(CK_HKDF_PARAMS, ulInfoLen), Length),
        ];
        try_all("HKDF", &good, &fields, |params| derive(session, &structure(CKM_HKDF_DERIVE, &params), base));
        let salted = hkdf_params(CKM_SHA256, Some(Salt::Key(base)), Some(b"info"));
        let handle = [(offset_of!(CK_HKDF_PARAMS, hSaltKey), Handle)];
        try_all("HKDF", &salted, &handle, |params| derive(session, &structure(CKM_HKDF_DERIVE, &params), base));
        derive_sizes(session, &structure(CKM_HKDF_DERIVE, &good), base);
        derive_sizes(session, &structure(CKM_HKDF_DATA, &good), base);
    }
}

alone! {
    fn sp_800_108() {
        let world = World::new();
        let session = world.user();
        let base = secret(session, &[7; 32]);
        let handle = placed(vec![0]);
        let keys = placed(vec![further(vec![attribute(CKA_VALUE_LEN, &16_u64.to_ne_bytes())], handle)]);
        let parts = placed(vec![variable(Some(32)), fixed(b"label")]);
        let good = CK_SP800_108_KDF_PARAMS {
            prfType: CKM_SHA256_HMAC,
            ulNumberOfDataParams: 2,
            pDataParams: parts,
            ulAdditionalDerivedKeys: 1,
            pAdditionalDerivedKeys: keys,
        };
        let fields = [
            (offset_of!(CK_SP800_108_KDF_PARAMS, prfType), Number),
            (offset_of!(CK_SP800_108_KDF_PARAMS, ulNumberOfDataParams), Length),
            (offset_of!(CK_SP800_108_KDF_PARAMS, pDataParams), Pointer),
            (offset_of!(CK_SP800_108_KDF_PARAMS, ulAdditionalDerivedKeys), Length),
            (offset_of!(CK_SP800_108_KDF_PARAMS, pAdditionalDerivedKeys), Pointer),
        ];
        let counter = |params| structure(CKM_SP800_108_COUNTER_KDF, &params);
        try_all("counter", &good, &fields, |params| derive(session, &counter(params), base));
        derive_sizes(session, &counter(good), base);
        let part_fields = [
            (offset_of!(CK_PRF_DATA_PARAM, type_), Number),
            (offset_of!(CK_PRF_DATA_PARAM, pValue), Pointer),
            (offset_of!(CK_PRF_DATA_PARAM, ulValueLen), Length),
        ];
        try_all("part", &fixed(b"label"), &part_fields, |part| {
            let parts = placed(vec![variable(Some(32)), part]);
            derive(session, &counter(CK_SP800_108_KDF_PARAMS { pDataParams: parts, ..good }), base)
        });
        let with = |parts| CK_SP800_108_KDF_PARAMS { pDataParams: placed(parts), ..good };
        try_all("counter variable", &variable(Some(32)), &part_fields, |part| {
            derive(session, &counter(with(vec![part, fixed(b"label")])), base)
        });
        let format = CK_SP800_108_COUNTER_FORMAT { bLittleEndian: CK_FALSE, ulWidthInBits: 32 };
        let format_fields = [
            (offset_of!(CK_SP800_108_COUNTER_FORMAT, bLittleEndian), Boolean),
            (offset_of!(CK_SP800_108_COUNTER_FORMAT, ulWidthInBits), Number),
        ];
        try_all("counter format", &format, &format_fields, |format| {
            let parts = vec![part(CK_SP800_108_ITERATION_VARIABLE, format), fixed(b"label")];
            derive(session, &counter(with(parts)), base)
        });
        let length = CK_SP800_108_DKM_LENGTH_FORMAT {
            dkmLengthMethod: CK_SP800_108_DKM_LENGTH_SUM_OF_KEYS,
            bLittleEndian: CK_FALSE,
            ulWidthInBits: 32,
        };
        let length_fields = [
            (offset_of!(CK_SP800_108_DKM_LENGTH_FORMAT, dkmLengthMethod), Number),
            (offset_of!(CK_SP800_108_DKM_LENGTH_FORMAT, bLittleEndian), Boolean),
            (offset_of!(CK_SP800_108_DKM_LENGTH_FORMAT, ulWidthInBits), Number),
        ];
        try_all("length format", &length, &length_fields, |length| {
            derive(session, &counter(with(vec![variable(Some(32)), part(CK_SP800_108_DKM_LENGTH, length)])), base)
        });
        try_all("key", &base, &[(0, Handle)], |key: Key| {
            derive(session, &counter(with(vec![variable(Some(32)), part(CK_SP800_108_KEY_HANDLE, key)])), base)
        });
        let key_fields = [
            (offset_of!(CK_DERIVED_KEY, pTemplate), Pointer),
            (offset_of!(CK_DERIVED_KEY, phKey), Pointer),
        ];
        let one = further(vec![attribute(CKA_VALUE_LEN, &16_u64.to_ne_bytes())], handle);
        let run = |key| {
            let keys = placed(vec![key]);
            derive(session, &counter(CK_SP800_108_KDF_PARAMS { pAdditionalDerivedKeys: keys, ..good }), base)
        };
        try_all("further key", &one, &key_fields, run);
        for count in Length.wild() {
            let many = CK_DERIVED_KEY { ulAttributeCount: *count as CK_ULONG, ..one };
            assert!(matches!(run(many), Err(Rv(CKR_ARGUMENTS_BAD | CKR_MECHANISM_PARAM_INVALID | CKR_TEMPLATE_INCONSISTENT))));
        }
        let by_feedback = CK_SP800_108_FEEDBACK_KDF_PARAMS {
            prfType: CKM_SHA256_HMAC,
            ulNumberOfDataParams: 2,
            pDataParams: placed(vec![variable(None), fixed(b"label")]),
            ulIVLen: 16,
            pIV: crate::parameters::kept(&[1; 32]),
            ulAdditionalDerivedKeys: 1,
            pAdditionalDerivedKeys: keys,
        };
        let fields = [
            (offset_of!(CK_SP800_108_FEEDBACK_KDF_PARAMS, prfType), Number),
            (offset_of!(CK_SP800_108_FEEDBACK_KDF_PARAMS, ulNumberOfDataParams), Length),
            (offset_of!(CK_SP800_108_FEEDBACK_KDF_PARAMS, pDataParams), Pointer),
            (offset_of!(CK_SP800_108_FEEDBACK_KDF_PARAMS, ulIVLen), Length),
            (offset_of!(CK_SP800_108_FEEDBACK_KDF_PARAMS, pIV), Pointer),
            (offset_of!(CK_SP800_108_FEEDBACK_KDF_PARAMS, ulAdditionalDerivedKeys), Length),
            (offset_of!(CK_SP800_108_FEEDBACK_KDF_PARAMS, pAdditionalDerivedKeys), Pointer),
        ];
        try_all("feedback", &by_feedback, &fields, |params| {
            derive(session, &structure(CKM_SP800_108_FEEDBACK_KDF, &params), base)
        });
        derive_sizes(session, &structure(CKM_SP800_108_FEEDBACK_KDF, &by_feedback), base);
    }
}

/// The fields of `CK_SSL3_RANDOM_DATA` in a structure that has it.
macro_rules! random_fields {
    ($structure:ty) => {
        [
            (offset_of!($structure, RandomInfo.pClientRandom), Pointer),
            (offset_of!($structure, RandomInfo.ulClientRandomLen), Length),
            (offset_of!($structure, RandomInfo.ulClientRandomLen), Number),
            (offset_of!($structure, RandomInfo.pServerRandom), Pointer),
            (offset_of!($structure, RandomInfo.ulServerRandomLen), Length),
        ]
    };
}

alone! {
    fn tls() {
        let world = World::new();
        let session = world.user();
        let base = secret(session, &[7; 48]);
        let random = randoms(&[1; 32], &[2; 32]);
        let run = |mechanism: &Mechanism| session.derive(mechanism, base, &open()).map(drop);
        let master = CK_TLS12_MASTER_KEY_DERIVE_PARAMS {
            RandomInfo: random,
            pVersion: std::ptr::null_mut(),
            prfHashMechanism: CKM_SHA256,
        };
        let mut fields = random_fields!(CK_TLS12_MASTER_KEY_DERIVE_PARAMS).to_vec();
        fields.push((offset_of!(CK_TLS12_MASTER_KEY_DERIVE_PARAMS, prfHashMechanism), Number));
        for ckm in [CKM_TLS12_MASTER_KEY_DERIVE, CKM_TLS12_MASTER_KEY_DERIVE_DH] {
            try_all("master", &master, &fields, |params| run(&structure(ckm, &params)));
            derive_sizes(session, &structure(ckm, &master), base);
        }
        let version = placed(vec![CK_VERSION { major: 9, minor: 9 }]);
        let told = CK_TLS12_MASTER_KEY_DERIVE_PARAMS { pVersion: version, ..master };
        assert_eq!(run(&structure(CKM_TLS12_MASTER_KEY_DERIVE_DH, &told)), Err(Rv(CKR_MECHANISM_PARAM_INVALID)));
        let extended = CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS {
            prfHashMechanism: CKM_SHA256,
            pSessionHash: crate::parameters::kept(&[3; 32]),
            ulSessionHashLen: 32,
            pVersion: std::ptr::null_mut(),
        };
        let fields = [
            (offset_of!(CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS, prfHashMechanism), Number),
            (offset_of!(CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS, pSessionHash), Pointer),
            (offset_of!(CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS, ulSessionHashLen), Length),
        ];
        for ckm in [CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE, CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE_DH] {
            try_all("extended master", &extended, &fields, |params| run(&structure(ckm, &params)));
            derive_sizes(session, &structure(ckm, &extended), base);
        }
        let keys = CK_TLS12_KEY_MAT_PARAMS {
            ulMacSizeInBits: 256,
            ulKeySizeInBits: 128,
            ulIVSizeInBits: 0,
            bIsExport: CK_FALSE,
            RandomInfo: random,
            pReturnedKeyMaterial: key_material(),
            prfHashMechanism: CKM_SHA256,
        };
        let mut fields = random_fields!(CK_TLS12_KEY_MAT_PARAMS).to_vec();
        fields.extend([
            (offset_of!(CK_TLS12_KEY_MAT_PARAMS, ulMacSizeInBits), Length),
            (offset_of!(CK_TLS12_KEY_MAT_PARAMS, ulKeySizeInBits), Length),
            (offset_of!(CK_TLS12_KEY_MAT_PARAMS, bIsExport), Boolean),
            (offset_of!(CK_TLS12_KEY_MAT_PARAMS, pReturnedKeyMaterial), Pointer),
            (offset_of!(CK_TLS12_KEY_MAT_PARAMS, prfHashMechanism), Number),
        ]);
        let run_keys = |mechanism: &Mechanism| session.derive(mechanism, base, &Template::new()).map(drop);
        for ckm in [CKM_TLS12_KEY_AND_MAC_DERIVE, CKM_TLS12_KEY_SAFE_DERIVE] {
            try_all("keys", &keys, &fields, |params| run_keys(&structure(ckm, &params)));
            derive_sizes(session, &structure(ckm, &keys), base);
            let export = CK_TLS12_KEY_MAT_PARAMS { bIsExport: CK_TRUE, ..keys };
            assert_eq!(run_keys(&structure(ckm, &export)), Err(Rv(CKR_MECHANISM_PARAM_INVALID)));
        }
        let iv = [(offset_of!(CK_TLS12_KEY_MAT_PARAMS, ulIVSizeInBits), Length)];
        try_all("vectors", &keys, &iv, |params| run_keys(&structure(CKM_TLS12_KEY_AND_MAC_DERIVE, &params)));
        // Vectors without places for them are not written.
        let mut out = CK_SSL3_KEY_MAT_OUT {
            hClientMacSecret: 0,
            hServerMacSecret: 0,
            hClientKey: 0,
            hServerKey: 0,
            pIVClient: std::ptr::null_mut(),
            pIVServer: std::ptr::null_mut(),
        };
        let nowhere = CK_TLS12_KEY_MAT_PARAMS { ulIVSizeInBits: 128, pReturnedKeyMaterial: &raw mut out, ..keys };
        run_keys(&structure(CKM_TLS12_KEY_AND_MAC_DERIVE, &nowhere)).unwrap();
        assert!(out.pIVClient.is_null() && out.hServerKey != 0);
        let kdf = CK_TLS_KDF_PARAMS {
            prfMechanism: CKM_SHA256,
            pLabel: crate::parameters::kept(b"label"),
            ulLabelLength: 5,
            RandomInfo: random,
            pContextData: crate::parameters::kept(b"context"),
            ulContextDataLength: 7,
        };
        let mut fields = random_fields!(CK_TLS_KDF_PARAMS).to_vec();
        // Other randoms than a connection's are taken here.
        fields.retain(|(_, field)| *field != Number);
        fields.extend([
            (offset_of!(CK_TLS_KDF_PARAMS, prfMechanism), Number),
            (offset_of!(CK_TLS_KDF_PARAMS, pLabel), Pointer),
            (offset_of!(CK_TLS_KDF_PARAMS, ulLabelLength), Length),
            (offset_of!(CK_TLS_KDF_PARAMS, pContextData), Pointer),
            (offset_of!(CK_TLS_KDF_PARAMS, ulContextDataLength), Length),
        ]);
        for ckm in [CKM_TLS_KDF, CKM_TLS12_KDF] {
            try_all("KDF", &kdf, &fields, |params| derive(session, &structure(ckm, &params), base));
            derive_sizes(session, &structure(ckm, &kdf), base);
        }
    }
}

alone! {
    fn tls_mac_and_passwords() {
        let world = World::new();
        let session = world.user();
        let key = of_len(Template::new().uses(&[CKA_SIGN, CKA_VERIFY]), 48);
        let key = session.generate(&Mechanism::plain(CKM_GENERIC_SECRET_KEY_GEN), &key).unwrap();
        let mac = CK_TLS_MAC_PARAMS { prfHashMechanism: CKM_SHA256, ulMacLength: 12, ulServerOrClient: 1 };
        let fields = [
            (offset_of!(CK_TLS_MAC_PARAMS, prfHashMechanism), Number),
            (offset_of!(CK_TLS_MAC_PARAMS, ulMacLength), Number),
            (offset_of!(CK_TLS_MAC_PARAMS, ulMacLength), Length),
            (offset_of!(CK_TLS_MAC_PARAMS, ulServerOrClient), Number),
        ];
        for ckm in [CKM_TLS_MAC, CKM_TLS12_MAC] {
            try_all("MAC", &mac, &fields, |params| session.sign(&structure(ckm, &params), key, b"hash").map(drop));
            try_sizes(session, &structure(ckm, &mac), |mechanism| {
                crate::call!(session.module, C_SignInit, session.handle, mechanism, key)
            });
        }
        let good = pbkd2_params(CKP_PKCS5_PBKD2_HMAC_SHA256, b"password", b"salt", 10);
        let fields = [
            (offset_of!(CK_PKCS5_PBKD2_PARAMS2, saltSource), Number),
            (offset_of!(CK_PKCS5_PBKD2_PARAMS2, pSaltSourceData), Pointer),
            (offset_of!(CK_PKCS5_PBKD2_PARAMS2, ulSaltSourceDataLen), Length),
            (offset_of!(CK_PKCS5_PBKD2_PARAMS2, prf), Number),
            (offset_of!(CK_PKCS5_PBKD2_PARAMS2, pPassword), Pointer),
            (offset_of!(CK_PKCS5_PBKD2_PARAMS2, ulPasswordLen), Length),
        ];
        let template = of_len(open(), 32).ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET);
        try_all("PBKDF2", &good, &fields, |params| {
            session.generate(&structure(CKM_PKCS5_PBKD2, &params), &template).map(drop)
        });
        try_sizes(session, &structure(CKM_PKCS5_PBKD2, &good), |mechanism| {
            let mut key = 0;
            template.with(|list, count| {
                crate::call!(session.module, C_GenerateKey, session.handle, mechanism, list, count, &raw mut key)
            })
        });
    }
}
