//! Every mechanism that the module announces does everything that it announces for it, one-shot, in parts and in
//! place.

mod given;

use super::client::*;
use super::derivation::parameters::*;
use super::hashes::{derives_by_hashing, hashes_the_key};
use super::parameters::{cbc_encrypt_data, ecb_encrypt_data, structure};
use super::password_wrap::unwraps_under_a_password;
use crate::{alone, call};
use cryptoki_sys::*;
use given::{data_for, makes_random_output};
pub use given::{keys_for, with_parameter};

/// The flags of message-based functions.
const MESSAGES: CK_FLAGS = CKF_MESSAGE_ENCRYPT | CKF_MESSAGE_DECRYPT | CKF_MESSAGE_SIGN | CKF_MESSAGE_VERIFY;

fn signs_and_verifies(session: Session<'_>, ckm: CK_MECHANISM_TYPE) {
    let (mechanism, data) = (with_parameter(ckm), data_for(ckm));
    let (signer, verifier) = keys_for(session, ckm, CKA_SIGN, CKA_VERIFY);
    let signature = session.sign(&mechanism, signer, &data).unwrap();
    let parts = session.sign_parts(&mechanism, signer, &data).unwrap();
    assert_eq!(signature == parts, !makes_random_output(ckm));
    session.verify(&mechanism, verifier, &data, &parts).unwrap();
    session.verify(&mechanism, verifier, &data, &signature).unwrap();
    session.verify_parts(&mechanism, verifier, &data, &signature).unwrap();
    for at in [0, signature.len() / 2, signature.len() - 1] {
        let mut wrong = signature.clone();
        wrong[at] ^= 1;
        assert_eq!(session.verify(&mechanism, verifier, &data, &wrong), Err(Rv(CKR_SIGNATURE_INVALID)));
        assert_eq!(session.verify_parts(&mechanism, verifier, &data, &wrong), Err(Rv(CKR_SIGNATURE_INVALID)));
    }
    let mut wrong = data.clone();
    wrong[0] ^= 1;
    assert_eq!(session.verify(&mechanism, verifier, &wrong, &signature), Err(Rv(CKR_SIGNATURE_INVALID)));
    for short in [&signature[..signature.len() - 1], &[]] {
        let code = session.verify(&mechanism, verifier, &data, short).unwrap_err();
        assert!([CKR_SIGNATURE_LEN_RANGE, CKR_SIGNATURE_INVALID].contains(&code.0), "{code:?}");
    }
}

fn encrypts_and_decrypts(session: Session<'_>, ckm: CK_MECHANISM_TYPE) {
    let (mechanism, data) = (with_parameter(ckm), data_for(ckm));
    let (encrypts, decrypts) = keys_for(session, ckm, CKA_ENCRYPT, CKA_DECRYPT);
    let sealed = session.encrypt(&mechanism, encrypts, &data).unwrap();
    let parts = session.encrypt_parts(&mechanism, encrypts, &data).unwrap();
    let rsa = matches!(ckm, CKM_RSA_PKCS | CKM_RSA_PKCS_OAEP);
    assert_eq!(sealed == parts, !rsa, "one-shot and in parts");
    for sealed in [&sealed, &parts] {
        assert_eq!(session.decrypt(&mechanism, decrypts, sealed).unwrap(), data);
        assert_eq!(session.decrypt_parts(&mechanism, decrypts, sealed).unwrap(), data);
    }
    if rsa {
        return;
    }
    // In the same place, and overlapping a little.
    for shift in [0, 5] {
        let mut place = vec![0_u8; sealed.len() + shift + 16];
        place[..data.len()].copy_from_slice(&data);
        let mut len = (place.len() - shift) as CK_ULONG;
        session.encrypt_init(&mechanism, encrypts).unwrap();
        let (from, to) = (place.as_mut_ptr(), place.as_mut_ptr().wrapping_add(shift));
        call!(session.module, C_Encrypt, session.handle, from, data.len() as CK_ULONG, to, &raw mut len)
            .unwrap();
        assert_eq!(place[shift..shift + len as usize], sealed);
        session.decrypt_init(&mechanism, decrypts).unwrap();
        let mut back = place.len() as CK_ULONG;
        let (from, to) = (place.as_mut_ptr().wrapping_add(shift), place.as_mut_ptr());
        call!(session.module, C_Decrypt, session.handle, from, len, to, &raw mut back).unwrap();
        assert_eq!(place[..back as usize], data);
    }
    if matches!(ckm, CKM_AES_GCM | CKM_AES_CCM | CKM_CHACHA20_POLY1305) {
        let mut wrong = sealed.clone();
        wrong[3] ^= 1;
        let refused = session.decrypt(&mechanism, decrypts, &wrong);
        assert!(
            refused
                .is_err_and(|code| [CKR_AEAD_DECRYPT_FAILED, CKR_ENCRYPTED_DATA_INVALID].contains(&code.0))
        );
    }
}

