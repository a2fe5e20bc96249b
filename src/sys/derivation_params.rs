//! The `CK_..._PARAMS` structures of key derivation and of keys made from passwords -> [`Params`], and the places in them
//! that results go to. What is read is a copy; what is written goes there when the call is over.

use super::abi::{
    self, CK_ATTRIBUTE, CK_BBOOL, CK_DERIVED_KEY, CK_HKDF_PARAMS, CK_KEY_DERIVATION_STRING_DATA,
    CK_OBJECT_HANDLE, CK_PKCS5_PBKD2_PARAMS2, CK_PRF_DATA_PARAM, CK_SP800_108_COUNTER_FORMAT,
    CK_SP800_108_DKM_LENGTH_FORMAT, CK_SP800_108_FEEDBACK_KDF_PARAMS, CK_SP800_108_KDF_PARAMS,
    CK_SSL3_KEY_MAT_OUT, CK_SSL3_RANDOM_DATA, CK_TLS_KDF_PARAMS, CK_TLS_MAC_PARAMS,
    CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS, CK_TLS12_KEY_MAT_PARAMS, CK_TLS12_MASTER_KEY_DERIVE_PARAMS,
    CK_ULONG, CK_VERSION,
};
use super::params::{LARGEST_FIELD, Parameter};
use super::process;
use crate::ck::derivation::{
    Hidden, Hkdf, Kbkdf, NumberFormat, Pbkd2, PrfData, Salt, TlsKdf, TlsKeys, TlsMac, TlsMaster, TlsRandoms,
    TlsSession,
};
use crate::ck::params::Shape;
use crate::ck::{Error, ObjectHandle, Params, Result};
use cryptoki_sys::{
    CK_FALSE, CK_INVALID_HANDLE, CK_SP800_108_BYTE_ARRAY, CK_SP800_108_COUNTER, CK_SP800_108_DKM_LENGTH,
    CK_SP800_108_DKM_LENGTH_SUM_OF_KEYS, CK_SP800_108_DKM_LENGTH_SUM_OF_SEGMENTS,
    CK_SP800_108_ITERATION_VARIABLE, CK_SP800_108_KEY_HANDLE, CK_TRUE, CKF_HKDF_SALT_DATA, CKF_HKDF_SALT_KEY,
    CKF_HKDF_SALT_NULL, CKZ_SALT_SPECIFIED,
};
use std::ptr::null_mut;
use zeroize::Zeroizing;

/// Most parts of the input of a pseudo-random function.
const MOST_PARTS: CK_ULONG = 256;
/// Most bytes in all of them together.
const LARGEST_INPUT: usize = 1 << 20;
/// Most keys that one derivation makes beside the first.
const MOST_KEYS: CK_ULONG = 64;
/// Longest password in bytes. A larger number in its place is a pointer to the length: no memory lies so low.
const LONGEST_PASSWORD: CK_ULONG = 64 * 1024 - 1;

const WRONG: Error = Error::MechanismParamInvalid;

/// Where the results of a derivation go beside the handle of its first key. Made by
/// [`read_derivation`](super::params::read_derivation) alone, whose caller vouches for every place.
pub struct Places {
    version: *mut CK_VERSION,
    material: *mut CK_SSL3_KEY_MAT_OUT,
    ivs: [*mut u8; 2],
    further: Vec<Further>,
}

/// A further key that a derivation is to make.
pub struct Further {
    /// Its template: an array of as many attributes as `count` says.
    pub template: *mut CK_ATTRIBUTE,
    /// The number of attributes.
    pub count: CK_ULONG,
    handle: *mut CK_OBJECT_HANDLE,
}

impl Places {
    const NONE: Self =
        Self { version: null_mut(), material: null_mut(), ivs: [null_mut(); 2], further: Vec::new() };

    /// Whether all handles go into the parameter, so that none is answered (PKCS#11 3.2, 6.40).
    pub fn take_every_handle(&self) -> bool {
        abi::is_place(self.material.addr())
    }

    /// The further keys.
    pub fn further(&self) -> &[Further] {
        &self.further
    }

    /// Writes the version of a TLS premaster secret.
    pub fn put_version(&self, [major, minor]: [u8; 2]) {
        if abi::is_place(self.version.addr()) {
            // SAFETY: not NULL, and the promise of `read_derivation`; no alignment is needed.
            unsafe { self.version.write_unaligned(CK_VERSION { major, minor }) }
        }
    }

