//! What a call costs, beside another module and beside the bare crypto library.
//!
//! `cargo bench --bench peers` measures the module that was just built and SoftHSM2, if that is installed (or the module
//! that `PEER_MODULE` names), in one run: rounds take turns, the median counts, and what is counted is the CPU time
//! of the process. Nothing here asserts a speed. Words after `--` choose rows by name: `cargo bench --bench peers -- rsa`.
#![expect(unsafe_code, reason = "calls C functions as a host would")]
#![expect(clippy::multiple_unsafe_ops_per_block, reason = "a host program")]
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a program for us")]
#![expect(clippy::host_endian_bytes, reason = "attributes are numbers in memory")]
#![expect(clippy::disallowed_methods, reason = "a program of its own")]
#![expect(clippy::cast_possible_truncation, reason = "numbers of our own")]

use cryptoki_sys::*;
use keyward_pkcs11::sys::aws_lc::digest::Hash;
use keyward_pkcs11::sys::aws_lc::rsa::RsaKey;
use std::ffi::c_void;
use std::path::{Path, PathBuf};
use std::ptr::null_mut;

/// Rounds of each row; the median counts.
const ROUNDS: usize = 7;
/// CPU time of one measurement in nanoseconds, roughly.
const SPAN: u64 = 40_000_000;

const SO_PIN: &[u8] = b"so-pin-12345";
const USER_PIN: &[u8] = b"user-pin-1234";
const P256: &[u8] = &[0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07];
/// The curve's name, which both modules understand.
const ED25519: &[u8] = b"\x13\x0cedwards25519";

/// A module with a token, a session and keys.
struct Peer {
    list: &'static CK_FUNCTION_LIST,
    slot: CK_SLOT_ID,
    session: CK_SESSION_HANDLE,
    rsa: CK_OBJECT_HANDLE,
    p256: CK_OBJECT_HANDLE,
    ed25519: CK_OBJECT_HANDLE,
    aes: CK_OBJECT_HANDLE,
    hmac: CK_OBJECT_HANDLE,
}

macro_rules! call {
    ($peer:expr, $function:ident $(, $argument:expr)* $(,)?) => {{
        let function = $peer.list.$function.expect(stringify!($function));
        // SAFETY: what is passed is memory of this program, long enough for what is asked.
        let code = unsafe { function($($argument),*) };
        assert_eq!(code, CKR_OK, concat!(stringify!($function), " answers {:#x}"), code);
    }};
}

/// A template from pairs.
fn template(pairs: &[(CK_ATTRIBUTE_TYPE, &[u8])]) -> Vec<CK_ATTRIBUTE> {
    let attribute = |(cka, value): &(CK_ATTRIBUTE_TYPE, &[u8])| CK_ATTRIBUTE {
        type_: *cka,
        pValue: value.as_ptr().cast_mut().cast(),
        ulValueLen: value.len() as CK_ULONG,
    };
    pairs.iter().map(attribute).collect()
}

fn plain(ckm: CK_MECHANISM_TYPE) -> CK_MECHANISM {
    CK_MECHANISM { mechanism: ckm, pParameter: null_mut(), ulParameterLen: 0 }
}

const TRUE: &[u8] = &[CK_TRUE];
const FALSE: &[u8] = &[CK_FALSE];

