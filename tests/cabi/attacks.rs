//! The attacks that the literature knows on this interface, one test each: what was done to other tokens is refused
//! here, and the same steps work where they are rightful. Where PKCS#11 itself leaves a way open, the test says which
//! attribute closes it.

use super::client::*;
use crate::{alone, call};
use cryptoki_sys::*;

const NOT_PERMITTED: Rv = Rv(CKR_KEY_FUNCTION_NOT_PERMITTED);

fn cbc_pad() -> Mechanism {
    Mechanism::iv(CKM_AES_CBC_PAD, &[0; 16])
}

fn gcm() -> Mechanism {
    Mechanism::gcm(&[1; 12], b"", 128)
}

fn oaep() -> Mechanism {
    Mechanism::oaep(CKM_SHA256, CKG_MGF1_SHA256, b"")
}

/// A sensitive key that may travel wrapped.
fn sensitive(session: Session<'_>) -> Key {
    session.aes(Template::new().flag(CKA_SENSITIVE, true).flag(CKA_EXTRACTABLE, true)).unwrap()
}

fn aes_of(value: &[u8], uses: &[CK_ATTRIBUTE_TYPE]) -> Template {
    Template::new().class(CKO_SECRET_KEY).ulong(CKA_KEY_TYPE, CKK_AES).bytes(CKA_VALUE, value).uses(uses)
}

/// What an unwrapped AES key is to be.
fn unwrapped(uses: &[CK_ATTRIBUTE_TYPE]) -> Template {
    Template::new().class(CKO_SECRET_KEY).ulong(CKA_KEY_TYPE, CKK_AES).uses(uses)
}

/// Without the floor under wrapping, so that what PKCS#11 itself asks is what is tried.
fn wraps_under_any_key(world: &World) {
    super::installed::install_text(world, "unsafe_allow = \"wrap-under-imported\"\n");
}

alone! {
    /// Clulow 2003, "On the Security of PKCS #11", 3.1: wrap a key, then decrypt the result as data.
    fn wrapped_key_cannot_be_decrypted_as_data() {
        let world = World::new();
        let session = world.user();
        let target = sensitive(session);
        let all = [CKA_WRAP, CKA_UNWRAP, CKA_ENCRYPT, CKA_DECRYPT];
        let key = session.aes(Template::new().uses(&all)).unwrap();
        let wrapped = session.wrap(&cbc_pad(), key, target).unwrap();
        assert_eq!(session.decrypt(&cbc_pad(), key, &wrapped), Err(NOT_PERMITTED));
        // Rightful: it comes back as a key.
        session.unwrap(&cbc_pad(), key, &wrapped, &unwrapped(&[CKA_ENCRYPT])).unwrap();
        // The other way round: data encrypted by the attacker cannot become a key.
        let key = session.aes(Template::new().uses(&all)).unwrap();
        let chosen = session.encrypt(&cbc_pad(), key, &[0x42; 32]).unwrap();
        assert_eq!(session.unwrap(&cbc_pad(), key, &chosen, &unwrapped(&[CKA_ENCRYPT])), Err(NOT_PERMITTED));
        assert_eq!(session.decrypt(&cbc_pad(), key, &chosen).unwrap(), [0x42; 32]);
    }
}

alone! {
    /// Clulow 2003, 3.3: wrap a strong key under a weak one and search for the weak one.
    fn strong_key_is_not_wrapped_under_a_weaker_one() {
        let world = World::new();
        let session = world.user();
        let target = sensitive(session);
        let generation = Mechanism::plain(CKM_AES_KEY_GEN);
        let weaker = session.generate(&generation, &Template::new().ulong(CKA_VALUE_LEN, 16).flag(CKA_WRAP, true)).unwrap();
        assert_eq!(session.wrap(&cbc_pad(), weaker, target).err(), Some(Rv(CKR_WRAPPING_KEY_SIZE_RANGE)));
        let equal = session.aes(Template::new().flag(CKA_WRAP, true)).unwrap();
        session.wrap(&cbc_pad(), equal, target).unwrap();
        // RSA-2048 has 112 bits: it may carry a 112-bit secret and no AES-256 key.
        let (public, _) = session.rsa(Template::new().flag(CKA_WRAP, true), Template::new().flag(CKA_UNWRAP, true)).unwrap();
        assert_eq!(session.wrap(&oaep(), public, target).err(), Some(Rv(CKR_WRAPPING_KEY_SIZE_RANGE)));
    }
}

