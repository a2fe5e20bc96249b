//! The generation page: how every process knows, by one atomic load, whether what it cached is still true.
//!
//! One page of shared memory, mapped from `keyward.generation` beside the database.
//!
//! | word | content |
//! |---|---|
//! | 0 | the generation: even = settled, odd = a commit is under way (or its writer was killed), 0 = never set up |
//! | 1, 2 | the store's random id, as in the database's `meta` table |
//! | 3, 4 | device and inode of the database file |
//! | 5 | layout of this page |
//!
//! # Invariants
//!
//! 1. **No commit without a mark.** A writer makes word 0 odd before COMMIT and never commits when it
//!    cannot (a page that cannot be mapped refuses the write). So whoever loads an even number knows: no
//!    commit that this number does not count had begun. Every commit that it does count is visible to a read
//!    that starts after the load.
//! 2. **Marks are made under SQLite's write lock only**, so there is one marker at a time. Each mark is an odd
//!    number never used before ([`Page::mark`] steps over the mark of a dead writer).
//! 3. **Settling is a compare-and-swap from one's own mark.** COMMIT releases the write lock before the writer
//!    can settle; another writer may have marked since. Its mark is a different number, the swap fails, and
//!    the page stays pending until that writer settles.
//! 4. **Anyone may settle a mark that it finds while holding the write lock**: its writer has
//!    committed, rolled back, or died, in any case nothing of it is under way. SQLite has by then recovered
//!    the log, because taking the write lock begins with a read. The number after the mark is the same one
//!    whoever stores it.
//! 5. **Numbers do not come back.** A page that is set up anew (deleted, replaced, or tied to another
//!    database file) starts at a random number, so a cache built under the old page never matches.
//!    After a reboot the page may be older than it was; then no cache is alive.
//! 6. **The page is tied to one database file.** Whoever opens a database that the page is not tied to (a
//!    restored backup) ties it anew under the write lock, which every process sees as a changed
//!    generation; on their next access they find that the file was replaced and open it.
//!
//! Without a page (read-only store) the answer is always [`Generation::Pending`]: right, and slower.
//! The mapping is shared with forked children and stays valid there.

use std::path::Path;
use std::sync::atomic::Ordering::{Acquire, SeqCst};

use super::sqlite::files::{self, Identity};
use super::{Generation, StoreError};
use crate::sys::shared_page::SharedPage;

const GENERATION: usize = 0;
const STORE: [usize; 2] = [1, 2];
const DATABASE: [usize; 2] = [3, 4];
const LAYOUT: usize = 5;

/// "keyward" and the layout's number.
const LAYOUT_1: u64 = u64::from_le_bytes(*b"keyward\x01");

/// What a page must carry to speak for a database.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Tie {
    /// The store's random id.
    pub(crate) store: [u64; 2],
    /// The database file.
    pub(crate) database: Identity,
}

/// A mapped page and what it was found to be.
pub(crate) struct Page {
    words: SharedPage,
    file: Identity,
    tie: Tie,
}

impl Page {
    /// Maps the file, which is made where it is missing. It may still be tied to something else.
    pub(crate) fn open(path: &Path, tie: Tie) -> std::io::Result<Self> {
        // The identity is that of what was mapped only if nobody replaced the file meanwhile.
        for _ in 0..8 {
            let before = files::identity(path).ok();
            let words = SharedPage::open(path)?;
            let after = files::identity(path)?;
            if before == Some(after) {
                return Ok(Self { words, file: after, tie });
            }
        }
        Err(std::io::Error::other("the generation page is being replaced again and again"))
    }

    /// One atomic load.
    pub(crate) fn generation(&self) -> Generation {
        match self.words.word(GENERATION).load(Acquire) {
            0 => Generation::Pending,
            settled if settled.is_multiple_of(2) => Generation::Settled(settled),
            _ => Generation::Pending,
        }
    }

    /// Whether this is still the page at `path`, and made for this database file.
    pub(crate) fn is_current(&self, path: &Path, database: Identity) -> bool {
        self.tie.database == database && files::identity(path).is_ok_and(|file| file == self.file)
    }

    /// Whether the page speaks for the database that it was opened for.
    pub(crate) fn is_tied(&self) -> bool {
        self.words.word(LAYOUT).load(Acquire) == LAYOUT_1
            && self.words.word(GENERATION).load(Acquire) != 0
            && self.tied_words().into_iter().all(|(at, value)| self.words.word(at).load(Acquire) == value)
    }

