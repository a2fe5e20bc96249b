//! Elliptic curve Diffie-Hellman (SP 800-56A Rev. 3, 5.7.1.2; RFC 7748, 6), and what a secret becomes by it
//! (`ecdh_kdf`).

use super::ecdh_kdf::{self, Function};
use super::mechanism::{Context, Ops, Prepare, Recipe, Row, Sizes};
use super::{Material, ec, montgomery};
use crate::ck::params::Shape;
use crate::ck::{CK_KEY_TYPE, CK_MECHANISM_TYPE, CK_ULONG, Error, Params, Result};
use crate::secret::Secret;
use cryptoki_sys::*;
use std::sync::Arc;

/// CKM_ECDH1_DERIVE. PKCS#11 3.2, Elliptic curve Diffie-Hellman key derivation.
pub static ECDH1_DERIVE: Row =
    row(CKM_ECDH1_DERIVE, &[CKK_EC, CKK_EC_MONTGOMERY], Sizes::Bits(255, 521), prepare);
/// CKM_ECDH1_COFACTOR_DERIVE: the same on these curves, whose cofactor is 1.
/// PKCS#11 3.2, Elliptic curve Diffie-Hellman with cofactor key derivation.
pub static ECDH1_COFACTOR_DERIVE: Row = row(CKM_ECDH1_COFACTOR_DERIVE, &[CKK_EC], ec::SIZES, ec::prepare);

const fn row(
    ckm: CK_MECHANISM_TYPE,
    key_types: &'static [CK_KEY_TYPE],
    sizes: Sizes,
    prepare: Prepare,
) -> Row {
    Row {
        ckm,
        key_types,
        sizes,
        shape: Shape::Ecdh1,
        flags: ec::FLAGS,
        prepare: Some(prepare),
        ops: Ops {
            derive: Some(derive),
            encapsulate: Some(encapsulate),
            encapsulated_len: Some(encapsulated_len),
            decapsulate: Some(decapsulate),
            ..Ops::NONE
        },
    }
}

/// Makes a key ready, of either form.
pub(super) fn prepare(key: &Material) -> Result<Context> {
    match key {
        Material::MontgomeryPublic { .. } | Material::MontgomeryPrivate { .. } => montgomery::prepare(key),
        _ => ec::prepare(key),
    }
}

/// A prepared key, of either form.
pub(super) enum Key {
    /// Of the short Weierstrass form.
    Weierstrass(Arc<ec::Key>),
    /// Of the Montgomery form.
    Montgomery(Arc<montgomery::Key>),
}

impl Key {
    /// The key of an operation that needs the public half, which private keys have too.
    pub(super) fn public(context: &Context) -> Result<Self> {
        match montgomery::key(context) {
            Some(key) => Ok(Self::Montgomery(key)),
            None => Ok(Self::Weierstrass(ec::public(context)?)),
        }
    }

    /// The key of an operation that needs the private half.
    pub(super) fn private(context: &Context) -> Result<Self> {
        match montgomery::key(context) {
            Some(key) => {
                key.need_private()?;
                Ok(Self::Montgomery(key))
            }
            None => Ok(Self::Weierstrass(ec::private(context)?)),
        }
    }

    /// Length of a public key in bytes, as [`Self::ephemeral`] gives it: an uncompressed point, or the bytes of RFC 7748.
    pub(super) fn public_len(&self) -> usize {
        match self {
            Self::Weierstrass(key) => 1 + 2 * key.curve.len(),
            Self::Montgomery(key) => key.curve.len(),
        }
    }

    /// The secret that is shared with the other's public key. `CKR_PUBLIC_KEY_INVALID` where that is no point of the
    /// curve, or one that shares no secret.
    pub(super) fn agree(&self, peer: &[u8]) -> Result<Secret> {
        match self {
            Self::Weierstrass(key) => {
                let peer = ec::decode_point(key.curve, peer).map_err(|_| Error::PublicKeyInvalid)?;
                let mut secret = Secret::zeroed(key.curve.len());
                key.key.agree(&peer, secret.expose_mut()).map_err(|_| Error::PublicKeyInvalid)?;
                Ok(secret)
            }
            Self::Montgomery(key) => key.agree(peer),
        }
    }

