//! CKA_WRAP_TEMPLATE, CKA_UNWRAP_TEMPLATE and CKA_DERIVE_TEMPLATE: given, shown, found, copied, obeyed
//! (PKCS#11 3.2, 4.9 to 4.11, 5.7.5, 5.18.3 to 5.18.5).

use super::client::*;
use crate::{alone, call};
use cryptoki_sys::*;
use std::ptr::null_mut;

/// A template whose last attribute is a template, and what is done with it.
fn with_nested<R>(
    outer: &Template,
    cka: CK_ATTRIBUTE_TYPE,
    inner: &Template,
    work: impl FnOnce(*mut CK_ATTRIBUTE, CK_ULONG) -> R,
) -> R {
    inner.with(|inner, inner_count| {
        outer.with(|list, count| {
            // SAFETY: `with` gives an array of so many attributes.
            let mut list = unsafe { std::slice::from_raw_parts(list, count as usize) }.to_vec();
            let len = inner_count * size_of::<CK_ATTRIBUTE>() as CK_ULONG;
            list.push(CK_ATTRIBUTE { type_: cka, pValue: inner.cast(), ulValueLen: len });
            work(list.as_mut_ptr(), list.len() as CK_ULONG)
        })
    })
}

/// An AES key with a nested template.
fn aes_with(session: Session<'_>, outer: Template, cka: CK_ATTRIBUTE_TYPE, inner: &Template) -> Answer<Key> {
    let outer = outer.ulong(CKA_VALUE_LEN, 32);
    let (mut key, module) = (0, session.module);
    Mechanism::plain(CKM_AES_KEY_GEN).with(|mechanism| {
        with_nested(&outer, cka, inner, |list, count| {
            call!(module, C_GenerateKey, session.handle, mechanism, list, count, &raw mut key)
        })
    })?;
    Ok(key)
}

fn find_with(session: Session<'_>, cka: CK_ATTRIBUTE_TYPE, inner: &Template) -> Vec<Key> {
    let module = session.module;
    with_nested(&Template::new(), cka, inner, |list, count| {
        call!(module, C_FindObjectsInit, session.handle, list, count)
    })
    .unwrap();
    let (mut found, mut count) = ([0; 16], 0);
    call!(module, C_FindObjects, session.handle, found.as_mut_ptr(), 16, &raw mut count).unwrap();
    call!(module, C_FindObjectsFinal, session.handle).unwrap();
    found[..count as usize].to_vec()
}

fn ask(session: Session<'_>, key: Key, attribute: &mut CK_ATTRIBUTE) -> Answer<()> {
    call!(session.module, C_GetAttributeValue, session.handle, key, std::ptr::from_mut(attribute), 1)
}

/// The nested template of a key, by the three calls: how many, how long, what.
fn shown(session: Session<'_>, key: Key, cka: CK_ATTRIBUTE_TYPE) -> Vec<(CK_ATTRIBUTE_TYPE, Vec<u8>)> {
    let mut attribute = CK_ATTRIBUTE { type_: cka, pValue: null_mut(), ulValueLen: 0 };
    ask(session, key, &mut attribute).unwrap();
    let count = attribute.ulValueLen as usize / size_of::<CK_ATTRIBUTE>();
    let mut inner = vec![CK_ATTRIBUTE { type_: 0x5555, pValue: null_mut(), ulValueLen: 0 }; count];
    attribute.pValue = inner.as_mut_ptr().cast();
    ask(session, key, &mut attribute).unwrap();
    let mut values: Vec<_> = inner.iter().map(|each| vec![0_u8; each.ulValueLen as usize]).collect();
    for (each, value) in inner.iter_mut().zip(&mut values) {
        each.pValue = value.as_mut_ptr().cast();
    }
    ask(session, key, &mut attribute).unwrap();
    assert_eq!(attribute.ulValueLen as usize, count * size_of::<CK_ATTRIBUTE>());
    inner.iter().zip(values).map(|(each, value)| (each.type_, value)).collect()
}

fn cbc() -> Mechanism {
    Mechanism::iv(CKM_AES_CBC_PAD, &[3; 16])
}

