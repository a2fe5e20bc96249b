//! [`SharedPage`]: a small file that processes share as memory, such as the generation page beside a
//! store: a reader learns with one load whether a writer has been there. [`SharedWords`] is the same with more words.
//!
//! What no mapping can prevent: somebody who may write the file truncates it while it is mapped.
//! Whoever may do that may also replace the store.

use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Result};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::ptr::{self, NonNull};
use std::sync::atomic::AtomicU64;

/// Length of the smallest file in bytes.
const PAGE: usize = 4096;

/// A file of one page, mapped, of which 64 words are used.
pub type SharedPage = SharedWords<64>;

/// A file of so many words of 8 bytes, of one page at least, mapped.
pub struct SharedWords<const WORDS: usize> {
    words: NonNull<[AtomicU64; WORDS]>,
    writable: bool,
}

// SAFETY: the mapping belongs to the process, not to a thread.
unsafe impl<const WORDS: usize> Send for SharedWords<WORDS> {}
// SAFETY: it gives out atomics only.
unsafe impl<const WORDS: usize> Sync for SharedWords<WORDS> {}

impl<const WORDS: usize> SharedWords<WORDS> {
    /// Length of the file and of the mapping in bytes.
    const LEN: usize = if WORDS * 8 < PAGE { PAGE } else { WORDS * 8 };

    /// Maps the file at `path`; makes it, for its owner only (0600), if it is not there.
    ///
    /// Where the file cannot be opened for writing (a read-only file system, a reader without the
    /// right), it is mapped for reading: see [`Self::writable`].
    ///
    /// # Errors
    /// What opening says; a symbolic link or anything that is not a regular file; a short file that
    /// cannot be made longer (the disk is full, or the file is for reading only).
    pub fn open(path: &Path) -> Result<Self> {
        let (file, writable) = match options().write(true).create(true).mode(0o600).open(path) {
            Ok(file) => (file, true),
            Err(error) if is_refusal(&error) => (options().open(path)?, false),
            Err(error) => return Err(error),
        };
        let now = file.metadata()?;
        if !now.is_file() {
            return Err(Error::new(ErrorKind::InvalidInput, "not a regular file"));
        }
        if now.len() < Self::LEN as u64 {
            if !writable {
                return Err(Error::new(ErrorKind::UnexpectedEof, "the file is shorter than it must be"));
            }
            lengthen(&file, Self::LEN)?;
        }
        let words = map(&file, writable, Self::LEN)?;
        Ok(Self { words, writable })
    }

    /// One of the words; counted around beyond that. A new file is all zero. The order of bytes is the
    /// machine's, for processes of one machine.
    pub fn word(&self, index: usize) -> &AtomicU64 {
        /// For a file of no words, which nobody has.
        static NOWHERE: AtomicU64 = AtomicU64::new(0);
        // SAFETY: the mapping lives as long as `self`, is aligned to a page and was zeroed or
        // written by atomics; every bit pattern is a number.
        let words = unsafe { self.words.as_ref() };
        words.get(index % WORDS).unwrap_or(&NOWHERE)
    }

    /// Whether others see what is written here. Otherwise a store changes a private copy, and from
    /// then on changes made by others are no longer seen: write only where this is true.
    pub const fn writable(&self) -> bool {
        self.writable
    }
}

impl<const WORDS: usize> Drop for SharedWords<WORDS> {
    fn drop(&mut self) {
        // SAFETY: the mapping that `open` made; references to it cannot outlive `self`.
        let _ = unsafe { libc::munmap(self.words.as_ptr().cast(), Self::LEN) };
    }
}

/// Never through a symbolic link, never waiting for the other end of a pipe, closed by exec.
fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    // The standard library adds O_CLOEXEC.
    options.read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY);
    options
}

/// Whether reading may still work.
fn is_refusal(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied)
}

/// Gives the file its length and its place on the disk: a store into a hole of a full disk would be SIGBUS.
/// Keeps what is there, also what another process that does the same has written meanwhile.
fn lengthen(file: &File, bytes: usize) -> Result<()> {
    let len = libc::off_t::try_from(bytes).map_err(|_| ErrorKind::InvalidInput)?;
    // SAFETY: the descriptor is open for the whole call.
    match unsafe { libc::posix_fallocate(file.as_raw_fd(), 0, len) } {
        0 => Ok(()),
        // A file system without reservation: the length is what counts.
        libc::EOPNOTSUPP | libc::EINVAL => file.set_len(bytes as u64),
        code => Err(Error::from_raw_os_error(code)),
    }
}

