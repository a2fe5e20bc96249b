//! A small safe client over the C function list, and what a test needs around it: a process of its own,
//! a store folder, a token with users.

mod session;
mod values;

pub use session::*;
pub use values::*;

use cryptoki_sys::*;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::ptr::null_mut;
use std::time::{Duration, Instant};

pub const SO_PIN: &str = "so-pin-12345";
pub const USER_PIN: &str = "user-pin-1234";

/// Whether the module is built over the reference engine, which lacks what docs/engines.md says.
pub const REFERENCE_ENGINE: bool = cfg!(not(feature = "aws-lc"));

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
        // Seen with --nocapture, or --success-output.
        Some(status) if status.success() && ran => print!("{text}"),
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
