//! Message-based encryption and decryption (PKCS#11 3.2, 5.9, 5.11).

use crate::client::*;
use crate::{alone, call};
use cryptoki_sys::*;
use std::collections::HashSet;
use std::ffi::c_void;
use std::ptr::null_mut;

/// The parameter of one message, and the memory that it leads to.
struct Message {
    ckm: CK_MECHANISM_TYPE,
    iv: Vec<u8>,
    fixed_bits: CK_ULONG,
    generator: CK_GENERATOR_FUNCTION,
    tag: Vec<u8>,
    data_len: CK_ULONG,
}

impl Message {
    fn new(ckm: CK_MECHANISM_TYPE, iv: &[u8]) -> Self {
        let (iv, tag) = (iv.to_vec(), vec![0; 16]);
        Self { ckm, iv, fixed_bits: 0, generator: CKG_NO_GENERATE, tag, data_len: 0 }
    }

    fn generated(
        ckm: CK_MECHANISM_TYPE,
        iv: &[u8],
        generator: CK_GENERATOR_FUNCTION,
        fixed: CK_ULONG,
    ) -> Self {
        Self { generator, fixed_bits: fixed, ..Self::new(ckm, iv) }
    }

    /// As C sees it.
    fn with<R>(&mut self, work: impl FnOnce(*mut c_void, CK_ULONG) -> R) -> R {
        fn run<T, R>(mut parameter: T, work: impl FnOnce(*mut c_void, CK_ULONG) -> R) -> R {
            work((&raw mut parameter).cast(), size_of::<T>() as CK_ULONG)
        }
        let (iv, iv_len) = (self.iv.as_mut_ptr(), self.iv.len() as CK_ULONG);
        let (tag, tag_len) = (self.tag.as_mut_ptr(), self.tag.len() as CK_ULONG);
        match self.ckm {
            CKM_AES_GCM => run(
                CK_GCM_MESSAGE_PARAMS {
                    pIv: iv,
                    ulIvLen: iv_len,
                    ulIvFixedBits: self.fixed_bits,
                    ivGenerator: self.generator,
                    pTag: tag,
                    ulTagBits: tag_len * 8,
                },
                work,
            ),
            CKM_AES_CCM => run(
                CK_CCM_MESSAGE_PARAMS {
                    ulDataLen: self.data_len,
                    pNonce: iv,
                    ulNonceLen: iv_len,
                    ulNonceFixedBits: self.fixed_bits,
                    nonceGenerator: self.generator,
                    pMAC: tag,
                    ulMACLen: tag_len,
                },
                work,
            ),
            _ => run(
                CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS { pNonce: iv, ulNonceLen: iv_len * 8, pTag: tag },
                work,
            ),
        }
    }
}

