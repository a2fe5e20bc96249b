//! Every class of object (PKCS#11 3.2, 4.3 to 4.15): what can be made and of what, what is there by itself, and
//! what is refused.

use super::client::*;
use crate::{alone, call};
use cryptoki_sys::*;

const INCOMPLETE: Answer<Key> = Err(Rv(CKR_TEMPLATE_INCOMPLETE));
const INCONSISTENT: Answer<Key> = Err(Rv(CKR_TEMPLATE_INCONSISTENT));
const INVALID: Answer<Key> = Err(Rv(CKR_ATTRIBUTE_VALUE_INVALID));
const READ_ONLY: Answer<()> = Err(Rv(CKR_ATTRIBUTE_READ_ONLY));

/// One element of DER.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let mut element = vec![tag];
    match content.len() {
        len @ 0..0x80 => element.push(len as u8),
        len @ 0x80..0x100 => element.extend_from_slice(&[0x81, len as u8]),
        len => element.extend_from_slice(&[0x82, (len >> 8) as u8, len as u8]),
    }
    element.extend_from_slice(&content);
    element
}

/// An X.509 certificate in form, with this SubjectPublicKeyInfo.
fn certificate_of(info: &[u8]) -> Vec<u8> {
    let (empty, serial) = (der(0x30, &[]), der(2, &[&[5]]));
    let body = der(0x30, &[&der(0xA0, &[&der(2, &[&[2]])]), &serial, &empty, &empty, &empty, &empty, info]);
    der(0x30, &[&body, &empty, &der(3, &[&[0; 70]])])
}

fn certificate(kind: CK_ULONG) -> Template {
    Template::new().class(CKO_CERTIFICATE).ulong(CKA_CERTIFICATE_TYPE, kind)
}

fn x_509(value: &[u8]) -> Template {
    certificate(CKC_X_509).bytes(CKA_SUBJECT, b"subject").bytes(CKA_VALUE, value)
}

/// Every one of these attributes has a value, and those that were not given are empty or 0.
fn open(session: Session<'_>, object: Key, empty: &[CK_ATTRIBUTE_TYPE], zero: &[CK_ATTRIBUTE_TYPE]) {
    for cka in empty {
        assert_eq!(session.get(object, *cka), Ok(Vec::new()), "{cka:#x}");
    }
    for cka in zero {
        assert_eq!(session.get_ulong(object, *cka), Ok(0), "{cka:#x}");
    }
}

