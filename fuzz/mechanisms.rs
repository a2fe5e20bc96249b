//! Mechanisms and their parameters, from bytes.

use crate::derivation;
use crate::memory::{Memory, Source};
use cryptoki_sys::*;
use keyward_pkcs11::crypto::table::MECHANISMS;
use std::ptr::with_exposed_provenance_mut as at;

/// The mechanism of a call.
#[derive(Clone, Copy)]
pub struct Chosen {
    pub ckm: CK_MECHANISM_TYPE,
    pub key_types: &'static [CK_KEY_TYPE],
}

/// The rows of the mechanisms that do what the function asks for; all of them where it asks for none.
pub fn fitting(name: &str) -> Vec<usize> {
    let asks = [
        ("GenerateKeyPair", CKF_GENERATE_KEY_PAIR),
        ("GenerateKey", CKF_GENERATE),
        ("Unwrap", CKF_UNWRAP),
        ("Wrap", CKF_WRAP),
        ("Derive", CKF_DERIVE),
        ("Encrypt", CKF_ENCRYPT),
        ("Decrypt", CKF_DECRYPT),
        ("Verify", CKF_VERIFY),
        ("Sign", CKF_SIGN),
        ("Digest", CKF_DIGEST),
        ("Encapsulate", CKF_ENCAPSULATE),
        ("Decapsulate", CKF_DECAPSULATE),
    ];
    let asked = asks.iter().find(|(word, _)| name.contains(word)).map_or(CK_FLAGS::MAX, |(_, flag)| *flag);
    let does = |at: &usize| MECHANISMS[*at].announced() & asked != 0;
    (0..MECHANISMS.len()).filter(does).collect()
}

/// A mechanism that does what the function asks for, mostly.
pub fn choose(source: &mut Source<'_>, fitting: &[usize]) -> Chosen {
    let row = match source.byte() {
        0..5 => {
            return Chosen {
                ckm: source.pick(&[0x9999, 0x8000_0001, CK_MECHANISM_TYPE::MAX]),
                key_types: &[],
            };
        }
        5..20 => MECHANISMS[source.below(MECHANISMS.len())],
        _ if fitting.is_empty() => return Chosen { ckm: 0x9999, key_types: &[] },
        _ => MECHANISMS[source.pick(fitting)],
    };
    // A pair of RSA keys takes too long to make, and one of SLH-DSA may.
    let ckm = match row.ckm {
        CKM_RSA_PKCS_KEY_PAIR_GEN | CKM_SLH_DSA_KEY_PAIR_GEN => CKM_EC_KEY_PAIR_GEN,
        ckm => ckm,
    };
    Chosen { ckm, key_types: row.key_types }
}

/// The mechanism with a parameter of its form; every pointer in it is NULL or leads to as many bytes as is said.
pub fn place(source: &mut Source<'_>, memory: &mut Memory, chosen: Chosen) -> usize {
    let (parameter, len) = parameter(source, memory, chosen.ckm);
    let len = if source.once_in(48) { source.pick(&[0, 1, 7, CK_ULONG::MAX, 1 << 40]) } else { len };
    let parameter = if source.once_in(48) { 0 } else { parameter };
    memory.place(CK_MECHANISM { mechanism: chosen.ckm, pParameter: at(parameter), ulParameterLen: len })
}

/// The mechanism with a message's parameter.
pub fn place_of_message(source: &mut Source<'_>, memory: &mut Memory, chosen: Chosen, good: bool) -> usize {
    let [parameter, len] = message(source, memory, good);
    memory.place(CK_MECHANISM {
        mechanism: chosen.ckm,
        pParameter: at(parameter),
        ulParameterLen: len as CK_ULONG,
    })
}

