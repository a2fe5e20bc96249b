//! ML-DSA and SLH-DSA keys and their signatures (PKCS#11 3.2, ML-DSA, SLH-DSA).

use crate::alone;
use crate::client::*;
use crate::parameters::{hash_signature_context, signature_context};
use cryptoki_sys::*;

/// One parameter set: how its keys are made and used, and the lengths of what it has.
#[derive(Clone, Copy)]
struct Set {
    generation: CK_MECHANISM_TYPE,
    kind: CK_KEY_TYPE,
    number: CK_ULONG,
    pure: CK_MECHANISM_TYPE,
    public_len: usize,
    private_len: usize,
    signature_len: usize,
}

const fn ml_dsa(number: CK_ULONG, public_len: usize, private_len: usize, signature_len: usize) -> Set {
    let (generation, kind, pure) = (CKM_ML_DSA_KEY_PAIR_GEN, CKK_ML_DSA, CKM_ML_DSA);
    Set { generation, kind, number, pure, public_len, private_len, signature_len }
}

const fn slh_dsa(number: CK_ULONG, n: usize, signature_len: usize) -> Set {
    let (generation, kind, pure) = (CKM_SLH_DSA_KEY_PAIR_GEN, CKK_SLH_DSA, CKM_SLH_DSA);
    Set { generation, kind, number, pure, public_len: 2 * n, private_len: 4 * n, signature_len }
}

/// All sets of ML-DSA, the fast ones of SLH-DSA, and one that is slow.
const SETS: [Set; 10] = [
    ml_dsa(CKP_ML_DSA_44, 1312, 2560, 2420),
    ml_dsa(CKP_ML_DSA_65, 1952, 4032, 3309),
    ml_dsa(CKP_ML_DSA_87, 2592, 4896, 4627),
    slh_dsa(CKP_SLH_DSA_SHA2_128S, 16, 7856),
    slh_dsa(CKP_SLH_DSA_SHA2_128F, 16, 17_088),
    slh_dsa(CKP_SLH_DSA_SHAKE_128F, 16, 17_088),
    slh_dsa(CKP_SLH_DSA_SHA2_192F, 24, 35_664),
    slh_dsa(CKP_SLH_DSA_SHAKE_192F, 24, 35_664),
    slh_dsa(CKP_SLH_DSA_SHA2_256F, 32, 49_856),
    slh_dsa(CKP_SLH_DSA_SHAKE_256F, 32, 49_856),
];

/// Those that the longer tests take.
const SHORT: [Set; 2] = [SETS[0], SETS[5]];

impl Set {
    fn pair(self, session: Session<'_>, private: &Template) -> (Key, Key) {
        let public = Template::new().ulong(CKA_PARAMETER_SET, self.number);
        session.generate_pair(&Mechanism::plain(self.generation), &public, private).unwrap()
    }

    fn template(self, class: CK_OBJECT_CLASS) -> Template {
        let kind = Template::new().class(class).ulong(CKA_KEY_TYPE, self.kind);
        kind.ulong(CKA_PARAMETER_SET, self.number)
    }

    fn has_seed(self) -> bool {
        self.kind == CKK_ML_DSA
    }
}

/// A private key that may be looked at. One that signs may not be, so it derives, which no mechanism of it does.
fn open() -> Template {
    Template::new().flag(CKA_SENSITIVE, false).flag(CKA_EXTRACTABLE, true).uses(&[CKA_DERIVE])
}

