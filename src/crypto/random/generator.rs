//! The generator proper: ChaCha20 with fast key erasure, given a seed.
//!
//! One run of ChaCha20 makes 256 bytes. The first 32 are the next key and replace this one at once; the
//! others are given out, each erased as it goes. So whoever reads the state later learns nothing that
//! was given out before.

use super::entropy::{SEED, hash};
use crate::secret::Secret;
use rand_chacha::ChaCha20Core;
use rand_chacha::rand_core::SeedableRng;
use rand_chacha::rand_core::block::Generator as _;
use sha2::Digest;
use std::hint::black_box;
use zeroize::Zeroize;

/// Bytes of one run: four blocks.
const RUN: usize = 256;

/// State between two seeds.
pub(super) struct Generator {
    /// The key, then what is not given out yet at the end.
    state: Secret,
    /// How many bytes are not given out yet.
    left: usize,
    /// Requests since the last seed.
    requests: u32,
    /// Bytes given out since the last seed.
    bytes: u32,
}

impl Generator {
    /// Must be seeded before use.
    pub(super) fn unseeded() -> Self {
        Self { state: Secret::zeroed(RUN), left: 0, requests: 0, bytes: 0 }
    }

    /// Takes a seed in. The old state stays part of the new one.
    pub(super) fn reseed(&mut self, seed: &Secret) {
        let mut digest = hash(|hasher| {
            hasher.update(b"keyward random key");
            hasher.update(seed.expose());
            hasher.update(self.state.expose());
        });
        self.state.expose_mut().zeroize();
        self.state.expose_mut().iter_mut().zip(digest).take(SEED).for_each(|(to, byte)| *to = byte);
        digest.zeroize();
        (self.left, self.requests, self.bytes) = (0, 0, 0);
    }

    /// Whether another request is within so many requests and bytes of one seed.
    pub(super) const fn within(&self, requests: u32, bytes: u32) -> bool {
        self.requests < requests && self.bytes < bytes
    }

    /// Fills `out`.
    pub(super) fn draw(&mut self, out: &mut [u8]) {
        self.requests = self.requests.saturating_add(1);
        self.bytes = self.bytes.saturating_add(u32::try_from(out.len()).unwrap_or(u32::MAX));
        let mut rest = out;
        while !rest.is_empty() {
            if self.left == 0 {
                self.run();
            }
            let count = rest.len().min(self.left);
            let (part, after) = rest.split_at_mut(count);
            let from = RUN - self.left;
            if let Some(ready) = self.state.expose_mut().get_mut(from..from + count) {
                part.copy_from_slice(ready);
                ready.fill(0);
            }
            self.left -= count;
            rest = after;
        }
    }

    fn run(&mut self) {
        let mut key = [0; SEED];
        key.iter_mut().zip(self.state.expose()).for_each(|(to, byte)| *to = *byte);
        expand(&mut key, self.state.expose_mut());
        self.left = RUN - SEED;
    }
}

/// Fills `out` from a key that is used for nothing else, and wipes the key.
pub(super) fn expand(key: &mut [u8; SEED], out: &mut [u8]) {
    let mut cipher = ChaCha20Core::from_seed(*key);
    let mut words = [0; RUN / 4];
    let (runs, rest) = out.as_chunks_mut::<RUN>();
    for run in runs {
        cipher.generate(&mut words);
        write(run, &words);
    }
    if !rest.is_empty() {
        cipher.generate(&mut words);
        let mut run = [0; RUN];
        write(&mut run, &words);
        rest.iter_mut().zip(run).for_each(|(to, byte)| *to = byte);
        run.zeroize();
    }
    key.zeroize();
    words.zeroize();
    // The crate does not wipe its state: overwritten.
    cipher = ChaCha20Core::from_seed([0; SEED]);
    black_box(&mut cipher);
}

/// The words of a run as bytes.
fn write(run: &mut [u8; RUN], words: &[u32; RUN / 4]) {
    let (parts, _) = run.as_chunks_mut::<4>();
    parts.iter_mut().zip(words).for_each(|(to, word)| *to = word.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha20Rng;
    use rand_chacha::rand_core::Rng;

    fn seeded(with: u8) -> Generator {
        let mut generator = Generator::unseeded();
        generator.reseed(&Secret::from_slice(&[with; SEED]));
        generator
    }

    #[test]
    fn expand_gives_the_stream_of_chacha20_and_wipes_the_key() {
        for len in [0, 1, 31, 256, 257, 1000] {
            let (mut key, mut ours, mut theirs) = ([5; SEED], vec![0; len], vec![0; len]);
            expand(&mut key, &mut ours);
            ChaCha20Rng::from_seed([5; SEED]).fill_bytes(&mut theirs);
            assert_eq!((ours, key), (theirs, [0; SEED]));
        }
    }

    #[test]
    fn draw_erases_what_it_gives_and_the_key_that_made_it() {
        let mut generator = seeded(1);
        let key = generator.state.expose()[..SEED].to_vec();
        let mut out = [0; 100];
        generator.draw(&mut out);
        let state = generator.state.expose();
        assert_ne!(&state[..SEED], &key);
        assert!(state[SEED..SEED + 100].iter().all(|byte| *byte == 0));
        assert!(!state.windows(8).any(|part| part == &out[..8]));
        assert!(state[SEED + 100..].iter().any(|byte| *byte != 0));
    }

    #[test]
    fn draws_in_parts_give_no_bytes_twice() {
        let mut generator = seeded(2);
        let mut seen = std::collections::HashSet::new();
        for len in (8..600).cycle().take(5000) {
            let mut out = vec![0; len];
            generator.draw(&mut out);
            assert!(out.chunks_exact(8).all(|part| seen.insert(part.to_vec())));
        }
    }

    #[test]
    fn reseed_mixes_old_state_and_seed() {
        let draw = |generator: &mut Generator| {
            let mut out = [0; 32];
            generator.draw(&mut out);
            out
        };
        let (mut one, mut other) = (seeded(1), seeded(2));
        let same = Secret::from_slice(&[3; SEED]);
        one.reseed(&same);
        other.reseed(&same);
        assert_ne!(draw(&mut one), draw(&mut other), "the old states differed");
        let (mut one, mut other) = (seeded(1), seeded(1));
        one.reseed(&same);
        other.reseed(&Secret::from_slice(&[4; SEED]));
        assert_ne!(draw(&mut one), draw(&mut other), "the seeds differed");
    }

    #[test]
    fn limits_of_one_seed_count_requests_and_bytes() {
        let mut generator = seeded(1);
        (0..10).for_each(|_| generator.draw(&mut [0; 5]));
        assert!(generator.within(11, 51));
        assert!(!generator.within(10, 51) && !generator.within(11, 50));
        generator.reseed(&Secret::zeroed(SEED));
        assert!(generator.within(1, 1));
    }
}
