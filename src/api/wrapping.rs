//! Wrapping and unwrapping of keys (PKCS#11 3.2, 5.18), with and without associated data.

use super::Module;
use super::keys::unwrap_template;
use super::object::one;
use crate::ck::message::{MessageParameter, MessageShape, MessageStep};
use crate::ck::raw::RawAttribute;
use crate::ck::{Error, Mechanism, ObjectHandle, Result, SessionHandle};
use crate::crypto::table;
use crate::guard::op::{Unwrap, Wrap};
use crate::object::Origin;
use crate::session::{Filled, Output, Session};
use crate::token::{Birth, Parent};

/// A parameter with an IV that may be made here, and what is authenticated beside the key.
pub struct Parameter<'a> {
    place: &'a dyn MessageParameter,
    shape: MessageShape,
    /// The associated data of the call; `None` where they stand in the parameter.
    aad: Option<&'a [u8]>,
}

impl<'a> Parameter<'a> {
    /// Of C_WrapKeyAuthenticated: the tag stands in the parameter. `CKR_MECHANISM_INVALID` where the mechanism
    /// has no such parameter.
    pub fn apart(mechanism: &Mechanism, place: &'a dyn MessageParameter, aad: &'a [u8]) -> Result<Self> {
        let row = table::find(mechanism.ckm).map(|(_, row)| row);
        let shape = row.and_then(|row| row.ops.message_shape).ok_or(Error::MechanismInvalid)?;
        Ok(Self { place, shape, aad: Some(aad) })
    }

    /// Of C_WrapKey: the tag stands behind the wrapped key.
    pub const fn behind(place: &'a dyn MessageParameter, shape: MessageShape) -> Self {
        Self { place, shape, aad: None }
    }
}

/// Longest wrapped key in bytes: no key with its encoding is as long.
const LONGEST_WRAPPED: usize = 1 << 20;

fn wrapping_of(
    session: &Session,
    wrapping: ObjectHandle,
    mechanism: Mechanism,
    key: ObjectHandle,
) -> Result<Wrap> {
    let wrapping = session.key(wrapping).map_err(|_| Error::WrappingKeyHandleInvalid)?;
    Ok(Wrap { key: wrapping, mechanism, target: session.key(key)? })
}

/// C_WrapKey.
pub fn wrap_key(
    m: &Module,
    s: SessionHandle,
    mechanism: Mechanism,
    wrapping: ObjectHandle,
    key: ObjectHandle,
    out: Output<'_>,
) -> Result<()> {
    let session = m.session(s)?;
    session.perform(wrapping_of(&session, wrapping, mechanism, key)?, |grant| {
        let wrapped = session.backend().wrap(grant)?;
        out.put(&wrapped).map(drop)
    })
}

/// C_WrapKeyAuthenticated, and C_WrapKey where the module makes the IV. An IV is told only together with what
/// was wrapped under it: a length query and a short buffer give none.
pub fn wrap_authenticated(
    m: &Module,
    s: SessionHandle,
    mechanism: Mechanism,
    wrapping: ObjectHandle,
    key: ObjectHandle,
    parameter: Parameter<'_>,
    out: Output<'_>,
) -> Result<()> {
    let session = m.session(s)?;
    let mut params = parameter.place.read(parameter.shape, MessageStep::Whole, true)?;
    session.perform(wrapping_of(&session, wrapping, mechanism, key)?, |grant| {
        let inner = std::mem::take(&mut params.aad);
        let aad = parameter.aad.unwrap_or(&inner);
        let mut wrapped = session.backend().wrap_authenticated(grant, &mut params, aad)?;
        if parameter.aad.is_none() {
            wrapped.extend_from_slice(&params.tag);
        }
        parameter.place.apart(wrapped.len(), MessageStep::Whole)?;
        if out.put(&wrapped)? == Filled::Done {
            parameter.place.made(params, MessageStep::Whole);
        }
        Ok(())
    })
}

/// C_UnwrapKey.
pub fn unwrap_key(
    m: &Module,
    s: SessionHandle,
    mechanism: Mechanism,
    unwrapping: ObjectHandle,
    wrapped: &[u8],
    raw: Vec<RawAttribute>,
) -> Result<ObjectHandle> {
    let session = m.session(s)?;
    session.perform(unwrapping_of(&session, mechanism, unwrapping, wrapped, &raw)?, |grant| {
        let new = session.backend().unwrap(grant)?;
        one(session.token().adopt(vec![new], unwrapped(s))?)
    })
}

/// C_UnwrapKeyAuthenticated.
pub fn unwrap_authenticated(
    m: &Module,
    s: SessionHandle,
    mechanism: Mechanism,
    unwrapping: ObjectHandle,
    wrapped: &[u8],
    raw: Vec<RawAttribute>,
    parameter: Parameter<'_>,
) -> Result<ObjectHandle> {
    let session = m.session(s)?;
    let mut params = parameter.place.read(parameter.shape, MessageStep::Whole, false)?;
    session.perform(unwrapping_of(&session, mechanism, unwrapping, wrapped, &raw)?, |grant| {
        let aad = parameter.aad.unwrap_or_default();
        let new = session.backend().unwrap_authenticated(grant, &mut params, aad)?;
        one(session.token().adopt(vec![new], unwrapped(s))?)
    })
}

fn unwrapping_of(
    session: &Session,
    mechanism: Mechanism,
    unwrapping: ObjectHandle,
    wrapped: &[u8],
    raw: &[RawAttribute],
) -> Result<Unwrap> {
    let key = session.key(unwrapping).map_err(|_| Error::UnwrappingKeyHandleInvalid)?;
    if wrapped.len() > LONGEST_WRAPPED {
        return Err(Error::WrappedKeyLenRange);
    }
    let template = unwrap_template(session, &key, raw)?;
    Ok(Unwrap { key, mechanism, wrapped: wrapped.to_vec(), template })
}

/// A key that was ever outside cannot be said to have never been there.
const fn unwrapped(session: SessionHandle) -> Birth {
    let parent = Parent { always_sensitive: false, never_extractable: false };
    Birth { origin: Origin::Unwrapped, mechanism: None, session, parent: Some(parent) }
}
