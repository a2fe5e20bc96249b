//! Mechanisms whose parameters are structures that the client does not know by itself.

use crate::client::Mechanism;
use cryptoki_sys::*;

/// A mechanism with any structure as its parameter.
pub fn structure<T: Copy + 'static>(ckm: CK_MECHANISM_TYPE, parameter: &T) -> Mechanism {
    Mechanism::structure(ckm, *parameter)
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
