//! Every function, every position of its argument list, everything that can be wrong there. The rows come from the table
//! of [`functions`](super::functions), so a function that is new is tried as soon as it is there.
//!
//! What is passed stands directly before a page that cannot be touched, so a byte too many is a crash of this test's
//! process; and the process may have 8 MiB more than it has as the calls begin, so an allocation by a caller's number
//! is a crash too.
//!
//! A length that lies about memory which could exist cannot be found out in C. So lengths up to 4 GiB are told with
//! true memory behind them (zero pages that cost nothing), and lengths that no memory has (2^63 and more) with a few
//! bytes. What is left out, and why: [`left_out`].

use super::client::*;
use super::functions::{self, Function, Kind, Word};
use crate::{alone, call};
use cryptoki_sys::*;
use std::ptr::null_mut;

/// One page and a guard behind it.
const PAGE: usize = 4096;
/// True memory for long inputs, in bytes.
const LONGEST: usize = (1 << 32) + PAGE;
/// What the calls may allocate, in bytes.
const ALLOWANCE: u64 = 8 << 20;
const BEYOND_MEMORY: [usize; 4] = [1 << 63, usize::MAX, usize::MAX - 7, (1 << 63) - 1];
const TRUE_LENGTHS: [usize; 2] = [1 << 31, 1 << 32];

fn map(len: usize, protection: i32) -> *mut u8 {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: a mapping of our own.
    let start = unsafe { libc::mmap(null_mut(), len, protection, flags, -1, 0) };
    assert_ne!(start, libc::MAP_FAILED);
    start.cast()
}

/// Memory before guards, one piece for each pointer of a call.
struct Memory {
    pages: Vec<*mut u8>,
    used: usize,
    /// Bytes between a piece's end and the guard: 1 makes structures unaligned.
    shift: usize,
    long: *mut u8,
}

impl Memory {
    fn new() -> Self {
        let page = || {
            let start = map(2 * PAGE, libc::PROT_READ | libc::PROT_WRITE);
            // SAFETY: the second page of the mapping.
            assert_eq!(unsafe { libc::mprotect(start.add(PAGE).cast(), PAGE, libc::PROT_NONE) }, 0);
            start
        };
        Self {
            pages: (0..32).map(|_| page()).collect(),
            used: 0,
            shift: 0,
            long: map(LONGEST, libc::PROT_READ),
        }
    }

    fn put(&mut self, bytes: &[u8]) -> usize {
        let page = self.pages[self.used];
        self.used += 1;
        let start = page.wrapping_add(PAGE - self.shift - bytes.len());
        // SAFETY: within the page.
        unsafe { start.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        start.expose_provenance()
    }

    fn place<T: Copy>(&mut self, value: T) -> usize {
        // SAFETY: a structure of numbers and pointers, without gaps.
        let bytes = unsafe { std::slice::from_raw_parts((&raw const value).cast::<u8>(), size_of::<T>()) };
        self.put(bytes)
    }

    fn long(&self) -> usize {
        self.long.expose_provenance()
    }
}

/// What is wrong in a call, and what may be answered to it.
struct Wrong {
    what: String,
    words: Vec<usize>,
    answers: &'static [CK_RV],
}

/// A world, and what good arguments are in it.
struct Stage {
    world: World,
    key: Key,
    memory: Memory,
}

impl Stage {
    fn new() -> Self {
        let world = World::new();
        let key = world.user().aes(Template::new().uses(&[CKA_ENCRYPT, CKA_DECRYPT])).unwrap();
        Self { world, key, memory: Memory::new() }
    }

    /// A session in which the operation runs that the function goes on with.
    fn session(&self, name: &str) -> Session<'_> {
        let session = self.world.module.read_write(self.world.slot);
        let ctr = Mechanism::ctr(128, [1; 16]);
        let running = match name {
            _ if name.contains("EncryptMessage") => Mechanism::plain(CKM_AES_GCM)
                .with(|gcm| call!(session.module, C_MessageEncryptInit, session.handle, gcm, self.key)),
            _ if name.contains("DecryptMessage") => Mechanism::plain(CKM_AES_GCM)
                .with(|gcm| call!(session.module, C_MessageDecryptInit, session.handle, gcm, self.key)),
            _ if name.contains("Init") || name.contains("Message") || name.contains("Recover") => Ok(()),
            "C_FindObjects" | "C_FindObjectsFinal" => Template::new()
                .with(|list, count| call!(session.module, C_FindObjectsInit, session.handle, list, count)),
            _ if name.starts_with("C_Encrypt") => session.encrypt_init(&ctr, self.key),
            _ if name.starts_with("C_Decrypt") => session.decrypt_init(&ctr, self.key),
            _ if name.starts_with("C_Digest") => session.digest_init(&Mechanism::plain(CKM_SHA256)),
            _ => Ok(()),
        };
        running.unwrap();
        session
    }

