//! The judge of a trail: needs the anchors, the segments and the public key of the first anchor, and nothing else.
//!
//! What is signed is proved: no record under an anchor was changed, dropped, put in or moved, and no anchor before the
//! last one given. What a process had not signed when it ended is told apart, and checked with the token's trail key
//! where that is at hand.

use super::anchor::{Anchor, Statement};
use super::chain::{self, Hash, MovingKey};
use super::event::{Event, Kind};
use super::segment::{Damage, Frame, Segment};
use super::signers::Signers;
use super::trail::key_context;
use crate::ck::text::hex;
use crate::crypto::attest::PublicKey;
use crate::crypto::seal;
use crate::secret::Secret;
use std::collections::{BTreeMap, BTreeSet};

/// Clocks that go back by more than this, in nanoseconds, are told.
const CLOCK_TOLERANCE: u64 = 2_000_000_000;

/// How much a finding says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Weight {
    /// Something was changed, dropped, put in or moved.
    Broken,
    /// A gap or an oddity that the trail shows by itself.
    Visible,
}

/// One thing that was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// How much it says.
    pub weight: Weight,
    /// Where: `anchor 7`, a segment's file.
    pub place: String,
    /// What, in plain words.
    pub what: String,
}

/// What a verification came to.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Report {
    /// Anchors of the chain that hold.
    pub anchors: u64,
    /// Segments that were looked at.
    pub segments: u64,
    /// Records that an anchor signs for.
    pub signed: u64,
    /// Records behind the last anchor of their segment.
    pub unsigned: u64,
    /// What was found, in the order of the chain and then of the segments.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Whether nothing is broken.
    pub fn holds(&self) -> bool {
        self.findings.iter().all(|finding| finding.weight == Weight::Visible)
    }

    fn find(&mut self, weight: Weight, place: &str, what: impl Into<String>) {
        self.findings.push(Finding { weight, place: place.to_owned(), what: what.into() });
    }

    fn broken(&mut self, place: &str, what: impl Into<String>) {
        self.find(Weight::Broken, place, what);
    }

    fn visible(&mut self, place: &str, what: impl Into<String>) {
        self.find(Weight::Visible, place, what);
    }
}

/// What the verifier believes.
#[derive(Clone, Copy, Default)]
pub struct Trust<'a> {
    /// The public key of the first anchor. Without it, whoever wrote the chain anew goes unnoticed.
    pub key: Option<PublicKey>,
    /// An anchor that was given away earlier: the chain must still hold it.
    pub checkpoint: Option<&'a Anchor>,
    /// The key of the token's trail, with which records are checked that nobody signed for yet.
    pub trail: Option<&'a Secret>,
}

/// Verifies a trail. `segments` gives each file's name and bytes, one after the other, so that one is in memory at once.
pub fn verify(
    anchors: &[Vec<u8>],
    segments: impl IntoIterator<Item = (String, Vec<u8>)>,
    trust: Trust<'_>,
) -> Report {
    let mut report = Report::default();
    let chain = check_chain(anchors, trust, &mut report);
    let mut by_segment: BTreeMap<[u8; 16], Vec<&Anchor>> = BTreeMap::new();
    for anchor in chain.iter().filter(|anchor| anchor.statement != Statement::Genesis) {
        by_segment.entry(anchor.progress.segment).or_default().push(anchor);
    }
    let (mut seen, mut signers) = (BTreeSet::new(), Signers::default());
    for (name, bytes) in segments {
        report.segments += 1;
        if let Some(id) = check_segment(&name, &bytes, &by_segment, trust, (&mut signers, &mut report))
            && !seen.insert(id)
        {
            report.broken(&name, "another file holds the same segment");
        }
    }
    for (place, what) in signers.spent_again() {
        report.visible(place, what);
    }
    for (place, what) in signers.strangers() {
        report.visible(&place, what);
    }
    for (id, anchors) in by_segment.iter().filter(|(id, _)| !seen.contains(*id)) {
        let place = format!("segment {}", hex(id));
        match anchors.last().map(|last| last.statement) {
            Some(Statement::Removed) => report.visible(&place, "it was removed, as the retention says"),
            _ => report.broken(&place, "its file is missing"),
        }
    }
    report
}