impl Peer {
    /// Loads a module and makes a token with keys. `configuration` goes into `pReserved`.
    fn start(path: &Path, configuration: Option<&str>) -> Self {
        // SAFETY: a PKCS#11 module. Never unloaded.
        let library = unsafe { libloading::Library::new(path) }.unwrap();
        let library = Box::leak(Box::new(library));
        let mut list: *mut CK_FUNCTION_LIST = null_mut();
        type Get = unsafe extern "C" fn(*mut *mut CK_FUNCTION_LIST) -> CK_RV;
        // SAFETY: the standard's signature.
        let list = unsafe {
            let get: libloading::Symbol<'_, Get> = library.get(b"C_GetFunctionList").unwrap();
            assert_eq!(get(&raw mut list), CKR_OK);
            &*list
        };
        let mut peer = Self { list, slot: 0, session: 0, rsa: 0, p256: 0, ed25519: 0, aes: 0, hmac: 0 };
        let mut text = configuration.map(|text| format!("{text}\0").into_bytes());
        let mut arguments = CK_C_INITIALIZE_ARGS {
            flags: CKF_OS_LOCKING_OK,
            pReserved: text.as_mut().map_or(null_mut(), |text| text.as_mut_ptr().cast()),
            ..CK_C_INITIALIZE_ARGS::default()
        };
        call!(peer, C_Initialize, (&raw mut arguments).cast());
        peer.slot = peer.slots()[0];
        let mut label = *b"bench                           ";
        call!(
            peer,
            C_InitToken,
            peer.slot,
            SO_PIN.as_ptr().cast_mut(),
            SO_PIN.len() as CK_ULONG,
            label.as_mut_ptr()
        );
        // Some modules give a token another slot when it is initialised.
        peer.slot = peer.initialized_slot();
        let flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
        call!(peer, C_OpenSession, peer.slot, flags, null_mut(), None, &raw mut peer.session);
        peer.login(CKU_SO, SO_PIN);
        call!(peer, C_InitPIN, peer.session, USER_PIN.as_ptr().cast_mut(), USER_PIN.len() as CK_ULONG);
        peer.logout();
        peer.login(CKU_USER, USER_PIN);
        peer.make_keys();
        peer
    }

    fn slots(&self) -> Vec<CK_SLOT_ID> {
        let mut slots = vec![0; 64];
        let mut count = 64;
        call!(self, C_GetSlotList, CK_TRUE, slots.as_mut_ptr(), &raw mut count);
        slots.truncate(count as usize);
        slots
    }

    fn initialized_slot(&self) -> CK_SLOT_ID {
        let is_ours = |slot: &CK_SLOT_ID| {
            let mut info = CK_TOKEN_INFO::default();
            call!(self, C_GetTokenInfo, *slot, &raw mut info);
            info.label.starts_with(b"bench ")
        };
        self.slots().into_iter().find(is_ours).unwrap()
    }

    fn login(&self, user: CK_USER_TYPE, pin: &[u8]) {
        call!(self, C_Login, self.session, user, pin.as_ptr().cast_mut(), pin.len() as CK_ULONG);
    }

    fn logout(&self) {
        call!(self, C_Logout, self.session);
    }

    fn make_keys(&mut self) {
        let bits = (2048 as CK_ULONG).to_ne_bytes();
        let exponent: &[u8] = &[1, 0, 1];
        let rsa: &[_] = &[(CKA_MODULUS_BITS, &bits[..]), (CKA_PUBLIC_EXPONENT, exponent), (CKA_VERIFY, TRUE)];
        self.rsa = self.pair(CKM_RSA_PKCS_KEY_PAIR_GEN, rsa);
        self.p256 = self.pair(CKM_EC_KEY_PAIR_GEN, &[(CKA_EC_PARAMS, P256), (CKA_VERIFY, TRUE)]);
        self.ed25519 =
            self.pair(CKM_EC_EDWARDS_KEY_PAIR_GEN, &[(CKA_EC_PARAMS, ED25519), (CKA_VERIFY, TRUE)]);
        let len = (32 as CK_ULONG).to_ne_bytes();
        let aes = [(CKA_VALUE_LEN, &len[..]), (CKA_TOKEN, TRUE), (CKA_ENCRYPT, TRUE), (CKA_DECRYPT, TRUE)];
        self.aes = self.key(CKM_AES_KEY_GEN, &aes);
        let hmac = [(CKA_VALUE_LEN, &len[..]), (CKA_TOKEN, TRUE), (CKA_SIGN, TRUE), (CKA_VERIFY, TRUE)];
        self.hmac = self.key(CKM_GENERIC_SECRET_KEY_GEN, &hmac);
    }

    /// The private half of a new pair of token objects that signs.
    fn pair(&self, ckm: CK_MECHANISM_TYPE, public: &[(CK_ATTRIBUTE_TYPE, &[u8])]) -> CK_OBJECT_HANDLE {
        let mut mechanism = plain(ckm);
        let mut public = template(&[public, &[(CKA_TOKEN, TRUE)]].concat());
        let mut private =
            template(&[(CKA_SIGN, TRUE), (CKA_TOKEN, TRUE), (CKA_PRIVATE, TRUE), (CKA_SENSITIVE, TRUE)]);
        let (mut one, mut other) = (0, 0);
        let sizes = (public.len() as CK_ULONG, private.len() as CK_ULONG);
        call!(
            self,
            C_GenerateKeyPair,
            self.session,
            &raw mut mechanism,
            public.as_mut_ptr(),
            sizes.0,
            private.as_mut_ptr(),
            sizes.1,
            &raw mut one,
            &raw mut other
        );
        other
    }