alone! {
    fn keys_of_every_parameter_set_are_made_and_sign() {
        let world = World::new();
        let session = world.user();
        for set in SETS {
            let (public, private) = set.pair(session, &Template::new());
            assert_eq!(session.get(public, CKA_VALUE).unwrap().len(), set.public_len);
            for key in [public, private] {
                assert_eq!(session.get_ulong(key, CKA_PARAMETER_SET), Ok(set.number));
                assert_eq!(session.get_ulong(key, CKA_KEY_TYPE), Ok(set.kind));
                assert_eq!(session.get_ulong(key, CKA_KEY_GEN_MECHANISM), Ok(set.generation));
                assert_eq!(session.get_bool(key, CKA_LOCAL), Ok(true));
            }
            assert_eq!(session.get_bool(public, CKA_VERIFY), Ok(true));
            assert_eq!(session.get_bool(private, CKA_SIGN), Ok(true));
            for cka in [CKA_ENCRYPT, CKA_WRAP, CKA_ENCAPSULATE] {
                assert_eq!(session.get_bool(public, cka), Ok(false));
            }
            assert_eq!(session.get(public, CKA_PUBLIC_KEY_INFO), session.get(private, CKA_PUBLIC_KEY_INFO));
            assert_eq!(session.get(private, CKA_VALUE), Err(Rv(CKR_ATTRIBUTE_SENSITIVE)));
            let hidden = if set.has_seed() { CKR_ATTRIBUTE_SENSITIVE } else { CKR_ATTRIBUTE_TYPE_INVALID };
            assert_eq!(session.get(private, CKA_SEED), Err(Rv(hidden)));
            let mechanism = Mechanism::plain(set.pure);
            let signature = session.sign(&mechanism, private, b"message").unwrap();
            assert_eq!(signature.len(), set.signature_len);
            assert_eq!(session.verify(&mechanism, public, b"message", &signature), Ok(()));
            let wrong = session.verify(&mechanism, public, b"messagE", &signature);
            assert_eq!(wrong, Err(Rv(CKR_SIGNATURE_INVALID)));
            let short = session.verify(&mechanism, public, b"message", &signature[1..]);
            assert_eq!(short, Err(Rv(CKR_SIGNATURE_LEN_RANGE)));
        }
    }
}

alone! {
    fn making_a_pair_needs_a_parameter_set_that_there_is() {
        let world = World::new();
        let session = world.user();
        for (generation, beyond) in [(CKM_ML_DSA_KEY_PAIR_GEN, 4), (CKM_SLH_DSA_KEY_PAIR_GEN, 13)] {
            let make = |public: &Template, private: &Template| {
                session.generate_pair(&Mechanism::plain(generation), public, private).map(|_| ())
            };
            let none = Template::new();
            assert_eq!(make(&none, &none), Err(Rv(CKR_TEMPLATE_INCOMPLETE)));
            for number in [0, beyond, CK_ULONG::MAX] {
                let public = Template::new().ulong(CKA_PARAMETER_SET, number);
                assert_eq!(make(&public, &none), Err(Rv(CKR_PARAMETER_SET_NOT_SUPPORTED)));
            }
            // The set of a pair stands in the public template, and what follows from it in neither.
            let public = Template::new().ulong(CKA_PARAMETER_SET, 1);
            for private in [CKA_VALUE, CKA_PARAMETER_SET].map(|cka| Template::new().ulong(cka, 1)) {
                assert!(make(&public, &private).is_err());
            }
            assert!(make(&public.bytes(CKA_VALUE, &[1; 32]), &none).is_err());
            let wrong = Template::new().ulong(CKA_PARAMETER_SET, 1).ulong(CKA_KEY_TYPE, CKK_RSA);
            assert_eq!(make(&wrong, &none), Err(Rv(CKR_TEMPLATE_INCONSISTENT)));
            let parameter = Mechanism::iv(generation, &[0; 8]);
            let refused = session.generate_pair(&parameter, &Template::new().ulong(CKA_PARAMETER_SET, 1), &none);
            assert_eq!(refused.err(), Some(Rv(CKR_MECHANISM_PARAM_INVALID)));
        }
        assert!(session.find(&Template::new().class(CKO_PRIVATE_KEY)).unwrap().is_empty(), "a key was left");
    }
}

