//! An open session: the C functions that take its handle, in safe form.

use super::{Answer, CKA_KEYWARD_STATE, Mechanism, Module, P256, Rv, Template, bytes};
use crate::call;
use cryptoki_sys::*;
use std::ptr::null_mut;

/// An open session. Not closed when dropped.
#[derive(Clone, Copy)]
pub struct Session<'m> {
    pub module: &'m Module,
    pub handle: CK_SESSION_HANDLE,
}

pub type Key = CK_OBJECT_HANDLE;

impl<'m> Session<'m> {
    pub fn close(self) -> Answer<()> {
        call!(self.module, C_CloseSession, self.handle)
    }

    pub fn info(&self) -> Answer<CK_SESSION_INFO> {
        let mut info = CK_SESSION_INFO::default();
        call!(self.module, C_GetSessionInfo, self.handle, &raw mut info)?;
        Ok(info)
    }

    /// `ulDeviceError`.
    pub fn reason(&self) -> CK_ULONG {
        self.info().unwrap().ulDeviceError
    }

    pub fn state(&self) -> CK_STATE {
        self.info().unwrap().state
    }

    pub fn login(&self, user: CK_USER_TYPE, pin: &str) -> Answer<()> {
        let (mut pin, len) = bytes(pin.as_bytes());
        call!(self.module, C_Login, self.handle, user, pin.as_mut_ptr(), len)
    }

    pub fn logout(&self) -> Answer<()> {
        call!(self.module, C_Logout, self.handle)
    }

    pub fn init_pin(&self, pin: &str) -> Answer<()> {
        let (mut pin, len) = bytes(pin.as_bytes());
        call!(self.module, C_InitPIN, self.handle, pin.as_mut_ptr(), len)
    }

    pub fn set_pin(&self, old: &str, new: &str) -> Answer<()> {
        let ((mut old, old_len), (mut new, new_len)) = (bytes(old.as_bytes()), bytes(new.as_bytes()));
        call!(self.module, C_SetPIN, self.handle, old.as_mut_ptr(), old_len, new.as_mut_ptr(), new_len)
    }

    // --- objects ---

    pub fn create(&self, template: &Template) -> Answer<Key> {
        let mut key = 0;
        template
            .with(|list, count| call!(self.module, C_CreateObject, self.handle, list, count, &raw mut key))?;
        Ok(key)
    }

    pub fn copy(&self, object: Key, template: &Template) -> Answer<Key> {
        let mut copy = 0;
        template.with(|list, count| {
            call!(self.module, C_CopyObject, self.handle, object, list, count, &raw mut copy)
        })?;
        Ok(copy)
    }

    pub fn destroy(&self, object: Key) -> Answer<()> {
        call!(self.module, C_DestroyObject, self.handle, object)
    }

    pub fn find(&self, template: &Template) -> Answer<Vec<Key>> {
        template.with(|list, count| call!(self.module, C_FindObjectsInit, self.handle, list, count))?;
        let mut found = Vec::new();
        loop {
            let (mut some, mut count) = ([0; 7], 0);
            call!(self.module, C_FindObjects, self.handle, some.as_mut_ptr(), 7, &raw mut count)?;
            found.extend_from_slice(&some[..count as usize]);
            if count == 0 {
                call!(self.module, C_FindObjectsFinal, self.handle)?;
                return Ok(found);
            }
        }
    }

    /// One attribute, by the two-call rule.
    pub fn get(&self, object: Key, cka: CK_ATTRIBUTE_TYPE) -> Answer<Vec<u8>> {
        let mut attribute = CK_ATTRIBUTE { type_: cka, pValue: null_mut(), ulValueLen: 0 };
        call!(self.module, C_GetAttributeValue, self.handle, object, &raw mut attribute, 1)?;
        let mut value = vec![0_u8; attribute.ulValueLen as usize];
        attribute.pValue = value.as_mut_ptr().cast();
        call!(self.module, C_GetAttributeValue, self.handle, object, &raw mut attribute, 1)?;
        value.truncate(attribute.ulValueLen as usize);
        Ok(value)
    }