impl Session<'_> {
    fn message_encrypt_init(&self, ckm: CK_MECHANISM_TYPE, key: Key) -> Answer<()> {
        Mechanism::plain(ckm)
            .with(|mechanism| call!(self.module, C_MessageEncryptInit, self.handle, mechanism, key))
    }

    fn message_decrypt_init(&self, ckm: CK_MECHANISM_TYPE, key: Key) -> Answer<()> {
        Mechanism::plain(ckm)
            .with(|mechanism| call!(self.module, C_MessageDecryptInit, self.handle, mechanism, key))
    }

    fn encrypt_message(&self, message: &mut Message, aad: &[u8], data: &[u8]) -> Answer<Vec<u8>> {
        let ((mut aad, aad_len), (mut data, data_len)) = (bytes(aad), bytes(data));
        message.data_len = data_len;
        message.with(|parameter, len| {
            two_calls(|out, out_len| {
                let (aad, data) = (aad.as_mut_ptr(), data.as_mut_ptr());
                call!(
                    self.module,
                    C_EncryptMessage,
                    self.handle,
                    parameter,
                    len,
                    aad,
                    aad_len,
                    data,
                    data_len,
                    out,
                    out_len
                )
            })
        })
    }

    fn decrypt_message(&self, message: &mut Message, aad: &[u8], data: &[u8]) -> Answer<Vec<u8>> {
        let ((mut aad, aad_len), (mut data, data_len)) = (bytes(aad), bytes(data));
        message.data_len = data_len;
        message.with(|parameter, len| {
            two_calls(|out, out_len| {
                let (aad, data) = (aad.as_mut_ptr(), data.as_mut_ptr());
                call!(
                    self.module,
                    C_DecryptMessage,
                    self.handle,
                    parameter,
                    len,
                    aad,
                    aad_len,
                    data,
                    data_len,
                    out,
                    out_len
                )
            })
        })
    }

    fn encrypt_begin(&self, message: &mut Message, aad: &[u8]) -> Answer<()> {
        let (mut aad, aad_len) = bytes(aad);
        message.with(|parameter, len| {
            call!(self.module, C_EncryptMessageBegin, self.handle, parameter, len, aad.as_mut_ptr(), aad_len)
        })
    }

    fn encrypt_next(&self, message: &mut Message, part: &[u8], flags: CK_FLAGS) -> Answer<Vec<u8>> {
        let (mut part, part_len) = bytes(part);
        message.with(|parameter, len| {
            two_calls(|out, out_len| {
                let part = part.as_mut_ptr();
                call!(
                    self.module,
                    C_EncryptMessageNext,
                    self.handle,
                    parameter,
                    len,
                    part,
                    part_len,
                    out,
                    out_len,
                    flags
                )
            })
        })
    }

    fn decrypt_begin(&self, message: &mut Message, aad: &[u8]) -> Answer<()> {
        let (mut aad, aad_len) = bytes(aad);
        message.with(|parameter, len| {
            call!(self.module, C_DecryptMessageBegin, self.handle, parameter, len, aad.as_mut_ptr(), aad_len)
        })
    }

    fn decrypt_next(&self, message: &mut Message, part: &[u8], flags: CK_FLAGS) -> Answer<Vec<u8>> {
        let (mut part, part_len) = bytes(part);
        message.with(|parameter, len| {
            two_calls(|out, out_len| {
                let part = part.as_mut_ptr();
                call!(
                    self.module,
                    C_DecryptMessageNext,
                    self.handle,
                    parameter,
                    len,
                    part,
                    part_len,
                    out,
                    out_len,
                    flags
                )
            })
        })
    }

    fn encrypt_final(&self) -> Answer<()> {
        call!(self.module, C_MessageEncryptFinal, self.handle)
    }

    fn decrypt_final(&self) -> Answer<()> {
        call!(self.module, C_MessageDecryptFinal, self.handle)
    }
}

const AEADS: [CK_MECHANISM_TYPE; 3] = [CKM_AES_GCM, CKM_AES_CCM, CKM_CHACHA20_POLY1305];
const DATA: &[CK_ATTRIBUTE_TYPE] = &[CKA_ENCRYPT, CKA_DECRYPT];

fn data_key(session: Session<'_>, ckm: CK_MECHANISM_TYPE) -> Key {
    match ckm {
        CKM_CHACHA20_POLY1305 => {
            session.generate(&Mechanism::plain(CKM_CHACHA20_KEY_GEN), &Template::new().uses(DATA)).unwrap()
        }
        _ => session.aes(Template::new().uses(DATA)).unwrap(),
    }
}

