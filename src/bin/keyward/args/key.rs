//! What may be written behind `keyward key`.

use super::{Bytes, Login, Which, Why, date, hexadecimal, span};
use clap::{Args, Subcommand};

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
