//! The policy of a token: kept in the store among its records, vouched for by its key as they are, and put in
//! force when the token is opened, at each login, and when another process installed a newer one.
//!
//! A policy that is not what was installed, or that this version cannot read, allows nothing: the token is
//! closed until its SO installs another.

use super::objects::Entry;
use super::{Token, inner};
use crate::audit::Kind;
use crate::ck::date::UtcSeconds;
use crate::ck::{CK_OBJECT_CLASS, Error, Result};
use crate::crypto::seal;
use crate::guard::Role;
use crate::guard::codec::{Reader, Writer};
use crate::guard::vault::{Vault, is_vouched};
use crate::policy::{Diagnostic, Ruleset};
use crate::store::{Record, Uid};
use std::sync::Arc;

/// The identity of the record. No object has it: theirs are random.
pub(super) const POLICY: Uid = Uid(*b"keyward's policy");
/// The class of the record. No search finds it and no handle leads to it.
const CLASS: CK_OBJECT_CLASS = inner::class(1);
/// The encoding's version.
const FORMAT: u64 = 1;
/// Most bytes of all files of an installed policy.
const LARGEST: usize = 4 << 20;
/// Most installations that are remembered; older ones are forgotten.
const LONGEST_HISTORY: usize = 1000;

/// What a token keeps of its policy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Installed {
    /// Name and text of the file that was installed, then of those that it extends.
    pub files: Vec<(String, String)>,
    /// Every installation, oldest first; the last one is in force.
    pub history: Vec<Installation>,
}

/// One installation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Installation {
    /// When.
    pub at: UtcSeconds,
    /// Who: `so`, or `so` and the name of a named SO.
    pub by: String,
    /// The name that the policy gives itself.
    pub name: String,
    /// The policy's digest ([`Ruleset::digest`]).
    pub digest: [u8; 32],
    /// The digest of the policy that was in force before.
    pub previous: [u8; 32],
}

/// What this process last made of the token's policy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Seen {
    /// Nobody has looked yet.
    Nothing,
    /// The token had none of its own.
    None,
    /// The record of this version with attributes of this digest.
    Record(u64, [u8; 32]),
}

impl Installed {
    /// The rules. The number of the installation is their epoch.
    ///
    /// # Errors
    /// Every mistake that this version finds in the files.
    pub fn rules(&self) -> core::result::Result<Ruleset, Vec<Diagnostic>> {
        Ruleset::from_files(&self.files).map(|rules| rules.with_epoch(self.history.len() as u64))
    }

    /// What was installed last.
    pub fn current(&self) -> Option<&Installation> {
        self.history.last()
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.number(FORMAT);
        out.number(self.files.len() as u64);
        for (name, text) in &self.files {
            out.bytes(name.as_bytes());
            out.bytes(text.as_bytes());
        }
        out.number(self.history.len() as u64);
        for each in &self.history {
            out.number(each.at);
            out.bytes(each.by.as_bytes());
            out.bytes(each.name.as_bytes());
            out.bytes(&each.digest);
            out.bytes(&each.previous);
        }
        out.finish()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
        let mut from = Reader::new(bytes);
        if from.number()? != FORMAT {
            return None;
        }
        let mut files = Vec::new();
        for _ in 0..from.number()? {
            files.push((text(from.bytes()?)?, text(from.bytes()?)?));
        }
        let mut history = Vec::new();
        for _ in 0..from.number()? {
            history.push(Installation {
                at: from.number()?,
                by: text(from.bytes()?)?,
                name: text(from.bytes()?)?,
                digest: from.bytes()?.try_into().ok()?,
                previous: from.bytes()?.try_into().ok()?,
            });
        }
        Some(Self { files, history })
    }

    /// The policy of a record. The error is a sentence for the log.
    fn open(vault: &Vault, record: &Record) -> core::result::Result<Self, String> {
        // Without the token's key nobody installs a policy.
        let attributes = match vault.open_attributes(record) {
            Ok(attributes) if is_vouched(record.version) => attributes,
            _ => return Err("the policy of the token is not what was installed".to_owned()),
        };
        Self::decode(inner::value(&attributes))
            .ok_or_else(|| "the policy of the token cannot be read".to_owned())
    }
}

impl Token {
    /// The policy that was installed in this token; `None` where it is under the default one.
    ///
    /// # Errors
    /// Those of the store; `CKR_DEVICE_ERROR` where it is not what was installed.
    pub fn policy(&self) -> Result<Option<Installed>> {
        self.refresh()?;
        let vault = Arc::clone(&self.login.load().vault);
        let Some(record) = self.policy_record()? else { return Ok(None) };
        Installed::open(&vault, &record).map(Some).map_err(|reason| self.damaged_policy(&reason))
    }

    /// Installs a policy: in force here at once, and in other processes at their next call. What already runs
    /// ends under the rules that it was judged by.
    ///
    /// # Errors
    /// `CKR_USER_NOT_LOGGED_IN` but for the SO, `CKR_DEVICE_MEMORY` for more than 4 MiB, those of the store.
    pub fn install_policy(&self, rules: &Ruleset) -> Result<Installation> {
        if self.role() != Role::SecurityOfficer {
            return Err(Error::UserNotLoggedIn);
        }
        self.noted(Kind::Policy, "policy-install", &self.user(), || self.install_anew(rules))
    }

