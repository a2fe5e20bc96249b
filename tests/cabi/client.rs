//! A small safe client over the C function list, and what a test needs around it: a process of its own,
//! a store folder, a token with users.

use cryptoki_sys::*;
use std::ffi::c_void;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::ptr::null_mut;
use std::time::{Duration, Instant};

pub const SO_PIN: &str = "so-pin-12345";
pub const USER_PIN: &str = "user-pin-1234";

/// A return code that prints its name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Rv(pub CK_RV);

impl fmt::Debug for Rv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match keyward_pkcs11::ck::Error::from_code(self.0) {
            Some(error) => f.write_str(error.name()),
            None => write!(f, "CKR_{:#x}", self.0),
        }
    }
}

pub type Answer<T> = Result<T, Rv>;

pub fn answer(code: CK_RV) -> Answer<()> {
    if code == CKR_OK { Ok(()) } else { Err(Rv(code)) }
}

/// Calls a function of the list and answers its code.
#[macro_export]
macro_rules! call {
    ($module:expr, $function:ident $(, $argument:expr)* $(,)?) => {{
        let function = $module.list.$function.expect(stringify!($function));
        // SAFETY: what is passed is memory of the test's own, NULL, or what the test is about.
        $crate::client::answer(unsafe { function($($argument),*) })
    }};
}

// --- a process for each test ------------------------------------------------------------------------

const CHILD: &str = "KEYWARD_CABI_TEST";
/// Longest life of a test's process.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// Runs the body in a process of its own. `name` is the test's whole name, as the harness has it.
pub fn alone(name: &str, body: impl FnOnce()) {
    if std::env::var(CHILD).is_ok_and(|running| running == name) {
        return body();
    }
    let output = tempfile::NamedTempFile::new().unwrap();
    // One open file for both, so that neither overwrites the other.
    let file = output.reopen().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture", "--test-threads=1"])
        .env(CHILD, name)
        .env_remove("KEYWARD_CONF")
        .env_remove("KEYWARD_STORE")
        .env_remove("KEYWARD_LOG")
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null())
        .stdout(file.try_clone().unwrap())
        .stderr(file)
        .spawn()
        .unwrap();
    let status = wait(&mut child, PATIENCE);
    let text = std::fs::read_to_string(output.path()).unwrap_or_default();
    let ran = text.contains("1 passed") || text.contains("1 failed");
    match status {
        Some(status) if status.success() && ran => {}
        Some(status) => panic!("{name} in its own process: {status}\n{text}"),
        None => panic!("{name} hung in its own process\n{text}"),
    }
}

