//! What may be written behind `keyward`.

use crate::approval::{Approve, Request};
use crate::audit::Audit;
use clap::{Args, Parser, Subcommand};
use keyward_pkcs11::admin::{Revocation, Selector, moment};
use keyward_pkcs11::ck::text::from_hex;
use keyward_pkcs11::policy::duration;
use std::path::PathBuf;

/// Looks after the tokens, the keys and the policies of keyward, a PKCS#11 module.
///
/// Exit codes: 0 done, 1 refused or failed, 2 not understood.
#[derive(Parser)]
#[command(name = "keyward", version, propagate_version = true, max_term_width = 100)]
pub(crate) struct Arguments {
    /// Folder of the token store, instead of the configured one
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) store: Option<PathBuf>,
    /// Write lists and facts as JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Lists tokens, and makes them
    #[command(subcommand)]
    Token(Token),
    /// Lists the named users of a token, adds and removes them, and sets their PINs
    #[command(subcommand)]
    User(User),
    /// Lists keys, shows them, and takes them through their life
    #[command(subcommand)]
    Key(Key),
    /// Checks policies and tries them, installs them in tokens, and explains decisions
    #[command(subcommand)]
    Policy(Policy),
    /// Agrees to an operation that the policy wants others to agree to
    Approve(Approve),
    /// Lists what waits for the approval of others, and refuses it
    #[command(subcommand)]
    Request(Request),
    /// Writes a page about a token's keys: what is there, due, weak, and against a policy
    Report(Report),
    /// Shows what was done with tokens and keys, checks that nobody changed it, and proves single records
    #[command(subcommand)]
    Audit(Box<Audit>),
    /// Counts what the audit trails tell, as a text file for Prometheus
    Metrics(Metrics),
    /// Writes a copy of the whole store, while others use it
    Backup(Backup),
    /// Makes the store anew from a copy that `backup` wrote
    Restore(Restore),
    /// Says what is wrong with the store and what can be saved
    Doctor(Doctor),
    /// Writes what a shell needs to complete the words of this command
    Completion {
        /// The shell
        shell: clap_complete::Shell,
    },
}

#[derive(Subcommand)]
pub(crate) enum Token {
    /// Lists the tokens of the store
    List {
        /// Count this token's objects, with its user's PIN
        #[arg(long, value_name = "NAME")]
        token: Option<String>,
        #[command(flatten)]
        pin: PinSource,
    },
    /// Makes a token and sets the PINs of its security officer (SO) and its user
    Init {
        /// Label of the new token
        label: String,
        /// Erase the token of this label and make it anew; its SO PIN must be given
        #[arg(long)]
        again: bool,
        /// Do not ask before erasing
        #[arg(long, short = 'y')]
        yes: bool,
        /// Read the SO PIN from the first line of a file
        #[arg(long, value_name = "FILE", conflicts_with = "so_pin_fd")]
        so_pin_file: Option<PathBuf>,
        /// Read the SO PIN from an open file descriptor, up to the end of a line
        #[arg(long, value_name = "N")]
        so_pin_fd: Option<u32>,
        /// Read the SO PIN from a credential that systemd gave the service (LoadCredential=)
        #[arg(long, value_name = "NAME", conflicts_with_all = ["so_pin_file", "so_pin_fd"])]
        so_pin_credential: Option<String>,
        #[command(flatten)]
        pin: PinSource,
    },
}

#[derive(Subcommand)]
pub(crate) enum User {
    /// Lists the named users
    List {
        /// The token, by its label or its serial number; may be left out where there is but one
        #[arg(long, value_name = "NAME")]
        token: Option<String>,
    },
    /// Lets a user of this name log in, with a PIN of his or her own
    Add {
        /// The name
        name: String,
        /// As a security officer (SO) and not as a user
        #[arg(long)]
        so: bool,
        #[command(flatten)]
        officer: Officer,
        #[command(flatten)]
        pin: PinSource,
    },
    /// Lets a named user log in no more, and ends the logins there are
    Remove {
        /// The name
        name: String,
        /// Do not ask before removing
        #[arg(long, short = 'y')]
        yes: bool,
        #[command(flatten)]
        officer: Officer,
    },
    /// Sets the PIN of a named user, and opens the lock that wrong PINs closed
    SetPin {
        /// The name
        name: String,
        #[command(flatten)]
        officer: Officer,
        #[command(flatten)]
        pin: PinSource,
    },
}

