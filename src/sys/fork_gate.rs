//! A gate that is shut while the process forks, so that no child is made while a thread is in the middle
//! of something that a fork would tear: SQLite, whose locks and lists are not ours to mend.
//!
//! A thread that goes in takes a [`Passage`]. `pthread_atfork` handlers shut the gate, wait until everybody is
//! out, and open it again on both sides of the fork. Going in costs one atomic addition.
//!
//! Every wait has an end ([`PATIENCE`]), because a fork of the host's must never hang on us; and `clone` calls no
//! handlers, so its child may find the gate as it stood. So a child may still have been made while somebody was
//! inside: who uses the gate counts that itself.
//! The handlers stay registered for the life of the process; the module is never unloaded (`-z nodelete`).

use super::lock::{sleep_while_for, wake_all};
use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// For how long a fork waits for the threads that are inside.
const PATIENCE: Duration = Duration::from_secs(2);
/// The longest sleep of a waiting thread before it looks again.
const NAP: Duration = Duration::from_millis(50);

/// One fork that is about to happen. While there is any, nobody goes in.
const FORK: u32 = 1 << 16;

/// Threads inside (the lower half), and [`FORK`]s.
static GATE: AtomicU32 = AtomicU32::new(0);
/// The handlers are registered, or about to be.
static WATCHED: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// How deep this thread is inside: a thread that is in need not wait to go further in. No destructor.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// The right to be inside, until dropped. Stays in its thread.
#[must_use = "dropping it goes out again"]
pub struct Passage(PhantomData<*const ()>);

/// Goes in. Waits while a fork is about to happen in another thread.
pub fn pass() -> Passage {
    watch();
    let depth = DEPTH.get();
    DEPTH.set(depth.saturating_add(1));
    if depth == 0 {
        let mut before = GATE.fetch_add(1, Ordering::AcqRel);
        let mut started = None;
        while before >= FORK && started.get_or_insert_with(Instant::now).elapsed() < PATIENCE * 2 {
            // Not in yet: the fork must not wait for who waits for it.
            leave();
            let now = GATE.load(Ordering::Relaxed);
            if now >= FORK {
                sleep_while_for(&GATE, now, NAP);
            }
            before = GATE.fetch_add(1, Ordering::AcqRel);
        }
    }
    Passage(PhantomData)
}

impl Drop for Passage {
    fn drop(&mut self) {
        let depth = DEPTH.get().saturating_sub(1);
        DEPTH.set(depth);
        if depth == 0 {
            leave();
        }
    }
}

const fn inside(gate: u32) -> u32 {
    gate % FORK
}

fn leave() {
    let before = GATE.fetch_sub(1, Ordering::AcqRel);
    if before >= FORK && inside(before) == 1 {
        wake_all(&GATE);
    }
}

/// Registers the handlers, once in a process and its children.
fn watch() {
    if WATCHED.load(Ordering::Relaxed) || WATCHED.swap(true, Ordering::AcqRel) {
        return;
    }
    // SAFETY: the three functions have the signature asked for, cannot unwind, and belong to a library that is
    // never unloaded. Where registering fails for want of memory, forks are as they are without the gate.
    let _ = unsafe { libc::pthread_atfork(Some(shut), Some(open), Some(open_in_child)) };
}

/// Before the fork, in the thread that forks.
unsafe extern "C" fn shut() {
    let mut now = GATE.fetch_add(FORK, Ordering::AcqRel);
    // Who forks from inside would wait for itself.
    if DEPTH.get() > 0 || inside(now) == 0 {
        return;
    }
    let started = Instant::now();
    while inside(now) > 0 && started.elapsed() < PATIENCE {
        sleep_while_for(&GATE, now, NAP);
        now = GATE.load(Ordering::Acquire);
    }
}

/// After the fork, in the parent.
unsafe extern "C" fn open() {
    GATE.fetch_sub(FORK, Ordering::AcqRel);
    wake_all(&GATE);
}

/// After the fork, in the child: it has one thread.
unsafe extern "C" fn open_in_child() {
    GATE.store(u32::from(DEPTH.get() > 0), Ordering::Release);
}

#[cfg(test)]
mod tests {
    use super::super::fork::trial::in_child;
    use super::*;
    use std::sync::atomic::AtomicUsize;

    /// Threads are in and out all the time; no child may ever be made while one is inside.
    #[test]
    fn fork_waits_until_everybody_is_out() {
        static INSIDE: AtomicUsize = AtomicUsize::new(0);
        let stop = AtomicBool::new(false);
        std::thread::scope(|threads| {
            for _ in 0..4 {
                threads.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        let _passage = pass();
                        let _deeper = pass();
                        INSIDE.fetch_add(1, Ordering::AcqRel);
                        std::thread::yield_now();
                        INSIDE.fetch_sub(1, Ordering::AcqRel);
                    }
                });
            }
            for _ in 0..200 {
                let seen = in_child(|| {
                    let nobody = INSIDE.load(Ordering::Acquire) == 0;
                    // The child goes in and out, and its own child too.
                    drop(pass());
                    let deeper = in_child(|| {
                        drop(pass());
                        vec![1]
                    });
                    vec![u8::from(nobody && deeper == Some(vec![1]))]
                });
                assert_eq!(seen, Some(vec![1]));
            }
            stop.store(true, Ordering::Relaxed);
        });
    }

    #[test]
    fn fork_gives_up_on_who_stays_inside() {
        let (inside, out) = (std::sync::Barrier::new(2), std::sync::Barrier::new(2));
        std::thread::scope(|threads| {
            threads.spawn(|| {
                let _passage = pass();
                inside.wait();
                out.wait();
            });
            inside.wait();
            let started = Instant::now();
            let child = in_child(|| {
                drop(pass());
                vec![1]
            });
            assert_eq!(child, Some(vec![1]));
            assert!(started.elapsed() >= PATIENCE);
            out.wait();
        });
        drop(pass());
    }
}
