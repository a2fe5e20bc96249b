//! HKDF (RFC 5869): extract, expand or both, with a salt that may be a key; the result is a key or data.

use super::digest::{self, Hash};
use super::engine::Answer;
use super::engine::derivation::{hkdf_expand, hkdf_extract};
use super::hmac::MAX_KEY_LEN;
use super::mechanism::{Derivation, Derived, Inheritance, Made, Ops, Raw, Row, Sizes, SourceLens, Sources};
use super::self_test::{self, Family, Known};
use super::{Material, generic_secret};
use crate::ck::derivation::{Hkdf, Salt};
use crate::ck::params::Shape;
use crate::ck::{CK_MECHANISM_TYPE, Error, Params, Result};
use crate::secret::Secret;
use cryptoki_sys::*;

/// CKM_HKDF_DERIVE. PKCS#11 3.2, HKDF mechanisms.
pub static DERIVE: Row = row(CKM_HKDF_DERIVE, &TO_KEY);
/// CKM_HKDF_DATA. PKCS#11 3.2, HKDF mechanisms.
pub static DATA: Row = row(CKM_HKDF_DATA, &TO_DATA);
/// CKM_HKDF_KEY_GEN. PKCS#11 3.2, HKDF mechanisms.
pub static KEY_GEN: Row = generic_secret::any_len_row(CKM_HKDF_KEY_GEN, &[CKK_HKDF], |recipe| {
    generic_secret::generate(CKK_HKDF, recipe)
});

static TO_KEY: Derivation = derivation(Made::Keys);
static TO_DATA: Derivation = derivation(Made::Data(is_initialisation_vector));

const fn derivation(makes: Made) -> Derivation {
    Derivation { derive, makes, inheritance: Inheritance::Free, own_len, raw: Raw::No, data_base: true }
}

const fn row(ckm: CK_MECHANISM_TYPE, derivation: &'static Derivation) -> Row {
    Row {
        ckm,
        key_types: &[CKK_HKDF, CKK_GENERIC_SECRET],
        sizes: Sizes::Bytes(1, MAX_KEY_LEN),
        shape: Shape::Hkdf,
        flags: 0,
        prepare: None,
        ops: Ops { derivation: Some(derivation), ..Ops::NONE },
    }
}

fn hash_of(hkdf: &Hkdf) -> Result<Hash> {
    digest::named(hkdf.hash).ok_or(Error::MechanismParamInvalid)
}

/// The extract step gives as many bytes as the hash has; the expand step as many as are asked for.
fn own_len(params: &Params, _: &SourceLens<'_>) -> Option<usize> {
    match params {
        Params::Hkdf(hkdf) if hkdf.expand.is_none() => hash_of(hkdf).ok().map(Hash::len),
        _ => None,
    }
}

fn derive(sources: &Sources<'_>) -> Result<Derived> {
    self_test::ready(Family::Hkdf)?;
    let Params::Hkdf(hkdf) = sources.params else { return Err(Error::MechanismParamInvalid) };
    let Material::Bytes(base) = sources.base else { return Err(Error::KeyTypeInconsistent) };
    let [recipe] = sources.recipes else { return Err(Error::GeneralError) };
    let hash = hash_of(hkdf)?;
    let fits = sources.base_type.is_some() || data_fits(hkdf, hash, base);
    if !fits {
        return Err(Error::KeySizeRange);
    }
    let extracted;
    let key = match &hkdf.extract {
        Some(salt) => {
            extracted = extract(hash, base, salt, sources.seconds)?;
            &extracted
        }
        None => base,
    };
    let Some(info) = &hkdf.expand else {
        if hkdf.extract.is_none() {
            return Err(Error::MechanismParamInvalid);
        }
        return match recipe.value_len {
            Some(len) if len != key.len() => Err(Error::KeySizeRange),
            _ => Ok(one(Secret::from_slice(key.expose()))),
        };
    };
    // RFC 5869, 2.3: "a pseudorandom key of at least HashLen octets".
    if key.len() < hash.len() {
        return Err(Error::KeySizeRange);
    }
    let len = recipe.value_len.ok_or(Error::TemplateIncomplete)?;
    if !(1..=255 * hash.len()).contains(&len) {
        return Err(Error::KeySizeRange);
    }
    let mut value = Secret::zeroed(len);
    hkdf_expand(hash, key.expose(), info, value.expose_mut())?;
    Ok(one(value))
}

fn one(value: Secret) -> Derived {
    Derived { values: vec![value], ..Derived::default() }
}

fn extract(hash: Hash, base: &Secret, salt: &Salt, seconds: &[Secret]) -> Result<Secret> {
    let salt = match (salt, seconds) {
        // HMAC fills a key up with zeros: no salt is as good as the zeros that stand for it (RFC 5869, 2.2).
        (Salt::Zeros, []) => &[],
        (Salt::Data(salt), []) => &salt[..],
        (Salt::Key(_), [salt]) => salt.expose(),
        _ => return Err(Error::MechanismParamInvalid),
    };
    let mut key = Secret::zeroed(hash.len());
    hkdf_extract(hash, base.expose(), salt, key.expose_mut())?;
    Ok(key)
}

