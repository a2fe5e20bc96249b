//! The copy of a whole store, and a store from it.

use super::{Result, Trouble, examine};
use crate::api::Module;
use crate::token::{Configuration, put_back, take_away};
use std::path::Path;

/// Writes a copy of the store into a new folder. Answers how many tokens it holds.
///
/// # Errors
/// Those of [`crate::token::Slots::back_up`].
pub fn back_up(module: &Module, to: &Path, with_key: bool) -> Result<usize> {
    // The record tells where the copy went from anywhere.
    let to = std::path::absolute(to).unwrap_or_else(|_| to.to_owned());
    Ok(module.slots().back_up(&to, with_key)?)
}

/// Makes the store of a configuration from a copy; its folder must be empty or not there. What was put there is checked
/// record by record, and taken away again where it is not what was written. Answers how many tokens it holds.
///
/// # Errors
/// Those of the file system, and a sentence where the copy is damaged.
pub fn restore(configuration: &Configuration, from: &Path, key: Option<&Path>) -> Result<usize> {
    let from = std::path::absolute(from).unwrap_or_else(|_| from.to_owned());
    let put = put_back(&from, key, &configuration.store)?;
    let checked = check(configuration).and_then(|()| {
        let module = Module::start(configuration).map_err(|error| Trouble::Named(error.to_string()))?;
        Ok(module.slots().tell_restored(&from)?)
    });
    if checked.is_err() {
        take_away(&put);
    }
    checked
}

fn check(configuration: &Configuration) -> Result<()> {
    let seen = examine(configuration, None)?;
    let damaged: usize = seen.tokens.iter().map(|token| token.damaged).sum();
    if seen.is_sound() && damaged == 0 {
        return Ok(());
    }
    let problems = seen.findings.iter().filter_map(|finding| match finding {
        super::Finding::Problem(text) => Some(text.as_str()),
        super::Finding::Warning(_) => None,
    });
    let what: Vec<_> = problems.collect();
    Err(Trouble::Named(format!("the copy is damaged, or the key is not its own: {}", what.join("; "))))
}
