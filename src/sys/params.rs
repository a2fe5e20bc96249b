//! `CK_MECHANISM` and the `CK_..._PARAMS` structures -> [`Mechanism`]: one section a shape. What
//! comes out is a copy; the caller may change its memory as soon as [`read`] has answered.
//!
//! Lengths are bounded, nothing else is judged here: whether a tag of 7 bits or a salt of a gigabyte
//! makes sense is the algorithm's question.

mod asymmetric;

use super::abi::{
    self, CK_AES_CBC_ENCRYPT_DATA_PARAMS, CK_AES_CTR_PARAMS, CK_CCM_PARAMS, CK_CHACHA20_PARAMS,
    CK_GCM_PARAMS, CK_MECHANISM, CK_MECHANISM_TYPE, CK_SALSA20_CHACHA20_POLY1305_PARAMS, CK_ULONG,
};
use super::derivation_params::Places;
use crate::ck::params::Shape;
use crate::ck::{Error, Mechanism, Params, Result};

/// Longest byte string in a parameter.
pub(super) const LARGEST_FIELD: CK_ULONG = 64 * 1024;
/// Longest additional authenticated data.
pub(super) const LARGEST_AAD: CK_ULONG = 16 * 1024 * 1024;

/// Reads a mechanism. `shape` answers the parameter's form for a mechanism type, `None` for a
/// mechanism that is not offered.
///
/// `CKR_ARGUMENTS_BAD` for NULL, `CKR_MECHANISM_INVALID` for a mechanism without a shape,
/// `CKR_MECHANISM_PARAM_INVALID` for a parameter of another form.
///
/// # Safety
/// Unless it is NULL, `mechanism` points to a readable `CK_MECHANISM`, and every pointer in it and in
/// its parameter is NULL or leads to as many readable bytes as the length beside it says. Nobody
/// changes any of this during the call.
pub unsafe fn read(
    mechanism: *const CK_MECHANISM,
    shape: impl Fn(CK_MECHANISM_TYPE) -> Option<Shape>,
) -> Result<Mechanism> {
    // SAFETY: the caller vouches for `mechanism`.
    let CK_MECHANISM { mechanism: ckm, pParameter: start, ulParameterLen: len } =
        unsafe { abi::read(mechanism) }?;
    let shape = shape(ckm).ok_or(Error::MechanismInvalid)?;
    let parameter = Parameter { start: start.cast_const().cast(), len };
    let params = parameter.of_shape(shape)?;
    Ok(Mechanism { ckm, params })
}

/// Reads the mechanism of C_DeriveKey, and where its results go beside the handle of the new key. Errors as [`read`].
///
/// # Safety
/// As [`read`]; and the places in the parameter that results go to are NULL or may be written while the answer lives.
pub unsafe fn read_derivation(
    mechanism: *const CK_MECHANISM,
    shape: impl Fn(CK_MECHANISM_TYPE) -> Option<Shape>,
) -> Result<(Mechanism, Places)> {
    // SAFETY: the caller vouches for `mechanism`.
    let CK_MECHANISM { mechanism: ckm, pParameter: start, ulParameterLen: len } =
        unsafe { abi::read(mechanism) }?;
    let shape = shape(ckm).ok_or(Error::MechanismInvalid)?;
    let parameter = Parameter { start: start.cast_const().cast(), len };
    let (params, places) = (parameter.of_shape(shape)?, parameter.places(shape)?);
    Ok((Mechanism { ckm, params }, places))
}

/// `pParameter` and `ulParameterLen`. Made by [`read`] and its kin alone: their callers vouch for both, and for
/// every pointer and length inside. All methods rest on that.
pub(super) struct Parameter {
    start: *const u8,
    len: CK_ULONG,
}

impl Parameter {
    /// The parameter in the form of its mechanism. Whatever is wrong inside has one name.
    fn of_shape(&self, shape: Shape) -> Result<Params> {
        self.read_as(shape).map_err(|_| Error::MechanismParamInvalid)
    }