/// Bytes of a field: a few, none, or NULL with any length.
pub fn field(source: &mut Source<'_>, memory: &mut Memory, usual: usize) -> (usize, CK_ULONG) {
    match source.below(12) {
        0 => (0, source.pick(&[0, 1, 12, CK_ULONG::MAX])),
        1 => (memory.put(vec![]), 0),
        2 => {
            let len = usize::from(source.byte());
            (memory.put(vec![9; len]), len as CK_ULONG)
        }
        3 => (memory.put(vec![9; 4]), source.pick(&[CK_ULONG::MAX, 1 << 40])),
        4 => {
            let bytes = source.take(usual);
            let len = bytes.len() as CK_ULONG;
            (memory.put(bytes), len)
        }
        _ => (memory.put(vec![7; usual]), usual as CK_ULONG),
    }
}

pub fn whole<T: Copy>(memory: &mut Memory, value: T) -> (usize, CK_ULONG) {
    (memory.place(value), size_of::<T>() as CK_ULONG)
}

const HASHES: &[CK_MECHANISM_TYPE] = &[CKM_SHA256, CKM_SHA_1, CKM_SHA384, CKM_SHA512, CKM_SHA224, CKM_MD5, 0];
const MGFS: &[CK_ULONG] = &[CKG_MGF1_SHA256, CKG_MGF1_SHA1, CKG_MGF1_SHA384, CKG_MGF1_SHA512, 0, 99];

