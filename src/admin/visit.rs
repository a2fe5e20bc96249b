//! An operator's session with one token.

use super::{Result, failed};
use crate::api::{self, Module};
use crate::ck::SessionHandle;
use crate::guard::Role;
use crate::secret::Pin;
use crate::session::Session;
use crate::token::{Token, UserName};
use cryptoki_sys::{CKF_RW_SESSION, CKF_SERIAL_SESSION, CKU_SO, CKU_USER};
use std::sync::Arc;

/// An open session that can write. It is closed, and its login ends, when this is dropped.
pub struct Visit<'m> {
    module: &'m Module,
    handle: SessionHandle,
}

impl<'m> Visit<'m> {
    /// C_OpenSession.
    ///
    /// # Errors
    /// What C_OpenSession answers.
    pub fn open(module: &'m Module, token: &Token) -> Result<Self> {
        let flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
        let handle =
            api::session::open_session(module, token.slot(), flags).map_err(failed("opening a session"))?;
        Ok(Self { module, handle })
    }

    /// C_Login.
    ///
    /// # Errors
    /// What C_Login answers, in words.
    pub fn login(&self, role: Role, pin: Pin) -> Result<()> {
        let user = if role == Role::SecurityOfficer { CKU_SO } else { CKU_USER };
        api::session::login(self.module, self.handle, user, Some(pin)).map_err(failed("logging in"))
    }

    /// C_LoginUser, in the role that the SO gave the user. A name that nobody has is not told from a wrong PIN.
    ///
    /// # Errors
    /// What C_LoginUser answers, in words.
    pub fn login_named(&self, name: &UserName, pin: Pin) -> Result<()> {
        let token = Arc::clone(self.session()?.token());
        let users = token.named_users().map_err(failed("reading the token"))?;
        let role = users.iter().find(|user| user.name == *name).map_or(Role::User, |user| user.role);
        let user = if role == Role::SecurityOfficer { CKU_SO } else { CKU_USER };
        api::session::login_user(self.module, self.handle, user, Some(pin), name.as_str().as_bytes())
            .map_err(failed("logging in"))
    }

    /// C_InitPIN, by the SO.
    pub(super) fn set_user_pin(&self, pin: Pin) -> Result<()> {
        api::slot::init_pin(self.module, self.handle, Some(pin)).map_err(failed("setting the user's PIN"))
    }

    /// The session, its token's view brought up to date.
    pub(super) fn session(&self) -> Result<Arc<Session>> {
        self.module.session(self.handle).map_err(failed("reading the token"))
    }
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        // A session that is gone already is closed.
        let _ = api::session::close_session(self.module, self.handle);
    }
}
