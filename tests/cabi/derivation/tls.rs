//! A TLS 1.2 connection on both sides, and what the keys of one may not be used for.

use super::*;
use crate::alone;

const PARAM: Rv = Rv(CKR_MECHANISM_PARAM_INVALID);
const INCONSISTENT: Rv = Rv(CKR_TEMPLATE_INCONSISTENT);
const REFUSED: Rv = Rv(CKR_KEY_FUNCTION_NOT_PERMITTED);
/// The reason `data-of-key`.
const DATA_OF_KEY: CK_ULONG = 0x609;

// NIST CAVP, TLS 1.2 KDF, SHA-256.
const PREMASTER: &str =
    "f8938ecc9edebc5030c0c6a441e213cd24e6f770a50dda07876f8d55da062bcadb386b411fd4fe4313a604fce6c17fbc";
const MASTER: &str =
    "202c88c00f84a17a20027079604787461176455539e705be730890602c289a5001e34eeb3a043e5d52a65e66125188bf";
const BLOCK: &str = "d06139889fffac1e3a71865f504aa5d0d2a2e89506c6f2279b670c3e1b74f531016a2530c51a3a0f7e1d6590d0f0566b2f387f8d11fd4f731cdd572d2eae927f6f2f81410b25e6960be68985add6c38445ad9f8c64bf8068bf9a6679485d966f1ad6f68b43495b10a683755ea2b858d70ccac7ec8b053c6bd41ca299d4e51928";

fn hello() -> CK_SSL3_RANDOM_DATA {
    randoms(
        &hex("36c129d01a3200894b9179faac589d9835d58775f9b5ea3587cb8fd0364cae8c"),
        &hex("f6c9575ed7ddd73e1f7d16eca115415812a43c2b747daaaae043abfb50053fce"),
    )
}

fn expansion() -> CK_SSL3_RANDOM_DATA {
    randoms(
        &hex("62e1fd91f23f558a605f28478c58cf72637b89784d959df7e946d3f07bd1b616"),
        &hex("ae6c806f8ad4d80784549dff28a4b58fd837681a51d928c3e30ee5ff14f39868"),
    )
}

fn no_version() -> *mut CK_VERSION {
    std::ptr::null_mut()
}

fn version_place() -> *mut CK_VERSION {
    placed(vec![CK_VERSION { major: 0xEE, minor: 0xEE }])
}

/// What stands in memory that the test made.
fn there<T: Copy>(place: *mut T) -> T {
    // SAFETY: the test made it, and it stays.
    unsafe { place.read() }
}

fn vectors(out: *mut CK_SSL3_KEY_MAT_OUT) -> [[u8; 16]; 2] {
    let out = there(out);
    [there(out.pIVClient.cast()), there(out.pIVServer.cast())]
}

/// A premaster secret made here.
fn premaster(session: Session<'_>, template: &Template) -> Key {
    let version = structure(CKM_TLS_PRE_MASTER_KEY_GEN, &CK_VERSION { major: 3, minor: 3 });
    session.generate(&version, template).unwrap()
}

/// A master secret that nobody may read.
fn master(session: Session<'_>) -> Key {
    let mechanism = tls_extended_master(CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE, &[7; 32], no_version());
    session.derive(&mechanism, premaster(session, &Template::new()), &Template::new()).unwrap()
}

