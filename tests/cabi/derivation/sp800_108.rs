//! SP 800-108: known answers of each mode, several keys in one call, and that all of them come or none.

use super::*;
use crate::alone;

const PARAM: Rv = Rv(CKR_MECHANISM_PARAM_INVALID);

alone! {
    /// NIST CAVP, KBKDF 800-108.
    fn answers_of_cavp_come_out_of_each_mode() {
        let world = World::new();
        let session = world.user();
        let run = |kind, key: &str, mechanism: &Mechanism, output: &str| {
            let (key, output) = (created(session, kind, &hex(key), open()), hex(output));
            assert_eq!(derived(session, mechanism, key, &of_len(open(), output.len() as CK_ULONG)), Ok(output));
        };
        let input = hex("da1f5ed45ead428689b0ecca9dbc2569e76953cda0df085499cca6d5949d8995e1e42bbdc94b0dd78c164867c364a64c894de85294ad89d267ff443d");
        let counter = kbkdf(CKM_SP800_108_COUNTER_KDF, CKM_SHA256_HMAC, vec![variable(Some(16)), fixed(&input)], vec![]);
        let key = "d4349c26108719debacc04e166a09063ffb5e17bcbaf8738dc2618aa7d1e97ae";
        let output = "00550ae0f29a2373269af175e7f829ec32c3d05099a39f8c0e02caa00b68afb7457669334383ffb2";
        for kind in [CKK_GENERIC_SECRET, CKK_SHA256_HMAC, CKK_HKDF] {
            run(kind, key, &counter, output);
        }
        let input = hex("c16e6e02c5a3dcc8d78b9ac1306877761310455b4e41469951d9e6c2245a064b33fd8c3b01203a7824485bf0a64060c4648b707d2607935699316ea5");
        let counter = kbkdf(CKM_SP800_108_COUNTER_KDF, CKM_AES_CMAC, vec![variable(Some(8)), fixed(&input)], vec![]);
        run(CKK_AES, "dff1e50ac0b69dc40f1051d46c2b069c", &counter, "8be8f0869b3c0ba97b71863d1b9f7813");
        let input = hex("62afe5fed91e797221a854336b0aadd8a05ad0e3c8345729897b2efcec5a1178a2fa4c063007b67a7015e0d6b7271ea8d86b44");
        let by_feedback = feedback(CKM_AES_CMAC, vec![variable(None), fixed(&input)], &hex("28dc945cb8337ab5336c3e9b5bad21c7"));
        let output = "88a9aae193abdd3fe8143bab66014ae41dc2d12ea9d08f5871588fc5d827924eb9942989d7a36d4b3b107997566472cad5942bd13cb5cff32b9dae30f1bb6300";
        run(CKK_AES, "5c996c922f65de97d4408373229814c6", &by_feedback, output);
        let input = hex("daefcc52d6e32e1614109268933087fce3d64a5a6f111ba1a8d343a1e388a1752aaea93853be52864997a81c84b04c4f3ff3bd");
        let with_counter = vec![
            variable(None),
            part(CK_SP800_108_COUNTER, CK_SP800_108_COUNTER_FORMAT { bLittleEndian: CK_FALSE, ulWidthInBits: 32 }),
            fixed(&input),
        ];
        let pipeline = kbkdf(CKM_SP800_108_DOUBLE_PIPELINE_KDF, CKM_AES_CMAC, with_counter, vec![]);
        let output = "fc0eae673e7db3c4660668e187bcd81d5ca9b89213d8d741e71c9bab89bb4fb3c4df541d89a8117f0f56b0f15111ae28abf81fb7d7349fbbcaf01137e4d73527";
        run(CKK_AES, "34f0c2542bfe13c7149b68c8a1ef636b", &pipeline, output);
        // A key of another function, and a function that is none.
        let aes = session.aes(Template::new().flag(CKA_DERIVE, true)).unwrap();
        let by = |prf| kbkdf(CKM_SP800_108_COUNTER_KDF, prf, vec![variable(Some(32))], vec![]);
        let template = of_len(Template::new(), 32);
        assert_eq!(session.derive(&by(CKM_SHA256_HMAC), aes, &template), Err(Rv(CKR_KEY_TYPE_INCONSISTENT)));
        session.derive(&by(CKM_AES_CMAC), aes, &template).unwrap();
        for prf in [CKM_SHA256, CKM_DES3_CMAC, 0, CK_ULONG::MAX] {
            assert_eq!(session.derive(&by(prf), closed(session, 32), &template), Err(PARAM));
        }
        assert_eq!(session.derive(&by(CKM_AES_CMAC), aes, &Template::new()), Err(Rv(CKR_TEMPLATE_INCOMPLETE)));
    }
}

