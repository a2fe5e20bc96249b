//! Counters of what happened lately, shared by all processes of a store: a flood that comes through eight processes is
//! one flood.
//!
//! One file of words in shared memory (`keyward.signals`), without locks. A counter has a slot of its own: a tag, when it
//! was last used, when its alarm was last raised, and eight parts of its time and a ninth that is just over. So a sum is
//! never too small; it may hold what happened up to an eighth of the time too long ago. Where the file cannot be
//! written, a process counts for itself.
//!
//! The last word is the latest moment that was seen, by which a clock that was set back is found out.
//!
//! Not for budgets: what is here may be forgotten (a slot is given to another counter when all that it could have are
//! newer), and whoever may write the store's folder may change it.

use crate::sys::shared_page::SharedWords;
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// Words of the file: 64 KiB.
const WORDS: usize = 8192;
/// Parts of a time, and the one that is just over.
const PARTS: usize = 9;
/// Words of a slot: tag, last use, last alarm, parts.
const SLOT: usize = 3 + PARTS;
const SLOTS: usize = WORDS / SLOT;
/// Slots that a counter may have, from where its tag points on.
const REACH: usize = 8;

/// The word behind the slots that holds the latest moment that any process has seen, in seconds.
const LATEST: usize = WORDS - 1;

/// The counters of one store.
pub struct Signals(Words);

enum Words {
    Shared(SharedWords<WORDS>),
    Own(Box<[AtomicU64]>),
}

/// One counter of a key or of a token, for one alarm.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Counter(u64);

impl Counter {
    /// The counter of an alarm for an object; for the token where the object is all zero. FNV-1a, never zero.
    pub fn of(serial: &str, alarm: &str, object: &[u8; 16]) -> Self {
        let bytes = serial.bytes().chain([0]).chain(alarm.bytes()).chain([0]).chain(object.iter().copied());
        let hash = bytes.fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
        });
        Self(hash | 1)
    }
}

impl Signals {
    /// Those of a store's folder.
    pub fn open(folder: &Path) -> Self {
        match SharedWords::open(&folder.join("keyward.signals")) {
            Ok(words) => Self(Words::Shared(words)),
            Err(_) => Self::in_memory(),
        }
    }

    /// Those of this process alone.
    pub fn in_memory() -> Self {
        Self(Words::Own((0..WORDS).map(|_| AtomicU64::new(0)).collect()))
    }

    /// The latest moment that any process of the store has seen, this one too, in seconds. For a clock that is set back.
    #[inline]
    pub fn latest(&self, now: u64) -> u64 {
        let word = self.word(LATEST);
        let seen = word.load(Relaxed);
        if seen < now {
            word.fetch_max(now, Relaxed);
        }
        seen.max(now)
    }

    /// Counts one more. Answers how many there were within so many nanoseconds, this one too.
    pub fn count(&self, counter: Counter, within: u64, now: u64) -> u64 {
        let slot = self.slot(counter, now);
        let length = (within / 8).max(1);
        let part = now / length;
        let mine = counter.0 >> 48;
        let word = self.word(slot + 3 + rest(part, PARTS));
        let step = |seen: u64| {
            let number = if same(seen, mine, part) { (seen & COUNT).saturating_add(1).min(COUNT) } else { 1 };
            Some(mine << 48 | (part & INDEX) << 24 | number)
        };
        let _ = word.fetch_update(Relaxed, Relaxed, step);
        (0..PARTS as u64)
            .filter_map(|back| {
                let part = part.checked_sub(back)?;
                let seen = self.word(slot + 3 + rest(part, PARTS)).load(Relaxed);
                same(seen, mine, part).then_some(seen & COUNT)
            })
            .sum()
    }

    /// Whether the alarm of a counter that has crossed its threshold is to be raised by whoever asks: once in so many
    /// nanoseconds, by one thread of one process.
    pub fn may_raise(&self, counter: Counter, within: u64, now: u64) -> bool {
        let raised = self.word(self.slot(counter, now) + 2);
        let due = |last: u64| last > now || now - last >= within;
        raised.fetch_update(Relaxed, Relaxed, |last| due(last).then_some(now)).is_ok()
    }

    /// The first word of the counter's slot, which is made its own where it has none: an empty one, or that which was not
    /// used for the longest time.
    fn slot(&self, counter: Counter, now: u64) -> usize {
        let first = rest(counter.0, SLOTS);
        let places = (0..REACH).map(|step| (first + step) % SLOTS * SLOT);
        if let Some(slot) = places.clone().find(|slot| self.word(*slot).load(Relaxed) == counter.0) {
            self.word(slot + 1).store(now, Relaxed);
            return slot;
        }
        let slot = places.min_by_key(|slot| self.word(slot + 1).load(Relaxed)).unwrap_or(0);
        // What another counter left in the parts has another tag; its last alarm has not.
        self.word(slot + 2).store(0, Relaxed);
        self.word(slot).store(counter.0, Relaxed);
        self.word(slot + 1).store(now, Relaxed);
        slot
    }