alone! {
    fn nested_templates_are_shown_by_the_rule_for_arrays() {
        let world = World::new();
        let session = world.user();
        let inner = Template::new().flag(CKA_SENSITIVE, true).label("inside").ulong(CKA_KEY_TYPE, CKK_AES);
        for token in [false, true] {
            let outer = Template::new().flag(CKA_TOKEN, token).uses(&[CKA_WRAP, CKA_UNWRAP]);
            let key = aes_with(session, outer, CKA_WRAP_TEMPLATE, &inner).unwrap();
            let mut expected = vec![
                (CKA_SENSITIVE, vec![1]),
                (CKA_LABEL, b"inside".to_vec()),
                (CKA_KEY_TYPE, CKK_AES.to_ne_bytes().to_vec()),
            ];
            expected.sort();
            assert_eq!(shown(session, key, CKA_WRAP_TEMPLATE), expected);
            assert_eq!(shown(session, key, CKA_UNWRAP_TEMPLATE), []);
            // A copy has it too; a search finds both; neither the copy nor a change makes another of it.
            let copy = session.copy(key, &Template::new().flag(CKA_TOKEN, token)).unwrap();
            assert_eq!(shown(session, copy, CKA_WRAP_TEMPLATE), expected);
            let mut found = find_with(session, CKA_WRAP_TEMPLATE, &inner);
            found.sort_unstable();
            let mut both = vec![key, copy];
            both.sort_unstable();
            assert_eq!(found, both);
            assert_eq!(find_with(session, CKA_WRAP_TEMPLATE, &Template::new().label("inside")), []);
            let other = Template::new().label("other");
            let module = session.module;
            let change = with_nested(&Template::new(), CKA_WRAP_TEMPLATE, &other, |list, count| {
                call!(module, C_SetAttributeValue, session.handle, key, list, count)
            });
            assert_eq!(change, Err(Rv(CKR_ATTRIBUTE_READ_ONLY)));
            session.destroy(key).unwrap();
            session.destroy(copy).unwrap();
        }
    }
}

alone! {
    fn short_room_for_an_array_or_in_it_is_told_and_writes_nothing_else() {
        let world = World::new();
        let session = world.user();
        let inner = Template::new().label("inside").bytes(CKA_ID, b"id");
        let key = aes_with(session, Template::new(), CKA_UNWRAP_TEMPLATE, &inner).unwrap();
        let one = size_of::<CK_ATTRIBUTE>() as CK_ULONG;
        let (mut label, mut id) = ([0xA5_u8; 6], [0xA5_u8; 1]);
        let mut places = [
            CK_ATTRIBUTE { type_: 0, pValue: label.as_mut_ptr().cast(), ulValueLen: 6 },
            CK_ATTRIBUTE { type_: 0, pValue: id.as_mut_ptr().cast(), ulValueLen: 1 },
            CK_ATTRIBUTE { type_: 0x5555, pValue: 8 as *mut _, ulValueLen: 0x5555 },
        ];
        // Too few places: nothing inside is touched.
        let mut short =
            CK_ATTRIBUTE { type_: CKA_UNWRAP_TEMPLATE, pValue: places.as_mut_ptr().cast(), ulValueLen: one };
        assert_eq!(ask(session, key, &mut short), Err(Rv(CKR_BUFFER_TOO_SMALL)));
        assert_eq!(short.ulValueLen, CK_UNAVAILABLE_INFORMATION);
        assert_eq!(places[0].type_, 0);
        // More places than needed, the last a wild pointer: it is not looked at. One value too long.
        let mut roomy = CK_ATTRIBUTE { ulValueLen: 3 * one, ..short };
        assert_eq!(ask(session, key, &mut roomy), Err(Rv(CKR_BUFFER_TOO_SMALL)));
        assert_eq!(roomy.ulValueLen, 2 * one);
        let seen = places.map(|each| (each.type_, each.ulValueLen));
        assert_eq!(seen, [(CKA_LABEL, 6), (CKA_ID, CK_UNAVAILABLE_INFORMATION), (0x5555, 0x5555)]);
        assert_eq!((&label, id), (b"inside", [0xA5]));
        // An object that has no such attribute.
        let data = session.create(&Template::new().class(CKO_DATA)).unwrap();
        roomy.ulValueLen = 3 * one;
        assert_eq!(ask(session, data, &mut roomy), Err(Rv(CKR_ATTRIBUTE_TYPE_INVALID)));
        assert_eq!(roomy.ulValueLen, CK_UNAVAILABLE_INFORMATION);
    }
}

