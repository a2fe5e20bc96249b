//! Rules of an installed policy, one kind after the other, through the C ABI.

use super::client::*;
use super::installed::{install, install_text, write};
use crate::alone;
use cryptoki_sys::*;

const PROHIBITED: Answer<()> = Err(Rv(CKR_ACTION_PROHIBITED));
const HOURS: CK_ULONG = 0x506;
const CALLER: CK_ULONG = 0x804;

fn sha256_rsa() -> Mechanism {
    Mechanism::plain(CKM_SHA256_RSA_PKCS)
}

fn pair(session: Session<'_>, label: &str) -> (Key, Key) {
    let template = |use_of| Template::token().flag(use_of, true).label(label);
    session.rsa(template(CKA_VERIFY), template(CKA_SIGN)).unwrap()
}

alone! {
    fn callers_and_hours_refuse_uses_changes_and_destruction() {
        let world = World::new();
        let session = world.user();
        let (_, key) = pair(session, "pki");
        let rule = |body: &str| format!("[[rule]]\nid = \"r\"\nwhen = {{ label = \"pki\" }}\n{body}\n");
        for (body, reason) in
            [("callers = { uid = 4294967294 }", CALLER), ("callers = { exe = \"/none/*\" }", CALLER)]
        {
            install_text(&world, &rule(body));
            assert_eq!(session.sign_init(&sha256_rsa(), key), PROHIBITED, "{body}");
            assert_eq!(session.reason(), reason, "{body}");
            assert_eq!(session.destroy(key), PROHIBITED, "{body}");
            assert_eq!(session.set(key, &Template::new().label("free")), PROHIBITED, "{body}");
            assert_eq!(session.copy(key, &Template::new()), Err(Rv(CKR_ACTION_PROHIBITED)), "{body}");
        }
        // One of these days is today, the other is not.
        let mut refused = 0;
        for days in ["Mon-Wed", "Thu-Sun"] {
            install_text(&world, &rule(&format!("hours = \"{days} 00:00-24:00 UTC\"")));
            if session.sign_init(&sha256_rsa(), key) == PROHIBITED {
                assert_eq!(session.reason(), HOURS);
                refused += 1;
            } else {
                session.sign_final().unwrap();
            }
        }
        assert_eq!(refused, 1);
        let me = keyward_pkcs11::sys::process::effective_uid();
        install_text(&world, &rule(&format!("callers = {{ uid = {me}, exe = \"/*\" }}\nhours = \"daily 00:00-24:00 UTC\"")));
        session.sign(&sha256_rsa(), key, b"data").unwrap();
        session.destroy(key).unwrap();
    }
}

alone! {
    fn key_that_is_visible_to_others_is_not_there() {
        let world = World::new();
        let session = world.user();
        let (public, key) = pair(session, "theirs");
        pair(session, "mine");
        install_text(&world, "[[rule]]\nid = \"r\"\nwhen = { label = \"theirs\" }\nvisible_to = { uid = 4294967294 }\n");
        assert_eq!(session.find(&Template::new().label("theirs")).unwrap(), []);
        assert_eq!(session.find(&Template::new()).unwrap().len(), 2);
        assert_eq!(session.sign_init(&sha256_rsa(), key), Err(Rv(CKR_KEY_HANDLE_INVALID)));
        assert_eq!(session.get(public, CKA_LABEL), Err(Rv(CKR_OBJECT_HANDLE_INVALID)));
        assert_eq!(session.destroy(key), Err(Rv(CKR_OBJECT_HANDLE_INVALID)));
    }
}

alone! {
    fn parameters_that_a_rule_does_not_allow_are_refused_as_such() {
        let world = World::new();
        let session = world.user();
        let (_, rsa) = pair(session, "rsa");
        let aes = session.aes(Template::token().uses(&[CKA_ENCRYPT, CKA_DECRYPT])).unwrap();
        install_text(&world, "[[rule]]\nid = \"r\"\nparameters = { hash = \"CKM_SHA384\", min_tag = 128 }\n");
        let pss = |hash, mgf| Mechanism::pss(CKM_RSA_PKCS_PSS, hash, mgf, 32);
        let refused = Err(Rv(CKR_MECHANISM_PARAM_INVALID));
        assert_eq!(session.sign_init(&pss(CKM_SHA256, CKG_MGF1_SHA256), rsa), refused);
        assert_eq!(session.reason(), 0x307);
        session.sign(&pss(CKM_SHA384, CKG_MGF1_SHA384), rsa, &[7; 48]).unwrap();
        assert_eq!(session.encrypt_init(&Mechanism::gcm(&[8; 12], b"", 96), aes), refused);
        session.encrypt(&Mechanism::gcm(&[8; 12], b"", 128), aes, b"data").unwrap();
    }
}

