//! Key management functions (PKCS#11 3.2, 5.18).

use super::Module;
use super::object::one;
use crate::ck::raw::RawAttribute;
use crate::ck::{CK_KEY_TYPE, CK_MECHANISM_TYPE, Error, Mechanism, ObjectHandle, Result, SessionHandle};
use crate::crypto::table;
use crate::guard::op::{Decapsulate, Derive, Encapsulate, Generate, GeneratePair};
use crate::object::template::Making;
use crate::object::{Attributes, Origin, State, Template, Value};
use crate::session::Output;
use crate::token::{Birth, Parent};
use cryptoki_sys::*;

/// The key type that a generation mechanism makes, where it makes but one.
fn made_by(ckm: CK_MECHANISM_TYPE) -> Option<CK_KEY_TYPE> {
    let (_, row) = table::find(ckm)?;
    match row.key_types {
        [only] => Some(*only),
        _ => None,
    }
}

pub(super) fn template(
    making: Making,
    raw: &[RawAttribute],
    class: Option<u64>,
    kind: Option<CK_KEY_TYPE>,
) -> Result<Template> {
    let mut template = Template::judge(making, Attributes::from_raw(raw)?, class, kind)?;
    template.complete();
    Ok(template)
}

/// C_GenerateKey.
pub fn generate_key(
    m: &Module,
    s: SessionHandle,
    mechanism: Mechanism,
    raw: Vec<RawAttribute>,
) -> Result<ObjectHandle> {
    let session = m.session(s)?;
    let ckm = mechanism.ckm;
    if table::find(ckm).is_none_or(|(_, row)| row.ops.generate.is_none()) {
        return Err(Error::MechanismInvalid);
    }
    let mut template = template(Making::Generate, &raw, Some(CKO_SECRET_KEY), made_by(ckm))?;
    begin(&mut template);
    let grant = session.authorize(Generate { mechanism, template })?;
    let new = session.backend().generate(grant)?;
    one(session.token().adopt(vec![new], generated(ckm, s))?)
}

/// C_GenerateKeyPair: the public key, then the private one.
pub fn generate_key_pair(
    m: &Module,
    s: SessionHandle,
    mechanism: Mechanism,
    public: Vec<RawAttribute>,
    private: Vec<RawAttribute>,
) -> Result<(ObjectHandle, ObjectHandle)> {
    let session = m.session(s)?;
    let ckm = mechanism.ckm;
    if table::find(ckm).is_none_or(|(_, row)| row.ops.generate_pair.is_none()) {
        return Err(Error::MechanismInvalid);
    }
    let mut public = template(Making::Generate, &public, Some(CKO_PUBLIC_KEY), made_by(ckm))?;
    let mut private = template(Making::Generate, &private, Some(CKO_PRIVATE_KEY), made_by(ckm))?;
    begin(&mut public);
    begin(&mut private);
    let grant = session.authorize(GeneratePair { mechanism, public, private })?;
    let (public, private) = session.backend().generate_pair(grant)?;
    match session.token().adopt(vec![public, private], generated(ckm, s))?.as_slice() {
        [public, private] => Ok((*public, *private)),
        _ => Err(Error::GeneralError),
    }
}

const fn generated(ckm: CK_MECHANISM_TYPE, session: SessionHandle) -> Birth {
    Birth { origin: Origin::Generated, mechanism: Some(ckm), session, parent: None }
}

/// A key that is to be made is judged as an active key: the token gives it its first state.
pub(super) fn begin(template: &mut Template) {
    use crate::ck::vendor::CKA_KEYWARD_STATE;
    template.attributes.set_default(CKA_KEYWARD_STATE, || Value::Ulong(State::Active as u64));
}

/// The template of a secret key that a mechanism makes of other keys: without a type of key it is a generic
/// secret.
fn secret_template(raw: &[RawAttribute]) -> Result<Template> {
    let judge = |kind| template(Making::Derive, raw, Some(CKO_SECRET_KEY), kind);
    let mut template = judge(Some(CKK_GENERIC_SECRET)).or_else(|error| match error {
        // The template names another type of key.
        Error::TemplateInconsistent => judge(None),
        other => Err(other),
    })?;
    begin(&mut template);
    Ok(template)
}

/// C_DeriveKey.
pub fn derive_key(
    m: &Module,
    s: SessionHandle,
    mechanism: Mechanism,
    base: ObjectHandle,
    raw: Vec<RawAttribute>,
) -> Result<ObjectHandle> {
    let session = m.session(s)?;
    let key = session.key(base)?;
    let template = secret_template(&raw)?;
    let parent = Parent::of(key.attributes());
    let grant = session.authorize(Derive { key, mechanism, template })?;
    let new = session.backend().derive(grant)?;
    let birth = Birth { origin: Origin::Derived, mechanism: None, session: s, parent: Some(parent) };
    one(session.token().adopt(vec![new], birth)?)
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
    let grant = session.authorize(Encapsulate { key, mechanism, template: secret_template(raw)? })?;
    let len = session.backend().encapsulated_len(&grant)?;
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
    let key = session.key(private)?;
    if ciphertext.len() > LONGEST_CIPHERTEXT {
        return Err(Error::WrappedKeyLenRange);
    }
    let template = secret_template(raw)?;
    let grant =
        session.authorize(Decapsulate { key, mechanism, ciphertext: ciphertext.to_vec(), template })?;
    let new = session.backend().decapsulate(grant)?;
    one(session.token().adopt(vec![new], shared(s))?)
}