alone! {
    fn keys_are_imported_and_checked() {
        let world = World::new();
        let session = world.user();
        for set in SHORT {
            let (public, private) = set.pair(session, &open());
            let public_value = session.get(public, CKA_VALUE).unwrap();
            let value = session.get(private, CKA_VALUE).unwrap();
            assert_eq!(value.len(), set.private_len);
            let template = || set.template(CKO_PRIVATE_KEY).flag(CKA_SIGN, true);
            let mut ways = vec![template().bytes(CKA_VALUE, &value)];
            if set.has_seed() {
                let seed = session.get(private, CKA_SEED).unwrap();
                assert_eq!(seed.len(), 32);
                ways.push(template().bytes(CKA_SEED, &seed));
                ways.push(template().bytes(CKA_SEED, &seed).bytes(CKA_VALUE, &value));
            }
            let kind = set.template(CKO_PUBLIC_KEY).flag(CKA_VERIFY, true);
            let verifier = session.create(&kind.bytes(CKA_VALUE, &public_value)).unwrap();
            let (pure, info) = (Mechanism::plain(set.pure), session.get(public, CKA_PUBLIC_KEY_INFO));
            assert_eq!(session.get(verifier, CKA_PUBLIC_KEY_INFO), info);
            for way in &ways {
                let imported = session.create(way).unwrap();
                assert_eq!(session.get(imported, CKA_PUBLIC_KEY_INFO), info);
                assert_eq!(session.get_bool(imported, CKA_LOCAL), Ok(false));
                let signature = session.sign(&pure, imported, b"data").unwrap();
                assert_eq!(session.verify(&pure, verifier, b"data", &signature), Ok(()));
            }
            let refused = |template: &Template| session.create(template).unwrap_err().0;
            // What says what the public key is.
            let changed = |at: usize| {
                let mut wrong = value.clone();
                wrong[at] ^= 1;
                wrong
            };
            // The low part of t, at the end of an ML-DSA key, is not checked by the reference engine (docs/engines.md).
            let end = if REFERENCE_ENGINE && set.kind == CKK_ML_DSA { 0 } else { value.len() - 1 };
            for wrong in [&changed(0), &changed(end), &value[1..], &[1]] {
                let template = template().bytes(CKA_VALUE, wrong);
                assert_eq!(refused(&template), CKR_ATTRIBUTE_VALUE_INVALID);
            }
            if set.has_seed() {
                let both = template().bytes(CKA_VALUE, &value).bytes(CKA_SEED, &[1; 32]);
                assert_eq!(refused(&both), CKR_ATTRIBUTE_VALUE_INVALID);
                let short = template().bytes(CKA_SEED, &[1; 31]);
                assert_eq!(refused(&short), CKR_ATTRIBUTE_VALUE_INVALID);
            } else {
                let seed = template().bytes(CKA_VALUE, &value).bytes(CKA_SEED, &[1; 32]);
                assert_eq!(refused(&seed), CKR_TEMPLATE_INCONSISTENT);
            }
            assert_eq!(refused(&template()), CKR_TEMPLATE_INCOMPLETE);
            let no_set = Template::new().class(CKO_PRIVATE_KEY).ulong(CKA_KEY_TYPE, set.kind);
            assert_eq!(refused(&no_set.bytes(CKA_VALUE, &value)), CKR_TEMPLATE_INCOMPLETE);
            let other_set = Template::new()
                .class(CKO_PUBLIC_KEY)
                .ulong(CKA_KEY_TYPE, set.kind)
                .ulong(CKA_PARAMETER_SET, 99)
                .bytes(CKA_VALUE, &public_value);
            assert_eq!(refused(&other_set), CKR_PARAMETER_SET_NOT_SUPPORTED);
            let short = set.template(CKO_PUBLIC_KEY).bytes(CKA_VALUE, &public_value[1..]);
            assert_eq!(refused(&short), CKR_ATTRIBUTE_VALUE_INVALID);
        }
    }
}

alone! {
    fn hedged_deterministic_and_context_are_what_was_asked_for() {
        let world = World::new();
        let session = world.user();
        for set in SHORT {
            let (public, private) = set.pair(session, &Template::new());
            let sign = |hedge, context: &[u8]| {
                session.sign(&signature_context(set.pure, hedge, context), private, b"message")
            };
            let one = sign(CKH_DETERMINISTIC_REQUIRED, b"context").unwrap();
            assert_eq!(sign(CKH_DETERMINISTIC_REQUIRED, b"context").unwrap(), one);
            for hedge in [CKH_HEDGE_PREFERRED, CKH_HEDGE_REQUIRED] {
                let two = [sign(hedge, b"context").unwrap(), sign(hedge, b"context").unwrap()];
                assert!(two[0] != two[1] && !two.contains(&one));
            }
            for hedge in [3, CK_ULONG::MAX] {
                assert_eq!(sign(hedge, b"context"), Err(Rv(CKR_MECHANISM_PARAM_INVALID)));
            }
            assert!(sign(CKH_HEDGE_PREFERRED, &[7; 255]).is_ok());
            assert_eq!(sign(CKH_HEDGE_PREFERRED, &[7; 256]), Err(Rv(CKR_MECHANISM_PARAM_INVALID)));
            let verify = |hedge, context: &[u8]| {
                session.verify(&signature_context(set.pure, hedge, context), public, b"message", &one)
            };
            // What stands in the variant is ignored by who verifies.
            for hedge in [CKH_HEDGE_PREFERRED, CKH_DETERMINISTIC_REQUIRED, 99] {
                assert_eq!(verify(hedge, b"context"), Ok(()));
            }
            assert_eq!(verify(CKH_HEDGE_PREFERRED, b"contexT"), Err(Rv(CKR_SIGNATURE_INVALID)));
            let none = session.verify(&Mechanism::plain(set.pure), public, b"message", &one);
            assert_eq!(none, Err(Rv(CKR_SIGNATURE_INVALID)));
        }
    }
}

