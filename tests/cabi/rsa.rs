//! RSA: pairs of every size and exponent, keys of other makers, encapsulation, and the wrapping by way of an AES key.

use crate::client::*;
use crate::parameters::rsa_aes;
use crate::{alone, call};
use cryptoki_sys::*;

fn generate(session: Session<'_>, bits: CK_ULONG, exponent: Option<&[u8]>) -> Answer<(Key, Key)> {
    let public = Template::new().ulong(CKA_MODULUS_BITS, bits).uses(&[CKA_VERIFY]);
    let public = exponent.into_iter().fold(public, |public, e| public.bytes(CKA_PUBLIC_EXPONENT, e));
    let private = Template::new().uses(&[CKA_SIGN]);
    session.generate_pair(&Mechanism::plain(CKM_RSA_PKCS_KEY_PAIR_GEN), &public, &private)
}

fn keys(session: Session<'_>) -> usize {
    session.find(&Template::new()).unwrap().len()
}

/// A key pair whose private half shows its numbers; it decrypts, because what signs may not be read.
fn shown(session: Session<'_>) -> (Key, Key) {
    let private = Template::new().uses(&[CKA_DECRYPT]).flag(CKA_SENSITIVE, false).flag(CKA_EXTRACTABLE, true);
    session.rsa(Template::new().uses(&[CKA_ENCRYPT]), private).unwrap()
}

fn oaep() -> Mechanism {
    Mechanism::oaep(CKM_SHA256, CKG_MGF1_SHA256, b"")
}

alone! {
    fn pairs_of_every_size_and_exponent_sign() {
        let world = World::new();
        let session = world.user();
        let mechanism = Mechanism::pss(CKM_SHA3_256_RSA_PKCS_PSS, CKM_SHA3_256, CKG_MGF1_SHA3_256, 32);
        let large: Vec<u8> = [&[0x80][..], &[0; 30], &[1]].concat();
        for (bits, exponent) in
            [(2048, None), (2048, Some(&[3][..])), (2050, None), (2056, Some(&[1, 0, 0, 0, 0, 1])), (3000, Some(&large))]
        {
            let (public, private) = generate(session, bits, exponent).unwrap();
            assert_eq!(session.get_ulong(public, CKA_MODULUS_BITS), Ok(bits));
            let expected = exponent.unwrap_or(&[1, 0, 1]);
            assert_eq!(session.get(public, CKA_PUBLIC_EXPONENT).as_deref(), Ok(expected));
            assert_eq!(session.get(private, CKA_PUBLIC_EXPONENT).as_deref(), Ok(expected));
            let signature = session.sign(&mechanism, private, b"data").unwrap();
            assert_eq!(signature.len() as CK_ULONG, bits.div_ceil(8));
            session.verify(&mechanism, public, b"data", &signature).unwrap();
            assert_eq!(session.verify(&mechanism, public, b"date", &signature), Err(Rv(CKR_SIGNATURE_INVALID)));
        }
    }
}

alone! {
    fn pairs_that_cannot_be_are_refused_and_leave_nothing() {
        let world = World::new();
        let session = world.user();
        let before = keys(session);
        for bits in [0, 1024, 2046, 2049, 8194, 16_384, CK_ULONG::MAX] {
            let refused = generate(session, bits, None).unwrap_err().0;
            assert!([CKR_KEY_SIZE_RANGE, CKR_ATTRIBUTE_VALUE_INVALID].contains(&refused), "{bits} {refused:#x}");
        }
        for exponent in [&[][..], &[0], &[1], &[4], &[0xFF; 33], &[0xFF; 256]] {
            let refused = generate(session, 2048, Some(exponent));
            assert_eq!(refused.err(), Some(Rv(CKR_TEMPLATE_INCONSISTENT)), "{exponent:?}");
        }
        assert_eq!(keys(session), before);
    }
}

