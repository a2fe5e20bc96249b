//! C_WrapKeyAuthenticated and C_UnwrapKeyAuthenticated, and C_WrapKey where the module makes the IV
//! (PKCS#11 3.2, 5.18, 6.13).

use crate::client::*;
use crate::parameters::{kept, structure};
use crate::{alone, call};
use cryptoki_sys::*;
use std::collections::HashSet;

/// Places of an IV and a tag that live as long as the process, and a mechanism that leads to them.
struct Sealing {
    mechanism: Mechanism,
    iv: *mut u8,
    tag: *mut u8,
}

impl Sealing {
    fn new(ckm: CK_MECHANISM_TYPE, generator: CK_GENERATOR_FUNCTION, fixed_bits: CK_ULONG) -> Self {
        let (iv, tag) = (kept(&[6; 12]), kept(&[0; 16]));
        let mechanism = match ckm {
            CKM_AES_CCM => structure(
                ckm,
                &CK_CCM_MESSAGE_PARAMS {
                    ulDataLen: 0,
                    pNonce: iv,
                    ulNonceLen: 12,
                    ulNonceFixedBits: fixed_bits,
                    nonceGenerator: generator,
                    pMAC: tag,
                    ulMACLen: 16,
                },
            ),
            _ => structure(
                ckm,
                &CK_GCM_MESSAGE_PARAMS {
                    pIv: iv,
                    ulIvLen: 12,
                    ulIvFixedBits: fixed_bits,
                    ivGenerator: generator,
                    pTag: tag,
                    ulTagBits: 128,
                },
            ),
        };
        Self { mechanism, iv, tag }
    }

    fn iv(&self) -> [u8; 12] {
        // SAFETY: 12 bytes that are never freed.
        unsafe { self.iv.cast::<[u8; 12]>().read() }
    }

    fn tag(&self) -> [u8; 16] {
        // SAFETY: 16 bytes that are never freed.
        unsafe { self.tag.cast::<[u8; 16]>().read() }
    }
}

impl Session<'_> {
    fn wrap_authenticated(&self, sealing: &Sealing, kek: Key, key: Key, aad: &[u8]) -> Answer<Vec<u8>> {
        let (mut aad, aad_len) = bytes(aad);
        sealing.mechanism.with(|mechanism| {
            two_calls(|out, len| {
                let aad = aad.as_mut_ptr();
                call!(
                    self.module,
                    C_WrapKeyAuthenticated,
                    self.handle,
                    mechanism,
                    kek,
                    key,
                    aad,
                    aad_len,
                    out,
                    len
                )
            })
        })
    }

    fn unwrap_authenticated(
        &self,
        sealing: &Sealing,
        kek: Key,
        wrapped: &[u8],
        template: &Template,
        aad: &[u8],
    ) -> Answer<Key> {
        let ((mut aad, aad_len), (mut wrapped, len), mut key) = (bytes(aad), bytes(wrapped), 0);
        sealing.mechanism.with(|mechanism| {
            template.with(|list, count| {
                let (aad, wrapped) = (aad.as_mut_ptr(), wrapped.as_mut_ptr());
                call!(
                    self.module,
                    C_UnwrapKeyAuthenticated,
                    self.handle,
                    mechanism,
                    kek,
                    wrapped,
                    len,
                    list,
                    count,
                    aad,
                    aad_len,
                    &raw mut key
                )
            })
        })?;
        Ok(key)
    }
}

fn kek(session: Session<'_>) -> Key {
    session.aes(Template::new().uses(&[CKA_WRAP, CKA_UNWRAP])).unwrap()
}

fn open() -> Template {
    Template::new().flag(CKA_SENSITIVE, false).flag(CKA_EXTRACTABLE, true).uses(&[CKA_ENCRYPT, CKA_DECRYPT])
}

fn aes() -> Template {
    open().class(CKO_SECRET_KEY).ulong(CKA_KEY_TYPE, CKK_AES)
}

alone! {
    fn keys_come_back_under_their_associated_data_only() {
        let world = World::new();
        let session = world.user();
        let (kek, key) = (kek(session), session.aes(open()).unwrap());
        let value = session.get(key, CKA_VALUE).unwrap();
        for ckm in [CKM_AES_GCM, CKM_AES_CCM] {
            for generator in [CKG_NO_GENERATE, CKG_GENERATE, CKG_GENERATE_RANDOM] {
                let sealing = Sealing::new(ckm, generator, 16);
                let wrapped = session.wrap_authenticated(&sealing, kek, key, b"for whom").unwrap();
                assert_eq!(wrapped.len(), 32);
                assert_eq!(sealing.iv()[..2], [6; 2], "the fixed bits stay");
                assert_eq!(sealing.iv() == [6; 12], generator == CKG_NO_GENERATE);
                assert_ne!(sealing.tag(), [0; 16]);
                let back = session.unwrap_authenticated(&sealing, kek, &wrapped, &aes(), b"for whom").unwrap();
                assert_eq!(session.get(back, CKA_VALUE).unwrap(), value);
                assert!(!session.get_bool(back, CKA_LOCAL).unwrap());
                let invalid = Err(Rv(CKR_WRAPPED_KEY_INVALID));
                let other = session.unwrap_authenticated(&sealing, kek, &wrapped, &aes(), b"another");
                assert_eq!(other, invalid);
                let mut wrong = wrapped.clone();
                wrong[5] ^= 1;
                assert_eq!(session.unwrap_authenticated(&sealing, kek, &wrong, &aes(), b"for whom"), invalid);
                // SAFETY: a byte of the tag.
                unsafe { *sealing.tag ^= 1 };
                let tampered = session.unwrap_authenticated(&sealing, kek, &wrapped, &aes(), b"for whom");
                assert_eq!(tampered, invalid);
            }
        }
        assert_eq!(session.find(&Template::new().class(CKO_SECRET_KEY)).unwrap().len(), 2 + 6);
    }
}