    fn read_as(&self, shape: Shape) -> Result<Params> {
        match shape {
            Shape::None => self.none(),
            Shape::Iv(len) => self.iv(len),
            Shape::OptionalIv(_) if self.is_empty() => self.none(),
            Shape::OptionalIv(len) => self.iv(len),
            Shape::Ctr => self.ctr(),
            Shape::Gcm => self.gcm(),
            Shape::Ccm => self.ccm(),
            Shape::Poly1305 => self.poly1305(),
            Shape::MacGeneral => self.mac_general(),
            Shape::Pss => self.pss(),
            Shape::Oaep => self.oaep(),
            Shape::RsaAes => self.rsa_aes(),
            Shape::Ecdh1 => self.ecdh1(),
            Shape::EcdhAes => self.ecdh_aes(),
            Shape::Eddsa => self.eddsa(),
            Shape::SignatureContext => self.signature_context(),
            Shape::HashSignatureContext => self.hash_signature_context(),
            Shape::Key => self.key(),
            Shape::ChaCha20 => self.chacha20(),
            Shape::StringData => self.string_data(),
            Shape::AesCbcData => self.aes_cbc_data(),
            Shape::Bit => self.bit(),
            Shape::Public => self.public_value(),
            Shape::Hkdf => self.hkdf(),
            Shape::Kbkdf => self.kbkdf(),
            Shape::FeedbackKdf => self.feedback_kdf(),
            Shape::Pbkd2 => self.pbkd2(),
            Shape::Version => self.version(),
            Shape::TlsMaster => self.tls_master(),
            Shape::TlsExtendedMaster => self.tls_extended_master(),
            Shape::TlsKeys => self.tls_keys(),
            Shape::TlsKdf => self.tls_kdf(),
            Shape::TlsMac => self.tls_mac(),
        }
    }
}

/// `CK_GCM_PARAMS` of PKCS#11 2.40 as many programs still have it, without `ulIvBits`.
#[derive(Clone, Copy)]
#[repr(C)]
#[cfg_attr(windows, repr(packed))]
#[expect(non_snake_case, reason = "the standard's names")]
struct GcmParamsWithoutIvBits {
    pIv: *mut u8,
    ulIvLen: CK_ULONG,
    pAAD: *mut u8,
    ulAADLen: CK_ULONG,
    ulTagBits: CK_ULONG,
}

/// Bytes of a nonce of ChaCha20, whose length stands in bits (PKCS#11 3.2, 6.61). Callers write bytes too:
/// 12 can mean nothing else, because no nonce has 12 bits.
pub(super) fn chacha20_nonce_len(len: CK_ULONG) -> Result<CK_ULONG> {
    match len {
        96 | 12 => Ok(12),
        _ => Err(Error::MechanismParamInvalid),
    }
}

impl Parameter {
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn is<T>(&self) -> bool {
        abi::is_place(self.start.addr()) && CK_ULONG::try_from(size_of::<T>()) == Ok(self.len)
    }

    /// The parameter as a structure of C, of exactly that size.
    pub(super) fn structure<T: Copy>(&self) -> Result<T> {
        if !self.is::<T>() {
            return Err(Error::MechanismParamInvalid);
        }
        // SAFETY: `len` readable bytes stand at `start`, and a T is as long. The structures that are
        // read here are numbers and pointers, for which every pattern of bits is a value.
        unsafe { abi::read(self.start.cast()) }
    }

    /// The parameter as a byte string.
    pub(super) fn whole(&self) -> Result<Vec<u8>> {
        self.field(self.start, self.len, LARGEST_FIELD)
    }

    /// A byte string that a field of the parameter points to.
    pub(super) fn field(&self, start: *const u8, len: CK_ULONG, largest: CK_ULONG) -> Result<Vec<u8>> {
        if len > largest {
            return Err(Error::MechanismParamInvalid);
        }
        // SAFETY: `start` and `len` stand side by side in a parameter that the caller of `read`
        // vouches for.
        Ok(unsafe { abi::bytes(start, len) }?.to_vec())
    }

    /// No parameter. A pointer without a length is as good as none.
    fn none(&self) -> Result<Params> {
        if self.is_empty() { Ok(Params::None) } else { Err(Error::MechanismParamInvalid) }
    }

    /// An initialisation vector of exactly `len` bytes.
    fn iv(&self, len: usize) -> Result<Params> {
        // Another length is refused before a byte is read.
        if CK_ULONG::try_from(len) != Ok(self.len) {
            return Err(Error::MechanismParamInvalid);
        }
        self.field(self.start, self.len, LARGEST_FIELD).map(Params::Iv)
    }

