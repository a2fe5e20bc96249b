//! The random generator of the module: ChaCha20 with fast key erasure, seeded from several sources.
//!
//! It makes keys, IVs, salts and what C_GenerateRandom gives. AWS-LC has a generator of its own
//! inside (blinding, the nonces of ECDSA, primes), which this one does not reach.
//!
//! Eight generators stand side by side, so that threads do not wait for each other. Each takes a new seed
//!
//! - after 2^16 requests, 1 MiB or a minute. SP 800-90A (rev. 1, tables 2 and 3) lets its mechanisms, of which
//!   ChaCha20 is none, answer 2^48 requests of 2^16 bytes each;
//! - in a forked child, at its first request;
//! - after [`stir`].
//!
//! A source that fails a health test ends them all: from then on every request of this process and of its
//! children answers `CKR_DEVICE_ERROR`. There is no worse source to fall back to.

mod entropy;
mod generator;
mod health;
mod stream;

use crate::ck::{Error, Result};
use crate::secret::Secret;
use crate::sys::lock::{Guard, Mutex};
use crate::sys::{clock, fork};
use entropy::{Failure, Machine, Pool, SEED, Sources};
use generator::{Generator, expand};
use std::mem;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use zeroize::Zeroizing;

pub use stream::Stream;

/// A generator gives so many answers with one seed.
const REQUESTS: u32 = 1 << 16;
/// Bytes that a generator gives with one seed.
const BYTES: u32 = 1 << 20;
/// Nanoseconds that a seed is used.
const TIME: u64 = 60_000_000_000;
/// Up to so many bytes are made under the lock; for more, a key is drawn that makes them without it.
const SHORT: usize = 256;
/// Bytes of one such key: the longest request of SP 800-90A, table 2 (2^19 bits).
const LONG: usize = 1 << 16;
const SHARDS: usize = 8;

static RANDOM: Random = Random::new();

/// Fills `out` with random bytes. `CKR_DEVICE_ERROR` where the generator's health tests failed or the
/// operating system has no random numbers; `out` is then no more than partly filled.
pub fn fill(out: &mut [u8]) -> Result<()> {
    RANDOM.fill(out, &mut Machine)
}

/// C_SeedRandom: mixes a caller's bytes in, of any number; never replaces, never weakens. They reach all
/// generators before their next answer. `CKR_DEVICE_ERROR` as for [`fill`].
pub fn stir(seed: &[u8]) -> Result<()> {
    RANDOM.stir(seed, &mut Machine)
}

/// The whole of it. One static; tests make their own.
struct Random {
    shards: [Shard; SHARDS],
    pool: Mutex<Option<Pool>>,
    /// A health test failed.
    stopped: AtomicBool,
    /// How often [`stir`] was called.
    stirs: AtomicU32,
}

/// A generator on cache lines of its own.
#[repr(align(128))]
struct Shard(Mutex<Option<Seeded>>);

/// A generator, and what its seed is good for.
struct Seeded {
    generator: Generator,
    fork: u32,
    stirs: u32,
    /// When it was seeded: nanoseconds of the coarse clock.
    at: u64,
}

impl Random {
    const fn new() -> Self {
        Self {
            shards: [const { Shard(Mutex::new(None)) }; SHARDS],
            pool: Mutex::new(None),
            stopped: AtomicBool::new(false),
            stirs: AtomicU32::new(0),
        }
    }

    fn fill(&self, out: &mut [u8], sources: &mut dyn Sources) -> Result<()> {
        if out.len() <= SHORT {
            return self.draw(out, sources);
        }
        for part in out.chunks_mut(LONG) {
            let mut key = Zeroizing::new([0; SEED]);
            self.draw(&mut *key, sources)?;
            expand(&mut key, part);
        }
        Ok(())
    }

    fn stir(&self, more: &[u8], sources: &mut dyn Sources) -> Result<()> {
        drop(self.seed(more, sources)?);
        self.stirs.fetch_add(1, Ordering::AcqRel);
        Ok(())
    }

    /// A short request, from the generator of this thread.
    fn draw(&self, out: &mut [u8], sources: &mut dyn Sources) -> Result<()> {
        if self.stopped.load(Ordering::Relaxed) {
            return Err(Error::DeviceError);
        }
        let [first, ..] = &self.shards;
        let mut shard = whole(self.shards.get(shard_of_thread()).unwrap_or(first).0.lock());
        let (fork, stirs) = (fork::generation(), self.stirs.load(Ordering::Acquire));
        let now = clock::monotonic_coarse_nanos();
        match &mut *shard {
            Some(seeded) if seeded.is_good(fork, stirs, now) => seeded.generator.draw(out),
            old => {
                let seed = self.seed(b"", sources)?;
                let mut generator = old.take().map_or_else(Generator::unseeded, |old| old.generator);
                generator.reseed(&seed);
                generator.draw(out);
                *old = Some(Seeded { generator, fork, stirs, at: now });
            }
        }
        Ok(())
    }

    /// A new seed of the pool, into which `more` went.
    fn seed(&self, more: &[u8], sources: &mut dyn Sources) -> Result<Secret> {
        let mut pool = whole(self.pool.lock());
        // Asked under the lock: no seed leaves after a failure.
        if self.stopped.load(Ordering::Relaxed) {
            return Err(Error::DeviceError);
        }
        let seed = match &mut *pool {
            Some(pool) => pool.seed(sources, more),
            none => Pool::new(sources).and_then(|pool| none.insert(pool).seed(sources, more)),
        };
        seed.map_err(|failure| {
            if failure == Failure::Unhealthy {
                self.stopped.store(true, Ordering::Relaxed);
            }
            Error::DeviceError
        })
    }
}

