//! Keys joined, cut and changed: the specification's examples, the rules of inheritance, and that no key that may not be
//! read comes out in pieces.

use super::*;
use crate::alone;
use crate::installed::{install, write};

const BASE: [u8; 16] = [0x01; 16];
const OTHER: [u8; 16] = [0x8A; 16];
const INCONSISTENT: Rv = Rv(CKR_TEMPLATE_INCONSISTENT);
const SIZE: Rv = Rv(CKR_KEY_SIZE_RANGE);
/// The reason `fragment`.
const FRAGMENT: CK_ULONG = 0x409;

alone! {
    fn joined_and_cut_values_are_those_of_the_specification() {
        let world = World::new();
        let session = world.user();
        let of = |value: &[u8], mechanism: &Mechanism, template: &Template| {
            derived(session, mechanism, secret(session, value), template).unwrap()
        };
        // Four times the examples' four bytes: shorter keys are too weak to derive.
        let (base, other) = ([0x01, 0x23, 0x45, 0x67].repeat(4), [0x89, 0xAB, 0xCD, 0xEF].repeat(4));
        let second = secret(session, &other);
        let both = [&base[..], &other].concat();
        assert_eq!(of(&base, &number(CKM_CONCATENATE_BASE_AND_KEY, second), &open()), both);
        assert_eq!(of(&base, &string(CKM_CONCATENATE_BASE_AND_DATA, &other), &open()), both);
        assert_eq!(of(&other, &string(CKM_CONCATENATE_DATA_AND_BASE, &base), &open()), both);
        assert_eq!(of(&base, &string(CKM_XOR_BASE_AND_DATA, &other), &open()), [0x88; 16]);
        let extract = number(CKM_EXTRACT_KEY_FROM_KEY, 21);
        let base = [0x32, 0x9F, 0x84, 0xA9].repeat(4);
        assert_eq!(of(&base, &extract, &of_len(open(), 2)), [0x95, 0x26]);
        // FIPS 180-4, "abcdbcdecdef...".
        let hash = Mechanism::plain(CKM_SHA256_KEY_DERIVATION);
        let message = b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
        assert_eq!(of(message, &hash, &open())[..4], [0x24, 0x8D, 0x6A, 0x61]);
        let short = secret(session, &[0x32, 0x9F, 0x84, 0xA9]);
        assert_eq!(session.derive(&extract, short, &of_len(open(), 2)), Err(SIZE));
    }
}

alone! {
    /// "If no length is provided in the template, but a key type is, then that key type must have a well-defined length."
    fn type_and_length_settle_each_other() {
        let world = World::new();
        let session = world.user();
        let join = string(CKM_CONCATENATE_BASE_AND_DATA, &OTHER);
        let base = secret(session, &BASE);
        let derive = |template: Template| session.derive(&join, base, &template);
        let kind = |key| session.get_ulong(key, CKA_KEY_TYPE).unwrap();
        let len = |key| session.get_ulong(key, CKA_VALUE_LEN).unwrap();
        let key = derive(open()).unwrap();
        assert_eq!((kind(key), len(key)), (CKK_GENERIC_SECRET, 32));
        let key = derive(of_len(open(), 20)).unwrap();
        assert_eq!((kind(key), len(key)), (CKK_GENERIC_SECRET, 20));
        let key = derive(open().ulong(CKA_KEY_TYPE, CKK_CHACHA20)).unwrap();
        assert_eq!((kind(key), len(key)), (CKK_CHACHA20, 32));
        let key = derive(of_len(open().ulong(CKA_KEY_TYPE, CKK_AES), 24)).unwrap();
        assert_eq!((kind(key), len(key)), (CKK_AES, 24));
        assert_eq!(derive(open().ulong(CKA_KEY_TYPE, CKK_AES)), Err(Rv(CKR_TEMPLATE_INCOMPLETE)));
        assert!(derive(of_len(open().ulong(CKA_KEY_TYPE, CKK_AES), 20)).is_err());
        assert_eq!(derive(of_len(open(), 33)), Err(SIZE));
        assert_eq!(derive(open().class(CKO_PRIVATE_KEY)), Err(INCONSISTENT));
        assert_eq!(derive(open().bytes(CKA_VALUE, &[1; 32])), Err(Rv(CKR_ATTRIBUTE_READ_ONLY)));
        let short = number(CKM_EXTRACT_KEY_FROM_KEY, 0);
        assert_eq!(session.derive(&short, base, &open()), Err(Rv(CKR_TEMPLATE_INCOMPLETE)));
        let beyond = number(CKM_EXTRACT_KEY_FROM_KEY, 128);
        assert_eq!(session.derive(&beyond, base, &of_len(open(), 16)), Err(Rv(CKR_MECHANISM_PARAM_INVALID)));
    }
}

