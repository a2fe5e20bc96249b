//! Keys on every curve through the C interface: made, brought in, used, and carried in and out (PKCS#11 3.2, 6.3).

use crate::alone;
use crate::client::*;
use crate::parameters::{kept, structure};
use crate::pkcs8::{disguised, hex};
use cryptoki_sys::*;

/// A curve with private keys: OID in DER, a name, length of a coordinate in bytes.
struct Curve {
    oid: &'static str,
    name: &'static str,
    len: usize,
}

const CURVES: [Curve; 7] = [
    Curve { oid: "06082a8648ce3d030107", name: "prime256v1", len: 32 },
    Curve { oid: "06052b81040022", name: "secp384r1", len: 48 },
    Curve { oid: "06052b81040023", name: "P-521", len: 66 },
    Curve { oid: "06052b8104000a", name: "secp256k1", len: 32 },
    Curve { oid: "06092b2403030208010107", name: "brainpoolP256r1", len: 32 },
    Curve { oid: "06092b240303020801010b", name: "brainpoolP384r1", len: 48 },
    Curve { oid: "06092b240303020801010d", name: "brainpoolP512r1", len: 64 },
];

/// Those that the engine of the module has: all, or all but the last.
fn curves() -> &'static [Curve] {
    if REFERENCE_ENGINE { CURVES.split_last().unwrap().1 } else { &CURVES }
}

/// The OID of P-224, which is for verification.
const P224: &str = "06052b81040021";

fn by_name(name: &str) -> Vec<u8> {
    [&[0x13, name.len() as u8], name.as_bytes()].concat()
}

fn public(kind: CK_KEY_TYPE, params: &[u8], point: &[u8]) -> Template {
    Template::new()
        .class(CKO_PUBLIC_KEY)
        .ulong(CKA_KEY_TYPE, kind)
        .bytes(CKA_EC_PARAMS, params)
        .bytes(CKA_EC_POINT, point)
}

fn private(kind: CK_KEY_TYPE, params: &[u8], value: &[u8]) -> Template {
    Template::new()
        .class(CKO_PRIVATE_KEY)
        .ulong(CKA_KEY_TYPE, kind)
        .bytes(CKA_EC_PARAMS, params)
        .bytes(CKA_VALUE, value)
}

/// A secret key that can be looked at.
fn open(len: CK_ULONG) -> Template {
    Template::new()
        .class(CKO_SECRET_KEY)
        .ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET)
        .ulong(CKA_VALUE_LEN, len)
        .flag(CKA_SENSITIVE, false)
        .flag(CKA_EXTRACTABLE, true)
}

fn ecdh(ckm: CK_MECHANISM_TYPE, kdf: CK_ULONG, shared: &[u8], public: &[u8]) -> Mechanism {
    let params = CK_ECDH1_DERIVE_PARAMS {
        kdf,
        ulSharedDataLen: shared.len() as CK_ULONG,
        pSharedData: if shared.is_empty() { std::ptr::null_mut() } else { kept(shared) },
        ulPublicDataLen: public.len() as CK_ULONG,
        pPublicData: if public.is_empty() { std::ptr::null_mut() } else { kept(public) },
    };
    structure(ckm, &params)
}

impl Session<'_> {
    fn pair(&self, ckm: CK_MECHANISM_TYPE, params: &[u8], ours: Template, theirs: Template) -> (Key, Key) {
        let public = theirs.bytes(CKA_EC_PARAMS, params);
        self.generate_pair(&Mechanism::plain(ckm), &public, &ours).unwrap()
    }

    /// Key pairs for agreement, the private half extractable.
    fn agreeing(&self, ckm: CK_MECHANISM_TYPE, params: &[u8]) -> (Key, Key) {
        let uses = || Template::new().flag(CKA_DERIVE, true);
        self.pair(ckm, params, uses().flag(CKA_EXTRACTABLE, true), uses())
    }

    /// The point of a public key, out of its OCTET STRING.
    fn point(&self, public: Key) -> Vec<u8> {
        let point = self.get(public, CKA_EC_POINT).unwrap();
        let header = if point[1] < 0x80 { 2 } else { 3 };
        assert_eq!((point[0], usize::from(point[header - 1])), (4, point.len() - header));
        point[header..].to_vec()
    }

    fn agreed(&self, mechanism: &Mechanism, private: Key, len: CK_ULONG) -> Answer<Vec<u8>> {
        let key = self.derive(mechanism, private, &open(len))?;
        self.get(key, CKA_VALUE)
    }
}

