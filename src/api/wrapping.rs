//! Wrapping and unwrapping of keys (PKCS#11 3.2, 5.18), with and without associated data.

use super::Module;
use super::keys::unwrap_template;
use super::object::one;
use crate::ck::message::{MessageParameter, MessageShape, MessageStep};
use crate::ck::raw::RawAttribute;
use crate::ck::{Error, Mechanism, ObjectHandle, Result, SessionHandle};
use crate::crypto::table;
use crate::guard::Charge;
use crate::guard::op::{Unwrap, Wrap};
use crate::object::Origin;
use crate::session::{Filled, Output, Session};
use crate::token::{Birth, Parent};
use std::sync::Arc;

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
    session.perform_sized(wrapping_of(&session, wrapping, mechanism, key)?, |grant, bytes| {
        let charge = session.charge(&grant, false);
        let target = Arc::clone(&grant.op().target);
        let wrapped = session.backend().wrap(grant)?;
        // Nothing has left where only the length was asked for.
        if handed_out(charge, &wrapped, out)? == Filled::Done {
            *bytes = wrapped.len();
            session.token().note_escrow(&target)?;
        }
        Ok(())
    })
}

/// Hands out a wrapped key, whose bytes count. A length query and a short buffer are no use of the wrapping key.
fn handed_out(mut charge: Charge, wrapped: &[u8], out: Output<'_>) -> Result<Filled> {
    if out.capacity().is_some_and(|room| room >= wrapped.len()) {
        charge.bytes(wrapped.len())?;
    } else {
        charge.undo();
    }
    out.put(wrapped)
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
    session.perform_sized(wrapping_of(&session, wrapping, mechanism, key)?, |grant, bytes| {
        let mut charge = session.charge(&grant, false);
        session.terms(grant.op()).judge(&params, MessageStep::Whole).inspect_err(|_| charge.undo())?;
        let target = Arc::clone(&grant.op().target);
        let inner = std::mem::take(&mut params.aad);
        let aad = parameter.aad.unwrap_or(&inner);
        let mut wrapped = session.backend().wrap_authenticated(grant, &mut params, aad)?;
        if parameter.aad.is_none() {
            wrapped.extend_from_slice(&params.tag);
        }
        parameter.place.apart(wrapped.len(), MessageStep::Whole)?;
        if handed_out(charge, &wrapped, out)? == Filled::Done {
            *bytes = wrapped.len();
            parameter.place.made(params, MessageStep::Whole);
            session.token().note_escrow(&target)?;
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
    session.perform_sized(unwrapping_of(&session, mechanism, unwrapping, wrapped, &raw)?, |grant, bytes| {
        *bytes = wrapped.len();
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
    session.perform_sized(unwrapping_of(&session, mechanism, unwrapping, wrapped, &raw)?, |grant, bytes| {
        session.terms(grant.op()).judge(&params, MessageStep::Whole)?;
        *bytes = wrapped.len();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{decrypt, derive, encrypt, keys, object, session, slot};
    use crate::ck::raw::{RawValue, ulong_to_bytes};
    use crate::ck::vendor::CKM_KEYWARD_PBES2;
    use crate::ck::{CK_ATTRIBUTE_TYPE, CK_MECHANISM_TYPE, Params};
    use crate::policy::Ruleset;
    use crate::secret::Pin;
    use cryptoki_sys::*;
    use zeroize::Zeroizing;

    fn raw(cka: CK_ATTRIBUTE_TYPE, bytes: &[u8]) -> RawAttribute {
        RawAttribute { cka, value: RawValue::Bytes(Zeroizing::new(bytes.to_vec())) }
    }

    fn number(cka: CK_ATTRIBUTE_TYPE, value: u64) -> RawAttribute {
        raw(cka, &ulong_to_bytes(value))
    }

    /// A session with a free token, under a shipped policy.
    fn under(policy: &str, test: impl FnOnce(&Module, SessionHandle)) {
        let folder = tempfile::tempdir().unwrap();
        let module = Module::under(Ruleset::shipped(policy).unwrap(), folder.path());
        let at = slot::slots(&module, true, true).unwrap()[0];
        slot::init_token(&module, at, Some(Pin::from_slice(b"123456")), &[b'x'; 32]).unwrap();
        let s = session::open_session(&module, at, CKF_SERIAL_SESSION | CKF_RW_SESSION).unwrap();
        test(&module, s);
    }

    fn whole(call: impl Fn(Output<'_>) -> Result<()>) -> Result<Vec<u8>> {
        let (mut room, mut len) = (vec![0; 512], 512);
        call(Output::new(Some(&mut room), &mut len))?;
        room.truncate(usize::try_from(len).unwrap());
        Ok(room)
    }

    /// The keys of SP 800-67 Rev. 1, appendix B.
    const DES3: [u8; 24] = [
        0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF, 0x01, 0x45,
        0x67, 0x89, 0xAB, 0xCD, 0xEF, 0x01, 0x23,
    ];
    const IV: [u8; 8] = [0xF0, 0xE1, 0xD2, 0xC3, 0xB4, 0xA5, 0x96, 0x87];
    /// 0x40 to 0x4F, made by OpenSSL with the keys above: `des-ede3-cbc`, with its padding; `des-ede3`, without one.
    const WRAPPED_CBC_PAD: [u8; 24] = [
        0x9C, 0x60, 0x85, 0x59, 0xB7, 0xC6, 0x60, 0x66, 0x58, 0x31, 0xA0, 0xF2, 0x41, 0xE7, 0x15, 0x17, 0xAE,
        0xE8, 0xD3, 0x21, 0x03, 0x61, 0xF9, 0x67,
    ];
    const WRAPPED_ECB: [u8; 16] =
        [0x2E, 0x66, 0x40, 0x93, 0x65, 0x8F, 0xDF, 0xC4, 0x15, 0x9D, 0xDF, 0x98, 0x06, 0x79, 0x1B, 0x29];
    /// 0x40 to 0x53 and four zeros: `des-ede3-cbc`, without a padding.
    const WRAPPED_CBC: [u8; 24] = [
        0x9C, 0x60, 0x85, 0x59, 0xB7, 0xC6, 0x60, 0x66, 0x58, 0x31, 0xA0, 0xF2, 0x41, 0xE7, 0x15, 0x17, 0x52,
        0x98, 0xE7, 0x19, 0xAC, 0xEA, 0x4D, 0x6A,
    ];

    fn des3(m: &Module, s: SessionHandle, value: &[u8], uses: &[CK_ATTRIBUTE_TYPE]) -> Result<ObjectHandle> {
        let kind = if value.len() == 16 { CKK_DES2 } else { CKK_DES3 };
        let mut template = vec![
            number(CKA_CLASS, CKO_SECRET_KEY),
            number(CKA_KEY_TYPE, kind),
            raw(CKA_VALUE, value),
            raw(CKA_PRIVATE, &[CK_FALSE]),
            raw(CKA_EXTRACTABLE, &[CK_TRUE]),
        ];
        template.extend(uses.iter().map(|cka| raw(*cka, &[CK_TRUE])));
        object::create_object(m, s, template)
    }

    fn with_iv(ckm: CK_MECHANISM_TYPE) -> Mechanism {
        let params = if ckm == CKM_DES3_ECB { Params::None } else { Params::Iv(IV.to_vec()) };
        Mechanism { ckm, params }
    }

    fn open(kind: u64, more: Vec<RawAttribute>) -> Vec<RawAttribute> {
        let mut template = vec![
            number(CKA_CLASS, CKO_SECRET_KEY),
            number(CKA_KEY_TYPE, kind),
            raw(CKA_PRIVATE, &[CK_FALSE]),
            raw(CKA_SENSITIVE, &[CK_FALSE]),
        ];
        template.extend(more);
        template
    }

    const TRIPLE_DES: [CK_MECHANISM_TYPE; 3] = [CKM_DES3_ECB, CKM_DES3_CBC, CKM_DES3_CBC_PAD];

    fn value(m: &Module, s: SessionHandle, key: ObjectHandle) -> Vec<u8> {
        let session = m.session(s).unwrap();
        let key = session.key(key).unwrap();
        let grant =
            session.authorize(crate::guard::op::Reveal { object: key, attribute: CKA_VALUE }).unwrap();
        session.backend().reveal(grant).unwrap().expose().to_vec()
    }

    /// Under a policy that does not forbid it a private key goes out under a password that is as strong as the key could be.
    #[test]
    fn private_keys_go_out_under_passwords_where_the_policy_lets_them() {
        let folder = tempfile::tempdir().unwrap();
        let module = Module::under(
            "policy = 1\nname = \"open\"\nunsafe_allow = [\"wrap-under-imported\", \"unwrap-under-imported\"]\n",
            folder.path(),
        );
        let at = slot::slots(&module, true, true).unwrap()[0];
        slot::init_token(&module, at, Some(Pin::from_slice(b"123456")), &[b'x'; 32]).unwrap();
        let s = session::open_session(&module, at, CKF_SERIAL_SESSION | CKF_RW_SESSION).unwrap();
        let m = &module;
        let secret = |value: &[u8], more: &[CK_ATTRIBUTE_TYPE]| {
            let mut template = open(CKK_GENERIC_SECRET, vec![raw(CKA_VALUE, value)]);
            template.push(raw(CKA_EXTRACTABLE, &[CK_TRUE]));
            template.extend(more.iter().map(|cka| raw(*cka, &[CK_TRUE])));
            object::create_object(m, s, template).unwrap()
        };
        let ec = |uses: &[CK_ATTRIBUTE_TYPE]| {
            let mut template = vec![raw(CKA_PRIVATE, &[CK_FALSE]), raw(CKA_EXTRACTABLE, &[CK_TRUE])];
            template.extend(uses.iter().map(|cka| raw(*cka, &[CK_TRUE])));
            template
        };
        let generation = Mechanism::plain(CKM_EC_KEY_PAIR_GEN);
        let params = raw(CKA_EC_PARAMS, crate::crypto::Curve::P256.ec_params());
        let public = vec![raw(CKA_PRIVATE, &[CK_FALSE]), raw(CKA_DERIVE, &[CK_TRUE]), params];
        let (public, key) = keys::generate_key_pair(m, s, generation, public, ec(&[CKA_DERIVE])).unwrap();
        let pbes2 = || Mechanism::plain(CKM_KEYWARD_PBES2);
        let password = secret(b"sixteen letters!", &[CKA_WRAP, CKA_UNWRAP]);
        let wrap = |password, key| whole(|out| wrap_key(m, s, pbes2(), password, key, out));
        let wrapped = wrap(password, key).unwrap();
        let mut template = ec(&[CKA_DERIVE]);
        template.extend([number(CKA_CLASS, CKO_PRIVATE_KEY), number(CKA_KEY_TYPE, CKK_EC)]);
        let back = unwrap_key(m, s, pbes2(), password, &wrapped, template).unwrap();
        let info = |key| {
            let session = m.session(s).unwrap();
            session.object(key).unwrap().attributes().bytes(CKA_PUBLIC_KEY_INFO).map(<[u8]>::to_vec)
        };
        assert!(info(back).is_some());
        assert_eq!(info(back), info(public));
        // A secret key has no PKCS#8, and a short password is weaker than the curve.
        assert_eq!(wrap(password, secret(&[7; 14], &[CKA_SIGN])), Err(Error::KeyNotWrappable));
        let short = secret(b"fifteen letters", &[CKA_WRAP]);
        assert_eq!(wrap(short, key), Err(Error::WrappingKeySizeRange));
    }

    #[test]
    fn triple_des_unwraps_and_decrypts_under_the_legacy_policy() {
        under("legacy", |m, s| {
            let at = m.session(s).unwrap().token().slot();
            for ckm in TRIPLE_DES {
                assert!(slot::mechanisms(m, at).unwrap().contains(&ckm));
                assert_eq!(slot::mechanism_info(m, at, ckm).unwrap().flags, CKF_DECRYPT | CKF_UNWRAP);
            }
            let key = des3(m, s, &DES3, &[CKA_UNWRAP]).unwrap();
            let expected: Vec<u8> = (0x40..0x54).collect();
            for (ckm, wrapped, kind, len) in [
                (CKM_DES3_CBC_PAD, &WRAPPED_CBC_PAD[..], CKK_AES, 16),
                (CKM_DES3_ECB, &WRAPPED_ECB, CKK_AES, 16),
                (CKM_DES3_CBC, &WRAPPED_CBC, CKK_GENERIC_SECRET, 20),
            ] {
                // What was filled up with zeros says by its template where they begin.
                let more = if len == 20 { vec![number(CKA_VALUE_LEN, len)] } else { vec![] };
                let new = unwrap_key(m, s, with_iv(ckm), key, wrapped, open(kind, more)).unwrap();
                assert_eq!(value(m, s, new), expected[..usize::try_from(len).unwrap()], "{ckm:#x}");
            }
            let key = des3(m, s, &DES3, &[CKA_DECRYPT]).unwrap();
            decrypt::decrypt_init(m, s, Some(with_iv(CKM_DES3_CBC_PAD)), key).unwrap();
            let plain = whole(|out| decrypt::decrypt(m, s, &WRAPPED_CBC_PAD, out)).unwrap();
            assert_eq!(plain, expected[..16]);
        });
    }

    #[test]
    fn triple_des_makes_nothing_under_the_legacy_policy() {
        under("legacy", |m, s| {
            let uses = [CKA_ENCRYPT, CKA_WRAP, CKA_DERIVE];
            for usage in uses {
                let key = des3(m, s, &DES3, &[usage]).unwrap();
                for ckm in TRIPLE_DES {
                    let refused = encrypt::encrypt_init(m, s, Some(with_iv(ckm)), key);
                    assert_eq!(refused, Err(Error::MechanismInvalid));
                    let refused = whole(|out| wrap_key(m, s, with_iv(ckm), key, key, out));
                    assert_eq!(refused, Err(Error::MechanismInvalid));
                }
            }
            // Nor is a key of this type new: by derivation it would be.
            let aes = [number(CKA_VALUE_LEN, 32), raw(CKA_DERIVE, &[1]), raw(CKA_PRIVATE, &[0])];
            let aes = keys::generate_key(m, s, Mechanism::plain(CKM_AES_KEY_GEN), aes.into()).unwrap();
            let params = Params::StringData(vec![7; 32].into());
            let mechanism = Mechanism { ckm: CKM_AES_ECB_ENCRYPT_DATA, params };
            let refused = derive::derive_key(m, s, mechanism, aes, &open(CKK_DES3, vec![]), &[]);
            assert_eq!(refused.unwrap_err().error, Error::TemplateInconsistent);
        });
    }

    #[test]
    fn triple_des_does_nothing_under_the_default_policy() {
        under("default", |m, s| {
            let at = m.session(s).unwrap().token().slot();
            let key = des3(m, s, &DES3, &[CKA_DECRYPT]).unwrap();
            let unwrapping = des3(m, s, &DES3, &[CKA_UNWRAP]).unwrap();
            for ckm in TRIPLE_DES {
                assert!(!slot::mechanisms(m, at).unwrap().contains(&ckm));
                assert_eq!(slot::mechanism_info(m, at, ckm).err(), Some(Error::MechanismInvalid));
                let refused = decrypt::decrypt_init(m, s, Some(with_iv(ckm)), key);
                assert_eq!(refused, Err(Error::MechanismInvalid));
                let wrapped = &WRAPPED_CBC_PAD;
                let refused = unwrap_key(m, s, with_iv(ckm), unwrapping, wrapped, open(CKK_AES, vec![]));
                assert_eq!(refused, Err(Error::MechanismInvalid));
            }
        });
    }

    #[test]
    fn wrapped_bytes_that_are_no_key_have_one_answer() {
        under("legacy", |m, s| {
            let key = des3(m, s, &DES3, &[CKA_UNWRAP]).unwrap();
            let unwrap = |ckm, wrapped: &[u8], kind| {
                unwrap_key(m, s, with_iv(ckm), key, wrapped, open(kind, vec![])).unwrap_err()
            };
            // A padding that is wrong, a right one behind a key of a length that there is not, bytes without parity.
            let mut tampered = WRAPPED_CBC_PAD;
            tampered[15] ^= 0x20;
            assert_eq!(unwrap(CKM_DES3_CBC_PAD, &tampered, CKK_AES), Error::WrappedKeyInvalid);
            assert_eq!(unwrap(CKM_DES3_CBC_PAD, &WRAPPED_CBC_PAD, CKK_DES3), Error::WrappedKeyInvalid);
            assert_eq!(unwrap(CKM_DES3_CBC_PAD, &WRAPPED_CBC_PAD, CKK_DES2), Error::WrappedKeyInvalid);
            assert_eq!(unwrap(CKM_DES3_ECB, &WRAPPED_ECB, CKK_DES3), Error::WrappedKeyInvalid);
            assert_eq!(unwrap(CKM_DES3_ECB, &WRAPPED_ECB, CKK_DES2), Error::WrappedKeyInvalid);
        });
    }
}
