//! Symmetric ciphers and MACs one by one: known answers through the C interface, lengths that there are not, the rules
//! of their keys. What all of them have in common is tested in `mechanisms`.

use super::client::*;
use super::parameters::{cbc_encrypt_data, chacha20, ecb_encrypt_data, gmac, mac_general};
use crate::{alone, call};
use cryptoki_sys::*;

const PARAM_INVALID: Rv = Rv(CKR_MECHANISM_PARAM_INVALID);
const DATA_LEN: Rv = Rv(CKR_DATA_LEN_RANGE);
const ENCRYPTED_LEN: Rv = Rv(CKR_ENCRYPTED_DATA_LEN_RANGE);
const INVALID: Rv = Rv(CKR_ATTRIBUTE_VALUE_INVALID);

fn hex(digits: &str) -> Vec<u8> {
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

fn secret(kind: CK_KEY_TYPE, value: &[u8], uses: &[CK_ATTRIBUTE_TYPE]) -> Template {
    Template::new().class(CKO_SECRET_KEY).ulong(CKA_KEY_TYPE, kind).bytes(CKA_VALUE, value).uses(uses)
}

/// The key and the plaintext of SP 800-38A, appendix F, with AES-128.
const KEY: &str = "2b7e151628aed2a6abf7158809cf4f3c";
const PLAINTEXT: &str = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51";

fn round_trip(session: Session<'_>, mechanism: &Mechanism, key: Key, plain: &[u8], sealed: &[u8]) {
    assert_eq!(session.encrypt(mechanism, key, plain).unwrap(), sealed);
    assert_eq!(session.encrypt_parts(mechanism, key, plain).unwrap(), sealed);
    assert_eq!(session.decrypt(mechanism, key, sealed).unwrap(), plain);
    assert_eq!(session.decrypt_parts(mechanism, key, sealed).unwrap(), plain);
}

alone! {
    fn known_answers_of_the_feedback_modes_come_out() {
        let world = World::new();
        let session = world.user();
        let key = session.create(&secret(CKK_AES, &hex(KEY), &[CKA_ENCRYPT, CKA_DECRYPT])).unwrap();
        let (iv, plain) = (hex("000102030405060708090a0b0c0d0e0f"), hex(PLAINTEXT));
        for (ckm, sealed) in [
            (CKM_AES_CFB1, "68b3"),
            (CKM_AES_CFB8, "3b79424c9c0dd436bace9e0ed4586a4f32b9"),
            (CKM_AES_CFB128, "3b3fd92eb72dad20333449f8e83cfb4ac8a64537a0b3a93fcde3cdad9f1ce58b"),
            (CKM_AES_OFB, "3b3fd92eb72dad20333449f8e83cfb4a7789508d16918f03f53c52dac54ed825"),
        ] {
            if ckm == CKM_AES_CFB1 && REFERENCE_ENGINE {
                let missing = session.encrypt_init(&Mechanism::iv(ckm, &iv), key);
                assert_eq!(missing, Err(Rv(CKR_MECHANISM_INVALID)));
                continue;
            }
            let sealed = hex(sealed);
            round_trip(session, &Mechanism::iv(ckm, &iv), key, &plain[..sealed.len()], &sealed);
            for wrong in [Mechanism::plain(ckm), Mechanism::iv(ckm, &[0; 15]), Mechanism::iv(ckm, &[0; 17])] {
                assert_eq!(session.encrypt_init(&wrong, key), Err(PARAM_INVALID));
            }
        }
        // No library has feedback of 64 bits.
        let missing = session.encrypt_init(&Mechanism::iv(CKM_AES_CFB64, &iv), key);
        assert_eq!(missing, Err(Rv(CKR_MECHANISM_INVALID)));
    }
}

alone! {
    fn ciphertext_stealing_is_the_variant_cs1() {
        let world = World::new();
        let session = world.user();
        let key = session.create(&secret(CKK_AES, b"chicken teriyaki", &[CKA_ENCRYPT, CKA_DECRYPT])).unwrap();
        let cts = Mechanism::iv(CKM_AES_CTS, &[0; 16]);
        let plain = b"I would like the General Gau's Chicken, please, and wonton soup.";
        // RFC 3962, appendix B, with the last two blocks in their own order.
        round_trip(session, &cts, key, &plain[..17], &hex("97c6353568f2bf8cb4d8a580362da7ff7f"));
        let whole = hex("97687268d6ecccc0c07b25e25ecfe58439312523a78662d5be7fcbcc98ebf5a8");
        round_trip(session, &cts, key, &plain[..32], &whole);
        for len in 16..plain.len() {
            let sealed = session.encrypt(&cts, key, &plain[..len]).unwrap();
            round_trip(session, &cts, key, &plain[..len], &sealed);
        }
        assert_eq!(session.encrypt(&cts, key, &plain[..15]), Err(DATA_LEN));
        assert_eq!(session.encrypt_parts(&cts, key, &plain[..15]), Err(DATA_LEN));
        assert_eq!(session.decrypt(&cts, key, &plain[..15]), Err(ENCRYPTED_LEN));
    }
}

alone! {
    fn xts_has_keys_and_data_units_of_its_own() {
        let world = World::new();
        let session = world.user();
        let uses = [CKA_ENCRYPT, CKA_DECRYPT];
        // IEEE 1619-2007, vectors 2 and, with AES-256, 10.
        let value = [[0x11; 16], [0x22; 16]].concat();
        let key = session.create(&secret(CKK_AES_XTS, &value, &uses)).unwrap();
        let unit = Mechanism::iv(CKM_AES_XTS, &hex("33333333330000000000000000000000"));
        let sealed = hex("c454185e6a16936e39334038acef838bfb186fff7480adc4289382ecd6d394f0");
        round_trip(session, &unit, key, &[0x44; 32], &sealed);
        let value = hex(
            "27182818284590452353602874713526624977572470936999595749669676273141592653589793238462643383279502884197169399375105820974944592",
        );
        let long = session.create(&secret(CKK_AES_XTS, &value, &uses)).unwrap();
        let unit = Mechanism::iv(CKM_AES_XTS, &hex("ff000000000000000000000000000000"));
        let plain: Vec<u8> = (0..512).map(|at| (at % 256) as u8).collect();
        let sealed = session.encrypt(&unit, long, &plain).unwrap();
        assert_eq!(sealed[..16], hex("1c3b3a102f770386e4836c99e370cf9b"));
        round_trip(session, &unit, long, &plain, &sealed);
        for key in [key, long] {
            for len in [0, 15, (16 << 20) + 1] {
                assert_eq!(session.encrypt(&unit, key, &vec![0; len]), Err(DATA_LEN), "{len}");
                assert_eq!(session.decrypt(&unit, key, &vec![0; len]), Err(ENCRYPTED_LEN), "{len}");
            }
        }
        assert_eq!(session.get(key, CKA_CHECK_VALUE).unwrap(), b"");
        // FIPS 140-3 IG C.I: two different keys.
        for len in [32, 64] {
            assert_eq!(session.create(&secret(CKK_AES_XTS, &vec![7; len], &uses)), Err(INVALID));
        }
        for len in [16, 24, 48] {
            let value: Vec<u8> = (0..len).collect();
            assert_eq!(session.create(&secret(CKK_AES_XTS, &value, &uses)), Err(INVALID), "{len}");
        }
        let generation = Mechanism::plain(CKM_AES_XTS_KEY_GEN);
        for (len, answer) in [(32, Ok(())), (64, Ok(())), (16, Err(CKR_KEY_SIZE_RANGE)), (48, Err(CKR_KEY_SIZE_RANGE))] {
            let made = session.generate(&generation, &Template::new().ulong(CKA_VALUE_LEN, len));
            assert_eq!(made.map(drop), answer.map_err(Rv), "{len}");
        }
        assert_eq!(session.generate(&generation, &Template::new()), Err(Rv(CKR_TEMPLATE_INCOMPLETE)));
        // An AES key is none for XTS, nor the other way round.
        let aes = session.aes(Template::new().uses(&uses)).unwrap();
        assert_eq!(session.encrypt_init(&unit, aes), Err(Rv(CKR_KEY_TYPE_INCONSISTENT)));
        let ecb = Mechanism::plain(CKM_AES_ECB);
        assert_eq!(session.encrypt_init(&ecb, key), Err(Rv(CKR_KEY_TYPE_INCONSISTENT)));
    }
}

alone! {
    fn chacha20_counts_as_its_parameter_says() {
        let world = World::new();
        let session = world.user();
        let value: Vec<u8> = (0..32).collect();
        let key = session.create(&secret(CKK_CHACHA20, &value, &[CKA_ENCRYPT, CKA_DECRYPT])).unwrap();
        // RFC 8439, 2.4.2.
        let plain = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.";
        let sealed = hex(
            "6e2e359a2568f98041ba0728dd0d6981e97e7aec1d4360c20a27afccfd9fae0bf91b65c5524733ab8f593dabcd62b3571639d624e65152ab8f530c359f0861d807ca0dbf500d6a6156a38e088a22b65e52bc514d16ccf806818ce91ab77937365af90bbf74a35be6b40b8eedf2785e42874d",
        );
        let rfc = chacha20(&[1, 0, 0, 0], &hex("000000000000004a00000000"));
        round_trip(session, &rfc, key, plain, &sealed);
        // Block by block: the second begins where the counter says.
        let second = chacha20(&[2, 0, 0, 0], &hex("000000000000004a00000000"));
        assert_eq!(session.encrypt(&second, key, &plain[64..]).unwrap(), sealed[64..]);
        // As it was first described: the counter's upper half is the nonce's first word.
        let long = chacha20(&[1, 0, 0, 0, 0, 0, 0, 0], &hex("0000004a00000000"));
        assert_eq!(session.encrypt(&long, key, plain).unwrap(), sealed);
        for last in [chacha20(&[0xFF; 4], &[0; 12]), chacha20(&[0xFF; 8], &[0; 8])] {
            assert_eq!(session.encrypt(&last, key, &[0; 64]).unwrap().len(), 64);
            assert_eq!(session.encrypt(&last, key, &[0; 65]), Err(DATA_LEN));
            assert_eq!(session.encrypt_parts(&last, key, &[0; 65]), Err(DATA_LEN));
            assert_eq!(session.decrypt(&last, key, &[0; 65]), Err(ENCRYPTED_LEN));
        }
        for wrong in [
            Mechanism::plain(CKM_CHACHA20),
            chacha20(&[0; 4], &[0; 8]),
            chacha20(&[0; 8], &[0; 12]),
            chacha20(&[0; 8], &[0; 24]),
            chacha20(&[], &[0; 12]),
        ] {
            assert_eq!(session.encrypt_init(&wrong, key), Err(PARAM_INVALID));
        }
        // 6.58: the start of the SHA-1 hash of the value.
        let digest = session.digest(&Mechanism::plain(CKM_SHA_1), &value).unwrap();
        assert_eq!(session.get(key, CKA_CHECK_VALUE).unwrap(), digest[..3]);
    }
}

alone! {
    fn cmac_has_the_length_that_is_asked_for() {
        let world = World::new();
        let session = world.user();
        let key = session.create(&secret(CKK_AES, &hex(KEY), &[CKA_SIGN, CKA_VERIFY])).unwrap();
        // RFC 4493, 4: messages of 0 and 16 bytes.
        for (len, mac) in [(0, "bb1d6929e95937287fa37d129b756746"), (16, "070a16b46b4d4144f79bdd9dd04a287c")] {
            let (data, mac) = (&hex(PLAINTEXT)[..len], hex(mac));
            assert_eq!(session.sign(&Mechanism::plain(CKM_AES_CMAC), key, data).unwrap(), mac);
            for len in 1..=16 {
                let general = mac_general(CKM_AES_CMAC_GENERAL, len as CK_ULONG);
                assert_eq!(session.sign(&general, key, data).unwrap(), mac[..len]);
                assert_eq!(session.sign_parts(&general, key, data).unwrap(), mac[..len]);
                session.verify(&general, key, data, &mac[..len]).unwrap();
                let shorter = session.verify(&general, key, data, &mac[..len - 1]);
                assert_eq!(shorter, Err(Rv(CKR_SIGNATURE_LEN_RANGE)));
            }
        }
        for wrong in [
            mac_general(CKM_AES_CMAC_GENERAL, 0),
            mac_general(CKM_AES_CMAC_GENERAL, 17),
            mac_general(CKM_AES_CMAC_GENERAL, CK_ULONG::MAX),
            mac_general(CKM_AES_CMAC, 16),
            Mechanism::plain(CKM_AES_CMAC_GENERAL),
        ] {
            assert_eq!(session.sign_init(&wrong, key), Err(PARAM_INVALID));
            assert_eq!(session.verify_init(&wrong, key), Err(PARAM_INVALID));
        }
    }
}

alone! {
    fn gmac_signs_one_message_under_one_iv() {
        let world = World::new();
        let session = world.user();
        let value = hex("ad7a2bd03eac835a6f620fdcb506b345");
        let key = session.create(&secret(CKK_AES, &value, &[CKA_SIGN, CKA_VERIFY])).unwrap();
        // IEEE 802.1AE, 54-byte packet authentication.
        let iv = hex("12153524c0895e81b2c28465");
        let data = hex(
            "d609b1f056637a0d46df998d88e5222ab2c2846512153524c0895e8108000f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f30313233340001",
        );
        let mac = hex("f09478a9b09007d06f46e9b6a1da25dd");
        for bits in [32, 64, 96, 104, 112, 120, 128] {
            let mechanism = gmac(&iv, b"", bits);
            let mac = &mac[..bits as usize / 8];
            assert_eq!(session.sign(&mechanism, key, &data).unwrap(), mac);
            assert_eq!(session.sign_parts(&mechanism, key, &data).unwrap(), mac);
            session.verify(&mechanism, key, &data, mac).unwrap();
        }
        for wrong in [gmac(&iv, b"additional", 128), gmac(b"", b"", 128), gmac(&iv, b"", 40), gmac(&iv, b"", 0)] {
            assert_eq!(session.sign_init(&wrong, key), Err(PARAM_INVALID));
        }
        // A second message under the same IV would give the key of the hash away.
        let mechanism = gmac(&iv, b"", 128);
        for init in [
            mechanism.with(|mechanism| call!(world.module, C_MessageSignInit, session.handle, mechanism, key)),
            mechanism.with(|mechanism| call!(world.module, C_MessageVerifyInit, session.handle, mechanism, key)),
        ] {
            assert_eq!(init, Err(Rv(CKR_MECHANISM_INVALID)));
        }
    }
}

alone! {
    fn tags_of_gcm_have_the_lengths_of_sp_800_38d() {
        let world = World::new();
        let session = world.user();
        let key = session.aes(Template::new().uses(&[CKA_ENCRYPT, CKA_DECRYPT])).unwrap();
        let full = session.encrypt(&Mechanism::gcm(&[1; 12], b"", 128), key, b"data").unwrap();
        for bits in 0..=136 {
            let mechanism = Mechanism::gcm(&[1; 12], b"", bits);
            if matches!(bits, 32 | 64 | 96 | 104 | 112 | 120 | 128) {
                // A shorter tag is the beginning of the long one.
                let sealed = &full[..4 + bits as usize / 8];
                round_trip(session, &mechanism, key, b"data", sealed);
            } else {
                assert_eq!(session.encrypt_init(&mechanism, key), Err(PARAM_INVALID), "{bits}");
            }
        }
        for len in [1, 8, 11, 13, 16, 64, 256] {
            let mechanism = Mechanism::gcm(&vec![2; len], b"additional", 128);
            let sealed = session.encrypt(&mechanism, key, &[7; 100]).unwrap();
            round_trip(session, &mechanism, key, &[7; 100], &sealed);
        }
    }
}

alone! {
    fn key_wrap_takes_the_initial_values_of_the_specification() {
        let world = World::new();
        let session = world.user();
        let value = hex("5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8");
        let key = session.create(&secret(CKK_AES, &value, &[CKA_ENCRYPT, CKA_DECRYPT])).unwrap();
        // RFC 5649, 6.
        let (plain, wrapped) = (hex("466f7250617369"), hex("afbeb0f07dfbf5419200f2ccb50bb24f"));
        for ckm in [CKM_AES_KEY_WRAP_KWP, CKM_AES_KEY_WRAP_PAD] {
            for mechanism in [Mechanism::plain(ckm), Mechanism::iv(ckm, &hex("a65959a6"))] {
                assert_eq!(session.encrypt(&mechanism, key, &plain).unwrap(), wrapped);
                assert_eq!(session.decrypt(&mechanism, key, &wrapped).unwrap(), plain);
            }
            let other = Mechanism::iv(ckm, &[1, 2, 3, 4]);
            assert_eq!(session.encrypt_init(&other, key), Err(PARAM_INVALID));
        }
        // With the padding of PKCS#7 it is RFC 3394 over what is padded.
        for iv in [vec![], vec![9; 8]] {
            let (padding, plain) = (mechanism_with(CKM_AES_KEY_WRAP_PKCS7, &iv), mechanism_with(CKM_AES_KEY_WRAP, &iv));
            if !iv.is_empty() && REFERENCE_ENGINE {
                assert_eq!(session.encrypt_init(&padding, key), Err(PARAM_INVALID));
                assert_eq!(session.encrypt_init(&plain, key), Err(PARAM_INVALID));
                continue;
            }
            let padded = [&[5; 20][..], &[4; 4]].concat();
            let wrapped = session.encrypt(&padding, key, &[5; 20]).unwrap();
            assert_eq!(session.encrypt(&plain, key, &padded).unwrap(), wrapped);
            assert_eq!(session.decrypt(&padding, key, &wrapped).unwrap(), [5; 20]);
            assert_eq!(session.decrypt(&plain, key, &wrapped).unwrap(), padded);
        }
        assert_eq!(session.encrypt(&Mechanism::plain(CKM_AES_KEY_WRAP_PKCS7), key, &[5; 7]), Err(DATA_LEN));
    }
}

fn mechanism_with(ckm: CK_MECHANISM_TYPE, iv: &[u8]) -> Mechanism {
    if iv.is_empty() { Mechanism::plain(ckm) } else { Mechanism::iv(ckm, iv) }
}

alone! {
    fn keys_are_derived_by_encrypting_data() {
        let world = World::new();
        let session = world.user();
        let base = session.create(&secret(CKK_AES, &hex(KEY), &[CKA_DERIVE])).unwrap();
        let data = hex(PLAINTEXT);
        let iv = hex("000102030405060708090a0b0c0d0e0f").try_into().unwrap();
        let open = || Template::new().flag(CKA_SENSITIVE, false).flag(CKA_EXTRACTABLE, true);
        let of = |kind: CK_KEY_TYPE| open().class(CKO_SECRET_KEY).ulong(CKA_KEY_TYPE, kind);
        // SP 800-38A, F.1.1 and F.2.1.
        for (mechanism, sealed) in [
            (ecb_encrypt_data(&data), "3ad77bb40d7a3660a89ecaf32466ef97f5d3d58503b9699de785895a96fdbaaf"),
            (cbc_encrypt_data(iv, &data), "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2"),
        ] {
            let sealed = hex(sealed);
            for (template, len) in [
                (of(CKK_AES).ulong(CKA_VALUE_LEN, 16), 16),
                (of(CKK_AES).ulong(CKA_VALUE_LEN, 32), 32),
                (of(CKK_AES_XTS).ulong(CKA_VALUE_LEN, 32), 32),
                (of(CKK_CHACHA20), 32),
                (of(CKK_GENERIC_SECRET).ulong(CKA_VALUE_LEN, 20), 20),
                // Neither type nor length: a generic secret of all there is.
                (open(), 32),
            ] {
                let key = session.derive(&mechanism, base, &template).unwrap();
                assert_eq!(session.get(key, CKA_VALUE).unwrap(), sealed[..len]);
                assert!(!session.get_bool(key, CKA_LOCAL).unwrap());
            }
            let refused = |template: Template| session.derive(&mechanism, base, &template).unwrap_err();
            assert_eq!(refused(of(CKK_AES)), Rv(CKR_TEMPLATE_INCOMPLETE));
            assert_eq!(refused(of(CKK_GENERIC_SECRET).ulong(CKA_VALUE_LEN, 33)), PARAM_INVALID);
            assert_eq!(refused(of(CKK_AES_XTS).ulong(CKA_VALUE_LEN, 64)), PARAM_INVALID);
            assert_eq!(refused(of(CKK_AES).ulong(CKA_VALUE_LEN, 17)), INVALID);
            assert_eq!(refused(of(CKK_DES3)), Rv(CKR_TEMPLATE_INCONSISTENT));
        }
        // 6.17: whole blocks. Equal halves are no key for XTS.
        for len in [0, 8, 17] {
            let refused = session.derive(&ecb_encrypt_data(&vec![1; len]), base, &of(CKK_AES).ulong(CKA_VALUE_LEN, 16));
            assert_eq!(refused, Err(PARAM_INVALID), "{len}");
        }
        let refused = session.derive(&ecb_encrypt_data(&[1; 32]), base, &of(CKK_AES_XTS).ulong(CKA_VALUE_LEN, 32));
        assert_eq!(refused, Err(INVALID));
        // A key that derives does not encrypt what it would derive.
        let both = session.aes(Template::new().uses(&[CKA_DERIVE, CKA_ENCRYPT])).unwrap();
        session.derive(&ecb_encrypt_data(&data), both, &of(CKK_AES).ulong(CKA_VALUE_LEN, 32)).unwrap();
        let refused = session.encrypt_init(&Mechanism::plain(CKM_AES_ECB), both);
        assert_eq!(refused, Err(Rv(CKR_KEY_FUNCTION_NOT_PERMITTED)));
    }
}

alone! {
    /// Clulow 2003, 3.5: as with ECDH in `attacks`.
    fn derived_key_cut_short_is_of_no_use() {
        let world = World::new();
        let session = world.user();
        let base = session.aes(Template::new().flag(CKA_DERIVE, true)).unwrap();
        let mechanism = ecb_encrypt_data(&[3; 32]);
        for len in [1, 2, 8, 13] {
            let cut = Template::new().class(CKO_SECRET_KEY).ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET);
            let cut = cut.ulong(CKA_VALUE_LEN, len).flag(CKA_SIGN, true);
            let hmac = Mechanism::plain(CKM_SHA256_HMAC);
            let used = session.derive(&mechanism, base, &cut).and_then(|key| session.sign(&hmac, key, b"known"));
            assert!(used.is_err(), "a key of {len} bytes signs");
        }
    }
}

