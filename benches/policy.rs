//! What the law costs: one decision at the choke point for a key that no rule, 20 rules and all sorts of rules match, and
//! how long a policy of ten thousand rules takes to compile and to be asked for one key.
//!
//! `cargo bench --bench policy` asks all modules in turns and prints the least and the median of each. Nothing here asserts a
//! time. With `-- count` it decides ten thousand times and compiles once, and measures nothing: for a tool that counts
//! instructions, such as `valgrind --tool=callgrind --toggle-collect='*decide_often*'` (or `'*compile_once*'`).
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a program for us")]

mod rig;

use cryptoki_sys::*;
use keyward_pkcs11::api::keys;
use keyward_pkcs11::ck::Mechanism;
use keyward_pkcs11::ck::raw::ulong_to_bytes;
use keyward_pkcs11::crypto::table;
use keyward_pkcs11::guard::Held;
use keyward_pkcs11::guard::op::Sign;
use keyward_pkcs11::policy::{Entry, Request, Ruleset, decide};
use keyward_pkcs11::token::Token;
use rig::{Rig, compare, each, median, raw, ruled};
use std::fmt::Write;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

/// Turns, of which the least and the median are taken.
const TURNS: usize = 401;
/// Decisions of one turn.
const DECISIONS: u32 = 5_000;
const RULES: usize = 10_000;

struct Bench {
    rig: Rig,
    token: Arc<Token>,
    key: Arc<Held>,
}

impl Bench {
    fn new(policy: &str) -> Self {
        let rig = Rig::under(policy);
        let (module, s) = (&rig.module, rig.session);
        let template = vec![
            raw(CKA_VALUE_LEN, &ulong_to_bytes(32)),
            raw(CKA_SIGN, &[CK_TRUE]),
            raw(CKA_TOKEN, &[CK_TRUE]),
            raw(CKA_LABEL, b"bench-key"),
        ];
        let mechanism = Mechanism::plain(CKM_GENERIC_SECRET_KEY_GEN);
        let handle = keys::generate_key(module, s, mechanism, template).unwrap();
        let token = Arc::clone(&module.slots().tokens().unwrap()[0]);
        let first = Self { key: token.object(handle).unwrap(), token, rig };
        // The first use binds the purpose, and gives the key another version.
        first.decide(1);
        let key = first.token.object(handle).unwrap();
        Self { key, ..first }
    }

    /// Nanoseconds of the policy's part of it: state, windows, purpose, mechanism, strength, export, circumstances.
    fn policy(&self, times: u32) -> u64 {
        let (rules, facts) = (self.key.rules(), self.key.facts());
        let request = Request {
            mechanism: table::find(CKM_SHA256_HMAC).map(|(index, _)| index),
            ckm: Some(CKM_SHA256_HMAC),
            caller: keyward_pkcs11::guard::caller::this(),
            ..Request::about(Entry::Sign, facts, self.token.guard().now())
        };
        let from = Instant::now();
        for _ in 0..times {
            let _ = black_box(decide(black_box(rules), black_box(facts), black_box(&request)).ok().unwrap());
        }
        each(from, times)
    }

    /// Nanoseconds of one decision: what stands between C_SignInit and the algorithm.
    fn decide(&self, times: u32) -> u64 {
        let from = Instant::now();
        self.decide_often(times);
        each(from, times)
    }

    /// Nanoseconds of the question alone, which whoever asks makes: the operation with its hold on the key.
    fn ask(&self, times: u32) -> u64 {
        let from = Instant::now();
        for _ in 0..times {
            drop(black_box(self.question()));
        }
        each(from, times)
    }

    fn question(&self) -> Sign {
        Sign { key: Arc::clone(&self.key), mechanism: Mechanism::plain(CKM_SHA256_HMAC) }
    }

    #[inline(never)]
    fn decide_often(&self, times: u32) {
        for _ in 0..times {
            let op = self.question();
            // Looked at where it lies: to move it is no part of the decision.
            assert!(black_box(&self.token.authorize(self.rig.session, true, op)).is_ok());
        }
    }
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

/// The same with a budget that does not end.
fn with_a_budget() -> String {
    matching(20)
        + "[[rule]]\nid = \"budget\"\nwhen = { label = \"bench-*\" }\nlimits = { uses = 1_000_000_000_000 }\n"
}

/// The same with what is asked at the moment of use: hours and callers.
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

#[inline(never)]
fn compile_once(text: &str) -> Ruleset {
    ruled(text)
}

fn main() {
    if std::env::args().any(|argument| argument == "count") {
        let bench = Bench::new(&matching(20));
        bench.decide_often(10_000);
        drop(black_box(compile_once(&many())));
        return;
    }
    let benches = [
        ("no rule", Bench::new(HEAD)),
        ("20 rules", Bench::new(&matching(20))),
        ("20 rules and a budget", Bench::new(&with_a_budget())),
        ("20 rules, hours and callers", Bench::new(&of_all_sorts())),
    ];
    compare("the policy's part of a decision", TURNS, &benches, |bench| bench.policy(DECISIONS));
    compare("a decision at the choke point", TURNS, &benches, |bench| bench.decide(DECISIONS));
    compare("of it the question, which the caller makes", TURNS, &benches, |bench| bench.ask(DECISIONS));

    let text = many();
    let compiled: Vec<_> = (0..25).map(|_| microseconds(|| drop(black_box(compile_once(&text))))).collect();
    println!(
        "{RULES} rules, {} KiB, compiled in {:.1} ms, median {:.1} ms",
        text.len() / 1024,
        *compiled.iter().min().unwrap() as f64 / 1000.0,
        median(compiled) as f64 / 1000.0
    );
    let rules = ruled(&text);
    let facts = benches[0].1.key.facts();
    let asked = median((0..101).map(|_| microseconds(|| drop(black_box(rules.record_for(facts))))).collect());
    println!("{RULES} rules, asked for one key when it is loaded: {asked} us");
}

fn microseconds(work: impl FnOnce()) -> u64 {
    let from = Instant::now();
    work();
    u64::try_from(from.elapsed().as_micros()).unwrap()
}