    /// Good arguments of one kind.
    fn good(&mut self, name: &str, kind: Kind, session: CK_SESSION_HANDLE) -> Vec<usize> {
        let ulong = size_of::<CK_ULONG>();
        match kind {
            Kind::Session => vec![session as usize],
            Kind::Object => vec![self.key as usize],
            Kind::Slot => vec![self.world.slot as usize],
            // C_WaitForSlotEvent with CKF_DONT_BLOCK, C_OpenSession serial; else a number that means little.
            Kind::Number => vec![match name {
                "C_WaitForSlotEvent" => CKF_DONT_BLOCK as usize,
                "C_OpenSession" => CKF_SERIAL_SESSION as usize,
                _ => 0,
            }],
            Kind::Boolean => vec![1],
            Kind::Bytes => vec![self.memory.put(&[7; 16]), 16],
            // None: a PIN that is there would be hashed, with 64 MiB.
            Kind::Pin => vec![0, 0],
            Kind::Label => vec![self.memory.put(&[b'l'; 32])],
            Kind::Text => vec![self.memory.put(b"PKCS 11\0")],
            Kind::Buffer => vec![self.memory.put(&[0; 16]), 16],
            Kind::Output => vec![self.memory.put(&[0; 64]), self.memory.place(64 as CK_ULONG)],
            Kind::Parameter if name.contains("cryptMessage") => {
                let (iv, tag) = (self.memory.put(&[3; 12]), self.memory.put(&[0; 16]));
                let param = CK_GCM_MESSAGE_PARAMS {
                    pIv: std::ptr::with_exposed_provenance_mut(iv),
                    ulIvLen: 12,
                    ulIvFixedBits: 0,
                    ivGenerator: CKG_NO_GENERATE,
                    pTag: std::ptr::with_exposed_provenance_mut(tag),
                    ulTagBits: 128,
                };
                vec![self.memory.place(param), size_of::<CK_GCM_MESSAGE_PARAMS>()]
            }
            Kind::Parameter => vec![0, 0],
            Kind::Mechanism => {
                let param = self.memory.put(&[1; 16]);
                let mechanism = CK_MECHANISM {
                    mechanism: CKM_AES_CBC,
                    pParameter: std::ptr::with_exposed_provenance_mut(param),
                    ulParameterLen: 16,
                };
                vec![self.memory.place(mechanism)]
            }
            Kind::Attributes => {
                let label = self.memory.put(b"label");
                let attribute = CK_ATTRIBUTE {
                    type_: CKA_LABEL,
                    pValue: std::ptr::with_exposed_provenance_mut(label),
                    ulValueLen: 5,
                };
                vec![self.memory.place(attribute), 1]
            }
            Kind::Place(size) => vec![self.memory.put(&vec![0; size])],
            Kind::List(size) => vec![self.memory.put(&vec![0; size * 4]), self.memory.place(4 as CK_ULONG)],
            Kind::Found => vec![self.memory.put(&vec![0; ulong * 4]), 4, self.memory.place(0 as CK_ULONG)],
            Kind::Version | Kind::Arguments | Kind::Reserved | Kind::Unfollowed | Kind::Notify => vec![0],
        }
    }

    /// The good arguments of a function, kind by kind.
    fn arguments(&mut self, function: &Function, session: CK_SESSION_HANDLE) -> Vec<Vec<usize>> {
        self.memory.used = 0;
        function.kinds.iter().map(|kind| self.good(function.name, *kind, session)).collect()
    }
}

const BAD: &[CK_RV] = &[CKR_ARGUMENTS_BAD];
const PARAMETER: &[CK_RV] = &[CKR_ARGUMENTS_BAD, CKR_MECHANISM_PARAM_INVALID, CKR_OPERATION_NOT_INITIALIZED];
const BAD_OR_CANCEL: &[CK_RV] = &[CKR_ARGUMENTS_BAD, CKR_OK, CKR_OPERATION_NOT_INITIALIZED];

