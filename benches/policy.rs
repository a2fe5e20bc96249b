//! What the law costs: one decision at the choke point for a key that no rule, 20 rules and all sorts of rules match, and
//! how long a policy of ten thousand rules takes to compile and to be asked for one key.
//!
//! `cargo bench --bench policy` asks all modules in turns and prints medians and differences. Nothing here asserts a time.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a program for us")]

use cryptoki_sys::*;
use keyward_pkcs11::api::{Module, keys, session, slot};
use keyward_pkcs11::ck::raw::{RawAttribute, RawValue, ulong_to_bytes};
use keyward_pkcs11::ck::{Mechanism, SessionHandle};
use keyward_pkcs11::crypto::table;
use keyward_pkcs11::guard::op::Sign;
use keyward_pkcs11::guard::{Held, Journal, Sink};
use keyward_pkcs11::policy::{Entry, Parameters, Request, Ruleset, decide};
use keyward_pkcs11::secret::Pin;
use keyward_pkcs11::token::{Configuration, Token};
use std::fmt::Write;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;
use zeroize::Zeroizing;

/// Turns, of which the median is taken.
const TURNS: usize = 101;
/// Decisions of one turn.
const DECISIONS: u32 = 20_000;
const RULES: usize = 10_000;
const PIN: &[u8] = b"123456";

struct Bench {
    name: &'static str,
    session: SessionHandle,
    token: Arc<Token>,
    key: Arc<Held>,
    _module: Module,
    _folder: tempfile::TempDir,
}

fn raw(cka: u64, bytes: &[u8]) -> RawAttribute {
    RawAttribute { cka, value: RawValue::Bytes(Zeroizing::new(bytes.to_vec())) }
}

fn ruled(text: &str) -> Ruleset {
    Ruleset::load("bench.toml", text, &|_| Err("no files here".to_owned())).unwrap()
}

impl Bench {
    fn new(name: &'static str, policy: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let configuration = Configuration { store: folder.path().to_owned(), log: Sink::Silent };
        let journal = Arc::new(Journal::new(Sink::Silent));
        let module = Module::ruled(&configuration, journal, ruled(policy)).unwrap();
        let at = slot::slots(&module, true, true).unwrap()[0];
        let pin = || Some(Pin::from_slice(PIN));
        slot::init_token(&module, at, pin(), &[b'x'; 32]).unwrap();
        let s = session::open_session(&module, at, CKF_SERIAL_SESSION | CKF_RW_SESSION).unwrap();
        session::login(&module, s, CKU_SO, pin()).unwrap();
        slot::init_pin(&module, s, pin()).unwrap();
        session::logout(&module, s).unwrap();
        session::login(&module, s, CKU_USER, pin()).unwrap();
        let template = vec![
            raw(CKA_VALUE_LEN, &ulong_to_bytes(32)),
            raw(CKA_SIGN, &[CK_TRUE]),
            raw(CKA_TOKEN, &[CK_TRUE]),
            raw(CKA_LABEL, b"bench-key"),
        ];
        let mechanism = Mechanism::plain(CKM_GENERIC_SECRET_KEY_GEN);
        let handle = keys::generate_key(&module, s, mechanism, template).unwrap();
        let token = Arc::clone(&module.slots().tokens().unwrap()[0]);
        let bench =
            |key| Self { name, session: s, token: Arc::clone(&token), key, _module: module, _folder: folder };
        let first = bench(token.object(handle).unwrap());
        // The first use binds the purpose, and gives the key another version.
        first.decide(1);
        let key = first.token.object(handle).unwrap();
        Self { key, ..first }
    }

    /// Nanoseconds of the policy's part of it: state, windows, purpose, mechanism, strength, export, circumstances.
    fn policy(&self, times: u32) -> u64 {
        let (rules, facts) = (self.key.rules(), self.key.facts());
        let request = Request {
            entry: Entry::Sign,
            mechanism: table::find(CKM_SHA256_HMAC).map(|(index, _)| index),
            ckm: Some(CKM_SHA256_HMAC),
            mac: true,
            now: self.token.guard().now(),
            state: facts.state,
            purpose: facts.purpose,
            parameters: Parameters::default(),
            caller: keyward_pkcs11::guard::caller::this(),
        };
        let from = Instant::now();
        for _ in 0..times {
            let _ = black_box(decide(black_box(rules), black_box(facts), black_box(&request)).ok().unwrap());
        }
        u64::try_from(from.elapsed().as_nanos() / u128::from(times)).unwrap()
    }

