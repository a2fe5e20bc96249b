//! [`Region`]: the slots of one size.

use super::{lock, map, unmap, wipe};
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};

/// Address space of one region as a power of two: 4 MiB.
const REGION_BITS: u32 = 22;
/// The same in bytes.
pub(super) const REGION: usize = 1 << REGION_BITS;
/// So much is locked at a time, or one slot if that is larger.
const PIECE: usize = 16 << 10;
/// Link of a slot that is in use.
const IN_USE: u32 = u32::MAX;

/// Where a region stands. The slots themselves lie in the arena.
///
/// Free slots form a list. Its links stand apart from the slots: a thread that lost a race may still
/// read the link of a slot that has a new owner, and must not read that owner's secret.
#[repr(align(128))]
pub(super) struct Region {
    /// Size of a slot as a power of two.
    bits: u32,
    /// How many slots were ever handed out; counts on a little beyond the last.
    count: AtomicU32,
    /// First free slot: its number plus one, 0 for none, below a tag that every change advances, so
    /// that a list that was changed and changed back does not look untouched.
    first: AtomicU64,
    /// One link a slot: number plus one of the next free slot, 0 at the end, or [`IN_USE`].
    links: AtomicPtr<AtomicU32>,
}

impl Region {
    pub(super) const fn new(bits: u32) -> Self {
        let (count, first) = (AtomicU32::new(0), AtomicU64::new(0));
        Self { bits, count, first, links: AtomicPtr::new(ptr::null_mut()) }
    }

    /// Size of a slot in bytes.
    pub(super) const fn slot(&self) -> usize {
        1 << self.bits
    }

    const fn slots(&self) -> u32 {
        1 << (REGION_BITS - self.bits)
    }

    /// How many bytes from the start have been in use.
    pub(super) fn reached(&self) -> usize {
        let slots = self.count.load(Ordering::Acquire).min(self.slots());
        ((slots as usize) << self.bits).next_multiple_of(PIECE.max(self.slot()))
    }

    /// A zeroed slot of the region that starts at `start`, or nothing where all are in use.
    pub(super) fn take(&self, start: *mut u8) -> Option<*mut u8> {
        let number = self.take_free().or_else(|| self.take_new(start))?;
        self.link(number)?.store(IN_USE, Ordering::Relaxed);
        Some(start.wrapping_add((number as usize) << self.bits))
    }

    /// Wipes a slot and puts it on the list. What is no slot in use is left alone.
    ///
    /// # Safety
    /// Where `slot` is one of the region that starts at `start`, nobody uses it any more.
    pub(super) unsafe fn give_back(&self, start: *mut u8, slot: *mut u8) {
        let offset = slot.addr().wrapping_sub(start.addr());
        let Ok(number) = u32::try_from(offset >> self.bits) else { return };
        let Some(link) = self.link(number) else { return };
        let in_use = offset.is_multiple_of(self.slot()) && link.load(Ordering::Relaxed) == IN_USE;
        if !in_use {
            return;
        }
        // SAFETY: a slot in use of this region, which its owner gave up.
        unsafe { wipe(slot, self.slot()) };
        let mut first = self.first.load(Ordering::Relaxed);
        loop {
            link.store(number_of(first), Ordering::Relaxed);
            let new = changed(first, number + 1);
            match self.first.compare_exchange_weak(first, new, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => first = now,
            }
        }
    }

    /// The number of a slot that was freed.
    fn take_free(&self) -> Option<u32> {
        let mut first = self.first.load(Ordering::Acquire);
        loop {
            let number = number_of(first).checked_sub(1)?;
            let next = self.link(number)?.load(Ordering::Relaxed);
            let new = changed(first, next);
            match self.first.compare_exchange_weak(first, new, Ordering::Acquire, Ordering::Acquire) {
                Ok(_) => return Some(number),
                Err(now) => first = now,
            }
        }
    }

    /// The number of a slot that was never used. Whoever comes first to a piece locks it; for that
    /// microsecond others may already write to its later slots.
    fn take_new(&self, start: *mut u8) -> Option<u32> {
        if self.count.load(Ordering::Relaxed) >= self.slots() {
            return None;
        }
        self.make_links()?;
        let number = self.count.fetch_add(1, Ordering::AcqRel);
        if number >= self.slots() {
            return None;
        }
        let (offset, piece) = ((number as usize) << self.bits, PIECE.max(self.slot()));
        if offset.is_multiple_of(piece) {
            lock(start.wrapping_add(offset), piece);
        }
        Some(number)
    }

    /// Makes the table of links, if it is not there yet.
    fn make_links(&self) -> Option<()> {
        if !self.links.load(Ordering::Acquire).is_null() {
            return Some(());
        }
        let len = self.slots() as usize * size_of::<AtomicU32>();
        let fresh = map(len, libc::PROT_READ | libc::PROT_WRITE)?;
        let null = ptr::null_mut();
        if self.links.compare_exchange(null, fresh.cast(), Ordering::AcqRel, Ordering::Relaxed).is_err() {
            unmap(fresh, len);
        }
        Some(())
    }

    fn link(&self, number: u32) -> Option<&AtomicU32> {
        let links = self.links.load(Ordering::Acquire);
        if links.is_null() || number >= self.slots() {
            return None;
        }
        // SAFETY: the table has a link for each slot, zeroed when mapped, and is never unmapped.
        Some(unsafe { &*links.wrapping_add(number as usize) })
    }
}

/// The lower half of a list head.
#[expect(clippy::cast_possible_truncation, reason = "the lower half is the number")]
const fn number_of(first: u64) -> u32 {
    first as u32
}

/// The list head that follows `first`: another number, the next tag.
const fn changed(first: u64, number: u32) -> u64 {
    ((first >> 32).wrapping_add(1) << 32) | number as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn head_of_the_list_changes_with_every_step() {
        let first = changed(0, 5);
        assert_eq!(number_of(first), 5);
        assert_ne!(changed(first, 5), first);
        assert_eq!(number_of(changed(u64::MAX, 7)), 7);
    }
}
