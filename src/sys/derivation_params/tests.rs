use super::super::abi::CK_MECHANISM;
use super::super::params::{read, read_derivation};
use super::*;
use cryptoki_sys::{CK_PKCS5_PBKD2_PARAMS, CKM_SHA256};
use std::ptr::null;

const CKM: CK_ULONG = 42;
const SHAPES: [Shape; 13] = [
    Shape::Key,
    Shape::StringData,
    Shape::Bit,
    Shape::Hkdf,
    Shape::Kbkdf,
    Shape::FeedbackKdf,
    Shape::Pbkd2,
    Shape::Version,
    Shape::TlsMaster,
    Shape::TlsExtendedMaster,
    Shape::TlsKeys,
    Shape::TlsKdf,
    Shape::TlsMac,
];

fn read_raw(shape: Shape, start: *const u8, len: usize) -> Result<Params> {
    let mechanism = CK_MECHANISM {
        mechanism: CKM,
        pParameter: start.cast_mut().cast(),
        ulParameterLen: CK_ULONG::try_from(len).unwrap(),
    };
    // SAFETY: the mechanism is our own, and the tests pass memory of their own or NULL.
    unsafe { read(&raw const mechanism, |_| Some(shape)) }.map(|read| read.params)
}

fn read_as<T>(shape: Shape, parameter: &T) -> Result<Params> {
    read_raw(shape, std::ptr::from_ref(parameter).cast(), size_of::<T>())
}

fn places_of<T>(shape: Shape, parameter: &mut T) -> Result<Places> {
    let mechanism = CK_MECHANISM {
        mechanism: CKM,
        pParameter: std::ptr::from_mut(parameter).cast(),
        ulParameterLen: CK_ULONG::try_from(size_of::<T>()).unwrap(),
    };
    // SAFETY: as above.
    unsafe { read_derivation(&raw const mechanism, |_| Some(shape)) }.map(|(_, places)| places)
}

const REFUSED: Result<Params> = Err(Error::MechanismParamInvalid);

#[test]
fn wrong_lengths_and_null_are_refused_for_every_shape() {
    let memory = [0_u8; 256];
    for shape in SHAPES {
        for len in [0, 1, 3, 7, 9, 15, 23, 25, 31, 33, 55, 63, 65, 71, 73, 87, 256] {
            let fits = len == 0 && shape == Shape::Public;
            assert_eq!(read_raw(shape, memory.as_ptr(), len).is_ok(), fits, "{shape:?} {len}");
        }
        for len in [1, 8, 16, 24, 32, 40, 56, 64, 72, 88, isize::MAX as usize, usize::MAX] {
            assert_eq!(read_raw(shape, null(), len), REFUSED, "{shape:?} NULL {len}");
        }
    }
    assert_eq!(read_raw(Shape::Public, null(), 0), Ok(Params::None));
    assert_eq!(read_raw(Shape::Public, null(), 5), REFUSED);
    assert_eq!(read_raw(Shape::Public, memory.as_ptr(), usize::MAX), REFUSED);
    assert_eq!(read_raw(Shape::Public, memory.as_ptr(), 3), Ok(Params::Public(vec![0; 3])));
}

#[test]
fn hkdf_reads_only_what_its_steps_use() {
    let mut info = *b"info";
    let good = CK_HKDF_PARAMS {
        bExtract: CK_FALSE,
        bExpand: CK_TRUE,
        prfHashMechanism: CKM_SHA256,
        ulSaltType: 99,
        pSalt: null_mut(),
        ulSaltLen: CK_ULONG::MAX,
        hSaltKey: 7,
        pInfo: info.as_mut_ptr(),
        ulInfoLen: 4,
    };
    let expected = Hkdf { hash: CKM_SHA256, extract: None, expand: Some(b"info".to_vec()) };
    assert_eq!(read_as(Shape::Hkdf, &good), Ok(Params::Hkdf(expected)));
    let extract = CK_HKDF_PARAMS {
        bExtract: CK_TRUE,
        bExpand: CK_FALSE,
        ulSaltType: CKF_HKDF_SALT_KEY,
        pInfo: null_mut(),
        ulInfoLen: CK_ULONG::MAX,
        ..good
    };
    let read = read_as(Shape::Hkdf, &extract).unwrap();
    assert_eq!(read.second_keys(), [ObjectHandle(7)]);
    for wrong in [
        CK_HKDF_PARAMS { bExtract: 2, ..good },
        CK_HKDF_PARAMS { bExpand: 0xFF, ..good },
        CK_HKDF_PARAMS { pInfo: null_mut(), ..good },
        CK_HKDF_PARAMS { ulInfoLen: CK_ULONG::MAX, ..good },
        CK_HKDF_PARAMS { bExtract: CK_TRUE, ..good },
        CK_HKDF_PARAMS { ulSaltType: CKF_HKDF_SALT_DATA, ..extract },
    ] {
        assert_eq!(read_as(Shape::Hkdf, &wrong), REFUSED);
    }
}

