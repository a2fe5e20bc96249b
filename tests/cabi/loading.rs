//! The module comes into a process, goes, and lives beside other libraries that do cryptography.

use super::client::*;
use super::processes::{fork, reap};
use crate::alone;
use cryptoki_sys::*;
use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_LOCAL, RTLD_NOW, Symbol};
use std::ffi::{c_char, c_int, c_uint, c_void};

/// What may grow: memory in KiB, mappings, open files, threads.
fn size() -> [usize; 4] {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    let resident = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    let mappings = std::fs::read_to_string("/proc/self/maps").unwrap().lines().count();
    let count = |folder| std::fs::read_dir(folder).unwrap().count();
    [resident, mappings, count("/proc/self/fd"), count("/proc/self/task")]
}

fn grows_not(mut round: impl FnMut()) {
    (0..50).for_each(|_| round());
    let before = size();
    (0..1000).for_each(|_| round());
    let after = size();
    // The allocator may keep a little more, or split a mapping; a leak of one page a round would be 4 000 KiB.
    assert!(after[0] <= before[0] + 1500, "resident KiB: {before:?} -> {after:?}");
    assert!(after[1] <= before[1] + 4, "mappings: {before:?} -> {after:?}");
    assert_eq!(after[2..], before[2..], "files and threads");
}

alone! {
    fn load_and_unload_a_thousand_times_without_growth() {
        grows_not(|| Module::load().close());
    }
}

alone! {
    fn load_initialize_finalize_and_unload_a_thousand_times_without_growth() {
        let folder = tempfile::tempdir().unwrap();
        let configuration = format!("store='{}' log='off'", folder.path().display());
        grows_not(|| {
            let module = Module::load();
            module.initialize(&configuration).unwrap();
            assert_eq!(module.slots().unwrap().len(), 1);
            module.finalize().unwrap();
            module.close();
        });
    }
}

alone! {
    fn sessions_and_keys_a_thousand_times_without_growth() {
        let world = World::new();
        let keeper = world.user();
        grows_not(|| {
            let session = world.module.read_write(world.slot);
            let key = session.aes(Template::new().uses(&[CKA_ENCRYPT, CKA_DECRYPT])).unwrap();
            session.encrypt(&Mechanism::gcm(&[1; 12], b"", 128), key, &[7; 1000]).unwrap();
            session.encrypt_init(&Mechanism::iv(CKM_AES_CBC, &[0; 16]), key).unwrap();
            session.close().unwrap();
        });
        assert_eq!(keeper.find(&Template::new()).unwrap(), []);
    }
}

alone! {
    fn module_starts_no_thread_and_takes_no_signal() {
        let of_status = |name: &str| {
            let status = std::fs::read_to_string("/proc/self/status").unwrap();
            status.lines().find(|line| line.starts_with(name)).unwrap().to_owned()
        };
        let facts = || (of_status("Threads:"), of_status("SigCgt:"), of_status("SigIgn:"), of_status("SigBlk:"));
        let before = facts();
        let world = World::new();
        let session = world.user();
        let (_, rsa) = session.rsa(Template::new(), Template::token().flag(CKA_SIGN, true)).unwrap();
        session.sign(&Mechanism::plain(CKM_SHA256_RSA_PKCS), rsa, b"data").unwrap();
        assert_eq!(facts(), before);
        world.stop();
        assert_eq!(facts(), before);
    }
}

alone! {
    fn exit_inside_another_thread_with_work_running_is_harmless() {
        let world = World::new();
        let session = world.user();
        let key = session.aes(Template::new()).unwrap();
        for _ in 0..20 {
            reap(fork(|| {
                std::thread::scope(|scope| {
                    for _ in 0..3 {
                        scope.spawn(|| loop {
                            let own = world.module.read_only(world.slot);
                            // The process ends under it: any answer will do.
                            let _ = own.encrypt_init(&Mechanism::gcm(&[1; 12], b"", 128), key);
                            let _ = own.close();
                        });
                    }
                    scope.spawn(|| {
                        std::thread::sleep(std::time::Duration::from_millis(5));
                        // With all handlers of exit and destructors, unlike _exit.
                        std::process::exit(0)
                    });
                });
                false
            }));
        }
    }
}