/// What can be wrong with one argument, from a good one: a word, what stands there, what may be answered.
fn wrongs(kind: Kind, good: &[usize], memory: &Memory) -> Vec<(String, Vec<usize>, &'static [CK_RV])> {
    let mut all = Vec::new();
    let mut wrong = |what: &str, words: Vec<usize>, answers: &'static [CK_RV]| {
        all.push((what.to_owned(), words, answers));
    };
    match kind {
        Kind::Session => {
            for handle in [0, 1 << 40, usize::MAX, good[0] ^ 1, good[0] + (1 << 32)] {
                wrong("no session", vec![handle], &[CKR_SESSION_HANDLE_INVALID]);
            }
        }
        Kind::Object => {
            for handle in [0, 1 << 40, usize::MAX] {
                wrong("no object", vec![handle], NO_OBJECT);
            }
        }
        Kind::Slot => {
            for slot in [good[0] ^ 0x5555, usize::MAX] {
                wrong("no slot", vec![slot], &[CKR_SLOT_ID_INVALID, CKR_ARGUMENTS_BAD]);
            }
        }
        // What it must be depends on the operation, which is looked for first.
        Kind::Parameter => {
            let few = memory.pages[31].expose_provenance();
            for len in [1, 1 << 31, 1 << 32, 1 << 63, usize::MAX] {
                wrong("NULL with a length", vec![0, len], PARAMETER);
                wrong("another length", vec![few, len], PARAMETER);
            }
        }
        Kind::Bytes | Kind::Buffer | Kind::Pin => {
            for len in [1, 1 << 31, 1 << 32, 1 << 63, usize::MAX] {
                wrong("NULL with a length", vec![0, len], BAD);
            }
            let few = memory.pages[31].expose_provenance();
            for len in BEYOND_MEMORY {
                let answers: &[CK_RV] =
                    if kind == Kind::Pin { &[CKR_PIN_LEN_RANGE, CKR_ARGUMENTS_BAD] } else { BAD };
                wrong("longer than memory", vec![few, len], answers);
            }
            if kind == Kind::Bytes {
                for len in TRUE_LENGTHS {
                    wrong("long", vec![memory.long(), len], ANY);
                }
                wrong("empty", vec![few, 0], ANY);
                wrong("NULL and empty", vec![0, 0], ANY);
            }
        }
        Kind::Attributes => {
            for count in [1, 513, 1 << 31, 1 << 32, 1 << 63, usize::MAX] {
                wrong("NULL with a number", vec![0, count], BAD);
            }
            for count in [513, 1 << 31, 1 << 32, 1 << 63, usize::MAX, usize::MAX / 24 + 1] {
                wrong("more attributes than any template", vec![good[0], count], BAD);
            }
            wrong("no attributes", vec![0, 0], ANY);
        }
        Kind::Output | Kind::List(_) => {
            wrong("no place for the length", vec![good[0], 0], BAD);
            wrong("no places at all", vec![0, 0], BAD);
            wrong("a length query", vec![0, good[1]], ANY);
        }
        Kind::Found => {
            wrong("no place for the number", vec![good[0], 4, 0], BAD);
            wrong("NULL with room", vec![0, 4, good[2]], BAD);
            for most in [1 << 31, 1 << 32, 1 << 63, usize::MAX] {
                wrong("NULL with room", vec![0, most, good[2]], BAD);
                wrong("room beyond memory", vec![good[0], most, good[2]], ANY);
            }
        }
        Kind::Mechanism => wrong("no mechanism", vec![0], BAD_OR_CANCEL),
        Kind::Place(_) | Kind::Label => wrong("no place", vec![0], BAD),
        Kind::Text => wrong("no text", vec![0], ANY),
        Kind::Reserved => {
            for pointer in [1, 8, usize::MAX] {
                wrong("not NULL", vec![pointer], BAD);
            }
        }
        Kind::Unfollowed => {
            for pointer in [1, usize::MAX] {
                wrong("a pointer that is not followed", vec![pointer], ANY);
            }
        }
        Kind::Number => {
            for number in [1, 7, 1 << 31, 1 << 32, 1 << 63, usize::MAX] {
                wrong("a wild number", vec![number], ANY);
            }
        }
        Kind::Boolean => {
            for number in [0, 2, 255] {
                wrong("a wild boolean", vec![number], ANY);
            }
        }
        Kind::Arguments | Kind::Version | Kind::Notify => {}
    }
    all
}