/// Attributes of a further key of so many bytes.
fn of(len: CK_ULONG, more: &[(CK_ATTRIBUTE_TYPE, &[u8])]) -> Vec<CK_ATTRIBUTE> {
    let mut attributes = vec![
        attribute(CKA_VALUE_LEN, &len.to_ne_bytes()),
        attribute(CKA_KEY_TYPE, &CKK_GENERIC_SECRET.to_ne_bytes()),
    ];
    attributes.extend(more.iter().map(|(cka, value)| attribute(*cka, value)));
    attributes
}

const OPEN: [(CK_ATTRIBUTE_TYPE, &[u8]); 2] = [(CKA_SENSITIVE, &[0]), (CKA_EXTRACTABLE, &[1])];

fn at(handles: *mut Key, at: usize) -> Key {
    // SAFETY: within the array that the test made.
    unsafe { handles.add(at).read() }
}

alone! {
    /// "The first key ... ; further keys begin with a segment of their own" (PKCS#11 3.2, 6.42).
    fn several_keys_come_of_one_call_each_under_its_own_template() {
        let world = World::new();
        let session = world.user();
        let base = secret(session, &[7; 32]);
        let parts = || vec![variable(Some(32)), fixed(b"label")];
        let stream = kbkdf(CKM_SP800_108_COUNTER_KDF, CKM_SHA256_HMAC, parts(), vec![]);
        let stream = derived(session, &stream, base, &of_len(open(), 128)).unwrap();
        let handles = placed(vec![0; 2]);
        let keys = vec![further(of(16, &OPEN), handles), further(of(32, &[(CKA_SIGN, &[1])]), handles.wrapping_add(1))];
        let mechanism = kbkdf(CKM_SP800_108_COUNTER_KDF, CKM_SHA256_HMAC, parts(), keys);
        let first = session.derive(&mechanism, base, &of_len(open(), 48)).unwrap();
        let (second, third) = (at(handles, 0), at(handles, 1));
        assert_eq!(session.get(first, CKA_VALUE).unwrap(), stream[..48]);
        assert_eq!(session.get(second, CKA_VALUE).unwrap(), stream[64..80]);
        // What the template does not say is the base key's.
        assert_eq!(history(session, third)[..2], [false, true]);
        assert_eq!(session.get(third, CKA_VALUE).unwrap(), stream[96..128]);
        assert!(session.get_bool(third, CKA_SIGN).unwrap() && !session.get_bool(third, CKA_DERIVE).unwrap());
        // Of a base that nobody may read, keys that nobody may read, unless the template asks.
        let handles = placed(vec![0; 1]);
        let keys = vec![further(of(16, &[]), handles)];
        let mechanism = kbkdf(CKM_SP800_108_COUNTER_KDF, CKM_SHA256_HMAC, parts(), keys);
        let first = session.derive(&mechanism, closed(session, 32), &of_len(Template::new(), 32)).unwrap();
        assert_eq!(history(session, first), [true, false, true, true]);
        assert_eq!(history(session, at(handles, 0)), [true, false, true, true]);
    }
}