fn wraps_and_unwraps(session: Session<'_>, ckm: CK_MECHANISM_TYPE) {
    let mechanism = with_parameter(ckm);
    let (wraps, unwraps) = keys_for(session, ckm, CKA_WRAP, CKA_UNWRAP);
    let open = || Template::new().flag(CKA_SENSITIVE, false).flag(CKA_EXTRACTABLE, true);
    let aes = session.aes(open().uses(&[CKA_ENCRYPT, CKA_DECRYPT])).unwrap();
    // An RSA key of 2048 bits has 112 bits of security, P-256 and X25519 have 128: they wrap nothing stronger.
    let weak = matches!(
        ckm,
        CKM_RSA_PKCS
            | CKM_RSA_PKCS_OAEP
            | CKM_RSA_AES_KEY_WRAP
            | CKM_ECDH_AES_KEY_WRAP
            | CKM_ECDH_X_AES_KEY_WRAP
            | CKM_ECDH_COF_AES_KEY_WRAP
    );
    let (target, kind, uses) = if weak {
        assert_eq!(session.wrap(&mechanism, wraps, aes), Err(Rv(CKR_WRAPPING_KEY_SIZE_RANGE)));
        let template = open().uses(&[CKA_SIGN, CKA_VERIFY]).ulong(CKA_VALUE_LEN, 14);
        let weaker = session.generate(&Mechanism::plain(CKM_GENERIC_SECRET_KEY_GEN), &template).unwrap();
        (weaker, CKK_GENERIC_SECRET, [CKA_SIGN, CKA_VERIFY])
    } else {
        (aes, CKK_AES, [CKA_ENCRYPT, CKA_DECRYPT])
    };
    let wrapped = session.wrap(&mechanism, wraps, target).unwrap();
    let value = session.get(target, CKA_VALUE).unwrap();
    assert!(!wrapped.windows(8).any(|part| part == &value[..8]));
    let template = open().class(CKO_SECRET_KEY).ulong(CKA_KEY_TYPE, kind).uses(&uses);
    let key = session.unwrap(&mechanism, unwraps, &wrapped, &template).unwrap();
    assert_eq!(session.get(key, CKA_VALUE).unwrap(), value);
    assert!(!session.get_bool(key, CKA_LOCAL).unwrap());
    assert!(!session.get_bool(key, CKA_ALWAYS_SENSITIVE).unwrap());
    assert!(!session.get_bool(key, CKA_NEVER_EXTRACTABLE).unwrap());
    assert_eq!(session.get_ulong(key, CKA_KEYWARD_ORIGIN).unwrap(), 3);
    let kept = session.aes(Template::new().flag(CKA_EXTRACTABLE, false)).unwrap();
    assert_eq!(session.wrap(&mechanism, wraps, kept), Err(Rv(CKR_KEY_UNEXTRACTABLE)));
    assert!(session.unwrap(&mechanism, unwraps, &wrapped[..wrapped.len() - 1], &template).is_err());
}