alone! {
    /// Clulow 2003, 3.2 ("key conjuring"): bytes at random unwrapped in ECB or without padding become related keys.
    fn keys_are_not_conjured_from_random_bytes_where_the_mechanism_authenticates() {
        let world = World::new();
        let session = world.user();
        let key = session.aes(Template::new().uses(&[CKA_WRAP, CKA_UNWRAP])).unwrap();
        let target = sensitive(session);
        let good = session.wrap(&gcm(), key, target).unwrap();
        session.unwrap(&gcm(), key, &good, &unwrapped(&[CKA_ENCRYPT])).unwrap();
        for place in 0..good.len() {
            let mut forged = good.clone();
            forged[place] ^= 1;
            let refused = session.unwrap(&gcm(), key, &forged, &unwrapped(&[CKA_ENCRYPT]));
            assert_eq!(refused, Err(Rv(CKR_WRAPPED_KEY_INVALID)), "byte {place}");
        }
    }
}

alone! {
    /// Delaune, Kremer and Steel 2008, "Formal Analysis of PKCS#11": CKA_WRAP and CKA_DECRYPT set and unset in turn.
    fn uses_that_are_set_and_unset_in_turn_do_not_add_up() {
        let world = World::new();
        let session = world.user();
        let target = sensitive(session);
        for token in [false, true] {
            let template = Template::new().flag(CKA_TOKEN, token).flag(CKA_WRAP, true).flag(CKA_DECRYPT, false);
            let key = session.aes(template).unwrap();
            let wrapped = session.wrap(&cbc_pad(), key, target).unwrap();
            let _ = session.set(key, &Template::new().flag(CKA_WRAP, false));
            let _ = session.set(key, &Template::new().flag(CKA_DECRYPT, true));
            assert_eq!(session.decrypt_init(&cbc_pad(), key), Err(NOT_PERMITTED));
            // Nor in a copy that drops the one and takes the other.
            let other = Template::new().flag(CKA_WRAP, false).flag(CKA_DECRYPT, true);
            if let Ok(copy) = session.copy(key, &other) {
                assert_eq!(session.decrypt(&cbc_pad(), copy, &wrapped), Err(NOT_PERMITTED));
            }
        }
        // Rightful: a key that has done nothing yet may change its mind.
        let key = session.aes(Template::new().uses(&[CKA_WRAP, CKA_ENCRYPT])).unwrap();
        session.set(key, &Template::new().flag(CKA_WRAP, false).flag(CKA_DECRYPT, true)).unwrap();
        let sealed = session.encrypt(&gcm(), key, b"data").unwrap();
        assert_eq!(session.decrypt(&gcm(), key, &sealed).unwrap(), b"data");
    }
}

alone! {
    /// Delaune, Kremer and Steel 2010: a key is unwrapped twice with conflicting attributes, once to wrap and once to
    /// decrypt. Nothing in PKCS#11 knows that both are one key; CKA_WRAP_WITH_TRUSTED keeps what matters from both.
    fn key_unwrapped_twice_wraps_nothing_that_asks_for_a_trusted_key() {
        let world = World::new();
        wraps_under_any_key(&world);
        let session = world.user();
        let over = session.aes(Template::new().uses(&[CKA_WRAP, CKA_UNWRAP])).unwrap();
        let twin = session.wrap(&cbc_pad(), over, sensitive(session)).unwrap();
        let wraps = session.unwrap(&cbc_pad(), over, &twin, &unwrapped(&[CKA_WRAP])).unwrap();
        let decrypts = session.unwrap(&cbc_pad(), over, &twin, &unwrapped(&[CKA_DECRYPT])).unwrap();
        let guarded = Template::new().flag(CKA_EXTRACTABLE, true).flag(CKA_WRAP_WITH_TRUSTED, true);
        let target = session.aes(guarded).unwrap();
        assert_eq!(session.wrap(&cbc_pad(), wraps, target).err(), Some(Rv(CKR_KEY_NOT_WRAPPABLE)));
        // The user cannot make the twin trusted, nor the key content with less.
        assert!(session.set(wraps, &Template::new().flag(CKA_TRUSTED, true)).is_err());
        assert!(session.unwrap(&cbc_pad(), over, &twin, &unwrapped(&[CKA_WRAP]).flag(CKA_TRUSTED, true)).is_err());
        assert!(session.set(target, &Template::new().flag(CKA_WRAP_WITH_TRUSTED, false)).is_err());
        assert!(session.copy(target, &Template::new().flag(CKA_WRAP_WITH_TRUSTED, false)).is_err());
        // Neither twin does what the other may.
        assert_eq!(session.decrypt_init(&cbc_pad(), wraps), Err(NOT_PERMITTED));
        assert_eq!(session.wrap(&cbc_pad(), decrypts, target).err(), Some(NOT_PERMITTED));
        // A key that may not leave does not leave under either.
        let stays = session.aes(Template::new().flag(CKA_EXTRACTABLE, false)).unwrap();
        assert_eq!(session.wrap(&cbc_pad(), wraps, stays).err(), Some(Rv(CKR_KEY_UNEXTRACTABLE)));
    }
}