    /// Agrees with a key pair of this one call: the secret, and the public key for the other side.
    pub(super) fn ephemeral(&self) -> Result<(Secret, Vec<u8>)> {
        match self {
            Self::Weierstrass(key) => {
                let (_, ephemeral) = ec::draw(key.curve)?;
                let mut secret = Secret::zeroed(key.curve.len());
                ephemeral.agree(&ec::point_of(key.curve, &key.key)?, secret.expose_mut())?;
                Ok((secret, ec::point_of(key.curve, &ephemeral)?))
            }
            Self::Montgomery(key) => {
                let (private, public) = montgomery::draw(key.curve)?;
                Ok((montgomery::agree(key.curve, &private, &key.public)?, public))
            }
        }
    }
}

fn derive(context: &Context, params: &Params, recipe: &Recipe) -> Result<Secret> {
    let key = Key::private(context)?;
    let Params::Ecdh1 { kdf, shared, public } = params else { return Err(Error::MechanismParamInvalid) };
    let function = checked(*kdf, shared, recipe)?;
    // "In preference to CKR_MECHANISM_PARAM_INVALID" (PKCS#11 3.2, 5.1.6).
    function.key(key.agree(public)?, shared, recipe)
}

/// The function of a parameter, all that can be wrong with it found out before anything is computed.
fn checked(kdf: CK_ULONG, shared: &[u8], recipe: &Recipe) -> Result<Function> {
    let function = Function::of(kdf)?;
    function.takes(shared)?;
    ecdh_kdf::wanted(recipe)?;
    Ok(function)
}

/// The parameter of an encapsulation: function and shared data, and no public key (PKCS#11 3.2, 6.3).
fn without_public<'a>(params: &'a Params, recipe: &Recipe) -> Result<(Function, &'a [u8])> {
    match params {
        Params::Ecdh1 { kdf, shared, public } if public.is_empty() => {
            Ok((checked(*kdf, shared, recipe)?, shared))
        }
        _ => Err(Error::MechanismParamInvalid),
    }
}

fn encapsulated_len(context: &Context) -> Result<usize> {
    Ok(Key::public(context)?.public_len())
}

/// Agrees with a key pair of this one call; its public key is the ciphertext.
fn encapsulate(context: &Context, params: &Params, recipe: &Recipe) -> Result<(Secret, Vec<u8>)> {
    let key = Key::public(context)?;
    let (function, shared) = without_public(params, recipe)?;
    let (secret, ciphertext) = key.ephemeral()?;
    Ok((function.key(secret, shared, recipe)?, ciphertext))
}

