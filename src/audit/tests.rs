//! Trails that are written, damaged in every way there is, and judged.

use super::anchor::Anchor;
use super::event::{Event, Kind};
use super::folder::Folder;
use super::proof::Proof;
use super::retention::Retention;
use super::trail::Trail;
use super::verify::{Report, Trust, Weight, verify};
use crate::secret::Secret;
use crate::store::Store;
use crate::store::memory::MemoryStore;
use std::sync::Arc;

const SERIAL: &str = "0123456789abcdef";

struct World {
    folder: tempfile::TempDir,
    store: Arc<MemoryStore>,
}

impl World {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), store: Arc::new(MemoryStore::new()) }
    }

    fn key() -> Secret {
        Secret::from_slice(&[8; 32])
    }

    fn trail(&self) -> Trail {
        let store: Arc<dyn Store> = Arc::clone(&self.store) as Arc<dyn Store>;
        Trail::new(self.folder.path(), SERIAL, Self::key(), store, [9; 8])
    }

    fn anchors(&self) -> Vec<Vec<u8>> {
        self.store.anchors(SERIAL, 0, usize::MAX).unwrap()
    }

    fn folder(&self) -> Folder {
        Folder::of(self.folder.path(), SERIAL)
    }

    /// The longest first: names of one moment have no order.
    fn segments(&self) -> Vec<(String, Vec<u8>)> {
        let names = self.folder().names().into_iter();
        let read = names.map(|name| (name.clone(), self.folder().read(&name).unwrap().unwrap()));
        let mut segments: Vec<_> = read.collect();
        segments.sort_by_key(|(_, bytes)| std::cmp::Reverse(bytes.len()));
        segments
    }

    fn judged(&self) -> Report {
        judged(&self.anchors(), self.segments())
    }
}

fn judged(anchors: &[Vec<u8>], segments: Vec<(String, Vec<u8>)>) -> Report {
    let first = Anchor::decode(&anchors[0]).unwrap().key;
    verify(anchors, segments, Trust { key: Some(first), ..Trust::default() })
}

fn event(number: u64) -> Event {
    Event {
        label: format!("key {number}"),
        object: [7; 16],
        mechanism: Some(0x1087),
        ..Event::new(Kind::Decision, "sign", crate::sys::clock::utc_nanos() + number)
    }
}

/// Two segments: one that was closed after two checkpoints, one that is still open with an unsigned tail.
fn written() -> World {
    let world = World::new();
    let first = world.trail();
    for number in 0..30 {
        first.record(event(number), false).unwrap();
        if number == 10 || number == 20 {
            assert!(first.checkpoint().unwrap().is_some());
        }
    }
    first.close().unwrap();
    let second = world.trail();
    for number in 0..9 {
        second.record(event(number), number == 3).unwrap();
        if number == 4 {
            second.checkpoint().unwrap();
        }
    }
    // Its process is killed: nobody closes the segment.
    std::mem::forget(second);
    world
}

#[test]
fn trail_that_nobody_touched_holds_and_counts() {
    let report = written().judged();
    assert!(report.holds(), "{:?}", report.findings);
    assert_eq!((report.segments, report.signed, report.unsigned), (2, 38, 4));
    // genesis, open, two checkpoints, close; open, checkpoint.
    assert_eq!(report.anchors, 7);
}

#[test]
fn flipped_bit_anywhere_in_a_closed_segment_is_found() {
    let world = written();
    let (anchors, segments) = (world.anchors(), world.segments());
    let mut places = 0;
    for at in (0..segments[0].1.len()).step_by(2) {
        let mut wrong = segments.clone();
        wrong[0].1[at] ^= 1 << (at / 2 % 8);
        let report = judged(&anchors, wrong.clone());
        // Tags and sealed keys are checked with the trail's key only, and need no other proof.
        if report.holds() {
            let key = World::key();
            let first = Anchor::decode(&anchors[0]).unwrap().key;
            let trust = Trust { key: Some(first), trail: Some(&key), ..Trust::default() };
            assert!(!verify(&anchors, wrong, trust).holds(), "byte {at}");
        }
        places += 1;
    }
    assert!(places > 2000, "{places}");
}

#[test]
fn every_cut_of_a_closed_segment_is_found() {
    let world = written();
    let (anchors, segments) = (world.anchors(), world.segments());
    // The last frame only repeats what the chain holds.
    let last = segments[0].1.len() - frames(&segments[0].1).last().unwrap().len();
    for len in 0..last {
        let mut wrong = segments.clone();
        wrong[0].1.truncate(len);
        assert!(!judged(&anchors, wrong).holds(), "{len}");
    }
}

