//! The table of all functions of PKCS#11 3.2: one row each, and everything that C sees is made from
//! it. [`table`](super::table) explains the kinds of arguments.
//!
//! A row says which safe function of [`api`] does the work and how its arguments are read, and
//! nothing else. Functions that only later versions know stand in their own block.
#![expect(non_snake_case, reason = "the standard's names")]

use super::arguments::{LabelPointer, MechanismPointer, PinInput};
use super::borrow::{
    Found, Input, List, OutputPlace, Place, Room, object_handle, session_handle, slot_id, ulong,
};
use super::derivation::DeriveMechanismPointer;
use super::initialize::{C_Finalize, C_Initialize};
use super::interface::{C_GetFunctionList, C_GetInterface, C_GetInterfaceList};
use super::parameter::{MessageMechanismPointer, ParameterPlace, WrapMechanism, WrapMechanismPointer};
use super::template::Template;
use super::wait::C_WaitForSlotEvent;
use super::{enter, info, panic_probe};
use crate::api;
use crate::ck::{Error, ObjectHandle, Result};
use crate::sys::abi::{
    CK_ATTRIBUTE, CK_BBOOL, CK_BYTE, CK_FLAGS, CK_FUNCTION_LIST, CK_FUNCTION_LIST_3_0, CK_FUNCTION_LIST_3_2,
    CK_INFO, CK_MECHANISM, CK_MECHANISM_INFO, CK_MECHANISM_TYPE, CK_NOTIFY, CK_OBJECT_HANDLE, CK_RV,
    CK_SESSION_HANDLE, CK_SESSION_INFO, CK_SLOT_ID, CK_SLOT_INFO, CK_TOKEN_INFO, CK_ULONG, CK_UTF8CHAR,
    CK_VERSION,
};
use cryptoki_sys::{CK_ASYNC_DATA, CK_FALSE, CKF_END_OF_MESSAGE};
use std::ffi::c_void;

/// What a handle of ours is to C.
fn handle(object: ObjectHandle) -> CK_OBJECT_HANDLE {
    ulong(object.0)
}

/// Whether the flags of a message's part say that it is the last one. Another flag is `CKR_ARGUMENTS_BAD`.
fn end_of_message(flags: CK_FLAGS) -> Result<bool> {
    match flags {
        0 => Ok(false),
        CKF_END_OF_MESSAGE => Ok(true),
        _ => Err(Error::ArgumentsBad),
    }
}

