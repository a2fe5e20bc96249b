//! C_GetOperationState and C_SetOperationState (PKCS#11 3.2, 5.6).
//!
//! What is saved is sealed under a key of the token's store: it tells nobody what was digested, and nobody
//! else can make one. It holds until the token is initialised anew, in every process that uses the token.

use super::Module;
use crate::ck::{Error, Mechanism, ObjectHandle, Result, SessionHandle};
use crate::guard::op::Digest;
use crate::session::{Operations, Output, Running, SavedDigest};

/// Nothing that we give out is as long, in bytes.
const LONGEST: usize = 1024;

/// C_GetOperationState. The operation goes on.
///
/// # Errors
/// `CKR_OPERATION_NOT_INITIALIZED` where nothing runs that could be saved; `CKR_STATE_UNSAVEABLE` for
/// operations with a key, for a digest beside one, and for a digest that a key's value went into.
pub fn operation_state(m: &Module, s: SessionHandle, out: Output<'_>) -> Result<()> {
    let session = m.session(s)?;
    let saved = session.operations().saved()?;
    out.put(&session.token().seal_state(session.state().into(), &saved.encode())?).map(|_| ())
}

/// C_SetOperationState. All that runs in the session ends and the saved operation takes its place; where
/// the call fails, everything stays as it was.
///
/// # Errors
/// `CKR_SAVED_STATE_INVALID` for what is not from C_GetOperationState of this token in a session of the
/// same state; `CKR_KEY_NOT_NEEDED` with any key, because a digest has none.
pub fn set_operation_state(
    m: &Module,
    s: SessionHandle,
    state: &[u8],
    encryption: ObjectHandle,
    authentication: ObjectHandle,
) -> Result<()> {
    let session = m.session(s)?;
    if state.len() > LONGEST {
        return Err(Error::SavedStateInvalid);
    }
    let opened = session.token().open_state(session.state().into(), state)?;
    let saved = opened.and_then(|opened| SavedDigest::decode(opened.expose()));
    let saved = saved.ok_or(Error::SavedStateInvalid)?;
    if encryption.0 != 0 || authentication.0 != 0 {
        return Err(Error::KeyNotNeeded);
    }
    // What the policy has come to deny since is not restored either.
    let mechanism = Mechanism::plain(saved.ckm);
    let grant = session.authorize(Digest { mechanism }).map_err(|_| Error::SavedStateInvalid)?;
    let begun = session.start(grant, |grant| session.backend().resume_digest(grant, saved.state.expose()))?;
    let digest = Some(Running::resumed(begun, saved.parts));
    *session.operations() = Operations { digest, ..Operations::default() };
    Ok(())
}
