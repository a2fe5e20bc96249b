//! Segments that are taken away: moved into an archive, which still verifies with the chain. That each was taken is
//! itself signed, so that nobody can take one in silence.

use super::anchor::{Anchor, Progress, Statement};
use super::segment::Segment;
use super::trail::Trail;
use crate::ck::{Error, Result};
use std::collections::BTreeMap;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

/// What is taken away.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Retention {
    /// Segments that ended before this moment, in seconds since 1970 UTC.
    pub ended_before: Option<u64>,
    /// The oldest segments, until the others have so many bytes together.
    pub keep_bytes: Option<u64>,
}

impl Trail {
    /// Moves what is older or more than is kept into `archive`, which is made. Segments that are still written stay.
    /// Answers the names of those that went.
    ///
    /// # Errors
    /// `CKR_FUNCTION_FAILED` where a file cannot be moved, and those of the store. What was moved before stays moved.
    pub fn archive(&self, retention: Retention, archive: &Path) -> Result<Vec<String>> {
        let failed = |_: std::io::Error| Error::FunctionFailed;
        let mut ends: BTreeMap<[u8; 16], Anchor> = BTreeMap::new();
        for anchor in self.copy(&[])?.anchors.iter().filter_map(|bytes| Anchor::decode(bytes)) {
            ends.insert(anchor.progress.segment, anchor);
        }
        let live = self.folder().unsettled();
        let settled: Vec<_> = self.folder().names().into_iter().filter(|name| !live.contains(name)).collect();
        let len =
            |name: &String| std::fs::metadata(self.folder().path().join(name)).map_or(0, |about| about.len());
        let mut total: u64 = settled.iter().map(len).sum();
        let mut taken = Vec::new();
        for name in settled {
            let Some(bytes) = self.folder().read(&name).map_err(failed)? else { continue };
            let id = Segment::open(&bytes).map(|segment| segment.header.segment).ok();
            let Some(end) = id.and_then(|id| ends.get(&id)) else { continue };
            let is_old = retention.ended_before.is_some_and(|before| end.at / 1_000_000_000 < before);
            let is_much = retention.keep_bytes.is_some_and(|most| total > most);
            if !(is_old || is_much) {
                continue;
            }
            total = total.saturating_sub(bytes.len() as u64);
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(archive).map_err(failed)?;
            put(archive, &name, &bytes).map_err(failed)?;
            // Signed before the file goes: a file that is missing without a word is a finding.
            if end.statement != Statement::Removed {
                let progress = Progress { first: end.progress.end, ..end.progress };
                self.tell_removed(progress)?;
            }
            std::fs::remove_file(self.folder().path().join(&name)).map_err(failed)?;
            taken.push(name);
        }
        Ok(taken)
    }
}

/// Writes the copy, or finds it there from an earlier try.
fn put(archive: &Path, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let (draft, place) = (archive.join(format!("{name}.draft")), archive.join(name));
    if std::fs::read(&place).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    if place.exists() {
        return Err(std::io::Error::other("another file has its name"));
    }
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&draft, &place)?;
    std::fs::File::open(archive)?.sync_all()
}
