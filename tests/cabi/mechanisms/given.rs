//! What each mechanism is tried with: a parameter, data and keys that fit.

use super::super::client::*;
use super::super::derivation::parameters::*;
use super::super::hashes::{is_general_mac, mac_key_type};
use super::super::parameters::{
    cbc_encrypt_data, ccm, chacha20, chacha20_poly1305, ecb_encrypt_data, ecdh_aes, gmac,
    hash_signature_context, mac_general, rsa_aes,
};
use cryptoki_sys::*;

/// A mechanism with a parameter that fits.
pub fn with_parameter(ckm: CK_MECHANISM_TYPE) -> Mechanism {
    match ckm {
        CKM_RSA_PKCS_PSS | CKM_SHA256_RSA_PKCS_PSS => Mechanism::pss(ckm, CKM_SHA256, CKG_MGF1_SHA256, 32),
        CKM_SHA224_RSA_PKCS_PSS => Mechanism::pss(ckm, CKM_SHA224, CKG_MGF1_SHA224, 28),
        CKM_SHA384_RSA_PKCS_PSS => Mechanism::pss(ckm, CKM_SHA384, CKG_MGF1_SHA384, 48),
        CKM_SHA512_RSA_PKCS_PSS => Mechanism::pss(ckm, CKM_SHA512, CKG_MGF1_SHA512, 64),
        CKM_SHA1_RSA_PKCS_PSS => Mechanism::pss(ckm, CKM_SHA_1, CKG_MGF1_SHA1, 20),
        CKM_SHA3_224_RSA_PKCS_PSS => Mechanism::pss(ckm, CKM_SHA3_224, CKG_MGF1_SHA3_224, 28),
        CKM_SHA3_256_RSA_PKCS_PSS => Mechanism::pss(ckm, CKM_SHA3_256, CKG_MGF1_SHA3_256, 32),
        CKM_SHA3_384_RSA_PKCS_PSS => Mechanism::pss(ckm, CKM_SHA3_384, CKG_MGF1_SHA3_384, 48),
        CKM_SHA3_512_RSA_PKCS_PSS => Mechanism::pss(ckm, CKM_SHA3_512, CKG_MGF1_SHA3_512, 64),
        CKM_ECDH_AES_KEY_WRAP | CKM_ECDH_X_AES_KEY_WRAP | CKM_ECDH_COF_AES_KEY_WRAP => {
            ecdh_aes(ckm, 256, CKD_SHA256_KDF, b"shared")
        }
        CKM_RSA_AES_KEY_WRAP => rsa_aes(256, CKM_SHA256, CKG_MGF1_SHA256, b"label"),
        CKM_SHA512_T | CKM_SHA512_T_HMAC | CKM_SHA512_T_KEY_DERIVATION => mac_general(ckm, 256),
        ckm if is_general_mac(ckm) => mac_general(ckm, 11),
        CKM_RSA_PKCS_OAEP => Mechanism::oaep(CKM_SHA256, CKG_MGF1_SHA256, b"label"),
        CKM_AES_CBC
        | CKM_AES_CBC_PAD
        | CKM_AES_CTS
        | CKM_AES_XTS
        | CKM_AES_OFB
        | CKM_AES_CFB8..=CKM_AES_CFB1 => Mechanism::iv(ckm, &[7; 16]),
        CKM_AES_GMAC => gmac(&[3; 12], b"", 128),
        CKM_AES_CMAC_GENERAL => mac_general(ckm, 11),
        CKM_AES_ECB_ENCRYPT_DATA => ecb_encrypt_data(&[5; 64]),
        CKM_AES_CBC_ENCRYPT_DATA => cbc_encrypt_data([9; 16], &[5; 64]),
        CKM_CHACHA20 => chacha20(&[1, 0, 0, 0], &[3; 12]),
        CKM_AES_CTR => Mechanism::ctr(128, [9; 16]),
        CKM_AES_GCM => Mechanism::gcm(&[3; 12], b"additional", 128),
        CKM_AES_CCM => ccm(1000, &[3; 12], b"additional", 16),
        CKM_CHACHA20_POLY1305 => chacha20_poly1305(&[3; 12], b"additional"),
        CKM_TLS_MAC | CKM_TLS12_MAC => tls_mac(ckm, 12, 2),
        CKM_HASH_ML_DSA | CKM_HASH_SLH_DSA => {
            hash_signature_context(ckm, CKH_HEDGE_PREFERRED, b"context", CKM_SHA256)
        }
        _ => Mechanism::plain(ckm),
    }
}

/// Data that the mechanism takes, whole.
pub(super) fn data_for(ckm: CK_MECHANISM_TYPE) -> Vec<u8> {
    let len = match ckm {
        // Raw: the data is a digest.
        CKM_RSA_PKCS_PSS
        | CKM_ECDSA
        | CKM_KEYWARD_ECDSA_DETERMINISTIC
        | CKM_HASH_ML_DSA
        | CKM_HASH_SLH_DSA => 32,
        CKM_RSA_PKCS | CKM_RSA_PKCS_OAEP => 50,
        CKM_AES_ECB | CKM_AES_CBC => 1024,
        _ => 1000,
    };
    (0..len).map(|at: u32| (at * 7 % 251) as u8).collect()
}

/// The signatures of ML-DSA and SLH-DSA.
fn is_post_quantum(ckm: CK_MECHANISM_TYPE) -> bool {
    matches!(
        ckm,
        CKM_ML_DSA
            | CKM_HASH_ML_DSA
            | CKM_HASH_ML_DSA_SHA224..=CKM_HASH_ML_DSA_SHAKE256
            | CKM_SLH_DSA
            | CKM_HASH_SLH_DSA
            | CKM_HASH_SLH_DSA_SHA224..=CKM_HASH_SLH_DSA_SHAKE256
    )
}

