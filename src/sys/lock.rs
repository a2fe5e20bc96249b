//! [`Mutex`]: a lock that a forked child does not hang on.
//!
//! A child has one thread, and the memory of all the others as they stood: a lock that one of them
//! held stays held for ever. This lock knows in which process (by [`fork::generation`]) it was
//! taken. Found held by an ancestor, it is taken over by exactly one thread, whose guard says so
//! ([`Guard::was_torn`]), because the value may be half changed.
//!
//! It is one word and the kernel's futex. `parking_lot` is not used for it: its waiters stand in
//! one table for the whole process, whose own locks a fork can catch as well.
//!
//! No poisoning: a holder that panics unlocks. No fairness.

use super::fork;
use std::cell::UnsafeCell;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

const FREE: u32 = 0;
/// Set while held; the upper 30 bits are the holder's generation.
const HELD: u32 = 1;
/// Set while held and somebody may be asleep on the word.
const AWAITED: u32 = 2;
/// How often the word is read again before a thread goes to sleep: well below a microsecond.
const SPINS: u32 = 100;

/// A mutual exclusion lock for state that a forked child goes on using.
pub struct Mutex<T> {
    word: AtomicU32,
    value: UnsafeCell<T>,
}

// SAFETY: the value moves with the lock, and the word is plain memory.
unsafe impl<T: Send> Send for Mutex<T> {}
// SAFETY: a guard is the only way to the value, and `word` admits one guard at a time; so sharing
// the lock only ever hands the value from thread to thread.
unsafe impl<T: Send> Sync for Mutex<T> {}

/// The right to the value of a [`Mutex`], until dropped. Stays in its thread.
#[must_use = "dropping the guard unlocks"]
pub struct Guard<'a, T> {
    lock: &'a Mutex<T>,
    /// The word as this guard set it.
    mine: u32,
    torn: bool,
    stays_in_thread: PhantomData<*const ()>,
}

// SAFETY: `&Guard` gives no more than `&T`.
unsafe impl<T: Sync> Sync for Guard<'_, T> {}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> Mutex<T> {
    /// A free lock around `value`.
    pub const fn new(value: T) -> Self {
        Self { word: AtomicU32::new(FREE), value: UnsafeCell::new(value) }
    }

    /// Waits until nobody in this process holds the lock, and takes it.
    #[inline]
    pub fn lock(&self) -> Guard<'_, T> {
        let mine = held_now();
        match self.word.compare_exchange(FREE, mine, Ordering::Acquire, Ordering::Relaxed) {
            Ok(_) => self.guard(mine, false),
            Err(found) => self.wait(mine, found),
        }
    }

    /// Takes the lock if nobody in this process holds it.
    #[inline]
    pub fn try_lock(&self) -> Option<Guard<'_, T>> {
        let mine = held_now();
        match self.word.compare_exchange(FREE, mine, Ordering::Acquire, Ordering::Relaxed) {
            Ok(_) => Some(self.guard(mine, false)),
            Err(found) if is_of_ancestor(found, mine) => {
                let taken = self.word.compare_exchange(found, mine, Ordering::Acquire, Ordering::Relaxed);
                taken.ok().map(|_| self.guard(mine, true))
            }
            Err(_) => None,
        }
    }

    /// The value, without locking: the exclusive borrow proves that nobody else has it.
    pub fn value_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    const fn guard(&self, mine: u32, torn: bool) -> Guard<'_, T> {
        Guard { lock: self, mine, torn, stays_in_thread: PhantomData }
    }

    #[cold]
    fn wait(&self, mine: u32, mut found: u32) -> Guard<'_, T> {
        let mut spins = SPINS;
        // A thread that has slept leaves AWAITED set: it cannot know whether others still sleep.
        let mut slept = 0;
        loop {
            if found == FREE || is_of_ancestor(found, mine) {
                let new = mine | slept;
                match self.word.compare_exchange_weak(found, new, Ordering::Acquire, Ordering::Relaxed) {
                    Ok(_) => return self.guard(mine, found != FREE),
                    Err(now) => found = now,
                }
            } else if spins > 0 && found & AWAITED == 0 {
                spins -= 1;
                std::hint::spin_loop();
                found = self.word.load(Ordering::Relaxed);
            } else {
                if self.announce(found) {
                    sleep_while(&self.word, found | AWAITED);
                    slept = AWAITED;
                }
                found = self.word.load(Ordering::Relaxed);
            }
        }
    }

    /// Sets the mark that makes the holder wake somebody. False where the word has changed.
    fn announce(&self, found: u32) -> bool {
        let awaited = found | AWAITED;
        found == awaited
            || self.word.compare_exchange(found, awaited, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    #[cold]
    fn unlock_awaited(&self, mine: u32) {
        // Only a word that is ours may be freed: a guard that lived through a fork (its thread called
        // fork) may find that another thread of the child has taken the lock over.
        let awaited = mine | AWAITED;
        if self.word.compare_exchange(awaited, FREE, Ordering::Release, Ordering::Relaxed).is_ok() {
            wake_one(&self.word);
        }
    }
}

impl<T> Guard<'_, T> {
    /// Whether the lock was taken over from a holder that does not exist in this process. The value
    /// may then be half changed: replace it, without trusting or dropping what is there.
    pub const fn was_torn(&self) -> bool {
        self.torn
    }
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: this guard is the only one, so no `&mut` to the value exists but through it.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: this guard is the only one and is borrowed exclusively.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T> Drop for Guard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        let word = &self.lock.word;
        if word.compare_exchange(self.mine, FREE, Ordering::Release, Ordering::Relaxed).is_err() {
            self.lock.unlock_awaited(self.mine);
        }
    }
}