    fn key(&self, ckm: CK_MECHANISM_TYPE, pairs: &[(CK_ATTRIBUTE_TYPE, &[u8])]) -> CK_OBJECT_HANDLE {
        let (mut mechanism, mut list, mut key) = (plain(ckm), template(pairs), 0);
        let count = list.len() as CK_ULONG;
        call!(self, C_GenerateKey, self.session, &raw mut mechanism, list.as_mut_ptr(), count, &raw mut key);
        key
    }

    fn sign(&self, ckm: CK_MECHANISM_TYPE, key: CK_OBJECT_HANDLE, data: &[u8]) {
        let mut mechanism = plain(ckm);
        let (mut out, mut len) = ([0_u8; 512], 512);
        call!(self, C_SignInit, self.session, &raw mut mechanism, key);
        let data = (data.as_ptr().cast_mut(), data.len() as CK_ULONG);
        call!(self, C_Sign, self.session, data.0, data.1, out.as_mut_ptr(), &raw mut len);
    }

    fn encrypt_gcm(&self, data: &[u8], out: &mut [u8]) {
        let mut iv = [7_u8; 12];
        let mut param = CK_GCM_PARAMS {
            pIv: iv.as_mut_ptr(),
            ulIvLen: 12,
            ulIvBits: 96,
            pAAD: null_mut(),
            ulAADLen: 0,
            ulTagBits: 128,
        };
        let mut mechanism = CK_MECHANISM {
            mechanism: CKM_AES_GCM,
            pParameter: (&raw mut param).cast::<c_void>(),
            ulParameterLen: size_of::<CK_GCM_PARAMS>() as CK_ULONG,
        };
        let mut len = out.len() as CK_ULONG;
        call!(self, C_EncryptInit, self.session, &raw mut mechanism, self.aes);
        let data = (data.as_ptr().cast_mut(), data.len() as CK_ULONG);
        call!(self, C_Encrypt, self.session, data.0, data.1, out.as_mut_ptr(), &raw mut len);
    }

    fn digest(&self, data: &[u8]) {
        let mut mechanism = plain(CKM_SHA256);
        let (mut out, mut len) = ([0_u8; 32], 32);
        call!(self, C_DigestInit, self.session, &raw mut mechanism);
        let data = (data.as_ptr().cast_mut(), data.len() as CK_ULONG);
        call!(self, C_Digest, self.session, data.0, data.1, out.as_mut_ptr(), &raw mut len);
    }

    fn random(&self) {
        let mut out = [0_u8; 32];
        call!(self, C_GenerateRandom, self.session, out.as_mut_ptr(), 32);
    }

    fn generate_and_destroy(&self) {
        let len = (32 as CK_ULONG).to_ne_bytes();
        let key =
            self.key(CKM_AES_KEY_GEN, &[(CKA_VALUE_LEN, &len[..]), (CKA_TOKEN, FALSE), (CKA_ENCRYPT, TRUE)]);
        call!(self, C_DestroyObject, self.session, key);
    }

    /// Token objects with labels of their own, until there are so many.
    fn fill(&self, from: usize, to: usize) {
        let class = CKO_DATA.to_ne_bytes();
        for number in from..to {
            let label = format!("object-{number}");
            let pairs: &[(_, &[u8])] = &[
                (CKA_CLASS, &class),
                (CKA_TOKEN, TRUE),
                (CKA_PRIVATE, FALSE),
                (CKA_LABEL, label.as_bytes()),
                (CKA_VALUE, b"some data"),
            ];
            let (mut list, mut made) = (template(pairs), 0);
            call!(
                self,
                C_CreateObject,
                self.session,
                list.as_mut_ptr(),
                list.len() as CK_ULONG,
                &raw mut made
            );
        }
    }