/// The anchors that hold, up to the first that does not.
pub fn check_chain(anchors: &[Vec<u8>], trust: Trust<'_>, report: &mut Report) -> Vec<Anchor> {
    let mut chain: Vec<Anchor> = Vec::with_capacity(anchors.len());
    for (number, bytes) in (0_u64..).zip(anchors) {
        let place = format!("anchor {number}");
        match link(chain.last(), number, bytes, trust) {
            Ok(anchor) => {
                let before = chain.last().map_or(0, |before| before.at);
                if anchor.at.saturating_add(CLOCK_TOLERANCE) < before {
                    report.visible(&place, "the clock went back before it was made");
                }
                chain.push(anchor);
            }
            Err(what) => {
                report.broken(&place, what);
                break;
            }
        }
    }
    report.anchors = chain.len() as u64;
    if anchors.is_empty() {
        report.broken("the chain", "there is no anchor");
    }
    if trust.key.is_none()
        && let Some(first) = chain.first()
    {
        report.visible("anchor 0", format!("its key was not given; it is {}", hex(&first.key)));
    }
    if let Some(known) = trust.checkpoint {
        let place = format!("anchor {}", known.sequence);
        let there = usize::try_from(known.sequence).ok().and_then(|number| chain.get(number));
        match there {
            Some(anchor) if anchor == known => {}
            Some(_) => report.broken(&place, "it is not the one that was given: the chain was written anew"),
            None => report.broken(&place, "it was given, and the chain ends before it: the tail was cut"),
        }
    }
    chain
}

fn link(
    before: Option<&Anchor>,
    number: u64,
    bytes: &[u8],
    trust: Trust<'_>,
) -> Result<Anchor, &'static str> {
    let anchor = Anchor::decode(bytes).ok_or("its bytes are no anchor")?;
    if !anchor.is_signed() {
        return Err("its signature is wrong");
    }
    if anchor.sequence != number {
        return Err("it has another number: one is missing, doubled or moved");
    }
    match before {
        None if anchor.statement != Statement::Genesis => Err("the chain does not begin with a genesis"),
        None if trust.key.is_some_and(|key| key != anchor.key) => {
            Err("it is not signed by the key that was given")
        }
        Some(before) if before.hash() != anchor.previous => Err("it does not follow the one before"),
        Some(before) if before.next != anchor.key => {
            Err("its key is not the one that the anchor before names")
        }
        Some(before) if before.serial != anchor.serial => Err("it belongs to another token"),
        _ => Ok(anchor),
    }
}

/// One segment on its way through the check.
struct Walk<'a> {
    name: &'a str,
    serial: String,
    id: [u8; 16],
    signers: &'a mut Signers,
    /// Its anchors in the chain.
    known: &'a [&'a Anchor],
    /// Those that were not come to yet.
    anchors: std::iter::Peekable<std::slice::Iter<'a, &'a Anchor>>,
    /// Leaves since the last anchor.
    leaves: Vec<Hash>,
    head: Hash,
    records: u64,
    signed: u64,
    last: Option<Statement>,
    time: u64,
    tag: Hash,
    moving: Option<MovingKey>,
    tail_is_good: bool,
}

/// Checks one file; answers the segment that it holds.
fn check_segment(
    name: &str,
    bytes: &[u8],
    by_segment: &BTreeMap<[u8; 16], Vec<&Anchor>>,
    trust: Trust<'_>,
    (signers, report): (&mut Signers, &mut Report),
) -> Option<[u8; 16]> {
    let mut segment = match Segment::open(bytes) {
        Ok(segment) => segment,
        Err(damage) => {
            report.broken(name, damage.to_string());
            return None;
        }
    };
    let id = segment.header.segment;
    let known = by_segment.get(&id).map_or(&[][..], Vec::as_slice);
    let mut walk = Walk {
        name,
        serial: segment.header.serial.clone(),
        id,
        signers,
        known,
        anchors: known.iter().peekable(),
        leaves: Vec::new(),
        head: segment.head,
        records: 0,
        signed: 0,
        last: None,
        time: 0,
        tag: [0; chain::LEN],
        moving: None,
        tail_is_good: true,
    };
    walk.meet_anchors(report);
    for frame in &mut segment {
        match frame {
            Ok(Frame::Record { record, tag }) => walk.record(record, tag, report),
            Ok(Frame::Checkpoint { anchor, key }) => walk.checkpoint(&anchor, key, trust, report),
            Err(damage) => {
                walk.damage(&damage, report);
                break;
            }
        }
    }
    walk.end(report);
    Some(id)
}