    /// Makes the page speak for its database, at a number never seen before. Under the write lock only.
    pub(crate) fn tie(&self) -> Result<(), StoreError> {
        let mut number = [0u8; 8];
        crate::crypto::random::fill(&mut number).map_err(StoreError::Aborted)?;
        // Odd, far from 0 and with room to count for ever.
        let mark = (u64::from_le_bytes(number) >> 2) | (1 << 40) | 1;
        self.words.word(GENERATION).store(mark, SeqCst);
        for (at, value) in self.tied_words() {
            self.words.word(at).store(value, SeqCst);
        }
        self.words.word(LAYOUT).store(LAYOUT_1, SeqCst);
        self.settle(mark);
        Ok(())
    }

    /// Says that a commit is about to begin. Under the write lock only.
    pub(crate) fn mark(&self) -> u64 {
        let word = self.words.word(GENERATION);
        let mut seen = word.load(SeqCst);
        loop {
            let mark = if seen.is_multiple_of(2) { seen.wrapping_add(1) } else { seen.wrapping_add(2) };
            match word.compare_exchange(seen, mark, SeqCst, SeqCst) {
                Ok(_) => return mark,
                Err(now) => seen = now,
            }
        }
    }

    /// Says that the commit of this mark is over, unless a later writer has marked since.
    pub(crate) fn settle(&self, mark: u64) {
        // A failed swap is invariant 3: the later writer settles.
        let _ = self.words.word(GENERATION).compare_exchange(mark, mark.wrapping_add(1), SeqCst, SeqCst);
    }

    /// Clears the mark of a writer that was killed. Under the write lock only.
    pub(crate) fn settle_abandoned(&self) {
        let seen = self.words.word(GENERATION).load(SeqCst);
        if seen % 2 == 1 {
            self.settle(seen);
        }
    }

    fn tied_words(&self) -> [(usize, u64); 4] {
        let [first, second] = self.tie.store;
        [
            (STORE[0], first),
            (STORE[1], second),
            (DATABASE[0], self.tie.database.device),
            (DATABASE[1], self.tie.database.inode),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tie(inode: u64) -> Tie {
        Tie { store: [7, 8], database: Identity { device: 1, inode } }
    }

    fn page(directory: &tempfile::TempDir, inode: u64) -> Page {
        Page::open(&directory.path().join("page"), tie(inode)).unwrap()
    }

    fn settled(page: &Page) -> u64 {
        match page.generation() {
            Generation::Settled(number) => number,
            Generation::Pending => panic!("pending"),
        }
    }

    #[test]
    fn open_of_new_page_is_pending_until_tied() {
        let directory = tempfile::tempdir().unwrap();
        let page = page(&directory, 3);
        assert_eq!(page.generation(), Generation::Pending);
        assert!(!page.is_tied());
        page.tie().unwrap();
        assert!(page.is_tied());
        settled(&page);
    }

    #[test]
    fn settle_after_later_mark_stays_pending() {
        let directory = tempfile::tempdir().unwrap();
        let (first, second) = (page(&directory, 3), page(&directory, 3));
        first.tie().unwrap();
        let start = settled(&first);
        let mark = first.mark();
        assert_eq!(second.generation(), Generation::Pending);
        let later = second.mark();
        assert_ne!(mark, later);
        first.settle(mark);
        assert_eq!(first.generation(), Generation::Pending, "the second writer is still at it");
        second.settle(later);
        assert!(settled(&first) > start);
    }

    #[test]
    fn settle_abandoned_then_late_settle_counts_once() {
        let directory = tempfile::tempdir().unwrap();
        let page = page(&directory, 3);
        page.tie().unwrap();
        let mark = page.mark();
        page.settle_abandoned();
        let after = settled(&page);
        page.settle(mark);
        assert_eq!(settled(&page), after);
    }

    #[test]
    fn tie_to_another_database_starts_at_another_number() {
        let directory = tempfile::tempdir().unwrap();
        let old = page(&directory, 3);
        old.tie().unwrap();
        let number = settled(&old);
        let new = page(&directory, 4);
        assert!(!new.is_tied());
        new.tie().unwrap();
        assert!(!old.is_tied());
        assert_ne!(settled(&new), number);
    }

    #[test]
    fn is_current_after_file_was_replaced_is_false() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("page");
        let old = page(&directory, 3);
        assert!(old.is_current(&path, tie(3).database));
        assert!(!old.is_current(&path, tie(4).database));
        std::fs::remove_file(&path).unwrap();
        assert!(!old.is_current(&path, tie(3).database));
        page(&directory, 3);
        assert!(!old.is_current(&path, tie(3).database));
    }
}
