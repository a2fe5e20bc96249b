//! Diffie-Hellman in finite fields: keys, domain parameters, secrets, and numbers that are no keys.

use super::*;
use crate::{alone, call};

const DOMAIN: Rv = Rv(CKR_DOMAIN_PARAMS_INVALID);
const INVALID: Rv = Rv(CKR_ATTRIBUTE_VALUE_INVALID);
const READ_ONLY: Rv = Rv(CKR_ATTRIBUTE_READ_ONLY);

/// RFC 3526, 3.
const MODP2048: &str = "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404ddef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7edee386bfb5a899fa5ae9f24117c4b1fe649286651ece45b3dc2007cb8a163bf0598da48361c55d39a69163fa8fd24cf5f83655d23dca3ad961c62f356208552bb9ed529077096966d670c354e4abc9804f1746c08ca18217c32905e462e36ce3be39e772c180e86039b2783a2ec07a28fb5c55df06f4c52c9de2bcbf6955817183995497cea956ae515d2261898fa051015728e5a8aacaa68ffffffffffffffff";
/// NIST ACVP, KAS-FFC-SSC Sp800-56Ar3, ffdhe2048, test 1: a private key, the other's public key, and the secret.
const PRIVATE: &str = "71380e69933d9b7f45f1ca918946ee38caf12dbaeae8ab169b205f2ebd9f438153791c5c768454bb280cd2cd9c73777947c951562e68529fd321c333c00055b0f5feffd1b0a0a2ccc513e9741332ce9a38e645019395164162467e41c080e599bd23f29df98ce5ba18858db705363a6a5a2f4ef77a205217546eaa29583531dadedcdd218729632c43a13540913fdfa108ca8f0cbbb0b958081b40ae20d6437193b87e210c8a2275a122e0eeb9e2b228ed16f069c5e590b7347312b285f8bbea7910e7b7eeef7202539467d769b4a832da593c254ecee9b440a3a82bf7f2ee44b6905cda7fdfd6e352a2d5acd3924618388040712d5bdbcbc5fe5a20048ef05c";
const PEER: &str = "d15b2174dc6b2d45f0d5ef1de4d909749501870632f1d41b6a483a57033c37872bd58c47d8405883ea956737eaefffa366962a6082c72148a7ca521d9ebcb8f2e61b3ca1720e0b084c2931f061ebf61766471dc82018b1b1873f5ef9f14ba8665ac91eb1fcdf11a44425b3b4177f8ae4717a98e5b9d3f9570857a1d230c40eef15bd3e96f46830eeb995e6b814da23205dd6a1408ad4892610d260813a2b4b9ea38ce8f8250c5db37b2026375eda1a8cba439f63d96008f625b56d08275e6e773e9dee435b9d0a2e831d02cd03aa5d9ebaa7fc752c75b3179fa43d4ee89945dc2c44017c7c9abcd4a21003b982c4bd398d2c228e4689704518056625517b50ad";
const SECRET: &str = "5d52a8867a2b18fc492429e6b78a366e4a9acfc76cd500b92e993f1ebe29445f394f34e4893a1e39018624a5af0b27b665c5a8f1957e3043d33f13ddda808e8024e20dfdccfce80c9de65d5ca18c762828e3a9044e97bfa051007972ab2003c5ec00b7e6d29dea98e11e0e85405477cbbf9219c018bda9197657f139e75ba16a6c68bbfa654bc3d45b52ea06e7d65bcb6dcb35e6a05941938d0d195f4fd1c12bdc184c104bf97879a25b69847b973aad933588eba91e414a0ee5169259691cb3fe551fe8a748d3f93ed323d01888bca0c87aebd0e3bbb48f6836e46d5558f2889eaab86804c68c1509243c63a24ddeff0566ff726ad3385add44c811cb09b46f";

fn parameters(session: Session<'_>, bits: CK_ULONG, template: Template) -> Answer<Key> {
    session.generate(&Mechanism::plain(CKM_DH_PKCS_PARAMETER_GEN), &template.ulong(CKA_PRIME_BITS, bits))
}

