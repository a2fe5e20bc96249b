//! Named users: who may log in to a token beside its own SO and user.

use super::token::acceptable;
use super::{Result, Trouble, Visit, failed};
use crate::guard::Role;
use crate::secret::Pin;
use crate::token::{NAME_MAX, NamedUser, Token, UserName};

/// The named users of a token, by name.
///
/// # Errors
/// Those of the store.
pub fn users(token: &Token) -> Result<Vec<NamedUser>> {
    token.named_users().map_err(failed("reading the token"))
}

/// The name of a user.
///
/// # Errors
/// [`Trouble::Named`] where the text is no name.
pub fn user_name(text: &str) -> Result<UserName> {
    UserName::parse(text.as_bytes()).ok_or_else(|| {
        Trouble::Named(format!("a user's name has 1 to {NAME_MAX} bytes and no control characters"))
    })
}

impl Visit<'_> {
    /// Whether a PIN has the length that the token's policy wants.
    ///
    /// # Errors
    /// [`Trouble::Named`] where it has not.
    pub fn acceptable_pin(&self, pin: &Pin) -> Result<()> {
        acceptable(&self.session()?.token().guard().rules().pin(), pin, "user's PIN")
    }

    /// Lets a named user in from now on. The SO is logged in.
    ///
    /// # Errors
    /// [`Trouble::Named`] where the name is taken.
    pub fn add_user(&self, role: Role, name: &UserName, pin: &Pin) -> Result<()> {
        let session = self.session()?;
        match session.token().add_user(role, name, pin).map_err(failed("adding the user"))? {
            true => Ok(()),
            false => Err(Trouble::Named(format!("a user is called {:?} already", name.as_str()))),
        }
    }

    /// Lets a named user in no more. The SO is logged in.
    ///
    /// # Errors
    /// [`Trouble::Named`] where nobody has the name.
    pub fn remove_user(&self, name: &UserName) -> Result<()> {
        there(name, self.session()?.token().remove_user(name).map_err(failed("removing the user"))?)
    }

    /// Gives a named user another PIN, and all attempts back. The SO is logged in.
    ///
    /// # Errors
    /// [`Trouble::Named`] where nobody has the name.
    pub fn set_named_pin(&self, name: &UserName, pin: &Pin) -> Result<()> {
        there(name, self.session()?.token().reset_user(name, pin).map_err(failed("setting the PIN"))?)
    }
}

fn there(name: &UserName, found: bool) -> Result<()> {
    let nobody = || format!("no user is called {:?}; `keyward user list` shows them", name.as_str());
    if found { Ok(()) } else { Err(Trouble::Named(nobody())) }
}
