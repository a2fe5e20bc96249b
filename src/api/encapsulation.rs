//! Encapsulation and decapsulation of keys (PKCS#11 3.2, 5.18).

use super::Module;
use super::keys::open_template;
use super::object::one;
use crate::ck::raw::RawAttribute;
use crate::ck::{Error, Mechanism, ObjectHandle, Result, SessionHandle};
use crate::guard::op::{Decapsulate, Encapsulate};
use crate::object::template::Making;
use crate::object::{Attributes, Origin, Template, Value};
use crate::session::{Output, Session};
use crate::token::{Birth, Parent};
use cryptoki_sys::*;

/// The template of the shared key: a generic secret where it names no type, extractable where it says nothing
/// and the law lets such a key leave.
fn shared_template(session: &Session, raw: &[RawAttribute]) -> Result<Template> {
    let mut asked = Attributes::from_raw(raw)?;
    let kind = (!asked.has(CKA_KEY_TYPE)).then_some(CKK_GENERIC_SECRET);
    let silent = !asked.has(CKA_EXTRACTABLE);
    asked.set_default(CKA_EXTRACTABLE, || Value::Bool(true));
    open_template(session, Making::Derive, asked, silent, Some(CKO_SECRET_KEY), kind)
}

/// A secret that two parties share was never in one token only.
const fn shared(session: SessionHandle) -> Birth {
    let parent = Parent { always_sensitive: false, never_extractable: false };
    Birth { origin: Origin::Derived, mechanism: None, session, parent: Some(parent) }
}

/// C_EncapsulateKey: answers the new key, or none where only the length was asked. A length query and a short
/// buffer make no key.
pub fn encapsulate_key(
    m: &Module,
    s: SessionHandle,
    mechanism: Mechanism,
    public: ObjectHandle,
    raw: &[RawAttribute],
    out: Output<'_>,
) -> Result<Option<ObjectHandle>> {
    let session = m.session(s)?;
    let key = session.key(public)?;
    let template = shared_template(&session, raw)?;
    session.perform(Encapsulate { key, mechanism, template }, |grant| {
        let mut charge = session.charge(&grant, true);
        let len = session.backend().encapsulated_len(&grant)?;
        // A length query and a short buffer are no use of the key.
        if out.capacity().is_none_or(|room| room < len) {
            charge.undo();
        }
        let mut made = None;
        let _filled = out.fill(len, |room| {
            let (new, ciphertext) = session.backend().encapsulate(grant)?;
            if ciphertext.len() != room.len() {
                return Err(Error::GeneralError);
            }
            made = Some(one(session.token().adopt(vec![new], shared(s))?)?);
            room.copy_from_slice(&ciphertext);
            Ok(ciphertext.len())
        })?;
        Ok(made)
    })
}

/// Longest ciphertext of a key in bytes: that of every mechanism is shorter.
const LONGEST_CIPHERTEXT: usize = 64 * 1024;

/// C_DecapsulateKey. `CKR_WRAPPED_KEY_LEN_RANGE` where no mechanism gives a ciphertext as long.
pub fn decapsulate_key(
    m: &Module,
    s: SessionHandle,
    mechanism: Mechanism,
    private: ObjectHandle,
    raw: &[RawAttribute],
    ciphertext: &[u8],
) -> Result<ObjectHandle> {
    let session = m.session(s)?;
    // The specification lists no other code for this handle.
    let key = session.key(private).map_err(|_| Error::UnwrappingKeyHandleInvalid)?;
    if ciphertext.len() > LONGEST_CIPHERTEXT {
        return Err(Error::WrappedKeyLenRange);
    }
    let template = shared_template(&session, raw)?;
    let op = Decapsulate { key, mechanism, ciphertext: ciphertext.to_vec(), template };
    session.perform(op, |grant| {
        let new = session.backend().decapsulate(grant)?;
        one(session.token().adopt(vec![new], shared(s))?)
    })
}