/// Which token, and the PIN of its security officer.
#[derive(Args)]
pub(crate) struct Officer {
    /// The token, by its label or its serial number; may be left out where there is but one
    #[arg(long, value_name = "NAME")]
    pub(crate) token: Option<String>,
    /// Read the SO PIN from the first line of a file
    #[arg(long, value_name = "FILE", conflicts_with = "so_pin_fd")]
    so_pin_file: Option<PathBuf>,
    /// Read the SO PIN from an open file descriptor, up to the end of a line
    #[arg(long, value_name = "N")]
    so_pin_fd: Option<u32>,
    /// Read the SO PIN from a credential that systemd gave the service (LoadCredential=)
    #[arg(long, value_name = "NAME", conflicts_with_all = ["so_pin_file", "so_pin_fd"])]
    so_pin_credential: Option<String>,
}

impl Officer {
    pub(crate) fn pin(&self) -> PinSource {
        PinSource {
            file: self.so_pin_file.clone(),
            fd: self.so_pin_fd,
            credential: self.so_pin_credential.clone(),
        }
    }
}

/// Where a user's PIN comes from. Without a word it is asked for on the terminal.
#[derive(Args, Clone)]
pub(crate) struct PinSource {
    /// Read the user's PIN from the first line of a file
    #[arg(long = "pin-file", value_name = "FILE", conflicts_with = "fd")]
    pub(crate) file: Option<PathBuf>,
    /// Read the user's PIN from an open file descriptor, up to the end of a line
    #[arg(long = "pin-fd", value_name = "N")]
    pub(crate) fd: Option<u32>,
    /// Read the user's PIN from a credential that systemd gave the service (LoadCredential=)
    #[arg(long = "pin-credential", value_name = "NAME", conflicts_with_all = ["file", "fd"])]
    pub(crate) credential: Option<String>,
}

/// Where the copy goes.
#[derive(Args)]
pub(crate) struct Backup {
    /// A folder that is not there yet
    #[arg(value_name = "DIR")]
    pub(crate) to: PathBuf,
    /// Leave the store's key out: keep it elsewhere, the copy cannot be opened without it
    #[arg(long)]
    pub(crate) without_key: bool,
}

/// Where the copy is.
#[derive(Args)]
pub(crate) struct Restore {
    /// The folder that `keyward backup` wrote
    #[arg(value_name = "DIR")]
    pub(crate) from: PathBuf,
    /// The store's key, where the copy is without it
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
}

/// What a report is made of, and where it goes.
#[derive(Args)]
pub(crate) struct Report {
    /// Hold the keys against this shipped policy too (`keyward policy show` lists them)
    #[arg(long, value_name = "NAME")]
    pub(crate) preset: Option<String>,
    /// Write the page to this file, which must not be there yet, instead of standard output
    #[arg(long, short = 'o', value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) login: Login,
}

/// Which token, and its PIN.
#[derive(Args)]
pub(crate) struct Login {
    /// The token, by its label or its serial number; may be left out where there is but one
    #[arg(long, value_name = "NAME")]
    pub(crate) token: Option<String>,
    /// Log in as this named user instead of the token's own
    #[arg(long, value_name = "NAME")]
    pub(crate) user: Option<String>,
    #[command(flatten)]
    pub(crate) pin: PinSource,
}

/// Which key: its label, its CKA_ID or its CKA_UNIQUE_ID. Both halves of a pair are one key.
#[derive(Args)]
#[group(id = "which", required = true, multiple = false)]
pub(crate) struct Which {
    /// The key's label
    #[arg(group = "which")]
    label: Option<String>,
    /// The key's CKA_ID, in hexadecimal
    #[arg(long, group = "which", value_name = "HEX", value_parser = hexadecimal)]
    id: Option<Bytes>,
    /// The CKA_UNIQUE_ID of the key, or of one half of the pair
    #[arg(long, group = "which", value_name = "UUID")]
    uid: Option<String>,
}

