//! Digests and the MACs that are made of them.

use crate::alone;
use crate::client::*;
use crate::mechanisms::with_parameter;
use crate::parameters::mac_general;
use cryptoki_sys::*;

/// A hash: its digest, its MAC, the beginning of that, the generation of keys for it, their type, the derivation by it,
/// the length in bytes.
struct Family {
    digest: CK_MECHANISM_TYPE,
    mac: CK_MECHANISM_TYPE,
    general: CK_MECHANISM_TYPE,
    generation: CK_MECHANISM_TYPE,
    key_type: CK_KEY_TYPE,
    derivation: CK_MECHANISM_TYPE,
    len: usize,
}

macro_rules! families {
    ($($digest:ident $mac:ident $general:ident $generation:ident $key_type:ident $derivation:ident $len:literal;)*) => {
        &[$(Family {
            digest: $digest,
            mac: $mac,
            general: $general,
            generation: $generation,
            key_type: $key_type,
            derivation: $derivation,
            len: $len,
        }),*]
    };
}

const FAMILIES: &[Family] = families! {
    CKM_SHA_1 CKM_SHA_1_HMAC CKM_SHA_1_HMAC_GENERAL CKM_SHA_1_KEY_GEN CKK_SHA_1_HMAC CKM_SHA1_KEY_DERIVATION 20;
    CKM_SHA224 CKM_SHA224_HMAC CKM_SHA224_HMAC_GENERAL CKM_SHA224_KEY_GEN CKK_SHA224_HMAC CKM_SHA224_KEY_DERIVATION 28;
    CKM_SHA256 CKM_SHA256_HMAC CKM_SHA256_HMAC_GENERAL CKM_SHA256_KEY_GEN CKK_SHA256_HMAC CKM_SHA256_KEY_DERIVATION 32;
    CKM_SHA384 CKM_SHA384_HMAC CKM_SHA384_HMAC_GENERAL CKM_SHA384_KEY_GEN CKK_SHA384_HMAC CKM_SHA384_KEY_DERIVATION 48;
    CKM_SHA512 CKM_SHA512_HMAC CKM_SHA512_HMAC_GENERAL CKM_SHA512_KEY_GEN CKK_SHA512_HMAC CKM_SHA512_KEY_DERIVATION 64;
    CKM_SHA512_224 CKM_SHA512_224_HMAC CKM_SHA512_224_HMAC_GENERAL CKM_SHA512_224_KEY_GEN CKK_SHA512_224_HMAC CKM_SHA512_224_KEY_DERIVATION 28;
    CKM_SHA512_256 CKM_SHA512_256_HMAC CKM_SHA512_256_HMAC_GENERAL CKM_SHA512_256_KEY_GEN CKK_SHA512_256_HMAC CKM_SHA512_256_KEY_DERIVATION 32;
    CKM_SHA3_224 CKM_SHA3_224_HMAC CKM_SHA3_224_HMAC_GENERAL CKM_SHA3_224_KEY_GEN CKK_SHA3_224_HMAC CKM_SHA3_224_KEY_DERIVATION 28;
    CKM_SHA3_256 CKM_SHA3_256_HMAC CKM_SHA3_256_HMAC_GENERAL CKM_SHA3_256_KEY_GEN CKK_SHA3_256_HMAC CKM_SHA3_256_KEY_DERIVATION 32;
    CKM_SHA3_384 CKM_SHA3_384_HMAC CKM_SHA3_384_HMAC_GENERAL CKM_SHA3_384_KEY_GEN CKK_SHA3_384_HMAC CKM_SHA3_384_KEY_DERIVATION 48;
    CKM_SHA3_512 CKM_SHA3_512_HMAC CKM_SHA3_512_HMAC_GENERAL CKM_SHA3_512_KEY_GEN CKK_SHA3_512_HMAC CKM_SHA3_512_KEY_DERIVATION 64;
    CKM_BLAKE2B_160 CKM_BLAKE2B_160_HMAC CKM_BLAKE2B_160_HMAC_GENERAL CKM_BLAKE2B_160_KEY_GEN CKK_BLAKE2B_160_HMAC CKM_BLAKE2B_160_KEY_DERIVE 20;
    CKM_BLAKE2B_256 CKM_BLAKE2B_256_HMAC CKM_BLAKE2B_256_HMAC_GENERAL CKM_BLAKE2B_256_KEY_GEN CKK_BLAKE2B_256_HMAC CKM_BLAKE2B_256_KEY_DERIVE 32;
    CKM_BLAKE2B_384 CKM_BLAKE2B_384_HMAC CKM_BLAKE2B_384_HMAC_GENERAL CKM_BLAKE2B_384_KEY_GEN CKK_BLAKE2B_384_HMAC CKM_BLAKE2B_384_KEY_DERIVE 48;
    CKM_BLAKE2B_512 CKM_BLAKE2B_512_HMAC CKM_BLAKE2B_512_HMAC_GENERAL CKM_BLAKE2B_512_KEY_GEN CKK_BLAKE2B_512_HMAC CKM_BLAKE2B_512_KEY_DERIVE 64;
};