alone! {
    fn keys_on_every_curve_are_made_and_sign() {
        let world = World::new();
        let session = world.user();
        for ckm in [CKM_EC_KEY_PAIR_GEN, CKM_EC_KEY_PAIR_GEN_W_EXTRA_BITS] {
            for curve in curves() {
                let oid = hex(curve.oid);
                for params in [oid.clone(), by_name(curve.name)] {
                    let (sign, verify) = (Template::new().flag(CKA_SIGN, true), Template::new().flag(CKA_VERIFY, true));
                    let (public, private) = session.pair(ckm, &params, sign, verify);
                    assert_eq!(session.point(public).len(), 1 + 2 * curve.len, "{}", curve.name);
                    // Each key names its curve as it was asked to; the information of the public key by its number.
                    assert_eq!(session.get(public, CKA_EC_PARAMS).unwrap(), params);
                    let info = session.get(public, CKA_PUBLIC_KEY_INFO).unwrap();
                    assert_eq!(session.get(private, CKA_PUBLIC_KEY_INFO).unwrap(), info);
                    assert!(info.windows(oid.len()).any(|part| part == oid), "{}", curve.name);
                    assert_eq!(session.get_ulong(private, CKA_KEY_GEN_MECHANISM).unwrap(), ckm);
                    for ckm in [CKM_ECDSA_SHA256, CKM_ECDSA_SHA512, CKM_ECDSA_SHA3_384] {
                        let mechanism = Mechanism::plain(ckm);
                        let signature = session.sign(&mechanism, private, b"message").unwrap();
                        assert_eq!(signature.len(), 2 * curve.len);
                        session.verify(&mechanism, public, b"message", &signature).unwrap();
                        let wrong = session.verify(&mechanism, public, b"massage", &signature);
                        assert_eq!(wrong, Err(Rv(CKR_SIGNATURE_INVALID)));
                    }
                }
            }
        }
    }
}

alone! {
    fn points_are_taken_in_every_form_and_given_in_one() {
        let world = World::new();
        let session = world.user();
        for curve in curves() {
            let params = hex(curve.oid);
            let (made, private) = session.pair(
                CKM_EC_KEY_PAIR_GEN,
                &params,
                Template::new().flag(CKA_SIGN, true),
                Template::new().flag(CKA_VERIFY, true),
            );
            let (wrapped, point) = (session.get(made, CKA_EC_POINT).unwrap(), session.point(made));
            let compressed = [&[2 + (point[2 * curve.len] & 1)], &point[1..=curve.len]].concat();
            let wrapped_compressed = [&[4, compressed.len() as u8], &compressed[..]].concat();
            let mechanism = Mechanism::plain(CKM_ECDSA_SHA384);
            let signature = session.sign(&mechanism, private, b"message").unwrap();
            for form in [&wrapped, &point, &compressed, &wrapped_compressed] {
                let key = session.create(&public(CKK_EC, &params, form).flag(CKA_VERIFY, true)).unwrap();
                assert_eq!(session.get(key, CKA_EC_POINT).unwrap(), wrapped, "{}", curve.name);
                session.verify(&mechanism, key, b"message", &signature).unwrap();
            }
            let mut off = point.clone();
            off[2 * curve.len] ^= 1;
            let hybrid = [&[6], &point[1..]].concat();
            for wrong in [&off[..], &hybrid, &[0], &point[1..], &[&wrapped[..], &[0]].concat()] {
                let refused = session.create(&public(CKK_EC, &params, wrong));
                assert_eq!(refused, Err(Rv(CKR_ATTRIBUTE_VALUE_INVALID)), "{} {wrong:x?}", curve.name);
            }
        }
    }
}

