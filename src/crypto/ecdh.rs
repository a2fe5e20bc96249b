//! Elliptic curve Diffie-Hellman (SP 800-56A Rev. 3, 5.7.1.2), with no derivation function or that of
//! ANSI X9.63 (SEC 1, 3.6.1).

use super::digest::Hash;
use super::ec;
use super::engine::digest::{Digest, MAX_LEN};
use super::mechanism::{Context, Ops, Recipe, Row};
use crate::ck::params::Shape;
use crate::ck::{CK_MECHANISM_TYPE, CK_ULONG, Error, Params, Result};
use crate::secret::Secret;
use cryptoki_sys::*;
use zeroize::Zeroizing;

/// CKM_ECDH1_DERIVE. PKCS#11 3.2, Elliptic curve Diffie-Hellman key derivation.
pub static ECDH1_DERIVE: Row = row(CKM_ECDH1_DERIVE);
/// CKM_ECDH1_COFACTOR_DERIVE: the same on these curves, whose cofactor is 1.
/// PKCS#11 3.2, Elliptic curve Diffie-Hellman with cofactor key derivation.
pub static ECDH1_COFACTOR_DERIVE: Row = row(CKM_ECDH1_COFACTOR_DERIVE);

/// Longest derived key in bytes.
const MAX_LEN_DERIVED: usize = super::hmac::MAX_KEY_LEN as usize;

const fn row(ckm: CK_MECHANISM_TYPE) -> Row {
    Row {
        ckm,
        key_types: &[CKK_EC],
        sizes: ec::SIZES,
        shape: Shape::Ecdh1,
        flags: ec::FLAGS,
        prepare: Some(ec::prepare),
        ops: Ops {
            derive: Some(derive),
            encapsulate: Some(encapsulate),
            encapsulated_len: Some(encapsulated_len),
            decapsulate: Some(decapsulate),
            ..Ops::NONE
        },
    }
}

fn derive(context: &Context, params: &Params, recipe: &Recipe) -> Result<Secret> {
    let key = ec::private(context)?;
    let Params::Ecdh1 { kdf, shared, public } = params else { return Err(Error::MechanismParamInvalid) };
    let function = function(*kdf)?;
    if recipe.value_len.is_some_and(|len| !(1..=MAX_LEN_DERIVED).contains(&len)) {
        return Err(Error::KeySizeRange);
    }
    // "In preference to CKR_MECHANISM_PARAM_INVALID" (PKCS#11 3.2, 5.1.6).
    let peer = ec::decode_point(key.curve, public).map_err(|_| Error::PublicKeyInvalid)?;
    let mut secret = Secret::zeroed(key.curve.len());
    key.key.agree(&peer, secret.expose_mut()).map_err(|_| Error::PublicKeyInvalid)?;
    finished(secret, function, shared, recipe)
}

/// The derived key of an agreed secret.
fn finished(secret: Secret, function: Option<Hash>, shared: &[u8], recipe: &Recipe) -> Result<Secret> {
    match function {
        // "With the key derivation function CKD_NULL, pSharedData must be NULL".
        None if !shared.is_empty() => Err(Error::MechanismParamInvalid),
        None => truncated(secret, recipe.value_len),
        Some(hash) => {
            let len = recipe.value_len.ok_or(Error::TemplateIncomplete)?;
            x9_63(hash, secret.expose(), shared, len)
        }
    }
}

/// The parameter of an encapsulation: function and shared data, and no public key (PKCS#11 3.2, 6.3).
fn without_public<'a>(params: &'a Params, recipe: &Recipe) -> Result<(CK_ULONG, &'a [u8])> {
    match params {
        Params::Ecdh1 { kdf, shared, public } if public.is_empty() => {
            if recipe.value_len.is_some_and(|len| !(1..=MAX_LEN_DERIVED).contains(&len)) {
                return Err(Error::KeySizeRange);
            }
            Ok((*kdf, shared))
        }
        _ => Err(Error::MechanismParamInvalid),
    }
}

fn encapsulated_len(context: &Context) -> Result<usize> {
    Ok(1 + 2 * ec::public(context)?.curve.len())
}

/// Agrees with a key pair of this one call; its public key, an uncompressed point, is the ciphertext.
fn encapsulate(context: &Context, params: &Params, recipe: &Recipe) -> Result<(Secret, Vec<u8>)> {
    let key = ec::public(context)?;
    let (kdf, shared) = without_public(params, recipe)?;
    let function = function(kdf)?;
    let (_, ephemeral) = ec::draw(key.curve)?;
    let mut secret = Secret::zeroed(key.curve.len());
    ephemeral.agree(&ec::point_of(key.curve, &key.key)?, secret.expose_mut())?;
    let ciphertext = ec::point_of(key.curve, &ephemeral)?;
    Ok((finished(secret, function, shared, recipe)?, ciphertext))
}

