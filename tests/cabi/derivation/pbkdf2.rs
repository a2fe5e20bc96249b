//! Keys of passwords: both structures, known answers, and absurd numbers.

use super::*;
use crate::alone;
use crate::parameters::kept;
use std::time::{Duration, Instant};

const PARAM: Rv = Rv(CKR_MECHANISM_PARAM_INVALID);
const SHA1: CK_ULONG = CKP_PKCS5_PBKD2_HMAC_SHA1;
const SHA256: CK_ULONG = CKP_PKCS5_PBKD2_HMAC_SHA256;

fn old(params: CK_PKCS5_PBKD2_PARAMS2, len: *mut CK_ULONG) -> Mechanism {
    structure(
        CKM_PKCS5_PBKD2,
        &CK_PKCS5_PBKD2_PARAMS {
            saltSource: params.saltSource,
            pSaltSourceData: params.pSaltSourceData,
            ulSaltSourceDataLen: params.ulSaltSourceDataLen,
            iterations: params.iterations,
            prf: params.prf,
            pPrfData: params.pPrfData,
            ulPrfDataLen: params.ulPrfDataLen,
            pPassword: params.pPassword,
            ulPasswordLen: len,
        },
    )
}

/// A generic secret of so many bytes that derives.
pub fn generic(template: Template, len: CK_ULONG) -> Template {
    of_len(template.ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET).flag(CKA_DERIVE, true), len)
}

alone! {
    /// RFC 6070 and RFC 7914, 11.
    fn answers_of_the_rfcs_come_out_of_both_structures() {
        let world = World::new();
        let session = world.user();
        type Case<'a> = (CK_ULONG, &'a [u8], &'a [u8], CK_ULONG, &'a str);
        let cases: [Case<'_>; 4] = [
            (SHA1, b"password", b"salt", 1, "0c60c80f961f0e71f3a9b524af6012062fe037a6"),
            (SHA1, b"password", b"salt", 4096, "4b007901b765489abead49d926f721d065a429c1"),
            (SHA1, b"pass\0word", b"sa\0lt", 4096, "56fa6aa75548099dcc37d7f03425e0c3"),
            (SHA256, b"passwd", b"salt", 1, "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783"),
        ];
        for (prf, password, salt, iterations, output) in cases {
            let output = hex(output);
            let template = generic(open(), output.len() as CK_ULONG);
            let params = pbkd2_params(prf, password, salt, iterations);
            let len = placed(vec![password.len() as CK_ULONG]);
            for mechanism in [pbkd2(prf, password, salt, iterations), old(params, len)] {
                let key = session.generate(&mechanism, &template).unwrap();
                assert_eq!(session.get(key, CKA_VALUE).unwrap(), output);
                assert_eq!(session.get_ulong(key, CKA_KEY_TYPE).unwrap(), CKK_GENERIC_SECRET);
                assert_eq!(session.get_ulong(key, CKA_KEY_GEN_MECHANISM).unwrap(), CKM_PKCS5_PBKD2);
            }
        }
        // Keys of other types, and a template that is too thin.
        let mechanism = pbkd2(SHA256, b"password", b"salt", 1000);
        let aes = |len| of_len(Template::new().ulong(CKA_KEY_TYPE, CKK_AES).uses(&[CKA_ENCRYPT, CKA_DECRYPT]), len);
        let key = session.generate(&mechanism, &aes(32)).unwrap();
        assert_eq!(session.get_ulong(key, CKA_KEY_TYPE).unwrap(), CKK_AES);
        session.encrypt(&Mechanism::iv(CKM_AES_CBC_PAD, &[0; 16]), key, b"data").unwrap();
        assert!(session.generate(&mechanism, &aes(20)).is_err());
        // "New key templates must contain the CKA_KEY_TYPE and CKA_VALUE_LEN attributes" (PKCS#11 3.2, 6.37).
        for thin in [open(), of_len(open(), 32), open().ulong(CKA_KEY_TYPE, CKK_AES)] {
            assert_eq!(session.generate(&mechanism, &thin), Err(Rv(CKR_TEMPLATE_INCOMPLETE)));
        }
    }
}

alone! {
    fn absurd_numbers_are_refused_at_once() {
        let world = World::new();
        let session = world.user();
        let good = pbkd2_params(SHA256, b"password", b"salt", 1000);
        let template = generic(Template::new(), 32);
        let run = |params: CK_PKCS5_PBKD2_PARAMS2| session.generate(&structure(CKM_PKCS5_PBKD2, &params), &template);
        run(good).unwrap();
        let started = Instant::now();
        for iterations in [0, 1 << 25, 1 << 40, CK_ULONG::MAX] {
            assert_eq!(run(CK_PKCS5_PBKD2_PARAMS2 { iterations, ..good }), Err(PARAM));
        }
        for prf in [0, CKP_PKCS5_PBKD2_HMAC_GOSTR3411, 9, CK_ULONG::MAX] {
            assert_eq!(run(CK_PKCS5_PBKD2_PARAMS2 { prf, ..good }), Err(PARAM));
        }
        for source in [0, 2, CK_ULONG::MAX] {
            assert_eq!(run(CK_PKCS5_PBKD2_PARAMS2 { saltSource: source, ..good }), Err(PARAM));
        }
        // What could be a pointer to a length is one, if memory is there; else no length.
        for len in [1 << 16, 1 << 32, 1 << 47, 1 << 63, CK_ULONG::MAX, CK_ULONG::MAX - 7] {
            assert_eq!(run(CK_PKCS5_PBKD2_PARAMS2 { ulPasswordLen: len, ..good }), Err(PARAM));
        }
        for len in [1 << 31, 1 << 63, CK_ULONG::MAX] {
            assert_eq!(run(CK_PKCS5_PBKD2_PARAMS2 { ulSaltSourceDataLen: len, ..good }), Err(PARAM));
            assert_eq!(session.generate(&old(good, placed(vec![len])), &template), Err(PARAM));
        }
        let some = kept(b"data").cast();
        assert_eq!(run(CK_PKCS5_PBKD2_PARAMS2 { pPrfData: some, ulPrfDataLen: 4, ..good }), Err(PARAM));
        // NULL where bytes must be; a structure that is cut.
        let null: *mut std::ffi::c_void = std::ptr::null_mut();
        assert!(run(CK_PKCS5_PBKD2_PARAMS2 { pPassword: null.cast(), ..good }).is_err());
        assert!(run(CK_PKCS5_PBKD2_PARAMS2 { pSaltSourceData: null, ..good }).is_err());
        assert_eq!(session.generate(&Mechanism::plain(CKM_PKCS5_PBKD2), &template), Err(PARAM));
        assert_eq!(session.generate(&Mechanism::iv(CKM_PKCS5_PBKD2, &[0; 71]), &template), Err(PARAM));
        assert!(started.elapsed() < Duration::from_secs(5));
    }
}