/// Waits for a child; `None` where it had to be killed.
pub fn wait(child: &mut std::process::Child, patience: Duration) -> Option<std::process::ExitStatus> {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        if started.elapsed() > patience {
            let _ = child.kill();
            let _ = child.wait();
            return None;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A test that runs alone.
#[macro_export]
macro_rules! alone {
    ($(#[$meta:meta])* fn $name:ident() $body:block) => {
        #[test]
        $(#[$meta])*
        fn $name() {
            let path = concat!(module_path!(), "::", stringify!($name));
            // The harness's names do not begin with the crate's.
            let name = path.split_once("::").map_or(path, |(_, name)| name);
            $crate::client::alone(name, || $body);
        }
    };
}

// --- the module -------------------------------------------------------------------------------------

/// The module's file.
pub fn module_path() -> PathBuf {
    if let Some(path) = std::env::var_os("KEYWARD_MODULE") {
        return path.into();
    }
    let program = std::env::current_exe().unwrap();
    let deps = program.parent().unwrap();
    let name = format!("{}keyward_pkcs11{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let modified = |path: &PathBuf| std::fs::metadata(path).and_then(|about| about.modified()).ok();
    [deps.join(&name), deps.parent().unwrap().join(&name)]
        .into_iter()
        .filter(|path| path.is_file())
        .max_by_key(modified)
        .unwrap_or_else(|| {
            panic!("no {name} beside {}: run `cargo build --lib`, or set KEYWARD_MODULE", program.display())
        })
}

/// The loaded module.
pub struct Module {
    pub list: &'static CK_FUNCTION_LIST_3_2,
    library: libloading::Library,
}

impl Module {
    /// Loads the module and finds its newest interface.
    pub fn load() -> Self {
        Self::load_from(&module_path())
    }

    pub fn load_from(path: &Path) -> Self {
        // SAFETY: the module's initialisers do nothing surprising.
        let library = unsafe { libloading::Library::new(path) }.unwrap();
        let mut found: *mut CK_INTERFACE = null_mut();
        let mut version = CK_VERSION { major: 3, minor: 2 };
        type Get = unsafe extern "C" fn(
            *mut CK_UTF8CHAR,
            *mut CK_VERSION,
            *mut *mut CK_INTERFACE,
            CK_FLAGS,
        ) -> CK_RV;
        // SAFETY: the standard's signature; the memory is our own.
        let code = unsafe {
            let get: libloading::Symbol<'_, Get> = library.get(b"C_GetInterface").unwrap();
            get(c"PKCS 11".as_ptr().cast_mut().cast(), &raw mut version, &raw mut found, 0)
        };
        answer(code).unwrap();
        // SAFETY: an interface of version 3.2 leads to such a list, which lives as long as the library.
        let list = unsafe { &*(*found).pFunctionList.cast::<CK_FUNCTION_LIST_3_2>() };
        Self { list, library }
    }

    /// Unloads it.
    pub fn close(self) {
        self.library.close().unwrap();
    }

    /// C_Initialize with a text in `pReserved`.
    pub fn initialize(&self, configuration: &str) -> Answer<()> {
        let mut text = format!("{configuration}\0").into_bytes();
        let mut arguments = CK_C_INITIALIZE_ARGS {
            flags: CKF_OS_LOCKING_OK,
            pReserved: text.as_mut_ptr().cast(),
            ..CK_C_INITIALIZE_ARGS::default()
        };
        call!(self, C_Initialize, (&raw mut arguments).cast())
    }

    pub fn finalize(&self) -> Answer<()> {
        call!(self, C_Finalize, null_mut())
    }

    pub fn slots(&self) -> Answer<Vec<CK_SLOT_ID>> {
        let mut count = 0;
        call!(self, C_GetSlotList, CK_TRUE, null_mut(), &raw mut count)?;
        let mut slots = vec![0; count as usize];
        call!(self, C_GetSlotList, CK_TRUE, slots.as_mut_ptr(), &raw mut count)?;
        slots.truncate(count as usize);
        Ok(slots)
    }

    pub fn token_info(&self, slot: CK_SLOT_ID) -> Answer<CK_TOKEN_INFO> {
        let mut info = CK_TOKEN_INFO::default();
        call!(self, C_GetTokenInfo, slot, &raw mut info)?;
        Ok(info)
    }

    pub fn init_token(&self, slot: CK_SLOT_ID, pin: &str, label: &str) -> Answer<()> {
        let mut label = format!("{label:32}").into_bytes();
        let (mut pin, len) = bytes(pin.as_bytes());
        call!(self, C_InitToken, slot, pin.as_mut_ptr(), len, label.as_mut_ptr())
    }

    pub fn mechanisms(&self, slot: CK_SLOT_ID) -> Answer<Vec<CK_MECHANISM_TYPE>> {
        let mut count = 0;
        call!(self, C_GetMechanismList, slot, null_mut(), &raw mut count)?;
        let mut list = vec![0; count as usize];
        call!(self, C_GetMechanismList, slot, list.as_mut_ptr(), &raw mut count)?;
        Ok(list)
    }

    pub fn mechanism_info(&self, slot: CK_SLOT_ID, ckm: CK_MECHANISM_TYPE) -> Answer<CK_MECHANISM_INFO> {
        let mut info = CK_MECHANISM_INFO::default();
        call!(self, C_GetMechanismInfo, slot, ckm, &raw mut info)?;
        Ok(info)
    }

    pub fn open(&self, slot: CK_SLOT_ID, flags: CK_FLAGS) -> Answer<Session<'_>> {
        let mut handle = 0;
        call!(self, C_OpenSession, slot, flags, null_mut(), None, &raw mut handle)?;
        Ok(Session { module: self, handle })
    }

    pub fn read_write(&self, slot: CK_SLOT_ID) -> Session<'_> {
        self.open(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION).unwrap()
    }

    pub fn read_only(&self, slot: CK_SLOT_ID) -> Session<'_> {
        self.open(slot, CKF_SERIAL_SESSION).unwrap()
    }
}

/// Bytes that C may write, with their length.
pub fn bytes(from: &[u8]) -> (Vec<u8>, CK_ULONG) {
    (from.to_vec(), from.len() as CK_ULONG)
}

// --- a store with a token ---------------------------------------------------------------------------

/// A module on a store folder of its own, with one token.
pub struct World {
    pub module: Module,
    pub slot: CK_SLOT_ID,
    folder: tempfile::TempDir,
}

impl World {
    /// A module on a fresh store, no token yet.
    pub fn bare() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let module = Module::load();
        let mut world = Self { module, slot: 0, folder };
        world.start();
        world.slot = world.module.slots().unwrap()[0];
        world
    }

    /// With an initialised token and a user PIN, nobody logged in.
    pub fn new() -> Self {
        let world = Self::bare();
        world.module.init_token(world.slot, SO_PIN, "cabi").unwrap();
        let session = world.module.read_write(world.slot);
        session.login(CKU_SO, SO_PIN).unwrap();
        session.init_pin(USER_PIN).unwrap();
        session.logout().unwrap();
        session.close().unwrap();
        world
    }

    /// With a read-write session in which the user is logged in.
    pub fn user(&self) -> Session<'_> {
        let session = self.module.read_write(self.slot);
        session.login(CKU_USER, USER_PIN).unwrap();
        session
    }

    pub fn configuration(&self) -> String {
        format!("store='{}' log='{}'", self.store().display(), self.log_path().display())
    }

    pub fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    pub fn database(&self) -> PathBuf {
        self.store().join("keyward.db")
    }

    pub fn log_path(&self) -> PathBuf {
        self.folder.path().join("keyward.log")
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    pub fn start(&self) {
        self.module.initialize(&self.configuration()).unwrap();
    }

    pub fn stop(&self) {
        self.module.finalize().unwrap();
    }
}

// --- sessions ---------------------------------------------------------------------------------------

/// An open session. Not closed when dropped.
#[derive(Clone, Copy)]
pub struct Session<'m> {
    pub module: &'m Module,
    pub handle: CK_SESSION_HANDLE,
}

