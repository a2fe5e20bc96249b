//! Tokens by name, and how one is made.

use super::{Result, Trouble, Visit, failed};
use crate::api::{Module, slot};
use crate::ck::text::{padded, unpadded};
use crate::ck::{CK_FLAGS, Error};
use crate::guard::Role;
use crate::policy::PinRules;
use crate::secret::Pin;
use crate::token::{PIN_MAX, Slot, Token};
use cryptoki_sys::*;
use std::sync::Arc;

/// What a list of tokens shows of one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Summary {
    /// `CKA_LABEL` of the token, without its padding. What cannot be read is said so.
    pub label: String,
    /// 16 hexadecimal digits.
    pub serial: String,
    /// `CK_SLOT_ID`
    pub slot: u64,
    /// `CKF_...`
    pub flags: CK_FLAGS,
    /// False where the header is not what was written.
    pub sound: bool,
}

/// Every token of the store, in the order of their making.
///
/// # Errors
/// Those of the store.
pub fn summaries(module: &Module) -> Result<Vec<Summary>> {
    let tokens = module.slots().tokens().map_err(failed("reading the store"))?;
    Ok(tokens.iter().map(|token| summary(token)).collect())
}

fn summary(token: &Token) -> Summary {
    let (label, flags, sound) = match token.information() {
        Ok(information) => (unpadded(&information.label), information.flags, true),
        Err(_) => (String::new(), 0, false),
    };
    Summary { label, serial: token.serial().to_owned(), slot: token.slot().0, flags, sound }
}

/// The flags of `CK_TOKEN_INFO` that an operator should know of, in words.
pub fn flag_words(flags: CK_FLAGS) -> Vec<&'static str> {
    let words = [
        (CKF_USER_PIN_COUNT_LOW, "wrong user PIN given"),
        (CKF_USER_PIN_FINAL_TRY, "one try left for the user PIN"),
        (CKF_USER_PIN_LOCKED, "user PIN locked"),
        (CKF_SO_PIN_COUNT_LOW, "wrong SO PIN given"),
        (CKF_SO_PIN_FINAL_TRY, "one try left for the SO PIN"),
        (CKF_SO_PIN_LOCKED, "SO PIN locked"),
    ];
    let set = if flags & CKF_USER_PIN_INITIALIZED == 0 { "no user PIN yet" } else { "ready" };
    std::iter::once(set)
        .chain(words.into_iter().filter(|(flag, _)| flags & flag != 0).map(|(_, word)| word))
        .collect()
}

/// The token of a label or a serial number.
///
/// # Errors
/// [`Trouble::Named`] where there is none, or more than one.
pub fn token(module: &Module, name: &str) -> Result<Arc<Token>> {
    let tokens = module.slots().tokens().map_err(failed("reading the store"))?;
    let of_name: Vec<_> = tokens
        .iter()
        .filter(|token| {
            token.serial() == name
                || token.information().is_ok_and(|information| unpadded(&information.label) == name)
        })
        .collect();
    match of_name.as_slice() {
        [one] => Ok(Arc::clone(one)),
        [] => Err(Trouble::Named(format!("no token is called {name:?}; `keyward token list` shows them"))),
        many => {
            let serials: Vec<_> = many.iter().map(|token| token.serial()).collect();
            Err(Trouble::Named(format!(
                "{} tokens are called {name:?}; name one by its serial number: {}",
                many.len(),
                serials.join(", ")
            )))
        }
    }
}

/// Makes a token of this label in the free slot and sets both PINs. With `again`, the one token that has
/// the label loses all its objects instead and keeps its SO PIN, which must be given.
///
/// # Errors
/// [`Trouble::Named`] for a label that is taken, or is too long; PINs that the policy refuses, before
/// anything is made.
pub fn initialize(module: &Module, label: &str, officer: &Pin, user: Pin, again: bool) -> Result<Summary> {
    if label.is_empty() || label.len() > 32 || label.chars().any(char::is_control) {
        return Err(Trouble::Named("a token's label has 1 to 32 bytes and no control characters".into()));
    }
    let rules = module.slots().rules().pin();
    acceptable(&rules, officer, "SO PIN")?;
    acceptable(&rules, &user, "user PIN")?;
    let taken = summaries(module)?.iter().any(|each| each.label == label);
    let id = match (taken, again) {
        (true, false) => {
            let refusal = format!(
                "a token is called {label:?} already; --again erases it and makes it anew, with its SO PIN"
            );
            return Err(Trouble::Named(refusal));
        }
        (true, true) => token(module, label)?.slot(),
        (false, _) => free_slot(module)?,
    };
    let copy = Pin::from_slice(officer.expose());
    slot::init_token(module, id, Some(copy), &padded(label)).map_err(failed("making the token"))?;
    let Slot::Token(made) = module.slots().slot(id).map_err(failed("making the token"))? else {
        return Err(failed("making the token")(Error::GeneralError));
    };
    let visit = Visit::open(module, &made)?;
    visit.login(Role::SecurityOfficer, Pin::from_slice(officer.expose()))?;
    visit.set_user_pin(user)?;
    Ok(summary(&made))
}

fn free_slot(module: &Module) -> Result<crate::ck::SlotId> {
    let slots = module.slots().all().map_err(failed("reading the store"))?;
    slots
        .into_iter()
        .find_map(|(id, slot)| matches!(slot, Slot::Free { .. }).then_some(id))
        .ok_or_else(|| Trouble::Named("the store has no free slot".into()))
}

pub(super) fn acceptable(rules: &PinRules, pin: &Pin, what: &str) -> Result<()> {
    let (least, most) = (rules.min_length, PIN_MAX.min(rules.max_length));
    if (least..=most).contains(&pin.expose().len()) {
        return Ok(());
    }
    Err(Trouble::Named(format!("the {what} must have {least} to {most} bytes")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flag_words_say_what_matters() {
        assert_eq!(flag_words(CKF_RNG), ["no user PIN yet"]);
        let flags = CKF_USER_PIN_INITIALIZED | CKF_USER_PIN_COUNT_LOW | CKF_SO_PIN_LOCKED;
        assert_eq!(flag_words(flags), ["ready", "wrong user PIN given", "SO PIN locked"]);
    }
}