alone! {
    /// Bortolozzo, Centenaro, Focardi and Steel 2010, "Attacking and Fixing PKCS#11 Security Tokens", a1 and a2:
    /// wrap under a key that the attacker knows or can read.
    fn key_that_asks_for_a_trusted_wrapper_is_not_wrapped_under_one_that_the_attacker_knows() {
        let world = World::new();
        wraps_under_any_key(&world);
        let session = world.user();
        let known = session.create(&aes_of(&[0x11; 32], &[CKA_WRAP])).unwrap();
        let guarded = || Template::new().flag(CKA_EXTRACTABLE, true).flag(CKA_WRAP_WITH_TRUSTED, true);
        let target = session.aes(guarded()).unwrap();
        assert_eq!(session.wrap(&cbc_pad(), known, target).err(), Some(Rv(CKR_KEY_NOT_WRAPPABLE)));
        // A public key of the attacker's (a3): the same.
        let (theirs, _) = session.rsa(Template::new(), Template::new()).unwrap();
        let modulus = session.get(theirs, CKA_MODULUS).unwrap();
        let public = Template::new().class(CKO_PUBLIC_KEY).ulong(CKA_KEY_TYPE, CKK_RSA).flag(CKA_WRAP, true);
        let public = session.create(&public.bytes(CKA_MODULUS, &modulus).bytes(CKA_PUBLIC_EXPONENT, &[1, 0, 1])).unwrap();
        assert!(session.wrap(&oaep(), public, target).is_err());
        // Rightful: the SO trusts a key, and under that it travels.
        let label = "trusted by the SO";
        let trusted = Template::token().label(label).flag(CKA_PRIVATE, false).uses(&[CKA_WRAP, CKA_UNWRAP]);
        let trusted = session.aes(trusted).unwrap();
        let stored = session.aes(guarded().flag(CKA_TOKEN, true).label("guarded")).unwrap();
        assert_eq!(session.wrap(&cbc_pad(), trusted, stored).err(), Some(Rv(CKR_KEY_NOT_WRAPPABLE)));
        session.logout().unwrap();
        session.login(CKU_SO, SO_PIN).unwrap();
        let found = session.find(&Template::new().label(label)).unwrap()[0];
        session.set(found, &Template::new().flag(CKA_TRUSTED, true)).unwrap();
        session.logout().unwrap();
        session.login(CKU_USER, USER_PIN).unwrap();
        let find = |label| session.find(&Template::new().label(label)).unwrap()[0];
        session.wrap(&cbc_pad(), find(label), find("guarded")).unwrap();
    }
}

