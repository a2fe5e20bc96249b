//! A host that passes nonsense: before C_Initialize and after it, NULL and wild numbers, lengths beyond all memory.
//! Every one of the 104 functions answers a code of the standard, and the process lives.

use super::client::*;
use super::functions::{self, Function, Word};
use crate::{alone, call};
use cryptoki_sys::*;
use std::ffi::c_void;
use std::ptr::null_mut;

/// What one call passes: the first number (a session or a slot), all other numbers, and every pointer.
#[derive(Clone, Copy, Debug)]
pub struct Wild {
    pub first: CK_ULONG,
    pub number: CK_ULONG,
    pub pointer: *mut u8,
}

impl Wild {
    pub fn call(&self, function: &Function) -> CK_RV {
        let words = function.kinds.iter().flat_map(|kind| kind.words());
        let words: Vec<_> = words
            .enumerate()
            .map(|(at, word)| match word {
                Word::Pointer => self.pointer.expose_provenance(),
                Word::Number if at == 0 => self.first as usize,
                _ => self.number as usize,
            })
            .collect();
        function.call(&words)
    }
}

/// Functions that work without C_Initialize, or are it.
pub const WITHOUT_MODULE: [&str; 5] =
    ["C_Initialize", "C_Finalize", "C_GetFunctionList", "C_GetInterfaceList", "C_GetInterface"];
const NUMBERS: [CK_ULONG; 6] = [0, 1, 7, 1 << 40, CK_ULONG::MAX / 2 + 1, CK_ULONG::MAX];

fn is_a_code_of_the_standard(code: CK_RV) -> bool {
    code == CKR_OK || keyward_pkcs11::ck::Error::from_code(code).is_some()
}

alone! {
    fn every_function_before_initialize_says_so() {
        let module = Module::load();
        let functions = functions::all(module.list);
        assert_eq!(functions.len(), 104);
        let mut room = [0_u64; 512];
        for function in functions.iter().filter(|function| !WITHOUT_MODULE.contains(&function.name)) {
            let name = function.name;
            for pointer in [null_mut(), room.as_mut_ptr().cast()] {
                for number in NUMBERS {
                    let code = Wild { first: number, number, pointer }.call(function);
                    assert_eq!(Rv(code), Rv(CKR_CRYPTOKI_NOT_INITIALIZED), "{name} {number:#x}");
                }
            }
        }
        assert_eq!(module.finalize(), Err(Rv(CKR_CRYPTOKI_NOT_INITIALIZED)));
    }
}

alone! {
    fn every_function_with_nonsense_answers_a_code() {
        let world = World::new();
        let mut room = [0_u64; 512];
        for function in functions::all(world.module.list) {
            let name = function.name;
            if matches!(name, "C_Initialize" | "C_Finalize") {
                continue;
            }
            for fill in [None, Some(0), Some(u64::MAX)] {
                for number in NUMBERS {
                    // 2^40 bytes behind a pointer to a few would be read: that host has lied, and is on its own.
                    if fill.is_some() && number == 1 << 40 {
                        continue;
                    }
                    let session = world.module.read_write(world.slot);
                    for first in [session.handle, world.slot, 0, CK_ULONG::MAX] {
                        room.fill(fill.unwrap_or_default());
                        let pointer = fill.map_or(null_mut(), |_| room.as_mut_ptr().cast());
                        let code = Wild { first, number, pointer }.call(&function);
                        let what = format!("{name} {first:#x} {number:#x} {fill:x?}: {:?}", Rv(code));
                        assert!(is_a_code_of_the_standard(code), "{what}");
                        assert_ne!(code, CKR_GENERAL_ERROR, "{what}");
                        assert_ne!(code, CKR_CRYPTOKI_NOT_INITIALIZED, "{what}");
                        assert_ne!(code, CKR_FUNCTION_NOT_SUPPORTED, "{what}");
                    }
                    call!(world.module, C_CloseAllSessions, world.slot).unwrap();
                }
            }
        }
        // The token is as it was.
        world.user().aes(Template::token()).unwrap();
    }
}