alone! {
    fn digests_of_the_callers_and_of_the_tokens_are_one() {
        let world = World::new();
        let session = world.user();
        let digest = session.digest(&Mechanism::plain(CKM_SHA512), b"message").unwrap();
        for (set, by_caller, by_token) in [
            (SHORT[0], CKM_HASH_ML_DSA, CKM_HASH_ML_DSA_SHA512),
            (SHORT[1], CKM_HASH_SLH_DSA, CKM_HASH_SLH_DSA_SHA512),
        ] {
            let (public, private) = set.pair(session, &Template::new());
            let hashed =
                hash_signature_context(by_caller, CKH_DETERMINISTIC_REQUIRED, b"context", CKM_SHA512);
            let hashing = signature_context(by_token, CKH_DETERMINISTIC_REQUIRED, b"context");
            let signature = session.sign(&hashed, private, &digest).unwrap();
            assert_eq!(session.sign(&hashing, private, b"message"), Ok(signature.clone()));
            assert_eq!(session.sign_parts(&hashing, private, b"message"), Ok(signature.clone()));
            assert_eq!(session.verify(&hashing, public, b"message", &signature), Ok(()));
            let pure = signature_context(set.pure, CKH_HEDGE_PREFERRED, b"context");
            let refused = session.verify(&pure, public, b"message", &signature);
            assert_eq!(refused, Err(Rv(CKR_SIGNATURE_INVALID)));
            let short = session.sign(&hashed, private, &digest[1..]);
            assert_eq!(short, Err(Rv(CKR_DATA_LEN_RANGE)));
            for hash in [CKM_SHA_1, CKM_SHA512_HMAC, CKM_ML_DSA] {
                let wrong = hash_signature_context(by_caller, CKH_HEDGE_PREFERRED, b"", hash);
                assert_eq!(session.sign_init(&wrong, private), Err(Rv(CKR_MECHANISM_PARAM_INVALID)));
            }
            let none = session.sign_init(&Mechanism::plain(by_caller), private);
            assert_eq!(none, Err(Rv(CKR_MECHANISM_PARAM_INVALID)));
            // The other family's key.
            let other = if set.has_seed() { CKM_SLH_DSA } else { CKM_ML_DSA };
            let refused = session.sign_init(&Mechanism::plain(other), private);
            assert_eq!(refused, Err(Rv(CKR_KEY_TYPE_INCONSISTENT)));
            assert!(session.sign_init(&Mechanism::plain(set.pure), public).is_err());
        }
    }
}

alone! {
    fn keys_are_wrapped_unwrapped_and_kept() {
        let world = World::new();
        let session = world.user();
        let kek = session.aes(Template::new().uses(&[CKA_WRAP, CKA_UNWRAP])).unwrap();
        let carrier = Mechanism::plain(CKM_AES_KEY_WRAP_KWP);
        let mut signatures = Vec::new();
        for set in [SETS[1], SETS[4]] {
            let (public, private) = set.pair(session, &Template::new().flag(CKA_EXTRACTABLE, true).uses(&[CKA_DERIVE]));
            let wrapped = session.wrap(&carrier, kek, private).unwrap();
            let template = Template::token()
                .class(CKO_PRIVATE_KEY)
                .ulong(CKA_KEY_TYPE, set.kind)
                .flag(CKA_EXTRACTABLE, false)
                .uses(&[CKA_SIGN]);
            let back = session.unwrap(&carrier, kek, &wrapped, &template).unwrap();
            assert_eq!(session.get_ulong(back, CKA_PARAMETER_SET), Ok(set.number));
            assert_eq!(session.get(back, CKA_PUBLIC_KEY_INFO), session.get(public, CKA_PUBLIC_KEY_INFO));
            let pure = signature_context(set.pure, CKH_DETERMINISTIC_REQUIRED, b"");
            let signature = session.sign(&pure, back, b"message").unwrap();
            assert_eq!(session.verify(&pure, public, b"message", &signature), Ok(()));
            signatures.push((set, pure, signature));
            let other = Template::new().class(CKO_PRIVATE_KEY).ulong(CKA_KEY_TYPE, CKK_ML_KEM);
            assert_eq!(session.unwrap(&carrier, kek, &wrapped, &other), Err(Rv(CKR_TEMPLATE_INCONSISTENT)));
        }
        // The private keys were sealed in the store, and open again.
        session.close().unwrap();
        world.stop();
        world.start();
        let session = world.user();
        for (set, pure, signature) in signatures {
            let kept = session.find(&set.template(CKO_PRIVATE_KEY)).unwrap();
            assert_eq!(kept.len(), 1);
            assert_eq!(session.sign(&pure, kept[0], b"message"), Ok(signature));
        }
    }
}

