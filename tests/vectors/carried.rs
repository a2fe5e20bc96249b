//! The vectors that the repository carries (`data/`, made by `collect.py`): ACVP's JSON and CAVP's text.

use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Read;

fn unpacked(packed: &[u8]) -> String {
    let mut text = String::new();
    ruzstd::decoding::StreamingDecoder::new(packed).unwrap().read_to_string(&mut text).unwrap();
    text
}

/// Bytes of hexadecimal digits.
pub fn hex(digits: &str) -> Vec<u8> {
    assert!(digits.len().is_multiple_of(2), "half a byte: {digits}");
    let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    (0..digits.len()).step_by(2).map(byte).collect()
}

// --- ACVP -----------------------------------------------------------------------------------------------------

/// The vector sets of a file.
pub fn acvp(packed: &[u8]) -> Vec<Value> {
    match serde_json::from_str(&unpacked(packed)).unwrap() {
        Value::Array(sets) => sets,
        other => panic!("{other}"),
    }
}

/// The sets of everything but FIPS 203, 204, 205 and SP 800-208.
pub fn acvp_sets(algorithms: &[&str]) -> Vec<Value> {
    let mut sets = acvp(include_bytes!("data/acvp.json.zst"));
    sets.retain(|set| algorithms.contains(&set.text("algorithm")));
    assert!(!sets.is_empty(), "{algorithms:?}");
    sets
}

/// What tests ask of a JSON value of ACVP. Each panics where the value is not of that kind.
pub trait Fields {
    fn list(&self, name: &str) -> &[Value];
    fn text(&self, name: &str) -> &str;
    fn number(&self, name: &str) -> usize;
    fn flag(&self, name: &str) -> bool;
    fn bytes(&self, name: &str) -> Vec<u8>;
    fn optional(&self, name: &str) -> Option<Vec<u8>>;
}

impl Fields for Value {
    fn list(&self, name: &str) -> &[Value] {
        self[name].as_array().unwrap_or_else(|| panic!("no list {name}: {self}"))
    }

    fn text(&self, name: &str) -> &str {
        self[name].as_str().unwrap_or_else(|| panic!("no text {name}: {self}"))
    }

    fn number(&self, name: &str) -> usize {
        self[name].as_u64().unwrap_or_else(|| panic!("no number {name}: {self}")) as usize
    }

    fn flag(&self, name: &str) -> bool {
        self[name].as_bool().unwrap_or_else(|| panic!("no flag {name}: {self}"))
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        hex(self.text(name))
    }

    fn optional(&self, name: &str) -> Option<Vec<u8>> {
        self[name].as_str().map(hex)
    }
}

// --- CAVP and the RFCs ----------------------------------------------------------------------------------------

/// One record of a CAVP file: the lines `name = value` of a paragraph, and those in brackets above it.
#[derive(Clone, Default, Debug)]
pub struct Record {
    /// The lines in brackets that hold for it: `[Keylen = 128]`, `[ENCRYPT]`.
    pub section: Vec<String>,
    fields: BTreeMap<String, String>,
}

impl Record {
    pub fn get(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }

    pub fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or_else(|| panic!("no {name}: {self:?}"))
    }

    pub fn has(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    pub fn bytes(&self, name: &str) -> Vec<u8> {
        hex(self.text(name))
    }

    pub fn number(&self, name: &str) -> usize {
        self.text(name).parse().unwrap_or_else(|_| panic!("{name}: {self:?}"))
    }

    /// What a line in brackets says: of `[Keylen = 128]` with `Keylen`, `128`.
    pub fn of_section(&self, name: &str) -> Option<&str> {
        self.section.iter().find_map(|line| {
            let (key, value) = line.split_once('=')?;
            (key.trim() == name).then(|| value.trim())
        })
    }

    /// Whether a line in brackets is this one.
    pub fn is_in(&self, line: &str) -> bool {
        self.section.iter().any(|each| each == line)
    }
}

/// The files of a bundle: their paths and texts.
pub fn bundle(packed: &[u8]) -> Vec<(String, String)> {
    let text = unpacked(packed);
    let mut files = Vec::new();
    for part in text.split("== ").filter(|part| !part.is_empty()) {
        let (path, contents) = part.split_once('\n').unwrap();
        files.push((path.to_owned(), contents.to_owned()));
    }
    files
}

/// The records of a CAVP file. A field that stands in a paragraph without a count (`Key = ...` before the
/// records that use it) holds for the records that follow.
pub fn records(text: &str) -> Vec<Record> {
    let mut records: Vec<Record> = Vec::new();
    let (mut section, mut shared, mut of_file) = (Vec::<String>::new(), BTreeMap::new(), BTreeMap::new());
    let mut in_section = false;
    for paragraph in text.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty()) {
        let mut fields = BTreeMap::new();
        for line in paragraph.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
            if let Some(inside) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                // Lines in brackets that follow each other hold together.
                if !in_section {
                    // What stands above the first of them holds for the file.
                    if section.is_empty() {
                        of_file = shared.clone();
                    }
                    section.clear();
                    shared.clone_from(&of_file);
                }
                in_section = true;
                section.extend(inside.split(',').map(|part| part.trim().to_owned()));
                continue;
            }
            if line.is_empty() {
                continue;
            }
            in_section = false;
            let (name, value) = line.split_once('=').unwrap_or((line, ""));
            fields.insert(name.trim().to_owned(), value.trim().to_owned());
        }
        // A count that stands alone says nothing.
        if fields.is_empty() || fields.keys().eq(["COUNT"]) {
            continue;
        }
        if is_counted(&fields) {
            let mut all = shared.clone();
            all.extend(fields);
            records.push(Record { section: section.clone(), fields: all });
        } else {
            shared.extend(fields);
        }
    }
    records
}

/// Whether a paragraph is a record: it has a count, or the result that records without counts have.
fn is_counted(fields: &BTreeMap<String, String>) -> bool {
    ["COUNT", "Count", "MD", "Result", "S", "CT", "Tag", "OKM"].iter().any(|name| fields.contains_key(*name))
}
