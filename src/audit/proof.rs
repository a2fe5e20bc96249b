//! One record, proved to somebody who must not see the others: the record, its path through the tree that an anchor
//! signed, and the anchors from one whose key is known to that one. Anchors tell how many records there were and when,
//! and nothing of what they say.

use super::anchor::{Anchor, Statement};
use super::chain::{self, Hash};
use super::event::Event;
use super::segment::{Frame, Segment};
use super::verify::{Report, Trust, check_chain};
use crate::crypto::attest::PublicKey;

const MAGIC: &[u8; 8] = b"KWPROOF\x01";
/// Longest part in bytes; a longer one is damage.
const LONGEST: usize = 1 << 16;
/// Longest path: trees have 2^64 leaves at most.
const PATH_MAX: usize = 64;

/// A proof of one record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proof {
    /// The segment that the record is in.
    pub segment: [u8; 16],
    /// Its number there.
    pub number: u64,
    /// Its bytes.
    pub record: Vec<u8>,
    /// What leads from it to the root that the last anchor signs.
    pub path: Vec<Hash>,
    /// The chain, from the beginning to the anchor that signs for the record.
    pub anchors: Vec<Vec<u8>>,
}

impl Proof {
    /// Proves a record. `bytes` is its segment. `None` where there is no such record, or nobody signed for it yet.
    pub fn of(anchors: &[Vec<u8>], bytes: &[u8], number: u64) -> Option<Self> {
        let segment = Segment::open(bytes).ok()?;
        let id = segment.header.segment;
        let signs = |anchor: &Anchor| {
            anchor.progress.segment == id
                && anchor.statement != Statement::Removed
                && (anchor.progress.first..anchor.progress.end).contains(&number)
        };
        let at =
            anchors.iter().position(|bytes| Anchor::decode(bytes).is_some_and(|anchor| signs(&anchor)))?;
        let progress = Anchor::decode(anchors.get(at)?)?.progress;
        let records: Vec<&[u8]> = segment
            .map_while(Result::ok)
            .filter_map(|frame| match frame {
                Frame::Record { record, .. } => Some(record),
                Frame::Checkpoint { .. } => None,
            })
            .collect();
        let place = |number: u64| usize::try_from(number).ok();
        let under = records.get(place(progress.first)?..place(progress.end)?)?;
        let leaves: Vec<_> =
            (progress.first..).zip(under).map(|(number, record)| chain::leaf(&id, number, record)).collect();
        let index = place(number - progress.first)?;
        Some(Self {
            segment: id,
            number,
            record: under.get(index)?.to_vec(),
            path: chain::path(&leaves, index)?,
            anchors: anchors.get(..=at)?.to_vec(),
        })
    }

    /// Checks it with nothing but the public key of the first anchor. Answers the record, and the anchor that signs it.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn check(&self, key: PublicKey) -> Result<(Event, Anchor), String> {
        let mut report = Report::default();
        let chain = check_chain(&self.anchors, Trust { key: Some(key), ..Trust::default() }, &mut report);
        if let Some(finding) = report.findings.iter().find(|_| !report.holds()) {
            return Err(format!("{}: {}", finding.place, finding.what));
        }
        let anchor = chain.last().ok_or("there is no anchor")?;
        let progress = &anchor.progress;
        if progress.segment != self.segment || !(progress.first..progress.end).contains(&self.number) {
            return Err("its last anchor does not sign for the record".into());
        }
        let leaf = chain::leaf(&self.segment, self.number, &self.record);
        let (index, count) = (self.number - progress.first, progress.end - progress.first);
        if chain::climb(leaf, index, count, &self.path) != Some(progress.root) {
            return Err("the record is not the one that was signed".into());
        }
        let event = Event::decode(&self.record).ok_or("the record cannot be read")?;
        Ok((event, anchor.clone()))
    }

    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&self.segment);
        out.extend_from_slice(&self.number.to_le_bytes());
        let mut part = |bytes: &[u8]| {
            out.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(0).to_le_bytes());
            out.extend_from_slice(bytes);
        };
        part(&self.record);
        part(&self.path.concat());
        self.anchors.iter().for_each(|anchor| part(anchor));
        out
    }

    /// Reads what [`Self::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(MAGIC)?;
        let (segment, rest) = rest.split_first_chunk::<16>()?;
        let (number, mut rest) = rest.split_first_chunk::<8>()?;
        let mut part = || {
            let (len, after) = rest.split_first_chunk::<4>()?;
            let len = usize::try_from(u32::from_le_bytes(*len)).ok().filter(|len| *len <= LONGEST)?;
            let (part, after) = after.split_at_checked(len)?;
            rest = after;
            Some(part.to_vec())
        };
        let (record, path) = (part()?, part()?);
        let (path, odd) = path.as_chunks::<{ chain::LEN }>();
        if !odd.is_empty() || path.len() > PATH_MAX {
            return None;
        }
        let (path, mut anchors) = (path.to_vec(), Vec::new());
        while let Some(anchor) = part() {
            anchors.push(anchor);
        }
        rest.is_empty().then_some(Self {
            segment: *segment,
            number: u64::from_le_bytes(*number),
            record,
            path,
            anchors,
        })
    }
}