/// Agrees with the public key that the ciphertext is. `CKR_WRAPPED_KEY_INVALID` where it is no point of the curve.
fn decapsulate(context: &Context, params: &Params, recipe: &Recipe, ciphertext: &[u8]) -> Result<Secret> {
    let (kdf, shared) = without_public(params, recipe)?;
    let key = ec::private(context)?;
    ec::decode_point(key.curve, ciphertext).map_err(|_| Error::WrappedKeyInvalid)?;
    let params = Params::Ecdh1 { kdf, shared: shared.to_vec(), public: ciphertext.to_vec() };
    derive(context, &params, recipe)
}

/// The hash of a key derivation function; none for `CKD_NULL`.
const fn function(kdf: CK_ULONG) -> Result<Option<Hash>> {
    Ok(Some(match kdf {
        CKD_NULL => return Ok(None),
        CKD_SHA1_KDF => Hash::Sha1,
        CKD_SHA224_KDF => Hash::Sha224,
        CKD_SHA256_KDF => Hash::Sha256,
        CKD_SHA384_KDF => Hash::Sha384,
        CKD_SHA512_KDF => Hash::Sha512,
        _ => return Err(Error::MechanismParamInvalid),
    }))
}

/// "The truncation removes bytes from the leading end of the secret value" (PKCS#11 3.2).
fn truncated(secret: Secret, len: Option<usize>) -> Result<Secret> {
    let Some(len) = len else { return Ok(secret) };
    let from = secret.len().checked_sub(len).ok_or(Error::KeySizeRange)?;
    Ok(Secret::from_slice(secret.expose().get(from..).unwrap_or_default()))
}

