//! How the software backend wraps and unwraps: secret keys as their bytes, private keys as PKCS#8
//! (PKCS#11 3.2, 6.7).

use super::NewObject;
use super::software::described;
use crate::ck::message::{IvGenerator, MessageParams};
use crate::ck::{CK_KEY_TYPE, CK_ULONG, Error, Params, Result};
use crate::crypto::mechanism::{Ciphering, Row};
use crate::crypto::{self, Material, pkcs8};
use crate::guard::Authorized;
use crate::guard::op::{Unwrap, Wrap};
use crate::object::Template;
use crate::secret::Secret;
use cryptoki_sys::*;

/// The unit that AES Key Wrap fills up, in bytes.
const SEMIBLOCK: usize = 8;

/// C_WrapKey
pub(super) fn wrap(grant: Authorized<Wrap>) -> Result<Vec<u8>> {
    let row = grant.row()?;
    let start = row.ops.encrypt.ok_or(Error::MechanismInvalid)?;
    let plain = plain_of(&grant, row)?;
    let params = &grant.op().mechanism.params;
    let announced = announced(params, plain.len());
    let mut cipher = start(&grant.context()?, announced.as_ref().unwrap_or(params))?;
    let mut wrapped = vec![0; cipher.whole_len(plain.len())];
    let len = cipher.whole(plain.expose(), &mut wrapped).map_err(too_long)?;
    wrapped.truncate(len);
    Ok(wrapped)
}

/// C_UnwrapKey
pub(super) fn unwrap(grant: Authorized<Unwrap>) -> Result<NewObject> {
    let row = grant.row()?;
    let start = row.ops.decrypt.ok_or(Error::MechanismInvalid)?;
    let context = grant.context()?;
    let Unwrap { mechanism, wrapped, template, .. } = grant.into_op();
    let kind = kind_of(&template, row)?;
    let announced = match &mechanism.params {
        Params::Ccm { mac_len, .. } => {
            let mac_len = usize::try_from(*mac_len).map_err(|_| Error::MechanismParamInvalid)?;
            announced(&mechanism.params, wrapped.len().saturating_sub(mac_len))
        }
        _ => None,
    };
    let mut cipher = start(&context, announced.as_ref().unwrap_or(&mechanism.params))?;
    let plain = opened(&mut *cipher, &wrapped)?;
    made_of(template, kind, plain, row)
        .map_err(|error| if row.ops.bare_padding { no_key(error) } else { error })
}

/// C_WrapKeyAuthenticated
pub(super) fn wrap_authenticated(
    grant: Authorized<Wrap>,
    message: &mut MessageParams,
    aad: &[u8],
) -> Result<Vec<u8>> {
    let row = grant.row()?;
    let start = row.ops.message_encrypt.ok_or(Error::MechanismInvalid)?;
    // A counter starts at zero in every process, and a wrapping key is shared by many: two keys would be wrapped
    // under one IV.
    if matches!(message.generator, IvGenerator::Counter | IvGenerator::CounterXor) {
        return Err(Error::MechanismParamInvalid);
    }
    let plain = plain_of(&grant, row)?;
    message.data_len = None;
    let mut wrapped = vec![0; plain.len()];
    start(&grant.context()?)?.whole(message, aad, plain.expose(), &mut wrapped).map_err(too_long)?;
    Ok(wrapped)
}

/// C_UnwrapKeyAuthenticated
pub(super) fn unwrap_authenticated(
    grant: Authorized<Unwrap>,
    message: &mut MessageParams,
    aad: &[u8],
) -> Result<NewObject> {
    let row = grant.row()?;
    let start = row.ops.message_decrypt.ok_or(Error::MechanismInvalid)?;
    let context = grant.context()?;
    let Unwrap { wrapped, template, .. } = grant.into_op();
    let kind = kind_of(&template, row)?;
    message.data_len = None;
    let mut plain = Secret::zeroed(wrapped.len());
    start(&context)?.whole(message, aad, &wrapped, plain.expose_mut()).map_err(unusable)?;
    made_of(template, kind, plain, row)
}

/// The type of the key to be made, asked before anything is decrypted.
fn kind_of(template: &Template, row: &Row) -> Result<CK_KEY_TYPE> {
    let secret = template.class == CKO_SECRET_KEY && !row.ops.only_private;
    if !secret && template.class != CKO_PRIVATE_KEY {
        return Err(Error::TemplateInconsistent);
    }
    template.kind.ok_or(Error::TemplateIncomplete)
}

