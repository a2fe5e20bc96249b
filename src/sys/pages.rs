//! Memory for secrets: locked, left out of core dumps, between guard pages, wiped when freed.
//!
//! One reservation of address space is cut into regions, one for each size from 16 bytes to 64 KiB
//! (powers of two). A region hands out slots by counting up, and freed ones again from a list.
//! Memory is locked piece by piece as the count reaches it, so what is not used is not locked.
//!
//! Nothing here waits for anything: every step is one atomic operation, and a fork at any moment
//! leaves the child an arena in order (it may miss the slot that another thread was moving).
//! Locks are no child's heritage: its first allocation locks what is in use again.
//!
//! What is larger, and what no longer fits, comes from the ordinary heap: wiped too, neither locked
//! nor left out of dumps. [`locked`] tells how much that is.

mod region;

use super::fork;
use region::{REGION, Region};
use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ops::{Deref, DerefMut};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicUsize, Ordering};

/// Smallest slot: 2^4 bytes, the alignment that C expects of an allocator.
const SMALLEST: u32 = 4;
/// Largest slot: 2^16 bytes.
const LARGEST: u32 = 16;
const CLASSES: usize = (LARGEST - SMALLEST + 1) as usize;
/// Guard in front of every region and behind the last: no smaller than any page of Linux.
const GUARD: usize = 64 << 10;
/// Address space of the slots, guards included: 53 MiB.
const RESERVED: usize = CLASSES * (REGION + GUARD) + GUARD;
/// A heap block starts with its length, in a place that keeps the rest aligned.
const HEADER: usize = 16;

static REGIONS: [Region; CLASSES] = [
    Region::new(SMALLEST),
    Region::new(5),
    Region::new(6),
    Region::new(7),
    Region::new(8),
    Region::new(9),
    Region::new(10),
    Region::new(11),
    Region::new(12),
    Region::new(13),
    Region::new(14),
    Region::new(15),
    Region::new(LARGEST),
];
/// Start of the reservation. Null before the first allocation; [`NOWHERE`] where none was to be had.
static BASE: AtomicPtr<u8> = AtomicPtr::new(ptr::null_mut());
/// Mark of a reservation that the system refused.
const NOWHERE: *mut u8 = ptr::without_provenance_mut(1);
/// The fork generation in which the pages in use were last locked.
static LOCKED_IN: AtomicU32 = AtomicU32::new(0);

static LOCKED: AtomicUsize = AtomicUsize::new(0);
static REFUSED: AtomicUsize = AtomicUsize::new(0);
static HEAP: AtomicUsize = AtomicUsize::new(0);

/// How well the memory for secrets is kept from the swap device, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LockStatus {
    /// Locked: never swapped.
    pub locked: usize,
    /// In the arena, but the system refused to lock it (`RLIMIT_MEMLOCK`).
    pub refused: usize,
    /// Live blocks on the ordinary heap, because they are large or the arena is full.
    pub heap: usize,
}

/// How much is locked now. Consistent within itself only while nobody allocates.
pub fn locked() -> LockStatus {
    LockStatus {
        locked: LOCKED.load(Ordering::Relaxed),
        refused: REFUSED.load(Ordering::Relaxed),
        heap: HEAP.load(Ordering::Relaxed),
    }
}

/// `len` zero bytes, aligned to 16; the caller frees them with [`free`]. Null where the system has no memory.
pub fn allocate(len: usize) -> *mut u8 {
    let class = class_of(len);
    if let Some(region) = REGIONS.get(class)
        && let Some(base) = arena()
    {
        let start = base.wrapping_add(start_of(class));
        if let Some(slot) = region.take(start) {
            return slot;
        }
    }
    from_heap(len)
}

/// Wipes and frees a block. A slot that is free already, or no slot, is left alone.
///
/// # Safety
/// `block` came from [`allocate`], and nobody uses it any more.
pub unsafe fn free(block: *mut u8) {
    match home_of(block) {
        Some((region, start)) => {
            // SAFETY: handed on: the block is a slot of this region, and unused.
            unsafe { region.give_back(start, block) };
        }
        None => {
            // SAFETY: handed on: the block is none of the arena's, so `from_heap` made it.
            unsafe { to_heap(block) };
        }
    }
}

/// How many bytes at `block` may be used: at least what was asked for. All of them are initialised.
///
/// # Safety
/// `block` came from [`allocate`] and was not freed.
pub unsafe fn size_of(block: *const u8) -> usize {
    home_of(block).map_or_else(
        || {
            // SAFETY: handed on: a live block of the heap.
            unsafe { heap_len(block.cast_mut()) }
        },
        |(region, _)| region.slot(),
    )
}