alone! {
    fn session_functions_with_a_wrong_handle_say_so() {
        let world = World::new();
        let session = world.user();
        let closed = world.module.read_write(world.slot);
        closed.close().unwrap();
        for handle in [0, 1, closed.handle, session.handle ^ 1, session.handle + (1 << 32), CK_ULONG::MAX] {
            let wrong = Session { module: &world.module, handle };
            let expected = Rv(CKR_SESSION_HANDLE_INVALID);
            assert_eq!(wrong.info().err(), Some(expected));
            assert_eq!(wrong.close(), Err(expected));
            assert_eq!(wrong.login(CKU_USER, USER_PIN), Err(expected));
            assert_eq!(wrong.find(&Template::new()), Err(expected));
            assert_eq!(wrong.aes(Template::new()), Err(expected));
            assert_eq!(wrong.sign_init(&Mechanism::plain(CKM_ECDSA), 1), Err(expected));
            assert_eq!(wrong.digest(&Mechanism::plain(CKM_SHA256), b"x"), Err(expected));
            // "Error codes from 5.1.2 take precedence over error codes from 5.1.6": bad arguments, bad session.
            assert_eq!(call!(world.module, C_GenerateRandom, handle, null_mut(), 1), Err(expected));
        }
        for key in [0, 1, 12345, CK_ULONG::MAX] {
            assert_eq!(session.sign_init(&Mechanism::plain(CKM_ECDSA), key), Err(Rv(CKR_KEY_HANDLE_INVALID)));
            assert_eq!(session.get(key, CKA_LABEL), Err(Rv(CKR_OBJECT_HANDLE_INVALID)));
            assert_eq!(session.destroy(key), Err(Rv(CKR_OBJECT_HANDLE_INVALID)));
        }
    }
}

alone! {
    fn call_with_a_null_pointer_ends_the_operation_that_it_would_have_gone_on_with() {
        let world = World::new();
        let session = world.user();
        let (m, s) = (&world.module, session.handle);
        let aes = session.aes(Template::new().ulong(CKA_VALUE_LEN, 32).uses(&[CKA_ENCRYPT, CKA_DECRYPT])).unwrap();
        let mac = session
            .generate(
                &Mechanism::plain(CKM_GENERIC_SECRET_KEY_GEN),
                &Template::new().ulong(CKA_VALUE_LEN, 32).uses(&[CKA_SIGN, CKA_VERIFY]),
            )
            .unwrap();
        let (cbc, hmac) = (Mechanism::iv(CKM_AES_CBC_PAD, &[1; 16]), Mechanism::plain(CKM_SHA256_HMAC));
        let none = null_mut();
        let (bad, idle) = (Err(Rv(CKR_ARGUMENTS_BAD)), Err(Rv(CKR_OPERATION_NOT_INITIALIZED)));
        let (mut room, mut len) = ([0_u8; 64], 64);
        let (out, filled) = (room.as_mut_ptr(), &raw mut len);

        session.encrypt_init(&cbc, aes).unwrap();
        assert_eq!(call!(m, C_Encrypt, s, none, 16, out, filled), bad);
        assert_eq!(call!(m, C_EncryptFinal, s, out, filled), idle);
        session.encrypt_init(&cbc, aes).unwrap();
        assert_eq!(call!(m, C_EncryptUpdate, s, none, 16, out, filled), bad);
        assert_eq!(call!(m, C_EncryptFinal, s, out, filled), idle);
        session.decrypt_init(&cbc, aes).unwrap();
        assert_eq!(call!(m, C_DecryptFinal, s, out, null_mut()), bad);
        assert_eq!(call!(m, C_DecryptFinal, s, out, filled), idle);
        session.digest_init(&Mechanism::plain(CKM_SHA256)).unwrap();
        assert_eq!(call!(m, C_DigestUpdate, s, none, 16), bad);
        assert_eq!(call!(m, C_DigestFinal, s, out, filled), idle);
        session.sign_init(&hmac, mac).unwrap();
        assert_eq!(call!(m, C_Sign, s, none, 16, out, filled), bad);
        assert_eq!(call!(m, C_SignFinal, s, out, filled), idle);
        // An operation of another kind goes on.
        session.sign_init(&hmac, mac).unwrap();
        session.verify_init(&hmac, mac).unwrap();
        assert_eq!(call!(m, C_VerifyFinal, s, none, 32), bad);
        assert_eq!(call!(m, C_VerifyFinal, s, out, 32), idle);
        call!(m, C_SignFinal, s, out, filled).unwrap();
    }
}