/// Any code of the standard but those that say that we are broken.
const ANY: &[CK_RV] = &[];
const NO_OBJECT: &[CK_RV] = &[
    CKR_OBJECT_HANDLE_INVALID,
    CKR_KEY_HANDLE_INVALID,
    CKR_WRAPPING_KEY_HANDLE_INVALID,
    CKR_UNWRAPPING_KEY_HANDLE_INVALID,
    // Another argument is looked at first.
    CKR_MECHANISM_INVALID,
    CKR_KEY_FUNCTION_NOT_PERMITTED,
    CKR_SAVED_STATE_INVALID,
];

/// Calls that are not made, and why.
fn left_out(name: &str, kind: Kind, what: &str) -> bool {
    match (name, kind) {
        // They would end what all other calls need; their other arguments are tried.
        ("C_Finalize", kind) => kind != Kind::Reserved,
        ("C_Initialize", _) => true,
        // It would wait for an event, for ever.
        ("C_WaitForSlotEvent", Kind::Number) => true,
        // Without a place for the signature a message goes on (5.14): which one it is, only its operation tells.
        ("C_SignMessageNext", Kind::Output) => true,
        // The same without the signature that ends it.
        ("C_VerifyMessageNext", Kind::Bytes) => what == "NULL with a length",
        // There is never anything to complete, so nothing but the session is looked at.
        ("C_AsyncComplete" | "C_AsyncGetID" | "C_AsyncJoin", kind) => kind != Kind::Session,
        // Legacy: "simply return the value CKR_FUNCTION_NOT_PARALLEL" (PKCS#11 3.2, 5.20).
        ("C_GetFunctionStatus" | "C_CancelFunction", _) => true,
        // 4 GiB are read and mixed in, which takes minutes without optimisation.
        ("C_SeedRandom" | "C_DigestUpdate" | "C_Digest" | "C_Encrypt" | "C_Decrypt", Kind::Bytes) => {
            what == "long"
        }
        // The same, and as much is written.
        ("C_EncryptUpdate" | "C_DecryptUpdate", Kind::Bytes) => what == "long",
        _ => false,
    }
}

fn judged(name: &str, what: &str, code: CK_RV, answers: &[CK_RV]) {
    let standard = code == CKR_OK || keyward_pkcs11::ck::Error::from_code(code).is_some();
    assert!(standard, "{name}, {what}: {code:#x}");
    let broken = [CKR_GENERAL_ERROR, CKR_DEVICE_ERROR, CKR_FUNCTION_FAILED, CKR_HOST_MEMORY];
    assert!(!broken.contains(&code), "{name}, {what}: {:?}", Rv(code));
    let listed = answers.is_empty() || answers.contains(&code);
    assert!(
        listed,
        "{name}, {what}: {:?}, not one of {:?}",
        Rv(code),
        answers.iter().map(|rv| Rv(*rv)).collect::<Vec<_>>()
    );
}

/// From now on the process may have so much more memory, in bytes.
fn allow(more: u64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmData:")).unwrap();
    let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    let limit = libc::rlimit { rlim_cur: kib * 1024 + more, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: our own process and our own place.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_DATA, &raw const limit) }, 0);
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a mapping of our own, which the limit must refuse.
    let more = unsafe { libc::mmap(null_mut(), 2 * ALLOWANCE as usize, libc::PROT_WRITE, flags, -1, 0) };
    assert_eq!(more, libc::MAP_FAILED, "the limit does not limit");
}

alone! {
    fn every_argument_that_can_be_wrong_is_refused_by_name() {
        let mut stage = Stage::new();
        let functions = functions::all(stage.world.module.list);
        allow(ALLOWANCE);
        let mut calls = 0;
        for function in &functions {
            let name = function.name;
            for position in 0..function.kinds.len() {
                for which in 0.. {
                    let handle = stage.session(name).handle;
                    let mut words = stage.arguments(function, handle);
                    let kind = function.kinds[position];
                    let mut all = wrongs(kind, &words[position], &stage.memory);
                    if which >= all.len() {
                        call!(stage.world.module, C_CloseSession, handle).unwrap();
                        break;
                    }
                    let (what, wrong, answers) = all.swap_remove(which);
                    if !left_out(name, kind, &what) {
                        words[position] = wrong;
                        let wrong = Wrong { what: format!("{what} at {position}"), words: words.concat(), answers };
                        let code = function.call(&wrong.words);
                        judged(name, &wrong.what, code, wrong.answers);
                        calls += 1;
                    }
                    let _ = call!(stage.world.module, C_CloseSession, handle);
                }
            }
        }
        assert!(calls > 1000, "{calls} calls");
        // All is as it was.
        stage.session("C_Encrypt");
    }
}