alone! {
    fn private_keys_are_numbers_below_the_order_and_not_zero() {
        let world = World::new();
        let session = world.user();
        let order = hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
        let mut largest = order.clone();
        largest[31] -= 1;
        for value in [&[1][..], &largest, &[&[0], &largest[..]].concat()] {
            session.create(&private(CKK_EC, P256, value).flag(CKA_SIGN, true)).unwrap();
        }
        for value in [&[0][..], &[0; 32], &order, &[0xFF; 32], &[1; 33]] {
            let refused = session.create(&private(CKK_EC, P256, value).flag(CKA_SIGN, true));
            assert_eq!(refused, Err(Rv(CKR_ATTRIBUTE_VALUE_INVALID)), "{value:x?}");
        }
        let made = session.find(&Template::new().class(CKO_PRIVATE_KEY)).unwrap();
        assert_eq!(made.len(), 3, "a refused key exists");
    }
}

alone! {
    fn parameters_that_name_no_curve_of_ours_are_refused() {
        let world = World::new();
        let session = world.user();
        let point = [4; 65];
        // secp192k1, a name; explicit parameters, implicitlyCA, nothing.
        let unsupported = [hex("06052b8104001f"), by_name("P-192"), by_name("curve25519"), X25519.to_vec()];
        let invalid = [vec![0x30, 0], hex("3006020101300100"), vec![5, 0], [P256, &[0]].concat(), vec![0x13]];
        let all = unsupported.iter().map(|params| (params, CKR_CURVE_NOT_SUPPORTED));
        for (params, code) in all.chain(invalid.iter().map(|params| (params, CKR_DOMAIN_PARAMS_INVALID))) {
            let created = session.create(&public(CKK_EC, params, &point));
            assert_eq!(created, Err(Rv(code)), "{params:x?}");
            let created = session.create(&private(CKK_EC, params, &[1; 32]).flag(CKA_SIGN, true));
            assert_eq!(created, Err(Rv(code)), "{params:x?}");
            let template = Template::new().bytes(CKA_EC_PARAMS, params);
            for ckm in [CKM_EC_KEY_PAIR_GEN, CKM_EC_KEY_PAIR_GEN_W_EXTRA_BITS] {
                let made = session.generate_pair(&Mechanism::plain(ckm), &template, &Template::new());
                assert_eq!(made, Err(Rv(code)), "{params:x?}");
            }
        }
        // A curve of one form is none of the other.
        for (ckm, params) in [
            (CKM_EC_EDWARDS_KEY_PAIR_GEN, P256),
            (CKM_EC_EDWARDS_KEY_PAIR_GEN, X25519),
            (CKM_EC_MONTGOMERY_KEY_PAIR_GEN, P256),
            (CKM_EC_MONTGOMERY_KEY_PAIR_GEN, ED25519),
            (CKM_EC_KEY_PAIR_GEN, ED25519),
        ] {
            let template = Template::new().bytes(CKA_EC_PARAMS, params);
            let made = session.generate_pair(&Mechanism::plain(ckm), &template, &Template::new());
            assert_eq!(made, Err(Rv(CKR_CURVE_NOT_SUPPORTED)), "{ckm:#x}");
        }
        assert_eq!(session.find(&Template::new()).unwrap(), []);
    }
}