/// Which region has the smallest slots that hold `len` bytes; none has for more than 64 KiB.
const fn class_of(len: usize) -> usize {
    let bits = usize::BITS - len.saturating_sub(1).leading_zeros();
    bits.saturating_sub(SMALLEST) as usize
}

/// Where a region starts within the reservation.
const fn start_of(class: usize) -> usize {
    GUARD + class * (REGION + GUARD)
}

/// The region that an address lies in, and where that starts. None for memory of the heap.
fn home_of(block: *const u8) -> Option<(&'static Region, *mut u8)> {
    let base = BASE.load(Ordering::Acquire);
    let offset = block.addr().wrapping_sub(base.addr());
    if base.is_null() || base == NOWHERE || offset >= RESERVED {
        return None;
    }
    let class = offset.checked_sub(GUARD)? / (REGION + GUARD);
    Some((REGIONS.get(class)?, base.wrapping_add(start_of(class))))
}

/// The reservation, with everything in use locked in this process.
#[inline]
fn arena() -> Option<*mut u8> {
    let mut base = BASE.load(Ordering::Acquire);
    if base.is_null() {
        base = reserve();
    }
    if base == NOWHERE {
        return None;
    }
    let now = fork::generation();
    let then = LOCKED_IN.load(Ordering::Relaxed);
    if then != now {
        lock_again(base, then, now);
    }
    Some(base)
}

#[cold]
fn reserve() -> *mut u8 {
    let fresh = map(RESERVED, libc::PROT_NONE).map_or(NOWHERE, |fresh| {
        let opened = (0..CLASSES).all(|class| {
            let region = fresh.wrapping_add(start_of(class));
            let protection = libc::PROT_READ | libc::PROT_WRITE;
            // SAFETY: the region lies in the reservation just made, which nobody knows yet.
            unsafe { libc::mprotect(region.cast(), REGION, protection) == 0 }
        });
        for advice in [libc::MADV_DONTDUMP, libc::MADV_NOHUGEPAGE] {
            // SAFETY: the reservation just made. Where the kernel lacks the advice, things stand as without.
            let _ = unsafe { libc::madvise(fresh.cast(), RESERVED, advice) };
        }
        if opened {
            return fresh;
        }
        unmap(fresh, RESERVED);
        NOWHERE
    });
    match BASE.compare_exchange(ptr::null_mut(), fresh, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => fresh,
        Err(theirs) => {
            if fresh != NOWHERE {
                unmap(fresh, RESERVED);
            }
            theirs
        }
    }
}

/// The first allocation in a forked child, and the very first.
#[cold]
fn lock_again(base: *mut u8, then: u32, now: u32) {
    if LOCKED_IN.compare_exchange(then, now, Ordering::AcqRel, Ordering::Relaxed).is_err() || then == 0 {
        return;
    }
    LOCKED.store(0, Ordering::Relaxed);
    REFUSED.store(0, Ordering::Relaxed);
    for (class, region) in REGIONS.iter().enumerate() {
        lock(base.wrapping_add(start_of(class)), region.reached());
    }
}

/// Keeps `len` bytes from the swap device, if the system lets us. Pages that a parent and its child
/// still share are locked without making the copy that a write would make (`MLOCK_ONFAULT`).
fn lock(start: *mut u8, len: usize) {
    if len == 0 {
        return;
    }
    // SAFETY: a part of the reservation, which is never unmapped. Locking changes no content.
    let mut answer = unsafe { libc::syscall(libc::SYS_mlock2, start, len, libc::MLOCK_ONFAULT) };
    if answer != 0 {
        // Linux before 4.4. SAFETY: as above.
        answer = unsafe { libc::mlock(start.cast(), len) }.into();
    }
    let count = if answer == 0 { &LOCKED } else { &REFUSED };
    count.fetch_add(len, Ordering::Relaxed);
}

/// New zeroed memory that occupies nothing until touched.
fn map(len: usize, protection: libc::c_int) -> Option<*mut u8> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: a new anonymous mapping, at an address of the kernel's choice, touches nothing that exists.
    let start = unsafe { libc::mmap(ptr::null_mut(), len, protection, flags, -1, 0) };
    (start != libc::MAP_FAILED).then_some(start.cast())
}

fn unmap(start: *mut u8, len: usize) {
    // SAFETY: a mapping of `map` that was given to nobody. A failure leaves address space unused.
    let _ = unsafe { libc::munmap(start.cast(), len) };
}

