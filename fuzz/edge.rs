//! A module with one logged-in session, made once for a fuzzing process.

use cryptoki_sys::*;
use std::sync::OnceLock;

/// The function list and a session.
pub struct Edge {
    /// PKCS#11 2.40.
    pub list: &'static CK_FUNCTION_LIST,
    /// Read-write, the user logged in.
    pub session: CK_SESSION_HANDLE,
}

/// Attributes that templates are made of.
#[allow(dead_code, reason = "one of the targets needs none")]
pub const KINDS: &[CK_ATTRIBUTE_TYPE] = &[
    CKA_CLASS, CKA_TOKEN, CKA_PRIVATE, CKA_LABEL, CKA_VALUE, CKA_KEY_TYPE, CKA_ID, CKA_SENSITIVE, CKA_ENCRYPT,
    CKA_DECRYPT, CKA_SIGN, CKA_VERIFY, CKA_WRAP, CKA_UNWRAP, CKA_DERIVE, CKA_START_DATE, CKA_END_DATE, CKA_MODULUS,
    CKA_PUBLIC_EXPONENT, CKA_PRIVATE_EXPONENT, CKA_PRIME_1, CKA_PRIME_2, CKA_VALUE_LEN, CKA_EXTRACTABLE,
    CKA_EC_PARAMS, CKA_EC_POINT, CKA_ALLOWED_MECHANISMS, CKA_CERTIFICATE_TYPE, CKA_SUBJECT, 0xCB57_0001,
    0xCB57_0002, 0xCB57_0006, 0x7FFF_FFFF,
];

impl Edge {
    /// The one of this process. Token objects are never made: `CKA_TOKEN` true is refused in this session.
    pub fn get() -> &'static Self {
        static EDGE: OnceLock<Edge> = OnceLock::new();
        EDGE.get_or_init(Self::open)
    }

    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap().keep();
        let text = std::ffi::CString::new(format!("store='{}' log=off", folder.display())).unwrap();
        let mut list = std::ptr::null_mut();
        let mut arguments = CK_C_INITIALIZE_ARGS {
            CreateMutex: None,
            DestroyMutex: None,
            LockMutex: None,
            UnlockMutex: None,
            flags: CKF_OS_LOCKING_OK,
            pReserved: text.as_ptr().cast_mut().cast(),
        };
        let (mut slot, mut count, mut session) = (0, 1, 0);
        let mut pin = *b"12345678";
        let mut label = [b' '; 32];
        // SAFETY: every pointer is to something that lives here, with its own length.
        unsafe {
            assert_eq!(keyward_pkcs11::ffi::interface::C_GetFunctionList(&mut list), CKR_OK);
            let list: &'static CK_FUNCTION_LIST = &*list;
            assert_eq!((list.C_Initialize.unwrap())((&raw mut arguments).cast()), CKR_OK);
            assert_eq!((list.C_GetSlotList.unwrap())(CK_TRUE, &mut slot, &mut count), CKR_OK);
            assert_eq!((list.C_InitToken.unwrap())(slot, pin.as_mut_ptr(), 8, label.as_mut_ptr()), CKR_OK);
            let open = |flags, session: &mut CK_SESSION_HANDLE| {
                let none = std::ptr::null_mut();
                assert_eq!((list.C_OpenSession.unwrap())(slot, flags, none, None, session), CKR_OK);
            };
            open(CKF_SERIAL_SESSION | CKF_RW_SESSION, &mut session);
            assert_eq!((list.C_Login.unwrap())(session, CKU_SO, pin.as_mut_ptr(), 8), CKR_OK);
            assert_eq!((list.C_InitPIN.unwrap())(session, pin.as_mut_ptr(), 8), CKR_OK);
            assert_eq!((list.C_CloseSession.unwrap())(session), CKR_OK);
            open(CKF_SERIAL_SESSION, &mut session);
            assert_eq!((list.C_Login.unwrap())(session, CKU_USER, pin.as_mut_ptr(), 8), CKR_OK);
            Self { list, session }
        }
    }
}