alone! {
    fn wrapped_keys_whose_parts_do_not_fit_are_refused() {
        let world = World::new();
        let both = "unsafe_allow = [\"wrap-under-imported\", \"unwrap-under-imported\"]\n";
        super::installed::install_text(&world, both);
        let session = world.user();
        let kek = |uses: &[CK_ATTRIBUTE_TYPE]| {
            let template = Template::new().class(CKO_SECRET_KEY).ulong(CKA_KEY_TYPE, CKK_AES);
            session.create(&template.bytes(CKA_VALUE, &[0x55; 32]).uses(uses)).unwrap()
        };
        let (seals, wraps) = (kek(&[CKA_ENCRYPT, CKA_DECRYPT]), kek(&[CKA_WRAP, CKA_UNWRAP]));
        let carrier = Mechanism::iv(CKM_AES_CBC_PAD, &[7; 16]);
        for set in SHORT {
            let (_, private) = set.pair(session, &Template::new().flag(CKA_EXTRACTABLE, true).uses(&[CKA_DERIVE]));
            let wrapped = session.wrap(&carrier, wraps, private).unwrap();
            let plain = session.decrypt(&carrier, seals, &wrapped).unwrap();
            let template = Template::new().class(CKO_PRIVATE_KEY).ulong(CKA_KEY_TYPE, set.kind).uses(&[CKA_SIGN]);
            let unwrap = |plain: &[u8]| {
                let sealed = session.encrypt(&carrier, seals, plain).unwrap();
                session.unwrap(&carrier, wraps, &sealed, &template).map(|_| ())
            };
            assert_eq!(unwrap(&plain), Ok(()));
            // In the seed, s1 and t0; in SK.seed, PK.seed and PK.root. SK.prf is in no tree.
            let places = if set.has_seed() { [40, plain.len() / 2, plain.len() - 1] } else { [25, 60, 83] };
            for at in places {
                let mut wrong = plain.clone();
                wrong[at] ^= 1;
                assert_eq!(unwrap(&wrong), Err(Rv(CKR_WRAPPED_KEY_INVALID)), "{at}");
            }
            assert_eq!(unwrap(&[&plain[..], &[0]].concat()), Err(Rv(CKR_WRAPPED_KEY_INVALID)));
            assert_eq!(unwrap(&plain[..plain.len() - 1]), Err(Rv(CKR_WRAPPED_KEY_INVALID)));
        }
    }
}

alone! {
    fn the_first_use_binds_the_purpose_and_states_are_obeyed() {
        let world = World::new();
        let session = world.user();
        for set in SHORT {
            let (public, private) = set.pair(session, &Template::new());
            let pure = Mechanism::plain(set.pure);
            let signature = session.sign(&pure, private, b"message").unwrap();
            // 1: signatures.
            assert_eq!(session.get_ulong(private, CKA_KEYWARD_PURPOSE), Ok(1));
            session.set_state(private, SUSPENDED).unwrap();
            assert_eq!(session.sign(&pure, private, b"message"), Err(Rv(CKR_KEY_FUNCTION_NOT_PERMITTED)));
            session.set_state(private, ACTIVE).unwrap();
            assert!(session.sign(&pure, private, b"message").is_ok());
            let (generation, none) = (Mechanism::plain(set.generation), Template::new());
            let public_template = Template::new().ulong(CKA_PARAMETER_SET, set.number);
            let leaving = Template::new().flag(CKA_EXTRACTABLE, true).uses(&[CKA_SIGN]);
            let made = session.generate_pair(&generation, &public_template, &leaving);
            assert_eq!(made.err(), Some(Rv(CKR_TEMPLATE_INCONSISTENT)), "a signing key that may leave");
            let copy = session.copy(public, &none).unwrap();
            assert_eq!(session.verify(&pure, copy, b"message", &signature), Ok(()));
        }
    }
}
