//! `docs/mechanisms.md`: every mechanism, written from the table of all mechanisms, beside what other software tokens
//! announce. The test compares the page with what the table says; `KEYWARD_WRITE_DOCS=1` writes it anew.
#![expect(clippy::unwrap_used, reason = "a test may")]
#![expect(clippy::disallowed_methods, reason = "a program of its own")]
// The page is about the default engine; docs/engines.md says what the other one lacks.
#![cfg(feature = "aws-lc")]

mod left_out;
mod page;
mod peers;
mod source;

use keyward_pkcs11::ck::names;
use keyward_pkcs11::crypto::library::{self, Library};
use keyward_pkcs11::crypto::table::MECHANISMS;
use peers::Peer;
use std::collections::BTreeSet;

/// The names of our mechanisms.
fn ours() -> BTreeSet<String> {
    MECHANISMS.iter().map(|row| names::mechanism_name(row.ckm)).collect()
}

#[test]
fn the_page_is_what_the_table_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/mechanisms.md");
    let written = page::page();
    if std::env::var_os("KEYWARD_WRITE_DOCS").is_some() {
        std::fs::write(path, &written).unwrap();
    }
    let there = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        written == there,
        "docs/mechanisms.md is not what the table says: set KEYWARD_WRITE_DOCS=1 to write it"
    );
}

#[test]
fn the_list_of_the_peers_is_in_order_and_whole() {
    let peers = peers::all();
    assert!(peers.windows(2).all(|pair| pair[0].0 < pair[1].0), "not in order, or twice");
    let count = |peer| peers.iter().filter(|(_, has)| has.contains(&peer)).count();
    assert_eq!([Peer::SoftHsm2, Peer::Kryoptic, Peer::Nss].map(count), [84, 164, 230]);
}

#[test]
fn every_reason_is_needed() {
    let (peers, ours) = (peers::all(), ours());
    for (pattern, reason) in left_out::REASONS {
        let left_out = |name: &str| left_out::matches(pattern, name) && !ours.contains(name);
        assert!(peers.iter().any(|(name, _)| left_out(name)), "{pattern} ({reason}) leaves nothing out");
    }
}

#[test]
fn a_pattern_matches_what_it_says() {
    assert!(left_out::matches("CKM_DES_*", "CKM_DES_ECB"));
    assert!(!left_out::matches("CKM_DES_*", "CKM_DES3_ECB"));
    assert!(left_out::matches("*_MD5_*", "CKM_SSL3_MD5_MAC"));
    assert!(left_out::matches("CKM_MD5", "CKM_MD5"));
    assert!(!left_out::matches("CKM_MD5", "CKM_MD5_HMAC"));
    assert!(left_out::matches("CKM_*_CBC", "CKM_DES_CBC"));
    assert!(!left_out::matches("CKM_*_CBC", "CKM_DES_CBC_PAD"));
}

/// The crates of cryptography that a mechanism's file names are among those that the page names for its mechanisms.
#[test]
fn the_library_of_a_mechanism_is_the_one_its_file_uses() {
    let mut named: Vec<(String, BTreeSet<&str>)> = Vec::new();
    for (module, row) in source::modules().into_iter().zip(MECHANISMS) {
        let crates = library::of(row).iter().filter_map(|library| match library {
            Library::Crate(name) => Some(*name),
            _ => None,
        });
        match named.iter_mut().find(|(of, _)| *of == module) {
            Some((_, set)) => set.extend(crates),
            None => named.push((module, crates.collect())),
        }
    }
    assert!(named.iter().any(|(module, said)| module == "blake2b" && said.contains("blake2")));
    for (module, said) in named {
        let used = source::crates_of(&module);
        let silent: Vec<&String> = used.iter().filter(|name| !said.contains(name.as_str())).collect();
        assert!(silent.is_empty(), "src/crypto/{module} uses {silent:?}: name it in crypto::library");
    }
}

#[test]
fn every_row_has_a_module_and_every_shape_a_description() {
    assert_eq!(source::modules().len(), MECHANISMS.len());
    for row in MECHANISMS {
        assert!(!source::shape(row.shape).is_empty());
    }
}
