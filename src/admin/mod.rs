//! Floor 12, beside the C edge: what an operator does with tokens, keys and policies, as the `keyward` command
//! offers it. Sessions, logins, the guard and its log are those of the C API; there is no second path.
//!
//! May live here: looking things up by the names that people use, and putting calls of `api` together. May
//! not: arguments, prompts, tables. They are the command's.
#![forbid(unsafe_code)]

mod approval;
pub mod audit;
mod backup;
mod doctor;
mod key;
mod learn;
mod life;
mod policy;
mod question;
mod reason;
mod replay;
pub mod report;
mod rotation;
mod token;
mod user;
mod visit;

pub use backup::{back_up, restore};
pub use doctor::{Examination, FileFact, Finding, TokenFact, examine};
pub use key::{Key, Selector};
pub use learn::{Learned, Seen, Subject, Unused};
pub use life::{Half, Passed};
pub use policy::{Difference, Drift, Refused, differences, drift, installed};
pub use reason::Revocation;
pub use replay::{Group, Replay};
pub use rotation::{Due, Generations, Occasion};
pub use token::{Summary, flag_words, initialize, summaries, token};
pub use user::{user_name, users};
pub use visit::Visit;

use crate::ck::Error;
use crate::ck::date::{CkDate, UtcSeconds};
use crate::policy::Denial;
use crate::store::StoreError;

/// Why something could not be done, in one line for people.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// The law said no.
    #[error("refused: {}", in_words(.0))]
    Denied(Box<Denial>),
    /// A function answered with a return code.
    #[error("{what}: {} ({error})", plain(*error))]
    Failed {
        /// What was being done.
        what: String,
        /// What came back.
        error: Error,
    },
    /// The store cannot be used.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// What was named is not there, or is not one thing.
    #[error("{0}")]
    Named(String),
}

/// Result of this floor.
pub type Result<T> = core::result::Result<T, Trouble>;

impl From<Denial> for Trouble {
    fn from(denial: Denial) -> Self {
        Self::Denied(Box::new(denial))
    }
}

/// For `map_err`: what was being done when a function answered.
fn failed(what: impl Into<String>) -> impl FnOnce(Error) -> Trouble {
    let what = what.into();
    move |error| Trouble::Failed { what, error }
}

/// A refusal as a sentence, with what a program would see at its end.
fn in_words(denial: &Denial) -> String {
    let mut text = denial.detail.clone();
    if let Some((first, rest)) = denial.rules.split_first() {
        text.push_str(&format!("; by {first}"));
        rest.iter().for_each(|rule| text.push_str(&format!(", {rule}")));
    }
    if let Some(why) = &denial.why {
        text.push_str(&format!(": \"{why}\""));
    }
    format!("{text} ({}, {})", denial.reason.word(), denial.error)
}

/// What a return code means to an operator.
const fn plain(error: Error) -> &'static str {
    match error {
        Error::PinIncorrect => "the PIN is wrong",
        Error::PinLocked => "too many wrong PINs: it is locked for now",
        Error::PinLenRange => "the PIN is too short or too long for the policy",
        Error::UserPinNotInitialized => "no PIN was ever set for this user",
        Error::TokenNotRecognized => "there is no such token any more",
        Error::TokenWriteProtected => "the store is read-only",
        Error::DeviceError => {
            "the store is damaged or was tampered with; its log and `keyward doctor` say more"
        }
        Error::DeviceMemory => "the disk is full",
        Error::FunctionFailed => "another process was faster, or the store is busy; try again",
        Error::UserNotLoggedIn => "this needs the user's PIN",
        Error::ObjectHandleInvalid | Error::KeyHandleInvalid => "the key is not there any more",
        _ => "it was refused",
    }
}

/// A moment as people write it: `2026-11-22` (its first second, UTC) or `2026-11-22T10:00:00Z`.
pub fn moment(text: &str) -> Option<UtcSeconds> {
    let digits: String = text.chars().filter(|c| *c != '-').collect();
    if text.len() == 10 && digits.len() == 8 {
        return CkDate::parse(digits.as_bytes()).map(CkDate::start);
    }
    let stamp: jiff::Timestamp = text.parse().ok()?;
    u64::try_from(stamp.as_second()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Reason;

    #[test]
    fn moment_reads_days_and_timestamps_and_nothing_else() {
        assert_eq!(moment("2024-02-29"), Some(1_709_164_800));
        assert_eq!(moment("2024-02-29T00:00:01Z"), Some(1_709_164_801));
        for wrong in ["", "yesterday", "2023-02-29", "20240229", "2024-2-29", "1969-12-31T00:00:00Z"] {
            assert_eq!(moment(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn trouble_is_one_plain_line_with_the_code() {
        let denied = Trouble::from(Denial::new(Reason::StateTransition, "a key that is x cannot become y"));
        let text = denied.to_string();
        assert_eq!(
            text,
            "refused: a key that is x cannot become y (state-transition, CKR_ACTION_PROHIBITED)"
        );
        let text = failed("logging in")(Error::PinIncorrect).to_string();
        assert_eq!(text, "logging in: the PIN is wrong (CKR_PIN_INCORRECT)");
    }
}
