//! The rule for results of variable length (PKCS#11 3.2, 5.2), wherever there is one: a length query and a short
//! buffer change nothing. [`two_calls`] walks the rule whole; most of the other tests use it.

use super::client::*;
use super::mechanisms::keys_for;
use crate::{alone, call};
use cryptoki_sys::*;
use std::ptr::null_mut;

alone! {
    fn short_buffers_keep_the_operation_and_good_ones_end_it() {
        let world = World::new();
        let session = world.user();
        let (m, s) = (&world.module, session.handle);
        let mut data = [5_u8; 32];
        let at = data.as_mut_ptr();
        let (rsa, _) = keys_for(session, CKM_RSA_PKCS, CKA_SIGN, CKA_VERIFY);
        session.sign_init(&Mechanism::plain(CKM_SHA256_RSA_PKCS), rsa).unwrap();
        let mut len = 0;
        call!(m, C_Sign, s, at, 32, null_mut(), &raw mut len).unwrap();
        assert_eq!(len, 256);
        let mut out = [0_u8; 256];
        for short in [0, 1, 255] {
            len = short;
            let refused = call!(m, C_Sign, s, at, 32, out.as_mut_ptr(), &raw mut len);
            assert_eq!((refused, len), (Err(Rv(CKR_BUFFER_TOO_SMALL)), 256));
        }
        call!(m, C_Sign, s, at, 32, out.as_mut_ptr(), &raw mut len).unwrap();
        let over = call!(m, C_Sign, s, at, 32, out.as_mut_ptr(), &raw mut len);
        assert_eq!(over, Err(Rv(CKR_OPERATION_NOT_INITIALIZED)));
        // An operation that runs is not begun anew; one that is cancelled is.
        session.sign_init(&Mechanism::plain(CKM_SHA256_RSA_PKCS), rsa).unwrap();
        let again = session.sign_init(&Mechanism::plain(CKM_SHA256_RSA_PKCS), rsa);
        assert_eq!(again, Err(Rv(CKR_OPERATION_ACTIVE)));
        call!(m, C_SignInit, s, null_mut(), 0).unwrap();
        session.sign_init(&Mechanism::plain(CKM_SHA256_RSA_PKCS), rsa).unwrap();
        call!(m, C_SessionCancel, s, CKF_SIGN).unwrap();
        assert_eq!(session.sign_update(b"x"), Err(Rv(CKR_OPERATION_NOT_INITIALIZED)));
        // One-shot after parts is refused.
        session.sign_init(&Mechanism::plain(CKM_SHA256_RSA_PKCS), rsa).unwrap();
        session.sign_update(b"x").unwrap();
        assert!(call!(m, C_Sign, s, at, 32, out.as_mut_ptr(), &raw mut len).is_err());
    }
}

alone! {
    fn decrypt_with_padding_tells_the_true_length_and_gives_the_data_once() {
        let world = World::new();
        let session = world.user();
        let (m, s) = (&world.module, session.handle);
        let key = session.aes(Template::new().uses(&[CKA_ENCRYPT, CKA_DECRYPT])).unwrap();
        let mechanism = Mechanism::iv(CKM_AES_CBC_PAD, &[1; 16]);
        for size in [0, 1, 15, 16, 17, 31, 32, 33] {
            let data = vec![0x33_u8; size];
            let mut sealed = session.encrypt(&mechanism, key, &data).unwrap();
            assert_eq!(sealed.len(), (size / 16 + 1) * 16);
            assert_eq!(session.decrypt(&mechanism, key, &sealed).unwrap(), data);
            // A buffer that is exactly long enough is enough, whatever the query announced.
            session.decrypt_init(&mechanism, key).unwrap();
            let (mut out, mut len) = (vec![0_u8; size.max(1)], size as CK_ULONG);
            let from = (sealed.as_mut_ptr(), sealed.len() as CK_ULONG);
            call!(m, C_Decrypt, s, from.0, from.1, out.as_mut_ptr(), &raw mut len).unwrap();
            assert_eq!(&out[..len as usize], &data);
            if size > 0 {
                // One byte less is not, and the call can be made again.
                session.decrypt_init(&mechanism, key).unwrap();
                len = size as CK_ULONG - 1;
                let short = call!(m, C_Decrypt, s, from.0, from.1, out.as_mut_ptr(), &raw mut len);
                assert_eq!((short, len), (Err(Rv(CKR_BUFFER_TOO_SMALL)), size as CK_ULONG));
                call!(m, C_Decrypt, s, from.0, from.1, out.as_mut_ptr(), &raw mut len).unwrap();
                assert_eq!(&out[..len as usize], &data);
            }
            let over = call!(m, C_Decrypt, s, from.0, from.1, out.as_mut_ptr(), &raw mut len);
            assert_eq!(over, Err(Rv(CKR_OPERATION_NOT_INITIALIZED)));
        }
    }
}