    pub fn get_ulong(&self, object: Key, cka: CK_ATTRIBUTE_TYPE) -> Answer<CK_ULONG> {
        Ok(CK_ULONG::from_ne_bytes(self.get(object, cka)?.try_into().unwrap()))
    }

    pub fn get_bool(&self, object: Key, cka: CK_ATTRIBUTE_TYPE) -> Answer<bool> {
        let value = self.get(object, cka)?;
        assert_eq!(value.len(), 1);
        Ok(value[0] != CK_FALSE)
    }

    pub fn set(&self, object: Key, template: &Template) -> Answer<()> {
        template.with(|list, count| call!(self.module, C_SetAttributeValue, self.handle, object, list, count))
    }

    pub fn set_state(&self, object: Key, state: CK_ULONG) -> Answer<()> {
        self.set(object, &Template::new().ulong(CKA_KEYWARD_STATE, state))
    }

    // --- keys ---

    pub fn generate(&self, mechanism: &Mechanism, template: &Template) -> Answer<Key> {
        let mut key = 0;
        mechanism.with(|mechanism| {
            template.with(|list, count| {
                call!(self.module, C_GenerateKey, self.handle, mechanism, list, count, &raw mut key)
            })
        })?;
        Ok(key)
    }

    /// The public key, then the private one.
    pub fn generate_pair(
        &self,
        mechanism: &Mechanism,
        public: &Template,
        private: &Template,
    ) -> Answer<(Key, Key)> {
        let (mut one, mut other) = (0, 0);
        mechanism.with(|mechanism| {
            public.with(|public, public_count| {
                private.with(|private, private_count| {
                    let places = (&raw mut one, &raw mut other);
                    call!(
                        self.module,
                        C_GenerateKeyPair,
                        self.handle,
                        mechanism,
                        public,
                        public_count,
                        private,
                        private_count,
                        places.0,
                        places.1
                    )
                })
            })
        })?;
        Ok((one, other))
    }

    /// An RSA-2048 pair; the templates say what it is for, and where.
    pub fn rsa(&self, public: Template, private: Template) -> Answer<(Key, Key)> {
        let public = public.ulong(CKA_MODULUS_BITS, 2048).bytes(CKA_PUBLIC_EXPONENT, &[1, 0, 1]);
        self.generate_pair(&Mechanism::plain(CKM_RSA_PKCS_KEY_PAIR_GEN), &public, &private)
    }

    /// A P-256 pair.
    pub fn p256(&self, public: Template, private: Template) -> Answer<(Key, Key)> {
        let public = public.bytes(CKA_EC_PARAMS, P256);
        self.generate_pair(&Mechanism::plain(CKM_EC_KEY_PAIR_GEN), &public, &private)
    }

    /// An AES-256 key.
    pub fn aes(&self, template: Template) -> Answer<Key> {
        self.generate(&Mechanism::plain(CKM_AES_KEY_GEN), &template.ulong(CKA_VALUE_LEN, 32))
    }

    pub fn wrap(&self, mechanism: &Mechanism, wrapping: Key, key: Key) -> Answer<Vec<u8>> {
        mechanism.with(|mechanism| {
            two_calls(|out, len| {
                call!(self.module, C_WrapKey, self.handle, mechanism, wrapping, key, out, len)
            })
        })
    }

    pub fn unwrap(
        &self,
        mechanism: &Mechanism,
        unwrapping: Key,
        wrapped: &[u8],
        template: &Template,
    ) -> Answer<Key> {
        let (mut key, (mut wrapped, len)) = (0, bytes(wrapped));
        mechanism.with(|mechanism| {
            template.with(|list, count| {
                call!(
                    self.module,
                    C_UnwrapKey,
                    self.handle,
                    mechanism,
                    unwrapping,
                    wrapped.as_mut_ptr(),
                    len,
                    list,
                    count,
                    &raw mut key
                )
            })
        })?;
        Ok(key)
    }

