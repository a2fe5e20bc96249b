//! RSA: keys, both paddings of signatures and of encryption, the primitives alone, and our own unpadding.

use super::codes::HASHES;
use super::{Dice, rounds};
use crate::crypto::engine::digest::Hash;
use crate::crypto::engine::numbers::{Natural, RsaArithmetic};
use crate::crypto::engine::rsa::{Key, Oaep, Part, Parts, Pss};
use crate::crypto::engine::{AwsLc, Reference, reference};
use crate::sys::aws_lc;

type Fast = aws_lc::rsa::RsaKey;
type Pure = reference::rsa::RsaKey;

/// The numbers of a key.
#[derive(Clone, PartialEq, Debug)]
struct Numbers(Vec<Vec<u8>>);

impl Numbers {
    fn of(key: &impl Key) -> Self {
        let parts = [Part::N, Part::E, Part::D, Part::P, Part::Q, Part::Dp, Part::Dq, Part::Qi];
        Self(
            parts
                .iter()
                .map(|part| {
                    let mut bytes = vec![0; key.part_len(*part)];
                    key.write_part(*part, &mut bytes).unwrap();
                    bytes
                })
                .collect(),
        )
    }

    fn private<K: Key>(&self) -> crate::crypto::engine::Answer<K> {
        let [n, e, d, p, q, dp, dq, qi] = &self.0[..] else { panic!("eight numbers") };
        K::private(&Parts { n, e, d, p, q, dp, dq, qi })
    }

    fn public<K: Key>(&self) -> K {
        K::public(&self.0[0], &self.0[1]).unwrap()
    }
}

/// Keys of several sizes and exponents, made by both engines.
fn keys() -> Vec<Numbers> {
    let made = vec![
        Numbers::of(&Fast::generate(1024, 3).unwrap()),
        Numbers::of(&Fast::generate(2048, 65537).unwrap()),
        Numbers::of(&Pure::generate(2048, 65537).unwrap()),
        Numbers::of(&Pure::generate(1152, 17).unwrap()),
    ];
    for numbers in &made {
        let (fast, pure): (Fast, Pure) = (numbers.private().unwrap(), numbers.private().unwrap());
        assert!(fast.check().is_ok() && pure.check().is_ok());
        assert_eq!(Numbers::of(&fast), *numbers);
        assert_eq!(Numbers::of(&pure), *numbers);
        assert_eq!((fast.bits(), fast.size()), (pure.bits(), pure.size()));
    }
    made
}

#[test]
fn keys_of_each_are_keys_of_the_other_and_wrong_numbers_of_neither() {
    let keys = keys();
    rounds("RSA numbers", 40, |dice| {
        let mut numbers = keys[dice.below(keys.len())].clone();
        let which = dice.below(8);
        numbers.0[which] = dice.tampered(&numbers.0[which]);
        assert!(numbers.private::<Fast>().is_err(), "{which}");
        assert!(numbers.private::<Pure>().is_err(), "{which}");
    });
}

#[test]
fn missing_numbers_are_found_by_both() {
    fn completed<E: RsaArithmetic>(numbers: &Numbers) -> [Vec<u8>; 3] {
        let number = |index: usize| E::Number::from_bytes(&numbers.0[index]).unwrap();
        let [p, q] = E::factors(&number(0), &number(1), &number(2)).unwrap().unwrap();
        let bytes = |number: &E::Number| {
            let mut bytes = vec![0; number.len()];
            number.write(&mut bytes).unwrap();
            bytes
        };
        let mut found = [bytes(&p), bytes(&q)];
        let mut expected = [numbers.0[3].clone(), numbers.0[4].clone()];
        found.sort();
        expected.sort();
        assert_eq!(found, expected);
        let values = E::remainder_values(&number(2), &number(3), &number(4)).unwrap();
        values.each_ref().map(bytes)
    }
    for numbers in keys() {
        let expected = [5, 6, 7].map(|index| numbers.0[index].clone());
        assert_eq!(completed::<AwsLc>(&numbers), expected);
        assert_eq!(completed::<Reference>(&numbers), expected);
    }
}

/// PKCS#1 v1.5 and PSS, and the primitives.
fn signs<A: Key, B: Key>(numbers: &Numbers, dice: &mut Dice) {
    let (private, public): (A, B) = (numbers.private().unwrap(), numbers.public());
    let size = private.size();
    let hash = dice.pick(&HASHES);
    let digest = dice.bytes(hash.len());
    let mut signature = vec![0; size];
    private.sign(hash, &digest, &mut signature).unwrap();
    public.verify(hash, &digest, &signature).unwrap();
    let wrong = dice.tampered(&signature);
    assert!(public.verify(hash, &digest, &wrong).is_err());
    let wrong = dice.tampered(&digest);
    assert!(public.verify(hash, &wrong, &signature).is_err());

    let data = dice.message(size - 11);
    private.sign_raw(&data, &mut signature).unwrap();
    let mut block = vec![0; size];
    let len = public.recover(&signature, &mut block).unwrap();
    assert_eq!(block[..len], data);
    let wrong = dice.tampered(&signature);
    assert!(public.recover(&wrong, &mut block).is_err());
    assert!(private.sign_raw(&vec![1; size - 10], &mut signature).is_err());

    let longest = (public.bits() as usize - 1).div_ceil(8) - hash.len() - 2;
    let pss = Pss { hash, mgf: hash, salt_len: dice.len(longest) };
    private.sign_pss(pss, &digest, &mut signature).unwrap();
    public.verify_pss(pss, &digest, &signature).unwrap();
    let other = Pss { salt_len: if pss.salt_len == 0 { 1 } else { pss.salt_len - 1 }, ..pss };
    assert!(public.verify_pss(other, &digest, &signature).is_err());
    let wrong = dice.tampered(&signature);
    assert!(public.verify_pss(pss, &digest, &wrong).is_err());

    let mut plain = dice.bytes(size);
    plain[0] = 0;
    private.sign_unpadded(&plain, &mut signature).unwrap();
    public.recover_unpadded(&signature, &mut block).unwrap();
    assert_eq!(block, plain);
    assert!(private.sign_unpadded(&numbers.0[0], &mut signature).is_err());
    assert!(public.recover_unpadded(&numbers.0[0], &mut signature).is_err());
}