alone! {
    fn wrap_with_and_template_are_held_at_wrapping_and_at_making() {
        let world = World::new();
        let session = world.user();
        let kek = |label: &str| session.aes(Template::token().label(label).uses(&[CKA_WRAP])).unwrap();
        let (good, other) = (kek("kek-1"), kek("other"));
        let open = || Template::token().label("data").flag(CKA_EXTRACTABLE, true).uses(&[CKA_ENCRYPT]);
        let data = session.aes(open()).unwrap();
        install_text(
            &world,
            "[[rule]]\nid = \"r\"\nwhen = { label = \"data\" }\ntemplate = { copyable = false }\n\
             wrap_with = { label = \"kek-*\", mechanisms = \"CKM_AES_KEY_WRAP\" }\n",
        );
        let (kw, kwp) = (Mechanism::plain(CKM_AES_KEY_WRAP), Mechanism::plain(CKM_AES_KEY_WRAP_KWP));
        assert_eq!(session.wrap(&kw, other, data), Err(Rv(CKR_KEY_NOT_WRAPPABLE)));
        assert_eq!(session.reason(), 0x60A);
        assert_eq!(session.wrap(&kwp, good, data), Err(Rv(CKR_KEY_NOT_WRAPPABLE)));
        assert_eq!(session.wrap(&kw, good, data).unwrap().len(), 40);
        assert_eq!(session.aes(open()), Err(Rv(CKR_TEMPLATE_INCONSISTENT)));
        session.aes(open().flag(CKA_COPYABLE, false)).unwrap();
    }
}

alone! {
    fn rules_about_the_origin_hold_before_a_key_is_unwrapped_or_derived() {
        let world = World::new();
        install_text(
            &world,
            "[[rule]]\nid = \"u\"\nwhen = { origin = \"unwrapped\" }\ntemplate = { copyable = false }\n\
             [[rule]]\nid = \"d\"\nwhen = { origin = \"derived\" }\ntemplate = { modifiable = false }\n\
             [[rule]]\nid = \"i\"\nwhen = { origin = \"imported\" }\ntemplate = { destroyable = false }\n",
        );
        let session = world.user();
        let inconsistent = Some(Rv(CKR_TEMPLATE_INCONSISTENT));
        let kek = session.aes(Template::new().uses(&[CKA_WRAP, CKA_UNWRAP])).unwrap();
        let data = session.aes(Template::new().flag(CKA_EXTRACTABLE, true).uses(&[CKA_ENCRYPT])).unwrap();
        let kw = Mechanism::plain(CKM_AES_KEY_WRAP);
        let wrapped = session.wrap(&kw, kek, data).unwrap();
        let aes = || Template::new().class(CKO_SECRET_KEY).ulong(CKA_KEY_TYPE, CKK_AES).uses(&[CKA_ENCRYPT]);
        assert_eq!(session.unwrap(&kw, kek, &wrapped, &aes()).err(), inconsistent);
        session.unwrap(&kw, kek, &wrapped, &aes().flag(CKA_COPYABLE, false)).unwrap();
        let generation = Mechanism::plain(CKM_GENERIC_SECRET_KEY_GEN);
        let base = Template::new().ulong(CKA_VALUE_LEN, 32).flag(CKA_DERIVE, true);
        let base = session.generate(&generation, &base).unwrap();
        let sha256 = Mechanism::plain(CKM_SHA256_KEY_DERIVATION);
        assert_eq!(session.derive(&sha256, base, &Template::new()).err(), inconsistent);
        session.derive(&sha256, base, &Template::new().flag(CKA_MODIFIABLE, false)).unwrap();
        assert_eq!(session.create(&aes().bytes(CKA_VALUE, &[1; 16])).err(), inconsistent);
        session.create(&aes().bytes(CKA_VALUE, &[1; 16]).flag(CKA_DESTROYABLE, false)).unwrap();
    }
}

alone! {
    fn what_keys_says_holds_for_every_key() {
        let world = World::new();
        let session = world.user();
        let (_, key) = pair(session, "any");
        install_text(&world, "[keys]\ncallers = { exe = \"/none/*\" }\n");
        assert_eq!(session.sign_init(&sha256_rsa(), key), PROHIBITED);
        assert_eq!(session.reason(), CALLER);
        install_text(&world, "[keys]\nvisible_to = { uid = 4294967294 }\n");
        assert_eq!(session.find(&Template::new()).unwrap(), []);
        install_text(&world, "[keys]\ntemplate = { copyable = false }\nparameters = { min_tag = 128 }\n");
        let template = || Template::token().uses(&[CKA_ENCRYPT]);
        assert_eq!(session.aes(template()), Err(Rv(CKR_TEMPLATE_INCONSISTENT)));
        let aes = session.aes(template().flag(CKA_COPYABLE, false)).unwrap();
        let refused = Err(Rv(CKR_MECHANISM_PARAM_INVALID));
        assert_eq!(session.encrypt_init(&Mechanism::gcm(&[8; 12], b"", 96), aes), refused);
        session.sign(&sha256_rsa(), key, b"data").unwrap();
    }
}

