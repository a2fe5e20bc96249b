//! A counter that is read in a few nanoseconds.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// Ticks since some moment. Everything before has been done, nothing after has begun.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub fn ticks() -> u64 {
    use std::arch::x86_64::{_mm_lfence, _rdtsc};
    // SAFETY: every x86-64 has the instruction, and it touches no memory.
    unsafe { _mm_lfence() };
    // SAFETY: as above.
    let ticks = unsafe { _rdtsc() };
    // SAFETY: as above.
    unsafe { _mm_lfence() };
    ticks
}

/// Nanoseconds since some moment.
#[cfg(not(target_arch = "x86_64"))]
pub fn ticks() -> u64 {
    use std::sync::OnceLock;
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

/// Length of a tick.
pub fn nanoseconds_per_tick() -> f64 {
    let (start, from) = (Instant::now(), ticks());
    while start.elapsed() < Duration::from_millis(100) {
        black_box(ticks());
    }
    start.elapsed().as_nanos() as f64 / ticks().wrapping_sub(from) as f64
}
