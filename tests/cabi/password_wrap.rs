//! Encrypted PKCS#8 under a password: what others wrote comes in, and under the default policy none goes out.

use crate::alone;
use crate::client::*;
use crate::pkcs8::hex;
use cryptoki_sys::*;
use keyward_pkcs11::ck::vendor::CKM_KEYWARD_PBES2;

/// A P-256 key that OpenSSL 3.0 encrypted under "correct-horse", and its SubjectPublicKeyInfo.
const ENCRYPTED: &str = "3081ec305706092a864886f70d01050d304a302906092a864886f70d01050c301c0408f9ec500f3f05a37202020800300c06082a864886f70d02090500301d060960864801650304012a04105507e3a77c8fdf1eb317fca4284e2187048190f0ed3de89096966a1beb87fe9b08d2fc2c80006c7b981417680ae60c890146124470e807468b77f5df35f3deef8f564b3043661c0f5708dfb9c59b43f3242bf6557d090330a44463bc92fb7914a564f4de409d3fcea4af943895fca79e797f7e73963342bb3f380c04258123543b2c2be68c6281204412b0cd2ab87aac202f6fa5e65d1e943bd67ea29f60c026b089e1";
const INFO: &str = "3059301306072a8648ce3d020106082a8648ce3d030107034200047f36ea58916da98baaafa528597c5c92fe7fad60139db4c99943b3cab7627831dc6f817c47b60d3e879a64db50ed8b2d398f16e46cb24de6396ac1ff7fc83e92";

fn pbes2() -> Mechanism {
    Mechanism::plain(CKM_KEYWARD_PBES2)
}

const INVALID: Rv = Rv(CKR_WRAPPED_KEY_INVALID);

fn password(session: Session<'_>, words: &[u8], use_: CK_ATTRIBUTE_TYPE) -> Key {
    let template = Template::new().class(CKO_SECRET_KEY).ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET);
    session.create(&template.bytes(CKA_VALUE, words).flag(use_, true)).unwrap()
}

fn private() -> Template {
    Template::new().class(CKO_PRIVATE_KEY).ulong(CKA_KEY_TYPE, CKK_EC).flag(CKA_SIGN, true)
}

/// A key that OpenSSL encrypted comes in and signs.
pub fn unwraps_under_a_password(session: Session<'_>) {
    let password = password(session, b"correct-horse", CKA_UNWRAP);
    let key = session.unwrap(&pbes2(), password, &hex(ENCRYPTED), &private()).unwrap();
    assert_eq!(session.get(key, CKA_PUBLIC_KEY_INFO).unwrap(), hex(INFO));
    assert!(!session.get_bool(key, CKA_LOCAL).unwrap());
    assert_eq!(session.get(key, CKA_VALUE), Err(Rv(CKR_ATTRIBUTE_SENSITIVE)));
    let signature = session.sign(&Mechanism::plain(CKM_ECDSA_SHA256), key, b"message").unwrap();
    assert_eq!(signature.len(), 64);
}

alone! {
    fn what_is_not_the_key_of_this_password_does_not_come_in() {
        let world = World::new();
        let session = world.user();
        let right = password(session, b"correct-horse", CKA_UNWRAP);
        let wrong = password(session, b"correct-house", CKA_UNWRAP);
        let encrypted = hex(ENCRYPTED);
        assert_eq!(session.unwrap(&pbes2(), wrong, &encrypted, &private()), Err(INVALID));
        for at in (0..encrypted.len()).step_by(7) {
            let mut changed = encrypted.clone();
            changed[at] ^= 1;
            // Of the iterations and of the key's own attributes no change goes unseen.
            assert_eq!(session.unwrap(&pbes2(), right, &changed, &private()), Err(INVALID), "{at}");
        }
        let longer = [&encrypted[..], &[0]].concat();
        assert_eq!(session.unwrap(&pbes2(), right, &longer, &private()), Err(INVALID));
        assert_eq!(session.unwrap(&pbes2(), right, &encrypted[..100], &private()), Err(INVALID));
        let long = vec![0x30; 70_000];
        assert_eq!(session.unwrap(&pbes2(), right, &long, &private()), Err(Rv(CKR_WRAPPED_KEY_LEN_RANGE)));
        // PKCS#8 has private keys only, and this one is of a curve.
        let secret = Template::new().class(CKO_SECRET_KEY).ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET);
        let inconsistent = Err(Rv(CKR_TEMPLATE_INCONSISTENT));
        assert_eq!(session.unwrap(&pbes2(), right, &encrypted, &secret), inconsistent);
        let rsa = Template::new().class(CKO_PRIVATE_KEY).ulong(CKA_KEY_TYPE, CKK_RSA);
        assert_eq!(session.unwrap(&pbes2(), right, &encrypted, &rsa), inconsistent);
        let with_parameter = Mechanism::iv(CKM_KEYWARD_PBES2, &[0; 16]);
        let refused = session.unwrap(&with_parameter, right, &encrypted, &private());
        assert_eq!(refused, Err(Rv(CKR_MECHANISM_PARAM_INVALID)));
        let aes = session.aes(Template::new().flag(CKA_UNWRAP, true)).unwrap();
        let refused = session.unwrap(&pbes2(), aes, &encrypted, &private());
        assert_eq!(refused, Err(Rv(CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT)));
        assert_eq!(session.find(&private()).unwrap(), [], "a refused key exists");
    }
}

alone! {
    fn no_key_goes_out_under_a_password_by_default() {
        let world = World::new();
        let session = world.user();
        let password = password(session, b"a password that is long enough for it", CKA_WRAP);
        let uses = || Template::new().flag(CKA_DERIVE, true);
        let (_, key) = session.p256(uses(), uses().flag(CKA_EXTRACTABLE, true)).unwrap();
        assert_eq!(session.wrap(&pbes2(), password, key), Err(Rv(CKR_MECHANISM_INVALID)));
    }
}
