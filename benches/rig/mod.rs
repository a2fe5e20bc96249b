//! What the benchmarks of the law and of the record share: a token under a policy, and medians.

use cryptoki_sys::*;
use keyward_pkcs11::api::{Module, session, slot};
use keyward_pkcs11::ck::SessionHandle;
use keyward_pkcs11::ck::raw::{RawAttribute, RawValue};
use keyward_pkcs11::guard::{Journal, Sink};
use keyward_pkcs11::policy::Ruleset;
use keyward_pkcs11::secret::Pin;
use keyward_pkcs11::token::Configuration;
use std::sync::Arc;
use std::time::Instant;
use zeroize::Zeroizing;

const PIN: &[u8] = b"123456";

/// A module with one token, in whose session the user is logged in.
pub struct Rig {
    pub module: Module,
    pub session: SessionHandle,
    _folder: tempfile::TempDir,
}

pub fn raw(cka: u64, bytes: &[u8]) -> RawAttribute {
    RawAttribute { cka, value: RawValue::Bytes(Zeroizing::new(bytes.to_vec())) }
}

pub fn ruled(text: &str) -> Ruleset {
    Ruleset::load("bench.toml", text, &|_| Err("no files here".to_owned())).unwrap()
}

impl Rig {
    pub fn under(policy: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let configuration = Configuration { store: folder.path().to_owned(), log: Sink::Silent };
        let journal = Arc::new(Journal::new(Sink::Silent));
        let module = Module::ruled(&configuration, journal, ruled(policy)).unwrap();
        let at = slot::slots(&module, true, true).unwrap()[0];
        let pin = || Some(Pin::from_slice(PIN));
        slot::init_token(&module, at, pin(), &[b'x'; 32]).unwrap();
        let session = session::open_session(&module, at, CKF_SERIAL_SESSION | CKF_RW_SESSION).unwrap();
        session::login(&module, session, CKU_SO, pin()).unwrap();
        slot::init_pin(&module, session, pin()).unwrap();
        session::logout(&module, session).unwrap();
        session::login(&module, session, CKU_USER, pin()).unwrap();
        Self { module, session, _folder: folder }
    }
}

/// Nanoseconds of each of so many.
pub fn each(from: Instant, times: u32) -> u64 {
    u64::try_from(from.elapsed().as_nanos() / u128::from(times)).unwrap()
}

pub fn median(mut of: Vec<u64>) -> u64 {
    of.sort_unstable();
    of[of.len() / 2]
}

/// Asks all in turns, and prints of each the least (what it costs) and the median (what it costs beside others), and what
/// the least is more than that of the first.
pub fn compare<B>(what: &str, turns: usize, benches: &[(&str, B)], one: impl Fn(&B) -> u64) {
    let mut taken = vec![Vec::new(); benches.len()];
    for _ in 0..turns {
        for (place, (_, bench)) in taken.iter_mut().zip(benches) {
            place.push(one(bench));
        }
    }
    let least = |of: &[u64]| of.iter().copied().min().unwrap();
    let first = least(&taken[0]);
    for ((name, _), times) in benches.iter().zip(taken) {
        let least = least(&times);
        let more = least.cast_signed() - first.cast_signed();
        println!("{what}, {name}: {least} ns ({more:+} ns), median {} ns", median(times));
    }
}