pub type Key = CK_OBJECT_HANDLE;

impl<'m> Session<'m> {
    pub fn close(self) -> Answer<()> {
        call!(self.module, C_CloseSession, self.handle)
    }

    pub fn info(&self) -> Answer<CK_SESSION_INFO> {
        let mut info = CK_SESSION_INFO::default();
        call!(self.module, C_GetSessionInfo, self.handle, &raw mut info)?;
        Ok(info)
    }

    /// `ulDeviceError`.
    pub fn reason(&self) -> CK_ULONG {
        self.info().unwrap().ulDeviceError
    }

    pub fn state(&self) -> CK_STATE {
        self.info().unwrap().state
    }

    pub fn login(&self, user: CK_USER_TYPE, pin: &str) -> Answer<()> {
        let (mut pin, len) = bytes(pin.as_bytes());
        call!(self.module, C_Login, self.handle, user, pin.as_mut_ptr(), len)
    }

    pub fn logout(&self) -> Answer<()> {
        call!(self.module, C_Logout, self.handle)
    }

    pub fn init_pin(&self, pin: &str) -> Answer<()> {
        let (mut pin, len) = bytes(pin.as_bytes());
        call!(self.module, C_InitPIN, self.handle, pin.as_mut_ptr(), len)
    }

    pub fn set_pin(&self, old: &str, new: &str) -> Answer<()> {
        let ((mut old, old_len), (mut new, new_len)) = (bytes(old.as_bytes()), bytes(new.as_bytes()));
        call!(self.module, C_SetPIN, self.handle, old.as_mut_ptr(), old_len, new.as_mut_ptr(), new_len)
    }

    // --- objects ---

    pub fn create(&self, template: &Template) -> Answer<Key> {
        let mut key = 0;
        template
            .with(|list, count| call!(self.module, C_CreateObject, self.handle, list, count, &raw mut key))?;
        Ok(key)
    }