alone! {
    fn x_509_certificates_are_what_the_specification_says() {
        let world = World::new();
        let session = world.user();
        let (public, _) = session.p256(Template::new(), Template::new()).unwrap();
        let info = session.get(public, CKA_PUBLIC_KEY_INFO).unwrap();
        let value = certificate_of(&info);
        let object = session.create(&x_509(&value)).unwrap();
        open(
            session,
            object,
            &[CKA_ID, CKA_ISSUER, CKA_SERIAL_NUMBER, CKA_URL, CKA_LABEL, CKA_START_DATE, CKA_END_DATE,
              CKA_HASH_OF_SUBJECT_PUBLIC_KEY, CKA_HASH_OF_ISSUER_PUBLIC_KEY],
            &[CKA_CERTIFICATE_CATEGORY, CKA_JAVA_MIDP_SECURITY_DOMAIN],
        );
        assert_eq!(session.get_ulong(object, CKA_NAME_HASH_ALGORITHM), Ok(CKM_SHA_1));
        assert_eq!(session.get_bool(object, CKA_TRUSTED), Ok(false));
        assert_eq!(session.get_bool(object, CKA_PRIVATE), Ok(false));
        // The key is taken from the certificate, and the check value is its hash.
        assert_eq!(session.get(object, CKA_PUBLIC_KEY_INFO).unwrap(), info);
        let hash = session.digest(&Mechanism::plain(CKM_SHA_1), &value).unwrap();
        assert_eq!(session.get(object, CKA_CHECK_VALUE).unwrap(), hash[..3]);
        session.create(&x_509(&value).bytes(CKA_PUBLIC_KEY_INFO, &info).bytes(CKA_CHECK_VALUE, &hash[..3])).unwrap();
        let without = session.create(&x_509(&value).bytes(CKA_CHECK_VALUE, b"")).unwrap();
        assert_eq!(session.get(without, CKA_CHECK_VALUE), Ok(Vec::new()));
        for wrong in [
            x_509(&value).bytes(CKA_PUBLIC_KEY_INFO, b"another"),
            x_509(&value).bytes(CKA_CHECK_VALUE, &[hash[0], hash[1], !hash[2]]),
            x_509(&value).ulong(CKA_CERTIFICATE_CATEGORY, 4),
            x_509(&value).ulong(CKA_JAVA_MIDP_SECURITY_DOMAIN, 4),
            x_509(&value).ulong(CKA_NAME_HASH_ALGORITHM, CKM_AES_CBC),
        ] {
            assert_eq!(session.create(&wrong), INVALID);
        }
        let without_subject = certificate(CKC_X_509).bytes(CKA_VALUE, &value);
        for short in [without_subject, certificate(CKC_X_509).bytes(CKA_SUBJECT, b"x"), x_509(b"")] {
            assert_eq!(session.create(&short), INCOMPLETE);
        }
        // What is no certificate is kept as it came: no key is found in it.
        let strange = session.create(&x_509(&value[..value.len() - 1])).unwrap();
        assert_eq!(session.get(strange, CKA_PUBLIC_KEY_INFO), Ok(Vec::new()));
        let dates = |from, to| x_509(&value).bytes(CKA_START_DATE, from).bytes(CKA_END_DATE, to);
        assert_eq!(session.create(&dates(b"20300101", b"20291231")), INCONSISTENT);
        session.create(&dates(b"20300101", b"20300102")).unwrap();
        // Only these may be changed afterwards (4.6.3).
        for cka in [CKA_LABEL, CKA_ID, CKA_ISSUER, CKA_SERIAL_NUMBER] {
            session.set(object, &Template::new().bytes(cka, b"new")).unwrap();
            assert_eq!(session.get(object, cka).unwrap(), b"new");
        }
        for cka in [CKA_SUBJECT, CKA_VALUE, CKA_URL, CKA_PUBLIC_KEY_INFO, CKA_CHECK_VALUE] {
            assert_eq!(session.set(object, &Template::new().bytes(cka, b"new")), READ_ONLY, "{cka:#x}");
        }
        let category = Template::new().ulong(CKA_CERTIFICATE_CATEGORY, 1);
        assert_eq!(session.set(object, &category), READ_ONLY);
    }
}

alone! {
    fn certificates_that_are_elsewhere_have_a_url_and_hashes() {
        let world = World::new();
        let session = world.user();
        let url = |value: &[u8]| x_509(value).bytes(CKA_URL, b"https://example.org/certificate");
        let hashed = |template: Template, len| {
            template
                .bytes(CKA_HASH_OF_SUBJECT_PUBLIC_KEY, &vec![1; len])
                .bytes(CKA_HASH_OF_ISSUER_PUBLIC_KEY, &vec![2; len])
        };
        assert_eq!(session.create(&url(b"")), INCOMPLETE);
        assert_eq!(session.create(&url(b"").bytes(CKA_HASH_OF_SUBJECT_PUBLIC_KEY, &[1; 20])), INCOMPLETE);
        let object = session.create(&hashed(url(b""), 20)).unwrap();
        open(session, object, &[CKA_VALUE, CKA_CHECK_VALUE, CKA_PUBLIC_KEY_INFO], &[]);
        // The length of a hash is that of its algorithm.
        assert_eq!(session.create(&hashed(url(b""), 32)), INCONSISTENT);
        session.create(&hashed(url(b""), 32).ulong(CKA_NAME_HASH_ALGORITHM, CKM_SHA256)).unwrap();
        assert_eq!(session.find(&Template::new().bytes(CKA_URL, b"https://example.org/certificate")).unwrap().len(), 2);
    }
}

