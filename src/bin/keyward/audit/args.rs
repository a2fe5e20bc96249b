//! What may be written behind `keyward audit`.

use crate::args::date;
use clap::{Args, Subcommand, ValueEnum};
use keyward_pkcs11::admin::audit::public_key;
use keyward_pkcs11::audit::Kind;
use keyward_pkcs11::audit::read::{Ending, Filter};
use keyward_pkcs11::crypto::attest::PublicKey;
use std::path::PathBuf;

#[derive(Subcommand)]
pub(crate) enum Audit {
    /// Shows records as a table
    Show {
        #[command(flatten)]
        trail: Which,
        #[command(flatten)]
        filter: Asked,
        /// Only the last ones
        #[arg(long, value_name = "N")]
        last: Option<usize>,
    },
    /// Shows records as they come, until it is stopped
    Follow {
        /// The token, by its label or its serial number; may be left out where there is but one
        #[arg(long, value_name = "NAME")]
        token: Option<String>,
        #[command(flatten)]
        filter: Asked,
        /// How records are written
        #[arg(long, value_enum, default_value = "table")]
        format: Format,
    },
    /// Writes records for other programs, one a line
    Export {
        #[command(flatten)]
        trail: Which,
        #[command(flatten)]
        filter: Asked,
        /// How records are written
        #[arg(long, value_enum, default_value = "json")]
        format: Format,
    },
    /// Copies the trail into a new folder, which verifies anywhere
    Copy {
        #[command(flatten)]
        trail: Which,
        /// The folder
        #[arg(value_name = "DIR")]
        to: PathBuf,
    },
    /// Prints the public key with which a trail verifies; keep it elsewhere
    Key {
        #[command(flatten)]
        trail: Which,
    },
    /// Prints the last signed anchor; whoever is given it notices when the trail is cut before it
    Checkpoint {
        #[command(flatten)]
        trail: Which,
    },
    /// Checks a trail, or the proof of one record: what was changed, dropped, put in, moved or cut
    Verify {
        #[command(flatten)]
        trail: Which,
        /// The public key that the trail must begin with, as `keyward audit key` printed it
        #[arg(long, value_name = "HEX", value_parser = key)]
        key: Option<PinnedKey>,
        /// A file with an anchor that must still be in the chain, as `keyward audit checkpoint` printed it
        #[arg(long, value_name = "FILE")]
        checkpoint: Option<PathBuf>,
        /// Check the proof in this file, and nothing else; needs --key
        #[arg(long, value_name = "FILE", requires = "key", conflicts_with_all = ["from", "archive", "checkpoint"])]
        proof: Option<PathBuf>,
    },
    /// Proves one record to somebody who must not see the others
    Prove {
        #[command(flatten)]
        trail: Which,
        /// The record: SEGMENT:NUMBER as --json shows them; the first digits of the segment are enough
        #[arg(value_name = "RECORD", value_parser = record)]
        record: Record,
        /// Where the proof is written
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// Moves old segments into an archive, which still verifies: --before, --keep-bytes or both
    Archive {
        /// The token, by its label or its serial number; may be left out where there is but one
        #[arg(long, value_name = "NAME")]
        token: Option<String>,
        /// Segments that ended before: 2026-11-22 or 2026-11-22T10:00:00Z
        #[arg(long, value_name = "DATE", value_parser = date, required_unless_present = "keep_bytes")]
        before: Option<u64>,
        /// The oldest segments, until the others have so many bytes together
        #[arg(long, value_name = "BYTES")]
        keep_bytes: Option<u64>,
        /// The archive's folder
        #[arg(value_name = "DIR")]
        to: PathBuf,
    },
}

/// Which trail.
#[derive(Args)]
pub(crate) struct Which {
    /// The token, by its label or its serial number; may be left out where there is but one
    #[arg(long, value_name = "NAME", conflicts_with = "from")]
    pub(crate) token: Option<String>,
    /// A folder that `keyward audit copy` made, instead of a token
    #[arg(long, value_name = "DIR")]
    pub(crate) from: Option<PathBuf>,
    /// A folder that `keyward audit archive` moved segments to
    #[arg(long, value_name = "DIR")]
    pub(crate) archive: Vec<PathBuf>,
}

/// How records are written.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Table,
    /// JSON Lines
    Json,
    /// ArcSight Common Event Format
    Cef,
    /// RFC 5424
    Syslog,
}

/// Which records.
#[derive(Args)]
pub(crate) struct Asked {
    /// Of this key, by its label or its CKA_UNIQUE_ID
    #[arg(long, value_name = "LABEL|UUID")]
    key: Option<String>,
    /// By this user: user, so, public, user:alice, ...
    #[arg(long)]
    user: Option<String>,
    /// Of this operation: sign, wrap, login, compromise, ...
    #[arg(long, value_name = "WORD")]
    op: Option<String>,
    /// Of this kind: decision, change, login, pin, user, token, process, alarm, ...
    #[arg(long, value_name = "WORD", value_parser = kind)]
    kind: Option<Kind>,
    /// That ended so
    #[arg(long, value_enum)]
    result: Option<Result>,
    /// Not before: 2026-11-22 or 2026-11-22T10:00:00Z
    #[arg(long, value_name = "DATE", value_parser = date)]
    since: Option<u64>,
    /// Before: 2026-11-22 or 2026-11-22T10:00:00Z
    #[arg(long, value_name = "DATE", value_parser = date)]
    until: Option<u64>,
    /// Of this process
    #[arg(long, value_name = "PID")]
    process: Option<u32>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Result {
    /// It was done
    Ok,
    /// The policy, or PKCS#11 itself, said no
    Denied,
    /// It was tried and failed
    Failed,
}

impl Asked {
    pub(crate) fn filter(self) -> Filter {
        let ending = self.result.map(|result| match result {
            Result::Ok => Ending::Done,
            Result::Denied => Ending::Denied,
            Result::Failed => Ending::Failed,
        });
        Filter {
            key: self.key,
            user: self.user,
            operation: self.op,
            kind: self.kind,
            ending,
            since: self.since,
            until: self.until,
            process: self.process,
        }
    }
}

/// A public key. (A bare array would mean "many values" to clap.)
#[derive(Clone, Copy)]
pub(crate) struct PinnedKey(pub(crate) PublicKey);

/// One record: its segment, or the first digits of it, and its number.
#[derive(Clone)]
pub(crate) struct Record(pub(crate) String, pub(crate) u64);

fn key(text: &str) -> core::result::Result<PinnedKey, String> {
    public_key(text).map(PinnedKey).ok_or_else(|| "not 64 hexadecimal digits".to_owned())
}

fn kind(text: &str) -> core::result::Result<Kind, String> {
    Kind::parse(text).ok_or_else(|| {
        let all: Vec<_> = Kind::ALL.iter().map(|kind| kind.word()).collect();
        format!("not one of {}", all.join(", "))
    })
}

fn record(text: &str) -> core::result::Result<Record, String> {
    let form = || "not of the form 0123abcd:17".to_owned();
    let (segment, number) = text.split_once(':').ok_or_else(form)?;
    if segment.is_empty() || !segment.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(form());
    }
    Ok(Record(segment.to_ascii_lowercase(), number.parse().map_err(|_| form())?))
}