alone! {
    /// RFC 6979, A.2.4: the key and the signature of "sample" with SHA-256.
    fn p224_verifies_and_does_nothing_else() {
        let world = World::new();
        let session = world.user();
        let point = hex("0400cf08da5ad719e42707fa431292dea11244d64fc51610d94b130d6ceeab6f3debe455e3dbf85416f7030cbd94f34f2d6f232c69f3c1385a");
        let signature = hex("61aa3da010e8e8406c656bc477a7a7189895e7e840cdfe8ff42307babc814050dab5d23770879494f9e0a680dc1af7161991bde692b10101");
        for params in [hex(P224), by_name("secp224r1"), by_name("P-224")] {
            let template = public(CKK_EC, &params, &point).uses(&[CKA_VERIFY]);
            let key = session.create(&template).unwrap();
            let mechanism = Mechanism::plain(CKM_ECDSA_SHA256);
            session.verify(&mechanism, key, b"sample", &signature).unwrap();
            let wrong = session.verify(&mechanism, key, b"simple", &signature);
            assert_eq!(wrong, Err(Rv(CKR_SIGNATURE_INVALID)));
            let template = Template::new().bytes(CKA_EC_PARAMS, &params);
            for ckm in [CKM_EC_KEY_PAIR_GEN, CKM_EC_KEY_PAIR_GEN_W_EXTRA_BITS] {
                let made = session.generate_pair(&Mechanism::plain(ckm), &template, &Template::new());
                assert_eq!(made, Err(Rv(CKR_CURVE_NOT_SUPPORTED)));
            }
            let scalar = hex("f220266e1105bfe3083e03ec7a3a654651f45e37167e88600bf257c1");
            let made = session.create(&private(CKK_EC, &params, &scalar).flag(CKA_SIGN, true));
            assert_eq!(made, Err(Rv(CKR_CURVE_NOT_SUPPORTED)));
        }
        let info = |ckm| world.module.mechanism_info(world.slot, ckm).unwrap().ulMinKeySize;
        assert_eq!((info(CKM_ECDSA), info(CKM_ECDSA_SHA256), info(CKM_EC_KEY_PAIR_GEN)), (224, 224, 256));
    }
}

alone! {
    fn keys_on_every_curve_go_out_come_back_and_agree_as_before() {
        let world = World::new();
        let session = world.user();
        let kek = session.aes(Template::new().uses(&[CKA_WRAP, CKA_UNWRAP])).unwrap();
        let carrier = Mechanism::plain(CKM_AES_KEY_WRAP_KWP);
        let weierstrass = curves().iter().map(|curve| (CKM_EC_KEY_PAIR_GEN, CKK_EC, hex(curve.oid)));
        let montgomery = [X25519.to_vec(), by_name("curve25519")]
            .map(|params| (CKM_EC_MONTGOMERY_KEY_PAIR_GEN, CKK_EC_MONTGOMERY, params));
        for (ckm, kind, params) in weierstrass.chain(montgomery) {
            let ((ours, key), (peer, theirs)) =
                (session.agreeing(ckm, &params), session.agreeing(ckm, &params));
            let wrapped = session.wrap(&carrier, kek, key).unwrap();
            let template = Template::new().class(CKO_PRIVATE_KEY).ulong(CKA_KEY_TYPE, kind).flag(CKA_DERIVE, true);
            let back = session.unwrap(&carrier, kek, &wrapped, &template).unwrap();
            assert_eq!(session.get(back, CKA_PUBLIC_KEY_INFO), session.get(key, CKA_PUBLIC_KEY_INFO));
            let agree = |private, public: &[u8]| {
                session.agreed(&Mechanism::ecdh(CKM_ECDH1_DERIVE, public), private, 32).unwrap()
            };
            let (point, wrapped) = (session.point(peer), session.get(peer, CKA_EC_POINT).unwrap());
            let secret = agree(key, &point);
            assert_eq!(agree(key, &wrapped), secret);
            assert_eq!(agree(back, &point), secret);
            assert_eq!(agree(theirs, &session.point(ours)), secret);
            // The other kind of key is none of these.
            let other = if kind == CKK_EC { CKK_EC_MONTGOMERY } else { CKK_EC };
            let template = Template::new().class(CKO_PRIVATE_KEY).ulong(CKA_KEY_TYPE, other).flag(CKA_DERIVE, true);
            let wrapped = session.wrap(&carrier, kek, key).unwrap();
            assert_eq!(session.unwrap(&carrier, kek, &wrapped, &template), Err(Rv(CKR_TEMPLATE_INCONSISTENT)));
        }
    }
}

const ALL_KDFS: std::ops::RangeInclusive<CK_ULONG> = CKD_SHA3_224_KDF..=CKD_BLAKE2B_512_KDF;

