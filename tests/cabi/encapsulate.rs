//! ML-KEM keys, C_EncapsulateKey and C_DecapsulateKey (PKCS#11 3.2, 5.18, ML-KEM).

use crate::client::*;
use crate::parameters::{kept, structure};
use crate::{alone, call};
use cryptoki_sys::*;
use std::ptr::null_mut;

const SETS: [(CK_ULONG, usize, usize, usize); 3] = [
    (CKP_ML_KEM_512, 800, 1632, 768),
    (CKP_ML_KEM_768, 1184, 2400, 1088),
    (CKP_ML_KEM_1024, 1568, 3168, 1568),
];

impl Session<'_> {
    fn ml_kem(&self, set: CK_ULONG, private: Template) -> Answer<(Key, Key)> {
        let public = Template::new().ulong(CKA_PARAMETER_SET, set);
        self.generate_pair(&Mechanism::plain(CKM_ML_KEM_KEY_PAIR_GEN), &public, &private)
    }

    /// One call with a buffer of this length.
    fn encapsulate_into(
        &self,
        ckm: CK_MECHANISM_TYPE,
        public: Key,
        template: &Template,
        room: Option<usize>,
    ) -> (Answer<()>, CK_ULONG, Vec<u8>, Key) {
        let (mut out, mut key) = (vec![0xA5_u8; room.unwrap_or(0) + 1], 0);
        let mut len = room.unwrap_or(0) as CK_ULONG;
        let answer = Mechanism::plain(ckm).with(|mechanism| {
            template.with(|list, count| {
                let out = if room.is_some() { out.as_mut_ptr() } else { null_mut() };
                call!(
                    self.module,
                    C_EncapsulateKey,
                    self.handle,
                    mechanism,
                    public,
                    list,
                    count,
                    out,
                    &raw mut len,
                    &raw mut key
                )
            })
        });
        assert_eq!(out.pop(), Some(0xA5), "written behind the buffer");
        (answer, len, out, key)
    }

    /// The new key and its ciphertext.
    fn encapsulate(&self, public: Key, template: &Template) -> Answer<(Key, Vec<u8>)> {
        let (answer, len, mut out, key) = self.encapsulate_into(CKM_ML_KEM, public, template, Some(2000));
        answer?;
        out.truncate(len as usize);
        Ok((key, out))
    }

    fn decapsulate(&self, private: Key, template: &Template, ciphertext: &[u8]) -> Answer<Key> {
        let ((mut ciphertext, len), mut key) = (bytes(ciphertext), 0);
        Mechanism::plain(CKM_ML_KEM).with(|mechanism| {
            template.with(|list, count| {
                let ciphertext = ciphertext.as_mut_ptr();
                call!(
                    self.module,
                    C_DecapsulateKey,
                    self.handle,
                    mechanism,
                    private,
                    list,
                    count,
                    ciphertext,
                    len,
                    &raw mut key
                )
            })
        })?;
        Ok(key)
    }

    fn secrets(&self) -> usize {
        self.find(&Template::new().class(CKO_SECRET_KEY)).unwrap().len()
    }
}

/// A shared secret that can be looked at.
fn open() -> Template {
    Template::new().flag(CKA_SENSITIVE, false).flag(CKA_EXTRACTABLE, true)
}

