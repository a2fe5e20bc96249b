//! What is wrong with a store, and what can be saved. Looks, and changes nothing.

use super::{Result, Trouble, Visit, token};
use crate::api::Module;
use crate::ck::names::class_name;
use crate::ck::text::unpadded;
use crate::guard::{Role, Sink};
use crate::secret::Pin;
use crate::store::sqlite::SqliteStore;
use crate::sys::pages::{Block, LockStatus, locked};
use crate::sys::process::effective_uid;
use crate::token::{Configuration, Token};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// One thing that was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Finding {
    /// Something is broken.
    Problem(String),
    /// Something could be better.
    Warning(String),
}

/// A file of the store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileFact {
    /// Its name in the store's folder; `.` is the folder.
    pub name: String,
    /// Permission bits.
    pub mode: u32,
    /// User id of its owner.
    pub owner: u32,
    /// Bytes.
    pub size: u64,
}

/// A token of the store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TokenFact {
    /// Its label, where it can be read.
    pub label: String,
    /// Its serial number.
    pub serial: String,
    /// Records whose seal holds.
    pub sound: usize,
    /// Records whose seal does not.
    pub damaged: usize,
}

/// Everything that the doctor saw.
#[derive(Clone, Debug)]
pub struct Examination {
    /// The folder of the store.
    pub store: String,
    /// Where the log goes.
    pub log: String,
    /// The files there.
    pub files: Vec<FileFact>,
    /// Format of the database.
    pub format: Option<u32>,
    /// The tokens.
    pub tokens: Vec<TokenFact>,
    /// How well secrets are kept from the swap device, in this process.
    pub memory: LockStatus,
    /// What is wrong.
    pub findings: Vec<Finding>,
}

impl Examination {
    /// Whether nothing is broken.
    pub fn is_sound(&self) -> bool {
        !self.findings.iter().any(|finding| matches!(finding, Finding::Problem(_)))
    }

    fn problem(&mut self, text: impl Into<String>) {
        self.findings.push(Finding::Problem(text.into()));
    }

    fn warning(&mut self, text: impl Into<String>) {
        self.findings.push(Finding::Warning(text.into()));
    }
}

/// Looks at the store of a configuration. With a token's name and its user's PIN, at what only that PIN
/// opens, too.
///
/// # Errors
/// A token that is not there, a wrong PIN. What is broken is no error but a finding.
pub fn examine(configuration: &Configuration, login: Option<(&str, Pin)>) -> Result<Examination> {
    let log = match &configuration.log {
        Sink::Silent => "off".to_owned(),
        Sink::Stderr => "standard error".to_owned(),
        Sink::File(path) => path.display().to_string(),
    };
    let mut seen = Examination {
        store: configuration.store.display().to_string(),
        log,
        files: Vec::new(),
        format: None,
        tokens: Vec::new(),
        memory: locked(),
        findings: Vec::new(),
    };
    // Opening a store makes it; what is not there is not examined into being.
    if !configuration.store.join("keyward.db").exists() {
        seen.warning(format!("there is no store in {} yet; its first use makes it", seen.store));
        return Ok(seen);
    }
    files(&mut seen, &configuration.store);
    database(&mut seen, &configuration.store);
    match Module::start(configuration) {
        Ok(module) => tokens(&mut seen, &module, login)?,
        Err(error) => {
            seen.problem(error.to_string());
            seen.problem("no token can be opened; copy the whole folder before anything else is tried");
        }
    }
    // One page, so that the system shows whether it locks any.
    let trial = Block::zeroed(4096);
    seen.memory = locked();
    drop(trial);
    if seen.memory.refused > 0 {
        seen.warning("the system does not lock all memory for secrets; raise the limit: ulimit -l");
    }
    Ok(seen)
}

