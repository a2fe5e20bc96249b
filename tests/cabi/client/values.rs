//! Templates and mechanisms that own their values.

use cryptoki_sys::*;
use std::ffi::c_void;
use std::ptr::null_mut;

pub use keyward_pkcs11::ck::vendor::*;

/// DER of the OID of P-256.
pub const P256: &[u8] = &[0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07];
/// DER of the OID of Ed25519.
pub const ED25519: &[u8] = &[0x06, 0x03, 0x2B, 0x65, 0x70];
/// DER of the OID of P-521.
pub const P521: &[u8] = &[0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x23];
/// DER of the OID of X25519.
pub const X25519: &[u8] = &[0x06, 0x03, 0x2B, 0x65, 0x6E];

pub const ACTIVE: CK_ULONG = 2;
pub const DEACTIVATED: CK_ULONG = 3;
pub const COMPROMISED: CK_ULONG = 4;
pub const DESTROYED: CK_ULONG = 5;
pub const DESTROYED_COMPROMISED: CK_ULONG = 6;
pub const SUSPENDED: CK_ULONG = 7;

/// A template that owns its values.
#[derive(Clone, Default)]
pub struct Template(Vec<(CK_ATTRIBUTE_TYPE, Vec<u8>)>);

impl Template {
    pub fn new() -> Self {
        Self::default()
    }

    /// `CKA_TOKEN` true.
    pub fn token() -> Self {
        Self::new().flag(CKA_TOKEN, true)
    }

    pub fn bytes(mut self, cka: CK_ATTRIBUTE_TYPE, value: &[u8]) -> Self {
        self.0.push((cka, value.to_vec()));
        self
    }

    pub fn flag(self, cka: CK_ATTRIBUTE_TYPE, value: bool) -> Self {
        self.bytes(cka, &[u8::from(value)])
    }

    pub fn ulong(self, cka: CK_ATTRIBUTE_TYPE, value: CK_ULONG) -> Self {
        self.bytes(cka, &value.to_ne_bytes())
    }

    pub fn label(self, label: &str) -> Self {
        self.bytes(CKA_LABEL, label.as_bytes())
    }

    pub fn class(self, class: CK_OBJECT_CLASS) -> Self {
        self.ulong(CKA_CLASS, class)
    }

    /// Each of these usage attributes true.
    pub fn uses(self, uses: &[CK_ATTRIBUTE_TYPE]) -> Self {
        uses.iter().fold(self, |template, cka| template.flag(*cka, true))
    }

    pub fn with<R>(&self, work: impl FnOnce(*mut CK_ATTRIBUTE, CK_ULONG) -> R) -> R {
        let mut list: Vec<_> = self
            .0
            .iter()
            .map(|(cka, value)| CK_ATTRIBUTE {
                type_: *cka,
                pValue: value.as_ptr().cast_mut().cast(),
                ulValueLen: value.len() as CK_ULONG,
            })
            .collect();
        work(list.as_mut_ptr(), list.len() as CK_ULONG)
    }
}

/// A mechanism that owns its parameter.
#[derive(Clone)]
pub struct Mechanism {
    pub ckm: CK_MECHANISM_TYPE,
    param: Param,
}

#[derive(Clone)]
enum Param {
    None,
    Bytes(Vec<u8>),
    Gcm { iv: Vec<u8>, aad: Vec<u8>, tag_bits: CK_ULONG },
    Ctr { bits: CK_ULONG, block: [u8; 16] },
    Pss { hash: CK_MECHANISM_TYPE, mgf: CK_ULONG, salt: CK_ULONG },
    Oaep { hash: CK_MECHANISM_TYPE, mgf: CK_ULONG, label: Vec<u8> },
    Ecdh { public: Vec<u8> },
    Structure { place: usize, len: usize },
}

impl Mechanism {
    pub fn plain(ckm: CK_MECHANISM_TYPE) -> Self {
        Self { ckm, param: Param::None }
    }

    /// Whether it has no parameter.
    pub fn is_plain(&self) -> bool {
        matches!(self.param, Param::None)
    }

    pub fn iv(ckm: CK_MECHANISM_TYPE, iv: &[u8]) -> Self {
        Self { ckm, param: Param::Bytes(iv.to_vec()) }
    }

    pub fn gcm(iv: &[u8], aad: &[u8], tag_bits: CK_ULONG) -> Self {
        Self { ckm: CKM_AES_GCM, param: Param::Gcm { iv: iv.to_vec(), aad: aad.to_vec(), tag_bits } }
    }

