//! The page.

use super::peers::{self, Peer};
use super::{left_out, ours, source};
use cryptoki_sys::*;
use keyward_pkcs11::ck::names;
use keyward_pkcs11::ck::params::Shape;
use keyward_pkcs11::crypto::library;
use keyward_pkcs11::crypto::mechanism::{Row, Sizes};
use keyward_pkcs11::crypto::table::MECHANISMS;
use std::collections::BTreeMap;
use std::fmt::Write;

const INTRODUCTION: &str = "\
# Mechanisms

Every mechanism that keyward has, written by a test from the table that the module itself works by (`src/crypto/table.rs`);
`KEYWARD_WRITE_DOCS=1 cargo nextest run --test mechanisms` writes it anew.

* **keys**: the types of key that it works on or makes. **sizes**: as C_GetMechanismInfo has them, and their unit.
* **parameter**: what `pParameter` points at; after the semicolon, of the message-based functions.
* **flags**: `CKF_...` as C_GetMechanismInfo has them, computed from what the mechanism can do. A token's policy may take
  mechanisms away from everybody; C_GetMechanismList then does not have them.
* **library**: who computes. Of several, each does what those before it cannot (sizes, deterministic signatures, the
  end of a message). Where keyward is named first, it puts together what the library behind it computes.
* **vectors**: how many of other people's test vectors it was held against, as [conformance.md](conformance.md) counts
  them: those that PKCS#11 can say, with mechanisms that are there. A dash where there are none.
* **SoftHSM2** 2.7.0, **Kryoptic** 1.5.0, **NSS** 3.110: whether they have it, the first two with all options of their builds, NSS
  as it is built by default. Read in their sources; what they do with it was not compared.
";

const FLAGS: [(CK_FLAGS, &str); 27] = [
    (CKF_ENCRYPT, "ENCRYPT"),
    (CKF_DECRYPT, "DECRYPT"),
    (CKF_DIGEST, "DIGEST"),
    (CKF_SIGN, "SIGN"),
    (CKF_SIGN_RECOVER, "SIGN_RECOVER"),
    (CKF_VERIFY, "VERIFY"),
    (CKF_VERIFY_RECOVER, "VERIFY_RECOVER"),
    (CKF_GENERATE, "GENERATE"),
    (CKF_GENERATE_KEY_PAIR, "GENERATE_KEY_PAIR"),
    (CKF_WRAP, "WRAP"),
    (CKF_UNWRAP, "UNWRAP"),
    (CKF_DERIVE, "DERIVE"),
    (CKF_ENCAPSULATE, "ENCAPSULATE"),
    (CKF_DECAPSULATE, "DECAPSULATE"),
    (CKF_MESSAGE_ENCRYPT, "MESSAGE_ENCRYPT"),
    (CKF_MESSAGE_DECRYPT, "MESSAGE_DECRYPT"),
    (CKF_MESSAGE_SIGN, "MESSAGE_SIGN"),
    (CKF_MESSAGE_VERIFY, "MESSAGE_VERIFY"),
    (CKF_MULTI_MESSAGE, "MULTI_MESSAGE"),
    (CKF_FIND_OBJECTS, "FIND_OBJECTS"),
    (CKF_EC_F_P, "EC_F_P"),
    (CKF_EC_F_2M, "EC_F_2M"),
    (CKF_EC_ECPARAMETERS, "EC_ECPARAMETERS"),
    (CKF_EC_NAMEDCURVE, "EC_OID"),
    (CKF_EC_UNCOMPRESS, "EC_UNCOMPRESS"),
    (CKF_EC_COMPRESS, "EC_COMPRESS"),
    (CKF_EC_CURVENAME, "EC_CURVENAME"),
];

pub fn page() -> String {
    let mut page = String::from(INTRODUCTION);
    let vectors = vectors();
    write!(page, "\n{} mechanisms. ", MECHANISMS.len()).unwrap();
    let shared = Peer::ALL.map(|peer| {
        let both = ours().iter().filter(|name| peers::of(name).contains(&peer)).count();
        format!("{} has {both}", peer.name())
    });
    writeln!(page, "Of them {}.\n", shared.join(", ")).unwrap();
    page.push_str(
        "| mechanism | keys | sizes | parameter | flags | library | vectors | SoftHSM2 | Kryoptic | NSS |\n",
    );
    page.push_str("|---|---|---|---|---|---|---|---|---|---|\n");
    for row in MECHANISMS {
        page.push_str(&line(row, &vectors));
    }
    page.push_str(&left_out());
    page
}

