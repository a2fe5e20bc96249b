//! Which process this is, counted in forks.
//!
//! [`generation`] answers a number that stays the same for the life of a process and is another one
//! in a forked child. What was made under another number was made by an ancestor: its locks may be
//! held by threads that do not exist here, its random state is shared with a relative.
//!
//! It rests on a page that the kernel wipes in a child (`MADV_WIPEONFORK`, Linux 4.14), so that
//! asking costs two loads and no system call. It needs no `pthread_atfork` handler, which `clone` does not run.

use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering};

/// Length of the mapping in bytes; the kernel rounds it up to its page size.
const PAGE: usize = 4096;

/// The number of this process, in memory that a child finds as zero. Null until first asked.
static WIPED: AtomicPtr<AtomicU32> = AtomicPtr::new(ptr::null_mut());
/// The highest number given out so far by this process or an ancestor. Never zero after the first.
static LAST: AtomicU32 = AtomicU32::new(0);
/// The kernel cannot wipe on fork: process ids are compared instead.
static BY_PROCESS_ID: AtomicBool = AtomicBool::new(false);
/// Process id (upper half) and its number, for that case.
static KNOWN: AtomicU64 = AtomicU64::new(0);

/// The number of this process; never 0. Equal numbers mean the same process as long as both were
/// taken in one line of descent: two children of one parent may have the same.
#[inline]
pub fn generation() -> u32 {
    let page = WIPED.load(Ordering::Acquire);
    if !page.is_null() {
        // SAFETY: a non-null WIPED points to a page that is mapped, aligned, and never unmapped.
        let number = unsafe { &*page }.load(Ordering::Relaxed);
        if number != 0 {
            return number;
        }
    }
    settle()
}

/// The first question of a process.
#[cold]
fn settle() -> u32 {
    if BY_PROCESS_ID.load(Ordering::Relaxed) {
        return by_process_id();
    }
    let mut page = WIPED.load(Ordering::Acquire);
    if page.is_null() {
        let Some(fresh) = wiped_page() else {
            BY_PROCESS_ID.store(true, Ordering::Relaxed);
            return by_process_id();
        };
        page = match WIPED.compare_exchange(ptr::null_mut(), fresh, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => fresh,
            Err(theirs) => {
                unmap(fresh);
                theirs
            }
        };
    }
    // SAFETY: as in `generation`.
    let word = unsafe { &*page };
    let number = next();
    match word.compare_exchange(0, number, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => number,
        Err(theirs) => theirs,
    }
}

/// A number that no ancestor has used. Several may be drawn by threads that ask at once; one wins.
fn next() -> u32 {
    // Skips zero after four thousand million forks in one line.
    LAST.fetch_add(1, Ordering::AcqRel).wrapping_add(1).max(1)
}

