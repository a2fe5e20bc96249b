//! Plays calls from bytes: which function, with which arguments. Everything comes from the table of functions, so a
//! new function plays by itself. Most arguments are good ones, so that the calls get deep; some are wild.
//!
//! What a host must not do is not done: a pointer is NULL or leads to as many bytes as the length beside it says,
//! unless the length is one that must be refused unread. Buffers are exactly as long as is said, so that
//! AddressSanitizer sees a byte too many.

use crate::attributes::{ATTRIBUTES, TEMPLATES};
use crate::functions::{self, Function, Kind};
use crate::mechanisms;
use crate::memory::{Memory, Source};
use crate::world::{ED25519, P256, PIN, World, X25519};
use cryptoki_sys::*;
use keyward_pkcs11::ck::Error;
use std::sync::atomic::{AtomicU64, Ordering};

/// Calls made in this process.
pub static STEPS: AtomicU64 = AtomicU64::new(0);
/// Calls of them that answered CKR_OK.
pub static GOOD: AtomicU64 = AtomicU64::new(0);

/// A call that hashes a PIN (seconds under a sanitizer) or ends the login is made once in so many steps.
const RARELY: u64 = 200_000;

/// Has the numbers said when the process ends.
pub fn report_at_exit() {
    unsafe extern "C" {
        safe fn atexit(handler: extern "C" fn()) -> i32;
    }
    extern "C" fn report() {
        let (steps, good) = (STEPS.load(Ordering::Relaxed), GOOD.load(Ordering::Relaxed));
        eprintln!("{steps} steps, {good} of them CKR_OK");
    }
    assert_eq!(atexit(report), 0);
}

/// What a call leaves behind for later ones.
enum Left {
    /// A handle in this word.
    Handle(usize),
    /// As many bytes in this piece as this word says, of so many.
    Bytes(usize, usize, usize),
}

pub struct Player {
    pub world: World,
    functions: Vec<Function>,
    /// Functions to choose from.
    chosen: Vec<usize>,
    /// For each function, those that go on with what it begins.
    near: Vec<Vec<usize>>,
    /// For each function, the mechanisms that do what it asks for.
    fitting: Vec<Vec<usize>>,
    objects: Vec<CK_OBJECT_HANDLE>,
    sessions: Vec<CK_SESSION_HANDLE>,
    /// The last results.
    kept: Vec<Vec<u8>>,
    /// The last good Init, for what goes on with it is likely next.
    running: Option<usize>,
    rounds: u64,
    rare: u64,
}

impl Player {
    /// `wanted` says which functions are played.
    pub fn new(wanted: fn(&Function) -> bool) -> Self {
        let world = World::new();
        let functions = functions::all(world.list);
        let chosen: Vec<_> = (0..functions.len()).filter(|at| wanted(&functions[*at])).collect();
        let near = functions.iter().map(|function| near(function.name, &functions, &chosen)).collect();
        let fitting = functions.iter().map(|function| mechanisms::fitting(function.name)).collect();
        Self {
            world,
            functions,
            chosen,
            near,
            fitting,
            objects: vec![],
            sessions: vec![],
            kept: vec![],
            running: None,
            rounds: 0,
            rare: 0,
        }
    }

    /// Plays until the bytes are used up.
    pub fn play(&mut self, bytes: &[u8]) {
        self.begin();
        let mut source = Source(bytes);
        while !source.is_empty() {
            self.step(&mut source);
        }
    }

    fn begin(&mut self) {
        self.rounds += 1;
        self.objects.clear();
        self.sessions.clear();
        self.kept.clear();
        self.running = None;
        if self.rounds % 256 == 0 {
            self.world.clean();
        }
        if !self.world.refresh() || self.rounds % 100_000 == 0 {
            self.world.end();
            self.world = World::new();
        }
    }

    fn choose(&mut self, source: &mut Source<'_>) -> usize {
        let byte = usize::from(source.byte());
        if let Some(running) = self.running.filter(|_| byte < 160) {
            let near = &self.near[running];
            if !near.is_empty() {
                return near[byte % near.len()];
            }
        }
        self.chosen[(byte * 7 + source.below(8)) % self.chosen.len()]
    }