#[test]
fn records_that_are_dropped_doubled_or_moved_are_found() {
    let world = written();
    let (anchors, segments) = (world.anchors(), world.segments());
    let frames = frames(&segments[0].1);
    let join = |frames: &[Vec<u8>]| frames.concat();
    assert_eq!(join(&frames), segments[0].1);
    for at in 1..frames.len() - 1 {
        let (mut dropped, mut doubled, mut moved) = (frames.clone(), frames.clone(), frames.clone());
        dropped.remove(at);
        doubled.insert(at, frames[at].clone());
        moved.swap(at, at + 1);
        for wrong in [dropped, doubled, moved] {
            let mut files = segments.clone();
            files[0].1 = join(&wrong);
            let is_record = frames[at][0] == 2 && frames[at + 1][0] == 2;
            assert!(!judged(&anchors, files).holds() || !is_record, "{at}");
        }
    }
}

/// The header, then each frame.
fn frames(bytes: &[u8]) -> Vec<Vec<u8>> {
    let len = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    let mut at = 12 + len(8);
    let mut frames = vec![bytes[..at].to_vec()];
    while at < bytes.len() {
        let end = at + 5 + len(at + 1) + if bytes[at] == 2 { 32 } else { 0 };
        frames.push(bytes[at..end].to_vec());
        at = end;
    }
    frames
}

#[test]
fn segments_and_anchors_that_are_dropped_doubled_or_moved_are_found() {
    let world = written();
    let (anchors, segments) = (world.anchors(), world.segments());
    for at in 0..segments.len() {
        let mut dropped = segments.clone();
        dropped.remove(at);
        assert!(!judged(&anchors, dropped).holds());
        let mut doubled = segments.clone();
        doubled.push(("copy.trail".into(), segments[at].1.clone()));
        assert!(!judged(&anchors, doubled).holds());
    }
    for at in 0..anchors.len() {
        let mut doubled = anchors.clone();
        doubled.insert(at, anchors[at].clone());
        assert!(!judged(&doubled, segments.clone()).holds());
        if at + 1 < anchors.len() {
            let mut dropped = anchors.clone();
            dropped.remove(at);
            assert!(at == 0 || !judged(&dropped, segments.clone()).holds());
            let mut moved = anchors.clone();
            moved.swap(at, at + 1);
            assert!(!judged(&moved, segments.clone()).holds());
        }
        for bit in 0..anchors[at].len() * 8 {
            let mut wrong = anchors.clone();
            wrong[at][bit / 8] ^= 1 << (bit % 8);
            if at > 0 {
                assert!(!judged(&wrong, segments.clone()).holds(), "anchor {at} bit {bit}");
            }
        }
    }
}

#[test]
fn chain_that_was_cut_or_written_anew_is_found_with_an_anchor_that_was_given() {
    let world = written();
    let (anchors, segments) = (world.anchors(), world.segments());
    let (first, given) = (Anchor::decode(&anchors[0]).unwrap(), Anchor::decode(&anchors[6]).unwrap());
    let trust = Trust { key: Some(first.key), checkpoint: Some(&given), trail: None };
    assert!(verify(&anchors, segments.clone(), trust).holds());
    let shorter = &anchors[..6];
    let report = verify(shorter, segments, trust);
    assert!(report.findings.iter().any(|finding| finding.what.contains("the tail was cut")), "{report:?}");
    // The same trail, written by another token: every signature is good, and the key is not the one.
    let other = written();
    let report = verify(&other.anchors(), other.segments(), trust);
    assert!(report.findings.iter().any(|finding| finding.what.contains("not signed by the key")));
}

#[test]
fn unsigned_tail_is_checked_with_the_trails_key() {
    let world = written();
    let (anchors, segments) = (world.anchors(), world.segments());
    let (first, key) = (Anchor::decode(&anchors[0]).unwrap(), World::key());
    let trust = Trust { key: Some(first.key), trail: Some(&key), ..Trust::default() };
    assert!(verify(&anchors, segments.clone(), trust).holds());
    let frames = frames(&segments[1].1);
    let start = segments[1].1.len() - frames[frames.len() - 3..].concat().len();
    for at in start..segments[1].1.len() {
        let mut wrong = segments.clone();
        wrong[1].1[at] ^= 1;
        let report = verify(&anchors, wrong, trust);
        let cut = report.findings.iter().any(|finding| finding.what.contains("in the middle of a record"));
        assert!(!report.holds() || cut, "{at}");
    }
}

