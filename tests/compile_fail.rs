//! What the compiler refuses: programs that would walk around the guard, each with the error that stops it.
//!
//! The compiler is run directly on the library that this test is linked with; nothing is built a second time. Each
//! program must fail with its own error and no other, so that a renamed item cannot make a test pass.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may")]
#![expect(clippy::disallowed_methods, reason = "a program of its own")]

use std::path::{Path, PathBuf};
use std::process::Command;

/// Program, and the code of the one error it must have; for a lint, its name.
const PROGRAMS: [(&str, &str); 14] = [
    ("forge_by_new", "E0624"),
    ("forge_by_literal", "E0451"),
    ("read_a_keys_home", "E0616"),
    ("read_a_keys_material", "E0624"),
    ("sign_without_a_witness", "E0308"),
    ("spend_a_witness_on_another_operation", "E0308"),
    ("spend_a_witness_twice", "E0382"),
    ("clone_a_witness", "E0308"),
    ("clone_a_secret", "E0308"),
    ("print_a_secret", "E0277"),
    ("compare_a_secret", "E0369"),
    ("backend_that_lacks_a_method", "E0046"),
    ("ignore_the_answer", "unused_must_use"),
    ("ignore_the_witness", "unused_must_use"),
];

/// The folder of this test program, where the libraries stand that it was linked with.
fn libraries() -> PathBuf {
    std::env::current_exe().unwrap().parent().unwrap().to_owned()
}

/// The rlib of the crate under test: the newest. Others are left over from other settings.
fn rlib() -> PathBuf {
    let is_ours = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with("libkeyward_pkcs11") && name.ends_with(".rlib")
    };
    let modified = |path: &PathBuf| std::fs::metadata(path).and_then(|about| about.modified()).ok();
    std::fs::read_dir(libraries())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(is_ours)
        .max_by_key(modified)
        .expect("libkeyward_pkcs11.rlib stands beside this test")
}

/// Compiles a program up to its types; whether it passed, and the compiler's words as JSON lines.
fn compile(source: &Path) -> (bool, String) {
    let out = tempfile::tempdir().unwrap();
    let compiler = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(compiler)
        .args(["--edition", "2024", "--crate-type", "bin", "--emit", "metadata", "--error-format", "json"])
        .arg("-L")
        .arg(format!("dependency={}", libraries().display()))
        .arg("--extern")
        .arg(format!("keyward_pkcs11={}", rlib().display()))
        .arg("--out-dir")
        .arg(out.path())
        .arg(source)
        .output()
        .unwrap();
    (output.status.success(), String::from_utf8(output.stderr).unwrap())
}

/// The codes of all errors.
fn errors(words: &str) -> Vec<String> {
    words
        .lines()
        .filter(|line| line.contains("\"level\":\"error\"") && line.contains("\"code\":{"))
        .filter_map(|line| Some(line.split_once("\"code\":{\"code\":\"")?.1.split_once('"')?.0.to_owned()))
        .collect()
}

#[test]
fn programs_that_walk_around_the_guard_do_not_compile() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compile_fail");
    for (name, code) in PROGRAMS {
        let (passed, words) = compile(&folder.join(name).with_extension("rs"));
        assert!(!passed, "{name} compiles");
        assert_eq!(errors(&words), [code], "{name}: {words}");
    }
    let files = std::fs::read_dir(folder).unwrap().count();
    assert_eq!(files, PROGRAMS.len(), "every program has its row");
}

#[test]
fn a_program_that_asks_as_it_should_compiles() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("good.rs");
    std::fs::write(
        &source,
        "use keyward_pkcs11::{ck::{Mechanism, Result}, guard::op::Digest, session::Session};
         fn ask(session: &Session) -> Result<()> {
             let grant = session.authorize(Digest { mechanism: Mechanism::plain(0x250) })?;
             session.backend().digest(grant).map(drop)
         }
         fn main() { let _ = ask; }",
    )
    .unwrap();
    let (passed, words) = compile(&source);
    assert!(passed, "{words}");
}