#[test]
fn parts_of_an_input_are_read_in_order_and_bounded() {
    let mut counter = CK_SP800_108_COUNTER_FORMAT { bLittleEndian: CK_FALSE, ulWidthInBits: 16 };
    let mut length = CK_SP800_108_DKM_LENGTH_FORMAT {
        dkmLengthMethod: CK_SP800_108_DKM_LENGTH_SUM_OF_KEYS,
        bLittleEndian: CK_TRUE,
        ulWidthInBits: 32,
    };
    let (mut bytes, mut key): (_, CK_OBJECT_HANDLE) = (*b"label", 5);
    let part =
        |type_, at: *mut std::ffi::c_void, len| CK_PRF_DATA_PARAM { type_, pValue: at, ulValueLen: len };
    let good = [
        part(CK_SP800_108_ITERATION_VARIABLE, (&raw mut counter).cast(), 16),
        part(CK_SP800_108_BYTE_ARRAY, (&raw mut bytes).cast(), 5),
        part(CK_SP800_108_KEY_HANDLE, (&raw mut key).cast(), 8),
        part(CK_SP800_108_DKM_LENGTH, (&raw mut length).cast(), 24),
        part(CK_SP800_108_COUNTER, (&raw mut counter).cast(), 16),
        part(CK_SP800_108_ITERATION_VARIABLE, null_mut(), 0),
    ];
    let read = |parts: &[CK_PRF_DATA_PARAM], count| {
        let kdf = CK_SP800_108_KDF_PARAMS {
            prfType: 1,
            ulNumberOfDataParams: count,
            pDataParams: parts.as_ptr().cast_mut(),
            ulAdditionalDerivedKeys: 0,
            pAdditionalDerivedKeys: null_mut(),
        };
        read_as(Shape::Kbkdf, &kdf)
    };
    let format = |width, little_endian| NumberFormat { little_endian, width };
    let expected = Kbkdf {
        prf: 1,
        data: vec![
            PrfData::Iteration(Some(format(16, false))),
            PrfData::Bytes(b"label".to_vec()),
            PrfData::Key(ObjectHandle(5)),
            PrfData::Length { segments: false, format: format(32, true) },
            PrfData::Counter(format(16, false)),
            PrfData::Iteration(None),
        ],
        iv: Vec::new(),
    };
    let all = read(&good, 6).unwrap();
    assert_eq!(all.second_keys(), [ObjectHandle(5)]);
    assert_eq!(all, Params::Kbkdf(expected));
    for count in [MOST_PARTS + 1, CK_ULONG::MAX, CK_ULONG::MAX / 24 + 2] {
        assert_eq!(read(&good, count), REFUSED);
    }
    let mut wrong = vec![part(9, null_mut(), 0)];
    for (at, len) in [(0, 15), (1, 0), (1, CK_ULONG::MAX), (2, 4), (3, 23), (4, 0)] {
        wrong.push(CK_PRF_DATA_PARAM { ulValueLen: len, ..good[at] });
    }
    wrong.extend(good[..5].iter().map(|part| CK_PRF_DATA_PARAM { pValue: null_mut(), ..*part }));
    for wrong in wrong {
        assert_eq!(read(&[wrong], 1), REFUSED, "{}", { wrong.type_ });
    }
}