/// The prime of RFC 7919 that has so many bits.
fn prime(session: Session<'_>, bits: CK_ULONG) -> Vec<u8> {
    let parameters = parameters(session, bits, Template::new()).unwrap();
    session.get(parameters, CKA_PRIME).unwrap()
}

fn pair(session: Session<'_>, prime: &[u8], public: Template, private: &Template) -> Answer<(Key, Key)> {
    let public = public.bytes(CKA_PRIME, prime).bytes(CKA_BASE, &[2]);
    session.generate_pair(&Mechanism::plain(CKM_DH_PKCS_KEY_PAIR_GEN), &public, private)
}

fn half(class: CK_OBJECT_CLASS, prime: &[u8], base: &[u8], value: &[u8]) -> Template {
    let template = Template::new().class(class).ulong(CKA_KEY_TYPE, CKK_DH);
    template.bytes(CKA_PRIME, prime).bytes(CKA_BASE, base).bytes(CKA_VALUE, value)
}

fn by(public: &[u8]) -> Mechanism {
    Mechanism::iv(CKM_DH_PKCS_DERIVE, public)
}

alone! {
    fn both_sides_have_one_secret_in_every_group() {
        let world = World::new();
        let session = world.user();
        let primes = [prime(session, 2048), prime(session, 3072), prime(session, 4096), hex(MODP2048)];
        for prime in primes {
            let make = || pair(session, &prime, Template::new(), &Template::new()).unwrap();
            let ((one_public, one), (other_public, other)) = (make(), make());
            let agree = |private, public| {
                let public = session.get(public, CKA_VALUE).unwrap();
                let template = open().class(CKO_SECRET_KEY).ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET);
                session.derive(&by(&public), private, &template).unwrap()
            };
            let (left, right) = (agree(one, other_public), agree(other, one_public));
            let value = session.get(left, CKA_VALUE).unwrap();
            assert_eq!(value.len(), prime.len());
            assert_eq!(session.get(right, CKA_VALUE).unwrap(), value);
            assert_eq!(session.get_ulong(left, CKA_KEYWARD_ORIGIN).unwrap(), 4);
            for key in [one_public, one] {
                assert_eq!(session.get_ulong(key, CKA_KEY_TYPE).unwrap(), CKK_DH);
                assert_eq!(session.get(key, CKA_PRIME).unwrap(), prime);
                assert_eq!(session.get(key, CKA_BASE).unwrap(), [2]);
                assert_eq!(session.get_ulong(key, CKA_KEY_GEN_MECHANISM).unwrap(), CKM_DH_PKCS_KEY_PAIR_GEN);
                assert_eq!(session.get_ulong(key, CKA_KEYWARD_PURPOSE).unwrap(), 5);
                assert!(session.get_bool(key, CKA_DERIVE).unwrap() && session.get_bool(key, CKA_LOCAL).unwrap());
            }
            assert_eq!(session.get(one, CKA_PUBLIC_KEY_INFO), session.get(one_public, CKA_PUBLIC_KEY_INFO));
            assert_eq!(session.get(one, CKA_VALUE), Err(Rv(CKR_ATTRIBUTE_SENSITIVE)));
            assert!(session.get_ulong(one, CKA_VALUE_BITS).unwrap() >= 225);
        }
    }
}

