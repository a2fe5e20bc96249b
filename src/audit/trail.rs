//! The writer of one token's trail in one process.
//!
//! Each process writes a segment of its own, so processes need no lock between them. A record is one `write`; what
//! must survive a loss of power is followed by `fdatasync`. The first of several equal records is written at once, the
//! others are counted and written as one when something else comes or a second has passed. A forked child begins a
//! segment of its own and leaves its parent's alone. Whoever begins a segment ends those that killed processes left.

use super::adopt::Adopter;
use super::anchor::{Anchor, Head, Progress, Statement};
use super::chain::{Hash, MovingKey, Tree, head, leaf};
use super::event::{Event, Kind};
use super::folder::{Copy, Folder};
use super::segment::{self, Header};
use super::verify::{Report, Trust, verify};
use crate::ck::{Error, Result};
use crate::crypto::attest::PublicKey;
use crate::crypto::{random, seal};
use crate::secret::Secret;
use crate::store::{Store, StoreError};
use crate::sys::lock::{Guard, Mutex};
use crate::sys::{clock, fork, process};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Records between two checkpoints, at most.
const RECORDS_MAX: u64 = 4096;
/// Time between two checkpoints in nanoseconds, looked at when a record comes.
const CHECKPOINT_NANOS: u64 = 60 * SECOND;
/// How long equal records are only counted.
const REPEAT_NANOS: u64 = SECOND;
const SECOND: u64 = 1_000_000_000;
/// Kinds of equal records that are counted side by side.
const REPEATS: usize = 8;
/// Size in bytes at which another segment is begun.
const SEGMENT_MAX: u64 = 64 * 1024 * 1024;
/// Age in nanoseconds at which another segment is begun, so that old ones can be archived.
const SEGMENT_NANOS: u64 = 24 * 3600 * SECOND;

/// The trail of one token, as one process writes it.
pub struct Trail {
    serial: String,
    folder: Folder,
    key: Secret,
    store: Arc<dyn Store>,
    /// Digest of the policy in force, its first 8 bytes.
    policy: [u8; 8],
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The process that the rest belongs to.
    generation: u32,
    open: Option<Open>,
    repeats: Vec<Repeat>,
    /// Records that could not be written since the last one that could.
    lost: u64,
}

/// Equal records that were counted and not yet written.
struct Repeat {
    /// What they say, with the time of the first that was not written, and their number (0 at first).
    event: Event,
    /// When the one before was written.
    written: u64,
}

/// The segment that this process writes.
struct Open {
    file: File,
    header: Header,
    size: u64,
    /// Records so far.
    records: u64,
    /// The first record after the last checkpoint.
    first: u64,
    tree: Tree,
    head: Hash,
    tag: Hash,
    key: MovingKey,
    /// When the last checkpoint was.
    checked: u64,
}

impl Trail {
    /// The trail of a token below the store's folder. `key` seals what must not lie open: the signing key at the end
    /// of the chain, and the moving key at each checkpoint. Nothing is written before there is something to say.
    pub fn new(folder: &Path, serial: &str, key: Secret, store: Arc<dyn Store>, policy: [u8; 8]) -> Self {
        Self {
            serial: serial.to_owned(),
            folder: Folder::of(folder, serial),
            key,
            store,
            policy,
            state: Mutex::default(),
        }
    }

    /// Where its segments are.
    pub const fn folder(&self) -> &Folder {
        &self.folder
    }

    /// The whole trail of the token as it is now, whoever wrote it. `more` are folders with segments that were
    /// archived.
    ///
    /// # Errors
    /// Those of the store.
    pub fn copy(&self, more: &[PathBuf]) -> Result<Copy> {
        Ok(Copy::of_store(&*self.store, &self.serial, &self.folder, more)?)
    }

    /// Judges a copy of this trail, and with the trail's own key the records that nobody signed for yet.
    pub fn verify(&self, copy: &Copy, key: Option<PublicKey>, checkpoint: Option<&Anchor>) -> Report {
        verify(&copy.anchors, copy.segments(), Trust { key, checkpoint, trail: Some(&self.key) })
    }

