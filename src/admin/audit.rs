//! The audit trail of a token, for whoever looks at it: records, proofs, copies.

use super::{Result, Trouble};
use crate::audit::anchor::Anchor;
use crate::audit::folder::{Copy, Folder};
use crate::audit::proof::Proof;
use crate::audit::read::{Entry, Filter, entries};
use crate::audit::retention::Retention;
use crate::audit::segment::Segment;
use crate::audit::{Trail, verify};
use crate::ck::text::from_hex;
use crate::crypto::attest::PublicKey;
use crate::token::Token;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The trail of a token.
///
/// # Errors
/// A sentence where the token has none.
pub fn trail(token: &Token) -> Result<Arc<Trail>> {
    token.guard().trail().cloned().ok_or_else(|| Trouble::Named("this token has no audit trail".into()))
}

/// A token's trail as it is now, or a copy of one that lies in a folder. `archives` are folders with more segments.
///
/// # Errors
/// Those of the store, and of a folder that holds no copy.
pub fn copy_of(trail: Option<&Trail>, from: Option<&Path>, archives: &[PathBuf]) -> Result<Copy> {
    match (from, trail) {
        (Some(from), _) => Ok(Copy::read(from, archives)?),
        (None, Some(trail)) => trail.copy(archives).map_err(super::failed("reading the audit trail")),
        (None, None) => Err(Trouble::Named("which trail? name a token or a folder".into())),
    }
}

/// The public key of the first anchor: who knows it needs nothing else to verify. `None` where nothing was recorded.
pub fn first_key(copy: &Copy) -> Option<PublicKey> {
    copy.anchors.first().and_then(|bytes| Anchor::decode(bytes)).map(|anchor| anchor.key)
}

/// The last anchor: who was given it notices when the chain is cut before it.
pub fn last_anchor(copy: &Copy) -> Option<Anchor> {
    copy.anchors.last().and_then(|bytes| Anchor::decode(bytes))
}

/// Records that are asked for, in the order of time; of more than `last` the last ones.
pub fn records(copy: &Copy, filter: &Filter, last: Option<usize>) -> Vec<Entry> {
    let mut found: Vec<Entry> = Vec::new();
    for (_, bytes) in copy.segments() {
        found.extend(entries(&bytes).into_iter().filter(|entry| filter.takes(entry)));
    }
    found.sort_by_key(|entry| (entry.event.at, entry.header.at, entry.number));
    let surplus = last.map_or(0, |last| found.len().saturating_sub(last));
    found.split_off(surplus)
}

/// Judges a copy with nothing but public keys.
pub fn judge(copy: &Copy, key: Option<PublicKey>, checkpoint: Option<&Anchor>) -> verify::Report {
    verify::verify(&copy.anchors, copy.segments(), verify::Trust { key, checkpoint, trail: None })
}

/// Proves one record: the `number`th of a segment whose id begins with these hexadecimal digits.
///
/// # Errors
/// A sentence where there is no such record, or nobody signed for it yet.
pub fn prove(copy: &Copy, segment: &str, number: u64) -> Result<Proof> {
    let is_it = |bytes: &[u8]| {
        Segment::open(bytes)
            .is_ok_and(|there| crate::ck::text::hex(&there.header.segment).starts_with(segment))
    };
    let mut found = copy.segments().filter(|(_, bytes)| is_it(bytes));
    let none = || Trouble::Named(format!("there is no segment {segment}"));
    let (_, bytes) = found.next().ok_or_else(none)?;
    if found.next().is_some() {
        return Err(Trouble::Named(format!("more than one segment begins with {segment}")));
    }
    Proof::of(&copy.anchors, &bytes, number).ok_or_else(|| {
        Trouble::Named(format!("no anchor signs for record {number} of segment {segment} (yet)"))
    })
}

/// Moves old segments into an archive. Answers their names.
///
/// # Errors
/// What the file system and the store answer.
pub fn archive(trail: &Trail, retention: Retention, to: &Path) -> Result<Vec<String>> {
    trail.archive(retention, to).map_err(super::failed("archiving segments"))
}

/// A public key of 64 hexadecimal digits.
pub fn public_key(text: &str) -> Option<PublicKey> {
    from_hex(text.trim()).and_then(|bytes| bytes.try_into().ok())
}

/// A moment of nanoseconds since 1970 as `2026-11-22T10:00:00.123456Z`.
pub fn instant(nanos: u64) -> String {
    let micros = i64::try_from(nanos / 1000).unwrap_or(i64::MAX);
    let stamp = jiff::Timestamp::from_microsecond(micros).unwrap_or(jiff::Timestamp::MAX);
    format!("{stamp:.6}")
}

/// Tells what is new in a folder.
pub struct Follower {
    folder: Folder,
    /// For each file, how long it was and how many records were told of it.
    seen: BTreeMap<String, (u64, u64)>,
}

impl Follower {
    /// Begins behind what is there now.
    pub fn new(folder: Folder) -> Self {
        let mut follower = Self { folder, seen: BTreeMap::new() };
        let _ = follower.more();
        follower
    }

    /// What came since the last look.
    pub fn more(&mut self) -> Vec<Entry> {
        let mut new = Vec::new();
        for name in self.folder.names() {
            let Some(len) = self.folder.len(&name) else { continue };
            let (was, told) = self.seen.get(&name).copied().unwrap_or((0, 0));
            if len == was {
                continue;
            }
            // What cannot be read now is read at the next look.
            let Ok(Some(bytes)) = self.folder.read(&name) else { continue };
            let all = entries(&bytes);
            let next = all.last().map_or(told, |entry| entry.number + 1);
            new.extend(all.into_iter().filter(|entry| entry.number >= told));
            self.seen.insert(name, (bytes.len() as u64, next));
        }
        new.sort_by_key(|entry| (entry.event.at, entry.header.at, entry.number));
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instant_is_written_with_microseconds() {
        assert_eq!(instant(1_709_164_800_123_456_789), "2024-02-29T00:00:00.123456Z");
        assert_eq!(instant(0), "1970-01-01T00:00:00.000000Z");
        assert!(instant(u64::MAX).starts_with("2554-"));
    }

    #[test]
    fn public_key_has_its_length() {
        assert_eq!(public_key(&"07".repeat(32)), Some([7; 32]));
        assert_eq!(public_key("07"), None);
        assert_eq!(public_key(&"0g".repeat(32)), None);
    }
}