/// Overwrites with zeros in a way that the compiler may not leave out.
///
/// # Safety
/// `len` bytes at `start` are writable and nobody else uses them.
unsafe fn wipe(start: *mut u8, len: usize) {
    // SAFETY: handed on.
    unsafe { ptr::write_bytes(start, 0, len) };
    // SAFETY: no instruction. It tells the compiler that the memory at `start` is read here.
    unsafe { core::arch::asm!("/* {0} */", in(reg) start, options(nostack, preserves_flags, readonly)) };
}

fn heap_layout(len: usize) -> Option<Layout> {
    Layout::from_size_align(len.checked_add(HEADER)?, HEADER).ok()
}

/// A zeroed block of the heap behind its header, or null.
fn from_heap(len: usize) -> *mut u8 {
    let Some(layout) = heap_layout(len) else { return ptr::null_mut() };
    // SAFETY: the layout is not empty: it has the header.
    let start = unsafe { alloc_zeroed(layout) };
    if start.is_null() {
        return start;
    }
    // SAFETY: the header is the first bytes of the block, aligned to 16.
    unsafe { start.cast::<usize>().write(len) };
    HEAP.fetch_add(len, Ordering::Relaxed);
    start.wrapping_add(HEADER)
}

/// # Safety
/// `block` came from [`from_heap`] and is live.
unsafe fn heap_len(block: *mut u8) -> usize {
    // SAFETY: handed on: the header in front of the block holds the length.
    unsafe { block.wrapping_sub(HEADER).cast::<usize>().read() }
}

/// # Safety
/// `block` came from [`from_heap`] and nobody uses it any more.
unsafe fn to_heap(block: *mut u8) {
    // SAFETY: handed on.
    let len = unsafe { heap_len(block) };
    // SAFETY: the block is ours, and has `len` bytes.
    unsafe { wipe(block, len) };
    HEAP.fetch_sub(len, Ordering::Relaxed);
    if let Some(layout) = heap_layout(len) {
        // SAFETY: the start and the layout that `from_heap` used.
        unsafe { dealloc(block.wrapping_sub(HEADER), layout) };
    }
}

/// A block of memory for a secret: zeroed when made, wiped when dropped.
pub struct Block {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: a block is the only owner of plain memory.
unsafe impl Send for Block {}
// SAFETY: a shared block gives out shared slices only.
unsafe impl Sync for Block {}

impl Block {
    /// No bytes; allocates nothing.
    pub const fn empty() -> Self {
        Self { start: NonNull::dangling(), len: 0 }
    }