alone! {
    fn messages_of_every_aead_come_back_and_equal_the_single_form() {
        let world = World::new();
        let session = world.user();
        for ckm in AEADS {
            let key = data_key(session, ckm);
            session.message_encrypt_init(ckm, key).unwrap();
            session.message_decrypt_init(ckm, key).unwrap();
            for (count, len) in [0_usize, 1, 16, 1000].into_iter().enumerate() {
                let (data, iv) = (vec![7; len], [count as u8; 12]);
                let mut message = Message::new(ckm, &iv);
                let encrypted = session.encrypt_message(&mut message, b"aad", &data).unwrap();
                assert_eq!((encrypted.len(), &message.iv[..]), (len, &iv[..]));
                assert_eq!(session.decrypt_message(&mut message, b"aad", &encrypted), Ok(data.clone()));
                if ckm == CKM_AES_GCM {
                    let single = session.encrypt(&Mechanism::gcm(&iv, b"aad", 128), key, &data).unwrap();
                    assert_eq!(single, [&encrypted[..], &message.tag].concat());
                }
                // The same in parts, and both ways of decrypting it.
                let mut parts = Message { data_len: len as CK_ULONG, ..Message::new(ckm, &iv) };
                session.encrypt_begin(&mut parts, b"aad").unwrap();
                let mut all = Vec::new();
                for part in data.chunks(7) {
                    all.extend(session.encrypt_next(&mut parts, part, 0).unwrap());
                }
                all.extend(session.encrypt_next(&mut parts, b"", CKF_END_OF_MESSAGE).unwrap());
                assert_eq!((&all, &parts.tag), (&encrypted, &message.tag), "{ckm:#x}");
                session.decrypt_begin(&mut parts, b"aad").unwrap();
                for part in encrypted.chunks(7) {
                    let early = session.decrypt_next(&mut parts, part, 0).unwrap();
                    assert!(early.is_empty(), "plaintext before its tag was verified");
                }
                assert_eq!(session.decrypt_next(&mut parts, b"", CKF_END_OF_MESSAGE), Ok(data));
            }
            session.encrypt_final().unwrap();
            session.decrypt_final().unwrap();
            assert_eq!(session.encrypt_final(), Err(Rv(CKR_OPERATION_NOT_INITIALIZED)));
        }
    }
}

alone! {
    fn tampered_messages_are_refused_and_the_next_one_is_fine() {
        let world = World::new();
        let session = world.user();
        for ckm in AEADS {
            let key = data_key(session, ckm);
            session.message_encrypt_init(ckm, key).unwrap();
            session.message_decrypt_init(ckm, key).unwrap();
            let mut message = Message::new(ckm, &[1; 12]);
            let encrypted = session.encrypt_message(&mut message, b"aad", b"the message").unwrap();
            let mut wrong = encrypted.clone();
            wrong[3] ^= 1;
            let failed = Err(Rv(CKR_AEAD_DECRYPT_FAILED));
            assert_eq!(session.decrypt_message(&mut message, b"aad", &wrong), failed);
            assert_eq!(session.decrypt_message(&mut message, b"dad", &encrypted), failed);
            message.tag[15] ^= 1;
            assert_eq!(session.decrypt_message(&mut message, b"aad", &encrypted), failed);
            session.decrypt_begin(&mut message, b"aad").unwrap();
            assert_eq!(session.decrypt_next(&mut message, &encrypted, CKF_END_OF_MESSAGE), failed);
            // The refused message is over; the operation is not.
            let next = session.decrypt_next(&mut message, b"", CKF_END_OF_MESSAGE);
            assert_eq!(next, Err(Rv(CKR_OPERATION_NOT_INITIALIZED)));
            message.tag[15] ^= 1;
            let good = session.decrypt_message(&mut message, b"aad", &encrypted);
            assert_eq!(good.as_deref(), Ok(&b"the message"[..]));
            session.encrypt_final().unwrap();
            session.decrypt_final().unwrap();
        }
    }
}

alone! {
    fn generated_ivs_are_told_and_never_come_twice() {
        let world = World::new();
        let session = world.user();
        let key = data_key(session, CKM_AES_GCM);
        session.message_encrypt_init(CKM_AES_GCM, key).unwrap();
        session.message_decrypt_init(CKM_AES_GCM, key).unwrap();
        let mut seen = HashSet::new();
        for generator in [CKG_GENERATE, CKG_GENERATE_RANDOM, CKG_GENERATE_COUNTER] {
            for count in 0..20_u64 {
                let given = [generator as u8 + 0xA0; 12];
                let mut message = Message::generated(CKM_AES_GCM, &given, generator, 32);
                let encrypted = session.encrypt_message(&mut message, b"", b"data").unwrap();
                assert_eq!(message.iv[..4], given[..4]);
                assert!(seen.insert(message.iv.clone()), "an IV came twice");
                if generator == CKG_GENERATE_COUNTER {
                    assert_eq!(message.iv[4..], count.to_be_bytes());
                }
                let back = session.decrypt_message(&mut message, b"", &encrypted);
                assert_eq!(back.as_deref(), Ok(&b"data"[..]));
            }
        }
        // Begin tells the IV too.
        let mut message = Message::generated(CKM_AES_GCM, &[0; 12], CKG_GENERATE, 0);
        session.encrypt_begin(&mut message, b"").unwrap();
        assert_ne!(message.iv, [0; 12]);
        let encrypted = session.encrypt_next(&mut message, b"data", CKF_END_OF_MESSAGE).unwrap();
        assert_eq!(session.decrypt_message(&mut message, b"", &encrypted).as_deref(), Ok(&b"data"[..]));
    }
}