    /// Writes the handles of the further keys.
    pub fn put_further(&self, handles: &[CK_OBJECT_HANDLE]) {
        for (further, handle) in self.further.iter().zip(handles) {
            // SAFETY: `derived_keys` saw that it is not NULL; the promise of `read_derivation`.
            unsafe { further.handle.write_unaligned(*handle) }
        }
    }

    /// Tells which of the further keys' templates was refused (PKCS#11 3.2, 6.42).
    pub fn put_offending(&self, at: usize) {
        if let Some(further) = self.further.get(at) {
            // SAFETY: as in `put_further`.
            unsafe { further.handle.write_unaligned(CK_INVALID_HANDLE) }
        }
    }

    /// Writes the handles of TLS keys, MAC keys first, and the initialisation vectors, the client's first. Vectors
    /// are as long as the parameter said.
    pub fn put_tls_keys(&self, handles: [CK_OBJECT_HANDLE; 4], ivs: &[Vec<u8>]) {
        if !abi::is_place(self.material.addr()) {
            return;
        }
        for (place, iv) in self.ivs.iter().zip(ivs) {
            if abi::is_place(place.addr()) {
                // SAFETY: the promise of `read_derivation` for as many bytes as the parameter's length of a
                // vector says, and the derivation makes none that is longer.
                unsafe { place.copy_from_nonoverlapping(iv.as_ptr(), iv.len()) }
            }
        }
        let [client_mac, server_mac, client, server] = handles;
        let out = CK_SSL3_KEY_MAT_OUT {
            hClientMacSecret: client_mac,
            hServerMacSecret: server_mac,
            hClientKey: client,
            hServerKey: server,
            pIVClient: self.ivs[0],
            pIVServer: self.ivs[1],
        };
        // SAFETY: not NULL, and the promise of `read_derivation`; no alignment is needed.
        unsafe { self.material.write_unaligned(out) }
    }
}

/// One value that a pointer in a parameter leads to.
///
/// # Safety
/// Unless it is NULL, `at` leads to a readable `T`, which is made of numbers and pointers.
unsafe fn behind<T: Copy>(at: *const T) -> Result<T> {
    // SAFETY: passed on. NULL is an error there.
    unsafe { abi::read(at) }
}

const fn boolean(value: CK_BBOOL) -> Result<bool> {
    match value {
        CK_FALSE => Ok(false),
        CK_TRUE => Ok(true),
        _ => Err(WRONG),
    }
}

/// Of `CK_SP800_108_COUNTER_FORMAT`.
fn counter_format(part: &CK_PRF_DATA_PARAM) -> Result<NumberFormat> {
    if usize::try_from(part.ulValueLen) != Ok(size_of::<CK_SP800_108_COUNTER_FORMAT>()) {
        return Err(WRONG);
    }
    // SAFETY: a pointer and a length that stand side by side in a parameter that its reader's caller vouches for.
    let format: CK_SP800_108_COUNTER_FORMAT = unsafe { behind(part.pValue.cast_const().cast()) }?;
    Ok(NumberFormat { little_endian: boolean(format.bLittleEndian)?, width: format.ulWidthInBits })
}

impl Parameter {
    /// `CK_OBJECT_HANDLE` (PKCS#11 3.2, 6.43).
    pub(super) fn key(&self) -> Result<Params> {
        self.structure::<CK_OBJECT_HANDLE>().map(|handle| Params::Key(ObjectHandle(handle)))
    }

    /// `CK_KEY_DERIVATION_STRING_DATA` (PKCS#11 3.2, 6.43).
    pub(super) fn string_data(&self) -> Result<Params> {
        let data = self.structure::<CK_KEY_DERIVATION_STRING_DATA>()?;
        let bytes = self.field(data.pData, data.ulLen, LARGEST_FIELD)?;
        Ok(Params::StringData(bytes.into()))
    }

    /// `CK_EXTRACT_PARAMS` (PKCS#11 3.2, 6.43).
    pub(super) fn bit(&self) -> Result<Params> {
        self.structure::<CK_ULONG>().map(Params::Bit)
    }

