//! The `CK_..._PARAMS` structures of RSA, of elliptic curves and of signatures with a context -> [`Params`].

use super::super::abi::{
    CK_ECDH_AES_KEY_WRAP_PARAMS, CK_ECDH1_DERIVE_PARAMS, CK_EDDSA_PARAMS, CK_HASH_SIGN_ADDITIONAL_CONTEXT,
    CK_RSA_AES_KEY_WRAP_PARAMS, CK_RSA_PKCS_OAEP_PARAMS, CK_RSA_PKCS_PSS_PARAMS, CK_SIGN_ADDITIONAL_CONTEXT,
    CK_ULONG,
};
use super::{LARGEST_FIELD, Parameter};
use crate::ck::{Error, Params, Result};
use cryptoki_sys::{CK_FALSE, CK_TRUE, CKZ_DATA_SPECIFIED};

/// Longest context of EdDSA (RFC 8032, 5.1), ML-DSA (FIPS 204, 5.2) and SLH-DSA (FIPS 205, 10.2).
const LARGEST_CONTEXT: CK_ULONG = 255;

impl Parameter {
    /// `CK_RSA_PKCS_PSS_PARAMS` (PKCS#11 3.2, 6.1).
    pub(super) fn pss(&self) -> Result<Params> {
        let CK_RSA_PKCS_PSS_PARAMS { hashAlg: hash, mgf, sLen: salt_len } = self.structure()?;
        Ok(Params::Pss { hash, mgf, salt_len })
    }

    /// `CK_RSA_PKCS_OAEP_PARAMS` (PKCS#11 3.2, 6.1). A source of 0 says "none", and then there is none.
    pub(super) fn oaep(&self) -> Result<Params> {
        let oaep = self.structure::<CK_RSA_PKCS_OAEP_PARAMS>()?;
        let label = self.field(oaep.pSourceData.cast(), oaep.ulSourceDataLen, LARGEST_FIELD)?;
        let (source, hash, mgf) = (oaep.source, oaep.hashAlg, oaep.mgf);
        if source == CKZ_DATA_SPECIFIED || (source == 0 && label.is_empty()) {
            Ok(Params::Oaep { hash, mgf, label })
        } else {
            Err(Error::MechanismParamInvalid)
        }
    }

    /// `CK_RSA_AES_KEY_WRAP_PARAMS` (PKCS#11 3.2, 6.1), with the `CK_RSA_PKCS_OAEP_PARAMS` that it points to.
    pub(super) fn rsa_aes(&self) -> Result<Params> {
        let CK_RSA_AES_KEY_WRAP_PARAMS { ulAESKeyBits: aes_bits, pOAEPParams: oaep } = self.structure()?;
        let len = CK_ULONG::try_from(size_of::<CK_RSA_PKCS_OAEP_PARAMS>());
        // The specification gives the pointer no length: it leads to one structure.
        let inner =
            Self { start: oaep.cast_const().cast(), len: len.map_err(|_| Error::MechanismParamInvalid)? };
        Ok(Params::RsaAes { aes_bits, oaep: Box::new(inner.oaep()?) })
    }

    /// `CK_ECDH1_DERIVE_PARAMS` (PKCS#11 3.2, 6.3).
    pub(super) fn ecdh1(&self) -> Result<Params> {
        let ecdh = self.structure::<CK_ECDH1_DERIVE_PARAMS>()?;
        Ok(Params::Ecdh1 {
            kdf: ecdh.kdf,
            shared: self.field(ecdh.pSharedData, ecdh.ulSharedDataLen, LARGEST_FIELD)?,
            public: self.field(ecdh.pPublicData, ecdh.ulPublicDataLen, LARGEST_FIELD)?,
        })
    }

    /// `CK_ECDH_AES_KEY_WRAP_PARAMS` (PKCS#11 3.2, 6.3).
    pub(super) fn ecdh_aes(&self) -> Result<Params> {
        let ecdh = self.structure::<CK_ECDH_AES_KEY_WRAP_PARAMS>()?;
        Ok(Params::EcdhAes {
            aes_bits: ecdh.ulAESKeyBits,
            kdf: ecdh.kdf,
            shared: self.field(ecdh.pSharedData, ecdh.ulSharedDataLen, LARGEST_FIELD)?,
        })
    }

    /// Nothing, or `CK_EDDSA_PARAMS` (PKCS#11 3.2, 6.3).
    pub(super) fn eddsa(&self) -> Result<Params> {
        if self.is_empty() {
            return Ok(Params::None);
        }
        let eddsa = self.structure::<CK_EDDSA_PARAMS>()?;
        let prehash = match eddsa.phFlag {
            CK_FALSE => false,
            CK_TRUE => true,
            _ => return Err(Error::MechanismParamInvalid),
        };
        let context = self.field(eddsa.pContextData, eddsa.ulContextDataLen, LARGEST_CONTEXT)?;
        Ok(Params::Eddsa { prehash, context })
    }