/// "A data object which has the same size as the underlying hash function ... In this case bExtract should be true and
/// non-null salt should be supplied" (PKCS#11 3.2, 6.62).
fn data_fits(hkdf: &Hkdf, hash: Hash, data: &Secret) -> bool {
    let salted = match &hkdf.extract {
        Some(Salt::Data(salt)) => !salt.is_empty(),
        Some(Salt::Key(_)) => true,
        Some(Salt::Zeros) | None => false,
    };
    salted && data.len() == hash.len()
}

/// Whether what is expanded is an initialisation vector of TLS 1.3, DTLS 1.3 or QUIC, by its `HkdfLabel` (RFC 8446, 7.1,
/// 7.3; RFC 9147, 5.9; RFC 9001, 5.1). It is no secret, and no key has such a label.
fn is_initialisation_vector(params: &Params) -> bool {
    let Params::Hkdf(Hkdf { extract: None, expand: Some(info), .. }) = params else { return false };
    let labels: [&[u8]; 3] = [b"tls13 iv", b"dtls13iv", b"tls13 quic iv"];
    let Some((len, rest)) = info.get(2..).and_then(<[u8]>::split_first) else { return false };
    rest.get(..usize::from(*len)).is_some_and(|label| labels.contains(&label))
}

/// RFC 5869, A.3: both steps, without salt and info.
pub(super) fn known_answer() -> Answer<bool> {
    let (mut key, mut value) = ([0; 32], [0; 16]);
    hkdf_extract(Hash::Sha256, &[0x0B; 22], &[], &mut key)?;
    hkdf_expand(Hash::Sha256, &key, &[], &mut value)?;
    Ok(value == RFC_5869)
}