    pub fn copy(&self, object: Key, template: &Template) -> Answer<Key> {
        let mut copy = 0;
        template.with(|list, count| {
            call!(self.module, C_CopyObject, self.handle, object, list, count, &raw mut copy)
        })?;
        Ok(copy)
    }

    pub fn destroy(&self, object: Key) -> Answer<()> {
        call!(self.module, C_DestroyObject, self.handle, object)
    }

    pub fn find(&self, template: &Template) -> Answer<Vec<Key>> {
        template.with(|list, count| call!(self.module, C_FindObjectsInit, self.handle, list, count))?;
        let mut found = Vec::new();
        loop {
            let (mut some, mut count) = ([0; 7], 0);
            call!(self.module, C_FindObjects, self.handle, some.as_mut_ptr(), 7, &raw mut count)?;
            found.extend_from_slice(&some[..count as usize]);
            if count == 0 {
                call!(self.module, C_FindObjectsFinal, self.handle)?;
                return Ok(found);
            }
        }
    }

    /// One attribute, by the two-call rule.
    pub fn get(&self, object: Key, cka: CK_ATTRIBUTE_TYPE) -> Answer<Vec<u8>> {
        let mut attribute = CK_ATTRIBUTE { type_: cka, pValue: null_mut(), ulValueLen: 0 };
        call!(self.module, C_GetAttributeValue, self.handle, object, &raw mut attribute, 1)?;
        let mut value = vec![0_u8; attribute.ulValueLen as usize];
        attribute.pValue = value.as_mut_ptr().cast();
        call!(self.module, C_GetAttributeValue, self.handle, object, &raw mut attribute, 1)?;
        value.truncate(attribute.ulValueLen as usize);
        Ok(value)
    }

    pub fn get_ulong(&self, object: Key, cka: CK_ATTRIBUTE_TYPE) -> Answer<CK_ULONG> {
        Ok(CK_ULONG::from_ne_bytes(self.get(object, cka)?.try_into().unwrap()))
    }

    pub fn get_bool(&self, object: Key, cka: CK_ATTRIBUTE_TYPE) -> Answer<bool> {
        let value = self.get(object, cka)?;
        assert_eq!(value.len(), 1);
        Ok(value[0] != CK_FALSE)
    }

    pub fn set(&self, object: Key, template: &Template) -> Answer<()> {
        template.with(|list, count| call!(self.module, C_SetAttributeValue, self.handle, object, list, count))
    }

    pub fn set_state(&self, object: Key, state: CK_ULONG) -> Answer<()> {
        self.set(object, &Template::new().ulong(CKA_KEYWARD_STATE, state))
    }

    // --- keys ---

    pub fn generate(&self, mechanism: &Mechanism, template: &Template) -> Answer<Key> {
        let mut key = 0;
        mechanism.with(|mechanism| {
            template.with(|list, count| {
                call!(self.module, C_GenerateKey, self.handle, mechanism, list, count, &raw mut key)
            })
        })?;
        Ok(key)
    }

    /// The public key, then the private one.
    pub fn generate_pair(
        &self,
        mechanism: &Mechanism,
        public: &Template,
        private: &Template,
    ) -> Answer<(Key, Key)> {
        let (mut one, mut other) = (0, 0);
        mechanism.with(|mechanism| {
            public.with(|public, public_count| {
                private.with(|private, private_count| {
                    let places = (&raw mut one, &raw mut other);
                    call!(
                        self.module,
                        C_GenerateKeyPair,
                        self.handle,
                        mechanism,
                        public,
                        public_count,
                        private,
                        private_count,
                        places.0,
                        places.1
                    )
                })
            })
        })?;
        Ok((one, other))
    }

    /// An RSA-2048 pair; the templates say what it is for, and where.
    pub fn rsa(&self, public: Template, private: Template) -> Answer<(Key, Key)> {
        let public = public.ulong(CKA_MODULUS_BITS, 2048).bytes(CKA_PUBLIC_EXPONENT, &[1, 0, 1]);
        self.generate_pair(&Mechanism::plain(CKM_RSA_PKCS_KEY_PAIR_GEN), &public, &private)
    }

