//! Digests, saved digests, SHAKE and MACs.

use super::{Dice, pieces, rounds};
use crate::crypto::engine::cmac::{BlockMac, BlockMacKey};
use crate::crypto::engine::digest::{Digesting, Hash, MAX_LEN, WholeDigests};
use crate::crypto::engine::hash_state::SavedDigest;
use crate::crypto::engine::keccak::{Extendable, Function};
use crate::crypto::engine::mac::{Mac, MacKey};
use crate::crypto::engine::{AwsLc, Reference, reference};
use crate::sys::aws_lc;

pub(super) const HASHES: [Hash; 11] = [
    Hash::Sha1,
    Hash::Sha224,
    Hash::Sha256,
    Hash::Sha384,
    Hash::Sha512,
    Hash::Sha512_224,
    Hash::Sha512_256,
    Hash::Sha3_224,
    Hash::Sha3_256,
    Hash::Sha3_384,
    Hash::Sha3_512,
];

/// SHA-3 is saved by neither.
fn is_saved(hash: Hash) -> bool {
    !matches!(hash, Hash::Sha3_224 | Hash::Sha3_256 | Hash::Sha3_384 | Hash::Sha3_512)
}

const LONGEST: usize = 5000;

fn whole<E: WholeDigests>(hash: Hash, message: &[u8]) -> Vec<u8> {
    let mut out = vec![0; hash.len()];
    E::digest(hash, message, &mut out).unwrap();
    assert!(E::digest(hash, message, &mut vec![0; hash.len() + 1]).is_err());
    out
}

fn in_pieces<D: Digesting>(hash: Hash, pieces: &[&[u8]]) -> Vec<u8> {
    let mut first = D::new(hash).unwrap();
    let mut second = D::new(hash).unwrap();
    for (index, piece) in pieces.iter().enumerate() {
        if index == pieces.len() / 2 {
            second = first.copy().unwrap();
        }
        first.update(piece).unwrap();
        second.update(piece).unwrap();
    }
    let (mut out, mut same) = ([0; MAX_LEN], [0; MAX_LEN]);
    let len = first.finish(&mut out).unwrap();
    if !pieces.is_empty() {
        assert_eq!(second.finish(&mut same).unwrap(), len);
        assert_eq!(out, same);
    }
    out[..len].to_vec()
}

/// Saves and goes on after each piece.
fn saved<S: SavedDigest>(hash: Hash, pieces: &[&[u8]]) -> Vec<u8> {
    let mut state = S::new(hash).unwrap();
    for piece in pieces {
        state.update(piece).unwrap();
        if is_saved(hash) {
            state = S::restore(hash, &state.save().unwrap()).unwrap();
        } else {
            assert!(state.save().is_err() && S::restore(hash, &[0; 201]).is_err());
        }
    }
    let mut out = [0; MAX_LEN];
    assert_eq!(state.hash(), hash);
    let len = state.finish(&mut out).unwrap();
    out[..len].to_vec()
}

#[test]
fn digests_are_the_same() {
    for hash in HASHES {
        rounds(&format!("{hash:?}"), 100, |dice| {
            let message = dice.message(LONGEST);
            let cuts = dice.cuts(message.len(), 1);
            let parts = pieces(&message, &cuts);
            let expected = whole::<AwsLc>(hash, &message);
            assert_eq!(whole::<Reference>(hash, &message), expected);
            assert_eq!(in_pieces::<aws_lc::digest::Digest>(hash, &parts), expected);
            assert_eq!(in_pieces::<reference::digest::Digest>(hash, &parts), expected);
            assert_eq!(saved::<aws_lc::hash_state::HashState>(hash, &parts), expected);
            assert_eq!(saved::<reference::hash_state::HashState>(hash, &parts), expected);
        });
    }
}

#[test]
fn states_of_one_engine_never_pass_for_another_message_in_the_other() {
    rounds("states", 100, |dice| {
        let hash = dice.pick(&HASHES[..7]);
        assert!(is_saved(hash));
        let mut state = aws_lc::hash_state::HashState::new(hash).unwrap();
        state.update(&dice.message(300)).unwrap();
        let mut other = reference::hash_state::HashState::new(hash).unwrap();
        other.update(&dice.message(300)).unwrap();
        assert!(reference::hash_state::HashState::restore(hash, &state.save().unwrap()).is_err());
        assert!(aws_lc::hash_state::HashState::restore(hash, &other.save().unwrap()).is_err());
    });
}

fn mac<K: MacKey>(hash: Hash, key: &[u8], dice: &mut Dice, message: &[u8]) -> Vec<u8> {
    let key = K::new(hash, key).unwrap();
    let mut out = vec![0; key.len()];
    key.mac(message, &mut out).unwrap();
    assert!(key.mac(message, &mut vec![0; key.len() - 1]).is_err());
    let cuts = dice.cuts(message.len(), 1);
    let mut running = key.start().unwrap();
    for piece in pieces(message, &cuts) {
        running.update(piece).unwrap();
    }
    let mut same = [0; MAX_LEN];
    let len = running.finish(&mut same).unwrap();
    assert_eq!(out, same[..len]);
    out
}

#[test]
fn macs_are_the_same() {
    for hash in HASHES {
        rounds(&format!("HMAC {hash:?}"), 100, |dice| {
            let (key, message) = (dice.message(300), dice.message(LONGEST));
            let one = mac::<aws_lc::mac::HmacKey>(hash, &key, dice, &message);
            assert_eq!(mac::<reference::mac::HmacKey>(hash, &key, dice, &message), one);
        });
    }
}

fn extended<K: Extendable>(function: Function, pieces: &[&[u8]], len: usize) -> Vec<u8> {
    let mut keccak = K::new(function).unwrap();
    pieces.iter().for_each(|piece| keccak.update(piece).unwrap());
    let mut out = vec![0; len];
    keccak.finish(&mut out).unwrap();
    out
}

#[test]
fn shake_of_any_length_is_the_same() {
    for function in [Function::Shake128, Function::Shake256] {
        rounds(&format!("{function:?}"), 100, |dice| {
            let message = dice.message(LONGEST);
            let cuts = dice.cuts(message.len(), 1);
            let (parts, len) = (pieces(&message, &cuts), dice.len(1000));
            let one = extended::<aws_lc::keccak::Keccak>(function, &parts, len);
            assert_eq!(extended::<reference::keccak::Keccak>(function, &[&message], len), one);
        });
    }
}

fn block_mac<K: BlockMacKey>(key: &[u8], pieces: &[&[u8]]) -> [u8; 16] {
    let mut mac = K::new(key).unwrap().start().unwrap();
    pieces.iter().for_each(|piece| mac.update(piece).unwrap());
    let mut out = [0; 16];
    mac.finish(&mut out).unwrap();
    out
}

#[test]
fn cmacs_are_the_same() {
    rounds("CMAC", 200, |dice| {
        let key_len = dice.pick(&[16, 24, 32]);
        let (key, message) = (dice.bytes(key_len), dice.message(500));
        let cuts = dice.cuts(message.len(), 1);
        let one = block_mac::<aws_lc::cmac::CmacKey>(&key, &pieces(&message, &cuts));
        assert_eq!(block_mac::<reference::cmac::CmacKey>(&key, &[&message]), one);
    });
}