alone! {
    fn other_certificates_are_kept() {
        let world = World::new();
        let session = world.user();
        let attributes = certificate(CKC_X_509_ATTR_CERT).bytes(CKA_OWNER, b"owner").bytes(CKA_VALUE, b"value");
        let attributes = session.create(&attributes).unwrap();
        open(session, attributes, &[CKA_AC_ISSUER, CKA_SERIAL_NUMBER, CKA_ATTR_TYPES], &[CKA_CERTIFICATE_CATEGORY]);
        for cka in [CKA_AC_ISSUER, CKA_SERIAL_NUMBER, CKA_ATTR_TYPES] {
            session.set(attributes, &Template::new().bytes(cka, b"new")).unwrap();
        }
        assert_eq!(session.set(attributes, &Template::new().bytes(CKA_OWNER, b"new")), READ_ONLY);
        assert_eq!(session.create(&certificate(CKC_X_509_ATTR_CERT).bytes(CKA_VALUE, b"value")), INCOMPLETE);
        // A subject is what an attribute certificate does not have.
        let subject = certificate(CKC_X_509_ATTR_CERT).bytes(CKA_OWNER, b"o").bytes(CKA_VALUE, b"v");
        assert_eq!(session.create(&subject.bytes(CKA_SUBJECT, b"x")), INCONSISTENT);
        let wtls = certificate(CKC_WTLS).bytes(CKA_SUBJECT, b"subject").bytes(CKA_VALUE, b"value");
        let wtls = session.create(&wtls).unwrap();
        open(session, wtls, &[CKA_ISSUER, CKA_URL], &[CKA_CERTIFICATE_CATEGORY]);
        session.set(wtls, &Template::new().bytes(CKA_ISSUER, b"new")).unwrap();
        assert_eq!(session.create(&certificate(CKC_WTLS).bytes(CKA_SUBJECT, b"s").bytes(CKA_VALUE, b"")), INCOMPLETE);
        assert_eq!(session.create(&certificate(0x77).bytes(CKA_VALUE, b"value")), INVALID);
        assert_eq!(session.create(&Template::new().class(CKO_CERTIFICATE).bytes(CKA_VALUE, b"value")), INCOMPLETE);
    }
}

alone! {
    fn only_the_security_officer_trusts_and_what_is_trusted_stays() {
        let world = World::new();
        let session = world.user();
        let plain = session.create(&x_509(b"a certificate").flag(CKA_TOKEN, true).label("ca")).unwrap();
        assert_eq!(session.create(&x_509(b"mine").flag(CKA_TRUSTED, true)), Err(Rv(CKR_ATTRIBUTE_READ_ONLY)));
        let trust = Template::new().flag(CKA_TRUSTED, true);
        assert_eq!(session.set(plain, &trust), READ_ONLY);
        assert_eq!(session.copy(plain, &trust), Err(Rv(CKR_ATTRIBUTE_READ_ONLY)));
        assert_eq!(session.aes(trust.clone()), Err(Rv(CKR_ATTRIBUTE_READ_ONLY)));
        session.logout().unwrap();
        session.login(CKU_SO, SO_PIN).unwrap();
        session.set(plain, &trust).unwrap();
        assert_eq!(session.get_bool(plain, CKA_TRUSTED), Ok(true));
        // 4.6.2: trusted certificates cannot be modified.
        assert_eq!(session.set(plain, &Template::new().label("x")), Err(Rv(CKR_ACTION_PROHIBITED)));
        session.logout().unwrap();
        session.login(CKU_USER, USER_PIN).unwrap();
        assert_eq!(session.set(plain, &Template::new().bytes(CKA_ID, b"x")), Err(Rv(CKR_ACTION_PROHIBITED)));
        // Nor does the user make another trusted one of it.
        assert_eq!(session.copy(plain, &Template::new().label("x")), Err(Rv(CKR_ATTRIBUTE_READ_ONLY)));
    }
}

