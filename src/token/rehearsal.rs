//! A token under a policy of its own, a key, and what its trail tells: for tests of this floor.

use crate::api::{Module, keys, session, sign, slot};
use crate::audit::read::{Entry, entries};
use crate::ck::raw::{RawAttribute, RawValue, ulong_to_bytes};
use crate::ck::{Mechanism, ObjectHandle, Result, SessionHandle, SlotId};
use crate::secret::Pin;
use crate::session::Output;
use cryptoki_sys::*;
use std::path::Path;
use zeroize::Zeroizing;

pub(super) const PIN: &[u8] = b"123456";

pub(super) fn pin(bytes: &[u8]) -> Option<Pin> {
    Some(Pin::from_slice(bytes))
}

/// A token under a policy, in whose session the user is logged in.
pub(super) fn ready(policy: &str, folder: &Path) -> (Module, SlotId, SessionHandle) {
    let module = Module::under(policy, folder);
    let at = slot::slots(&module, true, true).unwrap()[0];
    slot::init_token(&module, at, pin(PIN), &[b'x'; 32]).unwrap();
    let s = session::open_session(&module, at, CKF_SERIAL_SESSION | CKF_RW_SESSION).unwrap();
    session::login(&module, s, CKU_SO, pin(PIN)).unwrap();
    slot::init_pin(&module, s, pin(PIN)).unwrap();
    session::logout(&module, s).unwrap();
    session::login(&module, s, CKU_USER, pin(PIN)).unwrap();
    (module, at, s)
}

pub(super) fn raw(cka: u64, bytes: &[u8]) -> RawAttribute {
    RawAttribute { cka, value: RawValue::Bytes(Zeroizing::new(bytes.to_vec())) }
}

/// A key for MACs, of the token or of the session.
pub(super) fn mac_key(module: &Module, s: SessionHandle, label: &str, token: bool) -> Result<ObjectHandle> {
    let template = vec![
        raw(CKA_LABEL, label.as_bytes()),
        raw(CKA_TOKEN, &[token.into()]),
        raw(CKA_SIGN, &[CK_TRUE]),
        raw(CKA_VALUE_LEN, &ulong_to_bytes(32)),
    ];
    keys::generate_key(module, s, Mechanism::plain(CKM_GENERIC_SECRET_KEY_GEN), template)
}

/// One use of it.
pub(super) fn mac(module: &Module, s: SessionHandle, key: ObjectHandle) -> Result<()> {
    sign::sign_init(module, s, Some(Mechanism::plain(CKM_SHA256_HMAC)), key)?;
    let (mut room, mut len) = ([0; 32], 32);
    sign::sign(module, s, b"four", Output::new(Some(&mut room), &mut len))
}

/// What the trail tells, which must verify.
pub(super) fn told(module: &Module) -> Vec<Entry> {
    let tokens = module.slots().tokens().unwrap();
    let trail = tokens[0].guard().trail().unwrap();
    trail.close().unwrap();
    let copy = trail.copy(&[]).unwrap();
    assert!(trail.verify(&copy, None, None).holds());
    copy.segments().flat_map(|(_, bytes)| entries(&bytes)).collect()
}