fn derives_by_encryption(session: Session<'_>, ckm: CK_MECHANISM_TYPE) {
    let base = session.aes(Template::new().flag(CKA_DERIVE, true)).unwrap();
    let template = Template::new()
        .class(CKO_SECRET_KEY)
        .ulong(CKA_KEY_TYPE, CKK_AES)
        .ulong(CKA_VALUE_LEN, 32)
        .flag(CKA_SENSITIVE, false)
        .flag(CKA_EXTRACTABLE, true);
    let value = |mechanism: &Mechanism| {
        let key = session.derive(mechanism, base, &template).unwrap();
        assert_eq!(session.get_ulong(key, CKA_KEYWARD_ORIGIN).unwrap(), 4);
        assert!(!session.get_bool(key, CKA_LOCAL).unwrap());
        session.get(key, CKA_VALUE).unwrap()
    };
    let mechanism = with_parameter(ckm);
    assert_eq!(value(&mechanism), value(&mechanism));
    let other = match ckm {
        CKM_AES_ECB_ENCRYPT_DATA => ecb_encrypt_data(&[6; 64]),
        _ => cbc_encrypt_data([8; 16], &[5; 64]),
    };
    assert_ne!(value(&mechanism), value(&other));
}

fn derives(session: Session<'_>, ckm: CK_MECHANISM_TYPE) {
    let pair = || {
        session.p256(Template::new().flag(CKA_DERIVE, true), Template::new().flag(CKA_DERIVE, true)).unwrap()
    };
    let (one, other) = (pair(), pair());
    let template = Template::new()
        .class(CKO_SECRET_KEY)
        .ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET)
        .ulong(CKA_VALUE_LEN, 32)
        .flag(CKA_SENSITIVE, false)
        .flag(CKA_EXTRACTABLE, true);
    let derive = |private, public| {
        let point = session.get(public, CKA_EC_POINT).unwrap();
        let whole = session.derive(&Mechanism::ecdh(ckm, &point), private, &template).unwrap();
        // The point without its DER wrapping is understood too.
        let raw = session.derive(&Mechanism::ecdh(ckm, &point[2..]), private, &template).unwrap();
        let value = session.get(whole, CKA_VALUE).unwrap();
        assert_eq!(session.get(raw, CKA_VALUE).unwrap(), value);
        assert_eq!(session.get_ulong(whole, CKA_KEYWARD_ORIGIN).unwrap(), 4);
        value
    };
    assert_eq!(derive(one.1, other.0), derive(other.1, one.0));
    let wrong = Mechanism::ecdh(ckm, &[4; 65]);
    assert!(session.derive(&wrong, one.1, &template).is_err());
}

/// What a derivation from a secret key makes of its base key and of something that the caller says, as a number.
fn derivation_of(ckm: CK_MECHANISM_TYPE, second: Key, said: u8) -> Mechanism {
    let said = [said; 32];
    let random = randoms(&said, &[7; 32]);
    let parts = |variable| vec![variable, fixed(&said)];
    match ckm {
        CKM_CONCATENATE_BASE_AND_KEY => number(ckm, second),
        CKM_CONCATENATE_BASE_AND_DATA | CKM_CONCATENATE_DATA_AND_BASE | CKM_XOR_BASE_AND_DATA => {
            string(ckm, &said)
        }
        CKM_EXTRACT_KEY_FROM_KEY => number(ckm, said[0].into()),
        CKM_HKDF_DERIVE | CKM_HKDF_DATA => hkdf(ckm, CKM_SHA256, Some(Salt::Data(&said)), Some(b"info")),
        CKM_SP800_108_COUNTER_KDF => kbkdf(ckm, CKM_SHA256_HMAC, parts(variable(Some(32))), vec![]),
        CKM_SP800_108_DOUBLE_PIPELINE_KDF => kbkdf(ckm, CKM_SHA256_HMAC, parts(variable(None)), vec![]),
        CKM_SP800_108_FEEDBACK_KDF => feedback(CKM_SHA256_HMAC, parts(variable(None)), b""),
        CKM_TLS12_MASTER_KEY_DERIVE | CKM_TLS12_MASTER_KEY_DERIVE_DH => {
            tls_master(ckm, random, std::ptr::null_mut())
        }
        CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE | CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE_DH => {
            tls_extended_master(ckm, &said, std::ptr::null_mut())
        }
        CKM_TLS_KDF | CKM_TLS12_KDF => tls_kdf(ckm, b"label", random, None),
        // A function of the base key alone.
        _ => Mechanism::plain(ckm),
    }
}