#[test]
fn tail_that_was_cut_inside_a_record_is_visible() {
    let world = written();
    let mut segments = world.segments();
    let len = segments[1].1.len() - 5;
    segments[1].1.truncate(len);
    let report = judged(&world.anchors(), segments);
    assert!(report.holds());
    assert!(report.findings.iter().any(|finding| finding.what.contains("in the middle of a record")));
    assert_eq!(report.unsigned, 3);
}

#[test]
fn equal_records_are_counted_and_none_is_lost() {
    let world = World::new();
    let trail = world.trail();
    for _ in 0..1000 {
        trail.record(Event { bytes: 3, ..event(1) }, false).unwrap();
    }
    for _ in 0..10 {
        trail.record(event(2), false).unwrap();
    }
    trail.close().unwrap();
    let mut counts = [0, 0];
    let mut bytes = 0;
    for (_, file) in world.segments() {
        for frame in super::segment::Segment::open(&file).unwrap() {
            if let super::segment::Frame::Record { record, .. } = frame.unwrap() {
                let event = Event::decode(record).unwrap();
                if event.kind == Kind::Process {
                    continue;
                }
                counts[usize::from(event.label == "key 2")] += event.count;
                bytes += event.bytes;
            }
        }
    }
    assert_eq!((counts, bytes), ([1000, 10], 3000));
    let report = world.judged();
    assert!(report.holds() && report.signed < 50, "{report:?}");
    assert!(report.findings.iter().all(|finding| finding.weight == Weight::Visible));
}

#[test]
fn records_that_cannot_be_written_fail_and_leave_a_gap_that_is_seen() {
    let world = World::new();
    let trail = world.trail();
    trail.record(event(1), false).unwrap();
    trail.close().unwrap();
    let folder = world.folder().path().to_owned();
    let aside = folder.with_extension("aside");
    std::fs::rename(&folder, &aside).unwrap();
    std::fs::write(&folder, b"a file in the way").unwrap();
    for number in 2..5 {
        assert_eq!(trail.record(event(number), true), Err(crate::ck::Error::FunctionFailed));
    }
    std::fs::remove_file(&folder).unwrap();
    std::fs::rename(&aside, &folder).unwrap();
    trail.record(event(5), true).unwrap();
    trail.close().unwrap();
    let report = world.judged();
    assert!(report.holds(), "{report:?}");
    assert!(report.findings.iter().any(|finding| finding.what.starts_with("3 records could not be written")));
}

#[test]
fn segment_of_a_killed_process_is_ended_by_the_next_one() {
    let world = written();
    assert_eq!(world.folder().unsettled().len(), 1);
    // The descriptor that the killed process would have closed is still ours, and so is its lock.
    let unlocked = world.folder().live().join(&world.folder().unsettled()[0]);
    let bytes = std::fs::read(&unlocked).unwrap();
    std::fs::remove_file(&unlocked).unwrap();
    std::fs::write(&unlocked, &bytes[..bytes.len() - 3]).unwrap();
    let next = world.trail();
    next.record(event(1), false).unwrap();
    assert_eq!(world.folder().unsettled().len(), 1);
    drop(next);
    assert_eq!(world.folder().unsettled().len(), 0);
    let report = world.judged();
    assert!(report.holds(), "{report:?}");
    // Three of the four records behind its last checkpoint, and half of the fourth.
    assert_eq!((report.segments, report.unsigned, report.signed), (3, 0, 32 + 6 + 3 + 4));
    assert!(report.findings.iter().any(|finding| finding.what.contains("without closing it")), "{report:?}");
    let told = world.segments().iter().flat_map(|(_, bytes)| super::read::entries(bytes)).any(|entry| {
        entry.event.operation == "abandoned" && entry.event.detail.contains("3 records signed in its place")
    });
    assert!(told);
}

#[test]
fn segment_that_ended_in_the_chain_but_not_in_its_file_is_left_as_it_is() {
    let world = World::new();
    let trail = world.trail();
    trail.record(event(1), false).unwrap();
    trail.close().unwrap();
    let (name, bytes) = world.segments().remove(0);
    let frames = frames(&bytes);
    let without_end = bytes.len() - frames.last().unwrap().len();
    // As if the process was killed between the store and the file.
    std::fs::remove_file(world.folder().path().join(&name)).unwrap();
    std::fs::write(world.folder().live().join(&name), &bytes[..without_end]).unwrap();
    let next = world.trail();
    next.record(event(2), false).unwrap();
    next.close().unwrap();
    let report = world.judged();
    assert!(report.holds() && report.findings.is_empty(), "{report:?}");
    assert_eq!(report.anchors, 5);
}