alone! {
    /// Bortolozzo et al. 2010, a4 and a5: read a sensitive key, or one that is not extractable, after unsetting that.
    fn sensitive_stays_sensitive_and_unextractable_stays_so() {
        let world = World::new();
        let session = world.user();
        for token in [false, true] {
            let template = Template::new().flag(CKA_TOKEN, token).flag(CKA_SENSITIVE, true).flag(CKA_EXTRACTABLE, false);
            let key = session.aes(template).unwrap();
            for weaker in [Template::new().flag(CKA_SENSITIVE, false), Template::new().flag(CKA_EXTRACTABLE, true)] {
                assert!(session.set(key, &weaker).is_err());
                assert!(session.copy(key, &weaker).is_err());
            }
            assert_eq!(session.get(key, CKA_VALUE), Err(Rv(CKR_ATTRIBUTE_SENSITIVE)));
            for history in [CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE, CKA_LOCAL] {
                assert!(session.set(key, &Template::new().flag(history, false)).is_err());
            }
        }
        // Rightful: a key that was made open is read, and may become sensitive, and then stays so.
        let open = session.aes(Template::new().flag(CKA_SENSITIVE, false).flag(CKA_EXTRACTABLE, true)).unwrap();
        assert_eq!(session.get(open, CKA_VALUE).unwrap().len(), 32);
        session.set(open, &Template::new().flag(CKA_SENSITIVE, true)).unwrap();
        assert_eq!(session.get(open, CKA_VALUE), Err(Rv(CKR_ATTRIBUTE_SENSITIVE)));
        assert!(!session.get_bool(open, CKA_ALWAYS_SENSITIVE).unwrap());
    }
}

alone! {
    /// Bortolozzo et al. 2010: unwrap one's own wrapped key again as one that can be read. What comes back was outside,
    /// and says so; a key that must not be read asks not to travel, or for a trusted wrapper.
    fn unwrapped_key_never_claims_a_history_it_has_not() {
        let world = World::new();
        let session = world.user();
        let over = session.aes(Template::new().uses(&[CKA_WRAP, CKA_UNWRAP])).unwrap();
        let wrapped = session.wrap(&cbc_pad(), over, sensitive(session)).unwrap();
        let back = session.unwrap(&cbc_pad(), over, &wrapped, &unwrapped(&[CKA_ENCRYPT]).flag(CKA_SENSITIVE, true)).unwrap();
        for history in [CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE, CKA_LOCAL] {
            assert!(!session.get_bool(back, history).unwrap(), "{history:#x}");
            let claimed = session.unwrap(&cbc_pad(), over, &wrapped, &unwrapped(&[]).flag(history, true));
            assert!(claimed.is_err(), "{history:#x}");
        }
        let stays = session.aes(Template::new().flag(CKA_EXTRACTABLE, false)).unwrap();
        assert_eq!(session.wrap(&cbc_pad(), over, stays).err(), Some(Rv(CKR_KEY_UNEXTRACTABLE)));
    }
}

/// Answers to an unwrapping or decryption of many ciphertexts, and how often each.
fn tally<T>(answers: impl Iterator<Item = Answer<T>>) -> Vec<(Option<CK_RV>, usize)> {
    let mut tally: Vec<(Option<CK_RV>, usize)> = Vec::new();
    for answer in answers {
        let code = answer.err().map(|rv| rv.0);
        match tally.iter_mut().find(|(known, _)| *known == code) {
            Some((_, count)) => *count += 1,
            None => tally.push((code, 1)),
        }
    }
    tally
}

/// Ciphertexts of RSA-2048 whose blocks are not well padded, nearly surely: the modulus less something.
fn malformed(modulus: &[u8], count: u8) -> impl Iterator<Item = Vec<u8>> {
    (0..count).map(move |seed| {
        let mut bytes: Vec<u8> =
            modulus.iter().enumerate().map(|(at, byte)| byte ^ seed.wrapping_mul(at as u8 | 1)).collect();
        bytes[0] = 0;
        bytes
    })
}