/// Agrees with the public key that the ciphertext is. `CKR_WRAPPED_KEY_INVALID` where it is none.
fn decapsulate(context: &Context, params: &Params, recipe: &Recipe, ciphertext: &[u8]) -> Result<Secret> {
    let (function, shared) = without_public(params, recipe)?;
    let secret = Key::private(context)?.agree(ciphertext).map_err(|error| match error {
        Error::PublicKeyInvalid => Error::WrappedKeyInvalid,
        other => other,
    })?;
    function.key(secret, shared, recipe)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::tests::{context, hex};
    use crate::crypto::{Curve, Montgomery, Pair, der};

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

    /// RFC 5903, 8.2 and 8.3, RFC 7027, A.1 to A.3, RFC 7748, 6.1: a private key, the other's public key, the secret.
    const KNOWN: &[(&str, &str, &str)] = &[
        (
            "099F3C7034D4A2C699884D73A375A67F7624EF7C6B3C0F160647B67414DCE655E35B538041E649EE3FAEF896783AB194",
            "04E558DBEF53EECDE3D3FCCFC1AEA08A89A987475D12FD950D83CFA41732BC509D0D1AC43A0336DEF96FDA41D0774A3571DCFBEC7AACF3196472169E838430367F66EEBE3C6E70C416DD5F0C68759DD1FFF83FA40142209DFF5EAAD96DB9E6386C",
            "11187331C279962D93D604243FD592CB9D0A926F422E47187521287E7156C5C4D603135569B9E9D09CF5D4A270F59746",
        ),
        (
            "0037ADE9319A89F4DABDB3EF411AACCCA5123C61ACAB57B5393DCE47608172A095AA85A30FE1C2952C6771D937BA9777F5957B2639BAB072462F68C27A57382D4A52",
            "0400D0B3975AC4B799F5BEA16D5E13E9AF971D5E9B984C9F39728B5E5739735A219B97C356436ADC6E95BB0352F6BE64A6C2912D4EF2D0433CED2B6171640012D9460F015C68226383956E3BD066E797B623C27CE0EAC2F551A10C2C724D9852077B87220B6536C5C408A1D2AEBB8E86D678AE49CB57091F4732296579AB44FCD17F0FC56A",
            "01144C7D79AE6956BC8EDB8E7C787C4521CB086FA64407F97894E5E6B2D79B04D1427E73CA4BAA240A34786859810C06B3C715A3A8CC3151F2BEE417996D19F3DDEA",
        ),
        (
            "81DB1EE100150FF2EA338D708271BE38300CB54241D79950F77B063039804F1D",
            "048D2D688C6CF93E1160AD04CC4429117DC2C41825E1E9FCA0ADDD34E6F1B39F7B990C57520812BE512641E47034832106BC7D3E8DD0E4C7F1136D7006547CEC6A",
            "89AFC39D41D3B327814B80940B042590F96556EC91E6AE7939BCE31F3A18BF2B",
        ),
        (
            "1E20F5E048A5886F1F157C74E91BDE2B98C8B52D58E5003D57053FC4B0BD65D6F15EB5D1EE1610DF870795143627D042",
            "044D44326F269A597A5B58BBA565DA5556ED7FD9A8A9EB76C25F46DB69D19DC8CE6AD18E404B15738B2086DF37E71D1EB462D692136DE56CBE93BF5FA3188EF58BC8A3A0EC6C1E151A21038A42E9185329B5B275903D192F8D4E1F32FE9CC78C48",
            "0BD9D3A7EA0B3D519D09D8E48D0785FB744A6B355E6304BC51C229FBBCE239BBADF6403715C35D4FB2A5444F575D4F42",
        ),
        (
            "16302FF0DBBB5A8D733DAB7141C1B45ACBC8715939677F6A56850A38BD87BD59B09E80279609FF333EB9D4C061231FB26F92EEB04982A5F1D1764CAD57665422",
            "049D45F66DE5D67E2E6DB6E93A59CE0BB48106097FF78A081DE781CDB31FCE8CCBAAEA8DD4320C4119F1E9CD437A2EAB3731FA9668AB268D871DEDA55A5473199F2FDC313095BCDD5FB3A91636F07A959C8E86B5636A1E930E8396049CB481961D365CC11453A06C719835475B12CB52FC3C383BCE35E27EF194512B71876285FA",
            "A7927098655F1F9976FA50A9D566865DC530331846381C87256BAF3226244B76D36403C024D7BBF0AA0803EAFF405D3D24F11A9B5C0BEF679FE1454B21C4CD1F",
        ),
        (
            "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
            "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
            "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742",
        ),
    ];

    #[test]
    fn derive_of_known_secrets_is_known() {
        use Curve::*;
        let keys = [P384, P521, BrainpoolP256r1, BrainpoolP384r1, BrainpoolP512r1].map(Some).into_iter();
        for (curve, (private, public, shared)) in keys.chain([None]).zip(KNOWN) {
            if curve.is_some_and(|curve| !curve.is_supported()) {
                continue;
            }
            let key = match curve {
                Some(curve) => ec::import_private(curve, &hex(private)),
                None => montgomery::import_private(Montgomery::X25519, &hex(private)),
            };
            let context = context(&ECDH1_DERIVE, &key.unwrap());
            let public = params(CKD_NULL, b"", &hex(public));
            assert!(derive(&context, &public, &Recipe::default()).unwrap().ct_eq(&hex(shared)), "{curve:?}");
        }
    }

    /// A key pair on every curve.
    fn pairs() -> Vec<Pair> {
        let recipe = |params: &[u8]| Recipe { ec_params: Some(params.to_vec()), ..Recipe::default() };
        let on = |row: &Row, params: &[u8]| row.ops.generate_pair.unwrap()(&recipe(params)).unwrap();
        let weierstrass = ec::tests::curves().map(|curve| on(&ec::KEY_PAIR_GEN, curve.ec_params()));
        let montgomery = Montgomery::ALL.iter().map(|curve| on(&montgomery::KEY_PAIR_GEN, curve.ec_params()));
        weierstrass.chain(montgomery).collect()
    }

    #[test]
    fn an_encapsulated_secret_is_the_agreed_one_on_every_curve() {
        for pair in pairs() {
            let (public, private) =
                (context(&ECDH1_DERIVE, &pair.public), context(&ECDH1_DERIVE, &pair.private));
            for (kdf, shared, recipe) in [
                (CKD_NULL, &b""[..], Recipe::default()),
                (CKD_SHA256_KDF, b"info", of_len(77)),
                (CKD_SHA3_512_KDF_SP800, b"info", of_len(77)),
            ] {
                let params = params(kdf, shared, b"");
                let (secret, ciphertext) = encapsulate(&public, &params, &recipe).unwrap();
                assert_eq!(ciphertext.len(), encapsulated_len(&public).unwrap());
                let same = decapsulate(&private, &params, &recipe, &ciphertext).unwrap();
                assert!(secret.ct_eq(same.expose()));
                let (other, another) = encapsulate(&public, &params, &recipe).unwrap();
                assert!(another != ciphertext && !other.ct_eq(same.expose()));
                // Another point gives another secret, and bytes that are no point give none.
                let mut wrong = ciphertext.clone();
                wrong[5] ^= 1;
                match decapsulate(&private, &params, &recipe, &wrong) {
                    Ok(secret) => {
                        assert!(matches!(pair.public, Material::MontgomeryPublic { .. }));
                        assert!(!secret.ct_eq(same.expose()));
                    }
                    Err(error) => assert_eq!(error, Error::WrappedKeyInvalid),
                }
                let refused = decapsulate(&private, &params, &recipe, &ciphertext[1..]).err();
                assert_eq!(refused, Some(Error::WrappedKeyInvalid));
                let refused = decapsulate(&public, &params, &recipe, &ciphertext).err();
                assert_eq!(refused, Some(Error::KeyTypeInconsistent));
                assert!(encapsulate(&public, &Params::None, &recipe).is_err());
            }
            let with_public = params(CKD_NULL, b"", &[4; 65]);
            let refused = encapsulate(&public, &with_public, &Recipe::default()).err();
            assert_eq!(refused, Some(Error::MechanismParamInvalid));
        }
    }

    #[test]
    fn both_sides_derive_the_same_on_every_curve() {
        for (a, b) in pairs().into_iter().zip(pairs()) {
            let agree = |private: &Material, public: &Material| {
                let (Material::EcPublic { point, .. } | Material::MontgomeryPublic { key: point, .. }) =
                    public
                else {
                    panic!("no public key");
                };
                let params = params(CKD_SHA256_KDF, b"info", point);
                derive(&context(&ECDH1_DERIVE, private), &params, &of_len(100)).unwrap()
            };
            assert!(agree(&a.private, &b.public).ct_eq(agree(&b.private, &a.public).expose()));
        }
    }

    #[test]
    fn points_of_small_order_share_no_secret() {
        let key = montgomery::import_private(Montgomery::X25519, &[7; 32]).unwrap();
        let context = context(&ECDH1_DERIVE, &key);
        for point in montgomery::tests::SMALL_ORDER.iter().map(|point| hex(point)) {
            let refused = derive(&context, &params(CKD_NULL, b"", &point), &Recipe::default()).err();
            assert_eq!(refused, Some(Error::PublicKeyInvalid));
            let refused =
                decapsulate(&context, &params(CKD_NULL, b"", b""), &Recipe::default(), &point).err();
            assert_eq!(refused, Some(Error::WrappedKeyInvalid));
        }
    }

    #[test]
    fn the_cofactor_mechanism_takes_no_montgomery_key() {
        let key = montgomery::import_private(Montgomery::X25519, &[7; 32]).unwrap();
        let refused = ECDH1_COFACTOR_DERIVE.prepare.unwrap()(&key).err();
        assert_eq!(refused, Some(Error::KeyTypeInconsistent));
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
        assert_eq!(
            refusal(&kdf, &of_len(crate::crypto::hmac::MAX_KEY_LEN as usize + 1)),
            Some(Error::KeySizeRange)
        );
    }
}