alone! {
    fn secret_of_acvp_comes_out_and_is_cut_at_its_beginning() {
        let world = World::new();
        let session = world.user();
        let prime = prime(session, 2048);
        let key = half(CKO_PRIVATE_KEY, &prime, &[2], &hex(PRIVATE)).flag(CKA_DERIVE, true);
        let key = session.create(&key).unwrap();
        assert_eq!(session.get_ulong(key, CKA_VALUE_BITS).unwrap(), 2047);
        assert!(!session.get_bool(key, CKA_LOCAL).unwrap());
        let derive = |template: Template| {
            let template = template.flag(CKA_SENSITIVE, false).flag(CKA_EXTRACTABLE, true);
            derived(session, &by(&hex(PEER)), key, &template)
        };
        let secret = hex(SECRET);
        // "If no length or key type is provided in the template, then the key produced by this mechanism will be a
        // generic secret key of the length of the prime."
        assert_eq!(derive(Template::new()), Ok(secret.clone()));
        assert_eq!(derive(of_len(Template::new(), 32)), Ok(secret[224..].to_vec()));
        let of_type = |kind| Template::new().ulong(CKA_KEY_TYPE, kind);
        assert_eq!(derive(of_len(of_type(CKK_AES), 24)), Ok(secret[232..].to_vec()));
        assert_eq!(derive(of_type(CKK_CHACHA20)), Ok(secret[224..].to_vec()));
        assert_eq!(derive(of_type(CKK_AES)), Err(Rv(CKR_TEMPLATE_INCOMPLETE)));
        assert_eq!(derive(of_len(Template::new(), 257)), Err(Rv(CKR_KEY_SIZE_RANGE)));
        // So little of it could be searched for.
        assert_eq!(derive(of_len(Template::new(), 13)), Err(Rv(CKR_KEY_SIZE_RANGE)));
    }
}

alone! {
    fn numbers_that_are_no_keys_are_refused() {
        let world = World::new();
        let session = world.user();
        let prime = prime(session, 2048);
        let (_, key) = pair(session, &prime, Template::new(), &Template::new()).unwrap();
        let less = |by: u8| {
            let mut number = prime.clone();
            number[255] -= by;
            number
        };
        // Nothing, 0, 1, p - 1, p, more than p, a number that is no square, too long a number.
        let wrong: [Vec<u8>; 8] =
            [vec![0], vec![1], less(1), prime.clone(), vec![0xFF; 256], less(4), vec![1; 257], vec![7; 5000]];
        for public in &wrong {
            let refused = session.derive(&by(public), key, &Template::new());
            assert!(matches!(refused, Err(Rv(CKR_PUBLIC_KEY_INVALID | CKR_MECHANISM_PARAM_INVALID))), "{refused:?}");
            assert_eq!(session.create(&half(CKO_PUBLIC_KEY, &prime, &[2], public)), Err(INVALID));
        }
        assert_eq!(session.derive(&by(&[1]), key, &Template::new()), Err(Rv(CKR_PUBLIC_KEY_INVALID)));
        let plain = Mechanism::plain(CKM_DH_PKCS_DERIVE);
        assert_eq!(session.derive(&plain, key, &Template::new()), Err(Rv(CKR_MECHANISM_PARAM_INVALID)));
        session.derive(&by(&[4]), key, &Template::new()).unwrap();
        let private = |value: &[u8]| session.create(&half(CKO_PRIVATE_KEY, &prime, &[2], value).flag(CKA_DERIVE, true));
        for value in [&[0][..], &[1], &prime, &[0xFF; 256], &[1; 257]] {
            assert_eq!(private(value), Err(INVALID));
        }
        let key = private(&[0x5A; 29]).unwrap();
        assert_eq!(session.get_ulong(key, CKA_VALUE_BITS).unwrap(), 231);
    }
}