alone! {
    /// Bleichenbacher 1998, and Boeck, Somorovsky and Young 2018: PKCS#1 v1.5 as a padding oracle, by C_Decrypt.
    fn malformed_pkcs1_blocks_decrypt_to_something_and_always_the_same() {
        let world = World::new();
        let session = world.user();
        let uses = (Template::new().flag(CKA_ENCRYPT, true), Template::new().flag(CKA_DECRYPT, true));
        let (public, private) = session.rsa(uses.0, uses.1).unwrap();
        let pkcs1 = Mechanism::plain(CKM_RSA_PKCS);
        let good = session.encrypt(&pkcs1, public, b"premaster").unwrap();
        assert_eq!(session.decrypt(&pkcs1, private, &good).unwrap(), b"premaster");
        let modulus = session.get(public, CKA_MODULUS).unwrap();
        let mut lengths = Vec::new();
        for ciphertext in malformed(&modulus, 60) {
            let first = session.decrypt(&pkcs1, private, &ciphertext).expect("no error tells of the padding");
            assert_eq!(session.decrypt(&pkcs1, private, &ciphertext).unwrap(), first, "not the same twice");
            lengths.push(first.len());
        }
        // Lengths that differ, as if they were messages.
        lengths.sort_unstable();
        lengths.dedup();
        assert!(lengths.len() > 20, "{lengths:?}");
        // What is wrong in public is told: a length that is not the modulus's, a number that is too large.
        assert_eq!(session.decrypt(&pkcs1, private, &good[1..]).err(), Some(Rv(CKR_ENCRYPTED_DATA_LEN_RANGE)));
        assert!(session.decrypt(&pkcs1, private, &[0xFF; 256]).is_err());
    }
}

alone! {
    /// Bardou, Focardi, Kawamoto, Simionato, Steel and Tsay 2012, "Efficient Padding Oracle Attacks on Cryptographic
    /// Hardware": PKCS#1 v1.5 by C_UnwrapKey. A bad block and a good one of another length answer alike.
    fn malformed_pkcs1_blocks_unwrap_like_good_ones_of_another_length() {
        let world = World::new();
        let session = world.user();
        let uses = (Template::new().uses(&[CKA_WRAP, CKA_ENCRYPT]), Template::new().flag(CKA_UNWRAP, true));
        let (public, private) = session.rsa(uses.0, uses.1).unwrap();
        let pkcs1 = Mechanism::plain(CKM_RSA_PKCS);
        let modulus = session.get(public, CKA_MODULUS).unwrap();
        let short = Template::new().class(CKO_SECRET_KEY).ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET);
        let secret = Mechanism::plain(CKM_GENERIC_SECRET_KEY_GEN);
        let odd = session.generate(&secret, &Template::new().ulong(CKA_VALUE_LEN, 14).flag(CKA_EXTRACTABLE, true)).unwrap();
        let odd = session.wrap(&pkcs1, public, odd).unwrap();
        // As an AES key, neither a good block of 14 bytes nor a bad block is one, and nobody can tell which it was.
        let good = session.unwrap(&pkcs1, private, &odd, &unwrapped(&[CKA_ENCRYPT]));
        let bad = tally(malformed(&modulus, 40).map(|bytes| session.unwrap(&pkcs1, private, &bytes, &unwrapped(&[CKA_ENCRYPT]))));
        let refusals: Vec<_> = bad.iter().filter_map(|(code, _)| *code).collect();
        assert_eq!(refusals, [good.unwrap_err().0], "{bad:?}");
        // With a length in the template: the same.
        let exact = unwrapped(&[CKA_ENCRYPT]).ulong(CKA_VALUE_LEN, 32);
        let good = session.unwrap(&pkcs1, private, &odd, &exact).unwrap_err().0;
        let bad = tally(malformed(&modulus, 40).map(|bytes| session.unwrap(&pkcs1, private, &bytes, &exact)));
        assert_eq!(bad.iter().filter_map(|(code, _)| *code).collect::<Vec<_>>(), [good], "{bad:?}");
        // As a secret of any length nearly all become a key; none answers that its padding was wrong.
        let bad = tally(malformed(&modulus, 40).map(|bytes| session.unwrap(&pkcs1, private, &bytes, &short)));
        assert!(bad.iter().all(|(code, _)| *code != Some(CKR_ENCRYPTED_DATA_INVALID)), "{bad:?}");
        session.unwrap(&pkcs1, private, &odd, &short).unwrap();
    }
}