    fn step(&mut self, source: &mut Source<'_>) {
        let at = self.choose(source);
        let name = self.functions[at].name;
        let steps = STEPS.fetch_add(1, Ordering::Relaxed) + 1;
        if steps % 1_000_000 == 0 {
            eprintln!("{steps} steps, {} of them CKR_OK", GOOD.load(Ordering::Relaxed));
        }
        let ends = matches!(
            name,
            "C_Logout" | "C_CloseAllSessions" | "C_Finalize" | "C_InitToken" | "C_WaitForSlotEvent"
        );
        let rare = steps > self.rare;
        // A wait for an event may be one for ever.
        if ends && !rare || name == "C_WaitForSlotEvent" {
            return;
        }
        let mut memory = Memory::default();
        let (mut words, mut left) = (Vec::new(), Vec::new());
        let kinds = self.functions[at].kinds;
        let row = mechanisms::choose(source, &self.fitting[at]);
        let pins = rare && source.once_in(4);
        for (position, kind) in kinds.iter().enumerate() {
            let good = !source.once_in(24);
            match kind {
                Kind::Session => words.push(self.session(source, name, good)),
                Kind::Object => words.push(self.object(source, row, good)),
                Kind::Slot => words.push(if good { self.world.slot as usize } else { wild(source) }),
                Kind::Number => words.push(if good { self.number(source, at) } else { wild(source) }),
                Kind::Boolean => words.push(usize::from(source.byte()) % 3),
                Kind::Mechanism if !good && source.once_in(2) => words.push(0),
                // The parameter is a message's there, and may be as long as one for encryption that has other pointers.
                Kind::Mechanism if name.ends_with("Authenticated") => {
                    words.push(mechanisms::place_of_message(source, &mut memory, row, good));
                }
                Kind::Mechanism => words.push(mechanisms::place(source, &mut memory, row)),
                Kind::Attributes => {
                    let (start, count) = self.attributes(source, &mut memory, name, position, true);
                    words.extend([start, count]);
                }
                Kind::Pin => words.extend(pin(source, &mut memory, pins)),
                Kind::Bytes => words.extend(self.bytes(source, &mut memory, good)),
                Kind::Buffer => {
                    let len = usize::from(source.byte());
                    words.extend([memory.put(vec![0xA5; len]), len]);
                }
                Kind::Label => words.push(memory.put(vec![b'l'; 32])),
                Kind::Text => {
                    let text: &[u8] = source.pick(&[b"PKCS 11\0", b"\0", b"C_Sign\0", b"C_GenerateKey\0"]);
                    words.push(if good { memory.put(text.to_vec()) } else { 0 });
                }
                Kind::Parameter => words.extend(mechanisms::message(source, &mut memory, good)),
                Kind::Output => {
                    let len = if source.once_in(4) { usize::from(source.byte()) } else { 600 };
                    let piece = memory.pieces.len();
                    let room = memory.put(vec![0xA5; len]);
                    let (word, place) = memory.number(len as u64);
                    left.push(Left::Bytes(piece, word, len));
                    words.extend([if source.once_in(6) { 0 } else { room }, if good { place } else { 0 }]);
                }
                Kind::Place(_) if !good => words.push(0),
                Kind::Place(8) => {
                    let (word, place) = memory.number(0);
                    left.push(Left::Handle(word));
                    words.push(place);
                }
                Kind::Place(size) => words.push(memory.put(vec![0; *size])),
                Kind::List(size) => {
                    let count = source.below(80);
                    let room = memory.put(vec![0; size * count]);
                    let (_, place) = memory.number(count as u64);
                    words.extend([if source.once_in(3) { 0 } else { room }, if good { place } else { 0 }]);
                }
                Kind::Found => {
                    let count = source.below(20);
                    let room = memory.put(vec![0; 8 * count]);
                    let (_, place) = memory.number(0);
                    words.extend([room, count, if good { place } else { 0 }]);
                }
                Kind::Arguments => words.push(0),
                Kind::Version => words.push(if good { 0 } else { memory.put(vec![3, source.byte() % 4]) }),
                Kind::Reserved => words.push(usize::from(!good)),
                Kind::Unfollowed => words.push(wild(source)),
                Kind::Notify => words.push(0),
            }
        }
        if name == "C_Initialize" {
            // Without arguments it would open the store of whoever runs this.
            return self.world.initialize();
        }
        if ends || pins && kinds.contains(&Kind::Pin) {
            self.rare = steps + RARELY;
        }
        let code = self.functions[at].call(&words);
        self.judge(name, code);
        if code == CKR_OK {
            self.after(at, &memory, &left);
        }
        if name == "C_Finalize" {
            self.world.initialize();
        }
    }

    fn judge(&self, name: &str, code: CK_RV) {
        let known = code == CKR_OK || Error::from_code(code).is_some();
        assert!(known, "{name} answers {code:#x}");
        let wrong =
            matches!(code, CKR_GENERAL_ERROR | CKR_DEVICE_ERROR | CKR_HOST_MEMORY | CKR_FUNCTION_FAILED);
        assert!(!wrong, "{name} answers {}", Error::from_code(code).map_or("", Error::name));
    }