alone! {
    fn both_sides_have_the_same_key_for_every_parameter_set() {
        let world = World::new();
        let session = world.user();
        for (set, public_len, _, ciphertext_len) in SETS {
            let (public, private) = session.ml_kem(set, Template::new()).unwrap();
            assert_eq!(session.get(public, CKA_VALUE).unwrap().len(), public_len);
            for key in [public, private] {
                assert_eq!(session.get_ulong(key, CKA_PARAMETER_SET), Ok(set));
                assert_eq!(session.get_ulong(key, CKA_KEY_TYPE), Ok(CKK_ML_KEM));
                assert!(session.get_bool(key, CKA_LOCAL).unwrap());
            }
            assert!(session.get_bool(public, CKA_ENCAPSULATE).unwrap());
            assert!(session.get_bool(private, CKA_DECAPSULATE).unwrap());
            assert_eq!(session.get(public, CKA_PUBLIC_KEY_INFO), session.get(private, CKA_PUBLIC_KEY_INFO));
            for cka in [CKA_VALUE, CKA_SEED] {
                assert_eq!(session.get(private, cka), Err(Rv(CKR_ATTRIBUTE_SENSITIVE)));
            }
            let aes = open().class(CKO_SECRET_KEY).ulong(CKA_KEY_TYPE, CKK_AES);
            let (sent, ciphertext) = session.encapsulate(public, &aes).unwrap();
            assert_eq!(ciphertext.len(), ciphertext_len);
            let received = session.decapsulate(private, &aes, &ciphertext).unwrap();
            let value = session.get(sent, CKA_VALUE).unwrap();
            assert_eq!((value.len(), session.get(received, CKA_VALUE)), (32, Ok(value.clone())));
            for key in [sent, received] {
                assert!(!session.get_bool(key, CKA_LOCAL).unwrap());
                assert!(!session.get_bool(key, CKA_ALWAYS_SENSITIVE).unwrap());
                assert!(!session.get_bool(key, CKA_NEVER_EXTRACTABLE).unwrap());
            }
            // What was tampered with gives a key of its own, and always the same.
            let mut wrong = ciphertext.clone();
            wrong[100] ^= 1;
            let rejected = session.decapsulate(private, &aes, &wrong).unwrap();
            let other = session.get(rejected, CKA_VALUE).unwrap();
            assert_ne!(other, value);
            let rejected = session.decapsulate(private, &aes, &wrong).unwrap();
            assert_eq!(session.get(rejected, CKA_VALUE).unwrap(), other);
            let refused = session.decapsulate(private, &aes, &wrong[1..]);
            assert_eq!(refused, Err(Rv(CKR_WRAPPED_KEY_LEN_RANGE)));
            // Each encapsulation is another.
            let (next, again) = session.encapsulate(public, &aes).unwrap();
            assert!(again != ciphertext && session.get(next, CKA_VALUE).unwrap() != value);
        }
    }
}

alone! {
    fn the_shared_key_works_and_is_closed_by_default() {
        let world = World::new();
        let session = world.user();
        let (public, private) = session.ml_kem(CKP_ML_KEM_768, Template::token()).unwrap();
        let template = |uses: &[CK_ATTRIBUTE_TYPE]| Template::new().ulong(CKA_KEY_TYPE, CKK_AES).uses(uses);
        let (sent, ciphertext) = session.encapsulate(public, &template(&[CKA_ENCRYPT])).unwrap();
        let received = session.decapsulate(private, &template(&[CKA_DECRYPT]), &ciphertext).unwrap();
        let gcm = Mechanism::gcm(&[1; 12], b"", 128);
        let sealed = session.encrypt(&gcm, sent, b"message").unwrap();
        assert_eq!(session.decrypt(&gcm, received, &sealed).as_deref(), Ok(&b"message"[..]));
        assert_eq!(session.get(received, CKA_VALUE), Err(Rv(CKR_ATTRIBUTE_SENSITIVE)));
        // The private key was sealed in the store, and opens again.
        session.close().unwrap();
        world.stop();
        world.start();
        let session = world.user();
        let private = session.find(&Template::new().class(CKO_PRIVATE_KEY)).unwrap()[0];
        let received = session.decapsulate(private, &template(&[CKA_DECRYPT]), &ciphertext).unwrap();
        assert_eq!(session.decrypt(&gcm, received, &sealed).as_deref(), Ok(&b"message"[..]));
    }
}

alone! {
    fn a_length_query_a_short_buffer_and_a_wrong_template_make_no_key() {
        let world = World::new();
        let session = world.user();
        let (public, private) = session.ml_kem(CKP_ML_KEM_512, Template::new()).unwrap();
        let good = open();
        let (answer, len, _, key) = session.encapsulate_into(CKM_ML_KEM, public, &good, None);
        assert_eq!((answer, len, key), (Ok(()), 768, 0));
        for room in [0, 767] {
            let (answer, len, out, key) = session.encapsulate_into(CKM_ML_KEM, public, &good, Some(room));
            assert_eq!((answer, len, key), (Err(Rv(CKR_BUFFER_TOO_SMALL)), 768, 0));
            assert!(out.iter().all(|byte| *byte == 0xA5));
        }
        for wrong in [
            open().ulong(CKA_KEY_TYPE, CKK_RSA),
            open().class(CKO_PUBLIC_KEY),
            open().ulong(CKA_VALUE_LEN, 16),
            open().bytes(CKA_VALUE, &[1; 32]),
            open().bytes(CKA_MODULUS, &[1; 32]),
        ] {
            let (answer, _, out, key) = session.encapsulate_into(CKM_ML_KEM, public, &wrong, Some(768));
            assert!(answer.is_err() && key == 0);
            assert!(out.iter().all(|byte| *byte == 0xA5), "refused, and yet written");
            assert!(session.decapsulate(private, &wrong, &[0; 768]).is_err());
        }
        assert_eq!(session.secrets(), 0);
        let (answer, len, _, key) = session.encapsulate_into(CKM_ML_KEM, public, &good, Some(768));
        assert!(answer == Ok(()) && len == 768 && key != 0);
        assert_eq!(session.secrets(), 1);
    }
}