#[test]
fn further_keys_need_their_places() {
    let (mut first, mut second): (CK_OBJECT_HANDLE, CK_OBJECT_HANDLE) = (9, 9);
    let derived = |handle| CK_DERIVED_KEY { pTemplate: null_mut(), ulAttributeCount: 0, phKey: handle };
    let mut keys = [derived(&raw mut first), derived(&raw mut second)];
    let mut part =
        CK_PRF_DATA_PARAM { type_: CK_SP800_108_ITERATION_VARIABLE, pValue: null_mut(), ulValueLen: 0 };
    let mut places = |keys: *mut CK_DERIVED_KEY, count| {
        let mut kdf = CK_SP800_108_FEEDBACK_KDF_PARAMS {
            prfType: 1,
            ulNumberOfDataParams: 1,
            pDataParams: &raw mut part,
            ulIVLen: 0,
            pIV: null_mut(),
            ulAdditionalDerivedKeys: count,
            pAdditionalDerivedKeys: keys,
        };
        places_of(Shape::FeedbackKdf, &mut kdf)
    };
    let both = places(keys.as_mut_ptr(), 2).unwrap();
    assert!(both.further().len() == 2 && !both.take_every_handle());
    both.put_further(&[1, 2]);
    both.put_offending(0);
    both.put_offending(5);
    assert!(places(null_mut(), 1).is_err() && places(keys.as_mut_ptr(), 0).is_err());
    assert!(places(keys.as_mut_ptr(), MOST_KEYS + 1).is_err());
    let mut nowhere = derived(null_mut());
    assert!(places(&raw mut nowhere, 1).is_err());
    assert_eq!((first, second), (CK_INVALID_HANDLE, 2));
}

#[test]
fn pbkd2_understands_a_length_and_a_pointer_to_one() {
    let (mut salt, mut password) = (*b"salt", *b"password");
    let good = CK_PKCS5_PBKD2_PARAMS2 {
        saltSource: CKZ_SALT_SPECIFIED,
        pSaltSourceData: salt.as_mut_ptr().cast(),
        ulSaltSourceDataLen: 4,
        iterations: 1000,
        prf: 4,
        pPrfData: null_mut(),
        ulPrfDataLen: 0,
        pPassword: password.as_mut_ptr(),
        ulPasswordLen: 8,
    };
    let expected = || {
        let password = Hidden::new(Zeroizing::new(b"password".to_vec()));
        Ok(Params::Pbkd2(Pbkd2 { salt: b"salt".to_vec(), iterations: 1000, prf: 4, password }))
    };
    assert_eq!(read_as(Shape::Pbkd2, &good), expected());
    let mut len: CK_ULONG = 8;
    let old = |len| CK_PKCS5_PBKD2_PARAMS {
        saltSource: CKZ_SALT_SPECIFIED,
        pSaltSourceData: salt.as_ptr().cast_mut().cast(),
        ulSaltSourceDataLen: 4,
        iterations: 1000,
        prf: 4,
        pPrfData: null_mut(),
        ulPrfDataLen: 0,
        pPassword: password.as_ptr().cast_mut(),
        ulPasswordLen: len,
    };
    assert_eq!(read_as(Shape::Pbkd2, &old(&raw mut len)), expected());
    assert!(!format!("{:?}", read_as(Shape::Pbkd2, &good)).contains("112"), "a password was printed");
    // A pointer to an absurd length, and absurd lengths that lead nowhere.
    len = LONGEST_PASSWORD + 1;
    assert_eq!(read_as(Shape::Pbkd2, &old(&raw mut len)), REFUSED);
    for absurd in [LONGEST_PASSWORD + 1, 1 << 40, 1 << 63, CK_ULONG::MAX, CK_ULONG::MAX - 7] {
        let wrong = CK_PKCS5_PBKD2_PARAMS2 { ulPasswordLen: absurd, ..good };
        assert_eq!(read_as(Shape::Pbkd2, &wrong), REFUSED, "{absurd:#x}");
    }
    for wrong in [
        CK_PKCS5_PBKD2_PARAMS2 { saltSource: 2, ..good },
        CK_PKCS5_PBKD2_PARAMS2 { pSaltSourceData: null_mut(), ..good },
        CK_PKCS5_PBKD2_PARAMS2 { ulSaltSourceDataLen: CK_ULONG::MAX, ..good },
        CK_PKCS5_PBKD2_PARAMS2 { ulPrfDataLen: 1, ..good },
        CK_PKCS5_PBKD2_PARAMS2 { pPrfData: salt.as_mut_ptr().cast(), ..good },
        CK_PKCS5_PBKD2_PARAMS2 { pPassword: null_mut(), ..good },
    ] {
        assert_eq!(read_as(Shape::Pbkd2, &wrong), REFUSED);
    }
}