/// Whether the mechanism gives the beginning of a MAC.
pub fn is_general_mac(ckm: CK_MECHANISM_TYPE) -> bool {
    FAMILIES.iter().any(|family| family.general == ckm)
}

/// What makes keys for a MAC, and their type.
pub fn mac_key_type(ckm: CK_MECHANISM_TYPE) -> Option<(CK_MECHANISM_TYPE, CK_KEY_TYPE)> {
    let of_t = (ckm == CKM_SHA512_T_HMAC).then_some((CKM_SHA512_T_KEY_GEN, CKK_SHA512_T_HMAC));
    let family = FAMILIES.iter().find(|family| family.mac == ckm || family.general == ckm);
    of_t.or(family.map(|family| (family.generation, family.key_type)))
}

/// A key that is the hash of another: the digest, or its beginning.
pub fn derives_by_hashing(session: Session<'_>, ckm: CK_MECHANISM_TYPE) {
    let template = Template::new().class(CKO_SECRET_KEY).ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET);
    let base =
        session.create(&template.bytes(CKA_VALUE, b"a base key of 27 bytes long").flag(CKA_DERIVE, true));
    let base = base.unwrap();
    let family = FAMILIES.iter().find(|family| family.derivation == ckm);
    let of_t = (ckm == CKM_SHA512_T_KEY_DERIVATION).then_some(CKM_SHA512_256);
    let digest = of_t.or(family.map(|family| family.digest));
    let open = || Template::new().flag(CKA_SENSITIVE, false).flag(CKA_EXTRACTABLE, true);
    let derived = |template: &Template| {
        let key = session.derive(&with_parameter(ckm), base, template)?;
        assert_eq!(session.get_ulong(key, CKA_KEYWARD_ORIGIN), Ok(4));
        session.get(key, CKA_VALUE)
    };
    let aes = open().ulong(CKA_KEY_TYPE, CKK_AES);
    let short = derived(&aes.clone().ulong(CKA_VALUE_LEN, 16)).unwrap();
    assert_eq!(derived(&aes), Err(Rv(CKR_TEMPLATE_INCOMPLETE)));
    let Some(digest) = digest else {
        // SHAKE has no length of its own.
        assert_eq!(derived(&open()), Err(Rv(CKR_TEMPLATE_INCOMPLETE)));
        let long = derived(&open().ulong(CKA_VALUE_LEN, 1000)).unwrap();
        assert_eq!((long.len(), &long[..16]), (1000, &short[..]));
        return;
    };
    let whole = session.digest(&Mechanism::plain(digest), b"a base key of 27 bytes long").unwrap();
    assert_eq!(derived(&open()).as_ref(), Ok(&whole));
    assert_eq!(short, whole[..16]);
    let longer = open().ulong(CKA_VALUE_LEN, whole.len() as CK_ULONG + 1);
    assert_eq!(derived(&longer), Err(Rv(CKR_KEY_SIZE_RANGE)));
}

/// Whether the mechanism derives by hashing the key.
pub fn hashes_the_key(ckm: CK_MECHANISM_TYPE) -> bool {
    matches!(ckm, CKM_SHA512_T_KEY_DERIVATION | CKM_SHAKE_128_KEY_DERIVATION | CKM_SHAKE_256_KEY_DERIVATION)
        || FAMILIES.iter().any(|family| family.derivation == ckm)
}

fn imported(session: Session<'_>, kind: CK_KEY_TYPE, value: &[u8]) -> Answer<Key> {
    let template = Template::new().class(CKO_SECRET_KEY).ulong(CKA_KEY_TYPE, kind).bytes(CKA_VALUE, value);
    session.create(&template.uses(&[CKA_SIGN, CKA_VERIFY]))
}

alone! {
    fn every_hash_has_its_whole_family() {
        let world = World::new();
        let session = world.user();
        let announced = world.module.mechanisms(world.slot).unwrap();
        for family in FAMILIES {
            for ckm in [family.digest, family.mac, family.general, family.generation, family.derivation] {
                assert!(announced.contains(&ckm), "{ckm:#x}");
            }
            let digest = session.digest(&Mechanism::plain(family.digest), b"abc").unwrap();
            assert_eq!(digest.len(), family.len);
            let template = Template::new().ulong(CKA_VALUE_LEN, 40).uses(&[CKA_SIGN, CKA_VERIFY]);
            let key = session.generate(&Mechanism::plain(family.generation), &template).unwrap();
            assert_eq!(session.get_ulong(key, CKA_KEY_TYPE), Ok(family.key_type));
            assert_eq!(session.get_ulong(key, CKA_KEY_GEN_MECHANISM), Ok(family.generation));
            assert_eq!(session.get(key, CKA_CHECK_VALUE).unwrap().len(), 3);
            let mac = session.sign(&Mechanism::plain(family.mac), key, b"message").unwrap();
            assert_eq!(mac.len(), family.len);
            for len in [4, 13, family.len] {
                let mechanism = mac_general(family.general, len as CK_ULONG);
                assert_eq!(session.sign(&mechanism, key, b"message").as_deref(), Ok(&mac[..len]));
                session.verify(&mechanism, key, b"message", &mac[..len]).unwrap();
                assert_eq!(session.verify(&mechanism, key, b"massage", &mac[..len]), Err(Rv(CKR_SIGNATURE_INVALID)));
                assert_eq!(
                    session.verify(&mechanism, key, b"message", &mac[..len - 1]),
                    Err(Rv(CKR_SIGNATURE_LEN_RANGE))
                );
            }
            // The key of one MAC is none of another.
            let other = if family.mac == CKM_SHA256_HMAC { CKM_SHA384_HMAC } else { CKM_SHA256_HMAC };
            let refused = session.sign_init(&Mechanism::plain(other), key);
            assert_eq!(refused, Err(Rv(CKR_KEY_TYPE_INCONSISTENT)));
        }
    }
}