alone! {
    fn triple_des_keys_come_in_and_do_nothing_under_the_default_policy() {
        let world = World::new();
        let session = world.user();
        let value = hex("0123456789abcdef23456789abcdef01456789abcdef0123");
        for (kind, len) in [(CKK_DES3, 24), (CKK_DES2, 16)] {
            let key = session.create(&secret(kind, &value[..len], &[]).flag(CKA_EXTRACTABLE, true)).unwrap();
            assert_eq!(session.get(key, CKA_CHECK_VALUE).unwrap().len(), 3);
            // 6.18: such an object has no CKA_VALUE_LEN.
            assert_eq!(session.get(key, CKA_VALUE_LEN), Err(Rv(CKR_ATTRIBUTE_TYPE_INVALID)));
            assert!(session.get_bool(key, CKA_DECRYPT).unwrap() && !session.get_bool(key, CKA_ENCRYPT).unwrap());
            for mechanism in [
                Mechanism::plain(CKM_DES3_ECB),
                Mechanism::iv(CKM_DES3_CBC, &[0; 8]),
                Mechanism::iv(CKM_DES3_CBC_PAD, &[0; 8]),
            ] {
                assert_eq!(session.decrypt_init(&mechanism, key), Err(Rv(CKR_MECHANISM_INVALID)));
                assert_eq!(session.encrypt_init(&mechanism, key), Err(Rv(CKR_MECHANISM_INVALID)));
            }
            // It leaves under a key that is strong enough, and comes in again.
            let over = session.aes(Template::new().uses(&[CKA_WRAP, CKA_UNWRAP])).unwrap();
            let carrier = Mechanism::plain(CKM_AES_KEY_WRAP);
            let wrapped = session.wrap(&carrier, over, key).unwrap();
            let template = Template::new().class(CKO_SECRET_KEY).ulong(CKA_KEY_TYPE, kind);
            let back = session.unwrap(&carrier, over, &wrapped, &template).unwrap();
            assert_eq!(session.get(back, CKA_CHECK_VALUE).unwrap(), session.get(key, CKA_CHECK_VALUE).unwrap());
            // The other type has another length.
            let other = if kind == CKK_DES3 { CKK_DES2 } else { CKK_DES3 };
            let template = Template::new().class(CKO_SECRET_KEY).ulong(CKA_KEY_TYPE, other);
            assert_eq!(session.unwrap(&carrier, over, &wrapped, &template), Err(Rv(CKR_WRAPPED_KEY_LEN_RANGE)));
            // 24 bytes without the parity of DES are no such key.
            let length = Template::new().ulong(CKA_VALUE_LEN, len as CK_ULONG).flag(CKA_EXTRACTABLE, true);
            let random = session.generate(&Mechanism::plain(CKM_GENERIC_SECRET_KEY_GEN), &length).unwrap();
            let wrapped = session.wrap(&carrier, over, random).unwrap();
            let template = Template::new().class(CKO_SECRET_KEY).ulong(CKA_KEY_TYPE, kind);
            assert_eq!(session.unwrap(&carrier, over, &wrapped, &template), Err(Rv(CKR_WRAPPED_KEY_INVALID)));
        }
        for (kind, value) in [
            (CKK_DES3, vec![0; 24]),
            (CKK_DES3, value[..16].to_vec()),
            (CKK_DES2, value.clone()),
            (CKK_DES3, [&value[..8], &value[..16]].concat()),
            (CKK_DES3, value[..8].repeat(3)),
        ] {
            assert_eq!(session.create(&secret(kind, &value, &[])), Err(INVALID), "{value:02X?}");
        }
        let described = secret(CKK_DES3, &value, &[]).ulong(CKA_VALUE_LEN, 24);
        assert_eq!(session.create(&described), Err(Rv(CKR_TEMPLATE_INCONSISTENT)));
        for ckm in [CKM_DES3_KEY_GEN, CKM_DES2_KEY_GEN, CKM_DES_KEY_GEN] {
            let refused = session.generate(&Mechanism::plain(ckm), &Template::new());
            assert_eq!(refused, Err(Rv(CKR_MECHANISM_INVALID)));
        }
    }
}
