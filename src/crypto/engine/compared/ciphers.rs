//! AES and Triple DES in their modes, GCM, ChaCha20 alone and with Poly1305, CCM, XTS and key wrap.

use super::{Dice, pieces, rounds};
use crate::crypto::engine::aead::{Algorithm, AuthenticatedKey, AuthenticatedStream, MAX_NONCE, TAG};
use crate::crypto::engine::ccm::{CounterWithMacKey, NONCES};
use crate::crypto::engine::chacha20::ChaCha20;
use crate::crypto::engine::cipher::{BLOCK, BlockCipherKey, DES_BLOCK, Direction, Mode, RunningCipher};
use crate::crypto::engine::key_wrap::WrappingKey;
use crate::crypto::engine::xts::DataUnitKey;
use crate::crypto::engine::{AwsLc, Reference, reference};
use crate::sys::aws_lc;

const LONGEST: usize = 3000;
const KEYS: [usize; 3] = [16, 24, 32];
const DIRECTIONS: [Direction; 2] = [Direction::Encrypt, Direction::Decrypt];

/// Two messages under one key, each in pieces.
fn run<K: BlockCipherKey>(
    (mode, direction): (Mode, Direction),
    key: &[u8],
    ivs: [&[u8]; 2],
    messages: [&[u8]; 2],
    dice: &mut Dice,
) -> [Vec<u8>; 2] {
    let key = K::new(mode, direction, key).unwrap();
    run_key(&key, mode, if mode.streams() { 1 } else { BLOCK }, ivs, messages, dice)
}

/// The same with a key that is there; messages are cut at multiples of `unit`.
fn run_key<K: BlockCipherKey>(
    key: &K,
    mode: Mode,
    unit: usize,
    ivs: [&[u8]; 2],
    messages: [&[u8]; 2],
    dice: &mut Dice,
) -> [Vec<u8>; 2] {
    let mut running = key.start(ivs[0]).unwrap();
    let mut answer = [0, 1].map(|index| vec![0; messages[index].len()]);
    for index in 0..2 {
        if index == 1 {
            if mode == Mode::Ecb {
                running = key.start(ivs[1]).unwrap();
            } else {
                running.restart(ivs[1]).unwrap();
            }
        }
        let cuts = dice.cuts(messages[index].len(), unit);
        let mut out = &mut answer[index][..];
        for piece in pieces(messages[index], &cuts) {
            let (here, rest) = out.split_at_mut(piece.len());
            running.update(piece, here).unwrap();
            out = rest;
        }
    }
    if unit > 1 {
        assert!(running.update(&[0; BLOCK - 1], &mut [0; BLOCK - 1]).is_err());
    }
    if mode != Mode::Ecb {
        assert!(key.start(&[0; BLOCK - 1]).is_err() && running.restart(&[0; BLOCK - 1]).is_err());
    }
    answer
}

#[test]
fn modes_give_the_same_both_ways() {
    for mode in [Mode::Ecb, Mode::Cbc, Mode::Ctr, Mode::Cfb8, Mode::Cfb128, Mode::Ofb] {
        rounds(&format!("AES {mode:?}"), 150, |dice| {
            let key_len = dice.pick(&KEYS);
            let key = dice.bytes(key_len);
            let ivs = [dice.bytes(BLOCK), dice.bytes(BLOCK)];
            let ivs = [&ivs[0][..], &ivs[1]];
            let mut messages = [dice.message(LONGEST), dice.message(LONGEST)];
            if !mode.streams() {
                messages.iter_mut().for_each(|message| message.truncate(message.len() / BLOCK * BLOCK));
            }
            let [first, second] = [&messages[0][..], &messages[1]];
            for direction in DIRECTIONS {
                let how = (mode, direction);
                let one = run::<aws_lc::cipher::CipherKey>(how, &key, ivs, [first, second], dice);
                let other = run::<reference::cipher::CipherKey>(how, &key, ivs, [first, second], dice);
                assert_eq!(one, other);
            }
        });
    }
}