/// A derivation from a secret key: the same of the same, another of another key and of other words.
fn derives_from_a_secret(session: Session<'_>, ckm: CK_MECHANISM_TYPE) {
    let open = || Template::new().flag(CKA_SENSITIVE, false).flag(CKA_EXTRACTABLE, true);
    let base = |byte: u8| {
        let value: Vec<u8> = (0..48).map(|at| at ^ byte).collect();
        let template = open().class(CKO_SECRET_KEY).ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET);
        session.create(&template.bytes(CKA_VALUE, &value).flag(CKA_DERIVE, true)).unwrap()
    };
    let template = match ckm {
        CKM_HKDF_DATA => Template::new().ulong(CKA_VALUE_LEN, 32),
        CKM_EXTRACT_KEY_FROM_KEY
        | CKM_HKDF_DERIVE
        | CKM_SP800_108_COUNTER_KDF..=CKM_SP800_108_DOUBLE_PIPELINE_KDF
        | CKM_TLS_KDF
        | CKM_TLS12_KDF => open().ulong(CKA_VALUE_LEN, 32),
        // It has a length of its own.
        _ => open(),
    };
    let value = |from: u8, said| {
        let mechanism = derivation_of(ckm, base(said), said);
        let key = session.derive(&mechanism, base(from), &template).unwrap();
        if ckm != CKM_HKDF_DATA {
            assert_eq!(session.get_ulong(key, CKA_KEYWARD_ORIGIN).unwrap(), 4);
            assert!(!session.get_bool(key, CKA_LOCAL).unwrap());
        }
        session.get(key, CKA_VALUE).unwrap()
    };
    assert_eq!(value(1, 2), value(1, 2));
    assert_ne!(value(1, 2), value(3, 2));
    let takes_words = !derivation_of(ckm, 0, 0).is_plain();
    assert_eq!(value(1, 2) != value(1, 4), takes_words);
}

/// The keys of a TLS connection, of one master secret and two.
fn derives_tls_keys(session: Session<'_>, ckm: CK_MECHANISM_TYPE) {
    let keys = |byte: u8| {
        let master = Template::new().class(CKO_SECRET_KEY).ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET);
        let master = master.bytes(CKA_VALUE, &[byte; 48]).flag(CKA_DERIVE, true);
        let master = master.flag(CKA_SENSITIVE, false).flag(CKA_EXTRACTABLE, true);
        let master = session.create(&master).unwrap();
        let out = key_material();
        let mechanism = tls_keys(ckm, (256, 256, 0), randoms(&[1; 32], &[2; 32]), out);
        session.derive(&mechanism, master, &Template::new().ulong(CKA_KEY_TYPE, CKK_AES)).unwrap();
        // SAFETY: the place that was made above.
        let out = unsafe { out.read() };
        [out.hClientMacSecret, out.hServerMacSecret, out.hClientKey, out.hServerKey]
            .map(|key| session.get(key, CKA_VALUE).unwrap())
    };
    assert_eq!(keys(1), keys(1));
    let (mut all, other) = (keys(1).to_vec(), keys(2));
    all.extend(other);
    let len = all.len();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), len);
}

/// Prime and base of a group for Diffie-Hellman.
fn group_of_2048_bits(session: Session<'_>) -> Template {
    let template = Template::new().ulong(CKA_PRIME_BITS, 2048);
    let group = session.generate(&Mechanism::plain(CKM_DH_PKCS_PARAMETER_GEN), &template).unwrap();
    assert_eq!(session.get_ulong(group, CKA_CLASS).unwrap(), CKO_DOMAIN_PARAMETERS);
    let prime = session.get(group, CKA_PRIME).unwrap();
    Template::new().bytes(CKA_PRIME, &prime).bytes(CKA_BASE, &session.get(group, CKA_BASE).unwrap())
}

fn derives_in_a_finite_field(session: Session<'_>) {
    let generation = Mechanism::plain(CKM_DH_PKCS_KEY_PAIR_GEN);
    let pair = || session.generate_pair(&generation, &group_of_2048_bits(session), &Template::new()).unwrap();
    let (one, other) = (pair(), pair());
    let derive = |private, public| {
        let mechanism = Mechanism::iv(CKM_DH_PKCS_DERIVE, &session.get(public, CKA_VALUE).unwrap());
        let template = Template::new().flag(CKA_SENSITIVE, false).flag(CKA_EXTRACTABLE, true);
        session.get(session.derive(&mechanism, private, &template).unwrap(), CKA_VALUE).unwrap()
    };
    assert_eq!(derive(one.1, other.0), derive(other.1, one.0));
    assert_ne!(derive(one.1, other.0), derive(one.1, one.0));
}

