//! Where seeds come from: several sources, each under its health tests, hashed into one pool.
//!
//! The pool is SHA-512 of itself and all that comes in, so a bad source spoils nothing that others gave, and
//! nothing that comes in later undoes what came before. The operating system alone is credited with
//! entropy; a seed needs it. The processor and the clock may be absent or poor, but not broken.

use super::health::{BYTES, Health, TIMES, Unhealthy};
use crate::secret::Secret;
use crate::sys::{clock, fork, hardware_random, process};
use sha2::{Digest, Sha512};
use std::hint::black_box;
use zeroize::Zeroize;

/// Bytes of the operating system for one seed: 256 bits and half as many again (SP 800-90A, 8.6.7: seed and nonce).
const SYSTEM: usize = 48;
/// Bytes of the processor.
const PROCESSOR: usize = 32;
/// Readings of the clock.
const TIMINGS: usize = 64;
/// Samples that each source shows before its first use (SP 800-90B, 4.3).
const START_UP: usize = 1024;
/// Length of the pool, and of a SHA-512 digest.
const POOL: usize = 64;

/// A seed of the generator, in bytes.
pub(super) const SEED: usize = 32;

/// The raw sources. A trait, so that tests can break them.
pub(super) trait Sources {
    /// The operating system's generator. False where it has nothing to give.
    fn system(&mut self, out: &mut [u8]) -> bool;
    /// The processor's generator. False where there is none, or it does not answer.
    fn processor(&mut self, out: &mut [u8]) -> bool;
    /// Low bytes of the time that a piece of work took.
    fn timings(&mut self, out: &mut [u8]);
}

/// The sources of the machine that we run on.
pub(super) struct Machine;

impl Sources for Machine {
    fn system(&mut self, out: &mut [u8]) -> bool {
        getrandom::fill(out).is_ok()
    }

    fn processor(&mut self, out: &mut [u8]) -> bool {
        out.chunks_mut(8).all(|part| {
            let Some(word) = hardware_random::word() else { return false };
            part.iter_mut().zip(word.to_le_bytes()).for_each(|(to, byte)| *to = byte);
            true
        })
    }

    fn timings(&mut self, out: &mut [u8]) {
        let mut before = clock::monotonic_nanos();
        let mut work = before;
        for sample in out {
            // A xorshift generator: some tens of nanoseconds that no compiler can foresee.
            for _ in 0..32 {
                work ^= work << 13;
                work ^= work >> 7;
                work ^= work << 17;
                work = black_box(work);
            }
            let now = clock::monotonic_nanos();
            let [low, ..] = now.wrapping_sub(before).to_le_bytes();
            (*sample, before) = (low, now);
        }
    }
}

/// Why there is no seed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Failure {
    /// The operating system gave nothing.
    Unavailable,
    /// A source failed its health test.
    Unhealthy,
}

impl From<Unhealthy> for Failure {
    fn from(Unhealthy: Unhealthy) -> Self {
        Self::Unhealthy
    }
}

/// All entropy that came in so far, and the health of where it came from.
pub(super) struct Pool {
    state: Secret,
    system: Health,
    processor: Health,
    timings: Health,
}

impl Pool {
    /// A pool of sources that have passed their start-up tests. Those samples are mixed in too.
    pub(super) fn new(sources: &mut dyn Sources) -> Result<Self, Failure> {
        let mut pool = Self {
            state: Secret::zeroed(POOL),
            system: Health::new(BYTES),
            processor: Health::new(BYTES),
            timings: Health::new(TIMES),
        };
        pool.stir(sources, [START_UP; 3], b"")?;
        Ok(pool)
    }

    /// A seed: from the pool, fresh samples of every source, and `more`, of any length.
    pub(super) fn seed(&mut self, sources: &mut dyn Sources, more: &[u8]) -> Result<Secret, Failure> {
        self.stir(sources, [SYSTEM, PROCESSOR, TIMINGS], more)?;
        let mut digest = hash(|hasher| {
            hasher.update(b"keyward random seed");
            hasher.update(self.state.expose());
        });
        let mut seed = Secret::zeroed(SEED);
        seed.expose_mut().iter_mut().zip(digest).for_each(|(to, byte)| *to = byte);
        digest.zeroize();
        // The pool moves on, so that it does not tell the seed that it gave.
        self.replace(|hasher, state| {
            hasher.update(b"keyward random next");
            hasher.update(state);
        });
        Ok(seed)
    }