alone! {
    fn answers_of_cavp_come_out_and_the_version_is_told() {
        let world = World::new();
        let session = world.user();
        let base = secret(session, &hex(PREMASTER));
        for ckm in [CKM_TLS12_MASTER_KEY_DERIVE, CKM_TLS12_MASTER_KEY_DERIVE_DH] {
            let key = session.derive(&tls_master(ckm, hello(), no_version()), base, &open()).unwrap();
            assert_eq!(session.get(key, CKA_VALUE).unwrap(), hex(MASTER));
            assert_eq!(session.get_ulong(key, CKA_KEY_TYPE).unwrap(), CKK_GENERIC_SECRET);
        }
        let version = version_place();
        session.derive(&tls_master(CKM_TLS12_MASTER_KEY_DERIVE, hello(), version), base, &open()).unwrap();
        assert_eq!((there(version).major, there(version).minor), (0xF8, 0x93));
        let master = secret(session, &hex(MASTER));
        let block = hex(BLOCK);
        let out = key_material();
        let mechanism = tls_keys(CKM_TLS12_KEY_AND_MAC_DERIVE, (160, 128, 128), expansion(), out);
        let aes = Template::new().ulong(CKA_KEY_TYPE, CKK_AES);
        session.derive(&mechanism, master, &aes).unwrap();
        let value = |key| session.get(key, CKA_VALUE).unwrap();
        let keys = there(out);
        assert_eq!(value(keys.hClientMacSecret), block[..20]);
        assert_eq!(value(keys.hServerMacSecret), block[20..40]);
        assert_eq!(value(keys.hClientKey), block[40..56]);
        assert_eq!(value(keys.hServerKey), block[56..72]);
        assert_eq!(vectors(out), [&block[72..88], &block[88..104]].map(|iv| <[u8; 16]>::try_from(iv).unwrap()));
        for (key, kind, uses) in [
            (keys.hClientMacSecret, CKK_GENERIC_SECRET, [CKA_SIGN, CKA_VERIFY]),
            (keys.hServerKey, CKK_AES, [CKA_ENCRYPT, CKA_DECRYPT]),
        ] {
            assert_eq!(session.get_ulong(key, CKA_KEY_TYPE).unwrap(), kind);
            assert!(uses.iter().all(|cka| session.get_bool(key, *cka).unwrap()));
            assert!(!session.get_bool(key, CKA_DERIVE).unwrap());
        }
    }
}

alone! {
    /// Client and server, with secrets that nobody may read: the same keys, under the default policy.
    fn both_sides_of_a_connection_agree_without_seeing_a_secret() {
        let world = World::new();
        let session = world.user();
        let ecdh = |session: Session<'_>| {
            let derive = || Template::new().flag(CKA_DERIVE, true);
            let (public, private) = session.p256(derive(), derive()).unwrap();
            (session.get(public, CKA_EC_POINT).unwrap(), private)
        };
        let (one, other) = (ecdh(session), ecdh(session));
        let side = |private, point: &[u8]| {
            let template = Template::new().ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET).ulong(CKA_VALUE_LEN, 32);
            let premaster = session.derive(&Mechanism::ecdh(CKM_ECDH1_DERIVE, point), private, &template.flag(CKA_DERIVE, true));
            let extended = tls_extended_master(CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE_DH, &[9; 32], no_version());
            session.derive(&extended, premaster.unwrap(), &Template::new()).unwrap()
        };
        let (client, server) = (side(one.1, &other.0), side(other.1, &one.0));
        let keys = |master| {
            let out = key_material();
            let mechanism = tls_keys(CKM_TLS12_KEY_SAFE_DERIVE, (256, 256, 128), expansion(), out);
            session.derive(&mechanism, master, &Template::new().ulong(CKA_KEY_TYPE, CKK_AES)).unwrap();
            assert_eq!(vectors(out), [[0xEE; 16]; 2], "this mechanism tells no vectors");
            there(out)
        };
        let (of_client, of_server) = (keys(client), keys(server));
        for key in [of_client.hClientMacSecret, of_client.hServerKey] {
            assert_eq!(history(session, key), [true, false, true, true]);
            assert_eq!(session.get(key, CKA_VALUE), Err(Rv(CKR_ATTRIBUTE_SENSITIVE)));
        }
        let iv = Mechanism::iv(CKM_AES_CBC_PAD, &[1; 16]);
        let record = session.encrypt(&iv, of_client.hClientKey, b"GET /").unwrap();
        assert_eq!(session.decrypt(&iv, of_server.hClientKey, &record).unwrap(), b"GET /");
        let hmac = Mechanism::plain(CKM_SHA256_HMAC);
        let mac = session.sign(&hmac, of_client.hClientMacSecret, &record).unwrap();
        session.verify(&hmac, of_server.hClientMacSecret, &record, &mac).unwrap();
        assert!(session.verify(&hmac, of_server.hServerMacSecret, &record, &mac).is_err());
        // The Finished messages and an exported key come of the same two master secrets.
        for (ckm, number) in [(CKM_TLS_MAC, 2), (CKM_TLS12_MAC, 1)] {
            let finished = session.sign(&tls_mac(ckm, 12, number), client, &[5; 32]).unwrap();
            assert_eq!(finished.len(), 12);
            session.verify(&tls_mac(ckm, 12, number), server, &[5; 32], &finished).unwrap();
            let other = session.verify(&tls_mac(ckm, 12, 3 - number), server, &[5; 32], &finished);
            assert_eq!(other, Err(Rv(CKR_SIGNATURE_INVALID)));
        }
        let exported = |master| {
            let mechanism = tls_kdf(CKM_TLS_KDF, b"EXPORTER_test", hello(), Some(b"context"));
            let template = of_len(Template::new().ulong(CKA_KEY_TYPE, CKK_AES).uses(&[CKA_ENCRYPT, CKA_DECRYPT]), 32);
            session.derive(&mechanism, master, &template).unwrap()
        };
        let sealed = session.encrypt(&iv, exported(client), b"data").unwrap();
        assert_eq!(session.decrypt(&iv, exported(server), &sealed).unwrap(), b"data");
        for master in [client, server] {
            assert_eq!(session.get_ulong(master, CKA_KEYWARD_PURPOSE).unwrap(), 6);
        }
    }
}

