//! Key management functions (PKCS#11 3.2, 5.18).

use super::Module;
use super::object::one;
use crate::ck::raw::RawAttribute;
use crate::ck::{CK_KEY_TYPE, CK_MECHANISM_TYPE, Error, Mechanism, ObjectHandle, Result, SessionHandle};
use crate::crypto::mechanism::Sizes;
use crate::crypto::table;
use crate::guard::Held;
use crate::guard::op::{Generate, GeneratePair};
use crate::object::template::{self, Making};
use crate::object::{Attributes, KeyFacts, Origin, State, Template, Value};
use crate::session::Session;
use crate::token::Birth;
use cryptoki_sys::*;

/// The key type that a generation mechanism makes, where it makes but one.
fn made_by(ckm: CK_MECHANISM_TYPE) -> Option<CK_KEY_TYPE> {
    let (_, row) = table::find(ckm)?;
    match row.key_types {
        [only] => Some(*only),
        _ => None,
    }
}

/// The length in bytes that a mechanism settles for the key that it makes of its parameter.
fn made_of(ckm: CK_MECHANISM_TYPE) -> Option<u32> {
    let (_, row) = table::find(ckm)?;
    match row.sizes {
        Sizes::Bytes(from, to) if from == to && row.ops.generate_from.is_some() => Some(from),
        _ => None,
    }
}

pub(super) fn template(
    making: Making,
    raw: &[RawAttribute],
    class: Option<u64>,
    kind: Option<CK_KEY_TYPE>,
) -> Result<Template> {
    completed(making, Attributes::from_raw(raw)?, class, kind)
}

fn completed(
    making: Making,
    asked: Attributes,
    class: Option<u64>,
    kind: Option<CK_KEY_TYPE>,
) -> Result<Template> {
    let mut template = Template::judge(making, asked, class, kind)?;
    template.complete();
    Ok(template)
}

/// The template of a key that comes out of an unwrapping key: what the caller asks, under that key's
/// `CKA_UNWRAP_TEMPLATE`.
///
/// Such a key is extractable where the template says nothing (5.18.4). Where the law lets no such key leave, silence
/// means no: else a client that never thought of it could unwrap no such key at all.
pub(super) fn unwrap_template(session: &Session, key: &Held, raw: &[RawAttribute]) -> Result<Template> {
    let asked = template::under(key.attributes(), CKA_UNWRAP_TEMPLATE, Attributes::from_raw(raw)?)?;
    let silent = !asked.has(CKA_EXTRACTABLE);
    open_template(session, Making::Unwrap, asked, silent, None, None)
}

/// A template whose key is extractable by default. `silent` says that the caller named no CKA_EXTRACTABLE: then the
/// law is asked, and where it would let no such key leave the key is made closed.
pub(super) fn open_template(
    session: &Session,
    making: Making,
    mut asked: Attributes,
    silent: bool,
    class: Option<u64>,
    kind: Option<CK_KEY_TYPE>,
) -> Result<Template> {
    let mut template = completed(making, asked.clone(), class, kind)?;
    begin(&mut template);
    let open = template.attributes.flag(CKA_EXTRACTABLE);
    let guard = session.token().guard();
    let refused = || {
        let (user, facts) = (session.token().known_user(), KeyFacts::of(&template.attributes));
        guard.rules().judge_new_by(user.as_deref(), &facts, guard.now()).is_err()
    };
    if silent && open && refused() {
        asked.set(CKA_EXTRACTABLE, Value::Bool(false));
        template = completed(making, asked, class, kind)?;
        begin(&mut template);
    }
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
    if table::find(ckm).is_none_or(|(_, row)| !row.ops.generates()) {
        return Err(Error::MechanismInvalid);
    }
    let mut asked = Attributes::from_raw(&raw)?;
    if let Some(len) = made_of(ckm) {
        // Only so long a key comes of it, and only to go on with (PKCS#11 3.2, 6.40).
        asked.set_default(CKA_VALUE_LEN, || Value::Ulong(len.into()));
        if !template::names_a_use(&asked) {
            asked.set(CKA_DERIVE, Value::Bool(true));
        }
    }
    let chooses = table::find(ckm).is_some_and(|(_, row)| row.ops.choose_group.is_some());
    let class = if chooses { CKO_DOMAIN_PARAMETERS } else { CKO_SECRET_KEY };
    let mut template = completed(Making::Generate, asked, Some(class), made_by(ckm))?;
    if !chooses {
        begin(&mut template);
    }
    session.perform(Generate { mechanism, template }, |grant| {
        let new = session.backend().generate(grant)?;
        one(session.token().adopt(vec![new], generated(ckm, s))?)
    })
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
    session.perform(GeneratePair { mechanism, public, private }, |grant| {
        let (public, private) = session.backend().generate_pair(grant)?;
        match session.token().adopt(vec![public, private], generated(ckm, s))?.as_slice() {
            [public, private] => Ok((*public, *private)),
            _ => Err(Error::GeneralError),
        }
    })
}