/// The word of a lock that is taken now.
#[inline]
fn held_now() -> u32 {
    fork::generation() << 2 | HELD
}

/// Whether the holder lived in another process than the one that would write `mine`.
const fn is_of_ancestor(found: u32, mine: u32) -> bool {
    found != FREE && found >> 2 != mine >> 2
}

/// Sleeps until woken, if the word still is `seen`. May return without cause.
fn sleep_while(word: &AtomicU32, seen: u32) {
    wait_on(word, seen, std::ptr::null());
}

/// The same, for so long at most.
pub(super) fn sleep_while_for(word: &AtomicU32, seen: u32, most: Duration) {
    let seconds = libc::time_t::try_from(most.as_secs()).unwrap_or(libc::time_t::MAX);
    let time = libc::timespec { tv_sec: seconds, tv_nsec: most.subsec_nanos().into() };
    wait_on(word, seen, &raw const time);
}

fn wait_on(word: &AtomicU32, seen: u32, time: *const libc::timespec) {
    let operation = libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: `word` is an aligned 32-bit word that outlives the call; `time` is null (no limit) or a time of the
    // caller's. EAGAIN, EINTR and ETIMEDOUT mean "look again", which the caller does in any case.
    let _ = unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), operation, seen, time) };
}

fn wake_one(word: &AtomicU32) {
    wake(word, 1);
}

/// Wakes everybody who sleeps on the word.
pub(super) fn wake_all(word: &AtomicU32) {
    wake(word, libc::c_int::MAX);
}

fn wake(word: &AtomicU32, most: libc::c_int) {
    let operation = libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: the kernel takes the address of `word` as a name and does not touch the memory.
    let _ = unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), operation, most) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::fork::trial::in_child;
    use std::sync::{Arc, mpsc};
    use std::time::Instant;

    #[test]
    fn eight_threads_that_count_lose_nothing() {
        let lock = Arc::new(Mutex::new(0_u64));
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let lock = lock.clone();
                std::thread::spawn(move || (0..50_000).for_each(|_| *lock.lock() += 1))
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(*lock.lock(), 400_000);
        assert_eq!(lock.word.load(Ordering::Relaxed), FREE);
    }

    #[test]
    fn sleepers_are_woken_when_a_long_hold_ends() {
        let lock = Arc::new(Mutex::new(0));
        let held = lock.lock();
        let threads: Vec<_> = (0..6)
            .map(|_| {
                let lock = lock.clone();
                std::thread::spawn(move || *lock.lock() += 1)
            })
            .collect();
        std::thread::sleep(Duration::from_millis(50));
        drop(held);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(*lock.lock(), 6);
    }

    #[test]
    fn try_lock_of_a_held_lock_gives_nothing() {
        let lock = Mutex::new(());
        let held = lock.lock();
        assert!(lock.try_lock().is_none());
        drop(held);
        assert!(!lock.try_lock().unwrap().was_torn());
    }

    /// Runs `task` in a child forked while another thread holds the lock.
    fn forked_while_held(task: impl FnOnce(&Mutex<u32>) -> Vec<u8>) -> Option<Vec<u8>> {
        let lock = Arc::new(Mutex::new(7_u32));
        let (taken, is_taken) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        let holder = {
            let lock = lock.clone();
            std::thread::spawn(move || {
                let _held = lock.lock();
                taken.send(()).unwrap();
                released.recv().unwrap();
            })
        };
        is_taken.recv().unwrap();
        let answer = in_child(|| task(&lock));
        release.send(()).unwrap();
        holder.join().unwrap();
        assert!(!lock.lock().was_torn(), "the parent's lock is not concerned");
        answer
    }

    #[test]
    fn lock_held_at_fork_is_taken_over_in_the_child_as_torn() {
        let answer = forked_while_held(|lock| {
            let begun = Instant::now();
            let torn = lock.lock().was_torn();
            let again = lock.lock().was_torn();
            vec![u8::from(torn), u8::from(again), u8::from(begun.elapsed() < Duration::from_secs(1))]
        });
        assert_eq!(answer, Some(vec![1, 0, 1]));
        let tried = forked_while_held(|lock| vec![u8::from(lock.try_lock().unwrap().was_torn())]);
        assert_eq!(tried, Some(vec![1]));
    }

    #[test]
    fn lock_held_at_fork_is_taken_over_by_one_thread_only() {
        let answer = forked_while_held(|lock| {
            let torn = AtomicU32::new(0);
            std::thread::scope(|scope| {
                for _ in 0..8 {
                    scope.spawn(|| {
                        for _ in 0..1000 {
                            let mut held = lock.lock();
                            torn.fetch_add(u32::from(held.was_torn()), Ordering::Relaxed);
                            *held += 1;
                        }
                    });
                }
            });
            vec![u8::from(torn.into_inner() == 1), u8::from(*lock.lock() == 8007)]
        });
        assert_eq!(answer, Some(vec![1, 1]));
    }

    #[test]
    fn guard_that_lives_through_a_fork_does_not_free_what_another_took_over() {
        let lock = Mutex::new(());
        let held = lock.lock();
        let answer = in_child(|| {
            let taken_over = lock.lock();
            // The parent's guard as the child has it: its word is of another generation.
            lock.unlock_awaited(held.mine);
            let still = lock.try_lock().is_none();
            drop(taken_over);
            vec![u8::from(still)]
        });
        assert_eq!(answer, Some(vec![1]));
    }
}
