//! What the page takes from the text of the source, so that no second list is kept: the descriptions of parameters, and
//! the module of each row.

use keyward_pkcs11::ck::message::MessageShape;
use keyward_pkcs11::ck::params::Shape;
use std::fmt::Debug;
use std::path::Path;

const PARAMS: &str = include_str!("../../src/ck/params.rs");
const MESSAGE: &str = include_str!("../../src/ck/message.rs");
const TABLE: &str = include_str!("../../src/crypto/table.rs");
const MANIFEST: &str = include_str!("../../Cargo.toml");

/// Dependencies that compute nothing of a mechanism.
const PLUMBING: [&str; 19] = [
    "arc-swap",
    "argon2",
    "aws-lc-sys",
    "clap",
    "cryptoki-sys",
    "getrandom",
    "jiff",
    "libc",
    "once_cell",
    "rand_chacha",
    "rand_core",
    "rpassword",
    "rusqlite",
    "serde",
    "subtle",
    "thiserror",
    "toml",
    "typenum",
    "zeroize",
];

/// The parameter of a mechanism, in the words of the comment at its shape.
pub fn shape(shape: Shape) -> String {
    described(PARAMS, "pub enum Shape {", &shape)
}

/// The parameter of a message.
pub fn message_shape(shape: MessageShape) -> String {
    described(MESSAGE, "pub enum MessageShape {", &shape)
}

/// The comment at a variant, its "so many" replaced by the variant's number.
fn described(text: &str, head: &str, variant: &impl Debug) -> String {
    let shown = format!("{variant:?}");
    let name: String = shown.chars().take_while(char::is_ascii_alphanumeric).collect();
    let number: String = shown[name.len()..]
        .chars()
        .skip_while(|c| !c.is_ascii_digit())
        .take_while(char::is_ascii_digit)
        .collect();
    let body = text.split_once(head).unwrap().1.split_once("\n}").unwrap().0;
    let mut comment = String::new();
    for line in body.lines().map(str::trim) {
        if let Some(words) = line.strip_prefix("/// ") {
            comment.push_str(if comment.is_empty() { "" } else { " " });
            comment.push_str(words);
        } else if line.starts_with(&name) && !line[name.len()..].starts_with(|c: char| c.is_alphanumeric()) {
            let first = comment.split([':', '.']).next().unwrap();
            return first.replace("so many", &number);
        } else if !line.starts_with("#[") {
            comment.clear();
        }
    }
    String::new()
}

/// The module of each row, in the order of the table.
pub fn modules() -> Vec<String> {
    let rows = TABLE.split_once("pub static MECHANISMS").unwrap().1.split_once("\n];").unwrap().0;
    let row = |line: &str| Some(line.trim().strip_prefix('&')?.split_once("::")?.0.to_owned());
    rows.lines().filter_map(row).collect()
}

/// The crates of cryptography that a module of the crypto floor names.
pub fn crates_of(module: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/crypto");
    let mut files = vec![folder.join(module).with_extension("rs")];
    let more = std::fs::read_dir(folder.join(module)).into_iter().flatten();
    files.extend(more.map(|entry| entry.unwrap().path()));
    let text: String = files.iter().filter(|file| is_source(file)).map(|file| code(file.as_path())).collect();
    let dependencies = MANIFEST.split_once("\n[dependencies]\n").unwrap().1.split("\n\n").next().unwrap();
    let names = dependencies
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split([' ', '=']).next());
    // A module of ours may have a crate's name; the crate is then written with a colon before it.
    let used = |name: &&str| {
        let word = name.replace('-', "_");
        let (rooted, imported) = (format!("::{word}::"), format!("use {word}::"));
        let begins = |at: usize| !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '>');
        let visible =
            |line: &str| line.strip_prefix("pub(super) ").or(line.strip_prefix("pub ")).map(str::to_owned);
        text.match_indices(&rooted).any(|(at, _)| begins(at))
            || text.lines().any(|line| visible(line).unwrap_or(line.to_owned()).starts_with(&imported))
    };
    let without_sets = |name: &str| if name == "keyward-slh-dsa-sets" { "slh-dsa" } else { name }.to_owned();
    names.filter(|name| !PLUMBING.contains(name)).filter(used).map(without_sets).collect()
}

fn is_source(file: &Path) -> bool {
    file.is_file() && file.extension().is_some_and(|end| end == "rs") && !file.ends_with("tests.rs")
}

/// The text without comments and without the test module, which stands last.
fn code(file: &Path) -> String {
    let text = std::fs::read_to_string(file).unwrap();
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap().to_owned();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).map(|line| format!("{line}\n")).collect()
}
