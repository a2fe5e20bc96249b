//! Object management (PKCS#11 3.2, 5.7).

use super::Module;
use crate::ck::raw::{AttributeSlot, RawAttribute, Room, ulong_to_bytes};
use crate::ck::vendor::{CKA_KEYWARD_LIMITS, CKA_KEYWARD_STATE, CKA_KEYWARD_USES_LEFT};
use crate::ck::{
    CK_ATTRIBUTE_TYPE, CK_ULONG, CK_UNAVAILABLE_INFORMATION, Error, ObjectHandle, Result, SessionHandle,
};
use crate::guard::Held;
use crate::guard::op::{Change, Copy, Create, Destroy, Reveal, Transition};
use crate::object::template::{self, Making};
use crate::object::{Attributes, Origin, State, Template, Value, key};
use crate::policy::Unit;
use crate::session::Session;
use crate::session::operation::idle;
use crate::token::{Birth, Grounds};
use std::sync::Arc;

/// C_CreateObject.
pub fn create_object(m: &Module, s: SessionHandle, template: Vec<RawAttribute>) -> Result<ObjectHandle> {
    let session = m.session(s)?;
    let mut template = Template::judge(Making::Create, Attributes::from_raw(&template)?, None, None)?;
    template.complete();
    let facts = key::facts_of_import(&template.attributes)?;
    let birth = Birth { origin: Origin::Imported, mechanism: None, session: s, parent: None };
    session.perform(Create { template, facts }, |grant| {
        let new = session.backend().create(grant)?;
        one(session.token().adopt(vec![new], birth)?)
    })
}

/// C_CopyObject.
pub fn copy_object(
    m: &Module,
    s: SessionHandle,
    object: ObjectHandle,
    template: Vec<RawAttribute>,
) -> Result<ObjectHandle> {
    let session = m.session(s)?;
    let object = session.object(object)?;
    let attributes = template::copy(object.attributes(), &Attributes::from_raw(&template)?)?;
    let birth = Birth { origin: Origin::Copied, mechanism: None, session: s, parent: None };
    session.perform(Copy { object: Arc::clone(&object), attributes }, |grant| {
        let new = session.backend().copy(grant)?;
        session.token().share_budget(&object, &new.attributes)?;
        one(session.token().adopt(vec![new], birth)?)
    })
}

/// C_DestroyObject.
pub fn destroy_object(m: &Module, s: SessionHandle, object: ObjectHandle) -> Result<()> {
    let session = m.session(s)?;
    let held = session.object(object)?;
    session.perform(Destroy { object: held }, |grant| {
        session.token().destroy(object, grant, &Grounds::default())
    })
}

/// C_GetObjectSize, in bytes: what the attributes take.
pub fn object_size(m: &Module, s: SessionHandle, object: ObjectHandle) -> Result<u64> {
    let session = m.session(s)?;
    Ok(session.object(object)?.attributes().encode().len() as u64)
}