alone! {
    /// Vaudenay 2002, "Security Flaws Induced by CBC Padding", by C_UnwrapKey: a wrong padding and a padding that leaves
    /// no AES key answer alike. By C_Decrypt the padding's rightness must be told (CKR_ENCRYPTED_DATA_INVALID is what
    /// PKCS#11 asks for), but nothing of where it is wrong: who lets strangers ask needs GCM.
    fn cbc_padding_errors_are_one_error() {
        let world = World::new();
        let session = world.user();
        let over = session.aes(Template::new().uses(&[CKA_WRAP, CKA_UNWRAP])).unwrap();
        let wrapped = session.wrap(&cbc_pad(), over, sensitive(session)).unwrap();
        session.unwrap(&cbc_pad(), over, &wrapped, &unwrapped(&[CKA_ENCRYPT])).unwrap();
        // The last block says 16 bytes of padding. Flips in the block before change it to 1 to 15, 0 or more than 16.
        let before_last = wrapped.len() - 17;
        let forged = (1..=255_u8).map(|flip| {
            let mut forged = wrapped.clone();
            forged[before_last] ^= flip;
            session.unwrap(&cbc_pad(), over, &forged, &unwrapped(&[CKA_ENCRYPT]))
        });
        let answers = tally(forged);
        assert_eq!(answers, [(Some(CKR_WRAPPED_KEY_INVALID), 255)]);
        let key = session.aes(Template::new().uses(&[CKA_ENCRYPT, CKA_DECRYPT])).unwrap();
        let sealed = session.encrypt(&cbc_pad(), key, &[7; 16]).unwrap();
        let forged = |flip: u8| {
            let mut forged = sealed.clone();
            forged[15] ^= flip;
            forged
        };
        // All bad paddings alike, whole and in parts. One flip makes a padding of one byte, which is good.
        let one_good = 0x10 ^ 0x01;
        let bad = || (1..=255_u8).filter(move |flip| *flip != one_good);
        let whole = tally(bad().map(|flip| session.decrypt(&cbc_pad(), key, &forged(flip))));
        assert_eq!(whole, [(Some(CKR_ENCRYPTED_DATA_INVALID), 254)]);
        let parts = tally(bad().map(|flip| {
            let answer = session.decrypt_parts(&cbc_pad(), key, &forged(flip));
            call!(world.module, C_SessionCancel, session.handle, CKF_DECRYPT).unwrap();
            answer
        }));
        assert_eq!(parts, [(Some(CKR_ENCRYPTED_DATA_INVALID), 254)]);
    }
}

alone! {
    /// Manger 2001, "A Chosen Ciphertext Attack on RSA Optimal Asymmetric Encryption Padding": a first byte that is not
    /// zero must look like any other fault.
    fn oaep_faults_are_one_fault() {
        let world = World::new();
        let session = world.user();
        let uses = (Template::new().flag(CKA_ENCRYPT, true), Template::new().flag(CKA_DECRYPT, true));
        let (public, private) = session.rsa(uses.0, uses.1).unwrap();
        let good = session.encrypt(&oaep(), public, b"data").unwrap();
        assert_eq!(session.decrypt(&oaep(), private, &good).unwrap(), b"data");
        let modulus = session.get(public, CKA_MODULUS).unwrap();
        // Of random blocks 255 in 256 have another first byte; a wrong label has a zero and a wrong hash.
        let other = Mechanism::oaep(CKM_SHA256, CKG_MGF1_SHA256, b"another label");
        let wrong_label = session.decrypt(&other, private, &good).unwrap_err();
        let answers = tally(malformed(&modulus, 60).map(|bytes| session.decrypt(&oaep(), private, &bytes)));
        assert_eq!(answers, [(Some(wrong_label.0), 60)]);
        // Through C_UnwrapKey.
        let uses = (Template::new().flag(CKA_WRAP, true), Template::new().flag(CKA_UNWRAP, true));
        let (public, private) = session.rsa(uses.0, uses.1).unwrap();
        let generation = Mechanism::plain(CKM_GENERIC_SECRET_KEY_GEN);
        let small = session.generate(&generation, &Template::new().ulong(CKA_VALUE_LEN, 14).flag(CKA_EXTRACTABLE, true)).unwrap();
        let good = session.wrap(&oaep(), public, small).unwrap();
        let generic = Template::new().class(CKO_SECRET_KEY).ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET);
        session.unwrap(&oaep(), private, &good, &generic).unwrap();
        let wrong_label = session.unwrap(&other, private, &good, &generic).unwrap_err();
        let modulus = session.get(public, CKA_MODULUS).unwrap();
        let answers = tally(malformed(&modulus, 60).map(|bytes| session.unwrap(&oaep(), private, &bytes, &generic)));
        assert_eq!(answers, [(Some(wrong_label.0), 60)]);
    }
}