#[test]
fn triple_des_gives_the_same_both_ways() {
    rounds("Triple DES", 150, |dice| {
        let key_len = dice.pick(&[16, 24]);
        let (key, mode) = (dice.bytes(key_len), dice.pick(&[Mode::Ecb, Mode::Cbc]));
        let ivs = [dice.bytes(DES_BLOCK), dice.bytes(DES_BLOCK)];
        let ivs = [&ivs[0][..], &ivs[1]];
        let mut messages = [dice.message(LONGEST), dice.message(LONGEST)];
        messages.iter_mut().for_each(|message| message.truncate(message.len() / DES_BLOCK * DES_BLOCK));
        let messages = [&messages[0][..], &messages[1]];
        for direction in DIRECTIONS {
            let one = aws_lc::cipher::CipherKey::triple_des(mode, direction, &key).unwrap();
            let other = reference::cipher::CipherKey::triple_des(mode, direction, &key).unwrap();
            let one = run_key(&one, mode, DES_BLOCK, ivs, messages, dice);
            assert_eq!(run_key(&other, mode, DES_BLOCK, ivs, messages, dice), one);
        }
    });
    for (mode, key_len) in [(Mode::Ctr, 24), (Mode::Cfb128, 16), (Mode::Ecb, 8), (Mode::Cbc, 32)] {
        let key = vec![1; key_len];
        assert!(aws_lc::cipher::CipherKey::triple_des(mode, Direction::Encrypt, &key).is_err());
        assert!(reference::cipher::CipherKey::triple_des(mode, Direction::Encrypt, &key).is_err());
    }
}

#[test]
fn counter_carries_through_the_whole_block() {
    rounds("AES counter", 50, |dice| {
        let key = dice.bytes(32);
        let mut iv = [0xFF; BLOCK];
        let kept = dice.below(BLOCK);
        iv[..kept].copy_from_slice(&dice.bytes(kept));
        let message = dice.message(200);
        let how = (Mode::Ctr, Direction::Encrypt);
        let one = run::<aws_lc::cipher::CipherKey>(how, &key, [&iv, &iv], [&message, b""], dice);
        let other = run::<reference::cipher::CipherKey>(how, &key, [&iv, &iv], [&message, b""], dice);
        assert_eq!(one, other);
    });
}

/// One message of an authenticated cipher.
struct Sealed {
    nonce: Vec<u8>,
    aad: Vec<u8>,
    message: Vec<u8>,
}

impl Sealed {
    fn draw(dice: &mut Dice, nonce_len: usize) -> Self {
        Self { nonce: dice.bytes(nonce_len), aad: dice.message(400), message: dice.message(LONGEST) }
    }
}

/// Seals with one engine in one call, and with the other in pieces.
fn seal<K: AuthenticatedKey>(key: &K, sealed: &Sealed, dice: &mut Dice) -> (Vec<u8>, [u8; TAG]) {
    let Sealed { nonce, aad, message } = sealed;
    let (mut out, mut tag) = (vec![0; message.len()], [0; TAG]);
    key.seal(nonce, aad, message, &mut out, &mut tag).unwrap();
    let mut stream = key.start(Direction::Encrypt, nonce).unwrap();
    let cuts = dice.cuts(aad.len(), 1);
    pieces(aad, &cuts).into_iter().for_each(|piece| stream.aad(piece).unwrap());
    assert_eq!(through(&mut stream, message, dice), out);
    let mut same = [0; TAG];
    stream.tag(&mut same).unwrap();
    assert_eq!(same, tag);
    (out, tag)
}

fn through(stream: &mut impl AuthenticatedStream, message: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut answer = vec![0; message.len()];
    let mut out = &mut answer[..];
    let cuts = dice.cuts(message.len(), 1);
    for piece in pieces(message, &cuts) {
        let (here, rest) = out.split_at_mut(piece.len());
        stream.update(piece, here).unwrap();
        out = rest;
    }
    answer
}