alone! {
    fn templates_in_templates_that_make_no_sense_are_refused() {
        let world = World::new();
        let session = world.user();
        let refused = |outer: Template, cka, inner: &Template| aes_with(session, outer, cka, inner).err();
        let unknown = Template::new().bytes(0x7777, b"x");
        assert_eq!(refused(Template::new(), CKA_WRAP_TEMPLATE, &unknown), Some(Rv(CKR_ATTRIBUTE_TYPE_INVALID)));
        let wrong = Template::new().bytes(CKA_SENSITIVE, &[1, 1]);
        assert_eq!(refused(Template::new(), CKA_WRAP_TEMPLATE, &wrong), Some(Rv(CKR_ATTRIBUTE_VALUE_INVALID)));
        let twice = Template::new().label("one").label("two");
        assert_eq!(refused(Template::new(), CKA_WRAP_TEMPLATE, &twice), Some(Rv(CKR_TEMPLATE_INCONSISTENT)));
        // A template in a template in a template.
        let deep = Template::new().bytes(CKA_WRAP_TEMPLATE, &[0; size_of::<CK_ATTRIBUTE>()]);
        assert_eq!(refused(Template::new(), CKA_WRAP_TEMPLATE, &deep), Some(Rv(CKR_ATTRIBUTE_VALUE_INVALID)));
        let odd = Template::new().ulong(CKA_VALUE_LEN, 32).bytes(CKA_WRAP_TEMPLATE, &[0; 5]);
        let odd = session.generate(&Mechanism::plain(CKM_AES_KEY_GEN), &odd);
        assert_eq!(odd, Err(Rv(CKR_ATTRIBUTE_VALUE_INVALID)));
        // Numbers without a meaning in the specification.
        for cka in [CKA_ENCAPSULATE_TEMPLATE, CKA_DECAPSULATE_TEMPLATE] {
            let label = Template::new().label("x");
            assert_eq!(refused(Template::new(), cka, &label), Some(Rv(CKR_ATTRIBUTE_TYPE_INVALID)));
        }
        // A private key wraps nothing, so it has no such template.
        let module = session.module;
        let (mut public, mut private) = (0, 0);
        let made = Mechanism::plain(CKM_EC_KEY_PAIR_GEN).with(|mechanism| {
            Template::new().bytes(CKA_EC_PARAMS, P256).with(|one, one_count| {
                with_nested(&Template::new(), CKA_WRAP_TEMPLATE, &Template::new(), |other, other_count| {
                    let (a, b) = (&raw mut public, &raw mut private);
                    call!(module, C_GenerateKeyPair, session.handle, mechanism, one, one_count, other, other_count, a, b)
                })
            })
        });
        assert_eq!(made, Err(Rv(CKR_TEMPLATE_INCONSISTENT)));
    }
}

alone! {
    fn wrapping_key_wraps_only_what_its_template_describes() {
        let world = World::new();
        let session = world.user();
        let open = |label| Template::new().flag(CKA_EXTRACTABLE, true).label(label);
        let (right, wrong) = (session.aes(open("for export")).unwrap(), session.aes(open("other")).unwrap());
        for token in [true, false] {
            let outer = Template::new().flag(CKA_TOKEN, token).uses(&[CKA_WRAP, CKA_UNWRAP]);
            let inner = Template::new().label("for export").flag(CKA_SENSITIVE, true);
            let key = aes_with(session, outer.clone(), CKA_WRAP_TEMPLATE, &inner).unwrap();
            session.wrap(&cbc(), key, right).unwrap();
            assert_eq!(session.wrap(&cbc(), key, wrong), Err(Rv(CKR_KEY_HANDLE_INVALID)));
            assert_eq!(session.reason(), 0x608);
            // One attribute of two is not enough, and a secret one never matches: the answer tells nothing of it.
            let value = Template::new().bytes(CKA_VALUE, &[7; 32]);
            let known = Template::new().class(CKO_SECRET_KEY).ulong(CKA_KEY_TYPE, CKK_AES).bytes(CKA_VALUE, &[7; 32]);
            let known = session.create(&known.flag(CKA_EXTRACTABLE, true)).unwrap();
            let oracle = aes_with(session, outer.clone(), CKA_WRAP_TEMPLATE, &value).unwrap();
            assert_eq!(session.wrap(&cbc(), oracle, known), Err(Rv(CKR_KEY_HANDLE_INVALID)));
            assert_eq!(session.wrap(&cbc(), oracle, wrong), Err(Rv(CKR_KEY_HANDLE_INVALID)));
            // An empty template asks for nothing.
            let any = aes_with(session, outer, CKA_WRAP_TEMPLATE, &Template::new()).unwrap();
            session.wrap(&cbc(), any, wrong).unwrap();
        }
        // Public keys wrap too.
        let module = session.module;
        let (mut public, mut private) = (0, 0);
        let outer = Template::new().flag(CKA_WRAP, true).ulong(CKA_MODULUS_BITS, 2048).bytes(CKA_PUBLIC_EXPONENT, &[1, 0, 1]);
        Mechanism::plain(CKM_RSA_PKCS_KEY_PAIR_GEN)
            .with(|mechanism| {
                with_nested(&outer, CKA_WRAP_TEMPLATE, &Template::new().label("small"), |one, one_count| {
                    Template::new().flag(CKA_UNWRAP, true).with(|other, other_count| {
                        let (a, b) = (&raw mut public, &raw mut private);
                        call!(module, C_GenerateKeyPair, session.handle, mechanism, one, one_count, other, other_count, a, b)
                    })
                })
            })
            .unwrap();
        let small = |label| session.generate(&Mechanism::plain(CKM_AES_KEY_GEN), &open(label).ulong(CKA_VALUE_LEN, 16)).unwrap();
        let oaep = Mechanism::oaep(CKM_SHA256, CKG_MGF1_SHA256, b"");
        assert_eq!(session.wrap(&oaep, public, small("large")), Err(Rv(CKR_KEY_HANDLE_INVALID)));
        let small = session.wrap(&oaep, public, small("small"));
        // The strength rule, not the template, may stand against it: 112 bits wrap no 128.
        assert!(small.is_ok() || small == Err(Rv(CKR_WRAPPING_KEY_SIZE_RANGE)), "{small:?}");
    }
}