    /// `CK_AES_CTR_PARAMS` (PKCS#11 3.2, 6.11).
    fn ctr(&self) -> Result<Params> {
        let CK_AES_CTR_PARAMS { ulCounterBits: counter_bits, cb: block } = self.structure()?;
        Ok(Params::Ctr { counter_bits, block })
    }

    /// `CK_GCM_PARAMS` (PKCS#11 3.2, 6.13.3). Callers leave `ulIvBits` zero, put bytes into it, or
    /// have a structure without it: `ulIvLen` alone counts.
    fn gcm(&self) -> Result<Params> {
        let (iv, iv_len, aad, aad_len, tag_bits) = if self.is::<GcmParamsWithoutIvBits>() {
            let gcm = self.structure::<GcmParamsWithoutIvBits>()?;
            (gcm.pIv, gcm.ulIvLen, gcm.pAAD, gcm.ulAADLen, gcm.ulTagBits)
        } else {
            let gcm = self.structure::<CK_GCM_PARAMS>()?;
            (gcm.pIv, gcm.ulIvLen, gcm.pAAD, gcm.ulAADLen, gcm.ulTagBits)
        };
        Ok(Params::Gcm {
            iv: self.field(iv, iv_len, LARGEST_FIELD)?,
            aad: self.field(aad, aad_len, LARGEST_AAD)?,
            tag_bits,
        })
    }

    /// `CK_CCM_PARAMS` (PKCS#11 3.2, 6.13.4).
    fn ccm(&self) -> Result<Params> {
        let ccm = self.structure::<CK_CCM_PARAMS>()?;
        Ok(Params::Ccm {
            data_len: ccm.ulDataLen,
            nonce: self.field(ccm.pNonce, ccm.ulNonceLen, LARGEST_FIELD)?,
            aad: self.field(ccm.pAAD, ccm.ulAADLen, LARGEST_AAD)?,
            mac_len: ccm.ulMACLen,
        })
    }

    /// `CK_SALSA20_CHACHA20_POLY1305_PARAMS` (PKCS#11 3.2, 6.61).
    fn poly1305(&self) -> Result<Params> {
        let poly = self.structure::<CK_SALSA20_CHACHA20_POLY1305_PARAMS>()?;
        let nonce_len = chacha20_nonce_len(poly.ulNonceLen)?;
        Ok(Params::Poly1305 {
            nonce: self.field(poly.pNonce, nonce_len, LARGEST_FIELD)?,
            aad: self.field(poly.pAAD, poly.ulAADLen, LARGEST_AAD)?,
        })
    }

    /// `CK_CHACHA20_PARAMS` (PKCS#11 3.2, 6.58): both lengths are told in bits.
    fn chacha20(&self) -> Result<Params> {
        let chacha = self.structure::<CK_CHACHA20_PARAMS>()?;
        let field = |start: *mut u8, bits: CK_ULONG| {
            if bits.is_multiple_of(8) {
                self.field(start, bits / 8, LARGEST_FIELD)
            } else {
                Err(Error::MechanismParamInvalid)
            }
        };
        Ok(Params::ChaCha20 {
            counter: field(chacha.pBlockCounter, chacha.blockCounterBits)?,
            nonce: field(chacha.pNonce, chacha.ulNonceBits)?,
        })
    }

    /// `CK_AES_CBC_ENCRYPT_DATA_PARAMS` (PKCS#11 3.2, 6.17).
    fn aes_cbc_data(&self) -> Result<Params> {
        let CK_AES_CBC_ENCRYPT_DATA_PARAMS { iv, pData: start, length: len } = self.structure()?;
        Ok(Params::AesCbcData { iv, data: self.field(start, len, LARGEST_FIELD)? })
    }