/// Bytes that were written in hexadecimal. (A bare vector would mean "many values" to clap.)
#[derive(Clone)]
pub(crate) struct Bytes(Vec<u8>);

impl Which {
    pub(crate) fn selector(self) -> Selector {
        match (self.label, self.id, self.uid) {
            (_, Some(Bytes(id)), _) => Selector::Id(id),
            (_, _, Some(uid)) => Selector::Uid(uid.to_ascii_lowercase()),
            (label, ..) => Selector::Label(label.unwrap_or_default()),
        }
    }
}

/// Why a key's state is changed; kept in its history.
#[derive(Args)]
pub(crate) struct Why {
    /// unspecified, key-compromise, ca-compromise, affiliation-changed, superseded,
    /// cessation-of-operation or privilege-withdrawn
    #[arg(long, value_name = "WORD")]
    pub(crate) reason: Option<Revocation>,
    /// The reason in your own words
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) message: String,
}

#[derive(Subcommand)]
pub(crate) enum Key {
    /// Lists the keys of a token
    List {
        /// List what destroyed keys left, too
        #[arg(long)]
        all: bool,
        /// Do not log in: list public objects only
        #[arg(long)]
        public: bool,
        #[command(flatten)]
        login: Login,
    },
    /// Shows everything about a key: dates, history, rules, attributes
    Show {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        login: Login,
    },
    /// Stops a key for a while, both halves of a pair; `activate` ends it
    Suspend(Step),
    /// Puts a key in force that waits for it, or that was suspended
    Activate(Step),
    /// Ends a key's time of protecting; it goes on processing what it protected
    Deactivate(Step),
    /// Declares a key compromised, both halves of a pair; there is no way back
    Compromise {
        /// When it happened, as far as is known: 2026-11-22 or 2026-11-22T10:00:00Z
        #[arg(long, value_name = "DATE", value_parser = date)]
        occurred: Option<u64>,
        #[command(flatten)]
        step: Step,
    },
    /// Erases a key, both halves of a pair; what stays is the record that it was
    Destroy {
        /// Only this half of the pair
        #[arg(long, value_name = "HALF", value_parser = ["private", "public"])]
        only: Option<String>,
        /// Do not ask before destroying
        #[arg(long, short = 'y')]
        yes: bool,
        #[command(flatten)]
        step: Step,
    },
    /// Makes a new generation of a key, both halves of a pair; the old one goes on processing for a while
    Rotate(Box<Rotate>),
    /// Lists the keys that are to be rotated, and whose time ends
    Due(Due),
}

/// Which key gives way, and to what.
#[derive(Args)]
pub(crate) struct Rotate {
    #[command(flatten)]
    pub(crate) which: Which,
    /// Another label for the new generation [default: that of the old one]
    #[arg(long = "label", value_name = "LABEL")]
    pub(crate) new_label: Option<String>,
    /// The CKA_ID of the new generation [default: the old one, `-` and the number of the generation]
    #[arg(long, value_name = "HEX", value_parser = hexadecimal)]
    new_id: Option<Bytes>,
    /// How long the old one goes on processing, such as 30d, where that is less than the policy lets it
    #[arg(long, value_name = "DURATION", value_parser = span)]
    pub(crate) overlap: Option<u64>,
    /// Why, in your own words; kept in the history of both
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) message: String,
    #[command(flatten)]
    pub(crate) login: Login,
}

impl Rotate {
    pub(crate) fn new_id(&self) -> Option<Vec<u8>> {
        self.new_id.as_ref().map(|Bytes(id)| id.clone())
    }
}

/// How far ahead, and which token.
#[derive(Args)]
pub(crate) struct Due {
    /// How far ahead to look, such as 30d
    #[arg(long, value_name = "DURATION", value_parser = span, default_value = "30d")]
    pub(crate) within: u64,
    #[command(flatten)]
    pub(crate) login: Login,
}

#[derive(Args)]
pub(crate) struct Step {
    #[command(flatten)]
    pub(crate) which: Which,
    #[command(flatten)]
    pub(crate) login: Login,
    #[command(flatten)]
    pub(crate) why: Why,
}