/// Opens in one call and in pieces; a changed message, tag or additional data are refused and leave zeros.
fn open<K: AuthenticatedKey>(key: &K, sealed: &Sealed, ciphertext: &[u8], tag: &[u8], dice: &mut Dice) {
    let Sealed { nonce, aad, message } = sealed;
    let mut out = vec![0; message.len()];
    key.open(nonce, aad, ciphertext, tag, &mut out).unwrap();
    assert_eq!(out, *message);
    let mut stream = key.start(Direction::Decrypt, nonce).unwrap();
    stream.aad(aad).unwrap();
    assert_eq!(through(&mut stream, ciphertext, dice), *message);
    stream.verify(tag).unwrap();
    let wrong = dice.tampered(tag);
    assert!(key.open(nonce, aad, ciphertext, &wrong, &mut out).is_err());
    assert!(out.iter().all(|byte| *byte == 0));
    let wrong = [aad, &[0][..]].concat();
    assert!(key.open(nonce, &wrong, ciphertext, tag, &mut out).is_err());
    if !ciphertext.is_empty() {
        let wrong = dice.tampered(ciphertext);
        assert!(key.open(nonce, aad, &wrong, tag, &mut out).is_err());
        let mut stream = key.start(Direction::Decrypt, nonce).unwrap();
        stream.aad(aad).unwrap();
        through(&mut stream, &wrong, dice);
        assert!(stream.verify(tag).is_err());
    }
}

fn both<A: AuthenticatedKey, B: AuthenticatedKey>(
    algorithm: Algorithm,
    key: &[u8],
    sealed: &Sealed,
    tag_len: usize,
    dice: &mut Dice,
) {
    let (a, b) = (A::new(algorithm, key).unwrap(), B::new(algorithm, key).unwrap());
    let (ciphertext, tag) = seal(&a, sealed, dice);
    assert_eq!(seal(&b, sealed, dice), (ciphertext.clone(), tag));
    open(&a, sealed, &ciphertext, &tag[..tag_len], dice);
    open(&b, sealed, &ciphertext, &tag[..tag_len], dice);
}

#[test]
fn gcm_with_nonces_and_tags_of_any_length_is_the_same() {
    rounds("AES-GCM", 150, |dice| {
        let key_len = dice.pick(&KEYS);
        let key = dice.bytes(key_len);
        let nonce_len = if dice.below(2) == 0 { 12 } else { 1 + dice.len(MAX_NONCE - 1) };
        let sealed = Sealed::draw(dice, nonce_len);
        let tag_len = if dice.below(2) == 0 { TAG } else { 4 + dice.below(13) };
        both::<aws_lc::aead::AeadKey, reference::aead::AeadKey>(
            Algorithm::AesGcm,
            &key,
            &sealed,
            tag_len,
            dice,
        );
    });
}

/// GMAC is GCM over nothing but additional data, in pieces.
fn gmac<K: AuthenticatedKey>(key: &K, nonce: &[u8], data: &[u8], dice: &mut Dice) -> [u8; TAG] {
    let cuts = dice.cuts(data.len(), 1);
    let start = |direction| {
        let mut stream = key.start(direction, nonce).unwrap();
        pieces(data, &cuts).into_iter().for_each(|piece| stream.aad(piece).unwrap());
        stream
    };
    let mut tag = [0; TAG];
    start(Direction::Encrypt).tag(&mut tag).unwrap();
    let short = 4 + dice.below(13);
    start(Direction::Decrypt).verify(&tag[..short]).unwrap();
    let wrong = dice.tampered(&tag[..short]);
    assert!(start(Direction::Decrypt).verify(&wrong).is_err());
    tag
}

#[test]
fn gmac_is_the_same() {
    rounds("GMAC", 150, |dice| {
        let key_len = dice.pick(&KEYS);
        let key = dice.bytes(key_len);
        let nonce_len = if dice.below(2) == 0 { 12 } else { 1 + dice.len(MAX_NONCE - 1) };
        let (nonce, data) = (dice.bytes(nonce_len), dice.message(LONGEST));
        let one = aws_lc::aead::AeadKey::new(Algorithm::AesGcm, &key).unwrap();
        let other = reference::aead::AeadKey::new(Algorithm::AesGcm, &key).unwrap();
        let tag = gmac(&one, &nonce, &data, dice);
        assert_eq!(gmac(&other, &nonce, &data, dice), tag);
    });
}