    /// A P-256 pair.
    pub fn p256(&self, public: Template, private: Template) -> Answer<(Key, Key)> {
        let public = public.bytes(CKA_EC_PARAMS, P256);
        self.generate_pair(&Mechanism::plain(CKM_EC_KEY_PAIR_GEN), &public, &private)
    }

    /// An AES-256 key.
    pub fn aes(&self, template: Template) -> Answer<Key> {
        self.generate(&Mechanism::plain(CKM_AES_KEY_GEN), &template.ulong(CKA_VALUE_LEN, 32))
    }

    pub fn wrap(&self, mechanism: &Mechanism, wrapping: Key, key: Key) -> Answer<Vec<u8>> {
        mechanism.with(|mechanism| {
            two_calls(|out, len| {
                call!(self.module, C_WrapKey, self.handle, mechanism, wrapping, key, out, len)
            })
        })
    }

    pub fn unwrap(
        &self,
        mechanism: &Mechanism,
        unwrapping: Key,
        wrapped: &[u8],
        template: &Template,
    ) -> Answer<Key> {
        let (mut key, (mut wrapped, len)) = (0, bytes(wrapped));
        mechanism.with(|mechanism| {
            template.with(|list, count| {
                call!(
                    self.module,
                    C_UnwrapKey,
                    self.handle,
                    mechanism,
                    unwrapping,
                    wrapped.as_mut_ptr(),
                    len,
                    list,
                    count,
                    &raw mut key
                )
            })
        })?;
        Ok(key)
    }

    pub fn derive(&self, mechanism: &Mechanism, base: Key, template: &Template) -> Answer<Key> {
        let mut key = 0;
        mechanism.with(|mechanism| {
            template.with(|list, count| {
                call!(self.module, C_DeriveKey, self.handle, mechanism, base, list, count, &raw mut key)
            })
        })?;
        Ok(key)
    }

    // --- operations ---

    pub fn sign_init(&self, mechanism: &Mechanism, key: Key) -> Answer<()> {
        mechanism.with(|mechanism| call!(self.module, C_SignInit, self.handle, mechanism, key))
    }

    pub fn sign_update(&self, part: &[u8]) -> Answer<()> {
        let (mut part, len) = bytes(part);
        call!(self.module, C_SignUpdate, self.handle, part.as_mut_ptr(), len)
    }

    pub fn sign_final(&self) -> Answer<Vec<u8>> {
        two_calls(|out, len| call!(self.module, C_SignFinal, self.handle, out, len))
    }

    /// C_SignInit and C_Sign.
    pub fn sign(&self, mechanism: &Mechanism, key: Key, data: &[u8]) -> Answer<Vec<u8>> {
        self.sign_init(mechanism, key)?;
        let (mut data, data_len) = bytes(data);
        two_calls(|out, len| call!(self.module, C_Sign, self.handle, data.as_mut_ptr(), data_len, out, len))
    }

    pub fn sign_parts(&self, mechanism: &Mechanism, key: Key, data: &[u8]) -> Answer<Vec<u8>> {
        self.sign_init(mechanism, key)?;
        for part in data.chunks(7) {
            self.sign_update(part)?;
        }
        self.sign_final()
    }

    pub fn verify_init(&self, mechanism: &Mechanism, key: Key) -> Answer<()> {
        mechanism.with(|mechanism| call!(self.module, C_VerifyInit, self.handle, mechanism, key))
    }

    /// C_VerifyInit and C_Verify.
    pub fn verify(&self, mechanism: &Mechanism, key: Key, data: &[u8], signature: &[u8]) -> Answer<()> {
        self.verify_init(mechanism, key)?;
        let ((mut data, data_len), (mut signature, len)) = (bytes(data), bytes(signature));
        call!(self.module, C_Verify, self.handle, data.as_mut_ptr(), data_len, signature.as_mut_ptr(), len)
    }

    pub fn verify_parts(&self, mechanism: &Mechanism, key: Key, data: &[u8], signature: &[u8]) -> Answer<()> {
        self.verify_init(mechanism, key)?;
        for part in data.chunks(7) {
            let (mut part, len) = bytes(part);
            call!(self.module, C_VerifyUpdate, self.handle, part.as_mut_ptr(), len)?;
        }
        let (mut signature, len) = bytes(signature);
        call!(self.module, C_VerifyFinal, self.handle, signature.as_mut_ptr(), len)
    }