/// Modes and owners. Files are looked at, never opened: a closed descriptor of the database would drop the
/// locks of every connection in this process.
fn files(seen: &mut Examination, folder: &Path) {
    let about = |name: String, path: &Path| {
        let about = std::fs::symlink_metadata(path).ok()?;
        Some(FileFact { name, mode: about.mode() & 0o7777, owner: about.uid(), size: about.len() })
    };
    seen.files.extend(about(".".into(), folder));
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        seen.files.extend(about(entry.file_name().to_string_lossy().into_owned(), &entry.path()));
    }
    seen.files.sort_by(|one, other| one.name.cmp(&other.name));
    let own = effective_uid();
    for file in seen.files.clone() {
        if file.owner != own {
            seen.warning(format!("{} belongs to user {}, this is user {own}", file.name, file.owner));
        }
        if file.mode & 0o077 != 0 {
            let text = format!("{} has mode {:04o}: others than its owner may use it", file.name, file.mode);
            if file.name == "store.key" { seen.problem(text) } else { seen.warning(text) }
        }
        if file.name.starts_with("keyward.draft.") {
            seen.warning(format!("{} was left by a killed process; it may be removed", file.name));
        }
    }
    if !seen.files.iter().any(|file| file.name == "store.key") {
        seen.problem("store.key is missing: without it no token can be opened; put it back from a backup");
    }
}

fn database(seen: &mut Examination, folder: &Path) {
    // Where it does not open, the module says so in a moment.
    let Ok(store) = SqliteStore::open(folder) else { return };
    match store.format() {
        Ok(format) => seen.format = Some(format),
        Err(error) => seen.problem(error.to_string()),
    }
    match store.integrity() {
        Ok(lines) => lines.iter().for_each(|line| seen.problem(format!("the database file: {line}"))),
        Err(error) => seen.problem(error.to_string()),
    }
    if store.is_read_only() {
        seen.warning("the store is read-only");
    }
}

fn tokens(seen: &mut Examination, module: &Module, login: Option<(&str, Pin)>) -> Result<()> {
    let visit = match login {
        Some((name, pin)) => {
            let visit = Visit::open(module, &*token(module, name)?)?;
            match visit.login(Role::User, pin) {
                Err(Trouble::Failed { error: crate::ck::Error::DeviceError, .. }) => {
                    seen.problem(format!(
                        "token {name:?}: records are missing, were put in, or are older than they should \
                         be; or its users or its label were changed. It does not open. Put back the newest \
                         backup of the folder"
                    ));
                }
                other => other?,
            }
            Some(visit)
        }
        None => None,
    };
    match module.slots().tokens() {
        Ok(tokens) => tokens.iter().for_each(|token| records(seen, token)),
        Err(error) => seen.problem(format!("the tokens cannot be listed ({error})")),
    }
    drop(visit);
    Ok(())
}

fn records(seen: &mut Examination, token: &Token) {
    let serial = token.serial().to_owned();
    let label = token.information().map(|information| unpadded(&information.label));
    if label.is_err() {
        seen.problem(format!("token {serial}: its label and users are not what was written"));
    }
    let label = label.unwrap_or_default();
    if let Some(reason) = token.guard().closed() {
        let of = name(token, &serial);
        seen.problem(format!("token {of}: {reason}. Nothing is allowed until its SO installs a policy"));
    }
    match token.examine() {
        Ok((sound, damaged)) => {
            for each in &damaged {
                let label = each.label.as_ref().map(|label| format!(" called {label:?}")).unwrap_or_default();
                let class = class_name(each.class);
                seen.problem(format!(
                    "token {label_of}: the {class}{label} {uid} is not what was written",
                    label_of = name(token, &serial),
                    uid = each.uid
                ));
            }
            if !damaged.is_empty() {
                let text = format!(
                    "token {}: the {sound} other records are sound and can be used",
                    name(token, &serial)
                );
                seen.warning(text);
            }
            seen.tokens.push(TokenFact { label, serial, sound, damaged: damaged.len() });
        }
        Err(error) => seen.problem(format!("token {serial}: its records cannot be read ({error})")),
    }
}

fn name(token: &Token, serial: &str) -> String {
    token
        .information()
        .map_or_else(|_| serial.to_owned(), |information| format!("{:?}", unpadded(&information.label)))
}