    pub fn derive(&self, mechanism: &Mechanism, base: Key, template: &Template) -> Answer<Key> {
        let mut key = 0;
        mechanism.with(|mechanism| {
            template.with(|list, count| {
                call!(self.module, C_DeriveKey, self.handle, mechanism, base, list, count, &raw mut key)
            })
        })?;
        Ok(key)
    }

    // --- operations ---

    pub fn sign_init(&self, mechanism: &Mechanism, key: Key) -> Answer<()> {
        mechanism.with(|mechanism| call!(self.module, C_SignInit, self.handle, mechanism, key))
    }

    pub fn sign_update(&self, part: &[u8]) -> Answer<()> {
        let (mut part, len) = bytes(part);
        call!(self.module, C_SignUpdate, self.handle, part.as_mut_ptr(), len)
    }

    pub fn sign_final(&self) -> Answer<Vec<u8>> {
        two_calls(|out, len| call!(self.module, C_SignFinal, self.handle, out, len))
    }

    /// C_SignInit and C_Sign.
    pub fn sign(&self, mechanism: &Mechanism, key: Key, data: &[u8]) -> Answer<Vec<u8>> {
        self.sign_init(mechanism, key)?;
        let (mut data, data_len) = bytes(data);
        two_calls(|out, len| call!(self.module, C_Sign, self.handle, data.as_mut_ptr(), data_len, out, len))
    }

    pub fn sign_parts(&self, mechanism: &Mechanism, key: Key, data: &[u8]) -> Answer<Vec<u8>> {
        self.sign_init(mechanism, key)?;
        for part in data.chunks(7) {
            self.sign_update(part)?;
        }
        self.sign_final()
    }

    pub fn verify_init(&self, mechanism: &Mechanism, key: Key) -> Answer<()> {
        mechanism.with(|mechanism| call!(self.module, C_VerifyInit, self.handle, mechanism, key))
    }

    /// C_VerifyInit and C_Verify.
    pub fn verify(&self, mechanism: &Mechanism, key: Key, data: &[u8], signature: &[u8]) -> Answer<()> {
        self.verify_init(mechanism, key)?;
        let ((mut data, data_len), (mut signature, len)) = (bytes(data), bytes(signature));
        call!(self.module, C_Verify, self.handle, data.as_mut_ptr(), data_len, signature.as_mut_ptr(), len)
    }

    pub fn verify_parts(&self, mechanism: &Mechanism, key: Key, data: &[u8], signature: &[u8]) -> Answer<()> {
        self.verify_init(mechanism, key)?;
        for part in data.chunks(7) {
            let (mut part, len) = bytes(part);
            call!(self.module, C_VerifyUpdate, self.handle, part.as_mut_ptr(), len)?;
        }
        let (mut signature, len) = bytes(signature);
        call!(self.module, C_VerifyFinal, self.handle, signature.as_mut_ptr(), len)
    }

    pub fn encrypt_init(&self, mechanism: &Mechanism, key: Key) -> Answer<()> {
        mechanism.with(|mechanism| call!(self.module, C_EncryptInit, self.handle, mechanism, key))
    }

    pub fn encrypt(&self, mechanism: &Mechanism, key: Key, data: &[u8]) -> Answer<Vec<u8>> {
        self.encrypt_init(mechanism, key)?;
        let (mut data, data_len) = bytes(data);
        two_calls(|out, len| {
            call!(self.module, C_Encrypt, self.handle, data.as_mut_ptr(), data_len, out, len)
        })
    }

    pub fn encrypt_parts(&self, mechanism: &Mechanism, key: Key, data: &[u8]) -> Answer<Vec<u8>> {
        self.encrypt_init(mechanism, key)?;
        let mut all = Vec::new();
        for part in data.chunks(7) {
            let (mut part, part_len) = bytes(part);
            all.extend(two_calls(|out, len| {
                call!(self.module, C_EncryptUpdate, self.handle, part.as_mut_ptr(), part_len, out, len)
            })?);
        }
        all.extend(two_calls(|out, len| call!(self.module, C_EncryptFinal, self.handle, out, len))?);
        Ok(all)
    }