impl Walk<'_> {
    /// Takes the anchors that speak of the records so far.
    fn meet_anchors(&mut self, report: &mut Report) {
        while let Some(anchor) = self.anchors.next_if(|anchor| anchor.progress.end <= self.records) {
            self.meet(anchor, report);
        }
    }

    fn meet(&mut self, anchor: &Anchor, report: &mut Report) {
        let progress = &anchor.progress;
        if anchor.statement == Statement::Removed {
            // Here it is, from an archive.
            return;
        }
        self.last = Some(anchor.statement);
        let (first, end) = (self.signed, self.records);
        let root = chain::root(&self.leaves);
        let expected = if end > first { chain::head(&self.head, &root, first, end) } else { self.head };
        if progress.first == first
            && progress.end == end
            && progress.root == root
            && progress.head == expected
        {
            report.signed += end - first;
        } else {
            let what = format!(
                "records {first} to {} are not what anchor {} signed",
                end.saturating_sub(1).max(first),
                anchor.sequence
            );
            report.broken(self.name, what);
        }
        self.head = progress.head;
        self.signed = end;
        self.leaves.clear();
    }

    fn record(&mut self, record: &[u8], tag: &Hash, report: &mut Report) {
        let number = self.records;
        if matches!(self.last, Some(Statement::Close | Statement::Abandoned)) {
            report.broken(self.name, format!("record {number} stands behind the segment's end"));
        }
        let leaf = chain::leaf(&self.id, number, record);
        if let Some(moving) = &mut self.moving {
            let expected = moving.tag(&self.tag, &leaf);
            if !seal::same(&expected, tag) && std::mem::replace(&mut self.tail_is_good, false) {
                report.broken(self.name, format!("record {number} is not what its process wrote"));
            }
        }
        self.tag = *tag;
        self.leaves.push(leaf);
        self.records += 1;
        match Event::decode(record) {
            Some(event) => {
                self.time(&event, report);
                for (weight, what) in self.signers.take(self.name, number, &self.serial, &event) {
                    report.find(weight, self.name, what);
                }
            }
            None => report.broken(self.name, format!("record {number} cannot be read")),
        }
        self.meet_anchors(report);
    }

    fn time(&mut self, event: &Event, report: &mut Report) {
        let number = self.records - 1;
        if event.at.max(event.until).saturating_add(CLOCK_TOLERANCE) < self.time {
            report.visible(self.name, format!("the clock went back before record {number}"));
        }
        self.time = event.at.max(event.until);
        if event.kind == Kind::Lost {
            report.visible(
                self.name,
                format!("{} records could not be written before record {number}", event.count),
            );
        }
    }

    fn checkpoint(&mut self, anchor: &Anchor, key: &[u8], trust: Trust<'_>, report: &mut Report) {
        if anchor.progress.segment != self.id || anchor.progress.end != self.records {
            report.broken(self.name, format!("anchor {} stands where it does not belong", anchor.sequence));
        }
        if !self.known.contains(&anchor) {
            report.broken(self.name, format!("anchor {} is not in the chain", anchor.sequence));
        }
        self.moving = trust.trail.and_then(|trail| {
            let opened = seal::open(trail, &key_context(&self.id, self.records), key)?;
            Some(MovingKey::new(Secret::from_slice(&opened)))
        });
        if trust.trail.is_some() && self.moving.is_none() {
            report.broken(self.name, format!("the sealed key at anchor {} was changed", anchor.sequence));
        }
    }

    fn damage(&mut self, damage: &Damage, report: &mut Report) {
        let ended = matches!(self.last, Some(Statement::Close | Statement::Abandoned));
        let behind_all = self.anchors.peek().is_none() && !ended;
        match damage {
            // A process that is killed may leave half a record, behind all that it signed for.
            Damage::Cut(_) if behind_all => report.visible(self.name, damage.to_string()),
            // The same, and its segment was ended by another process since.
            Damage::Cut(_) if self.last == Some(Statement::Abandoned) => {
                report.visible(self.name, damage.to_string());
            }
            _ => report.broken(self.name, damage.to_string()),
        }
    }

    fn end(mut self, report: &mut Report) {
        if let Some(anchor) = self.anchors.next() {
            let missing = anchor.progress.end - self.records;
            let what = format!(
                "{missing} records at least are missing at the end: anchor {} signed them",
                anchor.sequence
            );
            report.broken(self.name, what);
            return;
        }
        let tail = self.records - self.signed;
        match self.last {
            None if self.records == 0 => report.visible(self.name, "no anchor knows it, and it is empty"),
            None => report.broken(self.name, "no anchor knows it"),
            Some(Statement::Close | Statement::Abandoned) if tail == 0 => {
                if self.last == Some(Statement::Abandoned) {
                    report.visible(
                        self.name,
                        "its process ended without closing it: its last records may be missing",
                    );
                }
            }
            _ => {
                report.unsigned += tail;
                let what = format!(
                    "it was not closed: its process still writes or was killed; {tail} records are not signed for"
                );
                report.visible(self.name, what);
            }
        }
    }
}