// --- beside other libraries -------------------------------------------------------------------------

/// SHA-256 of "abc" (FIPS 180-2, B.1).
const ABC: [u8; 32] = [
    0xBA, 0x78, 0x16, 0xBF, 0x8F, 0x01, 0xCF, 0xEA, 0x41, 0x41, 0x40, 0xDE, 0x5D, 0xAE, 0x22, 0x23, 0xB0,
    0x03, 0x61, 0xA3, 0x96, 0x17, 0x7A, 0x9C, 0xB4, 0x10, 0xFF, 0x61, 0xF2, 0x00, 0x15, 0xAD,
];

fn library(name: &str) -> Option<Library> {
    // SAFETY: libraries of the system. Global, as a program that is linked with them has them: names that clash would.
    unsafe { Library::open(Some(name), RTLD_NOW | RTLD_GLOBAL) }.ok()
}

fn symbol<T>(library: &Library, name: &str) -> Symbol<T> {
    // SAFETY: the types below are those of the libraries' headers.
    unsafe { library.get(name.as_bytes()) }.unwrap()
}

/// One of the four: loaded, it hashes when it is asked.
enum Guest {
    OpenSsl(Library),
    Nss(Library),
    GnuTls(Library),
    Ours(Module),
}

const NAMES: [&str; 4] = ["libcrypto.so.3", "libnss3.so", "libgnutls.so.30", "keyward"];

impl Guest {
    fn load(which: usize) -> Self {
        match which {
            0 => Self::OpenSsl(library(NAMES[0]).unwrap()),
            1 => {
                let nss = library(NAMES[1]).unwrap();
                // It loads its softoken, a PKCS#11 module too, by itself.
                let init = symbol::<unsafe extern "C" fn(*const c_char) -> c_int>(&nss, "NSS_NoDB_Init");
                // SAFETY: the header's signature.
                assert_eq!(unsafe { init(c".".as_ptr()) }, 0);
                Self::Nss(nss)
            }
            2 => Self::GnuTls(library(NAMES[2]).unwrap()),
            _ => Self::Ours(Module::load()),
        }
    }

    fn hash(&self) -> [u8; 32] {
        let mut out = [0_u8; 32];
        // SAFETY: the headers' signatures, with three bytes in and room for 32.
        unsafe {
            match self {
                Self::OpenSsl(library) => {
                    type Sha256 = unsafe extern "C" fn(*const u8, usize, *mut u8) -> *mut u8;
                    assert!(
                        !symbol::<Sha256>(library, "SHA256")(b"abc".as_ptr(), 3, out.as_mut_ptr()).is_null()
                    );
                    type Random = unsafe extern "C" fn(*mut u8, c_int) -> c_int;
                    assert_eq!(symbol::<Random>(library, "RAND_bytes")([0_u8; 16].as_mut_ptr(), 16), 1);
                }
                Self::Nss(library) => {
                    const SHA256: c_int = 4;
                    type Hash = unsafe extern "C" fn(c_int, *mut u8, *const u8, c_uint) -> c_int;
                    let hash = symbol::<Hash>(library, "HASH_HashBuf");
                    assert_eq!(hash(SHA256, out.as_mut_ptr(), b"abc".as_ptr(), 3), 0);
                }
                Self::GnuTls(library) => {
                    const SHA256: c_int = 6;
                    type Hash = unsafe extern "C" fn(c_int, *const c_void, usize, *mut c_void) -> c_int;
                    let hash = symbol::<Hash>(library, "gnutls_hash_fast");
                    assert_eq!(hash(SHA256, b"abc".as_ptr().cast(), 3, out.as_mut_ptr().cast()), 0);
                }
                Self::Ours(_) => return ABC,
            }
        }
        out
    }
}