alone! {
    fn every_derivation_function_of_ecdh_derives_a_secret_of_its_own() {
        let world = World::new();
        let session = world.user();
        for (ckm, params) in [(CKM_EC_KEY_PAIR_GEN, P256), (CKM_EC_MONTGOMERY_KEY_PAIR_GEN, X25519)] {
            let ((ours, key), (peer, theirs)) =
                (session.agreeing(ckm, params), session.agreeing(ckm, params));
            let kdfs = [CKD_SHA1_KDF, CKD_SHA224_KDF, CKD_SHA256_KDF, CKD_SHA384_KDF, CKD_SHA512_KDF];
            let mut secrets = Vec::new();
            for kdf in kdfs.into_iter().chain(ALL_KDFS) {
                let derive = |key, public: &[u8], shared: &[u8]| {
                    session.agreed(&ecdh(CKM_ECDH1_DERIVE, kdf, shared, public), key, 100).unwrap()
                };
                let secret = derive(key, &session.point(peer), b"shared");
                assert_eq!(derive(theirs, &session.point(ours), b"shared"), secret, "{kdf}");
                assert_ne!(derive(key, &session.point(peer), b""), secret, "{kdf}");
                assert!(!secrets.contains(&secret), "{kdf}");
                secrets.push(secret);
            }
            for kdf in [0, CKD_SHA1_KDF_ASN1, CKD_SHA1_KDF_CONCATENATE, CKD_CPDIVERSIFY_KDF, 27, CK_ULONG::MAX] {
                let refused = session.agreed(&ecdh(CKM_ECDH1_DERIVE, kdf, b"", &session.point(peer)), key, 16);
                assert_eq!(refused, Err(Rv(CKR_MECHANISM_PARAM_INVALID)), "{kdf}");
            }
            let refused = session.agreed(&ecdh(CKM_ECDH1_DERIVE, CKD_NULL, b"shared", &session.point(peer)), key, 16);
            assert_eq!(refused, Err(Rv(CKR_MECHANISM_PARAM_INVALID)));
        }
    }
}

const ALICE: &str = "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a";
const BOB_PUBLIC: &str = "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f";
const SHARED: &str = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742";

alone! {
    /// RFC 7748, 6.1.
    fn x25519_keys_are_taken_in_their_forms_and_agree() {
        let world = World::new();
        let session = world.user();
        let (value, point) = (hex(ALICE), hex(BOB_PUBLIC));
        let octets = |bytes: &[u8]| [&[4, bytes.len() as u8], bytes].concat();
        let bits = |bytes: &[u8]| [&[3, bytes.len() as u8 + 1, 0], bytes].concat();
        for params in [X25519.to_vec(), by_name("curve25519")] {
            for form in [value.clone(), octets(&value)] {
                let template = private(CKK_EC_MONTGOMERY, &params, &form);
                let key = session.create(&template).unwrap();
                assert!(session.get_bool(key, CKA_DERIVE).unwrap() && !session.get_bool(key, CKA_SIGN).unwrap());
                for peer in [point.clone(), octets(&point)] {
                    let secret = session.agreed(&Mechanism::ecdh(CKM_ECDH1_DERIVE, &peer), key, 32).unwrap();
                    assert_eq!(secret, hex(SHARED));
                }
                let refused = session.agreed(&Mechanism::ecdh(CKM_ECDH1_COFACTOR_DERIVE, &point), key, 32);
                assert_eq!(refused, Err(Rv(CKR_KEY_TYPE_INCONSISTENT)));
            }
            for form in [point.clone(), octets(&point), bits(&point)] {
                let key = session.create(&public(CKK_EC_MONTGOMERY, &params, &form)).unwrap();
                assert_eq!(session.point(key), point);
            }
        }
        for wrong in [&[][..], &[7; 31], &[7; 33], &[7; 34], &[0; 32], &[1]] {
            let refused = session.create(&public(CKK_EC_MONTGOMERY, X25519, wrong)).unwrap_err();
            assert!([CKR_ATTRIBUTE_VALUE_INVALID, CKR_TEMPLATE_INCOMPLETE].contains(&refused.0), "{wrong:x?}");
        }
        let key = session.create(&private(CKK_EC_MONTGOMERY, X25519, &value)).unwrap();
        for small in ["00", "01", "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b8"] {
            let mut point = hex(small);
            point.resize(32, 0);
            let refused = session.agreed(&Mechanism::ecdh(CKM_ECDH1_DERIVE, &point), key, 32);
            assert_eq!(refused, Err(Rv(CKR_PUBLIC_KEY_INVALID)), "{small}");
            let refused = session.create(&public(CKK_EC_MONTGOMERY, X25519, &point));
            assert_eq!(refused, Err(Rv(CKR_ATTRIBUTE_VALUE_INVALID)), "{small}");
        }
    }
}