pub(super) fn makes_random_output(ckm: CK_MECHANISM_TYPE) -> bool {
    is_post_quantum(ckm)
        || matches!(
            ckm,
            CKM_RSA_PKCS_PSS
                | CKM_SHA224_RSA_PKCS_PSS
                | CKM_SHA256_RSA_PKCS_PSS
                | CKM_SHA384_RSA_PKCS_PSS
                | CKM_SHA512_RSA_PKCS_PSS
                | CKM_SHA3_224_RSA_PKCS_PSS
                | CKM_SHA3_256_RSA_PKCS_PSS
                | CKM_SHA3_384_RSA_PKCS_PSS
                | CKM_SHA3_512_RSA_PKCS_PSS
                | CKM_ECDSA
                | CKM_ECDSA_SHA224
                | CKM_ECDSA_SHA256
                | CKM_ECDSA_SHA384
                | CKM_ECDSA_SHA512
                | CKM_ECDSA_SHA3_224..=CKM_ECDSA_SHA3_512
        )
}

/// A key that protects, and the one that processes, for a mechanism, made for these uses only.
pub fn keys_for(
    session: Session<'_>,
    ckm: CK_MECHANISM_TYPE,
    protect: CK_ULONG,
    process: CK_ULONG,
) -> (Key, Key) {
    let template = |use_of| Template::new().flag(use_of, true);
    let pair = |(public, private): (Key, Key)| match protect {
        // Of a pair, the private half signs and the public half encrypts and wraps.
        CKA_SIGN => (private, public),
        _ => (public, private),
    };
    let halves = || match protect {
        CKA_SIGN => (template(process), template(protect)),
        _ => (template(protect), template(process)),
    };
    match ckm {
        CKM_RSA_PKCS
        | CKM_RSA_PKCS_OAEP
        | CKM_RSA_PKCS_PSS
        | CKM_RSA_AES_KEY_WRAP
        | 0x05..=0x06
        | 0x0E
        | 0x40..=0x47
        | CKM_SHA3_256_RSA_PKCS..=CKM_SHA3_224_RSA_PKCS_PSS => {
            let (public, private) = halves();
            pair(session.rsa(public, private).unwrap())
        }
        CKM_ECDH_X_AES_KEY_WRAP => {
            let (public, private) = halves();
            let generation = Mechanism::plain(CKM_EC_MONTGOMERY_KEY_PAIR_GEN);
            let public = public.bytes(CKA_EC_PARAMS, X25519);
            pair(session.generate_pair(&generation, &public, &private).unwrap())
        }
        CKM_ECDH_AES_KEY_WRAP
        | CKM_ECDH_COF_AES_KEY_WRAP
        | CKM_ECDSA..=CKM_ECDSA_SHA3_512
        | CKM_KEYWARD_ECDSA_DETERMINISTIC..=CKM_KEYWARD_ECDSA_DETERMINISTIC_SHA512 => {
            let (public, private) = halves();
            pair(session.p256(public, private).unwrap())
        }
        CKM_EDDSA => {
            let (public, private) = halves();
            let generation = Mechanism::plain(CKM_EC_EDWARDS_KEY_PAIR_GEN);
            let public = public.bytes(CKA_EC_PARAMS, ED25519);
            pair(session.generate_pair(&generation, &public, &private).unwrap())
        }
        ckm if is_post_quantum(ckm) => {
            let (public, private) = halves();
            let (generation, set) = match ckm {
                CKM_SLH_DSA..=CKM_HASH_SLH_DSA_SHAKE256 => (CKM_SLH_DSA_KEY_PAIR_GEN, CKP_SLH_DSA_SHA2_128F),
                _ => (CKM_ML_DSA_KEY_PAIR_GEN, CKP_ML_DSA_65),
            };
            let public = public.ulong(CKA_PARAMETER_SET, set);
            pair(session.generate_pair(&Mechanism::plain(generation), &public, &private).unwrap())
        }
        CKM_AES_ECB
        | CKM_AES_CBC
        | CKM_AES_CBC_PAD
        | CKM_AES_CTR
        | CKM_AES_GCM
        | CKM_AES_CCM
        | CKM_AES_CTS
        | CKM_AES_CMAC
        | CKM_AES_CMAC_GENERAL
        | CKM_AES_GMAC
        | CKM_AES_OFB..=CKM_AES_KEY_WRAP_PKCS7 => {
            let key = session.aes(template(protect).flag(process, true)).unwrap();
            (key, key)
        }
        CKM_AES_XTS => {
            let template = template(protect).flag(process, true).ulong(CKA_VALUE_LEN, 64);
            let key = session.generate(&Mechanism::plain(CKM_AES_XTS_KEY_GEN), &template).unwrap();
            (key, key)
        }
        CKM_CHACHA20 | CKM_CHACHA20_POLY1305 => {
            let generation = Mechanism::plain(CKM_CHACHA20_KEY_GEN);
            let key = session.generate(&generation, &template(protect).flag(process, true)).unwrap();
            (key, key)
        }
        _ => {
            // A MAC works with generic secrets, and with keys of its own type.
            let template = template(protect).flag(process, true).ulong(CKA_VALUE_LEN, 64);
            let generation =
                mac_key_type(ckm).map_or(CKM_GENERIC_SECRET_KEY_GEN, |(generation, _)| generation);
            let key = session.generate(&Mechanism::plain(generation), &template).unwrap();
            (key, key)
        }
    }
}