alone! {
    fn exhausted_counters_and_senseless_ivs_are_refused() {
        let world = World::new();
        let session = world.user();
        let key = data_key(session, CKM_AES_GCM);
        let wrong = Err(Rv(CKR_MECHANISM_PARAM_INVALID));
        session.message_encrypt_init(CKM_AES_GCM, key).unwrap();
        let one = |generator, fixed, iv: &[u8]| {
            let mut message = Message::generated(CKM_AES_GCM, iv, generator, fixed);
            session.encrypt_message(&mut message, b"", b"x").map(|_| message.iv)
        };
        for count in 0..4 {
            assert_eq!(one(CKG_GENERATE_COUNTER_XOR, 94, &[8; 12]).unwrap()[11], 8 ^ count);
        }
        assert_eq!(one(CKG_GENERATE_COUNTER_XOR, 94, &[8; 12]), wrong, "an IV would come again");
        assert_eq!(one(CKG_GENERATE_COUNTER, 0, &[8; 12]), wrong, "another counter in the same operation");
        assert_eq!(one(CKG_GENERATE, 41, &[8; 12]), wrong, "too few bits are free");
        assert_eq!(one(CKG_GENERATE, 97, &[8; 12]), wrong);
        assert_eq!(one(5, 0, &[8; 12]), wrong, "no such generator");
        assert_eq!(one(CKG_NO_GENERATE, 0, &[]), wrong);
        assert_eq!(one(CKG_NO_GENERATE, 0, &[1; 257]), wrong);
        // A length query takes no IV from the counter: walked by `two_calls` for every message above.
        let mut short = Message { tag: vec![0; 3], ..Message::new(CKM_AES_GCM, &[1; 12]) };
        assert_eq!(session.encrypt_message(&mut short, b"", b"x"), wrong);
    }
}