alone! {
    /// Only groups that have names: what the order of another base is nobody can tell from the key.
    fn other_groups_are_refused_wherever_they_come_from() {
        let world = World::new();
        let session = world.user();
        let prime = prime(session, 2048);
        let mut other = prime.clone();
        other[99] ^= 4;
        for (prime, base) in [(&other, &[2][..]), (&prime, &[5]), (&prime, &[]), (&prime, &prime)] {
            let public = Template::new().bytes(CKA_PRIME, prime).bytes(CKA_BASE, base);
            let generation = Mechanism::plain(CKM_DH_PKCS_KEY_PAIR_GEN);
            assert_eq!(session.generate_pair(&generation, &public, &Template::new()), Err(DOMAIN));
            assert_eq!(session.create(&half(CKO_PUBLIC_KEY, prime, base, &[4])), Err(DOMAIN));
            assert_eq!(session.create(&half(CKO_PRIVATE_KEY, prime, base, &[7; 29])), Err(DOMAIN));
            let parameters = Template::new().class(CKO_DOMAIN_PARAMETERS).ulong(CKA_KEY_TYPE, CKK_DH);
            let parameters = parameters.bytes(CKA_PRIME, prime).bytes(CKA_BASE, base);
            assert_eq!(session.create(&parameters), Err(DOMAIN));
        }
        // Sizes that no group has, and a pair without a group.
        let short = Template::new().bytes(CKA_PRIME, &prime[..128]).bytes(CKA_BASE, &[2]);
        let generation = Mechanism::plain(CKM_DH_PKCS_KEY_PAIR_GEN);
        let refused = session.generate_pair(&generation, &short, &Template::new());
        assert_eq!(refused, Err(Rv(CKR_KEY_SIZE_RANGE)));
        for thin in [Template::new(), Template::new().bytes(CKA_PRIME, &prime), Template::new().bytes(CKA_BASE, &[2])] {
            let refused = session.generate_pair(&generation, &thin, &Template::new());
            assert_eq!(refused, Err(Rv(CKR_TEMPLATE_INCOMPLETE)));
        }
        // The private half takes its group from the public one.
        let private = Template::new().bytes(CKA_PRIME, &prime);
        assert_eq!(pair(session, &prime, Template::new(), &private), Err(READ_ONLY));
        let value = Template::new().bytes(CKA_VALUE, &[7; 29]);
        assert_eq!(pair(session, &prime, Template::new(), &value), Err(READ_ONLY));
        assert_eq!(pair(session, &prime, value, &Template::new()), Err(READ_ONLY));
        for bits in [0, 1, 223, 2048, 1 << 31, 1 << 32, CK_ULONG::MAX] {
            let private = Template::new().ulong(CKA_VALUE_BITS, bits);
            assert_eq!(pair(session, &prime, Template::new(), &private), Err(INVALID), "{bits}");
        }
        for bits in [224, 300, 2047] {
            let private = Template::new().ulong(CKA_VALUE_BITS, bits);
            let (_, key) = pair(session, &prime, Template::new(), &private).unwrap();
            assert_eq!(session.get_ulong(key, CKA_VALUE_BITS).unwrap(), bits);
        }
        let bits = half(CKO_PRIVATE_KEY, &prime, &[2], &[7; 29]).ulong(CKA_VALUE_BITS, 231);
        assert_eq!(session.create(&bits), Err(READ_ONLY));
    }
}

