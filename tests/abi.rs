//! `include/keyward.h` compiles as C and as C++, alone and together with a `pkcs11.h`, and its
//! numbers are those of the Rust constants.
#![expect(clippy::unwrap_used, reason = "a test may")]

use keyward_pkcs11::ck::vendor::{VENDOR_ATTRIBUTES, VENDOR_MECHANISMS, VENDOR_TABLE_VERSION};
use keyward_pkcs11::object::facts::{Origin, Purpose, State};
use keyward_pkcs11::policy::Reason;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

type Numbers = BTreeMap<String, u64>;

fn include() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("include")
}

/// Every name that the header defines, but its guard.
fn names() -> Vec<String> {
    let header = std::fs::read_to_string(include().join("keyward.h")).unwrap();
    let defined = header.lines().filter_map(|line| line.strip_prefix("#define "));
    let names = defined.filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "KEYWARD_H").map(str::to_owned).collect()
}

/// A `CK_ULONG` in 64 bits, which on most targets it has already.
fn wide(number: impl Into<u64>) -> u64 {
    number.into()
}

/// What Rust says. The reasons of a revocation stand in KMIP alone.
fn expected() -> Numbers {
    let mut numbers = Numbers::new();
    numbers.insert("KEYWARD_VENDOR_TABLE_VERSION".to_owned(), VENDOR_TABLE_VERSION.into());
    numbers.extend(VENDOR_MECHANISMS.iter().map(|(name, number)| ((*name).to_owned(), wide(*number))));
    numbers.extend(VENDOR_ATTRIBUTES.iter().map(|(name, number)| ((*name).to_owned(), wide(*number))));
    let named = |kind: &str, word: &str| format!("KEYWARD_{kind}_{}", word.to_uppercase().replace('-', "_"));
    for state in (1..).map_while(State::from_number) {
        numbers.insert(named("STATE", state.word()), state as u64);
    }
    for purpose in Purpose::ALL {
        numbers.insert(named("PURPOSE", purpose.word()), purpose as u64);
    }
    let origins = [Origin::Generated, Origin::Imported, Origin::Unwrapped, Origin::Derived, Origin::Copied];
    for origin in origins {
        numbers.insert(named("ORIGIN", &format!("{origin:?}")), origin as u64);
    }
    for reason in Reason::ALL {
        numbers.insert(named("REASON", reason.word()), reason.code().into());
    }
    let reasons = [
        "unspecified",
        "key-compromise",
        "ca-compromise",
        "affiliation-changed",
        "superseded",
        "cessation-of-operation",
        "privilege-withdrawn",
    ];
    for (reason, number) in reasons.into_iter().zip(1..) {
        numbers.insert(named("REVOCATION", reason), number);
    }
    numbers
}

/// A program that prints every name with its number.
fn program(before: &str, after: &str) -> String {
    let prints = names().into_iter().map(|name| format!("    printf(\"{name} %lu\\n\", {name});\n"));
    format!(
        "{before}\n#include \"keyward.h\"\n{after}\n#include <stdio.h>\n\
         int main(void) {{\n{}    return 0;\n}}\n",
        prints.collect::<String>()
    )
}

/// Compiles the program with every warning an error, runs it, and reads what it prints.
fn printed(compiler: &str, language: &str, standard: &str, source: &str) -> Numbers {
    let directory = tempfile::tempdir().unwrap();
    let (file, binary) = (directory.path().join("abi.source"), directory.path().join("abi"));
    std::fs::write(&file, source).unwrap();
    let compiled = Command::new(compiler)
        .args(["-x", language, standard, "-Wall", "-Wextra", "-Werror", "-pedantic", "-I"])
        .arg(include())
        .arg(&file)
        .arg("-o")
        .arg(&binary)
        .output()
        .unwrap();
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    let output = Command::new(&binary).output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let pair = |line: &str| {
        let (name, number) = line.split_once(' ').unwrap();
        (name.to_owned(), number.parse().unwrap())
    };
    text.lines().map(pair).collect()
}

/// The `pkcs11.h` of the system, where there is one on the compiler's path.
const SYSTEM: &str = "
#if defined(__has_include)
#if __has_include(<p11-kit-1/p11-kit/pkcs11.h>)
#include <p11-kit-1/p11-kit/pkcs11.h>
#elif __has_include(<pkcs11.h>)
#include <pkcs11.h>
#endif
#endif
";

/// What every `pkcs11.h` has of the same kind, twice the same.
const COMMON: &str = "
#define CKA_VENDOR_DEFINED 0x80000000UL
typedef unsigned long int CK_ULONG;
typedef CK_ULONG CK_ATTRIBUTE_TYPE;
static const CK_ATTRIBUTE_TYPE prefix = CKA_VENDOR_DEFINED | 0x4B570000UL;
int has_prefix(CK_ATTRIBUTE_TYPE type);
int has_prefix(CK_ATTRIBUTE_TYPE type) { return (type & prefix) == prefix; }
";

#[test]
fn header_alone_as_c_agrees_with_rust() {
    for standard in ["-std=c89", "-std=c11", "-std=c17"] {
        assert_eq!(printed("cc", "c", standard, &program("", "")), expected(), "{standard}");
    }
}

#[test]
fn header_alone_as_cpp_agrees_with_rust() {
    for standard in ["-std=c++11", "-std=c++17"] {
        assert_eq!(printed("c++", "c++", standard, &program("", "")), expected(), "{standard}");
    }
}

#[test]
fn header_before_and_after_a_pkcs11_header_agrees_with_rust() {
    for (compiler, language, standard) in [("cc", "c", "-std=c11"), ("c++", "c++", "-std=c++17")] {
        for declarations in [SYSTEM, COMMON] {
            for (before, after) in [(declarations, ""), ("", declarations)] {
                assert_eq!(printed(compiler, language, standard, &program(before, after)), expected());
            }
        }
    }
}
