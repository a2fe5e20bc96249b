//! [`Shielded`]: a secret at rest in memory, as two shares that change with each use.
//!
//! The shares are a random mask and the secret XOR that mask. A single read of memory that is freed,
//! swapped or leaked in part gives nothing, and no bit of a key stands in one place for long.
//!
//! A fork may catch another thread amid the change, and the child must not lose its key. So a change
//! never touches the pair that counts: it makes a new one, then says with one atomic store that the
//! new one counts, then lets go of the old.

use super::Secret;
use crate::sys::lock::Mutex;
use crate::sys::pages::Block;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering, fence};

/// A secret of which memory never holds the plain bytes while nobody uses it.
pub struct Shielded {
    /// Length of the secret in bytes.
    len: usize,
    /// In the place that counts: the mask, then as many masked bytes. In the other: nothing.
    pairs: Mutex<[Block; 2]>,
    /// Whether the second place counts.
    second: AtomicBool,
}

impl Shielded {
    /// Takes a secret in. `fill` gives random bytes for the mask; with a `fill` that gives none, the
    /// secret stays unmasked until another one is used.
    pub fn new(secret: Secret, fill: &dyn Fn(&mut [u8])) -> Self {
        let mut mask = Secret::zeroed(secret.len());
        fill(mask.expose_mut());
        let pairs = Mutex::new([pair(&mask, &secret), Block::empty()]);
        Self { len: secret.len(), pairs, second: AtomicBool::new(false) }
    }

    /// The plain bytes, for as long as the answer lives. The shares change: the new mask is the old
    /// one XOR what `fill` gives, so that a `fill` that gives nothing cannot take the mask off.
    pub fn open(&self, fill: &dyn Fn(&mut [u8])) -> Secret {
        let mut secret = Secret::zeroed(self.len);
        // Drawn before the lock is taken: the generator has locks of its own.
        let mut new_mask = Secret::zeroed(self.len);
        fill(new_mask.expose_mut());

        let mut pairs = self.pairs.lock();
        let torn = pairs.was_torn();
        let second = self.second.load(Ordering::Acquire);
        let [one, other] = &mut *pairs;
        let (old, new) = if second { (other, one) } else { (one, other) };
        if torn {
            // A thread of the parent was at this place. Whatever block it names stays unused for ever.
            mem::forget(mem::replace(new, Block::empty()));
        }
        let (mask, masked) = old.split_at(self.len);
        xor(secret.expose_mut(), mask);
        xor(secret.expose_mut(), masked);
        xor(new_mask.expose_mut(), mask);
        *new = pair(&new_mask, &secret);
        self.second.store(!second, Ordering::Release);
        // Only now may the old pair go; a child forked in between sees these steps in this order.
        fence(Ordering::SeqCst);
        *old = Block::empty();
        secret
    }

    /// Length of the secret in bytes.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether the secret has no bytes.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// The mask, then the secret under it.
fn pair(mask: &Secret, secret: &Secret) -> Block {
    let mut pair = Block::zeroed(mask.len() + secret.len());
    let (share, masked) = pair.split_at_mut(mask.len());
    xor(share, mask.expose());
    xor(masked, mask.expose());
    xor(masked, secret.expose());
    pair
}

fn xor(onto: &mut [u8], bytes: &[u8]) {
    onto.iter_mut().zip(bytes).for_each(|(onto, byte)| *onto ^= byte);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::fork::trial::in_child;
    use std::sync::atomic::AtomicU8;

    /// Changing bytes, all odd, so that each of them changes what it is XORed to.
    fn stepping() -> impl Fn(&mut [u8]) {
        let next = AtomicU8::new(1);
        move |out| out.iter_mut().for_each(|byte| *byte = next.fetch_add(78, Ordering::Relaxed))
    }

    fn shares(shielded: &Shielded) -> Vec<u8> {
        shielded.pairs.lock().iter().flat_map(|pair| pair.to_vec()).collect()
    }

    #[test]
    fn open_gives_the_secret_and_changes_both_shares() {
        let (fill, key) = (stepping(), [0xC3; 32]);
        let shielded = Shielded::new(Secret::from_slice(&key), &fill);
        for _ in 0..10 {
            let before = shares(&shielded);
            assert!(shielded.open(&fill).ct_eq(&key));
            let after = shares(&shielded);
            assert_eq!((before.len(), after.len()), (64, 64));
            assert!(before.iter().zip(&after).all(|(before, after)| before != after));
        }
    }

    #[test]
    fn closed_secret_does_not_stand_in_its_shares() {
        let (fill, key) = (stepping(), [0xC3; 32]);
        let shielded = Shielded::new(Secret::from_slice(&key), &fill);
        assert!(!shares(&shielded).windows(4).any(|part| part == &key[..4]));
        drop(shielded.open(&|_| ()));
        assert!(
            !shares(&shielded).windows(4).any(|part| part == &key[..4]),
            "a silent generator unmasks nothing"
        );
    }

    #[test]
    fn secrets_of_odd_lengths_are_kept() {
        for len in [0, 1, 33, 1193, 40_000] {
            let key: Vec<u8> = (0..len).map(|at: usize| at.to_le_bytes()[0]).collect();
            let shielded = Shielded::new(Secret::from_slice(&key), &stepping());
            assert!(shielded.open(&stepping()).ct_eq(&key));
            assert!(shielded.open(&stepping()).ct_eq(&key));
            assert_eq!((shielded.len(), shielded.is_empty()), (len, len == 0));
        }
    }

    #[test]
    fn forks_amid_many_opens_lose_no_key() {
        let (key, stop) = ([0xC3; 100], AtomicBool::new(false));
        let shielded = Shielded::new(Secret::from_slice(&key), &stepping());
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let fill = stepping();
                    while !stop.load(Ordering::Relaxed) {
                        assert!(shielded.open(&fill).ct_eq(&key));
                    }
                });
            }
            let good: usize = (0..300)
                .filter(|_| {
                    in_child(|| {
                        let good = (0..3).all(|_| shielded.open(&stepping()).ct_eq(&key));
                        vec![u8::from(good)]
                    }) == Some(vec![1])
                })
                .count();
            stop.store(true, Ordering::Relaxed);
            assert_eq!(good, 300);
        });
    }
}