alone! {
    fn unwrapped_and_derived_keys_obey_the_template_of_their_maker() {
        let world = World::new();
        let session = world.user();
        let outer = || Template::new().uses(&[CKA_WRAP, CKA_UNWRAP]);
        let inner = Template::new().flag(CKA_EXTRACTABLE, false).label("from outside").ulong(CKA_KEY_TYPE, CKK_AES);
        let key = aes_with(session, outer(), CKA_UNWRAP_TEMPLATE, &inner).unwrap();
        let inside = session.aes(Template::new().flag(CKA_EXTRACTABLE, true)).unwrap();
        let wrapped = session.wrap(&cbc(), key, inside).unwrap();
        let unwrap = |template: Template| session.unwrap(&cbc(), key, &wrapped, &template.class(CKO_SECRET_KEY));
        // What the caller leaves open comes from the template; the same word twice is no conflict.
        for template in [Template::new(), Template::new().label("from outside").bytes(CKA_ID, b"1")] {
            let new = unwrap(template).unwrap();
            assert_eq!(session.get_bool(new, CKA_EXTRACTABLE), Ok(false));
            assert_eq!(session.get(new, CKA_LABEL).unwrap(), b"from outside");
        }
        for template in [
            Template::new().flag(CKA_EXTRACTABLE, true),
            Template::new().label("mine"),
            Template::new().ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET),
        ] {
            assert_eq!(unwrap(template), Err(Rv(CKR_TEMPLATE_INCONSISTENT)));
        }
        // A template that no key can obey.
        let nonsense = Template::new().flag(CKA_LOCAL, true);
        let maker = aes_with(session, outer(), CKA_UNWRAP_TEMPLATE, &nonsense).unwrap();
        let wrapped = session.wrap(&cbc(), maker, inside).unwrap();
        let aes = Template::new().class(CKO_SECRET_KEY).ulong(CKA_KEY_TYPE, CKK_AES);
        assert_eq!(session.unwrap(&cbc(), maker, &wrapped, &aes), Err(Rv(CKR_ATTRIBUTE_READ_ONLY)));
        // Derivation.
        let module = session.module;
        let (mut public, mut private) = (0, 0);
        let inner = Template::new().flag(CKA_EXTRACTABLE, false).ulong(CKA_KEY_TYPE, CKK_AES).ulong(CKA_VALUE_LEN, 16);
        Mechanism::plain(CKM_EC_KEY_PAIR_GEN)
            .with(|mechanism| {
                Template::new().bytes(CKA_EC_PARAMS, P256).with(|one, one_count| {
                    with_nested(&Template::new().flag(CKA_DERIVE, true), CKA_DERIVE_TEMPLATE, &inner, |other, other_count| {
                        let (a, b) = (&raw mut public, &raw mut private);
                        call!(module, C_GenerateKeyPair, session.handle, mechanism, one, one_count, other, other_count, a, b)
                    })
                })
            })
            .unwrap();
        let ecdh = Mechanism::ecdh(CKM_ECDH1_DERIVE, &session.get(public, CKA_EC_POINT).unwrap());
        let derived = session.derive(&ecdh, private, &Template::new()).unwrap();
        assert_eq!(session.get_ulong(derived, CKA_KEY_TYPE), Ok(CKK_AES));
        assert_eq!(session.get_ulong(derived, CKA_VALUE_LEN), Ok(16));
        assert_eq!(session.get_bool(derived, CKA_EXTRACTABLE), Ok(false));
        for template in [Template::new().flag(CKA_EXTRACTABLE, true), Template::new().ulong(CKA_VALUE_LEN, 32)] {
            assert_eq!(session.derive(&ecdh, private, &template), Err(Rv(CKR_TEMPLATE_INCONSISTENT)));
        }
    }
}