/// Keys of a password and of TLS versions, of which the mechanism's parameter settles more than the template does.
fn generates(session: Session<'_>, ckm: CK_MECHANISM_TYPE) {
    let (mechanism, template, len) = match ckm {
        CKM_PKCS5_PBKD2 => (
            pbkd2(CKP_PKCS5_PBKD2_HMAC_SHA256, b"password", b"salt", 1000),
            Template::new().ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET).ulong(CKA_VALUE_LEN, 32),
            32,
        ),
        CKM_SSL3_PRE_MASTER_KEY_GEN | CKM_TLS_PRE_MASTER_KEY_GEN => {
            (structure(ckm, &CK_VERSION { major: 3, minor: 3 }), Template::new(), 48)
        }
        _ => (Mechanism::plain(ckm), Template::new().ulong(CKA_VALUE_LEN, 32), 32),
    };
    let (one, other) =
        (session.generate(&mechanism, &template).unwrap(), session.generate(&mechanism, &template).unwrap());
    assert_ne!(one, other);
    assert_eq!(session.get_ulong(one, CKA_VALUE_LEN).unwrap(), len);
    assert_eq!(session.get_ulong(one, CKA_KEY_GEN_MECHANISM).unwrap(), ckm);
}

fn generates_pairs(session: Session<'_>, ckm: CK_MECHANISM_TYPE, flags: CK_FLAGS) {
    let curve_name = (flags & CKF_EC_CURVENAME != 0).then_some(match ckm {
        CKM_EC_EDWARDS_KEY_PAIR_GEN => "edwards25519",
        CKM_EC_MONTGOMERY_KEY_PAIR_GEN => "curve25519",
        _ => "secp256r1",
    });
    let public = match ckm {
        CKM_RSA_PKCS_KEY_PAIR_GEN => Template::new().ulong(CKA_MODULUS_BITS, 2048),
        CKM_EC_KEY_PAIR_GEN | CKM_EC_KEY_PAIR_GEN_W_EXTRA_BITS => Template::new().bytes(CKA_EC_PARAMS, P256),
        CKM_EC_EDWARDS_KEY_PAIR_GEN => Template::new().bytes(CKA_EC_PARAMS, ED25519),
        CKM_EC_MONTGOMERY_KEY_PAIR_GEN => Template::new().bytes(CKA_EC_PARAMS, X25519),
        CKM_DH_PKCS_KEY_PAIR_GEN => group_of_2048_bits(session),
        CKM_ML_KEM_KEY_PAIR_GEN => Template::new().ulong(CKA_PARAMETER_SET, CKP_ML_KEM_768),
        CKM_ML_DSA_KEY_PAIR_GEN => Template::new().ulong(CKA_PARAMETER_SET, CKP_ML_DSA_87),
        CKM_SLH_DSA_KEY_PAIR_GEN => Template::new().ulong(CKA_PARAMETER_SET, CKP_SLH_DSA_SHAKE_128F),
        _ => panic!("{ckm:#x} makes pairs that this test does not know"),
    };
    let (public, private) = session.generate_pair(&Mechanism::plain(ckm), &public, &Template::new()).unwrap();
    if let Some(name) = curve_name {
        // CKF_EC_CURVENAME: the curve by its name, a PrintableString.
        let params = [&[0x13, name.len() as u8], name.as_bytes()].concat();
        let public = Template::new().bytes(CKA_EC_PARAMS, &params);
        session.generate_pair(&Mechanism::plain(ckm), &public, &Template::new()).unwrap();
    }
    assert_eq!(
        session.get(public, CKA_PUBLIC_KEY_INFO).unwrap(),
        session.get(private, CKA_PUBLIC_KEY_INFO).unwrap()
    );
}

