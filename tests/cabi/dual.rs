//! Dual functions: one part through two operations.

use crate::client::*;
use crate::{alone, call};
use cryptoki_sys::*;

const MESSAGE: &[u8] = b"one part goes through two operations, and through each of them only once";
const IV: &[u8] = &[3; 16];

fn cbc() -> Mechanism {
    Mechanism::iv(CKM_AES_CBC_PAD, IV)
}

fn sha() -> Mechanism {
    Mechanism::plain(CKM_SHA256)
}

fn hmac() -> Mechanism {
    Mechanism::plain(CKM_SHA256_HMAC)
}

fn aes(session: &Session<'_>) -> Key {
    session.aes(Template::new().uses(&[CKA_ENCRYPT, CKA_DECRYPT])).unwrap()
}

fn mac_key(session: &Session<'_>) -> Key {
    let template = Template::new().ulong(CKA_VALUE_LEN, 32).uses(&[CKA_SIGN, CKA_VERIFY]);
    session.generate(&Mechanism::plain(CKM_GENERIC_SECRET_KEY_GEN), &template).unwrap()
}

/// The dual functions, each part by the two-call rule: a query, a short buffer, a fitting one.
macro_rules! through {
    ($session:expr, $function:ident, $message:expr) => {{
        let mut all = Vec::new();
        for part in $message.chunks(13) {
            let (mut part, part_len) = bytes(part);
            let outcome = two_calls(|out, len| {
                call!($session.module, $function, $session.handle, part.as_mut_ptr(), part_len, out, len)
            });
            all.extend(outcome.unwrap());
        }
        all
    }};
}

fn encrypt_final(session: &Session<'_>) -> Vec<u8> {
    two_calls(|out, len| call!(session.module, C_EncryptFinal, session.handle, out, len)).unwrap()
}

fn decrypt_final(session: &Session<'_>) -> Vec<u8> {
    two_calls(|out, len| call!(session.module, C_DecryptFinal, session.handle, out, len)).unwrap()
}

fn digest_update(session: &Session<'_>, part: &[u8]) -> Answer<()> {
    let (mut part, len) = bytes(part);
    call!(session.module, C_DigestUpdate, session.handle, part.as_mut_ptr(), len)
}

fn digest_final(session: &Session<'_>) -> Answer<Vec<u8>> {
    two_calls(|out, len| call!(session.module, C_DigestFinal, session.handle, out, len))
}

alone! {
    fn digest_and_encryption_equal_the_single_functions() {
        let world = World::new();
        let session = world.user();
        let key = aes(&session);
        let (whole, digest) = (session.encrypt(&cbc(), key, MESSAGE), session.digest(&sha(), MESSAGE));
        session.encrypt_init(&cbc(), key).unwrap();
        session.digest_init(&sha()).unwrap();
        let mut encrypted = through!(session, C_DigestEncryptUpdate, MESSAGE);
        encrypted.extend(encrypt_final(&session));
        assert_eq!(Ok(&encrypted), whole.as_ref());
        assert_eq!(digest_final(&session), digest);

        session.decrypt_init(&cbc(), key).unwrap();
        session.digest_init(&sha()).unwrap();
        let mut plain = through!(session, C_DecryptDigestUpdate, &encrypted);
        // What the padding held back comes out of the last call, and is the caller's to digest (5.17).
        let last = decrypt_final(&session);
        digest_update(&session, &last).unwrap();
        plain.extend(last);
        assert_eq!(plain, MESSAGE);
        assert_eq!(digest_final(&session), digest);
    }
}

alone! {
    fn signature_and_encryption_equal_the_single_functions() {
        let world = World::new();
        let session = world.user();
        let (key, mac_key) = (aes(&session), mac_key(&session));
        let ctr = Mechanism::ctr(128, [7; 16]);
        let whole = session.encrypt(&ctr, key, MESSAGE);
        let mac = session.sign(&hmac(), mac_key, MESSAGE);
        session.encrypt_init(&ctr, key).unwrap();
        session.sign_init(&hmac(), mac_key).unwrap();
        let mut encrypted = through!(session, C_SignEncryptUpdate, MESSAGE);
        encrypted.extend(encrypt_final(&session));
        assert_eq!(Ok(&encrypted), whole.as_ref());
        assert_eq!(session.sign_final(), mac);

        for tamper in [0, 1] {
            session.decrypt_init(&ctr, key).unwrap();
            session.verify_init(&hmac(), mac_key).unwrap();
            let mut sent = encrypted.clone();
            sent[20] ^= tamper;
            let plain = through!(session, C_DecryptVerifyUpdate, &sent);
            assert_eq!(plain == MESSAGE, tamper == 0);
            let (mut mac, len) = bytes(mac.as_ref().unwrap());
            let verdict = call!(world.module, C_VerifyFinal, session.handle, mac.as_mut_ptr(), len);
            assert_eq!(verdict, if tamper == 0 { Ok(()) } else { Err(Rv(CKR_SIGNATURE_INVALID)) });
            decrypt_final(&session);
        }
    }
}