alone! {
    fn private_keys_travel_so_too() {
        let world = World::new();
        let session = world.user();
        let kek = kek(session);
        let uses = [CKA_DERIVE];
        let (_, key) = session
            .p256(Template::new().uses(&uses), Template::new().flag(CKA_EXTRACTABLE, true).uses(&uses))
            .unwrap();
        let sealing = Sealing::new(CKM_AES_GCM, CKG_GENERATE, 0);
        let wrapped = session.wrap_authenticated(&sealing, kek, key, b"").unwrap();
        let template = Template::new().class(CKO_PRIVATE_KEY).ulong(CKA_KEY_TYPE, CKK_EC).uses(&uses);
        let back = session.unwrap_authenticated(&sealing, kek, &wrapped, &template, b"").unwrap();
        assert_eq!(session.get(back, CKA_PUBLIC_KEY_INFO), session.get(key, CKA_PUBLIC_KEY_INFO));
        assert_eq!(session.get(back, CKA_VALUE), Err(Rv(CKR_ATTRIBUTE_SENSITIVE)));
    }
}

alone! {
    /// CK_GCM_PARAMS is as long as the structure that belongs here, and has the length of the associated data where that has
    /// the pointer to the tag.
    fn structure_of_an_encryption_is_refused_and_nothing_is_read_at_its_length() {
        let world = World::new();
        let session = world.user();
        let kek = kek(session);
        for aad in [kept(b"whom"), std::ptr::null_mut()] {
            let encryption = CK_GCM_PARAMS {
                pIv: kept(&[6; 12]),
                ulIvLen: 12,
                ulIvBits: 96,
                pAAD: aad,
                ulAADLen: 4,
                ulTagBits: 128,
            };
            let mechanism = structure(CKM_AES_GCM, &encryption);
            let sealing = Sealing { mechanism, iv: encryption.pIv, tag: kept(&[0; 16]) };
            let invalid = Err(Rv(CKR_MECHANISM_PARAM_INVALID));
            assert_eq!(session.unwrap_authenticated(&sealing, kek, &[5; 32], &aes(), b""), invalid);
            let key = session.aes(open()).unwrap();
            assert_eq!(session.wrap_authenticated(&sealing, kek, key, b"").map(drop), invalid.map(drop));
        }
    }
}

alone! {
    fn made_ivs_never_come_twice_and_counters_are_refused() {
        let world = World::new();
        let session = world.user();
        let (kek, key) = (kek(session), session.aes(open()).unwrap());
        let sealing = Sealing::new(CKM_AES_GCM, CKG_GENERATE, 32);
        let mut seen = HashSet::new();
        for _ in 0..50 {
            session.wrap_authenticated(&sealing, kek, key, b"").unwrap();
            assert!(seen.insert(sealing.iv()));
        }
        // A counter begins at zero in every process that has the key.
        for generator in [CKG_GENERATE_COUNTER, CKG_GENERATE_COUNTER_XOR] {
            let sealing = Sealing::new(CKM_AES_GCM, generator, 32);
            let refused = session.wrap_authenticated(&sealing, kek, key, b"");
            assert_eq!(refused, Err(Rv(CKR_MECHANISM_PARAM_INVALID)));
        }
    }
}

alone! {
    fn a_length_query_and_a_short_buffer_tell_neither_iv_nor_tag() {
        let world = World::new();
        let session = world.user();
        let (kek, key) = (kek(session), session.aes(open()).unwrap());
        let sealing = Sealing::new(CKM_AES_GCM, CKG_GENERATE, 0);
        let mut out = [0xA5_u8; 31];
        for start in [std::ptr::null_mut(), out.as_mut_ptr()] {
            let mut len = 31;
            let answer = sealing.mechanism.with(|mechanism| {
                let none = std::ptr::null_mut();
                call!(
                    world.module, C_WrapKeyAuthenticated, session.handle, mechanism, kek, key, none, 0, start,
                    &raw mut len
                )
            });
            let expected = if start.is_null() { Ok(()) } else { Err(Rv(CKR_BUFFER_TOO_SMALL)) };
            assert_eq!((answer, len), (expected, 32));
        }
        assert_eq!((sealing.iv(), sealing.tag(), out), ([6; 12], [0; 16], [0xA5; 31]));
    }
}