#[derive(Subcommand)]
pub(crate) enum Policy {
    /// Reads policy files, reports every mistake with its place, and runs the tests in them
    Check {
        /// The files; what they extend is read too
        #[arg(required = true, value_name = "FILE")]
        files: Vec<String>,
    },
    /// Runs the tests in policy files and tells of each how it ended
    Test {
        /// The files, or names of shipped policies
        #[arg(required = true, value_name = "FILE|NAME")]
        policies: Vec<String>,
    },
    /// Prints a policy that is part of keyward, or the one that is installed in a token; without a word, lists them
    Show {
        /// Its name
        name: Option<String>,
        /// The policy that this token is under
        #[arg(long, value_name = "NAME", conflicts_with = "name")]
        token: Option<String>,
    },
    /// Installs a policy in a token: from then on it is in force, and the file no longer matters
    ///
    /// The security officer (SO) logs in. A policy with mistakes, or one that fails its own tests, is not installed.
    Install {
        /// A file, or the name of a shipped policy
        #[arg(value_name = "FILE|NAME")]
        policy: String,
        #[command(flatten)]
        officer: Officer,
    },
    /// Says which policy a token is under, and whether the file that it came from has changed since
    Status {
        /// The token, by its label or its serial number; may be left out where there is but one
        #[arg(long, value_name = "NAME")]
        token: Option<String>,
    },
    /// Shows in what a policy differs from the one that a token is under, rule by rule
    Diff {
        /// A file, or the name of a shipped policy [default: the file that was installed]
        #[arg(value_name = "FILE|NAME")]
        policy: Option<String>,
        /// The token, by its label or its serial number; may be left out where there is but one
        #[arg(long, value_name = "NAME")]
        token: Option<String>,
    },
    /// Lists every policy that was installed in a token: when, by whom, and after which
    History {
        /// The token, by its label or its serial number; may be left out where there is but one
        #[arg(long, value_name = "NAME")]
        token: Option<String>,
    },
    /// Lists the uses of a token's keys that are allowed now, or are on record, and that another policy would refuse
    ///
    /// With the user's PIN; nothing is used or changed.
    Try {
        /// A file, or the name of a shipped policy
        #[arg(value_name = "FILE|NAME")]
        policy: String,
        /// Recorded uses from this moment on: 2026-11-22 or 2026-11-22T10:00:00Z
        #[arg(long, value_name = "DATE", value_parser = date)]
        since: Option<u64>,
        /// A folder that `keyward audit archive` moved segments to
        #[arg(long, value_name = "DIR")]
        archive: Vec<PathBuf>,
        #[command(flatten)]
        login: Login,
    },
    /// Proposes rules for what a token's keys were used for, as the audit trail tells
    ///
    /// With the user's PIN; nothing is used, changed or installed.
    Learn {
        /// Recorded uses from this moment on: 2026-11-22 or 2026-11-22T10:00:00Z
        #[arg(long, value_name = "DATE", value_parser = date)]
        since: Option<u64>,
        /// A folder that `keyward audit archive` moved segments to
        #[arg(long, value_name = "DIR")]
        archive: Vec<PathBuf>,
        /// A new file to write to, instead of standard output
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        #[command(flatten)]
        login: Login,
    },
    /// Says of a use whether it would be allowed, check by check
    ///
    /// Either of a key on a token (--token, --key or --id): PKCS#11's own rules and the policy, as the module
    /// would judge; nothing is used, changed or logged. Or of a key that nobody has (--policy, --class, --type):
    /// the policy alone.
    Explain(Box<Explain>),
}