alone! {
    fn a_private_key_comes_in_with_whatever_numbers_it_has() {
        let world = World::new();
        let session = world.user();
        let (public, private) = shown(session);
        let sealed = session.encrypt(&oaep(), public, b"message").unwrap();
        let number = |cka| session.get(private, cka).unwrap();
        let all = [
            CKA_PUBLIC_EXPONENT, CKA_PRIME_1, CKA_PRIME_2, CKA_EXPONENT_1, CKA_EXPONENT_2, CKA_COEFFICIENT,
        ];
        let template = |given: &[CK_ATTRIBUTE_TYPE]| {
            let kind = Template::new().class(CKO_PRIVATE_KEY).ulong(CKA_KEY_TYPE, CKK_RSA).uses(&[CKA_DECRYPT]);
            let open = kind.flag(CKA_SENSITIVE, false).flag(CKA_EXTRACTABLE, true);
            [CKA_MODULUS, CKA_PRIVATE_EXPONENT]
                .iter()
                .chain(given)
                .fold(open, |template, cka| template.bytes(*cka, &number(*cka)))
        };
        for given in [&all[..], &all[..3], &all[..1], &all[1..3], &[]] {
            let imported = session.create(&template(given)).unwrap();
            assert_eq!(session.decrypt(&oaep(), imported, &sealed).as_deref(), Ok(&b"message"[..]), "{given:x?}");
            assert_eq!(session.get(imported, CKA_PUBLIC_EXPONENT), session.get(public, CKA_PUBLIC_EXPONENT));
            assert_eq!(session.get(imported, CKA_PUBLIC_KEY_INFO), session.get(public, CKA_PUBLIC_KEY_INFO));
        }
        let before = keys(session);
        let wrong = template(&[]).bytes(CKA_PUBLIC_EXPONENT, &[3]);
        assert_eq!(session.create(&wrong), Err(Rv(CKR_ATTRIBUTE_VALUE_INVALID)));
        let swapped = template(&all[..1]).bytes(CKA_PRIME_1, &number(CKA_PRIME_1)).bytes(CKA_PRIME_2, &number(CKA_PRIME_1));
        assert_eq!(session.create(&swapped), Err(Rv(CKR_ATTRIBUTE_VALUE_INVALID)));
        // The exponent of a private exponent at random is none of the common ones.
        let unknown = Template::new()
            .class(CKO_PRIVATE_KEY)
            .ulong(CKA_KEY_TYPE, CKK_RSA)
            .bytes(CKA_MODULUS, &number(CKA_MODULUS))
            .bytes(CKA_PRIVATE_EXPONENT, &number(CKA_PRIME_1));
        assert_eq!(session.create(&unknown), Err(Rv(CKR_TEMPLATE_INCOMPLETE)));
        assert_eq!(keys(session), before);
    }
}

/// The modulus of a key of 16384 bits, and its signature of "abc" with SHA-256, made by OpenSSL 3.0.
const LARGE: &str = include_str!("rsa_16384.txt");