const fn generated(ckm: CK_MECHANISM_TYPE, session: SessionHandle) -> Birth {
    Birth { origin: Origin::Generated, mechanism: Some(ckm), session, parent: None }
}

/// A key that is to be made is judged as an active key: the token gives it its first state.
pub(super) fn begin(template: &mut Template) {
    use crate::ck::vendor::CKA_KEYWARD_STATE;
    template.attributes.set_default(CKA_KEYWARD_STATE, || Value::Ulong(State::Active as u64));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{session, slot};
    use crate::ck::CK_ATTRIBUTE_TYPE;
    use crate::ck::raw::{RawValue, ulong_to_bytes};
    use crate::guard::Sink;
    use crate::secret::Pin;
    use crate::token::Configuration;
    use zeroize::Zeroizing;

    fn raw(cka: CK_ATTRIBUTE_TYPE, bytes: &[u8]) -> RawAttribute {
        RawAttribute { cka, value: RawValue::Bytes(Zeroizing::new(bytes.to_vec())) }
    }

    #[test]
    fn unwrap_template_that_says_nothing_is_open_unless_the_law_forbids() {
        let folder = tempfile::tempdir().unwrap();
        let configuration = Configuration { store: folder.path().to_owned(), log: Sink::Silent };
        let module = Module::with(&configuration).unwrap();
        let at = slot::slots(&module, true, true).unwrap()[0];
        slot::init_token(&module, at, Some(Pin::from_slice(b"123456")), &[b'x'; 32]).unwrap();
        let s = session::open_session(&module, at, CKF_SERIAL_SESSION | CKF_RW_SESSION).unwrap();
        let wrapping =
            [raw(CKA_VALUE_LEN, &ulong_to_bytes(32)), raw(CKA_UNWRAP, &[1]), raw(CKA_PRIVATE, &[0])];
        let key = generate_key(&module, s, Mechanism::plain(CKM_AES_KEY_GEN), wrapping.into()).unwrap();
        let session = module.session(s).unwrap();
        let key = session.key(key).unwrap();
        let open = |class, kind, more: Vec<RawAttribute>| {
            let mut asked =
                vec![raw(CKA_CLASS, &ulong_to_bytes(class)), raw(CKA_KEY_TYPE, &ulong_to_bytes(kind))];
            asked.extend(more);
            unwrap_template(&session, &key, &asked).unwrap().attributes.flag(CKA_EXTRACTABLE)
        };
        assert!(open(CKO_SECRET_KEY, CKK_AES, vec![]));
        assert!(open(CKO_PRIVATE_KEY, CKK_EC, vec![raw(CKA_DERIVE, &[1])]));
        // The shipped rules let no private key leave that signs.
        assert!(!open(CKO_PRIVATE_KEY, CKK_EC, vec![raw(CKA_SIGN, &[1])]));
        // What is asked in words is not made into something else; the guard refuses it.
        assert!(open(CKO_PRIVATE_KEY, CKK_EC, vec![raw(CKA_SIGN, &[1]), raw(CKA_EXTRACTABLE, &[1])]));
    }
}