#[test]
fn copy_that_is_taken_while_others_write_holds() {
    let world = World::new();
    let trail = world.trail();
    for number in 0..10 {
        trail.record(event(number), false).unwrap();
    }
    let copy = trail.copy(&[]).unwrap();
    trail.checkpoint().unwrap();
    trail.record(event(99), false).unwrap();
    trail.checkpoint().unwrap();
    let other = world.trail();
    other.record(event(7), false).unwrap();
    let report = trail.verify(&copy, None, None);
    assert!(report.holds(), "{report:?}");
    assert_eq!((report.anchors, report.segments, report.signed, report.unsigned), (2, 1, 0, 11));
    trail.close().unwrap();
    let away = world.folder.path().join("away");
    let copy = trail.copy(&[]).unwrap();
    copy.write(&away).unwrap();
    let read = super::folder::Copy::read(&away, &[]).unwrap();
    let first = Anchor::decode(&read.anchors[0]).unwrap().key;
    let trust = Trust { key: Some(first), ..Trust::default() };
    let report = verify(&read.anchors, read.segments(), trust);
    assert!(report.holds() && report.signed > 10, "{report:?}");
    assert!(copy.write(&away).is_err(), "nothing is written over");
}

#[test]
fn record_is_proved_without_the_others_and_no_bit_of_the_proof_can_be_changed() {
    let world = written();
    let (anchors, segments) = (world.anchors(), world.segments());
    let key = Anchor::decode(&anchors[0]).unwrap().key;
    for number in 0..32 {
        let proof = Proof::of(&anchors, &segments[0].1, number).unwrap();
        let proof = Proof::decode(&proof.encode()).unwrap();
        let (event, anchor) = proof.check(key).unwrap();
        assert_eq!(event, super::read::entries(&segments[0].1)[usize::try_from(number).unwrap()].event);
        assert!(anchor.progress.end > number);
        assert!(proof.check([7; 32]).is_err());
    }
    assert!(Proof::of(&anchors, &segments[0].1, 32).is_none(), "there are no more");
    assert!(Proof::of(&anchors, &segments[1].1, 9).is_none(), "nobody signed for it");
    let bytes = Proof::of(&anchors, &segments[0].1, 3).unwrap().encode();
    for at in 0..bytes.len() {
        let mut wrong = bytes.clone();
        wrong[at] ^= 1 << (at % 8);
        assert!(Proof::decode(&wrong).is_none_or(|proof| proof.check(key).is_err()), "byte {at}");
        assert!(Proof::decode(&bytes[..at]).is_none_or(|proof| proof.check(key).is_err()), "cut at {at}");
    }
}

#[test]
fn archived_segments_verify_with_the_chain_and_their_going_is_seen() {
    let world = World::new();
    let trail = world.trail();
    for _ in 0..3 {
        trail.record(event(1), true).unwrap();
        trail.close().unwrap();
    }
    trail.record(event(2), true).unwrap();
    let archive = world.folder.path().join("archive");
    let before = Retention { ended_before: Some(1), keep_bytes: None };
    assert_eq!(trail.archive(before, &archive).unwrap().len(), 0);
    let two = world.segments()[0].1.len() as u64 * 2;
    let size = Retention { ended_before: None, keep_bytes: Some(two + 100) };
    assert_eq!(trail.archive(size, &archive).unwrap().len(), 1);
    let old = Retention { ended_before: Some(u64::MAX), keep_bytes: None };
    assert_eq!(trail.archive(old, &archive).unwrap().len(), 2);
    // The one that is written stays.
    assert_eq!(world.folder().names().len(), 1);
    let report = world.judged();
    assert!(report.holds(), "{report:?}");
    assert_eq!(report.findings.iter().filter(|finding| finding.what.contains("it was removed")).count(), 3);
    let whole = trail.copy(std::slice::from_ref(&archive)).unwrap();
    let report = trail.verify(&whole, None, None);
    assert!(report.holds(), "{report:?}");
    assert_eq!(report.segments, 4);
    assert!(report.findings.iter().all(|finding| !finding.what.contains("removed")), "{report:?}");
    // What is in the archive is held to the chain, too.
    let name = Folder::at(archive.clone()).names().remove(0);
    let mut bytes = std::fs::read(archive.join(&name)).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(archive.join(&name), bytes).unwrap();
    assert!(!trail.verify(&whole, None, None).holds());
}
