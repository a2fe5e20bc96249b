//! Keys wrapped under elliptic curve keys by way of an agreed AES key (PKCS#11 3.2, 6.3, ECDH AES KEY WRAP and what took
//! its place), and encapsulation with keys of the Montgomery form.

use crate::client::*;
use crate::parameters::{ecdh_aes, structure};
use crate::{alone, call};
use cryptoki_sys::*;
use std::ptr::null_mut;

fn wrapping_pair(session: Session<'_>, params: &[u8]) -> (Key, Key) {
    let ckm = if params == X25519 { CKM_EC_MONTGOMERY_KEY_PAIR_GEN } else { CKM_EC_KEY_PAIR_GEN };
    let public = Template::new().flag(CKA_WRAP, true).bytes(CKA_EC_PARAMS, params);
    session.generate_pair(&Mechanism::plain(ckm), &public, &Template::new().flag(CKA_UNWRAP, true)).unwrap()
}

fn open() -> Template {
    Template::new().flag(CKA_SENSITIVE, false).flag(CKA_EXTRACTABLE, true)
}

fn aes(session: Session<'_>, len: CK_ULONG) -> Key {
    let template = open().uses(&[CKA_ENCRYPT, CKA_DECRYPT]).ulong(CKA_VALUE_LEN, len);
    session.generate(&Mechanism::plain(CKM_AES_KEY_GEN), &template).unwrap()
}

fn unwrapped_aes() -> Template {
    open().class(CKO_SECRET_KEY).ulong(CKA_KEY_TYPE, CKK_AES).uses(&[CKA_ENCRYPT, CKA_DECRYPT])
}

/// Each mechanism, a curve for it, and how long the public key before the wrapped key is.
const CASES: [(CK_MECHANISM_TYPE, &[u8], usize); 6] = [
    (CKM_ECDH_AES_KEY_WRAP, P256, 65),
    (CKM_ECDH_AES_KEY_WRAP, P521, 133),
    (CKM_ECDH_AES_KEY_WRAP, X25519, 32),
    (CKM_ECDH_COF_AES_KEY_WRAP, P256, 67),
    (CKM_ECDH_COF_AES_KEY_WRAP, P521, 136),
    (CKM_ECDH_X_AES_KEY_WRAP, X25519, 32),
];

alone! {
    fn secret_and_private_keys_go_out_and_come_back() {
        let world = World::new();
        let session = world.user();
        let target = aes(session, 16);
        let value = session.get(target, CKA_VALUE).unwrap();
        let uses = || Template::new().flag(CKA_DERIVE, true);
        let (_, agreeing) = session.p256(uses(), uses().flag(CKA_EXTRACTABLE, true)).unwrap();
        for (ckm, params, before) in CASES {
            let (public, private) = wrapping_pair(session, params);
            for (bits, kdf, shared) in
                [(128, CKD_NULL, &b""[..]), (192, CKD_SHA384_KDF, b"shared"), (256, CKD_SHA3_256_KDF_SP800, b"")]
            {
                let mechanism = ecdh_aes(ckm, bits, kdf, shared);
                let wrapped = session.wrap(&mechanism, public, target).unwrap();
                assert_eq!(wrapped.len(), before + 24, "{ckm:#x}");
                assert_ne!(session.wrap(&mechanism, public, target).unwrap(), wrapped, "one key pair twice");
                let back = session.unwrap(&mechanism, private, &wrapped, &unwrapped_aes()).unwrap();
                assert_eq!(session.get(back, CKA_VALUE).unwrap(), value);
                // A private key is PKCS#8 inside.
                let wrapped = session.wrap(&mechanism, public, agreeing).unwrap();
                let template =
                    Template::new().class(CKO_PRIVATE_KEY).ulong(CKA_KEY_TYPE, CKK_EC).flag(CKA_DERIVE, true);
                let back = session.unwrap(&mechanism, private, &wrapped, &template).unwrap();
                assert_eq!(session.get(back, CKA_PUBLIC_KEY_INFO), session.get(agreeing, CKA_PUBLIC_KEY_INFO));
            }
        }
    }
}