alone! {
    /// RFC 8032, 7.1, test 1: the seed, the public key and the signature of nothing.
    fn ed25519_keys_are_taken_in_their_forms() {
        let world = World::new();
        let session = world.user();
        let seed = hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
        let point = hex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
        let signature = hex("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b");
        let mechanism = Mechanism::plain(CKM_EDDSA);
        let octets = |bytes: &[u8]| [&[4, bytes.len() as u8], bytes].concat();
        for params in [ED25519.to_vec(), by_name("edwards25519")] {
            for form in [seed.clone(), octets(&seed)] {
                let key = session.create(&private(CKK_EC_EDWARDS, &params, &form).flag(CKA_SIGN, true)).unwrap();
                assert_eq!(session.sign(&mechanism, key, b"").unwrap(), signature);
            }
            let bits = [&[3, 33, 0], &point[..]].concat();
            for form in [point.clone(), octets(&point), bits] {
                let key = session.create(&public(CKK_EC_EDWARDS, &params, &form).flag(CKA_VERIFY, true)).unwrap();
                session.verify(&mechanism, key, b"", &signature).unwrap();
                assert_eq!(session.point(key), point);
            }
        }
        for wrong in [&[7; 31][..], &[7; 33], &[7; 34], &[7; 64]] {
            let refused = session.create(&private(CKK_EC_EDWARDS, ED25519, wrong).flag(CKA_SIGN, true));
            assert_eq!(refused, Err(Rv(CKR_ATTRIBUTE_VALUE_INVALID)), "{}", wrong.len());
        }
    }
}

alone! {
    fn a_private_key_in_pkcs8_that_contradicts_itself_is_refused() {
        let world = World::new();
        let session = world.user();
        let unwrap = |plain: &[u8], kind| {
            let (carrier, wrapped, kek) = disguised(session, plain);
            let template = Template::new().class(CKO_PRIVATE_KEY).ulong(CKA_KEY_TYPE, kind).flag(CKA_DERIVE, true);
            session.unwrap(&carrier, kek, &wrapped, &template)
        };
        // An X25519 key as RFC 8410, 7 has it, without and with its public key, made by OpenSSL 3.0.
        let x25519 = hex("302e020100300506032b656e04220420")
            .into_iter()
            .chain(hex(ALICE))
            .collect::<Vec<u8>>();
        let key = unwrap(&x25519, CKK_EC_MONTGOMERY).unwrap();
        let info = session.get(key, CKA_PUBLIC_KEY_INFO).unwrap();
        let public = hex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
        assert_eq!(info, [hex("302a300506032b656e032100"), public.clone()].concat());
        let with_public = |public: &[u8]| {
            [hex("3051020101300506032b656e04220420"), hex(ALICE), hex("812100"), public.to_vec()].concat()
        };
        assert!(unwrap(&with_public(&public), CKK_EC_MONTGOMERY).is_ok());
        let invalid = Err(Rv(CKR_WRAPPED_KEY_INVALID));
        assert_eq!(unwrap(&with_public(&hex(BOB_PUBLIC)), CKK_EC_MONTGOMERY), invalid, "another public key");
        assert_eq!(unwrap(&[&x25519[..], &[0]].concat(), CKK_EC_MONTGOMERY), invalid, "a byte behind");
        let mut twice = x25519.clone();
        twice[1] += 2;
        twice.splice(12..14, [4, 0x24, 4, 0x22]);
        twice.splice(16..16, [4, 0x20]);
        assert_eq!(unwrap(&twice, CKK_EC_MONTGOMERY), invalid, "an OCTET STRING too many");
        // id-Ed448 and id-X448 in the place of id-X25519: keys of another length, and of no curve that is there.
        for last in [0x6F, 0x71] {
            let mut other = x25519.clone();
            other[11] = last;
            assert_eq!(unwrap(&other, CKK_EC_MONTGOMERY), invalid);
        }
        // SEC 1: P-256 with the scalar 0, the order, and a scalar of another curve.
        let p256 = |scalar: &[u8]| {
            let inner = [&[0x30, 5 + scalar.len() as u8, 2, 1, 1, 4, scalar.len() as u8], scalar].concat();
            let algorithm = hex("301306072a8648ce3d020106082a8648ce3d030107");
            let body = [&[2, 1, 0], &algorithm[..], &[4, inner.len() as u8], &inner].concat();
            [&[0x30, body.len() as u8], &body[..]].concat()
        };
        assert!(unwrap(&p256(&[7; 32]), CKK_EC).is_ok());
        let order = hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
        for scalar in [&[0; 32][..], &order, &[0xFF; 32], &[7; 48]] {
            assert_eq!(unwrap(&p256(scalar), CKK_EC), invalid, "{scalar:x?}");
        }
        // A name in the place of the number, parameters spelled out, none, and P-224.
        for params in [by_name("P-256"), vec![0x30, 0], vec![5, 0], vec![], hex(P224)] {
            let mut key = p256(&[7; 28]);
            let at = key.windows(P256.len()).position(|part| part == P256).unwrap();
            let change = params.len() as i8 - P256.len() as i8;
            key.splice(at..at + P256.len(), params.iter().copied());
            key[1] = key[1].wrapping_add_signed(change);
            key[6] = key[6].wrapping_add_signed(change);
            assert_eq!(unwrap(&key, CKK_EC), invalid, "{params:x?}");
        }
    }
}