alone! {
    /// "The mechanism also contributes the CKA_ALLOWED_MECHANISMS attribute": a master secret is for TLS alone.
    fn master_secret_serves_tls_and_nothing_else() {
        let world = World::new();
        let session = world.user();
        let key = master(session);
        assert_eq!(history(session, key), [true, false, true, true]);
        assert_eq!(session.get_ulong(key, CKA_VALUE_LEN).unwrap(), 48);
        let allowed = session.get(key, CKA_ALLOWED_MECHANISMS).unwrap();
        assert_eq!(allowed.len(), 6 * size_of::<CK_ULONG>());
        for hash in [CKM_SHA256_HMAC, CKM_SHA512_HMAC] {
            assert_eq!(session.sign_init(&Mechanism::plain(hash), key), Err(Rv(CKR_MECHANISM_INVALID)));
        }
        for mechanism in [
            Mechanism::plain(CKM_SHA256_KEY_DERIVATION),
            string(CKM_XOR_BASE_AND_DATA, &[0; 48]),
            hkdf(CKM_HKDF_DERIVE, CKM_SHA256, Some(Salt::Null), None),
            tls_master(CKM_TLS12_MASTER_KEY_DERIVE, hello(), no_version()),
        ] {
            assert_eq!(session.derive(&mechanism, key, &Template::new()), Err(Rv(CKR_MECHANISM_INVALID)));
        }
        // What a template may say of it.
        let base = premaster(session, &Template::new());
        let derive = |template: &Template| {
            let mechanism = tls_extended_master(CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE, &[7; 32], no_version());
            session.derive(&mechanism, base, template)
        };
        for wrong in [
            Template::new().ulong(CKA_VALUE_LEN, 47),
            Template::new().ulong(CKA_KEY_TYPE, CKK_AES),
            Template::new().bytes(CKA_ALLOWED_MECHANISMS, &CKM_SHA256_HMAC.to_ne_bytes()),
            Template::new().class(CKO_DATA),
        ] {
            assert_eq!(derive(&wrong), Err(INCONSISTENT));
        }
        derive(&Template::new().ulong(CKA_VALUE_LEN, 48).ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET)).unwrap();
        let narrow = derive(&Template::new().bytes(CKA_ALLOWED_MECHANISMS, &CKM_TLS_MAC.to_ne_bytes())).unwrap();
        session.sign(&tls_mac(CKM_TLS_MAC, 12, 1), narrow, b"hash").unwrap();
        assert_eq!(session.sign_init(&tls_mac(CKM_TLS12_MAC, 12, 1), narrow), Err(Rv(CKR_MECHANISM_INVALID)));
        // A key with these mechanisms may be for both; one that has others beside may not.
        let mixed = [CKM_TLS_MAC, CKM_SHA256_HMAC].map(CK_ULONG::to_ne_bytes).concat();
        let both = Template::new().class(CKO_SECRET_KEY).ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET).bytes(CKA_VALUE, &[3; 48]);
        let both = both.uses(&[CKA_SIGN, CKA_VERIFY, CKA_DERIVE]);
        let key = session.create(&both.clone().bytes(CKA_ALLOWED_MECHANISMS, &mixed)).unwrap();
        session.sign(&Mechanism::plain(CKM_SHA256_HMAC), key, b"data").unwrap();
        assert_eq!(session.get_ulong(key, CKA_KEYWARD_PURPOSE).unwrap(), 2);
        assert!(!session.get_bool(key, CKA_DERIVE).unwrap());
        let pure = [CKM_TLS_MAC, CKM_TLS_KDF].map(CK_ULONG::to_ne_bytes).concat();
        let key = session.create(&both.bytes(CKA_ALLOWED_MECHANISMS, &pure)).unwrap();
        session.sign(&tls_mac(CKM_TLS_MAC, 12, 1), key, b"data").unwrap();
        assert!(session.get_bool(key, CKA_DERIVE).unwrap());
        session.derive(&tls_kdf(CKM_TLS_KDF, b"label", hello(), None), key, &of_len(Template::new(), 32)).unwrap();
        // A list that grows afterwards makes no MAC of it.
        let _ = session.set(key, &Template::new().bytes(CKA_ALLOWED_MECHANISMS, &mixed));
        assert!(session.sign_init(&Mechanism::plain(CKM_SHA256_HMAC), key).is_err());
    }
}