    /// Nothing, or a public value (PKCS#11 3.2, 6.4).
    pub(super) fn public_value(&self) -> Result<Params> {
        if self.is_empty() { Ok(Params::None) } else { self.whole().map(Params::Public) }
    }

    /// `CK_HKDF_PARAMS` (PKCS#11 3.2, 6.62). What the asked steps do not use is not read.
    pub(super) fn hkdf(&self) -> Result<Params> {
        let hkdf = self.structure::<CK_HKDF_PARAMS>()?;
        let salt = || match hkdf.ulSaltType {
            CKF_HKDF_SALT_NULL => Ok(Salt::Zeros),
            CKF_HKDF_SALT_DATA => self.field(hkdf.pSalt, hkdf.ulSaltLen, LARGEST_FIELD).map(Salt::Data),
            CKF_HKDF_SALT_KEY => Ok(Salt::Key(ObjectHandle(hkdf.hSaltKey))),
            _ => Err(WRONG),
        };
        let info = || self.field(hkdf.pInfo, hkdf.ulInfoLen, LARGEST_FIELD);
        Ok(Params::Hkdf(Hkdf {
            hash: hkdf.prfHashMechanism,
            extract: boolean(hkdf.bExtract)?.then(salt).transpose()?,
            expand: boolean(hkdf.bExpand)?.then(info).transpose()?,
        }))
    }

    /// `CK_SP800_108_KDF_PARAMS` (PKCS#11 3.2, 6.42).
    pub(super) fn kbkdf(&self) -> Result<Params> {
        let kdf = self.structure::<CK_SP800_108_KDF_PARAMS>()?;
        let data = self.prf_data(kdf.pDataParams, kdf.ulNumberOfDataParams)?;
        Ok(Params::Kbkdf(Kbkdf { prf: kdf.prfType, data, iv: Vec::new() }))
    }

    /// `CK_SP800_108_FEEDBACK_KDF_PARAMS` (PKCS#11 3.2, 6.42).
    pub(super) fn feedback_kdf(&self) -> Result<Params> {
        let kdf = self.structure::<CK_SP800_108_FEEDBACK_KDF_PARAMS>()?;
        let data = self.prf_data(kdf.pDataParams, kdf.ulNumberOfDataParams)?;
        let iv = self.field(kdf.pIV, kdf.ulIVLen, LARGEST_FIELD)?;
        Ok(Params::Kbkdf(Kbkdf { prf: kdf.prfType, data, iv }))
    }

    fn prf_data(&self, start: *const CK_PRF_DATA_PARAM, count: CK_ULONG) -> Result<Vec<PrfData>> {
        if start.is_null() || count > MOST_PARTS {
            return Err(WRONG);
        }
        let count = usize::try_from(count).map_err(|_| WRONG)?;
        let mut left = LARGEST_INPUT;
        (0..count)
            .map(|at| {
                // SAFETY: an element of an array whose number stands beside it: the caller of the reader vouches.
                let part = unsafe { behind(start.wrapping_add(at)) }?;
                self.part(&part, &mut left)
            })
            .collect()
    }

    fn part(&self, part: &CK_PRF_DATA_PARAM, left: &mut usize) -> Result<PrfData> {
        let len = usize::try_from(part.ulValueLen).map_err(|_| WRONG)?;
        Ok(match part.type_ {
            CK_SP800_108_ITERATION_VARIABLE if part.pValue.is_null() && len == 0 => PrfData::Iteration(None),
            CK_SP800_108_ITERATION_VARIABLE => PrfData::Iteration(Some(counter_format(part)?)),
            CK_SP800_108_COUNTER => PrfData::Counter(counter_format(part)?),
            CK_SP800_108_DKM_LENGTH if len == size_of::<CK_SP800_108_DKM_LENGTH_FORMAT>() => {
                // SAFETY: pointer and length of one part: the caller of the reader vouches for them.
                let format: CK_SP800_108_DKM_LENGTH_FORMAT = unsafe { behind(part.pValue.cast()) }?;
                PrfData::Length {
                    segments: match format.dkmLengthMethod {
                        CK_SP800_108_DKM_LENGTH_SUM_OF_KEYS => false,
                        CK_SP800_108_DKM_LENGTH_SUM_OF_SEGMENTS => true,
                        _ => return Err(WRONG),
                    },
                    format: NumberFormat {
                        little_endian: boolean(format.bLittleEndian)?,
                        width: format.ulWidthInBits,
                    },
                }
            }
            CK_SP800_108_BYTE_ARRAY if len > 0 => {
                let bytes = self.field(part.pValue.cast(), part.ulValueLen, LARGEST_FIELD)?;
                *left = left.checked_sub(bytes.len()).ok_or(WRONG)?;
                PrfData::Bytes(bytes)
            }
            CK_SP800_108_KEY_HANDLE if len == size_of::<CK_OBJECT_HANDLE>() => {
                // SAFETY: as above.
                PrfData::Key(ObjectHandle(unsafe { behind(part.pValue.cast::<CK_OBJECT_HANDLE>()) }?))
            }
            _ => return Err(WRONG),
        })
    }