fn parameter(source: &mut Source<'_>, memory: &mut Memory, ckm: CK_MECHANISM_TYPE) -> (usize, CK_ULONG) {
    if let Some(parameter) = derivation::parameter(source, memory, ckm) {
        return parameter;
    }
    match ckm {
        CKM_AES_CBC | CKM_AES_CBC_PAD | CKM_AES_CTS | CKM_AES_XTS | CKM_AES_OFB | CKM_AES_CFB8
        | CKM_AES_CFB128 | CKM_AES_CFB1 => {
            let len = if source.once_in(12) { source.below(40) } else { 16 };
            (memory.put(vec![source.byte(); len]), len as CK_ULONG)
        }
        CKM_AES_KEY_WRAP | CKM_AES_KEY_WRAP_KWP | CKM_AES_KEY_WRAP_PAD | CKM_AES_KEY_WRAP_PKCS7
            if source.once_in(3) =>
        {
            let bytes = source.pick(&[&[0xA6; 8][..], &[0xA6, 0x59, 0x59, 0xA6], &[1; 8], &[1; 5]]);
            (memory.put(bytes.to_vec()), bytes.len() as CK_ULONG)
        }
        CKM_AES_CTR => {
            let bits = source.pick(&[128, 32, 1, 8, 0, 129, CK_ULONG::MAX]);
            whole(memory, CK_AES_CTR_PARAMS { ulCounterBits: bits, cb: [source.byte(); 16] })
        }
        CKM_AES_GCM | CKM_AES_GMAC => gcm(source, memory),
        CKM_AES_CMAC_GENERAL => whole(memory, source.pick(&[16 as CK_ULONG, 8, 4, 1, 0, 17, CK_ULONG::MAX])),
        CKM_AES_ECB_ENCRYPT_DATA => {
            let data = field(source, memory, 32);
            whole(memory, CK_KEY_DERIVATION_STRING_DATA { pData: at(data.0), ulLen: data.1 })
        }
        CKM_AES_CBC_ENCRYPT_DATA => {
            let data = field(source, memory, 32);
            let iv = [source.byte(); 16];
            whole(memory, CK_AES_CBC_ENCRYPT_DATA_PARAMS { iv, pData: at(data.0), length: data.1 })
        }
        CKM_CHACHA20 => chacha20(source, memory),
        CKM_AES_CCM => {
            let (nonce, aad) = (field(source, memory, 12), field(source, memory, 5));
            let len = source.pick(&[16, 0, 32, 33, CK_ULONG::MAX]);
            let param = CK_CCM_PARAMS {
                ulDataLen: len,
                pNonce: at(nonce.0),
                ulNonceLen: nonce.1,
                pAAD: at(aad.0),
                ulAADLen: aad.1,
                ulMACLen: source.pick(&[16, 8, 4, 0, 17, CK_ULONG::MAX]),
            };
            whole(memory, param)
        }
        CKM_CHACHA20_POLY1305 => {
            let (nonce, aad) = (field(source, memory, 12), field(source, memory, 5));
            let param = CK_SALSA20_CHACHA20_POLY1305_PARAMS {
                pNonce: at(nonce.0),
                ulNonceLen: nonce.1,
                pAAD: at(aad.0),
                ulAADLen: aad.1,
            };
            whole(memory, param)
        }
        CKM_RSA_PKCS_PSS
        | CKM_SHA1_RSA_PKCS_PSS
        | CKM_SHA224_RSA_PKCS_PSS
        | CKM_SHA256_RSA_PKCS_PSS
        | CKM_SHA384_RSA_PKCS_PSS
        | CKM_SHA512_RSA_PKCS_PSS => {
            let salt = source.pick(&[32, 20, 48, 64, 0, 222, CK_ULONG::MAX]);
            whole(
                memory,
                CK_RSA_PKCS_PSS_PARAMS { hashAlg: source.pick(HASHES), mgf: source.pick(MGFS), sLen: salt },
            )
        }
        CKM_RSA_PKCS_OAEP => {
            let label = field(source, memory, 0);
            let param = CK_RSA_PKCS_OAEP_PARAMS {
                hashAlg: source.pick(HASHES),
                mgf: source.pick(MGFS),
                source: source.pick(&[1, 0, 2]),
                pSourceData: at(label.0),
                ulSourceDataLen: label.1,
            };
            whole(memory, param)
        }
        CKM_ECDH1_DERIVE | CKM_ECDH1_COFACTOR_DERIVE => {
            let (shared, public) = (field(source, memory, 0), point(source, memory));
            let param = CK_ECDH1_DERIVE_PARAMS {
                kdf: source.pick(&[CKD_NULL, CKD_SHA256_KDF, CKD_SHA1_KDF, CKD_SHA512_KDF, 99]),
                ulSharedDataLen: shared.1,
                pSharedData: at(shared.0),
                ulPublicDataLen: public.1,
                pPublicData: at(public.0),
            };
            whole(memory, param)
        }
        CKM_EDDSA if source.once_in(3) => {
            let context = field(source, memory, 3);
            let param = CK_EDDSA_PARAMS {
                phFlag: source.byte() % 3,
                ulContextDataLen: context.1,
                pContextData: at(context.0),
            };
            whole(memory, param)
        }
        CKM_HASH_ML_DSA | CKM_HASH_SLH_DSA => {
            let context = field(source, memory, 3);
            let param = CK_HASH_SIGN_ADDITIONAL_CONTEXT {
                hedgeVariant: source.pick(&[0, 1, 2, 3]),
                pContext: at(context.0),
                ulContextLen: context.1,
                hash: source.pick(HASHES),
            };
            whole(memory, param)
        }
        CKM_ML_DSA
        | CKM_SLH_DSA
        | CKM_HASH_ML_DSA_SHA224..=CKM_HASH_ML_DSA_SHAKE256
        | CKM_HASH_SLH_DSA_SHA224..=CKM_HASH_SLH_DSA_SHAKE256
            if source.once_in(2) =>
        {
            let context = field(source, memory, 3);
            let param = CK_SIGN_ADDITIONAL_CONTEXT {
                hedgeVariant: source.pick(&[0, 1, 2, 3]),
                pContext: at(context.0),
                ulContextLen: context.1,
            };
            whole(memory, param)
        }
        _ if source.once_in(32) => (memory.put(vec![1; 3]), 3),
        _ => (0, 0),
    }
}

/// Counter and nonce of all variants, near the end of the counter too. Lengths are in bits.
fn chacha20(source: &mut Source<'_>, memory: &mut Memory) -> (usize, CK_ULONG) {
    let (counter_len, nonce_len) = source.pick(&[(4_usize, 12_usize), (8, 8), (4, 8), (8, 24), (0, 12)]);
    let param = CK_CHACHA20_PARAMS {
        pBlockCounter: at(memory.put(vec![source.pick(&[0, 1, 0xFF]); counter_len])),
        blockCounterBits: counter_len as CK_ULONG * 8,
        pNonce: at(if source.once_in(12) { 0 } else { memory.put(vec![7; nonce_len]) }),
        ulNonceBits: nonce_len as CK_ULONG * 8,
    };
    whole(memory, param)
}