alone! {
    fn every_structure_may_stand_at_an_odd_address() {
        let mut stage = Stage::new();
        for function in functions::all(stage.world.module.list) {
            let pointers = function.kinds.iter().flat_map(|kind| kind.words()).any(|word| *word == Word::Pointer);
            if !pointers || matches!(function.name, "C_Initialize" | "C_Finalize") {
                continue;
            }
            let codes = [0, 1].map(|shift| {
                stage.memory.shift = shift;
                let session = stage.session(function.name).handle;
                let words = stage.arguments(&function, session).concat();
                let code = function.call(&words);
                call!(stage.world.module, C_CloseSession, session).unwrap();
                Rv(code)
            });
            assert_eq!(codes[0], codes[1], "{}", function.name);
            judged(function.name, "odd addresses", codes[0].0, ANY);
        }
    }
}

alone! {
    fn every_parameter_structure_may_stand_at_an_odd_address_and_is_not_read_beyond() {
        let mut stage = Stage::new();
        let (rsa, _) = {
            let session = stage.world.module.read_write(stage.world.slot);
            session.rsa(Template::token().flag(CKA_ENCRYPT, true), Template::token().flag(CKA_DECRYPT, true)).unwrap()
        };
        let at = std::ptr::with_exposed_provenance_mut::<u8>;
        for shift in [0, 1, 3] {
            stage.memory.shift = shift;
            stage.memory.used = 0;
            let (iv, aad) = (stage.memory.put(&[1; 12]), stage.memory.put(&[2; 5]));
            let gcm = stage.memory.place(CK_GCM_PARAMS {
                pIv: at(iv), ulIvLen: 12, ulIvBits: 96, pAAD: at(aad), ulAADLen: 5, ulTagBits: 128,
            });
            let ctr = stage.memory.place(CK_AES_CTR_PARAMS { ulCounterBits: 128, cb: [3; 16] });
            let oaep = stage.memory.place(CK_RSA_PKCS_OAEP_PARAMS {
                hashAlg: CKM_SHA256, mgf: CKG_MGF1_SHA256, source: CKZ_DATA_SPECIFIED,
                pSourceData: at(aad).cast(), ulSourceDataLen: 5,
            });
            let iv = stage.memory.put(&[1; 16]);
            let key = stage.key;
            for (ckm, param, len, key) in [
                (CKM_AES_GCM, gcm, size_of::<CK_GCM_PARAMS>(), key),
                (CKM_AES_CTR, ctr, size_of::<CK_AES_CTR_PARAMS>(), key),
                (CKM_RSA_PKCS_OAEP, oaep, size_of::<CK_RSA_PKCS_OAEP_PARAMS>(), rsa),
                (CKM_AES_CBC, iv, 16, key),
            ] {
                let session = stage.world.module.read_write(stage.world.slot);
                // Of its own length it is taken; of any other it is refused, before a byte of it is read.
                for told in [len, 0, 1, len - 1, len + 1, len + 8, 1 << 31, 1 << 32, 1 << 63, usize::MAX] {
                    let place = stage.memory.place(CK_MECHANISM {
                        mechanism: ckm, pParameter: at(param).cast(), ulParameterLen: told as CK_ULONG,
                    });
                    let mechanism = std::ptr::with_exposed_provenance_mut(place);
                    let answer = call!(stage.world.module, C_EncryptInit, session.handle, mechanism, key);
                    let expected = if told == len { Ok(()) } else { Err(Rv(CKR_MECHANISM_PARAM_INVALID)) };
                    assert_eq!(answer, expected, "{ckm:#x} {told:#x} at an offset of {shift}");
                    if told == len {
                        call!(stage.world.module, C_SessionCancel, session.handle, CKF_ENCRYPT).unwrap();
                    }
                    stage.memory.used -= 1;
                }
                session.close().unwrap();
            }
        }
    }
}