cryptoki! {
    v2_40 {
        // 5.4 General-purpose functions
        apart C_Initialize();
        apart C_Finalize();
        fn C_GetInfo(info: Place CK_INFO) => |m| info.fill(|| Ok(info::library(&api::general::info(m))));
        apart C_GetFunctionList();

        // 5.5 Slot and token management functions
        fn C_GetSlotList(token_present: Boolean, slots: List CK_SLOT_ID) => |m| slots.fill(|| {
            let slots = api::slot::slots(m, token_present, slots.asks())?;
            Ok(slots.into_iter().map(|slot| ulong(slot.0)).collect())
        });
        fn C_GetSlotInfo(slot: Slot, info: Place CK_SLOT_INFO) => |m|
            info.fill(|| api::slot::slot_info(m, slot).map(|info| info::slot(&info)));
        fn C_GetTokenInfo(slot: Slot, info: Place CK_TOKEN_INFO) => |m|
            info.fill(|| api::slot::token_info(m, slot).map(|info| info::token(&info)));
        fn C_GetMechanismList(slot: Slot, mechanisms: List CK_MECHANISM_TYPE) => |m|
            mechanisms.fill(|| api::slot::mechanisms(m, slot));
        fn C_GetMechanismInfo(slot: Slot, ckm: Number, info: Place CK_MECHANISM_INFO) => |m|
            info.fill(|| api::slot::mechanism_info(m, slot, ckm).map(info::mechanism));
        fn C_InitToken(slot: Slot, pin: Pin, label: Label) => |m| {
            let label = label.read()?;
            api::slot::init_token(m, slot, pin.read()?, &label)
        };
        fn C_InitPIN(session: Session, pin: Pin) => |m| api::slot::init_pin(m, session, pin.read()?);
        fn C_SetPIN(session: Session, old: Pin, new: Pin) => |m|
            api::slot::set_pin(m, session, old.read()?, new.read()?);
        apart C_WaitForSlotEvent();

        // 5.6 Session management functions
        fn C_OpenSession(
            slot: Slot, flags: Number, application: Unused *mut c_void, notify: Unused CK_NOTIFY,
            session: Place CK_SESSION_HANDLE
        ) => |m| session.fill(|| api::session::open_session(m, slot, flags).map(|session| ulong(session.0)));
        fn C_CloseSession(session: Session) => |m| api::session::close_session(m, session);
        fn C_CloseAllSessions(slot: Slot) => |m| api::session::close_all_sessions(m, slot);
        fn C_GetSessionInfo(session: Session, info: Place CK_SESSION_INFO) => |m|
            info.fill(|| api::session::session_info(m, session).map(info::session));
        fn C_GetOperationState(session: Session, state: Output) => |m|
            state.fill(|out| api::state::operation_state(m, session, out));
        fn C_SetOperationState(
            session: Session, state: Bytes, encryption: Object, authentication: Object
        ) => |m| {
            let state = state.bytes()?;
            api::state::set_operation_state(m, session, state, encryption, authentication)
        };
        fn C_Login(session: Session, user: Number, pin: Pin) => |m|
            api::session::login(m, session, user, pin.read()?);
        fn C_Logout(session: Session) => |m| api::session::logout(m, session);

        // 5.7 Object management functions
        fn C_CreateObject(session: Session, template: Attributes, object: Place CK_OBJECT_HANDLE) => |m|
            object.fill(|| api::object::create_object(m, session, template.read()?).map(handle));
        fn C_CopyObject(
            session: Session, object: Object, template: Attributes, copy: Place CK_OBJECT_HANDLE
        ) => |m| copy.fill(|| api::object::copy_object(m, session, object, template.read()?).map(handle));
        fn C_DestroyObject(session: Session, object: Object) => |m|
            api::object::destroy_object(m, session, object);
        fn C_GetObjectSize(session: Session, object: Object, size: Place CK_ULONG) => |m|
            size.fill(|| api::object::object_size(m, session, object).map(ulong));
        fn C_GetAttributeValue(session: Session, object: Object, template: Attributes) => |m|
            template.fill(|slots| api::object::attribute_values(m, session, object, slots));
        fn C_SetAttributeValue(session: Session, object: Object, template: Attributes) => |m|
            api::object::set_attribute_values(m, session, object, template.read()?);
        fn C_FindObjectsInit(session: Session, template: Attributes) => |m|
            api::object::find_init(m, session, template.read()?);
        fn C_FindObjects(session: Session, found: Found) => |m|
            found.fill(|max| api::object::find(m, session, max));
        fn C_FindObjectsFinal(session: Session) => |m| api::object::find_final(m, session);

        // 5.8 Encryption functions
        fn C_EncryptInit(session: Session, mechanism: Mechanism, key: Object) => |m|
            api::encrypt::encrypt_init(m, session, mechanism.optional()?, key);
        fn C_Encrypt(session: Session, data: Bytes, encrypted: Output) => |m|
            encrypted.fill_from(&data, |data, out| api::encrypt::encrypt(m, session, data, out));
        fn C_EncryptUpdate(session: Session, part: Bytes, encrypted: Output) => |m|
            encrypted.fill_from(&part, |part, out| api::encrypt::encrypt_update(m, session, part, out));
        fn C_EncryptFinal(session: Session, last: Output) => |m|
            last.fill(|out| api::encrypt::encrypt_final(m, session, out));

        // 5.10 Decryption functions
        fn C_DecryptInit(session: Session, mechanism: Mechanism, key: Object) => |m|
            api::decrypt::decrypt_init(m, session, mechanism.optional()?, key);
        fn C_Decrypt(session: Session, encrypted: Bytes, data: Output) => |m|
            data.fill_from(&encrypted, |encrypted, out| api::decrypt::decrypt(m, session, encrypted, out));
        fn C_DecryptUpdate(session: Session, encrypted: Bytes, part: Output) => |m|
            part.fill_from(&encrypted, |encrypted, out| {
                api::decrypt::decrypt_update(m, session, encrypted, out)
            });
        fn C_DecryptFinal(session: Session, last: Output) => |m|
            last.fill(|out| api::decrypt::decrypt_final(m, session, out));

        // 5.12 Message digesting functions
        fn C_DigestInit(session: Session, mechanism: Mechanism) => |m|
            api::digest::digest_init(m, session, mechanism.optional()?);
        fn C_Digest(session: Session, data: Bytes, digest: Output) => |m|
            digest.fill_from(&data, |data, out| api::digest::digest(m, session, data, out));
        fn C_DigestUpdate(session: Session, part: Bytes) => |m|
            api::digest::digest_update(m, session, part.bytes()?);
        fn C_DigestKey(session: Session, key: Object) => |m| api::digest::digest_key(m, session, key);
        fn C_DigestFinal(session: Session, digest: Output) => |m|
            digest.fill(|out| api::digest::digest_final(m, session, out));

        // 5.13 Signing and MACing functions
        fn C_SignInit(session: Session, mechanism: Mechanism, key: Object) => |m|
            api::sign::sign_init(m, session, mechanism.optional()?, key);
        fn C_Sign(session: Session, data: Bytes, signature: Output) => |m|
            signature.fill_from(&data, |data, out| api::sign::sign(m, session, data, out));
        fn C_SignUpdate(session: Session, part: Bytes) => |m|
            api::sign::sign_update(m, session, part.bytes()?);
        fn C_SignFinal(session: Session, signature: Output) => |m|
            signature.fill(|out| api::sign::sign_final(m, session, out));
        fn C_SignRecoverInit(session: Session, mechanism: Mechanism, key: Object) => |m|
            api::recover::sign_recover_init(m, session, mechanism.optional()?, key);
        fn C_SignRecover(session: Session, data: Bytes, signature: Output) => |m|
            signature.fill_from(&data, |data, out| api::recover::sign_recover(m, session, data, out));

        // 5.15 Functions for verifying signatures and MACs
        fn C_VerifyInit(session: Session, mechanism: Mechanism, key: Object) => |m|
            api::verify::verify_init(m, session, mechanism.optional()?, key);
        fn C_Verify(session: Session, data: Bytes, signature: Bytes) => |m|
            api::verify::verify(m, session, data.bytes()?, signature.bytes()?);
        fn C_VerifyUpdate(session: Session, part: Bytes) => |m|
            api::verify::verify_update(m, session, part.bytes()?);
        fn C_VerifyFinal(session: Session, signature: Bytes) => |m|
            api::verify::verify_final(m, session, signature.bytes()?);
        fn C_VerifyRecoverInit(session: Session, mechanism: Mechanism, key: Object) => |m|
            api::recover::verify_recover_init(m, session, mechanism.optional()?, key);
        fn C_VerifyRecover(session: Session, signature: Bytes, data: Output) => |m|
            data.fill_from(&signature, |signature, out| {
                api::recover::verify_recover(m, session, signature, out)
            });

        // 5.17 Dual-function cryptographic functions
        fn C_DigestEncryptUpdate(session: Session, part: Bytes, result: Output) => |m|
            result.fill_from(&part, |part, out| api::dual::digest_encrypt_update(m, session, part, out));
        fn C_DecryptDigestUpdate(session: Session, part: Bytes, result: Output) => |m|
            result.fill_from(&part, |part, out| api::dual::decrypt_digest_update(m, session, part, out));
        fn C_SignEncryptUpdate(session: Session, part: Bytes, result: Output) => |m|
            result.fill_from(&part, |part, out| api::dual::sign_encrypt_update(m, session, part, out));
        fn C_DecryptVerifyUpdate(session: Session, part: Bytes, result: Output) => |m|
            result.fill_from(&part, |part, out| api::dual::decrypt_verify_update(m, session, part, out));

        // 5.18 Key management functions
        fn C_GenerateKey(
            session: Session, mechanism: Mechanism, template: Attributes, key: Place CK_OBJECT_HANDLE
        ) => |m| key.fill(|| {
            api::keys::generate_key(m, session, mechanism.required()?, template.read()?).map(handle)
        });
        fn C_GenerateKeyPair(
            session: Session, mechanism: Mechanism, public: Attributes, private: Attributes,
            public_key: Place CK_OBJECT_HANDLE, private_key: Place CK_OBJECT_HANDLE
        ) => |m| {
            public_key.check()?;
            private_key.fill(|| {
                let (public, private) = (public.read()?, private.read()?);
                let mechanism = mechanism.required()?;
                let pair = api::keys::generate_key_pair(m, session, mechanism, public, private)?;
                public_key.put(handle(pair.0));
                Ok(handle(pair.1))
            })
        };
        fn C_WrapKey(
            session: Session, mechanism: WrapMechanism, wrapping: Object, key: Object, wrapped: Output
        ) => |m| match mechanism.read()? {
            WrapMechanism::Plain(mechanism) =>
                wrapped.fill(|out| api::wrapping::wrap_key(m, session, mechanism, wrapping, key, out)),
            WrapMechanism::Own(mechanism, shape, parameter) => parameter.around_output(&wrapped, |parameter| {
                wrapped.fill(|out| {
                    let parameter = api::wrapping::Parameter::behind(parameter, shape);
                    api::wrapping::wrap_authenticated(m, session, mechanism, wrapping, key, parameter, out)
                })
            }),
        };
        fn C_UnwrapKey(
            session: Session, mechanism: WrapMechanism, unwrapping: Object, wrapped: Bytes,
            template: Attributes, key: Place CK_OBJECT_HANDLE
        ) => |m| key.fill(|| {
            let (mechanism, template) = (mechanism.for_unwrapping()?, template.read()?);
            api::wrapping::unwrap_key(m, session, mechanism, unwrapping, wrapped.bytes()?, template).map(handle)
        });
        fn C_DeriveKey(
            session: Session, mechanism: DeriveMechanism, base: Object, template: Attributes,
            key: Place CK_OBJECT_HANDLE
        ) => |m| mechanism.derive(&key, &template, |mechanism, template, further| {
            api::derive::derive_key(m, session, mechanism, base, template, further)
        });

        // 5.19 Random number generation functions
        fn C_SeedRandom(session: Session, seed: Bytes) => |m| {
            let seed = seed.bytes()?;
            panic_probe(seed);
            api::random::seed_random(m, session, seed)
        };
        fn C_GenerateRandom(session: Session, random: Buffer) => |m|
            api::random::generate_random(m, session, random.bytes_mut()?);

        // 5.20 Parallel function management functions
        fn C_GetFunctionStatus(session: Session) => |m| api::session::function_status(m, session);
        fn C_CancelFunction(session: Session) => |m| api::session::cancel_function(m, session);
    }

    v3_0 {
        // 5.4 General-purpose functions
        apart C_GetInterfaceList();
        apart C_GetInterface();

        // 5.6 Session management functions
        fn C_LoginUser(session: Session, user: Number, pin: Pin, username: Bytes) => |m|
            api::session::login_user(m, session, user, pin.read()?, username.bytes()?);
        fn C_SessionCancel(session: Session, flags: Number) => |m|
            api::session::session_cancel(m, session, flags);

        // 5.9 Message-based encryption functions
        fn C_MessageEncryptInit(session: Session, mechanism: MessageMechanism, key: Object) => |m|
            api::message::encrypt_init(m, session, mechanism.optional()?, key);
        fn C_EncryptMessage(
            session: Session, parameter: Parameter, aad: Bytes, data: Bytes, encrypted: Output
        ) => |m| parameter.around_output(&encrypted, |parameter| {
            encrypted.fill_from_both(&aad, &data, |aad, data, out| {
                api::message::encrypt(m, session, parameter, aad, data, out)
            })
        });
        fn C_EncryptMessageBegin(session: Session, parameter: Parameter, aad: Bytes) => |m|
            parameter.around(|parameter| {
                api::message::encrypt_begin(m, session, parameter, aad.bytes()?)
            });
        fn C_EncryptMessageNext(
            session: Session, parameter: Parameter, part: Bytes, encrypted: Output, flags: Number
        ) => |m| parameter.around_output(&encrypted, |parameter| {
            let last = end_of_message(flags)?;
            encrypted.fill_from(&part, |part, out| {
                api::message::encrypt_next(m, session, parameter, part, out, last)
            })
        });
        fn C_MessageEncryptFinal(session: Session) => |m| api::message::encrypt_final(m, session);

        // 5.11 Message-based decryption functions
        fn C_MessageDecryptInit(session: Session, mechanism: MessageMechanism, key: Object) => |m|
            api::message::decrypt_init(m, session, mechanism.optional()?, key);
        fn C_DecryptMessage(
            session: Session, parameter: Parameter, aad: Bytes, encrypted: Bytes, data: Output
        ) => |m| data.fill_from_both(&aad, &encrypted, |aad, encrypted, out| {
            api::message::decrypt(m, session, &parameter, aad, encrypted, out)
        });
        fn C_DecryptMessageBegin(session: Session, parameter: Parameter, aad: Bytes) => |m|
            api::message::decrypt_begin(m, session, &parameter, aad.bytes()?);
        fn C_DecryptMessageNext(
            session: Session, parameter: Parameter, encrypted: Bytes, part: Output, flags: Number
        ) => |m| {
            let last = end_of_message(flags)?;
            part.fill_from(&encrypted, |encrypted, out| {
                api::message::decrypt_next(m, session, &parameter, encrypted, out, last)
            })
        };
        fn C_MessageDecryptFinal(session: Session) => |m| api::message::decrypt_final(m, session);

        // 5.14 Message-based signing and MACing functions
        fn C_MessageSignInit(session: Session, mechanism: Mechanism, key: Object) => |m|
            api::message::sign_init(m, session, mechanism.optional()?, key);
        fn C_SignMessage(session: Session, parameter: Parameter, data: Bytes, signature: Output) => |m| {
            parameter.absent()?;
            signature.fill_from(&data, |data, out| api::message::sign(m, session, data, out))
        };
        fn C_SignMessageBegin(session: Session, parameter: Parameter) => |m| {
            parameter.absent()?;
            api::message::sign_begin(m, session)
        };
        fn C_SignMessageNext(session: Session, parameter: Parameter, part: Bytes, signature: Output) => |m| {
            parameter.absent()?;
            if !signature.is_wanted() {
                return api::message::sign_next(m, session, part.bytes()?, None);
            }
            signature.fill_from(&part, |part, out| api::message::sign_next(m, session, part, Some(out)))
        };
        fn C_MessageSignFinal(session: Session) => |m| api::message::sign_final(m, session);

        // 5.16 Message-based functions for verifying signatures and MACs
        fn C_MessageVerifyInit(session: Session, mechanism: Mechanism, key: Object) => |m|
            api::message::verify_init(m, session, mechanism.optional()?, key);
        fn C_VerifyMessage(session: Session, parameter: Parameter, data: Bytes, signature: Bytes) => |m| {
            parameter.absent()?;
            api::message::verify(m, session, data.bytes()?, signature.bytes()?)
        };
        fn C_VerifyMessageBegin(session: Session, parameter: Parameter) => |m| {
            parameter.absent()?;
            api::message::verify_begin(m, session)
        };
        fn C_VerifyMessageNext(session: Session, parameter: Parameter, part: Bytes, signature: Bytes) => |m| {
            parameter.absent()?;
            let end = if signature.is_null() { None } else { Some(signature.bytes()?) };
            api::message::verify_next(m, session, part.bytes()?, end)
        };
        fn C_MessageVerifyFinal(session: Session) => |m| api::message::verify_final(m, session);
    }

    v3_2 {
        // 5.15 Functions for verifying signatures and MACs
        fn C_VerifySignatureInit(session: Session, mechanism: Mechanism, key: Object, signature: Bytes) => |m| {
            let (mechanism, signature) = (mechanism.optional()?, signature.bytes()?);
            api::verify_signature::verify_signature_init(m, session, mechanism, key, signature)
        };
        fn C_VerifySignature(session: Session, data: Bytes) => |m|
            api::verify_signature::verify_signature(m, session, data.bytes()?);
        fn C_VerifySignatureUpdate(session: Session, part: Bytes) => |m|
            api::verify_signature::verify_signature_update(m, session, part.bytes()?);
        fn C_VerifySignatureFinal(session: Session) => |m|
            api::verify_signature::verify_signature_final(m, session);

        // 5.18 Key management functions
        fn C_EncapsulateKey(
            session: Session, mechanism: Mechanism, public: Object, template: Attributes, ciphertext: Output,
            key: Place CK_OBJECT_HANDLE
        ) => |m| {
            // A length query makes no key, so it needs no place for one.
            if !ciphertext.is_query() {
                key.check()?;
            }
            let (mechanism, template) = (mechanism.required()?, template.read()?);
            ciphertext.fill(|out| {
                let made = api::encapsulation::encapsulate_key(m, session, mechanism, public, &template, out)?;
                made.into_iter().for_each(|made| key.put(handle(made)));
                Ok(())
            })
        };
        fn C_DecapsulateKey(
            session: Session, mechanism: Mechanism, private: Object, template: Attributes, ciphertext: Bytes,
            key: Place CK_OBJECT_HANDLE
        ) => |m| key.fill(|| {
            let (mechanism, template) = (mechanism.required()?, template.read()?);
            api::encapsulation::decapsulate_key(m, session, mechanism, private, &template, ciphertext.bytes()?)
                .map(handle)
        });
        fn C_WrapKeyAuthenticated(
            session: Session, mechanism: MessageMechanism, wrapping: Object, key: Object, aad: Bytes,
            wrapped: Output
        ) => |m| {
            let (mechanism, parameter) = mechanism.with_parameter()?;
            parameter.around_output(&wrapped, |parameter| wrapped.fill_from(&aad, |aad, out| {
                let parameter = api::wrapping::Parameter::apart(&mechanism, parameter, aad)?;
                api::wrapping::wrap_authenticated(m, session, mechanism, wrapping, key, parameter, out)
            }))
        };
        fn C_UnwrapKeyAuthenticated(
            session: Session, mechanism: MessageMechanism, unwrapping: Object, wrapped: Bytes,
            template: Attributes, aad: Bytes, key: Place CK_OBJECT_HANDLE
        ) => |m| key.fill(|| {
            let (mechanism, parameter) = mechanism.with_parameter()?;
            let (template, wrapped) = (template.read()?, wrapped.bytes()?);
            let parameter = api::wrapping::Parameter::apart(&mechanism, &parameter, aad.bytes()?)?;
            api::wrapping::unwrap_authenticated(
                m, session, mechanism, unwrapping, wrapped, template, parameter
            ).map(handle)
        });

        // 5.6 Session management functions
        fn C_GetSessionValidationFlags(session: Session, kind: Number, flags: Place CK_FLAGS) => |m|
            flags.fill(|| api::session::validation_flags(m, session, kind));

        // 5.21 Asynchronous function management functions
        fn C_AsyncComplete(
            session: Session, function: Place CK_UTF8CHAR, result: Unused *mut CK_ASYNC_DATA
        ) => |m| {
            function.check()?;
            api::asynchronous::complete(m, session)
        };
        fn C_AsyncGetID(session: Session, function: Place CK_UTF8CHAR, id: Place CK_ULONG) => |m| {
            function.check().and(id.check())?;
            api::asynchronous::id(m, session)
        };
        fn C_AsyncJoin(
            session: Session, function: Place CK_UTF8CHAR, id: Unused CK_ULONG, data: Bytes
        ) => |m| {
            function.check().and(data.bytes().map(drop))?;
            api::asynchronous::join(m, session)
        };
    }
}