/// C_GetAttributeValue. Every slot's `len` is written, whatever the others say (5.7.5); of several
/// errors, the last is answered.
pub fn attribute_values(
    m: &Module,
    s: SessionHandle,
    object: ObjectHandle,
    slots: &mut [AttributeSlot<'_>],
) -> Result<()> {
    let session = m.session(s)?;
    let object = session.object(object)?;
    let mut answer = Ok(());
    for slot in slots {
        if let Err(error) = show(&session, &object, slot) {
            answer = Err(error);
        }
    }
    answer
}

fn show(session: &Session, object: &Arc<Held>, slot: &mut AttributeSlot<'_>) -> Result<()> {
    if let Some(Value::Template(template)) = object.attributes().value(slot.cka) {
        return put_array(slot, template);
    }
    let facts = object.facts();
    let value = if let Some(told) = budget(session, object, slot.cka) {
        told.map(zeroize::Zeroizing::new)
    } else if key::is_secret_attribute(facts.class, facts.key_type, slot.cka) {
        let asked = Reveal { object: Arc::clone(object), attribute: slot.cka };
        let revealed = session.perform(asked, |grant| {
            let mut charge = session.charge(&grant, false);
            let secret = session.backend().reveal(grant)?;
            // Nothing is seen where only the length is asked for, or where there is no room.
            if !fits(slot, secret.expose().len()) {
                charge.undo();
            }
            Ok(secret)
        });
        revealed.map(|secret| zeroize::Zeroizing::new(secret.expose().to_vec()))
    } else {
        let value = object.attributes().value(slot.cka).and_then(Value::to_caller);
        value.map(zeroize::Zeroizing::new).ok_or(Error::AttributeTypeInvalid)
    };
    let value = match value {
        Ok(value) => value,
        Err(error) => {
            *slot.len = CK_UNAVAILABLE_INFORMATION;
            // A refusal of the law, whatever its own code, is told as the function tells it.
            return Err(match error {
                Error::AttributeTypeInvalid => Error::AttributeTypeInvalid,
                Error::DeviceError => Error::DeviceError,
                _ => Error::AttributeSensitive,
            });
        }
    };
    put(slot, &value)
}

/// What the limits of the policy leave of a key, where that is asked for: it stands in no attribute.
fn budget(session: &Session, object: &Held, cka: CK_ATTRIBUTE_TYPE) -> Option<Result<Vec<u8>>> {
    if !key::is_key_class(object.facts().class) || !matches!(cka, CKA_KEYWARD_LIMITS | CKA_KEYWARD_USES_LEFT)
    {
        return None;
    }
    Some(session.token().limits(object).map(|limits| {
        if cka == CKA_KEYWARD_LIMITS {
            return limits.iter().map(|limit| format!("{limit}\n")).collect::<String>().into_bytes();
        }
        let uses = limits.iter().filter(|limit| limit.unit == Unit::Uses);
        let left = uses.map(|limit| limit.most.saturating_sub(limit.used)).min();
        ulong_to_bytes(left.unwrap_or(CK_UNAVAILABLE_INFORMATION)).to_vec()
    }))
}

/// Writes a value of bytes into a slot, or its length where that is asked for.
/// Whether a value of this length will be handed out.
fn fits(slot: &AttributeSlot<'_>, len: usize) -> bool {
    matches!(&slot.room, Room::Bytes(buffer) if buffer.len() >= len)
}

fn put(slot: &mut AttributeSlot<'_>, value: &[u8]) -> Result<()> {
    let room = match &mut slot.room {
        Room::Asked => {
            *slot.len = value.len() as CK_ULONG;
            return Ok(());
        }
        Room::Bytes(buffer) => buffer.get_mut(..value.len()),
        // Only attributes whose value is an array have such a room.
        Room::Array { .. } => return Err(Error::GeneralError),
    };
    match room {
        Some(room) => {
            room.copy_from_slice(value);
            *slot.len = value.len() as CK_ULONG;
            Ok(())
        }
        None => {
            *slot.len = CK_UNAVAILABLE_INFORMATION;
            Err(Error::BufferTooSmall)
        }
    }
}

/// Writes a value that is an array of attributes, or its length (5.7.5, the special case).
fn put_array(slot: &mut AttributeSlot<'_>, template: &Attributes) -> Result<()> {
    let len = template.len() * size_of::<crate::sys::abi::CK_ATTRIBUTE>();
    if let Room::Array { places, filled } = &mut slot.room {
        if *places < template.len() {
            *slot.len = CK_UNAVAILABLE_INFORMATION;
            return Err(Error::BufferTooSmall);
        }
        for (cka, value) in template.iter() {
            filled.push((cka, value.to_caller().ok_or(Error::GeneralError)?));
        }
    }
    *slot.len = len as CK_ULONG;
    Ok(())
}

/// C_SetAttributeValue. A new lifecycle state is a step in the key's life and stands alone.
pub fn set_attribute_values(
    m: &Module,
    s: SessionHandle,
    object: ObjectHandle,
    template: Vec<RawAttribute>,
) -> Result<()> {
    let session = m.session(s)?;
    let changes = Attributes::from_raw(&template)?;
    if let Some(number) = changes.number(CKA_KEYWARD_STATE) {
        if changes.len() > 1 {
            return Err(Error::TemplateInconsistent);
        }
        let to = State::from_number(number).ok_or(Error::AttributeValueInvalid)?;
        return session.perform(Transition { object: session.object(object)?, to }, |grant| {
            session.token().pass(object, grant, &Grounds::default())
        });
    }
    // Where somebody else changes the object between the judgement and the writing, it is judged anew.
    for _ in 0..ATTEMPTS {
        let held = session.object(object)?;
        let attributes = template::modify(held.attributes(), &changes)?;
        if session
            .perform(Change { object: held, attributes }, |grant| session.token().change(object, grant))?
        {
            return Ok(());
        }
        session.token().refresh()?;
    }
    Err(Error::FunctionFailed)
}

/// So often is a change tried that others get in the way of.
const ATTEMPTS: usize = 100;

/// C_FindObjectsInit.
pub fn find_init(m: &Module, s: SessionHandle, template: Vec<RawAttribute>) -> Result<()> {
    let session = m.session(s)?;
    idle(&session.operations().find)?;
    let mut found = match Attributes::from_raw(&template) {
        Ok(template) => session.token().find(&template)?,
        // No object has such an attribute, so none matches: clients ask for each other's vendor attributes.
        Err(Error::AttributeTypeInvalid) => Vec::new(),
        Err(error) => return Err(error),
    };
    found.reverse();
    let mut operations = session.operations();
    idle(&operations.find)?;
    operations.find = Some(found);
    Ok(())
}

/// C_FindObjects: at most `max` handles. `max` is the caller's number, not one to allocate by.
pub fn find(m: &Module, s: SessionHandle, max: usize) -> Result<Vec<ObjectHandle>> {
    let session = m.session(s)?;
    let mut operations = session.operations();
    let left = operations.find.as_mut().ok_or(Error::OperationNotInitialized)?;
    let rest = left.len().saturating_sub(max);
    let mut found = left.split_off(rest);
    found.reverse();
    Ok(found)
}

/// C_FindObjectsFinal.
pub fn find_final(m: &Module, s: SessionHandle) -> Result<()> {
    let session = m.session(s)?;
    let mut operations = session.operations();
    operations.find.take().map(drop).ok_or(Error::OperationNotInitialized)
}

pub(super) fn one(handles: Vec<ObjectHandle>) -> Result<ObjectHandle> {
    handles.into_iter().next().ok_or(Error::GeneralError)
}