alone! {
    fn in_place_works() {
        let world = World::new();
        let session = world.user();
        let key = aes(&session);
        let ctr = Mechanism::ctr(128, [7; 16]);
        session.encrypt_init(&ctr, key).unwrap();
        session.digest_init(&sha()).unwrap();
        let (mut memory, mut len) = bytes(MESSAGE);
        let start = memory.as_mut_ptr();
        call!(world.module, C_DigestEncryptUpdate, session.handle, start, len, start, &raw mut len).unwrap();
        encrypt_final(&session);
        assert_eq!(digest_final(&session), session.digest(&sha(), MESSAGE));
        session.decrypt_init(&ctr, key).unwrap();
        session.digest_init(&sha()).unwrap();
        call!(world.module, C_DecryptDigestUpdate, session.handle, start, len, start, &raw mut len).unwrap();
        assert_eq!(memory, MESSAGE);
        decrypt_final(&session);
        assert_eq!(digest_final(&session), session.digest(&sha(), MESSAGE));
    }
}

alone! {
    fn both_operations_are_needed_and_an_error_ends_both() {
        let world = World::new();
        let session = world.user();
        let (key, mac_key) = (aes(&session), mac_key(&session));
        let (mut part, mut room) = ([1_u8; 16], [0_u8; 64]);
        let gone = Err(Rv(CKR_OPERATION_NOT_INITIALIZED));
        let mut len = 64;
        let mut dual = |len: &mut CK_ULONG| {
            call!(world.module, C_DigestEncryptUpdate, session.handle, part.as_mut_ptr(), 16,
                room.as_mut_ptr(), len)
        };
        assert_eq!(dual(&mut len), gone);
        session.digest_init(&sha()).unwrap();
        assert_eq!(dual(&mut len), gone);
        // The one that ran goes on, and took nothing.
        assert_eq!(digest_final(&session), session.digest(&sha(), &[]));

        // A key that is gone ends its own operation, and with it the other one.
        session.digest_init(&sha()).unwrap();
        session.encrypt_init(&cbc(), key).unwrap();
        dual(&mut len).unwrap();
        session.destroy(key).unwrap();
        assert_eq!(dual(&mut len), Err(Rv(CKR_KEY_FUNCTION_NOT_PERMITTED)));
        assert_eq!(digest_final(&session).err(), gone.err());
        // A part that a cipher of whole blocks cannot take ends both: it is no short buffer.
        let key = aes(&session);
        session.encrypt_init(&Mechanism::ctr(8, [255; 16]), key).unwrap();
        session.sign_init(&hmac(), mac_key).unwrap();
        // A counter of eight bits that begins at 255 is used up after one block.
        let mut long = vec![0_u8; 300 * 16];
        let (start, mut out, mut room) = (long.as_mut_ptr(), vec![0_u8; 300 * 16], 300 * 16);
        let refused = call!(world.module, C_SignEncryptUpdate, session.handle, start, 300 * 16,
            out.as_mut_ptr(), &raw mut room);
        assert_eq!(refused, Err(Rv(CKR_DATA_LEN_RANGE)));
        assert_eq!(session.sign_final().err(), gone.err());
        let ended = two_calls(|out, len| call!(world.module, C_EncryptFinal, session.handle, out, len));
        assert_eq!(ended.err(), gone.err());
    }
}

alone! {
    fn the_one_shot_functions_refuse_what_was_begun_in_parts() {
        let world = World::new();
        let session = world.user();
        let key = aes(&session);
        session.encrypt_init(&cbc(), key).unwrap();
        session.digest_init(&sha()).unwrap();
        through!(session, C_DigestEncryptUpdate, MESSAGE);
        let (mut data, mut room, mut len) = ([1_u8; 4], [0_u8; 64], 64);
        let whole = call!(world.module, C_Digest, session.handle, data.as_mut_ptr(), 4, room.as_mut_ptr(),
            &raw mut len);
        assert_eq!(whole, Err(Rv(CKR_OPERATION_ACTIVE)));
        let whole = call!(world.module, C_Encrypt, session.handle, data.as_mut_ptr(), 4, room.as_mut_ptr(),
            &raw mut len);
        assert_eq!(whole, Err(Rv(CKR_OPERATION_ACTIVE)));
    }
}

alone! {
    fn a_result_that_waits_is_for_its_own_input() {
        let world = World::new();
        let session = world.user();
        let key = aes(&session);
        let (mut one, len) = bytes(&session.encrypt(&cbc(), key, b"the first message").unwrap());
        let mut other = session.encrypt(&cbc(), key, b"the other message").unwrap();
        let (mut out, gone) = ([0_u8; 64], Rv(CKR_OPERATION_NOT_INITIALIZED));
        // After a short buffer the same ciphertext is answered, another one is not answered with its plaintext.
        for (again, expected) in [(true, Ok(())), (false, Err(Rv(CKR_OPERATION_ACTIVE)))] {
            session.decrypt_init(&cbc(), key).unwrap();
            let mut room = 3;
            let short = call!(world.module, C_Decrypt, session.handle, one.as_mut_ptr(), len, out.as_mut_ptr(),
                &raw mut room);
            assert_eq!((short, room), (Err(Rv(CKR_BUFFER_TOO_SMALL)), 17));
            let from = if again { one.as_mut_ptr() } else { other.as_mut_ptr() };
            room = 64;
            let second = call!(world.module, C_Decrypt, session.handle, from, len, out.as_mut_ptr(), &raw mut room);
            assert_eq!(second, expected);
            if again {
                assert_eq!(&out[..17], b"the first message");
                out = [0; 64];
            }
            assert!(again || out == [0; 64]);
            let over = two_calls(|out, len| call!(world.module, C_DecryptFinal, session.handle, out, len));
            assert_eq!(over, Err(gone));
        }
    }
}
