//! One line for each refusal, and for what an operator must know. Silent on stderr unless asked to
//! speak; never a secret, a PIN or a payload.
//!
//! This is a log for people, not the audit trail.

use crate::ck::date::display_utc;
use crate::sys::{clock, process};
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

/// Where lines go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Sink {
    /// Nowhere.
    Silent,
    /// The process's standard error.
    Stderr,
    /// Appended to a file, which is set aside once when it grows past [`FILE_LIMIT`].
    File(PathBuf),
}

/// Size in bytes at which a log file is renamed to `NAME.1`.
pub const FILE_LIMIT: u64 = 8 * 1024 * 1024;

/// The log of one module.
pub struct Journal {
    sink: Sink,
}

impl Journal {
    /// A log that goes to `sink`.
    pub const fn new(sink: Sink) -> Self {
        Self { sink }
    }

    /// Where this log goes.
    pub const fn sink(&self) -> &Sink {
        &self.sink
    }

    /// Writes one line. Line breaks and control characters of foreign text become spaces, so one event
    /// is one line. A log that cannot be written stops nothing.
    pub fn line(&self, level: &str, what: std::fmt::Arguments<'_>) {
        if self.sink == Sink::Silent {
            return;
        }
        let text: String = format!("{what}").chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let line = format!(
            "{} keyward[{}] {level}: {text}\n",
            display_utc(clock::utc_seconds()),
            process::process_id()
        );
        match &self.sink {
            Sink::Silent => {}
            Sink::Stderr => {
                let _ = std::io::stderr().write_all(line.as_bytes());
            }
            Sink::File(path) => append(path, line.as_bytes()),
        }
    }
}

fn append(path: &PathBuf, line: &[u8]) {
    if std::fs::metadata(path).is_ok_and(|about| about.len() > FILE_LIMIT) {
        let mut aside = path.clone().into_os_string();
        aside.push(".1");
        let _ = std::fs::rename(path, aside);
    }
    // Opened for each line: nothing is held over a fork, and a rotated file is let go at once.
    let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path);
    if let Ok(mut file) = file {
        let _ = file.write_all(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_event_is_one_line_whatever_the_text_holds() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let journal = Journal::new(Sink::File(path.clone()));
        journal.line("denied", format_args!("label {:?}", "a\nb"));
        journal.line("denied", format_args!("raw a\nb\u{1b}[31m"));
        let text = std::fs::read_to_string(path).unwrap();
        assert_eq!(text.lines().count(), 2);
        assert!(!text.contains('\u{1b}'));
    }
}