alone! {
    fn lists_tell_their_length_even_when_the_room_is_short() {
        let world = World::new();
        let m = &world.module;
        let mut slots = [0; 8];
        let mut count = 1;
        let short = call!(m, C_GetSlotList, CK_FALSE, slots.as_mut_ptr(), &raw mut count);
        assert_eq!((short, count), (Err(Rv(CKR_BUFFER_TOO_SMALL)), 2));
        count = 8;
        call!(m, C_GetSlotList, CK_FALSE, slots.as_mut_ptr(), &raw mut count).unwrap();
        assert_eq!(count, 2);
        count = 1;
        let mut mechanisms = [0; 256];
        let short = call!(m, C_GetMechanismList, world.slot, mechanisms.as_mut_ptr(), &raw mut count);
        assert_eq!(short, Err(Rv(CKR_BUFFER_TOO_SMALL)));
        let needed = count;
        call!(m, C_GetMechanismList, world.slot, mechanisms.as_mut_ptr(), &raw mut count).unwrap();
        assert_eq!(count, needed);
        let session = world.user();
        for _ in 0..3 {
            session.aes(Template::new()).unwrap();
        }
        Template::new().with(|list, len| call!(m, C_FindObjectsInit, session.handle, list, len)).unwrap();
        let mut found = [0; 8];
        for expected in [2, 1, 0, 0] {
            call!(m, C_FindObjects, session.handle, found.as_mut_ptr(), 2, &raw mut count).unwrap();
            assert_eq!(count, expected);
        }
        call!(m, C_FindObjects, session.handle, null_mut(), 0, &raw mut count).unwrap();
        call!(m, C_FindObjectsFinal, session.handle).unwrap();
    }
}

alone! {
    fn errors_end_an_operation() {
        let world = World::new();
        let session = world.user();
        let (m, s) = (&world.module, session.handle);
        let key = session.aes(Template::new().uses(&[CKA_ENCRYPT, CKA_DECRYPT])).unwrap();
        let mechanism = Mechanism::iv(CKM_AES_CBC, &[1; 16]);
        let (mut data, mut out, mut len) = ([0_u8; 17], [0_u8; 64], 64);
        session.encrypt_init(&mechanism, key).unwrap();
        let refused = call!(m, C_Encrypt, s, data.as_mut_ptr(), 17, out.as_mut_ptr(), &raw mut len);
        assert_eq!(refused, Err(Rv(CKR_DATA_LEN_RANGE)));
        len = 64;
        let over = call!(m, C_Encrypt, s, data.as_mut_ptr(), 16, out.as_mut_ptr(), &raw mut len);
        assert_eq!(over, Err(Rv(CKR_OPERATION_NOT_INITIALIZED)));
        session.decrypt_init(&mechanism, key).unwrap();
        let refused = call!(m, C_Decrypt, s, data.as_mut_ptr(), 17, out.as_mut_ptr(), &raw mut len);
        assert_eq!(refused, Err(Rv(CKR_ENCRYPTED_DATA_LEN_RANGE)));
        // Operations of different kinds run beside each other.
        session.encrypt_init(&mechanism, key).unwrap();
        session.decrypt_init(&mechanism, key).unwrap();
        session.digest_init(&Mechanism::plain(CKM_SHA256)).unwrap();
        let mut random = [0_u8; 16];
        call!(m, C_GenerateRandom, s, random.as_mut_ptr(), 16).unwrap();
        assert_ne!(random, [0; 16]);
        call!(m, C_SeedRandom, s, random.as_mut_ptr(), 16).unwrap();
    }
}
