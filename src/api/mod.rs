//! Floor 11: the C API in Rust's words, one function for each `C_` function. No pointers, no lengths:
//! what comes in is a slice, what goes out an [`Output`](crate::session::Output) or a value.
//!
//! Everything is a function of `&Module`; a process may have many. The one that C sees is `ffi`'s.
#![forbid(unsafe_code)]

pub mod asynchronous;
pub mod decrypt;
pub mod derive;
pub mod digest;
pub mod dual;
pub mod encapsulation;
pub mod encrypt;
pub mod general;
pub mod keys;
pub mod message;
pub mod object;
pub mod random;
pub mod recover;
pub mod session;
pub mod sign;
pub mod slot;
pub mod state;
pub mod verify;
pub mod verify_signature;
pub mod wrapping;

use crate::ck::{Error, Result, SessionHandle, SlotId};
use crate::guard::{Journal, Sink};
use crate::policy::Ruleset;
use crate::session::Session;
use crate::store::StoreError;
use crate::token::handles::Table;
use crate::token::{Configuration, Slots};
use arc_swap::ArcSwapOption;
use std::sync::Arc;

/// Everything between C_Initialize and C_Finalize.
pub struct Module {
    slots: Slots,
    sessions: Table<Arc<Session>>,
    /// The slots that C_GetSlotList last counted.
    listed: ArcSwapOption<Vec<SlotId>>,
}

impl Module {
    /// C_Initialize. `configuration` is the text of `pReserved`, such as `store='/srv/keys'`.
    ///
    /// # Errors
    /// `CKR_GENERAL_ERROR` where the configuration cannot be read, or what the store answers. The first
    /// line of the log says what is missing and where it was looked for.
    pub fn open(configuration: Option<&str>) -> Result<Self> {
        #[expect(clippy::disallowed_methods, reason = "the one place where the environment is read")]
        let environment = |name: &str| std::env::var_os(name);
        match Configuration::read(&environment, configuration) {
            Ok(configuration) => Self::with(&configuration),
            Err(error) => {
                let sink = if environment("KEYWARD_LOG").is_some_and(|value| value == "stderr") {
                    Sink::Stderr
                } else {
                    Sink::Silent
                };
                Journal::new(sink).line("start", format_args!("{error}"));
                Err(Error::GeneralError)
            }
        }
    }

    /// A module with this configuration. What stands against it goes to the log.
    pub fn with(configuration: &Configuration) -> Result<Self> {
        Self::start(configuration).map_err(|error| {
            Journal::new(configuration.log.clone()).line("start", format_args!("{error}"));
            Error::from(error)
        })
    }

    /// The same, for who can hear the whole reason.
    ///
    /// # Errors
    /// What the store answers; [`StoreError::Unusable`] for rules that cannot be read.
    pub fn start(configuration: &Configuration) -> core::result::Result<Self, StoreError> {
        let journal = Arc::new(Journal::new(configuration.log.clone()));
        let rules = Ruleset::default_preset().map_err(|problems| {
            let reason = problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
            StoreError::Unusable { path: configuration.store.display().to_string(), reason }
        })?;
        Self::ruled(configuration, journal, rules)
    }

    /// A module under rules of the caller's, for a program that holds the module as a library.
    ///
    /// # Errors
    /// What the store answers.
    pub fn ruled(
        configuration: &Configuration,
        journal: Arc<Journal>,
        rules: Ruleset,
    ) -> core::result::Result<Self, StoreError> {
        let slots = Slots::open(configuration, journal, Arc::new(rules))?;
        Ok(Self { slots, sessions: Table::default(), listed: ArcSwapOption::const_empty() })
    }

    /// A module under other rules than the default ones, over a store of its own. The folder must outlive it.
    #[cfg(test)]
    pub(crate) fn under(policy: &str, folder: &std::path::Path) -> Self {
        let configuration = Configuration { store: folder.to_owned(), log: Sink::Silent };
        let rules = Ruleset::load("test.toml", policy, &|_| Err("no files here".to_owned())).unwrap();
        Self::ruled(&configuration, Arc::new(Journal::new(Sink::Silent)), rules).unwrap()
    }

    /// The slots.
    pub const fn slots(&self) -> &Slots {
        &self.slots
    }

    /// A session, with its token's view brought up to what every process has written.
    pub(crate) fn session(&self, handle: SessionHandle) -> Result<Arc<Session>> {
        let session = self.sessions.with(handle.0, Arc::clone).ok_or(Error::SessionHandleInvalid)?;
        session.token().refresh()?;
        session.token().end_idle_login();
        Ok(session)
    }
}