alone! {
    fn domain_parameters_are_made_brought_in_found_and_used() {
        let world = World::new();
        let session = world.user();
        for bits in [2048, 3072, 4096, 6144, 8192] {
            let made = parameters(session, bits, Template::token().label("group")).unwrap();
            assert_eq!(session.get_ulong(made, CKA_CLASS).unwrap(), CKO_DOMAIN_PARAMETERS);
            assert_eq!(session.get_ulong(made, CKA_KEY_TYPE).unwrap(), CKK_DH);
            assert_eq!(session.get_ulong(made, CKA_PRIME_BITS).unwrap(), bits);
            assert_eq!(session.get(made, CKA_PRIME).unwrap().len() as CK_ULONG * 8, bits);
            assert_eq!(session.get(made, CKA_BASE).unwrap(), [2]);
            assert!(session.get_bool(made, CKA_LOCAL).unwrap() && !session.get_bool(made, CKA_PRIVATE).unwrap());
            // It has no life and no purpose: it is no key.
            assert_eq!(session.get_ulong(made, CKA_KEYWARD_STATE), Err(Rv(CKR_ATTRIBUTE_TYPE_INVALID)));
        }
        let of_class = Template::new().class(CKO_DOMAIN_PARAMETERS);
        assert_eq!(session.find(&of_class).unwrap().len(), 5);
        let brought = of_class.clone().ulong(CKA_KEY_TYPE, CKK_DH).bytes(CKA_PRIME, &hex(MODP2048)).bytes(CKA_BASE, &[2]);
        let object = session.create(&brought).unwrap();
        assert_eq!(session.get_ulong(object, CKA_PRIME_BITS).unwrap(), 2048);
        assert!(!session.get_bool(object, CKA_LOCAL).unwrap());
        let copy = session.copy(object, &Template::new().label("copy")).unwrap();
        assert_eq!(session.get(copy, CKA_PRIME).unwrap(), hex(MODP2048));
        session.set(copy, &Template::new().label("renamed")).unwrap();
        assert_eq!(session.set(copy, &Template::new().bytes(CKA_BASE, &[2; 2])), Err(READ_ONLY));
        session.destroy(object).unwrap();
        // The prime and base of the object make keys.
        let prime = session.get(copy, CKA_PRIME).unwrap();
        pair(session, &prime, Template::new(), &Template::new()).unwrap();
        // What is wrong with a template.
        for bits in [0, 512, 1024, 2049, 16384, CK_ULONG::MAX] {
            assert_eq!(parameters(session, bits, Template::new()), Err(Rv(CKR_KEY_SIZE_RANGE)), "{bits}");
        }
        let generation = Mechanism::plain(CKM_DH_PKCS_PARAMETER_GEN);
        assert_eq!(session.generate(&generation, &Template::new()), Err(Rv(CKR_TEMPLATE_INCOMPLETE)));
        assert_eq!(parameters(session, 2048, Template::new().bytes(CKA_PRIME, &prime)), Err(READ_ONLY));
        assert_eq!(parameters(session, 2048, Template::new().flag(CKA_LOCAL, true)), Err(READ_ONLY));
        assert_eq!(session.create(&brought.clone().ulong(CKA_PRIME_BITS, 2048)), Err(READ_ONLY));
        for (class, kind) in [(CKO_SECRET_KEY, CKK_DH), (CKO_DOMAIN_PARAMETERS, CKK_DSA)] {
            let template = Template::new().class(class).ulong(CKA_KEY_TYPE, kind);
            assert_eq!(parameters(session, 2048, template), Err(Rv(CKR_TEMPLATE_INCONSISTENT)));
        }
        for kind in [CKK_DSA, CKK_X9_42_DH, CKK_EC, CKK_AES] {
            let other = of_class.clone().ulong(CKA_KEY_TYPE, kind).bytes(CKA_PRIME, &prime).bytes(CKA_BASE, &[2]);
            assert_eq!(session.create(&other), Err(INVALID));
        }
        assert_eq!(session.derive(&by(&[4]), copy, &Template::new()), Err(Rv(CKR_KEY_HANDLE_INVALID)));
        // They outlive the process.
        world.stop();
        world.start();
        let session = world.module.read_only(world.slot);
        assert_eq!(session.find(&of_class).unwrap().len(), 5);
    }
}

alone! {
    fn private_key_goes_out_wrapped_and_comes_back() {
        let world = World::new();
        let session = world.user();
        let prime = prime(session, 2048);
        let private = Template::new().flag(CKA_EXTRACTABLE, true);
        let (public, key) = pair(session, &prime, Template::new(), &private).unwrap();
        let over = session.aes(Template::new().uses(&[CKA_WRAP, CKA_UNWRAP])).unwrap();
        let way = Mechanism::plain(CKM_AES_KEY_WRAP_KWP);
        let wrapped = session.wrap(&way, over, key).unwrap();
        let template = Template::new().class(CKO_PRIVATE_KEY).ulong(CKA_KEY_TYPE, CKK_DH).flag(CKA_DERIVE, true);
        let back = session.unwrap(&way, over, &wrapped, &template).unwrap();
        assert_eq!(session.get(back, CKA_PUBLIC_KEY_INFO), session.get(public, CKA_PUBLIC_KEY_INFO));
        assert_eq!(session.get(back, CKA_PRIME).unwrap(), prime);
        assert_eq!(session.get_ulong(back, CKA_VALUE_BITS), session.get_ulong(key, CKA_VALUE_BITS));
        let peer = session.get(public, CKA_VALUE).unwrap();
        let value = |key| derived(session, &by(&peer), key, &open()).unwrap();
        assert_eq!(value(back), value(key));
        let rsa = Template::new().class(CKO_PRIVATE_KEY).ulong(CKA_KEY_TYPE, CKK_RSA);
        assert!(session.unwrap(&way, over, &wrapped, &rsa).is_err());
    }
}