/// The third: the crate that seals the store.
#[test]
fn gcm_is_that_of_the_whole_crate() {
    use aes_gcm::aead::AeadInOut;
    use aes_gcm::{Aes256Gcm, KeyInit};
    rounds("AES-GCM crate", 100, |dice| {
        let (key, nonce) = (dice.array::<32>(), dice.array::<12>());
        let (aad, message) = (dice.message(100), dice.message(LONGEST));
        let mut expected = message.clone();
        let whole = Aes256Gcm::new(&key.into());
        let tag = whole.encrypt_inout_detached(&nonce.into(), &aad, (&mut expected[..]).into()).unwrap();
        let joined = reference::aead::AeadKey::new(Algorithm::AesGcm, &key).unwrap();
        let (mut out, mut same) = (vec![0; message.len()], [0; TAG]);
        joined.seal(&nonce, &aad, &message, &mut out, &mut same).unwrap();
        assert_eq!((out, same), (expected, tag.into()));
    });
}

#[test]
fn chacha20_poly1305_is_the_same() {
    rounds("ChaCha20-Poly1305", 150, |dice| {
        let key = dice.bytes(32);
        let sealed = Sealed::draw(dice, 12);
        let algorithm = Algorithm::ChaCha20Poly1305;
        both::<aws_lc::aead::AeadKey, reference::aead::AeadKey>(algorithm, &key, &sealed, TAG, dice);
    });
}

#[test]
fn ccm_is_the_same() {
    rounds("AES-CCM", 200, |dice| {
        let key_len = dice.pick(&KEYS);
        let key = dice.bytes(key_len);
        let nonce_len = NONCES.start() + dice.below(7);
        let Sealed { nonce, aad, message } = Sealed::draw(dice, nonce_len);
        let mut tag = vec![0; 4 + 2 * dice.below(7)];
        let one = aws_lc::ccm::CcmKey::new(&key).unwrap();
        let other = reference::ccm::CcmKey::new(&key).unwrap();
        let mut out = vec![0; message.len()];
        one.seal(&nonce, &aad, &message, &mut out, &mut tag).unwrap();
        let (mut same, mut same_tag) = (vec![0; message.len()], vec![0; tag.len()]);
        CounterWithMacKey::seal(&other, &nonce, &aad, &message, &mut same, &mut same_tag).unwrap();
        assert_eq!((&out, &tag), (&same, &same_tag));
        let wrong = dice.tampered(&tag);
        fn opened(key: &impl CounterWithMacKey, [nonce, aad, input, tag]: [&[u8]; 4]) -> Option<Vec<u8>> {
            let mut out = vec![1; input.len()];
            let answer = key.open(nonce, aad, input, tag, &mut out);
            assert!(answer.is_ok() || out.iter().all(|byte| *byte == 0));
            answer.ok().map(|()| out)
        }
        assert_eq!(opened(&one, [&nonce, &aad, &out, &tag]).as_ref(), Some(&message));
        assert_eq!(opened(&other, [&nonce, &aad, &out, &tag]).as_ref(), Some(&message));
        assert_eq!(opened(&one, [&nonce, &aad, &out, &wrong]), None);
        assert_eq!(opened(&other, [&nonce, &aad, &out, &wrong]), None);
    });
}

fn stream<E: ChaCha20>(key: &[u8; 32], nonce: &[u8; 12], counter: u32, input: &[u8]) -> Option<Vec<u8>> {
    let mut out = vec![0; input.len()];
    E::apply(key, nonce, counter, input, &mut out).ok().map(|()| out)
}