alone! {
    fn every_announced_mechanism_does_what_it_announces() {
        let world = World::new();
        let session = world.user();
        let list = world.module.mechanisms(world.slot).unwrap();
        assert!(list.len() >= 40, "{list:x?}");
        for ckm in list {
            let flags = world.module.mechanism_info(world.slot, ckm).unwrap().flags;
            let has = |flag| flags & flag != 0;
            println!("{ckm:#x} {flags:#x}");
            let known = CKF_SIGN | CKF_VERIFY | CKF_ENCRYPT | CKF_DECRYPT | CKF_WRAP | CKF_UNWRAP | CKF_DIGEST
                | CKF_GENERATE | CKF_GENERATE_KEY_PAIR | CKF_DERIVE | CKF_EC_F_P | CKF_EC_NAMEDCURVE | CKF_EC_OID
                | CKF_EC_UNCOMPRESS | CKF_EC_COMPRESS | CKF_EC_CURVENAME | MESSAGES | CKF_MULTI_MESSAGE
                | CKF_SIGN_RECOVER | CKF_VERIFY_RECOVER | CKF_ENCAPSULATE | CKF_DECAPSULATE;
            assert_eq!(flags & !known, 0, "a flag without a test");
            // What the messages do is tested beside; here, that they are announced where they should be.
            assert_eq!(has(CKF_MESSAGE_SIGN), has(CKF_SIGN) && ckm != CKM_AES_GMAC);
            assert_eq!(has(CKF_MESSAGE_VERIFY), has(CKF_VERIFY) && ckm != CKM_AES_GMAC);
            let aead = matches!(ckm, CKM_AES_GCM | CKM_AES_CCM | CKM_CHACHA20_POLY1305);
            assert!(has(CKF_MESSAGE_ENCRYPT) == aead && has(CKF_MESSAGE_DECRYPT) == aead);
            assert_eq!(has(CKF_MULTI_MESSAGE), has(MESSAGES));
            // What they do is tested in `encapsulate`.
            assert!(has(CKF_ENCAPSULATE) == has(CKF_DECAPSULATE));
            let kem = matches!(
                ckm,
                CKM_ML_KEM | CKM_DH_PKCS_DERIVE | CKM_ECDH1_DERIVE | CKM_ECDH1_COFACTOR_DERIVE | CKM_RSA_PKCS | CKM_RSA_PKCS_OAEP
            );
            assert_eq!(has(CKF_ENCAPSULATE), kem);
            if has(CKF_SIGN) || has(CKF_VERIFY) {
                // What only verifies (SHA-1) is denied by the default policy.
                assert!(has(CKF_SIGN) && has(CKF_VERIFY));
                signs_and_verifies(session, ckm);
            }
            if has(CKF_SIGN_RECOVER) || has(CKF_VERIFY_RECOVER) {
                assert!(has(CKF_SIGN_RECOVER) && has(CKF_VERIFY_RECOVER));
                crate::recover::recovers(session, ckm);
            }
            if has(CKF_ENCRYPT) || has(CKF_DECRYPT) {
                assert!(has(CKF_ENCRYPT) && has(CKF_DECRYPT));
                encrypts_and_decrypts(session, ckm);
            }
            if ckm == CKM_KEYWARD_PBES2 {
                // The default policy lets keys in under a password, and none out.
                assert!(has(CKF_UNWRAP) && !has(CKF_WRAP));
                unwraps_under_a_password(session);
            } else if has(CKF_WRAP) || has(CKF_UNWRAP) {
                assert!(has(CKF_WRAP) && has(CKF_UNWRAP));
                wraps_and_unwraps(session, ckm);
            }
            if has(CKF_DIGEST) {
                let (data, mechanism) = (data_for(ckm), with_parameter(ckm));
                let digest = session.digest(&mechanism, &data).unwrap();
                assert_eq!(session.digest_parts(&mechanism, &data).unwrap(), digest);
                assert_ne!(session.digest(&mechanism, b"").unwrap(), digest);
            }
            if has(CKF_DERIVE) {
                match ckm {
                    CKM_AES_ECB_ENCRYPT_DATA | CKM_AES_CBC_ENCRYPT_DATA => derives_by_encryption(session, ckm),
                    ckm if hashes_the_key(ckm) => derives_by_hashing(session, ckm),
                    CKM_ECDH1_DERIVE | CKM_ECDH1_COFACTOR_DERIVE => derives(session, ckm),
                    CKM_DH_PKCS_DERIVE => derives_in_a_finite_field(session),
                    CKM_TLS12_KEY_AND_MAC_DERIVE | CKM_TLS12_KEY_SAFE_DERIVE => derives_tls_keys(session, ckm),
                    _ => derives_from_a_secret(session, ckm),
                }
            }
            if has(CKF_GENERATE) {
                match ckm {
                    CKM_DH_PKCS_PARAMETER_GEN => drop(group_of_2048_bits(session)),
                    _ => generates(session, ckm),
                }
            }
            if has(CKF_GENERATE_KEY_PAIR) {
                generates_pairs(session, ckm, flags);
            }
            // What is not announced is refused.
            if !has(CKF_DIGEST) {
                assert!(session.digest_init(&with_parameter(ckm)).is_err());
            }
        }
        let unknown = world.module.mechanism_info(world.slot, CKM_DES_CBC).err();
        assert_eq!(unknown, Some(Rv(CKR_MECHANISM_INVALID)));
    }
}