    /// Nanoseconds of one decision: what stands between C_SignInit and the algorithm.
    fn decide(&self, times: u32) -> u64 {
        let from = Instant::now();
        for _ in 0..times {
            let op = Sign { key: Arc::clone(&self.key), mechanism: Mechanism::plain(CKM_SHA256_HMAC) };
            drop(black_box(self.token.authorize(self.session, true, op).ok().unwrap()));
        }
        u64::try_from(from.elapsed().as_nanos() / u128::from(times)).unwrap()
    }
}

fn median(mut of: Vec<u64>) -> u64 {
    of.sort_unstable();
    of[of.len() / 2]
}

const HEAD: &str = "policy = 1\n[keys]\naudit = \"denials\"\n";

/// Rules that all match the key and restrict by mechanism, size and period.
fn matching(number: usize) -> String {
    let mut text = HEAD.to_owned();
    for rule in 0..number {
        writeln!(
            text,
            "[[rule]]\nid = \"rule-{rule}\"\nwhen = {{ class = \"secret\", label = \"bench-*\" }}\n\
             mechanisms = [\"CKM_SHA*_HMAC\", \"CKM_AES_*\"]\nmin_strength = 112\n\
             crypto_period = {{ originator = \"{}d\", recipient = \"{}d\" }}",
            400 + rule,
            900 + rule
        )
        .unwrap();
    }
    text
}

/// The same with what is asked at the moment of use: a budget, hours, callers, an alarm.
fn of_all_sorts() -> String {
    let mut text = matching(20);
    text.push_str(
        "[[rule]]\nid = \"hours\"\nwhen = { label = \"bench-*\" }\nhours = \"Mon-Sun 00:00-24:00 UTC\"\n\
         [[rule]]\nid = \"callers\"\nwhen = { label = \"bench-*\" }\ncallers = { exe = \"*\" }\n",
    );
    text
}

fn many() -> String {
    let mut text = HEAD.to_owned();
    for rule in 0..RULES {
        writeln!(
            text,
            "[[rule]]\nid = \"rule-{rule}\"\nwhen = {{ class = \"private\", type = [\"ec\", \"rsa\"], label = \"tls-{rule}-*\" }}\n\
             why = \"The keys of customer {rule}\"\npurpose = \"sign\"\nmechanisms = [\"CKM_ECDSA*\", \"CKM_*_RSA_PKCS_PSS\"]\n\
             min_bits = {{ rsa = 3072, ec = 256 }}\ncrypto_period = {{ originator = \"1y\", recipient = \"3y\" }}"
        )
        .unwrap();
    }
    text
}

fn compare(what: &str, benches: &[Bench], one: impl Fn(&Bench) -> u64) {
    let mut taken = vec![Vec::new(); benches.len()];
    for _ in 0..TURNS {
        for (place, bench) in taken.iter_mut().zip(benches) {
            place.push(one(bench));
        }
    }
    let medians: Vec<_> = taken.into_iter().map(median).collect();
    for (bench, median) in benches.iter().zip(&medians) {
        let more = median.cast_signed() - medians[0].cast_signed();
        println!("{what}, {}: {median} ns ({more:+} ns)", bench.name);
    }
}

fn main() {
    let benches = [
        Bench::new("no rule", HEAD),
        Bench::new("20 rules", &matching(20)),
        Bench::new("20 rules, hours and callers", &of_all_sorts()),
    ];
    compare("the policy's part of a decision", &benches, |bench| bench.policy(DECISIONS));
    compare("a decision at the choke point", &benches, |bench| bench.decide(DECISIONS));

    let text = many();
    let compiled = median((0..7).map(|_| microseconds(|| drop(black_box(ruled(&text))))).collect());
    println!("{RULES} rules, {} KiB, compiled in {:.1} ms", text.len() / 1024, compiled as f64 / 1000.0);
    let rules = ruled(&text);
    let facts = benches[0].key.facts();
    let asked = median((0..101).map(|_| microseconds(|| drop(black_box(rules.record_for(facts))))).collect());
    println!("{RULES} rules, asked for one key when it is loaded: {asked} us");
}

fn microseconds(work: impl FnOnce()) -> u64 {
    let from = Instant::now();
    work();
    u64::try_from(from.elapsed().as_micros()).unwrap()
}