alone! {
    /// "If either of the two original keys has its CKA_SENSITIVE attribute set to CK_TRUE, so does the derived key."
    fn joined_keys_are_as_closed_as_their_originals() {
        let world = World::new();
        let session = world.user();
        let (open_key, closed_key) = (secret(session, &BASE), closed(session, 16));
        let derive = |base, mechanism: &Mechanism, template: &Template| session.derive(mechanism, base, template);
        for mechanism in [
            string(CKM_CONCATENATE_BASE_AND_DATA, &OTHER),
            string(CKM_CONCATENATE_DATA_AND_BASE, &OTHER),
            string(CKM_XOR_BASE_AND_DATA, &OTHER),
            number(CKM_CONCATENATE_BASE_AND_KEY, open_key),
        ] {
            let key = derive(closed_key, &mechanism, &Template::new()).unwrap();
            let both = mechanism.ckm == CKM_CONCATENATE_BASE_AND_KEY;
            assert_eq!(history(session, key), [true, false, !both, !both], "{:#x}", mechanism.ckm);
            for template in [open(), Template::new().flag(CKA_SENSITIVE, false), Template::new().flag(CKA_EXTRACTABLE, true)] {
                assert_eq!(derive(closed_key, &mechanism, &template), Err(INCONSISTENT));
            }
            // What may be read may be made into what may be read, or not.
            let key = derive(open_key, &mechanism, &open()).unwrap();
            assert_eq!(history(session, key), [false, true, false, false]);
            let key = derive(open_key, &mechanism, &Template::new()).unwrap();
            assert_eq!(history(session, key), [true, false, false, false]);
        }
        let second = number(CKM_CONCATENATE_BASE_AND_KEY, closed_key);
        assert_eq!(derive(open_key, &second, &open()), Err(INCONSISTENT));
        let key = derive(open_key, &second, &Template::new()).unwrap();
        assert_eq!(history(session, key), [true, false, false, false]);
        let both = number(CKM_CONCATENATE_BASE_AND_KEY, closed(session, 16));
        let key = derive(closed_key, &both, &Template::new()).unwrap();
        assert_eq!(history(session, key), [true, false, true, true]);
        // A hash is a new secret: the template decides.
        let key = derive(closed_key, &Mechanism::plain(CKM_SHA256_KEY_DERIVATION), &open()).unwrap();
        assert_eq!(history(session, key), [false, true, false, false]);
    }
}

alone! {
    /// Both keys of a joining are judged: their use, their life, their purpose, which it binds.
    fn second_key_is_judged_like_the_base_key() {
        let world = World::new();
        let session = world.user();
        let base = closed(session, 16);
        let join = |second| session.derive(&number(CKM_CONCATENATE_BASE_AND_KEY, second), base, &Template::new());
        join(closed(session, 16)).unwrap();
        join(base).unwrap();
        for nothing in [0, 0x77777, CK_ULONG::MAX] {
            assert_eq!(join(nothing), Err(Rv(CKR_KEY_HANDLE_INVALID)));
        }
        // No CKA_DERIVE; another purpose; a life that is over; a key that is no secret one.
        let signs = session.generate(
            &Mechanism::plain(CKM_GENERIC_SECRET_KEY_GEN),
            &Template::new().ulong(CKA_VALUE_LEN, 16).flag(CKA_SIGN, true),
        ).unwrap();
        assert_eq!(join(signs), Err(Rv(CKR_KEY_FUNCTION_NOT_PERMITTED)));
        let both = Template::new().ulong(CKA_VALUE_LEN, 16).uses(&[CKA_SIGN, CKA_DERIVE]);
        let generation = Mechanism::plain(CKM_GENERIC_SECRET_KEY_GEN);
        let signed = session.generate(&generation, &both).unwrap();
        session.sign(&Mechanism::plain(CKM_SHA256_HMAC), signed, b"data").unwrap();
        assert_eq!(join(signed), Err(Rv(CKR_KEY_FUNCTION_NOT_PERMITTED)));
        let joined = session.generate(&generation, &both).unwrap();
        join(joined).unwrap();
        assert_eq!(session.get_ulong(joined, CKA_KEYWARD_PURPOSE).unwrap(), 6);
        let refused = session.sign(&Mechanism::plain(CKM_SHA256_HMAC), joined, b"data");
        assert_eq!(refused, Err(Rv(CKR_KEY_FUNCTION_NOT_PERMITTED)));
        let over = closed(session, 16);
        session.set_state(over, COMPROMISED).unwrap();
        assert_eq!(join(over), Err(Rv(CKR_KEY_FUNCTION_NOT_PERMITTED)));
        let (_, private) = session.p256(Template::new(), Template::new().flag(CKA_DERIVE, true)).unwrap();
        assert_eq!(join(private), Err(Rv(CKR_KEY_TYPE_INCONSISTENT)));
        let narrow = created(session, CKK_GENERIC_SECRET, &OTHER, Template::new().bytes(CKA_ALLOWED_MECHANISMS, &CKM_SHA256_KEY_DERIVATION.to_ne_bytes()));
        assert_eq!(join(narrow), Err(Rv(CKR_MECHANISM_INVALID)));
    }
}

