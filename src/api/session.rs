//! Session management and parallel functions (PKCS#11 3.2, 5.6 and 5.20).

use super::Module;
use crate::ck::{CK_FLAGS, CK_ULONG, CK_USER_TYPE, Error, Result, SessionHandle, SlotId};
use crate::guard::Role;
use crate::secret::Pin;
use crate::session::Session;
use crate::token::{Slot, Token, User, UserName};
use cryptoki_sys::*;
use std::sync::Arc;

/// `CK_SESSION_INFO`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SessionInfo {
    /// The session's slot.
    pub slot: SlotId,
    /// `CKS_RO_PUBLIC_SESSION`, ...
    pub state: CK_STATE,
    /// `CKF_SERIAL_SESSION`, `CKF_RW_SESSION`.
    pub flags: CK_FLAGS,
    /// `ulDeviceError`
    pub device_error: CK_ULONG,
}

/// C_OpenSession.
///
/// # Errors
/// `CKR_SESSION_PARALLEL_NOT_SUPPORTED` without CKF_SERIAL_SESSION, `CKR_TOKEN_NOT_INITIALIZED` for
/// a token that waits for C_InitToken (5.1.3), `CKR_SESSION_READ_WRITE_SO_EXISTS` for a read-only session while
/// the SO is logged in.
pub fn open_session(m: &Module, slot: SlotId, flags: CK_FLAGS) -> Result<SessionHandle> {
    if flags & CKF_SERIAL_SESSION == 0 {
        return Err(Error::SessionParallelNotSupported);
    }
    if flags & CKF_ASYNC_SESSION != 0 {
        return Err(Error::SessionAsyncNotSupported);
    }
    let Slot::Token(token) = m.slots().slot(slot)? else {
        return Err(Error::TokenNotInitialized);
    };
    let read_write = flags & CKF_RW_SESSION != 0;
    if !read_write && token.role() == Role::SecurityOfficer {
        return Err(Error::SessionReadWriteSoExists);
    }
    token.refresh()?;
    if token
        .guard()
        .rules()
        .token()
        .max_sessions
        .is_some_and(|most| m.sessions_of(&token).len() as u64 >= most)
    {
        return Err(Error::SessionCount);
    }
    let make = |handle| Arc::new(Session::new(SessionHandle(handle), token, read_write));
    m.sessions.insert(make).map(SessionHandle).map_err(|_| Error::SessionCount)
}

/// C_CloseSession. Its objects go with it; with a token's last session goes the login.
pub fn close_session(m: &Module, s: SessionHandle) -> Result<()> {
    let session = m.sessions.with(s.0, Arc::clone).ok_or(Error::SessionHandleInvalid)?;
    if !m.sessions.remove(s.0) {
        return Err(Error::SessionHandleInvalid);
    }
    session.token().drop_session_objects(s);
    if m.sessions_of(session.token()).is_empty() {
        session.token().end_login();
    }
    Ok(())
}

/// C_CloseAllSessions.
pub fn close_all_sessions(m: &Module, slot: SlotId) -> Result<()> {
    let Slot::Token(token) = m.slots().slot(slot)? else {
        return Ok(());
    };
    for session in m.sessions_of(&token) {
        if m.sessions.remove(session.handle().0) {
            token.drop_session_objects(session.handle());
        }
    }
    token.end_login();
    Ok(())
}

/// C_GetSessionInfo. `CKR_SESSION_HANDLE_INVALID` where there is no such session: the edge asks this when
/// arguments are bad, because an invalid session is the error to be told first (5.1).
pub fn session_info(m: &Module, s: SessionHandle) -> Result<SessionInfo> {
    let session = m.sessions.with(s.0, Arc::clone).ok_or(Error::SessionHandleInvalid)?;
    let write = if session.is_read_write() { CKF_RW_SESSION } else { 0 };
    Ok(SessionInfo {
        slot: session.token().slot(),
        state: session.state(),
        flags: CKF_SERIAL_SESSION | write,
        device_error: session.device_error().into(),
    })
}