#[test]
fn signatures_of_each_are_verified_by_the_other() {
    let keys = keys();
    rounds("RSA signatures", 60, |dice| {
        // The smallest key has no room for a SHA-512 with a long salt; all have room for a digest.
        let numbers = &keys[dice.below(keys.len())];
        signs::<Fast, Pure>(numbers, dice);
        signs::<Pure, Fast>(numbers, dice);
    });
}

fn encrypts<A: Key, B: Key>(numbers: &Numbers, dice: &mut Dice) {
    let (public, private): (A, B) = (numbers.public(), numbers.private().unwrap());
    let size = public.size();
    let hashes: Vec<Hash> = HASHES.into_iter().filter(|hash| 2 * hash.len() + 2 <= size).collect();
    let label = dice.message(50);
    let oaep = Oaep { hash: dice.pick(&hashes), mgf: dice.pick(&HASHES), label: &label };
    let message = dice.message(size - 2 * oaep.hash.len() - 2);
    let (mut ciphertext, mut out) = (vec![0; size], vec![0; size]);
    public.encrypt_oaep(&oaep, &message, &mut ciphertext).unwrap();
    let len = private.decrypt_oaep(&oaep, &ciphertext, &mut out).unwrap();
    assert_eq!(out[..len], message);
    let other = Oaep { label: b"another label", ..oaep };
    assert!(private.decrypt_oaep(&other, &ciphertext, &mut out).is_err());
    let wrong = dice.tampered(&ciphertext);
    assert!(private.decrypt_oaep(&oaep, &wrong, &mut out).is_err());
    let longer = vec![1; size - 2 * oaep.hash.len() - 1];
    assert!(public.encrypt_oaep(&oaep, &longer, &mut ciphertext).is_err());

    let message = dice.message(size - 11);
    public.encrypt(&message, &mut ciphertext).unwrap();
    private.decrypt_raw(&ciphertext, &mut out).unwrap();
    assert!(out.ends_with(&message) && out[size - message.len() - 1] == 0 && out.starts_with(&[0, 2]));
}

#[test]
fn what_each_encrypts_the_other_decrypts() {
    let keys = keys();
    rounds("RSA encryption", 60, |dice| {
        let numbers = &keys[dice.below(keys.len())];
        encrypts::<Fast, Pure>(numbers, dice);
        encrypts::<Pure, Fast>(numbers, dice);
    });
}

/// Our unpadding of PKCS#1 v1.5 with implicit rejection beside that of the crate, which follows the same draft: with right
/// blocks, and with wrong ones of every kind, for which both make the same message.
#[test]
fn unpadding_of_ours_is_that_of_the_crate() {
    use crate::crypto::engine::mac::HmacKey;
    use crate::crypto::rsa_unpad;
    use ::rsa::{BoxedUint, Pkcs1v15Encrypt, PrivateKey};
    for numbers in keys() {
        let [n, e, d, p, q, ..] = &numbers.0[..] else { panic!("eight numbers") };
        let [n, e, d_number, p, q] = [n, e, d, p, q].map(|bytes| BoxedUint::from_be_slice_vartime(bytes));
        let whole = PrivateKey::from_components(n, e, d_number, vec![p, q]).unwrap();
        let (fast, size): (Fast, _) = (numbers.private().unwrap(), numbers.0[0].len());
        let mut exponent = vec![0; size - d.len()];
        exponent.extend_from_slice(d);
        let mut digest = [0; 32];
        Hash::Sha256.digest(&exponent, &mut digest).unwrap();
        let rejection = HmacKey::new(Hash::Sha256, &digest).unwrap();
        rounds("unpadding", 60, |dice| {
            let mut block = dice.bytes(size);
            block.iter_mut().filter(|byte| **byte == 0).for_each(|byte| *byte = 1);
            block[..2].copy_from_slice(&[0, 2]);
            match dice.below(6) {
                // No zero, or one too early; a wrong beginning; a right block with a message of any length.
                0 => {}
                1 => block[2 + dice.below(8)] = 0,
                2 => block[1] = 1 + u8::from(dice.below(2) == 0) * 2,
                _ => {
                    let at = 10 + dice.below(size - 10);
                    block[at] = 0;
                }
            }
            let (mut ciphertext, mut back) = (vec![0; size], vec![0; size]);
            fast.recover_unpadded(&block, &mut ciphertext).unwrap();
            fast.decrypt_raw(&ciphertext, &mut back).unwrap();
            assert_eq!(back, block);
            let mut out = vec![0; size - rsa_unpad::OVERHEAD];
            let len = rsa_unpad::unpad(&rejection, &ciphertext, &block, &mut out).unwrap();
            assert_eq!(whole.decrypt(Pkcs1v15Encrypt, &ciphertext).unwrap(), out[..len]);
        });
    }
}