    /// Adds to the chain that a segment was taken away. Answers the anchor.
    pub(super) fn tell_removed(&self, progress: Progress) -> Result<Vec<u8>> {
        append(&*self.store, &self.serial, &self.key, Statement::Removed, progress)
    }

    /// Adds a record. `lasting` ones are on the disk when this returns.
    ///
    /// # Errors
    /// `CKR_FUNCTION_FAILED` where it could not be written. It is counted then, and the next record that can be
    /// written comes behind one that tells how many were lost.
    pub fn record(&self, event: Event, lasting: bool) -> Result<()> {
        let mut state = self.state();
        let now = now();
        if !lasting && state.counts(&event, now) {
            return Ok(());
        }
        self.write_counted(&mut state, now)?;
        if !lasting {
            state.expect_repeats(&event, now);
        }
        self.write(&mut state, &event, lasting)
    }

    /// Writes what was only counted.
    ///
    /// # Errors
    /// As [`Self::record`].
    pub fn flush(&self) -> Result<()> {
        let mut state = self.state();
        self.write_counted(&mut state, u64::MAX)
    }

    /// Ends the segment: what was counted is written, the end is signed. The next record begins another segment.
    ///
    /// # Errors
    /// As [`Self::record`], and those of the store.
    pub fn close(&self) -> Result<()> {
        let mut state = self.state();
        self.write_counted(&mut state, u64::MAX)?;
        self.end(&mut state)
    }

    /// Makes a checkpoint now; answers the signed anchor. `None` where this process has written nothing.
    ///
    /// # Errors
    /// As [`Self::close`].
    pub fn checkpoint(&self) -> Result<Option<Vec<u8>>> {
        let mut state = self.state();
        self.write_counted(&mut state, u64::MAX)?;
        match &mut state.open {
            Some(open) => self.seal(open, Statement::Checkpoint).map(Some),
            None => Ok(None),
        }
    }