/// C_Login. No PIN means a protected authentication path, which this token does not have.
///
/// # Errors
/// `CKR_SESSION_READ_ONLY_EXISTS` for the SO while a read-only session is open,
/// `CKR_OPERATION_NOT_INITIALIZED` for CKU_CONTEXT_SPECIFIC where no operation waits for it, and those
/// of [`Token::login`].
pub fn login(m: &Module, s: SessionHandle, user: CK_USER_TYPE, pin: Option<Pin>) -> Result<()> {
    log_in(m, s, user, pin, None)
}

/// C_LoginUser. An empty name is C_Login.
///
/// # Errors
/// Those of [`login`]; `CKR_ARGUMENTS_BAD` for bytes that are no name, `CKR_PIN_INCORRECT` for a name that
/// nobody has. With CKU_CONTEXT_SPECIFIC the name must be that of who is logged in
/// (`CKR_USER_ANOTHER_ALREADY_LOGGED_IN`).
pub fn login_user(
    m: &Module,
    s: SessionHandle,
    user: CK_USER_TYPE,
    pin: Option<Pin>,
    username: &[u8],
) -> Result<()> {
    if username.is_empty() {
        return login(m, s, user, pin);
    }
    m.session(s)?;
    log_in(m, s, user, pin, Some(UserName::parse(username).ok_or(Error::ArgumentsBad)?))
}

fn log_in(
    m: &Module,
    s: SessionHandle,
    user: CK_USER_TYPE,
    pin: Option<Pin>,
    name: Option<UserName>,
) -> Result<()> {
    let session = m.session(s)?;
    let token = session.token();
    let role = match user {
        CKU_USER => Role::User,
        CKU_SO => Role::SecurityOfficer,
        CKU_CONTEXT_SPECIFIC => {
            if name.is_some() && name != token.user().name {
                return Err(Error::UserAnotherAlreadyLoggedIn);
            }
            return session.confirm(&pin.ok_or(Error::ArgumentsBad)?);
        }
        _ => return Err(Error::UserTypeInvalid),
    };
    let pin = pin.ok_or(Error::ArgumentsBad)?;
    if role == Role::SecurityOfficer && m.sessions_of(token).iter().any(|session| !session.is_read_write()) {
        return Err(Error::SessionReadOnlyExists);
    }
    token.login(User { role, name }, &pin)?;
    token.destroy_replaced(s);
    Ok(())
}

/// C_Logout.
pub fn logout(m: &Module, s: SessionHandle) -> Result<()> {
    m.session(s)?.token().logout()
}

/// C_SessionCancel (5.6.10): ends the operations that the flags name.
pub fn session_cancel(m: &Module, s: SessionHandle, flags: CK_FLAGS) -> Result<()> {
    m.session(s)?.operations().cancel(flags);
    Ok(())
}

/// C_GetSessionValidationFlags. No validation covers this module, so no operation ever met one.
///
/// # Errors
/// `CKR_ARGUMENTS_BAD` for a type of flags that the standard does not know.
pub fn validation_flags(
    m: &Module,
    s: SessionHandle,
    kind: CK_SESSION_VALIDATION_FLAGS_TYPE,
) -> Result<CK_FLAGS> {
    m.session(s)?;
    if kind == CKS_LAST_VALIDATION_OK { Ok(0) } else { Err(Error::ArgumentsBad) }
}

/// C_GetFunctionStatus: a legacy function. An invalid session is told first (5.1.7).
pub fn function_status(m: &Module, s: SessionHandle) -> Result<()> {
    session_info(m, s)?;
    Err(Error::FunctionNotParallel)
}

/// C_CancelFunction: a legacy function. An invalid session is told first (5.1.7).
pub fn cancel_function(m: &Module, s: SessionHandle) -> Result<()> {
    session_info(m, s)?;
    Err(Error::FunctionNotParallel)
}

impl Module {
    /// The open sessions with a token.
    pub(super) fn sessions_of(&self, token: &Arc<Token>) -> Vec<Arc<Session>> {
        self.sessions.collect(|_, session| Arc::ptr_eq(session.token(), token).then(|| Arc::clone(session)))
    }
}