/// The bytes of the key that is wrapped.
fn plain_of(grant: &Authorized<Wrap>, row: &Row) -> Result<Secret> {
    let plain = match grant.target_material()? {
        Material::Bytes(_) if row.ops.only_private => return Err(Error::KeyNotWrappable),
        Material::Bytes(plain) => plain,
        key => pkcs8::encode(&key)?,
    };
    if !row.ops.zero_pads || plain.len().is_multiple_of(SEMIBLOCK) {
        return Ok(plain);
    }
    let mut padded = Secret::zeroed(plain.len().next_multiple_of(SEMIBLOCK));
    padded.expose_mut().get_mut(..plain.len()).unwrap_or_default().copy_from_slice(plain.expose());
    Ok(padded)
}

/// The key that was unwrapped, as its template says.
fn made_of(template: Template, kind: CK_KEY_TYPE, plain: Secret, row: &Row) -> Result<NewObject> {
    match template.class {
        CKO_SECRET_KEY => {
            let value = cut(plain, template.attributes.number(CKA_VALUE_LEN), row)?;
            let wrong = if crypto::takes_len(kind, value.len()) {
                Error::WrappedKeyInvalid
            } else {
                Error::WrappedKeyLenRange
            };
            let material = crypto::import_secret(kind, &value).map_err(|_| wrong)?;
            described(template, material)
        }
        CKO_PRIVATE_KEY => {
            let decode = if row.ops.zero_pads { pkcs8::decode_padded } else { pkcs8::decode };
            let material = decode(plain.expose())?;
            if material.key_type() != Some(kind) {
                return Err(Error::TemplateInconsistent);
            }
            described(template, material)
        }
        _ => Err(Error::TemplateInconsistent),
    }
}

/// The value of a secret key, at the length that the template names: any other is
/// `CKR_WRAPPED_KEY_LEN_RANGE`, but for the zeros that the wrapping put behind it.
fn cut(plain: Secret, len: Option<u64>, row: &Row) -> Result<Secret> {
    let Some(len) = len else { return Ok(plain) };
    let len = usize::try_from(len).map_err(|_| Error::WrappedKeyLenRange)?;
    let (value, rest) = plain.expose().split_at_checked(len).ok_or(Error::WrappedKeyLenRange)?;
    if rest.is_empty() {
        return Ok(plain);
    }
    let zeros = rest.iter().fold(0, |all, byte| all | byte) == 0;
    if row.ops.zero_pads && rest.len() < SEMIBLOCK && zeros {
        Ok(Secret::from_slice(value))
    } else {
        Err(Error::WrappedKeyLenRange)
    }
}

/// The parameter of CCM with the true length of what is wrapped: whatever a caller announces for a key is to
/// be ignored (PKCS#11 3.2, 6.13). `None` for every other parameter.
fn announced(params: &Params, len: usize) -> Option<Params> {
    match params {
        Params::Ccm { nonce, aad, mac_len, .. } => Some(Params::Ccm {
            data_len: CK_ULONG::try_from(len).unwrap_or(CK_ULONG::MAX),
            nonce: nonce.clone(),
            aad: aad.clone(),
            mac_len: *mac_len,
        }),
        _ => None,
    }
}

/// The answer to unwrapped bytes that are no such key, where a bare padding was taken off. It is the one to a wrong
/// padding: a caller that could tell the two apart would have a padding oracle (Vaudenay 2002; Bardou and
/// others 2012).
const fn no_key(error: Error) -> Error {
    match error {
        Error::AttributeValueInvalid | Error::KeySizeRange | Error::WrappedKeyLenRange => {
            Error::WrappedKeyInvalid
        }
        other => other,
    }
}

/// Decrypts a wrapped key. Whatever was wrong with it, the answer is one.
fn opened(cipher: &mut dyn Ciphering, wrapped: &[u8]) -> Result<Secret> {
    let mut plain = Secret::zeroed(cipher.whole_len(wrapped.len()));
    let len = cipher.whole(wrapped, plain.expose_mut()).map_err(unusable)?;
    plain.expose().get(..len).map(Secret::from_slice).ok_or(Error::GeneralError)
}

fn unusable(error: Error) -> Error {
    match error {
        Error::EncryptedDataLenRange | Error::DataLenRange => Error::WrappedKeyLenRange,
        Error::EncryptedDataInvalid | Error::AeadDecryptFailed | Error::DataInvalid => {
            Error::WrappedKeyInvalid
        }
        other => other,
    }
}

fn too_long(error: Error) -> Error {
    match error {
        Error::DataLenRange => Error::KeySizeRange,
        other => other,
    }
}
