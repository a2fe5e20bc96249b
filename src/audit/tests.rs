//! Trails that are written, damaged in every way there is, and judged.

use super::anchor::Anchor;
use super::event::{Event, Kind};
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
        Trail::new(self.folder.path(), SERIAL, Self::key(), store)
    }

    fn anchors(&self) -> Vec<Vec<u8>> {
        self.store.anchors(SERIAL, 0, usize::MAX).unwrap()
    }

    fn segments(&self) -> Vec<(String, Vec<u8>)> {
        let folder = super::trail::folder_of(self.folder.path(), SERIAL);
        let mut found: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| {
                let path = entry.unwrap().path();
                (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap())
            })
            .collect();
        found.sort();
        found
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
        ..Event::new(Kind::Decision, "sign", 1_800_000_000_000_000_000 + number)
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
    assert_eq!((report.segments, report.signed, report.unsigned), (2, 35, 4));
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
    let last = segments[0].1.len() - 400;
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
    let folder = super::trail::folder_of(world.folder.path(), SERIAL);
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