alone! {
    fn lengths_beyond_all_memory_are_refused_unread() {
        let world = World::new();
        let session = world.user();
        let (m, s) = (&world.module, session.handle);
        let mut few = [0x41_u8; 16];
        let at = few.as_mut_ptr();
        for len in [CK_ULONG::MAX, CK_ULONG::MAX / 2 + 1, CK_ULONG::MAX - 7] {
            session.digest_init(&Mechanism::plain(CKM_SHA256)).unwrap();
            assert_eq!(call!(m, C_DigestUpdate, s, at, len), Err(Rv(CKR_ARGUMENTS_BAD)));
            call!(m, C_SessionCancel, s, CKF_DIGEST).unwrap();
            assert_eq!(call!(m, C_GenerateRandom, s, at, len), Err(Rv(CKR_ARGUMENTS_BAD)));
            assert_eq!(call!(m, C_SeedRandom, s, at, len), Err(Rv(CKR_ARGUMENTS_BAD)));
        }
        for len in [CK_ULONG::MAX, 1 << 40, 1 << 20] {
            assert_eq!(call!(m, C_Login, s, CKU_USER, at, len), Err(Rv(CKR_PIN_LEN_RANGE)));
            assert!(call!(m, C_SetPIN, s, at, len, at, len).is_err());
            // Templates: a number of attributes, and a length of one.
            let mut one = CK_ATTRIBUTE { type_: CKA_LABEL, pValue: at.cast(), ulValueLen: 3 };
            assert_eq!(call!(m, C_FindObjectsInit, s, &raw mut one, len), Err(Rv(CKR_ARGUMENTS_BAD)));
            assert!(call!(m, C_GetAttributeValue, s, 1, &raw mut one, len).is_err());
            for pointer in [at.cast::<c_void>(), null_mut()] {
                let mut long = CK_ATTRIBUTE { type_: CKA_LABEL, pValue: pointer, ulValueLen: len.max(1 << 30) };
                let mut made = 0;
                assert!(call!(m, C_CreateObject, s, &raw mut long, 1, &raw mut made).is_err());
                assert!(call!(m, C_FindObjectsInit, s, &raw mut long, 1).is_err());
                for nested in [CKA_WRAP_TEMPLATE, CKA_UNWRAP_TEMPLATE] {
                    let size = size_of::<CK_ATTRIBUTE>() as CK_ULONG;
                    let mut long = CK_ATTRIBUTE { type_: nested, ..long };
                    long.ulValueLen = long.ulValueLen / size * size;
                    assert!(call!(m, C_CreateObject, s, &raw mut long, 1, &raw mut made).is_err());
                }
            }
        }
        let key = session.aes(Template::new()).unwrap();
        for len in [CK_ULONG::MAX, 1 << 40] {
            let gcm = |iv, aad| CK_GCM_PARAMS {
                pIv: at, ulIvLen: iv, ulIvBits: 96, pAAD: at, ulAADLen: aad, ulTagBits: 128,
            };
            for mut param in [gcm(len, 0), gcm(12, len)] {
                let mut mechanism = CK_MECHANISM {
                    mechanism: CKM_AES_GCM,
                    pParameter: (&raw mut param).cast(),
                    ulParameterLen: size_of::<CK_GCM_PARAMS>() as CK_ULONG,
                };
                let refused = call!(m, C_EncryptInit, s, &raw mut mechanism, key);
                assert_eq!(refused, Err(Rv(CKR_MECHANISM_PARAM_INVALID)));
            }
            let mut mechanism = CK_MECHANISM { mechanism: CKM_AES_CBC, pParameter: at.cast(), ulParameterLen: len };
            let refused = call!(m, C_EncryptInit, s, &raw mut mechanism, key);
            assert_eq!(refused, Err(Rv(CKR_MECHANISM_PARAM_INVALID)));
        }
        // A result goes into a buffer that is said to be larger than it is, as long as it fits.
        for claimed in [1 << 40, CK_ULONG::MAX] {
            session.digest_init(&Mechanism::plain(CKM_SHA256)).unwrap();
            let (mut out, mut len) = ([0xA5_u8; 40], claimed);
            call!(m, C_Digest, s, at, 16, out.as_mut_ptr(), &raw mut len).unwrap();
            assert_eq!((len, &out[32..]), (32, &[0xA5; 8][..]));
            Template::new().with(|list, count| call!(m, C_FindObjectsInit, s, list, count)).unwrap();
            let (mut found, mut count) = ([0; 4], 0);
            call!(m, C_FindObjects, s, found.as_mut_ptr(), claimed, &raw mut count).unwrap();
            assert_eq!((count, found[0]), (1, key));
            call!(m, C_FindObjectsFinal, s).unwrap();
        }
    }
}

alone! {
    fn initialize_with_nonsense_is_refused_and_leaves_nothing() {
        let module = Module::load();
        let mut arguments = CK_C_INITIALIZE_ARGS::default();
        for (flags, reserved) in [(1 << 7, null_mut()), (0, std::ptr::without_provenance_mut(1)), (CK_ULONG::MAX, null_mut())] {
            arguments.flags = flags;
            arguments.pReserved = reserved;
            let refused = call!(module, C_Initialize, (&raw mut arguments).cast());
            assert_eq!(refused, Err(Rv(CKR_ARGUMENTS_BAD)));
        }
        for text in ["nonsense", "store='unclosed", "store='/proc/no/such/place'"] {
            assert!(module.initialize(text).is_err(), "{text}");
            assert_eq!(module.slots(), Err(Rv(CKR_CRYPTOKI_NOT_INITIALIZED)));
        }
        let folder = tempfile::tempdir().unwrap();
        module.initialize(&format!("store='{}' log='off'", folder.path().display())).unwrap();
        assert_eq!(module.initialize("store='x'"), Err(Rv(CKR_CRYPTOKI_ALREADY_INITIALIZED)));
        assert_eq!(call!(module, C_Finalize, std::ptr::without_provenance_mut(8)), Err(Rv(CKR_ARGUMENTS_BAD)));
        module.finalize().unwrap();
    }
}