    pub fn encrypt_init(&self, mechanism: &Mechanism, key: Key) -> Answer<()> {
        mechanism.with(|mechanism| call!(self.module, C_EncryptInit, self.handle, mechanism, key))
    }

    pub fn encrypt(&self, mechanism: &Mechanism, key: Key, data: &[u8]) -> Answer<Vec<u8>> {
        self.encrypt_init(mechanism, key)?;
        let (mut data, data_len) = bytes(data);
        two_calls(|out, len| {
            call!(self.module, C_Encrypt, self.handle, data.as_mut_ptr(), data_len, out, len)
        })
    }

    pub fn encrypt_parts(&self, mechanism: &Mechanism, key: Key, data: &[u8]) -> Answer<Vec<u8>> {
        self.encrypt_init(mechanism, key)?;
        let mut all = Vec::new();
        for part in data.chunks(7) {
            let (mut part, part_len) = bytes(part);
            all.extend(two_calls(|out, len| {
                call!(self.module, C_EncryptUpdate, self.handle, part.as_mut_ptr(), part_len, out, len)
            })?);
        }
        all.extend(two_calls(|out, len| call!(self.module, C_EncryptFinal, self.handle, out, len))?);
        Ok(all)
    }

    pub fn decrypt_init(&self, mechanism: &Mechanism, key: Key) -> Answer<()> {
        mechanism.with(|mechanism| call!(self.module, C_DecryptInit, self.handle, mechanism, key))
    }

    pub fn decrypt(&self, mechanism: &Mechanism, key: Key, data: &[u8]) -> Answer<Vec<u8>> {
        self.decrypt_init(mechanism, key)?;
        let (mut data, data_len) = bytes(data);
        two_calls(|out, len| {
            call!(self.module, C_Decrypt, self.handle, data.as_mut_ptr(), data_len, out, len)
        })
    }

    pub fn decrypt_parts(&self, mechanism: &Mechanism, key: Key, data: &[u8]) -> Answer<Vec<u8>> {
        self.decrypt_init(mechanism, key)?;
        let mut all = Vec::new();
        for part in data.chunks(7) {
            let (mut part, part_len) = bytes(part);
            all.extend(two_calls(|out, len| {
                call!(self.module, C_DecryptUpdate, self.handle, part.as_mut_ptr(), part_len, out, len)
            })?);
        }
        all.extend(two_calls(|out, len| call!(self.module, C_DecryptFinal, self.handle, out, len))?);
        Ok(all)
    }

    pub fn digest_init(&self, mechanism: &Mechanism) -> Answer<()> {
        mechanism.with(|mechanism| call!(self.module, C_DigestInit, self.handle, mechanism))
    }

    pub fn digest(&self, mechanism: &Mechanism, data: &[u8]) -> Answer<Vec<u8>> {
        self.digest_init(mechanism)?;
        let (mut data, data_len) = bytes(data);
        two_calls(|out, len| call!(self.module, C_Digest, self.handle, data.as_mut_ptr(), data_len, out, len))
    }

    pub fn digest_parts(&self, mechanism: &Mechanism, data: &[u8]) -> Answer<Vec<u8>> {
        self.digest_init(mechanism)?;
        for part in data.chunks(7) {
            let (mut part, len) = bytes(part);
            call!(self.module, C_DigestUpdate, self.handle, part.as_mut_ptr(), len)?;
        }
        two_calls(|out, len| call!(self.module, C_DigestFinal, self.handle, out, len))
    }
}

/// The two-call rule, walked whole: a length query, a buffer one byte too short (where the length is not
/// 0), which must change nothing, and a fitting one.
pub fn two_calls(mut call: impl FnMut(*mut u8, *mut CK_ULONG) -> Answer<()>) -> Answer<Vec<u8>> {
    let mut asked = 0;
    call(null_mut(), &raw mut asked)?;
    // A guard byte stands behind the buffer.
    let mut buffer = vec![0xA5_u8; asked as usize + 1];
    if asked > 0 {
        let mut short = 0;
        match call(buffer.as_mut_ptr(), &raw mut short) {
            Err(Rv(CKR_BUFFER_TOO_SMALL)) => assert!(short > 0 && short <= asked, "{short} of {asked}"),
            // An inexact length (a padding is taken off) may turn out to be nothing at all.
            Ok(()) if short == 0 => return Ok(Vec::new()),
            Ok(()) => panic!("a buffer without room is enough for {short} bytes"),
            Err(other) => return Err(other),
        }
        assert!(buffer.iter().all(|byte| *byte == 0xA5), "a short buffer was written");
    }
    let mut len = asked;
    call(buffer.as_mut_ptr(), &raw mut len)?;
    assert!(len <= asked, "{len} bytes where {asked} were announced");
    assert_eq!(buffer[asked as usize], 0xA5, "written behind the buffer");
    buffer.truncate(len as usize);
    Ok(buffer)
}