alone! {
    /// The keys of a connection take the master secret's attributes, and a template may say nothing else.
    fn connection_keys_are_as_closed_as_the_master_secret() {
        let world = World::new();
        let session = world.user();
        let derive = |master, template: &Template| {
            let out = key_material();
            let mechanism = tls_keys(CKM_TLS12_KEY_AND_MAC_DERIVE, (256, 128, 0), expansion(), out);
            session.derive(&mechanism, master, template).map(|_| there(out))
        };
        let closed_master = master(session);
        let open_master = secret(session, &hex(MASTER));
        let aes = |template: Template| template.ulong(CKA_KEY_TYPE, CKK_AES);
        let keys = derive(closed_master, &aes(Template::new())).unwrap();
        assert_eq!(history(session, keys.hServerMacSecret), [true, false, true, true]);
        assert_eq!(derive(closed_master, &aes(open())).err(), Some(INCONSISTENT));
        assert_eq!(derive(closed_master, &aes(Template::new().flag(CKA_SENSITIVE, false))).err(), Some(INCONSISTENT));
        let keys = derive(open_master, &aes(Template::new())).unwrap();
        assert_eq!(history(session, keys.hServerMacSecret), [false, true, false, false]);
        assert_eq!(history(session, keys.hClientKey), [false, true, false, false]);
        assert_eq!(derive(open_master, &aes(Template::new().flag(CKA_SENSITIVE, true))).err(), Some(INCONSISTENT));
        assert_eq!(derive(open_master, &aes(Template::new().ulong(CKA_VALUE_LEN, 32))).err(), Some(INCONSISTENT));
        derive(open_master, &aes(Template::new().ulong(CKA_VALUE_LEN, 16).label("record"))).unwrap();
        // All four or none.
        let before = session.find(&Template::new()).unwrap().len();
        assert!(derive(open_master, &Template::new().ulong(CKA_KEY_TYPE, CKK_CHACHA20)).is_err());
        assert_eq!(session.find(&Template::new()).unwrap().len(), before);
        // No master secret: another length, another type, another use.
        let short = secret(session, &[7; 47]);
        assert_eq!(derive(short, &aes(Template::new())).err(), Some(Rv(CKR_KEY_SIZE_RANGE)));
        let signs = of_len(Template::new().flag(CKA_SIGN, true), 48);
        let signs = session.generate(&Mechanism::plain(CKM_GENERIC_SECRET_KEY_GEN), &signs).unwrap();
        assert_eq!(derive(signs, &aes(Template::new())).err(), Some(REFUSED));
    }
}