#[test]
fn tls_results_go_where_the_parameter_says() {
    let mut random = [3_u8; 32];
    let randoms = CK_SSL3_RANDOM_DATA {
        pClientRandom: random.as_mut_ptr(),
        ulClientRandomLen: 32,
        pServerRandom: random.as_mut_ptr(),
        ulServerRandomLen: 32,
    };
    let mut version = CK_VERSION { major: 0, minor: 0 };
    let mut master = CK_TLS12_MASTER_KEY_DERIVE_PARAMS {
        RandomInfo: randoms,
        pVersion: &raw mut version,
        prfHashMechanism: CKM_SHA256,
    };
    places_of(Shape::TlsMaster, &mut master).unwrap().put_version([3, 3]);
    assert_eq!((version.major, version.minor), (3, 3));
    let (mut client, mut server) = ([0_u8; 5], [0_u8; 5]);
    let mut out = CK_SSL3_KEY_MAT_OUT {
        hClientMacSecret: 0,
        hServerMacSecret: 0,
        hClientKey: 0,
        hServerKey: 0,
        pIVClient: client.as_mut_ptr(),
        pIVServer: server.as_mut_ptr(),
    };
    let good = CK_TLS12_KEY_MAT_PARAMS {
        ulMacSizeInBits: 0,
        ulKeySizeInBits: 128,
        ulIVSizeInBits: 32,
        bIsExport: CK_FALSE,
        RandomInfo: randoms,
        pReturnedKeyMaterial: &raw mut out,
        prfHashMechanism: CKM_SHA256,
    };
    let places = places_of(Shape::TlsKeys, &mut good.clone()).unwrap();
    assert!(places.take_every_handle());
    places.put_tls_keys([1, 2, 3, 4], &[vec![7; 4], vec![8; 4]]);
    assert_eq!((client, server), ([7, 7, 7, 7, 0], [8, 8, 8, 8, 0]));
    let handles = [out.hClientMacSecret, out.hServerMacSecret, out.hClientKey, out.hServerKey];
    assert_eq!(handles, [1, 2, 3, 4]);
    for mut wrong in [
        CK_TLS12_KEY_MAT_PARAMS { bIsExport: CK_TRUE, ..good },
        CK_TLS12_KEY_MAT_PARAMS { pReturnedKeyMaterial: null_mut(), ..good },
        CK_TLS12_KEY_MAT_PARAMS {
            RandomInfo: CK_SSL3_RANDOM_DATA { ulServerRandomLen: CK_ULONG::MAX, ..randoms },
            ..good
        },
        CK_TLS12_KEY_MAT_PARAMS {
            RandomInfo: CK_SSL3_RANDOM_DATA { pClientRandom: null_mut(), ..randoms },
            ..good
        },
    ] {
        assert!(places_of(Shape::TlsKeys, &mut wrong).is_err());
    }
}

#[test]
fn an_empty_context_is_not_none() {
    let (mut random, mut label) = ([1_u8; 32], *b"EXPORTER-x");
    let randoms = CK_SSL3_RANDOM_DATA {
        pClientRandom: random.as_mut_ptr(),
        ulClientRandomLen: 32,
        pServerRandom: random.as_mut_ptr(),
        ulServerRandomLen: 32,
    };
    let mut context_of = |start: *mut u8, len| {
        let kdf = CK_TLS_KDF_PARAMS {
            prfMechanism: CKM_SHA256,
            pLabel: label.as_mut_ptr(),
            ulLabelLength: 10,
            RandomInfo: randoms,
            pContextData: start,
            ulContextDataLength: len,
        };
        match read_as(Shape::TlsKdf, &kdf) {
            Ok(Params::TlsKdf(kdf)) => Some(kdf.context),
            _ => None,
        }
    };
    let mut context = [5_u8; 3];
    assert_eq!(context_of(null_mut(), 0), Some(None));
    assert_eq!(context_of(context.as_mut_ptr(), 0), Some(Some(vec![])));
    assert_eq!(context_of(context.as_mut_ptr(), 3), Some(Some(vec![5; 3])));
    assert_eq!(context_of(null_mut(), 3), None);
}