// --- templates and mechanisms -----------------------------------------------------------------------

pub use keyward_pkcs11::ck::vendor::*;

/// DER of the OID of P-256.
pub const P256: &[u8] = &[0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07];
/// DER of the OID of Ed25519.
pub const ED25519: &[u8] = &[0x06, 0x03, 0x2B, 0x65, 0x70];

pub const ACTIVE: CK_ULONG = 2;
pub const DEACTIVATED: CK_ULONG = 3;
pub const COMPROMISED: CK_ULONG = 4;
pub const DESTROYED: CK_ULONG = 5;
pub const DESTROYED_COMPROMISED: CK_ULONG = 6;
pub const SUSPENDED: CK_ULONG = 7;

/// A template that owns its values.
#[derive(Clone, Default)]
pub struct Template(Vec<(CK_ATTRIBUTE_TYPE, Vec<u8>)>);

impl Template {
    pub fn new() -> Self {
        Self::default()
    }

    /// `CKA_TOKEN` true.
    pub fn token() -> Self {
        Self::new().flag(CKA_TOKEN, true)
    }

    pub fn bytes(mut self, cka: CK_ATTRIBUTE_TYPE, value: &[u8]) -> Self {
        self.0.push((cka, value.to_vec()));
        self
    }

    pub fn flag(self, cka: CK_ATTRIBUTE_TYPE, value: bool) -> Self {
        self.bytes(cka, &[u8::from(value)])
    }

    pub fn ulong(self, cka: CK_ATTRIBUTE_TYPE, value: CK_ULONG) -> Self {
        self.bytes(cka, &value.to_ne_bytes())
    }

    pub fn label(self, label: &str) -> Self {
        self.bytes(CKA_LABEL, label.as_bytes())
    }

    pub fn class(self, class: CK_OBJECT_CLASS) -> Self {
        self.ulong(CKA_CLASS, class)
    }

    /// Each of these usage attributes true.
    pub fn uses(self, uses: &[CK_ATTRIBUTE_TYPE]) -> Self {
        uses.iter().fold(self, |template, cka| template.flag(*cka, true))
    }

    pub fn with<R>(&self, work: impl FnOnce(*mut CK_ATTRIBUTE, CK_ULONG) -> R) -> R {
        let mut list: Vec<_> = self
            .0
            .iter()
            .map(|(cka, value)| CK_ATTRIBUTE {
                type_: *cka,
                pValue: value.as_ptr().cast_mut().cast(),
                ulValueLen: value.len() as CK_ULONG,
            })
            .collect();
        work(list.as_mut_ptr(), list.len() as CK_ULONG)
    }
}

/// A mechanism that owns its parameter.
#[derive(Clone)]
pub struct Mechanism {
    pub ckm: CK_MECHANISM_TYPE,
    param: Param,
}

#[derive(Clone)]
enum Param {
    None,
    Bytes(Vec<u8>),
    Gcm { iv: Vec<u8>, aad: Vec<u8>, tag_bits: CK_ULONG },
    Ctr { bits: CK_ULONG, block: [u8; 16] },
    Pss { hash: CK_MECHANISM_TYPE, mgf: CK_ULONG, salt: CK_ULONG },
    Oaep { hash: CK_MECHANISM_TYPE, mgf: CK_ULONG, label: Vec<u8> },
    Ecdh { public: Vec<u8> },
}

impl Mechanism {
    pub fn plain(ckm: CK_MECHANISM_TYPE) -> Self {
        Self { ckm, param: Param::None }
    }

