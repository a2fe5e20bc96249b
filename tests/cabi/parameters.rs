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

/// `CKM_CHACHA20`; counter and nonce are told with their lengths in bits.
pub fn chacha20(counter: &[u8], nonce: &[u8]) -> Mechanism {
    structure(
        CKM_CHACHA20,
        &CK_CHACHA20_PARAMS {
            pBlockCounter: kept(counter),
            blockCounterBits: counter.len() as CK_ULONG * 8,
            pNonce: kept(nonce),
            ulNonceBits: nonce.len() as CK_ULONG * 8,
        },
    )
}

/// A mechanism with `CK_SIGN_ADDITIONAL_CONTEXT`.
pub fn signature_context(ckm: CK_MECHANISM_TYPE, hedge: CK_ULONG, context: &[u8]) -> Mechanism {
    structure(
        ckm,
        &CK_SIGN_ADDITIONAL_CONTEXT {
            hedgeVariant: hedge,
            pContext: kept(context),
            ulContextLen: context.len() as CK_ULONG,
        },
    )
}

/// `CKM_AES_GMAC`.
pub fn gmac(iv: &[u8], aad: &[u8], tag_bits: CK_ULONG) -> Mechanism {
    let mut mechanism = Mechanism::gcm(iv, aad, tag_bits);
    mechanism.ckm = CKM_AES_GMAC;
    mechanism
}

/// A MAC whose length in bytes is its parameter.
pub fn mac_general(ckm: CK_MECHANISM_TYPE, len: CK_ULONG) -> Mechanism {
    structure(ckm, &len)
}

/// `CKM_AES_ECB_ENCRYPT_DATA`.
pub fn ecb_encrypt_data(data: &[u8]) -> Mechanism {
    let parameter = CK_KEY_DERIVATION_STRING_DATA { pData: kept(data), ulLen: data.len() as CK_ULONG };
    structure(CKM_AES_ECB_ENCRYPT_DATA, &parameter)
}

/// `CKM_AES_CBC_ENCRYPT_DATA`.
pub fn cbc_encrypt_data(iv: [u8; 16], data: &[u8]) -> Mechanism {
    let parameter = CK_AES_CBC_ENCRYPT_DATA_PARAMS { iv, pData: kept(data), length: data.len() as CK_ULONG };
    structure(CKM_AES_CBC_ENCRYPT_DATA, &parameter)
}

/// A mechanism with `CK_HASH_SIGN_ADDITIONAL_CONTEXT`.
pub fn hash_signature_context(
    ckm: CK_MECHANISM_TYPE,
    hedge: CK_ULONG,
    context: &[u8],
    hash: CK_MECHANISM_TYPE,
) -> Mechanism {
    structure(
        ckm,
        &CK_HASH_SIGN_ADDITIONAL_CONTEXT {
            hedgeVariant: hedge,
            pContext: kept(context),
            ulContextLen: context.len() as CK_ULONG,
            hash,
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

/// A mechanism with `CK_ECDH_AES_KEY_WRAP_PARAMS`.
pub fn ecdh_aes(ckm: CK_MECHANISM_TYPE, bits: CK_ULONG, kdf: CK_ULONG, shared: &[u8]) -> Mechanism {
    structure(
        ckm,
        &CK_ECDH_AES_KEY_WRAP_PARAMS {
            ulAESKeyBits: bits,
            kdf,
            ulSharedDataLen: shared.len() as CK_ULONG,
            pSharedData: kept(shared),
        },
    )
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