    pub fn ctr(bits: CK_ULONG, block: [u8; 16]) -> Self {
        Self { ckm: CKM_AES_CTR, param: Param::Ctr { bits, block } }
    }

    pub fn pss(ckm: CK_MECHANISM_TYPE, hash: CK_MECHANISM_TYPE, mgf: CK_ULONG, salt: CK_ULONG) -> Self {
        Self { ckm, param: Param::Pss { hash, mgf, salt } }
    }

    pub fn oaep(hash: CK_MECHANISM_TYPE, mgf: CK_ULONG, label: &[u8]) -> Self {
        Self { ckm: CKM_RSA_PKCS_OAEP, param: Param::Oaep { hash, mgf, label: label.to_vec() } }
    }

    pub fn ecdh(ckm: CK_MECHANISM_TYPE, public: &[u8]) -> Self {
        Self { ckm, param: Param::Ecdh { public: public.to_vec() } }
    }

    /// With any structure, which lives as long as the test's process.
    pub fn structure<T: Copy + 'static>(ckm: CK_MECHANISM_TYPE, parameter: T) -> Self {
        let place = std::ptr::from_mut(Box::leak(Box::new(parameter))).expose_provenance();
        Self { ckm, param: Param::Structure { place, len: size_of::<T>() } }
    }

    /// As C sees it.
    pub fn with<R>(&self, work: impl FnOnce(*mut CK_MECHANISM) -> R) -> R {
        fn run<T, R>(ckm: CK_MECHANISM_TYPE, mut param: T, work: impl FnOnce(*mut CK_MECHANISM) -> R) -> R {
            let place: *mut c_void = (&raw mut param).cast();
            let len = size_of::<T>() as CK_ULONG;
            mechanism(ckm, place, len, work)
        }
        fn mechanism<R>(
            ckm: CK_MECHANISM_TYPE,
            param: *mut c_void,
            len: CK_ULONG,
            work: impl FnOnce(*mut CK_MECHANISM) -> R,
        ) -> R {
            let mut mechanism = CK_MECHANISM { mechanism: ckm, pParameter: param, ulParameterLen: len };
            work(&raw mut mechanism)
        }
        let ckm = self.ckm;
        match &self.param {
            Param::None => mechanism(ckm, null_mut(), 0, work),
            Param::Bytes(bytes) => {
                mechanism(ckm, bytes.as_ptr().cast_mut().cast(), bytes.len() as CK_ULONG, work)
            }
            Param::Gcm { iv, aad, tag_bits } => {
                let param = CK_GCM_PARAMS {
                    pIv: iv.as_ptr().cast_mut(),
                    ulIvLen: iv.len() as CK_ULONG,
                    ulIvBits: iv.len() as CK_ULONG * 8,
                    pAAD: aad.as_ptr().cast_mut(),
                    ulAADLen: aad.len() as CK_ULONG,
                    ulTagBits: *tag_bits,
                };
                run(ckm, param, work)
            }
            Param::Ctr { bits, block } => {
                run(ckm, CK_AES_CTR_PARAMS { ulCounterBits: *bits, cb: *block }, work)
            }
            Param::Pss { hash, mgf, salt } => {
                run(ckm, CK_RSA_PKCS_PSS_PARAMS { hashAlg: *hash, mgf: *mgf, sLen: *salt }, work)
            }
            Param::Oaep { hash, mgf, label } => {
                let param = CK_RSA_PKCS_OAEP_PARAMS {
                    hashAlg: *hash,
                    mgf: *mgf,
                    source: CKZ_DATA_SPECIFIED,
                    pSourceData: label.as_ptr().cast_mut().cast(),
                    ulSourceDataLen: label.len() as CK_ULONG,
                };
                run(ckm, param, work)
            }
            Param::Ecdh { public } => {
                let param = CK_ECDH1_DERIVE_PARAMS {
                    kdf: CKD_NULL,
                    ulSharedDataLen: 0,
                    pSharedData: null_mut(),
                    ulPublicDataLen: public.len() as CK_ULONG,
                    pPublicData: public.as_ptr().cast_mut(),
                };
                run(ckm, param, work)
            }
            Param::Structure { place, len } => {
                mechanism(ckm, std::ptr::with_exposed_provenance_mut(*place), *len as CK_ULONG, work)
            }
        }
    }
}