#[test]
fn chacha20_is_the_same_up_to_the_end_of_its_counter() {
    rounds("ChaCha20", 150, |dice| {
        let (key, mut nonce, input) = (dice.array(), dice.array(), dice.message(LONGEST));
        // The last block of the counter with 64 bits, which the original cipher has.
        if dice.below(4) == 0 {
            nonce[..4].fill(0xFF);
        }
        let left = u32::try_from(dice.below(50)).unwrap();
        let middle = u32::from_le_bytes(dice.array()) / 2;
        let counter = dice.pick(&[0, 1, middle, u32::MAX - left]);
        let one = stream::<AwsLc>(&key, &nonce, counter, &input);
        assert_eq!(stream::<Reference>(&key, &nonce, counter, &input), one);
        let blocks = input.len().div_ceil(64) as u64;
        assert_eq!(one.is_some(), u64::from(counter) + blocks <= 1 << 32);
    });
}

#[test]
fn xts_is_the_same_both_ways() {
    rounds("XTS", 150, |dice| {
        let (key, tweak) = (dice.array(), dice.array());
        let input = [&dice.bytes(BLOCK)[..], &dice.message(LONGEST)].concat();
        let one = aws_lc::xts::XtsKey::new(&key).unwrap();
        let other = reference::xts::XtsKey::new(&key).unwrap();
        for direction in DIRECTIONS {
            let (mut out, mut same) = (vec![0; input.len()], vec![0; input.len()]);
            one.run(direction, &tweak, &input, &mut out).unwrap();
            DataUnitKey::run(&other, direction, &tweak, &input, &mut same).unwrap();
            assert_eq!(out, same);
            let short = &input[..BLOCK - 1];
            assert!(one.run(direction, &tweak, short, &mut [0; BLOCK - 1]).is_err());
            assert!(other.run(direction, &tweak, short, &mut [0; BLOCK - 1]).is_err());
        }
    });
    assert!(aws_lc::xts::XtsKey::new(&[7; 64]).is_err() && reference::xts::XtsKey::new(&[7; 64]).is_err());
}

fn wraps<A: WrappingKey, B: WrappingKey>(dice: &mut Dice) {
    let key_len = dice.pick(&KEYS);
    let key = dice.bytes(key_len);
    let (a, b) = (A::new(&key).unwrap(), B::new(&key).unwrap());
    let iv = [0xA6; 8];
    let message_len = 16 + 8 * dice.below(40);
    let message = dice.bytes(message_len);
    let (mut one, mut other) = (vec![0; message.len() + 8], vec![1; message.len() + 8]);
    a.wrap(&iv, &message, &mut one).unwrap();
    b.wrap(&iv, &message, &mut other).unwrap();
    assert_eq!(one, other);
    let mut back = vec![0; message.len()];
    b.unwrap(&iv, &one, &mut back).unwrap();
    assert_eq!(back, message);
    let wrong = dice.tampered(&one);
    assert!(b.unwrap(&iv, &wrong, &mut back).is_err());
    assert!(back.iter().all(|byte| *byte == 0));

    let message = [&[1][..], &dice.message(300)].concat();
    let padded = message.len().next_multiple_of(8);
    let (mut one, mut other) = (vec![0; padded + 8], vec![1; padded + 8]);
    a.wrap_padded(&message, &mut one).unwrap();
    b.wrap_padded(&message, &mut other).unwrap();
    assert_eq!(one, other);
    let mut back = vec![0; padded];
    let len = b.unwrap_padded(&one, &mut back).unwrap();
    assert_eq!(back[..len], message);
    let wrong = dice.tampered(&one);
    assert!(b.unwrap_padded(&wrong, &mut back).is_err());
    assert!(back.iter().all(|byte| *byte == 0));
}

#[test]
fn key_wrap_is_the_same_both_ways() {
    rounds("key wrap", 150, |dice| {
        wraps::<aws_lc::key_wrap::WrapKey, reference::key_wrap::WrapKey>(dice);
        wraps::<reference::key_wrap::WrapKey, aws_lc::key_wrap::WrapKey>(dice);
    });
}