alone! {
    fn trust_objects_bind_trust_to_one_certificate() {
        let world = World::new();
        let session = world.user();
        let trust = || Template::new().class(CKO_TRUST).bytes(CKA_ISSUER, b"issuer").bytes(CKA_SERIAL_NUMBER, b"7");
        let all = [
            CKA_TRUST_SERVER_AUTH, CKA_TRUST_CLIENT_AUTH, CKA_TRUST_CODE_SIGNING, CKA_TRUST_EMAIL_PROTECTION,
            CKA_TRUST_IPSEC_IKE, CKA_TRUST_TIME_STAMPING, CKA_TRUST_OCSP_SIGNING,
        ];
        let unknown = session.create(&trust()).unwrap();
        open(session, unknown, &[CKA_HASH_OF_CERTIFICATE, CKA_LABEL], &all);
        assert_eq!(session.get_bool(unknown, CKA_MODIFIABLE), Ok(true));
        assert_eq!(session.get_bool(unknown, CKA_PRIVATE), Ok(false));
        for cka in all {
            // Distrust needs no hash, trust does, and a number that is no trust is none.
            session.create(&trust().ulong(cka, CKT_NOT_TRUSTED.into())).unwrap();
            for more in [CKT_TRUSTED, CKT_TRUST_ANCHOR, CKT_TRUST_MUST_VERIFY_TRUST] {
                assert_eq!(session.create(&trust().ulong(cka, more.into())), INCOMPLETE, "{cka:#x}");
            }
            assert_eq!(session.create(&trust().ulong(cka, 5)), INVALID, "{cka:#x}");
        }
        let hash = |template: Template, len| template.bytes(CKA_HASH_OF_CERTIFICATE, &vec![1; len]);
        let named = |template: Template| template.ulong(CKA_NAME_HASH_ALGORITHM, CKM_SHA256);
        let anchor = trust().ulong(CKA_TRUST_SERVER_AUTH, CKT_TRUST_ANCHOR.into());
        assert_eq!(session.create(&named(hash(anchor.clone(), 20))), INCONSISTENT);
        let anchor = session.create(&named(hash(anchor, 32)).flag(CKA_TOKEN, true)).unwrap();
        assert_eq!(session.find(&Template::token().class(CKO_TRUST).bytes(CKA_ISSUER, b"issuer")).unwrap(), [anchor]);
        session.set(anchor, &Template::new().ulong(CKA_TRUST_SERVER_AUTH, CKT_NOT_TRUSTED.into())).unwrap();
        // A change must not leave trust without its certificate either.
        let bare = Template::new().ulong(CKA_TRUST_CODE_SIGNING, CKT_TRUSTED.into());
        assert_eq!(session.set(unknown, &bare), Err(Rv(CKR_TEMPLATE_INCOMPLETE)));
        assert_eq!(session.set(unknown, &Template::new().bytes(CKA_ISSUER, b"other")), READ_ONLY);
        for short in [CKA_ISSUER, CKA_SERIAL_NUMBER] {
            assert_eq!(session.create(&Template::new().class(CKO_TRUST).bytes(short, b"x")), INCOMPLETE);
        }
        // Whoever is not logged in reads what is trusted, and has no say in it.
        session.logout().unwrap();
        let nobody = Rv(CKR_USER_NOT_LOGGED_IN);
        assert_eq!(session.get_ulong(anchor, CKA_TRUST_SERVER_AUTH), Ok(CKT_NOT_TRUSTED.into()));
        assert_eq!(session.create(&trust()), Err(nobody));
        for object in [anchor, unknown] {
            assert_eq!(session.copy(object, &Template::new().flag(CKA_TOKEN, false)), Err(nobody));
            assert_eq!(session.set(object, &Template::new().label("x")), Err(nobody));
            assert_eq!(session.destroy(object), Err(nobody));
        }
        session.login(CKU_SO, SO_PIN).unwrap();
        session.create(&trust().flag(CKA_TOKEN, true)).unwrap();
    }
}

alone! {
    fn profiles_and_mechanisms_are_there_for_everybody_and_for_good() {
        let world = World::new();
        let session = world.module.read_write(world.slot);
        let find = |template: &Template| session.find(template).unwrap();
        let profiles = find(&Template::new().class(CKO_PROFILE));
        let ids: Vec<_> = profiles.iter().map(|object| session.get_ulong(*object, CKA_PROFILE_ID).unwrap()).collect();
        assert_eq!(ids, [CKP_BASELINE_PROVIDER]);
        let mechanisms = find(&Template::new().class(CKO_MECHANISM));
        let told: Vec<_> =
            mechanisms.iter().map(|object| session.get_ulong(*object, CKA_MECHANISM_TYPE).unwrap()).collect();
        assert_eq!(told, world.module.mechanisms(world.slot).unwrap());
        let one = find(&Template::new().ulong(CKA_MECHANISM_TYPE, CKM_AES_GCM))[0];
        assert_eq!(session.get(one, CKA_LABEL).unwrap(), b"CKM_AES_GCM");
        assert_eq!(find(&Template::new().class(CKO_MECHANISM).flag(CKA_TOKEN, false)), []);
        let unique = session.get(one, CKA_UNIQUE_ID).unwrap();
        assert_eq!(find(&Template::new().bytes(CKA_UNIQUE_ID, &unique)), [one]);
        // Whoever does not ask for them does not meet them.
        assert_eq!(find(&Template::new()), []);
        assert_eq!(find(&Template::token().label("CKM_AES_GCM")), []);
        for login in [None, Some((CKU_USER, USER_PIN)), Some((CKU_SO, SO_PIN))] {
            if let Some((user, pin)) = login {
                session.login(user, pin).unwrap();
            }
            for object in [profiles[0], one] {
                let prohibited = Rv(CKR_ACTION_PROHIBITED);
                assert_eq!(session.destroy(object), Err(prohibited));
                assert_eq!(session.copy(object, &Template::new()), Err(prohibited));
                assert!(session.set(object, &Template::new().label("x")).is_err());
                assert_eq!(session.get_bool(object, CKA_MODIFIABLE), Ok(false));
                assert_eq!(session.sign_init(&Mechanism::plain(CKM_ECDSA), object), Err(Rv(CKR_KEY_HANDLE_INVALID)));
                assert!(session.set_state(object, COMPROMISED).is_err());
                let mut size = 0;
                call!(world.module, C_GetObjectSize, session.handle, object, &raw mut size).unwrap();
            }
            assert_eq!(find(&Template::new().class(CKO_PROFILE)), profiles);
            if login.is_some() {
                session.logout().unwrap();
            }
        }
        // The same objects in the next start.
        world.stop();
        world.start();
        let session = world.module.read_only(world.slot);
        let again = session.find(&Template::new().ulong(CKA_MECHANISM_TYPE, CKM_AES_GCM)).unwrap();
        assert_eq!(session.get(again[0], CKA_UNIQUE_ID).unwrap(), unique);
    }
}