    /// `CK_MAC_GENERAL_PARAMS` (PKCS#11 3.2, 6.9): one number.
    fn mac_general(&self) -> Result<Params> {
        self.structure::<CK_ULONG>().map(Params::MacGeneral)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cryptoki_sys::CK_KEY_DERIVATION_STRING_DATA;
    use std::ptr::{null, null_mut};

    const CKM: CK_MECHANISM_TYPE = 42;

    fn read_raw(shape: Shape, start: *const u8, len: usize) -> Result<Params> {
        let mechanism = CK_MECHANISM {
            mechanism: CKM,
            pParameter: start.cast_mut().cast(),
            ulParameterLen: CK_ULONG::try_from(len).unwrap(),
        };
        // SAFETY: the mechanism is our own, and the tests pass memory of their own or NULL.
        unsafe { read(&raw const mechanism, |ckm| (ckm == CKM).then_some(shape)) }.map(|read| {
            assert_eq!(read.ckm, CKM);
            read.params
        })
    }

    pub(super) fn read_as<T>(shape: Shape, parameter: &T) -> Result<Params> {
        read_raw(shape, std::ptr::from_ref(parameter).cast(), size_of::<T>())
    }

    pub(super) const WRONG: Result<Params> = Err(Error::MechanismParamInvalid);
    const ALL: [Shape; 18] = [
        Shape::None,
        Shape::Iv(16),
        Shape::Ctr,
        Shape::Gcm,
        Shape::Ccm,
        Shape::Poly1305,
        Shape::ChaCha20,
        Shape::StringData,
        Shape::AesCbcData,
        Shape::MacGeneral,
        Shape::Pss,
        Shape::Oaep,
        Shape::RsaAes,
        Shape::Ecdh1,
        Shape::EcdhAes,
        Shape::Eddsa,
        Shape::SignatureContext,
        Shape::HashSignatureContext,
    ];

    #[test]
    fn read_null_or_unknown_mechanism_is_refused() {
        // SAFETY: NULL is refused.
        let null = unsafe { read(null(), |_| Some(Shape::None)) };
        assert_eq!(null.unwrap_err(), Error::ArgumentsBad);
        let mechanism = CK_MECHANISM { mechanism: 1, pParameter: null_mut(), ulParameterLen: 0 };
        // SAFETY: the mechanism is our own and without parameter.
        let unknown = unsafe { read(&raw const mechanism, |_| None) };
        assert_eq!(unknown.unwrap_err(), Error::MechanismInvalid);
    }

    #[test]
    fn read_with_wrong_length_or_null_is_refused_for_every_shape() {
        let memory = [0_u8; 128];
        let optional = |shape| matches!(shape, Shape::None | Shape::Eddsa | Shape::SignatureContext);
        for shape in ALL {
            assert_eq!(read_raw(shape, null(), 0).is_ok(), optional(shape), "{shape:?}");
            assert_eq!(read_raw(shape, memory.as_ptr(), 0).is_ok(), optional(shape), "{shape:?}");
            for len in [1, 7, 9, 15, 17, 23, 25, 39, 41, 47, 49, 128] {
                assert_eq!(read_raw(shape, memory.as_ptr(), len), WRONG, "{shape:?} {len}");
            }
            for len in [1, 16, 24, 40, 48, isize::MAX as usize, usize::MAX] {
                assert_eq!(read_raw(shape, null(), len), WRONG, "{shape:?} NULL {len}");
            }
            assert_eq!(read_raw(shape, memory.as_ptr(), usize::MAX), WRONG, "{shape:?}");
        }
    }

    #[test]
    fn read_iv_and_counter_copies_them() {
        assert_eq!(read_as(Shape::Iv(16), &[7_u8; 16]), Ok(Params::Iv(vec![7; 16])));
        let ctr = CK_AES_CTR_PARAMS { ulCounterBits: 32, cb: [9; 16] };
        assert_eq!(read_as(Shape::Ctr, &ctr), Ok(Params::Ctr { counter_bits: 32, block: [9; 16] }));
    }

    #[test]
    fn read_gcm_in_every_style_of_caller_takes_the_iv_len() {
        let (mut iv, mut aad) = ([1_u8; 12], [2_u8; 5]);
        let expected = || Params::Gcm { iv: vec![1; 12], aad: vec![2; 5], tag_bits: 128 };
        for bits in [0, 12, 96, CK_ULONG::MAX] {
            let gcm = CK_GCM_PARAMS {
                pIv: iv.as_mut_ptr(),
                ulIvLen: 12,
                ulIvBits: bits,
                pAAD: aad.as_mut_ptr(),
                ulAADLen: 5,
                ulTagBits: 128,
            };
            assert_eq!(read_as(Shape::Gcm, &gcm), Ok(expected()));
        }
        let old = GcmParamsWithoutIvBits {
            pIv: iv.as_mut_ptr(),
            ulIvLen: 12,
            pAAD: aad.as_mut_ptr(),
            ulAADLen: 5,
            ulTagBits: 128,
        };
        assert_eq!(read_as(Shape::Gcm, &old), Ok(expected()));
    }

    #[test]
    fn read_gcm_with_null_or_unbounded_fields_is_refused() {
        let mut byte = 0_u8;
        let good = CK_GCM_PARAMS {
            pIv: &raw mut byte,
            ulIvLen: 1,
            ulIvBits: 8,
            pAAD: null_mut(),
            ulAADLen: 0,
            ulTagBits: 96,
        };
        assert!(read_as(Shape::Gcm, &good).is_ok());
        for wrong in [
            CK_GCM_PARAMS { pIv: null_mut(), ..good },
            CK_GCM_PARAMS { ulIvLen: LARGEST_FIELD + 1, ..good },
            CK_GCM_PARAMS { ulIvLen: CK_ULONG::MAX, ..good },
            CK_GCM_PARAMS { ulAADLen: 1, ..good },
            CK_GCM_PARAMS { pAAD: &raw mut byte, ulAADLen: LARGEST_AAD + 1, ..good },
        ] {
            assert_eq!(read_as(Shape::Gcm, &wrong), WRONG);
        }
    }

    #[test]
    fn read_chacha20_counts_its_fields_in_bits() {
        let (mut counter, mut nonce) = ([1_u8; 8], [2_u8; 12]);
        let chacha = CK_CHACHA20_PARAMS {
            pBlockCounter: counter.as_mut_ptr(),
            blockCounterBits: 32,
            pNonce: nonce.as_mut_ptr(),
            ulNonceBits: 96,
        };
        let expected = Params::ChaCha20 { counter: vec![1; 4], nonce: vec![2; 12] };
        assert_eq!(read_as(Shape::ChaCha20, &chacha), Ok(expected));
        for wrong in [
            CK_CHACHA20_PARAMS { blockCounterBits: 33, ..chacha },
            CK_CHACHA20_PARAMS { ulNonceBits: 12, ..chacha },
            CK_CHACHA20_PARAMS { ulNonceBits: CK_ULONG::MAX - 7, ..chacha },
            CK_CHACHA20_PARAMS { pBlockCounter: null_mut(), ..chacha },
            CK_CHACHA20_PARAMS { pNonce: null_mut(), ..chacha },
        ] {
            assert_eq!(read_as(Shape::ChaCha20, &wrong), WRONG);
        }
    }

    #[test]
    fn read_data_to_derive_with_copies_them() {
        let mut data = [3_u8; 32];
        let string = CK_KEY_DERIVATION_STRING_DATA { pData: data.as_mut_ptr(), ulLen: 32 };
        assert_eq!(read_as(Shape::StringData, &string), Ok(Params::StringData(vec![3; 32].into())));
        let cbc = CK_AES_CBC_ENCRYPT_DATA_PARAMS { iv: [4; 16], pData: data.as_mut_ptr(), length: 16 };
        assert_eq!(
            read_as(Shape::AesCbcData, &cbc),
            Ok(Params::AesCbcData { iv: [4; 16], data: vec![3; 16] })
        );
        for (start, len) in [(null_mut(), 16), (data.as_mut_ptr(), CK_ULONG::MAX)] {
            let wrong = CK_KEY_DERIVATION_STRING_DATA { pData: start, ulLen: len };
            assert_eq!(read_as(Shape::StringData, &wrong), WRONG);
            let wrong = CK_AES_CBC_ENCRYPT_DATA_PARAMS { pData: start, length: len, ..cbc };
            assert_eq!(read_as(Shape::AesCbcData, &wrong), WRONG);
        }
    }

    #[test]
    fn read_mac_general_takes_its_number() {
        assert_eq!(read_as(Shape::MacGeneral, &(12 as CK_ULONG)), Ok(Params::MacGeneral(12)));
    }

    #[test]
    fn read_mac_general_copies_its_number() {
        assert_eq!(read_as(Shape::MacGeneral, &7_u64), Ok(Params::MacGeneral(7)));
    }
}