    fn after(&mut self, at: usize, memory: &Memory, left: &[Left]) {
        GOOD.fetch_add(1, Ordering::Relaxed);
        if !self.near[at].is_empty() {
            self.running = Some(at);
        }
        let name = self.functions[at].name;
        for result in left {
            match *result {
                Left::Handle(word) if name == "C_OpenSession" => self.sessions.push(memory.words[word][0]),
                Left::Handle(word) if name != "C_GetObjectSize" => self.objects.push(memory.words[word][0]),
                Left::Handle(_) => {}
                Left::Bytes(piece, word, room) => {
                    let len = memory.words[word][0] as usize;
                    if len <= room {
                        self.kept.push(memory.pieces[piece][..len].to_vec());
                    }
                }
            }
        }
        self.objects.truncate(64);
        if self.kept.len() > 8 {
            self.kept.remove(0);
        }
    }

    fn session(&mut self, source: &mut Source<'_>, name: &str, good: bool) -> usize {
        // The anchor's end would be the end of the login.
        let anchor = if name == "C_CloseSession" { self.world.session } else { self.world.anchor };
        let session = match source.below(16) {
            _ if !good => return wild(source),
            0 => anchor,
            1 | 2 if !self.sessions.is_empty() => source.pick(&self.sessions),
            _ => self.world.session,
        };
        session as usize
    }

    fn object(&mut self, source: &mut Source<'_>, row: mechanisms::Chosen, good: bool) -> usize {
        if !good {
            return wild(source);
        }
        let made = self.objects.len();
        if made > 0 && source.once_in(2) {
            return self.objects[made - 1 - source.below(made)] as usize;
        }
        let fits = |(_, kind): &&(CK_OBJECT_HANDLE, CK_KEY_TYPE)| row.key_types.contains(kind);
        let fitting: Vec<_> = self.world.keys.iter().filter(fits).map(|(key, _)| *key).collect();
        if fitting.is_empty() || source.once_in(12) {
            return source.pick(&self.world.keys).0 as usize;
        }
        source.pick(&fitting) as usize
    }

    fn number(&self, source: &mut Source<'_>, at: usize) -> usize {
        match self.functions[at].name {
            "C_GetMechanismInfo" => mechanisms::choose(source, &self.fitting[at]).ckm as usize,
            "C_OpenSession" => source.pick(&[4_usize, 6, 6, 0]),
            "C_Login" | "C_LoginUser" => source.pick(&[1_usize, 0, 2, 3]),
            "C_SessionCancel" => 1 << source.below(32),
            _ => source.pick(&[0_usize, 1, 2, 8]),
        }
    }

    /// Bytes of a caller: its last results, bytes of the source, or many.
    fn bytes(&self, source: &mut Source<'_>, memory: &mut Memory, good: bool) -> [usize; 2] {
        if !good {
            return match source.below(3) {
                0 => [0, wild(source)],
                1 => [memory.put(vec![1]), usize::MAX],
                _ => [memory.put(vec![1]), 0],
            };
        }
        let bytes = match source.below(8) {
            0..=2 if !self.kept.is_empty() => {
                let mut kept = source.pick(&(0..self.kept.len()).collect::<Vec<_>>());
                kept = self.kept.len() - 1 - kept;
                let mut bytes = self.kept[kept].clone();
                if source.once_in(4) && !bytes.is_empty() {
                    let at = source.below(bytes.len());
                    bytes[at] ^= source.byte();
                }
                bytes
            }
            3 => vec![source.byte(); usize::from(source.byte()) * 8],
            4 => vec![source.byte(); 32],
            5 => vec![source.byte(); 16],
            _ => {
                let len = source.below(65);
                source.take(len)
            }
        };
        let len = bytes.len();
        [memory.put(bytes), len]
    }