alone! {
    /// Clulow 2003, 3.5, and what follows from it: neither small pieces of a key, nor a few of its bytes beside known ones.
    fn keys_that_may_not_be_read_do_not_come_out_in_pieces() {
        let world = World::new();
        // Under a policy that asks for no strength: the floor stands by itself.
        write(&world, "bare.toml", "policy = 1\nname = \"bare\"\n");
        install(&world, "bare.toml");
        let session = world.user();
        let key = closed(session, 32);
        let refused = |mechanism: &Mechanism, base, template: &Template| {
            assert_eq!(session.derive(mechanism, base, template), Err(SIZE), "{:#x}", mechanism.ckm);
            assert_eq!(session.reason(), FRAGMENT);
        };
        // A few bits or bytes.
        for len in [1, 2, 8, 13] {
            refused(&number(CKM_EXTRACT_KEY_FROM_KEY, 3), key, &of_len(Template::new(), len));
            refused(&string(CKM_XOR_BASE_AND_DATA, &[0; 32]), key, &of_len(Template::new(), len));
            refused(&string(CKM_XOR_BASE_AND_DATA, &vec![0; len as usize]), key, &Template::new());
            refused(&Mechanism::plain(CKM_SHA256_KEY_DERIVATION), key, &of_len(Template::new(), len));
        }
        // Known bytes beside a few unknown ones: joined and cut in one step.
        refused(&string(CKM_CONCATENATE_DATA_AND_BASE, &[7; 31]), key, &of_len(Template::new(), 32));
        refused(&string(CKM_CONCATENATE_BASE_AND_DATA, &[7; 16]), key, &of_len(Template::new(), 32));
        // In two steps: what was joined is not cut any more, nor after it was changed.
        let joined = session.derive(&string(CKM_CONCATENATE_DATA_AND_BASE, &[7; 31]), key, &Template::new().flag(CKA_DERIVE, true)).unwrap();
        assert!(session.get_bool(joined, CKA_KEYWARD_INDIVISIBLE).unwrap());
        refused(&number(CKM_EXTRACT_KEY_FROM_KEY, 0), joined, &of_len(Template::new(), 32));
        refused(&string(CKM_XOR_BASE_AND_DATA, &[0; 32]), joined, &Template::new());
        let changed = session.derive(&string(CKM_XOR_BASE_AND_DATA, &[9; 63]), joined, &Template::new().flag(CKA_DERIVE, true)).unwrap();
        refused(&number(CKM_EXTRACT_KEY_FROM_KEY, 0), changed, &of_len(Template::new(), 32));
        // With a key that the attacker knows instead of data.
        let known = secret(session, &[7; 31]);
        let joined = session.derive(&number(CKM_CONCATENATE_BASE_AND_KEY, key), known, &Template::new().flag(CKA_DERIVE, true)).unwrap();
        refused(&number(CKM_EXTRACT_KEY_FROM_KEY, 0), joined, &of_len(Template::new(), 32));
        // A copy is as indivisible, and nobody may say otherwise.
        let copy = session.copy(joined, &Template::new()).unwrap();
        refused(&number(CKM_EXTRACT_KEY_FROM_KEY, 0), copy, &of_len(Template::new(), 32));
        assert!(session.set(joined, &Template::new().flag(CKA_KEYWARD_INDIVISIBLE, false)).is_err());
        assert!(session.copy(joined, &Template::new().flag(CKA_KEYWARD_INDIVISIBLE, false)).is_err());
        // One guessed byte behind a piece, to be compared with a longer piece.
        refused(&string(CKM_CONCATENATE_BASE_AND_DATA, &[0; 1]), key, &Template::new());
        refused(&string(CKM_CONCATENATE_DATA_AND_BASE, &[0; 13]), key, &Template::new());
        // The same with a key: one so short is too weak for the policy in any case.
        let guess = number(CKM_CONCATENATE_BASE_AND_KEY, secret(session, &[0; 2]));
        assert_eq!(session.derive(&guess, key, &Template::new()), Err(SIZE));
        // Rightful: pieces that are keys, and whole keys joined.
        let piece = number(CKM_EXTRACT_KEY_FROM_KEY, 128);
        session.derive(&piece, key, &of_len(Template::new(), 16)).unwrap();
        session.derive(&number(CKM_CONCATENATE_BASE_AND_KEY, closed(session, 32)), key, &Template::new()).unwrap();
        session.derive(&string(CKM_CONCATENATE_BASE_AND_DATA, &[7; 16]), key, &Template::new()).unwrap();
    }
}