    fn install_anew(&self, rules: &Ruleset) -> Result<Installation> {
        let files: Vec<_> = rules.files().map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
        if files.iter().map(|(name, text)| name.len() + text.len()).sum::<usize>() > LARGEST {
            return Err(Error::DeviceMemory);
        }
        let (by, at, default) = (self.user().to_string(), self.guard.now(), self.default_rules.digest());
        self.write(|writer| {
            // What is damaged is replaced, and its history with it.
            let before = writer
                .attributes(POLICY)
                .ok()
                .flatten()
                .and_then(|(_, attributes)| Installed::decode(inner::value(&attributes)));
            let mut history = before.map_or_else(Vec::new, |before| before.history);
            let installation = Installation {
                at,
                by: by.clone(),
                name: rules.name().to_owned(),
                digest: rules.digest(),
                previous: history.last().map_or(default, |last| last.digest),
            };
            history.push(installation.clone());
            history.drain(..history.len().saturating_sub(LONGEST_HISTORY));
            let installed = Installed { files: files.clone(), history };
            writer.put_plain(POLICY, &inner::row(CLASS, false, installed.encode()))?;
            Ok(installation)
        })
    }

    fn policy_record(&self) -> Result<Option<Record>> {
        Ok(self.store.record(&self.serial, POLICY)?.filter(|record| !record.deleted))
    }

    fn damaged_policy(&self, reason: &str) -> Error {
        self.guard.journal().line("damage", format_args!("token {}: {reason}", self.serial));
        Error::DeviceError
    }

    /// Puts the policy of the store in force, if it is another than what is: checked with the keys of this vault.
    pub(super) fn take_policy(&self, vault: &Vault) -> Result<()> {
        let record = self.policy_record()?;
        let found = match &record {
            None => Seen::None,
            Some(record) => Seen::Record(record.version, seal::digest(&record.attributes)),
        };
        let mut seen = self.seen_policy.lock();
        if seen.was_torn() {
            *seen = Seen::Nothing;
        }
        let older = |before: Seen| match (before, found) {
            (Seen::Record(before, _), Seen::Record(now, _)) => now < before,
            (Seen::Record(..), Seen::None) => true,
            _ => false,
        };
        let taken = match &record {
            _ if older(*seen) => {
                Err("the policy of the token is gone, or an older one stands in its place".to_owned())
            }
            None => Ok(Arc::clone(&self.default_rules)),
            Some(record) => Installed::open(vault, record).and_then(|installed| {
                if *seen == found && self.guard.closed().is_none() {
                    return Ok(self.guard.rules());
                }
                installed.rules().map(Arc::new).map_err(|mistakes| {
                    let first = mistakes.first().map(|mistake| mistake.message.clone()).unwrap_or_default();
                    format!("this version cannot put the policy of the token in force: {first}")
                })
            }),
        };
        match taken {
            Ok(rules) => {
                let same = *seen == found && self.guard.closed().is_none();
                *seen = found;
                drop(seen);
                if !same {
                    self.guard.put_in_force(rules);
                    self.judge_anew();
                }
            }
            Err(reason) => {
                self.damaged_policy(&reason);
                self.guard.close(reason);
            }
        }
        Ok(())
    }

    /// What the process knew belongs to a token that is gone.
    pub(super) fn forget_policy(&self) {
        *self.seen_policy.lock() = Seen::Nothing;
    }

    /// Gives every loaded object the record that the rules in force make of it.
    fn judge_anew(&self) {
        let all = self.objects.table.collect(|handle, entry| {
            let key = entry.held.facts().key_type.is_some();
            key.then(|| (handle, entry.owner, Arc::clone(&entry.held)))
        });
        for (handle, owner, held) in all {
            let again = match owner {
                None => self.load(held.uid(), Some(&held)),
                Some(_) => held
                    .changed(held.attributes().clone(), &self.guard.rules())
                    .map(|new| Some(Arc::new(new))),
            };
            match again {
                Ok(Some(held)) => {
                    self.objects.table.replace(handle, Entry { held, owner });
                }
                // Gone, invisible or damaged: in no case may the old one be used on.
                Ok(None) | Err(_) => self.objects.drop_where(|entry| entry.held.uid() == held.uid()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoding_comes_back_and_nothing_else_is_read() {
        let installation = Installation {
            at: 1,
            by: "so alice".into(),
            name: "x".into(),
            digest: [1; 32],
            previous: [2; 32],
        };
        let installed = Installed {
            files: vec![("a.toml".into(), "policy = 1\n".into()), ("shipped:default".into(), String::new())],
            history: vec![installation],
        };
        let bytes = installed.encode();
        assert_eq!(Installed::decode(&bytes), Some(installed));
        for short in 0..bytes.len() {
            assert_eq!(Installed::decode(&bytes[..short]), None);
        }
        let mut other = bytes;
        other[0] = 2;
        assert_eq!(Installed::decode(&other), None);
    }
}