fn gcm(source: &mut Source<'_>, memory: &mut Memory) -> (usize, CK_ULONG) {
    let (iv, aad) = (field(source, memory, 12), field(source, memory, 5));
    let param = CK_GCM_PARAMS {
        pIv: at(iv.0),
        ulIvLen: iv.1,
        ulIvBits: source.pick(&[96, 0, 12]),
        pAAD: at(aad.0),
        ulAADLen: aad.1,
        ulTagBits: source.pick(&[128, 96, 64, 0, 7, 129, CK_ULONG::MAX]),
    };
    whole(memory, param)
}

/// A point: the base points of P-256 and X25519, or bytes.
fn point(source: &mut Source<'_>, memory: &mut Memory) -> (usize, CK_ULONG) {
    const G: [u8; 65] = [
        0x04, 0x6B, 0x17, 0xD1, 0xF2, 0xE1, 0x2C, 0x42, 0x47, 0xF8, 0xBC, 0xE6, 0xE5, 0x63, 0xA4, 0x40, 0xF2,
        0x77, 0x03, 0x7D, 0x81, 0x2D, 0xEB, 0x33, 0xA0, 0xF4, 0xA1, 0x39, 0x45, 0xD8, 0x98, 0xC2, 0x96, 0x4F,
        0xE3, 0x42, 0xE2, 0xFE, 0x1A, 0x7F, 0x9B, 0x8E, 0xE7, 0xEB, 0x4A, 0x7C, 0x0F, 0x9E, 0x16, 0x2B, 0xCE,
        0x33, 0x57, 0x6B, 0x31, 0x5E, 0xCE, 0xCB, 0xB6, 0x40, 0x68, 0x37, 0xBF, 0x51, 0xF5,
    ];
    let mut bytes = match source.below(4) {
        0 | 1 => G.to_vec(),
        2 => [&[9][..], &[0; 31]].concat(),
        _ => return field(source, memory, 65),
    };
    if source.once_in(6) {
        let place = source.below(bytes.len());
        bytes[place] ^= source.byte();
    }
    let len = bytes.len() as CK_ULONG;
    (memory.put(bytes), len)
}

/// The parameter of one message: NULL or a structure of one of the three ciphers.
pub fn message(source: &mut Source<'_>, memory: &mut Memory, good: bool) -> [usize; 2] {
    if !good {
        return [0, source.pick(&[0, 1, 48, usize::MAX])];
    }
    let (nonce, nonce_len) = (memory.put(vec![source.byte(); 12]), source.pick(&[12, 12, 0, 11]));
    let tag = memory.put(vec![source.byte(); 16]);
    let generator =
        source.pick(&[CKG_NO_GENERATE, CKG_GENERATE, CKG_GENERATE_COUNTER, CKG_GENERATE_RANDOM, 99]);
    let fixed = source.pick(&[0, 32, 96, 97, CK_ULONG::MAX]);
    let (place, len) = match source.below(8) {
        0 => (0, 0),
        1 => {
            let param = CK_CCM_MESSAGE_PARAMS {
                ulDataLen: source.pick(&[16, 0, 32, CK_ULONG::MAX]),
                pNonce: at(nonce),
                ulNonceLen: nonce_len,
                ulNonceFixedBits: fixed,
                nonceGenerator: generator,
                pMAC: at(tag),
                ulMACLen: source.pick(&[16, 8, 4, 0, CK_ULONG::MAX]),
            };
            whole(memory, param)
        }
        2 => {
            let param = CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS {
                pNonce: at(nonce),
                ulNonceLen: nonce_len,
                pTag: at(tag),
            };
            whole(memory, param)
        }
        _ => {
            let param = CK_GCM_MESSAGE_PARAMS {
                pIv: at(nonce),
                ulIvLen: nonce_len,
                ulIvFixedBits: fixed,
                ivGenerator: generator,
                pTag: at(tag),
                ulTagBits: source.pick(&[128, 96, 64, 0, 7, CK_ULONG::MAX]),
            };
            whole(memory, param)
        }
    };
    [place, len as usize]
}
