//! A table of things by handle: sessions, objects. Reading takes no lock and never waits, so a fork
//! can catch nothing half-way; a handle is never given twice.

use crate::ck::{Error, Result};
use crate::sys::lock::Mutex;
use arc_swap::ArcSwapOption;
use once_cell::race::OnceBox;
use std::sync::Arc;

/// Places in one chunk.
const CHUNK: usize = 256;
/// Chunks in a table.
const CHUNKS: usize = 4096;
/// Bits of a handle that say where; the rest says which of those that stood there.
const PLACE_BITS: u32 = (CHUNK * CHUNKS).trailing_zeros();

struct Entry<T> {
    handle: u64,
    value: T,
}

type Chunk<T> = [ArcSwapOption<Entry<T>>; CHUNK];

/// See the module's page.
pub struct Table<T> {
    chunks: Box<[OnceBox<Chunk<T>>]>,
    free: Mutex<Free>,
}

#[derive(Default)]
struct Free {
    /// Places that were given back.
    places: Vec<usize>,
    /// The first place that was never used.
    next: usize,
    /// Grows with every handle.
    sequence: u64,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { chunks: (0..CHUNKS).map(|_| OnceBox::new()).collect(), free: Mutex::new(Free::default()) }
    }
}

impl<T> Table<T> {
    /// How many things it holds at most.
    pub const CAPACITY: usize = CHUNK * CHUNKS;

    fn slot(&self, place: usize) -> Option<&ArcSwapOption<Entry<T>>> {
        self.chunks.get(place / CHUNK)?.get()?.get(place % CHUNK)
    }

    fn place(handle: u64) -> usize {
        usize::try_from(handle & ((1 << PLACE_BITS) - 1)).unwrap_or(usize::MAX)
    }

    /// Puts a thing in. `make` learns the handle. `CKR_DEVICE_MEMORY` where the table is full.
    pub fn insert(&self, make: impl FnOnce(u64) -> T) -> Result<u64> {
        let mut free = self.free.lock();
        if free.was_torn() {
            *free = self.rebuilt(free.sequence);
        }
        let place = match free.places.pop() {
            Some(place) => place,
            None if free.next < CHUNK * CHUNKS => {
                free.next += 1;
                free.next - 1
            }
            None => return Err(Error::DeviceMemory),
        };
        free.sequence += 1;
        let handle = free.sequence << PLACE_BITS | place as u64;
        let chunk = self.chunks.get(place / CHUNK).ok_or(Error::DeviceMemory)?;
        let chunk = chunk.get_or_init(|| Box::new([const { ArcSwapOption::const_empty() }; CHUNK]));
        let slot = chunk.get(place % CHUNK).ok_or(Error::DeviceMemory)?;
        slot.store(Some(Arc::new(Entry { handle, value: make(handle) })));
        Ok(handle)
    }

    /// What stands in the slots tells what is free; only the sequence must not go back.
    fn rebuilt(&self, sequence: u64) -> Free {
        let used = |place: &usize| self.slot(*place).is_some_and(|slot| slot.load().is_some());
        let next = (0..CHUNK * CHUNKS).rev().find(used).map_or(0, |last| last + 1);
        let places = (0..next).filter(|place| !used(place)).collect();
        // One handle may have been counted and not used, or used and not counted.
        Free { places, next, sequence: sequence + 1 }
    }

    /// Looks at a thing. `None` where the handle was never given or is gone.
    pub fn with<R>(&self, handle: u64, look: impl FnOnce(&T) -> R) -> Option<R> {
        let entry = self.slot(Self::place(handle))?.load();
        entry.as_ref().filter(|entry| entry.handle == handle).map(|entry| look(&entry.value))
    }

    /// Puts another thing under the same handle. Answers whether the handle was there.
    pub fn replace(&self, handle: u64, value: T) -> bool {
        let _writer = self.free.lock();
        let Some(slot) = self.slot(Self::place(handle)) else {
            return false;
        };
        let there = slot.load().as_ref().is_some_and(|entry| entry.handle == handle);
        if there {
            slot.store(Some(Arc::new(Entry { handle, value })));
        }
        there
    }

    /// Takes a thing out. Answers whether it was there.
    pub fn remove(&self, handle: u64) -> bool {
        let place = Self::place(handle);
        let mut free = self.free.lock();
        if free.was_torn() {
            *free = self.rebuilt(free.sequence);
        }
        let Some(slot) = self.slot(place) else {
            return false;
        };
        if slot.load().as_ref().is_none_or(|entry| entry.handle != handle) {
            return false;
        }
        slot.store(None);
        free.places.push(place);
        true
    }

    /// Every handle with what `look` makes of its thing, where that is something.
    pub fn collect<R>(&self, mut look: impl FnMut(u64, &T) -> Option<R>) -> Vec<R> {
        let mut found = Vec::new();
        for chunk in self.chunks.iter().map_while(OnceBox::get) {
            for slot in chunk {
                if let Some(entry) = slot.load().as_ref() {
                    found.extend(look(entry.handle, &entry.value));
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_is_never_given_twice() {
        let table = Table::default();
        let first = table.insert(|_| 1).unwrap();
        assert!(table.remove(first));
        let second = table.insert(|_| 2).unwrap();
        assert_ne!(first, second);
        assert_eq!(table.with(first, |value| *value), None);
        assert_eq!(table.with(second, |value| *value), Some(2));
        assert!(!table.remove(first) && !table.replace(first, 3) && table.replace(second, 4));
        assert_eq!(table.collect(|handle, value| Some((handle, *value))), [(second, 4)]);
    }

    #[test]
    fn wild_handles_find_nothing() {
        let table = Table::<u8>::default();
        for handle in [0, 1, u64::MAX, 1 << 20, (1 << 20) - 1] {
            assert_eq!(table.with(handle, |value| *value), None);
            assert!(!table.remove(handle));
        }
    }

    #[test]
    fn threads_insert_and_remove_without_losing_any() {
        let table = Table::default();
        std::thread::scope(|scope| {
            for thread in 0..8u64 {
                let table = &table;
                scope.spawn(move || {
                    for round in 0..500 {
                        let handle = table.insert(|_| (thread, round)).unwrap();
                        assert_eq!(table.with(handle, |value| *value), Some((thread, round)));
                        if round % 2 == 0 {
                            assert!(table.remove(handle));
                        }
                    }
                });
            }
        });
        assert_eq!(table.collect(|_, value| Some(*value)).len(), 8 * 250);
    }
}