fn line(row: &Row, vectors: &BTreeMap<String, u64>) -> String {
    let name = names::mechanism_name(row.ckm);
    let keys: Vec<String> =
        row.key_types.iter().map(|ckk| format!("`{}`", names::key_type_name(*ckk))).collect();
    let sizes = match row.sizes {
        Sizes::None => "-".to_owned(),
        Sizes::Bits(from, to) => span(from, to, "bits"),
        Sizes::Bytes(from, to) => span(from, to, "bytes"),
    };
    let mut parameter = if row.shape == Shape::None { "-".to_owned() } else { source::shape(row.shape) };
    if let Some(shape) = row.ops.message_shape {
        parameter = format!("{parameter}; {}", source::message_shape(shape));
    }
    let library: Vec<String> = library::of(row).iter().map(ToString::to_string).collect();
    let joint = if library.first().is_some_and(|first| first == "keyward") { " over " } else { ", " };
    let count = vectors.get(&name).map_or("-".to_owned(), u64::to_string);
    let peers = peers::of(&name);
    let [soft_hsm2, kryoptic, nss] =
        Peer::ALL.map(|peer| if peers.contains(&peer) { "yes" } else { "-" }.to_owned());
    let cells = [
        format!("`{name}`"),
        dash(keys.join(" ")),
        sizes,
        parameter,
        flags(row.announced()),
        library.join(joint),
        count,
        soft_hsm2,
        kryoptic,
        nss,
    ];
    format!("| {} |\n", cells.join(" | "))
}

fn span(from: u32, to: u32, unit: &str) -> String {
    if from == to { format!("{from} {unit}") } else { format!("{from} to {to} {unit}") }
}

fn dash(text: String) -> String {
    if text.is_empty() { "-".to_owned() } else { text }
}

fn flags(flags: CK_FLAGS) -> String {
    let known = FLAGS.iter().fold(0, |known, (flag, _)| known | flag);
    assert_eq!(flags & !known, 0, "a flag without a name");
    let names: Vec<&str> =
        FLAGS.iter().filter(|(flag, _)| flags & flag != 0).map(|(_, name)| *name).collect();
    names.join(" ")
}

/// Mechanisms and the number of vectors they were held against, from the tables of `docs/conformance.md`.
fn vectors() -> BTreeMap<String, u64> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/conformance.md");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let (mut counts, mut heads): (BTreeMap<String, u64>, Vec<&str>) = (BTreeMap::new(), Vec::new());
    for line in text.lines().filter(|line| line.starts_with('|')) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        if cells.contains(&"mechanism") {
            heads = cells;
            continue;
        }
        let cell = |head| heads.iter().position(|each| *each == head).and_then(|at| cells.get(at));
        let number = |head| cell(head).and_then(|cell| cell.parse::<u64>().ok());
        let Some(name) = cell("mechanism").filter(|name| name.starts_with("CKM_")) else { continue };
        if let (Some(all), Some(outside), Some(not_offered)) =
            (number("vectors"), number("outside"), number("not offered"))
        {
            *counts.entry((*name).to_owned()).or_default() += all - outside - not_offered;
        }
    }
    counts.retain(|_, count| *count > 0);
    counts
}

/// What others have and keyward has not, by reason.
fn left_out() -> String {
    let ours = ours();
    let mut by_reason: BTreeMap<Option<&str>, Vec<String>> = BTreeMap::new();
    for (name, has) in peers::all() {
        if !ours.contains(name) {
            let who: Vec<&str> = has.into_iter().map(Peer::name).collect();
            by_reason
                .entry(left_out::reason(name))
                .or_default()
                .push(format!("`{name}` ({})", who.join(", ")));
        }
    }
    let missing: usize = by_reason.values().map(Vec::len).sum();
    let mut text = format!("\n## What others have and keyward has not\n\n{missing} mechanisms.\n");
    let not_yet = by_reason.remove(&None);
    text.push_str("\n| reason | mechanisms |\n|---|---|\n");
    for (reason, names) in &by_reason {
        writeln!(text, "| {} | {} |", reason.unwrap(), names.join(", ")).unwrap();
    }
    if let Some(names) = not_yet {
        writeln!(text, "| not there yet | {} |", names.join(", ")).unwrap();
    }
    text
}