    fn state(&self) -> Guard<'_, State> {
        let mut state = self.state.lock();
        let torn = state.was_torn();
        Self::notice_fork(&mut state, torn);
        state
    }

    /// What an ancestor left in our memory is its own to write.
    fn notice_fork(state: &mut State, torn: bool) {
        let generation = fork::generation();
        if state.generation != generation {
            let before = std::mem::replace(state, State { generation, ..State::default() });
            // Its file is closed here, and stays open and locked over there. Where another thread of the parent was in
            // the middle of it nothing is touched.
            if torn {
                std::mem::forget(before);
            }
        }
    }

    fn write_counted(&self, state: &mut State, now: u64) -> Result<()> {
        let due = |repeat: &Repeat| now.saturating_sub(repeat.written) >= REPEAT_NANOS;
        let mut counted = Vec::new();
        state.repeats.retain_mut(|repeat| {
            if !due(repeat) {
                return true;
            }
            if repeat.event.count > 0 {
                counted.push(repeat.event.clone());
            }
            false
        });
        counted.iter().try_for_each(|event| self.write(state, event, false))
    }

    fn write(&self, state: &mut State, event: &Event, lasting: bool) -> Result<()> {
        let outcome = self.try_write(state, event, lasting);
        if outcome.is_err() {
            state.lost = state.lost.saturating_add(event.count.max(1));
            // Whatever went wrong, half a record may stand in the file: another one begins.
            state.open = None;
        }
        outcome
    }

    fn try_write(&self, state: &mut State, event: &Event, lasting: bool) -> Result<()> {
        let is_full =
            |open: &Open| open.size >= SEGMENT_MAX || now().saturating_sub(open.header.at) >= SEGMENT_NANOS;
        if state.open.as_ref().is_some_and(is_full) {
            self.end(state)?;
        }
        if state.open.is_none() {
            state.open = Some(self.begin()?);
        }
        let lost = std::mem::take(&mut state.lost);
        let open = state.open.as_mut().ok_or(Error::GeneralError)?;
        if lost > 0 {
            let told = Event { count: lost, ..Event::new(Kind::Lost, "records", event.at) };
            if let Err(error) = open.append(&told) {
                state.lost = lost;
                return Err(error);
            }
        }
        open.append(event)?;
        if lasting {
            open.file.sync_data().map_err(|_| Error::FunctionFailed)?;
        }
        if open.records - open.first >= RECORDS_MAX || now().saturating_sub(open.checked) >= CHECKPOINT_NANOS
        {
            self.seal(open, Statement::Checkpoint)?;
        }
        Ok(())
    }

    fn begin(&self) -> Result<Open> {
        let mut segment = [0; 16];
        random::fill(&mut segment)?;
        let mut key = Secret::zeroed(super::chain::LEN);
        random::fill(key.expose_mut())?;
        let header = Header {
            segment,
            serial: self.serial.clone(),
            at: now(),
            process: process::process_id(),
            uid: process::effective_uid(),
            executable: process::executable().map(|path| path.display().to_string()).unwrap_or_default(),
            host: process::host_name(),
        };
        let adopted = self.adopter().adopt()?;
        let mut open = Open {
            file: self.file(&header)?,
            size: 0,
            records: 0,
            first: 0,
            tree: Tree::default(),
            head: header.head(),
            tag: [0; super::chain::LEN],
            key: MovingKey::new(key),
            checked: header.at,
            header,
        };
        self.seal(&mut open, Statement::Open)?;
        let version = concat!("keyward ", env!("CARGO_PKG_VERSION")).to_owned();
        let about = |operation, at| Event { policy: self.policy, ..Event::new(Kind::Process, operation, at) };
        open.append(&Event { detail: version, ..about("start", open.header.at) })?;
        for left in adopted {
            let of = left.header;
            let detail = format!(
                "process {} of {}, segment {}: {} records signed in its place",
                of.process,
                of.executable,
                crate::ck::text::hex(&of.segment),
                left.records
            );
            open.append(&Event { other: of.segment, detail, ..about("abandoned", open.header.at) })?;
        }
        Ok(open)
    }

    /// The file of a new segment, with its header, locked. It gets its name when it has its header, so that no name
    /// ever stands for half a header.
    fn file(&self, header: &Header) -> Result<File> {
        let failed = |_| Error::FunctionFailed;
        self.folder.make().map_err(failed)?;
        let (name, live) = (header.file_name(), self.folder.live());
        let draft = live.join(format!("{name}.draft"));
        let make = || {
            let mut file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(&draft)?;
            file.try_lock()?;
            file.write_all(&segment::begin(header))?;
            std::fs::rename(&draft, live.join(&name))?;
            // An anchor is about to say that the file is there: its name must survive a loss of power.
            File::open(&live)?.sync_all()?;
            Ok::<_, std::io::Error>(file)
        };
        make().map_err(|_| {
            let _ = std::fs::remove_file(&draft);
            Error::FunctionFailed
        })
    }

    fn adopter(&self) -> Adopter<'_> {
        Adopter { folder: &self.folder, serial: &self.serial, key: &self.key, store: &*self.store }
    }

    fn end(&self, state: &mut State) -> Result<()> {
        let Some(mut open) = state.open.take() else { return Ok(()) };
        open.append(&Event { policy: self.policy, ..Event::new(Kind::Process, "stop", now()) })?;
        self.seal(&mut open, Statement::Close)?;
        // Where it cannot be moved, the next process that begins does it.
        let _ = self.folder.settle(&open.header.file_name());
        Ok(())
    }

    /// Signs how far the segment is, in the store's chain and in the segment.
    fn seal(&self, open: &mut Open, statement: Statement) -> Result<Vec<u8>> {
        let root = open.tree.root();
        if open.records > open.first {
            open.head = head(&open.head, &root, open.first, open.records);
        }
        let progress = Progress {
            segment: open.header.segment,
            first: open.first,
            end: open.records,
            root,
            head: open.head,
        };
        // The records are on the disk before anybody signs for them.
        open.file.sync_data().map_err(|_| Error::FunctionFailed)?;
        let anchor = append(&*self.store, &self.serial, &self.key, statement, progress)?;
        open.first = open.records;
        open.tree = Tree::default();
        open.checked = now();
        let context = key_context(&open.header.segment, open.records);
        let sealed = seal::seal(&self.key, &context, open.key.now().expose())?;
        open.put(&segment::checkpoint_frame(&anchor, &sealed))?;
        Ok(anchor)
    }
}

