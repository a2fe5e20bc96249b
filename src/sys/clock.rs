//! The time: cheap and coarse for cryptoperiods, fine for measuring.
//!
//! All three are answered by the kernel's vDSO without a system call.

const NANOS: u64 = 1_000_000_000;

/// Seconds since 1970-01-01 00:00 UTC, as the last tick of the kernel left them: late by a few
/// milliseconds at most. 0 where the clock stands before 1970.
pub fn utc_seconds() -> u64 {
    u64::try_from(read(libc::CLOCK_REALTIME_COARSE).tv_sec).unwrap_or(0)
}

/// Nanoseconds since 1970-01-01 00:00 UTC, late by a few milliseconds at most. 0 where the clock stands before 1970.
pub fn utc_nanos() -> u64 {
    nanos(read(libc::CLOCK_REALTIME_COARSE))
}

/// Nanoseconds since some moment of this boot, as finely as the machine counts. Never goes back;
/// stands still while the machine sleeps.
pub fn monotonic_nanos() -> u64 {
    nanos(read(libc::CLOCK_MONOTONIC))
}

/// Nanoseconds since some moment of this boot, late by a few milliseconds at most.
/// Several times as fast as [`monotonic_nanos`].
pub fn monotonic_coarse_nanos() -> u64 {
    nanos(read(libc::CLOCK_MONOTONIC_COARSE))
}

fn nanos(time: libc::timespec) -> u64 {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds.saturating_mul(NANOS).saturating_add(u64::try_from(time.tv_nsec).unwrap_or(0))
}

fn read(clock: libc::clockid_t) -> libc::timespec {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid place. The call cannot fail for these clocks; if it did, `time`
    // would stay zero, which callers take as a clock that is not set.
    let _ = unsafe { libc::clock_gettime(clock, &raw mut time) };
    time
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utc_seconds_agree_with_the_standard_library() {
        let expected = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        assert!(utc_seconds().abs_diff(expected) <= 1);
    }

    #[test]
    fn monotonic_clocks_go_forward() {
        let (fine, coarse) = (monotonic_nanos(), monotonic_coarse_nanos());
        std::thread::sleep(std::time::Duration::from_millis(30));
        assert!(monotonic_nanos() >= fine + 30_000_000);
        assert!(monotonic_coarse_nanos() > coarse);
    }
}