    /// `CK_PKCS5_PBKD2_PARAMS2` (PKCS#11 3.2, 6.37), or the older `CK_PKCS5_PBKD2_PARAMS`, which is as long and has a
    /// pointer where the newer one has the length of the password.
    pub(super) fn pbkd2(&self) -> Result<Params> {
        let pbkd2 = self.structure::<CK_PKCS5_PBKD2_PARAMS2>()?;
        if pbkd2.saltSource != CKZ_SALT_SPECIFIED || !pbkd2.pPrfData.is_null() || pbkd2.ulPrfDataLen != 0 {
            return Err(WRONG);
        }
        let salt =
            self.field(pbkd2.pSaltSourceData.cast_const().cast(), pbkd2.ulSaltSourceDataLen, LARGEST_FIELD)?;
        let password_len = match pbkd2.ulPasswordLen {
            len if len <= LONGEST_PASSWORD => len,
            // It may be an absurd length as well as a pointer, so it is not followed but asked for.
            address => usize::try_from(address).ok().and_then(process::peek).ok_or(WRONG)?,
        };
        let password = Zeroizing::new(self.field(pbkd2.pPassword, password_len, LONGEST_PASSWORD)?);
        Ok(Params::Pbkd2(Pbkd2 {
            salt,
            iterations: pbkd2.iterations,
            prf: pbkd2.prf,
            password: Hidden::new(password),
        }))
    }

    /// `CK_VERSION` (PKCS#11 3.2, 6.39).
    pub(super) fn version(&self) -> Result<Params> {
        self.structure::<CK_VERSION>().map(|version| Params::Version([version.major, version.minor]))
    }

    fn randoms(&self, randoms: &CK_SSL3_RANDOM_DATA) -> Result<TlsRandoms> {
        Ok(TlsRandoms {
            client: self.field(randoms.pClientRandom, randoms.ulClientRandomLen, LARGEST_FIELD)?,
            server: self.field(randoms.pServerRandom, randoms.ulServerRandomLen, LARGEST_FIELD)?,
        })
    }

    /// `CK_TLS12_MASTER_KEY_DERIVE_PARAMS` (PKCS#11 3.2, 6.40).
    pub(super) fn tls_master(&self) -> Result<Params> {
        let master = self.structure::<CK_TLS12_MASTER_KEY_DERIVE_PARAMS>()?;
        let randoms = master.RandomInfo;
        Ok(Params::TlsMaster(TlsMaster {
            hash: master.prfHashMechanism,
            session: TlsSession::Randoms(self.randoms(&randoms)?),
            wants_version: !master.pVersion.is_null(),
        }))
    }

    /// `CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS` (PKCS#11 3.2, 6.40).
    pub(super) fn tls_extended_master(&self) -> Result<Params> {
        let master = self.structure::<CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS>()?;
        let hash = self.field(master.pSessionHash, master.ulSessionHashLen, LARGEST_FIELD)?;
        Ok(Params::TlsMaster(TlsMaster {
            hash: master.prfHashMechanism,
            session: TlsSession::Hash(hash),
            wants_version: !master.pVersion.is_null(),
        }))
    }