impl Drop for Trail {
    /// C_Finalize: the segment is ended. A process that ends without it leaves a segment without an end, which is seen.
    fn drop(&mut self) {
        let _ = self.close();
    }
}

impl State {
    /// Whether the event is one more of those that are counted.
    fn counts(&mut self, event: &Event, now: u64) -> bool {
        let same = self.repeats.iter_mut().find(|repeat| repeat.event.repeats(event));
        let Some(repeat) = same.filter(|repeat| now.saturating_sub(repeat.written) < REPEAT_NANOS) else {
            return false;
        };
        let counted = &mut repeat.event;
        if counted.count == 0 {
            counted.at = event.at;
        }
        counted.until = event.at;
        counted.count = counted.count.saturating_add(event.count);
        counted.bytes = counted.bytes.saturating_add(event.bytes);
        true
    }

    /// From now on events like this one are counted. The oldest place is given up; what it counted was written, or is
    /// written with the next record.
    fn expect_repeats(&mut self, event: &Event, now: u64) {
        if self.repeats.len() >= REPEATS {
            if let Some(idle) = self.repeats.iter().position(|repeat| repeat.event.count == 0) {
                self.repeats.remove(idle);
            } else {
                return;
            }
        }
        let event = Event { count: 0, bytes: 0, ..event.clone() };
        self.repeats.push(Repeat { event, written: now });
    }
}

impl Open {
    fn append(&mut self, event: &Event) -> Result<()> {
        let record = event.encode();
        let leaf = leaf(&self.header.segment, self.records, &record);
        let tag = self.key.tag(&self.tag, &leaf);
        self.put(&segment::record_frame(&record, &tag))?;
        self.tag = tag;
        self.tree.push(leaf);
        self.records += 1;
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(|_| Error::FunctionFailed)?;
        self.size = self.size.saturating_add(bytes.len() as u64);
        Ok(())
    }
}

/// What a sealed moving key belongs to.
pub(super) fn key_context(segment: &[u8; 16], records: u64) -> Vec<u8> {
    [&b"keyward moving key"[..], segment, &records.to_le_bytes()].concat()
}

fn head_context(serial: &str) -> Vec<u8> {
    [b"keyward anchor key ", serial.as_bytes()].concat()
}

/// Adds an anchor to the token's chain, in one transaction; the first one begins the chain. Answers the anchor's bytes.
pub(super) fn append(
    store: &dyn Store,
    serial: &str,
    key: &Secret,
    statement: Statement,
    progress: Progress,
) -> Result<Vec<u8>> {
    let mut made = Vec::new();
    let context = head_context(serial);
    store.transact(&mut |tx| {
        let refuse = StoreError::Aborted;
        let mut end = match tx.chain_end(serial)? {
            Some(sealed) => {
                seal::open(key, &context, &sealed).and_then(|bytes| Head::decode(&bytes)).ok_or_else(
                    || StoreError::Damaged("the end of the audit chain is not what was written".into()),
                )?
            }
            None => {
                let begin = Head::begin().map_err(refuse)?;
                let nothing = Progress { segment: [0; 16], first: 0, end: 0, root: [0; 32], head: [0; 32] };
                let (genesis, next) =
                    begin.sign(serial, now(), Statement::Genesis, nothing).map_err(refuse)?;
                let sealed = seal::seal(key, &context, next.encode().expose()).map_err(refuse)?;
                tx.put_anchor(serial, genesis.sequence, &genesis.encode(), &sealed)?;
                next
            }
        };
        let anchor;
        (anchor, end) = end.sign(serial, now(), statement, progress).map_err(refuse)?;
        let sealed = seal::seal(key, &context, end.encode().expose()).map_err(refuse)?;
        made = anchor.encode();
        tx.put_anchor(serial, anchor.sequence, &made, &sealed)
    })?;
    Ok(made)
}

fn now() -> u64 {
    clock::utc_nanos()
}