    fn word(&self, index: usize) -> &AtomicU64 {
        static NOWHERE: AtomicU64 = AtomicU64::new(0);
        match &self.0 {
            Words::Shared(words) => words.word(index),
            Words::Own(words) => words.get(index).unwrap_or(&NOWHERE),
        }
    }
}

/// The rest of a division.
fn rest(number: u64, of: usize) -> usize {
    usize::try_from(number % of as u64).unwrap_or(0)
}

/// The number in a part, in its lowest 24 bits.
const COUNT: u64 = 0xFF_FFFF;
/// Which part it is, in the 24 bits above.
const INDEX: u64 = 0xFF_FFFF;

/// Whether a word holds this part of the counter with these upper 16 bits.
const fn same(seen: u64, mine: u64, part: u64) -> bool {
    seen >> 48 == mine && seen >> 24 & INDEX == part & INDEX
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::fork::trial::in_child;

    const SECOND: u64 = 1_000_000_000;
    const NOW: u64 = 1_800_000_000 * SECOND;

    fn counter(number: u8) -> Counter {
        Counter::of("0123", "flood", &[number; 16])
    }

    #[test]
    fn count_holds_what_happened_within_the_time_and_forgets_what_is_older() {
        let signals = Signals::in_memory();
        for each in 1..=10 {
            assert_eq!(signals.count(counter(1), 60 * SECOND, NOW + each * SECOND), each);
        }
        assert_eq!(signals.count(counter(2), 60 * SECOND, NOW), 1, "each counter for itself");
        assert_eq!(signals.count(counter(1), 60 * SECOND, NOW + 59 * SECOND), 11, "never too small");
        assert_eq!(signals.count(counter(1), 60 * SECOND, NOW + 80 * SECOND), 2, "the ten are too long ago");
        assert_eq!(signals.count(counter(1), 60 * SECOND, NOW + 200 * SECOND), 1);
    }

    #[test]
    fn burst_over_the_edge_of_any_part_is_seen_whole() {
        for offset in 0..70 {
            let signals = Signals::in_memory();
            let at = NOW + offset * SECOND;
            for each in 0..20 {
                assert_eq!(signals.count(counter(1), 60 * SECOND, at + each * SECOND), each + 1, "{offset}");
            }
        }
    }

    #[test]
    fn alarm_is_raised_once_in_its_time() {
        let signals = Signals::in_memory();
        assert!(signals.may_raise(counter(1), 60 * SECOND, NOW));
        assert!(!signals.may_raise(counter(1), 60 * SECOND, NOW + 59 * SECOND));
        assert!(signals.may_raise(counter(2), 60 * SECOND, NOW));
        assert!(signals.may_raise(counter(1), 60 * SECOND, NOW + 60 * SECOND));
    }

    #[test]
    fn more_counters_than_slots_take_the_place_of_the_oldest() {
        let signals = Signals::in_memory();
        for number in 0..20_000_u64 {
            let object = u128::from(number).to_le_bytes();
            assert_eq!(signals.count(Counter::of("0123", "flood", &object), 60 * SECOND, NOW + number), 1);
        }
        assert_eq!(signals.count(counter(1), 60 * SECOND, NOW + SECOND), 1);
        assert_eq!(signals.count(counter(1), 60 * SECOND, NOW + SECOND), 2);
    }

    fn flood(signals: &Signals) {
        for _ in 0..100 {
            signals.count(counter(1), 60 * SECOND, NOW);
        }
    }

    #[test]
    fn processes_and_threads_count_together() {
        let folder = tempfile::tempdir().unwrap();
        let signals = Signals::open(folder.path());
        in_child(|| {
            flood(&signals);
            Vec::new()
        });
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| flood(&signals));
            }
        });
        let again = Signals::open(folder.path());
        assert_eq!(again.count(counter(1), 60 * SECOND, NOW), 501);
    }

    #[test]
    fn folder_that_is_not_there_leaves_each_process_to_itself() {
        let signals = Signals::open(Path::new("/nowhere/at/all"));
        assert_eq!(signals.count(counter(1), SECOND, NOW), 1);
        assert_eq!(signals.count(counter(1), SECOND, NOW), 2);
    }

    #[test]
    fn damaged_file_only_counts_wrong() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("keyward.signals"), vec![0xA5; 65_536]).unwrap();
        let signals = Signals::open(folder.path());
        let count = signals.count(counter(1), SECOND, NOW);
        assert!(count >= 1);
    }
}