alone! {
    fn keys_without_the_use_and_of_another_class_are_refused() {
        let world = World::new();
        let session = world.user();
        let (public, private) = session.ml_kem(CKP_ML_KEM_512, Template::new()).unwrap();
        let encapsulate = |ckm, key| session.encapsulate_into(ckm, key, &open(), Some(2000)).0;
        assert!(encapsulate(CKM_ML_KEM, private).is_err());
        assert!(session.decapsulate(public, &open(), &[0; 768]).is_err());
        assert_eq!(encapsulate(CKM_AES_GCM, public), Err(Rv(CKR_MECHANISM_PARAM_INVALID)));
        assert_eq!(encapsulate(CKM_SHA256_RSA_PKCS, public), Err(Rv(CKR_MECHANISM_INVALID)));
        assert_eq!(encapsulate(CKM_ML_KEM, 0x7777), Err(Rv(CKR_KEY_HANDLE_INVALID)));
        let (rsa, _) = session.rsa(Template::new().uses(&[CKA_ENCRYPT]), Template::new().uses(&[CKA_DECRYPT])).unwrap();
        assert_eq!(encapsulate(CKM_ML_KEM, rsa), Err(Rv(CKR_KEY_TYPE_INCONSISTENT)));
        session.set(public, &Template::new().flag(CKA_ENCAPSULATE, false)).unwrap();
        assert_eq!(encapsulate(CKM_ML_KEM, public), Err(Rv(CKR_KEY_FUNCTION_NOT_PERMITTED)));
        session.set_state(private, COMPROMISED).unwrap();
        assert!(session.decapsulate(private, &open(), &[0; 768]).is_err());
        let wrong = session.ml_kem(4, Template::new());
        assert_eq!(wrong.err(), Some(Rv(CKR_PARAMETER_SET_NOT_SUPPORTED)));
        let generation = Mechanism::plain(CKM_ML_KEM_KEY_PAIR_GEN);
        let none = session.generate_pair(&generation, &Template::new(), &Template::new());
        assert_eq!(none.err(), Some(Rv(CKR_TEMPLATE_INCOMPLETE)));
    }
}

alone! {
    fn keys_are_imported_by_value_or_seed_and_checked() {
        let world = World::new();
        let session = world.user();
        for (set, _, private_len, _) in SETS {
            let (public, private) = session.ml_kem(set, open()).unwrap();
            let value = session.get(private, CKA_VALUE).unwrap();
            let seed = session.get(private, CKA_SEED).unwrap();
            assert_eq!((value.len(), seed.len()), (private_len, 64));
            let template = || {
                let kind = Template::new().class(CKO_PRIVATE_KEY).ulong(CKA_KEY_TYPE, CKK_ML_KEM);
                kind.ulong(CKA_PARAMETER_SET, set).flag(CKA_DECAPSULATE, true)
            };
            let (sent, ciphertext) = session.encapsulate(public, &open()).unwrap();
            let expected = session.get(sent, CKA_VALUE);
            for template in [
                template().bytes(CKA_VALUE, &value),
                template().bytes(CKA_SEED, &seed),
                template().bytes(CKA_VALUE, &value).bytes(CKA_SEED, &seed),
            ] {
                let imported = session.create(&template).unwrap();
                let received = session.decapsulate(imported, &open(), &ciphertext).unwrap();
                assert_eq!(session.get(received, CKA_VALUE), expected);
                let info = session.get(imported, CKA_PUBLIC_KEY_INFO);
                assert_eq!(info, session.get(public, CKA_PUBLIC_KEY_INFO));
            }
            let refused = |template: Template| session.create(&template).unwrap_err().0;
            let mut wrong = value.clone();
            wrong[private_len - 50] ^= 1;
            assert_eq!(refused(template().bytes(CKA_VALUE, &wrong)), CKR_ATTRIBUTE_VALUE_INVALID);
            assert_eq!(refused(template().bytes(CKA_VALUE, &value[1..])), CKR_ATTRIBUTE_VALUE_INVALID);
            assert_eq!(refused(template().bytes(CKA_SEED, &seed[1..])), CKR_ATTRIBUTE_VALUE_INVALID);
            let both = template().bytes(CKA_VALUE, &value).bytes(CKA_SEED, &[1; 64]);
            assert_eq!(refused(both), CKR_ATTRIBUTE_VALUE_INVALID);
            assert_eq!(refused(template()), CKR_TEMPLATE_INCOMPLETE);
            // The public half.
            let public_value = session.get(public, CKA_VALUE).unwrap();
            let template = |value: &[u8]| {
                let kind = Template::new().class(CKO_PUBLIC_KEY).ulong(CKA_KEY_TYPE, CKK_ML_KEM);
                kind.ulong(CKA_PARAMETER_SET, set).flag(CKA_ENCAPSULATE, true).bytes(CKA_VALUE, value)
            };
            let imported = session.create(&template(&public_value)).unwrap();
            let (sent, ciphertext) = session.encapsulate(imported, &open()).unwrap();
            let received = session.decapsulate(private, &open(), &ciphertext).unwrap();
            assert_eq!(session.get(received, CKA_VALUE), session.get(sent, CKA_VALUE));
            let mut wrong = public_value.clone();
            (wrong[0], wrong[1]) = (0xFF, 0xFF);
            assert_eq!(refused(template(&wrong)), CKR_ATTRIBUTE_VALUE_INVALID);
            assert_eq!(refused(template(&public_value[1..])), CKR_ATTRIBUTE_VALUE_INVALID);
        }
    }
}