    pub fn decrypt_init(&self, mechanism: &Mechanism, key: Key) -> Answer<()> {
        mechanism.with(|mechanism| call!(self.module, C_DecryptInit, self.handle, mechanism, key))
    }

    pub fn decrypt(&self, mechanism: &Mechanism, key: Key, data: &[u8]) -> Answer<Vec<u8>> {
        self.decrypt_init(mechanism, key)?;
        let (mut data, data_len) = bytes(data);
        two_calls(|out, len| {
            call!(self.module, C_Decrypt, self.handle, data.as_mut_ptr(), data_len, out, len)
        })
    }

    pub fn decrypt_parts(&self, mechanism: &Mechanism, key: Key, data: &[u8]) -> Answer<Vec<u8>> {
        self.decrypt_init(mechanism, key)?;
        let mut all = Vec::new();
        for part in data.chunks(7) {
            let (mut part, part_len) = bytes(part);
            all.extend(two_calls(|out, len| {
                call!(self.module, C_DecryptUpdate, self.handle, part.as_mut_ptr(), part_len, out, len)
            })?);
        }
        all.extend(two_calls(|out, len| call!(self.module, C_DecryptFinal, self.handle, out, len))?);
        Ok(all)
    }

    pub fn digest_init(&self, mechanism: &Mechanism) -> Answer<()> {
        mechanism.with(|mechanism| call!(self.module, C_DigestInit, self.handle, mechanism))
    }

    pub fn digest(&self, mechanism: &Mechanism, data: &[u8]) -> Answer<Vec<u8>> {
        self.digest_init(mechanism)?;
        let (mut data, data_len) = bytes(data);
        two_calls(|out, len| call!(self.module, C_Digest, self.handle, data.as_mut_ptr(), data_len, out, len))
    }

    pub fn digest_parts(&self, mechanism: &Mechanism, data: &[u8]) -> Answer<Vec<u8>> {
        self.digest_init(mechanism)?;
        for part in data.chunks(7) {
            let (mut part, len) = bytes(part);
            call!(self.module, C_DigestUpdate, self.handle, part.as_mut_ptr(), len)?;
        }
        two_calls(|out, len| call!(self.module, C_DigestFinal, self.handle, out, len))
    }
}

/// The two-call rule, walked whole: a length query, a buffer one byte too short (where the length is not
/// 0), which must change nothing, and a fitting one.
pub fn two_calls(mut call: impl FnMut(*mut u8, *mut CK_ULONG) -> Answer<()>) -> Answer<Vec<u8>> {
    let mut asked = 0;
    call(null_mut(), &raw mut asked)?;
    // A guard byte stands behind the buffer.
    let mut buffer = vec![0xA5_u8; asked as usize + 1];
    if asked > 0 {
        let mut short = 0;
        match call(buffer.as_mut_ptr(), &raw mut short) {
            Err(Rv(CKR_BUFFER_TOO_SMALL)) => assert!(short > 0 && short <= asked, "{short} of {asked}"),
            // An inexact length (a padding is taken off) may turn out to be nothing at all.
            Ok(()) if short == 0 => return Ok(Vec::new()),
            Ok(()) => panic!("a buffer without room is enough for {short} bytes"),
            Err(other) => return Err(other),
        }
        assert!(buffer.iter().all(|byte| *byte == 0xA5), "a short buffer was written");
    }
    let mut len = asked;
    call(buffer.as_mut_ptr(), &raw mut len)?;
    assert!(len <= asked, "{len} bytes where {asked} were announced");
    assert_eq!(buffer[asked as usize], 0xA5, "written behind the buffer");
    buffer.truncate(len as usize);
    Ok(buffer)
}
