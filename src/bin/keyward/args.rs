//! What may be written behind `keyward`.

mod key;
mod policy;

use crate::approval::{Approve, Request};
use crate::audit::Audit;
use clap::{Args, Parser, Subcommand};
pub(crate) use key::{Due, Key, Rotate, Step};
use keyward_pkcs11::admin::{Revocation, Selector, moment};
use keyward_pkcs11::ck::text::from_hex;
use keyward_pkcs11::policy::duration;
pub(crate) use policy::{Explain, Policy};
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
