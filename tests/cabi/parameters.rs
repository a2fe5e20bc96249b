//! Mechanisms whose parameters are structures that the client does not know by itself.

use crate::client::Mechanism;
use cryptoki_sys::*;

/// A mechanism with any structure as its parameter.
pub fn structure<T: Copy>(ckm: CK_MECHANISM_TYPE, parameter: &T) -> Mechanism {
    let start = std::ptr::from_ref(parameter).cast::<u8>();
    // SAFETY: the bytes of a structure of numbers and pointers, none of them padding.
    Mechanism::iv(ckm, unsafe { std::slice::from_raw_parts(start, size_of::<T>()) })
}

/// Memory that lives as long as the test's process, because mechanisms point into it.
pub fn kept(bytes: &[u8]) -> *mut u8 {
    bytes.to_vec().leak().as_mut_ptr()
}

/// `CKM_AES_CCM`.
pub fn ccm(data_len: usize, nonce: &[u8], aad: &[u8], mac_len: CK_ULONG) -> Mechanism {
    structure(
        CKM_AES_CCM,
        &CK_CCM_PARAMS {
            ulDataLen: data_len as CK_ULONG,
            pNonce: kept(nonce),
            ulNonceLen: nonce.len() as CK_ULONG,
            pAAD: kept(aad),
            ulAADLen: aad.len() as CK_ULONG,
            ulMACLen: mac_len,
        },
    )
}

/// `CKM_CHACHA20_POLY1305`; the length of the nonce is told in bits.
pub fn chacha20_poly1305(nonce: &[u8], aad: &[u8]) -> Mechanism {
    structure(
        CKM_CHACHA20_POLY1305,
        &CK_SALSA20_CHACHA20_POLY1305_PARAMS {
            pNonce: kept(nonce),
            ulNonceLen: nonce.len() as CK_ULONG * 8,
            pAAD: kept(aad),
            ulAADLen: aad.len() as CK_ULONG,
        },
    )
}

/// The length of a MAC, or the t of SHA-512/t.
pub fn mac_general(ckm: CK_MECHANISM_TYPE, len: CK_ULONG) -> Mechanism {
    structure(ckm, &len)
}

/// `CKM_RSA_AES_KEY_WRAP`.
pub fn rsa_aes(bits: CK_ULONG, hash: CK_MECHANISM_TYPE, mgf: CK_ULONG, label: &[u8]) -> Mechanism {
    let oaep = CK_RSA_PKCS_OAEP_PARAMS {
        hashAlg: hash,
        mgf,
        source: CKZ_DATA_SPECIFIED,
        pSourceData: kept(label).cast(),
        ulSourceDataLen: label.len() as CK_ULONG,
    };
    let oaep = Box::leak(Box::new(oaep));
    structure(CKM_RSA_AES_KEY_WRAP, &CK_RSA_AES_KEY_WRAP_PARAMS { ulAESKeyBits: bits, pOAEPParams: oaep })
}