    fn find(&self, label: &str) {
        let mut list = template(&[(CKA_LABEL, label.as_bytes())]);
        let (mut found, mut count) = ([0; 4], 0);
        call!(self, C_FindObjectsInit, self.session, list.as_mut_ptr(), 1);
        call!(self, C_FindObjects, self.session, found.as_mut_ptr(), 4, &raw mut count);
        call!(self, C_FindObjectsFinal, self.session);
        assert_eq!(count, 1, "{label}");
    }
}

/// CPU time of this process in nanoseconds.
fn cpu_time() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the place is our own.
    assert_eq!(unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) }, 0);
    u64::try_from(time.tv_sec).unwrap() * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap()
}

/// Nanoseconds of so many runs.
fn span(times: u64, work: &mut dyn FnMut()) -> u64 {
    let started = cpu_time();
    for _ in 0..times {
        work();
    }
    cpu_time() - started
}

/// The median of nanoseconds a run, for each of the works, measured in turns.
fn measure(works: &mut [Box<dyn FnMut() + '_>]) -> Vec<f64> {
    let times: Vec<u64> = works
        .iter_mut()
        .map(|work| {
            let mut times = 1;
            loop {
                let taken = span(times, work);
                if taken > SPAN / 4 {
                    return (times * SPAN / taken).max(1);
                }
                times *= 2;
            }
        })
        .collect();
    let mut taken = vec![Vec::new(); works.len()];
    for _ in 0..ROUNDS {
        for ((work, times), taken) in works.iter_mut().zip(&times).zip(&mut taken) {
            taken.push(span(*times, work) as f64 / *times as f64);
        }
    }
    taken
        .into_iter()
        .map(|mut taken| {
            taken.sort_by(f64::total_cmp);
            taken[taken.len() / 2]
        })
        .collect()
}

struct Table {
    chosen: Vec<String>,
    peers: Vec<(&'static str, Peer)>,
}

impl Table {
    fn wants(&self, name: &str) -> bool {
        self.chosen.is_empty() || self.chosen.iter().any(|word| name.contains(word.as_str()))
    }

    fn row(&self, name: &str, work: impl Fn(&Peer)) {
        if !self.wants(name) {
            return;
        }
        let works = self.peers.iter().map(|(_, peer)| Box::new(|| work(peer)) as Box<dyn FnMut() + '_>);
        print_row(name, &measure(&mut works.collect::<Vec<_>>()));
    }

    /// RSA beside the library alone, with a key that is ready.
    fn rsa_overhead(&self) {
        let name = "rsa-2048 sign, library alone";
        if !self.wants(name) {
            return;
        }
        let key = RsaKey::generate(2048, 65537).ok().unwrap();
        let mut out = [0_u8; 256];
        let mut digest = [0_u8; 32];
        let module = &self.peers[0].1;
        let mut works: Vec<Box<dyn FnMut() + '_>> = vec![
            Box::new(|| {
                Hash::Sha256.digest(&[1; 32], &mut digest).ok().unwrap();
                key.sign(Hash::Sha256, &digest, &mut out).ok().unwrap();
            }),
            Box::new(|| module.sign(CKM_SHA256_RSA_PKCS, module.rsa, &[1; 32])),
        ];
        let taken = measure(&mut works);
        println!("{name:<36}{:>14}", rate(taken[0]));
        let over = (taken[1] / taken[0] - 1.0) * 100.0;
        println!(
            "{:<36}{over:>13.1} %  ({:.0} ns a signature)",
            "  C_SignInit + C_Sign over it",
            taken[1] - taken[0]
        );
    }
}

fn rate(nanoseconds: f64) -> String {
    format!("{:.0}/s", 1e9 / nanoseconds)
}

fn print_row(name: &str, taken: &[f64]) {
    print!("{name:<36}");
    for taken in taken {
        print!("{:>14}", rate(*taken));
    }
    if let [ours, theirs] = taken {
        print!("{:>9.2} x", theirs / ours);
    }
    println!();
}

/// The module that was built with this program: the newest beside it.
fn keyward() -> PathBuf {
    if let Some(path) = std::env::var_os("KEYWARD_MODULE") {
        return path.into();
    }
    let program = std::env::current_exe().unwrap();
    let deps = program.parent().unwrap();
    let name = "libkeyward_pkcs11.so";
    let modified = |path: &PathBuf| std::fs::metadata(path).and_then(|about| about.modified()).ok();
    [deps.join(name), deps.parent().unwrap().join(name)]
        .into_iter()
        .filter(|path| path.is_file())
        .max_by_key(modified)
        .unwrap_or_else(|| panic!("no {name} beside {}: cargo build --release --lib", program.display()))
}

/// SoftHSM2, or the module that `PEER_MODULE` names.
fn peer() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("PEER_MODULE") {
        return Some(path.into());
    }
    let places = [
        "/usr/lib/softhsm/libsofthsm2.so",
        "/usr/lib64/softhsm/libsofthsm2.so",
        "/usr/local/lib/softhsm/libsofthsm2.so",
    ];
    places.into_iter().map(PathBuf::from).find(|path| path.is_file())
}

fn start(folder: &Path) -> Vec<(&'static str, Peer)> {
    let module = keyward();
    println!("module {}", module.display());
    let configuration = format!("store='{}' log='off'", folder.join("keyward").display());
    let mut peers = vec![("keyward", Peer::start(&module, Some(&configuration)))];
    if let Some(path) = peer() {
        println!("peer   {}", path.display());
        let (tokens, file) = (folder.join("tokens"), folder.join("softhsm2.conf"));
        std::fs::create_dir(&tokens).unwrap();
        std::fs::write(&file, format!("directories.tokendir = {}\nlog.level = ERROR\n", tokens.display()))
            .unwrap();
        // SAFETY: no other thread runs yet.
        unsafe { std::env::set_var("SOFTHSM2_CONF", &file) };
        peers.push(("peer", Peer::start(&path, None)));
    } else {
        println!("peer   none: install SoftHSM2, or name a module in PEER_MODULE");
    }
    peers
}

fn main() {
    let chosen = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let folder = tempfile::tempdir().unwrap();
    let table = Table { chosen, peers: start(folder.path()) };
    print!("\n{:<36}", "operations a second of CPU time");
    for (name, _) in &table.peers {
        print!("{name:>14}");
    }
    println!();
    table
        .row("rsa-2048 sign, CKM_SHA256_RSA_PKCS", |peer| peer.sign(CKM_SHA256_RSA_PKCS, peer.rsa, &[1; 32]));
    table.row("rsa-2048 sign, CKM_RSA_PKCS", |peer| peer.sign(CKM_RSA_PKCS, peer.rsa, &[1; 51]));
    table.row("p-256 sign, CKM_ECDSA", |peer| peer.sign(CKM_ECDSA, peer.p256, &[1; 32]));
    table.row("ed25519 sign, 32 bytes", |peer| peer.sign(CKM_EDDSA, peer.ed25519, &[1; 32]));
    for len in [16, 1024, 16 * 1024] {
        let data = vec![0x55_u8; len];
        let out = std::cell::RefCell::new(vec![0_u8; len + 16]);
        table.row(&format!("aes-256-gcm encrypt, {len} bytes"), |peer| {
            peer.encrypt_gcm(&data, &mut out.borrow_mut());
        });
    }
    table.row("hmac-sha256, 32 bytes", |peer| peer.sign(CKM_SHA256_HMAC, peer.hmac, &[1; 32]));
    table.row("sha-256, 32 bytes", |peer| peer.digest(&[1; 32]));
    table.row("sha-256, 16384 bytes", |peer| peer.digest(&[1; 16384]));
    table.row("random, 32 bytes", Peer::random);
    table.row("generate aes session key", Peer::generate_and_destroy);
    table.rsa_overhead();
    let mut there = 0;
    for many in [1_000, 10_000] {
        let name = format!("find by label among {many}");
        if table.wants(&name) {
            for (_, peer) in &table.peers {
                peer.fill(there, many);
            }
            there = many;
            let next = std::cell::Cell::new(0_usize);
            table.row(&name, |peer| {
                next.set((next.get() + 7919) % many);
                peer.find(&format!("object-{}", next.get()));
            });
        }
    }
    // Last: a logout ends what the handles of private keys mean.
    table.row("login and logout", |peer| {
        peer.logout();
        peer.login(CKU_USER, USER_PIN);
    });
}