/// All of ours that could meet the others: random numbers, signatures, the store, Argon2.
fn work(module: &Module, configuration: &str) {
    module.initialize(configuration).unwrap();
    let slot = module.slots().unwrap()[0];
    let session = module.read_write(slot);
    session.login(CKU_USER, USER_PIN).unwrap();
    assert_eq!(session.digest(&Mechanism::plain(CKM_SHA256), b"abc").unwrap(), ABC);
    let half = |use_of| Template::new().flag(use_of, true);
    let (public, private) = session.p256(half(CKA_VERIFY), half(CKA_SIGN)).unwrap();
    let ecdsa = Mechanism::plain(CKM_ECDSA_SHA256);
    let signature = session.sign(&ecdsa, private, b"data").unwrap();
    session.verify(&ecdsa, public, b"data", &signature).unwrap();
    module.finalize().unwrap();
}

/// The 24 orders of four things.
fn orders() -> Vec<[usize; 4]> {
    let mut all = Vec::new();
    for number in 0..256 {
        let order = [number & 3, number >> 2 & 3, number >> 4 & 3, number >> 6 & 3];
        if (0..4).all(|which| order.contains(&which)) {
            all.push(order);
        }
    }
    assert_eq!(all.len(), 24);
    all
}

alone! {
    fn every_order_of_four_libraries_works() {
        // Asked in a child, so that nothing is loaded here.
        let missing = |name: &&str| {
            let found = fork(|| library(name).is_some());
            std::panic::catch_unwind(|| reap(found)).is_err()
        };
        if let Some(name) = NAMES[..3].iter().find(|name| missing(name)) {
            println!("SKIPPED: {name} is not installed");
            return;
        }
        // The store is made in a child too: the module must not be here before its turn.
        let folder = tempfile::tempdir().unwrap();
        let configuration = format!("store='{}' log='off'", folder.path().join("store").display());
        reap(fork(|| {
            let module = Module::load();
            module.initialize(&configuration).unwrap();
            let slot = module.slots().unwrap()[0];
            module.init_token(slot, SO_PIN, "beside").unwrap();
            let session = module.read_write(slot);
            session.login(CKU_SO, SO_PIN).unwrap();
            session.init_pin(USER_PIN).unwrap();
            true
        }));
        for order in orders() {
            reap(fork(|| {
                let mut guests = Vec::new();
                for which in order {
                    guests.push(Guest::load(which));
                    assert!(guests.iter().all(|guest| guest.hash() == ABC), "{order:?}");
                    if let Some(Guest::Ours(module)) = guests.last() {
                        work(module, &configuration);
                    }
                }
                let ours = guests.iter().find_map(|guest| if let Guest::Ours(module) = guest { Some(module) } else { None });
                work(ours.unwrap(), &configuration);
                assert!(guests.iter().all(|guest| guest.hash() == ABC), "{order:?}");
                // Ours goes first, the others go on; then the process ends with all destructors.
                let (ours, others): (Vec<_>, Vec<_>) = guests.into_iter().partition(|guest| matches!(guest, Guest::Ours(_)));
                drop(ours);
                assert!(others.iter().all(|guest| guest.hash() == ABC), "{order:?}");
                std::process::exit(0)
            }));
        }
    }
}

alone! {
    fn module_is_found_by_its_own_names_only() {
        // Two copies of the module in one process, from two files, as a host with two paths to it has them.
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("libcopy.so");
        std::fs::copy(module_path(), &copy).unwrap();
        let (one, two) = (Module::load(), Module::load_from(&copy));
        let configuration = |name: &str| format!("store='{}' log='off'", folder.path().join(name).display());
        one.initialize(&configuration("one")).unwrap();
        assert_eq!(two.slots(), Err(Rv(CKR_CRYPTOKI_NOT_INITIALIZED)));
        two.initialize(&configuration("two")).unwrap();
        one.init_token(one.slots().unwrap()[0], SO_PIN, "one").unwrap();
        assert_eq!((one.slots().unwrap().len(), two.slots().unwrap().len()), (2, 1));
        one.finalize().unwrap();
        assert_eq!(two.slots().unwrap().len(), 1);
        two.finalize().unwrap();
        two.close();
        one.close();
        // SAFETY: nothing of it is called.
        let global = unsafe { Library::open(Some(module_path()), RTLD_NOW | RTLD_LOCAL) }.unwrap();
        // SAFETY: a name is looked up, and not called.
        assert!(unsafe { global.get::<unsafe extern "C" fn()>(b"SHA256") }.is_err(), "AWS-LC's names are visible");
    }
}