alone! {
    fn token_limits_hold_for_sessions_objects_and_idle_logins() {
        let world = World::new();
        install_text(
            &world,
            "[token]\nsession = { max = 2, idle_logout = \"5s\" }\nobjects = { max = 3 }\n",
        );
        let session = world.user();
        let second = world.module.read_only(world.slot);
        assert!(matches!(world.module.open(world.slot, CKF_SERIAL_SESSION), Err(Rv(CKR_SESSION_COUNT))));
        assert_eq!(world.module.token_info(world.slot).unwrap().ulMaxSessionCount, 2);
        second.close().unwrap();
        for _ in 0..3 {
            session.aes(Template::token()).unwrap();
        }
        assert_eq!(session.aes(Template::token()), Err(Rv(CKR_DEVICE_MEMORY)));
        session.aes(Template::new()).unwrap();
        assert_eq!(session.state(), CKS_RW_USER_FUNCTIONS);
        std::thread::sleep(std::time::Duration::from_millis(6100));
        assert_eq!(session.find(&Template::new().class(CKO_PRIVATE_KEY)).unwrap(), []);
        assert_eq!(session.state(), CKS_RW_PUBLIC_SESSION);
        session.login(CKU_USER, USER_PIN).unwrap();
    }
}

alone! {
    fn rule_with_a_later_date_warns_in_the_log_once_and_refuses_nothing_yet() {
        let world = World::new();
        let session = world.user();
        let (_, key) = pair(session, "old");
        install_text(
            &world,
            "[[rule]]\nid = \"gone-then\"\neffective = 2999-01-01\ndeny = \"CKM_SHA256_RSA_PKCS\"\n\
             [[rule]]\nid = \"ended\"\nwhen = { label = \"ended\" }\nsunset = 2020-01-01\n",
        );
        for _ in 0..3 {
            session.sign(&sha256_rsa(), key, b"data").unwrap();
        }
        let log = world.log();
        let warnings: Vec<_> = log.lines().filter(|line| line.contains(" warning: ")).collect();
        assert_eq!(warnings.len(), 1, "{log}");
        assert!(warnings[0].contains("from 2999-01-01") && warnings[0].contains("gone-then"), "{log}");
        let (_, ended) = pair(session, "ended");
        assert_eq!(session.sign_init(&sha256_rsa(), ended), Err(Rv(CKR_KEY_FUNCTION_NOT_PERMITTED)));
        assert_eq!(session.reason(), 0x502);
    }
}

alone! {
    fn suspended_and_compromised_keys_process_where_the_policy_says_so_and_protect_nothing() {
        let world = World::new();
        let session = world.user();
        let cbc = Mechanism::iv(CKM_AES_CBC_PAD, &[7; 16]);
        let keys = [SUSPENDED, COMPROMISED].map(|state| {
            let key = session.aes(Template::token().uses(&[CKA_ENCRYPT, CKA_DECRYPT])).unwrap();
            let sealed = session.encrypt(&cbc, key, b"data").unwrap();
            session.set_state(key, state).unwrap();
            (key, sealed)
        });
        let processes = |policy: &str| {
            write(&world, "life.toml", &format!("policy = 1\n{policy}"));
            install(&world, "life.toml");
            keys.each_ref().map(|(key, sealed)| {
                assert_eq!(session.encrypt_init(&cbc, *key), Err(Rv(CKR_KEY_FUNCTION_NOT_PERMITTED)));
                session.decrypt(&cbc, *key, sealed).is_ok_and(|data| data == b"data")
            })
        };
        assert_eq!(processes(""), [false, false]);
        assert_eq!(processes("[suspended]\nprocess = true\n"), [true, false]);
        assert_eq!(processes("[compromised]\nprocess = true\n"), [false, true]);
        // One file that says no is enough: the default policy does.
        let both = "[suspended]\nprocess = true\n[compromised]\nprocess = true\n";
        assert_eq!(processes(both), [true, true]);
        assert_eq!(processes(&format!("extends = \"default\"\n{both}")), [false, false]);
    }
}
