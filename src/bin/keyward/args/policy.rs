//! What may be written behind `keyward policy`.

use super::{Bytes, Login, Officer, date, hexadecimal};
use clap::{Args, Subcommand};
use std::path::PathBuf;

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