const RFC_5869: Known<16> = Known::new([
    0x8D, 0xA4, 0xE7, 0x75, 0xA5, 0x63, 0xC1, 0x8F, 0x71, 0x5F, 0x80, 0x2A, 0x06, 0x3C, 0x5A, 0x31,
]);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ck::ObjectHandle;
    use crate::crypto::mechanism::Recipe;
    use crate::crypto::tests::hex;

    fn params(hash: CK_MECHANISM_TYPE, extract: Option<Salt>, expand: Option<&[u8]>) -> Params {
        Params::Hkdf(Hkdf { hash, extract, expand: expand.map(<[u8]>::to_vec) })
    }

    fn run(
        base: &[u8],
        base_type: Option<CK_KEY_TYPE>,
        seconds: &[&[u8]],
        params: &Params,
        value_len: Option<usize>,
    ) -> Result<Vec<u8>> {
        let sources = Sources {
            base: &Material::Bytes(Secret::from_slice(base)),
            base_type,
            seconds: &seconds.iter().map(|second| Secret::from_slice(second)).collect::<Vec<_>>(),
            params,
            recipes: &[Recipe { value_len, ..Recipe::default() }],
        };
        derive(&sources).map(|derived| derived.values[0].expose().to_vec())
    }

    fn of_key(base: &[u8], params: &Params, len: Option<usize>) -> Result<Vec<u8>> {
        run(base, Some(CKK_HKDF), &[], params, len)
    }

    /// RFC 5869, A.1 to A.7: hash, key, salt, info, extracted key, output.
    type Case = (CK_MECHANISM_TYPE, Vec<u8>, Option<Vec<u8>>, Vec<u8>, &'static str, &'static str);

    fn rfc_5869() -> Vec<Case> {
        let range = |from: u8, to: u8| (from..=to).collect::<Vec<_>>();
        vec![
            (
                CKM_SHA256,
                vec![0x0B; 22],
                Some(range(0, 12)),
                range(0xF0, 0xF9),
                "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
                "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
            ),
            (
                CKM_SHA256,
                range(0, 0x4F),
                Some(range(0x60, 0xAF)),
                range(0xB0, 0xFF),
                "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
                "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87",
            ),
            (
                CKM_SHA256,
                vec![0x0B; 22],
                None,
                vec![],
                "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
                "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
            ),
            (
                CKM_SHA_1,
                vec![0x0B; 11],
                Some(range(0, 12)),
                range(0xF0, 0xF9),
                "9b6c18c432a7bf8f0e71c8eb88f4b30baa2ba243",
                "085a01ea1b10f36933068b56efa5ad81a4f14b822f5b091568a9cdd4f155fda2c22e422478d305f3f896",
            ),
            (
                CKM_SHA_1,
                vec![0x0C; 22],
                None,
                vec![],
                "2adccada18779e7c2077ad2eb19d3f3e731385dd",
                "2c91117204d745f3500d636a62f64f0ab3bae548aa53d423b0d1f27ebba6f5e5673a081d70cce7acfc48",
            ),
        ]
    }

    #[test]
    fn keys_of_rfc_5869_are_known() {
        for (hash, base, salt, info, extracted, output) in rfc_5869() {
            let salt = || salt.as_ref().map_or(Salt::Zeros, |salt| Salt::Data(salt.clone()));
            let (extracted, output) = (hex(extracted), hex(output));
            let extract = params(hash, Some(salt()), None);
            assert_eq!(of_key(&base, &extract, None), Ok(extracted.clone()));
            assert_eq!(own_len(&extract, &SourceLens { base: 1, seconds: &[] }), Some(extracted.len()));
            let expand = params(hash, None, Some(&info));
            assert_eq!(of_key(&extracted, &expand, Some(output.len())), Ok(output.clone()));
            let both = params(hash, Some(salt()), Some(&info));
            assert_eq!(of_key(&base, &both, Some(output.len())), Ok(output.clone()));
            // The salt as a key, and a message of another salt.
            if let Salt::Data(salt) = salt() {
                let keyed = params(hash, Some(Salt::Key(ObjectHandle(1))), Some(&info));
                let same = run(&base, Some(CKK_GENERIC_SECRET), &[&salt], &keyed, Some(output.len()));
                assert_eq!(same, Ok(output.clone()));
                let other = run(&base, Some(CKK_GENERIC_SECRET), &[b"other"], &keyed, Some(output.len()));
                assert_ne!(other, Ok(output));
            }
        }
    }

    #[test]
    fn no_salt_is_as_many_zeros_as_the_hash_has() {
        let of = |salt| of_key(&[1; 32], &params(CKM_SHA256, Some(salt), None), None).unwrap();
        assert_eq!(of(Salt::Zeros), of(Salt::Data(vec![0; 32])));
        assert_eq!(of(Salt::Zeros), of(Salt::Data(vec![])));
    }

    #[test]
    fn wrong_parameters_and_lengths_are_refused() {
        let (invalid, size) = (Err(Error::MechanismParamInvalid), Err(Error::KeySizeRange));
        let expand = params(CKM_SHA256, None, Some(b""));
        assert_eq!(of_key(&[1; 32], &params(CKM_SHA256, None, None), Some(32)), invalid);
        assert_eq!(of_key(&[1; 32], &params(CKM_AES_CBC, None, Some(b"")), Some(32)), invalid);
        assert_eq!(of_key(&[1; 32], &Params::None, Some(32)), invalid);
        assert_eq!(
            of_key(&[1; 32], &params(CKM_SHA256, Some(Salt::Key(ObjectHandle(1))), None), None),
            invalid
        );
        assert_eq!(of_key(&[1; 32], &expand, None), Err(Error::TemplateIncomplete));
        for len in [0, 255 * 32 + 1, usize::MAX] {
            assert_eq!(of_key(&[1; 32], &expand, Some(len)), size);
        }
        assert_eq!(of_key(&[1; 31], &expand, Some(32)), size);
        assert_eq!(of_key(&[1; 32], &params(CKM_SHA256, Some(Salt::Zeros), None), Some(31)), size);
    }

    #[test]
    fn data_is_a_base_only_with_a_salt_and_at_the_length_of_the_hash() {
        let of = |data: &[u8], extract, seconds: &[&[u8]]| {
            run(data, None, seconds, &params(CKM_SHA256, extract, None), None).is_ok()
        };
        let key = || Some(Salt::Key(ObjectHandle(1)));
        assert!(of(&[0; 32], key(), &[b"salt"]) && of(&[0; 32], Some(Salt::Data(vec![1])), &[]));
        assert!(!of(&[0; 31], key(), &[b"salt"]) && !of(&[0; 33], key(), &[b"salt"]));
        assert!(!of(&[0; 32], Some(Salt::Zeros), &[]) && !of(&[0; 32], Some(Salt::Data(vec![])), &[]));
        let expand = params(CKM_SHA256, None, Some(b""));
        assert_eq!(run(&[0; 32], None, &[], &expand, Some(32)), Err(Error::KeySizeRange));
    }

    #[test]
    fn only_labels_of_initialisation_vectors_are_those() {
        let labelled = |label: &[u8]| {
            let info = [&[0, 12, u8::try_from(label.len()).unwrap()], label, &[0]].concat();
            is_initialisation_vector(&params(CKM_SHA256, None, Some(&info)))
        };
        assert!(labelled(b"tls13 iv") && labelled(b"dtls13iv") && labelled(b"tls13 quic iv"));
        for label in [&b"tls13 key"[..], b"tls13 ivx", b"tls13 i", b"", b"tls13 quic hp"] {
            assert!(!labelled(label));
        }
        for info in [&b""[..], b"\0", b"\0\x0c", b"\0\x0c\x08tls13 i", b"tls13 iv"] {
            assert!(!is_initialisation_vector(&params(CKM_SHA256, None, Some(info))), "{info:?}");
        }
        let both = params(CKM_SHA256, Some(Salt::Zeros), Some(b"\0\x0c\x08tls13 iv\0"));
        assert!(!is_initialisation_vector(&both));
    }
}