alone! {
    fn known_answers_come_out() {
        let world = World::new();
        let session = world.user();
        // FIPS 180-4, "abc".
        let digest = session.digest(&Mechanism::plain(CKM_SHA256), b"abc").unwrap();
        assert_eq!(digest[..8], [0xBA, 0x78, 0x16, 0xBF, 0x8F, 0x01, 0xCF, 0xEA]);
        // FIPS 197, appendix C.3.
        let value: Vec<u8> = (0..32).collect();
        let key = Template::new()
            .class(CKO_SECRET_KEY)
            .ulong(CKA_KEY_TYPE, CKK_AES)
            .bytes(CKA_VALUE, &value)
            .flag(CKA_ENCRYPT, true);
        let key = session.create(&key).unwrap();
        let block: Vec<u8> = (0..16).map(|at| at * 0x11).collect();
        let sealed = session.encrypt(&Mechanism::plain(CKM_AES_ECB), key, &block).unwrap();
        assert_eq!(sealed[..8], [0x8E, 0xA2, 0xB7, 0xCA, 0x51, 0x67, 0x45, 0xBF]);
        // RFC 4231, test case 2.
        let key = Template::new()
            .class(CKO_SECRET_KEY)
            .ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET)
            .bytes(CKA_VALUE, b"Jefe")
            .uses(&[CKA_SIGN, CKA_VERIFY]);
        let key = session.create(&key).unwrap();
        match session.sign(&Mechanism::plain(CKM_SHA256_HMAC), key, b"what do ya want for nothing?") {
            Ok(mac) => assert_eq!(mac[..8], [0x5B, 0xDC, 0xC1, 0x46, 0xBF, 0x60, 0x75, 0x4E]),
            // 32 bits of key: too weak to protect anything under the shipped policy.
            Err(code) => assert_eq!(code, Rv(CKR_KEY_SIZE_RANGE)),
        }
    }
}

alone! {
    fn mechanism_parameters_that_do_not_fit_are_refused() {
        let world = World::new();
        let session = world.user();
        let key = session.aes(Template::new().uses(&[CKA_ENCRYPT, CKA_DECRYPT])).unwrap();
        for wrong in [
            Mechanism::plain(CKM_AES_CBC),
            Mechanism::iv(CKM_AES_CBC, &[0; 15]),
            Mechanism::iv(CKM_AES_ECB, &[0; 16]),
            Mechanism::plain(CKM_AES_GCM),
            Mechanism::gcm(&[], b"", 128),
            Mechanism::gcm(&[0; 12], b"", 7),
            Mechanism::gcm(&[0; 12], b"", 136),
            Mechanism::ctr(0, [0; 16]),
            Mechanism::ctr(129, [0; 16]),
        ] {
            assert_eq!(session.encrypt_init(&wrong, key), Err(Rv(CKR_MECHANISM_PARAM_INVALID)), "{:#x}", wrong.ckm);
        }
        assert_eq!(session.encrypt_init(&Mechanism::plain(CKM_SHA256), key), Err(Rv(CKR_MECHANISM_INVALID)));
        assert_eq!(session.encrypt_init(&Mechanism::plain(0x7777), key), Err(Rv(CKR_MECHANISM_INVALID)));
        assert_eq!(session.encrypt_init(&Mechanism::plain(CKM_RSA_PKCS), key), Err(Rv(CKR_KEY_TYPE_INCONSISTENT)));
    }
}