fn hex(digits: &str) -> Vec<u8> {
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

alone! {
    fn a_key_of_16384_bits_verifies_and_a_longer_one_is_refused() {
        let world = World::new();
        let session = world.user();
        let mut numbers = LARGE.lines().map(hex);
        let (modulus, signature) = (numbers.next().unwrap(), numbers.next().unwrap());
        let template = |modulus: &[u8], exponent: &[u8]| {
            let kind = Template::new().class(CKO_PUBLIC_KEY).ulong(CKA_KEY_TYPE, CKK_RSA).uses(&[CKA_VERIFY]);
            kind.bytes(CKA_MODULUS, modulus).bytes(CKA_PUBLIC_EXPONENT, exponent)
        };
        let key = session.create(&template(&modulus, &[1, 0, 1])).unwrap();
        assert_eq!(session.get_ulong(key, CKA_MODULUS_BITS), Ok(16_384));
        let mechanism = Mechanism::plain(CKM_SHA256_RSA_PKCS);
        session.verify(&mechanism, key, b"abc", &signature).unwrap();
        assert_eq!(session.verify(&mechanism, key, b"abd", &signature), Err(Rv(CKR_SIGNATURE_INVALID)));
        let longer = [&modulus[..], &[1]].concat();
        assert_eq!(session.create(&template(&longer, &[1, 0, 1])), Err(Rv(CKR_KEY_SIZE_RANGE)));
        // An exponent of 256 bits, and longer ones, which would make every verification slow.
        assert!(session.create(&template(&modulus, &[0xFF; 32])).is_ok());
        for exponent in [&[0xFF; 33][..], &[0xFF; 2000]] {
            let refused = session.create(&template(&modulus, exponent));
            assert_eq!(refused, Err(Rv(CKR_ATTRIBUTE_VALUE_INVALID)));
        }
    }
}

fn encapsulate(
    session: Session<'_>,
    mechanism: &Mechanism,
    public: Key,
    template: &Template,
) -> Answer<(Key, Vec<u8>)> {
    let mut key = 0;
    let ciphertext = mechanism.with(|mechanism| {
        template.with(|list, count| {
            two_calls(|out, len| {
                call!(
                    session.module,
                    C_EncapsulateKey,
                    session.handle,
                    mechanism,
                    public,
                    list,
                    count,
                    out,
                    len,
                    &raw mut key
                )
            })
        })
    })?;
    Ok((key, ciphertext))
}

fn decapsulate(
    session: Session<'_>,
    mechanism: &Mechanism,
    private: Key,
    template: &Template,
    ciphertext: &[u8],
) -> Answer<Key> {
    let ((mut ciphertext, len), mut key) = (bytes(ciphertext), 0);
    mechanism.with(|mechanism| {
        template.with(|list, count| {
            let ciphertext = ciphertext.as_mut_ptr();
            call!(
                session.module,
                C_DecapsulateKey,
                session.handle,
                mechanism,
                private,
                list,
                count,
                ciphertext,
                len,
                &raw mut key
            )
        })
    })?;
    Ok(key)
}

fn secret(kind: CK_KEY_TYPE) -> Template {
    let open = Template::new().class(CKO_SECRET_KEY).flag(CKA_SENSITIVE, false).flag(CKA_EXTRACTABLE, true);
    open.ulong(CKA_KEY_TYPE, kind)
}

alone! {
    fn an_encapsulated_key_is_the_same_on_both_sides() {
        let world = World::new();
        let session = world.user();
        let uses = |cka| Template::new().uses(&[cka]);
        let (public, private) = session.rsa(uses(CKA_ENCAPSULATE), uses(CKA_DECAPSULATE)).unwrap();
        for mechanism in [Mechanism::plain(CKM_RSA_PKCS), oaep()] {
            for template in [
                secret(CKK_AES).ulong(CKA_VALUE_LEN, 16),
                secret(CKK_GENERIC_SECRET).ulong(CKA_VALUE_LEN, 77),
                secret(CKK_CHACHA20),
            ] {
                let (sent, ciphertext) = encapsulate(session, &mechanism, public, &template).unwrap();
                assert_eq!(ciphertext.len(), 256);
                let received = decapsulate(session, &mechanism, private, &template, &ciphertext).unwrap();
                let value = session.get(sent, CKA_VALUE).unwrap();
                assert_eq!(session.get(received, CKA_VALUE), Ok(value));
                for key in [sent, received] {
                    assert!(!session.get_bool(key, CKA_LOCAL).unwrap());
                    assert!(!session.get_bool(key, CKA_NEVER_EXTRACTABLE).unwrap());
                }
            }
            let before = keys(session);
            let none = encapsulate(session, &mechanism, public, &secret(CKK_AES));
            assert_eq!(none.err(), Some(Rv(CKR_TEMPLATE_INCOMPLETE)));
            let template = secret(CKK_AES).ulong(CKA_VALUE_LEN, 32);
            for (wrong, code) in [(vec![0xFF; 256], CKR_WRAPPED_KEY_INVALID), (vec![1; 255], CKR_WRAPPED_KEY_LEN_RANGE)] {
                assert_eq!(decapsulate(session, &mechanism, private, &template, &wrong), Err(Rv(code)));
            }
            assert_eq!(keys(session), before);
        }
        // A key has one purpose: this one opens nothing else.
        let sealed = session.encrypt_init(&oaep(), public);
        assert_eq!(sealed, Err(Rv(CKR_KEY_FUNCTION_NOT_PERMITTED)));
    }
}

fn carrier(bits: CK_ULONG) -> Mechanism {
    rsa_aes(bits, CKM_SHA3_256, CKG_MGF1_SHA512, b"label")
}

alone! {
    fn keys_of_any_length_go_out_and_come_back_by_way_of_an_aes_key() {
        let world = World::new();
        let session = world.user();
        let public = Template::new().uses(&[CKA_WRAP]).ulong(CKA_MODULUS_BITS, 3072);
        let generation = Mechanism::plain(CKM_RSA_PKCS_KEY_PAIR_GEN);
        let (wraps, unwraps) =
            session.generate_pair(&generation, &public, &Template::new().uses(&[CKA_UNWRAP])).unwrap();
        let (encrypts, decrypts) = shown(session);
        let sealed = session.encrypt(&oaep(), encrypts, b"message").unwrap();
        let mac = secret(CKK_GENERIC_SECRET).uses(&[CKA_SIGN, CKA_VERIFY]).bytes(CKA_VALUE, &[0x5A; 15]);
        let mac = session.create(&mac).unwrap();
        for bits in [128, 192, 256] {
            let wrapped = session.wrap(&carrier(bits), wraps, decrypts).unwrap();
            let template = Template::new().class(CKO_PRIVATE_KEY).ulong(CKA_KEY_TYPE, CKK_RSA).uses(&[CKA_DECRYPT]);
            let back = session.unwrap(&carrier(bits), unwraps, &wrapped, &template).unwrap();
            assert_eq!(session.decrypt(&oaep(), back, &sealed).as_deref(), Ok(&b"message"[..]));
            let wrapped = session.wrap(&carrier(bits), wraps, mac).unwrap();
            assert_eq!(wrapped.len(), 384 + 16 + 8);
            let template = secret(CKK_GENERIC_SECRET).uses(&[CKA_SIGN, CKA_VERIFY]);
            let back = session.unwrap(&carrier(bits), unwraps, &wrapped, &template).unwrap();
            assert_eq!(session.get(back, CKA_VALUE), Ok(vec![0x5A; 15]));
            let before = keys(session);
            for at in [0, 383, 384, wrapped.len() - 1] {
                let mut wrong = wrapped.clone();
                wrong[at] ^= 1;
                let refused = session.unwrap(&carrier(bits), unwraps, &wrong, &template);
                assert_eq!(refused, Err(Rv(CKR_WRAPPED_KEY_INVALID)), "{at}");
            }
            let refused = session.unwrap(&carrier(bits), unwraps, &wrapped[..391], &template);
            assert_eq!(refused, Err(Rv(CKR_WRAPPED_KEY_LEN_RANGE)));
            let named = template.clone().ulong(CKA_VALUE_LEN, 14);
            let refused = session.unwrap(&carrier(bits), unwraps, &wrapped, &named);
            assert_eq!(refused, Err(Rv(CKR_WRAPPED_KEY_LEN_RANGE)));
            assert_eq!(keys(session), before);
        }
    }
}

alone! {
    fn neither_the_rsa_key_nor_the_aes_key_is_weaker_than_what_is_wrapped() {
        let world = World::new();
        super::installed::install_text(&world, "unsafe_allow = \"wrap-under-imported\"\n");
        let session = world.user();
        let pair = |bits| {
            let public = Template::new().uses(&[CKA_WRAP]).ulong(CKA_MODULUS_BITS, bits);
            let private = Template::new().uses(&[CKA_UNWRAP]);
            session.generate_pair(&Mechanism::plain(CKM_RSA_PKCS_KEY_PAIR_GEN), &public, &private).unwrap().0
        };
        let open = |len| {
            let template = secret(CKK_AES).ulong(CKA_VALUE_LEN, len).uses(&[CKA_ENCRYPT, CKA_DECRYPT]);
            session.generate(&Mechanism::plain(CKM_AES_KEY_GEN), &template).unwrap()
        };
        let (weak, strong) = (pair(2048), pair(3072));
        let small = open(16);
        assert_eq!(session.wrap(&carrier(256), weak, small), Err(Rv(CKR_WRAPPING_KEY_SIZE_RANGE)));
        assert!(session.wrap(&carrier(128), strong, small).is_ok());
        assert_eq!(session.wrap(&carrier(256), strong, open(32)), Err(Rv(CKR_WRAPPING_KEY_SIZE_RANGE)));
        // 192 bits of security under RSA-7680, whose two halves this test does not wait for: a public key does.
        let mut modulus = vec![0xC5; 960];
        modulus[959] = 1;
        let large = Template::new().class(CKO_PUBLIC_KEY).ulong(CKA_KEY_TYPE, CKK_RSA).uses(&[CKA_WRAP]);
        let large = large.bytes(CKA_MODULUS, &modulus).bytes(CKA_PUBLIC_EXPONENT, &[1, 0, 1]);
        let large = session.create(&large).unwrap();
        assert!(session.wrap(&carrier(192), large, open(24)).is_ok());
        assert_eq!(session.wrap(&carrier(128), large, open(24)), Err(Rv(CKR_WRAPPING_KEY_SIZE_RANGE)));
        for bits in [0, 64, 127, 512, CK_ULONG::MAX] {
            assert_eq!(session.wrap(&carrier(bits), strong, small), Err(Rv(CKR_MECHANISM_PARAM_INVALID)), "{bits}");
        }
        let (encrypts, _) = session.rsa(Template::new().uses(&[CKA_ENCRYPT]), Template::new().uses(&[CKA_DECRYPT])).unwrap();
        assert_eq!(session.encrypt_init(&carrier(256), encrypts), Err(Rv(CKR_MECHANISM_INVALID)));
    }
}
