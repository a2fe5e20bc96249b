//! How long a process waits for the module: dlopen, C_GetFunctionList and C_Initialize on a store that is there.
//!
//! `cargo bench --bench start_up` starts a new process for each measurement, of the module that was just built and of
//! SoftHSM2 (or what `PEER_MODULE` names) in turns, and prints the median and the shortest. Nothing here asserts a time.
#![expect(unsafe_code, reason = "calls C functions as a host would")]
#![expect(clippy::multiple_unsafe_ops_per_block, reason = "a host program")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a program for us")]
#![expect(clippy::disallowed_methods, reason = "a program of its own")]

use cryptoki_sys::*;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::ptr::null_mut;
use std::time::Instant;

/// Processes of each module.
const PROCESSES: usize = 41;
const SO_PIN: &[u8] = b"so-pin-12345";

/// Loads a module and initialises it; what both took, in nanoseconds, and its functions.
fn start(path: &str, configuration: &str) -> ([u128; 2], &'static CK_FUNCTION_LIST) {
    type Get = unsafe extern "C" fn(*mut *mut CK_FUNCTION_LIST) -> CK_RV;
    let mut text = format!("{configuration}\0").into_bytes();
    let mut arguments = CK_C_INITIALIZE_ARGS { flags: CKF_OS_LOCKING_OK, ..CK_C_INITIALIZE_ARGS::default() };
    if !configuration.is_empty() {
        arguments.pReserved = text.as_mut_ptr().cast();
    }
    let from = Instant::now();
    // SAFETY: a PKCS#11 module. Never unloaded.
    let library: &libloading::Library =
        Box::leak(Box::new(unsafe { libloading::Library::new(path) }.unwrap()));
    let mut list: *mut CK_FUNCTION_LIST = null_mut();
    // SAFETY: the standard's signature.
    let list = unsafe {
        let get: libloading::Symbol<'_, Get> = library.get(b"C_GetFunctionList").unwrap();
        assert_eq!(get(&raw mut list), CKR_OK);
        &*list
    };
    let loaded = from.elapsed();
    // SAFETY: arguments of the standard's form.
    let code = unsafe { list.C_Initialize.unwrap()((&raw mut arguments).cast()) };
    let ready = from.elapsed();
    assert_eq!(code, CKR_OK, "C_Initialize answers {code:#x}");
    ([loaded.as_nanos(), (ready - loaded).as_nanos()], list)
}

/// Makes a token, so that later processes find a store.
fn make_token(list: &CK_FUNCTION_LIST) {
    let (mut slots, mut count) = ([0; 64], 64);
    let mut label = *b"bench                           ";
    // SAFETY: memory of this program, long enough for what is asked.
    unsafe {
        assert_eq!(list.C_GetSlotList.unwrap()(CK_TRUE, slots.as_mut_ptr(), &raw mut count), CKR_OK);
        let (pin, len) = (SO_PIN.as_ptr().cast_mut(), SO_PIN.len() as CK_ULONG);
        assert_eq!(list.C_InitToken.unwrap()(slots[0], pin, len, label.as_mut_ptr()), CKR_OK);
    }
}

/// What the processes that this program starts do: `make` or `measure`, the module, its configuration.
fn child(words: &[String]) {
    let (times, list) = start(&words[1], &words[2]);
    if words[0] == "make" {
        make_token(list);
    }
    println!("{} {}", times[0], times[1]);
}

struct Peer {
    name: &'static str,
    path: PathBuf,
    configuration: String,
    times: Vec<[u128; 2]>,
}

impl Peer {
    fn run(&self, what: &str) -> [u128; 2] {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let output = command.args(["child", what]).arg(&self.path).arg(&self.configuration).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let numbers: Vec<u128> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        assert!(output.status.success() && numbers.len() == 2, "{}: {text}", self.name);
        [numbers[0], numbers[1]]
    }
}

fn peers(folder: &Path) -> Vec<Peer> {
    let deps = std::env::current_exe().unwrap().parent().unwrap().to_owned();
    let modified = |path: &PathBuf| std::fs::metadata(path).and_then(|about| about.modified()).ok();
    let built = [&deps, deps.parent().unwrap()].map(|folder| folder.join("libkeyward_pkcs11.so"));
    let path = built.into_iter().filter(|path| path.is_file()).max_by_key(modified).unwrap();
    let configuration = format!("store='{}' log='off'", folder.join("keyward").display());
    let mut peers = vec![Peer { name: "keyward", path, configuration, times: Vec::new() }];
    let other = std::env::var_os("PEER_MODULE").map(PathBuf::from);
    let usual = ["/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/softhsm/libsofthsm2.so"].map(PathBuf::from);
    if let Some(path) = other.into_iter().chain(usual).find(|path| path.is_file()) {
        let (tokens, file) = (folder.join("tokens"), folder.join("softhsm2.conf"));
        std::fs::create_dir(&tokens).unwrap();
        std::fs::write(&file, format!("directories.tokendir = {}\n", tokens.display())).unwrap();
        // SAFETY: no other thread runs; the processes that are started inherit it.
        unsafe { std::env::set_var("SOFTHSM2_CONF", &file) };
        peers.push(Peer { name: "peer", path, configuration: String::new(), times: Vec::new() });
    }
    peers
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    if words.first().is_some_and(|word| word == "child") {
        return child(&words[1..]);
    }
    let folder = tempfile::tempdir().unwrap();
    let mut peers = peers(folder.path());
    for peer in &peers {
        peer.run("make");
    }
    for _ in 0..PROCESSES {
        for peer in &mut peers {
            let times = peer.run("measure");
            peer.times.push(times);
        }
    }
    println!("{:<10}{:>16}{:>16}{:>16}{:>16}", "ms", "dlopen", "C_Initialize", "both", "both, shortest");
    for peer in &peers {
        let sorted = |of: fn(&[u128; 2]) -> u128| {
            let mut times: Vec<u128> = peer.times.iter().map(of).collect();
            times.sort_unstable();
            times
        };
        let median = |times: Vec<u128>| times[times.len() / 2] as f64 / 1e6;
        let both = sorted(|times| times[0] + times[1]);
        let shortest = both[0] as f64 / 1e6;
        println!(
            "{:<10}{:>16.2}{:>16.2}{:>16.2}{shortest:>16.2}",
            peer.name,
            median(sorted(|times| times[0])),
            median(sorted(|times| times[1])),
            median(both),
        );
    }
}