alone! {
    /// Biehl, Meyer and Mueller 2000 and Antipa et al. 2003: points that are not on the curve leak the private key.
    fn points_off_the_curve_are_refused() {
        let world = World::new();
        let session = world.user();
        let (public, private) = session.p256(Template::new(), Template::new().flag(CKA_DERIVE, true)).unwrap();
        let point = session.get(public, CKA_EC_POINT).unwrap();
        let raw = point[point.len() - 65..].to_vec();
        let derived = Template::new().class(CKO_SECRET_KEY).ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET).ulong(CKA_VALUE_LEN, 32);
        let derive = |point: &[u8]| session.derive(&Mechanism::ecdh(CKM_ECDH1_DERIVE, point), private, &derived);
        derive(&raw).unwrap();
        let mut bad = vec![vec![0], vec![4], [&[4_u8][..], &[0; 64]].concat(), [&[4_u8][..], &[0xFF; 64]].concat(), raw[..64].to_vec()];
        // (x, y + 1); a compressed x that has no y; a form that is none.
        for (place, flip) in [(64, 1), (33, 0x80), (1, 1), (0, 1)] {
            let mut point = raw.clone();
            point[place] ^= flip;
            bad.push(point);
        }
        // The point of order 2 on the curve with another b, y = 0.
        bad.push([&raw[..33], &[0; 32]].concat());
        for point in bad {
            assert_eq!(derive(&point).err(), Some(Rv(CKR_PUBLIC_KEY_INVALID)), "{point:02X?}");
            let import = Template::new().class(CKO_PUBLIC_KEY).ulong(CKA_KEY_TYPE, CKK_EC).bytes(CKA_EC_PARAMS, P256);
            assert!(session.create(&import.bytes(CKA_EC_POINT, &point)).is_err(), "{point:02X?}");
        }
    }
}

alone! {
    /// Joux 2006 (the "forbidden attack") and Ferguson 2005: a short tag is easily forged, a forged text tells nothing.
    fn gcm_forgeries_give_no_plaintext_and_tags_are_not_too_short() {
        let world = World::new();
        let session = world.user();
        let key = session.aes(Template::new().uses(&[CKA_ENCRYPT, CKA_DECRYPT])).unwrap();
        let sealed = session.encrypt(&gcm(), key, &[9; 48]).unwrap();
        for place in [0, 47, 48, 63] {
            let mut forged = sealed.clone();
            forged[place] ^= 0x80;
            session.decrypt_init(&gcm(), key).unwrap();
            let (mut out, mut len) = ([0xA5_u8; 64], 64);
            let (from, from_len) = (forged.as_mut_ptr(), forged.len() as CK_ULONG);
            let refused = call!(world.module, C_Decrypt, session.handle, from, from_len, out.as_mut_ptr(), &raw mut len);
            assert_eq!(refused, Err(Rv(CKR_ENCRYPTED_DATA_INVALID)));
            assert!(!out.windows(4).any(|four| four == [9; 4]), "a plaintext nobody vouched for came out");
        }
        // A tag cut short is another tag, not a weaker one: the receiver says how long it is.
        assert!(session.decrypt(&gcm(), key, &sealed[..sealed.len() - 4]).is_err());
        for bits in [0, 8, 16, 24, 31] {
            assert!(session.encrypt_init(&Mechanism::gcm(&[1; 12], b"", bits), key).is_err(), "{bits}");
        }
        let other_aad = session.decrypt(&Mechanism::gcm(&[1; 12], b"x", 128), key, &sealed);
        assert_eq!(other_aad.err(), Some(Rv(CKR_ENCRYPTED_DATA_INVALID)));
        assert_eq!(session.decrypt(&gcm(), key, &sealed).unwrap(), [9; 48]);
    }
}