alone! {
    /// RFC 6979, A.2.5: "sample" with SHA-256, and its digest.
    fn deterministic_ecdsa_gives_the_signature_of_the_rfc() {
        let world = World::new();
        let session = world.user();
        let scalar = hex("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721");
        let signature = hex("efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8");
        let key = session.create(&private(CKK_EC, P256, &scalar).flag(CKA_SIGN, true)).unwrap();
        let (hashed, raw) = (
            Mechanism::plain(CKM_KEYWARD_ECDSA_DETERMINISTIC_SHA256),
            Mechanism::plain(CKM_KEYWARD_ECDSA_DETERMINISTIC),
        );
        assert_eq!(session.sign(&hashed, key, b"sample").unwrap(), signature);
        assert_eq!(session.sign_parts(&hashed, key, b"sample").unwrap(), signature);
        let digest = session.digest(&Mechanism::plain(CKM_SHA256), b"sample").unwrap();
        assert_eq!(session.sign(&raw, key, &digest).unwrap(), signature);
        assert_eq!(session.sign(&raw, key, &digest[1..]), Err(Rv(CKR_DATA_LEN_RANGE)));
        // For the others it is an ECDSA signature like any.
        let info = session.get(key, CKA_PUBLIC_KEY_INFO).unwrap();
        let verifier = session.create(&public(CKK_EC, P256, &info[info.len() - 65..]).flag(CKA_VERIFY, true)).unwrap();
        for mechanism in [&hashed, &Mechanism::plain(CKM_ECDSA_SHA256)] {
            session.verify(mechanism, verifier, b"sample", &signature).unwrap();
        }
        let (_, brainpool) = session.pair(
            CKM_EC_KEY_PAIR_GEN,
            &hex("06092b2403030208010107"),
            Template::new().flag(CKA_SIGN, true),
            Template::new().flag(CKA_VERIFY, true),
        );
        assert_eq!(session.sign_init(&hashed, brainpool), Err(Rv(CKR_KEY_TYPE_INCONSISTENT)));
        let listed = world.module.mechanisms(world.slot).unwrap();
        for (name, ckm) in VENDOR_MECHANISMS {
            assert!(listed.contains(ckm), "{name}");
        }
    }
}

alone! {
    fn a_curve_that_the_engine_lacks_is_not_supported() {
        let world = World::new();
        let session = world.user();
        for curve in CURVES.iter().skip(curves().len()) {
            for params in [hex(curve.oid), by_name(curve.name)] {
                let refused = session.create(&private(CKK_EC, &params, &vec![1; curve.len]));
                assert_eq!(refused, Err(Rv(CKR_CURVE_NOT_SUPPORTED)));
            }
        }
        assert_eq!(curves().len() + usize::from(REFERENCE_ENGINE), CURVES.len());
    }
}