alone! {
    fn decapsulation_keys_are_wrapped_and_unwrapped() {
        let world = World::new();
        let session = world.user();
        let kek = session.aes(Template::new().uses(&[CKA_WRAP, CKA_UNWRAP])).unwrap();
        let carrier = Mechanism::plain(CKM_AES_KEY_WRAP_KWP);
        for (set, ..) in SETS {
            let (public, private) = session.ml_kem(set, Template::new().flag(CKA_EXTRACTABLE, true)).unwrap();
            let wrapped = session.wrap(&carrier, kek, private).unwrap();
            let template = Template::new().class(CKO_PRIVATE_KEY).ulong(CKA_KEY_TYPE, CKK_ML_KEM);
            let back = session.unwrap(&carrier, kek, &wrapped, &template).unwrap();
            let (sent, ciphertext) = session.encapsulate(public, &open()).unwrap();
            let received = session.decapsulate(back, &open(), &ciphertext).unwrap();
            assert_eq!(session.get(received, CKA_VALUE), session.get(sent, CKA_VALUE));
            assert_eq!(session.get_ulong(back, CKA_PARAMETER_SET), Ok(set));
        }
    }
}

alone! {
    fn an_elliptic_curve_encapsulates_too() {
        let world = World::new();
        let session = world.user();
        let uses = |cka| Template::new().uses(&[cka]);
        let (public, private) = session.p256(uses(CKA_ENCAPSULATE), uses(CKA_DECAPSULATE)).unwrap();
        let mechanism = structure(
            CKM_ECDH1_DERIVE,
            &CK_ECDH1_DERIVE_PARAMS {
                kdf: CKD_SHA256_KDF,
                ulSharedDataLen: 4,
                pSharedData: kept(b"info"),
                ulPublicDataLen: 0,
                pPublicData: null_mut(),
            },
        );
        let template = open().class(CKO_SECRET_KEY).ulong(CKA_KEY_TYPE, CKK_AES).ulong(CKA_VALUE_LEN, 32);
        let (mut sent, mut received) = (0, 0);
        let mut ciphertext = mechanism.with(|mechanism| {
            template.with(|list, count| {
                two_calls(|out, len| {
                    call!(
                        world.module, C_EncapsulateKey, session.handle, mechanism, public, list, count, out, len,
                        &raw mut sent
                    )
                })
            })
        }).unwrap();
        assert_eq!((ciphertext.len(), ciphertext[0], session.secrets()), (65, 4, 1));
        let mut decapsulate = |ciphertext: &mut [u8]| {
            let (start, len) = (ciphertext.as_mut_ptr(), ciphertext.len() as CK_ULONG);
            mechanism.with(|mechanism| {
                template.with(|list, count| {
                    call!(
                        world.module, C_DecapsulateKey, session.handle, mechanism, private, list, count, start, len,
                        &raw mut received
                    )
                })
            })
        };
        decapsulate(&mut ciphertext).unwrap();
        ciphertext[9] ^= 1;
        assert_eq!(decapsulate(&mut ciphertext), Err(Rv(CKR_WRAPPED_KEY_INVALID)));
        assert_eq!(session.get(received, CKA_VALUE), session.get(sent, CKA_VALUE));
        assert_eq!(session.get(sent, CKA_VALUE).unwrap().len(), 32);
    }
}