alone! {
    /// The base key's purpose is agreement, which a use for something else does not go with; a public key derives nothing.
    fn only_private_keys_that_derive_agree() {
        let world = World::new();
        let session = world.user();
        let prime = prime(session, 2048);
        let (public, key) = pair(session, &prime, Template::new(), &Template::new()).unwrap();
        let peer = session.get(public, CKA_VALUE).unwrap();
        assert!(session.derive(&by(&peer), public, &Template::new()).is_err());
        let (_, other) = session.p256(Template::new(), Template::new().flag(CKA_DERIVE, true)).unwrap();
        assert_eq!(session.derive(&by(&peer), other, &Template::new()), Err(Rv(CKR_KEY_TYPE_INCONSISTENT)));
        let ecdh = Mechanism::ecdh(CKM_ECDH1_DERIVE, &[4; 65]);
        assert_eq!(session.derive(&ecdh, key, &Template::new()), Err(Rv(CKR_KEY_TYPE_INCONSISTENT)));
        session.set_state(key, COMPROMISED).unwrap();
        assert_eq!(session.derive(&by(&peer), key, &Template::new()), Err(Rv(CKR_KEY_FUNCTION_NOT_PERMITTED)));
    }
}

alone! {
    /// PKCS#11 3.2: the ciphertext of an encapsulation is a public key of this one call.
    fn keys_encapsulate_and_decapsulate() {
        let world = World::new();
        let session = world.user();
        let prime = prime(session, 2048);
        let public = Template::new().flag(CKA_ENCAPSULATE, true);
        let (public, private) = pair(session, &prime, public, &Template::new().flag(CKA_DECAPSULATE, true)).unwrap();
        let template = of_len(open().class(CKO_SECRET_KEY).ulong(CKA_KEY_TYPE, CKK_AES), 32);
        let (mut ciphertext, mut len, mut key) = (vec![0; 256], 256, 0);
        let encapsulate = |out: *mut u8, len: *mut CK_ULONG, key: *mut Key| {
            Mechanism::plain(CKM_DH_PKCS_DERIVE).with(|mechanism| {
                template.with(|list, count| {
                    call!(world.module, C_EncapsulateKey, session.handle, mechanism, public, list, count, out, len, key)
                })
            })
        };
        encapsulate(ciphertext.as_mut_ptr(), &raw mut len, &raw mut key).unwrap();
        assert_eq!(len, 256);
        let decapsulate = |mechanism: &Mechanism, bytes: &mut [u8], key: &mut Key| {
            let (start, len) = (bytes.as_mut_ptr(), bytes.len() as CK_ULONG);
            mechanism.with(|mechanism| {
                template.with(|list, count| {
                    call!(
                        world.module, C_DecapsulateKey, session.handle, mechanism, private, list, count, start, len,
                        &raw mut *key
                    )
                })
            })
        };
        let (plain, mut back) = (Mechanism::plain(CKM_DH_PKCS_DERIVE), 0);
        decapsulate(&plain, &mut ciphertext, &mut back).unwrap();
        assert_eq!(session.get(back, CKA_VALUE).unwrap(), session.get(key, CKA_VALUE).unwrap());
        let wrong = decapsulate(&plain, &mut [0xFF; 256], &mut back);
        assert_eq!(wrong, Err(Rv(CKR_WRAPPED_KEY_INVALID)));
        let parameter = decapsulate(&by(&[4]), &mut ciphertext, &mut back);
        assert_eq!(parameter, Err(Rv(CKR_MECHANISM_PARAM_INVALID)));
        // It was made for encapsulation alone.
        let refused = session.derive(&by(&[4]), private, &Template::new());
        assert_eq!(refused, Err(Rv(CKR_KEY_FUNCTION_NOT_PERMITTED)));
    }
}