alone! {
    /// "If any of the keys fails ... none is created ... phKey of the offending template is CK_INVALID_HANDLE".
    fn all_keys_are_made_or_none_and_the_offending_template_is_told() {
        let world = World::new();
        let session = world.user();
        let base = secret(session, &[7; 32]);
        let before = session.find(&Template::new()).unwrap().len();
        let offences: [(Vec<CK_ATTRIBUTE>, CK_RV); 6] = [
            (of(16, &[(CKA_VALUE, &[1; 16])]), CKR_ATTRIBUTE_READ_ONLY),
            (of(16, &[(CKA_MODULUS, &[1; 16])]), CKR_TEMPLATE_INCONSISTENT),
            (of(16, &[(CKA_SENSITIVE, &[7])]), CKR_ATTRIBUTE_VALUE_INVALID),
            (of(16, &[(0x7777_7777, &[1])]), CKR_ATTRIBUTE_TYPE_INVALID),
            (vec![attribute(CKA_KEY_TYPE, &CKK_AES.to_ne_bytes()), attribute(CKA_VALUE_LEN, &20_u64.to_ne_bytes())], CKR_ATTRIBUTE_VALUE_INVALID),
            (vec![attribute(CKA_KEY_TYPE, &CKK_AES.to_ne_bytes())], CKR_TEMPLATE_INCOMPLETE),
        ];
        for (offending, code) in offences {
            let handles = placed(vec![0x1234; 3]);
            let keys = vec![
                further(of(16, &OPEN), handles),
                further(offending, handles.wrapping_add(1)),
                further(of(16, &OPEN), handles.wrapping_add(2)),
            ];
            let mechanism = kbkdf(CKM_SP800_108_COUNTER_KDF, CKM_SHA256_HMAC, vec![variable(Some(32))], keys);
            let refused = session.derive(&mechanism, base, &of_len(open(), 32));
            assert_eq!(refused, Err(Rv(code)));
            assert_eq!([at(handles, 0), at(handles, 1), at(handles, 2)], [0x1234, CK_INVALID_HANDLE, 0x1234]);
            assert_eq!(session.find(&Template::new()).unwrap().len(), before);
        }
        // A key that the guard refuses takes the others along.
        let handles = placed(vec![0x1234; 1]);
        let mechanism = kbkdf(CKM_SP800_108_COUNTER_KDF, CKM_SHA256_HMAC, vec![variable(Some(32))], vec![further(of(13, &[]), handles)]);
        let refused = session.derive(&mechanism, closed(session, 32), &of_len(Template::new(), 32));
        assert_eq!(refused, Err(Rv(CKR_KEY_SIZE_RANGE)));
        let both = of(16, &[(CKA_ENCRYPT, &[1]), (CKA_SIGN, &[1]), (CKA_DERIVE, &[1]), (CKA_WRAP, &[1]), (CKA_DECRYPT, &[1])]);
        let handles = placed(vec![0x1234; 1]);
        let mechanism = kbkdf(CKM_SP800_108_COUNTER_KDF, CKM_SHA256_HMAC, vec![variable(Some(32))], vec![further(both, handles)]);
        let _ = session.derive(&mechanism, base, &of_len(open(), 32));
        assert!(session.find(&Template::new()).unwrap().len() <= before + 3);
    }
}

alone! {
    /// A key in the input is a second key, judged like the base key.
    fn key_in_the_input_is_judged_and_stands_there_by_its_value() {
        let world = World::new();
        let session = world.user();
        let base = secret(session, &[7; 32]);
        let run = |second: Key| {
            let parts = vec![variable(Some(32)), part(CK_SP800_108_KEY_HANDLE, second)];
            let mechanism = kbkdf(CKM_SP800_108_COUNTER_KDF, CKM_SHA256_HMAC, parts, vec![]);
            derived(session, &mechanism, base, &of_len(open(), 32))
        };
        let by_hand = vec![variable(Some(32)), fixed(&[9; 20])];
        let by_hand = kbkdf(CKM_SP800_108_COUNTER_KDF, CKM_SHA256_HMAC, by_hand, vec![]);
        let by_hand = derived(session, &by_hand, base, &of_len(open(), 32)).unwrap();
        assert_eq!(run(secret(session, &[9; 20])), Ok(by_hand));
        assert_eq!(run(0x77777), Err(Rv(CKR_KEY_HANDLE_INVALID)));
        let signs = of_len(Template::new().flag(CKA_SIGN, true), 32);
        let signs = session.generate(&Mechanism::plain(CKM_GENERIC_SECRET_KEY_GEN), &signs).unwrap();
        assert_eq!(run(signs), Err(Rv(CKR_KEY_FUNCTION_NOT_PERMITTED)));
    }
}