    /// `len` zero bytes. Ends the process where there is no memory, like every Rust allocation.
    pub fn zeroed(len: usize) -> Self {
        if len == 0 {
            return Self::empty();
        }
        let Some(start) = NonNull::new(allocate(len)) else {
            handle_alloc_error(heap_layout(len).unwrap_or(Layout::new::<u128>()))
        };
        Self { start, len }
    }
}

impl Deref for Block {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        // SAFETY: `len` initialised bytes that live as long as the block (or none, at a dangling start).
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl DerefMut for Block {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as for `deref`, and the block is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        if self.len > 0 {
            // SAFETY: a block that is not empty came from `allocate`, and this is its only owner's end.
            unsafe { free(self.start.as_ptr()) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::fork::trial::in_child;

    #[test]
    fn class_of_every_length_is_the_smallest_that_holds_it() {
        let classes = [(0, 0), (1, 0), (16, 0), (17, 1), (32, 1), (33, 2), (65_535, 12), (65_536, 12)];
        for (len, class) in classes {
            assert_eq!(class_of(len), class, "{len}");
        }
        assert!(class_of(65_537) >= CLASSES && class_of(usize::MAX) >= CLASSES);
    }

    #[test]
    fn blocks_of_every_size_are_zeroed_aligned_apart_and_large_enough() {
        let sizes = [1, 15, 16, 17, 100, 4096, 4097, 65_536, 65_537, 1 << 20];
        for _ in 0..3 {
            let mut blocks: Vec<Block> = sizes.iter().map(|size| Block::zeroed(*size)).collect();
            for (mark, block) in (1..).zip(&mut blocks) {
                assert!(block.iter().all(|byte| *byte == 0));
                assert_eq!(block.as_ptr().addr() % 16, 0);
                block.fill(mark);
            }
            for (mark, block) in (1..).zip(&blocks) {
                assert!(block.iter().all(|byte| *byte == mark));
                // SAFETY: a live block.
                assert!(unsafe { size_of(block.as_ptr()) } >= block.len());
            }
        }
        assert!(Block::zeroed(0).is_empty());
    }

    #[test]
    fn freed_slot_is_wiped() {
        // A size that no other test uses, so that nobody takes the slot in between.
        let slot = allocate(30_000);
        // SAFETY: a live block of that size.
        unsafe { ptr::write_bytes(slot, 0xA5, 30_000) };
        // SAFETY: live, and not used any more as a block.
        unsafe { free(slot) };
        // SAFETY: a slot of the arena stays mapped.
        let left = unsafe { std::slice::from_raw_parts(slot, 32_768) };
        assert!(left.iter().all(|byte| *byte == 0));
        // SAFETY: freeing a free slot is what the test asks.
        unsafe { free(slot) };
        let (one, other) = (allocate(30_000), allocate(30_000));
        assert_ne!(one, other, "a slot freed twice is handed out once");
        // SAFETY: live, and not used any more.
        unsafe { free(one) };
        // SAFETY: live, and not used any more.
        unsafe { free(other) };
    }

    #[test]
    fn full_region_goes_on_from_the_heap() {
        let blocks: Vec<Block> = (0..REGION / 65_536 + 8).map(|_| Block::zeroed(65_536)).collect();
        assert!(blocks.iter().any(|block| home_of(block.as_ptr()).is_none()));
        assert!(locked().heap >= 8 * 65_536);
        drop(blocks);
        assert!(home_of(Block::zeroed(65_536).as_ptr()).is_some());
    }

    #[test]
    fn threads_that_allocate_and_free_never_share_a_slot() {
        let churn = |mark: u8| {
            let mut kept: Vec<Block> = Vec::new();
            for round in 0..20_000_usize {
                let mut block = Block::zeroed(16 << (round % 5));
                assert!(block.iter().all(|byte| *byte == 0));
                block.fill(mark);
                kept.push(block);
                if kept.len() > 40 {
                    let done = kept.swap_remove(round % 40);
                    assert!(done.iter().all(|byte| *byte == mark));
                }
            }
        };
        std::thread::scope(|scope| (1..9).for_each(|mark| drop(scope.spawn(move || churn(mark)))));
    }

    #[test]
    fn pages_of_the_arena_are_locked_or_counted_and_left_out_of_dumps() {
        let block = Block::zeroed(64);
        let status = locked();
        assert!(status.locked + status.refused > 0);
        let flags = flags_of(&block);
        assert!(flags.contains(" dd"), "not left out of dumps: {flags}");
        assert!(status.refused > 0 || flags.contains(" lo"), "not locked: {flags}");
    }

    #[test]
    fn child_has_its_parents_secrets_and_locks_them_again() {
        let mut block = Block::zeroed(64);
        block.fill(9);
        let answer = in_child(|| {
            let fresh = Block::zeroed(64);
            let good = block.iter().all(|byte| *byte == 9) && fresh.as_ptr() != block.as_ptr();
            let locked = locked().refused > 0 || flags_of(&block).contains(" lo");
            vec![u8::from(good), u8::from(locked)]
        });
        assert_eq!(answer, Some(vec![1, 1]));
    }

    #[test]
    fn forks_amid_allocation_leave_working_arenas() {
        let stop = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        drop([Block::zeroed(64), Block::zeroed(200), Block::zeroed(64)]);
                    }
                });
            }
            for _ in 0..100 {
                let answer = in_child(|| {
                    let blocks: Vec<Block> = (0..50).map(|_| Block::zeroed(64)).collect();
                    vec![u8::from(blocks.iter().all(|block| block.iter().all(|byte| *byte == 0)))]
                });
                assert_eq!(answer, Some(vec![1]));
            }
            stop.store(true, Ordering::Relaxed);
        });
    }

    /// The kernel's flags of the mapping that holds a block.
    fn flags_of(block: &Block) -> String {
        let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let at = block.as_ptr().addr();
        let mut inside = false;
        for line in maps.lines() {
            let range = line.split(' ').next().and_then(|range| range.split_once('-'));
            let ends = range.and_then(|(from, to)| {
                Some((usize::from_str_radix(from, 16).ok()?, usize::from_str_radix(to, 16).ok()?))
            });
            if let Some((from, to)) = ends {
                inside = (from..to).contains(&at);
            } else if inside && line.starts_with("VmFlags") {
                return line.to_owned();
            }
        }
        String::new()
    }
}