alone! {
    fn what_was_changed_or_cut_or_meant_otherwise_does_not_open() {
        let world = World::new();
        let session = world.user();
        let target = aes(session, 16);
        for (ckm, params, before) in CASES {
            let (public, private) = wrapping_pair(session, params);
            let mechanism = ecdh_aes(ckm, 128, CKD_SHA256_KDF, b"shared");
            let wrapped = session.wrap(&mechanism, public, target).unwrap();
            let unwrap = |mechanism: &Mechanism, key, wrapped: &[u8]| {
                session.unwrap(mechanism, key, wrapped, &unwrapped_aes())
            };
            for at in [before - 1, before, wrapped.len() - 1] {
                let mut wrong = wrapped.clone();
                wrong[at] ^= 1;
                assert_eq!(unwrap(&mechanism, private, &wrong), Err(Rv(CKR_WRAPPED_KEY_INVALID)), "{ckm:#x} {at}");
            }
            for len in [0, 1, before, before + 8, wrapped.len() - 8, wrapped.len() - 1] {
                let code = unwrap(&mechanism, private, &wrapped[..len]).unwrap_err();
                let codes = [CKR_WRAPPED_KEY_LEN_RANGE, CKR_WRAPPED_KEY_INVALID];
                assert!(codes.contains(&code.0), "{ckm:#x} {len} {code:?}");
            }
            let (_, other) = wrapping_pair(session, params);
            assert_eq!(unwrap(&mechanism, other, &wrapped), Err(Rv(CKR_WRAPPED_KEY_INVALID)));
            for mechanism in [
                ecdh_aes(ckm, 256, CKD_SHA256_KDF, b"shared"),
                ecdh_aes(ckm, 128, CKD_SHA384_KDF, b"shared"),
                ecdh_aes(ckm, 128, CKD_SHA256_KDF, b"shard"),
            ] {
                assert_eq!(unwrap(&mechanism, private, &wrapped), Err(Rv(CKR_WRAPPED_KEY_INVALID)));
            }
            for mechanism in [
                ecdh_aes(ckm, 0, CKD_SHA256_KDF, b""),
                ecdh_aes(ckm, 129, CKD_SHA256_KDF, b""),
                ecdh_aes(ckm, 512, CKD_SHA256_KDF, b""),
                ecdh_aes(ckm, 128, CKD_NULL, b"shared"),
                ecdh_aes(ckm, 128, 99, b""),
                Mechanism::plain(ckm),
            ] {
                let invalid = Rv(CKR_MECHANISM_PARAM_INVALID);
                assert_eq!(session.wrap(&mechanism, public, target), Err(invalid));
                assert_eq!(unwrap(&mechanism, private, &wrapped), Err(invalid));
            }
            // It wraps keys and nothing else.
            assert_eq!(session.encrypt_init(&mechanism, public), Err(Rv(CKR_MECHANISM_INVALID)));
            assert_eq!(session.decrypt_init(&mechanism, private), Err(Rv(CKR_MECHANISM_INVALID)));
        }
        let kept = session.find(&Template::new().class(CKO_SECRET_KEY)).unwrap();
        assert_eq!(kept, [target], "a refused key exists");
    }
}

alone! {
    fn nothing_goes_out_under_a_weaker_curve_or_a_weaker_key_between() {
        let world = World::new();
        let session = world.user();
        let (aes_128, aes_256) = (aes(session, 16), aes(session, 32));
        let too_weak = Err(Rv(CKR_WRAPPING_KEY_SIZE_RANGE));
        for (ckm, params, _) in CASES {
            let (public, _) = wrapping_pair(session, params);
            let with = |bits| ecdh_aes(ckm, bits, CKD_SHA512_KDF, b"");
            assert!(session.wrap(&with(128), public, aes_128).is_ok());
            // P-521 has 256 bits of security, the others 128; the AES key between must have as many.
            assert_eq!(session.wrap(&with(256), public, aes_256).is_ok(), params == P521, "{ckm:#x}");
            assert_eq!(session.wrap(&with(128), public, aes_256), too_weak);
            assert_eq!(session.wrap(&with(192), public, aes_256), too_weak);
        }
    }
}

