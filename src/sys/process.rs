//! Who this process is.

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
}