alone! {
    /// A joined key that goes out wrapped and comes back is still one: an unwrapped key is never cut.
    fn wrapping_does_not_make_a_joined_key_divisible() {
        let world = World::new();
        let session = world.user();
        let template = Template::new().ulong(CKA_VALUE_LEN, 32).flag(CKA_DERIVE, true).flag(CKA_EXTRACTABLE, true);
        let key = session.generate(&Mechanism::plain(CKM_GENERIC_SECRET_KEY_GEN), &template).unwrap();
        let derives = Template::new().flag(CKA_DERIVE, true).flag(CKA_EXTRACTABLE, true);
        let joined = session.derive(&string(CKM_CONCATENATE_DATA_AND_BASE, &[7; 32]), key, &derives).unwrap();
        let over = session.aes(Template::new().uses(&[CKA_WRAP, CKA_UNWRAP])).unwrap();
        let way = Mechanism::plain(CKM_AES_KEY_WRAP_KWP);
        let wrapped = session.wrap(&way, over, joined).unwrap();
        let back = Template::new().class(CKO_SECRET_KEY).ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET).flag(CKA_DERIVE, true);
        let back = session.unwrap(&way, over, &wrapped, &back).unwrap();
        assert!(session.get_bool(back, CKA_KEYWARD_INDIVISIBLE).unwrap());
        let cut = session.derive(&number(CKM_EXTRACT_KEY_FROM_KEY, 152), back, &of_len(Template::new(), 14));
        assert_eq!((cut, session.reason()), (Err(SIZE), FRAGMENT));
    }
}

alone! {
    /// CKA_DERIVE_TEMPLATE holds for every derived key (PKCS#11 3.2, 5.18.5).
    fn derive_template_of_the_base_key_holds() {
        let world = World::new();
        let session = world.user();
        let base = created(session, CKK_GENERIC_SECRET, &BASE, open());
        let hash = Mechanism::plain(CKM_SHA256_KEY_DERIVATION);
        session.derive(&hash, base, &open()).unwrap();
        let mut closed = CK_TRUE;
        let inner = [CK_ATTRIBUTE { type_: CKA_SENSITIVE, pValue: (&raw mut closed).cast(), ulValueLen: 1 }];
        // SAFETY: the bytes of a structure of numbers and pointers.
        let inner = unsafe { std::slice::from_raw_parts(inner.as_ptr().cast::<u8>(), size_of_val(&inner)) };
        let base = created(session, CKK_GENERIC_SECRET, &BASE, open().bytes(CKA_DERIVE_TEMPLATE, inner));
        assert_eq!(session.derive(&hash, base, &open()), Err(INCONSISTENT));
        let key = session.derive(&hash, base, &Template::new().flag(CKA_EXTRACTABLE, true)).unwrap();
        assert_eq!(history(session, key)[..2], [true, true]);
    }
}