impl Seeded {
    const fn is_good(&self, fork: u32, stirs: u32, now: u64) -> bool {
        self.fork == fork
            && self.stirs == stirs
            && now.wrapping_sub(self.at) < TIME
            && self.generator.within(REQUESTS, BYTES)
    }
}

/// What a lock holds, or nothing where a fork caught somebody amid a change. What he left is not even dropped.
fn whole<T>(mut held: Guard<'_, Option<T>>) -> Guard<'_, Option<T>> {
    if held.was_torn() {
        mem::forget(held.take());
    }
    held
}

/// Threads are spread over the generators by where their thread-local memory lies.
fn shard_of_thread() -> usize {
    thread_local! {
        static HERE: u8 = const { 0 };
    }
    // After a thread's end began, any will do.
    let address = HERE.try_with(|here| std::ptr::from_ref(here).addr()).unwrap_or(0);
    // Thread-local blocks lie at least a few cache lines apart, often at equal places of their pages.
    ((address >> 6) ^ (address >> 12) ^ (address >> 21)) % SHARDS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::fork::trial::in_child;
    use std::collections::HashSet;

    fn bytes<const LEN: usize>() -> [u8; LEN] {
        let mut out = [0; LEN];
        fill(&mut out).unwrap();
        out
    }

    #[test]
    fn fill_of_every_length_gives_fresh_bytes() {
        for len in [0, 1, 16, 224, 225, SHORT, SHORT + 1, LONG, LONG + 1, 1 << 20] {
            let (mut one, mut other) = (vec![0; len], vec![0; len]);
            fill(&mut one).unwrap();
            fill(&mut other).unwrap();
            if len >= 16 {
                assert_ne!(one, other);
                assert!(one[len - 16..].iter().any(|byte| *byte != 0));
            }
        }
    }

    #[test]
    fn threads_never_see_equal_bytes() {
        let threads: Vec<_> = (0..16)
            .map(|_| std::thread::spawn(|| (0..500).map(|_| bytes::<16>()).collect::<Vec<_>>()))
            .collect();
        let all: HashSet<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        assert_eq!(all.len(), 16 * 500);
    }

    #[test]
    fn two_children_and_their_parent_differ() {
        // A seeded generator with bytes ready, which the children inherit.
        bytes::<16>();
        let one = in_child(|| bytes::<32>().to_vec()).unwrap();
        let other = in_child(|| bytes::<32>().to_vec()).unwrap();
        let parent = bytes::<32>().to_vec();
        assert!(one != other && one != parent && other != parent);
    }

    #[test]
    fn forks_amid_requests_leave_generators_that_answer() {
        let stop = AtomicBool::new(false);
        let answers = std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        bytes::<32>();
                        stir(b"x").unwrap();
                    }
                });
            }
            let answers: HashSet<_> = (0..100).filter_map(|_| in_child(|| bytes::<32>().to_vec())).collect();
            stop.store(true, Ordering::Relaxed);
            answers
        });
        assert_eq!(answers.len(), 100);
    }

    /// Sources of which the processor may break.
    struct Breaking(bool);

    impl Sources for Breaking {
        fn system(&mut self, out: &mut [u8]) -> bool {
            Machine.system(out)
        }
        fn processor(&mut self, out: &mut [u8]) -> bool {
            if self.0 {
                out.fill(0xFF)
            } else {
                getrandom::fill(out).unwrap()
            }
            true
        }
        fn timings(&mut self, out: &mut [u8]) {
            getrandom::fill(out).unwrap();
        }
    }

    #[test]
    fn failed_health_test_stops_every_later_request() {
        let random = Random::new();
        assert_eq!(random.fill(&mut [0; 32], &mut Breaking(false)), Ok(()));
        assert_eq!(random.stir(b"seed", &mut Breaking(true)), Err(Error::DeviceError));
        for len in [1, 32, 100_000] {
            assert_eq!(random.fill(&mut vec![0; len], &mut Breaking(false)), Err(Error::DeviceError));
        }
        assert_eq!(random.stir(b"seed", &mut Breaking(false)), Err(Error::DeviceError));
        let child = in_child(|| vec![u8::from(random.fill(&mut [0; 32], &mut Machine).is_err())]);
        assert_eq!(child, Some(vec![1]));
    }

    #[test]
    fn stir_of_any_length_is_taken_and_reaches_the_generators() {
        let random = Random::new();
        random.fill(&mut [0; 8], &mut Machine).unwrap();
        for len in [0, 1, 64, 1 << 20] {
            assert_eq!(random.stir(&vec![1; len], &mut Machine), Ok(()));
        }
        random.fill(&mut [0; 8], &mut Machine).unwrap();
        let shard = random.shards[shard_of_thread()].0.lock();
        assert_eq!(shard.as_ref().unwrap().stirs, 4);
    }

    #[test]
    fn seed_is_used_up_by_requests_bytes_time_fork_and_stir() {
        let mut seeded = Seeded { generator: Generator::unseeded(), fork: 1, stirs: 2, at: 1000 };
        assert!(seeded.is_good(1, 2, 1000 + TIME - 1));
        assert!(!seeded.is_good(1, 2, 1000 + TIME));
        assert!(!seeded.is_good(2, 2, 1000) && !seeded.is_good(1, 3, 1000));
        (0..BYTES / 1024).for_each(|_| seeded.generator.draw(&mut [0; 1024]));
        assert!(!seeded.is_good(1, 2, 1000));
    }
}