/// Without the right to write, the mapping is private and may be written all the same: a stray store then
/// goes into a copy, where in a read-only mapping it would end the process.
fn map<const WORDS: usize>(file: &File, writable: bool, len: usize) -> Result<NonNull<[AtomicU64; WORDS]>> {
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let flags = if writable { libc::MAP_SHARED } else { libc::MAP_PRIVATE };
    let descriptor = file.as_raw_fd();
    // SAFETY: a new mapping at an address of the kernel's choice touches nothing that exists. The file
    // is at least that long. The mapping stays when the descriptor is closed.
    let page = unsafe { libc::mmap(ptr::null_mut(), len, protection, flags, descriptor, 0) };
    if page == libc::MAP_FAILED {
        return Err(Error::last_os_error());
    }
    NonNull::new(page.cast()).ok_or_else(|| ErrorKind::OutOfMemory.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::fork::trial::in_child;
    use std::os::unix::fs::PermissionsExt;
    use std::sync::atomic::Ordering::SeqCst;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    #[test]
    fn new_page_is_zero_private_to_its_owner_and_one_page_long() {
        let folder = folder();
        let path = folder.path().join("generation");
        let page = SharedPage::open(&path).unwrap();
        assert!(page.writable() && (0..64).all(|index| page.word(index).load(SeqCst) == 0));
        let file = path.metadata().unwrap();
        assert_eq!((file.len(), file.permissions().mode() & 0o777), (4096, 0o600));
    }

    #[test]
    fn word_written_by_one_mapping_is_read_by_another_and_by_a_child() {
        let folder = folder();
        let path = folder.path().join("generation");
        let (one, other) = (SharedPage::open(&path).unwrap(), SharedPage::open(&path).unwrap());
        one.word(63).store(5, SeqCst);
        assert_eq!(other.word(63).load(SeqCst), 5);
        in_child(|| {
            other.word(0).store(6, SeqCst);
            Vec::new()
        });
        assert_eq!(one.word(0).load(SeqCst), 6);
        drop((one, other));
        assert_eq!(SharedPage::open(&path).unwrap().word(63).load(SeqCst), 5);
    }

    #[test]
    fn more_words_make_a_longer_file() {
        let folder = folder();
        let path = folder.path().join("words");
        let words = SharedWords::<8192>::open(&path).unwrap();
        words.word(8191).store(9, SeqCst);
        assert_eq!(path.metadata().unwrap().len(), 65_536);
        assert_eq!(SharedWords::<8192>::open(&path).unwrap().word(8191).load(SeqCst), 9);
    }

    #[test]
    fn short_file_is_made_longer_and_keeps_its_bytes() {
        let folder = folder();
        let path = folder.path().join("generation");
        std::fs::write(&path, [77; 8]).unwrap();
        let page = SharedPage::open(&path).unwrap();
        assert_eq!((page.word(0).load(SeqCst), page.word(63).load(SeqCst)), (0x4D4D_4D4D_4D4D_4D4D, 0));
    }

    #[test]
    fn link_folder_and_pipe_are_refused() {
        let folder = folder();
        let (path, link) = (folder.path().join("generation"), folder.path().join("link"));
        drop(SharedPage::open(&path).unwrap());
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(SharedPage::open(&link).is_err());
        assert!(SharedPage::open(folder.path()).is_err());
        assert!(SharedPage::open(Path::new("/dev/null")).is_err());
    }

    #[test]
    fn page_without_the_right_to_write_is_read_and_a_stray_store_is_harmless() {
        let folder = folder();
        let path = folder.path().join("generation");
        let writer = SharedPage::open(&path).unwrap();
        // As `open` does where writing is refused; root is never refused.
        let file = options().open(&path).unwrap();
        let reader = SharedPage { words: map(&file, false, PAGE).unwrap(), writable: false };
        writer.word(1).store(8, SeqCst);
        assert_eq!(reader.word(1).load(SeqCst), 8);
        reader.word(1).store(9, SeqCst);
        assert_eq!(writer.word(1).load(SeqCst), 8);
    }
}
