//! A module in this process: a token, sessions in which the user is logged in, and keys of every kind.

use cryptoki_sys::*;
use std::ffi::c_void;
use std::path::Path;
use std::ptr::null_mut;

pub const PIN: &[u8; 8] = b"12345678";
pub const P256: &[u8] = &[0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07];
pub const ED25519: &[u8] = &[0x06, 0x03, 0x2B, 0x65, 0x70];
pub const X25519: &[u8] = &[0x06, 0x03, 0x2B, 0x65, 0x6E];

/// The module and what is in it.
pub struct World {
    pub list: &'static CK_FUNCTION_LIST_3_2,
    pub slot: CK_SLOT_ID,
    /// Keeps the login and the keys.
    pub anchor: CK_SESSION_HANDLE,
    /// For the calls.
    pub session: CK_SESSION_HANDLE,
    /// Keys with their types. They cannot be changed nor destroyed, but each is for one purpose.
    pub keys: Vec<(CK_OBJECT_HANDLE, CK_KEY_TYPE)>,
    folder: tempfile::TempDir,
}

macro_rules! call {
    ($list:expr, $function:ident $(, $argument:expr)*) => {{
        // SAFETY: every pointer is to something that lives here, with its own length.
        unsafe { ($list.$function.unwrap())($($argument),*) }
    }};
}

/// A template: types and values.
type Template<'a> = Vec<(CK_ATTRIBUTE_TYPE, &'a [u8])>;

const YES: &[u8] = &[1];
const NO: &[u8] = &[0];