alone! {
    /// Boneh, DeMillo and Lipton 1997: one wrong half of a CRT signature factors the modulus. A key whose parts do not
    /// fit is never taken in; AWS-LC recomputes each signature with the public exponent before it gives it out.
    fn key_with_a_wrong_crt_part_is_refused() {
        let world = World::new();
        let session = world.user();
        // A key that signs would not leave; one that decrypts has the same parts.
        let private = Template::new().flag(CKA_DECRYPT, true).flag(CKA_SENSITIVE, false).flag(CKA_EXTRACTABLE, true);
        let (_, key) = session.rsa(Template::new(), private).unwrap();
        let parts = [
            CKA_MODULUS, CKA_PUBLIC_EXPONENT, CKA_PRIVATE_EXPONENT, CKA_PRIME_1, CKA_PRIME_2, CKA_EXPONENT_1,
            CKA_EXPONENT_2, CKA_COEFFICIENT,
        ];
        let values: Vec<_> = parts.iter().map(|cka| session.get(key, *cka).unwrap()).collect();
        let import = |wrong: Option<usize>| {
            let mut template = Template::new().class(CKO_PRIVATE_KEY).ulong(CKA_KEY_TYPE, CKK_RSA).flag(CKA_DECRYPT, true);
            for (at, (cka, value)) in parts.iter().zip(&values).enumerate() {
                let mut value = value.clone();
                if wrong == Some(at) {
                    let last = value.len() - 1;
                    value[last] ^= 2;
                }
                template = template.bytes(*cka, &value);
            }
            session.create(&template)
        };
        import(None).unwrap();
        for wrong in [0, 2, 3, 4, 5, 6, 7] {
            assert!(import(Some(wrong)).is_err(), "{:#x}", parts[wrong]);
        }
    }
}

alone! {
    /// Clulow 2003, 3.5 (related keys): cut a derived key to one byte, use it, search 256 keys, go on with the next.
    fn key_cut_short_is_of_no_use() {
        let world = World::new();
        let session = world.user();
        let (public, private) = session.p256(Template::new(), Template::new().flag(CKA_DERIVE, true)).unwrap();
        let point = session.get(public, CKA_EC_POINT).unwrap();
        let ecdh = Mechanism::ecdh(CKM_ECDH1_DERIVE, &point);
        let hmac = Mechanism::plain(CKM_SHA256_HMAC);
        for len in [1, 2, 8, 13] {
            let cut = Template::new().class(CKO_SECRET_KEY).ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET);
            let cut = cut.ulong(CKA_VALUE_LEN, len).flag(CKA_SIGN, true).flag(CKA_SENSITIVE, true);
            let used = session.derive(&ecdh, private, &cut).and_then(|key| session.sign(&hmac, key, b"known"));
            assert!(used.is_err(), "a key of {len} bytes signs");
        }
        let whole = Template::new().class(CKO_SECRET_KEY).ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET);
        let whole = session.derive(&ecdh, private, &whole.ulong(CKA_VALUE_LEN, 32).flag(CKA_SIGN, true)).unwrap();
        session.sign(&hmac, whole, b"known").unwrap();
    }
}

alone! {
    /// C_DigestKey as an oracle (Clulow 2003, 3.4): the digest of a short or guessable key, or of known bytes and the
    /// key, is searched for outside. A sensitive key is not digested unless the policy allows it.
    fn digest_of_a_sensitive_key_is_refused() {
        let world = World::new();
        let session = world.user();
        let sha256 = Mechanism::plain(CKM_SHA256);
        let digest = |key| {
            session.digest_init(&sha256)?;
            let answer = call!(world.module, C_DigestKey, session.handle, key);
            call!(world.module, C_SessionCancel, session.handle, CKF_DIGEST)?;
            answer
        };
        for template in [
            Template::new().flag(CKA_SENSITIVE, true).flag(CKA_EXTRACTABLE, true),
            Template::new().flag(CKA_SENSITIVE, false).flag(CKA_EXTRACTABLE, false),
        ] {
            let key = session.aes(template).unwrap();
            let refused = digest(key).unwrap_err();
            assert!([CKR_KEY_INDIGESTIBLE, CKR_KEY_FUNCTION_NOT_PERMITTED].contains(&refused.0), "{refused:?}");
        }
    }
}