#[derive(Args)]
pub(crate) struct Explain {
    /// What would be done: sign, verify, encrypt, decrypt, wrap, unwrap, derive, copy, reveal, destroy, ...
    #[arg(long, value_name = "WORD")]
    pub(crate) op: String,
    /// With which mechanism
    #[arg(long, value_name = "CKM_...")]
    pub(crate) mechanism: Option<String>,
    /// A key on the token, by its label
    #[arg(long, value_name = "LABEL", conflicts_with_all = ["class", "policy"])]
    pub(crate) key: Option<String>,
    /// A key on the token, by its CKA_ID; or the CKA_ID of the key that nobody has
    #[arg(long, value_name = "HEX", conflicts_with = "key", value_parser = hexadecimal)]
    id: Option<Bytes>,
    #[command(flatten)]
    pub(crate) login: Login,
    /// The policy: a file, or the name of a shipped one [default: default]
    #[arg(long, value_name = "FILE|NAME")]
    pub(crate) policy: Option<String>,
    /// private, public or secret
    #[arg(long, requires = "key_type", conflicts_with = "token")]
    pub(crate) class: Option<String>,
    /// rsa, ec, ec-edwards, aes, generic-secret, ...
    #[arg(long = "type", requires = "class")]
    pub(crate) key_type: Option<String>,
    /// Size in bits
    #[arg(long, requires = "class")]
    pub(crate) bits: Option<u32>,
    /// P-256, P-384, P-521, Ed25519, ...
    #[arg(long, requires = "class")]
    pub(crate) curve: Option<String>,
    /// ML-DSA-65, ML-KEM-768, SLH-DSA-SHA2-128s, ...
    #[arg(long, requires = "class")]
    pub(crate) parameter_set: Option<String>,
    /// Label
    #[arg(long, requires = "class")]
    pub(crate) label: Option<String>,
    /// generated, imported, unwrapped, derived or copied
    #[arg(long, requires = "class")]
    pub(crate) origin: Option<String>,
    /// The purpose that the key is bound to
    #[arg(long, requires = "class")]
    pub(crate) purpose: Option<String>,
    /// The purposes that its usage attributes allow, with commas
    #[arg(long, requires = "class", value_delimiter = ',')]
    pub(crate) usage: Vec<String>,
    /// active, suspended, deactivated, compromised, ...
    #[arg(long, requires = "class")]
    pub(crate) state: Option<String>,
    /// CKA_EXTRACTABLE is true
    #[arg(long, requires = "class")]
    pub(crate) extractable: bool,
    /// When the key became active [default: the moment of the question]
    #[arg(long, requires = "class", value_name = "DATE", value_parser = date)]
    pub(crate) activated: Option<u64>,
    /// The moment of the question: 2026-11-22 or 2026-11-22T10:00:00Z [default: now]
    #[arg(long, requires = "class", value_name = "DATE", value_parser = date)]
    pub(crate) at: Option<u64>,
}

impl Explain {
    pub(crate) fn id(&self) -> Option<&[u8]> {
        self.id.as_ref().map(|Bytes(id)| id.as_slice())
    }
}

#[derive(Args)]
pub(crate) struct Metrics {
    /// Replace this file, whole or not at all, instead of writing to standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) to: Option<PathBuf>,
    /// A folder that `keyward audit archive` moved segments to, so that counters do not go back
    #[arg(long, value_name = "DIR")]
    pub(crate) archive: Vec<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Doctor {
    /// Look at this token with its user's PIN, too
    #[arg(long, value_name = "NAME")]
    pub(crate) token: Option<String>,
    #[command(flatten)]
    pub(crate) pin: PinSource,
}

fn hexadecimal(text: &str) -> Result<Bytes, String> {
    from_hex(text).filter(|bytes| !bytes.is_empty()).map(Bytes).ok_or_else(|| "not hexadecimal".to_owned())
}

/// A duration as policies write it, in seconds.
fn span(text: &str) -> Result<u64, String> {
    duration(text).ok_or_else(|| "not a number and one of s, m, h, d, w, y, such as 30d".to_owned())
}

pub(crate) fn date(text: &str) -> Result<u64, String> {
    moment(text).ok_or_else(|| "not of the form 2026-11-22 or 2026-11-22T10:00:00Z".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn arguments_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_key_has_one_name() {
        let parse = |words: &[&str]| {
            Arguments::try_parse_from(["keyward", "key", "suspend"].iter().chain(words)).is_ok()
        };
        assert!(parse(&["web"]) && parse(&["--id", "01:ff"]) && parse(&["--uid", "x"]));
        assert!(!parse(&[]) && !parse(&["web", "--id", "01"]) && !parse(&["--id", "0"]));
        assert!(!parse(&["web", "--reason", "boredom"]));
    }
}