impl World {
    /// A new store with one token. Where there is a folder in memory, it is there: a commit is then quick.
    pub fn new() -> Self {
        let memory = Path::new("/dev/shm");
        let folder =
            if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
        let (mut version, mut found) = (CK_VERSION { major: 3, minor: 2 }, null_mut());
        let name = c"PKCS 11".as_ptr().cast_mut().cast();
        // SAFETY: the places live here; an interface of version 3.2 leads to such a list.
        let list: &'static CK_FUNCTION_LIST_3_2 = unsafe {
            assert_eq!(
                keyward_pkcs11::ffi::interface::C_GetInterface(name, &mut version, &mut found, 0),
                CKR_OK
            );
            &*(*found).pFunctionList.cast()
        };
        let mut world = Self { list, slot: 0, anchor: 0, session: 0, keys: Vec::new(), folder };
        world.initialize();
        let (mut slot, mut count, mut pin, mut label) = (0, 1, *PIN, [b' '; 32]);
        assert_eq!(call!(list, C_GetSlotList, CK_TRUE, &mut slot, &mut count), CKR_OK);
        world.slot = slot;
        assert_eq!(call!(list, C_InitToken, slot, pin.as_mut_ptr(), 8, label.as_mut_ptr()), CKR_OK);
        let session = world.open();
        assert_eq!(call!(list, C_Login, session, CKU_SO, pin.as_mut_ptr(), 8), CKR_OK);
        assert_eq!(call!(list, C_InitPIN, session, pin.as_mut_ptr(), 8), CKR_OK);
        assert_eq!(call!(list, C_CloseSession, session), CKR_OK);
        world.anchor = world.open();
        world.session = world.open();
        assert_eq!(call!(list, C_Login, world.anchor, CKU_USER, pin.as_mut_ptr(), 8), CKR_OK);
        world.make_keys();
        world
    }

    /// C_Initialize on the store. Whatever it answers, the module is there afterwards.
    pub fn initialize(&self) {
        let text =
            std::ffi::CString::new(format!("store='{}' log=off", self.folder.path().display())).unwrap();
        let mut arguments = CK_C_INITIALIZE_ARGS {
            flags: CKF_OS_LOCKING_OK,
            pReserved: text.as_ptr().cast_mut().cast(),
            ..CK_C_INITIALIZE_ARGS::default()
        };
        let code = call!(self.list, C_Initialize, (&raw mut arguments).cast::<c_void>());
        assert!(matches!(code, CKR_OK | CKR_CRYPTOKI_ALREADY_INITIALIZED), "{code:#x}");
    }

    /// C_Finalize. The store's folder goes with the value.
    pub fn end(&self) {
        call!(self.list, C_Finalize, null_mut());
    }

    fn open(&self) -> CK_SESSION_HANDLE {
        let (flags, mut session) = (CKF_SERIAL_SESSION | CKF_RW_SESSION, 0);
        assert_eq!(call!(self.list, C_OpenSession, self.slot, flags, null_mut(), None, &mut session), CKR_OK);
        session
    }

    /// Closes the calls' session, with all that began or was made in it, and opens another.
    /// False where the world is not as it was: the login or the keys are gone.
    pub fn refresh(&mut self) -> bool {
        let mut info = CK_SESSION_INFO::default();
        if call!(self.list, C_GetSessionInfo, self.anchor, &mut info) != CKR_OK
            || info.state != CKS_RW_USER_FUNCTIONS
        {
            return false;
        }
        call!(self.list, C_CloseSession, self.session);
        self.session = self.open();
        true
    }

    /// Destroys the token's objects.
    pub fn clean(&self) {
        let (mut yes, mut found, mut count) = (CK_TRUE, [0; 64], 0);
        let mut on_token =
            CK_ATTRIBUTE { type_: CKA_TOKEN, pValue: (&raw mut yes).cast::<c_void>(), ulValueLen: 1 };
        call!(self.list, C_SessionCancel, self.session, CKF_FIND_OBJECTS);
        if call!(self.list, C_FindObjectsInit, self.session, &mut on_token, 1) == CKR_OK {
            call!(self.list, C_FindObjects, self.session, found.as_mut_ptr(), 64, &mut count);
            call!(self.list, C_FindObjectsFinal, self.session);
        }
        for object in found.iter().take(count as usize) {
            call!(self.list, C_DestroyObject, self.session, *object);
        }
    }

    fn make_keys(&mut self) {
        let bits = (2048 as CK_ULONG).to_ne_bytes();
        let rsa = |uses: &[CK_ATTRIBUTE_TYPE]| -> Template<'_> {
            let mut template: Template<'_> =
                vec![(CKA_MODULUS_BITS, &bits), (CKA_PUBLIC_EXPONENT, &[1, 0, 1])];
            template.extend(uses.iter().map(|cka| (*cka, YES)));
            template
        };
        let curve = |params| -> Template<'_> { vec![(CKA_EC_PARAMS, params)] };
        let public = |mut template: Template<'static>, cka| {
            template.push((cka, YES));
            template
        };
        use CKM_EC_EDWARDS_KEY_PAIR_GEN as EDWARDS;
        self.pair(CKM_RSA_PKCS_KEY_PAIR_GEN, CKK_RSA, &rsa(&[CKA_VERIFY]), &[CKA_SIGN]);
        self.pair(CKM_RSA_PKCS_KEY_PAIR_GEN, CKK_RSA, &rsa(&[CKA_ENCRYPT]), &[CKA_DECRYPT]);
        self.pair(CKM_RSA_PKCS_KEY_PAIR_GEN, CKK_RSA, &rsa(&[CKA_WRAP]), &[CKA_UNWRAP]);
        self.pair(CKM_EC_KEY_PAIR_GEN, CKK_EC, &public(curve(P256), CKA_VERIFY), &[CKA_SIGN]);
        self.pair(CKM_EC_KEY_PAIR_GEN, CKK_EC, &curve(P256), &[CKA_DERIVE]);
        self.pair(EDWARDS, CKK_EC_EDWARDS, &public(curve(ED25519), CKA_VERIFY), &[CKA_SIGN]);
        self.pair(CKM_EC_MONTGOMERY_KEY_PAIR_GEN, CKK_EC_MONTGOMERY, &curve(X25519), &[CKA_DERIVE]);
        for uses in [[CKA_ENCRYPT, CKA_DECRYPT], [CKA_WRAP, CKA_UNWRAP], [CKA_SIGN, CKA_VERIFY]] {
            self.secret(CKM_AES_KEY_GEN, CKK_AES, &uses);
        }
        self.secret(CKM_GENERIC_SECRET_KEY_GEN, CKK_GENERIC_SECRET, &[CKA_SIGN, CKA_VERIFY]);
        self.secret(CKM_GENERIC_SECRET_KEY_GEN, CKK_GENERIC_SECRET, &[CKA_DERIVE]);
        self.secret(CKM_AES_KEY_GEN, CKK_AES, &[CKA_DERIVE]);
        self.secret(CKM_AES_XTS_KEY_GEN, CKK_AES_XTS, &[CKA_ENCRYPT, CKA_DECRYPT]);
        self.secret(CKM_CHACHA20_KEY_GEN, CKK_CHACHA20, &[CKA_ENCRYPT, CKA_DECRYPT]);
        assert!(self.keys.len() > 15);
    }

    /// A pair that stays. A mechanism that the module has not is passed over.
    fn pair(
        &mut self,
        ckm: CK_MECHANISM_TYPE,
        kind: CK_KEY_TYPE,
        public: &[(CK_ATTRIBUTE_TYPE, &[u8])],
        uses: &[CK_ATTRIBUTE_TYPE],
    ) {
        let mut mechanism = CK_MECHANISM { mechanism: ckm, pParameter: null_mut(), ulParameterLen: 0 };
        let (mut public, mut private) = (staying(public), staying(&used(uses)));
        let (mut one, mut other) = (0, 0);
        let code = call!(
            self.list,
            C_GenerateKeyPair,
            self.anchor,
            &mut mechanism,
            public.as_mut_ptr(),
            public.len() as CK_ULONG,
            private.as_mut_ptr(),
            private.len() as CK_ULONG,
            &mut one,
            &mut other
        );
        if code == CKR_OK {
            self.keys.extend([(one, kind), (other, kind)]);
        }
    }

    fn secret(&mut self, ckm: CK_MECHANISM_TYPE, kind: CK_KEY_TYPE, uses: &[CK_ATTRIBUTE_TYPE]) {
        let mut mechanism = CK_MECHANISM { mechanism: ckm, pParameter: null_mut(), ulParameterLen: 0 };
        let len = (32 as CK_ULONG).to_ne_bytes();
        let mut wanted = used(uses);
        wanted.extend([(CKA_VALUE_LEN, &len[..]), (CKA_EXTRACTABLE, YES)]);
        let (mut template, mut key) = (staying(&wanted), 0);
        let count = template.len() as CK_ULONG;
        if call!(
            self.list,
            C_GenerateKey,
            self.anchor,
            &mut mechanism,
            template.as_mut_ptr(),
            count,
            &mut key
        ) == CKR_OK
        {
            self.keys.push((key, kind));
        }
    }
}

fn used(uses: &[CK_ATTRIBUTE_TYPE]) -> Template<'static> {
    uses.iter().map(|cka| (*cka, YES)).collect()
}

/// As C sees it, of an object that can neither be changed nor destroyed.
fn staying(template: &[(CK_ATTRIBUTE_TYPE, &[u8])]) -> Vec<CK_ATTRIBUTE> {
    [(CKA_MODIFIABLE, NO), (CKA_DESTROYABLE, NO)]
        .iter()
        .chain(template)
        .map(|(cka, value)| CK_ATTRIBUTE {
            type_: *cka,
            pValue: value.as_ptr().cast_mut().cast(),
            ulValueLen: value.len() as CK_ULONG,
        })
        .collect()
}