alone! {
    /// Two bytes of a key at a time by the version, sixteen by the vectors: only of keys whose bytes are known, or made here.
    fn neither_version_nor_vectors_tell_bytes_of_keys() {
        let world = World::new();
        let session = world.user();
        let with_version = |place| tls_master(CKM_TLS12_MASTER_KEY_DERIVE, hello(), place);
        let place = version_place();
        session.derive(&with_version(place), premaster(session, &Template::new()), &Template::new()).unwrap();
        assert_eq!((there(place).major, there(place).minor), (3, 3));
        let place = version_place();
        for extended in [false, true] {
            let mechanism = match extended {
                true => tls_extended_master(CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE, &[7; 32], place),
                false => with_version(place),
            };
            let refused = session.derive(&mechanism, closed(session, 48), &Template::new());
            assert_eq!((refused, session.reason()), (Err(REFUSED), DATA_OF_KEY));
            // Shifted by a derivation, a premaster secret is none any more.
            let whole = premaster(session, &Template::new());
            let shift = session.derive(&number(CKM_EXTRACT_KEY_FROM_KEY, 16), whole, &of_len(Template::new().flag(CKA_DERIVE, true), 48)).unwrap();
            assert_eq!(session.derive(&mechanism, shift, &Template::new()), Err(REFUSED));
        }
        assert_eq!((there(place).major, there(place).minor), (0xEE, 0xEE));
        session.derive(&with_version(no_version()), closed(session, 48), &Template::new()).unwrap();
        // Vectors of any lengths overlap with the keys of other lengths.
        let key = master(session);
        for lens in [(160, 128, 128), (0, 256, 32), (0, 128, 32), (0, 256, 96), (112, 112, 8)] {
            let out = key_material();
            let mechanism = tls_keys(CKM_TLS12_KEY_AND_MAC_DERIVE, lens, expansion(), out);
            let refused = session.derive(&mechanism, key, &Template::new());
            assert_eq!((refused, session.reason()), (Err(REFUSED), DATA_OF_KEY), "{lens:?}");
            assert_eq!(vectors(out), [[0xEE; 16]; 2]);
            assert_eq!(there(out).hClientKey, CK_ULONG::MAX);
            let safe = tls_keys(CKM_TLS12_KEY_SAFE_DERIVE, lens, expansion(), out);
            session.derive(&safe, key, &Template::new()).unwrap();
            assert_eq!(vectors(out), [[0xEE; 16]; 2]);
        }
        // Nor are keys cut so short that they can be searched for.
        let out = key_material();
        for lens in [(8, 128, 0), (104, 128, 0), (0, 8, 0), (160, 104, 0)] {
            let mechanism = tls_keys(CKM_TLS12_KEY_SAFE_DERIVE, lens, expansion(), out);
            assert_eq!(session.derive(&mechanism, key, &Template::new()), Err(Rv(CKR_KEY_SIZE_RANGE)), "{lens:?}");
        }
        let mechanism = tls_kdf(CKM_TLS_KDF, b"label", hello(), None);
        assert_eq!(session.derive(&mechanism, key, &of_len(Template::new(), 13)), Err(Rv(CKR_KEY_SIZE_RANGE)));
        session.derive(&mechanism, key, &of_len(Template::new(), 14)).unwrap();
    }
}

alone! {
    fn premaster_secrets_are_made_of_48_bytes_and_a_version() {
        let world = World::new();
        let session = world.user();
        for ckm in [CKM_TLS_PRE_MASTER_KEY_GEN, CKM_SSL3_PRE_MASTER_KEY_GEN] {
            let mechanism = structure(ckm, &CK_VERSION { major: 3, minor: 3 });
            let make = |template: Template| session.generate(&mechanism, &template);
            let key = make(open()).unwrap();
            let value = session.get(key, CKA_VALUE).unwrap();
            assert_eq!((value.len(), &value[..2]), (48, &[3, 3][..]));
            assert_ne!(value, session.get(make(open()).unwrap(), CKA_VALUE).unwrap());
            assert!(session.get_bool(key, CKA_DERIVE).unwrap() && !session.get_bool(key, CKA_SIGN).unwrap());
            make(open().ulong(CKA_VALUE_LEN, 48)).unwrap();
            assert_eq!(make(open().ulong(CKA_VALUE_LEN, 47)), Err(Rv(CKR_KEY_SIZE_RANGE)));
            assert_eq!(make(open().ulong(CKA_KEY_TYPE, CKK_AES)), Err(INCONSISTENT));
            assert_eq!(session.generate(&Mechanism::plain(ckm), &open()), Err(PARAM));
            assert_eq!(session.generate(&Mechanism::iv(ckm, &[3]), &open()), Err(PARAM));
        }
    }
}