    /// Tests so many fresh samples of each source and hashes them into the pool.
    fn stir(&mut self, sources: &mut dyn Sources, counts: [usize; 3], more: &[u8]) -> Result<(), Failure> {
        let [mut system, mut processor, mut timings] = counts.map(Secret::zeroed);
        if !sources.system(system.expose_mut()) {
            return Err(Failure::Unavailable);
        }
        self.system.test(system.expose())?;
        if sources.processor(processor.expose_mut()) {
            self.processor.test(processor.expose())?;
        }
        sources.timings(timings.expose_mut());
        self.timings.test(timings.expose())?;
        self.replace(|hasher, state| {
            hasher.update(b"keyward random pool");
            hasher.update(state);
            // Fixed lengths first: what follows cannot be mistaken for them.
            for part in [&system, &processor, &timings] {
                hasher.update(part.len().to_le_bytes());
                hasher.update(part.expose());
            }
            hasher.update(process::process_id().to_le_bytes());
            hasher.update(fork::generation().to_le_bytes());
            hasher.update(clock::monotonic_nanos().to_le_bytes());
            hasher.update(more);
        });
        Ok(())
    }

    fn replace(&mut self, with: impl FnOnce(&mut Sha512, &[u8])) {
        let mut digest = hash(|hasher| with(hasher, self.state.expose()));
        self.state.expose_mut().iter_mut().zip(digest).for_each(|(to, byte)| *to = byte);
        digest.zeroize();
    }
}

/// SHA-512 of what `input` puts in. The caller wipes the digest.
pub(super) fn hash(input: impl FnOnce(&mut Sha512)) -> [u8; POOL] {
    let mut hasher = Sha512::new();
    input(&mut hasher);
    let digest = hasher.finalize_reset().into();
    // The buffer of the hasher still has input in it: overwritten.
    hasher = Sha512::new();
    black_box(&mut hasher);
    digest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sources that count, or stand still where told to.
    #[derive(Default)]
    struct Counting {
        next: u8,
        stuck: [bool; 3],
        absent: [bool; 2],
    }

    impl Counting {
        fn give(&mut self, which: usize, out: &mut [u8]) {
            for byte in out {
                self.next = self.next.wrapping_mul(5).wrapping_add(113);
                *byte = if self.stuck[which] { 0 } else { self.next };
            }
        }
    }

    impl Sources for Counting {
        fn system(&mut self, out: &mut [u8]) -> bool {
            self.give(0, out);
            !self.absent[0]
        }
        fn processor(&mut self, out: &mut [u8]) -> bool {
            self.give(1, out);
            !self.absent[1]
        }
        fn timings(&mut self, out: &mut [u8]) {
            self.give(2, out);
        }
    }

    #[test]
    fn seeds_of_sound_sources_differ() {
        let mut pool = Pool::new(&mut Counting::default()).unwrap();
        let (one, other) = (pool.seed(&mut Machine, b""), pool.seed(&mut Machine, b""));
        let (one, other) = (one.unwrap(), other.unwrap());
        assert_eq!(one.len(), SEED);
        assert!(!one.ct_eq(other.expose()) && !one.ct_eq(&[0; SEED]));
    }

    #[test]
    fn source_stuck_from_the_start_gives_no_pool() {
        for which in 0..3 {
            let mut sources = Counting::default();
            sources.stuck[which] = true;
            assert_eq!(Pool::new(&mut sources).err(), Some(Failure::Unhealthy), "{which}");
        }
    }

    #[test]
    fn source_stuck_later_gives_no_seed() {
        for which in 0..3 {
            let mut sources = Counting::default();
            let mut pool = Pool::new(&mut sources).unwrap();
            assert!(pool.seed(&mut sources, b"").is_ok());
            sources.stuck[which] = true;
            // The clock's cutoff is reached after some seeds.
            let answers: Vec<_> = (0..6).map(|_| pool.seed(&mut sources, b"").err()).collect();
            assert!(answers.contains(&Some(Failure::Unhealthy)), "{which}");
        }
    }

    #[test]
    fn absent_processor_is_allowed_and_absent_system_is_not() {
        let mut sources = Counting { absent: [false, true], ..Counting::default() };
        let mut pool = Pool::new(&mut sources).unwrap();
        assert!(pool.seed(&mut sources, b"").is_ok());
        sources.absent = [true, false];
        assert_eq!(pool.seed(&mut sources, b"").err(), Some(Failure::Unavailable));
        assert_eq!(Pool::new(&mut sources).err(), Some(Failure::Unavailable));
    }

    #[test]
    fn sources_of_this_machine_are_healthy() {
        let mut pool = Pool::new(&mut Machine).unwrap();
        (0..200).for_each(|_| drop(pool.seed(&mut Machine, &[0; 1000]).unwrap()));
    }
}
