//! Sequences of C calls with any numbers.
#![no_main]

#[path = "../edge.rs"]
mod edge;

use cryptoki_sys::*;
use edge::Edge;
use libfuzzer_sys::fuzz_target;

const MECHANISMS: &[CK_MECHANISM_TYPE] = &[
    CKM_AES_GCM, CKM_AES_CBC, CKM_AES_CBC_PAD, CKM_AES_CTR, CKM_AES_ECB, CKM_SHA256, CKM_SHA256_HMAC, CKM_ECDSA,
    CKM_EDDSA, CKM_RSA_PKCS, CKM_RSA_PKCS_OAEP, CKM_RSA_PKCS_PSS, CKM_ECDH1_DERIVE, CKM_AES_KEY_GEN, 0x7FFF_FFFF,
];

fuzz_target!(|bytes: &[u8]| {
    let edge = Edge::get();
    let list = edge.list;
    let mut parameter = [0u8; 64];
    let mut out = [0u8; 512];
    for step in bytes.chunks_exact(8) {
        let [what, mechanism, object, parameter_len, data_len, room, flags, seed] = step.try_into().unwrap();
        parameter.fill(seed);
        // Bytes that form no pointer that could be followed: small numbers only, so shapes with pointers
        // inside are refused or see NULL.
        let mut mechanism = CK_MECHANISM {
            mechanism: MECHANISMS[usize::from(mechanism) % MECHANISMS.len()],
            pParameter: if parameter_len == 0 { std::ptr::null_mut() } else { parameter.as_mut_ptr().cast() },
            ulParameterLen: CK_ULONG::from(parameter_len % 17),
        };
        let pointer = &raw mut mechanism;
        let key = (CK_OBJECT_HANDLE::from(object % 4) << 20) | CK_OBJECT_HANDLE::from(object % 3);
        let session = if flags & 1 == 0 { edge.session } else { CK_SESSION_HANDLE::from(seed) };
        let mut data = [seed; 256];
        let (from, len) = (data.as_mut_ptr(), CK_ULONG::from(data_len));
        let mut written = CK_ULONG::from(room) * 2;
        let to = if flags & 2 == 0 { out.as_mut_ptr() } else { std::ptr::null_mut() };
        let into = &raw mut written;
        // SAFETY: every pointer is NULL or to a buffer of at least the length that goes with it.
        unsafe {
            match what % 20 {
                0 => list.C_SignInit.unwrap()(session, pointer, key),
                1 => list.C_Sign.unwrap()(session, from, len, to, into),
                2 => list.C_SignUpdate.unwrap()(session, from, len),
                3 => list.C_SignFinal.unwrap()(session, to, into),
                4 => list.C_EncryptInit.unwrap()(session, pointer, key),
                5 => list.C_Encrypt.unwrap()(session, from, len, to, into),
                6 => list.C_EncryptUpdate.unwrap()(session, from, len, to, into),
                7 => list.C_EncryptFinal.unwrap()(session, to, into),
                8 => list.C_DecryptInit.unwrap()(session, pointer, key),
                9 => list.C_Decrypt.unwrap()(session, from, len, to, into),
                10 => list.C_DecryptUpdate.unwrap()(session, from, len, to, into),
                11 => list.C_DecryptFinal.unwrap()(session, to, into),
                12 => list.C_DigestInit.unwrap()(session, pointer),
                13 => list.C_Digest.unwrap()(session, from, len, to, into),
                14 => list.C_DigestUpdate.unwrap()(session, from, len),
                15 => list.C_DigestFinal.unwrap()(session, to, into),
                16 => list.C_VerifyInit.unwrap()(session, pointer, key),
                17 => list.C_Verify.unwrap()(session, from, len, out.as_mut_ptr(), len),
                18 => {
                    let (mut made, mut value_len) = (0, CK_ULONG::from(data_len));
                    let mut template = CK_ATTRIBUTE {
                        type_: CKA_VALUE_LEN,
                        pValue: (&raw mut value_len).cast(),
                        ulValueLen: size_of::<CK_ULONG>() as CK_ULONG,
                    };
                    list.C_GenerateKey.unwrap()(session, pointer, &raw mut template, 1, &raw mut made)
                }
                _ => list.C_DestroyObject.unwrap()(session, key),
            };
        }
    }
});