alone! {
    fn a_beginning_that_proves_little_is_refused() {
        let world = World::new();
        let session = world.user();
        for family in FAMILIES {
            let key = imported(session, family.key_type, &[7; 40]).unwrap();
            for len in [0, 1, 3, family.len as CK_ULONG + 1, CK_ULONG::MAX] {
                let mechanism = mac_general(family.general, len);
                assert_eq!(session.sign_init(&mechanism, key), Err(Rv(CKR_MECHANISM_PARAM_INVALID)), "{len}");
                assert_eq!(session.verify_init(&mechanism, key), Err(Rv(CKR_MECHANISM_PARAM_INVALID)), "{len}");
            }
            let plain = Mechanism::plain(family.general);
            assert_eq!(session.sign_init(&plain, key), Err(Rv(CKR_MECHANISM_PARAM_INVALID)));
            let whole = mac_general(family.mac, 8);
            assert_eq!(session.sign_init(&whole, key), Err(Rv(CKR_MECHANISM_PARAM_INVALID)));
        }
    }
}

alone! {
    fn keys_come_in_go_out_and_come_back() {
        let world = World::new();
        let session = world.user();
        let kek = session.aes(Template::new().uses(&[CKA_WRAP, CKA_UNWRAP])).unwrap();
        let carrier = with_parameter(CKM_AES_KEY_WRAP_KWP);
        for family in FAMILIES {
            let template = Template::new()
                .class(CKO_SECRET_KEY)
                .ulong(CKA_KEY_TYPE, family.key_type)
                .uses(&[CKA_SIGN, CKA_VERIFY])
                .flag(CKA_EXTRACTABLE, true);
            let key = session.create(&template.clone().bytes(CKA_VALUE, &[0x33; 31])).unwrap();
            let wrapped = session.wrap(&carrier, kek, key).unwrap();
            let back = session.unwrap(&carrier, kek, &wrapped, &template).unwrap();
            let mac = |key| session.sign(&Mechanism::plain(family.mac), key, b"message").unwrap();
            assert_eq!(mac(back), mac(key));
            let generic = imported(session, CKK_GENERIC_SECRET, &[0x33; 31]).unwrap();
            assert_eq!(mac(generic), mac(key));
        }
        // The key of BLAKE2b is part of its first block.
        assert_eq!(imported(session, CKK_BLAKE2B_512_HMAC, &[1; 65]), Err(Rv(CKR_ATTRIBUTE_VALUE_INVALID)));
        let long = imported(session, CKK_GENERIC_SECRET, &[1; 65]).unwrap();
        let refused = session.sign_init(&Mechanism::plain(CKM_BLAKE2B_512_HMAC), long);
        assert_eq!(refused, Err(Rv(CKR_KEY_SIZE_RANGE)));
    }
}

alone! {
    fn sha512_t_is_what_its_parameter_says() {
        let world = World::new();
        let session = world.user();
        let key = imported(session, CKK_SHA512_T_HMAC, &[9; 40]).unwrap();
        for (t, digest, mac, kind) in [
            (224, CKM_SHA512_224, CKM_SHA512_224_HMAC, CKK_SHA512_224_HMAC),
            (256, CKM_SHA512_256, CKM_SHA512_256_HMAC, CKK_SHA512_256_HMAC),
        ] {
            let same = session.digest(&Mechanism::plain(digest), b"abc").unwrap();
            assert_eq!(session.digest(&mac_general(CKM_SHA512_T, t), b"abc"), Ok(same));
            let other = imported(session, kind, &[9; 40]).unwrap();
            let same = session.sign(&Mechanism::plain(mac), other, b"abc").unwrap();
            assert_eq!(session.sign(&mac_general(CKM_SHA512_T_HMAC, t), key, b"abc"), Ok(same));
        }
        for t in [0, 8, 225, 384, 512] {
            let refused = session.digest_init(&mac_general(CKM_SHA512_T, t));
            assert_eq!(refused, Err(Rv(CKR_MECHANISM_PARAM_INVALID)), "{t}");
            let refused = session.sign_init(&mac_general(CKM_SHA512_T_HMAC, t), key);
            assert_eq!(refused, Err(Rv(CKR_MECHANISM_PARAM_INVALID)), "{t}");
        }
    }
}