alone! {
    fn the_state_machine_of_messages_is_kept() {
        let world = World::new();
        let session = world.user();
        let key = data_key(session, CKM_AES_GCM);
        let mut message = Message::new(CKM_AES_GCM, &[1; 12]);
        let idle = Err(Rv(CKR_OPERATION_NOT_INITIALIZED));
        let active = Err(Rv(CKR_OPERATION_ACTIVE));
        assert_eq!(session.encrypt_message(&mut message, b"", b"x"), idle);
        assert_eq!(session.encrypt_begin(&mut message, b""), Err(Rv(CKR_OPERATION_NOT_INITIALIZED)));
        session.message_encrypt_init(CKM_AES_GCM, key).unwrap();
        assert_eq!(session.message_encrypt_init(CKM_AES_GCM, key), Err(Rv(CKR_OPERATION_ACTIVE)));
        assert_eq!(session.encrypt_next(&mut message, b"x", 0), idle);
        session.encrypt_begin(&mut message, b"").unwrap();
        assert_eq!(session.encrypt_begin(&mut message, b""), Err(Rv(CKR_OPERATION_ACTIVE)));
        assert_eq!(session.encrypt_message(&mut message, b"", b"x"), active);
        assert_eq!(session.encrypt_final(), Err(Rv(CKR_OPERATION_ACTIVE)));
        assert_eq!(session.encrypt_next(&mut message, b"x", 4), Err(Rv(CKR_ARGUMENTS_BAD)), "no such flag");
        assert_eq!(session.encrypt_next(&mut message, b"x", 0).map(|part| part.len()), Ok(1));
        assert_eq!(session.encrypt_next(&mut message, b"", CKF_END_OF_MESSAGE), Ok(vec![]));
        session.encrypt_final().unwrap();
        // NULL ends it, in the middle of a message too; so does C_SessionCancel.
        session.message_encrypt_init(CKM_AES_GCM, key).unwrap();
        session.encrypt_begin(&mut message, b"").unwrap();
        call!(world.module, C_MessageEncryptInit, session.handle, null_mut(), 0).unwrap();
        assert_eq!(session.encrypt_final(), Err(Rv(CKR_OPERATION_NOT_INITIALIZED)));
        session.message_encrypt_init(CKM_AES_GCM, key).unwrap();
        call!(world.module, C_SessionCancel, session.handle, CKF_MESSAGE_ENCRYPT).unwrap();
        assert_eq!(session.encrypt_final(), Err(Rv(CKR_OPERATION_NOT_INITIALIZED)));
        // What has no messages, and what the key is not for.
        assert_eq!(session.message_encrypt_init(CKM_AES_CBC, key), Err(Rv(CKR_MECHANISM_INVALID)));
        let signer = session
            .generate(
                &Mechanism::plain(CKM_GENERIC_SECRET_KEY_GEN),
                &Template::new().ulong(CKA_VALUE_LEN, 32).uses(&[CKA_SIGN, CKA_VERIFY]),
            )
            .unwrap();
        let refused = session.message_encrypt_init(CKM_AES_GCM, signer);
        assert_eq!(refused, Err(Rv(CKR_KEY_TYPE_INCONSISTENT)));
    }
}

alone! {
    fn a_key_whose_life_ends_ends_its_messages() {
        let world = World::new();
        let session = world.user();
        let key = data_key(session, CKM_AES_GCM);
        let mut message = Message::new(CKM_AES_GCM, &[1; 12]);
        session.message_encrypt_init(CKM_AES_GCM, key).unwrap();
        session.encrypt_begin(&mut message, b"").unwrap();
        session.set_state(key, COMPROMISED).unwrap();
        let refused = session.encrypt_next(&mut message, b"x", 0);
        assert_eq!(refused, Err(Rv(CKR_KEY_FUNCTION_NOT_PERMITTED)));
        assert_eq!(session.encrypt_final(), Err(Rv(CKR_OPERATION_NOT_INITIALIZED)));
    }
}

alone! {
    fn buffers_may_overlap_where_it_makes_sense_and_nowhere_else() {
        let world = World::new();
        let session = world.user();
        let key = data_key(session, CKM_AES_GCM);
        session.message_encrypt_init(CKM_AES_GCM, key).unwrap();
        session.message_decrypt_init(CKM_AES_GCM, key).unwrap();
        let mut apart = Message::new(CKM_AES_GCM, &[1; 12]);
        let expected = session.encrypt_message(&mut apart, b"", &[9; 40]).unwrap();
        // Plaintext and ciphertext in one place, the tag right behind, IV and parameter at odd addresses.
        let mut memory = [9_u8; 40 + 16 + 1 + 12 + 1 + size_of::<CK_GCM_MESSAGE_PARAMS>()];
        let base: *mut u8 = memory.as_mut_ptr();
        let at = |offset: usize| base.wrapping_add(offset);
        let parameter = |tag: usize, iv: usize, generator| CK_GCM_MESSAGE_PARAMS {
            pIv: at(iv),
            ulIvLen: 12,
            ulIvFixedBits: 0,
            ivGenerator: generator,
            pTag: at(tag),
            ulTagBits: 128,
        };
        let place = at(70);
        let put = |parameter: CK_GCM_MESSAGE_PARAMS| {
            // SAFETY: inside the array, at an odd address.
            unsafe { place.cast::<CK_GCM_MESSAGE_PARAMS>().write_unaligned(parameter) }
        };
        let size = size_of::<CK_GCM_MESSAGE_PARAMS>() as CK_ULONG;
        // SAFETY: inside the array.
        unsafe { at(57).write_bytes(1, 12) };
        put(parameter(40, 57, CKG_NO_GENERATE));
        // The room that is claimed covers the tag; what is written does not.
        let mut len = 56;
        let handle = session.handle;
        call!(
            world.module, C_EncryptMessage, handle, place.cast(), size, null_mut(), 0, base, 40, base,
            &raw mut len
        )
        .unwrap();
        // SAFETY: inside the array.
        let written = unsafe { std::slice::from_raw_parts(base, 56) }.to_vec();
        assert_eq!((len, &written[..40], &written[40..]), (40, &expected[..], &apart.tag[..]));
        call!(
            world.module, C_DecryptMessage, handle, place.cast(), size, null_mut(), 0, base, 40, base,
            &raw mut len
        )
        .unwrap();
        // SAFETY: as above.
        assert_eq!(unsafe { std::slice::from_raw_parts(base, 40) }, [9; 40]);
        // A tag inside the ciphertext, an IV inside it, a tag over the IV.
        for wrong in [
            parameter(39, 57, CKG_NO_GENERATE),
            parameter(40, 30, CKG_GENERATE),
            parameter(50, 57, CKG_GENERATE),
        ] {
            put(wrong);
            let mut len = 40;
            let refused = call!(
                world.module, C_EncryptMessage, handle, place.cast(), size, null_mut(), 0, base, 40, base,
                &raw mut len
            );
            assert_eq!(refused, Err(Rv(CKR_ARGUMENTS_BAD)));
        }
        // SAFETY: as above.
        assert_eq!(unsafe { std::slice::from_raw_parts(base, 40) }, [9; 40], "refused, and yet written");
    }
}