    /// Nothing, or `CK_SIGN_ADDITIONAL_CONTEXT` (PKCS#11 3.2, ML-DSA).
    pub(super) fn signature_context(&self) -> Result<Params> {
        if self.is_empty() {
            return Ok(Params::None);
        }
        let CK_SIGN_ADDITIONAL_CONTEXT { hedgeVariant: hedge, pContext: start, ulContextLen: len } =
            self.structure()?;
        Ok(Params::SignatureContext { hedge, context: self.field(start, len, LARGEST_CONTEXT)? })
    }

    /// `CK_HASH_SIGN_ADDITIONAL_CONTEXT` (PKCS#11 3.2, ML-DSA).
    pub(super) fn hash_signature_context(&self) -> Result<Params> {
        let CK_HASH_SIGN_ADDITIONAL_CONTEXT { hedgeVariant: hedge, pContext: start, ulContextLen: len, hash } =
            self.structure()?;
        Ok(Params::HashSignatureContext { hedge, context: self.field(start, len, LARGEST_CONTEXT)?, hash })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{WRONG, read_as};
    use super::*;
    use crate::ck::params::Shape;
    use std::ptr::null_mut;

    #[test]
    fn read_pss_copies_its_numbers() {
        let pss = CK_RSA_PKCS_PSS_PARAMS { hashAlg: 1, mgf: 2, sLen: 3 };
        assert_eq!(read_as(Shape::Pss, &pss), Ok(Params::Pss { hash: 1, mgf: 2, salt_len: 3 }));
    }

    #[test]
    fn read_oaep_knows_its_sources() {
        let mut label = *b"label";
        let oaep = CK_RSA_PKCS_OAEP_PARAMS {
            hashAlg: 1,
            mgf: 2,
            source: CKZ_DATA_SPECIFIED,
            pSourceData: label.as_mut_ptr().cast(),
            ulSourceDataLen: 5,
        };
        let with = |label: &[u8]| Ok(Params::Oaep { hash: 1, mgf: 2, label: label.to_vec() });
        assert_eq!(read_as(Shape::Oaep, &oaep), with(b"label"));
        let nothing = CK_RSA_PKCS_OAEP_PARAMS { pSourceData: null_mut(), ulSourceDataLen: 0, ..oaep };
        assert_eq!(read_as(Shape::Oaep, &nothing), with(b""));
        assert_eq!(read_as(Shape::Oaep, &CK_RSA_PKCS_OAEP_PARAMS { source: 0, ..nothing }), with(b""));
        for wrong in [
            CK_RSA_PKCS_OAEP_PARAMS { source: 0, ..oaep },
            CK_RSA_PKCS_OAEP_PARAMS { source: 2, ..nothing },
            CK_RSA_PKCS_OAEP_PARAMS { pSourceData: null_mut(), ..oaep },
        ] {
            assert_eq!(read_as(Shape::Oaep, &wrong), WRONG);
        }
    }

    #[test]
    fn read_ecdh_aes_copies_the_shared_data() {
        let mut shared = *b"shared";
        let ecdh = CK_ECDH_AES_KEY_WRAP_PARAMS {
            ulAESKeyBits: 256,
            kdf: 6,
            ulSharedDataLen: 6,
            pSharedData: shared.as_mut_ptr(),
        };
        let with = |shared: &[u8]| Ok(Params::EcdhAes { aes_bits: 256, kdf: 6, shared: shared.to_vec() });
        assert_eq!(read_as(Shape::EcdhAes, &ecdh), with(b"shared"));
        let nothing = CK_ECDH_AES_KEY_WRAP_PARAMS { pSharedData: null_mut(), ulSharedDataLen: 0, ..ecdh };
        assert_eq!(read_as(Shape::EcdhAes, &nothing), with(b""));
        for wrong in [
            CK_ECDH_AES_KEY_WRAP_PARAMS { pSharedData: null_mut(), ..ecdh },
            CK_ECDH_AES_KEY_WRAP_PARAMS { ulSharedDataLen: LARGEST_FIELD + 1, ..ecdh },
        ] {
            assert_eq!(read_as(Shape::EcdhAes, &wrong), WRONG);
        }
    }

    #[test]
    fn read_rsa_aes_follows_its_pointer() {
        let mut label = *b"label";
        let mut oaep = CK_RSA_PKCS_OAEP_PARAMS {
            hashAlg: 1,
            mgf: 2,
            source: CKZ_DATA_SPECIFIED,
            pSourceData: label.as_mut_ptr().cast(),
            ulSourceDataLen: 5,
        };
        let both = CK_RSA_AES_KEY_WRAP_PARAMS { ulAESKeyBits: 256, pOAEPParams: &raw mut oaep };
        let inner = Box::new(Params::Oaep { hash: 1, mgf: 2, label: label.to_vec() });
        assert_eq!(read_as(Shape::RsaAes, &both), Ok(Params::RsaAes { aes_bits: 256, oaep: inner }));
        let none = CK_RSA_AES_KEY_WRAP_PARAMS { pOAEPParams: null_mut(), ..both };
        assert_eq!(read_as(Shape::RsaAes, &none), WRONG);
        let mut long = CK_RSA_PKCS_OAEP_PARAMS { ulSourceDataLen: LARGEST_FIELD + 1, ..oaep };
        let long = CK_RSA_AES_KEY_WRAP_PARAMS { pOAEPParams: &raw mut long, ..both };
        assert_eq!(read_as(Shape::RsaAes, &long), WRONG);
    }

    #[test]
    fn read_ecdh1_copies_both_byte_strings() {
        let (mut shared, mut public) = ([3_u8; 4], [4_u8; 65]);
        let ecdh = CK_ECDH1_DERIVE_PARAMS {
            kdf: 1,
            ulSharedDataLen: 4,
            pSharedData: shared.as_mut_ptr(),
            ulPublicDataLen: 65,
            pPublicData: public.as_mut_ptr(),
        };
        let expected = Params::Ecdh1 { kdf: 1, shared: vec![3; 4], public: vec![4; 65] };
        assert_eq!(read_as(Shape::Ecdh1, &ecdh), Ok(expected));
        let wrong = CK_ECDH1_DERIVE_PARAMS { pPublicData: null_mut(), ..ecdh };
        assert_eq!(read_as(Shape::Ecdh1, &wrong), WRONG);
        let wrong = CK_ECDH1_DERIVE_PARAMS { ulSharedDataLen: CK_ULONG::MAX, ..ecdh };
        assert_eq!(read_as(Shape::Ecdh1, &wrong), WRONG);
    }

    #[test]
    fn read_eddsa_takes_nothing_or_flag_and_context() {
        let mut context = [5_u8; 256];
        let eddsa =
            CK_EDDSA_PARAMS { phFlag: CK_TRUE, ulContextDataLen: 255, pContextData: context.as_mut_ptr() };
        let expected = Params::Eddsa { prehash: true, context: vec![5; 255] };
        assert_eq!(read_as(Shape::Eddsa, &eddsa), Ok(expected));
        for wrong in
            [CK_EDDSA_PARAMS { phFlag: 2, ..eddsa }, CK_EDDSA_PARAMS { ulContextDataLen: 256, ..eddsa }]
        {
            assert_eq!(read_as(Shape::Eddsa, &wrong), WRONG);
        }
    }

    #[test]
    fn read_signature_contexts_copies_them() {
        let mut context = [5_u8; 256];
        let plain =
            CK_SIGN_ADDITIONAL_CONTEXT { hedgeVariant: 2, pContext: context.as_mut_ptr(), ulContextLen: 255 };
        let expected = Params::SignatureContext { hedge: 2, context: vec![5; 255] };
        assert_eq!(read_as(Shape::SignatureContext, &plain), Ok(expected));
        for wrong in [
            CK_SIGN_ADDITIONAL_CONTEXT { ulContextLen: 256, ..plain },
            CK_SIGN_ADDITIONAL_CONTEXT { pContext: null_mut(), ..plain },
        ] {
            assert_eq!(read_as(Shape::SignatureContext, &wrong), WRONG);
        }
        let hashed = CK_HASH_SIGN_ADDITIONAL_CONTEXT {
            hedgeVariant: 1,
            pContext: null_mut(),
            ulContextLen: 0,
            hash: 7,
        };
        let expected = Params::HashSignatureContext { hedge: 1, context: vec![], hash: 7 };
        assert_eq!(read_as(Shape::HashSignatureContext, &hashed), Ok(expected));
        let wrong = CK_HASH_SIGN_ADDITIONAL_CONTEXT { ulContextLen: CK_ULONG::MAX, ..hashed };
        assert_eq!(read_as(Shape::HashSignatureContext, &wrong), WRONG);
        assert_eq!(read_as(Shape::HashSignatureContext, &plain), WRONG);
    }
}