alone! {
    fn what_the_law_forbids_is_forbidden_here_too() {
        let world = World::new();
        let session = world.user();
        let (kek, key) = (kek(session), session.aes(open()).unwrap());
        let sealing = Sealing::new(CKM_AES_GCM, CKG_GENERATE, 0);
        let closed = session.aes(Template::new().flag(CKA_EXTRACTABLE, false)).unwrap();
        let refused = session.wrap_authenticated(&sealing, kek, closed, b"");
        assert_eq!(refused, Err(Rv(CKR_KEY_UNEXTRACTABLE)));
        let refused = session.wrap_authenticated(&sealing, key, key, b"");
        assert_eq!(refused, Err(Rv(CKR_KEY_FUNCTION_NOT_PERMITTED)));
        // Mechanisms without associated data have no such form.
        let plain = Sealing { mechanism: Mechanism::plain(CKM_AES_KEY_WRAP_KWP), ..Sealing::new(0, 0, 0) };
        let refused = session.wrap_authenticated(&plain, kek, key, b"");
        assert_eq!(refused, Err(Rv(CKR_MECHANISM_INVALID)));
        let none = Sealing { mechanism: Mechanism::plain(CKM_AES_GCM), ..Sealing::new(0, 0, 0) };
        let refused = session.wrap_authenticated(&none, kek, key, b"");
        assert_eq!(refused, Err(Rv(CKR_MECHANISM_PARAM_INVALID)));
    }
}

alone! {
    fn wrap_key_with_its_own_parameters_makes_the_iv_and_appends_the_tag() {
        let world = World::new();
        let session = world.user();
        let (kek, key) = (kek(session), session.aes(open()).unwrap());
        let value = session.get(key, CKA_VALUE).unwrap();
        let iv = kept(&[6; 12]);
        let gcm = CK_GCM_WRAP_PARAMS {
            pIv: iv,
            ulIvLen: 12,
            ulIvFixedBits: 32,
            ivGenerator: CKG_GENERATE,
            pAAD: kept(b"aad"),
            ulAADLen: 3,
            ulTagBits: 128,
        };
        let ccm = CK_CCM_WRAP_PARAMS {
            ulDataLen: 99,
            pNonce: iv,
            ulNonceLen: 12,
            ulNonceFixedBits: 32,
            nonceGenerator: CKG_GENERATE,
            pAAD: kept(b"aad"),
            ulAADLen: 3,
            ulMACLen: 8,
        };
        for (mechanism, len) in [(structure(CKM_AES_GCM, &gcm), 48), (structure(CKM_AES_CCM, &ccm), 40)] {
            let wrapped = session.wrap(&mechanism, kek, key).unwrap();
            assert_eq!(wrapped.len(), len);
            // SAFETY: 12 bytes that are never freed.
            let made = unsafe { iv.cast::<[u8; 12]>().read() };
            assert!(made[..4] == [6; 4] && made != [6; 12]);
            let back = session.unwrap(&mechanism, kek, &wrapped, &aes()).unwrap();
            assert_eq!(session.get(back, CKA_VALUE).unwrap(), value);
            if mechanism.ckm == CKM_AES_GCM {
                // The parameter of encryption with the same IV unwraps it as well.
                let back = session.unwrap(&Mechanism::gcm(&made, b"aad", 128), kek, &wrapped, &aes()).unwrap();
                assert_eq!(session.get(back, CKA_VALUE).unwrap(), value);
            }
            let mut wrong = wrapped;
            wrong[0] ^= 1;
            let refused = session.unwrap(&mechanism, kek, &wrong, &aes());
            assert_eq!(refused, Err(Rv(CKR_WRAPPED_KEY_INVALID)));
        }
    }
}

alone! {
    fn rule_about_the_source_of_the_vector_holds_for_wrapped_keys() {
        let world = World::new();
        let session = world.user();
        let kek = session.aes(Template::token().uses(&[CKA_WRAP, CKA_UNWRAP])).unwrap();
        let key = session.aes(open()).unwrap();
        let refused = Err(Rv(CKR_MECHANISM_PARAM_INVALID));
        super::installed::install_text(&world, "[keys]\nparameters = { iv_source = \"generated\", min_tag = 128 }\n");
        assert_eq!(session.wrap(&Mechanism::gcm(&[8; 12], b"", 128), kek, key), refused);
        let given = Sealing::new(CKM_AES_GCM, CKG_NO_GENERATE, 0);
        assert_eq!(session.wrap_authenticated(&given, kek, key, b""), refused);
        assert_eq!(session.reason(), 0x307);
        let made = Sealing::new(CKM_AES_GCM, CKG_GENERATE, 32);
        let wrapped = session.wrap_authenticated(&made, kek, key, b"").unwrap();
        session.unwrap_authenticated(&made, kek, &wrapped, &aes(), b"").unwrap();
        session.wrap(&Mechanism::plain(CKM_AES_KEY_WRAP), kek, key).unwrap();
    }
}
