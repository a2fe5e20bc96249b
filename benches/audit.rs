//! What the audit trail costs, and how long a long one takes to verify.
//!
//! `cargo bench --bench audit` uses one module that records every use and one that records none in turns, prints the
//! median of both and their difference, then writes a trail of `RECORDS` records (a million without a word) and verifies
//! it. Nothing here asserts a time.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a program for us")]
#![expect(clippy::disallowed_methods, reason = "a program of its own")]

mod rig;

use cryptoki_sys::*;
use keyward_pkcs11::admin::audit::first_key;
use keyward_pkcs11::api::{encrypt, keys, sign};
use keyward_pkcs11::audit::{Event, Kind, Trail};
use keyward_pkcs11::ck::raw::ulong_to_bytes;
use keyward_pkcs11::ck::{Mechanism, ObjectHandle, Params};
use keyward_pkcs11::secret::Secret;
use keyward_pkcs11::session::Output;
use keyward_pkcs11::store::memory::MemoryStore;
use rig::{Rig, compare, each, raw};
use std::sync::Arc;
use std::time::Instant;

/// Turns, of which the median is taken.
const TURNS: usize = 61;
struct Bench {
    rig: Rig,
    aes: ObjectHandle,
    rsa: ObjectHandle,
}

impl Bench {
    fn new(setting: &str) -> Self {
        let rig = Rig::under(&format!("policy = 1\n[keys]\naudit = \"{setting}\"\n"));
        let (module, s) = (&rig.module, rig.session);
        let aes = vec![
            raw(CKA_VALUE_LEN, &ulong_to_bytes(32)),
            raw(CKA_ENCRYPT, &[CK_TRUE]),
            raw(CKA_LABEL, b"bench-aes"),
        ];
        let aes = keys::generate_key(module, s, Mechanism::plain(CKM_AES_KEY_GEN), aes).unwrap();
        let public = vec![raw(CKA_MODULUS_BITS, &ulong_to_bytes(2048)), raw(CKA_VERIFY, &[CK_TRUE])];
        let private = vec![raw(CKA_SIGN, &[CK_TRUE]), raw(CKA_LABEL, b"bench-rsa")];
        let pair = Mechanism::plain(CKM_RSA_PKCS_KEY_PAIR_GEN);
        let (_, rsa) = keys::generate_key_pair(module, s, pair, public, private).unwrap();
        Self { rig, aes, rsa }
    }

    /// Nanoseconds for C_EncryptInit and C_Encrypt of 1 KiB with AES-256-GCM.
    fn gcm(&self, times: u32) -> u64 {
        let (data, mut room) = ([7; 1024], [0; 1040]);
        let from = Instant::now();
        for number in 0..times {
            let mut iv = vec![0; 12];
            iv[..4].copy_from_slice(&number.to_le_bytes());
            let params = Params::Gcm { iv, aad: Vec::new(), tag_bits: 128 };
            let mechanism = Mechanism { ckm: CKM_AES_GCM, params };
            encrypt::encrypt_init(&self.rig.module, self.rig.session, Some(mechanism), self.aes).unwrap();
            let mut len = room.len() as u64;
            encrypt::encrypt(
                &self.rig.module,
                self.rig.session,
                &data,
                Output::new(Some(&mut room), &mut len),
            )
            .unwrap();
        }
        each(from, times)
    }

    /// Nanoseconds for C_SignInit and C_Sign with RSA-2048 and SHA-256.
    fn rsa(&self, times: u32) -> u64 {
        let mut room = [0; 256];
        let from = Instant::now();
        for _ in 0..times {
            let mechanism = Mechanism::plain(CKM_SHA256_RSA_PKCS);
            sign::sign_init(&self.rig.module, self.rig.session, Some(mechanism), self.rsa).unwrap();
            let mut len = room.len() as u64;
            sign::sign(&self.rig.module, self.rig.session, b"data", Output::new(Some(&mut room), &mut len))
                .unwrap();
        }
        each(from, times)
    }
}

fn verify_many() {
    let count: u64 = std::env::var("RECORDS").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(MemoryStore::new());
    let trail = Trail::new(folder.path(), "0123456789abcdef", Secret::from_slice(&[8; 32]), store, [9; 8]);
    let from = Instant::now();
    for number in 0..count {
        let event = Event {
            label: format!("key {number}"),
            object: [7; 16],
            user: "user".into(),
            session: 1,
            mechanism: Some(CKM_AES_GCM),
            detail: "iv 12 bytes, aad 0 bytes, tag 128 bits".into(),
            bytes: 1024,
            rules: vec!["keys.audit".into()],
            ..Event::new(Kind::Decision, "encrypt", keyward_pkcs11::sys::clock::utc_nanos())
        };
        trail.record(event, false).unwrap();
    }
    trail.close().unwrap();
    println!("{count} records written one by one: {} ns each", each(from, u32::try_from(count).unwrap()));
    let from = Instant::now();
    let copy = trail.copy(&[]).unwrap();
    let report = keyward_pkcs11::admin::audit::judge(&copy, first_key(&copy), None);
    assert!(report.holds() && report.signed > count, "{report:?}");
    println!(
        "verified in {:.2} s: {} anchors, {} segments",
        from.elapsed().as_secs_f64(),
        report.anchors,
        report.segments
    );
}

fn main() {
    let benches = ["denials", "changes", "all"].map(|setting| (setting, Bench::new(setting)));
    compare("AES-256-GCM, 1 KiB, audit =", TURNS, &benches, |bench| bench.gcm(2000));
    compare("RSA-2048 signature, audit =", TURNS, &benches, |bench| bench.rsa(20));
    verify_many();
}
