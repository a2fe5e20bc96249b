//! Segments that a killed process left: what is good of them is found, and signed in its place.

use super::anchor::{Anchor, Progress, Statement};
use super::chain::{self, Hash, LEN, MovingKey};
use super::folder::Folder;
use super::segment::{Frame, Header, Segment};
use super::trail::{append, key_context};
use crate::ck::Result;
use crate::crypto::seal;
use crate::secret::Secret;
use crate::store::Store;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;

/// Most segments that are adopted at once: a process that begins must not wait for long.
const MOST: usize = 64;

/// A segment that was adopted.
pub(super) struct Adopted {
    /// Whose it was.
    pub(super) header: Header,
    /// Records that were signed in its place.
    pub(super) records: u64,
}

/// The trail that segments are adopted for.
pub(super) struct Adopter<'a> {
    pub(super) folder: &'a Folder,
    pub(super) serial: &'a str,
    pub(super) key: &'a Secret,
    pub(super) store: &'a dyn Store,
}

impl Adopter<'_> {
    /// Ends the segments of processes that are gone.
    pub(super) fn adopt(&self) -> Result<Vec<Adopted>> {
        let mut adopted = Vec::new();
        for name in self.folder.unsettled().into_iter().take(MOST) {
            adopted.extend(self.adopt_one(&name)?);
        }
        Ok(adopted)
    }

    fn adopt_one(&self, name: &str) -> Result<Option<Adopted>> {
        let path = self.folder.live().join(name);
        // Whoever holds the lock still writes, or adopts.
        let Some(mut file) = File::open(&path).ok().filter(|file| file.try_lock().is_ok()) else {
            return Ok(None);
        };
        let is_there = |file: &File| {
            let (open, there) = (file.metadata().ok()?, std::fs::metadata(&path).ok()?);
            Some(open.ino() == there.ino() && open.dev() == there.dev())
        };
        if is_there(&file) != Some(true) {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        if file.read_to_end(&mut bytes).is_err() {
            return Ok(None);
        }
        let adopted = match Left::of(&bytes, self.key) {
            Some(left) => self.end(left)?,
            // It is no segment any more; the verifier says so.
            None => None,
        };
        let _ = self.folder.settle(name);
        Ok(adopted)
    }

    /// Signs for what is good. `None` where its process had signed the end itself.
    fn end(&self, mut left: Left) -> Result<Option<Adopted>> {
        // The chain may know more than the file: the process was killed between the two.
        let mut from = left.last.as_ref().map_or(0, |anchor| anchor.sequence.saturating_add(1));
        loop {
            let page = self.store.anchors(self.serial, from, 1000)?;
            if page.is_empty() {
                break;
            }
            from += page.len() as u64;
            for anchor in page.iter().filter_map(|bytes| Anchor::decode(bytes)) {
                if anchor.progress.segment == left.header.segment {
                    left.meet(anchor);
                }
            }
        }
        let ended = |anchor: &Anchor| matches!(anchor.statement, Statement::Close | Statement::Abandoned);
        // Where no anchor opened it nothing was recorded, either.
        if left.last.as_ref().is_none_or(ended) {
            return Ok(None);
        }
        let records = left.records.saturating_sub(left.first);
        append(self.store, self.serial, self.key, Statement::Abandoned, left.progress())?;
        Ok(Some(Adopted { header: left.header, records }))
    }
}

/// What is good of a segment.
struct Left {
    header: Header,
    head: Hash,
    /// The first record after the last anchor.
    first: u64,
    records: u64,
    /// Leaves from `first` on.
    leaves: Vec<Hash>,
    last: Option<Anchor>,
}

impl Left {
    /// Reads up to the first record that its process did not write, or that is cut.
    fn of(bytes: &[u8], trail: &Secret) -> Option<Self> {
        let segment = Segment::open(bytes).ok()?;
        let (header, head) = (segment.header.clone(), segment.head);
        let mut left = Self { header, head, first: 0, records: 0, leaves: Vec::new(), last: None };
        let mut tag = [0; LEN];
        let mut moving: Option<MovingKey> = None;
        for frame in segment {
            match frame {
                Ok(Frame::Record { record, tag: written }) => {
                    let leaf = chain::leaf(&left.header.segment, left.records, record);
                    if !moving.as_mut().is_some_and(|key| seal::same(&key.tag(&tag, &leaf), written)) {
                        break;
                    }
                    tag = *written;
                    left.leaves.push(leaf);
                    left.records += 1;
                }
                Ok(Frame::Checkpoint { anchor, key }) => {
                    let context = key_context(&left.header.segment, left.records);
                    moving =
                        seal::open(trail, &context, key).map(|key| MovingKey::new(Secret::from_slice(&key)));
                    left.meet(*anchor);
                }
                Err(_) => break,
            }
        }
        Some(left)
    }

    /// Goes on behind an anchor.
    fn meet(&mut self, anchor: Anchor) {
        let end = anchor.progress.end;
        let signed = usize::try_from(end.saturating_sub(self.first)).unwrap_or(usize::MAX);
        self.leaves.drain(..signed.min(self.leaves.len()));
        self.first = end;
        self.records = self.records.max(end);
        self.head = anchor.progress.head;
        self.last = Some(anchor);
    }

    fn progress(&self) -> Progress {
        let root = chain::root(&self.leaves);
        let head = if self.records > self.first {
            chain::head(&self.head, &root, self.first, self.records)
        } else {
            self.head
        };
        Progress { segment: self.header.segment, first: self.first, end: self.records, root, head }
    }
}