    pub fn iv(ckm: CK_MECHANISM_TYPE, iv: &[u8]) -> Self {
        Self { ckm, param: Param::Bytes(iv.to_vec()) }
    }

    pub fn gcm(iv: &[u8], aad: &[u8], tag_bits: CK_ULONG) -> Self {
        Self { ckm: CKM_AES_GCM, param: Param::Gcm { iv: iv.to_vec(), aad: aad.to_vec(), tag_bits } }
    }

    pub fn ctr(bits: CK_ULONG, block: [u8; 16]) -> Self {
        Self { ckm: CKM_AES_CTR, param: Param::Ctr { bits, block } }
    }

    pub fn pss(ckm: CK_MECHANISM_TYPE, hash: CK_MECHANISM_TYPE, mgf: CK_ULONG, salt: CK_ULONG) -> Self {
        Self { ckm, param: Param::Pss { hash, mgf, salt } }
    }

    pub fn oaep(hash: CK_MECHANISM_TYPE, mgf: CK_ULONG, label: &[u8]) -> Self {
        Self { ckm: CKM_RSA_PKCS_OAEP, param: Param::Oaep { hash, mgf, label: label.to_vec() } }
    }

    pub fn ecdh(ckm: CK_MECHANISM_TYPE, public: &[u8]) -> Self {
        Self { ckm, param: Param::Ecdh { public: public.to_vec() } }
    }

    /// As C sees it.
    pub fn with<R>(&self, work: impl FnOnce(*mut CK_MECHANISM) -> R) -> R {
        fn run<T, R>(ckm: CK_MECHANISM_TYPE, mut param: T, work: impl FnOnce(*mut CK_MECHANISM) -> R) -> R {
            let place: *mut c_void = (&raw mut param).cast();
            let len = size_of::<T>() as CK_ULONG;
            mechanism(ckm, place, len, work)
        }
        fn mechanism<R>(
            ckm: CK_MECHANISM_TYPE,
            param: *mut c_void,
            len: CK_ULONG,
            work: impl FnOnce(*mut CK_MECHANISM) -> R,
        ) -> R {
            let mut mechanism = CK_MECHANISM { mechanism: ckm, pParameter: param, ulParameterLen: len };
            work(&raw mut mechanism)
        }
        let ckm = self.ckm;
        match &self.param {
            Param::None => mechanism(ckm, null_mut(), 0, work),
            Param::Bytes(bytes) => {
                mechanism(ckm, bytes.as_ptr().cast_mut().cast(), bytes.len() as CK_ULONG, work)
            }
            Param::Gcm { iv, aad, tag_bits } => {
                let param = CK_GCM_PARAMS {
                    pIv: iv.as_ptr().cast_mut(),
                    ulIvLen: iv.len() as CK_ULONG,
                    ulIvBits: iv.len() as CK_ULONG * 8,
                    pAAD: aad.as_ptr().cast_mut(),
                    ulAADLen: aad.len() as CK_ULONG,
                    ulTagBits: *tag_bits,
                };
                run(ckm, param, work)
            }
            Param::Ctr { bits, block } => {
                run(ckm, CK_AES_CTR_PARAMS { ulCounterBits: *bits, cb: *block }, work)
            }
            Param::Pss { hash, mgf, salt } => {
                run(ckm, CK_RSA_PKCS_PSS_PARAMS { hashAlg: *hash, mgf: *mgf, sLen: *salt }, work)
            }
            Param::Oaep { hash, mgf, label } => {
                let param = CK_RSA_PKCS_OAEP_PARAMS {
                    hashAlg: *hash,
                    mgf: *mgf,
                    source: CKZ_DATA_SPECIFIED,
                    pSourceData: label.as_ptr().cast_mut().cast(),
                    ulSourceDataLen: label.len() as CK_ULONG,
                };
                run(ckm, param, work)
            }
            Param::Ecdh { public } => {
                let param = CK_ECDH1_DERIVE_PARAMS {
                    kdf: CKD_NULL,
                    ulSharedDataLen: 0,
                    pSharedData: null_mut(),
                    ulPublicDataLen: public.len() as CK_ULONG,
                    pPublicData: public.as_ptr().cast_mut(),
                };
                run(ckm, param, work)
            }
        }
    }
}