alone! {
    fn classes_that_nobody_can_make_are_refused() {
        let world = World::new();
        let session = world.user();
        for class in [
            CKO_HW_FEATURE, CKO_MECHANISM, CKO_OTP_KEY, CKO_PROFILE, CKO_VALIDATION, 0x77,
            CKO_VENDOR_DEFINED, CK_ULONG::MAX,
        ] {
            assert_eq!(session.create(&Template::new().class(class)), INVALID, "{class:#x}");
        }
        assert_eq!(session.create(&Template::new().class(CKO_PROFILE).ulong(CKA_PROFILE_ID, 1)), INVALID);
        for kind in [CKK_DSA, CKK_DH, CKK_DES, CKK_RC4, CKK_VENDOR_DEFINED] {
            let key = Template::new().class(CKO_SECRET_KEY).ulong(CKA_KEY_TYPE, kind).bytes(CKA_VALUE, &[1; 24]);
            assert_eq!(session.create(&key), INVALID, "{kind:#x}");
        }
        // No validation is claimed and no feature of hardware: the search finds none.
        for class in [CKO_VALIDATION, CKO_HW_FEATURE, CKO_OTP_KEY] {
            assert_eq!(session.find(&Template::new().class(class)).unwrap(), [], "{class:#x}");
        }
    }
}

alone! {
    fn what_clients_send_with_certificates_and_keys_is_taken() {
        let world = World::new();
        let session = world.user();
        // NSS: empty attributes and the address.
        let nss = x_509(b"certificate").bytes(CKA_ID, b"").label("").bytes(CKA_ISSUER, b"i");
        let nss = session.create(&nss.bytes(CKA_SERIAL_NUMBER, b"s").bytes(0xCE53_4352, b"a@example.org")).unwrap();
        assert_eq!(session.get(nss, 0xCE53_4352).unwrap(), b"a@example.org");
        // GnuTLS and p11-kit name the category and the privacy.
        let gnutls = x_509(b"certificate").ulong(CKA_CERTIFICATE_CATEGORY, 2).flag(CKA_PRIVATE, false);
        session.create(&gnutls.flag(CKA_TRUSTED, false).flag(CKA_MODIFIABLE, true)).unwrap();
        // Searches for each other's attributes find nothing and fail in nothing.
        assert_eq!(session.find(&Template::new().bytes(0xCE53_4351, b"x")).unwrap(), []);
        // Java sets the identifier of a key and its certificate after the fact.
        session.set(nss, &Template::new().bytes(CKA_ID, b"alias")).unwrap();
        assert_eq!(session.find(&Template::new().class(CKO_CERTIFICATE).bytes(CKA_ID, b"alias")).unwrap(), [nss]);
    }
}

alone! {
    fn a_pair_that_cannot_be_written_leaves_no_half() {
        let world = World::new();
        let session = world.user();
        let files = rusqlite::Connection::open(world.database()).unwrap();
        for (public, private) in [(true, false), (false, true), (true, true)] {
            let half = |token| Template::new().flag(CKA_TOKEN, token);
            files.execute_batch("ALTER TABLE record RENAME TO away").unwrap();
            session.p256(half(public), half(private)).unwrap_err();
            files.execute_batch("ALTER TABLE away RENAME TO record").unwrap();
            assert_eq!(session.find(&Template::new()).unwrap(), [], "{public} {private}");
        }
        session.p256(Template::token(), Template::new()).unwrap();
        assert_eq!(session.find(&Template::new()).unwrap().len(), 2);
    }
}
