//! The records of a trail, one after the other, for people and programs. Says nothing of whether they are true: that is
//! [`super::verify`].

use super::event::{Event, Kind};
use super::segment::{Frame, Header, Segment};
use std::sync::Arc;

/// One record and where it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Whose segment it is in.
    pub header: Arc<Header>,
    /// Its number in the segment, from 0.
    pub number: u64,
    /// What it says.
    pub event: Event,
}

/// The records of one segment, up to the first byte that is none.
pub fn entries(bytes: &[u8]) -> Vec<Entry> {
    let Ok(segment) = Segment::open(bytes) else { return Vec::new() };
    let header = Arc::new(segment.header.clone());
    let records = segment.map_while(Result::ok).filter_map(|frame| match frame {
        Frame::Record { record, .. } => Some(record),
        Frame::Checkpoint { .. } => None,
    });
    let entry =
        |(number, record)| Some(Entry { header: Arc::clone(&header), number, event: Event::decode(record)? });
    (0..).zip(records).filter_map(entry).collect()
}

/// How an operation ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// It was done.
    Done,
    /// The law said no.
    Denied,
    /// It failed.
    Failed,
}

impl Event {
    /// How it ended.
    pub const fn ending(&self) -> Ending {
        match (self.reason, self.result) {
            (0, 0) => Ending::Done,
            (0, _) => Ending::Failed,
            _ => Ending::Denied,
        }
    }
}

/// Which records are asked for. What is empty asks for all.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Filter {
    /// Label or unique id of the object, or of the second one.
    pub key: Option<String>,
    /// Who was logged in.
    pub user: Option<String>,
    /// What was asked.
    pub operation: Option<String>,
    /// What it is about.
    pub kind: Option<Kind>,
    /// How it ended.
    pub ending: Option<Ending>,
    /// Not before this moment, in seconds since 1970 UTC.
    pub since: Option<u64>,
    /// Before this moment, in seconds since 1970 UTC.
    pub until: Option<u64>,
    /// The process.
    pub process: Option<u32>,
}

impl Filter {
    /// Whether the record is asked for.
    pub fn takes(&self, entry: &Entry) -> bool {
        let event = &entry.event;
        let is = |asked: &Option<String>, there: &str| asked.as_ref().is_none_or(|asked| asked == there);
        let seconds = |nanos: u64| nanos / 1_000_000_000;
        let of_key = |key: &String| {
            let named = |uid: &[u8; 16]| {
                *uid != [0; 16] && crate::store::Uid::parse(key).is_some_and(|asked| asked.0 == *uid)
            };
            event.label == *key || named(&event.object) || named(&event.other)
        };
        self.key.as_ref().is_none_or(of_key)
            && is(&self.user, &event.user)
            && is(&self.operation, &event.operation)
            && self.kind.is_none_or(|kind| kind == event.kind)
            && self.ending.is_none_or(|ending| ending == event.ending())
            && self.since.is_none_or(|since| seconds(event.at.max(event.until)) >= since)
            && self.until.is_none_or(|until| seconds(event.at) < until)
            && self.process.is_none_or(|process| process == entry.header.process)
    }
}

impl Kind {
    /// The kind of a word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filter_takes_what_it_asks_for_and_nothing_else() {
        let header = Header {
            segment: [1; 16],
            serial: String::new(),
            at: 0,
            process: 7,
            uid: 0,
            executable: String::new(),
            host: String::new(),
        };
        let event = Event {
            label: "web".into(),
            object: [7; 16],
            user: "user".into(),
            result: 0x68,
            reason: 0x101,
            ..Event::new(Kind::Decision, "sign", 10_500_000_000)
        };
        let entry = Entry { header: Arc::new(header), number: 0, event };
        let text = |text: &str| Some(text.to_owned());
        let uid = crate::store::Uid([7; 16]).to_string();
        let all = Filter::default();
        assert!(all.takes(&entry));
        for takes in [
            Filter { key: text("web"), user: text("user"), operation: text("sign"), ..all.clone() },
            Filter { key: Some(uid), kind: Kind::parse("decision"), process: Some(7), ..all.clone() },
            Filter { ending: Some(Ending::Denied), since: Some(10), until: Some(11), ..all.clone() },
        ] {
            assert!(takes.takes(&entry), "{takes:?}");
        }
        for refuses in [
            Filter { key: text("db"), ..all.clone() },
            Filter { user: text("so"), ..all.clone() },
            Filter { operation: text("verify"), ..all.clone() },
            Filter { kind: Some(Kind::Login), ..all.clone() },
            Filter { ending: Some(Ending::Done), ..all.clone() },
            Filter { since: Some(11), ..all.clone() },
            Filter { until: Some(10), ..all.clone() },
            Filter { process: Some(8), ..all },
        ] {
            assert!(!refuses.takes(&entry), "{refuses:?}");
        }
    }
}
