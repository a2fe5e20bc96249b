//! Two implementations compared: for each algorithm that both engines have, one makes and the other checks, with random
//! keys, sizes and cuts, in both directions. What the module puts together itself is held against whole functions of a
//! library (`compositions`), and what a crate of its own computes against the engine (`crates`).
//!
//! The random choices follow from a seed, so a failure can be had again: it prints the seed, and
//! `COMPARED_SEED=NUMBER` in the environment runs with that one. Without it the seed is always the same.

mod ciphers;
mod codes;
mod compositions;
mod crates;
mod curves;
mod derivation;
mod finite_fields;
mod lattices;
mod rsa;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// What decides where the environment says nothing.
const SEED: u64 = 0x6b65_7977_6172_6421;

/// Runs `work` so many times, each with random choices of its own.
fn rounds(name: &str, count: u64, mut work: impl FnMut(&mut Dice)) {
    let seed = seed();
    for round in 0..count {
        let _told = Told { name, seed, round };
        work(&mut Dice::new(name, seed, round));
    }
}

#[expect(clippy::disallowed_methods, reason = "a test may ask which seed to run with")]
fn seed() -> u64 {
    std::env::var("COMPARED_SEED").map_or(SEED, |text| text.parse().unwrap())
}

/// Says, when a round panics, how to have it again.
struct Told<'a> {
    name: &'a str,
    seed: u64,
    round: u64,
}

impl Drop for Told<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}: round {} with COMPARED_SEED={}", self.name, self.round, self.seed);
        }
    }
}

/// Random choices.
struct Dice(ChaCha20Rng);

impl Dice {
    fn new(name: &str, seed: u64, round: u64) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(&round.to_le_bytes());
        for (index, byte) in name.bytes().enumerate() {
            key[16 + index % 16] ^= byte.rotate_left(u32::try_from(index / 16).unwrap());
        }
        Self(ChaCha20Rng::from_seed(key))
    }

    /// A number from 0 up to `limit`, which it never is.
    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.0.next_u64() % u64::try_from(limit).unwrap()).unwrap()
    }

    /// A length up to `longest`: often short or at the edge of a block, sometimes long.
    fn len(&mut self, longest: usize) -> usize {
        match self.below(4) {
            0 => self.below(20.min(longest + 1)),
            1 => ((1 + self.below(8)) * 64 + self.below(3)).saturating_sub(1).min(longest),
            _ => self.below(longest + 1),
        }
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    fn array<const LEN: usize>(&mut self) -> [u8; LEN] {
        let mut bytes = [0; LEN];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    /// A message of a random length.
    fn message(&mut self, longest: usize) -> Vec<u8> {
        let len = self.len(longest);
        self.bytes(len)
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// The lengths of the pieces of a message, each a multiple of `unit`; some are empty.
    fn cuts(&mut self, mut len: usize, unit: usize) -> Vec<usize> {
        let mut cuts = Vec::new();
        while len > 0 {
            let units = self.len(len / unit);
            cuts.push(units * unit);
            len -= units * unit;
        }
        cuts
    }

    /// A copy with one bit another.
    fn tampered(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        let at = self.below(bytes.len());
        bytes[at] ^= 1 << self.below(8);
        bytes
    }
}

/// A message in pieces of these lengths.
fn pieces<'a>(mut message: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for cut in cuts {
        let (piece, rest) = message.split_at(*cut);
        pieces.push(piece);
        message = rest;
    }
    pieces
}

#[test]
fn choices_follow_from_seed_name_and_round() {
    let drawn = |name, seed, round| Dice::new(name, seed, round).bytes(40);
    assert_eq!(drawn("a", 1, 2), drawn("a", 1, 2));
    assert_ne!(drawn("a", 1, 2), drawn("b", 1, 2));
    assert_ne!(drawn("a", 1, 2), drawn("a", 2, 2));
    assert_ne!(drawn("a", 1, 2), drawn("a", 1, 3));
    let mut dice = Dice::new("cuts", 1, 1);
    for len in [0, 16, 160, 1600] {
        let cuts = dice.cuts(len, 16);
        assert_eq!(cuts.iter().sum::<usize>(), len);
        assert!(cuts.iter().all(|cut| cut % 16 == 0));
    }
}