alone! {
    fn rules_about_tags_and_vectors_judge_each_message() {
        let world = World::new();
        let session = world.user();
        let key = session.aes(Template::token().uses(&[CKA_ENCRYPT, CKA_DECRYPT])).unwrap();
        let given = Mechanism::gcm(&[8; 12], b"", 128);
        let old = session.encrypt(&given, key, b"data").unwrap();
        super::installed::install_text(
            &world,
            "[[rule]]\nid = \"r\"\nparameters = { iv_source = \"generated\", min_tag = 128, min_iv = 96 }\n",
        );
        let refused = Rv(CKR_MECHANISM_PARAM_INVALID);
        assert_eq!(session.encrypt_init(&given, key), Err(refused));
        assert_eq!(session.reason(), 0x307);
        assert_eq!(session.decrypt(&given, key, &old).as_deref(), Ok(&b"data"[..]), "what is read has its vector");
        for ckm in [CKM_AES_GCM, CKM_AES_CCM] {
            session.message_encrypt_init(ckm, key).unwrap();
            session.message_decrypt_init(ckm, key).unwrap();
            let message = |generator, fixed| Message { data_len: 4, ..Message::generated(ckm, &[3; 12], generator, fixed) };
            for mut wrong in [
                message(CKG_NO_GENERATE, 0),
                message(CKG_GENERATE_COUNTER, 65),
                Message { tag: vec![0; 14], ..message(CKG_GENERATE, 0) },
                Message { iv: vec![3; 11], ..message(CKG_GENERATE, 0) },
            ] {
                assert_eq!(session.encrypt_message(&mut wrong, b"", b"data"), Err(refused));
                assert_eq!(session.reason(), 0x307);
            }
            assert_eq!(session.encrypt_begin(&mut message(CKG_NO_GENERATE, 0), b""), Err(refused));
            let mut good = message(CKG_GENERATE, 32);
            let encrypted = session.encrypt_message(&mut good, b"", b"data").unwrap();
            let mut back = Message { generator: CKG_NO_GENERATE, ..good };
            assert_eq!(session.decrypt_message(&mut back, b"", &encrypted).as_deref(), Ok(&b"data"[..]));
            back.tag.truncate(12);
            assert_eq!(session.decrypt_message(&mut back, b"", &encrypted), Err(refused), "a short tag");
            session.encrypt_final().unwrap();
            session.decrypt_final().unwrap();
        }
        assert!(world.log().contains("`iv_source` of its parameters is not allowed"), "{}", world.log());
    }
}