alone! {
    fn each_mechanism_takes_the_keys_of_its_form() {
        let world = World::new();
        let session = world.user();
        let target = aes(session, 16);
        for (ckm, params) in [(CKM_ECDH_COF_AES_KEY_WRAP, X25519), (CKM_ECDH_X_AES_KEY_WRAP, P256)] {
            let (public, private) = wrapping_pair(session, params);
            let mechanism = ecdh_aes(ckm, 128, CKD_SHA256_KDF, b"");
            let refused = session.wrap(&mechanism, public, target);
            assert_eq!(refused, Err(Rv(CKR_WRAPPING_KEY_TYPE_INCONSISTENT)));
            let refused = session.unwrap(&mechanism, private, &[4; 99], &unwrapped_aes());
            assert_eq!(refused, Err(Rv(CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT)));
        }
        // Both forms of a point open with the deprecated mechanism, which leaves the form open.
        let (public, private) = wrapping_pair(session, P256);
        let with = |ckm| ecdh_aes(ckm, 128, CKD_SHA256_KDF, b"");
        let wrapped = session.wrap(&with(CKM_ECDH_COF_AES_KEY_WRAP), public, target).unwrap();
        let back = session.unwrap(&with(CKM_ECDH_AES_KEY_WRAP), private, &wrapped, &unwrapped_aes()).unwrap();
        assert_eq!(session.get(back, CKA_VALUE), session.get(target, CKA_VALUE));
        let bare = session.unwrap(&with(CKM_ECDH_AES_KEY_WRAP), private, &wrapped[2..], &unwrapped_aes()).unwrap();
        assert_eq!(session.get(bare, CKA_VALUE), session.get(target, CKA_VALUE));
    }
}

alone! {
    fn x25519_keys_encapsulate() {
        let world = World::new();
        let session = world.user();
        let public = Template::new().flag(CKA_ENCAPSULATE, true).bytes(CKA_EC_PARAMS, X25519);
        let private = Template::new().flag(CKA_DECAPSULATE, true);
        let generation = Mechanism::plain(CKM_EC_MONTGOMERY_KEY_PAIR_GEN);
        let (public, private) = session.generate_pair(&generation, &public, &private).unwrap();
        let params = CK_ECDH1_DERIVE_PARAMS {
            kdf: CKD_SHA256_KDF_SP800,
            ulSharedDataLen: 0,
            pSharedData: null_mut(),
            ulPublicDataLen: 0,
            pPublicData: null_mut(),
        };
        let mechanism = structure(CKM_ECDH1_DERIVE, &params);
        let template = open()
            .class(CKO_SECRET_KEY)
            .ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET)
            .ulong(CKA_VALUE_LEN, 48);
        let (mut ciphertext, mut len, mut sent) = ([0_u8; 64], 64, 0);
        mechanism
            .with(|mechanism| {
                template.with(|list, count| {
                    let (out, len) = (ciphertext.as_mut_ptr(), &raw mut len);
                    call!(
                        session.module,
                        C_EncapsulateKey,
                        session.handle,
                        mechanism,
                        public,
                        list,
                        count,
                        out,
                        len,
                        &raw mut sent
                    )
                })
            })
            .unwrap();
        // The public key of the other side, as RFC 7748 writes it.
        assert_eq!(len, 32);
        let decapsulate = |ciphertext: &[u8]| {
            let ((mut ciphertext, len), mut key) = (bytes(ciphertext), 0);
            mechanism
                .with(|mechanism| {
                    template.with(|list, count| {
                        let ciphertext = ciphertext.as_mut_ptr();
                        call!(
                            session.module,
                            C_DecapsulateKey,
                            session.handle,
                            mechanism,
                            private,
                            list,
                            count,
                            ciphertext,
                            len,
                            &raw mut key
                        )
                    })
                })
                .map(|()| key)
        };
        let received = decapsulate(&ciphertext[..32]).unwrap();
        assert_eq!(session.get(received, CKA_VALUE), session.get(sent, CKA_VALUE));
        for wrong in [&[0; 32][..], &ciphertext[..31], &ciphertext[..33]] {
            assert_eq!(decapsulate(wrong), Err(Rv(CKR_WRAPPED_KEY_INVALID)), "{wrong:x?}");
        }
    }
}