    /// `CK_TLS12_KEY_MAT_PARAMS` (PKCS#11 3.2, 6.40). Keys for export are none (RFC 4346, A.5).
    pub(super) fn tls_keys(&self) -> Result<Params> {
        let keys = self.structure::<CK_TLS12_KEY_MAT_PARAMS>()?;
        if boolean(keys.bIsExport)? {
            return Err(WRONG);
        }
        let randoms = keys.RandomInfo;
        Ok(Params::TlsKeys(TlsKeys {
            hash: keys.prfHashMechanism,
            mac_bits: keys.ulMacSizeInBits,
            key_bits: keys.ulKeySizeInBits,
            iv_bits: keys.ulIVSizeInBits,
            randoms: self.randoms(&randoms)?,
        }))
    }

    /// `CK_TLS_KDF_PARAMS` (PKCS#11 3.2, 6.40).
    pub(super) fn tls_kdf(&self) -> Result<Params> {
        let kdf = self.structure::<CK_TLS_KDF_PARAMS>()?;
        let randoms = kdf.RandomInfo;
        let context = || self.field(kdf.pContextData, kdf.ulContextDataLength, LARGEST_FIELD);
        let there = !kdf.pContextData.is_null() || kdf.ulContextDataLength != 0;
        Ok(Params::TlsKdf(TlsKdf {
            hash: kdf.prfMechanism,
            label: self.field(kdf.pLabel, kdf.ulLabelLength, LARGEST_FIELD)?,
            randoms: self.randoms(&randoms)?,
            context: there.then(context).transpose()?,
        }))
    }

    /// `CK_TLS_MAC_PARAMS` (PKCS#11 3.2, 6.40).
    pub(super) fn tls_mac(&self) -> Result<Params> {
        let CK_TLS_MAC_PARAMS { prfHashMechanism: hash, ulMacLength: len, ulServerOrClient: side } =
            self.structure()?;
        Ok(Params::TlsMac(TlsMac { hash, len, side }))
    }

    /// Where results go, for a parameter that was read as this shape. What has no place is wrong.
    pub(super) fn places(&self, shape: Shape) -> Result<Places> {
        self.places_as(shape).map_err(|_| WRONG)
    }

    fn places_as(&self, shape: Shape) -> Result<Places> {
        Ok(match shape {
            Shape::Kbkdf => {
                let kdf = self.structure::<CK_SP800_108_KDF_PARAMS>()?;
                further(kdf.pAdditionalDerivedKeys, kdf.ulAdditionalDerivedKeys)?
            }
            Shape::FeedbackKdf => {
                let kdf = self.structure::<CK_SP800_108_FEEDBACK_KDF_PARAMS>()?;
                further(kdf.pAdditionalDerivedKeys, kdf.ulAdditionalDerivedKeys)?
            }
            Shape::TlsMaster => {
                let master = self.structure::<CK_TLS12_MASTER_KEY_DERIVE_PARAMS>()?;
                Places { version: master.pVersion, ..Places::NONE }
            }
            Shape::TlsExtendedMaster => {
                let master = self.structure::<CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS>()?;
                Places { version: master.pVersion, ..Places::NONE }
            }
            Shape::TlsKeys => {
                let keys = self.structure::<CK_TLS12_KEY_MAT_PARAMS>()?;
                let material = keys.pReturnedKeyMaterial;
                // SAFETY: the caller of the reader vouches for it.
                let out = unsafe { behind(material.cast_const()) }?;
                Places { material, ivs: [out.pIVClient, out.pIVServer], ..Places::NONE }
            }
            _ => Places::NONE,
        })
    }
}

/// `CK_DERIVED_KEY` (PKCS#11 3.2, 6.42).
fn further(start: *const CK_DERIVED_KEY, count: CK_ULONG) -> Result<Places> {
    if start.is_null() != (count == 0) || count > MOST_KEYS {
        return Err(WRONG);
    }
    let count = usize::try_from(count).map_err(|_| WRONG)?;
    let one = |at| {
        // SAFETY: an element of an array whose number stands beside it: the caller of the reader vouches.
        let key = unsafe { behind(start.wrapping_add(at)) }?;
        if !abi::is_place(key.phKey.addr()) {
            return Err(WRONG);
        }
        Ok(Further { template: key.pTemplate, count: key.ulAttributeCount, handle: key.phKey })
    };
    Ok(Places { further: (0..count).map(one).collect::<Result<_>>()?, ..Places::NONE })
}

#[cfg(test)]
mod tests;