/// Hash(Z || counter || SharedInfo), as often as it takes.
fn x9_63(hash: Hash, secret: &[u8], shared: &[u8], len: usize) -> Result<Secret> {
    let mut derived = Secret::zeroed(len);
    for (counter, part) in (1_u32..).zip(derived.expose_mut().chunks_mut(hash.len())) {
        let mut digest = Digest::new(hash)?;
        digest.update(secret)?;
        digest.update(&counter.to_be_bytes())?;
        digest.update(shared)?;
        let mut value = Zeroizing::new([0; MAX_LEN]);
        digest.finish(&mut value)?;
        part.copy_from_slice(value.get(..part.len()).unwrap_or_default());
    }
    Ok(derived)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::tests::{context, hex};
    use crate::crypto::{Curve, Material, der};

    fn params(kdf: CK_ULONG, shared: &[u8], public: &[u8]) -> Params {
        Params::Ecdh1 { kdf, shared: shared.to_vec(), public: public.to_vec() }
    }

    fn of_len(value_len: usize) -> Recipe {
        Recipe { value_len: Some(value_len), ..Recipe::default() }
    }

    /// RFC 5903, 8.1: the two sides of P-256.
    const I: &str = "C88F01F510D9AC3F70A292DAA2316DE544E9AAB8AFE84049C62A9C57862D1433";
    const G_R: &str = "04D12DFB5289C8D4F81208B70270398C342296970A0BCCB74C736FC7554494BF6356FBF3CA366CC23E8157854C13C58D6AAC23F046ADA30F8353E74F33039872AB";
    const G_IR: &str = "D6840F6B42F6EDAFD13116E0E12565202FEF8E9ECE7DCE03812464D04B9442DE";

    fn initiator() -> Context {
        context(&ECDH1_DERIVE, &ec::import_private(Curve::P256, &hex(I)).unwrap())
    }

    #[test]
    fn derive_of_rfc_5903_is_known_for_every_form_of_the_point() {
        let point = hex(G_R);
        let compressed = [&[2 + (point[64] & 1)], &point[1..33]].concat();
        let wrapped = der::element(der::OCTET_STRING, &[&point]);
        for public in [&point, &compressed, &wrapped] {
            let secret = derive(&initiator(), &params(CKD_NULL, b"", public), &Recipe::default()).unwrap();
            assert!(secret.ct_eq(&hex(G_IR)));
        }
    }

    #[test]
    fn derive_without_a_function_keeps_the_trailing_bytes() {
        let secret = derive(&initiator(), &params(CKD_NULL, b"", &hex(G_R)), &of_len(16)).unwrap();
        assert!(secret.ct_eq(&hex(G_IR)[16..]));
    }

    #[test]
    fn an_encapsulated_secret_is_the_agreed_one_on_every_curve() {
        for curve in ec::tests::curves() {
            let recipe = Recipe { ec_params: Some(curve.ec_params().to_vec()), ..Recipe::default() };
            let pair = ec::KEY_PAIR_GEN.ops.generate_pair.unwrap()(&recipe).unwrap();
            let (public, private) =
                (context(&ECDH1_DERIVE, &pair.public), context(&ECDH1_DERIVE, &pair.private));
            for (kdf, shared, recipe) in
                [(CKD_NULL, &b""[..], Recipe::default()), (CKD_SHA256_KDF, b"info", of_len(77))]
            {
                let params = params(kdf, shared, b"");
                let (secret, ciphertext) = encapsulate(&public, &params, &recipe).unwrap();
                assert_eq!(ciphertext.len(), encapsulated_len(&public).unwrap());
                let same = decapsulate(&private, &params, &recipe, &ciphertext).unwrap();
                assert!(secret.ct_eq(same.expose()));
                let (other, another) = encapsulate(&public, &params, &recipe).unwrap();
                assert!(another != ciphertext && !other.ct_eq(same.expose()));
                let mut wrong = ciphertext;
                wrong[5] ^= 1;
                let refused = decapsulate(&private, &params, &recipe, &wrong).err();
                assert_eq!(refused, Some(Error::WrappedKeyInvalid));
                assert!(encapsulate(&public, &Params::None, &recipe).is_err());
            }
            let with_public = params(CKD_NULL, b"", &[4; 65]);
            let refused = encapsulate(&public, &with_public, &Recipe::default()).err();
            assert_eq!(refused, Some(Error::MechanismParamInvalid));
        }
    }

    #[test]
    fn both_sides_derive_the_same_on_every_curve() {
        for curve in ec::tests::curves() {
            let recipe = Recipe { ec_params: Some(curve.ec_params().to_vec()), ..Recipe::default() };
            let make = || ec::KEY_PAIR_GEN.ops.generate_pair.unwrap()(&recipe).unwrap();
            let (a, b) = (make(), make());
            let agree = |private: &Material, public: &Material| {
                let Material::EcPublic { point, .. } = public else { panic!("no public key") };
                let params = params(CKD_SHA256_KDF, b"info", point);
                derive(&context(&ECDH1_DERIVE, private), &params, &of_len(100)).unwrap()
            };
            assert!(agree(&a.private, &b.public).ct_eq(agree(&b.private, &a.public).expose()));
        }
    }

    /// NIST CAVP, ANS X9.63-2001 KDF, SHA-256, 192-bit Z, no shared info, 128-bit key, count 0.
    #[test]
    fn x9_63_of_cavp_is_known() {
        let z = hex("96c05619d56c328ab95fe84b18264b08725b85e33fd34f08");
        let key = x9_63(Hash::Sha256, &z, b"", 16).unwrap();
        assert!(key.ct_eq(&hex("443024c3dae66b95e6f5670601558f71")));
    }

    #[test]
    fn derive_with_wrong_parameters_is_refused() {
        let context = initiator();
        let mut off = hex(G_R);
        off[40] ^= 1;
        let refusal = |params: &Params, recipe: &Recipe| derive(&context, params, recipe).err();
        for params in [Params::None, params(CKD_NULL, b"shared", &hex(G_R)), params(0x99, b"", &hex(G_R))] {
            assert_eq!(refusal(&params, &Recipe::default()), Some(Error::MechanismParamInvalid));
        }
        for params in [params(CKD_NULL, b"", &off), params(CKD_NULL, b"", &[])] {
            assert_eq!(refusal(&params, &Recipe::default()), Some(Error::PublicKeyInvalid));
        }
        let null = params(CKD_NULL, b"", &hex(G_R));
        for len in [0, 33, usize::MAX] {
            assert_eq!(refusal(&null, &of_len(len)), Some(Error::KeySizeRange));
        }
        let kdf = params(CKD_SHA256_KDF, b"", &hex(G_R));
        assert_eq!(refusal(&kdf, &Recipe::default()), Some(Error::TemplateIncomplete));
        assert_eq!(refusal(&kdf, &of_len(MAX_LEN_DERIVED + 1)), Some(Error::KeySizeRange));
    }
}
