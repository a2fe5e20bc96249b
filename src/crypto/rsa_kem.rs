//! Encapsulation with an RSA encryption (PKCS#11 3.2, PKCS #1 v1.5 RSA and PKCS #1 RSA OAEP): the secret is drawn here
//! and encrypted, and decapsulation is unwrapping.

use super::mechanism::{Context, Recipe, StartCiphering};
use super::{hmac, random, rsa};
use crate::ck::{Error, Params, Result};
use crate::crypto;
use crate::secret::Secret;

/// Longest secret in bytes, as of all secret keys.
const LONGEST: usize = hmac::MAX_KEY_LEN as usize;

/// Length of the ciphertext: that of the modulus.
pub(super) fn encapsulated_len(context: &Context) -> Result<usize> {
    Ok(rsa::public(context)?.len())
}

/// The length that the template asks for, or the one that its type of key has. `CKR_TEMPLATE_INCOMPLETE` without
/// either: a ciphertext cannot be asked for it, or its padding would be what answers.
fn wanted(recipe: &Recipe) -> Result<usize> {
    let len = match (recipe.value_len, recipe.key_type.and_then(crypto::only_len)) {
        (Some(len), _) => len,
        (None, Some(len)) => len,
        (None, _) => return Err(Error::TemplateIncomplete),
    };
    if (1..=LONGEST).contains(&len) { Ok(len) } else { Err(Error::KeySizeRange) }
}

/// Draws a secret and encrypts it. `CKR_KEY_SIZE_RANGE` where the key has no room for it.
pub(super) fn encapsulate(
    start: StartCiphering,
    context: &Context,
    params: &Params,
    recipe: &Recipe,
) -> Result<(Secret, Vec<u8>)> {
    let mut secret = Secret::zeroed(wanted(recipe)?);
    let mut cipher = start(context, params)?;
    random::fill(secret.expose_mut())?;
    let mut ciphertext = vec![0; cipher.whole_len(secret.len())];
    let written = cipher.whole(secret.expose(), &mut ciphertext).map_err(|error| match error {
        Error::DataLenRange => Error::KeySizeRange,
        other => other,
    })?;
    ciphertext.truncate(written);
    Ok((secret, ciphertext))
}

/// Decrypts the secret. Whatever is wrong with it, its length among that, is `CKR_WRAPPED_KEY_INVALID`, and a ciphertext
/// of another length than the modulus `CKR_WRAPPED_KEY_LEN_RANGE`.
pub(super) fn decapsulate(
    start: StartCiphering,
    context: &Context,
    params: &Params,
    recipe: &Recipe,
    ciphertext: &[u8],
) -> Result<Secret> {
    let wanted = wanted(recipe)?;
    let mut cipher = start(context, params)?;
    let mut secret = Secret::zeroed(cipher.whole_len(ciphertext.len()));
    let len = cipher.whole(ciphertext, secret.expose_mut()).map_err(|error| match error {
        Error::EncryptedDataLenRange => Error::WrappedKeyLenRange,
        Error::EncryptedDataInvalid => Error::WrappedKeyInvalid,
        other => other,
    })?;
    let secret = secret.expose().get(..len).filter(|secret| secret.len() == wanted);
    secret.map(Secret::from_slice).ok_or(Error::WrappedKeyInvalid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::mechanism::Row;
    use crate::crypto::public_of;
    use crate::crypto::rsa_oaep::RSA_PKCS_OAEP;
    use crate::crypto::rsa_pkcs1::RSA_PKCS;
    use crate::crypto::tests::{context, rsa_2048, whole};
    use cryptoki_sys::*;

    fn rows() -> [(&'static Row, Params, usize); 2] {
        let oaep = Params::Oaep { hash: CKM_SHA256, mgf: CKG_MGF1_SHA256, label: b"label".to_vec() };
        [(&RSA_PKCS, Params::None, 245), (&RSA_PKCS_OAEP, oaep, 190)]
    }

    fn of_len(value_len: usize) -> Recipe {
        Recipe { value_len: Some(value_len), ..Recipe::default() }
    }

    #[test]
    fn an_encapsulated_secret_is_what_the_ciphertext_opens_to() {
        let private = rsa_2048();
        let public = public_of(&private).unwrap().unwrap();
        for (row, params, longest) in rows() {
            let (private, public) = (context(row, &private), context(row, &public));
            assert_eq!(row.ops.encapsulated_len.unwrap()(&public), Ok(256));
            for len in [1, 32, longest] {
                let (secret, ciphertext) =
                    row.ops.encapsulate.unwrap()(&public, &params, &of_len(len)).unwrap();
                assert_eq!((secret.len(), ciphertext.len()), (len, 256));
                let opened = whole(row.ops.decrypt, &private, &params, &ciphertext).unwrap();
                assert!(secret.ct_eq(&opened));
                let same =
                    row.ops.decapsulate.unwrap()(&private, &params, &of_len(len), &ciphertext).unwrap();
                assert!(secret.ct_eq(same.expose()));
            }
            let chacha = Recipe { key_type: Some(CKK_CHACHA20), ..Recipe::default() };
            let (secret, _) = row.ops.encapsulate.unwrap()(&public, &params, &chacha).unwrap();
            assert_eq!(secret.len(), 32);
        }
    }

    #[test]
    fn anything_else_is_refused() {
        let private = rsa_2048();
        let public = public_of(&private).unwrap().unwrap();
        for (row, params, longest) in rows() {
            let (private, public) = (context(row, &private), context(row, &public));
            let refusal = |recipe: &Recipe| row.ops.encapsulate.unwrap()(&public, &params, recipe).err();
            assert_eq!(refusal(&Recipe::default()), Some(Error::TemplateIncomplete));
            for len in [0, longest + 1, 513, usize::MAX] {
                assert_eq!(refusal(&of_len(len)), Some(Error::KeySizeRange), "{len}");
            }
            let (_, mut ciphertext) = row.ops.encapsulate.unwrap()(&public, &params, &of_len(32)).unwrap();
            let open = |recipe: &Recipe, ciphertext: &[u8]| {
                row.ops.decapsulate.unwrap()(&private, &params, recipe, ciphertext).err()
            };
            assert_eq!(open(&Recipe::default(), &ciphertext), Some(Error::TemplateIncomplete));
            assert_eq!(open(&of_len(31), &ciphertext), Some(Error::WrappedKeyInvalid));
            assert_eq!(open(&of_len(32), &ciphertext[1..]), Some(Error::WrappedKeyLenRange));
            assert_eq!(open(&of_len(32), &[0xFF; 256]), Some(Error::WrappedKeyInvalid));
            ciphertext[7] ^= 1;
            // With PKCS#1 v1.5 another message comes out, of 32 bytes once in some 245 times.
            assert!(matches!(open(&of_len(32), &ciphertext), Some(Error::WrappedKeyInvalid) | None));
            let wrong = row.ops.encapsulate.unwrap()(&public, &Params::Iv(vec![]), &of_len(32)).err();
            assert_eq!(wrong, Some(Error::MechanismParamInvalid));
        }
    }
}