    /// A template: often one that makes something, then attributes of all kinds.
    fn attributes(
        &self,
        source: &mut Source<'_>,
        memory: &mut Memory,
        name: &str,
        position: usize,
        may_nest: bool,
    ) -> (usize, usize) {
        if source.once_in(64) {
            return (0, source.pick(&[0, 1, 512, usize::MAX]));
        }
        let mut list = Vec::new();
        let ulong = |number: u64| number.to_ne_bytes().to_vec();
        let mut add = |memory: &mut Memory, cka, value: Vec<u8>| {
            let len = value.len() as CK_ULONG;
            let at = memory.put(value);
            list.push(CK_ATTRIBUTE {
                type_: cka,
                pValue: std::ptr::with_exposed_provenance_mut(at),
                ulValueLen: len,
            });
        };
        match (name, position) {
            ("C_GenerateKey", _) => add(memory, CKA_VALUE_LEN, ulong(source.pick(&[16, 24, 32, 64, 1, 0]))),
            ("C_GenerateKeyPair", 2) => {
                let curve = source.pick(&[P256, ED25519, X25519]);
                add(memory, CKA_EC_PARAMS, curve.to_vec());
            }
            ("C_CreateObject", _) => {
                let class = source.pick(&[
                    CKO_SECRET_KEY,
                    CKO_DATA,
                    CKO_PUBLIC_KEY,
                    CKO_PRIVATE_KEY,
                    CKO_CERTIFICATE,
                ]);
                add(memory, CKA_CLASS, ulong(class));
                add(
                    memory,
                    CKA_KEY_TYPE,
                    ulong(source.pick(&[CKK_AES, CKK_GENERIC_SECRET, CKK_EC, CKK_RSA])),
                );
                let len = source.pick(&[16, 32, 64, 5]);
                add(memory, CKA_VALUE, vec![source.byte(); len]);
            }
            (
                "C_UnwrapKey"
                | "C_DeriveKey"
                | "C_EncapsulateKey"
                | "C_DecapsulateKey"
                | "C_UnwrapKeyAuthenticated",
                _,
            ) => {
                add(
                    memory,
                    CKA_CLASS,
                    ulong(source.pick(&[CKO_SECRET_KEY, CKO_SECRET_KEY, CKO_PRIVATE_KEY])),
                );
                add(memory, CKA_KEY_TYPE, ulong(source.pick(&[CKK_AES, CKK_GENERIC_SECRET, CKK_RSA])));
                if source.once_in(2) {
                    add(memory, CKA_VALUE_LEN, ulong(source.pick(&[16, 32, 1])));
                }
            }
            _ => {}
        }
        for _ in 0..source.below(6) {
            let cka = source.pick(ATTRIBUTES);
            if TEMPLATES.contains(&cka) {
                if may_nest {
                    let (inner, count) = self.attributes(source, memory, "", 0, false);
                    let size = count.wrapping_mul(size_of::<CK_ATTRIBUTE>()) as CK_ULONG;
                    let pointer = std::ptr::with_exposed_provenance_mut(inner);
                    list.push(CK_ATTRIBUTE { type_: cka, pValue: pointer, ulValueLen: size });
                }
                continue;
            }
            let value = match source.below(6) {
                0 | 1 => vec![source.byte() & 1],
                2 => ulong(u64::from(source.byte())),
                3 => b"20300101".to_vec(),
                4 => vec![0; source.below(200)],
                _ => {
                    let len = source.below(40);
                    source.take(len)
                }
            };
            let mut len = value.len() as CK_ULONG;
            let mut at = memory.put(value);
            if source.once_in(16) {
                // NULL with any length, or a length that is refused or means none.
                (at, len) =
                    if source.once_in(2) { (0, wild(source) as CK_ULONG) } else { (at, CK_ULONG::MAX) };
            }
            list.push(CK_ATTRIBUTE {
                type_: cka,
                pValue: std::ptr::with_exposed_provenance_mut(at),
                ulValueLen: len,
            });
        }
        let count = list.len();
        (memory.array(list), count)
    }
}

/// The functions that go on with what an Init begins: their names have its word in them ("Sign").
fn near(name: &str, functions: &[Function], chosen: &[usize]) -> Vec<usize> {
    let Some(word) = name.strip_suffix("Init") else { return Vec::new() };
    let word = word.trim_start_matches("C_");
    let word = word.strip_prefix("Message").unwrap_or(word);
    let goes_on = |at: &usize| {
        let name = functions[*at].name;
        name.contains(word) && !name.ends_with("Init")
    };
    chosen.iter().copied().filter(goes_on).collect()
}

/// Any number.
fn wild(source: &mut Source<'_>) -> usize {
    source.pick(&[0, 1, 2, 5, 255, 4096, 1 << 31, 1 << 32, 1 << 40, 1 << 63, usize::MAX, usize::MAX - 1])
}

/// A PIN that is refused for its length, or, rarely, one that is looked at.
fn pin(source: &mut Source<'_>, memory: &mut Memory, looked_at: bool) -> [usize; 2] {
    match source.below(4) {
        _ if looked_at => [memory.put(PIN.to_vec()), PIN.len()],
        0 => [0, 0],
        1 => [0, wild(source).max(1)],
        2 => [memory.put(vec![b'1'; 256]), 256],
        _ => [memory.put(vec![b'1'; 2]), (1 << 16) + 1 + wild(source) % (1 << 20)],
    }
}
