//! Who this process is.

use super::abi::CK_ULONG;
use std::path::PathBuf;

/// The user whose rights this process has.
pub fn effective_uid() -> u32 {
    // SAFETY: takes nothing, always succeeds.
    unsafe { libc::geteuid() }
}

/// The group whose rights this process has.
pub fn effective_gid() -> u32 {
    // SAFETY: takes nothing, always succeeds.
    unsafe { libc::getegid() }
}

/// The user who started this process. Another than [`effective_uid`] in a set-user-id program.
pub fn real_uid() -> u32 {
    // SAFETY: takes nothing, always succeeds.
    unsafe { libc::getuid() }
}

/// The group of the user who started this process.
pub fn real_gid() -> u32 {
    // SAFETY: takes nothing, always succeeds.
    unsafe { libc::getgid() }
}

/// The number of this process; another one after a fork.
pub fn process_id() -> u32 {
    std::process::id()
}

/// The name of this machine, where the system tells one of 64 bytes at most.
pub fn host_name() -> String {
    let mut name = [0_u8; 65];
    let (start, room) = (name.as_mut_ptr(), name.len() - 1);
    // SAFETY: writes at most `room` bytes to `name`, whose last byte stays zero.
    let answer = unsafe { libc::gethostname(start.cast(), room) };
    let text = name.split(|byte| *byte == 0).next().unwrap_or_default();
    if answer == 0 { String::from_utf8_lossy(text).into_owned() } else { String::new() }
}

/// The program file that this process runs, where the system tells it (`/proc` may be missing in a
/// chroot). Where the file was replaced since, Linux appends ` (deleted)`.
pub fn executable() -> Option<PathBuf> {
    std::env::current_exe().ok()
}

/// A number in this process's memory that may not be there at all: nothing is followed, the system is asked. `None` where
/// there is no such memory, or where the system does not answer such questions.
#[cfg(target_os = "linux")]
pub fn peek(address: usize) -> Option<CK_ULONG> {
    let mut number: CK_ULONG = 0;
    let to = libc::iovec { iov_base: (&raw mut number).cast(), iov_len: size_of::<CK_ULONG>() };
    let from =
        libc::iovec { iov_base: std::ptr::without_provenance_mut(address), iov_len: size_of::<CK_ULONG>() };
    let process = libc::pid_t::try_from(process_id()).ok()?;
    // SAFETY: one place of our own to write to, as long as it says; what is read from is not touched by this program.
    let copied = unsafe { libc::process_vm_readv(process, &raw const to, 1, &raw const from, 1, 0) };
    (usize::try_from(copied) == Ok(size_of::<CK_ULONG>())).then_some(number)
}

/// Elsewhere nobody can be asked.
#[cfg(not(target_os = "linux"))]
pub fn peek(_: usize) -> Option<CK_ULONG> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn effective_ids_own_what_the_process_makes() {
        let made = tempfile::NamedTempFile::new().unwrap().as_file().metadata().unwrap();
        assert_eq!(made.uid(), effective_uid());
        assert_eq!((real_uid(), real_gid()), (effective_uid(), effective_gid()));
    }

    #[test]
    fn executable_of_a_test_is_a_file() {
        assert!(executable().unwrap().is_file());
    }

    #[test]
    fn peek_reads_what_is_there_and_survives_what_is_not() {
        let numbers: [CK_ULONG; 2] = [7, 9];
        assert_eq!(peek((&raw const numbers[1]).addr()), Some(9));
        for nowhere in [0, 8, 1 << 40, usize::MAX, usize::MAX - 7, 1 << 63] {
            assert_eq!(peek(nowhere), None, "{nowhere:#x}");
        }
    }
}