/// The answer where the kernel has no `MADV_WIPEONFORK`. Costs a system call. A descendant that was
/// given the process id of the ancestor it is compared with is not noticed.
fn by_process_id() -> u32 {
    let id = u64::from(std::process::id());
    let known = KNOWN.load(Ordering::Acquire);
    if known >> 32 == id {
        return low(known);
    }
    let fresh = id << 32 | u64::from(next());
    match KNOWN.compare_exchange(known, fresh, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => low(fresh),
        // Another thread of this process was first: there is nobody else to write here.
        Err(theirs) => low(theirs),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the lower half is the number")]
const fn low(known: u64) -> u32 {
    known as u32
}

/// A new zeroed page that a child finds zeroed again, or nothing.
fn wiped_page() -> Option<*mut AtomicU32> {
    let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: a new anonymous mapping, at an address of the kernel's choice, touches nothing that exists.
    let page = unsafe { libc::mmap(ptr::null_mut(), PAGE, protection, flags, -1, 0) };
    if page == libc::MAP_FAILED {
        return None;
    }
    // SAFETY: `page` is the whole private anonymous mapping just made.
    let wiped = unsafe { libc::madvise(page, PAGE, libc::MADV_WIPEONFORK) } == 0;
    if wiped {
        return Some(page.cast());
    }
    unmap(page.cast());
    None
}

fn unmap(page: *mut AtomicU32) {
    // SAFETY: `page` came from `wiped_page` and was never given to anyone else.
    // A failure leaves one page mapped and unused.
    let _ = unsafe { libc::munmap(page.cast(), PAGE) };
}

/// Forked children for tests, here and in floors that may not say `unsafe`.
#[cfg(test)]
pub(crate) mod trial {
    use std::io::Read;
    use std::os::fd::FromRawFd;

    /// Longest life of a child in seconds; then the kernel ends it.
    const PATIENCE: u32 = 20;

    /// Runs `task` in a forked child and answers the bytes it made; `None` where the child hung,
    /// panicked or died. Other test threads do not exist in the child, and their locks may be held.
    pub(crate) fn in_child(task: impl FnOnce() -> Vec<u8>) -> Option<Vec<u8>> {
        let mut ends = [0; 2];
        // SAFETY: room for the two descriptors.
        assert_eq!(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) }, 0);
        // SAFETY: the child calls nothing but `task` and _exit.
        let child = unsafe { libc::fork() };
        assert!(child >= 0, "fork failed");
        if child == 0 {
            // SAFETY: a plain system call.
            unsafe { libc::alarm(PATIENCE) };
            let made = std::panic::catch_unwind(std::panic::AssertUnwindSafe(task));
            let bytes = made.as_deref().unwrap_or(&[]);
            // SAFETY: `bytes` is readable for its length. Tests send less than a pipe holds.
            let sent = unsafe { libc::write(ends[1], bytes.as_ptr().cast(), bytes.len()) };
            let good = made.is_ok() && usize::try_from(sent) == Ok(bytes.len());
            // SAFETY: ends the child without running the parent's exit handlers.
            unsafe { libc::_exit(i32::from(!good)) };
        }
        // SAFETY: this process's copy of the writing end; nobody else uses it.
        unsafe { libc::close(ends[1]) };
        // SAFETY: the reading end is open and now owned by the file alone.
        let mut reading = unsafe { std::fs::File::from_raw_fd(ends[0]) };
        let mut bytes = Vec::new();
        reading.read_to_end(&mut bytes).unwrap();
        let mut status = 0;
        // SAFETY: waits for our own child; `status` is a valid place.
        let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
        assert_eq!(waited, child);
        (libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0).then_some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generation_in_one_process_stays() {
        let first = generation();
        assert_ne!(first, 0);
        let others: Vec<_> = (0..8).map(|_| std::thread::spawn(generation)).collect();
        assert!(others.into_iter().all(|other| other.join().unwrap() == first));
    }

    #[test]
    fn generation_in_child_and_grandchild_differs_from_all_ancestors() {
        let parent = generation();
        let lines = trial::in_child(|| {
            let child = generation();
            let mut line = child.to_le_bytes().to_vec();
            line.extend(trial::in_child(|| generation().to_le_bytes().to_vec()).unwrap());
            assert_eq!(child, generation());
            line
        })
        .unwrap();
        let child = u32::from_le_bytes(lines[..4].try_into().unwrap());
        let grandchild = u32::from_le_bytes(lines[4..].try_into().unwrap());
        assert!(parent != child && child != grandchild && parent != grandchild);
        assert_eq!(generation(), parent);
    }

    #[test]
    fn threads_of_a_child_that_ask_at_once_agree() {
        let agreed = trial::in_child(|| {
            let threads: Vec<_> = (0..8).map(|_| std::thread::spawn(generation)).collect();
            let numbers: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
            vec![u8::from(numbers.iter().all(|number| *number == numbers[0]))]
        });
        assert_eq!(agreed, Some(vec![1]));
    }

    #[test]
    fn process_ids_compared_instead_also_tell_a_child() {
        let parent = by_process_id();
        assert_eq!(by_process_id(), parent);
        let child = trial::in_child(|| by_process_id().to_le_bytes().to_vec()).unwrap();
        assert_ne!(u32::from_le_bytes(child.try_into().unwrap()), parent);
    }
}
